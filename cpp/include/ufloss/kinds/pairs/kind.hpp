// What losses over all pairs of a batch offer, as loops: every output in every type, with and without a mask.
#pragma once
#include "ufloss/kinds/kind.hpp"
#include "ufloss/kinds/pairs/loop.hpp"

UFL_BEGIN

template <> struct kind_traits<loss_kind::pairs> {
  /// A mask has an entry for each vector or pair of a batch.
  static constexpr const char* mask = "b";
  static constexpr int mask_at = -1;
  static constexpr bool widens_half = false;
  static constexpr double long_work = 1 << 16;  ///< products beyond which others may run meanwhile

  template <class L, int I, bool Masked, class S, class O>
  static int loop(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
    constexpr unsigned parts = parts_of<L>(I);
    // In double, where a product of lengths cannot overflow.
    const bool is_long = double(n[0]) * double(n[1]) * double(n[1]) * double(n[2]) > long_work;
    return run_items<arity<L> + Masked + count_parts(parts), 3>(
        c, L::name, args, n, steps, is_long, [&](char* const* some, const std::ptrdiff_t* lengths) {
          return with_memory(batch_bytes<L, parts, S>(lengths), [&](char* memory) {
            batches<L, parts, S>(some, lengths, steps, Masked, memory);
          });
        });
  }
};

UFL_END
