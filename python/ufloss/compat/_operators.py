"""MXNet's operators that losses are written with, on NumPy arrays: the `F` of ``hybrid_forward``.

Sums and means are the core's; comparisons give numbers, as MXNet's do; what is not here is NumPy's function of that name.
"""

import math
import sys

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

import ufloss as ul

from ._common import as_array, as_floats, as_real, divide, quiet, total
from ._common import cast as in_type


def __getattr__(name):
    if name in ("np", "npx"):
        return np if name == "np" else sys.modules[__name__]
    if name.startswith("_") or not callable(getattr(np, name, None)):
        raise AttributeError(f"there is no operator F.{name}")
    return getattr(np, name)


def axes_of(data, axis, exclude):
    """The axes to reduce, as a tuple, with `exclude` all others; no axis named means all, as in MXNet."""
    if axis is None or np.size(axis) == 0:
        return tuple(range(data.ndim))
    axes = normalize_axis_tuple(axis, data.ndim, "axis")
    return tuple(i for i in range(data.ndim) if i not in axes) if exclude else axes


def type_of(dtype):
    try:
        return np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        raise TypeError(f"dtype must be a type of NumPy's, not {dtype!r}") from None


def constant(name, value, dtype):
    """A number in that type; integers and bool do not take a fraction, nor what is out of their range."""
    dtype = type_of(dtype)
    if dtype.kind in "biu":
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        x = np.asarray(value).item()
        if not (least <= x <= most and x % 1 == 0):
            raise ValueError(f"{name} is {value}, which {dtype} does not have")
    return in_type(value, dtype)


def reduced(data, axis, keepdims, exclude, finish):
    """A sum in the type of the data after `finish`, which gets it in float64 and the number of terms."""
    data = as_real("data", data)
    axes = axes_of(data, axis, exclude)
    result = finish(total(data, axes), math.prod(data.shape[i] for i in axes))
    return in_type(np.expand_dims(result, axes) if keepdims else result, data.dtype)


def sum(data, axis=None, keepdims=False, exclude=False):
    """The sum over axes, or over all but these; integers are added up and True is counted in NumPy's wider type."""
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
    if ord not in (1, 2):
        raise ValueError(f"ord must be 1 or 2, not {ord!r}")
    data = as_floats(data, "data")
    x = abs(data.astype(float))
    return in_type(reduced(x if ord == 1 else x * x, axis, keepdims, False, lambda result, n: result if ord == 1 else np.sqrt(result)), data.dtype)


def relu(data):
    """The data where it is positive, else 0."""
    return np.maximum(data, np.asarray(data).dtype.type(0))


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
    if act_type not in known:
        raise ValueError(f"act_type must be one of {', '.join(known)}, not {act_type!r}")
    return known[act_type](data)


def softmax(data, axis=-1):
    """Softmax along an axis."""
    return ul.softmax(data, axis=axis)


def log_softmax(data, axis=-1):
    """Logarithm of the softmax along an axis."""
    return ul.log_softmax(data, axis=axis)


@quiet
def smooth_l1(data, scalar=1.0):
    """(scalar * data)**2 / 2 where abs(data) is below 1 / scalar**2, else abs(data) - 1 / (2 * scalar**2)."""
    data, beta = as_floats(data, "data"), 1 / np.square(np.asarray(scalar, float))
    if np.any(np.isinf(beta)):
        raise ValueError(f"scalar must not be 0, nor so small that 1 / scalar**2 overflows: {scalar!r}")
    if np.any(np.isinf(in_type(beta, data.dtype))):  # then float64 has it
        return in_type(ul.smooth_l1_loss(data.astype(float), 0.0, beta), data.dtype)
    return ul.smooth_l1_loss(data, 0.0, beta)


def pick(data, index, axis=-1, keepdims=False, mode="clip"):
    """The element of each row that an index names, without its fraction; one out of range is clipped, or wrapped."""
    if mode not in ("clip", "wrap"):
        raise ValueError(f"mode must be 'clip' or 'wrap', not {mode!r}")
    data, index = as_array("data", data), as_real("index", index)
    if np.any(np.isnan(index)) or (mode == "wrap" and np.any(np.isinf(index))):
        raise ValueError("index has NaN" if mode == "clip" else "index has NaN or infinities")
    n = data.shape[axis] or 1  # of no elements the first is out of bounds, which NumPy says
    index = index.astype({"f": np.float64, "u": np.uint64}.get(index.dtype.kind, np.int64))  # a narrow type may not have n
    index = (np.trunc(index) % n if mode == "wrap" else np.clip(index, 0, n - 1)).astype(np.int64)
    index = index if index.ndim == data.ndim else np.expand_dims(index, axis)
    picked = np.take_along_axis(data, index, axis)
    return picked if keepdims else np.squeeze(picked, axis)


