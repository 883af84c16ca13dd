"""Connectionist temporal classification: the loss, its gradient, the best path and occupancies, as NumPy
gufuncs.

Every function takes ``(logits, labels, logit_length=None, label_length=None, blank=0)``: logits of shape
(..., frames, classes), labels (..., labels), one length a sequence, the class that is the blank; ``where``
selects frames.  Leading dimensions broadcast.

>>> import numpy as np, ufloss as ul
>>> logits = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])
>>> ul.ctc.loss(logits, [[1], [2]]).round(3)
array([0.562, 1.897])
"""

import contextlib
import math
from inspect import Parameter, Signature

import numpy as np

from . import _core
from ._broadcast import broadcast_shapes
from ._errors import in_the_name_of
from ._masks import holds_masked
from ._records import ISA, lattice_records

__all__ = ["align", "class_posteriors", "feasible", "loss", "loss_from_log_probs", "posteriors"]

MANY_LABELS = 1 << 27
KEYWORDS = {"where": True, "axes": None, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}


def constant(value):
    """A 0-d array that nobody can write to: all calls share it."""
    return np.frombuffer(np.array(value, np.int64).tobytes(), np.int64).reshape(())


# lengths that are not given are those of the axes, which measure() or the call itself finds
DEFAULTS = (..., ..., None, None, constant(0))
TWINS = {}  # of each ufunc by name: the one with a mask as its second input


def bind(ufunc, args, kwargs):
    """The five inputs in order, and the outputs given by position; leaves the other keywords."""
    names = [p for p in ufunc.__signature__.parameters][:5]
    inputs = dict(zip(names, args, strict=False))
    for name, default in zip(names, DEFAULTS, strict=True):
        if name in kwargs:
            if name in inputs:
                raise TypeError(f"{ufunc.__name__}() got multiple values for argument '{name}'")
            inputs[name] = kwargs.pop(name)
        if name not in inputs:
            if default is ...:
                raise TypeError(f"{ufunc.__name__}() missing 1 required positional argument: '{name}'")
            inputs[name] = default
    return [
        default if x is None and default is not ... else x
        for x, default in zip(inputs.values(), DEFAULTS, strict=True)
    ], args[5:]


def slow(ufunc, *args, **kwargs):
    """A call with `where`; refuses what has no meaning for CTC."""
    for name in ("keepdims", "axis"):
        if name in kwargs:
            raise TypeError(f"{ufunc.__name__}() got an unexpected keyword argument '{name}'")
    if any(isinstance(x, np.ma.MaskedArray) for x in (*args, *kwargs.values())):
        raise TypeError(
            f"{ufunc.__name__} takes no masked arrays: give the frames that take part as where, and "
            "filled ones"
        )
    where = np.asanyarray(kwargs.pop("where", True))
    if where.dtype != np.bool_:
        raise TypeError(f"{ufunc.__name__}: where must be bool, not {where.dtype}")
    inputs, outs = bind(ufunc, args, kwargs)
    if "axes" in kwargs:
        raise TypeError(f"{ufunc.__name__}(): axes does not go with where")
    frames = np.shape(inputs[0])[-2:-1]
    if not frames:
        raise ValueError(
            f"{ufunc.__name__}: logits do not have enough dimensions, (frames, classes) at least"
        )
    try:
        where = np.broadcast_to(where, (*where.shape[:-1], *frames), subok=True)
    except ValueError:
        raise ValueError(
            f"{ufunc.__name__}: where of shape {where.shape} does not fit {frames[0]} frames"
        ) from None
    refuse_wrapped(ufunc.__name__, *inputs)
    return TWINS[ufunc.__name__](inputs[0], where, *inputs[1:], *outs, **kwargs)


def bind_in_order(ufunc, args, kwargs):
    """The five inputs, the axes of frames, classes and labels last."""
    (logits, labels, *numbers), _ = bind(ufunc, args, kwargs)
    if "axes" in kwargs:
        of_logits, of_labels = kwargs["axes"][:2]
        logits, labels = (
            np.moveaxis(logits, of_logits, (-2, -1)),
            np.moveaxis(labels, of_labels, (-1,) if isinstance(of_labels, tuple) else -1),
        )
    return logits, labels, *numbers


