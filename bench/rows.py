"""Time row losses beside optax under jit, torch, torch.compile and SimSIMD, as far as they are installed: one
process, one thread, interleaved.

    python bench/rows.py [--rounds 15]

A round runs every contender once, in a new order; the table shows medians of processor time in nanoseconds
per logit, the ratio to the best peer, and the ratio of minima, since on a shared machine other work slows one
contender more than another.  Results are compared before anything is timed.
"""

import argparse
import inspect

from interleaved import check, compare, in_ufloss, np, optax, peers_of, torch, versions
from interleaved import ufloss as ul

try:
    import simsimd
except ImportError:
    simsimd = None

INTEGER, DENSE, DIVERGENCE = (
    ul.softmax_cross_entropy_with_integer_labels,
    ul.softmax_cross_entropy,
    ul.kl_divergence,
)
F = torch and torch.nn.functional
IN_TORCH = {
    INTEGER: lambda x, y: F.cross_entropy(x, y, reduction="none"),
    DENSE: lambda x, y: F.cross_entropy(x, y, reduction="none"),
    DIVERGENCE: lambda x, y: F.kl_div(x, y, reduction="none").sum(-1),
    ul.cosine_similarity: lambda x, y: F.cosine_similarity(x, y, dim=-1),
    ul.cosine_distance: lambda x, y: 1 - F.cosine_similarity(x, y, dim=-1),
    ul.triplet_margin_loss: lambda a, p, n: F.triplet_margin_loss(a, p, n, reduction="none"),
}
CASES = [
    *[
        (shape, INTEGER, optax.losses.softmax_cross_entropy_with_integer_labels)
        for shape in [(65536, 10), (4096, 1000), (256, 32000)]
    ],
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


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(versions())
    print(
        f"{'loss':45} {'output':15} {'shape':>14} {'ufloss':>8} {'best peer':>22} {'ratio':>6} {'minima':>7}"
    )
    for shape, loss, theirs in CASES:
        args = arguments(shape, loss)
        peers = peers_of(theirs, IN_TORCH.get(loss), args)
        for output, call in in_ufloss(loss, args, np.empty(shape[:-1], "f4")).items():
            others = {name: calls[output] for name, calls in peers.items()}
            if simsimd and loss is ul.cosine_distance and output == "value":
                others["SimSIMD"] = lambda args=args: np.array(simsimd.cosine(*args), "f4")
            for other in others.values():
                check(call(), other(), 1e-3, 1e-4)
            a, name, b, minima = compare(call, others, rounds)
            a, b = (t / args[0].size * 1e9 for t in (a, b))
            print(
                f"{loss.__name__:45} {output:15} {shape!s:>14} {a:8.3f} {name:>13} {b:8.3f} {b / a:6.2f} "
                f"{minima:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
