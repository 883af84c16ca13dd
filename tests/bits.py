"""The bits of every ufunc, as hashes: one committed file says what every instruction set must compute.

    python tests/bits.py --write            write tests/bits.json anew, from the sets that this processor runs
    python tests/bits.py --print SET        the hashes of one instruction set, as JSON
    python tests/bits.py --compare A B      where two sets differ, ufunc by ufunc

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

from splitmix import Numbers, seed_of

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


def loss_named(name):
    from internals import ALL

    return next(loss for loss in ALL if loss["name"] == name)


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


# What a loss is called with depends on no attribute, and takes longer to make than to compute: each maker of
# calls, pairs of arguments and keywords, keeps its last ones.


@functools.lru_cache(maxsize=1)
def elementwise_calls(name, dtype):
    loss, calls = loss_named(name), []
    for n in LENGTHS:
        numbers = Numbers(seed_of(name, dtype, n))
        args = [typed(numbers.draw(a, (n,)), dtype) for a in loss["args"]]
        wild = [typed(np.where(numbers.below(3, (n,)) == 0, numbers.special((n,)), x), dtype) for x in args]
        calls += [(args, {}), (wild, {})]
        if n in (17, 203):
            calls.append(([strided(x, 3 if i % 2 else -2) for i, x in enumerate(args)], {}))
            calls.append(([args[0], *[x[:1] for x in args[1:]]], {}))
    if len(loss["args"]) > 1:  # a table of residuals and parameters
        x = typed(numbers.draw(loss["args"][0], (9, 1)), dtype)
        calls.append(([x, *[typed(numbers.draw(a, (1, 21)), dtype) for a in loss["args"][1:]]], {}))
    return calls


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


@functools.lru_cache(maxsize=1)
def row_calls(name, dtype):
    loss, calls = loss_named(name), []
    lies = [a["along"] for a in loss["args"]]
    for shape in ROW_SHAPES:
        numbers = Numbers(seed_of(name, dtype, shape))
        for special in (False, True):
            args = row_arguments(loss, shape, dtype, numbers, special)
            calls.append((args, {}))
            if dtype == "f2":
                calls.append((args, {"dtype": np.float32}))
        if shape[-1] in (10, 33, 1025):
            apart = [strided(x, -2) if along else x for x, along in zip(args, lies, strict=True)]
            calls.append((apart, {}))
            calls.append(([np.asfortranarray(x) for x in args], {}))
            calls.append((args, {"where": numbers.below(3, shape) > 0}))
            calls.append((args, {"where": numbers.below(2, shape[:-1]) > 0}))
        if shape[-1] in (10, 1025):  # far from 0, and blocks far from each other
            far = args[0] + typed(numbers.below(7, shape[:-1])[..., None] * 512.0 - 2000, dtype)
            far[..., -1] -= typed(4096, dtype)
            calls.append(([far, *args[1:]], {}))
    return calls


@functools.lru_cache(maxsize=1)
def batch_calls(name, dtype):
    calls = []
    for n, d in ((1, 3), (2, 1), (31, 7), (97, 40), (200, 129)):
        numbers = Numbers(seed_of(name, dtype, n))
        x = typed(numbers.real((n, d)), dtype)
        if loss_named(name)["args"][1]["role"] == "label":
            partners = (np.arange(n) // 2, numbers.below(5, (n,)))
        else:
            partners = (
                typed(numbers.real((n, d)), dtype),
                typed(x + typed(numbers.real((n, d)), dtype), dtype),
            )
        for y in partners:
            calls += [((x, y, typed(temperature, dtype)), {}) for temperature in (0.07, 0.011, 0.001)]
            calls.append(((x, y), {"where": numbers.below(4, (n,)) > 0}))
    return calls


def ufuncs(loss, attribute, dtype, digest):
    from internals import UFUNCS

    ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
    calls = {"": elementwise_calls, "n": row_calls, "b,d": batch_calls}[loss["dims"]]
    for args, keywords in calls(loss["name"], dtype):
        digest.add(ufunc(*args, **keywords))


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
            x = numbers.bell((batch, frames, classes)) * scale
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


@functools.lru_cache(maxsize=1)
def reduction_operands(name, kind):
    """Arguments in float64, weights and masks: the same for every type."""
    loss, operands = loss_named(name), []
    shapes = ((7, 10), (6, 5, 33), (3, 2100)) if loss["dims"] == "n" else ((7,), (203,), (6, 65))
    if name in ("squared_error", "log_cosh", "half_poisson_deviance"):
        shapes += ((5, 3, 70001),)  # of the others the operands alone would take the most time
    for shape in shapes:
        numbers = Numbers(seed_of(name, kind, shape))
        if loss["dims"] == "n":
            args, losses = row_arguments(loss, shape, "f8", numbers, False), shape[:-1]
        else:
            args, losses = [numbers.draw(a, shape) for a in loss["args"]], shape
        weights, where = numbers.below(4, losses) * 0.25, numbers.below(4, losses) > 0
        operands.append((args, weights, where))
    return operands


def reductions(loss, kind, dtype, digest):
    from internals import UFUNCS

    reduction = getattr(UFUNCS[loss["name"]], kind)
    over = "over" if loss["dims"] == "n" else "axis"
    name = "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"
    for exact, weights, where in reduction_operands(loss["name"], kind):
        args = [typed(x, dtype) if x.dtype.kind == "f" else x for x in exact]
        chosen = where if loss["dims"] != "n" else where[..., None]
        for f in [reduction] + ([reduction.value_and_grad] if hasattr(reduction, "value_and_grad") else []):
            digest.add(f(*args))
            digest.add(f(*args, **{name: weights}))
            digest.add(f(*args, **{name: weights, over: 0, "where": chosen}))


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

    def keep(name, dtype, fill):
        digest = Digest()
        fill(dtype=dtype, digest=digest)
        found[f"{name} {dtype}"] = digest.hash.hexdigest()

    for loss in ALL:
        for dtype in TYPES:
            for attribute in loss["outputs"]:
                name = f"{loss['name']}.{attribute}".removesuffix(".")
                keep(name, dtype, functools.partial(ufuncs, loss, attribute))
        for kind in ("sum", "mean"):
            if hasattr(UFUNCS[loss["name"]], kind):
                for dtype in TYPES:
                    keep(f"{loss['name']}.{kind}", dtype, functools.partial(reductions, loss, kind))
    for dtype in TYPES:
        for name, ufunc in ctc.UFUNCS.items():
            keep(name, dtype, functools.partial(sequences, name, ufunc))
        keep("dice and Fenchel-Young", dtype, functions)
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
