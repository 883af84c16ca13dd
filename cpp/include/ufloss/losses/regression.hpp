// Losses of a real prediction and a real target.
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

/// At r = 0: [0, 0, 2].
struct squared_error {
  static constexpr auto name = "squared_error";
  static constexpr argument args[] = {prediction("predictions", domain::real, "Predicted values."),
                                      target("targets", domain::real, "Target values.", 0.0)};
  static constexpr unsigned parts = standard_parts | part_grad2, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Squared error.";
  static constexpr auto formula = "r**2,  r = predictions - targets";
  static constexpr auto notes = "Twice `l2_loss`.";
  static constexpr auto source = "optax.losses.squared_error; Axon mean_squared_error before its mean.";
  static constexpr auto example =
      ">>> ul.squared_error([1.0, 2.5], [0.0, 2.0])\n"
      "array([1.  , 0.25])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V r = x - y;
    return {r * r, r + r, select(r == r, V(2), r), V(2), V(-2) * r};
  }
};

/// At r = 0: [0, 0, 1].
struct l2_loss {
  static constexpr auto name = "l2_loss";
  static constexpr argument args[] = {prediction("predictions", domain::real, "Predicted values."),
                                      target("targets", domain::real, "Target values.", 0.0)};
  static constexpr unsigned parts = standard_parts, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Half the squared error.";
  static constexpr auto formula = "r**2 / 2,  r = predictions - targets";
  static constexpr auto notes = "Half of `squared_error`, so that the gradient is r itself.";
  static constexpr auto source = "optax.losses.l2_loss; gluon L2Loss before its mean.";
  static constexpr auto example =
      ">>> ul.l2_loss([1.0, 2.5], [0.0, 2.0])\n"
      "array([0.5  , 0.125])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V r = x - y;
    return {(V(0.5) * r) * r, r, select(r == r, V(1), r)};
  }
};

/// The curvature sits in the kink, where it has no bound; 1 stands for it, as LightGBM has it.  At r = 0: [0,
/// 0, 0].
struct absolute_error {
  static constexpr auto name = "absolute_error";
  static constexpr argument args[] = {prediction("predictions", domain::real, "Predicted values."),
                                      target("targets", domain::real, "Target values.", 0.0)};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Absolute error.";
  static constexpr auto formula = "abs(r),  r = predictions - targets";
  static constexpr auto notes =
      "The gradient is 0 at r = 0. The second derivative is 0 everywhere else; `hess_bound` is 1 by "
      "convention, since the kink has no finite bound.";
  static constexpr auto source = "Axon mean_absolute_error before its mean; gluon L1Loss.";
  static constexpr auto example =
      ">>> ul.absolute_error([1.0, 2.5], [0.0, 4.0])\n"
      "array([1. , 1.5])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V r = x - y;
    return {abs(r), sign(r), select(r == r, V(0), r), select(r == r, V(1), r)};
  }
};

/// The two branches meet at |r| = delta, which counts as inside.  delta (|r| - delta/2) keeps delta^2 from
/// overflowing; where r itself overflows, half of it is taken, since delta may be small.  At r = 0: [0, 0,
/// 1].
struct huber_loss {
  static constexpr auto name = "huber_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Predicted values."),
      target("targets", domain::real, "Target values.", 0.0),
      parameter("delta", domain::nonnegative, 1.0,
                "Size of the error where the loss turns from quadratic to linear.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Huber loss: quadratic for small errors, linear beyond.";
  static constexpr auto formula =
      "r**2 / 2                      where abs(r) <= delta\n"
      "delta * (abs(r) - delta / 2)  elsewhere,  r = predictions - targets";
  static constexpr auto notes =
      "The second derivative is 1 at abs(r) = delta and 0 beyond; `hess_bound` is 1.";
  static constexpr auto source =
      "Huber, Robust estimation of a location parameter, 1964; optax.losses.huber_loss. `smooth_l1_loss` is "
      "this divided by its parameter.";
  static constexpr auto example =
      ">>> ul.huber_loss([0.5, 3.0], 0.0, delta=[[1.0], [2.0]])\n"
      "array([[0.125, 2.5  ],\n"
      "       [0.125, 4.   ]])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V delta) {
    const auto d = two_diff(x, y);
    const V r = d.hi, a = abs(r);
    V far = times_or_zero(delta, a - V(0.5) * delta);
    if (UFL_UNLIKELY(!all(a < inf<V>())))
      far = select(a < inf<V>(), far,
                   times_or_zero(delta + delta, abs(half_difference(x, y)) - V(0.25) * delta));
    return only(r == r, jet<V>{select(a <= delta, a * (V(0.5) * a), far), clamp(r, neg(delta), delta),
                               select(within(d, delta), V(1), V(0)), V(1)});
  }
};

