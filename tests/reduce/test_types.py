"""Types of means: those of the losses; float16 and float32 whose sums leave them."""

import itertools

import numpy as np
import pytest

import ufloss as ul
from internals import UFUNCS
from reduce.cases import CE, REDUCED, by_loss, operands


@pytest.mark.parametrize(
    "number", [True, 2, 2.0, np.True_, np.int64(2), np.float64(2), np.float16(2), np.array(2.0)], ids=repr
)
def test_numbers_choose_the_type_of_a_mean_as_that_of_a_loss(number):
    x = np.linspace(-3, 3, 180, dtype="f4").reshape(6, 30)
    for loss, args in (
        (ul.log_cosh, lambda x: (number, x)),
        (ul.log_cosh, lambda x: (x, number)),
        (ul.huber_loss, lambda x: (x, 0.0, number)),
    ):
        value, grad = loss.mean.value_and_grad(*args(x))
        assert value.dtype == grad.dtype == loss(*args(x)).dtype
        for layout in (np.asfortranarray, lambda a: a.astype(">f4"), lambda a: np.repeat(a, 2, 1)[:, ::2]):
            other, slope = loss.mean.value_and_grad(*args(layout(x)))
            assert other == value
            np.testing.assert_array_equal(slope, grad)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_integers_beyond_int64_are_floats(dtype):
    for shape in ((3,), (2, 3)):
        x = np.ones(shape, dtype)
        # NumPy's casts of a call's operands
        with np.errstate(over="ignore" if dtype == "f2" else "raise"):
            want = ul.cosine_distance(x, x, 2**64).mean()
        assert ul.cosine_distance.mean(x, x, 2**64) == ul.cosine_distance.mean(x, x, float(2**64)) == want
        assert ul.huber_loss.mean(x, 0.0, 2**64) == 0.5
        with pytest.raises(OverflowError):
            ul.cosine_distance.mean(x, x, 10**400)


@pytest.mark.parametrize(
    "loss", [loss for loss in REDUCED if loss["dims"] != "n"], ids=lambda loss: loss["name"]
)
def test_types_are_those_of_the_losses(loss):
    ufunc, args = UFUNCS[loss["name"]], operands(loss, (3,))
    numbers = [
        1.0,
        1,
        True,
        np.float64(1),
        np.float32(1),
        *[np.array(1, dtype) for dtype in ("f2", "f4", "f8", "i8", "?")],
    ]
    for dtype in ("f2", "f4", ">f4"):
        arrays = [a.astype(dtype) for a in args]
        for k, number in itertools.product(range(len(arrays)), numbers):
            mixed = [number if i == k else a for i, a in enumerate(arrays)]
            want = ufunc(*mixed)
            got = ufunc.sum(*mixed)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(
                got,
                want.sum(dtype=float),
                rtol=1e-3 if want.dtype == "f2" else 1e-6,
                atol=0.05 * (want.dtype == "f2"),
            )


@pytest.mark.parametrize("layout", ["line", "strided", "masked"])
def test_float16_losses_are_kept_in_float32(layout):
    x = np.zeros(100, "f2")
    x[3] = 300
    words = {}
    if layout == "strided":
        x = np.repeat(x, 2).reshape(50, 4)[:, ::2].T
    if layout == "masked":
        x, words = np.append(x, np.float16(np.nan)), {"where": np.arange(101) < 100}
    assert ul.squared_error.mean(x, 0.0, **words) == 900
    assert ul.squared_error.mean(x, 0.0, **words).dtype == np.float16
    value, grad = ul.squared_error.mean.value_and_grad(x, 0.0, **words)
    assert (value, grad.max(), grad.dtype) == (900, 6, np.float16)
    tiny = x * np.float16(1e-5)  # each loss but not their number times it is below the type
    want = float(tiny[x > 1][0]) ** 2
    assert ul.squared_error.sum(tiny, 0.0, dtype=float, **words) == pytest.approx(want, rel=1e-6)


def test_float16_gradients_are_rounded_once():
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=5000).astype("f2"), rng.normal(size=5000).astype("f2"), rng.random(5000)
    exact = 2 * (x.astype(float) - y.astype(float)) * weights / weights.sum()
    grad = ul.squared_error.mean.value_and_grad(x, y, weights=weights)[1]
    np.testing.assert_array_equal(grad, exact.astype("f4").astype("f2"))
    logits, labels = rng.normal(size=(50, 20)).astype("f2"), rng.integers(0, 20, 50)
    grad = CE.mean.value_and_grad(logits, labels)[1]
    np.testing.assert_allclose(grad, CE.grad(logits.astype(float), labels) / 50, rtol=6e-4, atol=3e-8)


