"""Where `where`, `keepdims` and an axis of plain arrays are served at once, they are served as the slow way
serves them: results and their types, outputs, exceptions and their words, for all losses over rows or pairs.
"""

import functools
import sys

import numpy as np
import pytest

import ufloss as ul
from internals import ISA, PAIR_LOSSES, ROW_LOSSES, UFUNCS
from ufloss import _core
from ufloss._front import BatchCall, RowCall
from ufloss._labels import make_explain

ROWS, CLASSES = 4, 5
KEPT = []  # ufuncs live for ever


def cases_of(losses):
    return [
        pytest.param(loss, attribute, id=f"{loss['name']}.{attribute}".removesuffix("."))
        for loss in losses
        for attribute in loss["outputs"]
    ]


by_row_ufunc = pytest.mark.parametrize(("loss", "attribute"), cases_of(ROW_LOSSES))
by_batch_ufunc = pytest.mark.parametrize(("loss", "attribute"), cases_of(PAIR_LOSSES))
by_ufunc = pytest.mark.parametrize(("loss", "attribute"), cases_of(ROW_LOSSES + PAIR_LOSSES))


def ufunc_of(loss, attribute):
    value = UFUNCS[loss["name"]]
    return getattr(value, attribute) if attribute else value


def masked_of(loss, attribute):
    full = f"{loss['name']}.{attribute}".removesuffix(".")
    return _core.make_masked(ISA, loss["masked"][attribute][0], full)


def make(loss, attribute, slow, masked=None):
    """The ufunc of a loss with another slow way; without a twin there is no quick one."""
    full = f"{loss['name']}.{attribute}".removesuffix(".")
    names = tuple(a["name"] for a in loss["args"])
    defaults = tuple(... if a["default"] is None else a["default"] for a in loss["args"])
    record = loss["outputs"][attribute][0]
    ufunc = _core.make_ufunc(ISA, record, full, "", names, defaults, slow, make_explain(loss, full), masked)
    KEPT.append((ufunc, masked))
    return ufunc


@functools.cache
def slow_ufunc(name, attribute):
    """The ufunc of a loss that leaves to Python what NumPy's gufuncs lack."""
    loss = next(loss for loss in ROW_LOSSES + PAIR_LOSSES if loss["name"] == name)
    full = f"{name}.{attribute}".removesuffix(".")
    masked = masked_of(loss, attribute)
    if loss["kind"] == "row":
        return make(loss, attribute, RowCall(loss, full, loss["outputs"][attribute][1], masked))
    return make(loss, attribute, BatchCall(loss, full, masked))


# Operands


def draw(loss, batch=(ROWS,), n=CLASSES, dtype="f4", seed=0):
    """Arrays for every argument that has no default, their rows along the last axis."""
    rng = np.random.default_rng(seed)
    args = []
    for a in loss["args"]:
        if a["default"] is not None:
            continue
        if a["role"] == "label":
            args.append(rng.integers(0, n, batch))
        else:
            args.append((rng.random((*batch, n) if a["along"] else batch) + 0.1).astype(dtype))
    return args


def along(loss):
    """Which arguments have rows of numbers; labels of a batch are core dimensions too."""
    return [a["along"] and a["role"] != "label" for a in loss["args"]]


def changed(loss, change, args):
    """The arguments, of which those along the rows are changed."""
    return [change(x) if lies else x for x, lies in zip(args, along(loss), strict=False)]


def last_changed(change, args):
    return [*args[:-1], change(args[-1])]


class Subclass(np.ndarray):
    pass


class Number(np.float64):
    """A number that handles ufuncs itself."""

    def __array_ufunc__(self, *args, **kwargs):
        return "handled"


