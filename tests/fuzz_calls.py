"""A fuzzer of the Python face: random calls of everything public, with arrays of every kind, layout and type,
and with wrong things.

    python tests/fuzz_calls.py --calls 1000000 --seed 0
    python tests/fuzz_calls.py --replay 0:4711

A call is drawn from its seed and number alone. Calls run in child processes, so that a crash is one more
finding. What must hold:

- nothing crashes or hangs; what is raised is a TypeError, ValueError, IndexError (AxisError), MemoryError or,
  for Python integers out of range, NumPy's OverflowError; the message names the function or an argument,
  except where it is NumPy's own: those are listed below;
- no input is written, and no output by a call that raises before it computes;
- the same call gives the same bits again, and so do contiguous copies of its arrays;
- there are no warnings.
"""

import argparse
import inspect
import mmap
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

import numpy as np

import ufloss as ul
from ufloss import ctc
from ufloss._registry import ALL
from ufloss.compat import axon, gluon, optax

ALLOWED = (TypeError, ValueError, IndexError, MemoryError, OverflowError)
# How messages begin that NumPy or Python has by itself for the words and operands of a call, before a loss is
# asked: no name is in them.
NAMELESS = re.compile(
    r"operands could not be broadcast together with (remapped )?shapes|output array is read-only|setting an array element with a sequence"
    r"|(order|casting) must be one of|data type .* not understood|the signature object to ufunc|axis -?\d+ is out of bounds for array of dimension"
    r"|output operand requires a reduction along dimension|non-broadcastable output operand with shape|cannot cast Python (int|float) to"
    r"|an integer is required|integer won't fit into a C int|(Python )?int too large to convert to"
    r"|WRITEBACKIFCOPY base is read-only|cannot specify both '(signature|axis)' and|The 'out' tuple must have exactly one entry"
    r"|shape too large to be a matrix|cannot reshape array of size \d+ into shape"
)
# Those of NumPy's ufuncs where the loss is called itself, and of their methods.
DIRECT = re.compile(
    NAMELESS.pattern + r"|shape mismatch: objects cannot be broadcast to a single shape"
    r"|return arrays must be of ArrayType|axes should be a list"
    r"|Cannot cast array data from .* to dtype\('bool'\)|float\(\) argument must be"
)
OF_METHODS = re.compile(
    DIRECT.pattern
    + r"|(reduceat|accumulate|reduce|outer product) only supported for binary functions|Only unary and binary ufuncs supported"
    r"|array is not broadcastable to correct shape|exactly two arguments expected|first operand must be array|second operand needed for ufunc"
    r"|index -?\d+ is out of bounds for axis|cannot (reduceat|accumulate|reduce) on a scalar|too many indices for array"
)
NAMES = {*ul.__all__, *(f"ctc.{name}" for name in ctc.__all__), "fenchel_young_loss"}
DEPRECATED = {
    "convex_kl_divergence",
    "safe_softmax_cross_entropy",
    "multiclass_logistic_loss",
    "binary_logistic_loss",
    "binary_sparsemax_loss",
}


class Subclass(np.ndarray):
    """Of no behaviour of its own."""


