"""What CTC refuses, in the name of the function that was called."""

import re
import warnings

import numpy as np
import pytest

import ufloss as ul
from ctc.cases import ctc, masked

BAD = [
    (
        {"labels": [[1, 2], [1, 7]]},
        ValueError,
        r"ctc.loss: label 7 at position 1 of batch index \(1,\) is out of range for 4 classes",
    ),
    ({"labels": [1, -1]}, ValueError, "label -1 at position 1 is out of range for 4 classes"),
    ({"labels": [1, 0]}, ValueError, "label 0 at position 1 is the blank"),
    ({"labels": [1, 3], "blank": -1}, ValueError, "label 3 at position 1 is the blank"),
    ({"blank": 4}, ValueError, "blank 4 is out of range for 4 classes"),
    ({"blank": [0, -5]}, ValueError, r"blank -5 at batch index \(1,\)"),
    ({"logit_length": 6}, ValueError, "logit_length 6 is out of range for 5 frames"),
    ({"logit_length": [[5], [-1]]}, ValueError, r"logit_length -1 at batch index \(1, 0\)"),
    ({"label_length": 3}, ValueError, "label_length 3 is out of range for 2 labels"),
    ({"labels": [1.0, 2.0]}, TypeError, "labels must be integers, not float64"),
    ({"labels": [True, True]}, TypeError, "labels must be integers, not bool"),
    ({"logit_length": 2.5}, TypeError, "lengths and blank must be integers, not float64"),
    ({"logits": np.zeros((5, 4), complex)}, TypeError, "does not take complex128"),
    ({"logits": np.zeros(4)}, ValueError, "not have enough dimensions"),
    ({"logits": np.zeros((5, 0))}, ValueError, "blank 0 is out of range for 0 classes"),
    ({"where": [1, 0, 1, 1, 1]}, TypeError, "where must be bool"),
    ({"where": [True, False]}, ValueError, "where of shape"),
    ({"axis": 0}, TypeError, "axis"),
    ({"keepdims": True}, TypeError, "keepdims"),
]


@pytest.mark.parametrize(("change", "error", "text"), BAD)
def test_bad_input(change, error, text):
    arguments = {"logits": np.zeros((5, 4)), "labels": [1, 2], **change}
    with pytest.raises(error, match=text):
        ctc.loss(**arguments)
    with pytest.raises((error, ValueError)):
        ctc.loss.value_and_grad(**arguments)
    if "where" not in change and "axis" not in change and "keepdims" not in change:
        with pytest.raises(error, match=text):
            ctc.loss(**arguments, where=np.ones(5, bool))


def test_frames_too_few_are_not_looked_at():
    x = np.full((2, 4), np.nan)
    assert ul.ctc.loss(x, [1, 1]) == np.inf
    assert ul.ctc.loss.forward_probs(x, [1, 1])[0] == np.inf
    assert ul.ctc.align(x, [1, 1])[1] == -np.inf
    assert np.isnan(ul.ctc.loss(x, [1, 2]))


def test_labels_of_floats_that_are_none():
    args = np.zeros((1, 3, 4)), np.zeros((1, 3))
    for label in (np.inf, -np.inf, np.nan, 0.5):
        with pytest.raises(ValueError, match="labels must be integers"):
            ul.ctc_loss(*args, [[label]], [[0]], blank_id=1)
    for label in (1e19, -1e300, 4.0):
        with pytest.raises(ValueError, match="out of range for 4 classes"):
            ul.ctc_loss(*args, [[label]], [[0]], blank_id=1)
    assert np.isfinite(ul.ctc_loss(*args, [[2.0, np.nan]], [[0, 1]]))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"labels": np.zeros((2, 3), "M8[s]")}, TypeError, "labels must be integers"),
        ({"label_paddings": np.zeros((2, 3), "V8")}, TypeError, "label_paddings must be 0 or 1, not"),
        ({"logit_paddings": np.full((2, 5), 2)}, ValueError, "logit_paddings must be 0 or 1, not 2"),
        ({"labels": np.ones((3, 3)), "label_paddings": np.zeros((2, 3))}, ValueError, "paddings of shapes"),
        ({"logits": np.zeros((2, 5, 4), complex)}, TypeError, "does not take complex128"),
    ],
)
def test_wrong_words_are_named_by_the_function_that_was_called(change, error, text):
    words = {
        "logits": np.zeros((2, 5, 4)),
        "logit_paddings": np.zeros((2, 5)),
        "labels": np.ones((2, 3), int),
        "label_paddings": np.zeros((2, 3)),
        **change,
    }
    for f, name in (
        (ul.ctc_loss, "ctc_loss"),
        (ul.ctc_loss.grad, "ctc_loss.grad"),
        (ul.ctc_loss_with_forward_probs, "ctc_loss_with_forward_probs"),
    ):
        with pytest.raises(error, match=rf"^{name}:? {text}"):
            f(**words)


