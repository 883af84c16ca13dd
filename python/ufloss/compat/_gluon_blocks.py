"""The base of MXNet's losses, a block without parameters."""

import contextlib

import numpy as np

from . import _operators
from ._common import quiet
from ._gluon_arguments import number, product, reshape_like, single_axis, spread


def _reshape_like(F, x, y):
    """What losses derived from MXNet's use of its module: an array in the shape of another."""
    return reshape_like("x", x, np.asarray(y), "y")


def _apply_weighting(F, loss, weight=None, sample_weight=None):
    """What losses derived from MXNet's use of its module: losses times both weights."""
    if sample_weight is not None:
        loss = F.broadcast_mul(loss, sample_weight)
    return loss if weight is None else loss * number("weight", weight)


class NoParameters(dict):
    """The parameters of a loss, of which there are none."""

    def initialize(self, *args, **kwargs):
        """Nothing to do."""

    setattr = zero_grad = reset_ctx = initialize


class Absent:
    """A gradient that a class with a `hybrid_forward` of its own does not inherit, since it would be that of
    another loss.
    """

    def __get__(self, instance, owner):
        raise AttributeError(f"{owner.__name__} has a forward of its own, whose gradient is not known")


class Loss:
    """Base of the losses.

    A class derived from it, or from one of the losses, that has a method ``hybrid_forward(self, F, ...)`` or
    ``forward(self, ...)`` is a loss too: `F` has the operators of MXNet that losses use, on NumPy arrays. It
    has a gradient where it has a method `grad`.

    Parameters
    ----------
    weight : float or None
        A factor of all losses.
    batch_axis : int
        The axis of the samples.
    prefix, params
        Taken, as by any block of MXNet; the prefix is the loss's name.

    Notes
    -----
    The methods of a block are there: `initialize`, `hybridize`, `cast` and `apply` have nothing to do,
    `collect_params` gives nothing.
    """

    @quiet
    def __init__(self, weight, batch_axis, prefix=None, params=None):
        self._weight = weight if weight is None else number("weight", weight)
        self._batch_axis = batch_axis
        self.prefix = f"{type(self).__name__.lower()}0_" if prefix is None else prefix

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if any(name in vars(cls) for name in ("__call__", "forward", "hybrid_forward")):
            for name in ("grad", "grads"):
                if name not in vars(cls) and hasattr(cls, name):
                    setattr(cls, name, Absent())

    def __repr__(self):
        return f"{type(self).__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    @quiet
    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self, *args, **kwargs):
        """What a call computes, from the same arguments."""
        return self.hybrid_forward(_operators, *args, **kwargs)

    def hybrid_forward(self, F, x, *args, **kwargs):
        """The losses; `F` has MXNet's operators."""
        raise NotImplementedError(f"{type(self).__name__} has no hybrid_forward")

    def initialize(self, init=None, ctx=None, verbose=False, force_reinit=False):
        """Nothing: there are no parameters."""

    def hybridize(self, active=True, **kwargs):
        """Nothing: there is no graph."""

    def cast(self, dtype):
        """Nothing: losses have the type of the predictions."""

    def apply(self, fn):
        """Call a function with this block."""
        fn(self)
        return self

    def collect_params(self, select=None):
        """No parameters."""
        return NoParameters()

    @property
    def params(self):
        """No parameters."""
        return NoParameters()

    @property
    def name(self):
        """The prefix without its last underscore."""
        return self.prefix.removesuffix("_")

    def name_scope(self):
        """A context in which nothing changes."""
        return contextlib.nullcontext()

    def _weights(self, sample_weight, shape):
        """The sample weights over losses of a shape, None for none; and the factor of all losses."""
        factor = 1.0 if self._weight is None else float(self._weight)
        if sample_weight is None:
            return None, factor
        return spread("sample_weight", sample_weight, shape), factor

    def _factor(self, sample_weight, shape):
        """The product of both weights, in the shape of the losses."""
        weights, factor = self._weights(sample_weight, shape)
        return np.full(shape, factor) if weights is None else product(weights, factor)

    def _others(self, ndim):
        """The axes over which the mean goes."""
        batch = single_axis(self._batch_axis, ndim, "batch_axis")
        return tuple(i for i in range(ndim) if i != batch)
