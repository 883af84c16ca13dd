"""The committed documentation says what the code does."""

import re
import runpy
from pathlib import Path

import pytest

from ufloss._registry import LOSSES

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def test_page_of_losses_is_up_to_date():
    page = runpy.run_path(str(ROOT / "docs" / "make.py"))["page"]()
    assert (ROOT / "docs" / "losses.md").read_text() == page, "run: python docs/make.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss["name"])
def test_readme_names_every_loss(loss):
    assert f"`{loss['name']}`" in (ROOT / "README.md").read_text()


def test_python_of_the_readme_runs():
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S):
        exec(compile(block, "README.md", "exec"), {})
