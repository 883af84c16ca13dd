// Sums and means of losses of NumPy's arrays: from a call's arguments to a reduction of the core, and back.
#pragma once
#include "_host.hpp"
#include "ufloss/reduce/reduction.hpp"

namespace ufloss::python {

/// What a `loss.sum`, `loss.mean` or the value_and_grad of one is.
struct reduce_target {
  const loss_record *values = nullptr, *loops = nullptr;  ///< loops: what it calls, perhaps with the gradient
  const loss_record *masked_values = nullptr, *masked_loops = nullptr;
  const loss_record* reduction = nullptr;
  bool rows = false, mean = false, with_grad = false;
  PyObject *weights = nullptr, *axis = nullptr;  ///< the keywords' names
  const loss_info& info() const { return *values->info; }
};
/// NumPy's number of what losses of that type are stored in, and back; loop_types: there is none.
constexpr int numpy_type(loop_type type) {
  if (type == float16_loop) return NPY_HALF;
  return type == float32_loop ? NPY_FLOAT : NPY_DOUBLE;
}
constexpr loop_type loop_type_of(int numpy_type) {
  if (numpy_type == NPY_HALF) return float16_loop;
  if (numpy_type == NPY_FLOAT) return float32_loop;
  return numpy_type == NPY_DOUBLE ? float64_loop : loop_types;
}

/// The type of an array's numbers; false: it is none that is read as it lies.
/// By size, since C's types of one size have several numbers in NumPy.
inline bool find_type(PyArrayObject* a, number_type* type) {
  if (!PyArray_ISNOTSWAPPED(a)) return false;
  const int size = int(PyArray_ITEMSIZE(a));
  const int power = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : -1;
  if (power < 0) return false;
  const int number = PyArray_TYPE(a);
  int first;
  if (number == NPY_BOOL) first = int(number_type::boolean);
  else if (number == NPY_HALF || number == NPY_FLOAT || number == NPY_DOUBLE)
    first = int(number_type::float16) - 1;
  else if (PyTypeNum_ISUNSIGNED(number)) first = int(number_type::uint8);
  else if (PyTypeNum_ISSIGNED(number) && number != NPY_TIMEDELTA) first = int(number_type::int8);
  else return false;
  *type = number_type(first + power);
  return true;
}

/// What the loops of a reduction are told: there is no lock to give away, and a fault is kept until it can be
/// raised.
struct reduce_context : context {
  const char* loss = "";
  fault said;
  reduce_context() {
    past_cache_from = python_context.past_cache_from;
    report = [](const context& c, const char* name, const fault& found) {
      // Each call has a context of its own, so that writing to it is safe from other threads.
      auto& own = const_cast<reduce_context&>(static_cast<const reduce_context&>(c));
      own.loss = name;
      own.said = found;
    };
  }
};
/// A reduction, and room for what it points to.
/// On the stack of the call: nothing of it lives longer, and a call takes no memory for it.
struct reduce_call {
  reduction r;
  std::ptrdiff_t shape[reduce_axes], steps[reduce_inputs + 3][reduce_axes];
  bool reduced[reduce_axes];
  double numbers[reduce_inputs];
  npy_intp kept[reduce_axes];
  int kept_axes = 0;
  reduce_context called_by;

