"""gluon's losses as blocks: forward, classes derived from them with `hybrid_forward`."""

import numpy as np
import pytest

from compat.plain import POS, B, L, T, X, ce, check, log_softmax, onehot, softplus, x
from ufloss.compat import gluon


@pytest.mark.parametrize("name", [name for name in gluon.__all__ if name != "Loss"])
def test_gluon_losses_are_blocks(name):
    loss = getattr(gluon, name)(prefix="mine_", params=None)
    assert (
        loss.initialize()
        is loss.initialize(None, ctx=None, force_reinit=True)
        is loss.hybridize()
        is loss.hybridize(True, static_alloc=True)
        is None
    )
    assert loss.cast("float16") is None
    assert dict(loss.collect_params()) == dict(loss.collect_params(".*")) == dict(loss.params) == {}
    loss.collect_params().initialize()
    loss.collect_params().zero_grad()
    assert (loss.name, loss.prefix) == ("mine", "mine_")
    with loss.name_scope():
        seen = []
        assert loss.apply(seen.append) is loss
    assert seen == [loss]
    assert getattr(gluon, name)().name


def test_gluon_forward_is_the_call():
    loss = gluon.SigmoidBCELoss()
    for f in (loss.forward, lambda *args: loss.hybrid_forward(None, *args)):
        np.testing.assert_array_equal(f(X, B, None, POS), loss(X, B, pos_weight=POS))


class Mixed(gluon.Loss):
    def __init__(self, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        label = gluon._reshape_like(F, label, pred)
        loss = F.relu(pred) - pred * label + F.Activation(-F.abs(pred), act_type="softrelu")
        loss = F.where(loss > 0.5, F.square(loss), F.broadcast_add(loss, F.mean(loss, axis=0, keepdims=True)))
        loss = (
            loss * F.broadcast_greater(pred, label)
            + F.smooth_l1(pred - label, scalar=2.0)
            + F.log_softmax(pred, axis=1)
        )
        loss = gluon._apply_weighting(F, loss, self._weight, sample_weight)
        mean = F.mean(loss, axis=self._batch_axis, exclude=True)
        return mean + F.norm(pred, axis=1) + F.sum(F.sigmoid(pred), axis=self._batch_axis, exclude=True)


class MaskedCE(gluon.SoftmaxCELoss):
    def hybrid_forward(self, F, pred, label, valid_length):
        weight = F.cast(F.expand_dims(F.ones_like(label), axis=-1), dtype="float32")
        weight = F.SequenceMask(weight, sequence_length=valid_length, use_sequence_length=True, axis=1)
        return super().hybrid_forward(F, pred, label, weight)


def test_gluon_derived_losses():
    pred, label = X[0], B[0]
    y, z = label.astype(float), pred.astype(float)
    loss = softplus(z) - z * y
    loss = np.where(loss > 0.5, loss**2, loss + loss.mean(0)) * (z > y)
    d = abs(z - y)
    loss = loss + np.where(d < 0.25, 2 * d * d, d - 0.125) + log_softmax(z)
    weight = np.array([[1.0], [-2.0], [0.5]])
    expected = (0.5 * weight * loss).mean(1) + np.linalg.norm(z, axis=1) + (1 / (1 + np.exp(-z))).sum(1)
    check(Mixed(weight=0.5)(pred, label.reshape(-1), weight.astype("f4")), expected)
    kept = np.arange(3) < np.array([[1], [3]])
    check(MaskedCE()(X, L, np.array([1, 3])), (ce(x, onehot(L, 4)) * kept).mean(1))
    with pytest.raises(NotImplementedError, match="hybrid_forward"):
        gluon.Loss(None, 0)(X, T)

    class ByForward(gluon.L1Loss):
        def forward(self, pred, label):
            return super().forward(pred, label) + 1

    np.testing.assert_array_equal(ByForward()(X, T), gluon.L1Loss()(X, T) + 1)
    # A gradient of another loss is not inherited; one of its own, or that of the same loss, is there.
    for derived in (Mixed(), MaskedCE(), ByForward()):
        assert not hasattr(derived, "grad")
    assert not hasattr(type("Derived", (gluon.TripletLoss,), {"hybrid_forward": None})(), "grads")
    assert type("Renamed", (gluon.L1Loss,), {})().grad(X, T).shape == X.shape
    assert type("Own", (MaskedCE,), {"grad": lambda self: 7})().grad() == 7
