// Signs, limits, exact sums and products in two words, and polynomials: what elementary functions are built
// from.
#pragma once
#include "ufloss/vocabulary/pack.hpp"
#include "ufloss/vocabulary/scalar.hpp"
#if defined(__CUDACC__) || defined(UFL_EMULATED_GPU)  // before all formulas, as packs are
#include "ufloss/vocabulary/several.hpp"
#endif

UFL_BEGIN

template <class V> UFL_FN V inf() { return V(scalar_t<V>(UFL_INF)); }
template <class V> UFL_FN V nan() { return V(scalar_t<V>(UFL_NAN)); }
template <class V> UFL_FN V sign_bit() {
  return from_bits(bits_t<V>(typename format_of<V>::uint(1) << (8 * sizeof(scalar_t<V>) - 1)));
}
template <class V> UFL_FN V abs(V x) { return from_bits(to_bits(x) & ~to_bits(sign_bit<V>())); }
/// Minus as a flip of the sign, also of 0 and NaN: 0 - x would make +0 of both zeros.
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
/// For |a| >= |b|.
template <class V> UFL_FN two<V> fast_two_sum(V a, V b) {
  const V s = a + b;
  return {s, (a - s) + b};
}
/// For any a and b: six operations, of which none may be reordered, nor contracted.
template <class V> UFL_FN two<V> two_sum(V a, V b) {
  const V s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
/// Adds part of a sum, in its own type, to a total in double; of double also to what its roundings lost,
/// where that is a number.
template <class D, class V> UFL_FN void add_part(D& total, D& lost, V part) {
  if constexpr (is_double<V>) {
    const auto t = two_sum(total, part);
    total = t.hi;
    lost = lost + select(t.lo == t.lo, t.lo, D(0));
  } else total = total + widen(part);
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
template <class V> UFL_FN V finite_low(two<V> s) {
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

/// f computed in double and rounded once: float lanes are widened, double ones go straight through.  f
/// returns one value.
template <class F, class V, class... W> UFL_FN V in_double(F f, V x, W... rest) {
  if constexpr (is_double<V>) return f(x, rest...);
  else return narrow(f(widen(x), widen(rest)...), x);
}

UFL_END
