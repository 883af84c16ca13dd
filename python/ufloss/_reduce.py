"""`loss.sum` and `loss.mean`: a loss and its weighted sum in one pass.

A call with plain arguments is one of the core, which adds up.  Here all others are brought into its form:
arrays that broadcast, the class axis last, masks for what takes part.
"""

from functools import lru_cache, reduce

import numpy as np

from . import _core, _reduce_docs
from ._arguments import bind, check_output, outputs
from ._broadcast import as_flag, broadcast, common_shape, normalize_axes
from ._labels import find_bad_label
from ._masks import check_mask, mask_of
from ._overrides import refuse_overrides
from ._records import ISA, helper_place
from ._rows import Rows

REDUCTION = helper_place("reduction")


@lru_cache(maxsize=64, typed=True)
def everywhere(value, shape):
    """A constant array of one element; made once, since broadcasting takes as long as adding up thousands of
    numbers.
    """
    return np.broadcast_to(np.array(value), shape)


class Elements:
    """An elementwise loss: its values have the shape that its operands broadcast to."""

    width = 1

    def __init__(self, loss, name, inputs, kept, axis, where):
        self.args = loss["args"]
        self.shape = self.full = common_shape([np.shape(x) for x in inputs], name)
        self.inputs = inputs
        masks = [broadcast(a, self.shape) for a in kept if a is not None]
        self.mask = all_of(masks if where is True else [spread(where, self.shape, name, "where"), *masks])

    def dtype(self, ufunc):
        kinds = {x.dtype for x in self.inputs if np.ndim(x)}
        # Numbers of Python have no say, nor have parameters, of the types that losses take.
        settled = all(
            np.ndim(x)
            or not hasattr(x, "dtype")
            or x.dtype in kinds
            or (a["role"] == "parameter" and x.dtype.kind in "biuf" and x.dtype.itemsize <= 8)
            for x, a in zip(self.inputs, self.args, strict=True)
        )
        if len(kinds) == 1 and settled and (kind := kinds.pop()).char in "efd":
            return kind.newbyteorder("=")  # the sums read numbers as the machine has them
        none = (slice(0, 0),) * len(self.shape)
        spread_out = [x if np.ndim(x) == 0 else broadcast(x, self.shape)[none] for x in self.inputs]
        with np.errstate(all="ignore"):
            return ufunc(*spread_out).dtype

    def keep(self, mask):
        """Let only those losses take part too."""
        self.mask = mask if self.mask is None else self.mask & mask

    def prepare(self, kind):
        """The operands as the core reads them."""
        return [readable(x) if isinstance(x, np.ndarray) else constant(x, kind) for x in self.inputs]

    def lay_grad(self, grad):
        return grad

    def find_bad_label(self, weights):
        return None


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
        self.width, self.args = rows.n, loss["args"]
        if self.shape != rows.batch:
            rows.place(self.shape)
        self.rows, self.full = rows, rows.full  # of the gradient
        self.look_for_label = lambda takes_part: find_bad_label(
            loss, loss["name"], [np.asarray(x) for x in inputs], axis, True, takes_part
        )

    def find_bad_label(self, weights):
        """What is said of the first label that is no class, of a row that takes part and weighs something."""
        takes_part = None if self.mask is None else self.mask.any(axis=-1)
        if weights is not None:
            takes_part = (weights != 0) if takes_part is None else takes_part & (weights != 0)
        return self.look_for_label(takes_part)

    def dtype(self, ufunc):
        none = (slice(0, 0),) * max(1, len(self.shape))
        # one row alone gets an axis, or it would be computed and its label asked for
        with np.errstate(all="ignore"):
            return ufunc(*[(x if self.shape else x[None])[none] for x in self.inputs]).dtype

    def keep(self, mask):
        """Let only those rows take part too."""
        mask = np.broadcast_to(mask[..., None], (*mask.shape, self.rows.n))
        self.mask = mask if self.mask is None else self.mask & mask

    def prepare(self, kind):
        """The operands as the core reads them."""
        return [
            x.astype(np.int64, casting="unsafe", copy=False) if a["role"] == "label" else readable(x)
            for x, a in zip(self.inputs, self.args, strict=True)
        ]

    def lay_grad(self, grad):
        """A view of the gradient in the form of the rows, or None where several axes make one row."""
        return np.moveaxis(grad, self.rows.axes, self.rows.last) if self.rows.k == 1 else None


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


