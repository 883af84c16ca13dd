"""CTC against enumeration of all paths, against a recursion in the log domain, and in every convention it
promises.
"""

import copy
import doctest
import inspect
import itertools
import math
import pickle
import re
import sys
import warnings

import numpy as np
import pytest

import ufloss as ul
from children import run_child

INF, NAN = math.inf, math.nan
ctc = ul.ctc
GUFUNCS = [
    ctc.loss,
    ctc.loss.grad,
    ctc.loss.value_and_grad,
    ctc.loss.forward_probs,
    ctc.loss_from_log_probs,
    ctc.loss_from_log_probs.grad,
    ctc.loss_from_log_probs.value_and_grad,
    ctc.align,
    ctc.posteriors,
    ctc.class_posteriors,
]
by_gufunc = pytest.mark.parametrize("gufunc", GUFUNCS, ids=lambda f: f.__name__)


def results(f, *args, **kwargs):
    r = f(*args, **kwargs)
    return r if isinstance(r, tuple) else (r,)


def log_softmax(x):
    x = np.asarray(x, float)
    top = x.max(-1, keepdims=True)
    return x - top - np.log(np.exp(x - top).sum(-1, keepdims=True))


def spell(path, blank):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def enumerate_paths(log_probs, label, blank):
    """p of the label, of each (frame, class) with it, and the best path's log-probability: from all paths
    there are.
    """
    frames, classes = log_probs.shape
    chances, occupied, best = [], [[[] for _ in range(classes)] for _ in range(frames)], -INF
    for path in itertools.product(range(classes), repeat=frames):
        if spell(path, blank) == tuple(label):
            p = math.fsum(log_probs[t, k] for t, k in enumerate(path))
            best = max(best, p)
            chances.append(math.exp(p))
            for t, k in enumerate(path):
                occupied[t][k].append(chances[-1])
    return (
        math.fsum(chances),
        np.array([[math.fsum(c) for c in row] for row in occupied]).reshape(frames, classes),
        best,
    )


def recursion(logits, label, blank=0, normalise=True):
    """Loss, gradient, log alpha and occupancies by the textbook's recursion over logarithms in float64."""
    lp = log_softmax(logits) if normalise else np.asarray(logits, float)
    frames, states = len(lp), 2 * len(label) + 1
    ext = np.full(states, blank)
    ext[1::2] = label
    skip = np.zeros(states, bool)
    skip[3::2] = ext[3::2] != ext[1:-2:2]
    alpha, beta = np.full((frames, states), -INF), np.full((frames, states), -INF)
    with np.errstate(all="ignore"):
        row = np.full(states, -INF)
        row[0] = 0
        for t in range(frames):
            one, two = np.r_[-INF, row[:-1]], np.where(skip, np.r_[-INF, -INF, row[:-2]][:states], -INF)
            row = np.logaddexp(np.logaddexp(row, one), two) + lp[t, ext]
            alpha[t] = row
        u = np.full(states, -INF)
        u[-2:] = 0
        for t in reversed(range(frames)):
            beta[t] = u
            v = u + lp[t, ext]
            one, two = np.r_[v[1:], -INF], np.r_[np.where(skip, v, -INF)[2:], -INF, -INF][:states]
            u = np.logaddexp(np.logaddexp(v, one), two)
        total = np.logaddexp.reduce(alpha[-1, -2:]) if frames else (0 if states == 1 else -INF)
        gamma = np.exp(alpha + beta - total) if total > -INF else np.zeros((frames, states))
    taken = np.zeros(lp.shape)
    for s, k in enumerate(ext):
        taken[:, k] += gamma[:, s]
    grad = ((np.exp(lp) if normalise else 0) - taken) if total > -INF else np.zeros(lp.shape)
    return -total, grad, alpha, gamma, taken