  /// Everything that follows from the loss; shapes and data are set afterwards.
  reduce_call(const reduce_target& t, bool masked) {
    const loss_record* const values = masked ? t.masked_values : t.values;
    const loss_record* const loops = masked ? t.masked_loops : t.loops;
    r.shape = shape;
    r.reduced = reduced;
    r.rows = t.rows;
    r.mean = t.mean;
    r.inputs = t.info().nargs;
    for (int k = 0; k < loop_types; ++k) {
      r.values[k] = values->loops[k];
      r.loops[k] = loops->loops[k];
    }
    for (int k = 0; k < r.inputs; ++k) {
      r.in[k].along = t.info().args[k].along();
      r.in[k].is_label = t.info().args[k].kind == role::label;
      r.in[k].steps = steps[k];
    }
    r.weights.steps = steps[reduce_inputs];
    r.mask.steps = steps[reduce_inputs + 1];
    r.grad.steps = steps[reduce_inputs + 2];
    r.mask.along = r.grad.along = t.rows;
  }
  /// An operand that is an array; its axes are the last ones of the losses, and then that of the row.  False:
  /// it has another shape or type.
  bool set(reduce_operand* x, PyArrayObject* a) {
    if (!find_type(a, &x->type)) return false;
    const int own = PyArray_NDIM(a) - x->along, missing = r.axes - own;
    if (own < 0 || missing < 0) return false;
    x->data = PyArray_BYTES(a);
    x->aligned = PyArray_ISALIGNED(a);
    for (int i = 0; i < missing; ++i) x->steps[i] = 0;
    for (int i = 0; i < own; ++i) {
      const npy_intp n = PyArray_DIM(a, i);
      // An axis of length 1 broadcasts: its steps are 0, whatever NumPy has noted.
      if (n != 1 && n != shape[missing + i]) return false;
      x->steps[missing + i] = n == 1 ? 0 : PyArray_STRIDE(a, i);
    }
    if (!x->along) return true;
    const npy_intp n = PyArray_DIM(a, own);
    x->core = n == 1 ? 0 : PyArray_STRIDE(a, own);
    return n == 1 || n == r.width;
  }
  /// An operand that is the same number everywhere.
  void set_number(int k, double x) {
    numbers[k] = x;
    r.in[k].data = reinterpret_cast<char*>(numbers + k);
    r.in[k].type = number_type::float64;
    for (int i = 0; i < r.axes; ++i) steps[k][i] = 0;
  }
  /// The shape of the results.
  void keep_all_but_reduced() {
    kept_axes = 0;
    for (int i = 0; i < r.axes; ++i)
      if (!reduced[i]) kept[kept_axes++] = shape[i];
  }
  /// Is it so much work that other threads may run meanwhile?
  bool is_long() const {
    // By division, since the product of all lengths may overflow.
    constexpr std::ptrdiff_t many = 65536;
    std::ptrdiff_t left = many / (r.rows ? r.width + 1 : 1);
    for (int i = 0; i < r.axes; ++i) {
      if (shape[i] == 0) return false;
      left /= shape[i];
    }
    return left == 0;
  }
  /// False: the core has refused, or there was no memory.
  bool run(const reduce_target& t) {
    // The record of the reduction belongs to the instruction set in use, as the loops do that it calls.
    char* const args[] = {reinterpret_cast<char*>(&r)};
    r.caller = &called_by;
    const without_lock free(python_context, is_long());
    return t.reduction->loops[0](called_by, args, nullptr, nullptr) == 0;
  }
  /// After run() was false.
  void raise(const reduce_target& t) const {
    if (r.fault == reduce_fault::no_memory) PyErr_NoMemory();
    else if (r.fault == reduce_fault::too_many)
      PyErr_Format(PyExc_ValueError, "%s: more losses than an array may have", t.info().name);
    else python::raise(called_by.loss, called_by.said);
  }
};

/// A call with plain arguments, which needs nothing but the core.
/// Everything that is not plain is left to the long way without an error, so each check may say no too
/// often, never too seldom.
struct plain_call {
  const reduce_target& t;
  reduce_call c;
  PyArrayObject *arrays[reduce_inputs] = {}, *weights = nullptr, *mask = nullptr;
  PyObject *total = nullptr, *weight = nullptr, *result = nullptr, *grad = nullptr;
  bool all_axes = true;
  long axis = 0;
  // Arrays of the caller are borrowed; what the call makes is its own until it is handed over.
  explicit plain_call(const reduce_target& of) : t(of), c(of, false) {}
  ~plain_call() {
    for (PyObject* const o : {total, weight, result, grad}) Py_XDECREF(o);
  }

