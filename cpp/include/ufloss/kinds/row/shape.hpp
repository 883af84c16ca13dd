// What a loop over rows must know of a loss.
#pragma once
#include "ufloss/kinds/row/softmax_rows.hpp"
#include "ufloss/kinds/row/sum_rows.hpp"

UFL_BEGIN

/// What a loop over rows must know of a loss and some of its parts, beside its kernel.
struct row_shape {
  int nin, nout, lying, scalars, outputs;            ///< outputs: those along the row
  int along[max_along], label, scalar[max_scalars];  ///< which inputs they are; label -1: none
  int label_grad_output,
      label_hess_output;  ///< which row outputs have an entry of their own at the label; -1: none
  int bound_at;           ///< which row output is divided by, and stays positive when it is rounded; -1: none
  bool has_value, keeps_terms, needs_elements;
  domain scalar_in[max_scalars];
  double neutral[max_along], masked;  ///< what stands for a masked element; what a masked result is
};
template <class L, unsigned Parts> constexpr row_shape make_shape() {
  using Tile = row_tile<L, float>;
  row_shape s{};
  s.nin = arity<L>;
  s.nout = count_parts(Parts);
  s.label = s.label_grad_output = s.label_hess_output = -1;
  for (int a = 0; a < arity<L>; ++a) {
    if (L::args[a].along()) {
      s.neutral[s.lying] = Tile::neutral(s.lying);
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
