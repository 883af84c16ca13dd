"""Arrays of one content in every memory layout, and comparison to the bit."""

import numpy as np

from common import unaligned

DTYPES = ["f2", "f4", "f8"]
NUMPY_BUFFER = 8192  # arrays that NumPy must cast go through a buffer of this many elements


def bits(array):
    """Type, shape and bytes of a result; one NaN is as good as another."""
    array = np.asarray(array)
    return (
        array.dtype.newbyteorder("="),
        array.shape,
        np.where(np.isnan(array), np.array(np.nan, array.dtype), array).tobytes(),
    )


def assert_same(got, want):
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        if bits(g) != bits(w):
            np.testing.assert_array_equal(g, w, strict=True)
            np.testing.assert_array_equal(np.signbit(g), np.signbit(w), "the sign of zero")
            raise AssertionError("same numbers, other bits")


def spaced(step):
    def layout(a):
        room = np.full(len(a) * step + 1, np.nan, a.dtype)
        room[:-1:step] = a
        return room[:-1:step]

    return layout


def in_bytes(offset, pitch=0):
    """Elements at any byte, `pitch` bytes of gap between them."""

    def layout(a):
        fields = {
            "names": ["x"],
            "formats": [a.dtype],
            "offsets": [offset],
            "itemsize": offset + a.itemsize + pitch,
        }
        room = np.zeros(len(a), np.dtype(fields))
        room["x"] = a
        return room["x"]

    return layout


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "contiguous": np.copy,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "step 2": spaced(2),
    "step 3": spaced(3),
    "step 113": spaced(113),
    "step -2": lambda a: spaced(2)(a[::-1])[::-1],
    "unaligned": unaligned,
    "record field": in_bytes(1),
    "aligned record field": in_bytes(8, pitch=8),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
}


def fresh(want, dtype=None):
    return tuple(np.full(w.shape, 77, dtype or w.dtype) for w in want)
