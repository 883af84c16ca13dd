"""NaNs of every kind: either sign, quiet and signalling, with many payloads."""

import numpy as np
import pytest

BITS = {np.float16: np.uint16, np.float32: np.uint32, np.float64: np.uint64}
by_type = pytest.mark.parametrize("dtype", BITS, ids=lambda t: t.__name__)


def kinds_of_nan(dtype):
    """NaNs of either sign, quiet and signalling, with small, large and mixed payloads; the first is
    NumPy's.
    """
    uint, info = BITS[dtype], np.finfo(dtype)
    quiet = 1 << (info.nmant - 1)
    infinity = int(np.array(np.inf, dtype).view(uint))
    payloads = [1, quiet - 1, quiet >> 1, (quiet >> 1) | 1, 0x155 % quiet]
    bits = [infinity | quiet] + [infinity | q | p for q in (0, quiet) for p in payloads]
    bits += [b | 1 << (info.bits - 1) for b in bits]
    return np.array(bits, uint).view(dtype)


def put_nan(a, at, nan):
    """A copy of an array with the very bits of that NaN at one place."""
    a = a.copy()
    uint = BITS[a.dtype.type]
    a.view(uint)[at] = nan.view(uint)
    return a
