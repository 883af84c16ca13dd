// Rows as kernels read and write them: whatever their steps, masks and types, with numbers by value.
#pragma once
#include "ufloss/cuda/device.hpp"
#include "ufloss/kinds/row/loss.hpp"

UFL_BEGIN
namespace gpu {

template <int Operands, int Dims> struct row_arguments {
  address operand[Operands];  ///< inputs, outputs, the mask: of the first row's first element; by value the
                              ///< bits of a double
  long long along[Operands];  ///< bytes from element to element of a row
  divisor length[Dims];       ///< rows, from the innermost dimension outwards
  long long step[Dims][Operands];  ///< bytes from row to row
  long long rows;                  ///< less than 2^31
  long long n;                     ///< elements of a row
  divisor columns;                 ///< n, of short rows
  long long given;                 ///< inputs, as a set, that are one number by value
  long long label_bytes;           ///< 4 or 8
  address fault;                   ///< a word that becomes 1 where a label is no class; 0: there is none
};

template <bool First, class A, class B> struct choose {
  using type = A;
};
template <class A, class B> struct choose<false, A, B> {
  using type = B;
};
template <int I> struct constant {
  static constexpr int value = I;
};
/// f(constant<0>{}), f(constant<1>{}), and so on.
template <class F, int... I> UFL_DEVICE void each_of(indices<I...>, [[maybe_unused]] F f) {
  (f(constant<I>{}), ...);
}
template <int N, class F> UFL_DEVICE void each_index(F f) { each_of(typename indices_to<N>::type{}, f); }

/// Loss L and some of its parts; what lies along its rows comes first among the arguments, then the label,
/// then what comes once a row.
template <class L, unsigned Parts, class S, int Dims, bool Masked> struct row_access {
  using loss = L;
  static UFL_FN constexpr bool lies_first() {
    bool yes = true;
    for (int i = 0; i < arity<L>; ++i) {
      yes &= L::args[i].along() == (i < count_along<L>());
      yes &= (L::args[i].kind == role::label) == (L::labelled && i == count_along<L>());
    }
    return yes;
  }
  static constexpr unsigned parts = Parts;
  static constexpr bool is_masked = Masked;
  static constexpr int lying = count_along<L>(), scalars = count_scalars<L>(), inputs = arity<L>;
  static constexpr int first_scalar = lying + L::labelled, outputs = count_parts(Parts);
  static constexpr bool has_value = (Parts & part_value) && !(L::properties & row_value);
  static constexpr int results = outputs - has_value;  ///< that lie along the row
  static constexpr int first_result = inputs + has_value, mask = inputs + outputs, operands = mask + Masked;
  static_assert(lies_first(), "along the row, the label, once a row");
  using arguments = row_arguments<operands, Dims>;
  using T = typename choose<L::in_double, double, compute_t<S>>::type;

  // --- where rows lie -----
  struct row {
    address at[operands];
  };
  static UFL_DEVICE row row_of(const arguments& a, unsigned r) {
    row w;
    UFL_UNROLL for (int o = 0; o < operands; ++o) w.at[o] = a.operand[o];
    UFL_UNROLL for (int d = 0; d < Dims; ++d) {
      const unsigned outer = d + 1 < Dims ? quotient(r, a.length[d]) : 0;
      const long long along = d + 1 < Dims ? r - outer * unsigned(a.length[d].length) : r;
      UFL_UNROLL for (int o = 0; o < operands; ++o) w.at[o] += along * a.step[d][o];
      r = outer;
    }
    return w;
  }
  static UFL_DEVICE bool counts(const arguments& a, const row& w, long long j) {
    if constexpr (Masked) return *at<const unsigned char>(w.at[mask] + j * a.along[mask]) != 0;
    else return true;
  }
  static UFL_DEVICE bool is_given(const arguments& a, int input) { return a.given >> input & 1; }
  static UFL_DEVICE T number(const arguments& a, const row& w, int input, long long j) {
    if (is_given(a, input))
      return T(storage<S>::get(storage<S>::put(compute_t<S>(from_bits(uint64(a.operand[input]))))));
    return T(storage<S>::get(*at<const S>(w.at[input] + j * a.along[input])));
  }
  /// Element j of a row of what lies along it; masked ones are not looked at.
  static UFL_DEVICE void load(const arguments& a, const row& w, long long j, bool counts, T* x) {
    each_index<lying>([&](auto k) {
      constexpr int input = decltype(k)::value;
      constexpr double neutral = neutral_of<L>(input);
      x[input] = counts ? number(a, w, input, j) : T(neutral);
    });
  }
  static UFL_DEVICE T neutral_prediction() {
    constexpr double neutral = neutral_of<L>(0);
    return T(neutral);
  }

  // --- what comes with a row -----
  struct beside {
    double scalar[scalars ? scalars : 1];
    double count;     ///< elements that take part
    double at_label;  ///< the element there
    long long label;  ///< -1: none
    bool invalid;     ///< a scalar lies outside its domain, or the label is no class
    UFL_DEVICE bool is_masked_out() const { return Masked && count == 0; }
    UFL_DEVICE bool is_label(long long j) const { return L::labelled && j == label; }
  };
  static UFL_DEVICE long long label_of(const arguments& a, const row& w) {
    if (is_given(a, lying)) return static_cast<long long>(from_bits(uint64(a.operand[lying])));
    return a.label_bytes == 4 ? *at<const int>(w.at[lying]) : *at<const long long>(w.at[lying]);
  }
  /// All but the element at the label.
  static UFL_DEVICE beside beside_row(const arguments& a, const row& w, double count) {
    beside b{};
    b.count = count;
    each_index<scalars>([&](auto k) {
      constexpr int input = first_scalar + decltype(k)::value;
      constexpr domain in = L::args[input].in;
      const double p = double(number(a, w, input, 0));
      b.scalar[decltype(k)::value] = p;
      b.invalid |= !inside(in, p);
    });
    b.label = -1;
    if constexpr (L::labelled) {
      const long long label = label_of(a, w);
      if (uint64(label) < uint64(a.n)) b.label = label;
      else if (!b.is_masked_out()) {
        b.invalid = true;
        if (a.fault) *at<long long>(a.fault) = 1;
      }
    }
    return b;
  }
  static UFL_DEVICE beside beside_and_label(const arguments& a, const row& w, double count) {
    beside b = beside_row(a, w, count);
    if constexpr (L::labelled)
      b.at_label =
          double(b.label >= 0 && counts(a, w, b.label) ? number(a, w, 0, b.label) : neutral_prediction());
    return b;
  }

  // --- results -----
  using stored_type = S;
  static UFL_DEVICE S stored(T x) { return storage<S>::put(compute_t<S>(x)); }
  /// Result k of an element: y, or `own` at the label, as it is stored but for the last rounding.
  template <int K, class Finished>
  static UFL_DEVICE T result(T y, bool counts, bool at_label, const beside& b, const Finished& f) {
    constexpr int own_hess = count_parts(Parts & (part_grad | part_grad2 | part_grad3));
    constexpr bool is_bound = (Parts & part_bound) && K == results - 1;
    if (is_bound && sizeof(S) < sizeof(T))
      y = y < T(storage<S>::least_bound) ? T(storage<S>::least_bound) : y;
    if constexpr (K == 0 && (L::at_label & Parts & part_grad)) y = at_label ? f.grad_at_label : y;
    if constexpr (K >= own_hess && (L::at_label & Parts & (part_hess | part_bound)))
      y = at_label ? f.hess_at_label : y;
    if (b.invalid) y = nan<T>();
    constexpr double masked = L::masked;
    return counts && !b.is_masked_out() ? y : T(masked);
  }
  /// y[k] are the derivatives of element j.
  template <class Finished>
  static UFL_DEVICE void put(const arguments& a, const row& w, long long j, const T* y, bool counts,
                             const beside& b, const Finished& f) {
    each_index<results>([&](auto k) {
      constexpr int which = decltype(k)::value, to = first_result + which;
      *at<S>(w.at[to] + j * a.along[to]) = stored(result<which>(y[which], counts, b.is_label(j), b, f));
    });
  }
  static UFL_DEVICE void put_value(const row& w, T value, const beside& b) {
    if constexpr (has_value)
      *at<S>(w.at[inputs]) = stored(b.is_masked_out() ? T(0) : b.invalid ? nan<T>() : value);
  }
};

}  // namespace gpu
UFL_END
