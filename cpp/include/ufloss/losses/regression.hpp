// Losses of a real prediction and a real target.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// With r = x - y the jet is [r^2, 2 r, 2].  A NaN of r must reach the constant too.  At r = 0: [0, 0, 2].
struct squared_error {
  static constexpr auto name = "squared_error";
  static constexpr argument args[] = {operands::predictions, operands::targets};
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

/// With r = x - y the jet is [r^2/2, r, 1]; r^2 is formed of its half, which overflows later.
/// At r = 0: [0, 0, 1].
struct l2_loss {
  static constexpr auto name = "l2_loss";
  static constexpr argument args[] = {operands::predictions, operands::targets};
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

/// The curvature sits in the kink, where it has no bound; 1 stands for it, as LightGBM has it.
/// At r = 0: [0, 0, 0].
struct absolute_error {
  static constexpr auto name = "absolute_error";
  static constexpr argument args[] = {operands::predictions, operands::targets};
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
/// overflowing; where r itself overflows, half of it is taken, since delta may be small.  Which side of the
/// kink the curvature sees is decided by the exact difference.  At r = 0: [0, 0, 1].
struct huber_loss {
  static constexpr auto name = "huber_loss";
  static constexpr argument args[] = {operands::predictions, operands::targets, operands::delta};
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
    const two<V> difference = two_diff(x, y);
    const V r = difference.hi;
    const V size = abs(r);
    const auto fits = size < inf<V>();

    V linear = times_or_zero(delta, size - V(0.5) * delta);
    if (UFL_UNLIKELY(!all(fits))) {
      const V half_size = abs(half_difference(x, y));
      linear = select(fits, linear, times_or_zero(delta + delta, half_size - V(0.25) * delta));
    }
    const V value = select(size <= delta, size * (V(0.5) * size), linear);
    // The clamp keeps the gradient continuous at the kink however r was rounded.
    const V grad = clamp(r, neg(delta), delta);
    const V hess = select(within(difference, delta), V(1), V(0));
    return only(r == r, jet<V>{value, grad, hess, V(1)});
  }
};

/// huber_loss(delta = rho) / rho, with its limit |r| at rho = 0.  At r = 0: [0, 0, 1/rho].
struct smooth_l1_loss {
  static constexpr auto name = "smooth_l1_loss";
  static constexpr argument args[] = {
      operands::predictions, operands::targets,
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
    const two<V> difference = two_diff(x, y);
    const V r = difference.hi;
    const V size = abs(r);
    const auto fits = size < inf<V>();
    const auto smooth = rho > V(0);  // else it is the absolute error
    const auto near = (size <= rho) & smooth;

    // Of slope 1: nothing but the difference itself may overflow.
    V linear = size - V(0.5) * rho;
    if (UFL_UNLIKELY(!all(fits)))
      linear = select(fits, linear, V(2) * (abs(half_difference(x, y)) - V(0.25) * rho));

    // size / rho is at most 1: r^2 is never formed.
    const V value = select(near, (size / rho) * (V(0.5) * size), linear);
    const V grad = select(near, r / rho, sign(r));
    const V hess = select(within(difference, rho) & smooth, V(1) / rho, V(0));
    const V bound = select(smooth, V(1) / rho, V(1));
    return only(r == r, jet<V>{value, grad, hess, bound});
  }
};

/// With e = exp(-2|r|):
///   log cosh r = |r| - log 2 + log1p(e),
///   tanh |r|   = 1 - 2e/(1+e),
///   sech^2 r   = 4e/(1+e)^2;
/// near 0 polynomials take over.  An error of r counts 2|r|-fold in the curvature, so what the difference's
/// rounding lost corrects it.  At r = 0: [0, 0, 1].
struct log_cosh {
  static constexpr auto name = "log_cosh";
  static constexpr argument args[] = {operands::predictions, operands::targets};
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
    const two<V> difference = two_diff(x, y);
    const V r = difference.hi;
    const V size = abs(r);
    const V square = size * size;
    return with_exp_nonpositive(V(-2) * size, [&](auto e_tail) UFL_INLINE {
      using T = scalar_t<V>;
      const V e = beside_one(e_tail, e_tail.big);
      const V share = e_tail.big / (V(1) + e);  // e/(1+e), before the tail is scaled
      const V share_beside_one = beside_one(e_tail, share);

      // The limits, 1 and 5/8, are those that coefficients.hpp was fitted to, as is e <= exp(-2) = 0.1353.
      // log cosh r = r^2/2 - r^4/12 + ..., or |r| - log 2 + log1p(e)
      const V near = fma(square * square, poly<coef::logcosh<T>>(square), V(0.5) * square);
      const V bent = fma(e * e, poly<coef::logcosh_far<T>>(e), e);
      const V far = (size - V(exp_of<V>::ln2_hi)) + (bent - V(exp_of<V>::ln2_lo));

      // tanh |r| = |r| - |r|^3/3 + ..., or 1 - 2e/(1+e)
      const V near_slope = fma(size, square * poly<coef::tanh<T>>(square), size);
      const V far_slope = fma(V(-2), share_beside_one, V(1));
      const V slope = select(size < V(0.625), near_slope, far_slope);

      // sech^2 = 4 (share - share^2), whose derivative is -2 tanh sech^2, and tanh is 1 where that counts
      const V sech2 = V(4) * fma(neg(share), share_beside_one, share);
      const V hess = fma(neg(sech2), copysign(V(2), r) * finite_low(difference), sech2);
      return jet<V>{select(size < V(1), near, far), copysign(slope, r), rescale(e_tail, hess),
                    select(r == r, V(1), r)};
    });
  }
};

/// With q = r/delta and s = sqrt(1 + q^2):
///   value = delta^2 (s - 1) = r (r / (1 + s)), which neither cancels near 0 nor overflows,
///   grad  = r/s,
///   hess  = s^-3, which would triple the rounding of q: r and q are carried in two words.
/// At r = 0: [0, 0, 1].
struct pseudo_huber_loss {
  static constexpr auto name = "pseudo_huber_loss";
  static constexpr argument args[] = {operands::predictions, operands::targets, operands::delta};
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
    jet<V> j = of_fitting_difference(x, y, delta);
    // x - y may overflow before its weight brings it back: there the loss is linear.  Half of x, y and delta
    // give half of the gradient, and the same curvature.
    const mask_t<V> fits = abs(x - y) < inf<V>();
    if (UFL_UNLIKELY(!all(fits))) {
      const jet<V> half = of_fitting_difference(V(0.5) * x, V(0.5) * y, V(0.5) * delta);
      const mask_t<V> large = (!fits) & (delta >= V(2));
      const V linear = times_or_zero(delta + delta, abs(half_difference(x, y)));
      j = {select(fits, j.value, linear), select(large, V(2) * half.grad, j.grad),
           select(large, half.hess, j.hess), j.hess_bound};
    }
    return j;
  }

