"""What every loss is, in textbook form and 50 digits: one entry a loss, written without a look at the C++
formula.

A formula is called with jets: numbers that carry their first and second derivative with respect to one
argument, so derivatives need no lines of their own.  Beside each component a jet carries the size of the
largest term that was added up on the way; where a result crosses 0, that is what its error is measured by.
"""

import mpmath
from mpmath import mp, mpf


class Jet:
    """Value, first and second derivative, and the largest term of each."""

    __slots__ = ("d", "h", "known", "td", "th", "tv", "v")

    def __init__(self, v, d=0, h=0, terms=None):
        self.known = None
        if terms:
            self.v, self.d, self.h = v, d, h
            self.tv, self.td, self.th = terms
        else:
            self.v, self.d, self.h = mpf(v), d and mpf(d), h and mpf(h)
            self.tv, self.td, self.th = abs(self.v), abs(self.d), abs(self.h)

    @property
    def varies(self):
        """Whether it depends on the argument; constants, most of a row, need no arithmetic of derivatives."""
        return bool(self.td or self.th)

    def __add__(self, o):
        o = jet(o)
        if not o.varies:
            return Jet(self.v + o.v, self.d, self.h, (max(self.tv, o.tv), self.td, self.th))
        if not self.varies:
            return Jet(self.v + o.v, o.d, o.h, (max(self.tv, o.tv), o.td, o.th))
        return Jet(
            self.v + o.v,
            self.d + o.d,
            self.h + o.h,
            (max(self.tv, o.tv), max(self.td, o.td), max(self.th, o.th)),
        )

    def __mul__(self, o):
        o = jet(o)
        if not self.varies:
            self, o = o, self
        if not o.varies:
            if not self.varies:
                return Jet(self.v * o.v, 0, 0, (self.tv * o.tv, 0, 0))
            return Jet(
                self.v * o.v, self.d * o.v, self.h * o.v, (self.tv * o.tv, self.td * o.tv, self.th * o.tv)
            )
        terms = (
            self.tv * o.tv,
            max(self.td * o.tv, self.tv * o.td),
            max(self.th * o.tv, 2 * self.td * o.td, self.tv * o.th),
        )
        return Jet(
            self.v * o.v, self.d * o.v + self.v * o.d, self.h * o.v + 2 * self.d * o.d + self.v * o.h, terms
        )

    def apply(self, f0, f1, f2):
        """f(self), given f and its two derivatives at self."""
        if not self.varies:
            return Jet(f0)
        terms = (abs(f0), abs(f1) * self.td, max(abs(f2) * self.td**2, abs(f1) * self.th))
        return Jet(f0, f1 * self.d, f2 * self.d**2 + f1 * self.h, terms)

    def __neg__(self):
        return self * -1

    def __sub__(self, o):
        return self + -jet(o)

    def __truediv__(self, o):
        o = jet(o)
        return self * o.apply(1 / o.v, -1 / o.v**2, 2 / o.v**3)

    def __pow__(self, n):
        if isinstance(n, int):
            result, power = jet(1), self
            while n:
                result = result * power if n & 1 else result
                n >>= 1
                power = power * power if n else power
            return result
        n = jet(n).v
        if self.v == 0:
            return jet(1 if n == 0 else 0) if n >= 0 else 1 / self
        return self.apply(self.v**n, n * self.v ** (n - 1), n * (n - 1) * self.v ** (n - 2))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, o):
        return jet(o) - self

    def __rtruediv__(self, o):
        return jet(o) / self

    def __abs__(self):
        return -self if self.v < 0 else self if self.v > 0 else self * 0

    def __lt__(self, o):
        return self.v < jet(o).v

    def __le__(self, o):
        return self.v <= jet(o).v

    def __gt__(self, o):
        return self.v > jet(o).v

    def __ge__(self, o):
        return self.v >= jet(o).v

    def __eq__(self, o):
        return self.v == jet(o).v

    __hash__ = None


def jet(x):
    return x if isinstance(x, Jet) else Jet(x)


def known_of_constants(f):
    """A function of one jet that a constant remembers: those of a row are asked once for each element."""

    def remembered(x):
        if x.varies:
            return f(x)
        x.known = x.known or {}
        if f not in x.known:
            x.known[f] = f(x)
        return x.known[f]

    return remembered


@known_of_constants
def exp(x):
    e = mp.exp(x.v)
    return x.apply(e, e, e)


@known_of_constants
def log(x):
    return x.apply(mp.log(x.v), 1 / x.v, -1 / x.v**2)


