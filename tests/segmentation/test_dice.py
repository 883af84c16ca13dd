"""Dice losses of images: values, gradients, options, signatures."""

import inspect
import itertools
import operator
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import ufloss as ul
from common import slope
from docstrings import run_examples
from segmentation.cases import FUNCTIONS, LABELS, SCORES, by_hand, regions_to_add_up, rng, softmax


def test_dice_of_several_classes():
    each = by_hand(softmax(SCORES), LABELS)
    np.testing.assert_allclose(ul.dice_loss(SCORES, LABELS), each.mean(-1), rtol=1e-13)
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, reduction="sum", ignore_background=True), each[:, 1:].sum(-1), rtol=1e-13
    )
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, reduction="none", class_weights=[1, 2, 3]), each * [1, 2, 3], rtol=1e-13
    )
    np.testing.assert_allclose(
        ul.dice_loss(softmax(SCORES), LABELS, apply_softmax=False), each.mean(-1), rtol=1e-12
    )
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, alpha=0.3, beta=0.7, smooth=0.1, axis=1, reduction="none"),
        by_hand(softmax(SCORES), LABELS, 0.1, 0.3, 0.7, 1),
        rtol=1e-13,
    )
    assert ul.dice_loss(SCORES.astype("f4"), LABELS.astype(int)).dtype == np.float32


def test_the_numbers_of_the_source_document():
    """A documented example without its class axis: each element is a region."""
    scores, labels = np.array([[1.0, -1.0], [0.5, 0.5]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(ul.dice_loss(scores, labels), [0.0435, 0.1714], atol=2e-4)
    assert ul.dice_loss(scores[..., None], labels[..., None]).shape == (2,)


def test_where_leaves_pixels_out():
    where = rng.random((2, 4, 5, 1)) < 0.7
    p = softmax(SCORES) * where
    np.testing.assert_allclose(
        ul.dice_loss(SCORES, LABELS, where=where), by_hand(p, LABELS * where).mean(-1), rtol=1e-13
    )
    one = where[..., 0]
    np.testing.assert_allclose(
        ul.binary_dice_loss(SCORES[..., 0], LABELS[..., 0], where=one),
        by_hand(one / (1 + np.exp(-SCORES[..., 0])), LABELS[..., 0] * one),
        rtol=1e-13,
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction": "sum", "class_weights": [1, 2, 3]},
        {"ignore_background": True},
        {"reduction": "none", "axis": (0, 1)},
    ],
)
def test_gradients_are_those_of_the_sum(options):
    value, grad = ul.dice_loss.value_and_grad(SCORES, LABELS, **options)
    np.testing.assert_array_equal(value, ul.dice_loss(SCORES, LABELS, **options))
    np.testing.assert_array_equal(grad, ul.dice_loss.grad(SCORES, LABELS, **options))
    np.testing.assert_allclose(grad, slope(lambda x: ul.dice_loss(x, LABELS, **options), SCORES), atol=1e-9)


def test_one_class():
    x, t = SCORES[..., 0], LABELS[..., 0]
    want = by_hand(1 / (1 + np.exp(-x)), t)
    for shaped in (x, x[..., None]):
        value, grad = ul.binary_dice_loss.value_and_grad(shaped, t.reshape(shaped.shape))
        np.testing.assert_allclose(value, want, rtol=1e-13)
        assert grad.shape == shaped.shape
        np.testing.assert_allclose(
            grad.reshape(x.shape), slope(lambda x: ul.binary_dice_loss(x, t), x), atol=1e-9
        )
    np.testing.assert_allclose(
        ul.binary_dice_loss(1 / (1 + np.exp(-x)), t, apply_sigmoid=False), want, rtol=1e-13
    )


@pytest.mark.parametrize("background", [False, True])
def test_generalized(background):
    f = LABELS.sum((0, 1, 2))
    weights = 1 / (f**2 + 1e-7)
    weights *= 3 / weights.sum()
    want = (by_hand(softmax(SCORES), LABELS) * weights)[:, background:].mean()
    value, grad = ul.multiclass_generalized_dice_loss.value_and_grad(
        SCORES, LABELS, ignore_background=background
    )
    np.testing.assert_allclose(value, want, rtol=1e-13)
    np.testing.assert_allclose(
        grad,
        slope(lambda x: ul.multiclass_generalized_dice_loss(x, LABELS, ignore_background=background), SCORES),
        atol=1e-9,
    )


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"reduction": "all"}, "reduction"),
        ({"reduction": np.array(["mean", "sum"])}, "reduction"),
        ({"class_weights": [1, 2]}, "class_weights"),
        ({"apply_softmax": False}, "not probabilities"),
    ],
)
def test_bad_options(options, what):
    with pytest.raises(ValueError, match=f"dice_loss: .*{what}"):
        ul.dice_loss(SCORES, LABELS, **options)


