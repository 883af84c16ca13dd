"""CTC's memory: dirtied heaps, sizes that no memory has, long sequences."""

import sys

import numpy as np
import pytest

from children import run_child
from common import dirty_heap, results
from ctc.cases import GUFUNCS, ctc, draw
from ctc.textbook import recursion


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_equal_calls_between_dirtied_heaps(dtype):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        frames, n = int(rng.integers(20, 200)), int(rng.integers(0, 20))
        logits, labels = draw(frames, int(rng.integers(3, 60)), n, 2.0, seed, dtype=dtype)
        batch = np.stack([logits, logits[::-1], logits * np.dtype(dtype).type(20)])
        lengths = np.array([frames, frames // 2 + n, frames])
        for f in GUFUNCS:
            seen = set()
            for pattern in (0x00, 0x01, 0x20, 0xFF, 0x01):
                dirty_heap(pattern)
                seen.add(
                    b"".join(
                        np.asarray(r).tobytes()
                        for r in results(f, batch, labels, np.minimum(lengths, frames))
                    )
                )
            assert len(seen) == 1, (f.__name__, seed)


def test_sizes_that_no_memory_has():
    """Arrays of stride 0 have any size; a workspace for it is refused before anything is read or written."""
    out = run_child("""
        limit_addresses(6 << 30)
        sizes = [2**31 + 5, 2**33, 2**40, 2**47, 2**52, 2**57, 2**59, 2**60, 2**61]
        functions = [
            ul.ctc.loss,
            ul.ctc.loss_from_log_probs,
            ul.ctc.loss.grad,
            ul.ctc.loss.value_and_grad,
            ul.ctc.loss_from_log_probs.grad,
            ul.ctc.loss.forward_probs,
            ul.ctc.align,
            ul.ctc.posteriors,
            ul.ctc.class_posteriors,
        ]
        count = 0
        for f, n, which, dtype, small in itertools.product(functions, sizes, range(1, 8), "efd", (1, 4)):
            shape = (n if which & 1 else small, n if which & 2 else small)
            labels = n if which & 4 else 2
            try:
                logits, label = (
                    np.broadcast_to(np.dtype(dtype).type(0), shape),
                    np.broadcast_to(np.int64(1), (labels,)),
                )
            except ValueError:  # more than NumPy lets an array have
                continue
            try:
                f(logits, label)
            except MemoryError:
                count += 1
                continue
            except ValueError as error:
                # an output, which NumPy refuses
                assert any(w in str(error) for w in ("too big", "Maximum allowed", "for 1 classes")), error
                continue
            raise SystemExit(f"{f.__name__} of {shape}, {labels} labels: no error")
        try:
            ul.ctc.loss(np.broadcast_to(np.float16(0), (2**61, 1)), np.zeros(0, int))
        except MemoryError:
            count += 1
        print(count)
    """)
    assert int(out) > 400


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.footprint
@linux
@pytest.mark.parametrize("function", ["loss.grad", "loss.value_and_grad", "class_posteriors", "align"])
def test_memory_of_long_sequences(function):
    """(1, 40000, 50) with 2500 labels: emissions of all frames alone would take 400 MB."""
    out = run_child(f"""
        def peak():
            lines = [line.split() for line in open("/proc/self/status")]
            return next(int(line[1]) for line in lines if line[0] == "VmHWM:") / 1024
        x = np.random.default_rng(0).normal(size=(1, 40_000, 50)).astype("f4")
        labels = np.random.default_rng(1).integers(1, 50, (1, 2500))
        ul.ctc.{function}(x[:, :300], labels[:, :50])
        before = peak()
        out = ul.ctc.{function}(x, labels)
        outputs = sum(o.nbytes for o in out) if isinstance(out, tuple) else out.nbytes
        print(peak() - before - outputs / 2**20)
    """)
    cells = 40_000 * 5001 - 2 * 2500**2
    assert float(out) < (120 if function != "align" else cells / 4 / 2**20 + 10)


@pytest.mark.footprint
def test_long_sequences_without_their_emissions():
    """Rows of what takes part alone are those of a sequence whose emissions were all held, bit for bit where
    the way is the same.
    """
    for frames, n, dtype in ((3000, 900, "f4"), (1500, 900, "f8"), (40_000, 30, "f4")):
        logits, label = draw(frames, 8, n, 1.0, dtype=dtype)
        loss, grad = ctc.loss.value_and_grad(logits, label)
        want, slope, *_ = recursion(logits, label) if frames < 4000 else (ctc.loss(logits, label), None)
        assert loss == pytest.approx(want, rel=1e-6)
        assert ctc.loss(logits, label) == loss
        if slope is not None:
            np.testing.assert_allclose(grad, slope, atol=1e-6)
        np.testing.assert_allclose(grad.astype(float).sum(-1), 0, atol=1e-6)
