// Losses that draw an anchor to a positive example and away from a negative one.
#pragma once
#include "ufloss/kinds/row/loss.hpp"

UFL_BEGIN

/// |u|^p for any p, where u = 0 is not raised.
template <class D> UFL_FN_NOINLINE D power(D u, D p) {
  const auto s = pow_parts(select(u == D(0), D(1), abs(u)), p);
  return scale_by(s.p, s.n);
}

/// With u = a - x, d = (sum |u|^p + eps)^(1/p) and q = |u|/d, the slope of d in u is sign(u) q^(p-1), its
/// curvature (p - 1) (q^(p-2) - q^(2p-2)) / d.  Where the sum of powers leaves double's range though d does
/// not, and for the largest difference, which is the norm of p = inf, two more passes take the largest |u| of
/// the row, m, and sums of (|u|/m)^p: d is m times their root.
struct triplet_margin_loss : sum_loss {
  static constexpr auto name = "triplet_margin_loss";
  static constexpr argument args[] = {
      row_prediction("anchors", domain::real, "Vectors."),
      row_prediction("positives", domain::real, "Vectors that belong to the anchors."),
      row_prediction("negatives", domain::real, "Vectors that do not."),
      parameter("margin", domain::real, 1.0, "By how much the negative should be farther away."),
      parameter("norm_degree", domain::positive, 2.0, "p of the norm; inf: the largest difference."),
      parameter("eps", domain::nonnegative, 1e-6, "Added to the sum under the root.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2 | part_grad3,
                            vanishing = part_value | part_grad | part_hess, properties = nonnegative_value;
  static constexpr auto exponent = "norm_degree";
  static constexpr double neutral[] = {0, 0, 0};
  static constexpr int sums = 2, states = 4, next_sums = 4, maxima = 2, coefficients = 9;
  enum { plain, measured, scaled, done };  // what the sums of the last pass are
  enum { mode, degree, largest };          // largest |u| of either distance
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
  template <class D> static UFL_FN void fold(D* s, const D* x, const D* p) {
    const auto square = p[1] == D(2);
    for (int k = 0; k < 2; ++k) {
      const D u = x[0] - x[1 + k];
      if (all(square)) s[k] = fma(u, u, s[k]);
      else s[k] = fma(select(square, u, D(1)), select(square, u, raise(u, p[1])), s[k]);
    }
  }
  template <class D> static UFL_FN void fold_next(D* s, const D* x, const D* st, mask_t<D>) {
    for (int k = 0; k < 2; ++k) {
      const D u = abs(x[0] - x[1 + k]), q = u / st[largest + k], p = st[degree];
      s[k] =
          s[k] + select(p == inf<D>(), select(q >= D(1), D(1), D(0)), select(p == D(2), q * q, raise(q, p)));
      s[2 + k] = max(s[2 + k], u);
    }
  }
  template <class D> static UFL_FN mask_t<D> next_pass(const sum_row<D>& r, D* st) {
    const D p = r.parameter[1], eps = r.parameter[2], near = r.sum[0] + eps, far = r.sum[1] + eps,
            most = max(near, far), least = min(near, far);
    const mask_t<D> first = st[mode] == D(plain), measuring = st[mode] == D(measured);
    const mask_t<D> fits = (p < inf<D>()) & (most < D(0x1p1000)) & (least > D(0x1p-960));
    const mask_t<D> ask = first & (near == near) & (far == far) & !fits;
    if (all(first & !ask)) return ask;
    st[degree] = p;
    for (int k = 0; k < 2; ++k) st[largest + k] = select(measuring, r.next[2 + k], st[largest + k]);
    st[mode] = select(ask, D(measured),
                      select(measuring, D(scaled), select(st[mode] == D(scaled), D(done), st[mode])));
    return ask | measuring;
  }
  template <class D> static UFL_FN D root(D s, D p) {
    D d = select(p == D(2), sqrt(s), s);
    const mask_t<D> general = !((p == D(2)) | (p == D(1)) | (s == D(0)));
    if (!all(!general)) d = select(general, power(s, D(1) / p), d);
    return d;
  }
  /// m times the root of a sum of (|u|/m)^p.
  template <class D> static UFL_FN D scaled_root(D sum, D m, D p, D eps) {
    const auto s = pow_parts(select(m > D(0), m, D(1)), neg(p));
    const D some = sum + select(eps > D(0), scale_by(eps * s.p, clamp(s.n, D(-1500), D(1500))), D(0));
    const D d = select(p == inf<D>(), m, select(some < inf<D>(), m * root(some, p), root(eps, p)));
    return select(m == inf<D>(), m, select(m == D(0), select(p == inf<D>(), m, root(eps, p)), d));
  }
  template <class D> static UFL_FN row_result<D, 9> finish(const sum_row<D>& r, D margin, D p, D eps) {
    const auto plainly = !(r.state[mode] == D(done));
    D near = root(r.sum[0] + eps, p), far = root(r.sum[1] + eps, p), near_share = D(1), far_share = D(1);
    if (UFL_UNLIKELY(!all(plainly))) {
      near = select(plainly, near, scaled_root(r.next[0], r.state[largest], p, eps));
      far = select(plainly, far, scaled_root(r.next[1], r.state[largest + 1], p, eps));
      near_share = select(p == inf<D>(), D(1) / r.next[0], D(1));
      far_share = select(p == inf<D>(), D(1) / r.next[1], D(1));
    }
    const D loss = (near - far) + margin;
    const auto on = [&](D d, D share) UFL_INLINE { return select((loss > D(0)) & (d > D(0)), share, D(0)); };
    const auto up = [](D d) UFL_INLINE {
      return select(d > D(0x1p1000), D(0x1p-100), select(d < D(0x1p-900), D(0x1p200), D(1)));
    };
    const auto inverse = [&](D d) UFL_INLINE { return D(1) / select(d > D(0), d * up(d), D(1)); };
    return {select(loss <= D(0), D(0), loss),
            {p, near, far, on(near, near_share), on(far, far_share), up(near), up(far), inverse(near),
             inverse(far)}};
  }
  template <class D> struct distance {
    D slope, hess;
  };
  /// share: 0 where the slope is 0, else 1, or the part that each of the largest has; inverse: that of d up.
  template <class D> static UFL_FN distance<D> part(D u, D p, D d, D share, D up, D inverse) {
    const auto still = share == D(0);
    const D size = abs(u), q = size * up * inverse;
    D g = q, bend = inverse, k = p - D(1);
    if (UFL_UNLIKELY(!all(p == D(2)))) {
      const mask_t<D> square = p == D(2), flat = (p == D(1)) | (p == inf<D>());
      g = select(square, q,
                 select(p == D(1), D(1),
                        select(p == inf<D>(), select(size == d, share, D(0)),
                               select(u == D(0), D(0), power(q, k)))));
      bend = select(
          square, bend,
          select(flat, D(0),
                 k * select(u == D(0), select(p < D(2), inf<D>(), D(0)), power(q, p - D(2))) * inverse));
      k = select(flat, D(0), k);
    }
    if (UFL_UNLIKELY(!all(d < inf<D>())))
      g = select((d == inf<D>()) & (size == d), D(1), g);  // the slope along a single infinite difference
    return {select(still | (u == D(0)), D(0), copysign(g, u)),
            select(still, D(0), (bend - k * (g * g) * inverse) * up)};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    const auto near = part(x[0] - x[1], c[0], c[1], c[3], c[5], c[7]),
               far = part(x[0] - x[2], c[0], c[2], c[4], c[6], c[8]);
    const D h = near.hess - far.hess;
    return {D(0), near.slope - far.slope, h, max(h, D(1)), D(0) - near.slope, far.slope};
  }
};

/// The difference of the squared distances is the sum of (P - N) ((P - a) + (N - a)): the squares of a cancel
/// exactly.
struct squared_triplet_loss : sum_loss {
  static constexpr auto name = "squared_triplet_loss";
  static constexpr argument args[] = {
      row_prediction("anchors", domain::real, "Vectors."),
      row_prediction("positives", domain::real, "Vectors that belong to the anchors."),
      row_prediction("negatives", domain::real, "Vectors that do not."),
      parameter("margin", domain::real, 1.0,
                "By how much the negative's squared distance should be greater.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2 | part_grad3,
                            vanishing = part_value, properties = nonnegative_value;
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
  template <class D> static UFL_FN row_result<D, 1> finish(const sum_row<D>& r, D margin) {
    const D loss = r.sum[0] + margin;
    return {select(loss <= D(0), D(0), loss), {select(loss > D(0), D(2), D(0))}};
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    return {D(0), c[0] * (x[2] - x[1]), D(0), D(1), c[0] * (x[1] - x[0]), c[0] * (x[0] - x[2])};
  }
};

UFL_END
