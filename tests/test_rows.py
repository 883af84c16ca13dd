"""Every row loss: accuracy against many digits, what axis, where and keepdims mean, and the same bits for
every layout.
"""

import copy
import functools
import inspect
import itertools
import math
import pickle
import re
import threading
import tracemalloc

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import ufloss as ul
from row_reference import ROW_REFERENCE, evaluate_row
from test_binding import run_examples
from ufloss._registry import ROW_LOSSES, UFUNCS

PARTS = {"value": ("", "v", "tv", None), "grad": ("grad", "d", "td", 0), "hess": ("hess", "h", "th", 0)}
PARTS |= {"grad2": ("grads", "d", "td", 1), "grad3": ("grads", "d", "td", 2)}
INF, NAN = math.inf, math.nan
ULP = 8
by_name = pytest.mark.parametrize("loss", ROW_LOSSES, ids=lambda loss: loss["name"])
CASES = [
    pytest.param(loss, attribute, id=f"{loss['name']}.{attribute}".removesuffix("."))
    for loss in ROW_LOSSES
    for attribute in loss["outputs"]
]
by_ufunc = pytest.mark.parametrize(("loss", "attribute"), CASES)


def losses_that(have):
    """Those losses to which something applies."""
    return pytest.mark.parametrize(
        "loss", [loss for loss in ROW_LOSSES if have(loss)], ids=lambda loss: loss["name"]
    )


def ufunc_of(loss, attribute=""):
    value = UFUNCS[loss["name"]]
    return getattr(value, attribute) if attribute else value


def results(ufunc, *args, **kwargs):
    r = ufunc(*args, **kwargs)
    return r if isinstance(r, tuple) else (r,)


def along(loss):
    return [a["along"] for a in loss["args"]]


def draw(loss, shape, dtype=np.float64, seed=0, kind="usual"):
    """Arguments with rows along the last axis of `shape`."""
    rng = np.random.default_rng(seed)
    n, args = shape[-1], []
    for a in loss["args"]:
        if a["role"] == "label":
            args.append(rng.integers(0, n, shape[:-1]))
        elif a["role"] == "parameter" and a["along"]:
            args.append(rng.uniform(0.5, 2, shape).astype(dtype))
        elif a["domain"] == "sign":
            args.append(rng.choice([-1, 1], shape[:-1]).astype(dtype))
        elif a["role"] == "parameter":
            args.append(np.full(shape[:-1], 0.1 if a["default"] is None else a["default"], dtype))
        elif a["role"] == "prediction" and a["domain"] in ("unit", "nonnegative"):
            args.append(rng.uniform(0.01, 1, shape).astype(dtype))
        elif a["domain"] in ("unit", "nonnegative"):
            weights = rng.random(shape) * (rng.random(shape) < 0.7)
            args.append((weights / np.maximum(weights.sum(-1, keepdims=True), 1e-3)).astype(dtype))
        else:
            x = rng.normal(0, 3, shape)
            weighted = len(loss["args"]) > 1 and loss["args"][1]["domain"] in ("unit", "nonnegative", "label")
            if a["name"] != "logits" and (kind != "impossible" or not weighted):
                kind = "usual"
            if kind == "confident":
                np.put_along_axis(
                    x,
                    rng.integers(0, n, shape[:-1])[..., None],
                    rng.uniform(20, 80, shape[:-1])[..., None],
                    -1,
                )
            if kind == "ties":
                x = np.round(x / 3)
            if kind == "offset":
                x += 1e4 * rng.choice([-1, 1], (*shape[:-1], 1))
            if kind == "impossible":
                x[rng.random(shape) < 0.3] = -INF
                x[..., 0] = 1
            if a["role"] == "target":
                x = rng.normal(0, 3, shape)
            args.append(x.astype(dtype))
    if kind == "impossible":  # what cannot be has no weight, and is no label
        x = args[0]
        for i, a in enumerate(loss["args"]):
            if a["role"] == "label":
                args[i] = np.zeros_like(args[i])
            elif i and a["along"] and a["role"] == "target":
                args[i] = np.where(np.isinf(x), 0, args[i]).astype(dtype)
    return args


def of_kinds(*kinds):
    """Every loss with each kind of data that differs from the usual for it."""
    cases = []
    for loss, kind in itertools.product(ROW_LOSSES, kinds):
        usual, other = draw(loss, (20, 7)), draw(loss, (20, 7), kind=kind)
        if kind == "usual" or not all(map(np.array_equal, usual, other)):
            cases.append(pytest.param(loss, kind, id=f"{loss['name']}-{kind}"))
    return pytest.mark.parametrize(("loss", "kind"), cases)


def ulps(got, exact, largest, dtype):
    info = np.finfo(dtype)
    size = max(abs(exact), largest)
    exponent = max(mpmath.frexp(size)[1] - 1, info.minexp) if size else info.minexp
    return (
        float(abs(mpf(float(got)) - exact) / mpf(2) ** (exponent - info.nmant)) if math.isfinite(got) else INF
    )


@functools.lru_cache(64)
def row_jets(name, kept, along, wrt):
    """The jets of every element of argument `wrt`: gradient and second derivative in one."""
    return [
        evaluate_row(name, kept, along, (wrt, j))
        for j in range(len(kept[0]))
        if wrt == 0 or kept[wrt][j] != 0
    ]


