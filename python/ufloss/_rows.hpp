// `where` and `keepdims` of a loss over rows or over a batch, for plain arrays and one axis: the twin with a
// mask is called at once, and kept axes are views of its results.  What is less plain, and everything that is
// wrong, is left to the slow way in Python, whose rules these are.
#pragma once
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>
#include <Python.h>
#include "_bind.hpp"
#include "_ufunc.hpp"

namespace ufloss::python {

/// References that end with the call.
class references {
  PyObject* held_[3 * NPY_MAXARGS];
  int n_ = 0;

 public:
  references() = default;
  references(const references&) = delete;
  references& operator=(const references&) = delete;
  /// Takes the reference over and hands it back; null passes through, with its error.
  PyObject* hold(PyObject* o) {
    if (o) held_[n_++] = o;
    return o;
  }
  ~references() {
    while (n_) Py_DECREF(held_[--n_]);
  }
};

/// A number of NumPy's own types; those derived from them may handle ufuncs themselves.
inline bool is_numpy_number(PyObject* o) {
  if (!PyArray_IsScalar(o, Generic)) return false;
  PyArray_Descr* const type = PyArray_DescrFromScalar(o);
  const bool own = type && type->typeobj == Py_TYPE(o);
  Py_XDECREF(reinterpret_cast<PyObject*>(type));
  return own;
}

/// An array as it is, numbers and lists as arrays; null for anything else, which may handle ufuncs itself.
inline PyObject* as_plain_array(PyObject* o, references& made) {
  if (PyArray_CheckExact(o)) return o;
  const bool plain = PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o) ||
                     PyList_CheckExact(o) || PyTuple_CheckExact(o) || is_numpy_number(o);
  return plain ? made.hold(PyArray_FromAny(o, nullptr, 0, 0, 0, nullptr)) : nullptr;
}

/// An axis counted from the end, if it is negative; -1: there is no such axis.
inline int axis_of(long axis, int ndim) {
  const long at = axis < 0 ? axis + ndim : axis;
  return 0 <= at && at < ndim ? int(at) : -1;
}

/// A new array over the same memory, as writable as that one; null: with an error set.
inline PyObject* view(PyArrayObject* a, int ndim, const npy_intp* lengths, const npy_intp* steps) {
  // PyArray_NewFromDescr() takes a reference of the type, also where it fails.
  Py_INCREF(reinterpret_cast<PyObject*>(PyArray_DESCR(a)));
  PyObject* const made =
      PyArray_NewFromDescr(&PyArray_Type, PyArray_DESCR(a), ndim, lengths, steps, PyArray_DATA(a),
                           PyArray_FLAGS(a) & NPY_ARRAY_WRITEABLE, nullptr);
  if (!made) return nullptr;
  Py_INCREF(reinterpret_cast<PyObject*>(a));
  if (PyArray_SetBaseObject(as_array(made), reinterpret_cast<PyObject*>(a)) == 0) return made;
  Py_DECREF(made);
  return nullptr;
}

/// A view with an axis more, along which it is the same everywhere.
inline PyObject* view_with_axis(PyArrayObject* a, int at, npy_intp length) {
  npy_intp lengths[NPY_MAXDIMS + 1], steps[NPY_MAXDIMS + 1];
  const int ndim = PyArray_NDIM(a);
  for (int i = 0; i < ndim; ++i) {
    lengths[i + (i >= at)] = PyArray_DIM(a, i);
    steps[i + (i >= at)] = PyArray_STRIDE(a, i);
  }
  lengths[at] = length;
  // Of length 1 it has the step that it would have in an array of its own, and keeps that contiguous.
  steps[at] = length != 1 ? 0 : at < ndim ? lengths[at + 1] * steps[at + 1] : PyArray_ITEMSIZE(a);
  return view(a, ndim + 1, lengths, steps);  // which refuses too many axes
}

