"""NT-Xent and the supervised contrastive loss against the textbook, in every convention they promise."""

import copy
import doctest
import inspect
import math
import os
import pickle
import subprocess
import sys
import tracemalloc

import mpmath
import numpy as np
import pytest

import ufloss as ul
from children import run_child
from ufloss import _core
from ufloss._registry import BATCH_LOSSES, UFUNCS

NAN = math.nan
NAMES = [loss["name"] for loss in BATCH_LOSSES]
UFUNC_OF = {
    f"{name}.{a}".removesuffix("."): getattr(UFUNCS[name], a) if a else UFUNCS[name]
    for name in NAMES
    for a in ("", "grad", "value_and_grad")
}
by_name = pytest.mark.parametrize("name", NAMES)
by_ufunc = pytest.mark.parametrize("ufunc", UFUNC_OF.values(), ids=UFUNC_OF)


def results(f, *args, **kwargs):
    r = f(*args, **kwargs)
    return r if isinstance(r, tuple) else (r,)


def textbook(name, embeddings, labels, temperature, dtype=np.longdouble):
    """Value and gradient in long double from arrays of all pairs."""
    x, labels = np.asarray(embeddings, dtype), np.asarray(labels)
    n, same = len(x), labels[:, None] == labels
    length = np.sqrt((x * x).sum(-1, keepdims=True))
    u = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    s = u @ u.T / dtype(temperature)
    together, against = (
        same & ~np.eye(n, dtype=bool),
        ~same if name == "ntxent_loss" else ~np.eye(n, dtype=bool),
    )
    if not together.any():
        return dtype(NAN), np.full(x.shape, NAN, dtype)
    held = np.where(against, s, -np.inf)
    top = np.where(against.any(-1), held.max(-1), 0)
    with np.errstate(divide="ignore"):
        level = np.log(np.exp(held - top[:, None]).sum(-1)) + top
    gap = level[:, None] - s
    if name == "ntxent_loss":
        cost, slope = np.logaddexp(0, gap), 1 / (1 + np.exp(-gap))
        share = np.full(n, dtype(1) / together.sum())
    else:
        cost, slope = gap, np.ones_like(gap)
        size = together.sum(-1)
        share = np.divide(dtype(1), size * (size > 0).sum(), out=np.zeros(n, dtype), where=size > 0)
    cost, slope = np.where(together, cost, 0), np.where(together, slope, 0) * share[:, None]
    with np.errstate(invalid="ignore"):
        pushed = np.where(against, np.exp(held - level[:, None]), 0) * slope.sum(-1)[:, None]
    both = (pushed - slope + (pushed - slope).T) / dtype(temperature)
    g = both @ u
    g -= (g * u).sum(-1, keepdims=True) * u
    return (cost.sum(-1) * share).sum(), np.divide(g, length, out=np.zeros_like(x), where=length > 0)


