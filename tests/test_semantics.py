"""Every ufunc behaves as NumPy's own do, whatever the memory, the type and the keywords."""

import copy
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import ufloss as ul
from conftest import CASES, cases_that, families_that
from ufloss import _core

DTYPES = ["f2", "f4", "f8"]
NUMPY_BUFFER = 8192  # arrays that NumPy must cast go through a buffer of this many elements


def bits(array):
    """Type, shape and bytes of a result; one NaN is as good as another."""
    array = np.asarray(array)
    return (
        array.dtype.newbyteorder("="),
        array.shape,
        np.where(np.isnan(array), np.array(np.nan, array.dtype), array).tobytes(),
    )


def assert_same(got, want):
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        if bits(g) != bits(w):
            np.testing.assert_array_equal(g, w, strict=True)
            np.testing.assert_array_equal(np.signbit(g), np.signbit(w), "the sign of zero")
            raise AssertionError("same numbers, other bits")


# Memory layouts


def spaced(step):
    def layout(a):
        room = np.full(len(a) * step + 1, np.nan, a.dtype)
        room[:-1:step] = a
        return room[:-1:step]

    return layout


def in_bytes(offset, pitch=0):
    """Elements at any byte, `pitch` bytes of gap between them."""

    def layout(a):
        fields = {
            "names": ["x"],
            "formats": [a.dtype],
            "offsets": [offset],
            "itemsize": offset + a.itemsize + pitch,
        }
        room = np.zeros(len(a), np.dtype(fields))
        room["x"] = a
        return room["x"]

    return layout


