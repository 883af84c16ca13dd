// Items that know nothing of each other, which lie over several dimensions: where the operands of each are.
#pragma once
#include "ufloss/cuda/words.hpp"

UFL_BEGIN
namespace gpu {

constexpr int batch_dims = 8;

template <int Operands> struct batch {
  long long count;                       ///< of the items, less than 2^31
  divisor length[batch_dims];            ///< from the innermost dimension outwards
  long long step[batch_dims][Operands];  ///< bytes
};
/// The operands of item `which`, from those of the first.
template <int Operands>
UFL_FN void go_to(const batch<Operands>& b, uint32 which, const address* first, address* to) {
  for (int k = 0; k < Operands; ++k) to[k] = first[k];
  UFL_ROLLED
  for (int d = 0; d < batch_dims && which; ++d) {
    const uint32 outer = quotient(which, b.length[d]);
    const long long along = which - outer * uint32(b.length[d].length);
    UFL_UNROLL for (int k = 0; k < Operands; ++k) to[k] += along * b.step[d][k];
    which = outer;
  }
}

}  // namespace gpu
UFL_END
