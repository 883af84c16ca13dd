// Losses of counts and positive amounts: Poisson, gamma, Tweedie.
//
// Their values and gradients cross 0 inside the domain, so float data are computed in double: the bound of
// such an output counts ulps of its largest term.  With d = log y - x the deviances are y phi(-d) and phi(d),
// phi(d) = exp(d) - 1 - d, which keeps the neighbourhood of the minimum; away from it the terms are summed as
// they stand.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

namespace deviance {
/// k y exp(z), also where a factor or a partial product would leave the range of normal numbers.
///
/// exp(z) = p 2^n.  A y below 1 takes as much of 2^n as fits before p is multiplied in; a y above it gives
/// 2^64 away instead, so that p k y does not overflow.  What is left of n follows in two steps, each in
/// range.
template <class D> UFL_FN D times_exp(D y, two<D> z, D k = D(1)) {
  const scaled<D> e = exp_parts(z, D(1500));  // y may be as small as 2^-1074
  const auto small = y < D(1);
  const D at_once = clamp(e.n, D(-1000), D(1000));
  const D lifted = select(small, scale_by(y, at_once), y * D(0x1p-64));
  const D mantissa = lifted * (e.p * k);
  const D rest = select(small, e.n - at_once, e.n + D(64));
  const D first = clamp(rest, D(-1000), D(1000));
  const D result = scale_by(scale_by(mantissa, first), rest - first);
  return select((y == D(0)) & (z.hi == z.hi), D(0), result);
}
template <class D> UFL_FN D times_exp(D y, D z) { return times_exp(y, two<D>{z, D(0)}); }

/// exp(x) - y z, also where both overflow and their difference need not: there it is formed 2^-64 as large.
template <class D> UFL_FN D exp_less(D x, D y, D z) {
  const D e = exp(x);
  const auto fits = e < inf<D>();
  D r = e - times_or_zero(y, z);
  if (UFL_UNLIKELY(!all(fits))) {
    const scaled<D> parts = exp_parts(two<D>{x, D(0)});
    const D low = scale_by(parts.p, parts.n - D(64)) - times_or_zero(y * D(0x1p-64), z);
    const auto beyond = (x > D(800)) & (y < inf<D>());
    r = select(fits, r, select(beyond, inf<D>(), low * D(0x1p64)));
  }
  return r;
}
/// exp(x) - y, the gradient of the losses of counts.
/// In double: it is 0 at the minimum, where training ends up.
template <class V> UFL_FN V mean_less_target(V x, V y) {
  return in_double([](auto x, auto y) UFL_INLINE { return exp(x) - y; }, x, y);
}
/// y phi(-d) with d = log y - x, and exp(x) where y = 0.  Counts are often 0: log's way for special arguments
/// is the longer one.
template <class D> UFL_FN D half_poisson(D x, D y) {
  const auto none = y == D(0);
  const D minus_d = x - log(select(none, D(1), y));
  const D near = y * exp_rest(minus_d);
  const D far = exp_less(x, y, minus_d + D(1));
  return select(none, exp(x), select(abs(minus_d) < D(0.34), near, far));
}
/// phi(d).
/// Far out as exp(d) - 1 - d with y exp(-x) for exp(d), in which the rounding of d would count d-fold.
template <class D> UFL_FN D half_gamma(D x, D y) {
  const D d = log(y) - x;
  const D near = exp_rest(d);
  const D far = select(d == inf<D>(), d, (times_exp(y, neg(x)) - D(1)) - d);
  return select(abs(d) < D(0.34), near, far);
}
}  // namespace deviance

/// value = exp(x) - x y, grad = exp(x) - y, hess = exp(x).  At x = 0: [1, 1 - y, 1].
struct poisson_nll_loss {
  static constexpr auto name = "poisson_nll_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Logarithms of the predicted rates."), operands::count};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Poisson negative log-likelihood of a log rate.";
  static constexpr auto formula = "exp(predictions) - targets * predictions";
  static constexpr auto notes =
      "The term log(targets!) is left out; `stirling_term` approximates it. `hess_bound` is the second "
      "derivative, or the smallest normal number where that is less.";
  static constexpr auto source = "gluon PoissonNLLLoss(from_logits=True); torch poisson_nll_loss.";
  static constexpr auto example =
      ">>> ul.poisson_nll_loss([0.0, 1.0], [2, 2])\n"
      "array([1.        , 0.71828183])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V value = in_double([](auto x, auto y) UFL_INLINE { return deviance::exp_less(x, y, x); }, x, y);
    // Nothing cancels in the mean itself: the data's own type is enough for the curvature.
    const V mean = exp(x);
    return {value, deviance::mean_less_target(x, y), mean, mean};
  }
};

