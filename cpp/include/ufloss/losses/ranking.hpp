// Losses of an order between predictions.
#pragma once
#include "ufloss/kinds/list/loss.hpp"
#include "ufloss/losses/softmax.hpp"

UFL_BEGIN

/// With h = m - y (x1 - x2), every rounding of which is carried along, so that the side of the kink is the
/// exact one: value = max(0, h), slopes -y and y where h > 0.  At the kink: [0, 0, 0].
struct margin_ranking_loss {
  static constexpr auto name = "margin_ranking_loss";
  static constexpr argument args[] = {
      prediction("predictions1", domain::real, "Scores of the first items."),
      prediction("predictions2", domain::real, "Scores of the second items."),
      target("targets", domain::sign,
             "1 where the first item should score higher, -1 where the second should."),
      parameter("margin", domain::real, 0.0, "By how much it should.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2, vanishing = part_value,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Margin ranking loss of two scores.";
  static constexpr auto formula = "max(0, margin - targets * (predictions1 - predictions2))";
  static constexpr auto notes =
      "The gradient is 0 at the kink. The second derivative is 0; `hess_bound` is 1 by convention.";
  static constexpr auto source = "Axon margin_ranking; torch margin_ranking_loss.";
  static constexpr auto example =
      ">>> ul.margin_ranking_loss([1.0, 0.5], [0.2, 2.0], [1, 1], margin=0.1)\n"
      "array([0. , 1.6])";
  template <class V> static UFL_FN jet<V> eval(V x1, V x2, V y, V margin) {
    two<V> d = two_diff(x1, x2);
    V weight = y;
    const auto fits = abs(d.hi) < inf<V>();
    if (UFL_UNLIKELY(!all(fits))) {  // the difference may overflow before its weight
      // Half the difference with twice the weight is the same product.
      d = {select(fits, d.hi, half_difference(x1, x2)), select(fits, d.lo, V(0))};
      weight = select(fits, y, y + y);
    }
    const two<V> product = two_product(weight, d.hi);
    const two<V> sum = two_diff(margin, product.hi);
    // What all three roundings lost, of the difference, its product and the sum.
    const V low = (sum.lo - product.lo) - weight * d.lo;
    const V h = sum.hi + select(low == low, low, V(0));  // an infinite word's rest is NaN
    // Without a margin the signs decide: the product may underflow.
    const auto active = (h > V(0)) | ((margin == V(0)) & opposed(y, d.hi));
    const V slope = select(active, y, V(0));
    return only(h == h, jet<V>{max(h, V(0)) + V(0), select(active, neg(y), V(0)), V(0), V(1), slope});
  }
};

/// The softmax cross-entropy of a list, with labels times weights for its labels.
/// Of a softmax row the weights are the product of all operands but the logits, so the formula is that of
/// softmax_cross_entropy as it stands.
struct ranking_softmax_loss : softmax_loss {
  static constexpr auto name = "ranking_softmax_loss";
  static constexpr argument args[] = {
      row_prediction("logits", domain::real, "Scores of the items of a list."),
      row_target("labels", domain::nonnegative, "Relevances of the items."),
      row_weights("weights", 1.0, "Weights of the items.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_grad, properties = convex;
  // Neither finish() nor spread() knows how many operands the weights came from.
  static constexpr int coefficients = softmax_cross_entropy::coefficients;
  static constexpr auto summary = "Softmax ranking loss of a list (ListNet).";
  static constexpr auto formula = "-sum(weights * labels * log_softmax(logits))";
  static constexpr auto notes =
      "The relevances are taken as they are: divided by their sum they are those of ListNet. `where` leaves "
      "items out of the list. `hess_bound` as of `softmax_cross_entropy`.";
  static constexpr auto source =
      "Cao et al., Learning to rank: from pairwise approach to listwise approach, 2007; "
      "optax.losses.ranking_softmax_loss before its mean.";
  static constexpr auto example =
      ">>> ul.ranking_softmax_loss([[2.0, 1.0, 3.0]], [[1.0, 0.0, 2.0]])\n"
      "array([2.22281789])";
  template <class D> static UFL_FN auto finish(const softmax_row<D>& r) {
    return softmax_cross_entropy::finish(r);
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return softmax_cross_entropy::spread(e, c);
  }
};

/// -log(own/total) = log(1 + later/own), which keeps its digits however likely the choice is.
struct list_mle_loss : list_loss {
  static constexpr auto name = "list_mle_loss";
  static constexpr unsigned properties = convex | nonnegative_value;
  static constexpr auto summary =
      "ListMLE: how unlikely scores make the order of the relevances (Plackett-Luce).";
  static constexpr auto formula =
      "sum over i of log(sum over k >= i of exp(scores[order[k]])) - scores[order[i]]\n"
      "order = argsort(-relevances, kind='stable')";
  static constexpr auto notes =
      "Of equal relevances the earlier item comes first. `where` leaves items out of the list; a list of one "
      "item costs 0, and so does one of none. `hess` is the "
      "diagonal; `hess_bound` adds up Boehning's (1 - 1/n) / 2 over the choices that the item was there for. "
      "An item whose score is -inf cannot be chosen while "
      "another is left: the loss is inf, but where it comes last it costs nothing; where several come last, "
      "their order has no limit, and NaN stands for "
      "value, gradient and second derivative of these. A score of inf makes the list NaN.";
  static constexpr auto source =
      "Xia, Liu, Wang, Zhang and Li, Listwise approach to learning to rank: theory and algorithm, 2008.";
  static constexpr auto example =
      ">>> ul.list_mle_loss([[2.0, 1.0, 3.0]], [[1.0, 0.0, 2.0]])\n"
      "array([0.72086765])";
  /// The quotient is of sums of positive terms and so has all their digits; log1p of it keeps a choice that
  /// was certain near 0.
  template <class V> static UFL_FN V cost(choice<V> c) {
    const V near = log1p(c.later / c.own);
    // exp(-400) is a normal double, and its inverse times the longest list is one.
    const auto far = c.below > V(400);  // own may underflow, and the quotient overflow
    if (UFL_UNLIKELY(!all(!far))) return select(far, c.below + log(c.total), near);
    return near;
  }
};

UFL_END
