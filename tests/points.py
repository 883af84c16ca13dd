"""Points for the accuracy tests: drawn from each argument's domain, so that a new loss brings its own."""

import numpy as np

SPECIAL = {
    np.float32: [
        0.0,
        1.0,
        0.5,
        2.0,
        88.0,
        104.0,
        1e-3,
        1e-8,
        1e-30,
        1e-38,
        3e-39,
        1e4,
        1e30,
        3e38,
        0.6931472,
        20.0,
        17.0,
    ],
    np.float64: [
        0.0,
        1.0,
        0.5,
        2.0,
        709.0,
        746.0,
        1e-3,
        1e-8,
        1e-160,
        1e-300,
        3e-310,
        1e4,
        1e160,
        1e308,
        0.6931471805599453,
        37.0,
        20.0,
    ],
}


def reals(rng, n, dtype):
    """Signed numbers: typical ones, all magnitudes, and the places where functions change form."""
    info = np.finfo(dtype)
    wide = np.exp2(
        rng.uniform(np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)), n)
    ) * rng.choice([-1.0, 1.0], n)
    middle = 10 ** rng.uniform(-6, 4, n) * rng.choice([-1.0, 1.0], n)
    special = rng.choice(SPECIAL[dtype], n) * rng.choice([-1.0, 1.0], n)
    kind = rng.choice(5, n, p=[0.35, 0.15, 0.25, 0.1, 0.15])
    return np.choose(kind, [rng.normal(0, 3, n), wide, middle, special, rng.uniform(-110, 110, n)]).astype(
        dtype
    )


def probabilities(rng, n, dtype):
    """Numbers in [0, 1]: typical, near either end, the ends themselves."""
    near = 10 ** rng.uniform(-12, 0, n)
    kind = rng.choice(5, n)
    return np.choose(kind, [rng.uniform(0, 1, n), near, 1 - near, np.zeros(n), np.ones(n)]).astype(dtype)


def tweedie_powers(rng, n, dtype):
    """Usual ones, and neighbours of the three where the formula changes form."""
    usual = rng.choice([0.0, 1.0, 1.1, 1.25, 1.5, 1.75, 1.9, 2.0, 2.5, 3.0, -0.5, -3.7, 7.3], n)
    steps = 10 ** rng.uniform(-16, -1, n)
    near = np.choose(rng.choice(4, n), [1 + steps, 2 + steps, 2 - steps, -steps])
    return np.where(rng.random(n) < 0.6, usual, near).astype(dtype)


DRAW = {
    "real": reals,
    "unit": probabilities,
    "nonnegative": lambda rng, n, dtype: np.where(
        rng.random(n) < 0.3, rng.integers(0, 20, n), np.abs(reals(rng, n, dtype))
    ).astype(dtype),
    "positive": lambda rng, n, dtype: np.maximum(
        np.abs(reals(rng, n, dtype)), np.finfo(dtype).smallest_subnormal
    ).astype(dtype),
    "sign": lambda rng, n, dtype: np.where(
        rng.random(n) < 0.6, rng.choice([-1.0, 1.0], n), reals(rng, n, dtype)
    ).astype(dtype),
    "truth": lambda rng, n, dtype: rng.choice([0.0, 1.0, 0.5, -1.0], n).astype(dtype),
    "tweedie_power": tweedie_powers,
}
DRAW["optional_unit"] = lambda rng, n, dtype: np.where(
    rng.random(n) < 0.2, -1, probabilities(rng, n, dtype)
).astype(dtype)
DRAW["tweedie_target"] = DRAW["nonnegative"]


def draw(loss, n, dtype, seed=0):
    """One array of `n` for each argument of a loss."""
    rng = np.random.default_rng(seed)
    args = [DRAW[a["domain"]](rng, n, dtype) for a in loss["args"]]
    for i, a in enumerate(loss["args"]):
        if a["role"] == "parameter":  # half of the time the default, the rest of ordinary size
            usual = (
                np.clip(np.abs(args[i]), 1e-3, 1e3) if a["domain"] in ("nonnegative", "positive") else args[i]
            )
            usual = (
                np.where(rng.random(n) < 0.2, args[i], usual)
                if a["name"] != loss["exponent"]
                else np.clip(usual, 0, 5)
            )
            args[i] = np.where(rng.random(n) < 0.5, dtype(a["default"]), usual.astype(dtype)).astype(dtype)
    # neighbours of the first input, and pairs whose difference overflows
    if len(args) > 1 and loss["args"][1]["domain"] == "real":
        kind, largest = rng.random(n), np.finfo(dtype).max * rng.uniform(0.3, 1, (2, n)).astype(dtype)
        args[1] = np.where(
            kind < 0.15, args[0] * (1 + dtype(rng.choice([0, 1e-7, 1e-3, -1e-7]))), args[1]
        ).astype(dtype)
        args[0], args[1] = np.where(kind > 0.95, [largest[0], -largest[1]], args[:2])
    return [np.where(np.isfinite(a), a, dtype(1)) for a in args]
