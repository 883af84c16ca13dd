"""Which label of a failed call is no class: a loop sees a slice of the batch and cannot say."""

import numpy as np

from ._arguments import as_arrays, bind
from ._rows import Rows


def has_classes(loss):
    """Are there labels, and are they classes?"""
    return loss["dims"] == "n" and any(a["role"] == "label" for a in loss["args"])


def make_explain(loss, name):
    """What says which label of a failed call is no class; None for a loss whose labels are no classes."""
    if not has_classes(loss):
        return None

    def explain(ufunc, *args, **kwargs):
        inputs, _ = bind(loss, name, args, kwargs)
        inputs = as_arrays(loss, inputs)
        if "axes" in kwargs:
            inputs = move_own_axes(loss, inputs, kwargs["axes"])
        return find_bad_label(loss, loss["name"], inputs, kwargs.get("axis", -1), kwargs.get("where", True))

    return explain


def move_own_axes(loss, inputs, axes):
    """Each operand with its own class axis last; labels have none."""
    own = [entry if isinstance(entry, tuple | list) else (entry,) for entry in axes]
    return [
        np.moveaxis(x, entry, (-1,)) if a["along"] else x
        for x, a, entry in zip(inputs, loss["args"], own, strict=False)
    ]


def find_bad_label(loss, name, inputs, axis, where, takes_part=None):
    """The first label that is no class, of a row that takes part, as the user wrote it, and where it stands;
    None: there is none.
    """
    labels = next((x for x, a in zip(inputs, loss["args"], strict=True) if a["role"] == "label"), None)
    if labels is None:
        return None
    along = [x for x, a in zip(inputs, loss["args"], strict=True) if a["along"]]
    rows = Rows(name, along, axis, None if where is True else np.asarray(where))
    wrong = (labels < 0) | (labels >= rows.n)
    if rows.mask is not None:
        wrong = wrong & rows.mask.any(axis=-1)
    if takes_part is not None:
        wrong = wrong & takes_part
    if not rows.n or not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    label = np.broadcast_to(labels, wrong.shape)[at]
    place = f", at index {at[0] if len(at) == 1 else at}" if at else ""
    idiom = f"; where=labels != {label} leaves such rows out" if label < 0 else ""
    return f"{name}: label {label} is out of range for {rows.n} classes{place}{idiom}"
