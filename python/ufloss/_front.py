"""What NumPy's gufuncs lack and row losses have: where, keepdims, a tuple of axes, axis=None, targets that
broadcast along the row; and where of losses over a batch.

This is the slow way, which takes whatever there is; plain arrays and one axis are served by _rows.hpp.
"""

import numpy as np

from ._arguments import as_arrays, bind, check_output, fill, outputs
from ._broadcast import as_flag, broadcast, common_shape
from ._masks import check_mask, mask_of
from ._overrides import call_overrides
from ._rows import Rows


def types_of(ufunc, inputs, along, kwargs):
    """The types of a ufunc's results, learned from a call without rows."""
    words = {word: kwargs[word] for word in ("dtype", "casting") if word in kwargs}
    none = []
    for x, lies in zip(inputs, along, strict=True):
        none.append(np.empty((0, 1) if lies else 0, x.dtype) if isinstance(x, np.ndarray) else x)
    results = ufunc(*none, **words)
    return [r.dtype for r in (results if isinstance(results, tuple) else (results,))]


class RowCall:
    """The way of one ufunc of a row loss; `masked` is its twin.

    The rows are laid along the last axis, and the gufunc, or its twin with a mask, does the rest.
    """

    def __init__(self, loss, name, parts, masked):
        self.loss, self.name, self.parts, self.masked = loss, name, parts, masked
        self.along = [a["along"] for a in loss["args"]]
        self.row_result = [p != "value" or loss["row_value"] for p in parts]

    def __call__(self, ufunc, *args, **kwargs):
        name = self.name
        inputs, by_position = bind(self.loss, name, args, kwargs)
        out = kwargs.pop("out", None)
        result = call_overrides(ufunc, self.loss, name, inputs, by_position, out, kwargs, self.row_result)
        if result is not NotImplemented:
            return result
        axis, where = kwargs.pop("axis", -1), kwargs.pop("where", True)
        keepdims = as_flag(kwargs.pop("keepdims", False), "keepdims", name)
        outs = outputs(self.parts, by_position, out, name)
        self.refuse_other_ways(kwargs)
        inputs = as_arrays(self.loss, inputs)
        kept = [mask_of(x) for x in inputs]
        inputs = [x.data if isinstance(x, np.ma.MaskedArray) else x for x in inputs]
        rows = self.find_rows(ufunc, inputs, axis, where)
        inputs = self.lay(rows, inputs)
        mask = self.join_masks(rows, kept)
        views = outs
        if any(o is not None for o in outs):
            views = self.lay_outputs(ufunc, rows, inputs, outs, keepdims, kwargs)
            inputs = self.spread(rows, inputs)
            kwargs["out"] = self.targets(rows, views, keepdims)
        results = ufunc(*inputs, **kwargs) if mask is None else self.masked(*inputs, mask, **kwargs)
        results = results if isinstance(results, tuple) else (results,)
        casting = kwargs.get("casting", "same_kind")
        shaped = self.unlay(rows, results, outs, views, keepdims, casting)
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    def refuse_other_ways(self, kwargs):
        for word in ("axes", "signature"):
            if word in kwargs:
                raise TypeError(
                    f"{self.name}(): {word} goes with neither where nor keepdims nor several axes"
                )

    def find_rows(self, ufunc, inputs, axis, where):
        """Where the rows of the operands lie, in a batch that labels and parameters may make larger."""
        mask = None if where is True else check_mask(where, self.name)
        along = [x for x, lies in zip(inputs, self.along, strict=True) if lies]
        rows = Rows(self.name, along, axis, mask, ufunc.signature)
        others = [np.shape(x) for x, lies in zip(inputs, self.along, strict=True) if not lies]
        if any(others):
            rows.place(common_shape([rows.batch, *others], self.name))
        return rows

    def lay(self, rows, inputs):
        """The inputs with their rows along the last axis."""
        return [rows.lay(x) if lies else x for x, lies in zip(inputs, self.along, strict=True)]

    def spread(self, rows, inputs):
        """Those along the rows over the whole batch."""
        whole = (*rows.whole, rows.n)
        return [broadcast(x, whole) if lies else x for x, lies in zip(inputs, self.along, strict=True)]

    def join_masks(self, rows, kept):
        """What takes part by `where` and by what each input keeps; None: everything."""
        mask = rows.mask
        for m, lies in zip(kept, self.along, strict=True):
            if m is None:
                continue
            m = rows.lay(m) if lies else np.broadcast_to(m[..., None], (*m.shape, rows.n))
            mask = m if mask is None else mask & m
        return mask

    def lay_outputs(self, ufunc, rows, inputs, outs, keepdims, kwargs):
        """Views of the outputs with their class axes last, once they are found to take the results."""
        casting = kwargs.get("casting", "same_kind")
        dtypes = types_of(ufunc, inputs, self.along, kwargs)
        views = rows.lay_outputs(outs, self.row_result, keepdims)
        for o, view, dtype, is_row in zip(outs, views, dtypes, self.row_result, strict=True):
            if o is not None:
                shape = rows.shape_of(is_row, keepdims) if view is None else o.shape
                check_output(o, shape, dtype, casting, self.name)
        return views

    def targets(self, rows, views, keepdims):
        """What the gufunc writes to; None where it makes an array of its own.

        Where several class axes make one row a result is computed beside its output.
        """
        targets = []
        for view, is_row in zip(views, self.row_result, strict=True):
            if view is None or (is_row and rows.k != 1):
                targets.append(None)
            else:
                targets.append(np.squeeze(view, rows.last) if keepdims and not is_row else view)
        return tuple(targets)

    def unlay(self, rows, results, outs, views, keepdims, casting):
        """The results as the caller gets them."""
        shaped = []
        for result, o, view, is_row in zip(results, outs, views, self.row_result, strict=True):
            if o is None:
                result = rows.unlay(result) if is_row else rows.keep(result) if keepdims else result
            elif is_row and rows.k != 1:
                np.copyto(view, result.reshape(rows.whole + rows.lengths), casting=casting)
            shaped.append(result if o is None else o)
        return shaped


