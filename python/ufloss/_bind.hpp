// Which argument of a call goes where: names and positions are put in order, what is missing or given twice
// is refused.  Ufuncs, CTC's lengths and functions of Python all bind here, so that all say the same.
#pragma once
#include <numpy/ndarraytypes.h>
#include <Python.h>

namespace ufloss::python {

/// Names seldom have the length of the word that is looked for.
template <size_t Size> bool is_word(PyObject* name, const char (&word)[Size]) {
  return PyUnicode_GetLength(name) == Py_ssize_t(Size) - 1 &&
         PyUnicode_CompareWithASCIIString(name, word) == 0;
}

/// What a call was given, as a vectorcall has it: `n` values by position, then one for each of `names`, a
/// tuple or null.
/// A view of the call: it owns nothing, and lives no longer.
struct arguments {
  PyObject* const* values;
  Py_ssize_t n;
  PyObject* names;

  /// The top bit of nargsf is a flag; PyVectorcall_NARGS, which takes it off, came to the stable ABI
  /// with 3.12.
  arguments(PyObject* const* values, size_t nargsf, PyObject* names)
      : values(values), n(Py_ssize_t(nargsf & (~size_t(0) >> 1))), names(names) {}

  Py_ssize_t named() const { return names ? PyTuple_Size(names) : 0; }
  PyObject* name(Py_ssize_t k) const { return PyTuple_GetItem(names, k); }
  PyObject* named_value(Py_ssize_t k) const { return values[n + k]; }

  template <size_t Size> bool has(const char (&word)[Size]) const {
    for (Py_ssize_t k = 0; k < named(); ++k)
      if (is_word(name(k), word)) return true;
    return false;
  }
};

/// What a function takes: names and defaults of its inputs, tuples; the default Ellipsis: the input is
/// required.
struct parameters {
  const char* function;
  PyObject *names, *defaults;
  Py_ssize_t count;

  PyObject* name(Py_ssize_t i) const { return PyTuple_GetItem(names, i); }
  bool is_required(Py_ssize_t i) const { return PyTuple_GetItem(defaults, i) == Py_Ellipsis; }

  /// The input of that name; -1: there is none.
  Py_ssize_t find(PyObject* key) const {
    // Names in code are interned, so that the first round nearly always finds one.
    for (Py_ssize_t i = 0; i < count; ++i)
      if (name(i) == key) return i;
    for (Py_ssize_t i = 0; i < count; ++i)
      if (PyUnicode_Compare(name(i), key) == 0) return i;
    return -1;
  }
};

/// The arguments of a call, each in its place; all references are borrowed.
struct binding {
  static constexpr Py_ssize_t most = NPY_MAXARGS;

  // As NumPy's vectorcall wants them: inputs in order, null where none is given; outputs given by position; a
  // value for each of `names`, the keywords that are no input's name.
  PyObject* values[3 * most];
  PyObject* names[most];
  Py_ssize_t positional = 0, named = 0;

  /// False: with an error set.
  /// More than NumPy's limit would not fit, and are refused before anything is written.
  bool place(const arguments& given, const parameters& p) {
    if (given.n > most || given.named() > most) {
      PyErr_Format(PyExc_TypeError, "%s() got too many arguments", p.function);
      return false;
    }
    positional = given.n > p.count ? given.n : p.count;
    for (Py_ssize_t i = 0; i < positional; ++i) values[i] = i < given.n ? given.values[i] : nullptr;
    for (Py_ssize_t k = 0; k < given.named(); ++k)
      if (!place(given.name(k), given.named_value(k), p)) return false;
    return true;
  }

  /// Is a required input missing?  After place(); None counts as given.
  bool lacks_required(const parameters& p) const {
    for (Py_ssize_t i = 0; i < p.count; ++i)
      if (!values[i] && p.is_required(i)) return true;
    return false;
  }

  /// Says which required inputs are missing, as Python words it: 'a', 'a' and 'b', 'a', 'b', and 'c'.
  void refuse_missing(const parameters& p) const {
    Py_ssize_t at[most] = {}, n = 0;
    for (Py_ssize_t i = 0; i < p.count; ++i)
      if (!values[i] && p.is_required(i)) at[n++] = i;
    PyObject* text = PyUnicode_FromFormat("%R", p.name(at[0]));
    for (Py_ssize_t k = 1; text && k < n; ++k) {
      const char* const comma = n > 2 ? "," : "";
      const char* const link = k == n - 1 ? " and " : " ";
      PyObject* const longer = PyUnicode_FromFormat("%U%s%s%R", text, comma, link, p.name(at[k]));
      Py_DECREF(text);
      text = longer;
    }
    if (text)
      PyErr_Format(PyExc_TypeError, "%s() missing %zd required positional argument%s: %U", p.function, n,
                   n == 1 ? "" : "s", text);
    Py_XDECREF(text);
  }