def operands_of(loss):
    """Arguments of many kinds, by name."""
    args, square = draw(loss), draw(loss, n=ROWS)
    kinds = {
        "arrays": args,
        "halves": draw(loss, dtype="f2"),
        "doubles": draw(loss, dtype="f8"),
        "integers": [x.astype(int) for x in args],
        "one row": draw(loss, ()),
        "one class": draw(loss, n=1),
        "no row": draw(loss, (0,)),
        "no class": [x[..., :0] if lies else x for x, lies in zip(args, along(loss), strict=False)],
        "several axes": draw(loss, (2, 3)),
        "a batch of one": draw(loss, (1, ROWS)),
        "classes first": changed(loss, np.transpose, args),
        "big endian": changed(loss, lambda x: x.astype(">f4"), args),
        "fewer axes": last_changed(lambda x: x[0], args),
        "more axes": last_changed(lambda x: np.stack([x, x]), args),
        "square, fewer axes first": [square[0][0], *square[1:]],
        "one length": last_changed(lambda x: x[..., :1], args),
        "another length": last_changed(lambda x: x[..., :3], args),
        "wider last": last_changed(lambda x: x.astype("f8"), args),
        "lists": [x.tolist() for x in args],
        "numbers": [x.item(0) for x in args],
        "numbers of NumPy": [x.ravel()[0] for x in args],
        "a number last": last_changed(lambda x: x.item(0), args),
        "a number of NumPy last": last_changed(lambda x: x.ravel()[0], args),
        "a number that overrides": [*args, Number(0.5)],
        "a parameter": [*args, 0.3],
        "a whole parameter": [*args, 2],
        "an array of parameters": [*args, np.linspace(0.1, 0.4, ROWS)],
        "subclass": changed(loss, lambda x: x.view(Subclass), args),
        "masked array": changed(loss, lambda x: np.ma.array(x, mask=x > 0.9), args),
        "complex": changed(loss, lambda x: x.astype("D"), args),
        "objects": changed(loss, lambda x: x.astype(object), args),
        "text": changed(loss, lambda x: "text", args),
        "none": last_changed(lambda x: None, args),
        "one too few": args[:-1],
        "too many": [*args, *[None] * 9],
    }
    if any(a["role"] == "label" for a in loss["args"]):
        at = next(i for i, a in enumerate(loss["args"]) if a["role"] == "label")
        for name, label in (("no class", 7), ("negative", -1), ("beyond int64", 2**64)):
            labels = [label if i == 2 else x for i, x in enumerate(args[at].tolist())]
            kinds[f"label: {name}"] = [labels if i == at else x for i, x in enumerate(args)]
        kinds["labels of a byte"] = [x.astype("u1") if i == at else x for i, x in enumerate(args)]
        kinds["label that is bool"] = [True if i == at else x for i, x in enumerate(args)]
    return kinds


# Keywords; each is made anew for every call


def masks():
    rng = np.random.default_rng(5)
    elements = rng.random((ROWS, CLASSES)) < 0.7
    rows = np.array([True, False, True, True])
    return {
        "elements": elements,
        "rows": rows,
        "rows with an axis": rows[:, None],
        "classes": elements[0],
        "classes with an axis": elements[:1],
        "elements of three axes": np.stack([elements, ~elements]),
        "elements, classes first": elements.T,
        "elements, strided": np.repeat(elements, 2, -1)[:, ::2],
        "nothing": np.zeros((ROWS, CLASSES), bool),
        "one": np.ones((1, 1), bool),
        "another shape": np.ones((3, 7), bool),
        "three rows": np.ones(3, bool),
        "several axes of rows": np.array([[True, False, True], [True, True, False]]),
        "no axis": np.array(True),
        "no axis, nothing": np.array(False),
        "no row": np.ones((0, CLASSES), bool),
        "True": True,
        "False": False,
        "True of NumPy": np.True_,
        "None": None,
        "a list": elements.tolist(),
        "integers": elements.astype(int),
        "numbers": elements.astype(float),
        "masked array": np.ma.array(elements, mask=~elements[::-1]),
        "subclass": elements.view(Subclass),
    }


