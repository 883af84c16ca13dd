"""The examples that the three systems print, the migration page, and the names and docstrings of the
package.
"""

import doctest
import inspect
import json
import operator
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ufloss as ul
import ufloss.compat
from compat.plain import draw, rng
from ufloss.compat import axon, gluon, optax

EXAMPLES = json.loads((Path(__file__).with_name("seed_examples.json")).read_text())


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if "expected" in e], ids=lambda e: e["system"] + "." + e["function"]
)
def test_printed_example(example):
    args = [np.array(a["value"], a["dtype"]) for a in example["args"]]
    if example["function"] == "margin_ranking":
        args = [args[0], tuple(args[1:])]
    kwargs = {k: tuple(v) if isinstance(v, list) else v for k, v in example["kwargs"].items()}
    result = getattr({"axon": axon, "optax": optax}[example["system"]], example["function"])(*args, **kwargs)
    assert result.dtype == example["expected_dtype"]
    assert list(result.shape) == example["expected_shape"]
    expected = np.array(example["expected"])
    if "decimals" in example:
        np.testing.assert_array_equal(np.round(result.astype(float), example["decimals"]), expected)
    else:
        assert (abs(result - expected) <= 2e-7 * np.maximum(1, abs(expected))).all()


def test_example_without_numbers():
    plain = {e["function"]: e for e in EXAMPLES if "expected" not in e}
    assert set(plain) == {"CTCLoss", "SoftmaxCrossEntropyLoss", "SigmoidBCELoss", "ntxent"}
    ctc, rows, weights = plain["CTCLoss"], plain["SoftmaxCrossEntropyLoss"], plain["SigmoidBCELoss"]
    label = np.array(ctc["args"][0]["value"], ctc["args"][0]["dtype"])
    loss, pred = gluon.CTCLoss(**ctc["kwargs"]), draw(3, 7, 4)
    np.testing.assert_array_equal(
        loss(pred, label), loss(pred, label, label_lengths=ctc["expected_label_lengths"])
    )
    pred, label = draw(*rows["pred_shape"]), rng.integers(0, 3, rows["label_shape"])
    assert list(gluon.SoftmaxCrossEntropyLoss(**rows["kwargs"])(pred, label).shape) == rows["expected_shape"]
    sample, positive = draw(*weights["sample_weight_shape"]), abs(draw(*weights["pos_weight_shape"]))
    pred = draw(*weights["pred_shape"])
    assert list(gluon.SigmoidBCELoss()(pred, pred > 0, sample, positive).shape) == weights["expected_shape"]


def test_examples_in_docstrings():
    result = doctest.testmod(ufloss.compat)
    assert result.failed == 0
    assert result.attempted > 1


def test_import_costs_nothing_until_asked():
    lines = [
        "import sys, ufloss as ul",
        "assert 'ufloss.compat' not in sys.modules",
        "assert 'compat' in dir(ul) and 'compat' in ul.__all__",
        "assert ul.compat.gluon.L1Loss()([[1.0]], [[3.0]]).tolist() == [2]",
        "assert 'ufloss.compat.axon' not in sys.modules and 'ufloss.compat.optax' not in sys.modules",
        "assert {'axon', 'gluon', 'optax'} <= set(dir(ul.compat))",
        "assert ul.compat.optax.huber_loss(2.0) == 1.5 and ul.compat.axon.hinge([1.0], [0.0]) == 1",
        "import ufloss.compat.axon as axon; assert axon is ul.compat.axon",
        "assert not hasattr(ul, 'no_such_name') and not hasattr(ul.compat, 'no_such_name')",
        "from ufloss import *; assert compat is ul.compat",
    ]
    subprocess.run([sys.executable, "-W", "error", "-c", "\n".join(lines)], check=True)


@pytest.mark.parametrize("module", [optax, axon, gluon], ids=lambda m: m.__name__)
def test_public_names_have_docstrings(module):
    assert module.__all__ == sorted(module.__all__)
    for name in module.__all__:
        assert len(inspect.getdoc(getattr(module, name))) > 10


MIGRATION = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()


def test_python_of_the_migration_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", MIGRATION, re.S)
    assert len(blocks) >= 3
    for block in blocks:
        exec(compile(block, "migration.md", "exec"), {})


@pytest.mark.parametrize("module", [optax, axon, gluon], ids=lambda m: m.__name__)
def test_migration_page_has_every_name(module):
    section = MIGRATION.split(f"## `ufloss.compat.{module.__name__.rpartition('.')[2]}`")[1].split("\n## ")[0]
    missing = [name for name in module.__all__ if not re.search(rf"`{name}\b", section)]
    assert not missing


def test_migration_page_names_what_the_core_has():
    named = set(re.findall(r"`ul\.([\w.]+)", MIGRATION))
    assert len(named) > 40
    for name in named:
        operator.attrgetter(name)(ul)
