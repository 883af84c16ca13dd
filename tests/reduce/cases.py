"""The losses that have `sum` and `mean`, and arguments for them."""

import numpy as np
import pytest

import ufloss as ul
from internals import LOSSES, ROW_LOSSES
from points import draw

REDUCED = [loss for loss in [*LOSSES, *ROW_LOSSES] if not loss["row_value"]]
by_loss = pytest.mark.parametrize("loss", REDUCED, ids=lambda loss: loss["name"])
CE = ul.softmax_cross_entropy_with_integer_labels


def operands(loss, shape, classes=5, dtype=np.float64):
    """Usual arguments of a loss: its values have that shape; a row has `classes` elements."""
    rng = np.random.default_rng(0)
    if loss["dims"] != "n":
        size = int(np.prod(shape))
        drawn = draw(loss, size, np.float64 if np.dtype(dtype) == np.float64 else np.float32)
        return [np.clip(np.where(np.isfinite(a), a, 1), -50, 50).reshape(shape).astype(dtype) for a in drawn]
    made = []
    for a in loss["args"]:
        if a["role"] == "label":
            made.append(rng.integers(0, classes, shape))
        elif a["along"]:
            p = rng.random((*shape, classes)) + 0.1
            made.append((p / p.sum(-1, keepdims=True)).astype(dtype))
        else:
            made.append(
                np.full(shape, a["default"] if a["default"] is not None else rng.choice([-1.0, 1.0]), dtype)
            )
    return made


def weights_word(loss):
    return "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"
