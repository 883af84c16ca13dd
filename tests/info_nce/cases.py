"""InfoNCE and its symmetric form as parameters of tests, arguments for them, and what they should be."""

import math

import mpmath
import numpy as np
import pytest

from internals import PAIR_LOSSES, UFUNCS

NAN = math.nan
LOSSES = [loss for loss in PAIR_LOSSES if all(a["role"] != "label" for a in loss["args"])]
NAMES = [loss["name"] for loss in LOSSES]
UFUNC_OF = {
    f"{loss['name']}.{a}".removesuffix("."): getattr(UFUNCS[loss["name"]], a) if a else UFUNCS[loss["name"]]
    for loss in LOSSES
    for a in loss["outputs"]
}
by_name = pytest.mark.parametrize("name", NAMES)
by_ufunc = pytest.mark.parametrize("ufunc", UFUNC_OF.values(), ids=UFUNC_OF)


def every(name, *args, **keywords):
    """Value, both gradients and the slope in the temperature."""
    return UFUNC_OF[f"{name}.value_and_grads"](*args, **keywords)


def draw(batch, numbers, near=0.7, scale=1.0, seed=0, dtype=np.float64):
    """Queries, and keys that lie `near` them."""
    rng = np.random.default_rng([batch, numbers, seed])
    queries = rng.normal(0, 1, (batch, numbers))
    keys = rng.normal(0, 1, (batch, numbers)) + near * queries
    return (queries * scale).astype(dtype), (keys * scale).astype(dtype)


def one_way(s):
    """The mean over the rows of log(sum of exp(s)) less the diagonal, and its slopes."""
    n = len(s)
    apart = np.where(np.eye(n, dtype=bool), -np.inf, s - np.diagonal(s)[:, None])
    top = np.maximum(apart.max(-1, keepdims=True), 0)
    others = np.exp(apart - top)
    rest = others.sum(-1, keepdims=True)
    whole = rest + np.exp(-top)
    value = np.where(top > 0, top + np.log(whole), np.log1p(rest)).mean()
    return value, (others / whole - np.diag((rest / whole)[:, 0])) / n


def directions(x):
    length = np.sqrt((x * x).sum(-1, keepdims=True))
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0), length


def textbook(name, queries, keys, temperature):
    """Value and slopes from arrays of all pairs, in long double."""
    u, u_length = directions(queries.astype(np.longdouble))
    v, v_length = directions(keys.astype(np.longdouble))
    heat = np.longdouble(temperature)
    s = u @ v.T / heat
    own = np.diagonal(s)
    value, slopes = one_way(s)
    # the slopes of each row have the sum 0: its own product may be taken off
    of_heat = -(slopes * (s - own[:, None])).sum() / heat
    if name == "clip_loss":
        back, back_slopes = one_way(s.T)
        of_heat = (of_heat - (back_slopes * (s.T - own[:, None])).sum() / heat) / 2
        value, slopes = (value + back) / 2, (slopes + back_slopes.T) / 2

    def of_vectors(g, direction, length):
        g = g - (g * direction).sum(-1, keepdims=True) * direction
        return np.divide(g, length, out=np.zeros_like(g), where=length > 0)

    return (
        value,
        of_vectors(slopes @ v / heat, u, u_length),
        of_vectors(slopes.T @ u / heat, v, v_length),
        of_heat,
    )


def exact(name, queries, keys, temperature):
    """Value in many digits, straight from its definition."""

    def direction(x):
        length = mpmath.sqrt(sum(mpmath.mpf(float(e)) ** 2 for e in x))
        return [mpmath.mpf(float(e)) / length for e in x]

    with mpmath.workdps(60):
        u, v = [direction(x) for x in queries], [direction(x) for x in keys]
        n, heat = len(u), mpmath.mpf(float(temperature))
        s = [[sum(a * b for a, b in zip(p, q, strict=True)) / heat for q in v] for p in u]

        def mean(rows):
            return sum(mpmath.log(sum(map(mpmath.exp, row))) - row[i] for i, row in enumerate(rows)) / n

        value = mean(s)
        if name == "clip_loss":
            value = (value + mean([list(column) for column in zip(*s, strict=True)])) / 2
        return value


def off_by(dtype, temperature):
    """How far a cosine over the temperature may be off."""
    return 8 * float(np.finfo(dtype).eps) * max(1, 1 / float(temperature))


def pull_of_one(x, temperature):
    """How large a term of a gradient can be; the sum may vanish."""
    lengths = np.sqrt((x.astype(float) ** 2).sum(-1))
    return 1 / (float(temperature) * lengths[lengths > 0].min() * len(x))
