"""Confident images keep their digits; float16; probabilities; nothing warns."""

import warnings

import numpy as np
import pytest

import ufloss as ul
from segmentation.cases import LABELS, SCORES, regions_to_add_up, rng, softmax


def confident(margin, dtype):
    """An image of two pixels and two classes, both right by that margin; and the exact loss, from 1 - p
    itself.
    """
    x = np.array([[[margin, 0], [0, margin]]], dtype)
    wrong = float(np.exp(-margin) / (1 + np.exp(-margin)))
    return x, np.eye(2, dtype=dtype)[None], wrong / (2 - wrong + wrong)


@pytest.mark.parametrize(
    ("dtype", "margins", "rtol"),
    [("f2", (5, 8, 12), 1e-2), ("f4", (5, 20, 80), 1e-6), ("f8", (5, 40, 700), 1e-14)],
)
def test_confident_images_keep_their_digits(dtype, margins, rtol):
    for margin in margins:
        x, t, _ = confident(margin, dtype)
        q = 1 / (1 + np.exp(float(margin)))
        want = q / (1 - q + q + 1)
        tolerance = max(rtol, 6e-8 / want) if dtype == "f2" else rtol
        np.testing.assert_allclose(ul.dice_loss(x, t), want, rtol=tolerance)
        np.testing.assert_allclose(ul.multiclass_generalized_dice_loss(x, t), want, rtol=tolerance)
        np.testing.assert_allclose(
            ul.binary_dice_loss(np.array([[margin, -margin]], dtype), np.array([[1, 0]], dtype)),
            want,
            rtol=tolerance,
        )
        np.testing.assert_allclose(ul.dice_loss(x.astype(float)[:, :, ::-1], t[:, :, ::-1]), want, rtol=1e-14)
        grad = ul.dice_loss.grad(x, t)[0, 0]
        exact = ul.dice_loss.grad(x.astype(float), t)[0, 0]
        assert exact[1] > 0
        np.testing.assert_allclose(grad, exact, rtol=rtol * 10, atol=6e-8 if dtype == "f2" else 0)
        np.testing.assert_allclose(exact[0], -exact[1], rtol=1e-13)


def test_gradients_of_confident_images_are_derivatives():
    x = np.array([[[30.0, 0, -2], [-1, 29, 1], [3, 2, 31]]])
    t = np.eye(3)[None]
    _loss, grad = ul.dice_loss.value_and_grad(x, t)
    h = 1e-4
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = h
        change = (ul.dice_loss(x + d, t) - ul.dice_loss(x - d, t))[0] / (2 * h)
        np.testing.assert_allclose(grad[i], change, rtol=1e-6)


def test_float16_images():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2, 50, 7)) * 3).astype("f2")
    t = np.eye(7, dtype="f2")[rng.integers(0, 6, (2, 50))]  # a class of which there is nothing
    p = ul.softmax(x)
    for apply, given in ((True, x), (False, p)):
        for loss in (ul.dice_loss, ul.multiclass_generalized_dice_loss):
            value, grad = loss.value_and_grad(given, t, apply_softmax=apply)
            want, slope = (
                loss.value_and_grad(given.astype("f4"), t.astype("f4"), apply_softmax=apply)
                if apply
                else (value, grad)
            )
            assert value.dtype == grad.dtype == np.float16
            assert np.isfinite(value).all()
            np.testing.assert_array_equal(value, np.asarray(want).astype("f2"))
            np.testing.assert_array_equal(grad, np.asarray(slope).astype("f2"))
    with pytest.raises(ValueError, match="not probabilities"):
        ul.dice_loss(p * np.float16(1.01), t, apply_softmax=False)


