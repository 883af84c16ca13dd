// exp and its family: in parts, beside 1, near 0, and as a tail whose power of two is multiplied in last.
#pragma once
#include "ufloss/vocabulary/coefficients.hpp"
#include "ufloss/vocabulary/primitives.hpp"

UFL_BEGIN

template <class T> struct exp_param;
template <> struct exp_param<float> {
  static constexpr float log2e = 0x1.715476p0f;
  // hi has 9 bits: n * hi is exact for |n| < 2^15
  static constexpr float ln2_hi = 0x1.63p-1f, ln2_lo = -0x1.bd0106p-13f;
  static constexpr float round = 0x1.8p23f;        // x + round leaves rint(x) in the low bits
  static constexpr float min = -104, max = 89;     // exp is 0 below, infinite above
  static constexpr float product_max = 131;        // exp_parts(): as far as a product may go
  static constexpr float one_tail = -20;           // expm1 is -1 below
  static constexpr float far = -60, floor = -156;  // exp_tail(): scaled below far, 0 below floor
  static constexpr float normal = -87;             // above it exp is a normal number
};
template <> struct exp_param<double> {
  static constexpr double log2e = 0x1.71547652b82fep0;
  static constexpr double ln2_hi = 0x1.62e42fefa4p-1, ln2_lo = -0x1.8432a1b0e2634p-43;  // hi has 40 bits
  static constexpr double round = 0x1.8p52;
  static constexpr double min = -746, max = 710;
  static constexpr double product_max = 1060;
  static constexpr double one_tail = -40;
  static constexpr double far = -160, floor = -1330;  // polynomials have powers up to exp(far)^4: normal
  static constexpr double normal = -708;
};
template <class V> using exp_of = exp_param<scalar_t<V>>;

// x = n ln2 + r + low, |r| <= ln2/2.  `scale` is 2^(n + shift), straight from the bits of x log2e + magic.
// n ln2_hi and x - n ln2_hi are exact, with or without fma; r is the rounded rest, low what that rounding
// lost.
template <class V> struct reduced {
  V n, r, low, scale;
};
template <class V> UFL_FN reduced<V> reduce(V x, V magic) {
  const V t = fma(x, V(exp_of<V>::log2e), magic);
  const V n = t - magic;
  const V high = fma(n, V(-exp_of<V>::ln2_hi), x);
  const V rest = n * V(-exp_of<V>::ln2_lo);
  const V r = high + rest;
  return {n, r, (high - r) + rest, from_bits(shl<format_of<V>::mantissa>(to_bits(t)))};
}
template <int Shift, class V> UFL_FN V magic() { return V(exp_of<V>::round + (format_of<V>::bias + Shift)); }
// exp(r) = (1 + r) + r^2 Q(r), with 1 + r and its rest exact: 0.15 ulp for two additions
template <class V> UFL_FN V exp_reduced(V r) {
  const auto s = fast_two_sum(V(1), r);
  return s.hi + fma(r * r, poly<coef::exp<scalar_t<V>>>(r), s.lo);
}

// 2^n for n + Shift in the range of exponents, times 2^Shift.
template <int Shift, class V> UFL_FN V power_of_two(V n) {
  return from_bits(shl<format_of<V>::mantissa>(to_bits(n + magic<Shift, V>())));
}
/// p 2^n for integral n up to most_scale in size, rounded once: beyond the range of exponents in two steps,
/// the first of them exact.
template <class V>
constexpr scalar_t<V> most_scale = scalar_t<V>(format_of<V>::bias + format_of<V>::half_range - 1);
static_assert(double(exp_param<float>::product_max) * 1.4427 < double(most_scale<float>) &&
                  exp_param<double>::product_max * 1.4427 < most_scale<double>,
              "exp_parts() gives what scale_by() takes");
