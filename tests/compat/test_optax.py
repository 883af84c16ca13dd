"""`compat.optax` against plain formulas and optax itself, and what it does at the limits."""

import itertools

import numpy as np
import pytest

import ufloss as ul
from compat.optax_cases import OPTAX, lists
from compat.plain import BIG, INF, NAN, B, P, W, X, b, ce, check, draw, p, ranking, x
from ufloss.compat import optax

by_case = pytest.mark.parametrize("case", OPTAX, ids=lambda c: f"{c[0]}-{'-'.join(c[2])}")


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
    assert {name for name, *_ in OPTAX} | apart | {"make_fenchel_young_loss", "ntxent"} == set(optax.__all__)


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


def test_labels_enlarge_the_batch_of_a_masked_cross_entropy():
    x, labels, where = np.arange(12.0).reshape(3, 4), np.array([[2, 1, 0], [2, 3, 1]]), np.ones((3, 4), bool)
    where[0, 2] = False  # the label's own class
    got = optax.softmax_cross_entropy_with_integer_labels(x, labels, where=where)
    np.testing.assert_array_equal(
        got, [optax.softmax_cross_entropy_with_integer_labels(x, row, where=where) for row in labels]
    )