def real(number, term):
    """A number of the reference, 0 where it is the noise of its 250 bits."""
    return number if abs(number) > mpf(2) ** -200 * term else mpf(0)


def row_errors(loss, part, args, dtype):
    """Errors of one row, in ulp of its value or of the largest entry of its gradient."""
    attribute, component, term, wrt = PARTS[part]
    got = ufunc_of(loss, attribute)(*args)
    got = got[wrt] if isinstance(got, tuple) else got
    keep = [
        j
        for j in range(len(args[0]))
        if not any(np.isinf(a[j]) for a, lies in zip(args, along(loss), strict=True) if lies)
    ]
    kept = []
    for a, lies, spec in zip(args, along(loss), loss["args"], strict=True):
        kept.append([a[j] for j in keep] if lies else keep.index(int(a)) if spec["role"] == "label" else a)
    if wrt is None:
        exact = evaluate_row(loss["name"], kept, along(loss))
        if isinstance(exact, list):
            return [ulps(got[j], real(e.v, e.tv), 0, dtype) for j, e in zip(keep, exact, strict=True)]
        return [ulps(got, real(exact.v, exact.tv), exact.tv if part in loss["vanishing"] else 0, dtype)]
    jets = row_jets(
        loss["name"],
        tuple(tuple(map(float, a)) if lies else a for a, lies in zip(kept, along(loss), strict=True)),
        tuple(along(loss)),
        wrt,
    )
    # at a target of 0 the slope is infinite, or of no interest
    keep = [j for i, j in enumerate(keep) if wrt == 0 or kept[wrt][i] != 0]
    exact = [real(getattr(e, component), getattr(e, term)) for e in jets]
    largest = max(
        [abs(e) for e in exact] + [getattr(e, term) for e in jets if part in loss["vanishing"]], default=0
    )
    return [ulps(got[j], e, largest, dtype) for j, e in zip(keep, exact, strict=True)]


@by_name
def test_has_reference(loss):
    assert loss["name"] in ROW_REFERENCE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@of_kinds("usual", "confident", "ties", "offset", "impossible")
def test_within_bound(loss, kind, dtype):
    for part in loss["parts"]:
        if part not in PARTS:
            continue
        for n, rows in ((1, 1), (2, 2), (7, 1), (16, 1), (31, 1), (33, 1)):
            args = draw(loss, (rows, n), dtype, seed=n, kind=kind)
            for r in range(rows):
                row = [a[r] for a in args]
                assert max(row_errors(loss, part, row, dtype), default=0) <= ULP, (part, n, r)


@of_kinds("usual", "confident", "offset")
@pytest.mark.parametrize("n", [1000, 5000, 20000])
def test_long_rows_in_float32(loss, n, kind):
    """Against the same loss in float64, which the other tests hold against many digits."""
    args = draw(loss, (3, n), np.float32, seed=n, kind=kind)
    wide = [a.astype(float) if a.dtype.kind == "f" else a for a in args]
    for attribute in loss["outputs"]:
        for got, exact in zip(
            results(ufunc_of(loss, attribute), *args), results(ufunc_of(loss, attribute), *wide), strict=True
        ):
            finite = np.isfinite(exact)
            np.testing.assert_array_equal(got[~finite], exact[~finite])
            size = np.where(finite, abs(exact), 0)
            size = size.max(-1, keepdims=True) if exact.ndim == 2 else size
            unit = np.spacing(np.maximum(size, np.finfo("f4").tiny).astype("f4")).astype(float)
            assert (np.where(finite, abs(got - np.where(finite, exact, 0)), 0) <= ULP * unit).all(), attribute


@of_kinds("usual", "confident", "offset")
def test_long_rows_in_float64(loss, kind):
    args = [a[0] for a in draw(loss, (1, 1100), np.float64, seed=5, kind=kind)]
    # so many terms of the largest one's size
    bound = ULP * (math.sqrt(1100) if "value" in loss["vanishing"] else 1)
    assert max(row_errors(loss, "value", args, np.float64)) <= bound


# The meaning of keywords


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


def outcome(call, outs):
    """What a call does to outputs full of 7: the results' arrays, or "refused" where none is written."""
    outs = tuple(None if o is None else np.full(o, 7.0) for o in outs)
    try:
        got = call(outs)
    except ValueError:
        assert all((o == 7).all() for o in outs if o is not None)
        return "refused"
    for g, o in zip(got, outs, strict=True):
        assert o is None or g is o
    return got


# Batch axes of the operands, those of each output, which may be None; does NumPy take them where it needs no
# help?
BATCHES = [
    ((3, 4), [(2, 3, 4)], True),
    ((3, 4), [(2, 1, 3, 4)], True),
    ((1, 4), [(3, 4)], True),
    ((1, 4), [(4,)], True),
    ((1, 1), [()], True),
    ((), [(2,)], True),
    ((3, 4), [(2, 3, 4), None], True),
    ((3, 4), [None, (2, 3, 4)], True),
    ((1, 4), [(4,), (1, 4)], True),
    ((0, 4), [(2, 0, 4)], True),
    ((1, 4), [(0, 4)], True),
    ((3, 4), [(3, 1)], False),
    ((3, 4), [(4,)], False),
    ((3, 4), [(2, 4)], False),
    ((3, 4), [(2, 3, 4), (3, 4)], False),
    ((3, 4), [(2, 3, 4), (5, 3, 4)], False),
    ((3, 4), [(2, 3, 4), (1, 3, 4)], False),
    ((3, 4), [()], False),
    ((0, 4), [(4,)], False),
]


