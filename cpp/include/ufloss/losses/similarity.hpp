// Similarities and distances of the directions of two vectors.
#pragma once
#include "ufloss/losses/operands.hpp"

UFL_BEGIN

/// What the losses of an angle share.
///
/// With a, b the vectors and r = b - t a, t = ab/aa, the part of b across a:
///   the gradient of the cosine is r / (|a| |b|),
///   1 - cos = s / (1 + cos) with s = |r|^2/|b|^2.
/// A row is done after one pass, unless
///   the vectors are nearly parallel: a pass over r as it is, where nothing cancels ("across"), or
///   squares leave double's range: a pass over vectors scaled by powers of two ("rescaled"); it may find that
///   they are nearly parallel too, and ask for one more.
/// At a = 0: [0, 0, 0] for the cosine.
struct angle_loss : sum_loss {
  // Masked elements are 0 in both vectors: they add to no product.
  static constexpr double neutral[] = {0, 0};
  static constexpr int sums = 3, states = 5, next_sums = 6, coefficients = 10;

  /// sum[]: what fold() adds up.  next[]: the same of scaled vectors, and squares and products of r and of
  /// the part of a across b.
  enum { of_ab, of_aa, of_bb, of_across_across, of_across_a, of_across_b };
  /// state[], from pass to pass: the scales of the vectors, the slopes t of both, and what was done.
  enum { scale_a, scale_b, slope_a, slope_b, progress };
  /// The values of state[progress], doubles as all states are.  The second half is reached from the first
  /// when the pass over r has been made.
  enum { plain, rescaled, asked_across, rescaled_asked_across, made };
  template <class D> static UFL_FN mask_t<D> across_is_asked(D p) {
    return (p >= D(asked_across)) & (p < D(made));
  }
  /// Of the last pass: were the vectors as they are, and are the sums over r there?
  template <class D> static UFL_FN mask_t<D> as_given(D p) {
    return (p == D(plain)) | (p == D(asked_across + made));
  }
  template <class D> static UFL_FN mask_t<D> across_is_known(D p) { return p >= D(asked_across); }

  /// The three products of one pass, of float32 data in double, where no square leaves the range.
  template <class D> static UFL_FN void fold(D* s, const D* x, const D*) {
    s[of_ab] = fma(x[0], x[1], s[of_ab]);
    s[of_aa] = fma(x[0], x[0], s[of_aa]);
    s[of_bb] = fma(x[1], x[1], s[of_bb]);
  }
  template <class D> static UFL_FN void fold_next(D* s, const D* x, const D* state, mask_t<D>) {
    const D a = x[0] * state[scale_a];
    const D b = x[1] * state[scale_b];
    const D across_a = exact_fma(neg(state[slope_a]), a, b);  // r
    const D across_b = exact_fma(neg(state[slope_b]), b, a);
    const D vectors[] = {a, b};
    fold(s, vectors, s);
    s[of_across_across] = fma(across_a, across_a, s[of_across_across]);
    s[of_across_a] = fma(across_a, a, s[of_across_a]);
    s[of_across_b] = fma(across_b, b, s[of_across_b]);
  }
  /// A power of two that brings squares of this size back into range; 1 where they are in it.
  template <class D> static UFL_FN D scale_of(D squares) {
    return select(squares > D(0x1p1000), D(0x1p-600), select(squares < D(0x1p-900), D(0x1p600), D(1)));
  }
  /// ab, aa and bb: of the first pass where it saw what is asked for, else of the last one.
  template <class D> struct products {
    D ab, aa, bb;
  };
  template <class D> static UFL_FN products<D> products_of(const sum_row<D>& r, mask_t<D> first) {
    return {select(first, r.sum[of_ab], r.next[of_ab]), select(first, r.sum[of_aa], r.next[of_aa]),
            select(first, r.sum[of_bb], r.next[of_bb])};
  }
  template <class D> static UFL_FN mask_t<D> next_pass(const sum_row<D>& r, D* state) {
    const mask_t<D> first = state[progress] == D(plain);
    const mask_t<D> after_rescaling = state[progress] == D(rescaled);
    const auto [ab, aa, bb] = products_of(r, first);
    const D by_a = scale_of(aa);
    const D by_b = scale_of(bb);
    const D square_of_cosine = (ab / aa) * (ab / bb);
    // 1 - cos loses 8 bits at 0.99, which double sums of float32 can spare; those of doubles can spare 2.
    const D nearly = D(r.sums_wider_than_data ? 0.99 : 0.5);

    const mask_t<D> rescale = first & !((by_a == D(1)) & (by_b == D(1)));
    const mask_t<D> across = (first | after_rescaling) & !rescale & (square_of_cosine > nearly);
    if (all(first & !(rescale | across))) return rescale;  // as most are: their states are not looked at

    state[scale_a] = select(first, by_a, state[scale_a]);
    state[scale_b] = select(first, by_b, state[scale_b]);
    state[slope_a] = select(across, ab / aa, state[slope_a]);
    state[slope_b] = select(across, ab / bb, state[slope_b]);
    const D before = state[progress];
    const D finished = select(across_is_asked(before), before + D(made), before);
    const D asked = select(across, before + D(asked_across), finished);
    state[progress] = select(rescale, D(rescaled), asked);
    return rescale | across;
  }

