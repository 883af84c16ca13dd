"""Fenchel-Young losses: from a smooth maximum to the loss whose predictions are its gradient."""

import math

import numpy as np

from ._arguments import as_array
from ._broadcast import normalize_axes
from ._errors import in_the_name_of
from ._reduce import align
from ._registry import UFUNCS

logsumexp, softmax, softmax_cross_entropy, nll_loss = [
    UFUNCS[name] for name in ("logsumexp", "softmax", "softmax_cross_entropy", "nll_loss")
]


def make_fenchel_young_loss(max_fun):
    """The Fenchel-Young loss of a maximum function.

    Parameters
    ----------
    max_fun : callable
        A convex function of one row of scores: a gufunc of signature ``(n)->()`` such as `logsumexp`, or a
        function of a 1-d array, which is called for each row. Its attribute `grad`, if it has one, gives its
        gradient.

    Returns
    -------
    callable
        ``loss(scores, targets, *args, axis=-1, **kwargs)``, which is ``max_fun(scores) - sum(scores *
        targets)``; further arguments go to `max_fun`, among them `where` and `keepdims` if it takes them,
        which then hold for the sum too. Where `max_fun` has a gradient, the loss has the attributes `grad`
        and `value_and_grad`, the derivative with respect to the scores: ``max_fun.grad(scores) - targets``.

    Notes
    -----
    Of `logsumexp` the loss is `softmax_cross_entropy` for targets that sum to 1, and computed as that: the
    difference of the two terms would lose the digits of confident rows.

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
    if isinstance(max_fun, np.ufunc) and not (max_fun.signature or "").endswith("->()"):
        given = f"of signature {max_fun.signature}" if max_fun.signature else "an elementwise ufunc"
        raise TypeError(
            "make_fenchel_young_loss: max_fun must give one number for each row, and "
            f"{max_fun.__name__}, {given}, does not"
        )
    return FenchelYoungLoss(max_fun)


class FenchelYoungLoss:
    # What make_fenchel_young_loss gives; it pickles where the maximum function does.

    def __init__(self, max_fun):
        self._max_fun = max_fun
        self._value_of = by_rows(max_fun, "(n)->()")
        self.__name__ = self.__qualname__ = "fenchel_young_loss"
        self.__module__ = "ufloss"
        self.__doc__ = (
            f"Fenchel-Young loss of `{getattr(max_fun, '__name__', max_fun)}`: ``max_fun(scores) - "
            "sum(scores * targets)``."
        )
        if getattr(max_fun, "grad", None) is not None:
            self._grad_of = by_rows(max_fun.grad, "(n)->(n)")
            self.grad, self.value_and_grad = self._grad, self._value_and_grad

    def __repr__(self):
        return f"<fenchel_young_loss of {getattr(self._max_fun, '__name__', self._max_fun)}>"

    def __reduce__(self):
        return make_fenchel_young_loss, (self._max_fun,)

    def __call__(self, scores, targets, *args, **kwargs):
        with in_own_name():
            return self._value(scores, targets, *args, **kwargs)

    def _value(self, scores, targets, *args, **kwargs):
        scores, targets = take(scores, targets)
        if self._max_fun is logsumexp:
            only(kwargs, "axis", "where", "keepdims")
            surplus, log_sum = missing(scores, targets, **kwargs), logsumexp(scores, *args, **kwargs)
            entropy = softmax_cross_entropy(scores, targets, **kwargs)
            with np.errstate(all="ignore"):
                return (entropy + np.where(surplus == 0, 0, surplus * log_sum)).astype(entropy.dtype)[()]
        shared = {word: kwargs[word] for word in ("axis", "where", "keepdims") if word in kwargs}
        return add(
            self._value_of(scores, *args, **{"axis": -1, **kwargs}), nll_loss(scores, targets, **shared)
        )

    def _grad(self, scores, targets, *args, **kwargs):
        with in_own_name():
            return self._slope(scores, targets, *args, **kwargs)

    def _slope(self, scores, targets, *args, **kwargs):
        scores, targets = take(scores, targets)
        if self._max_fun is logsumexp:
            only(kwargs, "axis", "where")
            surplus, slope = (
                missing(scores, targets, keepdims=True, **kwargs),
                softmax_cross_entropy.grad(scores, targets, **kwargs),
            )
            with np.errstate(all="ignore"):
                return (slope + np.where(surplus == 0, 0, surplus * softmax(scores, *args, **kwargs))).astype(
                    np.asarray(slope).dtype
                )
        shared = {word: kwargs[word] for word in ("axis", "where") if word in kwargs}
        return add(
            self._grad_of(scores, *args, **{"axis": -1, **kwargs}), nll_loss.grad(scores, targets, **shared)
        )

    def _value_and_grad(self, scores, targets, *args, **kwargs):
        sloped = {word: x for word, x in kwargs.items() if word != "keepdims"}
        return self(scores, targets, *args, **kwargs), self._grad(scores, targets, *args, **sloped)


def in_own_name():
    return in_the_name_of("fenchel_young_loss", "nll_loss", "softmax_cross_entropy", "logsumexp", "softmax")


def add(a, b):
    """The sum, in which infinities tell the story and nothing warns."""
    with np.errstate(all="ignore"):
        return a + b


def by_rows(f, signature):
    return (
        f
        if isinstance(f, np.ufunc)
        else lambda x, *args, axis, **kwargs: along(lambda row: f(row, *args, **kwargs), signature, x, axis)
    )


def missing(scores, targets, **kwargs):
    """1 - sum(targets) of each row, 0 where no element of it takes part."""
    ones = -np.ones_like(scores, dtype=float)
    if (axis := kwargs.get("axis")) is not None:
        normalize_axes(axis, ones.ndim, "fenchel_young_loss")
    kept = nll_loss(ones, 1.0, **kwargs)
    with np.errstate(all="ignore"):
        return np.where(kept > 0, 1 - nll_loss(ones, targets, **kwargs), 0.0)


def take(*arrays):
    """Scores and targets, those of pandas in the same order, since their terms are added by position."""
    if any(isinstance(a, np.ma.MaskedArray) for a in arrays):
        raise TypeError(
            "fenchel_young_loss takes no masked arrays: give what takes part as where, and filled ones"
        )
    return align({"dims": "n"}, arrays, "fenchel_young_loss")


def only(kwargs, *words):
    for word in kwargs:
        if word not in words:
            raise TypeError(f"fenchel_young_loss() got an unexpected keyword argument '{word}'")


def along(f, signature, x, axis):
    """f over the rows along `axis`, which np.vectorize wants last."""
    x = as_array(x)
    (axis,) = normalize_axes(axis, x.ndim, "fenchel_young_loss", many=False)
    x = np.moveaxis(x, axis, -1)
    if math.prod(x.shape[:-1]):
        result = np.vectorize(f, signature=signature)(x)
    else:  # there is no row to learn a type from
        result = np.empty(
            x.shape[:-1] if signature.endswith("()") else x.shape, x.dtype if x.dtype.kind == "f" else float
        )
    return result if signature.endswith("()") else np.moveaxis(result, -1, axis)