/// With s = x + eps: value = x - y log s, grad = 1 - y/s, hess = y/s^2.  The expected second derivative is
/// 1/s (the target's mean is the rate), which bounds y/s^2 where y < s.
/// At x = 0, y = 0 and eps = 0: [0, 1, 0].
struct poisson_loss {
  static constexpr auto name = "poisson_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::positive, "Predicted rates."), operands::count,
      parameter("eps", domain::nonnegative, 0.0, "Added to the argument of the logarithm.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Poisson negative log-likelihood of a rate.";
  static constexpr auto formula = "predictions - targets * log(predictions + eps)";
  static constexpr auto notes =
      "0 * log(0) is 0. The second derivative is 0 where the count is 0; `hess_bound` is max(targets, s) / "
      "s**2, s = predictions + eps, where 1 / s is the expected one.";
  static constexpr auto source =
      "Axon poisson before its mean (eps=1e-7); gluon PoissonNLLLoss(from_logits=False).";
  static constexpr auto example =
      ">>> ul.poisson_loss([1.0, 2.0], [2, 2])\n"
      "array([1.        , 0.61370564])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V eps) {
    const V value =
        in_double([](auto x, auto y, auto eps) UFL_INLINE { return value_of(x, y, eps); }, x, y, eps);
    const V grad =
        in_double([](auto x, auto y, auto eps) UFL_INLINE { return grad_of(x, y, eps); }, x, y, eps);
    // 0/0 is 0 here; every other quotient says what it is itself, NaN included.
    const V s = x + eps;
    const V hess = select((y == V(0)) & (s == V(0)), V(0), over_square(y, s));
    return {value, grad, hess, select(y > s, hess, V(1) / s)};
  }
  /// x + eps in two words, since the logarithm of a sum near 1 is as large as its rounding.  An infinite rate
  /// costs inf, whatever its logarithm would take away.
  template <class D> static UFL_FN D value_of(D x, D y, D eps) {
    return select((x == inf<D>()) & (y < x), x, x - times_or_zero(y, log(two_sum(x, eps))));
  }
  template <class D> static UFL_FN D grad_of(D x, D y, D eps) {
    const D s = x + eps;
    return D(1) - select((y == D(0)) & (s == D(0)), D(0), y / s);
  }
};

/// y (log y - 1) + log(2 pi y)/2 above 1, where it is positive; below it the approximation would be negative.
struct stirling_term {
  static constexpr auto name = "stirling_term";
  static constexpr argument args[] = {prediction("targets", domain::nonnegative, "Counts.")};
  static constexpr unsigned parts = part_value, vanishing = part_value, properties = 0;
  static constexpr auto summary = "Stirling's approximation of log(targets!), 0 up to 1.";
  static constexpr auto formula =
      "targets * log(targets) - targets + log(2 * pi * targets) / 2  where targets > 1, else 0";
  static constexpr auto notes =
      "Makes `poisson_nll_loss` a full negative log-likelihood. It does not depend on the prediction, so it "
      "has no derivatives. It is too small by 0.055 at 1.5 and by 0.017 at 5; scipy.special.gammaln(targets "
      "+ 1) is exact.";
  static constexpr auto source =
      "gluon PoissonNLLLoss(compute_full=True); torch poisson_nll_loss(full=True).";
  static constexpr auto example =
      ">>> ul.stirling_term([0, 1, 5])\n"
      "array([0.        , 0.        , 4.77084705])";
  template <class V> static UFL_FN jet<V> eval(V y) {
    return {in_double([](auto y) UFL_INLINE { return value_of(y); }, y)};
  }
  /// max(y, 1) keeps the logarithm of the other lanes harmless; NaN and everything up to 1 are put in last.
  template <class D> static UFL_FN D value_of(D y) {
    const D safe = max(y, D(1));
    const D l = log(safe);
    constexpr double half_log_2pi = 0.91893853320467274178;
    const D term = safe * (l - D(1)) + fma(D(0.5), l, D(half_log_2pi));
    return select(y > D(1), term, select(y == y, D(0), y));
  }
};

