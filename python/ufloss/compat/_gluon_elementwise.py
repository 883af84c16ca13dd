"""MXNet's losses of single elements."""

import math

import numpy as np

import ufloss as ul
from ufloss._errors import choose

from ._common import as_floats, cast, divide, quiet, slope_of, total, total_of, weigh, widen
from ._gluon_arguments import number, product, reshape_like, single_axis, spread
from ._gluon_blocks import Loss


class Elementwise(Loss):
    """A loss of each element, then weights, then the mean; `_terms` gives the ufunc and its arguments."""

    _second = "label"
    _mean = True

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
        loss = total_of(ufunc, args, self._others(args[0].ndim), weights)
        return cast(divide(weigh(loss, factor), share), dtype)

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
        if self._label_format == "signed":
            label = (cast(label, pred.dtype) + 1) / 2
        return ul.sigmoid_binary_cross_entropy, (label,)


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
        if pos_weight is None:
            pos_weight = 1
        else:
            pos_weight = cast(spread("pos_weight", pos_weight, pred.shape), pred.dtype)
        if self._from_sigmoid:
            return ul.binary_cross_entropy, (label, pos_weight, 1e-12)
        return ul.sigmoid_binary_cross_entropy, (label, pos_weight)

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
        self._from_logits = from_logits
        self._compute_full = compute_full
        self._reduction = reduction

    def _others(self, ndim):
        if self._reduction == "mean":
            return tuple(range(ndim))
        return super()._others(ndim)

    def _terms(self, pred, target, epsilon):
        epsilon = number("epsilon", epsilon[()] if isinstance(epsilon, np.ndarray) else epsilon)
        if self._from_logits:
            return ul.poisson_nll_loss, (target,)
        return ul.poisson_loss, (target, epsilon)

    def hybrid_forward(self, F, pred, target, sample_weight=None, epsilon=1e-08):
        """The mean of the losses, or one a sample."""
        dtype, ufunc, args, weights, factor, share = self._prepare(pred, target, sample_weight, epsilon)
        others = self._others(args[0].ndim)
        loss = total_of(ufunc, args, others, weights)
        if self._compute_full:
            target = np.asarray(cast(args[1], args[0].dtype))
            loss = loss + total_of(ul.stirling_term, (target,), others, weights)
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
        self._from_logits = from_logits
        self._axis = axis
        self._mean = reduction == "mean"

    def _terms(self, pred, label):
        return ul.kl_div, (label,)

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """The losses, one a sample."""
        pred = as_floats(pred, "pred")
        if self._from_logits:
            return self._call(pred, label, sample_weight)
        x = widen(pred)
        axis = single_axis(self._axis, x.ndim)
        others = self._others(x.ndim)
        if sample_weight is not None or axis not in others:
            loss = self._call(ul.log_softmax(x, axis=axis), label, sample_weight)
            return cast(loss, pred.dtype)
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
            axis = single_axis(self._axis, x.ndim)
            kept = {}
            if sample_weight is not None or self._weight == 0:  # of a row that weighs 0 the scores may be NaN
                counts = self._factor(sample_weight, x.shape) != 0
                kept["where"] = np.any(counts, axis, keepdims=True)
            slope = ul.softmax_cross_entropy.grad(x, -slope, axis=self._axis, **kept)  # -1 is the fastest way
        return cast(slope, pred.dtype)
