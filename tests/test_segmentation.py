"""The dice losses of images, and Fenchel-Young losses: functions that put row losses together."""

import inspect
import itertools
import operator
import os
import pickle
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import ufloss as ul
from test_binding import run_examples

FUNCTIONS = [ul.dice_loss, ul.binary_dice_loss, ul.multiclass_generalized_dice_loss]
rng = np.random.default_rng(3)
SCORES = rng.normal(size=(2, 4, 5, 3))
LABELS = np.eye(3)[rng.integers(0, 3, (2, 4, 5))]


def by_hand(p, t, smooth=1.0, alpha=0.5, beta=0.5, axis=(1, 2)):
    hit, all_p, all_t = (p * t).sum(axis), p.sum(axis), t.sum(axis)
    return 1 - (hit + smooth) / (hit + alpha * (all_p - hit) + beta * (all_t - hit) + smooth)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def slope(f, x, h=1e-6):
    """Central differences of the sum of f's results."""
    g = np.empty_like(x)
    for i in np.ndindex(*x.shape):
        d = np.zeros_like(x)
        d[i] = h
        g[i] = (np.sum(f(x + d)) - np.sum(f(x - d))) / (2 * h)
    return g


def test_dice_of_several_classes():
    each = by_hand(softmax(SCORES), LABELS)
    np.testing.assert_allclose(ul.dice_loss(SCORES, LABELS), each.mean(-1), rtol=1e-13)
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, reduction="sum", ignore_background=True), each[:, 1:].sum(-1), rtol=1e-13
    )
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, reduction="none", class_weights=[1, 2, 3]), each * [1, 2, 3], rtol=1e-13
    )
    np.testing.assert_allclose(
        ul.dice_loss(softmax(SCORES), LABELS, apply_softmax=False), each.mean(-1), rtol=1e-12
    )
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, alpha=0.3, beta=0.7, smooth=0.1, axis=1, reduction="none"),
        by_hand(softmax(SCORES), LABELS, 0.1, 0.3, 0.7, 1),
        rtol=1e-13,
    )
    assert ul.dice_loss(SCORES.astype("f4"), LABELS.astype(int)).dtype == np.float32


def test_the_numbers_of_the_source_document():
    """A documented example without its class axis: each element is a region."""
    scores, labels = np.array([[1.0, -1.0], [0.5, 0.5]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(ul.dice_loss(scores, labels), [0.0435, 0.1714], atol=2e-4)
    assert ul.dice_loss(scores[..., None], labels[..., None]).shape == (2,)


def test_where_leaves_pixels_out():
    where = rng.random((2, 4, 5, 1)) < 0.7
    p = softmax(SCORES) * where
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, where=where), by_hand(p, LABELS * where).mean(-1), rtol=1e-13
    )
    one = where[..., 0]
    np.testing.assert_allclose(
        ul.binary_dice_loss(SCORES[..., 0], LABELS[..., 0], where=one),
        by_hand(one / (1 + np.exp(-SCORES[..., 0])), LABELS[..., 0] * one),
        rtol=1e-13,
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction": "sum", "class_weights": [1, 2, 3]},
        {"ignore_background": True},
        {"reduction": "none", "axis": (0, 1)},
    ],
)
def test_gradients_are_those_of_the_sum(options):
    value, grad = ul.dice_loss.value_and_grad(SCORES, LABELS, **options)
    np.testing.assert_array_equal(value, ul.dice_loss(SCORES, LABELS, **options))
    np.testing.assert_array_equal(grad, ul.dice_loss.grad(SCORES, LABELS, **options))
    np.testing.assert_allclose(grad, slope(lambda x: ul.dice_loss(x, LABELS, **options), SCORES), atol=1e-9)


def test_one_class():
    x, t = SCORES[..., 0], LABELS[..., 0]
    want = by_hand(1 / (1 + np.exp(-x)), t)
    for shaped in (x, x[..., None]):
        value, grad = ul.binary_dice_loss.value_and_grad(shaped, t.reshape(shaped.shape))
        np.testing.assert_allclose(value, want, rtol=1e-13)
        assert grad.shape == shaped.shape
        np.testing.assert_allclose(
            grad.reshape(x.shape), slope(lambda x: ul.binary_dice_loss(x, t), x), atol=1e-9
        )
    np.testing.assert_allclose(
        ul.binary_dice_loss(1 / (1 + np.exp(-x)), t, apply_sigmoid=False), want, rtol=1e-13
    )