/// value = y phi(-d), grad = exp(x) - y, hess = exp(x).  At x = log y: [0, 0, y].
struct half_poisson_deviance {
  static constexpr auto name = "half_poisson_deviance";
  static constexpr argument args[] = {operands::log_mean, operands::count};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Half the Poisson deviance of a log mean.";
  static constexpr auto formula = "exp(x) - y - y * (x - log(y)),  x = predictions, y = targets";
  static constexpr auto notes =
      "`poisson_nll_loss` shifted so that its minimum is 0. `hess_bound` is the second derivative, or the "
      "smallest normal number where that is less.";
  static constexpr auto source = "scikit-learn HalfPoissonLoss (which leaves out what is constant).";
  static constexpr auto example =
      ">>> ul.half_poisson_deviance([0.0, 0.0], [1, 3])\n"
      "array([0.        , 1.29583687])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V value = in_double([](auto x, auto y) UFL_INLINE { return deviance::half_poisson(x, y); }, x, y);
    const V mean = exp(x);
    return {value, deviance::mean_less_target(x, y), mean, mean};
  }
};

/// value = phi(d), hess = y exp(-x), grad = 1 - hess.  At x = log y: [0, 0, 1].
struct half_gamma_deviance {
  static constexpr auto name = "half_gamma_deviance";
  static constexpr argument args[] = {operands::log_mean,
                                      target("targets", domain::positive, "Positive amounts.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Half the gamma deviance of a log mean.";
  static constexpr auto formula = "x - log(y) + y * exp(-x) - 1,  x = predictions, y = targets";
  static constexpr auto notes =
      "A target of 0 gives inf. `hess_bound` is the second derivative, or the smallest normal number where "
      "that is less.";
  static constexpr auto source = "scikit-learn HalfGammaLoss (which leaves out what is constant).";
  static constexpr auto example =
      ">>> ul.half_gamma_deviance([0.0, 0.0], [1.0, 3.0])\n"
      "array([0.        , 0.90138771])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V value = in_double([](auto x, auto y) UFL_INLINE { return deviance::half_gamma(x, y); }, x, y);
    const V grad = in_double([](auto x, auto y) UFL_INLINE { return grad_of(x, y); }, x, y);
    const V hess = in_double([](auto x, auto y) UFL_INLINE { return deviance::times_exp(y, neg(x)); }, x, y);
    return {value, grad, hess, hess};
  }
  /// 1 - exp(d), 0 at the minimum: in double.
  template <class D> static UFL_FN D grad_of(D x, D y) { return D(1) - deviance::times_exp(y, neg(x)); }
};

/// With a = 1-p, b = 2-p, d = log y - x and E(k) = (exp(kd) - 1)/k, which is d at k = 0, the value is any of
///   near the minimum           exp(bx) (phi(bd)/b - phi(d)) / a
///                            = exp(bx) sum over k >= 2 of d^k/k! (1 + b + ... + b^(k-2)),
///   where the textbook's terms would cancel near power 1
///                              (exp(bx) + y exp(ax) (E(a) - 1)) / b,
///   the same near power 2      (exp(bx) (E(b) + 1) - y exp(ax)) / a,
///   elsewhere                  (y^b/b - y exp(ax)) / a + exp(bx)/b.
/// grad = exp(bx) - y exp(ax), hess = b exp(bx) - a y exp(ax).  Both exponents, and their products with x,
/// take two words.  p = 0, 1, 2 are the squared error of exp(x), Poisson and gamma.
/// At x = log y: [0, 0, y^b].
struct half_tweedie_deviance {
  static constexpr auto name = "half_tweedie_deviance";
  static constexpr argument args[] = {
      operands::log_mean, target("targets", domain::tweedie_target, "Amounts."),
      parameter("power", domain::tweedie_power, 1.5,
                "Exponent of the variance: the variance of a target is its mean to this power.")};
  static constexpr unsigned parts = standard_parts | part_bound,
                            vanishing = part_value | part_grad | part_hess, properties = 0;
  static constexpr auto exponent = "power";
  static constexpr auto summary = "Half the Tweedie deviance of a log mean.";
  static constexpr auto formula =
      "y**(2-p) / ((1-p) * (2-p)) - y * exp((1-p) * x) / (1-p) + exp((2-p) * x) / (2-p)\n"
      "x = predictions, y = targets, p = power";
  static constexpr auto notes =
      "Powers 0, 1 and 2 are half the squared error of exp(x), `half_poisson_deviance` and "
      "`half_gamma_deviance`. For powers between 0 and 1 no such distribution exists: NaN. For powers "
      "outside [1, 2] the second derivative may be negative; `hess_bound` keeps its positive terms.";
  static constexpr auto source = "scikit-learn HalfTweedieLoss (which leaves out what is constant).";
  static constexpr auto example =
      ">>> ul.half_tweedie_deviance([0.0, 0.0], [1.0, 3.0], power=1.5)\n"
      "array([0.        , 1.07179677])";
  /// All in double, also of float32: every part may cross 0.
  template <class V> static UFL_FN jet<V> eval(V x, V y, V power) {
    return jet_in_double([](auto x, auto y, auto p) UFL_INLINE { return any_power(x, y, p); }, x, y, power);
  }
  /// k x in two words, 0 where k = 0.
  template <class D> static UFL_FN two<D> product(two<D> k, D x) {
    const two<D> p = two_product(k.hi, x);
    const auto none = (k.hi == D(0)) & (x == x);
    return {select(none, D(0), p.hi), select(none, D(0), p.lo + k.lo * x)};
  }
  /// The sum over k >= 2, to k = 15: the rest is below 2^-60 where |d| max(|b|, 1) < 0.34.
  template <class D> static UFL_FN D series(D d, D b) {
    D term = D(0.5) * (d * d);
    D geometric = D(1);
    D sum = term;
    UFL_UNROLL for (int k = 3; k < 16; ++k) {
      term = term * (d * D(1.0 / k));
      geometric = fma(b, geometric, D(1));
      sum = fma(term, geometric, sum);
    }
    return sum;
  }
  /// Where terms overflow against each other, one that is known to have the sign of their sum decides it.
  template <class D> static UFL_FN D decided(D sum, D sign) {
    return select(sum == sum, sum, copysign(inf<D>(), sign));
  }
  template <class D> static UFL_FN jet<D> any_power(D x, D y, D power) {
    const two<D> a = two_diff(D(1), power);
    const two<D> b = two_diff(D(2), power);
    const two<D> ax = product(a, x);
    const scaled<D> exp_bx_parts = exp_parts(product(b, x));
    const D exp_bx = value(exp_bx_parts);
    const D y_exp_ax = deviance::times_exp(y, ax);
    const D exp_bx_over_b = scale_by(exp_bx_parts.p / b.hi, exp_bx_parts.n);
    const D mean = exp(x);
    const two<D> log_y = log_two(y);
    const D d = (log_y.hi - x) + log_y.lo;

    // The value is never negative: where its terms overflow, it is +inf.
    const D y_b = value(pow_parts(y, b));
    D far = decided((y_b / b.hi - y_exp_ax) / a.hi + exp_bx_over_b, D(1));

    const mask_t<D> gamma_like = power >= D(1.5);
    const D k = select(gamma_like, b.hi, a.hi);
    const D kd = k * d;
    // E(k), of the exponent that is near 0 for this power.
    const D expm1_over_k = select(k == D(0), d, expm1(kd) / k);
    const D close_to_2 = (exp_bx * (expm1_over_k + D(1)) - y_exp_ax) / a.hi;
    const D close_to_1 = (exp_bx + times_or_zero(y_exp_ax, expm1_over_k - D(1))) / b.hi;
    far = select(abs(kd) < D(1), decided(select(gamma_like, close_to_2, close_to_1), D(1)), far);

    // A target of 0 has a finite deviance below power 2 only.
    const D of_nothing = select(b.hi > D(0), exp_bx_over_b, inf<D>());
    far = select(y == D(0), of_nothing, far);

    const D near_sum = series(select(abs(d) < D(0.34), d, D(0)), b.hi);
    const D near = scale_by(near_sum * exp_bx_parts.p, exp_bx_parts.n);
    const auto is_near = (abs(d) * max(abs(b.hi), D(1)) < D(0.34)) & (y > D(0));
    D loss = select(is_near, near, far) + D(0);

    const auto square = power == D(0);
    const auto poisson = power == D(1);
    const auto gamma = power == D(2);
    // Powers 1 and 2 divide by 0 above, and 0 is a plain square.
    if (UFL_UNLIKELY(!all(!(square | poisson | gamma)))) {
      const D r = mean - y;
      const D of_gamma = select(gamma, deviance::half_gamma(x, y), loss);
      const D of_poisson = select(poisson, deviance::half_poisson(x, y), of_gamma);
      loss = select(square, D(0.5) * r * r, of_poisson);
    }

    // exp(bx) = exp(ax) exp(x) says which of two infinite terms wins.
    const D grad = decided(exp_bx - y_exp_ax, mean - y);
    const D h1 = select(b.hi == D(0), D(0), scale_by(b.hi * exp_bx_parts.p, exp_bx_parts.n));
    const D h2 = select(a.hi == D(0), D(0), deviance::times_exp(y, ax, neg(a.hi)));
    const D hess = decided(h1 + h2, b.hi * mean - a.hi * y);
    const D bound = max(h1, D(0)) + max(h2, D(0));
    return only(((y >= D(0)) | square) & (x == x) & (y == y), jet<D>{loss, grad, hess, bound});
  }
};

UFL_END
