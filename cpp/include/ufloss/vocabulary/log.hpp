// log and its family, and powers.
#pragma once
#include "ufloss/vocabulary/exp.hpp"

UFL_BEGIN

// x = 2^n m, m in [3/4, 3/2): with these limits m - 1 and, in log1p, the reduced argument are exact.
template <class V> struct split_result {
  V n, m;
};
template <class V> UFL_FN split_result<V> split(V x) {  // x positive and normal
  using F = format_of<V>;
  using U = typename F::uint;
  using B = bits_t<V>;
  constexpr U one = U(F::bias) << F::mantissa, quarter = U(1) << (F::mantissa - 1),
              fraction = (U(1) << F::mantissa) - 1;
  constexpr U big = U(F::bias + F::mantissa)
                    << F::mantissa;  // the bits of 2^mantissa: an integer put below is its value
  const B i = to_bits(x) + B(quarter);
  const V n = from_bits(shr<F::mantissa>(i) | B(big)) - V(scalar_t<V>((U(1) << F::mantissa) + F::bias));
  return {n, from_bits((i & B(fraction)) + B(one - quarter))};
}
// log(1 + f) - f.  float: 9 terms.  double: with s = f/(2+f), log(1+f) = f - f^2/2 + s (f^2/2 + s^2 R(s^2)),
// 8 terms and a division that runs beside them, where a polynomial needs 20.
template <class C, class V> UFL_FN V atanh_rest(V f) {
  const V s = f / (V(2) + f), z = s * s, h = V(0.5) * f * f;
  return fma(s, fma(z, poly<C>(z), h), neg(h));
}
template <class V> UFL_FN V log_rest(V f) {
  if constexpr (is_double<V>) return atanh_rest<coef::atanh<double>>(f);
  else return (f * f) * poly<coef::log<float>>(f);
}
// log(2^n (1 + f)): n ln2_hi + f is an exact sum, everything small is added last
template <class V> UFL_FN V log_sum(V n, V f) {
  const auto s = fast_two_sum(n * V(exp_of<V>::ln2_hi), f);
  return s.hi + (fma(n, V(exp_of<V>::ln2_lo), s.lo) + log_rest(f));
}
// y where x is positive and finite; the limits of log elsewhere
template <class V> UFL_FN V log_limits(V x, V y) {
  y = select(x < inf<V>(), y, x);  // inf and NaN
  return select(x > V(0), y, select(x == V(0), neg(inf<V>()), select(x < V(0), nan<V>(), x)));
}
// x as 2^n (1 + f), subnormals too
template <class V> struct log_argument {
  V n, f;
};
template <class V> UFL_FN log_argument<V> log_reduce(V x) {
  using F = format_of<V>;
  const auto small = x < V(F::smallest_normal);
  const auto s = split(select(small, x * V(pick<V>(0x1p24, 0x1p54)), x));
  return {s.n - select(small, V(pick<V>(24, 54)), V(0)), s.m - V(1)};
}
/// log(x).  0.96 / 0.83 ulp.  log_normal: where all x are positive, normal and finite; the same bits.
template <class V> UFL_FN bool all_normal(V x) {
  return all((x >= V(format_of<V>::smallest_normal)) & (x < inf<V>()));
}
template <class V> UFL_FN V log_normal(V x) {
  const auto s = split(x);
  return log_sum(s.n, s.m - V(1));
}
template <class V> UFL_FN V log(V x) {
  if (UFL_UNLIKELY(!all_normal(x))) {
    const auto a = log_reduce(x);
    return log_limits(x, log_sum(a.n, a.f));
  }
  return log_normal(x);
}
/// log(hi + lo): what the rounding of a sum near 1 lost counts as much as the rest.
template <class V> UFL_FN V log(two<V> x) { return log(x.hi) + select(x.lo == V(0), V(0), x.lo / x.hi); }
/// log(x) in two words, double only: relative error below 2^-55.  2 atanh(s) = 2 s + s^3 R(s^2), 2 s carried
/// exactly.
template <class V> UFL_FN two<V> log_two(V x) {
  static_assert(is_double<V>, "compute it in double");
  const auto a = log_reduce(x);
  const auto d = fast_two_sum(V(2), a.f);
  const V s = a.f / d.hi;
  const auto p = two_product(s, d.hi);
  const V s_low = (((a.f - p.hi) - p.lo) - s * d.lo) / d.hi, z = s * s;
  const auto h = two_sum(a.n * V(exp_of<V>::ln2_hi), s + s);
  const V rest =
      fma(s * z, poly<coef::atanh<double>>(z), s_low + s_low) + fma(a.n, V(exp_of<V>::ln2_lo), h.lo);
  const auto r = fast_two_sum(h.hi, rest);
  return {log_limits(x, r.hi), select((x > V(0)) & (x < inf<V>()), r.lo, V(0))};
}
/// log(1 + x).  0.96 / 0.82 ulp.  m and n come from the rounded 1 + x, f = (1 + x) 2^-n - 1 exactly from x
/// itself.
template <class V> UFL_FN V log1p(V x) {
  using F = format_of<V>;
  using U = typename F::uint;
  using B = bits_t<V>;
  constexpr U quarter = U(1) << (F::mantissa - 1), top = U(2 * F::bias) << F::mantissa,
              exponent = ~((U(1) << F::mantissa) - 1);
  constexpr U big = U(F::bias + F::mantissa) << F::mantissa;
  const B i = to_bits(V(1) + x) + B(quarter);
  const V s = from_bits(B(top) - (i & B(exponent)));  // 2^-n
  const V n = from_bits(shr<F::mantissa>(i) | B(big)) - V(scalar_t<V>((U(1) << F::mantissa) + F::bias));
  V r = log_sum(n, fma(x, s, s - V(1)));
  const V huge = V(pick<V>(0x1p126, 0x1p1022));
  const auto plain = (x > V(-1)) & (x < huge);
  if (UFL_UNLIKELY(!all(plain))) {
    const auto l = split(min(x, V(F::largest)));
    r = select(x >= huge, log_sum(l.n, l.m - V(1)), r);
    r = select(x < inf<V>(), r, x);
    r = select(x > V(-1), r, select(x == V(-1), neg(inf<V>()), select(x < V(-1), nan<V>(), x)));
  }
  return select(x == V(0), x, r);  // -0
}
/// log(1 + e) for 0 <= e <= 1, no reduction at all.  1.14 / 1.23 ulp.
template <class V> UFL_FN V log1p_unit(V e) {
  if constexpr (is_double<V>) return e + atanh_rest<coef::atanh01<double>>(e);
  else return fma(e * e, poly<coef::log1p01<float>>(e), e);
}
/// log(1 + exp(x)), before rescale().  A tail's squares that are too small to count would be subnormal, and
/// slow.
template <class V> UFL_FN V log1p_tail(plain_tail<V> t) { return log1p_unit(t.big); }
/// Below 2^-60 log(1 + e) is e to the last bit, which is what a tail's `big` stands for.
template <class V> UFL_FN V log1p_tail(scaled_tail<V> t) {
  const mask_t<V> tiny = (t.big < V(0x1p-60)) | (t.down < V(1));
  return select(tiny, t.big, log1p_unit(select(tiny, V(0), t.big)));
}
/// x^a for x >= 0 in double, as p 2^n: the rounding of a log x does not reach the result.  1 + |a| ulp at
/// most.
template <class V> UFL_FN scaled<V> pow_parts(V x, two<V> a) {
  const auto l = log_two(x);
  const auto p = two_product(a.hi, l.hi);
  const V low = p.lo + fma(a.hi, l.lo, a.lo * l.hi);
  return exp_parts(
      two<V>{select((a.hi == V(0)) & (x == x), V(0), p.hi), select(abs(p.hi) < V(2048), low, V(0))});
}
template <class V> UFL_FN scaled<V> pow_parts(V x, V a) { return pow_parts(x, two<V>{a, V(0)}); }

UFL_END
