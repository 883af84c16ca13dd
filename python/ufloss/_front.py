"""What NumPy's gufuncs lack and row losses have: where, keepdims, a tuple of axes, axis=None, targets that
broadcast along the row; and where of losses over a batch.

The class axes are moved to the end and merged, which copies nothing where they merge to one stride, and the
gufunc, or its twin with a mask, does the rest.
"""

import contextlib
import math
import re
from itertools import zip_longest

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple


def bind(loss, full, args, kwargs):
    """The inputs in order, None for defaults; and the outputs given by position."""
    names = [a["name"] for a in loss["args"]]
    inputs = dict(zip(names, args, strict=False))
    for name in names:
        if name in kwargs:
            if name in inputs:
                raise TypeError(f"{full}() got multiple values for argument '{name}'")
            inputs[name] = kwargs.pop(name)
    for a in loss["args"]:
        if a["default"] is None and a["name"] in inputs and inputs[a["name"]] is None:
            raise TypeError(f"{full}(): {a['name']} is None")
    missing = [f"'{a['name']}'" for a in loss["args"] if a["name"] not in inputs and a["default"] is None]
    if missing:
        text = (
            missing[0]
            if len(missing) == 1
            else ", ".join(missing[:-1]) + "," * (len(missing) > 2) + " and " + missing[-1]
        )
        raise TypeError(
            f"{full}() missing {len(missing)} required positional argument{'s' * (len(missing) > 1)}: {text}"
        )
    return [inputs.get(name) for name in names], args[len(names) :]


def as_array(x):
    """An array whose rows can be laid out anew, which those of a matrix, always of two axes, cannot."""
    return np.asarray(x) if isinstance(x, np.matrix) else np.asanyarray(x)


def as_arrays(loss, inputs):
    """The inputs as arrays; a default along the row in the type of the first, so that it is broadcast as it
    is and not cast after.
    """
    arrays = []
    for a, x in zip(loss["args"], inputs, strict=True):
        if x is not None:
            arrays.append(as_array(x))
        else:
            first = arrays[0].dtype
            arrays.append(np.array(a["default"], first if a["along"] and first.kind == "f" else float))
    return arrays


def overrides(operands):
    """Those operands that handle ufuncs themselves."""
    own = [
        x
        for x in operands
        if getattr(type(x), "__array_ufunc__", np.ndarray.__array_ufunc__) is not np.ndarray.__array_ufunc__
    ]
    for x in own:
        if type(x).__array_ufunc__ is None:
            raise TypeError(f"operand '{type(x).__name__}' does not support ufuncs (__array_ufunc__=None)")
    return own


def refuse_overrides(name, operands):
    """For what is no ufunc, so that an operand which handles ufuncs itself cannot be asked: reading it as an
    array would lose what it adds to one, its unit or where it lies.  Of pandas, whose labels are looked at
    elsewhere, the values are meant.

    `operands` are pairs of an argument's name and its value.
    """
    for what, x in operands:
        if overrides([x]) and not is_of_pandas(x):
            raise TypeError(
                f"{name}: {what} is a {type(x).__name__}, which handles ufuncs itself (__array_ufunc__), "
                f"and {name} is none: give an array"
            )


def is_of_pandas(x):
    return any(c.__module__.partition(".")[0] == "pandas" for c in type(x).__mro__)


def is_frame(x):
    """Is it a DataFrame of pandas?"""
    return hasattr(x, "columns") and is_of_pandas(x)


def call_overrides(ufunc, loss, name, inputs, by_position, out, kwargs, row_result=()):
    """What an operand that handles ufuncs itself makes of the call; NotImplemented: there is none.

    A DataFrame hands a ufunc of one operand its transposed blocks unless there is a keyword, and takes each
    result of two axes for one of its own shape, which what keepdims gives is not.
    """
    if row_result and any(map(is_frame, inputs)):
        if kwargs.get("keepdims"):
            return keep_axes(
                ufunc, loss, name, inputs, outputs(row_result, by_position, out, name), kwargs, row_result
            )
        if len(inputs) == 1 and not kwargs:
            kwargs = {"axis": -1}
    if out is None and 0 < len(by_position) <= ufunc.nout:  # as NumPy has them when it asks
        by_position, out = (), (*by_position, *[None] * (ufunc.nout - len(by_position)))
    given = out if isinstance(out, tuple) else (out,)
    others = overrides([*inputs, *by_position, *given])
    filled = [a["default"] if x is None else x for a, x in zip(loss["args"], inputs, strict=True)]
    for x in others:
        result = x.__array_ufunc__(
            ufunc, "__call__", *filled, *by_position, **kwargs, **({} if out is None else {"out": given})
        )
        if result is not NotImplemented:
            return result
    if others:
        raise TypeError(
            f"{name}: no operand takes the call: {', '.join(sorted({type(x).__name__ for x in others}))}"
        )
    return NotImplemented