/// A view without an axis of length 1.
inline PyObject* view_without_axis(PyArrayObject* a, int at) {
  npy_intp lengths[NPY_MAXDIMS], steps[NPY_MAXDIMS];
  for (int i = 0, kept = 0; i < PyArray_NDIM(a); ++i) {
    if (i == at) continue;
    lengths[kept] = PyArray_DIM(a, i);
    steps[kept++] = PyArray_STRIDE(a, i);
  }
  return view(a, PyArray_NDIM(a) - 1, lengths, steps);
}

/// A number along rows of that length, whose axis an operand counts as others do.
inline PyObject* view_along(PyArrayObject* number, long axis, npy_intp length) {
  // Steps of 0: the number is read again and again.
  npy_intp lengths[NPY_MAXDIMS], steps[NPY_MAXDIMS] = {};
  const int ndim = int(axis < 0 ? -axis : axis + 1);
  for (int i = 0; i < ndim; ++i) lengths[i] = 1;
  lengths[axis < 0 ? 0 : axis] = length;
  return view(number, ndim, lengths, steps);
}

/// One call of a loss over rows or over a batch that has a twin with a mask.
class row_call {
 public:
  explicit row_call(PyObject* self) : self_(self), ufunc_(as_ufunc(self)), front_(front_of(self)) {}

  /// The result of the call; null: it failed, or is none of the plain ones, which sets no error.
  PyObject* operator()(const binding& b) {
    if (!read_keywords(b) || !read_outputs(b) || !read_inputs(b)) return nullptr;
    if (mask_ && !lay_mask()) return nullptr;
    if (keeps_axis_ && !lay_outputs()) return nullptr;
    PyObject* const result = invoke();
    return result && keeps_axis_ ? put_back_axis(made_.hold(result)) : result;
  }

 private:
  PyObject* self_;
  const PyUFuncObject* ufunc_;
  const front& front_;
  references made_;

  PyObject* inputs_[NPY_MAXARGS];
  PyObject* outputs_[NPY_MAXARGS];  // as given, or null
  PyObject* laid_[NPY_MAXARGS];     // without the axis that is kept
  PyObject* words_[NPY_MAXARGS];    // keywords that NumPy gets
  PyObject* word_values_[NPY_MAXARGS];
  Py_ssize_t words_count_ = 0;

  PyObject* mask_ = nullptr;
  PyObject* out_ = nullptr;
  bool keeps_axis_ = false;
  long axis_ = -1;

  /// One kind of core dimension: that of a row, along which an axis can be chosen.
  bool is_over_rows() const { return ufunc_->core_num_dim_ix == 1; }  // else over a batch
  /// Has the operand a core dimension?  By NumPy's numbers, outputs behind inputs.
  bool lies_along(int operand) const { return ufunc_->core_num_dims[operand] > 0; }

  /// Both are borrowed from the call.
  void pass_on(PyObject* word, PyObject* value) {
    words_[words_count_] = word;
    word_values_[words_count_++] = value;
  }

  /// False: one of them is none of the plain ones.
  bool read_keywords(const binding& b) {
    for (Py_ssize_t k = 0; k < b.named; ++k) {
      PyObject* const word = b.names[k];
      PyObject* const value = b.values[b.positional + k];
      if (is_word(word, "where")) {
        mask_ = value;
      } else if (is_word(word, "keepdims")) {
        if (!is_over_rows() || value != Py_True) return false;
        keeps_axis_ = true;
      } else if (is_word(word, "axis")) {
        if (!is_over_rows() || !read_axis(word, value)) return false;
      } else if (is_word(word, "out")) {
        out_ = value == Py_None ? nullptr : value;
      } else if (is_word(word, "dtype") || is_word(word, "casting") || is_word(word, "order") ||
                 is_word(word, "subok")) {
        pass_on(word, value);
      } else {
        return false;
      }
    }
    return true;
  }

