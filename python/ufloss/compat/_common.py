"""What the three modules share: floating-point inputs, checked lengths, and CTC labels with the blank among them."""

import numpy as np

import ufloss as ul


def as_real(name, x):
    """An array of real numbers."""
    x = np.asanyarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, not {x.dtype}")
    return x


def as_floats(x, name="predictions"):
    """An array of floating point; integers become float64."""
    x = as_real(name, x)
    return x if x.dtype.kind == "f" else x.astype(float)


def as_lengths(name, lengths, shape, limit):
    """Lengths as int64 of one shape, between 0 and a limit."""
    lengths = as_real(name, lengths)
    whole = lengths.astype(np.int64)
    if lengths.shape != shape:
        raise ValueError(f"{name} has shape {lengths.shape}, not {shape}")
    if np.any(whole != lengths) or np.any(whole < 0) or np.any(whole > limit):
        raise ValueError(f"{name} must be integers between 0 and {limit}")
    return whole


def as_labels(name, labels, used):
    """Labels as int64, given as integers or as floating-point numbers; 0 where they are not used."""
    labels = as_real(name, labels)
    with np.errstate(invalid="ignore"):  # NaN as a padding
        whole = labels.astype(np.int64)
    if np.any(used & (whole != labels)):
        raise ValueError(f"{name} must be integers")
    return np.where(used, whole, 0)


class BlankApart:
    """A CTC problem without the blank inside its labels, which `ufloss.ctc` refuses and the three systems take as a symbol like others.

    The symbol becomes a class of its own, whose score is a copy of the blank's, in those sequences that have it; -inf in
    others, whose results keep their bits.
    """

    def __init__(self, scores, labels, used, blank):
        classes = scores.shape[-1]
        blank = blank + classes if -classes <= blank < 0 else blank
        inside = used & (labels == blank)
        self.scores, self.labels, self.blank = scores, labels, blank
        self.needed = bool(inside.any()) and 0 <= blank < classes  # the core says what is wrong with another blank
        if self.needed:
            copy = np.where(inside.any(-1)[:, None, None], scores[..., self.blank, None], -np.inf)
            self.scores, self.labels = np.concatenate([scores, copy], -1), np.where(inside, classes, labels)

    def surplus(self, taken):
        """Logarithm of 1 + p(blank), by which the copy enlarges the denominator of each frame's softmax; 0 in frames not taken."""
        if not self.needed:
            return np.zeros(taken.shape, self.scores.dtype)
        return np.where(taken, -np.log1p(-ul.softmax(self.scores)[..., -1]), self.scores.dtype.type(0))

    def gradient(self, slope, scores, taken):
        """The gradient with respect to the scores of a softmax, from the one with respect to `self.scores`."""
        if not self.needed:
            return slope
        # Both are softmax minus occupancy; the blank's own occupancy is that of the two classes together.
        occupied = ul.softmax(self.scores) - slope
        occupied[..., self.blank] += occupied[..., -1]
        return np.where(taken[..., None], ul.softmax(scores) - occupied[..., :-1], 0)
