// Divergences between a prediction and a target distribution: point by point, and summed over rows.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// With d = log y - x: value = y d, grad = -y, slope in y = d + 1.  Linear in x: the curvature is 0.  Where
/// y = 0 the value is 0 whatever x is, and the slope in y is -inf, its limit.  At x = 0: [y log y, -y, 0].
struct kl_div {
  static constexpr auto name = "kl_div";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Logarithms of the predicted probabilities."),
      target("targets", domain::nonnegative, "Target probabilities.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_value | part_grad2, properties = convex;
  static constexpr auto summary = "Pointwise Kullback-Leibler divergence from log-probabilities.";
  static constexpr auto formula = "targets * (log(targets) - predictions)";
  static constexpr auto notes =
      "A target of 0 gives 0, also where the prediction is -inf. Linear in the prediction: the second "
      "derivative is 0, `hess_bound` is 1 by convention. The gradient with respect to the target is -inf at "
      "0.";
  static constexpr auto source = "gluon KLDivLoss before its mean; torch kl_div(reduction='none').";
  static constexpr auto example =
      ">>> ul.kl_div(np.log([0.5, 0.2]), [0.5, 0.4])\n"
      "array([0.        , 0.27725887])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V value = in_double([](auto x, auto y) UFL_INLINE { return value_of(x, y); }, x, y);
    const V slope = in_double([](auto x, auto y) UFL_INLINE { return target_slope(x, y); }, x, y);
    return only(x == x, jet<V>{value, V(0) - y, V(0), V(1), slope});
  }
  template <class D> static UFL_FN D value_of(D x, D y) {
    // y itself where it is 0: an exact 0, though x may be -inf.
    return select(y == D(0), y, y * (log_positive(y) - x));
  }
  /// In double, as the value is: it crosses 0 where y is exp(x - 1).
  template <class D> static UFL_FN D target_slope(D x, D y) {
    return select(y == D(0), neg(inf<D>()), (log_positive(y) - x) + D(1));
  }
  /// Targets are often 0: log's way for special arguments is the longer one.
  template <class D> static UFL_FN D log_positive(D y) { return log(select(y == D(0), D(1), y)); }
};

/// log(y) as hi + lo: hi is a sum that loses nothing beyond lo, which is at most 0.11 for ordinary y, and has
/// an error of an ulp or two of itself.
template <class V> UFL_FN two<V> log_apart(V y) {
  const auto normal = all_normal(y);
  log_argument<V> a;
  if (UFL_UNLIKELY(!normal)) a = log_reduce(y);
  else {
    const auto s = split(y);
    a = {s.n, s.m - V(1)};
  }
  const two<V> s = fast_two_sum(a.n * V(exp_of<V>::ln2_hi), a.f);
  const V low = fma(a.n, V(exp_of<V>::ln2_lo), s.lo) + log_rest(a.f);
  return {normal ? s.hi : log_limits(y, s.hi), low};
}

