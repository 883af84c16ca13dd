// Rows that are sums of terms: divergences, similarities, distances, overlaps; and losses that ask for
// the largest term too. Terms and sums are double, whatever the data: their results are often small
// differences, and memory sets the pace anyway.  Where logarithms would set it, the loss gives factors in the
// data's type.
#pragma once
#include "ufloss/kinds/row/sum_parts.hpp"
#include "ufloss/kinds/row/tile.hpp"

UFL_BEGIN

/// Up to `tile` rows of a loss of sums.  A long row is summed in 16 virtual lanes of doubles whatever the
/// registers, so that no width decides an order; blocks are added with what their rounding lost.
template <class L, class T> struct sum_tile : tile_base<T> {
  using V = native<T>;
  using D = wide_t<V>;
  using C = chunks<T, 16>;
  using terms = sum_terms<L, V>;
  using E = typename terms::E;  ///< in which elements are looked at
  static constexpr bool sums_wider_than_data = terms::sums_wider_than_data;
  static constexpr int sums = terms::sums;
  static constexpr int lying = count_along<L>();
  static constexpr int scalars = count_scalars<L>();
  static constexpr bool keeps_terms = false, needs_elements = false;
  static constexpr bool has_next_pass = terms::has_next_pass;
  /// Bytes; softmax rows look farther ahead, but sums are often of short vectors.
  static constexpr int ahead = 2048;
  alignas(64) double row[sums][tile];
  alignas(64) double lost[sums][tile];  ///< what the rounding of the sums over blocks lost
  alignas(64) double next[has_next_pass ? L::next_sums : 1][tile];  ///< sums of the last further pass
  /// What next_pass() of one pass leaves for the one after it; 0 before the first.
  alignas(64) double state[has_next_pass ? L::states : 1][tile];
  alignas(64) double asks[tile];                ///< 1 where a row asks for another pass
  alignas(64) double best[tile], winner[tile];  ///< the largest candidate, and where it stands
  alignas(64) double coefficient[L::coefficients ? L::coefficients : 1][tile];
  alignas(64) T sound[tile];  ///< 0, or NaN where the row's value is: added to every result

  // Numbers of one place for all lanes (same), or of a place for each lane (wide).
  static UFL_FN D wide(const double* a, int r) { return doubles<D>::load(a + r); }
  template <int N> static UFL_FN void wide(const double (*a)[tile], int r, D* to) {
    UFL_UNROLL for (int k = 0; k < N; ++k) to[k] = wide(a[k], r);
  }
  template <int N> static UFL_FN void same(const double (*a)[tile], int r, D* to) {
    UFL_UNROLL for (int k = 0; k < N; ++k) to[k] = D(a[k][r]);
  }
  // Factors are found in the data's own type; everything else sees doubles.
  template <class X, std::size_t... A>
  static UFL_FN void load_elements(X* x, const T* const* in, std::ptrdiff_t at, std::index_sequence<A...>) {
    if constexpr (std::is_same_v<X, V>) ((x[A] = checked_element<L, int(A)>(load(in[A] + at))), ...);
    else ((x[A] = checked_element<L, int(A)>(widen(load(in[A] + at)))), ...);
  }
  /// What fills up the last chunk adds nothing: a loss says which elements do so.
  static UFL_FN T pad(int a) { return T(L::neutral[a]); }
  /// What lies along the row comes first among the arguments.
  template <class X> static UFL_FN void columns(X* x, const T* const* in, std::ptrdiff_t at) {
    load_elements(x, in, at, std::make_index_sequence<std::size_t(lying)>{});
  }
  /// Where the lanes of a pack that begins at element j stand in the row, in double.
  static UFL_FN D places(std::ptrdiff_t j) { return widen(iota<T>()) + D(double(j)); }
  template <int N> static UFL_FN double sum_packs(D (*sum)[N], int s) {
    UFL_UNROLL for (int w = C::packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) sum[i][s] =
        sum[i][s] + sum[i + w][s];
    return sum_of_doubles(sum[0][s]);
  }

  /// Not inlined: it is reached through a virtual call, and each of its loops is compiled once.
  UFL_NOINLINE void fold(int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n, T*) override {
    D sum[C::packs][sums], low[C::packs][sums];
    D top[C::packs], top_at[C::packs];
    D p[scalars ? scalars : 1];
    C::each([&](int i) UFL_INLINE {
      UFL_UNROLL for (int s = 0; s < sums; ++s) sum[i][s] = low[i][s] = D(0);
      top[i] = neg(inf<D>());
      top_at[i] = D(-1);
    });
    same<scalars>(this->scalar, r, p);
    const D label = D(this->label_at[r]);
    C::template whole<lying>(in, n, pad, [&](const T* const* at, std::ptrdiff_t j) UFL_INLINE {
      C::each([&](int i) UFL_INLINE {
        // Once for each cache line that the packs of a chunk touch.
        if (i * sizeof(V) % 64 == 0)
          UFL_UNROLL for (int a = 0; a < lying; ++a)
              UFL_PREFETCH(reinterpret_cast<const char*>(in[a] + j) + ahead + i * sizeof(V));
        E x[lying];
        columns(x, at, i * lanes<T>);
        terms::add_keeping(sum[i], low[i], x, p);
        if constexpr (L::needs_argmax)
          compete(L::candidate(x), places(from + j + i * lanes<T>), label, top[i], top_at[i]);
      });
    });
    UFL_UNROLL for (int s = 0; s < sums; ++s) {
      row[s][r] = sum_packs<sums>(sum, s);
      const double rest = sums_wider_than_data ? 0.0 : sum_packs<sums>(low, s);
      lost[s][r] = rest == rest ? rest : 0;  // of an infinite sum it is NaN
    }
    if constexpr (L::needs_argmax) put_best(r, top, top_at);
  }
  /// Of the largest candidates of all lanes the largest, and of equals the first in the row.
  UFL_FN void put_best(int r, const D* top, const D* top_at) {
    constexpr int width = int(sizeof(D) / sizeof(double));
    constexpr int all_lanes = C::packs * width;
    double most[all_lanes], at[all_lanes];
    C::each([&](int i) UFL_INLINE {
      doubles<D>::store(top[i], most + i * width);
      doubles<D>::store(top_at[i], at + i * width);
    });
    int first = 0;
    for (int i = 1; i < all_lanes; ++i)
      if (is_ahead(most[i], at[i], most[first], at[first])) first = i;
    best[r] = most[first];
    winner[r] = at[first];
  }
  UFL_NOINLINE void fold_short(int rows, const T* const* in, std::ptrdiff_t n, T*) override {
    for (int r = 0; r < rows; r += lanes<T>) {
      D sum[sums], p[scalars ? scalars : 1];
      D top = neg(inf<D>()), top_at = D(-1);
      UFL_UNROLL for (int s = 0; s < sums; ++s) sum[s] = D(0);
      wide<scalars>(this->scalar, r, p);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        E x[lying];
        columns(x, in, j * tile + r);
        terms::add(sum, x, p);
        if constexpr (L::needs_argmax)
          compete(L::candidate(x), D(double(j)), wide(this->label_at, r), top, top_at);
      }
      UFL_UNROLL for (int s = 0; s < sums; ++s) {
        doubles<D>::store(sum[s], row[s] + r);
        doubles<D>::store(D(0), lost[s] + r);
      }
      doubles<D>::store(top, best + r);
      doubles<D>::store(top_at, winner + r);
    }
    settle(rows);
  }
  /// Sums are those of the row as they are; only states begin anew.
  void settle(int rows) override {
    if constexpr (has_next_pass)
      UFL_UNROLL for (int k = 0; k < L::states; ++k) for (int r = 0; r < rows; ++r) state[k][r] = 0;
  }
  void settle_one(int r) override {
    if constexpr (has_next_pass) UFL_UNROLL for (int k = 0; k < L::states; ++k) state[k][r] = 0;
  }
  /// Two words across blocks, so that the error does not grow with their number.
  void add_block(int a, int b) override {
    UFL_UNROLL for (int s = 0; s < sums; ++s) merge_sums(row[s][a], lost[s][a], row[s][b], lost[s][b]);
    if (L::needs_argmax && is_ahead(best[b], winner[b], best[a], winner[a])) {
      best[a] = best[b];
      winner[a] = winner[b];
    }
  }

  /// The sums of rows from r on, in `sum`, `last` and `kept`, which must outlive it.
  UFL_FN sum_row<D> sums_of(int r, D* sum, D* last, D* kept) const {
    UFL_UNROLL for (int k = 0; k < sums; ++k) sum[k] = wide(row[k], r) + wide(lost[k], r);
    if constexpr (has_next_pass) {
      wide<L::next_sums>(next, r, last);
      wide<L::states>(state, r, kept);
    }
    return {sum, last, kept, wide(best, r), wide(this->count, r), wide(this->label, r), sums_wider_than_data};
  }
  bool next_pass(int rows) override {
    if constexpr (has_next_pass) return ask_all(rows);
    else return false;
  }
  /// L::next_pass() of each row; sums of the pass to come begin at 0 where it is asked for, and stay where
  /// not.
  bool ask_all(int rows) {
    for (int r = 0; r < rows; r += lanes<T>) {
      D sum[sums], last[L::next_sums], kept[L::states], changed[L::states], p[scalars ? scalars : 1];
      auto s = sums_of(r, sum, last, kept);
      wide<scalars>(this->scalar, r, p);
      s.parameter = p;
      UFL_UNROLL for (int k = 0; k < L::states; ++k) changed[k] = kept[k];
      doubles<D>::store(select(L::next_pass(s, changed), D(1), D(0)), asks + r);
      UFL_UNROLL for (int k = 0; k < L::states; ++k) doubles<D>::store(changed[k], state[k] + r);
    }
    bool any = false;
    for (int r = 0; r < rows; ++r) {
      this->wants_next_pass[r] = asks[r] != 0;
      any |= this->wants_next_pass[r];
      if (this->wants_next_pass[r]) UFL_UNROLL for (int s = 0; s < L::next_sums; ++s) next[s][r] = 0;
    }
    return any;
  }
  void fold_next(int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n) override {
    if constexpr (has_next_pass) fold_next_block(r, in, from, n);
  }
  void fold_next_short(int rows, const T* const* in, std::ptrdiff_t n) override {
    if constexpr (has_next_pass) fold_next_rows(rows, in, n);
  }
  /// The sums of a further pass are added block by block in double; the same lanes as in fold().
  UFL_NOINLINE void fold_next_block(int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n) {
    D sum[C::packs][L::next_sums], st[L::states];
    C::each([&](int i) UFL_INLINE { UFL_UNROLL for (int s = 0; s < L::next_sums; ++s) sum[i][s] = D(0); });
    same<L::states>(state, r, st);
    const D label = D(this->label_at[r]);
    C::template whole<lying>(in, n, pad, [&](const T* const* at, std::ptrdiff_t j) UFL_INLINE {
      C::each([&](int i) UFL_INLINE {
        D x[lying];
        columns(x, at, i * lanes<T>);
        const D at_pack = places(from + j + i * lanes<T>);
        L::fold_next(sum[i], x, st, at_pack == label);
      });
    });
    UFL_UNROLL for (int s = 0; s < L::next_sums - L::maxima; ++s) next[s][r] +=
        sum_packs<L::next_sums>(sum, s);
    // Maxima stand behind the sums and have no order of lanes to keep.
    for (int s = L::next_sums - L::maxima; s < L::next_sums; ++s) {
      constexpr int width = int(sizeof(D) / sizeof(double));
      double lane[width];
      for (int i = 1; i < C::packs; ++i) sum[0][s] = max(sum[0][s], sum[i][s]);
      doubles<D>::store(sum[0][s], lane);
      for (double x : lane) next[s][r] = next[s][r] > x ? next[s][r] : x;
    }
  }
  /// All rows, also those that did not ask: nothing of theirs has changed.
  UFL_NOINLINE void fold_next_rows(int rows, const T* const* in, std::ptrdiff_t n) {
    for (int r = 0; r < rows; r += lanes<T>) {
      D sum[L::next_sums], st[L::states];
      UFL_UNROLL for (int s = 0; s < L::next_sums; ++s) sum[s] = D(0);
      wide<L::states>(state, r, st);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        D x[lying];
        columns(x, in, j * tile + r);
        L::fold_next(sum, x, st, D(double(j)) == wide(this->label_at, r));
      }
      UFL_UNROLL for (int s = 0; s < L::next_sums; ++s) doubles<D>::store(sum[s], next[s] + r);
    }
  }

  /// Values of whole packs of rows, and what their spread needs; places beyond the rows hold 0 or what was
  /// there before, and nobody looks at what comes of them.
  template <bool WithRows, std::size_t... I> UFL_FN void finish_all(int rows, std::index_sequence<I...>) {
    for (int r = 0; r < rows; r += lanes<T>) {
      D sum[sums], last[has_next_pass ? L::next_sums : 1], kept[has_next_pass ? L::states : 1];
      const auto result = L::finish(sums_of(r, sum, last, kept), wide(this->scalar[I], r)...);
      store(narrow(result.value, V(0)), this->value + r);
      if constexpr (WithRows) {
        UFL_UNROLL for (int k = 0; k < L::coefficients; ++k)
            doubles<D>::store(result.c[k], coefficient[k] + r);
        const V s = narrow(select(result.value == result.value, D(0), nan<D>()), V(0));
        store(s, sound + r);
        if constexpr (L::labelled) {
          store(narrow(result.grad_at_label, V(0)) + s, this->grad_at_label + r);
          store(narrow(result.hess_at_label, V(0)) + s, this->hess_at_label + r);
        }
      }
    }
  }
  template <bool WithRows> UFL_NOINLINE void finish_rows(int rows) {
    finish_all<WithRows>(rows, std::make_index_sequence<std::size_t(scalars)>{});
  }
  /// The same: sums of short rows are double too.
  template <bool WithRows> UFL_FN void finish_short_rows(int rows) { finish_rows<WithRows>(rows); }

  /// Hands on the parts of an element's jet in their order.  `sound` brings the NaN of a row's value to all
  /// of its derivatives, which need not see what made it.
  template <unsigned Parts, class Put>
  static UFL_FN void put_jet(const E* x, const E* c, row_marks<D> marks, V sound, Put put) {
    const auto narrowed = [&](E z) UFL_INLINE { return narrow(z, V(0)) + sound; };
    const auto part = [&](E z) UFL_INLINE { put(narrowed(z)); };
    const auto bound = [&](E z) UFL_INLINE { put(positive_bound(narrowed(z))); };
    each_row_part<L, Parts>(sum_jet<L>(x, c, marks), part, bound);
  }
  /// Derivatives of elements [from, from + n) of row r: order matters to none of them, so they go by packs,
  /// not by virtual lanes.
  template <unsigned Parts>
  UFL_NOINLINE void spread_row(int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n, const T*,
                               T* const* out, bool) const {
    E c[L::coefficients ? L::coefficients : 1];
    if constexpr (L::coefficients > 0) same<L::coefficients>(coefficient, r, c);
    const D first = D(winner[r]), label = D(this->label_at[r]);
    chunks<T, lanes<T>>::template whole<lying>(
        in, n, pad, [&](const T* const* p, std::ptrdiff_t j) UFL_INLINE {
          E x[lying];
          columns(x, p, 0);
          const D at = places(from + j);
          const int left = int(n - j < lanes<T> ? n - j : lanes<T>);
          put_jet<Parts>(x, c, {at == first, at == label}, V(sound[r]), row_writer<T>{out, j, left});
        });
  }
  /// The same of rows side by side, with a row's coefficients in each lane.
  template <unsigned Parts>
  UFL_NOINLINE void spread_short_rows(int rows, const T* const* in, std::ptrdiff_t n, const T*,
                                      T* const* out) const {
    for (int r = 0; r < rows; r += lanes<T>) {
      E c[L::coefficients ? L::coefficients : 1];
      if constexpr (L::coefficients > 0) wide<L::coefficients>(coefficient, r, c);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        E x[lying];
        columns(x, in, j * tile + r);
        const D at = D(double(j));
        put_jet<Parts>(x, c, {at == wide(winner, r), at == wide(this->label_at, r)}, load(sound + r),
                       row_writer<T>{out, j * tile + r, lanes<T>});
      }
    }
  }
};
template <class L, class T> struct tile_of<sum_rows, L, T> {
  using type = sum_tile<L, T>;
};

UFL_END
