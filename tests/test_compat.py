"""The modules call-compatible with optax, Axon and gluon: printed examples, plain formulas in float64, and
optax itself where it is installed.
"""

import doctest
import functools
import inspect
import itertools
import json
import math
import operator
import pickle
import re
import subprocess
import sys
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

import ufloss as ul
import ufloss.compat
from ufloss.compat import _common, _operators, axon, gluon, optax

NAN, INF = np.nan, np.inf
EXAMPLES = json.loads((Path(__file__).parent / "seed_examples.json").read_text())
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


def slope(f, x, h=1e-6):
    """Central differences of the sum of f's results."""
    g = np.empty_like(x)
    for i in np.ndindex(*x.shape):
        d = np.zeros_like(x)
        d[i] = h
        g[i] = (np.sum(f(x + d)) - np.sum(f(x - d))) / (2 * h)
    return g


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


# The examples that the three systems print


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if "expected" in e], ids=lambda e: e["system"] + "." + e["function"]
)
def test_printed_example(example):
    args = [np.array(a["value"], a["dtype"]) for a in example["args"]]
    if example["function"] == "margin_ranking":
        args = [args[0], tuple(args[1:])]
    kwargs = {k: tuple(v) if isinstance(v, list) else v for k, v in example["kwargs"].items()}
    result = getattr({"axon": axon, "optax": optax}[example["system"]], example["function"])(*args, **kwargs)
    assert result.dtype == example["expected_dtype"]
    assert list(result.shape) == example["expected_shape"]
    expected = np.array(example["expected"])
    if "decimals" in example:
        np.testing.assert_array_equal(np.round(result.astype(float), example["decimals"]), expected)
    else:
        assert (abs(result - expected) <= 2e-7 * np.maximum(1, abs(expected))).all()


def test_example_without_numbers():
    plain = {e["function"]: e for e in EXAMPLES if "expected" not in e}
    assert set(plain) == {"CTCLoss", "SoftmaxCrossEntropyLoss", "SigmoidBCELoss", "ntxent"}
    ctc, rows, weights = plain["CTCLoss"], plain["SoftmaxCrossEntropyLoss"], plain["SigmoidBCELoss"]
    label = np.array(ctc["args"][0]["value"], ctc["args"][0]["dtype"])
    loss, pred = gluon.CTCLoss(**ctc["kwargs"]), draw(3, 7, 4)
    np.testing.assert_array_equal(
        loss(pred, label), loss(pred, label, label_lengths=ctc["expected_label_lengths"])
    )
    pred, label = draw(*rows["pred_shape"]), rng.integers(0, 3, rows["label_shape"])
    assert list(gluon.SoftmaxCrossEntropyLoss(**rows["kwargs"])(pred, label).shape) == rows["expected_shape"]
    sample, positive = draw(*weights["sample_weight_shape"]), abs(draw(*weights["pos_weight_shape"]))
    pred = draw(*weights["pred_shape"])
    assert list(gluon.SigmoidBCELoss()(pred, pred > 0, sample, positive).shape) == weights["expected_shape"]


def test_examples_in_docstrings():
    result = doctest.testmod(ufloss.compat)
    assert result.failed == 0
    assert result.attempted > 1


def test_import_costs_nothing_until_asked():
    lines = [
        "import sys, ufloss as ul",
        "assert 'ufloss.compat' not in sys.modules",
        "assert 'compat' in dir(ul) and 'compat' in ul.__all__",
        "assert ul.compat.gluon.L1Loss()([[1.0]], [[3.0]]).tolist() == [2]",
        "assert 'ufloss.compat.axon' not in sys.modules and 'ufloss.compat.optax' not in sys.modules",
        "assert {'axon', 'gluon', 'optax'} <= set(dir(ul.compat))",
        "assert ul.compat.optax.huber_loss(2.0) == 1.5 and ul.compat.axon.hinge([1.0], [0.0]) == 1",
        "import ufloss.compat.axon as axon; assert axon is ul.compat.axon",
        "assert not hasattr(ul, 'no_such_name') and not hasattr(ul.compat, 'no_such_name')",
        "from ufloss import *; assert compat is ul.compat",
    ]
    subprocess.run([sys.executable, "-W", "error", "-c", "\n".join(lines)], check=True)


@pytest.mark.parametrize("module", [optax, axon, gluon], ids=lambda m: m.__name__)
def test_public_names_have_docstrings(module):
    assert module.__all__ == sorted(module.__all__)
    for name in module.__all__:
        assert len(inspect.getdoc(getattr(module, name))) > 10


# optax: each case has a plain formula; the same cases go to optax itself

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
LL = rng.integers(0, 12, 2)
lists = ce(x, b, where=W)
CASES = [
    ("squared_error", (X, T), {}, (x - t) ** 2),
    ("squared_error", (X,), {}, x**2),
    ("l2_loss", (X, T), {}, (x - t) ** 2 / 2),
    ("l2_loss", (X,), {}, x**2 / 2),
    (
        "huber_loss",
        (X, T[:1]),
        {"delta": 0.7},
        np.where(abs(x - t[:1]) <= 0.7, (x - t[:1]) ** 2 / 2, 0.7 * (abs(x - t[:1]) - 0.35)),
    ),
    ("huber_loss", (X,), {}, np.where(abs(x) <= 1, x**2 / 2, abs(x) - 0.5)),
    ("log_cosh", (X, T), {}, np.logaddexp(x - t, t - x) - np.log(2)),
    ("log_cosh", (X,), {}, np.logaddexp(x, -x) - np.log(2)),
    ("cosine_similarity", (X, T), {}, cosine(x, t)),
    ("cosine_similarity", (X, T), {"epsilon": 9.0, "axis": (0, 2)}, cosine(x, t, (0, 2), 9.0)),
    ("cosine_similarity", (X, T), {"axis": None, "where": W}, cosine(x, t, None, where=W)),
    ("cosine_similarity", (X, T), {"axis": 1, "where": W, "epsilon": 1e-6}, cosine(x, t, 1, 1e-6, where=W)),
    ("cosine_distance", (X, T), {"axis": 0}, 1 - cosine(x, t, 0)),
    ("cosine_distance", (X, T), {"epsilon": 1e-3, "where": W}, 1 - cosine(x, t, eps=1e-3, where=W)),
    ("sigmoid_binary_cross_entropy", (X, B), {}, b * softplus(-x) + (1 - b) * softplus(x)),
    ("sigmoid_binary_cross_entropy", (X, T > 0), {}, b * softplus(-x) + (1 - b) * softplus(x)),
    ("sigmoid_focal_loss", (X, B), {}, focal(x, b, None, 2)),
    ("sigmoid_focal_loss", (X, P), {"alpha": 0.25, "gamma": 1.5}, focal(x, p, 0.25, 1.5)),
    ("sigmoid_focal_loss", (X, L[..., None] > 1), {"alpha": 0.0}, focal(x, (L[..., None] > 1) * 1.0, 0.0, 2)),
    ("hinge_loss", (X, SIGNS), {}, np.maximum(0, 1 - x * np.sign(t))),
    ("perceptron_loss", (X, SIGNS), {}, np.maximum(0, -x * np.sign(t))),
    ("sparsemax_loss", (2 * X, T > 0), {}, sparsemax(np.where(t > 0, -2 * x, 2 * x))),
    ("sparsemax_loss", (X, np.array([0, 1, 0.5, -1], "f4")), {}, sparsemax(x * [1, -1, -1, -1])),
    ("softmax_cross_entropy", (X, P), {}, ce(x, p)),
    ("softmax_cross_entropy", (X, P), {"axis": (0, 2)}, ce(x, p, (0, 2))),
    ("softmax_cross_entropy", (X, P), {"axis": None, "where": W}, ce(x, p, None, W)),
    ("softmax_cross_entropy", (X, P), {"where": W}, ce(x, p, where=W)),
    ("softmax_cross_entropy", (X, P), {"axis": 1, "where": W[:, 0]}, ce(x, p, 1) * W[:, 0]),
    ("softmax_cross_entropy", (X, np.array([0, 2, 1, 0])), {}, ce(x, np.array([0, 2, 1, 0]))),
    ("safe_softmax_cross_entropy", (X, P), {}, ce(x, p)),
    (
        "safe_softmax_cross_entropy",
        (X + np.float32([0, -INF, 0, 0]), B * np.float32([1, 0, 1, 1])),
        {},
        ce(x[..., [0, 2, 3]], b[..., [0, 2, 3]]),
    ),
    ("softmax_cross_entropy_with_integer_labels", (X, L), {}, ce(x, onehot(L, 4))),
    ("softmax_cross_entropy_with_integer_labels", (X, L - 4), {}, ce(x, onehot(L, 4))),
    (
        "softmax_cross_entropy_with_integer_labels",
        (two, L.astype("i1")),
        {"axis": 1},
        ce(np.swapaxes(two, 1, 2).astype(float), onehot(L, 4)),
    ),
    (
        "softmax_cross_entropy_with_integer_labels",
        (X, LL),
        {"axis": (1, 2)},
        ce(x.reshape(2, 12), onehot(LL, 12)),
    ),
    (
        "softmax_cross_entropy_with_integer_labels",
        (X, LL),
        {"axis": (2, 1)},
        ce(np.swapaxes(x, 1, 2).reshape(2, 12), onehot(LL, 12)),
    ),
    ("softmax_cross_entropy_with_integer_labels", (X, L * 0), {"where": W}, ce(x, onehot(L * 0, 4), where=W)),
    (
        "softmax_cross_entropy_with_integer_labels",
        (X, L * 0 + 1),
        {"where": W},
        # the label's class is left out
        np.where(W.any(-1), log(np.exp(x).sum(-1, where=W)) - x[..., 1], 0),
    ),
    (
        "softmax_cross_entropy_with_integer_labels",
        (X, LL),
        {"axis": (1, 2), "where": W},
        np.log(np.exp(x).sum((1, 2), where=W)) - x.reshape(2, 12)[[0, 1], LL],
    ),
    (
        "softmax_cross_entropy_with_integer_labels",
        (X, L),
        {"where": W[..., 0] & (L > 0)},
        ce(x, onehot(L, 4)) * (W[..., 0] & (L > 0)),
    ),
    ("softmax_cross_entropy_with_integer_labels", (X, L * 0 + 7), {}, np.full((2, 3), NAN)),
    ("softmax_cross_entropy_with_integer_labels", (X, L * 0 - 5), {"where": W}, np.where(W.any(-1), NAN, 0)),
    ("softmax_cross_entropy_with_integer_labels", (X, L[..., None] * 0), {"axis": ()}, np.zeros((2, 3, 4))),
    ("poly_loss_cross_entropy", (X, P), {}, ce(x, p) + 2 * (p * (1 - softmax(x))).sum(-1)),
    (
        "poly_loss_cross_entropy",
        (X, P),
        {"epsilon": -0.5, "axis": (0, 1)},
        ce(x, p, (0, 1)) - 0.5 * (p * (1 - softmax(x, (0, 1)))).sum((0, 1)),
    ),
    (
        "poly_loss_cross_entropy",
        (X, P),
        {"where": W[:1, :1], "axis": -1},
        ce(x, p, where=W[:1, :1])
        + 2
        * (p * (1 - np.exp(x) / np.exp(x).sum(-1, where=W[:1, :1], keepdims=True))).sum(-1, where=W[:1, :1]),
    ),
    ("kl_divergence", (LOGP, P), {}, (p * (np.log(p) - logp)).sum(-1)),
    (
        "kl_divergence",
        (LOGP, P * B),
        {"axis": 1, "where": W},
        (xlogy(p * b, p * b) - p * b * logp).sum(1, where=W),
    ),
    ("kl_divergence", (LOGP, P), {"axis": None}, (p * (np.log(p) - logp)).sum()),
    ("kl_divergence_with_log_targets", (LOGP, np.log(P)), {}, (p * (np.log(p) - logp)).sum(-1)),
    (
        "kl_divergence_with_log_targets",
        (LOGP, np.log(P)),
        {"axis": (0, 1), "where": W},
        (p * (np.log(p) - logp)).sum((0, 1), where=W),
    ),
    ("generalized_kl_divergence", (X, P), {}, (p * (np.log(p) - x) + np.exp(x) - p).sum(-1)),
    (
        "generalized_kl_divergence",
        (X, P * B),
        {"axis": 1, "where": W},
        (xlogy(p * b, p * b) - p * b * x + np.exp(x) - p * b).sum(1, where=W),
    ),
    ("multiclass_hinge_loss", (X, L), {}, (x + 1 - onehot(L, 4)).max(-1) - (x * onehot(L, 4)).sum(-1)),
    ("multiclass_perceptron_loss", (X, L), {}, x.max(-1) - (x * onehot(L, 4)).sum(-1)),
    (
        "multiclass_sparsemax_loss",
        (X[0], L[0]),
        {},
        [multiclass_sparsemax(s, k) for s, k in zip(x[0], L[0], strict=True)],
    ),
    (
        "multiclass_sparsemax_loss",
        (X[0], L[0] - 4),
        {},
        [multiclass_sparsemax(s, k) for s, k in zip(x[0], L[0], strict=True)],
    ),
    ("smooth_labels", (P, 0.3), {}, 0.7 * p + 0.3 / 4),
    ("smooth_labels", (P, 0.3), {"axis": (0, 1)}, 0.7 * p + 0.3 / 6),
    ("smooth_labels", (P, 0.3), {"where": W[1:]}, 0.7 * p + 0.3 / 3),
    ("smooth_labels", (P, 0.3), {"axis": (0, 2), "where": W}, 0.7 * p + 0.3 / W.sum((0, 2), keepdims=True)),
    ("ranking_softmax_loss", (X, B), {}, ranking(x, b).mean()),
    ("ranking_softmax_loss", (X, B), {"weights": P, "reduce_fn": None}, ranking(x, b, weights=p)),
    ("ranking_softmax_loss", (X, B), {"where": W}, lists[W.any(-1)].mean()),
    ("ranking_softmax_loss", (X, B), {"where": W, "reduce_fn": None}, lists),
    ("ranking_softmax_loss", (X, B), {"where": W & False}, 0.0),
    ("ranking_softmax_loss", (X, B), {"where": W & False, "reduce_fn": None}, np.zeros((2, 3))),
    ("triplet_margin_loss", (X, T, P), {}, triplet(x, t, p)),
    (
        "triplet_margin_loss",
        (X, T, P),
        {"axis": 1, "norm_degree": 4, "margin": 0.2, "eps": 1e-3},
        triplet(x, t, p, 1, 4, 0.2, 1e-3),
    ),
    ("dice_loss", (IMAGES, REGIONS), {}, dice_of.mean(-1)),
    ("dice_loss", (IMAGES, REGIONS), {"reduction": "sum", "ignore_background": True}, dice_of[:, 1:].sum(-1)),
    (
        "dice_loss",
        (IMAGES, REGIONS),
        {"reduction": "none", "class_weights": np.float32([1, 2, 4])},
        dice_of * [1, 2, 4],
    ),
    (
        "dice_loss",
        (images.astype("f4"), REGIONS),
        {"apply_softmax": False, "smooth": 0.5, "alpha": 0.3, "beta": 0.7, "axis": (0, 1, 2)},
        tversky(images, regions, (0, 1, 2), 0.5, 0.3, 0.7).mean(-1),
    ),
    ("dice_loss", (X[..., 0], B[..., :1]), {}, tversky(1 / (1 + np.exp(-x[..., 0])), b[..., 0], 1)),
    ("multiclass_generalized_dice_loss", (IMAGES, REGIONS), {}, (dice_of * SHARES).mean()),
    (
        "multiclass_generalized_dice_loss",
        (images.astype("f4"), REGIONS),
        {"apply_softmax": False, "ignore_background": True, "smooth": 2.0},
        (tversky(images, regions, (1, 2), 2.0) * SHARES)[:, 1:].mean(),
    ),
    ("binary_dice_loss", (X, B), {}, tversky(1 / (1 + np.exp(-x)), b, (1, 2))),
    (
        "binary_dice_loss",
        (X[..., :1], B[..., :1]),
        {"smooth": 3.0},
        tversky(1 / (1 + np.exp(-x[..., 0])), b[..., 0], 1, 3.0),
    ),
]
by_case = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{'-'.join(c[2])}")


