"""Rows of operands: which axes are class axes, and what a mask means.

The class axes are moved to the end and merged, which copies nothing where they merge to one stride.
"""

import contextlib
import math

import numpy as np

from ._broadcast import broadcast, broadcast_shapes, normalize_axes, why_not_together


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
        full = self.broadcast_operands(operands, signature)
        mask = None
        if where is not None:
            full, mask = self.find_reading(where, ranks[0], full)
        self.batch, self.lengths = self.split(full)
        self.n = math.prod(self.lengths)
        self.mask = None if mask is None else self.merge(mask)
        self.place(self.batch)

    def broadcast_operands(self, operands, signature):
        """The shape of them all with their class axes last."""
        moved = [self.move(a).shape for a in operands]
        try:
            return broadcast_shapes(*moved)
        except ValueError:
            said = why_not_together(moved, [a.shape for a in operands])
            signature = signature and f" (signature {signature})"
            raise ValueError(f"{self.name}: {said}{signature}") from None

    def split(self, full):
        """Batch axes and class axes of a shape."""
        at = len(full) - self.k
        return full[:at], full[at:]

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

    def find_reading(self, where, rank, full):
        """The mask in the meaning that fits the operands, and the shape of all."""
        for mask in self.readings(where, rank):
            with contextlib.suppress(ValueError):
                return broadcast_shapes(full, mask.shape), mask
        raise ValueError(
            f"{self.name}: where of shape {where.shape} broadcasts neither to the operands nor to the "
            f"batch {self.split(full)[0]}"
        )

    def readings(self, where, rank):
        """What a mask may mean, the likelier first: elements where it has the rank of the first operand or of
        the largest, else whole rows.
        """
        elements = [self.move(where)] if where.ndim in (0, rank, self.rank) else []
        if where.ndim == self.rank:
            return elements
        return [*elements, where.reshape(where.shape + (1,) * self.k)]

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
        """A result without class axes, with axes of length 1 in their places."""
        return np.expand_dims(a, tuple(sorted(self.axes)))

    def lay_outputs(self, outs, along, keepdims):
        """A view of each output with its class axes last, where the result has any; None for one that is not
        of the result's shape.

        As for NumPy's gufuncs an output may have more batch axes than the result, which is broadcast over
        them, and lack leading ones of length 1; results of other outputs have those axes too.
        """
        laid, heads = [], []
        for o, lies in zip(outs, along, strict=True):
            core = self.lengths if lies else (1,) * self.k if keepdims else ()
            o = self.lay_output(o, core)
            laid.append(o)
            heads.append(None if o is None else o.shape[: o.ndim - len(core)])
        with contextlib.suppress(ValueError):
            self.place(broadcast_shapes(self.whole, *[head for head in heads if head is not None]))
        return [
            o if o is not None and (1,) * (len(self.whole) - len(head)) + head == self.whole else None
            for o, head in zip(laid, heads, strict=True)
        ]

    def lay_output(self, o, core):
        """One output with its class axes last, if these have the lengths `core`; else None."""
        if o is None or o.ndim < len(core):
            return None
        laid = self.move_output(o) if core else o
        return laid if laid is not None and laid.shape[laid.ndim - len(core) :] == core else None

    def shape_of(self, along, keepdims):
        """The shape of a result as the caller gets it."""
        if along:
            return self.full
        if keepdims:
            return tuple(1 if i in self.axes else n for i, n in enumerate(self.full))
        return self.whole
