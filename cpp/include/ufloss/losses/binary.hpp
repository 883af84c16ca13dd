// Losses of a binary target: margins, logits and probabilities.
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

/// m - x y with one rounding, so the side of the kink is always the exact one.  At m = xy: [0, 0, 0].
struct hinge_loss {
  static constexpr auto name = "hinge_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Scores."), target("targets", domain::sign, "-1 or 1."),
      parameter("margin", domain::real, 1.0, "Score beyond which a correct prediction costs nothing.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Hinge loss.";
  static constexpr auto formula = "max(0, margin - predictions * targets)";
  static constexpr auto notes =
      "The gradient is 0 at the kink. The second derivative is 0; `hess_bound` is 1 by convention.";
  static constexpr auto source = "optax.losses.hinge_loss; Axon hinge before its mean; gluon HingeLoss.";
  static constexpr auto example =
      ">>> ul.hinge_loss([0.3, -0.3, 2.0], [1, 1, 1])\n"
      "array([0.7, 1.3, 0. ])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V margin) {
    const V h = exact_fma(neg(x), y, margin);
    const auto active = (h > V(0)) | ((margin == V(0)) & opposed(x, y));  // -xy may underflow
    return only(h == h, jet<V>{max(h, V(0)) + V(0), select(active, neg(y), V(0)), V(0), V(1)});
  }
};

/// At m = xy: [0, 0, 0].
struct squared_hinge_loss {
  static constexpr auto name = "squared_hinge_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Scores."), target("targets", domain::sign, "-1 or 1."),
      parameter("margin", domain::real, 1.0, "Score beyond which a correct prediction costs nothing.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Squared hinge loss.";
  static constexpr auto formula = "max(0, margin - predictions * targets)**2";
  static constexpr auto notes =
      "The second derivative is 2 * targets**2 inside the margin and 0 beyond; `hess_bound` is 2 * "
      "targets**2 everywhere. Where margin - predictions * targets is subnormal, the gradient has no more "
      "digits than that.";
  static constexpr auto source = "gluon SquaredHingeLoss.";
  static constexpr auto example =
      ">>> ul.squared_hinge_loss([0.5, 2.0], [-1, 1])\n"
      "array([2.25, 0.  ])";
  template <class V> static UFL_FN jet<V> eval(V x, V y, V margin) {
    const V h = exact_fma(neg(x), y, margin), p = max(h, V(0)), c = (y + y) * y;
    const auto active = (h > V(0)) | ((margin == V(0)) & opposed(x, y));  // -xy may underflow
    return only(h == h, jet<V>{p * p, select(h > V(0), V(-2) * (h * y), V(0)), select(active, c, V(0)), c});
  }
};

