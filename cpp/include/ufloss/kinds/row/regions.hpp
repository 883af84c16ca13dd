// What losses of regions in images need: overlaps of predictions and targets, and the way from probabilities
// back to scores. Pixels of a region lie as far apart as there are classes, so regions side by side in memory
// are added up together, in its order.
#pragma once
#include "ufloss/reduce/sums.hpp"

UFL_BEGIN

/// Sums of p t, p (1 - t) and q t over the pixels of regions, in virtual lanes as weighted_lanes has them:
/// pixel i of each region goes to lane i mod sum_lanes.  So a region's sums are the same, to the bit,
/// whichever regions it is added up with.
template <class T> struct overlap_lanes {
  // At most so many regions side by side: their lanes, 12 KiB of doubles, stay in the first-level cache.
  static constexpr int most = 32, sums = 3;
  using W = wide_t<native<T>>;
  using C = chunks<T, sum_lanes>;
  alignas(64) double total[sums][most * sum_lanes];  // lane after lane, in each the regions
  const std::ptrdiff_t regions;
  UFL_FN explicit overlap_lanes(std::ptrdiff_t n) : regions(n) {
    for (auto& sum : total)
      for (std::ptrdiff_t j = 0; j < regions * sum_lanes; ++j) sum[j] = 0;
  }
  /// Pixels that fill all lanes that many times, pixel after pixel, in each the regions.
  UFL_FN void add(std::ptrdiff_t times, const T* const* in) {
    const std::ptrdiff_t width = regions * sum_lanes;
    for (std::ptrdiff_t j = 0; j < width; j += sum_lanes)
      C::each([&](int i) UFL_INLINE {
        const std::ptrdiff_t at = j + i * lanes<T>;
        W right = doubles<W>::load(total[0] + at), excess = doubles<W>::load(total[1] + at),
          missed = doubles<W>::load(total[2] + at);
        for (std::ptrdiff_t k = at; k < times * width; k += width) {
          const W p = widen(load(in[0] + k)), q = widen(load(in[1] + k)), t = widen(load(in[2] + k));
          right = right + p * t;
          excess = excess + p * (W(1) - t);
          missed = missed + q * t;
        }
        doubles<W>::store(right, total[0] + at);
        doubles<W>::store(excess, total[1] + at);
        doubles<W>::store(missed, total[2] + at);
      });
  }
  /// Lane i and lane i + half, and so on by halves; results are the first numbers.
  UFL_FN void fold() {
    for (auto& sum : total)
      for (std::ptrdiff_t half = regions * sum_lanes / 2; half >= regions; half /= 2)
        for (std::ptrdiff_t j = 0; j < half; ++j) sum[j] = sum[j] + sum[j + half];
  }
};

/// Those sums of some regions, at most overlap_lanes::most, of n pixels: p, q, t and a mask, what it leaves
/// out is not looked at; then the sums.
template <class T>
UFL_NOINLINE void overlaps(std::ptrdiff_t regions, std::ptrdiff_t n, const row_operand* operands) {
  constexpr std::ptrdiff_t room = overlap_lanes<T>::most * sum_lanes;
  alignas(64) T copies[3][room];
  overlap_lanes<T> all(regions);
  const row_operand& mask = operands[3];
  // A mask that is one true byte for everything is none.
  const bool masked = n > 0 && (mask.outer != 0 || mask.core != 0 || !*mask.data);
  const std::ptrdiff_t chunk = room / regions / sum_lanes * sum_lanes, size = sizeof(T);
  for (std::ptrdiff_t from = 0; from < n; from += chunk) {
    const std::ptrdiff_t m = n - from < chunk ? n - from : chunk, times = (m + sum_lanes - 1) / sum_lanes;
    const T* in[3];
    for (int a = 0; a < 3; ++a) {
      const row_operand& x = operands[a];
      const bool packed = x.core == regions * size && (regions == 1 || x.outer == size);
      in[a] = packed ? x.at<T>(0, from) : copies[a];
      if (packed && !masked && m % sum_lanes == 0) continue;
      in[a] = copies[a];
      T* to = copies[a];
      if (!masked && regions == 1) gather<T>(to, x.data + from * x.core, x.core, m);
      else if (!masked)
        for (std::ptrdiff_t i = 0; i < m; ++i)
          gather<T>(to + i * regions, x.data + (from + i) * x.core, x.outer, regions);
      else
        for (std::ptrdiff_t i = 0; i < m; ++i)
          for (std::ptrdiff_t r = 0; r < regions; ++r)
            to[i * regions + r] = *mask.at<char>(r, from + i) ? *x.at<T>(r, from + i) : T(0);
      // Lanes that no pixel fills get 0, whose products change no sum.
      for (std::ptrdiff_t k = m * regions; k < times * sum_lanes * regions; ++k) to[k] = T(0);
    }
    all.add(times, in);
  }
  all.fold();
  for (int a = 0; a < 3; ++a)
    for (std::ptrdiff_t r = 0; r < regions; ++r) *operands[4 + a].at<double>(r, 0) = all.total[a][r];
}

/// The gradient with respect to scores, whose softmax is p, of what changes by `up` with p where the target
/// is 0, by -`down` where it is 1: p_i sum_j p_j (s_i - s_j), with slopes s relative to that of a class above
/// 1/2, if there is one, whose own share of the sum is 0 then.
template <class T>
UFL_FN void scores_gradient(std::ptrdiff_t n, row_operand p, row_operand t, row_operand up, row_operand down,
                            row_operand grad) {
  const auto slope = [&](std::ptrdiff_t i) UFL_INLINE {
    return (T(1) - *t.at<T>(0, i)) * *up.at<T>(0, i) - *t.at<T>(0, i) * *down.at<T>(0, i);
  };
  T reference = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const T s = slope(i);
    reference = *p.at<T>(0, i) > T(0.5) ? s : reference;
  }
  double mean = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) mean += double(*p.at<T>(0, i)) * double(slope(i) - reference);
  for (std::ptrdiff_t i = 0; i < n; ++i)
    *grad.at<T>(0, i) = *p.at<T>(0, i) * (slope(i) - reference - T(mean));
}

UFL_END
