"""Operands that handle ufuncs themselves (`__array_ufunc__`), DataFrames of pandas among them."""

import numpy as np

from ._arguments import check_output, fill, outputs


def overrides(operands):
    """Those operands that handle ufuncs themselves."""
    usual = np.ndarray.__array_ufunc__
    own = [x for x in operands if getattr(type(x), "__array_ufunc__", usual) is not usual]
    for x in own:
        if type(x).__array_ufunc__ is None:
            raise TypeError(f"operand '{type(x).__name__}' does not support ufuncs (__array_ufunc__=None)")
    return own


def refuse_overrides(name, operands):
    """For what is no ufunc, so that an operand which handles ufuncs itself cannot be asked: reading it as an
    array would lose what it adds to one, its unit or where it lies.  Of pandas, whose labels are looked at
    elsewhere, the values are meant.

    `operands` are pairs of an argument's name and its value.
    """
    for what, x in operands:
        if overrides([x]) and not is_of_pandas(x):
            raise TypeError(
                f"{name}: {what} is a {type(x).__name__}, which handles ufuncs itself (__array_ufunc__), "
                f"and {name} is none: give an array"
            )


def is_of_pandas(x):
    return any(c.__module__.partition(".")[0] == "pandas" for c in type(x).__mro__)


def is_frame(x):
    """Is it a DataFrame of pandas?"""
    return hasattr(x, "columns") and is_of_pandas(x)


def call_overrides(ufunc, loss, name, inputs, by_position, out, kwargs, row_result=()):
    """What an operand that handles ufuncs itself makes of the call; NotImplemented: there is none.

    A DataFrame hands a ufunc of one operand its transposed blocks unless there is a keyword, and takes each
    result of two axes for one of its own shape, which what keepdims gives is not.
    """
    if row_result and any(map(is_frame, inputs)):
        if kwargs.get("keepdims"):
            outs = outputs(row_result, by_position, out, name)
            return keep_axes(ufunc, loss, name, inputs, outs, kwargs, row_result)
        if len(inputs) == 1 and not kwargs:
            kwargs = {"axis": -1}
    if out is None and 0 < len(by_position) <= ufunc.nout:  # as NumPy has them when it asks
        by_position, out = (), (*by_position, *[None] * (ufunc.nout - len(by_position)))
    given = out if isinstance(out, tuple) else (out,)
    others = overrides([*inputs, *by_position, *given])
    words = kwargs if out is None else {**kwargs, "out": given}
    for x in others:
        result = x.__array_ufunc__(ufunc, "__call__", *fill(loss, inputs), *by_position, **words)
        if result is not NotImplemented:
            return result
    if others:
        kinds = sorted({type(x).__name__ for x in others})
        raise TypeError(f"{name}: no operand takes the call: {', '.join(kinds)}")
    return NotImplemented


def keep_axes(ufunc, loss, name, inputs, outs, kwargs, row_result):
    """The results of a call with keepdims for a DataFrame, which knows nothing of it: those without, with the
    axes put back.
    """
    results = ufunc(*fill(loss, inputs), **{**kwargs, "keepdims": False})
    results = results if isinstance(results, tuple) else (results,)
    lost = lost_axes(loss, inputs, kwargs.get("axis", -1))
    shaped = [r if is_row else np.expand_dims(r, lost) for r, is_row in zip(results, row_result, strict=True)]
    for o, result in zip(outs, shaped, strict=True):
        if o is not None:
            check_output(o, result.shape, np.asarray(result).dtype, kwargs.get("casting", "same_kind"), name)
    for o, result in zip(outs, shaped, strict=True):
        if o is not None:
            np.copyto(o, result, casting="unsafe")
    shaped = [result if o is None else o for o, result in zip(outs, shaped, strict=True)]
    return tuple(shaped) if len(shaped) > 1 else shaped[0]


def lost_axes(loss, inputs, axis):
    """The class axes of a call, which its results are without."""
    if axis is None:
        return tuple(range(max(np.ndim(x) for x, a in zip(inputs, loss["args"], strict=True) if a["along"])))
    return tuple(axis) if isinstance(axis, tuple | list) else (axis,)
