"""What means refuse, before anything is written; and that they do not warn."""

import warnings

import numpy as np
import pytest

import ufloss as ul
from internals import UFUNCS
from reduce.cases import CE, by_loss, operands, weights_word


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ul.huber_loss.mean([1.0], weights=[1.0, 2.0]), ValueError, "weights of shape"),
        (lambda: ul.huber_loss.mean([1.0], weights=[1j]), TypeError, "real numbers"),
        (lambda: ul.huber_loss.mean([1.0], where=[1.0]), TypeError, "where must be bool"),
        (lambda: ul.huber_loss.mean([1.0], where=[True, False]), ValueError, "where of shape"),
        (
            lambda: ul.huber_loss.mean([1.0, 2.0, 3.0], [1.0, 2.0]),
            ValueError,
            r"huber_loss.mean: operands .*\(3,\) \(2,\)",
        ),
        (lambda: CE.mean(np.ones((3, 4)), [1, 2]), ValueError, "integer_labels.mean: operands could not"),
        (
            lambda: ul.huber_loss.sum(np.broadcast_to(1.0, (2**32, 1)), np.broadcast_to(3.0, (1, 2**32))),
            ValueError,
            "huber_loss.sum: shapes .* broadcast to more elements than an array may have",
        ),
        (
            lambda: ul.categorical_hinge.mean(
                np.broadcast_to(1.0, (2**32, 1, 1)), np.broadcast_to(0.5, (1, 2**32, 1))
            ),
            ValueError,
            "categorical_hinge.mean: shapes .* more elements",
        ),
        (lambda: ul.huber_loss.mean([1.0], keepdims="no"), TypeError, "keepdims must be a bool, not 'no'"),
        (lambda: CE(np.ones((3, 4)), 0, keepdims="no"), TypeError, "keepdims must be a bool, not 'no'"),
        (lambda: ul.huber_loss.mean([1.0], dtype="S3"), TypeError, "dtype must be a floating-point type"),
        (lambda: ul.huber_loss.mean([1.0], dtype=int), TypeError, "dtype must be a floating-point type"),
        (
            lambda: ul.huber_loss.mean([1.0], dtype="x"),
            TypeError,
            "huber_loss.mean: dtype must be a floating-point type, not 'x'",
        ),
        *[
            (
                lambda dtype=dtype: ul.huber_loss.mean([1.0], dtype=dtype),
                TypeError,
                "huber_loss.mean: dtype must be a floating-point type, not .",
            )
            for dtype in ("f4,,", "(2,f4", ("f4", -1), {"names": ["a"], "formats": []})
        ],
        (
            lambda: ul.huber_loss.mean([1.0], axis=1),
            np.exceptions.AxisError,
            "huber_loss.mean: axis 1 is out of bounds",
        ),
        (
            lambda: ul.huber_loss.mean([1.0], axis=2**40),
            np.exceptions.AxisError,
            "huber_loss.mean: axis 1099511627776 is out of bounds",
        ),
        (
            lambda: ul.huber_loss.mean([1.0], axis=1.0),
            TypeError,
            r"huber_loss.mean: axis must be an int or a tuple of int, not 1\.0",
        ),
        (
            lambda: ul.huber_loss.mean([1.0], axis=(0, 0)),
            ValueError,
            r"huber_loss.mean: axis \(0, 0\) names an axis twice",
        ),
        (
            lambda: CE.mean([[1.0, 2.0]], [0], over="x"),
            TypeError,
            "integer_labels.mean: over must be an int or a tuple of int, not 'x'",
        ),
        (
            lambda: CE.mean([[1.0, 2.0]], [0], axis=0.0),
            TypeError,
            r"integer_labels.mean: axis must be an int or a tuple of int, not 0\.0",
        ),
        (lambda: ul.huber_loss.mean([1.0], over=0), TypeError, "unexpected keyword argument 'over'"),
        (lambda: ul.huber_loss.mean(), TypeError, "missing 1 required"),
        (lambda: ul.huber_loss.mean([1.0], 0.0, 1.0, 2.0), TypeError, "by keyword"),
        (lambda: CE.mean([[1.0, 2.0]], [5]), ValueError, "label 5 is out of range for 2 classes"),
        (
            lambda: CE.mean([[1.0, 2.0]], [0], over=1),
            np.exceptions.AxisError,
            "integer_labels.mean: over: axis 1",
        ),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()


@by_loss
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_means_emit_no_warnings(loss, dtype):
    ufunc, shape = UFUNCS[loss["name"]], (3, 8)
    args = operands(loss, shape, classes=4, dtype=dtype)
    special = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e300, -1e300, 5e-324])
    with np.errstate(all="ignore"):
        wild = [a if a.dtype.kind != "f" else np.resize(special, a.shape).astype(dtype) for a in args]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for inputs in (args, [wild[0], *args[1:]], wild):
            for words in (
                {},
                {weights_word(loss): np.resize(special, shape)},
                {"where": np.zeros(shape, bool)},
                {"dtype": "f2"},
            ):
                for f in (ufunc.sum, ufunc.mean):
                    f(*inputs, **words)
                    if hasattr(f, "value_and_grad"):
                        f.value_and_grad(*inputs, **words)


