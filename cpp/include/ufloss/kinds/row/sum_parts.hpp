// Sums of rows, whoever takes them: what an element adds, and how two parts of a row become one.
#pragma once
#include "ufloss/kinds/row/loss.hpp"

UFL_BEGIN

/// Elements count as NaN where they are negative and must not be.
template <class L, int A, class D> UFL_FN D checked_element(D x) {
  if constexpr (is_checked<L>(A)) return select(x >= D(0), x, nan<D>());
  else return x;
}

/// Elements are looked at in double, factors in the data's own type.
template <bool Factors, class V> struct looked_at {
  using type = wide_t<V>;
};
template <class V> struct looked_at<true, V> {
  using type = V;
};
template <class L, class V> struct sum_terms {
  using D = wide_t<V>;
  static constexpr bool gives_factors = __is_base_of(product_loss, L);
  using E = typename looked_at<gives_factors, V>::type;
  /// Sums of float data are exact enough as they are; those of doubles keep what they lose beside them.
  static constexpr bool sums_wider_than_data = sizeof(scalar_t<V>) < sizeof(double);
  static constexpr int sums = sums_wider_than_data ? L::sums : L::sums - L::guards;
  static constexpr bool has_next_pass = L::next_sums > 0 && (sums_wider_than_data || L::guards == 0);

  static UFL_FN V as(V x, V) { return x; }
  template <class X> static UFL_FN X as(V x, X) { return widen(x); }
  /// Adds the terms of the elements x.
  template <class X> static UFL_FN void add(D* sum, const X* x, const D* p) {
    if constexpr (gives_factors) L::add(sum, x);
    else L::fold(sum, x, p);
  }
  /// The same in a row's long order: sums no wider than the data lose digits, which are kept.
  template <class X> static UFL_FN void add_keeping(D* sum, D* low, const X* x, const D* p) {
    if constexpr (sums_wider_than_data) add(sum, x, p);
    else {
      D term[sums];
      UFL_UNROLL for (int s = 0; s < sums; ++s) term[s] = D(0);
      add(term, x, p);
      UFL_UNROLL for (int s = 0; s < sums; ++s) {
        const auto t = two_sum(sum[s], term[s]);
        sum[s] = t.hi;
        low[s] = low[s] + t.lo;
      }
    }
  }
};

/// x, which stands at `at`, against the largest so far; the label takes no part.
template <class D> UFL_FN void compete(D x, D at, D label, D& top, D& top_at) {
  const auto ahead = (x > top) & !(at == label);
  top = select(ahead, x, top);
  top_at = select(ahead, at, top_at);
}
/// Is a candidate that stands at `at` ahead of the largest so far?  Of equals the first in the row is; -1
/// stands nowhere.
UFL_FN bool is_ahead(double x, double at, double top, double top_at) {
  return x > top || (x == top && at >= 0 && (at < top_at || top_at < 0));
}
/// Adds to a sum, which has lost `lost`, that of the elements behind it.  What an infinite sum loses is NaN,
/// and counts nothing.
UFL_FN void merge_sums(double& sum, double& lost, double x, double x_lost) {
  const auto t = two_sum(sum, x);
  sum = t.hi;
  lost += t.lo == t.lo ? t.lo : 0;
  lost += x_lost;
}
/// The jet of an element; `marks` are asked for where the loss needs them.
template <class L, class E, class D> UFL_FN jet<E> sum_jet(const E* x, const E* c, row_marks<D> marks) {
  if constexpr (L::needs_argmax) return L::spread(x, c, marks);
  else return L::spread(x, c);
}

UFL_END
