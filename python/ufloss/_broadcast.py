"""Shapes and axes: NumPy's own functions with the names of the caller, and for arrays of up to 64 axes."""

from itertools import zip_longest

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple


def normalize_axes(axis, ndim, name="", what="axis", many=True):
    """Axes as a tuple of numbers from 0; what is none is refused with the names of the function and of the
    argument.
    """
    prefix = name and f"{name}: "
    try:
        return normalize_axis_tuple(
            axis if many else (axis,), ndim, name or None if what == "axis" else prefix + what
        )
    except OverflowError:
        raise np.exceptions.AxisError(
            f"{prefix}{what} {axis!r} is out of bounds for an array of {ndim} axes"
        ) from None
    except TypeError:
        raise TypeError(f"{prefix}{what} must be an int{' or a tuple of int' * many}, not {axis!r}") from None
    except np.exceptions.AxisError:
        raise
    except ValueError:
        raise ValueError(f"{prefix}{what} {axis!r} names an axis twice") from None


def as_flag(value, what, name):
    """A bool, of NumPy's or Python's, or 0 or 1, which sums of NumPy take for one."""
    if not isinstance(value, bool | np.bool_ | int | np.integer):
        raise TypeError(f"{name}(): {what} must be a bool, not {value!r}")
    return bool(value)


def broadcast_shapes(*shapes):
    """np.broadcast_shapes, which stops at 32 axes, where arrays may have 64."""
    if max(map(len, shapes), default=0) <= 32:
        return np.broadcast_shapes(*shapes)
    found = []
    for lengths in zip_longest(*[shape[::-1] for shape in shapes], fillvalue=1):
        others = {n for n in lengths if n != 1}
        if len(others) > 1:
            raise ValueError("shape mismatch: objects cannot be broadcast to a single shape")
        found.append(others.pop() if others else 1)
    return tuple(found[::-1])


def common_shape(shapes, name):
    """The shape that arrays broadcast to, and an error that names the function."""
    if len(arrays := {s for s in shapes if s}) == 1:  # NumPy takes ten times as long
        return arrays.pop()
    try:
        return broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(f"{name}: {why_not_together(shapes, shapes)}") from None


def why_not_together(shapes, given):
    """What to say of shapes that broadcast_shapes() refuses; `given`: as the caller knows them."""
    given = " ".join(map(str, given))
    by_axis = zip_longest(*[shape[::-1] for shape in shapes], fillvalue=1)
    if all(len({n for n in lengths if n != 1}) <= 1 for lengths in by_axis):
        return f"shapes {given} broadcast to more elements than an array may have"
    return f"operands could not be broadcast together with shapes {given}"


def broadcast(a, shape):
    """A view, for which NumPy takes as long as for adding up thousands of numbers; the array itself where
    that will do.
    """
    return a if a.shape == shape else np.broadcast_to(a, shape, subok=True)
