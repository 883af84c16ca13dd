"""Formulas in plain NumPy and float64, and the data that the cases of all three systems use."""

import functools
import itertools

import numpy as np

from ufloss.compat import axon

NAN, INF = np.nan, np.inf
rng = np.random.default_rng(5)


def draw(*shape):
    return rng.normal(size=shape).astype("f4")


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softplus(x):
    return np.logaddexp(0, x)


def onehot(labels, n):
    return np.eye(n)[labels]


def log(x):
    with np.errstate(divide="ignore"):
        return np.log(x)


def xlogy(x, y):
    return np.where(x == 0, 0, x * log(np.where(x == 0, 1, y)))


def wide(*arrays):
    return [np.asarray(a, float) for a in arrays]


def check(result, expected, rtol=2e-6, atol=1e-6):
    """Close to a result in float64, of its shape and in float32 all the same."""
    assert result.dtype == np.float32
    assert np.shape(result) == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)


@functools.cache
def alignments(label, frames):
    """The states of a label, None for the blank, and all ways through them, one a row."""
    states = [s for k in label for s in (None, k)] + [None]

    def allowed(path):
        steps = [
            b - a in (0, 1) or (b - a == 2 and states[b] is not None and states[a] != states[b])
            for a, b in itertools.pairwise(path)
        ]
        return path[0] < 2 and path[-1] >= len(states) - 2 and all(steps)

    return states, [path for path in itertools.product(range(len(states)), repeat=frames) if allowed(path)]


def enumerate_ctc(log_probs, label, blank, normalised=True):
    """CTC loss of one sequence from all alignments, the blank inside the label a symbol like others."""
    log_probs = np.asarray(log_probs, float)
    if normalised:
        log_probs = log_probs - np.log(np.exp(log_probs).sum(-1, keepdims=True))
    states, paths = alignments(tuple(int(k) for k in label), len(log_probs))
    emitted = log_probs[:, [blank if k is None else k for k in states]]
    return -log(sum(np.exp(emitted[np.arange(len(path)), path].sum()) for path in map(list, paths)))


X, T = draw(2, 3, 4), draw(2, 3, 4)
P = softmax(draw(2, 3, 4)).astype("f4")  # distributions
LOGP = np.log(softmax(draw(2, 3, 4))).astype("f4")
L = rng.integers(0, 4, (2, 3))
W = np.array([[True, False, True, True]] * 3)[None].repeat(2, 0)
W[0, 1] = False  # nothing is left of this row
SIGNS = np.sign(T)
x, t, p, logp = wide(X, T, P, LOGP)


def ce(x, y, axis=-1, where=True):
    z = np.exp(x).sum(axis, where=where, keepdims=True)
    return -(y * (x - np.log(np.where(z == 0, 1, z)))).sum(axis, where=where)


def cosine(a, b, axis=-1, eps=0.0, where=True):
    norm = lambda v: np.sqrt(np.maximum((v * v).sum(axis, where=where), eps))
    with np.errstate(invalid="ignore"):
        c = (a * b).sum(axis, where=where) / (norm(a) * norm(b))
    return np.where(np.isnan(c), 0, c)


def focal(x, y, alpha, gamma):
    q = 1 / (1 + np.exp(-x))
    pt = q * y + (1 - q) * (1 - y)
    return (
        (alpha * y + (1 - alpha) * (1 - y) if alpha is not None else 1)
        * (y * softplus(-x) + (1 - y) * softplus(x))
        * (1 - pt) ** gamma
    )


def sparsemax(u):
    return np.where(u <= -1, 0, np.where(u >= 1, u, (u + 1) ** 2 / 4))


def multiclass_sparsemax(s, label):
    z = np.sort(s)[::-1]
    k = np.arange(1, len(s) + 1)
    size = (1 + k * z > z.cumsum()).sum()
    tau = (z[:size].sum() - 1) / size
    q = np.maximum(s - tau, 0)
    return q @ s - s[label] + (1 - q @ q) / 2


def tversky(p, t, axis, smooth=1.0, alpha=0.5, beta=0.5):
    hit, all_p, all_t = (p * t).sum(axis), p.sum(axis), t.sum(axis)
    return 1 - (hit + smooth) / (hit + alpha * (all_p - hit) + beta * (all_t - hit) + smooth)


def triplet(a, b, c, axis=-1, degree=2, margin=1.0, eps=1e-6):
    d = lambda u: ((abs(a - u) ** degree).sum(axis) + eps) ** (1 / degree)
    return np.maximum(d(b) - d(c) + margin, 0)


def ranking(x, y, where=True, weights=1.0):
    return ce(x, y * weights, where=where)


B = (T > 0).astype("f4")  # binary labels
b = B.astype(float)
IMAGES, REGIONS = draw(2, 4, 5, 3), onehot(rng.integers(0, 3, (2, 4, 5)), 3).astype("f4")
images, regions = softmax(IMAGES.astype(float)), REGIONS.astype(float)
SHARES = 1 / (regions.sum((0, 1, 2)) ** 2 + 1e-7)
SHARES *= 3 / SHARES.sum()
dice_of = tversky(images, regions, (1, 2))
BIG = np.float32([3e38, 1e-3, -50.0])
two = np.swapaxes(X, 1, 2).reshape(2, 4, 3)  # classes along axis 1
REDUCTIONS = {"none": lambda v: v, "mean": np.mean, "sum": np.sum}
Q = np.float32([[0.2, 0.8, 1.0, 0.0], [1e-9, 0.5, 0.3, 0.999]])
q, hot = Q.astype(float), np.eye(4)[[1, 3]]
HOT = hot.astype("i1")
# 1 - 1e-7 is one step below 1 in float32
c7 = np.clip(Q, np.float32(1e-7), np.float32(1 - 1e-7)).astype(float)


def kl(pred, label):
    return xlogy(label, label) - label * pred


def log_softmax(z, axis=-1):
    return log(softmax(z, axis))


COUNTS = rng.integers(0, 4, (2, 3, 4))
POS = np.float32([0.5, 1, 2, 3])
stirling = np.where(
    COUNTS > 1, xlogy(COUNTS, COUNTS) - COUNTS + log(2 * np.pi * np.maximum(COUNTS, 1)) / 2, 0
)
R = softmax(draw(2, 3, 4)) * np.float32(2)
U = (1 / (1 + np.exp(-X))).astype("f4")


def same(result, expected):
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (result, expected)], strict=True):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


PAIR, FRAMES = np.array([[1.0, 2, 3], [0, 0, 1]]), np.zeros((2, 6, 5))
CTC = axon.connectionist_temporal_classification
