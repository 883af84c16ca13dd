"""Every instruction set computes the committed bits: see bits.py, which also writes them."""

import json

import numpy as np
import pytest

import bits
from internals import UFUNCS
from ufloss import ctc

COMMITTED = json.loads(bits.FILE.read_text())


@pytest.mark.parametrize("isa", bits.runnable())
def test_the_committed_bits(isa):
    found = bits.hashes_of(isa)
    wanted = {name: hashes[bits.column_of(isa)] for name, hashes in COMMITTED.items()}
    differ = bits.differing(found, wanted)
    assert not differ, (
        f"{len(differ)} of {len(wanted)} differ on {isa}; if that is meant, `python tests/bits.py "
        f"--write`: {differ[:20]}"
    )


def test_every_ufunc_is_there():
    named = {name.rsplit(" ", 1)[0] for name in COMMITTED}
    for loss, value in UFUNCS.items():
        ufuncs = {a: getattr(value, a) for a in dir(value) if isinstance(getattr(value, a), np.ufunc)}
        assert {loss} | {f.__name__ for f in ufuncs.values()} <= named
    assert set(ctc.UFUNCS) <= named
    assert all(hashes[column] for hashes in COMMITTED.values() for column in ("fma", *bits.WITHOUT_FMA))


def test_a_changed_bit_is_seen():
    x = np.linspace(-3, 3, 50)
    y = x.copy()
    y.view("u8")[17] ^= 1
    one, other, same, nan = (bits.Digest() for _ in range(4))
    one.add(x)
    same.add((x,))
    other.add(y)
    assert one.hash.digest() == same.hash.digest() != other.hash.digest()
    y[17] = np.nan
    one.add(y)
    y.view("u8")[17] ^= 1 << 63 | 5
    same.add(y)
    nan.add(y[:49])
    assert one.hash.digest() == same.hash.digest() != nan.hash.digest()


def test_inputs_do_not_change():
    numbers = bits.Numbers(3)
    assert [int(i) for i in numbers.integers(2)] == [int(i) for i in bits.Numbers(3).integers(5)[:2]]
    # splitmix64's first number from 0
    assert hex(int(bits.Numbers(0).integers(1)[0])) == "0xe220a8397b1dcdaf"
