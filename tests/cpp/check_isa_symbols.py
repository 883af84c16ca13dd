"""Fail if an object that is compiled for one instruction set lets the linker, or the loader, run its code on
any processor.

usage: check_isa_symbols.py object...              the objects of every unit
       check_isa_symbols.py --self-test compiler   does it find what it should?
"""

import pathlib
import re
import subprocess
import sys
import tempfile


def symbols(path):
    out = subprocess.run(["nm", "--defined-only", path], capture_output=True, text=True, check=True).stdout
    return [line.split()[-2:] for line in out.splitlines() if len(line.split()) >= 2]


def complaints(paths):
    """What is wrong with these objects, one line each."""
    found, shared = [], {}
    for path in paths:
        table, weak = None, []
        for kind, name in symbols(path):
            if kind in "WwVvu":  # weak or unique: the linker keeps one copy for all
                weak.append(name)
                if not re.search(r"isa_\w+", name):
                    found.append(f"{path}: weak symbol outside every instruction set's namespace: {name}")
            # defined for other objects to see: code, data, read-only data, zeros, and common ones
            elif kind in "TDRBGSC":
                if table is None and (isa := re.search(r"dispatch\d+[a-z_]+?_(isa_\w+)$", name)):
                    table = isa[1]
                else:
                    found.append(f"{path}: global symbol besides the table: {name}")
            if name.startswith(("_GLOBAL__sub_I", "__cxx_global_var_init")):
                found.append(
                    f"{path}: static constructor, which would run before the processor is checked: {name}"
                )
        if table is None:
            found.append(f"{path}: no table")
        for name in weak:
            shared.setdefault(name, set()).add(table)
    # two objects of one instruction set may share
    found += [
        f"weak symbol of {len(where)} instruction sets: {name}"
        for name, where in shared.items()
        if len(where) > 1
    ]
    return found


GOOD = """
namespace ufloss {
namespace dispatch { extern const int table_isa_%s; const int table_isa_%s = 1; }
inline namespace isa_%s { template <class T> T twice(T x) { return x + x; } }
namespace { int hidden(int x) { return twice(x); } int (*volatile keep)(int) = hidden; }
}
"""
SHARED_TEMPLATE = """
namespace user { template <class T> __attribute__((noinline)) T thrice(T x) { return x + x + x; } }
namespace { int (*volatile keep_too)(int) = user::thrice<int>; }
"""
BAD = {
    "weak symbol of 2 instruction sets": SHARED_TEMPLATE,
    "weak symbol outside": SHARED_TEMPLATE,
    "global symbol besides the table": "int somebody_elses_name(int x) { return x; }",
    "static constructor": "int now(); namespace { int at_start = now(); }",
}


def self_test(compiler):
    with tempfile.TemporaryDirectory() as folder:

        def build(name, text):
            source = pathlib.Path(folder, name + ".cpp")
            source.write_text(text + "\n")
            subprocess.run(
                [compiler, "-std=c++17", "-O1", "-c", source, "-o", source.with_suffix(".o")], check=True
            )
            return str(source.with_suffix(".o"))

        # two sets, whose templates are weak symbols of different names, as they should be
        good = [build(f"good_{isa}", GOOD % (isa, isa, isa)) for isa in ("one", "two")]
        assert complaints(good) == [], complaints(good)
        assert any("no table" in c for c in complaints([build("empty", "")]))
        for i, (expected, text) in enumerate(BAD.items()):
            bad = [build(f"bad_{i}_{isa}", GOOD % (isa, isa, isa) + "\n" + text) for isa in ("one", "two")]
            assert any(expected in c for c in complaints(bad)), (expected, complaints(bad))
    print(f"finds all of {len(BAD) + 1} planted mistakes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--self-test"]:
        self_test(sys.argv[2])
    else:
        assert len(sys.argv) > 1, __doc__
        wrong = complaints(sys.argv[1:])
        print("\n".join(wrong) or f"{len(sys.argv) - 1} objects, one global symbol each, nothing shared")
        sys.exit(bool(wrong))
