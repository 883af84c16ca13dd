"""Instruction sets, each in a process of its own."""

import pytest

from binding.cases import CONFIG, python
from internals import _core


def test_isa_asked_for_is_the_one_in_use():
    for isa in CONFIG["usable instruction sets"]:
        run = python(
            "-c", "import ufloss; print(ufloss.show_config('dicts')['instruction set'])", UFLOSS_ISA=isa
        )
        assert run.stdout.strip() == isa


def test_best_instruction_set_is_the_default():
    run = python("-c", "import ufloss; print(ufloss.show_config('dicts')['instruction set'])", UFLOSS_ISA="")
    assert run.stdout.strip() == CONFIG["usable instruction sets"][-1]


@pytest.mark.parametrize("wrong", ["nonsense", "x86-64", "AVX2", "0"])
def test_unknown_isa_is_an_import_error_that_names_the_choices(wrong):
    run = python("-c", "import ufloss", UFLOSS_ISA=wrong)
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: UFLOSS_ISA={wrong!r}")
    assert ", ".join(CONFIG["usable instruction sets"]) in last


def test_a_build_for_other_processors_is_an_import_error():
    with pytest.raises(
        ImportError,
        match="ufloss is built for x86-64-v3 and x86-64-v4, and this processor lacks what that needs",
    ):
        _core.index_of_isa("", {"x86-64-v3": False, "x86-64-v4": False}, -1)
    with pytest.raises(ImportError, match=r"^UFLOSS_ISA='x86-64-v4' .* \(there is none\)$"):
        _core.index_of_isa("x86-64-v4", {"x86-64-v4": False}, -1)
    assert _core.index_of_isa("", {"x86-64-v3": True, "x86-64-v4": False}, 0) == 0
    assert _core.index_of_isa("x86-64-v4", {"x86-64-v3": True, "x86-64-v4": True}, 0) == 1
