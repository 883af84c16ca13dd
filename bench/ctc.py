"""Time CTC beside optax under jit: one process, one thread, interleaved.

    python bench/ctc.py [--rounds 7] [--cases all|small]

A round runs every contender once, in a new order; the table shows medians of processor time.  Data are normal logits of scale 1 and 4, of
scale 20, which takes the exact path, and peaked ones as of a trained network.  Results are compared before anything is timed.
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

SHAPES = [(16, 400, 32, 60), (32, 1000, 64, 120), (64, 50, 5000, 12)]
DATA = ["scale 1", "scale 4", "trained", "scale 20"]


def draw(shape, kind):
    """Logits, labels: (batch, frames, classes) in float32, (batch, labels)."""
    batch, frames, classes, n = shape
    rng = np.random.default_rng(0)
    labels = rng.integers(1, classes, (batch, n))
    logits = rng.normal(0, 1, (batch, frames, classes))
    if kind == "trained":
        target = np.zeros((batch, frames), int)
        for row, label in zip(target, labels, strict=True):
            row[np.sort(rng.choice(frames // 2, n, replace=False)) * 2] = label
        logits[np.arange(batch)[:, None], np.arange(frames), target] += 12
    else:
        logits *= float(kind.split()[1])
    return logits.astype("f4"), labels


def contenders(logits, labels):
    """(output, ours, theirs), each a call without arguments."""
    zeros, none = np.zeros(logits.shape[:2], "f4"), np.zeros(labels.shape, "f4")
    given = [jax.device_put(a) for a in (logits, zeros, labels, none)]
    value = jax.jit(optax.losses.ctc_loss)

    @jax.jit
    def both(x, *rest):
        loss, back = jax.vjp(lambda z: optax.losses.ctc_loss(z, *rest), x)
        return loss, *back(jax.numpy.ones(len(x)))

    loss, grad = np.empty(len(logits), "f4"), np.empty_like(logits)
    yield "value", lambda: ul.ctc.loss(logits, labels, out=loss), lambda: value(*given).block_until_ready()
    yield "value_and_grad", lambda: ul.ctc.loss.value_and_grad(logits, labels, out=(loss, grad)), lambda: jax.block_until_ready(both(*given))


def check(ours, theirs):
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, theirs)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=0.05)


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
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{ul.show_config('dicts')}\noptax {optax.__version__}, jax {jax.__version__}")
    print(f"{'shape':>20} {'data':9} {'output':15} {'ufloss ms':>10} {'optax ms':>10} {'ratio':>6} {'ns a cell':>10}")
    for shape in SHAPES:
        for kind in DATA:
            logits, labels = draw(shape, kind)
            for output, ours, theirs in contenders(logits, labels):
                check(ours(), theirs())
                a, b = median_times([ours, theirs], rounds)
                cells = shape[0] * shape[1] * (2 * shape[3] + 1)
                print(f"{shape!s:>20} {kind:9} {output:15} {a * 1e3:10.2f} {b * 1e3:10.1f} {b / a:6.1f} {a / cells * 1e9:10.3f}", flush=True)


if __name__ == "__main__":
    main()
