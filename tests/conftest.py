"""Fixtures that run a test over the whole registry: over every loss, or over every ufunc, derivatives
included.

And `--only-allowed-skips`, for continuous integration: a skip that allowed_skips.txt does not list fails the
run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

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
FAMILIES = [[case for case in CASES if case.loss is loss] for loss in LOSSES]


def cases_that(have):
    """Those ufuncs, as `case`, to which something applies."""
    return pytest.mark.parametrize("case", [case for case in CASES if have(case)], ids=lambda case: case.name)


def families_that(have):
    """Those losses as the lists of their ufuncs, as `family`, to which something applies."""
    return pytest.mark.parametrize(
        "family", [cases for cases in FAMILIES if have(cases[0].loss)], ids=lambda cases: cases[0].name
    )


@pytest.fixture(scope="session", params=CASES, ids=lambda case: case.name)
def case(request):
    """Every ufunc."""
    return request.param


@pytest.fixture(scope="session", params=[c for c in CASES if c.attribute == ""], ids=lambda case: case.name)
def value(request):
    """Every loss itself, without its derivatives."""
    return request.param


@pytest.fixture(scope="session", params=FAMILIES, ids=lambda cases: cases[0].name)
def family(request):
    """Every loss as the list of its ufuncs."""
    return request.param


# What may be skipped: lines of "where: reason", both regular expressions that must match whole.
ALLOWED_SKIPS = [
    tuple(map(re.compile, line.split(": ", 1)))
    for line in Path(__file__).with_name("allowed_skips.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def is_allowed(nodeid, reason):
    return any(where.fullmatch(nodeid) and why.fullmatch(reason) for where, why in ALLOWED_SKIPS)


def pytest_addoption(parser):
    parser.addoption(
        "--only-allowed-skips",
        action="store_true",
        help="fail where a test is skipped that tests/allowed_skips.txt does not list",
    )


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--only-allowed-skips"):
        for report in unlisted_skips(terminalreporter):
            terminalreporter.line(f"SKIPPED AND NOT LISTED {report.nodeid}: {reason_of(report)}", red=True)


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if (
        session.config.getoption("--only-allowed-skips")
        and reporter
        and unlisted_skips(reporter)
        and session.exitstatus == 0
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def reason_of(report):
    return (
        report.longrepr[2].removeprefix("Skipped: ")
        if isinstance(report.longrepr, tuple)
        else str(report.longrepr)
    )


def unlisted_skips(reporter):
    return [r for r in reporter.stats.get("skipped", []) if not is_allowed(r.nodeid, reason_of(r))]
