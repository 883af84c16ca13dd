// Losses of a row of logits, through its softmax.
//
// With m the largest logit and R the sum of exp(x_j - m) over all elements but one of the largest, log sum
// exp(x) = m + log1p(R), and 1 - P of a single largest element is R/(1+R): nothing of a confident row is lost
// to the 1 that dominates it.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// Y P - y, the gradient of the cross-entropy of weights y whose sum is Y.  At the single largest element it
/// is (Y - y) - Y (1 - P), with Y - y the weight of the lower ones.
template <class V> UFL_FN V weighted_slope(const softmax_entry<V>& e, V weight, V lower) {
  return select(e.top, lower - weight * e.q, weight * e.p - e.y);
}

/// value = (m - x_l) + log1p(R), never lse - x_l.  Gradient P, and at the label -(1 - P_l).
struct softmax_cross_entropy_with_integer_labels : softmax_loss {
  static constexpr auto name = "softmax_cross_entropy_with_integer_labels";
  static constexpr argument args[] = {
      row_operands::logits, row_operands::true_class,
      parameter("label_smoothing", domain::unit, 0.0,
                "The part of the label's weight that is spread over all classes.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value;
  // Label smoothing needs the sum of m - x over all classes; without it, as usual, no weights are summed.
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
    const D behind = r.max - r.label;
    const D p = exp_nonpositive(neg(behind)) / r.total();
    const D share = smoothing / r.count;
    // Every class that is not -inf weighs 1 in the sums; a class that cannot be, of which a part is asked,
    // costs infinity.
    const D others = select(r.weight() < r.count, inf<D>(), r.cost);
    const D cost = times_or_zero(D(1) - smoothing, behind) + times_or_zero(share, others);
    // 1 - P of the label: any other one than a single largest has P <= 1/2, where 1 - P does not cancel.
    const auto is_single_largest = (r.ties == D(1)) & (behind == D(0));
    const D miss = select(is_single_largest, r.miss(), D(1) - p);
    // At the label: P - (1 - smoothing + share), with 1 - P put in for P.
    return {cost + r.log_total(), {r.curvature(), share}, (smoothing - share) - miss};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), e.p - c[1], e.p * e.q, c[0]};
  }
};

/// value = sum of y (m - x) + Y log1p(R), Y the sum of y.  Gradient Y P - y, Hessian Y P (1 - P).
struct softmax_cross_entropy : softmax_loss {
  static constexpr auto name = "softmax_cross_entropy";
  static constexpr argument args[] = {row_operands::logits, row_operands::class_weights};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2, vanishing = part_grad,
                            properties = convex;
  static constexpr int coefficients = 5;
  /// The coefficients: the sum Y of the weights and that of the lower ones, m, log1p(R), and the bound.
  enum { weight, lower, largest, log_total, bound };
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
    const D y = r.weight();
    const D log_total = r.log_total();
    return {r.cost + times_or_zero(y, log_total), {y, r.lower, r.max, log_total, y * r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    const V hess = c[weight] * (e.p * e.q);
    // In this order: log sum exp - x would round a number of the size of the logits first.
    const V minus_log_p = (c[largest] - e.x) + c[log_total];  // -log P
    return {V(0), weighted_slope(e, c[weight], c[lower]), hess, c[bound], minus_log_p};
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
    // Of an unbounded row R is NaN, and the largest logit, -inf or inf, is the limit.
    return {select(r.unbounded, r.max, r.max + r.log_total()), {r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), e.p, e.p * e.q, c[0]};
  }
};

/// P itself, as softmax rows form it for every gradient.
struct softmax : softmax_loss {
  static constexpr auto name = "softmax";
  static constexpr argument args[] = {row_operands::logits};
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
  static constexpr argument args[] = {row_operands::logits};
  static constexpr unsigned parts = part_value, vanishing = 0, properties = row_value;
  // A class that takes no part has the probability 0.
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
      row_operands::logits, row_target("labels", domain::unit, "Probabilities of the classes."),
      parameter("epsilon", domain::real, 2.0, "Weight of the polynomial term.")};
  static constexpr unsigned parts = standard_parts | part_bound,
                            vanishing = part_value | part_grad | part_hess, properties = 0;
  static constexpr bool mixed = true;
  static constexpr int coefficients = 6;
  enum { weight, lower, strength, of_all, of_lower, bound };  // strength: epsilon; of: sums of y P
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
    const D y = r.weight();
    const D hit_below = r.mixed / r.total();                    // sum of y P over the lower elements
    const D hit = hit_below + r.top / r.total();                // and over all, A
    const D missed = (r.lower - hit_below) + r.top * r.miss();  // sum of y (1 - P)
    const D value = r.cost + times_or_zero(y, r.log_total()) + eps * missed;
    return {value, {y, r.lower, eps, hit, hit_below, y * r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    // Of a single largest element that is y Q less the others' part, since its y - y P would cancel.
    const V away = select(e.top, e.y * e.q - c[of_lower], e.y - c[of_all]);  // y - A
    const V pull = c[strength] * (e.p * away);
    const V bend = pull * (e.q - e.p);
    const V grad = weighted_slope(e, c[weight], c[lower]) - pull;
    return {V(0), grad, c[weight] * (e.p * e.q) - bend, c[bound] + max(neg(bend), V(0))};
  }
};

/// The entropy of y and the cross-entropy cancel where P is near y: computed in double.
struct softmax_kl_divergence : softmax_loss {
  static constexpr auto name = "softmax_kl_divergence";
  static constexpr argument args[] = {row_operands::logits, row_operands::target_probabilities};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_value | part_grad | part_grad2, properties = convex;
  // entropy: the sum of y log y is taken too, from which the cross-entropy takes nearly all away where P is
  // near y.
  static constexpr bool entropy = true, in_double = true;
  static constexpr int coefficients = 5;
  /// The coefficients of softmax_cross_entropy, whose derivatives these are: targets do not depend on logits.
  enum { weight, lower, largest, log_total, bound };
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
    const D y = select(r.entropy == r.entropy, r.weight(), nan<D>());  // a negative target is NaN
    const D log_total = r.log_total();
    const D value = r.entropy + (r.cost + times_or_zero(y, log_total));
    return {value, {y, r.lower, r.max, log_total, y * r.curvature()}};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    const V log_ratio = (log(e.y) + (c[largest] - e.x)) + c[log_total];  // log(y/P)
    const V target_slope = select(e.y == V(0), neg(inf<V>()), log_ratio + V(1));
    const V hess = c[weight] * (e.p * e.q);
    return {V(0), weighted_slope(e, c[weight], c[lower]), hess, c[bound], target_slope};
  }
};

UFL_END