AXES = [
    -1,
    0,
    1,
    -2,
    2,
    5,
    -9,
    2**70,
    (0,),
    (-1,),
    (0, 1),
    (),
    None,
    True,
    np.int64(1),
    1.0,
    "x",
    [0],
    (1.5,),
]


def outputs_of(shapes):
    """Outputs for results of those shapes, each a function that makes them."""

    def outs(change, dtype="f4", some=lambda i: True):
        def make_outs():
            made = tuple(change(np.full(s, 7, dtype)) if some(i) else None for i, s in enumerate(shapes))
            return made if len(made) > 1 else made[0]

        return make_outs

    def read_only(o):
        o.setflags(write=False)
        return o

    return {
        "exact": outs(lambda o: o),
        "double": outs(lambda o: o, "f8"),
        "half": outs(lambda o: o, "f2"),
        "integers": outs(lambda o: o, int),
        "fortran": outs(np.asfortranarray),
        "strided": outs(lambda o: np.repeat(o, 2, 0)[::2] if o.ndim else o),
        "a larger batch": outs(lambda o: np.stack([o, o])),
        "one axis more": outs(lambda o: o[None]),
        "another length": outs(lambda o: np.full((*o.shape, 2), 7, "f4")),
        "short": outs(lambda o: o[:1]),
        "no axis": outs(lambda o: np.full((), 7, "f4")),
        "read-only": outs(read_only),
        "subclass": outs(lambda o: o.view(Subclass)),
        "some": outs(lambda o: o, some=lambda i: i == 0),
        "others": outs(lambda o: o, some=lambda i: i > 0),
        "a tuple": lambda: tuple(np.full(s, 7, "f4") for s in shapes),
        "a tuple too long": lambda: (*(np.full(s, 7, "f4") for s in shapes), None),
        "a list": lambda: [np.full(s, 7, "f4") for s in shapes],
        "None": lambda: None,
        "text": lambda: "text",
    }


def words_of(loss, attribute):
    """Keywords of many kinds, each as a function that makes them."""
    _, parts = loss["outputs"][attribute]
    is_row = [p != "value" or loss["row_value"] for p in parts]
    whole = [(ROWS, CLASSES) if row else (ROWS,) for row in is_row]
    kept = [(ROWS, CLASSES) if row else (ROWS, 1) for row in is_row]
    first = [(ROWS, CLASSES) if row else (1, CLASSES) for row in is_row]
    elements = masks()["elements"]
    words = [dict, lambda: {"keepdims": True}, lambda: {"keepdims": True, "where": True}]
    for wrong in (1, 0, None, np.True_, "x"):
        words.append(lambda wrong=wrong: {"keepdims": wrong})
    for mask in masks().values():
        words.append(lambda mask=mask: {"where": mask})
        words.append(lambda mask=mask: {"where": mask, "keepdims": True})
        words.append(lambda mask=mask: {"where": mask, "axis": 0})
    for axis in AXES:
        words.append(lambda axis=axis: {"axis": axis, "keepdims": True})
        words.append(lambda axis=axis: {"axis": axis, "where": elements})
        words.append(lambda axis=axis: {"axis": axis, "where": elements[:, 0], "keepdims": True})
    for made in outputs_of(kept).values():
        words.append(lambda made=made: {"keepdims": True, "out": made()})
        words.append(lambda made=made: {"keepdims": True, "where": elements, "axis": 1, "out": made()})
    for made in outputs_of(whole).values():
        words.append(lambda made=made: {"where": elements, "out": made()})
    for made in outputs_of(first).values():
        words.append(lambda made=made: {"keepdims": True, "axis": 0, "out": made()})
    for more in (
        {"dtype": "f8"},
        {"dtype": "f4"},
        {"dtype": "f2"},
        {"dtype": "D"},
        {"casting": "no"},
        {"casting": "nonsense"},
        {"order": "F"},
        {"subok": False},
        {"nonsense": 1},
        {"axes": [0]},
        {"signature": "f->f"},
        {loss["args"][0]["name"]: np.ones((ROWS, CLASSES))},
    ):
        words.append(lambda more=more: {"where": elements, **more})
        words.append(lambda more=more: {"keepdims": True, **more})
    return words


