"""The losses of ufloss on NVIDIA GPUs, with the bits of the CPU.

Every loss is a function of arrays on a GPU, with its derivatives as attributes, as in `ufloss`: torch
tensors, CuPy arrays, and whatever has ``__cuda_array_interface__`` or ``__dlpack__``.  Results are of the
library of the first array, made by its allocator, on its current stream; nothing waits for the GPU.

Nothing of CUDA is needed to import this.  The first call looks for the driver and for NVIDIA's compiler
(``pip install ufloss[cuda13]``), compiles the kernel that it needs, and keeps it on disk: in the folder
``UFLOSS_CACHE_DIR``, or in the user's folder for caches.

>>> import torch, ufloss.cuda as uc                                             # doctest: +SKIP
>>> logits = torch.randn(5, device="cuda")                                      # doctest: +SKIP
>>> loss, slope = uc.huber_loss.value_and_grad(logits, 0.0, delta=2.0)          # doctest: +SKIP
"""

from types import SimpleNamespace

from .._registry import ALIASES
from ._checks import checked as checked
from ._errors import CudaError as CudaError
from ._errors import CudaUnavailableError
from ._functions import LOSSES

ctc = SimpleNamespace(**{name[4:]: f for name, f in LOSSES.items() if name.startswith("ctc.")})
_FUNCTIONS = {name: f for name, f in LOSSES.items() if "." not in name}
_FUNCTIONS.update({alias: LOSSES[name] for alias, name in ALIASES.items()})
globals().update(_FUNCTIONS)
__all__ = sorted([*_FUNCTIONS, "CudaError", "CudaUnavailableError", "checked", "ctc", "is_available"])


def is_available():
    """Can kernels run here?

    Returns
    -------
    bool
        True where there is a driver, a GPU and the extra that has NVIDIA's compiler.

    Examples
    --------
    >>> import ufloss.cuda
    >>> ufloss.cuda.is_available() in (True, False)
    True
    """
    from ._driver import compiler, driver

    try:
        return bool(driver() and compiler())
    except CudaUnavailableError:
        return False


def __getattr__(name):
    if name == "torch":  # imports torch, when somebody asks
        from importlib import import_module

        return import_module(".torch", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*__all__, "torch"]
