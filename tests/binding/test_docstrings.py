"""Signatures and docstrings: what they say is what is registered, and their examples run."""

import inspect
import pydoc
import re

import pytest

import ufloss as ul
from binding.cases import names
from docstrings import run_examples


def test_signature_is_that_of_the_docstring(case):
    first = case.ufunc.__doc__.splitlines()[0]
    name, arguments = re.fullmatch(r"([\w.]+)\((.*)\)", first).groups()
    space = {}
    exec(f"def f({arguments}): pass", space)
    assert name == case.name
    assert inspect.signature(case.ufunc) == inspect.signature(space["f"])


def test_signature_names_the_registered_arguments(case):
    shown = list(inspect.signature(case.ufunc).parameters.values())
    for p, a in zip(shown, case.loss["args"], strict=False):
        assert (p.name, p.default) == (a["name"], p.empty if a["default"] is None else a["default"])
    assert [p.name for p in shown[case.nin :]] == ["out", "where", "casting", "order", "dtype", "subok"]


def section(doc, title):
    """Lines of one numpydoc section."""
    found = re.search(rf"^{title}\n{'-' * len(title)}\n(.*?)(?=^\w+\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found[1].splitlines()


def entries(lines):
    return [line.split(" : ")[0] for line in lines if line and not line.startswith(" ")]


def test_docstring_has_the_numpydoc_sections(case):
    doc = case.ufunc.__doc__
    assert case.loss["formula"].splitlines()[0] in doc
    assert entries(section(doc, "Parameters")) == [*names(case), "out", "where", "**kwargs"]
    assert len(entries(section(doc, "Returns"))) == case.nout
    assert entries(section(doc, "Raises")) == ["TypeError"]
    assert f"Source: {case.loss['source']}" in section(doc, "Notes")
    assert ("Examples\n--------" in doc) == (case.attribute == "")


def test_docstring_of_the_loss_lists_its_derivatives(family):
    notes = "\n".join(section(family[0].ufunc.__doc__, "Notes"))
    for case in family[1:]:
        assert f"`{case.attribute}`" in notes


def test_examples_of_the_docstring_run(value):
    run_examples(value.ufunc.__doc__, value.name)


@pytest.mark.parametrize(
    "thing", [ul, ul.show_config, ul.get_include], ids=["ufloss", "show_config", "get_include"]
)
def test_examples_of_the_package_run(thing):
    run_examples(thing.__doc__, thing.__name__)


def test_help_shows_the_docstring(case):
    text = pydoc.render_doc(case.ufunc, renderer=pydoc.plaintext)
    assert case.name in text.splitlines()[2]
    for line in case.ufunc.__doc__.splitlines():
        assert line in text
