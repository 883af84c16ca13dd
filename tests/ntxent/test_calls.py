"""What calls mean: broadcasting, layouts, labels, masks, wrong calls, overrides, docstrings."""

import copy
import doctest
import inspect
import pickle

import numpy as np
import pytest

import ufloss as ul
from common import results
from ntxent.cases import NAN, by_ufunc, draw


@by_ufunc
def test_broadcasting(ufunc):
    x, labels = draw(24, 6)
    many, other = np.stack([x, x[::-1], 2 * x]), np.stack([labels, np.arange(24) % 5])
    got = results(ufunc, many, other[:, None], [[[0.1]], [[0.5]]])
    for k in np.ndindex(2, 2, 3):
        alone = results(ufunc, many[k[2]], other[k[1]], [0.1, 0.5][k[0]])
        for a, b in zip(got, alone, strict=True):
            np.testing.assert_array_equal(a[k], b)


@by_ufunc
def test_same_bits_for_every_layout(ufunc):
    for dtype in ("f2", "f4", "f8"):
        x, labels = draw(110, 37, "classes", dtype=dtype)
        wanted = results(ufunc, x, labels)
        wide = np.zeros((220, 111), dtype)
        wide[::2, ::3] = x
        far = np.zeros(330, np.int64)
        far[::3] = labels
        raw = np.zeros(x.nbytes + 1, "u1")
        odd = raw[1:].view(dtype).reshape(x.shape)
        odd[...] = x
        swapped = x.astype(x.dtype.newbyteorder())
        frozen = x.copy()
        frozen.flags.writeable = False
        layouts = [
            np.asfortranarray(x),
            wide[::2, ::3],
            x[::-1, ::-1].copy()[::-1, ::-1],
            odd,
            swapped,
            frozen,
            np.broadcast_to(x, (1, *x.shape))[0],
        ]
        for y in (*layouts, x.tolist() if dtype == "f8" else x):
            for z in (labels, far[::3], labels.astype("i1"), labels[::-1].copy()[::-1], labels.tolist()):
                for a, b in zip(results(ufunc, y, z), wanted, strict=True):
                    np.testing.assert_array_equal(a, b)
        for k, w in enumerate(wanted):
            out = [np.full_like(w, 7) for w in wanted]
            if w.ndim == 2:
                out[k] = np.full((37, 110), 7, dtype).T
            got = results(ufunc, x, labels, out=tuple(out))
            assert all(a is b for a, b in zip(got, out, strict=True))
            np.testing.assert_array_equal(out[k], w)
        if wanted[-1].ndim == 2:  # over the input itself
            y = x.copy()
            got = results(ufunc, y, labels, out=(*[None] * (len(wanted) - 1), y))
            np.testing.assert_array_equal(y, wanted[-1])
            assert got[-1] is y


