"""Instruction sets without fma; no array of all pairs; dirtied heaps; sizes that no memory has."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import ufloss as ul
from children import run_child
from common import dirty_heap
from internals import _core
from ntxent.cases import by_ufunc, draw


@pytest.mark.skipif("x86-64-v2" not in _core.isa_names(), reason="x86-64-v2 is not built")
def test_without_fma():
    code = """
import numpy as np, ufloss as ul
x = np.random.default_rng(0).normal(size=(100, 30)).astype("f4")
v, g = ul.ntxent_loss.value_and_grad(x, np.arange(100) // 2)
print(float(v), *map(float, g[7]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "UFLOSS_ISA": "x86-64-v2"},
        capture_output=True,
        text=True,
        check=True,
    )
    x = np.random.default_rng(0).normal(size=(100, 30)).astype("f4")
    v, g = ul.ntxent_loss.value_and_grad(x, np.arange(100) // 2)
    np.testing.assert_allclose([float(w) for w in run.stdout.split()], [v, *g[7]], rtol=1e-5, atol=1e-7)


@pytest.mark.footprint
def test_no_array_of_all_pairs():
    """The workspace is outside what Python counts, so the process itself is asked."""
    code = """
import resource, numpy as np, ufloss as ul
x = np.random.default_rng(0).normal(size=(2048, 128)).astype("f4")
labels, out = np.arange(2048) // 2, (np.empty((), "f4"), np.empty_like(x))
out[1][...] = 0
ul.ntxent_loss.value_and_grad(x[:64], labels[:64])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
ul.ntxent_loss.value_and_grad(x, labels, out=out)
ul.supervised_contrastive_loss.value_and_grad(x, labels // 500, out=out)
print((peak() - before) * 1024)
"""
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("ru_maxrss counts otherwise here")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 4e6


def test_nothing_leaks():
    x, labels = draw(64, 16)
    for _ in range(3):
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            ul.ntxent_loss.value_and_grad(x, labels)
            ul.ntxent_loss(x, labels, where=labels > 3)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        if grown < 20_000:
            return
    pytest.fail(f"{grown} bytes")


@by_ufunc
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_equal_calls_between_dirtied_heaps(ufunc, dtype):
    for n in (5, 33, 97, 150):
        x, labels = draw(n, 20, dtype=dtype)
        seen = set()
        for pattern in (0x00, 0x01, 0x20, 0xFF, 0x01):
            dirty_heap(pattern)
            for keywords in ({}, {"where": np.arange(n) % 4 != 1}):
                r = ufunc(x, labels, **keywords)
                seen.add(
                    (
                        bool(keywords),
                        b"".join(
                            np.asarray(part).tobytes() for part in (r if isinstance(r, tuple) else (r,))
                        ),
                    )
                )
        assert len(seen) == 2, n


def test_sizes_that_no_memory_has():
    out = run_child("""
        limit_addresses(6 << 30)
        count = 0
        losses, sizes = (
            (ul.ntxent_loss, ul.supervised_contrastive_loss),
            [2**31 + 5, 2**33, 2**40, 2**47, 2**52, 2**57, 2**59, 2**60, 2**61],
        )
        for loss, n, shape_of, dtype in itertools.product(
            losses, sizes, [(1, 1), (1, 0), (1, 3), (0, 1), (2, 1), (1, 4)], "efd"
        ):
            shape = tuple(n if k == 1 else k for k in shape_of)
            if shape_of == (1, 1) and n > 2**31 + 5:
                shape = (n, 1)
            try:
                x, labels = (
                    np.broadcast_to(np.dtype(dtype).type(1), shape),
                    np.broadcast_to(np.int64(1), shape[:1]),
                )
            except ValueError:  # more than NumPy lets an array have
                continue
            for f, keywords in itertools.product(
                (loss, loss.grad, loss.value_and_grad), ({}, {"where": np.broadcast_to(True, shape[:1])})
            ):
                try:
                    f(x, labels, **keywords)
                except MemoryError:
                    count += 1
                    continue
                except ValueError as error:
                    assert "too big" in str(error) or "Maximum allowed" in str(error), (
                        error
                    )  # an output, which NumPy refuses
                    continue
                raise SystemExit(f"{f.__name__} of {shape}: no error")
        print(count)
    """)
    assert int(out) > 100