  template <class D> struct angle {
    D cosine, distance;  ///< distance: 1 - cosine
    D c[coefficients];   ///< for spread()
  };
  /// The coefficients that spread_angle() takes.  across_a = b - (slope_a + rest_a) a, and the same of b.
  enum { by_scale_a, by_scale_b, c_slope_a, rest_a, c_slope_b, rest_b, grad_a, grad_b, inverse_a, c_cosine };

  /// epsilon is the least squared length, eps_product the least product of the lengths; a length or a product
  /// below is a constant.
  template <class D> static UFL_FN angle<D> measure(const sum_row<D>& r, D epsilon, D eps_product) {
    const mask_t<D> first = as_given(r.state[progress]);
    const mask_t<D> refined = across_is_known(r.state[progress]);
    const D sa = select(first, D(1), r.state[scale_a]);
    const D sb = select(first, D(1), r.state[scale_b]);
    const auto [ab, aa, bb] = products_of(r, first);

    const D floor = sqrt(epsilon);
    const D length_a = sqrt(aa);
    const D length_b = sqrt(bb);
    const D a = max(length_a, floor * sa);
    const D b = max(length_b, floor * sb);
    const D lengths = a * b;
    const D least = (eps_product * sa) * sb;
    const D product = max(lengths, least);

    // Free: not held by a floor, so that a derivative sees it.
    const mask_t<D> some = !(product == D(0));
    const mask_t<D> free = some & ((lengths >= least) | !((a / sa) * (b / sb) < eps_product));
    const mask_t<D> free_a = free & (length_a >= floor * sa);
    const mask_t<D> free_b = free & (length_b >= floor * sb);

    const D inverse = select(some, D(1) / product, D(0));
    D cosine = ab * inverse;
    D by_a = inverse * sa;
    D by_b = inverse * sb;
    const auto large = product == inf<D>();  // floors in the units of tiny vectors
    if (UFL_UNLIKELY(!all(product < inf<D>()))) {
      cosine = select(large, select(free, (ab / a) / b, ((ab / sa) / sb) / eps_product), cosine);
      by_a = select(large, select(free, (sa / a) / b, D(1) / (eps_product * sb)), by_a);
      by_b = select(large, select(free, (sb / b) / a, D(1) / (eps_product * sa)), by_b);
    }
    cosine = clamp(cosine, D(-1), D(1));  // which the rounding of the lengths may pass

    D distance = D(1) - cosine;
    if (UFL_UNLIKELY(!all(!refined))) {
      // |r|^2 over |b|^2, without what t's rounding left of a in r
      const D along = r.next[of_across_a];
      const D across = max(r.next[of_across_across] - (along / aa) * along, D(0)) / bb;
      const D small = across / (D(1) + sqrt(D(1) - min(across, D(1))));
      distance = select(refined & free_a & free_b & (cosine > D(0)), small, distance);
    }

    const D none = D(0);
    angle<D> result{cosine, distance, {}};
    result.c[by_scale_a] = sa;
    result.c[by_scale_b] = sb;
    result.c[c_slope_a] = select(free_a, ab / aa, none);
    result.c[rest_a] = select(free_a & refined, r.next[of_across_a] / aa, none);
    result.c[c_slope_b] = select(free_b, ab / bb, none);
    result.c[rest_b] = select(free_b & refined, r.next[of_across_b] / bb, none);
    result.c[grad_a] = by_a;
    result.c[grad_b] = by_b;
    result.c[inverse_a] = select(free_a, sa / a, none);
    result.c[c_cosine] = cosine;
    return result;
  }
  /// `value` and the coefficients of an angle as a row's result.
  template <int N, class D> static UFL_FN row_result<D, N> result_of(D value, const angle<D>& m) {
    row_result<D, N> result{value, {}};
    UFL_UNROLL for (int k = 0; k < angle_loss::coefficients; ++k) result.c[k] = m.c[k];
    return result;
  }

