"""Every loss of `compat.gluon` with arguments and its plain formula, before weights and the mean."""

import numpy as np

from common import slope
from compat.plain import (
    COUNTS,
    LOGP,
    POS,
    SIGNS,
    B,
    L,
    P,
    R,
    T,
    U,
    X,
    b,
    ce,
    check,
    kl,
    log,
    log_softmax,
    onehot,
    p,
    rng,
    softplus,
    stirling,
    t,
)
from ufloss.compat import gluon

GLUON = [
    (gluon.L2Loss(), (X, T), {}, lambda z: (z - t) ** 2 / 2),
    (gluon.L2Loss(3.0), (X, T), {}, lambda z: 3 * (z - t) ** 2 / 2),
    (gluon.L1Loss(weight=2), (X, T), {}, lambda z: 2 * abs(z - t)),
    (gluon.L1Loss(batch_axis=1), (X, T), {}, lambda z: abs(z - t)),
    (gluon.HuberLoss(), (X, T), {}, lambda z: np.where(abs(z - t) > 1, abs(z - t) - 0.5, (z - t) ** 2 / 2)),
    (
        gluon.HuberLoss(rho=0.4, batch_axis=-1),
        (X, T),
        {},
        lambda z: np.where(abs(z - t) > 0.4, abs(z - t) - 0.2, (z - t) ** 2 / 0.8),
    ),
    (gluon.HingeLoss(), (X, SIGNS), {}, lambda z: np.maximum(0, 1 - z * np.sign(t))),
    (gluon.HingeLoss(margin=0.3), (X, SIGNS), {}, lambda z: np.maximum(0, 0.3 - z * np.sign(t))),
    (gluon.SquaredHingeLoss(), (X, SIGNS), {}, lambda z: np.maximum(0, 1 - z * np.sign(t)) ** 2),
    (gluon.SquaredHingeLoss(2, 0.5), (X, SIGNS), {}, lambda z: 0.5 * np.maximum(0, 2 - z * np.sign(t)) ** 2),
    (gluon.LogisticLoss(), (X, SIGNS.astype("i4")), {}, lambda z: softplus(-z * np.sign(t))),
    (gluon.LogisticLoss(), (X, SIGNS * 0), {}, lambda z: (softplus(z) + softplus(-z)) / 2),
    (
        gluon.LogisticLoss(label_format="binary"),
        (X, B),
        {},
        lambda z: b * softplus(-z) + (1 - b) * softplus(z),
    ),
    (gluon.SigmoidBinaryCrossEntropyLoss(), (X, B), {}, lambda z: b * softplus(-z) + (1 - b) * softplus(z)),
    (
        gluon.SigmoidBCELoss(),
        (X, B),
        {"pos_weight": POS},
        lambda z: POS * b * softplus(-z) + (1 - b) * softplus(z),
    ),
    (gluon.SigmoidBCELoss(True), (U, B), {}, lambda z: -b * log(z + 1e-12) - (1 - b) * log(1 - z + 1e-12)),
    (
        gluon.SigmoidBCELoss(from_sigmoid=True, weight=2),
        (U, B),
        {"pos_weight": POS},
        lambda z: -2 * (POS * b * log(z) + (1 - b) * log(1 - z)),
    ),
    (gluon.PoissonNLLLoss(reduction="batch"), (X, COUNTS), {}, lambda z: np.exp(z) - COUNTS * z),
    (
        gluon.PoissonNLLLoss(from_logits=False, reduction="batch"),
        (R, COUNTS),
        {"epsilon": 0.1},
        lambda z: z - COUNTS * log(z + 0.1),
    ),
    (
        gluon.PoissonNLLLoss(compute_full=True, reduction="batch", batch_axis=2),
        (X, COUNTS),
        {},
        lambda z: np.exp(z) - COUNTS * z + stirling,
    ),
    (gluon.KLDivLoss(), (LOGP, P), {}, lambda z: kl(z, p)),
    (gluon.KLDivLoss(weight=2.0), (LOGP, P * B), {}, lambda z: 2 * kl(z, p * b)),
    (gluon.KLDivLoss(from_logits=False), (X, P), {}, lambda z: kl(log_softmax(z), p)),
    (gluon.KLDivLoss(False, axis=1, weight=0.5), (X, P), {}, lambda z: 0.5 * kl(log_softmax(z, 1), p)),
    (gluon.KLDivLoss(False, axis=0), (X, P), {}, lambda z: kl(log_softmax(z, 0), p)),
]
CLASSES = rng.integers(0, 3, (2, 4))
GLUON_ROWS = [  # their terms keep the class axis with the length 1
    (gluon.SoftmaxCrossEntropyLoss(), (X, L), {}, lambda z: ce(z, onehot(L, 4))[..., None]),
    (
        gluon.SoftmaxCELoss(axis=1, weight=2.0),
        (X, CLASSES.astype("f4")),
        {},
        lambda z: 2 * ce(np.swapaxes(z, 1, 2), onehot(CLASSES, 3))[:, None],
    ),
    (
        gluon.SoftmaxCELoss(),
        (X, L + np.array([[4], [-9]])),
        {},
        lambda z: ce(z, onehot(np.array([[3] * 3, [0] * 3]), 4))[..., None],
    ),
    (gluon.SoftmaxCELoss(), (X, L[..., None]), {}, lambda z: ce(z, onehot(L, 4))[..., None]),
    (
        gluon.SoftmaxCELoss(from_logits=True),
        (LOGP, L),
        {},
        lambda z: -(z * onehot(L, 4)).sum(-1, keepdims=True),
    ),
    (gluon.SoftmaxCELoss(-1, False), (X, P.reshape(-1)), {}, lambda z: ce(z, p)[..., None]),
    (
        gluon.SoftmaxCELoss(sparse_label=False, from_logits=True, batch_axis=1),
        (LOGP, P),
        {},
        lambda z: -(z * p).sum(-1, keepdims=True),
    ),
]
SAMPLE_WEIGHTS = [None, np.array([[[1]], [[3]]]), np.float64(0.5)]


def the_mean(loss, terms):
    batch = loss._batch_axis % terms.ndim
    return terms.mean(tuple(i for i in range(terms.ndim) if i != batch))


def check_gluon(loss, args, kwargs, terms, weights):
    """Value and gradient of one loss, for each sample weight."""
    pred = args[0]
    z = pred.astype(float)
    for weight in weights:
        factor = 1.0 if weight is None else np.asarray(weight, float)
        options = dict(kwargs) if weight is None else {**kwargs, "sample_weight": weight}
        check(loss(*args, **options), the_mean(loss, terms(z) * factor))
        grad = loss.grad(*args, **options)
        check(
            grad, slope(lambda v, factor=factor: the_mean(loss, terms(v) * factor), z), rtol=1e-4, atol=1e-5
        )
