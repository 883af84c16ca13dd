"""MXNet's CTC loss."""

import numpy as np

import ufloss as ul
from ufloss._errors import choose

from ._common import BlankApart, as_floats, as_labels, as_lengths, as_real, cast, quiet, total, weigh, widen
from ._gluon_blocks import Loss


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
        pred = as_floats(pred, "pred")
        label = as_real("label", label)
        dtype = pred.dtype
        pred = widen(pred)
        if pred.ndim != 3 or label.ndim != 2:
            raise ValueError(
                f"pred of shape {pred.shape} and label of shape {label.shape}: three and two axes are needed"
            )
        if self._layout == "TNC":
            pred = pred.swapaxes(0, 1)
        if self._label_layout == "TN":
            label = label.T
        n, frames = pred.shape[:2]
        width = label.shape[1]
        if len(label) != n or width > frames:
            raise ValueError(f"label: {len(label)} of length {width} do not fit pred: {n} of {frames} frames")
        factor = self._factor(sample_weight, (n,))
        counts = factor != 0
        if pred_lengths is None:
            pred_lengths = np.full(n, frames)
        else:
            pred_lengths = as_lengths("pred_lengths", pred_lengths, (n,), frames, counts)
        if label_lengths is None:
            ends = np.concatenate([label == -1, np.ones((n, 1), bool)], 1)
            label_lengths = np.argmax(ends, 1)
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
        loss = np.where(possible, loss, 0.0)
        return cast(weigh(loss, factor), dtype)

    @quiet
    def grad(self, pred, label, pred_lengths=None, label_lengths=None, sample_weight=None):
        """Gradient of the sum of the losses with respect to `pred`; the arguments are those of the call."""
        dtype, pred, args, problem, taken, _, factor = self._prepare(
            pred, label, pred_lengths, label_lengths, sample_weight
        )
        slope = problem.gradient(ul.ctc.loss.grad(*args), pred, taken)
        slope = cast(weigh(slope, factor[:, None, None]), dtype)
        return slope if self._layout == "NTC" else slope.swapaxes(0, 1)
