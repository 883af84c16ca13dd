// The choice of an instruction set, and the tables of ufuncs it gives: what the compiled units export.
#pragma once
#include <cstddef>
#include "ufloss/context.hpp"
#include "ufloss/describe.hpp"

namespace ufloss {

/// One ufunc: a loss and some of its parts.
struct loss_record {
  const loss_info* info;
  const char* attribute;  ///< "" for the value, else grad, value_and_grad, ...
  int nin, nout;
  unsigned parts;
  strided_loop* loops[loop_types];  ///< null where there is none of that type
  const char* signature;            ///< core dimensions as NumPy writes them; null: elementwise
  bool masked;                      ///< one of its inputs, with the role B, is a mask
  const char* roles;  ///< of each operand, outputs too; besides those of role: W for weights along
                      ///< the core dimensions, B bool, D double
};

/// The ufuncs of one unit, which is compiled for each instruction set.
struct kernel_table {
  const char* isa;
  const loss_record* records;
  int size;
};

namespace dispatch {
int count() noexcept;  ///< instruction sets built in, lowest first
int units() noexcept;  ///< families of losses, and what serves them
const kernel_table& table(int isa, int unit) noexcept;
const char* name(int isa) noexcept;
bool supported(int isa) noexcept;  ///< may this processor run it?
int best() noexcept;               ///< -1: this processor runs none of them
/// The best of n sets, lowest first, for a processor that has x86-64-v2 (level 0), -v3 (1) or -v4 (2), or
/// less (-1); -1: none.
int choose(const char* const* sets, int n, int level) noexcept;
int find(const char* isa) noexcept;  ///< -1: not built in
/// Plain C++ in the shape of wide registers: for tests, the best only where it is alone.
bool is_emulated(const char* isa) noexcept;
std::ptrdiff_t past_cache_from() noexcept;  ///< bytes beyond which results are stored past the cache
}  // namespace dispatch
}  // namespace ufloss
