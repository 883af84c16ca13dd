"""`sum` and `mean` of every loss against the losses themselves, and what weights, where, axes and out
mean.
"""

import inspect
import itertools
import pickle
import tracemalloc
import warnings

import numpy as np
import pytest

import ufloss as ul
from points import draw
from ufloss import _reduce
from ufloss._registry import LOSSES, ROW_LOSSES, UFUNCS

REDUCED = [loss for loss in [*LOSSES, *ROW_LOSSES] if not loss["row_value"]]
by_loss = pytest.mark.parametrize("loss", REDUCED, ids=lambda loss: loss["name"])
CE = ul.softmax_cross_entropy_with_integer_labels


def operands(loss, shape, classes=5, dtype=np.float64):
    """Usual arguments of a loss: its values have that shape; a row has `classes` elements."""
    rng = np.random.default_rng(0)
    if loss["kind"] != "row":
        size = int(np.prod(shape))
        drawn = draw(loss, size, np.float64 if np.dtype(dtype) == np.float64 else np.float32)
        return [np.clip(np.where(np.isfinite(a), a, 1), -50, 50).reshape(shape).astype(dtype) for a in drawn]
    made = []
    for a in loss["args"]:
        if a["role"] == "label":
            made.append(rng.integers(0, classes, shape))
        elif a["along"]:
            p = rng.random((*shape, classes)) + 0.1
            made.append((p / p.sum(-1, keepdims=True)).astype(dtype))
        else:
            made.append(
                np.full(shape, a["default"] if a["default"] is not None else rng.choice([-1.0, 1.0]), dtype)
            )
    return made


def weights_word(loss):
    return "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"


@by_loss
def test_every_loss(loss):
    ufunc, args, shape = UFUNCS[loss["name"]], operands(loss, (4, 3, 6)), (4, 3, 6)
    rng = np.random.default_rng(1)
    weights, where = rng.random(shape), rng.random(shape) < 0.7
    values, word, along = ufunc(*args), weights_word(loss), "over" if loss["kind"] == "row" else "axis"
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
        if loss["kind"] == "row":
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


def test_bits_do_not_depend_on_the_layout():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 513, 129)).astype("f4")
    w = rng.random(x.shape)
    want = ul.log_cosh.mean(x, y, weights=w, axis=0)
    for x2, y2, w2 in [
        (np.asfortranarray(x), y, w),
        (np.repeat(x, 2, 1)[:, ::2], y[::-1].copy()[::-1], np.asfortranarray(w)),
    ]:
        np.testing.assert_array_equal(ul.log_cosh.mean(x2, y2, weights=w2, axis=0), want)
        assert ul.log_cosh.sum(x2, y2) == ul.log_cosh.sum(x, y)
    assert (
        ul.log_cosh.sum(x, y, where=np.ones(x.shape, bool))
        == ul.log_cosh.sum(x, y)
        == ul.log_cosh.sum(x, y, weights=np.ones(x.shape))
    )
    assert ul.log_cosh.sum(x, 0.0) == ul.log_cosh.sum(x, np.zeros_like(x))


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


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ul.huber_loss.mean([1.0], weights=[1.0, 2.0]), ValueError, "weights of shape"),
        (lambda: ul.huber_loss.mean([1.0], weights=[1j]), TypeError, "real numbers"),
        (lambda: ul.huber_loss.mean([1.0], where=[1.0]), TypeError, "where must be bool"),
        (lambda: ul.huber_loss.mean([1.0], where=[True, False]), ValueError, "where of shape"),
        (
            lambda: ul.huber_loss.mean([1.0, 2.0, 3.0], [1.0, 2.0]),
            ValueError,
            r"huber_loss.mean: operands .*\(3,\) \(2,\)",
        ),
        (lambda: CE.mean(np.ones((3, 4)), [1, 2]), ValueError, "integer_labels.mean: operands could not"),
        (lambda: ul.huber_loss.mean([1.0], dtype="S3"), TypeError, "dtype must be a floating-point type"),
        (lambda: ul.huber_loss.mean([1.0], dtype=int), TypeError, "dtype must be a floating-point type"),
        (
            lambda: ul.huber_loss.mean([1.0], dtype="x"),
            TypeError,
            "huber_loss.mean: dtype must be a floating-point type, not 'x'",
        ),
        *[
            (
                lambda dtype=dtype: ul.huber_loss.mean([1.0], dtype=dtype),
                TypeError,
                "huber_loss.mean: dtype must be a floating-point type, not .",
            )
            for dtype in ("f4,,", "(2,f4", ("f4", -1), {"names": ["a"], "formats": []})
        ],
        (
            lambda: ul.huber_loss.mean([1.0], axis=1),
            np.exceptions.AxisError,
            "huber_loss.mean: axis 1 is out of bounds",
        ),
        (
            lambda: ul.huber_loss.mean([1.0], axis=2**40),
            np.exceptions.AxisError,
            "huber_loss.mean: axis 1099511627776 is out of bounds",
        ),
        (
            lambda: ul.huber_loss.mean([1.0], axis=1.0),
            TypeError,
            r"huber_loss.mean: axis must be an int or a tuple of int, not 1\.0",
        ),
        (
            lambda: ul.huber_loss.mean([1.0], axis=(0, 0)),
            ValueError,
            r"huber_loss.mean: axis \(0, 0\) names an axis twice",
        ),
        (
            lambda: CE.mean([[1.0, 2.0]], [0], over="x"),
            TypeError,
            "integer_labels.mean: over must be an int or a tuple of int, not 'x'",
        ),
        (
            lambda: CE.mean([[1.0, 2.0]], [0], axis=0.0),
            TypeError,
            r"integer_labels.mean: axis must be an int or a tuple of int, not 0\.0",
        ),
        (lambda: ul.huber_loss.mean([1.0], over=0), TypeError, "unexpected keyword argument 'over'"),
        (lambda: ul.huber_loss.mean(), TypeError, "missing 1 required"),
        (lambda: ul.huber_loss.mean([1.0], 0.0, 1.0, 2.0), TypeError, "by keyword"),
        (lambda: CE.mean([[1.0, 2.0]], [5]), ValueError, "label 5 is out of range for 2 classes"),
        (
            lambda: CE.mean([[1.0, 2.0]], [0], over=1),
            np.exceptions.AxisError,
            "integer_labels.mean: over: axis 1",
        ),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.footprint
