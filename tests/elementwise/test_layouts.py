"""The result depends on neither layout nor position nor length."""

import numpy as np
import pytest

from elementwise.layouts import DTYPES, LAYOUTS, NUMPY_BUFFER, assert_same


@pytest.mark.parametrize("dtype", DTYPES)
def test_result_depends_on_neither_layout_nor_position_nor_length(case, dtype):
    args = case.draw(140, dtype)
    want = case(*args)
    stored = [[layout(a) for layout in LAYOUTS.values()] for a in args]
    spans = [slice(n * 7 % 64, n * 7 % 64 + n) for n in range(1, 71)]
    expected = [np.concatenate([w[s] for s in spans]) for w in want]
    for k in range(len(LAYOUTS)):
        for shift in (0, 1):  # all operands in one layout, and each in another
            views = [s[(k + shift * i) % len(LAYOUTS)] for i, s in enumerate(stored)]
            pieces = [case(*[v[s] for v in views]) for s in spans]
            assert_same([np.concatenate(p) for p in zip(*pieces, strict=True)], expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_array_result_equals_scalar_results(case, dtype):
    args = case.draw(70, dtype)
    scalars = [case(*[a[i] for a in args]) for i in range(70)]
    assert_same([np.array(column) for column in zip(*scalars, strict=True)], case(*args))


@pytest.mark.parametrize("dtype", DTYPES)
def test_long_arrays_equal_their_pieces(case, dtype):
    args = case.draw(NUMPY_BUFFER + 2049, dtype)
    pieces = [case(*[a[i : i + 97] for a in args]) for i in range(0, len(args[0]), 97)]
    want = [np.concatenate(p) for p in zip(*pieces, strict=True)]
    for name in ("contiguous", "step 3", "reversed", "byte-swapped"):
        assert_same(case(*[LAYOUTS[name](a) for a in args]), want)


def test_two_dimensional_layouts_agree(case):
    args = [a.reshape(12, 20) for a in case.draw(240)]
    want = case(*args)
    assert_same(case(*[np.asfortranarray(a) for a in args]), want)
    assert_same(case(*[np.asfortranarray(a) if i % 2 else a for i, a in enumerate(args)]), want)
    assert_same([r.T for r in case(*[a.T for a in args])], want)
    assert_same(case(*[a[::-2, ::3] for a in args]), [w[::-2, ::3] for w in want])
    assert_same(case(*[np.pad(a, 3)[3:-3, 3:-3] for a in args]), want)


def test_operands_broadcast_also_parameters(case):
    shapes = [(4, 1, 3), (5, 1), (3,), ()]
    args = [
        case.draw(np.prod(s, dtype=int), seed=i)[i].reshape(s)
        for i, s in zip(range(case.nin), shapes, strict=False)
    ]
    full = [np.ascontiguousarray(a) for a in np.broadcast_arrays(*args)]
    got = case(*args)
    assert got[0].shape == np.broadcast_shapes(*shapes[: case.nin])
    assert_same(got, case(*full))


def test_repeated_operand_of_stride_zero(case):
    args = case.draw(300)
    for k in range(case.nin):
        one = [np.broadcast_to(a[7], (300,)) if i == k else a for i, a in enumerate(args)]
        assert_same(case(*one), case(*[a.copy() for a in one]))
