"""MXNet's operators that losses are written with, on NumPy arrays: the `F` of ``hybrid_forward``.

Sums and means are the core's; comparisons give numbers, as MXNet's do; what is not here is NumPy's function
of that name.
"""

import math
import operator
import sys

import numpy as np

import ufloss as ul
from ufloss._broadcast import normalize_axes
from ufloss._errors import choose

from ._common import as_array, as_floats, as_real, divide, operand, quiet, total
from ._common import cast as in_type


def __getattr__(name):
    if name in ("np", "npx"):
        return np if name == "np" else sys.modules[__name__]
    if name.startswith("_") or not callable(getattr(np, name, None)):
        raise AttributeError(f"there is no operator F.{name}")
    return getattr(np, name)


def axes_of(data, axis, exclude):
    """The axes to reduce, as a tuple, with `exclude` all others; no axis named means all, as in MXNet."""
    axes = () if axis is None else normalize_axes(axis, data.ndim)
    if not axes:
        return tuple(range(data.ndim))
    return tuple(i for i in range(data.ndim) if i not in axes) if exclude else axes


def type_of(dtype):
    try:
        return np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        raise TypeError(f"dtype must be a type of NumPy's, not {dtype!r}") from None


def constant(name, value, dtype):
    """A number in that type; integers and bool do not take a fraction, nor what is out of their range."""
    # an int may be beyond NumPy's
    dtype, x = type_of(dtype), value if type(value) is int else as_real(name, value)
    if np.size(x) != 1:
        raise ValueError(f"{name} must be a number, not of shape {x.shape}")
    x = x if type(x) is int else x.item()
    if dtype.kind in "biu":
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if not (least <= x <= most and x % 1 == 0):
            raise ValueError(f"{name} is {value}, which {dtype} does not have")
    return in_type(x, dtype)


def reduced(data, axis, keepdims, exclude, finish):
    """A sum in the type of the data after `finish`, which gets it in float64 and the number of terms."""
    data = as_real("data", data)
    axes = axes_of(data, axis, exclude)
    result = finish(total(data, axes), math.prod(data.shape[i] for i in axes))
    return in_type(np.expand_dims(result, axes) if keepdims else result, data.dtype)


def sum(data, axis=None, keepdims=False, exclude=False):
    """The sum over axes, or over all but these; integers are added up and True is counted in NumPy's wider
    type.
    """
    data = as_real("data", data)
    if data.dtype.kind != "f":
        return np.sum(data, axis=axes_of(data, axis, exclude), keepdims=keepdims)
    return reduced(data, axis, keepdims, exclude, lambda result, n: result)


def mean(data, axis=None, keepdims=False, exclude=False):
    """The mean over axes, or over all but these."""
    return reduced(as_floats(data, "data"), axis, keepdims, exclude, divide)


def max(data, axis=None, keepdims=False, exclude=False):
    """The largest element over axes, or over all but these."""
    data = as_real("data", data)
    return np.max(data, axis=axes_of(data, axis, exclude), keepdims=keepdims)


def min(data, axis=None, keepdims=False, exclude=False):
    """The least element over axes, or over all but these."""
    data = as_real("data", data)
    return np.min(data, axis=axes_of(data, axis, exclude), keepdims=keepdims)


@quiet
def norm(data, ord=2, axis=None, keepdims=False):
    """The sum of absolute values for `ord` 1, or the root of the sum of squares for 2, over axes."""
    ord = choose("ord", ord, (1, 2))
    data = as_floats(data, "data")
    x = abs(data.astype(float))
    return in_type(
        reduced(
            x if ord == 1 else x * x,
            axis,
            keepdims,
            False,
            lambda result, n: result if ord == 1 else np.sqrt(result),
        ),
        data.dtype,
    )


def relu(data):
    """The data where it is positive, else 0."""
    data = as_real("data", data)
    return np.maximum(data, data.dtype.type(0))


def softrelu(data):
    """log(1 + exp(data))."""
    return ul.sigmoid_binary_cross_entropy(data, 0)


def sigmoid(data):
    """1 / (1 + exp(-data))."""
    return ul.sigmoid_binary_cross_entropy.grad(data, 0)


def tanh(data):
    """The hyperbolic tangent; integers count as float64, as in the other activations."""
    return np.tanh(as_floats(data, "data"))


@quiet
def softsign(data):
    """data / (1 + abs(data)), of infinities the limit."""
    data = as_floats(data, "data")
    return np.where(np.isinf(data), np.sign(data), data / (1 + abs(data)))[()]