def keep_axes(ufunc, loss, name, inputs, outs, kwargs, row_result):
    """The results of a call with keepdims for a DataFrame, which knows nothing of it: those without, with the
    axes put back.
    """
    axis, filled = (
        kwargs.get("axis", -1),
        [a["default"] if x is None else x for a, x in zip(loss["args"], inputs, strict=True)],
    )
    results = ufunc(*filled, **{**kwargs, "keepdims": False})
    results = results if isinstance(results, tuple) else (results,)
    rank = max(np.ndim(x) for x, a in zip(inputs, loss["args"], strict=True) if a["along"])
    lost = tuple(range(rank)) if axis is None else tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    shaped = [r if is_row else np.expand_dims(r, lost) for r, is_row in zip(results, row_result, strict=True)]
    for o, result in zip(outs, shaped, strict=True):
        if o is not None:
            check_output(o, result.shape, np.asarray(result).dtype, kwargs.get("casting", "same_kind"), name)
    for o, result in zip(outs, shaped, strict=True):
        if o is not None:
            np.copyto(o, result, casting="unsafe")
    shaped = [result if o is None else o for o, result in zip(outs, shaped, strict=True)]
    return tuple(shaped) if len(shaped) > 1 else shaped[0]


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


def choose(name, x, choices):
    """The one of the choices that an option is; an array of several is none."""
    try:
        return choices[choices.index(x)]
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}, not {x!r}"
        ) from None


