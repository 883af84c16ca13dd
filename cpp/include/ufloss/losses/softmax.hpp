// Losses of a row of logits, through its softmax.
//
// With m the largest logit and R the sum of exp(x_j - m) over all elements but one of the largest, log sum
// exp(x) = m + log1p(R), and 1 - P of a single largest element is R/(1+R): nothing of a confident row is lost
// to the 1 that dominates it.
#pragma once
#include "ufloss/kinds/row/loss.hpp"

UFL_BEGIN

/// value = (m - x_l) + log1p(R), never lse - x_l.  Gradient P, and at the label -(1 - P_l).
struct softmax_cross_entropy_with_integer_labels : softmax_loss {
  static constexpr auto name = "softmax_cross_entropy_with_integer_labels";
  static constexpr argument args[] = {
      row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes."),
      class_label("labels", "Index of the true class."),
      parameter("label_smoothing", domain::unit, 0.0,
                "The part of the label's weight that is spread over all classes.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value;
  static constexpr bool labelled = true, uniform = true;
  static constexpr unsigned at_label = part_grad;
  static constexpr int coefficients = 2;
  static constexpr auto summary = "Softmax cross-entropy of an integer label.";
  static constexpr auto formula =
      "log(sum(exp(logits))) - (1 - label_smoothing) * logits[labels] - label_smoothing * mean(logits)";
  static constexpr auto notes =
      "A logit of -inf is a class that cannot be. Without smoothing the gradient is P - onehot(labels), P = "
      "softmax(logits), the label's own entry formed without cancellation; smoothing replaces the one-hot "
      "label by `smooth_labels` of it; the second derivative is P * (1 - P). `hess_bound` is (1 - 1/n) / 2 "
      "(Boehning, 1992); XGBoost uses 2 * P * (1 - P). Where the label's own class is masked out, the loss "
      "is inf.";
  static constexpr auto source =
      "optax.losses.softmax_cross_entropy_with_integer_labels; gluon SoftmaxCrossEntropyLoss; Axon "
      "categorical_cross_entropy(sparse=True).";
  static constexpr auto example =
      ">>> ul.softmax_cross_entropy_with_integer_labels([[20.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [0, 0])\n"
      "array([4.12230724e-09, 2.40760596e+00])";
  template <class D> static UFL_FN row_result<D, 2> finish(const softmax_row<D>& r, D smoothing) {
    const D behind = r.max - r.label, p = exp_nonpositive(neg(behind)) / r.total(),
            share = smoothing / r.count;
    // every class that is not -inf weighs 1 in the sums; a class that cannot be, of which a part is asked,
    // costs infinity
    const D others = select(r.weight() < r.count, inf<D>(), r.cost);
    return {(times_or_zero(D(1) - smoothing, behind) + times_or_zero(share, others)) + r.log_total(),
            {r.curvature(), share},
            (smoothing - share) - select((r.ties == D(1)) & (behind == D(0)), r.miss(), D(1) - p)};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), e.p - c[1], e.p * e.q, c[0]};
  }
};

