"""The row losses and their ufuncs as parameters of tests, and arguments for them."""

import itertools
import math

import numpy as np
import pytest

import ufloss as ul
from internals import ROW_LOSSES, UFUNCS

INF, NAN = math.inf, math.nan
by_name = pytest.mark.parametrize("loss", ROW_LOSSES, ids=lambda loss: loss["name"])
CASES = [
    pytest.param(loss, attribute, id=f"{loss['name']}.{attribute}".removesuffix("."))
    for loss in ROW_LOSSES
    for attribute in loss["outputs"]
]
by_ufunc = pytest.mark.parametrize(("loss", "attribute"), CASES)


def losses_that(have):
    """Those losses to which something applies."""
    return pytest.mark.parametrize(
        "loss", [loss for loss in ROW_LOSSES if have(loss)], ids=lambda loss: loss["name"]
    )


def ufunc_of(loss, attribute=""):
    value = UFUNCS[loss["name"]]
    return getattr(value, attribute) if attribute else value


def along(loss):
    return [a["along"] for a in loss["args"]]


def draw(loss, shape, dtype=np.float64, seed=0, kind="usual"):
    """Arguments with rows along the last axis of `shape`."""
    rng = np.random.default_rng(seed)
    n, args = shape[-1], []
    for a in loss["args"]:
        if a["role"] == "label":
            args.append(rng.integers(0, n, shape[:-1]))
        elif a["role"] == "parameter" and a["along"]:
            args.append(rng.uniform(0.5, 2, shape).astype(dtype))
        elif a["domain"] == "sign":
            args.append(rng.choice([-1, 1], shape[:-1]).astype(dtype))
        elif a["role"] == "parameter":
            args.append(np.full(shape[:-1], 0.1 if a["default"] is None else a["default"], dtype))
        elif a["role"] == "prediction" and a["domain"] in ("unit", "nonnegative"):
            args.append(rng.uniform(0.01, 1, shape).astype(dtype))
        elif a["domain"] in ("unit", "nonnegative"):
            weights = rng.random(shape) * (rng.random(shape) < 0.7)
            args.append((weights / np.maximum(weights.sum(-1, keepdims=True), 1e-3)).astype(dtype))
        else:
            x = rng.normal(0, 3, shape)
            weighted = len(loss["args"]) > 1 and loss["args"][1]["domain"] in ("unit", "nonnegative", "label")
            if a["name"] != "logits" and (kind != "impossible" or not weighted):
                kind = "usual"
            if kind == "confident":
                np.put_along_axis(
                    x,
                    rng.integers(0, n, shape[:-1])[..., None],
                    rng.uniform(20, 80, shape[:-1])[..., None],
                    -1,
                )
            if kind == "ties":
                x = np.round(x / 3)
            if kind == "offset":
                x += 1e4 * rng.choice([-1, 1], (*shape[:-1], 1))
            if kind == "impossible":
                x[rng.random(shape) < 0.3] = -INF
                x[..., 0] = 1
            if a["role"] == "target":
                x = rng.normal(0, 3, shape)
            args.append(x.astype(dtype))
    if kind == "impossible":  # what cannot be has no weight, and is no label
        x = args[0]
        for i, a in enumerate(loss["args"]):
            if a["role"] == "label":
                args[i] = np.zeros_like(args[i])
            elif i and a["along"] and a["role"] == "target":
                args[i] = np.where(np.isinf(x), 0, args[i]).astype(dtype)
    return args


def of_kinds(*kinds):
    """Every loss with each kind of data that differs from the usual for it."""
    cases = []
    for loss, kind in itertools.product(ROW_LOSSES, kinds):
        usual, other = draw(loss, (20, 7)), draw(loss, (20, 7), kind=kind)
        if kind == "usual" or not all(map(np.array_equal, usual, other)):
            cases.append(pytest.param(loss, kind, id=f"{loss['name']}-{kind}"))
    return pytest.mark.parametrize(("loss", "kind"), cases)


INTEGER = ul.softmax_cross_entropy_with_integer_labels
CE, INTEGER = ul.softmax_cross_entropy, ul.softmax_cross_entropy_with_integer_labels
