// Losses of a score and the side, -1 or 1, on which it should lie.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// With h = m - x y, formed with one rounding, so that the side of the kink is always the exact one:
///   value = max(0, h),  grad = -y where h > 0.
/// At m = xy: [0, 0, 0].
struct hinge_loss {
  static constexpr auto name = "hinge_loss";
  static constexpr argument args[] = {operands::score, operands::side, operands::hinge_margin};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Hinge loss.";
  static constexpr auto formula = "max(0, margin - predictions * targets)";
  static constexpr auto notes =
      "The gradient is 0 at the kink. The second derivative is 0; `hess_bound` is 1 by convention.";
  static constexpr auto source = "optax.losses.hinge_loss; Axon hinge before its mean; gluon HingeLoss.";
  static constexpr auto example =
      ">>> ul.hinge_loss([0.3, -0.3, 2.0], [1, 1, 1])\n"
      "array([0.7, 1.3, 0. ])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V margin) {
    const V h = exact_fma(neg(x), y, margin);
    // Without a margin the signs decide: -xy may underflow.
    const auto active = (h > V(0)) | ((margin == V(0)) & opposed(x, y));
    return only(h == h, jet<V>{max(h, V(0)) + V(0), select(active, neg(y), V(0)), V(0), V(1)});
  }
};

/// With h = m - x y as above: value = h^2, grad = -2 h y and hess = 2 y^2 where h > 0.
/// At m = xy: [0, 0, 0].
struct squared_hinge_loss {
  static constexpr auto name = "squared_hinge_loss";
  static constexpr argument args[] = {operands::score, operands::side, operands::hinge_margin};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Squared hinge loss.";
  static constexpr auto formula = "max(0, margin - predictions * targets)**2";
  static constexpr auto notes =
      "The second derivative is 2 * targets**2 inside the margin and 0 beyond; `hess_bound` is 2 * "
      "targets**2 everywhere. Where margin - predictions * targets is subnormal, the gradient has no more "
      "digits than that.";
  static constexpr auto source = "gluon SquaredHingeLoss.";
  static constexpr auto example =
      ">>> ul.squared_hinge_loss([0.5, 2.0], [-1, 1])\n"
      "array([2.25, 0.  ])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V margin) {
    const V h = exact_fma(neg(x), y, margin);
    const auto active = (h > V(0)) | ((margin == V(0)) & opposed(x, y));
    const V excess = max(h, V(0));
    const V grad = select(h > V(0), V(-2) * (h * y), V(0));
    // The gradient is taken from h itself and is 0 where h underflows; the curvature follows the signs.
    const V curvature = (y + y) * y;
    return only(h == h, jet<V>{excess * excess, grad, select(active, curvature, V(0)), curvature});
  }
};

/// The hinge at margin 0; the signs decide the branch, since the product may underflow.
/// At xy = 0: [0, 0, 0].
struct perceptron_loss {
  static constexpr auto name = "perceptron_loss";
  static constexpr argument args[] = {operands::score, operands::side};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Perceptron loss: the hinge loss without a margin.";
  static constexpr auto formula = "max(0, -predictions * targets)";
  static constexpr auto notes =
      "The gradient is 0 at the kink. The second derivative is 0; `hess_bound` is 1 by convention.";
  static constexpr auto source = "Rosenblatt, The perceptron, 1958; optax.losses.perceptron_loss.";
  static constexpr auto example =
      ">>> ul.perceptron_loss([0.5, -2.0], [1, 1])\n"
      "array([0., 2.])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V product = x * y;
    const V grad = select(opposed(x, y), neg(y), V(0));
    return only(product == product, jet<V>{max(neg(product), V(0)) + V(0), grad, V(0), V(1)});
  }
};

/// With u = xy and e = exp(-|u|):
///   value = log(1 + exp(-u)) = max(-u, 0) + log1p(e),
///   grad  = -y sigma(-u),
///   hess  = y^2 sigma(u) sigma(-u) = y^2 (s - s^2), s the smaller of the two.
/// u is carried in two words: far out the loss is exp(-u), which turns the rounding of u into |u| ulp.
/// At x = 0: [log 2, -y/2, y^2/4].
struct logistic_loss {
  static constexpr auto name = "logistic_loss";
  static constexpr argument args[] = {
      operands::score, target("targets", domain::sign, "-1 or 1 (any real number is a scale).")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value;
  static constexpr auto summary = "Logistic loss of a signed label, also called soft margin loss.";
  static constexpr auto formula = "log(1 + exp(-predictions * targets))";
  static constexpr auto notes =
      "Labels 0 and 1 belong to `sigmoid_binary_cross_entropy`. Of targets other than -1 and 1 the second "
      "derivative may be off by 4.5 ulp. `hess_bound` is targets**2 / 4.";
  static constexpr auto source =
      "Axon soft_margin before its sum; gluon LogisticLoss(label_format='signed').";
  static constexpr auto example =
      ">>> ul.logistic_loss([2.0, 2.0], [1, -1])\n"
      "array([0.12692801, 2.12692801])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const two<V> u = two_product(x, y);
    const V exponent = neg(abs(u.hi));
    const V exponent_low = neg(copysign(V(1), u.hi) * finite_low(u));
    const auto jet_of = [&](auto e) UFL_INLINE {
      const auto sigma = sigmoids(e);
      const auto right = u.hi >= V(0);
      const V miss = select(right, sigma.small, sigma.large);  // sigma(-u)
      const V half_y = V(0.5) * y;
      return jet<V>{max(neg(u.hi), V(0)) + rescale(e, log1p_tail(e)),
                    rescaled_product(right, e, neg(y), miss), rescaled_square(e, y, sigma.product(e)),
                    select(u.hi == u.hi, half_y * half_y, u.hi)};
    };
    if (UFL_UNLIKELY(!all(is_near(exponent)))) {
      jet<V> j = jet_of(exp_tail(two<V>{exponent, exponent_low}));
      if constexpr (!is_double<V>) {
        // y may lift what the tail takes for 0
        // The slopes have factors y and y^2, which the tail's floor does not know of.
        const mask_t<V> lost = (exponent < V(exp_of<V>::floor)) & (abs(y) > V(0x1p30f));
        if (UFL_UNLIKELY(!all(!lost))) j = select(lost, by_double(x, y), j);
      }
      return j;
    }
    return jet_of(plain_tail<V>{exp_near(two<V>{exponent, exponent_low})});
  }
  /// Apart from the loop, whose registers its constants would take.
  template <class V> static UFL_FN_NOINLINE jet<V> by_double(V x, V y) {
    return jet_in_double([](auto x, auto y) UFL_INLINE { return eval(x, y); }, x, y);
  }
};

UFL_END
