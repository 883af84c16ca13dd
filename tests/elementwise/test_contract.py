"""Limits, kinks and parameters outside their domain, one line each; and the numbers that other libraries are
known to miss.
"""

import math

import numpy as np
import pytest

import ufloss as ul
from cases import CASES

INF, NAN = math.inf, math.nan
# loss, arguments, attribute ("" is the value), exact result
LIMITS = [
    ("squared_error", (INF, 0), "", INF),
    ("squared_error", (INF, INF), "", NAN),
    ("squared_error", (INF, 0), "grad", INF),
    ("squared_error", (-INF, 0), "grad", -INF),
    ("l2_loss", (-INF, 1), "", INF),
    ("absolute_error", (0, 0), "grad", 0),
    ("absolute_error", (-INF, 0), "grad", -1),
    ("absolute_error", (3, 0), "hess_bound", 1),
    ("huber_loss", (INF, 0), "", INF),
    ("huber_loss", (-INF, 0, 2), "grad", -2),
    ("huber_loss", (INF, INF), "", NAN),
    ("huber_loss", (3, 0, 0), "", 0),
    ("huber_loss", (INF, 0, 0), "", 0),
    ("huber_loss", (2, 0, -1), "", NAN),
    ("huber_loss", (2, 0, -1), "grad", NAN),
    ("huber_loss", (2, 0, -1), "hess", NAN),
    ("huber_loss", (2, 0, NAN), "hess", NAN),
    ("huber_loss", (1, 0, 1), "hess", 1),
    ("huber_loss", (1.5, 0, 1), "hess", 0),
    ("huber_loss", (1.5, 0, 1), "hess_bound", 1),
    ("huber_loss", (5, 0, INF), "", 12.5),
    ("huber_loss", (INF, 0, INF), "", INF),
    ("smooth_l1_loss", (-2, 0, 0), "", 2),
    ("smooth_l1_loss", (-2, 0, 0), "grad", -1),
    ("smooth_l1_loss", (0, 0, 0), "grad", 0),
    ("smooth_l1_loss", (1, 0, -1), "", NAN),
    ("smooth_l1_loss", (INF, 0), "", INF),
    ("smooth_l1_loss", (INF, 0), "grad", 1),
    ("log_cosh", (INF, 0), "", INF),
    ("log_cosh", (-INF, 0), "grad", -1),
    ("log_cosh", (INF, 0), "hess", 0),
    ("log_cosh", (INF, INF), "", NAN),
    ("pseudo_huber_loss", (INF, 0, 2), "", INF),
    ("pseudo_huber_loss", (-INF, 0, 2), "grad", -2),
    ("pseudo_huber_loss", (3, 0, 0), "", 0),
    ("pseudo_huber_loss", (0, 0, 0), "", 0),
    ("pseudo_huber_loss", (3, 0, -1), "", NAN),
    ("pseudo_huber_loss", (INF, 0), "hess", 0),
    ("pseudo_huber_loss", (3, 0, INF), "", 4.5),
    ("pseudo_huber_loss", (3, 0, INF), "hess", 1),
    ("pinball_loss", (1, 2, 0.9), "grad", -0.9),
    ("pinball_loss", (2, 2, 0.9), "grad", 0),
    ("pinball_loss", (INF, 0, 1), "", 0),
    ("pinball_loss", (1, 2, 1.5), "", NAN),
    ("pinball_loss", (INF, 0, 0.5), "", INF),
    ("hinge_loss", (INF, 1), "", 0),
    ("hinge_loss", (-INF, 1), "", INF),
    ("hinge_loss", (INF, 0), "", NAN),
    ("hinge_loss", (-INF, 0), "", NAN),
    ("hinge_loss", (1, 1), "grad", 0),
    ("hinge_loss", (0.5, -1), "grad", 1),
    ("squared_hinge_loss", (1, 1), "grad", 0),
    ("squared_hinge_loss", (0, 1), "hess", 2),
    ("squared_hinge_loss", (3, 1), "hess_bound", 2),
    ("squared_hinge_loss", (INF, 1), "", 0),
    ("perceptron_loss", (INF, 1), "", 0),
    ("perceptron_loss", (0, 1), "grad", 0),
    ("perceptron_loss", (INF, 0), "", NAN),
    ("logistic_loss", (INF, 1), "", 0),
    ("logistic_loss", (-INF, 1), "", INF),
    ("logistic_loss", (INF, 1), "grad", 0),
    ("logistic_loss", (-INF, 1), "grad", -1),
    ("logistic_loss", (INF, 0), "", NAN),
    ("logistic_loss", (INF, 1), "hess", 0),
    ("sigmoid_binary_cross_entropy", (INF, 1), "", 0),
    ("sigmoid_binary_cross_entropy", (-INF, 0), "", 0),
    ("sigmoid_binary_cross_entropy", (-INF, 1), "", INF),
    ("sigmoid_binary_cross_entropy", (INF, 0), "", INF),
    ("sigmoid_binary_cross_entropy", (INF, 0.5), "", INF),
    ("sigmoid_binary_cross_entropy", (INF, 1), "grad", 0),
    ("sigmoid_binary_cross_entropy", (-INF, 1), "grad", -1),
    ("sigmoid_binary_cross_entropy", (INF, 0), "grad", 1),
    ("sigmoid_binary_cross_entropy", (INF, 0.25), "grad", 0.75),
    ("sigmoid_binary_cross_entropy", (INF, 1), "hess", 0),
    ("sigmoid_binary_cross_entropy", (0, 1, 3), "hess_bound", 0.75),
    ("binary_cross_entropy", (0, 0), "", 0),
    ("binary_cross_entropy", (1, 1), "", 0),
    ("binary_cross_entropy", (0, 1), "", INF),
    ("binary_cross_entropy", (1, 0), "", INF),
    ("binary_cross_entropy", (0, 0), "grad", 1),
    ("binary_cross_entropy", (1, 1), "grad", -1),
    ("sigmoid_focal_loss", (INF, 1), "", 0),
    ("sigmoid_focal_loss", (-INF, 0), "", 0),
    ("sigmoid_focal_loss", (-INF, 1), "", INF),
    ("sigmoid_focal_loss", (-INF, 1), "grad", -1),
    ("sigmoid_focal_loss", (INF, 1), "grad", 0),
    ("sigmoid_focal_loss", (-INF, 1), "hess", 0),
    ("sigmoid_focal_loss", (1e4, 1, -1, 0.5), "grad", 0),
    ("sigmoid_focal_loss", (-1e4, 1, 0.25, 0.5), "grad", -0.25),
    ("sigmoid_focal_loss", (1e4, 1, -1, 0.5), "hess", 0),
    ("sigmoid_focal_loss", (1, 1, -1, -1), "", NAN),
    ("sigmoid_focal_loss", (INF, 0.5, -1, 0), "grad", 0.5),
    ("sparsemax_loss", (INF, 1), "", 0),
    ("sparsemax_loss", (-INF, 0), "", 0),
    ("sparsemax_loss", (INF, 0), "", INF),
    ("sparsemax_loss", (0, -1), "", 0.25),
    ("sparsemax_loss", (-1, 0), "grad", 0),
    ("sparsemax_loss", (0, 0.5), "grad", -0.5),
    ("poisson_nll_loss", (-INF, 0), "", 0),
    ("poisson_nll_loss", (-INF, 1), "", INF),
    ("poisson_nll_loss", (INF, 1), "", INF),
    ("poisson_loss", (0, 0), "", 0),
    ("poisson_loss", (0, 1), "", INF),
    ("poisson_loss", (0, 0), "grad", 1),
    ("poisson_loss", (INF, 1), "", INF),
    ("poisson_loss", (2, 0), "hess", 0),
    ("poisson_loss", (2, 0), "hess_bound", 0.5),
    ("poisson_loss", (1, 3), "hess_bound", 3),
    ("poisson_loss", (-1, 0), "grad", NAN),
    ("poisson_nll_loss", (0, -1), "hess", NAN),
    ("binary_cross_entropy", (1.5, 0), "grad", NAN),
    ("stirling_term", (0,), "", 0),
    ("stirling_term", (1,), "", 0),
    ("stirling_term", (INF,), "", INF),
    ("half_poisson_deviance", (0, 1), "", 0),
    ("half_poisson_deviance", (0, 0), "", 1),
    ("half_poisson_deviance", (-INF, 0), "", 0),
    ("half_poisson_deviance", (INF, 1), "", INF),
    ("half_poisson_deviance", (-INF, 1), "", INF),
    ("half_poisson_deviance", (0, -1), "", NAN),
    ("half_gamma_deviance", (0, 1), "", 0),
    ("half_gamma_deviance", (0, 0), "", INF),
    ("half_gamma_deviance", (INF, 1), "", INF),
    ("half_gamma_deviance", (-INF, 1), "", INF),
    ("half_gamma_deviance", (0, -1), "", NAN),
    ("half_tweedie_deviance", (0, 1, 0.5), "", NAN),
    ("half_tweedie_deviance", (0, 3, 0), "", 2),
    ("half_tweedie_deviance", (0, 0, 1.5), "", 2),
    ("half_tweedie_deviance", (-INF, 0, 1.5), "", 0),
    ("half_tweedie_deviance", (INF, 1, 1.5), "", INF),
    ("half_tweedie_deviance", (-INF, 1, 1.5), "", INF),
    ("half_tweedie_deviance", (0, -1, 1.5), "", NAN),
    ("half_tweedie_deviance", (0, -1, 0), "", 2),
    ("half_tweedie_deviance", (0, 0, 2), "", INF),
    ("half_tweedie_deviance", (0, 0, 3), "", INF),
    ("half_tweedie_deviance", (0, INF, 1), "hess", 1),
    ("kl_div", (-INF, 0), "", 0),
    ("kl_div", (-INF, 1), "", INF),
    ("kl_div", (0, 0), "", 0),
    ("kl_div", (0, -1), "", NAN),
    ("kl_div", (0, -1), "grad", NAN),
    ("margin_ranking_loss", (1, 1, 1, 0), "grad", 0),
    ("margin_ranking_loss", (1, 2, 1, 0), "grad", -1),
    ("margin_ranking_loss", (INF, 0, 1, 0), "", 0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "args", "attribute", "expected"), LIMITS)
