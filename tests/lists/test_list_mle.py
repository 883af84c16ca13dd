"""ListMLE: what it is, in many digits and as a distribution over orders; ties, masks, limits, long lists.

What it shares with losses of rows is tested there, in tests/rows.
"""

import itertools
import math

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import ufloss as ul

INF, NAN = math.inf, math.nan
loss = ul.list_mle_loss


def draw(n, seed=0, batch=()):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (*batch, n)), rng.normal(size=(*batch, n))


def plain(scores, relevances):
    """Value, gradient and diagonal of the Hessian of one list, place by place."""
    order = np.argsort(-relevances, kind="stable")
    x, n = scores[order], len(order)
    value, grad, hess = 0.0, np.zeros(n), np.zeros(n)
    for i in range(n):
        top = x[i:].max()
        e = np.exp(x[i:] - top)
        p = e / e.sum()
        value += top + np.log(e.sum()) - x[i]
        grad[order[i:]] += p
        grad[order[i]] -= 1
        hess[order[i:]] += p * (1 - p)
    return value, grad, hess


def exact(scores, relevances):
    """The same in many digits, in terms that do not cancel."""
    order = sorted(range(len(scores)), key=lambda j: -relevances[j])
    x = [mpf(float(scores[j])) for j in order]
    e = [mp.exp(a - max(x)) for a in x]
    left = [mp.fsum(e[i:]) for i in range(len(e) + 1)]
    grad, hess, pull, square = {}, {}, mpf(0), mpf(0)
    for k, own in enumerate(e):
        grad[order[k]] = own * pull - left[k + 1] / left[k]
        pull, square = pull + 1 / left[k], square + 1 / left[k] ** 2
        hess[order[k]] = own * pull - own**2 * square
    value = mp.fsum(mp.log1p(left[k + 1] / own) for k, own in enumerate(e))
    return value, [grad[j] for j in range(len(x))], [hess[j] for j in range(len(x))]


def ulps(got, want, size, dtype):
    info = np.finfo(dtype)
    exponent = max(mpmath.frexp(size)[1] - 1, info.minexp) if size else info.minexp
    return float(abs(mpf(float(got)) - want) / mpf(2) ** (exponent - info.nmant))


HARD = {
    "usual": lambda n, rng: (rng.normal(0, 3, n), rng.normal(size=n)),
    "grades": lambda n, rng: (rng.normal(0, 3, n), rng.integers(0, 5, n)),
    "perfect": lambda n, rng: (-np.sort(-rng.normal(0, 3, n)), -np.arange(n)),
    "reversed": lambda n, rng: (np.sort(rng.normal(0, 3, n)), -np.arange(n)),
    "nearly equal": lambda n, rng: (1 - np.arange(n) * 1e-6, -np.arange(n)),
    "halved": lambda n, rng: (-math.log(2) * np.arange(n), -np.arange(n)),
    "confident": lambda n, rng: (-30.0 * np.arange(n), -np.arange(n)),
    "steps around the change of references": lambda n, rng: (
        -150.0 * np.arange(n) + rng.normal(size=n),
        rng.normal(size=n) - np.arange(n),
    ),
    "far apart": lambda n, rng: (rng.normal(0, 400, n), rng.normal(size=n)),
    "farther": lambda n, rng: (rng.normal(0, 1e4, n), rng.normal(size=n)),
    "offset": lambda n, rng: (rng.normal(0, 3, n) + 1e4, rng.normal(size=n)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("data", HARD)
def test_within_bound_of_many_digits(data, dtype):
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 7, 16, 33, 90):
        scores, relevances = (np.asarray(x, dtype) for x in HARD[data](n, rng))
        value, grad = loss.value_and_grad(scores, relevances)
        hess = loss.hess(scores, relevances)
        with mp.workprec(1500):
            want = exact(scores, relevances)
            assert ulps(value, want[0], want[0], dtype) <= 8
            for got, of in ((grad, want[1]), (hess, want[2])):
                largest = max(map(abs, of))
                assert max(ulps(a, b, largest, dtype) for a, b in zip(got, of, strict=True)) <= 8


def test_likelihoods_of_all_orders_sum_to_one():
    scores = np.random.default_rng(2).normal(0, 2, 6)
    orders = np.array(list(itertools.permutations(range(6))))
    np.testing.assert_allclose(np.exp(-loss(scores, orders)).sum(), 1, rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 8, 9, 17, 100])