/// The sum of kl_div over a row, W the sum of its targets.
///
/// The sum may be far smaller than its terms: where all d = log y - x are of size eps, what is of first order
/// cancels between the elements, and W eps^2 / 2 is left.  So each term needs an absolute error that is small
/// beside y eps^2.  Of float32 data log y is taken in two words, x is taken from the first, and rounding
/// costs at most 2^-24 y (lo + d) a term: at most 4 times the result's own rounding as long as the result is
/// above W/8, and less than it where terms are many.  Rows below that are read again with the logarithm in
/// double: then hi - x is exact and an error of 2^-56 y a term is left, which resolves an eps of 1e-7.  The
/// row decides, not a pack, so bits do not depend on registers.
struct kl_divergence : product_loss {
  static constexpr auto name = "kl_divergence";
  static constexpr argument args[] = {row_operands::log_probabilities, row_operands::target_probabilities};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_value | part_grad2, properties = convex;
  // A target of 0 adds nothing to any sum.
  static constexpr double neutral[] = {0, 0};
  // sum[0]: the terms.  sum[1]: W, for float32 alone, which says whether the terms cancelled.  state[0]: 1
  // once the second pass has been asked for; next[0]: its terms.
  static constexpr int sums = 2, guards = 1, states = 1, next_sums = 1;
  static constexpr auto summary =
      "Kullback-Leibler divergence of log-probabilities from target probabilities.";
  static constexpr auto formula = "sum(targets * (log(targets) - predictions))";
  static constexpr auto notes =
      "A target of 0 counts 0, also where the prediction is -inf; a negative target gives NaN. Linear in the "
      "prediction: the second derivative is 0, `hess_bound` is 1 by convention. The gradient with respect to "
      "a target is -inf at 0.";
  static constexpr auto source = "optax.losses.kl_divergence; Axon kl_divergence (of clipped probabilities).";
  static constexpr auto example =
      ">>> ul.kl_divergence(np.log([[0.5, 0.5]]), [[0.25, 0.75]])\n"
      "array([0.13081204])";
  /// log y - x for y > 0
  template <class V> static UFL_FN V difference(V x, V y) {
    const auto l = log_apart(y);
    return (l.hi - x) + l.lo;
  }
  /// Of double data one word of log y is as exact as x is.  Both ways of each type give the same bits of a
  /// normal y, so that neighbours do not count.
  template <class V> static UFL_FN void add(wide_t<V>* s, const V* x) {
    const V y = x[1];
    if constexpr (is_double<V>) {
      if (all_normal(y)) s[0] = fma(y, log_normal(y) - x[0], s[0]);
      else s[0] = fma(y, unless_nothing(y, x[0], kl_div::log_positive(y) - x[0]), s[0]);
    } else {
      const V d = all_normal(y) ? difference(x[0], y)
                                : unless_nothing(y, x[0], difference(x[0], select(y == V(0), V(1), y)));
      const auto w = widen(y);
      s[0] = fma(w, widen(d), s[0]);
      s[1] = s[1] + w;
    }
  }
  /// The same terms with everything in double.  A NaN of x stays, also beside a target of 0.
  template <class D> static UFL_FN void fold_next(D* s, const D* x, const D*, mask_t<D>) {
    const auto none = x[1] == D(0);
    const D d = difference(x[0], select(none, D(1), x[1]));
    s[0] = fma(x[1], select(none & (d == d), D(0), d), s[0]);
  }
  /// Asked for once a row, by the bound above; a NaN compares false and asks for nothing.
  template <class D> static UFL_FN mask_t<D> next_pass(const sum_row<D>& r, D* st) {
    const mask_t<D> cancelled = (st[0] == D(0)) & (abs(r.sum[0]) < D(0.125) * r.sum[1]);
    st[0] = select(cancelled, D(1), st[0]);
    return cancelled;
  }
  /// Of double data there is no state, since guards and further passes serve float32 alone.
  template <class D> static UFL_FN row_result<D, 0> finish(const sum_row<D>& r) {
    if (!r.sums_wider_than_data) return {r.sum[0], {D(0)}};
    return {select(r.state[0] == D(0), r.sum[0], r.next[0]), {D(0)}};
  }
  /// 1 + log y - x.  Near equality it is 1, whatever the size of log y.
  template <class V> static UFL_FN V slope(V x, V y) {
    if constexpr (is_double<V>) return (log(y) - x) + V(1);
    else {
      const auto l = log_apart(y);
      // The low words are added last; beside an infinite high word they may be NaN, and count nothing.
      const auto d = two_diff(l.hi, x), s = two_sum(d.hi, V(1));
      return s.hi + select(abs(s.hi) < inf<V>(), l.lo + (d.lo + s.lo), V(0));
    }
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D*) {
    const D target_slope = select(x[1] == D(0), neg(inf<D>()), slope(x[0], x[1]));
    return {D(0), neg(x[1]), D(0), D(1), target_slope};
  }
};

