"""What the three modules share: inputs as arrays, sums, checked lengths, and CTC labels with the blank among
them.
"""

import functools
import math
import operator
import re
import types

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

import ufloss as ul
from ufloss._ctc_paddings import whole_labels
from ufloss._masks import holds_masked
from ufloss._records import make_helper
from ufloss._reduce import everywhere

WEIGHTED_SUM = make_helper("weighted_sum")


def quiet(function):
    """Decorates what the modules offer: NaN and infinities tell the story, nothing warns; an error names what
    was called.

    That is a function, or the class of a loss of this package and its method. To what a derived class raises
    nothing is added.
    """
    is_method = "." in function.__qualname__

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            with np.errstate(all="ignore"):
                return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            name = function.__name__
            if is_method:
                name = type(args[0]).__name__ + ("" if name in ("__call__", "__init__") else f".{name}")
            own = not is_method or type(args[0]).__module__.startswith(f"{__package__}.")
            # others are made from more than a text
            known = type(error) in (TypeError, ValueError, np.exceptions.AxisError)
            if not own or not known or re.search(rf"\b{name}\b", str(error)):
                raise
            raise type(error)(f"{name}: {error}").with_traceback(error.__traceback__) from None

    return call


def adopt(namespace):
    """Makes what a public module has from the private ones named after it that module's own, by whose name it
    is pickled and looked up.
    """
    module = namespace["__name__"]
    _, _, stem = module.rpartition(".")
    private = f"{__package__}._{stem}_"

    def claim(x):
        if isinstance(x, property):
            x = x.fget
        if not isinstance(x, type | types.FunctionType) or not x.__module__.startswith(private):
            return
        x.__module__ = module
        # methods and bases of a class; of a decorated function, what is within
        for part in [*vars(x).values(), *getattr(x, "__bases__", ())]:
            claim(part)

    for x in tuple(namespace.values()):
        claim(x)


def hides(x):
    """Does a mask hide elements of an array, or of an array within lists?"""
    if not holds_masked(x):
        return False
    if isinstance(x, list | tuple):
        return any(map(hides, x))
    return bool(np.any(np.ma.getmaskarray(x)))


