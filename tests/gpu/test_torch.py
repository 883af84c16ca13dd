"""torch tensors: real ones, of which the machine of the tests takes host memory for a GPU's."""

import pickle
from inspect import signature

import numpy as np
import pytest

import ufloss as ul
import ufloss.cuda as uc
from internals import cuda_arrays, cuda_calls

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.cuda_emu


@pytest.fixture
def library(machine, monkeypatch):
    made = cuda_arrays.Torch(torch)
    made.ordinal, made.stream = lambda x: 0, lambda device: 55
    readers = {**cuda_arrays.READERS, torch.Tensor: made, torch.nn.Parameter: made}
    monkeypatch.setattr(cuda_arrays, "READERS", readers)
    monkeypatch.setattr(cuda_calls, "READERS", readers)
    return made


def same(tensor, array):
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.detach().numpy(), array)


def test_tensors_in_tensors_out(library, machine):
    x, y = torch.randn(6, 4), torch.randn(4)
    same(uc.huber_loss(x.T, y[:, None], 0.5), ul.huber_loss(x.T.numpy(), y[:, None].numpy(), np.float32(0.5)))
    assert machine.launched[-1][3] == 55
    _, grad = uc.huber_loss.value_and_grad(x, y)
    same(grad, ul.huber_loss.grad(x.numpy(), y.numpy()))
    assert machine.waited == []


def test_bfloat16(library):
    x = torch.randn(50).bfloat16()
    result = uc.absolute_error(x, 0.25)
    assert result.dtype is torch.bfloat16
    assert torch.equal(result, (x.float() - 0.25).abs().bfloat16())


def test_tensors_that_are_refused(machine):
    x = torch.zeros(3)
    for argument, said in [
        (x, "is a tensor on cpu"),
        (x.to("meta"), "is a tensor on meta"),
        (x.to_sparse(), "has the layout torch.sparse_coo"),
        (torch.zeros(3, requires_grad=True), "requires a gradient: call the loss of `ufloss.cuda.torch`"),
        (torch.zeros(3, dtype=torch.complex64).conj().imag, "is a view with a sign to come"),
    ]:
        with pytest.raises(TypeError, match=f"^squared_error: predictions {said}"):
            uc.squared_error(argument, 0.0)


def test_tensors_of_the_host_without_dimensions_are_numbers(library, machine, monkeypatch):
    monkeypatch.setattr(library, "ordinal", lambda x: 0 if x.ndim else -1)
    x = torch.randn(5)
    same(uc.squared_error(x, torch.tensor(0.5)), ul.squared_error(x.numpy(), np.float32(0.5)))


def test_gradients_are_those_of_the_loss(library):
    x, y = torch.randn(5, 4, requires_grad=True), torch.randn(4)
    value = uc.torch.huber_loss(x, y, delta=0.5)
    same(value, ul.huber_loss(x.detach().numpy(), y.numpy(), np.float32(0.5)))
    slope = torch.randn(5, 4)
    value.backward(slope)
    same(x.grad, slope.numpy() * ul.huber_loss.grad(x.detach().numpy(), y.numpy(), np.float32(0.5)))


def test_gradients_of_several_inputs_that_broadcast(library):
    two = next(
        f for f in uc.torch.LOSSES.values() if f.gradients > 1 and f.plain.loss["kind"] == "elementwise"
    )
    cpu = getattr(ul, two.__name__)
    inputs = [torch.rand(3, 4), torch.rand(4)] + [0.5] * (len(two.plain.names) - 2)
    inputs[0].requires_grad_(), inputs[1].requires_grad_()
    two(*inputs).sum().backward()
    plain = [inputs[0].detach().numpy(), inputs[1].detach().numpy(), *map(np.float32, inputs[2:])]
    first, second = cpu.grads(*plain)
    same(inputs[0].grad, first)
    np.testing.assert_allclose(inputs[1].grad.numpy(), second.sum(0), rtol=1e-6)
    only_second = [inputs[0].detach(), *inputs[1:]]
    inputs[1].grad = None
    two(*only_second).sum().backward()
    np.testing.assert_allclose(inputs[1].grad.numpy(), second.sum(0), rtol=1e-6)


def test_gradcheck(library):
    x = torch.randn(6, dtype=torch.float64, requires_grad=True)
    y = torch.randn(6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: uc.torch.log_cosh(x, y), (x,))


def test_masked_out_elements_have_no_gradient(library):
    x, mask = torch.randn(8, requires_grad=True), torch.arange(8) % 3 == 0
    uc.torch.squared_error(x, 0.0, where=mask).sum().backward()
    same(x.grad, np.where(mask.numpy(), 2 * x.detach().numpy(), 0))


def test_what_cannot_be_differentiated(library):
    x, delta = torch.randn(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with pytest.raises(TypeError, match=r"^huber_loss: delta requires a gradient, and the loss has none"):
        uc.torch.huber_loss(x, 0.0, delta)
    with torch.no_grad():
        assert not uc.torch.huber_loss(x, 0.0, delta).requires_grad
    with pytest.raises(TypeError, match="has no out"):
        uc.torch.huber_loss(x, out=x)
    grad = torch.autograd.grad(uc.torch.huber_loss(x).sum(), x, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="huber_loss: torch cannot differentiate its gradient; `hess` has"):
        (uc.torch.huber_loss(x).sum() + grad.square().sum()).backward()


def test_axes_of_values_and_gradients():
    rows = uc.torch.softmax_cross_entropy
    assert rows.axes_of_an_item(3, {}) == (2,)
    assert rows.axes_of_an_item(3, {"axis": (0,)}) == (0,)
    assert rows.axes_of_an_item(3, {"axis": (-1, 0)}) == (0, 2)
    assert rows.axes_of_an_item(3, {"axis": ()}) == (0, 1, 2)
    assert rows.axes_of_an_item(3, {"axis": (0,), "keepdims": True}) == ()
    assert uc.torch.ntxent_loss.axes_of_an_item(3, {}) == (1, 2)
    assert uc.torch.ctc.loss.axes_of_an_item(3, {}) == (1, 2)


def test_names():
    assert set(uc.torch.__all__) <= {*uc.__all__}
    assert not hasattr(uc.torch, "softmax")  # which has no gradient
    assert signature(uc.torch.huber_loss) == signature(uc.huber_loss)
    assert pickle.loads(pickle.dumps(uc.huber_loss.grad)) is uc.huber_loss.grad