def test_outputs_are_checked_before_anything_is_written():
    x, y, w = np.ones((3, 4)), np.full((3, 4), 0.25), np.ones(3)
    for ufunc in (ul.huber_loss, ul.cross_entropy):
        grad, row = np.full((3, 4), 7.0), ufunc is ul.cross_entropy
        with pytest.raises(TypeError, match="cannot cast the result"):
            ufunc.mean.value_and_grad(x, y, out=(np.empty((), int), grad))
        with pytest.raises(TypeError, match="cannot cast the gradient"):
            ufunc.mean.value_and_grad(x, y, out=(None, np.empty((3, 4), int)))
        assert (grad == 7).all()
        total = np.full((), 7.0)
        with pytest.raises(ValueError, match="output has shape"):
            ufunc.sum.value_and_grad(x, y, out=(total, np.empty(5)), **({"weights": w} if row else {}))
        assert total == 7
    first, wrong = np.full((3, 4), 7.0), np.empty((3, 5))
    with pytest.raises(ValueError, match="output has shape"):
        ul.kl_divergence.grads(x, y, axis=(0,), out=(first, wrong))
    fitting = np.full((3, 4), 7, int)
    with pytest.raises(TypeError, match="cannot cast"):
        ul.kl_divergence.grads(x, y, axis=(0, 1), out=(first, fitting))
    wrong = np.empty((3, 4))
    wrong.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        ul.kl_divergence.grads(x, y, axis=(0, 1), out=(first, wrong))
    assert (first == 7).all()
    # more rows than a block has, and the label that is none is in the last
    logits, labels = np.zeros((40000, 4)), np.zeros(40000, int)
    labels[-1], grad = 4, np.full((40000, 4), 7.0)
    with pytest.raises(ValueError, match="at index 39999"):
        ul.softmax_cross_entropy_with_integer_labels.mean.value_and_grad(logits, labels, out=(None, grad))
    assert (grad == 7).all()


def test_outputs_may_be_inputs_also_where_a_mean_is_computed_again():
    rng = np.random.default_rng(3)
    x, t, w = rng.random((5, 4)), rng.random((5, 4)), rng.random(5)
    want = ul.cross_entropy.mean.value_and_grad(x, t, weights=w)
    value = np.empty(())
    got = ul.cross_entropy.mean.value_and_grad(x, t, weights=w, out=(value, t))
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(t, want[1])
    huge = np.full((5, 4), 1e308)  # whose sum overflows, not their mean
    want = ul.absolute_error.mean.value_and_grad(huge, 0.0)
    assert want[0] == 1e308
    assert ul.absolute_error.mean.value_and_grad(huge, 0.0, out=(None, huge))[0] == 1e308


@pytest.mark.parametrize(
    "wrong", [np.array(1j), np.datetime64("NaT"), np.array(0, "m8[s]"), np.array(1, "g"), np.array("1")]
)
def test_parameters_of_other_types_are_refused_as_in_calls(wrong):
    x = np.full((3, 4), 0.5)
    for given in ((x, x, wrong), (x[:, ::2], x[:, ::2], wrong), (x, wrong), (wrong, x)):
        for f in (
            ul.binary_cross_entropy,
            ul.binary_cross_entropy.mean,
            ul.binary_cross_entropy.sum.value_and_grad,
        ):
            with pytest.raises(TypeError, match="binary_cross_entropy"):
                f(*given)


LOSSES = np.ones((3, 4))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"axes": (10**6,)}, SystemError),
        ({"axes": (-1,)}, SystemError),
        ({"axes": ("a",)}, TypeError),
        ({"inputs": (LOSSES,)}, SystemError),
        ({"shape": (1,) * 3000}, SystemError),
        ({"shape": (-5, 4)}, SystemError),
        ({"shape": ("a", 4)}, TypeError),
        ({"shape": (2**62, 4)}, (SystemError, ValueError)),
        ({"type_number": 7}, SystemError),
        ({"width": -1}, SystemError),
        ({"mask": 3}, SystemError),
    ],
)
def test_the_way_to_the_core_crashes_on_nothing(changed, error):
    plain = {
        "type_number": np.dtype(float).num,
        "shape": (3, 4),
        "width": 1,
        "inputs": (LOSSES, LOSSES, np.array(1.0)),
        "weights": None,
        "mask": None,
        "grad": None,
        "axes": (0,),
    }
    mean = ul.huber_loss.mean
    assert mean._reduce(**plain)[0].shape == (4,)
    with pytest.raises(error):
        mean._reduce(**plain | changed)
    with pytest.raises(TypeError, match="belongs to a loss already"):
        mean.__init__(mean._loss, ul.huber_loss, "sum")
