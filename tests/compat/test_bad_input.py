"""Arguments that are refused by name: shapes, labels, options, types."""

import re
import warnings

import numpy as np
import pytest

from compat.plain import CTC, FRAMES, IMAGES, PAIR, REGIONS, SIGNS, B, L, P, T, X
from ufloss.compat import axon, gluon, optax


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