def Activation(data, act_type):
    """An activation by its name."""
    known = {"relu": relu, "sigmoid": sigmoid, "softrelu": softrelu, "tanh": tanh, "softsign": softsign}
    return known[choose("act_type", act_type, tuple(known))](data)


def softmax(data, axis=-1):
    """Softmax along an axis."""
    return ul.softmax(data, axis=axis)


def log_softmax(data, axis=-1):
    """Logarithm of the softmax along an axis."""
    return ul.log_softmax(data, axis=axis)


@quiet
def smooth_l1(data, scalar=1.0):
    """(scalar * data)**2 / 2 where abs(data) is below 1 / scalar**2, else abs(data) - 1 / (2 * scalar**2)."""
    data, beta = as_floats(data, "data"), 1 / np.square(as_real("scalar", scalar).astype(float))
    if np.any(np.isinf(beta)):
        raise ValueError(f"scalar must not be 0, nor so small that 1 / scalar**2 overflows: {scalar!r}")
    if np.any(np.isinf(in_type(beta, data.dtype))):  # then float64 has it
        return in_type(ul.smooth_l1_loss(data.astype(float), 0.0, beta), data.dtype)
    return ul.smooth_l1_loss(data, 0.0, beta)


def pick(data, index, axis=-1, keepdims=False, mode="clip"):
    """The element of each row that an index names, without its fraction; one out of range is clipped, or
    wrapped.
    """
    mode = choose("mode", mode, ("clip", "wrap"))
    data, index = as_array("data", data), as_real("index", index)
    if np.any(np.isnan(index)) or (mode == "wrap" and np.any(np.isinf(index))):
        raise ValueError("index has NaN" if mode == "clip" else "index has NaN or infinities")
    (axis,) = normalize_axes(axis, data.ndim, many=False)
    rest, given = (*data.shape[:axis], 1, *data.shape[axis + 1 :]), index.shape
    laid = given if index.ndim == data.ndim else (*given[:axis], 1, *given[axis:])
    fits = len(laid) == data.ndim and (keepdims or laid[axis] == 1)
    if not fits or any(m != k and 1 not in (m, k) for m, k in zip(laid, rest, strict=True)):
        raise ValueError(
            f"index of shape {given} does not fit data of shape {data.shape} without axis {axis}"
        )
    n = data.shape[axis] or 1  # of no elements the first is out of bounds, which NumPy says
    # a narrow type may not have n
    index = index.astype({"f": np.float64, "u": np.uint64}.get(index.dtype.kind, np.int64))
    index = (np.trunc(index) % n if mode == "wrap" else np.clip(index, 0, n - 1)).astype(np.int64)
    picked = np.take_along_axis(data, index.reshape(laid), axis)
    return picked if keepdims else np.squeeze(picked, axis)


def one_hot(indices, depth, on_value=1.0, off_value=0.0, dtype="float32"):
    """Rows with `on_value` at an index; none where it is out of range."""
    on_value, off_value = constant("on_value", on_value, dtype), constant("off_value", off_value, dtype)
    depth = constant("depth", depth, int)
    return np.where(as_real("indices", indices)[..., None] == np.arange(depth), on_value, off_value)


def SequenceMask(data, sequence_length=None, use_sequence_length=False, value=0.0, axis=0):
    """The data with `value` beyond the length of each sequence; `axis` is that of time, 0 or 1, the other
    that of the batch.
    """
    data = as_array("data", data)
    use_sequence_length = choose("use_sequence_length", use_sequence_length, (False, True))
    if (sequence_length is not None) != use_sequence_length:
        raise ValueError("sequence_length and use_sequence_length=True go together")
    axis = choose("axis", axis, (0, 1))
    if not use_sequence_length:
        return data
    if data.ndim < 2:
        raise ValueError(f"data of shape {data.shape} has no axes of time and batch")
    lengths = as_real("sequence_length", sequence_length)
    if lengths.shape != data.shape[1 - axis : 2 - axis]:
        raise ValueError(f"sequence_length has shape {lengths.shape}, not {data.shape[1 - axis : 2 - axis]}")
    used = np.arange(data.shape[axis])[:, None] < lengths
    used = (used if axis == 0 else used.T).reshape(*data.shape[:2], *[1] * (data.ndim - 2))
    return np.where(used, data, constant("value", value, data.dtype))


def sequence_mask(data, sequence_length=None, use_sequence_length=False, value=0.0, axis=0):
    """`SequenceMask` as `npx` calls it."""
    return SequenceMask(data, sequence_length, use_sequence_length, value, axis)