def test_memory_is_that_of_a_block():
    x, y = np.zeros((2, 4_000_000), np.float32)
    ul.squared_error.mean(x, y)
    tracemalloc.start()
    ul.squared_error.mean(x, y)
    ul.squared_error.mean(x.reshape(2000, 2000), y.reshape(2000, 2000), axis=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


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


def test_blocks_cover_an_array_once():
    for shape in [(), (5,), (3, 4, 5), (1, 1, 7), (40, 1, 3)]:
        for limit in (1, 2, 5, 7, 20, 1000):
            seen = np.zeros(shape, int)
            for block in _reduce.blocks(shape, limit):
                seen[block] += 1
                assert seen[block].size <= limit
            assert (seen == 1).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(200_001,), (3, 100_000), (700, 300), (2, 3, 70_001)])
def test_lines_and_blocks_give_the_same_bits(shape, dtype, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *shape)).astype(dtype)
    weights = rng.random(shape)
    took = []
    by_lines = _reduce.Pass.by_lines
    for loss in (ul.huber_loss, ul.sigmoid_binary_cross_entropy, ul.stirling_term):
        args = (abs(x),) if loss is ul.stirling_term else (x, (y > 0).astype(dtype))
        for axis in (None, -1, 0):
            for w in (None, weights):
                words = {"axis": axis, "weights": w, "returned": True}
                for f in (
                    loss.sum,
                    loss.mean,
                    *[g.value_and_grad for g in (loss.sum, loss.mean) if hasattr(g, "value_and_grad")],
                ):
                    monkeypatch.setattr(
                        _reduce.Pass, "by_lines", lambda *a: took.append(by_lines(*a)) or took[-1]
                    )
                    one = f(*args, **words)
                    monkeypatch.setattr(_reduce.Pass, "by_lines", lambda *a: False)
                    for a, b in zip(one, f(*args, **words), strict=True):
                        np.testing.assert_array_equal(a, b)
    assert sum(took) > 10


def unaligned(a):
    """A copy that begins one byte behind where its numbers should."""
    copy = np.frombuffer(bytearray(a.nbytes + 1), a.dtype, a.size, 1).reshape(a.shape)
    copy[...] = a
    assert not copy.flags.aligned
    return copy


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5,), (100_003,), (3, 70_001)])
def test_lines_are_of_aligned_arrays_only(shape, dtype, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *shape)).astype(dtype)
    weights = rng.random(shape)
    lines = []
    add_line = _reduce._core.add_line

    def watched(which, record, of, operands, *rest):
        # else the core would read at wrong addresses
        assert all(a.flags.aligned for a in operands if a is not None)
        lines.append(operands)
        return add_line(which, record, of, operands, *rest)

    monkeypatch.setattr(_reduce._core, "add_line", watched)
    for f, axis in itertools.product((ul.huber_loss.sum, ul.huber_loss.mean), (None, -1)):
        for w in (None, weights):
            out = np.empty(shape, dtype)
            want = f.value_and_grad(x, y, weights=w, axis=axis, returned=True, out=(None, out))
            assert lines
            lines.clear()
            odd = unaligned(np.zeros(shape, dtype))
            variants = [(unaligned(x), y, w, None), (x, unaligned(y), w, None), (x, y, w, odd)]
            if w is not None:
                variants += [(x, y, unaligned(w), None), (x, y, unaligned(w), odd)]
            for a, b, c, o in variants:
                got = f.value_and_grad(a, b, weights=c, axis=axis, returned=True, out=(None, o))
                assert o is None or got[1] is o
                for g, e in zip(got, want, strict=True):
                    np.testing.assert_array_equal(g, e)
                assert f(a, b, weights=c, axis=axis).tobytes() == want[0].tobytes()
            lines.clear()


