// Losses of counts and positive amounts: Poisson, gamma, Tweedie.
//
// Their values and gradients cross 0 inside the domain, so float data are computed in double: the bound of
// such an output counts ulps of its largest term.  With d = log y - x the deviances are y phi(-d) and phi(d),
// phi(d) = exp(d) - 1 - d, which keeps the neighbourhood of the minimum; away from it the terms are summed as
// they stand.
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

namespace deviance {
/// k y exp(z), also where a factor or a partial product would leave the range of normal numbers.
template <class D> UFL_FN D times_exp(D y, two<D> z, D k = D(1)) {
  const auto e = exp_parts(z, D(1500));  // y may be as small as 2^-1074
  const auto small = y < D(1);
  const D up = clamp(e.n, D(-1000), D(1000)), rest = select(small, e.n - up, e.n + D(64)),
          first = clamp(rest, D(-1000), D(1000));
  const D r = select(small, scale_by(y, up), y * D(0x1p-64)) * (e.p * k);
  return select((y == D(0)) & (z.hi == z.hi), D(0), scale_by(scale_by(r, first), rest - first));
}
template <class D> UFL_FN D times_exp(D y, D z) { return times_exp(y, two<D>{z, D(0)}); }

/// exp(x) - y z, also where both overflow and their difference need not.
template <class D> UFL_FN D exp_less(D x, D y, D z) {
  const D e = exp(x);
  D r = e - times_or_zero(y, z);
  if (UFL_UNLIKELY(!all(e < inf<D>()))) {
    const auto s = exp_parts(two<D>{x, D(0)});
    const D scaled = scale_by(s.p, s.n - D(64)) - times_or_zero(y * D(0x1p-64), z);
    r = select(e < inf<D>(), r, select((x > D(800)) & (y < inf<D>()), inf<D>(), scaled * D(0x1p64)));
  }
  return r;
}
// Counts are often 0: log's way for special arguments is the longer one.
template <class D> UFL_FN D half_poisson(D x, D y) {
  const D d = x - log(select(y == D(0), D(1), y)), near = y * exp_rest(d);
  return select(y == D(0), exp(x), select(abs(d) < D(0.34), near, exp_less(x, y, d + D(1))));
}
template <class D> UFL_FN D half_gamma(D x, D y) {
  const D d = log(y) - x, near = exp_rest(d);
  const D far = select(d == inf<D>(), d, (times_exp(y, neg(x)) - D(1)) - d);
  return select(abs(d) < D(0.34), near, far);
}
}  // namespace deviance

/// At x = 0: [1, 1 - y, 1].
struct poisson_nll_loss {
  static constexpr auto name = "poisson_nll_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Logarithms of the predicted rates."),
      target("targets", domain::nonnegative, "Counts.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Poisson negative log-likelihood of a log rate.";
  static constexpr auto formula = "exp(predictions) - targets * predictions";
  static constexpr auto notes =
      "The term log(targets!) is left out; `stirling_term` approximates it. `hess_bound` is the second "
      "derivative, or the smallest normal number where that is less.";
  static constexpr auto source = "gluon PoissonNLLLoss(from_logits=True); torch poisson_nll_loss.";
  static constexpr auto example =
      ">>> ul.poisson_nll_loss([0.0, 1.0], [2, 2])\n"
      "array([1.        , 0.71828183])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    return {in_double([](auto x, auto y) UFL_INLINE { return deviance::exp_less(x, y, x); }, x, y),
            in_double([](auto x, auto y) UFL_INLINE { return exp(x) - y; }, x, y), exp(x), exp(x)};
  }
};

/// The expected second derivative is 1/x (the target's mean is the rate), which bounds y/x^2 where y < x.
struct poisson_loss {
  static constexpr auto name = "poisson_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::positive, "Predicted rates."),
      target("targets", domain::nonnegative, "Counts."),
      parameter("eps", domain::nonnegative, 0.0, "Added to the argument of the logarithm.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Poisson negative log-likelihood of a rate.";
  static constexpr auto formula = "predictions - targets * log(predictions + eps)";
  static constexpr auto notes =
      "0 * log(0) is 0. The second derivative is 0 where the count is 0; `hess_bound` is max(targets, s) / "
      "s**2, s = predictions + eps, where 1 / s is the expected one.";
  static constexpr auto source =
      "Axon poisson before its mean (eps=1e-7); gluon PoissonNLLLoss(from_logits=False).";
  static constexpr auto example =
      ">>> ul.poisson_loss([1.0, 2.0], [2, 2])\n"
      "array([1.        , 0.61370564])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V eps) {
    // 0/0 is 0 here; every other quotient says what it is itself, NaN included.
    const V s = x + eps, h = select((y == V(0)) & (s == V(0)), V(0), over_square(y, s));
    return {in_double(
                [](auto x, auto y, auto eps) UFL_INLINE {
                  return select((x == inf<decltype(x)>()) & (y < x), x,
                                x - times_or_zero(y, log(two_sum(x, eps))));
                },
                x, y, eps),
            in_double(
                [](auto x, auto y, auto eps) UFL_INLINE {
                  using D = decltype(x);
                  const D s = x + eps;
                  return D(1) - select((y == D(0)) & (s == D(0)), D(0), y / s);
                },
                x, y, eps),
            h, select(y > s, h, V(1) / s)};
  }
};

