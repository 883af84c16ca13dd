"""Time NT-Xent beside optax under jit: one process, one thread, interleaved.

    python bench/ntxent.py [--rounds 15] [--slow-rounds 2]

A round runs every contender once, in a new order; the table shows medians of processor time, and the ratio of
minima beside that of medians, since on a shared machine other work slows one contender more than another.
Labels are pairs (each label twice) and seven classes.  Results are compared before anything is timed.
optax's gradient takes seconds and has rounds of its own.
"""

import argparse
import resource

from interleaved import check, in_ufloss, np, optax, times_of, under_jit, versions
from interleaved import ufloss as ul

SHAPES = [(128, 128), (512, 128), (2048, 128)]


def draw(shape, kind):
    """Embeddings in float32, labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(shape[0]) % (shape[0] // 2) if kind == "pairs" else rng.integers(0, 7, shape[0])
    return rng.normal(size=shape).astype("f4"), labels


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slow-rounds", type=int, default=2)
    options = parser.parse_args()
    print(versions())
    x, labels = draw(SHAPES[-1], "pairs")
    out = np.zeros((), "f4"), np.zeros_like(x)
    before = peak()
    ul.ntxent_loss.value_and_grad(x, labels, out=out)
    print(f"extra memory of value_and_grad at {SHAPES[-1]}: {(peak() - before) / 1e6:.1f} MB")
    print(
        f"{'shape':>12} {'labels':8} {'output':15} {'ufloss ms':>10} {'optax ms':>10} {'ratio':>6} "
        f"{'minima':>7} {'GFLOP/s':>8}"
    )
    for shape in SHAPES:
        for kind in ("pairs", "classes"):
            x, labels = draw(shape, kind)
            peer = under_jit(optax.losses.ntxent, x, labels)
            for output, ours in in_ufloss(ul.ntxent_loss, (x, labels), np.empty((), "f4")).items():
                theirs = peer[output]
                check(ours(), theirs(), 1e-4, 1e-6)
                slow = output == "value_and_grad" and shape[0] > 128
                (a, least_a), (b, least_b) = times_of(
                    [ours, theirs], options.slow_rounds if slow else options.rounds
                )
                if slow:  # a median of two says little
                    ((a, least_a),) = times_of([ours], options.rounds)
                work = shape[0] ** 2 * shape[1] * (1 if output == "value" else 4)
                ratios = f"{b / a:6.1f} {least_b / least_a:7.1f}"
                print(
                    f"{shape!s:>12} {kind:8} {output:15} {a * 1e3:10.3f} {b * 1e3:10.1f} {ratios} "
                    f"{work / least_a / 1e9:8.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
