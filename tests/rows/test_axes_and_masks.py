"""What `axis`, `where` and `keepdims` mean, on every way to call."""

import math
import re

import numpy as np
import pytest

import ufloss as ul
from common import results
from rows.cases import CE, INF, INTEGER, NAN, along, by_ufunc, draw, ufunc_of


def by_hand(ufunc, args, along, axis, where=None):
    """One call a row, over the class axes moved to the end."""
    full = np.broadcast_shapes(*[a.shape for a, lies in zip(args, along, strict=True) if lies])
    axes = tuple(range(len(full))) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(a % len(full) for a in axes)
    last = tuple(range(-len(axes), 0))
    batch = tuple(n for i, n in enumerate(full) if i not in axes)
    lengths = tuple(full[a] for a in axes)

    def lay(a):
        return np.moveaxis(np.broadcast_to(a, full), axes, last).reshape(*batch, -1)

    missing = -INF if ufunc is ul.log_softmax else 0.0
    rows = [lay(a) if lies else np.broadcast_to(a, batch) for a, lies in zip(args, along, strict=True)]
    mask = None if where is None else lay(where)
    values, n = [], math.prod(lengths)
    for index in np.ndindex(*batch):
        take = np.ones(n, bool) if mask is None else mask[index]
        row = [r[index] for r in rows]
        out = []
        if not take.any():
            out = [
                np.full(n, missing) if "(n)" in o else 0.0
                for o in ufunc.signature.split("->")[1].replace("),", ") ").split()
            ]
        else:
            small = [r[take] if lies else r for r, lies in zip(row, along, strict=True)]
            small = [
                np.count_nonzero(take[: int(r)]) if np.issubdtype(np.asarray(r).dtype, np.integer) else r
                for r in small
            ]
            for r in results(ufunc, *small):
                if np.ndim(r):
                    whole = np.full(n, missing)
                    whole[take] = r
                    r = whole
                out.append(r)
        values.append(out)
    shaped = []
    for column in zip(*values, strict=True):
        a = np.array(column)
        shaped.append(
            np.moveaxis(a.reshape(*batch, *lengths), last, axes) if a.ndim == 2 else a.reshape(batch)
        )
    return shaped


