"""`compat.gluon` against plain formulas, with sample weights and gradients."""

import numpy as np
import pytest

from common import slope
from compat.gluon_cases import GLUON, GLUON_ROWS, SAMPLE_WEIGHTS, check_gluon
from compat.plain import (
    COUNTS,
    INF,
    LOGP,
    L,
    P,
    T,
    X,
    ce,
    check,
    cosine,
    kl,
    log_softmax,
    onehot,
    p,
    softmax,
    stirling,
    t,
    wide,
    x,
)
from ufloss.compat import gluon


@pytest.mark.parametrize("case", GLUON, ids=lambda c: repr(c[0]))
def test_gluon_is_the_plain_formula(case):
    check_gluon(*case, [*SAMPLE_WEIGHTS, P])


@pytest.mark.parametrize("case", GLUON_ROWS, ids=lambda c: repr(c[0]))
def test_gluon_rows_are_the_plain_formula(case):
    check_gluon(*case, SAMPLE_WEIGHTS)


def test_gluon_tests_cover_every_name():
    tested = {type(case[0]).__name__ for case in [*GLUON, *GLUON_ROWS]} | {
        "TripletLoss",
        "CosineEmbeddingLoss",
        "SDMLLoss",
        "CTCLoss",
    }
    assert tested | {"Loss", "SigmoidBCELoss", "SoftmaxCELoss"} == set(gluon.__all__)
    assert gluon.SigmoidBCELoss is gluon.SigmoidBinaryCrossEntropyLoss
    assert gluon.SoftmaxCELoss is gluon.SoftmaxCrossEntropyLoss
    assert repr(gluon.L2Loss(prefix="l2_")) == "L2Loss(batch_axis=0, w=1.0)"
    assert isinstance(gluon.CTCLoss(label_layout="TN"), gluon.Loss)


def test_gluon_labels_need_only_as_many_elements():
    np.testing.assert_array_equal(gluon.L2Loss()(X, T.reshape(4, 6).astype(float)), gluon.L2Loss()(X, T))
    assert gluon.L1Loss()(X[0, 0], T[0, 0]).shape == (4,)  # nothing to average
    check(gluon.L1Loss().grad(X[0, 0], T[0, 0]), np.sign(x[0, 0] - t[0, 0]))


def test_gluon_softmax_weights_of_the_labels_shape():
    loss, each = gluon.SoftmaxCELoss(), ce(x, onehot(L, 4))
    for weight in (np.float32([[1], [3]]), np.float32([2, 3, 4]), P[..., 0]):
        check(loss(X, L, weight), (each * weight.astype(float)).mean(1))
        np.testing.assert_array_equal(
            loss.grad(X, L, weight), loss.grad(X, L, np.broadcast_to(weight, (2, 3))[..., None])
        )
    assert loss(X[0], L[0], [2, 0, 4]).tolist() == [2 * loss(X[0], L[0])[0], 0, 4 * loss(X[0], L[0])[2]]


def test_gluon_poisson_is_one_number():
    loss, each = gluon.PoissonNLLLoss(weight=2.0), 2 * (np.exp(x) - COUNTS * x)
    check(loss(X, COUNTS), each.mean())
    check(loss(X, COUNTS, P), (each * p).mean())
    check(loss.grad(X, COUNTS, P), 2 * (np.exp(x) - COUNTS) * p / 24)
    check(gluon.PoissonNLLLoss(compute_full=True)(X, COUNTS), (each / 2 + stirling).mean())


def test_gluon_kl_keeps_small_divergences():
    pred = X[0, :1]
    label = softmax(pred.astype(float)) * (1 + 1e-3 * np.array([1, -1, 1, -1]))
    label = (label / label.sum()).astype("f4")
    exact = kl(log_softmax(pred.astype(float)), label.astype(float)).mean()
    np.testing.assert_allclose(gluon.KLDivLoss(False)(pred, label), [exact], rtol=1e-5)
    assert gluon.KLDivLoss()(np.float32([[-INF, 0]]), [[0, 1]]).tolist() == [0]


