"""Functions whose arguments are drawn by their names; and the list of all that is called."""

import inspect
import re

import numpy as np

import ufloss as ul
from fuzzing.judge import NAMES
from fuzzing.targets import (
    Target,
    axis_of,
    ctc_args,
    ctc_target,
    method_target,
    reduction_target,
    ufunc_target,
)
from internals import ALL
from ufloss import ctc
from ufloss.compat import axon, gluon, optax

INTEGER = (
    "integer_labels",
    "multiclass_hinge",
    "multiclass_perceptron",
    "multiclass_sparsemax",
    "multiclass_logistic",
    "ntxent",
)
SCORES = [
    "y_pred",
    "pred",
    "predictions",
    "logits",
    "scores",
    "log_predictions",
    "log_targets",
    "predictor_outputs",
]
SCORES += [
    "embeddings",
    "anchors",
    "positives",
    "negatives",
    "positive",
    "negative",
    "input1",
    "input2",
    "x1",
    "x2",
]
FLAGS = {
    "from_logits",
    "sparse",
    "apply_softmax",
    "apply_sigmoid",
    "ignore_background",
    "compute_full",
    "from_sigmoid",
    "sparse_label",
}


def by_name(d, function, name):
    """An argument of a function of one of the other systems, by its name."""
    whole = (*d.batch, d.n)
    if name in FLAGS:
        return d.random.choice([True, False])
    if name == "reduction":
        return d.random.choice(["none", "mean", "sum", "nonsense"])
    if name == "reduce_fn":
        return d.random.choice([np.mean, np.sum, None])
    if name in ("axis", "axes", "batch_axis"):
        return axis_of(d, len(whole)) if d.chance(0.5) else (-1 if name != "axes" else (-1,))
    if name == "where":
        return d.random.choice([None, d.mask(whole), d.mask(d.batch)])
    if name in ("logit_paddings", "label_paddings"):
        return d.dress((d.reals((*d.batch[:1], d.frames if name[2] == "g" else d.labels)) > 2).astype("f4"))
    if "ctc" in function.lower() or "temporal" in function:
        batch = d.batch[:1] or (2,)
        if "length" in name:
            return (
                d.dress(d.integers(batch, (d.frames if "pred" in name else d.labels) + 1))
                if d.chance(0.5)
                else None
            )
        if name in ("labels", "label", "y_true"):
            return d.dress(d.integers((*batch, d.labels), d.classes))
        if name in ("logits", "pred", "y_pred"):
            return d.dress(d.reals((*batch, d.frames, d.classes)))
    if name in ("label", "labels", "targets", "target", "y_true"):
        if (
            any(word in function for word in INTEGER)
            or (function == "SoftmaxCrossEntropyLoss" and d.chance(0.5))
            or (function == "categorical_cross_entropy" and d.chance(0.3))
        ):
            return d.dress(d.integers(d.batch, d.n))
        return d.dress(
            d.reals(whole if d.chance(0.9) else d.batch, d.random.choice(["unit", "sign", "truth", "real"]))
        )
    if name in ("weights", "sample_weight", "class_weights", "pos_weight", "positive_weights"):
        return (
            None
            if d.chance(0.5)
            else d.dress(d.reals(d.random.choice([(), (d.n,), whole, d.batch, (*d.batch, 1)]), "nonnegative"))
        )
    if name in SCORES:
        return d.dress(d.reals(whole, "unit" if "log" not in name and d.chance(0.2) else "real"))
    if name in ("blank", "blank_id"):
        return d.random.choice([0, 0, d.classes - 1, -1, d.classes])
    return d.random.choice([0.5, 1.0, 0.1, 2, d.dress(d.reals((), "unit"))])


