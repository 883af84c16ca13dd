// Losses over all pairs of a batch or of two: vectors that belong together are drawn together, others apart.
#pragma once
#include "ufloss/kinds/pairs/loss.hpp"

UFL_BEGIN

/// log(1 + exp(x)) of x = N - S: a pair against all that its row is held against, and itself.
/// As max(x, 0) + log(1 + e), e = exp(-|x|): an easy pair's cost is e itself, with all its digits.  The slope
/// is sigmoid(x) as e/(1+e) or 1/(1+e), of which neither is 1 minus the other.
template <class D> UFL_FN pair_cost<D> softplus_cost(D x) {
  const D e = exp_nonpositive(neg(abs(x)));
  return {max(x, D(0)), e, select(x < D(0), e, D(1)) / (D(1) + e)};
}

/// With N the log-sum-exp over the vectors of other labels, -log(exp(S)/(exp(S) + exp(N))) is log(1 + exp(N -
/// S)).  N does not depend on the pair, so a row's pairs share it, and its slope.
struct ntxent_loss : pair_loss {
  static constexpr auto name = "ntxent_loss";
  static constexpr auto summary =
      "Normalised temperature-scaled cross-entropy (NT-Xent): each pair that belongs together against all "
      "vectors of other labels.";
  static constexpr auto formula =
      "mean over i != j, labels[i] == labels[j] of -log(exp(S[i, j]) / (exp(S[i, j]) + sum over labels[k] != "
      "labels[i] of exp(S[i, k])))\n"
      "S[i, j] = cos(embeddings[i], embeddings[j]) / temperature";
  static constexpr auto notes =
      "Other vectors of the pair's own label are not in its denominator; where all labels are equal the loss "
      "is 0. Where no label occurs twice, value and "
      "gradient are NaN, the mean of nothing. A vector of zeros has a cosine of 0 with all others and a "
      "gradient of 0; there is no epsilon.";
  static constexpr auto source =
      "optax.losses.ntxent; Chen, Kornblith, Norouzi and Hinton, A simple framework for contrastive learning "
      "of visual representations, 2020.";
  static constexpr auto example =
      ">>> embeddings = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 1.0]]\n"
      ">>> ul.ntxent_loss(embeddings, [0, 0, 1, 1], temperature=0.5).round(6)\n"
      "np.float64(0.535969)";
  // A vector that shares its label with many weighs as much as it has pairs: optax takes one mean over them
  // all.
  static constexpr bool inclusive = false, by_row = false;
  template <class D> static UFL_FN pair_cost<D> cost(D x) { return softplus_cost(x); }
};

/// Here N is over all others, the pair itself among them: what a pair costs is N - S as it stands, which is
/// never negative, since N >= S.
struct supervised_contrastive_loss : pair_loss {
  static constexpr auto name = "supervised_contrastive_loss";
  static constexpr auto summary =
      "Supervised contrastive loss: each pair that belongs together against all other vectors.";
  static constexpr auto formula =
      "mean over i of mean over j != i, labels[j] == labels[i] of -log(exp(S[i, j]) / sum over k != i of "
      "exp(S[i, k]))\n"
      "S[i, j] = cos(embeddings[i], embeddings[j]) / temperature";
  static constexpr auto notes =
      "The outer mean is over the vectors whose label another one shares; where there is none, value and "
      "gradient are NaN. A vector of zeros has a cosine "
      "of 0 with all others and a gradient of 0; there is no epsilon.";
  static constexpr auto source =
      "Khosla et al., Supervised contrastive learning, 2020: L_out, divided by the number of anchors.";
  static constexpr auto example =
      ">>> embeddings = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 1.0]]\n"
      ">>> ul.supervised_contrastive_loss(embeddings, [0, 0, 0, 1], temperature=0.5).round(6)\n"
      "np.float64(1.098006)";
  // The mean of a row first, so that each vector weighs the same however many share its label.
  static constexpr bool inclusive = true, by_row = true;
  /// x, which is rounded where one pair outweighs all others
  template <class D> static UFL_FN pair_cost<D> cost(D x) { return {max(x, D(0)), D(0), D(1)}; }
};

/// log(sum over j of exp(S_ij)) - S_ii, with N over the other keys: log(1 + exp(N - S_ii)), which keeps the
/// digits of a query that finds its key with certainty.  A single pair has N = -inf and costs 0.
struct info_nce_loss : cross_pair_loss {
  static constexpr auto name = "info_nce_loss";
  static constexpr auto summary = "InfoNCE: each query against its key among the keys of the whole batch.";
  static constexpr auto formula =
      "mean over i of log(sum over j of exp(S[i, j])) - S[i, i]\n"
      "S[i, j] = cos(queries[i], keys[j]) / temperature";
  static constexpr auto notes =
      "The loss and its gradients are 0 where there is one pair, NaN where there is none. A vector of zeros "
      "has a cosine of 0 with all others and a gradient of 0; there is no epsilon.";
  static constexpr auto source =
      "van den Oord, Li and Vinyals, Representation learning with contrastive predictive coding, 2018; He et "
      "al., Momentum contrast for unsupervised visual representation learning, 2020.";
  static constexpr auto example =
      ">>> queries = [[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]\n"
      ">>> keys = [[1.0, 1.0], [0.0, 2.0], [-1.0, 0.0]]\n"
      ">>> ul.info_nce_loss(queries, keys, temperature=0.5).round(6)\n"
      "np.float64(0.525842)";
  // Keys are not asked which query is theirs.
  static constexpr bool both_ways = false;
  template <class D> static UFL_FN pair_cost<D> cost(D x) { return softplus_cost(x); }
};

/// The same from both sides: the products of one batch with the other serve as rows for the queries and as
/// columns for the keys.
struct clip_loss : cross_pair_loss {
  static constexpr auto name = "clip_loss";
  static constexpr auto summary =
      "Symmetric InfoNCE, the loss of CLIP: each query against all keys and each key against all queries.";
  static constexpr auto formula =
      "mean over i of (log(sum over j of exp(S[i, j])) + log(sum over j of exp(S[j, i]))) / 2 - S[i, i]\n"
      "S[i, j] = cos(queries[i], keys[j]) / temperature";
  static constexpr auto notes =
      "The mean of `info_nce_loss` and of that with queries and keys exchanged. The loss and its gradients "
      "are 0 where there is one pair, NaN where there is none. A vector of zeros has a cosine of 0 with all "
      "others and a gradient of 0; there is no epsilon.";
  static constexpr auto source =
      "Radford et al., Learning transferable visual models from natural language supervision, 2021.";
  static constexpr auto example =
      ">>> images = [[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]\n"
      ">>> texts = [[1.0, 1.0], [0.0, 2.0], [0.0, -1.0]]\n"
      ">>> ul.clip_loss(images, texts, temperature=0.5).round(6)\n"
      "np.float64(1.168657)";
  // Of each pair half the cost of its row and half that of its column.
  static constexpr bool both_ways = true;
  template <class D> static UFL_FN pair_cost<D> cost(D x) { return softplus_cost(x); }
};

UFL_END
