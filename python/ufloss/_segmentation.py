"""Dice losses of images: `tversky_loss` of each region, with what surrounds it in segmentation (softmax,
class weights, reductions).
"""

import inspect
import math

import numpy as np

from ._arguments import as_array
from ._broadcast import normalize_axes
from ._errors import choose, in_the_name_of
from ._masks import check_mask, holds_masked
from ._overrides import refuse_overrides
from ._records import make_helper
from ._reduce import PLAIN, align

OVERLAPS, SCORES_GRADIENT = make_helper("overlaps"), make_helper("scores_gradient")
SOFTMAX, SIGMOID = make_helper("softmax_with_complement"), make_helper("sigmoid_with_complement")


class Probabilities:
    """Probabilities p from scores along the last axis, q = 1 - p with all its digits, and gradients back to
    the scores.
    """

    def __init__(self, scores, apply, kept, stored, name):
        self.apply, self.one = apply, scores.shape[-1] == 1
        if not apply:
            check_probabilities(scores, kept, max(1e-5, float(np.finfo(stored).eps)), name)
            self.p, self.q = scores, 1 - scores
            return
        # one piece of memory, which is sooner given again than two
        self.p, self.q = np.empty((2, *scores.shape), scores.dtype)
        (SIGMOID if self.one else SOFTMAX)(scores, out=(self.p, self.q))

    def back(self, targets, up, down):
        """The gradient of what changes by `up` with p where the target is 0, and by -`down` where it is 1."""
        if self.apply and not self.one:
            return SCORES_GRADIENT(self.p, targets, *(np.broadcast_to(a, self.p.shape) for a in (up, down)))
        slope = (1 - targets) * up - targets * down
        return slope * (self.p * self.q) if self.apply else slope


def check_probabilities(p, kept, tolerance, name):
    """Do they lie between 0 and 1, and sum to 1 along the last axis, wherever `kept` says that an element
    takes part?

    NaN is no mistake: it makes a loss NaN.
    """
    if not p.size:
        return
    if p.shape[-1] != 1:
        sums = p.sum(-1, dtype=float)
        wrong = np.abs(sums - 1) > tolerance
        if wrong.any():
            wrong &= np.broadcast_to(kept, p.shape).any(-1)
        if wrong.any():
            lowest, highest = sums[wrong].min(), sums[wrong].max()
            raise ValueError(
                f"{name}: predictions are not probabilities: along the last axis they sum to between "
                f"{lowest:g} and {highest:g}"
            )
    if not (p.min() >= -tolerance and p.max() <= 1 + tolerance):
        wrong = ((p < -tolerance) | (p > 1 + tolerance)) & kept
        if wrong.any():
            raise ValueError(
                f"{name}: predictions are not probabilities, which lie between 0 and 1: one of them is "
                f"{p[wrong][0]:g}"
            )


def along(a, pixels):
    """Those axes as the last one, in the order of the array."""
    others = [i for i in range(a.ndim) if i not in pixels]
    return a.transpose(*others, *sorted(pixels)).reshape(
        *(a.shape[i] for i in others), math.prod(a.shape[i] for i in pixels)
    )


def images(predictions, targets, name):
    """Both with a class axis, of one shape; predictions as floating point."""
    x, t = as_array(predictions), as_array(targets)
    for what, a in (("predictions", x), ("targets", t)):
        check_real(a, name, what)
    x = x if x.dtype.kind == "f" else x.astype(float)
    if x.ndim == t.ndim - 1:
        x = x[..., None]
    if t.ndim == x.ndim - 1:
        t = t[..., None]
    if x.shape != t.shape:
        raise ValueError(f"{name}: predictions of shape {x.shape} and targets of shape {t.shape}")
    if not x.ndim or not x.shape[-1]:
        raise ValueError(f"{name}: there is no class axis, or it is empty")
    return x, t


def check_real(a, name, what):
    if a.dtype.kind not in "biuf" or a.dtype.itemsize > 8:
        raise TypeError(f"{name}: {what} must be real numbers of at most 64 bits, not {a.dtype}")


def spread(a, shape, name, what, whose):
    """A view of that shape."""
    try:
        return np.broadcast_to(a, shape)
    except ValueError:
        raise ValueError(
            f"{name}: {what} of shape {np.shape(a)} does not broadcast to the {whose}' shape {shape}"
        ) from None