def test_probabilities_are_checked_only_where_they_take_part():
    p = np.array([[[0.25, 0.75], [9.0, 9.0], [0.5, 0.5]]])
    t = np.array([[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]])
    where = np.array([[[True], [False], [True]]])
    got = ul.dice_loss.value_and_grad(p, t, apply_softmax=False, where=where)
    kept = ul.dice_loss.value_and_grad(p[:, [0, 2]], t[:, [0, 2]], apply_softmax=False)
    assert got[0] == kept[0]
    np.testing.assert_array_equal(got[1][:, [0, 2]], kept[1])
    assert not got[1][:, 1].any()
    with pytest.raises(ValueError, match="they sum to between 18 and 18"):
        ul.dice_loss(p, t, apply_softmax=False)
    p[0, 1] = np.nan
    assert np.isnan(ul.dice_loss(p, t, apply_softmax=False))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_no_call_emits_a_warning(dtype):
    special = np.array([np.nan, np.inf, -np.inf, 0, 65504, -65504, 6e-8], dtype)
    images = [
        np.resize(special, (3, 7, 2)),
        np.full((3, 7, 2), -np.inf, dtype),
        np.full((3, 7, 2), 60000, dtype),
    ]
    images += [np.zeros((3, 0, 2), dtype), np.zeros((0, 7, 2), dtype)]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for x in images:
            for t in (np.zeros_like(x), np.ones_like(x), np.resize(special, x.shape)):
                for loss in (ul.dice_loss, ul.multiclass_generalized_dice_loss):
                    loss.value_and_grad(x, t)
                    loss.value_and_grad(x, t, smooth=0.0)
                ul.dice_loss(x, t, smooth=-1.0, class_weights=[1e300, 0])
                ul.binary_dice_loss.value_and_grad(x[..., 0], t[..., 0])
                fenchel = ul.make_fenchel_young_loss(ul.logsumexp)
                fenchel.value_and_grad(x, t)


def test_pixels_that_take_no_part_are_not_read():
    x, where = SCORES.copy(), np.ones((2, 4, 5, 1), bool)
    where[0, 1] = False
    x[0, 1] = np.nan
    value, grad = ul.dice_loss.value_and_grad(x, LABELS, where=where)
    want, slope = ul.dice_loss.value_and_grad(SCORES, LABELS, where=where)
    np.testing.assert_array_equal(value, want)
    np.testing.assert_array_equal(grad, slope)
    assert (grad[0, 1] == 0).all()


