"""How other libraries spell each loss, element by element, with ufloss's default parameters.

PEERS is the list: one entry a loss.  Its formula uses only what torch, jax.numpy, numexpr and NumPy have in
common, so one line serves all four; where a library has the loss under a name of its own, that name is used
instead.  x is the prediction, y (and z) what follows. Derivatives come from the peer itself: torch's and
JAX's by automatic differentiation, as their users get them.

contenders() turns an entry into calls.  A package that is not installed is left out; ABSENT names it.
"""

import importlib
import logging
import math

import numpy as np

ABSENT = []


def optional(name):
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        ABSENT.append(name)
        return None


torch = optional("torch")
jax = optional("jax")
optax = optional("optax")
numexpr = optional("numexpr")
special = optional("scipy.special")
sklearn = optional("sklearn._loss.loss")
F = torch and importlib.import_module("torch.nn.functional")

NAMES = ("where", "exp", "log", "log1p", "sqrt", "abs")
CONSTANTS = {"half": 0.5, "ln2": math.log(2), "ln2pi": math.log(2 * math.pi)}


class Peers:
    """One loss: the formula, and what the libraries call it.

    sklearn is (class, arguments).  Its losses leave out terms that are constant in x: shifted=True says that
    its value then differs. Its "hessian" is 1 for piecewise linear losses: bound=True says that it is
    ufloss's hess_bound.
    """

    def __init__(
        self,
        formula,
        *,
        torch=None,
        optax=None,
        jax=None,
        sklearn=None,
        scipy=None,
        numpy=None,
        shifted=False,
        bound=False,
    ):
        self.formula, self.torch, self.optax, self.jax, self.sklearn = formula, torch, optax, jax, sklearn
        self.scipy, self.numpy, self.shifted, self.bound = scipy, numpy, shifted, bound

    def function(self, module):
        """The formula as a function on one library's arrays."""
        scope = {name: getattr(module, name) for name in NAMES} | CONSTANTS
        return eval("lambda x, y=None, z=None: " + self.formula, scope)  # a line of this file


def in_place(o, first, *others):
    """NumPy without temporaries: each step is (ufunc, operands), o stands for the array that holds the
    result.
    """
    for ufunc, *operands in (first, *others):
        ufunc(*operands, out=o)


def focal(x, y, gamma=2.0):
    """What torchvision's sigmoid_focal_loss does without its alpha."""
    p, ce = torch.sigmoid(x), F.binary_cross_entropy_with_logits(x, y, reduction="none")
    return ce * (1 - (p * y + (1 - p) * (1 - y))) ** gamma