/// The hinge at margin 0; the signs decide the branch, since the product may underflow.  At xy = 0: [0, 0,
/// 0].
struct perceptron_loss {
  static constexpr auto name = "perceptron_loss";
  static constexpr argument args[] = {prediction("predictions", domain::real, "Scores."),
                                      target("targets", domain::sign, "-1 or 1.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value | light;
  static constexpr auto summary = "Perceptron loss: the hinge loss without a margin.";
  static constexpr auto formula = "max(0, -predictions * targets)";
  static constexpr auto notes =
      "The gradient is 0 at the kink. The second derivative is 0; `hess_bound` is 1 by convention.";
  static constexpr auto source = "Rosenblatt, The perceptron, 1958; optax.losses.perceptron_loss.";
  static constexpr auto example =
      ">>> ul.perceptron_loss([0.5, -2.0], [1, 1])\n"
      "array([0., 2.])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V p = x * y;
    return only(p == p, jet<V>{max(neg(p), V(0)) + V(0), select(opposed(x, y), neg(y), V(0)), V(0), V(1)});
  }
};

/// u = xy is carried in two words: far out the loss is exp(-u), which turns the rounding of u into |u| ulp.
/// With e = exp(-|u|): log(1 + e^-u) = max(-u, 0) + log1p(e), sigma(u) sigma(-u) = s - s^2, s = e (1 -
/// e/(1+e)).  At x = 0: [log 2, -y/2, y^2/4].
struct logistic_loss {
  static constexpr auto name = "logistic_loss";
  static constexpr argument args[] = {
      prediction("predictions", domain::real, "Scores."),
      target("targets", domain::sign, "-1 or 1 (any real number is a scale).")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = 0,
                            properties = convex | nonnegative_value;
  static constexpr auto summary = "Logistic loss of a signed label, also called soft margin loss.";
  static constexpr auto formula = "log(1 + exp(-predictions * targets))";
  static constexpr auto notes =
      "Labels 0 and 1 belong to `sigmoid_binary_cross_entropy`. Of targets other than -1 and 1 the second "
      "derivative may be off by 4.5 ulp. `hess_bound` is targets**2 / 4.";
  static constexpr auto source =
      "Axon soft_margin before its sum; gluon LogisticLoss(label_format='signed').";
  static constexpr auto example =
      ">>> ul.logistic_loss([2.0, 2.0], [1, -1])\n"
      "array([0.12692801, 2.12692801])";
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const auto u = two_product(x, y);
    const V low = neg(copysign(V(1), u.hi) * finite_low(u)), size = neg(abs(u.hi));
    const auto from = [&](auto e) UFL_INLINE {
      const V t = e.big / (V(1) + beside_one(e, e.big)), r = beside_one(e, t);
      const auto right = u.hi >= V(0);
      const V small = fma(neg(e.big), r, e.big), slope = select(right, small, V(1) - r);
      return jet<V>{max(neg(u.hi), V(0)) + rescale(e, log1p_tail(e)),
                    rescaled_product(right, e, neg(y), slope),
                    rescaled_square(e, y, fma(neg(small), beside_one(e, small), small)),
                    select(u.hi == u.hi, (V(0.5) * y) * (V(0.5) * y), u.hi)};
    };
    if (UFL_UNLIKELY(!all(is_near(size)))) {
      jet<V> j = from(exp_tail(two<V>{size, low}));
      if constexpr (!is_double<V>) {
        const mask_t<V> lost =
            (size < V(exp_of<V>::floor)) & (abs(y) > V(0x1p30f));  // y may lift what the tail takes for 0
        if (UFL_UNLIKELY(!all(!lost))) j = select(lost, by_double(x, y), j);
      }
      return j;
    }
    return from(tail<V, true>{exp_near(two<V>{size, low})});
  }
  // apart from the loop, whose registers its constants would take
  template <class V> static UFL_FN_NOINLINE jet<V> by_double(V x, V y) {
    return jet_in_double([](auto x, auto y) UFL_INLINE { return eval(x, y); }, x, y);
  }
};

/// Each half's coefficient, a = w y and b = 1 - y, kills its term when it is exactly 0, so 0 * inf = 0.  With
/// e = exp(-|x|):
///   value = c |x| + (a + b) log1p(e), c the coefficient of the side that x is on;
///   grad  = b sigma(x) - a sigma(-x), never sigma - y; for labels 0 and 1 one term is left;
///   hess  = (a + b) (s - s^2), s = e (1 - e/(1+e)), where the rounding of 1 + e hardly counts.
/// A soft label's gradient crosses 0: there it is computed in double.  At x = 0: [(a+b) log 2, (b-a)/2,
/// (a+b)/4].
struct sigmoid_binary_cross_entropy {
  static constexpr auto name = "sigmoid_binary_cross_entropy";
  static constexpr argument args[] = {
      prediction("logits", domain::real, "Logits of the positive class."),
      target("labels", domain::unit, "0 or 1, or a probability of the positive class."),
      parameter("pos_weight", domain::positive, 1.0, "Weight of the positive class.")};
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
    const V a = pos_weight * y, b = V(1) - y, sum = fma(pos_weight, y, b), size = abs(x),
            c = select(x < V(0), a, b);
    const mask_t<V> one = y == V(1), hard = (one | (y == V(0))) & (sum == sum);
    const V u = select(one, neg(x), x),
            coef = select(one, neg(pos_weight), V(1));  // of labels 0 and 1: grad = coef * sigma(u)
    jet<V> j = with_exp_nonpositive(neg(size), [&](auto e) UFL_INLINE {
      const V t = e.big / (V(1) + beside_one(e, e.big)), r = beside_one(e, t);
      const V first = is_short<decltype(e)> ? c * size : times_or_zero(c, size),
              small = fma(neg(e.big), r, e.big), slope = select(u >= V(0), V(1) - r, small);
      return jet<V>{first + rescaled_product(e, sum, log1p_tail(e)),
                    rescaled_product(u < V(0), e, coef, slope),
                    rescaled_product(e, sum, fma(neg(small), beside_one(e, small), small)),
                    select(x == x, V(0.25) * sum, x)};
    });
    if (UFL_UNLIKELY(!all(hard))) {
      j.grad = select(
          hard, j.grad,
          in_double([](auto x, auto y, auto w) UFL_INLINE { return soft_grad(x, y, w); }, x, y, pos_weight));
      const auto tiny = (abs(a) < V(pick<V>(0x1p-100, 0x1p-960))) & (x < V(0)) &
                        !hard;  // w y may be subnormal where w y |x| is not
      j.value =
          select(tiny, times_or_zero(pos_weight, times_or_zero(y, size)) + sum * softplus_tail(x), j.value);
    }
    if (!is_double<V> && UFL_UNLIKELY(!all(is_near(neg(size))))) {
      const mask_t<V> lost = (size > V(-exp_of<V>::floor)) &
                             (pos_weight > V(0x1p60f));  // the weight may lift what the tail takes for 0
      if (UFL_UNLIKELY(!all(!lost))) j = select(lost, by_double(x, y, pos_weight), j);
    }
    j.grad2 = select(
        y == y,
        in_double([](auto x, auto w) UFL_INLINE { return times_or_zero(w, softplus(neg(x))) - softplus(x); },
                  x, pos_weight),
        y);
    return j;
  }
  template <class V> static UFL_FN_NOINLINE jet<V> by_double(V x, V y, V w) {
    return jet_in_double([](auto x, auto y, auto w) UFL_INLINE { return eval(x, y, w); }, x, y, w);
  }
  template <class D> static UFL_FN D soft_grad(D x, D y, D w) {
    const D e = exp_nonpositive(neg(abs(x))), t = e / (D(1) + e), big = D(1) - t, small = fma(neg(e), t, e);
    const auto right = x >= D(0);
    return (D(1) - y) * select(right, big, small) - (w * y) * select(right, small, big);
  }
};

