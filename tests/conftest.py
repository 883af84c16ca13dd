"""Fixtures that run a test over the whole registry: over every loss, or over every ufunc, derivatives included."""

from dataclasses import dataclass

import numpy as np
import pytest

from points import draw
from ufloss._registry import LOSSES, UFUNCS


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
        dtype = np.dtype(dtype).type
        if dtype is not np.float16:
            return draw(self.loss, n, dtype, seed)
        with np.errstate(over="ignore", under="ignore"):
            return [a.astype(dtype) for a in draw(self.loss, n, np.float32, seed)]

    def specials(self, dtype):
        """All combinations of special values over the arguments."""
        info = np.finfo(dtype)
        ends = [0.0, 1.0, info.tiny, info.smallest_subnormal, info.max, np.inf]
        values = np.array([*ends, *(-x for x in ends), 0.5, np.nan], dtype)
        return [g.ravel() for g in np.meshgrid(*[values] * self.nin, indexing="ij")]


CASES = [Case(loss, attribute) for loss in LOSSES for attribute in loss["outputs"]]


@pytest.fixture(scope="session", params=CASES, ids=lambda case: case.name)
def case(request):
    """Every ufunc."""
    return request.param


@pytest.fixture(scope="session", params=[c for c in CASES if c.attribute == ""], ids=lambda case: case.name)
def value(request):
    """Every loss itself, without its derivatives."""
    return request.param


@pytest.fixture(scope="session", params=[[c for c in CASES if c.loss is loss] for loss in LOSSES], ids=lambda cases: cases[0].name)
def family(request):
    """Every loss as the list of its ufuncs."""
    return request.param
