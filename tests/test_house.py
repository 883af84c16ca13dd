"""The house: layers that point downwards, macros in one place, files and lines that can be read."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEADERS = ROOT / "cpp/include/ufloss"
if not HEADERS.is_dir() or not (ROOT / ".git").exists():
    pytest.skip("looks at the sources in their repository", allow_module_level=True)

# From the bottom up: a header includes what stands in its own layer or below.
LAYERS = (
    r"config\.hpp",
    r"describe\.hpp|context\.hpp|vocabulary/.*",
    r"memory/.*",
    r"loss\.hpp",
    r"kinds/\w+/loss\.hpp",
    r"losses/.*",
    r"kinds/.*|reduce/.*",
    r"cuda/.*",
    r"registry\.hpp",
    r"ufloss\.hpp",
)
# Written by a command, or tables of numbers.
LONG_FILES = (
    "tests/bits.json",
    "python/ufloss/__init__.pyi",
    "docs/losses.md",
    "cpp/include/ufloss/vocabulary/coefficients.hpp",
)
LONG_LINES = ("coefficients.hpp", ".json", ".md", ".pyi", ".LICENSE", ".png", ".svg")


def tracked():
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return [name for name in names if name and (ROOT / name).is_file()]


def layer(name):
    found = [i for i, pattern in enumerate(LAYERS) if re.fullmatch(pattern, name)]
    assert found, f"{name} stands in no layer"
    return found[0]


def test_includes_point_downwards():
    for path in HEADERS.rglob("*.hpp"):
        name = path.relative_to(HEADERS).as_posix()
        for included in re.findall(r'#include "ufloss/(.*?)"', path.read_text()):
            assert layer(included) <= layer(name), f"{name} includes {included}"


def test_macros_are_defined_in_config_or_undefined_again():
    for path in (ROOT / "cpp").rglob("*.?pp"):
        if path.name == "config.hpp" or "third_party" in path.parts:
            continue
        text = path.read_text()
        for macro in re.findall(r"^ *# *define (\w+)", text, re.M):
            assert re.search(rf"^ *# *undef {macro}\b", text, re.M), f"{path.name} defines {macro}"


def test_files_are_short():
    lengths = {
        name: (ROOT / name).read_bytes().count(b"\n") for name in tracked() if not name.endswith(".png")
    }
    assert not {name: n for name, n in lengths.items() if n > 400 and name not in LONG_FILES}


def test_lines_are_short():
    for name in tracked():
        if not name.endswith(LONG_LINES):
            for i, line in enumerate((ROOT / name).read_text().splitlines(), 1):
                assert len(line) <= 110, f"{name}:{i} has {len(line)} columns"


def test_the_code_says_why():
    """Of the lines of C++ that are installed and not blank, those that bear a comment."""
    sources = [ROOT / name for name in tracked() if re.fullmatch(r"(cpp|python)/.*\.([hc]pp|cu)", name)]
    lines = [
        line
        for path in sources
        if "third_party" not in path.parts
        for line in path.read_text().splitlines()
        if line.strip()
    ]
    share = sum("//" in line for line in lines) / len(lines)
    assert share >= 0.15, f"{share:.1%} of the lines bear a comment"
