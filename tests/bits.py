"""The bits of every ufunc, as hashes: one committed file says what every instruction set must compute.

    python tests/bits.py --write          write tests/bits.json anew, from the instruction sets that this
    processor runs python tests/bits.py --print SET      the hashes of one set, as JSON python tests/bits.py
    --compare A B    where two sets differ, ufunc by ufunc

Instruction sets with fused multiply-add give the same bits, so they share one column; x86-64-v2 has its own.
Inputs are made of integers and exact operations, so that no version of NumPy or of a mathematical library
changes them.  Every NaN counts as the same NaN.
"""

import argparse
import functools
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("bits.json")
WITHOUT_FMA = ("x86-64-v2",)
NAN = {2: 0x7E00, 4: 0x7FC00000, 8: 0x7FF8000000000000}
LENGTHS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 203)
ROW_SHAPES = (
    (5, 1),
    (3, 2),
    (67, 3),
    (19, 10),
    (33, 16),
    (6, 31),
    (5, 32),
    (4, 33),
    (3, 100),
    (2, 1023),
    (2, 1025),
    (2, 2049),
    (1, 5001),
)
TYPES = ("f2", "f4", "f8")


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

    def real(self, shape):
        """About normal with a deviation of 4, now and then larger or tiny, or special."""
        x = (sum(self.unit(shape) for _ in range(4)) - 2) * 7
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


class Digest:
    """Of arrays, one after the other, with their types and shapes."""

    def __init__(self):
        self.hash = hashlib.blake2b(digest_size=6)

    def add(self, results):
        for r in results if isinstance(results, tuple | list) else (results,):
            a = np.array(r)
            if a.dtype.kind == "f":
                bits = (
                    a.view(f"u{a.itemsize}") if a.ndim else np.array(a.reshape(1).view(f"u{a.itemsize}")[0])
                )
                a = np.where(np.isnan(a), np.array(NAN[a.itemsize], bits.dtype), bits)
            self.hash.update(f"{a.dtype.str}{a.shape}".encode())
            self.hash.update(np.ascontiguousarray(a).tobytes())


def typed(x, dtype):
    with np.errstate(all="ignore"):
        return np.asarray(x, dtype)


def strided(a, step):
    """The same numbers, `step` elements apart along the last axis; a negative step runs backwards in
    memory.
    """
    room = np.zeros((*a.shape[:-1], a.shape[-1] * abs(step)), a.dtype)
    view = room[..., ::step][..., : a.shape[-1]]
    view[...] = a
    return view


def elementwise(loss, attribute, dtype, digest):
    from internals import UFUNCS

    ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
    for n in LENGTHS:
        numbers = Numbers(seed_of(loss["name"], dtype, n))
        args = [typed(numbers.draw(a, (n,)), dtype) for a in loss["args"]]
        wild = [typed(np.where(numbers.below(3, (n,)) == 0, numbers.special((n,)), x), dtype) for x in args]
        digest.add(ufunc(*args))
        digest.add(ufunc(*wild))
        if n in (17, 203):
            digest.add(ufunc(*[strided(x, 3 if i % 2 else -2) for i, x in enumerate(args)]))
            digest.add(ufunc(args[0], *[x[:1] for x in args[1:]]))
    if len(loss["args"]) > 1:  # a table of residuals and parameters
        x = typed(numbers.draw(loss["args"][0], (9, 1)), dtype)
        digest.add(ufunc(x, *[typed(numbers.draw(a, (1, 21)), dtype) for a in loss["args"][1:]]))


def row_arguments(loss, shape, dtype, numbers, special):
    args = []
    for a in loss["args"]:
        lies = a["along"]
        if a["role"] == "label":
            args.append(numbers.below(shape[-1], shape[:-1]))
            continue
        x = numbers.draw(a, shape if lies else shape[:-1])
        if lies and a["domain"] == "unit" and a["role"] == "target":  # a few classes share the weight
            x = np.where(numbers.below(4, shape) == 0, x, 0.0)
        if lies and special:
            x = np.where(numbers.below(9, shape) == 0, numbers.special(shape), x)
        args.append(typed(x, dtype))
    return args