  /// Sees what the arguments are; false: not plain.
  bool read(PyObject* args, PyObject* words) {
    return read_words(words) && read_inputs(args) && find_shape() && set_operands();
  }
  /// Rows have no quick `where`: their mask may lie over elements or over rows.
  bool read_words(PyObject* words) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (words && PyDict_Next(words, &at, &key, &value)) {
      if (is(key, t.weights)) {
        if (value != Py_None && !(PyArray_CheckExact(value) && (weights = as_array(value)))) return false;
      } else if (is(key, t.axis)) {
        if (!read_axis(value)) return false;
      } else if (!t.rows && PyUnicode_CompareWithASCIIString(key, "where") == 0) {
        if (value == Py_True) continue;
        if (!PyArray_CheckExact(value) || PyArray_TYPE(as_array(value)) != NPY_BOOL) return false;
        mask = as_array(value);
      } else return false;
    }
    return true;
  }
  /// Keywords are interned as a rule: the comparison of texts is seldom made.
  static bool is(PyObject* key, PyObject* word) { return key == word || PyUnicode_Compare(key, word) == 0; }
  /// One axis, or all of them.  A bool is an int to Python, but no exact one, and is left to the long way.
  bool read_axis(PyObject* value) {
    if (value == Py_None) return true;
    if (!PyLong_CheckExact(value)) return false;
    int overflow = 0;
    axis = PyLong_AsLongAndOverflow(value, &overflow);
    all_axes = false;
    return !overflow;
  }
  /// Operands by position; some array must say what the type is.
  bool read_inputs(PyObject* args) {
    const Py_ssize_t n = PyTuple_Size(args);
    const loss_info& info = t.info();
    if (n > info.nargs) return false;
    c.r.type = loop_types;  // not known yet
    for (int k = 0; k < info.nargs; ++k) {
      const argument& a = info.args[k];
      PyObject* const x = k < n ? PyTuple_GetItem(args, k) : Py_None;
      if (PyArray_CheckExact(x)) {
        if (!take_array(k, as_array(x))) return false;
      } else if (t.rows && (a.along() || a.kind == role::label)) return false;
      else if (!read_number(x, k, a.fallback, k >= n)) return false;
    }
    return c.r.type != loop_types;
  }
  /// All arrays but labels are of one type, so that nothing has to be promoted.
  bool take_array(int k, PyArrayObject* a) {
    arrays[k] = a;
    const argument& x = t.info().args[k];
    if (x.kind == role::label) return PyArray_TYPE(a) == NPY_INT64 && PyArray_ISNOTSWAPPED(a);
    if (t.rows && !x.along()) return false;
    const loop_type type = loop_type_of(PyArray_TYPE(a));
    if (type == loop_types || PyArray_NDIM(a) == 0) return false;
    if (c.r.type != loop_types && c.r.type != type) return false;
    c.r.type = type;
    return true;
  }
  /// A parameter that is a number, or has a default; NaN stands for one that is required.
  bool read_number(PyObject* x, int k, double fallback, bool missing) {
    double number = fallback;
    if (!missing) {
      constexpr double exact = 9007199254740992.0;  // integers beyond are rounded twice
      // Exactly Python's own: subclasses, NumPy's float64 among them, are left to the long way.
      if (!PyFloat_CheckExact(x) && !PyLong_CheckExact(x)) return false;
      number = PyFloat_CheckExact(x) ? PyFloat_AsDouble(x) : PyLong_AsDouble(x);
      if (number == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
      }
      if (PyLong_CheckExact(x) && !(number <= exact && number >= -exact)) return false;
    } else if (number != number) return false;
    c.numbers[k] = number;
    return true;
  }
  /// The shape that operands broadcast to.
  /// The axis of the rows is apart: it becomes the width.  False: NumPy would refuse.
  bool find_shape() {
    c.r.axes = 0;
    c.r.width = 1;
    for (int k = 0; k < c.r.inputs; ++k) {
      if (!arrays[k]) continue;
      const int own = PyArray_NDIM(arrays[k]) - c.r.in[k].along;
      if (own > c.r.axes) c.r.axes = own;
    }
    for (int i = 0; i < c.r.axes; ++i) c.shape[i] = 1;
    for (int k = 0; k < c.r.inputs; ++k) {
      if (!arrays[k]) continue;
      const int own = PyArray_NDIM(arrays[k]) - c.r.in[k].along;
      for (int i = 0; i < own; ++i)
        if (!broadcast(&c.shape[c.r.axes - own + i], PyArray_DIM(arrays[k], i))) return false;
      if (c.r.in[k].along && !broadcast(&c.r.width, PyArray_DIM(arrays[k], own))) return false;
    }
    return is_countable(c.r);
  }
  static bool broadcast(std::ptrdiff_t* n, npy_intp own) {
    if (*n == 1) *n = own;
    return own == 1 || own == *n;
  }
  /// Once the shape is known: steps of all operands, and which axes are added up.
  bool set_operands() {
    for (int k = 0; k < c.r.inputs; ++k)
      if (!arrays[k]) c.set_number(k, c.numbers[k]);
      else if (!c.set(&c.r.in[k], arrays[k])) return false;
    if (weights && !c.set(&c.r.weights, weights)) return false;
    if (mask && !c.set(&c.r.mask, mask)) return false;
    if (!all_axes && (axis < -c.r.axes || axis >= c.r.axes)) return false;
    for (int i = 0; i < c.r.axes; ++i) c.reduced[i] = all_axes || i == (axis < 0 ? axis + c.r.axes : axis);
    c.keep_all_but_reduced();
    return true;
  }

