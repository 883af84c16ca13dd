// The last kernel where rows are wanted: a warp a frame turns posteriors of states into a row.  Those of one
// class are added along the chain of its places, so that the order of additions never changes.
#pragma once
#include "ufloss/cuda/lattice/cells.hpp"

UFL_BEGIN
namespace gpu {

/// What a row is.
enum class lattice_rows { gradient, log_prob_gradient, classes, states };

template <class S, lattice_rows Of, bool Packed> struct lattice_rows_kernel {
  using arguments = lattice_arguments;
  using T = compute_t<S>;
  using G = group<warp_threads>;
  static constexpr int packed = Packed ? 16 / int(sizeof(S)) : 1;

  /// A frame's row, and the posteriors of its states.
  struct place {
    address row;
    const unsigned long long* chances;
    long long width;  ///< of the posteriors of blanks, and of labels
  };
  static UFL_DEVICE S& entry(const arguments& a, address row, long long i) {
    return *at<S>(row + i * a.rows_entry);
  }
  static UFL_DEVICE double chance(const place& p, long long n, int which) {
    const unsigned long long word = p.chances[which * p.width + n];
    if constexpr (sizeof(T) == 8) return from_bits(uint64(word));
    else return from_bits(uint32(word));
  }
  static UFL_DEVICE void fill(const arguments& a, address row, T x) {
    const S s = storage<S>::put(x);
    bunch<S, packed> all;
    UFL_UNROLL for (int e = 0; e < packed; ++e) all.v[e] = s;
    const long long whole = a.width / packed;
    for (long long i = G::lane(); i < whole; i += warp_threads)
      *at<bunch<S, packed>>(row + i * (Packed ? 16 : a.rows_entry)) = all;
    if constexpr (Packed)
      for (long long i = whole * packed + G::lane(); i < a.width; i += warp_threads) at<S>(row)[i] = s;
  }

  // --- of classes -----
  /// exp(x) of a frame over its sum.
  struct softmax {
    frame_scale<T> scale;
    double share;
    T base, lowest;
    UFL_DEVICE softmax(double top, double sum) : scale(scale_of<T>(top)), share(1 / sum) {
      base = T(exp_param<T>::round) - T(scale.k);
      lowest = T(exp_param<T>::normal) + T(scale.k) * T(0.693147180559945309417);
    }
    UFL_DEVICE T operator()(T x) const {
      const T v = x - scale.from;
      return zero_unless(v > lowest, exp_shifted(v, base, lowest)) * T(share);
    }
    UFL_DEVICE double in_double(T x) const {
      const T v = x - scale.from;
      const exponential y = exponential_of(max(v, T(-700)));
      return v > lowest ? value_of({y.m, y.n - scale.k}) * share : 0;
    }
  };
  /// get(k): what stands in class k beside its posteriors.
  template <class Get>
  static UFL_DEVICE void put_classes(const arguments& a, const lattice_record& r, unsigned b, const place& p,
                                     Get get) {
    const int* const label = piece_of<const int>(a.classes_of, b, a.labels);
    const int* const next = piece_of<const int>(a.next, b, a.labels);
    const int* const first = piece_of<const int>(a.first, b, a.labels);
    const auto put = [&](long long k, double sum) {
      constexpr bool negative = Of != lattice_rows::classes;
      const double x = get(k);
      entry(a, p.row, k) = storage<S>::put(T(sum == 0 ? x : negative ? x - sum : x + sum));
    };
    double of_blank = 0;
    for (long long n = G::lane(); n <= r.labels; n += warp_threads) of_blank += chance(p, n, 0);
    of_blank = G::sum(of_blank);
    sync_warp();  // what stands there was written by another lane
    if (G::lane() == 0) put(r.blank, of_blank);
    for (long long n = G::lane(); n < r.labels; n += warp_threads) {
      if (!first[n]) continue;
      double sum = chance(p, n, 1);
      for (int i = next[n]; i >= 0; i = next[i]) sum += chance(p, i, 1);
      put(label[n], sum);
    }
  }
  static UFL_DEVICE void put_gradient(const arguments& a, const lattice_record& r, unsigned b, long long t,
                                      const place& p) {
    const address logits = address_of(a, of_logits, b) + t * a.logits_frame;
    const long long f = (long long)b * a.frames + t;
    const softmax of_frame(at<const double>(a.tops)[f], at<const double>(a.sums)[f]);
    each_bunch<S, warp_threads, Packed>(logits, a.logits_class, a.classes, [&](long long i, auto some) {
      UFL_UNROLL for (int e = 0; e < int(sizeof some / sizeof(S)); ++e) some.v[e] =
          storage<S>::put(of_frame(storage<S>::get(some.v[e])));
      *at<decltype(some)>(p.row + i * a.rows_entry) = some;
    });
    put_classes(a, r, b, p, [&](long long k) {
      return of_frame.in_double(storage<S>::get(*at<const S>(logits + k * a.logits_class)));
    });
  }

  static UFL_DEVICE void put_row(const arguments& a, unsigned b, long long t) {
    const lattice_record r = record_of(a, b);
    const long long v = place_of_frame(a, r, b, t), width = a.labels + 1;
    const address row = address_of(a, of_rows, b) + t * a.rows_frame;
    if (r.state == lattice_wrong_lengths) return fill(a, row, nan<T>());
    if (v < 0) return fill(a, row, 0);
    if (!(r.loss < UFL_INF)) return fill(a, row, r.loss == r.loss ? T(0) : nan<T>());
    const place p = {
        row, at<const unsigned long long>(a.kept) + ((long long)b * a.frames + v) * lattice_kept_rows * width,
        width};
    if constexpr (Of == lattice_rows::gradient) put_gradient(a, r, b, t, p);
    else if constexpr (Of == lattice_rows::states) {
      for (long long n = G::lane(); n <= a.labels; n += warp_threads) {
        entry(a, row, 2 * n) = storage<S>::put(T(n <= r.labels ? chance(p, n, 0) : 0));
        if (n < a.labels) entry(a, row, 2 * n + 1) = storage<S>::put(T(n < r.labels ? chance(p, n, 1) : 0));
      }
    } else {
      fill(a, row, 0);
      put_classes(a, r, b, p, [](long long) { return 0.0; });
    }
  }
  static UFL_DEVICE void run(const arguments& a) {
    const long long all = a.batch * a.frames, step = (long long)G::count();
    UFL_ROLLED
    for (long long f = G::number(); f < all; f += step) {
      const unsigned b = quotient(unsigned(f), a.frames_of_item);
      put_row(a, b, f - b * a.frames);
    }
  }
};

}  // namespace gpu
UFL_END
