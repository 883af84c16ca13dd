"""NVIDIA's driver and run-time compiler through cuda-bindings, found at first use.

The rest of ufloss.cuda knows of CUDA only what `Driver` and `Compiler` have as methods, so that tests can put
others in their places.
"""

import threading

from ._errors import CudaError, unavailable

# Of the plan's `device`, in its order.
FACTS = (
    "MULTIPROCESSOR_COUNT",
    "COMPUTE_CAPABILITY_MAJOR",
    "COMPUTE_CAPABILITY_MINOR",
    "MAX_THREADS_PER_MULTIPROCESSOR",
    "MAX_REGISTERS_PER_MULTIPROCESSOR",
    "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN",
    "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR",
)
OLDEST = (7, 5)  # the least compute capability that the compilers of CUDA 13 know


class Driver:
    """Devices, modules, launches.

    Handles are integers or objects that only this class looks into.  Every method but ordinal_of() works in
    the context that activate() made current.
    """

    def __init__(self):
        try:
            from cuda.bindings import driver
        except ImportError as error:
            raise unavailable(f"cuda-bindings cannot be imported ({error})") from error
        self.cu = driver
        self.contexts, self.lock = {}, threading.Lock()
        try:
            status = driver.cuInit(0)[0]
        except RuntimeError as error:  # cuda-pathfinder's: the library is not there
            raise unavailable(f"there is no NVIDIA driver ({str(error).splitlines()[0]})") from error
        if status:
            raise unavailable(f"the driver does not start: {self.describe(status)}")
        if not self.ask("counting devices", driver.cuDeviceGetCount()):
            raise unavailable("the driver knows no GPU")

    def describe(self, status):
        """An error's name and what NVIDIA says of it."""
        try:
            name, text = self.cu.cuGetErrorName(status)[1], self.cu.cuGetErrorString(status)[1]
            return f"{name.decode()}, {text.decode()}"
        except Exception:
            return str(status)

    def ask(self, doing, answer):
        """The results of a call to the driver; what it refuses is an error that says what was being done."""
        status, *results = answer
        if status:
            if status == self.cu.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
                raise MemoryError(f"ufloss.cuda: out of memory of the device, while {doing}")
            raise CudaError(f"ufloss.cuda: {doing} failed: {self.describe(status)}")
        return results[0] if len(results) == 1 else results or None

    # --- devices -----
    def facts(self, ordinal):
        """What a plan asks of a device."""
        handle = self.ask("looking for the device", self.cu.cuDeviceGet(ordinal))
        attributes = self.cu.CUdevice_attribute
        found = [
            self.ask(
                "asking the device",
                self.cu.cuDeviceGetAttribute(getattr(attributes, f"CU_DEVICE_ATTRIBUTE_{name}"), handle),
            )
            for name in FACTS
        ]
        if tuple(found[1:3]) < OLDEST:
            raise unavailable(
                f"device {ordinal} has compute capability {found[1]}.{found[2]}, older than 7.5"
            )
        return tuple(found)

    def activate(self, ordinal):
        """Makes the device's primary context current; what restore() takes, None where it was."""
        context = self.contexts.get(ordinal)
        if context is None:
            context = self.retain(ordinal)
        if int(self.ask("asking for the context", self.cu.cuCtxGetCurrent())) == context[0]:
            return None
        self.ask("changing the context", self.cu.cuCtxPushCurrent(context[1]))
        return context

    def retain(self, ordinal):
        """The primary context, which the caller's library uses too; kept until the process ends."""
        with self.lock:
            if ordinal not in self.contexts:
                handle = self.ask("looking for the device", self.cu.cuDeviceGet(ordinal))
                made = self.ask("making a context", self.cu.cuDevicePrimaryCtxRetain(handle))
                self.contexts[ordinal] = int(made), made
            return self.contexts[ordinal]

    def restore(self, was):
        if was is not None:
            self.ask("changing the context back", self.cu.cuCtxPopCurrent())

    def current_ordinal(self):
        """The device that this thread works with."""
        if int(self.ask("asking for the context", self.cu.cuCtxGetCurrent())) == 0:
            return 0
        return int(self.ask("asking for the device", self.cu.cuCtxGetDevice()))

    def ordinal_of(self, address):
        """The device that has that memory; None: it is no memory of a device."""
        which = self.cu.CUpointer_attribute
        status, kind = self.cu.cuPointerGetAttribute(which.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address)
        if status or int(kind) == int(self.cu.CUmemorytype.CU_MEMORYTYPE_HOST):
            return None
        status, ordinal = self.cu.cuPointerGetAttribute(which.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, address)
        return None if status else int(ordinal)

    # --- kernels -----
    def load(self, image):
        """A kernel's module."""
        status, module = self.cu.cuModuleLoadData(image)
        results = self.cu.CUresult
        if status in (
            results.CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
            results.CUDA_ERROR_NO_BINARY_FOR_GPU,
            results.CUDA_ERROR_INVALID_IMAGE,
        ):
            newest = self.ask("asking for the version", self.cu.cuDriverGetVersion())
            raise CudaError(
                f"ufloss.cuda: the driver does not take the kernel ({self.describe(status)}): it is of CUDA "
                f"{newest // 1000}.{newest % 1000 // 10}, and the compiler may be newer; install "
                f"ufloss[cuda{newest // 1000}], or a newer driver"
            )
        return self.ask("loading a kernel", (status, module))

    def function(self, module, name, shared):
        """A kernel that may use so many bytes of dynamic shared memory."""
        found = self.ask("looking for a kernel", self.cu.cuModuleGetFunction(module, name.encode()))
        if shared > 48 * 1024:
            attribute = self.cu.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            self.ask("asking for shared memory", self.cu.cuFuncSetAttribute(found, attribute, shared))
        return found

    def blocks_at_once(self, function, threads, shared):
        """How many blocks a multiprocessor holds."""
        answer = self.cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(function, threads, shared)
        return self.ask("asking for the occupancy", answer)

    def launch(self, function, grid, block, shared, stream, arguments, cluster):
        """Hands a kernel to the stream; does not wait."""
        if cluster == 1:
            status = self.cu.cuLaunchKernel(function, *grid, *block, shared, stream, arguments, 0)
        else:
            status = self.cu.cuLaunchKernelEx(
                self.configure(grid, block, shared, stream, cluster), function, arguments, 0
            )
        if status[0]:
            self.ask("launching a kernel", status)

    def configure(self, grid, block, shared, stream, cluster):
        """A launch in clusters."""
        config, attribute = self.cu.CUlaunchConfig(), self.cu.CUlaunchAttribute()
        config.gridDimX, config.gridDimY, config.gridDimZ = grid
        config.blockDimX, config.blockDimY, config.blockDimZ = block
        config.sharedMemBytes, config.hStream = shared, self.cu.CUstream(stream)
        attribute.id = self.cu.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION
        value = attribute.value
        dims = value.clusterDim
        dims.x, dims.y, dims.z = cluster, 1, 1
        value.clusterDim = dims
        config.attrs, config.numAttrs = [attribute], 1
        return config

    # --- streams -----
    def order(self, first, then):
        """What comes on the stream `then` from now on waits for what is on the stream `first`."""
        if first == then:
            return
        flag = int(self.cu.CUevent_flags.CU_EVENT_DISABLE_TIMING)
        event = self.ask("making an event", self.cu.cuEventCreate(flag))
        try:
            self.ask("ordering streams", self.cu.cuEventRecord(event, first))
            self.ask("ordering streams", self.cu.cuStreamWaitEvent(then, event, 0))
        finally:
            self.cu.cuEventDestroy(event)

    def synchronize(self, stream):
        """Waits for a stream; what its kernels did wrong is an error here."""
        self.ask("waiting for the stream", self.cu.cuStreamSynchronize(stream))

    def read(self, address, size, stream):
        """Bytes of device memory, after what is on the stream."""
        to = bytearray(size)
        self.ask("reading memory", self.cu.cuMemcpyDtoHAsync(to, address, size, stream))
        self.synchronize(stream)
        return bytes(to)


