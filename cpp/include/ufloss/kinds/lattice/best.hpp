// The step of the best path (Viterbi), for loops of the CPU and threads of a GPU.
#pragma once
#include "ufloss/vocabulary/scalar.hpp"

UFL_BEGIN

/// The best way into a state, and how many states it comes from below.
struct way_in {
  double best;
  unsigned char step;
};
/// Of two that are as good, the one that comes from further along.
UFL_FN way_in best_way(double stay, double from_before) {
  way_in w = {stay, 0};
  if (from_before > w.best) w = {from_before, 1};
  return w;
}
/// The same where the state before may be left out.
UFL_FN way_in best_way(double stay, double from_before, bool may_skip, double from_second) {
  way_in w = best_way(stay, from_before);
  if (may_skip && from_second > w.best) w = {from_second, 2};
  return w;
}

UFL_END
