"""MXNet's losses of rows: classes, and vectors and their distances."""

import math

import numpy as np

import ufloss as ul
from ufloss._errors import choose

from ._common import (
    as_floats,
    as_integers,
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
from ._gluon_arguments import as_classes, number, product, reshape_like, single_axis, spread
from ._gluon_blocks import Loss


def cross_entropy_of(from_logits, sparse_label):
    """The ufunc for scores, or for log-probabilities, which MXNet calls logits."""
    if from_logits:
        return ul.nll_loss_with_integer_labels if sparse_label else ul.nll_loss
    return ul.softmax_cross_entropy_with_integer_labels if sparse_label else ul.softmax_cross_entropy


def in_shapes_of(inputs, slopes, factor, dtype):
    """The gradients with respect to inputs, weighted, each in the shape of its own."""
    weighted = [cast(weigh(slope, factor), dtype) for slope in slopes]
    return tuple(slope.reshape(np.shape(x)) for slope, x in zip(weighted, inputs, strict=True))


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
        self._axis = axis
        self._sparse_label = sparse_label
        self._from_logits = from_logits

    def _prepare(self, pred, label, sample_weight):
        """The predictions' type, the ufunc, its arguments, the class axis, the sample weights, the factor of
        all losses, the axes of the mean and how many it has.
        """
        pred = as_floats(pred, "pred")
        x = widen(pred)
        axis = single_axis(self._axis, x.ndim)
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        batch = (*before, *after)
        one_class = (*before, 1, *after)
        if not self._sparse_label:
            label = reshape_like("label", label, x)
        elif np.shape(label) in (one_class, batch):
            label = as_integers("label", label).reshape(batch)
        else:
            raise ValueError(f"label has shape {np.shape(label)}, not {batch}")
        if sample_weight is not None and np.ndim(sample_weight) < x.ndim:
            sample_weight = np.expand_dims(spread("sample_weight", sample_weight, batch), axis)
        others = self._others(x.ndim)
        weights, factor = self._weights(sample_weight, one_class)
        if self._sparse_label:
            counts = np.not_equal(product(weights, factor), 0)
            if weights is not None:
                counts = counts.reshape(batch)
            label = as_classes(label, x.shape[axis], counts)
        share = math.prod(one_class[i] for i in others)
        ufunc = cross_entropy_of(self._from_logits, self._sparse_label)
        return pred.dtype, ufunc, (x, label), axis, weights, factor, others, share

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """The losses, one a sample."""
        dtype, ufunc, args, axis, weights, factor, others, share = self._prepare(pred, label, sample_weight)
        loss = total_of(ufunc, args, others, weights, axis=axis, keepdims=True)
        return cast(divide(weigh(loss, factor), share), dtype)

    @quiet
    def grad(self, pred, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        dtype, ufunc, args, axis, weights, factor, _, share = self._prepare(pred, label, sample_weight)
        factor /= max(1, share)
        slope = slope_of(ufunc.grad, args, product(weights, factor), axis=axis)
        return np.asarray(cast(slope, dtype))


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
        positive = reshape_like("positive", positive, x)
        negative = reshape_like("negative", negative, x)
        return pred.dtype, (x, positive, negative, self._margin), others, factor

    def hybrid_forward(self, F, pred, positive, negative, sample_weight=None):
        """The losses, one a sample."""
        dtype, args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        return cast(slope_of(ul.squared_triplet_loss, args, factor, axis=others), dtype)

    @quiet
    def grad(self, pred, positive, negative, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        dtype, args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        factor = np.expand_dims(factor, others)
        slope = slope_of(ul.squared_triplet_loss.grad, args, factor, axis=others)
        return np.asarray(cast(slope, dtype))

    @quiet
    def grads(self, pred, positive, negative, sample_weight=None):
        """Gradients of the sum of the losses with respect to `pred`, `positive` and `negative`, each in the
        shape of its own.
        """
        dtype, args, others, factor = self._prepare(pred, positive, negative, sample_weight)
        slopes = ul.squared_triplet_loss.grads(*args, axis=others)
        factor = np.expand_dims(factor, others)
        return in_shapes_of((pred, positive, negative), slopes, factor, dtype)


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
        dtype = second.dtype
        second = widen(second)
        first = reshape_like("input1", as_floats(input1, "input1"), second, "input2")
        if not second.ndim:
            raise ValueError("input2 has no axis of vectors")
        vectors = (math.prod(second.shape[:-1]), second.shape[-1])
        label = as_real("label", label).reshape(-1)
        first = first.reshape(vectors)
        second = second.reshape(vectors)
        if label.shape != first.shape[:1]:
            raise ValueError(f"label has {label.size} elements, not {len(first)}, one for each vector")
        if np.shape(sample_weight)[1:] == (1,):
            sample_weight = as_real("sample_weight", sample_weight)[:, 0]
        known = (label == 1) | (label == -1)
        label = np.where(known, label, 1).astype(first.dtype)
        factor = np.where(known, self._factor(sample_weight, label.shape), 0.0)
        return dtype, (first, second, label, self._margin, 1e-12), factor

    def hybrid_forward(self, F, input1, input2, label, sample_weight=None):
        """The losses, one a vector."""
        dtype, args, factor = self._prepare(input1, input2, label, sample_weight)
        return cast(weigh(ul.cosine_embedding_loss(*args), factor), dtype)

    @quiet
    def grad(self, input1, input2, label, sample_weight=None):
        """Gradient of the sum of the losses with respect to `input1`; the arguments are those of the call."""
        dtype, args, factor = self._prepare(input1, input2, label, sample_weight)
        slope = cast(weigh(ul.cosine_embedding_loss.grad(*args), factor[:, None]), dtype)
        return slope.reshape(np.shape(input1))

    @quiet
    def grads(self, input1, input2, label, sample_weight=None):
        """Gradients of the sum of the losses with respect to `input1` and `input2`, each in the shape of its
        own.
        """
        dtype, args, factor = self._prepare(input1, input2, label, sample_weight)
        slopes = ul.cosine_embedding_loss.grads(*args)
        return in_shapes_of((input1, input2), slopes, factor[:, None], dtype)


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
        self.smoothing_parameter = number("smoothing_parameter", smoothing_parameter)
        self._mean = reduction == "mean"

    def _prepare(self, x1, x2):
        """The result's type, both inputs and the scores in float64, the targets, and the factor of all
        losses.
        """
        x1 = as_floats(x1, "x1")
        x2 = as_floats(x2, "x2")
        if x1.ndim != 2 or x1.shape != x2.shape or len(x1) < 2:
            raise ValueError(
                f"x1 of shape {x1.shape} and x2 of shape {x2.shape}: two or more vectors each are needed"
            )
        n = len(x1)
        dtype = x1.dtype
        targets = np.full((n, n), self.smoothing_parameter / (n - 1))
        np.fill_diagonal(targets, 1 - self.smoothing_parameter)
        x1 = x1.astype(float)
        x2 = x2.astype(float)
        scores = -np.stack([total(ul.squared_error(row, x2), -1) for row in x1])
        factor = 1.0 if self._weight is None else float(self._weight)
        if self._mean:
            factor /= n
        return dtype, x1, x2, scores, targets, factor

    def hybrid_forward(self, F, x1, x2):
        """The losses, one a sample."""
        dtype, _, _, scores, targets, factor = self._prepare(x1, x2)
        return cast(weigh(ul.softmax_kl_divergence(scores, targets), factor), dtype)

    def _slopes(self, x1, x2):
        """The result's type, both inputs about their common centre, and twice the slopes of the scores."""
        dtype, x1, x2, scores, targets, factor = self._prepare(x1, x2)
        if not factor:  # slopes of 0 would still meet NaN
            x1 = np.zeros(x1.shape)
            x2 = np.zeros(x2.shape)
        centre = divide(total(x1, 0) + total(x2, 0), 2 * len(x1))
        slopes = weigh(ul.softmax_kl_divergence.grad(scores, targets), 2 * factor)
        return dtype, x1 - centre, x2 - centre, slopes

    @quiet
    def grad(self, x1, x2):
        """Gradient of the sum of the losses with respect to `x1`; the arguments are those of the call."""
        dtype, x1, x2, slopes = self._slopes(x1, x2)
        return cast(pull(slopes, x2, x1), dtype)

    @quiet
    def grads(self, x1, x2):
        """Gradients of the sum of the losses with respect to `x1` and `x2`."""
        dtype, x1, x2, slopes = self._slopes(x1, x2)
        first = pull(slopes, x2, x1)
        second = pull(np.ascontiguousarray(slopes.T), x1, x2)
        return cast(first, dtype), cast(second, dtype)
