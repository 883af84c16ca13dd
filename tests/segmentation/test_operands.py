"""What images may be: masked, of pandas, matrices, arrays that handle ufuncs themselves."""

import inspect
import re

import numpy as np
import pytest

import ufloss as ul
from foreign import Opaque, Plain, Quantity
from segmentation.cases import FUNCTIONS, LABELS, SCORES, rng


def test_dice_wants_real_numbers():
    for bad in (np.ones((1, 2, 3)) * 1j, np.ones((1, 2, 3), object)):
        with pytest.raises(TypeError, match="dice_loss: predictions must be real numbers"):
            ul.dice_loss(bad, np.ones((1, 2, 3)))
        with pytest.raises(TypeError, match="dice_loss: targets must be real numbers"):
            ul.dice_loss(np.ones((1, 2, 3)), bad)


def test_masked_images_are_refused():
    masked = np.ma.array(SCORES, mask=SCORES > 0)
    for call in (
        lambda: ul.dice_loss(masked, LABELS),
        lambda: ul.binary_dice_loss(SCORES[..., 0], masked[..., 0]),
        lambda: ul.make_fenchel_young_loss(np.max)(masked, LABELS),
    ):
        with pytest.raises(TypeError, match="masked array"):
            call()


def test_masks_that_do_not_count_are_refused():
    one = np.ma.array(1.0, mask=True)
    x, t, hidden = SCORES[..., :1], LABELS[..., :1], np.ma.array(SCORES[..., :1], mask=LABELS[..., :1] > 0)
    words = {"predictions": hidden, "targets": hidden, "smooth": one}
    calls = {
        ul.dice_loss: {
            **words,
            "class_weights": np.ma.array([1], mask=[1]),
            "alpha": np.ma.masked,
            "beta": [one],
        },
        ul.binary_dice_loss: words,
        ul.multiclass_generalized_dice_loss: words,
    }
    for loss, masks in calls.items():
        for f in (loss, loss.grad, loss.value_and_grad):
            for what, mask in masks.items():
                with pytest.raises(TypeError, match=f"^{loss.__name__}: {what} is a masked array"):
                    f(**{"predictions": x, "targets": t, what: mask})
            with pytest.raises(TypeError, match=f"^{loss.__name__}: predictions is a masked array"):
                f(list(hidden), t)
    with pytest.raises(TypeError, match=r"^dice_loss: where is a masked array"):
        ul.dice_loss(x, t, where=list(hidden > 0))
    where = LABELS > 0
    np.testing.assert_array_equal(
        ul.dice_loss(SCORES, LABELS, where=np.ma.array(np.ones_like(where), mask=~where)),
        ul.dice_loss(SCORES, LABELS, where=where),
    )


def test_images_that_handle_ufuncs_themselves_are_refused():
    weights, where = np.ones(SCORES.shape[-1]), np.ones(SCORES.shape, bool)
    calls = [
        (
            ul.dice_loss,
            {
                "predictions": SCORES,
                "targets": LABELS,
                "class_weights": weights,
                "smooth": np.array(1.0),
                "where": where,
            },
        ),
        (
            ul.binary_dice_loss,
            {"predictions": SCORES[..., 0], "targets": LABELS[..., 0], "where": where[..., 0]},
        ),
        (ul.multiclass_generalized_dice_loss, {"predictions": SCORES, "targets": LABELS}),
    ]
    for loss, given in calls:
        for f in (loss, loss.grad, loss.value_and_grad):
            want = f(**given)
            for what, x in given.items():
                with pytest.raises(
                    TypeError, match=rf"^{loss.__name__}: {what} is a Quantity, which handles ufuncs itself"
                ):
                    f(**{**given, what: x.view(Quantity)})
                with pytest.raises(
                    TypeError, match=r"operand 'Opaque' does not support ufuncs \(__array_ufunc__=None\)"
                ):
                    f(**{**given, what: Opaque()})
                np.testing.assert_equal(f(**{**given, what: x.view(Plain)}), want)
            with pytest.raises(TypeError, match="predictions is a Quantity"):
                f(given["predictions"].view(Quantity), given["targets"])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_matrices_are_arrays():
    x, t, where = (
        np.array([[2.0, -1.0], [0.5, 1.0]]),
        np.array([[1.0, 0.0], [0.0, 1.0]]),
        np.array([[True, True], [False, True]]),
    )
    for loss, words in (
        (ul.dice_loss, {"where": where}),
        (ul.binary_dice_loss, {"where": where}),
        (ul.multiclass_generalized_dice_loss, {}),
    ):
        for f in (loss, loss.value_and_grad):
            got = f(np.asmatrix(x), np.asmatrix(t), **{word: np.asmatrix(a) for word, a in words.items()})
            for g, w in (
                zip(got, f(x, t, **words), strict=True)
                if isinstance(got, tuple)
                else [(got, f(x, t, **words))]
            ):
                assert type(g) is type(w)
                np.testing.assert_array_equal(g, w)


