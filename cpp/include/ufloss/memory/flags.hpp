// Floating-point flags, which a loop leaves as they were.
#pragma once
#include <cfenv>
#include "ufloss/config.hpp"
#if UFL_SSE2_FLAGS
#include <xmmintrin.h>
#endif

UFL_BEGIN
namespace {

// Both sides of a select are computed, so a loop leaves floating-point flags that mean nothing; and where
// NumPy casts an operand it looks at them, whatever the loop's registration says.
#if UFL_SSE2_FLAGS
struct quiet {
  // Written back only where it has changed: writing the register is slow.
  const unsigned before = _mm_getcsr();
  ~quiet() {
    if (_mm_getcsr() != before) _mm_setcsr(before);
  }
};
#else
struct quiet {
  std::fexcept_t before;
  quiet() { std::fegetexceptflag(&before, FE_ALL_EXCEPT); }
  ~quiet() { std::fesetexceptflag(&before, FE_ALL_EXCEPT); }
};
#endif

}  // namespace
UFL_END
