"""Masks of every layout give the same bits, and what they hide is not looked at."""

import numpy as np

import ufloss as ul
from common import results
from nans import BITS
from rows.cases import INF, NAN, along, by_ufunc, draw, ufunc_of


@by_ufunc
def test_masks_of_every_layout(loss, attribute):
    """The same bits from a mask that is contiguous, strided, turned round or the same for a row; what it
    hides is not looked at.
    """
    ufunc = ufunc_of(loss, attribute)
    rng = np.random.default_rng(4)
    for dtype in BITS:
        for n in (3, 10, 31, 45, 2100):
            rows = 70 if n < 50 else 5
            args = draw(loss, (rows, n), dtype, seed=n)
            mask = rng.random((rows, n)) < 0.6
            whole = rng.random(rows) < 0.6
            mask[0], mask[1], whole[:2] = True, False, (True, False)
            labels = next((i for i, a in enumerate(loss["args"]) if a["role"] == "label"), None)
            if labels is not None:
                some = mask.any(-1)
                mask[np.arange(rows)[some], args[labels][some]] = True
            for keep in (mask, np.broadcast_to(whole[:, None], (rows, n))):
                poisoned = [
                    np.where(keep, a, dtype(NAN)) if lies else a
                    for a, lies in zip(args, along(loss), strict=True)
                ]
                if labels is not None:
                    poisoned[labels] = np.where(keep.any(-1), args[labels], 2**40)
                wide = np.zeros((rows, 2 * n), bool)
                wide[:, ::2] = keep
                want = None
                for layout in (np.ascontiguousarray(keep), wide[:, ::2], np.asfortranarray(keep), keep):
                    got = results(ufunc, *poisoned, where=layout)
                    want = want or got
                    for g, w in zip(got, want, strict=True):
                        np.testing.assert_array_equal(g, w)
                    apart = [
                        np.repeat(a, 2, axis=-1)[..., ::2] if lies else a
                        for a, lies in zip(poisoned, along(loss), strict=True)
                    ]
                    outs = tuple(np.repeat(np.zeros_like(w), 2, axis=-1)[..., ::2] for w in want)
                    for g, w in zip(
                        results(ufunc, *apart, where=layout, out=outs if len(outs) > 1 else outs[0]),
                        want,
                        strict=True,
                    ):
                        np.testing.assert_array_equal(g, w)
                # a row alone, of what is left of it, in a length that is summed alike
                full = np.flatnonzero(keep.all(-1))[0]
                for g, w in zip(results(ufunc, *[a[full] for a in args]), want, strict=True):
                    np.testing.assert_array_equal(g, w[full])
                hidden = -INF if ufunc is ul.log_softmax else 0
                for w in want:
                    assert (w[~keep] == hidden).all() if w.ndim == 2 else (w[~keep.any(-1)] == 0).all()