# --- arrays -------------------------------------------------------------------------------------------------
class Draw:
    """The dice of one call, and the shapes that its arguments have in common."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}:{number}")
        self.rng = np.random.default_rng([seed, number])
        r = self.random
        self.batch = tuple(self.size(6, 0.03) for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3])))
        self.n = r.choice(
            [self.size(9, 0.03), r.choice([15, 16, 17, 31, 32, 33, 63, 64, 65]), r.randint(1, 100)]
        )
        if r.random() < 0.02 and np.prod(self.batch) < 20:
            self.n = r.choice([1023, 1024, 1025, 2047, 2048, 2049, 3000])
        self.frames, self.labels, self.classes = (
            self.size(20, 0.05),
            self.size(6, 0.1),
            max(1, self.size(12, 0)),
        )
        self.dtype = r.choice(["f2", "f4", "f4", "f8", "f8"])
        self.wild = r.choice([0, 0, 0.03, 0.3])  # how often an argument is nothing that a user would mean
        self.odd = r.choice([0, 0.1, 0.6])  # how often one has an unusual layout or type
        self.scale = r.choice([1, 1, 1, 10, 100, 1e-3, 1e30])
        self.specials = r.choice([0, 0, 0.02, 0.5])

    def chance(self, p):
        return self.random.random() < p

    def size(self, most, none):
        return 0 if self.chance(none) else self.random.randint(1, most)

    def broadcastable(self, shape):
        """A shape that broadcasts to that one."""
        shape = list(shape)
        if self.chance(0.2):
            shape = [1 if self.chance(0.3) else n for n in shape]
        return tuple(shape[self.random.randint(0, len(shape)) :] if self.chance(0.15) else shape)

    def reals(self, shape, place="real"):
        dtype = self.dtype if self.chance(0.9) else self.random.choice(["f2", "f4", "f8"])
        u, x = self.rng.random(shape), self.rng.standard_normal(shape)
        if place == "real":
            a = x * self.scale
        elif place in ("unit", "optional_unit"):
            a = u
        elif place in ("nonnegative", "positive", "tweedie_target"):
            a = np.where(u < 0.2, 0.0 if place != "positive" else 1.0, abs(x))
        elif place == "sign":
            a = np.where(u < 0.5, -1.0, 1.0)
        elif place == "truth":
            a = np.where(u < 0.5, 0.0, 1.0)
        else:
            a = 1 + u
        if self.specials:
            wild = self.rng.choice(
                [
                    np.nan,
                    np.inf,
                    -np.inf,
                    0.0,
                    -0.0,
                    1e-310,
                    1e308,
                    -1e308,
                    65504.0,
                    1e-40,
                    88.5,
                    -746.0,
                    1.0,
                    -1.0,
                ],
                shape,
            )
            a = np.where(self.rng.random(shape) < self.specials, wild, a)
        with np.errstate(all="ignore"):
            return np.asarray(a).astype(dtype)

    def integers(self, shape, high, wrong=0.1):
        dtype = self.random.choice(["i8", "i8", "i4", "u1", "u8", "i2"])
        a = np.asarray(self.rng.integers(0, max(1, high), shape))
        if self.chance(wrong) and a.size:
            bad = self.random.choice(
                [-1, high, high + 1, -high, -high - 1, 2**31, 2**62, -(2**63), 2**63 - 1, 100]
            )
            a = np.where(self.rng.random(shape) < 0.3, bad, a)
        return np.asarray(a).astype(dtype)

    def mask(self, shape):
        return np.asarray(self.rng.random(shape) < self.random.choice([0.0, 0.5, 0.9, 1.0]))

    def other_type(self, a):
        """The same numbers, as far as they can be, in any type of NumPy's."""
        code = self.random.choice(
            [
                "?",
                "b",
                "B",
                "h",
                "H",
                "i",
                "I",
                "l",
                "L",
                "q",
                "Q",
                "e",
                "f",
                "d",
                "g",
                "F",
                "D",
                "G",
                "O",
                "U",
                "S",
                "M8[s]",
                "m8[s]",
                "V8",
                "T",
            ]
        )
        with np.errstate(all="ignore"):
            try:
                if code in ("V8", "M8[s]", "m8[s]"):
                    return np.zeros(a.shape, code)
                return a.astype(np.dtypes.StringDType() if code == "T" else code)
            except (TypeError, ValueError, OverflowError):
                return np.zeros(a.shape, "c8")

    def odd_layout(self, a):
        """The same array, laid out in some other way."""
        for _ in range(self.random.choice([1, 1, 2])):
            how = self.random.randrange(12)
            if how == 0:
                a = np.asfortranarray(a)
            elif how == 1 and a.ndim:
                axis = self.random.randrange(a.ndim)
                a = np.flip(np.flip(a, axis).copy(), axis)
            elif how == 2 and a.ndim:
                wide = np.zeros((*a.shape[:-1], a.shape[-1] * 3), a.dtype)
                wide[..., ::3] = a
                a = wide[..., ::3]
            elif how == 3 and a.ndim > 1:
                order = self.random.sample(range(a.ndim), a.ndim)
                a = np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
            elif how == 4 and a.dtype.kind in "fiubc":
                a = a.astype(a.dtype.newbyteorder())
            elif how == 5 and a.dtype.kind in "fiub":
                room = np.zeros(a.nbytes + 1, "u1")
                room[1:] = np.frombuffer(a.tobytes(), "u1")
                a = room[1:].view(a.dtype).reshape(a.shape)
            elif how == 6 and a.dtype.kind in "fiub":
                record = np.zeros(a.shape, [("pad", "u1"), ("x", a.dtype)])
                record["x"] = a
                a = record["x"]
            elif how == 7 and a.ndim and a.size:
                a = np.broadcast_to(a[..., :1], a.shape)
            elif how == 8:
                a = np.array(a, copy=True, subok=True)
                a.flags.writeable = False
            elif how == 9:
                a = a.view(Subclass) if type(a) is np.ndarray else a
            elif how == 10 and type(a) is np.ndarray and a.dtype.kind in "fiub":
                a = np.ma.array(a, mask=self.mask(a.shape) if self.chance(0.8) else np.ma.nomask)
            elif how == 11 and type(a) is np.ndarray:
                a = np.repeat(a[None], 2, 0)[1]
        return a

    def other_thing(self, a):
        """What is no such array."""
        return self.random.choice(
            [
                None,
                "text",
                b"bytes",
                {},
                [],
                [[1.0], [2.0, 3.0]],
                object(),
                1j,
                10**400,
                float("nan"),
                True,
                3,
                -1.5,
                (),
                np.float32(2),
                np.array(["x"]),
                np.ones((2, 3, 4, 5)),
                np.ones(7),
                np.ones((0, 3)),
                np.matrix([[1.0, 2.0]]),
                ...,
                slice(3),
                np.datetime64("NaT"),
                2**64,
            ]
        )

    def dress(self, a):
        """An argument as somebody might hand it over."""
        if self.chance(self.wild):
            return self.other_type(a) if self.chance(0.6) else self.other_thing(a)
        if self.chance(self.odd):
            return self.odd_layout(a)
        if self.chance(0.05):
            return a.tolist()
        return a


