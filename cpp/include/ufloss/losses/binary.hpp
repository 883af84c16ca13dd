// Losses of a binary label, 0 or 1 or between: of a logit, of a probability, of a score.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// Each half's coefficient, a = w y and b = 1 - y, kills its term when it is exactly 0, so 0 * inf = 0.
/// With e = exp(-|x|) and s the smaller of sigma(x) and sigma(-x):
///   value = c |x| + (a + b) log1p(e), c the coefficient of the side that x is on;
///   grad  = b sigma(x) - a sigma(-x), never sigma - y; for labels 0 and 1 one term is left;
///   hess  = (a + b) (s - s^2), where the rounding of 1 + e hardly counts.
/// A soft label's gradient crosses 0: there it is computed in double.
/// At x = 0: [(a+b) log 2, (b-a)/2, (a+b)/4].
struct sigmoid_binary_cross_entropy {
  static constexpr auto name = "sigmoid_binary_cross_entropy";
  static constexpr argument args[] = {operands::logit, operands::binary_label, operands::pos_weight};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_grad | part_grad2, properties = convex | nonnegative_value;
  static constexpr auto summary = "Binary cross-entropy of a logit.";
  static constexpr auto formula =
      "pos_weight * labels * log(1 + exp(-logits)) + (1 - labels) * log(1 + exp(logits))";
  static constexpr auto notes =
      "Infinite logits on the right side give 0. The gradient keeps full relative accuracy for labels 0 and "
      "1, also where the sigmoid rounds to 1. Of soft labels the second derivative may be off by 4.5 ulp. "
      "`hess_bound` is (pos_weight * labels + 1 - labels) / 4.";
  static constexpr auto source =
      "optax.losses.sigmoid_binary_cross_entropy; gluon SigmoidBinaryCrossEntropyLoss; torch "
      "binary_cross_entropy_with_logits.";
  static constexpr auto example =
      ">>> ul.sigmoid_binary_cross_entropy([-1.0, 0.0, 30.0], [0, 1, 1])\n"
      "array([3.13261688e-01, 6.93147181e-01, 9.35762297e-14])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V pos_weight) {
    const V a = pos_weight * y;
    const V b = V(1) - y;
    // a + b, without the rounding of w y.
    const V sum = fma(pos_weight, y, b);
    const V size = abs(x);
    const V side = select(x < V(0), a, b);

    // Of labels 0 and 1: grad = coef sigma(u).
    const mask_t<V> one = y == V(1);
    // A NaN weight is not hard: label 0, whose slope has no weight in it, would forget it.
    const mask_t<V> hard = (one | (y == V(0))) & (sum == sum);
    const V u = select(one, neg(x), x);
    const V coef = select(one, neg(pos_weight), V(1));

    jet<V> j = with_exp_nonpositive(neg(size), [&](auto e) UFL_INLINE {
      const auto sigma = sigmoids(e);
      const V first = ramp(e, side, size);
      const V slope = select(u >= V(0), sigma.large, sigma.small);
      return jet<V>{first + rescaled_product(e, sum, log1p_tail(e)),
                    rescaled_product(u < V(0), e, coef, slope), rescaled_product(e, sum, sigma.product(e)),
                    select(x == x, V(0.25) * sum, x)};
    });
    if (UFL_UNLIKELY(!all(hard))) {
      const V soft =
          in_double([](auto x, auto y, auto w) UFL_INLINE { return soft_grad(x, y, w); }, x, y, pos_weight);
      j.grad = select(hard, j.grad, soft);
      // w y may be subnormal where w y |x| is not
      const auto tiny = (abs(a) < V(pick<V>(0x1p-100, 0x1p-960))) & (x < V(0)) & !hard;
      const V weighed = times_or_zero(pos_weight, times_or_zero(y, size));
      j.value = select(tiny, weighed + sum * softplus_tail(x), j.value);
    }
    if (!is_double<V> && UFL_UNLIKELY(!all(is_near(neg(size))))) {
      // the weight may lift what the tail takes for 0
      // Of doubles there is nothing wider to go to; docs/accuracy.md names the weights, beyond 1e250.
      const mask_t<V> lost = (size > V(-exp_of<V>::floor)) & (pos_weight > V(0x1p60f));
      if (UFL_UNLIKELY(!all(!lost))) j = select(lost, by_double(x, y, pos_weight), j);
    }
    // The slope in the label, w softplus(-x) - softplus(x), crosses 0.
    const V label_slope =
        in_double([](auto x, auto w) UFL_INLINE { return times_or_zero(w, softplus(neg(x))) - softplus(x); },
                  x, pos_weight);
    j.grad2 = select(y == y, label_slope, y);
    return j;
  }
  /// weight |x|: a plain tail tells that |x| is finite.
  template <class V> static UFL_FN V ramp(plain_tail<V>, V weight, V size) { return weight * size; }
  template <class V> static UFL_FN V ramp(scaled_tail<V>, V weight, V size) {
    return times_or_zero(weight, size);
  }
  template <class V> static UFL_FN_NOINLINE jet<V> by_double(V x, V y, V w) {
    return jet_in_double([](auto x, auto y, auto w) UFL_INLINE { return eval(x, y, w); }, x, y, w);
  }
  /// Both halves as they stand: float32 has digits to lose here, since it comes as double.
  template <class D> static UFL_FN D soft_grad(D x, D y, D w) {
    const auto sigma = sigmoids(plain_tail<D>{exp_nonpositive(neg(abs(x)))});
    const auto right = x >= D(0);
    const D hit = select(right, sigma.large, sigma.small);
    const D miss = select(right, sigma.small, sigma.large);
    return (D(1) - y) * hit - (w * y) * miss;
  }
};