/// Where the log-target is -inf its probability 0 kills the term.
struct kl_divergence_with_log_targets : sum_loss {
  static constexpr auto name = "kl_divergence_with_log_targets";
  static constexpr argument args[] = {
      row_operands::log_probabilities,
      row_target("log_targets", domain::real, "Logarithms of the target probabilities.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_value | part_grad2, properties = convex;
  // A log-target of -inf is a target of 0.
  static constexpr double neutral[] = {0, -UFL_INF};
  static constexpr int sums = 1;
  static constexpr auto summary = "Kullback-Leibler divergence between log-probabilities.";
  static constexpr auto formula = "sum(exp(log_targets) * (log_targets - predictions))";
  static constexpr auto notes =
      "A log-target of -inf counts 0. Linear in the prediction: the second derivative is 0, `hess_bound` is "
      "1 by convention.";
  static constexpr auto source = "optax.losses.kl_divergence_with_log_targets.";
  static constexpr auto example =
      ">>> ul.kl_divergence_with_log_targets(np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]]))\n"
      "array([0.13081204])";
  /// log y - x, 0 where its weight is 0.
  template <class D> static UFL_FN D above(const D* x) {
    return select((x[1] == neg(inf<D>())) & (x[0] == x[0]), D(0), x[1] - x[0]);
  }
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = s[0] + times_or_zero(exp(x[1]), above(x));
  }
  template <class D> static UFL_FN row_result<D, 0> finish(const sum_row<D>& r) { return {r.sum[0], {D(0)}}; }
  /// The slope in log y is y (log y - x + 1): the target itself depends on its logarithm.
  template <class D> static UFL_FN jet<D> spread(const D* x, const D*) {
    const D e = exp(x[1]);
    return {D(0), neg(e), D(0), D(1), times_or_zero(e, above(x) + D(1))};
  }
};

/// With d = x - log y each term is y phi(d), phi(d) = exp(d) - 1 - d, which is never negative; where y = 0 it
/// is exp(x).
struct generalized_kl_divergence : sum_loss {
  static constexpr auto name = "generalized_kl_divergence";
  static constexpr argument args[] = {row_operands::log_probabilities, row_operands::target_probabilities};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_grad | part_grad2, properties = convex | nonnegative_value;
  // Both measures are 0 there.
  static constexpr double neutral[] = {-UFL_INF, 0};
  static constexpr int sums = 1;
  static constexpr auto summary =
      "Generalised Kullback-Leibler divergence, for measures that need not sum to 1.";
  static constexpr auto formula = "sum(targets * (log(targets) - predictions) + exp(predictions) - targets)";
  static constexpr auto notes =
      "Convex in both arguments together and never negative. A target of 0 counts exp(prediction), a "
      "negative one gives NaN. The second derivative is exp(predictions), which `hess_bound` raises to 1 "
      "where it is less.";
  static constexpr auto source = "optax.losses.generalized_kl_divergence (convex_kl_divergence until 0.2.7).";
  static constexpr auto example =
      ">>> ul.generalized_kl_divergence(np.log([[0.5, 0.5]]), [[0.5, 0.25]])\n"
      "array([0.0767132])";
  /// Near equality phi(d) is d^2/2, of which exp(d) - 1 - d as it stands would keep nothing; 0.34 is as far
  /// as exp_rest() goes.  Beyond it phi is at least 0.05, and the terms cancel four or five bits of a double.
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    const D e = exp(x[0]);
    const D d = x[0] - log(x[1]);
    const D near = x[1] * exp_rest(d);
    const D far = e - x[1] * (d + D(1));
    s[0] = s[0] + select(x[1] == D(0), e, select(abs(d) < D(0.34), near, far));
  }
  template <class D> static UFL_FN row_result<D, 0> finish(const sum_row<D>& r) { return {r.sum[0], {D(0)}}; }
  /// The slope in x is exp(x) - y, which crosses 0 and is double like the sums.
  template <class D> static UFL_FN jet<D> spread(const D* x, const D*) {
    const D e = exp(x[0]);
    return {D(0), e - x[1], e, max(e, D(1)), log(x[1]) - x[0]};
  }
};

/// 0 log 0 is 0.
/// The logarithm is taken in the data's own type, and its product with the label is exact in double of
/// float32.
struct cross_entropy : product_loss {
  static constexpr auto name = "cross_entropy";
  static constexpr argument args[] = {row_operands::probabilities, row_operands::class_weights};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value, properties = convex;
  // log 1 is 0, and normal: a filled pack still goes the quick way.
  static constexpr double neutral[] = {1, 0};
  static constexpr auto summary = "Cross-entropy of probabilities.";
  static constexpr auto formula = "-sum(labels * log(predictions))";
  static constexpr auto notes =
      "A label of 0 counts 0, whatever the prediction; nothing is clipped. The second derivative is labels / "
      "predictions**2, which `hess_bound` raises to 1 where it is less. Of logits, `softmax_cross_entropy` "
      "is more accurate.";
  static constexpr auto source = "Axon categorical_cross_entropy.";
  static constexpr auto example =
      ">>> ul.cross_entropy([[0.25, 0.75]], [[0.0, 1.0]])\n"
      "array([0.28768207])";
  /// Probabilities are nearly always normal numbers; where one is 0, log's limits and the label decide.
  template <class V> static UFL_FN void add(wide_t<V>* s, const V* x) {
    const V other = all_normal(x[0]) ? log_normal(x[0]) : unless_nothing(x[1], x[0], log(x[0]));
    s[0] = fma(widen(x[1]), widen(other), s[0]);
  }
  /// 0 - s: a row of exact predictions costs 0, not -0.
  template <class D> static UFL_FN row_result<D, 0> finish(const sum_row<D>& r) {
    return {D(0) - r.sum[0], {D(0)}};
  }
  /// Without a label there is no slope, whatever the prediction is; h by over_square(), which keeps what a
  /// subnormal quotient would lose.
  template <class D> static UFL_FN jet<D> spread(const D* x, const D*) {
    const auto none = x[1] == D(0);
    const D h = select(none, D(0), over_square(x[1], x[0]));
    return {D(0), select(none, D(0), neg(x[1] / x[0])), h, max(h, D(1))};
  }
};