# --- what is called -----------------------------------------------------------------------------------------
class Target:
    """A callable, how to draw its arguments: draw(d) -> (args, kwargs), and what its messages name: its loss,
    or one of these words.
    """

    def __init__(self, name, call, draw, words=()):
        self.name, self.call, self.draw = name, call, draw
        self.named = re.compile(rf"\b({'|'.join(words or [re.match(r'(ctc[.])?[a-z0-9_]+', name)[0]])})\b")


def ufunc_keywords(d, kind, nout):
    """Keywords of NumPy's and of row losses; `out` is made when the results' shapes are known."""
    words = {}
    if d.chance(0.3):
        if d.chance(0.15):
            words["dtype"] = d.random.choice(["f2", "f4", "f8", "g", "D", "i8", None, "nonsense", object])
        if d.chance(0.15):
            words["casting"] = d.random.choice(["no", "equiv", "safe", "same_kind", "unsafe", "wrong"])
        if d.chance(0.15):
            words["order"] = d.random.choice(["C", "F", "A", "K", "Z"])
        if d.chance(0.1):
            words["subok"] = d.random.choice([True, False])
        if d.chance(0.03):
            words["signature"] = d.random.choice(["f->f", "dd->d", ("f4",) * 3, None])
        if d.chance(0.03):
            words[d.random.choice(["nonsense", "axes", "keepdims", "axis", "initial"])] = d.random.choice(
                [1, None, [(0,), (0,)], True]
            )
    if d.chance(0.15):
        words["where"] = d.random.choice(
            [
                d.mask(d.broadcastable((*d.batch, d.n))),
                d.mask(d.batch),
                True,
                False,
                np.ones(3),
                None,
                d.mask((d.n,)),
            ]
        )
    if kind == "row":
        if d.chance(0.3):
            words["axis"] = axis_of(d, len(d.batch) + 1)
        if d.chance(0.15):
            words["keepdims"] = d.random.choice([True, False, 1, None])
    return words


def axis_of(d, rank):
    return d.random.choice(
        [
            0,
            -1,
            rank - 1,
            rank,
            -rank,
            None,
            (0,),
            (0, -1),
            (-1, 0),
            (0, 0),
            1.5,
            "x",
            (),
            np.int64(0),
            True,
            2**40,
        ]
    )


def elementwise_args(d, loss):
    shape = (*d.batch, d.n)
    last = len(loss["args"])
    while last > 1 and loss["args"][last - 1]["default"] is not None and d.chance(0.5):
        last -= 1
    return [
        d.dress(
            d.reals(d.broadcastable(shape if a["role"] != "parameter" or d.chance(0.3) else ()), a["domain"])
        )
        for a in loss["args"][:last]
    ]


def row_args(d, loss):
    args = []
    for a in loss["args"]:
        if a["default"] is not None and d.chance(0.5):
            break
        if a["role"] == "label":
            args.append(d.dress(d.integers(d.broadcastable(d.batch), d.n)))
        elif a["along"]:
            args.append(
                d.dress(
                    d.reals((*d.batch, d.n) if not args else d.broadcastable((*d.batch, d.n)), a["domain"])
                )
            )
        else:
            args.append(d.dress(d.reals(d.broadcastable(d.batch) if d.chance(0.4) else (), a["domain"])))
    return args


def batch_args(d, loss):
    shape = (*d.batch[:1], d.size(40, 0.03), d.size(9, 0.05))
    args = [
        d.dress(d.reals(shape)),
        d.dress(d.integers(d.broadcastable(shape[:-1]), d.random.choice([1, 3, 100]))),
    ]
    if d.chance(0.4):
        args.append(d.dress(d.reals((), "positive")))
    return args


def ctc_args(d, lengths=True):
    batch = d.batch[:2]
    blank = d.random.choice([0, d.classes - 1, -1]) if d.chance(0.5) else 0
    labels = d.integers((*(batch if d.chance(0.9) else ()), d.labels), d.classes)
    if d.chance(0.8):
        labels = np.where(labels == blank % d.classes, (blank + 1) % d.classes, labels)
    args = [d.dress(d.reals((*batch, d.frames, d.classes))), d.dress(labels)]
    if lengths and d.chance(0.6):
        args.append(d.dress(d.integers(d.broadcastable(batch), d.frames + 1)) if d.chance(0.8) else None)
        if d.chance(0.7):
            args.append(d.dress(d.integers(d.broadcastable(batch), d.labels + 1)) if d.chance(0.8) else None)
            if d.chance(0.6):
                args.append(blank if d.chance(0.8) else d.dress(d.integers((), d.classes)))
    return args


