// What elementwise losses offer, as loops: every output in every type; masks are the caller's.
#pragma once
#include "ufloss/kinds/elementwise/loop.hpp"
#include "ufloss/kinds/kind.hpp"

UFL_BEGIN

template <> struct kind_traits<loss_kind::elementwise> {
  static constexpr const char* mask = nullptr;  ///< `where` is NumPy's own
  static constexpr int mask_at = -1;
  static constexpr bool widens_half = false;

  template <class L, int I, bool Masked, class S, class O>
  static int loop(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
    // No lock is given away here: NumPy does so for elementwise loops, by the size of the call.
    const quiet flags;
    elementwise<L, parts_of<L>(I), S>(args, steps, *n, c.past_cache_from);
    return 0;
  }
};

UFL_END