def draw(batch, numbers, kind="pairs", scale=1.0, seed=0, dtype=np.float64):
    rng = np.random.default_rng([batch, numbers, seed])
    labels = {
        "pairs": np.arange(batch) // 2,
        "two views": np.arange(batch) % ((batch + 1) // 2),
        "classes": rng.integers(-3, 4, batch),
        "random": rng.integers(0, batch, batch),
        "one": np.full(batch, 9),
        "halves": np.arange(batch) % 2,
    }[kind]
    x = rng.normal(0, 1, (batch, numbers))
    x += 0.7 * rng.normal(0, 1, (batch, numbers))[labels % batch]
    return (x * scale).astype(dtype), labels


def bound(dtype, temperature):
    return 8 * float(np.finfo(dtype).eps) * max(1, 1 / temperature)


def pull_of_one(x, temperature):
    """How large a term of a gradient can be; the sum may vanish."""
    return 1 / (float(temperature) * np.sqrt((x.astype(float) ** 2).sum(-1)).min() * len(x))


# Values


@by_name
@pytest.mark.parametrize("kind", ["pairs", "two views", "classes", "random", "one", "halves"])
@pytest.mark.parametrize(
    ("batch", "numbers"), [(2, 3), (5, 1), (6, 2), (7, 16), (33, 5), (95, 33), (97, 8), (200, 40), (230, 128)]
)
@pytest.mark.parametrize("temperature", [0.5, 0.07, 0.01])
def test_against_the_textbook(name, kind, batch, numbers, temperature):
    for dtype in ("f2", "f4", "f8"):
        x, labels = draw(batch, numbers, kind, dtype=dtype)
        t = np.array(temperature, dtype)
        value, grad = textbook(name, x, labels, t)
        got, slope = UFUNCS[name].value_and_grad(x, labels, t)
        assert got.dtype == slope.dtype == x.dtype
        np.testing.assert_array_equal(UFUNCS[name](x, labels, t), got)
        np.testing.assert_array_equal(UFUNCS[name].grad(x, labels, t), slope)
        if np.isnan(value):
            assert np.isnan(got)
            assert np.isnan(slope).all()
            continue
        rounding = 2.0**-11 if dtype == "f2" else 0
        off = bound("f4" if dtype == "f2" else dtype, temperature)
        # Small losses keep their digits, except where the pair itself is in what it is held against.
        small = min(1, value) if name == "ntxent_loss" else 1
        assert abs(got - value) <= off * small + (rounding + np.finfo(dtype).eps) * value + (
            2.0**-24 if rounding else 0
        )
        largest = abs(grad).max()
        assert abs(slope - grad).max() <= off * (largest + pull_of_one(x, t)) + rounding * largest + (
            2.0**-24 if rounding else 0
        )


@by_name
@pytest.mark.parametrize("temperature", [1e-3, 1e-4, 0.0128, 0.0129, 0.0015, 0.00152, 3.0, 1e6])
def test_temperatures_on_both_sides_of_the_shared_reference(name, temperature):
    for dtype in ("f4", "f8"):
        for kind in ("pairs", "classes", "one"):
            x, labels = draw(120, 24, kind, dtype=dtype)
            t = np.array(temperature, dtype)
            value, grad = textbook(name, x, labels, t)
            got, slope = UFUNCS[name].value_and_grad(x, labels, t)
            assert got == pytest.approx(
                float(value), rel=1e-5 if dtype == "f4" else 1e-13, abs=bound(dtype, temperature) / 8
            )
            np.testing.assert_allclose(
                slope,
                grad.astype(float),
                rtol=0,
                atol=bound(dtype, temperature) * (float(abs(grad).max()) + pull_of_one(x, t)),
            )


@by_name
def test_against_many_digits(name):
    x, labels = draw(6, 3, "halves")
    with mpmath.workdps(40):
        rows = [[mpmath.mpf(float(v)) for v in row] for row in x]
        u = [[v / mpmath.sqrt(sum(w * w for w in row)) for v in row] for row in rows]
        for temperature in (0.5, 0.07, 0.01):
            s = [
                [sum(a * b for a, b in zip(p, q, strict=True)) / mpmath.mpf(temperature) for q in u]
                for p in u
            ]
            outer = []
            for i in range(6):
                others = [
                    mpmath.exp(s[i][k])
                    for k in range(6)
                    if k != i and (name != "ntxent_loss" or labels[k] != labels[i])
                ]
                pairs = [j for j in range(6) if j != i and labels[j] == labels[i]]
                outer.append(
                    [
                        mpmath.log(sum(others) + (mpmath.exp(s[i][j]) if name == "ntxent_loss" else 0))
                        - s[i][j]
                        for j in pairs
                    ]
                )
            exact = sum(sum(row) / len(row) for row in outer) / 6
            assert UFUNCS[name](x, labels, temperature) == pytest.approx(
                float(exact), rel=1e-15 / temperature
            )


@by_name
@pytest.mark.parametrize("kind", ["pairs", "classes", "halves"])
def test_gradients_by_differences(name, kind):
    x, labels = draw(9, 4, kind)
    loss, h = UFUNCS[name], 1e-6
    slope = loss.grad(x, labels, 0.2)
    for at in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[at] += h
        down[at] -= h
        assert (loss(up, labels, 0.2) - loss(down, labels, 0.2)) / (2 * h) == pytest.approx(
            slope[at], abs=1e-7
        )


@by_name
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        ("f4", 1e20),
        ("f4", 1e-20),
        ("f4", 1e-38),
        ("f8", 1e200),
        ("f8", 1e-200),
        ("f8", 1e-290),
        ("f8", 1e307),
    ],
)
def test_only_directions_count(name, dtype, scale):
    x, labels = draw(40, 12, "classes", dtype=dtype)
    big = (x.astype(np.longdouble) * scale).astype(dtype)
    value, grad = UFUNCS[name].value_and_grad(x, labels)
    got, slope = UFUNCS[name].value_and_grad(big, labels)
    off = bound(dtype, 0.07) * (1e7 if scale == 1e-38 else 1)  # subnormal numbers have fewer digits
    assert got == pytest.approx(float(value), rel=off)
    with np.errstate(over="ignore", under="ignore"):
        unscaled = slope.astype(np.longdouble) * np.longdouble(scale)
        np.testing.assert_allclose(
            unscaled, grad, atol=float(off * abs(grad).max() + np.finfo(dtype).tiny * scale), rtol=0
        )


