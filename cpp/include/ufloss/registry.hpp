// THE list of losses, family by family: a family is a header in losses/, whose loops are compiled as one
// object for each instruction set.  Ufuncs, docstrings, stubs, pages, tests and benchmarks follow from it.
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

/// A list of types, and nothing else: names suffice, so this header needs no family and each unit includes
/// its own alone.  The order of a list is that of the tables.
template <class... Loss> struct loss_list {};

// clang-format off: a line a loss; CMake reads the families' names
using regression_losses = loss_list<
    struct squared_error,
    struct l2_loss,
    struct absolute_error,
    struct huber_loss,
    struct smooth_l1_loss,
    struct log_cosh,
    struct pseudo_huber_loss,
    struct pinball_loss>;

using margins_losses = loss_list<
    struct hinge_loss,
    struct squared_hinge_loss,
    struct perceptron_loss,
    struct logistic_loss>;

using binary_losses = loss_list<
    struct sigmoid_binary_cross_entropy,
    struct binary_cross_entropy,
    struct sparsemax_loss>;

using focal_losses = loss_list<
    struct sigmoid_focal_loss,
    struct softmax_focal_loss>;

using deviance_losses = loss_list<
    struct poisson_nll_loss,
    struct poisson_loss,
    struct stirling_term,
    struct half_poisson_deviance,
    struct half_gamma_deviance,
    struct half_tweedie_deviance>;

using softmax_losses = loss_list<
    struct logsumexp,
    struct log_softmax,
    struct softmax,
    struct softmax_cross_entropy,
    struct softmax_cross_entropy_with_integer_labels,
    struct poly_loss_cross_entropy,
    struct softmax_kl_divergence>;

using divergence_losses = loss_list<
    struct kl_div,
    struct kl_divergence,
    struct kl_divergence_with_log_targets,
    struct generalized_kl_divergence,
    struct cross_entropy,
    struct cross_entropy_with_integer_labels,
    struct nll_loss,
    struct nll_loss_with_integer_labels>;

using multiclass_losses = loss_list<
    struct multiclass_hinge_loss,
    struct multiclass_perceptron_loss,
    struct categorical_hinge,
    struct multiclass_sparsemax_loss,
    struct smooth_labels>;

using ranking_losses = loss_list<
    struct margin_ranking_loss,
    struct ranking_softmax_loss,
    struct list_mle_loss>;

using similarity_losses = loss_list<
    struct cosine_similarity,
    struct cosine_distance,
    struct cosine_embedding_loss>;

using contrastive_losses = loss_list<
    struct triplet_margin_loss,
    struct squared_triplet_loss>;

using segmentation_losses = loss_list<
    struct tversky_loss>;

using pairs_losses = loss_list<
    struct ntxent_loss,
    struct supervised_contrastive_loss,
    struct info_nce_loss,
    struct clip_loss>;

using ctc_losses = loss_list<
    struct ctc_loss,
    struct ctc_loss_from_log_probs,
    struct ctc_align,
    struct ctc_posteriors,
    struct ctc_class_posteriors>;
// clang-format on

/// Two lists joined; declared for decltype, and never defined.
template <class... A, class... B> UFL_FN loss_list<A..., B...> operator+(loss_list<A...>, loss_list<B...>);
/// The list, or an empty one.
template <bool Chosen, class List> struct chosen {
  using type = loss_list<>;
};
template <class List> struct chosen<true, List> {
  using type = List;
};
/// Of one list the losses of a kind: a family may mix kinds, as the focal losses do.
template <loss_kind Kind, class... L>
UFL_FN auto only(loss_list<L...>)
    -> decltype((loss_list<>{} + ... + typename chosen<kind_of<L> == Kind, loss_list<L>>::type{}));

/// Those of a kind, of the families whose headers are included.
template <loss_kind Kind, class... Family>
using losses_of = decltype(only<Kind>((loss_list<>{} + ... + Family{})));

UFL_END
