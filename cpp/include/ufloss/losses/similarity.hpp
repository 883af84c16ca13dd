// Similarities and distances of the directions of two vectors.
#pragma once
#include "ufloss/kinds/row/loss.hpp"

UFL_BEGIN

/// What the losses of an angle share.  With a, b the vectors and r = b - t a, t = ab/aa, the part of b across
/// a, the gradient of the cosine is r / (|a| |b|), and 1 - cos = s / (1 + cos), s = |r|^2/|b|^2.  Where the
/// vectors are nearly parallel a second pass takes the sums of r as it is: nothing cancels.  Where squares
/// leave double's range, it takes them of vectors scaled by a power of two.
struct angle_loss : sum_loss {
  static constexpr double neutral[] = {0, 0};
  static constexpr int sums = 3, states = 5, next_sums = 6, coefficients = 10;
  enum {
    plain,
    scaled,
    near,
    scaled_near,
    done
  };  // near + done, scaled_near + done: the sums of r are taken
  enum { scale_a, scale_b, slope_a, slope_b, mode };
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[0] = fma(x[0], x[1], s[0]);
    s[1] = fma(x[0], x[0], s[1]);
    s[2] = fma(x[1], x[1], s[2]);
  }
  template <class D> static UFL_FN void fold_next(D* s, const D* x, const D* st, mask_t<D>) {
    const D a = x[0] * st[scale_a], b = x[1] * st[scale_b], across_a = exact_fma(neg(st[slope_a]), a, b),
            across_b = exact_fma(neg(st[slope_b]), b, a);
    const D vectors[] = {a, b};
    fold(s, vectors, s);
    s[3] = fma(across_a, across_a, s[3]);
    s[4] = fma(across_a, a, s[4]);
    s[5] = fma(across_b, b, s[5]);
  }
  template <class D> static UFL_FN D scale_of(D squares) {
    return select(squares > D(0x1p1000), D(0x1p-600), select(squares < D(0x1p-900), D(0x1p600), D(1)));
  }
  template <class D> static UFL_FN mask_t<D> next_pass(const sum_row<D>& r, D* st) {
    const mask_t<D> first = st[mode] == D(plain), rescaled = st[mode] == D(scaled);
    const D ab = select(first, r.sum[0], r.next[0]), aa = select(first, r.sum[1], r.next[1]),
            bb = select(first, r.sum[2], r.next[2]);
    const D a = scale_of(aa), b = scale_of(bb);
    const mask_t<D> out = first & !((a == D(1)) & (b == D(1))),
                    parallel = (first | rescaled) & !out &
                               ((ab / aa) * (ab / bb) > D(r.sums_wider_than_data ? 0.99 : 0.5));
    if (all(first & !(out | parallel))) return out;  // as most are: their states are not looked at
    st[scale_a] = select(first, a, st[scale_a]);
    st[scale_b] = select(first, b, st[scale_b]);
    st[slope_a] = select(parallel, ab / aa, st[slope_a]);
    st[slope_b] = select(parallel, ab / bb, st[slope_b]);
    st[mode] =
        select(out, D(scaled),
               select(parallel, st[mode] + D(near),
                      select((st[mode] >= D(near)) & (st[mode] < D(done)), st[mode] + D(done), st[mode])));
    return out | parallel;
  }
  template <class D> struct angle {
    D cosine, distance;  ///< distance: 1 - cosine
    D c[coefficients];   ///< for spread()
  };
  /// epsilon is the least squared length, eps_product the least product of the lengths; a length or a product
  /// below is a constant.
  template <class D> static UFL_FN angle<D> measure(const sum_row<D>& r, D epsilon, D eps_product) {
    const mask_t<D> first = (r.state[mode] == D(plain)) | (r.state[mode] == D(near + done)),
                    refined = r.state[mode] >= D(near);
    const D sa = select(first, D(1), r.state[scale_a]), sb = select(first, D(1), r.state[scale_b]);
    const D ab = select(first, r.sum[0], r.next[0]), aa = select(first, r.sum[1], r.next[1]),
            bb = select(first, r.sum[2], r.next[2]);
    const D floor = sqrt(epsilon), length_a = sqrt(aa), length_b = sqrt(bb), a = max(length_a, floor * sa),
            b = max(length_b, floor * sb);
    const D lengths = a * b, least = (eps_product * sa) * sb, product = max(lengths, least);
    const mask_t<D> some = !(product == D(0)),
                    free = some & ((lengths >= least) | !((a / sa) * (b / sb) < eps_product));
    const mask_t<D> free_a = free & (length_a >= floor * sa), free_b = free & (length_b >= floor * sb);
    const D inverse = select(some, D(1) / product, D(0));
    D cosine = ab * inverse, by_a = inverse * sa, by_b = inverse * sb;
    if (UFL_UNLIKELY(!all(product < inf<D>()))) {  // floors in the units of tiny vectors
      const auto large = product == inf<D>();
      cosine = select(large, select(free, (ab / a) / b, ((ab / sa) / sb) / eps_product), cosine);
      by_a = select(large, select(free, (sa / a) / b, D(1) / (eps_product * sb)), by_a);
      by_b = select(large, select(free, (sb / b) / a, D(1) / (eps_product * sa)), by_b);
    }
    cosine = clamp(cosine, D(-1), D(1));  // which the rounding of the lengths may pass
    D distance = D(1) - cosine;
    if (UFL_UNLIKELY(!all(!refined))) {
      const D across = max(r.next[3] - (r.next[4] / aa) * r.next[4], D(0)) / bb;
      distance = select(refined & free_a & free_b & (cosine > D(0)),
                        across / (D(1) + sqrt(D(1) - min(across, D(1)))), distance);
    }
    const D t = ab / aa, u = ab / bb, none = D(0), inverse_a = select(free_a, sa / a, none);
    return {cosine,
            distance,
            {sa, sb, select(free_a, t, none), select(free_a & refined, r.next[4] / aa, none),
             select(free_b, u, none), select(free_b & refined, r.next[5] / bb, none), by_a, by_b, inverse_a,
             cosine}};
  }
  /// Times the slope c of a loss in the cosine.
  template <class D> static UFL_FN jet<D> spread_angle(const D* x, const D* c, D slope) {
    const D a = x[0] * c[0], b = x[1] * c[1];
    const D across_a = fma(neg(c[3]), a, exact_fma(neg(c[2]), a, b)),
            across_b = fma(neg(c[5]), b, exact_fma(neg(c[4]), b, a));
    // With u the unit vector along a: (-2 u grad |a| - cos (1 - u^2)) / |a|^2, at most 2/sqrt(3) / |a|^2.
    const D i = c[8], u = x[0] * i, g = across_a * c[6],
            h = fma(c[9], fma(u, u, D(-1)), D(-2) * (u * select(i == D(0), D(0), g / i)));
    const D bound = D(1.1547005383792517) * i * i;
    return {D(0), slope * g, slope * select(i == D(0), D(0), (h * i) * i), select(bound > D(0), bound, D(1)),
            slope * (across_b * c[7])};
  }
};

