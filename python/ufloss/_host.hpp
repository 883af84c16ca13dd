// What row loops ask of Python: to let other threads run during long work, and to raise.  And what NumPy must
// know of their outputs.
#pragma once
#include <numpy/arrayobject.h>
#include <numpy/dtype_api.h>
#include <numpy/ufuncobject.h>
#include <Python.h>
#include "_ufunc.hpp"
#include "dispatch.hpp"

namespace ufloss::python {

// Loops are entered with the lock, and give it away themselves where the work is long: NumPy would do so by
// the number of results, which says little of rows.
inline void* release() { return PyEval_SaveThread(); }
inline void restore(void* thread) { PyEval_RestoreThread(static_cast<PyThreadState*>(thread)); }
/// Raises what a loop reports.
inline void raise(const char* loss, const fault& found) {
  const auto say = [&](const char* format) {
    PyErr_Format(PyExc_ValueError, format, loss, found.value, found.limit);
  };
  switch (found.kind) {
    case fault_kind::none: return;
    case fault_kind::no_memory: PyErr_NoMemory(); return;
    case fault_kind::empty_axis: return say("%s: the class axis is empty");
    case fault_kind::label: return say("%s: label %lld is out of range for %lld classes");
    case fault_kind::label_is_blank: return say("%s: label %lld is the blank");
    case fault_kind::blank: return say("%s: blank %lld is out of range for %lld classes");
    case fault_kind::logit_length: return say("%s: logit_length %lld is out of range for %lld frames");
    case fault_kind::label_length: return say("%s: label_length %lld is out of range for %lld labels");
  }
}
inline void report(const context&, const char* loss, const fault& found) { raise(loss, found); }
/// What every loop is told of Python.
inline const context python_context = {&serial, {release, restore}, report, dispatch::past_cache_from()};

/// A ufunc's loop of one type: NumPy names the ufunc, whose record has the loop.
template <int Type>
int run_loop(PyArrayMethod_Context* called, char* const* args, const npy_intp* n, const npy_intp* steps,
             NpyAuxData*) {
  return front_of(called->caller).record->loops[Type](python_context, args, n, steps);
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

}  // namespace ufloss::python
