"""optax's losses of ranked lists and of embeddings."""

import numpy as np

import ufloss as ul

from ._common import as_array, as_floats, as_real, cast, divide, operand, quiet, total, widen
from ._optax_arguments import elementwise_mask, operands


def ranking_softmax_loss(logits, labels, where=None, weights=None, reduce_fn=np.mean):
    """Softmax ranking loss over the last axis.

    `reduce_fn` gets the losses of all lists, with `where` also which of them have an item, as its keyword
    `where`; its default is their mean, 0 where there is none. None gives the losses themselves. Labels are
    cast to the type of the logits.
    """
    if reduce_fn is not None and not callable(reduce_fn):
        raise TypeError(f"ranking_softmax_loss: reduce_fn must be a function or None, not {reduce_fn!r}")
    logits = as_floats(logits, "logits")
    labels = as_real("labels", labels)
    x = widen(logits)
    factor = 1 if weights is None else cast(as_real("weights", weights), x.dtype)
    kept = elementwise_mask(where, x, labels)
    loss = np.asarray(ul.ranking_softmax_loss(x, cast(labels, x.dtype), factor, where=kept))
    lists = np.broadcast_to(where is None or np.any(kept, -1), loss.shape)
    if reduce_fn in (np.mean, np.sum):
        result = total(loss, None, None if where is None else lists)
        if reduce_fn is np.mean:
            result = divide(result, max(1, np.count_nonzero(lists)))
        return cast(result, logits.dtype)
    loss = cast(loss, logits.dtype)
    if reduce_fn is None:
        return loss
    return reduce_fn(loss) if where is None else reduce_fn(loss, where=lists)


@quiet
def ntxent(embeddings, labels, temperature=0.07):
    """NT-Xent loss of a batch of embeddings; 0 where all labels are equal, NaN where no two are (optax
    documents NaN for the former).
    """
    return ul.ntxent_loss(
        as_real("embeddings", embeddings), as_array("labels", labels), operand("temperature", temperature)
    )


@quiet
def triplet_margin_loss(anchors, positives, negatives, axis=-1, norm_degree=2, margin=1.0, eps=1e-6):
    """Triplet margin loss; distances are sums of abs(difference)**norm_degree (optax leaves out abs, which is
    the same for even ones).
    """
    anchors, positives, negatives = operands(anchors=anchors, positives=positives, negatives=negatives)
    return ul.triplet_margin_loss(
        anchors, positives, negatives, *operands(margin=margin, norm_degree=norm_degree, eps=eps), axis=axis
    )
