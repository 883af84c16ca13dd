"""NT-Xent and the supervised contrastive loss as parameters of tests, and arguments for them."""

import math

import numpy as np
import pytest

from internals import PAIR_LOSSES, UFUNCS

NAN = math.nan
NAMES = [loss["name"] for loss in PAIR_LOSSES if any(a["role"] == "label" for a in loss["args"])]
UFUNC_OF = {
    f"{name}.{a}".removesuffix("."): getattr(UFUNCS[name], a) if a else UFUNCS[name]
    for name in NAMES
    for a in ("", "grad", "value_and_grad")
}
by_name = pytest.mark.parametrize("name", NAMES)
by_ufunc = pytest.mark.parametrize("ufunc", UFUNC_OF.values(), ids=UFUNC_OF)


def draw(batch, numbers, kind="pairs", scale=1.0, seed=0, dtype=np.float64):
    rng = np.random.default_rng([batch, numbers, seed])
    labels = {
        "pairs": np.arange(batch) // 2,
        "two views": np.arange(batch) % ((batch + 1) // 2),
        "classes": rng.integers(-3, 4, batch),
        "random": rng.integers(0, batch, batch),
        "one": np.full(batch, 9),
        "halves": np.arange(batch) % 2,
    }[kind]
    x = rng.normal(0, 1, (batch, numbers))
    x += 0.7 * rng.normal(0, 1, (batch, numbers))[labels % batch]
    return (x * scale).astype(dtype), labels
