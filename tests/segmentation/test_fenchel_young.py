"""Fenchel-Young losses of any function of rows."""

import pickle
import re

import numpy as np
import pytest

import ufloss as ul
from common import slope
from segmentation.cases import rng


def norm(x):
    return 0.5 * np.dot(x, x)


norm.grad = lambda x: x


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("max_fun", [ul.logsumexp, norm, np.max], ids=["logsumexp", "norm", "max"])
def test_fenchel_young(max_fun, axis):
    loss = ul.make_fenchel_young_loss(max_fun)
    x, y = rng.normal(size=(2, 4, 6))
    want = np.apply_along_axis(max_fun, axis, x) - (x * y).sum(axis)
    np.testing.assert_allclose(loss(x, y, axis=axis), want, rtol=1e-12, atol=1e-13)
    assert hasattr(loss, "grad") == hasattr(loss, "value_and_grad") == hasattr(max_fun, "grad")


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("max_fun", [ul.logsumexp, norm], ids=["logsumexp", "norm"])
def test_gradient_of_fenchel_young(max_fun, axis):
    loss = ul.make_fenchel_young_loss(max_fun)
    x, y = rng.normal(size=(2, 4, 6))
    value, grad = loss.value_and_grad(x, y, axis=axis)
    np.testing.assert_array_equal(value, loss(x, y, axis=axis))
    np.testing.assert_allclose(grad, slope(lambda x: loss(x, y, axis=axis), x), atol=1e-8)


def test_fenchel_young_of_logsumexp_keeps_confident_rows():
    loss = ul.make_fenchel_young_loss(ul.logsumexp)
    np.testing.assert_array_equal(
        loss([[20.0, 0, 0]], [[1.0, 0, 0]]), ul.softmax_cross_entropy([[20.0, 0, 0]], [[1.0, 0, 0]])
    )


