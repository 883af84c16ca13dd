"""What NumPy's gufuncs lack and row losses have: where, keepdims, a tuple of axes, axis=None, targets that broadcast along the row; and where
of losses over a batch.

The class axes are moved to the end and merged, which copies nothing where they merge to one stride, and the gufunc, or its twin with a
mask, does the rest.
"""

import math

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
    missing = [f"'{a['name']}'" for a in loss["args"] if a["name"] not in inputs and a["default"] is None]
    if missing:
        text = missing[0] if len(missing) == 1 else ", ".join(missing[:-1]) + "," * (len(missing) > 2) + " and " + missing[-1]
        raise TypeError(f"{full}() missing {len(missing)} required positional argument{'s' * (len(missing) > 1)}: {text}")
    return [inputs.get(name) for name in names], args[len(names):]


def as_arrays(loss, inputs):
    """The inputs as arrays; a default along the row in the type of the first, so that it is broadcast as it is and not cast after."""
    arrays = []
    for a, x in zip(loss["args"], inputs, strict=True):
        if x is not None:
            arrays.append(np.asanyarray(x))
        else:
            first = arrays[0].dtype
            arrays.append(np.array(a["default"], first if a["along"] and first.kind == "f" else float))
    return arrays


def overrides(ufunc, operands):
    """Those operands that handle ufuncs themselves."""
    own = [x for x in operands if getattr(type(x), "__array_ufunc__", np.ndarray.__array_ufunc__) is not np.ndarray.__array_ufunc__]
    for x in own:
        if type(x).__array_ufunc__ is None:
            raise TypeError(f"operand '{type(x).__name__}' does not support ufuncs (__array_ufunc__=None)")
    return own


def call_overrides(ufunc, loss, name, inputs, by_position, out, kwargs):
    """What an operand that handles ufuncs itself makes of the call; NotImplemented: there is none."""
    given = out if isinstance(out, tuple) else (out,)
    others = overrides(ufunc, [*inputs, *by_position, *given])
    filled = [a["default"] if x is None else x for a, x in zip(loss["args"], inputs, strict=True)]
    for x in others:
        result = x.__array_ufunc__(ufunc, "__call__", *filled, *by_position, **kwargs, **({} if out is None else {"out": given}))
        if result is not NotImplemented:
            return result
    if others:
        raise TypeError(f"{name}: no operand takes the call: {', '.join(sorted({type(x).__name__ for x in others}))}")
    return NotImplemented


class Rows:
    """How operands come into the form (batch, n), and results back."""

    def __init__(self, full, axes):
        self.full, self.axes, self.k = full, axes, len(axes)
        self.last = tuple(range(-self.k, 0))
        self.batch = tuple(n for i, n in enumerate(full) if i not in axes)
        self.lengths = tuple(full[i] for i in axes)

    def enlarged(self, batch, axis):
        """Where the rows lie in results for a larger batch, which labels and parameters may have."""
        ndim = len(batch) + self.k
        axes = normalize_axis_tuple(self.last if axis is None else axis, ndim)
        rest, lengths = iter(batch), dict(zip(axes, self.lengths, strict=True))
        return Rows(tuple(lengths[i] if i in lengths else next(rest) for i in range(ndim)), axes)

    def lay(self, a):
        """An operand along the rows; a view where the axes merge to one stride."""
        a = np.moveaxis(np.broadcast_to(a, self.full, subok=True), self.axes, self.last)
        return a if self.k == 1 else a.reshape(*self.batch, math.prod(self.lengths))

    def unlay(self, a):
        """A result along the rows, in the shape of the logits."""
        if self.k != 1:
            a = a.reshape(*self.batch, *self.lengths)
        return np.moveaxis(a, self.last, self.axes)

    def keep(self, a):
        return np.expand_dims(a, tuple(sorted(self.axes)))

    def lay_mask(self, where, name):
        """The mask along the rows.  One of the logits' rank lies over the logits; any other over the batch, and selects whole rows."""
        if where.ndim not in (0, len(self.full)):
            if where.ndim > len(self.batch):
                raise ValueError(f"{name}: where of shape {where.shape} broadcasts neither to {self.full} nor to the batch {self.batch}")
            where = self.keep(where.reshape((1,) * (len(self.batch) - where.ndim) + where.shape))
        try:
            return self.lay(where)
        except ValueError:
            raise ValueError(f"{name}: where of shape {where.shape} does not broadcast to {self.full}") from None

    def room(self, out, along, keepdims):
        """Where a result can be computed in `out` itself: a view of it in the form of the result, else None."""
        if not isinstance(out, np.ndarray):
            return None
        if along:
            return np.moveaxis(out, self.axes, self.last) if self.k == 1 and out.shape == self.full else None
        shape = tuple(1 if i in self.axes else n for i, n in enumerate(self.full)) if keepdims else self.batch
        return None if out.shape != shape else np.squeeze(out, self.axes) if keepdims else out


