"""Images and regions, and dice by hand."""

import itertools

import numpy as np

import ufloss as ul

FUNCTIONS = [ul.dice_loss, ul.binary_dice_loss, ul.multiclass_generalized_dice_loss]
rng = np.random.default_rng(3)
SCORES = rng.normal(size=(2, 4, 5, 3))
LABELS = np.eye(3)[rng.integers(0, 3, (2, 4, 5))]


def by_hand(p, t, smooth=1.0, alpha=0.5, beta=0.5, axis=(1, 2)):
    hit, all_p, all_t = (p * t).sum(axis), p.sum(axis), t.sum(axis)
    return 1 - (hit + smooth) / (hit + alpha * (all_p - hit) + beta * (all_t - hit) + smooth)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def regions_to_add_up():
    """Images, targets and options, with regions of few and many pixels and classes."""
    rng = np.random.default_rng(0)
    for dtype, classes, pixels in itertools.product(
        ("f4", "f8"), (1, 2, 5, 33, 70), ((3, 5), (4, 4), (13, 11), (1, 0))
    ):
        x = rng.normal(size=(3, *pixels, classes)).astype(dtype) * 9
        t = rng.random(x.shape).astype(dtype)
        where = rng.random(x.shape) < 0.8
        for options in ({}, {"axis": 1}, {"axis": (2, 0)}, {"where": where}, {"where": where[..., :1]}):
            yield x, t, {"reduction": "none", **options}
