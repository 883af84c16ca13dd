"""Any floats in any shapes, and the methods of ufuncs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cases import CASES
from elementwise.layouts import DTYPES, assert_same


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_floats_in_any_shape_equal_scalar_calls(family, data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=6))
    elements = hnp.from_dtype(dtype, allow_nan=True, allow_infinity=True, allow_subnormal=True)
    args = [data.draw(hnp.arrays(dtype, shape, elements=elements)) for _ in range(family[0].nin)]
    for case in family:
        got = case(*args)
        scalars = [case(*point) for point in zip(*[a.ravel() for a in args], strict=True)]
        want = [np.array(column, dtype).reshape(shape) for column in zip(*scalars, strict=True)] or [
            np.empty(shape, dtype)
        ] * case.nout
        assert_same(got, want)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_shapes_that_broadcast(family, data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=family[0].nin, max_dims=3, max_side=5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    args = [rng.normal(size=s).astype("f4") for s in shapes.input_shapes]
    for case in family:
        got = case(*args)
        assert all(g.shape == shapes.result_shape for g in got)
        assert_same(got, case(*[np.broadcast_to(a, shapes.result_shape).copy() for a in args]))


BINARY = [case for case in CASES if case.nin == 2 and case.nout == 1]


@pytest.mark.parametrize("case", [case for case in CASES if case not in BINARY], ids=repr)
def test_other_ufuncs_have_no_reductions(case):
    with pytest.raises(ValueError, match="reduce only supported for"):
        case.ufunc.reduce(np.ones(3))


@pytest.mark.parametrize("case", BINARY, ids=repr)
def test_reductions_go_one_by_one(case):
    """Every ufunc of two inputs has NumPy's reduce and accumulate, which feed a result back as the next first
    argument.
    """
    for dtype in "efd":
        x = case.draw(20, dtype)[0]
        steps = [x[0]]
        for v in x[1:]:
            steps.append(case.ufunc(steps[-1], v))
        steps = np.array(steps, dtype)
        np.testing.assert_array_equal(case.ufunc.accumulate(x), steps)
        np.testing.assert_array_equal(case.ufunc.reduce(x), steps[-1])
        np.testing.assert_array_equal(
            case.ufunc.reduce(np.repeat(x, 3).reshape(20, 3), axis=0), np.repeat(steps[-1], 3)
        )
        np.testing.assert_array_equal(case.ufunc.reduceat(x, [0, 10]), [steps[9], case.ufunc.reduce(x[10:])])
        np.testing.assert_array_equal(case.ufunc.accumulate(np.repeat(x, 2)[::2]), steps)
