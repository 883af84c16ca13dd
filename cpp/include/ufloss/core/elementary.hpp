// exp, log and the fused functions of the losses, written once for scalars, packs and CUDA threads.
//
// Design:
// a) One text for every value type.  With fused multiply-add the results are the same bits on every
// instruction set; without it
//    (x86-64-v2) multiply and add, and the bounds below grow by at most 0.3 ulp.
// b) Subnormal results are rounded once: the result is formed at a scale where it is normal, and the last
// operation scales it. c) No conversions between integers and floating point: a number added to 1.5 *
// 2^mantissa leaves its integer in the low bits. d) NaN in, NaN out; infinities and signed zeros give exact
// limits. Bounds are the largest error in ulp over all 2^32 floats / over 300 000 doubles per function
// against quad precision, with fma.
#pragma once
#include "ufloss/core/coefficients.hpp"
#include "ufloss/core/pack.hpp"
#include "ufloss/core/scalar.hpp"

UFL_BEGIN

// --- built from the primitives -----
template <class V> UFL_FN V inf() { return V(scalar_t<V>(UFL_INF)); }
template <class V> UFL_FN V nan() { return V(scalar_t<V>(UFL_NAN)); }
template <class V> UFL_FN V sign_bit() {
  return from_bits(bits_t<V>(typename format_of<V>::uint(1) << (8 * sizeof(scalar_t<V>) - 1)));
}
template <class V> UFL_FN V abs(V x) { return from_bits(to_bits(x) & ~to_bits(sign_bit<V>())); }
template <class V> UFL_FN V neg(V x) { return from_bits(to_bits(x) ^ to_bits(sign_bit<V>())); }
template <class V> UFL_FN V copysign(V magnitude, V sign) {
  const auto s = to_bits(sign_bit<V>());
  return from_bits((to_bits(magnitude) & ~s) | (to_bits(sign) & s));
}
/// x between lo and hi; NaN stays.
template <class V> UFL_FN V clamp(V x, V lo, V hi) { return min(max(x, lo), hi); }

