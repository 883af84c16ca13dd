"""Row losses at their limits: blocks far apart, masks, every kind of NaN, little memory, wrong labels."""

import math
import sys

import numpy as np
import pytest

import ufloss as ul
from children import run_child
from points import draw as draw_points
from test_rows import CASES, along, draw, results, ufunc_of
from ufloss._registry import LOSSES, UFUNCS

INF, NAN = math.inf, math.nan
INTEGER = ul.softmax_cross_entropy_with_integer_labels
by_ufunc = pytest.mark.parametrize(("loss", "attribute"), CASES)
BITS = {np.float16: np.uint16, np.float32: np.uint32, np.float64: np.uint64}
by_type = pytest.mark.parametrize("dtype", BITS, ids=lambda t: t.__name__)


# Rows of several blocks


def exact_softmax(x):
    """Logarithms of the probabilities, those, and the logarithm of the sum, with the largest logit taken off
    first.
    """
    wide = x.astype(np.longdouble)
    top = wide.max()
    e = np.exp(wide - top)
    rest = np.delete(e, e.argmax()).sum()
    return (wide - top) - np.log1p(rest), e / (1 + rest), top + np.log1p(rest)


def far_apart(dtype, n, base, gap, where):
    """A row whose one part lies `gap` below the other; which part is above is one of three."""
    block = 8192 // np.dtype(dtype).itemsize
    high = np.zeros(n, bool)
    high[{"first": slice(0, block), "last": slice(n - 1, n), "second": slice(block, 2 * block)}[where]] = True
    ripple = (np.arange(n) * 37 % 11) * 0.125
    return np.where(high, base, base - gap - ripple).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1025, 2049, 5000])
@pytest.mark.parametrize("base", [0.0, 300.0, -255.0, -4095.0, 4096.0, -1e5])
def test_blocks_far_apart(base, n, dtype):
    eps = float(np.finfo(dtype).eps)
    rng = np.random.default_rng(n)
    y = (rng.random(n) * (rng.random(n) < 0.5)).astype(dtype)
    y = (y / y.sum()).astype(dtype)
    w = rng.uniform(0.5, 2, n).astype(dtype)
    for gap in (1.0, 2.0, 100.0, 745.0, 1100.0, 1600.0, 2500.0, 5000.0, 1e5, 1e30):
        for where in ("first", "last", "second"):
            x = far_apart(dtype, n, base, gap, where)
            logp, p, total = exact_softmax(x)
            label = n // 2
            onehot = np.zeros(n)
            onehot[label] = 1
            yw, ww = y.astype(np.longdouble), (y * w).astype(np.longdouble)
            rest = 1 - p
            if np.count_nonzero(p == p.max()) == 1:
                rest[p.argmax()] = p[np.arange(n) != p.argmax()].sum()
            miss = yw * rest
            drawn = (yw * p).sum()
            entropy = (yw * np.log(np.where(yw > 0, yw, 1))).sum()
            smooth = 0.1
            # value, the size of its terms, gradient
            cases = {
                "logsumexp": (ul.logsumexp, (x,), total, abs(total), p),
                "integer": (INTEGER, (x, label), -logp[label], 0, p - onehot),
                "smoothed": (
                    INTEGER,
                    (x, label, smooth),
                    -(1 - smooth) * logp[label] - smooth * logp.mean(),
                    0,
                    p - (1 - smooth) * onehot - smooth / n,
                ),
                "labels": (ul.softmax_cross_entropy, (x, y), -(yw * logp).sum(), 0, yw.sum() * p - yw),
                "poly": (
                    ul.poly_loss_cross_entropy,
                    (x, y, 2.0),
                    -(yw * logp).sum() + 2 * miss.sum(),
                    0,
                    yw.sum() * p - yw - 2 * p * (yw - drawn),
                ),
                "kl": (
                    ul.softmax_kl_divergence,
                    (x, y),
                    entropy - (yw * logp).sum(),
                    abs(entropy) - (yw * logp).sum(),
                    yw.sum() * p - yw,
                ),
                "ranking": (ul.ranking_softmax_loss, (x, y, w), -(ww * logp).sum(), 0, ww.sum() * p - ww),
            }
            for name, (loss, args, value, size, grad) in cases.items():
                got, slope = loss.value_and_grad(*args)
                case = (name, gap, where)
                tiny = float(np.finfo(dtype).tiny)
                assert abs(got - value) <= 8 * eps * max(abs(value), size, tiny), (case, got, value)
                largest = max(abs(grad).max(), p.max() if "poly" not in name else 3 * p.max())
                assert (abs(slope - grad) <= 8 * eps * largest).all(), (case, abs(slope - grad).max() / eps)
            assert (abs(ul.softmax(x) - p) <= 8 * eps * p.max()).all(), (gap, where)
            assert (ul.softmax(x) >= 0).all()
            assert (abs(ul.log_softmax(x) - logp) <= 8 * eps * abs(logp).max()).all(), (gap, where)


