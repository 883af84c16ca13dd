"""The committed documentation says what the code does."""

import doctest
import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

import ufloss as ul
from internals import ALL

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def test_page_of_losses_is_up_to_date():
    page = runpy.run_path(str(ROOT / "docs" / "make.py"))["page"]()
    assert (ROOT / "docs" / "losses.md").read_text() == page, "run: python docs/make.py"


def links(page):
    """What a page links to inside the repository."""
    return re.findall(r"\]\(([^)#:]+)\)", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    title, _, content = page.read_text().partition("\n")
    assert title.startswith("# ")
    assert len(content.split()) > 20
    for target in links(page):
        assert (page.parent / target).exists(), target


def test_the_readme_links_to_every_other_page():
    assert {(ROOT / target).resolve() for target in links(ROOT / "README.md")} >= {
        page.resolve() for page in PAGES
    } - {ROOT.resolve() / "README.md"}


@pytest.mark.parametrize("page", ["README.md", "docs/migration.md"])
def test_pages_name_the_epsilons_that_there_are(page):
    named = " ".join(re.findall(r"no\s+epsilon[^.;]*", (ROOT / page).read_text()))
    small = {
        (loss["name"], f"{a['default']:g}")
        for loss in ALL
        for a in loss["args"]
        if a["default"] and 0 < a["default"] < 1e-3
    }
    assert small
    for name, epsilon in sorted(small | {("multiclass_generalized_dice_loss", "1e-07")}):
        assert f"`{name}` ({epsilon.replace('e-0', 'e-')})" in named


CAUCHY = """
#include <cmath>
#include "ufloss/kinds/elementwise/loop.hpp"
#include "ufloss/losses/regression.hpp"
#include "ufloss/registry.hpp"

template <class... L> constexpr bool is_listed(ufloss::loss_list<L...>) {
  return (... || (sizeof(L) && std::is_same_v<L, ufloss::cauchy_loss>));
}
static_assert(is_listed(ufloss::regression_losses{}));

int main() {
  const double x[] = {0, 1, -3, 1e200}, y = 0;
  double value[4], grad[4], hess[4];
  using ufloss::strided;
  ufloss::map<ufloss::cauchy_loss, ufloss::standard_parts>(
      4, strided<const double>{x}, strided<const double>{&y, 0}, strided<double>{value},
      strided<double>{grad}, strided<double>{hess});
  const auto near = [](double a, double b) { return std::fabs(a - b) <= 1e-15 * std::fabs(b); };
  const bool right = value[0] == 0 && near(value[1], std::log(2.0)) && near(value[2], std::log(10.0)) &&
                     near(value[3], 2 * std::log(1e200)) && grad[1] == 1 && near(grad[2], -0.6) &&
                     hess[0] == 2 && hess[1] == 0 && near(hess[2], -0.16);
  return right ? 0 : 1;
}
"""


def test_the_diff_that_adds_a_loss_compiles_and_runs(tmp_path):
    diff = re.search(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S).group(1)
    files = re.findall(r"^\+\+\+ b/(.*)$", diff, re.M)
    assert len(files) == 3  # the struct, the registry line, the reference line
    shutil.copytree(ROOT / "cpp/include", tmp_path / "cpp/include")
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/reference.py", tmp_path / "tests")
    subprocess.run(["git", "apply", "--recount", "-"], input=diff, text=True, cwd=tmp_path, check=True)
    assert "cauchy_loss" in (tmp_path / "tests/reference.py").read_text()

    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    (tmp_path / "cauchy.cpp").write_text(CAUCHY)
    flags = ["-std=c++17", "-O1", "-ffp-contract=off", "-DUFL_NO_XSIMD", "-Icpp/include"]
    subprocess.run([compiler, *flags, "cauchy.cpp", "-o", "cauchy"], cwd=tmp_path, check=True)
    subprocess.run(["./cauchy"], cwd=tmp_path, check=True)


def test_python_of_the_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_examples_of_the_page_on_ctc_run():
    page = ROOT / "docs" / "ctc.md"
    text = "\n\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.S))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(test.examples) > 10
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


def test_docstrings_say_what_predictions_outside_their_domain_do():
    counted = set()
    for loss in ALL:
        wrong = {"unit": 2.0, "nonnegative": -1.0, "positive": -1.0}.get(loss["args"][0]["domain"])
        if wrong is None or loss["args"][0]["role"] != "prediction":
            continue
        f = getattr(ul, loss["name"])
        rest = [
            0 if a["role"] == "label" else [1.0] if a["along"] else 1.0
            for a in loss["args"][1:]
            if a["default"] is None
        ]
        value = f([wrong], *rest)
        said = f.__doc__[f.__doc__.index("Parameters") :].split(" : ")[1]
        if "counts as it stands" in said:
            counted.add(loss["name"])
        else:
            assert "NaN outside" in said
        assert (value == value).all() == ("counts as it stands" in said), loss["name"]
    assert counted == {"tversky_loss", "smooth_labels"}  # the losses over rows that the README speaks of
