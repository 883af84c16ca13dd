"""Dice losses of images: `tversky_loss` of each region, with what surrounds it in segmentation (softmax,
class weights, reductions).
"""

import inspect

import numpy as np

from ._arguments import as_array
from ._dice import dice, images
from ._errors import choose
from ._masks import holds_masked
from ._overrides import refuse_overrides
from ._reduce import PLAIN, align


def refuse_masked(name, given, takes_where):
    """Of pairs of an argument's name and its value, a mask counts only as `where`; anywhere else it would be
    dropped.
    """
    for what, x in given:
        is_mask = what == "where" and isinstance(x, np.ma.MaskedArray)
        if holds_masked(x) and not is_mask:
            instead = "what takes part as where, and " if takes_where else ""
            raise TypeError(f"{name}: {what} is a masked array: give {instead}{what} filled")


def align_labels(name, args, kwargs):
    """The arguments of a call; those of pandas that lie over the pixels in the order of the predictions'
    labels.
    """
    positional = dict(zip(("predictions", "targets"), args, strict=False))
    given = {**positional, **kwargs}
    laid = {what: given[what] for what in ("predictions", "targets", "where") if what in given}
    laid = dict(zip(laid, align({"dims": ""}, list(laid.values()), name), strict=True))
    args = [*(laid[what] for what in positional), *args[len(positional) :]]
    kwargs = {what: laid.get(what, x) for what, x in kwargs.items()}
    return args, kwargs


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
        for word in kwargs:
            if word not in names:
                raise TypeError(f"{full}() got an unexpected keyword argument '{word}'")
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
        f.__module__ = "ufloss"
        f.__name__ = full.rpartition(".")[2]
        f.__qualname__ = full
        f.__signature__ = inspect.Signature(parameters)
    loss.grad = grad
    loss.value_and_grad = value_and_grad
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
    if grad is not None:
        grad = grad.reshape(np.shape(predictions))
    return value, grad


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
