// What losses of ordered lists offer, as loops: every output in every type, with and without a mask.
#pragma once
#include "ufloss/kinds/elementwise/kind.hpp"
#include "ufloss/kinds/list/loop.hpp"
#include "ufloss/memory/workspace.hpp"

UFL_BEGIN

template <> struct kind_traits<loss_kind::list> {
  static constexpr const char* mask = "n";
  static constexpr int mask_at = -1;
  static constexpr bool widens_half = true;
  static constexpr std::ptrdiff_t long_work = 1 << 13;  ///< items beyond which others may run meanwhile

  template <class L, int I, bool Masked, class S, class O>
  static int loop(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
    const quiet flags;
    bool done;
    {
      const without_lock free(c, n[0] > long_work / (n[1] + 1));
      workspace memory(list_bytes(n));
      done = memory.start != nullptr;
      if (done) lists<L, parts_of<L>(I), S, O>(args, n, steps, Masked, memory.start);
    }
    return done ? 0 : c.outcome(L::name, {fault_kind::no_memory});
  }
};

UFL_END
