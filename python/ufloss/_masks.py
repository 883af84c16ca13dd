"""Masks: those given as `where`, and those that masked arrays bring along."""

import numpy as np


def mask_of(x):
    """What a masked array keeps; None: everything, or it is none."""
    has_mask = isinstance(x, np.ma.MaskedArray) and np.ma.getmask(x) is not np.ma.nomask
    return ~np.ma.getmaskarray(x) if has_mask else None


def holds_masked(x):
    """Is it a masked array, or a list of some, whose masks NumPy would drop on making an array of it?"""
    if not isinstance(x, list | tuple):
        return isinstance(x, np.ma.MaskedArray)
    kinds = set(map(type, x))
    if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
        return True
    return any(issubclass(kind, list | tuple) for kind in kinds) and any(map(holds_masked, x))


def check_mask(where, name):
    """A mask; what a masked array hides in it takes no part."""
    where = np.asanyarray(where)
    if where.dtype != np.bool_:
        raise TypeError(f"{name}: where must be bool, not {where.dtype}")
    return where.filled(False) if isinstance(where, np.ma.MaskedArray) else where


def refuse_masked(name, instead, **given):
    """Arguments by name, of which none may have a mask that making an array of it would drop; `instead` says
    what to give for one.
    """
    for what, x in given.items():
        if holds_masked(x):
            raise TypeError(f"{name} takes no masked arrays: {instead}, and {what} filled")