def test_against_a_plain_loop(n):
    scores, relevances = draw(n, n, (4,))
    relevances = np.round(relevances)
    value, grad = loss.value_and_grad(scores, relevances)
    also_grad, hess = loss.grad_and_hess(scores, relevances)
    np.testing.assert_array_equal(grad, also_grad)
    for r in range(4):
        want = plain(scores[r], relevances[r])
        for got, w in zip((value[r], grad[r], hess[r]), want, strict=True):
            np.testing.assert_allclose(got, w, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("n", [2, 7, 8, 9, 16, 17, 24, 40, 129, 1000])
def test_only_the_order_of_relevances_counts(n):
    """As NumPy sorts: stable, so that of equal ones the earlier comes first."""
    for seed, grades in itertools.product(range(3), (1, 2, 5, n)):
        scores, _ = draw(n, seed)
        relevances = np.random.default_rng(seed).integers(0, grades, n).astype(float)
        order = np.argsort(-relevances, kind="stable")
        want = loss.value_and_grad(scores[order], -np.arange(n))
        for given in (relevances, 1e300 * relevances - 7e299, np.where(relevances == 0, -INF, relevances)):
            value, grad = loss.value_and_grad(scores, given)
            assert value == want[0]
            np.testing.assert_array_equal(grad[order], want[1])
    assert loss([1.0, 2.0], [0.0, -0.0]) == loss([1.0, 2.0], [1.0, 1.0]) == loss([1.0, 2.0], [2.0, 1.0])


def test_what_is_masked_out_takes_no_part():
    scores, relevances = draw(50, 3, (6,))
    where = np.random.default_rng(4).random((6, 50)) < 0.6
    where[2] = False
    where[3] = True
    spoiled = [np.where(where, x, bad) for x, bad in ((scores, NAN), (relevances, NAN))]
    value, grad = loss.value_and_grad(*spoiled, where=where)
    hess = loss.hess(*spoiled, where=where)
    for r, kept in enumerate(where):
        alone = loss.value_and_grad(scores[r][kept], relevances[r][kept])
        assert value[r] == alone[0]
        np.testing.assert_array_equal(grad[r][kept], alone[1])
        np.testing.assert_array_equal(hess[r][kept], loss.hess(scores[r][kept], relevances[r][kept]))
        assert (grad[r][~kept] == 0).all()
        assert (hess[r][~kept] == 0).all()
    assert value[2] == 0


def test_axes_and_layouts():
    scores, relevances = draw(12, 5, (3, 4))
    want = loss(scores, relevances)
    turned = [np.moveaxis(x, -1, 0) for x in (scores, relevances)]
    np.testing.assert_array_equal(loss(*turned, axis=0), want)
    np.testing.assert_array_equal(loss(scores[..., ::-1], relevances[..., ::-1]), want)
    np.testing.assert_array_equal(loss(scores, relevances, axis=-1, keepdims=True), want[..., None])
    flat = [x.reshape(3, 48) for x in (scores, relevances)]
    np.testing.assert_array_equal(loss(scores, relevances, axis=(1, 2)), loss(*flat))
    np.testing.assert_allclose(loss.mean(scores, relevances), want.mean(), rtol=1e-14)
    total, grad = loss.sum.value_and_grad(scores, relevances)
    np.testing.assert_allclose(total, want.sum(), rtol=1e-14)
    np.testing.assert_array_equal(grad, loss.grad(scores, relevances))


def test_float16_and_mixed_types():
    scores, relevances = (x.astype("f2") for x in draw(70, 6, (3,)))
    got = loss.value_and_grad(scores, relevances)
    wide = loss.value_and_grad(scores.astype("f4"), relevances.astype("f4"))
    for a, b in zip(got, wide, strict=True):
        assert a.dtype == np.float16
        np.testing.assert_array_equal(a, b.astype("f2"))
    assert loss(scores.astype("f4"), np.arange(70)).dtype == np.float32


def test_short_lists():
    assert loss([3.0], [1.0]) == 0
    assert loss.grad([3.0], [1.0]) == 0
    assert loss.hess([3.0], [1.0]) == 0
    value, grad = loss.value_and_grad(np.zeros((2, 0)), np.zeros((2, 0)))
    assert value.tolist() == [0, 0]
    assert grad.shape == (2, 0)


def test_limits_of_infinite_scores():
    # an item that cannot be chosen: last it costs nothing, before others all there is
    finite = loss.value_and_grad([1.0, 0.5], [3, 2])
    value, grad = loss.value_and_grad([1.0, 0.5, -INF], [3, 2, 1])
    assert value == finite[0]
    assert grad.tolist() == [*finite[1], 0]
    far = loss.value_and_grad([1.0, 0.5, -1e6], [3, 2, 1])
    assert value == far[0]
    assert grad.tolist() == far[1].tolist()
    value, grad = loss.value_and_grad([-INF, 1.0, 0.5], [3, 2, 1])
    assert value == INF
    assert grad.tolist() == loss.grad([-1e6, 1.0, 0.5], [3, 2, 1]).tolist()
    assert loss([-INF], [1.0]) == 0
    assert loss.grad([-INF], [1.0]) == 0
    # several of them at the end might come in any order
    value, grad = loss.value_and_grad([1.0, -INF, -INF], [3, 2, 1])
    assert math.isnan(value)
    assert grad[0] == 0
    assert np.isnan(grad[1:]).all()
    assert loss([-INF, 1.0, -INF, -INF], [4, 3, 2, 1]) == INF
    for scores in ([INF, 1.0], [1.0, INF], [INF, INF], [NAN, 1.0], [INF]):
        for got in (*loss.value_and_grad(scores, np.arange(len(scores))), loss.hess(scores, scores)):
            assert np.isnan(got).all()
    assert np.isnan(loss.value_and_grad([1.0, 2.0], [0.0, NAN])[1]).all()
    assert loss([1.0, 2.0, 0.0], [INF, 0.0, -INF]) == loss([1.0, 2.0, 0.0], [2, 1, 0])


def test_scores_as_large_as_there_are():
    big = np.finfo(float).max
    value, grad = loss.value_and_grad([big, 0.0, -big], [3, 2, 1])
    assert value == 0
    assert grad.tolist() == [0, 0, 0]
    value, grad = loss.value_and_grad([0.0, big], [2, 1])
    assert value == big
    assert grad.tolist() == [-1, 1]


def test_long_lists():
    """As many digits as short ones, since sums are carried in two words; value and gradient agree."""
    n = 100_000
    scores, relevances = draw(n, 7)
    order = np.argsort(-relevances, kind="stable")
    x = scores[order].astype(np.longdouble)
    e = np.exp(x)
    left = np.cumsum(e[::-1])[::-1]
    value, grad = loss.value_and_grad(scores, relevances)
    want = np.sum(np.log(left) - x)
    np.testing.assert_allclose(value, float(want), rtol=1e-14)
    slope = e * np.cumsum(1 / left) - 1
    np.testing.assert_allclose(grad[order], slope.astype(float), rtol=0, atol=1e-14 * abs(slope).max())
    assert abs(grad.sum()) < 1e-8
    single, order = scores.astype("f4"), np.arange(n, 0, -1)
    wide = loss.value_and_grad(single.astype(float), order)
    for got, w in zip(loss.value_and_grad(single, order), wide, strict=True):
        np.testing.assert_array_equal(got, w.astype("f4"))


def test_gradients_by_differences():
    scores, relevances = draw(9, 8)
    grad, hess = loss.grad_and_hess(scores, relevances)
    for i, step in enumerate(np.eye(9) * 1e-5):
        up, down = (loss.value_and_grad(scores + s, relevances) for s in (step, -step))
        np.testing.assert_allclose((up[0] - down[0]) / 2e-5, grad[i], rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose((up[1] - down[1])[i] / 2e-5, hess[i], rtol=1e-7, atol=1e-8)


def test_bound_of_curvature():
    """Boehning's, which knows places alone."""
    scores, relevances = draw(6, 10)
    order = np.argsort(-relevances)
    bound = loss.hess_bound(scores, relevances)[order]
    np.testing.assert_allclose(bound, np.cumsum(0.5 * (1 - 1 / np.arange(6.0, 0, -1))), rtol=1e-15)
    assert (bound >= loss.hess(scores, relevances)[order]).all()
    assert loss.hess_bound(np.float16([5.0]), np.float16([1.0])) == np.float16(2.0**-24)
    masked = loss.hess_bound([1.0, 2.0, 3.0], [3, 2, 1], where=[True, False, True])
    assert masked.tolist() == [0.25, 0, 0.25]


def test_errors_name_the_loss():
    scores, relevances = draw(5, 9)
    out = np.full(5, 7.0)
    for call, kind in (
        (lambda: loss(scores, relevances[:3]), ValueError),
        (lambda: loss.grad(scores, relevances[:3], out=out), ValueError),
        (lambda: loss(scores), TypeError),
        (lambda: loss(scores.astype(complex), relevances), TypeError),
        (lambda: loss(scores, relevances, where=np.ones(5)), TypeError),
        (lambda: loss.grad(scores, relevances, where=np.ones(4, bool), out=out), ValueError),
    ):
        with pytest.raises(kind, match="list_mle_loss"):
            call()
    assert (out == 7).all()
    assert not hasattr(loss, "grads")
