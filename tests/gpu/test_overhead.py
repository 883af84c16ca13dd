"""What a call that has been seen costs before the GPU begins."""

import time

import numpy as np
import pytest

import ufloss.cuda as uc

pytestmark = pytest.mark.cuda_emu


def test_a_second_call_costs_microseconds(cupy, machine, monkeypatch):
    machine.runs = False
    x, y = cupy.array(np.zeros(100, "f4")), cupy.array(np.ones(100, "f4"))
    results = cupy.empty((100,), "f4")
    monkeypatch.setattr(cupy, "empty", lambda shape, dtype: results)  # whoever makes arrays, it is not us
    calls, best = 500, 1.0
    uc.huber_loss.value_and_grad(x, y, 0.5)
    for _ in range(20):  # the best of them: others work here too
        began = time.perf_counter()
        for _ in range(calls):
            uc.huber_loss.value_and_grad(x, y, 0.5)
        best = min(best, (time.perf_counter() - began) / calls)
        machine.launched.clear()
    assert len(uc.huber_loss.value_and_grad.entries) == 1
    assert best < 40e-6  # 7 to 16 were measured; slower machines and busy ones run this too