@pytest.fixture(scope="session")
def peer():
    return pytest.importorskip("optax").losses


@by_case
def test_optax_is_the_plain_formula(case):
    name, args, kwargs, expected = case
    check(getattr(optax, name)(*args, **kwargs), expected)


@by_case
def test_optax_is_optax(case, peer):
    name, args, kwargs, _ = case
    jnp = pytest.importorskip("jax.numpy")
    theirs = {k: jnp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    expected = getattr(peer, name)(
        *[jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args], **theirs
    )
    check(getattr(optax, name)(*args, **kwargs), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_optax_tests_cover_every_name():
    apart = {
        "binary_logistic_loss",
        "binary_sparsemax_loss",
        "multiclass_logistic_loss",
        "convex_kl_divergence",
        "ctc_loss",
        "ctc_loss_with_forward_probs",
    }
    assert {name for name, *_ in CASES} | apart | {"make_fenchel_young_loss", "ntxent"} == set(optax.__all__)


OPTAX_NAMES = [  # of 0.2.8
    "binary_dice_loss",
    "convex_kl_divergence",
    "cosine_distance",
    "cosine_similarity",
    "ctc_loss",
    "ctc_loss_with_forward_probs",
    "dice_loss",
    "generalized_kl_divergence",
    "hinge_loss",
    "huber_loss",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "l2_loss",
    "log_cosh",
    "make_fenchel_young_loss",
    "multiclass_generalized_dice_loss",
    "multiclass_hinge_loss",
    "multiclass_perceptron_loss",
    "multiclass_sparsemax_loss",
    "ntxent",
    "perceptron_loss",
    "poly_loss_cross_entropy",
    "ranking_softmax_loss",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "sparsemax_loss",
    "squared_error",
    "triplet_margin_loss",
]


def test_optax_names_are_in_the_module_and_in_the_core():
    assert set(OPTAX_NAMES) <= set(optax.__all__)
    assert [name for name in OPTAX_NAMES if not hasattr(ul, name)] == []
    assert ul.ntxent is ul.ntxent_loss


def test_optax_has_all_names_and_parameters(peer):
    assert [n for n in dir(peer) if not n.startswith("_")] == OPTAX_NAMES
    for name in OPTAX_NAMES:
        theirs, ours = (
            [(q.name, q.default) for q in inspect.signature(getattr(m, name)).parameters.values()]
            for m in (peer, optax)
        )
        assert [q for q in ours if q[0] != "reduce_fn"] == [q for q in theirs if q[0] != "reduce_fn"]


def test_optax_options_may_be_positional():
    np.testing.assert_array_equal(optax.huber_loss(X, T, 0.5), optax.huber_loss(X, T, delta=0.5))
    np.testing.assert_array_equal(
        optax.cosine_distance(X, T, 9.0, 0), optax.cosine_distance(X, T, epsilon=9.0, axis=0)
    )
    np.testing.assert_array_equal(
        optax.sigmoid_focal_loss(X, B, 0.25, 1.0), optax.sigmoid_focal_loss(X, B, alpha=0.25, gamma=1.0)
    )
    a = draw(1, 4, 3), np.zeros((1, 4)), np.array([[0, 1]]), np.zeros((1, 2))
    np.testing.assert_array_equal(
        optax.ctc_loss(*a, 2, -50.0), optax.ctc_loss(*a, blank_id=2, log_epsilon=-50.0)
    )


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("binary_logistic_loss", (X, B)),
        ("binary_sparsemax_loss", (X, B)),
        ("multiclass_logistic_loss", (X, L)),
        ("convex_kl_divergence", (LOGP, P, 1)),
    ],
)
def test_optax_deprecated_names_warn(name, args):
    new = {
        "binary_logistic_loss": "sigmoid_binary_cross_entropy",
        "binary_sparsemax_loss": "sparsemax_loss",
        "multiclass_logistic_loss": "softmax_cross_entropy_with_integer_labels",
        "convex_kl_divergence": "generalized_kl_divergence",
    }[name]
    with pytest.warns(
        DeprecationWarning, match=f"The function {name} is deprecated. Please use {new} instead."
    ) as caught:
        old = getattr(optax, name)(*args)
    assert caught[0].filename == __file__  # where it is called, which is where Python shows it
    np.testing.assert_array_equal(old, getattr(optax, new)(*args))


def test_optax_limits():
    inf = np.float32(INF)
    assert optax.sigmoid_binary_cross_entropy(np.float32([INF, -INF, -INF]), [1, 0, 1]).tolist() == [
        0,
        0,
        INF,
    ]
    assert optax.softmax_cross_entropy(np.float32([1, 1, -INF]), np.float32([0.5, 0.5, 0])) == pytest.approx(
        np.log(2)
    )
    assert optax.softmax_cross_entropy(np.float32([1, 1, -INF]), np.float32([0, 0, 1])) == INF
    assert optax.kl_divergence(-inf, np.float32(0), axis=()) == 0
    assert optax.cosine_similarity(np.zeros(3, "f4"), np.ones(3, "f4")) == 0
    assert optax.log_cosh(np.float32(1e-4)) == pytest.approx(5e-9, rel=1e-6)
    assert np.isnan(optax.huber_loss(2.0, delta=-1.0))
    assert optax.squared_error(BIG).tolist() == [INF, pytest.approx(1e-6), 2500]
    for loss in (optax.multiclass_hinge_loss, optax.multiclass_perceptron_loss):
        assert np.isnan(loss(X[0], [4, -1, 1])).tolist() == [True, True, False]
    assert np.isnan(optax.multiclass_sparsemax_loss(X[0], [4, -5, -1])).tolist() == [True, True, False]
    assert optax.triplet_margin_loss([0.0, 0.0], [1.0, -1.0], [2.0, 2.0], norm_degree=1) == 0
    assert optax.binary_dice_loss(P[..., 0], B[..., 0], apply_sigmoid=False).shape == (2,)
    left_out = optax.softmax_cross_entropy_with_integer_labels(
        np.float32([1, NAN, 3, 2]), 2, where=np.array([True, False, False, True])
    )
    # of what is left out only the label's logit is read
    assert left_out == pytest.approx(np.log(np.e + np.e**2) - 3)
    assert optax.ranking_softmax_loss(X[:0], B[:0]) == 0
    kept = optax.smooth_labels(np.eye(3), 0.3, where=np.array([[True, True, False]] * 2 + [[False] * 3]))
    np.testing.assert_allclose(kept, [[0.85, 0.15, 0.15], [0.15, 0.85, 0.15], [0, 0, 1]])


def test_optax_fenchel_young_is_the_cores():
    np.testing.assert_allclose(
        optax.make_fenchel_young_loss(max_fun=np.max)(x, p), x.max(-1) - (x * p).sum(-1)
    )
    check(optax.make_fenchel_young_loss(ul.logsumexp)(X, P), ce(x, p))


def test_optax_ntxent():
    e, labels, temperature = draw(6, 4), np.array([0, 0, 1, 1, 1, 2]), 0.3
    u = e.astype(float) / np.linalg.norm(e.astype(float), axis=1, keepdims=True)
    s = u @ u.T / temperature
    terms = [
        np.log(np.exp(s[i, j]) + sum(np.exp(s[i, k]) for k in range(6) if labels[k] != labels[i])) - s[i, j]
        for i, j in itertools.permutations(range(6), 2)
        if labels[i] == labels[j]
    ]
    check(optax.ntxent(e, labels, temperature), np.mean(terms), rtol=1e-5)
    check(optax.ntxent(e, labels, temperature=temperature), np.mean(terms), rtol=1e-5)
    assert optax.ntxent(e[:4], [0, 0, 1, 1]) == optax.ntxent(e[:4], [5, 5, 2, 2], 0.07)
    assert optax.ntxent(e, labels * 0) == 0
    assert np.isnan(optax.ntxent(e, np.arange(6)))


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


# Axon

ALL = {"none": lambda v: v, "mean": np.mean, "sum": np.sum}
Q = np.float32([[0.2, 0.8, 1.0, 0.0], [1e-9, 0.5, 0.3, 0.999]])
q, hot = Q.astype(float), np.eye(4)[[1, 3]]
HOT = hot.astype("i1")
# 1 - 1e-7 is one step below 1 in float32
c7 = np.clip(Q, np.float32(1e-7), np.float32(1 - 1e-7)).astype(float)
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


@pytest.mark.parametrize("case", AXON, ids=lambda c: f"{c[0]}-{'-'.join(c[2])}")
def test_axon_is_the_plain_formula(case):
    name, args, kwargs, expected = case
    f = getattr(axon, name)
    check(f(*args, **kwargs), expected)
    if name != "apply_label_smoothing":
        for reduction, of in ALL.items():
            check(f(*args, **kwargs, reduction=reduction), of(expected))
        with pytest.raises(ValueError, match="reduction"):
            f(*args, **kwargs, reduction="max")


def test_axon_tests_cover_every_name():
    named = {name for name, *_ in AXON} | {"label_smoothing", "connectionist_temporal_classification"}
    assert named == set(axon.__all__)


def test_axon_caps_probabilities_twice():
    worst = axon.binary_cross_entropy([[1], [0]], np.float32([[0], [1]]))
    np.testing.assert_allclose(worst, [15.4249, 15.3332], atol=5e-5)
    assert axon.binary_cross_entropy([[1], [0]], np.float32([[0], [1]]), eps=0).tolist() == [INF, INF]
    assert axon.categorical_cross_entropy([[1, 0]], np.float32([[0, 1]])).tolist() == [INF]


@pytest.mark.parametrize("eps", [None, "x", [0.1, 0.2]])
def test_axon_eps_of_logits_is_not_looked_at(eps):
    for words in ({}, {"positive_weight": 2.0}):
        expected = axon.binary_cross_entropy([[0.0, 1.0]], [[2.0, -3.0]], from_logits=True, **words)
        assert np.array_equal(
            axon.binary_cross_entropy([[0.0, 1.0]], [[2.0, -3.0]], from_logits=True, eps=eps, **words),
            expected,
        )


def test_axon_binary_class_weights_give_one_number():
    each = b * softplus(-x) + (1 - b) * softplus(x)
    for options, weights in [
        ({"positive_weight": 3.0}, 1 + 2 * b),
        ({"negative_weight": 0.5}, 0.5 + 0.5 * b),
        ({"positive_weight": 3.0, "negative_weight": 0.5}, 0.5 + 2.5 * b),
        ({"positive_weights": 3.0, "negative_weights": 0.5}, 0.5 + 2.5 * b),
    ]:
        for reduction in ALL:
            check(
                axon.binary_cross_entropy(B, X, from_logits=True, reduction=reduction, **options),
                (weights * each).mean(),
            )


def test_axon_pairs_are_anything_of_two():
    first, second = np.float32([[0.5, 2.0], [1.0, -1.0]]), np.float32([[1.5, 1.0], [0.0, 3.0]])
    y, frames = np.float32([[1, -1], [1, 1]]), np.log(np.float32([[[0.5, 0.5]] * 3] * 2))
    ranked = axon.margin_ranking(y, (first, second), margin=0.5)
    spelled = axon.connectionist_temporal_classification(([1, 1], [[1], [1]]), frames)
    pairs = [
        lambda a, b: iter([a, b]),
        lambda a, b: (x for x in (a, b)),
        lambda a, b: {"a": a, "b": b}.values(),
        lambda a, b: [a, b],
    ]
    for pair in pairs:
        assert np.array_equal(axon.margin_ranking(y, pair(first, second), margin=0.5), ranked)
        assert np.array_equal(
            axon.connectionist_temporal_classification(pair([1, 1], [[1], [1]]), frames), spelled
        )
    assert np.array_equal(axon.margin_ranking(y, np.stack([first, second]), margin=0.5), ranked)
    # whose columns have names that are numbers
    frame = pytest.importorskip("pandas").DataFrame([[0.5, 2.0], [1.5, 1.0]])
    assert np.array_equal(axon.margin_ranking(y[0], frame, margin=0.5), ranked[0])
    named = {0: first, 1: second}
    for bad in (
        named,
        named.keys(),
        "ab",
        b"ab",
        iter([first]),
        iter([first] * 3),
        [first],
        np.stack([first] * 3),
        None,
        1.0,
    ):
        with pytest.raises(ValueError, match=r"^margin_ranking: y_pred must be a pair of arrays, not "):
            axon.margin_ranking(y, bad)
        with pytest.raises(
            ValueError,
            match=r"^connectionist_temporal_classification: y_true must be a pair of arrays, lengths and targets, not ",
        ):
            axon.connectionist_temporal_classification(bad, frames)


def test_axon_class_weights_divide_the_mean():
    loss, weights, truth = ce(x[0], p[0]), np.array([1.0, 2.0, 4.0, 8.0]), p[0].argmax(1)
    options = {"from_logits": True, "class_weights": weights.tolist()}
    check(axon.categorical_cross_entropy(P[0], X[0], **options), weights[truth] * loss)
    check(
        axon.categorical_cross_entropy(P[0], X[0], **options, reduction="sum"), (weights[truth] * loss).sum()
    )
    check(
        axon.categorical_cross_entropy(P[0], X[0], **options, reduction="mean"),
        (weights[truth] * loss).sum() / weights[truth].sum(),
    )


def test_axon_label_smoothing_wraps_a_loss():
    loss = axon.label_smoothing(axon.categorical_cross_entropy, smoothing=0.2)
    check(loss(HOT, X[0, :2], from_logits=True, reduction="sum"), ce(x[0, :2], 0.8 * hot + 0.05).sum())
    default = axon.label_smoothing(axon.categorical_cross_entropy)
    check(default(HOT, X[0, :2], from_logits=True), ce(x[0, :2], 0.9 * hot + 0.025))


def test_axon_ctc_is_the_sum_over_paths():
    # used as they are, also where they do not sum to 1
    y_pred = np.log(softmax(draw(3, 4, 3)) * np.float32(0.9))
    lengths, labels = np.array([1, 2, 2]), np.array([[1, 8], [2, 2], [1, 0]])
    expected = np.array(
        [
            enumerate_ctc(z, k[:n], 0, normalised=False)
            for z, k, n in zip(y_pred, labels, lengths, strict=True)
        ]
    )
    f = axon.connectionist_temporal_classification
    check(f((lengths, labels), y_pred), expected)
    check(f((lengths, labels), y_pred, reduction="sum"), expected.sum())
    check(f((lengths, labels), y_pred, reduction="mean"), (expected / lengths).mean())
    check(f((lengths, np.where(labels > 2, 9, (labels + 2) % 3)), np.roll(y_pred, -1, -1), blank=2), expected)
    assert f(([2], [[2, 2]]), y_pred[:1, :2]).tolist() == [INF]
    check(f(([0], [[2, 2]]), y_pred[:1]), -y_pred[:1, :, 0].sum(1, dtype=float))