def test_images_of_pandas_are_taken():
    pd = pytest.importorskip("pandas")
    x, t = np.array([[2.0, -1.0]]), np.array([[1.0, 0.0]])
    np.testing.assert_array_equal(
        ul.binary_dice_loss(pd.DataFrame(x), pd.DataFrame(t)), ul.binary_dice_loss(x, t)
    )


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            {"where": np.ones(3, bool)},
            ValueError,
            "where of shape (3,) does not broadcast to the predictions' shape (2, 3, 4)",
        ),
        (
            {"smooth": np.ones(3)},
            ValueError,
            "smooth of shape (3,) does not broadcast to the losses' shape (2, 4)",
        ),
        (
            {"alpha": np.ones((3, 1))},
            ValueError,
            "alpha of shape (3, 1) does not broadcast to the losses' shape (2, 4)",
        ),
        ({"axis": 1.0}, TypeError, "axis must be an int or a tuple of int, not 1.0"),
        ({"axis": 3}, np.exceptions.AxisError, "axis 3 is out of bounds"),
        ({"axis": (1, 1)}, ValueError, "axis (1, 1) names an axis twice"),
    ],
)
def test_wrong_words_are_named(change, error, text):
    for f in (ul.dice_loss, ul.dice_loss.grad, ul.dice_loss.value_and_grad):
        with pytest.raises(error, match=re.escape(f"dice_loss: {text}")):
            f(np.zeros((2, 3, 4)), np.ones((2, 3, 4)), **change)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_has_rows():
    loss, x = ul.make_fenchel_young_loss(np.max), np.array([[1.0, 2.0], [0.5, 0.0]])
    for axis in (-1, 0, -2):
        np.testing.assert_array_equal(np.ravel(loss(np.asmatrix(x), x, axis=axis)), loss(x, x, axis=axis))


def test_images_of_pandas_go_by_their_labels():
    pd = pytest.importorskip("pandas")
    x, t, where = SCORES[0, 0], LABELS[0, 0], rng.random((5, 3)) < 0.7
    frames = [pd.DataFrame(a, index=list("abcde"), columns=["x", "y", "z"]) for a in (x, t, where)]
    for loss in FUNCTIONS:
        takes_where = "where" in inspect.signature(loss).parameters
        value, grad = loss.value_and_grad(x, t, **{"where": where} if takes_where else {})
        for turn in (lambda a: a[::-1], lambda a: a[["z", "x", "y"]], lambda a: a):
            words = {"where": turn(frames[2])} if takes_where else {}
            for got in (
                loss.value_and_grad(frames[0], turn(frames[1]), **words),
                loss.value_and_grad(targets=turn(frames[1]), predictions=frames[0], **words),
            ):
                np.testing.assert_array_equal(got[0], value)
                np.testing.assert_array_equal(got[1], grad)
        for other, text in (
            (frames[1].set_axis(list("abcdf")), "index"),
            (frames[1].iloc[:4], "index"),
            (frames[1].rename(columns={"x": "w"}), "columns"),
        ):
            with pytest.raises(
                ValueError, match=f"^{loss.__name__}: operands of pandas have different {text}"
            ):
                loss(frames[0], other)
    series = [pd.Series(a[:, 0], index=list("abcde")) for a in (x, t)]
    np.testing.assert_array_equal(
        ul.binary_dice_loss(series[0], series[1][::-1]), ul.binary_dice_loss(x[:, 0], t[:, 0])
    )
    with pytest.raises(TypeError, match=r"^dice_loss: Series and DataFrames do not go together"):
        ul.dice_loss(*frames[:2], where=series[0] > 0)