  /// Takes keyword k out; those behind it move up.
  void drop_keyword(Py_ssize_t k) {
    --named;
    for (; k < named; ++k) {
      names[k] = names[k + 1];
      values[positional + k] = values[positional + k + 1];
    }
  }

  /// The names of the keywords that are left: a new reference; null: there are none, or an error.  `given`
  /// are those that the call had.
  PyObject* make_names(PyObject* given) const {
    if (!named) return nullptr;
    if (PyTuple_Size(given) == named) {
      Py_INCREF(given);
      return given;
    }
    PyObject* const tuple = PyTuple_New(named);
    for (Py_ssize_t k = 0; tuple && k < named; ++k) {
      Py_INCREF(names[k]);
      PyTuple_SetItem(tuple, k, names[k]);
    }
    return tuple;
  }

 private:
  /// A keyword: to its input, or to the keywords that NumPy gets.
  bool place(PyObject* key, PyObject* value, const parameters& p) {
    const Py_ssize_t i = p.find(key);
    if (i < 0) {
      values[positional + named] = value;
      names[named++] = key;
    } else if (values[i]) {
      PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", p.function, key);
      return false;
    } else {
      values[i] = value;
    }
    return true;
  }
};

/// A call of Python's, (*args, **kwargs), as a vectorcall has it.
class python_arguments {
  PyObject* values_[2 * binding::most];
  PyObject* names_ = nullptr;
  Py_ssize_t n_ = 0;

 public:
  /// False: with an error set.
  bool take(const char* function, PyObject* args, PyObject* kwargs) {
    n_ = PyTuple_Size(args);
    const Py_ssize_t named = PyDict_Size(kwargs);
    if (n_ > binding::most || named > binding::most) {
      PyErr_Format(PyExc_TypeError, "%s() got too many arguments", function);
      return false;
    }
    if (!(names_ = PyTuple_New(named))) return false;
    for (Py_ssize_t i = 0; i < n_; ++i) values_[i] = PyTuple_GetItem(args, i);
    PyObject *key, *value;
    for (Py_ssize_t at = 0, k = 0; PyDict_Next(kwargs, &at, &key, &value); ++k) {
      Py_INCREF(key);
      PyTuple_SetItem(names_, k, key);
      values_[n_ + k] = value;
    }
    return true;
  }
  arguments get() const { return {values_, size_t(n_), names_}; }
  // Values stay those of the tuple and the dict, which outlive it.
  ~python_arguments() { Py_XDECREF(names_); }
};

/// None is no operand: it stands for a default, and what is required has none.
inline bool refuse_none(const binding& b, const parameters& p) {
  for (Py_ssize_t i = 0; i < p.count; ++i)
    if (b.values[i] == Py_None && p.is_required(i)) {
      PyErr_Format(PyExc_TypeError, "%s(): %U is None", p.function, p.name(i));
      return false;
    }
  return true;
}

/// What a binding is for Python: (inputs in order, None for one that is not given; the outputs by position).
inline PyObject* as_lists(const binding& b, Py_ssize_t inputs) {
  PyObject* const list = PyList_New(inputs);
  PyObject* const rest = PyTuple_New(b.positional - inputs);
  // PyList_SetItem() and its kin take the reference over.
  for (Py_ssize_t i = 0; list && rest && i < b.positional; ++i) {
    PyObject* const x = b.values[i] ? b.values[i] : Py_None;
    Py_INCREF(x);
    if (i < inputs) PyList_SetItem(list, i, x);
    else PyTuple_SetItem(rest, i - inputs, x);
  }
  PyObject* const both = list && rest ? PyTuple_Pack(2, list, rest) : nullptr;
  Py_XDECREF(list);
  Py_XDECREF(rest);
  return both;
}

/// Binds for a function of Python's; the names of inputs are taken out of `kwargs`.
inline PyObject* bind_arguments(PyObject* function, PyObject* names, PyObject* defaults, PyObject* args,
                                PyObject* kwargs) {
  const char* const name = PyUnicode_AsUTF8AndSize(function, nullptr);
  if (!name) return nullptr;
  const parameters p{name, names, defaults, PyTuple_Size(names)};
  python_arguments given;
  binding b;
  if (!given.take(name, args, kwargs) || !b.place(given.get(), p) || !refuse_none(b, p)) return nullptr;
  if (b.lacks_required(p)) {
    b.refuse_missing(p);
    return nullptr;
  }
  PyObject* const lists = as_lists(b, p.count);  // which hold what leaves the dict
  const arguments from = given.get();
  for (Py_ssize_t k = 0; lists && k < from.named(); ++k)
    if (p.find(from.name(k)) >= 0 && PyDict_DelItem(kwargs, from.name(k)) != 0) {
      Py_DECREF(lists);
      return nullptr;
    }
  return lists;
}

}  // namespace ufloss::python