class Reduction(_core.Reducer):
    # `loss.sum` or `loss.mean`, or the value_and_grad of one of them.

    def __init__(self, loss, ufunc, kind, with_grad=False):
        weights = "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"
        super().__init__(ISA, REDUCTION, loss, kind == "mean", with_grad, weights)
        self._loss, self._ufunc, self._kind, self._with_grad = loss, ufunc, kind, with_grad
        self._weights = weights
        self.__name__ = self.__qualname__ = f"{ufunc.__name__}.{kind}" + ".value_and_grad" * with_grad
        self.__module__ = "ufloss"
        if not with_grad and "value_and_grad" in loss["outputs"]:
            self.value_and_grad = Reduction(loss, ufunc, kind, True)

    # Made when somebody asks: there are many of them.
    @property
    def __doc__(self):
        return _reduce_docs.docstring(self._loss, self._kind, self._with_grad, self._weights)

    @property
    def __signature__(self):
        return _reduce_docs.signature(self._loss, self._weights)

    def __repr__(self):
        return f"<{self.__name__}>"

    def __reduce__(self):
        whole = (getattr, (self._ufunc, self._kind))
        return (
            whole if not self._with_grad else (getattr, (getattr(self._ufunc, self._kind), "value_and_grad"))
        )

    def _call_any(self, *args, **kwargs):
        """What a call comes to that is not plain."""
        loss, name = self._loss, self.__name__
        row = loss["dims"] == "n"
        inputs, more = bind(loss, name, args, kwargs)
        if more:
            raise TypeError(
                f"{name}() takes at most {len(inputs)} positional arguments; weights, axis, where and out "
                "go by keyword"
            )
        options = Options(kwargs, self._weights, row, name)
        outs = outputs(("value", "grad")[: 1 + self._with_grad], (), options.out, name)
        if options.dtype is not None:
            check_floating(options.dtype, name)
        weights, where = options.weights, options.where
        if not {type(x) for x in (*inputs, weights, where, *outs)} <= PLAIN:
            words = [*(a["name"] for a in loss["args"]), self._weights, "where", *["out"] * len(outs)]
            refuse_overrides(name, zip(words, [*inputs, weights, where, *outs], strict=True))
            *inputs, weights, where = align(loss, [*inputs, weights, where], name)
        inputs, kept = as_plain(loss, inputs)
        counting = None if type(weights) in PLAIN else mask_of(weights)
        where = where if where is True else np.asarray(check_mask(where, name))
        source = (RowsOfLoss if row else Elements)(loss, name, inputs, kept, options.axis, where)
        shape = source.shape
        weights = None if weights is None else spread(as_weights(weights, name), shape, name, "weights")
        if counting is not None:
            source.keep(spread(counting, shape, name, "weights"))
        axes = options.reduced_axes(len(shape), name)
        kind = source.dtype(self._ufunc)
        result_type = kind if options.dtype is None else options.dtype
        if outs[0] is not None:
            check_output(outs[0], options.result_shape(shape, axes), result_type, "same_kind", name)
        target = None
        if self._with_grad:
            target = self._target(outs[1], source, kind, weights)
        result, weight = self._run(source, kind, weights, target, axes)
        with np.errstate(all="ignore"):
            result = result.astype(result_type)
            if options.keepdims:
                result, weight = np.expand_dims(result, axes), np.expand_dims(weight, axes)
            if outs[0] is not None:
                np.copyto(outs[0], result, casting="same_kind")
            if self._with_grad and outs[1] is not None and target is not outs[1]:
                np.copyto(outs[1], target, casting="same_kind")
                target = outs[1]
        found = (result[()] if outs[0] is None else outs[0],)
        found += (target,) if self._with_grad else ()
        found += (weight[()],) if options.returned else ()
        return found if len(found) > 1 else found[0]

    def _target(self, wanted, source, kind, weights):
        """Where the gradient is computed: the output that is wanted, unless it is of another type or may lie
        where something is read.
        """
        if wanted is None:
            return np.empty(source.full, kind)
        check_output(wanted, source.full, kind, "same_kind", self.__name__, "gradient")
        if (said := source.find_bad_label(weights)) is not None:
            raise ValueError(said)  # blocks before that of the label would be written
        read = [*source.inputs, source.mask, weights]
        apart = not any(isinstance(x, np.ndarray) and np.may_share_memory(wanted, x) for x in read)
        return wanted if apart and wanted.dtype == kind else np.empty(source.full, kind)

    def _run(self, source, kind, weights, target, axes):
        """The results in float64, and the gradient to its place."""
        grad = None if target is None else source.lay_grad(target)
        laid = np.empty((*source.shape, source.width), kind) if grad is None and target is not None else grad
        weights = None if weights is None else readable(weights)
        mask = None if source.mask is None else np.asarray(source.mask)  # logic makes scalars of arrays
        try:
            found = self._reduce(
                kind.num,
                source.shape,
                source.width,
                tuple(source.prepare(kind)),
                weights,
                mask,
                laid,
                axes,
            )
        except ValueError:
            if (said := source.find_bad_label(weights)) is None:
                raise
            raise ValueError(said) from None  # a block's own index would mislead
        if laid is not grad:
            target[...] = source.rows.unlay(laid)
        return found


