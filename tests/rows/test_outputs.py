"""`out` of row losses: larger batches, class axes of outputs, outputs over inputs, too short ones."""

import itertools
import math
import re

import numpy as np
import pytest

import ufloss as ul
from common import results
from rows.cases import CASES, along, by_ufunc, draw, ufunc_of


def outcome(call, outs):
    """What a call does to outputs full of 7: the results' arrays, or "refused" where none is written."""
    outs = tuple(None if o is None else np.full(o, 7.0) for o in outs)
    try:
        got = call(outs)
    except ValueError:
        assert all((o == 7).all() for o in outs if o is not None)
        return "refused"
    for g, o in zip(got, outs, strict=True):
        assert o is None or g is o
    return got


# Batch axes of the operands, those of each output, which may be None; does NumPy take them where it needs no
# help?
BATCHES = [
    ((3, 4), [(2, 3, 4)], True),
    ((3, 4), [(2, 1, 3, 4)], True),
    ((1, 4), [(3, 4)], True),
    ((1, 4), [(4,)], True),
    ((1, 1), [()], True),
    ((), [(2,)], True),
    ((3, 4), [(2, 3, 4), None], True),
    ((3, 4), [None, (2, 3, 4)], True),
    ((1, 4), [(4,), (1, 4)], True),
    ((0, 4), [(2, 0, 4)], True),
    ((1, 4), [(0, 4)], True),
    ((3, 4), [(3, 1)], False),
    ((3, 4), [(4,)], False),
    ((3, 4), [(2, 4)], False),
    ((3, 4), [(2, 3, 4), (3, 4)], False),
    ((3, 4), [(2, 3, 4), (5, 3, 4)], False),
    ((3, 4), [(2, 3, 4), (1, 3, 4)], False),
    ((3, 4), [()], False),
    ((0, 4), [(4,)], False),
]


@by_ufunc
def test_outputs_of_larger_batches(loss, attribute):
    ufunc = ufunc_of(loss, attribute)
    for batch, heads, fits in BATCHES:
        if len(heads) > ufunc.nout:  # of two outputs
            continue
        args = draw(loss, (*batch, 5))
        tails = [p.shape[len(batch) :] for p in results(ufunc, *args)]
        shapes = [
            None if head is None else head + tail
            for head, tail in zip(itertools.cycle(heads), tails, strict=False)
        ]
        want = outcome(lambda outs, args=args: results(ufunc, *args, out=outs), shapes)
        assert (want == "refused") is not fits
        whole = np.ones((*batch, 5), bool)
        for words in (
            {"axis": (-1,)},
            {"where": whole},
            {"axis": (-1,), "where": whole[(slice(1),) * len(batch)]},
            {"keepdims": True},
        ):
            kept = ["keepdims" in words and tail == () for tail in tails]
            asked = [(*s, 1) if k and s is not None else s for s, k in zip(shapes, kept, strict=True)]
            got = outcome(
                lambda outs, args=args, words=words: results(ufunc, *args, out=outs, **words), asked
            )
            assert (got == "refused") is not fits
            for g, w, k in zip(got, want, kept, strict=True) if fits else ():
                np.testing.assert_array_equal(g, w[..., None] if k else w)


