"""The same bits from every layout; arrays that are not aligned; memory of one block."""

import itertools
import tracemalloc

import numpy as np
import pytest

import ufloss as ul
from common import unaligned


def test_bits_do_not_depend_on_the_layout():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 513, 129)).astype("f4")
    w = rng.random(x.shape)
    want = ul.log_cosh.mean(x, y, weights=w, axis=0)
    for x2, y2, w2 in [
        (np.asfortranarray(x), y, w),
        (np.repeat(x, 2, 1)[:, ::2], y[::-1].copy()[::-1], np.asfortranarray(w)),
    ]:
        np.testing.assert_array_equal(ul.log_cosh.mean(x2, y2, weights=w2, axis=0), want)
        assert ul.log_cosh.sum(x2, y2) == ul.log_cosh.sum(x, y)
    assert (
        ul.log_cosh.sum(x, y, where=np.ones(x.shape, bool))
        == ul.log_cosh.sum(x, y)
        == ul.log_cosh.sum(x, y, weights=np.ones(x.shape))
    )
    assert ul.log_cosh.sum(x, 0.0) == ul.log_cosh.sum(x, np.zeros_like(x))


@pytest.mark.footprint
def test_memory_is_that_of_a_block():
    x, y = np.zeros((2, 4_000_000), np.float32)
    ul.squared_error.mean(x, y)
    tracemalloc.start()
    ul.squared_error.mean(x, y)
    ul.squared_error.mean(x.reshape(2000, 2000), y.reshape(2000, 2000), axis=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5,), (100_003,), (3, 70_001)])
def test_arrays_need_not_be_aligned(shape, dtype):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *shape)).astype(dtype)
    weights = rng.random(shape)
    for f, axis in itertools.product((ul.huber_loss.sum, ul.huber_loss.mean), (None, -1)):
        for w in (None, weights):
            out = np.empty(shape, dtype)
            want = f.value_and_grad(x, y, weights=w, axis=axis, returned=True, out=(None, out))
            odd = unaligned(np.zeros(shape, dtype))
            variants = [(unaligned(x), y, w, None), (x, unaligned(y), w, None), (x, y, w, odd)]
            if w is not None:
                variants += [(x, y, unaligned(w), None), (x, y, unaligned(w), odd)]
            for a, b, c, o in variants:
                got = f.value_and_grad(a, b, weights=c, axis=axis, returned=True, out=(None, o))
                assert o is None or got[1] is o
                for g, e in zip(got, want, strict=True):
                    np.testing.assert_array_equal(g, e)
                assert f(a, b, weights=c, axis=axis).tobytes() == want[0].tobytes()
