"""With little memory a call is right or raises MemoryError."""

import sys

import pytest

from limits.child import run

LITTLE_MEMORY = """
import resource

x, y = rng.standard_normal((400, 3000)).astype("f4"), rng.integers(0, 3000, 400)
z = rng.standard_normal((300, 4096))
CE, mean = ul.softmax_cross_entropy_with_integer_labels, ul.huber_loss.mean
pairs = (ul.ntxent_loss, ul.ntxent_loss.value_and_grad, ul.supervised_contrastive_loss.value_and_grad)
CALLS = {
    "rows": [
        lambda: CE.value_and_grad(x, y),
        lambda: ul.softmax(x.T, axis=0),
        lambda: ul.logsumexp(x, axis=(0, 1)),
        lambda: ul.softmax_cross_entropy(x, x, where=x > 0),
    ],
    "means": [
        lambda: mean(z, 0.0),
        lambda: mean.value_and_grad(z, 0.0, weights=z * z, axis=0),
        lambda: mean(z.T, 0.0, where=z.T > 0, axis=1),
        lambda: CE.mean.value_and_grad(x, y),
    ],
    "ctc": [
        lambda f=f: f(x.reshape(2, 600, 1000), y[:60].reshape(2, 30) + 1 & 511 | 1)
        for f in ctc.UFUNCS.values()
    ],
    "batch": [lambda f=f: f(x.reshape(1200, 1000), np.repeat(y, 3)) for f in pairs],
    "lists": [
        lambda f=f: f(x.reshape(4, -1), x.reshape(4, -1)[:, ::-1])
        for f in (ul.list_mle_loss, ul.list_mle_loss.grad_and_hess)
    ],
}


def size():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def same(a, b):
    return all(
        np.array_equal(p, q, equal_nan=True)
        for p, q in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,), strict=True)
    )


refused = done = 0
for k, call in enumerate(CALLS[<group>]):
    wanted = call()
    for room in [n << shift for shift in range(12, 28, 2) for n in (0, 1, 3)]:
        before = limit_addresses(size() + room)
        try:
            found = call()
        except MemoryError:
            found = None
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
        if found is None:
            refused += 1
        else:
            done += 1
            assert same(found, wanted), (k, room)
    say(k)
say(refused, done)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's")
@pytest.mark.parametrize("group", ["rows", "means", "ctc", "batch", "lists"])
def test_little_memory(group):
    refused, done = map(int, run(LITTLE_MEMORY, group=group)[-1].split())
    assert refused > 0
    assert done > 0
