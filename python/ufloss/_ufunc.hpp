// What the binding keeps of each ufunc: names and defaults of its inputs, its twin with a mask, and the
// functions of Python that a call may need.
#pragma once
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>
#include <Python.h>
#include "_bind.hpp"
#include "dispatch.hpp"

namespace ufloss::python {

using vectorcall = PyObject* (*)(PyObject*, PyObject* const*, size_t, PyObject*);
inline vectorcall numpy_call = nullptr;  // the same function for every ufunc

struct front {
  const loss_record* record;  // whose loops it runs, and what its operands are
  PyObject* names = nullptr;
  // As long as the inputs.  Ellipsis: required; None: has a default that only the slow way can bring into
  // shape.
  PyObject* defaults = nullptr;
  // The defaults as float16, float32, float64 arrays, which NumPy takes up twice as fast as Python floats.
  PyObject* typed[3] = {};
  // What a call goes to that asks for more than NumPy's gufuncs have (a tuple of axes, where, keepdims) and
  // cannot be served here; null: never.
  PyObject* slow = nullptr;
  PyObject* masked = nullptr;     // the ufunc with a mask as its last input; null: there is none
  Py_ssize_t along_default = -1;  // the input with a default along the rows; -1: there is none
  PyObject* explain = nullptr;    // asked after a ValueError whether it knows more; null: nobody is
};

inline const PyUFuncObject* as_ufunc(PyObject* o) { return reinterpret_cast<const PyUFuncObject*>(o); }
inline PyArrayObject* as_array(PyObject* o) { return reinterpret_cast<PyArrayObject*>(o); }

/// A ufunc without legacy loops leaves `data` to us.
inline front& front_of(PyObject* ufunc) {
  return *const_cast<front*>(reinterpret_cast<const front*>(as_ufunc(ufunc)->data));
}

/// Ties a ufunc to its record, for as long as the process lives.
inline void attach(PyObject* ufunc, const loss_record* record) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  u->data = reinterpret_cast<decltype(u->data)>(new front{record});
}

inline const loss_record* record_behind(PyObject* ufunc) { return front_of(ufunc).record; }

inline parameters parameters_of(PyObject* ufunc) {
  const front& f = front_of(ufunc);
  return {as_ufunc(ufunc)->name, f.names, f.defaults, as_ufunc(ufunc)->nin};
}

/// The input that lies along the rows and has a default, which takes the shape of rows in each call; -1: none
/// does.
inline Py_ssize_t find_along_default(PyObject* ufunc, PyObject* defaults) {
  const PyUFuncObject* const u = as_ufunc(ufunc);
  for (Py_ssize_t i = 0; u->core_num_dim_ix == 1 && i < u->nin; ++i)
    if (u->core_num_dims[i] > 0 && PyTuple_GetItem(defaults, i) != Py_Ellipsis) return i;
  return -1;
}

/// The type that the inputs choose for the loop, where all that are given are plain arrays: predictions do,
/// and targets that are no integers.  NPY_NOTYPE: it is chosen otherwise.
inline int chosen_type(const front& f, const binding& b, Py_ssize_t inputs) {
  for (Py_ssize_t k = 0; k < b.named; ++k)
    if (is_word(b.names[k], "dtype") || is_word(b.names[k], "signature")) return NPY_NOTYPE;
  int chosen = NPY_HALF;
  for (Py_ssize_t i = 0; i < inputs; ++i) {
    const bool is_prediction = f.record->roles[i] == 'F';
    if (!b.values[i] && is_prediction) return NPY_NOTYPE;
    if (!b.values[i]) continue;
    if (!PyArray_CheckExact(b.values[i])) return NPY_NOTYPE;
    if (!is_prediction && f.record->roles[i] != 'T') continue;
    const int type = PyArray_TYPE(as_array(b.values[i]));
    if (type == NPY_DOUBLE || (type == NPY_FLOAT && chosen == NPY_HALF)) chosen = type;
    else if (PyTypeNum_ISINTEGER(type) || PyTypeNum_ISBOOL(type))
      chosen = is_prediction ? NPY_DOUBLE : chosen;
    else if (type != NPY_HALF && type != NPY_FLOAT) return NPY_NOTYPE;
  }
  return chosen;
}

/// The defaults as arrays of the loop's type where all given inputs are plain arrays, so that nobody else
/// gets to see them.
inline PyObject* defaults_for(const front& f, const binding& b, Py_ssize_t inputs) {
  switch (chosen_type(f, b, inputs)) {
    case NPY_HALF: return f.typed[0];
    case NPY_FLOAT: return f.typed[1];
    case NPY_DOUBLE: return f.typed[2];
    default: return f.defaults;
  }
}

/// A numpy.ma.MaskedArray, which its module need not be imported for.  Its type is asked: attributes of a
/// subclass may be code, which may raise.
inline bool is_masked(PyObject* o) {
  return PyArray_Check(o) && !PyArray_CheckExact(o) &&
         PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), "harden_mask");
}

/// NumPy would ignore the mask of such an operand: gufuncs do so, and every ufunc with that of `where`.
inline bool has_masked_input(Py_ssize_t inputs, const arguments& given) {
  for (Py_ssize_t i = 0; i < given.n && i < inputs; ++i)
    if (is_masked(given.values[i])) return true;
  for (Py_ssize_t k = 0; k < given.named(); ++k)
    if (is_masked(given.named_value(k)) && !is_word(given.name(k), "out")) return true;
  return false;
}

/// Does it handle ufuncs itself?  Subclasses of arrays, for which NumPy asks, are left to it.
inline bool may_override(PyObject* o) {
  return !PyArray_Check(o) && !PyList_Check(o) && !PyTuple_Check(o) && !PyFloat_Check(o) &&
         !PyLong_Check(o) &&
         PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), "__array_ufunc__");
}

/// A ufunc of one operand is taken for elementwise by a DataFrame of pandas, which calls it for its
/// transposed blocks: the slow way has it called for rows.
inline bool has_only_input_that_overrides(const front& f, Py_ssize_t inputs, const arguments& given) {
  if (inputs != 1) return false;
  if (given.n) return may_override(given.values[0]);
  for (Py_ssize_t k = 0; k < given.named(); ++k)
    if (PyUnicode_Compare(given.name(k), PyTuple_GetItem(f.names, 0)) == 0)
      return may_override(given.named_value(k));
  return false;
}

}  // namespace ufloss::python
