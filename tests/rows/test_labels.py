"""Labels of row losses: their types, and those that are no class."""

import numpy as np
import pytest

import ufloss as ul
from rows.cases import INTEGER, draw


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"])
def test_labels_of_any_integer_type(dtype):
    x, labels = (
        draw({"args": [{"name": "logits", "role": "prediction", "domain": "real"}]}, (20, 10), np.float32)[0],
        np.arange(20) % 10,
    )
    np.testing.assert_array_equal(INTEGER(x, labels.astype(dtype)), INTEGER(x, labels))
    assert INTEGER(x, labels.astype(dtype)).dtype == np.float32


@pytest.mark.parametrize("wrong", [-1, 10, 2**40, -(2**63)])
@pytest.mark.parametrize("attribute", ["grad", "value_and_grad", "hess"])
@pytest.mark.parametrize("n", [10, 60])
def test_labels_that_are_no_class(n, attribute, wrong):
    wrong = n if wrong == 10 else wrong
    x, labels = np.zeros((200, n)), np.zeros(200, np.int64)
    labels[150] = wrong
    out = np.full((200, n), 7.0)
    with pytest.raises(
        ValueError,
        match=f"^softmax_cross_entropy_with_integer_labels: label {wrong} is out of range for {n} "
        "classes, at index 150",
    ):
        INTEGER.grad(x, labels, out=out)
    assert (out == 7).all()
    with pytest.raises(ValueError, match="out of range"):
        getattr(INTEGER, attribute)(x, labels)
    where = np.arange(200) != 150  # a row that is masked out is not checked
    assert (INTEGER(x, labels, where=where) > 0).sum() == 199
    assert INTEGER(x, labels, where=labels != wrong)[150] == 0


@pytest.mark.parametrize("labels", [np.zeros(3), np.zeros(3, bool), np.zeros(3, complex), ["a", "b", "c"]])
def test_labels_must_be_integers(labels):
    with pytest.raises(TypeError, match="softmax_cross_entropy_with_integer_labels"):
        INTEGER(np.zeros((3, 4)), labels)


def test_labels_that_are_no_class_are_found_with_axes():
    x = np.zeros((2, 3))
    ce = ul.softmax_cross_entropy_with_integer_labels
    with pytest.raises(ValueError, match=r"label 9 is out of range for 3 classes, at index 1$"):
        ce(x, [0, 9], axes=[(1,), (), ()])
    with pytest.raises(ValueError, match=r"label 2 is out of range for 2 classes, at index 1$"):
        ce.value_and_grad(x, [0, 2, 9], axes=[0, (), (), 0])


@pytest.mark.parametrize("n", [10, 60])
def test_a_wrong_label_is_named_as_it_was_given(n):
    x = np.zeros((4, 3, n), np.float32)
    labels = np.zeros((4, 3), np.uint64)
    labels[2, 1] = 2**64 - 1
    with pytest.raises(
        ValueError, match=rf"label 18446744073709551615 is out of range for {n} classes, at index \(2, 1\)$"
    ):
        INTEGER(x, labels)
    with pytest.raises(
        ValueError, match=rf"label 18446744073709551615 is out of range for {n} classes, at index \(2, 1\)$"
    ):
        INTEGER.value_and_grad(logits=np.moveaxis(x, -1, 0), labels=labels, axis=0)
    with pytest.raises(
        ValueError,
        match=rf"^softmax_cross_entropy_with_integer_labels: label {n} is out of range for {n} classes$",
    ):
        INTEGER(x[0, 0], n)
    small = np.zeros(4, np.int8)
    small[3] = -100
    with pytest.raises(
        ValueError,
        match=rf"label -100 is out of range for {n} classes, at index 3; "
        "where=labels != -100 leaves such rows out$",
    ):
        INTEGER.grad(x[:, 0], small)
    small[1] = -7  # is masked out
    with pytest.raises(ValueError, match=r"label -100 is .* at index 3; "):
        INTEGER.grad(x[:, 0], small, where=small != -7)
    assert INTEGER(x[:, 0], small, where=small >= 0).shape == (4,)


def test_a_wrong_label_of_a_long_batch_is_found():
    labels = np.zeros(100000, np.int64)
    labels[99999] = 3
    with pytest.raises(ValueError, match=r"label 3 is out of range for 2 classes, at index 99999$"):
        INTEGER(np.zeros((100000, 2)), labels)
    with pytest.raises(ValueError, match=r"label 3 is out of range for 2 classes, at index 99999$"):
        INTEGER.mean(np.zeros((100000, 2)), labels)
    with pytest.raises(ValueError, match=r"label 3 is out of range for 2 classes, at index \(0, 99999\)$"):
        INTEGER.mean.value_and_grad(np.zeros((1, 2, 100000)), labels[None], axis=1)
