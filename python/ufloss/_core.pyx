# cython: language_level=3, freethreading_compatible=True
"""The registry of the C++ core as numpy.ufunc objects.

Each record of the chosen instruction set becomes one ufunc with loops for float16, float32 and float64 and
one promoter; everything else about a ufunc comes from NumPy.
"""
import os

import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid, PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport PTRDIFF_MAX

include "_declarations.pxi"

_import_array()
_import_umath()
VERSION = UFLOSS_VERSION.decode()      # importlib.metadata would take longer than all the rest of the import

cdef enum: MAX_OPERANDS = 12
cdef object F64 = type(descr(NPY_DOUBLE))
cdef object I64 = type(descr(NPY_INT64))
cdef object BOOL = type(descr(NPY_BOOL))
cdef tuple REAL = (type(descr(NPY_HALF)), type(descr(NPY_FLOAT)), F64)
# Roles whose type the others do not change.
cdef dict OWN_TYPE = {"I": I64, "N": I64, "B": BOOL, "D": F64}
cdef frozenset INTEGRAL = frozenset(type(np.dtype(c)) for c in "?bhilqBHILQ")
cdef tuple WEAK = (<object>PY_INT, <object>PY_FLOAT)      # Python scalars: they follow the arrays beside them
cdef list KEPT = []            # NumPy keeps pointers to names and docstrings


cdef str describe(object dtype):
    """How a user writes that type."""
    try:
        named = dtype.type not in (np.str_, np.bytes_, np.void)
        return np.dtype(dtype.type).name if named else dtype.type.__name__
    except Exception:
        return dtype.__name__


cdef int refuse_type(object ufunc, str role, object dtype) except -1:
    """Raise where an operand of that role cannot have that type."""
    name = ufunc.__name__
    if role in "IN" and (dtype is BOOL or (dtype not in INTEGRAL and dtype is not WEAK[0])):
        what = "labels" if role == "I" else "lengths and blank"
        raise TypeError(f"{name}: {what} must be integers, not {describe(dtype)}")
    if role == "B" and dtype is not BOOL:
        raise TypeError(f"{name}: where must be bool, not {describe(dtype)}")
    if dtype not in REAL and dtype not in INTEGRAL and dtype not in WEAK:
        raise TypeError(
            f"{name} does not take {describe(dtype)}: it computes in float16, float32 and float64")
    return 0


cdef int promote(object ufunc, DTypeMeta **ops, DTypeMeta **fixed, DTypeMeta **new) except -1 with gil:
    """Choose the loop's type; NumPy calls this once for each new combination of types.

    Predictions choose it, and targets where they are floating; integer predictions count as float64.
    Parameters and integer targets never widen it.  A type given by dtype= or signature= decides alone.
    """
    cdef const loss_record *record = record_behind(ufunc)
    cdef str roles = record.roles.decode()      # an output has that of a prediction
    cdef object real = None, given = None, dtype
    cdef int i
    for i in range(len(roles)):
        if fixed[i] is not NULL and roles[i] in "FT":
            real = <object><PyObject *>fixed[i]
    if real is not None and real not in REAL:
        raise TypeError(
            f"{ufunc.__name__} has no loop for {describe(real)}: it computes in float16, float32 and float64")
    for i in range(ufunc.nin):
        refuse_type(ufunc, roles[i], <object><PyObject *>ops[i])
    for i in range(ufunc.nin):
        dtype = <object><PyObject *>ops[i]
        if roles[i] not in "FT" or dtype in WEAK or (roles[i] == "T" and dtype in INTEGRAL):
            continue
        if dtype in INTEGRAL:
            dtype = F64
        if given is None:
            given = dtype
        else:
            given = common_dtype(<DTypeMeta *><PyObject *>given, <DTypeMeta *><PyObject *>dtype)
    if real is None:
        real = F64 if given is None else given
    # float16 rows with results in float32: a loop of its own, so that the rows are not copied
    cdef bint widens = (
        record.loops[float16_to_float32_loop] is not NULL and given is REAL[0] and real is REAL[1])
    for i in range(len(roles)):
        if roles[i] in OWN_TYPE:
            dtype = OWN_TYPE[roles[i]]
        elif fixed[i] is not NULL:
            dtype = <object><PyObject *>fixed[i]
        elif widens and i < ufunc.nin and roles[i] in "FTW":
            dtype = REAL[0]
        else:
            dtype = real
        Py_INCREF(dtype)
        new[i] = <DTypeMeta *><PyObject *>dtype
    return 0


