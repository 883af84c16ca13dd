// Rows of logits: from their sums to values, and to the derivatives of each element.
#pragma once
#include "ufloss/kinds/row/softmax_sums.hpp"

UFL_BEGIN

/// Up to `tile` rows of a loss of logits: what differs between losses stands here, apart from the sums, which
/// are compiled once for all with as many operands.
template <class L, class T>
struct softmax_tile : softmax_tile_sums<T, count_along<L>(), L::mixed, L::entropy, L::uniform> {
  using sums = softmax_tile_sums<T, count_along<L>(), L::mixed, L::entropy, L::uniform>;
  using sums::block;
  using sums::row;
  using sums::total;
  using sums::weight;
  using sums::weighted;
  using typename sums::D;
  using typename sums::limits;
  using typename sums::V;
  static constexpr int along = count_along<L>();
  /// Exponentials cost most, so spread() gets those of fold(); and a row of no logits has no largest one.
  static constexpr bool keeps_terms = true, needs_elements = true;
  /// A masked logit is -inf, whose probability is 0; a masked weight is 0.
  static constexpr double neutral(int k) { return k == 0 ? -__builtin_inf() : 0; }
  alignas(64) T scale[tile];  ///< terms to probabilities, but for 2^-bias
  alignas(64) T coefficient[L::coefficients ? L::coefficients : 1][tile];
  alignas(64) T miss[tile];        ///< 1 - P of the largest element where that is below 1/2, else NaN
  alignas(64) double share[tile];  ///< 1 over the sum of all terms

