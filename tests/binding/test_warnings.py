"""No call emits a warning."""

import warnings

import numpy as np
import pytest

from binding.cases import ROW_CASES, rows_of
from internals import UFUNCS


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_no_call_emits_a_warning(case, dtype):
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        if case.nin < 4:
            case(*case.specials(np.dtype(dtype)))
        case(
            *[
                np.resize(np.array([np.nan, np.inf, -np.inf, 0, 65504, -65504, 6e-8], dtype), 7)
                for _ in range(case.nin)
            ]
        )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(("loss", "attribute"), ROW_CASES)
def test_no_call_of_rows_emits_a_warning(loss, attribute, dtype):
    value = UFUNCS[loss["name"]]
    ufunc = getattr(value, attribute) if attribute else value
    special = np.array([np.nan, np.inf, -np.inf, 0, 65504, -65504, 6e-8], dtype)
    args = [a if a.dtype.kind == "i" else np.resize(special, a.shape) for a in rows_of(loss, 7, 6)]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        ufunc(*args)
        ufunc(*args, where=np.tile(np.arange(6) > 2, (7, 1)))
        ufunc(*args, axis=(-1,))
