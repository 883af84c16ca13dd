"""`out`, and outputs that are or overlap inputs."""

import itertools

import numpy as np
import pytest

from cases import cases_that
from common import unaligned
from elementwise.layouts import NUMPY_BUFFER, assert_same, fresh, read_only


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
