"""Long rows need no memory beyond the result, and leave other threads alone."""

import threading
import tracemalloc

import numpy as np
import pytest

from rows.cases import INTEGER


@pytest.mark.footprint
def test_rows_of_any_length_need_no_memory_beyond_the_result():
    x = np.zeros((16, 128256), np.float32)
    labels = np.zeros(16, np.int64)
    for ufunc, result in ((INTEGER, 0), (INTEGER.value_and_grad, x.nbytes)):
        for axis in (-1, 0):
            logits = x if axis == -1 else np.zeros((128256, 16), np.float32)
            ufunc(logits, labels, axis=axis)
            tracemalloc.start()
            ufunc(logits, labels, axis=axis)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < result + 100_000


def test_other_threads_run_during_a_long_call():
    x, labels = np.zeros((4000, 3000), np.float32), np.zeros(4000, np.int64)
    ticks, running = [0], threading.Event()

    def count():
        while not running.is_set():
            ticks[0] += 1

    other = threading.Thread(target=count)
    other.start()
    before = ticks[0]
    for _ in range(10):
        INTEGER(x, labels)
    during = ticks[0] - before
    running.set()
    other.join()
    assert during > 1000
