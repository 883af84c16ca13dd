"""A fuzzer of the Python face: random calls of everything public, with arrays of every kind, layout and type,
and with wrong things.

    python tests/fuzz_calls.py --calls 1000000 --seed 0
    python tests/fuzz_calls.py --replay 0:4711

A call is drawn from its seed and number alone. Calls run in child processes, so that a crash is one more
finding. What must hold:

- nothing crashes or hangs; what is raised is a TypeError, ValueError, IndexError (AxisError), MemoryError or,
  for Python integers out of range, NumPy's OverflowError; the message names the function or an argument,
  except where it is NumPy's own: those are listed below;
- no input is written, and no output by a call that raises before it computes;
- the same call gives the same bits again, and so do contiguous copies of its arrays;
- there are no warnings.
"""

import argparse
import mmap
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import numpy as np

from fuzzing.draw import Draw
from fuzzing.judge import FaultError, examine
from fuzzing.named_targets import targets


def run_one(all_targets, seed, number):
    """What is wrong with a call, in words; None: nothing."""
    d = Draw(seed, number)
    target = d.random.choice(all_targets)
    try:
        examine(target, d)
    except FaultError as fault:
        return target.name, str(fault)
    except MemoryError:
        return None
    except Exception as e:
        last = traceback.extract_tb(e.__traceback__)[-1]
        return (
            target.name,
            f"raises {type(e).__name__}: {e} ({os.path.basename(last.filename)}:{last.lineno})",
        )
    return None


def work(seed, begin, end, progress):
    """The calls of a child process; `progress`: a file that holds the number of the call in progress."""
    all_targets = targets()
    with open(progress, "r+b") as file, mmap.mmap(file.fileno(), 8) as place:
        for number in range(begin, end):
            place[:8] = struct.pack("<q", number)
            found = run_one(all_targets, seed, number)
            if found:
                print(f"FAULT\t{number}\t{found[0]}\t{' '.join(found[1].split())}", flush=True)
        place[:8] = struct.pack("<q", end)


def sort_of(text):
    """Faults that differ in numbers only are of one sort."""
    return re.sub(r"\d+", "#", text)[:150]


def fuzz(calls, seed, per_child=20000, patience=120, begin=0, say=print):
    """Runs calls in child processes; the faults found, as (number, function, text), one of each sort."""
    found, seen, number = [], set(), begin

    def add(at, name, text):
        if (name, sort_of(text)) not in seen:
            seen.add((name, sort_of(text)))
            found.append((at, name, text))
            say(f"{name}: {text}\n    python tests/fuzz_calls.py --replay {seed}:{at}")

    with tempfile.TemporaryDirectory() as folder:
        progress, log = os.path.join(folder, "progress"), os.path.join(folder, "log")
        while number < begin + calls:
            end = min(number + per_child, begin + calls)
            with open(progress, "wb") as file:
                file.write(struct.pack("<q", number))
            with open(log, "w+") as output:
                command = [
                    sys.executable,
                    os.path.abspath(__file__),
                    "--work",
                    str(seed),
                    str(number),
                    str(end),
                    progress,
                ]
                child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
                last, since = number, time.monotonic()
                hung = False
                while child.poll() is None:
                    time.sleep(0.05)
                    with open(progress, "rb") as file:
                        at = struct.unpack("<q", file.read(8))[0]
                    if at != last:
                        last, since = at, time.monotonic()
                    elif time.monotonic() - since > patience:
                        hung = True
                        child.kill()
                        child.wait()
                output.seek(0)
                text = output.read()
            with open(progress, "rb") as file:
                at = struct.unpack("<q", file.read(8))[0]
            for line in text.splitlines():
                if line.startswith("FAULT\t"):
                    _, where, name, fault = line.split("\t", 3)
                    add(int(where), name, fault)
            if child.returncode or hung:
                if at >= end:
                    raise RuntimeError(text)
                d = Draw(seed, at)
                name = d.random.choice(targets()).name
                rest = " ".join(line for line in text.splitlines() if not line.startswith("FAULT"))[-300:]
                add(at, name, f"hangs for {patience} s" if hung else f"dies with {child.returncode} {rest}")
                number = at + 1
            else:
                number = end
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100000, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begin", type=int, default=0, help="number of the first call")
    parser.add_argument("--replay", metavar="SEED:NUMBER", help="one call, in this process")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*map(int, options.work[:3]), options.work[3])
        return 0
    if options.replay:
        seed, number = map(int, options.replay.split(":"))
        all_targets = targets()
        d = Draw(seed, number)
        target = d.random.choice(all_targets)
        args, kwargs = target.draw(d)
        with np.printoptions(threshold=40, edgeitems=2):
            print(target.name)
            for word, x in [*enumerate(args), *kwargs.items()]:
                print(
                    f"  {word}: {type(x).__name__} {getattr(x, 'dtype', '')} {getattr(x, 'shape', '')} "
                    f"{getattr(x, 'strides', '')}",
                    repr(x)[:500],
                    flush=True,
                )
        found = run_one(all_targets, seed, number)
        print(found[1] if found else "nothing is wrong")
        return bool(found)
    start = time.monotonic()
    found = fuzz(options.calls, options.seed, begin=options.begin)
    print(f"{options.calls} calls in {time.monotonic() - start:.0f} s, {len(found)} sorts of faults")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
