"""Every name belongs to the public module that offers it, whatever private one its source stands in."""

import inspect
import pickle

import pytest

from ufloss.compat import axon, gluon, optax

MODULES = (axon, gluon, optax)
NAMES = [(module, name) for module in MODULES for name in module.__all__ if name != "make_fenchel_young_loss"]


def functions_of(x):
    """The function, or the methods and properties of a class and its bases; decorated ones with what they
    were.
    """
    if inspect.isfunction(x):
        yield x
        yield from functions_of(getattr(x, "__wrapped__", None))
    elif isinstance(x, property):
        yield x.fget
    elif inspect.isclass(x) and x not in (object, dict):
        for part in [*vars(x).values(), *x.__bases__]:
            yield from functions_of(part)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_names_belong_to_their_module(module, name):
    x = getattr(module, name)
    functions = list(functions_of(x))
    assert functions
    assert {f.__module__ for f in [x, *functions]} == {module.__name__}
    assert pickle.loads(pickle.dumps(x)) is x


def test_modules_offer_no_other_function():
    for module in (gluon, optax):
        others = [name for name in vars(module) if name not in module.__all__ and not name.startswith("_")]
        assert others == (["NoParameters", "Elementwise"] if module is gluon else [])


def test_parameters_pickle():
    parameters = gluon.L1Loss().collect_params()
    copy = pickle.loads(pickle.dumps(parameters))
    assert type(copy) is type(parameters)
    assert type(copy).__module__ == gluon.__name__


def test_what_the_core_makes_is_the_cores():
    assert optax.make_fenchel_young_loss.__module__ == "ufloss._fenchel_young"
