"""The typing stub is the one that the registry gives, and type checkers understand it."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ufloss as ul
from internals import _stubs

STUB, CTC_STUB = (Path(ul.__file__).with_name(name) for name in ("__init__.pyi", "ctc.pyi"))

GOOD = """
from typing import Any, assert_type

import numpy as np
import ufloss as ul
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
x = np.ones(3, np.float32)
assert_type(ul.huber_loss(x, 0.0), Array)
keywords = ul.huber_loss(x, x, delta=[[0.5], [1.0]], where=x > 0, dtype=np.float32, casting="same_kind")
assert_type(keywords, Array)
assert_type(ul.huber_loss(predictions=x, out=x), Array)
assert_type(ul.huber_loss(1.0, np.float32(2)), np.floating[Any])
assert_type(ul.huber_loss.grad(x, delta=x), Array)
assert_type(ul.huber_loss.value_and_grad(x, 1), tuple[Array, Array])
assert_type(ul.squared_error.value_and_grads(x, x, out=(x, None, x)), tuple[Array, Array, Array])
assert_type(ul.l2_loss.hess_bound([1, 2]), Array)
loss, slope = ul.sigmoid_binary_cross_entropy.value_and_grad(logits=x, labels=[0, 1, 1])
total: float = float(loss.mean() + slope.sum())
assert_type(ul.huber_loss.nin, int)
row = ul.softmax_cross_entropy.value_and_grad(x, x, axis=(0,), where=x > 0, keepdims=True)
assert_type(row, tuple[Any, Array])
assert_type(ul.safe_softmax_cross_entropy.grad(x, labels=x), Array)
mean: float = ul.softmax_cross_entropy_with_integer_labels(np.ones((2, 3)), [0, 1], axis=-1).mean()
ufunc: np.ufunc = ul.huber_loss.grad
reduced: Any = ul.huber_loss.mean(x, weights=x, axis=0, returned=True)
reduced = ul.huber_loss.sum.value_and_grad(x, 0.0)
assert_type(ul.ctc.loss.value_and_grad(x, [1], blank=-1, where=[True]), tuple[Any, Array])
assert_type(ul.ctc.loss_from_log_probs.grad(log_probs=x, labels=[1]), Array)
assert_type(ul.ctc.align(x, [1], 3, 1)[0], NDArray[np.int64])
assert_type(ul.ctc_loss.grad(x, [[0]], [[1]], label_paddings=[[0]], blank_id=-1), Array)
assert_type(ul.show_config(), None)
assert_type(ul.show_config(mode="dicts"), dict[str, Any])
assert_type(ul.get_include() + ul.__version__, str)
"""

WRONG = """
import numpy as np
import ufloss as ul

x = np.ones(3)
ul.hinge_loss(x)
ul.hinge_loss(x, x, marge=1.0)
ul.hinge_loss(x, x, 1.0, margin=1.0)
ul.huber_loss(x, where=x, casting="sometimes")
ul.huber_loss(x, order="row")
ul.softmax_cross_entropy(x)
ul.huber_loss(x, out=(x, x))
ul.huber_loss.grads(x)
ul.huber_loss.grad.hess(x)
ul.stirling_term.grad(x)
ul.no_such_loss(x)
ul.ctc.loss(x)
ul.ctc.loss.grad(x, [1], axis=0)
ul.ctc.align.grad(x, [1])
ul.ctc_loss(x, [[0]], [[1]])
a, b, c = ul.huber_loss.value_and_grad(x)
ul.huber_loss.value_and_grad(x).mean()
ul.huber_loss = ul.l2_loss
ul.show_config(mode="xml")
"""


def test_stub_is_the_one_that_the_registry_gives():
    assert STUB.read_text(encoding="utf-8") == _stubs.stub(), (
        "run `python -m ufloss._stubs > python/ufloss/__init__.pyi`"
    )


def test_module_prints_the_stub():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ufloss._stubs"], capture_output=True, text=True, check=True
    )
    assert run.stdout == _stubs.stub()


@pytest.fixture(scope="module")
def tree():
    """The stub as a syntax tree."""
    return ast.parse(_stubs.stub()).body


def test_stub_declares_the_names_of_the_package(tree):
    declared = {node.name for node in tree if isinstance(node, ast.FunctionDef)}
    declared |= {node.target.id for node in tree if isinstance(node, ast.AnnAssign)}
    # aliases
    declared |= {
        node.targets[0].id
        for node in tree
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
    }
    declared |= {
        alias.asname
        for node in tree
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert {name for name in declared if not name.startswith("_") or name == "__version__"} == set(ul.__all__)
    listed = next(
        node.value for node in tree if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    assert ast.literal_eval(listed) == ul.__all__


def test_stub_of_ctc_declares_its_names():
    body = ast.parse(CTC_STUB.read_text(encoding="utf-8")).body
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    declared = {node.name: None for node in body if isinstance(node, ast.FunctionDef)}
    for node in body:
        if isinstance(node, ast.AnnAssign):
            cls = classes.get(ast.unparse(node.annotation)[len("Final[") : -1])
            declared[node.target.id] = (
                {n.target.id for n in cls.body if isinstance(n, ast.AnnAssign)} if cls else set()
            )
    assert sorted(declared) == ul.ctc.__all__
    for name, derived in declared.items():
        assert derived is None or derived == {
            a for a, thing in vars(getattr(ul.ctc, name)).items() if type(thing) is np.ufunc
        }


def test_stub_declares_the_derivatives_that_exist(tree, value):
    title = next(
        ast.unparse(n.annotation) for n in tree if isinstance(n, ast.AnnAssign) and n.target.id == value.name
    )
    body = next(n.body for n in tree if isinstance(n, ast.ClassDef) and f"Final[{n.name}]" == title)
    declared = {node.target.id for node in body if isinstance(node, ast.AnnAssign)}
    assert declared == {name for name, thing in vars(value.ufunc).items() if type(thing) is np.ufunc} | {
        "sum",
        "mean",
    }


@pytest.fixture(scope="module")
def complaints(tmp_path_factory, pytestconfig):
    """Lines of the two programs and of the stub that mypy complains about, and what it says."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("stub")
    programs = {
        "good.py": GOOD,
        "wrong.py": WRONG,
        "declared.pyi": _stubs.stub(),
        "declared_ctc.pyi": CTC_STUB.read_text(encoding="utf-8"),
    }
    for name, text in programs.items():
        (folder / name).write_text(text, encoding="utf-8")
    cache = pytestconfig.cache.mkdir("mypy") if hasattr(pytestconfig, "cache") else folder / "cache"
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            "--no-error-summary",
            "--cache-dir",
            cache,
            *programs,
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert run.stderr == ""
    said = [line.split(":", 2) for line in run.stdout.splitlines() if ": error:" in line]
    assert {file for file, *_ in said} <= set(programs), run.stdout
    return {name: {int(n): text for file, n, text in said if file == name} for name in programs}


def test_mypy_accepts_right_calls(complaints):
    assert complaints["good.py"] == {}


def test_stub_is_strictly_typed_itself(complaints):
    assert complaints["declared.pyi"] == complaints["declared_ctc.pyi"] == {}


def test_mypy_refuses_every_wrong_line(complaints):
    lines = WRONG.splitlines()
    wrong = [n for n, line in enumerate(lines, 1) if line and n > lines.index("x = np.ones(3)") + 1]
    assert [lines[n - 1] for n in wrong if n not in complaints["wrong.py"]] == []