def measure(ufunc, *args, **kwargs):
    """How many frames and labels the axes of a call have; 0 where it has no such axes, which NumPy
    refuses.
    """
    try:
        logits, labels, *numbers = bind_in_order(ufunc, args, kwargs)
    except (TypeError, ValueError, IndexError):
        return 0, 0
    sizes = [*np.shape(logits)[-2:-1], 0][0], [*np.shape(labels)[-1:], 0][0]
    if any(n != n for n in sizes):
        raise ValueError(
            f"{ufunc.__name__}: logit_length and label_length are needed where the shapes are not known"
        )
    said = None
    if any(map(exceeds_int64, numbers)):
        with contextlib.suppress(TypeError, ValueError, IndexError):  # which the call itself raises
            said = find_fault(
                ufunc.__name__,
                logits,
                labels,
                *(size if x is None else x for size, x in zip(sizes, numbers, strict=False)),
                numbers[2],
            )
    if said:
        raise ValueError(said)
    return sizes


def explain(ufunc, *args, **kwargs):
    """What is wrong with the inputs of a call that failed, and where; None where nothing is."""
    return find_fault(ufunc.__name__, *bind_in_order(ufunc, args, kwargs))


def find_fault(name, logits, labels, logit_length, label_length, blank):
    """The first fault in the order of the batch, in words."""
    frames, classes = np.shape(logits)[-2:]
    labels, blank = np.asarray(labels), np.asarray(blank)
    logit_length, label_length = np.asarray(logit_length), np.asarray(label_length)
    if any(
        x.dtype.kind not in "biu" and not (x.ndim == 0 and exceeds_int64(x[()]))
        for x in (labels, logit_length, label_length, blank)
    ):
        return None  # what the call itself refuses
    n = labels.shape[-1]
    batch = broadcast_shapes(
        np.shape(logits)[:-2], labels.shape[:-1], logit_length.shape, label_length.shape, blank.shape
    )
    labels = np.broadcast_to(labels, (*batch, n))
    logit_length, label_length, blank = (
        np.broadcast_to(x, batch) for x in (logit_length, label_length, blank)
    )
    # copies of more could be more than there is memory for
    looked_at = n if n * math.prod(batch) <= MANY_LABELS else 0
    labels, used = labels[..., :looked_at], np.arange(looked_at) < label_length[..., None]
    faults = [
        (
            (blank < -classes) | (blank >= classes),
            blank,
            "blank {}{} is out of range for {} classes",
            classes,
        ),
        (
            (logit_length < 0) | (logit_length > frames),
            logit_length,
            "logit_length {}{} is out of range for {} frames",
            frames,
        ),
        (
            (label_length < 0) | (label_length > n),
            label_length,
            "label_length {}{} is out of range for {} labels",
            n,
        ),
        (
            used & ((labels < 0) | (labels >= classes)),
            labels,
            "label {}{} is out of range for {} classes",
            classes,
        ),
        (
            used & (labels == np.where(blank < 0, blank + classes, blank)[..., None]),
            labels,
            "label {}{} is the blank",
            None,
        ),
    ]
    for wrong, values, text, limit in faults:
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            place = f" at batch index {at[: len(batch)]}" if batch else ""
            if wrong.ndim > len(batch):
                place = f" at position {at[-1]}" + (f" of batch index {at[:-1]}" if batch else "")
            return f"{name}: " + text.format(values[at], place, limit)
    return None


def exceeds_int64(x):
    """Is it an int of Python's that NumPy cannot hand on, and would complain about without a name?"""
    return type(x) is int and not -(2**63) <= x < 2**63


def refuse_wrapped(name, logits, labels, logit_length, label_length, blank):
    """A blank beyond int64 would count from the last class."""
    unfit = np.asarray(blank).dtype == np.uint64 or any(
        map(exceeds_int64, (logit_length, label_length, blank))
    )
    if unfit and np.ndim(labels):  # labels without an axis are refused by NumPy
        said = find_fault(name, logits, labels, logit_length, label_length, blank)
        if said:
            raise ValueError(said)


