"""What every row loss is, in textbook form and many digits: one entry a loss, on lists of jets (see reference.py)."""

from mpmath import mp, mpf

from reference import Jet, exp, jet, log, sqrt, xlogy


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


def total(terms):
    return sum(terms, jet(0))


def poly(x, y, eps):
    return cross_entropy(x, y) + eps * total(b * (1 - exp(a)) for a, b in zip(log_softmax(x), y, strict=True))


def floored(x, floor):
    return x if x >= floor else jet(floor)


def cosine(a, b, epsilon, eps_product):
    lengths = sqrt(floored(dot(a, a), epsilon)) * sqrt(floored(dot(b, b), epsilon))
    return dot(a, b) / floored(lengths, eps_product)


def tversky(p, t, smooth, alpha, beta):
    hit = dot(p, t)
    wrong = alpha * total(a * (1 - b) for a, b in zip(p, t, strict=True)) + beta * total((1 - a) * b for a, b in zip(p, t, strict=True))
    return 1 - (hit + smooth) / (hit + wrong + smooth)


ROW_REFERENCE = {
    "logsumexp": logsumexp,
    "log_softmax": log_softmax,
    "softmax": lambda x: [exp(a) for a in log_softmax(x)],
    "softmax_cross_entropy": cross_entropy,
    "softmax_cross_entropy_with_integer_labels": lambda x, label: logsumexp(x) - x[label],
    "poly_loss_cross_entropy": poly,
    "softmax_kl_divergence": lambda x, y: total(xlogy(b, b) for b in y) + cross_entropy(x, y),
    "kl_divergence": lambda x, y: total(xlogy(b, b) - b * a for a, b in zip(x, y, strict=True)),
    "kl_divergence_with_log_targets": lambda x, t: total(exp(b) * (b - a) for a, b in zip(x, t, strict=True)),
    "generalized_kl_divergence": lambda x, y: total(xlogy(b, b) - b * a + exp(a) - b for a, b in zip(x, y, strict=True)),
    "cross_entropy": lambda x, y: -total(xlogy(b, a) for a, b in zip(x, y, strict=True)),
    "cross_entropy_with_integer_labels": lambda x, label: -log(x[label]),
    "nll_loss": lambda x, y: -dot(x, y),
    "nll_loss_with_integer_labels": lambda x, label: -x[label],
    "cosine_similarity": cosine,
    "tversky_loss": tversky,
}


def evaluate_row(name, args, along, seed=None):
    """The jet of one row; seed = (argument, element) that derivatives are taken of.  Arguments along the row are sequences of numbers."""
    with mp.workprec(250):
        jets = []
        for i, (a, lies) in enumerate(zip(args, along, strict=True)):
            if lies:
                jets.append([Jet(mpf(float(v)), int((i, j) == seed)) for j, v in enumerate(a)])
            else:
                jets.append(int(a) if isinstance(a, int) else Jet(mpf(float(a))))
        return ROW_REFERENCE[name](*jets)
