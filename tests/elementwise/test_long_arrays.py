"""Arrays that do not fit into the cache are written past it: the same bits."""

import numpy as np
import pytest

import ufloss as ul
from internals import _core

# None: never, on a machine that does not tell the size of its cache
PAST_CACHE_FROM = _core.past_cache_from()
# three operands of so many float32 are stored past the cache
LONG = max(12_000_000, (PAST_CACHE_FROM or 0) // (3 * 4) + 100_000)


@pytest.fixture(scope="module")
def long_arrays():
    """Two arrays of LONG float32, known by heart in pieces: 96 MB."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(LONG + 16, dtype="f4") for _ in range(2)]


@pytest.mark.parametrize("offset", [0, 1, 5, 15])
@pytest.mark.parametrize("attribute", ["", "value_and_grad"])
@pytest.mark.parametrize("name", ["squared_error", "huber_loss"])
def test_long_arrays_equal_their_pieces_at_any_alignment(long_arrays, name, attribute, offset):
    ufunc = getattr(getattr(ul, name), attribute) if attribute else getattr(ul, name)
    x, y = (a[3 : 3 + LONG] for a in long_arrays)
    rooms = [np.full(LONG + 64, 77, "f4") for _ in range(ufunc.nout)]
    outs = tuple(room[offset * (i + 1) : offset * (i + 1) + LONG] for i, room in enumerate(rooms))
    ufunc(x, y, out=outs)
    step = 1_000_003
    for i in range(0, LONG, step):
        pieces = ufunc(x[i : i + step], y[i : i + step])
        pieces = pieces if isinstance(pieces, tuple) else (pieces,)
        for out, piece in zip(outs, pieces, strict=True):
            assert out[i : i + step].tobytes() == piece.tobytes()
    for i, room in enumerate(rooms):
        assert (room[: offset * (i + 1)] == 77).all()
        assert (room[offset * (i + 1) + LONG :] == 77).all()


@pytest.mark.parametrize("name", ["squared_error", "huber_loss"])
def test_long_arrays_in_place(long_arrays, name):
    ufunc = getattr(ul, name)
    x, y = long_arrays
    out = x.copy()
    ufunc(out, y, out=out)
    step = 1_000_003
    for i in range(0, len(x), step):
        assert out[i : i + step].tobytes() == ufunc(x[i : i + step], y[i : i + step]).tobytes()
