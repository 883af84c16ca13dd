"""Every output of every loss against 50 digits, over the whole domain."""

import numpy as np
import pytest

from elementwise.errors import PARTS, bound, errors
from internals import LOSSES
from reference import REFERENCE

CASES = [
    pytest.param(loss, part, id=f"{loss['name']}-{part}")
    for loss in LOSSES
    for part in PARTS
    if part in loss["parts"]
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss["name"])
def test_has_reference(loss):
    assert loss["name"] in REFERENCE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "part"), CASES)
def test_within_bound(loss, part, dtype):
    found = errors(loss, part, dtype, 400, seed=1)
    assert len(found) > 300
    worst = max(found, key=lambda e: e[0] / bound(loss, e[1]))
    assert worst[0] <= bound(loss, worst[1]), f"{worst[0]:.3g} ulp at {[float(v) for v in worst[1]]}"


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "part"), CASES)
def test_within_bound_at_many_points(loss, part, dtype):
    worst = max(errors(loss, part, dtype, 5000, seed=3), key=lambda e: e[0] / bound(loss, e[1]))
    assert worst[0] <= bound(loss, worst[1]), f"{worst[0]:.3g} ulp at {[float(v) for v in worst[1]]}"