@by_ufunc
def test_outputs_of_larger_batches(loss, attribute):
    ufunc = ufunc_of(loss, attribute)
    for batch, heads, fits in BATCHES:
        if len(heads) > ufunc.nout:  # of two outputs
            continue
        args = draw(loss, (*batch, 5))
        tails = [p.shape[len(batch) :] for p in results(ufunc, *args)]
        shapes = [
            None if head is None else head + tail
            for head, tail in zip(itertools.cycle(heads), tails, strict=False)
        ]
        want = outcome(lambda outs, args=args: results(ufunc, *args, out=outs), shapes)
        assert (want == "refused") is not fits
        whole = np.ones((*batch, 5), bool)
        for words in (
            {"axis": (-1,)},
            {"where": whole},
            {"axis": (-1,), "where": whole[(slice(1),) * len(batch)]},
            {"keepdims": True},
        ):
            kept = ["keepdims" in words and tail == () for tail in tails]
            asked = [(*s, 1) if k and s is not None else s for s, k in zip(shapes, kept, strict=True)]
            got = outcome(
                lambda outs, args=args, words=words: results(ufunc, *args, out=outs, **words), asked
            )
            assert (got == "refused") is not fits
            for g, w, k in zip(got, want, kept, strict=True) if fits else ():
                np.testing.assert_array_equal(g, w[..., None] if k else w)


@by_ufunc
def test_class_axes_of_outputs_of_larger_batches(loss, attribute):
    ufunc, args = ufunc_of(loss, attribute), draw(loss, (3, 4, 5))
    rows = [a.size == 60 for a in results(ufunc, *args)]
    turned = [np.moveaxis(a, -1, 0) if lies else a for a, lies in zip(args, along(loss), strict=True)]
    where = np.ones((5, 3, 4), bool)
    for axis in (0, -3):  # counted in each operand for itself
        shapes = [((2, 5, 3, 4) if axis == -3 else (5, 2, 3, 4)) if r else (2, 3, 4) for r in rows]
        want = outcome(lambda outs, axis=axis: results(ufunc, *turned, axis=axis, out=outs), shapes)
        got = outcome(
            lambda outs, axis=axis: results(ufunc, *turned, axis=axis, out=outs, where=where), shapes
        )
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g, w)
        wrong = [(2, 4, 3, 4) if r else (2, 3, 4) for r in rows]
        if any(rows):
            assert (
                outcome(
                    lambda outs, axis=axis: results(ufunc, *turned, axis=axis, out=outs, where=where), wrong
                )
                == "refused"
            )
    for axis, batch in (((-3, -1), (4,)), ((-1, -3), (4,)), (None, ())):
        lengths = {(-3, -1): (3, 5), (-1, -3): (5, 3), None: (3, 4, 5)}[axis]
        args = draw(loss, (*batch, math.prod(lengths)))
        last = tuple(range(-len(lengths), 0))
        args = [
            np.moveaxis(a.reshape(*batch, *lengths), last, axis or last) if lies else a
            for a, lies in zip(args, along(loss), strict=True)
        ]
        for kept in (False, True):
            want = results(ufunc, *args, axis=axis, keepdims=kept)
            for one in (False, True):
                shapes = [None if one and i else (2, *w.shape) for i, w in enumerate(want)]
                got = outcome(
                    lambda outs, args=args, axis=axis, kept=kept: results(
                        ufunc, *args, axis=axis, keepdims=kept, out=outs
                    ),
                    shapes,
                )
                for g, w in zip(got, want, strict=True):
                    np.testing.assert_array_equal(g, np.broadcast_to(w, (2, *w.shape)))
            wrong = [(*w.shape[:-1], w.shape[-1] + 1) if w.size == 60 else w.shape for w in want]
            if any(rows):
                assert (
                    outcome(
                        lambda outs, args=args, axis=axis, kept=kept: results(
                            ufunc, *args, axis=axis, keepdims=kept, out=outs
                        ),
                        wrong,
                    )
                    == "refused"
                )


@pytest.mark.parametrize(
    ("loss", "attribute"),
    [case for case in CASES if "(n)" in ufunc_of(*case.values).signature.split("->")[1]],
)
def test_results_may_lie_over_the_logits(loss, attribute):
    args, ufunc = draw(loss, (6, 40)), ufunc_of(loss, attribute)
    want = results(ufunc, *args)
    for k, w in enumerate(want):
        if w.ndim == 2:
            fresh = [a.copy() for a in args]
            got = results(ufunc, *fresh, out=tuple(fresh[0] if i == k else None for i in range(len(want))))
            for g, e in zip(got, want, strict=True):
                np.testing.assert_array_equal(g, e)


# The same bits