PEERS = {
    "squared_error": Peers(
        "(x - y)**2",
        torch=lambda x, y: F.mse_loss(x, y, reduction="none"),
        optax="squared_error",
        numpy=lambda x, y, o: in_place(o, (np.subtract, x, y), (np.multiply, o, o)),
    ),
    "l2_loss": Peers(
        "(x - y)**2 / 2",
        torch=lambda x, y: 0.5 * F.mse_loss(x, y, reduction="none"),
        optax="l2_loss",
        sklearn=("HalfSquaredError", {}),
        numpy=lambda x, y, o: in_place(o, (np.subtract, x, y), (np.multiply, o, o), (np.multiply, o, 0.5)),
    ),
    "absolute_error": Peers(
        "abs(x - y)",
        torch=lambda x, y: F.l1_loss(x, y, reduction="none"),
        sklearn=("AbsoluteError", {}),
        bound=True,
        numpy=lambda x, y, o: in_place(o, (np.subtract, x, y), (np.abs, o)),
    ),
    "huber_loss": Peers(
        "where(abs(x - y) <= 1, (x - y)**2 / 2, abs(x - y) - half)",
        torch=lambda x, y: F.huber_loss(x, y, reduction="none"),
        optax="huber_loss",
        sklearn=("HuberLoss", {"delta": 1.0}),
        scipy=lambda x, y, o: special.huber(1, np.subtract(x, y, out=o), out=o),
    ),
    "smooth_l1_loss": Peers(
        "where(abs(x - y) <= 1, (x - y)**2 / 2, abs(x - y) - half)",
        torch=lambda x, y: F.smooth_l1_loss(x, y, reduction="none"),
    ),
    "log_cosh": Peers("abs(x - y) + log1p(exp(-2*abs(x - y))) - ln2", optax="log_cosh"),
    "pseudo_huber_loss": Peers(
        "sqrt(1 + (x - y)**2) - 1",
        scipy=lambda x, y, o: special.pseudo_huber(1, np.subtract(x, y, out=o), out=o),
    ),
    "pinball_loss": Peers(
        "where(x < y, y - x, x - y) / 2", sklearn=("PinballLoss", {"quantile": 0.5}), bound=True
    ),
    "hinge_loss": Peers(
        "where(x*y < 1, 1 - x*y, 0)",
        torch=lambda x, y: F.relu(1 - x * y),
        optax="hinge_loss",
        numpy=lambda x, y, o: in_place(o, (np.multiply, x, y), (np.subtract, 1, o), (np.maximum, o, 0)),
    ),
    "squared_hinge_loss": Peers(
        "where(x*y < 1, 1 - x*y, 0)**2",
        torch=lambda x, y: F.relu(1 - x * y) ** 2,
        numpy=lambda x, y, o: in_place(
            o, (np.multiply, x, y), (np.subtract, 1, o), (np.maximum, o, 0), (np.multiply, o, o)
        ),
    ),
    "perceptron_loss": Peers(
        "where(x*y < 0, -x*y, 0)",
        torch=lambda x, y: F.relu(-x * y),
        optax="perceptron_loss",
        numpy=lambda x, y, o: in_place(o, (np.multiply, x, y), (np.minimum, o, 0), (np.negative, o)),
    ),
    "logistic_loss": Peers(
        "where(x*y < 0, -x*y, 0) + log1p(exp(-abs(x*y)))",
        torch=lambda x, y: F.soft_margin_loss(x, y, reduction="none"),
        jax=lambda x, y: jax.nn.softplus(-x * y),
        scipy=lambda x, y, o: in_place(o, (np.multiply, x, y), (special.log_expit, o), (np.negative, o)),
    ),
    "sigmoid_binary_cross_entropy": Peers(
        "where(x > 0, x, 0) - x*y + log1p(exp(-abs(x)))",
        torch=lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
        optax="sigmoid_binary_cross_entropy",
        sklearn=("HalfBinomialLoss", {}),
    ),
    "binary_cross_entropy": Peers(
        "-y*log(x) - (1 - y)*log(1 - x)",
        torch=lambda x, y: F.binary_cross_entropy(x, y, reduction="none"),
        scipy=lambda x, y, o: in_place(
            o, (special.xlogy, y, x), (np.add, o, special.xlog1py(1 - y, -x)), (np.negative, o)
        ),
    ),
    "sigmoid_focal_loss": Peers(
        "(y + (1 - 2*y)/(1 + exp(-x)))**2 * (where(x > 0, x, 0) - x*y + log1p(exp(-abs(x))))",
        torch=focal,
        optax="sigmoid_focal_loss",
    ),
    "sparsemax_loss": Peers(
        "where((1 - 2*y)*x > 1, (1 - 2*y)*x, where((1 - 2*y)*x < -1, 0*x, ((1 - 2*y)*x + 1)**2 / 4))",
        optax="sparsemax_loss",
    ),
    "poisson_nll_loss": Peers(
        "exp(x) - y*x",
        torch=lambda x, y: F.poisson_nll_loss(x, y, log_input=True, full=False, reduction="none"),
        sklearn=("HalfPoissonLoss", {}),
    ),
    "poisson_loss": Peers(
        "x - y*log(x)",
        torch=lambda x, y: F.poisson_nll_loss(x, y, log_input=False, full=False, eps=0.0, reduction="none"),
        scipy=lambda x, y, o: in_place(o, (special.xlogy, y, x), (np.subtract, x, o)),
    ),
    "stirling_term": Peers("where(x > 1, x*log(x) - x + (log(x) + ln2pi) / 2, 0)"),
    "half_poisson_deviance": Peers(
        "exp(x) - y - y*x + where(y > 0, y*log(y), 0)",
        torch=lambda x, y: torch.exp(x) - y - y * x + torch.xlogy(y, y),
        jax=lambda x, y: jax.numpy.exp(x) - y - y * x + jax.scipy.special.xlogy(y, y),
        sklearn=("HalfPoissonLoss", {}),
        shifted=True,
        scipy=lambda x, y, o: in_place(
            o, (special.xlogy, y, y), (np.subtract, o, y * x), (np.subtract, o, y), (np.add, o, np.exp(x))
        ),
    ),
    "half_gamma_deviance": Peers("x - log(y) + y*exp(-x) - 1", sklearn=("HalfGammaLoss", {}), shifted=True),
    "half_tweedie_deviance": Peers(
        "2*exp(x/2) + 2*y*exp(-x/2) - 4*sqrt(y)", sklearn=("HalfTweedieLoss", {"power": 1.5}), shifted=True
    ),
    "kl_div": Peers(
        "where(y > 0, y*log(y), 0) - y*x",
        torch=lambda x, y: F.kl_div(x, y, reduction="none"),
        jax=lambda x, y: jax.scipy.special.xlogy(y, y) - y * x,
        scipy=lambda x, y, o: in_place(o, (special.xlogy, y, y), (np.subtract, o, y * x)),
    ),
    "margin_ranking_loss": Peers(
        "where(z*(x - y) < 0, -z*(x - y), 0)",
        torch=lambda x, y, z: F.margin_ranking_loss(x, y, z, reduction="none"),
        numpy=lambda x, y, z, o: in_place(
            o, (np.subtract, x, y), (np.multiply, o, z), (np.minimum, o, 0), (np.negative, o)
        ),
    ),
}

