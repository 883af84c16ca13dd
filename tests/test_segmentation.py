"""The dice losses of images, and Fenchel-Young losses: functions that put row losses together."""

import inspect

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
    np.testing.assert_allclose(ul.dice_loss(SCORES, LABELS, reduction="sum", ignore_background=True), each[:, 1:].sum(-1), rtol=1e-13)
    np.testing.assert_allclose(ul.dice_loss(SCORES, LABELS, reduction="none", class_weights=[1, 2, 3]), each * [1, 2, 3], rtol=1e-13)
    np.testing.assert_allclose(ul.dice_loss(softmax(SCORES), LABELS, apply_softmax=False), each.mean(-1), rtol=1e-12)
    np.testing.assert_allclose(ul.dice_loss(SCORES, LABELS, alpha=0.3, beta=0.7, smooth=0.1, axis=1, reduction="none"),
                               by_hand(softmax(SCORES), LABELS, 0.1, 0.3, 0.7, 1), rtol=1e-13)
    assert ul.dice_loss(SCORES.astype("f4"), LABELS.astype(int)).dtype == np.float32


def test_the_numbers_of_the_source_document():
    """A documented example without its class axis: each element is a region."""
    scores, labels = np.array([[1.0, -1.0], [0.5, 0.5]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(ul.dice_loss(scores, labels), [0.0435, 0.1714], atol=2e-4)
    assert ul.dice_loss(scores[..., None], labels[..., None]).shape == (2,)


def test_where_leaves_pixels_out():
    where = rng.random((2, 4, 5, 1)) < 0.7
    p = softmax(SCORES) * where
    np.testing.assert_allclose(ul.dice_loss(SCORES, LABELS, where=where), by_hand(p, LABELS * where).mean(-1), rtol=1e-13)
    one = where[..., 0]
    np.testing.assert_allclose(ul.binary_dice_loss(SCORES[..., 0], LABELS[..., 0], where=one),
                               by_hand(one / (1 + np.exp(-SCORES[..., 0])), LABELS[..., 0] * one), rtol=1e-13)


@pytest.mark.parametrize("options", [{}, {"reduction": "sum", "class_weights": [1, 2, 3]}, {"ignore_background": True}, {"reduction": "none", "axis": (0, 1)}])
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
        np.testing.assert_allclose(grad.reshape(x.shape), slope(lambda x: ul.binary_dice_loss(x, t), x), atol=1e-9)
    np.testing.assert_allclose(ul.binary_dice_loss(1 / (1 + np.exp(-x)), t, apply_sigmoid=False), want, rtol=1e-13)


@pytest.mark.parametrize("background", [False, True])
def test_generalized(background):
    f = LABELS.sum((0, 1, 2))
    weights = 1 / (f**2 + 1e-7)
    weights *= 3 / weights.sum()
    want = (by_hand(softmax(SCORES), LABELS) * weights)[:, background:].mean()
    value, grad = ul.multiclass_generalized_dice_loss.value_and_grad(SCORES, LABELS, ignore_background=background)
    np.testing.assert_allclose(value, want, rtol=1e-13)
    np.testing.assert_allclose(grad, slope(lambda x: ul.multiclass_generalized_dice_loss(x, LABELS, ignore_background=background), SCORES), atol=1e-9)


@pytest.mark.parametrize(("options", "what"), [
    ({"reduction": "all"}, "reduction"), ({"class_weights": [1, 2]}, "class_weights"), ({"apply_softmax": False}, "not probabilities"),
])  # fmt: skip
def test_bad_options(options, what):
    with pytest.raises(ValueError, match=f"dice_loss: .*{what}"):
        ul.dice_loss(SCORES, LABELS, **options)


def test_bad_shapes():
    with pytest.raises(ValueError, match=r"dice_loss: predictions of shape \(2, 4, 5, 3\) and targets of shape \(2, 4, 5, 2\)"):
        ul.dice_loss(SCORES, LABELS[..., :2])
    with pytest.raises(TypeError, match="unexpected keyword argument 'smoth'"):
        ul.dice_loss(SCORES, LABELS, smoth=1)


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
    if not hasattr(max_fun, "grad"):
        assert not hasattr(loss, "grad")
        return
    value, grad = loss.value_and_grad(x, y, axis=axis)
    np.testing.assert_array_equal(value, loss(x, y, axis=axis))
    np.testing.assert_allclose(grad, slope(lambda x: loss(x, y, axis=axis), x), atol=1e-8)


def test_fenchel_young_of_logsumexp_keeps_confident_rows():
    loss = ul.make_fenchel_young_loss(ul.logsumexp)
    np.testing.assert_array_equal(loss([[20.0, 0, 0]], [[1.0, 0, 0]]), ul.softmax_cross_entropy([[20.0, 0, 0]], [[1.0, 0, 0]]))


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
        want = np.where(where.any(axis), np.log(np.where(top > 0, top, 1)) - np.where(where, x * y, 0).sum(axis), 0)
        np.testing.assert_allclose(loss(x, y, axis=axis, where=where), want, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(loss(x, y, axis=axis, where=where, keepdims=True), np.expand_dims(want, axis), rtol=1e-13, atol=1e-15)
        slope = np.where(where, np.exp(x) / np.expand_dims(np.where(top > 0, top, 1), axis) - y, 0)
        np.testing.assert_allclose(loss.grad(x, y, axis=axis, where=where), slope, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(loss.value_and_grad(x, y, axis=axis, where=where, keepdims=True)[1], slope, rtol=1e-13, atol=1e-15)
    rows = np.array([True, False, True, True, True])
    np.testing.assert_allclose(loss(x, 2 * y, where=rows), np.where(rows, np.log(np.exp(x).sum(1)) - 2 * (x * y).sum(1), 0), rtol=1e-13)
    np.testing.assert_allclose(loss(x, 0.25), np.log(np.exp(x).sum(1)) - 0.25 * x.sum(1), rtol=1e-13)
    np.testing.assert_allclose(loss(x, y[0], axis=None), np.log(np.exp(x).sum()) - (x * y[0]).sum(), rtol=1e-13)
    assert loss(x.astype("f4"), y.astype("f4")).dtype == loss.grad(x.astype("f4"), y.astype("f4")).dtype == np.float32
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
