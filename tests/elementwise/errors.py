"""Errors of an elementwise loss in ulp, against 50 digits."""

import functools
import math

import mpmath
import numpy as np
from mpmath import mpf

from internals import LOSSES, UFUNCS
from points import draw
from reference import evaluate

# component of the reference's jet, its largest term, and the argument that it is a derivative with respect to
PARTS = {
    "value": ("", "v", "tv", 0),
    "grad": ("grad", "d", "td", 0),
    "hess": ("hess", "h", "th", 0),
    "grad2": ("grads", "d", "td", 1),
}
ULP = 4


def ulp_error(got, exact, term, dtype):
    """Distance in units in the last place of max(|exact|, term), 0 where both overflow."""
    info = np.finfo(dtype)
    largest = mpf(float(info.max))
    size = max(abs(exact), term)
    if math.isnan(got):
        return math.inf
    if math.isinf(got):
        return (
            0.0
            if abs(exact) > largest * (1 - 2 * mpf(float(info.eps))) and got == math.copysign(math.inf, exact)
            else math.inf
        )
    exponent = min(max(mpmath.frexp(size)[1] - 1, info.minexp), info.maxexp - 1)
    return float(abs(mpf(float(got)) - exact) / mpf(2) ** (exponent - info.nmant))


def ulps_of_result(got, exact, dtype):
    """Distance in units in the last place of the exact result, whatever its terms."""
    exponent = max(mpmath.frexp(exact)[1] - 1, np.finfo(dtype).minexp)
    return float(abs(mpf(float(got)) - exact) / mpf(2) ** (exponent - np.finfo(dtype).nmant))


@functools.lru_cache(maxsize=4)
def exact_jets(name, dtype, n, seed, wrt):
    """The jets of n points, which hold the exact value of every part: a loss in both types at a time."""
    loss = next(loss for loss in LOSSES if loss["name"] == name)
    return [evaluate(name, point, wrt) for point in zip(*draw(loss, n, dtype, seed), strict=True)]


def errors(loss, part, dtype, n, seed):
    """Arguments, results and errors of n points."""
    attribute, component, term, wrt = PARTS[part]
    args, jets = draw(loss, n, dtype, seed), exact_jets(loss["name"], dtype, n, seed, wrt)
    ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
    got = ufunc(*args)
    got = got[wrt] if isinstance(got, tuple) else got
    result = []
    for exact, *point in zip(jets, *args, got, strict=True):
        if exact is None:
            continue
        largest = getattr(exact, term) if part in loss["vanishing"] else 0
        result.append((ulp_error(float(point[-1]), getattr(exact, component), largest, dtype), point))
    return result


def bound(loss, args):
    """ULP, or 5 ulp times the free exponent where that is more: of one point, or of arrays of them."""
    if not loss["exponent"]:
        return ULP
    names = [a["name"] for a in loss["args"]]
    return np.maximum(ULP, 5 * abs(np.asarray(args[names.index(loss["exponent"])], float)))
