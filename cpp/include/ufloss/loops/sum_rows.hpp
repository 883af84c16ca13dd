// Rows that are sums of terms: divergences, similarities, distances, overlaps.  Terms and sums are double, whatever the data: their
// results are often small differences, and memory sets the pace anyway.
#pragma once
#include "row_tools.hpp"

UFL_BEGIN

template <class D> UFL_FN double sum_of_doubles(D x) { return sum_of_lanes(x); }
#if UFL_HAS_XSIMD
template <class P> UFL_FN double sum_of_doubles(twin<P> x) { return sum_of_lanes(x.lo + x.hi); }
#endif

template <class L, class T> struct sum_tile : tile_base<T> {
  using V = native<T>;
  using D = wide_t<V>;
  static constexpr int sums = L::sums, lying = count_along<L>(), parameters = count_role<L>(role::parameter, false);
  static constexpr bool keeps_terms = false, needs_elements = false;
  static constexpr double neutral(int k) { return L::neutral[k]; }
  alignas(64) double row[sums][tile], lost[sums][tile];      // lost: what the rounding of the sums over blocks lost
  alignas(64) double coefficient[L::coefficients ? L::coefficients : 1][tile];
  alignas(64) T sound[tile];               // 0, or NaN where the row's value is: added to every result

  static UFL_FN D wide(const double* a, int r) { return doubles<D>::load(a + r); }

  UFL_NOINLINE void fold(int r, const T* const* in, std::ptrdiff_t n, T*) {
    using C = chunks<T, 16>;
    D sum[C::packs][sums], p[parameters ? parameters : 1];
    C::each([&](int i) UFL_INLINE { for (int s = 0; s < sums; ++s) sum[i][s] = D(0); });
    for (int k = 0; k < parameters; ++k) p[k] = D(this->parameter[k][r]);
    C::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE {
      D x[lying];
      UFL_UNROLL for (int a = 0; a < lying; ++a) x[a] = widen(load_padded(in[a] + j, k, T(L::neutral[a])));
      L::fold(sum[i], x, p);
    });
    for (int s = 0; s < sums; ++s) {
      UFL_UNROLL for (int w = C::packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) sum[i][s] = sum[i][s] + sum[i + w][s];
      row[s][r] = sum_of_doubles(sum[0][s]);
      lost[s][r] = 0;
    }
  }
  UFL_NOINLINE void fold_short(int rows, const T* const* in, std::ptrdiff_t n, T*) {
    for (int r = 0; r < rows; r += lanes<T>) {
      D sum[sums], p[parameters ? parameters : 1];
      for (int s = 0; s < sums; ++s) sum[s] = D(0);
      for (int k = 0; k < parameters; ++k) p[k] = wide(this->parameter[k], r);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        D x[lying];
        UFL_UNROLL for (int a = 0; a < lying; ++a) x[a] = widen(load(in[a] + j * tile + r));
        L::fold(sum, x, p);
      }
      for (int s = 0; s < sums; ++s) { doubles<D>::store(sum[s], row[s] + r); doubles<D>::store(D(0), lost[s] + r); }
    }
  }
  void settle(int) {}
  void add_block(int a, int b) {
    for (int s = 0; s < sums; ++s) {
      const auto t = two_sum(row[s][a], row[s][b]);
      row[s][a] = t.hi;
      lost[s][a] += t.lo == t.lo ? t.lo : 0;
    }
  }
  template <bool WithRows, std::size_t... I> UFL_FN void finish_rows(int rows, std::index_sequence<I...>) {
    for (int r = 0; r < rows; r += lanes<T>) {
      D s[sums];
      for (int k = 0; k < sums; ++k) s[k] = wide(row[k], r) + wide(lost[k], r);
      const auto result = L::finish(sum_row<D>{s, wide(this->count, r), wide(this->label, r)}, wide(this->parameter[I], r)...);
      store(narrow(result.value, V(0)), this->value + r);
      if constexpr (WithRows) {
        for (int k = 0; k < L::coefficients; ++k) doubles<D>::store(result.c[k], coefficient[k] + r);
        store(narrow(select(result.value == result.value, D(0), nan<D>()), V(0)), sound + r);
        if constexpr (L::labelled) { store(narrow(result.own_grad, V(0)), this->own_grad + r); store(narrow(result.own_hess, V(0)), this->own_hess + r); }
      }
    }
  }
  template <bool WithRows> UFL_NOINLINE void finish(int rows) { finish_rows<WithRows>(rows, std::make_index_sequence<std::size_t(parameters)>{}); }
  template <bool WithRows> UFL_FN void finish_short(int rows) { finish<WithRows>(rows); }

  template <unsigned Parts, class Put> static UFL_FN void put_jet(const D* x, const D* c, V sound, Put put) {
    const jet<D> j = L::spread(x, c);
    const auto narrowed = [&](D z) UFL_INLINE { return narrow(z, V(0)) + sound; };
    if constexpr (bool(Parts & part_value) && (L::properties & row_value) != 0) put(narrowed(j.value));
    if constexpr (Parts & part_grad) put(narrowed(j.grad));
    if constexpr (Parts & part_grad2) put(narrowed(j.grad2));
    if constexpr (Parts & part_hess) put(narrowed(j.hess));
    if constexpr (Parts & part_bound) put(narrowed(j.hess_bound));
  }
  template <unsigned Parts> UFL_NOINLINE void spread(int r, const T* const* in, std::ptrdiff_t n, const T*, T* const* out, bool) const {
    D c[L::coefficients ? L::coefficients : 1];
    for (int k = 0; k < L::coefficients; ++k) c[k] = D(coefficient[k][r]);
    chunks<T, lanes<T>>::over(n, [&](int, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE {
      int o = 0;
      D x[lying];
      UFL_UNROLL for (int a = 0; a < lying; ++a) x[a] = widen(load_padded(in[a] + j, k, T(L::neutral[a])));
      put_jet<Parts>(x, c, V(sound[r]), [&](V z) UFL_INLINE { store_padded(z, out[o++] + j, k); });
    });
  }
  template <unsigned Parts> UFL_NOINLINE void spread_short(int rows, const T* const* in, std::ptrdiff_t n, const T*, T* const* out) const {
    for (int r = 0; r < rows; r += lanes<T>) {
      D c[L::coefficients ? L::coefficients : 1];
      for (int k = 0; k < L::coefficients; ++k) c[k] = doubles<D>::load(coefficient[k] + r);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        int o = 0;
        D x[lying];
        UFL_UNROLL for (int a = 0; a < lying; ++a) x[a] = widen(load(in[a] + j * tile + r));
        put_jet<Parts>(x, c, load(sound + r), [&](V z) UFL_INLINE { store(z, out[o++] + j * tile + r); });
      }
    }
  }
};
template <class L, class T> struct tile_of<sum_rows, L, T> { using type = sum_tile<L, T>; };

UFL_END
