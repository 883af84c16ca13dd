"""`optax.losses` of optax 0.2.8 on NumPy arrays, deprecated names included.

Arguments are optax's; those that optax takes by keyword only may also be positional, in the order in which it
documents them.  Integer predictions, which most of optax refuses, count as float64.  Limits at infinities and
zeros are the core's: where optax gives NaN for 0 * inf or for a vector of zeros, these functions give the
limit.  Arguments become plain arrays: a series counts by position, masked elements are a TypeError.
"""

from ufloss import make_fenchel_young_loss

from . import _common
from ._optax_classification import (
    binary_logistic_loss,
    binary_sparsemax_loss,
    convex_kl_divergence,
    generalized_kl_divergence,
    hinge_loss,
    kl_divergence,
    kl_divergence_with_log_targets,
    multiclass_hinge_loss,
    multiclass_logistic_loss,
    multiclass_perceptron_loss,
    multiclass_sparsemax_loss,
    perceptron_loss,
    poly_loss_cross_entropy,
    safe_softmax_cross_entropy,
    sigmoid_binary_cross_entropy,
    sigmoid_focal_loss,
    smooth_labels,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    sparsemax_loss,
)
from ._optax_ctc import (
    ctc_loss,
    ctc_loss_with_forward_probs,
)
from ._optax_ranking import (
    ntxent,
    ranking_softmax_loss,
    triplet_margin_loss,
)
from ._optax_regression import (
    cosine_distance,
    cosine_similarity,
    huber_loss,
    l2_loss,
    log_cosh,
    squared_error,
)
from ._optax_segmentation import (
    binary_dice_loss,
    dice_loss,
    multiclass_generalized_dice_loss,
)

__all__ = [
    "binary_dice_loss",
    "binary_logistic_loss",
    "binary_sparsemax_loss",
    "convex_kl_divergence",
    "cosine_distance",
    "cosine_similarity",
    "ctc_loss",
    "ctc_loss_with_forward_probs",
    "dice_loss",
    "generalized_kl_divergence",
    "hinge_loss",
    "huber_loss",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "l2_loss",
    "log_cosh",
    "make_fenchel_young_loss",
    "multiclass_generalized_dice_loss",
    "multiclass_hinge_loss",
    "multiclass_logistic_loss",
    "multiclass_perceptron_loss",
    "multiclass_sparsemax_loss",
    "ntxent",
    "perceptron_loss",
    "poly_loss_cross_entropy",
    "ranking_softmax_loss",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "sparsemax_loss",
    "squared_error",
    "triplet_margin_loss",
]

# help, tracebacks and pickles know the names as this module's, wherever the source stands
_common.adopt(globals())
