"""Random numbers of a seed that no version of NumPy or of a mathematical library changes."""

import hashlib

import numpy as np


class Numbers:
    """Random numbers of a seed: splitmix64, and nothing but exact steps from there."""

    def __init__(self, seed):
        self.next = np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)

    def integers(self, n):
        with np.errstate(over="ignore"):
            z = self.next + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self.next = z[-1] if n else self.next
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    def below(self, limit, shape):
        n = int(np.prod(shape))
        return (self.integers(n) % np.uint64(max(1, limit))).astype(np.int64).reshape(shape)

    def unit(self, shape):
        n = int(np.prod(shape))
        return ((self.integers(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def bell(self, shape):
        """The sum of four, about normal."""
        a, b, c, d = self.unit((4, *shape))
        return a + b + c + d - 2

    def real(self, shape):
        """About normal with a deviation of 4, now and then larger or tiny, or special."""
        x = self.bell(shape) * 7
        kind = self.below(40, shape)
        x = np.where(kind == 0, x * 2.0**5, x)
        x = np.where(kind == 1, np.ldexp(x, -self.below(140, shape)), x)
        x = np.where(kind == 2, np.ldexp(x, self.below(120, shape)), x)
        x = np.where(kind == 3, np.round(x), x)
        return x

    def special(self, shape):
        ends = np.array(
            [
                0.0,
                -0.0,
                1.0,
                -1.0,
                np.inf,
                -np.inf,
                np.nan,
                2.0**-149,
                -(2.0**-140),
                2.0**-1074,
                2.0**127,
                -(2.0**1023),
            ]
        )
        return ends[self.below(len(ends), shape)]

    def draw(self, argument, shape):
        """Of an argument's domain, now and then outside."""
        u, x = self.unit(shape), self.real(shape)
        place = argument["domain"]
        if place == "unit":
            x = np.choose(self.below(4, shape), [u, u, np.ldexp(u, -self.below(40, shape)), np.round(u)])
        elif place == "optional_unit":
            x = np.where(self.below(3, shape) == 0, -1.0, u)
        elif place in ("nonnegative", "tweedie_target"):
            x = np.where(self.below(4, shape) == 0, np.round(np.abs(x)), np.abs(x))
        elif place == "positive":
            x = np.abs(x) + 2.0**-10
        elif place == "sign":
            x = np.where(u < 0.5, -1.0, 1.0)
        elif place == "truth":
            x = np.round(u)
        elif place == "tweedie_power":
            x = np.choose(self.below(4, shape), [np.zeros(shape), 1 + u, 1 + np.round(u), 2 + 2 * u])
        if argument["default"] is not None:
            x = np.where(self.below(2, shape) == 0, argument["default"], x)
        return x


def seed_of(*words):
    return int.from_bytes(
        hashlib.blake2b(" ".join(map(str, words)).encode(), digest_size=7).digest(), "little"
    )
