"""CTC with the arguments of optax: paddings instead of lengths."""

import numpy as np

from ._broadcast import broadcast_shapes
from ._ctc_faults import exceeds_int64, find_fault, refuse_wrapped
from ._errors import in_the_name_of
from ._masks import refuse_masked
from .ctc import TWINS


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


def check_shapes(name, logits, skipped, labels, beyond):
    """Do paddings fit what they pad, and all batches each other?"""
    has_axes = logits.ndim >= 2 and labels.ndim >= 1
    frames_fit = skipped.shape[-1:] == logits.shape[-2:-1]
    labels_fit = beyond.shape[-1:] == labels.shape[-1:]
    batches = logits.shape[:-2], skipped.shape[:-1], labels.shape[:-1], beyond.shape[:-1]
    if not (has_axes and frames_fit and labels_fit and go_together(batches)):
        raise ValueError(
            f"{name}: paddings of shapes {skipped.shape} and {beyond.shape} do not fit logits of shape "
            f"{logits.shape} and labels of shape {labels.shape}"
        )


def refuse_gaps(name, beyond):
    """Only what follows a label can be padded."""
    gap = beyond[..., :-1] & ~beyond[..., 1:]
    if gap.any():
        at = tuple(int(i) for i in np.argwhere(gap)[0])
        which = f"; those of batch index {at[:-1]} are not" if len(at) > 1 else ""
        raise ValueError(f"{name}: label_paddings must be on the right{which}")


def call_with_paddings(attribute, name, logits, logit_paddings, labels, label_paddings, blank_id):
    """The masked twin of `ctc.loss` or of one of its attributes, given optax's arguments."""
    refuse_masked(
        name,
        "give what takes no part as paddings",
        logits=logits,
        logit_paddings=logit_paddings,
        labels=labels,
        label_paddings=label_paddings,
        blank_id=blank_id,
    )
    skipped, labels = padded(f"{name}: logit_paddings", logit_paddings), np.asarray(labels)
    beyond = padded(f"{name}: label_paddings", label_paddings)
    logits = np.asanyarray(logits)
    check_shapes(name, logits, skipped, labels, beyond)
    refuse_gaps(name, beyond)
    if np.issubdtype(labels.dtype, np.floating):  # which optax takes
        labels = whole_labels(labels, ~beyond, f"{name}: ", logits.shape[-1])
    length = np.subtract(labels.shape[-1], beyond.sum(-1))
    if np.asarray(blank_id).dtype.kind not in "iu" and not exceeds_int64(blank_id):
        raise TypeError(f"{name}: blank_id must be an integer, not {np.asarray(blank_id).dtype}")
    call = (labels, logits.shape[-2], length, blank_id)
    try:
        refuse_wrapped(name, logits, *call)
        with in_the_name_of(name, r"ctc\.loss"):
            return TWINS[f"ctc.loss{attribute}"](logits, ~skipped, *call)
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
    return call_with_paddings("", "ctc_loss", logits, logit_paddings, labels, label_paddings, blank_id)


def grad(logits, logit_paddings, labels, label_paddings, blank_id=0):
    """Gradient of `ctc_loss` with respect to `logits`, of their shape; 0 in padded frames."""
    return call_with_paddings(
        ".grad", "ctc_loss.grad", logits, logit_paddings, labels, label_paddings, blank_id
    )


def value_and_grad(logits, logit_paddings, labels, label_paddings, blank_id=0):
    """`ctc_loss` and its gradient with respect to `logits`, in one pass."""
    return call_with_paddings(
        ".value_and_grad",
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
    name = "ctc_loss_with_forward_probs"
    value, blanks, letters = call_with_paddings(
        ".forward_probs", name, logits, logit_paddings, labels, label_paddings, blank_id
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
