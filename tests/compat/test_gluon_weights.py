"""Sample weights of 0: what is left out may be anything, and labels that count must be labels."""

import math
from copy import deepcopy

import numpy as np
import pytest

from compat.gluon_cases import GLUON, GLUON_ROWS
from compat.plain import COUNTS, INF, NAN, POS, P, T, X
from ufloss.compat import gluon


def weighed():
    """Every loss of gluon with its arguments and the axis of the first along which samples are left out,
    which is not its classes'.
    """
    for loss, args, kwargs, _ in [
        *GLUON,
        *GLUON_ROWS,
        (gluon.PoissonNLLLoss(compute_full=True), (X, COUNTS), {}, None),
    ]:
        yield loss, args, kwargs, int(getattr(loss, "_axis", -1) == 0)
    yield gluon.TripletLoss(), (X, T, P), {}, 0
    yield gluon.CosineEmbeddingLoss(), (X[:, 0], T[:, 0], [1, -1]), {}, 0
    for more in ({}, {"pred_lengths": [3, 3], "label_lengths": [2, 2]}):
        yield gluon.CTCLoss(), (X, np.array([[2, 3, -1], [2, 0, -1]])), more, 0
        yield gluon.CTCLoss("TNC", "TN"), (X.swapaxes(0, 1), np.array([[2, 3, -1], [2, 0, -1]]).T), more, 1


def spoil(x, shape, axis, where, bad):
    """An argument, whose axes may lie flat or lack the last, with other numbers at places along an axis."""
    x = np.asarray(x)
    full = (
        x.reshape(shape)
        if x.size == math.prod(shape)
        else np.broadcast_to(x, shape)
        if x.shape == POS.shape == shape[-1:]
        else x
    )
    full = np.array(full, float if full.dtype.kind == "i" else full.dtype)
    np.moveaxis(full, min(axis, full.ndim - 1), 0)[where] = bad
    return full.ravel() if x.size == full.size and x.ndim == 1 else full


def results(loss, args, kwargs):
    yield loss(*args, **kwargs)
    yield loss.grad(*args, **kwargs)
    yield from loss.grads(*args, **kwargs) if hasattr(loss, "grads") else ()


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 1e30, 2.5])
@pytest.mark.parametrize("case", list(weighed()), ids=lambda c: f"{c[0]!r}-{c[3]}")
def test_gluon_what_is_left_out_may_be_anything(case, bad):
    loss, args, kwargs, axis = case
    shape = np.shape(args[0])
    weight = np.ones([shape[axis]] + [1] * (len(shape) - 1 - axis))
    weight[1] = 0
    if isinstance(loss, gluon.TripletLoss | gluon.CosineEmbeddingLoss | gluon.CTCLoss):
        weight = weight.ravel()

    def spoiled(where):
        return [spoil(x, shape, axis, where, bad) for x in args], {
            k: spoil(x, shape, axis, where, bad) if np.ndim(x) else x for k, x in kwargs.items()
        }

    changed, options = spoiled(1)
    whole = results(loss, args, {**kwargs, "sample_weight": weight})
    for wanted, got in zip(whole, results(loss, changed, {**options, "sample_weight": weight}), strict=True):
        assert np.isfinite(wanted).all()
        np.testing.assert_array_equal(got, wanted)
    nothing = deepcopy(loss)
    nothing._weight = 0
    changed, options = spoiled(...)
    for more in ({}, {"sample_weight": weight}, {"sample_weight": np.where(weight, bad, 0)}):
        for got in results(nothing, changed, {**options, **more}):
            assert not np.any(got)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_gluon_sdml_that_weighs_nothing_may_have_anything(bad):
    for reduction in ("mean", "sum"):
        for x1, x2 in [(X[0] * bad, T[0]), (X[0], T[0] * bad), (X[0] * bad, T[0] * bad)]:
            for got in results(gluon.SDMLLoss(weight=0, reduction=reduction), (x1, x2), {}):
                assert not np.any(got)


def test_gluon_labels_that_count_must_be_labels():
    for weight in ([1, 1], [0, NAN]):
        with pytest.raises(ValueError, match="label has NaN"):
            gluon.SoftmaxCELoss()(X[0, :2], [0, NAN], weight)
        with pytest.raises(ValueError, match="label 9"):
            gluon.CTCLoss()(X, [[1], [9]], sample_weight=weight)
        with pytest.raises(ValueError, match="pred_lengths must be"):
            gluon.CTCLoss()(X, [[1], [1]], [1, NAN], sample_weight=weight)
