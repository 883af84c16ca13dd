"""optax's losses of two classes, and of classes over an axis."""

import numpy as np

import ufloss as ul
from ufloss._broadcast import normalize_axes

from ._common import as_floats, as_real, cast, quiet, widen
from ._optax_arguments import (
    any_kept,
    check_shapes,
    classes_last,
    classes_of,
    clip_labels,
    deprecated,
    elementwise_mask,
    operands,
    or_nan,
    or_true,
)


@quiet
def sigmoid_binary_cross_entropy(logits, labels):
    """Binary cross-entropy of logits; labels, of any type, are cast to the type of the logits."""
    logits = as_floats(logits, "logits")
    return ul.sigmoid_binary_cross_entropy(logits, cast(as_real("labels", labels), logits.dtype))


binary_logistic_loss = deprecated("binary_logistic_loss", sigmoid_binary_cross_entropy)


@quiet
def sigmoid_focal_loss(logits, labels, alpha=None, gamma=2.0):
    """Focal loss of logits; labels are cast to the type of the logits, `alpha` of None, or a negative one, is
    no class weight.
    """
    logits = as_floats(logits, "logits")
    alpha, gamma = operands(alpha=-1 if alpha is None else alpha, gamma=gamma)
    return ul.sigmoid_focal_loss(logits, cast(as_real("labels", labels), logits.dtype), alpha, gamma)


@quiet
def hinge_loss(predictor_outputs, targets):
    """Hinge loss with labels -1 and 1; integers give float64 (optax: integers)."""
    return ul.hinge_loss(*operands(predictor_outputs=predictor_outputs, targets=targets))


@quiet
def perceptron_loss(predictor_outputs, targets):
    """Perceptron loss with labels -1 and 1; the shapes must be equal."""
    check_shapes("predictor_outputs", predictor_outputs, "targets", targets)
    return ul.perceptron_loss(*operands(predictor_outputs=predictor_outputs, targets=targets))


@quiet
def sparsemax_loss(logits, labels):
    """Binary sparsemax loss; any label but 0 counts as 1."""
    return ul.sparsemax_loss(*operands(logits=logits, labels=labels))


binary_sparsemax_loss = deprecated("binary_sparsemax_loss", sparsemax_loss)


@quiet
def softmax_cross_entropy(logits, labels, axis=-1, where=None):
    """Softmax cross-entropy of distributions; safe where a logit is -inf and its label 0 (optax: NaN)."""
    return ul.softmax_cross_entropy(*operands(logits=logits, labels=labels), axis=axis, where=or_true(where))


@quiet
def safe_softmax_cross_entropy(logits, labels):
    """`softmax_cross_entropy` over the last axis."""
    return ul.softmax_cross_entropy(*operands(logits=logits, labels=labels))


@quiet
def softmax_cross_entropy_with_integer_labels(logits, labels, axis=-1, where=None):
    """Softmax cross-entropy of integer labels.

    The order of a tuple `axis` says how its classes are numbered. A negative label counts from the end, as an
    index does; any other that is no class gives NaN. Where `where` leaves out the label's own class, its
    logit still counts, so that the loss may be negative.
    """
    logits = as_floats(logits, "logits")
    name = "softmax_cross_entropy_with_integer_labels"
    if not isinstance(axis, int | np.integer | tuple) or isinstance(axis, bool):
        raise ValueError(f"{name}: axis must be an int or a tuple of int, not {axis!r}")
    labels, good = clip_labels(labels, classes_last(logits, axis, name).shape[-1], wrap=True)
    loss = ul.softmax_cross_entropy_with_integer_labels(logits, labels, axis=axis, where=or_true(where))
    if where is None:
        return or_nan(loss, good)
    if np.any(np.isposinf(loss)):  # which is what the core gives where a label is left out
        batch = np.shape(loss)  # which labels may have enlarged
        scores = classes_last(logits, axis, name)
        scores = np.broadcast_to(scores, (*batch, scores.shape[-1]))
        at_label = np.take_along_axis(scores, np.broadcast_to(labels, batch)[..., None], -1)[..., 0]
        log_sum = ul.logsumexp(logits.astype(float), axis=axis, where=or_true(where))
        left_out = cast(log_sum - at_label, logits.dtype)
        loss = np.where(np.isposinf(loss), left_out, loss)[()]
    return or_nan(loss, good | ~any_kept(where, logits.ndim, axis))


