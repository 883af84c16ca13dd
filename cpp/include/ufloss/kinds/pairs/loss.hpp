// What a loss over all pairs of a batch is made of.
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

/// What a pair costs: ramp + log(1 + tail), so that many tails can share one logarithm.
template <class D> struct pair_cost {
  D ramp, tail, slope;
};
/// What kinds/pairs/loop.hpp computes.  cost(x) is that of a pair with x = N - S, where S is its cosine over
/// the temperature and N the log-sum-exp of those that its row is held against.  `inclusive`: these are all
/// others, not only those of other labels.  `by_row`: the mean is taken over the pairs of each row, then over
/// the rows that have any; else over all pairs.
struct pair_loss {
  static constexpr loss_kind kind = loss_kind::pairs;
  static constexpr argument args[] = {
      {"embeddings", role::prediction, domain::real, required, "Vectors; only their directions count.",
       "b,d"},
      {"labels", role::label, domain::label, required,
       "Any integers: vectors of the same label belong together.", "b"},
      parameter("temperature", domain::positive, 0.07, "What the cosines are divided by.")};
  static constexpr unsigned parts = part_value | part_grad, vanishing = part_grad,
                            properties = nonnegative_value;
};

UFL_END
