"""What calls of CTC mean: broadcasting, layouts, masks with lengths, pickling, docstrings."""

import copy
import doctest
import inspect
import pickle
import warnings

import numpy as np
import pytest

import ufloss as ul
from common import results
from ctc.cases import GUFUNCS, INF, NAN, by_gufunc, ctc, draw, masked


@by_gufunc
def test_broadcasting(gufunc):
    logits, _ = draw(20, 5, 0, 2.0)
    labels = np.random.default_rng(2).integers(1, 5, (7, 6))
    lengths = np.array([0, 1, 2, 3, 4, 5, 6])
    together = results(gufunc, logits, labels, label_length=lengths)  # one utterance, many hypotheses
    for i, n in enumerate(lengths):
        for got, want in zip(together, results(gufunc, logits, labels[i], label_length=n), strict=True):
            assert got[i].tobytes() == np.asarray(want).tobytes()
    many = np.random.default_rng(3).normal(0, 2, (3, 1, 20, 5))
    for got in results(gufunc, many, labels, logit_length=[[20], [15], [9]], label_length=lengths, blank=0):
        assert got.shape[:2] == (3, 7)


@by_gufunc
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_bits_depend_on_nothing_but_the_numbers(gufunc, dtype):
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 3, (4, 50, 11)).astype(dtype)
    labels = rng.integers(1, 11, (4, 9))
    want = results(gufunc, logits, labels)
    layouts = [
        np.asfortranarray(logits),
        np.repeat(logits, 2, -1)[..., ::2],
        logits[:, ::-1].copy()[:, ::-1],
        np.moveaxis(np.moveaxis(logits, 1, 0).copy(), 0, 1),
        logits.astype(np.dtype(dtype).newbyteorder(">")),
    ]
    for x in layouts:
        for got, w in zip(results(gufunc, x, labels), want, strict=True):
            assert got.tobytes() == w.tobytes()
    outs = tuple(np.full((*w.shape, 2), 7, w.dtype)[..., 0] for w in want)  # strided results
    results(gufunc, logits, np.asfortranarray(labels).astype("u1"), out=outs)
    for got, w in zip(outs, want, strict=True):
        np.testing.assert_array_equal(got, w)
    longer = np.concatenate([logits, np.full((4, 5, 11), NAN, dtype)], 1)
    for got, w in zip(results(gufunc, longer, labels, 50), want, strict=True):
        shaped = got if got.shape == w.shape else got[:, :50]
        assert shaped.tobytes() == w.tobytes()
    place = np.sort(rng.choice(80, 50, replace=False))
    scattered, where = np.full((4, 80, 11), NAN, dtype), np.zeros(80, bool)
    scattered[:, place], where[place] = logits, True
    for got, w in zip(results(gufunc, scattered, labels, where=where), want, strict=True):
        shaped = got if got.shape == w.shape else got[:, place]
        assert shaped.tobytes() == w.tobytes()


def test_masks_and_lengths_go_together():
    logits, label = draw(12, 5, 3)
    where = np.arange(12) % 3 != 0
    kept = [t for t in range(8) if where[t]]
    loss, grad = ctc.loss.value_and_grad(logits, label, 8, where=where)
    assert loss == ctc.loss(logits[kept], label)
    np.testing.assert_array_equal(grad[kept], ctc.loss.grad(logits[kept], label))
    assert not np.delete(grad, kept, 0).any()
    assert ctc.loss(logits, label, where=False) == INF
    assert ctc.loss(logits, label, where=True) == ctc.loss(logits, label)
    rows = ctc.loss(logits, label, where=np.stack([where, ~where]))
    assert rows.tolist() == [ctc.loss(logits[where], label), ctc.loss(logits[~where], label)]
    out = np.empty(2)
    assert ctc.loss(logits=logits, labels=label, where=np.stack([where, ~where]), out=out) is out
    np.testing.assert_array_equal(out, rows)


def test_arguments():
    logits, label = draw(8, 5, 3)
    want = ctc.loss(logits, label, 8, 3, 0)
    assert ctc.loss(logits=logits, labels=label) == want
    assert ctc.loss(logits, label, None, None) == want
    assert ctc.loss(logits, label, label_length=None, logit_length=8, blank=-5) == want
    assert ctc.loss(logits.tolist(), label.tolist()) == want
    assert ctc.loss(logits.astype(int), label).dtype == np.float64
    assert ctc.loss(logits.astype("f4"), label, dtype="f8").dtype == np.float64
    last = np.roll(logits, -1, -1)
    assert ctc.loss(last, label - 1, blank=-1) == pytest.approx(want, rel=1e-14)
    assert ctc.loss(np.moveaxis(logits, 0, 1), label, axes=[(1, 0), 0, (), (), (), ()]) == want
    for f in GUFUNCS:
        assert pickle.loads(pickle.dumps(f)) is f
        assert copy.deepcopy(f) is f
        assert list(inspect.signature(f).parameters)[1:6] == [
            "labels",
            "logit_length",
            "label_length",
            "blank",
            "out",
        ]
        assert isinstance(f, np.ufunc)
        assert f.__doc__.startswith(f.__name__ + "(")
    grad = np.empty_like(logits)
    over = logits.copy()
    np.testing.assert_array_equal(
        ctc.loss.grad(over, label, out=over), ctc.loss.grad(logits, label, out=grad)
    )


