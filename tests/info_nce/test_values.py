"""Both losses against the textbook, in many digits, by differences, and at the edges."""

import math

import numpy as np
import pytest

import ufloss as ul
from info_nce.cases import NAN, UFUNC_OF, by_name, draw, every, exact, off_by, pull_of_one, textbook

SHAPES = [(2, 3), (5, 2), (7, 16), (33, 5), (95, 33), (97, 8), (200, 40), (230, 128)]


@by_name
@pytest.mark.parametrize(("batch", "numbers"), SHAPES)
@pytest.mark.parametrize("temperature", [10, 0.5, 0.07, 0.0129, 0.0128, 0.01, 0.001])
def test_against_the_textbook(name, batch, numbers, temperature):
    for dtype in ("f2", "f4", "f8"):
        queries, keys = draw(batch, numbers, dtype=dtype)
        t = np.array(temperature, dtype)
        value, *slopes, of_heat = textbook(name, queries, keys, t)
        got, *got_slopes, got_of_heat = every(name, queries, keys, t)
        rounding = 2.0**-11 if dtype == "f2" else np.finfo(dtype).eps
        tiny = 2.0**-24 if dtype == "f2" else np.finfo(dtype).smallest_subnormal
        off = off_by("f4" if dtype == "f2" else dtype, t)
        assert got.dtype == got_of_heat.dtype == queries.dtype
        assert abs(got - value) <= off * min(1, value) + rounding * value + tiny
        for slope, g, x in zip(slopes, got_slopes, (queries, keys), strict=True):
            assert g.dtype == x.dtype
            largest = abs(slope).max()
            bound = off * (largest + pull_of_one(x, t)) + rounding * largest + tiny
            assert abs(g.astype(np.longdouble) - slope).max() <= bound
        with np.errstate(over="ignore"):
            wanted = np.longdouble(of_heat).astype(dtype)
        if np.isfinite(wanted):
            assert abs(np.longdouble(got_of_heat) - of_heat) <= (
                off * (abs(of_heat) + min(1, value) / float(t)) + rounding * abs(of_heat) + tiny
            )
        else:
            assert got_of_heat == wanted


@by_name
@pytest.mark.parametrize("temperature", [0.5, 0.07, 0.01])
def test_against_many_digits(name, temperature):
    for near in (0, 1, 30):
        queries, keys = draw(6, 3, near)
        wanted = exact(name, queries, keys, temperature)
        for dtype, bound in (("f8", 1e-15), ("f4", 6e-7)):
            q, k, t = queries.astype(dtype), keys.astype(dtype), np.array(temperature, dtype)
            wanted = exact(name, q, k, t)
            got = UFUNC_OF[name](q, k, t)
            assert abs(float(got) - wanted) <= bound / temperature * min(1, wanted) + bound * wanted


@by_name
def test_confident_pairs_keep_their_digits(name):
    """Losses and slopes far below the rounding of a sum that holds the pair itself."""
    queries = np.eye(5) + 0.01
    keys = queries + 0.003 * np.arange(25).reshape(5, 5) / 25
    for dtype in ("f4", "f8"):
        q, k = queries.astype(dtype), keys.astype(dtype)
        for temperature in (0.05, 0.03, 0.02, 0.0125):
            t = np.array(temperature, dtype)
            value, *slopes, of_heat = textbook(name, q, k, t)
            got, *got_slopes, got_of_heat = every(name, q, k, t)
            assert 1e-36 < value < 1e-7
            bound = off_by(dtype, t)
            assert abs(got - value) <= bound * value
            for slope, g in zip(slopes, got_slopes, strict=True):
                assert abs(g - slope).max() <= bound * abs(slope).max()
            assert abs(got_of_heat - of_heat) <= bound * abs(of_heat)


@by_name
def test_hard_pairs(name):
    """Each query has its key opposite and another's on top of it."""
    queries = np.array([[1.0, 0.0], [-1.0, 0.0]])
    for dtype in ("f4", "f8"):
        for temperature in (0.1, 0.01, 0.001, 1e-6):
            t = np.array(temperature, dtype)
            got = every(name, queries.astype(dtype), -queries.astype(dtype), t)
            assert got[0] == pytest.approx(2 / float(t), rel=1e-6)
            assert got[3] == pytest.approx(-2 / float(t) ** 2, rel=1e-6)
            assert abs(np.array(got[1:3])).max() <= off_by(dtype, t)


