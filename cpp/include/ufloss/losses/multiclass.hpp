// Margin losses of a row of scores, the sparsemax loss, and the smoothing of labels.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// The two losses of the largest score but the label's: how far it comes within `distance` of the label's,
/// with slopes 1 and -1.
struct largest_other_loss : sum_loss {
  static constexpr argument args[] = {row_operands::scores, row_operands::true_class};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value,
                            properties = convex | nonnegative_value;
  static constexpr bool labelled = true, needs_argmax = true;
  // What stands for a masked score and fills up the last pack: it never wins, and it is no NaN.  A label that
  // is itself masked out counts as this score too, which makes its loss infinite.
  static constexpr double neutral[] = {-UFL_INF};
  static constexpr int sums = 1, coefficients = 1;
  template <class D> static UFL_FN D candidate(const D* x) { return x[0]; }
  /// Reads the row for NaN, which no comparison shows.
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = s[0] + select(x[0] == x[0], D(0), x[0]);
  }
  /// The label takes no part in the competition, so `best` of a single class is -inf and the excess too: 0.
  /// Written with <= and not as a maximum, so that a NaN stays one and -0 becomes 0; sum[0] is 0, or NaN
  /// where a score is.
  template <class D> static UFL_FN row_result<D, 1> within(const sum_row<D>& r, D distance) {
    const D excess = (r.best - r.label) + distance;
    return {select(excess <= D(0), D(0), excess) + r.sum[0], {select(excess > D(0), D(1), D(0))}};
  }
  /// The winner is never the label, so the two slopes fall on different elements.
  template <class D> static UFL_FN jet<D> spread(const D*, const D* c, row_marks<D> marks) {
    const D grad = select(marks.winner, c[0], select(marks.at_label, D(0) - c[0], D(0)));
    return {D(0), grad, D(0), D(1)};
  }
};

/// The label has to lead by 1.  At the kink: [0, 0, 0].
struct multiclass_hinge_loss : largest_other_loss {
  static constexpr auto name = "multiclass_hinge_loss";
  static constexpr auto summary = "Multiclass hinge loss (Crammer and Singer).";
  static constexpr auto formula = "max(0, max(scores[j] + 1 for j != labels) - scores[labels])";
  static constexpr auto notes =
      "The gradient is 1 at the largest other score, the first of equals, -1 at the label, and 0 at the "
      "kink. The second derivative is 0; `hess_bound` is 1 by convention. Where the label's own class is "
      "masked out, the loss is inf.";
  static constexpr auto source =
      "Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines, "
      "2001; optax.losses.multiclass_hinge_loss.";
  static constexpr auto example =
      ">>> ul.multiclass_hinge_loss([[2.0, 1.5, 0.0], [2.0, 0.5, 0.0]], [0, 0])\n"
      "array([0.5, 0. ])";
  template <class D> static UFL_FN row_result<D, 1> finish(const sum_row<D>& r) { return within(r, D(1)); }
};

/// The label has to lead at all; a tie costs 0 and has the slope 0.
struct multiclass_perceptron_loss : largest_other_loss {
  static constexpr auto name = "multiclass_perceptron_loss";
  static constexpr auto summary = "Multiclass perceptron loss.";
  static constexpr auto formula = "max(scores) - scores[labels]";
  static constexpr auto notes =
      "The gradient is 1 at the largest score, the first of equals, and -1 at the label, or 0 where no score "
      "is larger than the label's. The second derivative is 0; `hess_bound` is 1 by convention. Where the "
      "label's own class is masked out, the loss is inf.";
  static constexpr auto source =
      "Collins, Discriminative training methods for hidden Markov models, 2002; "
      "optax.losses.multiclass_perceptron_loss.";
  static constexpr auto example =
      ">>> ul.multiclass_perceptron_loss([[2.0, 1.5, 0.0], [2.0, 1.5, 0.0]], [0, 1])\n"
      "array([0. , 0.5])";
  template <class D> static UFL_FN row_result<D, 1> finish(const sum_row<D>& r) { return within(r, D(0)); }
};

