// Losses that draw an anchor to a positive example and away from a negative one.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// |u|^p for any p, where u = 0 is not raised.
template <class D> UFL_FN_NOINLINE D power(D u, D p) {
  const auto s = pow_parts(select(u == D(0), D(1), abs(u)), p);
  return scale_by(s.p, s.n);
}

/// With u = a - x, d = (sum |u|^p + eps)^(1/p) and q = |u|/d, once for the positive (near) and once for the
/// negative (far):
///   value = max(0, near - far + margin),
///   the slope of d in u is sign(u) q^(p-1), its curvature (p - 1) (q^(p-2) - q^(2p-2)) / d.
/// Where the sum of powers leaves double's range though d does not, and for the largest difference, which is
/// the norm of p = inf, two more passes take the largest |u| of the row, m, and sums of (|u|/m)^p: d is m
/// times their root.  At u = 0: no slope.
struct triplet_margin_loss : sum_loss {
  static constexpr auto name = "triplet_margin_loss";
  static constexpr argument args[] = {
      row_operands::anchors,
      row_operands::positives,
      row_operands::negatives,
      parameter("margin", domain::real, 1.0, "By how much the negative should be farther away."),
      parameter("norm_degree", domain::positive, 2.0, "p of the norm; inf: the largest difference."),
      parameter("eps", domain::nonnegative, 1e-6, "Added to the sum under the root.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2 | part_grad3,
                            vanishing = part_value | part_grad | part_hess, properties = nonnegative_value;
  static constexpr auto exponent = "norm_degree";
  static constexpr double neutral[] = {0, 0, 0};
  static constexpr int sums = 2, states = 4, next_sums = 4, maxima = 2, coefficients = 9;
  /// state[], from pass to pass: what was done, p, and the largest |u| of both distances.
  enum { progress, degree, largest };
  /// The values of state[progress]: after the first pass, and what was asked for of later ones.
  enum { plain, asked_largest, asked_powers, done };
  static constexpr auto summary = "Triplet margin loss of an anchor, a positive and a negative.";
  static constexpr auto formula =
      "max(0, d(anchors, positives) - d(anchors, negatives) + margin)\n"
      "d(a, x) = (sum(abs(a - x)**norm_degree) + eps)**(1 / norm_degree)";
  static constexpr auto notes =
      "The gradient is 0 at the kink, and for vectors that are equal. A norm_degree of inf takes the largest "
      "difference, without eps; those that are equally large share its slope. The second derivative may be "
      "negative; `hess_bound` is its positive part or 1, whichever is greater.";
  static constexpr auto source = "optax.losses.triplet_margin_loss; torch triplet_margin_loss.";
  static constexpr auto example =
      ">>> ul.triplet_margin_loss([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 5.5]])\n"
      "array([0.50000001])";
  /// |u|^p, 0 where u = 0; the sums of p = inf only show whether a number is NaN.
  template <class D> static UFL_FN D raise(D u, D p) {
    return select((p == D(1)) | (p == inf<D>()), abs(u), select(u == D(0), D(0), power(u, p)));
  }
  /// The quick way where all lanes have p = 2.  The other one gives such a lane the same bits, so that a row
  /// does not depend on the degree of its neighbours.
  template <class D> static UFL_FN void fold(D* s, const D* x, const D* p) {
    const auto square = p[1] == D(2);
    UFL_UNROLL for (int k = 0; k < 2; ++k) {
      const D u = x[0] - x[1 + k];
      if (all(square)) s[k] = fma(u, u, s[k]);
      else s[k] = fma(select(square, u, D(1)), select(square, u, raise(u, p[1])), s[k]);
    }
  }
  /// One fold for both further passes: the largest |u| of the first is what the second divides by.
  template <class D> static UFL_FN void fold_next(D* s, const D* x, const D* st, mask_t<D>) {
    const D p = st[degree];
    UFL_UNROLL for (int k = 0; k < 2; ++k) {
      const D u = abs(x[0] - x[1 + k]);
      const D q = u / st[largest + k];
      const D is_largest = select(q >= D(1), D(1), D(0));  // p = inf counts those that are
      const D term = select(p == inf<D>(), is_largest, select(p == D(2), q * q, raise(q, p)));
      s[k] = s[k] + term;
      s[2 + k] = max(s[2 + k], u);
    }
  }
  /// A NaN asks for nothing.  Sums of powers beyond 2^1000 may be infinite, and those below 2^-960 lack what
  /// underflowed.
  template <class D> static UFL_FN mask_t<D> next_pass(const sum_row<D>& r, D* st) {
    const D p = r.parameter[1];
    const D eps = r.parameter[2];
    const D near = r.sum[0] + eps;
    const D far = r.sum[1] + eps;
    const mask_t<D> not_huge = max(near, far) < D(0x1p1000);
    const mask_t<D> not_tiny = min(near, far) > D(0x1p-960);
    const mask_t<D> in_range = not_huge & not_tiny;
    const mask_t<D> fits = (p < inf<D>()) & in_range;

    const mask_t<D> first = st[progress] == D(plain);
    const mask_t<D> measured = st[progress] == D(asked_largest);
    const mask_t<D> summed = st[progress] == D(asked_powers);
    const mask_t<D> ask = first & (near == near) & (far == far) & !fits;
    if (all(first & !ask)) return ask;

    st[degree] = p;
    UFL_UNROLL for (int k = 0; k < 2; ++k) st[largest + k] = select(measured, r.next[2 + k], st[largest + k]);
    const D finished = select(summed, D(done), st[progress]);
    const D next = select(measured, D(asked_powers), finished);
    st[progress] = select(ask, D(asked_largest), next);
    return ask | measured;
  }
  /// s^(1/p); a power is taken only where some lane needs one.
  template <class D> static UFL_FN D root(D s, D p) {
    D d = select(p == D(2), sqrt(s), s);
    const mask_t<D> general = !((p == D(2)) | (p == D(1)) | (s == D(0)));
    if (!all(!general)) d = select(general, power(s, D(1) / p), d);
    return d;
  }
  /// m times the root of a sum of (|u|/m)^p.
  template <class D> static UFL_FN D scaled_root(D sum, D m, D p, D eps) {
    const scaled<D> unit = pow_parts(select(m > D(0), m, D(1)), neg(p));  // m^-p, which eps is taken times
    const D scaled_eps = scale_by(eps * unit.p, clamp(unit.n, D(-1500), D(1500)));
    const D some = sum + select(eps > D(0), scaled_eps, D(0));
    const auto infinite_degree = p == inf<D>();
    const D of_nothing = select(infinite_degree, m, root(eps, p));
    const D of_powers = select(some < inf<D>(), m * root(some, p), root(eps, p));
    const D d = select(infinite_degree, m, of_powers);
    return select(m == inf<D>(), m, select(m == D(0), of_nothing, d));
  }
  template <class D>
  static UFL_FN row_result<D, coefficients> finish(const sum_row<D>& r, D margin, D p, D eps) {
    const auto plainly = !(r.state[progress] == D(done));
    D near = root(r.sum[0] + eps, p);
    D far = root(r.sum[1] + eps, p);
    D near_share = D(1);
    D far_share = D(1);
    if (UFL_UNLIKELY(!all(plainly))) {
      near = select(plainly, near, scaled_root(r.next[0], r.state[largest], p, eps));
      far = select(plainly, far, scaled_root(r.next[1], r.state[largest + 1], p, eps));
      near_share = select(p == inf<D>(), D(1) / r.next[0], D(1));
      far_share = select(p == inf<D>(), D(1) / r.next[1], D(1));
    }
    // The distances first: what they share cancels before the margin is rounded in.
    const D loss = (near - far) + margin;

    // Not a maximum: a NaN stays one.
    row_result<D, coefficients> result{select(loss <= D(0), D(0), loss), {}};
    const auto costs = loss > D(0);
    result.c[norm] = p;
    put_distance(result.c, 0, near, select(costs & (near > D(0)), near_share, D(0)));
    put_distance(result.c, 1, far, select(costs & (far > D(0)), far_share, D(0)));
    return result;
  }
  /// The coefficients: p, then those of both distances d.
  /// share: 0 where the slope is 0, else 1, or the part that each of the largest differences has.
  /// up: a power of two that keeps 1/(d up) in range; inverse: that.
  enum { norm, length, share = length + 2, up = share + 2, inverse = up + 2 };
  template <class D> static UFL_FN void put_distance(D* c, int which, D d, D d_share) {
    const D scale = select(d > D(0x1p1000), D(0x1p-100), select(d < D(0x1p-900), D(0x1p200), D(1)));
    c[length + which] = d;
    c[share + which] = d_share;
    c[up + which] = scale;
    c[inverse + which] = D(1) / select(d > D(0), d * scale, D(1));
  }
  template <class D> struct distance {
    D slope, hess;
  };
  /// p, then what put_distance() found of the distance d.  (Each by itself: a struct of them went through
  /// memory, which cost a third of the time.)
  template <class D> static UFL_FN distance<D> part(D u, D p, D d, D share, D scale, D inverse_length) {
    const auto still = share == D(0);
    const D size = abs(u);
    const D q = size * scale * inverse_length;

    // slope q^(p-1) and bend q^(p-2) (p-1) / d, which of p = 2 are q and 1/d
    D slope = q;
    D bend = inverse_length;
    D factor = p - D(1);
    if (UFL_UNLIKELY(!all(p == D(2)))) {
      const D raised = power(q, factor);
      const auto none = u == D(0);
      const mask_t<D> square = p == D(2);
      const mask_t<D> infinite_degree = p == inf<D>();
      const D of_largest = select(size == d, share, D(0));
      const D any_slope = select(infinite_degree, of_largest, select(none, D(0), raised));
      slope = select(square, q, select(p == D(1), D(1), any_slope));

      const D raised_less = power(q, p - D(2));
      const D bend_at_0 = select(p < D(2), inf<D>(), D(0));
      const D any_bend = factor * select(none, bend_at_0, raised_less) * inverse_length;
      const mask_t<D> flat = (p == D(1)) | infinite_degree;
      bend = select(square, bend, select(flat, D(0), any_bend));
      factor = select(flat, D(0), factor);
    }
    if (UFL_UNLIKELY(!all(d < inf<D>())))  // the slope along a single infinite difference is 1
      slope = select((d == inf<D>()) & (size == d), D(1), slope);
    const D hess = (bend - factor * (slope * slope) * inverse_length) * scale;
    return {select(still | (u == D(0)), D(0), copysign(slope, u)), select(still, D(0), hess)};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    // Each distance has its slope in the anchor and minus it in its own vector; the loss has `far` with a
    // minus.
    const distance<D> near = part(x[0] - x[1], c[norm], c[length], c[share], c[up], c[inverse]);
    const distance<D> far =
        part(x[0] - x[2], c[norm], c[length + 1], c[share + 1], c[up + 1], c[inverse + 1]);
    const D hess = near.hess - far.hess;
    return {D(0), near.slope - far.slope, hess, max(hess, D(1)), D(0) - near.slope, far.slope};
  }
};

/// The difference of the squared distances is the sum of (P - N) ((P - a) + (N - a)): the squares of a cancel
/// exactly.  Inside the margin the gradients are 2 (N - P), 2 (P - a) and 2 (a - N).  At the kink: [0, 0, 0].
struct squared_triplet_loss : sum_loss {
  static constexpr auto name = "squared_triplet_loss";
  static constexpr argument args[] = {
      row_operands::anchors, row_operands::positives, row_operands::negatives,
      parameter("margin", domain::real, 1.0,
                "By how much the negative's squared distance should be greater.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2 | part_grad3,
                            vanishing = part_value, properties = nonnegative_value;
  // Where all three vectors are 0 the term is 0.
  static constexpr double neutral[] = {0, 0, 0};
  static constexpr int sums = 1, coefficients = 1;
  static constexpr auto summary = "Triplet loss of squared distances.";
  static constexpr auto formula =
      "max(0, sum((positives - anchors)**2) - sum((negatives - anchors)**2) + margin)";
  static constexpr auto notes =
      "The gradient is 0 at the kink. The second derivative with respect to the anchors is 0; `hess_bound` "
      "is 1 by convention.";
  static constexpr auto source = "gluon TripletLoss.";
  static constexpr auto example =
      ">>> ul.squared_triplet_loss([[0.0, 0.0]], [[1.0, 1.0]], [[1.0, 0.0]])\n"
      "array([2.])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = fma(x[1] - x[2], (x[1] - x[0]) + (x[2] - x[0]), s[0]);
  }
  /// The coefficient is 2 inside the margin and 0 beyond, which every slope has as a factor.
  template <class D> static UFL_FN row_result<D, 1> finish(const sum_row<D>& r, D margin) {
    const D loss = r.sum[0] + margin;
    return {select(loss <= D(0), D(0), loss), {select(loss > D(0), D(2), D(0))}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    return {D(0), c[0] * (x[2] - x[1]), D(0), D(1), c[0] * (x[1] - x[0]), c[0] * (x[0] - x[2])};
  }
};

UFL_END
