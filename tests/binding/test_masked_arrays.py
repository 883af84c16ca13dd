"""Masked arrays count as `where` in rows, and are refused where NumPy would ignore their masks."""

import numpy as np
import pytest

import ufloss as ul
from binding.cases import ROW_CASES, rows_of
from internals import UFUNCS


@pytest.mark.parametrize(("loss", "attribute"), ROW_CASES)
def test_masked_arrays_count_as_where_in_rows(loss, attribute):
    value = UFUNCS[loss["name"]]
    ufunc, args = getattr(value, attribute) if attribute else value, rows_of(loss)
    names = [a["name"] for a in loss["args"]]
    for k, x in enumerate(args):
        mask = np.random.default_rng(k).random(x.shape) < 0.3
        spoiled = x.copy()
        spoiled[mask] = -100 if x.dtype.kind == "i" else np.nan
        mixed = [np.ma.array(spoiled, mask=mask) if i == k else a for i, a in enumerate(args)]
        want = ufunc(*[spoiled if i == k else a for i, a in enumerate(args)], where=~mask)
        where = np.random.default_rng(9).random((6, 5)) < 0.8
        both = ufunc(*args, where=(~mask if mask.ndim == 2 else ~mask[:, None]) & where)
        filled = [
            a.filled(0.5 if a.dtype.kind == "f" else 0) if isinstance(a, np.ma.MaskedArray) else a
            for a in mixed
        ]
        for got, right in (
            (ufunc(*mixed), want),
            (ufunc(**dict(zip(names, mixed, strict=True))), want),
            (ufunc(*mixed, where=where), both),
            (
                ufunc(
                    *filled,
                    where=np.ma.array(
                        where, mask=mask if mask.ndim == 2 else np.broadcast_to(mask[:, None], (6, 5))
                    ),
                ),
                both,
            ),
        ):
            for g, w in zip(
                got if isinstance(got, tuple) else (got,),
                right if isinstance(right, tuple) else (right,),
                strict=True,
            ):
                assert type(g) is np.ndarray
                np.testing.assert_array_equal(g, w)


def test_masks_that_numpy_would_ignore_are_refused(case):
    args = case.draw(4)
    with pytest.raises(TypeError, match="where is a masked array"):
        case(*args, where=np.ma.array([True] * 4, mask=[0, 1, 0, 0]))


def test_losses_over_a_batch_refuse_masked_arrays():
    x = np.ma.array(np.random.default_rng(0).random((4, 3)), mask=np.eye(4, 3))
    for call in (
        lambda: ul.ntxent_loss(x, [0, 0, 1, 1]),
        lambda: ul.ntxent_loss.value_and_grad(x.data, np.ma.array([0, 0, 1, 1], mask=[1, 0, 0, 0])),
        lambda: ul.ctc.loss(x, [1]),
        lambda: ul.ctc.loss.value_and_grad(x.data, np.ma.array([1], mask=[1])),
    ):
        with pytest.raises(TypeError, match="takes no masked arrays"):
            call()
