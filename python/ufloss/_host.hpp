// What row loops ask of Python: to let other threads run during long work, and to raise.  And what NumPy must
// know of their outputs.
#pragma once
#include <numpy/arrayobject.h>
#include <numpy/dtype_api.h>
#include <numpy/ufuncobject.h>
#include <Python.h>
#include "_vectorcall.hpp"
#include "dispatch.hpp"
#include "line.hpp"

namespace ufloss::python {

inline void* release() { return PyEval_SaveThread(); }
inline void restore(void* thread) { PyEval_RestoreThread(static_cast<PyThreadState*>(thread)); }
/// Raises what a loop reports.
inline void report(const char* loss, const fault& found) {
  const auto raise = [&](const char* format) {
    PyErr_Format(PyExc_ValueError, format, loss, found.value, found.limit);
  };
  switch (found.kind) {
    case fault_kind::none: return;
    case fault_kind::no_memory: PyErr_NoMemory(); return;
    case fault_kind::empty_axis: return raise("%s: the class axis is empty");
    case fault_kind::label: return raise("%s: label %lld is out of range for %lld classes");
    case fault_kind::label_is_blank: return raise("%s: label %lld is the blank");
    case fault_kind::blank: return raise("%s: blank %lld is out of range for %lld classes");
    case fault_kind::logit_length: return raise("%s: logit_length %lld is out of range for %lld frames");
    case fault_kind::label_length: return raise("%s: label_length %lld is out of range for %lld labels");
  }
}
/// What every loop is told of Python.
inline const context python_context = {&serial, {release, restore}, report, dispatch::past_cache_from()};

/// A ufunc's loop of one type: NumPy names the ufunc, whose record has the loop.
template <int Type>
int run_loop(PyArrayMethod_Context* called, char* const* args, const npy_intp* n, const npy_intp* steps,
             NpyAuxData*) {
  const auto* u = reinterpret_cast<const PyUFuncObject*>(called->caller);
  return front_of(u).record->loops[Type](python_context, args, n, steps);
}
/// What PyUFunc_AddLoopFromSpec is given for a type.
inline void* loop_of(int type) {
  using loop = int(PyArrayMethod_Context*, char* const*, const npy_intp*, const npy_intp*, NpyAuxData*);
  loop* const loops[] = {run_loop<float16_loop>, run_loop<float32_loop>, run_loop<float64_loop>,
                         run_loop<float16_to_float32_loop>};
  static_assert(sizeof(loops) / sizeof(loops[0]) == loop_types, "one for each type");
  return reinterpret_cast<void*>(loops[type]);
}

/// By default NumPy lets an output that is exactly an input share its memory; row loops read a row again
/// after they began to write it.
inline void prepare_rows(PyObject* ufunc) {
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  for (int i = u->nin; i < u->nargs; ++i)
    u->op_flags[i] = NPY_ITER_WRITEONLY | NPY_ITER_UPDATEIFCOPY | NPY_ITER_ALIGNED | NPY_ITER_ALLOCATE |
                     NPY_ITER_NO_BROADCAST | NPY_ITER_NO_SUBTYPE;
}

inline char* start(PyObject* array) {
  return array == Py_None ? nullptr : PyArray_BYTES(reinterpret_cast<PyArrayObject*>(array));
}
/// A loss added up along a line, by the helper `sum`.
inline void run_line(const loss_record* sum, const loss_record* loss, int type, line* l, double* total,
                     double* weight) {
  l->loop = loss->loops[type == float16_loop ? float32_loop : type];
  char* const args[] = {reinterpret_cast<char*>(l), reinterpret_cast<char*>(total),
                        reinterpret_cast<char*>(weight)};
  sum->loops[type](python_context, args, nullptr, nullptr);
}

/// Core dimensions that follow from n, the third: the last one is p = n + 1 or s = 2 n + 1.
template <int Factor> int set_dimension(PyUFuncObject* u, npy_intp* sizes) {
  const int at = u->core_num_dim_ix - 1, labels = 2;
  const npy_intp wanted = Factor * sizes[labels] + 1;
  if (sizes[at] == -1) sizes[at] = wanted;
  else if (sizes[at] != wanted) {
    PyErr_Format(PyExc_ValueError, "%s: an output has %zd states on its last axis, not %zd", u->name,
                 Py_ssize_t(sizes[at]), Py_ssize_t(wanted));
    return -1;
  }
  return 0;
}
inline void derive_dimension(PyObject* ufunc, int factor) {
  reinterpret_cast<PyUFuncObject*>(ufunc)->process_core_dims_func =
      factor == 1 ? set_dimension<1> : set_dimension<2>;
}

/// Frames and labels of the axes that a call has, where they are not plain arrays or `axes` says which they
/// are.
inline PyObject* measure = nullptr;

/// Can it hold an integer that int64 would take for a negative one?
inline bool may_wrap(PyObject* x) {
  if (PyArray_Check(x))
    return PyArray_TYPE(reinterpret_cast<PyArrayObject*>(x)) == NPY_ULONG ||
           PyArray_TYPE(reinterpret_cast<PyArrayObject*>(x)) == NPY_ULONGLONG;
  return !PyLong_Check(x) && !PyArray_IsScalar(x, SignedInteger);  // a Python int is checked by NumPy
}
inline PyObject* new_length(npy_intp n) {
  PyObject* const a = PyArray_SimpleNew(0, nullptr, NPY_INT64);
  if (a) *reinterpret_cast<npy_int64*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(a))) = n;
  return a;
}
/// A call whose lengths are given: those that are not are those of the axes, so that no number stands for
/// them.
struct whole_call {
  static constexpr Py_ssize_t inputs = 5, lengths = 2,
                              most = 2 * NPY_MAXARGS;  // logits, labels, two lengths, blank
  PyObject *args[most + 2], *names = nullptr, *made[2] = {}, *in[inputs] = {};
  Py_ssize_t n, nkw;
  /// False: with an error set.
  bool fill(PyObject* self, PyObject* const* given, Py_ssize_t positional, PyObject* kwnames) {
    const auto* u = reinterpret_cast<const PyUFuncObject*>(self);
    const auto& f = *reinterpret_cast<const front*>(u->data);
    Py_ssize_t at[inputs];
    bool plain = true;  // no axes
    n = positional;
    nkw = kwnames ? PyTuple_Size(kwnames) : 0;
    names = kwnames;
    Py_XINCREF(names);
    for (Py_ssize_t& i : at) i = -1;
    for (Py_ssize_t i = 0; i < n + nkw; ++i) {
      PyObject* const name = i < n ? nullptr : PyTuple_GetItem(kwnames, i - n);
      const Py_ssize_t input = i < n ? i : find_name(f, inputs, name);
      args[i] = given[i];
      if (name && PyUnicode_CompareWithASCIIString(name, "axes") == 0) plain = false;
      if (input < 0 || input >= inputs) continue;
      at[input] = i;
      if (given[i] == Py_None && input == inputs - 1)
        args[i] = PyTuple_GetItem(f.defaults, input);  // None is a default
      in[input] = given[i] == Py_None ? nullptr : given[i];
    }
    if (!in[0] || !in[1] || (in[lengths] && in[lengths + 1])) return true;
    npy_intp whole[2] = {};
    const auto measure_axis = [&](int array, int from_end) {
      auto* const a = reinterpret_cast<PyArrayObject*>(in[array]);
      return PyArray_NDIM(a) >= from_end ? PyArray_DIM(a, PyArray_NDIM(a) - from_end) : 0;
    };
    if (plain && PyArray_Check(in[0]) && PyArray_Check(in[1])) {
      whole[0] = measure_axis(0, 2);
      whole[1] = measure_axis(1, 1);
    } else {
      PyObject* const sizes = ask(measure, self, args, n, kwnames);
      if (!sizes) return false;
      for (int i = 0; i < 2; ++i) whole[i] = PyLong_AsSsize_t(PyTuple_GetItem(sizes, i));
      Py_DECREF(sizes);
      if (PyErr_Occurred()) return false;
    }
    if (nkw == 0 && n >= lengths) {  // all by position, which is the shortest way
      for (Py_ssize_t i = 0; i < 2; ++i) {
        if (in[lengths + i]) continue;
        if (!(made[i] = new_length(whole[i]))) return false;
        args[lengths + i] = made[i];
      }
      if (n < inputs) {
        args[inputs - 1] = PyTuple_GetItem(f.defaults, inputs - 1);
        n = inputs;
      }
      return true;
    }
    Py_ssize_t added = 0;
    for (Py_ssize_t i = 0; i < 2; ++i) added += at[lengths + i] < 0;
    if (added) {
      Py_XDECREF(names);
      if (!(names = PyTuple_New(nkw + added))) return false;
      for (Py_ssize_t k = 0; k < nkw; ++k) {
        PyObject* const name = PyTuple_GetItem(kwnames, k);
        Py_INCREF(name);
        PyTuple_SetItem(names, k, name);
      }
    }
    for (Py_ssize_t i = 0; i < 2; ++i) {
      if (in[lengths + i]) continue;
      if (!(made[i] = new_length(whole[i]))) return false;
      if (at[lengths + i] >= 0) {
        args[at[lengths + i]] = made[i];
        continue;
      }
      PyObject* const name = PyTuple_GetItem(f.names, lengths + i);
      Py_INCREF(name);
      PyTuple_SetItem(names, nkw, name);
      args[n + nkw++] = made[i];
    }
    return true;
  }
  ~whole_call() {
    Py_XDECREF(names);
    for (PyObject* const o : made) Py_XDECREF(o);
  }
};
inline PyObject* explanation_of(PyObject* self) {
  return reinterpret_cast<const front*>(reinterpret_cast<const PyUFuncObject*>(self)->data)->explain;
}
/// May an error of the function that explains be passed over?  KeyboardInterrupt, MemoryError and their like
/// go to the caller.
inline bool is_passed_over() {
  return PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError);
}
/// After a call that failed: a ValueError of what the explaining function says; where it says nothing, the
/// error that there is.
inline PyObject* raise_explained(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  if (!PyErr_ExceptionMatches(PyExc_ValueError)) return nullptr;
  first_error error;
  error.take();
  PyObject* const said = ask(explanation_of(self), self, args, n, kwnames);
  if (said == Py_None || (!said && is_passed_over())) error.raise();
  else if (said) PyErr_SetObject(PyExc_ValueError, said);
  Py_XDECREF(said);
  return nullptr;
}
inline PyObject* call_explained(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  const Py_ssize_t n = Py_ssize_t(nargsf & (~size_t(0) >> 1));
  if (n + (kwnames ? PyTuple_Size(kwnames) : 0) > whole_call::most)
    return call(self, args, nargsf, kwnames);  // which refuses it
  whole_call c;
  if (!c.fill(self, args, n, kwnames)) return nullptr;
  PyObject* const blank = c.in[whole_call::inputs - 1];
  if (c.in[0] && c.in[1] && blank && may_wrap(blank)) {
    PyObject* const said = ask(explanation_of(self), self, c.args, c.n, c.names);
    const bool goes_on =
        said == Py_None || (!said && is_passed_over());  // the call itself says what is wrong
    if (said && said != Py_None) PyErr_SetObject(PyExc_ValueError, said);
    Py_XDECREF(said);
    if (!goes_on) return nullptr;
    PyErr_Clear();
  }
  PyObject* const result = call(self, c.args, size_t(c.n), c.names);
  return result ? result : raise_explained(self, c.args, c.n, c.names);
}
/// After a failed call Python is asked to say more: a loop sees a slice of the batch, in its own types, and
/// cannot name the item.
inline PyObject* call_told(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  PyObject* const result = call(self, args, nargsf, kwnames);
  return result ? result : raise_explained(self, args, Py_ssize_t(nargsf & (~size_t(0) >> 1)), kwnames);
}
/// `measuring`: CTC's, whose lengths may be left out; else None.
inline void install_explanation(PyObject* ufunc, PyObject* function, PyObject* measuring) {
  Py_INCREF(function);
  const bool lengths = measuring != Py_None;
  if (lengths) {
    Py_INCREF(measuring);
    Py_XDECREF(measure);
    measure = measuring;
  }
  auto* u = reinterpret_cast<PyUFuncObject*>(ufunc);
  const_cast<front*>(reinterpret_cast<const front*>(u->data))->explain = function;
  u->vectorcall = reinterpret_cast<decltype(u->vectorcall)>(lengths ? call_explained : call_told);
}

}  // namespace ufloss::python
