"""The examples of docstrings, run."""

import doctest

import numpy as np

import ufloss as ul


def run_examples(doc, name):
    test = doctest.DocTestParser().get_doctest(doc, {"ul": ul, "np": np, "ufloss": ul}, name, None, 0)
    said = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)