@by_name
@pytest.mark.parametrize("temperature", [0.3, 0.07])
def test_gradients_by_differences(name, temperature):
    queries, keys = draw(6, 4)
    loss, h = UFUNC_OF[name], 1e-6
    _, *slopes, of_heat = every(name, queries, keys, temperature)
    for which in range(2):
        for at in np.ndindex(*queries.shape):
            up, down = [queries.copy(), keys.copy()], [queries.copy(), keys.copy()]
            up[which][at] += h
            down[which][at] -= h
            difference = (loss(*up, temperature) - loss(*down, temperature)) / (2 * h)
            assert difference == pytest.approx(slopes[which][at], abs=2e-7)
    up, down = (loss(queries, keys, temperature + sign * h) for sign in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(of_heat, abs=1e-6)


def test_the_symmetric_form_is_the_mean_of_both_ways():
    for batch, numbers in SHAPES:
        for temperature in (2, 0.07, 0.005):
            queries, keys = draw(batch, numbers)
            value, *slopes, of_heat = every("clip_loss", queries, keys, temperature)
            forth = every("info_nce_loss", queries, keys, temperature)
            back = every("info_nce_loss", keys, queries, temperature)
            assert value == pytest.approx((forth[0] + back[0]) / 2, rel=1e-14 / temperature)
            assert of_heat == pytest.approx((forth[3] + back[3]) / 2, rel=1e-13 / temperature)
            for slope, a, b in zip(slopes, forth[1:3], (back[2], back[1]), strict=True):
                bound = off_by("f8", temperature) * (abs(slope).max() + pull_of_one(queries, temperature))
                np.testing.assert_allclose(slope, (a + b) / 2, rtol=0, atol=bound)
            swapped = every("clip_loss", keys, queries, temperature)
            assert value == pytest.approx(swapped[0], rel=1e-14 / temperature)


@by_name
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [("f4", 1e20), ("f4", 1e-20), ("f8", 1e200), ("f8", 1e-200), ("f8", 1e-290), ("f8", 1e307)],
)
def test_only_directions_count(name, dtype, scale):
    queries, keys = draw(40, 12, dtype=dtype)
    long_keys = (keys.astype(np.longdouble) * scale).astype(dtype)
    value, of_queries, of_keys, of_heat = every(name, queries, keys)
    got, slope, of_long_keys, of_the_heat = every(name, queries, long_keys)
    off = off_by(dtype, 0.07)
    assert got == pytest.approx(float(value), rel=off)
    assert of_the_heat == pytest.approx(float(of_heat), rel=off)
    np.testing.assert_allclose(slope, of_queries, rtol=0, atol=float(off * abs(of_queries).max()))
    unscaled = of_long_keys.astype(np.longdouble) * np.longdouble(scale)
    tiny = np.finfo(dtype).tiny * np.longdouble(scale)
    np.testing.assert_allclose(unscaled, of_keys, rtol=0, atol=float(off * abs(of_keys).max() + tiny))


@by_name
def test_one_pair_costs_nothing(name):
    for dtype in ("f2", "f4", "f8"):
        for temperature in (10, 0.07, 0.001):
            queries, keys = draw(1, 5, dtype=dtype)
            value, *slopes = every(name, queries, keys, np.array(temperature, dtype))
            for zero in (value, *slopes):
                assert not np.any(zero)
            assert not np.signbit(value)
            assert not np.signbit(slopes[2])
            queries, keys = draw(9, 5, dtype=dtype)
            value, *slopes = every(name, queries, keys, where=np.arange(9) == 4)
            assert not any(np.any(zero) for zero in (value, *slopes))


@by_name
def test_no_pair_is_the_mean_of_nothing(name):
    queries, keys = draw(8, 4)
    value, of_queries, of_keys, of_heat = every(name, queries[:0], keys[:0])
    assert np.isnan([value, of_heat]).all()
    assert of_queries.shape == of_keys.shape == (0, 4)
    value, of_queries, of_keys, of_heat = every(name, queries, keys, where=np.zeros(8, bool))
    assert np.isnan([value, of_heat]).all()
    assert not of_queries.any()
    assert not of_keys.any()
    assert UFUNC_OF[name](np.zeros((0, 6, 3)), np.zeros((0, 6, 3))).shape == (0,)


@by_name
def test_vectors_of_zeros(name):
    queries, keys = draw(8, 4)
    queries[3] = keys[5] = 0
    for temperature in (1, 0.07, 0.002):
        wanted, got = textbook(name, queries, keys, temperature), every(name, queries, keys, temperature)
        assert got[0] == pytest.approx(float(wanted[0]), rel=1e-14 / temperature)
        assert got[3] == pytest.approx(float(wanted[3]), rel=1e-13 / temperature)
        assert not got[1][3].any()
        assert not got[2][5].any()
        for g, slope in zip(got[1:3], wanted[1:3], strict=True):
            np.testing.assert_allclose(g, slope.astype(float), rtol=0, atol=1e-14 / temperature)
    value, *slopes = every(name, np.zeros((4, 3)), keys[:4, :3])
    assert value == pytest.approx(math.log(4))
    assert not any(np.any(slope) for slope in slopes)
    value, *slopes = every(name, np.zeros((4, 0)), np.zeros((4, 0)))
    assert value == pytest.approx(math.log(4))
    assert slopes[0].shape == slopes[1].shape == (4, 0)


@by_name
@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_what_is_not_finite_gives_nan(name, bad):
    for dtype in ("f2", "f4", "f8"):
        for which in range(2):
            operands = draw(12, 5, dtype=dtype)
            operands[which][7, 2] = bad
            assert all(np.isnan(r).all() for r in every(name, *operands))
            keep = np.arange(12) != 7
            rest = [x[keep] for x in operands]
            for r, of_rest in zip(every(name, *operands, where=keep), every(name, *rest), strict=True):
                np.testing.assert_array_equal(r[keep] if r.ndim else r, of_rest)
                assert not r.ndim or not r[7].any()


@by_name
def test_bad_temperatures_give_nan_for_their_item(name):
    queries, keys = draw(12, 5)
    results = every(name, queries, keys, [0.07, 0.0, -1.0, NAN, 0.5])
    for r in results:
        bad = np.isnan(r) if r.ndim == 1 else np.isnan(r).all((1, 2))
        assert bad.tolist() == [False, True, True, True, False]
    assert results[0][4] == UFUNC_OF[name](queries, keys, 0.5)
    value, *slopes = every(name, queries, keys, math.inf)
    assert value == pytest.approx(math.log(12), rel=1e-13)
    assert not any(np.any(slope) for slope in slopes)


def test_small_temperatures_warn_of_nothing():
    queries, keys = draw(40, 8, dtype="f4")
    with np.errstate(all="raise"):
        for t in (1e-30, 1e-6, 0.001, 0.07, 10):
            results = ul.clip_loss.value_and_grads(queries, keys, np.float32(t))
            assert t == 1e-30 or all(np.isfinite(r).all() for r in results)
        ul.clip_loss.value_and_grads(np.full_like(queries, NAN), keys)
