"""Triplet losses whose distances, or powers of them, leave the range of numbers."""

import numpy as np
import pytest

import ufloss as ul
from internals import ROW_LOSSES
from rows.cases import INF
from rows.errors import ULP, row_errors

BY_NAME = {loss["name"]: loss for loss in ROW_LOSSES}
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
