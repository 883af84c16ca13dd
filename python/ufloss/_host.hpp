// What row loops ask of Python: to let other threads run during long work, and to raise.  And what NumPy must know of their outputs.
#pragma once
#include <Python.h>
#include <numpy/arrayobject.h>
#include <numpy/dtype_api.h>
#include <numpy/ufuncobject.h>
#include "_vectorcall.hpp"
#include "dispatch.hpp"
#include "line.hpp"

namespace ufloss::python {

inline void* release() { return PyEval_SaveThread(); }
inline void restore(void* thread) { PyEval_RestoreThread(static_cast<PyThreadState*>(thread)); }
inline void fail(void*, const char* loss, long long label, std::ptrdiff_t classes) {
  if (classes == 0) PyErr_Format(PyExc_ValueError, "%s: the class axis is empty", loss);
  else PyErr_Format(PyExc_ValueError, "%s: label %lld is out of range for %zd classes", loss, label, classes);
}
inline void fail_sequence(void*, const char* loss, int fault, long long value, long long limit) {
  static const char* const format[] = {nullptr, "%s: label %lld is out of range for %lld classes", "%s: label %lld is the blank", "%s: blank %lld is out of range for %lld classes",
                                       "%s: logit_length %lld is out of range for %lld frames", "%s: label_length %lld is out of range for %lld labels"};
  if (fault == 0) PyErr_NoMemory();
  else PyErr_Format(PyExc_ValueError, format[fault], loss, value, limit);
}
inline void connect() { dispatch::host_calls() = {release, restore, fail, fail_sequence}; }

/// By default NumPy lets an output that is exactly an input share its memory; row loops read a row again after they began to write it.
inline void prepare_rows(PyObject* ufunc) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  for (int i = u->nin; i < u->nargs; ++i)
    u->op_flags[i] = NPY_ITER_WRITEONLY | NPY_ITER_UPDATEIFCOPY | NPY_ITER_ALIGNED | NPY_ITER_ALLOCATE | NPY_ITER_NO_BROADCAST | NPY_ITER_NO_SUBTYPE;
}

inline char* start(PyObject* array) { return array == Py_None ? nullptr : PyArray_BYTES(reinterpret_cast<PyArrayObject*>(array)); }
/// A loss added up along a line.
inline void run_line(const loss_record* sum, const loss_record* loss, int type, line* l, double* total, double* weight) {
  l->loop = loss->loops[type == float16_loop ? float32_loop : type];
  char* const results[] = {reinterpret_cast<char*>(total), reinterpret_cast<char*>(weight)};
  sum->loops[type](l, results, nullptr, nullptr, nullptr);
}

/// Core dimensions that follow from n, the third: the last one is p = n + 1 or s = 2 n + 1.
template <int Factor> int set_dimension(PyUFuncObject* u, npy_intp* sizes) {
  const int at = u->core_num_dim_ix - 1, labels = 2;
  const npy_intp wanted = Factor * sizes[labels] + 1;
  if (sizes[at] == -1) sizes[at] = wanted;
  else if (sizes[at] != wanted) {
    PyErr_Format(PyExc_ValueError, "%s: an output has %zd states on its last axis, not %zd", u->name, Py_ssize_t(sizes[at]), Py_ssize_t(wanted));
    return -1;
  }
  return 0;
}
inline void derive_dimension(PyObject* ufunc, int factor) {
  reinterpret_cast<PyUFuncObject*>(ufunc)->process_core_dims_func = factor == 1 ? set_dimension<1> : set_dimension<2>;
}

/// After a failed call Python is asked to say more: a loop sees a slice of the batch, and cannot name the item.
inline PyObject* explain = nullptr;
inline PyObject* call_explained(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  const auto* u = reinterpret_cast<const PyUFuncObject*>(self);
  const auto& f = *reinterpret_cast<const front*>(u->data);
  const Py_ssize_t n = Py_ssize_t(nargsf & (~size_t(0) >> 1)), nkw = kwnames ? PyTuple_Size(kwnames) : 0;
  PyObject* filled[2 * NPY_MAXARGS];                // None is a default
  for (Py_ssize_t i = 0; i < n + nkw && n + nkw <= 2 * NPY_MAXARGS; ++i) {
    const Py_ssize_t input = i < n ? i : find_name(f, u->nin, PyTuple_GetItem(kwnames, i - n));
    const bool absent = args[i] == Py_None && input >= 0 && input < u->nin && PyTuple_GetItem(f.defaults, input) != Py_Ellipsis;
    filled[i] = absent ? PyTuple_GetItem(f.defaults, input) : args[i];
    if (i == n + nkw - 1) { args = filled; nargsf = size_t(n); }
  }
  PyObject* result = call(self, args, nargsf, kwnames);
  if (result || !PyErr_ExceptionMatches(PyExc_ValueError)) return result;
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyObject *tuple = PyTuple_New(n + 1), *kw = PyDict_New(), *said = nullptr;
  if (tuple && kw) {
    Py_INCREF(self);
    PyTuple_SetItem(tuple, 0, self);
    for (Py_ssize_t i = 0; i < n; ++i) { Py_INCREF(args[i]); PyTuple_SetItem(tuple, i + 1, args[i]); }
    bool done = true;
    for (Py_ssize_t k = 0; k < nkw; ++k) done &= PyDict_SetItem(kw, PyTuple_GetItem(kwnames, k), args[n + k]) == 0;
    if (done) said = PyObject_Call(explain, tuple, kw);
  }
  Py_XDECREF(tuple);
  Py_XDECREF(kw);
  if (said == Py_None || !said) {                   // nothing to add
    if (!said) PyErr_Clear();
    PyErr_Restore(type, value, trace);
  } else {
    PyErr_SetObject(PyExc_ValueError, said);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
  }
  Py_XDECREF(said);
  return nullptr;
}
inline void install_explanation(PyObject* ufunc, PyObject* function) {
  Py_INCREF(function);
  Py_XDECREF(explain);
  explain = function;
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  u->vectorcall = reinterpret_cast<decltype(u->vectorcall)>(call_explained);
}

}  // namespace ufloss::python
