"""Sizes that overflow are refused before anything is read."""

import pytest

from limits.child import run

GIANTS = """
N = 2**61


def wide(shape, value=0.0, dtype="f2"):
    # An array of one number in memory; its largest axis is cut until NumPy can count its bytes.
    most = (2**63 - 1) // np.dtype(dtype).itemsize
    while int(np.prod([max(1, n) for n in shape], dtype=object)) > most:
        shape = tuple(n // 2 if n == max(shape) else n for n in shape)
    return np.broadcast_to(np.array(value, dtype), shape)


def cases():
    for dtype in ("f2", "f4", "f8"):
        n = N // np.dtype(dtype).itemsize * 2
        for f in ctc.UFUNCS.values():
            for frames in (n, n - 1, 2**58, 2**45):
                yield f, (wide((frames, 1), 0, dtype), np.zeros(0, int)), {}
                yield f, (wide((frames, 2), 0, dtype), np.ones(3, int), 2), {}
                yield f, (wide((2, 2), 0, dtype), wide((frames // 4,), 1, "i8"), None, 1), {}
                yield (
                    f,
                    (wide((frames // 2, 2), 0, dtype), np.ones(3, int), 2),
                    {"where": wide((frames // 2,), True, "?")},
                )
        for loss in ALL:
            for f in derivatives(loss):
                if loss["dims"] == "b,d":
                    labelled = loss["args"][1]["role"] == "label"
                    for size in (n, 2**45):
                        many, long = wide((size // 8, 1), 1, dtype), wide((1, size), 1, dtype)
                        beside = wide((size // 8,), 1, "i8") if labelled else many
                        yield f, (many, beside), {}
                        yield f, (long, np.zeros(1, int) if labelled else long), {}
                        yield f, (many, beside), {"where": wide((size // 8,), True, "?")}
                elif loss["dims"] == "n":
                    args = [
                        wide((n // 8,), 0, "i8") if a["role"] == "label" else wide((n // 8, 1), 1, dtype)
                        for a in loss["args"]
                        if a["default"] is None
                    ]
                    yield f, args, {}
                    yield f, args, {"keepdims": True}
                    yield (
                        f,
                        args,
                        {"axis": (0, 1)}
                        if f.nout > 1 and not loss["row_value"] and "grad" in f.__name__
                        else {},
                    )
                else:
                    yield (
                        f,
                        [wide((n,), 1, dtype)] * max(1, sum(a["default"] is None for a in loss["args"])),
                        {},
                    )
                    yield (
                        f,
                        [wide((n, 4), 1, dtype)] * max(1, sum(a["default"] is None for a in loss["args"])),
                        {},
                    )
    x = wide((N, 1))
    yield ctc.feasible, (wide((N, 0), 1, "i8"), 3), {}
    for f in (ul.dice_loss, ul.binary_dice_loss):
        yield f, (x, x), {}
    for f in (ul.ctc_loss, optax.ctc_loss, ul.ctc_loss_with_forward_probs):
        yield f, (wide((1, N, 1)), wide((1, N)), np.zeros((1, 0), int), np.zeros((1, 0))), {}
    yield ul.make_fenchel_young_loss(ul.logsumexp), (x, x), {}
    yield gluon.L2Loss(), (x, x), {}
    yield gluon.SoftmaxCrossEntropyLoss(), (wide((N // 4, 1)), wide((N // 4,), 0, "i8")), {}
    yield axon.mean_squared_error, (x, x), {}
    for name in ("squared_error", "huber_loss"):  # what is reduced is nothing, what is kept is too much
        yield getattr(ul, name).mean, (wide((N, 0)), 0.0), {"axis": 1}
        yield getattr(ul, name).mean.value_and_grad, (x, 0.0), {}


import itertools

for f, args, kwargs in itertools.islice(cases(), <part>, None, 3):
    say(
        getattr(f, "__name__", f), *[np.shape(a) for a in args], *[np.asarray(a).dtype for a in args], *kwargs
    )
    try:
        f(*args, **kwargs)
    except (MemoryError, ValueError) as e:
        pass
"""


@pytest.mark.parametrize("part", range(3))
def test_sizes_that_overflow(part):
    assert len(run(GIANTS, part=part)) > 500