@by_loss
def test_float16_means_are_those_of_float32(loss):
    args = operands(loss, (40, 7), dtype=np.float16)
    wide = [a.astype("f4") if a.dtype == np.float16 else a for a in args]
    f = UFUNCS[loss["name"]].mean
    np.testing.assert_array_equal(f(*args, dtype="f4"), f(*wide))
    if "value_and_grad" in loss["outputs"]:
        with np.errstate(all="ignore"):
            want = f.value_and_grad(*wide)[1].astype("f2")
        np.testing.assert_array_equal(f.value_and_grad(*args)[1], want)


@pytest.mark.parametrize("shape", [(100,), (200_000,), (400, 500), (3, 70_000)])
def test_float32_losses_that_overflow(shape):
    x = np.zeros(shape, "f4")
    x.flat[3], x.flat[-1] = 1e20, -2e20
    size, total = x.size, float(x.flat[3]) ** 2 + float(x.flat[-1]) ** 2
    for view, words in (
        (x, {}),
        (np.asfortranarray(x), {}),
        (x, {"where": np.ones(shape, bool)}),
        (x, {"weights": np.ones(shape)}),
    ):
        assert ul.squared_error.sum(view, 0.0, dtype=float, **words) == pytest.approx(total, rel=1e-12)
        assert ul.squared_error.mean(view, 0.0, **words) == np.float32(
            total / size if total / size < 3.4e38 else np.inf
        )
        _value, grad = ul.squared_error.mean.value_and_grad(view, 0.0, **words)
        np.testing.assert_allclose(grad, 2 * x / np.float32(size), rtol=2e-7)
    assert ul.squared_error.sum(x, 0.0) == np.inf
    x.flat[5] = np.inf
    assert ul.squared_error.sum(x, 0.0, dtype=float) == np.inf
    x.flat[7] = np.nan
    assert np.isnan(ul.squared_error.sum(x, 0.0, dtype=float))


def test_gradients_depend_on_no_neighbour_whose_loss_is_not_finite():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(40, 300)).astype("f4"), rng.integers(0, 300, 40)
    want = CE.sum.value_and_grad(logits, labels)[1]
    logits[3, labels[3]] = -np.inf
    got = CE.sum.value_and_grad(logits, labels)[1]
    np.testing.assert_array_equal(np.delete(got, 3, 0), np.delete(want, 3, 0))


def test_sums_of_weights_that_leave_float64():
    for big in (1e308, 1e-320, 5e-324):
        weights = np.array([big, big])
        assert ul.absolute_error.mean([1.0, 3.0], 0.0, weights=weights) == 2
        value, grad = ul.absolute_error.mean.value_and_grad([1.0, 3.0], 0.0, weights=weights)
        assert (value, grad.tolist()) == (2, [0.5, 0.5])
    got = ul.absolute_error.mean(
        [[1.0, 3.0], [2.0, 5.0]], 0.0, weights=[[1e308, 1e308], [1e-300, 2e-300]], axis=1
    )
    assert got.tolist() == [2, 4]
    assert ul.absolute_error.mean([1.5e308] * 3, 0.0) == 1.5e308
    assert ul.absolute_error.mean([np.inf, 1], 0.0, weights=[1e308, 1e308]) == np.inf
    assert np.isnan(ul.absolute_error.mean([np.nan, 1], 0.0, weights=[1e308, 1e308]))
    assert np.isnan(ul.absolute_error.mean([1.0, 2.0], 0.0, weights=[0, 0]))
    assert CE.mean([[1.0, 2.0], [3.0, 3.0]], [0, 1], weights=[1e308, 1e308]) == pytest.approx(
        CE.mean([[1.0, 2.0], [3.0, 3.0]], [0, 1])
    )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_means_whose_weights_cancel_are_as_documented(dtype):
    x = np.array([1, 3], dtype)
    for scale in (1, 1e200, 1e-300):
        weights = np.array([1.0, -1.0]) * scale
        assert ul.absolute_error.mean(x, 0.0, weights=weights) == -np.inf
        assert ul.absolute_error.mean(x, 0.0, weights=-weights) == np.inf
        assert np.isnan(ul.absolute_error.mean(x, x, weights=weights))
    assert "NaN for 0 / 0, an infinity where only the latter is 0" in ul.absolute_error.mean.__doc__
