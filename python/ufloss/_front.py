"""What NumPy's gufuncs lack and row losses have: where, keepdims, a tuple of axes and axis=None.  One way for all of them.

The class axes are moved to the end and merged, which copies nothing where they merge to one stride, and the gufunc, or its twin with a
mask, does the rest.
"""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple


def bind(loss, full, args, kwargs):
    """The inputs in order, defaults filled in, as Python would bind them; and the outputs given by position."""
    names = [a["name"] for a in loss["args"]]
    inputs = dict(zip(names, args, strict=False))
    for name in names:
        if name in kwargs:
            if name in inputs:
                raise TypeError(f"{full}() got multiple values for argument '{name}'")
            inputs[name] = kwargs.pop(name)
    for a in loss["args"]:
        if a["name"] not in inputs:
            if a["default"] is None:
                raise TypeError(f"{full}() missing 1 required positional argument: '{a['name']}'")
            inputs[a["name"]] = a["default"]
    return [inputs[name] for name in names], args[len(names):]


def spread_mask(where, full, axes, name):
    """The mask as it lies over the logits: of their shape, or of the batch's, or anything that broadcasts to either."""
    where = np.asanyarray(where)
    if where.dtype != np.bool_:
        raise TypeError(f"{name}: where must be bool, not {where.dtype}")
    if where.ndim not in (0, len(full)):
        where = np.expand_dims(where, tuple(sorted(axes)))
    return where


class Rows:
    """How operands come into the form (batch, n), and results back."""

    def __init__(self, full, axes):
        self.full, self.axes, self.k = full, axes, len(axes)
        self.last = tuple(range(-self.k, 0))
        self.batch = tuple(n for i, n in enumerate(full) if i not in axes)
        self.lengths = tuple(full[i] for i in axes)

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


def store(result, out, name):
    if out is None:
        return result
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}: return arrays must be of ArrayType")
    if out.shape != result.shape:
        raise ValueError(f"{name}: output has shape {out.shape}, the result {result.shape}")
    np.copyto(out, result, casting="same_kind")
    return out


def make_slow(loss, attribute, parts, masked):
    """The way of one ufunc of a row loss; `masked` is its twin."""
    name = loss["name"]
    full_name = f"{name}.{attribute}" if attribute else name
    along = [a["along"] for a in loss["args"]]
    row_result = [p != "value" or loss["row_value"] for p in parts]

    def slow(ufunc, *args, **kwargs):
        inputs, outs = bind(loss, full_name, args, kwargs)
        axis, where, keepdims, out = kwargs.pop("axis", -1), kwargs.pop("where", True), kwargs.pop("keepdims", False), kwargs.pop("out", None)
        if outs and out is not None:
            raise TypeError(f"{full_name}() cannot specify 'out' as both a positional and keyword argument")
        if "axes" in kwargs:
            raise TypeError(f"{full_name}(): axes goes with neither where nor keepdims nor a tuple of axes; give axis")
        outs = outs or (out if isinstance(out, tuple) else (out,))
        if len(outs) > len(parts):
            raise TypeError(f"{full_name}() takes {len(parts)} outputs, not {len(outs)}")
        outs = (*outs, *[None] * (len(parts) - len(outs)))
        inputs = [np.asanyarray(x) for x in inputs]
        full = np.broadcast_shapes(*[x.shape for x, lies in zip(inputs, along, strict=True) if lies])
        axes = tuple(range(len(full))) if axis is None else normalize_axis_tuple(axis, len(full), "axis")
        if where is not True:
            where = spread_mask(where, full, axes, full_name)
            if where.ndim == len(full):
                full = np.broadcast_shapes(full, where.shape)
        rows = Rows(full, axes)
        inputs = [rows.lay(x) if lies else x for x, lies in zip(inputs, along, strict=True)]
        results = ufunc(*inputs, **kwargs) if where is True else masked(*inputs, rows.lay(where), **kwargs)
        results = results if isinstance(results, tuple) else (results,)
        shaped = [rows.unlay(r) if is_row else rows.keep(r) if keepdims else r for r, is_row in zip(results, row_result, strict=True)]
        shaped = tuple(store(r, o, full_name) for r, o in zip(shaped, outs, strict=True))
        return shaped if len(shaped) > 1 else shaped[0]

    return slow
