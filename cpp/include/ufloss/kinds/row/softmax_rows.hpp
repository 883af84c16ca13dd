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
      const auto totals_here = [&](int which) UFL_INLINE { return get(which, r); };
      D label = D(0);
      if constexpr (L::labelled) label = beside(this->label, r);
      const auto s = softmax_row_of<L, weighted, D>(totals_here, beside(this->count, r), label);
      const auto result = L::finish(s, beside(this->scalar[I], r)...);
      put(result.value, this->value + r);
      if constexpr (WithRows) {
        UFL_UNROLL for (int k = 0; k < L::coefficients; ++k) put(result.c[k], coefficient[k] + r);
        if constexpr (L::labelled) {
          put(result.grad_at_label, this->grad_at_label + r);
          put(result.hess_at_label, this->hess_at_label + r);
        }
        put(known_miss(s), miss + r);
        const D share = bias / get(of_unit, r) / s.total();
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
    const reference<T> of_one = {first_lane(ref.c), first_lane(ref.k), T(0), T(0)};
    return scale_of_block(share[r], of_one, row[of_c][r], row[of_k][r]);
  }
  using row_of_tile = softmax_spread<L, V>;
  template <unsigned Parts, class Put>
  static UFL_FN void put_jet(V x, V y, V exponential, const row_of_tile& row, Put put) {
    const auto part = [&](V x) UFL_INLINE { put(x); };
    const auto bound = [&](V x) UFL_INLINE { put(positive_bound(x)); };
    each_row_part<L, Parts>(row.of(x, y, exponential), part, bound);
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
