// Emissions and cells of the quick way, which almost all sequences go: mantissas in double and exponents as
// integers, so that a pair of states costs a frame four operations in double, which many cards have few units
// for.
//
// Emissions and the sums of frames are made of the same exponentials: an error of one is in both, and costs
// the loss its own size times how far posterior and softmax are apart.  So a small loss is as right as a
// large one.
#pragma once
#include "ufloss/cuda/lattice/call.hpp"
#include "ufloss/kinds/lattice/cell.hpp"

UFL_BEGIN

/// m 2^e.  Zero is as far down as no way through quick_frames frames comes, and stays there whatever it is
/// multiplied by: (-2^30) - (2^30 - 2^28) does not overflow either.
struct quick_cell {
  double m;
  int e;
};
constexpr int quick_nothing = -(1 << 30);          ///< zero's exponent; nothing is below it
constexpr int quick_no_emission = -3 * (1 << 28);  ///< that of an emission
constexpr int quick_zero = -3 * (1 << 27);         ///< what is below it is zero
constexpr long long quick_frames = 1 << 16;        ///< an exponent moves by less than 2^12 a frame
UFL_FN quick_cell no_quick_cell() { return {1, quick_nothing}; }
UFL_FN bool is_zero(quick_cell a) { return a.e < quick_zero; }
UFL_FN quick_cell select(bool c, quick_cell a, quick_cell b) { return {c ? a.m : b.m, c ? a.e : b.e}; }
/// 2^n, n from -1023, which gives 0, to 1023.
UFL_FN double power_of_two(int n) { return from_bits(uint64(n + 1023) << 52); }
UFL_FN quick_cell add(quick_cell a, quick_cell b) {
  const int d = a.e - b.e;
  const bool first = d >= 0;
  const int down = first ? d : -d;
  const double low = power_of_two(down < 1023 ? -down : -1023);
  return {fma(first ? b.m : a.m, low, first ? a.m : b.m), first ? a.e : b.e};
}
UFL_FN quick_cell times(quick_cell a, quick_cell p) {
  const int e = a.e + p.e;
  return {a.m * p.m, e < quick_nothing ? quick_nothing : e};
}
UFL_FN quick_cell normal(quick_cell a) {
  constexpr uint64 fraction = (uint64(1) << 52) - 1, one = uint64(1023) << 52;
  const uint64 i = to_bits(a.m);
  return {from_bits((i & fraction) | one), a.e + (int(i >> 52) - 1023)};
}
UFL_FN cell<double> widened(quick_cell a) {
  return is_zero(a) ? zero_cell<double>() : cell<double>{a.m, double(a.e)};
}
/// alpha u / total as a number of type G; below 2^-64 it may be 0.
template <class G> UFL_FN G chance_of(quick_cell alpha, quick_cell u, G share, int down) {
  const long long e = ((long long)alpha.e - down) + u.e;
  if constexpr (sizeof(G) == 8) {
    const int n = int(e < -1023 ? -1023 : e > 1000 ? 1000 : e);
    return ((alpha.m * share) * u.m) * power_of_two(n);
  } else {
    const int n = int(e < -127 ? -127 : e > 127 ? 127 : e);
    return ((G(alpha.m) * share) * G(u.m)) * from_bits(uint32(n + 127) << 23);
  }
}

