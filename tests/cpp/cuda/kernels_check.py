"""Compile kernels as the planner writes them by NVRTC, with bounds on registers and spills.

usage: kernels_check.py include-folder sources-program some|all
Exit status 77: there is no NVRTC.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import nvrtc_check

ARCHITECTURES = ("sm_80", "sm_90", "sm_120")
# Two blocks of 256 threads fit on a multiprocessor.
REGISTERS, SPILLED_BYTES = 128, 24
FROM_90 = "// from sm_90 on\n"  # sources.cpp says so of clusters
MORE_SPILLED_BYTES = {
    "half_tweedie_deviance": 128,  # three branches of powers, in double
    ", 4, true, true>": 64,  # of a lattice, with four pairs of states a thread
}


def sources(program, which):
    """Kernel -> translation unit."""
    text = subprocess.run([program, which], check=True, capture_output=True, text=True).stdout
    units = re.split(r"^// == (.*)\n", text, flags=re.M)[1:]
    return dict(zip(units[::2], units[1::2], strict=True))


def compiled(nvrtc, include, kernel, source, architecture):
    """Registers and bytes of spills, or what is wrong."""
    options = ["-std=c++17", "-fmad=false", "--gpu-architecture=" + architecture, "--include-path=" + include]
    cubin, log = nvrtc_check.compile_text(nvrtc, source.encode(), [*options, "--ptxas-options=-v"])
    if cubin is None or re.search(r"warning", log):
        return log[:3000]
    registers = max(map(int, re.findall(r"Used (\d+) registers", log)), default=None)
    spilled = max(map(int, re.findall(r"(\d+) bytes spill stores", log)), default=0)
    if registers is None:
        return "no report of registers:\n" + log[:1000]
    allowed = next((n for loss, n in MORE_SPILLED_BYTES.items() if loss in kernel), SPILLED_BYTES)
    if registers > REGISTERS or spilled > allowed:
        return f"{registers} registers, {spilled} bytes of spills"
    return registers, spilled


def main(include, program, which):
    nvrtc = nvrtc_check.load()
    if nvrtc is None:
        print("SKIPPED: no NVRTC (pip install nvidia-cuda-nvrtc, or a CUDA toolkit that has it)")
        return 77
    units = sources(program, which)
    work = [(k, s, a) for k, s in units.items() for a in ARCHITECTURES if a != "sm_80" or FROM_90 not in s]
    most, failed = (0, ""), 0
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        answers = [pool.submit(compiled, nvrtc, include, k, s, a) for k, s, a in work]
        for (kernel, _, architecture), answer in zip(work, answers, strict=True):
            result = answer.result()
            if isinstance(result, str):
                failed += 1
                print(f"FAILED: {kernel}, {architecture}: {result}")
            else:
                most = max(most, (result[0], f"{kernel}, {architecture}"))
    print(f"{len(units)} kernels for {', '.join(ARCHITECTURES)}: {failed} failed; most registers: {most}")
    return 1 if failed or not units else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
