"""What is called: every ufunc, its methods, means and CTC, each with arguments of its own."""

import re

import numpy as np


class Target:
    """A callable, how to draw its arguments: draw(d) -> (args, kwargs), and what its messages name: its loss,
    or one of these words.
    """

    def __init__(self, name, call, draw, words=()):
        self.name, self.call, self.draw = name, call, draw
        self.named = re.compile(rf"\b({'|'.join(words or [re.match(r'(ctc[.])?[a-z0-9_]+', name)[0]])})\b")


def ufunc_keywords(d, dims, nout):
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
    if dims == "n":
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
    args = [d.dress(d.reals(shape))]
    if loss["args"][1]["role"] == "label":
        args.append(d.dress(d.integers(d.broadcastable(shape[:-1]), d.random.choice([1, 3, 100]))))
    else:
        args.append(d.dress(d.reals(shape)))
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
    make = {"": elementwise_args, "n": row_args, "b,d": batch_args}[loss["dims"]]

    def draw(d):
        args, words = by_keyword(d, [a["name"] for a in loss["args"]], make(d, loss))
        return args, {**words, **ufunc_keywords(d, loss["dims"], ufunc.nout)}

    return Target(name, ufunc if loss["dims"] != "" else with_room(ufunc), draw)


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
        args = (elementwise_args if loss["dims"] == "" else row_args)(d, loss)
        words = {}
        losses = (*d.batch, d.n) if loss["dims"] == "" else d.batch
        if d.chance(0.4):
            words["loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"] = (
                d.dress(d.reals(d.broadcastable(losses), "nonnegative"))
            )
        if d.chance(0.2):
            words["where"] = d.dress(d.mask(d.broadcastable((*d.batch, d.n) if d.chance(0.7) else d.batch)))
        if d.chance(0.4):
            words["axis"] = axis_of(d, len(d.batch) + 1)
        if d.chance(0.4) and loss["dims"] == "n":
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
        more = ufunc_keywords(d, "t,k", ufunc.nout)
        if "where" in more:
            more["where"] = d.dress(d.mask((*d.broadcastable(d.batch[:2]), d.frames)))
        return args, {**words, **more}

    return Target(name, ufunc, draw)
