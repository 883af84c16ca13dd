// The ways a call of a ufunc may go: each ufunc object's own vectorcall pointer is replaced by one that puts
// its arguments in order and hands them to NumPy's.  A call with every input by position and no name of ours
// goes through untouched; what NumPy's gufuncs lack is served in _rows.hpp, or by Python.
#pragma once
#include <numpy/ndarraytypes.h>
#include <numpy/ufuncobject.h>
#include <Python.h>
#include <initializer_list>
#include "_bind.hpp"
#include "_raise.hpp"
#include "_rows.hpp"
#include "_ufunc.hpp"
#include "ufloss/config.hpp"

namespace ufloss::python {

/// Does a keyword ask for what NumPy's gufuncs lack?  One axis they have.
inline bool is_special(PyObject* key, PyObject* value) {
  if (is_word(key, "axis")) return !PyLong_Check(value);
  return is_word(key, "where") || is_word(key, "keepdims");
}

/// where=True and keepdims=False ask for nothing.
inline bool is_void(PyObject* key, PyObject* value) {
  return (value == Py_True && is_word(key, "where")) || (value == Py_False && is_word(key, "keepdims"));
}

/// Takes out what asks for nothing; is there anything left for which NumPy's gufunc will not do?
inline bool asks_for_more(binding& b) {
  bool more = false;
  for (Py_ssize_t k = b.named - 1; k >= 0; --k) {
    PyObject* const value = b.values[b.positional + k];
    if (is_void(b.names[k], value)) b.drop_keyword(k);
    else more = more || is_special(b.names[k], value);
  }
  return more;
}

/// The quick way for plain arrays.  Where that declines or fails the slow one computes, or says what is
/// wrong.
UFL_NOINLINE inline PyObject* call_special(PyObject* self, const binding& b, const arguments& given) {
  if (front_of(self).masked) {
    PyObject* const result = row_call(self)(b);
    if (result || (PyErr_Occurred() && !is_passed_over())) return result;
    PyErr_Clear();
  }
  return ask(front_of(self).slow, self, given);
}

/// After NumPy refused the shapes along the rows: the slow way broadcasts them, or refuses them too and
/// NumPy's error stays.  Whatever else it raises, such as KeyboardInterrupt or MemoryError, is no matter of
/// shapes and goes to the caller.
UFL_NOINLINE inline PyObject* call_broadcast(PyObject* self, const arguments& given) {
  if (given.has("axes") || given.has("signature")) return nullptr;  // which the slow way has not
  first_error error;
  error.take();
  PyObject* const text = error.value ? PyObject_Str(error.value) : nullptr;
  PyObject* const word = PyUnicode_FromString("gufunc");
  const int found = text && word ? PyUnicode_Contains(text, word) : PyErr_Occurred() ? -1 : 0;
  Py_XDECREF(word);
  Py_XDECREF(text);
  PyObject* const result = found == 1 ? ask(front_of(self).slow, self, given) : nullptr;
  if (found == 0 || (found == 1 && !result && PyErr_ExceptionMatches(PyExc_ValueError))) error.raise();
  return result;
}

/// What NumPy made of a call, or the slow way after it.
inline PyObject* or_broadcast(PyObject* result, PyObject* self, const arguments& given) {
  const bool over = result || !front_of(self).slow || !PyErr_ExceptionMatches(PyExc_ValueError);
  return over ? result : call_broadcast(self, given);
}

/// NumPy drops the mask of such a `where`.
inline bool refuse_masked_where(PyObject* self, const binding& b) {
  for (Py_ssize_t k = 0; k < b.named; ++k)
    if (is_masked(b.values[b.positional + k]) && is_word(b.names[k], "where")) {
      PyErr_Format(PyExc_TypeError,
                   "%s(): where is a masked array, whose mask NumPy would ignore; give where.filled(False)",
                   as_ufunc(self)->name);
      return false;
    }
  return true;
}

/// A call whose arguments are in order; defaults stand where none is given.
inline PyObject* call_bound(PyObject* self, binding& b, const arguments& given) {
  const front& f = front_of(self);
  const Py_ssize_t inputs = as_ufunc(self)->nin;
  const bool lacks_rows = f.along_default >= 0 && !b.values[f.along_default];
  if (f.slow && (asks_for_more(b) || (lacks_rows && !b.lacks_required(parameters_of(self)))))
    return call_special(self, b, given);
  if (!refuse_masked_where(self, b)) return nullptr;
  PyObject* defaults = nullptr;
  for (Py_ssize_t i = given.n; i < inputs; ++i) {
    if (b.values[i]) continue;
    if (!defaults) defaults = defaults_for(f, b, inputs);
    PyObject* const fallback = PyTuple_GetItem(defaults, i);
    if (fallback == Py_Ellipsis) {
      b.refuse_missing(parameters_of(self));
      return nullptr;
    }
    if (fallback == Py_None) return ask(f.slow, self, given);
    b.values[i] = fallback;
  }
  PyObject* const names = b.make_names(given.names);
  if (!names && b.named) return nullptr;
  PyObject* const result = numpy_call(self, b.values, size_t(b.positional), names);
  Py_XDECREF(names);
  return or_broadcast(result, self, given);
}

/// What stands for the vectorcall of every other ufunc.
inline PyObject* call(PyObject* self, PyObject* const* values, size_t nargsf, PyObject* names) {
  const front& f = front_of(self);
  const arguments given(values, nargsf, names);
  const Py_ssize_t inputs = as_ufunc(self)->nin;
  if (f.slow && (has_masked_input(inputs, given) || has_only_input_that_overrides(f, inputs, given)))
    return ask(f.slow, self, given);
  if (given.n >= inputs && given.named() == 0)
    return or_broadcast(numpy_call(self, values, nargsf, names), self, given);
  binding b;
  return b.place(given, parameters_of(self)) ? call_bound(self, b, given) : nullptr;
}

/// After a failed call Python is asked to say more: a loop sees a slice of the batch, in its own types, and
/// cannot name the item.
inline PyObject* call_explained(PyObject* self, PyObject* const* values, size_t nargsf, PyObject* names) {
  PyObject* const result = call(self, values, nargsf, names);
  return result ? result : raise_explained(front_of(self).explain, self, {values, nargsf, names});
}

/// The field is in NumPy's public header, and each ufunc object has one of its own.
inline void set_call(PyObject* ufunc, vectorcall f) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  u->vectorcall = reinterpret_cast<decltype(u->vectorcall)>(f);
}