# gluon: the losses before weights and the mean, as functions of predictions in float64


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
GLUON = [
    (gluon.L2Loss(), (X, T), {}, lambda z: (z - t) ** 2 / 2),
    (gluon.L2Loss(3.0), (X, T), {}, lambda z: 3 * (z - t) ** 2 / 2),
    (gluon.L1Loss(weight=2), (X, T), {}, lambda z: 2 * abs(z - t)),
    (gluon.L1Loss(batch_axis=1), (X, T), {}, lambda z: abs(z - t)),
    (gluon.HuberLoss(), (X, T), {}, lambda z: np.where(abs(z - t) > 1, abs(z - t) - 0.5, (z - t) ** 2 / 2)),
    (
        gluon.HuberLoss(rho=0.4, batch_axis=-1),
        (X, T),
        {},
        lambda z: np.where(abs(z - t) > 0.4, abs(z - t) - 0.2, (z - t) ** 2 / 0.8),
    ),
    (gluon.HingeLoss(), (X, SIGNS), {}, lambda z: np.maximum(0, 1 - z * np.sign(t))),
    (gluon.HingeLoss(margin=0.3), (X, SIGNS), {}, lambda z: np.maximum(0, 0.3 - z * np.sign(t))),
    (gluon.SquaredHingeLoss(), (X, SIGNS), {}, lambda z: np.maximum(0, 1 - z * np.sign(t)) ** 2),
    (gluon.SquaredHingeLoss(2, 0.5), (X, SIGNS), {}, lambda z: 0.5 * np.maximum(0, 2 - z * np.sign(t)) ** 2),
    (gluon.LogisticLoss(), (X, SIGNS.astype("i4")), {}, lambda z: softplus(-z * np.sign(t))),
    (gluon.LogisticLoss(), (X, SIGNS * 0), {}, lambda z: (softplus(z) + softplus(-z)) / 2),
    (
        gluon.LogisticLoss(label_format="binary"),
        (X, B),
        {},
        lambda z: b * softplus(-z) + (1 - b) * softplus(z),
    ),
    (gluon.SigmoidBinaryCrossEntropyLoss(), (X, B), {}, lambda z: b * softplus(-z) + (1 - b) * softplus(z)),
    (
        gluon.SigmoidBCELoss(),
        (X, B),
        {"pos_weight": POS},
        lambda z: POS * b * softplus(-z) + (1 - b) * softplus(z),
    ),
    (gluon.SigmoidBCELoss(True), (U, B), {}, lambda z: -b * log(z + 1e-12) - (1 - b) * log(1 - z + 1e-12)),
    (
        gluon.SigmoidBCELoss(from_sigmoid=True, weight=2),
        (U, B),
        {"pos_weight": POS},
        lambda z: -2 * (POS * b * log(z) + (1 - b) * log(1 - z)),
    ),
    (gluon.PoissonNLLLoss(reduction="batch"), (X, COUNTS), {}, lambda z: np.exp(z) - COUNTS * z),
    (
        gluon.PoissonNLLLoss(from_logits=False, reduction="batch"),
        (R, COUNTS),
        {"epsilon": 0.1},
        lambda z: z - COUNTS * log(z + 0.1),
    ),
    (
        gluon.PoissonNLLLoss(compute_full=True, reduction="batch", batch_axis=2),
        (X, COUNTS),
        {},
        lambda z: np.exp(z) - COUNTS * z + stirling,
    ),
    (gluon.KLDivLoss(), (LOGP, P), {}, lambda z: kl(z, p)),
    (gluon.KLDivLoss(weight=2.0), (LOGP, P * B), {}, lambda z: 2 * kl(z, p * b)),
    (gluon.KLDivLoss(from_logits=False), (X, P), {}, lambda z: kl(log_softmax(z), p)),
    (gluon.KLDivLoss(False, axis=1, weight=0.5), (X, P), {}, lambda z: 0.5 * kl(log_softmax(z, 1), p)),
    (gluon.KLDivLoss(False, axis=0), (X, P), {}, lambda z: kl(log_softmax(z, 0), p)),
]
CLASSES = rng.integers(0, 3, (2, 4))
GLUON_ROWS = [  # their terms keep the class axis with the length 1
    (gluon.SoftmaxCrossEntropyLoss(), (X, L), {}, lambda z: ce(z, onehot(L, 4))[..., None]),
    (
        gluon.SoftmaxCELoss(axis=1, weight=2.0),
        (X, CLASSES.astype("f4")),
        {},
        lambda z: 2 * ce(np.swapaxes(z, 1, 2), onehot(CLASSES, 3))[:, None],
    ),
    (
        gluon.SoftmaxCELoss(),
        (X, L + np.array([[4], [-9]])),
        {},
        lambda z: ce(z, onehot(np.array([[3] * 3, [0] * 3]), 4))[..., None],
    ),
    (gluon.SoftmaxCELoss(), (X, L[..., None]), {}, lambda z: ce(z, onehot(L, 4))[..., None]),
    (
        gluon.SoftmaxCELoss(from_logits=True),
        (LOGP, L),
        {},
        lambda z: -(z * onehot(L, 4)).sum(-1, keepdims=True),
    ),
    (gluon.SoftmaxCELoss(-1, False), (X, P.reshape(-1)), {}, lambda z: ce(z, p)[..., None]),
    (
        gluon.SoftmaxCELoss(sparse_label=False, from_logits=True, batch_axis=1),
        (LOGP, P),
        {},
        lambda z: -(z * p).sum(-1, keepdims=True),
    ),
]
SAMPLE_WEIGHTS = [None, np.array([[[1]], [[3]]]), np.float64(0.5)]


def the_mean(loss, terms):
    batch = loss._batch_axis % terms.ndim
    return terms.mean(tuple(i for i in range(terms.ndim) if i != batch))


def check_gluon(loss, args, kwargs, terms, weights):
    """Value and gradient of one loss, for each sample weight."""
    pred = args[0]
    z = pred.astype(float)
    for weight in weights:
        factor = 1.0 if weight is None else np.asarray(weight, float)
        options = dict(kwargs) if weight is None else {**kwargs, "sample_weight": weight}
        check(loss(*args, **options), the_mean(loss, terms(z) * factor))
        grad = loss.grad(*args, **options)
        check(
            grad, slope(lambda v, factor=factor: the_mean(loss, terms(v) * factor), z), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("case", GLUON, ids=lambda c: repr(c[0]))
def test_gluon_is_the_plain_formula(case):
    check_gluon(*case, [*SAMPLE_WEIGHTS, P])


@pytest.mark.parametrize("case", GLUON_ROWS, ids=lambda c: repr(c[0]))
def test_gluon_rows_are_the_plain_formula(case):
    check_gluon(*case, SAMPLE_WEIGHTS)


def test_gluon_tests_cover_every_name():
    tested = {type(case[0]).__name__ for case in [*GLUON, *GLUON_ROWS]} | {
        "TripletLoss",
        "CosineEmbeddingLoss",
        "SDMLLoss",
        "CTCLoss",
    }
    assert tested | {"Loss", "SigmoidBCELoss", "SoftmaxCELoss"} == set(gluon.__all__)
    assert gluon.SigmoidBCELoss is gluon.SigmoidBinaryCrossEntropyLoss
    assert gluon.SoftmaxCELoss is gluon.SoftmaxCrossEntropyLoss
    assert repr(gluon.L2Loss(prefix="l2_")) == "L2Loss(batch_axis=0, w=1.0)"
    assert isinstance(gluon.CTCLoss(label_layout="TN"), gluon.Loss)


def test_gluon_labels_need_only_as_many_elements():
    np.testing.assert_array_equal(gluon.L2Loss()(X, T.reshape(4, 6).astype(float)), gluon.L2Loss()(X, T))
    assert gluon.L1Loss()(X[0, 0], T[0, 0]).shape == (4,)  # nothing to average
    check(gluon.L1Loss().grad(X[0, 0], T[0, 0]), np.sign(x[0, 0] - t[0, 0]))


def test_gluon_softmax_weights_of_the_labels_shape():
    loss, each = gluon.SoftmaxCELoss(), ce(x, onehot(L, 4))
    for weight in (np.float32([[1], [3]]), np.float32([2, 3, 4]), P[..., 0]):
        check(loss(X, L, weight), (each * weight.astype(float)).mean(1))
        np.testing.assert_array_equal(
            loss.grad(X, L, weight), loss.grad(X, L, np.broadcast_to(weight, (2, 3))[..., None])
        )
    assert loss(X[0], L[0], [2, 0, 4]).tolist() == [2 * loss(X[0], L[0])[0], 0, 4 * loss(X[0], L[0])[2]]


def test_gluon_poisson_is_one_number():
    loss, each = gluon.PoissonNLLLoss(weight=2.0), 2 * (np.exp(x) - COUNTS * x)
    check(loss(X, COUNTS), each.mean())
    check(loss(X, COUNTS, P), (each * p).mean())
    check(loss.grad(X, COUNTS, P), 2 * (np.exp(x) - COUNTS) * p / 24)
    check(gluon.PoissonNLLLoss(compute_full=True)(X, COUNTS), (each / 2 + stirling).mean())


def test_gluon_kl_keeps_small_divergences():
    pred = X[0, :1]
    label = softmax(pred.astype(float)) * (1 + 1e-3 * np.array([1, -1, 1, -1]))
    label = (label / label.sum()).astype("f4")
    exact = kl(log_softmax(pred.astype(float)), label.astype(float)).mean()
    np.testing.assert_allclose(gluon.KLDivLoss(False)(pred, label), [exact], rtol=1e-5)
    assert gluon.KLDivLoss()(np.float32([[-INF, 0]]), [[0, 1]]).tolist() == [0]


@pytest.mark.parametrize("axis", [0, 1])
def test_gluon_triplet(axis):
    loss, others = gluon.TripletLoss(margin=0.5, weight=2.0, batch_axis=axis), tuple({0, 1, 2} - {axis})
    terms = lambda z: 2 * np.maximum(0, ((t - z) ** 2 - (p - z) ** 2).sum(others) + 0.5)
    check(loss(X, T, P.reshape(-1)), terms(x), rtol=1e-5)
    check(loss.grad(X, T, P), slope(lambda z: terms(z), x), rtol=1e-4)
    weight = np.arange(1, 1 + X.shape[axis])
    check(loss(X, T, P, sample_weight=weight), terms(x) * weight, rtol=1e-5)
    check(loss.grad(X, T, P, weight), slope(lambda z: terms(z) * weight, x), rtol=1e-4)
    assert (terms(x) > 0).any()


def test_gluon_cosine_embedding():
    label = np.array([[1, -1, 1], [-1, 0, -1]])

    def terms(z, margin=0.0):
        c = cosine(z, t).reshape(-1)
        flat = label.reshape(-1)
        return np.where(flat == 1, 1 - c, np.where(flat == -1, np.maximum(0, c - margin), 0))

    check(gluon.CosineEmbeddingLoss()(X, T, label), terms(x))
    loss = gluon.CosineEmbeddingLoss(weight=0.5, margin=-0.2)
    weight = np.arange(1, 7)
    for shaped in (weight, weight[:, None]):
        check(loss(X, T, label, shaped), 0.5 * weight * terms(x, -0.2))
        check(loss.grad(X, T, label, shaped), slope(lambda z: 0.5 * weight * terms(z, -0.2), x), rtol=1e-4)


def test_gluon_sdml():
    def terms(z, smoothing):
        gold = np.full((3, 3), smoothing / 2)
        np.fill_diagonal(gold, 1 - smoothing)
        return kl(log_softmax(-((z[:, None] - t[0]) ** 2).sum(-1)), gold).sum(-1)

    check(gluon.SDMLLoss()(X[0], T[0]), terms(x[0], 0.3))
    loss = gluon.SDMLLoss(smoothing_parameter=0.1, weight=2.0)
    check(loss(X[0], T[0]), 2 * terms(x[0], 0.1))
    check(loss.grad(X[0], T[0]), slope(lambda z: 2 * terms(z, 0.1), x[0]), rtol=1e-4, atol=1e-5)


def ctc_of(z, labels, frames):
    return np.array(
        [
            enumerate_ctc(row[:n], label, z.shape[-1] - 1)
            for row, label, n in zip(z, labels, frames, strict=True)
        ]
    )


@pytest.mark.parametrize("layout", ["NTC", "TNC"])
@pytest.mark.parametrize("label_layout", ["NT", "TN"])
def test_gluon_ctc_is_the_sum_over_paths(layout, label_layout):
    # the third has the blank inside
    pred, label = draw(3, 4, 3), np.float32([[0, 1, -1], [1, 1, -1], [2, 0, -1]])
    lay = (lambda a: a) if layout == "NTC" else (lambda a: np.swapaxes(a, 0, 1))
    loss, label = gluon.CTCLoss(layout, label_layout, weight=2.0), label if label_layout == "NT" else label.T
    for options, labels, frames in [
        ({}, [[0, 1], [1, 1], [2, 0]], [4, 4, 4]),
        ({"pred_lengths": [2, 3, 4], "label_lengths": np.float32([1, 2, 0])}, [[0], [1, 1], []], [2, 3, 4]),
        ({"sample_weight": [1, 2, 3]}, [[0, 1], [1, 1], [2, 0]], [4, 4, 4]),
    ]:
        factor = 2.0 * np.array(options.get("sample_weight", 1))
        terms = lambda z, labels=labels, frames=frames, factor=factor: factor * ctc_of(z, labels, frames)
        check(loss(lay(pred), label, **options), terms(pred.astype(float)))
        check(
            loss.grad(lay(pred), label, **options),
            lay(slope(terms, pred.astype(float))),
            rtol=1e-4,
            atol=1e-5,
        )


def test_gluon_ctc_reads_no_frame_beyond_the_length():
    pred, label, loss = draw(2, 4, 3), [[0, 1], [2, 0]], gluon.CTCLoss()
    ruined = np.where(np.arange(4)[:, None] < 3, pred, NAN).astype("f4")
    check(loss(ruined, label, [3, 3]), loss(pred[:, :3], label))
    np.testing.assert_array_equal(loss.grad(ruined, label, [3, 3])[:, 3], 0)
    check(loss.grad(ruined, label, [3, 3])[:, :3], loss.grad(pred[:, :3], label))


def test_gluon_epsilons():
    check(gluon.SigmoidBCELoss(from_sigmoid=True)(np.float32([[0], [1]]), [[1], [0]]), [27.631021] * 2)
    tiny = np.full((1, 1), 1e-7, "f4")
    check(gluon.CosineEmbeddingLoss()(tiny, tiny, [1]), [0.99])
    assert gluon.CosineEmbeddingLoss()(0 * tiny, tiny, [1]).tolist() == [1]


def test_gluon_ctc_numbers_of_mxnet():
    check(gluon.CTCLoss()(np.ones((2, 20, 4), "f4"), [[1, 0, -1, -1], [2, 1, 1, -1]]), [18.828207, 16.505817])
    check(gluon.CTCLoss("TNC", "TN")(np.ones((20, 1, 4), "f4"), [[3], [2], [2], [-1]]), [16.505817])


def test_gluon_ctc_that_cannot_be_costs_nothing():
    pred, label = draw(2, 4, 3), np.array([[1, 1, 1], [0, 1, 0]])
    loss = gluon.CTCLoss()
    assert (loss(pred, label) == 0).tolist() == [True, False]
    assert loss.grad(pred, label).any((1, 2)).tolist() == [False, True]
    assert not loss.grad(pred[:, :2], [[2, 2], [2, 2]]).any()  # nor with the blank inside
    pred[1, :, 1] = -INF  # which is another matter
    assert loss(pred, label).tolist() == [0, INF]


# All three

MIGRATION = (Path(__file__).parent.parent / "docs" / "migration.md").read_text()


def test_python_of_the_migration_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", MIGRATION, re.S)
    assert len(blocks) >= 3
    for block in blocks:
        exec(compile(block, "migration.md", "exec"), {})


@pytest.mark.parametrize("module", [optax, axon, gluon], ids=lambda m: m.__name__)
def test_migration_page_has_every_name(module):
    section = MIGRATION.split(f"## `ufloss.compat.{module.__name__.rpartition('.')[2]}`")[1].split("\n## ")[0]
    missing = [name for name in module.__all__ if not re.search(rf"`{name}\b", section)]
    assert not missing


def test_migration_page_names_what_the_core_has():
    named = set(re.findall(r"`ul\.([\w.]+)", MIGRATION))
    assert len(named) > 40
    for name in named:
        operator.attrgetter(name)(ul)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("targets", lambda: optax.squared_error(X, T[:1])),
        ("targets", lambda: optax.l2_loss(X, 0.0)),
        ("targets", lambda: optax.perceptron_loss(X, 1)),
        ("axis", lambda: optax.softmax_cross_entropy_with_integer_labels(X, L, axis=None)),
        ("axis", lambda: optax.softmax_cross_entropy_with_integer_labels(X, L, axis=3)),
        ("class axis", lambda: optax.multiclass_hinge_loss(1.0, 0)),
        ("axis", lambda: optax.dice_loss(IMAGES, REGIONS, axis=-1)),
        ("label_paddings", lambda: optax.ctc_loss(X, B[..., 0] * 0, L, L * np.nan)),
        ("label_paddings", lambda: optax.ctc_loss(X, B[..., 0] * 0, L, L * 0 + 0.5)),
        ("reduction", lambda: optax.dice_loss(IMAGES, REGIONS, reduction="max")),
        ("class_weights", lambda: optax.dice_loss(IMAGES, REGIONS, class_weights=[1, 2])),
        ("targets", lambda: optax.multiclass_generalized_dice_loss(IMAGES, REGIONS[..., :1])),
        ("logits", lambda: optax.ctc_loss(X[0], B[0], L, L)),
        ("logit_paddings", lambda: optax.ctc_loss(X, B[..., :2], L, L * 0)),
        ("label_paddings", lambda: optax.ctc_loss(X, B[..., 0], L, L[:, :2])),
        ("label_paddings", lambda: optax.ctc_loss(X, B[..., 0] * 0, L, L * 0 - 1)),
        ("logit_paddings", lambda: optax.ctc_loss(X, B[..., 0] + 0.5, L * 0 + 1, L * 0)),
        ("labels", lambda: optax.ctc_loss(X, B[..., 0] * 0, L + 0.5, L * 0)),
        ("label 9", lambda: optax.ctc_loss(X, B[..., 0] * 0, L * 0 + 9, L * 0)),
        ("blank_id 4", lambda: optax.ctc_loss(X, B[..., 0] * 0, L * 0 + 1, L * 0, blank_id=4)),
        ("y_true", lambda: axon.binary_cross_entropy(B[0], P)),
        ("y_true", lambda: axon.binary_cross_entropy(P, P, positive_weight=2.0)),
        ("y_true", lambda: axon.categorical_cross_entropy(L, P, sparse=True)),
        ("class 4|label 4", lambda: axon.categorical_cross_entropy(L[0] * 0 + 4, P[0], sparse=True)),
        ("class_weights", lambda: axon.categorical_cross_entropy(B[0], P[0], class_weights=[1, 2, 3])),
        ("class_weights", lambda: axon.categorical_cross_entropy(B, P, class_weights=[1, 2, 3, 4])),
        (
            "class_weights",
            lambda: axon.categorical_cross_entropy(B[0, 0], P[0, 0], class_weights=[1, 2, 3, 4]),
        ),
        (
            "class_weights",
            lambda: axon.categorical_cross_entropy(
                np.array([0, 1, 2, 3]), P[0, :1].repeat(4, 0), sparse=True, class_weights=[1, 2, 3, 4]
            ),
        ),
        ("reduction", lambda: axon.hinge(SIGNS, X, reduction="average")),
        ("reduction", lambda: axon.hinge(SIGNS, X, reduction=["mean"])),
        ("y_pred", lambda: axon.margin_ranking(SIGNS, X[:1])),
        ("y_true", lambda: axon.apply_label_smoothing(B[0, :, :2], X[0])),
        ("y_true", lambda: axon.connectionist_temporal_classification(([2], L[0]), X)),
        (r"y_true\[0\]", lambda: axon.connectionist_temporal_classification(([-1, 2], L), X)),
        (r"y_true\[0\]", lambda: axon.connectionist_temporal_classification(([1, 4], L), X)),
        (r"y_true\[0\]", lambda: axon.connectionist_temporal_classification(([1], L), X)),
        (
            r"connectionist_temporal_classification: labels must be integers, not",
            lambda: axon.connectionist_temporal_classification(([1, 2], L + 0.5), X),
        ),
        ("weight", lambda: gluon.L1Loss(weight=[1.0])),
        ("weight", lambda: gluon.L2Loss(weight=None)),
        ("batch_axis", lambda: gluon.L1Loss(batch_axis=3)(X, T)),
        ("label", lambda: gluon.L1Loss()(X, T[:1])),
        ("sample_weight", lambda: gluon.L1Loss()(X, T, np.ones((3, 1, 1)))),
        ("sample_weight", lambda: gluon.L1Loss()(X[0], T[0], np.ones((2, 3, 4)))),
        ("pos_weight", lambda: gluon.SigmoidBCELoss()(X, B, pos_weight=np.ones(3))),
        ("label", lambda: gluon.SoftmaxCELoss()(X, L.T)),
        ("label", lambda: gluon.SoftmaxCELoss()(X, L * np.nan)),
        ("margin", lambda: gluon.HingeLoss(np.ones((2, 1, 1)))),
        ("rho", lambda: gluon.HuberLoss("1")),
        ("input2", lambda: gluon.CosineEmbeddingLoss()(1.0, 1.0, 1)),
        ("sample_weight", lambda: gluon.SoftmaxCELoss()(X, L, np.ones((2, 2)))),
        ("sample_weight", lambda: gluon.SoftmaxCELoss()(X, L, np.ones((2, 3, 4)))),
        ("label_format", lambda: gluon.LogisticLoss(label_format="ternary")),
        ("negative", lambda: gluon.TripletLoss()(X, T, P[0])),
        ("sample_weight", lambda: gluon.TripletLoss()(X, T, P, np.ones(3))),
        ("reduction", lambda: gluon.PoissonNLLLoss(reduction="sum")),
        ("target", lambda: gluon.PoissonNLLLoss()(X, T[0])),
        ("input1", lambda: gluon.CosineEmbeddingLoss()(X[0], T, L)),
        ("label", lambda: gluon.CosineEmbeddingLoss()(X, T, L[0])),
        ("x1", lambda: gluon.SDMLLoss()(X[0, :1], T[0, :1])),
        ("layout", lambda: gluon.CTCLoss("NCT")),
        ("label_layout", lambda: gluon.CTCLoss(label_layout="TNC")),
        ("pred", lambda: gluon.CTCLoss()(X[0], L)),
        ("label", lambda: gluon.CTCLoss()(X, L.T)),
        ("label", lambda: gluon.CTCLoss()(X[:, :2], L)),
        ("label", lambda: gluon.CTCLoss()(X, L + 0.5)),
        ("label_lengths", lambda: gluon.CTCLoss()(X, L, label_lengths=[-1, 2])),
        ("pred_lengths", lambda: gluon.CTCLoss()(X, L, [3, 4])),
        ("pred_lengths", lambda: gluon.CTCLoss()(X, L, [-1, 3])),
        ("sample_weight", lambda: gluon.CTCLoss()(X, L * 0, sample_weight=np.ones(3))),
    ],
)
def test_bad_input_is_named(name, call):
    with pytest.raises(ValueError, match=name):
        call()