  /// The results; null without an error: the core has refused, and the long way says why.
  PyObject* run() {
    // A result without axes needs no array: it becomes a scalar of NumPy's.
    double sums[2];
    // A result of any type, which PyArray_Scalar() copies.
    union {
      npy_half h;
      float f;
      double d;
    } rounded;
    const int type = numpy_type(c.r.type);
    if (c.kept_axes == 0) {
      c.r.total = sums;
      c.r.weight = sums + 1;
      c.r.result = &rounded;
    } else if (!make_results(type)) return nullptr;
    if (t.with_grad && !make_grad(type)) return nullptr;
    if (!c.run(t)) return nullptr;
    if (c.kept_axes == 0) {
      PyArray_Descr* const descr = PyArray_DescrFromType(type);
      result = PyArray_Scalar(&rounded, descr, nullptr);
      Py_DECREF(descr);
      if (!result) return nullptr;
    }
    PyObject* const found = t.with_grad ? PyTuple_Pack(2, result, grad) : result;
    if (!t.with_grad) result = nullptr;
    return found;
  }
  /// Sums in double beside the results, which are rounded from them; the destructor drops what is left.
  bool make_results(int type) {
    total = PyArray_SimpleNew(c.kept_axes, c.kept, NPY_DOUBLE);
    weight = total ? PyArray_SimpleNew(c.kept_axes, c.kept, NPY_DOUBLE) : nullptr;
    result = weight ? PyArray_SimpleNew(c.kept_axes, c.kept, type) : nullptr;
    if (!result) return false;
    c.r.total = static_cast<double*>(PyArray_DATA(as_array(total)));
    c.r.weight = static_cast<double*>(PyArray_DATA(as_array(weight)));
    c.r.result = PyArray_DATA(as_array(result));
    return true;
  }
  /// In the shape of the losses, and along rows of that of the elements.
  bool make_grad(int type) {
    npy_intp full[reduce_axes + 1];
    for (int i = 0; i < c.r.axes; ++i) full[i] = c.shape[i];
    full[c.r.axes] = c.r.width;
    grad = PyArray_SimpleNew(c.r.axes + t.rows, full, type);
    return grad && c.set(&c.r.grad, as_array(grad));
  }
};
/// What a call gives; null without an error: its arguments are not plain, or the core has refused.
inline PyObject* call_plain(const reduce_target& t, PyObject* args, PyObject* words) {
  plain_call call(t);
  return call.read(args, words) ? call.run() : nullptr;
}

/// The same of arrays that broadcast to the losses' shape, those along rows with the class axis last: what
/// every other call comes down to.  The sums or means, and the sums of the weights, in double; `grad` is
/// written to.  None stands for no weights, mask or gradient.
inline PyObject* reduce_arrays(const reduce_target& t, int type, PyObject* shape, Py_ssize_t width,
                               PyObject* inputs, PyObject* weights, PyObject* mask, PyObject* grad,
                               PyObject* axes) {
  // A mask of rows lies over elements here, which only the twins of the loops have.
  reduce_call c(t, mask != Py_None && t.rows);
  bool fits = PyTuple_Size(shape) <= reduce_axes && PyTuple_Size(inputs) == c.r.inputs;
  fits = fits && loop_type_of(type) != loop_types && width >= 0;
  c.r.type = loop_type_of(type);
  c.r.width = width;
  c.r.axes = fits ? int(PyTuple_Size(shape)) : 0;
  for (int i = 0; i < c.r.axes; ++i) {
    c.shape[i] = PyLong_AsSsize_t(PyTuple_GetItem(shape, i));
    c.reduced[i] = false;
    fits = fits && c.shape[i] >= 0;
  }
  for (Py_ssize_t i = 0; fits && i < PyTuple_Size(axes); ++i) {
    const Py_ssize_t axis = PyLong_AsSsize_t(PyTuple_GetItem(axes, i));
    fits = axis >= 0 && axis < c.r.axes;
    if (fits) c.reduced[axis] = true;
  }
  if (PyErr_Occurred()) return nullptr;
  const auto set = [&](reduce_operand* x, PyObject* o) {
    if (o != Py_None) fits = fits && PyArray_Check(o) && c.set(x, as_array(o));
  };
  for (int k = 0; fits && k < c.r.inputs; ++k) set(&c.r.in[k], PyTuple_GetItem(inputs, k));
  set(&c.r.weights, weights);
  set(&c.r.mask, mask);
  set(&c.r.grad, grad);
  if (!fits) {
    // Not the caller's fault: the Python side has promised arrays of that form.
    PyErr_SetString(PyExc_SystemError, "an operand of a reduction does not fit");
    return nullptr;
  }
  c.keep_all_but_reduced();
  PyObject* const total = PyArray_SimpleNew(c.kept_axes, c.kept, NPY_DOUBLE);
  PyObject* const sums = total ? PyArray_SimpleNew(c.kept_axes, c.kept, NPY_DOUBLE) : nullptr;
  PyObject* found = nullptr;
  if (sums) {
    c.r.total = static_cast<double*>(PyArray_DATA(as_array(total)));
    c.r.weight = static_cast<double*>(PyArray_DATA(as_array(sums)));
    if (c.run(t)) found = PyTuple_Pack(2, total, sums);
    else c.raise(t);
  }
  Py_XDECREF(total);
  Py_XDECREF(sums);
  return found;
}

}  // namespace ufloss::python