def test_hard_and_easy_pairs_keep_their_digits():
    # An anchor with its positive opposite and a negative on top of it: 100 for both ways of the pair, and 0.5
    # log 4 besides.
    hard = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    for dtype in ("f4", "f8"):
        assert ul.ntxent_loss(hard.astype(dtype), [0, 0, 1, 1], 0.01) == pytest.approx(200, rel=1e-6)
        assert np.isfinite(ul.ntxent_loss.grad(hard.astype(dtype), [0, 0, 1, 1], 0.01)).all()
        assert ul.ntxent_loss(hard.astype(dtype), [0, 0, 1, 1], 0.001) == pytest.approx(2000, rel=1e-6)
    easy = hard[[0, 2, 1, 3]]
    for temperature in (0.07, 0.03, 0.011):
        exact = math.log1p(2 * math.exp(-2 / temperature))
        assert ul.ntxent_loss(easy, [0, 0, 1, 1], temperature) == pytest.approx(exact, rel=1e-13)
        t = np.float32(temperature)
        assert ul.ntxent_loss(easy.astype("f4"), [0, 0, 1, 1], t) == pytest.approx(
            math.log1p(2 * math.exp(-2 / float(t))), rel=2e-5, abs=1e-45
        )


@by_name
def test_edges(name):
    loss = UFUNCS[name]
    x, labels = draw(8, 4)
    assert np.isnan(loss(x, np.arange(8)))
    assert np.isnan(loss.grad(x, np.arange(8))).all()
    for n in (0, 1):
        value, grad = loss.value_and_grad(x[:n], labels[:n])
        assert np.isnan(value)
        assert grad.shape == (n, 4)
        assert np.isnan(grad).all()
    assert loss(np.zeros((0, 6, 3)), np.zeros((0, 6), int)).shape == (0,)
    value, grad = loss.value_and_grad(np.zeros((4, 0)), [0, 0, 1, 1])
    assert value == pytest.approx(math.log(3))
    assert grad.shape == (4, 0)
    value, grad = loss.value_and_grad(x, np.full(8, 5))
    if name == "ntxent_loss":
        assert value == 0
        assert not np.signbit(value)
        assert not grad.any()
    x[3] = 0
    value, grad = loss.value_and_grad(x, labels)
    assert value == pytest.approx(float(textbook(name, x, labels, 0.07)[0]), rel=1e-13)
    assert not grad[3].any()
    assert np.isfinite(grad).all()
    value, grad = loss.value_and_grad(np.zeros((4, 3)), [0, 0, 1, 1])
    assert value == pytest.approx(math.log(3))
    assert not grad.any()