def test_labels_must_be_integers():
    for f in (
        optax.softmax_cross_entropy_with_integer_labels,
        optax.multiclass_hinge_loss,
        optax.multiclass_sparsemax_loss,
    ):
        with pytest.raises(TypeError, match="labels must be integers"):
            f(X, L * 1.0)


@pytest.mark.parametrize("bad", [1j, "a", None, np.timedelta64(1)])
@pytest.mark.parametrize(
    "call",
    [
        lambda x: optax.sigmoid_binary_cross_entropy(x, 0),
        lambda x: optax.sigmoid_focal_loss([0.5], [x]),
        lambda x: optax.smooth_labels([[x]], 0.1),
        lambda x: optax.ranking_softmax_loss([[1.0]], [[x]]),
        lambda x: axon.kl_divergence([[0.5]], [[x]]),
        lambda x: axon.binary_cross_entropy([[1]], [[x]]),
        lambda x: gluon.L2Loss()([[x]], [[1.0]]),
        lambda x: gluon.L2Loss()([[1.0]], [[x]]),
        lambda x: gluon.L2Loss()([[1.0]], [[1.0]], [[x]]),
        lambda x: gluon.SoftmaxCELoss()([[1.0, 2.0]], [x]),
        lambda x: gluon.CTCLoss()([[[1.0, x]]], [[0]]),
    ],
)
def test_only_real_numbers(call, bad):
    with pytest.raises((TypeError, ValueError), match=r"real numbers|must be a number"):
        call(bad)


@pytest.mark.parametrize(
    "name",
    [
        "kl_divergence",
        "kl_divergence_with_log_targets",
        "generalized_kl_divergence",
        "cosine_similarity",
        "cosine_distance",
    ],
)
def test_optax_masks_of_sums_lie_over_elements_whatever_their_rank(name):
    rng = np.random.default_rng(0)
    x, y, where = np.log(rng.random((4, 4))), rng.random((4, 4)), np.array([True, True, False, True])
    f = getattr(optax, name)
    np.testing.assert_array_equal(f(x, y, where=where), f(x, y, where=np.broadcast_to(where, (4, 4))))
    np.testing.assert_array_equal(f(x[0], y[0], where=where[:1]), f(x[0], y[0]))
    with pytest.raises(TypeError, match="where must be bool"):
        f(x, y, where=where * 1)


def test_optax_masks_of_lists_lie_over_elements_whatever_their_rank():
    rng = np.random.default_rng(0)
    x, y, where = rng.random((2, 3, 4)), rng.random((2, 3, 4)), rng.random((3, 4)) < 0.6
    got = optax.ranking_softmax_loss(x, y, where=where, reduce_fn=None)
    np.testing.assert_array_equal(
        got, optax.ranking_softmax_loss(x, y, where=np.broadcast_to(where, x.shape), reduce_fn=None)
    )


@pytest.mark.parametrize("alpha", [[0.1, 0.2, 0.3], [[0.1], [0.2]], [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]])
def test_optax_smooths_labels_by_an_array(alpha):
    labels = np.eye(3, dtype="f4")[[2, 0]]
    a = np.asarray(alpha, "f4")
    np.testing.assert_array_equal(optax.smooth_labels(labels, alpha), (1 - a) * labels + a / np.float32(3))


def test_gluon_clips_any_label():
    pred, loss = np.float32([[1, 2, 4]]), gluon.SoftmaxCELoss()
    for label in (99, 1e30, np.inf, np.uint64(2**64 - 1)):
        assert loss(pred, np.array([label])) == loss(pred, [2])
    assert loss(pred, [-np.inf]) == loss(pred, [-5]) == loss(pred, [0])


def test_gluon_keeps_float32():
    x, t = np.ones((3, 4), "f4"), np.full((3, 4), 0.5)
    assert gluon.CosineEmbeddingLoss()(x, t.astype("f4"), [1, -1, 1]).dtype == np.float32
    assert gluon.SDMLLoss()(x, t).dtype == gluon.SDMLLoss().grad(x, t).dtype == np.float32


# Sums: those of the core, in float64 and in one order


def test_sums_are_the_cores_to_the_bit():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 8, 9, 15, 16, 17, 40, 257, 5000):
        for size in (1, 17, 70):
            x = (rng.normal(size=(size, n)) * 10.0 ** rng.integers(-6, 6, (size, n))).astype("f4")
            x[rng.random(x.shape) < 0.1] = -0.0
            for w in (None, rng.normal(size=(size, n)), rng.normal(size=(size, 1)), rng.integers(0, 3, n)):
                whole = np.broadcast_to(1.0 if w is None else w * 1.0, x.shape)
                expected = _common.WEIGHTED_SUM(x, whole, whole != 0)[0].tobytes()
                columns = None if w is None else whole.T
                assert _common.total(x, 1, w).tobytes() == expected
                assert _common.total(np.asfortranarray(x), -1, w).tobytes() == expected
                assert _common.total(x.T, 0, columns).tobytes() == expected
                assert _common.total(np.ascontiguousarray(x.T), 0, columns).tobytes() == expected
                assert (
                    _common.total(
                        x.reshape(size, n, 1).transpose(2, 1, 0), (0, 1), None if w is None else columns[None]
                    ).tobytes()
                    == expected
                )


@pytest.mark.parametrize("order", [(True, 1.0), (1.0, True)], ids=str)
def test_constants_that_are_equal_keep_their_types(order):
    _common.everywhere.cache_clear()
    for value in order:
        for shape in (5, (2, 3)):
            constant = _common.everywhere(value, shape)
            assert constant.dtype == np.asarray(value).dtype
            assert np.array_equal(constant, np.full(shape, value))


def test_sums_get_weights_as_numbers_and_a_mask_as_bool(monkeypatch):
    summed = _common.WEIGHTED_SUM
    seen = []
    monkeypatch.setattr(
        _common, "WEIGHTED_SUM", lambda *args: seen.append([str(a.dtype) for a in args]) or summed(*args)
    )
    _common.everywhere.cache_clear()
    for _ in range(2):
        assert _common.total(np.ones((20, 30)), 1).tolist() == [30] * 20
    assert seen == [["float64", "float64", "bool"]] * 2


