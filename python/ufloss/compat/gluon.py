"""`mxnet.gluon.loss` of MXNet 1.x on NumPy arrays: classes that are called with predictions and labels.

A loss is made with its options, a factor `weight` and the `batch_axis`; a call gives one number a sample, the
mean over the other axes of the weighted losses (a mean, although MXNet documents a sum), never divided by the
weights.  ``loss.grad``, with the arguments of the call, gives the gradient of the sum of these numbers with
respect to the first of them: what ``backward`` leaves there.  ``loss.grads`` gives one for each input where
there are several.  Integer predictions count as float64; weights and labels do not widen float32 predictions.
Sums are added up in float64, in an order that only the shape decides; what weighs 0 counts as removed, so
that its numbers, labels and lengths may be anything.  Arguments become plain arrays: masked elements are a
TypeError.
"""

import contextlib
import math
import numbers

import numpy as np

import ufloss as ul
from ufloss._broadcast import normalize_axes
from ufloss._errors import choose

from . import _operators
from ._common import (
    BlankApart,
    as_floats,
    as_integers,
    as_labels,
    as_lengths,
    as_real,
    cast,
    divide,
    pull,
    quiet,
    slope_of,
    total,
    total_of,
    weigh,
    widen,
)

__all__ = [
    "CTCLoss",
    "CosineEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "L2Loss",
    "LogisticLoss",
    "Loss",
    "PoissonNLLLoss",
    "SDMLLoss",
    "SigmoidBCELoss",
    "SigmoidBinaryCrossEntropyLoss",
    "SoftmaxCELoss",
    "SoftmaxCrossEntropyLoss",
    "SquaredHingeLoss",
    "TripletLoss",
]


def reshape_like(name, x, pred, size_of="pred"):
    """An argument in the shape of the predictions, of which only the number of elements must agree; never
    wider than they are.
    """
    x = as_real(name, x)
    if x.size != pred.size:
        raise ValueError(
            f"{name} of shape {x.shape} does not have as many elements as {size_of} of shape {pred.shape}"
        )
    return np.asarray(cast(x, pred.dtype) if x.dtype.kind == "f" else x).reshape(pred.shape)


def spread(name, weight, shape):
    """A weight in float64, broadcast to the shape of what it weighs."""
    weight = as_real(name, weight).astype(float)
    try:
        return np.broadcast_to(weight, shape)
    except ValueError:
        raise ValueError(f"{name} of shape {weight.shape} does not broadcast to {shape}") from None


def number(name, x):
    if not isinstance(x, numbers.Real):
        raise ValueError(f"{name} must be a number, not {x!r}")
    return x


def the_axis(axis, ndim, what="axis"):
    return normalize_axes(axis, ndim, what=what, many=False)[0]


def product(weights, factor):
    """Weights times a factor of all losses: 0 where one of them is, whatever the other."""
    if weights is None:
        return factor
    return weights * factor if factor and math.isfinite(factor) else weigh(np.array(weights), factor)


def as_classes(label, classes, counts):
    """Labels clipped into the classes, as MXNet's pick does; 0 where a label does not count, whatever
    it is.
    """
    label = label if np.all(counts) else np.where(counts, label, 0)
    if label.dtype.kind == "f" and np.isnan(label).any():
        raise ValueError("label has NaN")
    return np.clip(label.astype(float) if label.dtype.kind == "f" else label, 0, classes - 1).astype(np.int64)


def _reshape_like(F, x, y):
    """What losses derived from MXNet's use of its module: an array in the shape of another."""
    return reshape_like("x", x, np.asarray(y), "y")


def _apply_weighting(F, loss, weight=None, sample_weight=None):
    """What losses derived from MXNet's use of its module: losses times both weights."""
    loss = loss if sample_weight is None else F.broadcast_mul(loss, sample_weight)
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
        self._weight, self._batch_axis = weight if weight is None else number("weight", weight), batch_axis
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
        return None if sample_weight is None else spread("sample_weight", sample_weight, shape), factor

    def _factor(self, sample_weight, shape):
        """The product of both weights, in the shape of the losses."""
        weights, factor = self._weights(sample_weight, shape)
        return np.full(shape, factor) if weights is None else product(weights, factor)

    def _others(self, ndim):
        """The axes over which the mean goes."""
        batch = the_axis(self._batch_axis, ndim, "batch_axis")
        return tuple(i for i in range(ndim) if i != batch)