  /// Values of rows whose sums are complete, and where WithRows what spread() needs.  get(which, r) gives the
  /// totals from row r on, beside(a, r) what comes with them; `bias` is what the totals carry.
  template <class D, bool WithRows, class Get, class Beside, std::size_t... I>
  UFL_FN void finish_all(int rows, D bias, Get get, Beside beside, std::index_sequence<I...>) {
    const auto put = [](D x, T* to) UFL_INLINE { store(narrow(x, V(0)), to); };
    for (int r = 0; r < rows; r += lanes<T>) {
      softmax_row<D> s{};
      s.max = get(of_max, r);
      s.ties = get(of_ties, r);
      const D unit = get(of_unit, r);
      const D rest = get(of_rest, r);
      // In units of the largest term the bias falls out.  Of several that are largest all but one are in the
      // rest.
      s.unbounded = (abs(s.max) == inf<D>()) & (rest == rest);
      s.rest = select(abs(s.max) == inf<D>(), nan<D>(), rest / unit + (s.ties - D(1)));
      s.count = beside(this->count, r);
      if constexpr (L::labelled) s.label = beside(this->label, r);
      if constexpr (weighted) {
        s.lower = get(of_lower, r);
        s.top = get(of_top, r);
        s.cost = get(of_cost, r);
        s.entropy = get(of_entropy, r);
        s.mixed = get(of_mixed, r) / unit;
      }
      const auto result = L::finish(s, beside(this->scalar[I], r)...);
      put(result.value, this->value + r);
      if constexpr (WithRows) {
        UFL_UNROLL for (int k = 0; k < L::coefficients; ++k) put(result.c[k], coefficient[k] + r);
        if constexpr (L::labelled) {
          put(result.grad_at_label, this->grad_at_label + r);
          put(result.hess_at_label, this->hess_at_label + r);
        }
        // Where no logit rules, 1 - P is as good, and needs no entry of its own.
        const auto rules = (s.ties == D(1)) & (s.miss() <= D(0.5));
        put(select(rules, s.miss(), nan<D>()), miss + r);
        const D share = bias / unit / s.total();
        put(share, scale + r);
        // For scale_of(), which only rows of several blocks need; they are finished in double.
        if constexpr (sizeof(scalar_t<D>) == 8) doubles<D>::store(share, this->share + r);
      }
    }
  }
  /// Parameters are handed to finish() by position, in the order of the loss's arguments.
  using scalar_indices = std::make_index_sequence<std::size_t(count_scalars<L>())>;
  /// What comes once a row, as the totals are: double.
  static UFL_FN D beside_wide(const double* a, int r) { return doubles<D>::load(a + r); }
  template <bool WithRows> UFL_NOINLINE void finish_rows(int rows) {
    finish_all<D, WithRows>(
        rows, D(1), [&](int which, int r) UFL_INLINE { return total(which, r); }, beside_wide,
        scalar_indices{});
  }
  /// Short rows are finished from their block's sums, in their own type.
  template <bool WithRows> UFL_NOINLINE void finish_short_rows(int rows) {
    finish_all<V, WithRows>(
        rows, V(limits::up), [&](int which, int r) UFL_INLINE { return load(block[which] + r); },
        [](const double* a, int r) UFL_INLINE { return narrow(beside_wide(a, r), V(0)); }, scalar_indices{});
  }
  /// The scale of a block of row r whose largest logit is m.
  /// Each block has terms of its own reference.  The change to the row's is made in double: it may be far
  /// smaller than any float.
  UFL_FN T scale_of(int r, T m) const {
    const auto ref = reference_of(V(m));
    const double c = double(first_lane(ref.c));
    const double k = double(first_lane(ref.k));
    return T(changed(share[r], change(c, k, row[of_c][r], row[of_k][r])));
  }
  /// What the elements of a row, or of a row in each lane, have in common.
  struct row_of_tile {
    V scale, max, miss;
    V c[L::coefficients ? L::coefficients : 1];
  };
  /// The jet of an element: its probability is its term times the row's scale, its complement that of the
  /// single largest element where it is that one, since 1 - P would lose the digits of a confident row.
  template <unsigned Parts, class Put>
  UFL_FN void put_jet(V x, V y, V exponential, const row_of_tile& row, Put put) const {
    const mask_t<V> top = (x == row.max) & (row.miss == row.miss);
    // In two steps: a scale of a block far below the row's largest logit, times 2^-bias, would underflow.
    const V p = (exponential * row.scale) * V(limits::down);
    const jet<V> j = L::spread(softmax_entry<V>{x, y, p, select(top, row.miss, V(1) - p), top}, row.c);
    if constexpr (bool(Parts & part_value) && (L::properties & row_value) != 0) put(j.value);
    if constexpr (Parts & part_grad) put(j.grad);
    if constexpr (Parts & part_grad2) put(j.grad2);
    if constexpr (Parts & part_hess) put(j.hess);
    if constexpr (Parts & part_bound) put(positive_bound(j.hess_bound));
  }
  /// Row outputs of one block of row r, from its terms.  out[0] may be e itself.
  template <unsigned Parts>
  UFL_NOINLINE void spread_row(int r, const T* const* in, std::ptrdiff_t, std::ptrdiff_t n, const T* e,
                               T* const* out, bool whole) const {
    const T block_scale = whole ? scale[r] : scale_of(r, sums::largest(in[0], n));
    row_of_tile all;
    all.scale = V(block_scale);
    all.max = V(T(row[of_max][r]));
    all.miss = V(miss[r]);
    UFL_UNROLL for (int k = 0; k < L::coefficients; ++k) all.c[k] = V(coefficient[k][r]);
    const T* with_terms[along + 1] = {};
    UFL_UNROLL for (int a = 0; a < along; ++a) with_terms[a] = in[a];
    // Terms are one more operand: a pack of them is loaded before the results are stored where they lie.
    with_terms[along] = e;
    chunks<T, lanes<T>>::template whole<along + 1>(
        with_terms, n, [](int) UFL_INLINE { return T(0); },
        [&](const T* const* p, std::ptrdiff_t j) UFL_INLINE {
          const V x = load(p[0]);
          const V w = weight(x, p, [](const T* y) UFL_INLINE { return load(y); });
          const int left = int(n - j < lanes<T> ? n - j : lanes<T>);
          put_jet<Parts>(x, w, load(p[along]), all, row_writer<T>{out, j, left});
        });
  }
  /// The same for short rows side by side; output k of element j of row r at out[k][j * tile + r].
  template <unsigned Parts>
  UFL_NOINLINE void spread_short_rows(int rows, const T* const* in, std::ptrdiff_t n, const T* e,
                                      T* const* out) const {
    for (int r = 0; r < rows; r += lanes<T>) {
      row_of_tile all;
      all.scale = load(scale + r);
      all.max = load(block[at_max] + r);
      all.miss = load(miss + r);
      UFL_UNROLL for (int k = 0; k < L::coefficients; ++k) all.c[k] = load(coefficient[k] + r);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        const std::ptrdiff_t at = j * tile + r;
        const V x = load(in[0] + at);
        const V w = weight(x, in, [&](const T* p) UFL_INLINE { return load(p + at); });
        put_jet<Parts>(x, w, load(e + at), all, row_writer<T>{out, at, lanes<T>});
      }
    }
  }
};

template <class L, class T> struct tile_of<softmax_rows, L, T> {
  using type = softmax_tile<L, T>;
};

UFL_END