@pytest.mark.parametrize("axis", [0, 1])
def test_gluon_triplet(axis):
    loss, others = gluon.TripletLoss(margin=0.5, weight=2.0, batch_axis=axis), tuple({0, 1, 2} - {axis})
    terms = lambda z: 2 * np.maximum(0, ((t - z) ** 2 - (p - z) ** 2).sum(others) + 0.5)
    check(loss(X, T, P.reshape(-1)), terms(x), rtol=1e-5)
    check(loss.grad(X, T, P), slope(lambda z: terms(z), x), rtol=1e-4)
    weight = np.arange(1, 1 + X.shape[axis])
    check(loss(X, T, P, sample_weight=weight), terms(x) * weight, rtol=1e-5)
    check(loss.grad(X, T, P, weight), slope(lambda z: terms(z) * weight, x), rtol=1e-4)
    assert (terms(x) > 0).any()


def test_gluon_cosine_embedding():
    label = np.array([[1, -1, 1], [-1, 0, -1]])

    def terms(z, margin=0.0):
        c = cosine(z, t).reshape(-1)
        flat = label.reshape(-1)
        return np.where(flat == 1, 1 - c, np.where(flat == -1, np.maximum(0, c - margin), 0))

    check(gluon.CosineEmbeddingLoss()(X, T, label), terms(x))
    loss = gluon.CosineEmbeddingLoss(weight=0.5, margin=-0.2)
    weight = np.arange(1, 7)
    for shaped in (weight, weight[:, None]):
        check(loss(X, T, label, shaped), 0.5 * weight * terms(x, -0.2))
        check(loss.grad(X, T, label, shaped), slope(lambda z: 0.5 * weight * terms(z, -0.2), x), rtol=1e-4)


def test_gluon_sdml():
    def terms(z, smoothing):
        gold = np.full((3, 3), smoothing / 2)
        np.fill_diagonal(gold, 1 - smoothing)
        return kl(log_softmax(-((z[:, None] - t[0]) ** 2).sum(-1)), gold).sum(-1)

    check(gluon.SDMLLoss()(X[0], T[0]), terms(x[0], 0.3))
    loss = gluon.SDMLLoss(smoothing_parameter=0.1, weight=2.0)
    check(loss(X[0], T[0]), 2 * terms(x[0], 0.1))
    check(loss.grad(X[0], T[0]), slope(lambda z: 2 * terms(z, 0.1), x[0]), rtol=1e-4, atol=1e-5)


def test_gluon_epsilons():
    check(gluon.SigmoidBCELoss(from_sigmoid=True)(np.float32([[0], [1]]), [[1], [0]]), [27.631021] * 2)
    tiny = np.full((1, 1), 1e-7, "f4")
    check(gluon.CosineEmbeddingLoss()(tiny, tiny, [1]), [0.99])
    assert gluon.CosineEmbeddingLoss()(0 * tiny, tiny, [1]).tolist() == [1]


def test_gluon_clips_any_label():
    pred, loss = np.float32([[1, 2, 4]]), gluon.SoftmaxCELoss()
    for label in (99, 1e30, np.inf, np.uint64(2**64 - 1)):
        assert loss(pred, np.array([label])) == loss(pred, [2])
    assert loss(pred, [-np.inf]) == loss(pred, [-5]) == loss(pred, [0])


def test_gluon_keeps_float32():
    x, t = np.ones((3, 4), "f4"), np.full((3, 4), 0.5)
    assert gluon.CosineEmbeddingLoss()(x, t.astype("f4"), [1, -1, 1]).dtype == np.float32
    assert gluon.SDMLLoss()(x, t).dtype == gluon.SDMLLoss().grad(x, t).dtype == np.float32


X1, X2 = np.float32([[1, 2], [0, 1], [2, 0.5]]), np.float32([[1, 1.5], [0.5, 1], [2, 0]])


