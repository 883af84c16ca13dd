"""CTC by enumeration of all paths, and by a recursion over logarithms in float64."""

import itertools
import math

import numpy as np

from ctc.cases import INF


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