  bool read_axis(PyObject* word, PyObject* axis) {
    // Several axes need Python, one in a tuple does not.
    if (PyTuple_CheckExact(axis) && PyTuple_Size(axis) == 1) axis = PyTuple_GetItem(axis, 0);
    if (!PyLong_CheckExact(axis)) return false;
    axis_ = PyLong_AsLong(axis);
    // -1 is what NumPy takes anyway.
    if (axis_ != -1) pass_on(word, axis);
    return !PyErr_Occurred();
  }

  /// Outputs are arrays, by position or by `out`, which is a tuple where there are several.
  bool read_outputs(const binding& b) {
    const Py_ssize_t given = b.positional - ufunc_->nin;
    if (given > ufunc_->nout || (given && out_)) return false;
    const bool is_tuple = out_ && PyTuple_CheckExact(out_);
    if (is_tuple ? PyTuple_Size(out_) != ufunc_->nout : out_ && ufunc_->nout != 1) return false;
    for (Py_ssize_t i = 0; i < ufunc_->nout; ++i) {
      PyObject* o = i < given ? b.values[ufunc_->nin + i] : is_tuple ? PyTuple_GetItem(out_, i) : out_;
      if (o == Py_None) o = nullptr;
      if (o && !PyArray_CheckExact(o)) return false;
      outputs_[i] = laid_[i] = o;
    }
    return true;
  }

  /// Inputs as arrays of as many axes as their core dimensions need; what is missing gets its default.
  bool read_inputs(const binding& b) {
    PyObject* const defaults = defaults_for(front_, b, ufunc_->nin);
    for (int i = 0; i < ufunc_->nin; ++i) {
      // In their order: a default along the rows looks at the first input.
      if (!b.values[i]) {
        inputs_[i] = default_of(i, PyTuple_GetItem(defaults, i));
        if (!inputs_[i]) return false;
        continue;
      }
      inputs_[i] = as_plain_array(b.values[i], made_);
      if (!inputs_[i] || PyArray_NDIM(as_array(inputs_[i])) < ufunc_->core_num_dims[i]) return false;
    }
    return true;
  }

  /// Null: the argument is required, or only Python can bring its default into shape.  One along the rows has
  /// the type of the first operand.
  PyObject* default_of(int i, PyObject* value) {
    if (value == Py_Ellipsis || value == Py_None || !lies_along(0)) return nullptr;
    if (!lies_along(i)) return value;
    PyArrayObject* const first = as_array(inputs_[0]);
    const int at = axis_of(axis_, PyArray_NDIM(first));
    if (at < 0) return nullptr;
    const int type = PyArray_TYPE(first);
    PyObject* const typed = front_.typed[type == NPY_HALF ? 0 : type == NPY_FLOAT ? 1 : 2];
    return made_.hold(view_along(as_array(PyTuple_GetItem(typed, i)), axis_, PyArray_DIM(first, at)));
  }

  /// Nothing but an array of bool is a plain mask; one without axes is left to Python.
  bool lay_mask() {
    if (!PyArray_CheckExact(mask_)) return false;
    PyArrayObject* const mask = as_array(mask_);
    if (PyArray_TYPE(mask) != NPY_BOOL || PyArray_NDIM(mask) == 0) return false;
    return !is_over_rows() || lay_mask_along_rows(mask);
  }

  /// It lies over elements where it has the rank of the first operand along the rows or of the largest, else
  /// over whole rows.  Should it not fit so, NumPy refuses it, and the slow way looks for another meaning.
  bool lay_mask_along_rows(PyArrayObject* mask) {
    PyArrayObject* first = nullptr;
    int rank = 0;
    for (int i = 0; i < ufunc_->nin; ++i) {
      if (!lies_along(i)) continue;
      PyArrayObject* const x = as_array(inputs_[i]);
      if (!first) first = x;
      if (PyArray_NDIM(x) > rank) rank = PyArray_NDIM(x);
    }
    const int axis = axis_of(axis_, PyArray_NDIM(first));
    if (axis < 0) return false;
    const npy_intp n = PyArray_DIM(first, axis);
    const int ndim = PyArray_NDIM(mask);
    // One axis less: the mask is that of rows, and gets the axis that it lacks.
    if (ndim != PyArray_NDIM(first) && ndim != rank) return spread_mask(mask, axis_of(axis_, ndim + 1), n);
    const int at = axis_of(axis_, ndim);
    // An axis of length 1 means whole rows, too.  Core dimensions do not broadcast, so it is spread.
    if (at < 0 || PyArray_DIM(mask, at) != 1 || n == 1) return at >= 0;
    return spread_mask(as_array(made_.hold(view_without_axis(mask, at))), at, n);
  }

