// Similarities of vectors, and overlaps of regions.
#pragma once
#include "../core/row.hpp"

UFL_BEGIN

/// With u, v the unit vectors and c their product, gradient (v - c u)/|a|, Hessian (-2 u v - c (1 - 3 u^2))/|a|^2.
struct cosine_similarity {
  static constexpr auto name = "cosine_similarity";
  static constexpr argument args[] = {row_prediction("predictions", domain::real, "Vectors."), row_target("targets", domain::real, "Vectors."),
                                      parameter("epsilon", domain::nonnegative, 0.0, "Least squared length of either vector."), parameter("eps_product", domain::nonnegative, 0.0, "Least product of the lengths.")};
  static constexpr unsigned parts = standard_parts | part_grad2, vanishing = part_value | part_grad | part_hess | part_grad2, properties = 0, own = 0;
  using kind = sum_rows;
  static constexpr bool labelled = false, in_double = false;
  static constexpr double neutral[] = {0, 0}, masked = 0;
  static constexpr int sums = 3, coefficients = 4;
  static constexpr auto summary = "Cosine of the angle between two vectors.";
  static constexpr auto formula = "sum(a * b) / max(sqrt(max(sum(a**2), epsilon)) * sqrt(max(sum(b**2), epsilon)), eps_product)\na = predictions, b = targets";
  static constexpr auto notes = "A vector of zeros gives 0 with gradient 0. Where a floor is active, that length is a constant.";
  static constexpr auto source = "optax.losses.cosine_similarity (epsilon); Axon cosine_similarity (eps_product).";
  static constexpr auto example = ">>> ul.cosine_similarity([[1e20, 1e20]], [[1.0, 0.0]])\narray([0.70710678])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = fma(x[0], x[1], s[0]);
    s[1] = fma(x[0], x[0], s[1]);
    s[2] = fma(x[1], x[1], s[2]);
  }
  template <class D> static UFL_FN row_result<D, 4> finish(const sum_row<D>& r, D epsilon, D eps_product) {
    const D a = max(r.sum[1], epsilon), b = max(r.sum[2], epsilon), lengths = sqrt(a) * sqrt(b), floor = max(lengths, eps_product);
    const auto some = !(floor == D(0)), free = lengths >= eps_product;
    const D inverse = select(some, D(1) / floor, D(0)), c = r.sum[0] * inverse;
    return {c, {inverse, select(some & free & (r.sum[1] >= epsilon), c / a, D(0)), select(some & free & (r.sum[2] >= epsilon), c / b, D(0)),
                select(some & free & (r.sum[1] >= epsilon), D(1) / a, D(0))}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    const D grad = fma(neg(c[1]), x[0], c[0] * x[1]);
    return {D(0), grad, neg(c[1]) - c[3] * x[0] * (grad + grad + c[1] * x[0] * D(-1)), D(0), fma(neg(c[2]), x[1], c[0] * x[0])};
  }
};

/// The loss is W/(tp + W + smooth), W the weighted false ones: nothing cancels.  W and the whole grow with p_j by alpha (1 - t) - beta t
/// and t more.
struct tversky_loss {
  static constexpr auto name = "tversky_loss";
  static constexpr argument args[] = {row_prediction("predictions", domain::unit, "Probabilities that a pixel belongs to the region."), row_target("targets", domain::unit, "0 or 1 for each pixel, or a probability."),
                                      parameter("smooth", domain::nonnegative, 1.0, "Added to both parts of the fraction."), parameter("alpha", domain::nonnegative, 0.5, "Weight of false positives."), parameter("beta", domain::nonnegative, 0.5, "Weight of false negatives.")};
  static constexpr unsigned parts = standard_parts, vanishing = part_grad | part_hess, properties = nonnegative_value, own = 0;
  using kind = sum_rows;
  static constexpr bool labelled = false, in_double = false;
  static constexpr double neutral[] = {0, 0}, masked = 0;
  static constexpr int sums = 3, coefficients = 4;
  static constexpr auto summary = "Tversky loss of a region; with alpha = beta = 1/2 the dice loss.";
  static constexpr auto formula = "1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)\ntp = sum(p * t), fp = sum(p * (1 - t)), fn = sum((1 - p) * t),  p = predictions, t = targets";
  static constexpr auto notes = "The row is all pixels of one region. An empty region without predictions and smooth = 0 gives 0. The second derivative may be negative.";
  static constexpr auto source = "Salehi et al., Tversky loss function for image segmentation, 2017; optax.losses.dice_loss of one class.";
  static constexpr auto example = ">>> ul.tversky_loss([[1.0, 0.5, 0.0]], [[1.0, 1.0, 0.0]], smooth=0.0)\narray([0.14285714])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = fma(x[0], x[1], s[0]);
    s[1] = fma(x[0], D(1) - x[1], s[1]);
    s[2] = fma(D(1) - x[0], x[1], s[2]);
  }
  template <class D> static UFL_FN row_result<D, 4> finish(const sum_row<D>& r, D smooth, D alpha, D beta) {
    const D wrong = alpha * r.sum[1] + beta * r.sum[2], all = (r.sum[0] + wrong) + smooth, inverse = select(all == D(0), D(0), D(1) / all);
    return {wrong * inverse, {wrong * inverse, inverse, alpha, beta}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    const D change = fma(neg(c[3]), x[1], c[2] * (D(1) - x[1])), growth = x[1] + change, grad = fma(neg(c[0]), growth, change) * c[1];
    return {D(0), grad, D(-2) * grad * growth * c[1]};
  }
};

UFL_END
