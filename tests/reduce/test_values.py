"""`sum` and `mean` of every loss against the losses themselves, over every shape."""

import inspect
import itertools
import pickle

import numpy as np
import pytest

import ufloss as ul
from internals import UFUNCS
from reduce.cases import CE, by_loss, operands, weights_word


@by_loss
def test_every_loss(loss):
    ufunc, args, shape = UFUNCS[loss["name"]], operands(loss, (4, 3, 6)), (4, 3, 6)
    rng = np.random.default_rng(1)
    weights, where = rng.random(shape), rng.random(shape) < 0.7
    values, word, along = ufunc(*args), weights_word(loss), "over" if loss["dims"] == "n" else "axis"
    for axis in (None, 0, -1, (0, 2), (1, 0)):
        chosen = {along: axis}
        np.testing.assert_allclose(ufunc.sum(*args, **chosen), values.sum(axis), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(ufunc.mean(*args, **chosen), values.mean(axis), rtol=1e-13, atol=1e-13)
        counted = np.where(where, weights, 0)
        want, total = (np.where(where, values, 0) * weights).sum(axis), counted.sum(axis)
        got, weight = ufunc.mean(*args, **chosen, **{word: weights}, where=where, returned=True)
        np.testing.assert_allclose(got, want / total, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(weight, total, rtol=1e-13)
        np.testing.assert_allclose(
            ufunc.sum(*args, **chosen, **{word: weights}, where=where), want, rtol=1e-12, atol=1e-13
        )
        if "value_and_grad" not in loss["outputs"]:
            continue
        grads = ufunc.grad(*args)
        total = total if axis is None else np.expand_dims(total, axis)
        if loss["dims"] == "n":
            counted, total = counted[..., None], np.asarray(total)[..., None]
        value, grad = ufunc.mean.value_and_grad(*args, **chosen, **{word: weights}, where=where)
        np.testing.assert_array_equal(value, got)
        np.testing.assert_allclose(
            grad, np.where(counted > 0, grads, 0) * counted / total, rtol=1e-12, atol=1e-14
        )
        value, grad = ufunc.sum.value_and_grad(*args, **chosen)
        np.testing.assert_array_equal(grad, grads)


@pytest.mark.parametrize(
    "shape",
    [
        (),
        (1,),
        (0,),
        (3, 0),
        (0, 3),
        (100_003,),
        (7, 40_001),
        (40_001, 7),
        (3, 1, 70_000),
        (300, 300),
        (2, 5, 3, 11),
    ],
)
def test_shapes_and_blocks(shape):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *shape)).astype("f4")
    values = ul.squared_error(x, y).astype(float)
    for n in range(len(shape) + 1):
        for axis in itertools.combinations(range(len(shape)), n):
            total, slope = ul.squared_error.sum.value_and_grad(x, y, axis=axis, dtype=float)
            np.testing.assert_allclose(total, values.sum(axis), rtol=1e-13, atol=1e-300)
            assert np.shape(total) == values.sum(axis).shape
            np.testing.assert_array_equal(slope, ul.squared_error.grad(x, y))
            kept = ul.squared_error.mean(x, y, axis=axis, keepdims=True)
            assert np.shape(kept) == values.sum(axis, keepdims=True).shape
    assert ul.squared_error.mean(x, y).dtype == np.float32


def test_sums_are_float64():
    x = np.full(30_000_000, 0.1, np.float32)
    assert ul.absolute_error.sum(x, 0.0, dtype=float) == pytest.approx(float(x[0]) * len(x), rel=1e-13)
    assert ul.squared_error.mean(np.full(1000, 255.0, np.float16), 0.0) == np.float16(65025)


def test_masked_out_is_not_read_and_does_not_count():
    x, where = np.array([1.0, np.nan, 3.0]), np.array([True, False, True])
    assert ul.squared_error.mean(x, 0.0, where=where) == 5
    assert ul.squared_error.mean(x, 0.0, where=where, weights=[1, np.nan, 3]) == 7
    grad = ul.squared_error.mean.value_and_grad(x, 0.0, where=where)[1]
    assert grad.tolist() == [1, 0, 3]
    assert ul.squared_error.mean(np.ma.array(x, mask=~where), 0.0) == 5
    assert np.isnan(ul.squared_error.mean(x, 0.0, where=False))
    assert ul.squared_error.sum(x, 0.0, where=False) == 0


def test_ignored_labels_are_torchs_ignore_index():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(6, 10, 4, 5)), rng.integers(0, 10, (6, 4, 5))
    labels[rng.random(labels.shape) < 0.4] = -100
    used = labels != -100
    each = CE(logits, labels, axis=1, where=used)
    value, grad, weight = CE.mean.value_and_grad(logits, labels, axis=1, where=used, returned=True)
    assert weight == used.sum()
    assert value == pytest.approx(each.sum() / used.sum(), rel=1e-14)
    np.testing.assert_allclose(grad, CE.grad(logits, labels, axis=1, where=used) / used.sum(), rtol=1e-14)
    assert np.isnan(CE.mean(logits, labels * 0 - 100, axis=1, where=used & False))