def test_limit(name, args, attribute, expected, dtype):
    ufunc = getattr(ul, name)
    ufunc = getattr(ufunc, attribute) if attribute else ufunc
    args = [dtype(a) for a in args]
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(ufunc(*args), dtype(expected))


OUTSIDE = {
    "unit": [-1e-6, 1.5, -INF],
    "optional_unit": [1.5, INF],
    "nonnegative": [-1e-6, -2.0],
    "positive": [-1e-6, -2.0],
    "tweedie_power": [1e-6, 0.5, INF, -INF],
}


# Soft labels are computed as they stand, as everywhere else.
RESTRICTED = [
    pytest.param(case, i, id=f"{case.name}-{a['name']}")
    for case in CASES
    for i, a in enumerate(case.loss["args"])
    if a["domain"] in OUTSIDE and not (a["domain"] == "unit" and a["role"] == "target")
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("case", "i"), RESTRICTED)
def test_arguments_outside_their_domain_give_nan(case, i, dtype):
    for wrong in OUTSIDE[case.loss["args"][i]["domain"]]:
        args = case.draw(40, dtype)
        args[i][7] = wrong
        for result in case(*args):
            assert np.isnan(result[7]), wrong
            assert not np.isnan(np.delete(result, 7)).any()


def test_labels_outside_the_unit_interval_are_computed_as_they_stand():
    np.testing.assert_allclose(
        ul.sigmoid_binary_cross_entropy(1.0, 2.0),
        2 * math.log1p(math.exp(-1)) - math.log1p(math.exp(1)),
        rtol=1e-14,
    )


