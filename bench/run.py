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
import ctypes
import gc
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import timeit
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

OUTPUTS = ["value", "value_and_grad", "grad_and_hess"]

LIMITS_C = r"""
/* How fast this core moves memory: sums of nin arrays into nout arrays.  Times are per call; nt = stores that bypass the caches. */
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif
typedef uint32_t vec __attribute__((vector_size(64), aligned(4), may_alias));
enum { LANES = 16 };
#if defined(__AVX512F__)
static inline void stream(uint32_t *p, vec v) { _mm512_stream_si512((void *)p, (__m512i)v); }
#elif defined(__SSE2__)
static inline void stream(uint32_t *p, vec v) {
  __m128i part[4];
  __builtin_memcpy(part, &v, sizeof part);
  for (int i = 0; i < 4; i++) _mm_stream_si128((__m128i *)p + i, part[i]);
}
#else
#define stream(p, v) (*(vec *)(p) = (v))
#endif

static inline __attribute__((always_inline)) void loop(int nin, int nout, int nt, uint32_t **in, uint32_t **out, size_t n) {
  uint32_t *x[3], *y[3];
  size_t head = -(uintptr_t)out[0] / 4 % LANES;       /* up to the first whole cache line */
  for (int k = 0; k < nin; k++) x[k] = in[k] + head;
  for (int k = 0; k < nout; k++) y[k] = out[k] + head;
  n -= head;
  for (size_t i = 0; i + LANES <= n; i += LANES) {
    vec sum = *(vec *)(x[0] + i);
    for (int k = 1; k < nin; k++) sum += *(vec *)(x[k] + i);
    for (int k = 0; k < nout; k++) {
      if (nt) stream(y[k] + i, sum + k);
      else *(vec *)(y[k] + i) = sum + k;
    }
  }
#if defined(__SSE2__)
  if (nt) _mm_sfence();
#endif
}

/* 0, or -1 where non-temporal stores are not possible. */
int limit(int nin, int nout, int nt, uint32_t **in, uint32_t **out, size_t n) {
#if !defined(__SSE2__)
  if (nt) return -1;
#endif
  for (int k = 1; nt && k < nout; k++) if (((uintptr_t)out[k] ^ (uintptr_t)out[0]) % 64) return -1;
  if ((uintptr_t)out[0] % 4 || n < LANES) return -1;
#define CASE(I, O) if (nin == I && nout == O) { if (nt) loop(I, O, 1, in, out, n); else loop(I, O, 0, in, out, n); return 0; }
  CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(1, 2) CASE(2, 2) CASE(3, 2) CASE(1, 3) CASE(2, 3) CASE(3, 3)
  return -1;
}
"""