JETS = [("value",), ("grad",), ("hess",), ("value", "grad"), ("grad", "hess")]


def torch_eager(peer, parts, inputs, outs):
    """Forward, and backward by loss.sum().backward(), as a training loop has it."""
    f = peer.torch or peer.function(torch)
    x, *rest = map(torch.from_numpy, inputs)
    if parts == ("value",):
        return lambda: (f(x, *rest),)
    x.requires_grad_()

    def first():
        x.grad = None
        value = f(x, *rest)
        value.sum().backward()
        return tuple({"value": value.detach(), "grad": x.grad}[part] for part in parts)

    def second():
        (grad,) = torch.autograd.grad(f(x, *rest).sum(), x, create_graph=True)
        hess = torch.autograd.grad(grad.sum(), x)[0].clone() if grad.requires_grad else torch.zeros_like(x)
        return tuple({"grad": grad.detach(), "hess": hess}[part] for part in parts)

    return second if "hess" in parts else first


def torch_compiled(peer, parts, inputs, outs):
    """One compiled function that writes into reused outputs: the fastest that torch.compile was found
    to do.
    """
    f = peer.torch or peer.function(torch)
    tensors, targets = list(map(torch.from_numpy, inputs)), list(map(torch.from_numpy, outs))

    def pull(f, x):
        value, back = torch.func.vjp(f, x)
        return value, back(torch.ones_like(value))[0]

    # else the eighth loss would count as the eighth attempt to compile the same function
    torch._dynamo.reset()

    @torch.compile(fullgraph=True, dynamic=False)
    def run(targets, x, *rest):
        def loss(x):
            return f(x, *rest)

        if "hess" in parts:
            grad, hess = pull(lambda x: pull(loss, x)[1], x)
            found = {"grad": grad, "hess": hess}
        elif "grad" in parts:
            value, grad = pull(loss, x)
            found = {"value": value, "grad": grad}
        else:
            found = {"value": loss(x)}
        for target, part in zip(targets, parts, strict=True):
            target.copy_(found[part])

    def call():
        with torch.no_grad():
            run(targets, *tensors)
        return targets

    return call


