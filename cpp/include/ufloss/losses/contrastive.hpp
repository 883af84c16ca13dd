// Losses that draw an anchor to a positive example and away from a negative one.
#pragma once
#include "../core/row.hpp"

UFL_BEGIN

/// |u|^p for any p, where u = 0 is not raised.
template <class D> UFL_NOINLINE D power(D u, D p) {
  const auto s = pow_parts(select(u == D(0), D(1), abs(u)), p);
  return scale_by(s.p, s.n);
}

/// With u = a - x and d = (sum |u|^p + eps)^(1/p), the slope of d in u is sign(u) |u|^(p-1) d^(1-p), its curvature
/// (p - 1) (|u|^(p-2) d^(1-p) - |u|^(2p-2) d^(1-2p)).
struct triplet_margin_loss : sum_loss {
  static constexpr auto name = "triplet_margin_loss";
  static constexpr argument args[] = {row_prediction("anchors", domain::real, "Vectors."), row_prediction("positives", domain::real, "Vectors that belong to the anchors."), row_prediction("negatives", domain::real, "Vectors that do not."),
                                      parameter("margin", domain::real, 1.0, "By how much the negative should be farther away."), parameter("norm_degree", domain::positive, 2.0, "p of the norm; finite."),
                                      parameter("eps", domain::nonnegative, 1e-6, "Added to the sum under the root.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2 | part_grad3, vanishing = part_value | part_grad | part_hess, properties = nonnegative_value;
  static constexpr auto exponent = "norm_degree";
  static constexpr double neutral[] = {0, 0, 0};
  static constexpr int sums = 2, coefficients = 5;
  static constexpr auto summary = "Triplet margin loss of an anchor, a positive and a negative.";
  static constexpr auto formula = "max(0, d(anchors, positives) - d(anchors, negatives) + margin)\nd(a, x) = (sum(abs(a - x)**norm_degree) + eps)**(1 / norm_degree)";
  static constexpr auto notes = "The gradient is 0 at the kink, and for vectors that are equal. The second derivative may be negative; `hess_bound` is its positive part or 1, whichever is greater.";
  static constexpr auto source = "optax.losses.triplet_margin_loss; torch triplet_margin_loss.";
  static constexpr auto example = ">>> ul.triplet_margin_loss([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 5.5]])\narray([0.50000001])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D* p) {
    for (int k = 0; k < 2; ++k) {
      const D u = x[0] - x[1 + k];
      if (all(p[1] == D(2))) s[k] = fma(u, u, s[k]);
      else s[k] = s[k] + select(p[1] == D(2), u * u, select(p[1] == D(1), abs(u), select(u == D(0), D(0), power(u, p[1]))));
    }
  }
  template <class D> static UFL_FN D root(D s, D p) {
    D d = select(p == D(2), sqrt(s), s);
    const auto general = !((p == D(2)) | (p == D(1)) | (s == D(0)));
    if (!all(!general)) d = select(general, power(s, D(1) / p), d);
    return d;
  }
  template <class D> static UFL_FN row_result<D, 5> finish(const sum_row<D>& r, D margin, D p, D eps) {
    const D near = root(r.sum[0] + eps, p), far = root(r.sum[1] + eps, p), loss = (near - far) + margin + select(p < inf<D>(), D(0), nan<D>());
    const auto slope = [&](D d) UFL_INLINE { return select((loss > D(0)) & (d > D(0)), select(p == D(2), D(1) / d, select(p == D(1), D(1), power(d, D(1) - p))), D(0)); };
    const auto inverse = [&](D d) UFL_INLINE { return select(d > D(0), D(1) / d, D(0)); };
    return {select(loss <= D(0), D(0), loss), {p, slope(near), slope(far), inverse(near), inverse(far)}};
  }
  template <class D> struct distance { D slope, hess; };
  template <class D> static UFL_FN distance<D> part(D u, D p, D slope, D inverse) {
    D f = abs(u), bend = slope;
    if (!all(p == D(2))) {
      const auto straight = p == D(1);
      f = select(p == D(2), f, select(straight, D(1), select(u == D(0), D(0), power(u, p - D(1)))));
      bend = select(p == D(2), slope, select(straight | (slope == D(0)), D(0), slope * (p - D(1)) * select(u == D(0), select(p < D(2), inf<D>(), D(0)), power(u, p - D(2)))));
    }
    const D g = f * slope;
    return {select(u == D(0), D(0), copysign(g, u)), bend - (p - D(1)) * (g * g) * select(slope == D(0), D(0), inverse)};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    const auto near = part(x[0] - x[1], c[0], c[1], c[3]), far = part(x[0] - x[2], c[0], c[2], c[4]);
    const D h = near.hess - far.hess;
    return {D(0), near.slope - far.slope, h, max(h, D(1)), D(0) - near.slope, far.slope};
  }
};

/// The difference of the squared distances is the sum of (P - N) ((P - a) + (N - a)): the squares of a cancel exactly.
struct squared_triplet_loss : sum_loss {
  static constexpr auto name = "squared_triplet_loss";
  static constexpr argument args[] = {row_prediction("anchors", domain::real, "Vectors."), row_prediction("positives", domain::real, "Vectors that belong to the anchors."), row_prediction("negatives", domain::real, "Vectors that do not."),
                                      parameter("margin", domain::real, 1.0, "By how much the negative's squared distance should be greater.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2 | part_grad3, vanishing = part_value, properties = nonnegative_value;
  static constexpr double neutral[] = {0, 0, 0};
  static constexpr int sums = 1, coefficients = 1;
  static constexpr auto summary = "Triplet loss of squared distances.";
  static constexpr auto formula = "max(0, sum((positives - anchors)**2) - sum((negatives - anchors)**2) + margin)";
  static constexpr auto notes = "The gradient is 0 at the kink. The second derivative with respect to the anchors is 0; `hess_bound` is 1 by convention.";
  static constexpr auto source = "gluon TripletLoss.";
  static constexpr auto example = ">>> ul.squared_triplet_loss([[0.0, 0.0]], [[1.0, 1.0]], [[1.0, 0.0]])\narray([2.])";
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) { s[0] = fma(x[1] - x[2], (x[1] - x[0]) + (x[2] - x[0]), s[0]); }
  template <class D> static UFL_FN row_result<D, 1> finish(const sum_row<D>& r, D margin) {
    const D loss = r.sum[0] + margin;
    return {select(loss <= D(0), D(0), loss), {select(loss > D(0), D(2), D(0))}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    return {D(0), c[0] * (x[2] - x[1]), D(0), D(1), c[0] * (x[1] - x[0]), c[0] * (x[0] - x[2])};
  }
};

UFL_END
