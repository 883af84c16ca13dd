"""Calls on a GPU that is the emulator: the bits of the CPU, in arrays of the caller's library."""

import numpy as np
import pytest

import ufloss as ul
import ufloss.cuda as uc
from gpu.arrays import DLPack, Interface, WithNamespace, aligned

pytestmark = pytest.mark.cuda_emu
rng = np.random.default_rng(7)


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    bits = f"u{a.itemsize}"
    different = np.ascontiguousarray(a).view(bits) != np.ascontiguousarray(b).view(bits)
    assert not (different & ~(np.isnan(a) & np.isnan(b))).any()
    return True


def draw(*shape, dtype="f4"):
    x = (3 * rng.normal(size=shape)).astype(dtype)
    return x


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_every_output_has_the_bits_of_the_cpu(cupy, machine, dtype):
    x, y = draw(531, dtype=dtype), draw(531, dtype=dtype)
    x[:4] = [np.nan, np.inf, -np.inf, -0.0]
    attributes = ["", "grad", "value_and_grad"] if dtype == "f4" else ["value_and_grad"]
    for attribute in attributes:
        cpu = getattr(ul.huber_loss, attribute) if attribute else ul.huber_loss
        gpu = getattr(uc.huber_loss, attribute) if attribute else uc.huber_loss
        results, wanted = gpu(cupy.array(x), cupy.array(y), 0.7), cpu(x, y, 0.7)
        assert isinstance(results, tuple) == isinstance(wanted, tuple)
        for a, b in zip(
            np.atleast_1d(results), wanted if isinstance(wanted, tuple) else [wanted], strict=True
        ):
            assert isinstance(a, cupy.ndarray)
            same_bits(a.host, b)


def test_calls_are_on_the_current_stream_and_wait_for_nothing(cupy, machine):
    uc.squared_error(cupy.array(draw(9), ordinal=1), 0.5)
    [(grid, block, _, stream, cluster, device)] = machine.launched
    assert (stream, device, cluster) == (77, 1, 1)
    assert (grid, block) == ((1, 1, 1), (256, 1, 1))
    assert machine.waited == []
    assert machine.current == 0  # as before the call
    assert [a.device.id for a in cupy.made] == [1]


def test_operands_broadcast_as_numpys_do(cupy, machine):
    x, y, delta = draw(5, 1, 3), draw(4, 1), np.float32(0.3) + rng.random((1, 3), np.float32)
    result = uc.huber_loss(*map(cupy.array, (x, y, delta)))
    same_bits(result.host, ul.huber_loss(x, y, delta))
    assert uc.huber_loss(cupy.array(draw(0, 4)), 1.0).shape == (0, 4)
    assert uc.huber_loss(cupy.array(draw()), 1.0).shape == ()


@pytest.mark.parametrize("view", ["transposed", "backwards", "every_other", "misplaced"])
def test_arrays_lie_as_they_like(cupy, machine, view):
    host = aligned((12, 10), "f4")
    host[...] = draw(12, 10)
    x = {
        "transposed": host.T,
        "backwards": host[::-1, ::-1],
        "every_other": host[::2, ::3],
        "misplaced": host.reshape(-1)[1:],
    }[view]
    y = draw(*x.shape)
    same_bits(uc.squared_error(cupy.ndarray(x), cupy.array(y)).host, ul.squared_error(x, y))


NUMBERS = [2, True, 0.1, np.float64(0.1), np.float16(0.1), np.array(0.1), np.array(3)]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_numbers_count_in_the_type_of_the_arrays(cupy, machine, number):
    x = draw(6, dtype="f4")
    typed = np.float32(number)
    same_bits(uc.squared_error(cupy.array(x), number).host, ul.squared_error(x, typed))
    same_bits(uc.squared_error(number, cupy.array(x)).host, ul.squared_error(typed, x))


@pytest.mark.parametrize("number", [1e-7, 6.1e-5, 65519.9, 65520, 1 + 2**-11 + 2**-30, 0.1, -1e-9, np.nan])
def test_numbers_are_rounded_once_to_half(cupy, machine, number):
    with np.errstate(over="ignore"):
        typed = np.float16(number)
    x = np.zeros(1, np.float16)
    same_bits(uc.absolute_error(cupy.array(x), number).host, ul.absolute_error(x, typed))


def test_calls_of_one_shape_are_planned_once_and_values_do_not_mix(cupy, machine):
    for value in (0.0, -0.0, 1.0, 1, True, 2.0):
        for x in (draw(8), draw(8)):
            same_bits(uc.squared_error(cupy.array(x), value).host, ul.squared_error(x, np.float32(value)))
    assert len(uc.squared_error.entries) == 4
    assert len(machine.compiler.compiled) <= 1


