// Losses of a row of logits, through its softmax.
//
// With m the largest logit and R the sum of exp(x_j - m) over all elements but one of the largest, log sum exp(x) = m + log1p(R), and
// 1 - P of a single largest element is R/(1+R): nothing of a confident row is lost to the 1 that dominates it.
#pragma once
#include "../core/row.hpp"

UFL_BEGIN

/// value = (m - x_l) + log1p(R), never lse - x_l.  Gradient P, and at the label -(1 - P_l).
struct softmax_cross_entropy_with_integer_labels {
  static constexpr auto name = "softmax_cross_entropy_with_integer_labels";
  static constexpr argument args[] = {row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes."), class_label("labels", "Index of the true class.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0, properties = convex | nonnegative_value;
  static constexpr bool weighted = false, mixed = false, labelled = true;
  static constexpr double masked = 0;
  static constexpr int coefficients = 1;
  static constexpr auto summary = "Softmax cross-entropy of an integer label.";
  static constexpr auto formula = "log(sum(exp(logits))) - logits[labels]";
  static constexpr auto notes = "A logit of -inf is a class that cannot be. The gradient is P - onehot(labels), P = softmax(logits), the label's own entry formed without cancellation; the second derivative is P * (1 - P). `hess_bound` is (1 - 1/n) / 2 (Boehning, 1992); XGBoost uses 2 * P * (1 - P). Where the label's own class is masked out, the loss is inf.";
  static constexpr auto source = "optax.losses.softmax_cross_entropy_with_integer_labels; gluon SoftmaxCrossEntropyLoss; Axon categorical_cross_entropy(sparse=True).";
  static constexpr auto example = ">>> ul.softmax_cross_entropy_with_integer_labels([[20.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [0, 0])\narray([4.12230724e-09, 2.40760596e+00])";
  template <class D> static UFL_FN row_result<D, 1> finish(const softmax_row<D>& r) {
    const D behind = r.max - r.label, p = exp_nonpositive(neg(behind)) / r.total();
    return {behind + r.log_total(), {D(0.5) * (D(1) - D(1) / r.count)}, neg(select((r.ties == D(1)) & (behind == D(0)), r.miss(), D(1) - p))};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) { return {V(0), e.p, e.p * e.q, c[0]}; }
};

/// value = sum of y (m - x) + Y log1p(R), Y the sum of y.  Gradient Y P - y; at the single largest element Y P - y is
/// (Y - y) - Y (1 - P), with Y - y the weight of the others.
struct softmax_cross_entropy {
  static constexpr auto name = "softmax_cross_entropy";
  static constexpr argument args[] = {row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes."), row_target("labels", domain::nonnegative, "Probabilities of the classes, or any weights of them.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2, vanishing = 0, properties = convex;
  static constexpr bool weighted = true, mixed = false, labelled = false;
  static constexpr double masked = 0;
  static constexpr int coefficients = 4;
  static constexpr auto summary = "Softmax cross-entropy of a distribution over the classes.";
  static constexpr auto formula = "-sum(labels * log_softmax(logits))";
  static constexpr auto notes = "Safe where a logit is -inf and its label 0. The labels need not sum to 1; with Y their sum the gradient is Y * P - labels, P = softmax(logits), the second derivative Y * P * (1 - P). `hess_bound` is Y * (1 - 1/n) / 2 (Boehning, 1992); XGBoost uses 2 * P * (1 - P). The gradient with respect to the labels is -log(P).";
  static constexpr auto source = "optax.losses.softmax_cross_entropy and safe_softmax_cross_entropy; gluon SoftmaxCrossEntropyLoss(sparse_label=False); Axon categorical_cross_entropy(from_logits=True).";
  static constexpr auto example = ">>> ul.softmax_cross_entropy([[1.0, 2.0, -np.inf]], [[0.5, 0.5, 0.0]])\narray([0.81326169])";
  template <class D> static UFL_FN row_result<D, 4> finish(const softmax_row<D>& r) {
    const D y = r.weight(), l = r.log_total();
    return {r.cost + weigh(y, l), {y, r.lower, r.max, l}, D(0)};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), select(e.top, c[1] - c[0] * e.q, c[0] * e.p - e.y), c[0] * (e.p * e.q), V(0), (c[2] - e.x) + c[3]};
  }
};

UFL_END
