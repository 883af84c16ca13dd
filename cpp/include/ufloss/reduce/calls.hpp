// What a pass of a reduction asks of its losses, and how it calls their loops.
#pragma once
#include "ufloss/config.hpp"
#include "ufloss/reduce/reduction.hpp"

UFL_BEGIN

/// Losses that are computed by one call of a loop: their values stay in the first-level cache.
constexpr std::ptrdiff_t reduce_chunk = 512;
/// Runs of fewer elements are brought side by side before the loop is called.
constexpr std::ptrdiff_t short_run = 64;

/// Rows that are brought side by side together where operands lie across them.
constexpr std::ptrdiff_t gathered_rows = 16;
constexpr std::ptrdiff_t longest_tile = 4096;  ///< elements of a row

/// Asks for n elements that come next; those further apart than a cache line are left to the processor.
UFL_FN void ask_for(const char* at, std::ptrdiff_t n, std::ptrdiff_t step) {
  if (step < 0) {
    at += (n - 1) * step;
    step = -step;
  }
  if (step <= 64)
    for (std::ptrdiff_t i = 0; i < n * step; i += 64) UFL_PREFETCH(at + i);
}

/// What of a reduction a pass computes.
struct task {
  bool loses = true;  ///< values are computed; else weights alone are added up
  bool grad = false;
  double divisor = 1;                ///< of the gradient, where it is the same for all results
  const double* divisors = nullptr;  ///< else of each result
  const int* exponents = nullptr;  ///< weights count times 2 to the power of minus that, one for each result
};

/// Operands of a call for rows: inputs, mask, value, gradient; steps from row to row, then along them.
struct row_call {
  char* args[reduce_inputs + 3];
  std::ptrdiff_t steps[2 * (reduce_inputs + 3)];
  int operands = 0, cores = 0;
  std::ptrdiff_t core[reduce_inputs + 2];
  void add(const void* data, std::ptrdiff_t step) {
    args[operands] = const_cast<char*>(static_cast<const char*>(data));
    steps[operands++] = step;
  }
  void add(const void* data, std::ptrdiff_t step, std::ptrdiff_t along) {
    add(data, step);
    core[cores++] = along;
  }
  /// Steps along the rows go behind all outer ones, as the loop of a gufunc has them.
  void close() {
    for (int k = 0; k < cores; ++k) steps[operands + k] = core[k];
  }
};

UFL_END
