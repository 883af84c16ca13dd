// The primitives of scalar.hpp for a few numbers of one thread: several<T, N>.  What a formula asks of all
// lanes is asked once for all of them, and their chains of operations overlap.
#pragma once
#include "ufloss/vocabulary/scalar.hpp"

UFL_BEGIN

template <int N> struct several_mask {
  bool v[N];
};
template <class T, int N> struct several {
  T v[N];
  several() = default;
  explicit UFL_FN several(T x) { UFL_UNROLL for (int i = 0; i < N; ++i) v[i] = x; }
};
template <class T, int N> struct traits<several<T, N>> {
  using scalar = T;
  using bits = several<typename format<T>::uint, N>;
  using mask = several_mask<N>;
  using wide = several<double, N>;
};

/// f(i) for each lane.
template <class Result, int N, class F> UFL_FN Result each_lane(F f) {
  Result r;
  UFL_UNROLL for (int i = 0; i < N; ++i) r.v[i] = f(i);
  return r;
}

// clang-format off: a line an operation
#define UFL_BINARY(op) \
  template <class T, int N> UFL_FN several<T, N> operator op(several<T, N> a, several<T, N> b) { \
    return each_lane<several<T, N>, N>([&](int i) UFL_INLINE { return T(a.v[i] op b.v[i]); }); \
  }
UFL_BINARY(+) UFL_BINARY(-) UFL_BINARY(*) UFL_BINARY(/)
UFL_BINARY(&) UFL_BINARY(|) UFL_BINARY(^)
#undef UFL_BINARY

#define UFL_COMPARE(op) \
  template <class T, int N> UFL_FN several_mask<N> operator op(several<T, N> a, several<T, N> b) { \
    return each_lane<several_mask<N>, N>([&](int i) UFL_INLINE { return a.v[i] op b.v[i]; }); \
  }
UFL_COMPARE(<) UFL_COMPARE(>) UFL_COMPARE(<=) UFL_COMPARE(>=) UFL_COMPARE(==) UFL_COMPARE(!=)
#undef UFL_COMPARE

#define UFL_LANES(f) \
  template <class T, int N, class... R> UFL_FN several<T, N> f(several<T, N> a, R... rest) { \
    return each_lane<several<T, N>, N>([&](int i) UFL_INLINE { return ufloss::f(a.v[i], rest.v[i]...); }); \
  }
UFL_LANES(sqrt) UFL_LANES(min) UFL_LANES(max) UFL_LANES(fma)
#undef UFL_LANES
    // clang-format on

    template <class T, int N>
    UFL_FN several<T, N> operator~(several<T, N> a) {
  return each_lane<several<T, N>, N>([&](int i) UFL_INLINE { return T(~a.v[i]); });
}
template <int N> UFL_FN several_mask<N> operator&(several_mask<N> a, several_mask<N> b) {
  return each_lane<several_mask<N>, N>([&](int i) UFL_INLINE { return bool(a.v[i] & b.v[i]); });
}
template <int N> UFL_FN several_mask<N> operator|(several_mask<N> a, several_mask<N> b) {
  return each_lane<several_mask<N>, N>([&](int i) UFL_INLINE { return bool(a.v[i] | b.v[i]); });
}
template <int N> UFL_FN several_mask<N> operator!(several_mask<N> a) {
  return each_lane<several_mask<N>, N>([&](int i) UFL_INLINE { return !a.v[i]; });
}
template <int N> UFL_FN bool all(several_mask<N> m) {
  bool r = true;
  UFL_UNROLL for (int i = 0; i < N; ++i) r = r & m.v[i];
  return r;
}

template <class T, int N> UFL_FN several<T, N> select(several_mask<N> m, several<T, N> a, several<T, N> b) {
  return each_lane<several<T, N>, N>([&](int i) UFL_INLINE { return m.v[i] ? a.v[i] : b.v[i]; });
}
template <class T, int N> UFL_FN several<T, N> zero_unless(several_mask<N> m, several<T, N> x) {
  return select(m, x, several<T, N>(T(0)));
}
template <class T, int N> UFL_FN several<T, N> zero_where(several_mask<N> m, several<T, N> x) {
  return select(m, several<T, N>(T(0)), x);
}

template <class T, int N> UFL_FN auto to_bits(several<T, N> a) {
  using U = typename format<T>::uint;
  return each_lane<several<U, N>, N>([&](int i) UFL_INLINE { return ufloss::to_bits(a.v[i]); });
}
template <class U, int N> UFL_FN auto from_bits(several<U, N> a) {
  using T = decltype(ufloss::from_bits(a.v[0]));
  return each_lane<several<T, N>, N>([&](int i) UFL_INLINE { return ufloss::from_bits(a.v[i]); });
}
template <int S, class U, int N> UFL_FN several<U, N> shl(several<U, N> a) {
  return each_lane<several<U, N>, N>([&](int i) UFL_INLINE { return U(a.v[i] << S); });
}
template <int S, class U, int N> UFL_FN several<U, N> shr(several<U, N> a) {
  return each_lane<several<U, N>, N>([&](int i) UFL_INLINE { return U(a.v[i] >> S); });
}
template <class T, int N> UFL_FN several<double, N> widen(several<T, N> a) {
  return each_lane<several<double, N>, N>([&](int i) UFL_INLINE { return double(a.v[i]); });
}
template <int N> UFL_FN several<float, N> narrow(several<double, N> a, several<float, N>) {
  return each_lane<several<float, N>, N>([&](int i) UFL_INLINE { return float(a.v[i]); });
}

UFL_END
