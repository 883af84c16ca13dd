"""`loss.sum` and `loss.mean`: a loss and its weighted sum in one pass, a block at a time.

A block of values lies in a buffer that stays in the cache and is added up in float64, in an order that only
the shape decides; so nothing of the inputs' size is ever made.
"""

import math
from functools import lru_cache, reduce
from inspect import Parameter, Signature
from itertools import product

import numpy as np

from . import _core
from ._arguments import bind, check_output, outputs
from ._broadcast import broadcast, common_shape, normalize_axes
from ._labels import find_bad_label
from ._masks import check_mask, mask_of
from ._overrides import refuse_overrides
from ._records import ISA, make_helper, of_kind
from ._rows import Rows

BLOCK = 65536  # elements: with their operands they fit a second-level cache


@lru_cache(maxsize=64, typed=True)
def everywhere(value, shape):
    """A constant array of one element; made once, since broadcasting takes as long as adding up thousands of
    numbers.
    """
    return np.broadcast_to(np.array(value), shape)


def split_of(shape, limit):
    """The axis at which an array is cut into blocks of at most `limit` elements, and how many one step of it
    has.
    """
    for split in range(len(shape)):
        inner = math.prod(shape[split + 1 :])
        if inner <= limit:
            return split, inner
    return len(shape), 1


