"""The limits of the machine: plain loops that read and write as many arrays as a loss."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from measure import aligned, measure

SOURCE = Path(__file__).with_name("limits.c")


def limit_library():
    """The loops of limits.c, compiled for this machine; without a C compiler None, and a line says so."""
    compiler = (os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), "")).split()
    if not compiler or not shutil.which(compiler[0]):
        print("skipped: compiled memory limits (no C compiler); numpy.subtract alone stands for them")
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "limits.so")
        flags = ["-O3", "-march=native", "-shared", "-fPIC", "-Wno-psabi"]
        built = subprocess.run(
            [*compiler, *flags, str(SOURCE), "-o", str(library)], capture_output=True, text=True
        )
        if built.returncode:
            print("skipped: compiled memory limits:", built.stderr.strip().splitlines()[0])
            return None
        return ctypes.CDLL(str(library))


def limit_calls(library, inputs, outs):
    """The fastest known ways to read and write these arrays: name -> call."""
    calls = {}
    if library:
        sources = (ctypes.c_void_p * len(inputs))(*[a.ctypes.data for a in inputs])
        targets = (ctypes.c_void_p * len(outs))(*[a.ctypes.data for a in outs])
        words = ctypes.c_size_t(outs[0].nbytes // 4)
        for name, nt in (("plain stores", 0), ("non-temporal stores", 1)):
            if library.limit(len(inputs), len(outs), nt, sources, targets, words) == 0:
                calls[name] = lambda nt=nt: library.limit(len(inputs), len(outs), nt, sources, targets, words)
    if (len(inputs), len(outs)) == (2, 1):
        calls["numpy.subtract"] = lambda: np.subtract(*inputs, out=outs[0])
    if (len(inputs), len(outs)) == (1, 1):
        calls["numpy.copyto"] = lambda: np.copyto(outs[0], inputs[0])
    return calls


def memory_limits(library, size, dtype, rounds):
    """The machine's limits by themselves, for the head of the table."""
    arrays = [aligned(size, dtype) for _ in range(5)]
    for array in arrays:
        array.fill(1)
    calls = {}
    for nin, nout in ((1, 1), (2, 1), (2, 2)):
        for name, call in limit_calls(library, arrays[:nin], arrays[3 : 3 + nout]).items():
            calls[nin, nout, name] = call
    found = {}
    for (nin, nout, name), samples in measure(calls, rounds).items():
        median = float(np.median(samples))
        found[f"{nin} read, {nout} written, {name}"] = {
            "ns_per_element": median / size,
            "GB/s": (nin + nout) * arrays[0].nbytes / median,
        }
    return found