def test_an_example_of_far_blocks():
    x = np.full(1025, -200.0)
    x[5], x[1024] = 800, -300
    assert ul.logsumexp(x) == 800
    assert ul.softmax(x).min() == 0


@by_type
@pytest.mark.parametrize("n", [2, 17, 40, 1100, 5000])
def test_beside_an_infinite_logit(n, dtype):
    largest = float(np.finfo(dtype).max)
    for size in (1.0, 100.0, 700.0, 5000.0, math.sqrt(largest), largest):
        for at in {0, n // 2, n - 1}:
            x = (size * np.linspace(-1, 1, n)).astype(dtype)
            x[at] = np.inf
            assert ul.logsumexp(x) == np.inf, (size, at)
            assert ul.logsumexp(np.array([x, x])).tolist() == [np.inf] * 2
            assert np.isnan(ul.softmax(x)).all()
            x[at] = -np.inf
            assert np.isfinite(ul.logsumexp(x)), (size, at)
            if n > 2:
                x[at], x[at - 1] = np.inf, np.nan
                assert np.isnan(ul.logsumexp(x)), (size, at)


# Masks


@by_ufunc
def test_masks_of_every_layout(loss, attribute):
    """The same bits from a mask that is contiguous, strided, turned round or the same for a row; what it
    hides is not looked at.
    """
    ufunc = ufunc_of(loss, attribute)
    rng = np.random.default_rng(4)
    for dtype in BITS:
        for n in (3, 10, 31, 45, 2100):
            rows = 70 if n < 50 else 5
            args = draw(loss, (rows, n), dtype, seed=n)
            mask = rng.random((rows, n)) < 0.6
            whole = rng.random(rows) < 0.6
            mask[0], mask[1], whole[:2] = True, False, (True, False)
            labels = next((i for i, a in enumerate(loss["args"]) if a["role"] == "label"), None)
            if labels is not None:
                some = mask.any(-1)
                mask[np.arange(rows)[some], args[labels][some]] = True
            for keep in (mask, np.broadcast_to(whole[:, None], (rows, n))):
                poisoned = [
                    np.where(keep, a, dtype(NAN)) if lies else a
                    for a, lies in zip(args, along(loss), strict=True)
                ]
                if labels is not None:
                    poisoned[labels] = np.where(keep.any(-1), args[labels], 2**40)
                wide = np.zeros((rows, 2 * n), bool)
                wide[:, ::2] = keep
                want = None
                for layout in (np.ascontiguousarray(keep), wide[:, ::2], np.asfortranarray(keep), keep):
                    got = results(ufunc, *poisoned, where=layout)
                    want = want or got
                    for g, w in zip(got, want, strict=True):
                        np.testing.assert_array_equal(g, w)
                    apart = [
                        np.repeat(a, 2, axis=-1)[..., ::2] if lies else a
                        for a, lies in zip(poisoned, along(loss), strict=True)
                    ]
                    outs = tuple(np.repeat(np.zeros_like(w), 2, axis=-1)[..., ::2] for w in want)
                    for g, w in zip(
                        results(ufunc, *apart, where=layout, out=outs if len(outs) > 1 else outs[0]),
                        want,
                        strict=True,
                    ):
                        np.testing.assert_array_equal(g, w)
                # a row alone, of what is left of it, in a length that is summed alike
                full = np.flatnonzero(keep.all(-1))[0]
                for g, w in zip(results(ufunc, *[a[full] for a in args]), want, strict=True):
                    np.testing.assert_array_equal(g, w[full])
                hidden = -INF if ufunc is ul.log_softmax else 0
                for w in want:
                    assert (w[~keep] == hidden).all() if w.ndim == 2 else (w[~keep.any(-1)] == 0).all()


# NaN of every kind


def kinds_of_nan(dtype):
    """NaNs of either sign, quiet and signalling, with small, large and mixed payloads; the first is
    NumPy's.
    """
    uint, info = BITS[dtype], np.finfo(dtype)
    quiet = 1 << (info.nmant - 1)
    infinity = int(np.array(np.inf, dtype).view(uint))
    payloads = [1, quiet - 1, quiet >> 1, (quiet >> 1) | 1, 0x155 % quiet]
    bits = [infinity | quiet] + [infinity | q | p for q in (0, quiet) for p in payloads]
    bits += [b | 1 << (info.bits - 1) for b in bits]
    return np.array(bits, uint).view(dtype)


def put_nan(a, at, nan):
    """A copy of an array with the very bits of that NaN at one place."""
    a = a.copy()
    uint = BITS[a.dtype.type]
    a.view(uint)[at] = nan.view(uint)
    return a


@by_type
def test_kinds_of_nan(dtype):
    kinds = kinds_of_nan(dtype)
    assert np.isnan(kinds).all()
    assert len(set(kinds.view(BITS[dtype]).tolist())) == len(kinds) > 15


@by_type
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss["name"])
def test_elementwise_nan(loss, dtype):
    with np.errstate(over="ignore", under="ignore"):
        args = [
            np.ascontiguousarray(a.astype(dtype))
            for a in draw_points(loss, 37, np.float64 if dtype is np.float64 else np.float32, 1)
        ]
    kinds = kinds_of_nan(dtype)
    for attribute in loss["outputs"]:
        ufunc = getattr(UFUNCS[loss["name"]], attribute) if attribute else UFUNCS[loss["name"]]
        for i in range(len(args)):
            for at in (0, 5, 36):
                want = None
                for nan in kinds:
                    got = [
                        np.isnan(r)
                        for r in results(ufunc, *args[:i], put_nan(args[i], at, nan), *args[i + 1 :])
                    ]
                    want = want or got
                    assert all((g == w).all() for g, w in zip(got, want, strict=True)), (
                        attribute,
                        i,
                        at,
                        hex(int(nan.view(BITS[dtype]))),
                    )


