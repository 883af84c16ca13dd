"""Fixtures of the comparisons with other systems."""

import pytest


@pytest.fixture(scope="session")
def peer():
    return pytest.importorskip("optax").losses
