// The recursions of the quick way, which meet in the middle: alpha goes through the first half of the frames
// while beta goes through the second; where they meet, their products are the total.  For posteriors each
// then goes on through what the other has left there.
//
// A thread has K pairs (blank n, label n), Threads apart, in registers; what neighbours ask for passes
// through shared memory, with one barrier a frame.  Logits are asked for `ahead` frames before, and become
// emissions as many at a time.
#pragma once
#include "ufloss/cuda/lattice/cells.hpp"

UFL_BEGIN
namespace gpu {

/// Cells of a frame as the other direction finds them: of floats a float and an exponent.  Posteriors take
/// their places.
template <class G> struct kept_cells {
  static constexpr bool narrow_cells = sizeof(G) == 4;
  unsigned long long* row;
  long long width;
  UFL_DEVICE void put(long long n, int which, quick_cell c) const {
    if constexpr (narrow_cells)
      row[which * width + n] = to_bits(float(c.m)) | (unsigned long long)(uint32(c.e)) << 32;
    else {
      row[which * width + n] = to_bits(c.m);
      row[(2 + which) * width + n] = uint32(c.e);
    }
  }
  UFL_DEVICE quick_cell get(long long n, int which) const {
    const unsigned long long word = row[which * width + n];
    if constexpr (narrow_cells) return {double(from_bits(uint32(word))), int(uint32(word >> 32))};
    else return {from_bits(uint64(word)), int(uint32(row[(2 + which) * width + n]))};
  }
  UFL_DEVICE void put_chance(long long n, int which, G x) const { row[which * width + n] = to_bits(x); }
};
template <class G> UFL_DEVICE kept_cells<G> kept_of(const lattice_arguments& a, unsigned b, long long v) {
  const long long width = a.labels + 1;
  return {at<unsigned long long>(a.kept) + (b * a.frames + v) * lattice_kept_rows * width, width};
}

/// Cells that pass between threads, twice: those of this frame and those of the next.
struct shared_cells {
  double* m;
  int* e;
  unsigned room;  ///< pairs, and one place beside them at both ends
  UFL_DEVICE shared_cells(unsigned pairs) : m(shared_memory<double>()), room(pairs + 2) {
    e = reinterpret_cast<int*>(m + 4 * room);
  }
  UFL_DEVICE unsigned at_place(int turn, int which, long long n) const {
    return unsigned(2 * turn + which) * room + unsigned(n + 1);
  }
  UFL_DEVICE quick_cell get(int turn, int which, long long n) const {
    const unsigned i = at_place(turn, which, n);
    return {m[i], e[i]};
  }
  UFL_DEVICE void put(int turn, int which, long long n, quick_cell c) const {
    const unsigned i = at_place(turn, which, n);
    m[i] = c.m;
    e[i] = c.e;
  }
};

/// What the recursions are in when they meet, for the launch after.
struct met_cells {
  double* m;
  long long* e;
  long long width;
  UFL_DEVICE met_cells(const lattice_arguments& a, unsigned b, int direction) : width(a.labels + 3) {
    m = piece_of<double>(a.states, b, lattice_state_rows * width) + 4 * direction * width;
    e = reinterpret_cast<long long*>(m + 2 * width);
  }
  UFL_DEVICE void put(long long n, pair_of<quick_cell> p) const {
    m[n] = p.blank.m;
    e[n] = p.blank.e;
    m[width + n] = p.label.m;
    e[width + n] = p.label.e;
  }
  UFL_DEVICE pair_of<quick_cell> get(long long n) const {
    return {{m[n], int(e[n])}, {m[width + n], int(e[width + n])}};
  }
};

enum class lattice_half { first, second };

template <class S, bool LogProbs, int K, bool Rows, lattice_half Half> struct lattice_recursion {
  using arguments = lattice_arguments;
  using T = compute_t<S>;
  using E = typename emission_type<S, LogProbs>::type;
  using pair = pair_of<quick_cell>;
  static constexpr int ahead = K == 1 ? 4 : K == 2 ? 2 : 1;
  static constexpr bool meets = Half == lattice_half::second && Rows;

  const arguments& a;
  const unsigned b;
  const lattice_record r;
  const bool back;
  const shared_cells passed;
  const int* order;
  address logits, of_class[K], blank_class;
  bool skip[K];
  pair own[K];
  bool odd = false;
  T share = 0;   ///< of posteriors: one over the total's mantissa,
  int down = 0;  ///< and its exponent

  UFL_DEVICE lattice_recursion(const arguments& args)
      : a(args),
        b(block()),
        r(record_of(args, block())),
        back(block_y() != 0),
        passed(threads() * K),
        order(args.operand[of_mask] ? piece_of<const int>(args.order, b, args.frames) : nullptr) {
    const int* const label = piece_of<const int>(a.classes_of, b, a.labels);
    logits = address_of(a, of_logits, b);
    blank_class = r.blank * a.logits_class;
    UFL_UNROLL for (int k = 0; k < K; ++k) {
      const long long n = place(k);
      of_class[k] = (n < r.labels ? label[n] : r.blank) * a.logits_class;
      if (back) skip[k] = n + 1 < r.labels && label[n] != label[n + 1];
      else skip[k] = n > 0 && n < r.labels && label[n] != label[n - 1];
    }
  }
  UFL_DEVICE long long place(int k) const { return thread() + k * (long long)threads(); }
  UFL_DEVICE bool is_pair(int k) const { return place(k) <= r.labels; }
  /// As many frames come before the middle.
  UFL_DEVICE long long middle() const { return r.frames / 2; }
  UFL_DEVICE void wait() const {
    if (threads() == warp_threads) sync_warp();
    else sync_block();
  }

  // --- frames by their turns -----
  UFL_DEVICE long long frame_of_turn(long long u) const {
    const long long v = back ? r.frames - 1 - u : u;
    return v < 0 ? 0 : v < r.frames ? v : r.frames - 1;
  }
  long long where[ahead];  ///< the frames that are asked for next
  S raw_blank[ahead], raw[ahead][K];
  double top[ahead];
  pair kept[meets ? ahead : 1][K];
  UFL_DEVICE void find(long long u) {
    UFL_UNROLL for (int d = 0; d < ahead; ++d) {
      const long long v = frame_of_turn(u + d);
      where[d] = order ? order[v] : v;
    }
  }
  UFL_DEVICE void ask() {
    UFL_UNROLL for (int d = 0; d < ahead; ++d) {
      const address row = logits + where[d] * a.logits_frame;
      if constexpr (!LogProbs) top[d] = piece_of<const double>(a.tops, b, a.frames)[where[d]];
      raw_blank[d] = *at<const S>(row + blank_class);
      UFL_UNROLL for (int k = 0; k < K; ++k) raw[d][k] = *at<const S>(row + of_class[k]);
    }
  }
  UFL_DEVICE void ask_kept(int d, long long u) {
    const auto row = kept_of<T>(a, b, frame_of_turn(u));
    UFL_UNROLL for (int k = 0; k < K; ++k) if (is_pair(k))
        kept[d][k] = {row.get(place(k), 0), row.get(place(k), 1)};
  }

  // --- steps -----
  UFL_DEVICE void show(int turn) const {
    UFL_UNROLL for (int k = 0; k < K; ++k) {
      if (back) passed.put(turn, 0, place(k), own[k].blank);
      passed.put(turn, 1, place(k), own[k].label);
    }
  }
  /// Turns [u0, u1), of which each has a number of its own, up to quick_frames.
  UFL_DEVICE void go(long long u0, long long u1) {
    const int ends = back ? int(threads()) * K : -1;  // the place beside all pairs that is asked for
    if (thread() == 0)
      for (int turn = 0; turn < 2; ++turn)
        for (int which = 0; which < 2; ++which) passed.put(turn, which, ends, no_quick_cell());
    show(0);
    wait();
    if (u0 >= u1) return;
    find(u0);
    ask();
    find(u0 + ahead);
    if constexpr (meets) UFL_UNROLL for (int d = 0; d < ahead; ++d) ask_kept(d, u0 + d);
    int turn = 0;
    UFL_ROLLED
    for (long long u = u0; u < u1; u += ahead) {
      quick_cell of_blank[ahead], of_label[ahead][K];
      UFL_UNROLL for (int d = 0; d < ahead; ++d) {
        const auto scale = LogProbs ? scale_of_log_probs<E>() : scale_of<E>(top[d]);
        of_blank[d] = emission_of(E(storage<S>::get(raw_blank[d])), scale, odd);
        UFL_UNROLL for (int k = 0; k < K; ++k) {
          const quick_cell y = emission_of(E(storage<S>::get(raw[d][k])), scale, odd);
          of_label[d][k] = place(k) < r.labels ? y : quick_cell{1, quick_no_emission};
        }
      }
      if (u + ahead < u1) {
        ask();
        find(u + 2 * ahead);
      }
      UFL_UNROLL for (int d = 0; d < ahead; ++d) if (u + d < u1) {
        step(frame_of_turn(u + d), turn, of_blank[d], of_label[d], kept[meets ? d : 0]);
        if constexpr (meets) ask_kept(d, u + d + ahead < u1 ? u + d + ahead : u1 - 1);
        turn ^= 1;
        show(turn);
        wait();
      }
    }
  }
  UFL_DEVICE void step(long long v, int turn, quick_cell of_blank, const quick_cell (&of_label)[K],
                       const pair (&of_other)[K]) {
    const bool tidy = v % steps_between_normal == 0;
    const auto row = kept_of<T>(a, b, v);
    UFL_UNROLL for (int k = 0; k < K; ++k) {
      const long long n = place(k);
      const pair emission = {of_blank, of_label[k]};
      if (!back) {
        own[k] = emitted(step_forward(own[k], passed.get(turn, 1, n - 1), skip[k]), emission, tidy);
        put(row, k, own[k], of_other[k]);
      } else {
        const pair after = {passed.get(turn, 0, n + 1), passed.get(turn, 1, n + 1)};
        const pair u = step_backward(own[k], after, skip[k]);
        put(row, k, u, of_other[k]);
        own[k] = emitted(u, emission, tidy);
      }
    }
  }
  /// Of a frame of the first half what the other direction will ask for; of the second the posteriors.
  UFL_DEVICE void put(kept_cells<T> row, int k, pair mine, pair of_other) const {
    const long long n = place(k);
    if (!Rows || !is_pair(k)) return;
    if constexpr (meets) {
      row.put_chance(n, 0, chance_of<T>(of_other.blank, mine.blank, share, down));
      row.put_chance(n, 1, chance_of<T>(of_other.label, mine.label, share, down));
    } else {
      row.put(n, 0, mine.blank);
      row.put(n, 1, mine.label);
    }
  }

  // --- the first half -----
  UFL_DEVICE void start() {
    UFL_UNROLL for (int k = 0; k < K; ++k) {
      own[k] = {no_quick_cell(), no_quick_cell()};
      if (place(k) == (back ? r.labels : 0)) own[k].blank = {1, 0};
    }
  }
  UFL_DEVICE void run_first() {
    start();
    if (r.frames <= quick_frames) go(0, back ? r.frames - middle() : middle());
    else odd = true;
    const met_cells met(a, b, back);
    UFL_UNROLL for (int k = 0; k < K; ++k) if (is_pair(k)) met.put(place(k), own[k]);
    sync_block();
    const int sum = sum_of_block(int(odd), shared_memory<int>());
    if (thread() == 0) record_of(a, b).odd[back] = sum != 0;
  }

  // --- the second -----
  /// All ways: what alpha is in after the frame before the middle, times u of that frame.
  UFL_DEVICE quick_cell total() const {
    const met_cells alpha(a, b, 0), beta(a, b, 1);
    const int* const label = piece_of<const int>(a.classes_of, b, a.labels);
    quick_cell sum = no_quick_cell();
    UFL_UNROLL for (int k = 0; k < K; ++k) {
      if (!is_pair(k)) continue;
      const long long n = place(k);
      pair after = {no_quick_cell(), no_quick_cell()};
      if (n < r.labels) after = beta.get(n + 1);
      const bool may_skip = n + 1 < r.labels && label[n] != label[n + 1];
      const pair u = step_backward(beta.get(n), after, may_skip), here = alpha.get(n);
      sum = add(sum, add(times(here.blank, u.blank), times(here.label, u.label)));
    }
    UFL_UNROLL for (int distance = warp_threads / 2; distance; distance /= 2) {
      const double m = exchange_xor(sum.m, distance);
      sum = add(sum, {m, exchange_xor(sum.e, distance)});
    }
    return of_all_warps(sum, shared_memory<quick_cell>(),
                        [](quick_cell p, quick_cell q) { return add(p, q); });
  }
  UFL_DEVICE void run_second() {
    if (r.odd[0] || r.odd[1]) return;
    const quick_cell all = normal(total());
    const double logs = LogProbs ? 0 : log_of_sums(a, b, r.frames);
    const double loss = loss_of(widened(all), logs, LogProbs);
    if (thread() == 0 && !back) {
      record_of(a, b).loss = loss;
      put_value<S>(a, b, loss);
    }
    if constexpr (meets) {
      if (!(loss < UFL_INF)) return;
      share = T(1 / all.m);
      down = all.e;
      const met_cells met(a, b, back);
      UFL_UNROLL for (int k = 0; k < K; ++k) own[k] =
          is_pair(k) ? met.get(place(k)) : pair{no_quick_cell(), no_quick_cell()};
      go(back ? r.frames - middle() : middle(), r.frames);
    }
  }
};

/// Half: the first, or the second, which without Rows is the loss alone.
template <class S, bool LogProbs, int K, bool Rows, bool Second> struct lattice_half_kernel {
  using arguments = lattice_arguments;
  static UFL_DEVICE void run(const arguments& a) {
    if (record_of(a, block()).state != lattice_runs) return;
    constexpr lattice_half half = Second ? lattice_half::second : lattice_half::first;
    lattice_recursion<S, LogProbs, K, Rows, half> recursion(a);
    if constexpr (Second) recursion.run_second();
    else recursion.run_first();
  }
};

}  // namespace gpu
UFL_END
