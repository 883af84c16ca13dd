"""What tests of every kind do with arrays and results."""

import numpy as np


def results(f, *args, **kwargs):
    """What a call gives as a tuple, also where it is one array."""
    r = f(*args, **kwargs)
    return r if isinstance(r, tuple) else (r,)


def slope(f, x, h=1e-6):
    """Central differences of the sum of f's results."""
    g = np.empty_like(x)
    for i in np.ndindex(*x.shape):
        d = np.zeros_like(x)
        d[i] = h
        g[i] = (np.sum(f(x + d)) - np.sum(f(x - d))) / (2 * h)
    return g


def unaligned(a):
    """A copy that begins one byte behind where its numbers should."""
    copy = np.frombuffer(bytearray(a.nbytes + 1), a.dtype, a.size, 1).reshape(a.shape)
    copy[...] = a
    assert not copy.flags.aligned
    return copy


def dirty_heap(pattern):
    """Memory that the next workspaces are made of: full of one byte."""
    kept = [np.full(n, pattern, np.uint8) for n in (1 << np.arange(8, 21)).repeat(3)]
    del kept
