"""CTC as optax calls it: `ctc_loss` with paddings."""

import itertools
import warnings

import numpy as np
import pytest

import ufloss as ul
from ctc.cases import INF, NAN, ctc


def test_paddings():
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(3, 10, 6)).astype("f4")
    labels = rng.integers(1, 6, (3, 4))
    skipped, beyond = np.zeros((3, 10)), np.array([[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]])
    skipped[1, [2, 5, 9]] = 1
    skipped[2, 4:] = 1
    logits[skipped == 1] = NAN
    want = [ctc.loss(logits[i][skipped[i] == 0], labels[i][beyond[i] == 0]) for i in range(3)]
    assert ul.ctc_loss(logits, skipped, labels, beyond).tolist() == want
    assert (
        ul.ctc_loss(
            logits,
            skipped.astype(bool),
            labels=labels.astype(float),
            label_paddings=beyond.astype("f4"),
            blank_id=0,
        ).tolist()
        == want
    )
    loss, grad = ul.ctc_loss.value_and_grad(logits, skipped, labels, beyond)
    assert loss.tolist() == want
    np.testing.assert_array_equal(ul.ctc_loss.grad(logits, skipped, labels, beyond), grad)
    assert not grad[skipped == 1].any()
    loss, blanks, letters = ul.ctc_loss_with_forward_probs(logits, skipped, labels, beyond)
    assert loss.tolist() == want
    assert blanks.shape == (10, 3, 5)
    assert letters.shape == (10, 3, 4)
    np.testing.assert_allclose([blanks[-1, i, n] for i, n in enumerate((4, 2, 0))], -loss, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"label_paddings": [[0, 1, 0]]},
            r"label_paddings must be on the right; those of batch index \(0,\)",
        ),
        ({"label_paddings": [[0, 0, 0.5]]}, "label_paddings must be 0 or 1, not 0.5"),
        ({"logit_paddings": [[0, 0, 2, 0]]}, "logit_paddings must be 0 or 1"),
        ({"logit_paddings": [[0, 0, 0]]}, "do not fit"),
        ({"labels": [[1, 2.5, 1]]}, "labels must be integers"),
        (
            {"labels": [[1, 5, 1]]},
            r"label 5 at position 1 of batch index \(0,\) is out of range for 3 classes",
        ),
        ({"blank_id": 3}, r"blank_id 3 at batch index \(0,\)"),
    ],
)
def test_bad_paddings(change, text):
    arguments = {
        "logits": np.zeros((1, 4, 3)),
        "logit_paddings": [[0, 0, 0, 0]],
        "labels": [[1, 2, 1]],
        "label_paddings": [[0, 0, 0]],
        **change,
    }
    for f in (ul.ctc_loss, ul.ctc_loss.grad, ul.ctc_loss.value_and_grad, ul.ctc_loss_with_forward_probs):
        with pytest.raises(ValueError, match=text):
            f(**arguments)


def test_against_optax():
    optax = pytest.importorskip("optax")
    rng = np.random.default_rng(8)
    logits, labels = rng.normal(0, 2, (4, 30, 7)).astype("f4"), rng.integers(1, 7, (4, 6))
    skipped = (rng.random((4, 30)) < 0.2).astype("f4")
    beyond = (np.arange(6) >= np.array([[6], [3], [1], [0]])).astype("f4")
    theirs = optax.losses.ctc_loss_with_forward_probs(logits, skipped, labels, beyond)
    loss, blanks, letters = ul.ctc_loss_with_forward_probs(logits, skipped, labels, beyond)
    np.testing.assert_allclose(loss, theirs[0], rtol=1e-5)
    for mine, other, extra in ((blanks, theirs[1], 1), (letters, theirs[2], 0)):
        for i, n in enumerate((6, 3, 1, 0)):
            got, want = mine[:, i, : n + extra], np.asarray(other)[:, i, : n + extra]
            np.testing.assert_allclose(
                np.where(want < -9e4, 0, got), np.where(want < -9e4, 0, want), rtol=1e-4, atol=1e-4
            )
            assert (got[want < -9e4] == -INF).all()


def test_forward_probs_of_nan_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(
            ul.ctc_loss_with_forward_probs(np.full((1, 2, 3), np.nan), np.zeros((1, 2)), [[1]], [[0]])[0]
        )


def test_forward_probs_underflow_in_silence():
    with np.errstate(all="raise"):
        for dtype, gap in itertools.product(("f4", "f8"), (90, 100, 104, 720, 740, 745)):
            logits = np.array([[[0, 0, 0], [0, -gap, -gap]]], dtype)
            for order in (logits, logits[..., [1, 0, 2]]):
                loss, blanks, _ = ul.ctc_loss_with_forward_probs(order, np.zeros((1, 2)), [[1]], [[0]])
                assert blanks[-1, 0, 1] == pytest.approx(-loss[0], rel=1e-6)