def limit_library():
    """The loops above, compiled for this machine; None (and a line that says so) without a C compiler."""
    compiler = (os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), "")).split()
    if not compiler or not shutil.which(compiler[0]):
        print("skipped: compiled memory limits (no C compiler); numpy.subtract alone stands for them")
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "limits.c"), Path(folder, "limits.so")
        source.write_text(LIMITS_C)
        flags = ["-O3", "-march=native", "-shared", "-fPIC", "-Wno-psabi"]
        built = subprocess.run(
            [*compiler, *flags, str(source), "-o", str(library)], capture_output=True, text=True
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


def measure(calls, rounds, target=2e-3):
    """Nanoseconds a call, `rounds` samples each, interleaved; a sample repeats short calls until it takes
    about `target` seconds.
    """
    rng = np.random.default_rng(0)
    names, repeats, samples = list(calls), {}, {name: [] for name in calls}
    for name, call in calls.items():
        call()
        start = time.process_time()
        call()
        repeats[name] = max(1, round(target / max(time.process_time() - start, 1e-7)))
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        rng.shuffle(names)
        for name in names:
            call, n = calls[name], range(repeats[name])
            start = time.process_time()
            for _ in n:
                call()
            samples[name].append((time.process_time() - start) / len(n) * 1e9)
    gc.enable()
    return samples


def aligned(size, dtype):
    """An empty array on a whole page, so that rows do not differ by where the allocator happens to put
    things.

    Stores a few cache lines ahead of loads, modulo a page, cost up to 15 %: adjacent pieces of a heap are
    placed like that, big mapped arrays are not.
    """
    raw = np.empty(size * dtype.itemsize + 4096, np.uint8)
    start = -raw.ctypes.data % 4096
    return raw[start : start + size * dtype.itemsize].view(dtype)


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
    from ufloss._registry import UFUNCS

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
            f"{row['best']:14}{row['best_ns']:8.3f}{row['ratio']:10.2f}{row['ratio_of_minima']:8.2f}{fresh:8.2f}"
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


def plot(rows, env, path):
    """Horizontal bars of the speed-up over the best peer, one panel an output."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter

    rows = [row for row in rows if row["ratio"]]
    outputs, losses = (
        list(dict.fromkeys(r["output"] for r in rows)),
        list(dict.fromkeys(r["loss"] for r in rows)),
    )
    if not rows:
        print("nothing to plot: no peer was timed")
        return
    fig, axes = plt.subplots(
        1,
        len(outputs),
        sharey=True,
        squeeze=False,
        layout="constrained",
        figsize=(3.0 + 4.0 * len(outputs), 1.8 + 0.27 * len(losses)),
    )
    top = max(r["ratio"] for r in rows)
    for ax, output in zip(axes[0], outputs, strict=True):
        mine = [r for r in rows if r["output"] == output]
        for r in mine:
            ratio, y = r["ratio"], losses.index(r["loss"])
            ax.barh(y, ratio - 1, left=1, height=0.72, color="#4878a8" if ratio >= 1 else "#c44e52")
            digits = f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 1.95 else f"{ratio:.2f}"
            ax.text(
                max(ratio, 1) * 1.06, y, f"{digits}  {r['best']}", va="center", fontsize=8, color="#333333"
            )
        ax.axvline(1, color="black", linewidth=1)
        ax.set_xscale("log")
        ax.set_xlim(min(0.7, *(r["ratio"] * 0.9 for r in rows)), top * 4.5)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if ax.get_xlim()[0] <= t <= top * 1.3]
        ax.set_xticks(ticks, minor=False)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        ax.xaxis.set_minor_locator(plt.NullLocator())
        ax.set_axisbelow(True)
        ax.grid(axis="x", color="#dddddd", linewidth=0.7)
        ax.set_title(output, fontsize=11)
        ax.set_xlabel("times as fast as the best peer")
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.tick_params(axis="y", length=0)
    axes[0][0].set_yticks(range(len(losses)), losses)
    axes[0][0].set_ylim(len(losses) - 0.4, -0.6)
    arguments = env["arguments"]
    fig.suptitle(
        "ufloss beside the fastest of torch, torch.compile, optax/jax.jit, scikit-learn, numexpr, "
        "SciPy, NumPy\n"
        f"{arguments['size']:,} elements, {arguments['dtype']}, one thread, out= reused; "
        f"{env['cpu']}, {env['config']['instruction set']}",
        fontsize=10,
    )
    fig.savefig(path, dpi=130)
    print("wrote", path)


SMALL = {
    "np.add(a, b)": (np.add, "f(a, b)"),
    "np.add(a, 1.0)": (np.add, "f(a, 1.0)"),
    "huber_loss(a, b, d)": ("huber_loss", "f(a, b, d)"),
    "huber_loss(a, b)": ("huber_loss", "f(a, b)"),
    "huber_loss(a)": ("huber_loss", "f(a)"),
    "huber_loss(a, b, delta=1.0)": ("huber_loss", "f(a, b, delta=1.0)"),
    "squared_error(a, b)": ("squared_error", "f(a, b)"),
    "sigmoid_binary_cross_entropy(a, b)": ("sigmoid_binary_cross_entropy", "f(a, b)"),
}


def small(arguments):
    """What a call costs where the arithmetic costs nothing: 3 elements, beside np.add."""
    from ufloss._registry import UFUNCS

    dtype = np.dtype(arguments.dtype)
    operands = {
        "a": np.array([0.5, -1.0, 2.0], dtype),
        "b": np.array([0.0, 1.0, 1.0], dtype),
        "d": np.ones(3, dtype),
    }
    calls = {}
    for name, (f, statement) in SMALL.items():
        scope = {"case": (UFUNCS[f] if isinstance(f, str) else f, *operands.values())}
        timer = timeit.Timer(statement, setup="f, a, b, d = case", timer=time.process_time, globals=scope)
        calls[name] = lambda timer=timer: timer.timeit(1000)
        calls[name]()
    rounds = max(arguments.repeat, 300)
    samples, names, rng = {name: [] for name in calls}, list(calls), np.random.default_rng(0)
    for _ in range(rounds):
        rng.shuffle(names)
        for name in names:
            samples[name].append(calls[name]() * 1e6)
    add, literal = (
        {"median": float(np.median(samples[name])), "min": min(samples[name])}
        for name in ("np.add(a, b)", "np.add(a, 1.0)")
    )
    print(f"\nns a call on 3 elements, {dtype.name}; {rounds} interleaved rounds of 1000 calls\n")
    print(
        f"{'call':36}{'median':>8}{'min':>8}{'of np.add(a, b)':>18}{'of np.add(a, 1.0)':>19}    "
        "(ratios of medians, of minima)"
    )
    rows = []
    for name, s in samples.items():
        median, least = float(np.median(s)), min(s)
        rows.append({"call": name, "median": median, "min": least})
        ratios = "".join(f"{median / x['median']:13.2f}{least / x['min']:6.2f}" for x in (add, literal))
        print(f"{name:36}{median:8.0f}{least:8.0f}{ratios}")
    return rows


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
    from ufloss._registry import LOSSES

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
