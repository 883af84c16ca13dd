// float16 and bfloat16: all 65536 of them to float and back, and the rounding of floats against its
// definition.
#include "ufloss/vocabulary/half.hpp"
#include <cmath>
#include <cstring>
#include <initializer_list>
#include "check.hpp"

using namespace ufloss;

namespace {

/// The value of a half, from the definition of the format.
double meaning(unsigned bits) {
  const int exponent = int(bits >> 10 & 31), fraction = int(bits & 1023);
  const double magnitude = exponent == 31 ? (fraction ? NAN : HUGE_VAL)
                           : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                          : std::ldexp(fraction, -24);
  return bits >> 15 ? -magnitude : magnitude;
}
/// The half nearest to x, ties to the even one, in exact double arithmetic.
unsigned nearest(float x) {
  const unsigned sign = std::signbit(x) ? 0x8000 : 0;
  const double a = std::fabs(double(x));
  if (a >= 65520) return sign | 0x7c00;  // halfway between the largest and the next power of two
  int e = 0;
  std::frexp(a, &e);
  const int quantum =
      e < -13 || a == 0 ? -24 : e - 11;  // what the last bit of the fraction is worth, as a power of two
  const double scaled = std::ldexp(a, -quantum), below = std::floor(scaled), rest = scaled - below;
  const double steps = rest > 0.5 || (rest == 0.5 && std::fmod(below, 2) == 1) ? below + 1 : below;
  const unsigned bits =
      (unsigned(quantum + 24) << 10) + unsigned(steps);  // the leading bit of steps is 1 exponent
  check(meaning(bits) == std::ldexp(steps, quantum), "the test itself: %a", a);
  return sign | bits;
}
/// A NaN must stay one, whatever bits of its payload fit; everything else is decided by nearest().
void compare(uint32 bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  const unsigned got = to_half(x).bits;
  if (x != x) check((got & 0x7c00) == 0x7c00 && (got & 0x3ff), "NaN %08x becomes %04x", unsigned(bits), got);
  else
    check(got == nearest(x), "%a (%08x) becomes %04x instead of %04x", double(x), unsigned(bits), got,
          nearest(x));
}

/// The bfloat16 nearest to x: of the two floats around it that end in zeros the nearer, ties to the even one.
void compare_bfloat16(uint32 bits) {
  const unsigned got = to_bfloat16(from_bits(bits)).bits;
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    check((got & 0x7fff) > 0x7f80 && got >> 15 == bits >> 31, "NaN %08x becomes %04x", unsigned(bits), got);
    return;
  }
  const uint32 below = bits >> 16, rest = bits & 0xffffu;
  const unsigned want = unsigned(below + (rest > 0x8000u || (rest == 0x8000u && (below & 1))));
  check(got == want, "%08x becomes %04x instead of %04x", unsigned(bits), got, want);
}
void all_bfloat16() {
  for (uint32 k = 0; k < 65536; ++k) {
    const float f = to_float(bfloat16{static_cast<unsigned short>(k)});
    check(to_bits(f) == k << 16, "%04x is %a", unsigned(k), double(f));
    if (f == f) check(to_bfloat16(f).bits == k, "%04x returns as another", unsigned(k));
    for (const uint32 rest : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) compare_bfloat16(k << 16 | rest);
  }
}

}  // namespace

int run_tests(int, char**);
int run_tests(int, char**) {
  // Every half is exact in float, so both ways must give it back, NaNs aside.
  for (unsigned k = 0; k < 65536; ++k) {
    const float f = to_float(half{static_cast<unsigned short>(k)});
    const double want = meaning(k);
    if (want != want) {
      check(f != f, "%04x is NaN", k);
      check((to_half(f).bits & 0x7fff) > 0x7c00, "%04x stays NaN", k);
      continue;
    }
    check(double(f) == want && std::signbit(f) == bool(k >> 15), "%04x is %a, not %a", k, want, double(f));
    check(to_half(f).bits == k, "%04x returns as %04x", k, unsigned(to_half(f).bits));
    // what lies around it, and around the middle between it and the next
    const uint32 u = to_bits(f), step = uint32(1) << 12;
    for (uint32 d : {uint32(0), uint32(1), uint32(2)})
      for (uint32 c : {u, u + step}) {
        compare(c + d);
        compare(c - d);
      }
  }
  // A prime step: a million floats of all exponents.
  for (std::uint64_t u = 0; u < std::uint64_t(1) << 32; u += 4099) compare(uint32(u));
  for (uint32 u = 0x33000000 - 100; u < 0x33000000 + 100; ++u) {
    compare(u);
    compare(u | 0x80000000u);
  }  // 2^-25: half the smallest half
  all_bfloat16();
#if defined(__F16C__)
  return report("half_test, F16C");
#else
  return report("half_test, integer steps");
#endif
}
