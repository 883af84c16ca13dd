// Overlaps of regions, and the probabilities that they are made of.
#pragma once
#include "ufloss/losses/softmax.hpp"

UFL_BEGIN

/// The loss is W/(tp + W + smooth), W the weighted false ones: nothing cancels.  W and the whole grow with
/// p_j by alpha (1 - t) - beta t and t more; the gradient is formed from shares of the whole, W's and the
/// rest's, of which neither is 1 minus the other.
struct tversky_loss : sum_loss {
  static constexpr auto name = "tversky_loss";
  static constexpr argument args[] = {
      row_prediction("predictions", domain::unit, "Probabilities that a pixel belongs to the region."),
      row_target("targets", domain::unit, "0 or 1 for each pixel, or a probability."),
      parameter("smooth", domain::nonnegative, 1.0, "Added to both parts of the fraction."),
      parameter("alpha", domain::nonnegative, 0.5, "Weight of false positives."),
      parameter("beta", domain::nonnegative, 0.5, "Weight of false negatives.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_grad | part_hess,
                            properties = nonnegative_value;
  // A pixel that is masked out is outside both regions, which adds to none of the sums.
  static constexpr double neutral[] = {0, 0};
  static constexpr int sums = 3, coefficients = 6;
  /// The sums: true positives, false positives, false negatives.  They are not formed of each other, which
  /// would cancel; then the coefficients.
  enum { true_positives, false_positives, false_negatives };
  enum { wrong_share, right_share, inverse_whole, of_positives, of_negatives, largest_hess };
  static constexpr auto summary = "Tversky loss of a region; with alpha = beta = 1/2 the dice loss.";
  static constexpr auto formula =
      "1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)\n"
      "tp = sum(p * t), fp = sum(p * (1 - t)), fn = sum((1 - p) * t),  p = predictions, t = targets";
  static constexpr auto notes =
      "The row is all pixels of one region. An empty region without predictions and smooth = 0 gives 0. The "
      "second derivative may be negative; `hess_bound` is 2 (G / (tp + alpha * fp + beta * fn + smooth))**2, "
      "G the largest of 1, alpha and beta.";
  static constexpr auto source =
      "Salehi et al., Tversky loss function for image segmentation, 2017; optax.losses.dice_loss of one "
      "class.";
  static constexpr auto example =
      ">>> ul.tversky_loss([[1.0, 0.5, 0.0]], [[1.0, 1.0, 0.0]], smooth=0.0)\n"
      "array([0.14285714])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[true_positives] = fma(x[0], x[1], s[true_positives]);
    s[false_positives] = fma(x[0], D(1) - x[1], s[false_positives]);
    s[false_negatives] = fma(D(1) - x[0], x[1], s[false_negatives]);
  }
  template <class D> static UFL_FN row_result<D, 6> finish(const sum_row<D>& r, D smooth, D alpha, D beta) {
    const D right = r.sum[true_positives] + smooth;
    const D wrong = alpha * r.sum[false_positives] + beta * r.sum[false_negatives];
    const D whole = right + wrong;
    const auto empty = whole == D(0);
    const D inverse = select(empty, D(0), D(1) / whole);
    // |W'| and |whole'| are at most max(1, alpha, beta): the bound of the second derivative, 2 |grad growth|.
    const D steepest = max(max(alpha, beta), D(1)) * inverse;
    const D bound = select(empty, D(1), D(2) * (steepest * steepest));
    return {wrong * inverse, {wrong * inverse, right * inverse, inverse, alpha, beta, bound}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    // What W and the whole gain with p, the same for all pixels of one target.
    const D change = fma(neg(c[of_negatives]), x[1], c[of_positives] * (D(1) - x[1]));  // of W with p
    const D growth = x[1] + change;                                                     // of the whole with p
    const D grad = fma(change, c[right_share], neg(c[wrong_share] * x[1])) * c[inverse_whole];
    return {D(0), grad, D(-2) * grad * growth * c[inverse_whole], c[largest_hess]};
  }
};

/// p and q = 1 - p of scores, both with all their digits.
struct softmax_with_complement : softmax {
  static constexpr auto name = "softmax_with_complement";
  static constexpr unsigned parts = part_value | part_grad;  // q goes where others have their gradient
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V*) { return {e.p, e.q}; }
};

/// The same of one class, from the smaller one, whose complement is rounded once.
struct sigmoid_with_complement {
  static constexpr argument args[] = {prediction("score", domain::real, "")};
  static constexpr unsigned parts = part_value | part_grad, vanishing = 0, properties = 0;
  template <class V> static UFL_FN jet<V> eval(V x) {
    const V small = sigmoid(neg(abs(x)));
    const V large = V(1) - small;
    return {select(x < V(0), small, large), select(x < V(0), large, small)};
  }
};

UFL_END