class Rows:
    """How operands come into the form (batch, n), and results back.

    As for NumPy's gufuncs the class axes are axes of each operand for itself, whatever the ranks of others;
    with axis=None they are all axes of all operands broadcast.
    """

    def __init__(self, name, operands, axis, where=None, signature=""):
        self.name, self.axis = name, axis
        ranks = [a.ndim for a in operands]
        self.rank = max(ranks)
        self.k = self.rank if axis is None else len(axis) if isinstance(axis, tuple | list) else 1
        self.last = tuple(range(-self.k, 0))
        self.as_they_lie = type(axis) is int and axis == -1
        moved = [self.move(a).shape for a in operands]
        try:
            full = broadcast_shapes(*moved)
        except ValueError:
            shapes = " ".join(str(a.shape) for a in operands)
            raise ValueError(
                f"{name}: operands could not be broadcast together with shapes "
                f"{shapes}{signature and f' (signature {signature})'}"
            ) from None
        mask = None
        for mask in () if where is None else self.readings(where, ranks[0]):
            try:
                full = broadcast_shapes(full, mask.shape)
                break
            except ValueError:
                continue
        else:
            if where is not None:
                raise ValueError(
                    f"{name}: where of shape {where.shape} broadcasts neither to the operands nor to the "
                    f"batch {full[: len(full) - self.k]}"
                )
        self.batch, self.lengths = full[: len(full) - self.k], full[len(full) - self.k :]
        self.n = math.prod(self.lengths)
        self.mask = None if mask is None else self.merge(mask)
        self.place(self.batch)

    def place(self, batch):
        """Where the rows lie in results for a batch, which labels and parameters may make larger."""
        ndim = len(batch) + self.k
        self.axes = normalize_axes(self.last if self.axis is None else self.axis, ndim, self.name)
        rest, lengths = iter(batch), dict(zip(self.axes, self.lengths, strict=True))
        self.full = tuple(lengths[i] if i in lengths else next(rest) for i in range(ndim))
        self.whole = batch

    def move(self, a):
        """An operand with its class axes last."""
        if self.axis is None or a.ndim == 0:
            return a.reshape((1,) * (self.k - a.ndim) + a.shape)
        if self.as_they_lie:  # NumPy takes its time
            return a
        axes = normalize_axes(self.axis, a.ndim, self.name)
        if len(axes) != self.k:
            raise TypeError(f"{self.name}: axis must be an int or a tuple of int, not {self.axis!r}")
        return np.moveaxis(a, axes, self.last)

    def move_output(self, o):
        """An output with its class axes last; None where it has too few for them: a fault of its shape, not
        of the axis.
        """
        try:
            return self.move(o)
        except ValueError:  # an AxisError, or 1 and -1 that are one axis of it
            return None

    def readings(self, where, rank):
        """What a mask may mean, the likelier first: elements where it has the rank of the first operand or of
        the largest, else whole rows.
        """
        elements = [self.move(where)] if where.ndim in (0, rank, self.rank) else []
        return (
            elements if where.ndim == self.rank else [*elements, where.reshape(where.shape + (1,) * self.k)]
        )

    def merge(self, a):
        """An operand with its class axes last, in the form (batch, n); a view where they merge to one
        stride.
        """
        a = broadcast(a, self.batch + self.lengths)
        return a if self.k == 1 else a.reshape(*self.batch, self.n)

    def lay(self, a):
        """An operand along the rows."""
        return self.merge(self.move(a))

    def unlay(self, a):
        """A result along the rows, in the shape of the logits."""
        if self.as_they_lie:
            return a
        return np.moveaxis(a if self.k == 1 else a.reshape(self.whole + self.lengths), self.last, self.axes)

    def keep(self, a):
        return np.expand_dims(a, tuple(sorted(self.axes)))

    def lay_outputs(self, outs, along, keepdims):
        """A view of each output with its class axes last, where the result has any; None for one that is not
        of the result's shape.

        As for NumPy's gufuncs an output may have more batch axes than the result, which is broadcast over
        them, and lack leading ones of length 1; results of other outputs have those axes too.
        """
        cores = [self.lengths if lies else (1,) * self.k if keepdims else () for lies in along]
        laid = [
            o if o is None or not core or o.ndim < self.k else self.move_output(o)
            for o, core in zip(outs, cores, strict=True)
        ]
        heads = [
            None if o is None else o.shape[: max(0, o.ndim - len(core))]
            for o, core in zip(laid, cores, strict=True)
        ]
        laid = [
            o if o is not None and o.shape == head + core else None
            for o, head, core in zip(laid, heads, cores, strict=True)
        ]
        with contextlib.suppress(ValueError):
            self.place(
                broadcast_shapes(
                    self.whole, *[head for o, head in zip(laid, heads, strict=True) if o is not None]
                )
            )
        return [
            o if o is not None and (1,) * (len(self.whole) - len(head)) + head == self.whole else None
            for o, head in zip(laid, heads, strict=True)
        ]

    def shape_of(self, along, keepdims):
        """The shape of a result as the caller gets it."""
        return (
            self.full
            if along
            else tuple(1 if i in self.axes else n for i, n in enumerate(self.full))
            if keepdims
            else self.whole
        )


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
    if len(arrays := {s for s in shapes if s}) == 1:  # NumPy takes ten times as long
        return arrays.pop()
    try:
        return broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"{name}: operands could not be broadcast together with shapes {' '.join(map(str, shapes))}"
        ) from None


def broadcast(a, shape):
    """A view, for which NumPy takes as long as for adding up thousands of numbers; the array itself where
    that will do.
    """
    return a if a.shape == shape else np.broadcast_to(a, shape, subok=True)


def mask_of(x):
    """What a masked array keeps; None: everything, or it is none."""
    return (
        ~np.ma.getmaskarray(x)
        if isinstance(x, np.ma.MaskedArray) and np.ma.getmask(x) is not np.ma.nomask
        else None
    )


def holds_masked(x):
    """Is it a masked array, or a list of some, whose masks NumPy would drop on making an array of it?"""
    if not isinstance(x, list | tuple):
        return isinstance(x, np.ma.MaskedArray)
    kinds = set(map(type, x))
    return any(issubclass(k, np.ma.MaskedArray) for k in kinds) or (
        any(issubclass(k, list | tuple) for k in kinds) and any(map(holds_masked, x))
    )


def check_mask(where, name):
    """A mask; what a masked array hides in it takes no part."""
    where = np.asanyarray(where)
    if where.dtype != np.bool_:
        raise TypeError(f"{name}: where must be bool, not {where.dtype}")
    return where.filled(False) if isinstance(where, np.ma.MaskedArray) else where


def check_output(out, shape, dtype, casting, name, what="result"):
    """Can a result of that shape and type be stored there?  Asked before anything is computed: a call that
    raises writes nothing.
    """
    if out.shape != shape:
        raise ValueError(f"{name}: output has shape {out.shape}, the {what} {shape}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: output array is read-only")
    if not np.can_cast(dtype, out.dtype, casting):
        raise TypeError(
            f"{name}: cannot cast the {what} from {np.dtype(dtype)} to {out.dtype}, that of the output, "
            f"with casting '{casting}'"
        )


