# Sums and means of losses, as _core.pyx has the losses.

cdef extern from *:
    ctypedef struct reduce_target "ufloss::python::reduce_target":
        const loss_record *values
        const loss_record *loops
        const loss_record *masked_values
        const loss_record *masked_loops
        const loss_record *reduction
        bint rows, mean, with_grad
        PyObject *weights
        PyObject *axis
    PyObject *call_plain "ufloss::python::call_plain"(const reduce_target &, object, object) except? NULL
    object reduce_arrays "ufloss::python::reduce_arrays"(
        const reduce_target &, int, object, Py_ssize_t, object, object, object, object, object)


cdef const loss_record *record_of(int which, dict records, str attribute):
    """The record of an output of a loss; NULL: there is none."""
    if attribute not in records:
        return NULL
    return record_at(which, records[attribute][0])


cdef class Reducer:
    """A sum or mean of a loss: a call with plain arguments is one of the core, all others go to
    `_call_any`.
    """
    cdef reduce_target target
    cdef object weights_word, axis_word

    def __init__(self, int which, tuple reduction, dict loss, bint mean, bint with_grad, str weights_word):
        if self.target.values is not NULL:
            raise TypeError("this sum belongs to a loss already")
        attribute = "value_and_grad" if with_grad else ""
        self.weights_word, self.axis_word = weights_word, "over" if loss["dims"] == "n" else "axis"
        self.target.weights, self.target.axis = <PyObject *>self.weights_word, <PyObject *>self.axis_word
        self.target.values = record_of(which, loss["outputs"], "")
        self.target.loops = record_of(which, loss["outputs"], attribute)
        self.target.masked_values = record_of(which, loss["masked"], "")
        self.target.masked_loops = record_of(which, loss["masked"], attribute)
        self.target.reduction = record_at(which, reduction)
        self.target.rows, self.target.mean, self.target.with_grad = loss["dims"] == "n", mean, with_grad

    def __call__(self, *args, **kwargs):
        if self.target.values is NULL:
            raise TypeError("this sum belongs to no loss")  # made by __new__ alone
        cdef PyObject *found = call_plain(self.target, args, kwargs)
        if found is NULL:
            return self._call_any(*args, **kwargs)
        result = <object>found
        Py_DECREF(result)
        return result

    def _reduce(self, int type_number, tuple shape, Py_ssize_t width, tuple inputs, weights, mask, grad,
                tuple axes):
        """The sums or means and the sums of the weights, in float64; see reduce_arrays().

        `type_number` is NumPy's, of the losses.
        """
        if self.target.values is NULL:
            raise TypeError("this sum belongs to no loss")
        return reduce_arrays(self.target, type_number, shape, width, inputs, weights, mask, grad, axes)
