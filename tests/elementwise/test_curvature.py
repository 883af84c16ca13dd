"""Second derivatives and their bounds, where they are documented, underflow or are subnormal."""

import numpy as np
import pytest

import ufloss as ul
from elementwise.errors import ulp_error
from internals import LOSSES, UFUNCS
from points import draw
from reference import evaluate

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
            [0, info.smallest_subnormal, info.tiny, 1e-3, 1, 1e10, info.max / 4, info.max, np.inf], dtype
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
        limit = delta[known] == np.inf
        np.testing.assert_array_equal(hess[limit], 1)
        np.testing.assert_array_equal(grad[limit], r[known][limit])


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
