"""Operands that handle ufuncs themselves, and one that does not."""

import numpy as np


class Quantity(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "asked"


class Duck:
    """Could be read as an array."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0], dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "asked"


class Opaque(Duck):
    __array_ufunc__ = None


class Plain(np.ndarray):
    pass
