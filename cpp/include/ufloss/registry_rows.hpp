// THE list of row losses, as registry.hpp is that of elementwise ones.
#pragma once
#include "ufloss/losses/contrastive.hpp"
#include "ufloss/losses/divergence.hpp"
#include "ufloss/losses/multiclass.hpp"
#include "ufloss/losses/segmentation.hpp"
#include "ufloss/losses/similarity.hpp"
#include "ufloss/losses/softmax.hpp"
#include "ufloss/registry.hpp"

UFL_BEGIN

using row_losses =
    loss_list<logsumexp, log_softmax, softmax, softmax_cross_entropy,
              softmax_cross_entropy_with_integer_labels, poly_loss_cross_entropy, softmax_kl_divergence,
              kl_divergence, kl_divergence_with_log_targets, generalized_kl_divergence, cross_entropy,
              cross_entropy_with_integer_labels, nll_loss, nll_loss_with_integer_labels,
              multiclass_hinge_loss, multiclass_perceptron_loss, categorical_hinge, multiclass_sparsemax_loss,
              ranking_softmax_loss, cosine_similarity, cosine_distance, cosine_embedding_loss,
              triplet_margin_loss, squared_triplet_loss, tversky_loss, smooth_labels>;

UFL_END
