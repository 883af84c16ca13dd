"""Arguments of optax's losses: predictions, masks, labels, and names that are deprecated."""

import contextlib
import functools
import math
import warnings

import numpy as np

from ufloss._broadcast import normalize_axes

from ._common import as_array, operand


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


def operands(**given):
    """Arguments as arrays of real numbers, or numbers of Python's, by name."""
    return [operand(name, x) for name, x in given.items()]


def elementwise_mask(where, *arrays):
    """A mask that lies over the elements whatever its rank, as in optax's sums."""
    where = or_true(where)
    ndim = max(map(np.ndim, arrays))
    if where is True or where.ndim >= ndim:
        return where
    return where.reshape((1,) * (ndim - where.ndim) + where.shape)


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
    if where.ndim != ndim:
        where = np.expand_dims(where, axis)
    return np.any(where, axis)


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


def classes_last(logits, axis, name):
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