@pytest.mark.parametrize("length", ["text", b"text", [b"x"]])
def test_a_length_that_is_no_number_does_not_hide_what_is_wrong(length):
    for blank in (0, np.uint64(0)):
        for options in ({}, {"where": np.ones(5, bool)}):
            with pytest.raises(TypeError, match=r"^ctc\.loss: lengths and blank must be integers"):
                ctc.loss(np.zeros((5, 4)), [1, 2], length, blank=blank, **options)


PADDED = {
    "logits": np.zeros((1, 6, 5)),
    "logit_paddings": np.zeros((1, 6)),
    "labels": [[1, 2]],
    "label_paddings": [[0, 0]],
    "blank_id": 0,
}


@pytest.mark.parametrize("what", PADDED)
def test_masks_are_refused_by_the_function_that_was_called(what):
    x = PADDED[what]
    hidden = [masked(x), np.ma.array(x)] + (
        [np.ma.masked] if what == "blank_id" else [[masked(x[0])], [[*x[0][:-1], np.ma.masked]]]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in (ul.ctc_loss, ul.ctc_loss.grad, ul.ctc_loss.value_and_grad, ul.ctc_loss_with_forward_probs):
            for mask in hidden:
                with pytest.raises(
                    TypeError, match=rf"^{f.__qualname__} takes no masked arrays: .* and {what} filled"
                ):
                    f(**{**PADDED, what: mask})


@pytest.mark.parametrize("number", [2**63, 2**64, 2**70, -(2**63) - 1, -(2**70)])
def test_numbers_beyond_int64_are_named(number):
    logits = np.zeros((5, 4))
    for f in (ctc.loss, ctc.loss.grad, ctc.loss_from_log_probs, ctc.align):
        for what in ("logit_length", "label_length", "blank"):
            for options in ({}, {"where": np.ones(5, bool)}):
                with pytest.raises(
                    ValueError, match=rf"^{re.escape(f.__name__)}: {what} {number} is out of range for"
                ):
                    f(logits, [1, 2], **{what: number}, **options)
    for f in (ul.ctc_loss, ul.ctc_loss.grad):
        with pytest.raises(
            ValueError,
            match=rf"^{f.__qualname__}: blank_id {number} at batch index \(0,\) "
            "is out of range for 4 classes",
        ):
            f(logits[None], np.zeros((1, 5)), [[1, 2]], [[0, 0]], number)


def test_floating_labels_that_are_no_classes_are_shown_as_they_are():
    args = np.zeros((2, 6, 5)), np.zeros((2, 6))
    for label, said in (
        (1e30, r"label 1e\+30 at position 1 of batch index \(1,\) is out of range for 5 classes"),
        (-1e19, r"label -1e\+19 at position 1 of batch index \(1,\) is out of range for 5 classes"),
        (2.5, r"labels must be integers, not 2\.5 at position 1 of batch index \(1,\)"),
        (np.nan, r"labels must be integers, not nan at position 1 of batch index \(1,\)"),
    ):
        for f in (ul.ctc_loss, ul.ctc_loss.value_and_grad, ul.ctc_loss_with_forward_probs):
            with pytest.raises(ValueError, match=rf"^{f.__qualname__}: {said}$"):
                f(*args, [[1, 2], [1, label]], [[0, 0], [0, 0]])
        assert np.isfinite(ul.ctc_loss(*args, [[1, 2], [1, label]], [[0, 0], [0, 1]])).all()
