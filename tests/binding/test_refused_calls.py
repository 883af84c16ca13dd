"""Exceptions of what is asked after NumPy refused a call."""

import numpy as np
import pytest

import ufloss as ul
from internals import ISA, ROW_LOSSES, _core, lattice_records

ORDINARY = [ValueError, np.exceptions.AxisError, IndexError, TypeError, RuntimeError]
URGENT = [MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit]


def raising(error):
    def f(*args, **kwargs):
        raise error("raised on the way")

    return f


def row_ufunc(name, slow=None, explain=None):
    """A ufunc of that loss with another slow way and another explaining function."""
    loss = next(loss for loss in ROW_LOSSES if loss["name"] == name)
    names, defaults = zip(
        *[(a["name"], ... if a["default"] is None else a["default"]) for a in loss["args"]], strict=True
    )
    ufunc = _core.make_ufunc(ISA, loss["outputs"][""][0], name, "", names, defaults, slow, explain)
    KEPT.append(ufunc)
    return ufunc


KEPT = []  # ufuncs live for ever


@pytest.mark.parametrize("error", [*ORDINARY, *URGENT])
def test_only_a_refusal_of_shapes_gives_way_to_numpys(error):
    ufunc = row_ufunc("softmax_cross_entropy", raising(error))
    x, y = np.zeros((2, 3)), np.zeros((2, 4))
    said = "mismatch in its core dimension" if issubclass(error, ValueError) else "raised on the way"
    for call in (lambda: ufunc(x, y), lambda: ufunc(x, labels=y), lambda: ufunc(x, y, out=np.empty(2))):
        with pytest.raises(ValueError if issubclass(error, ValueError) else error, match=said):
            call()
    with pytest.raises(ValueError, match="mismatch in its core dimension"):  # the slow way has no axes
        ufunc(x, y, axes=[(-1,), (-1,), ()])
    # asked for by a keyword: there is no other error
    with pytest.raises(error, match="raised on the way"):
        ufunc(x, y, keepdims=True)
    # shapes of the batch, which the slow way is not asked about
    with pytest.raises(ValueError, match="could not be broadcast"):
        ufunc(x, y[:1].repeat(3, 0)[:, :3])


@pytest.mark.parametrize("error", [*ORDINARY, *URGENT])
def test_only_ordinary_errors_of_an_explanation_are_passed_over(error):
    passed_over = error in ORDINARY
    ufunc = row_ufunc("softmax_cross_entropy_with_integer_labels", explain=raising(error))
    with pytest.raises(
        ValueError if passed_over else error,
        match="label 9 is out of range" if passed_over else "raised on the way",
    ):
        ufunc(np.zeros((2, 3)), [0, 9])
    np.testing.assert_array_equal(ufunc(np.zeros((2, 3)), [0, 1]), np.log(3))

    record = next(
        r for r in lattice_records() if (r["name"], r["attribute"], r["masked"]) == ("ctc.loss", "", False)
    )
    names = tuple(name for name, _ in record["args"])
    ufunc = _core.make_ctc(
        ISA,
        record["record"],
        "ctc.loss",
        "",
        names,
        ul.ctc.DEFAULTS,
        ul.ctc.slow,
        raising(error),
        ul.ctc.measure,
        0,
    )
    KEPT.append(ufunc)
    x = np.zeros((4, 3))
    with pytest.raises(
        ValueError if passed_over else error,
        match="label 9 is out of range" if passed_over else "raised on the way",
    ):
        ufunc(x, [9])
    if passed_over:  # also where it is asked before the call
        assert ufunc(x, [1], blank=np.uint64(0)) == ufunc(x, [1])
    else:
        with pytest.raises(error, match="raised on the way"):
            ufunc(x, [1], blank=np.uint64(0))


def test_ctc_labels_without_an_axis_are_refused_by_numpy():
    for blank in (0, np.uint64(0)):
        with pytest.raises(ValueError, match="Input operand 1 does not have enough dimensions"):
            ul.ctc.loss(np.zeros((4, 3)), 1, blank=blank)


def test_attributes_of_a_subclass_are_not_looked_up():
    asked = []

    class Computed(np.ndarray):
        def __getattr__(self, name):
            asked.append(name)
            raise KeyboardInterrupt(name)

    x = np.zeros((2, 3)).view(Computed)
    np.testing.assert_array_equal(np.asarray(ul.logsumexp(x)), np.log(3))
    assert not asked