def sqrt(x):
    s = mp.sqrt(x.v)
    return x.apply(s, 1 / (2 * s), -1 / (4 * s**3))


def cosh(x):
    c, s = mp.cosh(x.v), mp.sinh(x.v)
    return x.apply(c, s, c)


def softplus(x):
    return log(1 + exp(x))


def sigmoid(x):
    return 1 / (1 + exp(-x))


def xlogy(x, y):
    return jet(0) if x == 0 else x * log(y)


def relu(x):
    return x if x > 0 else x * 0


def bce(x, y, w):
    return w * y * softplus(-x) + (1 - y) * softplus(x)


def huber(x, y, d):
    return (x - y) ** 2 / 2 if abs(x - y) <= d else d * (abs(x - y) - d / 2)


def focal(x, y, alpha, gamma):
    p_t = sigmoid(x) * y + sigmoid(-x) * (1 - y)
    miss = sigmoid(-x) * y + sigmoid(x) * (1 - y)
    assert abs(p_t.v + miss.v - 1) < mpf(10) ** -30
    alpha_t = jet(1) if alpha < 0 else alpha * y + (1 - alpha) * (1 - y)
    return alpha_t * miss**gamma * bce(x, y, 1)


def poisson_deviance(x, y):
    return exp(x) - y - y * x + xlogy(y, y)


def gamma_deviance(x, y):
    return x - log(y) + y * exp(-x) - 1


def tweedie_deviance(x, y, p):
    if p == 1:
        return poisson_deviance(x, y)
    if p == 2:
        return gamma_deviance(x, y)
    return y ** (2 - p) / ((1 - p) * (2 - p)) - y * exp((1 - p) * x) / (1 - p) + exp((2 - p) * x) / (2 - p)


REFERENCE = {
    "squared_error": lambda x, y: (x - y) ** 2,
    "l2_loss": lambda x, y: (x - y) ** 2 / 2,
    "absolute_error": lambda x, y: abs(x - y),
    "huber_loss": huber,
    "smooth_l1_loss": lambda x, y, rho: huber(x, y, rho) / rho if rho > 0 else abs(x - y),
    "log_cosh": lambda x, y: log(cosh(x - y)),
    "pseudo_huber_loss": lambda x, y, d: d**2 * (sqrt(1 + ((x - y) / d) ** 2) - 1) if d > 0 else jet(0),
    "pinball_loss": lambda x, y, q: q * relu(y - x) + (1 - q) * relu(x - y),
    "hinge_loss": lambda x, y, m: relu(m - x * y),
    "squared_hinge_loss": lambda x, y, m: relu(m - x * y) ** 2,
    "perceptron_loss": lambda x, y: relu(-x * y),
    "logistic_loss": lambda x, y: log(1 + exp(-x * y)),
    "sigmoid_binary_cross_entropy": bce,
    "binary_cross_entropy": lambda x, y, w, eps: -(w * xlogy(y, x + eps) + xlogy(1 - y, 1 - x + eps)),
    "sigmoid_focal_loss": focal,
    "sparsemax_loss": lambda x, y: (lambda u: jet(0) if u <= -1 else u if u >= 1 else (u + 1) ** 2 / 4)(
        x if y == 0 else -x
    ),
    "poisson_nll_loss": lambda x, y: exp(x) - y * x,
    "poisson_loss": lambda x, y, eps: x - xlogy(y, x + eps),
    "stirling_term": lambda y: y * log(y) - y + log(2 * mp.pi * y) / 2 if y > 1 else jet(0),
    "half_poisson_deviance": poisson_deviance,
    "half_gamma_deviance": gamma_deviance,
    "half_tweedie_deviance": tweedie_deviance,
    "kl_div": lambda x, y: jet(0) if y == 0 and not y.d else y * (log(y) - x),
    "margin_ranking_loss": lambda a, b, y, m: relu(m - y * (a - b)),
}


def evaluate(name, args, seed=0):
    """The jet of a loss at exact arguments, with respect to argument number `seed`; None at a singularity.

    The precision covers what the textbook forms cancel: down to the smallest number of the arguments' type,
    and their own exponents.
    """
    sizes = [abs(mpmath.frexp(mpf(float(a)))[1]) for a in args if a]
    with mp.workprec((450 if args[0].dtype == "float32" else 2700) + 4 * max(sizes, default=0)):
        try:
            return REFERENCE[name](*(Jet(float(a), int(i == seed)) for i, a in enumerate(args)))
        except ZeroDivisionError:
            return None