struct stirling_term {
  static constexpr auto name = "stirling_term";
  static constexpr argument args[] = {prediction("targets", domain::nonnegative, "Counts.")};
  static constexpr unsigned parts = part_value, vanishing = part_value, properties = 0;
  static constexpr auto summary = "Stirling's approximation of log(targets!), 0 up to 1.";
  static constexpr auto formula =
      "targets * log(targets) - targets + log(2 * pi * targets) / 2  where targets > 1, else 0";
  static constexpr auto notes =
      "Makes `poisson_nll_loss` a full negative log-likelihood. It does not depend on the prediction, so it "
      "has no derivatives. It is too small by 0.055 at 1.5 and by 0.017 at 5; scipy.special.gammaln(targets "
      "+ 1) is exact.";
  static constexpr auto source =
      "gluon PoissonNLLLoss(compute_full=True); torch poisson_nll_loss(full=True).";
  static constexpr auto example =
      ">>> ul.stirling_term([0, 1, 5])\n"
      "array([0.        , 0.        , 4.77084705])";
  template <class V> static UFL_FN jet<V> eval(V y) {
    return {in_double(
        [](auto y) UFL_INLINE {
          using D = decltype(y);
          const D safe = max(y, D(1)), l = log(safe);
          return select(y > D(1), safe * (l - D(1)) + fma(D(0.5), l, D(0.91893853320467274178)),
                        select(y == y, D(0), y));
        },
        y)};
  }
};

/// At x = log y: [0, 0, y].
struct half_poisson_deviance {
  static constexpr auto name = "half_poisson_deviance";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Logarithms of the predicted means."),
      target("targets", domain::nonnegative, "Counts.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Half the Poisson deviance of a log mean.";
  static constexpr auto formula = "exp(x) - y - y * (x - log(y)),  x = predictions, y = targets";
  static constexpr auto notes =
      "`poisson_nll_loss` shifted so that its minimum is 0. `hess_bound` is the second derivative, or the "
      "smallest normal number where that is less.";
  static constexpr auto source = "scikit-learn HalfPoissonLoss (which leaves out what is constant).";
  static constexpr auto example =
      ">>> ul.half_poisson_deviance([0.0, 0.0], [1, 3])\n"
      "array([0.        , 1.29583687])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    return {in_double([](auto x, auto y) UFL_INLINE { return deviance::half_poisson(x, y); }, x, y),
            in_double([](auto x, auto y) UFL_INLINE { return exp(x) - y; }, x, y), exp(x), exp(x)};
  }
};

/// At x = log y: [0, 0, 1].
struct half_gamma_deviance {
  static constexpr auto name = "half_gamma_deviance";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Logarithms of the predicted means."),
      target("targets", domain::positive, "Positive amounts.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Half the gamma deviance of a log mean.";
  static constexpr auto formula = "x - log(y) + y * exp(-x) - 1,  x = predictions, y = targets";
  static constexpr auto notes =
      "A target of 0 gives inf. `hess_bound` is the second derivative, or the smallest normal number where "
      "that is less.";
  static constexpr auto source = "scikit-learn HalfGammaLoss (which leaves out what is constant).";
  static constexpr auto example =
      ">>> ul.half_gamma_deviance([0.0, 0.0], [1.0, 3.0])\n"
      "array([0.        , 0.90138771])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V h = in_double([](auto x, auto y) UFL_INLINE { return deviance::times_exp(y, neg(x)); }, x, y);
    return {
        in_double([](auto x, auto y) UFL_INLINE { return deviance::half_gamma(x, y); }, x, y),
        in_double([](auto x, auto y) UFL_INLINE { return decltype(x)(1) - deviance::times_exp(y, neg(x)); },
                  x, y),
        h, h};
  }
};

