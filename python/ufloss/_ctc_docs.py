"""Docstrings of the ufuncs of CTC, put together from their records."""

RETURNS = {
    "": """\
loss : ndarray or scalar
    The loss, one a sequence; inf where no path exists.""",
    "grad": """\
grad : ndarray
    Derivative of the loss with respect to `{first}`, of their shape; 0 in frames that take no part.""",
    "value_and_grad": """\
loss : ndarray or scalar
    The loss, one a sequence.
grad : ndarray
    Its derivative with respect to `{first}`, of their shape.""",
    "forward_probs": """\
loss : ndarray or scalar
    The loss, one a sequence.
blanks : ndarray of shape (..., frames, labels + 1)
    [t, n]: log-probability of all ways through the frames up to t that spell the first n labels and end in
    the blank.
labels : ndarray of shape (..., frames, labels)
    [t, n]: of those that spell the first n + 1 labels and end in the last of them. What cannot be is -inf; a
    frame that takes no part repeats the one before.""",
    "align": """\
path : ndarray of int64, shape (..., frames)
    The state of each frame.
score : ndarray or scalar
    Log-probability of the path.""",
    "posteriors": """\
chances : ndarray of shape (..., frames, 2 labels + 1)
    Of each state in each frame.""",
    "class_posteriors": """\
chances : ndarray of shape (..., frames, classes)
    Of each class in each frame.""",
}
SUMMARY = {
    "grad": "Gradient of `{name}` with respect to `{first}`.",
    "value_and_grad": "`{name}` and its gradient with respect to `{first}`, in one pass.",
    "forward_probs": "`{name}` and the forward probabilities of blanks and labels, as logarithms.",
}
SHAPES = ["(..., frames, classes)", "(..., labels)", "(...)", "(...)", "(...)"]
KINDS = [
    "array_like",
    "array_like of int",
    "array_like of int, optional",
    "array_like of int, optional",
    "array_like of int, default 0",
]
NAN = {
    "logits": "NaN, +inf or nothing but -inf in a frame that takes part gives NaN",
    "log_probs": "NaN or +inf at a class that the label or the blank names gives NaN",
}
TEXT = """\
{full}({first}, labels, logit_length=None, label_length=None, blank=0, out=None, *, where=True, **kwargs)

{summary}

{name} is

::

    {formula}

Parameters
----------
{parameters}
out : ndarray, tuple of ndarray or None, optional
    Where to put the result.
where : array_like of bool, optional
    Frames that take part, of shape (..., frames); others are skipped, wherever they are, and not read. Goes
    together with lengths.
**kwargs
    The other keywords of a gufunc: `axes` (without `where`), `casting`, `order`, `dtype`, `subok`,
    `signature`.

Returns
-------
{returns}

Raises
------
ValueError
    If a label is no class or is the blank, the blank no class, or a length beyond its axis; it says where.
TypeError
    If labels, lengths or blank are not integers, or an argument is complex, longdouble, object or a string.

Notes
-----
{notes}

{nan}; frames too few for the label are not looked at. float16 is computed in float32. Source: {source}
"""
DERIVED = """
Attributes, each a gufunc of the same arguments: {derived}.
"""
EXAMPLES = """
Examples
--------
>>> import numpy as np, ufloss as ul
{example}
"""


def docstring(r, full, derived):
    """The numpydoc text of one ufunc."""
    name, attribute, first = r["name"], r["attribute"], r["args"][0][0]
    parameters = []
    for (argument, doc), shape, kind in zip(r["args"], SHAPES, KINDS, strict=True):
        parameters += [f"{argument} : {kind}", f"    {doc} Of shape {shape}."]
    returned = attribute if name.startswith("ctc.loss") else name.removeprefix("ctc.")
    summary = SUMMARY[attribute].format(name=name, first=first) if attribute else r["summary"]
    text = TEXT.format(
        full=full,
        first=first,
        name=name,
        summary=summary,
        formula=r["formula"],
        parameters="\n".join(parameters),
        returns=RETURNS[returned].format(first=first),
        notes=r["notes"],
        nan=NAN[first],
        source=r["source"],
    )
    if attribute:
        return text
    if derived:
        text += DERIVED.format(derived=", ".join(f"`{d}`" for d in derived))
    return text + EXAMPLES.format(example=r["example"])