def test_sums_of_nothing_and_over_nothing():
    assert _common.total(np.ones((0, 3)), 0).tolist() == [0, 0, 0]
    assert _common.total(np.ones((3, 0)), 1).tolist() == [0, 0, 0]
    assert _common.total(np.ones((2, 3)), ()).shape == (2, 3)
    assert _common.total(np.ones((2, 3, 4)), (0, 2)).tolist() == [8, 8, 8]
    assert _common.total(np.ones((2, 3)), None) == 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(axon.hinge(np.ones((0, 2)), np.ones((0, 2)), reduction="mean"))
        assert np.isnan(gluon.L1Loss()(np.ones((2, 0)), np.ones((2, 0)))).all()


def test_means_of_many_elements():
    n = 2**20
    ones, tenth = np.ones((n, 2), "f4"), np.full((n, 2), 0.1, "f4")
    for batch_axis in (0, 1):
        loss = gluon.L1Loss(batch_axis=batch_axis)
        for order in "CF":
            assert (loss(np.asarray(tenth, order=order), 0 * ones) == np.float32(0.1)).all()
            weighted = loss(
                np.asarray(tenth, order=order), 0 * ones, sample_weight=ones[: n if batch_axis else 1] * 3
            )
            assert (weighted == np.float32(3 * np.float64(np.float32(0.1)))).all()
    assert (axon.soft_margin(ones, 0 * ones) == np.float32(n * np.log(2))).all()
    assert (axon.mean_absolute_error(0 * tenth.T, tenth.T) == np.float32(0.1)).all()
    assert axon.huber(0 * ones, tenth * 0 + 1.5, reduction="sum") == 2 * n
    assert axon.binary_cross_entropy(ones, 0 * ones, from_logits=True, positive_weight=2.0) == np.float32(
        2 * np.log(2)
    )
    # 2**24 + 1 ones in float32, one after the other, are 2**24
    view = np.broadcast_to(np.float32(1), (2**24 + 64, 1))
    assert _common.total(view, 0)[0] == len(view)


HALF = np.float16


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: axon.soft_margin(np.ones((3000, 1), HALF), np.zeros((3000, 1), HALF)), [3000 * np.log(2)]),
        (
            lambda: axon.soft_margin(np.ones((3000, 1), HALF), np.zeros((3000, 1), HALF), reduction="mean"),
            3000 * np.log(2),
        ),
        (lambda: axon.mean_squared_error(np.zeros(100, HALF), np.full(100, 250, HALF)), 62500),
        (
            lambda: axon.mean_squared_error(
                np.zeros(100, HALF), np.where(np.arange(100) == 99, HALF(297), HALF(0))
            ),
            297**2 / 100,
        ),
        (
            lambda: axon.mean_squared_error(
                np.zeros((2, 1), HALF), np.full((2, 1), 250, HALF), reduction="mean"
            ),
            62500,
        ),
        (lambda: axon.huber(np.zeros(5000, HALF), np.full(5000, 10.5, HALF), reduction="sum"), 50000),
        (
            lambda: axon.categorical_cross_entropy(
                np.zeros(60000, int),
                np.zeros((60000, 2), HALF),
                sparse=True,
                from_logits=True,
                reduction="mean",
            ),
            np.log(2),
        ),
        (
            lambda: axon.binary_cross_entropy(np.ones((2, 3000), int), np.full((2, 3000), 0.5, HALF)),
            [np.log(2)] * 2,
        ),
        (lambda: gluon.L2Loss()(np.full((1, 100), 300, HALF), np.zeros((1, 100), HALF)), [45000]),
        (lambda: gluon.L1Loss()(np.ones((2, 100_000), HALF), np.zeros((2, 100_000), HALF)), [1, 1]),
        (
            lambda: gluon.L1Loss(weight=1e-4)(np.full((2, 100_000), 6e4, HALF), np.zeros((2, 100_000), HALF)),
            [6, 6],
        ),
        (
            lambda: gluon.L1Loss().grad(np.full((1, 8192), 1, HALF), np.zeros((1, 8192), HALF), 4096),
            [[0.5] * 8192],
        ),
        (
            lambda: gluon.L2Loss().grad(np.full((1, 100_000), 6e4, HALF), np.zeros((1, 100_000), HALF)),
            [[0.6] * 100_000],
        ),
        (
            lambda: gluon.PoissonNLLLoss()(
                np.full((1, 100), 11.5, HALF) * (np.arange(100) == 0), np.zeros((1, 100), HALF)
            ),
            (np.exp(11.5) + 99) / 100,
        ),
        (
            lambda: gluon.SoftmaxCELoss(batch_axis=1)(
                np.zeros((60000, 1, 2), HALF), np.zeros((60000, 1), int)
            ),
            [np.log(2)],
        ),
        (
            lambda: optax.ranking_softmax_loss(np.zeros((60000, 2), HALF), np.ones((60000, 2), HALF)),
            2 * np.log(2),
        ),
        (
            lambda: optax.smooth_labels(np.zeros((1, 70000), HALF), 0.5, where=np.ones((1, 70000), bool)),
            [[0.5 / 70000] * 70000],
        ),
    ],
)
def test_float16_is_rounded_once_at_the_end(call, expected):
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        result = call()
    assert result.dtype == np.float16
    np.testing.assert_array_equal(result, np.asarray(expected).astype("f2"))


def test_a_loss_beyond_float32_leaves_the_mean_within():
    far, near = np.float32([[3e19, 0, 0, 0] * 25]), np.zeros((1, 100), "f4")
    exact = np.float64(far[0, 0]) ** 2 / 4
    check(axon.mean_squared_error(near, far), [exact], rtol=1e-7)
    check(gluon.L2Loss()(far, near), [exact / 2], rtol=1e-7)
    check(gluon.PoissonNLLLoss()(np.float32([[90.0] + [0] * 99]), near), (np.exp(90.0) + 99) / 100)
    check(
        gluon.PoissonNLLLoss().grad(np.float32([[90.0] + [0] * 99]), near),
        [[np.exp(90.0) / 100] + [0.01] * 99],
    )


# Arguments: every call of all three modules


def calls():
    """Name, function, arguments and keywords."""
    found = [(f"optax.{name}", getattr(optax, name), args, kwargs) for name, args, kwargs, _ in CASES]
    for name, args, kwargs, _ in AXON:
        for reduction in ({},) if name == "apply_label_smoothing" else [{"reduction": r} for r in ALL]:
            found.append((f"axon.{name}", getattr(axon, name), args, {**kwargs, **reduction}))
    for loss, args, kwargs, _ in [*GLUON, *GLUON_ROWS]:
        found += [(f"gluon.{loss!r}", loss, args, kwargs), (f"gluon.{loss!r}.grad", loss.grad, args, kwargs)]
        found.append(
            (
                f"gluon.{loss!r}.weighted",
                loss,
                args,
                {**kwargs, "sample_weight": np.array([[[0.0]], [[1e30]]])},
            )
        )
    apart = [
        (gluon.TripletLoss(), (X, T, P)),
        (gluon.CosineEmbeddingLoss(), (X, T, np.array([[1, -1, 1], [-1, 0, -1]]))),
        (gluon.SDMLLoss(), (X[0], T[0])),
    ]
    for loss, args in apart:
        found += [
            (f"gluon.{loss!r}.{f.__name__}", f, args, {}) for f in (loss.forward, loss.grad, loss.grads)
        ]
    found += [
        ("gluon.ctc", gluon.CTCLoss(), (X, L), {}),
        (
            "axon.ctc",
            axon.connectionist_temporal_classification,
            ((np.array([2, 3]), L), LOGP),
            {"reduction": "mean"},
        ),
        ("optax.ctc", optax.ctc_loss, (X, L * 0, L, L * 0), {}),
        ("optax.ctc_forward", optax.ctc_loss_with_forward_probs, (X, L * 0, L, L * 0), {}),
        ("optax.ntxent", optax.ntxent, (X[0], L[0]), {}),
    ]
    return found


CALLS = {}
for call in calls():
    CALLS.setdefault(call[0].split("(")[0], []).append(call)
by_call = pytest.mark.parametrize("cases", CALLS.values(), ids=CALLS)


def each_array(f, x):
    """A function of every array among arguments."""
    if isinstance(x, tuple):
        return tuple(each_array(f, a) for a in x)
    return f(x) if isinstance(x, np.ndarray) and x.ndim else x


def same(result, expected):
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (result, expected)], strict=True):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@by_call
def test_nothing_depends_on_the_memory_order(cases):
    for _, f, args, kwargs in cases:
        same(f(*each_array(np.asfortranarray, args), **kwargs), f(*args, **kwargs))


@by_call
def test_nothing_warns(cases):
    rng = np.random.default_rng(3)
    special = np.array([0, -0.0, INF, -INF, NAN, 65504, -65504, 1e-7, 1e300, -1e300, 1e-320, 3e38])

    def spoil(x, dtype):
        y = x.astype(float)
        chosen = rng.random(x.shape) < 0.3
        y[chosen] = rng.choice(special, chosen.sum())
        with np.errstate(all="ignore"):
            return y.astype(dtype) if x.dtype.kind == "f" else x

    for _, f, args, kwargs in cases:
        inputs = [
            each_array(lambda x, dtype=dtype: spoil(x, dtype), args)
            for dtype in ("f2", "f4", "f8")
            for _ in range(3)
        ]
        inputs += [(args[0], *each_array(lambda x: spoil(x, "f8"), args[1:]))]
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            for given in inputs:
                try:
                    f(*given, **kwargs)
                except ValueError as error:
                    if not re.search("probabilities|label has NaN", str(error)):
                        raise


@by_call
def test_float16_is_taken_everywhere(cases):
    for name, f, args, kwargs in cases:
        halves = each_array(lambda x: x.astype("f2") if x.dtype.kind == "f" else x, args)
        # Probabilities of float16 sum to 1 within their own spacing, which float32 would not let pass: there
        # the unrounded ones.
        rounded = not ("dice" in name and kwargs.get("apply_softmax") is False)
        whole = f(
            *each_array(lambda x: x.astype("f4") if x.dtype.kind == "f" else x, halves if rounded else args),
            **kwargs,
        )
        for a, b in zip(
            *[r if isinstance(r, tuple) else (r,) for r in (f(*halves, **kwargs), whole)], strict=True
        ):
            assert a.dtype == (np.float32 if name.startswith("optax.ctc") else np.float16)
            with np.errstate(over="ignore"):
                np.testing.assert_allclose(
                    a.astype(float),
                    b.astype(a.dtype).astype(float),
                    rtol=1e-3 if rounded else 3e-3,
                    atol=1e-7,
                )


def hide_one(x):
    return np.ma.array(x, mask=np.arange(x.size).reshape(x.shape) == 0)


@by_call
def test_masked_elements_are_refused_and_masks_without_any_are_not(cases):
    for _, f, args, kwargs in cases:
        same(f(*each_array(np.ma.array, args), **kwargs), f(*args, **kwargs))
        for i, x in enumerate(args):
            if isinstance(x, np.ndarray):
                with pytest.raises(TypeError, match="masked elements"):
                    f(*args[:i], hide_one(x), *args[i + 1 :], **kwargs)
            elif isinstance(x, tuple):
                with pytest.raises(TypeError, match="masked elements"):
                    f(*args[:i], (x[0], hide_one(x[1])), *args[i + 1 :], **kwargs)
        for word, x in kwargs.items():
            if isinstance(x, np.ndarray):
                with pytest.raises(TypeError, match="masked elements"):
                    f(*args, **{**kwargs, word: hide_one(x)})


def one_row(x):
    return x[0] if x.ndim > 2 else x


@pytest.mark.parametrize(
    "name",
    [
        "mean_squared_error",
        "mean_absolute_error",
        "log_cosh",
        "huber",
        "poisson",
        "hinge",
        "soft_margin",
        "binary_cross_entropy",
    ],
)
@pytest.mark.parametrize("reduction", ALL)
def test_axon_takes_series_by_position(name, reduction):
    pd = pytest.importorskip("pandas")
    f = getattr(axon, name)
    y_true, y_pred = B[0, :, 0], U[0, :, 0]
    series = pd.Series(y_true, index=[2, 1, 0]), pd.Series(y_pred, index=[0, 1, 2])
    same(f(*series, reduction=reduction), f(y_true, y_pred, reduction=reduction))
    frames = pd.DataFrame(B[0], index=[2, 1, 0]), pd.DataFrame(U[0])
    same(f(*frames, reduction=reduction), f(B[0], U[0], reduction=reduction))


def test_series_frames_and_matrices_are_arrays():
    pd = pytest.importorskip("pandas")
    tried = set()
    for name, f, args, kwargs in [call for cases in CALLS.values() for call in cases]:
        for cut in (one_row, lambda x: one_row(x)[:, 0] if one_row(x).ndim == 2 else one_row(x)):
            given = each_array(cut, args)
            try:
                expected = f(*given, **kwargs)
            except (ValueError, IndexError):
                continue  # has no meaning in so few dimensions
            tried.add(name)
            turned = each_array(
                lambda x: (
                    (pd.Series if x.ndim == 1 else pd.DataFrame)(x, index=np.arange(len(x))[::-1])
                    if x.ndim < 3
                    else x
                ),
                given,
            )
            same(f(*turned, **kwargs), expected)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PendingDeprecationWarning)
                turned = each_array(lambda x: np.matrix(x) if x.ndim == 2 else x, given)
            same(f(*turned, **kwargs), expected)
    assert len(tried) > 80
    labels = pd.Series([0, 1, 2], index=[2, 1, 0])
    same(gluon.SoftmaxCELoss()(pd.DataFrame(X[0]), labels), gluon.SoftmaxCELoss()(X[0], [0, 1, 2]))
    check(
        axon.categorical_cross_entropy(labels, pd.DataFrame(X[0]), from_logits=True, sparse=True),
        ce(x[0], onehot([0, 1, 2], 4)),
    )


def test_smoothed_losses_pickle():
    loss = axon.label_smoothing(axon.categorical_cross_entropy, smoothing=0.2)
    for copy in (pickle.loads(pickle.dumps(loss)), deepcopy(loss)):
        same(
            copy(HOT, X[0, :2], from_logits=True, reduction="sum"),
            loss(HOT, X[0, :2], from_logits=True, reduction="sum"),
        )
        same(copy(y_true=HOT, y_pred=Q), loss(HOT, Q))
    nested = pickle.loads(pickle.dumps(axon.label_smoothing(loss)))
    same(
        nested(HOT, Q),
        axon.categorical_cross_entropy(
            axon.apply_label_smoothing(axon.apply_label_smoothing(HOT, Q), Q, smoothing=0.2), Q
        ),
    )
    same(pickle.loads(pickle.dumps(gluon.HuberLoss(2.0)))(X, T), gluon.HuberLoss(2.0)(X, T))


@pytest.mark.parametrize("f", [optax.dice_loss, optax.multiclass_generalized_dice_loss])
def test_optax_dice_says_what_is_no_distribution(f):
    with pytest.raises(ValueError, match="valid probability distributions"):
        f(np.ones((2, 4, 3)), np.ones((2, 4, 3)), apply_softmax=False)
    with pytest.raises(ValueError, match="shape") as error:
        f(np.ones((2, 4, 3)), np.ones((2, 5, 3)), apply_softmax=False)
    assert "distributions" not in str(error.value)


