"""What every ufunc of a row loss promises: broadcasting, NaN, domains, docstrings, bounds of curvature."""

import copy
import inspect
import pickle

import numpy as np
import pytest

from common import results
from docstrings import run_examples
from rows.cases import CASES, NAN, along, by_name, by_ufunc, draw, losses_that, ufunc_of


@by_ufunc
def test_empty_and_broadcast_batches(loss, attribute):
    ufunc = ufunc_of(loss, attribute)
    for got in results(ufunc, *draw(loss, (0, 5))):
        assert got.shape[0] == 0
    empty = [np.zeros((2, 0)) if lies else np.zeros(2, int) for lies in along(loss)]
    if loss["args"][0]["name"] == "logits" or any(a["role"] == "label" for a in loss["args"]):
        with pytest.raises(ValueError, match=f"{loss['name']}: the class axis is empty"):
            ufunc(*empty)
    else:
        for got in results(ufunc, *empty):
            np.testing.assert_array_equal(
                got, np.full(got.shape, 1.0 if loss["name"] == "cosine_distance" else 0.0)
            )
    args = draw(loss, (1, 1, 6))
    batch = [np.broadcast_to(args[0], (4, 3, 6)), *args[1:]]
    for got, want in zip(results(ufunc, *batch), results(ufunc, *[a[0, 0] for a in args]), strict=True):
        np.testing.assert_array_equal(got, np.broadcast_to(want, got.shape))


@by_ufunc
def test_nan_gives_nan_and_nothing_warns(loss, attribute):
    ufunc = ufunc_of(loss, attribute)
    for n in (6, 50):
        for position in (0, n // 2, n - 1):
            args = draw(loss, (3, n))
            args[0][1, position] = NAN
            with np.errstate(all="raise"):
                if loss["name"] == "smooth_labels":  # its elements do not touch each other
                    assert np.argwhere(np.isnan(ufunc(*args))).tolist() == [[1, position]]
                    continue
                for got, part in zip(results(ufunc, *args), loss["outputs"][attribute][1], strict=True):
                    if part not in ("hess_bound", "grad2", "grad3"):
                        assert np.isnan(got[1]).all(), part
                    assert not np.isnan(got[[0, 2]]).any()


def parameters_of(loss):
    return [a for a in loss["args"] if a["role"] == "parameter" and not a["along"]]


@pytest.mark.parametrize(("loss", "attribute"), [case for case in CASES if parameters_of(case.values[0])])
def test_parameters_outside_their_domain_give_nan(loss, attribute):
    for n in (5, 50):
        for i, a in enumerate(loss["args"]):
            if a["role"] == "parameter" and not a["along"]:
                for wrong in (NAN, -1.0) if a["checked"] else (NAN,):
                    args = draw(loss, (3, n))
                    args[i][1] = wrong
                    for got in results(ufunc_of(loss, attribute), *args):
                        assert np.isnan(got[1]).all()
                        assert not np.isnan(got[[0, 2]]).any()


@by_name
def test_shows_what_it_is(loss):
    ufunc = ufunc_of(loss)
    assert isinstance(ufunc, np.ufunc)
    assert pickle.loads(pickle.dumps(ufunc)) is ufunc is copy.deepcopy(ufunc)
    for derived in [v for v in vars(ufunc).values() if isinstance(v, np.ufunc)]:
        assert pickle.loads(pickle.dumps(derived)) is derived
    assert list(inspect.signature(ufunc).parameters)[-7:] == [
        "axis",
        "where",
        "keepdims",
        "casting",
        "order",
        "dtype",
        "subok",
    ]
    names = {a["name"]: a_ for a, a_ in zip(loss["args"], draw(loss, (3, 4)), strict=True)}
    np.testing.assert_array_equal(ufunc(**names), ufunc(*names.values()))
    np.testing.assert_array_equal(ufunc(**names, axis=(1,)), ufunc(*names.values()))
    if len([a for a in loss["args"] if a["default"] is None]) > 1:
        with pytest.raises(TypeError, match=r"missing [12] required positional argument"):
            ufunc(names[loss["args"][0]["name"]], keepdims=True)


@losses_that(lambda loss: "hess" in loss["outputs"])
def test_curvature_bound_is_positive_and_above(loss):
    ufunc, rng = ufunc_of(loss), np.random.default_rng(8)
    for n in (3, 40):
        args = draw(loss, (50, n), seed=n)
        bound, (slope, other), hess = (
            ufunc.hess_bound(*args),
            ufunc.grad_and_hess_bound(*args),
            ufunc.hess(*args),
        )
        assert (bound > 0).all()
        assert (bound >= hess - 1e-12 * abs(hess).max()).all()
        np.testing.assert_array_equal(bound, other)
        np.testing.assert_array_equal(slope, ufunc.grad(*args))
        args[0][rng.integers(50), 0] = NAN
        assert not np.isnan(ufunc.hess_bound(*args)).all()


@losses_that(lambda loss: "hess_bound" in loss["parts"])
def test_bounds_are_positive_whatever_is_rounded(loss):
    """They are divided by: rows of one element, targets and weights of 0, and float16, in which small ones
    would be 0.
    """
    ufunc = ufunc_of(loss)
    for n in (1, 2, 20, 3000):
        args = draw(loss, (50, n), seed=n)
        others = [i for i, a in enumerate(loss["args"]) if i and a["along"]]
        for factor in (1, 1e-7, 0):
            given = [x * factor if i in others else x for i, x in enumerate(args)]
            for dtype in ("f2", "f4", "f8"):
                with np.errstate(over="ignore"):
                    typed = [
                        np.asarray(x).astype(dtype) if np.asarray(x).dtype.kind == "f" else x for x in given
                    ]
                for axis in (-1, 0):
                    turned = [
                        np.asarray(x).T if a["along"] and axis == 0 else x
                        for x, a in zip(typed, loss["args"], strict=True)
                    ]
                    bound = ufunc.hess_bound(*turned, axis=axis)
                    assert ((bound > 0) | np.isnan(bound)).all(), (n, factor, dtype)
            assert (ufunc.hess_bound(*given, where=False) == 0).all()


@by_name
def test_examples_of_the_docstring_run(loss):
    run_examples(ufunc_of(loss).__doc__, loss["name"])


@losses_that(lambda loss: sum(along(loss)) > 1)
def test_targets_broadcast_along_the_row(loss):
    """What NumPy's gufuncs refuse, on every way to call."""
    lying = [i for i, a in enumerate(loss["args"]) if a["along"]]
    args, ufunc = draw(loss, (3, 5)), ufunc_of(loss)
    i = lying[1]
    short = [a[:, :1] if k == i else a for k, a in enumerate(args)]
    whole = [np.repeat(a[:, :1], 5, 1) if k == i else a for k, a in enumerate(args)]
    for kwargs in ({}, {"axis": -1}, {"where": np.ones((3, 5), bool)}, {"axis": (1,)}):
        np.testing.assert_array_equal(ufunc(*short, **kwargs), ufunc(*whole, **kwargs))
    number, full = [[x if k == i else a for k, a in enumerate(args)] for x in (0.25, np.full((3, 5), 0.25))]
    np.testing.assert_array_equal(ufunc(*number), ufunc(*full))
    wrong = [a[:, :4] if k == i else a for k, a in enumerate(args)]
    with pytest.raises(ValueError, match=f"^{loss['name']}: .*core dimension"):
        ufunc(*wrong)
    with pytest.raises(ValueError, match=rf"^{loss['name']}: .*could not be broadcast.*signature"):
        ufunc(*wrong, keepdims=True)
