"""A NaN of every kind stays one, in every argument of every loss."""

import numpy as np
import pytest

import ufloss as ul
from common import results
from internals import LOSSES, UFUNCS
from nans import BITS, by_type, kinds_of_nan, put_nan
from points import draw as draw_points
from rows.cases import by_ufunc, draw, ufunc_of


@by_type
def test_kinds_of_nan(dtype):
    kinds = kinds_of_nan(dtype)
    assert np.isnan(kinds).all()
    assert len(set(kinds.view(BITS[dtype]).tolist())) == len(kinds) > 15


@by_type
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss["name"])
def test_elementwise_nan(loss, dtype):
    with np.errstate(over="ignore", under="ignore"):
        args = [
            np.ascontiguousarray(a.astype(dtype))
            for a in draw_points(loss, 37, np.float64 if dtype is np.float64 else np.float32, 1)
        ]
    kinds = kinds_of_nan(dtype)
    for attribute in loss["outputs"]:
        ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
        for i in range(len(args)):
            for at in (0, 5, 36):
                want = None
                for nan in kinds:
                    got = [
                        np.isnan(r)
                        for r in results(ufunc, *args[:i], put_nan(args[i], at, nan), *args[i + 1 :])
                    ]
                    want = want or got
                    assert all((g == w).all() for g, w in zip(got, want, strict=True)), (
                        attribute,
                        i,
                        at,
                        hex(int(nan.view(BITS[dtype]))),
                    )


@by_type
@by_ufunc
def test_row_nan(loss, attribute, dtype):
    ufunc, kinds = ufunc_of(loss, attribute), kinds_of_nan(dtype)
    for n in (1, 6, 45, 2100):
        args = draw(loss, (3, n), dtype, seed=n)
        for i, a in enumerate(args):
            if a.dtype.kind != "f":
                continue
            places = [(1, j) for j in sorted({0, n // 2, n - 1})] if a.ndim == 2 else [(1,)]
            for at in places:
                want = None
                for nan in kinds:
                    got = [
                        np.isnan(r) for r in results(ufunc, *args[:i], put_nan(a, at, nan), *args[i + 1 :])
                    ]
                    want = want or got
                    assert all((g == w).all() for g, w in zip(got, want, strict=True)), (
                        n,
                        i,
                        at,
                        hex(int(nan.view(BITS[dtype]))),
                    )
        if n > 1:  # a logit that is NaN is not lost
            x = put_nan(args[0], (1, n // 2), kinds[-1])
            if loss["args"][0]["name"] == "logits":
                r = results(ufunc, x, *args[1:])[0]
                assert np.isnan(r[1]).any() or attribute in ("hess_bound",), n


@by_type
@pytest.mark.parametrize("name", ul.ctc.UFUNCS)
def test_nan_in_sequences(name, dtype):
    rng, ufunc = np.random.default_rng(0), ul.ctc.UFUNCS[name]
    for frames, classes, n in ((12, 5, 3), (40, 33, 9)):
        x, labels = rng.normal(size=(2, frames, classes)).astype(dtype), rng.integers(1, classes, (2, n))
        for at in ((0, 0, 0), (0, frames // 2, int(labels[0, 1])), (0, frames - 1, classes - 1)):
            want = None
            for nan in kinds_of_nan(dtype):
                got = [np.isnan(r) for r in results(ufunc, put_nan(x, at, nan), labels)]
                want = want or got
                assert all((g == w).all() for g, w in zip(got, want, strict=True)), (
                    at,
                    hex(int(nan.view(BITS[dtype]))),
                )
