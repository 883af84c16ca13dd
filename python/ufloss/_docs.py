"""Docstrings of the ufuncs, put together from the registry: what is common to all of them stands here
once.
"""

DOMAIN_TEXT = {
    "real": "",
    "unit": "Between 0 and 1",
    "optional_unit": "",
    "nonnegative": "Not negative",
    "positive": "Positive",
    "sign": "",
    "truth": "",
    "tweedie_power": "0 or less, or 1 or more",
    "tweedie_target": "Not negative, unless the power is 0",
    "label": "",
}

OUTPUT_TEXT = {
    "value": "The loss.",
    "grad": "Derivative of the loss with respect to `{first}`.",
    "grad2": "Derivative of the loss with respect to `{second}`.",
    "grad3": "Derivative of the loss with respect to `{third}`.",
    "hess": "Second derivative of the loss with respect to `{first}`.",
    "hess_bound": "Positive upper bound of the second derivative with respect to `{first}`.",
}

BATCH_SHAPE = {  # by an argument's dims
    "b,d": " Of shape (..., batch, numbers).",
    "b": " Of shape (..., batch).",
    "": " One for each batch: of shape (...).",
}
WHERE = [
    "where : array_like of bool, optional",
    "    Elements to compute; the others keep what `out` holds. A masked array is refused "
    "here; of masked operands results are masked.",
]
BATCH_WHERE = [
    "where : array_like of bool, optional",
    "    Vectors that take part, of shape (..., batch); others are not read, and have a "
    "gradient of 0. Other masked arrays are refused.",
]
CROSS_WHERE = [
    "where : array_like of bool, optional",
    "    Pairs that take part, of shape (..., batch); others are not read, and have gradients of 0. Other "
    "masked arrays are refused.",
]
ROW_KEYWORDS = [
    "axis : int, tuple of int or None, optional",
    "    The class axis, the last one by default. Several axes make one row, in the order of "
    "the tuple; None takes all. Nothing is copied",
    "    where the axes merge to one stride.",
    "where : array_like of bool, optional",
    "    Elements of the rows that take part, or whole rows: of the shape of the first "
    "argument or of the batch. What is masked out",
    "    may be anything and gives 0, unless the notes say otherwise; so does a row that is "
    "masked out whole. What masked",
    "    arrays hide counts as masked out, of a label or a parameter the whole row; results "
    "are plain arrays.",
    "keepdims : bool, optional",
    "    Keep the class axes as axes of length 1.",
]

SUMMARY_TEXT = {
    "grad": "Gradient of `{name}` with respect to `{first}`.",
    "value_and_grad": "`{name}` and its gradient with respect to `{first}`, in one pass.",
    "hess": "Second derivative of `{name}` with respect to `{first}`.",
    "grad_and_hess": "Gradient and second derivative of `{name}` with respect to `{first}`, in one pass.",
    "hess_bound": "Positive upper bound of the second derivative of `{name}` with respect to `{first}`.",
    "grad_and_hess_bound": (
        "Gradient of `{name}` and a positive upper bound of its second derivative, in one pass."
    ),
    "grads": "Gradients of `{name}` with respect to {inputs}, in one pass.",
    "value_and_grads": "`{name}` and its gradients with respect to {inputs}, in one pass.",
}


# By the core dimensions of the first argument.
ACCURACY = {
    "": "Within 4 ulp of the exact result in float32 and float64",
    "n": (
        "Values within 8 ulp of the exact result in float32 and float64, "
        "gradients within 8 ulp of the row's largest entry"
    ),
    "b,d": (
        "A cosine over the temperature is off by a few ulp of 1 / temperature: "
        "by so much a value, or of one below 1 its relative error"
    ),
}
ROUNDING = "float16 is computed in float32 and rounded once."
WARNINGS = "NaN gives NaN, and nothing warns but NumPy, where it casts an argument that overflows{unset}."
ROW_VALUE_SHAPE = "of the batch: that of the first argument without `axis`"


def argument_text(arg):
    """What an argument is, and what happens outside its domain."""
    domain = DOMAIN_TEXT[arg["domain"]]
    if not domain:
        return arg["doc"]
    outside = "."
    if arg["checked"]:
        outside = "; NaN outside."
    elif arg["role"] == "prediction":
        outside = "; what lies outside counts as it stands."
    return f"{arg['doc']} {domain}{outside}".lstrip()


def shape_text(loss, arg):
    """How an argument lies."""
    if loss["dims"] == "n":
        return " Lies along `axis`." if arg["along"] else " One for each row: of the batch's shape."
    return BATCH_SHAPE[arg["dims"]] if loss["dims"] == "b,d" else ""