template <class V> UFL_FN V scale_by(V p, V n) {
  using F = format_of<V>;
  const mask_t<V> high = n > V(F::bias);
  const mask_t<V> low = n < V(1 - F::bias);
  const V shift = select(high, V(-F::half_range), select(low, V(F::half_range), V(0)));
  const V rest = select(high, V(F::half_up), select(low, V(F::half_down), V(1)));
  return (p * power_of_two<0>(n + shift)) * rest;
}
/// The same for p near 1.
template <class V> UFL_FN V scale_unit(V p, V n) {
  using F = format_of<V>;
  const auto big = n > V(0);
  const V shift = select(big, magic<-F::half_range, V>(), magic<F::half_range, V>());
  const V scale = from_bits(shl<F::mantissa>(to_bits(n + shift)));
  return (p * scale) * select(big, V(F::half_up), V(F::half_down));
}
#if UFL_HAS_XSIMD && UFL_AVX512F  // the same value in one instruction
UFL_FN pack<float> scale_by(pack<float> p, pack<float> n) { return pack<float>(_mm512_scalef_ps(p.v, n.v)); }
UFL_FN pack<double> scale_by(pack<double> p, pack<double> n) {
  return pack<double>(_mm512_scalef_pd(p.v, n.v));
}
template <class P> UFL_FN twin<P> scale_by(twin<P> p, twin<P> n) {
  return {scale_by(p.lo, n.lo), scale_by(p.hi, n.hi)};
}
template <class T> UFL_FN pack<T> scale_unit(pack<T> p, pack<T> n) { return scale_by(p, n); }
template <class P> UFL_FN twin<P> scale_unit(twin<P> p, twin<P> n) { return scale_by(p, n); }
#endif

/// The same for any n and a p between 2^-400 and 2^400: where n is cut off, the result is 0 or infinite long
/// since.
template <class V> UFL_FN V scale_far(V p, V n) {
  return scale_by(p, clamp(n, V(-most_scale<V>), V(most_scale<V>)));
}

