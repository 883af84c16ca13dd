// Named arguments and defaults on a numpy.ufunc: each ufunc object's own vectorcall pointer is replaced by
// one that puts its arguments in order and hands them to NumPy's.  A call with every input by position and no
// name of ours goes through untouched.
#pragma once
#include <numpy/ndarraytypes.h>
#include <numpy/ufuncobject.h>
#include <Python.h>
#include <initializer_list>
#include "dispatch.hpp"

namespace ufloss::python {

using vectorcall = PyObject* (*)(PyObject*, PyObject* const*, size_t, PyObject*);
// Tuples as long as the inputs; Ellipsis: required; None: has a default that only the slow way can bring into
// shape.  typed[0], [1], [2]: the defaults as float16, float32, float64 arrays, which NumPy takes up twice as
// fast as Python floats. slow: what a call goes to that asks for more than NumPy's gufuncs have (a tuple of
// axes, where, keepdims); null: never. explain: asked after a ValueError whether it knows more, see
// call_told(); null: nobody is.
struct front {
  const loss_record* record;  // whose loops the ufunc runs
  PyObject *names = nullptr, *defaults = nullptr, *typed[3] = {}, *slow = nullptr;
  PyObject* explain = nullptr;
};
inline front& front_of(const PyUFuncObject* u) {
  return *const_cast<front*>(reinterpret_cast<const front*>(u->data));
}
inline vectorcall numpy_call = nullptr;  // the same function for every ufunc

inline Py_ssize_t find_name(const front& f, Py_ssize_t nin, PyObject* key) {
  for (Py_ssize_t i = 0; i < nin; ++i)
    if (PyTuple_GetItem(f.names, i) == key) return i;
  for (Py_ssize_t i = 0; i < nin; ++i)
    if (PyUnicode_Compare(PyTuple_GetItem(f.names, i), key) == 0) return i;
  return -1;
}
// The defaults as arrays of the predictions' type where every given input is a plain array, so that nobody
// else gets to see them.
inline PyObject* defaults_for(const front& f, Py_ssize_t nin, PyObject* const* a) {
  for (Py_ssize_t i = 0; i < nin; ++i)
    if (a[i] && !PyArray_CheckExact(a[i])) return f.defaults;
  if (!a[0]) return f.defaults;
  switch (PyArray_TYPE(reinterpret_cast<PyArrayObject*>(a[0]))) {
    case NPY_HALF: return f.typed[0];
    case NPY_FLOAT: return f.typed[1];
    case NPY_DOUBLE: return f.typed[2];
    default: return f.defaults;
  }
}
// As Python words it: 'a', 'a' and 'b', 'a', 'b', and 'c'
inline PyObject* missing(const PyUFuncObject* u, const front& f, PyObject* const* a) {
  Py_ssize_t at[NPY_MAXARGS], n = 0;
  for (Py_ssize_t i = 0; i < u->nin; ++i)
    if (!a[i] && PyTuple_GetItem(f.defaults, i) == Py_Ellipsis) at[n++] = i;
  PyObject* text = PyUnicode_FromFormat("%R", PyTuple_GetItem(f.names, at[0]));
  for (Py_ssize_t k = 1; text && k < n; ++k) {
    PyObject* longer = PyUnicode_FromFormat("%U%s%s%R", text, n > 2 ? "," : "", k == n - 1 ? " and " : " ",
                                            PyTuple_GetItem(f.names, at[k]));
    Py_DECREF(text);
    text = longer;
  }
  if (text)
    PyErr_Format(PyExc_TypeError, "%s() missing %zd required positional argument%s: %U", u->name, n,
                 n == 1 ? "" : "s", text);
  Py_XDECREF(text);
  return nullptr;
}
inline bool is_special(PyObject* key, PyObject* value) {
  if (PyUnicode_CompareWithASCIIString(key, "axis") == 0) return !PyLong_Check(value);
  return PyUnicode_CompareWithASCIIString(key, "where") == 0 ||
         PyUnicode_CompareWithASCIIString(key, "keepdims") == 0;
}
/// where=True and keepdims=False ask for nothing.
inline bool is_void(PyObject* key, PyObject* value) {
  return (value == Py_True && PyUnicode_CompareWithASCIIString(key, "where") == 0) ||
         (value == Py_False && PyUnicode_CompareWithASCIIString(key, "keepdims") == 0);
}
/// A numpy.ma.MaskedArray, which its module need not be imported for.  Its type is asked: attributes of a
/// subclass may be code, which may raise.
inline bool is_masked(PyObject* o) {
  return PyArray_Check(o) && !PyArray_CheckExact(o) &&
         PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), "harden_mask");
}
/// NumPy would ignore the mask of such an operand: gufuncs do so, and every ufunc with that of `where`.
inline bool has_masked_input(Py_ssize_t nin, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  for (Py_ssize_t i = 0; i < n && i < nin; ++i)
    if (is_masked(args[i])) return true;
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_Size(kwnames); ++k)
    if (is_masked(args[n + k]) && PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, k), "out") != 0)
      return true;
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
inline bool has_only_input_that_overrides(const front& f, Py_ssize_t nin, PyObject* const* args, Py_ssize_t n,
                                          PyObject* kwnames) {
  if (nin != 1) return false;
  if (n) return may_override(args[0]);
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_Size(kwnames); ++k)
    if (PyUnicode_Compare(PyTuple_GetItem(kwnames, k), PyTuple_GetItem(f.names, 0)) == 0)
      return may_override(args[k]);
  return false;
}
/// f(ufunc, *args, **kwargs)
inline PyObject* ask(PyObject* f, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  PyObject *tuple = PyTuple_New(n + 1), *kw = PyDict_New(), *result = nullptr;
  if (tuple && kw) {
    Py_INCREF(self);
    PyTuple_SetItem(tuple, 0, self);
    for (Py_ssize_t i = 0; i < n; ++i) {
      Py_INCREF(args[i]);
      PyTuple_SetItem(tuple, i + 1, args[i]);
    }
    bool done = true;
    for (Py_ssize_t k = 0; kwnames && k < PyTuple_Size(kwnames); ++k)
      done = done && PyDict_SetItem(kw, PyTuple_GetItem(kwnames, k), args[n + k]) == 0;
    if (done) result = PyObject_Call(f, tuple, kw);
  }
  Py_XDECREF(tuple);
  Py_XDECREF(kw);
  return result;
}
/// An error that was taken aside, to be raised again or dropped.
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
/// Is there a word among the names of a call's keywords?
inline bool is_named(PyObject* kwnames, const char* word) {
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_Size(kwnames); ++k)
    if (PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, k), word) == 0) return true;
  return false;
}
/// After NumPy refused the shapes along the rows: the slow way broadcasts them, or refuses them too and
/// NumPy's error stays.  Whatever else it raises, such as KeyboardInterrupt or MemoryError, is no matter of
/// shapes and goes to the caller.
inline PyObject* call_broadcast(const front& f, PyObject* self, PyObject* const* args, Py_ssize_t n,
                                PyObject* kwnames) {
  if (is_named(kwnames, "axes") || is_named(kwnames, "signature"))
    return nullptr;  // which the slow way has not
  first_error error;
  error.take();
  PyObject* const text = error.value ? PyObject_Str(error.value) : nullptr;
  PyObject* const word = PyUnicode_FromString("gufunc");
  const int found = text && word ? PyUnicode_Contains(text, word) : PyErr_Occurred() ? -1 : 0;
  Py_XDECREF(word);
  Py_XDECREF(text);
  PyObject* const result = found == 1 ? ask(f.slow, self, args, n, kwnames) : nullptr;
  if (found == 0 || (found == 1 && !result && PyErr_ExceptionMatches(PyExc_ValueError))) error.raise();
  return result;
}
inline PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  constexpr int most = NPY_MAXARGS;
  const auto* u = reinterpret_cast<const PyUFuncObject*>(self);
  const auto& f = *reinterpret_cast<const front*>(u->data);
  // The top bit of nargsf is a flag; PyVectorcall_NARGS, which takes it off, came to the stable ABI
  // with 3.12.
  const Py_ssize_t n = Py_ssize_t(nargsf & (~size_t(0) >> 1)), nin = u->nin,
                   nkw = kwnames ? PyTuple_Size(kwnames) : 0;
  if (f.slow &&
      (has_masked_input(nin, args, n, kwnames) || has_only_input_that_overrides(f, nin, args, n, kwnames)))
    return ask(f.slow, self, args, n, kwnames);
  if (n >= nin && nkw == 0) {
    PyObject* result = numpy_call(self, args, nargsf, kwnames);
    return result || !f.slow || !PyErr_ExceptionMatches(PyExc_ValueError)
               ? result
               : call_broadcast(f, self, args, n, kwnames);
  }
  if (f.slow)
    for (Py_ssize_t k = 0; k < nkw; ++k)
      if (is_special(PyTuple_GetItem(kwnames, k), args[n + k]) &&
          !is_void(PyTuple_GetItem(kwnames, k), args[n + k]))
        return ask(f.slow, self, args, n, kwnames);
  if (n > most || nkw > most) {
    PyErr_Format(PyExc_TypeError, "%s() got too many arguments", u->name);
    return nullptr;
  }
  PyObject *a[3 * most] = {},
                  *kept[most];  // inputs in order, outputs by position, then what NumPy's own keywords hold
  const Py_ssize_t positional = n > nin ? n : nin;
  Py_ssize_t nkept = 0;
  for (Py_ssize_t i = 0; i < n; ++i) a[i] = args[i];
  for (Py_ssize_t k = 0; k < nkw; ++k) {
    PyObject* key = PyTuple_GetItem(kwnames, k);
    if (f.slow && is_void(key, args[n + k])) continue;
    if (is_masked(args[n + k]) && PyUnicode_CompareWithASCIIString(key, "where") == 0) {
      PyErr_Format(PyExc_TypeError,
                   "%s(): where is a masked array, whose mask NumPy would ignore; give where.filled(False)",
                   u->name);
      return nullptr;
    }
    const Py_ssize_t i = find_name(f, nin, key);
    if (i < 0) {
      a[positional + nkept] = args[n + k];
      kept[nkept++] = key;
    } else if (a[i]) {
      PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", u->name, key);
      return nullptr;
    } else a[i] = args[n + k];
  }
  PyObject* defaults = n < nin ? defaults_for(f, nin, a) : nullptr;
  for (Py_ssize_t i = n; i < nin; ++i)
    if (!a[i]) {
      PyObject* fallback = PyTuple_GetItem(defaults, i);
      if (fallback == Py_Ellipsis) return missing(u, f, a);
      if (fallback == Py_None) return ask(f.slow, self, args, n, kwnames);
      a[i] = fallback;
    }
  PyObject* names = nullptr;
  if (nkept) {
    if (nkept == nkw) {
      names = kwnames;
      Py_INCREF(names);
    } else {
      if (!(names = PyTuple_New(nkept))) return nullptr;
      for (Py_ssize_t k = 0; k < nkept; ++k) {
        Py_INCREF(kept[k]);
        PyTuple_SetItem(names, k, kept[k]);
      }
    }
  }
  PyObject* result = numpy_call(self, a, size_t(positional), names);
  Py_XDECREF(names);
  return result || !f.slow || !PyErr_ExceptionMatches(PyExc_ValueError)
             ? result
             : call_broadcast(f, self, args, n, kwnames);
}

/// What `types` shows, type numbers of all operands of each loop in turn; the promoter chooses the loop all
/// the same.
inline void show_types(PyObject* ufunc, const char* types, int loops) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  u->types = types;
  u->ntypes = loops;
}

/// Ties a ufunc to its record, for as long as the process lives; one without legacy loops leaves `data` to
/// us.
inline void attach(PyObject* ufunc, const loss_record* record) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  u->data = reinterpret_cast<decltype(u->data)>(new front{record});
}
/// Gives the ufunc its names and defaults.
inline void install(PyObject* ufunc, PyObject* names, PyObject* defaults, PyObject* f16, PyObject* f32,
                    PyObject* f64, PyObject* slow) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  front& f = front_of(u);
  for (PyObject* o : {names, defaults, f16, f32, f64, slow}) Py_INCREF(o);
  f.names = names;
  f.defaults = defaults;
  f.typed[0] = f16;
  f.typed[1] = f32;
  f.typed[2] = f64;
  f.slow = slow == Py_None ? nullptr : slow;
  numpy_call = reinterpret_cast<vectorcall>(u->vectorcall);
  u->vectorcall = reinterpret_cast<decltype(u->vectorcall)>(call);
}

}  // namespace ufloss::python