RETURNS = {
    "": "loss : ndarray or scalar\n    The loss, one a sequence; inf where no path exists.",
    "grad": "grad : ndarray\n    Derivative of the loss with respect to `{first}`, of their shape; 0 "
    "in frames that take no part.",
    "value_and_grad": "loss : ndarray or scalar\n    The loss, one a sequence.\ngrad : ndarray\n    Its "
    "derivative with respect to `{first}`, of their shape.",
    "forward_probs": "loss : ndarray or scalar\n    The loss, one a sequence.\n"
    "blanks : ndarray of shape (..., frames, labels + 1)\n"
    "    [t, n]: log-probability of all ways through the frames up to t that spell the first n "
    "labels and end in the blank.\n"
    "labels : ndarray of shape (..., frames, labels)\n"
    "    [t, n]: of those that spell the first n + 1 labels and end in the last of them. What "
    "cannot be is -inf; a frame that takes no\n"
    "    part repeats the one before.",
    "align": "path : ndarray of int64, shape (..., frames)\n    The state of each frame.\nscore : "
    "ndarray or scalar\n    Log-probability of the path.",
    "posteriors": "chances : ndarray of shape (..., frames, 2 labels + 1)\n    Of each state in each frame.",
    "class_posteriors": "chances : ndarray of shape (..., frames, classes)\n    Of each class in each frame.",
}
SUMMARY = {
    "grad": "Gradient of `{name}` with respect to `{first}`.",
    "value_and_grad": "`{name}` and its gradient with respect to `{first}`, in one pass.",
    "forward_probs": "`{name}` and the forward probabilities of blanks and labels, as logarithms.",
}


def docstring(r, full, derived):
    """The numpydoc text of one ufunc."""
    first = r["args"][0][0]
    words = {"name": r["name"], "first": first}
    returns = RETURNS[r["attribute"] if r["name"].startswith("ctc.loss") else r["name"].removeprefix("ctc.")]
    shapes = ["(..., frames, classes)", "(..., labels)", "(...)", "(...)", "(...)"]
    kinds = [
        "array_like",
        "array_like of int",
        "array_like of int, optional",
        "array_like of int, optional",
        "array_like of int, default 0",
    ]
    nan = (
        "NaN, +inf or nothing but -inf in a frame that takes part gives NaN; frames too few for "
        "the label are not looked at."
    )
    if first == "log_probs":
        nan = (
            "NaN or +inf at a class that the label or the blank names gives NaN; frames too few for "
            "the label are not looked at."
        )
    lines = [
        f"{full}({first}, labels, logit_length=None, label_length=None, blank=0, out=None, *, "
        "where=True, **kwargs)",
        "",
    ]
    lines += [
        SUMMARY[r["attribute"]].format(**words) if r["attribute"] else r["summary"],
        "",
        f"{r['name']} is",
        "",
        "::",
        "",
        "    " + r["formula"],
    ]
    lines += ["", "Parameters", "----------"]
    for (name, doc), shape, kind in zip(r["args"], shapes, kinds, strict=True):
        lines += [f"{name} : {kind}", f"    {doc} Of shape {shape}."]
    lines += [
        "out : ndarray, tuple of ndarray or None, optional",
        "    Where to put the result.",
        "where : array_like of bool, optional",
        "    Frames that take part, of shape (..., frames); others are skipped, wherever they are, "
        "and not read. Goes together with lengths.",
        "**kwargs",
        "    The other keywords of a gufunc: `axes` (without `where`), `casting`, `order`, "
        "`dtype`, `subok`, `signature`.",
        "",
        "Returns",
        "-------",
        *returns.format(**words).splitlines(),
        "",
        "Raises",
        "------",
        "ValueError",
        "    If a label is no class or is the blank, the blank no class, or a length beyond its "
        "axis; it says where.",
        "TypeError",
        "    If labels, lengths or blank are not integers, or an argument is complex, longdouble, "
        "object or a string.",
        "",
        "Notes",
        "-----",
        *r["notes"].splitlines(),
        "",
        nan + f" float16 is computed in float32. Source: {r['source']}",
    ]
    if not r["attribute"]:
        if derived:
            lines += [
                "",
                "Attributes, each a gufunc of the same arguments: "
                + ", ".join(f"`{d}`" for d in derived)
                + ".",
            ]
        lines += [
            "",
            "Examples",
            "--------",
            ">>> import numpy as np, ufloss as ul",
            *r["example"].splitlines(),
        ]
    return "\n".join(lines) + "\n"


