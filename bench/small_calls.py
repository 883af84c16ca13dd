"""What a call costs where the arithmetic costs nothing."""

import time
import timeit

import numpy as np

from registry import UFUNCS

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