def by_keyword(d, names, args):
    """Some of the last arguments by name."""
    if not d.chance(0.25) or len(args) > len(names):
        return args, {}
    k = d.random.randint(0, len(args))
    return args[:k], dict(zip(names[k:], args[k:], strict=False))


def ufunc_target(name, ufunc, loss):
    make = {"elementwise": elementwise_args, "row": row_args, "batch": batch_args}[loss["kind"]]

    def draw(d):
        args, words = by_keyword(d, [a["name"] for a in loss["args"]], make(d, loss))
        return args, {**words, **ufunc_keywords(d, loss["kind"], ufunc.nout)}

    return Target(name, ufunc if loss["kind"] != "elementwise" else with_room(ufunc), draw)


def with_room(ufunc):
    """An elementwise ufunc that has an output where NumPy would leave memory as it was, and warns of that."""

    def call(*args, **kwargs):
        where = kwargs.get("where", True)
        if where is True or "out" in kwargs:
            return ufunc(*args, **kwargs)
        results = ufunc(*args, **{word: x for word, x in kwargs.items() if word != "where"})
        results = results if isinstance(results, tuple) else (results,)
        shape = np.broadcast_shapes(np.shape(results[0]), np.shape(where))
        return ufunc(*args, **kwargs, out=tuple(np.full(shape, 7, np.asarray(r).dtype) for r in results))

    call.nout = ufunc.nout
    call.takes_out = True
    return call


def method_target(name, ufunc, loss):
    """NumPy's own methods of a ufunc."""

    def draw(d):
        args = elementwise_args(d, loss)[:2]
        method = d.random.choice(["reduce", "accumulate", "outer", "at", "reduceat"])
        if method == "outer":  # of what its result has room for
            args = [a.ravel()[:100] if isinstance(a, np.ndarray) else a for a in args]
        if method in ("reduce", "accumulate"):
            args = args[:1]
        elif method == "at":
            args = [
                np.copy(args[0]) if isinstance(args[0], np.ndarray) else args[0],
                d.integers((2,), 2, 0),
                *args[1:],
            ]
        elif method == "reduceat":
            args = [args[0], [0, 1]]
        return [method, *args], {}

    return Target(f"{name} (methods)", lambda method, *args: getattr(ufunc, method)(*args), draw)


def reduction_target(name, reduction, loss):
    def draw(d):
        args = (elementwise_args if loss["kind"] == "elementwise" else row_args)(d, loss)
        words = {}
        losses = (*d.batch, d.n) if loss["kind"] == "elementwise" else d.batch
        if d.chance(0.4):
            words["loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"] = (
                d.dress(d.reals(d.broadcastable(losses), "nonnegative"))
            )
        if d.chance(0.2):
            words["where"] = d.dress(d.mask(d.broadcastable((*d.batch, d.n) if d.chance(0.7) else d.batch)))
        if d.chance(0.4):
            words["axis"] = axis_of(d, len(d.batch) + 1)
        if d.chance(0.4) and loss["kind"] == "row":
            words["over"] = axis_of(d, len(d.batch))
        if d.chance(0.2):
            words["keepdims"] = d.random.choice([True, False, None])
        if d.chance(0.15):
            words["dtype"] = d.random.choice(["f2", "f4", "f8", "g", "i8", "D", "x", None])
        if d.chance(0.2):
            words["returned"] = d.random.choice([True, False])
        if d.chance(0.02):
            words["nonsense"] = 1
        return args, words

    return Target(name, reduction, draw)


def ctc_target(name, ufunc):
    def draw(d):
        args, words = by_keyword(
            d,
            [
                "logits" if "log_probs" not in name else "log_probs",
                "labels",
                "logit_length",
                "label_length",
                "blank",
            ],
            ctc_args(d),
        )
        more = ufunc_keywords(d, "ctc", ufunc.nout)
        if "where" in more:
            more["where"] = d.dress(d.mask((*d.broadcastable(d.batch[:2]), d.frames)))
        return args, {**words, **more}

    return Target(name, ufunc, draw)


INTEGER = (
    "integer_labels",
    "multiclass_hinge",
    "multiclass_perceptron",
    "multiclass_sparsemax",
    "multiclass_logistic",
    "ntxent",
)
SCORES = [
    "y_pred",
    "pred",
    "predictions",
    "logits",
    "scores",
    "log_predictions",
    "log_targets",
    "predictor_outputs",
]
SCORES += [
    "embeddings",
    "anchors",
    "positives",
    "negatives",
    "positive",
    "negative",
    "input1",
    "input2",
    "x1",
    "x2",
]
FLAGS = {
    "from_logits",
    "sparse",
    "apply_softmax",
    "apply_sigmoid",
    "ignore_background",
    "compute_full",
    "from_sigmoid",
    "sparse_label",
}


