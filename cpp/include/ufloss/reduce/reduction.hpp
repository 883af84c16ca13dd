// What a weighted sum or mean of a loss is asked for with: operands over axes, in the program's own words.
#pragma once
#include <cstddef>
#include <cstdint>
#include "ufloss/context.hpp"

namespace ufloss {

constexpr int reduce_axes = 64;                 ///< as many as an array of NumPy may have
constexpr int reduce_inputs = 8;                ///< of a loss
constexpr std::ptrdiff_t reduce_block = 65536;  ///< elements that are added up by themselves

/// How numbers are stored.
enum class number_type {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float16,
  float32,
  float64
};
constexpr int number_types = 12;

/// Numbers over the axes of the losses, steps in bytes; those of an axis that it lacks are 0.
struct reduce_operand {
  char* data = nullptr;  ///< null: there is none
  number_type type = number_type::float64;
  bool aligned = true;
  bool along = false;       ///< lies along the rows of a row loss
  bool is_label = false;    ///< int64, and read as it lies
  std::ptrdiff_t core = 0;  ///< from element to element of a row
  std::ptrdiff_t* steps = nullptr;
};

/// refused: by the loop, which reports why.  too_many: losses that no number counts.
enum class reduce_fault { none, refused, no_memory, too_many };

/// A sum or a mean of a loss over some of its axes.
struct reduction {
  int axes = 0;
  std::ptrdiff_t* shape = nullptr;  ///< of the losses
  bool* reduced = nullptr;          ///< is that axis added up?
  bool rows = false;
  std::ptrdiff_t width = 1;       ///< elements of a row
  loop_type type = float64_loop;  ///< of the losses: one of the first three
  int inputs = 0;
  reduce_operand in[reduce_inputs], weights, mask, grad;
  /// Of the value, or of the value and the gradient, by loop_type.  Of a row loss with a mask: the masked
  /// twin's.
  strided_loop* loops[loop_types] = {};
  strided_loop* values[loop_types] = {};  ///< of the value alone
  const context* caller = nullptr;        ///< handed to the loops
  bool mean = false;
  double *total = nullptr, *weight = nullptr;  ///< results, in the order of the axes that are kept
  void* result = nullptr;  ///< totals once more, rounded to the type of the loss; null: not wanted
  reduce_fault fault = reduce_fault::none;  ///< refused: by the loop, which reports why
};

/// Has an array with their elements a size?  As NumPy asks: lengths of 0 aside.
inline bool is_countable(const reduction& r) {
  constexpr std::ptrdiff_t most = PTRDIFF_MAX / std::ptrdiff_t(sizeof(double));
  std::ptrdiff_t elements = r.width > 0 ? r.width : 1;
  for (int i = 0; i < r.axes; ++i) {
    if (r.shape[i] == 0) continue;
    if (elements > most / r.shape[i]) return false;
    elements *= r.shape[i];
  }
  return true;
}

}  // namespace ufloss
