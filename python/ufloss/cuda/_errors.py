"""What goes wrong beside wrong arguments."""

EXTRA = (
    "ufloss.cuda needs an NVIDIA GPU with its driver, and `pip install ufloss[cuda13]` "
    "(or `ufloss[cuda12]` for a driver of CUDA 12)"
)


class CudaError(RuntimeError):
    """The driver or the compiler of kernels refused something.

    Examples
    --------
    >>> import ufloss.cuda
    >>> issubclass(ufloss.cuda.CudaError, RuntimeError)
    True
    """


class CudaUnavailableError(CudaError):
    """There is no driver, no GPU, or the extra is not installed.

    Examples
    --------
    >>> import ufloss.cuda
    >>> issubclass(ufloss.cuda.CudaUnavailableError, ufloss.cuda.CudaError)
    True
    """


def unavailable(what):
    """The one error of a machine that cannot run kernels."""
    return CudaUnavailableError(f"{EXTRA}: {what}")