def types_of(ufunc, inputs, along, kwargs):
    """The types of a ufunc's results, learned from a call without rows."""
    words = {word: kwargs[word] for word in ("dtype", "casting") if word in kwargs}
    results = ufunc(
        *[np.empty((0, 1) if lies else 0, x.dtype) for x, lies in zip(inputs, along, strict=True)], **words
    )
    return [r.dtype for r in (results if isinstance(results, tuple) else (results,))]


@contextlib.contextmanager
def in_the_name_of(name, *others):
    """What the functions that a loss is made of complain about, under the name that was called."""
    try:
        yield
    except (TypeError, ValueError) as error:
        said = re.sub(rf"\b({'|'.join(others)})(\.\w+)?(?=\(|:| )", name, str(error))
        if said == str(error):
            raise
        kind = next(k for k in (np.exceptions.AxisError, TypeError, ValueError) if isinstance(error, k))
        raise kind(said) from None


def outputs(parts, by_position, out, name):
    """One output or None for each part, checked as NumPy checks them."""
    if by_position and out is not None:
        raise TypeError(f"{name}() cannot specify 'out' as both a positional and keyword argument")
    if len(by_position) > len(parts):
        raise TypeError(f"{name}() takes {len(parts)} output{'s' * (len(parts) > 1)}, not {len(by_position)}")
    if by_position or out is None:
        outs = (*by_position, *[None] * (len(parts) - len(by_position)))
    elif isinstance(out, tuple):
        if len(out) != len(parts):
            raise ValueError(f"{name}: the 'out' tuple must have exactly one entry per ufunc output")
        outs = out
    elif len(parts) > 1:
        raise TypeError(f"{name}: 'out' must be a tuple of arrays")
    else:
        outs = (out,)
    for o in outs:
        if o is not None and not isinstance(o, np.ndarray):
            raise TypeError(f"{name}: return arrays must be of ArrayType")
    return outs


def make_slow(loss, attribute, parts, masked):
    """The way of one ufunc of a row loss; `masked` is its twin."""
    name = loss["name"]
    full_name = f"{name}.{attribute}" if attribute else name
    along = [a["along"] for a in loss["args"]]
    row_result = [p != "value" or loss["row_value"] for p in parts]

    def slow(ufunc, *args, **kwargs):
        inputs, by_position = bind(loss, full_name, args, kwargs)
        out = kwargs.pop("out", None)
        if (
            result := call_overrides(ufunc, loss, full_name, inputs, by_position, out, kwargs, row_result)
        ) is not NotImplemented:
            return result
        axis, where, keepdims = (
            kwargs.pop("axis", -1),
            kwargs.pop("where", True),
            kwargs.pop("keepdims", False),
        )
        outs = outputs(parts, by_position, out, full_name)
        for word in ("axes", "signature"):
            if word in kwargs:
                raise TypeError(
                    f"{full_name}(): {word} goes with neither where nor keepdims nor several axes"
                )
        inputs = as_arrays(loss, inputs)
        kept = [mask_of(x) for x in inputs]
        inputs = [x.data if isinstance(x, np.ma.MaskedArray) else x for x in inputs]
        mask = None if where is True else check_mask(where, full_name)
        rows = Rows(
            full_name, [x for x, lies in zip(inputs, along, strict=True) if lies], axis, mask, ufunc.signature
        )
        batch = [x.shape for x, lies in zip(inputs, along, strict=True) if not lies]
        inputs = [rows.lay(x) if lies else x for x, lies in zip(inputs, along, strict=True)]
        if any(batch):
            rows.place(common_shape([rows.batch, *batch], full_name))
        mask = rows.mask
        for m, lies in zip(kept, along, strict=True):
            if m is not None:
                m = rows.lay(m) if lies else np.broadcast_to(m[..., None], (*m.shape, rows.n))
                mask = m if mask is None else mask & m
        laid = outs
        if any(o is not None for o in outs):
            casting, dtypes = kwargs.get("casting", "same_kind"), types_of(ufunc, inputs, along, kwargs)
            laid = rows.lay_outputs(outs, row_result, keepdims)
            for o, view, dtype, is_row in zip(outs, laid, dtypes, row_result, strict=True):
                if o is not None:
                    check_output(
                        o,
                        rows.shape_of(is_row, keepdims) if view is None else o.shape,
                        dtype,
                        casting,
                        full_name,
                    )
            inputs = [
                broadcast(x, (*rows.whole, rows.n)) if lies else x
                for x, lies in zip(inputs, along, strict=True)
            ]
            # Where several class axes make one row a result is computed beside its output.
            kwargs["out"] = tuple(
                None
                if view is None or (is_row and rows.k != 1)
                else np.squeeze(view, rows.last)
                if keepdims and not is_row
                else view
                for view, is_row in zip(laid, row_result, strict=True)
            )
        results = ufunc(*inputs, **kwargs) if mask is None else masked(*inputs, mask, **kwargs)
        results = results if isinstance(results, tuple) else (results,)
        shaped = []
        for result, o, view, is_row in zip(results, outs, laid, row_result, strict=True):
            if o is None:
                result = rows.unlay(result) if is_row else rows.keep(result) if keepdims else result
            elif is_row and rows.k != 1:
                np.copyto(view, result.reshape(rows.whole + rows.lengths), casting=casting)
            shaped.append(result if o is None else o)
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    return slow


