"""`Axon.Losses` on NumPy arrays: targets first, one loss a sample, and Axon's constants.

Every function takes ``(y_true, y_pred, *, reduction="none", ...)``.  The reduction is "none" (a loss a
sample), "mean" or "sum" of these. Integer targets do not widen float32 predictions.  Axon keeps probabilities
away from 0 by 1e-7, which caps what a loss can be; ``eps=0`` gives the exact loss.  Sums and means are those
of the losses before these are rounded to float16 or float32, in an order that only the shape decides.
Arguments become plain arrays: a series counts by position, masked elements are a TypeError.
"""

import functools

import numpy as np

import ufloss as ul

from ._axon_reductions import each, mean_last, mean_of, number, pair, reduce, two_of
from ._common import (
    BlankApart,
    as_array,
    as_floats,
    as_labels,
    as_lengths,
    as_real,
    cast,
    divide,
    operand,
    quiet,
    total,
    total_of,
    weigh,
    widen,
)

__all__ = [
    "apply_label_smoothing",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "categorical_hinge",
    "connectionist_temporal_classification",
    "cosine_similarity",
    "hinge",
    "huber",
    "kl_divergence",
    "label_smoothing",
    "log_cosh",
    "margin_ranking",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
    "soft_margin",
]


@quiet
def mean_squared_error(y_true, y_pred, *, reduction="none"):
    """Mean squared error over the last axis (a mean, although Axon documents a sum)."""
    return mean_last(ul.squared_error, y_true, y_pred, reduction)


@quiet
def mean_absolute_error(y_true, y_pred, *, reduction="none"):
    """Mean absolute error over the last axis (a mean, although Axon documents a sum)."""
    return mean_last(ul.absolute_error, y_true, y_pred, reduction)


@quiet
def log_cosh(y_true, y_pred, *, reduction="none"):
    """Mean over the last axis of log(cosh(error)); finite everywhere, where Axon overflows for errors below
    -44.
    """
    return mean_last(ul.log_cosh, y_true, y_pred, reduction)


@quiet
def huber(y_true, y_pred, *, delta=1.0, reduction="none"):
    """Huber loss of each element: as in Axon, nothing is averaged over the last axis."""
    return each(ul.huber_loss, y_true, y_pred, reduction, operand("delta", delta))


@quiet
def poisson(y_true, y_pred, *, eps=1e-7, reduction="none"):
    """Mean over the last axis of y_pred - y_true * log(y_pred + eps)."""
    return mean_last(ul.poisson_loss, y_true, y_pred, reduction, number("eps", eps))


@quiet
def hinge(y_true, y_pred, *, reduction="none"):
    """Mean hinge loss over the last axis, of targets -1 and 1."""
    return mean_last(ul.hinge_loss, y_true, y_pred, reduction)


@quiet
def categorical_hinge(y_true, y_pred, *, reduction="none"):
    """Categorical hinge loss of one-hot targets; the true class takes part in the maximum with 0."""
    return each(ul.categorical_hinge, y_true, y_pred, reduction)


@quiet
def margin_ranking(y_true, y_pred, *, margin=0.0, reduction="none"):
    """Margin ranking loss of each element; `y_pred` is a pair of arrays, nothing is averaged over the last
    axis.
    """
    first, second = two_of("y_pred", y_pred, "arrays")
    first = as_floats(first, "y_pred[0]")
    second = as_floats(second, "y_pred[1]")
    dtype = np.result_type(first, second)
    y_true, first, dtype = pair(y_true, cast(first, dtype), "y_pred[0]")
    return reduce(ul.margin_ranking_loss(first, second, y_true, operand("margin", margin)), reduction, dtype)


@quiet
def soft_margin(y_true, y_pred, *, reduction="none"):
    """Sum over the *first* axis of log(1 + exp(-y_true * y_pred)): a loss a feature, not divided by the
    batch, as Axon computes it.

    Finite everywhere, where Axon overflows for products below -88.
    """
    y_true, y_pred, dtype = pair(y_true, y_pred)
    return reduce(total_of(ul.logistic_loss, (y_pred, y_true), 0), reduction, dtype)


@quiet
def cosine_similarity(y_true, y_pred, *, axes=(1,), eps=1e-6, reduction="none"):
    """Cosine *similarity* over `axes`: 1 where vectors are parallel, neither negated nor subtracted from 1.

    `eps` is the least product of the lengths. Vectors of one axis need ``axes=[0]``.
    """
    eps = operand("eps", eps)
    if not isinstance(axes, list | tuple):
        axes = np.atleast_1d(axes).tolist()
    return each(ul.cosine_similarity, y_true, y_pred, reduction, eps_product=eps, axis=tuple(axes))


