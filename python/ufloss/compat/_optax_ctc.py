"""optax's CTC losses."""

import numpy as np

import ufloss as ul

from ._common import BlankApart, as_array, as_floats, as_labels, as_real, cast, quiet, total, widen


def check_padding(name, padding, shape):
    if np.shape(padding) != shape:
        raise ValueError(f"{name} has shape {np.shape(padding)}, not {shape}")


def used_labels(label_paddings):
    """Which labels count: as many as are not padded, from the left."""
    padded = label_paddings.astype(float)
    if not np.all((padded == 0) | (padded == 1)):
        raise ValueError("label_paddings must be 0 or 1")
    n = label_paddings.shape[1]
    return np.arange(n) < n - np.count_nonzero(padded, 1)[:, None]


def compute_ctc(logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, function):
    """The results of one of the core's functions with optax's arguments, and what must be added to each
    frame's log-probabilities.
    """
    # float32 is the type of optax's result for float16
    logits = widen(as_floats(logits, "logits"))
    labels = as_array("labels", labels)
    logit_paddings = as_real("logit_paddings", logit_paddings)
    label_paddings = as_real("label_paddings", label_paddings)
    if logits.ndim != 3 or labels.ndim != 2 or len(logits) != len(labels):
        raise ValueError(
            f"logits of shape {logits.shape} and labels of shape {labels.shape} are not (batch, frames, "
            "classes) and (batch, labels)"
        )
    check_padding("logit_paddings", logit_paddings, logits.shape[:2])
    check_padding("label_paddings", label_paddings, labels.shape)
    used = used_labels(label_paddings)
    worst = as_real("log_epsilon", log_epsilon)
    if worst.ndim or not worst <= 0:
        raise ValueError(f"log_epsilon is a log-probability, one number of at most 0, not {log_epsilon!r}")
    labels = as_labels("labels", labels, used, logits.shape[-1])
    problem = BlankApart(logits, labels, used, blank_id, "blank_id")
    results = function(problem.scores, logit_paddings, problem.labels, ~used, problem.blank)
    return results, problem.surplus(logit_paddings == 0), logits.dtype.type(worst)


def limited(loss, surplus, worst):
    """The losses after the blank's copy is taken out of the denominators, at most those of what cannot be."""
    return np.minimum(cast(loss - total(surplus, -1), loss.dtype), -worst)


@quiet
def ctc_loss(logits, logit_paddings, labels, label_paddings, blank_id=0, log_epsilon=-1e5):
    """CTC loss.

    Parameters
    ----------
    logits : array_like
        Scores of shape (batch, frames, classes); float16 gives float32 losses.
    logit_paddings, label_paddings : array_like
        0 or 1, of shapes (batch, frames) and (batch, labels). Padded frames are left out wherever they are;
        of `label_paddings` only the sum counts, as if they were on the right.
    labels : array_like
        Classes, of shape (batch, labels); integers, or floating-point numbers that are whole. The blank among
        them is a symbol like any.
    blank_id : int
        The blank.
    log_epsilon : float
        What stands for the logarithm of 0: no loss exceeds ``-log_epsilon``, which is the loss of what cannot
        be (in optax roughly).

    Returns
    -------
    ndarray of shape (batch,)

    Raises
    ------
    ValueError
        If shapes do not fit, a label is no class (optax: a class of probability 1), or `log_epsilon` more
        than 0.
    """
    loss, surplus, worst = compute_ctc(
        logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, ul.ctc_loss
    )
    return limited(loss, surplus, worst)


@quiet
def ctc_loss_with_forward_probs(logits, logit_paddings, labels, label_paddings, blank_id=0, log_epsilon=-1e5):
    """CTC loss and forward probabilities, with the parameters of `ctc_loss`.

    Returns
    -------
    loss : ndarray of shape (batch,)
    logalpha_blank : ndarray of shape (frames, batch, labels + 1)
        Of what ends in the blank; in the last frame of each prefix, whatever it ends in.
    logalpha_nonblank : ndarray of shape (frames, batch, labels)
        Of what ends in a label (optax documents labels + 1). What cannot be, and what lies beyond a label's
        end, is `log_epsilon`.
    """
    function = ul.ctc_loss_with_forward_probs
    (loss, *alphas), surplus, worst = compute_ctc(
        logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, function
    )
    so_far = np.cumsum(surplus, -1, dtype=float).T[..., None]
    alphas = [np.maximum(cast(alpha + so_far, alpha.dtype), worst) for alpha in alphas]
    return limited(loss, surplus, worst), *alphas
