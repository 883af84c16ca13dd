"""Every row loss within its bound of many digits, on short rows and long ones."""

import math

import numpy as np
import pytest

from common import results
from row_reference import ROW_REFERENCE
from rows.cases import by_name, draw, of_kinds, ufunc_of
from rows.errors import PARTS, ULP, row_errors


@by_name
def test_has_reference(loss):
    assert loss["name"] in ROW_REFERENCE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@of_kinds("usual", "confident", "ties", "offset", "impossible")
def test_within_bound(loss, kind, dtype):
    for part in loss["parts"]:
        if part not in PARTS:
            continue
        for n, rows in ((1, 1), (2, 2), (7, 1), (16, 1), (31, 1), (33, 1)):
            args = draw(loss, (rows, n), dtype, seed=n, kind=kind)
            for r in range(rows):
                row = [a[r] for a in args]
                assert max(row_errors(loss, part, row, dtype), default=0) <= ULP, (part, n, r)


@of_kinds("usual", "confident", "offset")
@pytest.mark.parametrize("n", [1000, 5000, 20000])
def test_long_rows_in_float32(loss, n, kind):
    """Against the same loss in float64, which the other tests hold against many digits."""
    args = draw(loss, (3, n), np.float32, seed=n, kind=kind)
    wide = [a.astype(float) if a.dtype.kind == "f" else a for a in args]
    for attribute in loss["outputs"]:
        for got, exact in zip(
            results(ufunc_of(loss, attribute), *args), results(ufunc_of(loss, attribute), *wide), strict=True
        ):
            finite = np.isfinite(exact)
            np.testing.assert_array_equal(got[~finite], exact[~finite])
            size = np.where(finite, abs(exact), 0)
            size = size.max(-1, keepdims=True) if exact.ndim == 2 else size
            unit = np.spacing(np.maximum(size, np.finfo("f4").tiny).astype("f4")).astype(float)
            assert (np.where(finite, abs(got - np.where(finite, exact, 0)), 0) <= ULP * unit).all(), attribute


@of_kinds("usual", "confident", "offset")
def test_long_rows_in_float64(loss, kind):
    args = [a[0] for a in draw(loss, (1, 1100), np.float64, seed=5, kind=kind)]
    # so many terms of the largest one's size
    bound = ULP * (math.sqrt(1100) if "value" in loss["vanishing"] else 1)
    assert max(row_errors(loss, "value", args, np.float64)) <= bound
