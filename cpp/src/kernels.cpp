// Every loop of every elementwise loss.  Compiled once per instruction set; exports one table,
// constant-initialised, so that no code of this file runs before the processor has been checked.
#include "kernel_unit.hpp"
#include "ufloss/registry.hpp"

UFL_BEGIN
namespace {

template <class L, unsigned Parts, class S>
int loop(void*, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void*) {
  const quiet flags;
  elementwise<L, Parts, S>(args, steps, *n, dispatch::past_cache_from());
  return 0;
}
template <class L, unsigned Parts> constexpr loss_record record(const char* attribute) {
  if constexpr ((L::parts & Parts) == Parts)
    return {&info<L>, attribute,
            arity<L>, count_parts(Parts),
            Parts,    {loop<L, Parts, half>, loop<L, Parts, float>, loop<L, Parts, double>}};
  else return {&info<L>, attribute, arity<L>, count_parts(Parts), Parts, {nullptr, nullptr, nullptr}};
}

constexpr int outputs = 9;
template <class List> struct records;
template <class... L> struct records<loss_list<L...>> {
  struct group {
    loss_record r[outputs];
  };
  template <class One> static constexpr group all_of() {
    return {{record<One, part_value>(""), record<One, part_grad>("grad"),
             record<One, part_value | part_grad>("value_and_grad"), record<One, part_hess>("hess"),
             record<One, part_grad | part_hess>("grad_and_hess"), record<One, part_bound>("hess_bound"),
             record<One, part_grad | part_bound>("grad_and_hess_bound"),
             record<One, part_grad | part_grad2>("grads"),
             record<One, part_value | part_grad | part_grad2>("value_and_grads")}};
  }
  static constexpr group rows[] = {all_of<L>()...};
  static constexpr int size = int(sizeof...(L)) * outputs;
};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(table_, UFL_ISA);
const kernel_table UFL_JOIN(table_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records<elementwise_losses>::rows[0].r,
                                                records<elementwise_losses>::size};
}  // namespace ufloss::dispatch