def test_sums_of_regions_have_all_digits():
    for x, t, options in regions_to_add_up():
        x, t = x.astype("f4"), t.astype("f4")
        where = options.pop("where", True)
        value, grad = ul.dice_loss.value_and_grad(x, t, where=where, **options)
        want, slope = ul.dice_loss.value_and_grad(x.astype(float), t.astype(float), where=where, **options)
        np.testing.assert_allclose(value, want, rtol=1e-6)
        np.testing.assert_allclose(grad, slope, rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
@pytest.mark.parametrize("apply", [True, False])
def test_a_class_that_weighs_nothing_is_not_looked_at(apply, spoilt):
    x = SCORES if apply else softmax(SCORES)
    parameters = {"smooth": np.array([spoilt, 1, 2]), "alpha": np.array([-1, 0.5, 0.3])}
    for leave_out in (
        {"ignore_background": True},
        {"class_weights": [0, 1, 1]},
        {"class_weights": [spoilt, 2, 1], "ignore_background": True},
    ):
        for options in (
            {"reduction": "none"},
            {"reduction": "sum"},
            {"reduction": "mean", "axis": (0, 2)},
            {"where": rng.random((2, 4, 5, 1)) < 0.8},
        ):
            words = {"apply_softmax": apply, **leave_out, **options}
            for given in ({}, {name: a[None] for name, a in parameters.items()}):
                plain = {name: np.where(np.arange(3) == 0, 1, a) for name, a in given.items()}
                value, grad = ul.dice_loss.value_and_grad(x, LABELS, **words, **plain)
                for t in (LABELS, np.where(np.arange(3) == 0, spoilt, LABELS)):
                    got, slope = ul.dice_loss.value_and_grad(x, t, **words, **given)
                    np.testing.assert_array_equal(got, value)
                    np.testing.assert_array_equal(slope, grad)
                    np.testing.assert_array_equal(ul.dice_loss(x, t, **words, **given), value)


def test_predictions_of_a_class_that_weighs_nothing_are_not_looked_at():
    p, t = np.array([[[np.nan, 0.5], [np.nan, 0.4]]]), np.array([[[1.0, 0], [0, 1]]])
    want, slope = ul.dice_loss.value_and_grad(p, t, apply_softmax=False, where=[False, True])
    for options in ({"class_weights": [0, 1]}, {"ignore_background": True, "reduction": "sum"}):
        value, grad = ul.dice_loss.value_and_grad(p, t, apply_softmax=False, **options)
        assert (
            value == pytest.approx(0.14102564, abs=1e-8) if "class_weights" in options else value == 2 * want
        )
        np.testing.assert_array_equal(grad, slope * (1 if "class_weights" in options else 2))
    for apply in (True, False):
        value, grad = ul.dice_loss.value_and_grad(
            np.full((1, 2, 1), np.nan), t[..., :1], apply_softmax=apply, class_weights=[0]
        )
        assert value == 0
        assert (grad == 0).all()
    value, grad = ul.dice_loss.value_and_grad(p, t, class_weights=[0, 0])
    assert value == 0
    assert (grad == 0).all()
    # one score that is NaN leaves no probability
    assert np.isnan(ul.dice_loss.grad(p, t, class_weights=[0, 1])).all()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8"])
def test_probabilities_lie_between_0_and_1(dtype):
    several, one, t = (
        np.array([[[2, -1], [0, 1]]], dtype),
        np.array([[-2, 1]], dtype),
        np.array([[[1, 0], [0, 1]]], dtype),
    )
    for f in (ul.dice_loss, ul.dice_loss.value_and_grad, ul.multiclass_generalized_dice_loss.grad):
        with pytest.raises(
            ValueError,
            match="dice_loss: predictions are not probabilities, "
            r"which lie between 0 and 1: one of them is 2$",
        ):
            f(several, t, apply_softmax=False)
    for f, options in (
        (ul.binary_dice_loss, {"apply_sigmoid": False}),
        (ul.binary_dice_loss.grad, {"apply_sigmoid": False}),
    ):
        with pytest.raises(
            ValueError, match=r"^binary_dice_loss: predictions are not probabilities, .*: one of them is -2$"
        ):
            f(one, t[..., 0], **options)
    with pytest.raises(
        ValueError, match=r"^dice_loss: predictions are not probabilities, .*: one of them is -2$"
    ):
        ul.dice_loss(one[..., None], t[..., :1], apply_softmax=False)
    where = np.array([[[False], [True]]])
    for got, want in zip(
        *(
            ul.dice_loss.value_and_grad(p, t, apply_softmax=False, where=where)
            for p in (several, several % 2)
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)
    assert ul.binary_dice_loss(one, t[..., 0], apply_sigmoid=False, where=[[False, True]]) == pytest.approx(
        1 / 3, rel=1e-3
    )
    assert np.isfinite(ul.dice_loss(several, t, apply_softmax=False, class_weights=[0, 0]))


def test_probabilities_may_be_rounded():
    for dtype, excess in (("f2", 9e-4), ("f4", 9e-6), ("f8", 9e-6)):
        p = np.array([[[1 + excess, -excess], [0, 1]]], dtype)
        assert np.isfinite(ul.dice_loss(p, np.eye(2)[None], apply_softmax=False))
        with pytest.raises(ValueError, match="not probabilities"):
            ul.dice_loss(1 + 3 * (p - 1) + 0 * p, np.eye(2)[None], apply_softmax=False)
    p = np.array([[0.5, np.nan, 0.25]])
    assert np.isnan(ul.binary_dice_loss(p, np.ones((1, 3)), apply_sigmoid=False))
    with pytest.raises(ValueError, match=r"one of them is 1\.5$"):
        ul.binary_dice_loss(np.where(p == 0.5, 1.5, p), np.ones((1, 3)), apply_sigmoid=False)
    for shape in ((0, 3), (2, 0)):
        assert ul.binary_dice_loss(np.zeros(shape), np.zeros(shape), apply_sigmoid=False).shape == shape[:1]