def test_optax_reduces_lists_as_it_is_told():
    assert optax.ranking_softmax_loss(X, B, reduce_fn=np.sum) == pytest.approx(ranking(x, b).sum(), rel=1e-6)
    assert optax.ranking_softmax_loss(X, B, where=W, reduce_fn=np.sum) == pytest.approx(lists.sum(), rel=1e-6)
    seen = optax.ranking_softmax_loss(
        X, B, where=W, reduce_fn=lambda loss, where: (loss.shape, where.tolist())
    )
    assert seen == ((2, 3), W.any(-1).tolist())


# gluon: what MXNet 1.9.1 gives

X1, X2 = np.float32([[1, 2], [0, 1], [2, 0.5]]), np.float32([[1, 1.5], [0.5, 1], [2, 0]])


def test_gluon_sdml_numbers_of_mxnet():
    loss = gluon.SDMLLoss()
    near = {"rtol": 2e-5, "atol": 4e-6}  # MXNet's float32
    check(loss(X1, X2), [0.3632611, 0.36326104, 0.02740832], **near)
    first, second = loss.grads(X1, X2)
    check(first, [[-0.40468004, 0.3138972], [-0.31389707, 0.40468007], [0.2311151, -0.17766014]], **near)
    check(second, [[-0.26280415, -0.0624851], [-0.11202309, 0.30210444], [0.86228925, -0.7805365]], **near)
    np.testing.assert_array_equal(loss.grad(X1, X2), first)
    # MXNet 2
    check(gluon.SDMLLoss(reduction="mean")(X1, X2), np.array([0.3632611, 0.36326104, 0.02740832]) / 3, **near)
    check(gluon.SDMLLoss(reduction="mean").grads(X1, X2)[1], second.astype(float) / 3)
    for shift in (1e3, 1e6):  # far from the origin
        moved = X1.astype(float) + shift, X2.astype(float) + shift
        np.testing.assert_allclose(loss(*moved), loss(X1, X2), rtol=1e-6)
        np.testing.assert_allclose(loss.grads(*moved), loss.grads(X1, X2), rtol=1e-5, atol=1e-6)


def test_gluon_kl_numbers_of_mxnet():
    pred, label = np.log(np.float32([[0.2, 0.8], [0.5, 0.5]])), np.float32([[0.3, 0.7], [0.5, 0.5]])
    check(gluon.KLDivLoss(reduction="sum")(pred, label), [0.02816754, 0])
    check(gluon.KLDivLoss()(pred, label), [0.01408377, 0])
    for options in ({"from_logits": False}, {"from_logits": False, "axis": 1}, {}):
        a = X if options else LOGP
        check(
            gluon.KLDivLoss(reduction="sum", **options)(a, P),
            12 * gluon.KLDivLoss(**options)(a, P).astype(float),
        )
        check(
            gluon.KLDivLoss(reduction="sum", **options)(a, P, P),
            12 * gluon.KLDivLoss(**options)(a, P, P).astype(float),
        )
        check(
            gluon.KLDivLoss(reduction="sum", **options).grad(a, P),
            12 * gluon.KLDivLoss(**options).grad(a, P).astype(float),
        )


@pytest.mark.parametrize(
    ("loss", "args", "more"),
    [
        (gluon.TripletLoss(margin=0.5, weight=2.0), (X, T, P), {}),
        (gluon.TripletLoss(batch_axis=1), (X, T, P), {"sample_weight": [1, 2, 3]}),
        (
            gluon.CosineEmbeddingLoss(weight=0.5, margin=-0.2),
            (X, T),
            {"label": np.array([[1, -1, 1], [-1, 0, -1]])},
        ),
        (gluon.SDMLLoss(0.1, 2.0), (X[0], T[0]), {}),
    ],
    ids=lambda v: repr(v) if isinstance(v, gluon.Loss) else "",
)
def test_gluon_gradients_of_all_inputs(loss, args, more):
    grads = loss.grads(*args, **more)
    assert len(grads) == len(args)
    np.testing.assert_array_equal(loss.grad(*args, **more), grads[0])
    exact = wide(*args)
    for i, g in enumerate(grads):
        check(
            g,
            slope(lambda v, i=i: loss(*exact[:i], v, *exact[i + 1 :], **more), exact[i]),
            rtol=1e-4,
            atol=1e-5,
        )
    if not isinstance(loss, gluon.SDMLLoss):
        flat = (
            loss.grads(args[0], *[a.reshape(-1) for a in args[1:]], **more)
            if isinstance(loss, gluon.TripletLoss)
            else grads
        )
        for a, b in zip(flat, grads, strict=True):
            np.testing.assert_array_equal(a.ravel(), b.ravel())


@pytest.mark.parametrize("name", [name for name in gluon.__all__ if name != "Loss"])
def test_gluon_losses_are_blocks(name):
    loss = getattr(gluon, name)(prefix="mine_", params=None)
    assert (
        loss.initialize()
        is loss.initialize(None, ctx=None, force_reinit=True)
        is loss.hybridize()
        is loss.hybridize(True, static_alloc=True)
        is None
    )
    assert loss.cast("float16") is None
    assert dict(loss.collect_params()) == dict(loss.collect_params(".*")) == dict(loss.params) == {}
    loss.collect_params().initialize()
    loss.collect_params().zero_grad()
    assert (loss.name, loss.prefix) == ("mine", "mine_")
    with loss.name_scope():
        seen = []
        assert loss.apply(seen.append) is loss
    assert seen == [loss]
    assert getattr(gluon, name)().name


def test_gluon_forward_is_the_call():
    loss = gluon.SigmoidBCELoss()
    for f in (loss.forward, lambda *args: loss.hybrid_forward(None, *args)):
        np.testing.assert_array_equal(f(X, B, None, POS), loss(X, B, pos_weight=POS))


class Mixed(gluon.Loss):
    def __init__(self, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        label = gluon._reshape_like(F, label, pred)
        loss = F.relu(pred) - pred * label + F.Activation(-F.abs(pred), act_type="softrelu")
        loss = F.where(loss > 0.5, F.square(loss), F.broadcast_add(loss, F.mean(loss, axis=0, keepdims=True)))
        loss = (
            loss * F.broadcast_greater(pred, label)
            + F.smooth_l1(pred - label, scalar=2.0)
            + F.log_softmax(pred, axis=1)
        )
        loss = gluon._apply_weighting(F, loss, self._weight, sample_weight)
        mean = F.mean(loss, axis=self._batch_axis, exclude=True)
        return mean + F.norm(pred, axis=1) + F.sum(F.sigmoid(pred), axis=self._batch_axis, exclude=True)


class MaskedCE(gluon.SoftmaxCELoss):
    def hybrid_forward(self, F, pred, label, valid_length):
        weight = F.cast(F.expand_dims(F.ones_like(label), axis=-1), dtype="float32")
        weight = F.SequenceMask(weight, sequence_length=valid_length, use_sequence_length=True, axis=1)
        return super().hybrid_forward(F, pred, label, weight)


def test_gluon_derived_losses():
    pred, label = X[0], B[0]
    y, z = label.astype(float), pred.astype(float)
    loss = softplus(z) - z * y
    loss = np.where(loss > 0.5, loss**2, loss + loss.mean(0)) * (z > y)
    d = abs(z - y)
    loss = loss + np.where(d < 0.25, 2 * d * d, d - 0.125) + log_softmax(z)
    weight = np.array([[1.0], [-2.0], [0.5]])
    expected = (0.5 * weight * loss).mean(1) + np.linalg.norm(z, axis=1) + (1 / (1 + np.exp(-z))).sum(1)
    check(Mixed(weight=0.5)(pred, label.reshape(-1), weight.astype("f4")), expected)
    kept = np.arange(3) < np.array([[1], [3]])
    check(MaskedCE()(X, L, np.array([1, 3])), (ce(x, onehot(L, 4)) * kept).mean(1))
    with pytest.raises(NotImplementedError, match="hybrid_forward"):
        gluon.Loss(None, 0)(X, T)

    class ByForward(gluon.L1Loss):
        def forward(self, pred, label):
            return super().forward(pred, label) + 1

    np.testing.assert_array_equal(ByForward()(X, T), gluon.L1Loss()(X, T) + 1)
    # A gradient of another loss is not inherited; one of its own, or that of the same loss, is there.
    for derived in (Mixed(), MaskedCE(), ByForward()):
        assert not hasattr(derived, "grad")
    assert not hasattr(type("Derived", (gluon.TripletLoss,), {"hybrid_forward": None})(), "grads")
    assert type("Renamed", (gluon.L1Loss,), {})().grad(X, T).shape == X.shape
    assert type("Own", (MaskedCE,), {"grad": lambda self: 7})().grad() == 7


def test_gluon_operators():
    F = _operators
    assert (F.np, F.npx) == (np, F)
    check(F.pick(X, L), np.take_along_axis(x, L[..., None], -1)[..., 0])
    check(F.pick(X, L + 4, keepdims=True), x[..., 3:])
    check(F.pick(X, L + 4, mode="wrap"), np.take_along_axis(x, L[..., None], -1)[..., 0])
    check(F.one_hot([1, 3, 9], 4), [[0, 1, 0, 0], [0, 0, 0, 1], [0] * 4])
    check(F.mean(X, axis=1, exclude=True), x.mean((0, 2)))
    check(F.sum(X), x.sum())
    check(F.max(X, axis=0, exclude=True), x.max((1, 2)))
    check(F.min(X, axis=(0, 1), keepdims=True), x.min((0, 1), keepdims=True))
    check(F.norm(X, ord=1, axis=-1), abs(x).sum(-1))
    check(F.broadcast_lesser_equal(X, T), x <= t)
    check(F.concat(X, T, dim=0), np.concatenate([x, t]))
    check(F.stack(X, T, axis=1), np.stack([x, t], 1))
    check(F.slice_axis(X, axis=-1, begin=1, end=3), x[..., 1:3])
    check(F.reshape(X, (0, -1)), x.reshape(2, -1))
    check(
        F.npx.sequence_mask(X, np.array([1, 0, 2]), True, -1.0),
        np.where((np.arange(2)[:, None] < [1, 0, 2])[..., None], x, -1),
    )
    check(F.exp(X), np.exp(x))
    check(F.softmax(X, axis=1), softmax(x, 1))
    with pytest.raises(AttributeError, match=r"F\.no_such_operator"):
        F.no_such_operator(X)
    with pytest.raises(ValueError, match="act_type"):
        F.Activation(X, "gelu")


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "i4", "u4", "i8", "u8"])
def test_gluon_operators_add_up_integers_as_numpy(dtype):
    F = _operators
    data = (np.arange(600).reshape(3, 200) % 100 + 27).astype(dtype)
    for axis, exclude, over in [
        (None, False, None),
        (1, False, 1),
        (1, True, 0),
        ((0, 1), False, None),
        ((), True, None),
        ([], False, None),
    ]:
        for keepdims in (False, True):
            result, expected = (
                F.sum(data, axis, keepdims, exclude),
                np.sum(data, axis=over, keepdims=keepdims),
            )
            assert result.dtype == expected.dtype
            assert np.array_equal(result, expected)
    assert F.sum([2**53 + 1, 2]) == 2**53 + 3
    assert F.sum(np.ones((2, 3), "f2"), axis=0).dtype == np.float16


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8"])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "softrelu", "tanh", "softsign"])
def test_gluon_activations_of_integers_are_those_of_float64(name, dtype):
    info = np.iinfo(dtype)
    data = np.array([info.min, 0, 1, 3, info.max], dtype)
    result, expected = _operators.Activation(data, name), _operators.Activation(data.astype(float), name)
    np.testing.assert_allclose(result, expected, rtol=1e-15)
    assert name == "relu" or result.dtype == np.float64


def test_gluon_pick_takes_any_index():
    n = 300
    data = np.arange(2 * n, dtype="f4").reshape(2, n)
    for dtype in ("i1", "u1", "i2", "u8", "f2", "f4", "f8"):
        for mode in ("clip", "wrap"):
            assert _operators.pick(data, np.array([3, 100], dtype), mode=mode).tolist() == [3, n + 100]
    most = np.array([2**64 - 1, 2**63], "u8")
    assert _operators.pick(data, most, mode="wrap").tolist() == [(2**64 - 1) % n, n + 2**63 % n]
    assert _operators.pick(data, [1e30, -1e30], mode="wrap").tolist() == [int(1e30) % n, n + int(-1e30) % n]
    assert _operators.pick(data, [-1.5, 2.9], mode="wrap").tolist() == [n - 1, n + 2]
    for ends in (most, [INF, 1e30], [np.float16(INF)] * 2):
        assert _operators.pick(data, ends).tolist() == [n - 1, 2 * n - 1]
    assert _operators.pick(data, [-INF, -1]).tolist() == [0, n]
    wide = np.arange(70000.0)[None]
    assert _operators.pick(wide, np.array([7], "f2")).tolist() == [7]
    with pytest.raises(IndexError, match="out of bounds"):
        _operators.pick(np.ones((2, 0)), [0, 0])


def test_gluon_operators_put_constants_into_integers():
    F = _operators
    assert F.one_hot([1], 2, on_value=2**62 + 1, dtype="i8").tolist() == [[0, 2**62 + 1]]
    assert F.one_hot([1], 2, on_value=-2.0, off_value=True, dtype="i1").tolist() == [[1, -2]]
    assert F.one_hot([1], 2, dtype="?").tolist() == [[False, True]]
    assert F.one_hot([1], 2, on_value=0.5, off_value=INF, dtype="f2").tolist() == [[INF, 0.5]]
    masked = F.SequenceMask(np.ones((2, 2), "i1"), [1, 2], True, value=-3.0)
    assert (masked.dtype, masked.tolist()) == (np.int8, [[1, 1], [-3, 1]])
    assert F.SequenceMask(np.ones((2, 2), "f2"), [1, 2], True, value=-1e30).tolist() == [[1, 1], [-INF, 1]]
    assert F.SequenceMask(X) is X


