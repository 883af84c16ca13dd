// Divergences between a prediction and a target distribution, point by point.
#pragma once
#include "../core/loss.hpp"

UFL_BEGIN

/// Linear in x: the curvature is 0.  Where y = 0 the value is 0 whatever x is, and the slope in y is -inf, its limit.
struct kl_div {
  static constexpr auto name = "kl_div";
  static constexpr argument args[] = {prediction("predictions", domain::real, "Logarithms of the predicted probabilities."), target("targets", domain::nonnegative, "Target probabilities.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2, vanishing = part_value | part_grad2, properties = convex;
  static constexpr auto summary = "Pointwise Kullback-Leibler divergence from log-probabilities.";
  static constexpr auto formula = "targets * (log(targets) - predictions)";
  static constexpr auto notes = "A target of 0 gives 0, also where the prediction is -inf. Linear in the prediction: the second derivative is 0, `hess_bound` is 1 by convention. The gradient with respect to the target is -inf at 0.";
  static constexpr auto source = "gluon KLDivLoss before its mean; torch kl_div(reduction='none').";
  static constexpr auto example = ">>> ul.kl_div(np.log([0.5, 0.2]), [0.5, 0.4])\narray([0.        , 0.27725887])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    return only(x == x,
                jet<V>{in_double([](auto x, auto y) UFL_INLINE { return select(y == decltype(y)(0), y, y * (log_positive(y) - x)); }, x, y), V(0) - y, V(0), V(1),
                       in_double([](auto x, auto y) UFL_INLINE { return select(y == decltype(y)(0), neg(inf<decltype(y)>()), (log_positive(y) - x) + decltype(y)(1)); }, x, y)});
  }
  // Targets are often 0: log's way for special arguments is the longer one.
  template <class D> static UFL_FN D log_positive(D y) { return log(select(y == D(0), D(1), y)); }
};

UFL_END
