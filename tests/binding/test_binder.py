"""One place binds the arguments of every call: which goes where, what is missing or given twice; defaults."""

import numpy as np
import pytest

import ufloss as ul
from ufloss import _core


def test_defaults_have_the_type_of_the_loop_from_the_start():
    """0.07 and 1e-6 are others in float16, and 1e-6 in float32."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(4, 3)).astype("f2"), np.array([0, 0, 1, 1])
    for words in ({"dtype": "f4"}, {"signature": (None, None, None, "f4")}):
        assert ul.ntxent_loss(x, labels, **words) == ul.ntxent_loss(x, labels, 0.07, **words)
    a, b, c = rng.normal(size=(3, 2, 3)) * 1e-6
    for anchors, positives in ((a.astype("f4"), b), (a.astype("f4"), b.astype(int)), (a, b.astype("f4"))):
        got = ul.triplet_margin_loss(anchors, positives, c.astype("f4"))
        want = ul.triplet_margin_loss(anchors, positives, c.astype("f4"), 1.0, 2.0, 1e-6)
        assert got.tobytes() == want.tobytes()


PARAMETERS = (("a", "b", "c", "d"), (..., ..., ..., 4.0))


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, "f() missing 3 required positional arguments: 'a', 'b', and 'c'"),
        ((1,), {}, "f() missing 2 required positional arguments: 'b' and 'c'"),
        ((), {"a": 1, "c": 3}, "f() missing 1 required positional argument: 'b'"),
        ((1, 2, 3), {"b": 2}, "f() got multiple values for argument 'b'"),
        ((1, 2), {"c": None}, "f(): c is None"),
        ((1,) * 99, {}, "f() got too many arguments"),
        ((), dict.fromkeys(map(str, range(99))), "f() got too many arguments"),
    ],
)
def test_one_binder_says_what_is_wrong(args, kwargs, text):
    with pytest.raises(TypeError) as caught:
        _core.bind("f", *PARAMETERS, args, kwargs)
    assert str(caught.value) == text


def test_one_binder_puts_arguments_in_order():
    words = {"c": 3, "".join(["o", "ut"]): 9, "d": None}
    assert _core.bind("f", *PARAMETERS, (1, 2), words) == ([1, 2, 3, None], ())
    assert words == {"out": 9}
    assert _core.bind("f", *PARAMETERS, (1, 2, 3, 4, 5, 6), {}) == ([1, 2, 3, 4], (5, 6))
    assert _core.bind("f", *PARAMETERS, (1, 2, 3), {}) == ([1, 2, 3, None], ())
