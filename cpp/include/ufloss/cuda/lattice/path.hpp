// The best path: a block a sequence goes forward in double, as kinds/lattice/align.hpp does, and back along
// the steps that it noted.
#pragma once
#include "ufloss/cuda/lattice/cells.hpp"
#include "ufloss/kinds/lattice/best.hpp"

UFL_BEGIN
namespace gpu {

template <class S> struct lattice_path {
  using arguments = lattice_arguments;
  using T = compute_t<S>;
  static constexpr int ahead = 4;  ///< frames whose logits are asked for at once
  static constexpr int walk = 32;  ///< frames that the way back looks at together
  static constexpr double none = -UFL_INF;

  const arguments& a;
  const unsigned b;
  const lattice_record r;
  const int *label, *order;
  const double *tops, *sums;
  double* rows;  ///< blanks and labels, twice, with a place before them; then what frames emit
  UFL_DEVICE lattice_path(const arguments& args)
      : a(args),
        b(block()),
        r(record_of(args, block())),
        label(piece_of<const int>(args.classes_of, b, args.labels)),
        order(args.operand[of_mask] ? piece_of<const int>(args.order, b, args.frames) : nullptr),
        tops(piece_of<const double>(args.tops, b, args.frames)),
        sums(piece_of<const double>(args.sums, b, args.frames)),
        rows(args.states_in_shared
                 ? shared_memory<double>()
                 : piece_of<double>(args.states, b, lattice_state_rows * (args.labels + 3))) {}

  UFL_DEVICE long long width() const { return a.labels + 3; }
  UFL_DEVICE double* blanks(long long turn) const { return rows + 2 * (turn & 1) * width() + 1; }
  UFL_DEVICE double* labels(long long turn) const { return blanks(turn) + width(); }
  UFL_DEVICE double* emissions(int d) const { return rows + (4 + d) * width(); }  ///< the blank's behind
  UFL_DEVICE unsigned char* steps(long long v) const {
    return at<unsigned char>(a.kept) + (b * a.frames + v) * (a.labels + 1);
  }
  UFL_DEVICE long long frame(long long v) const { return order ? order[v] : v; }
  UFL_DEVICE long long& state_of(long long t) const {
    return *at<long long>(address_of(a, of_rows, b) + t * a.rows_frame);
  }

  UFL_DEVICE void ask(long long v0) const {
    const address logits = address_of(a, of_logits, b);
    UFL_UNROLL for (int d = 0; d < ahead; ++d) {
      if (v0 + d >= r.frames) break;
      const long long t = frame(v0 + d);
      for (long long n = thread(); n <= r.labels; n += threads()) {
        const long long k = n < r.labels ? label[n] : r.blank;
        const S x = *at<const S>(logits + t * a.logits_frame + k * a.logits_class);
        emissions(d)[n] = double(storage<S>::get(x)) - tops[t];
      }
    }
  }
  UFL_DEVICE void step(long long v, int d) const {
    const double *const blank = blanks(v), *const of_label = labels(v);
    const double *const y = emissions(d), of_blank = y[r.labels];
    for (long long n = thread(); n <= r.labels; n += threads()) {
      const double before = of_label[n - 1];
      const way_in b_in = best_way(blank[n], before);
      blanks(v + 1)[n] = b_in.best + of_blank;
      unsigned char noted = b_in.step;
      if (n < r.labels) {
        const bool may_skip = n > 0 && label[n] != label[n - 1];
        const way_in l_in = best_way(of_label[n], blank[n], may_skip, before);
        labels(v + 1)[n] = l_in.best + y[n];
        noted = (unsigned char)(noted | l_in.step << 2);
      }
      steps(v)[n] = noted;
    }
  }
  UFL_DEVICE void forward() const {
    for (long long n = thread(); n <= r.labels; n += threads())
      for (int turn = 0; turn < 2; ++turn) blanks(turn)[n] = labels(turn)[n] = none;
    sync_block();
    if (thread() == 0) {
      blanks(0)[0] = 0;
      labels(0)[-1] = labels(1)[-1] = none;
    }
    for (long long v0 = 0; v0 < r.frames; v0 += ahead) {
      ask(v0);
      sync_block();
      for (int d = 0; d < ahead && v0 + d < r.frames; ++d) {
        step(v0 + d, d);
        sync_block();
      }
    }
    sync_block();
  }
  /// From state i of the last frame: `walk` frames at a time, whose steps all threads fetch from as many
  /// pairs as the path can come down.
  UFL_DEVICE void back(long long i) const {
    unsigned char* const tile = reinterpret_cast<unsigned char*>(shared_memory<double>());
    long long* const found =
        reinterpret_cast<long long*>(tile + walk * (walk + 4));  // and the state to go on from
    for (long long v1 = r.frames; v1 > 0; v1 -= walk) {
      const long long v0 = v1 > walk ? v1 - walk : 0, n0 = i / 2 > walk ? i / 2 - walk : 0;
      const int across = int(i / 2 - n0) + 1;
      sync_block();
      for (int k = int(thread()); k < int(v1 - v0) * across; k += int(threads())) {
        const int d = k / across, n = k - d * across;
        tile[d * (walk + 4) + n] = steps(v0 + d)[n0 + n];
      }
      sync_block();
      if (thread() == 0) {
        for (int d = int(v1 - v0) - 1; d >= 0; --d) {
          found[d] = i;
          const int noted = tile[d * (walk + 4) + int(i / 2 - n0)];
          i -= i & 1 ? noted >> 2 : noted & 3;
        }
        found[walk] = i;
      }
      sync_block();
      i = found[walk];
      for (int d = int(thread()); d < int(v1 - v0); d += int(threads())) state_of(frame(v0 + d)) = found[d];
    }
  }
  /// The logarithms of the sums relative to the largest logit, whose own exponential is 1.
  UFL_DEVICE double log_of_scale() const {
    double mine = 0;
    for (long long v = thread(); v < r.frames; v += threads()) {
      const double top = tops[frame(v)];
      mine += log(sums[frame(v)] / mantissa_of_top(scale_of<T>(top), top));
    }
    return sum_of_block(mine, shared_memory<double>());
  }
  UFL_DEVICE void go() {
    for (long long t = thread(); t < a.frames; t += threads()) state_of(t) = -1;
    if (r.state != lattice_runs) {
      if (thread() == 0) put_value<S>(a, b, r.state == lattice_without_path ? none : UFL_NAN);
      return;
    }
    const double scale = log_of_scale();
    double score = UFL_NAN;
    if (scale == scale) {
      forward();
      const double in_blank = blanks(r.frames)[r.labels];
      const double in_label = labels(r.frames)[r.labels - 1];
      const bool ends_in_label = r.labels > 0 && in_label > in_blank;
      const double best = ends_in_label ? in_label : in_blank;
      sync_block();
      score = best == none ? none : best - scale < 0 ? best - scale : 0.0;
      if (score > none) back(2 * r.labels - ends_in_label);
    }
    if (thread() == 0) put_value<S>(a, b, score);
  }
  static UFL_DEVICE void run(const arguments& a) {
    lattice_path way(a);
    way.go();
  }
};

}  // namespace gpu
UFL_END
