"""Every header and every loop of every loss, read by each compiler found: two standards, several instruction
sets, packs and scalars, pedantic.

usage: compilers.py include-folder xsimd-include-folder-or-"" [--compilers=g++,clang++-19] [--jobs=2]
Nothing is linked or run: scalar_check.cpp instantiates all loops, and its templates are checked in full.
Exit status 77: no Clang was found, whose view is what the build's own compiler does not give; what GCC says
is reported all the same, and a fault of its is one.
"""

import argparse
import concurrent.futures
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

STANDARDS = ["c++17", "c++20"]
X86, ARM = ["x86-64", "x86-64-v3", "x86-64-v4", "native"], ["armv8-a", "native"]
LEVELS = {"x86_64": X86, "AMD64": X86, "aarch64": ARM, "arm64": ARM}
SOURCE = pathlib.Path(__file__).parent / "scalar_check.cpp"


def newest(stem):
    """stem itself, or stem-N of the largest N on PATH."""
    if shutil.which(stem):
        return stem
    found = set()
    for folder in os.get_exec_path():
        if os.path.isdir(folder):
            found |= {
                int(m[1])
                for m in (re.fullmatch(re.escape(stem) + r"-(\d+)", name) for name in os.listdir(folder))
                if m
            }
    return f"{stem}-{max(found)}" if found else None


def family(compiler):
    """What a compiler says that it is: on some systems g++ is Clang."""
    macros = subprocess.run(
        [compiler, "-dM", "-E", "-x", "c++", os.devnull], capture_output=True, text=True, check=True
    ).stdout
    return "clang" if "__clang__" in macros else "gcc"


def read(compiler, flags, include, xsimd):
    command = [
        compiler,
        # templates are instantiated in full all the same, at a fraction of the time of a build
        "-fsyntax-only",
        "-Wall",
        "-Wextra",
        "-pedantic",
        "-Werror",
        "-DUFLOSS_EVERY_LOOP",
        "-I" + include,
        *flags,
    ]
    # as a system folder: the warnings are to be about our headers alone
    if xsimd:
        command += ["-isystem", xsimd]
    began = time.perf_counter()
    done = subprocess.run([*command, str(SOURCE)], capture_output=True, text=True)
    return done.returncode, time.perf_counter() - began, done.stderr


def main():
    options = argparse.ArgumentParser()
    options.add_argument("include")
    options.add_argument("xsimd")
    options.add_argument("--compilers", default="")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = options.parse_args()
    compilers = (
        options.compilers.split(",")
        if options.compilers
        else [c for c in (newest("g++"), newest("clang++")) if c]
    )
    families = {c: family(c) for c in compilers}
    levels = LEVELS.get(platform.machine(), [])
    if not levels:
        print(f"SKIPPED: no list of instruction sets of {platform.machine()}")
        return 77
    runs = []
    for compiler in compilers:
        for standard in STANDARDS:
            for level in levels:
                flags = ["-std=" + standard, "-march=" + level]
                if options.xsimd:
                    runs.append((compiler, flags, options.xsimd))
                runs.append((compiler, [*flags, "-DUFL_NO_XSIMD"], ""))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        answers = [
            pool.submit(read, compiler, flags, options.include, xsimd) for compiler, flags, xsimd in runs
        ]
        for (compiler, flags, _), answer in zip(runs, answers, strict=True):
            status, seconds, text = answer.result()
            print(
                f"{'FAILED' if status else 'ok':6} {seconds:5.1f} s  {compiler} {' '.join(flags)}", flush=True
            )
            if status:
                failed += 1
                print(text[:3000])
    print(f"{len(runs)} readings, {failed} failed")
    if failed or not runs:
        return 1
    # after GCC has read everything: what it says counts on every machine
    if "clang" not in families.values():
        print("SKIPPED: no Clang (clang++ or clang++-N on PATH)")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