def unaligned(a):
    room = np.zeros(a.nbytes + 1, "u1")[1:].view(a.dtype)
    room[:] = a
    return room


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "contiguous": np.copy,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "step 2": spaced(2),
    "step 3": spaced(3),
    "step 113": spaced(113),
    "step -2": lambda a: spaced(2)(a[::-1])[::-1],
    "unaligned": unaligned,
    "record field": in_bytes(1),
    "aligned record field": in_bytes(8, pitch=8),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_result_depends_on_neither_layout_nor_position_nor_length(case, dtype):
    args = case.draw(140, dtype)
    want = case(*args)
    stored = [[layout(a) for layout in LAYOUTS.values()] for a in args]
    spans = [slice(n * 7 % 64, n * 7 % 64 + n) for n in range(1, 71)]
    expected = [np.concatenate([w[s] for s in spans]) for w in want]
    for k in range(len(LAYOUTS)):
        for shift in (0, 1):  # all operands in one layout, and each in another
            views = [s[(k + shift * i) % len(LAYOUTS)] for i, s in enumerate(stored)]
            pieces = [case(*[v[s] for v in views]) for s in spans]
            assert_same([np.concatenate(p) for p in zip(*pieces, strict=True)], expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_array_result_equals_scalar_results(case, dtype):
    args = case.draw(70, dtype)
    scalars = [case(*[a[i] for a in args]) for i in range(70)]
    assert_same([np.array(column) for column in zip(*scalars, strict=True)], case(*args))


@pytest.mark.parametrize("dtype", DTYPES)
def test_long_arrays_equal_their_pieces(case, dtype):
    args = case.draw(NUMPY_BUFFER + 2049, dtype)
    pieces = [case(*[a[i : i + 97] for a in args]) for i in range(0, len(args[0]), 97)]
    want = [np.concatenate(p) for p in zip(*pieces, strict=True)]
    for name in ("contiguous", "step 3", "reversed", "byte-swapped"):
        assert_same(case(*[LAYOUTS[name](a) for a in args]), want)


def test_two_dimensional_layouts_agree(case):
    args = [a.reshape(12, 20) for a in case.draw(240)]
    want = case(*args)
    assert_same(case(*[np.asfortranarray(a) for a in args]), want)
    assert_same(case(*[np.asfortranarray(a) if i % 2 else a for i, a in enumerate(args)]), want)
    assert_same([r.T for r in case(*[a.T for a in args])], want)
    assert_same(case(*[a[::-2, ::3] for a in args]), [w[::-2, ::3] for w in want])
    assert_same(case(*[np.pad(a, 3)[3:-3, 3:-3] for a in args]), want)


def test_operands_broadcast_also_parameters(case):
    shapes = [(4, 1, 3), (5, 1), (3,), ()]
    args = [
        case.draw(np.prod(s, dtype=int), seed=i)[i].reshape(s)
        for i, s in zip(range(case.nin), shapes, strict=False)
    ]
    full = [np.ascontiguousarray(a) for a in np.broadcast_arrays(*args)]
    got = case(*args)
    assert got[0].shape == np.broadcast_shapes(*shapes[: case.nin])
    assert_same(got, case(*full))


def test_repeated_operand_of_stride_zero(case):
    args = case.draw(300)
    for k in range(case.nin):
        one = [np.broadcast_to(a[7], (300,)) if i == k else a for i, a in enumerate(args)]
        assert_same(case(*one), case(*[a.copy() for a in one]))


# out, where, dtype, casting, order, subok


def fresh(want, dtype=None):
    return tuple(np.full(w.shape, 77, dtype or w.dtype) for w in want)


def test_out_is_filled_and_returned(case):
    args = case.draw(300)
    want = case(*args)
    by_tuple, by_position = fresh(want), fresh(want)
    got = case(*args, out=by_tuple)
    assert all(g is o for g, o in zip(got, by_tuple, strict=True))
    assert_same(by_tuple, want)
    assert all(g is o for g, o in zip(case(*args, *by_position), by_position, strict=True))
    assert_same(by_position, want)


@cases_that(lambda case: case.nout > 1)
def test_out_of_several_outputs_is_a_tuple(case):
    with pytest.raises(TypeError, match="tuple"):
        case(*case.draw(3), out=np.empty(3, "f4"))


@cases_that(lambda case: case.nout == 1)
def test_out_of_one_output_needs_no_tuple(case):
    args = case.draw(300)
    out = np.empty(300, "f4")
    assert case.ufunc(*args, out=out) is out
    assert_same([out], case(*args))


def test_out_of_some_outputs_only(case):
    args = case.draw(50)
    want = case(*args)
    for given_outputs in itertools.product([False, True], repeat=case.nout):
        out = tuple(o if g else None for o, g in zip(fresh(want), given_outputs, strict=True))
        assert_same(case(*args, out=out), want)
        assert_same(
            [o for o in out if o is not None], [w for w, g in zip(want, given_outputs, strict=True) if g]
        )


def test_out_of_another_type_gets_the_result_cast(case):
    args = case.draw(NUMPY_BUFFER + 300)
    want = case(*args)
    for dtype in ("f8", ">f4", "f2", "c8"):
        out = fresh(want, dtype)
        with np.errstate(all="ignore"):
            case(*args, out=out)
            assert_same([o.real.astype("f8") for o in out], [w.astype(dtype).real.astype("f8") for w in want])


def test_out_of_integers_needs_unsafe_casting(case):
    args = [np.ones(4, "f4")] * case.nin
    out = fresh(case(*args), "i8")
    with pytest.raises(TypeError, match="casting rule 'same_kind'"):
        case(*args, out=out)
    with np.errstate(invalid="ignore"):
        case(*args, out=out, casting="unsafe")
    with np.errstate(invalid="ignore"):
        assert_same([o.astype("f8") for o in out], [w.astype("i8").astype("f8") for w in case(*args)])


def test_out_may_have_any_layout_and_keeps_what_lies_between(case):
    args = case.draw(300)
    want = case(*args)
    for view in (np.s_[::2], np.s_[::-1], np.s_[::-3], np.s_[::113]):
        rooms = [np.full(300 * abs(view.step) if abs(view.step) > 1 else 300, 77, "f4") for _ in want]
        outs = tuple(room[view][:300] for room in rooms)
        case(*args, out=outs)
        assert_same(outs, want)
        for room, out in zip(rooms, outs, strict=True):
            out[:] = 77
            assert (room == 77).all()


def test_out_in_fortran_order_unaligned_or_broadcast_wider(case):
    args = [a.reshape(12, 20) for a in case.draw(240)]
    want = case(*args)
    for out in (
        tuple(np.empty((12, 20), "f4", order="F") for _ in want),
        tuple(unaligned(np.zeros(240, "f4")).reshape(12, 20) for _ in want),
        tuple(np.empty((12, 20), ">f4") for _ in want),
        tuple(np.empty((3, 12, 20), "f4")[1] for _ in want),
    ):
        case(*args, out=out)
        assert_same([o.astype("f4") for o in out], want)
    wider = tuple(np.empty((3, 12, 20), "f4") for _ in want)
    case(*args, out=wider)
    assert_same(wider, [np.broadcast_to(w, (3, 12, 20)) for w in want])


def test_read_only_or_misshapen_out_is_refused(case):
    args = case.draw(5)
    for out in (read_only(np.zeros(5, "f4")), np.zeros(4, "f4"), np.zeros((5, 1), "f4")):
        with pytest.raises(ValueError, match=r"read-only|broadcast"):
            case(*args, out=tuple(np.zeros(5, "f4") if i else out for i in range(case.nout)))
        assert (out == 0).all()


def test_output_may_be_an_input(case):
    args = case.draw(3000)
    want = case(*args)
    for operand, output in itertools.product(range(case.nin), range(case.nout)):
        mine = [a.copy() for a in args]
        out = tuple(mine[operand] if i == output else np.empty(3000, "f4") for i in range(case.nout))
        assert_same(case(*mine, out=out), want)
    mine = [a.copy() for a in args]
    several = tuple(mine[i] if i < case.nin else np.empty(3000, "f4") for i in range(case.nout))
    assert_same(case(*mine, out=several), want)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.s_[:-1], np.s_[1:]),
        (np.s_[1:], np.s_[:-1]),
        (np.s_[1:], np.s_[:0:-1]),
        (np.s_[:1500], np.s_[:3000:2]),
        (np.s_[:3000:2], np.s_[:1500]),
    ],
)
def test_output_may_overlap_an_input(case, source, target):
    args = case.draw(3001)
    want = case(*[a[source] for a in args])
    for operand, output in itertools.product(range(case.nin), range(case.nout)):
        mine = [a.copy() for a in args]
        out = tuple(
            mine[operand][target] if i == output else np.empty_like(want[0]) for i in range(case.nout)
        )
        assert_same(case(*[a[source] for a in mine], out=out), want)


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


