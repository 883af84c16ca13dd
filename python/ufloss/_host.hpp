// What row loops ask of Python: to let other threads run during long work, and to raise.  And what NumPy must know of their outputs.
#pragma once
#include <Python.h>
#include <numpy/dtype_api.h>
#include <numpy/ufuncobject.h>
#include "dispatch.hpp"

namespace ufloss::python {

inline void* release() { return PyEval_SaveThread(); }
inline void restore(void* thread) { PyEval_RestoreThread(static_cast<PyThreadState*>(thread)); }
inline void fail(void*, const char* loss, long long label, std::ptrdiff_t classes) {
  if (classes == 0) PyErr_Format(PyExc_ValueError, "%s: the class axis is empty", loss);
  else PyErr_Format(PyExc_ValueError, "%s: label %lld is out of range for %zd classes", loss, label, classes);
}
inline void connect() { dispatch::host_calls() = {release, restore, fail}; }

/// By default NumPy lets an output that is exactly an input share its memory; row loops read a row again after they began to write it.
inline void prepare_rows(PyObject* ufunc) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  for (int i = u->nin; i < u->nargs; ++i)
    u->op_flags[i] = NPY_ITER_WRITEONLY | NPY_ITER_UPDATEIFCOPY | NPY_ITER_ALIGNED | NPY_ITER_ALLOCATE | NPY_ITER_NO_BROADCAST | NPY_ITER_NO_SUBTYPE;
}

}  // namespace ufloss::python