def check_mask(where, name):
    where = np.asanyarray(where)
    if where.dtype != np.bool_:
        raise TypeError(f"{name}: where must be bool, not {where.dtype}")
    return where


def store(result, out, casting, name):
    """The result in `out`, where it is not there yet."""
    if out.shape != result.shape:
        raise ValueError(f"{name}: output has shape {out.shape}, the result {result.shape}")
    np.copyto(out, result, casting=casting)
    return out


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
        if (result := call_overrides(ufunc, loss, full_name, inputs, by_position, out, kwargs)) is not NotImplemented:
            return result
        axis, where, keepdims = kwargs.pop("axis", -1), kwargs.pop("where", True), kwargs.pop("keepdims", False)
        outs = outputs(parts, by_position, out, full_name)
        for word in ("axes", "signature"):
            if word in kwargs:
                raise TypeError(f"{full_name}(): {word} goes with neither where nor keepdims nor several axes")
        inputs = as_arrays(loss, inputs)
        mask = None if where is True else check_mask(where, full_name)
        shapes = [x.shape for x, lies in zip(inputs, along, strict=True) if lies]
        if mask is not None and mask.ndim == max(map(len, shapes)):
            shapes.append(mask.shape)
        try:
            full = np.broadcast_shapes(*shapes)
        except ValueError:
            lying = " ".join(map(str, shapes))
            raise ValueError(f"{full_name}: operands could not be broadcast together with shapes {lying} (signature {ufunc.signature})") from None
        axes = tuple(range(len(full))) if axis is None else normalize_axis_tuple(axis, len(full))
        rows = Rows(full, axes)
        mask = None if mask is None else rows.lay_mask(mask, full_name)
        batch = [x.shape for x, lies in zip(inputs, along, strict=True) if not lies]
        inputs = [rows.lay(x) if lies else x for x, lies in zip(inputs, along, strict=True)]
        if any(batch) and (batch := np.broadcast_shapes(rows.batch, *batch)) != rows.batch:
            rows = rows.enlarged(batch, axis)
        if any(o is not None for o in outs):
            kwargs["out"] = tuple(rows.room(o, is_row, keepdims) for o, is_row in zip(outs, row_result, strict=True))
        results = ufunc(*inputs, **kwargs) if mask is None else masked(*inputs, mask, **kwargs)
        results = results if isinstance(results, tuple) else (results,)
        shaped = []
        for result, o, room, is_row in zip(results, outs, kwargs.get("out", outs), row_result, strict=True):
            if o is None or room is None:
                result = rows.unlay(result) if is_row else rows.keep(result) if keepdims else result
                result = result if o is None else store(result, o, kwargs.get("casting", "same_kind"), full_name)
            shaped.append(result if o is None else o)
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    return slow


def make_batch_slow(loss, name, masked):
    """The way of one ufunc of a loss over a batch; `masked` is its twin."""

    def slow(ufunc, *args, **kwargs):
        for word in ("axis", "keepdims"):
            if word in kwargs:
                raise TypeError(f"{name}() got an unexpected keyword argument '{word}'")
        inputs, by_position = bind(loss, name, args, kwargs)
        out = kwargs.pop("out", None)
        if (result := call_overrides(ufunc, loss, name, inputs, by_position, out, kwargs)) is not NotImplemented:
            return result
        if "axes" in kwargs:
            raise TypeError(f"{name}(): axes does not go with where")
        where = check_mask(kwargs.pop("where", True), name)
        inputs = [a["default"] if x is None else x for a, x in zip(loss["args"], inputs, strict=True)]
        if np.ndim(inputs[0]) < 2:
            raise ValueError(f"{name}: {loss['args'][0]['name']} do not have enough dimensions, (batch, numbers) at least")
        where = np.broadcast_to(where, np.shape(inputs[0])[-2], subok=True) if where.ndim == 0 else where
        if where.shape[-1] != np.shape(inputs[0])[-2]:
            raise ValueError(f"{name}: where of shape {where.shape} does not fit {np.shape(inputs[0])[:-1]}")
        return masked(*inputs, where, *by_position, out=out, **kwargs) if out is not None else masked(*inputs, where, *by_position, **kwargs)

    return slow