  /// r = x - y and q = r/delta.
  template <class V> struct residual {
    two<V> r, q;
  };
  /// The low word of q is what q delta lacks of r, and r's own low word, over delta.
  template <class V> static UFL_FN residual<V> scale_residual(V x, V y, V delta) {
    two<V> r = two_diff(x, y);
    // Kept up to the overflow threshold: |r| may be a small multiple of delta there.
    r.lo = select(abs(r.lo) < inf<V>(), r.lo, V(0));
    const V q = select(delta == inf<V>(), V(0), r.hi / delta);  // of an infinite delta a parabola is left
    const two<V> back = two_product(q, delta);
    const V q_low = select(q == V(0), V(0), (((r.hi - back.hi) - back.lo) + r.lo) / delta);
    return {r, {q, q_low}};
  }

  template <class V> static UFL_FN jet<V> of_fitting_difference(V x, V y, V delta) {
    const residual<V> scaled = scale_residual(x, y, delta);
    const V r = scaled.r.hi, r_low = scaled.r.lo;
    const V q = scaled.q.hi, q_low = scaled.q.lo;
    const V size = abs(q);
    // q^2 stays far from overflow below it, and above it the 1 is far below the last bit of q^2.
    const auto near = size < V(pick<V>(0x1p30, 0x1p200));  // beyond it 1 + q^2 is q^2

    // w + w_low = 1 + q^2, s = sqrt(w)
    const two<V> square = two_product(q, q);
    const two<V> sum = two_sum(V(1), square.hi);
    const V rest = sum.lo + fma(V(2) * q, q_low, square.lo);
    const V w = sum.hi + select(near, rest, V(0));
    const V w_low = select(near, (sum.hi - w) + rest, V(0));
    const V s = select(near, sqrt(w), size);

    // At r = 0 the quotient is NaN, which the comparison below takes for no correction.
    // What r^2 lacks, relative to it, is 2 r_low / r.
    const V lack = V(2) * r_low / r;
    const V finite = r * (r / (V(1) + s)) * (V(1) + select(abs(lack) < V(1), lack, V(0)));
    // Where q overflows the loss is linear long since.
    const V value = select(size == inf<V>(), delta * abs(r), finite);

    const V grad = select(near, r / s, copysign(delta, r));

    // w^(-3/2) = 1/(w s), and -3/2 w_low/w of it for what w lacks; far out |q|^-3, and -3 q_low/q of it.
    const V power = (V(1) / w) / s;
    const V near_hess = fma(power, V(-1.5) * (w_low / w), power);
    const V inverse = V(1) / size;
    const V inverse_cube = (inverse * inverse) * inverse;
    const V step = V(-3) * (copysign(V(1), q) * q_low) * inverse;
    const V far_hess = fma(inverse_cube, select(abs(step) < V(1), step, V(0)), inverse_cube);
    const V hess = select(near, near_hess, far_hess);

    const auto flat = delta == V(0);
    return only(r == r,
                jet<V>{select(flat, V(0), value), select(flat, V(0), grad), select(flat, V(0), hess), V(1)});
  }
};

/// Linear on both sides: one select on the sign of r.  At r = 0: [0, 0, 0].
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
    const V r = x - y;
    // The slope has one rounding, and the value is it times r: both sides keep their digits near quantiles 0
    // and 1.
    const V slope = select(r >= V(0), V(1) - quantile, neg(quantile));
    V value = times_or_zero(slope, r);
    const auto fits = abs(r) < inf<V>();
    if (UFL_UNLIKELY(!all(fits)))  // r may overflow before its weight
      value = select(fits, value, times_or_zero(slope + slope, half_difference(x, y)));
    return only(r == r, jet<V>{value, select(r == V(0), V(0), slope), V(0), V(1)});
  }
};

UFL_END