def clip(data, a_min, a_max):
    """The data between two bounds."""
    bounds = [x if x is None else operand(name, x) for name, x in (("a_min", a_min), ("a_max", a_max))]
    return np.clip(as_real("data", data), *bounds)


def arrays_of(data):
    if not data:
        raise ValueError("there is no data")
    return [as_array(f"data[{i}]", x) for i, x in enumerate(data)]


def whole(name, x):
    """A whole number of Python's."""
    try:
        return operator.index(x)
    except TypeError:
        raise TypeError(f"{name} must be an int, not {x!r}") from None


def concat(*data, dim=1):
    """Arrays one after the other along an axis."""
    data = arrays_of(data)
    return np.concatenate(data, axis=normalize_axes(dim, data[0].ndim, what="dim", many=False)[0])


def stack(*data, axis=0):
    """Arrays as the slices of a new axis."""
    data = arrays_of(data)
    return np.stack(data, axis=normalize_axes(axis, data[0].ndim + 1, many=False)[0])


def slice_axis(data, axis, begin, end):
    """A part of an axis."""
    data = as_array("data", data)
    begin, end = (x if x is None else whole(name, x) for name, x in (("begin", begin), ("end", end)))
    return data[(slice(None),) * normalize_axes(axis, data.ndim, many=False)[0] + (slice(begin, end),)]


def reshape(data, shape):
    """The data in another shape; of MXNet's special codes -1 alone, 0 for the length at that place."""
    data = as_array("data", data)
    if not np.iterable(shape):
        raise TypeError(f"shape must be a tuple of int, not {shape!r}")
    shape = tuple(whole("each number of shape", n) for n in shape)
    if any(n < -1 for n in shape):
        raise ValueError(f"shape is {shape}: of the special codes only 0 and -1 are known")
    if data.size and 0 in shape[data.ndim :]:
        raise ValueError(
            f"shape is {shape}: data of shape {data.shape} have no length at the place of the last 0"
        )
    return data.reshape([data.shape[i] if n == 0 and data.size else n for i, n in enumerate(shape)])


def reshape_like(lhs, rhs):
    """The first in the shape of the second."""
    return np.reshape(lhs, np.shape(rhs))


def broadcast_like(lhs, rhs):
    """The first broadcast to the shape of the second."""
    lhs, rhs = as_array("lhs", lhs), as_array("rhs", rhs)
    try:
        return np.broadcast_to(lhs, rhs.shape)
    except ValueError:
        raise ValueError(f"lhs of shape {lhs.shape} does not broadcast to that of rhs, {rhs.shape}") from None


def Cast(data, dtype):
    """The data in another type; what overflows is inf."""
    return in_type(data, type_of(dtype))


def SwapAxis(data, dim1=0, dim2=0):
    """The data with two axes exchanged."""
    data = as_array("data", data)
    axes = (
        normalize_axes(axis, data.ndim, what=name, many=False)[0]
        for name, axis in (("dim1", dim1), ("dim2", dim2))
    )
    return np.swapaxes(data, *axes)


def stop_gradient(data):
    """The data."""
    return data


def binary(f):
    """A function of two arrays, or of what becomes one."""

    @quiet
    def of_arrays(lhs, rhs):
        return f(operand("lhs", lhs), operand("rhs", rhs))

    of_arrays.__doc__ = f"`numpy.{f.__name__}` of two arrays." if isinstance(f, np.ufunc) else f.__doc__
    return of_arrays


def compare(f):
    """A comparison that gives 0 and 1 in the type of what is compared."""

    def as_numbers(lhs, rhs):
        return f(lhs, rhs).astype(np.result_type(lhs, rhs))

    as_numbers.__doc__ = f"`numpy.{f.__name__}` of two arrays, as 0 and 1 in their type."
    return binary(as_numbers)


cast = Cast
BlockGrad = identity = stop_gradient
broadcast_add = broadcast_plus = elemwise_add = binary(np.add)
broadcast_sub = broadcast_minus = elemwise_sub = binary(np.subtract)
broadcast_mul = elemwise_mul = binary(np.multiply)
broadcast_div = elemwise_div = binary(np.divide)
broadcast_power = binary(np.power)
broadcast_maximum, broadcast_minimum = binary(np.maximum), binary(np.minimum)
broadcast_equal, broadcast_not_equal = compare(np.equal), compare(np.not_equal)
broadcast_greater, broadcast_greater_equal = compare(np.greater), compare(np.greater_equal)
broadcast_lesser, broadcast_lesser_equal = compare(np.less), compare(np.less_equal)
broadcast_logical_and, broadcast_logical_or = compare(np.logical_and), compare(np.logical_or)
