// The primitives that every formula is made of, for float and double on host and device; pack.hpp has the
// same for SIMD.
#pragma once
#include "ufloss/config.hpp"
#if !defined(__CUDACC_RTC__)
#include <cmath>
#include <cstdint>
#include <cstring>
#endif

UFL_BEGIN

#if defined(__CUDACC_RTC__)  // the run-time compiler has no system headers
using uint32 = unsigned int;
using uint64 = unsigned long long;
#else
using uint32 = std::uint32_t;
using uint64 = std::uint64_t;
#endif

/// Layout of an IEEE 754 type, and the powers of two that subnormal results are scaled by.
/// mantissa: bits behind the leading one.  bias: of the exponent.  half_up, half_down: where full-range
/// results are scaled; far_up, far_down: where a tail is, and far_root the root of far_down.
template <class T> struct format;
template <> struct format<float> {
  using uint = uint32;
  static constexpr int mantissa = 23, bias = 127, half_range = 64, far_shift = 100;
  static constexpr float smallest_normal = 0x1p-126f, largest = 0x1.fffffep127f;
  static constexpr float half_up = 0x1p64f, half_down = 0x1p-64f, far_up = 0x1p100f, far_down = 0x1p-100f,
                         far_root = 0x1p-50f;
};
template <> struct format<double> {
  using uint = uint64;
  static constexpr int mantissa = 52, bias = 1023, half_range = 512, far_shift = 900;
  static constexpr double smallest_normal = 0x1p-1022, largest = 0x1.fffffffffffffp1023;
  static constexpr double half_up = 0x1p512, half_down = 0x1p-512, far_up = 0x1p900, far_down = 0x1p-900,
                          far_root = 0x1p-450;
};

/// What a formula may ask about its value type V: a scalar, a pack, or a pair of packs.
template <class V> struct traits;
template <> struct traits<float> {
  using scalar = float;
  using bits = uint32;
  using mask = bool;
  using wide = double;
};
template <> struct traits<double> {
  using scalar = double;
  using bits = uint64;
  using mask = bool;
  using wide = double;
};
template <class V> using scalar_t = typename traits<V>::scalar;
template <class V> using bits_t = typename traits<V>::bits;
template <class V> using mask_t = typename traits<V>::mask;
template <class V> using wide_t = typename traits<V>::wide;  ///< the same lanes in double
template <class V> using format_of = format<scalar_t<V>>;
template <class V> constexpr bool is_double = sizeof(scalar_t<V>) == 8;

/// The one choice between the two scalar types, for constants.
template <class V> UFL_FN constexpr scalar_t<V> pick(double for_float, double for_double) {
  return scalar_t<V>(is_double<V> ? for_double : for_float);
}

#if UFL_HAS_FMA
// The functions of C: one instruction under -mfma, and the same name for the run-time compiler.
UFL_FN float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
UFL_FN double fma(double a, double b, double c) { return ::fma(a, b, c); }
#else
// Two roundings; what needs one calls exact_fma().
UFL_FN float fma(float a, float b, float c) { return a * b + c; }
UFL_FN double fma(double a, double b, double c) { return a * b + c; }
#endif
UFL_FN float sqrt(float x) { return ::sqrtf(x); }
UFL_FN double sqrt(double x) { return ::sqrt(x); }
// Both sides have been computed: a formula chooses, it never branches on a lane.
UFL_FN float select(bool m, float a, float b) { return m ? a : b; }
UFL_FN double select(bool m, double a, double b) { return m ? a : b; }
/// x where m holds, and where it does not; 0 elsewhere.
template <class T> UFL_FN T zero_unless(bool m, T x) { return m ? x : T(0); }
template <class T> UFL_FN T zero_where(bool m, T x) { return m ? T(0) : x; }
// min and max keep their FIRST argument when either is NaN (x86's instruction keeps the second)
UFL_FN float min(float a, float b) { return b < a ? b : a; }
UFL_FN double min(double a, double b) { return b < a ? b : a; }
UFL_FN float max(float a, float b) { return a < b ? b : a; }
UFL_FN double max(double a, double b) { return a < b ? b : a; }
UFL_FN bool all(bool m) { return m; }
UFL_FN double widen(float x) { return double(x); }
UFL_FN float narrow(double x, float) { return float(x); }

#if defined(__CUDA_ARCH__)
UFL_FN uint32 to_bits(float x) { return __float_as_uint(x); }
UFL_FN uint64 to_bits(double x) { return uint64(__double_as_longlong(x)); }
UFL_FN float from_bits(uint32 u) { return __uint_as_float(u); }
UFL_FN double from_bits(uint64 u) { return __longlong_as_double((long long)u); }
#else
UFL_FN uint32 to_bits(float x) {
  // memcpy: the one way from a float to its bits that C++17 defines; compilers make a move of it.
  uint32 u;
  memcpy(&u, &x, 4);
  return u;
}
UFL_FN uint64 to_bits(double x) {
  uint64 u;
  memcpy(&u, &x, 8);
  return u;
}
UFL_FN float from_bits(uint32 u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}
UFL_FN double from_bits(uint64 u) {
  double x;
  memcpy(&x, &u, 8);
  return x;
}
#endif
template <int N> UFL_FN uint32 shl(uint32 u) { return u << N; }
template <int N> UFL_FN uint64 shl(uint64 u) { return u << N; }
template <int N> UFL_FN uint32 shr(uint32 u) { return u >> N; }
template <int N> UFL_FN uint64 shr(uint64 u) { return u >> N; }

UFL_END