class Compiler:
    """NVRTC, which works without a driver."""

    def __init__(self):
        try:
            from cuda.bindings import nvrtc
        except ImportError as error:
            raise unavailable(f"cuda-bindings cannot be imported ({error})") from error
        self.rtc = nvrtc
        try:
            status, *version = nvrtc.nvrtcVersion()
        except RuntimeError as error:
            raise unavailable(f"NVRTC is not there ({str(error).splitlines()[0]})") from error
        if status:
            raise unavailable(f"NVRTC does not start: {status}")
        self.version = tuple(version)
        self.known = tuple(nvrtc.nvrtcGetSupportedArchs()[1])

    def architecture(self, major, minor):
        """What to compile for: the card's own instructions, or an older intermediate form, which the driver
        of a card that is newer than the compiler translates.
        """
        wanted = 10 * major + minor
        if wanted in self.known:
            return f"sm_{wanted}"
        older = [arch for arch in self.known if arch < wanted]
        if not older:
            raise CudaError(
                f"ufloss.cuda: NVRTC {self.version[0]}.{self.version[1]} does not compile for compute "
                f"capability {major}.{minor}; install ufloss[cuda12]"
            )
        return f"compute_{max(older)}"

    def compile(self, source, headers, options):
        """What Driver.load takes, of one text; `headers` are texts by the names of their includes."""
        rtc = self.rtc
        names = [name.encode() for name in headers]
        texts = [text.encode() for text in headers.values()]
        status, program = rtc.nvrtcCreateProgram(source.encode(), b"ufloss.cu", len(names), texts, names)
        if status:
            raise CudaError(f"ufloss.cuda: NVRTC takes no program: {status}")
        try:
            status = rtc.nvrtcCompileProgram(program, len(options), [o.encode() for o in options])[0]
            if status:
                size = rtc.nvrtcGetProgramLogSize(program)[1]
                log = bytes(size) or b" "
                rtc.nvrtcGetProgramLog(program, log)
                text = log.decode(errors="replace").rstrip("\0")[:2000]
                raise CudaError(f"ufloss.cuda: a kernel does not compile: {status}\n{source}\n{text}")
            intermediate = any("=compute_" in option for option in options)
            size_of, get = (
                (rtc.nvrtcGetPTXSize, rtc.nvrtcGetPTX)
                if intermediate
                else (rtc.nvrtcGetCUBINSize, rtc.nvrtcGetCUBIN)
            )
            image = bytearray(size_of(program)[1])
            get(program, image)
            return bytes(image)
        finally:
            rtc.nvrtcDestroyProgram(program)


class Once:
    """Made at first use, by one thread; a failure is not kept."""

    def __init__(self, make):
        self.make, self.made, self.lock = make, None, threading.Lock()

    def __call__(self):
        if self.made is None:
            with self.lock:
                if self.made is None:
                    self.made = self.make()
        return self.made


driver, compiler = Once(Driver), Once(Compiler)
