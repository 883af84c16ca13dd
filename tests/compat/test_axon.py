"""`compat.axon` against plain formulas, and what its arguments mean."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

import ufloss as ul
from compat.axon_cases import AXON
from compat.plain import (
    HOT,
    INF,
    NAN,
    REDUCTIONS,
    B,
    P,
    Q,
    T,
    U,
    X,
    b,
    ce,
    check,
    draw,
    enumerate_ctc,
    hot,
    p,
    same,
    softmax,
    softplus,
    x,
)
from ufloss.compat import axon, gluon


@pytest.mark.parametrize("case", AXON, ids=lambda c: f"{c[0]}-{'-'.join(c[2])}")
def test_axon_is_the_plain_formula(case):
    name, args, kwargs, expected = case
    f = getattr(axon, name)
    check(f(*args, **kwargs), expected)
    if name != "apply_label_smoothing":
        for reduction, of in REDUCTIONS.items():
            check(f(*args, **kwargs, reduction=reduction), of(expected))
        with pytest.raises(ValueError, match="reduction"):
            f(*args, **kwargs, reduction="max")


def test_axon_tests_cover_every_name():
    named = {name for name, *_ in AXON} | {"label_smoothing", "connectionist_temporal_classification"}
    assert named == set(axon.__all__)


def test_axon_caps_probabilities_twice():
    worst = axon.binary_cross_entropy([[1], [0]], np.float32([[0], [1]]))
    np.testing.assert_allclose(worst, [15.4249, 15.3332], atol=5e-5)
    assert axon.binary_cross_entropy([[1], [0]], np.float32([[0], [1]]), eps=0).tolist() == [INF, INF]
    assert axon.categorical_cross_entropy([[1, 0]], np.float32([[0, 1]])).tolist() == [INF]


@pytest.mark.parametrize("eps", [None, "x", [0.1, 0.2]])
def test_axon_eps_of_logits_is_not_looked_at(eps):
    for words in ({}, {"positive_weight": 2.0}):
        expected = axon.binary_cross_entropy([[0.0, 1.0]], [[2.0, -3.0]], from_logits=True, **words)
        assert np.array_equal(
            axon.binary_cross_entropy([[0.0, 1.0]], [[2.0, -3.0]], from_logits=True, eps=eps, **words),
            expected,
        )


def test_axon_binary_class_weights_give_one_number():
    each = b * softplus(-x) + (1 - b) * softplus(x)
    for options, weights in [
        ({"positive_weight": 3.0}, 1 + 2 * b),
        ({"negative_weight": 0.5}, 0.5 + 0.5 * b),
        ({"positive_weight": 3.0, "negative_weight": 0.5}, 0.5 + 2.5 * b),
        ({"positive_weights": 3.0, "negative_weights": 0.5}, 0.5 + 2.5 * b),
    ]:
        for reduction in REDUCTIONS:
            check(
                axon.binary_cross_entropy(B, X, from_logits=True, reduction=reduction, **options),
                (weights * each).mean(),
            )


def test_axon_pairs_are_anything_of_two():
    first, second = np.float32([[0.5, 2.0], [1.0, -1.0]]), np.float32([[1.5, 1.0], [0.0, 3.0]])
    y, frames = np.float32([[1, -1], [1, 1]]), np.log(np.float32([[[0.5, 0.5]] * 3] * 2))
    ranked = axon.margin_ranking(y, (first, second), margin=0.5)
    spelled = axon.connectionist_temporal_classification(([1, 1], [[1], [1]]), frames)
    pairs = [
        lambda a, b: iter([a, b]),
        lambda a, b: (x for x in (a, b)),
        lambda a, b: {"a": a, "b": b}.values(),
        lambda a, b: [a, b],
    ]
    for pair in pairs:
        assert np.array_equal(axon.margin_ranking(y, pair(first, second), margin=0.5), ranked)
        assert np.array_equal(
            axon.connectionist_temporal_classification(pair([1, 1], [[1], [1]]), frames), spelled
        )
    assert np.array_equal(axon.margin_ranking(y, np.stack([first, second]), margin=0.5), ranked)
    # whose columns have names that are numbers
    frame = pytest.importorskip("pandas").DataFrame([[0.5, 2.0], [1.5, 1.0]])
    assert np.array_equal(axon.margin_ranking(y[0], frame, margin=0.5), ranked[0])
    named = {0: first, 1: second}
    for bad in (
        named,
        named.keys(),
        "ab",
        b"ab",
        iter([first]),
        iter([first] * 3),
        [first],
        np.stack([first] * 3),
        None,
        1.0,
    ):
        with pytest.raises(ValueError, match=r"^margin_ranking: y_pred must be a pair of arrays, not "):
            axon.margin_ranking(y, bad)
        with pytest.raises(
            ValueError,
            match=r"^connectionist_temporal_classification: "
            "y_true must be a pair of arrays, lengths and targets, not ",
        ):
            axon.connectionist_temporal_classification(bad, frames)


def test_axon_class_weights_divide_the_mean():
    loss, weights, truth = ce(x[0], p[0]), np.array([1.0, 2.0, 4.0, 8.0]), p[0].argmax(1)
    options = {"from_logits": True, "class_weights": weights.tolist()}
    check(axon.categorical_cross_entropy(P[0], X[0], **options), weights[truth] * loss)
    check(
        axon.categorical_cross_entropy(P[0], X[0], **options, reduction="sum"), (weights[truth] * loss).sum()
    )
    check(
        axon.categorical_cross_entropy(P[0], X[0], **options, reduction="mean"),
        (weights[truth] * loss).sum() / weights[truth].sum(),
    )


def test_axon_label_smoothing_wraps_a_loss():
    loss = axon.label_smoothing(axon.categorical_cross_entropy, smoothing=0.2)
    check(loss(HOT, X[0, :2], from_logits=True, reduction="sum"), ce(x[0, :2], 0.8 * hot + 0.05).sum())
    default = axon.label_smoothing(axon.categorical_cross_entropy)
    check(default(HOT, X[0, :2], from_logits=True), ce(x[0, :2], 0.9 * hot + 0.025))


def test_axon_ctc_is_the_sum_over_paths():
    # used as they are, also where they do not sum to 1
    y_pred = np.log(softmax(draw(3, 4, 3)) * np.float32(0.9))
    lengths, labels = np.array([1, 2, 2]), np.array([[1, 8], [2, 2], [1, 0]])
    expected = np.array(
        [
            enumerate_ctc(z, k[:n], 0, normalised=False)
            for z, k, n in zip(y_pred, labels, lengths, strict=True)
        ]
    )
    f = axon.connectionist_temporal_classification
    check(f((lengths, labels), y_pred), expected)
    check(f((lengths, labels), y_pred, reduction="sum"), expected.sum())
    check(f((lengths, labels), y_pred, reduction="mean"), (expected / lengths).mean())
    check(f((lengths, np.where(labels > 2, 9, (labels + 2) % 3)), np.roll(y_pred, -1, -1), blank=2), expected)
    assert f(([2], [[2, 2]]), y_pred[:1, :2]).tolist() == [INF]
    check(f(([0], [[2, 2]]), y_pred[:1]), -y_pred[:1, :, 0].sum(1, dtype=float))


@pytest.mark.parametrize(
    "name",
    [
        "mean_squared_error",
        "mean_absolute_error",
        "log_cosh",
        "huber",
        "poisson",
        "hinge",
        "soft_margin",
        "binary_cross_entropy",
    ],
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_axon_takes_series_by_position(name, reduction):
    pd = pytest.importorskip("pandas")
    f = getattr(axon, name)
    y_true, y_pred = B[0, :, 0], U[0, :, 0]
    series = pd.Series(y_true, index=[2, 1, 0]), pd.Series(y_pred, index=[0, 1, 2])
    same(f(*series, reduction=reduction), f(y_true, y_pred, reduction=reduction))
    frames = pd.DataFrame(B[0], index=[2, 1, 0]), pd.DataFrame(U[0])
    same(f(*frames, reduction=reduction), f(B[0], U[0], reduction=reduction))


def test_smoothed_losses_pickle():
    loss = axon.label_smoothing(axon.categorical_cross_entropy, smoothing=0.2)
    for copy in (pickle.loads(pickle.dumps(loss)), deepcopy(loss)):
        same(
            copy(HOT, X[0, :2], from_logits=True, reduction="sum"),
            loss(HOT, X[0, :2], from_logits=True, reduction="sum"),
        )
        same(copy(y_true=HOT, y_pred=Q), loss(HOT, Q))
    nested = pickle.loads(pickle.dumps(axon.label_smoothing(loss)))
    same(
        nested(HOT, Q),
        axon.categorical_cross_entropy(
            axon.apply_label_smoothing(axon.apply_label_smoothing(HOT, Q), Q, smoothing=0.2), Q
        ),
    )
    same(pickle.loads(pickle.dumps(gluon.HuberLoss(2.0)))(X, T), gluon.HuberLoss(2.0)(X, T))


def test_axon_binary_cross_entropy_without_eps_is_the_core():
    p, t = [[1.5, -0.2, NAN, 0, 1, 0.3]], [[1, 0, 1, 0, 0, 1]]
    for target, prob in zip(*t, *p, strict=True):
        np.testing.assert_array_equal(
            axon.binary_cross_entropy([[target]], [[prob]], eps=0), ul.binary_cross_entropy([prob], [target])
        )
    assert np.isnan(axon.binary_cross_entropy([[1, 0]], [[1.5, -0.2]], eps=0, positive_weight=2.0))
    assert not np.isnan(axon.binary_cross_entropy([[1, 0]], [[1.5, -0.2]]))
