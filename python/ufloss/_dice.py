"""The computation behind the dice losses: probabilities, the sums of regions, losses and gradients."""

import math

import numpy as np

from ._arguments import as_array
from ._broadcast import normalize_axes
from ._errors import in_the_name_of
from ._masks import check_mask
from ._records import make_helper

OVERLAPS = make_helper("overlaps")
SCORES_GRADIENT = make_helper("scores_gradient")
SOFTMAX = make_helper("softmax_with_complement")
SIGMOID = make_helper("sigmoid_with_complement")


class Probabilities:
    """Probabilities p from scores along the last axis, q = 1 - p with all its digits, and gradients back to
    the scores.
    """

    def __init__(self, scores, apply, kept, stored, name):
        self.apply = apply
        self.one = scores.shape[-1] == 1
        if not apply:
            tolerance = max(1e-5, float(np.finfo(stored).eps))
            check_probabilities(scores, kept, tolerance, name)
            self.p = scores
            self.q = 1 - scores
            return
        # one piece of memory, which is sooner given again than two
        self.p, self.q = np.empty((2, *scores.shape), scores.dtype)
        normalize = SIGMOID if self.one else SOFTMAX
        normalize(scores, out=(self.p, self.q))

    def back(self, targets, up, down):
        """The gradient of what changes by `up` with p where the target is 0, and by -`down` where it is 1."""
        if self.apply and not self.one:
            shape = self.p.shape
            return SCORES_GRADIENT(self.p, targets, np.broadcast_to(up, shape), np.broadcast_to(down, shape))
        slope = (1 - targets) * up - targets * down
        return slope * (self.p * self.q) if self.apply else slope


def check_probabilities(p, kept, tolerance, name):
    """Do they lie between 0 and 1, and sum to 1 along the last axis, wherever `kept` says that an element
    takes part?

    NaN is no mistake: it makes a loss NaN.
    """
    if not p.size:
        return
    if p.shape[-1] != 1:
        sums = p.sum(-1, dtype=float)
        wrong = np.abs(sums - 1) > tolerance
        if wrong.any():
            wrong &= np.broadcast_to(kept, p.shape).any(-1)
        if wrong.any():
            lowest, highest = sums[wrong].min(), sums[wrong].max()
            raise ValueError(
                f"{name}: predictions are not probabilities: along the last axis they sum to between "
                f"{lowest:g} and {highest:g}"
            )
    if not (p.min() >= -tolerance and p.max() <= 1 + tolerance):
        wrong = ((p < -tolerance) | (p > 1 + tolerance)) & kept
        if wrong.any():
            raise ValueError(
                f"{name}: predictions are not probabilities, which lie between 0 and 1: one of them is "
                f"{p[wrong][0]:g}"
            )


def along(a, pixels):
    """Those axes as the last one, in the order of the array."""
    others = [i for i in range(a.ndim) if i not in pixels]
    count = math.prod(a.shape[i] for i in pixels)
    return a.transpose(*others, *sorted(pixels)).reshape(*(a.shape[i] for i in others), count)


def images(predictions, targets, name):
    """Both with a class axis, of one shape; predictions as floating point."""
    x, t = as_array(predictions), as_array(targets)
    for what, a in (("predictions", x), ("targets", t)):
        check_real(a, name, what)
    x = x if x.dtype.kind == "f" else x.astype(float)
    if x.ndim == t.ndim - 1:
        x = x[..., None]
    if t.ndim == x.ndim - 1:
        t = t[..., None]
    if x.shape != t.shape:
        raise ValueError(f"{name}: predictions of shape {x.shape} and targets of shape {t.shape}")
    if not x.ndim or not x.shape[-1]:
        raise ValueError(f"{name}: there is no class axis, or it is empty")
    return x, t


def check_real(a, name, what):
    if a.dtype.kind not in "biuf" or a.dtype.itemsize > 8:
        raise TypeError(f"{name}: {what} must be real numbers of at most 64 bits, not {a.dtype}")


def spread(a, shape, name, what, whose):
    """A view of that shape."""
    try:
        return np.broadcast_to(a, shape)
    except ValueError:
        raise ValueError(
            f"{name}: {what} of shape {np.shape(a)} does not broadcast to the {whose}' shape {shape}"
        ) from None


def per_region(a, name, what, pixels, shape):
    """A parameter in the form of a region's sums, whose pixel axes have one element."""
    a = np.asarray(a)
    check_real(a, name, what)
    a = a.astype(float, copy=False)
    regions = tuple(n for i, n in enumerate(shape) if i not in pixels)
    if a.ndim > len(regions):
        raise ValueError(
            f"{name}: {what} of shape {a.shape} has more axes than the losses, which have {len(regions)}"
        )
    spread(a, regions, name, what, "losses")
    aligned = a.reshape((1,) * (len(regions) - a.ndim) + a.shape)
    return np.expand_dims(aligned, pixels)


def weights_of(class_weights, classes, left_out, name):
    """The weights of all classes; 0 for the first ones that are left out."""
    if class_weights is None:
        weights = np.ones(classes)
    else:
        check_real(np.asarray(class_weights), name, "class_weights")
        weights = np.array(class_weights, float)
    if weights.shape != (classes,):
        raise ValueError(f"{name}: class_weights have shape {weights.shape}, not ({classes},)")
    weights[:left_out] = 0
    return weights


