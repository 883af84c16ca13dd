// What the kernels' translation units share: a loss's words, and loops that leave the floating-point flags
// alone.
#pragma once
#include <cfenv>
#include <type_traits>
#include "dispatch.hpp"
#include "ufloss/kinds/elementwise/loop.hpp"
#include "ufloss/kinds/row/loss.hpp"

#define UFL_JOIN_(a, b) a##b
#define UFL_JOIN(a, b) UFL_JOIN_(a, b)
#define UFL_TEXT_(a) #a
#define UFL_TEXT(a) UFL_TEXT_(a)

UFL_BEGIN
namespace {

template <class L, class = void> struct exponent_of {
  static constexpr auto name = "";
};
template <class L> struct exponent_of<L, std::void_t<decltype(L::exponent)>> {
  static constexpr auto name = L::exponent;
};
template <class L> constexpr unsigned checked() {
  unsigned set = 0;
  for (int i = 0; i < arity<L>; ++i) set |= unsigned(is_checked<L>(i)) << i;
  return set;
}
template <class L>
constexpr loss_info info = {L::name,      L::args,       arity<L>,     L::parts,
                            L::vanishing, L::properties, checked<L>(), exponent_of<L>::name,
                            L::summary,   L::formula,    L::notes,     L::source,
                            L::example};

// Both sides of a select are computed, so a loop leaves floating-point flags that mean nothing; and where
// NumPy casts an operand it looks at them, whatever the loop's registration says.
#if defined(__SSE2__)
struct quiet {
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
