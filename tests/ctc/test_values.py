"""Values and gradients of CTC against all paths and the textbook's recursion."""

import itertools
import math

import numpy as np
import pytest

import ufloss as ul
from ctc.cases import INF, NAN, ctc, draw
from ctc.textbook import enumerate_paths, log_softmax, recursion, spell


@pytest.mark.parametrize("blank", [0, 1, -1])
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 4, 5, 6])
def test_against_all_paths(frames, blank):
    rng = np.random.default_rng(frames)
    for classes in (1, 2, 3, 4):
        if not -classes <= blank < classes or classes**frames > 5000:
            continue
        others = [k for k in range(classes) if k != blank % classes]
        labels = [label for n in range(4) for label in itertools.product(others, repeat=n)]
        for label in labels:
            logits = rng.normal(0, 3, (frames, classes))
            if rng.random() < 0.3 and frames:
                logits[rng.integers(frames), rng.integers(classes)] = -INF
                logits[:, 0] = np.where((logits == -INF).all(-1), 0, logits[:, 0])
            lp = log_softmax(logits)
            with np.errstate(all="ignore"):
                p, occupied, best = enumerate_paths(lp, label, blank % classes)
            label = np.array(label, np.int64)
            loss, grad = ctc.loss.value_and_grad(logits, label, blank=blank)
            if p == 0:
                assert loss == INF
                assert not grad.any()
                assert not ctc.posteriors(logits, label, blank=blank).any()
                assert ctc.align(logits, label, blank=blank)[1] == -INF
                assert (ctc.align(logits, label, blank=blank)[0] == -1).all()
                continue
            assert loss == pytest.approx(-math.log(p), rel=1e-12, abs=1e-15)
            assert ctc.loss(logits, label, blank=blank) == loss
            np.testing.assert_allclose(grad, np.exp(lp) - occupied / p, rtol=0, atol=1e-12)
            np.testing.assert_allclose(
                ctc.class_posteriors(logits, label, blank=blank), occupied / p, rtol=1e-10, atol=1e-14
            )
            states = ctc.posteriors(logits, label, blank=blank)
            np.testing.assert_allclose(states[:, ::2].sum(-1), occupied[:, blank] / p, rtol=1e-10, atol=1e-14)
            path, score = ctc.align(logits, label, blank=blank)
            assert score == pytest.approx(best, rel=1e-12, abs=1e-14)
            ext = np.full(2 * len(label) + 1, blank % classes)
            ext[1::2] = label
            assert spell(ext[path], blank % classes) == tuple(label)
            assert math.fsum(lp[t, k] for t, k in enumerate(ext[path])) == pytest.approx(best, abs=1e-12)
            assert ctc.feasible(label, frames)


@pytest.mark.parametrize(
    ("frames", "classes", "n"),
    [(40, 5, 12), (200, 20, 60), (130, 40, 7), (300, 6, 0), (64, 50, 63), (17, 9, 8), (1000, 30, 200)],
)
@pytest.mark.parametrize("scale", [0.1, 1, 4, 20, 300])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_against_a_recursion_over_logarithms(frames, classes, n, scale, dtype):
    logits, label = draw(frames, classes, n, scale, seed=n, dtype=dtype)
    if n > 3:
        label[3] = label[2]
    loss, grad, _, gamma, taken = recursion(logits, label)
    got, slope = ctc.loss.value_and_grad(logits, label)
    assert ctc.loss(logits, label) == got
    assert got.dtype == slope.dtype == logits.dtype
    # of logarithms as large as the loss
    bound, noise = {"f2": 1e-3, "f4": 1e-6, "f8": 1e-12}[dtype], 1e-14 * max(1, loss if loss < INF else 1)
    if frames >= n + 1 and not (dtype == "f2" and loss > 6e4):
        assert got == pytest.approx(loss, rel=bound)
    np.testing.assert_allclose(slope, grad, rtol=0, atol={"f2": 1e-3, "f4": 1e-6, "f8": noise}[dtype])
    np.testing.assert_array_equal(ctc.loss.grad(logits, label), slope)
    np.testing.assert_allclose(
        slope.astype(float).sum(-1), 0, atol={"f2": 1e-2, "f4": 1e-6, "f8": 1e-12}[dtype]
    )
    if dtype == "f8":
        np.testing.assert_allclose(ctc.posteriors(logits, label), gamma, rtol=0, atol=noise)
        np.testing.assert_allclose(ctc.class_posteriors(logits, label), taken, rtol=0, atol=noise)


