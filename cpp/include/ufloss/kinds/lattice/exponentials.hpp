// Exponentials of whole frames of float logits, and their sums: what the fast way of CTC takes emissions
// from.
#pragma once
#include "ufloss/kinds/lattice/sequence.hpp"

UFL_BEGIN

/// Frames that are worked on together.
constexpr int fast_epoch = 8;

/// Frames are rows of float logits; what comes out is floats, in the caller's gradient where it has room.
struct frame_exponentials {
  /// exp(x - c) 2^-k of a row, k as near its largest, and their sum, of which `Together` neighbours are added
  /// as floats.  Plain: nothing has to be taken care of.
  template <bool Plain, int Together>
  static double of_row(const float* from, std::ptrdiff_t n, float c, float k, float* to) {
    using C = chunks<float, frame_lanes>;
    using V = native<float>;
    using W = wide_t<V>;
    constexpr float nothing_left = -__builtin_inff();
    const V shift = V(c);
    const V base = V(exp_param<float>::round - k);
    // Terms are held at 2^-125 and above, which are normal numbers.
    const V lowest = V((k - 125) * 0.693147181f);
    W sums[C::packs];
    V some[C::packs];  // sums of neighbours, not yet in `sums`
    C::each([&](int i) UFL_INLINE {
      sums[i] = W(0);
      some[i] = V(0);
    });
    const auto exponential = [&](V v) UFL_INLINE {
      // A logit of -inf gets a chance of exactly 0, not of the smallest normal number.
      if constexpr (Plain) return exp_shifted<false>(v, base, lowest);
      else return select(v == V(nothing_left), V(0), exp_shifted(v - shift, base, lowest));
    };
    const auto empty = [&]() UFL_INLINE {
      C::each([&](int i) UFL_INLINE {
        sums[i] = sums[i] + widen(some[i]);
        some[i] = V(0);
      });
    };
    std::ptrdiff_t j = 0;
    while (j + frame_lanes <= n) {
      const std::ptrdiff_t next = j + Together * frame_lanes;
      const std::ptrdiff_t end = next < n ? next : n;
      for (; j + frame_lanes <= end; j += frame_lanes)
        C::each([&](int i) UFL_INLINE {
          const V e = exponential(load(from + j + i * lanes<float>));
          store(e, to + j + i * lanes<float>);
          some[i] = some[i] + e;
        });
      empty();
    }
    // The rest of a row: padding is -inf, which adds nothing to any lane.
    if (j < n) {
      C::each([&](int i) UFL_INLINE {
        const std::ptrdiff_t at = j + i * lanes<float>;
        const V v = load_padded(from + at, n - at, nothing_left);
        const V e = select(v == V(nothing_left), V(0), exponential(v));
        store_padded(e, to + at, n - at);
        some[i] = e;
      });
      empty();
    }
    return sum_of_frame<float>(sums);
  }
  /// In long rows that no class rules, sums of eight floats are good enough: off by less than 10^-8, where
  /// each frame costs more than 2.
  template <bool Plain>
  static double of_row_and_sum(const float* from, std::ptrdiff_t n, float c, float k, float* to) {
    if (n < 512) return of_row<Plain, 1>(from, n, c, k, to);
    const double sum = of_row<Plain, 8>(from, n, c, k, to);
    // One class has a large share: the terms are added again one by one, in double.
    if (sum > 16) return sum;
    wide_native<float> sums[chunks<float, frame_lanes>::packs];
    chunks<float, frame_lanes>::each([&](int i) UFL_INLINE { sums[i] = wide_native<float>(0); });
    chunks<float, frame_lanes>::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t m) UFL_INLINE {
      sums[i] = sums[i] + widen(load_padded(to + j, m, 0.0f));
    });
    return sum_of_frame<float>(sums);
  }
  /// Those of n frames, whose latencies overlap where rows are short.
  static UFL_NOINLINE void of_frames(const float* const* from, float* const* to, int n,
                                     std::ptrdiff_t classes, double* sum) {
    range_of_row<float> range[fast_epoch];
    const auto measure = [&](int q) { range[q] = range_of(from[q], classes); };
    const bool short_rows = classes < 1024;
    if (short_rows)
      for (int q = 0; q < n; ++q) measure(q);
    for (int q = 0; q < n; ++q) {
      if (!short_rows) measure(q);
      const float top = range[q].top;
      const bool finite = abs(top) < inf<float>();
      // As in softmax_terms.hpp: logits are taken as they are unless the largest is far from 0.
      const bool usual = abs(top) < 256;
      const float c = usual || !finite ? 0 : top;
      const float rounded = fma(top - c, exp_param<float>::log2e, exp_param<float>::round);
      // Terms are at most about 1, so that a product of chances over the frames of an epoch stays in range.
      const float k = finite ? rounded - exp_param<float>::round : 0;
      // Nothing in the row comes near the smallest normal number: no clamp, no -inf.
      const double total = usual && range[q].bottom > top - 80
                               ? of_row_and_sum<true>(from[q], classes, c, k, to[q])
                               : of_row_and_sum<false>(from[q], classes, c, k, to[q]);
      // NaN, +inf or nothing but -inf: no distribution.
      sum[q] = total > 0 ? total : __builtin_nan("");
    }
  }
};

UFL_END