def test_differences_that_overflow_before_a_small_weight():
    big = 1.7e308
    np.testing.assert_allclose(ul.huber_loss(big, -big, 0.1), 2 * 0.1 * big, rtol=1e-15)
    np.testing.assert_allclose(ul.smooth_l1_loss(0.6 * big, -0.6 * big, big), 0.7 * big, rtol=1e-15)
    np.testing.assert_allclose(ul.pinball_loss(big, -big, 0.9), 2 * (1 - 0.9) * big, rtol=1e-15)
    np.testing.assert_allclose(ul.pseudo_huber_loss(big, -big, 0.1), 2 * 0.1 * big, rtol=1e-15)
    np.testing.assert_allclose(
        ul.pseudo_huber_loss.grad(big, -big, big), big * (2 / math.sqrt(5)), rtol=1e-15
    )
    np.testing.assert_allclose(ul.margin_ranking_loss(big, -big, -0.1), 2 * 0.1 * big, rtol=1e-15)
    assert ul.margin_ranking_loss(big, -big, 0, 1) == 1


@pytest.mark.parametrize("power", [1, 2])
def test_tweedie_deviance_is_continuous_at_its_special_powers(power):
    x, y = np.linspace(-3, 3, 61), np.array([0.25, 1.0, 4.0])[:, None]
    at = ul.half_tweedie_deviance(x, y, power)
    for step in [1e-15, 1e-12, 1e-9]:
        for near in [power + step] + [power - step] * (power == 2):
            np.testing.assert_allclose(
                ul.half_tweedie_deviance(x, y, near), at, rtol=20 * step + 1e-14, atol=1e-16
            )


