"""What every row loss is, in textbook form and many digits: one entry a loss, on lists of jets (see
reference.py).
"""

from mpmath import mp

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


def focal(x, label, gamma):
    logs = log_softmax(x)
    others = total(exp(a) for j, a in enumerate(logs) if j != label)
    return -(others ** int(gamma.v) if gamma.v == int(gamma.v) else others**gamma) * logs[label]


def floored(x, floor):
    return x if x >= floor else jet(floor)


def cosine(a, b, epsilon, eps_product):
    lengths = sqrt(floored(dot(a, a), epsilon)) * sqrt(floored(dot(b, b), epsilon))
    return dot(a, b) / floored(lengths, eps_product)


def tversky(p, t, smooth, alpha, beta):
    hit = dot(p, t)
    wrong = alpha * total(a * (1 - b) for a, b in zip(p, t, strict=True)) + beta * total(
        (1 - a) * b for a, b in zip(p, t, strict=True)
    )
    return 1 - (hit + smooth) / (hit + wrong + smooth)


def positive(x):
    return x if x > 0 else jet(0)


def rival(x, label, distance):
    others = [a + distance for j, a in enumerate(x) if j != label]
    return positive(max(others) - x[label]) if others else jet(0)


def sparsemax_loss(x, label):
    """The projection by sorting."""
    order = sorted(range(len(x)), key=lambda j: -x[j].v)
    k = max(k for k in range(1, len(x) + 1) if 1 + k * x[order[k - 1]].v > sum(x[j].v for j in order[:k]))
    t = (total(x[j] for j in order[:k]) - 1) / k
    p = [positive(a - t) for a in x]
    return total(b * (a - x[label]) for a, b in zip(x, p, strict=True)) + (1 - dot(p, p)) / 2


def distance(a, x, p, eps):
    terms = [abs(u - v) ** (int(p.v) if p.v == int(p.v) else p) for u, v in zip(a, x, strict=True)]
    return (total(terms) + eps) ** (1 / p)


def squares(a, b):
    return total((p - q) ** 2 for p, q in zip(a, b, strict=True))


def list_mle(scores, relevances):
    left = [scores[j] for j in sorted(range(len(scores)), key=lambda j: -relevances[j].v)]
    return total(logsumexp(left[i:]) - left[i] for i in range(len(left)))


ROW_REFERENCE = {
    "logsumexp": logsumexp,
    "log_softmax": log_softmax,
    "softmax": lambda x: [exp(a) for a in log_softmax(x)],
    "softmax_cross_entropy": cross_entropy,
    "softmax_cross_entropy_with_integer_labels": lambda x, label, s: (
        logsumexp(x) - (1 - s) * x[label] - s * total(x) / len(x)
    ),
    "softmax_focal_loss": focal,
    "poly_loss_cross_entropy": poly,
    "softmax_kl_divergence": lambda x, y: total(xlogy(b, b) for b in y) + cross_entropy(x, y),
    "kl_divergence": lambda x, y: total(xlogy(b, b) - b * a for a, b in zip(x, y, strict=True)),
    "kl_divergence_with_log_targets": lambda x, t: total(exp(b) * (b - a) for a, b in zip(x, t, strict=True)),
    "generalized_kl_divergence": lambda x, y: total(
        xlogy(b, b) - b * a + exp(a) - b for a, b in zip(x, y, strict=True)
    ),
    "cross_entropy": lambda x, y: -total(xlogy(b, a) for a, b in zip(x, y, strict=True)),
    "cross_entropy_with_integer_labels": lambda x, label: -log(x[label]),
    "nll_loss": lambda x, y: -dot(x, y),
    "nll_loss_with_integer_labels": lambda x, label: -x[label],
    "cosine_similarity": cosine,
    "cosine_distance": lambda a, b, epsilon, eps_product: 1 - cosine(a, b, epsilon, eps_product),
    "cosine_embedding_loss": lambda a, b, label, margin, eps: (
        1 - cosine(a, b, 0, eps) if label == 1 else positive(cosine(a, b, 0, eps) - margin)
    ),
    "multiclass_hinge_loss": lambda x, label: rival(x, label, 1),
    "multiclass_perceptron_loss": lambda x, label: rival(x, label, 0),
    "categorical_hinge": lambda x, y: positive(
        1 + max((1 - b) * a for a, b in zip(x, y, strict=True)) - dot(x, y)
    ),
    "multiclass_sparsemax_loss": sparsemax_loss,
    "list_mle_loss": list_mle,
    "ranking_softmax_loss": lambda x, y, w: cross_entropy(x, [a * b for a, b in zip(y, w, strict=True)]),
    "triplet_margin_loss": lambda a, p, n, margin, degree, eps: positive(
        distance(a, p, degree, eps) - distance(a, n, degree, eps) + margin
    ),
    "squared_triplet_loss": lambda a, p, n, margin: positive(squares(p, a) - squares(n, a) + margin),
    "tversky_loss": tversky,
    "smooth_labels": lambda y, alpha: [(1 - alpha) * a + alpha / len(y) for a in y],
}


def evaluate_row(name, args, along, seed=None):
    """The jet of one row; seed = (argument, element) that derivatives are taken of.  Arguments along the row
    are sequences of numbers.
    """
    return evaluate_row_of_seeds(name, args, along, [seed])[0]


def evaluate_row_of_seeds(name, args, along, seeds):
    """The jets of one row for each of the seeds, which share its constants."""
    with mp.workprec(250):
        constants = [
            [Jet(float(v)) for v in a] if lies else a if isinstance(a, int) else Jet(float(a))
            for a, lies in zip(args, along, strict=True)
        ]
        jets = []
        for seed in seeds:
            row = list(constants)
            if seed is not None:
                i, j = seed
                row[i] = [*row[i][:j], Jet(float(args[i][j]), 1), *row[i][j + 1 :]]
            jets.append(ROW_REFERENCE[name](*row))
    return jets