@pytest.mark.parametrize("background", [False, True])
def test_generalized(background):
    f = LABELS.sum((0, 1, 2))
    weights = 1 / (f**2 + 1e-7)
    weights *= 3 / weights.sum()
    want = (by_hand(softmax(SCORES), LABELS) * weights)[:, background:].mean()
    value, grad = ul.multiclass_generalized_dice_loss.value_and_grad(
        SCORES, LABELS, ignore_background=background
    )
    np.testing.assert_allclose(value, want, rtol=1e-13)
    np.testing.assert_allclose(
        grad,
        slope(lambda x: ul.multiclass_generalized_dice_loss(x, LABELS, ignore_background=background), SCORES),
        atol=1e-9,
    )


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"reduction": "all"}, "reduction"),
        ({"reduction": np.array(["mean", "sum"])}, "reduction"),
        ({"class_weights": [1, 2]}, "class_weights"),
        ({"apply_softmax": False}, "not probabilities"),
    ],
)
def test_bad_options(options, what):
    with pytest.raises(ValueError, match=f"dice_loss: .*{what}"):
        ul.dice_loss(SCORES, LABELS, **options)


def test_bad_shapes():
    with pytest.raises(
        ValueError,
        match=r"dice_loss: predictions of shape \(2, 4, 5, 3\) and targets of shape \(2, 4, 5, 2\)",
    ):
        ul.dice_loss(SCORES, LABELS[..., :2])
    with pytest.raises(TypeError, match="unexpected keyword argument 'smoth'"):
        ul.dice_loss(SCORES, LABELS, smoth=1)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("attribute", ["", ".grad", ".value_and_grad"])
def test_arguments_are_bound_as_pythons_own(function, attribute):
    f, full = (
        operator.attrgetter(attribute[1:])(function) if attribute else function,
        re.escape(function.__name__ + attribute),
    )
    for word, value in (("want", ("value",)), ("name", "x"), ("smoth", 1)):
        with pytest.raises(TypeError, match=rf"^{full}\(\) got an unexpected keyword argument '{word}'$"):
            f(SCORES, LABELS, **{word: value})
    with pytest.raises(TypeError, match=rf"^{full}\(\) takes 2 positional arguments but 3 were given$"):
        f(SCORES, LABELS, None)
    with pytest.raises(
        TypeError, match=rf"^{function.__name__}\(\) missing 1 required positional argument: 'targets'$"
    ):
        f(SCORES)
    with pytest.raises(
        TypeError,
        match=rf"^{function.__name__}\(\) missing 2 required positional arguments: 'predictions' and 'targets'$",
    ):
        f()
    with pytest.raises(
        TypeError, match=rf"^{function.__name__}\(\) got multiple values for argument 'predictions'$"
    ):
        f(SCORES, predictions=SCORES)


@pytest.mark.parametrize("function", [*FUNCTIONS, ul.make_fenchel_young_loss], ids=lambda f: f.__name__)
def test_examples_of_the_docstring_run(function):
    run_examples(function.__doc__, function.__name__)
    assert function.__module__.startswith("ufloss")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_signatures(function):
    names = list(inspect.signature(function).parameters)
    assert names[:2] == ["predictions", "targets"]
    assert "want" not in names
    assert inspect.signature(function.grad) == inspect.signature(function)


# Fenchel-Young


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


def test_dice_wants_real_numbers():
    for bad in (np.ones((1, 2, 3)) * 1j, np.ones((1, 2, 3), object)):
        with pytest.raises(TypeError, match="dice_loss: predictions must be real numbers"):
            ul.dice_loss(bad, np.ones((1, 2, 3)))
        with pytest.raises(TypeError, match="dice_loss: targets must be real numbers"):
            ul.dice_loss(np.ones((1, 2, 3)), bad)


def test_fenchel_young_wants_a_function():
    with pytest.raises(TypeError, match="3 is not callable"):
        ul.make_fenchel_young_loss(3)


# Confident images, float16, warnings


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