def draw(frames, classes, n, scale=1.0, seed=0, blank=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    others = [k for k in range(classes) if k != blank % classes]
    return rng.normal(0, scale, (frames, classes)).astype(dtype), rng.choice(others, n)


# Values


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


# What calls mean


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


# optax's face


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


def test_nan_out_of_reach_counts_too():
    log_probs, labels = np.full((40, 30), -3.0), np.arange(1, 25)
    for frame, kind in itertools.product((0, 20, 39), (1, 12, 24, 0)):
        for value in (np.nan, np.inf):
            x = log_probs.copy()
            x[frame, kind] = value
            assert np.isnan(ul.ctc.loss_from_log_probs(x, labels))
            assert np.isnan(ul.ctc.loss_from_log_probs.value_and_grad(x, labels)[0])
            assert np.isnan(ul.ctc.loss_from_log_probs(x.astype("f4"), labels))
        x[frame] = -np.inf
        assert ul.ctc.loss_from_log_probs(x, labels) == np.inf
    x[:, 29] = np.nan  # a class that nothing names
    assert ul.ctc.loss_from_log_probs(np.where(np.isfinite(x), x, -3.0), labels) < np.inf


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


def test_forward_probs_of_nan_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(
            ul.ctc_loss_with_forward_probs(np.full((1, 2, 3), np.nan), np.zeros((1, 2)), [[1]], [[0]])[0]
        )


# What must not matter: memory, threads, numbers that look like defaults


def dirty_heap(pattern):
    """Memory that the next workspaces are made of: full of one byte."""
    kept = [np.full(n, pattern, np.uint8) for n in (1 << np.arange(8, 21)).repeat(3)]
    del kept


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_equal_calls_between_dirtied_heaps(dtype):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        frames, n = int(rng.integers(20, 200)), int(rng.integers(0, 20))
        logits, labels = draw(frames, int(rng.integers(3, 60)), n, 2.0, seed, dtype=dtype)
        batch = np.stack([logits, logits[::-1], logits * np.dtype(dtype).type(20)])
        lengths = np.array([frames, frames // 2 + n, frames])
        for f in GUFUNCS:
            seen = set()
            for pattern in (0x00, 0x01, 0x20, 0xFF, 0x01):
                dirty_heap(pattern)
                seen.add(
                    b"".join(
                        np.asarray(r).tobytes()
                        for r in results(f, batch, labels, np.minimum(lengths, frames))
                    )
                )
            assert len(seen) == 1, (f.__name__, seed)


def test_sizes_that_no_memory_has():
    """Arrays of stride 0 have any size; a workspace for it is refused before anything is read or written."""
    out = run_child("""
        limit_addresses(6 << 30)
        sizes = [2**31 + 5, 2**33, 2**40, 2**47, 2**52, 2**57, 2**59, 2**60, 2**61]
        functions = [ul.ctc.loss, ul.ctc.loss_from_log_probs, ul.ctc.loss.grad, ul.ctc.loss.value_and_grad, ul.ctc.loss_from_log_probs.grad,
                     ul.ctc.loss.forward_probs, ul.ctc.align, ul.ctc.posteriors, ul.ctc.class_posteriors]
        count = 0
        for f, n, which, dtype, small in itertools.product(functions, sizes, range(1, 8), "efd", (1, 4)):
            shape = (n if which & 1 else small, n if which & 2 else small)
            labels = n if which & 4 else 2
            try:
                logits, label = np.broadcast_to(np.dtype(dtype).type(0), shape), np.broadcast_to(np.int64(1), (labels,))
            except ValueError:      # more than NumPy lets an array have
                continue
            try:
                f(logits, label)
            except MemoryError:
                count += 1
                continue
            except ValueError as error:
                assert any(word in str(error) for word in ("too big", "Maximum allowed", "for 1 classes")), error      # an output, which NumPy refuses
                continue
            raise SystemExit(f"{f.__name__} of {shape}, {labels} labels: no error")
        try:
            ul.ctc.loss(np.broadcast_to(np.float16(0), (2**61, 1)), np.zeros(0, int))
        except MemoryError:
            count += 1
        print(count)
    """)
    assert int(out) > 400


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


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.footprint
@linux
@pytest.mark.parametrize("function", ["loss.grad", "loss.value_and_grad", "class_posteriors", "align"])
def test_memory_of_long_sequences(function):
    """(1, 100000, 50) with 5000 labels: emissions of all frames alone would take 2 GB."""
    out = run_child(f"""
        def peak():
            return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
        x = np.random.default_rng(0).normal(size=(1, 100_000, 50)).astype("f4")
        labels = np.random.default_rng(1).integers(1, 50, (1, 5000))
        ul.ctc.{function}(x[:, :300], labels[:, :50])
        before = peak()
        out = ul.ctc.{function}(x, labels)
        outputs = sum(o.nbytes for o in out) if isinstance(out, tuple) else out.nbytes
        print(peak() - before - outputs / 2**20)
    """)
    cells = 100_000 * 10_001 - 2 * 5000**2
    assert float(out) < (300 if function != "align" else cells / 4 / 2**20 + 20)


@pytest.mark.footprint
def test_long_sequences_without_their_emissions():
    """Rows of what takes part alone are those of a sequence whose emissions were all held, bit for bit where
    the way is the same.
    """
    for frames, n, dtype in ((3000, 900, "f4"), (1500, 900, "f8"), (40_000, 30, "f4")):
        logits, label = draw(frames, 8, n, 1.0, dtype=dtype)
        loss, grad = ctc.loss.value_and_grad(logits, label)
        want, slope, *_ = recursion(logits, label) if frames < 4000 else (ctc.loss(logits, label), None)
        assert loss == pytest.approx(want, rel=1e-6)
        assert ctc.loss(logits, label) == loss
        if slope is not None:
            np.testing.assert_allclose(grad, slope, atol=1e-6)
        np.testing.assert_allclose(grad.astype(float).sum(-1), 0, atol=1e-6)


NANS = {
    "f2": (np.uint16, (0x7E00, 0x7E01, 0x7FFF, 0xFE00, 0xFFFF, 0x7C01, 0xFC01)),
    "f4": (
        np.uint32,
        (
            0x7FC00000,
            0x7FC00001,
            0x7FFFFFFF,
            0xFFC00000,
            0xFFC00001,
            0xFFFFFFFF,
            0x7F800001,
            0xFF800001,
            0x7FA00000,
            0x7F8000FF,
        ),
    ),
    "f8": (
        np.uint64,
        (
            0x7FF8000000000000,
            0x7FF8000000000001,
            0x7FFFFFFFFFFFFFFF,
            0xFFF8000000000001,
            0xFFFFFFFFFFFFFFFF,
            0x7FF0000000000001,
            0xFFF0000000000001,
            0x7FF4000000000000,
        ),
    ),
}


@pytest.mark.parametrize("dtype", NANS)
def test_every_nan_is_one(dtype):
    kind, bits = NANS[dtype]
    logits, label = draw(12, 40, 3, dtype=dtype)
    for number, frame, k in itertools.product(bits, (0, 5, 11), (0, int(label[1]), 17, 39)):
        x = logits.copy()
        x.view(kind)[frame, k] = number
        for f in (ctc.loss, ctc.loss.grad, ctc.loss.value_and_grad, ctc.class_posteriors, ctc.posteriors):
            for r in results(f, x, label):
                assert np.isnan(r).all(), (f.__name__, hex(number), frame, k)
        assert np.isnan(ctc.align(x, label)[1])
        assert np.isnan(ctc.loss.forward_probs(x, label)[0])
        assert np.isnan(ctc.loss_from_log_probs(x, label)) == (k in (0, *label))


def test_losses_beyond_float16():
    x = np.zeros((2000, 3), np.float16)
    x[:, 1:] = -60
    label = np.ones(1900, int)
    label[::2] = 2
    assert ctc.loss(x, label) == INF
    assert ctc.loss(x, label, dtype=np.float32) == pytest.approx(recursion(x, label)[0], rel=1e-6)


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


def masked(x):
    """The same numbers behind a mask that hides the last of them."""
    x = np.asarray(x)
    return np.ma.array(x, mask=np.arange(x.size).reshape(x.shape) == x.size - 1)


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


def test_forward_probs_underflow_in_silence():
    with np.errstate(all="raise"):
        for dtype, gap in itertools.product(("f4", "f8"), (90, 100, 104, 720, 740, 745)):
            logits = np.array([[[0, 0, 0], [0, -gap, -gap]]], dtype)
            for order in (logits, logits[..., [1, 0, 2]]):
                loss, blanks, _ = ul.ctc_loss_with_forward_probs(order, np.zeros((1, 2)), [[1]], [[0]])
                assert blanks[-1, 0, 1] == pytest.approx(-loss[0], rel=1e-6)


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
            match=rf"^{f.__qualname__}: blank_id {number} at batch index \(0,\) is out of range for 4 classes",
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