def trained(frames, classes, n, confidence, seed=0, dtype=np.float32):
    """Logits as of a trained network: the blank nearly everywhere, short peaks in the label's order."""
    rng = np.random.default_rng(seed)
    x, label = rng.normal(0, 1, (frames, classes)), rng.integers(1, classes, n)
    target = np.zeros(frames, int)
    target[np.sort(rng.choice(frames // 2, n, replace=False)) * 2] = label
    x[np.arange(frames), target] += confidence
    return x.astype(dtype), label


@pytest.mark.parametrize("confidence", [5, 10, 15, 20, 30, 60])
@pytest.mark.parametrize("shape", [(400, 32, 60), (50, 500, 12), (1000, 64, 120)])
def test_trained_networks(shape, confidence):
    logits, label = trained(*shape, confidence)
    loss, grad, *_ = recursion(logits, label)
    got, slope = ctc.loss.value_and_grad(logits, label)
    assert got == ctc.loss(logits, label) >= 0
    assert got == pytest.approx(loss, rel=1e-6, abs=1e-12)
    np.testing.assert_allclose(slope, grad, rtol=0, atol=1e-6)
    wide = ctc.loss(logits.astype(float), label)
    assert wide == pytest.approx(loss, rel=1e-9, abs=4e-16 * shape[0])


def test_long_sequences_keep_their_gradient():
    logits, label = draw(4000, 32, 300, 2.0, dtype="f4")
    loss, grad, *_ = recursion(logits, label)
    got, slope = ctc.loss.value_and_grad(logits, label)
    assert got == pytest.approx(loss, rel=1e-6)
    assert abs(slope - grad).max() < 1e-6


def test_small_losses():
    logits = np.array([[0.0, 35.0], [0.0, 35.0]])
    assert ctc.loss(logits, [1]) == pytest.approx(0, abs=1e-15)  # exp(-70)
    assert ctc.loss(logits, [1]) >= 0
    for gap in (3, 6, 9, 12, 15):
        logits = np.zeros((8, 3))
        logits[:, 1] = gap
        exact = recursion(logits, [1])[0]
        assert ctc.loss(logits, [1]) == pytest.approx(exact, abs=4e-16 * 8)
        assert ctc.loss(logits.astype("f4"), [1]) == pytest.approx(exact, rel=1e-6, abs=4e-16 * 8)


def test_logits_far_apart():
    for big in (1e4, 1e10, 1e30):
        logits = np.zeros((6, 4), "f4")
        logits[2, 0], logits[4, 3] = -big, big
        loss, grad = ctc.loss.value_and_grad(logits, [1, 2])
        rest = np.where(abs(logits) > 1, -INF, logits)  # what is left of the label's paths
        assert loss == pytest.approx(big, rel=1e-3 if big < 1e5 else 1e-6)
        chances = np.exp(log_softmax(rest)) - recursion(rest, [1, 2])[1]
        np.testing.assert_allclose(grad, np.exp(log_softmax(logits)) - chances, atol=1e-6)
        np.testing.assert_array_equal(ctc.loss(logits, [1, 2]), loss)
    masked = np.where(
        np.arange(4) == 3, np.finfo("f4").min, np.random.default_rng(0).normal(size=(9, 4))
    ).astype("f4")
    assert ctc.loss(masked, [1, 2]) == pytest.approx(
        recursion(np.where(masked < -1e30, -INF, masked), [1, 2])[0], rel=1e-6
    )


def test_minus_infinity_is_exact():
    logits, label = draw(30, 6, 5, 2.0)
    rng = np.random.default_rng(1)
    logits[rng.random(logits.shape) < 0.2] = -INF
    logits[:, 0] = 0
    for dtype in ("f4", "f8"):
        x = logits.astype(dtype)
        loss, grad, *_ = recursion(x, label)
        got, slope = ctc.loss.value_and_grad(x, label)
        assert got == pytest.approx(loss, rel=1e-6)
        np.testing.assert_allclose(slope, grad, atol=1e-6)
        assert not slope[np.isneginf(x)].any()
    x = logits.copy()
    x[:, label[0]] = -INF  # now no path is left
    loss, grad = ctc.loss.value_and_grad(x, label)
    assert loss == INF
    assert not grad.any()


def test_infeasible_and_empty():
    logits = np.random.default_rng(0).normal(size=(3, 4))
    for label in ([1, 1, 1], [1, 2, 3, 1], [2, 2, 1]):
        loss, grad = ctc.loss.value_and_grad(logits, label)
        assert loss == INF
        assert not grad.any()
        assert not ctc.feasible(label, 3)
    empty = np.zeros(0, int)
    assert ctc.loss(logits, empty) == pytest.approx(-log_softmax(logits)[:, 0].sum())
    assert ctc.loss(logits[:0], empty) == 0
    assert ctc.loss(logits[:0], [1]) == INF
    assert ctc.loss(logits, [1, 2], label_length=0) == ctc.loss(logits, empty)
    assert ctc.loss(np.zeros((0, 3, 4)), np.zeros((0, 2), int)).shape == (0,)
    assert ctc.loss.grad(logits[:0], empty).shape == (0, 4)
    assert ctc.loss.grad(np.full((3, 1), 2.0), empty).tolist() == [[0.0]] * 3
    assert ctc.loss(np.full((3, 1), 2.0), empty) == 0


@pytest.mark.parametrize("bad", [NAN, INF])
def test_what_is_no_distribution_gives_nan(bad):
    for dtype in ("f4", "f8"):
        logits = np.zeros((5, 3), dtype)
        logits[2, 2] = bad
        loss, grad = ctc.loss.value_and_grad(logits, [1])
        assert np.isnan(loss)
        assert np.isnan(grad).all()
        logits[2] = -INF
        assert np.isnan(ctc.loss(logits, [1]))
        assert np.isnan(ctc.align(logits, [1])[1])
    padded = np.stack([np.zeros((5, 3)), np.zeros((5, 3))])
    padded[0, 3:] = bad
    loss, grad = ctc.loss.value_and_grad(padded, [1], [3, 5])
    np.testing.assert_array_equal(loss, [ctc.loss(np.zeros((3, 3)), [1]), ctc.loss(np.zeros((5, 3)), [1])])
    assert not grad[0, 3:].any()


def test_gradients_by_differences():
    logits, label = draw(9, 5, 4, 1.5)
    label[1] = label[0]
    for function, x in (
        (ctc.loss, logits),
        (ctc.loss_from_log_probs, log_softmax(logits)),
        (ctc.loss_from_log_probs, logits),
    ):
        slope, h = function.grad(x, label), 1e-6
        for t, k in np.ndindex(*x.shape):
            up, down = x.copy(), x.copy()
            up[t, k] += h
            down[t, k] -= h
            assert (function(up, label) - function(down, label)) / (2 * h) == pytest.approx(
                slope[t, k], abs=1e-8
            )


def test_log_probs_are_used_as_they_are():
    logits, label = draw(60, 12, 15, 3.0)
    lp = log_softmax(logits)
    assert ctc.loss_from_log_probs(lp, label) == pytest.approx(ctc.loss(logits, label), rel=1e-13)
    loss, grad, *_ = recursion(lp - 1, label, normalise=False)
    got, slope = ctc.loss_from_log_probs.value_and_grad(lp - 1, label)
    assert got == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(slope, grad, atol=1e-12)
    assert ctc.loss_from_log_probs(lp + 3, label) < 0
    assert ctc.loss_from_log_probs((lp - 1).astype("f4"), label) == pytest.approx(loss, rel=1e-6)
    unread = lp.copy()
    unread[:, [k for k in range(1, 12) if k not in label]] = NAN
    assert ctc.loss_from_log_probs(unread, label) == ctc.loss_from_log_probs(lp, label)
    unread[4, 0] = NAN
    assert np.isnan(ctc.loss_from_log_probs(unread, label))


def test_forward_probabilities():
    logits, label = draw(12, 6, 5, 2.0)
    _, _, alpha, _, _ = recursion(logits, label)
    loss, blanks, letters = ctc.loss.forward_probs(logits, label)
    assert loss == ctc.loss(logits, label)
    np.testing.assert_allclose(blanks, alpha[:, ::2], rtol=1e-12)
    np.testing.assert_allclose(letters, alpha[:, 1::2], rtol=1e-12)
    keep = np.ones(12, bool)
    keep[[0, 4, 11]] = False
    _, some, few = ctc.loss.forward_probs(logits, label, where=keep)
    _, whole, every = ctc.loss.forward_probs(logits[keep], label)
    np.testing.assert_array_equal(some[keep], whole)
    np.testing.assert_array_equal(few[keep], every)
    assert some[0].tolist() == [0] + [-INF] * 5
    np.testing.assert_array_equal(some[4], some[3])
    np.testing.assert_array_equal(few[11], few[10])
    short = ctc.loss.forward_probs(logits, label, label_length=2)
    assert (short[1][:, 3:] == -INF).all()
    np.testing.assert_allclose(short[1][:, :3], recursion(logits, label[:2])[2][:, ::2], rtol=1e-12)


def test_sequences_far_shorter_than_their_axes():
    """What fits the workspace of the axes must fit it whatever the lengths are."""
    rng = np.random.default_rng(0)
    for frames, n, classes in ((5000, 30, 3), (1400, 90, 4), (300, 500, 6)):
        x = rng.normal(size=(frames, classes)) * 4
        labels = rng.integers(1, classes, n)
        for used in (0, 1, 40, 200, frames // 3, frames):
            for size in (0, 1, 9, min(n, used // 3)):
                if size > n:
                    continue
                got = ul.ctc.loss.value_and_grad(x, labels, used, size)
                want = ul.ctc.loss.value_and_grad(x[:used], labels[:size])
                np.testing.assert_array_equal(got[0], want[0])
                np.testing.assert_array_equal(got[1][:used], want[1])
                assert (got[1][used:] == 0).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("gap", [80, 600, 689, 691, 709, 720, 740, 745, 746, 800, 1100, 1233, 1234, 3000])
def test_one_frame_of_little_chance(gap, dtype):
    for labels in ([], [1]):
        x = np.zeros((1, 2), dtype)
        x[0, 0 if not labels else 1] = -gap
        loss, grad = ul.ctc.loss.value_and_grad(x, np.array(labels, int))
        assert loss == pytest.approx(gap, rel=4e-16)
        np.testing.assert_allclose(abs(grad), 1, rtol=1e-15)