# Identity


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_gives_the_same_object(case, protocol):
    assert pickle.loads(pickle.dumps(case.ufunc, protocol)) is case.ufunc


def test_copy_gives_the_same_object(case):
    assert copy.copy(case.ufunc) is case.ufunc
    assert copy.deepcopy([case.ufunc])[0] is case.ufunc


def test_cloudpickle_gives_the_same_object(case):
    cloudpickle = pytest.importorskip("cloudpickle")
    assert pickle.loads(cloudpickle.dumps(case.ufunc)) is case.ufunc
    ufunc = case.ufunc
    assert pickle.loads(cloudpickle.dumps(lambda: ufunc))() is ufunc


# Results


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_of_one_pass_equal_their_parts(family, dtype):
    operands = [
        np.concatenate(pair)
        for pair in zip(family[0].draw(1000, dtype), family[0].specials(dtype), strict=True)
    ]
    first = {}
    for case in family:
        for part, result in zip(case.parts, case(*operands), strict=True):
            assert_same([result], [first.setdefault(part, result)])
    assert set(first) == set(family[0].loss["parts"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_in_any_operand_is_nan_in_every_output(case, dtype):
    grid = case.specials(dtype)
    usual = case.draw(100, dtype)
    for k in range(case.nin):
        has_nan = np.isnan(grid[k])
        assert has_nan.any()
        for result in case(*[a[has_nan] for a in grid]):
            assert np.isnan(result).all()
        for result in case(*[np.full_like(a, np.nan) if i == k else a for i, a in enumerate(usual)]):
            assert np.isnan(result).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_silent_over_special_values(case, dtype):
    grid = case.specials(dtype)
    with np.errstate(all="raise"):
        case(*grid)
        case(*[np.concatenate([a] * 3)[::3] for a in grid])
        for i in range(0, len(grid[0]), max(1, len(grid[0]) // 100)):
            case(*[a[i] for a in grid])


@pytest.mark.parametrize("dtype", DTYPES)
def test_silent_where_numpy_casts_an_operand(case, dtype):
    """NumPy looks at the floating-point flags of a call with a cast in it, those that the loop left
    included.
    """
    grid = [np.resize(a, max(len(a), NUMPY_BUFFER + 500)) for a in case.specials(dtype)]
    roles = [a["role"] for a in case.loss["args"]]
    whole = np.resize([0, 1, 3, -1], len(grid[0]))
    with np.errstate(all="raise"):
        case(*[a.astype(a.dtype.newbyteorder()) for a in grid])
        case(*[whole if role == "target" else a for role, a in zip(roles, grid, strict=True)])
        case(*[a.astype("f8") if role == "parameter" else a for role, a in zip(roles, grid, strict=True)])
        case(*grid, out=tuple(np.empty(len(grid[0]), "f8") for _ in range(case.nout)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@families_that(lambda loss: loss["nonnegative"] or loss["convex"] or "hess_bound" in loss["parts"])
def test_signs_that_the_registry_promises(family, dtype):
    loss, args = family[0].loss, family[0].draw(20000, dtype)
    results = {part: r for case in family for part, r in zip(case.parts, case(*args), strict=True)}
    if loss["nonnegative"]:
        assert (results["value"] >= 0).all()
    if loss["convex"]:
        assert (results["hess"] >= 0).all()
    if "hess_bound" in results:
        rounding = 4 * np.finfo(dtype).smallest_subnormal
        assert (results["hess_bound"] >= results["hess"] * (1 - np.array(1e-6, dtype)) - rounding).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_finite_data_of_the_domain_give_no_nan(case, dtype):
    args = case.draw(50000, dtype, seed=3)
    assert all(np.isfinite(a).all() for a in args)
    for part, result in zip(case.parts, case(*args), strict=True):
        where = np.isnan(result)
        assert not where.any(), f"{part} at {[float(a[where][0]) for a in args]}"


@families_that(lambda loss: "hess" in loss["parts"])
def test_curvature_bound_is_positive_on_typical_data(family):
    value, bound = family[0], family[0].ufunc.hess_bound
    args = value.draw(20000, "f8")
    typical = np.ones(20000, bool)
    for a, x in zip(value.loss["args"], args, strict=True):
        inside = (abs(x) >= 1e-3) & (abs(x) <= (0.999 if a["domain"] in ("unit", "optional_unit") else 20))
        if a["role"] == "target" and a["domain"] in ("unit", "truth"):
            inside = abs(x) <= 1
        typical &= inside | (x == a["default"])
    assert typical.sum() > 500
    assert (bound(*[x[typical] for x in args]) > 0).all()


def test_float16_is_float32_rounded_once(case):
    args = [np.concatenate(pair) for pair in zip(case.draw(5000, "f2"), case.specials("f2"), strict=True)]
    with np.errstate(all="ignore"):
        want = [w.astype("f2") for w in case(*[a.astype("f4") for a in args])]
        if case.parts[-1] == "hess_bound":  # which stays positive
            want[-1] = np.maximum(want[-1], np.finfo("f2").smallest_subnormal)
    assert_same(case(*args), want)


def test_threads_do_not_disturb_each_other(case):
    data = [case.draw(20000, "f4", seed) for seed in range(4)]
    want = [case(*args) for args in data]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda args: case(*args), data * 2))
    for g, w in zip(got, want * 2, strict=True):
        assert_same(g, w)


# Arrays that do not fit into the cache are written past it.

# None: never, on a machine that does not tell the size of its cache
PAST_CACHE_FROM = _core.past_cache_from()
# three operands of so many float32 are stored past the cache
LONG = max(12_000_000, (PAST_CACHE_FROM or 0) // (3 * 4) + 100_000)


@pytest.fixture(scope="module")
def long_arrays():
    """Two arrays of LONG float32, known by heart in pieces: 96 MB."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(LONG + 16, dtype="f4") for _ in range(2)]


@pytest.mark.parametrize("offset", [0, 1, 5, 15])
@pytest.mark.parametrize("attribute", ["", "value_and_grad"])
@pytest.mark.parametrize("name", ["squared_error", "huber_loss"])
def test_long_arrays_equal_their_pieces_at_any_alignment(long_arrays, name, attribute, offset):
    ufunc = getattr(getattr(ul, name), attribute) if attribute else getattr(ul, name)
    x, y = (a[3 : 3 + LONG] for a in long_arrays)
    rooms = [np.full(LONG + 64, 77, "f4") for _ in range(ufunc.nout)]
    outs = tuple(room[offset * (i + 1) : offset * (i + 1) + LONG] for i, room in enumerate(rooms))
    ufunc(x, y, out=outs)
    step = 1_000_003
    for i in range(0, LONG, step):
        pieces = ufunc(x[i : i + step], y[i : i + step])
        pieces = pieces if isinstance(pieces, tuple) else (pieces,)
        for out, piece in zip(outs, pieces, strict=True):
            assert out[i : i + step].tobytes() == piece.tobytes()
    for i, room in enumerate(rooms):
        assert (room[: offset * (i + 1)] == 77).all()
        assert (room[offset * (i + 1) + LONG :] == 77).all()


@pytest.mark.parametrize("name", ["squared_error", "huber_loss"])
def test_long_arrays_in_place(long_arrays, name):
    ufunc = getattr(ul, name)
    x, y = long_arrays
    out = x.copy()
    ufunc(out, y, out=out)
    step = 1_000_003
    for i in range(0, len(x), step):
        assert out[i : i + step].tobytes() == ufunc(x[i : i + step], y[i : i + step]).tobytes()


# Anything a float can be


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_floats_in_any_shape_equal_scalar_calls(family, data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=6))
    elements = hnp.from_dtype(dtype, allow_nan=True, allow_infinity=True, allow_subnormal=True)
    args = [data.draw(hnp.arrays(dtype, shape, elements=elements)) for _ in range(family[0].nin)]
    for case in family:
        got = case(*args)
        scalars = [case(*point) for point in zip(*[a.ravel() for a in args], strict=True)]
        want = [np.array(column, dtype).reshape(shape) for column in zip(*scalars, strict=True)] or [
            np.empty(shape, dtype)
        ] * case.nout
        assert_same(got, want)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_shapes_that_broadcast(family, data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=family[0].nin, max_dims=3, max_side=5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    args = [rng.normal(size=s).astype("f4") for s in shapes.input_shapes]
    for case in family:
        got = case(*args)
        assert all(g.shape == shapes.result_shape for g in got)
        assert_same(got, case(*[np.broadcast_to(a, shapes.result_shape).copy() for a in args]))


BINARY = [case for case in CASES if case.nin == 2 and case.nout == 1]


@pytest.mark.parametrize("case", [case for case in CASES if case not in BINARY], ids=repr)
def test_other_ufuncs_have_no_reductions(case):
    with pytest.raises(ValueError, match="reduce only supported for"):
        case.ufunc.reduce(np.ones(3))


@pytest.mark.parametrize("case", BINARY, ids=repr)
def test_reductions_go_one_by_one(case):
    """Every ufunc of two inputs has NumPy's reduce and accumulate, which feed a result back as the next first
    argument.
    """
    for dtype in "efd":
        x = case.draw(20, dtype)[0]
        steps = [x[0]]
        for v in x[1:]:
            steps.append(case.ufunc(steps[-1], v))
        steps = np.array(steps, dtype)
        np.testing.assert_array_equal(case.ufunc.accumulate(x), steps)
        np.testing.assert_array_equal(case.ufunc.reduce(x), steps[-1])
        np.testing.assert_array_equal(
            case.ufunc.reduce(np.repeat(x, 3).reshape(20, 3), axis=0), np.repeat(steps[-1], 3)
        )
        np.testing.assert_array_equal(case.ufunc.reduceat(x, [0, 10]), [steps[9], case.ufunc.reduce(x[10:])])
        np.testing.assert_array_equal(case.ufunc.accumulate(np.repeat(x, 2)[::2]), steps)