/// An unevaluated sum: hi is the rounded result, lo what its rounding lost.
template <class V> struct two {
  V hi, lo;
};
template <class V> UFL_FN two<V> fast_two_sum(V a, V b) {
  const V s = a + b;
  return {s, (a - s) + b};
}  // |a| >= |b|
template <class V> UFL_FN two<V> two_sum(V a, V b) {
  const V s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
template <class V> UFL_FN two<V> two_diff(V a, V b) {
  const V s = a - b, t = s - a;
  return {s, (a - (s - t)) - (b + t)};
}
/// What the rounding of a * b to p lost.
template <class V> UFL_FN V product_error(V a, V b, V p) {
#if UFL_HAS_FMA
  return fma(a, b, neg(p));
#else
  // Halves of 24 bits or fewer, cut off by a mask: no multiplication that could overflow, as the customary
  // split has.
  constexpr auto cut = ~((typename format_of<V>::uint(1) << ((format_of<V>::mantissa + 2) / 2)) - 1);
  const V ah = from_bits(to_bits(a) & bits_t<V>(cut)), bh = from_bits(to_bits(b) & bits_t<V>(cut)),
          al = a - ah, bl = b - bh;
  return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#endif
}
template <class V> UFL_FN two<V> two_product(V a, V b) {
  const V p = a * b;
  return {p, product_error(a, b, p)};
}
/// a * b + c with one rounding, on every instruction set (where fma() may have two).
template <class V> UFL_FN V exact_fma(V a, V b, V c) {
#if UFL_HAS_FMA
  return fma(a, b, c);
#else
  if constexpr (!is_double<V>)
    return narrow(widen(a) * widen(b) + widen(c), a);  // the product of two floats is a double
  else {
    const auto p = two_product(a, b);
    const auto s = two_sum(p.hi, c);
    const V r = s.hi + (s.lo + p.lo);
    return select(abs(s.hi) < inf<V>(), r, s.hi);
  }
#endif
}
/// |s| <= limit, decided by the exact sum; false where it is NaN.
template <class V> UFL_FN mask_t<V> within(two<V> s, V limit) {
  const V a = abs(s.hi);
  return (a < limit) | ((a == limit) & !(copysign(V(1), s.hi) * s.lo > V(0)));
}
/// lo where it is a finite correction of hi, else 0: the low word of an infinite or huge sum is NaN.
template <class V> UFL_FN V sane_low(two<V> s) {
  return select(abs(s.hi) < V(pick<V>(0x1p60, 0x1p500)), s.lo, V(0));
}

// c[0] + c[1] x + ...  The order of operations is part of the result's bits.  Each coefficient is read as a
// constant expression: a reference to the array would be an object that device code does not have, and a
// symbol that two objects could share.
template <class C> constexpr int terms = int(sizeof(C::c) / sizeof(C::c[0]));
template <class C, int Step, int I, class V> UFL_FN V chain(V x) {
  constexpr auto c = C::c[I];
  if constexpr (I + Step >= terms<C>) return V(c);
  else return fma(chain<C, Step, I + Step>(x), x, V(c));
}
// Horner for short ones; else even and odd powers apart: half the latency for one multiplication.
template <class C, class V> UFL_FN V poly(V x) {
  if constexpr (terms<C> < (is_double<V> ? 6 : 12)) return chain<C, 1, 0>(x);
  else {
    const V y = x * x;
    return fma(chain<C, 2, 1>(y), x, chain<C, 2, 0>(y));
  }
}

// For loops whose speed is the length of the chain: pairs of terms at once.
template <class C, class V> UFL_FN V poly_short(V x) {
  if constexpr (terms<C> == 5) {
    const V y = x * x, a = fma(V(C::c[1]), x, V(C::c[0])), b = fma(V(C::c[3]), x, V(C::c[2]));
    return fma(fma(V(C::c[4]), y, b), y, a);
  } else return poly<C>(x);
}

// --- exp family -----
template <class T> struct exp_param;
template <> struct exp_param<float> {
  static constexpr float log2e = 0x1.715476p0f;
  static constexpr float ln2_hi = 0x1.63p-1f,
                         ln2_lo = -0x1.bd0106p-13f;  // hi has 9 bits: n * hi is exact for |n| < 2^15
  static constexpr float round = 0x1.8p23f;          // x + round leaves rint(x) in the low bits
  static constexpr float min = -104, max = 89, product_max = 131,
                         one_tail = -20;           // exp: 0, inf;  scaled: far beyond;  expm1: -1
  static constexpr float far = -60, floor = -156;  // exp_tail: scaled below far, 0 below floor
  static constexpr float normal = -87;             // above it exp is a normal number
};
template <> struct exp_param<double> {
  static constexpr double log2e = 0x1.71547652b82fep0;
  static constexpr double ln2_hi = 0x1.62e42fefa4p-1, ln2_lo = -0x1.8432a1b0e2634p-43;  // hi has 40 bits
  static constexpr double round = 0x1.8p52;
  static constexpr double min = -746, max = 710, product_max = 1060, one_tail = -40;
  static constexpr double far = -160, floor = -1330,
                          normal = -708;  // far: polynomials have powers up to exp(x)^4, which are normal
};
template <class V> using exp_of = exp_param<scalar_t<V>>;

// x = n ln2 + r + low, |r| <= ln2/2.  `scale` is 2^(n + shift), straight from the bits of x log2e + magic.  n
// ln2_hi and x - n ln2_hi are exact, with or without fma; r is the rounded rest, low what that rounding lost.
template <class V> struct reduced {
  V n, r, low, scale;
};
template <class V> UFL_FN reduced<V> reduce(V x, V magic) {
  const V t = fma(x, V(exp_of<V>::log2e), magic), n = t - magic;
  const V a = fma(n, V(-exp_of<V>::ln2_hi), x), b = n * V(-exp_of<V>::ln2_lo), r = a + b;
  return {n, r, (a - r) + b, from_bits(shl<format_of<V>::mantissa>(to_bits(t)))};
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
  const mask_t<V> high = n > V(F::bias), low = n < V(1 - F::bias);
  const V shift = select(high, V(-F::half_range), select(low, V(F::half_range), V(0)));
  return (p * power_of_two<0>(n + shift)) * select(high, V(F::half_up), select(low, V(F::half_down), V(1)));
}
/// The same for p near 1.
template <class V> UFL_FN V scale_unit(V p, V n) {
  using F = format_of<V>;
  const auto big = n > V(0);
  const V s = from_bits(
      shl<F::mantissa>(to_bits(n + select(big, magic<-F::half_range, V>(), magic<F::half_range, V>()))));
  return (p * s) * select(big, V(F::half_up), V(F::half_down));
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
/// exp(x) for x <= 0 as big * down.  Where it would be subnormal, `down` is a power of two that keeps `big`
/// normal: a weight that is multiplied in before `down` then costs no accuracy.  Near 0 nothing of this is
/// needed, and `down` is not even a number.
template <class V, bool Near> struct tail {
  V big, down;
};
template <class V> struct tail<V, true> {
  V big;
};
template <class T> constexpr bool is_short = false;
template <class V> constexpr bool is_short<tail<V, true>> = true;
/// x, or x rescaled where it stands beside 1: far out that is 0.
template <class V> UFL_FN V beside_one(tail<V, true>, V x) { return x; }
template <class V> UFL_FN V beside_one(tail<V, false> t, V x) { return select(t.down < V(1), V(0), x); }
/// x 2^-far_shift where `far` holds, x elsewhere; rounded once.  A multiplication that makes a subnormal
/// number takes a hundred cycles on many processors, so such numbers are made as their bits are counted: in
/// units of the smallest one, by the rounding of a sum.
template <class V> UFL_FN V scaled_down(mask_t<V> far, V x) {
  using F = format_of<V>;
  constexpr scalar_t<V> least =
      F::smallest_normal * F::far_up;  // its unit is the smallest number's, scaled up
  const V size = abs(x);
  const mask_t<V> subnormal = far & (size < V(least));
  const V counted = from_bits(to_bits(size + V(least)) - to_bits(V(least)));
  return select(subnormal, copysign(counted, x), x * select(far & !subnormal, V(F::far_down), V(1)));
}
template <class V> UFL_FN V rescale(tail<V, true>, V x) { return x; }
template <class V> UFL_FN V rescale(tail<V, false> t, V x) { return scaled_down(t.down < V(1), x); }
/// A weight from which on `down` is multiplied in first, so that nothing overflows on the way.
template <class V> UFL_FN mask_t<V> is_large(V w) { return abs(w) > V(pick<V>(0x1p20, 0x1p100)); }
/// w x rescaled where `where` holds, w x elsewhere.
template <class V, class M> UFL_FN V rescaled_product(M, tail<V, true>, V w, V x) { return w * x; }
template <class V, class M> UFL_FN V rescaled_product(M where, tail<V, false> t, V w, V x) {
  const mask_t<V> far = (t.down < V(1)) & where, large = is_large(w);
  return scaled_down(far & !large, (w * select(far & large, t.down, V(1))) * x);
}
template <class T, class V> UFL_FN V rescaled_product(T t, V w, V x) {
  return rescaled_product(x == x, t, w, x);
}
/// w w x rescaled.
template <class V> UFL_FN V rescaled_square(tail<V, true>, V w, V x) { return (x * w) * w; }
template <class V> UFL_FN V rescaled_square(tail<V, false> t, V w, V x) {
  const mask_t<V> far = t.down < V(1), large = is_large(w);
  const V root = w * select(far & large, V(format_of<V>::far_root), V(1));
  return scaled_down(far & !large, (x * root) * root);
}
/// exp(x) where the result is far from subnormal: far <= x <= 0.  Elsewhere the result means nothing, NaN
/// included: 2^n goes in by an integer addition to the exponent, which leaves the multipliers, the busiest
/// units, to the polynomials.
template <class V> UFL_FN V exp_near(two<V> x) {
  const V t = fma(x.hi, V(exp_of<V>::log2e), V(exp_of<V>::round)), n = t - V(exp_of<V>::round);
  const V a = fma(n, V(-exp_of<V>::ln2_hi), x.hi), b = n * V(-exp_of<V>::ln2_lo), r = a + b;
  return from_bits(to_bits(exp_reduced(r + (((a - r) + b) + x.lo))) +
                   shl<format_of<V>::mantissa>(to_bits(t)));
}
template <class V> UFL_FN V exp_near(V x) {
  const V t = fma(x, V(exp_of<V>::log2e), V(exp_of<V>::round)), n = t - V(exp_of<V>::round);
  const V r = fma(n, V(-exp_of<V>::ln2_hi), x) + n * V(-exp_of<V>::ln2_lo);
  return from_bits(to_bits(exp_reduced(r)) + shl<format_of<V>::mantissa>(to_bits(t)));
}
/// exp(x) 2^s, where base is the rounding constant plus s: one of many terms whose common power of two is
/// settled later.  x is raised to `lowest`, which must keep the result a normal number, unless it is known to
/// lie above.  2^s comes straight from the bits of a sum and is multiplied in: an integer addition to the
/// bits of 1 + q would make a number of a NaN.
template <bool Raise = true, class V> UFL_FN V exp_shifted(V x, V base, V lowest) {
  const V y = Raise ? max(x, lowest) : x, bias = V(format_of<V>::bias);
#if UFL_HAS_FMA
  const V biased = base + bias, t = fma(y, V(exp_of<V>::log2e), biased), n = t - biased, scaling = t;
#else  // a rounded product may lie halfway between two integers, where it counts whether the sum is even
  const V t = fma(y, V(exp_of<V>::log2e), base), n = t - base, scaling = t + bias;
#endif
  const V r = fma(n, V(-exp_of<V>::ln2_lo), fma(n, V(-exp_of<V>::ln2_hi), y));
  const V q = fma(r * r, poly_short<coef::exp<scalar_t<V>>>(r), r),
          s = from_bits(shl<format_of<V>::mantissa>(to_bits(scaling)));
#if UFL_HAS_FMA
  return fma(s, q, s);  // 1.1 ulp: an exact 1 + r would cost three operations more
#else
  return s * (V(1) + q);  // the same; s * q might be subnormal
#endif
}
template <class V> UFL_FN mask_t<V> is_near(V x) { return x >= V(exp_of<V>::far); }
/// exp(hi + lo) for hi <= 0, as a tail.
template <class V> UFL_FN tail<V, false> exp_tail(two<V> x) {
  const auto far = x.hi < V(exp_of<V>::far);
  const auto a =
      reduce(max(x.hi, V(exp_of<V>::floor)), select(far, magic<format_of<V>::far_shift, V>(), magic<0, V>()));
  const V e = exp_reduced(a.r + (a.low + x.lo)) * a.scale;
  return {select(x.hi < V(exp_of<V>::floor), V(0), e), select(far, V(format_of<V>::far_down), V(1))};
}
template <class V> UFL_FN tail<V, false> exp_tail(V x) {
  const auto far = x < V(exp_of<V>::far);
  const auto a =
      reduce(max(x, V(exp_of<V>::floor)), select(far, magic<format_of<V>::far_shift, V>(), magic<0, V>()));
  return {select(x < V(exp_of<V>::floor), V(0), exp_reduced(a.r) * a.scale),
          select(far, V(format_of<V>::far_down), V(1))};
}
/// f(tail of x), x <= 0.  The short way is taken when every lane may take it; where it applies both give the
/// same bits.
template <class V, class F> UFL_FN auto with_exp_tail(V x, F f) {
  if (UFL_UNLIKELY(!all(is_near(x)))) return f(exp_tail(x));
  return f(tail<V, true>{exp_near(x)});
}

// (2^n - 1) + 2^n r is summed exactly before the small rest 2^n (r^2 Q(r) + low), and the bits that 2^n - 1
// loses, are added.
template <class V> UFL_FN V expm1_reduced(reduced<V> a, V one) {
  const V u = a.scale - one, v = a.scale * a.r;
  const auto s = fast_two_sum(u, v);
  return s.hi +
         fma(a.scale, fma(a.r * a.r, poly<coef::exp<scalar_t<V>>>(a.r), a.low), s.lo + ((a.scale - u) - one));
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

// --- log family -----
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
/// log(x) in two words, double only: relative error below 2^-58.  2 atanh(s) = 2 s + s^3 R(s^2), 2 s carried
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
template <class V> UFL_FN V log1p_tail(tail<V, true> t) { return log1p_unit(t.big); }
template <class V> UFL_FN V log1p_tail(tail<V, false> t) {
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

// --- fused -----
/// log(1 + exp(-|x|)), the bent part of softplus.  1.62 / 1.51 ulp.
template <class V> UFL_FN V softplus_tail(V x) { return log1p_unit(exp_nonpositive(neg(abs(x)))); }
/// log(1 + exp(x)).  1.80 / 1.88 ulp.
template <class V> UFL_FN V softplus(V x) { return max(x, V(0)) + softplus_tail(x); }
/// 1 / (1 + exp(-x)).  1.56 / 1.50 ulp.  t is the smaller of sigmoid(x) and sigmoid(-x); the answer is 1 - t
/// or e (1 - t), where the rounding of 1 + e counts only t-fold.
template <class V> UFL_FN V sigmoid(V x) {
  const V e = exp_nonpositive(neg(abs(x))), t = e / (V(1) + e), base = select(x < V(0), e, V(1));
  return fma(neg(base), t, base);
}
/// tanh(x).  1.42 / 1.38 ulp.
template <class V> UFL_FN V tanh(V x) {
  const V a = abs(x), y = a * a, e = exp_nonpositive(V(-2) * a), t = e / (V(1) + e);
  const V near = fma(a, y * poly<coef::tanh<scalar_t<V>>>(y), a), far = fma(V(-2), t, V(1));
  return copysign(select(a < V(0.625), near, far), x);
}
/// log(cosh(x)).  1.61 / 1.49 ulp.
template <class V> UFL_FN V logcosh(V x) {
  const V a = abs(x), y = a * a, e = exp_nonpositive(V(-2) * a);
  const V near = fma(y * y, poly<coef::logcosh<scalar_t<V>>>(y), V(0.5) * y);
  const V l = fma(e * e, poly<coef::logcosh_far<scalar_t<V>>>(e), e);
  return select(a < V(1), near, (a - V(exp_of<V>::ln2_hi)) + (l - V(exp_of<V>::ln2_lo)));
}

/// f computed in double and rounded once: float lanes are widened, double ones go straight through.  f
/// returns one value.
template <class F, class V, class... W> UFL_FN V in_double(F f, V x, W... rest) {
  if constexpr (is_double<V>) return f(x, rest...);
  else return narrow(f(widen(x), widen(rest)...), x);
}

UFL_END