/// huber_loss(delta = rho) / rho, with its limit |r| at rho = 0.  At r = 0: [0, 0, 1/rho].
struct smooth_l1_loss {
  static constexpr auto name = "smooth_l1_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Predicted values."),
      target("targets", domain::real, "Target values.", 0.0),
      parameter("rho", domain::nonnegative, 1.0,
                "Size of the error where the loss turns from quadratic to linear.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary =
      "Smooth L1 loss: the Huber loss divided by its parameter, with slope 1 far out.";
  static constexpr auto formula =
      "r**2 / (2 * rho)  where abs(r) <= rho\n"
      "abs(r) - rho / 2  elsewhere,  r = predictions - targets";
  static constexpr auto notes = "rho = 0 gives the absolute error. `hess_bound` is 1/rho (1 at rho = 0).";
  static constexpr auto source =
      "Girshick, Fast R-CNN, 2015; gluon HuberLoss; torch smooth_l1_loss (beta = rho).";
  static constexpr auto example =
      ">>> ul.smooth_l1_loss([0.5, 3.0], 0.0, rho=2.0)\n"
      "array([0.0625, 2.    ])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V rho) {
    const auto d = two_diff(x, y);
    const V r = d.hi, a = abs(r);
    const auto near = (a <= rho) & (rho > V(0));
    V far = a - V(0.5) * rho;
    if (UFL_UNLIKELY(!all(a < inf<V>())))
      far = select(a < inf<V>(), far, V(2) * (abs(half_difference(x, y)) - V(0.25) * rho));
    return only(r == r, jet<V>{select(near, (a / rho) * (V(0.5) * a), far), select(near, r / rho, sign(r)),
                               select(within(d, rho) & (rho > V(0)), V(1) / rho, V(0)),
                               select(rho > V(0), V(1) / rho, V(1))});
  }
};

/// With e = exp(-2|r|): log cosh r = |r| - log 2 + log1p(e), tanh |r| = 1 - 2e/(1+e), sech^2 r = 4e/(1+e)^2;
/// near 0 polynomials take over.  An error of r counts 2|r|-fold in the curvature, so what the difference's
/// rounding lost corrects it.  At r = 0: [0, 0, 1].
struct log_cosh {
  static constexpr auto name = "log_cosh";
  static constexpr argument args[] = {prediction("predictions", domain::real, "Predicted values."),
                                      target("targets", domain::real, "Target values.", 0.0)};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value;
  static constexpr auto summary = "Logarithm of the hyperbolic cosine of the error.";
  static constexpr auto formula = "log(cosh(r)),  r = predictions - targets";
  static constexpr auto notes =
      "Behaves as r**2 / 2 near 0, where it keeps full relative accuracy, and as abs(r) - log(2) far out. "
      "The gradient is tanh(r), the second derivative 1 / cosh(r)**2; `hess_bound` is 1.";
  static constexpr auto source = "optax.losses.log_cosh; Axon log_cosh before its mean.";
  static constexpr auto example =
      ">>> ul.log_cosh([1e-4, -50.0], 0.0)\n"
      "array([4.99999999e-09, 4.93068528e+01])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const auto d = two_diff(x, y);
    const V r = d.hi, a = abs(r), y2 = a * a;
    return with_exp_nonpositive(V(-2) * a, [&](auto u) UFL_INLINE {
      using T = scalar_t<V>;
      const V e = beside_one(u, u.big), s = u.big / (V(1) + e), t = beside_one(u, s),
              h = V(4) * fma(neg(s), t, s);
      const V near = fma(y2 * y2, poly<coef::logcosh<T>>(y2), V(0.5) * y2);
      const V far =
          (a - V(exp_of<V>::ln2_hi)) + (fma(e * e, poly<coef::logcosh_far<T>>(e), e) - V(exp_of<V>::ln2_lo));
      const V slope = select(a < V(0.625), fma(a, y2 * poly<coef::tanh<T>>(y2), a), fma(V(-2), t, V(1)));
      return jet<V>{select(a < V(1), near, far), copysign(slope, r),
                    rescale(u, fma(neg(h), copysign(V(2), r) * finite_low(d), h)), select(r == r, V(1), r)};
    });
  }
};