class BatchCall:
    """The way of one ufunc of a loss over a batch; `masked` is its twin."""

    def __init__(self, loss, name, masked):
        self.loss, self.name, self.masked = loss, name, masked

    def __call__(self, ufunc, *args, **kwargs):
        name = self.name
        for word in ("axis", "keepdims"):
            if word in kwargs:
                raise TypeError(f"{name}() got an unexpected keyword argument '{word}'")
        inputs, by_position = bind(self.loss, name, args, kwargs)
        out = kwargs.pop("out", None)
        result = call_overrides(ufunc, self.loss, name, inputs, by_position, out, kwargs)
        if result is not NotImplemented:
            return result
        if "axes" in kwargs:
            raise TypeError(f"{name}(): axes does not go with where")
        if any(isinstance(x, np.ma.MaskedArray) for x in inputs):
            raise TypeError(f"{name} takes no masked arrays: give what takes part as where, and filled ones")
        where = check_mask(kwargs.pop("where", True), name)
        inputs = fill(self.loss, inputs)
        where = self.spread(where, inputs[0])
        if out is not None:
            kwargs["out"] = out
        return self.masked(*inputs, where, *by_position, **kwargs)

    def spread(self, where, vectors):
        """A mask with one element for each vector of a batch."""
        if np.ndim(vectors) < 2:
            first = self.loss["args"][0]["name"]
            raise ValueError(f"{self.name}: {first} do not have enough dimensions, (batch, numbers) at least")
        *batch, n, _ = np.shape(vectors)
        if where.ndim == 0:
            return np.broadcast_to(where, n, subok=True)
        if where.shape[-1] != n:
            raise ValueError(f"{self.name}: where of shape {where.shape} does not fit {(*batch, n)}")
        return where
