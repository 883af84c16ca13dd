"""The names and parameters of optax 0.2.8, its deprecated names included."""

import inspect

import numpy as np
import pytest

import ufloss as ul
from compat.plain import LOGP, B, L, P, T, X, draw
from ufloss.compat import optax

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
