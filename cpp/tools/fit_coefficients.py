"""Fit every polynomial of elementary.hpp and print coefficients.hpp: relative-error Remez exchange,
coefficients rounded one by one.

Each approximation has the form  f(x) = head(x) + x**shift * sum_i c_i * u(x)**i  with u = x or x*x.
The error is measured relative to `scale(x)` (the size of the final result), so one number says how many ulp
the fit costs. After a solve the lowest coefficient is rounded to the target type and frozen, then the rest is
solved again. Needs mpmath only; runs in about a minute.  From the project's root:

    python cpp/tools/fit_coefficients.py > cpp/include/ufloss/vocabulary/coefficients.hpp
"""

from mpmath import mp, mpf

mp.dps = 40


def round_to(x, bits):
    if x == 0:
        return x
    m, e = mp.frexp(x)
    return mp.nint(m * mpf(2) ** bits) * mpf(2) ** (e - bits)


def solve(points, target, basis, weight, sign):
    n = len(points)
    a, b = mp.matrix(n, n), mp.matrix(n, 1)
    for i, x in enumerate(points):
        for j, g in enumerate(basis(x)):
            a[i, j] = g
        a[i, n - 1] = sign * (-1) ** i / weight(x)
        b[i] = target(x)
    s = mp.lu_solve(a, b)
    return list(s)[:-1], s[n - 1]


def remez(f, n, lo, hi, shift, power, weight, frozen):
    """Best coefficients frozen..n-1 for f ~ sum c_i x**(shift + power*i), error weighted by weight(x)."""
    k = n - len(frozen)
    # relative errors are 0/0 at 0
    away = lambda x: x if abs(x) > hi * mpf(10) ** -7 else hi * mpf(10) ** -7
    rest = lambda x: f(x) - sum(c * x ** (shift + power * i) for i, c in enumerate(frozen))
    basis = lambda x: [x ** (shift + power * i) for i in range(len(frozen), n)]
    # where the error vanishes at an inner 0, no reference point may lie near it
    extra = 2 if lo < 0 else 1
    pts = [
        lo + (hi - lo) * (1 - mp.cos(mp.pi * (2 * i + 1) / (2 * (k + extra)))) / 2 for i in range(k + extra)
    ]
    if lo < 0:
        pts.remove(min(pts, key=abs))
    grid = [away(lo + (hi - lo) * (1 - mp.cos(mp.pi * (2 * i + 1) / 1200)) / 2) for i in range(600)]
    fg = [(x, rest(x), weight(x)) for x in grid]
    kept, kept_error = None, mp.inf
    for _ in range(15):
        c, level = solve(pts, rest, basis, weight, 1)

        def err(x, fx, w):
            return (fx - sum(ci * g for ci, g in zip(c, basis(x)))) * w

        e = [err(*t) for t in fg]
        best = max(abs(v) for v in e)
        if best < kept_error:
            kept, kept_error = c, best
        runs, start = [], 0  # one extremum per run of equal sign
        for i in range(1, len(e) + 1):
            if i == len(e) or (e[i] > 0) != (e[start] > 0):
                runs.append(max(range(start, i), key=lambda t: abs(e[t])))
                start = i
        while len(runs) > k + 1:
            runs.pop(0 if abs(e[runs[0]]) < abs(e[runs[-1]]) else -1)
        if len(runs) < k + 1 or best < abs(level) * mpf("1.002"):
            break
        pts = [grid[i] for i in runs]
    return kept, kept_error


def fit(name, f, n, lo, hi, shift, power, weight, bits, exact=()):
    lo, hi = mpf(lo), mpf(hi)
    frozen = [mpf(v) for v in exact]
    while len(frozen) < n:
        c, _ = remez(f, n, lo, hi, shift, power, weight, frozen)
        frozen.append(round_to(c[0], bits))
    # final error with all coefficients rounded
    worst = mpf(0)
    for i in range(2000):
        x = lo + (hi - lo) * (mpf(i) + mpf("0.5")) / 2000
        worst = max(
            worst, abs((f(x) - sum(c * x ** (shift + power * j) for j, c in enumerate(frozen))) * weight(x))
        )
    ulp = worst * mpf(2) ** bits
    return name, bits, frozen, lo, hi, ulp


H = mp.log(2) / 2 * mpf("1.0001")
log_cosh = lambda x: mp.log(mp.cosh(x))
# name, function, terms (float, double), from, to, shift, power, relative to, frozen: the comment is the
# approximation
FITS = (
    # exp(r) = 1 + r + r^2 Q(r)
    ("exp", lambda r: mp.expm1(r) - r, (5, 11), -H, H, 2, 1, mp.expm1, ()),
    # log(1+f) = f + f^2 Q(f), 1+f in [3/4, 3/2)
    ("log", lambda f: mp.log1p(f) - f, (9, 0), "-0.25", "0.5", 2, 1, mp.log1p, ("-0.5",)),
    # log(1+f) = 2 atanh(s), s = f/(2+f):  2 atanh(s) = 2 s + s^3 R(s^2)
    ("atanh", lambda s: 2 * mp.atanh(s) - 2 * s, (0, 8), "1e-6", "0.2", 3, 2, lambda s: 2 * mp.atanh(s), ()),
    # log(1+e) = e + e^2 Q(e), e in [0, 1]
    ("log1p01", lambda f: mp.log1p(f) - f, (10, 0), "1e-8", "1", 2, 1, mp.log1p, ("-0.5",)),
    (
        "atanh01",
        lambda s: 2 * mp.atanh(s) - 2 * s,
        (0, 10),
        "1e-6",
        mpf(1) / 3,
        3,
        2,
        lambda s: 2 * mp.atanh(s),
        (),
    ),
    # log cosh x = x^2/2 + x^4 P(x^2), |x| <= 1
    ("logcosh", lambda x: log_cosh(x) - x * x / 2, (6, 14), "1e-4", "1", 4, 2, log_cosh, ()),
    # log(1+e) = e + e^2 Q(e), e in [0, exp(-2)], where the result is log cosh(-log(e)/2)
    (
        "logcosh_far",
        lambda f: mp.log1p(f) - f,
        (4, 9),
        "1e-8",
        mp.exp(-2),
        2,
        1,
        lambda e: log_cosh(-mp.log(e) / 2),
        (),
    ),
    # tanh x = x + x^3 P(x^2), |x| <= 5/8
    ("tanh", lambda x: mp.tanh(x) - x, (5, 11), "1e-4", "0.625", 3, 2, mp.tanh, ()),
)


def main():
    print(
        "// Written by cpp/tools/fit_coefficients.py.  Each line: interval, degree, error of the "
        "rounded coefficients in ulp of the result."
    )
    print('#pragma once\n#include "ufloss/config.hpp"\n\nUFL_BEGIN\nnamespace coef {')
    for name, f, terms, lo, hi, shift, power, whole, exact in FITS:
        print(f"template <class T> struct {name};")
        for bits, n, t, suffix in ((24, terms[0], "float", "f"), (53, terms[1], "double", "")):
            if not n:
                continue
            _, _, c, a, b, ulp = fit(
                name, f, n, lo, hi, shift, power, lambda x: 1 / abs(whole(x)), bits, exact
            )
            print(f"// [{mp.nstr(a, 5)}, {mp.nstr(b, 5)}], degree {n - 1}, {mp.nstr(ulp, 2)} ulp")
            print(
                f"template <> struct {name}<{t}> "
                f"{{ static constexpr {t} c[] = {{{', '.join(float(v).hex() + suffix for v in c)}}}; }};"
            )
    print("}  // namespace coef\nUFL_END")


if __name__ == "__main__":
    main()
