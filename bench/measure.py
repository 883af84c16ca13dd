"""Interleaved rounds on the clock of the processor, and arrays on whole pages."""

import gc
import time

import numpy as np


def measure(calls, rounds, target=2e-3):
    """Nanoseconds a call, `rounds` samples each, interleaved; a sample repeats short calls until it takes
    about `target` seconds.
    """
    rng = np.random.default_rng(0)
    names, repeats, samples = list(calls), {}, {name: [] for name in calls}
    for name, call in calls.items():
        call()
        start = time.process_time()
        call()
        repeats[name] = max(1, round(target / max(time.process_time() - start, 1e-7)))
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        rng.shuffle(names)
        for name in names:
            call, n = calls[name], range(repeats[name])
            start = time.process_time()
            for _ in n:
                call()
            samples[name].append((time.process_time() - start) / len(n) * 1e9)
    gc.enable()
    return samples


def aligned(size, dtype):
    """An empty array on a whole page, so that rows do not differ by where the allocator happens to put
    things.

    Stores a few cache lines ahead of loads, modulo a page, cost up to 15 %: adjacent pieces of a heap are
    placed like that, big mapped arrays are not.
    """
    raw = np.empty(size * dtype.itemsize + 4096, np.uint8)
    start = -raw.ctypes.data % 4096
    return raw[start : start + size * dtype.itemsize].view(dtype)
