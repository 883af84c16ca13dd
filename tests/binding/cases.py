"""What tests of the losses as Python objects share."""

import os
import subprocess
import sys

import numpy as np
import pytest

import ufloss as ul
from internals import ROW_LOSSES

CONFIG = ul.show_config(mode="dicts")


def python(*command, **environment):
    """Run this interpreter; warnings are errors there too."""
    return subprocess.run(
        [sys.executable, "-W", "error", *command],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def names(case):
    return [a["name"] for a in case.loss["args"]]


def required(case):
    return [a["name"] for a in case.loss["args"] if a["default"] is None]


class Spy(np.ndarray):
    """An output that returns the inputs which NumPy's loop would get."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return inputs


def type_error(call, *args, **kwargs):
    with pytest.raises(TypeError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def of_type(kind):
    return kind(1) if isinstance(kind, type) else np.ones(3, kind)


ROW_CASES = [
    pytest.param(loss, attribute, id=f"{loss['name']}.{attribute}".removesuffix("."))
    for loss in ROW_LOSSES
    for attribute in loss["outputs"]
]


def rows_of(loss, rows=6, n=5):
    rng = np.random.default_rng(0)
    args = []
    for a in loss["args"]:
        if a["role"] == "label":
            args.append(rng.integers(0, n, rows))
        else:
            args.append(rng.random((rows, n) if a["along"] else rows) + 0.1)
    return args
