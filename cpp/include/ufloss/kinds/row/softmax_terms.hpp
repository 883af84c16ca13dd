// The exponentials of a row of logits, relative to a power of two near the largest.
//
// Terms are exp(x - c) 2^(bias - k) with 2^k near the largest: the reference is a power of two, so that x - m
// is never rounded.  c is 0, or the largest logit where that is far from 0; then the difference is exact for
// every element that counts.
#pragma once
#include "ufloss/kinds/row/loss.hpp"
#include "ufloss/vocabulary/elementary.hpp"

UFL_BEGIN

/// bias: binary places that terms are raised by; far: |m| from which on c is not 0; lowest: the exponent that
/// the smallest terms are held at; up, down: 2^bias and 2^-bias.
template <class T> struct softmax_limits;
template <> struct softmax_limits<float> {
  static constexpr float bias = 100, far = 256, lowest = -125, up = 0x1p100f, down = 0x1p-100f;
};
template <> struct softmax_limits<double> {
  static constexpr double bias = 900, far = 4096, lowest = -1021, up = 0x1p900, down = 0x1p-900;
};

/// Of the largest logit m: c and k, and what exp_shifted() takes for them.
template <class V> struct reference {
  V c, k, base, lowest;
};
template <class V> UFL_FN reference<V> reference_of(V m) {
  using limits = softmax_limits<scalar_t<V>>;
  const mask_t<V> far = abs(m) >= V(limits::far);
  const mask_t<V> some = m > neg(inf<V>());
  // Beside an infinite logit no other may overflow, which would make NaN of the row: c is the largest number
  // then.
  const V c = select(far & some, min(m, V(format_of<V>::largest)), V(0));
  const V magic = V(exp_of<V>::round);
  const V nearest = fma(m - c, V(exp_of<V>::log2e), magic) - magic;
  const V k = select(abs(m) == inf<V>(), V(0), nearest);
  const V shift = V(limits::bias) - k;
  const V ln2 = V(exp_of<V>::ln2_hi + exp_of<V>::ln2_lo);
  return {c, k, magic + shift, (V(limits::lowest) - shift) * ln2};
}
template <class V> UFL_FN V term(V x, reference<V> r) { return exp_shifted(x - r.c, r.base, r.lowest); }

/// exp(x) 2^-bias of such a term in double, for its place in a row of reference a: exactly a power of two
/// where both have the same c. Where one of them has a c and the other has not, c is at least `far` in size
/// and k may make up for it: so the difference is not cut off before it is too large for that, whatever k is.
template <class D> UFL_FN scaled<D> change(D c_from, D k_from, D c_to, D k_to) {
  constexpr double enough = softmax_limits<double>::far + 904;
  const auto e = exp_parts(two<D>{difference_or_zero(c_from, c_to), D(0)}, D(enough));
  return {e.p, e.n + (k_from - k_to)};
}
/// x times that, rounded once where it is subnormal.
template <class D> UFL_FN D changed(D x, scaled<D> f) { return scale_far(x * f.p, f.n); }

UFL_END
