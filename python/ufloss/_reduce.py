"""`loss.sum` and `loss.mean`: a loss and its weighted sum in one pass, a block at a time.

A block of values lies in a buffer that stays in the cache and is added up in float64, in an order that only the shape decides; so nothing
of the inputs' size is ever made.
"""

import math
from functools import lru_cache
from inspect import Parameter, Signature
from itertools import product

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from . import _core
from ._front import Rows, bind, broadcast, check_mask, common_shape, find_bad_label, outputs

BLOCK = 65536  # elements: with their operands they fit a second-level cache


@lru_cache(maxsize=64, typed=True)
def everywhere(value, shape):
    """A constant array of one element; made once, since broadcasting takes as long as adding up thousands of numbers."""
    return np.broadcast_to(np.array(value), shape)


def split_of(shape, limit):
    """The axis at which an array is cut into blocks of at most `limit` elements, and how many one step of it has."""
    for split in range(len(shape)):
        inner = math.prod(shape[split + 1 :])
        if inner <= limit:
            return split, inner
    return len(shape), 1


def blocks(shape, limit):
    """Slices that cut an array into blocks of at most `limit` elements (at least one step of an axis), in C order."""
    split, inner = split_of(shape, limit)
    if split == len(shape):
        yield ()
        return
    step = max(1, limit // max(1, inner))
    for outer in product(*map(range, shape[:split])):
        for i in range(0, shape[split], step):
            yield (*[slice(o, o + 1) for o in outer], slice(i, i + step), *[slice(None)] * (len(shape) - split - 1))


def step_of(a, split):
    """The distance in bytes of neighbours along the axes from `split` on, taken together in C order; None: it is not the same everywhere."""
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
        if len(kinds) == 1 and (kind := kinds.pop()).char in "efd":
            return kind
        none = (slice(0, 0),) * len(self.shape)
        return ufunc(*[x if np.ndim(x) == 0 else x[none] for x in self.inputs]).dtype

    def lay_grad(self, grad, order):
        return grad.transpose(order)

    def counts(self, block):
        return None if self.mask is None else self.mask[block]

    def evaluate(self, ufunc, block, out):
        inputs = [x if np.ndim(x) == 0 else x[block] for x in self.inputs]
        ufunc(*inputs, out=out, where=True if self.mask is None else self.mask[block])


class RowsOfLoss:
    """A loss over rows: its values have the shape of the batch, in front of the class axis once that is last."""

    def __init__(self, loss, name, inputs, kept, axis, where):
        along = [a["along"] for a in loss["args"]]
        rows = Rows(name, [np.asarray(x) for x, lies in zip(inputs, along, strict=True) if lies], axis, None if where is True else where)
        self.shape = common_shape([rows.batch, *[np.shape(x) for x, lies in zip(inputs, along, strict=True) if not lies]], name)
        whole = (*self.shape, rows.n)
        laid = [rows.lay(np.asarray(x)) if lies else x for x, lies in zip(inputs, along, strict=True)]
        self.inputs = [broadcast(x, whole if lies else self.shape) for x, lies in zip(laid, along, strict=True)]
        mask = all_of([m for m in (rows.mask, *[rows.lay(a) for a in kept if a is not None]) if m is not None])
        self.mask = None if mask is None else broadcast(mask, whole)
        self.along, self.width = along, max(1, rows.n)
        rows.place(self.shape)
        self.rows, self.full = rows, rows.full  # of the gradient
        self.find_bad_label = lambda: find_bad_label(loss, loss["name"], [np.asarray(x) for x in inputs], axis, where)

    def lay(self, order):
        rowwise = (*order, len(order))
        self.inputs = [x.transpose(rowwise if lies else order) for x, lies in zip(self.inputs, self.along, strict=True)]
        self.mask = None if self.mask is None else self.mask.transpose(rowwise)

    def dtype(self, ufunc):
        none = (slice(0, 0),) * len(self.shape)
        return ufunc(*[x[none] for x in self.inputs]).dtype

    def lay_grad(self, grad, order):
        """A view of the gradient in the form of the rows, or None where several axes make one row."""
        return np.moveaxis(grad, self.rows.axes, self.rows.last).transpose((*order, len(order))) if self.rows.k == 1 else None

    def unlay_grad(self, laid, order):
        return self.rows.unlay(np.moveaxis(laid, range(len(order)), order))

    def counts(self, block):
        return None if self.mask is None else self.mask[block].any(axis=-1)

    def evaluate(self, ufunc, block, out):
        try:
            ufunc(*[x[block] for x in self.inputs], out=out, **({} if self.mask is None else {"where": self.mask[block]}))
        except ValueError:
            if (said := self.find_bad_label()) is None:
                raise
            raise ValueError(said) from None  # the block's own index would mislead


def all_of(masks):
    """What all masks keep; None for no mask."""
    return None if not masks else masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)