/// With a = 1-p, b = 2-p, d = log y - x and E(k) = (exp(kd) - 1)/k, which is d at k = 0, the value is any of
///   exp(bx) (phi(bd)/b - phi(d)) / a = exp(bx) sum over k >= 2 of d^k/k! (1 + b + ... + b^(k-2)),   near the
///   minimum; (exp(bx) + y exp(ax) (E(a) - 1)) / b,     where the textbook's terms would cancel near power 1;
///   (exp(bx) (E(b) + 1) - y exp(ax)) / a,     the same near power 2;
///   (y^b/b - y exp(ax)) / a + exp(bx)/b,      elsewhere.
/// Both exponents, and their products with x, take two words.  p = 0, 1, 2 are the squared error of exp(x),
/// Poisson and gamma.
struct half_tweedie_deviance {
  static constexpr auto name = "half_tweedie_deviance";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Logarithms of the predicted means."),
      target("targets", domain::tweedie_target, "Amounts."),
      parameter("power", domain::tweedie_power, 1.5,
                "Exponent of the variance: the variance of a target is its mean to this power.")};
  static constexpr unsigned parts = standard_parts | part_bound,
                            vanishing = part_value | part_grad | part_hess, properties = 0;
  static constexpr auto exponent = "power";
  static constexpr auto summary = "Half the Tweedie deviance of a log mean.";
  static constexpr auto formula =
      "y**(2-p) / ((1-p) * (2-p)) - y * exp((1-p) * x) / (1-p) + exp((2-p) * x) / (2-p)\n"
      "x = predictions, y = targets, p = power";
  static constexpr auto notes =
      "Powers 0, 1 and 2 are half the squared error of exp(x), `half_poisson_deviance` and "
      "`half_gamma_deviance`. For powers between 0 and 1 no such distribution exists: NaN. For powers "
      "outside [1, 2] the second derivative may be negative; `hess_bound` keeps its positive terms.";
  static constexpr auto source = "scikit-learn HalfTweedieLoss (which leaves out what is constant).";
  static constexpr auto example =
      ">>> ul.half_tweedie_deviance([0.0, 0.0], [1.0, 3.0], power=1.5)\n"
      "array([0.        , 1.07179677])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V power) {
    return jet_in_double([](auto x, auto y, auto p) UFL_INLINE { return in(x, y, p); }, x, y, power);
  }
  // k x in two words, 0 where k = 0
  template <class D> static UFL_FN two<D> product(two<D> k, D x) {
    const auto p = two_product(k.hi, x);
    const auto none = (k.hi == D(0)) & (x == x);
    return {select(none, D(0), p.hi), select(none, D(0), p.lo + k.lo * x)};
  }
  /// The sum over k >= 2, to k = 15: the rest is below 2^-60 where |d| max(|b|, 1) < 0.34.
  template <class D> static UFL_FN D series(D d, D b) {
    D term = D(0.5) * (d * d), geometric = D(1), sum = term;
    for (int k = 3; k < 16; ++k) {
      term = term * (d * D(1.0 / k));
      geometric = fma(b, geometric, D(1));
      sum = fma(term, geometric, sum);
    }
    return sum;
  }
  template <class D> static UFL_FN jet<D> in(D x, D y, D power) {
    const auto a = two_diff(D(1), power), b = two_diff(D(2), power);
    const auto ebx = exp_parts(product(b, x));
    const auto ax = product(a, x);
    const D eb = value(ebx), ya = deviance::times_exp(y, ax);
    const auto ly = log_two(y);
    const D d = (ly.hi - x) + ly.lo;
    const D near = scale_by(series(select(abs(d) < D(0.34), d, D(0)), b.hi) * ebx.p, ebx.n);
    const D yb = value(pow_parts(y, b));
    // Where terms overflow against each other, exp(bx) = exp(ax) exp(x) says which one wins; the value is
    // never negative.
    const D e = exp(x);
    const auto winner = [](D sum, D sign)
                            UFL_INLINE { return select(sum == sum, sum, copysign(inf<D>(), sign)); };
    D far = winner((yb / b.hi - ya) / a.hi + scale_by(ebx.p / b.hi, ebx.n), D(1));
    const mask_t<D> gamma_like = power >= D(1.5);
    const D k = select(gamma_like, b.hi, a.hi), kd = k * d, E = select(k == D(0), d, expm1(kd) / k);
    const D close =
        select(gamma_like, (eb * (E + D(1)) - ya) / a.hi, (eb + times_or_zero(ya, E - D(1))) / b.hi);
    far = select(abs(kd) < D(1), winner(close, D(1)), far);
    far = select(y == D(0), select(b.hi > D(0), scale_by(ebx.p / b.hi, ebx.n), inf<D>()), far);
    D v = select((abs(d) * max(abs(b.hi), D(1)) < D(0.34)) & (y > D(0)), near, far) + D(0);
    const auto special = (power == D(0)) | (power == D(1)) | (power == D(2));
    if (UFL_UNLIKELY(!all(!special))) {
      const D r = e - y;
      v = select(power == D(0), D(0.5) * r * r,
                 select(power == D(1), deviance::half_poisson(x, y),
                        select(power == D(2), deviance::half_gamma(x, y), v)));
    }
    const D h1 = select(b.hi == D(0), D(0), scale_by(b.hi * ebx.p, ebx.n)),
            h2 = select(a.hi == D(0), D(0), deviance::times_exp(y, ax, neg(a.hi)));
    return only(((y >= D(0)) | (power == D(0))) & (x == x) & (y == y),
                jet<D>{v, winner(eb - ya, e - y), winner(h1 + h2, b.hi * e - a.hi * y),
                       max(h1, D(0)) + max(h2, D(0))});
  }
};

UFL_END
