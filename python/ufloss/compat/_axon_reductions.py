"""Axon's pairs of targets and predictions, and the reductions of what they cost."""

import collections.abc

import numpy as np

from ._common import as_array, as_floats, as_real, cast, divide, operand, total, total_of, widen

REDUCTIONS = ("none", "mean", "sum")


def pair(y_true, y_pred, name="y_pred"):
    """Both in the type in which losses are computed and in one shape; and the type of the result."""
    y_true = operand("y_true", y_true)
    y_pred = as_floats(y_pred, name)
    floating = np.asarray(y_true).dtype.kind == "f"
    dtype = np.result_type(y_pred, y_true) if floating else y_pred.dtype
    y_pred = widen(cast(y_pred, dtype))
    y_true = cast(y_true, y_pred.dtype) if floating else np.asarray(y_true)
    try:
        y_true, y_pred = np.broadcast_arrays(y_true, y_pred)
    except ValueError:
        raise ValueError(
            f"y_true of shape {y_true.shape} and {name} of shape {y_pred.shape} do not broadcast"
        ) from None
    return y_true, y_pred, dtype


def two_of(name, x, what):
    """A pair of arrays, of a sequence, an array or an iterator; mappings and sets, which would be read by
    their keys, are none.
    """
    try:
        if isinstance(x, collections.abc.Mapping | collections.abc.Set | str | bytes):
            raise TypeError
        first, second = as_array(name, x) if hasattr(x, "__array__") else x
    except (TypeError, ValueError):
        given = ""
        if isinstance(x, list | tuple):
            given = f" of {len(x)}"
        elif hasattr(x, "__array__"):
            given = f" of shape {np.shape(x)}"
        raise ValueError(f"{name} must be a pair of {what}, not {type(x).__name__}{given}") from None
    return first, second


def number(name, x):
    x = as_real(name, x)
    if x.size != 1:
        raise ValueError(f"{name} must be a number, not of shape {x.shape}")
    return float(x.reshape(()))


def reduce(loss, reduction, dtype):
    """What is asked for of losses that are not rounded yet."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not {reduction!r}")
    loss = np.asarray(loss)
    if reduction == "none":
        return cast(loss, dtype)
    result = total(loss)
    if reduction == "mean":
        result = divide(result, loss.size)
    return cast(result, dtype)


def mean_of(loss, args):
    """The mean of losses over the last axis of predictions, not rounded."""
    if not args[0].ndim:
        raise ValueError("y_true and y_pred have no axis to average over")
    return divide(total_of(loss, args, -1), args[0].shape[-1])


def mean_last(loss, y_true, y_pred, reduction, *options):
    """The mean over the last axis, then the reduction."""
    y_true, y_pred, dtype = pair(y_true, y_pred)
    return reduce(mean_of(loss, (y_pred, y_true, *options)), reduction, dtype)


def each(loss, y_true, y_pred, reduction, *options, **keywords):
    """The losses themselves, then the reduction."""
    y_true, y_pred, dtype = pair(y_true, y_pred)
    return reduce(loss(y_pred, y_true, *options, **keywords), reduction, dtype)