LAYOUTS = {
    "fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "offset": lambda a: np.concatenate([a.ravel()[:1], a.ravel()])[1:].reshape(a.shape),
    "big endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read only": lambda a: (b := a.copy(), b.setflags(write=False))[0],
}


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("n", [5, 31, 40, 2500])
@by_ufunc
def test_bits_do_not_depend_on_the_layout(loss, attribute, n, dtype):
    args, ufunc = draw(loss, (5, n), np.dtype(dtype).type), ufunc_of(loss, attribute)
    want = results(ufunc, *args)
    for layout in LAYOUTS.values():
        for got, w in zip(results(ufunc, *[layout(a) for a in args]), want, strict=True):
            assert got.tobytes() == w.tobytes()
    one = [results(ufunc, *[a[r] for a in args]) for r in range(5)]  # a row at a time
    for k, w in enumerate(want):
        assert np.array([o[k] for o in one]).tobytes() == w.tobytes()
    # the class axis first
    first = [np.moveaxis(a, -1, 0).copy() if lies else a for a, lies in zip(args, along(loss), strict=True)]
    for got, w in zip(results(ufunc, *first, axis=0), want, strict=True):
        assert np.ascontiguousarray(np.moveaxis(got, 0, -1) if w.ndim == 2 else got).tobytes() == w.tobytes()
    whole = np.ones(args[0].shape, bool)  # a mask that masks nothing
    for got, w in zip(results(ufunc, *args, where=whole), want, strict=True):
        assert got.tobytes() == w.tobytes()


@pytest.mark.parametrize("n", [9, 50])
@losses_that(lambda loss: any(len(parts) > 1 for _, parts in loss["outputs"].values()))
def test_parts_are_the_same_alone_and_together(loss, n):
    args = draw(loss, (70, n))
    alone = {
        parts[0]: results(ufunc_of(loss, a), *args)[0]
        for a, (_, parts) in loss["outputs"].items()
        if len(parts) == 1
    }
    for attribute, (_, parts) in loss["outputs"].items():
        for part, got in zip(parts, results(ufunc_of(loss, attribute), *args), strict=True):
            if part in alone:
                np.testing.assert_array_equal(got, alone[part])


@by_ufunc
def test_float16_is_computed_in_float32(loss, attribute):
    args, ufunc = draw(loss, (20, 33), np.float16), ufunc_of(loss, attribute)
    wide = [a.astype("f4") if a.dtype == "f2" else a for a in args]
    for got, want in zip(results(ufunc, *args), results(ufunc, *wide), strict=True):
        np.testing.assert_array_equal(got, want.astype("f2"))


# What else is promised


@by_ufunc
def test_empty_and_broadcast_batches(loss, attribute):
    ufunc = ufunc_of(loss, attribute)
    for got in results(ufunc, *draw(loss, (0, 5))):
        assert got.shape[0] == 0
    empty = [np.zeros((2, 0)) if lies else np.zeros(2, int) for lies in along(loss)]
    if loss["args"][0]["name"] == "logits" or any(a["role"] == "label" for a in loss["args"]):
        with pytest.raises(ValueError, match=f"{loss['name']}: the class axis is empty"):
            ufunc(*empty)
    else:
        for got in results(ufunc, *empty):
            np.testing.assert_array_equal(
                got, np.full(got.shape, 1.0 if loss["name"] == "cosine_distance" else 0.0)
            )
    args = draw(loss, (1, 1, 6))
    batch = [np.broadcast_to(args[0], (4, 3, 6)), *args[1:]]
    for got, want in zip(results(ufunc, *batch), results(ufunc, *[a[0, 0] for a in args]), strict=True):
        np.testing.assert_array_equal(got, np.broadcast_to(want, got.shape))


