"""What `help` and `inspect.signature` show of `loss.sum` and `loss.mean`."""

from inspect import Parameter, Signature


def signature(loss, weights):
    words = {weights: None, **({"over": None, "axis": -1} if loss["dims"] == "n" else {"axis": None})}
    words |= {"where": True, "keepdims": False, "dtype": None, "out": None, "returned": False}
    params = [
        (
            a["name"],
            Parameter.POSITIONAL_OR_KEYWORD,
            Parameter.empty if a["default"] is None else a["default"],
        )
        for a in loss["args"]
    ]
    params += [(n, Parameter.KEYWORD_ONLY, d) for n, d in words.items()]
    return Signature([Parameter(n, how, default=d) for n, how, d in params])


def docstring(loss, kind, with_grad, weights):
    """The numpydoc text."""
    name, first = loss["name"], loss["args"][0]["name"]
    noun = {"sum": "Sum", "mean": "Mean"}[kind]
    rows = loss["dims"] == "n"
    lines = [
        f"{noun} of "
        f"`{name}`{' and its gradient with respect to `' + first + '`' if with_grad else ''}, "
        "weighted, in one pass.",
        "",
    ]
    lines += [
        "The losses themselves are never stored; they are added up in float64, in an order that "
        "only the shape decides. Those of float16 are",
        "kept in float32, and those that overflow in float32 are computed again in float64: the "
        "result alone is rounded to its type.",
        "",
    ]
    lines += [
        "Parameters",
        "----------",
        f"{', '.join(a['name'] for a in loss['args'])}",
        f"    As in `{name}`.",
    ]
    lines += [
        f"{weights} : array_like, optional",
        "    One for each loss, or what broadcasts so; 1 by default. A weight of 0 leaves its loss "
        "out, "
        "whatever that is"
        f"{', also where the label is no class' if any(a['role'] == 'label' for a in loss['args']) else ''}.",
    ]
    if rows:
        lines += [
            "over : int, tuple of int or None, optional",
            "    Axes of the losses that are reduced, counted without the class axis; all of them "
            "by default.",
            "axis : int, tuple of int or None, optional",
            f"    The class axis, as in `{name}`.",
        ]
    else:
        lines += [
            "axis : int, tuple of int or None, optional",
            "    Axes that are reduced; all of them by default.",
        ]
    lines += [
        "where : array_like of bool, optional",
        "    Elements of the rows, or whole rows, that take part; a row without elements does not count."
        if rows
        else "    Losses that take part; what is masked out is not read and does not count.",
        "keepdims : bool, optional",
        "    Keep reduced axes as axes of length 1.",
        "dtype : dtype, optional",
        "    Of the result; that of the losses by default.",
        f"out : {'tuple of ndarray or None' if with_grad else 'ndarray'}, optional",
        f"    Where to put the result{'s' if with_grad else ''}.",
        "returned : bool, optional",
        "    Give the sum of the weights too.",
        "",
    ]
    result = {
        "sum": "Sum of weights times losses.",
        "mean": "The sum of weights times losses over the sum of weights: NaN for 0 / 0, an infinity where "
        "only the latter is 0.",
    }
    lines += ["Returns", "-------", f"{kind} : ndarray or scalar", f"    {result[kind]}"]
    if with_grad:
        lines += [
            "grad : ndarray",
            f"    Derivative of the {kind} with respect to `{first}`, one for each loss where `{first}` "
            "broadcasts; 0 where",
            "    masked out.",
        ]
    lines += ["weight : ndarray or scalar", "    The sum of the weights, with `returned`.", ""]
    lines += [
        "Notes",
        "-----",
        "What a masked array hides, among the operands, the weights or in `where`, takes no part. "
        "Operands of pandas with the same labels in",
        "another order are put in that of the first; different labels are an error.",
    ]
    return "\n".join(lines) + "\n"
