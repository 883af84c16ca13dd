// What a loss of ordered lists is made of.
#pragma once
#include "ufloss/kinds/row/loss.hpp"

UFL_BEGIN

/// An item that is chosen, and those that are left behind it; sums of exp(score) relative to a score near
/// the largest of them.
template <class V> struct choice {
  V own, later, total;
  V below;  ///< by how much its score lies below the one they are relative to; `own` may underflow
};
/// What kinds/list/loop.hpp computes: items are put in the order of their relevances and chosen one after the
/// other from those that are left, each with a chance of exp(score) over their sum.  cost(choice) is what a
/// choice costs; its derivative with respect to the score of an item that is left is that item's chance, less
/// 1 for the one that is chosen.
struct list_loss {
  static constexpr loss_kind kind = loss_kind::list;
  static constexpr argument args[] = {
      row_prediction("scores", domain::real, "Scores of the items of a list."),
      row_target("relevances", domain::real, "Relevances of the items, of which only the order counts.")};
  static constexpr unsigned parts = standard_parts | part_bound, vanishing = part_grad;
};

UFL_END
