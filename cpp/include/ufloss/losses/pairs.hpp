// Losses over all pairs of a batch: vectors that share a label are drawn together, others apart.
#pragma once
#include "ufloss/kinds/pairs/loss.hpp"

UFL_BEGIN

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
      "is 0. Where no label occurs twice, value and\n"
      "gradient are NaN, the mean of nothing. A vector of zeros has a cosine of 0 with all others and a "
      "gradient of 0; there is no epsilon.";
  static constexpr auto source =
      "optax.losses.ntxent; Chen, Kornblith, Norouzi and Hinton, A simple framework for contrastive learning "
      "of visual representations, 2020.";
  static constexpr auto example =
      ">>> embeddings = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 1.0]]\n"
      ">>> ul.ntxent_loss(embeddings, [0, 0, 1, 1], temperature=0.5).round(6)\n"
      "np.float64(0.535969)";
  static constexpr bool inclusive = false, by_row = false;
  /// softplus(x)
  template <class D> static UFL_FN pair_cost<D> cost(D x) {
    const D e = exp_nonpositive(neg(abs(x)));
    return {max(x, D(0)), e, select(x < D(0), e, D(1)) / (D(1) + e)};
  }
};

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
      "gradient are NaN. A vector of zeros has a cosine\n"
      "of 0 with all others and a gradient of 0; there is no epsilon.";
  static constexpr auto source =
      "Khosla et al., Supervised contrastive learning, 2020: L_out, divided by the number of anchors.";
  static constexpr auto example =
      ">>> embeddings = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 1.0]]\n"
      ">>> ul.supervised_contrastive_loss(embeddings, [0, 0, 0, 1], temperature=0.5).round(6)\n"
      "np.float64(1.098006)";
  static constexpr bool inclusive = true, by_row = true;
  /// x, which is rounded where one pair outweighs all others
  template <class D> static UFL_FN pair_cost<D> cost(D x) { return {max(x, D(0)), D(0), D(1)}; }
};

UFL_END