def one_hot(indices, depth, on_value=1.0, off_value=0.0, dtype="float32"):
    """Rows with `on_value` at an index; none where it is out of range."""
    on_value, off_value = constant("on_value", on_value, dtype), constant("off_value", off_value, dtype)
    return np.where(np.asarray(indices)[..., None] == np.arange(depth), on_value, off_value)


def SequenceMask(data, sequence_length=None, use_sequence_length=False, value=0.0, axis=0):
    """The data with `value` beyond the length of each sequence; `axis` is that of time, 0 or 1, the other that of the batch."""
    data = as_array("data", data)
    if (sequence_length is not None) != bool(use_sequence_length):
        raise ValueError("sequence_length and use_sequence_length=True go together")
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1, not {axis!r}")
    if not use_sequence_length:
        return data
    used = np.arange(data.shape[axis])[:, None] < as_real("sequence_length", sequence_length)
    used = (used if axis == 0 else used.T).reshape(*data.shape[:2], *[1] * (data.ndim - 2))
    return np.where(used, data, constant("value", value, data.dtype))


def sequence_mask(data, sequence_length=None, use_sequence_length=False, value=0.0, axis=0):
    """`SequenceMask` as `npx` calls it."""
    return SequenceMask(data, sequence_length, use_sequence_length, value, axis)


def clip(data, a_min, a_max):
    """The data between two bounds."""
    return np.clip(data, a_min, a_max)


def concat(*data, dim=1):
    """Arrays one after the other along an axis."""
    return np.concatenate(data, axis=dim)


def stack(*data, axis=0):
    """Arrays as the slices of a new axis."""
    return np.stack(data, axis=axis)


def slice_axis(data, axis, begin, end):
    """A part of an axis."""
    data = np.asarray(data)
    return data[(slice(None),) * normalize_axis_index(axis, data.ndim, "axis") + (slice(begin, end),)]


def reshape(data, shape):
    """The data in another shape; of MXNet's special codes -1 alone, 0 for the length at that place."""
    data = np.asarray(data)
    if any(n < -1 for n in shape):
        raise ValueError(f"shape is {shape}: of the special codes only 0 and -1 are known")
    return data.reshape([data.shape[i] if n == 0 and data.size else n for i, n in enumerate(shape)])


def reshape_like(lhs, rhs):
    """The first in the shape of the second."""
    return np.reshape(lhs, np.shape(rhs))


def broadcast_like(lhs, rhs):
    """The first broadcast to the shape of the second."""
    return np.broadcast_to(lhs, np.shape(rhs))


def Cast(data, dtype):
    """The data in another type; what overflows is inf."""
    return in_type(data, type_of(dtype))


def stop_gradient(data):
    """The data."""
    return data


def compare(f):
    """A comparison that gives 0 and 1 in the type of what is compared."""
    return lambda lhs, rhs: f(lhs, rhs).astype(np.result_type(lhs, rhs))


cast = Cast
BlockGrad = identity = stop_gradient
SwapAxis = np.swapaxes
broadcast_add = broadcast_plus = elemwise_add = np.add
broadcast_sub = broadcast_minus = elemwise_sub = np.subtract
broadcast_mul = elemwise_mul = np.multiply
broadcast_div = elemwise_div = np.divide
broadcast_power, broadcast_maximum, broadcast_minimum = np.power, np.maximum, np.minimum
broadcast_equal, broadcast_not_equal = compare(np.equal), compare(np.not_equal)
broadcast_greater, broadcast_greater_equal = compare(np.greater), compare(np.greater_equal)
broadcast_lesser, broadcast_lesser_equal = compare(np.less), compare(np.less_equal)
broadcast_logical_and, broadcast_logical_or = compare(np.logical_and), compare(np.logical_or)