/// 0 * inf is 0.
/// Linear in the predictions: the slope is minus the label.
struct nll_loss : sum_loss {
  static constexpr auto name = "nll_loss";
  static constexpr argument args[] = {row_operands::log_probabilities, row_operands::class_weights};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value, properties = convex;
  static constexpr double neutral[] = {0, 0};
  static constexpr int sums = 1;
  static constexpr auto summary = "Negative log-likelihood from log-probabilities.";
  static constexpr auto formula = "-sum(labels * predictions)";
  static constexpr auto notes =
      "A label of 0 counts 0, also where the prediction is -inf. Linear: the second derivative is 0, "
      "`hess_bound` is 1 by convention.";
  static constexpr auto source = "gluon SoftmaxCrossEntropyLoss(from_logits=True, sparse_label=False).";
  static constexpr auto example =
      ">>> ul.nll_loss(np.log([[0.25, 0.75]]), [[0.0, 1.0]])\n"
      "array([0.28768207])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = s[0] + times_or_zero(x[1], x[0]);
  }
  template <class D> static UFL_FN row_result<D, 0> finish(const sum_row<D>& r) {
    return {D(0) - r.sum[0], {D(0)}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D*) {
    return {D(0), neg(x[1]), D(0), D(1)};
  }
};

/// The row is read for NaN alone.
/// The class of the label decides the rest, so its derivatives come from finish().
struct cross_entropy_with_integer_labels : sum_loss {
  static constexpr auto name = "cross_entropy_with_integer_labels";
  static constexpr argument args[] = {row_operands::probabilities, row_operands::true_class};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0, properties = convex,
                            at_label = part_grad | part_hess | part_bound;
  static constexpr bool labelled = true;
  // A label that is masked out has the probability 0: the loss is inf.
  static constexpr double neutral[] = {0};
  static constexpr int sums = 1;
  static constexpr auto summary = "Cross-entropy of probabilities and an integer label.";
  static constexpr auto formula = "-log(predictions[labels])";
  static constexpr auto notes =
      "Nothing is clipped. The derivatives are 0 but at the label; `hess_bound` is the second derivative or "
      "1, whichever is greater. Where the label's own class is masked out, the loss is inf.";
  static constexpr auto source = "Axon categorical_cross_entropy(sparse=True).";
  static constexpr auto example =
      ">>> ul.cross_entropy_with_integer_labels([[0.25, 0.75]], [1])\n"
      "array([0.28768207])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = s[0] + select(x[0] == x[0], D(0), x[0]);
  }
  /// sum[0] is 0, or NaN where any prediction of the row is: then value and both derivatives are.
  template <class D> static UFL_FN row_result<D, 0> finish(const sum_row<D>& r) {
    const D slope = neg(D(1) / r.label);
    return {
        (D(0) - log(r.label)) + r.sum[0], {D(0)}, slope + r.sum[0], over_square(D(1), r.label) + r.sum[0]};
  }
  template <class D> static UFL_FN jet<D> spread(const D*, const D*) { return {D(0), D(0), D(0), D(1)}; }
};

/// The row is read for NaN alone.
/// As in cross_entropy_with_integer_labels, whose logarithm has been taken before.
struct nll_loss_with_integer_labels : sum_loss {
  static constexpr auto name = "nll_loss_with_integer_labels";
  static constexpr argument args[] = {row_operands::log_probabilities, row_operands::true_class};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0, properties = convex,
                            at_label = part_grad;
  static constexpr bool labelled = true;
  // log 0: a label that is masked out costs inf.
  static constexpr double neutral[] = {-UFL_INF};
  static constexpr int sums = 1;
  static constexpr auto summary = "Negative log-likelihood from log-probabilities and an integer label.";
  static constexpr auto formula = "-predictions[labels]";
  static constexpr auto notes =
      "Linear: the gradient is -1 at the label and 0 elsewhere, `hess_bound` is 1 by convention. Where the "
      "label's own class is masked out, the loss is inf.";
  static constexpr auto source =
      "gluon SoftmaxCrossEntropyLoss(from_logits=True); torch nll_loss before its mean.";
  static constexpr auto example =
      ">>> ul.nll_loss_with_integer_labels(np.log([[0.25, 0.75]]), [1])\n"
      "array([0.28768207])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = s[0] + select(x[0] == x[0], D(0), x[0]);
  }
  template <class D> static UFL_FN row_result<D, 0> finish(const sum_row<D>& r) {
    return {(D(0) - r.label) + r.sum[0], {D(0)}, D(-1) + r.sum[0]};
  }
  template <class D> static UFL_FN jet<D> spread(const D*, const D*) { return {D(0), D(0), D(0), D(1)}; }
};

UFL_END