cdef object type_in_loop(int loop, str role, bint is_input):
    """The type of an operand of that role in one of the loops of a record."""
    if role in OWN_TYPE:
        return OWN_TYPE[role]
    if loop == float16_to_float32_loop:
        return REAL[0] if is_input and role in "FTW" else REAL[1]
    return REAL[loop]


cdef object make(const loss_record *r, str name, str doc):
    """One ufunc from one record."""
    cdef DTypeMeta *dtypes[MAX_OPERANDS]
    cdef PyType_Slot slots[2]
    cdef Spec spec
    cdef int i, k, n = r.nin + r.nout
    cdef bytes c_name = name.encode(), c_doc = doc.encode(), types = b""
    KEPT.append((c_name, c_doc))
    ufunc = PyUFunc_FromFuncAndDataAndSignature(
        NULL, NULL, NULL, 0, r.nin, r.nout, PyUFunc_None, c_name, c_doc, 0, r.signature)
    cdef str roles = r.roles.decode()
    attach(ufunc, r)
    spec.name = c_name
    spec.nin = r.nin
    spec.nout = r.nout
    spec.casting = <Casting>NPY_NO_CASTING
    spec.flags = <Flags>NPY_METH_NO_FLOATINGPOINT_ERRORS
    if r.signature:      # a row loop gives the lock away by itself, and raises
        spec.flags = <Flags>(NPY_METH_NO_FLOATINGPOINT_ERRORS | NPY_METH_REQUIRES_PYAPI)
        prepare_rows(ufunc)
    spec.dtypes = dtypes
    spec.slots = slots
    slots[0].slot = NPY_METH_strided_loop
    slots[1].slot = 0
    slots[1].pfunc = NULL
    for k in range(loop_types):
        if <size_t>r.loops[k] == 0:
            continue
        for i in range(n):
            dtype = type_in_loop(k, roles[i], i < r.nin)
            dtypes[i] = <DTypeMeta *><PyObject *>dtype      # NumPy's types live for ever
        slots[0].pfunc = loop_of(k)
        PyUFunc_AddLoopFromSpec(ufunc, &spec)
        types += bytes([np.dtype((<object><PyObject *>dtypes[i]).type).num for i in range(n)])
    KEPT.append(types)
    show_types(ufunc, types, len(types) // n)
    PyUFunc_AddPromoter(ufunc, (np.dtype,) * n, PyCapsule_New(<void *>promote, "numpy._ufunc_promoter", NULL))
    ufunc.__module__ = "ufloss"
    ufunc.__qualname__ = name
    return ufunc


cdef dict ROLE_NAMES = {"F": "prediction", "T": "target", "P": "parameter", "I": "label", "N": "length"}
cdef list DOMAINS = [
    "real", "unit", "optional_unit", "nonnegative", "positive", "sign", "truth", "tweedie_power",
    "tweedie_target", "label"]
# In the order of the outputs.
cdef dict PARTS = {
    part_value: "value", part_grad: "grad", part_grad2: "grad2", part_grad3: "grad3", part_hess: "hess",
    part_bound: "hess_bound"}


cdef tuple part_names(unsigned parts):
    return tuple([name for bit, name in PARTS.items() if parts & bit])


cdef const loss_record *record_at(int which, tuple place):
    cdef int unit = place[0], row = place[1]
    if not 0 <= row < table(which, unit).size:
        raise IndexError("there is no such record")
    return &table(which, unit).records[row]


cdef dict describe_argument(const loss_info *info, int k):
    cdef const argument *a = &info.args[k]
    return dict(
        name=a.name.decode(), role=ROLE_NAMES[chr(<char>a.kind)], domain=DOMAINS[<int>a.place],
        doc=a.doc.decode(), default=None if a.fallback != a.fallback else a.fallback,
        dims=a.dims.decode(), along=bool(a.dims[0]), checked=bool(info.checked >> k & 1))


cdef dict describe_loss(const loss_info *info):
    """What is known of a loss without its ufuncs."""
    cdef int k
    return dict(
        name=info.name.decode(), kind=name_of(info.kind).decode(), exponent=info.exponent.decode(),
        summary=info.summary.decode(), formula=info.formula.decode(), notes=info.notes.decode(),
        source=info.source.decode(), example=info.example.decode(),
        parts=part_names(info.parts), vanishing=part_names(info.vanishing),
        convex=bool(info.properties & convex), nonnegative=bool(info.properties & nonnegative_value),
        row_value=bool(info.properties & row_value),
        dims=info.args[0].dims.decode(),  # how its operands hang together: what Python asks, not the kind
        args=[describe_argument(info, k) for k in range(info.nargs)], outputs={}, masked={})


def read_registry(int which):
    """The losses of one instruction set, family by family: dicts, with their ufuncs under "outputs" and
    "masked": attribute -> (place of the record, parts).
    """
    cdef const loss_record *r
    cdef int unit, row
    losses = {}
    for unit in range(units()):
        for row in range(table(which, unit).size):
            r = &table(which, unit).records[row]
            loss = losses.get(r.info.name)
            if loss is None:
                loss = losses[r.info.name] = describe_loss(r.info)
            ufuncs = loss["masked" if r.masked else "outputs"]
            ufuncs[r.attribute.decode()] = ((unit, row), part_names(r.parts))
    return list(losses.values())


def make_helper(int which, tuple place, str name):
    """The ufunc behind others."""
    return make(record_at(which, place), name, "")


cdef tuple typed(tuple defaults, str code):
    """Those defaults as 0-d arrays."""
    # Over immutable bytes nobody can make them writeable again: they are shared by all calls.
    def fixed(d):
        return d if d is ... or d is None else np.frombuffer(np.array(d, code).tobytes(), code).reshape(())
    return tuple([fixed(d) for d in defaults])


def make_ufunc(
        int which, tuple record, str name, str doc, tuple names, tuple defaults, slow, explain=None,
        masked=None):
    """The ufunc of one record, with named arguments (Ellipsis among the defaults: required; None: left to
    `slow`).

    `slow`, unless it is None, is called with the ufunc and its arguments where a keyword asks for what
    NumPy's gufuncs do not have, unless `masked`, the twin with a mask as its last input, can be called at
    once.
    """
    ufunc = make(record_at(which, record), name, doc)
    of_types = [typed(defaults, code) for code in "efd"]
    install(ufunc, names, defaults, of_types[0], of_types[1], of_types[2], slow, masked)
    if explain is not None:
        install_explanation(ufunc, explain)
    return ufunc


def bind(str name, tuple names, tuple defaults, tuple args, dict kwargs):
    """The inputs of a call in order, None for those not given, and what was given by position after them.

    Names of inputs are taken out of `kwargs`; a default of Ellipsis: the input is required.  `name` is that
    of the function, for the TypeError where an input is missing, given twice, or None and required.
    """
    return bind_arguments(name, names, defaults, args, kwargs)


def make_masked(int which, tuple record, str name):
    """The ufunc of a row or batch loss with a mask as its last input."""
    return make(record_at(which, record), name, "")


include "_reduce.pxi"
include "_cuda.pxi"


def make_ctc(
        int which, tuple record, str name, str doc, tuple names, tuple defaults, slow, explain, measure,
        int states):
    """The ufunc of one record of CTC; `states`: 1 or 2 where its last dimension is so many times the labels
    plus 1.
    """
    ufunc = make(record_at(which, record), name, doc)
    if states:
        derive_dimension(ufunc, states)
    if names:
        install(ufunc, names, defaults, defaults, defaults, defaults, slow, None)
        install_lengths(ufunc, explain, measure)
    return ufunc


def isa_names():
    """Instruction sets built in, lowest first, and whether this processor runs them."""
    names = [isa_name(i).decode().removeprefix("isa_").replace("x86_64_", "x86-64-") for i in range(count())]
    return {name: supported(i) for i, name in enumerate(names)}


def past_cache_from():
    """Operands of more bytes than this in all have light results stored past the cache; None: never."""
    return None if c_past_cache_from() == PTRDIFF_MAX else c_past_cache_from()


def index_of_isa(str wanted, dict names, int usual):
    """Index of the instruction set to use among isa_names(): the one that is wanted, or the usual one, which
    is negative if there is none.
    """
    if wanted and not names.get(wanted):
        usable = ", ".join(name for name, runs in names.items() if runs) or "there is none"
        raise ImportError(
            f"UFLOSS_ISA={wanted!r} is not an instruction set that this build has and this processor runs "
            f"({usable})")
    if wanted:
        return list(names).index(wanted)
    if usual < 0:
        raise ImportError(
            f"ufloss is built for {' and '.join(names)}, and this processor lacks what that needs: "
            "install a build for this processor")
    return usual


def choose_isa():
    """Index of the instruction set to use: the best, or the one that UFLOSS_ISA names."""
    return index_of_isa(os.environ.get("UFLOSS_ISA", ""), isa_names(), best())
