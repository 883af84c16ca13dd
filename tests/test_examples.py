"""The examples of the documentation, run as a reader would."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


@pytest.mark.filterwarnings("default")  # those of scikit-learn and matplotlib are theirs
def test_breast_cancer(tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    picture = tmp_path / "loss.png"
    results = runpy.run_path(str(EXAMPLES / "breast_cancer.py"))["main"](
        ["--steps", "200", "--plot", str(picture)]
    )
    assert picture.stat().st_size > 5000
    assert results["test"][0] < 0.15
    assert results["test"][1] > 0.95
    assert capsys.readouterr().out.count("train loss") >= 10


@pytest.mark.filterwarnings("default")
def test_ctc_digits(tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    picture = tmp_path / "alignment.png"
    rate = runpy.run_path(str(EXAMPLES / "ctc_digits.py"))["main"](["--steps", "500", "--plot", str(picture)])
    assert rate < 0.25  # 2 to 4 % after all its steps
    assert picture.stat().st_size > 5000
    assert capsys.readouterr().out.count("loss a line") >= 10