/// The true class counts 0 among the others.
struct categorical_hinge : sum_loss {
  static constexpr auto name = "categorical_hinge";
  static constexpr argument args[] = {
      row_prediction("predictions", domain::real, "Scores of the classes."),
      row_target("labels", domain::unit, "1 at the true class, 0 elsewhere.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex | nonnegative_value;
  // Without an integer label all elements compete, each with its candidate().
  static constexpr bool needs_argmax = true;
  static constexpr double neutral[] = {-UFL_INF, 0};
  static constexpr int sums = 1, coefficients = 1;
  static constexpr auto summary = "Categorical hinge loss of one-hot labels.";
  static constexpr auto formula = "max(0, 1 + max((1 - labels) * predictions) - sum(labels * predictions))";
  static constexpr auto notes =
      "The maximum has a 0 from the true class. The gradient is (1 - labels) at the largest term, the first "
      "of equals, minus the labels, and 0 at the kink. The second derivative is 0; `hess_bound` is 1 by "
      "convention.";
  static constexpr auto source = "Axon categorical_hinge; Keras CategoricalHinge.";
  static constexpr auto example =
      ">>> ul.categorical_hinge([[0.5, 0.25, 0.25]], [[1, 0, 0]])\n"
      "array([0.75])";
  /// An infinite score of the true class counts 0 here and not NaN.
  template <class D> static UFL_FN D candidate(const D* x) { return times_or_zero(D(1) - x[1], x[0]); }
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = s[0] + times_or_zero(x[1], x[0]) + select(x[0] == x[0], D(0), x[0]);
  }
  template <class D> static UFL_FN row_result<D, 1> finish(const sum_row<D>& r) {
    const D excess = (r.best - r.sum[0]) + D(1);
    return {select(excess <= D(0), D(0), excess), {select(excess > D(0), D(1), D(0))}};
  }
  /// c[0] is 1 where the row costs anything: the slopes of the maximum and of the label's score, which may
  /// fall on the same element where labels are soft.
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c, row_marks<D> marks) {
    const D grad = c[0] * (select(marks.winner, D(1) - x[1], D(0)) - x[1]);
    return {D(0), grad, D(0), D(1)};
  }
};

