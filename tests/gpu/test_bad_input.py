"""What cannot be is refused before anything is launched, by an error that names the argument."""

import numpy as np
import pytest

import ufloss.cuda as uc
from gpu.arrays import DLPack, Interface, WithNamespace
from internals import cuda_functions

pytestmark = pytest.mark.cuda_emu


class Cases:
    """Arguments of a bad call, once there are arrays."""

    def __init__(self, cupy, machine):
        self.cupy, self.machine = cupy, machine
        self.x = cupy.array(np.ones(4, "f4"))
        self.plane = cupy.array(np.ones((3, 4), "f4"))

    def array(self, *args, **more):
        return self.cupy.array(np.ones(4, "f4"), *args, **more)

    def shifted(self):
        """An array that begins in the middle of `plane`."""
        room = np.ones(64, "f4")
        self.plane = self.cupy.ndarray(room[:12].reshape(3, 4))
        return self.cupy.ndarray(room[4:16].reshape(3, 4))

    def around(self):
        """An array that begins as `x` does, and is longer."""
        room = np.ones(16, "f4")
        self.x = self.cupy.ndarray(room[:4])
        return self.cupy.ndarray(room[:12].reshape(3, 4))


def interface(c, host=None, **more):
    return Interface(np.ones(4, "f4") if host is None else host, c.machine, **more)


