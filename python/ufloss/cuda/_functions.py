"""Every loss of the C++ registry as a function of arrays on a GPU, with its derivatives as attributes."""

from inspect import Parameter, Signature

from .._docs import OUTPUT_TEXT, SUMMARY_TEXT, argument_text, shape_text
from .._records import ALL, ISA
from ._calls import Function

NOT_GIVEN = float("nan")  # a length that is the axis's own

WHERE = [
    "where : array of bool, optional",
    "    Elements to compute; the others keep what `out` holds, and are 0 in new results.",
]
ROW_KEYWORDS = [
    "where : array of bool, optional",
    "    Elements of the rows that take part, or whole rows.",
    "axis : int, tuple of int or None, optional",
    "    The class axis, the last one by default; None takes all.",
    "keepdims : bool, optional",
    "    Keep the class axes as axes of length 1.",
]


def default_of(argument):
    """What stands for an argument that is not given: a number, or Ellipsis where it is required."""
    if argument["default"] is not None:
        return float(argument["default"])
    return NOT_GIVEN if argument["role"] == "length" else ...


def signature(loss, keywords):
    """What inspect.signature shows."""
    params = [
        Parameter(
            a["name"],
            Parameter.POSITIONAL_OR_KEYWORD,
            default=Parameter.empty if default_of(a) is ... else a["default"],
        )
        for a in loss["args"]
    ]
    shown = {"out": None, "where": True, "axis": -1, "keepdims": False}
    for name in ("out", "where", *keywords):
        params.append(Parameter(name, Parameter.KEYWORD_ONLY, default=shown[name]))
    return Signature(params)


def docstring(loss, attribute, parts, keywords):
    """The whole docstring of a function."""
    name, args = loss["name"], loss["args"]
    words = dict(zip(("first", "second", "third"), (a["name"] for a in args), strict=False))
    words.update(name=name, inputs=" and ".join(f"`{a['name']}`" for a in args[:2]))
    summary = SUMMARY_TEXT[attribute].format(**words) if attribute in SUMMARY_TEXT else loss["summary"]
    full = f"ufloss.cuda.{name}" + f".{attribute}" * bool(attribute)
    lines = [summary, "", f"{name} is", "", "::", ""]
    lines += ["    " + line for line in loss["formula"].splitlines()]
    lines += ["", "Parameters", "----------"]
    for a in args:
        kind = "array of int" if a["role"] in ("label", "length") else "array or number"
        optional = "" if default_of(a) is ... else ", optional"
        shape = "" if loss["kind"] == "lattice" else shape_text(loss, a)
        lines += [f"{a['name']} : {kind}{optional}", "    " + argument_text(a) + shape]
    lines += ["out : array, or tuple of arrays or None, optional", "    Where to put the results."]
    lines += ROW_KEYWORDS if keywords else WHERE
    lines += ["", "Returns", "-------"]
    for part in parts:
        lines += [
            f"{'loss' if part == 'value' else part} : array",
            f"    {OUTPUT_TEXT[part].format(**words)} Of the library of the first array.",
        ]
    lines += [
        "",
        "Raises",
        "------",
        "TypeError",
        "    If an array is not on a GPU, or types do not fit.",
        "ValueError",
        "    If shapes or devices do not fit, or an output cannot be written to.",
        "CudaUnavailableError",
        "    If there is no GPU, no driver, or the extra is not installed.",
        "",
        "See Also",
        "--------",
        f"{full.replace('.cuda', '', 1)} : The same on the CPU, of the same bits.",
        "",
        "Notes",
        "-----",
        "Does not wait for the GPU. Arrays are of one floating type: float16, bfloat16, float32 or float64.",
        "",
        "Examples",
        "--------",
        ">>> import ufloss.cuda",
        f">>> {full}.__name__",
        f"'{full.removeprefix('ufloss.cuda.')}'",
    ]
    given = [a["name"] for a in args if default_of(a) is ...]
    lines += [f">>> {full}({', '.join(given)})    # arrays on a GPU    # doctest: +SKIP"]
    return "\n".join(lines) + "\n"


def make(loss):
    """A loss with its attributes."""
    defaults = tuple(map(default_of, loss["args"]))
    value = None
    for attribute, (place, parts) in loss["outputs"].items():
        one = Function(ISA, loss, attribute, place, defaults)
        one.__signature__ = signature(loss, one.keywords)
        one.__doc__ = docstring(loss, attribute, parts, one.keywords)
        if attribute:
            setattr(value, attribute, one)
        else:
            value = one
    # A second derivative that stays away from 0 is its own bound.
    if "hess" in loss["outputs"] and "hess_bound" not in loss["outputs"]:
        value.hess_bound, value.grad_and_hess_bound = value.hess, value.grad_and_hess
    return value


LOSSES = {loss["name"]: make(loss) for loss in ALL if loss["kind"] != "helper"}


def find(name):
    """The function of that full name."""
    for full, loss in LOSSES.items():
        if name == full:
            return loss
        if name.startswith(f"{full}."):
            return getattr(loss, name.removeprefix(f"{full}."))
    raise AttributeError(f"ufloss.cuda has no function {name}")
