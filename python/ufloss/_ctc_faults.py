"""What is wrong with the inputs of a CTC call, and where: a loop sees a slice of the batch and cannot say."""

import numpy as np

from ._broadcast import broadcast_shapes

MANY_LABELS = 1 << 27


def exceeds_int64(x):
    """Is it an int of Python's that NumPy cannot hand on, and would complain about without a name?"""
    return type(x) is int and not -(2**63) <= x < 2**63


def is_whole(x):
    """Are these integers, as far as NumPy has any so large?"""
    return x.dtype.kind in "biu" or (x.ndim == 0 and exceeds_int64(x[()]))


def faults_of(logits, labels, logit_length, label_length, blank):
    """Each fault as (where it is, the values, what is said of one, the limit)."""
    frames, classes = np.shape(logits)[-2:]
    n = labels.shape[-1]
    # copies of more could be more than there is memory for
    looked_at = n if labels.size <= MANY_LABELS else 0
    labels, used = labels[..., :looked_at], np.arange(looked_at) < label_length[..., None]
    yield (
        (blank < -classes) | (blank >= classes),
        blank,
        "blank {}{} is out of range for {} classes",
        classes,
    )
    yield (
        (logit_length < 0) | (logit_length > frames),
        logit_length,
        "logit_length {}{} is out of range for {} frames",
        frames,
    )
    yield (
        (label_length < 0) | (label_length > n),
        label_length,
        "label_length {}{} is out of range for {} labels",
        n,
    )
    yield (
        used & ((labels < 0) | (labels >= classes)),
        labels,
        "label {}{} is out of range for {} classes",
        classes,
    )
    is_blank = labels == np.where(blank < 0, blank + classes, blank)[..., None]
    yield used & is_blank, labels, "label {}{} is the blank", None


def find_fault(name, logits, labels, logit_length, label_length, blank):
    """The first fault, of the kinds in their order and then of the batch, in words; None: there is none."""
    numbers = [np.asarray(x) for x in (labels, logit_length, label_length, blank)]
    if not all(map(is_whole, numbers)):
        return None  # what the call itself refuses
    labels, *others = numbers
    batch = broadcast_shapes(np.shape(logits)[:-2], labels.shape[:-1], *[x.shape for x in others])
    labels = np.broadcast_to(labels, (*batch, labels.shape[-1]))
    others = [np.broadcast_to(x, batch) for x in others]
    for wrong, values, text, limit in faults_of(logits, labels, *others):
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            return f"{name}: " + text.format(values[at], place_of(at, len(batch)), limit)
    return None


def place_of(at, batch_axes):
    """In words where a sequence is, or one of its labels."""
    if len(at) == batch_axes:
        return f" at batch index {at}" if at else ""
    return f" at position {at[-1]}" + (f" of batch index {at[:-1]}" if batch_axes else "")


def refuse_wrapped(name, logits, labels, logit_length, label_length, blank):
    """A blank beyond int64 would count from the last class."""
    too_large = any(map(exceeds_int64, (logit_length, label_length, blank)))
    unfit = too_large or np.asarray(blank).dtype == np.uint64
    if unfit and np.ndim(labels):  # labels without an axis are refused by NumPy
        said = find_fault(name, logits, labels, logit_length, label_length, blank)
        if said:
            raise ValueError(said)
