"""Time `loss.mean` beside optax under jit, torch, torch.compile and NumPy: one process, one thread,
interleaved.

    python bench/reduce.py [--rounds 15] [--size 4194304]
    python bench/reduce.py --layouts

A round runs every contender once, in a new order; the table shows medians of processor time in ns an element,
the ratio to the best peer and that of minima, and what reading the same arrays takes (a dot product).
Results are compared before anything is timed.
"""

import argparse
import timeit

from interleaved import check, compare, in_ufloss, np, optax, peers_of, times_of, torch, versions
from interleaved import ufloss as ul

F = torch and torch.nn.functional
IN_TORCH = {
    "squared_error": lambda x, y: F.mse_loss(x, y),
    "huber_loss": lambda x, y: F.huber_loss(x, y),
    "sigmoid_binary_cross_entropy": lambda x, y: F.binary_cross_entropy_with_logits(x, y),
}


def time_layouts(rounds):
    """What a mean of (2048, 2048) takes beside the plain one, and a call on few numbers."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2048, 2048)).astype("f4")
    mean, weights, where = ul.huber_loss.mean, rng.random(x.shape), rng.random(x.shape) < 0.7
    calls = {
        "mean": lambda: mean(x, y),
        "axis=0": lambda: mean(x, y, axis=0),
        "axis=1": lambda: mean(x, y, axis=1),
        "weights": lambda: mean(x, y, weights=weights),
        "weights, axis=0": lambda: mean(x, y, weights=weights, axis=0),
        "where": lambda: mean(x, y, where=where),
        "of rows of 4, axis=1": lambda: mean(x.reshape(-1, 4), y.reshape(-1, 4), axis=1),
        "transposed, axis=1": lambda: mean(x.T, y.T, axis=1),
    }
    times = [t for t, _ in times_of(list(calls.values()), rounds)]
    for name, t in zip(calls, times, strict=True):
        print(f"huber_loss.mean {name:22} {t * 1e3:8.2f} ms {t / times[0]:6.2f}")
    few, labels = x[0, :3].copy(), np.arange(4)
    rows, ones = x[:4, :10].copy(), np.ones(3)
    cross_entropy = ul.softmax_cross_entropy_with_integer_labels.mean
    for name, call in {
        "3 numbers": lambda: mean(few, few),
        "3 numbers, weights": lambda: mean(few, few, weights=ones),
        "3 numbers, where": lambda: mean(few, few, where=few > 0),
        "4 rows of 10": lambda: cross_entropy(rows, labels),
        "a list of 3": lambda: mean([1.0, 2.0, 3.0], few),
    }.items():
        t = min(timeit.repeat(call, number=2000, repeat=9)) / 2000
        print(f"{name:38} {t * 1e6:8.2f} us")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=1 << 22)
    parser.add_argument("--layouts", action="store_true", help="axes, weights and small calls, without peers")
    options = parser.parse_args()
    if options.layouts:
        time_layouts(options.rounds)
        return
    rng = np.random.default_rng(0)
    args = x, labels = (
        rng.normal(size=options.size).astype("f4"),
        (rng.random(options.size) < 0.5).astype("f4"),
    )
    print(f"{versions()}\n{options.size} float32, ns an element")
    print(
        f"{'loss':30} {'mean':15} {'ufloss':>7} {'best peer':>22} {'ratio':>6} {'minima':>7} "
        f"{'array, then mean':>17} {'reading':>8}"
    )
    for name, in_torch in IN_TORCH.items():
        ours, theirs = getattr(ul, name), getattr(optax.losses, name)
        peers = peers_of(lambda a, b, theirs=theirs: theirs(a, b).mean(), in_torch, args)
        plain = {
            "value": lambda f=ours: f(*args).mean(),
            "value_and_grad": lambda f=ours: f.value_and_grad(*args)[0].mean(),
        }
        for output, call in in_ufloss(ours.mean, args).items():
            others = {peer: calls[output] for peer, calls in peers.items()}
            for other in others.values():
                check(call(), other(), 1e-3, 1e-9)
            a, best, b, minima = compare(call, others, options.rounds)
            own = [t for t, _ in times_of([plain[output], lambda: np.dot(x, labels)], options.rounds)]
            a, b, plainly, reading = (t / options.size * 1e9 for t in (a, b, *own))
            print(
                f"{name:30} {output:15} {a:7.3f} {best:>14} {b:7.3f} {b / a:6.2f} {minima:7.2f} "
                f"{plainly:17.3f} {reading:8.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
