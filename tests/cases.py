"""Every ufunc of every elementwise loss, and ways to run a test over those that something applies to."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest

from internals import LOSSES, UFUNCS
from points import draw


@functools.lru_cache(maxsize=128)
def drawn(name, n, dtype, seed):
    """Arguments of a loss, which all of its ufuncs share: to draw them takes longer than to compute."""
    loss = next(loss for loss in LOSSES if loss["name"] == name)
    if dtype is not np.float16:
        return draw(loss, n, dtype, seed)
    with np.errstate(over="ignore", under="ignore"):
        return [a.astype(dtype) for a in draw(loss, n, np.float32, seed)]


@dataclass(frozen=True, repr=False)
class Case:
    """One ufunc of one loss.  A call gives a tuple, also where there is one output."""

    loss: dict
    attribute: str

    @property
    def name(self):
        return f"{self.loss['name']}.{self.attribute}".removesuffix(".")

    def __repr__(self):
        return self.name

    @property
    def ufunc(self):
        value = UFUNCS[self.loss["name"]]
        return getattr(value, self.attribute) if self.attribute else value

    @property
    def nin(self):
        return len(self.loss["args"])

    @property
    def nout(self):
        return len(self.parts)

    @property
    def parts(self):
        return self.loss["outputs"][self.attribute][1]

    def __call__(self, *args, **kwargs):
        result = self.ufunc(*args, **kwargs)
        return result if isinstance(result, tuple) else (result,)

    def draw(self, n, dtype="f4", seed=0):
        """One array of `n` for each argument, from its domain."""
        return [a.copy() for a in drawn(self.loss["name"], n, np.dtype(dtype).type, seed)]

    def specials(self, dtype):
        """All combinations of special values over the arguments."""
        info = np.finfo(dtype)
        ends = [0.0, 1.0, info.tiny, info.smallest_subnormal, info.max, np.inf]
        values = np.array([*ends, *(-x for x in ends), 0.5, np.nan], dtype)
        return [g.ravel() for g in np.meshgrid(*[values] * self.nin, indexing="ij")]


CASES = [Case(loss, attribute) for loss in LOSSES for attribute in loss["outputs"]]
FAMILIES = [[case for case in CASES if case.loss is loss] for loss in LOSSES]


def cases_that(have):
    """Those ufuncs, as `case`, to which something applies."""
    return pytest.mark.parametrize("case", [case for case in CASES if have(case)], ids=lambda case: case.name)


def families_that(have):
    """Those losses as the lists of their ufuncs, as `family`, to which something applies."""
    return pytest.mark.parametrize(
        "family", [cases for cases in FAMILIES if have(cases[0].loss)], ids=lambda cases: cases[0].name
    )
