// A value type for eval<V> that carries its own derivatives: a formula is differentiated by running it.
//
// Design:
// a) dual = value, first and second derivative along one seeded input, in extended precision where the
// compiler has it. b) Each of the three carries a running bound of the rounding error that it would have in
// double.  The sum of two such bounds is the
//    tolerance of a comparison, so no loss needs one of its own, and cancellation is allowed for where it
//    happens.
// c) A comparison that a shift of the seeded input by 1e-6 could turn marks the point: there the derivative
// may not exist. d) The functions of vocabulary/elementary.hpp are templates of the value type; ours are not,
// so overload resolution prefers them, and
//    argument-dependent lookup finds them.  Low words are 0: a dual's sum is exact.  A function that is
//    missing here fails to compile.
// e) A fitted polynomial stands for a function whose derivatives it does not share to the last digits: poly()
// sums that function's
//    Taylor series instead.
#pragma once
#include <cmath>
#include "ufloss/loss.hpp"

UFL_BEGIN

using real = long double;
struct tracked {
  real v = 0, e = 0;
};  // e counts in units of 2^-53

inline bool exactly_zero(tracked a) { return a.v == 0 && a.e == 0; }
inline tracked operator-(tracked a) { return {-a.v, a.e}; }
// Errors add up, and the result is rounded once: half an ulp is |v| units at most.
inline tracked operator+(tracked a, tracked b) {
  const real v = a.v + b.v;
  return {v, a.e + b.e + std::fabs(v)};
}
inline tracked operator-(tracked a, tracked b) { return a + -b; }
inline tracked operator*(tracked a, tracked b) {
  const real v = a.v * b.v;
  return {v, (a.e == 0 ? 0 : a.e * std::fabs(b.v)) + (b.e == 0 ? 0 : b.e * std::fabs(a.v)) + std::fabs(v)};
}
/// A derivative times a factor: a derivative that is exactly 0 stays 0, also beside an infinite factor.
inline tracked term(tracked derivative, tracked factor) {
  return exactly_zero(derivative) || exactly_zero(factor) ? tracked{} : derivative * factor;
}

/// Value, first and second derivative along the seeded input.
struct dual {
  tracked v, d1, d2;
  dual() = default;
  dual(tracked value, tracked first, tracked second) : v(value), d1(first), d2(second) {}
  template <class S> explicit dual(S s) : v{real(s), 0} {}
  static dual seeded(double x) {
    dual a(x);
    a.d1.v = 1;
    return a;
  }
};
template <> struct traits<dual> {
  using scalar = double;
  using mask = bool;
  using wide = dual;
};

inline bool near_kink = false;  ///< set by comparisons, read and reset by the test
/// Two sides whose order a shift of 1e-6, or rounding, could change; sides that do not move with the input
/// decide the same way in the whole neighbourhood.
inline void watch(dual a, dual b) {
  const real distance = std::fabs(a.v.v - b.v.v), slope = std::fabs(a.d1.v - b.d1.v);
  if (slope > 0 && (distance <= 1e-6L * slope || distance <= 0x1p-50L * (a.v.e + b.v.e))) near_kink = true;
}
inline bool operator<(dual a, dual b) {
  watch(a, b);
  return a.v.v < b.v.v;
}
inline bool operator>(dual a, dual b) {
  watch(a, b);
  return a.v.v > b.v.v;
}
inline bool operator<=(dual a, dual b) {
  watch(a, b);
  return a.v.v <= b.v.v;
}
inline bool operator>=(dual a, dual b) {
  watch(a, b);
  return a.v.v >= b.v.v;
}
inline bool operator==(dual a, dual b) {
  watch(a, b);
  return a.v.v == b.v.v;
}
inline bool operator!=(dual a, dual b) {
  watch(a, b);
  return a.v.v != b.v.v;
}
inline dual select(bool m, dual a, dual b) { return m ? a : b; }
inline dual min(dual a, dual b) { return b < a ? b : a; }
inline dual max(dual a, dual b) { return a < b ? b : a; }