def make_all():
    """Every ufunc of CTC under its dotted name; derivatives are attributes."""
    made, records = {}, list(lattice_records())
    for r in records:
        full = f"{r['name']}.{r['attribute']}".removesuffix(".")
        states = {"ctc.posteriors": 2, "ctc.loss.forward_probs": 1}.get(full, 0)
        if r["masked"]:
            TWINS[full] = _core.make_ctc(ISA, r["record"], full, "", (), (), None, None, None, states)
            continue
        names = tuple(name for name, _ in r["args"])
        derived = [
            d["attribute"] for d in records if d["name"] == r["name"] and d["attribute"] and not d["masked"]
        ]
        doc = docstring(r, full, derived)
        ufunc = made[full] = _core.make_ctc(
            ISA, r["record"], full, doc, names, DEFAULTS, slow, explain, measure, states
        )
        ufunc.__doc__ = doc
        shown = (Parameter.empty, Parameter.empty, None, None, 0)
        params = [
            Parameter(n, Parameter.POSITIONAL_OR_KEYWORD, default=d)
            for n, d in zip(names, shown, strict=True)
        ]
        params.append(Parameter("out", Parameter.POSITIONAL_OR_KEYWORD, default=None))
        ufunc.__signature__ = Signature(
            params + [Parameter(n, Parameter.KEYWORD_ONLY, default=d) for n, d in KEYWORDS.items()]
        )
        if r["attribute"]:
            setattr(made[r["name"]], r["attribute"], ufunc)
    return made


UFUNCS = make_all()
loss, loss_from_log_probs = UFUNCS["ctc.loss"], UFUNCS["ctc.loss_from_log_probs"]
align, posteriors, class_posteriors = (
    UFUNCS["ctc.align"],
    UFUNCS["ctc.posteriors"],
    UFUNCS["ctc.class_posteriors"],
)


def refuse_masked(name, instead, **given):
    """Arguments by name, of which none may have a mask that making an array of it would drop; `instead` says
    what to give for one.
    """
    for what, x in given.items():
        if holds_masked(x):
            raise TypeError(f"{name} takes no masked arrays: {instead}, and {what} filled")


def feasible(labels, logit_length, label_length=None):
    """Which pairs of a label and a number of frames have any path.

    Parameters
    ----------
    labels : array_like of int
        Of shape (..., labels).
    logit_length : array_like of int
        Frames of each sequence.
    label_length : array_like of int, optional
        Labels of each sequence; all of them by default.

    Returns
    -------
    ndarray of bool or scalar
        True where there are at least as many frames as labels, and one more between any two neighbours that
        are equal. Logits of -inf may still leave no path; then the loss is inf.

    Raises
    ------
    TypeError
        If labels or lengths are not integers, or are masked arrays.
    ValueError
        If a length is negative, or longer than the labels.

    Examples
    --------
    >>> import ufloss as ul
    >>> ul.ctc.feasible([[1, 2], [1, 1]], 2)
    array([ True, False])
    """
    refuse_masked(
        "ctc.feasible",
        "give the labels that take part as label_length",
        labels=labels,
        logit_length=logit_length,
        label_length=label_length,
    )
    labels, logit_length = np.asarray(labels), np.asarray(logit_length)
    if not labels.ndim:
        raise ValueError("ctc.feasible: labels have no axis")
    n = labels.shape[-1]
    label_length = np.asarray(n if label_length is None else label_length)
    for what, numbers in (("labels", labels), ("logit_length", logit_length), ("label_length", label_length)):
        if (
            not np.issubdtype(numbers.dtype, np.integer)
            and numbers.size
            and not (numbers.ndim == 0 and exceeds_int64(numbers[()]))
        ):
            raise TypeError(f"ctc.feasible: {what} must be integers, not {numbers.dtype}")
    for what, wrong, numbers in (
        ("logit_length", logit_length < 0, logit_length),
        ("label_length", (label_length < 0) | (label_length > n), label_length),
    ):
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            place, limit = (
                f" at batch index {at}" * bool(at),
                f" is out of range for {n} labels" if what == "label_length" else " is negative",
            )
            raise ValueError(f"ctc.feasible: {what} {numbers[at]}{place}{limit}")
    follows = np.arange(1, n) < label_length[..., None] if n else np.zeros((*label_length.shape, 0), bool)
    repeats = ((labels[..., 1:] == labels[..., :-1]) & follows).sum(-1)
    return logit_length >= label_length + repeats


