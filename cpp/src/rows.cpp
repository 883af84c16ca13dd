// Every loop of every row loss, as kernels.cpp has it for the elementwise ones.
#include "row_loop.hpp"
#include "ufloss/registry_rows.hpp"

UFL_BEGIN
namespace {

/// "(n),(),(n)->(),(n)" from the argument list, the mask and the outputs.
template <class L, unsigned Parts, bool Masked> struct signature_of {
  static constexpr int length = 5 * (arity<L> + Masked + count_parts(Parts)) + 2;
  struct text {
    char c[length];
  };
  static constexpr text make() {
    text t{};
    int at = 0;
    const auto add = [&](bool along, bool first) {
      if (!first) t.c[at++] = ',';
      t.c[at++] = '(';
      if (along) t.c[at++] = 'n';
      t.c[at++] = ')';
    };
    for (int a = 0; a < arity<L>; ++a) add(L::args[a].along, a == 0);
    if (Masked) add(true, false);
    t.c[at++] = '-';
    t.c[at++] = '>';
    for (int k = 0; k < count_parts(Parts); ++k)
      add(!(k == 0 && (Parts & part_value) && !(L::properties & row_value)), k == 0);
    return t;
  }
  static constexpr text value = make();
};

template <class L, unsigned Parts, bool Masked> constexpr loss_record record(const char* attribute) {
  constexpr int nin = arity<L> + Masked;
  if constexpr ((L::parts & Parts) == Parts)
    return {&info<L>,
            attribute,
            nin,
            count_parts(Parts),
            Parts,
            {loop_rows<L, Parts, Masked, half>, loop_rows<L, Parts, Masked, float>,
             loop_rows<L, Parts, Masked, double>, loop_rows<L, Parts, Masked, half, float>},
            signature_of<L, Parts, Masked>::value.c,
            Masked};
  else
    return {&info<L>, attribute, nin, count_parts(Parts), Parts, {nullptr, nullptr, nullptr, nullptr},
            nullptr,  Masked};
}

constexpr int outputs = 18;
template <class List> struct records;
template <class... L> struct records<loss_list<L...>> {
  struct group {
    loss_record r[outputs];
  };
  template <class One, bool M> static constexpr void fill(loss_record* to) {
    to[0] = record<One, part_value, M>("");
    to[1] = record<One, part_grad, M>("grad");
    to[2] = record<One, part_value | part_grad, M>("value_and_grad");
    to[3] = record<One, part_hess, M>("hess");
    to[4] = record<One, part_grad | part_hess, M>("grad_and_hess");
    to[5] = record<One, part_bound, M>("hess_bound");
    to[6] = record<One, part_grad | part_bound, M>("grad_and_hess_bound");
    constexpr unsigned grads = part_grad | part_grad2 | (One::parts & part_grad3);
    to[7] = record<One, grads, M>("grads");
    to[8] = record<One, part_value | grads, M>("value_and_grads");
  }
  template <class One> static constexpr group all_of() {
    group g{};
    fill<One, false>(g.r);
    fill<One, true>(g.r + 9);
    return g;
  }
  static constexpr group table[] = {all_of<L>()...};
  static constexpr int size = int(sizeof...(L)) * outputs;
};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(rows_, UFL_ISA);
const kernel_table UFL_JOIN(rows_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records<row_losses>::table[0].r,
                                               records<row_losses>::size};
}  // namespace ufloss::dispatch
