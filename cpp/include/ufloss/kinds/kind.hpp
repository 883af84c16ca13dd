// What the kinds have in common: how a loop is called by a program, whatever it computes.
#pragma once
#include "ufloss/context.hpp"
#include "ufloss/loss.hpp"
#include "ufloss/memory/flags.hpp"
#include "ufloss/memory/workspace.hpp"

UFL_BEGIN

/// What a kind offers: `mask`, the dims of its mask, null where masks are the caller's; `mask_at`, before
/// which input it stands, -1: behind all; `widens_half`, has it loops from float16 to float32; and loop<L, I,
/// Masked, S, O>: the I-th output of loss L, its predictions stored as S and its results as O.
template <loss_kind> struct kind_traits;

/// Items from one on of a call: its operands, moved there.
template <int Operands> struct moved_operands {
  char* args[Operands];
  moved_operands(char* const* all, const std::ptrdiff_t* steps, std::ptrdiff_t from) {
    for (int k = 0; k < Operands; ++k) args[k] = all[k] + from * steps[k];
  }
};

/// The loop of items that know nothing of each other: compute(args, n), a fault, of all of them or of some; n
/// are the lengths of their core dimensions behind their own number.  Other threads run meanwhile where that
/// is long.
template <int Operands, int Dims, class F>
int run_items(const context& c, const char* loss, char* const* args, const std::ptrdiff_t* n,
              const std::ptrdiff_t* steps, bool is_long, F compute) {
  const quiet flags;
  fault found;
  {
    const without_lock free(c, is_long);
    found = c.over(n[0], [&](std::ptrdiff_t from, std::ptrdiff_t to) {
      const moved_operands<Operands> some(args, steps, from);
      std::ptrdiff_t lengths[Dims];
      for (int d = 0; d < Dims; ++d) lengths[d] = n[d];
      lengths[0] = to - from;
      fault own = compute(some.args, lengths);
      if (own.item >= 0) own.item += from;
      return own;
    });
  }
  return c.outcome(loss, found);
}
/// Such a computation with memory of its own: compute(start).
template <class F> fault with_memory(std::size_t bytes, F compute) {
  const workspace memory(bytes);
  if (!memory.start) return {fault_kind::no_memory};
  compute(memory.start);
  return {};
}

UFL_END