def padded(name, paddings):
    """True where optax's paddings are 1."""
    paddings = np.asarray(paddings)
    try:
        wrong = (paddings != 0) & (paddings != 1)
    except TypeError:
        raise TypeError(f"{name} must be 0 or 1, not {paddings.dtype}") from None
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"{name} must be 0 or 1, not {paddings[at]} at index {at}")
    return paddings != 0


def go_together(shapes):
    try:
        broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def whole_labels(labels, used, name, classes):
    """Labels as int64, from numbers of any real type, and 0 where they are not used.

    One that is no integer, or beyond int64 and therefore no class, is a ValueError that says where; `name`
    begins what is said.
    """
    with np.errstate(all="ignore"):  # NaN as a padding
        whole = labels.astype(np.int64)
        wrong = used & (whole != labels)
    if not wrong.any():
        return np.where(used, whole, 0)
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    label = np.broadcast_to(labels, wrong.shape)[at]
    place = f" at position {at[-1]}" + f" of batch index {at[:-1]}" * (len(at) > 1)
    if not np.isfinite(label) or label != np.floor(label):
        raise ValueError(f"{name}labels must be integers, not {label}{place}")
    raise ValueError(f"{name}label {label}{place} is out of range for {classes} classes")


def call_with_paddings(twin, name, logits, logit_paddings, labels, label_paddings, blank_id):
    """A masked ufunc, given optax's arguments."""
    given = {
        "logits": logits,
        "logit_paddings": logit_paddings,
        "labels": labels,
        "label_paddings": label_paddings,
        "blank_id": blank_id,
    }
    refuse_masked(name, "give what takes no part as paddings", **given)
    skipped, labels = padded(f"{name}: logit_paddings", logit_paddings), np.asarray(labels)
    beyond = padded(f"{name}: label_paddings", label_paddings)
    logits = np.asanyarray(logits)
    batches = logits.shape[:-2], skipped.shape[:-1], labels.shape[:-1], beyond.shape[:-1]
    fit = (
        skipped.shape[-1:] == logits.shape[-2:-1]
        and beyond.shape[-1:] == labels.shape[-1:]
        and logits.ndim >= 2
        and labels.ndim >= 1
    )
    if not fit or not go_together(batches):
        raise ValueError(
            f"{name}: paddings of shapes {skipped.shape} and {beyond.shape} do not fit logits of shape "
            f"{logits.shape} and labels of shape {labels.shape}"
        )
    gap = beyond[..., :-1] & ~beyond[..., 1:]
    if gap.any():
        at = tuple(int(i) for i in np.argwhere(gap)[0])
        raise ValueError(
            f"{name}: label_paddings must be on the right"
            + f"; those of batch index {at[:-1]} are not" * (len(at) > 1)
        )
    if np.issubdtype(labels.dtype, np.floating):  # which optax takes
        labels = whole_labels(labels, ~beyond, f"{name}: ", logits.shape[-1])
    length = np.subtract(labels.shape[-1], beyond.sum(-1))
    if np.asarray(blank_id).dtype.kind not in "iu" and not exceeds_int64(blank_id):
        raise TypeError(f"{name}: blank_id must be an integer, not {np.asarray(blank_id).dtype}")
    call = (labels, logits.shape[-2], length, blank_id)
    try:
        refuse_wrapped(name, logits, *call)
        with in_the_name_of(name, r"ctc\.loss"):
            return twin(logits, ~skipped, *call)
    except ValueError as error:
        said = find_fault(name, logits, *call)
        raise ValueError(said.replace("blank ", "blank_id ", 1)) if said else error from None


