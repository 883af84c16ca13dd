"""Messages name the function that was called and the argument that is wrong."""

import numpy as np
import pytest

from compat.plain import CTC, FRAMES, PAIR
from internals import _operators
from ufloss.compat import axon, gluon, optax


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
