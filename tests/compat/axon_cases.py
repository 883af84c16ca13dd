"""Calls of every name of `compat.axon`, each with its plain formula in float64."""

import numpy as np

from compat.plain import HOT, SIGNS, B, L, P, Q, T, X, b, c7, ce, cosine, hot, onehot, p, q, softplus, t, x

two_eps = -(hot * np.log(c7 + 1e-7) + (1 - hot) * np.log(1 - c7 + 1e-7)).mean(-1)
DENSE = np.clip(Q, 0.05, None)
dense = DENSE.astype(float)
AXON = [
    ("mean_squared_error", (T, X), {}, ((x - t) ** 2).mean(-1)),
    ("mean_absolute_error", (T, X), {}, abs(x - t).mean(-1)),
    ("log_cosh", (T, X), {}, (np.logaddexp(x - t, t - x) - np.log(2)).mean(-1)),
    ("log_cosh", (np.zeros((1, 2), "f4"), np.float32([[-100, 100]])), {}, np.array([100 - np.log(2)])),
    ("huber", (T, X), {}, np.where(abs(x - t) <= 1, (x - t) ** 2 / 2, abs(x - t) - 0.5)),
    (
        "huber",
        (T, X),
        {"delta": 0.3},
        np.where(abs(x - t) <= 0.3, (x - t) ** 2 / 2, 0.3 * (abs(x - t) - 0.15)),
    ),
    ("poisson", (HOT, Q), {}, (q - hot * np.log(q + 1e-7)).mean(-1)),
    ("poisson", (HOT, Q), {"eps": 0.5}, (q - hot * np.log(q + 0.5)).mean(-1)),
    ("hinge", (SIGNS.astype("i1"), X), {}, np.maximum(0, 1 - x * np.sign(t)).mean(-1)),
    ("categorical_hinge", (HOT, Q), {}, np.maximum(0, 1 + ((1 - hot) * q).max(-1) - (hot * q).sum(-1))),
    ("margin_ranking", (SIGNS, (X, T)), {}, np.maximum(0, -np.sign(t) * (x - t))),
    ("margin_ranking", (SIGNS, (X, T)), {"margin": 0.4}, np.maximum(0, 0.4 - np.sign(t) * (x - t))),
    ("soft_margin", (SIGNS, X), {}, softplus(-np.sign(t) * x).sum(0)),
    ("soft_margin", (np.ones((1, 1), "f4"), np.float32([[-200]])), {}, np.array([200.0])),
    ("cosine_similarity", (T, X), {}, cosine(x, t, 1)),
    ("cosine_similarity", (T, X), {"axes": [0, 2]}, cosine(x, t, (0, 2))),
    ("cosine_similarity", (T[0, 0], X[0, 0]), {"axes": [0], "eps": 100.0}, (x[0, 0] * t[0, 0]).sum() / 100),
    (
        "cosine_similarity",
        (np.float32([[0.1, 0.0]]), np.float32([[9.0, 12.0]])),
        {"eps": 3.0},
        np.array([0.3]),
    ),
    (
        "kl_divergence",
        (HOT, Q),
        {},
        (np.clip(hot, 1e-7, 1) * np.log(np.clip(hot, 1e-7, 1) / np.clip(q, 1e-7, 1))).sum(-1),
    ),
    ("kl_divergence", (3 * P, P), {}, (np.clip(3 * p, 0, 1) * np.log(np.clip(3 * p, 0, 1) / p)).sum(-1)),
    ("kl_divergence", (HOT, Q), {"eps": 0}, -np.log([0.8, 0.999])),
    ("binary_cross_entropy", (HOT, Q), {}, two_eps),
    (
        "binary_cross_entropy",
        (HOT, DENSE[:, :1].repeat(4, 1)),
        {"eps": 0},
        -(hot * np.log(dense[:, :1]) + (1 - hot) * np.log(1 - dense[:, :1])).mean(-1),
    ),
    (
        "binary_cross_entropy",
        (B, X),
        {"from_logits": True},
        (b * softplus(-x) + (1 - b) * softplus(x)).mean(-1),
    ),
    ("categorical_cross_entropy", (HOT, DENSE), {}, -np.log(dense[[0, 1], [1, 3]])),
    ("categorical_cross_entropy", (P, X), {"from_logits": True}, ce(x, p)),
    (
        "categorical_cross_entropy",
        (L.astype("u1")[..., None], X),
        {"from_logits": True, "sparse": True},
        ce(x, onehot(L, 4)),
    ),
    (
        "categorical_cross_entropy",
        (np.array([1, 3]), DENSE),
        {"sparse": True},
        -np.log(dense[[0, 1], [1, 3]]),
    ),
    ("apply_label_smoothing", (HOT, Q), {}, 0.9 * hot + 0.1 / 4),
    # classes are axis 1, whatever the rank
    ("apply_label_smoothing", (B, X), {"smoothing": 0.3}, 0.7 * b + 0.3 / 3),
]