namespace gpu {

/// exp(v) = m 2^n for |v| up to 2^12, where v log2(e) is rounded as it is.  The mantissa 1 + r + r^2 Q(r) is
/// added in double: in float alone two roundings would be 4 10^-8 of it, this is 2 10^-8.
struct exponential {
  double m;
  int n;
};
template <class E> UFL_DEVICE exponential exponential_of(E v) {
  constexpr E round = exp_param<E>::round;
  const E t = fma(v, exp_param<E>::log2e, round);
  const E n = t - round;
  const E high = fma(n, -exp_param<E>::ln2_hi, v), rest = n * -exp_param<E>::ln2_lo;
  const E r = high + rest, low = (high - r) + rest;
  const E q = fma(r * r, poly_short<coef::exp<E>>(r), low);
  return {(1 + double(r)) + double(q), int(uint32(to_bits(t)) - uint32(to_bits(round)))};
}
/// As a number, for v > -700.
UFL_DEVICE double value_of(exponential x) { return from_bits(to_bits(x.m) + (uint64((long long)x.n) << 52)); }

/// What the logits of a frame are taken relative to: exp(x - from) 2^-k.  Usual ones as they are, so that no
/// rounding of a difference makes an error in proportion to it.
template <class E> struct frame_scale {
  E from, least;  ///< at `least` and below, a number is odd: it needs the careful way
  int k;
};
constexpr double usual_logit = 512;
template <class E> UFL_DEVICE frame_scale<E> scale_of(double top) {
  const E x = E(top);
  if (!(abs(x) < E(usual_logit))) return {x, E(-512), 0};  // differences are exact
  const E t = fma(x, exp_param<E>::log2e, exp_param<E>::round);
  return {0, E(-2048), int(uint32(to_bits(t)) - uint32(to_bits(exp_param<E>::round)))};
}
template <class E> UFL_DEVICE frame_scale<E> scale_of_log_probs() { return {0, E(-2048), 0}; }

/// An emission; `odd` is set where it has none, NaN included.
template <class E> UFL_DEVICE quick_cell emission_of(E x, frame_scale<E> f, bool& odd) {
  const E v = x - f.from;
  if (v == -inf<E>()) return {1, quick_no_emission};
  const bool usual = v > f.least && v < E(2048);
  odd |= !usual;
  const exponential y = exponential_of(usual ? v : E(0));
  return {y.m, y.n - f.k};
}
/// The same with an exponent that takes any difference; `bad`: NaN or +inf.  Right beside those of the quick
/// way: what is far is relative to the largest, whose mantissa is `top_m`.
template <class E>
UFL_DEVICE cell<double> careful_emission(E x, frame_scale<E> f, double top, double top_m, bool ranked,
                                         bool& far, bool& bad) {
  bool odd = false;
  const quick_cell y = emission_of(x, f, odd);
  if (!odd) return y.e == quick_no_emission ? zero_cell<double>() : cell<double>{y.m, double(y.e)};
  const double d = double(x) - top;
  bad |= !(d < UFL_INF);
  if (!(d < UFL_INF)) return zero_cell<double>();
  far |= d < -far_logit;
  const cell<double> c = exp_cell(d, ranked);
  return {c.m * top_m, c.e};
}
/// The mantissa of exp(top), and of nothing where logits are relative to it.
template <class E> UFL_DEVICE double mantissa_of_top(frame_scale<E> f, double top) {
  return exponential_of(E(top) - f.from).m;
}

/// Of what type emissions are computed: log-probabilities are not normalised by what has the same error.
template <class S, bool LogProbs> struct emission_type {
  using type = compute_t<S>;
};
template <class S> struct emission_type<S, true> {
  using type = double;
};

/// Of all frames that take part; every thread of the block gets it.
UFL_DEVICE double log_of_sums(const lattice_arguments& a, unsigned b, long long frames) {
  const double* const sums = piece_of<const double>(a.sums, b, a.frames);
  const int* const order = a.operand[of_mask] ? piece_of<const int>(a.order, b, a.frames) : nullptr;
  double mine = 0;
  for (long long v = thread(); v < frames; v += threads()) mine += log(sums[order ? order[v] : v]);
  return sum_of_block(mine, shared_memory<double>());
}
/// Minus the logarithm of the total times what the frames were divided by.
UFL_DEVICE double loss_of(cell<double> total, double log_sums, bool log_probs) {
  if (log_sums != log_sums) return log_sums;
  if (is_zero(total)) return UFL_INF;
  const cell<double> n = normal(total);
  const double loss = (log_sums - n.e * 0.693147180559945309417) - log(n.m);
  return log_probs || loss > 0 ? loss : 0.0;
}

}  // namespace gpu
UFL_END
