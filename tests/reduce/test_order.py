"""The bits of sums and means: what the core gives against the order of additions in plain NumPy.

That order: axes that are kept come first, then those that are reduced; the losses are cut into blocks of at
most 65536 elements; the terms of a result in a block go to 16 lanes, term i to lane i mod 16, which are added
in halves; blocks are added one after another.  A block one of whose sums overflows is computed again in
float64.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ufloss as ul
from internals import LOSSES, ROW_LOSSES, UFUNCS
from points import draw

BLOCK, LANES = 65536, 16
REDUCED = [loss for loss in [*LOSSES, *ROW_LOSSES] if not loss["row_value"]]


def blocks(shape, limit):
    """Slices that cut an array into blocks of at most `limit` elements (at least one step of an axis)."""
    if 0 in shape:
        return
    split = next((i for i in range(len(shape)) if np.prod(shape[i + 1 :], dtype=int) <= limit), len(shape))
    if split == len(shape):
        yield ()
        return
    step = max(1, limit // int(np.prod(shape[split + 1 :], dtype=int)))
    for outer in itertools.product(*map(range, shape[:split])):
        for i in range(0, shape[split], step):
            yield (*[slice(o, o + 1) for o in outer], slice(i, i + step))


def add_up(values, weights):
    """The sums of one block, (results, terms): of weights times values, and of weights."""
    results, terms = values.shape
    padded = (results, -(-terms // LANES), LANES)
    counted, by = np.zeros((2, results, padded[1] * LANES))
    with np.errstate(invalid="ignore"):
        counted[:, :terms] = np.where(weights == 0, 0, values.astype(float) * weights)
    by[:, :terms] = weights
    sums = []
    for terms_in_lanes in (counted.reshape(padded), by.reshape(padded)):
        lanes = np.zeros((results, LANES))
        for i in range(padded[1]):
            lanes = lanes + terms_in_lanes[:, i]
        while lanes.shape[1] > 1:
            half = lanes.shape[1] // 2
            lanes = lanes[:, :half] + lanes[:, half:]
        sums.append(lanes[:, 0])
    return sums


def state(values, weights, axes, width):
    """Totals and sums of weights; `values` in the type of the computation and in float64."""
    shape = weights.shape
    kept = [i for i in range(len(shape)) if i not in axes]
    order = [*kept, *sorted(axes)]
    values, weights = [v.transpose(order) for v in values], weights.transpose(order)
    total = np.zeros([shape[i] for i in kept])
    weight = total.copy()
    for block in blocks(weights.shape, max(1, BLOCK // max(1, width))):
        here = block[: len(kept)]
        flat = (int(np.prod(weights[block].shape[: len(kept)], dtype=int)), -1)
        sums, by = add_up(values[0][block].reshape(flat), weights[block].reshape(flat))
        if not np.isfinite(sums).all():
            before = total[here].reshape(-1)
            if not (np.isfinite(sums) | np.isnan(before) | (sums == before)).all():
                sums, by = add_up(values[1][block].reshape(flat), weights[block].reshape(flat))
        total[here] += sums.reshape(total[here].shape)
        weight[here] += by.reshape(total[here].shape)
    return total, weight


def lay(rng, a):
    """The same numbers elsewhere in memory."""
    kind = rng.integers(6) if a.ndim else 5
    axis = rng.integers(max(1, a.ndim))
    if kind == 0:
        return np.asfortranarray(a)
    if kind == 1:
        order = rng.permutation(a.ndim)
        return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
    if kind == 2:
        return np.flip(np.flip(a, axis).copy(), axis)
    if kind == 3:
        return np.repeat(a, 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)]
    if kind == 4 and a.dtype.kind == "f":
        return a.astype(a.dtype.newbyteorder(">"))
    return a


def thin(rng, a):
    """An operand that broadcasts to what it was before."""
    for axis in range(a.ndim):
        if rng.random() < 0.2:
            a = a[(slice(None),) * axis + (slice(0, 1),)]
    while a.ndim and a.shape[0] == 1 and rng.random() < 0.5:
        a = a[0]
    return a


def operands(loss, rng, shape, classes, dtype):
    size = int(np.prod(shape))
    made = []
    if loss["dims"] != "n":
        drawn = draw(loss, size, np.float64 if dtype == "f8" else np.float32)
        made = [np.clip(np.where(np.isfinite(a), a, 1), -50, 50).reshape(shape).astype(dtype) for a in drawn]
        if rng.random() < 0.2:
            made[0].flat[rng.integers(0, size, 1 + size // 50)] = 1e20 if dtype != "f2" else 6e4
        return [lay(rng, thin(rng, a) if k else a) for k, a in enumerate(made)]
    for a in loss["args"]:
        if a["role"] == "label":
            made.append(rng.integers(0, classes, shape))
        elif a["along"]:
            p = rng.random((*shape, classes)) + 0.1
            made.append((p / p.sum(-1, keepdims=True)).astype(dtype))
        else:
            default = a["default"] if a["default"] is not None else rng.choice([-1.0, 1.0])
            made.append(np.full(shape, default, dtype))
    return [lay(rng, a) for a in made]


def check(loss, seed, shape, classes=1):
    rng = np.random.default_rng(seed)
    dtype, row = rng.choice(["f2", "f4", "f8"]), loss["dims"] == "n"
    ufunc, compute = UFUNCS[loss["name"]], "f8" if dtype == "f8" else "f4"
    args = operands(loss, rng, shape, classes, dtype)
    axes = tuple(int(i) for i in rng.permutation(len(shape))[: rng.integers(0, len(shape) + 1)])
    weights = None if rng.random() < 0.4 else lay(rng, thin(rng, rng.random(shape)))
    if weights is not None and rng.random() < 0.5:
        weights = np.where(rng.random(weights.shape) < 0.3, 0, weights)
    where = None if rng.random() < 0.6 else lay(rng, rng.random(shape) < 0.7)
    words = {"weights" if not any(a["name"] == "weights" for a in loss["args"]) else "loss_weights": weights}
    words |= {"over" if row else "axis": axes, "returned": True, "dtype": float}
    factors = np.array(np.broadcast_to(1.0 if weights is None else weights, shape))
    if where is not None:
        words["where"] = where[..., None] if row else where
        factors[~where] = 0
    values, slopes = [], []
    for wide in (compute, "f8"):
        with np.errstate(all="ignore"):
            values.append(np.broadcast_to(ufunc(*args, dtype=wide), shape))
            if "grad" in loss["outputs"]:
                slopes.append(
                    np.broadcast_to(ufunc.grad(*args, dtype=wide), (*shape, classes)[: len(shape) + row])
                )
    total, weight = state(values, factors, axes, classes if row else 1)
    with np.errstate(all="ignore"):
        mean = total / weight
    for kind, want in (("sum", total), ("mean", mean)):
        f = getattr(ufunc, kind)
        got, by = f(*args, **words)
        if kind == "mean" and not np.isfinite(total).all():
            continue  # computed once more, with weights that are scaled
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(by, weight)
        if (
            not hasattr(f, "value_and_grad")
            or not np.isfinite(total).all()
            or not np.isfinite(slopes[0]).all()
        ):
            continue
        got, grad, by = f.value_and_grad(*args, **words)
        np.testing.assert_array_equal(got, want)
        divisor = np.expand_dims(weight, axes)
        divisor = divisor if kind == "mean" else np.ones_like(divisor)
        want = scaled(slopes[0], factors, divisor, weights is None, row, compute)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(grad, want.astype(dtype))


def scaled(slopes, factors, divisor, plain, row, compute):
    """The gradient of a sum or mean, from those of the losses."""
    if row:
        factors, divisor = factors[..., None], divisor[..., None]
    with np.errstate(all="ignore"):
        found = slopes / divisor.astype(compute) if plain else (slopes * (factors / divisor)).astype(compute)
    return np.where(factors == 0, 0, found)


@pytest.mark.parametrize("loss", REDUCED, ids=lambda loss: loss["name"])
def test_small_sums_have_the_bits_of_their_order(loss):
    rng = np.random.default_rng(len(loss["name"]))
    for seed in range(8):
        axes = rng.integers(1, 6)
        shape = tuple(int(n) for n in rng.integers(1, (2000, 60, 14, 7, 5)[axes - 1], axes))
        check(loss, seed, shape, int(rng.choice([1, 3, 40])))


LARGE = [(65536,), (65537,), (131073,), (3, 70_001), (70_001, 3), (300, 300), (7, 9, 1050), (2, 1, 40_000)]


@pytest.mark.parametrize("shape", LARGE, ids=str)
@pytest.mark.parametrize("name", ["huber_loss", "squared_error"])
def test_sums_of_many_blocks_have_the_bits_of_their_order(name, shape):
    loss = next(loss for loss in LOSSES if loss["name"] == name)
    for seed in range(4):
        check(loss, seed, shape)


@pytest.mark.parametrize(
    ("shape", "classes"),
    [((700,), 130), ((5,), 40_000), ((3, 90), 300), ((2, 2, 3), 70_000), ((4, 9000), 2)],
    ids=str,
)
def test_sums_of_many_rows_have_the_bits_of_their_order(shape, classes):
    loss = next(loss for loss in ROW_LOSSES if loss["name"] == "softmax_cross_entropy_with_integer_labels")
    for seed in range(6):
        check(loss, seed, shape, classes)


@pytest.mark.parametrize(
    "shape", [(40, 70), (16, 64), (3, 35, 90), (200, 400), (70, 2, 65), (17, 4100)], ids=str
)
def test_sums_of_arrays_that_lie_across_have_the_bits_of_their_order(shape):
    loss = next(loss for loss in LOSSES if loss["name"] == "huber_loss")
    for seed in range(20):
        check(loss, seed, shape)


def test_what_overflows_takes_its_block_with_it():
    """A block is computed again as a whole: sums beside the one that overflows change their last bits too."""
    rng = np.random.default_rng(0)
    for shape in ((400, 300), (3, 5, 4), (200_000,)):
        x, y = rng.normal(size=(2, *shape)).astype("f4")
        x.flat[7] = 1e20
        for axis in range(len(shape)):
            values = [ul.log_cosh(x, y), ul.log_cosh(x.astype(float), y.astype(float))]
            values[0] = values[0].copy()
            squares = [ul.squared_error(x, y), ul.squared_error(x.astype(float), y.astype(float))]
            for loss, each in ((ul.log_cosh, values), (ul.squared_error, squares)):
                want, _ = state(each, np.ones(shape), (axis,), 1)
                np.testing.assert_array_equal(loss.sum(x, y, axis=axis, dtype=float), want)


def test_threads_sum_at_the_same_time():
    """A long sum gives the interpreter's lock away; what each of its loops says stays with its thread."""
    x, y = np.random.default_rng(0).normal(size=(2, 300_000)).astype("f4")
    logits, labels = np.ones((60_000, 10), "f4"), np.zeros(60_000, int)
    wrong = labels.copy()
    wrong[-1] = 10
    cross_entropy = ul.softmax_cross_entropy_with_integer_labels.mean
    want = (ul.huber_loss.mean(x, y), cross_entropy(logits, labels))

    def work(k):
        if k % 3 == 0:
            with pytest.raises(ValueError, match="label 10 is out of range for 10 classes, at index 59999"):
                cross_entropy(logits, wrong)
        return ul.huber_loss.mean(x, y), cross_entropy(logits, labels)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(48))) == {want}
