"""`where`, `keepdims` and an axis of plain arrays are served at once, and as the slow way serves them:
results and their types, outputs, exceptions and their words, for every loss over rows or over a batch.
"""

import functools
import sys

import numpy as np
import pytest

import ufloss as ul
from binding.quick_cases import draw, masks, operands_of, words_of
from ufloss import _core
from ufloss._front import BatchCall, RowCall
from ufloss._labels import make_explain
from ufloss._registry import ISA, PAIR_LOSSES, ROW_LOSSES, UFUNCS

KEPT = []  # ufuncs live for ever


def cases_of(losses):
    return [
        pytest.param(loss, attribute, id=f"{loss['name']}.{attribute}".removesuffix("."))
        for loss in losses
        for attribute in loss["outputs"]
    ]


by_row_ufunc = pytest.mark.parametrize(("loss", "attribute"), cases_of(ROW_LOSSES))
by_batch_ufunc = pytest.mark.parametrize(("loss", "attribute"), cases_of(PAIR_LOSSES))
by_ufunc = pytest.mark.parametrize(("loss", "attribute"), cases_of(ROW_LOSSES + PAIR_LOSSES))


def ufunc_of(loss, attribute):
    value = UFUNCS[loss["name"]]
    return getattr(value, attribute) if attribute else value


def masked_of(loss, attribute):
    full = f"{loss['name']}.{attribute}".removesuffix(".")
    return _core.make_masked(ISA, loss["masked"][attribute][0], full)


def make(loss, attribute, slow, masked=None):
    """The ufunc of a loss with another slow way; without a twin there is no quick one."""
    full = f"{loss['name']}.{attribute}".removesuffix(".")
    names = tuple(a["name"] for a in loss["args"])
    defaults = tuple(... if a["default"] is None else a["default"] for a in loss["args"])
    record = loss["outputs"][attribute][0]
    ufunc = _core.make_ufunc(ISA, record, full, "", names, defaults, slow, make_explain(loss, full), masked)
    KEPT.append((ufunc, masked))
    return ufunc


@functools.cache
def slow_ufunc(name, attribute):
    """The ufunc of a loss that leaves to Python what NumPy's gufuncs lack."""
    loss = next(loss for loss in ROW_LOSSES + PAIR_LOSSES if loss["name"] == name)
    full = f"{name}.{attribute}".removesuffix(".")
    masked = masked_of(loss, attribute)
    if loss["dims"] == "n":
        return make(loss, attribute, RowCall(loss, full, loss["outputs"][attribute][1], masked))
    return make(loss, attribute, BatchCall(loss, full, masked))


def arrays_of(out):
    return [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, np.ndarray)]


def outcome(ufunc, args, words):
    """All that a caller can see of a call."""
    words = words()
    outs = arrays_of(words.get("out"))
    try:
        results = ufunc(*args, **words)
    except Exception as error:
        return type(error), str(error), [o.tobytes() for o in outs]
    results = results if isinstance(results, tuple) else (results,)
    seen = []
    for r in results:
        place = next((i for i, o in enumerate(outs) if r is o), None)
        a = np.asarray(r)
        seen.append((type(r), place, a.dtype, a.shape, a.tobytes()))
    return len(results), seen, [o.tobytes() for o in outs]


def assert_same(loss, attribute):
    """All keywords for some arrays; other operands and derivatives have a share of the keywords each."""
    quick, slow = ufunc_of(loss, attribute), slow_ufunc(loss["name"], attribute)
    words = words_of(loss, attribute)
    with np.errstate(all="ignore"):
        for i, (kind, args) in enumerate(operands_of(loss).items()):
            every = 1 if kind in ("arrays", "square, fewer axes first") else 4
            every *= 4 if attribute else 1
            for make_words in words[i % every :: every]:
                got, want = outcome(quick, args, make_words), outcome(slow, args, make_words)
                assert got == want, (kind, make_words())


