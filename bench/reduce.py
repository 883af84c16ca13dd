"""Time `loss.mean` beside optax under jit, torch, torch.compile and NumPy: one process, one thread,
interleaved.

    python bench/reduce.py [--rounds 15] [--size 4194304]

A round runs every contender once, in a new order; the table shows medians of processor time in ns an element,
the ratio to the best peer and that of minima, and what reading the same arrays takes (a dot product).
Results are compared before anything is timed.
"""

import argparse

from interleaved import check, compare, in_ufloss, np, optax, peers_of, times_of, torch, versions
from interleaved import ufloss as ul

F = torch and torch.nn.functional
IN_TORCH = {
    "squared_error": lambda x, y: F.mse_loss(x, y),
    "huber_loss": lambda x, y: F.huber_loss(x, y),
    "sigmoid_binary_cross_entropy": lambda x, y: F.binary_cross_entropy_with_logits(x, y),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=1 << 22)
    options = parser.parse_args()
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