@by_ufunc
def test_class_axes_of_outputs_of_larger_batches(loss, attribute):
    ufunc, args = ufunc_of(loss, attribute), draw(loss, (3, 4, 5))
    rows = [a.size == 60 for a in results(ufunc, *args)]
    turned = [np.moveaxis(a, -1, 0) if lies else a for a, lies in zip(args, along(loss), strict=True)]
    where = np.ones((5, 3, 4), bool)
    for axis in (0, -3):  # counted in each operand for itself
        shapes = [((2, 5, 3, 4) if axis == -3 else (5, 2, 3, 4)) if r else (2, 3, 4) for r in rows]
        want = outcome(lambda outs, axis=axis: results(ufunc, *turned, axis=axis, out=outs), shapes)
        got = outcome(
            lambda outs, axis=axis: results(ufunc, *turned, axis=axis, out=outs, where=where), shapes
        )
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g, w)
        wrong = [(2, 4, 3, 4) if r else (2, 3, 4) for r in rows]
        if any(rows):
            assert (
                outcome(
                    lambda outs, axis=axis: results(ufunc, *turned, axis=axis, out=outs, where=where), wrong
                )
                == "refused"
            )
    for axis, batch in (((-3, -1), (4,)), ((-1, -3), (4,)), (None, ())):
        lengths = {(-3, -1): (3, 5), (-1, -3): (5, 3), None: (3, 4, 5)}[axis]
        args = draw(loss, (*batch, math.prod(lengths)))
        last = tuple(range(-len(lengths), 0))
        args = [
            np.moveaxis(a.reshape(*batch, *lengths), last, axis or last) if lies else a
            for a, lies in zip(args, along(loss), strict=True)
        ]
        for kept in (False, True):
            want = results(ufunc, *args, axis=axis, keepdims=kept)
            for one in (False, True):
                shapes = [None if one and i else (2, *w.shape) for i, w in enumerate(want)]
                got = outcome(
                    lambda outs, args=args, axis=axis, kept=kept: results(
                        ufunc, *args, axis=axis, keepdims=kept, out=outs
                    ),
                    shapes,
                )
                for g, w in zip(got, want, strict=True):
                    np.testing.assert_array_equal(g, np.broadcast_to(w, (2, *w.shape)))
            wrong = [(*w.shape[:-1], w.shape[-1] + 1) if w.size == 60 else w.shape for w in want]
            if any(rows):
                assert (
                    outcome(
                        lambda outs, args=args, axis=axis, kept=kept: results(
                            ufunc, *args, axis=axis, keepdims=kept, out=outs
                        ),
                        wrong,
                    )
                    == "refused"
                )


@pytest.mark.parametrize(
    ("loss", "attribute"),
    [case for case in CASES if "(n)" in ufunc_of(*case.values).signature.split("->")[1]],
)
def test_results_may_lie_over_the_logits(loss, attribute):
    args, ufunc = draw(loss, (6, 40)), ufunc_of(loss, attribute)
    want = results(ufunc, *args)
    for k, w in enumerate(want):
        if w.ndim == 2:
            fresh = [a.copy() for a in args]
            got = results(ufunc, *fresh, out=tuple(fresh[0] if i == k else None for i in range(len(want))))
            for g, e in zip(got, want, strict=True):
                np.testing.assert_array_equal(g, e)


@pytest.mark.parametrize(
    ("call", "short", "shape"),
    [
        (lambda x, out: ul.softmax_cross_entropy(x, x, axis=1, keepdims=True, out=out), (3,), (3, 1)),
        (lambda x, out: ul.softmax_cross_entropy.grad(x, x, axis=1, where=x > 0, out=out), (3,), (3, 4)),
        (
            lambda x, out: ul.softmax_cross_entropy.value_and_grad(
                x, x, axis=1, where=x > 0, out=(None, out)
            ),
            (3,),
            (3, 4),
        ),
        (lambda x, out: ul.softmax(x, axis=1, where=x > 0, out=out), (4,), (3, 4)),
        (lambda x, out: ul.softmax_cross_entropy(x, x, axis=-2, keepdims=True, out=out), (4,), (1, 4)),
        (
            lambda x, out: ul.softmax_cross_entropy(x[None], x[None], axis=(1, 2), keepdims=True, out=out),
            (1, 1),
            (1, 1, 1),
        ),
        (
            lambda x, out: ul.softmax_cross_entropy(x[None], x[None], axis=(1, -1), keepdims=True, out=out),
            (1, 1),
            (1, 1, 1),
        ),
    ],
)
def test_too_short_an_output_is_blamed_on_its_shape(call, short, shape):
    out = np.full(short, 7.0)
    with pytest.raises(
        ValueError, match=rf"output has shape {re.escape(str(short))}, the result {re.escape(str(shape))}"
    ):
        call(np.arange(12.0).reshape(3, 4), out)
    assert (out == 7).all()
