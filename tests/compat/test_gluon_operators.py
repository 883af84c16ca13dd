"""The operators that a `hybrid_forward` finds in F: their values, types and limits."""

import warnings

import numpy as np
import pytest

from compat.plain import INF, NAN, L, T, X, check, softmax, t, x
from internals import _operators
from ufloss.compat import gluon


def test_gluon_operators():
    F = _operators
    assert (F.np, F.npx) == (np, F)
    check(F.pick(X, L), np.take_along_axis(x, L[..., None], -1)[..., 0])
    check(F.pick(X, L + 4, keepdims=True), x[..., 3:])
    check(F.pick(X, L + 4, mode="wrap"), np.take_along_axis(x, L[..., None], -1)[..., 0])
    check(F.one_hot([1, 3, 9], 4), [[0, 1, 0, 0], [0, 0, 0, 1], [0] * 4])
    check(F.mean(X, axis=1, exclude=True), x.mean((0, 2)))
    check(F.sum(X), x.sum())
    check(F.max(X, axis=0, exclude=True), x.max((1, 2)))
    check(F.min(X, axis=(0, 1), keepdims=True), x.min((0, 1), keepdims=True))
    check(F.norm(X, ord=1, axis=-1), abs(x).sum(-1))
    check(F.broadcast_lesser_equal(X, T), x <= t)
    check(F.concat(X, T, dim=0), np.concatenate([x, t]))
    check(F.stack(X, T, axis=1), np.stack([x, t], 1))
    check(F.slice_axis(X, axis=-1, begin=1, end=3), x[..., 1:3])
    check(F.reshape(X, (0, -1)), x.reshape(2, -1))
    check(
        F.npx.sequence_mask(X, np.array([1, 0, 2]), True, -1.0),
        np.where((np.arange(2)[:, None] < [1, 0, 2])[..., None], x, -1),
    )
    check(F.exp(X), np.exp(x))
    check(F.softmax(X, axis=1), softmax(x, 1))
    with pytest.raises(AttributeError, match=r"F\.no_such_operator"):
        F.no_such_operator(X)
    with pytest.raises(ValueError, match="act_type"):
        F.Activation(X, "gelu")


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "i4", "u4", "i8", "u8"])
def test_gluon_operators_add_up_integers_as_numpy(dtype):
    F = _operators
    data = (np.arange(600).reshape(3, 200) % 100 + 27).astype(dtype)
    for axis, exclude, over in [
        (None, False, None),
        (1, False, 1),
        (1, True, 0),
        ((0, 1), False, None),
        ((), True, None),
        ([], False, None),
    ]:
        for keepdims in (False, True):
            result, expected = (
                F.sum(data, axis, keepdims, exclude),
                np.sum(data, axis=over, keepdims=keepdims),
            )
            assert result.dtype == expected.dtype
            assert np.array_equal(result, expected)
    assert F.sum([2**53 + 1, 2]) == 2**53 + 3
    assert F.sum(np.ones((2, 3), "f2"), axis=0).dtype == np.float16


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8"])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "softrelu", "tanh", "softsign"])
def test_gluon_activations_of_integers_are_those_of_float64(name, dtype):
    info = np.iinfo(dtype)
    data = np.array([info.min, 0, 1, 3, info.max], dtype)
    result, expected = _operators.Activation(data, name), _operators.Activation(data.astype(float), name)
    np.testing.assert_allclose(result, expected, rtol=1e-15)
    assert name == "relu" or result.dtype == np.float64


def test_gluon_pick_takes_any_index():
    n = 300
    data = np.arange(2 * n, dtype="f4").reshape(2, n)
    for dtype in ("i1", "u1", "i2", "u8", "f2", "f4", "f8"):
        for mode in ("clip", "wrap"):
            assert _operators.pick(data, np.array([3, 100], dtype), mode=mode).tolist() == [3, n + 100]
    most = np.array([2**64 - 1, 2**63], "u8")
    assert _operators.pick(data, most, mode="wrap").tolist() == [(2**64 - 1) % n, n + 2**63 % n]
    assert _operators.pick(data, [1e30, -1e30], mode="wrap").tolist() == [int(1e30) % n, n + int(-1e30) % n]
    assert _operators.pick(data, [-1.5, 2.9], mode="wrap").tolist() == [n - 1, n + 2]
    for ends in (most, [INF, 1e30], [np.float16(INF)] * 2):
        assert _operators.pick(data, ends).tolist() == [n - 1, 2 * n - 1]
    assert _operators.pick(data, [-INF, -1]).tolist() == [0, n]
    wide = np.arange(70000.0)[None]
    assert _operators.pick(wide, np.array([7], "f2")).tolist() == [7]
    with pytest.raises(IndexError, match="out of bounds"):
        _operators.pick(np.ones((2, 0)), [0, 0])


def test_gluon_operators_put_constants_into_integers():
    F = _operators
    assert F.one_hot([1], 2, on_value=2**62 + 1, dtype="i8").tolist() == [[0, 2**62 + 1]]
    assert F.one_hot([1], 2, on_value=-2.0, off_value=True, dtype="i1").tolist() == [[1, -2]]
    assert F.one_hot([1], 2, dtype="?").tolist() == [[False, True]]
    assert F.one_hot([1], 2, on_value=0.5, off_value=INF, dtype="f2").tolist() == [[INF, 0.5]]
    masked = F.SequenceMask(np.ones((2, 2), "i1"), [1, 2], True, value=-3.0)
    assert (masked.dtype, masked.tolist()) == (np.int8, [[1, 1], [-3, 1]])
    assert F.SequenceMask(np.ones((2, 2), "f2"), [1, 2], True, value=-1e30).tolist() == [[1, 1], [-INF, 1]]
    assert F.SequenceMask(X) is X