@by_type
@by_ufunc
def test_row_nan(loss, attribute, dtype):
    ufunc, kinds = ufunc_of(loss, attribute), kinds_of_nan(dtype)
    for n in (1, 6, 45, 2100):
        args = draw(loss, (3, n), dtype, seed=n)
        for i, a in enumerate(args):
            if a.dtype.kind != "f":
                continue
            places = [(1, j) for j in sorted({0, n // 2, n - 1})] if a.ndim == 2 else [(1,)]
            for at in places:
                want = None
                for nan in kinds:
                    got = [
                        np.isnan(r) for r in results(ufunc, *args[:i], put_nan(a, at, nan), *args[i + 1 :])
                    ]
                    want = want or got
                    assert all((g == w).all() for g, w in zip(got, want, strict=True)), (
                        n,
                        i,
                        at,
                        hex(int(nan.view(BITS[dtype]))),
                    )
        if n > 1:  # a logit that is NaN is not lost
            x = put_nan(args[0], (1, n // 2), kinds[-1])
            if loss["args"][0]["name"] == "logits":
                r = results(ufunc, x, *args[1:])[0]
                assert np.isnan(r[1]).any() or attribute in ("hess_bound",), n


@by_type
@pytest.mark.parametrize("name", ul.ctc.UFUNCS)
def test_nan_in_sequences(name, dtype):
    rng, ufunc = np.random.default_rng(0), ul.ctc.UFUNCS[name]
    for frames, classes, n in ((12, 5, 3), (40, 33, 9)):
        x, labels = rng.normal(size=(2, frames, classes)).astype(dtype), rng.integers(1, classes, (2, n))
        for at in ((0, 0, 0), (0, frames // 2, int(labels[0, 1])), (0, frames - 1, classes - 1)):
            want = None
            for nan in kinds_of_nan(dtype):
                got = [np.isnan(r) for r in results(ufunc, put_nan(x, at, nan), labels)]
                want = want or got
                assert all((g == w).all() for g, w in zip(got, want, strict=True)), (
                    at,
                    hex(int(nan.view(BITS[dtype]))),
                )


@by_type
@pytest.mark.parametrize("loss", [ul.ntxent_loss, ul.supervised_contrastive_loss], ids=lambda u: u.__name__)
def test_nan_in_pairs(loss, dtype):
    x = np.random.default_rng(1).normal(size=(9, 20)).astype(dtype)
    for nan in kinds_of_nan(dtype):
        value, grad = loss.value_and_grad(put_nan(x, (4, 7), nan), np.arange(9) % 3)
        assert np.isnan(value)
        assert np.isnan(grad).all()


# Little memory


LITTLE = """
    import ctypes, resource
    import numpy as np
    import ufloss as ul
    CE = ul.softmax_cross_entropy_with_integer_labels
    x, labels = np.zeros((3, 2000))[:, ::2], np.zeros(3, int)
    out = np.full(3, 7.0), np.full((3, 2000), 7.0)[:, ::2]
    call = lambda: CE.value_and_grad(x, labels, out=out)
    call()
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    for o in out:
        o[...] = 7
    before = limit_addresses(used)
    held = []
    for size in (1 << 24, 1 << 20, 1 << 16, 40 << 10):
        while p := libc.malloc(size):
            held.append(p)
    failed = False
    try:
        call()
    except MemoryError:
        failed = True
    untouched = bool((out[0] == 7).all() and (out[1] == 7).all())
    for p in held:
        libc.free(p)
    resource.setrlimit(resource.RLIMIT_AS, before)
    call()
    print(failed, untouched, float(out[0][0]) == float(np.log(1000)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
def test_no_memory():
    assert run_child(LITTLE).split() == ["True", "True", "True"]


# What is said of labels


@pytest.mark.parametrize("n", [10, 60])
def test_a_wrong_label_is_named_as_it_was_given(n):
    x = np.zeros((4, 3, n), np.float32)
    labels = np.zeros((4, 3), np.uint64)
    labels[2, 1] = 2**64 - 1
    with pytest.raises(
        ValueError, match=rf"label 18446744073709551615 is out of range for {n} classes, at index \(2, 1\)$"
    ):
        INTEGER(x, labels)
    with pytest.raises(
        ValueError, match=rf"label 18446744073709551615 is out of range for {n} classes, at index \(2, 1\)$"
    ):
        INTEGER.value_and_grad(logits=np.moveaxis(x, -1, 0), labels=labels, axis=0)
    with pytest.raises(
        ValueError,
        match=rf"^softmax_cross_entropy_with_integer_labels: label {n} is out of range for {n} classes$",
    ):
        INTEGER(x[0, 0], n)
    small = np.zeros(4, np.int8)
    small[3] = -100
    with pytest.raises(
        ValueError,
        match=rf"label -100 is out of range for {n} classes, at index 3; where=labels != -100 leaves such rows out$",
    ):
        INTEGER.grad(x[:, 0], small)
    small[1] = -7  # is masked out
    with pytest.raises(ValueError, match=r"label -100 is .* at index 3; "):
        INTEGER.grad(x[:, 0], small, where=small != -7)
    assert INTEGER(x[:, 0], small, where=small >= 0).shape == (4,)


def test_a_wrong_label_of_a_long_batch_is_found():
    labels = np.zeros(100000, np.int64)
    labels[99999] = 3
    with pytest.raises(ValueError, match=r"label 3 is out of range for 2 classes, at index 99999$"):
        INTEGER(np.zeros((100000, 2)), labels)
    with pytest.raises(ValueError, match=r"label 3 is out of range for 2 classes, at index 99999$"):
        INTEGER.mean(np.zeros((100000, 2)), labels)
    with pytest.raises(ValueError, match=r"label 3 is out of range for 2 classes, at index \(0, 99999\)$"):
        INTEGER.mean.value_and_grad(np.zeros((1, 2, 100000)), labels[None], axis=1)
