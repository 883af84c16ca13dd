"""Time row losses beside optax under jit, and SimSIMD where it is installed: one process, one thread, interleaved.

    python bench/rows.py [--rounds 15]

A round runs every contender once, in a new order; the table shows medians of processor time in nanoseconds per logit.  Results are
compared before anything is timed.
"""

import argparse
import inspect
import os
import random
import statistics
import time

os.environ.update(XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", JAX_PLATFORMS="cpu")

import jax
import numpy as np
import optax

import ufloss as ul

try:
    import simsimd
except ImportError:
    simsimd = None

INTEGER, DENSE, DIVERGENCE = ul.softmax_cross_entropy_with_integer_labels, ul.softmax_cross_entropy, ul.kl_divergence
CASES = [
    *[(shape, INTEGER, optax.losses.softmax_cross_entropy_with_integer_labels) for shape in [(65536, 10), (4096, 1000), (256, 32000)]],
    ((4096, 1000), DENSE, optax.losses.softmax_cross_entropy),
    ((4096, 1000), DIVERGENCE, optax.losses.kl_divergence),
    ((65536, 128), ul.cosine_similarity, optax.losses.cosine_similarity),
    ((65536, 128), ul.cosine_distance, optax.losses.cosine_distance),
    ((4096, 1000), ul.multiclass_hinge_loss, optax.losses.multiclass_hinge_loss),
    ((4096, 1000), ul.multiclass_sparsemax_loss, optax.losses.multiclass_sparsemax_loss),
    ((65536, 128), ul.triplet_margin_loss, optax.losses.triplet_margin_loss),
]


def arguments(shape, loss):
    """Typical data, float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 3, shape).astype("f4")
    if "labels" in inspect.signature(loss).parameters and loss is not DENSE:
        return x, rng.integers(0, shape[-1], shape[0])
    if loss in (ul.cosine_similarity, ul.cosine_distance):
        return x, rng.normal(0, 3, shape).astype("f4")
    if loss is ul.triplet_margin_loss:
        return x, *rng.normal(0, 3, (2, *shape)).astype("f4")
    y = ul.softmax(rng.normal(0, 3, shape).astype("f4"))
    return (ul.log_softmax(x) if loss is DIVERGENCE else x), y


def contenders(loss, peer, args):
    """(output, ours, {name: theirs}), each a call without arguments."""
    given = [jax.device_put(a) for a in args]
    value = jax.jit(peer)
    both = jax.jit(lambda x, *y: jax.vjp(lambda z: peer(z, *y), x)[0:1] + jax.vjp(lambda z: peer(z, *y), x)[1](jax.numpy.ones(x.shape[:-1])))
    rows, grad = np.empty(args[0].shape[:-1], "f4"), np.empty_like(args[0])
    peers = {"optax": lambda: value(*given).block_until_ready()}
    if simsimd and loss is ul.cosine_distance:
        peers["simsimd"] = lambda: np.array(simsimd.cosine(*args), "f4")
    yield "value", lambda: loss(*args, out=rows), peers
    yield "value_and_grad", lambda: loss.value_and_grad(*args, out=(rows, grad)), {"optax": lambda: jax.block_until_ready(both(*given))}


def check(ours, theirs):
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, theirs)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


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
    rounds = parser.parse_args().rounds
    print(f"{ul.show_config('dicts')}\noptax {optax.__version__}, jax {jax.__version__}")
    print(f"{'loss':45} {'output':15} {'shape':>14} {'ufloss':>8} {'best peer':>18} {'ratio':>6}")
    for shape, loss, peer in CASES:
        args = arguments(shape, loss)
        for output, ours, peers in contenders(loss, peer, args):
            for theirs in peers.values():
                check(ours(), theirs())
            a, *others = (t / args[0].size * 1e9 for t in median_times([ours, *peers.values()], rounds))
            b, name = min(zip(others, peers, strict=True))
            print(f"{loss.__name__:45} {output:15} {shape!s:>14} {a:8.3f} {name:>9} {b:8.3f} {b / a:6.2f}", flush=True)


if __name__ == "__main__":
    main()