@by_ufunc
def test_nan_gives_nan_and_nothing_warns(loss, attribute):
    ufunc = ufunc_of(loss, attribute)
    for n in (6, 50):
        for position in (0, n // 2, n - 1):
            args = draw(loss, (3, n))
            args[0][1, position] = NAN
            with np.errstate(all="raise"):
                if loss["name"] == "smooth_labels":  # its elements do not touch each other
                    assert np.argwhere(np.isnan(ufunc(*args))).tolist() == [[1, position]]
                    continue
                for got, part in zip(results(ufunc, *args), loss["outputs"][attribute][1], strict=True):
                    if part not in ("hess_bound", "grad2", "grad3"):
                        assert np.isnan(got[1]).all(), part
                    assert not np.isnan(got[[0, 2]]).any()


def parameters_of(loss):
    return [a for a in loss["args"] if a["role"] == "parameter" and not a["along"]]


@pytest.mark.parametrize(("loss", "attribute"), [case for case in CASES if parameters_of(case.values[0])])
def test_parameters_outside_their_domain_give_nan(loss, attribute):
    for n in (5, 50):
        for i, a in enumerate(loss["args"]):
            if a["role"] == "parameter" and not a["along"]:
                for wrong in (NAN, -1.0) if a["checked"] else (NAN,):
                    args = draw(loss, (3, n))
                    args[i][1] = wrong
                    for got in results(ufunc_of(loss, attribute), *args):
                        assert np.isnan(got[1]).all()
                        assert not np.isnan(got[[0, 2]]).any()


@by_name
def test_shows_what_it_is(loss):
    ufunc = ufunc_of(loss)
    assert isinstance(ufunc, np.ufunc)
    assert pickle.loads(pickle.dumps(ufunc)) is ufunc is copy.deepcopy(ufunc)
    for derived in [v for v in vars(ufunc).values() if isinstance(v, np.ufunc)]:
        assert pickle.loads(pickle.dumps(derived)) is derived
    assert list(inspect.signature(ufunc).parameters)[-7:] == [
        "axis",
        "where",
        "keepdims",
        "casting",
        "order",
        "dtype",
        "subok",
    ]
    names = {a["name"]: a_ for a, a_ in zip(loss["args"], draw(loss, (3, 4)), strict=True)}
    np.testing.assert_array_equal(ufunc(**names), ufunc(*names.values()))
    np.testing.assert_array_equal(ufunc(**names, axis=(1,)), ufunc(*names.values()))
    if len([a for a in loss["args"] if a["default"] is None]) > 1:
        with pytest.raises(TypeError, match=r"missing [12] required positional argument"):
            ufunc(names[loss["args"][0]["name"]], keepdims=True)


@losses_that(lambda loss: "hess" in loss["outputs"])
def test_curvature_bound_is_positive_and_above(loss):
    ufunc, rng = ufunc_of(loss), np.random.default_rng(8)
    for n in (3, 40):
        args = draw(loss, (50, n), seed=n)
        bound, (slope, other), hess = (
            ufunc.hess_bound(*args),
            ufunc.grad_and_hess_bound(*args),
            ufunc.hess(*args),
        )
        assert (bound > 0).all()
        assert (bound >= hess - 1e-12 * abs(hess).max()).all()
        np.testing.assert_array_equal(bound, other)
        np.testing.assert_array_equal(slope, ufunc.grad(*args))
        args[0][rng.integers(50), 0] = NAN
        assert not np.isnan(ufunc.hess_bound(*args)).all()


@losses_that(lambda loss: "hess_bound" in loss["parts"])
def test_bounds_are_positive_whatever_is_rounded(loss):
    """They are divided by: rows of one element, targets and weights of 0, and float16, in which small ones
    would be 0.
    """
    ufunc = ufunc_of(loss)
    for n in (1, 2, 20, 3000):
        args = draw(loss, (50, n), seed=n)
        others = [i for i, a in enumerate(loss["args"]) if i and a["along"]]
        for factor in (1, 1e-7, 0):
            given = [x * factor if i in others else x for i, x in enumerate(args)]
            for dtype in ("f2", "f4", "f8"):
                with np.errstate(over="ignore"):
                    typed = [
                        np.asarray(x).astype(dtype) if np.asarray(x).dtype.kind == "f" else x for x in given
                    ]
                for axis in (-1, 0):
                    turned = [
                        np.asarray(x).T if a["along"] and axis == 0 else x
                        for x, a in zip(typed, loss["args"], strict=True)
                    ]
                    bound = ufunc.hess_bound(*turned, axis=axis)
                    assert ((bound > 0) | np.isnan(bound)).all(), (n, factor, dtype)
            assert (ufunc.hess_bound(*given, where=False) == 0).all()


@by_name
def test_examples_of_the_docstring_run(loss):
    run_examples(ufunc_of(loss).__doc__, loss["name"])


@by_ufunc
def test_float16_rows_with_results_in_float32(loss, attribute):
    """One loop reads the one and writes the other: no copy, and the bits of float32 rows."""
    ufunc = ufunc_of(loss, attribute)
    for n in (20, 3000):
        args = draw(loss, (4, n), np.float16)
        wide = [a.astype("f4") if a.dtype == "f2" else a for a in args]
        with_where = results(ufunc, *args, where=np.ones((4, n), bool), dtype=np.float32)
        for got, masked, want in zip(
            results(ufunc, *args, dtype=np.float32), with_where, results(ufunc, *wide), strict=True
        ):
            assert got.dtype == masked.dtype == np.float32
            np.testing.assert_array_equal(got, want)
            np.testing.assert_array_equal(masked, want)


@losses_that(lambda loss: sum(along(loss)) > 1)
def test_targets_broadcast_along_the_row(loss):
    """What NumPy's gufuncs refuse, on every way to call."""
    lying = [i for i, a in enumerate(loss["args"]) if a["along"]]
    args, ufunc = draw(loss, (3, 5)), ufunc_of(loss)
    i = lying[1]
    short = [a[:, :1] if k == i else a for k, a in enumerate(args)]
    whole = [np.repeat(a[:, :1], 5, 1) if k == i else a for k, a in enumerate(args)]
    for kwargs in ({}, {"axis": -1}, {"where": np.ones((3, 5), bool)}, {"axis": (1,)}):
        np.testing.assert_array_equal(ufunc(*short, **kwargs), ufunc(*whole, **kwargs))
    number, full = [[x if k == i else a for k, a in enumerate(args)] for x in (0.25, np.full((3, 5), 0.25))]
    np.testing.assert_array_equal(ufunc(*number), ufunc(*full))
    wrong = [a[:, :4] if k == i else a for k, a in enumerate(args)]
    with pytest.raises(ValueError, match=f"^{loss['name']}: .*core dimension"):
        ufunc(*wrong)
    with pytest.raises(ValueError, match=rf"^{loss['name']}: .*could not be broadcast.*signature"):
        ufunc(*wrong, keepdims=True)


# Labels

INTEGER = ul.softmax_cross_entropy_with_integer_labels


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"])
def test_labels_of_any_integer_type(dtype):
    x, labels = (
        draw({"args": [{"name": "logits", "role": "prediction", "domain": "real"}]}, (20, 10), np.float32)[0],
        np.arange(20) % 10,
    )
    np.testing.assert_array_equal(INTEGER(x, labels.astype(dtype)), INTEGER(x, labels))
    assert INTEGER(x, labels.astype(dtype)).dtype == np.float32


@pytest.mark.parametrize("wrong", [-1, 10, 2**40, -(2**63)])
@pytest.mark.parametrize("attribute", ["grad", "value_and_grad", "hess"])
@pytest.mark.parametrize("n", [10, 60])
def test_labels_that_are_no_class(n, attribute, wrong):
    wrong = n if wrong == 10 else wrong
    x, labels = np.zeros((200, n)), np.zeros(200, np.int64)
    labels[150] = wrong
    out = np.full((200, n), 7.0)
    with pytest.raises(
        ValueError,
        match=f"^softmax_cross_entropy_with_integer_labels: label {wrong} is out of range for {n} "
        "classes, at index 150",
    ):
        INTEGER.grad(x, labels, out=out)
    assert (out == 7).all()
    with pytest.raises(ValueError, match="out of range"):
        getattr(INTEGER, attribute)(x, labels)
    where = np.arange(200) != 150  # a row that is masked out is not checked
    assert (INTEGER(x, labels, where=where) > 0).sum() == 199
    assert INTEGER(x, labels, where=labels != wrong)[150] == 0


@pytest.mark.parametrize("labels", [np.zeros(3), np.zeros(3, bool), np.zeros(3, complex), ["a", "b", "c"]])
def test_labels_must_be_integers(labels):
    with pytest.raises(TypeError, match="softmax_cross_entropy_with_integer_labels"):
        INTEGER(np.zeros((3, 4)), labels)


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


def test_what_others_lose():
    f4 = np.float32
    np.testing.assert_allclose(INTEGER(f4([20, 0, 0]), 0), 4.12231e-9, rtol=1e-6)
    np.testing.assert_allclose(
        INTEGER.grad(f4([20, 0, 0]), 0), [-4.12231e-9, 2.061153e-9, 2.061153e-9], rtol=1e-6
    )
    dense = ul.softmax_cross_entropy
    np.testing.assert_allclose(dense(f4([20, 0, 0]), f4([1, 0, 0])), 4.12231e-9, rtol=1e-6)
    np.testing.assert_allclose(
        dense.grad(f4([20, 0, 0]), f4([1, 0, 0])), [-4.12231e-9, 2.061153e-9, 2.061153e-9], rtol=1e-6
    )
    np.testing.assert_allclose(dense([1.0, 2.0, -INF], [0.5, 0.5, 0.0]), 0.8132616875182228, rtol=1e-15)
    assert dense([1.0, 2.0, -INF], [0.5, 0.25, 0.25]) == INF
    np.testing.assert_allclose(dense.grad([0.0, 0.0, -INF], [0.5, 0.25, 0.25]), [0, 0.25, -0.25])
    for f, y in ((INTEGER, 0), (dense, [1.0, 0.0])):
        assert np.isnan(f([-INF, -INF], y))
        assert np.isnan(f.grad([-INF, -INF], y)).all()
        assert np.isnan(f([INF, 0.0], y))
    assert INTEGER([-INF, 0.0], 0) == INF
    np.testing.assert_array_equal(INTEGER.grad([-INF, 0.0], 0), [-1, 1])
    assert INTEGER([5.0], 0) == 0


def smoothed(x, labels, alpha):
    return np.asarray(ul.smooth_labels(np.eye(x.shape[-1])[labels], alpha))


@pytest.mark.parametrize("n", [2, 7, 40, 5000])
def test_label_smoothing_is_smoothed_labels(n):
    rng = np.random.default_rng(n)
    x, labels, alpha = rng.normal(0, 3, (6, n)), rng.integers(0, n, 6), np.array([0.1, 0, 0.5, 1, 0.1, 0.9])
    dense = smoothed(x, labels, alpha)
    assert abs(dense.sum(-1) - 1).max() < 1e-12
    for attribute in ("", "grad", "hess", "value_and_grad"):
        for got, want in zip(
            results(ufunc_of({"name": INTEGER.__name__}, attribute), x, labels, alpha),
            results(ufunc_of({"name": "softmax_cross_entropy"}, attribute), x, dense),
            strict=True,
        ):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(INTEGER(x, labels, alpha)[1], INTEGER(x[1], labels[1]))
    np.testing.assert_array_equal(INTEGER.grad(x, labels, alpha)[1], INTEGER.grad(x[1], labels[1]))
    where = np.ones((6, n), bool)
    where[np.arange(6), labels - 1] = False
    for r in range(6):
        kept = np.flatnonzero(where[r])
        np.testing.assert_allclose(
            INTEGER(x, labels, alpha, where=where)[r],
            INTEGER(x[r, kept], np.flatnonzero(kept == labels[r])[0], alpha[r]),
            rtol=1e-12,
        )
    x[:, labels - 1] = -INF  # a part of the label on what cannot be
    x[np.arange(6), labels] = 1
    np.testing.assert_array_equal(np.isinf(INTEGER(x, labels, alpha)), alpha > 0)


@pytest.mark.parametrize("scale", [1e-200, 1e-165, 1e-20, 1.0, 1e20, 1e160, 1e300])
@pytest.mark.parametrize("n", [2, 40, 3000])
def test_angles_of_vectors_of_any_length(scale, n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(2, n))
    for f, g in (("cosine_similarity", 1), ("cosine_distance", -1)):
        want = [np.asarray(r) for r in ufunc_of({"name": f}).value_and_grads(a, b)]
        got = ufunc_of({"name": f}).value_and_grads(a * scale, b)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-14)
        np.testing.assert_allclose(got[1] * scale, want[1], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(got[2], want[2], rtol=1e-12, atol=1e-15)
        assert abs(ufunc_of({"name": f})(a * scale, g * a * scale) - (1 if g == 1 else 2)) < 1e-15


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [2, 31, 500, 5000])
@pytest.mark.parametrize("tilt", [0, 1e-12, 1e-7, 1e-4, 0.1])
def test_distances_of_nearly_parallel_vectors(tilt, n, dtype):
    rng = np.random.default_rng(5)
    a = rng.normal(size=n).astype(dtype)
    b = (3 * (a + tilt * rng.normal(size=n))).astype(dtype)
    with mpmath.workdps(60):
        check_distance(a, b, np.finfo(dtype).eps)


