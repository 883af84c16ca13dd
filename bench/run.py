"""Time every registered loss beside the fastest peer and the machine's limits: one process, one thread, one
core, interleaved.

    python bench/run.py                                     every loss: value, value_and_grad, grad_and_hess
    python bench/run.py --loss huber_loss --output value --json huber.json --plot huber.png
    python bench/run.py --small                             the cost of a call on 3 elements

A round runs every contender once, in a new order, so that a slow moment of the machine meets them all; the
table shows medians.  The clock is the processor time of all threads: it stands still while other work has the
core, and it sees who uses more threads.  Each peer's result is compared with ufloss's before it is timed.
The limits are plain loops that read and write as many arrays as the loss, timed in the same rounds: no code
that touches memory can be faster.  Losses and data come from the registry, so a new loss needs no line here.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
import warnings
from pathlib import Path

# Before the libraries are loaded, since most read these once.
os.environ.update(
    dict.fromkeys(
        [
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "NUMEXPR_NUM_THREADS",
            "NUMEXPR_MAX_THREADS",
            "UFLOSS_NUM_THREADS",
            "TORCHINDUCTOR_COMPILE_THREADS",
        ],
        "1",
    )
)
os.environ.update(
    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", JAX_PLATFORMS="cpu"
)

import numpy as np

from measure import aligned, measure
from memory_limits import limit_calls, limit_library, memory_limits
from plots import plot
from registry import LOSSES, UFUNCS
from small_calls import small

OUTPUTS = ["value", "value_and_grad", "grad_and_hess"]


def draw(loss, size, dtype, soft, rng):
    """Typical inputs of a loss, by the domain of each argument, and in words; parameters keep their
    defaults.
    """
    inputs = [a for a in loss["args"] if a["role"] != "parameter"]
    binary = any(a["role"] == "target" and a["domain"] in ("unit", "sign", "truth") for a in inputs)
    arrays, words = [], []
    for a in inputs:
        if a["role"] == "target":
            label = soft and a["domain"] == "unit"
            drawn, word = {
                "real": lambda: (rng.standard_normal(size, np.float32), "normal"),
                "unit": lambda: (
                    (rng.uniform(1e-3, 1 - 1e-3, size), "(0, 1)")
                    if label  # noqa: B023
                    else (rng.integers(0, 2, size), "0/1")
                ),
                "truth": lambda: (rng.integers(0, 2, size), "0/1"),
                "sign": lambda: (2 * rng.integers(0, 2, size) - 1, "-1/1"),
                "nonnegative": lambda: (rng.poisson(2.0, size), "Poisson counts"),
                "positive": lambda: (rng.gamma(2.0, 1.0, size) + 1e-6, "gamma"),
                "tweedie_target": lambda: (rng.gamma(2.0, 1.0, size), "gamma"),
            }[a["domain"]]()
        else:
            drawn, word = {
                "real": lambda: (
                    rng.standard_normal(size, np.float32) * (3 if binary else 1),
                    "normal x 3" if binary else "normal",
                ),
                "unit": lambda: (rng.uniform(1e-3, 1 - 1e-3, size), "(0, 1)"),
                "nonnegative": lambda: (rng.poisson(2.0, size), "Poisson counts"),
                "positive": lambda: (np.exp(rng.standard_normal(size, np.float32)), "log-normal"),
            }[a["domain"]]()
        arrays.append(aligned(size, np.dtype(dtype)))
        arrays[-1][:] = drawn
        words.append(f"{a['name']} {word}")
    return arrays, ", ".join(words)


def differs(found, expected, dtype):
    """Why these outputs are not the same loss, or None.

    One element in 1e5 (of float16, in 1e3) may sit on a kink, where conventions differ.
    """
    half = dtype == np.float16
    if len(found) != len(expected):
        return f"{len(found)} outputs instead of {len(expected)}"
    for i, (f, e) in enumerate(zip(found, expected, strict=True)):
        f = np.asarray(f)
        if f.dtype != dtype or f.shape != e.shape:
            return f"output {i} is {f.dtype} {f.shape}"
        f, e = f.astype(np.float64), e.astype(np.float64)
        coarse = 1e-2 if half else 1e-3
        wrong = ~np.isclose(
            f, e, rtol=coarse, atol=coarse / 10 * np.mean(np.abs(e[np.isfinite(e)])), equal_nan=True
        )
        if np.count_nonzero(wrong) > (1e-3 if half else 1e-5) * wrong.size:
            j = np.flatnonzero(wrong)[0]
            return (
                f"output {i} differs in {np.mean(wrong):.2%} of the elements: element {j} is {f[j]!r}, "
                f"ufloss has {e[j]!r}"
            )
    return None


def bench(loss, output, arguments, library, peers, skipped):
    """One row of the table: a loss, an output, all contenders."""
    dtype = np.dtype(arguments.dtype)
    inputs, data = draw(loss, arguments.size, dtype, arguments.soft_labels, np.random.default_rng(1))
    ufunc = UFUNCS[loss["name"]] if output == "value" else getattr(UFUNCS[loss["name"]], output)
    parts = loss["outputs"]["" if output == "value" else output][1]
    outs, theirs = (tuple(aligned(arguments.size, dtype) for _ in range(ufunc.nout)) for _ in range(2))
    ufunc(*inputs, out=outs)
    calls = {"ufloss": lambda: ufunc(*inputs, out=outs), "ufloss, fresh": lambda: ufunc(*inputs)}
    limits = limit_calls(library, inputs, theirs)
    row = {"loss": loss["name"], "output": output, "data": data, "problems": []}
    if loss["name"] not in peers.PEERS:
        skipped[f"no entry in peers.py for {loss['name']}"] = 1
    for name, prepare in peers.contenders(loss["name"], parts, inputs, theirs):
        for array in theirs:
            array.fill(np.nan)
        try:
            call = prepare()
            why = differs(call(), outs, dtype) if call else None
        # a peer's failure must not end the run; main() reports it and fails in the end
        except Exception as error:
            call, why = None, f"{type(error).__name__}: {error}".splitlines()[0]
        if why:
            row["problems"].append(f"{name}: {why}")
            print(f"PROBLEM {loss['name']} {output}: {name}: {why}", file=sys.stderr, flush=True)
        elif call:
            calls[name] = call
        else:
            key = f"{name} has no such loss or output"
            skipped[key] = skipped.get(key, 0) + 1
    samples = measure(calls | limits, arguments.repeat)
    per = {
        name: {"median": float(np.median(s)) / arguments.size, "min": min(s) / arguments.size}
        for name, s in samples.items()
    }
    row["ns_per_element"] = per
    row["ufloss"], row["fresh"] = per["ufloss"]["median"], per["ufloss, fresh"]["median"]
    best = min((n for n in calls if not n.startswith("ufloss")), key=lambda n: per[n]["median"], default=None)
    row["best"], row["best_ns"] = best, best and per[best]["median"]
    row["ratio"] = best and row["best_ns"] / row["ufloss"]
    row["ratio_of_minima"] = (
        best and min(per[n]["min"] for n in calls if not n.startswith("ufloss")) / per["ufloss"]["min"]
    )
    quickest = min(limits, key=lambda n: per[n]["median"], default=None)
    row["limit"], row["limit_ns"] = quickest, quickest and per[quickest]["median"]
    row["of_limit"] = quickest and row["limit_ns"] / row["ufloss"]
    return row


HEADER = (
    f"{'':29}{'':16}{'ufloss':>8}{'':>8}  "
    f"{'best peer':14}{'':>8}{'best peer / ufloss':>26}{'memory limit':>18}\n"
    f"{'loss':29}{'output':16}{'out=':>8}{'fresh':>8}  "
    f"{'':14}{'':>8}{'out=':>10}{'minima':>8}{'fresh':>8}{'':>9}{'/ ufloss':>9}"
)


def show(row):
    """The row as a line of the table."""
    best, limit = f"  {'-':14}{'-':>8}{'-':>10}{'-':>8}{'-':>8}", ""
    if row["best"]:
        fresh = row["best_ns"] / row["fresh"]
        best = (
            "  "
            f"{row['best']:14}{row['best_ns']:8.3f}"
            f"{row['ratio']:10.2f}{row['ratio_of_minima']:8.2f}{fresh:8.2f}"
        )
    if row["limit"]:
        limit = f"{row['limit_ns']:9.3f}{row['of_limit']:9.2f}"
    print(
        f"{row['loss']:29}{row['output']:16}{row['ufloss']:8.3f}{row['fresh']:8.3f}{best}{limit}", flush=True
    )


def environment(arguments, core):
    """What the numbers depend on."""
    import ufloss

    versions = {}
    for name in ("numpy", "torch", "jax", "jaxlib", "optax", "scikit-learn", "numexpr", "scipy"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    return {
        "config": ufloss.show_config(mode="dicts"),
        "versions": versions,
        "python": platform.python_version(),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "pinned to core": core,
        "load average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "arguments": {
            name: str(value) if isinstance(value, Path) else value for name, value in vars(arguments).items()
        },
    }


def pin():
    """Keep this process, and every thread that it starts later, on one core: more threads gain nothing."""
    if not hasattr(os, "sched_setaffinity"):
        print("not pinned to one core: this system cannot")
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def main():
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loss", nargs="+", metavar="NAME", help="losses (default: all)")
    known = f"outputs (default: {' '.join(OUTPUTS)}; also grad, hess, grad_and_hess_bound, ...)"
    parser.add_argument("--output", nargs="+", default=OUTPUTS, metavar="NAME", help=known)
    parser.add_argument("--size", type=int, default=1 << 22, help="elements (default: 4194304)")
    parser.add_argument("--dtype", default="float32", choices=["float16", "float32", "float64"])
    parser.add_argument("--repeat", type=int, default=41, metavar="N", help="rounds (default: 41)")
    parser.add_argument(
        "--soft-labels",
        action="store_true",
        help="labels in (0, 1) where the loss takes them, instead of 0 and 1",
    )
    parser.add_argument("--small", action="store_true", help="time calls on 3 elements instead")
    parser.add_argument("--no-peers", action="store_true", help="ufloss and the limits only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all medians and the environment")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the speed-ups")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    core = pin()
    env = environment(arguments, core)
    print(
        f"ufloss {env['config']['ufloss']} ({env['config']['instruction set']}), {env['cpu']}, one "
        f"thread on core {core}"
    )
    if arguments.small:
        result = {"environment": env, "calls": small(arguments)}
        if arguments.json:
            arguments.json.write_text(json.dumps(result, indent=1))
        return 0
    unknown = set(arguments.loss or ()) - {loss["name"] for loss in LOSSES}
    if unknown:
        parser.error(f"not a loss: {', '.join(sorted(unknown))}")

    import peers

    peers.one_thread(double=arguments.dtype == "float64")
    if arguments.no_peers:
        peers.PEERS.clear()
    print("versions:", ", ".join(f"{name} {version}" for name, version in env["versions"].items() if version))
    skipped = {f"{name} is not installed": 1 for name in peers.ABSENT}
    library = limit_library()
    limits = memory_limits(library, arguments.size, np.dtype(arguments.dtype), arguments.repeat)
    print(f"\nmemory, {arguments.size:,} elements of {arguments.dtype}:")
    for name, value in limits.items():
        print(f"  {name:42}{value['ns_per_element']:8.3f} ns/element{value['GB/s']:8.1f} GB/s")
    labels = "(0, 1) where the loss takes them" if arguments.soft_labels else "0/1 or -1/1"
    print(
        f"\nns per element, medians of {arguments.repeat} interleaved rounds; labels of binary "
        f"losses: {labels}; default parameters"
    )
    print(
        "best peer / ufloss: medians with out= reused, minima, medians with a fresh result; limit: "
        "the best loop over as many arrays\n"
    )
    print(HEADER)
    rows = []
    for loss in LOSSES:
        for output in arguments.output:
            known = "" if output == "value" else output
            if (arguments.loss and loss["name"] not in arguments.loss) or known not in loss["outputs"]:
                continue
            rows.append(bench(loss, output, arguments, library, peers, skipped))
            show(rows[-1])
    if arguments.no_peers:
        skipped = {"peers (--no-peers)": len(rows)}
    for why, times in skipped.items():
        print(f"skipped, {times} x: {why}")
    problems = [f"{r['loss']} {r['output']}: {p}" for r in rows for p in r["problems"]]
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"environment": env, "limits": limits, "rows": rows, "skipped": skipped}, indent=1)
        )
        print("wrote", arguments.json)
    if arguments.plot:
        plot(rows, env, arguments.plot)
    if problems:
        print(
            f"\n{len(problems)} PROBLEMS: a peer that failed or disagreed was not timed",
            *problems,
            sep="\n  ",
        )
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