def rows(loss, attribute, dtype, digest):
    from internals import UFUNCS

    ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
    lies = [a["along"] for a in loss["args"]]
    for shape in ROW_SHAPES:
        numbers = Numbers(seed_of(loss["name"], dtype, shape))
        for special in (False, True):
            args = row_arguments(loss, shape, dtype, numbers, special)
            digest.add(ufunc(*args))
            if dtype == "f2":
                digest.add(ufunc(*args, dtype=np.float32))
        if shape[-1] in (10, 33, 1025):
            digest.add(ufunc(*[strided(x, -2) if along else x for x, along in zip(args, lies, strict=True)]))
            digest.add(ufunc(*[np.asfortranarray(x) for x in args]))
            digest.add(ufunc(*args, where=numbers.below(3, shape) > 0))
            digest.add(ufunc(*args, where=numbers.below(2, shape[:-1]) > 0))
        if shape[-1] in (10, 1025):  # far from 0, and blocks far from each other
            far = args[0] + typed(numbers.below(7, shape[:-1])[..., None] * 512.0 - 2000, dtype)
            far[..., -1] -= typed(4096, dtype)
            digest.add(ufunc(far, *args[1:]))


def batches(loss, attribute, dtype, digest):
    from internals import UFUNCS

    ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
    for n, d in ((1, 3), (2, 1), (31, 7), (97, 40), (200, 129)):
        numbers = Numbers(seed_of(loss["name"], dtype, n))
        x = typed(numbers.real((n, d)), dtype)
        for labels in (np.arange(n) // 2, numbers.below(5, (n,))):
            for temperature in (0.07, 0.011, 0.001):
                digest.add(ufunc(x, labels, typed(temperature, dtype)))
            digest.add(ufunc(x, labels, where=numbers.below(4, (n,)) > 0))


def sequences(name, ufunc, dtype, digest):
    for batch, frames, classes, labels in (
        (1, 1, 2, 1),
        (3, 7, 4, 2),
        (3, 50, 11, 9),
        (2, 133, 33, 40),
        (2, 300, 6, 100),
    ):
        numbers = Numbers(seed_of(name, dtype, frames))
        for scale in (1.0, 30.0):
            x = (sum(numbers.unit((batch, frames, classes)) for _ in range(4)) - 2) * scale
            if "log_probs" in name:
                x = -np.abs(x)
            y = 1 + numbers.below(classes - 1, (batch, labels))
            used = numbers.below(labels + 1, (batch,))
            digest.add(ufunc(typed(x, dtype), y))
            digest.add(
                ufunc(
                    typed(x, dtype),
                    y,
                    label_length=used,
                    logit_length=np.maximum(1, frames - numbers.below(5, (batch,))),
                )
            )
            digest.add(
                ufunc(
                    typed(x, dtype)[:, ::-1],
                    y,
                    label_length=used,
                    where=numbers.below(9, (batch, frames)) > 0,
                )
            )


def reductions(loss, kind, dtype, digest):
    from internals import UFUNCS

    reduction = getattr(UFUNCS[loss["name"]], kind)
    over = "over" if loss["kind"] == "row" else "axis"
    for shape in (
        ((7,), (203,), (6, 65), (5, 3, 70001)) if loss["kind"] != "row" else ((7, 10), (6, 5, 33), (3, 2100))
    ):
        if shape[-1] > 70000 and loss["name"] not in ("squared_error", "log_cosh", "half_poisson_deviance"):
            continue  # of these the operands alone would take the most time
        numbers = Numbers(seed_of(loss["name"], kind, shape))
        if loss["kind"] == "row":
            args, losses = row_arguments(loss, shape, dtype, numbers, False), shape[:-1]
        else:
            args, losses = [typed(numbers.draw(a, shape), dtype) for a in loss["args"]], shape
        name = "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"
        weights, where = numbers.below(4, losses) * 0.25, numbers.below(4, losses) > 0
        for f in [reduction] + ([reduction.value_and_grad] if hasattr(reduction, "value_and_grad") else []):
            digest.add(f(*args))
            digest.add(f(*args, **{name: weights}))
            digest.add(
                f(
                    *args,
                    **{name: weights, over: 0, "where": where if loss["kind"] != "row" else where[..., None]},
                )
            )


def functions(digest, dtype):
    import ufloss as ul

    numbers = Numbers(seed_of("dice", dtype))
    scores, targets = (
        typed(numbers.real((2, 9, 7, 4)), dtype),
        typed(np.round(numbers.unit((2, 9, 7, 4))), dtype),
    )
    for f in (ul.dice_loss, ul.multiclass_generalized_dice_loss):
        digest.add(f(scores, targets))
        digest.add(f.value_and_grad(scores, targets))
    digest.add(ul.binary_dice_loss.value_and_grad(scores[..., 0], targets[..., 0]))
    digest.add(ul.make_fenchel_young_loss(ul.logsumexp)(scores, targets))


def all_hashes():
    """Name and type -> hash, for the instruction set in use."""
    from internals import ALL, UFUNCS
    from ufloss import ctc

    found = {}
    run = {"elementwise": elementwise, "row": rows, "pairs": batches}

    def keep(name, dtype, fill):
        digest = Digest()
        fill(digest)
        found[f"{name} {dtype}"] = digest.hash.hexdigest()

    for dtype in TYPES:
        for loss in ALL:
            for attribute in loss["outputs"]:
                name = f"{loss['name']}.{attribute}".removesuffix(".")
                keep(name, dtype, functools.partial(run[loss["kind"]], loss, attribute, dtype))
            for kind in ("sum", "mean"):
                if hasattr(UFUNCS[loss["name"]], kind):
                    keep(f"{loss['name']}.{kind}", dtype, functools.partial(reductions, loss, kind, dtype))
        for name, ufunc in ctc.UFUNCS.items():
            keep(name, dtype, functools.partial(sequences, name, ufunc, dtype))
        keep("dice and Fenchel-Young", dtype, functools.partial(functions, dtype=dtype))
    return found


def hashes_of(isa):
    """All hashes from a process that is made to use one instruction set."""
    run = subprocess.run(
        [sys.executable, __file__, "--print", isa],
        env={**os.environ, "UFLOSS_ISA": isa},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise RuntimeError(f"{isa}: {run.stderr}")
    return json.loads(run.stdout)


def column_of(isa):
    return isa if isa in WITHOUT_FMA else "fma"


def runnable():
    """The instruction sets to look at: all that are built and that this processor runs."""
    from internals import _core

    return [name for name, runs in _core.isa_names().items() if runs]


def differing(a, b):
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def write():
    columns = {}
    for isa in runnable():
        found = hashes_of(isa)
        if differing(columns.setdefault(column_of(isa), found), found):
            sys.exit(f"{isa} differs from the sets before it: {differing(columns[column_of(isa)], found)}")
    old = json.loads(FILE.read_text()) if FILE.exists() else {}
    names = sorted(next(iter(columns.values())))
    kept = {
        name: {c: columns.get(c, {}).get(name, old.get(name, {}).get(c)) for c in ("fma", *WITHOUT_FMA)}
        for name in names
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(hashes)}" for name, hashes in kept.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(names)} ufuncs and types, from {', '.join(runnable())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write bits.json anew")
    parser.add_argument("--print", metavar="SET", help="the hashes of one instruction set")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two instruction sets")
    given = parser.parse_args()
    if given.print:
        json.dump(all_hashes(), sys.stdout)
    elif given.compare:
        a, b = map(hashes_of, given.compare)
        print("\n".join(differing(a, b)) or f"the same bits in all {len(a)}")
    elif given.write:
        write()
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
