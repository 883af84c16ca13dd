"""The sums of all three modules: in float64 and one order, float16 rounded once at the end."""

import warnings

import numpy as np
import pytest

from compat.plain import check
from internals import _common
from ufloss.compat import axon, gluon, optax


def test_sums_are_the_cores_to_the_bit():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 8, 9, 15, 16, 17, 40, 257, 5000):
        for size in (1, 17, 70):
            x = (rng.normal(size=(size, n)) * 10.0 ** rng.integers(-6, 6, (size, n))).astype("f4")
            x[rng.random(x.shape) < 0.1] = -0.0
            for w in (None, rng.normal(size=(size, n)), rng.normal(size=(size, 1)), rng.integers(0, 3, n)):
                whole = np.broadcast_to(1.0 if w is None else w * 1.0, x.shape)
                expected = _common.WEIGHTED_SUM(x, whole, whole != 0)[0].tobytes()
                columns = None if w is None else whole.T
                assert _common.total(x, 1, w).tobytes() == expected
                assert _common.total(np.asfortranarray(x), -1, w).tobytes() == expected
                assert _common.total(x.T, 0, columns).tobytes() == expected
                assert _common.total(np.ascontiguousarray(x.T), 0, columns).tobytes() == expected
                assert (
                    _common.total(
                        x.reshape(size, n, 1).transpose(2, 1, 0), (0, 1), None if w is None else columns[None]
                    ).tobytes()
                    == expected
                )


@pytest.mark.parametrize("order", [(True, 1.0), (1.0, True)], ids=str)
def test_constants_that_are_equal_keep_their_types(order):
    _common.everywhere.cache_clear()
    for value in order:
        for shape in (5, (2, 3)):
            constant = _common.everywhere(value, shape)
            assert constant.dtype == np.asarray(value).dtype
            assert np.array_equal(constant, np.full(shape, value))


def test_sums_get_weights_as_numbers_and_a_mask_as_bool(monkeypatch):
    summed = _common.WEIGHTED_SUM
    seen = []
    monkeypatch.setattr(
        _common, "WEIGHTED_SUM", lambda *args: seen.append([str(a.dtype) for a in args]) or summed(*args)
    )
    _common.everywhere.cache_clear()
    for _ in range(2):
        assert _common.total(np.ones((20, 30)), 1).tolist() == [30] * 20
    assert seen == [["float64", "float64", "bool"]] * 2


def test_sums_of_nothing_and_over_nothing():
    assert _common.total(np.ones((0, 3)), 0).tolist() == [0, 0, 0]
    assert _common.total(np.ones((3, 0)), 1).tolist() == [0, 0, 0]
    assert _common.total(np.ones((2, 3)), ()).shape == (2, 3)
    assert _common.total(np.ones((2, 3, 4)), (0, 2)).tolist() == [8, 8, 8]
    assert _common.total(np.ones((2, 3)), None) == 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(axon.hinge(np.ones((0, 2)), np.ones((0, 2)), reduction="mean"))
        assert np.isnan(gluon.L1Loss()(np.ones((2, 0)), np.ones((2, 0)))).all()


def test_means_of_many_elements():
    n = 2**20
    ones, tenth = np.ones((n, 2), "f4"), np.full((n, 2), 0.1, "f4")
    for batch_axis in (0, 1):
        loss = gluon.L1Loss(batch_axis=batch_axis)
        for order in "CF":
            assert (loss(np.asarray(tenth, order=order), 0 * ones) == np.float32(0.1)).all()
            weighted = loss(
                np.asarray(tenth, order=order), 0 * ones, sample_weight=ones[: n if batch_axis else 1] * 3
            )
            assert (weighted == np.float32(3 * np.float64(np.float32(0.1)))).all()
    assert (axon.soft_margin(ones, 0 * ones) == np.float32(n * np.log(2))).all()
    assert (axon.mean_absolute_error(0 * tenth.T, tenth.T) == np.float32(0.1)).all()
    assert axon.huber(0 * ones, tenth * 0 + 1.5, reduction="sum") == 2 * n
    assert axon.binary_cross_entropy(ones, 0 * ones, from_logits=True, positive_weight=2.0) == np.float32(
        2 * np.log(2)
    )
    # 2**24 + 1 ones in float32, one after the other, are 2**24
    view = np.broadcast_to(np.float32(1), (2**24 + 64, 1))
    assert _common.total(view, 0)[0] == len(view)


