"""Arguments and keywords of many kinds, for every loss over rows or over a batch."""

import numpy as np

ROWS, CLASSES = 4, 5


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
