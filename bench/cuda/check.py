"""Everything that a GPU is needed for, in one command: bits against the CPU, then times.

    python bench/cuda/check.py [--small] [--skip-times] [--loss NAME ...] [--json FILE]

Needs torch, and ufloss with the extra cuda13 or cuda12.  Exit status 1: a bit differs, or something was
written outside its array; 77: there is no GPU.  For the hazards that bits cannot show, in one more run each:

    for tool in memcheck racecheck initcheck synccheck; do
      compute-sanitizer --tool $tool --error-exitcode 1 python bench/cuda/check.py --small --skip-times
    done
"""

import argparse
import concurrent.futures
import json
import sys
import time

import numpy as np

import ufloss as ul
import ufloss.cuda as uc

GUARD = 64  # elements on either side of an output that nobody may write to
SHAPES = {"flat": 20011, "rows": (37, 541), "few": 3}
PEERS = {
    "squared_error": "mse_loss",
    "absolute_error": "l1_loss",
    "huber_loss": "huber_loss",
    "smooth_l1_loss": "smooth_l1_loss",
    "sigmoid_binary_cross_entropy": "binary_cross_entropy_with_logits",
    "kl_div": "kl_div",
    "poisson_nll_loss": "poisson_nll_loss",
}


def losses(names):
    """Every loss that has kernels, as (name, words of its arguments)."""
    import torch

    found = []
    for name, f in sorted(uc._functions.LOSSES.items()):
        if f.loss["kind"] != "elementwise" or (names and name not in names):
            continue
        found.append((name, f.loss["args"]))
    assert found, f"no loss among {names}"
    assert torch.cuda.is_available()
    return found


def attributes(f):
    """A loss with all of its attributes, by name."""
    return {"": f, **{a: g for a, g in vars(f).items() if type(g) is type(f)}}


def draw(rng, argument, shape, dtype):
    """Numbers of an argument's domain, the ends of it and what lies outside among them."""
    domain = argument["domain"]
    x = rng.normal(size=shape) * rng.choice([0.1, 1, 30], size=shape)
    if domain in ("unit", "optional_unit", "truth"):
        x = rng.random(shape)
        x = np.where(rng.random(shape) < 0.3, np.round(x), x)
    elif domain in ("nonnegative", "positive", "tweedie_target"):
        x = np.abs(x)
    elif domain == "sign":
        x = np.where(x < 0, -1, 1)
    special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-40, 6e-8, 65504, 1e30, -1e-310])
    x = np.where(rng.random(shape) < 0.05, rng.choice(special, size=shape), x)
    with np.errstate(over="ignore"):
        return x.astype(dtype)


def different(a, b):
    """How many numbers differ in a bit; any NaN is any other."""
    bits = f"u{a.itemsize}"
    unequal = np.ascontiguousarray(a).view(bits) != np.ascontiguousarray(b).view(bits)
    return int((unequal & ~(np.isnan(a) & np.isnan(b))).sum())


def guarded(torch, shape, dtype):
    """An output between guards, and all of its memory."""
    n = int(np.prod(shape))
    room = torch.full((n + 2 * GUARD,), 7.0, dtype=dtype, device="cuda")
    room[GUARD : GUARD + n] = float("nan")
    return room[GUARD : GUARD + n].view(shape), room


def layouts(torch, arrays):
    """The same numbers in memory that lies in several ways."""
    tensors = [torch.from_numpy(np.ascontiguousarray(a)).cuda() for a in arrays]
    yield "contiguous", tensors
    apart = [torch.stack([t, t], -1)[..., 0] for t in tensors]
    yield "every other", apart
    moved = [torch.cat([t.reshape(-1)[:1], t.reshape(-1)])[1:].view(t.shape) for t in tensors]
    yield "misplaced", moved


def check_bits(names, small):
    """Numbers compared, and what differs."""
    import torch

    rng = np.random.default_rng(5)
    compared, wrong, calls = 0, [], 0
    shapes = {"flat": 20011} if small else SHAPES
    for name, args in losses(names):
        for dtype in ("f2", "f4", "f8"):
            for shape in shapes.values():
                arrays = [draw(rng, a, shape, dtype) for a in args]
                if shape == SHAPES["rows"]:  # parameters as one number each
                    arrays = [a if k < 2 else a.reshape(-1)[:1] for k, a in enumerate(arrays)]
                for attribute, f in attributes(getattr(uc, name)).items():
                    cpu = getattr(ul, name)
                    with np.errstate(all="ignore"):
                        wanted = (getattr(cpu, attribute) if attribute else cpu)(*arrays)
                    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
                    for layout, tensors in layouts(torch, arrays):
                        outs = [guarded(torch, np.shape(w), tensors[0].dtype) for w in wanted]
                        f(*tensors, out=tuple(o for o, _ in outs))
                        calls += 1
                        for (out, room), right in zip(outs, wanted, strict=True):
                            compared += out.numel()
                            n = different(out.cpu().numpy(), right)
                            outside = bool((room[:GUARD] != 7).any() | (room[-GUARD:] != 7).any())
                            if n or outside:
                                what = f"{n} numbers" if not outside else "memory outside its output"
                                wrong.append(f"{name}.{attribute} {dtype} {shape} {layout}: {what}")
    return calls, compared, wrong