# The comparison


def arrays_of(out):
    return [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, np.ndarray)]


def outcome(ufunc, args, words):
    """All that a caller can see of a call."""
    words = words()
    outs = arrays_of(words.get("out"))
    try:
        results = ufunc(*args, **words)
    except Exception as error:
        return type(error), str(error), [o.tobytes() for o in outs]
    results = results if isinstance(results, tuple) else (results,)
    seen = []
    for r in results:
        place = next((i for i, o in enumerate(outs) if r is o), None)
        a = np.asarray(r)
        seen.append((type(r), place, a.dtype, a.shape, a.tobytes()))
    return len(results), seen, [o.tobytes() for o in outs]


def assert_same(loss, attribute):
    """All keywords for some arrays; of other operands and of derivatives each has its share of the keywords."""
    quick, slow = ufunc_of(loss, attribute), slow_ufunc(loss["name"], attribute)
    words = words_of(loss, attribute)
    with np.errstate(all="ignore"):
        for i, (kind, args) in enumerate(operands_of(loss).items()):
            every = 1 if kind in ("arrays", "square, fewer axes first") else 4
            every *= 4 if attribute else 1
            for make_words in words[i % every :: every]:
                got, want = outcome(quick, args, make_words), outcome(slow, args, make_words)
                assert got == want, (kind, make_words())


@by_row_ufunc
def test_rows_are_as_the_slow_way_has_them(loss, attribute):
    assert_same(loss, attribute)


@by_batch_ufunc
def test_batches_are_as_the_slow_way_has_them(loss, attribute):
    assert_same(loss, attribute)


def test_outputs_by_position_are_as_the_slow_way_has_them():
    loss = next(loss for loss in ROW_LOSSES if loss["name"] == "softmax_cross_entropy")
    mask = masks()["elements"]
    for attribute in loss["outputs"]:
        quick, slow = ufunc_of(loss, attribute), slow_ufunc(loss["name"], attribute)
        for words in ({"where": mask}, {"keepdims": True}, {"where": mask, "out": None}):
            count = quick.nout
            shapes = [r.shape for r in arrays_of(quick(*draw(loss), **{**words, "out": None}))]
            for given in range(count + 2):
                outs = [[np.full(s, 7, "f4") for s in [*shapes, ()][:given]] for _ in range(2)]
                got, want = (
                    outcome(f, [*draw(loss), *o], lambda words=words: words)
                    for f, o in zip((quick, slow), outs, strict=True)
                )
                assert got[0] == want[0]
                assert got[1] == want[1]
                assert [o.tobytes() for o in outs[0]] == [o.tobytes() for o in outs[1]]


def refuse(*args, **kwargs):
    raise AssertionError("the slow way was asked")


@by_ufunc
def test_plain_calls_do_not_ask_python(loss, attribute):
    ufunc = make(loss, attribute, refuse, masked_of(loss, attribute))
    args, mask = draw(loss), masks()
    calls = [{"where": mask["rows"]}]
    if loss["kind"] == "row":
        calls += [
            {"where": mask["elements"]},
            {"where": mask["rows with an axis"]},
            {"keepdims": True},
            {"keepdims": True, "axis": 1},
            {"keepdims": True, "axis": (-1,), "where": mask["elements"]},
            {"keepdims": True, "where": mask["rows"], "dtype": "f8", "order": "C"},
        ]
    for words in calls:
        results = ufunc(*args, **words)
        results = results if isinstance(results, tuple) else (results,)
        ufunc(*args, **words, out=tuple(map(np.array, results)))
        ufunc(**dict(zip([a["name"] for a in loss["args"]], args, strict=False)), **words)


