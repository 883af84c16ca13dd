"""Rows of several blocks whose numbers lie far apart, and rows beside an infinite logit."""

import math

import numpy as np
import pytest

import ufloss as ul
from nans import by_type
from rows.cases import INTEGER


def exact_softmax(x):
    """Logarithms of the probabilities, those, and the logarithm of the sum, with the largest logit taken off
    first.
    """
    wide = x.astype(np.longdouble)
    top = wide.max()
    e = np.exp(wide - top)
    rest = np.delete(e, e.argmax()).sum()
    return (wide - top) - np.log1p(rest), e / (1 + rest), top + np.log1p(rest)


def far_apart(dtype, n, base, gap, where):
    """A row whose one part lies `gap` below the other; which part is above is one of three."""
    block = 8192 // np.dtype(dtype).itemsize
    high = np.zeros(n, bool)
    high[{"first": slice(0, block), "last": slice(n - 1, n), "second": slice(block, 2 * block)}[where]] = True
    ripple = (np.arange(n) * 37 % 11) * 0.125
    return np.where(high, base, base - gap - ripple).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1025, 2049, 5000])
@pytest.mark.parametrize("base", [0.0, 300.0, -255.0, -4095.0, 4096.0, -1e5])
def test_blocks_far_apart(base, n, dtype):
    eps = float(np.finfo(dtype).eps)
    rng = np.random.default_rng(n)
    y = (rng.random(n) * (rng.random(n) < 0.5)).astype(dtype)
    y = (y / y.sum()).astype(dtype)
    w = rng.uniform(0.5, 2, n).astype(dtype)
    for gap in (1.0, 2.0, 100.0, 745.0, 1100.0, 1600.0, 2500.0, 5000.0, 1e5, 1e30):
        for where in ("first", "last", "second"):
            x = far_apart(dtype, n, base, gap, where)
            logp, p, total = exact_softmax(x)
            label = n // 2
            onehot = np.zeros(n)
            onehot[label] = 1
            yw, ww = y.astype(np.longdouble), (y * w).astype(np.longdouble)
            rest = 1 - p
            if np.count_nonzero(p == p.max()) == 1:
                rest[p.argmax()] = p[np.arange(n) != p.argmax()].sum()
            miss = yw * rest
            drawn = (yw * p).sum()
            entropy = (yw * np.log(np.where(yw > 0, yw, 1))).sum()
            smooth = 0.1
            # value, the size of its terms, gradient
            cases = {
                "logsumexp": (ul.logsumexp, (x,), total, abs(total), p),
                "integer": (INTEGER, (x, label), -logp[label], 0, p - onehot),
                "smoothed": (
                    INTEGER,
                    (x, label, smooth),
                    -(1 - smooth) * logp[label] - smooth * logp.mean(),
                    0,
                    p - (1 - smooth) * onehot - smooth / n,
                ),
                "labels": (ul.softmax_cross_entropy, (x, y), -(yw * logp).sum(), 0, yw.sum() * p - yw),
                "poly": (
                    ul.poly_loss_cross_entropy,
                    (x, y, 2.0),
                    -(yw * logp).sum() + 2 * miss.sum(),
                    0,
                    yw.sum() * p - yw - 2 * p * (yw - drawn),
                ),
                "kl": (
                    ul.softmax_kl_divergence,
                    (x, y),
                    entropy - (yw * logp).sum(),
                    abs(entropy) - (yw * logp).sum(),
                    yw.sum() * p - yw,
                ),
                "ranking": (ul.ranking_softmax_loss, (x, y, w), -(ww * logp).sum(), 0, ww.sum() * p - ww),
            }
            for name, (loss, args, value, size, grad) in cases.items():
                got, slope = loss.value_and_grad(*args)
                case = (name, gap, where)
                tiny = float(np.finfo(dtype).tiny)
                assert abs(got - value) <= 8 * eps * max(abs(value), size, tiny), (case, got, value)
                largest = max(abs(grad).max(), p.max() if "poly" not in name else 3 * p.max())
                assert (abs(slope - grad) <= 8 * eps * largest).all(), (case, abs(slope - grad).max() / eps)
            assert (abs(ul.softmax(x) - p) <= 8 * eps * p.max()).all(), (gap, where)
            assert (ul.softmax(x) >= 0).all()
            assert (abs(ul.log_softmax(x) - logp) <= 8 * eps * abs(logp).max()).all(), (gap, where)


def test_an_example_of_far_blocks():
    x = np.full(1025, -200.0)
    x[5], x[1024] = 800, -300
    assert ul.logsumexp(x) == 800
    assert ul.softmax(x).min() == 0


@by_type
@pytest.mark.parametrize("n", [2, 17, 40, 1100, 5000])
def test_beside_an_infinite_logit(n, dtype):
    largest = float(np.finfo(dtype).max)
    for size in (1.0, 100.0, 700.0, 5000.0, math.sqrt(largest), largest):
        for at in {0, n // 2, n - 1}:
            x = (size * np.linspace(-1, 1, n)).astype(dtype)
            x[at] = np.inf
            assert ul.logsumexp(x) == np.inf, (size, at)
            assert ul.logsumexp(np.array([x, x])).tolist() == [np.inf] * 2
            assert np.isnan(ul.softmax(x)).all()
            x[at] = -np.inf
            assert np.isfinite(ul.logsumexp(x)), (size, at)
            if n > 2:
                x[at], x[at - 1] = np.inf, np.nan
                assert np.isnan(ul.logsumexp(x)), (size, at)
