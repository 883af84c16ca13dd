"""Places that a climb to ever worse neighbours found."""

import numpy as np
import pytest

import ufloss as ul
from elementwise.errors import PARTS, ulps_of_result
from reference import evaluate


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