def by_name(d, function, name):
    """An argument of a function of one of the other systems, by its name."""
    whole = (*d.batch, d.n)
    if name in FLAGS:
        return d.random.choice([True, False])
    if name == "reduction":
        return d.random.choice(["none", "mean", "sum", "nonsense"])
    if name == "reduce_fn":
        return d.random.choice([np.mean, np.sum, None])
    if name in ("axis", "axes", "batch_axis"):
        return axis_of(d, len(whole)) if d.chance(0.5) else (-1 if name != "axes" else (-1,))
    if name == "where":
        return d.random.choice([None, d.mask(whole), d.mask(d.batch)])
    if name in ("logit_paddings", "label_paddings"):
        return d.dress((d.reals((*d.batch[:1], d.frames if name[2] == "g" else d.labels)) > 2).astype("f4"))
    if "ctc" in function.lower() or "temporal" in function:
        batch = d.batch[:1] or (2,)
        if "length" in name:
            return (
                d.dress(d.integers(batch, (d.frames if "pred" in name else d.labels) + 1))
                if d.chance(0.5)
                else None
            )
        if name in ("labels", "label", "y_true"):
            return d.dress(d.integers((*batch, d.labels), d.classes))
        if name in ("logits", "pred", "y_pred"):
            return d.dress(d.reals((*batch, d.frames, d.classes)))
    if name in ("label", "labels", "targets", "target", "y_true"):
        if (
            any(word in function for word in INTEGER)
            or (function == "SoftmaxCrossEntropyLoss" and d.chance(0.5))
            or (function == "categorical_cross_entropy" and d.chance(0.3))
        ):
            return d.dress(d.integers(d.batch, d.n))
        return d.dress(
            d.reals(whole if d.chance(0.9) else d.batch, d.random.choice(["unit", "sign", "truth", "real"]))
        )
    if name in ("weights", "sample_weight", "class_weights", "pos_weight", "positive_weights"):
        return (
            None
            if d.chance(0.5)
            else d.dress(d.reals(d.random.choice([(), (d.n,), whole, d.batch, (*d.batch, 1)]), "nonnegative"))
        )
    if name in SCORES:
        return d.dress(d.reals(whole, "unit" if "log" not in name and d.chance(0.2) else "real"))
    if name in ("blank", "blank_id"):
        return d.random.choice([0, 0, d.classes - 1, -1, d.classes])
    return d.random.choice([0.5, 1.0, 0.1, 2, d.dress(d.reals((), "unit"))])


def named_target(name, function):
    parameters = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        and p.name not in ("self", "F", "prefix", "params", "log_epsilon")
    ]

    def draw(d):
        words = {}
        for p in parameters:
            if p.default is inspect.Parameter.empty or d.chance(0.3):
                words[p.name] = by_name(d, name.split(".")[-1], p.name)
        positional = []
        for p in parameters:
            if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty and d.chance(0.8):
                positional.append(words.pop(p.name))
            else:
                break
        return positional, words

    # A function of the other systems speaks of its arguments, or leaves the word to the loss that it is made
    # of.
    return Target(
        name, function, draw, [*(p.name for p in parameters), *map(re.escape, NAMES)] if "." in name else ()
    )


def gluon_target(name):
    kind = getattr(gluon, name)

    def call(options, method, *args, **kwargs):
        loss = kind(**options)
        return (loss.grad if method else loss)(*args, **kwargs)

    made, called = (
        named_target(f"gluon.{name}", kind.__init__),
        named_target(f"gluon.{name}", kind.hybrid_forward),
    )

    def draw(d):
        _, options = made.draw(d)
        if name == "CTCLoss":
            options = {
                w: d.random.choice(["NTC", "TNC", "NT", "TN"]) if "layout" in w else x
                for w, x in options.items()
            }
        args, kwargs = called.draw(d)
        return [options, d.chance(0.4), *args], kwargs

    return Target(f"gluon.{name}", call, draw, [made.named.pattern, called.named.pattern])


def targets():
    found = []
    for loss in ALL:
        value = getattr(ul, loss["name"])
        for attribute in loss["outputs"]:
            ufunc = getattr(value, attribute) if attribute else value
            found.append(ufunc_target(ufunc.__name__, ufunc, loss))
        if loss["kind"] == "elementwise":
            found.append(method_target(loss["name"], value, loss))
        for word in ("sum", "mean"):
            reduction = getattr(value, word, None)
            if reduction is not None and loss["kind"] != "batch":
                found += [reduction_target(reduction.__name__, reduction, loss)] * 2
                if hasattr(reduction, "value_and_grad"):
                    found.append(
                        reduction_target(reduction.value_and_grad.__name__, reduction.value_and_grad, loss)
                    )
    for name, ufunc in ctc.UFUNCS.items():
        found += [ctc_target(name, ufunc)] * 3
    found.append(
        Target(
            "ctc.feasible",
            ctc.feasible,
            lambda d: (ctc_args(d)[1:4] if d.chance(0.9) else [1, 2], {}),
            ["feasible"],
        )
    )
    for name in (
        "ctc_loss",
        "ctc_loss_with_forward_probs",
        "dice_loss",
        "binary_dice_loss",
        "multiclass_generalized_dice_loss",
    ):
        function = getattr(ul, name)
        found += [named_target(name, function)] * 2
        for attribute in ("grad", "value_and_grad"):
            if hasattr(function, attribute):
                found.append(named_target(name, getattr(function, attribute)))
    young = ul.make_fenchel_young_loss(ul.logsumexp)
    for f in (
        young,
        young.grad,
        young.value_and_grad,
        ul.make_fenchel_young_loss(lambda x: np.max(x, axis=-1)),
    ):
        found.append(
            Target(
                "fenchel_young_loss",
                f,
                lambda d: (
                    [
                        d.dress(d.reals((*d.batch, d.n))),
                        d.dress(d.reals(d.broadcastable((*d.batch, d.n)), "unit")),
                    ],
                    {"axis": axis_of(d, len(d.batch) + 1)} if d.chance(0.2) else {},
                ),
            )
        )
    for name in optax.__all__:
        if name != "make_fenchel_young_loss":
            found.append(named_target(f"optax.{name}", getattr(optax, name)))
    for name in axon.__all__:
        if name != "label_smoothing":
            found.append(named_target(f"axon.{name}", getattr(axon, name)))
    found += [
        gluon_target(name)
        for name in gluon.__all__
        if inspect.isclass(getattr(gluon, name)) and name != "Loss"
    ]
    return found