/// exp(x).  0.82 / 0.75 ulp.
template <class V> UFL_FN V exp(V x) {
  const auto a = reduce(clamp(x, V(exp_of<V>::min), V(exp_of<V>::max)), V(exp_of<V>::round));
  return scale_unit(exp_reduced(a.r), a.n);
}
/// exp(x) for x <= 0.  0.82 / 0.74 ulp.
template <class V> UFL_FN V exp_nonpositive(V x) {
  using F = format_of<V>;
  const auto a = reduce(max(x, V(exp_of<V>::min)), magic<F::half_range, V>());
  return (exp_reduced(a.r) * a.scale) * V(F::half_down);
}
/// exp(hi + lo) as p 2^n, p near 1: multiply p by what may be large or small, then scale once.
template <class V> struct scaled {
  V p, n;
};
template <class V> UFL_FN V value(scaled<V> s) { return scale_unit(s.p, s.n); }
template <class V> UFL_FN scaled<V> exp_parts(two<V> x, V limit = V(exp_of<V>::product_max)) {
  const auto a = reduce(clamp(x.hi, neg(limit), limit), V(exp_of<V>::round));
  return {exp_reduced(a.r + (a.low + select(abs(x.hi) < limit, x.lo, V(0)))), a.n};
}
/// exp(x) for x <= 0 as formulas multiply it on.  Where it would be subnormal, it is big * down with a power
/// of two `down` that keeps `big` normal: a weight that is multiplied in before `down` then costs no
/// accuracy.  Elsewhere `down` is 1.
template <class V> struct scaled_tail {
  V big, down;
  static constexpr bool is_scaled = true;
};
/// The same where no lane needs it: there is no `down`, and what follows compiles to nothing.
template <class V> struct plain_tail {
  V big;
  static constexpr bool is_scaled = false;
};
/// x, or x rescaled where it stands beside 1: far out that is 0.
template <class V> UFL_FN V beside_one(plain_tail<V>, V x) { return x; }
template <class V> UFL_FN V beside_one(scaled_tail<V> t, V x) { return select(t.down < V(1), V(0), x); }
/// x 2^-far_shift where `far` holds, x elsewhere; rounded once.  A multiplication that makes a subnormal
/// number takes a hundred cycles on many processors, so such numbers are made as their bits are counted: in
/// units of the smallest one, by the rounding of a sum.
template <class V> UFL_FN V scaled_down(mask_t<V> far, V x) {
  using F = format_of<V>;
  // Its unit is the smallest number's, scaled up.
  constexpr scalar_t<V> least = F::smallest_normal * F::far_up;
  const V size = abs(x);
  const mask_t<V> subnormal = far & (size < V(least));
  const V counted = from_bits(to_bits(size + V(least)) - to_bits(V(least)));
  return select(subnormal, copysign(counted, x), x * select(far & !subnormal, V(F::far_down), V(1)));
}
template <class V> UFL_FN V rescale(plain_tail<V>, V x) { return x; }
template <class V> UFL_FN V rescale(scaled_tail<V> t, V x) { return scaled_down(t.down < V(1), x); }
/// A weight from which on `down` is multiplied in first, so that nothing overflows on the way.
template <class V> UFL_FN mask_t<V> is_large(V w) { return abs(w) > V(pick<V>(0x1p20, 0x1p100)); }
/// w x rescaled where `where` holds, w x elsewhere.
template <class V, class M> UFL_FN V rescaled_product(M, plain_tail<V>, V w, V x) { return w * x; }
template <class V, class M> UFL_FN V rescaled_product(M where, scaled_tail<V> t, V w, V x) {
  const mask_t<V> far = (t.down < V(1)) & where;
  const mask_t<V> large = is_large(w);
  return scaled_down(far & !large, (w * select(far & large, t.down, V(1))) * x);
}
template <class Tail, class V> UFL_FN V rescaled_product(Tail t, V w, V x) {
  return rescaled_product(x == x, t, w, x);
}
/// w w x rescaled.
template <class V> UFL_FN V rescaled_square(plain_tail<V>, V w, V x) { return (x * w) * w; }
template <class V> UFL_FN V rescaled_square(scaled_tail<V> t, V w, V x) {
  const mask_t<V> far = t.down < V(1);
  const mask_t<V> large = is_large(w);
  const V root = w * select(far & large, V(format_of<V>::far_root), V(1));
  return scaled_down(far & !large, (x * root) * root);
}
/// exp(x) where the result is far from subnormal: far <= x <= 0.  Elsewhere the result means nothing, NaN
/// included: 2^n goes in by an integer addition to the exponent, which leaves the multipliers, the busiest
/// units, to the polynomials.
template <class V> UFL_FN V exp_near(two<V> x) {
  const V t = fma(x.hi, V(exp_of<V>::log2e), V(exp_of<V>::round));
  const V n = t - V(exp_of<V>::round);
  const V high = fma(n, V(-exp_of<V>::ln2_hi), x.hi);
  const V rest = n * V(-exp_of<V>::ln2_lo);
  const V r = high + rest;
  const V low = ((high - r) + rest) + x.lo;
  return from_bits(to_bits(exp_reduced(r + low)) + shl<format_of<V>::mantissa>(to_bits(t)));
}
template <class V> UFL_FN V exp_near(V x) {
  const V t = fma(x, V(exp_of<V>::log2e), V(exp_of<V>::round));
  const V n = t - V(exp_of<V>::round);
  const V r = fma(n, V(-exp_of<V>::ln2_hi), x) + n * V(-exp_of<V>::ln2_lo);
  return from_bits(to_bits(exp_reduced(r)) + shl<format_of<V>::mantissa>(to_bits(t)));
}
/// exp(x) 2^s, where base is the rounding constant plus s: one of many terms whose common power of two is
/// settled later.  x is raised to `lowest`, which must keep the result a normal number, unless it is known to
/// lie above.  2^s comes straight from the bits of a sum and is multiplied in: an integer addition to the
/// bits of 1 + q would make a number of a NaN.
template <bool Raise = true, class V> UFL_FN V exp_shifted(V x, V base, V lowest) {
  const V y = Raise ? max(x, lowest) : x;
  const V bias = V(format_of<V>::bias);
#if UFL_HAS_FMA
  const V biased = base + bias;
  const V t = fma(y, V(exp_of<V>::log2e), biased);
  const V n = t - biased;
  const V scaling = t;
#else  // a rounded product may lie halfway between two integers, where it counts whether the sum is even
  const V t = fma(y, V(exp_of<V>::log2e), base);
  const V n = t - base;
  const V scaling = t + bias;
#endif
  const V r = fma(n, V(-exp_of<V>::ln2_lo), fma(n, V(-exp_of<V>::ln2_hi), y));
  const V q = fma(r * r, poly_short<coef::exp<scalar_t<V>>>(r), r);
  const V scale = from_bits(shl<format_of<V>::mantissa>(to_bits(scaling)));
#if UFL_HAS_FMA
  return fma(scale, q, scale);  // 1.1 ulp: an exact 1 + r would cost three operations more
#else
  return scale * (V(1) + q);  // the same; scale * q might be subnormal
#endif
}
template <class V> UFL_FN mask_t<V> is_near(V x) { return x >= V(exp_of<V>::far); }
/// What exp_tail() adds to leave 2^n in the low bits: scaled up where it is far.
template <class V> UFL_FN V tail_magic(mask_t<V> far) {
  return select(far, magic<format_of<V>::far_shift, V>(), magic<0, V>());
}
/// exp(hi + lo) for hi <= 0, as a tail.
template <class V> UFL_FN scaled_tail<V> exp_tail(two<V> x) {
  const auto far = x.hi < V(exp_of<V>::far);
  const auto a = reduce(max(x.hi, V(exp_of<V>::floor)), tail_magic<V>(far));
  const V e = exp_reduced(a.r + (a.low + x.lo)) * a.scale;
  return {select(x.hi < V(exp_of<V>::floor), V(0), e), select(far, V(format_of<V>::far_down), V(1))};
}
template <class V> UFL_FN scaled_tail<V> exp_tail(V x) {
  const auto far = x < V(exp_of<V>::far);
  const auto a = reduce(max(x, V(exp_of<V>::floor)), tail_magic<V>(far));
  const V e = exp_reduced(a.r) * a.scale;
  return {select(x < V(exp_of<V>::floor), V(0), e), select(far, V(format_of<V>::far_down), V(1))};
}
/// f(tail of x), x <= 0.  The plain way is taken when every lane may take it; where it applies both give the
/// same bits.
template <class V, class F> UFL_FN auto with_exp_nonpositive(V x, F f) {
  if (UFL_UNLIKELY(!all(is_near(x)))) return f(exp_tail(x));
  return f(plain_tail<V>{exp_near(x)});
}

