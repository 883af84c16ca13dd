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
from inspect import Parameter, Signature

import numpy as np

from . import _core
from ._ctc_docs import docstring
from ._ctc_faults import exceeds_int64, find_fault, refuse_wrapped
from ._masks import check_mask, refuse_masked
from ._records import ISA, lattice_records

__all__ = ["align", "class_posteriors", "feasible", "loss", "loss_from_log_probs", "posteriors"]

KEYWORDS = {"where": True, "axes": None, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}


def constant(value):
    """A 0-d array that nobody can write to: all calls share it."""
    return np.frombuffer(np.array(value, np.int64).tobytes(), np.int64).reshape(())


# lengths that are not given are those of the axes, which measure() or the call itself finds
DEFAULTS = (..., ..., None, None, constant(0))
TWINS = {}  # of each ufunc by name: the one with a mask as its second input


def bind(ufunc, args, kwargs):
    """The five inputs in order, and the outputs given by position; leaves the other keywords."""
    names = tuple(ufunc.__signature__.parameters)[:5]
    inputs, outs = _core.bind(ufunc.__name__, names, DEFAULTS, args, kwargs)
    filled = [default if x is None else x for x, default in zip(inputs, DEFAULTS, strict=True)]
    return filled, outs


def slow(ufunc, *args, **kwargs):
    """A call with `where`; refuses what has no meaning for CTC."""
    for name in ("keepdims", "axis"):
        if name in kwargs:
            raise TypeError(f"{ufunc.__name__}() got an unexpected keyword argument '{name}'")
    name = ufunc.__name__
    if any(isinstance(x, np.ma.MaskedArray) for x in (*args, *kwargs.values())):
        raise TypeError(
            f"{name} takes no masked arrays: give the frames that take part as where, and filled ones"
        )
    where = check_mask(kwargs.pop("where", True), name)
    (logits, *others), outs = bind(ufunc, args, kwargs)
    if "axes" in kwargs:
        raise TypeError(f"{name}(): axes does not go with where")
    frames = np.shape(logits)[-2:-1]
    if not frames:
        raise ValueError(f"{name}: logits do not have enough dimensions, (frames, classes) at least")
    try:
        where = np.broadcast_to(where, (*where.shape[:-1], *frames), subok=True)
    except ValueError:
        raise ValueError(f"{name}: where of shape {where.shape} does not fit {frames[0]} frames") from None
    refuse_wrapped(name, logits, *others)
    return TWINS[name](logits, where, *others, *outs, **kwargs)


def bind_in_order(ufunc, args, kwargs):
    """The five inputs, the axes of frames, classes and labels last."""
    (logits, labels, *numbers), _ = bind(ufunc, args, kwargs)
    if "axes" in kwargs:
        of_logits, of_labels = kwargs["axes"][:2]
        logits = np.moveaxis(logits, of_logits, (-2, -1))
        labels = np.moveaxis(labels, of_labels, (-1,) if isinstance(of_labels, tuple) else -1)
    return logits, labels, *numbers


def measure(ufunc, *args, **kwargs):
    """How many frames and labels the axes of a call have; 0 where it has no such axes, which NumPy
    refuses.
    """
    try:
        logits, labels, *numbers = bind_in_order(ufunc, args, kwargs)
    except (TypeError, ValueError, IndexError):
        return 0, 0
    frames = [*np.shape(logits)[-2:-1], 0][0]
    n = [*np.shape(labels)[-1:], 0][0]
    if frames != frames or n != n:
        raise ValueError(
            f"{ufunc.__name__}: logit_length and label_length are needed where the shapes are not known"
        )
    if any(map(exceeds_int64, numbers)):
        refuse_fault(ufunc.__name__, logits, labels, frames, n, *numbers)
    return frames, n


def refuse_fault(name, logits, labels, frames, n, logit_length, label_length, blank):
    """Says what is wrong with numbers that NumPy cannot hand on; nothing where the call itself does."""
    logit_length = frames if logit_length is None else logit_length
    label_length = n if label_length is None else label_length
    said = None
    with contextlib.suppress(TypeError, ValueError, IndexError):
        said = find_fault(name, logits, labels, logit_length, label_length, blank)
    if said:
        raise ValueError(said)


def explain(ufunc, *args, **kwargs):
    """What is wrong with the inputs of a call that failed, and where; None where nothing is."""
    return find_fault(ufunc.__name__, *bind_in_order(ufunc, args, kwargs))


def signature(names):
    """What inspect.signature shows."""
    shown = (Parameter.empty, Parameter.empty, None, None, 0)
    params = []
    for name, default in zip((*names, "out"), (*shown, None), strict=True):
        params.append(Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default))
    for name, default in KEYWORDS.items():
        params.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default))
    return Signature(params)


def attributes_of(name, records):
    """The derivatives of a function, by name."""
    own = [r for r in records if r["name"] == name and not r["masked"]]
    return [r["attribute"] for r in own if r["attribute"]]


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
        doc = docstring(r, full, attributes_of(r["name"], records))
        ufunc = made[full] = _core.make_ctc(
            ISA, r["record"], full, doc, names, DEFAULTS, slow, explain, measure, states
        )
        ufunc.__doc__ = doc
        ufunc.__signature__ = signature(names)
        if r["attribute"]:
            setattr(made[r["name"]], r["attribute"], ufunc)
    return made


UFUNCS = make_all()
loss = UFUNCS["ctc.loss"]
loss_from_log_probs = UFUNCS["ctc.loss_from_log_probs"]
align = UFUNCS["ctc.align"]
posteriors = UFUNCS["ctc.posteriors"]
class_posteriors = UFUNCS["ctc.class_posteriors"]


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
    check_integers(labels=labels, logit_length=logit_length, label_length=label_length)
    refuse_where("logit_length", logit_length, logit_length < 0, "is negative")
    beyond = (label_length < 0) | (label_length > n)
    refuse_where("label_length", label_length, beyond, f"is out of range for {n} labels")
    follows = np.arange(1, n) < label_length[..., None] if n else np.zeros((*label_length.shape, 0), bool)
    repeats = ((labels[..., 1:] == labels[..., :-1]) & follows).sum(-1)
    return logit_length >= label_length + repeats


def check_integers(**given):
    """Arguments of `feasible` by name, of which all must be integers."""
    for what, numbers in given.items():
        is_integer = np.issubdtype(numbers.dtype, np.integer)
        if not is_integer and numbers.size and not (numbers.ndim == 0 and exceeds_int64(numbers[()])):
            raise TypeError(f"ctc.feasible: {what} must be integers, not {numbers.dtype}")


def refuse_where(what, numbers, wrong, said):
    """Raises for the first number of an argument of `feasible` that is wrong."""
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f" at batch index {at}" if at else ""
        raise ValueError(f"ctc.feasible: {what} {numbers[at]}{place} {said}")