class FaultError(Exception):
    """Something that must hold does not."""


# --- what must hold -----------------------------------------------------------------------------------------
def arrays_in(things):
    for x in things:
        if isinstance(x, np.ndarray):
            yield x
        elif isinstance(x, (tuple, list)):
            yield from arrays_in(x)
        elif isinstance(x, dict):
            yield from arrays_in(x.values())


def buffer_of(a):
    """The array that owns the memory."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def snapshot(a):
    raw = np.asarray(a)
    if raw.dtype.hasobject or raw.dtype.kind == "T":
        return repr(raw.tolist())
    mask = np.ma.getmaskarray(a).tobytes() if isinstance(a, np.ma.MaskedArray) else b""
    return raw.tobytes() + mask


def canonical(x):
    """A result as bytes, in C order and with one NaN."""
    if isinstance(x, (tuple, list)):
        return tuple(canonical(y) for y in x)
    a = np.asarray(x)
    if a.dtype.kind in "fc":
        a = np.where(np.isnan(a), a.dtype.type(np.nan), a)
    if a.dtype.char in "gG":  # its bytes have gaps
        return a.dtype.str, a.shape, repr(a.tolist())
    mask = np.ma.getmaskarray(x).tobytes() if isinstance(x, np.ma.MaskedArray) else b""
    if mask and np.ma.getmaskarray(x).shape != a.shape:
        raise FaultError(
            f"a masked array of shape {a.shape} with a mask of shape {np.ma.getmaskarray(x).shape}"
        )
    if mask:
        a = np.where(np.ma.getmaskarray(x), a.dtype.type(0), a)
    return a.dtype.str, a.shape, a.tobytes(), mask


def plain_copy(x):
    """Arrays as contiguous copies in the native byte order; the rest as it is."""
    if isinstance(x, np.ma.MaskedArray):
        return np.ma.array(
            plain_copy(x.data),
            mask=np.ma.getmask(x) if np.ma.getmask(x) is np.ma.nomask else np.array(x.mask, order="C"),
        )
    if isinstance(x, np.ndarray):
        dtype = x.dtype if x.dtype.hasobject or x.dtype.kind in "VT" else x.dtype.newbyteorder("=")
        return np.array(x, dtype=dtype, order="C", copy=True, subok=True)
    if isinstance(x, tuple):
        return tuple(plain_copy(y) for y in x)
    if isinstance(x, dict):
        return {k: plain_copy(v) for k, v in x.items()}
    return x


def outputs_like(d, result, inputs):
    """Arrays for out=, most of them fitting."""
    if not isinstance(result, tuple):
        return output_like(d, result, inputs)
    outs = tuple(output_like(d, x, inputs) if d.chance(0.8) else None for x in result)
    return outs if d.chance(0.97) else outs[:1]


def output_like(d, x, inputs):
    x = np.asarray(x)
    fitting = [
        a
        for a in arrays_in(inputs)
        if type(a) is np.ndarray and a.shape == x.shape and a.flags.writeable and a.dtype == x.dtype
    ]
    if fitting and d.chance(0.3):
        return d.random.choice(fitting)
    shape = x.shape if d.chance(0.93) else (*x.shape, 2)
    dtype = x.dtype if d.chance(0.8) else d.random.choice(["f2", "f4", "f8", "i8", ">f8", "O"])
    a = np.zeros(shape, dtype)
    a[...] = 7
    how = d.random.randrange(6)
    if how == 0 and a.ndim:
        a = np.flip(a, 0)
    elif how == 1:
        a = np.asfortranarray(a)
    elif how == 2 and a.ndim:
        wide = np.zeros((*a.shape, 2), a.dtype)
        wide[...] = 7
        a = wide[..., 0]
    elif how == 3 and d.chance(0.3):
        a.flags.writeable = False
    return a


def attempt(call, args, kwargs):
    """The result or the exception, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, error = call(*args, **kwargs), None
        except ALLOWED as e:
            result, error = None, e
    return result, error, caught