class Quantity(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "asked"


class Opaque:
    __array_ufunc__ = None


class Plain(np.ndarray):
    pass


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


def test_pixels_that_take_no_part_are_not_read():
    x, where = SCORES.copy(), np.ones((2, 4, 5, 1), bool)
    where[0, 1] = False
    x[0, 1] = np.nan
    value, grad = ul.dice_loss.value_and_grad(x, LABELS, where=where)
    want, slope = ul.dice_loss.value_and_grad(SCORES, LABELS, where=where)
    np.testing.assert_array_equal(value, want)
    np.testing.assert_array_equal(grad, slope)
    assert (grad[0, 1] == 0).all()


def regions_to_add_up():
    """Images, targets and options, with regions of few and many pixels and classes."""
    rng = np.random.default_rng(0)
    for dtype, classes, pixels in itertools.product(
        ("f4", "f8"), (1, 2, 5, 33, 70), ((3, 5), (4, 4), (13, 11), (1, 0))
    ):
        x = rng.normal(size=(3, *pixels, classes)).astype(dtype) * 9
        t = rng.random(x.shape).astype(dtype)
        where = rng.random(x.shape) < 0.8
        for options in ({}, {"axis": 1}, {"axis": (2, 0)}, {"where": where}, {"where": where[..., :1]}):
            yield x, t, {"reduction": "none", **options}


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


@pytest.mark.parametrize("axis", [1.0, "x", (0,), None])
def test_axes_of_a_maximum_of_rows(axis):
    with pytest.raises(TypeError, match=re.escape(f"fenchel_young_loss: axis must be an int, not {axis!r}")):
        ul.make_fenchel_young_loss(np.max)(np.ones((2, 3)), np.ones((2, 3)), axis=axis)


def test_weights_of_generalized_dice_depend_on_no_layout():
    for dtype in ("f2", "f4", "f8"):
        x, t = rng.normal(size=(2, 3, 50, 42)).astype(dtype)
        want = ul.multiclass_generalized_dice_loss(x, t)
        for layout in (
            np.asfortranarray,
            lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
            lambda a: a.astype(a.dtype.newbyteorder()),
        ):
            assert ul.multiclass_generalized_dice_loss(x, layout(t)) == want


def test_bits_depend_on_no_layout():
    def sparse(a):
        room = np.empty([2 * n for n in a.shape], a.dtype)[tuple(slice(None, None, -2) for _ in a.shape)]
        room[...] = a
        return room

    for x, t, options in regions_to_add_up():
        want = ul.dice_loss.value_and_grad(x, t, **options)
        layouts = (np.asfortranarray, sparse, lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1))
        for one, other in itertools.product(layouts, (np.asarray, *layouts)):
            for got, w in zip(ul.dice_loss.value_and_grad(one(x), other(t), **options), want, strict=False):
                np.testing.assert_array_equal(got, w)


def test_a_region_has_the_same_bits_by_itself():
    for x, t, options in regions_to_add_up():
        if "where" in options or x.size == 0:
            continue
        p = ul.softmax(x * 0.3)
        whole = ul.dice_loss(p, t, apply_softmax=False, **options)
        for k in range(x.shape[-1]):
            alone = ul.dice_loss(p[..., k : k + 1], t[..., k : k + 1], apply_softmax=False, **options)
            np.testing.assert_array_equal(alone[..., 0], whole[..., k])


def test_sums_of_regions_have_all_digits():
    for x, t, options in regions_to_add_up():
        x, t = x.astype("f4"), t.astype("f4")
        where = options.pop("where", True)
        value, grad = ul.dice_loss.value_and_grad(x, t, where=where, **options)
        want, slope = ul.dice_loss.value_and_grad(x.astype(float), t.astype(float), where=where, **options)
        np.testing.assert_allclose(value, want, rtol=1e-6)
        np.testing.assert_allclose(grad, slope, rtol=2e-5, atol=1e-8)


def test_bits_depend_on_no_instruction_set():
    code = (
        "import hashlib, itertools\nimport numpy as np, ufloss as ul\n"
        + inspect.getsource(regions_to_add_up)
        + """
for x, t, options in regions_to_add_up():
    for a in ul.dice_loss.value_and_grad(x, t, **options):
        print(hashlib.sha256(np.ascontiguousarray(a)).hexdigest())
"""
    )
    # which has no fma
    names = [n for n in ul.show_config("dicts")["usable instruction sets"] if n != "x86-64-v2"]
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "UFLOSS_ISA": n},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in names
    }
    assert len(said) == 1


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
            match=r"dice_loss: predictions are not probabilities, which lie between 0 and 1: one of them is 2$",
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