inline dual neg(dual a) { return {-a.v, -a.d1, -a.d2}; }
inline dual abs(dual a) { return a < dual(0) ? neg(a) : a; }
inline dual copysign(dual a, dual sign) {
  watch(sign, dual(0));
  return std::signbit(sign.v.v) ? neg(abs(a)) : abs(a);
}
inline dual operator+(dual a, dual b) { return {a.v + b.v, a.d1 + b.d1, a.d2 + b.d2}; }
inline dual operator-(dual a, dual b) { return {a.v - b.v, a.d1 - b.d1, a.d2 - b.d2}; }
inline dual operator*(dual a, dual b) {
  const tracked cross = term(a.d1, b.d1);
  return {a.v * b.v, term(a.d1, b.v) + term(b.d1, a.v), term(a.d2, b.v) + term(b.d2, a.v) + cross + cross};
}
/// f(a), given f and its first three derivatives there; the next derivative says how far an error of a
/// carries.
inline dual chain_rule(dual a, real f0, real f1, real f2, real f3) {
  const auto with_error = [&](real f, real next) {
    return tracked{f, std::fabs(f) + (a.v.e == 0 ? 0 : a.v.e * std::fabs(next))};
  };
  const tracked first = with_error(f1, f2);
  return {with_error(f0, f1), term(a.d1, first),
          term(term(a.d1, a.d1), with_error(f2, f3)) + term(a.d2, first)};
}
// By a 0 that does not move the quotient is inf or NaN; it has no derivatives, which would be NaN all.
inline dual operator/(dual a, dual b) {
  const real i = 1 / b.v.v;
  return exactly_zero(b.d1) && exactly_zero(b.v)
             ? dual({a.v.v / b.v.v, 0}, {}, {})
             : a * chain_rule(b, i, -i * i, 2 * i * i * i, -6 * i * i * i * i);
}

// Words beside a value are 0, since a long double sum loses nothing that counts here.
inline dual widen(dual a) { return a; }
inline dual narrow(dual a, dual) { return a; }
inline dual fma(dual a, dual b, dual c) { return a * b + c; }
inline dual exact_fma(dual a, dual b, dual c) { return a * b + c; }
inline dual product_error(dual, dual, dual) { return dual(0); }
inline two<dual> two_sum(dual a, dual b) { return {a + b, dual(0)}; }
inline two<dual> fast_two_sum(dual a, dual b) { return {a + b, dual(0)}; }
inline two<dual> two_product(dual a, dual b) { return {a * b, dual(0)}; }