def spread(a, shape, name, what):
    """An operand over the values; a view."""
    try:
        return np.broadcast_to(a, shape)
    except ValueError:
        raise ValueError(f"{name}: {what} of shape {np.shape(a)} does not broadcast to the losses' shape {shape}") from None


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
        return whole if not self._with_grad else (getattr, (getattr(self._ufunc, self._kind), "value_and_grad"))

    def __call__(self, *args, **kwargs):
        loss, name, mean = self._loss, self.__name__, self._kind == "mean"
        inputs, more = bind(loss, name, args, kwargs)
        if more:
            raise TypeError(f"{name}() takes at most {len(inputs)} positional arguments; weights, axis, where and out go by keyword")
        weights, where, keepdims = kwargs.pop(self._weights, None), kwargs.pop("where", True), kwargs.pop("keepdims", False)
        dtype, out, returned = kwargs.pop("dtype", None), kwargs.pop("out", None), kwargs.pop("returned", False)
        over = kwargs.pop("over", None) if loss["kind"] == "row" else kwargs.pop("axis", None)
        axis = kwargs.pop("axis", -1)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        outs = outputs(("value", "grad")[: 1 + self._with_grad], (), out, name)
        if not all(o is None or o.flags.writeable for o in outs):
            raise ValueError(f"{name}: output array is read-only")
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise TypeError(f"{name}: dtype must be a floating-point type, not {np.dtype(dtype)}")
        inputs, kept = as_plain(loss, inputs, name)
        where = where if where is True else np.asarray(check_mask(where, name))
        source = (RowsOfLoss if loss["kind"] == "row" else Elements)(loss, name, inputs, kept, axis, where)
        shape = source.shape
        weights = None if weights is None else spread(as_weights(weights, name), shape, name, "weights")
        axes = tuple(range(len(shape))) if over is None else tuple(sorted(normalize_axis_tuple(over, len(shape), "over" if loss["kind"] == "row" else "axis")))
        kept = tuple(i for i in range(len(shape)) if i not in axes)
        order = (*kept, *axes)
        if order != tuple(range(len(shape))):
            source.lay(order)
            weights = None if weights is None else weights.transpose(order)
        result_shape = tuple(1 if i in axes else shape[i] for i in range(len(shape)) if keepdims or i not in axes)
        if outs[0] is not None and outs[0].shape != result_shape:
            raise ValueError(f"{name}: output has shape {outs[0].shape}, the result {result_shape}")
        kept_shape, shape = tuple(shape[i] for i in kept), tuple(shape[i] for i in order)
        kind = source.dtype(self._ufunc)

        laid = target = None
        if self._with_grad:
            wanted = outs[1]
            if wanted is not None and wanted.shape != source.full:
                raise ValueError(f"{name}: output has shape {wanted.shape}, the gradient {source.full}")
            read = [*source.inputs, source.mask, weights]
            apart = wanted is not None and not any(isinstance(x, np.ndarray) and np.may_share_memory(wanted, x) for x in read)
            target = wanted if apart and wanted.dtype == kind else np.empty(source.full, kind)
            laid = source.lay_grad(target, order)
            if laid is None:
                laid = np.empty((*shape, source.width), kind)
                target = None
        limit = max(1, BLOCK // source.width)
        total, weight = np.zeros(kept_shape), np.zeros(kept_shape)
        divisor = None
        if self._with_grad and mean:
            divisor = weigh(source, weights, shape, kept_shape, limit)
        if not self._by_lines(source, shape, len(kept), limit, kind, weights, laid, divisor, total, weight):
            self._by_blocks(source, shape, len(kept), limit, kind, weights, laid, divisor, total, weight)
        if laid is not None:
            target = source.unlay_grad(laid, order) if target is None else target
            if wanted is not None and target is not wanted:
                np.copyto(wanted, target, casting="same_kind")
                target = wanted
        with np.errstate(all="ignore"):
            result = (total / weight if mean else total).astype(kind if dtype is None else dtype)
        if keepdims:
            result, weight = np.expand_dims(result, axes), np.expand_dims(weight, axes)
        if outs[0] is not None:
            np.copyto(outs[0], result, casting="same_kind")
            result = outs[0]
        found = (result if outs[0] is not None else result[()],)
        found += (target,) if self._with_grad else ()
        found += (weight[()],) if returned else ()
        return found if len(found) > 1 else found[0]

    def _by_lines(self, source, shape, kept, limit, kind, weights, laid, divisor, total, weight):
        """Long lines in one call each, where operands lie in even steps and in the type they are computed in; says whether it was done."""
        if self._loss["kind"] == "row":
            return False
        split, inner = split_of(shape, limit)
        operands = [np.asarray(x, kind) if np.ndim(x) == 0 else x for x in source.inputs]
        even = source.mask is None and kind.char in "fd" and kept <= split < len(shape)
        even = even and all(x.dtype == kind and x.flags.aligned for x in operands) and (weights is None or weights.dtype == np.float64)
        if not even:
            return False
        operands += [weights, laid]
        steps = [0 if x is None or x.ndim == 0 else step_of(x, split) for x in operands]
        if None in steps:
            return False
        record, n, segment = self._loss["outputs"]["value_and_grad" if self._with_grad else ""][0], shape[split] * inner, max(1, limit // max(1, inner)) * inner
        for outer in product(*map(range, shape[:split])):
            views = [x if x is None or x.ndim == 0 else x[*outer, ...] for x in operands]
            here = outer[:kept]
            by = 1.0 if divisor is None else divisor[here]
            total[here], weight[here] = _core.add_line(ISA, record, "efd".index(kind.char), views, steps, n, segment, by, total[here], weight[here])
        return True

    def _by_blocks(self, source, shape, kept, limit, kind, weights, laid, divisor, total, weight):
        """Any operands, a block at a time."""
        evaluated = self._ufunc if laid is None else self._ufunc.value_and_grad
        buffer = np.empty(min(math.prod(shape), limit), kind)
        for block in blocks(shape, limit):
            size = size_of(block, shape)
            values = buffer[: math.prod(size)].reshape(size)
            source.evaluate(evaluated, block, (values,) if laid is None else (values, laid[*block, ...]))
            here, own = block[:kept], None if weights is None else weights[block]
            s, t = add_up(values, own, source.counts(block), kept)
            total[here] += s
            weight[here] += t
            if laid is not None:
                grad = laid[*block, ...]
                scale(grad, own, None if divisor is None else divisor[here], len(shape) - kept, self._loss["kind"] == "row")
                if source.mask is not None:
                    np.copyto(grad, 0, where=~source.mask[block])


def as_plain(loss, inputs, name):
    """The operands as arrays, numbers of Python as they are, since they do not choose the type; and of masked arrays what they keep."""
    plain, kept = [], []
    for a, x in zip(loss["args"], inputs, strict=True):
        x = a["default"] if x is None else x
        kept.append(~np.ma.getmaskarray(x) if isinstance(x, np.ma.MaskedArray) else None)
        if kept[-1] is not None and loss["kind"] == "row" and not a["along"]:
            raise TypeError(f"{name}: a masked array lies along the rows or is given as where")
        x = x.data if isinstance(x, np.ma.MaskedArray) else x
        plain.append(x if isinstance(x, (int, float)) and not isinstance(x, bool) and loss["kind"] != "row" else np.asarray(x))
    return plain, kept


def as_weights(weights, name):
    weights = np.asarray(weights)
    if weights.dtype.kind not in "buif" or weights.dtype.itemsize > 8:
        raise TypeError(f"{name}: weights must be real numbers, not {weights.dtype}")
    return weights


def add_up(values, weights, counts, kept):
    """Sums of one block over its reduced axes, and those of the weights; None for weights that are 1 and for a mask that is True."""
    shape = values.shape[:kept]
    flat = (math.prod(shape), math.prod(values.shape[kept:]))
    weights = everywhere(1.0, flat) if weights is None else weights.reshape(flat)
    counts = everywhere(True, flat) if counts is None else counts.reshape(flat)
    s, t = SUM(values.reshape(flat), weights, counts)
    return s.reshape(shape), t.reshape(shape)


def weigh(source, weights, shape, kept_shape, limit):
    """The sum of the weights of what takes part."""
    if weights is None and source.mask is None:
        return np.full(kept_shape, float(math.prod(shape[len(kept_shape) :])))
    weight = np.zeros(kept_shape)
    for block in blocks(shape, limit):
        size = size_of(block, shape)
        weight[block[: len(kept_shape)]] += add_up(everywhere(1.0, size), None if weights is None else weights[block], source.counts(block), len(kept_shape))[1]
    return weight


def scale(grad, weights, divisor, reduced, rows):
    """The gradient of the sum or mean from that of its terms, in place."""
    with np.errstate(all="ignore"):
        if divisor is not None:
            divisor = divisor.reshape(divisor.shape + (1,) * (reduced + rows))
        if weights is not None:
            factor = weights[..., None] if rows else weights
            np.multiply(grad, factor if divisor is None else factor / divisor, out=grad, casting="same_kind")
        elif divisor is not None:
            np.divide(grad, divisor.astype(grad.dtype) if grad.itemsize > 2 else divisor.astype(np.float32), out=grad, casting="same_kind")


ISA = _core.choose_isa()
SUM = _core.make_sum(ISA)


def signature(loss, weights):
    words = {weights: None, **({"over": None, "axis": -1} if loss["kind"] == "row" else {"axis": None})}
    words |= {"where": True, "keepdims": False, "dtype": None, "out": None, "returned": False}
    params = [(a["name"], Parameter.POSITIONAL_OR_KEYWORD, Parameter.empty if a["default"] is None else a["default"]) for a in loss["args"]]
    params += [(n, Parameter.KEYWORD_ONLY, d) for n, d in words.items()]
    return Signature([Parameter(n, how, default=d) for n, how, d in params])


def docstring(loss, kind, with_grad, weights):
    """The numpydoc text."""
    name, first = loss["name"], loss["args"][0]["name"]
    noun = {"sum": "Sum", "mean": "Mean"}[kind]
    rows = loss["kind"] == "row"
    lines = [f"{noun} of `{name}`{' and its gradient with respect to `' + first + '`' if with_grad else ''}, weighted, in one pass.", ""]
    lines += ["The losses themselves are never stored; they are added up in float64, in an order that only the shape decides.", ""]
    lines += ["Parameters", "----------", f"{', '.join(a['name'] for a in loss['args'])}", f"    As in `{name}`."]
    lines += [f"{weights} : array_like, optional", "    One for each loss, or what broadcasts so; 1 by default."]
    if rows:
        lines += ["over : int, tuple of int or None, optional",
                  "    Axes of the losses that are reduced, counted without the class axis; all of them by default.",
                  "axis : int, tuple of int or None, optional", f"    The class axis, as in `{name}`."]  # fmt: skip
    else:
        lines += ["axis : int, tuple of int or None, optional", "    Axes that are reduced; all of them by default."]
    lines += ["where : array_like of bool, optional",
              "    Elements of the rows, or whole rows, that take part; a row without elements does not count." if rows else
              "    Losses that take part; what is masked out is not read and does not count.",
              "keepdims : bool, optional", "    Keep reduced axes as axes of length 1.",
              "dtype : dtype, optional", "    Of the result; that of the losses by default.",
              f"out : {'tuple of ndarray or None' if with_grad else 'ndarray'}, optional", f"    Where to put the result{'s' if with_grad else ''}.",
              "returned : bool, optional", "    Give the sum of the weights too.", ""]  # fmt: skip
    result = {"sum": "Sum of weights times losses.", "mean": "The sum of weights times losses over the sum of weights; NaN where that is 0."}
    lines += ["Returns", "-------", f"{kind} : ndarray or scalar", f"    {result[kind]}"]
    if with_grad:
        lines += ["grad : ndarray", f"    Derivative of the {kind} with respect to `{first}`, one for each loss where `{first}` broadcasts; 0 where",
                  "    masked out."]  # fmt: skip
    lines += ["weight : ndarray or scalar", "    The sum of the weights, with `returned`."]
    return "\n".join(lines) + "\n"


def attach(loss, ufunc):
    """Give a loss its `sum` and `mean`, unless it gives rows, or one number for a batch."""
    if not loss["row_value"] and loss["kind"] != "batch":
        ufunc.sum, ufunc.mean = (Reduction(loss, ufunc, kind) for kind in ("sum", "mean"))
