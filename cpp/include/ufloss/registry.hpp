// THE list of elementwise losses; registry_rows.hpp is that of row losses.  Ufuncs, docstrings, stubs,
// documentation, tests and benchmarks follow from it.
#pragma once
#include "ufloss/losses/binary.hpp"
#include "ufloss/losses/deviance.hpp"
#include "ufloss/losses/divergence.hpp"
#include "ufloss/losses/ranking.hpp"
#include "ufloss/losses/regression.hpp"

UFL_BEGIN

template <class... Loss> struct loss_list {};

using elementwise_losses =
    loss_list<squared_error, l2_loss, absolute_error, huber_loss, smooth_l1_loss, log_cosh, pseudo_huber_loss,
              pinball_loss, hinge_loss, squared_hinge_loss, perceptron_loss, logistic_loss,
              sigmoid_binary_cross_entropy, binary_cross_entropy, sigmoid_focal_loss, sparsemax_loss,
              poisson_nll_loss, poisson_loss, stirling_term, half_poisson_deviance, half_gamma_deviance,
              half_tweedie_deviance, kl_div, margin_ranking_loss>;

UFL_END
