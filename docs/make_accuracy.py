"""Measure every loss against many digits and write docs/accuracy.md.

    python docs/make_accuracy.py [POINTS]        # 10**7 points for each loss and type: about half an hour on
    two cores

50 digits for every point would take days. So points are screened first, and only the worst are measured:

float32  by the same loss in float64, of which the float32 points are arguments as they are;
float64  by the difference between instruction sets with and without fused multiply-add, whose roundings
differ, where this build has both
         (the other runs in a process of its own); else a sample is measured itself.

From the worst a climb follows: neighbours, some units in the last place away in one argument, replace them as
long as they are worse.
"""

import itertools
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import ufloss  # noqa: E402
from elementwise.errors import PARTS, ULP, bound, ulp_error  # noqa: E402
from internals import LOSSES, ROW_LOSSES, UFUNCS  # noqa: E402
from points import draw as draw_points  # noqa: E402
from reference import evaluate  # noqa: E402
from rows.cases import draw  # noqa: E402
from rows.errors import PARTS as ROW_PARTS  # noqa: E402
from rows.errors import row_errors  # noqa: E402

HEAD = """# Accuracy

Written by docs/make_accuracy.py on {isa}: {n} points for each loss. They cover the whole domain: typical
numbers, all magnitudes down to subnormals and up to the overflow threshold, neighbours of the places where a
formula changes form. In float32 all of them were compared with the same loss in float64; {wide}. From the
worst ones a climb went on to worse neighbours; the figures are of the worst of all, measured with 50 digits
beyond what the textbook form cancels, and the arguments are named. Of outputs marked *, whose terms only the
reference knows, a random sample was measured besides. No figure is a proof: a larger error may be hidden
between the points.

The figures are the largest error seen, in units in the last place (ulp) of the exact result. An output
marked * crosses 0 inside its domain: its error is counted in ulps of its largest term, and float32 data are
computed in double there where that costs digits.

The bound that the tests enforce is 4 ulp; where a free exponent amplifies every error (`gamma` of the focal
loss, `power` of the Tweedie deviance) it is 5 ulp times the exponent, where that is more; the table shows 4
ulp for an error as large as that. float16 is computed in float32 and rounded once.

What is above 4: the curvatures of logistic loss (of targets other than -1 and 1) and binary cross-entropy (of
soft labels), by up to half an ulp; the gradient of `squared_hinge_loss` where `margin - predictions *
targets` is subnormal, whose digits would cost a third of its speed. Logistic loss and binary cross-entropy in
float64 take exponentials below exp(-1330) for 0, which weights beyond 1e250 would lift, in the curvature of
logistic loss targets beyond 1e127.

| loss | output | float32 | at | float64 | at |
|---|---|---|---|---|---|
"""

ROWS = """
## Rows

The largest error of each row loss over rows of 1, 2, 7, 16, 31, 33, 100 and 300 elements: typical, confident,
tied, offset by 1e4 and with impossible classes where logits are such. A gradient counts in ulps of the row's
largest entry. An output marked * crosses 0: it counts in ulps of the largest term. The bound that the tests
enforce is 8 ulp; longer rows are compared between float32 and float64. What is above it here,
`softmax_kl_divergence` of 100 equal logits in float64, is the difference of two sums, each a hundred times
the largest term.

| loss | output | float32 | float64 |
|---|---|---|---|
"""

TAIL = """
## The vocabulary

The largest errors of the functions in `vocabulary/elementary.hpp`, with fused multiply-add: over all float32
inputs of the function's domain (2^32 of them), and over a million float64 samples an interval against quad
precision; each was run on x86-64-v3. `tests/cpp/exhaustive.cpp` measures them and fails above the stated
bounds; samples of it run with the C++ tests, all of it (six minutes) by

```sh
cmake -S . -B build/cpp -G Ninja && cmake --build build/cpp
ctest --test-dir build/cpp -C Slow -L slow --verbose
```

| function | float32, ulp | inputs | float64, ulp | samples |
|---|---|---|---|---|
| `exp` | 0.82 | 4,294,967,296 | 0.71 | 752,762 |
| `exp_nonpositive` | 0.82 | 2,147,483,648 | 0.81 | 1,000,000 |
| `exp_tail` | 0.82 | 2,147,483,648 | 0.79 | 1,000,000 |
| `exp_parts` | 0.82 | 4,294,967,296 | 0.78 | 999,953 |
| `expm1` | 1.05 | 4,294,967,296 | 1.15 | 999,942 |
| `log` | 0.96 | 4,294,967,296 | 0.63 | 1,000,000 |
| `log1p` | 0.96 | 4,294,967,296 | 0.77 | 1,000,000 |
| `log1p_unit` | 1.14 | 1,065,353,217 | 1.34 | 1,000,000 |
| `softplus_tail` | 1.62 | 4,294,967,296 | 1.58 | 1,000,000 |
| `softplus` | 1.80 | 4,294,967,296 | 1.95 | 1,000,000 |
| `sigmoid` | 1.56 | 4,294,967,296 | 1.50 | 1,000,000 |
| `tanh` | 1.43 | 4,294,967,296 | 1.30 | 1,000,000 |
| `logcosh` | 1.61 | 4,294,967,296 | 1.47 | 1,000,000 |
| `exp`, finite | - | - | 0.78 | 999,934 |
| `exp_rest` | - | - | 2.95 | 1,000,000 |
| `log`, near 1 | - | - | 0.92 | 1,000,000 |
| `log1p`, near 0 | - | - | 0.93 | 1,000,000 |
| `log_two` | - | - | 4.5e-18 relative | 1,000,000 |
| `log_two`, near 1 | - | - | 1.4e-17 relative | 1,000,000 |
| `pow_parts` | - | - | 0.75 | 828,195 |
| `pow_parts`, [0, 1] | - | - | 0.70 | 1,000,000 |
| `exp_tail`, 2 words | - | - | 0.79 | 1,000,000 |
"""


