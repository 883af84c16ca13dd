"""Predictions choose the loop, and targets where they are floating; other types are refused."""

import itertools
import re

import numpy as np
import pytest

from binding.cases import ROW_CASES, of_type, type_error
from cases import cases_that
from internals import UFUNCS

PROMOTION = [  # prediction, target, parameter, result
    ("f4", "i8", "f4", "f4"),
    ("f4", "u1", "f4", "f4"),
    ("f4", "u8", "i8", "f4"),
    ("f4", "?", "?", "f4"),
    ("f4", "f2", "f4", "f4"),
    ("f4", "f4", "f8", "f4"),
    ("f4", "f8", "f4", "f8"),
    ("f8", "f4", "f4", "f8"),
    ("f8", "f8", "f2", "f8"),
    ("f2", "f2", "f2", "f2"),
    ("f2", "f2", "f8", "f2"),
    ("f2", "i8", "i8", "f2"),
    ("f2", "f4", "f2", "f4"),
    ("i8", "i8", "i8", "f8"),
    ("i1", "i1", "f4", "f8"),
    ("?", "?", "?", "f8"),
    ("u8", "f4", "f4", "f8"),
    (">f4", ">i4", ">f8", "f4"),
    ("f4", float, float, "f4"),
    ("f4", int, bool, "f4"),
    ("f2", float, float, "f2"),
    ("f4", np.float64, np.float64, "f8"),
    ("f4", np.int64, np.float64, "f4"),
    (float, "f4", "f8", "f4"),
    (int, "f2", float, "f2"),
    (np.float64, "f4", float, "f8"),
    ("i4", float, float, "f8"),
    (float, "i4", "f4", "f8"),
    (float, float, float, "f8"),
    (int, int, int, "f8"),
    (np.float32, float, np.float64, "f4"),
    (np.float16, int, np.float64, "f2"),
]


@pytest.mark.parametrize(("prediction", "target", "parameter", "result"), PROMOTION)
def test_promotion(family, prediction, target, parameter, result):
    roles = [a["role"] for a in family[0].loss["args"]]
    if "target" not in roles:  # then the prediction alone decides
        kind = np.dtype(prediction)
        result = "f8" if kind.kind != "f" or prediction is float else kind.newbyteorder("=")
    kinds = {"prediction": prediction, "target": target, "parameter": parameter}
    for case in family:
        got = case(*[of_type(kinds[role]) for role in roles])
        assert [g.dtype for g in got] == [np.dtype(result)] * case.nout
        assert all(g.dtype.isnative for g in got)


def test_lists_and_python_numbers_are_float64(case):
    assert {g.dtype for g in case(*[[1.0, 0.5]] * case.nin)} == {np.dtype("f8")}
    assert {g.dtype for g in case(*[[1, 0]] * case.nin)} == {np.dtype("f8")}


def test_integer_and_boolean_data_count_as_their_values(case):
    ones = [np.ones(3)] * case.nin
    for dtype in ("?", "i1", "u1", "i8", "u8"):
        for got, want in zip(case(*[a.astype(dtype) for a in ones]), case(*ones), strict=True):
            np.testing.assert_array_equal(got, want, strict=True)


@cases_that(lambda case: any(a["role"] == "parameter" for a in case.loss["args"]))
def test_parameter_arrays_are_rounded_to_the_loop_not_widening_it(case):
    args = case.draw(9, "f4")
    roles = [a["role"] for a in case.loss["args"]]
    wide = [a.astype("f8") if role == "parameter" else a for role, a in zip(roles, args, strict=True)]
    for got, want in zip(case(*wide), case(*args), strict=True):
        np.testing.assert_array_equal(got, want, strict=True)


