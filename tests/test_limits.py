"""Small stacks, little memory, sizes that overflow, data that change during a call, and data that take long:
in child processes, since what fails here dies.
"""

import sys
import textwrap

import pytest

from children import run_child

COMMON = """
from ufloss import ctc
from ufloss._registry import ALL
from ufloss.compat import axon, gluon, optax

rng = np.random.default_rng(0)

def say(*words, **options):
    print(*words, flush=True, **options)

def draw(loss, batch, n, dtype):
    # Arguments of a row or elementwise loss.
    args = []
    for a in loss["args"]:
        shape = (batch, n) if a["along"] or loss["kind"] == "elementwise" else (batch,)
        if a["role"] == "label":
            args.append(rng.integers(0, n, batch))
        elif a["default"] is not None:
            break
        else:
            args.append(rng.uniform(0.1, 0.9, shape).astype(dtype))
    return args

def derivatives(loss):
    value = getattr(ul, loss["name"])
    return [getattr(value, attribute) if attribute else value for attribute in loss["outputs"]]
"""


def run(code, *, timeout=120, **words):
    """The lines that a child process prints; a child that dies fails the test with the last of them."""
    text = COMMON + textwrap.dedent(code)
    for word, value in words.items():
        text = text.replace(f"<{word}>", repr(value))
    return run_child(text, timeout=timeout).splitlines()


# --- 96 KiB of stack ----------------------------------------------------------------------------------------
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
        if loss["kind"] == "batch":
            many, pairs = rng.standard_normal((150, 40)).astype(dtype), np.arange(150) % 50
            for f in derivatives(loss):
                yield f, (vectors, classes), {}
                yield f, (vectors, classes), {"where": rng.random(70) < 0.8}
                for temperature in (0.1, 0.005):
                    yield f, (many, pairs, np.dtype(dtype).type(temperature)), {}
            continue
        for rows, n in ((70, 3), (70, 5), (70, 31), (70, 50), (70, 300), (70, 2500), (3, 5000)):
            args = draw(loss, rows, n, dtype)
            strided = [apart(a) if a.ndim > 1 else a for a in args]
            mask = rng.random((rows, n)) < 0.8
            masks = {"where": mask} if loss["kind"] == "row" else {}
            for f in derivatives(loss):
                yield f, args, {}
                yield f, [np.asfortranarray(a) for a in args], masks
                results = f(*args)
                outs = tuple(apart(np.asarray(r)) for r in (results if isinstance(results, tuple) else (results,)))
                yield f, strided, {"out": outs}
                yield f, strided, {"out": outs, **masks}
            value = getattr(ul, loss["name"])
            for word in ("sum", "mean"):
                if hasattr(value, word):
                    keyword = "loss_weights" if any(a["name"] == "weights" for a in loss["args"]) else "weights"
                    weights = np.ones((rows, 1) if loss["kind"] == "elementwise" else 1)
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
    for f in (ul.ctc_loss, ul.ctc_loss.value_and_grad, ul.ctc_loss_with_forward_probs, optax.ctc_loss, optax.ctc_loss_with_forward_probs):
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