SAMPLE, FINALISTS = 400, 40  # measured with many digits: at random, and of the worst that were screened


def results(loss, part, args):
    """The output of a loss that a part is."""
    attribute, wrt = PARTS[part][0], PARTS[part][3]
    ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
    with np.errstate(all="ignore"):
        got = ufunc(*args)
    return got[wrt] if isinstance(got, tuple) else got


def leniency(loss, args):
    """By how much the bound of each point exceeds that of others."""
    return bound(loss, args) / ULP


def screened(loss, part, args):
    """An estimate of the error of float32 points, in ulp of the result."""
    got, wide = results(loss, part, args).astype(float), results(loss, part, [a.astype(float) for a in args])
    with np.errstate(all="ignore"):
        unit = np.spacing(
            np.minimum(np.maximum(abs(wide), np.finfo("f4").tiny), np.finfo("f4").max).astype("f4")
        ).astype(float)
        error = np.where(np.isfinite(got) & np.isfinite(wide), abs(got - wide) / unit, 0) / leniency(
            loss, args
        )
    return np.where(abs(wide) < float(np.finfo("f4").max), error, 0)


def measured(loss, part, args):
    """The errors of points in 50 digits, divided as the bound is."""
    _, component, term, wrt = PARTS[part]
    found = []
    for point in zip(*args, results(loss, part, args), strict=True):
        # a step of the climb may leave the domain
        outside = np.isnan(point[-1]) or not np.isfinite(point[:-1]).all()
        exact = None if outside else evaluate(loss["name"], point[:-1], wrt)
        if exact is None:
            found.append(0.0)
            continue
        largest = getattr(exact, term) if part in loss["vanishing"] else 0
        error = ulp_error(float(point[-1]), getattr(exact, component), largest, type(point[0]))
        found.append(error / leniency(loss, point))
    return np.array(found)


def neighbours(rng, loss, args, count):
    """`count` of each point, up to 2^12 units in the last place away in one argument or two, inside the
    domain.
    """
    points = [np.repeat(a, count) for a in args]
    for _ in range(2):
        which, steps = (
            rng.integers(0, len(points), len(points[0])),
            np.rint(np.exp2(rng.uniform(0, 12, len(points[0]))) * rng.choice([-1, 1], len(points[0]))),
        )
        for i, a in enumerate(points):
            with np.errstate(all="ignore"):
                moved = (a + np.where(a == 0, 0, steps * np.spacing(a))).astype(a.dtype)
            if loss["args"][i]["domain"] == "unit":
                moved = np.clip(moved, 0, 1)
            points[i] = np.where(which == i, moved, a)
    return points


def worst_of(errors, args, count):
    order = np.argsort(-errors)[:count]
    return errors[order], [a[order] for a in args]


def climb(rng, loss, error, args, rounds, count):
    """The worst points that neighbours of `args` lead to."""
    errors = error(args)
    for _ in range(rounds):
        near = neighbours(rng, loss, args, count)
        errors, args = worst_of(
            np.concatenate([errors, error(near)]),
            [np.concatenate(pair) for pair in zip(args, near, strict=True)],
            len(args[0]),
        )
    return errors, args


