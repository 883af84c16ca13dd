// The operands that several losses take, each described once: how it is called, where it lives, what it says.
//
// These are constants of constant expressions alone; nothing of them is an object in device code.
#pragma once
#include "ufloss/kinds/row/loss.hpp"

UFL_BEGIN

/// Of elementwise losses, a number each.
namespace operands {
inline constexpr argument predictions = prediction("predictions", domain::real, "Predicted values.");
// Left out they are 0: then the predictions are residuals.
inline constexpr argument targets = target("targets", domain::real, "Target values.", 0.0);
inline constexpr argument delta = parameter(
    "delta", domain::nonnegative, 1.0, "Size of the error where the loss turns from quadratic to linear.");

// Any real numbers on either side: a target other than -1 and 1 scales the score.
inline constexpr argument score = prediction("predictions", domain::real, "Scores.");
inline constexpr argument side = target("targets", domain::sign, "-1 or 1.");
inline constexpr argument hinge_margin =
    parameter("margin", domain::real, 1.0, "Score beyond which a correct prediction costs nothing.");

inline constexpr argument logit = prediction("logits", domain::real, "Logits of the positive class.");
inline constexpr argument binary_label =
    target("labels", domain::unit, "0 or 1, or a probability of the positive class.");
inline constexpr argument pos_weight =
    parameter("pos_weight", domain::positive, 1.0, "Weight of the positive class.");

inline constexpr argument log_mean =
    prediction("predictions", domain::real, "Logarithms of the predicted means.");
inline constexpr argument count = target("targets", domain::nonnegative, "Counts.");
}  // namespace operands

/// Of row losses, a row each; and what comes once a row.
namespace row_operands {
inline constexpr argument logits =
    row_prediction("logits", domain::real, "Unnormalised log-probabilities of the classes.");
inline constexpr argument scores = row_prediction("scores", domain::real, "Scores of the classes.");
inline constexpr argument probabilities =
    row_prediction("predictions", domain::nonnegative, "Predicted probabilities.");
inline constexpr argument log_probabilities =
    row_prediction("predictions", domain::real, "Logarithms of the predicted probabilities.");

inline constexpr argument true_class = class_label("labels", "Index of the true class.");
inline constexpr argument class_weights = row_target(
    "labels", domain::unit, "Probabilities of the classes; any other weights count as they stand.");
inline constexpr argument target_probabilities =
    row_target("targets", domain::nonnegative, "Target probabilities.");

inline constexpr argument vectors = row_prediction("predictions", domain::real, "Vectors.");
inline constexpr argument target_vectors = row_target("targets", domain::real, "Vectors.");
inline constexpr argument epsilon =
    parameter("epsilon", domain::nonnegative, 0.0, "Least squared length of either vector.");
inline constexpr argument eps_product =
    parameter("eps_product", domain::nonnegative, 0.0, "Least product of the lengths.");
inline constexpr argument anchors = row_prediction("anchors", domain::real, "Vectors.");
inline constexpr argument positives =
    row_prediction("positives", domain::real, "Vectors that belong to the anchors.");
inline constexpr argument negatives = row_prediction("negatives", domain::real, "Vectors that do not.");
}  // namespace row_operands

UFL_END