def test_gluon_operators_take_what_fits():
    F = _operators
    assert F.sum(X, axis=np.array([0, 1])).shape == (4,)
    assert F.norm(X, np.int8(1)) == F.norm(X, 1)
    assert np.array_equal(F.pick(X, L[:1]), F.pick(X, np.repeat(L[:1], 2, 0)))
    assert F.pick(X, np.repeat(L[..., None], 2, -1), keepdims=True).shape == (2, 3, 2)
    assert F.one_hot([1], 2**0, on_value=2**70, off_value=2**70).tolist() == [[2.0**70]]
    assert F.one_hot([1], 3.0).tolist() == [[0, 1, 0]]
    assert np.array_equal(F.SwapAxis(X, dim1=0, dim2=-1), X.swapaxes(0, 2))
    assert F.slice_axis(X, 0, None, None).shape == X.shape
    assert F.clip(np.float32([-1, 3]), 0, None).tolist() == [0, 3]


BINARY = sorted(
    name
    for name in vars(_operators)
    if name.startswith(("broadcast_", "elemwise_")) and name != "broadcast_like"
)


@pytest.mark.parametrize("name", BINARY)
def test_gluon_operators_of_two_take_lists(name):
    f, lhs, rhs = getattr(_operators, name), [1.0, 2.0, 0.0], [1.0, 3.0, 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = f(np.array(lhs), np.array(rhs))
        np.testing.assert_array_equal(f(lhs, rhs), expected)
        np.testing.assert_array_equal(f(np.array(lhs), tuple(rhs)), expected)
        np.testing.assert_array_equal(f(lhs=lhs, rhs=rhs), expected)
        np.testing.assert_array_equal(f(lhs, 1), f(np.array(lhs), 1.0))
        assert f([1, 2], [3, 4]).dtype == f(np.array([1, 2]), np.array([3, 4])).dtype
        assert f(np.float32([1, 2]), 0.1).dtype == f(0.1, np.float32([1, 2])).dtype == np.float32
    for what, args in (("lhs", (["a"], [1.0])), ("rhs", ([1.0], "a")), ("rhs", (1.0, 1j))):
        with pytest.raises(TypeError, match=f"^{what} must be real numbers"):
            f(*args)


def test_gluon_smooth_l1_takes_any_other_scalar():
    data = np.float32([-3, 0.25, 2])
    assert _operators.smooth_l1(data, 1e200).tolist() == [3, 0.25, 2]
    assert (
        _operators.smooth_l1(data, -2).tolist()
        == _operators.smooth_l1(data, 2.0).tolist()
        == [2.875, 0.125, 1.875]
    )
    assert _operators.smooth_l1(data, np.array([1, 2, 4])).tolist() == [2.5, 0.125, 2 - 1 / 32]
    assert _operators.smooth_l1(data, 2).dtype == np.float32


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_gluon_operators_have_limits_and_do_not_warn(dtype):
    F, most = _operators, np.finfo(dtype).max
    data = np.array([INF, -INF, NAN, most, -most, 0.0, -0.0, 1.0, -3.0], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = F.softsign(data)
        assert result.dtype == data.dtype
        np.testing.assert_array_equal(result, np.array([1, -1, NAN, 1, -1, 0, 0, 0.5, -0.75], dtype))
        assert np.signbit(result[6])
        assert type(F.softsign(data[1])) is data.dtype.type
        assert F.norm(data[3:5]) == INF
        for name in ("relu", "softrelu", "sigmoid", "tanh", "softsign"):
            F.Activation(data, name)
        result = F.smooth_l1(data, 1e-5)
    size = abs(data[3:].astype(float))
    expected = np.where(size < 1e10, 0.5e-10 * np.minimum(size, 1e10) ** 2, size - 0.5e10)
    assert result.dtype == data.dtype
    np.testing.assert_allclose(result[3:], expected.astype(dtype), rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(result[:3], [INF, INF, NAN])


def test_gluon_smooth_l1_of_a_scalar_whose_square_only_float64_has():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _operators.smooth_l1(np.float16([60000, -60000, 1]), [1e-5, 1e-4, 1]).tolist() == [
            float(np.float16(0.18)),
            float(np.float16(18)),
            0.5,
        ]
        assert _operators.smooth_l1(np.float32(3e38), 1e-25) == np.float32(
            float(np.float32(3e38)) ** 2 * 1e-50 / 2
        )
        assert type(_operators.smooth_l1(np.float32(3e38), 1e-25)) is np.float32


def test_gluon_what_weighs_nothing_counts_as_removed():
    pred = np.float32([[1, NAN], [2, INF]])
    weight = np.float32([[1, 0]])
    zero = np.zeros((2, 2), "f4")
    assert gluon.L2Loss()(pred, zero, weight).tolist() == [0.25, 1]
    assert gluon.L2Loss().grad(pred, zero, weight).tolist() == [[0.5, 0], [1, 0]]
    assert gluon.SoftmaxCELoss()(pred, [0, 0], [0, 0]).tolist() == [0, 0]
    assert gluon.TripletLoss().grad(pred, zero, zero, [0, 0]).tolist() == [[0, 0], [0, 0]]
    assert gluon.CTCLoss()(np.float32([[[-INF, 0, 0]] * 2]), [[0]], sample_weight=[0]).tolist() == [0]
