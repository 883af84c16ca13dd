"""Errors of a row loss in ulp, against many digits."""

import functools
import math

import mpmath
import numpy as np
from mpmath import mpf

from row_reference import evaluate_row, evaluate_row_of_seeds
from rows.cases import INF, along, ufunc_of

PARTS = {"value": ("", "v", "tv", None), "grad": ("grad", "d", "td", 0), "hess": ("hess", "h", "th", 0)}
PARTS |= {"grad2": ("grads", "d", "td", 1), "grad3": ("grads", "d", "td", 2)}
ULP = 8


def ulps(got, exact, largest, dtype):
    info = np.finfo(dtype)
    size = max(abs(exact), largest)
    exponent = max(mpmath.frexp(size)[1] - 1, info.minexp) if size else info.minexp
    return (
        float(abs(mpf(float(got)) - exact) / mpf(2) ** (exponent - info.nmant)) if math.isfinite(got) else INF
    )


@functools.lru_cache(64)
def row_jets(name, kept, along, wrt):
    """The jets of every element of argument `wrt`: gradient and second derivative in one."""
    seeds = [(wrt, j) for j in range(len(kept[0])) if wrt == 0 or kept[wrt][j] != 0]
    return evaluate_row_of_seeds(name, kept, along, seeds)


def real(number, term):
    """A number of the reference, 0 where it is the noise of its 250 bits."""
    return number if abs(number) > mpf(2) ** -200 * term else mpf(0)


def row_errors(loss, part, args, dtype):
    """Errors of one row, in ulp of its value or of the largest entry of its gradient."""
    attribute, component, term, wrt = PARTS[part]
    got = ufunc_of(loss, attribute)(*args)
    got = got[wrt] if isinstance(got, tuple) else got
    keep = [
        j
        for j in range(len(args[0]))
        if not any(np.isinf(a[j]) for a, lies in zip(args, along(loss), strict=True) if lies)
    ]
    kept = []
    for a, lies, spec in zip(args, along(loss), loss["args"], strict=True):
        kept.append([a[j] for j in keep] if lies else keep.index(int(a)) if spec["role"] == "label" else a)
    if wrt is None:
        exact = evaluate_row(loss["name"], kept, along(loss))
        if isinstance(exact, list):
            return [ulps(got[j], real(e.v, e.tv), 0, dtype) for j, e in zip(keep, exact, strict=True)]
        return [ulps(got, real(exact.v, exact.tv), exact.tv if part in loss["vanishing"] else 0, dtype)]
    jets = row_jets(
        loss["name"],
        tuple(tuple(map(float, a)) if lies else a for a, lies in zip(kept, along(loss), strict=True)),
        tuple(along(loss)),
        wrt,
    )
    # at a target of 0 the slope is infinite, or of no interest
    keep = [j for i, j in enumerate(keep) if wrt == 0 or kept[wrt][i] != 0]
    exact = [real(getattr(e, component), getattr(e, term)) for e in jets]
    largest = max(
        [abs(e) for e in exact] + [getattr(e, term) for e in jets if part in loss["vanishing"]], default=0
    )
    return [ulps(got[j], e, largest, dtype) for j, e in zip(keep, exact, strict=True)]
