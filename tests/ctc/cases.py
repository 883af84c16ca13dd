"""The ufuncs of CTC as parameters of tests, and arguments for them."""

import math

import numpy as np
import pytest

import ufloss as ul

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


def draw(frames, classes, n, scale=1.0, seed=0, blank=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    others = [k for k in range(classes) if k != blank % classes]
    return rng.normal(0, scale, (frames, classes)).astype(dtype), rng.choice(others, n)


def masked(x):
    """The same numbers behind a mask that hides the last of them."""
    x = np.asarray(x)
    return np.ma.array(x, mask=np.arange(x.size).reshape(x.shape) == x.size - 1)