/// value = sum of y (m - x) + Y log1p(R), Y the sum of y.  Gradient Y P - y; at the single largest element Y
/// P - y is (Y - y) - Y (1 - P), with Y - y the weight of the others.
struct softmax_cross_entropy : softmax_loss {
  static constexpr auto name = "softmax_cross_entropy";
  static constexpr argument args[] = {
      row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes."),
      row_target("labels", domain::unit,
                 "Probabilities of the classes; any other weights count as they stand.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2, vanishing = part_grad,
                            properties = convex;
  static constexpr int coefficients = 5;
  static constexpr auto summary = "Softmax cross-entropy of a distribution over the classes.";
  static constexpr auto formula = "-sum(labels * log_softmax(logits))";
  static constexpr auto notes =
      "Safe where a logit is -inf and its label 0. The labels need not sum to 1; with Y their sum the "
      "gradient is Y * P - labels, P = softmax(logits), the second derivative Y * P * (1 - P). `hess_bound` "
      "is Y * (1 - 1/n) / 2 (Boehning, 1992); XGBoost uses 2 * P * (1 - P). The gradient with respect to the "
      "labels is -log(P).";
  static constexpr auto source =
      "optax.losses.softmax_cross_entropy and safe_softmax_cross_entropy; gluon "
      "SoftmaxCrossEntropyLoss(sparse_label=False); Axon categorical_cross_entropy(from_logits=True).";
  static constexpr auto example =
      ">>> ul.softmax_cross_entropy([[1.0, 2.0, -np.inf]], [[0.5, 0.5, 0.0]])\n"
      "array([0.81326169])";
  template <class D> static UFL_FN row_result<D, 5> finish(const softmax_row<D>& r) {
    const D y = r.weight(), l = r.log_total();
    return {r.cost + times_or_zero(y, l), {y, r.lower, r.max, l, y * r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), select(e.top, c[1] - c[0] * e.q, c[0] * e.p - e.y), c[0] * (e.p * e.q), c[4],
            (c[2] - e.x) + c[3]};
  }
};

/// Gradient P, Hessian P (1 - P).
struct logsumexp : softmax_loss {
  static constexpr auto name = "logsumexp";
  static constexpr argument args[] = {row_prediction("logits", domain::real, "Any numbers.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value, properties = convex;
  static constexpr int coefficients = 1;
  static constexpr auto summary = "Logarithm of a sum of exponentials.";
  static constexpr auto formula = "log(sum(exp(logits)))";
  static constexpr auto notes =
      "A row of -inf gives -inf, one with +inf gives inf; their gradient is NaN. The gradient is "
      "softmax(logits). `hess_bound` is (1 - 1/n) / 2 (Boehning, 1992).";
  static constexpr auto source = "scipy.special.logsumexp; jax.nn.logsumexp.";
  static constexpr auto example =
      ">>> ul.logsumexp([[1000.0, 1000.0], [-np.inf, 3.0]])\n"
      "array([1000.69314718,    3.        ])";
  template <class D> static UFL_FN row_result<D, 1> finish(const softmax_row<D>& r) {
    return {select(r.unbounded, r.max, r.max + r.log_total()), {r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), e.p, e.p * e.q, c[0]};
  }
};

struct softmax : softmax_loss {
  static constexpr auto name = "softmax";
  static constexpr argument args[] = {
      row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes.")};
  static constexpr unsigned parts = part_value, vanishing = 0, properties = nonnegative_value | row_value;
  static constexpr int coefficients = 0;
  static constexpr auto summary = "Probabilities from logits.";
  static constexpr auto formula = "exp(logits) / sum(exp(logits))";
  static constexpr auto notes = "A row of -inf, or one with +inf, gives NaN; what is masked out 0.";
  static constexpr auto source = "scipy.special.softmax; jax.nn.softmax.";
  static constexpr auto example =
      ">>> ul.softmax([0.0, np.log(3.0), -np.inf])\n"
      "array([0.25, 0.75, 0.  ])";
  template <class D> static UFL_FN row_result<D, 0> finish(const softmax_row<D>&) { return {D(0), {D(0)}}; }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V*) { return {e.p}; }
};

/// (x - m) - log1p(R); at a single largest element that is -log1p(R).
struct log_softmax : softmax_loss {
  static constexpr auto name = "log_softmax";
  static constexpr argument args[] = {
      row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes.")};
  static constexpr unsigned parts = part_value, vanishing = 0, properties = row_value;
  static constexpr double masked = -UFL_INF;
  static constexpr int coefficients = 2;
  static constexpr auto summary = "Logarithms of the probabilities from logits.";
  static constexpr auto formula = "logits - log(sum(exp(logits)))";
  static constexpr auto notes = "A row of -inf, or one with +inf, gives NaN; what is masked out -inf.";
  static constexpr auto source = "scipy.special.log_softmax; jax.nn.log_softmax.";
  static constexpr auto example =
      ">>> ul.log_softmax([20.0, 0.0])\n"
      "array([-2.06115362e-09, -2.00000000e+01])";
  template <class D> static UFL_FN row_result<D, 2> finish(const softmax_row<D>& r) {
    return {D(0), {r.max, r.log_total()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {(e.x - c[0]) - c[1]};
  }
};

/// The added term is the weight of the missed probability, sum of y (1 - P): for the largest element 1 - P is
/// R/(1+R), for the others it does not cancel.  With A the sum of y P, gradient Y P - y - eps P (y - A),
/// Hessian Y P Q - eps P (y - A) (Q - P), Q = 1 - P.
struct poly_loss_cross_entropy : softmax_loss {
  static constexpr auto name = "poly_loss_cross_entropy";
  static constexpr argument args[] = {
      row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes."),
      row_target("labels", domain::unit, "Probabilities of the classes."),
      parameter("epsilon", domain::real, 2.0, "Weight of the polynomial term.")};
  static constexpr unsigned parts = standard_parts | part_bound,
                            vanishing = part_value | part_grad | part_hess, properties = 0;
  static constexpr bool mixed = true;
  static constexpr int coefficients = 6;
  static constexpr auto summary = "Softmax cross-entropy with a linear term: PolyLoss-1.";
  static constexpr auto formula =
      "softmax_cross_entropy(logits, labels) + epsilon * sum(labels * (1 - softmax(logits)))";
  static constexpr auto notes =
      "The second derivative may be negative; `hess_bound` is Boehning's for the cross-entropy plus the "
      "positive part of the rest.";
  static constexpr auto source = "Leng et al., PolyLoss, 2022; optax.losses.poly_loss_cross_entropy.";
  static constexpr auto example =
      ">>> ul.poly_loss_cross_entropy([[2.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]])\n"
      "array([0.66557268])";
  template <class D> static UFL_FN row_result<D, 6> finish(const softmax_row<D>& r, D eps) {
    const D y = r.weight(), below = r.mixed / r.total();
    return {r.cost + times_or_zero(y, r.log_total()) + eps * ((r.lower - below) + r.top * r.miss()),
            {y, r.lower, eps, below + r.top / r.total(), below, y * r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    const V away = select(e.top, e.y * e.q - c[4], e.y - c[3]), pull = c[2] * (e.p * away),
            bend = pull * (e.q - e.p);
    return {V(0), select(e.top, c[1] - c[0] * e.q, c[0] * e.p - e.y) - pull, c[0] * (e.p * e.q) - bend,
            c[5] + max(neg(bend), V(0))};
  }
};

/// The entropy of y and the cross-entropy cancel where P is near y: computed in double.
struct softmax_kl_divergence : softmax_loss {
  static constexpr auto name = "softmax_kl_divergence";
  static constexpr argument args[] = {
      row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes."),
      row_target("targets", domain::nonnegative, "Target probabilities.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_value | part_grad | part_grad2, properties = convex;
  static constexpr bool entropy = true, in_double = true;
  static constexpr int coefficients = 5;
  static constexpr auto summary =
      "Kullback-Leibler divergence of the softmax of logits from target probabilities.";
  static constexpr auto formula = "sum(targets * (log(targets) - log_softmax(logits)))";
  static constexpr auto notes =
      "A target of 0 gives 0. Derivatives with respect to the logits are those of `softmax_cross_entropy`; "
      "that with respect to a target is -inf at 0.";
  static constexpr auto source = "gluon KLDivLoss(from_logits=False) before its mean.";
  static constexpr auto example =
      ">>> ul.softmax_kl_divergence([[0.0, 0.0]], [[0.25, 0.75]])\n"
      "array([0.13081204])";
  template <class D> static UFL_FN row_result<D, 5> finish(const softmax_row<D>& r) {
    const D y = select(r.entropy == r.entropy, r.weight(), nan<D>()),
            l = r.log_total();  // a negative target is NaN
    return {r.entropy + (r.cost + times_or_zero(y, l)), {y, r.lower, r.max, l, y * r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), select(e.top, c[1] - c[0] * e.q, c[0] * e.p - e.y), c[0] * (e.p * e.q), c[4],
            select(e.y == V(0), neg(inf<V>()), ((log(e.y) + (c[2] - e.x)) + c[3]) + V(1))};
  }
};

UFL_END