def per_region(a, name, what, pixels, shape):
    """A parameter in the form of a region's sums, whose pixel axes have one element."""
    a = np.asarray(a)
    check_real(a, name, what)
    a = a.astype(float, copy=False)
    regions = tuple(n for i, n in enumerate(shape) if i not in pixels)
    if a.ndim > len(regions):
        raise ValueError(
            f"{name}: {what} of shape {a.shape} has more axes than the losses, which have {len(regions)}"
        )
    spread(a, regions, name, what, "losses")
    return np.expand_dims(a.reshape((1,) * (len(regions) - a.ndim) + a.shape), pixels)


def dice(
    name,
    predictions,
    targets,
    want,
    *,
    class_weights=None,
    smooth=1.0,
    alpha=0.5,
    beta=0.5,
    apply_softmax=True,
    reduction="mean",
    ignore_background=False,
    axis=None,
    where=None,
):
    """The loss and its gradient, whichever are wanted, else None; reduction "all" is the mean over
    everything.

    Both are computed in float32 at least, sums of regions in float64 from there on, and rounded once.
    """
    x, t = images(predictions, targets, name)
    stored, result = x.dtype, x.dtype.newbyteorder("=") if t.dtype.kind != "f" else np.result_type(x, t)
    x, t = (a.astype(np.promote_types(result, np.float32), copy=False) for a in (x, t))
    classes = x.shape[-1]
    if class_weights is not None:
        check_real(np.asarray(class_weights), name, "class_weights")
    weights = np.ones(classes) if class_weights is None else np.array(class_weights, float)
    if weights.shape != (classes,):
        raise ValueError(f"{name}: class_weights have shape {weights.shape}, not ({classes},)")
    first = int(ignore_background and classes > 1)
    weights[:first] = 0
    pixels = normalize_axes(tuple(range(1, x.ndim - 1)) if axis is None else axis, x.ndim, name)
    if x.ndim - 1 in pixels:
        raise ValueError(f"{name}: axis {axis} has the class axis among the pixels' axes")
    smooth, alpha, beta = (
        per_region(a, name, what, pixels, x.shape)
        for a, what in ((smooth, "smooth"), (alpha, "alpha"), (beta, "beta"))
    )
    regions = math.prod(n for i, n in enumerate(x.shape[:-1]) if i not in pixels)
    share = {
        "none": 1,
        "sum": 1,
        "mean": 1 / (classes - first),
        "all": 1 / max(1, regions * (classes - first)),
    }[reduction]
    where = True if where is None else check_mask(where, name)
    counted = weights != 0
    counted = None if counted.all() else counted
    value = grad = None
    inner = in_the_name_of(
        name, "overlaps", "softmax_with_complement", "sigmoid_with_complement", "scores_gradient"
    )
    with np.errstate(all="ignore"), inner:
        taking_part = spread(where, x.shape, name, "where", "predictions")
        at = Probabilities(x, apply_softmax, where if counted is None else where & counted, stored, name)
        sums = OVERLAPS(*(along(a, pixels) for a in (at.p, at.q, t, taking_part)))
        # a class that weighs nothing spoils nothing
        if counted is not None and not all(np.isfinite(a[..., ~counted]).all() for a in sums):
            where = where & counted
            taking_part = np.broadcast_to(where, x.shape)
        right, false_positive, false_negative = (
            a.reshape([1 if i in pixels else n for i, n in enumerate(x.shape)]) for a in sums
        )
        right, wrong = right + smooth, alpha * false_positive + beta * false_negative
        whole = right + wrong
        inverse = np.where(whole == 0, 0.0, 1 / whole)  # an empty region without predictions is no loss
        inverse = np.where((smooth >= 0) & (alpha >= 0) & (beta >= 0), inverse, np.nan)
        if "value" in want:
            value = np.squeeze(wrong * inverse, pixels) * weights
            value = (value if counted is None else np.where(counted, value, 0.0))[..., first:]
            value = value if reduction == "none" else value.sum(None if reduction == "all" else -1) * share
            value = value.astype(result)
        if "grad" in want:
            scaled = inverse * (weights * share)
            changes = (alpha * right * inverse * scaled, (beta * right + wrong) * inverse * scaled)
            changes = ((a if counted is None else np.where(counted, a, 0.0)).astype(x.dtype) for a in changes)
            if np.shape(where)[-1:] not in ((), (1,)):  # else all classes of a pixel take part, or none
                t, *changes = (np.where(where, a, x.dtype.type(0)) for a in (t, *changes))
            grad = at.back(t, *changes).astype(result, copy=False)
            if where is not True:  # nothing of a pixel without any class that takes part is read
                grad = np.where(taking_part.any(-1, keepdims=True), grad, result.type(0))
            grad = grad.reshape(np.shape(predictions))
    return value, grad