class Options:
    """The keywords of a call."""

    def __init__(self, kwargs, weights, row, name):
        self.weights = kwargs.pop(weights, None)
        self.where = kwargs.pop("where", True)
        self.keepdims = as_flag(kwargs.pop("keepdims", False), "keepdims", name)
        self.dtype, self.out = kwargs.pop("dtype", None), kwargs.pop("out", None)
        self.returned = kwargs.pop("returned", False)
        self.word = "over" if row else "axis"
        self.over = kwargs.pop(self.word, None)
        self.axis = kwargs.pop("axis", -1)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")

    def reduced_axes(self, ndim, name):
        """Those that are reduced, in order."""
        if self.over is None:
            return tuple(range(ndim))
        return tuple(sorted(normalize_axes(self.over, ndim, name, self.word)))

    def result_shape(self, shape, axes):
        kept = [1 if i in axes else n for i, n in enumerate(shape) if self.keepdims or i not in axes]
        return tuple(kept)


def readable(x):
    """An array whose numbers lie as the machine has them."""
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def constant(x, kind):
    """A number in that type; what a cast warns of is no concern of the caller's."""
    if (isinstance(x, float | int) and 1e-4 < abs(x) < 1e4) or (type(x) is float and x == 0):
        return np.array(x, kind)
    with np.errstate(all="ignore"):
        return np.asarray(x, kind)


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
    if loss["dims"] != "n" and any(x.ndim != first.ndim for x in labelled):
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
        if type(x) is np.ndarray or (type(x) is float and loss["dims"] != "n"):
            plain.append(x)
            kept.append(None)
            continue
        kept.append(mask_of(x))
        x = x.data if isinstance(x, np.ma.MaskedArray) else x
        plain.append(
            x
            if isinstance(x, (int, float)) and not isinstance(x, bool) and loss["dims"] != "n"
            else np.asarray(x)
        )
    return plain, kept


def as_weights(weights, name):
    weights = np.asarray(weights.data if isinstance(weights, np.ma.MaskedArray) else weights)
    if weights.dtype.kind not in "buif" or weights.dtype.itemsize > 8:
        raise TypeError(f"{name}: weights must be real numbers, not {weights.dtype}")
    return weights


def attach(loss, ufunc):
    """Give a loss its `sum` and `mean`, unless it gives rows, or one number for a batch."""
    if not loss["row_value"] and loss["dims"] != "b,d":
        ufunc.sum, ufunc.mean = (Reduction(loss, ufunc, kind) for kind in ("sum", "mean"))