def jax_jit(peer, parts, inputs, outs):
    """jax.jit of the loss, of its vjp, or of the jvp of its gradient."""
    f = getattr(optax.losses, peer.optax) if optax and peer.optax else peer.jax or peer.function(jax.numpy)
    arrays = [jax.device_put(a) for a in inputs]

    @jax.jit
    def run(x, *rest):
        def loss(x):
            return f(x, *rest)

        if "hess" in parts:
            grad, hess = jax.jvp(jax.grad(lambda x: loss(x).sum()), (x,), (jax.numpy.ones_like(x),))
            found = {"grad": grad, "hess": hess}
        elif "grad" in parts:
            value, back = jax.vjp(loss, x)
            found = {"value": value, "grad": back(jax.numpy.ones_like(value))[0]}
        else:
            found = {"value": loss(x)}
        return tuple(found[part] for part in parts)

    return lambda: jax.block_until_ready(run(*arrays))


def sklearn_loss(peer, parts, inputs, outs):
    """The Cython losses behind scikit-learn's gradient boosting and generalised linear models, one thread,
    outputs reused.
    """
    if not peer.sklearn or inputs[0].dtype == np.float16 or (peer.shifted and "value" in parts):
        return None
    name, arguments = peer.sklearn
    loss = getattr(sklearn, name)(**arguments)
    x, y = inputs
    second = "hess_bound" if peer.bound else "hess"
    if parts == ("value",):
        return lambda: (loss.loss(y, x, loss_out=outs[0], n_threads=1),)
    if parts == ("grad",):
        return lambda: (loss.gradient(y, x, gradient_out=outs[0], n_threads=1),)
    if parts == ("value", "grad"):
        return lambda: loss.loss_gradient(y, x, loss_out=outs[0], gradient_out=outs[1], n_threads=1)
    if parts == ("grad", second):
        return lambda: loss.gradient_hessian(y, x, gradient_out=outs[0], hessian_out=outs[1], n_threads=1)
    return None


def numexpr_evaluate(peer, parts, inputs, outs):
    """The formula in one pass.  Integers and typed constants keep it in float32."""
    if parts != ("value",) or inputs[0].dtype == np.float16:
        return None
    names = dict(zip("xyz", inputs, strict=False)) | {
        name: inputs[0].dtype.type(value) for name, value in CONSTANTS.items()
    }
    return lambda: (
        numexpr.evaluate(peer.formula, local_dict=names, global_dict={}, out=outs[0], casting="no"),
    )


def scipy_special(peer, parts, inputs, outs):
    """The ufuncs of scipy.special."""
    if parts != ("value",) or not peer.scipy or inputs[0].dtype == np.float16:
        return None
    return lambda: (peer.scipy(*inputs, outs[0]), outs)[1]


def numpy_formula(peer, parts, inputs, outs):
    """Plain NumPy: without temporaries where the entry has that form, else the formula."""
    if parts != ("value",):
        return None
    if peer.numpy:
        return lambda: (peer.numpy(*inputs, outs[0]), outs)[1]
    f = peer.function(np)
    return lambda: (f(*inputs),)


def contenders(loss, parts, inputs, outs):
    """(peer, preparation) of every installed library that spells this loss with these outputs.

    A preparation gives a call without arguments that returns the outputs, or None where the library does not
    have them.
    """
    if loss not in PEERS:
        return
    peer = PEERS[loss]
    label = "optax" if optax and peer.optax else "jax"
    makers = [
        ("scikit-learn", sklearn, sklearn_loss),
        ("numexpr", numexpr, numexpr_evaluate),
        ("scipy", special, scipy_special),
        ("numpy", np, numpy_formula),
    ]
    if parts in JETS:
        makers = [
            ("torch", torch, torch_eager),
            ("torch.compile", torch, torch_compiled),
            (label, jax, jax_jit),
            *makers,
        ]
    for name, module, make in makers:
        if module:
            yield name, lambda make=make: make(peer, parts, inputs, outs)


def one_thread(double):
    """Tell each library to stay on the calling thread, and JAX whether it may use float64."""
    if torch:
        torch.set_num_threads(1)
        logging.getLogger("torch").setLevel(logging.ERROR)
    if numexpr:
        numexpr.set_num_threads(1)
    if jax:
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        jax.config.update("jax_enable_x64", double)
