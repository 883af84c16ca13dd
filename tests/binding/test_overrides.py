"""`__array_ufunc__`: who handles ufuncs itself gets the ufunc and all inputs."""

from binding.cases import names, required, type_error


class Duck:
    """Keeps what __array_ufunc__ was given."""

    def __array_ufunc__(self, *args, **kwargs):
        return args, kwargs


def test_array_ufunc_gets_the_ufunc_and_all_inputs(case):
    duck = Duck()
    for k in range(case.nin):
        values = [duck if i == k else float(i) for i in range(case.nin)]
        want = (case.ufunc, "__call__", *values)
        assert case.ufunc(*values) == (want, {})
        assert case.ufunc(**dict(zip(names(case), values, strict=True)), where=True) == (
            want,
            {"where": True},
        )


def test_array_ufunc_gets_the_defaults(case):
    duck = Duck()
    for k in range(case.nin):
        filled = [1.0 if a["default"] is None else a["default"] for a in case.loss["args"]]
        filled[k] = duck
        given = {
            name: v
            for name, v in zip(names(case), filled, strict=True)
            if name in required(case) or v is duck
        }
        assert case.ufunc(**given) == ((case.ufunc, "__call__", *filled), {})


def test_array_ufunc_of_an_output(case):
    duck = Duck()
    outs = (duck, *[None] * (case.nout - 1))
    args, kwargs = case.ufunc(*[1.0] * len(required(case)), out=outs)
    assert args[:2] == (case.ufunc, "__call__")
    assert len(args) == 2 + case.nin
    assert kwargs == {"out": outs}


def test_array_ufunc_none_refuses(case):
    opaque = type("Opaque", (), {"__array_ufunc__": None})
    assert "does not support ufuncs" in type_error(case.ufunc, opaque(), *[1.0] * (case.nin - 1))
