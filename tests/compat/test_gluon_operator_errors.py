"""What the operators of F refuse, and that they name it."""

import re

import numpy as np
import pytest

from compat.plain import INF, NAN, L, X
from internals import _operators
from ufloss.compat import gluon


@pytest.mark.parametrize(
    ("name", "args", "options", "said"),
    [
        *[
            ("norm", (X,), {"ord": degree}, f"ord must be 1 or 2, not {degree}")
            for degree in (0, 3, -1, 1.5, INF, None)
        ],
        ("norm", (X,), {"ord": "fro"}, "ord must be 1 or 2, not 'fro'"),
        *[
            ("pick", (X, L), {"mode": mode}, f"mode must be 'clip' or 'wrap', not {mode!r}")
            for mode in ("raise", "Clip", None)
        ],
        *[("pick", (X, L * NAN), {"mode": mode}, "index has NaN") for mode in ("clip", "wrap")],
        ("pick", (X, L + INF), {"mode": "wrap"}, "index has NaN or infinities"),
        *[
            ("smooth_l1", (X,), {"scalar": scalar}, "scalar must not be 0")
            for scalar in (0, 0.0, -0.0, False, 1e-200, np.float32(0), [1, 0])
        ],
        *[
            ("slice_axis", (X,), {"axis": axis, "begin": 0, "end": 1}, f"axis {axis} is out of bounds")
            for axis in (3, -4, 5)
        ],
        *[("reshape", (X, (code, 4)), {}, f"shape is ({code}, 4)") for code in (-2, -3, -4)],
        *[
            ("SequenceMask", (X, [1] * 3, True), {"axis": axis}, f"axis must be 0 or 1, not {axis}")
            for axis in (2, -1)
        ],
        ("SequenceMask", (X, None, True), {}, "go together"),
        *[(name, (X, [1] * 3), {}, "go together") for name in ("SequenceMask", "sequence_mask")],
        *[
            (
                "SequenceMask",
                (np.ones((2, 2), dtype), [1, 1], True),
                {"value": value},
                f"value is {value}, which {np.dtype(dtype)} does not have",
            )
            for dtype, value in [
                ("i4", 0.5),
                ("i8", NAN),
                ("i8", -INF),
                ("i8", 2.0**63),
                ("i1", 300),
                ("u1", -1),
                ("?", -1),
                ("?", 2),
                ("u8", 2**64),
            ]
        ],
        ("one_hot", ([0], 2, 0.5), {"dtype": "i4"}, "on_value is 0.5, which int32"),
        ("one_hot", ([0], 2, 1, -1), {"dtype": "u1"}, "off_value is -1, which uint8"),
    ],
)
def test_gluon_operators_refuse_what_they_do_not_know(name, args, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        getattr(_operators, name)(*args, **options)


@pytest.mark.parametrize(
    ("name", "args", "options", "error", "said"),
    [
        *[
            ("one_hot", ([0], 2, bad), {"dtype": dtype}, TypeError, "on_value must be real numbers")
            for bad in ("a", 1j, None)
            for dtype in ("i8", "f4")
        ],
        *[
            (
                "one_hot",
                ([0], 2, 1, [1, 2]),
                {"dtype": dtype},
                ValueError,
                "off_value must be a number, not of shape (2,)",
            )
            for dtype in ("i8", "f4")
        ],
        ("one_hot", ([0], "a"), {}, TypeError, "depth must be real numbers"),
        ("one_hot", ([0], 2.5), {}, ValueError, "depth is 2.5, which int64 does not have"),
        ("one_hot", (["a"], 2), {}, TypeError, "indices must be real numbers"),
        *[
            (
                "SequenceMask",
                (np.ones((2, 2)), [1, 1], True, bad),
                {},
                TypeError,
                "value must be real numbers",
            )
            for bad in ("a", None, 1j)
        ],
        *[
            (f, (X,), {"axis": bad}, TypeError, f"axis must be an int or a tuple of int, not {bad!r}")
            for f in ("sum", "mean", "max", "min", "norm")
            for bad in ("a", 1.5, [0.5], [[0], [1, 2]])
        ],
        ("sum", (X.astype(int),), {"axis": "a"}, TypeError, "axis must be an int or a tuple of int, not 'a'"),
        ("sum", (X,), {"axis": (0, 0)}, ValueError, "axis (0, 0) names an axis twice"),
        *[
            ("pick", (X, L), {"axis": bad}, TypeError, f"axis must be an int, not {bad!r}")
            for bad in ("a", 1.5, (0, 1), None)
        ],
        *[
            ("pick", (X, L), {"axis": bad}, np.exceptions.AxisError, f"axis {bad} is out of bounds")
            for bad in (5, -4)
        ],
        ("pick", (3.0, 0), {}, np.exceptions.AxisError, "axis -1 is out of bounds"),
        *[
            (
                "pick",
                (X, index),
                {},
                ValueError,
                f"index of shape {np.shape(index)} does not fit data of shape {X.shape} without axis 2",
            )
            for index in (0, [0, 0], L.T, L[..., None, None], np.repeat(L[..., None], 2, -1))
        ],
        *[
            ("slice_axis", (X, bad, 0, 1), {}, TypeError, f"axis must be an int, not {bad!r}")
            for bad in ("a", (0, 1), 0.5)
        ],
        ("slice_axis", (X, 0, "a", 1), {}, TypeError, "begin must be an int, not 'a'"),
        ("slice_axis", (X, 0, 0, 0.5), {}, TypeError, "end must be an int, not 0.5"),
        ("norm", (X, np.array([1, 2])), {}, ValueError, "ord must be 1 or 2, not array([1, 2])"),
        (
            "pick",
            (X, L),
            {"mode": np.array(["clip", "wrap"])},
            ValueError,
            "mode must be 'clip' or 'wrap', not array(",
        ),
        (
            "Activation",
            (X, ["tanh"]),
            {},
            ValueError,
            "act_type must be 'relu', 'sigmoid', 'softrelu', 'tanh' or 'softsign', not ['tanh']",
        ),
        ("Activation", (X, np.array(["relu", "tanh"])), {}, ValueError, "act_type must be "),
        (
            "SequenceMask",
            (X, [1] * 3, True),
            {"axis": np.array([0, 1])},
            ValueError,
            "axis must be 0 or 1, not array",
        ),
        *[
            (
                "SequenceMask",
                (X, bad, True),
                {},
                ValueError,
                f"sequence_length has shape {np.shape(bad)}, not (3,)",
            )
            for bad in ([1, 2], 2, [[1, 2, 3]])
        ],
        (
            "SequenceMask",
            (X, [1] * 3, True),
            {"axis": 1},
            ValueError,
            "sequence_length has shape (3,), not (2,)",
        ),
        (
            "SequenceMask",
            (X, [1] * 3, np.array([1, 0])),
            {},
            ValueError,
            "use_sequence_length must be False or True, not array([1, 0])",
        ),
        (
            "SequenceMask",
            ([1.0, 2.0], [1], True),
            {},
            ValueError,
            "data of shape (2,) has no axes of time and batch",
        ),
        *[("smooth_l1", (X, bad), {}, TypeError, "scalar must be real numbers") for bad in ("a", 1j, None)],
        *[("relu", (bad,), {}, TypeError, "data must be real numbers") for bad in ("a", 1j)],
        ("clip", (X, "a", 1), {}, TypeError, "a_min must be real numbers"),
        ("clip", (X, 0, 1j), {}, TypeError, "a_max must be real numbers"),
        ("concat", (X, X), {"dim": "a"}, TypeError, "dim must be an int, not 'a'"),
        ("concat", (X, X), {"dim": 5}, np.exceptions.AxisError, "dim: axis 5"),
        ("stack", (X, X), {"axis": "a"}, TypeError, "axis must be an int, not 'a'"),
        *[(f, (), {}, ValueError, "there is no data") for f in ("concat", "stack")],
        ("reshape", (X, 5), {}, TypeError, "shape must be a tuple of int, not 5"),
        ("reshape", (X, ("a",)), {}, TypeError, "each number of shape must be an int, not 'a'"),
        (
            "reshape",
            (X, (0, 0, 0, 0)),
            {},
            ValueError,
            "shape is (0, 0, 0, 0): data of shape (2, 3, 4) have no length",
        ),
        (
            "broadcast_like",
            (X, [1]),
            {},
            ValueError,
            "lhs of shape (2, 3, 4) does not broadcast to that of rhs, (1,)",
        ),
        ("SwapAxis", (X, "a", 0), {}, TypeError, "dim1 must be an int, not 'a'"),
        ("SwapAxis", (X,), {"dim2": 3}, np.exceptions.AxisError, "dim2: axis 3"),
    ],
)
def test_gluon_operators_name_what_is_wrong(name, args, options, error, said):
    with pytest.raises(error, match=re.escape(said)):
        getattr(_operators, name)(*args, **options)


@pytest.mark.parametrize(
    ("loss", "word"),
    [
        (gluon.PoissonNLLLoss, "reduction"),
        (gluon.KLDivLoss, "reduction"),
        (gluon.SDMLLoss, "reduction"),
        (gluon.LogisticLoss, "label_format"),
        (gluon.CTCLoss, "layout"),
        (gluon.CTCLoss, "label_layout"),
    ],
)
def test_gluon_options_that_are_arrays_are_named(loss, word):
    for bad in (np.array(["mean", "sum"]), ["mean"], None):
        with pytest.raises(ValueError, match=rf"^\w+: {word} must be '"):
            loss(**{word: bad})
