"""Arrays of libraries that ufloss.cuda knows nothing of: by __cuda_array_interface__, or by DLPack.

Both say on which stream an array came to be.  What it holds is waited for on the device, by an event, never
by this thread.
"""

import numpy as np

from .. import _core
from ._arrays import ELEMENTS, SIZES, dtype_of, element_of, refuse, said
from ._driver import driver

# DLPack's codes.
CUDA, CUDA_MANAGED = 2, 13
KINDS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 6: "bool"}
LEGACY_STREAM = 1  # both protocols write 0 as 1


class Foreign:
    """Every other array on a GPU.  The type in its keys is an index in ELEMENTS, the strides are in bytes."""

    foreign = True

    def read(self, x, name, stream=0, writes=False):
        interface = getattr(x, "__cuda_array_interface__", None)
        if interface is not None:
            return self.read_interface(x, name, interface, stream, writes)
        return self.read_dlpack(x, name, stream, writes)

    def read_interface(self, x, name, interface, stream, writes):
        address, read_only = interface["data"]
        if interface.get("mask") is not None:
            refuse(name, "has a mask of its own: give it as where")
        if writes and read_only:
            raise ValueError(f"{name} is read-only")
        try:
            element = element_of(np.dtype(interface["typestr"]))
        except TypeError:
            refuse(name, f"is of type {interface['typestr']}, which kernels do not know")
        shape, strides = tuple(interface["shape"]), interface.get("strides")
        own_stream = interface.get("stream")
        if own_stream is not None and 0 not in shape:
            driver().order(own_stream if own_stream != LEGACY_STREAM else 0, stream)
        return self.found(name, element, shape, strides and tuple(strides), address, None)

    def read_dlpack(self, x, name, stream, writes):
        kind = int(x.__dlpack_device__()[0])
        if kind not in (CUDA, CUDA_MANAGED):
            refuse(name, f"is a {said(x)} in memory that is no GPU's: copy it there")
        try:
            capsule = x.__dlpack__(stream=stream or LEGACY_STREAM, max_version=(1, 0))
        except TypeError:  # a library from before versions
            capsule = x.__dlpack__(stream=stream or LEGACY_STREAM)
        code, bits, lanes, _, device, shape, strides, address, read_only = _core.read_dlpack(capsule)
        if writes and read_only:
            raise ValueError(f"{name} is read-only")
        kind = KINDS.get(code, "no type")
        element = ELEMENTS.get(kind if kind == "bool" else f"{kind}{bits}")
        if element is None or lanes != 1:
            refuse(name, f"is of DLPack's type ({code}, {bits}, {lanes}), which kernels do not know")
        if strides is not None:
            strides = tuple(s * SIZES[element] for s in strides)
        return self.found(name, element, shape, strides, address, device)

    def found(self, name, element, shape, strides, address, device):
        """A key and an address; arrays without elements may lie nowhere."""
        if strides is None:
            size, steps = SIZES[element], []
            for length in reversed(shape):
                steps.append(size)
                size *= max(length, 1)
            strides = tuple(reversed(steps))
        if device is None and 0 not in shape:
            device = driver().ordinal_of(address)
            if device is None:
                refuse(name, "lies in memory that is no GPU's")
        return (self, element, shape, strides, address & 15, device), address

    def describe(self, key):
        return key[1:5]

    def new(self, shape, element, device, zeros, beside, name):
        made = self.make(beside, name, shape, element, device, zeros)
        return made, self.read(made, name)[1]

    def make(self, x, name, shape, element, device, zeros):
        """A new array by the library of x."""
        if hasattr(x, "__array_namespace__"):
            xp = x.__array_namespace__()
            return (xp.zeros if zeros else xp.empty)(
                shape, dtype=getattr(xp, _core.ELEMENTS[element]), device=x.device
            )
        if type(x).__module__.startswith("numba."):
            from numba import cuda

            with cuda.gpus[device]:
                made = cuda.device_array(shape, dtype_of(element))
                if zeros:
                    made[...] = 0
                return made
        refuse(
            name,
            f"is a {said(x)}, whose library offers no way to make new arrays: give results a place by out=",
        )

    def stream_of(self, x):
        """The stream that an array says it belongs to, or the default one."""
        interface = getattr(x, "__cuda_array_interface__", None) or {}
        own = interface.get("stream")
        return 0 if own in (None, LEGACY_STREAM) else own


FOREIGN = Foreign()