@by_row_ufunc
def test_rows_are_as_the_slow_way_has_them(loss, attribute):
    assert_same(loss, attribute)


@by_batch_ufunc
def test_batches_are_as_the_slow_way_has_them(loss, attribute):
    assert_same(loss, attribute)


def test_outputs_by_position_are_as_the_slow_way_has_them():
    loss = next(loss for loss in ROW_LOSSES if loss["name"] == "softmax_cross_entropy")
    mask = masks()["elements"]
    for attribute in loss["outputs"]:
        quick, slow = ufunc_of(loss, attribute), slow_ufunc(loss["name"], attribute)
        for words in ({"where": mask}, {"keepdims": True}, {"where": mask, "out": None}):
            count = quick.nout
            shapes = [r.shape for r in arrays_of(quick(*draw(loss), **{**words, "out": None}))]
            for given in range(count + 2):
                outs = [[np.full(s, 7, "f4") for s in [*shapes, ()][:given]] for _ in range(2)]
                got, want = (
                    outcome(f, [*draw(loss), *o], lambda words=words: words)
                    for f, o in zip((quick, slow), outs, strict=True)
                )
                assert got[0] == want[0]
                assert got[1] == want[1]
                assert [o.tobytes() for o in outs[0]] == [o.tobytes() for o in outs[1]]


def refuse(*args, **kwargs):
    raise AssertionError("the slow way was asked")


@by_ufunc
def test_plain_calls_do_not_ask_python(loss, attribute):
    ufunc = make(loss, attribute, refuse, masked_of(loss, attribute))
    args, mask = draw(loss), masks()
    calls = [{"where": mask["rows"]}]
    if loss["dims"] == "n":
        calls += [
            {"where": mask["elements"]},
            {"where": mask["rows with an axis"]},
            {"keepdims": True},
            {"keepdims": True, "axis": 1},
            {"keepdims": True, "axis": (-1,), "where": mask["elements"]},
            {"keepdims": True, "where": mask["rows"], "dtype": "f8", "order": "C"},
        ]
    for words in calls:
        results = ufunc(*args, **words)
        results = results if isinstance(results, tuple) else (results,)
        ufunc(*args, **words, out=tuple(map(np.array, results)))
        ufunc(**dict(zip([a["name"] for a in loss["args"]], args, strict=False)), **words)


def test_kept_axes_are_writeable_views_of_the_result():
    x = np.ones((3, 4), "f4")
    for result in (ul.logsumexp(x, keepdims=True), ul.logsumexp(x, axis=0, keepdims=True)):
        result[...] = 7
        assert (result == 7).all()
        assert result.flags.c_contiguous
        assert result.strides == np.empty(result.shape, "f4").strides
    assert ul.logsumexp(x[0], keepdims=True).shape == (1,)


def test_calls_keep_no_references():
    x, y, mask = np.ones((3, 4)), np.array([0, 1, 2]), np.ones((3, 4), bool)
    rows, out, ce = mask[:, 0].copy(), np.empty((3, 1)), ul.softmax_cross_entropy_with_integer_labels
    given = [x, y, mask, rows, out]
    counts = [sys.getrefcount(a) for a in given]
    for _ in range(3):
        for words in ({}, {"where": mask}, {"where": rows}, {"where": rows[:, None]}):
            ce(x, y, **words)
            ce(x, y, keepdims=True, **words)
            ce(x, y, keepdims=True, out=out, axis=-1, **words)
            ce.value_and_grad(x, y, keepdims=True, out=(out, None), **words)
        with pytest.raises(ValueError, match="label 9"):
            ce(x, [0, 9, 0], where=mask, out=out[:, 0])
        with pytest.raises(ValueError, match="broadcast"):
            ce(x, y, where=np.ones((7, 9), bool))
    del words  # whose last mask is a view of the rows
    assert [sys.getrefcount(a) for a in given] == counts