def check_distance(a, b, eps):
    u, v = [[mpf(float(q)) for q in x] for x in (a, b)]
    aa, bb, ab = (mpmath.fsum(p * q for p, q in zip(*pair, strict=True)) for pair in ((u, u), (v, v), (u, v)))
    exact = 1 - ab / mpmath.sqrt(aa * bb)
    value, slope = ul.cosine_distance.value_and_grad(a, b)
    assert abs(float(value) - exact) <= ULP * eps * exact + 1e-32
    slopes = [-(q - ab / aa * p) / mpmath.sqrt(aa * bb) for p, q in zip(u, v, strict=True)]
    largest = max(map(abs, slopes))
    assert max(abs(float(s) - e) for s, e in zip(slope, slopes, strict=True)) <= ULP * eps * largest + 1e-30


def test_sums_of_long_rows_do_not_drift():
    """Equal terms, whose roundings all go one way."""
    x = np.full(204800, -17.35, np.float32)
    x[:32], x[0] = -1e-4, 0
    p = mpmath.fsum(
        mpmath.exp(mpf(float(v))) * int(k) for v, k in zip(*np.unique(x, return_counts=True), strict=True)
    )
    assert ulps(ul.softmax(x)[0], 1 / p, 0, "f4") <= ULP
    x = np.full(1024, -(2**-53) * 0.99)
    x[:16] = -1
    assert ulps(ul.nll_loss(x, np.ones(1024)), mpf(16) + 1008 * mpf(float(-x[-1])), 0, "f8") <= ULP


