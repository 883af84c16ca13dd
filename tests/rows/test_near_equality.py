"""Rows near equality, where what is of first order cancels: divergences keep their digits, cosines stay
cosines.
"""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import ufloss as ul
from elementwise.errors import ulps_of_result
from rows.cases import INF


def exact_kl(x, y):
    with mp.workprec(200):
        return mpmath.fsum(
            mpf(float(b)) * (mp.log(mpf(float(b))) - mpf(float(a)))
            for a, b in zip(x, y, strict=True)
            if b > 0
        )


def near_equal(n, eps, seed, zeros=False):
    rng = np.random.default_rng(seed)
    a = rng.normal(0, 1.5, n)
    b = a + eps * rng.normal(0, 1, n)
    x, y = a - np.log(np.exp(a).sum()), np.exp(b) / np.exp(b).sum()
    if zeros:
        y[::3] = 0
        y /= y.sum()
        x = np.where(y > 0, np.log(np.where(y > 0, y, 1)) + eps * rng.normal(0, 1, n), -INF)
        x -= np.log(np.exp(x).sum())
    return x.astype("f4"), y.astype("f4")


@pytest.mark.parametrize("eps", [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("zeros", [False, True])
def test_kl_divergence_keeps_its_digits_near_equality(eps, zeros):
    for n, rows in ((2, 20), (3, 20), (31, 5), (33, 5), (1000, 2), (5000, 1)):
        pairs = [near_equal(n, eps, 100 * n + r, zeros) for r in range(rows)]
        x, y = map(np.array, zip(*pairs, strict=True))
        for got, a, b in zip(ul.kl_divergence(x, y), x, y, strict=True):
            exact = exact_kl(a, b)
            if exact:
                assert ulps_of_result(got, exact, np.float32) <= 4, (n, float(got), float(exact))


def test_kl_divergence_of_a_reported_pair():
    assert ul.kl_divergence(np.log(np.float32([0.3003, 0.6997])), np.float32([0.3, 0.7])) == np.float32(
        2.5972427e-7
    )


def test_kl_divergence_does_not_depend_on_the_rows_beside_it():
    """Rows that are read again stand beside others that are not; weights of any sum."""
    for n in (5, 31, 40, 2500):
        rows = [near_equal(n, eps, n) for eps in (1e-5, 2.0, 1e-2, 0.5, 1e-3)]
        x, y = (
            np.array([a for a, _ in rows]),
            np.array([b * w for (_, b), w in zip(rows, (1, 3, 1e-20, 1e20, 7), strict=True)]).astype("f4"),
        )
        together = ul.kl_divergence(x, y)
        alone = [ul.kl_divergence(a, b) for a, b in zip(x, y, strict=True)]
        np.testing.assert_array_equal(together, alone)
        y[2, 1] = -1
        x[3, 0] = np.nan
        y[3, 0] = 0
        np.testing.assert_array_equal(np.isnan(ul.kl_divergence(x, y)), [False, False, True, True, False])


@pytest.mark.parametrize("n", [4, 40])
def test_slopes_of_kl_divergence_near_equality(n):
    rng = np.random.default_rng(n)
    y = np.float32(10 ** rng.uniform(-30, 0, n))
    x = np.log(y.astype(float)).astype("f4")
    for a, b, got in zip(x, y, ul.kl_divergence.grads(x, y)[1], strict=True):
        assert ulps_of_result(got, mp.log(mpf(float(b))) - mpf(float(a)) + 1, np.float32) <= 4


@pytest.mark.parametrize("eps", [1e-6, 1e-4, 1e-2])
def test_siblings_of_kl_divergence_near_equality(eps):
    for n in (2, 33):
        x, y = near_equal(n, eps, n)
        exact = exact_kl(x, y)
        with mp.workprec(200):
            mass = mpmath.fsum(mp.exp(mpf(float(a))) for a in x)
            generalized = exact + mass - mpmath.fsum(map(mpf, map(float, y)))
            softmax = exact + mpmath.fsum(map(mpf, map(float, y))) * mp.log(mass)
            t = np.log(y)
            log_targets = mpmath.fsum(
                mp.exp(mpf(float(b))) * (mpf(float(b)) - mpf(float(a))) for a, b in zip(x, t, strict=True)
            )
        assert ulps_of_result(ul.generalized_kl_divergence(x, y), generalized, np.float32) <= 4
        assert ulps_of_result(ul.kl_divergence_with_log_targets(x, t), log_targets, np.float32) <= 4
        if eps >= 1e-4:  # sums of double words would be needed
            assert ulps_of_result(ul.softmax_kl_divergence(x, y), softmax, np.float32) <= 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_cosines_lie_between_minus_one_and_one(dtype):
    rng = np.random.default_rng(2)
    for n in (2, 3, 6, 40):
        x = np.concatenate(
            [rng.normal(0, 1, (2000, n)), rng.integers(0, 9, (2000, n)) + np.eye(n)[0]]
        ).astype(dtype)
        for y in (x, -x, (2 * x).astype(dtype), (x * dtype(1.1)).astype(dtype)):
            for floors in ((0, 0), (1e-12, 0), (0, 1e-3)):
                c = ul.cosine_similarity(x, y, *floors)
                assert (abs(c) <= 1).all()
                assert not np.isnan(np.arccos(c)).any()
                d = ul.cosine_distance(x, y, *floors)
                assert ((d >= 0) & (d <= 2)).all()
            for label in (1, -1):
                value = ul.cosine_embedding_loss(x, y, label)
                assert ((value >= 0) & (value <= 2)).all()
