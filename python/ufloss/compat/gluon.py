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

from . import _common
from ._gluon_blocks import Loss
from ._gluon_blocks import NoParameters as NoParameters
from ._gluon_blocks import _apply_weighting as _apply_weighting
from ._gluon_blocks import _reshape_like as _reshape_like
from ._gluon_ctc import CTCLoss
from ._gluon_elementwise import Elementwise as Elementwise
from ._gluon_elementwise import (
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    L2Loss,
    LogisticLoss,
    PoissonNLLLoss,
    SigmoidBCELoss,
    SigmoidBinaryCrossEntropyLoss,
    SquaredHingeLoss,
)
from ._gluon_rows import (
    CosineEmbeddingLoss,
    SDMLLoss,
    SoftmaxCELoss,
    SoftmaxCrossEntropyLoss,
    TripletLoss,
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

# help, tracebacks and pickles know the names as this module's, wherever the source stands
_common.adopt(globals())