def test_sparsemax_of_the_contract():
    value, grad = ul.multiclass_sparsemax_loss.value_and_grad(np.float32([1.99, 1, -3]), 0)
    np.testing.assert_allclose(value, 2.49999523e-5, rtol=3e-7)
    np.testing.assert_allclose(grad, [-0.00499999, 0.00499999, 0], rtol=2e-6)
    assert np.isinf(ul.multiclass_sparsemax_loss([-INF, 1.0], 0))
    for n in (5, 50, 5000):  # all equal: everything in the support
        np.testing.assert_allclose(
            ul.multiclass_sparsemax_loss.grad(np.zeros(n), 1), np.eye(n)[1] * -1 + 1 / n, atol=1e-15
        )
        np.testing.assert_allclose(
            ul.multiclass_sparsemax_loss(np.zeros(n), 1), 0.5 * (1 - 1 / n), rtol=1e-14
        )


@pytest.mark.parametrize("n", [4, 40, 4000])
def test_the_first_of_equal_rivals_takes_the_slope(n):
    x = np.zeros((2, n))
    x[:, [1, 3]] = 2.0
    for ufunc in (ul.multiclass_hinge_loss, ul.multiclass_perceptron_loss):
        grad = ufunc.grad(x, [0, 1])
        assert np.flatnonzero(grad[0]).tolist() == [0, 1]
        assert grad[0, :2].tolist() == [-1, 1]
        assert np.flatnonzero(grad[1]).tolist() == ([1, 3] if ufunc is ul.multiclass_hinge_loss else [])


def test_ranking_weights_have_a_default_that_costs_nothing():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 30, 50)).astype("f4")
    y = abs(y)
    assert ul.ranking_softmax_loss(x, y).dtype == np.float32
    np.testing.assert_array_equal(ul.ranking_softmax_loss(x, y), ul.softmax_cross_entropy(x, y))
    np.testing.assert_array_equal(
        ul.ranking_softmax_loss.grad(x, y), ul.ranking_softmax_loss.grad(x, y, np.ones_like(x))
    )


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