@pytest.mark.parametrize(
    "loss", [loss for loss in REDUCED if loss["kind"] != "row"], ids=lambda loss: loss["name"]
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


# Types that a single loss leaves


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


# Weights of 0, masked arrays, pandas


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
    along = "over" if loss["kind"] == "row" else "axis"
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


# Operands that handle ufuncs themselves


class Quantity(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "asked"


class Duck:
    """Could be read as an array."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0], dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "asked"


class Opaque(Duck):
    __array_ufunc__ = None


class Plain(np.ndarray):
    pass


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
                    match=rf"^{f.__name__}: {what} is a {type(strange).__name__}, which handles ufuncs itself",
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


# Warnings


@by_loss
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_means_emit_no_warnings(loss, dtype):
    ufunc, shape = UFUNCS[loss["name"]], (3, 8)
    args = operands(loss, shape, classes=4, dtype=dtype)
    special = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e300, -1e300, 5e-324])
    with np.errstate(all="ignore"):
        wild = [a if a.dtype.kind != "f" else np.resize(special, a.shape).astype(dtype) for a in args]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for inputs in (args, [wild[0], *args[1:]], wild):
            for words in (
                {},
                {weights_word(loss): np.resize(special, shape)},
                {"where": np.zeros(shape, bool)},
                {"dtype": "f2"},
            ):
                for f in (ufunc.sum, ufunc.mean):
                    f(*inputs, **words)
                    if hasattr(f, "value_and_grad"):
                        f.value_and_grad(*inputs, **words)


def test_outputs_are_checked_before_anything_is_written():
    x, y, w = np.ones((3, 4)), np.full((3, 4), 0.25), np.ones(3)
    for ufunc in (ul.huber_loss, ul.cross_entropy):
        grad, row = np.full((3, 4), 7.0), ufunc is ul.cross_entropy
        with pytest.raises(TypeError, match="cannot cast the result"):
            ufunc.mean.value_and_grad(x, y, out=(np.empty((), int), grad))
        with pytest.raises(TypeError, match="cannot cast the gradient"):
            ufunc.mean.value_and_grad(x, y, out=(None, np.empty((3, 4), int)))
        assert (grad == 7).all()
        total = np.full((), 7.0)
        with pytest.raises(ValueError, match="output has shape"):
            ufunc.sum.value_and_grad(x, y, out=(total, np.empty(5)), **({"weights": w} if row else {}))
        assert total == 7
    first, wrong = np.full((3, 4), 7.0), np.empty((3, 5))
    with pytest.raises(ValueError, match="output has shape"):
        ul.kl_divergence.grads(x, y, axis=(0,), out=(first, wrong))
    fitting = np.full((3, 4), 7, int)
    with pytest.raises(TypeError, match="cannot cast"):
        ul.kl_divergence.grads(x, y, axis=(0, 1), out=(first, fitting))
    wrong = np.empty((3, 4))
    wrong.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        ul.kl_divergence.grads(x, y, axis=(0, 1), out=(first, wrong))
    assert (first == 7).all()
    # more rows than a block has, and the label that is none is in the last
    logits, labels = np.zeros((40000, 4)), np.zeros(40000, int)
    labels[-1], grad = 4, np.full((40000, 4), 7.0)
    with pytest.raises(ValueError, match="at index 39999"):
        ul.softmax_cross_entropy_with_integer_labels.mean.value_and_grad(logits, labels, out=(None, grad))
    assert (grad == 7).all()


def test_outputs_may_be_inputs_also_where_a_mean_is_computed_again():
    rng = np.random.default_rng(3)
    x, t, w = rng.random((5, 4)), rng.random((5, 4)), rng.random(5)
    want = ul.cross_entropy.mean.value_and_grad(x, t, weights=w)
    value = np.empty(())
    got = ul.cross_entropy.mean.value_and_grad(x, t, weights=w, out=(value, t))
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(t, want[1])
    huge = np.full((5, 4), 1e308)  # whose sum overflows, not their mean
    want = ul.absolute_error.mean.value_and_grad(huge, 0.0)
    assert want[0] == 1e308
    assert ul.absolute_error.mean.value_and_grad(huge, 0.0, out=(None, huge))[0] == 1e308


@pytest.mark.parametrize(
    "wrong", [np.array(1j), np.datetime64("NaT"), np.array(0, "m8[s]"), np.array(1, "g"), np.array("1")]
)
def test_parameters_of_other_types_are_refused_as_in_calls(wrong):
    x = np.full((3, 4), 0.5)
    for operands in ((x, x, wrong), (x[:, ::2], x[:, ::2], wrong), (x, wrong), (wrong, x)):
        for f in (
            ul.binary_cross_entropy,
            ul.binary_cross_entropy.mean,
            ul.binary_cross_entropy.sum.value_and_grad,
        ):
            with pytest.raises(TypeError, match="binary_cross_entropy"):
                f(*operands)


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


# One row alone, and batches without any


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
