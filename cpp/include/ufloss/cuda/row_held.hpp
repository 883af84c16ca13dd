// Rows of logits that threads hold in registers: one read, one write, 16 bytes at a time.
//
// For rows without a mask whose elements lie side by side, whole bunches from 16 bytes on.  A thread holds
// neighbouring virtual lanes, as many as 16 bytes are; a party of threads holds all of them, and eight chunks
// of the row, which is what the CPU adds up in the data's own type.  What each party has added passes through
// shared memory to a thread for each virtual lane, which adds in the CPU's order.
#pragma once
#include "ufloss/cuda/row_softmax.hpp"

UFL_BEGIN
namespace gpu {

/// A part of a row, or Q / Parties rows, in the registers of a warp: Parties share a row, Rounds times.
template <class O, int Parties, int Rounds> struct held_rows {
  using F = softmax_form<O>;
  using L = typename O::loss;
  using T = typename O::T;
  using S = typename O::stored_type;
  using arguments = typename O::arguments;
  using row = typename O::row;
  using beside = typename O::beside;
  using part = typename F::part;
  using sums = typename F::sums;
  static constexpr int width = F::width, chunks = F::few;
  static constexpr int E = 16 / int(sizeof(S)), in_party = width / E, parties = warp_threads / in_party;
  static constexpr int rows = parties / Parties;                  ///< of a warp
  static constexpr int most = Parties * Rounds * chunks * width;  ///< elements of a row
  static constexpr int room_of_warp = warp_threads * E * Rounds;  ///< numbers of shared memory
  static_assert(Parties <= parties && !O::is_masked, "a plan sees to that");
  using pack = bunch<S, E>;
  struct alignas(16) side {
    T v[16 / sizeof(T)];
  };

  pack held[Rounds][chunks];  ///< as they are stored, which takes fewer registers than what is computed
  T m;                        ///< the largest
  reference<T> ref;           ///< of it
  int lane, group, party, row_of_warp;

  UFL_DEVICE explicit held_rows(int in_warp)
      : lane(in_warp),
        group(in_warp % in_party),
        party(in_warp / in_party % Parties),
        row_of_warp(in_warp / in_party / Parties) {}
  /// The thread that speaks for its row.
  UFL_DEVICE bool is_first() const { return lane % (in_party * Parties) == 0; }
  UFL_DEVICE int chunk(int round, int j) const { return (round * Parties + party) * chunks + j; }
  UFL_DEVICE int place(int round, int j) const { return chunk(round, j) * width + group * E; }

  template <class Visit> UFL_DEVICE void each_bunch(Visit visit) const {
    UFL_UNROLL for (int r = 0; r < Rounds; ++r) UFL_UNROLL for (int j = 0; j < chunks; ++j) visit(r, j);
  }
  static UFL_DEVICE const pack* place_of(const row& w, int operand, long long element) {
    return at<const pack>(w.at[operand] + element * (long long)sizeof(S));
  }
  /// Elements [from, from + n), all of them asked for at once.
  UFL_DEVICE void load(const row& w, long long from, int n) {
    const int last = n - E;
    each_bunch([&](int r, int j) {
      const int i = place(r, j);
      held[r][j] = load_once(place_of(w, 0, from + (i < last ? i : last)));
    });
    if (n == most) return;
    const S none = storage<S>::put(compute_t<S>(neg(inf<T>())));
    each_bunch([&](int r, int j) {
      if (place(r, j) > last) UFL_UNROLL for (int e = 0; e < E; ++e) held[r][j].v[e] = none;
    });
  }
  UFL_DEVICE T x(int r, int j, int e) const { return T(storage<S>::get(held[r][j].v[e])); }
  /// What else lies along the row, beside held[r][j].
  struct others {
    pack of[O::lying];
  };
  UFL_DEVICE others load_others(const row& w, long long from, int n, int r, int j) const {
    others y;
    const int i = place(r, j) < n ? place(r, j) : n - E;
    UFL_UNROLL for (int k = 1; k < O::lying; ++k) y.of[k] = *place_of(w, k, from + i);
    return y;
  }
  UFL_DEVICE void elements(int r, int j, int e, const others& y, bool here, T* to) const {
    to[0] = x(r, j, e);
    UFL_UNROLL for (int k = 1; k < O::lying; ++k) to[k] = here ? T(storage<S>::get(y.of[k].v[e])) : T(0);
  }

  /// The sum of what each party has added for each virtual lane; all threads of a row get it.
  UFL_DEVICE double sum(const T (&added)[Rounds][E], T* room) const {
    constexpr int numbers = 16 / int(sizeof(T));
    UFL_UNROLL for (int r = 0; r < Rounds; ++r) {
      T* const to = room + ((row_of_warp * Rounds + r) * Parties + party) * width + group * E;
      UFL_UNROLL for (int e = 0; e < E; e += numbers) {
        side v;
        UFL_UNROLL for (int i = 0; i < numbers; ++i) v.v[i] = added[r][e + i];
        *reinterpret_cast<side*>(to + e) = v;
      }
    }
    sync_warp();
    double mine = 0;
    UFL_UNROLL for (int which = 0; which < rows; ++which) {
      lane_sum<T> of_row;
      UFL_UNROLL for (int f = 0; f < Rounds * Parties; ++f)
          of_row.add(room[(which * Rounds * Parties + f) * width + lane % width]);
      const double all = of_row.template sum<typename F::lanes_of_row>();
      mine = which == row_of_warp ? all : mine;
    }
    sync_warp();
    return mine;
  }
  template <class N> static UFL_DEVICE N over_row(N y) {
    UFL_UNROLL for (int distance = in_party * Parties / 2; distance; distance /= 2) y =
        y + exchange_xor(y, distance);
    return y;
  }
  /// The totals of elements [from, from + n), which are held, in all threads of their row; of no elements,
  /// something.  `weigh`: the same in the whole warp.
  UFL_DEVICE part fold(const row& w, long long from, int n, bool weigh, T* room) {
    m = neg(inf<T>());
    each_bunch([&](int r, int j) {
      UFL_UNROLL for (int e = 0; e < E; ++e) m = F::lanes_of_row::larger(m, x(r, j, e));
    });
    UFL_UNROLL for (int distance = in_party * Parties / 2; distance; distance /= 2) m =
        F::lanes_of_row::larger(m, exchange_xor(m, distance));
    ref = reference_of(m);

    T all[softmax_sums] = {m, ref.c, ref.k, term(m, ref)};
    if (F::weighted && weigh) fold_weights(w, from, n, room, all);
    T rest[Rounds][E], ties = 0;
    each_round([&](int r) { UFL_UNROLL for (int e = 0; e < E; ++e) rest[r][e] = T(0); });
    each_bunch([&](int r, int j) {
      if (chunk(r, j) * width >= n) return;
      UFL_UNROLL for (int e = 0; e < E; ++e) {
        const T y = x(r, j, e);
        add_term(y, term(y, ref), m, rest[r][e], ties);
      }
    });
    all[at_rest] = T(sum(rest, room));
    all[at_ties] = over_row(ties);
    part p;
    UFL_UNROLL for (int s = 0; s < totals_of<F::weighted>; ++s) p.total[s] = total_of_block(s, all[s]);
    return p;
  }
  template <class Visit> static UFL_DEVICE void each_round(Visit visit) {
    UFL_UNROLL for (int r = 0; r < Rounds; ++r) visit(r);
  }
  UFL_DEVICE void fold_weights(const row& w, long long from, int n, T* room, T* all) const {
    T some[sums::count][Rounds][E];
    UFL_UNROLL for (int s = 0; s < sums::count; ++s)
        each_round([&](int r) { UFL_UNROLL for (int e = 0; e < E; ++e) some[s][r][e] = T(0); });
    const T base = base_of(m);
    each_bunch([&](int r, int j) {
      if (chunk(r, j) * width >= n) return;
      const others y = load_others(w, from, n, r, j);
      UFL_UNROLL for (int e = 0; e < E; ++e) {
        T z[O::lying];
        elements(r, j, e, y, place(r, j) < n, z);
        add_weight<L::mixed, L::entropy, true>(
            z[0], F::weight(z), base, m, [&] { return term(z[0], ref); },
            [&](int s) { return &some[s][r][e]; });
      }
    });
    all[at_lower] = T(sum(some[sums::lower], room));
    all[at_top] = T(sum(some[sums::top], room));
    all[at_cost] = T(sum(some[sums::cost], room));
    if constexpr (L::entropy) all[at_entropy] = T(sum(some[sums::entropy], room));
    if constexpr (L::mixed) all[at_mixed] = T(sum(some[sums::mixed], room));
  }
  /// Results of the elements that are held.
  UFL_DEVICE void spread(const row& w, long long from, int n, const beside& b, const typename F::finished& f,
                         T scale) const {
    softmax_spread<L, T> of_row = f.all;
    of_row.scale = scale;
    const int label = b.label < from || b.label >= from + n ? -1 : int(b.label - from);
    each_bunch([&](int r, int j) {
      const int i = place(r, j);
      if (i >= n) return;
      const others y = load_others(w, from, n, r, j);
      pack to[O::results ? O::results : 1];
      UFL_UNROLL for (int e = 0; e < E; ++e) {
        T z[O::lying], d[O::results ? O::results : 1];
        elements(r, j, e, y, true, z);
        F::derivatives(z, term(z[0], ref), of_row, d);
        each_index<O::results>([&](auto k) {
          constexpr int which = decltype(k)::value;
          to[which].v[e] =
              O::stored(O::template result<which>(d[which], true, L::labelled && i + e == label, b, f));
        });
      }
      UFL_UNROLL for (int k = 0; k < O::results; ++k)
          store_once(const_cast<pack*>(place_of(w, O::first_result + k, from + i)), to[k]);
    });
  }
  static UFL_DEVICE bool wants_weights(const arguments& a, const row& w) {
    if constexpr (F::weighted && L::uniform) return O::number(a, w, O::first_scalar, 0) != T(0);
    else return F::weighted;
  }
};

/// Rows of one block: a warp holds one or a few, and the threads of the block finish a row each.  Where
/// nothing is spread, each warp comes Times times before that.
template <class O, int Parties, int Rounds> struct rows_in_warps {
  using H = held_rows<O, Parties, Rounds>;
  using F = typename H::F;
  using T = typename O::T;
  using arguments = typename O::arguments;
  static constexpr int warps = 8, at_once = warps * H::rows;
  static constexpr int times = O::results || at_once >= 32 ? 1 : 32 / at_once, together = at_once * times;
  struct slot {
    typename F::part part;
    typename O::beside beside;
    typename F::finished finished;
  };
  struct memory {
    slot slots[together];
    alignas(16) T room[warps][H::room_of_warp];
  };
  static_assert(sizeof(memory) <= row_held_memory, "the plan knows no better");

  static UFL_DEVICE void run(const arguments& a) {
    memory& m = *shared_memory<memory>();
    const int warp = int(thread()) / warp_threads, n = int(a.n);
    const unsigned rows = unsigned(a.rows);
    H held(int(thread()) % warp_threads);
    UFL_ROLLED
    for (unsigned base = block() * together; base < rows; base += blocks() * together) {
      int mine = 0;
      typename O::row w;
      UFL_ROLLED
      for (int time = 0; time < times; ++time) {
        mine = (time * warps + warp) * H::rows + held.row_of_warp;
        w = O::row_of(a, base + unsigned(mine) < rows ? base + unsigned(mine) : rows - 1);
        held.load(w, 0, n);
        sync_warp();  // all of it are done with what the slot holds
        if (held.is_first()) m.slots[mine].beside = O::beside_and_label(a, w, double(n));
        const auto p = held.fold(w, 0, n, any_of_warp(H::wants_weights(a, w)), m.room[warp]);
        if (held.is_first()) m.slots[mine].part = p;
      }
      sync_block();
      const unsigned i = thread();
      if (i < unsigned(together) && base + i < rows) {
        slot& s = m.slots[i];
        s.finished = F::finish(F::begin(s.part), s.beside);
        O::put_value(O::row_of(a, base + i), s.finished.value, s.beside);
      }
      sync_block();
      if constexpr (O::results > 0)
        if (base + unsigned(mine) < rows) {
          const slot& s = m.slots[mine];
          held.spread(w, 0, n, s.beside, s.finished, s.finished.all.scale);
        }
    }
  }
};

/// Rows of up to Warps * Blocks blocks, each held by a warp of a cluster, which merges their totals in pairs,
/// pairs of pairs and so on: first those of a thread block, then those of its thread blocks.
template <class O, int Warps, int Blocks> struct rows_in_clusters {
  static constexpr int parties_of_warp = held_rows<O, 1, 1>::parties;
  static constexpr int parties = parties_of_warp < 8 ? parties_of_warp : 8;
  using H = held_rows<O, parties, 8 / parties>;
  using F = typename H::F;
  using T = typename O::T;
  using K = cluster<Blocks>;
  using part = typename F::part;
  using arguments = typename O::arguments;
  static_assert(H::most == F::block_length && H::rows == 1, "a warp holds a block");
  struct memory {
    part parts[Warps > Blocks ? Warps : Blocks];
    part whole[2];  ///< of the thread block, of this row and of the one before, which may be read still
    typename O::beside beside;
    typename F::finished finished;
    alignas(16) T room[Warps][H::room_of_warp];
  };
  static_assert(sizeof(memory) <= row_held_memory, "the plan knows no better");

  /// By the first warp.
  static UFL_DEVICE void merge_all(part* parts, int count) {
    const int me = int(thread());
    for (int apart = 1; apart < count; apart *= 2) {
      const int i = me * 2 * apart;
      if (i + apart < count) F::merge_parts(parts[i], parts[i + apart]);
      sync_warp();
    }
  }
  static UFL_DEVICE int up_to(int x, int most) { return x < 0 ? 0 : x < most ? x : most; }

  static UFL_DEVICE void run(const arguments& a) {
    memory& m = *shared_memory<memory>();
    const int warp = int(thread()) / warp_threads, rank = int(K::rank());
    const int n_of_row = int(a.n), blocks_of_row = (n_of_row + F::block_length - 1) / F::block_length;
    const int from = (rank * Warps + warp) * F::block_length, n = up_to(n_of_row - from, F::block_length);
    const int parts = up_to(blocks_of_row - rank * Warps, Warps);
    const int ranks = (blocks_of_row + Warps - 1) / Warps;
    H held(int(thread()) % warp_threads);
    int side = 0;
    UFL_ROLLED
    for (unsigned r = K::number(); r < unsigned(a.rows); r += K::count(), side ^= 1) {
      const auto w = O::row_of(a, r);
      if (n > 0) {
        held.load(w, from, n);
        if (thread() == 0) m.beside = O::beside_and_label(a, w, double(n_of_row));
        const part p = held.fold(w, from, n, H::wants_weights(a, w), m.room[warp]);
        if (held.is_first()) m.parts[warp] = p;
      } else if (thread() == 0) m.beside = O::beside_and_label(a, w, double(n_of_row));
      sync_block();
      if (warp == 0) {
        merge_all(m.parts, parts);
        if (Blocks > 1 && thread() == 0 && parts > 0) m.whole[side] = m.parts[0];
      }
      if constexpr (Blocks > 1) {
        K::sync();
        if (warp == 0) {
          if (int(thread()) < ranks) m.parts[thread()] = *K::of(&m.whole[side], thread());
          sync_warp();
          merge_all(m.parts, ranks);
        }
      }
      if (thread() == 0) {
        m.finished = F::finish(F::begin(m.parts[0]), m.beside);
        if (rank == 0) O::put_value(w, m.finished.value, m.beside);
      }
      sync_block();
      if constexpr (O::results > 0)
        if (n > 0) {
          const auto& f = m.finished;
          held.spread(w, from, n, m.beside, f, scale_of_block(f.share, held.ref, f.c, f.k));
        }
      if constexpr (O::results > 0) sync_block();
    }
    if (Blocks > 1) K::sync();  // nobody leaves while its totals may be read
  }
};

}  // namespace gpu
UFL_END
