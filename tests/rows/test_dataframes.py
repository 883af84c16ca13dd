"""Row losses of DataFrames, of arrays of many axes, and Fenchel-Young losses of either."""

import math

import numpy as np
import pytest

import ufloss as ul
from common import results
from rows.cases import along, by_ufunc, draw, ufunc_of


@by_ufunc
def test_dataframes_have_rows_as_arrays_have(loss, attribute):
    pd = pytest.importorskip("pandas")
    ufunc, args = ufunc_of(loss, attribute), draw(loss, (3, 3))
    frame = pd.DataFrame(args[0], index=list("abc"), columns=list("xyz"))
    for words in (
        {},
        {"axis": 0},
        {"axis": 1},
        {"axis": (1,)},
        {"axis": None},
        {"keepdims": True},
        {"axis": 0, "keepdims": True},
    ):
        rest = (
            [a if lies else a[0] for a, lies in zip(args[1:], along(loss)[1:], strict=True)]
            if words.get("axis", 1) is None
            else args[1:]
        )
        for got, wanted in zip(
            results(ufunc, frame, *rest, **words), results(ufunc, args[0], *rest, **words), strict=True
        ):
            np.testing.assert_array_equal(np.asarray(got), wanted, strict=True)
    shaped = [
        isinstance(r, pd.DataFrame) and r.axes[0].equals(frame.axes[0]) and r.axes[1].equals(frame.axes[1])
        for r in results(ufunc, frame, *args[1:])
    ]
    assert shaped == [p != "value" or loss["row_value"] for p in loss["outputs"][attribute][1]]


def test_dataframes_of_one_operand():
    pd = pytest.importorskip("pandas")
    x = np.array([[1.0, 2, 3], [0, 0, 1]])
    frame = pd.DataFrame(x, index=["a", "b"], columns=list("xyz"))
    assert ul.softmax(frame).equals(pd.DataFrame(ul.softmax(x), index=["a", "b"], columns=list("xyz")))
    assert ul.softmax(logits=frame).equals(ul.softmax(frame))
    np.testing.assert_array_equal(ul.softmax(frame, axes=[0, 0]), ul.softmax(x, axis=0))
    np.testing.assert_array_equal(ul.logsumexp(frame.astype({"x": "float32", "y": "int64"})), ul.logsumexp(x))
    np.testing.assert_array_equal(ul.softmax(frame["x"]), ul.softmax(x[:, 0]))
    for by in ("position", "keyword"):
        out = np.full(2, -1.0)
        ul.logsumexp(frame, out) if by == "position" else ul.logsumexp(frame, out=out)
        np.testing.assert_array_equal(out, ul.logsumexp(x))
    out = np.full((2, 1), -1.0)
    assert ul.logsumexp(frame, keepdims=True, out=out) is out
    np.testing.assert_array_equal(out, ul.logsumexp(x, keepdims=True))
    with pytest.raises(ValueError, match=r"logsumexp: output has shape \(2, 1\), the result \(1, 3\)"):
        ul.logsumexp(frame, axis=0, keepdims=True, out=out)


@pytest.mark.parametrize("ndim", [33, 64])
def test_arrays_of_many_axes(ndim):
    x, labels = np.zeros((2, *(1,) * (ndim - 2), 3)), np.zeros((2, *(1,) * (ndim - 2)), int)
    plain, ce = ul.logsumexp(x), ul.softmax_cross_entropy_with_integer_labels
    np.testing.assert_array_equal(ul.logsumexp(x, keepdims=True), plain[..., None], strict=True)
    np.testing.assert_array_equal(ul.logsumexp(x, where=np.ones(x.shape, bool)), plain, strict=True)
    np.testing.assert_array_equal(
        ul.softmax_cross_entropy(x, np.zeros((2,) + (1,) * (ndim - 1))), 0 * plain, strict=True
    )
    assert ul.logsumexp(x, axis=None) == pytest.approx(math.log(6))
    assert ul.logsumexp.mean(x) == pytest.approx(math.log(3))
    assert ce.mean(x, labels, where=np.ones(x.shape, bool)) == pytest.approx(math.log(3))
    value, grad = ce.mean.value_and_grad(x, labels)
    assert value == pytest.approx(math.log(3))
    assert grad.shape == x.shape
    assert ul.squared_error.mean(x, np.ones(3), axis=0).shape == x.shape[1:]
    with pytest.raises(
        ValueError, match=r"squared_error.mean: operands could not be broadcast together with shapes"
    ):
        ul.squared_error.mean(x, np.ones(2))


def test_fenchel_young_losses_say_what_is_wrong():
    loss, x = ul.make_fenchel_young_loss(ul.logsumexp), np.array([[1.0, 2, 3], [0, 0, 1]])
    for f in (loss, loss.grad, loss.value_and_grad):
        with pytest.raises(np.exceptions.AxisError, match="fenchel_young_loss: axis 5 is out of bounds"):
            f(x, x, axis=5)
    with pytest.raises(
        TypeError,
        match=r"max_fun must give one number for each row, and softmax, of signature \(n\)->\(n\), does not",
    ):
        ul.make_fenchel_young_loss(ul.softmax)
    with pytest.raises(TypeError, match="exp, an elementwise ufunc, does not"):
        ul.make_fenchel_young_loss(np.exp)


@pytest.mark.parametrize("max_fun", [ul.logsumexp, lambda row: np.log(np.exp(row).sum())])
def test_fenchel_young_losses_take_dataframes(max_fun):
    pd = pytest.importorskip("pandas")
    loss, x = ul.make_fenchel_young_loss(max_fun), np.array([[1.0, 2, 3], [0, 0, 1]])
    frame, other = pd.DataFrame(x), pd.DataFrame(x[::-1] / 2)
    np.testing.assert_array_equal(loss(frame, other), loss(x, x[::-1] / 2))
    np.testing.assert_array_equal(loss(frame, other[::-1]), loss(x, x[::-1] / 2))
    if max_fun is ul.logsumexp:
        np.testing.assert_array_equal(loss(frame, other, keepdims=True), loss(x, x[::-1] / 2, keepdims=True))
        np.testing.assert_array_equal(loss.grad(frame, other[::-1]), loss.grad(x, x[::-1] / 2))
        with pytest.raises(ValueError, match="fenchel_young_loss: operands of pandas have different index"):
            loss(frame, other.rename(index={0: 7}))
