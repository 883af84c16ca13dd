"""The search for a label that is no class, and what a call makes of it."""

import numpy as np
import pytest

import ufloss.cuda as uc
from gpu.arrays import aligned
from internals import _core, cuda_kernels

pytestmark = pytest.mark.cuda_emu
CLASSES = 10


def search(machine, labels, rows=None, mask=None):
    """The place and the label that are found; (-1, 0): none."""
    rows = labels.shape if rows is None else rows
    element = _core.ELEMENTS.index(labels.dtype.name)
    given = element, labels.shape, labels.strides, labels.ctypes.data
    lies = None
    if mask is not None:
        lies = mask.strides[:-1], mask.shape[-1], mask.strides[-1]
    plan = _core.cuda_labels_plan(given, rows, lies, CLASSES)
    memory = aligned(2, "i8")
    for launch in cuda_kernels.launches_of(plan, 0, machine.facts(0)):
        addresses = labels.ctypes.data, 0 if mask is None else mask.ctypes.data
        launch.start(machine, addresses, memory.ctypes.data, 0)
    return tuple(memory.tolist()) if len(plan) else None


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 1000])
def test_the_first_wrong_label_is_found(machine, n):
    labels = np.arange(n) % CLASSES
    assert search(machine, labels)[0] == -1
    for wrong in ({0: -1}, {n - 1: CLASSES}, {n // 2: 2**40, n - 1: -7}, {k: -k for k in range(n // 3, n)}):
        bad = labels.copy()
        bad[list(wrong)] = list(wrong.values())
        first = np.flatnonzero((bad < 0) | (bad >= CLASSES))
        assert (
            search(machine, bad) == ((first[0], bad[first[0]]) if first.size else (-1, 0)) or not first.size
        )


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4"])
def test_labels_of_any_type(machine, dtype):
    labels = np.array([3, 9, 0, 10, 200 if dtype == "u1" else -3], "i8").astype(dtype)
    assert search(machine, labels) == (3, 10)


def test_labels_lie_as_they_like(machine):
    labels = np.zeros((6, 8, 5), "i8")
    labels[3, 2, 1], labels[4, 1, 0] = 77, 78
    for view in (labels, labels.transpose(2, 0, 1), labels[::-1, :, ::-2], labels[:, 2:3]):
        first = np.flatnonzero(view.ravel())
        assert search(machine, view) == (first[0], view.ravel()[first[0]])
    assert search(machine, labels[3, 2], rows=(4, 5)) == (1, 77)  # broadcast
    assert search(machine, labels[:0]) is None


def test_rows_that_take_no_part_are_not_judged(machine):
    labels = np.array([[0, -1, 3], [12, 4, -5]])
    mask = np.ones((2, 3, 4), bool)
    assert search(machine, labels, mask=mask) == (1, -1)
    mask[0, 1] = False
    assert search(machine, labels, mask=mask) == (3, 12)
    mask[1, 0] = [False, False, False, True]  # one element of the row still counts
    assert search(machine, labels, mask=mask) == (3, 12)
    mask[1, 0] = False
    assert search(machine, labels, mask=mask) == (5, -5)
    mask[1, 2] = False
    assert search(machine, labels, mask=mask)[0] == -1


@pytest.fixture
def with_labels(monkeypatch):
    """Losses answer with a search of their second argument, as those over rows will."""
    answer = _core.cuda_answer

    def with_search(which, record, inputs, mask, outputs, axes, keepdims, facts):
        labels = inputs[1]
        found = answer(which, record, [inputs[0], 0.0, *inputs[2:]], mask, outputs, axes, keepdims, facts)
        return (*found[:4], _core.cuda_labels_plan(labels, labels[1], None, CLASSES, 1), CLASSES)

    monkeypatch.setattr(_core, "cuda_answer", with_search)


def test_checked_calls_raise_and_wait_once(cupy, machine, with_labels):
    x, labels = cupy.array(np.zeros(4, "f4")), cupy.array(np.array([1, 2, 10, -1]))
    uc.squared_error(x, labels)  # says nothing
    assert (len(machine.launched), machine.waited) == (1, [])
    said = r"^squared_error: label 10 is out of range for 10 classes, at flat index 2 of the labels"
    with uc.checked(), pytest.raises(ValueError, match=said):
        uc.squared_error(x, labels)
    assert machine.waited == [77]
    with uc.checked():
        uc.squared_error(x, cupy.array(np.array([1, 2, 3, 4])))
    assert machine.waited == [77, 77]
    uc.squared_error(x, labels)
    assert machine.waited == [77, 77]


def test_checked_calls_without_labels_wait_too(cupy, machine):
    with uc.checked():
        uc.squared_error(cupy.array(np.zeros(4, "f4")), 1.0)
    assert machine.waited == [77]
