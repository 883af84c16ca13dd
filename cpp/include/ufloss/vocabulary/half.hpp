// float16 and bfloat16 as storage: to float and back, rounded to nearest even; how a stored type is computed.
#pragma once
#include "ufloss/vocabulary/pack.hpp"
#if defined(__F16C__)
#include <immintrin.h>
#endif

UFL_BEGIN

/// Storage alone: nothing is computed in float16.  As NumPy and IEEE 754 have it: 1 sign, 5 exponent and 10
/// fraction bits.
struct half {
  unsigned short bits;
};

// With F16C the instruction (_cvtss_sh is a compound literal in Clang's header, which standard C++ has not),
// as on a GPU; without it the integer steps of the same rounding.
#if defined(__CUDA_ARCH__)
UFL_FN float to_float(half h) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h.bits));
  return x;
}
UFL_FN half to_half(float x) {
  half h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(x));
  return h;
}
#elif defined(__F16C__)
UFL_FN float to_float(half h) { return _cvtsh_ss(h.bits); }
UFL_FN half to_half(float x) {
  return {static_cast<unsigned short>(_mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(x), 0)))};
}
#else
UFL_FN float to_float(half h) {
  const uint32 sign = uint32(h.bits & 0x8000u) << 16, rest = h.bits & 0x7fffu;
  if (rest >= 0x7c00u) return from_bits(sign | 0x7f800000u | (rest & 0x3ffu) << 13);  // inf, NaN
  // A subnormal half is a whole number of 2^-24; a normal one needs its exponent moved, by 127 - 15 = 112.
  const float magnitude =
      rest < 0x400u ? float(int(rest)) * 0x1p-24f : from_bits((rest << 13) + (112u << 23));
  return from_bits(sign | to_bits(magnitude));
}
UFL_FN half to_half(float x) {
  const uint32 u = to_bits(x), sign = (u >> 16) & 0x8000u, rest = u & 0x7fffffffu;
  if (rest > 0x7f800000u) return {static_cast<unsigned short>(sign | 0x7e00u)};   // NaN
  if (rest >= 0x477ff000u) return {static_cast<unsigned short>(sign | 0x7c00u)};  // rounds beyond 65504
  if (rest < 0x38800000u)  // subnormal: 0.5 has ulp 2^-24
    return {static_cast<unsigned short>(sign | (to_bits(from_bits(rest) + 0.5f) - 0x3f000000u))};
  return {static_cast<unsigned short>(sign | ((rest - 0x38000000u + 0xfffu + ((rest >> 13) & 1u)) >> 13))};
}
#endif

/// The upper half of a float.
struct bfloat16 {
  unsigned short bits;
};
UFL_FN float to_float(bfloat16 b) { return from_bits(uint32(b.bits) << 16); }
UFL_FN bfloat16 to_bfloat16(float x) {
  const uint32 u = to_bits(x);
  if (x != x) return {static_cast<unsigned short>(u >> 16 | 0x40u)};  // whose lower bits may be all it has
  return {static_cast<unsigned short>((u + 0x7fffu + (u >> 16 & 1u)) >> 16)};  // a carry into inf is one
}

/// x in float for one more rounding, which comes out as if it were the only one: to odd, which keeps what it
/// needs to know of the first.
UFL_FN float rounded_to_odd(double x) {
  const float f = float(x);
  if (double(f) == x || !(f - f == 0)) return f;
  const bool beyond = (double(f) > x) == (x > 0) && f != 0;
  return from_bits((to_bits(f) - uint32(beyond)) | 1u);
}

/// How a stored type is computed; least_bound: what a positive bound is raised to before it is rounded to the
/// type, so that it stays positive.
template <class S> struct storage {
  using compute = S;
  static constexpr S least_bound = format<S>::smallest_normal;
  static UFL_FN S get(S x) { return x; }
  static UFL_FN S put(S x) { return x; }
};
template <> struct storage<half> {
  using compute = float;
  static constexpr float least_bound = 0x1p-24f;
  static UFL_FN float get(half x) { return to_float(x); }
  static UFL_FN half put(float x) { return to_half(x); }
};
template <> struct storage<bfloat16> {
  using compute = float;
  static constexpr float least_bound = 0x1p-126f;
  static UFL_FN float get(bfloat16 x) { return to_float(x); }
  static UFL_FN bfloat16 put(float x) { return to_bfloat16(x); }
};

UFL_END
