"""gluon's CTCLoss against the sum over all paths, in every layout, and MXNet's numbers."""

import numpy as np
import pytest

from common import slope
from compat.plain import INF, NAN, check, draw, enumerate_ctc
from ufloss.compat import gluon


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
