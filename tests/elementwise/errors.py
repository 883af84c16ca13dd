"""Errors of an elementwise loss in ulp, against 50 digits."""

import math

import mpmath
import numpy as np
from mpmath import mpf

from internals import UFUNCS
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


def errors(loss, part, dtype, n, seed):
    """Arguments, results and errors of n points."""
    attribute, component, term, wrt = PARTS[part]
    args = draw(loss, n, dtype, seed)
    ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
    got = ufunc(*args)
    got = got[wrt] if isinstance(got, tuple) else got
    result = []
    for point in zip(*args, got, strict=True):
        exact = evaluate(loss["name"], point[:-1], wrt)
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