def refuse_masked(name, given, takes_where):
    """Of pairs of an argument's name and its value, a mask counts only as `where`; anywhere else it would be
    dropped.
    """
    for what, x in given:
        if holds_masked(x) and not (what == "where" and isinstance(x, np.ma.MaskedArray)):
            raise TypeError(
                f"{name}: {what} is a masked array: give "
                f"{'what takes part as where, and ' * takes_where}{what} filled"
            )


def align_labels(name, args, kwargs):
    """The arguments of a call; those of pandas that lie over the pixels in the order of the predictions'
    labels.
    """
    positional = dict(zip(("predictions", "targets"), args, strict=False))
    given = {**positional, **kwargs}
    laid = {what: given[what] for what in ("predictions", "targets", "where") if what in given}
    laid = dict(zip(laid, align({"kind": "images"}, list(laid.values()), name), strict=True))
    return [*(laid[what] for what in positional), *args[len(positional) :]], {
        what: laid.get(what, x) for what, x in kwargs.items()
    }


def with_derivatives(compute):
    """A public loss, with `grad` and `value_and_grad` as attributes, from a function that takes what is
    wanted as its last argument.
    """
    name = compute.__name__
    parameters = [p for p in inspect.signature(compute).parameters.values() if p.name != "want"]
    names = {p.name for p in parameters}
    positional = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)

    def plain(full, want, args, kwargs):
        if len(args) > positional:  # Python would count `want` among what was given
            raise TypeError(f"{full}() takes {positional} positional arguments but {len(args)} were given")
        if not names.issuperset(kwargs):
            raise TypeError(
                f"{full}() got an unexpected keyword argument "
                f"'{next(word for word in kwargs if word not in names)}'"
            )
        given = [*zip((p.name for p in parameters), args, strict=False), *kwargs.items()]
        refuse_masked(name, given, "where" in names)
        if not {type(x) for _, x in given} <= PLAIN:
            refuse_overrides(name, given)
            args, kwargs = align_labels(name, args, kwargs)
        return compute(*args, want=want, **kwargs)

    def loss(*args, **kwargs):
        return plain(name, ("value",), args, kwargs)[0]

    def grad(*args, **kwargs):
        return plain(f"{name}.grad", ("grad",), args, kwargs)[1]

    def value_and_grad(*args, **kwargs):
        return plain(f"{name}.value_and_grad", ("value", "grad"), args, kwargs)

    loss.__doc__ = compute.__doc__
    grad.__doc__ = (
        f"Gradient of the sum of the results of `{name}` with respect to `predictions`; the same arguments."
    )
    value_and_grad.__doc__ = f"`{name}`, and its gradient as `{name}.grad` gives it; the same arguments."
    for f, full in ((loss, name), (grad, f"{name}.grad"), (value_and_grad, f"{name}.value_and_grad")):
        f.__module__, f.__name__, f.__qualname__ = "ufloss", full.rpartition(".")[2], full
        f.__signature__ = inspect.Signature(parameters)
    loss.grad, loss.value_and_grad = grad, value_and_grad
    return loss


@with_derivatives
def dice_loss(
    predictions,
    targets,
    *,
    class_weights=None,
    smooth=1.0,
    alpha=0.5,
    beta=0.5,
    apply_softmax=True,
    reduction="mean",
    ignore_background=False,
    axis=None,
    where=None,
    want,
):
    """Dice loss of images: `tversky_loss` of the softmax of scores, for each image and class.

    Parameters
    ----------
    predictions : array_like
        Scores of shape (batch, pixels..., classes); with one class, of its sigmoid.
    targets : array_like
        One-hot labels of the same shape. Of either, an axis of one class may be missing.
    class_weights : array_like, optional
        Weights of the classes, of shape (classes,). A class of weight 0 is not looked at, whatever its loss.
    smooth, alpha, beta : array_like, optional
        As of `tversky_loss`.
    apply_softmax : bool, optional
        False: predictions are probabilities already, between 0 and 1; along the class axis they sum to 1.
        Either within 1e-5, or the spacing of their type at 1.
    reduction : {"mean", "sum", "none"}, optional
        What becomes of the losses of the classes.
    ignore_background : bool, optional
        Leave out class 0, where there are others.
    axis : int or tuple of int, optional
        The pixels' axes; by default all but the first and the last.
    where : array_like of bool, optional
        Pixels that take part: an array that broadcasts to the predictions.

    Returns
    -------
    ndarray
        Losses of shape (batch,), or (batch, classes) for ``reduction="none"``.

    Raises
    ------
    ValueError
        If the shapes do not fit, the reduction is unknown, `axis` names the class axis, or what takes part
        are no probabilities: not between 0 and 1, or of several classes without the sum 1.

    Notes
    -----
    Without a pixel axis each element is a region of its own. The gradient is that of the sum of the results.
    Predictions, targets and `where` of pandas with the same labels in another order are put in that of the
    predictions; different labels are an error.

    Source: Milletari et al., V-Net, 2016; optax.losses.dice_loss.

    Examples
    --------
    >>> import numpy as np, ufloss as ul
    >>> ul.dice_loss([[[2.0], [-1.0]]], [[[1.0], [0.0]]])
    array([0.09353465])
    """
    reduction = choose("dice_loss: reduction", reduction, ("mean", "sum", "none"))
    return dice(
        "dice_loss",
        predictions,
        targets,
        want,
        class_weights=class_weights,
        smooth=smooth,
        alpha=alpha,
        beta=beta,
        apply_softmax=apply_softmax,
        reduction=reduction,
        ignore_background=ignore_background,
        axis=axis,
        where=where,
    )


