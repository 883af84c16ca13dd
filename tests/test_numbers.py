"""Numbers at the edges of what a formula can carry: results far smaller than their terms, sums that overflow,
bounds that underflow.
"""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import ufloss as ul
from elementwise.errors import PARTS, ulp_error
from internals import LOSSES, ROW_LOSSES, UFUNCS
from points import draw
from reference import evaluate
from rows.errors import ULP, row_errors

INF = math.inf
BY_NAME = {loss["name"]: loss for loss in (*LOSSES, *ROW_LOSSES)}


def ulps_of_result(got, exact, dtype):
    """Distance in units in the last place of the exact result, whatever its terms."""
    exponent = max(mpmath.frexp(exact)[1] - 1, np.finfo(dtype).minexp)
    return float(abs(mpf(float(got)) - exact) / mpf(2) ** (exponent - np.finfo(dtype).nmant))


# Divergences near equality: what is of first order cancels between the elements of a row


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


# Distances whose powers leave the range of numbers

TRIPLETS = [
    (np.float32, 100, [(2000, 1000), (0, 0), (1500, 1000)]),
    (np.float64, 100, [(2000, 1000), (0, 0), (1500, 1000)]),
    (np.float64, 2, [(1e160, 3e160), (0, 0), (2e160, 1e160)]),
    (np.float64, 2, [(3e-170, 1e-170), (0, 0), (2e-170, 2e-170)]),
    (np.float64, 3, [(1e200, -3e200, 1e190), (0, 0, 1), (2e200, 1e200, 5)]),
    (np.float64, 0.5, [(1e308, 3e300), (0, 0), (2e307, 1e306)]),
    (np.float64, 1, [(1e160, 3e160), (0, 0), (2e160, 1e160)]),
    (np.float64, 0.5, [(1e-300, 3e-305), (0, 0), (2e-307, 1e-306)]),
    (np.float32, 7, [(3e30, -1e31), (0, 0), (2e30, 1e30)]),
    (np.float32, 20, [(1e-20, -3e-20), (0, 0), (2e-20, 1e-20)]),
    (np.float32, 0.5, [(3, -1, 2), (0, 0.5, 1), (2, 1, 1.5)]),
    (np.float32, 1, [(3, -1, 2), (0, 0.5, 1), (2, 1, 1.5)]),
    (np.float64, 2.5, [(3, -1, 2), (0, 0.5, 1), (2, 1, 1.5)]),
    (np.float64, 150, [(3, -1, 2), (0, 0.5, 1), (2, 1, 1.5)]),
]


@pytest.mark.parametrize("length", [0, 40])
@pytest.mark.parametrize("eps", [0, 1e-6])
@pytest.mark.parametrize(("dtype", "degree", "vectors"), TRIPLETS)
def test_triplet_distances_of_any_size(dtype, degree, vectors, eps, length):
    vectors = [np.pad(np.array(v, dtype), (0, max(length - len(v), 0))) for v in vectors]
    largest = float(abs(vectors[0]).max())
    row = [*vectors, dtype(largest), dtype(degree), dtype(eps)]
    for part in ("value", "grad", "grad2", "hess"):
        if part == "hess" and (degree < 2 or largest < 1e-160):
            continue  # infinite, or beyond the range of numbers
        errors = row_errors(BY_NAME["triplet_margin_loss"], part, row, dtype)[
            : len(vectors[0]) if not length else 2
        ]
        assert max(errors, default=0) <= ULP * max(1, degree), part


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pad", [0, 50])
def test_triplet_margin_loss_of_the_largest_difference(dtype, pad):
    a, p, n = (np.pad(np.array(v, dtype), (0, pad)) for v in ([2000, 1000, -3], [0, 0, 0], [1500, 500, 500]))
    value, grad, grad2, grad3 = (
        ul.triplet_margin_loss(a, p, n, 1, INF),
        *ul.triplet_margin_loss.grads(a, p, n, 1, INF),
    )
    assert value == 2000 - 503 + 1
    np.testing.assert_array_equal(grad[:3], [1, 0, 1])  # -3 - 500 is the largest of the second
    np.testing.assert_array_equal(grad2[:3], [-1, 0, 0])
    np.testing.assert_array_equal(grad3[:3], [0, 0, -1])
    np.testing.assert_array_equal(ul.triplet_margin_loss.hess(a, p, n, 1, INF), 0)
    assert ul.triplet_margin_loss(dtype([2000, 1000]), dtype([0, 0]), dtype([1500, 1000]), 1, 100) == 1501
    equal = dtype([2, -2, 1])
    np.testing.assert_array_equal(
        ul.triplet_margin_loss.grad(equal, 0 * equal, equal, 1, INF), [0.5, -0.5, 0]
    )
    assert np.isnan(ul.triplet_margin_loss(dtype([np.nan, 1]), equal[:2], equal[:2], 1, INF))