@by_ufunc
def test_labels_are_any_integers(ufunc):
    x, labels = draw(20, 5, "classes")
    wanted = results(ufunc, x, labels)
    # Only order decides the order of the sums, and only equality the loss.
    for z in (labels * 10**15, labels + (2**63 - 10), labels - 2**62):
        for a, b in zip(results(ufunc, x, z), wanted, strict=True):
            np.testing.assert_array_equal(a, b)
    unsigned = np.array([2**64 - 1, 0, 2**63], "u8")[labels % 3]
    for a, b in zip(results(ufunc, x, unsigned), results(ufunc, x, labels % 3), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@by_ufunc
def test_where_selects_vectors(ufunc):
    rng = np.random.default_rng(5)
    x, labels = draw(60, 7, "classes")
    keep = rng.random((3, 60)) < 0.6
    keep[2] = False
    spoiled = np.where(keep[:2].any(0)[:, None], x, NAN)
    got = results(ufunc, spoiled, labels, where=keep)
    for k in range(2):
        x_k = np.where(keep[k][:, None], x, NAN)
        for a, b, one in zip(
            got,
            results(ufunc, x[keep[k]], labels[keep[k]]),
            results(ufunc, x_k, labels, where=keep[k]),
            strict=True,
        ):
            if b.ndim == 2:
                whole = np.zeros(x.shape)
                whole[keep[k]] = b
                b = whole
            np.testing.assert_array_equal(a[k], b)
            np.testing.assert_array_equal(one, b)
    assert np.isnan(got[0][2]).all() or got[0][2].shape == x.shape
    np.testing.assert_array_equal(results(ufunc, x, labels, where=True)[0], results(ufunc, x, labels)[0])
    np.testing.assert_array_equal(
        results(ufunc, x, labels, where=np.True_)[-1], results(ufunc, x, labels)[-1]
    )
    out = tuple(np.empty_like(r) for r in got)
    assert all(a is b for a, b in zip(results(ufunc, spoiled, labels, where=keep, out=out), out, strict=True))
    np.testing.assert_array_equal(out[-1], got[-1])
    for wrong, kind in ((keep.astype(int), TypeError), (keep[:, :5], ValueError), (keep[:, :1], ValueError)):
        with pytest.raises(kind, match=f"{ufunc.__name__}: where"):
            ufunc(x, labels, where=wrong)


@by_ufunc
def test_wrong_calls(ufunc):
    x, labels = draw(6, 3)
    name = ufunc.__name__
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'labels'"):
        ufunc(x)
    with pytest.raises(TypeError, match="labels must be integers, not float64"):
        ufunc(x, labels.astype(float))
    with pytest.raises(TypeError, match="labels must be integers, not bool"):
        ufunc(x, labels > 1)
    for dtype in ("c16", "g", "O", "U3"):
        with pytest.raises(TypeError, match=name):
            ufunc(x.astype(dtype), labels)
    for word in ({"axis": None}, {"keepdims": True}):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{next(iter(word))}'"):
            ufunc(x, labels, **word)
    with pytest.raises(TypeError):
        ufunc(x, labels, axis=0)
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        ufunc(x, labels[:4])
    with pytest.raises(ValueError, match="enough dimensions"):
        ufunc(x[0], labels)
    with pytest.raises(ValueError, match="enough dimensions"):
        ufunc(x[0], labels, where=labels > 0)
    with pytest.raises(TypeError, match="axes does not go with where"):
        ufunc(x, labels, where=labels > 0, axes=[(0, 1), (0,), ()])


@by_ufunc
def test_axes_types_and_names(ufunc):
    x, labels = draw(10, 4)
    out_axes = (
        [(1, 0)]
        if ufunc.signature.endswith(")->(b,d)")
        else [(), (1, 0)]
        if "," in ufunc.signature.split("->")[1][1:-1]
        else [()]
    )
    for a, b in zip(
        results(ufunc, x.T, labels, axes=[(1, 0), (0,), (), *out_axes]),
        results(ufunc, x, labels),
        strict=True,
    ):
        np.testing.assert_array_equal(a.T, b)
    for a, b in zip(
        results(ufunc, labels=labels, embeddings=x, temperature=0.3),
        results(ufunc, x, labels, 0.3),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert results(ufunc, x.astype("f4"), labels, np.full(2, 0.07))[0].dtype == np.float32
    assert results(ufunc, x.astype(int), labels)[0].dtype == np.float64
    assert results(ufunc, x.astype("f2"), labels, dtype=np.float32)[0].dtype == np.float32
    assert type(ufunc) is np.ufunc
    assert ufunc.__module__ == "ufloss"
    assert list(inspect.signature(ufunc).parameters)[:5] == [
        "embeddings",
        "labels",
        "temperature",
        "out",
        "where",
    ]
    assert inspect.signature(ufunc).parameters["temperature"].default == 0.07
    if "." not in ufunc.__name__:
        assert pickle.loads(pickle.dumps(ufunc)) is ufunc
    assert copy.deepcopy(ufunc) is ufunc


@by_ufunc
def test_overrides(ufunc):
    class Recorder:
        def __array_ufunc__(self, *args, **kwargs):
            return args, kwargs

    r = Recorder()
    (called, method, *inputs), kwargs = ufunc(r, [0, 0], where=[True, True])
    assert called is ufunc
    assert (method, inputs, kwargs) == ("__call__", [r, [0, 0], 0.07], {"where": [True, True]})


def test_nothing_warns():
    x, labels = draw(40, 8, dtype="f4")
    with np.errstate(all="raise"):
        for t in (1e-6, 0.001, 0.07, 10):
            ul.ntxent_loss.value_and_grad(x, labels, np.float32(t))
        ul.ntxent_loss.value_and_grad(np.full_like(x, NAN), labels)


@by_ufunc
def test_docstrings(ufunc):
    for heading in ("Parameters", "Returns", "Raises", "Notes"):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in ufunc.__doc__
    test = doctest.DocTestParser().get_doctest(ufunc.__doc__, {}, ufunc.__name__, None, 0)
    assert len(test.examples) == (3 if "." not in ufunc.__name__ else 0)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
