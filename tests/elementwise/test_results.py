"""What every ufunc's results promise: identity, parts, NaN, silence, signs, float16, threads."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cases import families_that
from elementwise.layouts import DTYPES, NUMPY_BUFFER, assert_same


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_gives_the_same_object(case, protocol):
    assert pickle.loads(pickle.dumps(case.ufunc, protocol)) is case.ufunc


def test_copy_gives_the_same_object(case):
    assert copy.copy(case.ufunc) is case.ufunc
    assert copy.deepcopy([case.ufunc])[0] is case.ufunc


def test_cloudpickle_gives_the_same_object(case):
    cloudpickle = pytest.importorskip("cloudpickle")
    assert pickle.loads(cloudpickle.dumps(case.ufunc)) is case.ufunc
    ufunc = case.ufunc
    assert pickle.loads(cloudpickle.dumps(lambda: ufunc))() is ufunc


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_of_one_pass_equal_their_parts(family, dtype):
    operands = [
        np.concatenate(pair)
        for pair in zip(family[0].draw(1000, dtype), family[0].specials(dtype), strict=True)
    ]
    first = {}
    for case in family:
        for part, result in zip(case.parts, case(*operands), strict=True):
            assert_same([result], [first.setdefault(part, result)])
    assert set(first) == set(family[0].loss["parts"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_in_any_operand_is_nan_in_every_output(case, dtype):
    grid = case.specials(dtype)
    usual = case.draw(100, dtype)
    for k in range(case.nin):
        has_nan = np.isnan(grid[k])
        assert has_nan.any()
        for result in case(*[a[has_nan] for a in grid]):
            assert np.isnan(result).all()
        for result in case(*[np.full_like(a, np.nan) if i == k else a for i, a in enumerate(usual)]):
            assert np.isnan(result).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_silent_over_special_values(case, dtype):
    grid = case.specials(dtype)
    with np.errstate(all="raise"):
        case(*grid)
        case(*[np.concatenate([a] * 3)[::3] for a in grid])
        for i in range(0, len(grid[0]), max(1, len(grid[0]) // 100)):
            case(*[a[i] for a in grid])


@pytest.mark.parametrize("dtype", DTYPES)
def test_silent_where_numpy_casts_an_operand(case, dtype):
    """NumPy looks at the floating-point flags of a call with a cast in it, those that the loop left
    included.
    """
    grid = [np.resize(a, max(len(a), NUMPY_BUFFER + 500)) for a in case.specials(dtype)]
    roles = [a["role"] for a in case.loss["args"]]
    whole = np.resize([0, 1, 3, -1], len(grid[0]))
    with np.errstate(all="raise"):
        case(*[a.astype(a.dtype.newbyteorder()) for a in grid])
        case(*[whole if role == "target" else a for role, a in zip(roles, grid, strict=True)])
        case(*[a.astype("f8") if role == "parameter" else a for role, a in zip(roles, grid, strict=True)])
        case(*grid, out=tuple(np.empty(len(grid[0]), "f8") for _ in range(case.nout)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@families_that(lambda loss: loss["nonnegative"] or loss["convex"] or "hess_bound" in loss["parts"])
def test_signs_that_the_registry_promises(family, dtype):
    loss, args = family[0].loss, family[0].draw(20000, dtype)
    results = {part: r for case in family for part, r in zip(case.parts, case(*args), strict=True)}
    if loss["nonnegative"]:
        assert (results["value"] >= 0).all()
    if loss["convex"]:
        assert (results["hess"] >= 0).all()
    if "hess_bound" in results:
        rounding = 4 * np.finfo(dtype).smallest_subnormal
        assert (results["hess_bound"] >= results["hess"] * (1 - np.array(1e-6, dtype)) - rounding).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_finite_data_of_the_domain_give_no_nan(case, dtype):
    args = case.draw(50000, dtype, seed=3)
    assert all(np.isfinite(a).all() for a in args)
    for part, result in zip(case.parts, case(*args), strict=True):
        where = np.isnan(result)
        assert not where.any(), f"{part} at {[float(a[where][0]) for a in args]}"


@families_that(lambda loss: "hess" in loss["parts"])
def test_curvature_bound_is_positive_on_typical_data(family):
    value, bound = family[0], family[0].ufunc.hess_bound
    args = value.draw(20000, "f8")
    typical = np.ones(20000, bool)
    for a, x in zip(value.loss["args"], args, strict=True):
        inside = (abs(x) >= 1e-3) & (abs(x) <= (0.999 if a["domain"] in ("unit", "optional_unit") else 20))
        if a["role"] == "target" and a["domain"] in ("unit", "truth"):
            inside = abs(x) <= 1
        typical &= inside | (x == a["default"])
    assert typical.sum() > 500
    assert (bound(*[x[typical] for x in args]) > 0).all()


def test_float16_is_float32_rounded_once(case):
    args = [np.concatenate(pair) for pair in zip(case.draw(5000, "f2"), case.specials("f2"), strict=True)]
    with np.errstate(all="ignore"):
        want = [w.astype("f2") for w in case(*[a.astype("f4") for a in args])]
        if case.parts[-1] == "hess_bound":  # which stays positive
            want[-1] = np.maximum(want[-1], np.finfo("f2").smallest_subnormal)
    assert_same(case(*args), want)


def test_threads_do_not_disturb_each_other(case):
    data = [case.draw(20000, "f4", seed) for seed in range(4)]
    want = [case(*args) for args in data]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda args: case(*args), data * 2))
    for g, w in zip(got, want * 2, strict=True):
        assert_same(g, w)