@pytest.mark.parametrize("degree", [0.5, 1, 2, 3, 100, INF])
@pytest.mark.parametrize("n", [3, 40])
def test_triplets_with_an_infinite_negative_are_flat(degree, n):
    a, p, far = np.ones(n), np.zeros(n), np.zeros(n)
    far[1] = INF
    assert ul.triplet_margin_loss(a, p, far, 1, degree) == 0
    for part in (
        *ul.triplet_margin_loss.grads(a, p, far, 1, degree),
        ul.triplet_margin_loss.hess(a, p, far, 1, degree),
    ):
        np.testing.assert_array_equal(part, 0)


@pytest.mark.parametrize("n", [5, 40])
def test_triplets_do_not_depend_on_the_rows_beside_them(n):
    rng = np.random.default_rng(n)
    a, p, q = rng.normal(0, 1, (3, 12, n))
    degree, scale = (
        np.array([2, 3, INF, 1, 0.5, 100] * 2)[:, None],
        np.array([1, 1e200, 1e-200])[np.arange(12) % 3, None],
    )
    together = ul.triplet_margin_loss(a * scale, p * scale, q * scale, 1, degree[:, 0], 0)
    alone = [
        ul.triplet_margin_loss(x * s, y * s, z * s, 1, d[0], 0)
        for x, y, z, s, d in zip(a, p, q, scale[:, 0], degree, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)
    assert np.isfinite(together).all()


# Cosines are cosines


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


# Bounds of the second derivative

# What each bound is, by the documentation: a function of the arguments, or None where it is the second
# derivative itself.
BOUND = {
    "squared_error": lambda x, y: 2,
    "l2_loss": lambda x, y: 1,
    "absolute_error": lambda x, y: 1,
    "huber_loss": lambda x, y, d: 1,
    "smooth_l1_loss": lambda x, y, rho: np.where(rho > 0, 1 / np.where(rho > 0, rho, 1), 1),
    "log_cosh": lambda x, y: 1,
    "pseudo_huber_loss": lambda x, y, d: 1,
    "pinball_loss": lambda x, y, q: 1,
    "hinge_loss": lambda x, y, m: 1,
    "squared_hinge_loss": lambda x, y, m: 2 * y * y,
    "perceptron_loss": lambda x, y: 1,
    "logistic_loss": lambda x, y: y * y / 4,
    "sigmoid_binary_cross_entropy": lambda x, y, w: (w * y + 1 - y) / 4,
    "binary_cross_entropy": None,
    "sparsemax_loss": lambda x, y: 0.5,
    "poisson_nll_loss": None,
    "poisson_loss": lambda x, y, eps: np.maximum(y, x + eps) / (x + eps) / (x + eps),
    "half_poisson_deviance": None,
    "half_gamma_deviance": None,
    "kl_div": lambda x, y: 1,
    "margin_ranking_loss": lambda a, b, y, m: 1,
    "half_tweedie_deviance": lambda x, y, p: (
        np.maximum((2 - p) * np.exp((2 - p) * x), 0) + np.maximum((p - 1) * y * np.exp((1 - p) * x), 0)
    ),
    "sigmoid_focal_loss": lambda x, y, alpha, g: focal_bound(x, y, alpha, g),
}


def focal_bound(x, y, alpha, g):
    """Of labels 0 and 1, or NaN: the terms that are positive."""
    u = np.where(y == 1, x, -x)
    n, p, ce = 1 / (1 + np.exp(u)), 1 / (1 + np.exp(-u)), np.logaddexp(0, -u)
    weight = np.where(alpha < 0, 1, np.where(y == 1, alpha, 1 - alpha))
    return np.where((y == 0) | (y == 1), weight * n**g * (p * n * (1 + 2 * g) + p * ce * g * g * p), np.nan)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "loss", [loss for loss in LOSSES if "hess" in loss["parts"]], ids=lambda loss: loss["name"]
)
def test_curvature_bound(loss, dtype):
    """Positive for all finite numbers, above the second derivative, and no larger than the documentation
    says.
    """
    ufunc = UFUNCS[loss["name"]]
    args = draw(loss, 20000, np.float32 if dtype == np.float16 else dtype, seed=8)
    with np.errstate(all="ignore"):
        args = [a.astype(dtype) for a in args]
    finite = np.logical_and.reduce([np.isfinite(a) for a in args])
    args = [a[finite] for a in args]
    bound, hess = ufunc.hess_bound(*args), ufunc.hess(*args)
    known = ~np.isnan(hess)
    assert (bound[known] > 0).all()
    floor = np.finfo(dtype).smallest_subnormal if dtype == np.float16 else np.finfo(dtype).smallest_normal
    assert (bound[known] >= hess[known] * (1 - 8 * float(np.finfo(dtype).eps))).all()
    np.testing.assert_array_equal(bound, ufunc.grad_and_hess_bound(*args)[1])
    if BOUND[loss["name"]] is None:
        np.testing.assert_array_equal(bound, np.maximum(hess, floor))
    else:
        typical = np.logical_and.reduce([(abs(a) < 30) & ((abs(a) > 1e-3) | (a == 0)) for a in args]) & known
        with np.errstate(all="ignore"):
            said = BOUND[loss["name"]](*[a[typical].astype(float) for a in args])
            want = np.where(np.isnan(said), bound[typical], np.maximum(said, floor))
            np.testing.assert_allclose(
                bound[typical],
                np.asarray(want).astype(dtype),
                rtol=1e-5 if dtype != np.float16 else 2e-3,
                atol=1e-45,
            )
        assert typical.sum() > 500


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("poisson_nll_loss", (-120, 1)),
        ("half_poisson_deviance", (-1e4, 1)),
        ("half_gamma_deviance", (120, 1)),
        ("sigmoid_focal_loss", (200, 1)),
        ("squared_hinge_loss", (1, 0)),
        ("logistic_loss", (1, 1e-30)),
        ("half_tweedie_deviance", (-500, 0)),
        ("binary_cross_entropy", (0.5, 1, 1e-45)),
        ("poisson_loss", (3e38, 0)),
    ],
)
def test_curvature_bound_is_positive_where_it_underflows(name, args):
    for dtype in (np.float16, np.float32):
        with np.errstate(all="ignore"):
            given = [dtype(a) for a in args]
        assert getattr(ul, name).hess_bound(*given) > 0


