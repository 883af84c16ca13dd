"""Where there is no GPU: importing needs nothing, and the first call says what is missing."""

import os
import subprocess
import sys

import numpy as np
import pytest

import ufloss.cuda as uc
from docstrings import run_examples
from gpu.arrays import Cupy
from internals import cuda_arrays, cuda_calls, cuda_driver, cuda_functions

pytestmark = pytest.mark.cuda_emu


@pytest.fixture
def x(monkeypatch):
    """An array of CuPy's, and nothing found yet."""
    module = Cupy()
    monkeypatch.setitem(sys.modules, "cupy", module)
    readers = dict(cuda_arrays.READERS)
    monkeypatch.setattr(cuda_arrays, "READERS", readers)
    monkeypatch.setattr(cuda_calls, "READERS", readers)
    monkeypatch.setattr(cuda_calls, "FACTS", {})
    monkeypatch.setattr(cuda_driver.driver, "made", None)
    monkeypatch.setattr(cuda_driver.compiler, "made", None)
    return module.array(np.ones(4, "f4"))


def test_without_the_extra(x, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    said = r"^ufloss.cuda needs an NVIDIA GPU .*ufloss\[cuda13\].*ufloss\[cuda12\].*cuda-bindings cannot"
    with pytest.raises(uc.CudaUnavailableError, match=said):
        uc.huber_loss(x)
    assert not uc.is_available()


class Refuses:
    """A module of cuda-bindings whose functions answer as they are told."""

    class CUresult:
        CUDA_ERROR_OUT_OF_MEMORY, CUDA_ERROR_NO_DEVICE = 2, 100
        CUDA_ERROR_UNSUPPORTED_PTX_VERSION, CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA_ERROR_INVALID_IMAGE = (
            222,
            209,
            200,
        )

    def __init__(self, **answers):
        self.answers = answers

    def __getattr__(self, name):
        answer = self.answers[name]
        if isinstance(answer, Exception):

            def raising(*_):
                raise answer

            return raising
        return lambda *_: answer

    def install(self, monkeypatch):
        package = type(sys)("cuda.bindings")
        package.driver = package.nvrtc = self
        monkeypatch.setitem(sys.modules, "cuda", type(sys)("cuda"))
        monkeypatch.setitem(sys.modules, "cuda.bindings", package)


NAMED = {"cuGetErrorName": (0, b"CUDA_ERROR_X"), "cuGetErrorString": (0, b"what NVIDIA says")}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {"cuInit": RuntimeError("libcuda.so was not found\nmore")},
            r"no NVIDIA driver \(libcuda.so was not found\)",
        ),
        ({"cuInit": (100,)}, "the driver does not start: CUDA_ERROR_X, what NVIDIA says"),
        ({"cuInit": (0,), "cuDeviceGetCount": (0, 0)}, "the driver knows no GPU"),
    ],
)
def test_without_a_driver_or_a_gpu(x, monkeypatch, answers, said):
    Refuses(**NAMED, **answers).install(monkeypatch)
    with pytest.raises(uc.CudaUnavailableError, match=said):
        uc.huber_loss(x)
    assert not uc.is_available()


def test_what_the_driver_refuses(monkeypatch):
    answers = {"cuInit": (0,), "cuDeviceGetCount": (0, 1), "cuDriverGetVersion": (0, 12020)}
    Refuses(**NAMED, **answers, cuModuleLoadData=(222, None), cuStreamSynchronize=(700,)).install(monkeypatch)
    driver = cuda_driver.Driver()
    with pytest.raises(
        uc.CudaError, match=r"it is of CUDA 12.2, .* install ufloss\[cuda12\], or a newer driver"
    ):
        driver.load(b"")
    with pytest.raises(uc.CudaError, match="waiting for the stream failed: CUDA_ERROR_X, what NVIDIA says"):
        driver.synchronize(0)
    driver.cu.answers["cuModuleLoadData"] = 2, None
    with pytest.raises(MemoryError, match="out of memory of the device, while loading a kernel"):
        driver.load(b"")


def test_architectures(monkeypatch):
    Refuses(nvrtcVersion=(0, 13, 0), nvrtcGetSupportedArchs=(0, [75, 80, 90, 100])).install(monkeypatch)
    compiler = cuda_driver.Compiler()
    assert compiler.version == (13, 0)
    assert [compiler.architecture(9, 0), compiler.architecture(8, 0)] == ["sm_90", "sm_80"]
    assert compiler.architecture(12, 1) == "compute_100"  # newer than the compiler: the driver translates
    with pytest.raises(
        uc.CudaError, match=r"does not compile for compute capability 7.0; install ufloss\[cuda12\]"
    ):
        compiler.architecture(7, 0)


def test_importing_loads_nothing_of_others():
    program = """
import sys, ufloss
assert "ufloss.cuda" not in sys.modules
ufloss.cuda.huber_loss.grad
print(sorted({m.partition(".")[0] for m in sys.modules} & {"torch", "cupy", "cuda", "numba", "jax"}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_loss_is_there():
    names = {loss["name"]: loss for loss in (f.loss for f in cuda_functions.LOSSES.values())}
    assert len(names) > 50
    for name, loss in names.items():
        f = cuda_functions.find(name)
        assert set(loss["outputs"]) - {""} <= set(vars(f))
    assert uc.huber_loss.hess_bound is not uc.huber_loss.grad
    assert uc.squared_error.hess_bound is uc.squared_error.hess
    assert uc.ntxent is uc.ntxent_loss


@pytest.mark.parametrize(
    "name", ["huber_loss.value_and_grad", "softmax_cross_entropy.grads", "ctc.loss", "clip_loss"]
)
def test_examples_of_docstrings(name):
    f = cuda_functions.find(name)
    run_examples(f.__doc__, name)
    for heading in ("Parameters", "Returns", "Raises", "See Also", "Notes", "Examples"):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in f.__doc__


def test_examples_of_the_module():
    for x in (uc.checked, uc.is_available, uc.CudaError, uc.CudaUnavailableError):
        run_examples(x.__doc__, x.__name__)
