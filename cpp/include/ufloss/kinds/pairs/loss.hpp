// What a loss over all pairs of a batch is made of.
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

/// Rows are worked on by blocks of so many, whatever the registers: a multiple of the rows of a tile and of
/// virtual lanes.
constexpr int batch_block = 96;
/// Lanes in which exponentials are added up in their type, and how many each adds before a double takes over.
template <class T> constexpr int pair_lanes = 128 / int(sizeof(T));
constexpr int pair_chunks = 64;

/// What a pair costs: ramp + log(1 + tail), so that many tails can share one logarithm.
template <class D> struct pair_cost {
  D ramp, tail, slope;
};
/// A pair loss is over one batch, whose labels say what belongs together, or over two, where vector i of the
/// one belongs to vector i of the other.
struct one_batch;
struct two_batches;
inline constexpr argument cosine_temperature =
    parameter("temperature", domain::positive, 0.07,
              "What the cosines are divided by; NaN where its reciprocal overflows.");

/// What kinds/pairs/loop.hpp computes.  cost(x) is that of a pair with x = N - S, where S is its cosine over
/// the temperature and N the log-sum-exp of those that its row is held against.  `inclusive`: these are all
/// others, not only those of other labels.  `by_row`: the mean is taken over the pairs of each row, then over
/// the rows that have any; else over all pairs.
struct pair_loss {
  static constexpr loss_kind kind = loss_kind::pairs;
  using form = one_batch;
  static constexpr argument args[] = {{"embeddings", role::prediction, domain::real, required,
                                       "Vectors; only their directions count.", "b,d"},
                                      {"labels", role::label, domain::label, required,
                                       "Any integers: vectors of the same label belong together.", "b"},
                                      cosine_temperature};
  static constexpr unsigned parts = part_value | part_grad, vanishing = part_grad,
                            properties = nonnegative_value;
};

/// Of two batches: cost(x) is that of query i and key i, with N of the query and all other keys. `both_ways`:
/// half of it, and half of what it would be with the batches exchanged.
struct cross_pair_loss {
  static constexpr loss_kind kind = loss_kind::pairs;
  using form = two_batches;
  static constexpr argument args[] = {
      {"queries", role::prediction, domain::real, required, "Vectors; only their directions count.", "b,d"},
      {"keys", role::prediction, domain::real, required,
       "Vectors, of which the i-th belongs to the i-th query; only their directions count.", "b,d"},
      cosine_temperature};
  static constexpr unsigned parts = part_value | part_grad | part_grad2 | part_grad3,
                            vanishing = part_grad | part_grad2 | part_grad3, properties = nonnegative_value;
};
template <class L> constexpr bool is_cross = __is_base_of(cross_pair_loss, L);

UFL_END
