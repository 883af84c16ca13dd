"""The dice of one call: arrays of every kind, layout and type, and wrong things."""

import random

import numpy as np


class Subclass(np.ndarray):
    """Of no behaviour of its own."""


class Draw:
    """The dice of one call, and the shapes that its arguments have in common."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}:{number}")
        self.rng = np.random.default_rng([seed, number])
        r = self.random
        self.batch = tuple(self.size(6, 0.03) for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3])))
        self.n = r.choice(
            [self.size(9, 0.03), r.choice([15, 16, 17, 31, 32, 33, 63, 64, 65]), r.randint(1, 100)]
        )
        if r.random() < 0.02 and np.prod(self.batch) < 20:
            self.n = r.choice([1023, 1024, 1025, 2047, 2048, 2049, 3000])
        self.frames, self.labels, self.classes = (
            self.size(20, 0.05),
            self.size(6, 0.1),
            max(1, self.size(12, 0)),
        )
        self.dtype = r.choice(["f2", "f4", "f4", "f8", "f8"])
        self.wild = r.choice([0, 0, 0.03, 0.3])  # how often an argument is nothing that a user would mean
        self.odd = r.choice([0, 0.1, 0.6])  # how often one has an unusual layout or type
        self.scale = r.choice([1, 1, 1, 10, 100, 1e-3, 1e30])
        self.specials = r.choice([0, 0, 0.02, 0.5])

    def chance(self, p):
        return self.random.random() < p

    def size(self, most, none):
        return 0 if self.chance(none) else self.random.randint(1, most)

    def broadcastable(self, shape):
        """A shape that broadcasts to that one."""
        shape = list(shape)
        if self.chance(0.2):
            shape = [1 if self.chance(0.3) else n for n in shape]
        return tuple(shape[self.random.randint(0, len(shape)) :] if self.chance(0.15) else shape)

    def reals(self, shape, place="real"):
        dtype = self.dtype if self.chance(0.9) else self.random.choice(["f2", "f4", "f8"])
        u, x = self.rng.random(shape), self.rng.standard_normal(shape)
        if place == "real":
            a = x * self.scale
        elif place in ("unit", "optional_unit"):
            a = u
        elif place in ("nonnegative", "positive", "tweedie_target"):
            a = np.where(u < 0.2, 0.0 if place != "positive" else 1.0, abs(x))
        elif place == "sign":
            a = np.where(u < 0.5, -1.0, 1.0)
        elif place == "truth":
            a = np.where(u < 0.5, 0.0, 1.0)
        else:
            a = 1 + u
        if self.specials:
            wild = self.rng.choice(
                [
                    np.nan,
                    np.inf,
                    -np.inf,
                    0.0,
                    -0.0,
                    1e-310,
                    1e308,
                    -1e308,
                    65504.0,
                    1e-40,
                    88.5,
                    -746.0,
                    1.0,
                    -1.0,
                ],
                shape,
            )
            a = np.where(self.rng.random(shape) < self.specials, wild, a)
        with np.errstate(all="ignore"):
            return np.asarray(a).astype(dtype)

    def integers(self, shape, high, wrong=0.1):
        dtype = self.random.choice(["i8", "i8", "i4", "u1", "u8", "i2"])
        a = np.asarray(self.rng.integers(0, max(1, high), shape))
        if self.chance(wrong) and a.size:
            bad = self.random.choice(
                [-1, high, high + 1, -high, -high - 1, 2**31, 2**62, -(2**63), 2**63 - 1, 100]
            )
            a = np.where(self.rng.random(shape) < 0.3, bad, a)
        return np.asarray(a).astype(dtype)

    def mask(self, shape):
        return np.asarray(self.rng.random(shape) < self.random.choice([0.0, 0.5, 0.9, 1.0]))

    def other_type(self, a):
        """The same numbers, as far as they can be, in any type of NumPy's."""
        code = self.random.choice(
            [
                "?",
                "b",
                "B",
                "h",
                "H",
                "i",
                "I",
                "l",
                "L",
                "q",
                "Q",
                "e",
                "f",
                "d",
                "g",
                "F",
                "D",
                "G",
                "O",
                "U",
                "S",
                "M8[s]",
                "m8[s]",
                "V8",
                "T",
            ]
        )
        with np.errstate(all="ignore"):
            try:
                if code in ("V8", "M8[s]", "m8[s]"):
                    return np.zeros(a.shape, code)
                return a.astype(np.dtypes.StringDType() if code == "T" else code)
            except (TypeError, ValueError, OverflowError):
                return np.zeros(a.shape, "c8")

    def odd_layout(self, a):
        """The same array, laid out in some other way."""
        for _ in range(self.random.choice([1, 1, 2])):
            how = self.random.randrange(12)
            if how == 0:
                a = np.asfortranarray(a)
            elif how == 1 and a.ndim:
                axis = self.random.randrange(a.ndim)
                a = np.flip(np.flip(a, axis).copy(), axis)
            elif how == 2 and a.ndim:
                wide = np.zeros((*a.shape[:-1], a.shape[-1] * 3), a.dtype)
                wide[..., ::3] = a
                a = wide[..., ::3]
            elif how == 3 and a.ndim > 1:
                order = self.random.sample(range(a.ndim), a.ndim)
                a = np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
            elif how == 4 and a.dtype.kind in "fiubc":
                a = a.astype(a.dtype.newbyteorder())
            elif how == 5 and a.dtype.kind in "fiub":
                room = np.zeros(a.nbytes + 1, "u1")
                room[1:] = np.frombuffer(a.tobytes(), "u1")
                a = room[1:].view(a.dtype).reshape(a.shape)
            elif how == 6 and a.dtype.kind in "fiub":
                record = np.zeros(a.shape, [("pad", "u1"), ("x", a.dtype)])
                record["x"] = a
                a = record["x"]
            elif how == 7 and a.ndim and a.size:
                a = np.broadcast_to(a[..., :1], a.shape)
            elif how == 8:
                a = np.array(a, copy=True, subok=True)
                a.flags.writeable = False
            elif how == 9:
                a = a.view(Subclass) if type(a) is np.ndarray else a
            elif how == 10 and type(a) is np.ndarray and a.dtype.kind in "fiub":
                a = np.ma.array(a, mask=self.mask(a.shape) if self.chance(0.8) else np.ma.nomask)
            elif how == 11 and type(a) is np.ndarray:
                a = np.repeat(a[None], 2, 0)[1]
        return a

    def other_thing(self, a):
        """What is no such array."""
        return self.random.choice(
            [
                None,
                "text",
                b"bytes",
                {},
                [],
                [[1.0], [2.0, 3.0]],
                object(),
                1j,
                10**400,
                float("nan"),
                True,
                3,
                -1.5,
                (),
                np.float32(2),
                np.array(["x"]),
                np.ones((2, 3, 4, 5)),
                np.ones(7),
                np.ones((0, 3)),
                np.matrix([[1.0, 2.0]]),
                ...,
                slice(3),
                np.datetime64("NaT"),
                2**64,
            ]
        )

    def dress(self, a):
        """An argument as somebody might hand it over."""
        if self.chance(self.wild):
            return self.other_type(a) if self.chance(0.6) else self.other_thing(a)
        if self.chance(self.odd):
            return self.odd_layout(a)
        if self.chance(0.05):
            return a.tolist()
        return a