/// q = r/delta.  r (r / (1 + sqrt(1 + q^2))) neither cancels near 0 nor overflows.  The curvature (1 +
/// q^2)^(-3/2) would triple the rounding of q, so r and q are carried in two words.  At r = 0: [0, 0, 1].
struct pseudo_huber_loss {
  static constexpr auto name = "pseudo_huber_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Predicted values."),
      target("targets", domain::real, "Target values.", 0.0),
      parameter("delta", domain::nonnegative, 1.0,
                "Size of the error where the loss turns from quadratic to linear.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value;
  static constexpr auto summary = "Pseudo-Huber loss: a smooth Huber loss.";
  static constexpr auto formula = "delta**2 * (sqrt(1 + (r / delta)**2) - 1),  r = predictions - targets";
  static constexpr auto notes =
      "The second derivative is (1 + (r / delta)**2)**-1.5; `hess_bound` is 1. delta = 0 gives 0.";
  static constexpr auto source =
      "Charbonnier et al., 1994; scipy.special.pseudo_huber (whose arguments are delta, r).";
  static constexpr auto example =
      ">>> ul.pseudo_huber_loss([0.5, 3.0], 0.0)\n"
      "array([0.11803399, 2.16227766])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V delta) {
    jet<V> j = in(x, y, delta);
    if (const mask_t<V> fits = abs(x - y) < inf<V>();
        UFL_UNLIKELY(!all(fits))) {  // the difference may overflow before its weight
      const jet<V> h = in(V(0.5) * x, V(0.5) * y, V(0.5) * delta);
      const mask_t<V> large = (!fits) & (delta >= V(2));
      j = {select(fits, j.value, times_or_zero(delta + delta, abs(half_difference(x, y)))),
           select(large, V(2) * h.grad, j.grad), select(large, h.hess, j.hess), j.hess_bound};
    }
    return j;
  }
  template <class V> static UFL_FN jet<V> in(V x, V y, V delta) {
    const auto d = two_diff(x, y);
    const V low = select(abs(d.lo) < inf<V>(), d.lo,
                         V(0));  // up to the overflow threshold: |r| may be a small multiple of delta there
    const V r = d.hi, q = select(delta == inf<V>(), V(0), r / delta), a = abs(q);  // a parabola then
    const V big = V(pick<V>(0x1p30, 0x1p200));                                     // beyond it 1 + q^2 is q^2
    const auto p = two_product(q, delta);
    const V q_low = select(q == V(0), V(0), (((r - p.hi) - p.lo) + low) / delta);
    const auto q2 = two_product(q, q), sum = two_sum(V(1), q2.hi);
    const V rest = sum.lo + fma(V(2) * q, q_low, q2.lo), w = sum.hi + select(a < big, rest, V(0)),
            s = select(a < big, sqrt(w), a);
    const V w_low = select(a < big, (sum.hi - w) + rest, V(0)),
            twice = V(2) * low / r;  // what w and r^2 lack
    const V i = V(1) / a, step = V(-3) * (copysign(V(1), q) * q_low) * i,
            cube = fma((i * i) * i, select(abs(step) < V(1), step, V(0)), (i * i) * i);  // |q|^-3 far out
    const auto flat = delta == V(0);
    return only(
        r == r,
        jet<V>{select(flat, V(0),
                      select(a == inf<V>(), delta * abs(r),
                             r * (r / (V(1) + s)) * (V(1) + select(abs(twice) < V(1), twice, V(0))))),
               select(flat, V(0), select(a < big, r / s, copysign(delta, r))),
               select(flat, V(0),
                      select(a < big, fma((V(1) / w) / s, V(-1.5) * (w_low / w), (V(1) / w) / s), cube)),
               V(1)});
  }
};

/// One select on the sign of r.  At r = 0: [0, 0, 0].
struct pinball_loss {
  static constexpr auto name = "pinball_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Predicted quantiles."),
      target("targets", domain::real, "Target values."),
      parameter("quantile", domain::unit, 0.5, "The quantile that the minimum estimates.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Pinball loss, whose minimum is a quantile.";
  static constexpr auto formula =
      "quantile * (targets - predictions)        where predictions < targets\n"
      "(1 - quantile) * (predictions - targets)  elsewhere";
  static constexpr auto notes =
      "The gradient is 0 where prediction and target agree. The second derivative is 0; `hess_bound` is 1 by "
      "convention.";
  static constexpr auto source =
      "Koenker and Bassett, Regression quantiles, 1978; sklearn.metrics.mean_pinball_loss before its mean.";
  static constexpr auto example =
      ">>> ul.pinball_loss([1.0, 3.0], 2.0, quantile=0.9)\n"
      "array([0.9, 0.1])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V quantile) {
    const V r = x - y, slope = select(r >= V(0), V(1) - quantile, neg(quantile));
    V value = times_or_zero(slope, r);
    if (UFL_UNLIKELY(!all(abs(r) < inf<V>())))
      value =
          select(abs(r) < inf<V>(), value,
                 times_or_zero(slope + slope, half_difference(x, y)));  // r may overflow before its weight
    return only(r == r, jet<V>{value, select(r == V(0), V(0), slope), V(0), V(1)});
  }
};

UFL_END
