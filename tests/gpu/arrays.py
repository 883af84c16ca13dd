"""Arrays as other libraries have them, over host memory that a test's driver takes for a device's."""

import ctypes
import types

import numpy as np


def aligned(shape, dtype, offset=0):
    """A NumPy array that begins so many bytes behind a multiple of 256."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.full(size + 512, 0xA5, np.uint8)
    start = -room.ctypes.data % 256 + offset
    return room[start : start + size].view(dtype).reshape(shape)


def span(a):
    """Start and size of an array's memory."""
    low, high = np.lib.array_utils.byte_bounds(a)
    return low, high - low


class Interface:
    """An array that only has __cuda_array_interface__."""

    def __init__(self, host, driver, ordinal=0, **more):
        self.host, self.more = host, more
        if driver is not None:
            driver.owns(*span(host), ordinal)

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.host.shape,
            "typestr": self.host.dtype.str,
            "data": (self.host.ctypes.data, self.more.get("read_only", False)),
            "strides": None if self.host.flags.c_contiguous else self.host.strides,
            "version": 3,
            **{k: v for k, v in self.more.items() if k != "read_only"},
        }


class WithNamespace(Interface):
    """Such an array of a library that makes new ones as the array API says."""

    def __init__(self, host, driver, ordinal=0):
        super().__init__(host, driver, ordinal)
        self.driver, self.device, self.made = driver, ordinal, []

    def __array_namespace__(self):
        def empty(shape, dtype, device):
            return WithNamespace(aligned(shape, dtype), self.driver, device)

        def zeros(shape, dtype, device):
            host = aligned(shape, dtype)
            host[...] = 0
            return WithNamespace(host, self.driver, device)

        return types.SimpleNamespace(
            empty=empty, zeros=zeros, float16="f2", float32="f4", float64="f8", uint8="u1", int64="i8"
        )


# --- DLPack -----
class Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("dims", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    )


class Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


class Old(ctypes.Structure):
    _fields_ = (("tensor", Tensor), ("context", ctypes.c_void_p), ("free", ctypes.c_void_p))


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype, new_capsule.argtypes = (
    ctypes.py_object,
    (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p),
)
NAMES = {"dltensor": b"dltensor", "dltensor_versioned": b"dltensor_versioned"}


class DLPack:
    """An array that only has __dlpack__, of version 0 or 1."""

    def __init__(self, host, ordinal=0, versioned=True, device_type=2, code=None, read_only=False):
        self.host, self.ordinal, self.versioned, self.device_type = host, ordinal, versioned, device_type
        self.code, self.read_only, self.streams = code, read_only, []

    def __dlpack_device__(self):
        return self.device_type, self.ordinal

    def __dlpack__(self, *, stream=None, **more):
        if not self.versioned and more:
            raise TypeError("unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        a = self.host
        code = self.code or {"f": 2, "i": 0, "u": 1, "b": 6}[a.dtype.kind]
        numbers = [s // a.itemsize for s in a.strides]
        self.shape, self.strides = (ctypes.c_int64 * a.ndim)(*a.shape), (ctypes.c_int64 * a.ndim)(*numbers)
        tensor = Tensor(
            a.ctypes.data - 16,
            *self.__dlpack_device__(),
            a.ndim,
            code,
            8 * a.itemsize,
            1,
            self.shape,
            self.strides if self.versioned or not a.flags.c_contiguous else None,
            16,
        )
        if self.versioned:
            self.kept = Versioned(1, 0, None, None, int(self.read_only), tensor)
            return new_capsule(ctypes.addressof(self.kept), NAMES["dltensor_versioned"], None)
        self.kept = Old(tensor, None, None)
        return new_capsule(ctypes.addressof(self.kept), NAMES["dltensor"], None)


# --- CuPy -----
class CupyArray:
    """As much of cupy.ndarray as ufloss.cuda asks for."""

    def __init__(self, host, ordinal=0):
        self.host, self.shape, self.strides, self.dtype = host, host.shape, host.strides, host.dtype
        self.data = types.SimpleNamespace(ptr=host.ctypes.data)
        self.device = types.SimpleNamespace(id=ordinal)


class Cupy(types.ModuleType):
    """A module `cupy` whose memory is the host's."""

    ndarray = CupyArray

    def __init__(self, offset=0):
        super().__init__("cupy")
        self.where, self.made, self.offset = 0, [], offset
        module = self

        class Device:
            def __init__(self, ordinal):
                self.ordinal = ordinal

            def __enter__(self):
                self.was, module.where = module.where, self.ordinal

            def __exit__(self, *_):
                module.where = self.was

        self.cuda = types.SimpleNamespace(
            Device=Device, get_current_stream=lambda device: types.SimpleNamespace(ptr=77)
        )

    def empty(self, shape, dtype):
        made = CupyArray(aligned(shape, dtype, self.offset), self.where)
        self.made.append(made)
        return made

    def zeros(self, shape, dtype):
        made = self.empty(shape, dtype)
        made.host[...] = 0
        return made

    def array(self, x, dtype=None, ordinal=0, offset=0):
        x = np.asarray(x, dtype)
        host = aligned(x.shape, x.dtype, offset)
        host[...] = x
        return CupyArray(host, ordinal)
