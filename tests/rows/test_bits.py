"""The same bits for every layout, alone and together, and float16 by way of float32."""

import numpy as np
import pytest

from common import results
from rows.cases import along, by_ufunc, draw, losses_that, ufunc_of

LAYOUTS = {
    "fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "offset": lambda a: np.concatenate([a.ravel()[:1], a.ravel()])[1:].reshape(a.shape),
    "big endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read only": lambda a: (b := a.copy(), b.setflags(write=False))[0],
}


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("n", [5, 31, 40, 2500])
@by_ufunc
def test_bits_do_not_depend_on_the_layout(loss, attribute, n, dtype):
    args, ufunc = draw(loss, (5, n), np.dtype(dtype).type), ufunc_of(loss, attribute)
    want = results(ufunc, *args)
    for layout in LAYOUTS.values():
        for got, w in zip(results(ufunc, *[layout(a) for a in args]), want, strict=True):
            assert got.tobytes() == w.tobytes()
    one = [results(ufunc, *[a[r] for a in args]) for r in range(5)]  # a row at a time
    for k, w in enumerate(want):
        assert np.array([o[k] for o in one]).tobytes() == w.tobytes()
    # the class axis first
    first = [np.moveaxis(a, -1, 0).copy() if lies else a for a, lies in zip(args, along(loss), strict=True)]
    for got, w in zip(results(ufunc, *first, axis=0), want, strict=True):
        assert np.ascontiguousarray(np.moveaxis(got, 0, -1) if w.ndim == 2 else got).tobytes() == w.tobytes()
    whole = np.ones(args[0].shape, bool)  # a mask that masks nothing
    for got, w in zip(results(ufunc, *args, where=whole), want, strict=True):
        assert got.tobytes() == w.tobytes()


@pytest.mark.parametrize("n", [9, 50])
@losses_that(lambda loss: any(len(parts) > 1 for _, parts in loss["outputs"].values()))
def test_parts_are_the_same_alone_and_together(loss, n):
    args = draw(loss, (70, n))
    alone = {
        parts[0]: results(ufunc_of(loss, a), *args)[0]
        for a, (_, parts) in loss["outputs"].items()
        if len(parts) == 1
    }
    for attribute, (_, parts) in loss["outputs"].items():
        for part, got in zip(parts, results(ufunc_of(loss, attribute), *args), strict=True):
            if part in alone:
                np.testing.assert_array_equal(got, alone[part])


@by_ufunc
def test_float16_is_computed_in_float32(loss, attribute):
    args, ufunc = draw(loss, (20, 33), np.float16), ufunc_of(loss, attribute)
    wide = [a.astype("f4") if a.dtype == "f2" else a for a in args]
    for got, want in zip(results(ufunc, *args), results(ufunc, *wide), strict=True):
        np.testing.assert_array_equal(got, want.astype("f2"))


@by_ufunc
def test_float16_rows_with_results_in_float32(loss, attribute):
    """One loop reads the one and writes the other: no copy, and the bits of float32 rows."""
    ufunc = ufunc_of(loss, attribute)
    for n in (20, 3000):
        args = draw(loss, (4, n), np.float16)
        wide = [a.astype("f4") if a.dtype == "f2" else a for a in args]
        with_where = results(ufunc, *args, where=np.ones((4, n), bool), dtype=np.float32)
        for got, masked, want in zip(
            results(ufunc, *args, dtype=np.float32), with_where, results(ufunc, *wide), strict=True
        ):
            assert got.dtype == masked.dtype == np.float32
            np.testing.assert_array_equal(got, want)
            np.testing.assert_array_equal(masked, want)
