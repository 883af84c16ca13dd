// The choice of an instruction set, and the table of kernels it gives: what every compiled copy of
// kernels.cpp exports.
#pragma once
#include <cstddef>
#include "ufloss/describe.hpp"

namespace ufloss {

/// A strided loop as NumPy calls it: inputs then outputs, n[0] elements, steps in bytes.  Of a row loss: n[0]
/// rows of n[1] elements; the steps from row to row of every operand, then those along the row of the
/// operands that have one.
using strided_loop = int(void* context, char* const* args, const std::ptrdiff_t* n,
                         const std::ptrdiff_t* steps, void* auxiliary);
enum loop_type { float16_loop, float32_loop, float64_loop, float16_to_float32_loop, loop_types };

/// One ufunc: a loss and some of its parts.
struct loss_record {
  const loss_info* info;
  const char* attribute;  ///< "" for the value, else grad, value_and_grad, ...
  int nin, nout;
  unsigned parts;
  strided_loop*
      loops[loop_types];  ///< all null: this loss has no such derivative; the last is one of row losses
  const char* signature = nullptr;  ///< of a row loss, as NumPy writes it
  bool masked = false;              ///< its last input is a mask along the row
  const char* roles = nullptr;      ///< of every operand, where they do not follow from the arguments
};

/// What a row loop asks of the program around it; each may be null.
struct host {
  void* (*release)();  ///< before long work: lets other threads go on
  void (*restore)(void*);
  void (*fail)(void* context, const char* loss, long long label,
               std::ptrdiff_t classes);  ///< a label that is no class; 0 classes: an empty row
  void (*fail_sequence)(void* context, const char* loss, int fault, long long value,
                        long long limit);  ///< a ctc_fault; 0: no memory
};

/// All ufuncs of one source file and one instruction set.
struct kernel_table {
  const char* isa;
  const loss_record* records;
  int size;
};

// What is compiled once an instruction set exports a table named after both.
#define UFL_KINDS(X, isa) X(table, isa) X(rows, isa) X(ctc, isa) X(sums, isa) X(batch, isa) X(regions, isa)

namespace dispatch {
enum kind {
  losses_kind,
  rows_kind,
  ctc_kind,
  sums_kind,
  batch_kind,
  regions_kind,
  kinds
};  ///< in the order of UFL_KINDS
int count() noexcept;  ///< instruction sets built in, lowest first
const kernel_table& table(int i, int kind = losses_kind) noexcept;
bool supported(int i) noexcept;  ///< may this processor run it?
int best() noexcept;             ///< -1: this processor runs none of them
/// The best of n sets, lowest first, for a processor that has x86-64-v2 (level 0), -v3 (1) or -v4 (2), or
/// less (-1); -1: none.
int choose(const char* const* sets, int n, int level) noexcept;
int find(const char* isa) noexcept;          ///< -1: not built in
bool is_emulated(const char* isa) noexcept;  ///< plain C++ in the shape of wide registers: for tests, the
                                             ///< best only where it is alone
host& host_calls() noexcept;
std::ptrdiff_t past_cache_from() noexcept;  ///< bytes beyond which results are stored past the cache
}  // namespace dispatch
}  // namespace ufloss