def make_explain(loss, name):
    """What says which label of a failed call is no class; None for a loss whose labels are no classes."""
    if loss["kind"] != "row" or not any(a["role"] == "label" for a in loss["args"]):
        return None

    def explain(ufunc, *args, **kwargs):
        inputs, _ = bind(loss, name, args, kwargs)
        inputs, axis = as_arrays(loss, inputs), kwargs.get("axis", -1)
        if "axes" in kwargs:  # each operand's own; labels have none
            own = [entry if isinstance(entry, tuple | list) else (entry,) for entry in kwargs["axes"]]
            inputs = [
                np.moveaxis(x, axes, (-1,)) if a["along"] else x
                for x, a, axes in zip(inputs, loss["args"], own, strict=False)
            ]
        return find_bad_label(loss, loss["name"], inputs, axis, kwargs.get("where", True))

    return explain


def find_bad_label(loss, name, inputs, axis, where, takes_part=None):
    """The first label that is no class, of a row that takes part, as the user wrote it, and where it stands;
    None: there is none.
    """
    labels = next((x for x, a in zip(inputs, loss["args"], strict=True) if a["role"] == "label"), None)
    if labels is None:
        return None
    rows = Rows(
        name,
        [x for x, a in zip(inputs, loss["args"], strict=True) if a["along"]],
        axis,
        None if where is True else np.asarray(where),
    )
    wrong = (labels < 0) | (labels >= rows.n)
    if rows.mask is not None:
        wrong = wrong & rows.mask.any(axis=-1)
    if takes_part is not None:
        wrong = wrong & takes_part
    if not rows.n or not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    label = np.broadcast_to(labels, wrong.shape)[at]
    place = f", at index {at[0] if len(at) == 1 else at}" if at else ""
    idiom = f"; where=labels != {label} leaves such rows out" if label < 0 else ""
    return f"{name}: label {label} is out of range for {rows.n} classes{place}{idiom}"


def make_batch_slow(loss, name, masked):
    """The way of one ufunc of a loss over a batch; `masked` is its twin."""

    def slow(ufunc, *args, **kwargs):
        for word in ("axis", "keepdims"):
            if word in kwargs:
                raise TypeError(f"{name}() got an unexpected keyword argument '{word}'")
        inputs, by_position = bind(loss, name, args, kwargs)
        out = kwargs.pop("out", None)
        if (
            result := call_overrides(ufunc, loss, name, inputs, by_position, out, kwargs)
        ) is not NotImplemented:
            return result
        if "axes" in kwargs:
            raise TypeError(f"{name}(): axes does not go with where")
        if any(isinstance(x, np.ma.MaskedArray) for x in inputs):
            raise TypeError(f"{name} takes no masked arrays: give what takes part as where, and filled ones")
        where = check_mask(kwargs.pop("where", True), name)
        inputs = [a["default"] if x is None else x for a, x in zip(loss["args"], inputs, strict=True)]
        if np.ndim(inputs[0]) < 2:
            raise ValueError(
                f"{name}: {loss['args'][0]['name']} do not have enough dimensions, (batch, numbers) at least"
            )
        where = np.broadcast_to(where, np.shape(inputs[0])[-2], subok=True) if where.ndim == 0 else where
        if where.shape[-1] != np.shape(inputs[0])[-2]:
            raise ValueError(f"{name}: where of shape {where.shape} does not fit {np.shape(inputs[0])[:-1]}")
        return (
            masked(*inputs, where, *by_position, out=out, **kwargs)
            if out is not None
            else masked(*inputs, where, *by_position, **kwargs)
        )

    return slow