@quiet
def kl_divergence(y_true, y_pred, *, eps=1e-7, reduction="none"):
    """Kullback-Leibler divergence over the last axis, of both arguments clipped to [eps, 1]; a target row of
    zeros is below 0 by that.
    """
    y_true, y_pred, dtype = pair(y_true, y_pred)
    eps = number("eps", eps)
    if eps != 0:
        y_true = np.clip(cast(y_true, y_pred.dtype), eps, 1)
        y_pred = np.clip(y_pred, eps, 1)
    return reduce(ul.kl_divergence(np.log(y_pred), y_true), reduction, dtype)


@quiet
def binary_cross_entropy(
    y_true,
    y_pred,
    *,
    from_logits=False,
    positive_weight=None,
    negative_weight=None,
    positive_weights=None,
    negative_weights=None,
    eps=1e-7,
    reduction="none",
):
    """Mean binary cross-entropy over the last axis.

    Parameters
    ----------
    y_true, y_pred : array_like
        Targets between 0 and 1, and probabilities (logits for `from_logits`) of the same shape.
    from_logits : bool
        Predictions are logits.
    positive_weight, negative_weight : float, optional
        Factors of elements whose target is 1 or 0; 1 where only the other is given. With either, the result
        is the mean over *all* elements, whatever the reduction, and not divided by the weights. Axon
        documents them as `positive_weights` and `negative_weights`, which serve too.
    eps : float
        Probabilities are clipped to [eps, 1 - eps], and `eps` is added before each logarithm as well, as in
        Axon; 0 does neither, so that what is no probability gives NaN.
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError
        If the shapes differ, or targets are not 0 or 1 where there are weights.
    """
    if np.shape(y_true) != np.shape(y_pred):
        raise ValueError(f"y_true has shape {np.shape(y_true)}, y_pred {np.shape(y_pred)}")
    positive = positive_weight if positive_weights is None else positive_weights
    negative = negative_weight if negative_weights is None else negative_weights
    y_true, y_pred, dtype = pair(y_true, y_pred)
    if from_logits:
        loss = ul.sigmoid_binary_cross_entropy
        args = (y_pred, y_true)
    else:
        eps = number("eps", eps)
        probabilities = np.clip(y_pred, eps, 1 - eps) if eps else y_pred
        loss = ul.binary_cross_entropy
        args = (probabilities, y_true, 1.0, eps)
    if positive is None and negative is None:
        return reduce(mean_of(loss, args), reduction, dtype)
    if not np.isin(y_true, (0, 1)).all():
        raise ValueError("y_true must be 0 or 1 where classes have weights")
    negative = 1 if negative is None else number("negative_weight", negative)
    positive = 1 if positive is None else number("positive_weight", positive)
    weights = np.array([negative, positive], float)[y_true.astype(np.intp)]
    return cast(divide(total_of(loss, args, None, weights), y_pred.size), dtype)


@quiet
def categorical_cross_entropy(
    y_true, y_pred, *, class_weights=None, from_logits=False, sparse=False, reduction="none"
):
    """Cross-entropy over the last axis; nothing is clipped, a probability of 0 at the target gives inf.

    Parameters
    ----------
    y_true : array_like
        Distributions of the shape of `y_pred`; for `sparse`, classes of shape (batch,), or (..., 1).
    y_pred : array_like
        Probabilities, or logits for `from_logits`.
    class_weights : array_like, optional
        Of shape (classes,). A sample weighs what the class with its largest target along axis 1 does; the
        mean is then divided by the sum of these weights. As in Axon, not together with `sparse`.
    from_logits, sparse : bool
        What `y_pred` and `y_true` are.
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError
        If `class_weights` do not fit, or a class is out of range.
    """
    y_true = as_array("y_true", y_true)
    y_pred = as_floats(y_pred, "y_pred")
    if sparse:
        if y_true.ndim > 1 and y_true.shape[-1] != 1:
            raise ValueError(
                f"y_true has shape {y_true.shape}: the last axis of sparse targets has the length 1"
            )
        cross_entropy = (
            ul.softmax_cross_entropy_with_integer_labels
            if from_logits
            else ul.cross_entropy_with_integer_labels
        )
        dtype = y_pred.dtype
        loss = cross_entropy(widen(y_pred), y_true[..., 0] if y_true.ndim > 1 else y_true)
    else:
        cross_entropy = ul.softmax_cross_entropy if from_logits else ul.cross_entropy
        targets, predictions, dtype = pair(y_true, y_pred)
        loss = cross_entropy(predictions, targets)
    if class_weights is None:
        return reduce(loss, reduction, dtype)
    weights = as_real("class_weights", class_weights).astype(float)
    if sparse or weights.shape != y_true.shape[-1:]:
        raise ValueError(
            f"class_weights of shape {weights.shape} do not fit y_true of shape {y_true.shape}"
            + ", which is sparse" * bool(sparse)
        )
    if y_true.ndim < 2:
        raise ValueError("class_weights need a y_true with two axes")
    if not y_true.shape[1]:
        raise ValueError(
            "class_weights need the largest target along axis 1, of which y_true of shape "
            f"{y_true.shape} has none"
        )
    largest = np.argmax(y_true, axis=1)
    weights = weights[np.minimum(largest, len(weights) - 1)]
    if weights.shape != np.shape(loss):
        raise ValueError(
            f"class_weights: the largest targets along axis 1 have shape {weights.shape}, the losses "
            f"{np.shape(loss)}"
        )
    if reduction == "mean":
        return cast(divide(total(loss, None, weights), total(weights)), dtype)
    return reduce(weigh(loss.astype(float), weights), reduction, dtype)


