# Plans of kernels, as C++ makes them: what ufloss.cuda asks.

from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from libcpp cimport bool as cpp_bool
from libcpp.string cimport string
from libcpp.vector cimport vector

cdef extern from "ufloss/cuda/answers.hpp" namespace "ufloss::gpu" nogil:
    enum class element(int):
        pass
    int element_types
    const char *name_of_element "ufloss::gpu::name_of"(element)
    int size_of_element "ufloss::gpu::size_of"(element)
    const char *entry_name
    ctypedef struct device:
        int multiprocessors, major, minor
        int threads_per_multiprocessor, registers_per_multiprocessor
        long long shared_per_block, shared_per_multiprocessor
    cppclass call_array:
        element type
        vector[long long] shape
        vector[long long] strides
        long long address
        cpp_bool is_number
        double value
    cppclass call:
        const loss_info *loss
        const char *attribute
        unsigned parts
        int results
        vector[call_array] inputs
        vector[call_array] mask
        vector[call_array] outputs
        cpp_bool all_axes
        vector[int] axes
        cpp_bool keepdims
    cppclass word:
        long long bits
        int base
    cppclass launch:
        string kernel
        unsigned grid[3]
        unsigned block[3]
        unsigned cluster
        unsigned shared
        cpp_bool any_grid
        vector[word] words
    cppclass plan:
        vector[launch] launches
        long long workspace
    cppclass output_of_answer "ufloss::gpu::answer::output":
        element type
        vector[long long] shape
    cppclass answer:
        vector[output_of_answer] outputs
        cpp_bool leaves_gaps, in_place
        plan work
        plan labels_check
        long long classes
    answer answer_of(const call &, const device &) except +
    string source_of(const launch &) except +
    int no_base, workspace_base

cdef extern from "ufloss/cuda/labels_plan.hpp" namespace "ufloss::gpu" nogil:
    cppclass labels_call:
        const loss_info *loss
        vector[long long] rows
        const call_array *labels
        int labels_place
        const call_array *mask
        int mask_place
        vector[long long] mask_steps
        long long mask_length, mask_step
        long long classes
    plan plan_labels(const labels_call &) except +

ELEMENTS = tuple([name_of_element(<element>k).decode() for k in range(element_types)])
ELEMENT_SIZES = tuple([size_of_element(<element>k) for k in range(element_types)])
ENTRY_NAME = entry_name.decode()


cdef int read_array(call_array &to, object given) except -1:
    """A number, or (index in ELEMENTS, shape, strides in bytes, address)."""
    if isinstance(given, float):
        to.is_number = True
        to.value = given
        return 0
    kind, shape, strides, address = given
    to.type = <element><int>kind
    to.shape = shape
    to.strides = strides
    to.address = address
    return 0


cdef class Launches:
    """Kernels in their order on one stream."""
    cdef plan held

    @property
    def workspace(self):
        """Bytes of device memory, aligned to 256, that they share."""
        return self.held.workspace

    def __len__(self):
        return <Py_ssize_t>self.held.launches.size()

    def describe(self, size_t k):
        """What a driver must know of a launch before it has addresses."""
        if k >= self.held.launches.size():
            raise IndexError(k)
        cdef const launch *l = &self.held.launches[k]
        return dict(
            kernel=l.kernel.decode(), source=source_of(l[0]).decode(),
            grid=(l.grid[0], l.grid[1], l.grid[2]), block=(l.block[0], l.block[1], l.block[2]),
            cluster=l.cluster, shared=l.shared, any_grid=bool(l.any_grid))

    def arguments(self, size_t k, tuple addresses, long long workspace=0):
        """The kernel's parameters as a driver takes them: an array of one pointer, to the words that stand
        behind it.
        """
        if k >= self.held.launches.size():
            raise IndexError(k)
        cdef const launch *l = &self.held.launches[k]
        cdef size_t n = l.words.size(), i
        cdef Py_ssize_t count = len(addresses)
        cdef bytes packed = PyBytes_FromStringAndSize(NULL, 8 * (n + 1))
        cdef long long *to = <long long *>PyBytes_AsString(packed)
        cdef int base
        to[0] = <long long>(to + 1)
        for i in range(n):
            base = l.words[i].base
            to[i + 1] = l.words[i].bits
            if base >= 0:
                if base >= count:
                    raise ValueError(f"there is no address of operand {base}")
                to[i + 1] += <long long>addresses[base]
            elif base == workspace_base:
                to[i + 1] += workspace
        return packed


cdef Launches launches_of(const plan &held):
    cdef Launches made = Launches.__new__(Launches)
    made.held = held
    return made