// (2^n - 1) + 2^n r is summed exactly before the small rest 2^n (r^2 Q(r) + low), and the bits that 2^n - 1
// loses, are added.
template <class V> UFL_FN V expm1_reduced(reduced<V> a, V one) {
  const V u = a.scale - one;
  const V v = a.scale * a.r;
  const V lost = (a.scale - u) - one;
  const V rest = fma(a.r * a.r, poly<coef::exp<scalar_t<V>>>(a.r), a.low);
  const auto s = fast_two_sum(u, v);
  return s.hi + fma(a.scale, rest, s.lo + lost);
}
/// exp(x) - 1.  1.05 / 1.12 ulp.  Half of it is computed: 2^128 would overflow before the end.
template <class V> UFL_FN V expm1(V x) {
  const V y = clamp(x, V(exp_of<V>::one_tail), V(exp_of<V>::max));
  const V half = expm1_reduced(reduce(y, magic<-1, V>()), V(0.5));
  return select(abs(x) < V(pick<V>(0x1p-60, 0x1p-500)), x, half + half);  // keeps subnormals and -0
}
/// exp(x) - 1 - x for |x| <= 0.34, without cancellation, in double.  2 ulp.  Elsewhere the result means
/// nothing.
template <class V> UFL_FN V exp_rest(V x) {
  static_assert(is_double<V>, "compute it in double");
  return (x * x) * poly<coef::exp<double>>(clamp(x, V(-0.35), V(0.35)));
}

UFL_END