def test_fenchel_young_hands_further_arguments_on():
    def scaled(x, scale=1.0, *, shift=0.0):
        return scale * x.max() + shift

    scaled.grad = lambda x, scale=1.0, *, shift=0.0: scale * (x == x.max())
    loss = ul.make_fenchel_young_loss(scaled)
    x, p = np.array([[1.0, 3.0], [5.0, 2.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])
    want = 2 * x.max(-1) + 1 - (x * p).sum(-1)
    np.testing.assert_allclose(loss(x, p, 2.0, shift=1.0), want)
    np.testing.assert_allclose(loss(x, p, scale=2.0, shift=1.0), want)
    np.testing.assert_allclose(loss.grad(x, p, 2.0), 2 * (x == x.max(-1, keepdims=True)) - p)


def test_fenchel_young_of_logsumexp_with_masks_and_axes():
    rng = np.random.default_rng(0)
    loss = ul.make_fenchel_young_loss(ul.logsumexp)
    x, y, where = rng.normal(size=(5, 4)), rng.random((5, 4)), rng.random((5, 4)) < 0.6
    where[2] = False
    for axis in (0, 1):
        top = np.where(where, np.exp(x), 0).sum(axis)
        want = np.where(
            where.any(axis), np.log(np.where(top > 0, top, 1)) - np.where(where, x * y, 0).sum(axis), 0
        )
        np.testing.assert_allclose(loss(x, y, axis=axis, where=where), want, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(
            loss(x, y, axis=axis, where=where, keepdims=True),
            np.expand_dims(want, axis),
            rtol=1e-13,
            atol=1e-15,
        )
        slope = np.where(where, np.exp(x) / np.expand_dims(np.where(top > 0, top, 1), axis) - y, 0)
        np.testing.assert_allclose(loss.grad(x, y, axis=axis, where=where), slope, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(
            loss.value_and_grad(x, y, axis=axis, where=where, keepdims=True)[1], slope, rtol=1e-13, atol=1e-15
        )
    rows = np.array([True, False, True, True, True])
    np.testing.assert_allclose(
        loss(x, 2 * y, where=rows),
        np.where(rows, np.log(np.exp(x).sum(1)) - 2 * (x * y).sum(1), 0),
        rtol=1e-13,
    )
    np.testing.assert_allclose(loss(x, 0.25), np.log(np.exp(x).sum(1)) - 0.25 * x.sum(1), rtol=1e-13)
    np.testing.assert_allclose(
        loss(x, y[0], axis=None), np.log(np.exp(x).sum()) - (x * y[0]).sum(), rtol=1e-13
    )
    assert (
        loss(x.astype("f4"), y.astype("f4")).dtype
        == loss.grad(x.astype("f4"), y.astype("f4")).dtype
        == np.float32
    )
    with pytest.raises(TypeError, match="unexpected keyword argument 'out'"):
        loss(x, y, out=np.empty(5))


def test_fenchel_young_of_another_gufunc_with_a_mask():
    rng = np.random.default_rng(0)
    norm = ul.make_fenchel_young_loss(np.max)
    x, y = rng.normal(size=(5, 4)), rng.random((5, 4))
    np.testing.assert_allclose(norm(x, y), x.max(1) - (x * y).sum(1), rtol=1e-14)


def test_fenchel_young_wants_a_function():
    with pytest.raises(TypeError, match="3 is not callable"):
        ul.make_fenchel_young_loss(3)


@pytest.mark.parametrize("axis", [1.0, "x", (0,), None])
def test_axes_of_a_maximum_of_rows(axis):
    with pytest.raises(TypeError, match=re.escape(f"fenchel_young_loss: axis must be an int, not {axis!r}")):
        ul.make_fenchel_young_loss(np.max)(np.ones((2, 3)), np.ones((2, 3)), axis=axis)


def test_fenchel_young_losses_pickle():
    loss = ul.make_fenchel_young_loss(ul.logsumexp)
    x, y = np.array([[20.0, 0, 0]]), np.array([[1.0, 0, 0]])
    for f in (loss, loss.grad, loss.value_and_grad):
        again = pickle.loads(pickle.dumps(f))
        np.testing.assert_array_equal(np.asarray(again(x, y)[0]), np.asarray(f(x, y)[0]))
    assert not hasattr(pickle.loads(pickle.dumps(ul.make_fenchel_young_loss(np.max))), "grad")


@pytest.mark.parametrize("wrong", [1j, np.datetime64("NaT"), np.array(1, "g"), "1"])
def test_wrong_types_are_refused_in_the_name_that_was_called(wrong):
    x = np.ones((2, 3, 4))
    fenchel = ul.make_fenchel_young_loss(ul.logsumexp)
    for f in (ul.dice_loss, ul.dice_loss.grad, ul.multiclass_generalized_dice_loss, fenchel, fenchel.grad):
        for args in ((np.full(x.shape, wrong), x), (x, np.full(x.shape, wrong))):
            with pytest.raises(
                TypeError, match=r"^(binary_)?dice_loss|^multiclass_generalized|^fenchel_young_loss"
            ):
                f(*args)
    for word in ("smooth", "alpha", "beta"):
        with pytest.raises(TypeError, match=f"dice_loss: {word} must be real numbers"):
            ul.dice_loss(x, x, **{word: wrong})
    with pytest.raises(TypeError, match="dice_loss: class_weights must be real numbers"):
        ul.dice_loss(x, x, class_weights=[wrong] * 4)


def test_a_plain_function_of_an_empty_batch():
    loss = ul.make_fenchel_young_loss(lambda row: row.max())
    for dtype in ("f4", "f8", int):
        result = loss(np.zeros((0, 3), dtype), np.zeros((0, 3), dtype))
        assert (result.shape, result.dtype) == ((0,), np.dtype(float if dtype is int else dtype))
    assert loss(np.zeros((3, 0)), np.zeros((3, 0)), axis=0).shape == (0,)
    with pytest.raises(np.exceptions.AxisError, match="fenchel_young_loss: axis 5"):
        loss(np.zeros((2, 3)), np.zeros((2, 3)), axis=5)