def cuda_answer(
        int which, tuple record, inputs, mask, outputs, axes, bint keepdims, tuple device_facts):
    """How the kernels answer a call of that record: (outputs, leaves_gaps, in_place, work, labels_check,
    classes), the outputs as (index in ELEMENTS, shape).

    Inputs, mask (or None) and outputs (or None: new ones, in C order and aligned) are as read_array() takes
    them; axes None: the kind's own, (): all.
    """
    cdef const loss_record *r = record_at(which, record)
    cdef call asked
    cdef device on
    cdef size_t k
    asked.loss = r.info
    asked.attribute, asked.parts, asked.results = r.attribute, r.parts, r.nout
    asked.inputs.resize(len(inputs))
    for k in range(asked.inputs.size()):
        read_array(asked.inputs[k], inputs[k])
    if mask is not None:
        asked.mask.resize(1)
        read_array(asked.mask[0], mask)
    if outputs is not None:
        asked.outputs.resize(len(outputs))
        for k in range(asked.outputs.size()):
            read_array(asked.outputs[k], outputs[k])
    asked.all_axes = axes is not None and len(axes) == 0
    if axes is not None:
        asked.axes = axes
    asked.keepdims = keepdims
    (on.multiprocessors, on.major, on.minor, on.threads_per_multiprocessor, on.registers_per_multiprocessor,
     on.shared_per_block, on.shared_per_multiprocessor) = device_facts
    cdef answer found = answer_of(asked, on)
    wanted = []
    for k in range(found.outputs.size()):
        wanted.append((<int>found.outputs[k].type, tuple(found.outputs[k].shape)))
    return (
        tuple(wanted), bool(found.leaves_gaps), bool(found.in_place), launches_of(found.work),
        launches_of(found.labels_check), found.classes)


def cuda_labels_plan(labels, tuple rows, mask, long long classes, int place=0):
    """The search for a label that is no class by itself, for tests: labels as read_array() takes them, the
    first address (or that at `place`); of a mask, the second one, (steps of rows, length, step) in bytes.
    """
    cdef call_array given, of_mask
    cdef labels_call asked
    read_array(given, labels)
    asked.loss = record_at(0, (0, 0)).info
    asked.rows, asked.labels, asked.labels_place, asked.classes = rows, &given, place, classes
    asked.mask_place, asked.mask_length, asked.mask_step = 1, 1, 0
    if mask is not None:
        asked.mask = &of_mask
        asked.mask_steps, asked.mask_length, asked.mask_step = mask
    return launches_of(plan_labels(asked))


# --- arrays of other libraries -----
cdef extern from *:
    """
    // DLPack's ABI, versions 0 and 1, as its specification describes it.
    #include <cstdint>
    namespace ufloss { namespace python { namespace dlpack {
    struct device { std::int32_t type, id; };
    struct data_type { std::uint8_t code, bits; std::uint16_t lanes; };
    struct tensor {
      void* data;
      device on;
      std::int32_t dims;
      data_type type;
      std::int64_t* shape;
      std::int64_t* strides;
      std::uint64_t offset;
    };
    struct managed { tensor held; void* context; void (*free)(managed*); };
    struct versioned {
      std::uint32_t major, minor;
      void* context;
      void (*free)(versioned*);
      std::uint64_t flags;
      tensor held;
    };
    } } }
    """
    ctypedef struct dl_device "ufloss::python::dlpack::device":
        int type, id
    ctypedef struct dl_type "ufloss::python::dlpack::data_type":
        unsigned char code, bits
        unsigned short lanes
    ctypedef struct dl_tensor "ufloss::python::dlpack::tensor":
        void *data
        dl_device where "on"
        int dims
        dl_type type
        long long *shape
        long long *strides
        unsigned long long offset
    ctypedef struct dl_managed "ufloss::python::dlpack::managed":
        dl_tensor held
    ctypedef struct dl_versioned "ufloss::python::dlpack::versioned":
        unsigned major
        unsigned long long flags
        dl_tensor held


def read_dlpack(capsule):
    """What a capsule of __dlpack__ says: (type code, bits, lanes, device type, device, shape, strides in
    numbers or None, address, read-only).

    The capsule keeps its array alive, and frees it when it goes.
    """
    cdef dl_tensor *t
    cdef bint read_only = False
    cdef dl_versioned *v
    if PyCapsule_IsValid(capsule, "dltensor_versioned"):
        v = <dl_versioned *>PyCapsule_GetPointer(capsule, "dltensor_versioned")
        if v.major != 1:
            raise BufferError(f"DLPack {v.major} is not known")
        t, read_only = &v.held, v.flags & 1
    else:
        t = &(<dl_managed *>PyCapsule_GetPointer(capsule, "dltensor")).held
    strides = None if t.strides is NULL else tuple([t.strides[i] for i in range(t.dims)])
    return (
        t.type.code, t.type.bits, t.type.lanes, t.where.type, t.where.id,
        tuple([t.shape[i] for i in range(t.dims)]), strides, <size_t>t.data + t.offset, read_only)


def count_outputs(int which, tuple record):
    """How many results a record has."""
    return record_at(which, record).nout
