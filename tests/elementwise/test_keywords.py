"""`where`, `dtype`, `casting`, `order`, `subok`: as of NumPy's own ufuncs."""

import numpy as np
import pytest

from elementwise.layouts import DTYPES, NUMPY_BUFFER, assert_same, fresh


def test_where_leaves_the_other_elements_alone(case):
    n = NUMPY_BUFFER + 500
    args = case.draw(n)
    want = case(*args)
    for mask in (
        np.random.default_rng(1).random(n) < 0.5,
        np.arange(n) % 2 == 0,
        np.array(False),
        np.array(True),
        np.arange(n) > n - 3,
    ):
        for dtype in ("f4", "f8"):
            out = fresh(want, dtype)
            case(*args, out=out, where=mask)
            assert_same(out, [np.where(mask, w, np.float32(77)).astype(dtype) for w in want])


def test_where_and_in_place(case):
    args = case.draw(500)
    mask = np.random.default_rng(2).random(500) < 0.5
    want = np.where(mask, case(*args)[0], args[0])
    out = (args[0], *(np.empty(500, "f4") for _ in range(case.nout - 1)))
    case(*args, out=out, where=mask)
    assert_same([args[0]], [want])


def test_where_broadcasts(case):
    args = [a.reshape(4, 5) for a in case.draw(20)]
    mask = np.array([True, False, True, True, False])
    want = case(*args)
    out = fresh(want)
    case(*args, out=out, where=mask)
    assert_same(out, [np.where(mask, w, np.float32(77)) for w in want])


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_chooses_the_loop(case, dtype):
    args = case.draw(NUMPY_BUFFER + 300, "f8")
    with np.errstate(all="ignore"):  # of the casts
        want = case(*[a.astype(dtype) for a in args])
        assert_same(case(*args, dtype=dtype), want)
        assert_same(case(*args, signature=(dtype,) * (case.nin + case.nout)), want)
    assert {w.dtype for w in want} == {np.dtype(dtype)}


def test_casting_rules(case):
    single, double = case.draw(5, "f4"), case.draw(5, "f8")
    assert_same(case(*single, casting="no"), case(*single))
    assert_same(case(*single, dtype="f8", casting="safe"), case(*[a.astype("f8") for a in single]))
    for rule in ("no", "equiv", "safe"):
        with pytest.raises(TypeError, match=f"casting rule '{rule}'"):
            case(*double, dtype="f4", casting=rule)
    with pytest.raises(ValueError, match="casting"):
        case(*single, casting="never")


def test_order_of_the_result(case):
    c = [a.reshape(4, 5) for a in case.draw(20)]
    f = [np.asfortranarray(a) for a in c]
    for args, order, flag in [
        (c, "C", "C"),
        (c, "F", "F"),
        (c, "A", "C"),
        (c, "K", "C"),
        (f, "C", "C"),
        (f, "F", "F"),
        (f, "A", "F"),
        (f, "K", "F"),
    ]:
        got = case(*args, order=order)
        assert all(g.flags[f"{flag}_CONTIGUOUS"] for g in got)
        assert_same(got, case(*c))


class Tagged(np.ndarray):
    """A subclass with an attribute of its own."""

    def __array_finalize__(self, parent):
        self.tag = getattr(parent, "tag", None)


def test_subclass_is_kept_unless_subok_is_false(case):
    args = case.draw(9)
    want = case(*args)
    for k in range(case.nin):
        mixed = [a.view(Tagged) if i == k else a for i, a in enumerate(args)]
        mixed[k].tag = "mine"
        got = case(*mixed)
        assert [(type(g), g.tag) for g in got] == [(Tagged, "mine")] * case.nout
        assert_same(got, want)
        assert {type(g) for g in case(*mixed, subok=False)} == {np.ndarray}


def test_matrix(case):
    args = case.draw(9)
    with pytest.warns(PendingDeprecationWarning):
        got = case(*[np.matrix(a) for a in args])
    assert {type(g) for g in got} == {np.matrix}
    assert_same([np.asarray(g)[0] for g in got], case(*args))


def test_memmap(case, tmp_path):
    args = case.draw(100)
    mapped = []
    for i, a in enumerate(args):
        np.save(tmp_path / f"{i}.npy", a)
        mapped.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    out = tuple(np.memmap(tmp_path / f"out{i}", "f4", "w+", shape=100) for i in range(case.nout))
    want = case(*args)
    assert_same(case(*mapped), want)
    case(*mapped, out=out)
    for i, o in enumerate(out):
        o.flush()
        assert_same([np.fromfile(tmp_path / f"out{i}", "f4")], [want[i]])


def test_masked_array_propagates_the_mask_of_any_operand(case):
    args = case.draw(40)
    want = case(*args)
    for k in range(case.nin):
        mask = np.arange(40) % 3 == k
        got = case(*[np.ma.array(a, mask=mask) if i == k else a for i, a in enumerate(args)])
        for g, w in zip(got, want, strict=True):
            assert type(g) is np.ma.MaskedArray
            assert (np.ma.getmaskarray(g) == mask).all()
            assert_same([g.data[~mask]], [w[~mask]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_dimensional_result_is_a_scalar(case, dtype):
    args = [a[0] for a in case.draw(1, dtype)]
    for form in (args, [np.array(a) for a in args]):
        got = case(*form)
        assert [type(g) for g in got] == [np.dtype(dtype).type] * case.nout
    out = tuple(np.empty((), dtype) for _ in got)
    assert all(g is o for g, o in zip(case(*args, out=out), out, strict=True))
    assert_same(out, got)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 1, 4)])
def test_empty_arrays(case, shape):
    for dtype in DTYPES:
        got = case(*[np.empty(shape, dtype)] * case.nin)
        assert [(g.shape, g.dtype) for g in got] == [(shape, np.dtype(dtype))] * case.nout
    out = tuple(np.empty(shape) for _ in got)
    assert case(*[np.empty(shape, "f4")] * case.nin, out=out)[0] is out[0]


def test_inputs_are_left_alone(case):
    args = case.draw(2000)
    before = [a.copy() for a in args]
    case(*args)
    assert_same(args, before)
