"""A machine with two GPUs that are none, for every test that asks for it."""

import pytest

from gpu.arrays import Cupy
from gpu.machine import CXX, Compiler, Driver
from internals import cuda_arrays, cuda_calls, cuda_driver, cuda_functions, cuda_kernels


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """Where compiled kernels are kept, for all tests."""
    return tmp_path_factory.mktemp("kernels")


def functions():
    """Every function of ufloss.cuda."""
    for loss in cuda_functions.LOSSES.values():
        yield loss
        yield from (f for f in vars(loss).values() if isinstance(f, cuda_calls.Function))


@pytest.fixture
def machine(monkeypatch, kernels):
    """Its driver; kernels are compiled by its compiler, `machine.compiler`."""
    if CXX is None:
        pytest.skip("no C++ compiler")
    driver, compiler = Driver(), Compiler()
    driver.compiler = compiler
    monkeypatch.setattr(cuda_driver.driver, "made", driver)
    monkeypatch.setattr(cuda_driver.compiler, "made", compiler)
    monkeypatch.setattr(cuda_kernels, "loaded", {})
    monkeypatch.setattr(cuda_calls, "FACTS", {})
    monkeypatch.setenv("UFLOSS_CACHE_DIR", str(kernels))
    for f in functions():
        monkeypatch.setattr(f, "entries", {})
    return driver


@pytest.fixture
def cupy(monkeypatch, machine):
    """A module `cupy` that is imported."""
    module = Cupy()
    monkeypatch.setitem(__import__("sys").modules, "cupy", module)
    monkeypatch.setattr(cuda_arrays, "READERS", readers := dict(cuda_arrays.READERS))
    monkeypatch.setattr(cuda_calls, "READERS", readers)
    return module