@pytest.mark.footprint
def test_rows_of_any_length_need_no_memory_beyond_the_result():
    x = np.zeros((16, 128256), np.float32)
    labels = np.zeros(16, np.int64)
    for ufunc, result in ((INTEGER, 0), (INTEGER.value_and_grad, x.nbytes)):
        for axis in (-1, 0):
            logits = x if axis == -1 else np.zeros((128256, 16), np.float32)
            ufunc(logits, labels, axis=axis)
            tracemalloc.start()
            ufunc(logits, labels, axis=axis)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < result + 100_000


def test_other_threads_run_during_a_long_call():
    x, labels = np.zeros((4000, 3000), np.float32), np.zeros(4000, np.int64)
    ticks, running = [0], threading.Event()

    def count():
        while not running.is_set():
            ticks[0] += 1

    other = threading.Thread(target=count)
    other.start()
    before = ticks[0]
    for _ in range(10):
        INTEGER(x, labels)
    during = ticks[0] - before
    running.set()
    other.join()
    assert during > 1000


# Axes and masks mean the same on every way to call


CE, INTEGER = ul.softmax_cross_entropy, ul.softmax_cross_entropy_with_integer_labels


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


# Limits


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_cannot_be_on_both_sides_counts_nothing(dtype):
    x, y = np.array([[-np.inf, 0.0]], dtype), np.array([[-np.inf, 0.0]], dtype)
    assert ul.kl_divergence_with_log_targets(x, y) == 0
    np.testing.assert_array_equal(ul.kl_divergence_with_log_targets.grad(x, y), [[0, -1]])
    assert np.isnan(ul.kl_divergence_with_log_targets(np.array([[np.nan, 0]], dtype), y))
    for loss in (ul.kl_divergence, ul.softmax_kl_divergence):
        assert loss.grads(x, np.exp(y))[1][0, 0] == -np.inf


def test_cosines_of_tiny_vectors_with_a_floor():
    b = np.array([1.0, 2.0, 3.0])
    slope = b / math.sqrt(0.5 * 14)
    for size in (0.0, 5e-324, 1e-300, 1e-160, 1e-155, 1e-100, 1e-30):
        a = np.full(3, size)
        np.testing.assert_allclose(
            ul.cosine_similarity(a, b, 0.5), size * b.sum() / math.sqrt(0.5 * 14), rtol=1e-14
        )
        np.testing.assert_allclose(ul.cosine_similarity.grad(a, b, 0.5), slope, rtol=1e-14)
        np.testing.assert_allclose(ul.cosine_similarity.grads(b, a, 0.5)[1], slope, rtol=1e-14)
        np.testing.assert_allclose(ul.cosine_similarity.grad(a, b, 0.0, 0.5), b / 0.5, rtol=1e-14)
        np.testing.assert_allclose(ul.cosine_similarity.grad(a, a, 0.5), a / 0.5, rtol=1e-14)
        np.testing.assert_allclose(ul.cosine_distance(a, b, 0.5), 1, atol=1e-25)
    np.testing.assert_array_equal(ul.cosine_similarity.grad(np.zeros(3), b), 0)


@pytest.mark.parametrize(
    ("call", "short", "shape"),
    [
        (lambda x, out: ul.softmax_cross_entropy(x, x, axis=1, keepdims=True, out=out), (3,), (3, 1)),
        (lambda x, out: ul.softmax_cross_entropy.grad(x, x, axis=1, where=x > 0, out=out), (3,), (3, 4)),
        (
            lambda x, out: ul.softmax_cross_entropy.value_and_grad(
                x, x, axis=1, where=x > 0, out=(None, out)
            ),
            (3,),
            (3, 4),
        ),
        (lambda x, out: ul.softmax(x, axis=1, where=x > 0, out=out), (4,), (3, 4)),
        (lambda x, out: ul.softmax_cross_entropy(x, x, axis=-2, keepdims=True, out=out), (4,), (1, 4)),
        (
            lambda x, out: ul.softmax_cross_entropy(x[None], x[None], axis=(1, 2), keepdims=True, out=out),
            (1, 1),
            (1, 1, 1),
        ),
        (
            lambda x, out: ul.softmax_cross_entropy(x[None], x[None], axis=(1, -1), keepdims=True, out=out),
            (1, 1),
            (1, 1, 1),
        ),
    ],
)
def test_too_short_an_output_is_blamed_on_its_shape(call, short, shape):
    out = np.full(short, 7.0)
    with pytest.raises(
        ValueError, match=rf"output has shape {re.escape(str(short))}, the result {re.escape(str(shape))}"
    ):
        call(np.arange(12.0).reshape(3, 4), out)
    assert (out == 7).all()


# DataFrames of pandas, arrays of many axes


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


def test_labels_that_are_no_class_are_found_with_axes():
    x = np.zeros((2, 3))
    ce = ul.softmax_cross_entropy_with_integer_labels
    with pytest.raises(ValueError, match=r"label 9 is out of range for 3 classes, at index 1$"):
        ce(x, [0, 9], axes=[(1,), (), ()])
    with pytest.raises(ValueError, match=r"label 2 is out of range for 2 classes, at index 1$"):
        ce.value_and_grad(x, [0, 2, 9], axes=[0, (), (), 0])


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
