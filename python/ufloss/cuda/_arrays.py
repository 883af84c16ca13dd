"""Arrays on a GPU, whoever made them: where they lie, and how their library makes new ones.

A library is an object with

- ``read(x, name)``: ``(key, address)``; the key is (library, type, shape, strides, address modulo 16, device)
  and all that a plan depends on;
- ``describe(key)``: what `_core.cuda_answer` takes of such an array;
- ``new(shape, element, device, zeros, beside, name)``: a new array, made on the current stream by the library
  of the argument `beside`, and its address;
- ``stream(device)``: the handle of that stream;
- ``foreign``: is only known by a protocol, so that it must be told who reads (`_foreign.py`).

Numbers are of a library too, which has no device.
"""

import sys

import numpy as np

from .. import _core
from ._driver import driver

ELEMENTS = {name: k for k, name in enumerate(_core.ELEMENTS)}
SIZES = _core.ELEMENT_SIZES


def said(x):
    """How an error names a type."""
    return f"{type(x).__module__}.{type(x).__qualname__}".removeprefix("builtins.")


def refuse(name, what):
    raise TypeError(f"{name} {what}")


class Number:
    """One number by value: Python's, and arrays in host memory without dimensions."""

    foreign = False

    def read(self, x, name):
        try:
            return ("number", float(x).hex()), 0
        except OverflowError:
            raise OverflowError(f"{name} is too large for a floating-point number") from None
        except (TypeError, ValueError):
            refuse(name, f"must be a real number or an array on a GPU, not {x!r}")

    def describe(self, key):
        return float.fromhex(key[1])


class HostArray:
    """NumPy's: a 0-d array is a number, all others belong to the losses of the CPU."""

    foreign = False

    def read(self, x, name):
        if x.ndim == 0 and x.dtype.kind in "fiub" and not isinstance(x, np.ma.MaskedArray):
            return NUMBER.read(x, name)
        refuse(name, "is a NumPy array, in host memory: copy it to the GPU, or call the loss of `ufloss`")


class Torch:
    """torch.Tensor."""

    foreign = False

    def __init__(self, torch):
        self.torch = torch
        self.elements = {getattr(torch, name): k for name, k in ELEMENTS.items() if hasattr(torch, name)}
        self.types = {k: dtype for dtype, k in self.elements.items()}
        raw = getattr(torch._C, "_cuda_getCurrentRawStream", None)
        self.stream = raw or (lambda device: torch.cuda.current_stream(device).cuda_stream)
        self.ordinal = torch.Tensor.get_device

    def read(self, x, name):
        device = self.ordinal(x)
        if device < 0 or x.requires_grad or x.is_neg() or x.layout is not self.torch.strided:
            return self.read_other(x, name)
        address = x.data_ptr()
        return (self, x.dtype, x.shape, x.stride(), address & 15, device), address

    def read_other(self, x, name):
        """Tensors that are none of a GPU, or no plain ones."""
        torch = self.torch
        if x.layout is not torch.strided:
            refuse(name, f"has the layout {x.layout}: dense tensors are needed")
        if x.requires_grad and torch.is_grad_enabled():
            refuse(name, "requires a gradient: call the loss of `ufloss.cuda.torch`, or detach the tensor")
        if x.is_neg():
            refuse(name, "is a view with a sign to come: call resolve_neg()")
        device = self.ordinal(x)
        if device < 0:
            if x.ndim == 0 and x.device.type == "cpu":
                return NUMBER.read(x.item(), name)
            refuse(name, f"is a tensor on {x.device}: move it to the GPU, or call the loss of `ufloss`")
        address = x.data_ptr()
        return (self, x.dtype, x.shape, x.stride(), address & 15, device), address

    def describe(self, key):
        _, dtype, shape, strides, place, _ = key
        if dtype not in self.elements:
            raise TypeError(str(dtype))
        element = self.elements[dtype]
        size = SIZES[element]
        return element, tuple(shape), tuple(s * size for s in strides), place

    def new(self, shape, element, device, zeros, beside, name):
        make = self.torch.zeros if zeros else self.torch.empty
        made = make(shape, dtype=self.types[element], device=beside.device)
        return made, made.data_ptr()


class CuPy:
    """cupy.ndarray."""

    foreign = False

    def __init__(self, cupy):
        self.cupy = cupy

    def read(self, x, name):
        address = x.data.ptr
        return (self, x.dtype, x.shape, x.strides, address & 15, x.device.id), address

    def describe(self, key):
        _, dtype, shape, strides, place, _ = key
        return element_of(dtype), shape, strides, place

    def new(self, shape, element, device, zeros, beside, name):
        with self.cupy.cuda.Device(device):
            made = (self.cupy.zeros if zeros else self.cupy.empty)(shape, dtype_of(element))
        return made, made.data.ptr

    def stream(self, device):
        return self.cupy.cuda.get_current_stream(device).ptr


def element_of(dtype):
    """Of NumPy's types, and of those that bear their names."""
    name = getattr(dtype, "name", str(dtype))
    if name not in ELEMENTS or not getattr(dtype, "isnative", True):
        raise TypeError(str(dtype))
    return ELEMENTS[name]


def dtype_of(element):
    name = _core.ELEMENTS[element]
    if name == "bfloat16":  # NumPy has it from this package, which whoever has such arrays has
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


NUMBER, HOST = Number(), HostArray()
READERS = {float: NUMBER, int: NUMBER, bool: NUMBER, np.ndarray: HOST}


def library_of(x, name):
    """The library of an argument, by its type; the answer is kept."""
    kind = type(x)
    found = READERS.get(kind)
    if found is None:
        found = READERS[kind] = find_library(x, name)
    return found


def find_library(x, name):
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    if torch and isinstance(x, torch.Tensor):
        return next((r for r in READERS.values() if type(r) is Torch), None) or Torch(torch)
    if cupy and isinstance(x, cupy.ndarray):
        return next((r for r in READERS.values() if type(r) is CuPy), None) or CuPy(cupy)
    if isinstance(x, np.ndarray):
        return HOST
    if isinstance(x, np.floating | np.integer | np.bool_ | int | float):
        return NUMBER
    if type(x).__module__.partition(".")[0] in ("jax", "jaxlib"):
        refuse(name, "is a JAX array, which is computed on streams of XLA's own: give it as a CuPy array")
    if hasattr(x, "__cuda_array_interface__") or hasattr(x, "__dlpack_device__"):
        from ._foreign import FOREIGN

        return FOREIGN
    refuse(name, f"must be an array on a GPU or a number, not {said(x)}")


def describe(key, name):
    """What `_core.cuda_answer` takes of an argument."""
    if key[0] == "number":
        return NUMBER.describe(key)
    try:
        return key[0].describe(key)
    except TypeError as error:
        refuse(name, f"has a type that kernels do not know: {error}")


def extent(described):
    """The first byte of an array and the one behind its last, counted from its address."""
    if isinstance(described, float) or 0 in described[1]:
        return 0, 0
    element, shape, strides, _ = described
    reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    return sum(r for r in reach if r < 0), sum(r for r in reach if r > 0) + SIZES[element]


def current_device():
    """Of arrays without memory."""
    return driver().current_ordinal()