/// What `types` shows, type numbers of all operands of each loop in turn; the promoter chooses the loop all
/// the same.
inline void show_types(PyObject* ufunc, const char* types, int loops) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  u->types = types;
  u->ntypes = loops;
}

/// Gives the ufunc its names and defaults, for as long as the process lives; None for `slow` or `masked`:
/// there is none.
inline void install(PyObject* ufunc, PyObject* names, PyObject* defaults, PyObject* f16, PyObject* f32,
                    PyObject* f64, PyObject* slow, PyObject* masked) {
  for (PyObject* o : {names, defaults, f16, f32, f64, slow, masked}) Py_INCREF(o);
  front& f = front_of(ufunc);
  f.names = names;
  f.defaults = defaults;
  f.typed[0] = f16;
  f.typed[1] = f32;
  f.typed[2] = f64;
  f.slow = slow == Py_None ? nullptr : slow;
  f.masked = masked == Py_None ? nullptr : masked;
  f.along_default = find_along_default(ufunc, defaults);
  numpy_call = reinterpret_cast<vectorcall>(as_ufunc(ufunc)->vectorcall);
  set_call(ufunc, call);
}

/// Has `function` say more of a call that failed.
inline void install_explanation(PyObject* ufunc, PyObject* function) {
  Py_INCREF(function);
  front_of(ufunc).explain = function;
  set_call(ufunc, call_explained);
}

}  // namespace ufloss::python