def as_array(name, x):
    """A plain array in the machine's order of bytes: of a series its values by position, of a matrix two axes
    that are multiplied by elements.

    A mask would be lost, so that what has masked elements is refused.
    """
    if hides(x):
        raise TypeError(
            f"{name} has masked elements, which have no meaning here: fill them or leave them out"
        )
    try:
        x = np.asarray(x)
    except ValueError as error:  # rows of several lengths
        raise ValueError(f"{name} is no array: {error}") from None
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def as_real(name, x):
    """An array of real numbers."""
    x = as_array(name, x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, not {x.dtype}")
    return x


def as_floats(x, name):
    """An array of floating point; integers become float64."""
    x = as_real(name, x)
    return x if x.dtype.kind == "f" else x.astype(float)


def as_integers(name, x):
    """An array of integers, given as such or as floating-point numbers that others check; as in the core bool
    is none.
    """
    x = as_real(name, x)
    if x.dtype == np.bool_:
        raise TypeError(f"{name} must be integers, not bool")
    return x


def operand(name, x):
    """An array of real numbers, or a number of Python's, which does not choose the type of a result."""
    return x if type(x) in (int, float) else as_real(name, x)


def cast(x, dtype):
    """An array in another type, or a scalar where it has no axes; what overflows is inf and does not warn."""
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(dtype, copy=False)[()]


def widen(x):
    """An array in the type that losses are computed in: float32 for float16, whose sums and terms leave its
    range.
    """
    return x.astype(np.float32) if x.dtype == np.float16 else x


def add_short(values, weights):
    """What WEIGHTED_SUM gives for rows of at most 16 numbers, to the bit: it takes longer to begin a row than
    to add it up.
    """
    terms = values if weights is None else values * weights
    lanes = [terms[:, i] + 0.0 for i in range(terms.shape[1])]
    for step in (8, 4, 2, 1):
        for i in range(len(lanes) - step):
            lanes[i] = lanes[i] + lanes[i + step]
        del lanes[step:]
    return lanes[0]


def total(values, axis=None, weights=None):
    """The sum over axes, in float64 and in an order that only the shape decides, never the memory.

    Weights broadcast to the values; what weighs 0 is not looked at.
    """
    if axis is None or values.ndim == 1:
        every = range(values.ndim)
        axes, others = ((), every) if axis == () else (every, ())
    else:
        axes = normalize_axis_tuple(axis, values.ndim, "axis")
        others = [i for i in range(values.ndim) if i not in axes]
    shape = tuple(values.shape[i] for i in others)
    size = math.prod(shape)
    n = math.prod(values.shape[i] for i in axes)

    def lay(a):
        return (a if not others or not axes else a.transpose(*others, *axes)).reshape(size, n)

    x = lay(values)
    by = None
    kept = everywhere(True, n)
    if weights is not None:
        weights = weights.astype(float, copy=False)
        by = lay(np.broadcast_to(weights, values.shape))
        kept = kept if np.all(weights) else lay(np.broadcast_to(weights != 0, values.shape))
    if 0 < n <= 16 and size > 16 and x.dtype != np.float16 and kept.ndim == 1:
        return add_short(x.astype(float, copy=False), by).reshape(shape)
    by = everywhere(1.0, n) if by is None else by
    if n <= 256 or not x.strides[1] > x.strides[0] > 0:
        return WEIGHTED_SUM(x, by, kept)[0].reshape(shape)
    result = np.empty(size)
    step = 64 if n < 2**16 else 16
    # of rows that lie across the memory a few, side by side, stay in the cache
    for i in range(0, size, step):
        of = [a if a.ndim == 1 else a[i : i + step] for a in (by, kept)]
        result[i : i + step] = WEIGHTED_SUM(np.ascontiguousarray(x[i : i + step].T).T, *of)[0]
    return result.reshape(shape)


def pull(slopes, ends, starts):
    """The sums of slopes[i, j] * (ends[j] - starts[i]) over j, for each number of a vector."""
    moved, weight = WEIGHTED_SUM(np.ascontiguousarray(ends.T), slopes[:, None], everywhere(True, len(ends)))
    return moved - starts * weight


def total_of(loss, args, over=None, weights=None, **options):
    """The sum of a loss over axes of its values, in float64; options are those of the loss."""
    values = np.asarray(loss(*args, **options))
    result = total(values, over, weights)
    # one loss may leave the range of a type that the mean does not leave
    if values.dtype != np.float64 and np.isinf(result).any():
        result = total(np.asarray(loss(*args, dtype=float, **options)), over, weights)
    return result


def divide(x, by):
    """A quotient in float64; NaN, not a warning, where both are 0."""
    with np.errstate(all="ignore"):
        return np.asarray(x, float) / by


def weigh(x, weights):
    """An array of one's own times weights, in place: 0 where the weight is 0, whatever is weighed; None
    weighs 1.
    """
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


def as_lengths(name, lengths, shape, limit, counts=True):
    """Lengths as int64 of one shape, between 0 and a limit; 0 where they do not count, whatever they are."""
    lengths = as_integers(name, lengths)
    if lengths.shape != shape:
        raise ValueError(f"{name} has shape {lengths.shape}, not {shape}")
    lengths = np.where(counts, lengths, 0)
    whole = lengths.astype(np.int64)
    if np.any(whole != lengths) or np.any(whole < 0) or np.any(whole > limit):
        raise ValueError(f"{name} must be integers between 0 and {limit}")
    return whole


def as_labels(name, labels, used, classes):
    """Labels as int64, given as integers or as floating-point numbers; 0 where they are not used."""
    return whole_labels(as_integers(name, labels), used, "", classes)


class BlankApart:
    """A CTC problem without the blank inside its labels, which `ufloss.ctc` refuses and the three systems
    take as a symbol like others.

    The symbol becomes a class of its own, whose score is a copy of the blank's, in those sequences that have
    it; -inf in others, whose results keep their bits.
    """

    def __init__(self, scores, labels, used, blank, name="blank"):
        classes = scores.shape[-1]
        value = as_array(name, blank)[()]
        try:
            blank = operator.index(None if isinstance(value, np.bool_) else value)
        except TypeError:
            raise TypeError(f"{name} must be an integer, not {blank!r}") from None
        blank = blank + classes if -classes <= blank < 0 else blank
        inside = used & (labels == blank)
        self.scores = scores
        self.labels = labels
        self.blank = blank
        # the core says what is wrong with another blank
        self.needed = bool(inside.any()) and 0 <= blank < classes
        if self.needed:
            copy = np.where(inside.any(-1)[:, None, None], scores[..., self.blank, None], -np.inf)
            self.scores = np.concatenate([scores, copy], -1)
            self.labels = np.where(inside, classes, labels)

    def surplus(self, taken):
        """Logarithm of 1 + p(blank), by which the copy enlarges the denominator of each frame's softmax; 0 in
        frames not taken.
        """
        if not self.needed:
            return np.zeros(taken.shape, self.scores.dtype)
        return np.where(taken, -np.log1p(-ul.softmax(self.scores)[..., -1]), self.scores.dtype.type(0))

    def gradient(self, slope, scores, taken):
        """The gradient with respect to the scores of a softmax, from the one with respect to
        `self.scores`.
        """
        if not self.needed:
            return slope
        # Both are softmax minus occupancy; the blank's own occupancy is that of the two classes together.
        occupied = ul.softmax(self.scores) - slope
        occupied[..., self.blank] += occupied[..., -1]
        return np.where(taken[..., None], ul.softmax(scores) - occupied[..., :-1], 0)