/// The logarithms of x + eps and 1 - x + eps take the sums in two words: log(s + low) = log(s) + low/s,
/// whatever the rounding of s lost. A soft label's gradient crosses 0 at x = y, its value where eps lifts an
/// argument above 1: they are computed in double.
struct binary_cross_entropy {
  static constexpr auto name = "binary_cross_entropy";
  static constexpr argument args[] = {
      prediction("predictions", domain::unit, "Probabilities of the positive class."),
      target("labels", domain::unit, "0 or 1, or a probability of the positive class."),
      parameter("pos_weight", domain::positive, 1.0, "Weight of the positive class."),
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
    const mask_t<V> one = y == V(1), hard = (one | (y == V(0))) & (pos_weight == pos_weight);
    const auto p = plus(x, eps), q = one_minus(x, eps);
    const two<V> z = {select(one, p.hi, q.hi), select(one, p.lo, q.lo)};
    const V coef = select(one, pos_weight, V(1)), slope = coef / z.hi;
    const V h = over_square(coef, z.hi);
    const jet<V> j = {V(0) - times_or_zero(coef, log(z)), select(one, neg(slope), slope), h, h};
    if (UFL_UNLIKELY(!all(hard)))
      return select(
          hard, j,
          jet_in_double([](auto x, auto y, auto w, auto eps) UFL_INLINE { return soft(x, y, w, eps); }, x, y,
                        pos_weight, eps));
    return j;
  }
  template <class V> static UFL_FN two<V> plus(V x, V eps) { return two_sum(x, eps); }
  template <class V> static UFL_FN two<V> one_minus(V x, V eps) {
    const auto c = two_diff(V(1), x);
    const auto s = two_sum(c.hi, eps);
    return fast_two_sum(s.hi, s.lo + c.lo);
  }
  template <class D> static UFL_FN jet<D> soft(D x, D y, D w, D eps) {
    const D a = w * y, b = D(1) - y;
    const auto p = plus(x, eps), q = one_minus(x, eps);
    const auto tiny = a < D(0x1p-960);  // w y may be subnormal, or 0, where the quotient is not
    const D by_parts = times_or_zero(w, y / p.hi), ap = select(tiny, by_parts, a / p.hi), bq = b / q.hi;
    const D h = select(tiny, by_parts / p.hi, over_square(a, p.hi)) + over_square(b, q.hi);
    return {neg(times_or_zero(w, y * log(p)) + b * log(q)), bq - ap, h, h};
  }
};

