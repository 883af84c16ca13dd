"""optax's losses of regression, cosines among them."""

import numpy as np

import ufloss as ul

from ._common import operand, quiet
from ._optax_arguments import any_kept, check_shapes, elementwise_mask, operands, or_zero


@quiet
def squared_error(predictions, targets=None):
    """Squared error; the shapes must be equal, although optax documents broadcasting."""
    check_shapes("predictions", predictions, "targets", targets)
    return ul.squared_error(operand("predictions", predictions), or_zero(targets))


@quiet
def l2_loss(predictions, targets=None):
    """Half the squared error; the shapes must be equal."""
    check_shapes("predictions", predictions, "targets", targets)
    return ul.l2_loss(operand("predictions", predictions), or_zero(targets))


@quiet
def huber_loss(predictions, targets=None, delta=1.0):
    """Huber loss, quadratic up to `delta`; a negative `delta` gives NaN (optax: negative losses)."""
    return ul.huber_loss(operand("predictions", predictions), or_zero(targets), operand("delta", delta))


@quiet
def log_cosh(predictions, targets=None):
    """Logarithm of the hyperbolic cosine of the error; keeps the small values that optax rounds to 0."""
    return ul.log_cosh(operand("predictions", predictions), or_zero(targets))


@quiet
def cosine_similarity(predictions, targets, epsilon=0.0, axis=-1, where=None):
    """Cosine of the angle between two vectors.

    `epsilon` is the least *squared* length, although optax documents a length. A vector of zeros gives 0
    (optax: NaN for ``epsilon=0``).
    """
    predictions, targets, epsilon = operands(predictions=predictions, targets=targets, epsilon=epsilon)
    return ul.cosine_similarity(
        predictions, targets, epsilon, axis=axis, where=elementwise_mask(where, predictions, targets)
    )


@quiet
def cosine_distance(predictions, targets, epsilon=0.0, axis=-1, where=None):
    """One minus `cosine_similarity`, also where `where` leaves nothing of a vector (the core gives 0
    there).
    """
    predictions, targets, epsilon = operands(predictions=predictions, targets=targets, epsilon=epsilon)
    where = elementwise_mask(where, predictions, targets)
    loss = ul.cosine_distance(predictions, targets, epsilon, axis=axis, where=where)
    if where is True:
        return loss
    kept = any_kept(where, max(np.ndim(predictions), np.ndim(targets)), axis)
    return np.where(kept, loss, loss.dtype.type(1))[()]
