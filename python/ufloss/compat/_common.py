"""What the three modules share: inputs as arrays, sums, checked lengths, and CTC labels with the blank among them."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

import ufloss as ul
from ufloss import _core

WEIGHTED_SUM = _core.make_sum(_core.choose_isa())
quiet = np.errstate(all="ignore")  # decorates what the modules offer: NaN and infinities tell the story, nothing warns


def as_array(name, x):
    """A plain array: of a series its values by position, of a matrix two axes that are multiplied by elements.

    A mask would be lost, so that what has masked elements is refused.
    """
    for part in x if isinstance(x, list | tuple) else (x,):
        if isinstance(part, np.ma.MaskedArray) and np.any(np.ma.getmaskarray(part)):
            raise TypeError(f"{name} has masked elements, which have no meaning here: fill them or leave them out")
    return np.asarray(x)


def as_real(name, x):
    """An array of real numbers."""
    x = as_array(name, x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, not {x.dtype}")
    return x


def as_floats(x, name="predictions"):
    """An array of floating point; integers become float64."""
    x = as_real(name, x)
    return x if x.dtype.kind == "f" else x.astype(float)


def operand(name, x):
    """An array of real numbers, or a number of Python's, which does not choose the type of a result."""
    return x if type(x) in (int, float) else as_real(name, x)


def cast(x, dtype):
    """An array in another type, or a scalar where it has no axes; what overflows is inf and does not warn."""
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(dtype, copy=False)[()]


def widen(x):
    """An array in the type that losses are computed in: float32 for float16, whose sums and terms leave its range."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def total(values, axis=None, weights=None):
    """The sum over axes, in float64 and in an order that only the shape decides, never the memory.

    Weights broadcast to the values; what weighs 0 is not looked at.
    """
    axes = normalize_axis_tuple(range(values.ndim) if axis is None else axis, values.ndim, "axis")
    others = tuple(i for i in range(values.ndim) if i not in axes)
    shape, n = tuple(values.shape[i] for i in others), math.prod(values.shape[i] for i in axes)
    if n == 1 and weights is None:
        return values.reshape(shape).astype(float)
    weights = np.float64(1) if weights is None else weights.astype(float, copy=False)
    operands = [np.broadcast_to(a, values.shape).transpose(*others, *axes) for a in (values, weights, np.True_ if np.all(weights) else weights != 0)]
    operands = [a.reshape(math.prod(shape), n) for a in operands]
    result, step = np.empty(len(operands[0])), 64 if n < 2**16 else 16
    if n > 256 and operands[0].strides[1] > operands[0].strides[0] > 0:  # columns of rows: a few rows' ends at a time stay in the cache
        for i in range(0, len(result), step):
            block, *rest = (a[i : i + step] for a in operands)
            result[i : i + step] = WEIGHTED_SUM(np.ascontiguousarray(block.T).T, *rest)[0]
    else:
        result[:] = WEIGHTED_SUM(*operands)[0]
    return result.reshape(shape)


def total_of(loss, args, over=None, weights=None, **options):
    """The sum of a loss over axes of its values, in float64; options are those of the loss."""
    values = np.asarray(loss(*args, **options))
    result = total(values, over, weights)
    if values.dtype != np.float64 and np.isinf(result).any():  # one loss may leave the range of a type that the mean does not leave
        result = total(np.asarray(loss(*args, dtype=float, **options)), over, weights)
    return result


def divide(x, by):
    """A quotient in float64; NaN, not a warning, where both are 0."""
    with np.errstate(all="ignore"):
        return np.asarray(x, float) / by


def weigh(x, weights):
    """An array of one's own times weights, in place: 0 where the weight is 0, whatever is weighed; None weighs 1."""
    x = np.asarray(x)
    if weights is None:
        return x
    with np.errstate(all="ignore"):
        if np.ndim(weights):
            np.multiply(x, weights, out=x, casting="same_kind")  # in float64
        else:
            np.multiply(x, x.dtype.type(weights), out=x)
    if not np.all(weights):
        np.copyto(x, 0, where=np.equal(weights, 0))
    return x


def slope_of(grad, args, weights=None, **options):
    """A gradient times weights."""
    result = weigh(np.asarray(grad(*args, **options)), weights)
    if result.dtype != np.float64 and np.isinf(result).any():  # as in `total_of`
        result = cast(weigh(np.asarray(grad(*args, dtype=float, **options)), weights), result.dtype)
    return result


def as_lengths(name, lengths, shape, limit):
    """Lengths as int64 of one shape, between 0 and a limit."""
    lengths = as_real(name, lengths)
    whole = lengths.astype(np.int64)
    if lengths.shape != shape:
        raise ValueError(f"{name} has shape {lengths.shape}, not {shape}")
    if np.any(whole != lengths) or np.any(whole < 0) or np.any(whole > limit):
        raise ValueError(f"{name} must be integers between 0 and {limit}")
    return whole


def as_labels(name, labels, used):
    """Labels as int64, given as integers or as floating-point numbers; 0 where they are not used."""
    labels = as_real(name, labels)
    with np.errstate(invalid="ignore"):  # NaN as a padding
        whole = labels.astype(np.int64)
    if np.any(used & (whole != labels)):
        raise ValueError(f"{name} must be integers")
    return np.where(used, whole, 0)


class BlankApart:
    """A CTC problem without the blank inside its labels, which `ufloss.ctc` refuses and the three systems take as a symbol like others.

    The symbol becomes a class of its own, whose score is a copy of the blank's, in those sequences that have it; -inf in
    others, whose results keep their bits.
    """

    def __init__(self, scores, labels, used, blank):
        classes = scores.shape[-1]
        blank = blank + classes if -classes <= blank < 0 else blank
        inside = used & (labels == blank)
        self.scores, self.labels, self.blank = scores, labels, blank
        self.needed = bool(inside.any()) and 0 <= blank < classes  # the core says what is wrong with another blank
        if self.needed:
            copy = np.where(inside.any(-1)[:, None, None], scores[..., self.blank, None], -np.inf)
            self.scores, self.labels = np.concatenate([scores, copy], -1), np.where(inside, classes, labels)

    def surplus(self, taken):
        """Logarithm of 1 + p(blank), by which the copy enlarges the denominator of each frame's softmax; 0 in frames not taken."""
        if not self.needed:
            return np.zeros(taken.shape, self.scores.dtype)
        return np.where(taken, -np.log1p(-ul.softmax(self.scores)[..., -1]), self.scores.dtype.type(0))

    def gradient(self, slope, scores, taken):
        """The gradient with respect to the scores of a softmax, from the one with respect to `self.scores`."""
        if not self.needed:
            return slope
        # Both are softmax minus occupancy; the blank's own occupancy is that of the two classes together.
        occupied = ul.softmax(self.scores) - slope
        occupied[..., self.blank] += occupied[..., -1]
        return np.where(taken[..., None], ul.softmax(scores) - occupied[..., :-1], 0)