inline dual sqrt(dual a) {
  const real r = std::sqrt(a.v.v), x = a.v.v;
  return chain_rule(a, r, 0.5L / r, -0.25L / (r * x), 0.375L / (r * x * x));
}
inline dual exp(dual a) {
  const real e = std::exp(a.v.v);
  return chain_rule(a, e, e, e, e);
}
inline dual exp_nonpositive(dual a) { return exp(a); }
inline dual expm1(dual a) {
  const real e = std::exp(a.v.v);
  return chain_rule(a, std::expm1(a.v.v), e, e, e);
}
inline dual exp_rest(dual a) {
  const real x = a.v.v, e = std::exp(x), m = std::expm1(x);
  real near = 0, power = x;
  for (int k = 2; k < 25; ++k) near += power *= x / k;
  return chain_rule(a, std::fabs(x) < 0.5L ? near : m - x, m, e, e);
}
inline dual log(dual a) {
  const real i = 1 / a.v.v;
  return chain_rule(a, std::log(a.v.v), i, -i * i, 2 * i * i * i);
}
inline dual log1p(dual a) {
  const real i = 1 / (1 + a.v.v);
  return chain_rule(a, std::log1p(a.v.v), i, -i * i, 2 * i * i * i);
}
inline dual log1p_unit(dual a) { return log1p(a); }
inline two<dual> log_two(dual a) { return {log(a), dual(0)}; }
inline dual scale_by(dual p, dual n) { return p * dual(std::exp2(n.v.v)); }
inline dual scale_unit(dual p, dual n) { return scale_by(p, n); }
inline dual scaled_down(bool far, dual x) { return far ? x * dual(format<double>::far_down) : x; }
inline dual beside_one(scaled_tail<dual> t, dual x) {
  return x * t.down;
}  // its derivative counts, however small it is
// The steps that every other function of the exp family is made of: x = 0 ln2 + x, and what magic<shift>()
// asks for.
inline dual exp_reduced(dual a) { return exp(a); }
inline dual exp_near(dual a) { return exp(a); }
inline dual exp_near(two<dual> a) { return exp(a.hi + a.lo); }
inline reduced<dual> reduce(dual x, dual magic) {
  const real shift = magic.v.v - exp_param<double>::round - format<double>::bias;
  return {dual(0), x, dual(0), dual(shift < -900 ? real(1) : std::exp2(shift))};
}
inline scaled<dual> pow_parts(dual x, dual a) {
  if (exactly_zero(x.v) && exactly_zero(x.d1))
    return {dual(a.v.v == 0 ? 1 : a.v.v > 0 ? 0 : HUGE_VAL), dual(0)};
  return {exp(a * log(x)), dual(0)};
}
// Taylor coefficients of what a fitted polynomial stands for.
// Of log cosh's series, at its largest argument 1, terms fall like (2/pi)^(2 k): the last of 64 is below
// 1e-24.
constexpr int series_terms = 64;
template <class C> struct series;
/// tanh(x) = sum of odd(k) x^(2k+1), from tanh' = 1 - tanh^2
inline real odd_of_tanh(int k) {
  static const struct table {
    real c[series_terms + 1];
    table() {
      for (int n = 0; n <= series_terms; ++n) {
        real square = 0;
        for (int i = 0; i < n; ++i) square += c[i] * c[n - 1 - i];
        c[n] = ((n == 0) - square) / (2 * n + 1);
      }
    }
  } t;
  return t.c[k];
}
template <> struct series<coef::tanh<double>> {
  static real at(int k) { return odd_of_tanh(k + 1); }
};  // tanh(x) = x + x y P(y), y = x^2
template <> struct series<coef::logcosh<double>> {
  static real at(int k) { return odd_of_tanh(k + 1) / (2 * k + 4); }
};  // y/2 + y^2 P(y)
template <> struct series<coef::logcosh_far<double>> {
  static real at(int k) { return (k % 2 ? 1 : -1) / real(k + 2); }
};  // log(1 + e) = e + e^2 P(e)
template <class C> dual poly(dual a) {
  static const struct table {
    real c[series_terms];
    table() {
      for (int k = 0; k < series_terms; ++k) c[k] = series<C>::at(k);
    }
  } t;
  real f[4] = {};  // the sum and its derivatives, each divided by its factorial
  for (int k = series_terms; k-- > 0;) {
    for (int d = 3; d > 0; --d) f[d] = f[d] * a.v.v + f[d - 1];
    f[0] = f[0] * a.v.v + t.c[k];
  }
  return chain_rule(a, f[0], f[1], 2 * f[2], 6 * f[3]);
}
template <class C> dual atanh_rest(dual f) { return log1p(f) - f; }
inline dual sigmoid(dual a) {
  const real p = 1 / (1 + std::exp(-a.v.v)), n = 1 / (1 + std::exp(a.v.v));
  return chain_rule(a, p, p * n, p * n * (n - p), p * n * (1 - 6 * p * n));
}
inline dual softplus(dual a) {
  const real x = a.v.v, p = 1 / (1 + std::exp(-x)), n = 1 / (1 + std::exp(x));
  return chain_rule(a, std::fmax(x, 0.0L) + std::log1p(std::exp(-std::fabs(x))), p, p * n, p * n * (n - p));
}
inline dual softplus_tail(dual a) { return softplus(neg(abs(a))); }
inline dual tanh(dual a) {
  const real t = std::tanh(a.v.v), c = 1 / std::cosh(a.v.v), s = c * c;
  return chain_rule(a, t, s, -2 * t * s, 4 * t * t * s - 2 * s * s);
}
inline dual logcosh(dual a) {
  const real x = a.v.v, t = std::tanh(x), c = 1 / std::cosh(x), s = c * c, h = std::sinh(x);
  return chain_rule(
      a,
      std::fabs(x) < 1 ? std::log1p(h * h) / 2 : std::fabs(x) + std::log1p(std::expm1(-2 * std::fabs(x)) / 2),
      t, s, -2 * t * s);
}

UFL_END
