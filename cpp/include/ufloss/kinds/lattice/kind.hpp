// What functions over a lattice offer, as loops: their own outputs in every type, with and without a mask of
// frames.
#pragma once
#include "ufloss/kinds/kind.hpp"
#include "ufloss/kinds/lattice/loop.hpp"

UFL_BEGIN

template <> struct kind_traits<loss_kind::lattice> {
  static constexpr const char* mask = "t";
  static constexpr int mask_at = 1;  ///< beside the frames
  static constexpr bool widens_half = false;
  static constexpr double long_work = 1 << 14;  ///< cells and logits beyond which others may run meanwhile

  template <class L, int I, bool Masked, class S, class O>
  static int loop(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
    if (n[0] <= 0) return 0;
    const quiet flags;
    constexpr lattice_output output = L::outputs[I];
    const ctc_operands o(args, n, steps, Masked, int(count_text(output.roles)));
    // Before the labels are looked at, which may be more than there is memory for.
    const workspace memory(ctc_loop_bytes<S>(n, output.gives));
    if (!memory.start) return c.outcome(L::name, {fault_kind::no_memory});
    fault found{};
    if (o.find_fault(&found) < 0) {
      // In double, where a product of lengths cannot overflow.
      const without_lock free(c, double(n[0]) * double(n[1]) * (double(n[2]) + double(n[3]) + 1) > long_work);
      found = ctc_loop<S>(output.gives, L::log_probs, o, memory.start);
    }
    return c.outcome(L::name, found);
  }
};

UFL_END