class Elementwise(Loss):
    """A loss of each element, then weights, then the mean; `_terms` gives the ufunc and its arguments."""

    _second, _mean = "label", True

    def _prepare(self, pred, label, sample_weight, *options):
        """The predictions' type, the ufunc, its arguments, the sample weights, the factor of all losses and
        how many a mean has.
        """
        pred = as_floats(pred, "pred")
        x = widen(pred)
        ufunc, args = self._terms(x, reshape_like(self._second, label, x), *options)
        weights, factor = self._weights(sample_weight, x.shape)
        share = math.prod(x.shape[i] for i in self._others(x.ndim)) if self._mean else 1
        return pred.dtype, ufunc, (x, *args), weights, factor, share

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """The losses, one a sample."""
        return self._call(pred, label, sample_weight)

    @quiet
    def grad(self, pred, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        return self._grad(pred, label, sample_weight)

    def _call(self, pred, label, sample_weight, *options):
        dtype, ufunc, args, weights, factor, share = self._prepare(pred, label, sample_weight, *options)
        return cast(
            divide(weigh(total_of(ufunc, args, self._others(args[0].ndim), weights), factor), share), dtype
        )

    def _grad(self, pred, label, sample_weight, *options):
        dtype, ufunc, args, weights, factor, share = self._prepare(pred, label, sample_weight, *options)
        factor /= max(1, share)
        return np.asarray(cast(slope_of(ufunc.grad, args, product(weights, factor)), dtype))


class L2Loss(Elementwise):
    """Half the squared error; `weight` must be a number."""

    @quiet
    def __init__(self, weight=1.0, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        if weight is None:
            raise ValueError("weight must be a number, not None")

    def _terms(self, pred, label):
        return ul.l2_loss, (label,)


class L1Loss(Elementwise):
    """Absolute error."""

    @quiet
    def __init__(self, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)

    def _terms(self, pred, label):
        return ul.absolute_error, (label,)


class HuberLoss(Elementwise):
    """Huber loss divided by `rho`: (label - pred)**2 / (2 * rho) up to an error of `rho`, which is not
    optax's scale.
    """

    @quiet
    def __init__(self, rho=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._rho = number("rho", rho)

    def _terms(self, pred, label):
        return ul.smooth_l1_loss, (label, self._rho)


class HingeLoss(Elementwise):
    """Hinge loss of labels -1 and 1."""

    _loss = ul.hinge_loss

    @quiet
    def __init__(self, margin=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = number("margin", margin)

    def _terms(self, pred, label):
        return self._loss, (label, self._margin)


class SquaredHingeLoss(HingeLoss):
    """Squared hinge loss of labels -1 and 1 (MXNet's text calls it soft-margin)."""

    _loss = ul.squared_hinge_loss


class LogisticLoss(Elementwise):
    """Logistic loss; `label_format` is "signed" for labels -1 and 1, else "binary" for 0 and 1.

    Other signed labels l count as the probability (l + 1) / 2, as in MXNet's code, not as in its formula.
    """

    @quiet
    def __init__(self, weight=None, batch_axis=0, label_format="signed", **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._label_format = choose("label_format", label_format, ("signed", "binary"))

    def _terms(self, pred, label):
        return ul.sigmoid_binary_cross_entropy, (
            (cast(label, pred.dtype) + 1) / 2 if self._label_format == "signed" else label,
        )


class SigmoidBinaryCrossEntropyLoss(Elementwise):
    """Binary cross-entropy of logits, or of probabilities for `from_sigmoid`.

    The call takes ``pos_weight``, a factor of the positive term that broadcasts to `pred`. Probabilities have
    1e-12 added under the logarithm.
    """

    @quiet
    def __init__(self, from_sigmoid=False, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_sigmoid = from_sigmoid

    def _terms(self, pred, label, pos_weight):
        pos_weight = (
            1 if pos_weight is None else cast(spread("pos_weight", pos_weight, pred.shape), pred.dtype)
        )
        return (
            (ul.binary_cross_entropy, (label, pos_weight, 1e-12))
            if self._from_sigmoid
            else (ul.sigmoid_binary_cross_entropy, (label, pos_weight))
        )

    def hybrid_forward(self, F, pred, label, sample_weight=None, pos_weight=None):
        """The losses, one a sample."""
        return self._call(pred, label, sample_weight, pos_weight)

    @quiet
    def grad(self, pred, label, sample_weight=None, pos_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        return self._grad(pred, label, sample_weight, pos_weight)


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss


class PoissonNLLLoss(Elementwise):
    """Poisson negative log-likelihood of log rates, or of rates without `from_logits`.

    As in MXNet 1.x the result is *one* number, the mean over everything; ``reduction="batch"`` gives MXNet
    2's number a sample. `compute_full` adds Stirling's approximation where the target exceeds 1 (MXNet: NaN
    at 0). `epsilon`, of the call, is added to rates under the logarithm.
    """

    _second = "target"

    @quiet
    def __init__(
        self, weight=None, from_logits=True, batch_axis=0, compute_full=False, reduction="mean", **kwargs
    ):
        super().__init__(weight, batch_axis, **kwargs)
        reduction = choose("reduction", reduction, ("mean", "batch"))
        self._from_logits, self._compute_full, self._reduction = from_logits, compute_full, reduction

    def _others(self, ndim):
        return tuple(range(ndim)) if self._reduction == "mean" else super()._others(ndim)

    def _terms(self, pred, target, epsilon):
        epsilon = number("epsilon", epsilon[()] if isinstance(epsilon, np.ndarray) else epsilon)
        return (ul.poisson_nll_loss, (target,)) if self._from_logits else (ul.poisson_loss, (target, epsilon))

    def hybrid_forward(self, F, pred, target, sample_weight=None, epsilon=1e-08):
        """The mean of the losses, or one a sample."""
        dtype, ufunc, args, weights, factor, share = self._prepare(pred, target, sample_weight, epsilon)
        others = self._others(args[0].ndim)
        loss = total_of(ufunc, args, others, weights)
        if self._compute_full:
            loss = loss + total_of(
                ul.stirling_term, (np.asarray(cast(args[1], args[0].dtype)),), others, weights
            )
        return cast(divide(weigh(loss, factor), share), dtype)

    @quiet
    def grad(self, pred, target, sample_weight=None, epsilon=1e-08):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        return self._grad(pred, target, sample_weight, epsilon)


class KLDivLoss(Elementwise):
    """Kullback-Leibler divergence of log-probabilities, or of scores along `axis` without `from_logits`.

    The *mean* of its terms over all axes but the batch's, as in MXNet up to 1.8 and in 2, not the sum over
    classes; ``reduction="sum"`` gives the sum, as in MXNet 1.9. A label of 0 gives 0 also where the
    prediction is -inf (MXNet: NaN).
    """

    @quiet
    def __init__(self, from_logits=True, axis=-1, weight=None, batch_axis=0, reduction="mean", **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        reduction = choose("reduction", reduction, ("mean", "sum"))
        self._from_logits, self._axis, self._mean = from_logits, axis, reduction == "mean"

    def _terms(self, pred, label):
        return ul.kl_div, (label,)

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """The losses, one a sample."""
        pred = as_floats(pred, "pred")
        if self._from_logits:
            return self._call(pred, label, sample_weight)
        x = widen(pred)
        axis, others = the_axis(self._axis, x.ndim), self._others(x.ndim)
        if sample_weight is not None or axis not in others:
            return cast(self._call(ul.log_softmax(x, axis=axis), label, sample_weight), pred.dtype)
        # Rows as a whole keep digits that their terms lose to one another.
        _, _, (_, label), _, factor, share = self._prepare(x, label, None)
        rows = ul.softmax_kl_divergence(x, label, axis=axis, keepdims=True)
        return cast(divide(weigh(total(rows, others), factor), share), pred.dtype)

    @quiet
    def grad(self, pred, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        pred = as_floats(pred, "pred")
        x = widen(pred)
        slope = self._grad(x, label, sample_weight)  # linear in log-probabilities: minus the labels, weighted
        if not self._from_logits:
            axis = the_axis(self._axis, x.ndim)
            kept = {}
            if sample_weight is not None or self._weight == 0:  # of a row that weighs 0 the scores may be NaN
                kept["where"] = np.any(self._factor(sample_weight, x.shape) != 0, axis, keepdims=True)
            slope = ul.softmax_cross_entropy.grad(x, -slope, axis=self._axis, **kept)  # -1 is the fastest way
        return cast(slope, pred.dtype)


class SoftmaxCrossEntropyLoss(Loss):
    """Softmax cross-entropy over `axis`.

    Labels are classes, of the shape of `pred` without `axis`; those out of range are clipped into it, as in
    MXNet. Without `sparse_label` they are distributions with as many elements as `pred`. `from_logits` says
    that `pred` holds *log-probabilities*. Weights broadcast to the labels' shape, as documented, or to that
    of `pred` with one class, as MXNet's code has it.
    """

    @quiet
    def __init__(self, axis=-1, sparse_label=True, from_logits=False, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._axis, self._sparse_label, self._from_logits = axis, sparse_label, from_logits

    def _prepare(self, pred, label, sample_weight):
        pred = as_floats(pred, "pred")
        x = widen(pred)
        axis = the_axis(self._axis, x.ndim)
        one, batch = (*x.shape[:axis], 1, *x.shape[axis + 1 :]), (*x.shape[:axis], *x.shape[axis + 1 :])
        if not self._sparse_label:
            ufunc, label = (
                ul.nll_loss if self._from_logits else ul.softmax_cross_entropy,
                reshape_like("label", label, x),
            )
        elif np.shape(label) not in (one, batch):
            raise ValueError(f"label has shape {np.shape(label)}, not {batch}")
        else:
            ufunc = (
                ul.nll_loss_with_integer_labels
                if self._from_logits
                else ul.softmax_cross_entropy_with_integer_labels
            )
            label = as_integers("label", label).reshape(batch)
        if sample_weight is not None and np.ndim(sample_weight) < x.ndim:
            sample_weight = np.expand_dims(spread("sample_weight", sample_weight, batch), axis)
        others, (weights, factor) = self._others(x.ndim), self._weights(sample_weight, one)
        if self._sparse_label:
            counts = np.not_equal(product(weights, factor), 0)
            label = as_classes(label, x.shape[axis], counts if weights is None else counts.reshape(batch))
        return (
            pred.dtype,
            ufunc,
            (x, label),
            axis,
            (weights, factor),
            others,
            math.prod(one[i] for i in others),
        )

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """The losses, one a sample."""
        dtype, ufunc, args, axis, (weights, factor), others, share = self._prepare(pred, label, sample_weight)
        return cast(
            divide(weigh(total_of(ufunc, args, others, weights, axis=axis, keepdims=True), factor), share),
            dtype,
        )

    @quiet
    def grad(self, pred, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        dtype, ufunc, args, axis, (weights, factor), _, share = self._prepare(pred, label, sample_weight)
        factor /= max(1, share)
        return np.asarray(cast(slope_of(ufunc.grad, args, product(weights, factor), axis=axis), dtype))


SoftmaxCELoss = SoftmaxCrossEntropyLoss


class TripletLoss(Loss):
    """Triplet loss of squared distances, summed over all axes but the batch's; `sample_weight` is MXNet
    2's.
    """

    @quiet
    def __init__(self, margin=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = number("margin", margin)

    def _prepare(self, pred, positive, negative, sample_weight):
        pred = as_floats(pred, "pred")
        x = widen(pred)
        others = self._others(x.ndim)
        factor = self._factor(sample_weight, (x.shape[self._batch_axis],))
        return (
            pred.dtype,
            (x, reshape_like("positive", positive, x), reshape_like("negative", negative, x), self._margin),
            others,
            factor,
        )

    def hybrid_forward(self, F, pred, positive, negative, sample_weight=None):
        """The losses, one a sample."""
        dtype, args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        return cast(slope_of(ul.squared_triplet_loss, args, factor, axis=others), dtype)

    @quiet
    def grad(self, pred, positive, negative, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        dtype, args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        return np.asarray(
            cast(
                slope_of(ul.squared_triplet_loss.grad, args, np.expand_dims(factor, others), axis=others),
                dtype,
            )
        )

    @quiet
    def grads(self, pred, positive, negative, sample_weight=None):
        """Gradients of the sum of the losses with respect to `pred`, `positive` and `negative`, each in the
        shape of its own.
        """
        dtype, args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        slopes, factor = ul.squared_triplet_loss.grads(*args, axis=others), np.expand_dims(factor, others)
        return tuple(
            cast(weigh(g, factor), dtype).reshape(np.shape(x))
            for g, x in zip(slopes, (pred, positive, negative), strict=True)
        )


class CosineEmbeddingLoss(Loss):
    """Cosine embedding loss: 1 - cosine for the label 1, max(0, cosine - margin) for -1, 0 for any other.

    Vectors lie along the last axis; the result has the shape (vectors,) as documented, where MXNet 1.x gives
    (vectors, 1).
    """

    @quiet
    def __init__(self, weight=None, batch_axis=0, margin=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = number("margin", margin)

    def _prepare(self, input1, input2, label, sample_weight):
        second = as_floats(input2, "input2")
        dtype, second = second.dtype, widen(second)
        first = reshape_like("input1", as_floats(input1, "input1"), second, "input2")
        if not second.ndim:
            raise ValueError("input2 has no axis of vectors")
        rows, label = (math.prod(second.shape[:-1]), second.shape[-1]), as_real("label", label).reshape(-1)
        first, second = first.reshape(rows), second.reshape(rows)
        if label.shape != first.shape[:1]:
            raise ValueError(f"label has {label.size} elements, not {len(first)}, one for each vector")
        if np.shape(sample_weight)[1:] == (1,):
            sample_weight = as_real("sample_weight", sample_weight)[:, 0]
        known = (label == 1) | (label == -1)
        label, factor = (
            np.where(known, label, 1).astype(first.dtype),
            np.where(known, self._factor(sample_weight, label.shape), 0.0),
        )
        return dtype, (first, second, label, self._margin, 1e-12), factor

    def hybrid_forward(self, F, input1, input2, label, sample_weight=None):
        """The losses, one a vector."""
        dtype, args, factor = self._prepare(input1, input2, label, sample_weight)
        return cast(weigh(ul.cosine_embedding_loss(*args), factor), dtype)

    @quiet
    def grad(self, input1, input2, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `input1`; the arguments are those of the call."""
        dtype, args, factor = self._prepare(input1, input2, label, sample_weight)
        return cast(weigh(ul.cosine_embedding_loss.grad(*args), factor[:, None]), dtype).reshape(
            np.shape(input1)
        )

    @quiet
    def grads(self, input1, input2, label, sample_weight=None):
        """Gradients of the sum of the losses with respect to `input1` and `input2`, each in the shape of its
        own.
        """
        dtype, args, factor = self._prepare(input1, input2, label, sample_weight)
        slopes = ul.cosine_embedding_loss.grads(*args)
        return tuple(
            cast(weigh(g, factor[:, None]), dtype).reshape(np.shape(x))
            for g, x in zip(slopes, (input1, input2), strict=True)
        )


class SDMLLoss(Loss):
    """Smoothed deep metric learning loss of MXNet 1.7 to 1.9: rows of `x1` belong to the rows of `x2` at the
    same place.

    For each row of `x1` the divergence of softmax(-squared distances to the rows of `x2`) from a smoothed
    identity. That is its sum over the batch's columns; ``reduction="mean"`` gives their mean, as in MXNet 2.
    `weight` counts here, where MXNet takes it and forgets it.
    """

    @quiet
    def __init__(self, smoothing_parameter=0.3, weight=1.0, batch_axis=0, reduction="sum", **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        reduction = choose("reduction", reduction, ("mean", "sum"))
        self.smoothing_parameter, self._mean = (
            number("smoothing_parameter", smoothing_parameter),
            reduction == "mean",
        )

    def _prepare(self, x1, x2):
        """The result's type, both inputs and the scores in float64, the targets, and the factor of all
        losses.
        """
        x1, x2 = as_floats(x1, "x1"), as_floats(x2, "x2")
        if x1.ndim != 2 or x1.shape != x2.shape or len(x1) < 2:
            raise ValueError(
                f"x1 of shape {x1.shape} and x2 of shape {x2.shape}: two or more vectors each are needed"
            )
        n, dtype = len(x1), x1.dtype
        targets = np.full((n, n), self.smoothing_parameter / (n - 1))
        np.fill_diagonal(targets, 1 - self.smoothing_parameter)
        x1, x2 = x1.astype(float), x2.astype(float)
        scores = -np.stack([total(ul.squared_error(row, x2), -1) for row in x1])
        return (
            dtype,
            x1,
            x2,
            scores,
            targets,
            (1.0 if self._weight is None else float(self._weight)) / (n if self._mean else 1),
        )

    def hybrid_forward(self, F, x1, x2):
        """The losses, one a sample."""
        dtype, _, _, scores, targets, factor = self._prepare(x1, x2)
        return cast(weigh(ul.softmax_kl_divergence(scores, targets), factor), dtype)

    def _slopes(self, x1, x2):
        """The result's type, both inputs about their common centre, and twice the slopes of the scores."""
        dtype, x1, x2, scores, targets, factor = self._prepare(x1, x2)
        if not factor:  # slopes of 0 would still meet NaN
            x1, x2 = np.zeros(x1.shape), np.zeros(x2.shape)
        centre = divide(total(x1, 0) + total(x2, 0), 2 * len(x1))
        return (
            dtype,
            x1 - centre,
            x2 - centre,
            weigh(ul.softmax_kl_divergence.grad(scores, targets), 2 * factor),
        )

    @quiet
    def grad(self, x1, x2):
        """Gradient of the sum of the losses with respect to `x1`; the arguments are those of the call."""
        dtype, x1, x2, slopes = self._slopes(x1, x2)
        return cast(pull(slopes, x2, x1), dtype)

    @quiet
    def grads(self, x1, x2):
        """Gradients of the sum of the losses with respect to `x1` and `x2`."""
        dtype, x1, x2, slopes = self._slopes(x1, x2)
        return cast(pull(slopes, x2, x1), dtype), cast(pull(np.ascontiguousarray(slopes.T), x1, x2), dtype)


class CTCLoss(Loss):
    """CTC loss of scores; the blank is the last class.

    Parameters
    ----------
    layout : {"NTC", "TNC"}
        Axes of `pred`: batch, frames, classes.
    label_layout : {"NT", "TN"}
        Axes of `label`.
    weight : float or None
        A factor of all losses.

    Notes
    -----
    The call takes ``(pred, label, pred_lengths=None, label_lengths=None, sample_weight=None)`` and gives a
    loss a sample, of which there is no mean. Without `label_lengths` a label ends at its first -1. As in
    MXNet, a label that does not fit its frames costs 0 with gradient 0, where ``ufloss.ctc.loss`` gives inf,
    and the last class inside a label is a symbol like others.
    """

    @quiet
    def __init__(self, layout="NTC", label_layout="NT", weight=None, **kwargs):
        self._layout = choose("layout", layout, ("NTC", "TNC"))
        self._label_layout = choose("label_layout", label_layout, ("NT", "TN"))
        super().__init__(weight, self._label_layout.find("N"), **kwargs)

    def _prepare(self, pred, label, pred_lengths, label_lengths, sample_weight):
        pred, label = as_floats(pred, "pred"), as_real("label", label)
        dtype, pred = pred.dtype, widen(pred)
        if pred.ndim != 3 or label.ndim != 2:
            raise ValueError(
                f"pred of shape {pred.shape} and label of shape {label.shape}: three and two axes are needed"
            )
        pred = pred if self._layout == "NTC" else pred.swapaxes(0, 1)
        label = label if self._label_layout == "NT" else label.T
        n, frames = pred.shape[:2]
        width = label.shape[1]
        if len(label) != n or width > frames:
            raise ValueError(f"label: {len(label)} of length {width} do not fit pred: {n} of {frames} frames")
        factor = self._factor(sample_weight, (n,))
        counts = factor != 0
        pred_lengths = (
            np.full(n, frames)
            if pred_lengths is None
            else as_lengths("pred_lengths", pred_lengths, (n,), frames, counts)
        )
        if label_lengths is None:
            label_lengths = np.argmax(np.concatenate([label == -1, np.ones((n, 1), bool)], 1), 1)
        label_lengths = as_lengths("label_lengths", label_lengths, (n,), width, counts)
        used = np.arange(width) < label_lengths[:, None]
        label = as_labels("label", label, used, pred.shape[-1])
        problem = BlankApart(pred, label, used, pred.shape[2] - 1)
        possible = ul.ctc.feasible(label, pred_lengths, label_lengths)
        args = problem.scores, problem.labels, pred_lengths, label_lengths, problem.blank
        taken = (np.arange(frames) < pred_lengths[:, None]) & possible[:, None]
        return dtype, pred, args, problem, taken, possible, factor

    def hybrid_forward(self, F, pred, label, pred_lengths=None, label_lengths=None, sample_weight=None):
        """The losses, one a sample."""
        dtype, _, args, problem, taken, possible, factor = self._prepare(
            pred, label, pred_lengths, label_lengths, sample_weight
        )
        loss = ul.ctc.loss(*args) - total(problem.surplus(taken), -1)
        return cast(weigh(np.where(possible, loss, 0.0), factor), dtype)

    @quiet
    def grad(self, pred, label, pred_lengths=None, label_lengths=None, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        dtype, pred, args, problem, taken, _, factor = self._prepare(
            pred, label, pred_lengths, label_lengths, sample_weight
        )
        slope = cast(
            weigh(problem.gradient(ul.ctc.loss.grad(*args), pred, taken), factor[:, None, None]), dtype
        )
        return slope if self._layout == "NTC" else slope.swapaxes(0, 1)
