"""Fixtures that run a test over the whole registry: over every loss, or over every ufunc, derivatives
included.

And `--only-allowed-skips`, for continuous integration: a skip that allowed_skips.txt does not list fails the
run.
"""

import os
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# NumPy is not loaded yet.  Threads of BLAS gain nothing here, and wait for each other where others work too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Asserts in modules that tests share show their operands too.
pytest.register_assert_rewrite(
    *(
        ".".join(path.relative_to(HERE).with_suffix("").parts)
        for path in HERE.rglob("*.py")
        if not path.name.startswith(("test_", "conftest")) and path.parent.name != "cpp"
    )
)

from cases import CASES, FAMILIES  # noqa: E402


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
    for line in (HERE / "allowed_skips.txt").read_text().splitlines()
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
