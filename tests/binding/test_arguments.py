"""Calls by name: order, defaults, and the messages that Python's own functions give."""

import numpy as np
import pytest

import ufloss as ul
from binding.cases import Spy, names, required, type_error
from cases import cases_that
from internals import ISA, LOSSES, _core


def test_arguments_by_name_in_any_order(case):
    args = case.draw(7)
    want = case(*args)
    by_name = dict(zip(names(case), args, strict=True))
    for split in range(case.nin + 1):
        rest = dict(reversed(list(by_name.items())[split:]))
        for got, w in zip(case(*args[:split], **rest), want, strict=True):
            np.testing.assert_array_equal(got, w, strict=True)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@cases_that(lambda case: len(required(case)) < case.nin)
def test_defaults_are_the_registered_ones(case, dtype):
    args = case.draw(7, dtype)
    defaults = [a["default"] for a in case.loss["args"]]
    for k in range(len(required(case)), case.nin):
        full = [
            a if default is None or i < k else default
            for i, (a, default) in enumerate(zip(args, defaults, strict=True))
        ]
        for got, want in zip(case(*args[:k]), case(*full), strict=True):
            assert got.dtype == want.dtype == dtype
            # also where float16 or float32 does not have the default
            assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("default", [0.1, 1 / 3, 1e-7])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_default_that_is_no_float16_or_float32(dtype, default):
    loss = next(loss for loss in LOSSES if loss["name"] == "huber_loss")
    names = tuple(a["name"] for a in loss["args"])
    ufunc = _core.make_ufunc(
        ISA, loss["outputs"][""][0], "huber_loss", "", names, (..., default, default), None
    )
    for x in (np.linspace(-2, 2, 99, dtype=dtype), np.dtype(dtype).type(0.5), np.array(0.5, dtype)):
        got, want = ufunc(x), ul.huber_loss(x, default, default)
        assert got.dtype == want.dtype == dtype
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_defaults_beside_arrays_are_rounded_to_their_type_once(case, dtype):
    args = [np.full(3, 0.5, dtype) for _ in required(case)]
    got = case.ufunc(*args, out=(np.empty(3, dtype).view(Spy), *[None] * (case.nout - 1)))
    assert len(got) == case.nin
    for given, a in zip(got[len(args) :], case.loss["args"][len(args) :], strict=True):
        assert type(given) is np.ndarray
        assert given.dtype == dtype
        assert given.tobytes() == np.dtype(dtype).type(a["default"]).tobytes()


def test_numpy_keywords_beside_named_arguments(case):
    args = case.draw(7)
    by_name = dict(zip(names(case), args, strict=True))
    out = tuple(np.full(7, 77.0) for _ in range(case.nout))
    mask = np.arange(7) % 2 == 0
    got = case(**by_name, out=out, where=mask, casting="same_kind", order="C", subok=False)
    for g, o, w in zip(got, out, case(*args), strict=True):
        assert g is o
        np.testing.assert_array_equal(o, np.where(mask, w, 77))
    assert {g.dtype for g in case(**by_name, dtype="f8")} == {np.dtype("f8")}


def python_function(case):
    """A Python function of the same name and arguments."""
    inputs = ", ".join(
        a["name"] + ("" if a["default"] is None else f"={a['default']}") for a in case.loss["args"]
    )
    space = {}
    exec(f"def f({inputs}, out=None, *, where=True): pass", space)
    space["f"].__qualname__ = case.name
    return space["f"]


def test_missing_argument_message_is_pythons(case):
    for k in range(len(required(case))):
        assert type_error(case.ufunc, *[1.0] * k) == type_error(python_function(case), *[1.0] * k)
    given = required(case)[1:]
    assert type_error(case.ufunc, **dict.fromkeys(given, 1.0)) == type_error(
        python_function(case), **dict.fromkeys(given, 1.0)
    )


def test_doubled_argument_message_is_pythons(case):
    for name in names(case):
        doubled = type_error(case.ufunc, *[1.0] * case.nin, **{name: 1.0})
        assert doubled == type_error(python_function(case), *[1.0] * case.nin, **{name: 1.0})


def test_unknown_keyword_message_is_pythons(case):
    for n in (len(required(case)), case.nin):
        message = type_error(case.ufunc, *[1.0] * n, no_such_thing=1)
        assert message.startswith(f"{case.name}() got an unexpected keyword argument 'no_such_thing'")
        assert type_error(python_function(case), *[1.0] * n, no_such_thing=1).startswith(message)


def test_row_keywords_are_unknown_to_elementwise_losses(case):
    for keyword in ("axis", "axes", "keepdims"):
        assert f"unexpected keyword argument '{keyword}'" in type_error(
            case.ufunc, *[1.0] * case.nin, **{keyword: 0}
        )


def test_too_many_arguments(case):
    most = case.nin + case.nout
    for n in (most + 1, most + 2, 70):
        assert f"{most} positional arguments but {n} were given" in type_error(
            case.ufunc, *[1.0] * case.nin, *[None] * (n - case.nin)
        )
    many = {f"name{i}": 1.0 for i in range(100)}
    assert f"{case.name}() got" in type_error(case.ufunc, **many)


def test_out_twice(case):
    out = tuple(np.empty(()) for _ in range(case.nout))
    assert "'out'" in type_error(case.ufunc, *[1.0] * case.nin, *out, out=out)
