"""Fenchel-Young losses: from a smooth maximum to the loss whose predictions are its gradient."""

import numpy as np

from ._registry import UFUNCS

logsumexp, softmax, softmax_cross_entropy, nll_loss = [UFUNCS[name] for name in ("logsumexp", "softmax", "softmax_cross_entropy", "nll_loss")]


def make_fenchel_young_loss(max_fun):
    """The Fenchel-Young loss of a maximum function.

    Parameters
    ----------
    max_fun : callable
        A convex function of one row of scores: a gufunc of signature ``(n)->()`` such as `logsumexp`, or a function of a 1-d array,
        which is called for each row. Its attribute `grad`, if it has one, gives its gradient.

    Returns
    -------
    callable
        ``loss(scores, targets, *args, axis=-1, **kwargs)``, which is ``max_fun(scores) - sum(scores * targets)``; further arguments go to
        `max_fun`. Where `max_fun` has a gradient, the loss has the attributes `grad` and `value_and_grad`, the derivative with respect to
        the scores: ``max_fun.grad(scores) - targets``.

    Notes
    -----
    Of `logsumexp` the loss is `softmax_cross_entropy` for targets that sum to 1, and computed as that: the difference of the two terms
    would lose the digits of confident rows.

    Source: Blondel et al., Learning with Fenchel-Young losses, 2020; optax.losses.make_fenchel_young_loss.

    Examples
    --------
    >>> import numpy as np, ufloss as ul
    >>> loss = ul.make_fenchel_young_loss(ul.logsumexp)
    >>> loss([[20.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]])
    array([4.12230724e-09])
    """
    if not callable(max_fun):
        raise TypeError(f"make_fenchel_young_loss: {max_fun!r} is not callable")

    def by_rows(f, signature):
        return f if isinstance(f, np.ufunc) else lambda x, *args, axis, **kwargs: along(lambda row: f(row, *args, **kwargs), signature, x, axis)

    value_of = by_rows(max_fun, "(n)->()")
    grad_of = getattr(max_fun, "grad", None)
    if grad_of is not None:
        grad_of = by_rows(grad_of, "(n)->(n)")

    def loss(scores, targets, *args, axis=-1, **kwargs):
        if max_fun is logsumexp:
            surplus = 1 - np.sum(targets, axis)
            return softmax_cross_entropy(scores, targets, axis=axis, **kwargs) + np.where(surplus == 0, 0, surplus * logsumexp(scores, axis=axis))
        return value_of(scores, *args, axis=axis, **kwargs) + nll_loss(scores, targets, axis=axis)

    def grad(scores, targets, *args, axis=-1, **kwargs):
        if max_fun is logsumexp:
            surplus = 1 - np.sum(targets, axis, keepdims=True)
            return softmax_cross_entropy.grad(scores, targets, axis=axis, **kwargs) + np.where(surplus == 0, 0, surplus * softmax(scores, axis=axis))
        return grad_of(scores, *args, axis=axis, **kwargs) - targets

    def value_and_grad(scores, targets, *args, axis=-1, **kwargs):
        return loss(scores, targets, *args, axis=axis, **kwargs), grad(scores, targets, *args, axis=axis, **kwargs)

    loss.__name__ = loss.__qualname__ = "fenchel_young_loss"
    loss.__doc__ = f"Fenchel-Young loss of `{getattr(max_fun, '__name__', max_fun)}`: ``max_fun(scores) - sum(scores * targets)``."
    if grad_of is not None:
        loss.grad, loss.value_and_grad = grad, value_and_grad
    return loss


def along(f, signature, x, axis):
    """f over the rows along `axis`, which np.vectorize wants last."""
    result = np.vectorize(f, signature=signature)(np.moveaxis(np.asanyarray(x), axis, -1))
    return result if signature.endswith("()") else np.moveaxis(result, -1, axis)