def batch_result_shape(loss, part):
    """The value is a number for each batch, a gradient lies as its argument does."""
    k = {"grad": 0, "grad2": 1, "grad3": 2}.get(part)
    if k is None or not loss["args"][k]["dims"]:
        return "(...), one for each batch"
    return f"of the {('first', 'second', 'third')[k]} argument"


def where_text(loss):
    if loss["dims"] == "b,d":
        return BATCH_WHERE if has_labels(loss) else CROSS_WHERE
    return ROW_KEYWORDS if loss["dims"] == "n" else WHERE


def has_labels(loss):
    return any(a["role"] == "label" for a in loss["args"])


def format_default(value):
    return f"{value:g}"


def call_signature(loss):
    args = [
        a["name"] if a["default"] is None else f"{a['name']}={format_default(a['default'])}"
        for a in loss["args"]
    ]
    rows = {
        "": "where=True, ",
        "n": "axis=-1, where=True, keepdims=False, ",
        "b,d": "where=True, ",
    }[loss["dims"]]
    return f"{', '.join(args)}, out=None, *, {rows}casting='same_kind', order='K', dtype=None, subok=True"


def accuracy_note(loss, parts):
    text = ACCURACY[loss["dims"]]
    if loss["exponent"] and loss["dims"] == "":
        text += f" (or 5 ulp times `{loss['exponent']}`, where that is more)"
    if any(p in loss["vanishing"] for p in parts):
        text += "; where a result crosses 0, ulps of its largest term"
    unset = " or `where` comes without `out`" if loss["dims"] == "" else ""
    return f"{text}. {ROUNDING} {WARNINGS.format(unset=unset)}"


def result_shape(loss, part):
    if loss["dims"] == "":
        return "that the arguments broadcast to"
    if loss["dims"] == "b,d":
        return batch_result_shape(loss, part)
    return ROW_VALUE_SHAPE if part == "value" and not loss["row_value"] else "of the first argument"


def docstring(loss, attribute, parts):
    """The whole docstring of one ufunc; `attribute` is "" for the loss itself."""
    name, args = loss["name"], loss["args"]
    names = [a["name"] for a in args]
    slopes = [f"`{n}`" for n, p in zip(names, ("grad", "grad2", "grad3"), strict=False) if p in loss["parts"]]
    words = {"name": name, **dict(zip(("first", "second", "third"), names, strict=False))}
    words["inputs"] = ", ".join(slopes[:-1]) + " and " + slopes[-1] if slopes[1:] else ""
    summary = SUMMARY_TEXT[attribute].format(**words) if attribute else loss["summary"]
    full = f"{name}.{attribute}" if attribute else name
    lines = [f"{full}({call_signature(loss)})", "", summary, "", f"{name} is", "", "::", ""]
    lines += ["    " + line for line in loss["formula"].splitlines()]
    lines += ["", "Parameters", "----------"]
    for a in args:
        optional = "" if a["default"] is None else f", default {format_default(a['default'])}"
        kind = "array_like of int" if a["role"] == "label" else "array_like"
        lines += [f"{a['name']} : {kind}{optional}", "    " + argument_text(a) + shape_text(loss, a)]
    axes = "`axes`, " if loss["dims"] == "b,d" else ""
    outs = "ndarray or None" if len(parts) == 1 else "tuple of ndarray or None"
    lines += [
        f"out : {outs}, optional",
        "    Where to put the result.",
        *where_text(loss),
        "**kwargs",
        f"    The other keywords of a ufunc: {axes}`casting`, `order`, `dtype`, `subok`, `signature`.",
        "",
        "Returns",
        "-------",
    ]
    for p in parts:
        text = f"{OUTPUT_TEXT[p].format(**words)} Of the shape {result_shape(loss, p)}."
        lines += [f"{'loss' if p == 'value' else p} : ndarray or scalar", "    " + text]
    lines += [
        "",
        "Raises",
        "------",
        "TypeError",
        "    If an argument is complex, longdouble, object or a string.",
    ]
    if loss["kind"] == "row":
        bad_label = ", or a label of a row that takes part is not a class" if has_labels(loss) else ""
        lines += ["ValueError", f"    If the class axis is empty{bad_label}."]
    lines += ["", "Notes", "-----"]
    lines += [loss["notes"], "", accuracy_note(loss, parts), "", f"Source: {loss['source']}"]
    if not attribute:
        derived = [a for a in loss["outputs"] if a]
        if derived:
            text = (
                "Attributes, each a ufunc of the same arguments: "
                + ", ".join(f"`{a}`" for a in derived)
                + "."
            )
            if "hess" in derived and "hess_bound" not in derived:
                text += " `hess_bound` is `hess` and `grad_and_hess_bound` is `grad_and_hess`."
            lines += ["", text]
        lines += [
            "",
            "Examples",
            "--------",
            ">>> import numpy as np, ufloss as ul",
            *loss["example"].splitlines(),
        ]
    return "\n".join(lines) + "\n"
