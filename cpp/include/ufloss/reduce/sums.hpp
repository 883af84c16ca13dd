// Weighted sums in double, in an order that only the number of elements decides: what fused reductions add
// up.
#pragma once
#include "ufloss/memory/strided.hpp"
#include "ufloss/vocabulary/lanes.hpp"

UFL_BEGIN

/// As many on every instruction set: no width of registers decides the order of a sum.
constexpr int sum_lanes = 16;

/// Sums in virtual lanes: element i goes to lane i mod sum_lanes.
template <class T> struct weighted_lanes {
  using W = wide_t<native<T>>;
  using C = chunks<T, sum_lanes>;
  // s: sums of numbers times weights; t: of the weights.
  W s[C::packs], t[C::packs];
  UFL_FN weighted_lanes() {
    C::each([&](int i) UFL_INLINE { s[i] = t[i] = W(0); });
  }
  /// n numbers more and their weights; none: all weights are 1, and their sum is not kept.
  UFL_FN void add(std::ptrdiff_t n, const T* x, const double* y) {
    std::ptrdiff_t j = 0;
    if (y)
      for (; j + sum_lanes <= n; j += sum_lanes) add_chunk(x + j, y + j);
    else
      for (; j + sum_lanes <= n; j += sum_lanes)
        C::each([&](int i) UFL_INLINE { s[i] = s[i] + widen(load(x + j + i * lanes<T>)); });
    if (j == n) return;
    // What fills no chunk: lanes beyond get 0 with a weight of 0, which changes nothing.
    alignas(64) T rest[sum_lanes] = {};
    alignas(64) double weights[sum_lanes] = {};
    for (std::ptrdiff_t i = j; i < n; ++i) {
      rest[i - j] = x[i];
      weights[i - j] = y ? y[i] : 1;
    }
    add_chunk(rest, weights);
  }
  /// A weight of 0 leaves its number out, also where that is NaN or infinite.
  UFL_FN void add_chunk(const T* x, const double* y) {
    C::each([&](int i) UFL_INLINE {
      const W by = doubles<W>::load(y + i * lanes<T>);
      s[i] = s[i] + select(by == W(0), W(0), widen(load(x + i * lanes<T>)) * by);
      t[i] = t[i] + by;
    });
  }
  /// Lane i and lane i + 8, and so on by halves.
  UFL_FN void fold(double* sum, double* weight) {
    UFL_UNROLL for (int k = C::packs / 2; k >= 1; k /= 2) UFL_UNROLL for (int i = 0; i < k; ++i) {
      s[i] = s[i] + s[i + k];
      t[i] = t[i] + t[i + k];
    }
    *sum = sum_of_doubles(s[0]);
    *weight = sum_of_doubles(t[0]);
  }
};

/// The same of at most `Lanes` numbers.  Lanes beyond hold 0, which changes no sum.
template <int Lanes, class T>
UFL_FN void add_few(std::ptrdiff_t n, const T* x, const double* weights, double* sum, double* weight) {
  double s[Lanes], t[Lanes];
  UFL_UNROLL for (int i = 0; i < Lanes; ++i) {
    const double by = i >= n ? 0 : weights ? weights[i] : 1;
    // 0 + x: a lane that begins as 0 makes +0 of -0, so this one does.
    s[i] = by == 0 ? 0 : 0 + double(x[i]) * by;
    t[i] = by;
  }
  UFL_UNROLL for (int k = Lanes / 2; k >= 1; k /= 2) UFL_UNROLL for (int i = 0; i < k; ++i) {
    s[i] = s[i] + s[i + k];
    t[i] = t[i] + t[i + k];
  }
  *sum = s[0];
  *weight = t[0];
}
/// The sums of n numbers times weights, and of weights; no weights: all are 1.
template <class T>
UFL_FN void add_up(std::ptrdiff_t n, const T* x, const double* weights, double* sum, double* weight) {
  // The same bits as in sixteen lanes, of which most would be empty.
  if (n <= 2) return add_few<2>(n, x, weights, sum, weight);
  if (n <= 4) return add_few<4>(n, x, weights, sum, weight);
  if (n <= 8) return add_few<8>(n, x, weights, sum, weight);
  weighted_lanes<T> all;
  all.add(n, x, weights);
  all.fold(sum, weight);
  if (!weights) *weight = double(n);
}

/// Adds n numbers, each to its own sum, and their weights; no sums of weights: all weights are 1.
template <class T>
UFL_NOINLINE void add_to(double* sums, const T* x, std::ptrdiff_t n, double* weight_sums, const double* y) {
  using W = wide_t<native<T>>;
  // As add_chunk() does it, element by element: a sum along a column has the bits of one along a row.
  std::ptrdiff_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) {
    const W number = widen(load(x + i));
    const W by = weight_sums ? doubles<W>::load(y + i) : W(1);
    const W term = weight_sums ? select(by == W(0), W(0), number * by) : number;
    doubles<W>::store(doubles<W>::load(sums + i) + term, sums + i);
    if (weight_sums) doubles<W>::store(doubles<W>::load(weight_sums + i) + by, weight_sums + i);
  }
  for (; i < n; ++i) {
    const double by = weight_sums ? y[i] : 1;
    sums[i] = sums[i] + (by == 0 ? 0 : double(x[i]) * by);
    if (weight_sums) weight_sums[i] = weight_sums[i] + by;
  }
}

/// The sums of weights[i] values[i] and of weights[i], for those i where the mask is not 0; steps in bytes.
/// What is masked out is not looked at, and a weight of 0 leaves its number out.
template <class S>
UFL_NOINLINE void weighted_sum(std::ptrdiff_t n, const char* values, std::ptrdiff_t step, const char* weights,
                               std::ptrdiff_t weight_step, const char* mask, std::ptrdiff_t mask_step,
                               double* sum, double* weight) {
  using T = typename storage<S>::compute;
  // A multiple of sum_lanes, so that blocks do not shift elements to other lanes.
  constexpr std::ptrdiff_t block = 256;
  alignas(64) T v[block];
  alignas(64) double w[block];
  weighted_lanes<T> all;
  // A mask of one byte that is not 0 leaves nothing out.
  const bool masked = n > 0 && (mask_step != 0 || !*mask);
  const bool plain = !masked && weight_step == 0 && n > 0 &&
                     *reinterpret_cast<const double*>(weights) == 1;  // the same bits in fewer steps
  for (std::ptrdiff_t from = 0; from < n; from += block) {
    const std::ptrdiff_t m = n - from < block ? n - from : block;
    const char *const at = values + from * step, *const of = weights + from * weight_step;
    const T* x = v;
    const double* y = plain ? nullptr : w;
    if (std::is_same_v<S, T> && step == std::ptrdiff_t(sizeof(T)) && !masked)
      x = reinterpret_cast<const T*>(at);
    else if (!masked) gather<S>(v, at, step, m);
    if (weight_step == std::ptrdiff_t(sizeof(double)) && !masked) y = reinterpret_cast<const double*>(of);
    else if (!plain && (from == 0 || weight_step != 0 || masked)) gather<double>(w, of, weight_step, m);
    // A number that is masked out is not read, since it may be anything; its place gets 0 with a weight of
    // 0.
    if (masked)
      for (std::ptrdiff_t i = 0; i < m; ++i) {
        const bool counts = mask[(from + i) * mask_step] != 0;
        v[i] = counts ? storage<S>::get(*reinterpret_cast<const S*>(at + i * step)) : T(0);
        w[i] = counts ? w[i] : 0;
      }
    all.add(m, x, y);
  }
  all.fold(sum, weight);
  if (plain) *weight = double(n);
}

UFL_END
