// How what is added up is cut into segments, and results into groups that are computed again together.
#pragma once
#include <cstddef>
#include "ufloss/config.hpp"

UFL_BEGIN

/// A range that is cut: first into lines, then each of them into parts of at most `part`.
struct cuts {
  std::ptrdiff_t line, part;
  /// The end of the part that begins there.
  std::ptrdiff_t end(std::ptrdiff_t begin) const {
    const std::ptrdiff_t line_end = (begin / line + 1) * line;
    return line_end - begin < part ? line_end : begin + part;
  }
};

/// How axes in C order, each element of which stands for `inner` others, are cut: at the first axis within
/// which no more than `limit` are left.
inline cuts cut(const std::ptrdiff_t* shape, int axes, std::ptrdiff_t inner, std::ptrdiff_t limit) {
  std::ptrdiff_t within = 1;
  for (int i = 0; i < axes; ++i) within *= shape[i];
  for (int i = 0; i < axes; ++i) {
    within /= shape[i];
    if (within * inner > limit) continue;
    const std::ptrdiff_t step = limit / (within * inner);
    const std::ptrdiff_t most = step < 1 ? 1 : step < shape[i] ? step : shape[i];
    return {shape[i] * within, most * within};
  }
  return {1, 1};
}

UFL_END
