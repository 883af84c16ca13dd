"""Numbers that other libraries lose: confident rows, angles, distances, ties, tiny vectors."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import ufloss as ul
from common import results
from rows.cases import INF, INTEGER, ufunc_of
from rows.errors import ULP, ulps


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