  /// The derivatives of a loss whose slope in the cosine is `slope`.  With u the unit vector along a, that of
  /// the gradient is (-2 u grad |a| - cos (1 - u^2)) / |a|^2, at most 2/sqrt(3) / |a|^2.
  template <class D> static UFL_FN jet<D> spread_angle(const D* x, const D* c, D slope) {
    const D a = x[0] * c[by_scale_a];
    const D b = x[1] * c[by_scale_b];
    const D across_a = fma(neg(c[rest_a]), a, exact_fma(neg(c[c_slope_a]), a, b));
    const D across_b = fma(neg(c[rest_b]), b, exact_fma(neg(c[c_slope_b]), b, a));

    const D inverse = c[inverse_a];
    const auto held = inverse == D(0);
    const D u = x[0] * inverse;
    const D grad = across_a * c[grad_a];
    const D grad_length = select(held, D(0), grad / inverse);
    const D hess_aa = fma(c[c_cosine], fma(u, u, D(-1)), D(-2) * (u * grad_length));
    const D hess = select(held, D(0), (hess_aa * inverse) * inverse);
    const D bound = D(1.1547005383792517) * inverse * inverse;
    return {D(0), slope * grad, slope * hess, select(bound > D(0), bound, D(1)),
            slope * (across_b * c[grad_b])};
  }
};

/// The slope in the cosine is 1.  The value crosses 0, so its error counts against the terms of ab.
struct cosine_similarity : angle_loss {
  static constexpr auto name = "cosine_similarity";
  static constexpr argument args[] = {row_operands::vectors, row_operands::target_vectors,
                                      row_operands::epsilon, row_operands::eps_product};
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
    const angle<D> m = measure(r, epsilon, eps_product);
    return result_of<coefficients>(m.cosine, m);
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) { return spread_angle(x, c, D(1)); }
};

/// The slope in the cosine is -1.  1 - cos is never formed where it is small.
struct cosine_distance : angle_loss {
  static constexpr auto name = "cosine_distance";
  static constexpr argument args[] = {row_operands::vectors, row_operands::target_vectors,
                                      row_operands::epsilon, row_operands::eps_product};
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
    const angle<D> m = measure(r, epsilon, eps_product);
    return result_of<coefficients>(m.distance, m);
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) { return spread_angle(x, c, D(-1)); }
};

/// Slope in the cosine: -1 for a pair that belongs together, 1 for one that does not and is nearer than the
/// margin, else 0.
struct cosine_embedding_loss : angle_loss {
  static constexpr auto name = "cosine_embedding_loss";
  static constexpr argument args[] = {
      row_operands::vectors, row_operands::target_vectors,
      parameter("labels", domain::sign, required,
                "1 where the vectors belong together, -1 (or any other number) where they do not."),
      parameter("margin", domain::real, 0.0,
                "The cosine up to which a pair that does not belong together costs nothing."),
      row_operands::eps_product};
  static constexpr int slope_in_cosine = angle_loss::coefficients;
  static constexpr int coefficients = slope_in_cosine + 1;
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
    // No floor for either length, as in gluon: the product alone has one.
    const angle<D> m = measure(r, D(0), eps_product);
    const auto together = label == D(1);
    // Of the two forms of cos - margin, the one that keeps the digits of a small distance.
    const D excess = select(m.distance < D(0.5), (D(1) - margin) - m.distance, m.cosine - margin);
    const D nothing = m.cosine - m.cosine;  // 0, or NaN
    const D apart = select(excess > D(0), excess, nothing);
    auto result = result_of<coefficients>(select(together, m.distance, apart), m);
    result.c[slope_in_cosine] = select(together, D(-1), select(excess > D(0), D(1), D(0)));
    return result;
  }
  template <class D> static UFL_FN jet<D> spread(const D* x, const D* c) {
    return spread_angle(x, c, c[slope_in_cosine]);
  }
};

UFL_END
