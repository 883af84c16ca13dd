// The caller's memory, dealt out.
#pragma once
#include <cstddef>
#include <cstdint>
#include "ufloss/config.hpp"
#if UFL_RED_ZONES
#include <sanitizer/asan_interface.h>
#endif
#if UFL_TRACK_WRITES
#include <sanitizer/msan_interface.h>
#endif

UFL_BEGIN

/// No memory holds so many numbers.  Sizes are cut to it and their products stop at it, so that no size ever
/// wraps: what is beyond memory is then found out by whoever asks for it.  A few such numbers added, or one
/// times 32, are still no overflow.
constexpr std::ptrdiff_t beyond_memory = PTRDIFF_MAX / 64;
constexpr std::ptrdiff_t size_of_axis(std::ptrdiff_t n) { return n < beyond_memory ? n : beyond_memory; }
constexpr std::ptrdiff_t size_product(std::ptrdiff_t a, std::ptrdiff_t b) {
  return b > 0 && a > beyond_memory / b ? beyond_memory : a * b;
}

/// Deals out the caller's memory, each piece from a cache line on; without memory it only counts.
/// Under the address sanitizer what lies between two pieces must not be touched; under the memory sanitizer a
/// new piece was never written.
struct arena {
  static constexpr std::size_t line = 64, most = SIZE_MAX / 4;
  /// With the same calls of take() in the same order, one that counts and one that deals agree on `used`.
  char* base = nullptr;
  std::size_t used = 0;
  template <class X> X* take(std::ptrdiff_t n) {
    char* const p = base ? base + used : nullptr;
    const std::size_t bytes = std::size_t(n) * sizeof(X),
                      room = (bytes + line - 1) / line * line + UFL_RED_ZONES * line;
#if UFL_RED_ZONES
    if (p) {
      ASAN_UNPOISON_MEMORY_REGION(p, bytes);
      ASAN_POISON_MEMORY_REGION(p + bytes, room - bytes);
    }
#endif
#if UFL_TRACK_WRITES
    if (p) __msan_allocated_memory(p, room);
#endif
    used = used + room < most ? used + room : most;
    return reinterpret_cast<X*>(p);
  }
  /// The memory is the caller's again.
  static void give_back(char* p, std::size_t bytes) {
#if UFL_RED_ZONES
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
#else
    (void)p;
    (void)bytes;
#endif
  }
};

UFL_END
