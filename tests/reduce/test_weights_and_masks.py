"""Weights of 0 and masks leave out: nothing is read, nothing counts."""

import numpy as np
import pytest

import ufloss as ul
from internals import UFUNCS
from reduce.cases import CE, by_loss, operands, weights_word


@pytest.mark.parametrize("size", [4, 100_000])
def test_gradients_may_lie_where_weights_or_a_mask_lie(size):
    x = np.arange(float(size))
    weights, where = 1 + x % 3, x % 4 < 3
    want = ul.l2_loss.mean.value_and_grad(x, 1.0, weights=weights)
    got = ul.l2_loss.mean.value_and_grad(x, 1.0, weights=weights, out=(None, weights))
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(weights, want[1])
    f = np.zeros(size, "f2")
    mask = f.view("?")[::2]
    mask[:] = where
    want = ul.l2_loss.mean.value_and_grad(x, 1.0, where=where)
    got = ul.l2_loss.mean.value_and_grad(x, 1.0, where=mask, out=(None, f))
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(f, want[1].astype("f2"))


def test_gradients_are_0_where_masked_out():
    x, where = np.arange(6.0).reshape(2, 3), np.array([[True, True, False], [False] * 3])
    for axis in (None, 1):
        value, grad = ul.l2_loss.mean.value_and_grad(
            x, -1.0, axis=axis, where=where, weights=np.where(where, 2.0, np.nan)
        )
        assert (grad[~where] == 0).all()
        assert (grad[where] != 0).all()
    assert np.isnan(value[1])
    logits = np.arange(12.0).reshape(3, 4)
    grad = CE.mean.value_and_grad(logits, [0, 1, 2], where=[True, False, True], weights=[1, np.nan, 2])[1]
    np.testing.assert_array_equal(grad[1], 0)
    assert np.isfinite(grad).all()


def test_masks_of_masked_arrays_lie_where_their_elements_lie():
    rng = np.random.default_rng(0)
    x, y, rows = rng.normal(size=(3, 3)), np.eye(3)[[1, 2, 0]], np.array([True, True, False])
    masked = np.ma.array(x, mask=np.eye(3))
    want = ul.softmax_cross_entropy(x, y, where=~np.eye(3, dtype=bool))
    assert ul.softmax_cross_entropy.mean(masked, y) == pytest.approx(want.mean())
    assert ul.softmax_cross_entropy.mean(masked, y, where=rows) == pytest.approx(want[:2].mean())
    classes = np.ma.array([0.2, 0.3, 0.5], mask=[0, 0, 1])
    want = ul.softmax_cross_entropy(x, classes.data, where=np.broadcast_to(~classes.mask, x.shape))
    assert ul.softmax_cross_entropy.mean(x, classes) == pytest.approx(want.mean())
    assert ul.l2_loss.mean(masked, where=rows[:, None]) == pytest.approx(
        ul.l2_loss(x)[:2][~np.eye(3, dtype=bool)[:2]].mean()
    )


def spoiled(loss, args, gone):
    """Operands whose losses where `gone` is True are NaN, or whose labels are no class."""
    made = [np.array(a) for a in args]
    for a, x in zip(loss["args"], made, strict=True):
        if a["role"] == "label":
            x[gone] = -100
    made[0][gone] = np.nan
    return made


@by_loss
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_a_weight_of_0_leaves_out(loss, dtype):
    ufunc, args = UFUNCS[loss["name"]], operands(loss, (4, 25), dtype=dtype)
    rng = np.random.default_rng(2)
    weights, word = rng.random((4, 25)) + 0.1, weights_word(loss)
    gone = rng.random((4, 25)) < 0.3
    weights[gone] = 0
    bad = spoiled(loss, args, gone)
    along = "over" if loss["dims"] == "n" else "axis"
    for where in (True, rng.random((4, 25)) < 0.8):
        for axis in (None, 0, 1):
            words = {along: axis, word: weights, "where": where, "returned": True}
            kept = {**words, word: np.where(gone, 1, weights), "where": ~gone & where}
            for kind in ("sum", "mean"):
                f = getattr(ufunc, kind)
                np.testing.assert_allclose(f(*bad, **words), f(*args, **kept), rtol=1e-14)
                if hasattr(f, "value_and_grad"):
                    got, want = f.value_and_grad(*bad, **words), f.value_and_grad(*args, **kept)
                    for g, w in zip(got, want, strict=True):
                        np.testing.assert_allclose(g, w, rtol=1e-14)
                    assert (got[1][gone] == 0).all()


