"""Time CTC beside optax under jit and torch: one process, one thread, interleaved.

    python bench/ctc.py [--rounds 7]

A round runs every contender once, in a new order; the table shows medians of processor time, the ratio to the
better peer, and the ratio of minima, since on a shared machine other work slows one contender more than
another.  Data are normal logits of scale 1 and 4, of scale 20, which takes the exact path, and peaked ones as
of a trained network.  Results are compared before anything is timed.
"""

import argparse

from interleaved import check, compare, in_ufloss, np, optax, peers_of, torch, versions
from interleaved import ufloss as ul

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


def in_torch(logits, _, labels, __):
    lengths = [torch.full((len(logits),), n) for n in (logits.shape[1], labels.shape[1])]
    return torch.nn.functional.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1), labels, *lengths, reduction="none"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(versions())
    print(
        f"{'shape':>20} {'data':9} {'output':15} {'ufloss ms':>10} {'best peer, ms':>16} "
        f"{'ratio':>6} {'minima':>7} {'ns a cell':>10}"
    )
    for shape in SHAPES:
        for kind in DATA:
            logits, labels = draw(shape, kind)
            nothing_padded = np.zeros(logits.shape[:2], "f4"), np.zeros(labels.shape, "f4")
            peers = peers_of(
                optax.losses.ctc_loss,
                in_torch,
                (logits, nothing_padded[0], labels, nothing_padded[1]),
                compiled=False,
            )
            for output, call in in_ufloss(ul.ctc.loss, (logits, labels), np.empty(shape[0], "f4")).items():
                others = {name: calls[output] for name, calls in peers.items()}
                for other in others.values():
                    # peers add float32 logarithms up: their gradients pass -1
                    check(call(), other(), 1e-3, 0.1)
                a, name, b, minima = compare(call, others, rounds)
                cells = shape[0] * shape[1] * (2 * shape[3] + 1)
                row = (
                    f"{shape!s:>20} {kind:9} {output:15} {a * 1e3:10.2f} {name:>7} {b * 1e3:8.1f} "
                    f"{b / a:6.1f} {minima:7.1f} {a / cells * 1e9:10.3f}"
                )
                print(row, flush=True)


if __name__ == "__main__":
    main()
