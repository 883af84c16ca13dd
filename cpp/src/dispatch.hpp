// The choice of an instruction set, and the table of kernels it gives: what every compiled copy of kernels.cpp exports.
#pragma once
#include <cstddef>
#include "ufloss/core/describe.hpp"

namespace ufloss {

/// A strided loop as NumPy calls it: inputs then outputs, n[0] elements, steps in bytes.
using strided_loop = int(void* context, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void* auxiliary);
enum loop_type { float16_loop, float32_loop, float64_loop, loop_types };

/// One ufunc: a loss and some of its parts.
struct loss_record {
  const loss_info* info;
  const char* attribute;            ///< "" for the value, else grad, value_and_grad, ...
  int nin, nout;
  unsigned parts;
  strided_loop* loops[loop_types];  ///< all null: this loss has no such derivative
};

/// All ufuncs of one instruction set.
struct kernel_table {
  const char* isa;
  const loss_record* records;
  int size;
};

namespace dispatch {
int count() noexcept;                              ///< instruction sets built in, lowest first
const kernel_table& table(int i) noexcept;
bool supported(int i) noexcept;                    ///< may this processor run it?
int best() noexcept;
int find(const char* isa) noexcept;                ///< -1: not built in
std::ptrdiff_t past_cache_from() noexcept;             ///< bytes beyond which results are stored past the cache
}  // namespace dispatch
}  // namespace ufloss
