"""`mxnet.gluon.loss` of MXNet 1.5 and 1.6 on NumPy arrays: classes that are called with predictions and labels.

A loss is made with its options, a factor `weight` and the `batch_axis`; a call gives one number a sample, the mean over the other axes of
the weighted losses (a mean, although MXNet documents a sum), never divided by the weights.  ``loss.grad``, with the arguments of the call,
gives the gradient of the sum of these numbers with respect to the first of them: what ``backward`` leaves there.  Integer predictions
count as float64; weights and labels do not widen float32 predictions.
"""

import math
import numbers

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

import ufloss as ul

from ._common import BlankApart, as_floats, as_labels, as_lengths, as_real

__all__ = [
    "CTCLoss", "CosineEmbeddingLoss", "HingeLoss", "HuberLoss", "KLDivLoss", "L1Loss", "L2Loss", "LogisticLoss", "Loss", "PoissonNLLLoss",
    "SDMLLoss", "SigmoidBCELoss", "SigmoidBinaryCrossEntropyLoss", "SoftmaxCELoss", "SoftmaxCrossEntropyLoss", "SquaredHingeLoss",
    "TripletLoss",
]  # fmt: skip


def reshape_like(name, x, pred, size_of="pred"):
    """An argument in the shape of the predictions, of which only the number of elements must agree; never wider than they are."""
    x = np.asarray(as_real(name, x))
    if x.size != pred.size:
        raise ValueError(f"{name} of shape {x.shape} does not have as many elements as {size_of} of shape {pred.shape}")
    return (x.astype(pred.dtype) if x.dtype.kind == "f" else x).reshape(pred.shape)


def spread(name, weight, shape, dtype):
    """A weight broadcast to the shape of what it weighs."""
    weight = np.asarray(as_real(name, weight), dtype)
    try:
        return np.broadcast_to(weight, shape)
    except ValueError:
        raise ValueError(f"{name} of shape {weight.shape} does not broadcast to {shape}") from None


def number(name, x):
    if not isinstance(x, numbers.Real):
        raise ValueError(f"{name} must be a number, not {x!r}")
    return x


def as_classes(label, classes):
    """Labels clipped into the classes, as MXNet's pick does."""
    label = as_real("label", label)
    if label.dtype.kind == "f" and np.isnan(label).any():
        raise ValueError("label has NaN")
    return np.clip(label, 0, classes - 1).astype(np.int64)


class Loss:
    """Base of the losses.

    Parameters
    ----------
    weight : float or None
        A factor of all losses.
    batch_axis : int
        The axis of the samples.
    prefix, params
        Taken, as by any block of MXNet, and not used.
    """

    def __init__(self, weight, batch_axis, prefix=None, params=None):
        self._weight, self._batch_axis = weight if weight is None else number("weight", weight), batch_axis

    def __repr__(self):
        return f"{type(self).__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    def _factor(self, sample_weight, shape, dtype):
        """The product of both weights, in the shape of the losses before their mean."""
        weight = np.ones(shape, dtype) if sample_weight is None else spread("sample_weight", sample_weight, shape, dtype)
        return weight if self._weight is None else weight * dtype.type(self._weight)

    def _others(self, ndim):
        """The axes over which the mean goes."""
        batch = normalize_axis_index(self._batch_axis, ndim, "batch_axis")
        return tuple(i for i in range(ndim) if i != batch)


