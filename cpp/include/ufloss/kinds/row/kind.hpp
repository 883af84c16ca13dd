// What row losses offer, as loops: every output in every type, with and without a mask along the row.
#pragma once
#include "ufloss/kinds/elementwise/kind.hpp"
#include "ufloss/kinds/row/loop.hpp"

UFL_BEGIN

template <> struct kind_traits<loss_kind::row> {
  static constexpr const char* mask = "n";
  static constexpr int mask_at = -1;  ///< behind all other inputs
  static constexpr bool widens_half = true;
  static constexpr std::ptrdiff_t long_work = 1 << 16;  ///< elements beyond which others may run meanwhile

  template <class L, int I, bool Masked, class S, class O>
  static int loop(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
    const quiet flags;
    bad_label bad{};
    bool done;
    {
      const without_lock free(c, n[0] > long_work / (n[1] + 1));
      done = rows<L, parts_of<L>(I), S, O>(args, n, steps, Masked, &bad);
    }
    if (done) return 0;
    const fault_kind why = bad.no_memory      ? fault_kind::no_memory
                           : bad.classes == 0 ? fault_kind::empty_axis
                                              : fault_kind::label;
    return c.outcome(L::name, {why, bad.label, bad.classes});
  }
};

UFL_END