multiclass_logistic_loss = deprecated("multiclass_logistic_loss", softmax_cross_entropy_with_integer_labels)


@quiet
def poly_loss_cross_entropy(logits, labels, epsilon=2.0, axis=-1, where=None):
    """PolyLoss-1: softmax cross-entropy plus `epsilon` times sum(labels * (1 - softmax(logits))); a
    batch-shaped `where` serves too.
    """
    return ul.poly_loss_cross_entropy(
        *operands(logits=logits, labels=labels, epsilon=epsilon), axis=axis, where=or_true(where)
    )


@quiet
def kl_divergence(log_predictions, targets, axis=-1, where=None):
    """Kullback-Leibler divergence of log-probabilities; a target of 0 gives 0 also where the prediction is
    -inf (optax: NaN).
    """
    log_predictions, targets = operands(log_predictions=log_predictions, targets=targets)
    return ul.kl_divergence(
        log_predictions, targets, axis=axis, where=elementwise_mask(where, log_predictions, targets)
    )


@quiet
def kl_divergence_with_log_targets(log_predictions, log_targets, axis=-1, where=None):
    """`kl_divergence` with logarithms of the targets; a log target of -inf gives 0 (optax: NaN)."""
    log_predictions, log_targets = operands(log_predictions=log_predictions, log_targets=log_targets)
    return ul.kl_divergence_with_log_targets(
        log_predictions, log_targets, axis=axis, where=elementwise_mask(where, log_predictions, log_targets)
    )


@quiet
def generalized_kl_divergence(log_predictions, targets, axis=-1, where=None):
    """Generalised Kullback-Leibler divergence, for measures that need not sum to 1."""
    log_predictions, targets = operands(log_predictions=log_predictions, targets=targets)
    return ul.generalized_kl_divergence(
        log_predictions, targets, axis=axis, where=elementwise_mask(where, log_predictions, targets)
    )


convex_kl_divergence = deprecated("convex_kl_divergence", generalized_kl_divergence)


@quiet
def multiclass_hinge_loss(scores, labels):
    """Multiclass hinge loss over the last axis; a label that is no class gives NaN (optax: a loss without a
    true class).
    """
    scores = as_real("scores", scores)
    labels, good = clip_labels(labels, classes_of(scores))
    return or_nan(ul.multiclass_hinge_loss(scores, labels), good)


@quiet
def multiclass_perceptron_loss(scores, labels):
    """Multiclass perceptron loss over the last axis; a label that is no class gives NaN (optax: the largest
    score).
    """
    scores = as_real("scores", scores)
    labels, good = clip_labels(labels, classes_of(scores))
    return or_nan(ul.multiclass_perceptron_loss(scores, labels), good)


@quiet
def multiclass_sparsemax_loss(scores, labels):
    """Multiclass sparsemax loss over the last axis, of any rank.

    A negative label counts from the end; any other that is no class gives NaN (optax: taken for the last
    class).
    """
    scores = as_real("scores", scores)
    labels, good = clip_labels(labels, classes_of(scores), wrap=True)
    return or_nan(ul.multiclass_sparsemax_loss(scores, labels), good)


@quiet
def smooth_labels(labels, alpha, axis=-1, where=None):
    """Labels mixed with the uniform distribution over those that `where` keeps; an array `alpha` broadcasts
    to the labels.

    With `where` the uniform part is added to all labels, also to those left out; a row without any keeps its
    labels (optax: inf).
    """
    labels = as_floats(labels, "labels")
    alpha = as_real("alpha", alpha)
    if where is None and alpha.ndim == 0:
        return ul.smooth_labels(labels, alpha, axis=axis)
    x = widen(labels)
    where = or_true(where)
    if where is True:
        where = np.broadcast_to(True, x.shape)
    try:
        np.broadcast_shapes(x.shape, alpha.shape, where.shape)
    except ValueError:
        shapes = f"labels of shape {x.shape}, alpha of shape {alpha.shape} and where of shape {where.shape}"
        raise ValueError(f"smooth_labels: {shapes} do not broadcast") from None
    if axis is not None:
        axis = normalize_axes(axis, where.ndim, "smooth_labels")
    kept = np.count_nonzero(where, axis, keepdims=True)
    alpha = np.where(kept > 0, cast(alpha, x.dtype), x.dtype.type(0))
    uniform = alpha / np.maximum(kept, 1).astype(x.dtype)
    return cast((1 - alpha) * x + uniform, labels.dtype)