@pytest.mark.parametrize(
    ("name", "args", "options", "said"),
    [
        *[
            ("norm", (X,), {"ord": degree}, f"ord must be 1 or 2, not {degree}")
            for degree in (0, 3, -1, 1.5, INF, None)
        ],
        ("norm", (X,), {"ord": "fro"}, "ord must be 1 or 2, not 'fro'"),
        *[
            ("pick", (X, L), {"mode": mode}, f"mode must be 'clip' or 'wrap', not {mode!r}")
            for mode in ("raise", "Clip", None)
        ],
        *[("pick", (X, L * NAN), {"mode": mode}, "index has NaN") for mode in ("clip", "wrap")],
        ("pick", (X, L + INF), {"mode": "wrap"}, "index has NaN or infinities"),
        *[
            ("smooth_l1", (X,), {"scalar": scalar}, "scalar must not be 0")
            for scalar in (0, 0.0, -0.0, False, 1e-200, np.float32(0), [1, 0])
        ],
        *[
            ("slice_axis", (X,), {"axis": axis, "begin": 0, "end": 1}, f"axis {axis} is out of bounds")
            for axis in (3, -4, 5)
        ],
        *[("reshape", (X, (code, 4)), {}, f"shape is ({code}, 4)") for code in (-2, -3, -4)],
        *[
            ("SequenceMask", (X, [1] * 3, True), {"axis": axis}, f"axis must be 0 or 1, not {axis}")
            for axis in (2, -1)
        ],
        ("SequenceMask", (X, None, True), {}, "go together"),
        *[(name, (X, [1] * 3), {}, "go together") for name in ("SequenceMask", "sequence_mask")],
        *[
            (
                "SequenceMask",
                (np.ones((2, 2), dtype), [1, 1], True),
                {"value": value},
                f"value is {value}, which {np.dtype(dtype)} does not have",
            )
            for dtype, value in [
                ("i4", 0.5),
                ("i8", NAN),
                ("i8", -INF),
                ("i8", 2.0**63),
                ("i1", 300),
                ("u1", -1),
                ("?", -1),
                ("?", 2),
                ("u8", 2**64),
            ]
        ],
        ("one_hot", ([0], 2, 0.5), {"dtype": "i4"}, "on_value is 0.5, which int32"),
        ("one_hot", ([0], 2, 1, -1), {"dtype": "u1"}, "off_value is -1, which uint8"),
    ],
)
def test_gluon_operators_refuse_what_they_do_not_know(name, args, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        getattr(_operators, name)(*args, **options)


@pytest.mark.parametrize(
    ("name", "args", "options", "error", "said"),
    [
        *[
            ("one_hot", ([0], 2, bad), {"dtype": dtype}, TypeError, "on_value must be real numbers")
            for bad in ("a", 1j, None)
            for dtype in ("i8", "f4")
        ],
        *[
            (
                "one_hot",
                ([0], 2, 1, [1, 2]),
                {"dtype": dtype},
                ValueError,
                "off_value must be a number, not of shape (2,)",
            )
            for dtype in ("i8", "f4")
        ],
        ("one_hot", ([0], "a"), {}, TypeError, "depth must be real numbers"),
        ("one_hot", ([0], 2.5), {}, ValueError, "depth is 2.5, which int64 does not have"),
        ("one_hot", (["a"], 2), {}, TypeError, "indices must be real numbers"),
        *[
            (
                "SequenceMask",
                (np.ones((2, 2)), [1, 1], True, bad),
                {},
                TypeError,
                "value must be real numbers",
            )
            for bad in ("a", None, 1j)
        ],
        *[
            (f, (X,), {"axis": bad}, TypeError, f"axis must be an int or a tuple of int, not {bad!r}")
            for f in ("sum", "mean", "max", "min", "norm")
            for bad in ("a", 1.5, [0.5], [[0], [1, 2]])
        ],
        ("sum", (X.astype(int),), {"axis": "a"}, TypeError, "axis must be an int or a tuple of int, not 'a'"),
        ("sum", (X,), {"axis": (0, 0)}, ValueError, "axis (0, 0) names an axis twice"),
        *[
            ("pick", (X, L), {"axis": bad}, TypeError, f"axis must be an int, not {bad!r}")
            for bad in ("a", 1.5, (0, 1), None)
        ],
        *[
            ("pick", (X, L), {"axis": bad}, np.exceptions.AxisError, f"axis {bad} is out of bounds")
            for bad in (5, -4)
        ],
        ("pick", (3.0, 0), {}, np.exceptions.AxisError, "axis -1 is out of bounds"),
        *[
            (
                "pick",
                (X, index),
                {},
                ValueError,
                f"index of shape {np.shape(index)} does not fit data of shape {X.shape} without axis 2",
            )
            for index in (0, [0, 0], L.T, L[..., None, None], np.repeat(L[..., None], 2, -1))
        ],
        *[
            ("slice_axis", (X, bad, 0, 1), {}, TypeError, f"axis must be an int, not {bad!r}")
            for bad in ("a", (0, 1), 0.5)
        ],
        ("slice_axis", (X, 0, "a", 1), {}, TypeError, "begin must be an int, not 'a'"),
        ("slice_axis", (X, 0, 0, 0.5), {}, TypeError, "end must be an int, not 0.5"),
        ("norm", (X, np.array([1, 2])), {}, ValueError, "ord must be 1 or 2, not array([1, 2])"),
        (
            "pick",
            (X, L),
            {"mode": np.array(["clip", "wrap"])},
            ValueError,
            "mode must be 'clip' or 'wrap', not array(",
        ),
        (
            "Activation",
            (X, ["tanh"]),
            {},
            ValueError,
            "act_type must be 'relu', 'sigmoid', 'softrelu', 'tanh' or 'softsign', not ['tanh']",
        ),
        ("Activation", (X, np.array(["relu", "tanh"])), {}, ValueError, "act_type must be "),
        (
            "SequenceMask",
            (X, [1] * 3, True),
            {"axis": np.array([0, 1])},
            ValueError,
            "axis must be 0 or 1, not array",
        ),
        *[
            (
                "SequenceMask",
                (X, bad, True),
                {},
                ValueError,
                f"sequence_length has shape {np.shape(bad)}, not (3,)",
            )
            for bad in ([1, 2], 2, [[1, 2, 3]])
        ],
        (
            "SequenceMask",
            (X, [1] * 3, True),
            {"axis": 1},
            ValueError,
            "sequence_length has shape (3,), not (2,)",
        ),
        (
            "SequenceMask",
            (X, [1] * 3, np.array([1, 0])),
            {},
            ValueError,
            "use_sequence_length must be False or True, not array([1, 0])",
        ),
        (
            "SequenceMask",
            ([1.0, 2.0], [1], True),
            {},
            ValueError,
            "data of shape (2,) has no axes of time and batch",
        ),
        *[("smooth_l1", (X, bad), {}, TypeError, "scalar must be real numbers") for bad in ("a", 1j, None)],
        *[("relu", (bad,), {}, TypeError, "data must be real numbers") for bad in ("a", 1j)],
        ("clip", (X, "a", 1), {}, TypeError, "a_min must be real numbers"),
        ("clip", (X, 0, 1j), {}, TypeError, "a_max must be real numbers"),
        ("concat", (X, X), {"dim": "a"}, TypeError, "dim must be an int, not 'a'"),
        ("concat", (X, X), {"dim": 5}, np.exceptions.AxisError, "dim: axis 5"),
        ("stack", (X, X), {"axis": "a"}, TypeError, "axis must be an int, not 'a'"),
        *[(f, (), {}, ValueError, "there is no data") for f in ("concat", "stack")],
        ("reshape", (X, 5), {}, TypeError, "shape must be a tuple of int, not 5"),
        ("reshape", (X, ("a",)), {}, TypeError, "each number of shape must be an int, not 'a'"),
        (
            "reshape",
            (X, (0, 0, 0, 0)),
            {},
            ValueError,
            "shape is (0, 0, 0, 0): data of shape (2, 3, 4) have no length",
        ),
        (
            "broadcast_like",
            (X, [1]),
            {},
            ValueError,
            "lhs of shape (2, 3, 4) does not broadcast to that of rhs, (1,)",
        ),
        ("SwapAxis", (X, "a", 0), {}, TypeError, "dim1 must be an int, not 'a'"),
        ("SwapAxis", (X,), {"dim2": 3}, np.exceptions.AxisError, "dim2: axis 3"),
    ],
)
def test_gluon_operators_name_what_is_wrong(name, args, options, error, said):
    with pytest.raises(error, match=re.escape(said)):
        getattr(_operators, name)(*args, **options)


@pytest.mark.parametrize(
    ("loss", "word"),
    [
        (gluon.PoissonNLLLoss, "reduction"),
        (gluon.KLDivLoss, "reduction"),
        (gluon.SDMLLoss, "reduction"),
        (gluon.LogisticLoss, "label_format"),
        (gluon.CTCLoss, "layout"),
        (gluon.CTCLoss, "label_layout"),
    ],
)
def test_gluon_options_that_are_arrays_are_named(loss, word):
    for bad in (np.array(["mean", "sum"]), ["mean"], None):
        with pytest.raises(ValueError, match=rf"^\w+: {word} must be '"):
            loss(**{word: bad})


def test_gluon_operators_take_what_fits():
    F = _operators
    assert F.sum(X, axis=np.array([0, 1])).shape == (4,)
    assert F.norm(X, np.int8(1)) == F.norm(X, 1)
    assert np.array_equal(F.pick(X, L[:1]), F.pick(X, np.repeat(L[:1], 2, 0)))
    assert F.pick(X, np.repeat(L[..., None], 2, -1), keepdims=True).shape == (2, 3, 2)
    assert F.one_hot([1], 2**0, on_value=2**70, off_value=2**70).tolist() == [[2.0**70]]
    assert F.one_hot([1], 3.0).tolist() == [[0, 1, 0]]
    assert np.array_equal(F.SwapAxis(X, dim1=0, dim2=-1), X.swapaxes(0, 2))
    assert F.slice_axis(X, 0, None, None).shape == X.shape
    assert F.clip(np.float32([-1, 3]), 0, None).tolist() == [0, 3]


BINARY = sorted(
    name
    for name in vars(_operators)
    if name.startswith(("broadcast_", "elemwise_")) and name != "broadcast_like"
)


@pytest.mark.parametrize("name", BINARY)
def test_gluon_operators_of_two_take_lists(name):
    f, lhs, rhs = getattr(_operators, name), [1.0, 2.0, 0.0], [1.0, 3.0, 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = f(np.array(lhs), np.array(rhs))
        np.testing.assert_array_equal(f(lhs, rhs), expected)
        np.testing.assert_array_equal(f(np.array(lhs), tuple(rhs)), expected)
        np.testing.assert_array_equal(f(lhs=lhs, rhs=rhs), expected)
        np.testing.assert_array_equal(f(lhs, 1), f(np.array(lhs), 1.0))
        assert f([1, 2], [3, 4]).dtype == f(np.array([1, 2]), np.array([3, 4])).dtype
        assert f(np.float32([1, 2]), 0.1).dtype == f(0.1, np.float32([1, 2])).dtype == np.float32
    for what, args in (("lhs", (["a"], [1.0])), ("rhs", ([1.0], "a")), ("rhs", (1.0, 1j))):
        with pytest.raises(TypeError, match=f"^{what} must be real numbers"):
            f(*args)


def test_gluon_smooth_l1_takes_any_other_scalar():
    data = np.float32([-3, 0.25, 2])
    assert _operators.smooth_l1(data, 1e200).tolist() == [3, 0.25, 2]
    assert (
        _operators.smooth_l1(data, -2).tolist()
        == _operators.smooth_l1(data, 2.0).tolist()
        == [2.875, 0.125, 1.875]
    )
    assert _operators.smooth_l1(data, np.array([1, 2, 4])).tolist() == [2.5, 0.125, 2 - 1 / 32]
    assert _operators.smooth_l1(data, 2).dtype == np.float32


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_gluon_operators_have_limits_and_do_not_warn(dtype):
    F, most = _operators, np.finfo(dtype).max
    data = np.array([INF, -INF, NAN, most, -most, 0.0, -0.0, 1.0, -3.0], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = F.softsign(data)
        assert result.dtype == data.dtype
        np.testing.assert_array_equal(result, np.array([1, -1, NAN, 1, -1, 0, 0, 0.5, -0.75], dtype))
        assert np.signbit(result[6])
        assert type(F.softsign(data[1])) is data.dtype.type
        assert F.norm(data[3:5]) == INF
        for name in ("relu", "softrelu", "sigmoid", "tanh", "softsign"):
            F.Activation(data, name)
        result = F.smooth_l1(data, 1e-5)
    size = abs(data[3:].astype(float))
    expected = np.where(size < 1e10, 0.5e-10 * np.minimum(size, 1e10) ** 2, size - 0.5e10)
    assert result.dtype == data.dtype
    np.testing.assert_allclose(result[3:], expected.astype(dtype), rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(result[:3], [INF, INF, NAN])


def test_gluon_smooth_l1_of_a_scalar_whose_square_only_float64_has():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _operators.smooth_l1(np.float16([60000, -60000, 1]), [1e-5, 1e-4, 1]).tolist() == [
            float(np.float16(0.18)),
            float(np.float16(18)),
            0.5,
        ]
        assert _operators.smooth_l1(np.float32(3e38), 1e-25) == np.float32(
            float(np.float32(3e38)) ** 2 * 1e-50 / 2
        )
        assert type(_operators.smooth_l1(np.float32(3e38), 1e-25)) is np.float32


def test_gluon_what_weighs_nothing_counts_as_removed():
    pred = np.float32([[1, NAN], [2, INF]])
    weight = np.float32([[1, 0]])
    zero = np.zeros((2, 2), "f4")
    assert gluon.L2Loss()(pred, zero, weight).tolist() == [0.25, 1]
    assert gluon.L2Loss().grad(pred, zero, weight).tolist() == [[0.5, 0], [1, 0]]
    assert gluon.SoftmaxCELoss()(pred, [0, 0], [0, 0]).tolist() == [0, 0]
    assert gluon.TripletLoss().grad(pred, zero, zero, [0, 0]).tolist() == [[0, 0], [0, 0]]
    assert gluon.CTCLoss()(np.float32([[[-INF, 0, 0]] * 2]), [[0]], sample_weight=[0]).tolist() == [0]


def weighed():
    """Every loss of gluon with its arguments and the axis of the first along which samples are left out,
    which is not its classes'.
    """
    for loss, args, kwargs, _ in [
        *GLUON,
        *GLUON_ROWS,
        (gluon.PoissonNLLLoss(compute_full=True), (X, COUNTS), {}, None),
    ]:
        yield loss, args, kwargs, int(getattr(loss, "_axis", -1) == 0)
    yield gluon.TripletLoss(), (X, T, P), {}, 0
    yield gluon.CosineEmbeddingLoss(), (X[:, 0], T[:, 0], [1, -1]), {}, 0
    for more in ({}, {"pred_lengths": [3, 3], "label_lengths": [2, 2]}):
        yield gluon.CTCLoss(), (X, np.array([[2, 3, -1], [2, 0, -1]])), more, 0
        yield gluon.CTCLoss("TNC", "TN"), (X.swapaxes(0, 1), np.array([[2, 3, -1], [2, 0, -1]]).T), more, 1


def spoil(x, shape, axis, where, bad):
    """An argument, whose axes may lie flat or lack the last, with other numbers at places along an axis."""
    x = np.asarray(x)
    full = (
        x.reshape(shape)
        if x.size == math.prod(shape)
        else np.broadcast_to(x, shape)
        if x.shape == POS.shape == shape[-1:]
        else x
    )
    full = np.array(full, float if full.dtype.kind == "i" else full.dtype)
    np.moveaxis(full, min(axis, full.ndim - 1), 0)[where] = bad
    return full.ravel() if x.size == full.size and x.ndim == 1 else full


def results(loss, args, kwargs):
    yield loss(*args, **kwargs)
    yield loss.grad(*args, **kwargs)
    yield from loss.grads(*args, **kwargs) if hasattr(loss, "grads") else ()


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 1e30, 2.5])
@pytest.mark.parametrize("case", list(weighed()), ids=lambda c: f"{c[0]!r}-{c[3]}")
def test_gluon_what_is_left_out_may_be_anything(case, bad):
    loss, args, kwargs, axis = case
    shape = np.shape(args[0])
    weight = np.ones([shape[axis]] + [1] * (len(shape) - 1 - axis))
    weight[1] = 0
    if isinstance(loss, gluon.TripletLoss | gluon.CosineEmbeddingLoss | gluon.CTCLoss):
        weight = weight.ravel()

    def spoiled(where):
        return [spoil(x, shape, axis, where, bad) for x in args], {
            k: spoil(x, shape, axis, where, bad) if np.ndim(x) else x for k, x in kwargs.items()
        }

    changed, options = spoiled(1)
    whole = results(loss, args, {**kwargs, "sample_weight": weight})
    for wanted, got in zip(whole, results(loss, changed, {**options, "sample_weight": weight}), strict=True):
        assert np.isfinite(wanted).all()
        np.testing.assert_array_equal(got, wanted)
    nothing = deepcopy(loss)
    nothing._weight = 0
    changed, options = spoiled(...)
    for more in ({}, {"sample_weight": weight}, {"sample_weight": np.where(weight, bad, 0)}):
        for got in results(nothing, changed, {**options, **more}):
            assert not np.any(got)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_gluon_sdml_that_weighs_nothing_may_have_anything(bad):
    for reduction in ("mean", "sum"):
        for x1, x2 in [(X[0] * bad, T[0]), (X[0], T[0] * bad), (X[0] * bad, T[0] * bad)]:
            for got in results(gluon.SDMLLoss(weight=0, reduction=reduction), (x1, x2), {}):
                assert not np.any(got)


def test_gluon_labels_that_count_must_be_labels():
    for weight in ([1, 1], [0, NAN]):
        with pytest.raises(ValueError, match="label has NaN"):
            gluon.SoftmaxCELoss()(X[0, :2], [0, NAN], weight)
        with pytest.raises(ValueError, match="label 9"):
            gluon.CTCLoss()(X, [[1], [9]], sample_weight=weight)
        with pytest.raises(ValueError, match="pred_lengths must be"):
            gluon.CTCLoss()(X, [[1], [1]], [1, NAN], sample_weight=weight)


def test_axon_binary_cross_entropy_without_eps_is_the_core():
    p, t = [[1.5, -0.2, NAN, 0, 1, 0.3]], [[1, 0, 1, 0, 0, 1]]
    for target, prob in zip(*t, *p, strict=True):
        np.testing.assert_array_equal(
            axon.binary_cross_entropy([[target]], [[prob]], eps=0), ul.binary_cross_entropy([prob], [target])
        )
    assert np.isnan(axon.binary_cross_entropy([[1, 0]], [[1.5, -0.2]], eps=0, positive_weight=2.0))
    assert not np.isnan(axon.binary_cross_entropy([[1, 0]], [[1.5, -0.2]]))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: gluon.L1Loss(batch_axis=1.0)(x, x), TypeError, r"batch_axis must be an int, not 1\.0"),
        (lambda x: gluon.L1Loss(batch_axis=5)(x, x), np.exceptions.AxisError, "batch_axis: axis 5"),
        (
            lambda x: gluon.KLDivLoss(axis="x", from_logits=False)(x, x),
            TypeError,
            "axis must be an int, not 'x'",
        ),
        (lambda x: gluon.CTCLoss()(x[None], np.zeros((1, 2), "V8")), TypeError, "label must be real numbers"),
        (
            lambda x: optax.smooth_labels(x, np.full(3, 0.1), axis="x"),
            TypeError,
            "axis must be an int or a tuple of int, not 'x'",
        ),
        (
            lambda x: optax.softmax_cross_entropy_with_integer_labels(x.astype(complex), [0, 1]),
            TypeError,
            "logits must be real numbers",
        ),
        (lambda x: optax.sigmoid_focal_loss(x.astype(complex), x), TypeError, "logits must be real numbers"),
        (lambda x: axon.margin_ranking(x, np.float64(2)), ValueError, "y_pred must be a pair of arrays"),
        (
            lambda x: axon.connectionist_temporal_classification(np.ones(3), x),
            ValueError,
            "y_true must be a pair of arrays",
        ),
        (
            lambda x: axon.connectionist_temporal_classification(1j, x),
            ValueError,
            "y_true must be a pair of arrays",
        ),
        (
            lambda x: axon.binary_cross_entropy(x, x, positive_weight={}),
            TypeError,
            "positive_weight must be real numbers",
        ),
        (
            lambda x: axon.binary_cross_entropy(x, x, negative_weight=[1.0, 2.0]),
            ValueError,
            "negative_weight must be a number",
        ),
        (lambda x: axon.binary_cross_entropy(x, x, eps="x"), TypeError, "eps must be real numbers"),
        (lambda x: axon.kl_divergence(x, x, eps="x"), TypeError, "eps must be real numbers"),
        (
            lambda x: axon.kl_divergence(x, x, eps=np.array([0.1, 0.2])),
            ValueError,
            r"eps must be a number, not of shape \(2,\)",
        ),
        (lambda x: axon.binary_cross_entropy(x, x, eps=None), TypeError, "eps must be real numbers"),
        *[
            (
                lambda x, word=word: axon.label_smoothing(axon.hinge)(x, x, **{word: 0.5}),
                TypeError,
                rf"hinge\(\) got an unexpected keyword argument '{word}'",
            )
            for word in ("smoothing", "loss_fun")
        ],
        *[
            (lambda x, f=f, dtype=dtype: f(x, dtype), TypeError, "dtype must be a type of NumPy's, not ")
            for f in (
                _operators.Cast,
                _operators.cast,
                lambda x, dtype: _operators.one_hot(x, 2, dtype=dtype),
            )
            for dtype in ("f4,,", "(2,f4", "x", ("f4", -1))
        ],
    ],
)
def test_messages_name_an_argument(call, error, text):
    with pytest.raises(error, match=text):
        call(np.ones((2, 3)))


