"""Python code in a process of its own, which must not die: for tests of what could take its process
with it.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

IMPORTS = """
import itertools, sys, threading, time
import numpy as np
import ufloss as ul
from children import limit_addresses
"""


def run_child(code, *before, timeout=300):
    """What the code prints, which finds some modules imported; lines `before` run before those are."""
    program = "\n".join(before) + IMPORTS + textwrap.dedent(code)
    path = os.pathsep.join(p for p in (str(Path(__file__).parent), os.environ.get("PYTHONPATH")) if p)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-c", program]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(
            f"still running after {timeout} s, at {(late.stdout or b'').decode()[-2000:]}"
        ) from None
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout


def limit_addresses(size):
    """Leave this process that many bytes of addresses, at most; gives what `setrlimit` takes to undo that."""
    import resource  # POSIX has it

    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (min(n for n in (size, *before) if n != resource.RLIM_INFINITY), before[1])
    )
    return before
