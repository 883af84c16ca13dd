// What a loop over rows must know of a loss.
#pragma once
#include "ufloss/kinds/row/softmax_rows.hpp"
#include "ufloss/kinds/row/sum_rows.hpp"

UFL_BEGIN

/// What a loop over rows must know of a loss and some of its parts, beside its kernel: plain data, so that
/// the loop is compiled once for all losses.
struct row_shape {
  int nin, nout;
  int lying;    ///< inputs that lie along the row
  int scalars;  ///< inputs that come once a row, the label apart
  int outputs;  ///< those along the row
  // Which inputs they are.
  int along[max_along];
  int scalar[max_scalars];
  int label;  ///< -1: none
  // Which of the outputs along the row; -1: none.
  int label_grad_output, label_hess_output;  ///< has an entry of its own at the label
  int bound_at;                              ///< is divided by, and stays positive when it is rounded
  bool has_value;                            ///< the first output is one number a row
  bool keeps_terms;                          ///< the spread needs what the fold computed for each element
  bool needs_elements;                       ///< an empty row is an error
  domain scalar_in[max_scalars];
  double neutral[max_along];  ///< what stands for a masked element
  double masked;              ///< what a masked result is
};
/// While compiling: a static table for each loss and set of parts.
template <class L, unsigned Parts> constexpr row_shape make_shape() {
  using Tile = row_tile<L, float>;
  row_shape s{};
  s.nin = arity<L>;
  s.nout = count_parts(Parts);
  s.label = s.label_grad_output = s.label_hess_output = -1;
  for (int a = 0; a < arity<L>; ++a) {
    if (L::args[a].along()) {
      s.neutral[s.lying] = neutral_of<L>(s.lying);
      s.along[s.lying++] = a;
    } else if (L::args[a].kind == role::label) s.label = a;
    else {
      s.scalar_in[s.scalars] = L::args[a].in;
      s.scalar[s.scalars++] = a;
    }
  }
  s.has_value = (Parts & part_value) && !(L::properties & row_value);
  s.outputs = s.nout - s.has_value;
  s.bound_at = Parts & part_bound ? s.outputs - 1 : -1;
  // Outputs stand in the order of parts, so those before an entry's tell where it is.
  if constexpr (L::labelled) {
    if (L::at_label & Parts & part_grad) s.label_grad_output = 0;
    if (L::at_label & Parts & (part_hess | part_bound))
      s.label_hess_output = count_parts(Parts & (part_grad | part_grad2 | part_grad3));
  }
  s.keeps_terms = Tile::keeps_terms && s.outputs > 0;
  s.needs_elements = Tile::needs_elements;
  s.masked = L::masked;
  return s;
}

UFL_END
