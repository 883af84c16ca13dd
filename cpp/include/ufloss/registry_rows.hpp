// THE list of row losses, as registry.hpp is that of elementwise ones.
#pragma once
#include "losses/divergence.hpp"
#include "losses/similarity.hpp"
#include "losses/softmax.hpp"
#include "registry.hpp"

UFL_BEGIN

using row_losses = loss_list<
    logsumexp,
    log_softmax,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    poly_loss_cross_entropy,
    softmax_kl_divergence,
    kl_divergence,
    kl_divergence_with_log_targets,
    generalized_kl_divergence,
    cross_entropy,
    cross_entropy_with_integer_labels,
    nll_loss,
    nll_loss_with_integer_labels,
    cosine_similarity,
    tversky_loss>;

UFL_END