def largest_error(loss, part, args, other):
    """The largest error found from the points `args`, and where it is; `other` has the results of another
    instruction set.
    """
    rng = np.random.default_rng(4)
    sample = [a[:SAMPLE] for a in args]
    if args[0].dtype == np.float32:
        _, top = worst_of(screened(loss, part, args), args, 4 * FINALISTS)
        _, top = climb(rng, loss, lambda a: screened(loss, part, a), top, 30, 50)
    elif other is not None:
        got = results(loss, part, args)
        with np.errstate(all="ignore"):
            differ = (
                abs(got - other)
                / np.spacing(np.maximum(abs(got), np.finfo(float).tiny))
                / leniency(loss, args)
            )
        _, top = worst_of(np.where(np.isfinite(differ), differ, 0), args, 4 * FINALISTS)
    else:
        top = [a[SAMPLE : 3 * SAMPLE] for a in args]
    few = FINALISTS if args[0].dtype == np.float32 or other is not None else len(top[0])
    pool = [np.concatenate(pair) for pair in zip(sample, [a[:few] for a in top], strict=True)]
    errors, points = worst_of(measured(loss, part, pool), pool, 8)
    errors, points = climb(rng, loss, lambda a: measured(loss, part, a), points, 4, 5)
    return errors[0], [float(a[0]) for a in points]


def without_fma():
    """The name of an instruction set without fused multiply-add that this build has and the machine runs, or
    None.
    """
    config = ufloss.show_config(mode="dicts")
    names = [n for n in config["usable instruction sets"] if n in config["built instruction sets"]]
    return (
        next((n for n in names if n.endswith("v2")), None)
        if not config["instruction set"].endswith("v2")
        else None
    )


def results_elsewhere(isa, name, n):
    """The results of one loss in float64 on another instruction set: part by part, from a process of
    its own.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "results.npz")
        subprocess.run(
            [sys.executable, __file__, "--results", name, str(n), path],
            check=True,
            env={**os.environ, "UFLOSS_ISA": isa},
        )
        return dict(np.load(path))


def table(n, isa):
    for loss in LOSSES:
        parts = [part for part in PARTS if part in loss["parts"]]
        found = {part: [] for part in parts}
        for dtype in (np.float32, np.float64):
            other = results_elsewhere(isa, loss["name"], n) if isa and dtype is np.float64 else {}
            args = draw_points(loss, n if dtype is np.float32 or isa else 3 * SAMPLE, dtype, seed=2)
            for part in parts:
                error, point = largest_error(loss, part, args, other.get(part))
                found[part] += [f"{error:.2f}", ", ".join(map(repr, point)) if error else ""]
        for part in parts:
            print(loss["name"], part, *found[part], flush=True)
            yield (
                f"| `{loss['name']}` | {part}{'*' if part in loss['vanishing'] else ''} | "
                f"{' | '.join(found[part])} |\n"
            )


def row_table():
    for loss in ROW_LOSSES:
        logits = loss["args"][0]["name"] == "logits"
        kinds = ("usual", "confident", "ties", "offset", "impossible") if logits else ("usual",)
        for part in [p for p in loss["parts"] if p in ROW_PARTS]:
            row = []
            for dtype in (np.float32, np.float64):
                worst = 0
                for n, kind in itertools.product(
                    (1, 2, 7, 16, 31, 33, 100, 300 if part == "value" else 50), kinds
                ):
                    args = draw(loss, (2, n), dtype, seed=n + 1000, kind=kind)
                    worst = max(
                        [
                            worst,
                            *(
                                e
                                for r in range(2)
                                for e in row_errors(loss, part, [a[r] for a in args], dtype)
                            ),
                        ]
                    )
                row.append(f"{worst:.2f}")
            print(loss["name"], part, *row, flush=True)
            yield (
                f"| `{loss['name']}` | {part}{'*' if part in loss['vanishing'] else ''} | {' | '.join(row)} "
                "|\n"
            )


def filled(page):
    """The page with its prose in lines of 110 columns, none of which begins as an item of a list does;
    headings, tables and code stay as they are.
    """
    paragraphs = page.split("\n\n")
    for i, text in enumerate(paragraphs):
        if not text.lstrip().startswith(("#", "|", "```")):
            glued = re.sub(r"\s([-+*]\s)", "\N{NO-BREAK SPACE}\\1", text)
            lines = textwrap.fill(glued, 110, break_long_words=False, break_on_hyphens=False)
            paragraphs[i] = lines.replace("\N{NO-BREAK SPACE}", " ")
    return "\n\n".join(paragraphs)


def main():
    if sys.argv[1:2] == ["--results"]:
        loss = next(loss for loss in LOSSES if loss["name"] == sys.argv[2])
        args = draw_points(loss, int(sys.argv[3]), np.float64, seed=2)
        np.savez(sys.argv[4], **{part: results(loss, part, args) for part in PARTS if part in loss["parts"]})
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10**7
    isa, other = ufloss.show_config(mode="dicts")["instruction set"], without_fma()
    wide = f"in float64 only a sample of {3 * SAMPLE} points was measured"
    if other:
        wide = f"in float64 with the results of {other}, which has no fused multiply-add"
    text = (
        HEAD.format(n=f"{n:,}", isa=isa, wide=wide)
        + "".join(table(n, other))
        + ROWS
        + "".join(row_table())
        + TAIL
    )
    (ROOT / "docs" / "accuracy.md").write_text(filled(text))


if __name__ == "__main__":
    main()
