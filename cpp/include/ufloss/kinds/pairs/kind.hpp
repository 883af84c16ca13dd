// What losses over all pairs of a batch offer, as loops: every output in every type, with and without a mask.
#pragma once
#include "ufloss/kinds/elementwise/kind.hpp"
#include "ufloss/kinds/pairs/loop.hpp"
#include "ufloss/memory/workspace.hpp"

UFL_BEGIN

template <> struct kind_traits<loss_kind::pairs> {
  static constexpr const char* mask = "b";
  static constexpr int mask_at = -1;
  static constexpr bool widens_half = false;
  static constexpr double long_work = 1 << 16;  ///< products beyond which others may run meanwhile

  template <class L, int I, bool Masked, class S, class O>
  static int loop(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
    const quiet flags;
    constexpr unsigned parts = parts_of<L>(I);
    bool done;
    {
      const without_lock free(c, double(n[0]) * double(n[1]) * double(n[1]) * double(n[2]) > long_work);
      workspace memory(batch_bytes<L, parts, S>(n));
      done = memory.start != nullptr;
      if (done) batches<L, parts, S>(args, n, steps, Masked, memory.start);
    }
    return done ? 0 : c.outcome(L::name, {fault_kind::no_memory});
  }
};

UFL_END