@pytest.mark.parametrize("axis", [-1, 0, 1, (0, 2), (2, 0), (1, 2), None])
@by_ufunc
def test_axis_and_where(loss, attribute, axis):
    shape = (3, 4, 5)
    axes = (0, 1, 2) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(a % 3 for a in axes)
    batch = tuple(n for i, n in enumerate(shape) if i not in axes)
    laid = (*batch, *(shape[a] for a in axes))
    flat = draw(loss, (*batch, math.prod(shape[a] for a in axes)))
    args = [
        np.moveaxis(a.reshape(laid), tuple(range(-len(axes), 0)), axes) if lies else a
        for a, lies in zip(flat, along(loss), strict=True)
    ]
    ufunc = ufunc_of(loss, attribute)
    for got, want in zip(
        results(ufunc, *args, axis=axis), by_hand(ufunc, args, along(loss), axis), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    rng = np.random.default_rng(3)
    where = rng.random(shape) < 0.7
    if any(a["role"] == "label" for a in loss["args"]):  # a label that is masked out has its own test
        labels = next(a for a, s in zip(args, loss["args"], strict=True) if s["role"] == "label")
        rows = np.moveaxis(where, axes, tuple(range(-len(axes), 0))).reshape(*batch, -1).copy()
        np.put_along_axis(rows, labels[..., None], True, -1)
        where = np.moveaxis(rows.reshape(laid), tuple(range(-len(axes), 0)), axes)
    poisoned = [np.where(where, a, NAN) if lies else a for a, lies in zip(args, along(loss), strict=True)]
    for got, want in zip(
        results(ufunc, *poisoned, axis=axis, where=where),
        by_hand(ufunc, args, along(loss), axis, where),
        strict=True,
    ):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    if batch:  # whole rows
        rows = rng.random(batch) < 0.6
        whole = np.broadcast_to(np.expand_dims(rows, tuple(sorted(axes))), shape)
        for got, want in zip(
            results(ufunc, *args, axis=axis, where=rows),
            results(ufunc, *args, axis=axis, where=whole),
            strict=True,
        ):
            np.testing.assert_array_equal(got, want)


@by_ufunc
def test_keepdims_and_out(loss, attribute):
    args, ufunc = draw(loss, (3, 4, 5)), ufunc_of(loss, attribute)
    plain = results(ufunc, *args)
    kept = results(ufunc, *args, keepdims=True)
    for p, k in zip(plain, kept, strict=True):
        np.testing.assert_array_equal(k, p[..., None] if p.ndim == 2 else p)
    for kwargs in ({}, {"keepdims": True}, {"where": True}, {"axis": (-1,)}):
        want = kept if "keepdims" in kwargs else plain
        outs = tuple(np.full(w.shape, 7.0) for w in want)
        got = results(ufunc, *args, out=outs if len(outs) > 1 else outs[0], **kwargs)
        for g, o, w in zip(got, outs, want, strict=True):
            assert g is o
            np.testing.assert_array_equal(o, w)
    with pytest.raises((ValueError, TypeError)):
        ufunc(*args, out=np.zeros((2, 2)), keepdims=True)


@pytest.mark.parametrize("where", [np.ones((3, 4)), np.ones((3, 4), int), 1])
def test_masks_must_be_bool(where):
    with pytest.raises(TypeError, match="where must be bool"):
        INTEGER(np.zeros((3, 4)), [0, 1, 2], where=where)


def test_a_label_that_is_masked_out_is_impossible():
    x = np.array([[1.0, 2.0, NAN], [1.0, 2.0, 3.0]])
    where = np.array([[True, True, False], [True, True, True]])
    value, grad = INTEGER.value_and_grad(x, [2, 2], where=where)
    assert value[0] == INF
    p = np.exp(1) / (np.exp(1) + np.exp(2))
    np.testing.assert_allclose(grad[0], [p, 1 - p, 0], rtol=1e-14)
    np.testing.assert_allclose(grad[1], INTEGER.grad(x[1], 2))


def test_order_of_a_tuple_of_axes_is_the_order_of_the_labels():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(INTEGER(x, 1, axis=(1, 0)), 2.4561933, rtol=1e-6)
    np.testing.assert_allclose(INTEGER(x, 1, axis=(0, 1)), 4.4561933, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_rows_of_matrices_over_several_axes():
    """A matrix has two axes whatever is made of it."""
    x, y = np.arange(24.0).reshape(4, 3, 2), np.matrix([[1.0, 2.0]])
    for f in (ul.cosine_similarity, ul.cosine_similarity.hess_bound):
        np.testing.assert_array_equal(f(x, y, axis=(0, -1)), f(x, np.asarray(y), axis=(0, -1)))


def test_class_axes_of_different_lengths():
    x, y = np.ones((2, 3, 4)), np.ones((3, 4))
    for axis in (1, (1,)):
        with pytest.raises(ValueError, match=r"^softmax_cross_entropy: "):
            CE(x, y, axis=axis)


@pytest.mark.parametrize(
    ("shape", "target", "axis"),
    [((3, 3), (3,), 0), ((3, 4), (3,), 0), ((4, 3), (3,), -1), ((2, 3, 4), (3, 1), -2)],
)
def test_class_axes_are_those_of_each_operand(shape, target, axis):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape), rng.random(target)
    want, slope = CE.value_and_grad(x, y, axis=axis)
    for options in (
        {"axis": (axis,)},
        {"axis": axis, "where": np.ones(shape, bool)},
        {"axis": axis, "where": np.True_},
    ):
        np.testing.assert_array_equal(CE(x, y, **options), want)
        np.testing.assert_array_equal(CE.grad(x, y, **options), slope)
    np.testing.assert_array_equal(np.squeeze(CE(x, y, axis=axis, keepdims=True), axis), want)
    np.testing.assert_array_equal(CE.mean(x, y, axis=axis, over=()), want)
    np.testing.assert_allclose(CE.mean.value_and_grad(x, y, axis=axis)[1] * want.size, slope, rtol=1e-15)


@pytest.mark.parametrize(
    ("axis", "error", "text"),
    [
        (1.0, TypeError, "must be an int or a tuple of int, not 1.0"),
        ("x", TypeError, "must be an int or a tuple of int, not 'x'"),
        ((0, 1.5), TypeError, "must be an int or a tuple of int, not (0, 1.5)"),
        (np.array([0, 1]), TypeError, "must be an int or a tuple of int, not array"),
        ((0, 0), ValueError, "(0, 0) names an axis twice"),
        (2, np.exceptions.AxisError, "2 is out of bounds"),
        (-(2**40), np.exceptions.AxisError, "-1099511627776 is out of bounds"),
    ],
)
def test_what_is_no_axis(axis, error, text):
    for options in ({"keepdims": True}, {"where": np.ones((4, 3), bool)}):
        with pytest.raises(error, match=re.escape(f"softmax_cross_entropy.grad: axis {text}")):
            CE.grad(np.ones((4, 3)), np.ones((4, 3)), axis=axis, **options)


def test_an_axis_that_an_operand_lacks():
    for options in ({}, {"keepdims": True}, {"where": np.ones((4, 3), bool)}):
        with pytest.raises(np.exceptions.AxisError):
            CE(np.ones((4, 3)), np.ones(3), axis=1, **options)


def test_a_mask_of_the_first_operands_shape_lies_over_its_elements():
    rng = np.random.default_rng(0)
    x, where = rng.normal(size=4), np.array([True, True, False, True])
    for rows in (4, 3):
        y = rng.dirichlet(np.ones(4), rows)
        want = CE(np.broadcast_to(x, y.shape), y, where=np.broadcast_to(where, y.shape))
        np.testing.assert_array_equal(CE(x, y, where=where), want)
        np.testing.assert_array_equal(CE.mean(x, y, where=where, over=()), want)
    chosen = np.array([True, False, True])
    want = np.where(chosen, CE(x, y), 0)
    np.testing.assert_array_equal(CE(x, y, where=chosen), want)  # no four elements: rows


def test_a_mask_may_enlarge_the_batch():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1, 3, 4)), rng.dirichlet(np.ones(4), (1, 3))
    where = np.array([[True, False, True], [False, True, True]])
    np.testing.assert_array_equal(CE(x, y, where=where), np.where(where, CE(x, y), 0))
    np.testing.assert_array_equal(CE.grad(x, y, where=where), np.where(where[..., None], CE.grad(x, y), 0))
    with pytest.raises(ValueError, match=r"where of shape \(2, 4\) broadcasts neither"):
        CE(x, y, where=where[:, [0, 1, 2, 2]])


def test_none_is_no_operand():
    x = np.ones((2, 3))
    for call in (
        lambda **o: CE(x, None, **o),
        lambda **o: ul.softmax(None, **o),
        lambda **o: ul.triplet_margin_loss(x, x, None, **o),
    ):
        for options in ({}, {"keepdims": True}, {"where": np.ones((2, 3), bool)}, {"axis": (1,)}):
            with pytest.raises(TypeError):
                call(**options)


def test_a_number_is_a_row_of_no_axis():
    assert ul.softmax(0.5, axis=None) == 1
    assert ul.softmax(0.5, axis=None).shape == ()
    np.testing.assert_array_equal(CE.grad(0.5, 1.0, axis=None), 0)