@quiet
def apply_label_smoothing(y_true, y_pred, *, smoothing=0.1):
    """Targets mixed with the uniform distribution over the classes, which are axis 1 of `y_pred`."""
    y_true = as_real("y_true", y_true)
    y_pred = as_floats(y_pred, "y_pred")
    if y_pred.ndim < 2 or y_true.shape[1:2] != y_pred.shape[1:2]:
        raise ValueError(
            f"y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape}: axis 1 has the classes"
        )
    if y_true.dtype.kind != "f":
        y_true = cast(y_true, y_pred.dtype)
    return ul.smooth_labels(y_true, operand("smoothing", smoothing), axis=1)


def label_smoothing(loss_fun, *, smoothing=0.1):
    """The loss function ``loss_fun(y_true, y_pred, ...)`` with smoothed targets; it can be pickled where
    `loss_fun` can.
    """
    if not callable(loss_fun):
        raise TypeError(f"label_smoothing: loss_fun must be a function, not {loss_fun!r}")
    return functools.partial(smoothed, loss_fun, smoothing)


def smoothed(loss_fun, smoothing, /, y_true, y_pred, **options):
    return loss_fun(apply_label_smoothing(y_true, y_pred, smoothing=smoothing), y_pred, **options)


@quiet
def connectionist_temporal_classification(y_true, y_pred, *, blank=0, reduction="none"):
    """CTC loss of log-probabilities, which are used as they are.

    Exact, where Axon adds 1e-7 in each step: its losses end at 16.1, and a target that does not fit the
    frames costs that instead of inf.

    Parameters
    ----------
    y_true : pair of array_like of int
        Lengths of the targets, of shape (batch,), and the targets, of shape (batch, labels); what is beyond a
        length is not read.
    y_pred : array_like
        Log-probabilities of shape (batch, frames, classes). All frames take part.
    blank : int
        The blank.
    reduction : {"none", "mean", "sum"}
        The mean is that of losses divided by their target's length.

    Raises
    ------
    ValueError
        If a length is negative or beyond the targets, or a target no class.
    """
    lengths, labels = two_of("y_true", y_true, "arrays, lengths and targets")
    y_pred = as_floats(y_pred, "y_pred")
    labels = as_array("y_true[1]", labels)
    dtype = y_pred.dtype
    y_pred = widen(y_pred)
    if y_pred.ndim != 3 or labels.ndim != 2 or len(labels) != len(y_pred):
        raise ValueError(
            f"y_true of shape {labels.shape} and y_pred of shape {y_pred.shape}: (batch, labels) and "
            "(batch, frames, classes) are needed"
        )
    lengths = as_lengths("y_true[0]", lengths, labels.shape[:1], labels.shape[1])
    used = np.arange(labels.shape[1]) < lengths[:, None]
    labels = as_labels("y_true[1]", labels, used, y_pred.shape[-1])
    problem = BlankApart(y_pred, labels, used, blank)
    loss = ul.ctc.loss_from_log_probs(problem.scores, problem.labels, None, lengths, problem.blank)
    if reduction == "mean":
        loss = divide(loss, lengths)  # a length of 0 has no meaning here
    return reduce(loss, reduction, dtype)
