// The exponentials of products over a temperature: against one power of two, or each row against its largest.
//
// |S| <= 1 / temperature: one power of two is the reference of all exponentials, and no row has to look for
// its largest.  Temperatures below 0.013 (0.0015 in double) would leave the range of exponents: there each
// row has its own reference, from a sweep of maxima.
#pragma once
#include "ufloss/vocabulary/elementary.hpp"

UFL_BEGIN

/// Binary places that the exponentials are raised by: the smallest stay normal.
template <class T> constexpr int raised_by = sizeof(T) == 4 ? 100 : 900;
UFL_FN constexpr double bits_of_largest(double per_temperature) {
  return per_temperature * 1.44269504088896341 + 2;
}
template <class T> UFL_FN constexpr bool have_shared_reference(double per_temperature) {
  return 2 * bits_of_largest(per_temperature) <= raised_by<T> + format<T>::bias - 3;
}
/// In binary places.
template <class T> UFL_FN constexpr T shared_reference(double per_temperature) {
  return T(int(bits_of_largest(per_temperature)));
}
constexpr double log_of_2 = 0.693147180559945309;
/// The logarithm of that reference.
UFL_FN constexpr double reference_level(double reference) { return reference * log_of_2; }

/// exp(s) against the reference, or against that of its row or column, 2^places as large.
template <class T, bool Shared> struct raised_exponential {
  using V = native<T>;
  V base, lowest;
  explicit UFL_FN raised_exponential(T reference, int places = raised_by<T>)
      : base(exp_param<T>::round + T(places) - (Shared ? reference : T(0))),
        lowest(T(-log_of_2 * (places + format<T>::bias - 3))) {}
  UFL_FN V operator()(V s, V of_row) const {
    if constexpr (Shared)
      return exp_shifted<false>(s, base, base);  // above any lowest: the reference is that far
    else return exp_shifted(s - of_row, base, lowest);
  }
};
/// The logarithm of a sum of them, which is raised; -inf of an empty one.
template <class T> UFL_FN double log_of_raised(double sum, double level) {
  constexpr double down = sizeof(T) == 4 ? 0x1p-100 : 0x1p-900;  // its logarithm would cost digits
  return sum == 0 ? -UFL_INF : log(sum * down) + level;
}

/// The sum of so many doubles, by halves; they are overwritten.
template <int N> UFL_FN double sum_of_lane_doubles(double* a) {
  for (int w = N / 2; w >= 1; w /= 2)
    for (int i = 0; i < w; ++i) a[i] += a[i + w];
  return a[0];
}

UFL_END
