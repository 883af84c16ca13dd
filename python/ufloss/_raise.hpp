// Functions of Python that a call asks, and errors that are taken aside meanwhile.
#pragma once
#include <Python.h>
#include "_bind.hpp"

namespace ufloss::python {

/// f(ufunc, *args, **kwargs)
inline PyObject* ask(PyObject* f, PyObject* self, const arguments& given) {
  PyObject *tuple = PyTuple_New(given.n + 1), *kw = PyDict_New(), *result = nullptr;
  if (tuple && kw) {
    Py_INCREF(self);
    PyTuple_SetItem(tuple, 0, self);
    for (Py_ssize_t i = 0; i < given.n; ++i) {
      Py_INCREF(given.values[i]);
      PyTuple_SetItem(tuple, i + 1, given.values[i]);
    }
    bool done = true;
    for (Py_ssize_t k = 0; k < given.named(); ++k)
      done = done && PyDict_SetItem(kw, given.name(k), given.named_value(k)) == 0;
    if (done) result = PyObject_Call(f, tuple, kw);
  }
  Py_XDECREF(tuple);
  Py_XDECREF(kw);
  return result;
}

/// An error that was taken aside, to be raised again or dropped.
/// PyErr_Fetch() and its kin, since exceptions as one object came to the stable ABI with 3.12.
struct first_error {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;

  void take() { PyErr_Fetch(&type, &value, &trace); }
  void raise() {  // instead of what is raised now
    PyErr_Restore(type, value, trace);
    type = value = trace = nullptr;
  }
  ~first_error() {
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
  }
};

/// May the error that is raised be passed over?  KeyboardInterrupt, MemoryError and their like go to the
/// caller.
inline bool is_passed_over() {
  return PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError);
}

/// After a call that failed: a ValueError of what the explaining function says; where it says nothing, the
/// error that there is.
inline PyObject* raise_explained(PyObject* explain, PyObject* self, const arguments& given) {
  if (!PyErr_ExceptionMatches(PyExc_ValueError)) return nullptr;
  first_error error;
  error.take();
  PyObject* const said = ask(explain, self, given);
  if (said == Py_None || (!said && is_passed_over())) error.raise();
  else if (said) PyErr_SetObject(PyExc_ValueError, said);
  Py_XDECREF(said);
  return nullptr;
}

}  // namespace ufloss::python