/// Gradient p - onehot(label), with p the projection of the scores on the simplex, max(0, x - t); Newton's
/// method from t = max x - 1, which is below the solution of a convex equation, ends after as many passes as
/// the set of classes above t changes.  With q and r the sums of p and p^2 over all classes but the label's,
/// the loss is (q^2 + r)/2, and where the label's own score is below t what is missing there: every term is
/// positive.
struct multiclass_sparsemax_loss : sum_loss {
  static constexpr auto name = "multiclass_sparsemax_loss";
  static constexpr argument args[] = {row_operands::scores, row_operands::true_class};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex | nonnegative_value, at_label = part_grad;
  static constexpr bool labelled = true, needs_argmax = true;
  static constexpr double neutral[] = {-UFL_INF};
  static constexpr int sums = 1, states = 3, next_sums = 4, coefficients = 4;
  /// state[]: scores and the threshold t count from the largest score.
  enum { base, threshold, begun };
  /// next[]: sums over the classes above t of their scores and of 1, and over the others but the label of p
  /// and p^2, the q and r above.
  enum { of_scores, of_classes, of_others, of_squares };
  static constexpr auto summary = "Sparsemax loss of an integer label.";
  static constexpr auto formula =
      "sum(p * (scores - scores[labels])) + (1 - sum(p**2)) / 2\n"
      "p = argmin(sum((p - scores)**2) for p >= 0, sum(p) == 1)";
  static constexpr auto notes =
      "The gradient is p - onehot(labels), most of it exactly 0; the second derivative is 1 - 1/k for the k "
      "classes of p > 0 and 0 elsewhere; `hess_bound` is 1 - 1/n, or 1 for n = 1. Where the label's own "
      "class is masked out, the loss is inf.";
  static constexpr auto source =
      "Martins and Astudillo, From softmax to sparsemax, 2016; optax.losses.multiclass_sparsemax_loss.";
  static constexpr auto example =
      ">>> ul.multiclass_sparsemax_loss([[1.99, 1.0, -3.0]], [0])\n"
      "array([2.5e-05])";
  template <class D> static UFL_FN D candidate(const D* x) { return x[0]; }
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = s[0] + select(x[0] == x[0], D(0), x[0]);
  }
  /// Scores are taken relative to the largest one, so that the threshold lies between -1 and 0 whatever their
  /// size.
  template <class D> static UFL_FN void fold_next(D* s, const D* x, const D* st, mask_t<D> at_label) {
    const D d = x[0] - st[base];
    const D p = max(d - st[threshold], D(0));
    const D p_of_other = select(at_label, D(0), p);
    const auto above = d > st[threshold];
    s[of_scores] = s[of_scores] + select(above, d, D(0));
    s[of_classes] = s[of_classes] + select(above, D(1), D(0));
    s[of_others] = s[of_others] + p_of_other;
    s[of_squares] = fma(p_of_other, p, s[of_squares]);
  }
  /// A Newton step: t solves sum(d - t) = 1 over the classes above the last t.  It rises from step to step
  /// until it stays, which ends the passes; a NaN compares false and ends them too.
  template <class D> static UFL_FN mask_t<D> next_pass(const sum_row<D>& r, D* st) {
    const auto first = st[begun] == D(0);
    const D next = select(first, D(-1), (r.next[of_scores] - D(1)) / r.next[of_classes]);
    const auto more = first | (next > st[threshold]);
    st[base] = select(first, max(r.best, r.label), st[base]);
    st[threshold] = select(more, next, st[threshold]);
    st[begun] = D(1);
    return more;
  }
  /// `missing`: by how much the label's score lies below the threshold.  Then its p is 0 and those of the
  /// others sum to 1, which is taken as it is.  The slope at the label, p - 1, is -q: no 1 is subtracted.
  template <class D> static UFL_FN row_result<D, 4> finish(const sum_row<D>& r) {
    const D missing = r.state[threshold] - (r.label - r.state[base]);
    const D q = select(missing >= D(0), D(1), r.next[of_others]);
    const D simplex = D(0.5) * fma(q, q, r.next[of_squares]);
    const D value = (simplex + select(missing <= D(0), D(0), missing)) + r.sum[0];
    const D hess = D(1) - D(1) / r.next[of_classes];
    const D bound = select(r.count > D(1), D(1) - D(1) / r.count, D(1));
    return {value, {r.state[base], r.state[threshold], hess, bound}, D(0) - q};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c, row_marks<D>) {
    const D d = x[0] - c[0];
    const auto above = d > c[1];
    return {D(0), select(above, d - c[1], D(0)), select(above, c[2], D(0)), c[3]};
  }
};

/// (1 - alpha) y + alpha/n.
struct smooth_labels : sum_loss {
  static constexpr auto name = "smooth_labels";
  static constexpr argument args[] = {
      row_prediction("labels", domain::unit, "One-hot labels, or probabilities of the classes."),
      parameter("alpha", domain::real, required, "The part that is spread over all classes.")};
  static constexpr unsigned parts = part_value, vanishing = 0, properties = row_value;
  static constexpr double neutral[] = {0};
  static constexpr int sums = 1, coefficients = 2;
  static constexpr auto summary = "Labels mixed with the uniform distribution.";
  static constexpr auto formula = "(1 - alpha) * labels + alpha / n";
  static constexpr auto notes =
      "n is the number of classes, or of those that `where` selects; what is masked out gives 0. With "
      "`softmax_cross_entropy_with_integer_labels`, `label_smoothing` does the same without the labels as an "
      "array.";
  static constexpr auto source =
      "Szegedy et al., Rethinking the Inception architecture, 2015; optax.losses.smooth_labels; Axon "
      "apply_label_smoothing.";
  static constexpr auto example =
      ">>> ul.smooth_labels([0.0, 1.0, 0.0, 0.0], 0.1)\n"
      "array([0.025, 0.925, 0.025, 0.025])";
  /// Only the number of the elements that take part is asked of the row.
  template <class D> static UFL_FN void fold(D*, const D*, const D*) {}
  template <class D> static UFL_FN row_result<D, 2> finish(const sum_row<D>& r, D alpha) {
    return {D(0), {D(1) - alpha, alpha / r.count}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) { return {fma(c[0], x[0], c[1])}; }
};

UFL_END
