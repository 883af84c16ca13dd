"""Python code in a process of its own, which must not die: for tests of what could take its process with it."""

import contextlib
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

IMPORTS = """
import itertools, sys, threading, time
import numpy as np
import ufloss as ul
from children import flipping
"""


def run_child(code, *before, timeout=300):
    """What the code prints, which finds some modules imported; lines `before` run before those are."""
    program = "\n".join(before) + IMPORTS + textwrap.dedent(code)
    path = os.pathsep.join(p for p in (str(Path(__file__).parent), os.environ.get("PYTHONPATH")) if p)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environment)
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout


@contextlib.contextmanager
def flipping(*changes):
    """Meanwhile another thread writes to arrays, again and again: pairs of an array and a number that it is full of for a moment."""
    done = threading.Event()

    def flip():
        while not done.is_set():
            for array, bad in changes:
                good = array.copy()
                array[...] = bad
                array[...] = good
                time.sleep(0)

    thread = threading.Thread(target=flip)
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
