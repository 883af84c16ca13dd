"""What calls mean: broadcasting, layouts, masks, wrong calls, memory, docstrings."""

import doctest
import inspect
import subprocess
import sys

import numpy as np
import pytest

import ufloss as ul
from children import run_child
from common import dirty_heap, results
from info_nce.cases import NAN, UFUNC_OF, by_name, by_ufunc, draw, every


def test_signatures():
    assert ul.info_nce_loss.signature == "(b,d),(b,d),()->()"
    assert ul.clip_loss.value_and_grad.signature == "(b,d),(b,d),()->(),(b,d)"
    assert ul.clip_loss.value_and_grads.signature == "(b,d),(b,d),()->(),(b,d),(b,d),()"
    shown = inspect.signature(ul.clip_loss).parameters
    assert list(shown)[:5] == ["queries", "keys", "temperature", "out", "where"]
    assert shown["temperature"].default == 0.07


@by_name
def test_outputs_agree(name):
    for dtype in ("f2", "f4", "f8"):
        for batch, temperature in ((7, 0.07), (130, 0.5), (130, 0.004)):
            args = (*draw(batch, 20, dtype=dtype), np.array(temperature, dtype))
            value, *slopes = every(name, *args)
            parts = {"": [value], "grad": slopes[:1], "value_and_grad": [value, slopes[0]], "grads": slopes}
            for attribute, wanted in parts.items():
                got = results(UFUNC_OF[f"{name}.{attribute}".removesuffix(".")], *args)
                for a, b in zip(got, wanted, strict=True):
                    np.testing.assert_array_equal(a, b)


@by_ufunc
def test_broadcasting(ufunc):
    queries, keys = draw(24, 6)
    many, others = np.stack([queries, queries[::-1], 2 * queries]), np.stack([keys, keys[::-1]])
    got = results(ufunc, many, others[:, None], [[[0.1]], [[0.5]]])
    for k in np.ndindex(2, 2, 3):
        alone = results(ufunc, many[k[2]], others[k[1]], [0.1, 0.5][k[0]])
        for a, b in zip(got, alone, strict=True):
            np.testing.assert_array_equal(a[k], b)


@by_ufunc
def test_same_bits_for_every_layout(ufunc):
    for dtype in ("f2", "f4", "f8"):
        queries, keys = draw(110, 37, dtype=dtype)
        wanted = results(ufunc, queries, keys)

        def layouts(x):
            wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
            wide[::2, ::3] = x
            raw = np.zeros(x.nbytes + 1, "u1")
            odd = raw[1:].view(x.dtype).reshape(x.shape)
            odd[...] = x
            backwards = x[::-1, ::-1].copy()[::-1, ::-1]
            swapped = x.astype(x.dtype.newbyteorder())
            return [x, np.asfortranarray(x), wide[::2, ::3], backwards, odd, swapped]

        for x, y in zip(layouts(queries), reversed(layouts(keys)), strict=True):
            for a, b in zip(results(ufunc, x, y), wanted, strict=True):
                np.testing.assert_array_equal(a, b)
        out = tuple(np.full(w.T.shape, 7, dtype).T for w in wanted)
        got = results(ufunc, queries, keys, out=out)
        for a, b, o in zip(got, wanted, out, strict=True):
            assert a is o
            np.testing.assert_array_equal(a, b)
        if any(w.ndim for w in wanted):  # over the inputs themselves
            x, y = queries.copy(), keys.copy()
            places = iter((x, y))
            over = tuple(next(places) if w.ndim else None for w in wanted)
            for a, b in zip(results(ufunc, x, y, out=over), wanted, strict=True):
                np.testing.assert_array_equal(a, b)


