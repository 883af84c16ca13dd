"""Time row losses beside optax under jit: one process, one thread, interleaved.

    python bench/rows.py [--rounds 15]

A round runs every contender once, in a new order; the table shows medians of processor time in nanoseconds per logit.  Results are
compared before anything is timed.
"""

import argparse
import os
import random
import statistics
import time

os.environ.update(XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", JAX_PLATFORMS="cpu")

import jax
import numpy as np
import optax

import ufloss as ul

INTEGER, DENSE, DIVERGENCE = ul.softmax_cross_entropy_with_integer_labels, ul.softmax_cross_entropy, ul.kl_divergence
CASES = [
    *[(shape, INTEGER, optax.losses.softmax_cross_entropy_with_integer_labels) for shape in [(65536, 10), (4096, 1000), (256, 32000)]],
    ((4096, 1000), DENSE, optax.losses.softmax_cross_entropy),
    ((4096, 1000), DIVERGENCE, optax.losses.kl_divergence),
    ((65536, 128), ul.cosine_similarity, optax.losses.cosine_similarity),
]


def arguments(shape, loss):
    """Typical data, float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 3, shape).astype("f4")
    if loss is INTEGER:
        return x, rng.integers(0, shape[-1], shape[0])
    if loss is ul.cosine_similarity:
        return x, rng.normal(0, 3, shape).astype("f4")
    y = ul.softmax(rng.normal(0, 3, shape).astype("f4"))
    return (ul.log_softmax(x) if loss is DIVERGENCE else x), y


def contenders(loss, peer, args):
    """(output, ours, theirs), each a call without arguments."""
    given = [jax.device_put(a) for a in args]
    value = jax.jit(peer)
    both = jax.jit(lambda x, y: jax.vjp(lambda z: peer(z, y), x)[0:1] + jax.vjp(lambda z: peer(z, y), x)[1](jax.numpy.ones(x.shape[:-1])))
    rows, grad = np.empty(args[0].shape[:-1], "f4"), np.empty_like(args[0])
    yield "value", lambda: loss(*args, out=rows), lambda: value(*given).block_until_ready()
    yield "value_and_grad", lambda: loss.value_and_grad(*args, out=(rows, grad)), lambda: jax.block_until_ready(both(*given))


def check(ours, theirs):
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, theirs)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def median_times(calls, rounds):
    times = [[] for _ in calls]
    for _ in range(rounds):
        for i in random.sample(range(len(calls)), len(calls)):
            began = time.process_time()
            calls[i]()
            times[i].append(time.process_time() - began)
    return [statistics.median(t) for t in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{ul.show_config('dicts')}\noptax {optax.__version__}, jax {jax.__version__}")
    print(f"{'loss':45} {'output':15} {'shape':>14} {'ufloss':>8} {'optax':>8} {'ratio':>6}")
    for shape, loss, peer in CASES:
        args = arguments(shape, loss)
        for output, ours, theirs in contenders(loss, peer, args):
            check(ours(), theirs())
            a, b = (t / args[0].size * 1e9 for t in median_times([ours, theirs], rounds))
            print(f"{loss.__name__:45} {output:15} {shape!s:>14} {a:8.3f} {b:8.3f} {b / a:6.2f}", flush=True)


if __name__ == "__main__":
    main()
