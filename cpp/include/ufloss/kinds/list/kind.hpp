// What losses of ordered lists offer, as loops: every output in every type, with and without a mask.
#pragma once
#include "ufloss/kinds/kind.hpp"
#include "ufloss/kinds/list/loop.hpp"

UFL_BEGIN

template <> struct kind_traits<loss_kind::list> {
  /// A mask lies along the lists, over items.
  static constexpr const char* mask = "n";
  static constexpr int mask_at = -1;
  static constexpr bool widens_half = true;
  static constexpr std::ptrdiff_t long_work = 1 << 13;  ///< items beyond which others may run meanwhile

  template <class L, int I, bool Masked, class S, class O>
  static int loop(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
    constexpr unsigned parts = parts_of<L>(I);
    // A quotient, since the product of two lengths may overflow.
    const bool is_long = n[0] > long_work / (n[1] + 1);
    return run_items<arity<L> + Masked + count_parts(parts), 2>(
        c, L::name, args, n, steps, is_long, [&](char* const* some, const std::ptrdiff_t* lengths) {
          return with_memory(list_bytes(lengths), [&](char* memory) {
            lists<L, parts, S, O>(some, lengths, steps, Masked, memory);
          });
        });
  }
};

UFL_END
