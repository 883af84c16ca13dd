// Focal losses: cross-entropy with less weight for what is classified well.
#pragma once
#include "ufloss/kinds/row/loss.hpp"
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// Labels 0 and 1, with u = (2y-1) x, n = sigma(-u), p = sigma(u) and ce = softplus(-u):
///   value = n^gamma ce,
///   grad  = -(2y-1) n^gamma (n + gamma p ce),
///   hess  = n^gamma p (n (1 + 2 gamma) + gamma ce (gamma p - n)).
/// exp(-gamma softplus(u)) would lose gamma u ulp, so that exponent is summed in two words; gamma = 2 is a
/// square instead.
///
/// Soft labels, with w = y sigma(-x) + (1-y) sigma(x), ce the cross-entropy and g = gamma:
///   value = w^g ce,
///   grad  = w^g (ce' + g ce w'/w),
///   hess  = w^g (ce'' + 2 g ce' w'/w + g ce ((g-1) (w'/w)^2 + w''/w)).
///
/// gamma = 2 with labels 0 and 1 is computed in the data's type, everything else in double.
/// At x = 0, gamma = 2, alpha < 0: [log 2 / 4, -s (1/2 + log 2)/4, (5/2 + log 2)/8], s = 2y - 1.
struct sigmoid_focal_loss {
  static constexpr auto name = "sigmoid_focal_loss";
  static constexpr argument args[] = {
      operands::logit, operands::binary_label,
      parameter("alpha", domain::optional_unit, -1.0,
                "Weight of the positive class against 1 - alpha of the negative one, at most 1; negative: no "
                "weights."),
      parameter("gamma", domain::nonnegative, 2.0,
                "Exponent that takes weight from well-classified examples.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_grad | part_hess,
                            properties = nonnegative_value;
  static constexpr auto exponent = "gamma";
  static constexpr auto summary = "Focal loss of a logit.";
  static constexpr auto formula =
      "alpha_t * (1 - p_t)**gamma * ce\n"
      "ce      = binary cross-entropy of (logits, labels)\n"
      "p_t     = p * labels + (1 - p) * (1 - labels),  p = 1 / (1 + exp(-logits))\n"
      "alpha_t = alpha * labels + (1 - alpha) * (1 - labels), or 1 where alpha < 0";
  static constexpr auto notes =
      "gamma = 0 is `sigmoid_binary_cross_entropy`. Errors grow with the exponent. The second derivative may "
      "be negative; `hess_bound` keeps its positive terms. A gamma above 1e150 gives NaN.";
  static constexpr auto source =
      "Lin et al., Focal loss for dense object detection, 2017; optax.losses.sigmoid_focal_loss.";
  static constexpr auto example =
      ">>> ul.sigmoid_focal_loss([2.0, -1.0], [1, 1], alpha=0.25)\n"
      "array([0.00045089, 0.17546708])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V alpha, V gamma) {
    const mask_t<V> one = y == V(1);
    const V u = select(one, x, neg(x));
    const V weight = select(alpha < V(0), V(1), select(one, alpha, V(1) - alpha));
    const V exponent = neg(abs(u));

    // The usual call.  Where one lane is not quick the pack takes the long way besides, and quick lanes keep
    // the quick result: bits do not depend on neighbours.
    mask_t<V> quick = (one | (y == V(0))) & (gamma == V(2));
    jet<V> j;
    if constexpr (is_double<V>) {
      quick = quick & (exponent > V(-600));  // so that e is a normal number
      j = squared(u, weight, one, plain_tail<V>{exp_near(exponent)});
    } else {
      j = with_exp_nonpositive(exponent, [&](auto e) UFL_INLINE { return squared(u, weight, one, e); });
    }
    if (UFL_UNLIKELY(!all(quick))) {
      const jet<V> general =
          jet_in_double([](auto x, auto y, auto a, auto g) UFL_INLINE { return any_exponent(x, y, a, g); }, x,
                        y, alpha, gamma);
      return select(quick, j, only((y == y) & (gamma < V(pick<V>(UFL_INF, 0x1p500))), general));
    }
    return j;
  }

  /// gamma = 2 and a label of 0 or 1.  e = exp(-|u|), scaled in float32 only: there what is cubed is 0 long
  /// before it is scaled.
  template <class V, class Tail> static UFL_FN jet<V> squared(V u, V weight, mask_t<V> one, Tail e) {
    constexpr bool plain = !Tail::is_scaled;
    const auto sigma = sigmoids(e);
    const V small_beside_one = beside_one(e, sigma.small);
    const V cubed = plain ? sigma.small : select(small_beside_one < V(0x1p-52), V(0), small_beside_one);
    const auto right = u >= V(0);
    const V n = select(right, cubed, sigma.large);
    const V p = select(right, sigma.large, sigma.small);
    const V p_beside_one = select(right, sigma.large, small_beside_one);

    const V ce = max(neg(u), V(0)) + beside_one(e, log1p_tail(e));
    const V p_ce = plain ? p * ce : times_or_zero(p, ce);
    const V p_ce_beside_one = plain ? p_ce : times_or_zero(p_beside_one, ce);
    const V scale = (weight * n) * n;
    const V slope = fma(V(2), p_ce_beside_one, n);
    const V five_pn = V(5) * (p * n);
    const V hess = five_pn + (p_ce + p_ce) * ((p_beside_one + p_beside_one) - n);
    const V bound = five_pn + V(4) * (p_ce * p_beside_one);
    return {scale * ce, select(one, neg(scale), scale) * slope, rescaled_product(!right, e, scale, hess),
            rescaled_product(!right, e, scale, bound)};
  }

  /// What both kinds of labels take of e = exp(-|x|).
  template <class D> struct exponential {
    scaled_tail<D> tail;
    D e, whole, bent;  ///< whole: 1 + e; bent: log(1 + e)
  };
  /// Any exponent and any label, in double.
  template <class D> static UFL_FN jet<D> any_exponent(D x, D y, D alpha, D gamma) {
    const mask_t<D> one = y == D(1);
    const mask_t<D> zero = y == D(0);
    const mask_t<D> hard = one | zero;
    // Of the two ways to write alpha y + (1 - alpha) (1 - y), the one that does not cancel.
    const mask_t<D> minor = alpha < D(0.5);
    const D twist = D(1) - (y + y);
    const D mixed = fma(select(minor, neg(alpha), D(1) - alpha), twist, select(minor, D(1) - y, y));
    const D weight = select(alpha < D(0), D(1), select(one, alpha, select(zero, D(1) - alpha, mixed)));

    const scaled_tail<D> tail = exp_tail(neg(abs(x)));
    const D e = tail.big * tail.down;
    const exponential<D> exp_x = {tail, e, D(1) + e, log1p_unit(e)};
    const jet<D> j = hard_label(select(one, x, neg(x)), one, weight, gamma, exp_x);
    if (UFL_UNLIKELY(!all(hard))) return select(hard, j, soft_label(x, y, twist, weight, gamma, exp_x));
    return j;
  }

  template <class D>
  static UFL_FN jet<D> hard_label(D u, mask_t<D> one, D weight, D gamma, exponential<D> exp_x) {
    const D share = exp_x.e / exp_x.whole;
    const D large = D(1) - share;
    const D small = fma(neg(exp_x.e), share, exp_x.e);
    const mask_t<D> right = u >= D(0);
    const D n = select(right, small, large);
    const D p = select(right, large, small);
    const D ce = max(neg(u), D(0)) + exp_x.bent;
    // Far on the left p is subnormal, and ce times it need not be: it is multiplied in before it is scaled.
    const D big = exp_x.tail.big;
    const D p_up = select(right, large, fma(neg(big), share, big));
    const D down = select(right, D(1), exp_x.tail.down);

    // n^gamma = exp(-gamma max(u, 0) - gamma log1p(e))
    scaled<D> power = {n * n, D(0)};
    const auto square = gamma == D(2);
    if (!all(square)) {
      const two<D> ramp = two_product(neg(gamma), max(u, D(0)));
      const two<D> bend = two_product(neg(gamma), exp_x.bent);
      const two<D> sum = two_sum(ramp.hi, bend.hi);
      const D low = select(abs(sum.hi) < D(2048), sum.lo + (ramp.lo + bend.lo), D(0));
      const scaled<D> any = exp_parts(two<D>{sum.hi, low});
      const auto none = gamma == D(0);
      power = {select(square, power.p, select(none, D(1), any.p)),
               select(square, D(0), select(none, D(0), any.n))};
    }
    const D scale = weight * power.p;
    const D gamma_p = gamma * p;
    const D gamma_p_ce = gamma_p * select(u == neg(inf<D>()), D(0), ce);
    const D rest = p_up * n * (D(1) + D(2) * gamma);
    const D p_up_ce = p_up * ce;
    const D hess = rest + p_up_ce * (gamma * (gamma_p - n));
    const D bound = rest + p_up_ce * (gamma * gamma_p);

    const mask_t<D> away = u == inf<D>();        // 0 * inf
    const mask_t<D> outer = abs(u) == inf<D>();  // the same on either side
    const D grad = select(away, D(0), scale_by(scale * (n + gamma_p_ce), power.n));
    return {select(away, D(0), scale_by(scale * ce, power.n)), select(one, D(-1), D(1)) * grad,
            select(outer, D(0), scale_by(scale * hess, power.n) * down),
            select(outer, D(0), scale_by(scale * bound, power.n) * down)};
  }

  /// ce1, ce2 are ce', ce''; w1, w2 are w'/w, w''/w; twist is 1 - 2y.  All but ce1 are taken before `down`.
  template <class D> static UFL_FN jet<D> soft_label(D x, D y, D twist, D weight, D g, exponential<D> exp_x) {
    const D hit = sigmoid(x);
    const D miss = sigmoid(neg(x));
    const D down = exp_x.tail.down;
    const D ce = times_or_zero(select(x < D(0), y, D(1) - y), abs(x)) + exp_x.bent;
    const D ce1 = fma(neg(y), miss, (D(1) - y) * hit);
    const D ce2 = exp_x.tail.big / (exp_x.whole * exp_x.whole);
    const D w = fma(y, miss, (D(1) - y) * hit);
    const D w1 = twist * ce2 / w;
    const D w2 = w1 * (miss - hit);

    const scaled<D> power = pow_parts(w, g);
    const D scale = weight * power.p;
    const D g_ce = times_or_zero(g, ce);
    const D bend = (g - D(1)) * w1 * (w1 * down);
    const D mixed = D(2) * g * ce1 * w1;
    const D grad = ce1 + times_or_zero(w1, g_ce) * down;
    const D hess = ce2 + mixed + times_or_zero(bend + w2, g_ce);
    const D bound = ce2 + max(mixed, D(0)) + times_or_zero(max(bend, D(0)) + max(w2, D(0)), g_ce);
    return {scale_by(scale * ce, power.n), scale_by(scale * grad, power.n),
            scale_by(scale * hess, power.n) * down, scale_by(scale * bound, power.n) * down};
  }
};

/// With p the label's probability, q = 1 - p and l = -log p:
///   value = q^gamma l,
///   grad  = c P, and at the label -c q, where c = q^gamma (1 + gamma p l/q).
/// l/q is 1 at q = 0, so c has no pole where gamma < 1.  What is left of a confident label's q is R/(1 + R),
/// so nothing cancels.
struct softmax_focal_loss : softmax_loss {
  static constexpr auto name = "softmax_focal_loss";
  static constexpr argument args[] = {
      row_operands::logits, row_operands::true_class,
      parameter("gamma", domain::nonnegative, 2.0,
                "Exponent that takes weight from well-classified rows; finite.")};
  static constexpr unsigned parts = part_value | part_grad, vanishing = 0, properties = nonnegative_value;
  static constexpr bool labelled = true;
  static constexpr unsigned at_label = part_grad;
  static constexpr int coefficients = 1;
  static constexpr auto exponent = "gamma";
  static constexpr auto summary =
      "Focal loss of an integer label: softmax cross-entropy, less of confident rows.";
  static constexpr auto formula = "-(1 - p)**gamma * log(p),  p = softmax(logits)[labels]";
  static constexpr auto notes =
      "gamma = 0 is `softmax_cross_entropy_with_integer_labels`; of two classes, whose logits are 0 and x, "
      "the loss is `sigmoid_focal_loss` of x. Errors grow with the exponent: up to 5 ulp times gamma, where "
      "that is more. Where the label's class cannot be, its logit -inf, the loss is inf.";
  static constexpr auto source = "Lin et al., Focal loss for dense object detection, 2017, for many classes.";
  static constexpr auto example =
      ">>> ul.softmax_focal_loss([[2.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [0, 0]).round(6)\n"
      "array([0.010869, 1.993605])";
  template <class D> static UFL_FN row_result<D, 1> finish(const softmax_row<D>& r, D gamma) {
    const D behind = r.max - r.label;
    const D p = exp_nonpositive(neg(behind)) / r.total();
    // Any other label has P <= 1/2, where 1 - P does not cancel.
    const auto is_single_largest = (r.ties == D(1)) & (behind == D(0));
    const D q = select(is_single_largest, r.miss(), D(1) - p);
    const D l = behind + r.log_total();

    const D power = focus(q, gamma);
    const D ratio = select(q == D(0), D(1), l / q);
    const D c = power * (D(1) + gamma * times_or_zero(p, ratio));
    return {times_or_zero(power, l), {c}, neg(c * q)};
  }
  template <class V> static UFL_FN jet<V> spread(const softmax_entry<V>& e, const V* c) {
    return {V(0), c[0] * e.p};
  }
  /// q^gamma
  /// In double, by the function of that name: the base has a flag that is called so too.
  template <class D> static UFL_FN D focus(D q, D gamma) {
    return ufloss::in_double([](auto a, auto b) UFL_INLINE { return value(pow_parts(a, b)); }, q, gamma);
  }
};

UFL_END