def test_class_axes_and_elements_of_rows():
    rng = np.random.default_rng(0)
    logits, p = rng.normal(size=(2, 7, 3, 4, 5))
    p = abs(p)
    where = rng.random((7, 3, 4, 5)) < 0.6
    where[2, :, 1] = False
    for axis in (0, -1, (0, 1), (3, 1), None):
        each = ul.kl_divergence(logits, p, axis=axis, where=where)
        got = ul.kl_divergence.sum.value_and_grad(logits, p, axis=axis, where=where)
        np.testing.assert_allclose(got[0], each.sum(), rtol=1e-13)
        np.testing.assert_array_equal(got[1], ul.kl_divergence.grad(logits, p, axis=axis, where=where))
    each = ul.kl_divergence(logits, p, axis=(1, 3), where=where)
    assert ul.kl_divergence.mean(logits, p, axis=(1, 3), where=where) == pytest.approx(
        each.sum() / (each.size - 1), rel=1e-13
    )
    scores, many = rng.normal(size=3), rng.integers(0, 3, (4, 2))  # one row, many labels
    value, grad = CE.mean.value_and_grad(scores, many)
    assert value == pytest.approx(CE(scores, many).mean())
    assert grad.shape == (4, 2, 3)


def test_out():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30, 40)).astype("f4")
    want, slope = ul.huber_loss.mean.value_and_grad(x, y, axis=1)
    total, grad = np.empty(30, "f4"), np.empty((30, 40), "f4")
    got = ul.huber_loss.mean.value_and_grad(x, y, axis=1, out=(total, grad))
    assert got[0] is total
    assert got[1] is grad
    np.testing.assert_array_equal(total, want)
    np.testing.assert_array_equal(grad, slope)
    wide, own = np.empty((30, 40)), x.copy()
    ul.huber_loss.mean.value_and_grad(x, y, axis=1, out=(None, wide))
    np.testing.assert_array_equal(wide, slope)
    ul.huber_loss.mean.value_and_grad(own, y, axis=1, out=(None, own))  # where the input lies
    np.testing.assert_array_equal(own, slope)
    with pytest.raises(ValueError, match="output has shape"):
        ul.huber_loss.mean(x, y, out=np.empty(3))
    with pytest.raises(ValueError, match="output has shape"):
        ul.huber_loss.mean.value_and_grad(x, y, out=(None, np.empty(3)))
    grad[:] = 7
    with pytest.raises(ValueError, match="output has shape"):
        ul.huber_loss.mean.value_and_grad(x, y, out=(np.empty(3), grad))
    grad.flags.writeable = False
    for one in (grad, grad.T.copy().T):
        one.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            ul.huber_loss.mean.value_and_grad(x, y, out=(None, one))
    assert (grad == 7).all()


@pytest.mark.parametrize(
    ("shape", "axis", "labels"),
    [
        ((4, 3), 0, (2, 3)),
        ((4, 3), -2, (2, 3)),
        ((4,), 0, (5,)),
        ((4,), -1, (5,)),
        ((4, 2), None, (5,)),
        ((2, 4, 3), (0, 2), (7, 4)),
        ((2, 4, 3), (-1, -3), (7, 4)),
    ],
)
def test_more_labels_than_rows(shape, axis, labels):
    """The plain call, the one with a mask, and the mean put the class axes of the gradient at the same
    place.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    classes = x.size if axis is None else int(np.prod([shape[a] for a in np.atleast_1d(axis)]))
    labels, where = rng.integers(0, classes, labels), np.ones(shape, bool)
    values, slopes = CE.value_and_grad(x, labels, axis=axis)
    for other in (
        CE.value_and_grad(x, labels, axis=axis, where=where),
        CE.value_and_grad(x, labels, axis=axis, out=(None, np.empty(slopes.shape))),
    ):
        np.testing.assert_array_equal(other[0], values)
        np.testing.assert_array_equal(other[1], slopes)
    value, grad = CE.mean.value_and_grad(x, labels, axis=axis)
    assert value == pytest.approx(values.mean(), rel=1e-15)
    np.testing.assert_allclose(grad, slopes / values.size, rtol=1e-15)
    where = rng.random(shape) < 0.7
    np.testing.assert_array_equal(
        CE.mean(x, labels, axis=axis, where=where, over=()), CE(x, labels, axis=axis, where=where)
    )


def test_what_they_are():
    mean = ul.huber_loss.mean
    assert pickle.loads(pickle.dumps(mean)) is mean
    assert pickle.loads(pickle.dumps(mean.value_and_grad)) is mean.value_and_grad
    assert repr(mean.value_and_grad) == "<huber_loss.mean.value_and_grad>"
    assert list(inspect.signature(mean).parameters)[:5] == [
        "predictions",
        "targets",
        "delta",
        "weights",
        "axis",
    ]
    assert "loss_weights" in inspect.signature(ul.ranking_softmax_loss.mean).parameters
    assert "over" in inspect.signature(CE.sum).parameters
    assert mean.__doc__.startswith("Mean of `huber_loss`")
    assert not hasattr(ul.softmax, "mean")


def test_an_empty_batch_takes_no_time():
    rows, labels, many = (
        np.broadcast_to(0.0, (2**40, 0, 3)),
        np.broadcast_to(0, (2**40, 0)),
        np.broadcast_to(0.0, (2**40, 0)),
    )
    kept = np.broadcast_to(True, (2**40, 0))
    for words in ({}, {"where": kept}, {"weights": many}):
        assert np.isnan(CE.mean(rows, labels, **words))
        assert np.isnan(ul.huber_loss.mean(many, **words))
        value, grad = CE.sum.value_and_grad(rows, labels, **words)
        assert value == 0
        assert grad.shape == rows.shape
        assert ul.huber_loss.sum.value_and_grad(many, **words)[0] == 0
    assert ul.huber_loss.sum(np.zeros((3, 0)), axis=1).tolist() == [0, 0, 0]
    assert ul.huber_loss.sum(np.zeros((0, 3)), axis=0).tolist() == [0, 0, 0]