def judge_error(target, error):
    text = str(error)
    if isinstance(error, MemoryError) or target.named.search(text):
        return
    frames = traceback.extract_tb(error.__traceback__)
    inside = [k for k, f in enumerate(frames) if f.filename.startswith(os.path.dirname(ul.__file__))]
    if inside and any(f.filename == __file__ for f in frames[inside[-1] :]):
        return  # what was raised by a function that it was given
    known = NAMELESS if inside else OF_METHODS if "(methods)" in target.name else DIRECT
    if not known.match(text) or (inside and frames[inside[-1]].line.startswith("raise")):
        raise FaultError(
            f"a message without the name of the function or of an argument: {type(error).__name__}: {text}"
        )


def judge_warnings(target, caught):
    for w in caught:
        # NumPy's, of the cast of an operand or a result inside a call of ours, whose loops leave no flags
        if re.search(
            "encountered in "
            f"{re.escape(target.name.removesuffix(' (methods)').removesuffix('.value_and_grad').removesuffix('.mean').removesuffix('.sum'))}",
            str(w.message),
        ):
            continue
        if issubclass(w.category, DeprecationWarning) and target.name.split(".")[-1] in DEPRECATED | set(
            optax.__all__
        ):
            continue
        if "encountered in cast" in str(
            w.message
        ):  # NumPy's, of an operand or a result that a keyword or a mixture of types casts
            continue
        raise FaultError(f"a warning: {w.category.__name__}: {w.message}")


def examine(target, d):
    """One call and its variations; raises FaultError."""
    args, kwargs = target.draw(d)
    before = {id(a): (a, snapshot(buffer_of(a))) for a in arrays_in([args, kwargs])}

    def check_inputs(but=()):
        for a, was in before.values():
            if not any(np.may_share_memory(a, o) for o in but) and snapshot(buffer_of(a)) != was:
                raise FaultError("an input is written")

    writes = "(methods)" in target.name and args[0] == "at"
    result, error, caught = attempt(target.call, args, kwargs)
    if not writes:
        check_inputs()
    judge_warnings(target, caught)
    if error is not None:
        judge_error(target, error)
    if writes or isinstance(error, MemoryError):
        return
    again, error_again, _ = attempt(target.call, args, kwargs)
    if type(error) is not type(error_again):
        raise FaultError(f"the second time: {error_again!r} after {error!r}")
    if error is None and canonical(result) != canonical(again):
        raise FaultError("other bits the second time")
    if "casting" in kwargs:  # a byte order is something to cast
        return
    other, other_error, _ = attempt(target.call, plain_copy(tuple(args)), plain_copy(kwargs))
    if type(error) is not type(other_error):
        raise FaultError(f"contiguous copies: {other_error!r} after {error!r}")
    if error is None and canonical(result) != canonical(other):
        raise FaultError("other bits for contiguous copies")

    takes_out = (
        isinstance(target.call, np.ufunc)
        or type(target.call).__name__ == "Reduction"
        or hasattr(target.call, "takes_out")
    )
    if not takes_out or not d.chance(0.4):
        return
    if error is None:
        outs = outputs_like(
            d,
            result
            if not kwargs.get("returned")
            else result[: len(result) - 1]
            if len(result) > 2
            else result[0],
            [args, kwargs],
        )
    else:
        outs = (
            np.full((2,), 7.0)
            if getattr(target.call, "nout", 1) == 1
            else tuple(np.full((2,), 7.0) for _ in range(target.call.nout))
        )
    given = list(arrays_in([outs]))
    kept = [snapshot(buffer_of(o)) for o in given]
    wanted = canonical(result) if error is None else None
    found, out_error, caught = attempt(target.call, args, {**kwargs, "out": outs})
    judge_warnings(target, caught)
    check_inputs(given)
    if out_error is not None:
        judge_error(target, out_error)
        computed = re.search(
            r"out of range|is the blank|no class|not a class", str(out_error)
        )  # seen in the loop, when others may be done
        if (
            not computed
            and not isinstance(out_error, MemoryError)
            and [snapshot(buffer_of(o)) for o in given] != kept
        ):
            raise FaultError(
                f"an output is written by a call that raises {type(out_error).__name__}: {out_error}"
            )
        return
    if error is not None:
        raise FaultError(f"with out= there is no error: {error!r}")
    where = kwargs.get("where", True)
    shares = any(np.may_share_memory(o, p) for i, o in enumerate(given) for p in given[:i])
    plain_where = (
        where is True or getattr(target.call, "signature", "") or type(target.call).__name__ == "Reduction"
    )
    if (
        plain_where
        and not shares
        and "casting" not in kwargs
        and "subok" not in kwargs
        and not any(
            isinstance(x, np.ma.MaskedArray) for x in (result if isinstance(result, tuple) else (result,))
        )
    ):
        pairs = zip(
            found if isinstance(found, tuple) else (found,),
            wanted if isinstance(result, tuple) else (wanted,),
            strict=False,
        )
        for x, w in pairs:
            if (
                type(x) is np.ndarray
                and x.shape == w[1]
                and np.asarray(x).dtype.newbyteorder("=").str == w[0]
                and x.dtype.kind != "O"
                and canonical(np.asarray(x).astype(w[0]))[:3] != w[:3]
            ):
                raise FaultError(
                    f"other bits with out=: {np.asarray(x).dtype} {np.shape(x)} {np.ravel(x)[:3]}"
                )


