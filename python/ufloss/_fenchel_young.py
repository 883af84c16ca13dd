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
        `max_fun`, among them `where` and `keepdims` if it takes them, which then hold for the sum too. Where `max_fun` has a gradient, the
        loss has the attributes `grad` and `value_and_grad`, the derivative with respect to the scores: ``max_fun.grad(scores) - targets``.

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

    def missing(scores, targets, **kwargs):
        """1 - sum(targets) of each row, 0 where no element of it takes part."""
        ones = -np.ones_like(scores, dtype=float)
        kept = nll_loss(ones, 1.0, **kwargs)
        return np.where(kept > 0, 1 - nll_loss(ones, targets, **kwargs), 0.0)

    def loss(scores, targets, *args, **kwargs):
        if max_fun is logsumexp:
            only(kwargs, "axis", "where", "keepdims")
            surplus, log_sum = missing(scores, targets, **kwargs), logsumexp(scores, *args, **kwargs)
            entropy = softmax_cross_entropy(scores, targets, **kwargs)
            return (entropy + np.where(surplus == 0, 0, surplus * log_sum)).astype(entropy.dtype)[()]
        shared = {word: kwargs[word] for word in ("axis", "where", "keepdims") if word in kwargs}
        return value_of(scores, *args, **{"axis": -1, **kwargs}) + nll_loss(scores, targets, **shared)

    def grad(scores, targets, *args, **kwargs):
        if max_fun is logsumexp:
            only(kwargs, "axis", "where")
            surplus, slope = missing(scores, targets, keepdims=True, **kwargs), softmax_cross_entropy.grad(scores, targets, **kwargs)
            return (slope + np.where(surplus == 0, 0, surplus * softmax(scores, *args, **kwargs))).astype(slope.dtype)
        shared = {word: kwargs[word] for word in ("axis", "where") if word in kwargs}
        return grad_of(scores, *args, **{"axis": -1, **kwargs}) + nll_loss.grad(scores, targets, **shared)

    def value_and_grad(scores, targets, *args, **kwargs):
        sloped = {word: x for word, x in kwargs.items() if word != "keepdims"}
        return loss(scores, targets, *args, **kwargs), grad(scores, targets, *args, **sloped)

    loss.__name__ = loss.__qualname__ = "fenchel_young_loss"
    loss.__doc__ = f"Fenchel-Young loss of `{getattr(max_fun, '__name__', max_fun)}`: ``max_fun(scores) - sum(scores * targets)``."
    if grad_of is not None:
        loss.grad, loss.value_and_grad = grad, value_and_grad
    return loss


def only(kwargs, *words):
    for word in kwargs:
        if word not in words:
            raise TypeError(f"fenchel_young_loss() got an unexpected keyword argument '{word}'")


def along(f, signature, x, axis):
    """f over the rows along `axis`, which np.vectorize wants last."""
    result = np.vectorize(f, signature=signature)(np.moveaxis(np.asanyarray(x), axis, -1))
    return result if signature.endswith("()") else np.moveaxis(result, -1, axis)
