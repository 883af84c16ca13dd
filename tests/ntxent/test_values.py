"""Both losses against the textbook, in float64 and many digits, and at the edges."""

import math

import mpmath
import numpy as np
import pytest

import ufloss as ul
from internals import UFUNCS
from ntxent.cases import NAN, by_name, draw


def textbook(name, embeddings, labels, temperature):
    """Value and gradient from arrays of all pairs, in more digits: those of float64 in long double, which
    takes many times as long.
    """
    dtype = np.longdouble if embeddings.dtype == np.float64 else np.float64
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
        with np.errstate(over="ignore"):
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


def bound(dtype, temperature):
    return 8 * float(np.finfo(dtype).eps) * max(1, 1 / temperature)


def pull_of_one(x, temperature):
    """How large a term of a gradient can be; the sum may vanish."""
    return 1 / (float(temperature) * np.sqrt((x.astype(float) ** 2).sum(-1)).min() * len(x))


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


def test_against_optax():
    optax = pytest.importorskip("optax")
    for kind in ("pairs", "two views", "classes"):
        x, labels = draw(64, 32, kind, dtype="f4")
        assert ul.ntxent_loss(x, labels) == pytest.approx(float(optax.losses.ntxent(x, labels)), rel=1e-4)
