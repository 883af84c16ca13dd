"""What the benchmarks of rows, CTC, means and NT-Xent share: peers on one thread, and rounds that run every
contender in a new order.

Import it before jax and torch: it says how many threads they may have.  torch is left out where it is not
installed.
"""

import functools
import os
import random
import statistics
import time

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ.update(
    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", JAX_PLATFORMS="cpu"
)

import jax
import numpy as np
import optax

import ufloss

try:
    import torch
except ModuleNotFoundError:
    torch = None
else:
    torch.set_num_threads(1)


def versions():
    """What the figures belong to."""
    peers = f"optax {optax.__version__}, jax {jax.__version__}" + (
        f", torch {torch.__version__}" if torch else ""
    )
    return f"{ufloss.show_config('dicts')}\n{peers}"


def in_ufloss(loss, args, value=None):
    """{output: call} of one of our losses, with a gradient that is reused as `value` is."""
    both = functools.partial(loss.value_and_grad, *args, out=(value, np.empty_like(args[0])))
    return {"value": functools.partial(loss, *args, out=value), "value_and_grad": both}


def under_jit(loss, *args):
    """{output: call} of a loss in JAX, which is differentiated by its first argument."""
    given = [jax.device_put(a) for a in args]
    value = jax.jit(loss)

    @jax.jit
    def both(x, *rest):
        found, back = jax.vjp(lambda z: loss(z, *rest), x)
        return found, *back(jax.numpy.ones_like(found))

    return {
        "value": lambda: value(*given).block_until_ready(),
        "value_and_grad": lambda: jax.block_until_ready(both(*given)),
    }


def in_torch(loss, *args):
    """{output: call} of a loss in eager torch."""
    given = [torch.from_numpy(a) for a in args]
    x = given[0].clone().requires_grad_()

    def both():
        x.grad = None
        found = loss(x, *given[1:])
        found.sum().backward()
        return found.detach(), x.grad

    def value():
        with torch.no_grad():
            return loss(*given)

    return {"value": value, "value_and_grad": both}


def compiled_by_torch(loss, *args):
    """{output: call} of a loss under torch.compile."""
    given = [torch.from_numpy(a) for a in args]
    # else the eighth loss would count as the eighth attempt to compile the same function
    torch._dynamo.reset()

    def vjp(x, *rest):
        found, back = torch.func.vjp(lambda z: loss(z, *rest), x)
        return found, back(torch.ones_like(found))[0]

    def call(f):
        run = torch.compile(f, fullgraph=True, dynamic=False)

        def without_graph():
            with torch.no_grad():
                return run(*given)

        return without_graph

    return {"value": call(loss), "value_and_grad": call(vjp)}


def peers_of(loss, torch_loss, args, *, compiled=True):
    """{name: {output: call}} of what there is."""
    peers = {"optax": under_jit(loss, *args)}
    if torch and torch_loss:
        peers["torch"] = in_torch(torch_loss, *args)
        if compiled:
            peers["torch.compile"] = compiled_by_torch(torch_loss, *args)
    return peers


def check(ours, theirs, rtol, atol=0.0):
    """The same results?  Before anything is timed."""
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, theirs)], strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def times_of(calls, rounds):
    """(median, smallest) processor time of each."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for i in random.sample(range(len(calls)), len(calls)):
            time.sleep(0.02)  # until idle threads of a peer have stopped spinning
            calls[i]()  # the others have emptied the caches
            began = time.process_time()
            calls[i]()
            times[i].append(time.process_time() - began)
    return [(statistics.median(t), min(t)) for t in times]


def compare(ours, peers, rounds):
    """Our median, the best peer's name and median, and the ratio of minima beside that peer."""
    (a, least), *others = times_of([ours, *peers.values()], rounds)
    (b, least_b), name = min(zip(others, peers, strict=True))
    return a, name, b, least_b / least