def test_kink_where_the_product_underflows():
    assert ul.perceptron_loss.grad(-1e-200, 1e-200) == -1e-200
    assert ul.hinge_loss.grad(-1e-200, 1e-200, 0) == -1e-200


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [  # float32 results that optax, torch, Keras, Axon or gluon return as 0, inf, NaN or with few digits
        ("log_cosh", (1e-4,), 4.99999974e-9),
        ("log_cosh", (1e-3,), 4.99999964e-7),
        ("log_cosh", (0.01,), 4.99991645e-5),
        ("log_cosh", (0.1,), 4.99168897e-3),
        ("log_cosh", (-50,), 49.3068528),
        ("binary_cross_entropy", (1e-9, 1), 20.7232659),
        ("binary_cross_entropy", (1e-20, 1), 46.0517),
        ("binary_cross_entropy", (0, 1), INF),
        ("binary_cross_entropy", (1e-9, 0), 1e-9),
        ("sigmoid_binary_cross_entropy", (-90, 0), 8.194e-40),
        ("sigmoid_binary_cross_entropy.grad", (20, 1), -2.0612e-9),
        ("sigmoid_focal_loss", (30, 1), 8.194e-40),
        ("sigmoid_focal_loss", (20, 1, -1, 0.5), 9.35762e-14),
        ("poisson_loss", (1e-9, 1), 20.72327),
        ("logistic_loss", (-100, 1), 100),
    ],
)
def test_what_others_lose(name, args, expected):
    name, _, attribute = name.partition(".")
    ufunc = getattr(getattr(ul, name), attribute) if attribute else getattr(ul, name)
    np.testing.assert_allclose(ufunc(*np.float32(args)), expected, rtol=3e-5)


def test_target_slope_of_kl_div_at_zero():
    assert ul.kl_div.grads(-1.0, 0.0)[1] == -INF


def test_defaults_cannot_be_changed_from_outside():
    tried = []

    class Meddler(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            for a in inputs:
                if type(a) is np.ndarray and a.ndim == 0:
                    with pytest.raises(ValueError, match="WRITEABLE"):
                        a.flags.writeable = True
                    tried.append(a)
            return "seen"

    x = np.full(3, 50.0)
    assert isinstance(ul.huber_loss(x, out=np.zeros(3).view(Meddler)), str)
    assert tried
    np.testing.assert_array_equal(ul.huber_loss(x), 49.5)
