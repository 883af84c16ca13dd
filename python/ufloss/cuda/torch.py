"""The losses of ufloss.cuda as functions that torch differentiates.

Each loss that has a gradient, under its name: called as in `ufloss.cuda`, without `out`.  Forward and
backward pass are one kernel, which computes the loss and the gradients that will be asked for.

>>> import torch                                                                # doctest: +SKIP
>>> from ufloss.cuda.torch import huber_loss                                    # doctest: +SKIP
>>> x = torch.randn(5, device="cuda", requires_grad=True)                       # doctest: +SKIP
>>> huber_loss(x, 0.0).sum().backward()                                         # doctest: +SKIP
"""

from types import SimpleNamespace

import torch

from .._registry import ALIASES
from . import _functions


class Final(torch.autograd.Function):
    """A gradient as it is: to torch it depends on what it was computed from, so that one who differentiates
    it is told, and not given 0.
    """

    @staticmethod
    def forward(ctx, name, found, *_):
        ctx.name = name
        return found.view_as(found)

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(
            f"{ctx.name}: torch cannot differentiate its gradient; `hess` has the second derivative"
        )


class Differentiable(torch.autograd.Function):
    """apply(loss, keywords, *inputs): a TorchLoss, and inputs in their order."""

    @staticmethod
    def forward(ctx, loss, keywords, *inputs):
        wanted = [k for k, needed in enumerate(ctx.needs_input_grad[2:]) if needed]
        if not wanted:
            return loss.plain(*inputs, **keywords)
        value, *grads = loss.with_gradients(max(wanted) + 1)(*inputs, **keywords)
        sources = [inputs[k] for k in wanted]
        ctx.save_for_backward(*(grads[k] for k in wanted), *sources)
        ctx.name, ctx.wanted, ctx.inputs = loss.plain.name, wanted, len(inputs)
        ctx.axes = loss.axes_of_an_item(grads[0].ndim, keywords)
        return value

    @staticmethod
    def backward(ctx, slope):
        again = torch.is_grad_enabled()  # does somebody want to differentiate what comes out?
        n = len(ctx.wanted)
        grads, sources = ctx.saved_tensors[:n], ctx.saved_tensors[n:]
        found = [None] * ctx.inputs
        with torch.no_grad():
            wide = slope
            for axis in ctx.axes:
                wide = wide.unsqueeze(axis)
            for k, grad, source in zip(ctx.wanted, grads, sources, strict=True):
                found[k] = (wide * grad).sum_to_size(source.shape)
        if again:
            for k in ctx.wanted:
                found[k] = Final.apply(ctx.name, found[k], slope, *sources)
        return None, None, *found


class TorchLoss:
    """A loss of `ufloss.cuda` that torch differentiates."""

    def __init__(self, plain):
        self.plain, self.__name__ = plain, plain.__name__
        self.__qualname__, self.__module__, self.__doc__ = plain.__name__, __name__, plain.__doc__
        self.__signature__ = plain.__signature__
        all_gradients = getattr(plain, "value_and_grads", plain.value_and_grad)
        self.gradients = all_gradients.results - 1

    def __repr__(self):
        return f"<function {__name__}.{self.__name__}>"

    def __call__(self, *args, **keywords):
        inputs, keywords = self.plain.arrange(args, keywords)
        if not torch.is_grad_enabled():
            return self.plain(*inputs, **keywords)
        for k, x in enumerate(inputs[self.gradients :], self.gradients):
            if isinstance(x, torch.Tensor) and x.requires_grad:
                raise TypeError(
                    f"{self.plain.said[k]} requires a gradient, and the loss has none of it: detach it"
                )
        return Differentiable.apply(self, keywords, *inputs)

    def with_gradients(self, n):
        """The function that computes the value and at least the first n gradients in one pass."""
        return self.plain.value_and_grad if n == 1 else self.plain.value_and_grads

    def axes_of_an_item(self, dims, keywords):
        """The axes that a gradient of so many dimensions has and the value has not, from the first on."""
        kind = self.plain.loss["dims"]
        if kind == "" or keywords.get("keepdims"):
            return ()
        if kind != "n":  # vectors of a batch, classes of a frame
            return dims - 2, dims - 1
        axes = keywords.get("axis", (-1,)) or range(dims)
        return tuple(sorted(axis % dims for axis in axes))


LOSSES = {name: TorchLoss(f) for name, f in _functions.LOSSES.items() if hasattr(f, "value_and_grad")}
ctc = SimpleNamespace(**{name[4:]: f for name, f in LOSSES.items() if name.startswith("ctc.")})
globals().update({name: f for name, f in LOSSES.items() if "." not in name})
globals().update({alias: LOSSES[name] for alias, name in ALIASES.items() if name in LOSSES})
__all__ = sorted(["ctc", *(name for name in (*LOSSES, *ALIASES) if name in globals())])
