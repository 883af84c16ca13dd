"""The losses are real ufuncs, and their derivatives attributes."""

import numpy as np
import pytest

import ufloss as ul
from binding.cases import python
from cases import families_that

DERIVATIVES = {
    "grad": {"grad"},
    "value_and_grad": {"grad"},
    "hess": {"hess"},
    "grad_and_hess": {"hess"},
    "hess_bound": {"hess"},
    "grad_and_hess_bound": {"hess"},
    "grads": {"grad2"},
    "value_and_grads": {"grad2"},
}  # attribute -> the part without which it is absent


def test_is_a_real_ufunc(case):
    assert type(case.ufunc) is np.ufunc
    assert (case.ufunc.nin, case.ufunc.nout, case.ufunc.signature) == (case.nin, case.nout, None)


def test_knows_its_name_and_module(case):
    assert case.ufunc.__name__ == case.ufunc.__qualname__ == case.name
    assert case.ufunc.__module__ == "ufloss"
    assert repr(case.ufunc) == f"<ufunc '{case.name}'>"


def test_derivatives_that_exist_are_attributes_and_the_others_are_absent(family):
    value = family[0].ufunc
    there = {attribute for attribute in DERIVATIVES if hasattr(value, attribute)}
    assert there == {
        attribute for attribute, needs in DERIVATIVES.items() if needs <= set(family[0].loss["parts"])
    }
    for attribute in there:
        assert type(getattr(value, attribute)) is np.ufunc
        assert not any(hasattr(getattr(value, attribute), other) for other in DERIVATIVES)
    with pytest.raises(AttributeError, match="no attribute"):
        _ = value.no_such_derivative


@families_that(lambda loss: "hess" in loss["outputs"])
def test_second_derivative_without_a_bound_of_its_own_is_the_bound(family):
    value, outputs = family[0].ufunc, family[0].loss["outputs"]
    assert (value.hess_bound is value.hess) == ("hess_bound" not in outputs)
    assert (value.grad_and_hess_bound is value.grad_and_hess) == ("hess_bound" not in outputs)


def test_package_lists_every_loss(family):
    name = family[0].name
    assert name in ul.__all__
    assert name in dir(ul)
    assert getattr(ul, name) is family[0].ufunc


def test_all_names_exist_and_are_the_only_public_ones():
    assert ul.__all__ == sorted(set(ul.__all__)) == dir(ul)
    # In a process of its own: a subpackage that another test has imported is a name of the package too.
    public = python(
        "-c", "import ufloss as ul; print(*sorted(name for name in vars(ul) if not name.startswith('_')))"
    ).stdout.split()
    # imported when somebody asks
    assert public == [name for name in ul.__all__ if not name.startswith("_") and name != "compat"]