def test_kept_axes_are_writeable_views_of_the_result():
    x = np.ones((3, 4), "f4")
    for result in (ul.logsumexp(x, keepdims=True), ul.logsumexp(x, axis=0, keepdims=True)):
        result[...] = 7
        assert (result == 7).all()
        assert result.flags.c_contiguous
        assert result.strides == np.empty(result.shape, "f4").strides
    assert ul.logsumexp(x[0], keepdims=True).shape == (1,)


def test_calls_keep_no_references():
    x, y, mask = np.ones((3, 4)), np.array([0, 1, 2]), np.ones((3, 4), bool)
    rows, out, ce = mask[:, 0].copy(), np.empty((3, 1)), ul.softmax_cross_entropy_with_integer_labels
    given = [x, y, mask, rows, out]
    counts = [sys.getrefcount(a) for a in given]
    for _ in range(3):
        for words in ({}, {"where": mask}, {"where": rows}, {"where": rows[:, None]}):
            ce(x, y, **words)
            ce(x, y, keepdims=True, **words)
            ce(x, y, keepdims=True, out=out, axis=-1, **words)
            ce.value_and_grad(x, y, keepdims=True, out=(out, None), **words)
        with pytest.raises(ValueError, match="label 9"):
            ce(x, [0, 9, 0], where=mask, out=out[:, 0])
        with pytest.raises(ValueError, match="broadcast"):
            ce(x, y, where=np.ones((7, 9), bool))
    del words  # whose last mask is a view of the rows
    assert [sys.getrefcount(a) for a in given] == counts


# Defaults


def test_defaults_have_the_type_of_the_loop_from_the_start():
    """0.07 and 1e-6 are others in float16, and 1e-6 in float32."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(4, 3)).astype("f2"), np.array([0, 0, 1, 1])
    for words in ({"dtype": "f4"}, {"signature": (None, None, None, "f4")}):
        assert ul.ntxent_loss(x, labels, **words) == ul.ntxent_loss(x, labels, 0.07, **words)
    a, b, c = rng.normal(size=(3, 2, 3)) * 1e-6
    for anchors, positives in ((a.astype("f4"), b), (a.astype("f4"), b.astype(int)), (a, b.astype("f4"))):
        got = ul.triplet_margin_loss(anchors, positives, c.astype("f4"))
        want = ul.triplet_margin_loss(anchors, positives, c.astype("f4"), 1.0, 2.0, 1e-6)
        assert got.tobytes() == want.tobytes()


# Binding


PARAMETERS = (("a", "b", "c", "d"), (..., ..., ..., 4.0))


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, "f() missing 3 required positional arguments: 'a', 'b', and 'c'"),
        ((1,), {}, "f() missing 2 required positional arguments: 'b' and 'c'"),
        ((), {"a": 1, "c": 3}, "f() missing 1 required positional argument: 'b'"),
        ((1, 2, 3), {"b": 2}, "f() got multiple values for argument 'b'"),
        ((1, 2), {"c": None}, "f(): c is None"),
        ((1,) * 99, {}, "f() got too many arguments"),
        ((), dict.fromkeys(map(str, range(99))), "f() got too many arguments"),
    ],
)
def test_one_binder_says_what_is_wrong(args, kwargs, text):
    with pytest.raises(TypeError) as caught:
        _core.bind("f", *PARAMETERS, args, kwargs)
    assert str(caught.value) == text


def test_one_binder_puts_arguments_in_order():
    words = {"c": 3, "".join(["o", "ut"]): 9, "d": None}
    assert _core.bind("f", *PARAMETERS, (1, 2), words) == ([1, 2, 3, None], ())
    assert words == {"out": 9}
    assert _core.bind("f", *PARAMETERS, (1, 2, 3, 4, 5, 6), {}) == ([1, 2, 3, 4], (5, 6))
    assert _core.bind("f", *PARAMETERS, (1, 2, 3), {}) == ([1, 2, 3, None], ())
