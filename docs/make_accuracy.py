"""Measure every loss against 50 digits and write docs/accuracy.md.

    python docs/make_accuracy.py [POINTS]        # 1000 points for each loss, output and type: some minutes
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import ufloss  # noqa: E402
from test_accuracy import PARTS, bound, errors  # noqa: E402
from ufloss._registry import LOSSES  # noqa: E402

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

TAIL = """
## The vocabulary

`core/elementary.hpp` states the largest error of each function, in ulp over all 2^32 float32 inputs and over sampled float64 inputs
against quad precision, with fused multiply-add (the same bits on x86-64-v3 and v4). `tests/cpp/exhaustive.cpp` measures them and fails
above the bounds; samples of it run with the C++ tests, all of it by

```sh
cmake -S . -B build/cpp -G Ninja && cmake --build build/cpp && ctest --test-dir build/cpp -C Slow -L slow --verbose
```
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


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    isa = ufloss.show_config(mode="dicts")["instruction set"]
    (ROOT / "docs" / "accuracy.md").write_text(HEAD.format(n=n, isa=isa) + "".join(table(n)) + TAIL)


if __name__ == "__main__":
    main()