REFUSED = {
    # where arrays are
    "host": (TypeError, "targets is a NumPy array, in host memory", lambda c: (c.x, np.ones(4, "f4"))),
    "first_host": (TypeError, "predictions is a NumPy array", lambda c: (np.ones(4, "f4"), c.x)),
    "masked": (TypeError, "targets is a NumPy array", lambda c: (c.x, np.ma.masked)),
    "list": (TypeError, "targets must be an array on a GPU or a number, not list", lambda c: (c.x, [1.0])),
    "text": (TypeError, "delta must be an array on a GPU or a number, not str", lambda c: (c.x, 0, "1")),
    "complex": (TypeError, "delta must be .* not complex", lambda c: (c.x, 0, 1j)),
    "numpy_complex": (TypeError, "delta must be .* not numpy.complex64", lambda c: (c.x, 0, np.complex64(1))),
    "none": (TypeError, "predictions must be", lambda c: (object(), c.x)),
    "huge": (OverflowError, "delta is too large", lambda c: (c.x, 0, 10**400)),
    "numbers": (TypeError, "none of the arguments is an array on a GPU", lambda c: (1.0, 2.0)),
    "devices": (
        ValueError,
        "targets is on device 1, predictions on device 0",
        lambda c: (c.x, c.array(ordinal=1)),
    ),
    "host_by_dlpack": (
        TypeError,
        "targets is a .* no GPU's",
        lambda c: (c.x, DLPack(c.x.host, device_type=1)),
    ),
    "pinned": (TypeError, "targets is a .* no GPU's", lambda c: (c.x, DLPack(c.x.host, device_type=3))),
    "host_by_interface": (
        TypeError,
        "targets lies in memory that is no GPU's",
        lambda c: (c.x, Interface(np.ones(4, "f4"), None)),
    ),
    "interface_with_mask": (
        TypeError,
        "targets has a mask of its own",
        lambda c: (c.x, interface(c, mask=1)),
    ),
    # types
    "integers": (
        TypeError,
        "targets must be float16, bfloat16, float32 or float64, not int64",
        lambda c: (c.x, c.array("i8")),
    ),
    "two_types": (
        TypeError,
        "targets is float64, predictions is float32: on a GPU they must be of one type",
        lambda c: (c.x, c.array("f8")),
    ),
    "complex_array": (
        TypeError,
        "targets has a type that kernels do not know",
        lambda c: (c.x, c.array("c8")),
    ),
    "swapped": (TypeError, "targets has a type that kernels do not know", lambda c: (c.x, c.array(">f4"))),
    "complex_interface": (
        TypeError,
        "targets is of type <c8",
        lambda c: (c.x, interface(c, np.ones(4, "c8"))),
    ),
    "complex_dlpack": (TypeError, "targets is of DLPack's type", lambda c: (c.x, DLPack(c.x.host, code=5))),
    # shapes
    "shapes": (
        ValueError,
        r"targets of shape \(3,\) does not",
        lambda c: (c.x, c.cupy.array(np.ones(3, "f4"))),
    ),
    "shape_of_parameter": (
        ValueError,
        r"delta of shape \(2, 1, 5\) does not broadcast with the shape \(3, 4\)",
        lambda c: (c.plane, 0, c.cupy.array(np.ones((2, 1, 5), "f4"))),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arguments(cupy, machine, case):
    error, said, arguments = REFUSED[case]
    with pytest.raises(error, match=f"^huber_loss: {said}"):
        uc.huber_loss(*arguments(Cases(cupy, machine)))
    assert machine.launched == []
    assert machine.current == 0


OUTPUTS = {
    "type": (TypeError, "out is float64, the result float32", lambda c: c.array("f8")),
    "shape": (ValueError, r"out has shape \(4,\), the result \(3, 4\)", lambda c: c.array()),
    "wider": (
        ValueError,
        "out of shape .* does not broadcast",
        lambda c: c.cupy.array(np.ones((3, 5), "f4")),
    ),
    "transposed": (
        ValueError,
        "out is not contiguous",
        lambda c: c.cupy.ndarray(np.ones((4, 3), "f4").T),
    ),
    "host": (TypeError, "out is a NumPy array", lambda c: np.ones((3, 4), "f4")),
    "number": (TypeError, "out must be an array on a GPU", lambda c: 1.0),
    "device": (
        ValueError,
        "out is on device 1, predictions on device 0",
        lambda c: c.cupy.array(np.ones((3, 4), "f4"), ordinal=1),
    ),
    "read_only_interface": (
        ValueError,
        "out is read-only",
        lambda c: interface(c, np.ones((3, 4), "f4"), read_only=True),
    ),
    "read_only_dlpack": (
        ValueError,
        "out is read-only",
        lambda c: DLPack(np.ones((3, 4), "f4"), read_only=True),
    ),
    "two": (TypeError, "out must be a tuple of 1 arrays", lambda c: (c.plane, c.plane)),
    "misplaced": (
        ValueError,
        "output 0 is not aligned",
        lambda c: c.cupy.array(np.ones((3, 4), "f4"), offset=2),
    ),
    "overlap": (
        ValueError,
        "out overlaps the memory of predictions",
        lambda c: c.shifted(),
    ),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs(cupy, machine, case):
    error, said, output = OUTPUTS[case]
    c = Cases(cupy, machine)
    out = output(c)
    with pytest.raises(error, match=f"huber_loss: {said}"):
        uc.huber_loss(c.plane, 0.0, out=out)
    assert machine.launched == []


def test_outputs_of_two_results(cupy, machine):
    c = Cases(cupy, machine)
    f = uc.huber_loss.value_and_grad
    with pytest.raises(TypeError, match="out must be a tuple of 2 arrays"):
        f(c.x, out=c.array())
    with pytest.raises(TypeError, match="out must be a tuple of 2 arrays"):
        f(c.x, out=(c.array(),))
    one = c.array()
    with pytest.raises(ValueError, match=r"out\[0\] overlaps the memory of another"):
        f(c.x, out=(one, one))
    with pytest.raises(ValueError, match=r"out\[0\] has shape \(4,\), the result \(3, 4\)"):
        f(c.x, out=(one, c.plane))
    around = c.around()
    with pytest.raises(ValueError, match="out overlaps the memory of targets"):
        uc.huber_loss(c.plane, c.x, out=around)
    assert machine.launched == []


MASKS = {
    "type": (TypeError, "where must be an array of bool, not uint8", lambda c: c.array("u1")),
    "number": (TypeError, "where must be an array of bool", lambda c: False),
    "host": (TypeError, "where is a NumPy array", lambda c: np.ones(4, bool)),
    "shape": (ValueError, "where of shape", lambda c: c.cupy.array(np.ones(3, bool))),
    "device": (ValueError, "where is on device 1", lambda c: c.cupy.array(np.ones(4, bool), ordinal=1)),
}


@pytest.mark.parametrize("case", MASKS)
def test_masks(cupy, machine, case):
    error, said, mask = MASKS[case]
    c = Cases(cupy, machine)
    with pytest.raises(error, match=f"^huber_loss: {said}"):
        uc.huber_loss(c.x, where=mask(c))
    assert machine.launched == []


def test_names_of_arguments(cupy, machine):
    x = cupy.array(np.ones(4, "f4"))
    for call, said in [
        (lambda: uc.huber_loss(), "missing 1 required positional argument: 'predictions'"),
        (lambda: uc.huber_loss(x, gamma=1), "unexpected keyword argument 'gamma'"),
        (lambda: uc.huber_loss(x, axis=0), "unexpected keyword argument 'axis'"),
        (lambda: uc.huber_loss(x, dtype="f4"), "unexpected keyword argument 'dtype'"),
        (lambda: uc.huber_loss(x, predictions=x), "predictions"),
        (lambda: uc.huber_loss(x, 0, 1, x, out=x), "out both by its place and by its name"),
        (lambda: uc.huber_loss(x, 0, 1, x, x), "must be a tuple of 1"),
        (lambda: uc.softmax(x, axis=1.5), "axis must be an integer"),
    ]:
        with pytest.raises(TypeError, match=said):
            call()
    with pytest.raises(AttributeError, match="no_such_loss"):
        uc.no_such_loss  # noqa: B018


@pytest.mark.parametrize("kind", ["row", "list", "pairs", "lattice"])
def test_kinds_without_kernels_say_so(cupy, machine, kind):
    """By the C++ core's own words: until it has them."""
    loss = next(f for f in cuda_functions.LOSSES.values() if f.loss["kind"] == kind)
    x, labels = cupy.array(np.ones((4, 3), "f4")), cupy.array(np.ones(4, "i8"))
    by_role = {"label": labels, "length": labels}
    inputs = [by_role.get(a["role"], x) for a in loss.loss["args"]]
    with pytest.raises(ValueError, match=rf"^{loss.name}: there are no kernels of this kind \({kind}\) yet"):
        loss(*inputs)


def test_libraries_that_cannot_make_arrays(machine):
    x = Interface(np.ones(4, "f4"), machine)
    with pytest.raises(TypeError, match=r"predictions is a gpu.arrays.Interface, whose .* out="):
        uc.huber_loss(x)


def test_arrays_without_elements_may_lie_nowhere(machine):
    x = WithNamespace(np.ones((0, 3), "f4"), machine)
    machine.memory.clear()
    assert uc.huber_loss(x).host.shape == (0, 3)
    assert machine.launched == []
