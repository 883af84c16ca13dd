"""Everything runs on 96 KiB of stack."""

import sys

import pytest

from limits.child import run

SMALL_STACK = """
import warnings

warnings.simplefilter("ignore")
dtype, stack = <dtype>, <stack>
logits, labels = rng.standard_normal((2, 40, 60)).astype(dtype), rng.integers(1, 60, (2, 15))
vectors, classes = rng.standard_normal((70, 33)).astype(dtype), rng.integers(0, 4, 70)
images = rng.standard_normal((2, 6, 7, 3)).astype(dtype)


def apart(a):
    # The same array with other numbers between its own.
    wide = np.repeat(a, 2, -1)
    wide[..., 1::2] = 7
    return wide[..., ::2]


def everything():
    for loss in ALL:
        if loss["dims"] == "b,d":
            many, pairs, some = rng.standard_normal((150, 40)).astype(dtype), np.arange(150) % 50, classes
            if loss["args"][1]["role"] != "label":
                pairs, some = many[::-1], vectors[::-1]
            for f in derivatives(loss):
                yield f, (vectors, some), {}
                yield f, (vectors, some), {"where": rng.random(70) < 0.8}
                for temperature in (0.1, 0.005):
                    yield f, (many, pairs, np.dtype(dtype).type(temperature)), {}
            continue
        for rows, n in ((70, 3), (70, 5), (70, 31), (70, 50), (70, 300), (70, 2500), (3, 5000)):
            args = draw(loss, rows, n, dtype)
            strided = [apart(a) if a.ndim > 1 else a for a in args]
            mask = rng.random((rows, n)) < 0.8
            masks = {"where": mask} if loss["dims"] == "n" else {}
            for f in derivatives(loss):
                yield f, args, {}
                yield f, [np.asfortranarray(a) for a in args], masks
                results = f(*args)
                outs = tuple(
                    apart(np.asarray(r)) for r in (results if isinstance(results, tuple) else (results,))
                )
                yield f, strided, {"out": outs}
                yield f, strided, {"out": outs, **masks}
            value = getattr(ul, loss["name"])
            for word in ("sum", "mean"):
                if hasattr(value, word):
                    keyword = (
                        "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"
                    )
                    weights = np.ones((rows, 1) if loss["dims"] == "" else 1)
                    yield getattr(value, word), args, {keyword: weights}
                    yield getattr(value, word), strided, {}
                    if hasattr(value, "value_and_grad"):
                        yield getattr(value, word).value_and_grad, args, {"where": mask}
                        yield getattr(value, word).value_and_grad, strided, {keyword: weights}
    for f in ctc.UFUNCS.values():
        yield f, (logits, labels), {}
        yield f, (logits, labels, [40, 30], [15, 3]), {"where": rng.random((2, 40)) < 0.9}
        yield f, (rng.standard_normal((1, 900, 300)).astype(dtype), rng.integers(1, 300, (1, 250))), {}
        yield f, ((rng.standard_normal((3, 90, 300)) * 60).astype(dtype), rng.integers(1, 300, (3, 20))), {}
    yield ctc.feasible, (labels, 3), {}
    for f in (
        ul.ctc_loss,
        ul.ctc_loss.value_and_grad,
        ul.ctc_loss_with_forward_probs,
        optax.ctc_loss,
        optax.ctc_loss_with_forward_probs,
    ):
        yield f, (logits, np.zeros((2, 40)), labels, np.zeros((2, 15))), {}
    for f in (ul.dice_loss, ul.dice_loss.value_and_grad, ul.multiclass_generalized_dice_loss):
        yield f, (images, np.ones_like(images)), {}
    yield ul.binary_dice_loss, (images[..., 0], np.ones_like(images[..., 0])), {}
    yield gluon.CTCLoss(), (logits, labels), {}
    yield gluon.SoftmaxCrossEntropyLoss(), (logits, np.zeros((2, 40), int)), {}
    yield axon.connectionist_temporal_classification, ((np.full(2, 15), labels), logits), {}
    yield ul.make_fenchel_young_loss(ul.logsumexp), (logits, np.ones_like(logits)), {}


failures, finished = [], []


def work():
    for f, args, kwargs in everything():
        say(getattr(f, "__name__", f), *[getattr(a, "shape", a) for a in args], *kwargs)
        try:
            f(*args, **kwargs)
        except Exception as e:
            failures.append(f"{getattr(f, '__name__', f)}: {e!r}")
    finished.append(True)


# threading.stack_size() leaves a guard of one page, which a large frame steps over: here it is a megabyte.
import ctypes

libc = ctypes.CDLL(None)
attributes, thread = ctypes.create_string_buffer(256), ctypes.c_ulong()
start = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: work())
assert libc.pthread_attr_init(attributes) == 0
assert libc.pthread_attr_setguardsize(attributes, ctypes.c_size_t(1 << 20)) == 0
assert libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(stack)) == 0
assert libc.pthread_create(ctypes.byref(thread), attributes, start, None) == 0
libc.pthread_join(thread, None)
assert not failures, failures
assert finished
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks for the C library of Linux")
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_96_kib_of_stack(dtype):
    lines = run(SMALL_STACK, dtype=dtype, stack=96 * 1024)
    assert len(lines) > 9000
