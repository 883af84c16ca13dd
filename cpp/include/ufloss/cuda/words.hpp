// What plans and kernels both know: the words that arguments are made of.
#pragma once
#include "ufloss/vocabulary/scalar.hpp"

UFL_BEGIN
namespace gpu {

constexpr int warp_threads = 32;  ///< that go together

/// Bytes of shared memory for long rows in passes, and for rows in registers, whatever the loss.
constexpr int row_passes_memory = 12 * 1024, row_held_memory = 28 * 1024;

/// An address in arguments, of one type whoever packs it.
using address = long long;

/// A length that many threads divide by: quotients are a multiplication and a shift.
struct divisor {
  long long length, multiplier, shift;
};
/// Of 0 < length < 2^31.  With s bits, 2^(s-1) < length <= 2^s, the multiplier is what 2^(32+s)/length
/// rounded up has above 2^32.
UFL_FN divisor divisor_of(long long length) {
  long long shift = 0;
  while ((1ll << shift) < length) ++shift;
  return {length, ((((1ll << shift) - length) << 32) / length) + 1, shift};
}
/// n / length, for n < 2^31: the sum does not overflow.
UFL_FN uint32 quotient(uint32 n, divisor d) {
  const uint32 high = uint32((uint64(n) * uint64(uint32(d.multiplier))) >> 32);
  return (high + n) >> uint32(d.shift);
}

}  // namespace gpu
UFL_END
