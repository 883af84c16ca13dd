"""A few thousand random calls of everything public; tests/fuzz_calls.py runs as many as one likes."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import fuzz_calls
import ufloss as ul
from cases import CASES
from fuzzing.draw import Draw
from fuzzing.judge import FaultError, examine
from fuzzing.targets import Target

# Faults that are known and are not this library's: function and text, both patterns of the whole; and a call
# that must still show them.
LOSS = "|".join(case.name for case in CASES if not case.attribute)
OF_THREE = "|".join(re.escape(case.name) for case in CASES if case.nin > 2)
KNOWN = [
    # NumPy's masked arrays forget the shape of the first two operands where these hide nothing and there is a
    # third: np.clip does the same.
    (
        OF_THREE,
        r"a masked array of shape \(.*\) with a mask of shape \(.*\)",
        "huber_loss",
        ul.huber_loss,
        [np.ones(3), np.ones(3), np.ma.array(1.0, mask=True)],
    ),
    # NumPy's ufunc.at casts its operands, and warns in its own name: np.add.at does the same.
    (
        rf"({LOSS}) \(methods\)",
        r"a warning: RuntimeWarning: [a-z ]+ encountered in at",
        "squared_error (methods)",
        lambda method, *args: getattr(ul.squared_error, method)(*args),
        ["at", np.ones(3, "f2"), [0], np.array([1e9])],
    ),
]


def is_known(name, text):
    return any(re.fullmatch(known, name) and re.fullmatch(said, text) for known, said, *_ in KNOWN)


def test_random_calls():
    found = fuzz_calls.fuzz(5000, seed=0, per_child=2500, say=lambda text: None)
    new = [f for f in found if not is_known(*f[1:])]
    assert not new, "\n".join(
        f"{name}: {text}\n    python tests/fuzz_calls.py --replay 0:{number}" for number, name, text in new
    )


@pytest.mark.parametrize(("known", "said", "name", "call", "args"), KNOWN, ids=["masks", "at"])
def test_what_is_known_is_still_there(known, said, name, call, args):
    """Else its entry is to be taken out."""
    with pytest.raises(FaultError) as fault:
        examine(Target(name, call, lambda d: (args, {})), Draw(0, 0))
    assert re.fullmatch(known, name)
    assert re.fullmatch(said, str(fault.value))


def test_a_crash_is_reported(monkeypatch, tmp_path):
    """The parent survives a child that dies, says which call it was, and goes on after it."""
    script = tmp_path / "fuzz_calls_that_die.py"
    text = Path(fuzz_calls.__file__).read_text()
    script.write_text(
        text.replace(
            "    d = Draw(seed, number)\n    target = d.random.choice(all_targets)\n    try:",
            "    if number == 3:\n        os.abort()\n    return None\n    try:",
        )
    )
    monkeypatch.setattr(fuzz_calls, "__file__", str(script))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    found = fuzz_calls.fuzz(6, seed=0, per_child=6, say=lambda text: None)
    assert [(number, text.split()[0]) for number, _, text in found] == [(3, "dies")]