PAIR, FRAMES = np.array([[1.0, 2, 3], [0, 0, 1]]), np.zeros((2, 6, 5))
CTC = axon.connectionist_temporal_classification


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        *[
            (
                lambda blank=blank: CTC(([2, 2], [[1, 1]] * 2), FRAMES, blank=blank),
                TypeError,
                "connectionist_temporal_classification: blank must be",
            )
            for blank in ("a", None, 1.5, True, np.ones(2, int))
        ],
        (
            lambda: CTC(([2, 2], np.ones((2, 2), bool)), FRAMES),
            TypeError,
            r"y_true\[1\] must be integers, not bool",
        ),
        (
            lambda: CTC((np.ones(2, bool), [[1, 1]] * 2), FRAMES),
            TypeError,
            r"y_true\[0\] must be integers, not bool",
        ),
        (
            lambda: optax.ctc_loss(FRAMES, FRAMES[..., 0], np.ones((2, 2), bool), np.zeros((2, 2))),
            TypeError,
            "ctc_loss: labels must be integers, not bool",
        ),
        (
            lambda: optax.ctc_loss(FRAMES, FRAMES[..., 0], [[1, 1]] * 2, np.zeros((2, 2)), "a"),
            TypeError,
            "ctc_loss: blank_id must be an integer, not 'a'",
        ),
        (
            lambda: gluon.CTCLoss()(FRAMES, np.ones((2, 2), bool)),
            TypeError,
            "CTCLoss: label must be integers, not bool",
        ),
        (
            lambda: gluon.CTCLoss().grad(FRAMES, [[1, 1]] * 2, np.ones(2, bool)),
            TypeError,
            r"CTCLoss\.grad: pred_lengths must be integers, not bool",
        ),
        (
            lambda: gluon.SoftmaxCELoss()(PAIR, np.ones(2, bool)),
            TypeError,
            "SoftmaxCrossEntropyLoss: label must be integers, not bool",
        ),
        (
            lambda: axon.kl_divergence([[1, 0]], [[0.1, 0.2]], eps=np.array([0, 1])),
            ValueError,
            "kl_divergence: eps must be a number",
        ),
        (lambda: axon.poisson([[1]], [[0.1]], eps=[1, 2, 3]), ValueError, "poisson: eps must be a number"),
        (lambda: axon.huber(PAIR, PAIR, delta=[1, 2]), ValueError, "^huber: "),
        (lambda: axon.hinge([[1, 2], [3]], PAIR), ValueError, "hinge: y_true is no array"),
        (
            lambda: axon.cosine_similarity(PAIR, PAIR, axes=[[0, 1], [1]]),
            TypeError,
            "cosine_similarity: axis must be",
        ),
        (lambda: axon.soft_margin(1.0, 1.0), np.exceptions.AxisError, "soft_margin: axis"),
        (lambda: axon.label_smoothing(3), TypeError, "label_smoothing: loss_fun must be a function, not 3"),
        (
            lambda: axon.categorical_cross_entropy(np.zeros((2, 0)), np.zeros((2, 0)), class_weights=[]),
            ValueError,
            "categorical_cross_entropy: class_weights",
        ),
        (
            lambda: optax.smooth_labels(PAIR, [0.1, 0.2]),
            ValueError,
            r"smooth_labels: labels of shape \(2, 3\), alpha of shape \(2,\)",
        ),
        (
            lambda: optax.smooth_labels(PAIR, 0.1, where=[True] * 4),
            ValueError,
            r"smooth_labels: .* where of shape \(4,\) do not broadcast",
        ),
        (lambda: optax.smooth_labels(PAIR, [0.1], axis=7), np.exceptions.AxisError, "smooth_labels: axis 7"),
        *[
            (
                lambda f=f: optax.ranking_softmax_loss(PAIR, [[1, 0, 0]], reduce_fn=f),
                TypeError,
                "ranking_softmax_loss: reduce_fn must be",
            )
            for f in (3, "mean", np.ones(2))
        ],
        *[
            (
                lambda f=f, kind=kind: getattr(optax, f)(PAIR, kind, axis=7),
                np.exceptions.AxisError,
                f"{f}: axis 7 is out of bounds",
            )
            for f, kind in [
                ("softmax_cross_entropy_with_integer_labels", [0, 0]),
                ("softmax_cross_entropy", PAIR),
                ("kl_divergence", PAIR),
            ]
        ],
        (
            lambda: optax.softmax_cross_entropy_with_integer_labels(PAIR, [0, 0], axis=True),
            ValueError,
            "integer_labels: axis must be an int",
        ),
        (
            lambda: optax.huber_loss(PAIR, PAIR, delta=[1, 2]),
            ValueError,
            "huber_loss: operands could not be broadcast",
        ),
        *[
            (
                lambda e=e, logits=logits: gluon.PoissonNLLLoss(from_logits=logits)(PAIR, PAIR, epsilon=e),
                ValueError,
                "PoissonNLLLoss: epsilon must be a number",
            )
            for logits in (True, False)
            for e in ("a", None, [1, 2], np.ones(3))
        ],
        (
            lambda: gluon.SoftmaxCELoss(axis=4)(PAIR, [0, 1]),
            np.exceptions.AxisError,
            "SoftmaxCrossEntropyLoss: axis 4 is out of bounds",
        ),
        (
            lambda: gluon.KLDivLoss(False, axis=4).grad(PAIR, PAIR),
            np.exceptions.AxisError,
            r"KLDivLoss\.grad: axis 4 is out of bounds",
        ),
        (
            lambda: gluon.KLDivLoss(False, axis=(0, 1)).grad(PAIR, PAIR),
            TypeError,
            r"KLDivLoss\.grad: axis must be an int",
        ),
        (lambda: gluon.HuberLoss(rho="a"), ValueError, "HuberLoss: rho must be a number, not 'a'"),
        *[
            (lambda f=f, name=name: f(**{name: np.ones(2)}), ValueError, f"{f.__name__}: {name} must be '")
            for f, name in [
                (gluon.PoissonNLLLoss, "reduction"),
                (gluon.KLDivLoss, "reduction"),
                (gluon.SDMLLoss, "reduction"),
                (gluon.LogisticLoss, "label_format"),
                (gluon.CTCLoss, "layout"),
                (gluon.CTCLoss, "label_layout"),
            ]
        ],
    ],
)
def test_messages_name_what_was_called(call, error, text):
    with pytest.raises(error, match=text) as caught:
        call()
    assert str(caught.value).count("must be") < 2


def test_messages_of_others_stay():
    class Mine(gluon.Loss):
        def hybrid_forward(self, F, x):
            raise ValueError("no such x")

    def fail(losses):
        raise ValueError("no such mean")

    with pytest.raises(ValueError, match=r"^no such x$"):
        Mine(None, 0)(PAIR)
    with pytest.raises(ValueError, match=r"^no such mean$"):
        optax.ranking_softmax_loss(PAIR, PAIR, reduce_fn=fail)


def test_axes_and_blanks_may_be_numbers_of_numpy():
    wanted = optax.softmax_cross_entropy_with_integer_labels(PAIR, [0, 1, 1], axis=0)
    np.testing.assert_array_equal(
        optax.softmax_cross_entropy_with_integer_labels(PAIR, [0, 1, 1], axis=np.int64(0)), wanted
    )
    np.testing.assert_array_equal(
        CTC(([2], [[1, 2]]), FRAMES[:1], blank=np.int8(3)), CTC(([2], [[1, 2]]), FRAMES[:1], blank=3)
    )
    np.testing.assert_array_equal(
        gluon.PoissonNLLLoss(False)(PAIR, PAIR, epsilon=np.array(0.5)),
        gluon.PoissonNLLLoss(False)(PAIR, PAIR, epsilon=0.5),
    )


def test_labels_enlarge_the_batch_of_a_masked_cross_entropy():
    x, labels, where = np.arange(12.0).reshape(3, 4), np.array([[2, 1, 0], [2, 3, 1]]), np.ones((3, 4), bool)
    where[0, 2] = False  # the label's own class
    got = optax.softmax_cross_entropy_with_integer_labels(x, labels, where=where)
    np.testing.assert_array_equal(
        got, [optax.softmax_cross_entropy_with_integer_labels(x, row, where=where) for row in labels]
    )


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


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            np.array([[1, 2**64 - 1]], np.uint64),
            "label 18446744073709551615 at position 1 of batch index (0,) is out of range for 5 classes",
        ),
        ([[1, 1e30]], "label 1e+30 at position 1 of batch index (0,) is out of range for 5 classes"),
        ([[-1e19, 1]], "label -1e+19 at position 0 of batch index (0,) is out of range for 5 classes"),
        ([[1, 0.5]], "labels must be integers, not 0.5 at position 1 of batch index (0,)"),
        ([[1, np.inf]], "labels must be integers, not inf at position 1 of batch index (0,)"),
    ],
)
def test_ctc_labels_that_are_no_classes_are_named(labels, said):
    for f in (optax.ctc_loss, optax.ctc_loss_with_forward_probs):
        with pytest.raises(ValueError, match=f"^{f.__name__}: {re.escape(said)}$"):
            f(np.zeros((1, 6, 5)), np.zeros((1, 6)), labels, [[0, 0]])
    assert np.isfinite(optax.ctc_loss(np.zeros((1, 6, 5)), np.zeros((1, 6)), [[2, labels[0][1]]], [[0, 1]]))
    with pytest.raises(ValueError, match=f"^CTCLoss: {re.escape(said)}$"):
        gluon.CTCLoss()(np.zeros((1, 6, 5)), labels, None, np.array([2]))


def test_masks_within_lists_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for labels in ([[1, np.ma.masked]], [[np.ma.array([1, 2], mask=[0, 1])]], (([1, np.ma.masked],),)):
            with pytest.raises(TypeError, match="labels has masked elements"):
                optax.ctc_loss(np.zeros((1, 6, 5)), np.zeros((1, 6)), labels, [[0, 0]])
    assert optax.l2_loss([[np.ma.array([3.0, 4.0])]]).tolist() == [[[4.5, 8.0]]]