def ctc_loss(logits, logit_paddings, labels, label_paddings, blank_id=0):
    """CTC loss with optax's arguments: paddings instead of lengths.

    Parameters
    ----------
    logits : array_like
        Scores of each class in each frame, of shape (batch, frames, classes); any leading dimensions
        broadcast.
    logit_paddings : array_like
        1 in frames that are padding, which may be anywhere, 0 in others; of shape (batch, frames).
    labels : array_like of int
        Of shape (batch, labels).
    label_paddings : array_like
        1 beyond the end of each label, 0 before; of shape (batch, labels).
    blank_id : int, optional
        The class that stands for no label; a negative one counts from the last.

    Returns
    -------
    ndarray or scalar
        The loss, one a sequence; inf where no path exists (optax: a large finite number).

    Raises
    ------
    ValueError
        If paddings are not 0 or 1, or those of labels not on the right; and where `ctc.loss` does.
    TypeError
        If an argument is a masked array; and where `ctc.loss` does.

    Notes
    -----
    `ctc_loss.grad` and `ctc_loss.value_and_grad` take the same arguments. There is no `log_epsilon`: what
    cannot be has probability 0.

    Examples
    --------
    >>> import numpy as np, ufloss as ul
    >>> logits = np.log([[[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]]])
    >>> ul.ctc_loss(logits, [[0, 0]], [[1, 0]], [[0, 1]]).round(3)
    array([0.562])
    """
    return call_with_paddings(
        TWINS["ctc.loss"], "ctc_loss", logits, logit_paddings, labels, label_paddings, blank_id
    )


def grad(logits, logit_paddings, labels, label_paddings, blank_id=0):
    """Gradient of `ctc_loss` with respect to `logits`, of their shape; 0 in padded frames."""
    return call_with_paddings(
        TWINS["ctc.loss.grad"], "ctc_loss.grad", logits, logit_paddings, labels, label_paddings, blank_id
    )


def value_and_grad(logits, logit_paddings, labels, label_paddings, blank_id=0):
    """`ctc_loss` and its gradient with respect to `logits`, in one pass."""
    return call_with_paddings(
        TWINS["ctc.loss.value_and_grad"],
        "ctc_loss.value_and_grad",
        logits,
        logit_paddings,
        labels,
        label_paddings,
        blank_id,
    )


def ctc_loss_with_forward_probs(logits, logit_paddings, labels, label_paddings, blank_id=0):
    """CTC loss and forward probabilities, with optax's arguments and shapes.

    Parameters
    ----------
    logits, logit_paddings, labels, label_paddings, blank_id
        As in `ctc_loss`.

    Returns
    -------
    loss : ndarray or scalar
        One a sequence.
    logalpha_blank : ndarray of shape (frames, batch, labels + 1)
        [t, b, n]: log-probability of all ways through the frames up to t that spell the first n labels and
        end in the blank; in the last frame, as in optax, of all that spell them, whatever they end in.
    logalpha_nonblank : ndarray of shape (frames, batch, labels)
        [t, b, n]: of those that spell the first n + 1 labels and end in the last of them. What cannot be is
        -inf (optax: a large negative number), and so is what lies beyond a label's end.

    Examples
    --------
    >>> import numpy as np, ufloss as ul
    >>> logits = np.log([[[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]]])
    >>> loss, blanks, labels = ul.ctc_loss_with_forward_probs(logits, [[0, 0]], [[1]], [[0]])
    >>> blanks.shape, labels.shape
    ((2, 1, 2), (2, 1, 1))
    """
    twin = TWINS["ctc.loss.forward_probs"]
    value, blanks, letters = call_with_paddings(
        twin, "ctc_loss_with_forward_probs", logits, logit_paddings, labels, label_paddings, blank_id
    )
    blanks, letters = np.moveaxis(blanks, -2, 0), np.moveaxis(letters, -2, 0)
    if len(blanks):
        with np.errstate(all="ignore"):
            blanks[-1, ..., 1:] = np.logaddexp(blanks[-1, ..., 1:], letters[-1])
    return value, blanks, letters


for function, attribute in ((grad, "grad"), (value_and_grad, "value_and_grad")):
    function.__qualname__ = f"ctc_loss.{attribute}"
    setattr(ctc_loss, attribute, function)
for function in (ctc_loss, ctc_loss_with_forward_probs, grad, value_and_grad):
    function.__module__ = "ufloss"
del grad, value_and_grad, function, attribute