def test_resolve_dtypes_agrees_with_the_call(case):
    single = (np.dtype("f4"),) * case.nin
    assert case.ufunc.resolve_dtypes(single + (None,) * case.nout) == (np.dtype("f4"),) * (
        case.nin + case.nout
    )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_signature_in_all_its_forms(case, dtype):
    args = case.draw(5, "f4")
    char, n = np.dtype(dtype).char, case.nin + case.nout
    with np.errstate(over="ignore"):  # of the cast to float16
        want = case(*args, dtype=dtype)
        for signature in (
            char * case.nin + "->" + char * case.nout,
            (dtype,) * n,
            (None,) * case.nin + (dtype,) * case.nout,
        ):
            for got, w in zip(case(*args, signature=signature), want, strict=True):
                np.testing.assert_array_equal(got, w, strict=True)


BAD = {
    np.dtype("g").name: np.ones(3, "g"),
    "complex64": np.ones(3, "F"),
    "complex128": np.ones(3, "D"),
    "object": np.array([1.0, None, 2.0], object),
    "str": np.array(["a", "b", "c"]),
    "bytes": np.array([b"a", b"b", b"c"]),
    "datetime64": np.array([1, 2, 3], "M8[s]"),
    "timedelta64": np.array([1, 2, 3], "m8[s]"),
    "void": np.zeros(3, [("a", "f4")]),
}


# as long double is on some machines
@pytest.mark.parametrize("kind", [kind for kind in BAD if BAD[kind].dtype != np.float64])
def test_other_types_are_refused_by_name_in_every_position(family, kind):
    for case, k in itertools.product(family, range(family[0].nin)):
        args = [BAD[kind] if i == k else np.ones(3) for i in range(case.nin)]
        for call in (args, [a[0] if isinstance(a[0], np.generic) else a for a in args]):
            assert re.match(rf"{re.escape(case.name)} does not take {kind}", type_error(case.ufunc, *call))


def test_none_and_other_objects_are_refused(case):
    for bad in (None, {}, object(), "text", b"text", 1j):
        assert f"{case.name} does not take" in type_error(case.ufunc, bad, *[1.0] * (case.nin - 1))


def test_third_party_types_are_refused(value):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert "does not take bfloat16" in type_error(value.ufunc, *[np.ones(3, ml_dtypes.bfloat16)] * value.nin)


@pytest.mark.parametrize(
    "dtype",
    [dtype for dtype in ("D", "O", "i4", "?", "U", "S", "M8", "V", "g") if np.dtype(dtype) != np.float64],
)
def test_dtype_without_a_loop_is_refused_by_name(family, dtype):
    for case in family:
        message = type_error(case.ufunc, *[np.ones(3)] * case.nin, dtype=dtype)
        assert message.startswith(f"{case.name} has no loop for {np.dtype(dtype).name}")


def test_shapes_that_do_not_broadcast(case):
    for k in range(1, case.nin):
        args = [np.ones(4 if i == k else 3) for i in range(case.nin)]
        with pytest.raises(ValueError, match="could not be broadcast together"):
            case(*args)
    with pytest.raises(ValueError, match="broadcast"):
        case(*[np.ones(3)] * case.nin, out=tuple(np.ones(2) for _ in range(case.nout)))


def test_types_list_the_loops(case):
    n, m = case.nin, case.nout
    assert case.ufunc.types == [f"{c * n}->{c * m}" for c in "efd"]
    assert case.ufunc.ntypes == 3


@pytest.mark.parametrize(("loss", "attribute"), ROW_CASES)
def test_types_of_rows_list_the_loops(loss, attribute):
    value = UFUNCS[loss["name"]]
    ufunc = getattr(value, attribute) if attribute else value
    letters = {np.dtype(c).char: c for c in ("f2", "f4", "f8", "i8")}
    assert ufunc.ntypes == len(ufunc.types) == 4
    for text in ufunc.types:
        inputs, outputs = text.split("->")
        args = [
            np.zeros((2, 3) if a["along"] else 2, letters[c])
            for a, c in zip(loss["args"], inputs, strict=True)
        ]
        result = ufunc(*args, dtype=letters[outputs[0]])
        assert "".join(r.dtype.char for r in (result if isinstance(result, tuple) else (result,))) == outputs
