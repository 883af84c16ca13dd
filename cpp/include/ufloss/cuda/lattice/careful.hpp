// The recursions for any numbers and any label, by one block: exponents are doubles, as in
// kinds/lattice/exact.hpp, and states lie in the workspace.  For sequences whose numbers are odd, and for
// labels that are too long for the quick way.
#pragma once
#include "ufloss/cuda/lattice/cells.hpp"

UFL_BEGIN
namespace gpu {

/// Rows of cells: mantissas and exponents of blanks and labels, with a place beside the pairs at both ends.
struct careful_cells {
  double* blank_m;
  long long width;
  UFL_DEVICE pair_of<cell<double>> get(long long n) const {
    const double* const p = blank_m + (n + 1);
    return {{p[0], p[width]}, {p[2 * width], p[3 * width]}};
  }
  UFL_DEVICE void put(long long n, pair_of<cell<double>> c) const {
    double* const p = blank_m + (n + 1);
    p[0] = c.blank.m;
    p[width] = c.blank.e;
    p[2 * width] = c.label.m;
    p[3 * width] = c.label.e;
  }
};

template <class S, bool LogProbs, bool Rows> struct lattice_careful {
  using arguments = lattice_arguments;
  using T = compute_t<S>;
  using E = typename emission_type<S, LogProbs>::type;
  using pair = pair_of<cell<double>>;

  const arguments& a;
  const unsigned b;
  const lattice_record r;
  const int *label, *order;
  address logits;
  bool far = false, bad = false;
  UFL_DEVICE lattice_careful(const arguments& args)
      : a(args),
        b(block()),
        r(record_of(args, block())),
        label(piece_of<const int>(args.classes_of, b, args.labels)),
        order(args.operand[of_mask] ? piece_of<const int>(args.order, b, args.frames) : nullptr),
        logits(address_of(args, of_logits, b)) {}

  UFL_DEVICE careful_cells state(long long turn) const {
    const long long width = a.labels + 3;
    return {piece_of<double>(a.states, b, lattice_state_rows * width) + (turn & 1) * 4 * width, width};
  }
  /// Of a frame that takes part; blank m, label m and their exponents, or posteriors in the first two.
  UFL_DEVICE double* kept(long long v) const {
    return at<double>(a.kept) + (b * a.frames + v) * lattice_kept_rows * (a.labels + 1);
  }
  static UFL_DEVICE pair nothing_here() { return {zero_cell<double>(), zero_cell<double>()}; }
  UFL_DEVICE bool may_skip(long long n) const {  ///< the blank before label n
    return n > 0 && n < r.labels && label[n] != label[n - 1];
  }

  // --- emissions -----
  struct frame {
    address row;
    frame_scale<E> scale;
    double top, top_m;
  };
  UFL_DEVICE frame frame_of(long long v) const {
    const long long t = order ? order[v] : v;
    const address row = logits + t * a.logits_frame;
    if constexpr (LogProbs) return {row, scale_of_log_probs<E>(), 0, 1};
    else {
      const double top = piece_of<const double>(a.tops, b, a.frames)[t];
      const auto scale = scale_of<E>(top);
      return {row, scale, top, mantissa_of_top(scale, top)};
    }
  }
  UFL_DEVICE cell<double> emission(const frame& f, long long k, bool ranked) {
    const E x = E(storage<S>::get(*at<const S>(f.row + k * a.logits_class)));
    return careful_emission(x, f.scale, f.top, f.top_m, ranked, far, bad);
  }
  UFL_DEVICE cell<double> label_emission(const frame& f, long long n, bool ranked) {
    return n < r.labels ? emission(f, label[n], ranked) : zero_cell<double>();
  }

  // --- recursions -----
  UFL_DEVICE void start(long long at_pair) const {
    for (long long n = -1 + (long long)thread(); n <= r.labels + 1; n += threads()) {
      state(0).put(n, nothing_here());
      state(1).put(n, nothing_here());
      if (n == at_pair) state(0).put(n, {{1, 0}, zero_cell<double>()});
    }
    sync_block();
  }
  UFL_DEVICE cell<double> forward(bool ranked, bool keep) {
    const long long width = a.labels + 1;
    start(0);
    for (long long v = 0; v < r.frames; ++v) {
      const careful_cells from = state(v), to = state(v + 1);
      const frame f = frame_of(v);
      const cell<double> of_blank = emission(f, r.blank, ranked);
      for (long long n = thread(); n <= r.labels; n += threads()) {
        const pair stepped = step_forward(from.get(n), from.get(n - 1).label, may_skip(n));
        const pair now =
            emitted(stepped, {of_blank, label_emission(f, n, ranked)}, v % steps_between_normal == 0);
        to.put(n, now);
        if (!keep) continue;
        double* const row = kept(v) + n;
        row[0] = now.blank.m;
        row[width] = now.label.m;
        row[2 * width] = now.blank.e;
        row[3 * width] = now.label.e;
      }
      sync_block();
    }
    const careful_cells last = state(r.frames);
    const cell<double> total = normal(add(last.get(r.labels).blank, last.get(r.labels - 1).label));
    sync_block();
    return total;
  }
  UFL_DEVICE void backward(cell<double> total) {
    const long long width = a.labels + 1;
    start(r.labels);
    for (long long u = 0; u < r.frames; ++u) {
      const long long v = r.frames - 1 - u;
      const careful_cells from = state(u), to = state(u + 1);
      const frame f = frame_of(v);
      const cell<double> of_blank = emission(f, r.blank, true);
      for (long long n = thread(); n <= r.labels; n += threads()) {
        const pair beta = step_backward(from.get(n), from.get(n + 1), may_skip(n + 1));
        to.put(n, emitted(beta, {of_blank, label_emission(f, n, true)}, v % steps_between_normal == 0));
        double* const row = kept(v) + n;
        const pair alpha = {{row[0], row[2 * width]}, {row[width], row[3 * width]}};
        put_chance(row, chance_of(alpha.blank, beta.blank, 1 / total.m, total.e));
        put_chance(row + width, chance_of(alpha.label, beta.label, 1 / total.m, total.e));
      }
      sync_block();
    }
  }
  static UFL_DEVICE void put_chance(double* to, double x) {
    *reinterpret_cast<unsigned long long*>(to) = to_bits(T(x));
  }
  UFL_DEVICE bool any(bool x) const { return sum_of_block(int(x), shared_memory<int>()) != 0; }
  UFL_DEVICE void go() {
    const double logs = LogProbs ? 0 : log_of_sums(a, b, r.frames);
    const cell<double> total = forward(Rows, Rows);
    double loss = loss_of(total, logs, LogProbs);
    if (any(bad)) loss = UFL_NAN;
    // exponents of posteriors are ranked, which is another thing than their size: see exp_cell()
    if (Rows && any(far) && loss < UFL_INF && total.e < -far_logit)
      loss = loss_of(forward(false, false), logs, LogProbs);
    if (thread() == 0) {
      record_of(a, b).loss = loss;
      put_value<S>(a, b, loss);
    }
    if (Rows && loss < UFL_INF) backward(total);
  }
  static UFL_DEVICE void run(const arguments& a) {
    const lattice_record r = record_of(a, block());
    if (r.state != lattice_runs || !(a.careful || r.odd[0] || r.odd[1])) return;
    lattice_careful way(a);
    way.go();
  }
};

}  // namespace gpu
UFL_END