def test_labels_beyond_the_length_are_not_read():
    logits, _ = draw(6, 4, 0)
    assert ctc.loss(logits, [1, 2, -1, 99], label_length=2) == ctc.loss(logits, [1, 2])


def test_feasible():
    labels = np.array([[1, 2, 3], [1, 1, 1], [2, 2, 0]])
    assert ctc.feasible(labels, [3, 4, 3], [3, 3, 2]).tolist() == [True, False, True]
    assert ctc.feasible(labels, 5).tolist() == [True, True, True]
    assert ctc.feasible(np.zeros((2, 0), int), 0).tolist() == [True, True]
    assert bool(ctc.feasible([1, 1], 2)) is False
    for wrong in ({"logit_length": -1}, {"logit_length": 3, "label_length": 4}):
        with pytest.raises(ValueError, match=r"ctc.feasible"):
            ctc.feasible(labels[0], **wrong)
    with pytest.raises(TypeError, match="integers"):
        ctc.feasible([0.5], 3)


def test_examples_of_the_docstrings_run():
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    things = {f.__name__: f for f in [*GUFUNCS, ul.ctc_loss, ul.ctc_loss_with_forward_probs, ctc.feasible]}
    texts = [(name, thing.__doc__) for name, thing in things.items()] + [("ctc", ctc.__doc__)]
    count = 0
    for name, text in texts:
        test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
        count += len(test.examples)
        runner.run(test)
    assert count > 15
    assert runner.summarize(verbose=False).failed == 0


def test_no_number_stands_for_a_default():
    logits, label = draw(7, 4, 3)
    unsigned = np.uint64
    for bad in (
        -(2**63),
        np.int64(-(2**63)),
        unsigned(2**63),
        unsigned(2**64 - 1),
        np.array(unsigned(2**63)),
        np.array([unsigned(2**63)]),
    ):
        said = str(int(np.asarray(bad).flat[0]))
        for f in GUFUNCS:
            for keywords in ({}, {"where": np.ones(7, bool)}):
                with pytest.raises(ValueError, match=f"logit_length {said}"):
                    f(logits, label, logit_length=bad, **keywords)
                with pytest.raises(ValueError, match=f"label_length {said}"):
                    f(logits, label, label_length=bad, **keywords)
                with pytest.raises(ValueError, match=f"blank {said}"):
                    f(logits, label, blank=bad, **keywords)
    for bad in (unsigned(2**64 - 1), [unsigned(2**64 - 1)], unsigned(2**64 - 4)):
        with pytest.raises(ValueError, match="blank 1844674407370955"):
            ctc.loss(logits, label, blank=bad)
        with pytest.raises(ValueError, match="blank_id 1844674407370955"):
            ul.ctc_loss(
                logits[None],
                np.zeros((1, 7)),
                label[None],
                np.zeros((1, 3)),
                blank_id=np.asarray(bad).flat[0],
            )
    with pytest.raises(ValueError, match="label 18446744073709551615"):
        ctc.loss(logits, np.array([2**64 - 1], unsigned))
    with pytest.raises(ValueError, match="logit_length 9223372036854775808"):
        ctc.loss(logits.T, label, unsigned(2**63), axes=[(1, 0), 0, (), (), (), ()])
    with pytest.raises(ValueError, match="blank 18446744073709551615"):
        ctc.loss(logits.T, label, blank=unsigned(2**64 - 1), axes=[(1, 0), 0, (), (), (), ()])
    want = ctc.loss(logits, label)
    assert ctc.loss(logits.T, label, axes=[(1, 0), 0, (), (), (), ()]) == want
    assert ctc.loss(logits.tolist(), label.tolist()) == want
    assert (
        ctc.loss(logits, label, None, None, None)
        == ctc.loss(logits, label, logit_length=None, label_length=3)
        == want
    )
    assert ctc.loss(logits, label, unsigned(7), unsigned(3), unsigned(0)) == want
    assert ctc.loss(logits, label, out=np.zeros(())) == want
    out = np.zeros(())
    assert ctc.loss(logits, label, None, None, 0, out) is out
    assert out == want


def test_feasible_takes_no_masks():
    words = {"labels": [[1, 1]], "logit_length": [2], "label_length": [2]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for what, x in words.items():
            for mask in (masked(x), [masked(x[0])], [np.ma.masked]):
                with pytest.raises(
                    TypeError, match=rf"^ctc\.feasible takes no masked arrays: .* and {what} filled"
                ):
                    ctc.feasible(**{**words, what: mask})


def test_feasible_takes_any_integer():
    for number in (2**62, 2**63, 2**64 - 1, 2**70):
        assert ctc.feasible([[1, 2], [1, 1]], number).tolist() == [True, True]
        for words, said in (
            ({"logit_length": -number - 1}, f"logit_length {-number - 1} is negative"),
            (
                {"logit_length": 3, "label_length": number},
                f"label_length {number} is out of range for 2 labels",
            ),
        ):
            with pytest.raises(ValueError, match=rf"^ctc\.feasible: {said}"):
                ctc.feasible([1, 2], **words)
    with pytest.raises(TypeError, match="logit_length must be integers, not object"):
        ctc.feasible([1, 2], None)
