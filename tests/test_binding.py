"""The losses as Python objects: real ufuncs with named arguments, their types, errors and documentation; the
package around them.
"""

import doctest
import fnmatch
import importlib
import inspect
import itertools
import os
import pydoc
import re
import shlex
import subprocess
import sys
import tomllib
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

import ufloss as ul
from conftest import cases_that, families_that
from ufloss import _core
from ufloss._registry import ISA, LOSSES, ROW_LOSSES, UFUNCS

DERIVATIVES = {
    "grad": {"grad"},
    "value_and_grad": {"grad"},
    "hess": {"hess"},
    "grad_and_hess": {"hess"},
    "hess_bound": {"hess"},
    "grad_and_hess_bound": {"hess"},
    "grads": {"grad2"},
    "value_and_grads": {"grad2"},
}  # attribute -> the part without which it is absent
CONFIG = ul.show_config(mode="dicts")


def python(*command, **environment):
    """Run this interpreter; warnings are errors there too."""
    return subprocess.run(
        [sys.executable, "-W", "error", *command],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def names(case):
    return [a["name"] for a in case.loss["args"]]


def required(case):
    return [a["name"] for a in case.loss["args"] if a["default"] is None]


# Objects


def test_is_a_real_ufunc(case):
    assert type(case.ufunc) is np.ufunc
    assert (case.ufunc.nin, case.ufunc.nout, case.ufunc.signature) == (case.nin, case.nout, None)


def test_knows_its_name_and_module(case):
    assert case.ufunc.__name__ == case.ufunc.__qualname__ == case.name
    assert case.ufunc.__module__ == "ufloss"
    assert repr(case.ufunc) == f"<ufunc '{case.name}'>"


def test_derivatives_that_exist_are_attributes_and_the_others_are_absent(family):
    value = family[0].ufunc
    there = {attribute for attribute in DERIVATIVES if hasattr(value, attribute)}
    assert there == {
        attribute for attribute, needs in DERIVATIVES.items() if needs <= set(family[0].loss["parts"])
    }
    for attribute in there:
        assert type(getattr(value, attribute)) is np.ufunc
        assert not any(hasattr(getattr(value, attribute), other) for other in DERIVATIVES)
    with pytest.raises(AttributeError, match="no attribute"):
        _ = value.no_such_derivative


@families_that(lambda loss: "hess" in loss["outputs"])
def test_second_derivative_without_a_bound_of_its_own_is_the_bound(family):
    value, outputs = family[0].ufunc, family[0].loss["outputs"]
    assert (value.hess_bound is value.hess) == ("hess_bound" not in outputs)
    assert (value.grad_and_hess_bound is value.grad_and_hess) == ("hess_bound" not in outputs)


def test_package_lists_every_loss(family):
    name = family[0].name
    assert name in ul.__all__
    assert name in dir(ul)
    assert getattr(ul, name) is family[0].ufunc


def test_all_names_exist_and_are_the_only_public_ones():
    assert ul.__all__ == sorted(set(ul.__all__)) == dir(ul)
    # In a process of its own: a subpackage that another test has imported is a name of the package too.
    public = python(
        "-c", "import ufloss as ul; print(*sorted(name for name in vars(ul) if not name.startswith('_')))"
    ).stdout.split()
    # imported when somebody asks
    assert public == [name for name in ul.__all__ if not name.startswith("_") and name != "compat"]


# Calls by name


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


class Spy(np.ndarray):
    """An output that returns the inputs which NumPy's loop would get."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return inputs


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


def type_error(call, *args, **kwargs):
    with pytest.raises(TypeError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


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


# Types: predictions choose the loop, and targets where they are floating

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


def of_type(kind):
    return kind(1) if isinstance(kind, type) else np.ones(3, kind)


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


# Overrides


class Duck:
    """Keeps what __array_ufunc__ was given."""

    def __array_ufunc__(self, *args, **kwargs):
        return args, kwargs


def test_array_ufunc_gets_the_ufunc_and_all_inputs(case):
    duck = Duck()
    for k in range(case.nin):
        values = [duck if i == k else float(i) for i in range(case.nin)]
        want = (case.ufunc, "__call__", *values)
        assert case.ufunc(*values) == (want, {})
        assert case.ufunc(**dict(zip(names(case), values, strict=True)), where=True) == (
            want,
            {"where": True},
        )


def test_array_ufunc_gets_the_defaults(case):
    duck = Duck()
    for k in range(case.nin):
        filled = [1.0 if a["default"] is None else a["default"] for a in case.loss["args"]]
        filled[k] = duck
        given = {
            name: v
            for name, v in zip(names(case), filled, strict=True)
            if name in required(case) or v is duck
        }
        assert case.ufunc(**given) == ((case.ufunc, "__call__", *filled), {})


def test_array_ufunc_of_an_output(case):
    duck = Duck()
    outs = (duck, *[None] * (case.nout - 1))
    args, kwargs = case.ufunc(*[1.0] * len(required(case)), out=outs)
    assert args[:2] == (case.ufunc, "__call__")
    assert len(args) == 2 + case.nin
    assert kwargs == {"out": outs}


def test_array_ufunc_none_refuses(case):
    opaque = type("Opaque", (), {"__array_ufunc__": None})
    assert "does not support ufuncs" in type_error(case.ufunc, opaque(), *[1.0] * (case.nin - 1))


# Exceptions of what is asked after NumPy refused a call

ORDINARY = [ValueError, np.exceptions.AxisError, IndexError, TypeError, RuntimeError]
URGENT = [MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit]


def raising(error):
    def f(*args, **kwargs):
        raise error("raised on the way")

    return f


def row_ufunc(name, slow=None, explain=None):
    """A ufunc of that loss with another slow way and another explaining function."""
    loss = next(loss for loss in ROW_LOSSES if loss["name"] == name)
    names, defaults = zip(
        *[(a["name"], ... if a["default"] is None else a["default"]) for a in loss["args"]], strict=True
    )
    ufunc = _core.make_ufunc(ISA, loss["outputs"][""][0], name, "", names, defaults, slow, explain)
    KEPT.append(ufunc)
    return ufunc


KEPT = []  # ufuncs live for ever


@pytest.mark.parametrize("error", [*ORDINARY, *URGENT])
def test_only_a_refusal_of_shapes_gives_way_to_numpys(error):
    ufunc = row_ufunc("softmax_cross_entropy", raising(error))
    x, y = np.zeros((2, 3)), np.zeros((2, 4))
    said = "mismatch in its core dimension" if issubclass(error, ValueError) else "raised on the way"
    for call in (lambda: ufunc(x, y), lambda: ufunc(x, labels=y), lambda: ufunc(x, y, out=np.empty(2))):
        with pytest.raises(ValueError if issubclass(error, ValueError) else error, match=said):
            call()
    with pytest.raises(ValueError, match="mismatch in its core dimension"):  # the slow way has no axes
        ufunc(x, y, axes=[(-1,), (-1,), ()])
    # asked for by a keyword: there is no other error
    with pytest.raises(error, match="raised on the way"):
        ufunc(x, y, keepdims=True)
    # shapes of the batch, which the slow way is not asked about
    with pytest.raises(ValueError, match="could not be broadcast"):
        ufunc(x, y[:1].repeat(3, 0)[:, :3])


@pytest.mark.parametrize("error", [*ORDINARY, *URGENT])
def test_only_ordinary_errors_of_an_explanation_are_passed_over(error):
    passed_over = error in ORDINARY
    ufunc = row_ufunc("softmax_cross_entropy_with_integer_labels", explain=raising(error))
    with pytest.raises(
        ValueError if passed_over else error,
        match="label 9 is out of range" if passed_over else "raised on the way",
    ):
        ufunc(np.zeros((2, 3)), [0, 9])
    np.testing.assert_array_equal(ufunc(np.zeros((2, 3)), [0, 1]), np.log(3))

    record = next(
        r for r in _core.read_ctc(ISA) if (r["name"], r["attribute"], r["masked"]) == ("ctc.loss", "", False)
    )
    names = tuple(name for name, _ in record["args"])
    ufunc = _core.make_ctc(
        ISA,
        record["record"],
        "ctc.loss",
        "",
        names,
        ul.ctc.DEFAULTS,
        ul.ctc.slow,
        raising(error),
        ul.ctc.measure,
        0,
    )
    KEPT.append(ufunc)
    x = np.zeros((4, 3))
    with pytest.raises(
        ValueError if passed_over else error,
        match="label 9 is out of range" if passed_over else "raised on the way",
    ):
        ufunc(x, [9])
    if passed_over:  # also where it is asked before the call
        assert ufunc(x, [1], blank=np.uint64(0)) == ufunc(x, [1])
    else:
        with pytest.raises(error, match="raised on the way"):
            ufunc(x, [1], blank=np.uint64(0))


def test_ctc_labels_without_an_axis_are_refused_by_numpy():
    for blank in (0, np.uint64(0)):
        with pytest.raises(ValueError, match="Input operand 1 does not have enough dimensions"):
            ul.ctc.loss(np.zeros((4, 3)), 1, blank=blank)


def test_attributes_of_a_subclass_are_not_looked_up():
    asked = []

    class Computed(np.ndarray):
        def __getattr__(self, name):
            asked.append(name)
            raise KeyboardInterrupt(name)

    x = np.zeros((2, 3)).view(Computed)
    np.testing.assert_array_equal(np.asarray(ul.logsumexp(x)), np.log(3))
    assert not asked


# Memory


def calls_of(case, args):
    """Calls of every kind, failing ones included."""
    by_name = dict(zip(names(case), args, strict=True))
    keys = {"".join(list(k)): v for k, v in by_name.items()}  # not interned
    out = tuple(np.empty(3) for _ in range(case.nout))

    def failing(*a, **k):
        try:
            case.ufunc(*a, **k)
        except (TypeError, ValueError):
            return
        raise AssertionError("should have failed")

    return [
        lambda: case(*args),
        lambda: case(*args[: len(required(case))]),
        lambda: case(**by_name),
        lambda: case(**keys, where=True, dtype="f8"),
        lambda: case(**by_name, out=out),
        lambda: failing(),
        lambda: failing(**{names(case)[-1]: args[0], "nonsense": 1}),
        lambda: failing(*args, nonsense=1),
        lambda: failing(*args, **{names(case)[0]: args[0]}),
        lambda: failing(*args, *[None] * 9),
        lambda: failing("text", *args[1:]),
        lambda: failing(*args, dtype="D"),
        lambda: failing(*args, out=np.empty(2)),
    ]


def test_calls_keep_no_references_and_no_memory(family):
    for case in {family[0].name: family[0], family[-1].name: family[-1]}.values():
        args = [np.ones(3) for _ in range(case.nin)]
        calls = calls_of(case, args)

        def rounds(n, calls=calls):
            for _ in range(n):
                for call in calls:
                    call()

        rounds(20)
        counts = [sys.getrefcount(a) for a in args]
        grown = []
        for _ in range(3):  # other threads allocate too; a leak shows every time
            tracemalloc.start()
            try:
                rounds(20)
                before = tracemalloc.get_traced_memory()[0]
                rounds(200)
                grown.append(tracemalloc.get_traced_memory()[0] - before)
            finally:
                tracemalloc.stop()
        assert [sys.getrefcount(a) for a in args] == counts
        assert min(grown) < 200 * 16, "less than one object a round"


# Documentation


def test_signature_is_that_of_the_docstring(case):
    first = case.ufunc.__doc__.splitlines()[0]
    name, arguments = re.fullmatch(r"([\w.]+)\((.*)\)", first).groups()
    space = {}
    exec(f"def f({arguments}): pass", space)
    assert name == case.name
    assert inspect.signature(case.ufunc) == inspect.signature(space["f"])


def test_signature_names_the_registered_arguments(case):
    shown = list(inspect.signature(case.ufunc).parameters.values())
    for p, a in zip(shown, case.loss["args"], strict=False):
        assert (p.name, p.default) == (a["name"], p.empty if a["default"] is None else a["default"])
    assert [p.name for p in shown[case.nin :]] == ["out", "where", "casting", "order", "dtype", "subok"]


def section(doc, title):
    """Lines of one numpydoc section."""
    found = re.search(rf"^{title}\n{'-' * len(title)}\n(.*?)(?=^\w+\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found[1].splitlines()


def entries(lines):
    return [line.split(" : ")[0] for line in lines if line and not line.startswith(" ")]


def test_docstring_has_the_numpydoc_sections(case):
    doc = case.ufunc.__doc__
    assert case.loss["formula"].splitlines()[0] in doc
    assert entries(section(doc, "Parameters")) == [*names(case), "out", "where", "**kwargs"]
    assert len(entries(section(doc, "Returns"))) == case.nout
    assert entries(section(doc, "Raises")) == ["TypeError"]
    assert f"Source: {case.loss['source']}" in section(doc, "Notes")
    assert ("Examples\n--------" in doc) == (case.attribute == "")


def test_docstring_of_the_loss_lists_its_derivatives(family):
    notes = "\n".join(section(family[0].ufunc.__doc__, "Notes"))
    for case in family[1:]:
        assert f"`{case.attribute}`" in notes


def run_examples(doc, name):
    test = doctest.DocTestParser().get_doctest(doc, {"ul": ul, "np": np, "ufloss": ul}, name, None, 0)
    said = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)


def test_examples_of_the_docstring_run(value):
    run_examples(value.ufunc.__doc__, value.name)


@pytest.mark.parametrize(
    "thing", [ul, ul.show_config, ul.get_include], ids=["ufloss", "show_config", "get_include"]
)
def test_examples_of_the_package_run(thing):
    run_examples(thing.__doc__, thing.__name__)


def test_help_shows_the_docstring(case):
    text = pydoc.render_doc(case.ufunc, renderer=pydoc.plaintext)
    assert case.name in text.splitlines()[2]
    for line in case.ufunc.__doc__.splitlines():
        assert line in text


# The package


def test_show_config_prints_what_it_returns(capsys):
    assert ul.show_config() is None
    printed = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert printed == {key: ", ".join(v) if isinstance(v, list) else str(v) for key, v in CONFIG.items()}
    assert ul.show_config("stdout") is None


def test_show_config_tells_the_truth():
    assert CONFIG["ufloss"] == ul.__version__
    assert CONFIG["numpy"] == np.__version__
    # aliases count once
    assert CONFIG["losses"] == len(
        {id(getattr(ul, name)) for name in ul.__all__ if type(getattr(ul, name)) is np.ufunc}
    )
    assert CONFIG["instruction set"] in CONFIG["usable instruction sets"]
    assert set(CONFIG["usable instruction sets"]) <= set(CONFIG["built instruction sets"])
    beyond = CONFIG["bytes beyond which results are stored past the cache"]
    assert beyond == "never" or 2**18 <= beyond < 2**40


def test_show_config_refuses_another_mode():
    with pytest.raises(ValueError, match='mode must be "stdout" or "dicts", not \'xml\''):
        ul.show_config(mode="xml")


def test_get_include_holds_the_headers():
    folder = Path(ul.get_include())
    assert (folder / "ufloss" / "ufloss.hpp").is_file()
    assert (folder / "ufloss" / "registry.hpp").is_file()


def test_wheels_hold_no_source_of_the_binding():
    root = Path(__file__).parent.parent
    excluded = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["scikit-build"]["wheel"][
        "exclude"
    ]
    sources = [
        p.name
        for p in (root / "python" / "ufloss").rglob("*")
        if p.suffix in (".pyx", ".pxd", ".hpp", ".cpp")
    ]
    assert {"_core.pyx", "_host.hpp", "_vectorcall.hpp"} <= set(sources)
    assert [
        name for name in sources if not any(fnmatch.fnmatchcase(name, pattern) for pattern in excluded)
    ] == []


def test_command_line_version():
    assert python("-m", "ufloss", "--version").stdout.strip() == ul.__version__


def test_command_line_includes():
    words = shlex.split(python("-m", "ufloss", "--includes").stdout)
    assert {"-std=c++17", "-ffp-contract=off", "-fno-math-errno"} <= set(words)
    folders = [Path(word[2:]) for word in words if word.startswith("-I")]
    assert str(folders[0]) == ul.get_include()
    assert any((folder / "xsimd" / "xsimd.hpp").is_file() for folder in folders)


@pytest.mark.skipif(os.name == "nt", reason="quoting for a POSIX shell")
@pytest.mark.parametrize(
    "folder", ["/a folder with spaces/include", "/it's", '/"quoted"', "/$HOME and `pwd`", "/back\\slash"]
)
def test_command_line_includes_survive_a_shell(monkeypatch, capsys, folder):
    monkeypatch.setattr(ul, "get_include", lambda: folder)
    monkeypatch.setattr(sys, "argv", ["ufloss", "--includes"])
    importlib.import_module("ufloss.__main__").main()
    flags = capsys.readouterr().out.strip()
    words = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {flags}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(words) == 5
    assert words[3] == f"-I{folder}"


def test_command_line_folders():
    assert (Path(python("-m", "ufloss", "--cmakedir").stdout.strip()) / "ufloss-config.cmake").is_file()
    assert (Path(python("-m", "ufloss", "--pkgconfigdir").stdout.strip()) / "ufloss.pc").is_file()


def test_command_line_config():
    assert f"instruction set: {CONFIG['instruction set']}" in python("-m", "ufloss", "--config").stdout


def test_command_line_without_or_with_wrong_arguments():
    assert "--includes" in python("-m", "ufloss").stdout
    wrong = python("-m", "ufloss", "--nonsense")
    assert wrong.returncode == 2
    assert "--nonsense" in wrong.stderr


def test_import_is_quick():
    program = (
        "import time, numpy; start = time.perf_counter(); import ufloss; print(time.perf_counter() - start)"
    )
    seconds = min(float(python("-c", program).stdout) for _ in range(3))
    assert seconds < 0.25


def test_import_brings_no_other_package_than_numpy():
    program = (
        "import sys, numpy; before = set(sys.modules); import ufloss; print(*{m.split('.')[0] for "
        "m in set(sys.modules) - before})"
    )
    packages = {name for name in python("-c", program).stdout.split() if "cython" not in name}
    assert packages - set(sys.stdlib_module_names) == {"ufloss"}


# Instruction sets, each in a process of its own


def test_isa_asked_for_is_the_one_in_use():
    for isa in CONFIG["usable instruction sets"]:
        run = python(
            "-c", "import ufloss; print(ufloss.show_config('dicts')['instruction set'])", UFLOSS_ISA=isa
        )
        assert run.stdout.strip() == isa


def test_best_instruction_set_is_the_default():
    run = python("-c", "import ufloss; print(ufloss.show_config('dicts')['instruction set'])", UFLOSS_ISA="")
    assert run.stdout.strip() == CONFIG["usable instruction sets"][-1]


@pytest.mark.parametrize("wrong", ["nonsense", "x86-64", "AVX2", "0"])
def test_unknown_isa_is_an_import_error_that_names_the_choices(wrong):
    run = python("-c", "import ufloss", UFLOSS_ISA=wrong)
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: UFLOSS_ISA={wrong!r}")
    assert ", ".join(CONFIG["usable instruction sets"]) in last


def test_a_build_for_other_processors_is_an_import_error():
    with pytest.raises(
        ImportError,
        match="ufloss is built for x86-64-v3 and x86-64-v4, and this processor lacks what that needs",
    ):
        _core.index_of_isa("", {"x86-64-v3": False, "x86-64-v4": False}, -1)
    with pytest.raises(ImportError, match=r"^UFLOSS_ISA='x86-64-v4' .* \(there is none\)$"):
        _core.index_of_isa("x86-64-v4", {"x86-64-v4": False}, -1)
    assert _core.index_of_isa("", {"x86-64-v3": True, "x86-64-v4": False}, 0) == 0
    assert _core.index_of_isa("x86-64-v4", {"x86-64-v3": True, "x86-64-v4": True}, 0) == 1


# Masked arrays

ROW_CASES = [
    pytest.param(loss, attribute, id=f"{loss['name']}.{attribute}".removesuffix("."))
    for loss in ROW_LOSSES
    for attribute in loss["outputs"]
]


def rows_of(loss, rows=6, n=5):
    rng = np.random.default_rng(0)
    args = []
    for a in loss["args"]:
        if a["role"] == "label":
            args.append(rng.integers(0, n, rows))
        else:
            args.append(rng.random((rows, n) if a["along"] else rows) + 0.1)
    return args


@pytest.mark.parametrize(("loss", "attribute"), ROW_CASES)
def test_masked_arrays_count_as_where_in_rows(loss, attribute):
    value = UFUNCS[loss["name"]]
    ufunc, args = getattr(value, attribute) if attribute else value, rows_of(loss)
    names = [a["name"] for a in loss["args"]]
    for k, x in enumerate(args):
        mask = np.random.default_rng(k).random(x.shape) < 0.3
        spoiled = x.copy()
        spoiled[mask] = -100 if x.dtype.kind == "i" else np.nan
        mixed = [np.ma.array(spoiled, mask=mask) if i == k else a for i, a in enumerate(args)]
        want = ufunc(*[spoiled if i == k else a for i, a in enumerate(args)], where=~mask)
        where = np.random.default_rng(9).random((6, 5)) < 0.8
        both = ufunc(*args, where=(~mask if mask.ndim == 2 else ~mask[:, None]) & where)
        filled = [
            a.filled(0.5 if a.dtype.kind == "f" else 0) if isinstance(a, np.ma.MaskedArray) else a
            for a in mixed
        ]
        for got, right in (
            (ufunc(*mixed), want),
            (ufunc(**dict(zip(names, mixed, strict=True))), want),
            (ufunc(*mixed, where=where), both),
            (
                ufunc(
                    *filled,
                    where=np.ma.array(
                        where, mask=mask if mask.ndim == 2 else np.broadcast_to(mask[:, None], (6, 5))
                    ),
                ),
                both,
            ),
        ):
            for g, w in zip(
                got if isinstance(got, tuple) else (got,),
                right if isinstance(right, tuple) else (right,),
                strict=True,
            ):
                assert type(g) is np.ndarray
                np.testing.assert_array_equal(g, w)


def test_masks_that_numpy_would_ignore_are_refused(case):
    args = case.draw(4)
    with pytest.raises(TypeError, match="where is a masked array"):
        case(*args, where=np.ma.array([True] * 4, mask=[0, 1, 0, 0]))


def test_losses_over_a_batch_refuse_masked_arrays():
    x = np.ma.array(np.random.default_rng(0).random((4, 3)), mask=np.eye(4, 3))
    for call in (
        lambda: ul.ntxent_loss(x, [0, 0, 1, 1]),
        lambda: ul.ntxent_loss.value_and_grad(x.data, np.ma.array([0, 0, 1, 1], mask=[1, 0, 0, 0])),
        lambda: ul.ctc.loss(x, [1]),
        lambda: ul.ctc.loss.value_and_grad(x.data, np.ma.array([1], mask=[1])),
    ):
        with pytest.raises(TypeError, match="takes no masked arrays"):
            call()


# Types


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


# Warnings


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_no_call_emits_a_warning(case, dtype):
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        if case.nin < 4:
            case(*case.specials(np.dtype(dtype)))
        case(
            *[
                np.resize(np.array([np.nan, np.inf, -np.inf, 0, 65504, -65504, 6e-8], dtype), 7)
                for _ in range(case.nin)
            ]
        )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(("loss", "attribute"), ROW_CASES)
def test_no_call_of_rows_emits_a_warning(loss, attribute, dtype):
    value = UFUNCS[loss["name"]]
    ufunc = getattr(value, attribute) if attribute else value
    special = np.array([np.nan, np.inf, -np.inf, 0, 65504, -65504, 6e-8], dtype)
    args = [a if a.dtype.kind == "i" else np.resize(special, a.shape) for a in rows_of(loss, 7, 6)]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        ufunc(*args)
        ufunc(*args, where=np.tile(np.arange(6) > 2, (7, 1)))
        ufunc(*args, axis=(-1,))