def check_bfloat16(names):
    """bfloat16, which the CPU has not: float32's results, rounded once."""
    import torch

    rng, compared, wrong = np.random.default_rng(6), 0, []
    for name, args in losses(names):
        arrays = [draw(rng, a, 5003, "f4") for a in args]
        tensors = [torch.from_numpy(a).cuda().bfloat16() for a in arrays]
        right = getattr(ul, name)(*[t.float().cpu().numpy() for t in tensors])
        found = getattr(uc, name)(*tensors).float().cpu().numpy()
        rounded = torch.from_numpy(np.asarray(right)).bfloat16().float().numpy()
        compared += found.size
        n = different(found, rounded)
        if n:
            wrong.append(f"{name} bfloat16: {n} numbers")
    return compared, wrong


def check_streams_and_graphs():
    """A call is on the current stream, and can be part of a graph."""
    import torch

    x = torch.randn(1 << 22, device="cuda")
    right = uc.log_cosh(x, 0.0)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        late = torch.zeros_like(x)
        torch.cuda._sleep(50_000_000)
        late.copy_(x)  # only after the pause: a call elsewhere would see zeros
        found = uc.log_cosh(late, 0.0)
    torch.cuda.synchronize()
    wrong = [] if torch.equal(found, right) else ["a call beside its stream"]
    graph, out = torch.cuda.CUDAGraph(), torch.empty_like(x)
    with torch.cuda.graph(graph):
        uc.log_cosh(x, 0.0, out=out)
    x.mul_(2)
    graph.replay()
    torch.cuda.synchronize()
    return wrong if torch.equal(out, uc.log_cosh(x, 0.0)) else [*wrong, "a replayed graph"]


def milliseconds(call, rounds=30):
    import torch

    for _ in range(5):
        call()
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2 * rounds)]
    for k in range(rounds):
        events[2 * k].record()
        call()
        events[2 * k + 1].record()
    torch.cuda.synchronize()
    return float(np.median([events[2 * k].elapsed_time(events[2 * k + 1]) for k in range(rounds)]))


def times(names):
    """Share of the bandwidth that a copy has, and torch beside it."""
    import torch

    n = 1 << 27
    x, y = torch.randn(n, device="cuda"), (torch.rand(n, device="cuda") > 0.5).float()
    out = [torch.empty_like(x) for _ in range(2)]
    copy = 8 * n / milliseconds(lambda: out[0].copy_(x)) / 1e6
    print(f"copy: {copy:.0f} GB/s")
    rows = []
    for name, args in losses(names):
        f, peer = getattr(uc, name), PEERS.get(name)
        second = [y] if len(args) > 1 and args[1]["role"] != "parameter" else []
        given = [x.abs().clamp_(0.01, 0.99) if args[0]["domain"] != "real" else x, *second]
        given += [a["default"] if a["default"] is not None else 0.5 for a in args[len(given) :]]
        for attribute, results in (("", 1), ("value_and_grad", 2)):
            g = getattr(f, attribute, None) if attribute else f
            if g is None:
                continue
            places = out[0] if results == 1 else tuple(out)
            t = milliseconds(lambda g=g, given=given, places=places: g(*given, out=places))
            moved = 4 * n * (1 + len(second) + results)
            row = dict(loss=name, output=attribute or "value", ms=t, share=moved / t / 1e6 / copy)
            if peer and results == 1:
                theirs = getattr(torch.nn.functional, peer)
                call = lambda theirs=theirs, given=given: theirs(given[0], y, reduction="none")
                row["torch"] = milliseconds(call)
                row["torch_compiled"] = milliseconds(torch.compile(call))
            rows.append(row)
            print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{v:32s}" for k, v in row.items()))
    return {"copy": copy, "rows": rows}


def call_overhead():
    """Microseconds of Python that a second call of a small array takes."""
    import torch

    x, best = torch.randn(64, device="cuda"), 1e9
    uc.huber_loss.value_and_grad(x, x)
    for _ in range(20):
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(200):
            uc.huber_loss.value_and_grad(x, x)
        best = min(best, (time.perf_counter() - began) / 200)
    return best * 1e6


def compile_beforehand(names):
    """All kernels of the bits' check, on many threads; they are found on disk then."""
    import torch

    began = time.perf_counter()
    jobs = []
    for name, args in losses(names):
        for dtype in (torch.float16, torch.float32, torch.float64, torch.bfloat16):
            x = torch.zeros(64, device="cuda", dtype=dtype)
            jobs += [(f, [x] * len(args)) for f in attributes(getattr(uc, name)).values()]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda job: job[0](*job[1]), jobs))
    return len(jobs), time.perf_counter() - began


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="one shape: for compute-sanitizer")
    parser.add_argument("--skip-times", action="store_true")
    parser.add_argument("--loss", nargs="*", default=[])
    parser.add_argument("--json")
    options = parser.parse_args(argv)
    if not uc.is_available():
        print("SKIPPED: no GPU, no driver, or ufloss[cuda13] is not installed")
        return 77
    import torch

    print(torch.cuda.get_device_name(), "torch", torch.__version__, "ufloss", ul.__version__)
    kernels, seconds = compile_beforehand(options.loss)
    print(f"{kernels} kernels in {seconds:.1f} s")
    calls, compared, wrong = check_bits(options.loss, options.small)
    more, wrong_bfloat16 = check_bfloat16(options.loss)
    wrong += wrong_bfloat16 + check_streams_and_graphs()
    print(f"{calls} calls, {compared + more} numbers compared with the CPU; what differs: {len(wrong)}")
    for line in wrong[:50]:
        print("  DIFFERS", line)
    report = dict(device=torch.cuda.get_device_name(), compared=compared + more, wrong=wrong)
    if not options.skip_times:
        report["overhead_us"] = call_overhead()
        print(f"a second call: {report['overhead_us']:.1f} us, with its launch")
        report["times"] = times(options.loss)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(report, file, indent=1)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
