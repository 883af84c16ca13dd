"""Calls keep no references and no memory."""

import sys
import tracemalloc

import numpy as np

from binding.cases import names, required


def calls_of(case, args):
    """Calls of every kind, failing ones included."""
    by_name = dict(zip(names(case), args, strict=True))
    keys = {"".join(list(k)): v for k, v in by_name.items()}  # not interned
    out = tuple(np.empty(3) for _ in range(case.nout))

    def failing(*a, **k):
        try:
            case.ufunc(*a, **k)
        except (TypeError, ValueError):
            return
        raise AssertionError("should have failed")

    return [
        lambda: case(*args),
        lambda: case(*args[: len(required(case))]),
        lambda: case(**by_name),
        lambda: case(**keys, where=True, dtype="f8"),
        lambda: case(**by_name, out=out),
        lambda: failing(),
        lambda: failing(**{names(case)[-1]: args[0], "nonsense": 1}),
        lambda: failing(*args, nonsense=1),
        lambda: failing(*args, **{names(case)[0]: args[0]}),
        lambda: failing(*args, *[None] * 9),
        lambda: failing("text", *args[1:]),
        lambda: failing(*args, dtype="D"),
        lambda: failing(*args, out=np.empty(2)),
    ]


def test_calls_keep_no_references_and_no_memory(family):
    for case in {family[0].name: family[0], family[-1].name: family[-1]}.values():
        args = [np.ones(3) for _ in range(case.nin)]
        calls = calls_of(case, args)

        def rounds(n, calls=calls):
            for _ in range(n):
                for call in calls:
                    call()

        rounds(20)
        counts = [sys.getrefcount(a) for a in args]
        grown = []
        for _ in range(3):  # other threads allocate too; a leak shows every time
            tracemalloc.start()
            try:
                rounds(20)
                before = tracemalloc.get_traced_memory()[0]
                rounds(200)
                grown.append(tracemalloc.get_traced_memory()[0] - before)
            finally:
                tracemalloc.stop()
        assert [sys.getrefcount(a) for a in args] == counts
        assert min(grown) < 200 * 16, "less than one object a round"