# --- many of them -------------------------------------------------------------------------------------------
def run_one(all_targets, seed, number):
    """What is wrong with a call, in words; None: nothing."""
    d = Draw(seed, number)
    target = d.random.choice(all_targets)
    try:
        examine(target, d)
    except FaultError as fault:
        return target.name, str(fault)
    except MemoryError:
        return None
    except Exception as e:
        last = traceback.extract_tb(e.__traceback__)[-1]
        return (
            target.name,
            f"raises {type(e).__name__}: {e} ({os.path.basename(last.filename)}:{last.lineno})",
        )
    return None


def work(seed, begin, end, progress):
    """The calls of a child process; `progress`: a file that holds the number of the call in progress."""
    all_targets = targets()
    with open(progress, "r+b") as file, mmap.mmap(file.fileno(), 8) as place:
        for number in range(begin, end):
            place[:8] = struct.pack("<q", number)
            found = run_one(all_targets, seed, number)
            if found:
                print(f"FAULT\t{number}\t{found[0]}\t{' '.join(found[1].split())}", flush=True)
        place[:8] = struct.pack("<q", end)


def sort_of(text):
    """Faults that differ in numbers only are of one sort."""
    return re.sub(r"\d+", "#", text)[:150]


def fuzz(calls, seed, per_child=20000, patience=120, begin=0, say=print):
    """Runs calls in child processes; the faults found, as (number, function, text), one of each sort."""
    found, seen, number = [], set(), begin

    def add(at, name, text):
        if (name, sort_of(text)) not in seen:
            seen.add((name, sort_of(text)))
            found.append((at, name, text))
            say(f"{name}: {text}\n    python tests/fuzz_calls.py --replay {seed}:{at}")

    with tempfile.TemporaryDirectory() as folder:
        progress, log = os.path.join(folder, "progress"), os.path.join(folder, "log")
        while number < begin + calls:
            end = min(number + per_child, begin + calls)
            with open(progress, "wb") as file:
                file.write(struct.pack("<q", number))
            with open(log, "w+") as output:
                command = [
                    sys.executable,
                    os.path.abspath(__file__),
                    "--work",
                    str(seed),
                    str(number),
                    str(end),
                    progress,
                ]
                child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
                last, since = number, time.monotonic()
                hung = False
                while child.poll() is None:
                    time.sleep(0.05)
                    with open(progress, "rb") as file:
                        at = struct.unpack("<q", file.read(8))[0]
                    if at != last:
                        last, since = at, time.monotonic()
                    elif time.monotonic() - since > patience:
                        hung = True
                        child.kill()
                        child.wait()
                output.seek(0)
                text = output.read()
            with open(progress, "rb") as file:
                at = struct.unpack("<q", file.read(8))[0]
            for line in text.splitlines():
                if line.startswith("FAULT\t"):
                    _, where, name, fault = line.split("\t", 3)
                    add(int(where), name, fault)
            if child.returncode or hung:
                if at >= end:
                    raise RuntimeError(text)
                d = Draw(seed, at)
                name = d.random.choice(targets()).name
                rest = " ".join(line for line in text.splitlines() if not line.startswith("FAULT"))[-300:]
                add(at, name, f"hangs for {patience} s" if hung else f"dies with {child.returncode} {rest}")
                number = at + 1
            else:
                number = end
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100000, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begin", type=int, default=0, help="number of the first call")
    parser.add_argument("--replay", metavar="SEED:NUMBER", help="one call, in this process")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*map(int, options.work[:3]), options.work[3])
        return 0
    if options.replay:
        seed, number = map(int, options.replay.split(":"))
        all_targets = targets()
        d = Draw(seed, number)
        target = d.random.choice(all_targets)
        args, kwargs = target.draw(d)
        with np.printoptions(threshold=40, edgeitems=2):
            print(target.name)
            for word, x in [*enumerate(args), *kwargs.items()]:
                print(
                    f"  {word}: {type(x).__name__} {getattr(x, 'dtype', '')} {getattr(x, 'shape', '')} "
                    f"{getattr(x, 'strides', '')}",
                    repr(x)[:500],
                    flush=True,
                )
        found = run_one(all_targets, seed, number)
        print(found[1] if found else "nothing is wrong")
        return bool(found)
    start = time.monotonic()
    found = fuzz(options.calls, options.seed, begin=options.begin)
    print(f"{options.calls} calls in {time.monotonic() - start:.0f} s, {len(found)} sorts of faults")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
