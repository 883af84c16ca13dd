// The semiring of CTC: numbers m 2^e whose exponent never leaves its range, so that a recursion over
// thousands of frames needs no exp, no log and no rescaling.  The same text for scalars, packs and CUDA
// threads.
#pragma once
#include "ufloss/vocabulary/elementary.hpp"

UFL_BEGIN

/// m 2^e, m positive and far from both ends of its type, e integral.  Zero is 1 times 2^nothing: so far down
/// that no sum notices it and no product leaves it; nothing has to be selected.
template <class V> struct cell {
  V m, e;
};
template <class V> constexpr scalar_t<V> nothing = pick<V>(-1e30, -1e300);
template <class V> UFL_FN cell<V> zero_cell() { return {V(1), V(nothing<V>)}; }
template <class V> UFL_FN mask_t<V> is_zero(cell<V> a) { return a.e < V(nothing<V> / 2); }
/// 2^d for an integral d <= 0, 0 where that is no normal number.
template <class V> UFL_FN V shrink(V d) { return power_of_two<0>(max(d, V(-format_of<V>::bias))); }

/// The smaller one is shifted to the exponent of the larger: one rounding.  -|d| comes of setting its sign
/// bit.
template <class V> UFL_FN cell<V> add(cell<V> a, cell<V> b) {
  const V d = a.e - b.e;
  const auto first = d >= V(0);
  const V low = shrink(from_bits(to_bits(d) | to_bits(sign_bit<V>())));
  return {fma(select(first, b.m, a.m), low, select(first, a.m, b.m)), max(a.e, b.e)};
}
template <class V> UFL_FN cell<V> times(cell<V> a, cell<V> p) { return {a.m * p.m, a.e + p.e}; }
template <class V> UFL_FN cell<V> select(mask_t<V> c, cell<V> a, cell<V> b) {
  return {select(c, a.m, b.m), select(c, a.e, b.e)};
}
/// The mantissa back to [1, 2).  Of a sum of three times an emission it is below 9, so that once in every few
/// dozen steps is enough.
template <class V> UFL_FN cell<V> normal(cell<V> a) {
  using F = format_of<V>;
  using U = typename F::uint;
  using B = bits_t<V>;
  constexpr U fraction = (U(1) << F::mantissa) - 1, one = U(F::bias) << F::mantissa,
              big = U(F::bias + F::mantissa) << F::mantissa;
  const B i = to_bits(a.m);
  const V n = from_bits(shr<F::mantissa>(i) | B(big)) - V(scalar_t<V>((U(1) << F::mantissa) + F::bias));
  return {from_bits((i & B(fraction)) | B(one)), a.e + n};
}
constexpr int steps_between_normal = 16;

/// Blank n and label n: what one lane or thread works on.
template <class C> struct pair_of {
  C blank, label;
};
/// Times the emissions of a frame; `tidy` once in steps_between_normal frames.
template <class C> UFL_FN pair_of<C> emitted(pair_of<C> p, pair_of<C> emission, bool tidy) {
  C blank = times(p.blank, emission.blank);
  C label = times(p.label, emission.label);
  if (tidy) {
    blank = normal(blank);
    label = normal(label);
  }
  return {blank, label};
}
/// Alpha of the next frame before its emissions; skip: the blank between this label and the one before may be
/// left out.
template <class M, class C> UFL_FN pair_of<C> step_forward(pair_of<C> own, C label_before, M skip) {
  const C with = add(own.blank, label_before);
  const C enter = select(skip, with, own.blank);
  return {with, add(own.label, enter)};
}
/// u, which is beta without its own emission, from emissions times beta of the frame after, of this pair and
/// of the next one; skip: the blank between their labels may be left out.
template <class M, class C> UFL_FN pair_of<C> step_backward(pair_of<C> own, pair_of<C> after, M skip) {
  const C on = add(own.label, after.blank);
  return {add(own.blank, own.label), select(skip, add(on, after.label), on)};
}
/// The posterior alpha u / total, where share is 1 over the total's mantissa and down its exponent.
template <class V> UFL_FN V chance_of(cell<V> alpha, cell<V> u, V share, V down) {
  return ((alpha.m * share) * u.m) * power_of_two<0>(clamp((alpha.e - down) + u.e, V(-1023), V(1000)));
}
/// The logarithm of a single cell that is not zero.
UFL_FN double log_of(cell<double> a) {
  const cell<double> n = normal(a);
  return log(n.m) + n.e * 0.693147180559945309417;
}

/// exp(d), 1 near the largest of a frame; exp(-inf) is zero, as is what lies below -1e290.  Beyond 2^30 the
/// exponent alone is known, to 2^-52 of itself, and a sum would swallow all others: enough for a loss, which
/// is then as large.  A posterior asks which of such paths is best and compares them by the rest as well, so
/// its exponents are `ranked`: 2^32 times the logarithm of their size, which many frames can add up exactly.
constexpr double far_logit = 0x1p30;
template <class V> UFL_FN cell<V> exp_cell(V d, bool ranked) {
  static_assert(is_double<V>, "emissions are split in double");
  const V end = V(far_logit), round = V(exp_of<V>::round);
  const auto r = reduce(clamp(d, neg(end), end), round);
  cell<V> a = {exp_reduced(r.r + r.low), r.n};
  const auto far = !(abs(d) < end);
  if (UFL_UNLIKELY(!all(!far))) {
    const V y = d * V(exp_of<V>::log2e), size = abs(y);
    V whole = select(size < V(0x1p50), (y + round) - round, y);
    if (ranked) {
      const auto s = split(min(size, V(1e300)));
      whole = copysign((((s.n + s.m) - V(30)) * V(0x1p32) + round) - round, y);
    }
    a = select(far, cell<V>{V(1), select(d > V(-1e290), whole, V(nothing<V>))}, a);
  }
  return a;
}

UFL_END
