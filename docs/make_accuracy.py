"""Measure every loss against 50 digits and write docs/accuracy.md.

    python docs/make_accuracy.py [POINTS]        # 1000 points for each loss, output and type: some minutes
"""

import itertools
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import ufloss  # noqa: E402
from test_accuracy import PARTS, bound, errors  # noqa: E402
from test_rows import PARTS as ROW_PARTS  # noqa: E402
from test_rows import draw, row_errors  # noqa: E402
from ufloss._registry import LOSSES, ROW_LOSSES  # noqa: E402

HEAD = """# Accuracy

Written by docs/make_accuracy.py from {n} points for each loss, output and type, on {isa}. The points cover the whole domain: typical
numbers, all magnitudes down to subnormals and up to the overflow threshold, neighbours of the places where a formula changes form.
The reference has 50 digits beyond what the textbook form cancels.

The figures are the largest error seen, in units in the last place (ulp) of the exact result. An output marked * crosses 0 inside its
domain: its error is counted in ulps of its largest term, and float32 data are computed in double there where that costs digits.

The bound that the tests enforce is 4 ulp; where a free exponent amplifies every error (`gamma` of the focal loss, `power` of the Tweedie
deviance) it is 4 ulp times the exponent, from 1 on; the table shows the error divided by that factor. float16 is computed in float32 and
rounded once.

| loss | output | float32 | float64 |
|---|---|---|---|
"""

ROWS = """
## Rows

The largest error of each row loss over rows of 1, 2, 7, 16, 31, 33, 100 and 300 elements: typical, confident, tied, offset by 1e4 and with
impossible classes where logits are such. A gradient counts in ulps of the row's largest entry. An output marked * crosses 0: it counts in
ulps of the largest term. The bound that the tests enforce is 8 ulp; longer rows are compared between float32 and float64. What is
above it here, `softmax_kl_divergence` of 100 equal logits in float64, is the difference of two sums, each a hundred times the largest term.

| loss | output | float32 | float64 |
|---|---|---|---|
"""

TAIL = """
## The vocabulary

The largest errors of the functions in `core/elementary.hpp`, with fused multiply-add: over all float32 inputs of the function's domain
(2^32 of them), and over a million float64 samples an interval against quad precision; each was run on x86-64-v3. `tests/cpp/exhaustive.cpp`
measures them and fails above the stated bounds; samples of it run with the C++ tests, all of it (six minutes) by

```sh
cmake -S . -B build/cpp -G Ninja && cmake --build build/cpp && ctest --test-dir build/cpp -C Slow -L slow --verbose
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


def table(n):
    for loss in LOSSES:
        for part in PARTS:
            if part in loss["parts"]:
                row = []
                for dtype in (np.float32, np.float64):
                    worst = max(e / (bound(loss, point) / 4) for e, point in errors(loss, part, dtype, n, seed=2))
                    row.append(f"{worst:.2f}")
                print(loss["name"], part, *row, flush=True)
                yield f"| `{loss['name']}` | {part}{'*' if part in loss['vanishing'] else ''} | {' | '.join(row)} |\n"


def row_table():
    for loss in ROW_LOSSES:
        logits = loss["args"][0]["name"] == "logits"
        kinds = ("usual", "confident", "ties", "offset", "impossible") if logits else ("usual",)
        for part in [p for p in loss["parts"] if p in ROW_PARTS]:
            row = []
            for dtype in (np.float32, np.float64):
                worst = 0
                for n, kind in itertools.product((1, 2, 7, 16, 31, 33, 100, 300 if part == "value" else 50), kinds):
                    args = draw(loss, (2, n), dtype, seed=n + 1000, kind=kind)
                    worst = max([worst, *(e for r in range(2) for e in row_errors(loss, part, [a[r] for a in args], dtype))])
                row.append(f"{worst:.2f}")
            print(loss["name"], part, *row, flush=True)
            yield f"| `{loss['name']}` | {part}{'*' if part in loss['vanishing'] else ''} | {' | '.join(row)} |\n"


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    isa = ufloss.show_config(mode="dicts")["instruction set"]
    (ROOT / "docs" / "accuracy.md").write_text(HEAD.format(n=n, isa=isa) + "".join(table(n)) + ROWS + "".join(row_table()) + TAIL)


if __name__ == "__main__":
    main()