def test_the_number_of_remembered_calls_is_bounded(cupy, machine, monkeypatch):
    machine.runs = False
    x = cupy.array(draw(8))
    for k in range(1100):
        uc.squared_error(x, k)
    assert len(uc.squared_error.entries) <= 512


def test_where_leaves_the_rest_of_out_alone(cupy, machine):
    x, mask = draw(3, 50), rng.random((3, 50)) < 0.5
    out = cupy.array(np.full((3, 50), 9, "f4"))
    assert uc.squared_error(cupy.array(x), 1.0, out=out, where=cupy.array(mask)) is out
    same_bits(out.host, np.where(mask, ul.squared_error(x, np.float32(1)), np.float32(9)))
    new = uc.squared_error(cupy.array(x), 1.0, where=cupy.array(mask))
    same_bits(new.host, np.where(mask, ul.squared_error(x, np.float32(1)), np.float32(0)))
    wider = uc.squared_error(cupy.array(x[0]), 1.0, where=cupy.array(mask))
    assert wider.shape == (3, 50)


def test_outputs_are_written_where_they_are(cupy, machine):
    x = draw(40)
    gx = cupy.array(x)
    value, grad = cupy.array(np.zeros(40, "f4")), cupy.array(np.zeros(40, "f4"), offset=4)
    assert uc.huber_loss.value_and_grad(gx, out=(value, grad)) == (value, grad)
    for a, b in zip((value, grad), ul.huber_loss.value_and_grad(x), strict=True):
        same_bits(a.host, b)
    some, made = uc.huber_loss.value_and_grad(gx, out=(value, None))
    assert some is value
    assert made is cupy.made[-1]
    by_place = uc.huber_loss(gx, 0.0, 1.0, value)
    assert by_place is value


def test_an_output_may_be_an_input(cupy, machine):
    x = draw(500)
    gx = cupy.array(x)
    uc.squared_error(gx, 0.5, out=gx)
    same_bits(gx.host, ul.squared_error(x, np.float32(0.5)))


def test_libraries_that_do_not_align_their_arrays(machine, cupy):
    x = draw(21)
    cupy.offset = 4
    same_bits(uc.squared_error(cupy.array(x), 1.0).host, ul.squared_error(x, np.float32(1)))


def test_arrays_by_interface(machine):
    x, y = draw(6, 5), draw(6, 5)
    gx, gy = WithNamespace(x, machine, 1), Interface(y.T, machine, 1, stream=5)
    result = uc.squared_error(gx, WithNamespace(y, machine, 1))
    assert isinstance(result, WithNamespace)
    assert machine.launched[-1][3] == 0  # the default stream
    same_bits(result.host, ul.squared_error(x, y))
    gx = WithNamespace(x.T, machine, 1)
    same_bits(uc.squared_error(gx, gy).host, ul.squared_error(x, y).T)
    assert machine.ordered == [(5, 0)]  # on the device: y's stream, then ours
    assert machine.waited == []
    out = Interface(np.zeros((5, 6), "f4"), machine, 1)
    assert uc.squared_error(gy, 0.0, out=out) is out
    assert machine.launched[-1][3] == 5  # the stream of the first array
    same_bits(out.host, ul.squared_error(y.T, np.float32(0)))


@pytest.mark.parametrize("versioned", [True, False])
def test_arrays_by_dlpack(cupy, machine, versioned):
    x, y = draw(30), draw(30)
    other = DLPack(y, versioned=versioned)
    same_bits(uc.squared_error(cupy.array(x), other).host, ul.squared_error(x, y))
    assert other.streams == [77]  # whoever has it sees to it that it is ready there
    strided = DLPack(draw(30)[::-2], versioned=versioned)
    out = cupy.array(np.zeros(15, "f4"))
    uc.squared_error(strided, 1.0, out=out)
    assert strided.streams == [1]  # the default stream, as DLPack writes it
    same_bits(out.host, ul.squared_error(strided.host, np.float32(1)))


def test_bfloat16_by_dlpack(machine):
    x = (draw(64).view(np.uint32) & 0xFFFF0000).view(np.float32)  # what bfloat16 has exactly
    stored = (x.view(np.uint32) >> 16).astype(np.uint16)
    out = DLPack(np.zeros(64, np.uint16), code=4)
    uc.absolute_error(DLPack(stored, code=4), 0.0, out=out)
    same_bits((out.host.astype(np.uint32) << 16).view(np.float32), ul.absolute_error(x, np.float32(0)))