/// With p = x + eps, q = 1 - x + eps and labels 0 and 1:
///   value = -w log p or -log q,  grad = -w/p or 1/q,  hess = w/p^2 or 1/q^2.
/// The logarithms take the sums in two words: log(s + low) = log(s) + low/s, whatever the rounding of s lost.
/// A soft label's gradient crosses 0 at x = y, its value where eps lifts an argument above 1: they are
/// computed in double.  At x = 0 and y = 0: [0, 1, 1].
struct binary_cross_entropy {
  static constexpr auto name = "binary_cross_entropy";
  static constexpr argument args[] = {
      prediction("predictions", domain::unit, "Probabilities of the positive class."), operands::binary_label,
      operands::pos_weight,
      parameter("eps", domain::nonnegative, 0.0, "Added to the argument of each logarithm.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_value | part_grad,
                            properties = convex;
  static constexpr auto summary = "Binary cross-entropy of a probability.";
  static constexpr auto formula =
      "-(pos_weight * labels * log(predictions + eps) + (1 - labels) * log(1 - predictions + eps))";
  static constexpr auto notes =
      "0 * log(0) is 0; nothing is clipped. `hess_bound` is the second derivative, or the smallest normal "
      "number where that is less. Of a logit, `sigmoid_binary_cross_entropy` is more accurate.";
  static constexpr auto source =
      "Axon binary_cross_entropy (which clips); gluon SigmoidBCELoss(from_sigmoid=True); torch "
      "binary_cross_entropy.";
  static constexpr auto example =
      ">>> ul.binary_cross_entropy([0.9, 1e-20, 0.0], [1, 1, 0])\n"
      "array([ 0.10536052, 46.05170186,  0.        ])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V pos_weight, V eps) {
    const mask_t<V> one = y == V(1);
    const mask_t<V> hard = (one | (y == V(0))) & (pos_weight == pos_weight);
    // In two words each: near 1 the logarithm is as small as what the rounding of a sum loses.
    const two<V> p = plus(x, eps);
    const two<V> q = one_minus(x, eps);
    const two<V> chance = {select(one, p.hi, q.hi), select(one, p.lo, q.lo)};  // of what the label says
    const V weight = select(one, pos_weight, V(1));
    const V slope = weight / chance.hi;
    const V curvature = over_square(weight, chance.hi);
    const jet<V> j = {V(0) - times_or_zero(weight, log(chance)), select(one, neg(slope), slope), curvature,
                      curvature};
    if (UFL_UNLIKELY(!all(hard)))
      return select(
          hard, j,
          jet_in_double([](auto x, auto y, auto w, auto eps) UFL_INLINE { return soft(x, y, w, eps); }, x, y,
                        pos_weight, eps));
    return j;
  }
  template <class V> static UFL_FN two<V> plus(V x, V eps) { return two_sum(x, eps); }
  /// 1 - x + eps with 0 <= x <= 1 and eps >= 0: no sum here cancels the one before, so both rests stay small
  /// beside the result and may be added up.
  template <class V> static UFL_FN two<V> one_minus(V x, V eps) {
    const two<V> rest = two_diff(V(1), x);
    const two<V> sum = two_sum(rest.hi, eps);
    return fast_two_sum(sum.hi, sum.lo + rest.lo);
  }
  template <class D> static UFL_FN jet<D> soft(D x, D y, D w, D eps) {
    const D a = w * y;
    const D b = D(1) - y;
    const two<D> p = plus(x, eps);
    const two<D> q = one_minus(x, eps);
    const auto tiny = a < D(0x1p-960);  // w y may be subnormal, or 0, where the quotient is not
    const D by_parts = times_or_zero(w, y / p.hi);
    const D over_p = select(tiny, by_parts, a / p.hi);
    const D over_q = b / q.hi;
    const D over_p2 = select(tiny, by_parts / p.hi, over_square(a, p.hi));
    const D hess = over_p2 + over_square(b, q.hi);
    return {neg(times_or_zero(w, y * log(p)) + b * log(q)), over_q - over_p, hess, hess};
  }
};

/// With u = x or -x: 0 up to -1, a parabola to 1, u beyond; q = (u + 1)/2, held between 0 and 1, is the
/// probability that sparsemax gives to the wrong class, and the slope.  At x = 0: [1/4, s/2, 1/2], s = 1 or
/// -1.
struct sparsemax_loss {
  static constexpr auto name = "sparsemax_loss";
  static constexpr argument args[] = {
      prediction("logits", domain::real, "Scores of the positive class."),
      target("labels", domain::truth, "0, or anything else for the positive class.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Binary sparsemax loss, a smooth hinge.";
  static constexpr auto formula =
      "0               where u <= -1\n"
      "(u + 1)**2 / 4  where -1 < u < 1\n"
      "u               where u >= 1,  u = -logits where labels != 0, else logits";
  static constexpr auto notes = "The second derivative is 1/2 inside and 0 outside; `hess_bound` is 1/2.";
  static constexpr auto source =
      "Blondel et al., Learning with Fenchel-Young losses, 2020; optax.losses.sparsemax_loss.";
  static constexpr auto example =
      ">>> ul.sparsemax_loss([0.0, 2.0, 2.0], [1, 1, 0])\n"
      "array([0.25, 0.  , 2.  ])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V s = select(y != V(0), V(-1), V(1));
    const V u = s * x;
    // Clamped before it is squared: outside the parabola the slope is an exact 0 or 1.
    const V q = clamp(V(0.5) * (u + V(1)), V(0), V(1));
    const V value = select(u >= V(1), u, q * q);
    const V hess = select(abs(u) < V(1), V(0.5), V(0));
    return only((x == x) & (y == y), jet<V>{value, s * q, hess, V(0.5)});
  }
};

UFL_END
