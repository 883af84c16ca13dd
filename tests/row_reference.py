"""What every row loss is, in textbook form and many digits: one entry a loss, on lists of jets (see reference.py)."""

from mpmath import mp, mpf

from reference import Jet, exp, jet, log


def logsumexp(x):
    return log(sum(map(exp, x), jet(0)))


def log_softmax(x):
    total = logsumexp(x)
    return [a - total for a in x]


def dot(a, b):
    return sum((p * q for p, q in zip(a, b, strict=True)), jet(0))


def cross_entropy(x, y):
    """Terms of weight 0 count as 0, also where the logit is -inf (which the caller leaves out of x)."""
    return -dot(y, log_softmax(x))


ROW_REFERENCE = {
    "softmax_cross_entropy": cross_entropy,
    "softmax_cross_entropy_with_integer_labels": lambda x, label: logsumexp(x) - x[label],
}


def evaluate_row(name, args, along, seed=None):
    """The jet of one row; seed = (argument, element) that derivatives are taken of.  Arguments along the row are sequences of numbers."""
    with mp.workprec(400):
        jets = []
        for i, (a, lies) in enumerate(zip(args, along, strict=True)):
            if lies:
                jets.append([Jet(mpf(float(v)), int((i, j) == seed)) for j, v in enumerate(a)])
            else:
                jets.append(int(a) if isinstance(a, int) else Jet(mpf(float(a))))
        return ROW_REFERENCE[name](*jets)