def test_bad_shapes():
    with pytest.raises(
        ValueError,
        match=r"dice_loss: predictions of shape \(2, 4, 5, 3\) and targets of shape \(2, 4, 5, 2\)",
    ):
        ul.dice_loss(SCORES, LABELS[..., :2])
    with pytest.raises(TypeError, match="unexpected keyword argument 'smoth'"):
        ul.dice_loss(SCORES, LABELS, smoth=1)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("attribute", ["", ".grad", ".value_and_grad"])
def test_arguments_are_bound_as_pythons_own(function, attribute):
    f, full = (
        operator.attrgetter(attribute[1:])(function) if attribute else function,
        re.escape(function.__name__ + attribute),
    )
    for word, value in (("want", ("value",)), ("name", "x"), ("smoth", 1)):
        with pytest.raises(TypeError, match=rf"^{full}\(\) got an unexpected keyword argument '{word}'$"):
            f(SCORES, LABELS, **{word: value})
    with pytest.raises(TypeError, match=rf"^{full}\(\) takes 2 positional arguments but 3 were given$"):
        f(SCORES, LABELS, None)
    with pytest.raises(
        TypeError, match=rf"^{function.__name__}\(\) missing 1 required positional argument: 'targets'$"
    ):
        f(SCORES)
    with pytest.raises(
        TypeError,
        match=rf"^{function.__name__}\(\) missing 2 required positional arguments: "
        "'predictions' and 'targets'$",
    ):
        f()
    with pytest.raises(
        TypeError, match=rf"^{function.__name__}\(\) got multiple values for argument 'predictions'$"
    ):
        f(SCORES, predictions=SCORES)


@pytest.mark.parametrize("function", [*FUNCTIONS, ul.make_fenchel_young_loss], ids=lambda f: f.__name__)
def test_examples_of_the_docstring_run(function):
    run_examples(function.__doc__, function.__name__)
    assert function.__module__.startswith("ufloss")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_signatures(function):
    names = list(inspect.signature(function).parameters)
    assert names[:2] == ["predictions", "targets"]
    assert "want" not in names
    assert inspect.signature(function.grad) == inspect.signature(function)


def test_weights_of_generalized_dice_depend_on_no_layout():
    for dtype in ("f2", "f4", "f8"):
        x, t = rng.normal(size=(2, 3, 50, 42)).astype(dtype)
        want = ul.multiclass_generalized_dice_loss(x, t)
        for layout in (
            np.asfortranarray,
            lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
            lambda a: a.astype(a.dtype.newbyteorder()),
        ):
            assert ul.multiclass_generalized_dice_loss(x, layout(t)) == want


def test_bits_depend_on_no_layout():
    def sparse(a):
        room = np.empty([2 * n for n in a.shape], a.dtype)[tuple(slice(None, None, -2) for _ in a.shape)]
        room[...] = a
        return room

    for x, t, options in regions_to_add_up():
        want = ul.dice_loss.value_and_grad(x, t, **options)
        layouts = (np.asfortranarray, sparse, lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1))
        for one, other in itertools.product(layouts, (np.asarray, *layouts)):
            for got, w in zip(ul.dice_loss.value_and_grad(one(x), other(t), **options), want, strict=False):
                np.testing.assert_array_equal(got, w)


def test_a_region_has_the_same_bits_by_itself():
    for x, t, options in regions_to_add_up():
        if "where" in options or x.size == 0:
            continue
        p = ul.softmax(x * 0.3)
        whole = ul.dice_loss(p, t, apply_softmax=False, **options)
        for k in range(x.shape[-1]):
            alone = ul.dice_loss(p[..., k : k + 1], t[..., k : k + 1], apply_softmax=False, **options)
            np.testing.assert_array_equal(alone[..., 0], whole[..., k])


def test_bits_depend_on_no_instruction_set():
    code = (
        "import hashlib, itertools\nimport numpy as np, ufloss as ul\n"
        + inspect.getsource(regions_to_add_up)
        + """
for x, t, options in regions_to_add_up():
    for a in ul.dice_loss.value_and_grad(x, t, **options):
        print(hashlib.sha256(np.ascontiguousarray(a)).hexdigest())
"""
    )
    # which has no fma
    names = [n for n in ul.show_config("dicts")["usable instruction sets"] if n != "x86-64-v2"]
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "UFLOSS_ISA": n},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in names
    }
    assert len(said) == 1