/// With u = (2y-1) x, n = sigma(-u), p = sigma(u), ce = softplus(-u) and labels 0 and 1:
///   value = n^gamma ce,  grad = -(2y-1) n^gamma (n + gamma p ce),  hess = n^gamma p (n (1 + 2 gamma) + gamma
///   ce (gamma p - n)).
/// exp(-gamma softplus(u)) would lose gamma u ulp, so that exponent is summed in two words; gamma = 2 is a
/// square instead. Soft labels: with w = y sigma(-x) + (1-y) sigma(x) and c the cross-entropy,
///   w^g c,  w^g (c' + g c w'/w),  w^g (c'' + 2 g c' w'/w + g c ((g-1) (w'/w)^2 + w''/w)).
/// gamma = 2 with labels 0 and 1 is computed in the data's type, everything else in double.
struct sigmoid_focal_loss {
  static constexpr auto name = "sigmoid_focal_loss";
  static constexpr argument args[] = {
      prediction("logits", domain::real, "Logits of the positive class."),
      target("labels", domain::unit, "0 or 1, or a probability of the positive class."),
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
    const mask_t<V> one = y == V(1), usual = (one | (y == V(0))) & (gamma == V(2));
    const V u = select(one, x, neg(x)), at = select(alpha < V(0), V(1), select(one, alpha, V(1) - alpha)),
            size = neg(abs(u));
    jet<V> j;
    mask_t<V> plain = usual;
    if constexpr (is_double<V>) {
      plain = plain & (size > V(-600));  // so that e is a normal number
      j = squared(u, at, one, tail<V, true>{exp_near(size)});
    } else j = with_exp_nonpositive(size, [&](auto e) UFL_INLINE { return squared(u, at, one, e); });
    if (UFL_UNLIKELY(!all(plain)))
      return select(
          plain, j,
          only((y == y) & (gamma < V(pick<V>(UFL_INF, 0x1p500))),
               jet_in_double([](auto x, auto y, auto a, auto g) UFL_INLINE { return in(x, y, a, g); }, x, y,
                             alpha, gamma)));
    return j;
  }
  /// gamma = 2 and a label of 0 or 1.  e = exp(-|u|), a tail in float32 only: there what is cubed is 0 long
  /// before it is scaled.
  template <class V, bool Near> static UFL_FN jet<V> squared(V u, V at, mask_t<V> one, tail<V, Near> e) {
    const V t = e.big / (V(1) + beside_one(e, e.big)), r = beside_one(e, t),
            small = fma(neg(e.big), r, e.big), big = V(1) - r;
    const V small_beside_one = beside_one(e, small),
            cubed = Near ? small : select(small_beside_one < V(0x1p-52), V(0), small_beside_one);
    const auto right = u >= V(0);
    const V n = select(right, cubed, big), p = select(right, big, small),
            p_beside_one = select(right, big, small_beside_one);
    const V ce = max(neg(u), V(0)) + beside_one(e, log1p_tail(e)), scale = (at * n) * n,
            pc = Near ? p * ce : times_or_zero(p, ce);
    const V pn = V(5) * (p * n), slope = fma(V(2), Near ? pc : times_or_zero(p_beside_one, ce), n);
    return {scale * ce, select(one, neg(scale), scale) * slope,
            rescaled_product(!right, e, scale, pn + (pc + pc) * ((p_beside_one + p_beside_one) - n)),
            rescaled_product(!right, e, scale, pn + V(4) * (pc * p_beside_one))};
  }
  template <class D> static UFL_FN jet<D> in(D x, D y, D alpha, D g) {
    const mask_t<D> one = y == D(1), hard = one | (y == D(0));
    const mask_t<D> minor =
        alpha <
        D(0.5);  // of the two ways to write alpha y + (1 - alpha) (1 - y), the one that does not cancel
    const D k = D(1) - (y + y),
            mixed = fma(select(minor, neg(alpha), D(1) - alpha), k, select(minor, D(1) - y, y));
    const D at = select(alpha < D(0), D(1), select(one, alpha, select(y == D(0), D(1) - alpha, mixed)));
    const D u = select(one, x, neg(x));
    const auto tail = exp_tail(neg(abs(u)));
    const D e = tail.big * tail.down, w = D(1) + e, t = e / w, bent = log1p_unit(e), big = D(1) - t,
            small = fma(neg(e), t, e);
    const mask_t<D> right = u >= D(0);
    const D n = select(right, small, big), p = select(right, big, small), ce = max(neg(u), D(0)) + bent;
    // far on the left p is subnormal, and ce times it need not be: it is multiplied in before it is scaled
    const D p_up = select(right, big, fma(neg(tail.big), t, tail.big)), down = select(right, D(1), tail.down);
    scaled<D> power = {n * n, D(0)};
    const auto square = g == D(2);
    if (!all(square)) {  // exp(-g max(u, 0) - g log1p(e)), summed in two words
      const auto m = two_product(neg(g), max(u, D(0))), l = two_product(neg(g), bent),
                 s = two_sum(m.hi, l.hi);
      const auto q = exp_parts(two<D>{s.hi, select(abs(s.hi) < D(2048), s.lo + (m.lo + l.lo), D(0))});
      power = {select(square, power.p, select(g == D(0), D(1), q.p)),
               select(square, D(0), select(g == D(0), D(0), q.n))};
    }
    const D scale = at * power.p, gp = g * p;
    const mask_t<D> away = u == inf<D>(), outer = abs(u) == inf<D>();  // 0 * inf
    jet<D> r = {
        select(away, D(0), scale_by(scale * ce, power.n)),
        select(one, D(-1), D(1)) *
            select(away, D(0), scale_by(scale * (n + gp * select(u == neg(inf<D>()), D(0), ce)), power.n)),
        select(
            outer, D(0),
            scale_by(scale * (p_up * n * (D(1) + D(2) * g) + (p_up * ce) * (g * (gp - n))), power.n) * down),
        select(outer, D(0),
               scale_by(scale * (p_up * n * (D(1) + D(2) * g) + (p_up * ce) * (g * gp)), power.n) * down)};
    if (UFL_UNLIKELY(!all(hard))) {
      const D sx = sigmoid(x), sn = sigmoid(neg(x)), c1 = fma(neg(y), sn, (D(1) - y) * sx),
              c2 = tail.big / (w * w);  // c2, f1, f2 before `down`
      const D c = times_or_zero(select(x < D(0), y, D(1) - y), abs(x)) + bent;
      const D f = fma(y, sn, (D(1) - y) * sx), f1 = k * c2 / f, f2 = f1 * (sn - sx);
      const auto q = pow_parts(f, g);
      const D soft = at * q.p, gc = times_or_zero(g, c), bend = (g - D(1)) * f1 * (f1 * tail.down);
      r = {select(hard, r.value, scale_by(soft * c, q.n)),
           select(hard, r.grad, scale_by(soft * (c1 + times_or_zero(f1, gc) * tail.down), q.n)),
           select(hard, r.hess,
                  scale_by(soft * (c2 + D(2) * g * c1 * f1 + times_or_zero(bend + f2, gc)), q.n) * tail.down),
           select(hard, r.hess_bound,
                  scale_by(soft * (c2 + max(D(2) * g * c1 * f1, D(0)) +
                                   times_or_zero(max(bend, D(0)) + max(f2, D(0)), gc)),
                           q.n) *
                      tail.down)};
    }
    return r;
  }
};

/// With u = x or -x: 0 up to -1, a parabola to 1, u beyond.  At x = 0: [1/4, s/2, 1/2], s = 1 or -1.
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
    const V s = select(y != V(0), V(-1), V(1)), u = s * x, q = clamp(V(0.5) * (u + V(1)), V(0), V(1));
    return only((x == x) & (y == y),
                jet<V>{select(u >= V(1), u, q * q), s * q, select(abs(u) < V(1), V(0.5), V(0)), V(0.5)});
  }
};

UFL_END