class Elementwise(Loss):
    """A loss of each element, then weights, then the mean; `_terms` gives the ufunc and its arguments."""

    def _prepare(self, pred, label, sample_weight, *options):
        pred = as_floats(pred)
        ufunc, args = self._terms(pred, reshape_like(self._second, label, pred), *options)
        return pred, ufunc, args, self._factor(sample_weight, pred.shape, pred.dtype)

    _second = "label"

    def __call__(self, pred, label, sample_weight=None):
        return self._call(pred, label, sample_weight)

    def grad(self, pred, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        return self._grad(pred, label, sample_weight)

    def _call(self, pred, label, sample_weight, *options):
        pred, ufunc, args, factor = self._prepare(pred, label, sample_weight, *options)
        return np.mean(ufunc(pred, *args) * factor, axis=self._others(pred.ndim))

    def _grad(self, pred, label, sample_weight, *options):
        pred, ufunc, args, factor = self._prepare(pred, label, sample_weight, *options)
        share = max(1, np.prod([pred.shape[i] for i in self._others(pred.ndim)], dtype=int))
        return ufunc.grad(pred, *args) * (factor * pred.dtype.type(1 / share))


class L2Loss(Elementwise):
    """Half the squared error; `weight` must be a number."""

    def __init__(self, weight=1.0, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        if weight is None:
            raise ValueError("weight must be a number, not None")

    def _terms(self, pred, label):
        return ul.l2_loss, (label,)


class L1Loss(Elementwise):
    """Absolute error."""

    def __init__(self, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)

    def _terms(self, pred, label):
        return ul.absolute_error, (label,)


class HuberLoss(Elementwise):
    """Huber loss divided by `rho`: (label - pred)**2 / (2 * rho) up to an error of `rho`, which is not optax's scale."""

    def __init__(self, rho=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._rho = number("rho", rho)

    def _terms(self, pred, label):
        return ul.smooth_l1_loss, (label, self._rho)


class HingeLoss(Elementwise):
    """Hinge loss of labels -1 and 1."""

    _loss = ul.hinge_loss

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

    def __init__(self, weight=None, batch_axis=0, label_format="signed", **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        if label_format not in ("signed", "binary"):
            raise ValueError(f"label_format must be 'signed' or 'binary', not {label_format!r}")
        self._label_format = label_format

    def _terms(self, pred, label):
        return ul.sigmoid_binary_cross_entropy, ((label.astype(pred.dtype) + 1) / 2 if self._label_format == "signed" else label,)


class SigmoidBinaryCrossEntropyLoss(Elementwise):
    """Binary cross-entropy of logits, or of probabilities for `from_sigmoid`.

    The call takes ``pos_weight``, a factor of the positive term that broadcasts to `pred`. Probabilities have 1e-12 added under the
    logarithm.
    """

    def __init__(self, from_sigmoid=False, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_sigmoid = from_sigmoid

    def _terms(self, pred, label, pos_weight):
        pos_weight = 1 if pos_weight is None else spread("pos_weight", pos_weight, pred.shape, pred.dtype)
        return (ul.binary_cross_entropy, (label, pos_weight, 1e-12)) if self._from_sigmoid else (ul.sigmoid_binary_cross_entropy, (label, pos_weight))

    def __call__(self, pred, label, sample_weight=None, pos_weight=None):
        return self._call(pred, label, sample_weight, pos_weight)

    def grad(self, pred, label, sample_weight=None, pos_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        return self._grad(pred, label, sample_weight, pos_weight)


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss


class PoissonNLLLoss(Elementwise):
    """Poisson negative log-likelihood of log rates, or of rates without `from_logits`.

    As in MXNet 1.x the result is *one* number, the mean over everything; ``reduction="batch"`` gives MXNet 2's number a sample.
    `compute_full` adds Stirling's approximation where the target exceeds 1 (MXNet: NaN at 0). `epsilon`, of the call, is added to rates
    under the logarithm.
    """

    _second = "target"

    def __init__(self, weight=None, from_logits=True, batch_axis=0, compute_full=False, reduction="mean", **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        if reduction not in ("mean", "batch"):
            raise ValueError(f"reduction must be 'mean' or 'batch', not {reduction!r}")
        self._from_logits, self._compute_full, self._reduction = from_logits, compute_full, reduction

    def _others(self, ndim):
        return tuple(range(ndim)) if self._reduction == "mean" else super()._others(ndim)

    def _terms(self, pred, target, epsilon):
        return (ul.poisson_nll_loss, (target,)) if self._from_logits else (ul.poisson_loss, (target, epsilon))

    def __call__(self, pred, target, sample_weight=None, epsilon=1e-08):
        pred, ufunc, args, factor = self._prepare(pred, target, sample_weight, epsilon)
        loss = ufunc(pred, *args)
        if self._compute_full:
            loss = loss + ul.stirling_term(args[0].astype(pred.dtype))
        return np.mean(loss * factor, axis=self._others(pred.ndim))

    def grad(self, pred, target, sample_weight=None, epsilon=1e-08):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        return self._grad(pred, target, sample_weight, epsilon)


class KLDivLoss(Elementwise):
    """Kullback-Leibler divergence of log-probabilities, or of scores along `axis` without `from_logits`.

    The *mean* of its terms over all axes but the batch's, not the sum over classes. A label of 0 gives 0 also where the prediction is -inf
    (MXNet: NaN).
    """

    def __init__(self, from_logits=True, axis=-1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits, self._axis = from_logits, axis

    def _terms(self, pred, label):
        return ul.kl_div, (label,)

    def __call__(self, pred, label, sample_weight=None):
        pred = as_floats(pred)
        if self._from_logits:
            return super().__call__(pred, label, sample_weight)
        axis, others = normalize_axis_index(self._axis, pred.ndim, "axis"), self._others(pred.ndim)
        if sample_weight is not None or axis not in others:
            return super().__call__(ul.log_softmax(pred, axis=axis), label, sample_weight)
        # Rows as a whole keep digits that their terms lose to one another.
        rows = ul.softmax_kl_divergence(pred, reshape_like("label", label, pred), axis=axis, keepdims=True)
        return np.mean(rows * self._factor(None, (), pred.dtype), axis=others) / pred.dtype.type(pred.shape[axis])

    def grad(self, pred, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        slope = super().grad(pred, label, sample_weight)  # linear in log-probabilities: minus the labels, weighted
        return slope if self._from_logits else ul.softmax_cross_entropy.grad(as_floats(pred), -slope, axis=self._axis)


class SoftmaxCrossEntropyLoss(Loss):
    """Softmax cross-entropy over `axis`.

    Labels are classes, of the shape of `pred` without `axis`; those out of range are clipped into it, as in MXNet. Without `sparse_label`
    they are distributions with as many elements as `pred`. `from_logits` says that `pred` holds *log-probabilities*. Weights broadcast to
    the labels' shape, as documented, or to that of `pred` with one class, as MXNet's code has it.
    """

    def __init__(self, axis=-1, sparse_label=True, from_logits=False, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._axis, self._sparse_label, self._from_logits = axis, sparse_label, from_logits

    def _prepare(self, pred, label, sample_weight):
        pred = as_floats(pred)
        axis = normalize_axis_index(self._axis, pred.ndim, "axis")
        one, batch = (*pred.shape[:axis], 1, *pred.shape[axis + 1 :]), (*pred.shape[:axis], *pred.shape[axis + 1 :])
        if not self._sparse_label:
            ufunc, label = ul.nll_loss if self._from_logits else ul.softmax_cross_entropy, reshape_like("label", label, pred)
        elif np.shape(label) not in (one, batch):
            raise ValueError(f"label has shape {np.shape(label)}, not {batch}")
        else:
            ufunc = ul.nll_loss_with_integer_labels if self._from_logits else ul.softmax_cross_entropy_with_integer_labels
            label = as_classes(label, pred.shape[axis]).reshape(batch)
        if sample_weight is not None and np.ndim(sample_weight) < pred.ndim:
            sample_weight = np.expand_dims(spread("sample_weight", sample_weight, batch, pred.dtype), axis)
        return pred, ufunc, label, axis, self._factor(sample_weight, one, pred.dtype)

    def __call__(self, pred, label, sample_weight=None):
        pred, ufunc, label, axis, factor = self._prepare(pred, label, sample_weight)
        return np.mean(ufunc(pred, label, axis=axis, keepdims=True) * factor, axis=self._others(pred.ndim))

    def grad(self, pred, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        pred, ufunc, label, axis, factor = self._prepare(pred, label, sample_weight)
        share = max(1, np.prod([factor.shape[i] for i in self._others(pred.ndim)], dtype=int))
        return ufunc.grad(pred, label, axis=axis) * (factor * pred.dtype.type(1 / share))


SoftmaxCELoss = SoftmaxCrossEntropyLoss


class TripletLoss(Loss):
    """Triplet loss of squared distances, summed over all axes but the batch's; `sample_weight` is MXNet 2's."""

    def __init__(self, margin=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = number("margin", margin)

    def _prepare(self, pred, positive, negative, sample_weight):
        pred = as_floats(pred)
        others = self._others(pred.ndim)
        factor = self._factor(sample_weight, (pred.shape[self._batch_axis],), pred.dtype)
        return (pred, reshape_like("positive", positive, pred), reshape_like("negative", negative, pred), self._margin), others, factor

    def __call__(self, pred, positive, negative, sample_weight=None):
        args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        return ul.squared_triplet_loss(*args, axis=others) * factor

    def grad(self, pred, positive, negative, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        return ul.squared_triplet_loss.grad(*args, axis=others) * np.expand_dims(factor, others)


class CosineEmbeddingLoss(Loss):
    """Cosine embedding loss: 1 - cosine for the label 1, max(0, cosine - margin) for -1, 0 for any other.

    Vectors lie along the last axis; the result has the shape (vectors,) as documented, where MXNet 1.x gives (vectors, 1).
    """

    def __init__(self, weight=None, batch_axis=0, margin=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = number("margin", margin)

    def _prepare(self, input1, input2, label, sample_weight):
        second = as_floats(input2)
        first = reshape_like("input1", as_floats(input1), second, "input2")
        if not second.ndim:
            raise ValueError("input2 has no axis of vectors")
        rows, label = (math.prod(second.shape[:-1]), second.shape[-1]), as_real("label", label).reshape(-1)
        first, second = first.reshape(rows), second.reshape(rows)
        if label.shape != first.shape[:1]:
            raise ValueError(f"label has {label.size} elements, not {len(first)}, one for each vector")
        if np.shape(sample_weight)[1:] == (1,):
            sample_weight = np.asarray(sample_weight)[:, 0]
        factor = self._factor(sample_weight, label.shape, first.dtype)
        return (first, second, label.astype(first.dtype), self._margin, 1e-12), np.where(abs(label) == 1, factor, first.dtype.type(0))

    def __call__(self, input1, input2, label, sample_weight=None):
        args, factor = self._prepare(input1, input2, label, sample_weight)
        return ul.cosine_embedding_loss(*args) * factor

    def grad(self, input1, input2, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `input1`; the arguments are those of the call."""
        args, factor = self._prepare(input1, input2, label, sample_weight)
        return (ul.cosine_embedding_loss.grad(*args) * factor[:, None]).reshape(np.shape(input1))


class SDMLLoss(Loss):
    """Smoothed deep metric learning loss of MXNet 1.7: rows of `x1` belong to the rows of `x2` at the same place.

    For each row of `x1` the divergence of softmax(-squared distances to the rows of `x2`) from a smoothed identity, as a mean over the
    batch's columns.
    """

    def __init__(self, smoothing_parameter=0.3, weight=1.0, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._smoothing = smoothing_parameter

    def _prepare(self, x1, x2):
        x1 = as_floats(x1)
        x2 = as_floats(x2).astype(x1.dtype)
        if x1.ndim != 2 or x1.shape != x2.shape or len(x1) < 2:
            raise ValueError(f"x1 of shape {x1.shape} and x2 of shape {x2.shape}: two or more vectors each are needed")
        targets = np.full((len(x1), len(x1)), self._smoothing / (len(x1) - 1), x1.dtype)
        np.fill_diagonal(targets, 1 - self._smoothing)
        scores = -np.sum(ul.squared_error(x1[:, None], x2), -1)
        return x1, x2, scores, targets, self._factor(None, (len(x1),), x1.dtype) / x1.dtype.type(len(x1))

    def __call__(self, x1, x2):
        _, _, scores, targets, factor = self._prepare(x1, x2)
        return ul.softmax_kl_divergence(scores, targets) * factor

    def grad(self, x1, x2):
        """Gradient of the sum of the losses with respect to `x1`; the arguments are those of the call."""
        x1, x2, scores, targets, factor = self._prepare(x1, x2)
        # d score_ij / d x1_i = 2 (x2_j - x1_i), and a row of slopes sums to 0
        return 2 * (ul.softmax_kl_divergence.grad(scores, targets) * factor[:, None]) @ x2


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
    The call takes ``(pred, label, pred_lengths=None, label_lengths=None, sample_weight=None)`` and gives a loss a sample, of which there is
    no mean. Without `label_lengths` a label ends at its first -1. As in MXNet, a label that does not fit its frames costs 0 with gradient
    0, where ``ufloss.ctc.loss`` gives inf, and the last class inside a label is a symbol like others.
    """

    def __init__(self, layout="NTC", label_layout="NT", weight=None, **kwargs):
        if layout not in ("NTC", "TNC"):
            raise ValueError(f"layout must be 'NTC' or 'TNC', not {layout!r}")
        if label_layout not in ("NT", "TN"):
            raise ValueError(f"label_layout must be 'NT' or 'TN', not {label_layout!r}")
        self._layout, self._label_layout = layout, label_layout
        super().__init__(weight, label_layout.find("N"), **kwargs)

    def _prepare(self, pred, label, pred_lengths, label_lengths, sample_weight):
        pred, label = as_floats(pred), np.asarray(label)
        if pred.ndim != 3 or label.ndim != 2:
            raise ValueError(f"pred of shape {pred.shape} and label of shape {label.shape}: three and two axes are needed")
        pred = pred if self._layout == "NTC" else pred.swapaxes(0, 1)
        label = label if self._label_layout == "NT" else label.T
        n, frames = pred.shape[:2]
        width = label.shape[1]
        if len(label) != n or width > frames:
            raise ValueError(f"label: {len(label)} of length {width} do not fit pred: {n} of {frames} frames")
        pred_lengths = np.full(n, frames) if pred_lengths is None else as_lengths("pred_lengths", pred_lengths, (n,), frames)
        if label_lengths is None:
            label_lengths = np.argmax(np.concatenate([label == -1, np.ones((n, 1), bool)], 1), 1)
        label_lengths = as_lengths("label_lengths", label_lengths, (n,), width)
        used = np.arange(width) < label_lengths[:, None]
        label = as_labels("label", label, used)
        problem = BlankApart(pred, label, used, pred.shape[2] - 1)
        possible = ul.ctc.feasible(label, pred_lengths, label_lengths)
        args = problem.scores, problem.labels, pred_lengths, label_lengths, problem.blank
        taken = (np.arange(frames) < pred_lengths[:, None]) & possible[:, None]
        return pred, args, problem, taken, possible, self._factor(sample_weight, (n,), pred.dtype)

    def __call__(self, pred, label, pred_lengths=None, label_lengths=None, sample_weight=None):
        pred, args, problem, taken, possible, factor = self._prepare(pred, label, pred_lengths, label_lengths, sample_weight)
        loss = ul.ctc.loss(*args) - problem.surplus(taken).sum(-1)
        return np.where(possible, loss, pred.dtype.type(0)) * factor

    def grad(self, pred, label, pred_lengths=None, label_lengths=None, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        pred, args, problem, taken, _, factor = self._prepare(pred, label, pred_lengths, label_lengths, sample_weight)
        slope = problem.gradient(ul.ctc.loss.grad(*args), pred, taken) * factor[:, None, None]
        return slope if self._layout == "NTC" else slope.swapaxes(0, 1)
