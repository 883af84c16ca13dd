"""Every loss of the C++ registry as a ufunc, with its derivatives as attributes."""

from inspect import Parameter, Signature

from . import _core, _docs, _reduce
from ._front import BatchCall, RowCall
from ._labels import make_explain
from ._records import ISA, of_dims

LOSSES, ROW_LOSSES, PAIR_LOSSES = map(of_dims, ("", "n", "b,d"))
ALL = [*LOSSES, *ROW_LOSSES, *PAIR_LOSSES]
NUMPY_KEYWORDS = {"casting": "same_kind", "order": "K", "dtype": None, "subok": True}
KEYWORDS = {
    "": {"where": True, **NUMPY_KEYWORDS},
    "n": {"axis": -1, "where": True, "keepdims": False, **NUMPY_KEYWORDS},
    "b,d": {"where": True, "axes": None, **NUMPY_KEYWORDS},
}


def signature(loss):
    """What inspect.signature shows: the inputs by name, then the keywords that go with how they lie."""
    params = [
        Parameter(
            a["name"],
            Parameter.POSITIONAL_OR_KEYWORD,
            default=Parameter.empty if a["default"] is None else a["default"],
        )
        for a in loss["args"]
    ]
    params.append(Parameter("out", Parameter.POSITIONAL_OR_KEYWORD, default=None))
    params += [
        Parameter(name, Parameter.KEYWORD_ONLY, default=value)
        for name, value in KEYWORDS[loss["dims"]].items()
    ]
    return Signature(params)


def make_loss(loss):
    """The ufunc of a loss; its derivatives, ufuncs too, are its attributes."""
    names = tuple(a["name"] for a in loss["args"])
    defaults = tuple(... if a["default"] is None else a["default"] for a in loss["args"])
    shown = signature(loss)
    value = None
    for attribute, (record, parts) in loss["outputs"].items():
        full = f"{loss['name']}.{attribute}" if attribute else loss["name"]
        doc = _docs.docstring(loss, attribute, parts)
        slow = masked = None
        if attribute in loss["masked"]:
            masked = _core.make_masked(ISA, loss["masked"][attribute][0], full)
            is_row = loss["dims"] == "n"
            slow = RowCall(loss, full, parts, masked) if is_row else BatchCall(loss, full, masked)
        ufunc = _core.make_ufunc(
            ISA, record, full, doc, names, defaults, slow, make_explain(loss, full), masked
        )
        ufunc.__doc__ = doc  # NumPy would put its own first line above it
        ufunc.__signature__ = shown
        if attribute:
            setattr(value, attribute, ufunc)
        else:
            value = ufunc
    # A second derivative that stays away from 0 is its own bound.
    if "hess" in loss["outputs"] and "hess_bound" not in loss["outputs"]:
        value.hess_bound, value.grad_and_hess_bound = value.hess, value.grad_and_hess
    _reduce.attach(loss, value)
    return value


UFUNCS = {loss["name"]: make_loss(loss) for loss in ALL}

# Names that optax has for the same losses.
ALIASES = {
    "safe_softmax_cross_entropy": "softmax_cross_entropy",
    "convex_kl_divergence": "generalized_kl_divergence",
    "multiclass_logistic_loss": "softmax_cross_entropy_with_integer_labels",
    "binary_logistic_loss": "sigmoid_binary_cross_entropy",
    "binary_sparsemax_loss": "sparsemax_loss",
    "ntxent": "ntxent_loss",
}