  /// With a step of 0 along the rows, by which the loop knows that one byte decides over a row.
  bool spread_mask(PyArrayObject* rows, int at, npy_intp n) {
    if (!rows || at < 0) return false;
    mask_ = made_.hold(view_with_axis(rows, at, n));
    return mask_ != nullptr;
  }

  /// Values come without the axis that the caller's arrays keep: the loop writes to views without it.
  bool lay_outputs() {
    for (int i = 0; i < ufunc_->nout; ++i) {
      if (!outputs_[i] || lies_along(ufunc_->nin + i)) continue;
      PyArrayObject* const o = as_array(outputs_[i]);
      const int at = axis_of(axis_, PyArray_NDIM(o));
      if (at < 0 || PyArray_DIM(o, at) != 1) return false;
      laid_[i] = made_.hold(view_without_axis(o, at));
      if (!laid_[i]) return false;
    }
    return true;
  }

  /// The call as NumPy's vectorcall takes it: inputs, mask, outputs if any is given, then keywords.
  PyObject* invoke() {
    PyObject* values[3 * NPY_MAXARGS];
    Py_ssize_t n = 0;
    for (int i = 0; i < ufunc_->nin; ++i) values[n++] = inputs_[i];
    if (mask_) values[n++] = mask_;
    // NumPy takes all outputs or none, None for one that it shall make.
    bool writes = false;
    for (int i = 0; i < ufunc_->nout; ++i) writes = writes || laid_[i];
    for (int i = 0; writes && i < ufunc_->nout; ++i) values[n++] = laid_[i] ? laid_[i] : Py_None;
    PyObject* names = nullptr;
    if (words_count_) {
      names = made_.hold(PyTuple_New(words_count_));
      if (!names) return nullptr;
    }
    for (Py_ssize_t k = 0; k < words_count_; ++k) {
      values[n + k] = word_values_[k];
      Py_INCREF(words_[k]);
      PyTuple_SetItem(names, k, words_[k]);
    }
    return numpy_call(mask_ ? front_.masked : self_, values, size_t(n), names);
  }

  /// One result, or a tuple of them; `results` stays the caller's to drop.
  PyObject* put_back_axis(PyObject* results) {
    if (ufunc_->nout == 1) return shape(results, 0);
    PyObject* const all = PyTuple_New(ufunc_->nout);
    for (int i = 0; all && i < ufunc_->nout; ++i) {
      PyObject* const shaped = shape(PyTuple_GetItem(results, i), i);
      if (!shaped) {
        Py_DECREF(all);
        return nullptr;
      }
      PyTuple_SetItem(all, i, shaped);
    }
    return all;
  }

  /// One result as the caller gets it.
  PyObject* shape(PyObject* result, int i) {
    // What lies along the rows has its axis; the caller's own array is given back as it is.
    PyObject* const as_it_is = lies_along(ufunc_->nin + i) ? result : outputs_[i];
    if (as_it_is) {
      Py_INCREF(as_it_is);
      return as_it_is;
    }
    PyObject* const a = made_.hold(PyArray_FromAny(result, nullptr, 0, 0, 0, nullptr));
    if (!a) return nullptr;
    const int at = axis_of(axis_, PyArray_NDIM(as_array(a)) + 1);
    return at < 0 ? nullptr : view_with_axis(as_array(a), at, 1);
  }
};

}  // namespace ufloss::python
