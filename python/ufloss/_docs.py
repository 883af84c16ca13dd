"""Docstrings of the ufuncs, put together from the registry: what is common to all of them stands here once."""

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
}

OUTPUT_TEXT = {
    "value": "The loss.",
    "grad": "Derivative of the loss with respect to `{first}`.",
    "grad2": "Derivative of the loss with respect to `{second}`.",
    "hess": "Second derivative of the loss with respect to `{first}`.",
    "hess_bound": "Positive upper bound of the second derivative with respect to `{first}`.",
}

SUMMARY_TEXT = {
    "grad": "Gradient of `{name}` with respect to `{first}`.",
    "value_and_grad": "`{name}` and its gradient with respect to `{first}`, in one pass.",
    "hess": "Second derivative of `{name}` with respect to `{first}`.",
    "grad_and_hess": "Gradient and second derivative of `{name}` with respect to `{first}`, in one pass.",
    "hess_bound": "Positive upper bound of the second derivative of `{name}` with respect to `{first}`.",
    "grad_and_hess_bound": "Gradient of `{name}` and a positive upper bound of its second derivative, in one pass.",
    "grads": "Gradients of `{name}` with respect to `{first}` and `{second}`, in one pass.",
    "value_and_grads": "`{name}` and its gradients with respect to `{first}` and `{second}`, in one pass.",
}


def argument_text(arg):
    """What an argument is, and where it lies.  Soft labels outside [0, 1] are computed as they stand; all else outside a domain is NaN."""
    text = DOMAIN_TEXT[arg["domain"]]
    soft = arg["domain"] == "unit" and arg["role"] == "target"
    return " ".join(filter(None, [arg["doc"], text and text + ("." if soft else "; NaN outside.")]))


def format_default(value):
    return f"{value:g}"


def call_signature(loss):
    args = [a["name"] if a["default"] is None else f"{a['name']}={format_default(a['default'])}" for a in loss["args"]]
    return f"{', '.join(args)}, out=None, *, where=True, casting='same_kind', order='K', dtype=None, subok=True"


def accuracy_note(loss, parts):
    text = "Within 4 ulp of the exact result in float32 and float64"
    if loss["exponent"]:
        text += f" (more beyond an exponent of 1 in `{loss['exponent']}`: 4 ulp times the exponent)"
    vanishing = [p for p in parts if p in loss["vanishing"]]
    if vanishing:
        text += "; where a result crosses 0, ulps of its largest term"
    return text + ". float16 is computed in float32 and rounded once. NaN gives NaN; no floating-point warning is raised."


def docstring(loss, attribute, parts):
    """The whole docstring of one ufunc; `attribute` is "" for the loss itself."""
    name, args = loss["name"], loss["args"]
    words = {"name": name, "first": args[0]["name"], "second": args[1]["name"] if len(args) > 1 else ""}
    summary = SUMMARY_TEXT[attribute].format(**words) if attribute else loss["summary"]
    full = f"{name}.{attribute}" if attribute else name
    lines = [f"{full}({call_signature(loss)})", "", summary, "", f"{name} is", "" , "::", ""]
    lines += ["    " + line for line in loss["formula"].splitlines()]
    lines += ["", "Parameters", "----------"]
    for a in args:
        optional = "" if a["default"] is None else f", default {format_default(a['default'])}"
        lines += [f"{a['name']} : array_like{optional}", "    " + argument_text(a)]
    outs = "ndarray or None" if len(parts) == 1 else "tuple of ndarray or None"
    lines += [
        f"out : {outs}, optional", "    Where to put the result.",
        "where : array_like of bool, optional", "    Elements to compute; the others keep what `out` holds.",
        "**kwargs", "    The other keywords of a ufunc: `casting`, `order`, `dtype`, `subok`, `signature`.",
        "", "Returns", "-------",
    ]
    for p in parts:
        text = OUTPUT_TEXT[p].format(**words)
        lines += [f"{'loss' if p == 'value' else p} : ndarray or scalar", f"    {text} Of the shape that the arguments broadcast to."]
    lines += ["", "Raises", "------", "TypeError", "    If an argument is complex, longdouble, object or a string.", "", "Notes", "-----"]
    lines += [loss["notes"], "", accuracy_note(loss, parts), "", f"Source: {loss['source']}"]
    if not attribute:
        derived = [a for a in loss["outputs"] if a]
        if derived:
            lines += ["", "Attributes, each a ufunc of the same arguments: " + ", ".join(f"`{a}`" for a in derived) + "."]
        lines += ["", "Examples", "--------", ">>> import numpy as np, ufloss as ul", *loss["example"].splitlines()]
    return "\n".join(lines) + "\n"
