// Calls of CTC's ufuncs: lengths that are not given are those of the axes, so that no number stands for them.
#pragma once
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>
#include <Python.h>
#include "_bind.hpp"
#include "_raise.hpp"
#include "_ufunc.hpp"
#include "_vectorcall.hpp"

namespace ufloss::python {

/// Frames and labels of the axes that a call has, where they are not plain arrays or `axes` says which they
/// are.
inline PyObject* measure = nullptr;

/// Can it hold an integer that int64 would take for a negative one?
inline bool may_wrap(PyObject* x) {
  if (PyArray_Check(x))
    return PyArray_TYPE(as_array(x)) == NPY_ULONG || PyArray_TYPE(as_array(x)) == NPY_ULONGLONG;
  return !PyLong_Check(x) && !PyArray_IsScalar(x, SignedInteger);  // a Python int is checked by NumPy
}

/// A 0-d array of int64: no promotion, and NumPy takes it up faster than an int of Python's.
inline PyObject* new_length(npy_intp n) {
  PyObject* const a = PyArray_SimpleNew(0, nullptr, NPY_INT64);
  if (a) *static_cast<npy_int64*>(PyArray_DATA(as_array(a))) = n;
  return a;
}

/// The length of an axis counted from the end; 0 where there is none, which NumPy refuses.
inline npy_intp length_from_end(PyObject* a, int from_end) {
  const int ndim = PyArray_NDIM(as_array(a));
  return ndim >= from_end ? PyArray_DIM(as_array(a), ndim - from_end) : 0;
}

/// A call in which each of the five inputs has a value.
class call_with_lengths {
  enum : Py_ssize_t { logits, labels, logit_length, label_length, blank };

  PyObject* self_;
  binding bound_;
  PyObject* names_ = nullptr;
  PyObject* made_[2] = {};
  bool blank_may_wrap_ = false;

  PyObject*& input(Py_ssize_t i) { return bound_.values[i]; }
  arguments arguments_now() const { return {bound_.values, size_t(bound_.positional), names_}; }

  /// False: with an error set.
  bool measure_axes(npy_intp (&sizes)[2]) {
    const bool is_plain = PyArray_Check(input(logits)) && PyArray_Check(input(labels));
    if (is_plain && !arguments_now().has("axes")) {
      sizes[0] = length_from_end(input(logits), 2);
      sizes[1] = length_from_end(input(labels), 1);
      return true;
    }
    PyObject* const found = ask(measure, self_, arguments_now());
    if (!found) return false;
    for (int i = 0; i < 2; ++i) sizes[i] = PyLong_AsSsize_t(PyTuple_GetItem(found, i));
    Py_DECREF(found);
    return !PyErr_Occurred();
  }

  /// What it makes is dropped with the call.
  bool fill_lengths() {
    // Of frames and of labels.
    npy_intp sizes[2] = {};
    if (!measure_axes(sizes)) return false;
    for (int i = 0; i < 2; ++i) {
      if (input(logit_length + i) != Py_None) continue;
      if (!(made_[i] = new_length(sizes[i]))) return false;
      input(logit_length + i) = made_[i];
    }
    return true;
  }

 public:
  explicit call_with_lengths(PyObject* self) : self_(self) {}
  call_with_lengths(const call_with_lengths&) = delete;
  call_with_lengths& operator=(const call_with_lengths&) = delete;
  ~call_with_lengths() {
    Py_XDECREF(names_);
    for (PyObject* const o : made_) Py_XDECREF(o);
  }

  /// False: with an error set.
  bool place(const arguments& given) {
    if (!bound_.place(given, parameters_of(self_))) return false;
    names_ = bound_.make_names(given.names);
    return names_ || !bound_.named;
  }

  /// Are there logits and labels to measure?  None is no array.
  bool has_arrays() {
    for (const Py_ssize_t i : {logits, labels})
      if (!input(i) || input(i) == Py_None) return false;
    return true;
  }

  /// False: with an error set.
  bool fill() {
    const bool has_blank = input(blank) && input(blank) != Py_None;
    blank_may_wrap_ = has_blank && may_wrap(input(blank));
    // Borrowed from the front, which lives as long as the ufunc.
    if (!has_blank) input(blank) = PyTuple_GetItem(front_of(self_).defaults, blank);
    bool all = true;
    for (const Py_ssize_t i : {logit_length, label_length}) {
      if (!input(i)) input(i) = Py_None;
      all = all && input(i) != Py_None;
    }
    return all || fill_lengths();
  }

  /// A blank beyond int64 would count from the last class, and is refused before the call.
  bool refuse_blank() {
    if (!blank_may_wrap_) return true;
    PyObject* const said = ask(front_of(self_).explain, self_, arguments_now());
    const bool goes_on =
        said == Py_None || (!said && is_passed_over());  // the call itself says what is wrong
    if (said && said != Py_None) PyErr_SetObject(PyExc_ValueError, said);
    Py_XDECREF(said);
    if (goes_on) PyErr_Clear();
    return goes_on;
  }

  /// The call itself; of a ValueError Python is asked whether it can name the sequence.
  PyObject* invoke() {
    const arguments now = arguments_now();
    PyObject* const result = call(self_, now.values, size_t(now.n), now.names);
    return result ? result : raise_explained(front_of(self_).explain, self_, now);
  }
};

/// What stands for the vectorcall of such a ufunc.
inline PyObject* call_measured(PyObject* self, PyObject* const* values, size_t nargsf, PyObject* names) {
  call_with_lengths c(self);
  if (!c.place({values, nargsf, names})) return nullptr;
  if (!c.has_arrays()) return call(self, values, nargsf, names);  // which says so
  return c.fill() && c.refuse_blank() ? c.invoke() : nullptr;
}

/// Lets lengths be left out: `measuring` finds those of axes that are not plain; `function` says more of a
/// call that failed.
inline void install_lengths(PyObject* ufunc, PyObject* function, PyObject* measuring) {
  install_explanation(ufunc, function);
  Py_INCREF(measuring);
  Py_XDECREF(measure);
  measure = measuring;
  set_call(ufunc, call_measured);
}

}  // namespace ufloss::python