def blocks(shape, limit):
    """Slices that cut an array into blocks of at most `limit` elements (at least one step of an axis), in C
    order; none of an empty one.
    """
    if 0 in shape:
        return
    split, inner = split_of(shape, limit)
    if split == len(shape):
        yield ()
        return
    step = max(1, limit // max(1, inner))
    for outer in product(*map(range, shape[:split])):
        for i in range(0, shape[split], step):
            yield (
                *[slice(o, o + 1) for o in outer],
                slice(i, i + step),
                *[slice(None)] * (len(shape) - split - 1),
            )


def step_of(a, split):
    """The distance in bytes of neighbours along the axes from `split` on, taken together in C order; None: it
    is not the same everywhere.
    """
    step, expected = 0, None
    for n, stride in zip(reversed(a.shape[split:]), reversed(a.strides[split:]), strict=True):
        if n == 1:
            continue
        if expected is None:
            step = stride
        elif stride != expected:
            return None
        expected = stride * n
    return step


def size_of(block, shape):
    return tuple(n if s.stop is None else min(s.stop, n) - s.start for s, n in zip(block, shape, strict=True))


class Elements:
    """An elementwise loss: its values have the shape that its operands broadcast to."""

    def __init__(self, loss, name, inputs, kept, axis, where):
        self.loss, self.width = loss, 1
        self.shape = self.full = common_shape([np.shape(x) for x in inputs], name)
        self.inputs = [x if np.ndim(x) == 0 else broadcast(x, self.shape) for x in inputs]
        masks = [broadcast(a, self.shape) for a in kept if a is not None]
        self.mask = all_of(masks if where is True else [spread(where, self.shape, name, "where"), *masks])

    def lay(self, order):
        """Put the axes of all operands in that order."""
        self.inputs = [x if np.ndim(x) == 0 else x.transpose(order) for x in self.inputs]
        self.mask = None if self.mask is None else self.mask.transpose(order)

    def dtype(self, ufunc):
        kinds = {x.dtype for x in self.inputs if np.ndim(x)}
        # Numbers of Python have no say, nor have parameters, of the types that losses take.
        settled = all(
            np.ndim(x)
            or not hasattr(x, "dtype")
            or x.dtype in kinds
            or (a["role"] == "parameter" and x.dtype.kind in "biuf" and x.dtype.itemsize <= 8)
            for x, a in zip(self.inputs, self.loss["args"], strict=True)
        )
        if len(kinds) == 1 and settled and (kind := kinds.pop()).char in "efd":
            return kind.newbyteorder("=")  # the sums read numbers as the machine has them
        none = (slice(0, 0),) * len(self.shape)
        with np.errstate(all="ignore"):
            return ufunc(*[x if np.ndim(x) == 0 else x[none] for x in self.inputs]).dtype

    def lay_grad(self, grad, order):
        return grad.transpose(order)

    def keep(self, mask):
        """Let only those losses take part too."""
        self.mask = mask if self.mask is None else self.mask & mask

    def counts(self, block):
        return None if self.mask is None else self.mask[block]

    def evaluate(self, ufunc, block, out, dtype, kind):
        """A block computed in that type; None: that of the loss.  Parameters are rounded to the loss's type
        first, as the loss has them.
        """
        inputs = [x if np.ndim(x) == 0 else x[block] for x in self.inputs]
        words = {} if dtype is None else {"dtype": dtype}
        if dtype is not None:
            inputs = [np.asarray(x).astype(kind, copy=False) for x in inputs]
        ufunc(*inputs, out=out, where=True if self.mask is None else self.mask[block], **words)


class RowsOfLoss:
    """A loss over rows: its values have the shape of the batch, in front of the class axis once that is
    last.
    """

    def __init__(self, loss, name, inputs, kept, axis, where):
        along = [a["along"] for a in loss["args"]]
        rows = Rows(
            name,
            [np.asarray(x) for x, lies in zip(inputs, along, strict=True) if lies],
            axis,
            None if where is True else where,
        )
        self.shape = common_shape(
            [rows.batch, *[np.shape(x) for x, lies in zip(inputs, along, strict=True) if not lies]], name
        )
        whole = (*self.shape, rows.n)
        laid = [rows.lay(np.asarray(x)) if lies else x for x, lies in zip(inputs, along, strict=True)]
        self.inputs = [
            broadcast(x, whole if lies else self.shape) for x, lies in zip(laid, along, strict=True)
        ]
        masks = [
            rows.lay(m) if lies else m[..., None]
            for m, lies in zip(kept, along, strict=True)
            if m is not None
        ]
        mask = all_of(masks if rows.mask is None else [rows.mask, *masks])
        self.mask = None if mask is None else broadcast(mask, whole)
        self.along, self.width = along, max(1, rows.n)
        self.args = loss["args"]
        if self.shape != rows.batch:
            rows.place(self.shape)
        self.rows, self.full = rows, rows.full  # of the gradient
        self.weights = self.order = None
        self.look_for_label = lambda takes_part: find_bad_label(
            loss, loss["name"], [np.asarray(x) for x in inputs], axis, True, takes_part
        )

    def find_bad_label(self):
        """What is said of the first label that is no class, of a row that takes part and weighs something."""
        takes_part = None if self.mask is None else self.mask.any(axis=-1)
        if takes_part is not None and self.order is not None:
            takes_part = takes_part.transpose(np.argsort(self.order))
        if self.weights is not None:
            takes_part = (self.weights != 0) if takes_part is None else takes_part & (self.weights != 0)
        return self.look_for_label(takes_part)

    def lay(self, order):
        self.order = order
        rowwise = (*order, len(order))
        self.inputs = [
            x.transpose(rowwise if lies else order) for x, lies in zip(self.inputs, self.along, strict=True)
        ]
        self.mask = None if self.mask is None else self.mask.transpose(rowwise)

    def dtype(self, ufunc):
        none = (slice(0, 0),) * max(1, len(self.shape))
        # one row alone gets an axis, or it would be computed and its label asked for
        with np.errstate(all="ignore"):
            return ufunc(*[(x if self.shape else x[None])[none] for x in self.inputs]).dtype

    def lay_grad(self, grad, order):
        """A view of the gradient in the form of the rows, or None where several axes make one row."""
        return (
            np.moveaxis(grad, self.rows.axes, self.rows.last).transpose((*order, len(order)))
            if self.rows.k == 1
            else None
        )

    def unlay_grad(self, laid, order):
        return self.rows.unlay(np.moveaxis(laid, range(len(order)), order))

    def keep(self, mask):
        """Let only those rows take part too."""
        mask = np.broadcast_to(mask[..., None], (*mask.shape, self.rows.n))
        self.mask = mask if self.mask is None else self.mask & mask

    def counts(self, block):
        return None if self.mask is None else self.mask[block].any(axis=-1)

    def evaluate(self, ufunc, block, out, dtype, kind, rows=None):
        """A block computed in that type; None: that of the loss.  Of `rows`, if they are given, only
        those.
        """
        inputs = [x[block] for x in self.inputs]
        words = {} if dtype is None else {"dtype": dtype}
        if dtype is not None:
            inputs = [
                x if a["role"] == "label" else x.astype(kind, copy=False)
                for x, a in zip(inputs, self.args, strict=True)
            ]
        mask = None if self.mask is None else self.mask[block]
        if rows is not None:
            rows = np.broadcast_to(rows[..., None], (*rows.shape, self.rows.n))
            mask = rows if mask is None else mask & rows
        try:
            ufunc(*inputs, out=out, **words, **({} if mask is None else {"where": mask}))
        except ValueError:
            if (said := self.find_bad_label()) is None:
                raise
            raise ValueError(said) from None  # the block's own index would mislead


def all_of(masks):
    """What all masks keep; None for no mask."""
    return reduce(np.logical_and, masks) if masks else None


def check_floating(dtype, name):
    try:
        given = np.dtype(dtype)
    # the last from strings with commas, which NumPy has Python parse
    except (TypeError, ValueError, SyntaxError):
        raise TypeError(f"{name}: dtype must be a floating-point type, not {dtype!r}") from None
    if given.kind != "f":
        raise TypeError(f"{name}: dtype must be a floating-point type, not {given}")


def spread(a, shape, name, what):
    """An operand over the values; a view."""
    try:
        return np.broadcast_to(a, shape)
    except ValueError:
        raise ValueError(
            f"{name}: {what} of shape {np.shape(a)} does not broadcast to the losses' shape {shape}"
        ) from None


class Reduction:
    # `loss.sum` or `loss.mean`, or the value_and_grad of one of them.

    def __init__(self, loss, ufunc, kind, with_grad=False):
        self._loss, self._ufunc, self._kind, self._with_grad = loss, ufunc, kind, with_grad
        self._weights = "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"
        self.__name__ = self.__qualname__ = f"{ufunc.__name__}.{kind}" + ".value_and_grad" * with_grad
        self.__module__ = "ufloss"
        if not with_grad and "value_and_grad" in loss["outputs"]:
            self.value_and_grad = Reduction(loss, ufunc, kind, True)

    # Made when somebody asks: there are many of them.
    @property
    def __doc__(self):
        return docstring(self._loss, self._kind, self._with_grad, self._weights)

    @property
    def __signature__(self):
        return signature(self._loss, self._weights)

    def __repr__(self):
        return f"<{self.__name__}>"

    def __reduce__(self):
        whole = (getattr, (self._ufunc, self._kind))
        return (
            whole if not self._with_grad else (getattr, (getattr(self._ufunc, self._kind), "value_and_grad"))
        )

    def __call__(self, *args, **kwargs):
        loss, name, mean = self._loss, self.__name__, self._kind == "mean"
        inputs, more = bind(loss, name, args, kwargs)
        if more:
            raise TypeError(
                f"{name}() takes at most {len(inputs)} positional arguments; weights, axis, where and out "
                "go by keyword"
            )
        weights, where, keepdims = (
            kwargs.pop(self._weights, None),
            kwargs.pop("where", True),
            kwargs.pop("keepdims", False),
        )
        dtype, out, returned = (
            kwargs.pop("dtype", None),
            kwargs.pop("out", None),
            kwargs.pop("returned", False),
        )
        over = kwargs.pop("over", None) if loss["kind"] == "row" else kwargs.pop("axis", None)
        axis = kwargs.pop("axis", -1)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        outs = outputs(("value", "grad")[: 1 + self._with_grad], (), out, name)
        if dtype is not None:
            check_floating(dtype, name)
        if not {type(x) for x in (*inputs, weights, where, *outs)} <= PLAIN:
            words = [*(a["name"] for a in loss["args"]), self._weights, "where", *["out"] * len(outs)]
            refuse_overrides(name, zip(words, [*inputs, weights, where, *outs], strict=True))
            *inputs, weights, where = align(loss, [*inputs, weights, where], name)
        inputs, kept = as_plain(loss, inputs)
        counting = None if type(weights) in PLAIN else mask_of(weights)
        where = where if where is True else np.asarray(check_mask(where, name))
        source = (RowsOfLoss if loss["kind"] == "row" else Elements)(loss, name, inputs, kept, axis, where)
        shape = source.shape
        weights = None if weights is None else spread(as_weights(weights, name), shape, name, "weights")
        if loss["kind"] == "row":
            source.weights = weights
        if counting is not None:
            source.keep(spread(counting, shape, name, "weights"))
        axes = (
            tuple(range(len(shape)))
            if over is None
            else tuple(
                sorted(normalize_axes(over, len(shape), name, "over" if loss["kind"] == "row" else "axis"))
            )
        )
        kept = tuple(i for i in range(len(shape)) if i not in axes)
        order = (*kept, *axes)
        if order != tuple(range(len(shape))):
            source.lay(order)
            weights = None if weights is None else weights.transpose(order)
        result_shape = tuple(
            1 if i in axes else shape[i] for i in range(len(shape)) if keepdims or i not in axes
        )
        shape = tuple(shape[i] for i in order)
        kind = source.dtype(self._ufunc)
        if outs[0] is not None:
            check_output(outs[0], result_shape, kind if dtype is None else dtype, "same_kind", name)

        laid = target = None
        if self._with_grad:
            wanted = outs[1]
            if wanted is not None:
                check_output(wanted, source.full, kind, "same_kind", name, "gradient")
                if loss["kind"] == "row" and (said := source.find_bad_label()) is not None:
                    raise ValueError(said)  # blocks before that of the label would be written
            read = [*source.inputs, source.mask, weights]
            apart = wanted is not None and not any(
                isinstance(x, np.ndarray) and np.may_share_memory(wanted, x) for x in read
            )
            target = wanted if apart and wanted.dtype == kind else np.empty(source.full, kind)
            laid = source.lay_grad(target, order)
            if laid is None:
                laid = np.empty((*shape, source.width), kind)
                target = None
        task = Pass(loss, self._ufunc, source, shape, len(kept), kind, weights, laid)
        if self._with_grad and mean:
            task.divide()
        if not task.by_lines():
            task.by_blocks()
        # which may look at the inputs once more, so before anything is written where they lie
        with np.errstate(all="ignore"):
            result, weight = (
                (task.mean() if mean else task.total).astype(kind if dtype is None else dtype),
                task.weight,
            )
        if laid is not None:
            target = source.unlay_grad(laid, order) if target is None else target
            if wanted is not None and target is not wanted:
                with np.errstate(all="ignore"):
                    np.copyto(wanted, target, casting="same_kind")
                target = wanted
        if keepdims:
            result, weight = np.expand_dims(result, axes), np.expand_dims(weight, axes)
        if outs[0] is not None:
            with np.errstate(all="ignore"):
                np.copyto(outs[0], result, casting="same_kind")
            result = outs[0]
        found = (result if outs[0] is not None else result[()],)
        found += (target,) if self._with_grad else ()
        found += (weight[()],) if returned else ()
        return found if len(found) > 1 else found[0]


class Pass:
    """One way through all losses: their sums, those of the weights and perhaps the gradient, over all axes
    behind the first `kept`.

    A loss is kept in the type it is computed in: float16 ones in float32; and a block whose sum overflows in
    float32 is done again in float64, so that only results are rounded, each once.
    """

    def __init__(self, loss, ufunc, source, shape, kept, kind, weights, laid):
        self.loss, self.ufunc, self.source, self.shape, self.kept, self.kind = (
            loss,
            ufunc,
            source,
            shape,
            kept,
            kind,
        )
        self.weights, self.laid, self.rows = weights, laid, loss["kind"] == "row"
        self.limit = max(1, BLOCK // source.width)
        self.total, self.weight = np.zeros(shape[:kept]), np.zeros(shape[:kept])
        self.divisor = self.exponents = None
        self.compute = np.dtype(np.float32) if kind.char == "e" else kind
        self.buffers = {}

    def divide(self):
        """Have the gradient divided by the sum of the weights, which are scaled where it overflows or
        vanishes.
        """
        self.divisor = self.weigh()
        if self.weights is not None and not is_ordinary(self.divisor):
            self.scale_weights()
            self.divisor = self.weigh()

    def weigh(self):
        """The sum of the weights of what takes part."""
        if self.weights is None and self.source.mask is None:
            return np.full(self.shape[: self.kept], float(math.prod(self.shape[self.kept :])))
        weight = np.zeros(self.shape[: self.kept])
        for block in blocks(self.shape, self.limit):
            ones = everywhere(1.0, size_of(block, self.shape))
            weight[block[: self.kept]] += add_up(
                ones, self.weights_of(block), self.source.counts(block), self.kept
            )[1]
        return weight

    def scale_weights(self):
        """From here on weights count times a power of 2, one for each result, with which their sum is below
        1.
        """
        reduced = tuple(range(self.kept, len(self.shape)))
        most = np.ones(self.shape[: self.kept])
        if self.weights is not None:
            with np.errstate(all="ignore"):
                sizes = np.abs(self.weights.astype(float))
            most = np.where(np.isfinite(sizes), sizes, 0).max(reduced, initial=0)
        self.exponents = np.frexp(most)[1] + math.ceil(math.log2(max(1, math.prod(self.shape[self.kept :]))))

    def weights_of(self, block):
        own = None if self.weights is None else self.weights[block]
        if self.exponents is None:
            return own
        own = everywhere(1.0, size_of(block, self.shape)) if own is None else own
        exponents = self.exponents[block[: self.kept]]
        with np.errstate(all="ignore"):
            return np.ldexp(
                own.astype(float), -exponents.reshape(exponents.shape + (1,) * (len(self.shape) - self.kept))
            )

    def mean(self):
        """The quotient of the sums; where one of them has left the range of float64, that of scaled ones."""
        result = self.total / self.weight
        if self.exponents is not None:
            self.weight = np.ldexp(self.weight, self.exponents)
            return result
        if (self.weights is None and self.compute.char != "d") or (
            is_finite(self.total) and is_ordinary(self.weight)
        ):
            return result
        if np.isnan(self.total).all():
            return result
        again = Pass(
            self.loss, self.ufunc, self.source, self.shape, self.kept, np.dtype(float), self.weights, None
        )
        again.kind = self.kind
        again.scale_weights()
        again.by_blocks()
        better = again.total / again.weight
        return np.where(np.isnan(self.total) | np.isnan(better), result, better)

    def by_lines(self):
        """Long lines in one call each, where all arrays are aligned, in even steps and in one type; says
        whether it was done.
        """
        if self.rows or self.exponents is not None or self.source.mask is not None or 0 in self.shape:
            return False
        shape, kind = self.shape, self.kind
        split, inner = split_of(shape, self.limit)
        weights, laid = self.weights, self.laid
        if not self.kept <= split < len(shape) or not (weights is None or weights.dtype == np.float64):
            return False
        if any(x is not None and not x.flags.aligned for x in (weights, laid)):
            return False
        operands = []
        for x in self.source.inputs:
            x = x if isinstance(x, np.ndarray) and x.ndim else constant(x, kind)
            if x.dtype != kind or not x.flags.aligned:
                return False
            operands.append(x)
        operands += [weights, laid]
        steps = [0 if x is None or x.ndim == 0 else step_of(x, split) for x in operands]
        if None in steps:
            return False
        total, summed = self.total, self.weight
        record, step = self.loss["outputs"][self.part()][0], max(1, self.limit // max(1, inner))
        n, segment, of = shape[split] * inner, step * inner, "efd".index(kind.char)
        for outer in product(*map(range, shape[:split])):
            views = [x if x is None or x.ndim == 0 else x[*outer, ...] for x in operands]
            here, begin = outer[: self.kept], 0
            by = 1.0 if self.divisor is None else self.divisor[here]
            while begin < n:
                total[here], summed[here], begin = _core.add_line(
                    ISA, LINE, record, of, views, steps, begin, n, segment, by, total[here], summed[here]
                )
                if begin >= n:
                    break
                i = begin // inner
                block = (
                    *[slice(o, o + 1) for o in outer],
                    slice(i, i + step),
                    *[slice(None)] * (len(shape) - split - 1),
                )
                with np.errstate(all="ignore"):
                    self.add(block, *self.evaluate(block, np.dtype(float)))
                begin += segment
        return True

    def part(self):
        return "" if self.laid is None else "value_and_grad"

    def by_blocks(self):
        """Any operands, a block at a time."""
        with np.errstate(all="ignore"):
            for block in blocks(self.shape, self.limit):
                s, t = self.evaluate(block, self.compute)
                if not is_finite(s):
                    if self.exponents is not None and self.laid is None and self.kept == 0:
                        self.add(block, s, t)
                        break  # a loss itself is not finite
                    total = self.total[block[: self.kept]]
                    # nothing changes a NaN, nor an infinity of the same sign
                    settled = np.isfinite(s) | np.isnan(total) | (s == total)
                    if self.compute.char != "d" and not settled.all():
                        s, t = self.evaluate(block, np.dtype(float))
                self.add(block, s, t)

    def add(self, block, s, t):
        here = block[: self.kept]
        self.total[here] += s
        self.weight[here] += t

    def buffer(self, compute, size):
        if (room := self.buffers.get(compute)) is None:
            room = self.buffers[compute] = np.empty(min(math.prod(self.shape), self.limit), compute)
        return room[: math.prod(size)].reshape(size)

    def evaluate(self, block, compute):
        """The sums of one block, computed in that type; and its gradient."""
        values, weights, laid = (
            self.buffer(compute, size_of(block, self.shape)),
            self.weights_of(block),
            self.laid,
        )
        grad = (
            None
            if laid is None
            else laid[*block, ...]
            if compute == self.kind
            else np.empty(laid[*block, ...].shape, compute)
        )
        ufunc, out = (self.ufunc, (values,)) if laid is None else (self.ufunc.value_and_grad, (values, grad))
        dtype = None if compute == self.kind else compute
        try:
            self.source.evaluate(ufunc, block, out, dtype, self.kind)
        except ValueError:  # a label that is no class is not asked for where it weighs nothing
            if not self.rows or weights is None or np.all(weights):
                raise
            self.source.evaluate(ufunc, block, out, dtype, self.kind, weights != 0)
        sums = add_up(values, weights, self.source.counts(block), self.kept)
        if laid is not None:
            scale(
                grad,
                weights,
                None if self.divisor is None else self.divisor[block[: self.kept]],
                len(self.shape) - self.kept,
                self.rows,
            )
            if self.source.mask is not None:
                np.copyto(grad, 0, where=~self.source.mask[block])
            # done again: what was finite stays, so that it depends on no neighbour in its block
            if compute != self.compute:
                stored = laid[*block, ...]
                np.copyto(stored, grad, casting="same_kind", where=~np.isfinite(stored))
            elif grad.itemsize == 4 and dtype is not None:
                TO_HALF(grad, out=laid[*block, ...])
            elif dtype is not None:
                np.copyto(laid[*block, ...], grad, casting="same_kind")
        return sums


def constant(x, kind):
    """A number in that type; what a cast warns of is no concern of the caller's."""
    if (isinstance(x, float | int) and 1e-4 < abs(x) < 1e4) or (type(x) is float and x == 0):
        return np.array(x, kind)
    with np.errstate(all="ignore"):
        return np.asarray(x, kind)


def is_finite(a):
    return math.isfinite(a) if a.ndim == 0 else bool(np.isfinite(a).all())


def is_ordinary(weight):
    """Are sums of weights far from where float64 overflows or loses digits?  None at all is ordinary too."""
    if weight.ndim == 0:
        total = float(weight)
        return total == 0 or 1e-250 < abs(total) < math.inf
    sizes = np.abs(weight)
    return bool(((sizes == 0) | (sizes > 1e-250) & (sizes < math.inf)).all())


PLAIN = frozenset([np.ndarray, float, int, bool, list, tuple, type(None), np.float16, np.float32, np.float64])


def is_labelled(x):
    """Is it a Series or a DataFrame of pandas, whose elements are known by their labels?"""
    return type(x) not in PLAIN and hasattr(x, "reindex") and hasattr(x, "axes")


def align(loss, operands, name):
    """Operands of pandas in the order of the first one's labels, as the call of a loss has them; by position
    where they are the same.
    """
    labelled = [x for x in operands if is_labelled(x)]
    if len(labelled) < 2:
        return operands
    first = max(labelled, key=lambda x: x.ndim)
    if loss["kind"] != "row" and any(x.ndim != first.ndim for x in labelled):
        raise TypeError(f"{name}: Series and DataFrames do not go together; give the values of one of them")
    aligned = []
    for x in operands:
        for axis in range(x.ndim if is_labelled(x) else 0):
            own, wanted = x.axes[axis], first.axes[axis]
            if own.equals(wanted):
                continue
            if not own.is_unique or len(own) != len(wanted) or not own.isin(wanted).all():
                raise ValueError(
                    f"{name}: operands of pandas have different {('index', 'columns')[axis]}: align them "
                    "first, or give their values"
                )
            x = x.reindex(wanted, axis=axis)
        aligned.append(x)
    return aligned


def as_plain(loss, inputs):
    """The operands as arrays, numbers of Python as they are, since they do not choose the type; and of masked
    arrays what they keep.
    """
    plain, kept = [], []
    for a, x in zip(loss["args"], inputs, strict=True):
        x = a["default"] if x is None else x
        if type(x) is int and a["role"] != "label" and not -(2**63) <= x < 2**64:
            x = float(x)  # as in a call; an array of it would be one of objects
        if type(x) is np.ndarray or (type(x) is float and loss["kind"] != "row"):
            plain.append(x)
            kept.append(None)
            continue
        kept.append(mask_of(x))
        x = x.data if isinstance(x, np.ma.MaskedArray) else x
        plain.append(
            x
            if isinstance(x, (int, float)) and not isinstance(x, bool) and loss["kind"] != "row"
            else np.asarray(x)
        )
    return plain, kept


def as_weights(weights, name):
    weights = np.asarray(weights.data if isinstance(weights, np.ma.MaskedArray) else weights)
    if weights.dtype.kind not in "buif" or weights.dtype.itemsize > 8:
        raise TypeError(f"{name}: weights must be real numbers, not {weights.dtype}")
    return weights


def add_up(values, weights, counts, kept):
    """Sums of one block over its reduced axes, and those of the weights; None for weights that are 1 and for
    a mask that is True.
    """
    shape = values.shape[:kept]
    flat = (math.prod(shape), math.prod(values.shape[kept:]))
    weights = everywhere(1.0, flat) if weights is None else weights.reshape(flat)
    counts = everywhere(True, flat) if counts is None else counts.reshape(flat)
    s, t = SUM(values.reshape(flat), weights, counts)
    return s.reshape(shape), t.reshape(shape)


def scale(grad, weights, divisor, reduced, rows):
    """The gradient of the sum or mean from that of its terms, in place; 0 where the weight is 0."""
    if divisor is not None:
        divisor = divisor.reshape(divisor.shape + (1,) * (reduced + rows))
    if weights is not None:
        factor = weights[..., None] if rows else weights
        np.multiply(grad, factor if divisor is None else factor / divisor, out=grad, casting="same_kind")
        if not np.all(weights):
            np.copyto(grad, 0, where=factor == 0)
    elif divisor is not None:
        np.divide(grad, divisor.astype(grad.dtype), out=grad)


SUM, TO_HALF = make_helper("weighted_sum"), make_helper("to_half")
(LINE,) = (helper["outputs"][""][0] for helper in of_kind("helper") if helper["name"] == "line")


def signature(loss, weights):
    words = {weights: None, **({"over": None, "axis": -1} if loss["kind"] == "row" else {"axis": None})}
    words |= {"where": True, "keepdims": False, "dtype": None, "out": None, "returned": False}
    params = [
        (
            a["name"],
            Parameter.POSITIONAL_OR_KEYWORD,
            Parameter.empty if a["default"] is None else a["default"],
        )
        for a in loss["args"]
    ]
    params += [(n, Parameter.KEYWORD_ONLY, d) for n, d in words.items()]
    return Signature([Parameter(n, how, default=d) for n, how, d in params])


def docstring(loss, kind, with_grad, weights):
    """The numpydoc text."""
    name, first = loss["name"], loss["args"][0]["name"]
    noun = {"sum": "Sum", "mean": "Mean"}[kind]
    rows = loss["kind"] == "row"
    lines = [
        f"{noun} of "
        f"`{name}`{' and its gradient with respect to `' + first + '`' if with_grad else ''}, "
        "weighted, in one pass.",
        "",
    ]
    lines += [
        "The losses themselves are never stored; they are added up in float64, in an order that "
        "only the shape decides. Those of float16 are",
        "kept in float32, and those that overflow in float32 are computed again in float64: the "
        "result alone is rounded to its type.",
        "",
    ]
    lines += [
        "Parameters",
        "----------",
        f"{', '.join(a['name'] for a in loss['args'])}",
        f"    As in `{name}`.",
    ]
    lines += [
        f"{weights} : array_like, optional",
        "    One for each loss, or what broadcasts so; 1 by default. A weight of 0 leaves its loss "
        "out, "
        "whatever that is"
        f"{', also where the label is no class' if any(a['role'] == 'label' for a in loss['args']) else ''}.",
    ]
    if rows:
        lines += [
            "over : int, tuple of int or None, optional",
            "    Axes of the losses that are reduced, counted without the class axis; all of them "
            "by default.",
            "axis : int, tuple of int or None, optional",
            f"    The class axis, as in `{name}`.",
        ]
    else:
        lines += [
            "axis : int, tuple of int or None, optional",
            "    Axes that are reduced; all of them by default.",
        ]
    lines += [
        "where : array_like of bool, optional",
        "    Elements of the rows, or whole rows, that take part; a row without elements does not count."
        if rows
        else "    Losses that take part; what is masked out is not read and does not count.",
        "keepdims : bool, optional",
        "    Keep reduced axes as axes of length 1.",
        "dtype : dtype, optional",
        "    Of the result; that of the losses by default.",
        f"out : {'tuple of ndarray or None' if with_grad else 'ndarray'}, optional",
        f"    Where to put the result{'s' if with_grad else ''}.",
        "returned : bool, optional",
        "    Give the sum of the weights too.",
        "",
    ]
    result = {
        "sum": "Sum of weights times losses.",
        "mean": "The sum of weights times losses over the sum of weights: NaN for 0 / 0, an infinity where "
        "only the latter is 0.",
    }
    lines += ["Returns", "-------", f"{kind} : ndarray or scalar", f"    {result[kind]}"]
    if with_grad:
        lines += [
            "grad : ndarray",
            f"    Derivative of the {kind} with respect to `{first}`, one for each loss where `{first}` "
            "broadcasts; 0 where",
            "    masked out.",
        ]
    lines += ["weight : ndarray or scalar", "    The sum of the weights, with `returned`.", ""]
    lines += [
        "Notes",
        "-----",
        "What a masked array hides, among the operands, the weights or in `where`, takes no part. "
        "Operands of pandas with the same labels in",
        "another order are put in that of the first; different labels are an error.",
    ]
    return "\n".join(lines) + "\n"


def attach(loss, ufunc):
    """Give a loss its `sum` and `mean`, unless it gives rows, or one number for a batch."""
    if not loss["row_value"] and loss["kind"] != "pairs":
        ufunc.sum, ufunc.mean = (Reduction(loss, ufunc, kind) for kind in ("sum", "mean"))