def test_gluon_sdml_numbers_of_mxnet():
    loss = gluon.SDMLLoss()
    near = {"rtol": 2e-5, "atol": 4e-6}  # MXNet's float32
    check(loss(X1, X2), [0.3632611, 0.36326104, 0.02740832], **near)
    first, second = loss.grads(X1, X2)
    check(first, [[-0.40468004, 0.3138972], [-0.31389707, 0.40468007], [0.2311151, -0.17766014]], **near)
    check(second, [[-0.26280415, -0.0624851], [-0.11202309, 0.30210444], [0.86228925, -0.7805365]], **near)
    np.testing.assert_array_equal(loss.grad(X1, X2), first)
    # MXNet 2
    check(gluon.SDMLLoss(reduction="mean")(X1, X2), np.array([0.3632611, 0.36326104, 0.02740832]) / 3, **near)
    check(gluon.SDMLLoss(reduction="mean").grads(X1, X2)[1], second.astype(float) / 3)
    for shift in (1e3, 1e6):  # far from the origin
        moved = X1.astype(float) + shift, X2.astype(float) + shift
        np.testing.assert_allclose(loss(*moved), loss(X1, X2), rtol=1e-6)
        np.testing.assert_allclose(loss.grads(*moved), loss.grads(X1, X2), rtol=1e-5, atol=1e-6)


def test_gluon_kl_numbers_of_mxnet():
    pred, label = np.log(np.float32([[0.2, 0.8], [0.5, 0.5]])), np.float32([[0.3, 0.7], [0.5, 0.5]])
    check(gluon.KLDivLoss(reduction="sum")(pred, label), [0.02816754, 0])
    check(gluon.KLDivLoss()(pred, label), [0.01408377, 0])
    for options in ({"from_logits": False}, {"from_logits": False, "axis": 1}, {}):
        a = X if options else LOGP
        check(
            gluon.KLDivLoss(reduction="sum", **options)(a, P),
            12 * gluon.KLDivLoss(**options)(a, P).astype(float),
        )
        check(
            gluon.KLDivLoss(reduction="sum", **options)(a, P, P),
            12 * gluon.KLDivLoss(**options)(a, P, P).astype(float),
        )
        check(
            gluon.KLDivLoss(reduction="sum", **options).grad(a, P),
            12 * gluon.KLDivLoss(**options).grad(a, P).astype(float),
        )


@pytest.mark.parametrize(
    ("loss", "args", "more"),
    [
        (gluon.TripletLoss(margin=0.5, weight=2.0), (X, T, P), {}),
        (gluon.TripletLoss(batch_axis=1), (X, T, P), {"sample_weight": [1, 2, 3]}),
        (
            gluon.CosineEmbeddingLoss(weight=0.5, margin=-0.2),
            (X, T),
            {"label": np.array([[1, -1, 1], [-1, 0, -1]])},
        ),
        (gluon.SDMLLoss(0.1, 2.0), (X[0], T[0]), {}),
    ],
    ids=lambda v: repr(v) if isinstance(v, gluon.Loss) else "",
)
def test_gluon_gradients_of_all_inputs(loss, args, more):
    grads = loss.grads(*args, **more)
    assert len(grads) == len(args)
    np.testing.assert_array_equal(loss.grad(*args, **more), grads[0])
    exact = wide(*args)
    for i, g in enumerate(grads):
        check(
            g,
            slope(lambda v, i=i: loss(*exact[:i], v, *exact[i + 1 :], **more), exact[i]),
            rtol=1e-4,
            atol=1e-5,
        )
    if not isinstance(loss, gluon.SDMLLoss):
        flat = (
            loss.grads(args[0], *[a.reshape(-1) for a in args[1:]], **more)
            if isinstance(loss, gluon.TripletLoss)
            else grads
        )
        for a, b in zip(flat, grads, strict=True):
            np.testing.assert_array_equal(a.ravel(), b.ravel())
