"""Compile a CUDA file with NVRTC: our headers on the include path or handed over as texts, and no system
header.

usage: nvrtc_check.py file.cu include-folder [architecture = sm_80]
Exit status 77: there is no NVRTC (looked in the PyPI package nvidia-cuda-nvrtc, the CUDA toolkit and the
loader's path).
"""

import ctypes
import ctypes.util
import glob
import importlib.util
import os
import pathlib
import shutil
import sys
import time


def load():
    roots = [os.environ.get("UFLOSS_NVRTC_DIR", "")]
    package = importlib.util.find_spec("nvidia")  # of NVIDIA's wheels, wherever on sys.path they are
    for folder in package.submodule_search_locations if package else []:
        roots += sorted(glob.glob(folder + "/*/lib"), reverse=True)
    nvcc = shutil.which("nvcc")
    toolkits = [
        os.environ.get("CUDA_HOME"),
        os.environ.get("CUDA_PATH"),
        nvcc and str(pathlib.Path(nvcc).resolve().parents[1]),
    ]
    for home in filter(None, toolkits + sorted(glob.glob("/usr/local/cuda*"))):
        roots += [home + "/lib64", home + "/targets/x86_64-linux/lib"]
    for root in filter(None, roots):
        for path in sorted(glob.glob(root + "/libnvrtc.so*"), reverse=True):
            # version 13.0 does not find them by itself
            for builtins in glob.glob(root + "/libnvrtc-builtins.so*"):
                ctypes.CDLL(builtins, mode=ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(path)
    name = ctypes.util.find_library("nvrtc")
    return ctypes.CDLL(name) if name else None


def compile_text(nvrtc, source, options, headers=None):
    """The cubin and the log; the log alone where the compilation failed.  `headers`: texts by the names that
    #include knows them by.
    """
    program, size, headers = ctypes.c_void_p(), ctypes.c_size_t(), headers or {}
    strings = ctypes.c_char_p * len(headers)
    names, texts = strings(*(name.encode() for name in headers)), strings(*headers.values())
    assert (
        nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"check.cu", len(headers), texts, names) == 0
    )
    flags = [o.encode() for o in options]
    status = nvrtc.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if status:
        return None, log.value.decode()
    nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    cubin = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetCUBIN(program, cubin)
    return cubin.raw, log.value.decode()


def main(file, include, arch="sm_80"):
    nvrtc = load()
    if nvrtc is None:
        print("SKIPPED: no NVRTC (pip install nvidia-cuda-nvrtc, or a CUDA toolkit that has it)")
        return 77
    version = ctypes.c_int(), ctypes.c_int()
    nvrtc.nvrtcVersion(ctypes.byref(version[0]), ctypes.byref(version[1]))
    options = ["-std=c++17", "-fmad=false", "--gpu-architecture=" + arch]
    on_path = [*options, "--include-path=" + include]
    began = time.perf_counter()
    cubin, log = compile_text(nvrtc, pathlib.Path(file).read_bytes(), on_path)
    print(log[:6000].strip())
    if cubin is None or "warning" in log:
        print(f"NVRTC {version[0].value}.{version[1].value}: FAILED")
        return 1
    print(
        f"NVRTC {version[0].value}.{version[1].value}, {arch}: {len(cubin)} bytes, "
        f"{time.perf_counter() - began:.1f} s"
    )
    # the check itself: a compiler that accepts everything would pass it
    wrong = b'#include "ufloss/ufloss.hpp"\n__global__ void k(float* x) { *x = no_such_function(*x); }'
    cubin, log = compile_text(nvrtc, wrong, on_path)
    if cubin is not None or "no_such_function" not in log:
        print("FAILED: a wrong program compiles")
        return 1
    # without a folder: a header's name is its path, whoever includes it
    headers = {
        path.relative_to(include).as_posix(): path.read_bytes()
        for path in pathlib.Path(include).rglob("*.hpp")
    }
    small = b"""#include "ufloss/losses/pairs.hpp"
#include "ufloss/registry.hpp"
#include "ufloss/ufloss.hpp"
__global__ void k(double* x) { *x = ufloss::evaluate<ufloss::huber_loss>(x[0], x[1], x[2]).grad; }"""
    cubin, log = compile_text(nvrtc, small, options, headers)
    if cubin is None or "warning" in log:
        print(log[:6000].strip())
        print("FAILED: headers as texts")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
