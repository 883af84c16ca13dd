"""The checks themselves: what must fail does fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SKIPPING = "import pytest\ndef test_one():\n    pytest.skip('no such processor')\ndef test_two():\n    pass\n"


@pytest.mark.parametrize(
    ("allowed", "code"),
    [
        ("", 1),
        ("test_it.py::test_one: no such processor", 0),
        ("test_it.py::test_one: no such", 1),
        ("test_it.py::test_two: no such processor", 1),
    ],
)
def test_a_skip_that_is_not_listed_fails(tmp_path, allowed, code):
    shutil.copy(HERE / "conftest.py", tmp_path)
    (tmp_path / "allowed_skips.txt").write_text(f"# a comment\n{allowed}\n")
    (tmp_path / "test_it.py").write_text(SKIPPING)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--only-allowed-skips",
        "test_it.py",
    ]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == code, run.stdout + run.stderr
    assert ("SKIPPED AND NOT LISTED" in run.stdout) == bool(code)
