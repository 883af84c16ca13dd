"""CTC as optax calls it: paddings, forward probabilities, `log_epsilon`."""

import re

import numpy as np
import pytest

from compat.plain import INF, check, draw, enumerate_ctc, log, softmax
from ufloss.compat import axon, gluon, optax


def ctc_problem():
    logits = draw(5, 4, 3)
    frames = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    # the fourth has the blank inside, the others rubbish as padding
    labels = np.array([[1, 2], [2, 2], [1, 7], [1, 0], [-3, 9]])
    paddings = np.array([[0, 0], [0, 0], [0, 1], [0, 0], [1, 1]])
    return logits, frames, labels, paddings


def test_optax_ctc_is_the_sum_over_paths():
    logits, frames, labels, paddings = ctc_problem()
    expected = [
        enumerate_ctc(z[f == 0], k[q == 0], 0)
        for z, f, k, q in zip(logits, frames, labels, paddings, strict=True)
    ]
    check(optax.ctc_loss(logits, frames, labels, paddings), expected)
    moved, shifted = np.roll(logits, -1, -1), np.where(paddings == 0, (labels - 1) % 3, 5.5)
    check(optax.ctc_loss(moved, frames == 1, shifted, paddings * 1.0, blank_id=2), expected)
    # of paddings only the sum counts
    check(optax.ctc_loss(moved, frames, shifted, paddings[:, ::-1], blank_id=-1), expected)


def test_optax_ctc_forward_probs():
    logits, frames, labels, paddings = ctc_problem()
    loss, blanks, letters = optax.ctc_loss_with_forward_probs(logits, frames, labels, paddings)
    assert (blanks.shape, letters.shape) == ((4, 5, 3), (4, 5, 2))
    check(loss, optax.ctc_loss(logits, frames, labels, paddings))
    for i, n in enumerate(2 - paddings.sum(1)):  # the last frame has the prefixes
        z = logits[i][frames[i] == 0]
        check(blanks[-1, i, : n + 1], [-enumerate_ctc(z, labels[i][:m], 0) for m in range(n + 1)])
    check(blanks[2, 3, 1], np.log(np.exp(-enumerate_ctc_state(logits[3][:3], [1, 0], 2))))
    check(letters[2, 3], [-enumerate_ctc_state(logits[3][:3], [1, 0], s) for s in (1, 3)])