# --- little memory ------------------------------------------------------------------------------------------
LITTLE_MEMORY = """
import resource
x, y = rng.standard_normal((400, 3000)).astype("f4"), rng.integers(0, 3000, 400)
z = rng.standard_normal((300, 4096))
CE, mean = ul.softmax_cross_entropy_with_integer_labels, ul.huber_loss.mean
pairs = (ul.ntxent_loss, ul.ntxent_loss.value_and_grad, ul.supervised_contrastive_loss.value_and_grad)
CALLS = {
    "rows": [lambda: CE.value_and_grad(x, y), lambda: ul.softmax(x.T, axis=0), lambda: ul.logsumexp(x, axis=(0, 1)),
             lambda: ul.softmax_cross_entropy(x, x, where=x > 0)],
    "means": [lambda: mean(z, 0.0), lambda: mean.value_and_grad(z, 0.0, weights=z * z, axis=0),
              lambda: mean(z.T, 0.0, where=z.T > 0, axis=1), lambda: CE.mean.value_and_grad(x, y)],
    "ctc": [lambda f=f: f(x.reshape(2, 600, 1000), y[:60].reshape(2, 30) + 1 & 511 | 1) for f in ctc.UFUNCS.values()],
    "batch": [lambda f=f: f(x.reshape(1200, 1000), np.repeat(y, 3)) for f in pairs],
}
def size():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
def same(a, b):
    return all(np.array_equal(p, q, equal_nan=True) for p, q in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,), strict=True))
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
@pytest.mark.parametrize("group", ["rows", "means", "ctc", "batch"])
def test_little_memory(group):
    refused, done = map(int, run(LITTLE_MEMORY, group=group)[-1].split())
    assert refused > 0
    assert done > 0


# --- sizes that overflow ------------------------------------------------------------------------------------
GIANTS = """
N = 2**61
def wide(shape, value=0.0, dtype="f2"):
    # An array of one number in memory; its largest axis is cut until NumPy can count its bytes.
    most = (2**63 - 1) // np.dtype(dtype).itemsize
    while int(np.prod([max(1, n) for n in shape], dtype=object)) > most:
        shape = tuple(n // 2 if n == max(shape) else n for n in shape)
    return np.broadcast_to(np.array(value, dtype), shape)

def cases():
    for dtype in ("f2", "f4", "f8"):
        n = N // np.dtype(dtype).itemsize * 2
        for f in ctc.UFUNCS.values():
            for frames in (n, n - 1, 2**58, 2**45):
                yield f, (wide((frames, 1), 0, dtype), np.zeros(0, int)), {}
                yield f, (wide((frames, 2), 0, dtype), np.ones(3, int), 2), {}
                yield f, (wide((2, 2), 0, dtype), wide((frames // 4,), 1, "i8"), None, 1), {}
                yield f, (wide((frames // 2, 2), 0, dtype), np.ones(3, int), 2), {"where": wide((frames // 2,), True, "?")}
        for loss in ALL:
            for f in derivatives(loss):
                if loss["kind"] == "batch":
                    for size in (n, 2**45):
                        yield f, (wide((size // 8, 1), 1, dtype), wide((size // 8,), 1, "i8")), {}
                        yield f, (wide((1, size), 1, dtype), np.zeros(1, int)), {}
                        yield f, (wide((size // 8, 1), 1, dtype), wide((size // 8,), 1, "i8")), {"where": wide((size // 8,), True, "?")}
                elif loss["kind"] == "row":
                    args = [wide((n // 8,), 0, "i8") if a["role"] == "label" else wide((n // 8, 1), 1, dtype) for a in loss["args"] if a["default"] is None]
                    yield f, args, {}
                    yield f, args, {"keepdims": True}
                    yield f, args, {"axis": (0, 1)} if f.nout > 1 and not loss["row_value"] and "grad" in f.__name__ else {}
                else:
                    yield f, [wide((n,), 1, dtype)] * max(1, sum(a["default"] is None for a in loss["args"])), {}
                    yield f, [wide((n, 4), 1, dtype)] * max(1, sum(a["default"] is None for a in loss["args"])), {}
    x = wide((N, 1))
    yield ctc.feasible, (wide((N, 0), 1, "i8"), 3), {}
    for f in (ul.dice_loss, ul.binary_dice_loss):
        yield f, (x, x), {}
    for f in (ul.ctc_loss, optax.ctc_loss, ul.ctc_loss_with_forward_probs):
        yield f, (wide((1, N, 1)), wide((1, N)), np.zeros((1, 0), int), np.zeros((1, 0))), {}
    yield ul.make_fenchel_young_loss(ul.logsumexp), (x, x), {}
    yield gluon.L2Loss(), (x, x), {}
    yield gluon.SoftmaxCrossEntropyLoss(), (wide((N // 4, 1)), wide((N // 4,), 0, "i8")), {}
    yield axon.mean_squared_error, (x, x), {}
    for name in ("squared_error", "huber_loss"):      # what is reduced is nothing, what is kept is too much
        yield getattr(ul, name).mean, (wide((N, 0)), 0.0), {"axis": 1}
        yield getattr(ul, name).mean.value_and_grad, (x, 0.0), {}

import itertools
for f, args, kwargs in itertools.islice(cases(), <part>, None, 3):
    say(getattr(f, "__name__", f), *[np.shape(a) for a in args], *[np.asarray(a).dtype for a in args], *kwargs)
    try:
        f(*args, **kwargs)
    except (MemoryError, ValueError) as e:
        pass
"""


@pytest.mark.parametrize("part", range(3))
def test_sizes_that_overflow(part):
    assert len(run(GIANTS, part=part)) > 500


# --- data that change during a call -------------------------------------------------------------------------
FLIPS = """
BAD = [-1, 2**40, -2**40, 2**50, 2**62, -2**62, -2**63, 400, 10**6]
sys.setswitchinterval(1e-5)
stop, changing = False, []      # pairs of an array and of what is right in it

def flip():
    dice = np.random.default_rng(1)
    while not stop:      # right most of the time, so that calls begin, and wrong at any moment
        for k in dice.integers(0, 2**62, 20):
            array, right = changing[k % len(changing)]
            place = slice(dice.integers(0, len(array)), None)
            array[place] = False if array.dtype == bool else BAD[dice.integers(0, len(BAD))]
            if dice.random() < 0.3:
                time.sleep(0)
            array[...] = right
            time.sleep(0)
        time.sleep(1e-3)

def rows():
    for n, batch, dtype in ((400, 300, "f4"), (10, 60000, "f4"), (10, 60000, "f2"), (600, 1000, "f4"), (600, 1000, "f8"), (3000, 200, "f4")):
        x, right = rng.standard_normal((batch, n)).astype(dtype), rng.integers(0, n, batch)
        labels, mask = right.copy(), np.ones(x.shape, bool)
        out, across = (np.zeros(batch, dtype), np.zeros(x.shape, dtype)), np.asfortranarray(x)
        for loss in (ul.softmax_cross_entropy_with_integer_labels, ul.multiclass_hinge_loss, ul.nll_loss_with_integer_labels):
            yield [(labels, right)], [lambda: loss(x, labels), lambda: loss.grad(across, labels), lambda: loss.value_and_grad(x, labels, out=out)]
            yield [(labels, right), (mask, True)], [lambda: loss.value_and_grad(x, labels, where=mask, out=out)]

def sequences():
    for batch, frames, n in ((8, 200, 60), (64, 60, 20)):
        x, mask = rng.standard_normal((batch, frames, 20)).astype("f4"), np.ones((batch, frames), bool)
        right = rng.integers(1, 20, (batch, n)), np.full(batch, frames), np.full(batch, n), np.zeros(batch, int)
        args = [a.copy() for a in right]
        for f in ctc.UFUNCS.values():
            yield list(zip(args, right)), [lambda: f(x, *args)]
            yield [*zip(args, right), (mask, True)], [lambda: f(x, *args, where=mask)]

def pairs():
    for shape, classes in (((300,), 400), ((8, 96), 48)):
        x, right = rng.standard_normal((*shape, 32)).astype("f4"), rng.integers(0, classes, shape)
        labels, mask = right.copy(), np.ones(shape, bool)
        for loss in (ul.ntxent_loss, ul.supervised_contrastive_loss):
            yield [(labels, right)], [lambda: loss(x, labels), lambda: loss.value_and_grad(x, labels)]
            yield [(labels, right), (mask, True)], [lambda: loss(x, labels, where=mask), lambda: loss.grad(x, labels, where=mask)]

thread = None
for changing, calls in <group>():
    if thread is None:
        thread = threading.Thread(target=flip, daemon=True)
        thread.start()
    for call in calls:
        done = refused = 0
        end = time.monotonic() + <seconds>
        while time.monotonic() < end or (<refuses> and not (done and refused) and time.monotonic() < end + 10):
            try:
                call()
                done += 1
            except ValueError as error:
                assert any(word in str(error) for word in ("out of range", "is the blank", "logit_length", "label_length", "not a class")), error
                refused += 1
        assert done, refused
        assert (refused > 0) == <refuses>, (done, refused)
        say(done, refused)
stop = True
thread.join()
"""


@pytest.mark.parametrize(
    ("group", "refuses", "seconds"), [("rows", True, 0.02), ("sequences", True, 0.05), ("pairs", False, 0.1)]
)
def test_data_that_change_during_a_call(group, refuses, seconds):
    """Each call gives some result or says what it read that is wrong, which labels of pairs cannot be; and
    both happen.
    """
    assert run(FLIPS.replace("<group>", group), refuses=refuses, seconds=seconds)


# --- data that take long ------------------------------------------------------------------------------------
# How many times as long as typical data the worst data may take: about three times what is measured, the
# largest of GCC and Clang on x86-64-v3 and v4, which stands beside it; x86-64-v2, which masks otherwise, is
# within too. The aim is 1.3.
SLOWEST = {
    "rows, logits of scale 60": 3.6,  # 1.2
    "rows, an infinite logit": 3,  # 1.0
    "rows, subnormal logits": 6.5,  # 2.2
    "rows, masked elements": 10,  # 3.4, on v2 6.3
    "rows, masked rows": 8,  # 2.7
    "elements, confident, sigmoid_binary_cross_entropy.value_and_grad": 7,  # 2.3
    "elements, confident, logistic_loss": 6.5,  # 2.1
    "elements, confident, sigmoid_focal_loss.hess": 12,  # 2.4, with Clang 4.2
    "elements, infinities": 7,  # 2.3
    "elements, subnormal": 4,  # 1.2, on v2 2.5
    "means, zero weights": 3,  # 1.0
    "ctc, confident": 8,  # 2.6, on v2 3.1
    "ctc, infinities": 2.6,  # 0.86
}
SLOW = """
CE, BCE = ul.softmax_cross_entropy_with_integer_labels.value_and_grad, ul.sigmoid_binary_cross_entropy.value_and_grad
x, labels = rng.standard_normal((100, 2000)).astype("f4"), rng.integers(0, 2000, 100)
t = (rng.random(x.shape) < 0.5).astype("f4")
steep, steeper, endless, tiny = x * np.float32(60), x * np.float32(120), x.copy(), (x * 1e-41).astype("f4")
endless[:, 5] = -np.inf
full_of_infinities = np.where(np.arange(2000) % 16, x, -np.inf).astype("f4")
turned = tiny.T.reshape(x.shape)
frames, spelt = rng.standard_normal((4, 200, 40)).astype("f4"), rng.integers(1, 40, (4, 50))
confident, holes = frames * 60, frames.copy()
holes[:, :, 7] = -np.inf
some, rows = rng.random(x.shape) < 0.9, np.repeat(rng.random((100, 1)) < 0.5, 2000, 1)
w, zeros = np.ones((2, *x.shape))
zeros[...] = 0
PAIRS = {
    "rows, logits of scale 60": (lambda: CE(x, labels), lambda: CE(steep, labels)),
    "rows, an infinite logit": (lambda: CE(x, labels), lambda: CE(endless, labels)),
    "rows, subnormal logits": (lambda: CE(x, labels), lambda: CE(tiny, labels)),
    "rows, masked elements": (lambda: CE(x, labels), lambda: CE(x, labels, where=some)),
    "rows, masked rows": (lambda: CE(x, labels), lambda: CE(x, labels, where=rows)),
    **{f"elements, confident, {f.__name__}": (lambda f=f: f(x, t), lambda f=f: f(steeper, t)) for f in (BCE, ul.logistic_loss, ul.sigmoid_focal_loss.hess)},
    "elements, infinities": (lambda: BCE(x, t), lambda: BCE(full_of_infinities, t)),
    "elements, subnormal": (lambda: ul.squared_error.value_and_grad(x, t), lambda: ul.squared_error.value_and_grad(tiny, turned)),
    "means, zero weights": (lambda: ul.huber_loss.mean(x, t, weights=w), lambda: ul.huber_loss.mean(x, t, weights=zeros)),
    "ctc, confident": (lambda: ctc.loss.value_and_grad(frames, spelt), lambda: ctc.loss.value_and_grad(confident, spelt)),
    "ctc, infinities": (lambda: ctc.loss.value_and_grad(frames, spelt), lambda: ctc.loss.value_and_grad(holes, spelt)),
}
def clock(call):
    start = time.thread_time()
    call()
    return time.thread_time() - start
for name, pair in PAIRS.items():
    best = [min(times) for times in zip(*[[clock(call) for call in pair] for _ in range(9)])]
    say(name, best[1] / best[0], sep="\\t")
"""


def test_no_data_take_much_longer():
    ratios = {name: float(ratio) for name, ratio in (line.split("\t") for line in run(SLOW))}
    assert ratios.keys() == SLOWEST.keys()
    slow = {
        name: f"{ratio:.1f} times as long, not {SLOWEST[name]}"
        for name, ratio in ratios.items()
        if ratio > SLOWEST[name]
    }
    assert not slow, slow