def test_pseudo_huber_at_its_ends():
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        ends = np.array(
            [0, info.smallest_subnormal, info.tiny, 1e-3, 1, 1e10, info.max / 4, info.max, INF], dtype
        )
        x, y, delta = (
            g.ravel() for g in np.meshgrid(np.concatenate([ends, -ends]), np.concatenate([ends, -ends]), ends)
        )
        with np.errstate(all="ignore"):
            known, r = ~np.isnan(x - y), x - y
        value, grad, hess = (
            f(x, y, delta)[known]
            for f in (ul.pseudo_huber_loss, ul.pseudo_huber_loss.grad, ul.pseudo_huber_loss.hess)
        )
        assert ((hess >= 0) & (hess <= 1)).all()
        assert not np.signbit(hess).any()
        assert not np.isnan(value).any()
        assert not np.isnan(grad).any()
        limit = delta[known] == INF
        np.testing.assert_array_equal(hess[limit], 1)
        np.testing.assert_array_equal(grad[limit], r[known][limit])


# Subnormal results of large factors


@pytest.mark.parametrize("label", [1.0, 0.0, 0.25])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 3.0])
def test_focal_curvature_where_it_is_subnormal(label, gamma):
    x = np.concatenate([[-724.5749440912333], np.random.default_rng(4).uniform(-745, -690, 40)]) * (
        1 if label else -1
    )
    args = [x, np.full_like(x, label), np.full_like(x, 0.5), np.full_like(x, gamma)]
    for point in zip(
        *args, ul.sigmoid_focal_loss.hess(*args), ul.sigmoid_focal_loss.hess_bound(*args), strict=True
    ):
        exact = evaluate("sigmoid_focal_loss", point[:4])
        assert ulp_error(point[4], exact.h, 0, np.float64) <= 4 * max(1, gamma)
        assert point[5] >= point[4]


# Places that a climb to ever worse neighbours found


@pytest.mark.parametrize(
    ("name", "part", "args", "bound"),
    [
        ("logistic_loss", "grad", (4.2802165734932145e-35, 3.8466591257299573e36), 4),
        ("logistic_loss", "hess", (1.5828245618296776e-28, -9.998331077264957e29), 4),
        ("logistic_loss", "hess", (4.2802165734932145e-35, 3.8466591257299573e36), 4),
        ("logistic_loss", "hess", (4.186939716339111, -3.969646692276001), 4.5),
        ("sigmoid_binary_cross_entropy", "value", (169.00193786621094, 1, 3.000057201892838e38), 4),
        ("sigmoid_binary_cross_entropy", "hess", (169.00193786621094, 1, 3.000057201892838e38), 4),
        (
            "sigmoid_binary_cross_entropy",
            "hess",
            (-11.700937271118164, 0.09153488278388977, 0.00032786341034807265),
            4.5,
        ),
        (
            "pseudo_huber_loss",
            "hess",
            (2.3141710128080702e38, -1.5062319759236959e38, 1.3863568162330868e28),
            4,
        ),
    ],
)
def test_places_that_a_climb_found(name, part, args, bound):
    attribute, component = PARTS[part][:2]
    args = np.float32(args)
    got = getattr(getattr(ul, name), attribute)(*args) if attribute else getattr(ul, name)(*args)
    assert ulps_of_result(got, getattr(evaluate(name, args), component), np.float32) <= bound