def enumerate_ctc_state(logits, label, state):
    """-log p of ending in one state."""
    lp = logits.astype(float) - np.log(np.exp(logits.astype(float)).sum(-1, keepdims=True))
    # Ending in a blank state is ending the prefix before it with its last symbol, or before that, and a blank
    # in the last frame.
    if state % 2 == 0:
        return enumerate_ctc(lp[:-1], label[: state // 2], 0, normalised=False) - lp[-1, 0]
    last, before = label[state // 2], label[: state // 2]
    total = sum(
        np.exp(lp[k:, last].sum() - enumerate_ctc(lp[:k], before, 0, normalised=False))
        for k in range(1, len(lp))
        if not before or before[-1] != last
    )
    return -np.log(total + (np.exp(lp[:, last].sum()) if not before else 0))


def test_optax_ctc_has_a_worst_loss():
    logits = draw(2, 2, 3)
    a = logits, np.array([[0, 0], [1, 1]]), np.array([[2, 2], [1, 1]]), np.array([[0, 0], [0, 1]])
    assert optax.ctc_loss(*a).tolist() == [1e5, 1e5]
    assert optax.ctc_loss(*a, log_epsilon=-1e3).tolist() == [1e3, 1e3]
    _, blanks, letters = optax.ctc_loss_with_forward_probs(*a, log_epsilon=-1e3)
    assert blanks.min() == letters.min() == -1e3
    half = optax.ctc_loss(logits.astype("f2"), *a[1:])
    assert half.dtype == np.float32
    assert half.tolist() == [1e5, 1e5]
    logits[0, 0, 2] = -INF  # one way is left
    ok = optax.ctc_loss(logits[:1], a[1][:1], np.array([[2]]), np.array([[0]]))
    np.testing.assert_allclose(
        ok, -log(softmax(logits[0, :1])[0, 0]) - log(softmax(logits[0, 1:])[0, 2]), rtol=1e-6
    )


def test_ctc_of_nothing():
    for batch, frames, n in [(0, 4, 2), (2, 4, 0), (2, 0, 0), (2, 0, 1)]:
        logits, labels = draw(batch, frames, 3), np.ones((batch, n), int)
        zero = np.zeros((batch, n))
        blank = -np.log(softmax(logits.astype(float))[..., 0]).sum(-1) if frames else np.zeros(batch)
        expected = np.where(n > frames, 1e5, blank) if batch else np.zeros(0)
        check(optax.ctc_loss(logits, np.zeros((batch, frames)), labels, zero), expected)
        if n <= frames:
            check(
                axon.connectionist_temporal_classification((zero.sum(1) + n, labels), logits - np.float32(5)),
                expected if not batch else -(logits[..., 0] - 5.0).sum(-1),
            )
            assert gluon.CTCLoss()(logits, labels).shape == (batch,)
            assert gluon.CTCLoss().grad(logits, labels).shape == logits.shape


def test_optax_ctc_is_optax(peer):
    logits, frames, labels, paddings = ctc_problem()
    labels = np.where(paddings == 0, labels, 0)
    for options in ({}, {"blank_id": 1}, {"blank_id": 2, "log_epsilon": -300.0}):
        theirs = peer.ctc_loss_with_forward_probs(
            logits, frames.astype("f4"), labels, paddings.astype("f4"), **options
        )
        ours = optax.ctc_loss_with_forward_probs(logits, frames, labels, paddings, **options)
        worst = options.get("log_epsilon", -1e5)
        check(ours[0], np.minimum(theirs[0], -worst), rtol=1e-5)
        for a, b in zip(ours[1:], theirs[1:], strict=True):
            assert a.shape == b.shape
            used = a > worst
            assert used.sum() > 10
            np.testing.assert_allclose(a[used], b[used], rtol=1e-5, atol=1e-5)
            beyond = np.arange(a.shape[2]) > (2 - paddings.sum(1))[:, None] - (a.shape[2] == 2)
            assert (np.asarray(b)[~used & ~beyond] < 0.9 * worst).all()


@pytest.mark.parametrize("name", ["ctc_loss", "ctc_loss_with_forward_probs"])
def test_arguments_of_optax_ctc_are_named(name):
    f, args = getattr(optax, name), (np.zeros((1, 6, 5)), np.zeros((1, 6)), [[1, 2]], [[0, 0]])
    for blank in (None, [0], np.array([0, 1]), "a", 0.0, True):
        with pytest.raises(
            TypeError, match=rf"^{name}: blank_id must be an integer, not {re.escape(repr(blank))}$"
        ):
            f(*args, blank_id=blank)
    with pytest.raises(ValueError, match=f"^{name}: blank_id {2**70} "):
        f(*args, blank_id=2**70)
    for worst in (5, 1e-300, np.nan, [-1e5, -1e5], np.array([-1.0])):
        with pytest.raises(
            ValueError, match=f"^{name}: log_epsilon is a log-probability, one number of at most 0, not "
        ):
            f(*args, log_epsilon=worst)
    for worst in ("a", None):
        with pytest.raises(TypeError, match=f"^{name}: log_epsilon must be real numbers, not "):
            f(*args, log_epsilon=worst)
    for blank, worst in (
        (np.int8(0), -1e5),
        (np.array(0), np.float32(-1e5)),
        (-5, np.array(-1e5)),
        (np.uint64(0), -np.inf),
        (0, -(10**5)),
    ):
        np.testing.assert_array_equal(f(*args, blank_id=blank, log_epsilon=worst)[0], f(*args)[0])