struct cosine_similarity : angle_loss {
  static constexpr auto name = "cosine_similarity";
  static constexpr argument args[] = {
      row_prediction("predictions", domain::real, "Vectors."),
      row_target("targets", domain::real, "Vectors."),
      parameter("epsilon", domain::nonnegative, 0.0, "Least squared length of either vector."),
      parameter("eps_product", domain::nonnegative, 0.0, "Least product of the lengths.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_value | part_grad | part_hess | part_grad2, properties = 0;
  static constexpr auto summary = "Cosine of the angle between two vectors.";
  static constexpr auto formula =
      "sum(a * b) / max(sqrt(max(sum(a**2), epsilon)) * sqrt(max(sum(b**2), epsilon)), eps_product)\n"
      "a = predictions, b = targets";
  static constexpr auto notes =
      "A vector of zeros gives 0, with gradient 0 unless there is a floor. Where a floor is active, that "
      "length is a constant. The second derivative may be negative; `hess_bound` is 2 / sqrt(3) / sum(a**2).";
  static constexpr auto source =
      "optax.losses.cosine_similarity (epsilon); Axon cosine_similarity (eps_product).";
  static constexpr auto example =
      ">>> ul.cosine_similarity([[1e20, 1e20]], [[1.0, 0.0]])\n"
      "array([0.70710678])";
  template <class D>
  static UFL_FN row_result<D, coefficients> finish(const sum_row<D>& r, D epsilon, D eps_product) {
    const auto m = measure(r, epsilon, eps_product);
    row_result<D, coefficients> result{m.cosine, {}};
    for (int k = 0; k < coefficients; ++k) result.c[k] = m.c[k];
    return result;
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) { return spread_angle(x, c, D(1)); }
};

struct cosine_distance : angle_loss {
  static constexpr auto name = "cosine_distance";
  static constexpr argument args[] = {
      row_prediction("predictions", domain::real, "Vectors."),
      row_target("targets", domain::real, "Vectors."),
      parameter("epsilon", domain::nonnegative, 0.0, "Least squared length of either vector."),
      parameter("eps_product", domain::nonnegative, 0.0, "Least product of the lengths.")};
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_grad | part_hess | part_grad2, properties = 0;
  static constexpr auto summary = "1 minus the cosine of the angle between two vectors.";
  static constexpr auto formula =
      "1 - sum(a * b) / max(sqrt(max(sum(a**2), epsilon)) * sqrt(max(sum(b**2), epsilon)), eps_product)\n"
      "a = predictions, b = targets";
  static constexpr auto notes =
      "Nearly parallel vectors keep all digits of their small distance. A vector of zeros gives 1, with "
      "gradient 0 unless there is a floor. Where a floor is active, that length is a constant. The second "
      "derivative may be negative; `hess_bound` is 2 / sqrt(3) / sum(a**2).";
  static constexpr auto source = "optax.losses.cosine_distance; scipy.spatial.distance.cosine.";
  static constexpr auto example =
      ">>> ul.cosine_distance([[1.0, 1e-4]], [[1.0, 0.0]])\n"
      "array([4.99999996e-09])";
  template <class D>
  static UFL_FN row_result<D, coefficients> finish(const sum_row<D>& r, D epsilon, D eps_product) {
    const auto m = measure(r, epsilon, eps_product);
    row_result<D, coefficients> result{m.distance, {}};
    for (int k = 0; k < coefficients; ++k) result.c[k] = m.c[k];
    return result;
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) { return spread_angle(x, c, D(-1)); }
};

/// Slope in the cosine: -1 for a pair that belongs together, 1 for one that does not and is nearer than the
/// margin, else 0.
struct cosine_embedding_loss : angle_loss {
  static constexpr auto name = "cosine_embedding_loss";
  static constexpr argument args[] = {
      row_prediction("predictions", domain::real, "Vectors."),
      row_target("targets", domain::real, "Vectors."),
      parameter("labels", domain::sign, required,
                "1 where the vectors belong together, -1 (or any other number) where they do not."),
      parameter("margin", domain::real, 0.0,
                "The cosine up to which a pair that does not belong together costs nothing."),
      parameter("eps_product", domain::nonnegative, 0.0, "Least product of the lengths.")};
  static constexpr int coefficients = angle_loss::coefficients + 1;
  static constexpr unsigned parts = standard_parts | part_bound | part_grad2,
                            vanishing = part_value | part_grad | part_hess | part_grad2,
                            properties = nonnegative_value;
  static constexpr auto summary =
      "Cosine embedding loss: the distance of pairs, or how much nearer than a margin they are.";
  static constexpr auto formula =
      "where(labels == 1, 1 - c, max(0, c - margin))\n"
      "c = sum(predictions * targets) / max(norm(predictions) * norm(targets), eps_product)";
  static constexpr auto notes =
      "The gradient is 0 at the kink. The second derivative may be negative; `hess_bound` is 2 / sqrt(3) / "
      "sum(predictions**2).";
  static constexpr auto source = "gluon CosineEmbeddingLoss; torch cosine_embedding_loss.";
  static constexpr auto example =
      ">>> ul.cosine_embedding_loss([[1.0, 0.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 0.0]], [1, -1])\n"
      "array([0.29289322, 0.70710678])";
  template <class D>
  static UFL_FN row_result<D, coefficients> finish(const sum_row<D>& r, D label, D margin, D eps_product) {
    const auto m = measure(r, D(0), eps_product);
    const auto together = label == D(1);
    const D excess = select(m.distance < D(0.5), (D(1) - margin) - m.distance, m.cosine - margin);
    row_result<D, coefficients> result{
        select(together, m.distance, select(excess > D(0), excess, m.cosine - m.cosine)), {}};
    for (int k = 0; k < angle_loss::coefficients; ++k) result.c[k] = m.c[k];
    result.c[angle_loss::coefficients] = select(together, D(-1), select(excess > D(0), D(1), D(0)));
    return result;
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    return spread_angle(x, c, c[angle_loss::coefficients]);
  }
};

UFL_END
