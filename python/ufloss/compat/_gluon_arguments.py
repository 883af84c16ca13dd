"""Arguments of MXNet's losses: predictions and what must fit them, weights, classes."""

import math
import numbers

import numpy as np

from ufloss._broadcast import normalize_axes

from ._common import as_real, cast, weigh


def number(name, x):
    if not isinstance(x, numbers.Real):
        raise ValueError(f"{name} must be a number, not {x!r}")
    return x


def single_axis(axis, ndim, what="axis"):
    return normalize_axes(axis, ndim, what=what, many=False)[0]


def reshape_like(name, x, pred, size_of="pred"):
    """An argument in the shape of the predictions, of which only the number of elements must agree; never
    wider than they are.
    """
    x = as_real(name, x)
    if x.size != pred.size:
        raise ValueError(
            f"{name} of shape {x.shape} does not have as many elements as {size_of} of shape {pred.shape}"
        )
    if x.dtype.kind == "f":
        x = np.asarray(cast(x, pred.dtype))
    return x.reshape(pred.shape)


def spread(name, weight, shape):
    """A weight in float64, broadcast to the shape of what it weighs."""
    weight = as_real(name, weight).astype(float)
    try:
        return np.broadcast_to(weight, shape)
    except ValueError:
        raise ValueError(f"{name} of shape {weight.shape} does not broadcast to {shape}") from None


def product(weights, factor):
    """Weights times a factor of all losses: 0 where one of them is, whatever the other."""
    if weights is None:
        return factor
    if factor and math.isfinite(factor):
        return weights * factor
    return weigh(np.array(weights), factor)


def as_classes(label, classes, counts):
    """Labels clipped into the classes, as MXNet's pick does; 0 where a label does not count, whatever
    it is.
    """
    if not np.all(counts):
        label = np.where(counts, label, 0)
    if label.dtype.kind == "f":
        if np.isnan(label).any():
            raise ValueError("label has NaN")
        label = label.astype(float)
    return np.clip(label, 0, classes - 1).astype(np.int64)
