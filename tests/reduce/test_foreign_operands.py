"""Means of pandas' arrays, and of operands that handle ufuncs themselves."""

import numpy as np
import pytest

import ufloss as ul
from foreign import Duck, Opaque, Plain, Quantity
from internals import UFUNCS
from reduce.cases import CE, by_loss, operands, weights_word


def test_operands_of_pandas_are_aligned_as_in_a_call():
    pd = pytest.importorskip("pandas")
    s, reverse = pd.Series([1.0, 2, 3]), pd.Series([1.0, 2, 3], index=[2, 1, 0])
    assert ul.squared_error.mean(s, reverse) == pytest.approx(ul.squared_error(s, reverse).mean())
    assert ul.squared_error.sum.value_and_grad(s, reverse)[1].tolist() == [-4, 0, 4]
    assert ul.squared_error.mean(s, [1, 2, 2], weights=pd.Series([1, 0, 0], index=[2, 1, 0])) == 1
    assert ul.squared_error.mean(s, 0.0, where=pd.Series([True, False, False], index=[2, 1, 0])) == 9
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": [4.0, 5, 7]})
    other = frame[["b", "a"]][::-1]
    assert ul.squared_error.mean(frame, other) == 0
    assert ul.softmax_cross_entropy.mean(frame, other) == pytest.approx(
        np.mean(ul.softmax_cross_entropy(frame, other))
    )
    assert CE.mean(frame, pd.Series([0, 1, 1], index=[2, 1, 0])) == pytest.approx(
        CE(frame.to_numpy(), [1, 1, 0]).mean()
    )
    with pytest.raises(ValueError, match=r"squared_error.mean: operands of pandas have different index"):
        ul.squared_error.mean(s, pd.Series([1.0, 2, 3], index=[1, 2, 3]))
    with pytest.raises(ValueError, match="different columns"):
        ul.squared_error.mean(frame, frame.rename(columns={"a": "c"}))
    with pytest.raises(TypeError, match="Series and DataFrames do not go together"):
        ul.squared_error.mean(frame, s)


@by_loss
@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_operands_that_handle_ufuncs_themselves_are_refused(loss, kind):
    ufunc, args = UFUNCS[loss["name"]], operands(loss, (2,), classes=2)
    names, word = [a["name"] for a in loss["args"]], weights_word(loss)
    reductions = [getattr(ufunc, kind)]
    if "value_and_grad" in loss["outputs"]:
        reductions.append(reductions[0].value_and_grad)
    for f in reductions:
        results = len(reductions) if f is not reductions[0] else 1
        given = dict(zip(names, args, strict=True), **{word: np.ones(2), "where": np.ones(2, bool)})
        want = f(**given)
        for what, x in given.items():
            for strange in (x.view(Quantity), Duck()):
                with pytest.raises(
                    TypeError,
                    match=f"^{f.__name__}: {what} is a {type(strange).__name__}, which handles ufuncs itself",
                ):
                    f(**{**given, what: strange})
            with pytest.raises(
                TypeError, match=r"operand 'Opaque' does not support ufuncs \(__array_ufunc__=None\)"
            ):
                f(**{**given, what: Opaque()})
            np.testing.assert_equal(f(**{**given, what: x.view(Plain)}), want)
        for place in range(results):
            shape = np.shape(want[place]) if results > 1 else ()
            out = np.full(shape, 7.0)
            outs = tuple(out.view(Quantity) if i == place else None for i in range(results))
            with pytest.raises(TypeError, match=rf"^{f.__name__}: out is a Quantity"):
                f(**given, out=outs)
            assert (out == 7).all()
            f(**given, out=tuple(out.view(Plain) if i == place else None for i in range(results)))
            np.testing.assert_array_equal(out, want[place] if results > 1 else want)


def test_values_of_pandas_are_taken():
    pd = pytest.importorskip("pandas")
    for x in (
        pd.Series([1.0, 3.0]),
        pd.Index([1.0, 3.0]),
        pd.array([1.0, 3.0]),
        pd.DataFrame({"a": [1.0, 3.0]}),
        type("Own", (pd.Series,), {})([1.0, 3.0]),
    ):
        assert ul.squared_error.mean(x, 0.0) == 5
        assert ul.squared_error.sum(0.0, x) == 10
        assert ul.squared_error.mean(
            [1.0, 1.0], 0.0, weights=x if x.ndim == 1 else x["a"], returned=True
        ) == (1, 4)