def test_a_label_that_is_no_class_needs_a_weight_of_0():
    x = np.ones((3, 4))
    for labels, weights in (([0, 9, 1], [1, 1, 0]), ([0, 9, 1], None)):
        with pytest.raises(ValueError, match="label 9 is out of range for 4 classes"):
            CE.mean(x, labels, weights=weights)
    assert CE.mean(x, [0, 9, 1], weights=[1, 0, 1]) == pytest.approx(np.log(4))


@by_loss
def test_masks_of_masked_arrays_count_in_means(loss):
    ufunc, args = UFUNCS[loss["name"]], operands(loss, (5, 6))
    mask, word = np.random.default_rng(1).random((5, 6)) < 0.4, weights_word(loss)
    weights = np.arange(1.0, 31).reshape(5, 6)
    want = ufunc.mean(*args, **{word: weights}, where=~mask)
    for w, where in (
        (np.ma.array(weights, mask=mask), True),
        (weights, np.ma.array(np.ones((5, 6), bool), mask=mask)),
    ):
        assert ufunc.mean(*args, **{word: w}, where=where) == want
    for k, a in enumerate(loss["args"]):
        if not a["along"]:
            masked = [np.ma.array(x, mask=mask) if i == k else x for i, x in enumerate(args)]
            assert ufunc.mean(*masked, **{word: weights}) == want
        else:
            elements = np.random.default_rng(1).random(args[k].shape) < 0.3
            masked = [np.ma.array(x, mask=elements) if i == k else x for i, x in enumerate(args)]
            assert ufunc.mean(*masked, **{word: weights}) == ufunc.mean(
                *args, **{word: weights}, where=~elements
            )


def test_a_label_without_weight_is_not_the_one_that_is_named():
    logits, labels = np.zeros((2, 3, 4)), np.array([[0, 9, 1], [2, 3, 7]])
    weights, mean = np.array([[1, 0, 1], [1, 1, 1.0]]), ul.softmax_cross_entropy_with_integer_labels.mean
    for words in (
        {"weights": weights},
        {"where": weights != 0},
        {"weights": weights, "over": 0},
        {"weights": np.ma.array(weights, mask=weights == 0)},
    ):
        with pytest.raises(ValueError, match=r"label 7 is out of range for 4 classes, at index \(1, 2\)"):
            mean(logits, labels, **words)
    with pytest.raises(ValueError, match=r"label 7 .*at index \(1, 2\)"):
        mean(logits, np.ma.array(labels, mask=labels == 9))


@pytest.mark.parametrize(
    "name",
    ["softmax_cross_entropy_with_integer_labels", "multiclass_hinge_loss", "nll_loss_with_integer_labels"],
)
def test_the_label_of_one_row_alone_may_be_left_out(name):
    loss, x = UFUNCS[name], np.array([[1.0, 2, 3], [0, 0, 1]])
    for label in (-77, 9):
        for rows, axis in ((x[0], -1), (x, None), (x, (0, 1))):
            hidden = np.ma.array(label, mask=True)
            assert (
                loss.sum(rows, label, axis=axis, weights=0)
                == loss.sum(rows, label, axis=axis, where=False)
                == loss.sum(rows, hidden, axis=axis)
                == 0
            )
            assert np.isnan(loss.mean(rows, label, axis=axis, weights=0))
            assert np.isnan(loss.mean(rows, label, axis=axis, where=False))
            value, grad = loss.sum.value_and_grad(rows, label, axis=axis, weights=0)
            assert value == 0
            assert grad.shape == rows.shape
            assert not grad.any()
            with pytest.raises(ValueError, match=f"label {label} is out of range"):
                loss.mean(rows, label, axis=axis)
