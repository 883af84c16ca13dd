// What sums.cpp is given to add up a loss along a line.
#pragma once
#include "dispatch.hpp"

namespace ufloss {

/// The first argument of the loop named "line"; the others are where the sum and that of the weights are
/// added to.  A loss's loop, which gives the value and perhaps the gradient, and its operands; steps in
/// bytes.
struct line {
  strided_loop* loop;  ///< of the type it is computed in: float for operands in half
  int inputs;
  char* args[8];
  std::ptrdiff_t steps[8];
  std::ptrdiff_t n, segment;  ///< elements, and how many are added up by themselves
  const char* weights;        ///< doubles; null: 1
  std::ptrdiff_t weight_step;
  char* grad;  ///< null: not wanted
  std::ptrdiff_t grad_step;
  double divisor;  ///< of the gradient, beside its weight; 1 for a sum
  std::ptrdiff_t
      done;  ///< elements added up: fewer than n where a segment's sum is not finite and may be in double
};
}  // namespace ufloss