HALF = np.float16


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: axon.soft_margin(np.ones((3000, 1), HALF), np.zeros((3000, 1), HALF)), [3000 * np.log(2)]),
        (
            lambda: axon.soft_margin(np.ones((3000, 1), HALF), np.zeros((3000, 1), HALF), reduction="mean"),
            3000 * np.log(2),
        ),
        (lambda: axon.mean_squared_error(np.zeros(100, HALF), np.full(100, 250, HALF)), 62500),
        (
            lambda: axon.mean_squared_error(
                np.zeros(100, HALF), np.where(np.arange(100) == 99, HALF(297), HALF(0))
            ),
            297**2 / 100,
        ),
        (
            lambda: axon.mean_squared_error(
                np.zeros((2, 1), HALF), np.full((2, 1), 250, HALF), reduction="mean"
            ),
            62500,
        ),
        (lambda: axon.huber(np.zeros(5000, HALF), np.full(5000, 10.5, HALF), reduction="sum"), 50000),
        (
            lambda: axon.categorical_cross_entropy(
                np.zeros(60000, int),
                np.zeros((60000, 2), HALF),
                sparse=True,
                from_logits=True,
                reduction="mean",
            ),
            np.log(2),
        ),
        (
            lambda: axon.binary_cross_entropy(np.ones((2, 3000), int), np.full((2, 3000), 0.5, HALF)),
            [np.log(2)] * 2,
        ),
        (lambda: gluon.L2Loss()(np.full((1, 100), 300, HALF), np.zeros((1, 100), HALF)), [45000]),
        (lambda: gluon.L1Loss()(np.ones((2, 100_000), HALF), np.zeros((2, 100_000), HALF)), [1, 1]),
        (
            lambda: gluon.L1Loss(weight=1e-4)(np.full((2, 100_000), 6e4, HALF), np.zeros((2, 100_000), HALF)),
            [6, 6],
        ),
        (
            lambda: gluon.L1Loss().grad(np.full((1, 8192), 1, HALF), np.zeros((1, 8192), HALF), 4096),
            [[0.5] * 8192],
        ),
        (
            lambda: gluon.L2Loss().grad(np.full((1, 100_000), 6e4, HALF), np.zeros((1, 100_000), HALF)),
            [[0.6] * 100_000],
        ),
        (
            lambda: gluon.PoissonNLLLoss()(
                np.full((1, 100), 11.5, HALF) * (np.arange(100) == 0), np.zeros((1, 100), HALF)
            ),
            (np.exp(11.5) + 99) / 100,
        ),
        (
            lambda: gluon.SoftmaxCELoss(batch_axis=1)(
                np.zeros((60000, 1, 2), HALF), np.zeros((60000, 1), int)
            ),
            [np.log(2)],
        ),
        (
            lambda: optax.ranking_softmax_loss(np.zeros((60000, 2), HALF), np.ones((60000, 2), HALF)),
            2 * np.log(2),
        ),
        (
            lambda: optax.smooth_labels(np.zeros((1, 70000), HALF), 0.5, where=np.ones((1, 70000), bool)),
            [[0.5 / 70000] * 70000],
        ),
    ],
)
def test_float16_is_rounded_once_at_the_end(call, expected):
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        result = call()
    assert result.dtype == np.float16
    np.testing.assert_array_equal(result, np.asarray(expected).astype("f2"))


def test_a_loss_beyond_float32_leaves_the_mean_within():
    far, near = np.float32([[3e19, 0, 0, 0] * 25]), np.zeros((1, 100), "f4")
    exact = np.float64(far[0, 0]) ** 2 / 4
    check(axon.mean_squared_error(near, far), [exact], rtol=1e-7)
    check(gluon.L2Loss()(far, near), [exact / 2], rtol=1e-7)
    check(gluon.PoissonNLLLoss()(np.float32([[90.0] + [0] * 99]), near), (np.exp(90.0) + 99) / 100)
    check(
        gluon.PoissonNLLLoss().grad(np.float32([[90.0] + [0] * 99]), near),
        [[np.exp(90.0) / 100] + [0.01] * 99],
    )
