"""NaN in CTC, of every kind and out of reach; losses beyond float16."""

import itertools

import numpy as np
import pytest

import ufloss as ul
from common import results
from ctc.cases import INF, ctc, draw
from ctc.textbook import recursion
from nans import by_type, kinds_of_nan, put_nan


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


@by_type
def test_every_nan_is_one(dtype):
    logits, label = draw(12, 40, 3, dtype=dtype)
    for number, frame, k in itertools.product(kinds_of_nan(dtype), (0, 5, 11), (0, int(label[1]), 17, 39)):
        x = put_nan(logits, (frame, k), number)
        for f in (ctc.loss, ctc.loss.grad, ctc.loss.value_and_grad, ctc.class_posteriors, ctc.posteriors):
            for r in results(f, x, label):
                assert np.isnan(r).all(), (f.__name__, number.tobytes(), frame, k)
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
