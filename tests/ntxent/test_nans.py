"""A NaN of every kind in a vector or a temperature."""

import numpy as np

from nans import by_type, kinds_of_nan, put_nan
from ntxent.cases import UFUNC_OF, by_name, draw


@by_name
@by_type
def test_every_nan_is_one(name, dtype):
    x, labels = draw(20, 9, dtype=dtype)
    heat = dtype(0.1)
    for number in kinds_of_nan(dtype):
        bad = put_nan(x, (7, 5), number)
        for args in ((bad, labels), (x, labels, put_nan(np.zeros((), dtype), (), number))):
            value, grad = UFUNC_OF[f"{name}.value_and_grad"](*args)
            assert np.isnan(value), number.tobytes()
            assert np.isnan(grad).all()
            assert np.isnan(UFUNC_OF[name](*args))
        keep = np.arange(20) != 7
        assert np.isfinite(UFUNC_OF[name](bad, labels, heat, where=keep))
