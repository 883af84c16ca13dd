"""Time `loss.mean` beside jax under jit and NumPy: one process, one thread, interleaved.

    python bench/reduce.py [--rounds 15] [--size 16000000]

A round runs every contender once, in a new order; the table shows medians of processor time in ns an element, and what reading the same
arrays takes (a dot product).  Results are compared before anything is timed.
"""

import argparse
import os
import random
import statistics
import time

os.environ.update(XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", JAX_PLATFORMS="cpu", OPENBLAS_NUM_THREADS="1")

import jax
import numpy as np
import optax

import ufloss as ul


def contenders(name, x, y):
    """(who, call) for one loss, value and gradient of the mean."""
    ours, theirs = getattr(ul, name), getattr(optax.losses, name)
    mean = jax.jit(lambda a, b: theirs(a, b).mean())
    both = jax.jit(jax.value_and_grad(lambda a, b: theirs(a, b).mean()))
    given, grad = [jax.device_put(a) for a in (x, y)], np.empty_like(x)
    yield "mean", lambda: ours.mean(x, y), lambda: mean(*given).block_until_ready(), lambda: ours(x, y).mean()
    both_of_numpy = lambda: ours.value_and_grad(x, y)[0].mean()
    yield "mean.value_and_grad", lambda: ours.mean.value_and_grad(x, y, out=(None, grad))[0], lambda: jax.block_until_ready(both(*given))[0], both_of_numpy


def median_times(calls, rounds):
    times = [[] for _ in calls]
    for _ in range(rounds):
        for i in random.sample(range(len(calls)), len(calls)):
            time.sleep(0.02)  # until idle threads of a peer have stopped spinning
            began = time.process_time()
            calls[i]()
            times[i].append(time.process_time() - began)
    return [statistics.median(t) for t in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=16_000_000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.normal(size=args.size).astype("f4")
    labels = (rng.random(args.size) < 0.5).astype("f4")
    print(f"{ul.show_config('dicts')}\noptax {optax.__version__}, jax {jax.__version__}; {args.size} float32, ns an element")
    print(f"{'loss':30} {'output':20} {'ufloss':>7} {'optax':>7} {'array, then mean':>17} {'reading':>8}")
    for name in ("squared_error", "huber_loss", "sigmoid_binary_cross_entropy"):
        for output, ours, theirs, plain in contenders(name, x, labels):
            np.testing.assert_allclose(ours(), theirs(), rtol=1e-3)
            figures = [t / args.size * 1e9 for t in median_times([ours, theirs, plain, lambda: np.dot(x, labels)], args.rounds)]
            print(f"{name:30} {output:20} {figures[0]:7.3f} {figures[1]:7.3f} {figures[2]:17.3f} {figures[3]:8.3f}", flush=True)


if __name__ == "__main__":
    main()