@by_name
@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_what_is_not_finite_gives_nan(name, bad):
    for dtype in ("f2", "f4", "f8"):
        x, labels = draw(12, 5, dtype=dtype)
        x[7, 2] = bad
        value, grad = UFUNCS[name].value_and_grad(x, labels)
        assert np.isnan(value)
        assert np.isnan(grad).all()


@by_name
def test_bad_temperatures_give_nan_for_their_item(name):
    x, labels = draw(12, 5)
    value, grad = UFUNCS[name].value_and_grad(x, labels, [0.07, 0.0, -1.0, NAN, 0.5])
    assert np.isnan(value).tolist() == [False, True, True, True, False]
    assert np.isnan(grad).all((1, 2)).tolist() == [False, True, True, True, False]
    assert value[4] == UFUNCS[name](x, labels, 0.5)
    assert UFUNCS[name](x, labels, math.inf) == pytest.approx(math.log(11), rel=1e-13)
    assert not UFUNCS[name].grad(x, labels, math.inf).any()
    # Cosines over a subnormal temperature overflow.
    assert np.isnan(UFUNCS[name](x.astype("f4"), labels, np.float32(1e-40)))


# What calls mean


@by_ufunc
def test_broadcasting(ufunc):
    x, labels = draw(24, 6)
    many, other = np.stack([x, x[::-1], 2 * x]), np.stack([labels, np.arange(24) % 5])
    got = results(ufunc, many, other[:, None], [[[0.1]], [[0.5]]])
    for k in np.ndindex(2, 2, 3):
        alone = results(ufunc, many[k[2]], other[k[1]], [0.1, 0.5][k[0]])
        for a, b in zip(got, alone, strict=True):
            np.testing.assert_array_equal(a[k], b)


@by_ufunc
def test_same_bits_for_every_layout(ufunc):
    for dtype in ("f2", "f4", "f8"):
        x, labels = draw(110, 37, "classes", dtype=dtype)
        wanted = results(ufunc, x, labels)
        wide = np.zeros((220, 111), dtype)
        wide[::2, ::3] = x
        far = np.zeros(330, np.int64)
        far[::3] = labels
        raw = np.zeros(x.nbytes + 1, "u1")
        odd = raw[1:].view(dtype).reshape(x.shape)
        odd[...] = x
        swapped = x.astype(x.dtype.newbyteorder())
        frozen = x.copy()
        frozen.flags.writeable = False
        layouts = [
            np.asfortranarray(x),
            wide[::2, ::3],
            x[::-1, ::-1].copy()[::-1, ::-1],
            odd,
            swapped,
            frozen,
            np.broadcast_to(x, (1, *x.shape))[0],
        ]
        for y in (*layouts, x.tolist() if dtype == "f8" else x):
            for z in (labels, far[::3], labels.astype("i1"), labels[::-1].copy()[::-1], labels.tolist()):
                for a, b in zip(results(ufunc, y, z), wanted, strict=True):
                    np.testing.assert_array_equal(a, b)
        for k, w in enumerate(wanted):
            out = [np.full_like(w, 7) for w in wanted]
            if w.ndim == 2:
                out[k] = np.full((37, 110), 7, dtype).T
            got = results(ufunc, x, labels, out=tuple(out))
            assert all(a is b for a, b in zip(got, out, strict=True))
            np.testing.assert_array_equal(out[k], w)
        if wanted[-1].ndim == 2:  # over the input itself
            y = x.copy()
            got = results(ufunc, y, labels, out=(*[None] * (len(wanted) - 1), y))
            np.testing.assert_array_equal(y, wanted[-1])
            assert got[-1] is y


