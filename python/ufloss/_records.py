"""The registry of the C++ core, as the instruction set in use has it: what all of Python is made from."""

from . import _core

ISA = _core.choose_isa()
ALL = _core.read_registry(ISA)


def of_kind(kind):
    return [loss for loss in ALL if loss["kind"] == kind]


def helper_place(name):
    """Where the record of a function behind others stands."""
    place, _ = next(helper for helper in of_kind("helper") if helper["name"] == name)["outputs"][""]
    return place


def of_dims(dims):
    """The losses whose operands lie so, whatever computes them: elements "", rows "n", vectors "b,d"."""
    return [loss for loss in ALL if loss["dims"] == dims and loss["kind"] != "helper"]


def make_helper(name):
    """The ufunc behind others that has this name."""
    return _core.make_helper(ISA, helper_place(name), name)


def lattice_records():
    """The ufuncs of CTC as dicts, a masked one behind each."""
    for function in of_kind("lattice"):
        for attribute, (record, parts) in function["outputs"].items():
            one = {**function, "attribute": attribute, "record": record, "parts": parts, "masked": False}
            one["args"] = [(a["name"], a["doc"]) for a in function["args"]]
            yield one
            yield {**one, "record": function["masked"][attribute][0], "masked": True}