def named_target(name, function):
    parameters = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        and p.name not in ("self", "F", "prefix", "params", "log_epsilon")
    ]

    def draw(d):
        words = {}
        for p in parameters:
            if p.default is inspect.Parameter.empty or d.chance(0.3):
                words[p.name] = by_name(d, name.split(".")[-1], p.name)
        positional = []
        for p in parameters:
            if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty and d.chance(0.8):
                positional.append(words.pop(p.name))
            else:
                break
        return positional, words

    # A function of the other systems speaks of its arguments, or leaves the word to the loss that it is made
    # of.
    return Target(
        name, function, draw, [*(p.name for p in parameters), *map(re.escape, NAMES)] if "." in name else ()
    )


def gluon_target(name):
    kind = getattr(gluon, name)

    def call(options, method, *args, **kwargs):
        loss = kind(**options)
        return (loss.grad if method else loss)(*args, **kwargs)

    made, called = (
        named_target(f"gluon.{name}", kind.__init__),
        named_target(f"gluon.{name}", kind.hybrid_forward),
    )

    def draw(d):
        _, options = made.draw(d)
        if name == "CTCLoss":
            options = {
                w: d.random.choice(["NTC", "TNC", "NT", "TN"]) if "layout" in w else x
                for w, x in options.items()
            }
        args, kwargs = called.draw(d)
        return [options, d.chance(0.4), *args], kwargs

    return Target(f"gluon.{name}", call, draw, [made.named.pattern, called.named.pattern])


def targets():
    found = []
    for loss in ALL:
        value = getattr(ul, loss["name"])
        for attribute in loss["outputs"]:
            ufunc = getattr(value, attribute) if attribute else value
            found.append(ufunc_target(ufunc.__name__, ufunc, loss))
        if loss["dims"] == "":
            found.append(method_target(loss["name"], value, loss))
        for word in ("sum", "mean"):
            reduction = getattr(value, word, None)
            if reduction is not None and loss["dims"] != "b,d":
                found += [reduction_target(reduction.__name__, reduction, loss)] * 2
                if hasattr(reduction, "value_and_grad"):
                    found.append(
                        reduction_target(reduction.value_and_grad.__name__, reduction.value_and_grad, loss)
                    )
    for name, ufunc in ctc.UFUNCS.items():
        found += [ctc_target(name, ufunc)] * 3
    found.append(
        Target(
            "ctc.feasible",
            ctc.feasible,
            lambda d: (ctc_args(d)[1:4] if d.chance(0.9) else [1, 2], {}),
            ["feasible"],
        )
    )
    for name in (
        "ctc_loss",
        "ctc_loss_with_forward_probs",
        "dice_loss",
        "binary_dice_loss",
        "multiclass_generalized_dice_loss",
    ):
        function = getattr(ul, name)
        found += [named_target(name, function)] * 2
        for attribute in ("grad", "value_and_grad"):
            if hasattr(function, attribute):
                found.append(named_target(name, getattr(function, attribute)))
    young = ul.make_fenchel_young_loss(ul.logsumexp)
    for f in (
        young,
        young.grad,
        young.value_and_grad,
        ul.make_fenchel_young_loss(lambda x: np.max(x, axis=-1)),
    ):
        found.append(
            Target(
                "fenchel_young_loss",
                f,
                lambda d: (
                    [
                        d.dress(d.reals((*d.batch, d.n))),
                        d.dress(d.reals(d.broadcastable((*d.batch, d.n)), "unit")),
                    ],
                    {"axis": axis_of(d, len(d.batch) + 1)} if d.chance(0.2) else {},
                ),
            )
        )
    for name in optax.__all__:
        if name != "make_fenchel_young_loss":
            found.append(named_target(f"optax.{name}", getattr(optax, name)))
    for name in axon.__all__:
        if name != "label_smoothing":
            found.append(named_target(f"axon.{name}", getattr(axon, name)))
    found += [
        gluon_target(name)
        for name in gluon.__all__
        if inspect.isclass(getattr(gluon, name)) and name != "Loss"
    ]
    return found
