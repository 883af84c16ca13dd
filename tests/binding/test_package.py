"""The package: its configuration, command line, headers and import."""

import fnmatch
import importlib
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import ufloss as ul
from binding.cases import CONFIG, python


def test_show_config_prints_what_it_returns(capsys):
    assert ul.show_config() is None
    printed = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert printed == {key: ", ".join(v) if isinstance(v, list) else str(v) for key, v in CONFIG.items()}
    assert ul.show_config("stdout") is None


def test_show_config_tells_the_truth():
    assert CONFIG["ufloss"] == ul.__version__
    assert CONFIG["numpy"] == np.__version__
    # aliases count once
    assert CONFIG["losses"] == len(
        {id(getattr(ul, name)) for name in ul.__all__ if type(getattr(ul, name)) is np.ufunc}
    )
    assert CONFIG["instruction set"] in CONFIG["usable instruction sets"]
    assert set(CONFIG["usable instruction sets"]) <= set(CONFIG["built instruction sets"])
    beyond = CONFIG["bytes beyond which results are stored past the cache"]
    assert beyond == "never" or 2**18 <= beyond < 2**40


def test_show_config_refuses_another_mode():
    with pytest.raises(ValueError, match='mode must be "stdout" or "dicts", not \'xml\''):
        ul.show_config(mode="xml")


def test_get_include_holds_the_headers():
    folder = Path(ul.get_include())
    assert (folder / "ufloss" / "ufloss.hpp").is_file()
    assert (folder / "ufloss" / "registry.hpp").is_file()


def test_wheels_hold_no_source_of_the_binding():
    root = Path(__file__).parents[2]
    excluded = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["scikit-build"]["wheel"][
        "exclude"
    ]
    sources = [
        p.name
        for p in (root / "python" / "ufloss").rglob("*")
        if p.suffix in (".pyx", ".pxd", ".hpp", ".cpp")
    ]
    assert {"_core.pyx", "_host.hpp", "_vectorcall.hpp"} <= set(sources)
    assert [
        name for name in sources if not any(fnmatch.fnmatchcase(name, pattern) for pattern in excluded)
    ] == []


def test_command_line_version():
    assert python("-m", "ufloss", "--version").stdout.strip() == ul.__version__


def test_command_line_includes():
    words = shlex.split(python("-m", "ufloss", "--includes").stdout)
    assert {"-std=c++17", "-ffp-contract=off", "-fno-math-errno"} <= set(words)
    folders = [Path(word[2:]) for word in words if word.startswith("-I")]
    assert str(folders[0]) == ul.get_include()
    assert any((folder / "xsimd" / "xsimd.hpp").is_file() for folder in folders)


@pytest.mark.skipif(os.name == "nt", reason="quoting for a POSIX shell")
@pytest.mark.parametrize(
    "folder", ["/a folder with spaces/include", "/it's", '/"quoted"', "/$HOME and `pwd`", "/back\\slash"]
)
def test_command_line_includes_survive_a_shell(monkeypatch, capsys, folder):
    monkeypatch.setattr(ul, "get_include", lambda: folder)
    monkeypatch.setattr(sys, "argv", ["ufloss", "--includes"])
    importlib.import_module("ufloss.__main__").main()
    flags = capsys.readouterr().out.strip()
    words = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {flags}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(words) == 5
    assert words[3] == f"-I{folder}"


def test_command_line_folders():
    assert (Path(python("-m", "ufloss", "--cmakedir").stdout.strip()) / "ufloss-config.cmake").is_file()
    assert (Path(python("-m", "ufloss", "--pkgconfigdir").stdout.strip()) / "ufloss.pc").is_file()


def test_command_line_config():
    assert f"instruction set: {CONFIG['instruction set']}" in python("-m", "ufloss", "--config").stdout


def test_command_line_without_or_with_wrong_arguments():
    assert "--includes" in python("-m", "ufloss").stdout
    wrong = python("-m", "ufloss", "--nonsense")
    assert wrong.returncode == 2
    assert "--nonsense" in wrong.stderr


def test_import_is_quick():
    """By the processor's clock, which stands still while other programs run."""
    program = (
        "import time, numpy; start = time.process_time(); import ufloss; print(time.process_time() - start)"
    )
    seconds = min(float(python("-c", program).stdout) for _ in range(3))
    assert seconds < 0.25


def test_import_brings_no_other_package_than_numpy():
    program = (
        "import sys, numpy; before = set(sys.modules); import ufloss; print(*{m.split('.')[0] for "
        "m in set(sys.modules) - before})"
    )
    packages = {name for name in python("-c", program).stdout.split() if "cython" not in name}
    assert packages - set(sys.stdlib_module_names) == {"ufloss"}