@by_ufunc
def test_where_selects_pairs(ufunc):
    rng = np.random.default_rng(5)
    queries, keys = draw(60, 7)
    keep = rng.random((3, 60)) < 0.6
    keep[2] = False
    got = results(ufunc, queries, keys, where=keep)
    for k in range(2):
        spoiled = [np.where(keep[k][:, None], x, NAN) for x in (queries, keys)]
        for a, b, one in zip(
            got,
            results(ufunc, queries[keep[k]], keys[keep[k]]),
            results(ufunc, *spoiled, where=keep[k]),
            strict=True,
        ):
            if b.ndim == 2:
                whole = np.zeros(queries.shape)
                whole[keep[k]] = b
                b = whole
            np.testing.assert_array_equal(a[k], b)
            np.testing.assert_array_equal(one, b)
    for r in got:
        assert not r[2].any() if r.ndim == 3 else np.isnan(r[2])
    for a, b in zip(
        results(ufunc, queries, keys, where=np.True_), results(ufunc, queries, keys), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    out = tuple(np.empty_like(r) for r in got)
    assert all(a is b for a, b in zip(results(ufunc, queries, keys, where=keep, out=out), out, strict=True))
    np.testing.assert_array_equal(out[-1], got[-1])
    for wrong, kind in ((keep.astype(int), TypeError), (keep[:, :5], ValueError), (keep[:, :1], ValueError)):
        with pytest.raises(kind, match=f"{ufunc.__name__}: where"):
            ufunc(queries, keys, where=wrong)


@by_ufunc
def test_wrong_calls(ufunc):
    queries, keys = draw(6, 3)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'keys'"):
        ufunc(queries)
    for dtype in ("c16", "g", "O", "U3"):
        with pytest.raises(TypeError, match=ufunc.__name__):
            ufunc(queries, keys.astype(dtype))
    for word in ({"axis": None}, {"keepdims": True}):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{next(iter(word))}'"):
            ufunc(queries, keys, **word)
    for wrong in (keys[:4], keys[:, :2]):
        with pytest.raises(ValueError, match="mismatch in its core dimension"):
            ufunc(queries, wrong)
        with pytest.raises(ValueError, match="mismatch in its core dimension"):
            ufunc(queries, wrong, where=np.ones(6, bool))
    for mask in ({}, {"where": np.ones(6, bool)}):
        with pytest.raises(ValueError, match="enough dimensions"):
            ufunc(queries[0], keys, **mask)
        with pytest.raises(ValueError, match="enough dimensions"):
            ufunc(queries, keys[0], **mask)
    with pytest.raises(TypeError, match="axes does not go with where"):
        ufunc(queries, keys, where=np.ones(6, bool), axes=[(0, 1), (0, 1), ()])
    with pytest.raises(TypeError, match="takes no masked arrays"):
        ufunc(queries, np.ma.masked_array(keys, keys > 1), where=np.ones(6, bool))


@by_ufunc
def test_types_and_axes(ufunc):
    queries, keys = draw(10, 4)
    for types, wanted in (
        ("f2 f2", "f2"),
        ("f2 f4", "f4"),
        ("f4 f8", "f8"),
        ("f4 i4", "f8"),
        ("i8 i8", "f8"),
    ):
        a, b = (x.astype(kind) for x, kind in zip((queries, keys), types.split(), strict=True))
        assert all(r.dtype == wanted for r in results(ufunc, a, b, np.float64(0.07)))
    core = ufunc.signature.split("->")[1].replace("(b,d)", "d").replace("()", "n").split(",")
    axes = [(1, 0), (1, 0), (), *[(1, 0) if c == "d" else () for c in core]]
    for a, b in zip(results(ufunc, queries.T, keys.T, axes=axes), results(ufunc, queries, keys), strict=True):
        np.testing.assert_array_equal(a.T, b)
    for a, b in zip(
        results(ufunc, temperature=0.3, keys=keys, queries=queries),
        results(ufunc, queries, keys, 0.3),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@by_ufunc
def test_equal_calls_between_dirtied_heaps(ufunc):
    for dtype in ("f2", "f4", "f8"):
        for n in (5, 33, 97, 150):
            queries, keys = draw(n, 20, dtype=dtype)
            for t in (0.07, 0.001):
                seen = set()
                for pattern in (0x00, 0x01, 0x20, 0xFF):
                    dirty_heap(pattern)
                    r = results(ufunc, queries, keys, np.array(t, dtype), where=np.arange(n) % 4 != 1)
                    seen.add(b"".join(np.asarray(part).tobytes() for part in r))
                assert len(seen) == 1, n


@pytest.mark.footprint
def test_no_array_of_all_pairs():
    """The workspace is outside what Python counts, so the process itself is asked."""
    code = """
import resource, numpy as np, ufloss as ul
rng = np.random.default_rng(0)
x, y = rng.normal(size=(2, 4096, 64)).astype("f4")
out = (np.ones((), "f4"), np.ones_like(x), np.ones_like(x), np.ones((), "f4"))
ul.clip_loss.value_and_grads(x[:64], y[:64])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
ul.clip_loss.value_and_grads(x, y, out=out)
ul.info_nce_loss.value_and_grads(x, y, out=out)
print((peak() - before) * 1024)
"""
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("ru_maxrss counts otherwise here")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 8e6  # five times an input of 1 MiB, and a little; all pairs are 64 MiB


def test_sizes_that_no_memory_has():
    out = run_child("""
        limit_addresses(6 << 30)
        count = 0
        for loss, n, rows, dtype in itertools.product(
            (ul.info_nce_loss, ul.clip_loss), [2**33, 2**40, 2**47, 2**57, 2**59, 2**60], (True, False), "efd"
        ):
            shape = (n, 1) if rows else (2, n)
            try:
                x = np.broadcast_to(np.dtype(dtype).type(1), shape)
            except ValueError:  # more than NumPy lets an array have
                continue
            for f, keywords in itertools.product(
                (loss, loss.grads), ({}, {"where": np.broadcast_to(True, shape[:1])})
            ):
                try:
                    f(x, x, **keywords)
                except MemoryError:
                    count += 1
                    continue
                except ValueError as error:  # an output, which NumPy refuses
                    assert "too big" in str(error) or "Maximum allowed" in str(error), error
                    continue
                raise SystemExit(f"{f.__name__} of {shape}: no error")
        print(count)
    """)
    assert int(out) > 50


@by_ufunc
def test_docstrings(ufunc):
    for heading in ("Parameters", "Returns", "Raises", "Notes"):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in ufunc.__doc__
    for result in results(ufunc, *draw(3, 2)):
        assert ("Of the shape (...), one for each batch." in ufunc.__doc__) or result.ndim == 2
    test = doctest.DocTestParser().get_doctest(ufunc.__doc__, {}, ufunc.__name__, None, 0)
    assert len(test.examples) == (4 if "." not in ufunc.__name__ else 0)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
