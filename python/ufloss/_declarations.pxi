# What _core.pyx knows of C++ and of NumPy.
cdef extern from "dispatch.hpp" namespace "ufloss" nogil:
    enum: float16_to_float32_loop, loop_types
    enum: part_value, part_grad, part_grad2, part_grad3, part_hess, part_bound
    enum: convex, nonnegative_value, row_value
    enum class role(char):
        pass
    enum class domain(int):
        pass
    enum class loss_kind(int):
        pass
    const char *name_of(loss_kind)
    ctypedef struct argument:
        const char *name
        role kind
        domain place "in"
        double fallback
        const char *doc
        const char *dims
    ctypedef struct loss_info:
        const char *name
        loss_kind kind
        const argument *args
        int nargs
        unsigned parts, vanishing, properties, checked
        const char *exponent
        const char *summary
        const char *formula
        const char *notes
        const char *source
        const char *example
        const char *family
    ctypedef struct loss_record:
        const loss_info *info
        const char *attribute
        int nin, nout
        unsigned parts
        void *loops[loop_types]
        const char *signature
        bint masked
        const char *roles
    ctypedef struct kernel_table:
        const char *isa
        const loss_record *records
        int size

cdef extern from "dispatch.hpp" namespace "ufloss::dispatch" nogil:
    int count()
    int units()
    const kernel_table &table(int, int)
    const char *isa_name "ufloss::dispatch::name"(int)
    bint supported(int)
    int best()
    ptrdiff_t c_past_cache_from "ufloss::dispatch::past_cache_from"()

cdef extern from *:
    """
    #include <numpy/arrayobject.h>
    #include <numpy/dtype_api.h>
    #include "_vectorcall.hpp"
    #include "_host.hpp"
    #include "_reduce.hpp"
    #include "_lengths.hpp"
    """
    ctypedef struct DTypeMeta "PyArray_DTypeMeta"
    ctypedef int Flags "NPY_ARRAYMETHOD_FLAGS"
    ctypedef int Casting "NPY_CASTING"
    ctypedef struct PyType_Slot:
        int slot
        void *pfunc
    ctypedef struct Spec "PyArrayMethod_Spec":
        const char *name
        int nin, nout
        Casting casting
        Flags flags
        DTypeMeta **dtypes
        PyType_Slot *slots
    enum: NPY_METH_strided_loop, NPY_METH_NO_FLOATINGPOINT_ERRORS, NPY_METH_REQUIRES_PYAPI
    enum: NPY_NO_CASTING, PyUFunc_None
    enum: NPY_HALF, NPY_FLOAT, NPY_DOUBLE, NPY_INT64, NPY_BOOL
    object PyUFunc_FromFuncAndDataAndSignature(
        void *, void *, const char *, int, int, int, int, const char *, const char *, int, const char *)
    int PyUFunc_AddLoopFromSpec(object, Spec *) except -1
    int PyUFunc_AddPromoter(object, object, object) except -1
    object descr "(PyObject*)PyArray_DescrFromType"(int)
    PyObject *PY_INT "(PyObject*)&PyArray_PyLongDType"
    PyObject *PY_FLOAT "(PyObject*)&PyArray_PyFloatDType"
    object common_dtype "(PyObject*)PyArray_CommonDType"(DTypeMeta *, DTypeMeta *)
    int _import_array() except -1
    int _import_umath() except -1
    const char *UFLOSS_VERSION
    void install "ufloss::python::install"(object, object, object, object, object, object, object, object)
    void show_types "ufloss::python::show_types"(object, const char *, int)
    void prepare_rows "ufloss::python::prepare_rows"(object)
    void attach "ufloss::python::attach"(object, const loss_record *)
    const loss_record *record_behind "ufloss::python::record_behind"(object)
    void *loop_of "ufloss::python::loop_of"(int)
    void derive_dimension "ufloss::python::derive_dimension"(object, int)
    void install_explanation "ufloss::python::install_explanation"(object, object)
    void install_lengths "ufloss::python::install_lengths"(object, object, object)
    object bind_arguments "ufloss::python::bind_arguments"(str, tuple, tuple, tuple, dict)
