"""`optax.losses` of optax 0.2.8 on NumPy arrays, deprecated names included.

Arguments are optax's; those that optax takes by keyword only may also be positional, in the order in which it
documents them.  Integer predictions, which most of optax refuses, count as float64.  Limits at infinities and
zeros are the core's: where optax gives NaN for 0 * inf or for a vector of zeros, these functions give the
limit.  Arguments become plain arrays: a series counts by position, masked elements are a TypeError.
"""

import contextlib
import functools
import math
import warnings

import numpy as np

import ufloss as ul
from ufloss import make_fenchel_young_loss
from ufloss._broadcast import normalize_axes

from ._common import (
    BlankApart,
    as_array,
    as_floats,
    as_labels,
    as_real,
    cast,
    divide,
    operand,
    quiet,
    total,
    widen,
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


def or_zero(targets):
    return 0 if targets is None else operand("targets", targets)


def or_true(where):
    """The core's mask: one of another rank than the logits lies over the batch, as in optax's
    cross-entropies.
    """
    if where is None:
        return True
    where = as_array("where", where)
    if where.dtype != np.bool_:
        raise TypeError(f"where must be bool, not {where.dtype}")
    return where


def real(**given):
    """Arguments as arrays of real numbers, or numbers of Python's, by name."""
    return [operand(name, x) for name, x in given.items()]


def elements(where, *arrays):
    """A mask that lies over the elements whatever its rank, as in optax's sums."""
    where, ndim = or_true(where), max(map(np.ndim, arrays))
    return (
        where
        if where is True or where.ndim >= ndim
        else where.reshape((1,) * (ndim - where.ndim) + where.shape)
    )


def check_shapes(first, x, second, y):
    if y is not None and np.shape(x) != np.shape(y):
        raise ValueError(
            f"{first} of shape {np.shape(x)} and {second} of shape {np.shape(y)}: optax does not "
            "broadcast here"
        )


def any_kept(where, ndim, axis):
    """Whether a row has an element that `where` keeps; one of another rank than the logits lies over the
    batch.
    """
    where = np.asarray(where)
    return np.any(where if where.ndim == ndim else np.expand_dims(where, axis), axis)


def classes_of(scores):
    if np.ndim(scores) == 0:
        raise ValueError("scores have no class axis")
    return np.shape(scores)[-1]


def clip_labels(labels, n, wrap=False):
    """Labels that the core accepts, and which of them were labels; `wrap` counts negative ones from the
    end.
    """
    labels = as_array("labels", labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {labels.dtype}")
    if wrap and labels.dtype.kind == "i":
        labels = labels.astype(np.int64)
        labels = np.where(labels < 0, labels + n, labels)
    good = (labels >= 0) & (labels < n)
    return np.where(good, labels, 0), good


def rows(logits, axis, name):
    """The classes as the last axis, numbered in the order of a tuple `axis`."""
    axes = normalize_axes(axis, logits.ndim, name)
    moved = np.moveaxis(logits, axes, range(-len(axes), 0))
    batch = moved.shape[: moved.ndim - len(axes)]
    return moved.reshape(*batch, math.prod(moved.shape[len(batch) :]))


def or_nan(loss, good):
    """NaN where a label is none."""
    return loss if np.all(good) else np.where(good, loss, np.nan)[()]


@contextlib.contextmanager
def distributions():
    """The core's complaint about predictions that are not probabilities, with optax's words for it."""
    try:
        yield
    except ValueError as error:
        if "not probabilities" not in str(error):
            raise
        raise ValueError(
            f"{error}; with apply_softmax=False they must be valid probability distributions"
        ) from None


def deprecated(name, replacement):
    """A function under the name that optax calls deprecated."""

    @functools.wraps(replacement)
    def old(*args, **kwargs):
        message = f"The function {name} is deprecated. Please use {replacement.__name__} instead."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return replacement(*args, **kwargs)

    old.__name__ = old.__qualname__ = name
    old.__doc__ = f"`{replacement.__name__}` under its deprecated name; warns, as optax does."
    return old


# Regression


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
    predictions, targets, epsilon = real(predictions=predictions, targets=targets, epsilon=epsilon)
    return ul.cosine_similarity(
        predictions, targets, epsilon, axis=axis, where=elements(where, predictions, targets)
    )


@quiet
def cosine_distance(predictions, targets, epsilon=0.0, axis=-1, where=None):
    """One minus `cosine_similarity`, also where `where` leaves nothing of a vector (the core gives 0
    there).
    """
    predictions, targets, epsilon = real(predictions=predictions, targets=targets, epsilon=epsilon)
    where = elements(where, predictions, targets)
    loss = ul.cosine_distance(predictions, targets, epsilon, axis=axis, where=where)
    if where is True:
        return loss
    return np.where(
        any_kept(where, max(np.ndim(predictions), np.ndim(targets)), axis), loss, loss.dtype.type(1)
    )[()]


# Binary classification


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
    alpha, gamma = real(alpha=-1 if alpha is None else alpha, gamma=gamma)
    return ul.sigmoid_focal_loss(logits, cast(as_real("labels", labels), logits.dtype), alpha, gamma)


@quiet
def hinge_loss(predictor_outputs, targets):
    """Hinge loss with labels -1 and 1; integers give float64 (optax: integers)."""
    return ul.hinge_loss(*real(predictor_outputs=predictor_outputs, targets=targets))


@quiet
def perceptron_loss(predictor_outputs, targets):
    """Perceptron loss with labels -1 and 1; the shapes must be equal."""
    check_shapes("predictor_outputs", predictor_outputs, "targets", targets)
    return ul.perceptron_loss(*real(predictor_outputs=predictor_outputs, targets=targets))


@quiet
def sparsemax_loss(logits, labels):
    """Binary sparsemax loss; any label but 0 counts as 1."""
    return ul.sparsemax_loss(*real(logits=logits, labels=labels))


binary_sparsemax_loss = deprecated("binary_sparsemax_loss", sparsemax_loss)


# Classification over an axis


@quiet
def softmax_cross_entropy(logits, labels, axis=-1, where=None):
    """Softmax cross-entropy of distributions; safe where a logit is -inf and its label 0 (optax: NaN)."""
    return ul.softmax_cross_entropy(*real(logits=logits, labels=labels), axis=axis, where=or_true(where))


@quiet
def safe_softmax_cross_entropy(logits, labels):
    """`softmax_cross_entropy` over the last axis."""
    return ul.softmax_cross_entropy(*real(logits=logits, labels=labels))


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
    labels, good = clip_labels(labels, rows(logits, axis, name).shape[-1], wrap=True)
    loss = ul.softmax_cross_entropy_with_integer_labels(logits, labels, axis=axis, where=or_true(where))
    if where is None:
        return or_nan(loss, good)
    if np.any(np.isposinf(loss)):  # which is what the core gives where a label is left out
        scores = rows(logits, axis, name)
        # whose batch labels may enlarge
        scores = np.broadcast_to(scores, (*np.shape(loss), scores.shape[-1]))
        own = np.take_along_axis(scores, np.broadcast_to(labels, np.shape(loss))[..., None], -1)[..., 0]
        left_out = cast(
            ul.logsumexp(logits.astype(float), axis=axis, where=or_true(where)) - own, logits.dtype
        )
        loss = np.where(np.isposinf(loss), left_out, loss)[()]
    return or_nan(loss, good | ~any_kept(where, logits.ndim, axis))


multiclass_logistic_loss = deprecated("multiclass_logistic_loss", softmax_cross_entropy_with_integer_labels)


@quiet
def poly_loss_cross_entropy(logits, labels, epsilon=2.0, axis=-1, where=None):
    """PolyLoss-1: softmax cross-entropy plus `epsilon` times sum(labels * (1 - softmax(logits))); a
    batch-shaped `where` serves too.
    """
    return ul.poly_loss_cross_entropy(
        *real(logits=logits, labels=labels, epsilon=epsilon), axis=axis, where=or_true(where)
    )


@quiet
def kl_divergence(log_predictions, targets, axis=-1, where=None):
    """Kullback-Leibler divergence of log-probabilities; a target of 0 gives 0 also where the prediction is
    -inf (optax: NaN).
    """
    log_predictions, targets = real(log_predictions=log_predictions, targets=targets)
    return ul.kl_divergence(
        log_predictions, targets, axis=axis, where=elements(where, log_predictions, targets)
    )


@quiet
def kl_divergence_with_log_targets(log_predictions, log_targets, axis=-1, where=None):
    """`kl_divergence` with logarithms of the targets; a log target of -inf gives 0 (optax: NaN)."""
    log_predictions, log_targets = real(log_predictions=log_predictions, log_targets=log_targets)
    return ul.kl_divergence_with_log_targets(
        log_predictions, log_targets, axis=axis, where=elements(where, log_predictions, log_targets)
    )


@quiet
def generalized_kl_divergence(log_predictions, targets, axis=-1, where=None):
    """Generalised Kullback-Leibler divergence, for measures that need not sum to 1."""
    log_predictions, targets = real(log_predictions=log_predictions, targets=targets)
    return ul.generalized_kl_divergence(
        log_predictions, targets, axis=axis, where=elements(where, log_predictions, targets)
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
    where = np.broadcast_to(True, x.shape) if where is None else np.asarray(or_true(where))
    try:
        np.broadcast_shapes(x.shape, alpha.shape, where.shape)
    except ValueError:
        shapes = f"labels of shape {x.shape}, alpha of shape {alpha.shape} and where of shape {where.shape}"
        raise ValueError(f"smooth_labels: {shapes} do not broadcast") from None
    kept = np.count_nonzero(
        where, axis if axis is None else normalize_axes(axis, where.ndim, "smooth_labels"), keepdims=True
    )
    alpha = np.where(kept > 0, cast(alpha, x.dtype), x.dtype.type(0))
    return cast((1 - alpha) * x + alpha / np.maximum(kept, 1).astype(x.dtype), labels.dtype)


# Ranking, similarity, segmentation


def ranking_softmax_loss(logits, labels, where=None, weights=None, reduce_fn=np.mean):
    """Softmax ranking loss over the last axis.

    `reduce_fn` gets the losses of all lists, with `where` also which of them have an item, as its keyword
    `where`; its default is their mean, 0 where there is none. None gives the losses themselves. Labels are
    cast to the type of the logits.
    """
    if reduce_fn is not None and not callable(reduce_fn):
        raise TypeError(f"ranking_softmax_loss: reduce_fn must be a function or None, not {reduce_fn!r}")
    logits, labels = as_floats(logits, "logits"), as_real("labels", labels)
    x = widen(logits)
    factor = 1 if weights is None else cast(as_real("weights", weights), x.dtype)
    kept = elements(where, x, labels)
    loss = np.asarray(ul.ranking_softmax_loss(x, cast(labels, x.dtype), factor, where=kept))
    lists = np.broadcast_to(where is None or np.any(kept, -1), loss.shape)
    if reduce_fn in (np.mean, np.sum):
        result = total(loss, None, None if where is None else lists)
        return cast(
            divide(result, max(1, np.count_nonzero(lists))) if reduce_fn is np.mean else result, logits.dtype
        )
    loss = cast(loss, logits.dtype)
    return loss if reduce_fn is None else reduce_fn(loss) if where is None else reduce_fn(loss, where=lists)


@quiet
def ntxent(embeddings, labels, temperature=0.07):
    """NT-Xent loss of a batch of embeddings; 0 where all labels are equal, NaN where no two are (optax
    documents NaN for the former).
    """
    return ul.ntxent_loss(
        as_real("embeddings", embeddings), as_array("labels", labels), operand("temperature", temperature)
    )


@quiet
def triplet_margin_loss(anchors, positives, negatives, axis=-1, norm_degree=2, margin=1.0, eps=1e-6):
    """Triplet margin loss; distances are sums of abs(difference)**norm_degree (optax leaves out abs, which is
    the same for even ones).
    """
    anchors, positives, negatives = real(anchors=anchors, positives=positives, negatives=negatives)
    return ul.triplet_margin_loss(
        anchors, positives, negatives, *real(margin=margin, norm_degree=norm_degree, eps=eps), axis=axis
    )


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
    predictions, targets = real(predictions=predictions, targets=targets)
    class_weights = class_weights if class_weights is None else as_real("class_weights", class_weights)
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
    predictions, targets = real(predictions=predictions, targets=targets)
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
    predictions, targets = real(predictions=predictions, targets=targets)
    return ul.binary_dice_loss(predictions, targets, smooth=smooth, apply_sigmoid=apply_sigmoid)


# CTC


def forward(logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, compute):
    """The results of one of the core's functions with optax's arguments, and what must be added to each
    frame's log-probabilities.
    """
    # float32 is the type of optax's result for float16
    logits, labels = widen(as_floats(logits, "logits")), as_array("labels", labels)
    logit_paddings, label_paddings = (
        as_real("logit_paddings", logit_paddings),
        as_real("label_paddings", label_paddings),
    )
    if logits.ndim != 3 or labels.ndim != 2 or len(logits) != len(labels):
        raise ValueError(
            f"logits of shape {logits.shape} and labels of shape {labels.shape} are not (batch, frames, "
            "classes) and (batch, labels)"
        )
    for name, x, shape in (
        ("logit_paddings", logit_paddings, logits.shape[:2]),
        ("label_paddings", label_paddings, labels.shape),
    ):
        if np.shape(x) != shape:
            raise ValueError(f"{name} has shape {np.shape(x)}, not {shape}")
    padded, n = label_paddings.astype(float), labels.shape[1]
    if not np.all((padded == 0) | (padded == 1)):
        raise ValueError("label_paddings must be 0 or 1")
    used = np.arange(n) < n - np.count_nonzero(padded, 1)[:, None]
    worst = as_real("log_epsilon", log_epsilon)
    if worst.ndim or not worst <= 0:
        raise ValueError(f"log_epsilon is a log-probability, one number of at most 0, not {log_epsilon!r}")
    problem = BlankApart(
        logits, as_labels("labels", labels, used, logits.shape[-1]), used, blank_id, "blank_id"
    )
    results = compute(problem.scores, logit_paddings, problem.labels, ~used, problem.blank)
    return results, problem.surplus(logit_paddings == 0), logits.dtype.type(worst)


@quiet
def ctc_loss(logits, logit_paddings, labels, label_paddings, blank_id=0, log_epsilon=-1e5):
    """CTC loss.

    Parameters
    ----------
    logits : array_like
        Scores of shape (batch, frames, classes); float16 gives float32 losses.
    logit_paddings, label_paddings : array_like
        0 or 1, of shapes (batch, frames) and (batch, labels). Padded frames are left out wherever they are;
        of `label_paddings` only the sum counts, as if they were on the right.
    labels : array_like
        Classes, of shape (batch, labels); integers, or floating-point numbers that are whole. The blank among
        them is a symbol like any.
    blank_id : int
        The blank.
    log_epsilon : float
        What stands for the logarithm of 0: no loss exceeds ``-log_epsilon``, which is the loss of what cannot
        be (in optax roughly).

    Returns
    -------
    ndarray of shape (batch,)

    Raises
    ------
    ValueError
        If shapes do not fit, a label is no class (optax: a class of probability 1), or `log_epsilon` more
        than 0.
    """
    loss, surplus, worst = forward(
        logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, ul.ctc_loss
    )
    return np.minimum(cast(loss - total(surplus, -1), loss.dtype), -worst)


@quiet
def ctc_loss_with_forward_probs(logits, logit_paddings, labels, label_paddings, blank_id=0, log_epsilon=-1e5):
    """CTC loss and forward probabilities, with the parameters of `ctc_loss`.

    Returns
    -------
    loss : ndarray of shape (batch,)
    logalpha_blank : ndarray of shape (frames, batch, labels + 1)
        Of what ends in the blank; in the last frame of each prefix, whatever it ends in.
    logalpha_nonblank : ndarray of shape (frames, batch, labels)
        Of what ends in a label (optax documents labels + 1). What cannot be, and what lies beyond a label's
        end, is `log_epsilon`.
    """
    compute = ul.ctc_loss_with_forward_probs
    (loss, *alphas), surplus, worst = forward(
        logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, compute
    )
    so_far = np.cumsum(surplus, -1, dtype=float).T[..., None]
    alphas = (np.maximum(cast(alpha + so_far, alpha.dtype), worst) for alpha in alphas)
    return np.minimum(cast(loss - total(surplus, -1), loss.dtype), -worst), *alphas