@with_derivatives
def binary_dice_loss(predictions, targets, *, smooth=1.0, apply_sigmoid=True, where=None, want):
    """Dice loss of images with one class.

    Parameters
    ----------
    predictions : array_like
        Scores of shape (batch, pixels...) or (batch, pixels..., 1).
    targets : array_like
        0 or 1 for each pixel, of the same shape.
    smooth : array_like, optional
        As of `tversky_loss`.
    apply_sigmoid : bool, optional
        False: predictions are probabilities already; others are a ValueError, as in `dice_loss`.
    where : array_like of bool, optional
        Pixels that take part, of the shape of the predictions.

    Returns
    -------
    ndarray
        Losses of shape (batch,).

    Notes
    -----
    Source: optax.losses.binary_dice_loss.

    Examples
    --------
    >>> import numpy as np, ufloss as ul
    >>> ul.binary_dice_loss([[2.0, -1.0]], [[1.0, 0.0]])
    array([0.09353465])
    """
    x, t = as_array(predictions), as_array(targets)
    if x.ndim == t.ndim and x.shape[-1:] != (1,):
        x, t = x[..., None], t[..., None]
        where = where if where is None else as_array(where)[..., None]
    value, grad = dice(
        "binary_dice_loss", x, t, want, smooth=smooth, apply_softmax=apply_sigmoid, where=where
    )
    return value, grad if grad is None else grad.reshape(np.shape(predictions))


@with_derivatives
def multiclass_generalized_dice_loss(
    predictions, targets, *, smooth=1.0, apply_softmax=True, ignore_background=False, want
):
    """Dice loss whose classes weigh by the inverse square of their frequency in the whole batch.

    Parameters
    ----------
    predictions : array_like
        Scores of shape (batch, pixels..., classes).
    targets : array_like
        One-hot labels of the same shape.
    smooth : array_like, optional
        As of `tversky_loss`.
    apply_softmax : bool, optional
        False: predictions are probabilities already; others are a ValueError, as in `dice_loss`.
    ignore_background : bool, optional
        Leave out class 0, where there are others.

    Returns
    -------
    scalar
        The mean over images and classes of the losses times their weights, which have the mean 1.

    Notes
    -----
    A class of frequency f weighs 1 / (f**2 + 1e-7). The background counts in the weights' mean also where it
    is left out, so that its targets are read.

    Source: Sudre et al., Generalised Dice overlap, 2017; optax.losses.multiclass_generalized_dice_loss.

    Examples
    --------
    >>> import numpy as np, ufloss as ul
    >>> scores, regions = [[[2.0, 0.0], [0.0, 2.0]]], [[[1.0, 0.0], [0.0, 1.0]]]
    >>> float(ul.multiclass_generalized_dice_loss(scores, regions).round(7))
    0.0596015
    """
    name = "multiclass_generalized_dice_loss"
    _, t = images(predictions, targets, name)
    with np.errstate(all="ignore"):
        t = np.ascontiguousarray(t, float)  # whose order of adding up is one
        weights = 1 / (t.sum(tuple(range(t.ndim - 1))) ** 2 + 1e-7)
        weights *= weights.size / weights.sum()
    return dice(
        name,
        predictions,
        targets,
        want,
        class_weights=weights,
        smooth=smooth,
        apply_softmax=apply_softmax,
        reduction="all",
        ignore_background=ignore_background,
    )