def pixel_axes(axis, ndim, name):
    """The axes over which a region extends: those named, or all but the first and the last."""
    pixels = normalize_axes(tuple(range(1, ndim - 1)) if axis is None else axis, ndim, name)
    if ndim - 1 in pixels:
        raise ValueError(f"{name}: axis {axis} has the class axis among the pixels' axes")
    return pixels


def share_of(reduction, regions, classes):
    """By what the sum of losses is multiplied to give what the reduction asks for."""
    if reduction == "mean":
        return 1 / classes
    if reduction == "all":
        return 1 / max(1, regions * classes)
    return 1


class Regions:
    """The losses wrong / (right + wrong) of regions, from the sums over their pixels."""

    def __init__(self, sums, smooth, alpha, beta):
        right, false_positive, false_negative = sums
        self.alpha = alpha
        self.beta = beta
        self.right = right + smooth
        self.wrong = alpha * false_positive + beta * false_negative
        whole = self.right + self.wrong
        inverse = np.where(whole == 0, 0.0, 1 / whole)  # an empty region without predictions is no loss
        defined = (smooth >= 0) & (alpha >= 0) & (beta >= 0)
        self.inverse = np.where(defined, inverse, np.nan)

    def losses(self):
        return self.wrong * self.inverse

    def changes(self, weights):
        """How weighted losses grow with the probability of a pixel that is not the class's, and shrink with
        that of one that is.
        """
        scaled = self.inverse * weights
        up = self.alpha * self.right * self.inverse * scaled
        down = (self.beta * self.right + self.wrong) * self.inverse * scaled
        return up, down


def dice(
    name,
    predictions,
    targets,
    want,
    *,
    class_weights=None,
    smooth=1.0,
    alpha=0.5,
    beta=0.5,
    apply_softmax=True,
    reduction="mean",
    ignore_background=False,
    axis=None,
    where=None,
):
    """The loss and its gradient, whichever are wanted, else None; reduction "all" is the mean over
    everything.

    Both are computed in float32 at least, sums of regions in float64 from there on, and rounded once.
    """
    x, t = images(predictions, targets, name)
    stored = x.dtype
    result = np.result_type(x, t) if t.dtype.kind == "f" else stored.newbyteorder("=")
    computed = np.promote_types(result, np.float32)
    x = x.astype(computed, copy=False)
    t = t.astype(computed, copy=False)

    classes = x.shape[-1]
    left_out = int(ignore_background and classes > 1)
    weights = weights_of(class_weights, classes, left_out, name)
    pixels = pixel_axes(axis, x.ndim, name)
    smooth = per_region(smooth, name, "smooth", pixels, x.shape)
    alpha = per_region(alpha, name, "alpha", pixels, x.shape)
    beta = per_region(beta, name, "beta", pixels, x.shape)
    regions = math.prod(n for i, n in enumerate(x.shape[:-1]) if i not in pixels)
    share = share_of(reduction, regions, classes - left_out)
    where = True if where is None else check_mask(where, name)
    counted = weights != 0
    counted = None if counted.all() else counted

    value = grad = None
    inner = in_the_name_of(
        name, "overlaps", "softmax_with_complement", "sigmoid_with_complement", "scores_gradient"
    )
    with np.errstate(all="ignore"), inner:
        taking_part = spread(where, x.shape, name, "where", "predictions")
        checked = where if counted is None else where & counted
        at = Probabilities(x, apply_softmax, checked, stored, name)
        sums = OVERLAPS(*(along(a, pixels) for a in (at.p, at.q, t, taking_part)))
        # a class that weighs nothing spoils nothing
        if counted is not None and not all(np.isfinite(a[..., ~counted]).all() for a in sums):
            where = where & counted
            taking_part = np.broadcast_to(where, x.shape)
        one_pixel = [1 if i in pixels else n for i, n in enumerate(x.shape)]
        all_regions = Regions([a.reshape(one_pixel) for a in sums], smooth, alpha, beta)
        if "value" in want:
            value = np.squeeze(all_regions.losses(), pixels) * weights
            if counted is not None:
                value = np.where(counted, value, 0.0)
            value = value[..., left_out:]
            if reduction != "none":
                value = value.sum(None if reduction == "all" else -1) * share
            value = value.astype(result)
        if "grad" in want:
            changes = all_regions.changes(weights * share)
            if counted is not None:
                changes = [np.where(counted, a, 0.0) for a in changes]
            changes = [a.astype(x.dtype) for a in changes]
            if np.shape(where)[-1:] not in ((), (1,)):  # else all classes of a pixel take part, or none
                t, *changes = (np.where(where, a, x.dtype.type(0)) for a in (t, *changes))
            grad = at.back(t, *changes).astype(result, copy=False)
            if where is not True:  # nothing of a pixel without any class that takes part is read
                grad = np.where(taking_part.any(-1, keepdims=True), grad, result.type(0))
            grad = grad.reshape(np.shape(predictions))
    return value, grad
