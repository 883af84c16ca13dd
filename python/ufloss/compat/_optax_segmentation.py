"""optax's dice losses."""

import ufloss as ul

from ._common import as_real, quiet
from ._optax_arguments import check_shapes, distributions, operands


@quiet
def dice_loss(
    predictions,
    targets,
    class_weights=None,
    smooth=1.0,
    alpha=0.5,
    beta=0.5,
    apply_softmax=True,
    reduction="mean",
    ignore_background=False,
    axis=None,
):
    """Dice loss of images of shape (batch, pixels..., classes).

    Class weights are not normalised. Without a pixel axis each element is a region of its own.
    ``apply_softmax=False`` takes any probabilities of one class (optax refuses all but 1); an empty region
    with ``smooth=0`` gives 0 (optax: NaN).
    """
    predictions, targets = operands(predictions=predictions, targets=targets)
    if class_weights is not None:
        class_weights = as_real("class_weights", class_weights)
    with distributions():
        return ul.dice_loss(
            predictions,
            targets,
            class_weights=class_weights,
            smooth=smooth,
            alpha=alpha,
            beta=beta,
            apply_softmax=apply_softmax,
            reduction=reduction,
            ignore_background=ignore_background,
            axis=axis,
        )


@quiet
def multiclass_generalized_dice_loss(
    predictions, targets, smooth=1.0, apply_softmax=True, ignore_background=False
):
    """Mean dice loss whose classes weigh by the inverse square of their frequency in the whole batch; a
    scalar.
    """
    check_shapes("predictions", predictions, "targets", targets)
    predictions, targets = operands(predictions=predictions, targets=targets)
    with distributions():
        return ul.multiclass_generalized_dice_loss(
            predictions,
            targets,
            smooth=smooth,
            apply_softmax=apply_softmax,
            ignore_background=ignore_background,
        )


@quiet
def binary_dice_loss(predictions, targets, smooth=1.0, apply_sigmoid=True):
    """Dice loss of images of one class; ``apply_sigmoid=False`` takes probabilities (optax refuses all but
    1).
    """
    predictions, targets = operands(predictions=predictions, targets=targets)
    return ul.binary_dice_loss(predictions, targets, smooth=smooth, apply_sigmoid=apply_sigmoid)