@by_ufunc
def test_labels_are_any_integers(ufunc):
    x, labels = draw(20, 5, "classes")
    wanted = results(ufunc, x, labels)
    # Only order decides the order of the sums, and only equality the loss.
    for z in (labels * 10**15, labels + (2**63 - 10), labels - 2**62):
        for a, b in zip(results(ufunc, x, z), wanted, strict=True):
            np.testing.assert_array_equal(a, b)
    unsigned = np.array([2**64 - 1, 0, 2**63], "u8")[labels % 3]
    for a, b in zip(results(ufunc, x, unsigned), results(ufunc, x, labels % 3), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@by_ufunc
def test_where_selects_vectors(ufunc):
    rng = np.random.default_rng(5)
    x, labels = draw(60, 7, "classes")
    keep = rng.random((3, 60)) < 0.6
    keep[2] = False
    spoiled = np.where(keep[:2].any(0)[:, None], x, NAN)
    got = results(ufunc, spoiled, labels, where=keep)
    for k in range(2):
        x_k = np.where(keep[k][:, None], x, NAN)
        for a, b, one in zip(
            got,
            results(ufunc, x[keep[k]], labels[keep[k]]),
            results(ufunc, x_k, labels, where=keep[k]),
            strict=True,
        ):
            if b.ndim == 2:
                whole = np.zeros(x.shape)
                whole[keep[k]] = b
                b = whole
            np.testing.assert_array_equal(a[k], b)
            np.testing.assert_array_equal(one, b)
    assert np.isnan(got[0][2]).all() or got[0][2].shape == x.shape
    np.testing.assert_array_equal(results(ufunc, x, labels, where=True)[0], results(ufunc, x, labels)[0])
    np.testing.assert_array_equal(
        results(ufunc, x, labels, where=np.True_)[-1], results(ufunc, x, labels)[-1]
    )
    out = tuple(np.empty_like(r) for r in got)
    assert all(a is b for a, b in zip(results(ufunc, spoiled, labels, where=keep, out=out), out, strict=True))
    np.testing.assert_array_equal(out[-1], got[-1])
    for wrong, kind in ((keep.astype(int), TypeError), (keep[:, :5], ValueError), (keep[:, :1], ValueError)):
        with pytest.raises(kind, match=f"{ufunc.__name__}: where"):
            ufunc(x, labels, where=wrong)


@by_ufunc
def test_wrong_calls(ufunc):
    x, labels = draw(6, 3)
    name = ufunc.__name__
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'labels'"):
        ufunc(x)
    with pytest.raises(TypeError, match="labels must be integers, not float64"):
        ufunc(x, labels.astype(float))
    with pytest.raises(TypeError, match="labels must be integers, not bool"):
        ufunc(x, labels > 1)
    for dtype in ("c16", "g", "O", "U3"):
        with pytest.raises(TypeError, match=name):
            ufunc(x.astype(dtype), labels)
    for word in ({"axis": None}, {"keepdims": True}):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{next(iter(word))}'"):
            ufunc(x, labels, **word)
    with pytest.raises(TypeError):
        ufunc(x, labels, axis=0)
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        ufunc(x, labels[:4])
    with pytest.raises(ValueError, match="enough dimensions"):
        ufunc(x[0], labels)
    with pytest.raises(ValueError, match="enough dimensions"):
        ufunc(x[0], labels, where=labels > 0)
    with pytest.raises(TypeError, match="axes does not go with where"):
        ufunc(x, labels, where=labels > 0, axes=[(0, 1), (0,), ()])


@by_ufunc
def test_axes_types_and_names(ufunc):
    x, labels = draw(10, 4)
    out_axes = (
        [(1, 0)]
        if ufunc.signature.endswith(")->(b,d)")
        else [(), (1, 0)]
        if "," in ufunc.signature.split("->")[1][1:-1]
        else [()]
    )
    for a, b in zip(
        results(ufunc, x.T, labels, axes=[(1, 0), (0,), (), *out_axes]),
        results(ufunc, x, labels),
        strict=True,
    ):
        np.testing.assert_array_equal(a.T, b)
    for a, b in zip(
        results(ufunc, labels=labels, embeddings=x, temperature=0.3),
        results(ufunc, x, labels, 0.3),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert results(ufunc, x.astype("f4"), labels, np.full(2, 0.07))[0].dtype == np.float32
    assert results(ufunc, x.astype(int), labels)[0].dtype == np.float64
    assert results(ufunc, x.astype("f2"), labels, dtype=np.float32)[0].dtype == np.float32
    assert type(ufunc) is np.ufunc
    assert ufunc.__module__ == "ufloss"
    assert list(inspect.signature(ufunc).parameters)[:5] == [
        "embeddings",
        "labels",
        "temperature",
        "out",
        "where",
    ]
    assert inspect.signature(ufunc).parameters["temperature"].default == 0.07
    if "." not in ufunc.__name__:
        assert pickle.loads(pickle.dumps(ufunc)) is ufunc
    assert copy.deepcopy(ufunc) is ufunc


@by_ufunc
def test_overrides(ufunc):
    class Recorder:
        def __array_ufunc__(self, *args, **kwargs):
            return args, kwargs

    r = Recorder()
    (called, method, *inputs), kwargs = ufunc(r, [0, 0], where=[True, True])
    assert called is ufunc
    assert (method, inputs, kwargs) == ("__call__", [r, [0, 0], 0.07], {"where": [True, True]})


# Instruction sets, memory, documentation


@pytest.mark.skipif("x86-64-v2" not in _core.isa_names(), reason="x86-64-v2 is not built")
def test_without_fma():
    code = """
import numpy as np, ufloss as ul
x = np.random.default_rng(0).normal(size=(100, 30)).astype("f4")
v, g = ul.ntxent_loss.value_and_grad(x, np.arange(100) // 2)
print(float(v), *map(float, g[7]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "UFLOSS_ISA": "x86-64-v2"},
        capture_output=True,
        text=True,
        check=True,
    )
    x = np.random.default_rng(0).normal(size=(100, 30)).astype("f4")
    v, g = ul.ntxent_loss.value_and_grad(x, np.arange(100) // 2)
    np.testing.assert_allclose([float(w) for w in run.stdout.split()], [v, *g[7]], rtol=1e-5, atol=1e-7)


@pytest.mark.footprint
def test_no_array_of_all_pairs():
    """The workspace is outside what Python counts, so the process itself is asked."""
    code = """
import resource, numpy as np, ufloss as ul
x = np.random.default_rng(0).normal(size=(2048, 128)).astype("f4")
labels, out = np.arange(2048) // 2, (np.empty((), "f4"), np.empty_like(x))
out[1][...] = 0
ul.ntxent_loss.value_and_grad(x[:64], labels[:64])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
ul.ntxent_loss.value_and_grad(x, labels, out=out)
ul.supervised_contrastive_loss.value_and_grad(x, labels // 500, out=out)
print((peak() - before) * 1024)
"""
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("ru_maxrss counts otherwise here")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 4e6


def test_nothing_leaks():
    x, labels = draw(64, 16)
    for _ in range(3):
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            ul.ntxent_loss.value_and_grad(x, labels)
            ul.ntxent_loss(x, labels, where=labels > 3)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        if grown < 20_000:
            return
    pytest.fail(f"{grown} bytes")


def test_nothing_warns():
    x, labels = draw(40, 8, dtype="f4")
    with np.errstate(all="raise"):
        for t in (1e-6, 0.001, 0.07, 10):
            ul.ntxent_loss.value_and_grad(x, labels, np.float32(t))
        ul.ntxent_loss.value_and_grad(np.full_like(x, NAN), labels)


@by_ufunc
def test_docstrings(ufunc):
    for heading in ("Parameters", "Returns", "Raises", "Notes"):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in ufunc.__doc__
    test = doctest.DocTestParser().get_doctest(ufunc.__doc__, {}, ufunc.__name__, None, 0)
    assert len(test.examples) == (3 if "." not in ufunc.__name__ else 0)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


def test_against_optax():
    optax = pytest.importorskip("optax")
    for kind in ("pairs", "two views", "classes"):
        x, labels = draw(64, 32, kind, dtype="f4")
        assert ul.ntxent_loss(x, labels) == pytest.approx(float(optax.losses.ntxent(x, labels)), rel=1e-4)


# What must not matter: memory, threads, the bits of a NaN


@by_ufunc
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_equal_calls_between_dirtied_heaps(ufunc, dtype):
    for n in (5, 33, 97, 150):
        x, labels = draw(n, 20, dtype=dtype)
        seen = set()
        for pattern in (0x00, 0x01, 0x20, 0xFF, 0x01):
            dirty = [np.full(size, pattern, np.uint8) for size in (1 << np.arange(8, 21)).repeat(3)]
            del dirty
            for keywords in ({}, {"where": np.arange(n) % 4 != 1}):
                r = ufunc(x, labels, **keywords)
                seen.add(
                    (
                        bool(keywords),
                        b"".join(
                            np.asarray(part).tobytes() for part in (r if isinstance(r, tuple) else (r,))
                        ),
                    )
                )
        assert len(seen) == 2, n


def test_sizes_that_no_memory_has():
    out = run_child("""
        limit_addresses(6 << 30)
        count = 0
        losses, sizes = (ul.ntxent_loss, ul.supervised_contrastive_loss), [2**31 + 5, 2**33, 2**40, 2**47, 2**52, 2**57, 2**59, 2**60, 2**61]
        for loss, n, shape_of, dtype in itertools.product(losses, sizes, [(1, 1), (1, 0), (1, 3), (0, 1), (2, 1), (1, 4)], "efd"):
            shape = tuple(n if k == 1 else k for k in shape_of)
            if shape_of == (1, 1) and n > 2**31 + 5:
                shape = (n, 1)
            try:
                x, labels = np.broadcast_to(np.dtype(dtype).type(1), shape), np.broadcast_to(np.int64(1), shape[:1])
            except ValueError:      # more than NumPy lets an array have
                continue
            for f, keywords in itertools.product((loss, loss.grad, loss.value_and_grad), ({}, {"where": np.broadcast_to(True, shape[:1])})):
                try:
                    f(x, labels, **keywords)
                except MemoryError:
                    count += 1
                    continue
                except ValueError as error:
                    assert "too big" in str(error) or "Maximum allowed" in str(error), error      # an output, which NumPy refuses
                    continue
                raise SystemExit(f"{f.__name__} of {shape}: no error")
        print(count)
    """)
    assert int(out) > 100


NANS = {
    "f2": (np.uint16, (0x7E00, 0x7E01, 0x7FFF, 0xFE00, 0xFFFF, 0x7C01)),
    "f4": (np.uint32, (0x7FC00000, 0x7FC00001, 0x7FFFFFFF, 0xFFC00001, 0xFFFFFFFF, 0x7F800001, 0xFF800001)),
    "f8": (
        np.uint64,
        (
            0x7FF8000000000000,
            0x7FF8000000000001,
            0x7FFFFFFFFFFFFFFF,
            0xFFF8000000000001,
            0x7FF0000000000001,
            0xFFF0000000000001,
        ),
    ),
}


@by_name
@pytest.mark.parametrize("dtype", NANS)
def test_every_nan_is_one(name, dtype):
    kind, bits = NANS[dtype]
    x, labels = draw(20, 9, dtype=dtype)
    heat = np.dtype(dtype).type(0.1)
    for number in bits:
        bad = x.copy()
        bad.view(kind)[7, 5] = number
        for args in ((bad, labels), (x, labels, np.array([number], kind).view(dtype).reshape(()))):
            value, grad = UFUNC_OF[f"{name}.value_and_grad"](*args)
            assert np.isnan(value), hex(number)
            assert np.isnan(grad).all()
            assert np.isnan(UFUNC_OF[name](*args))
        keep = np.arange(20) != 7
        assert np.isfinite(UFUNC_OF[name](bad, labels, heat, where=keep))
