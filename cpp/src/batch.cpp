// Every loop of every loss over a batch, as kernels.cpp has it for the elementwise ones.
#include <cstdlib>
#include "kernel_unit.hpp"
#include "ufloss/kinds/pairs/loop.hpp"
#include "ufloss/registry_batch.hpp"

UFL_BEGIN
namespace {

constexpr std::ptrdiff_t long_work = 1 << 16;  // products beyond which others may run meanwhile

template <class L, unsigned Parts, bool Masked, class S>
int loop(void* context, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void*) {
  const quiet flags;
  const host calls = dispatch::host_calls();
  void* thread = calls.release && double(n[0]) * double(n[1]) * double(n[1]) * double(n[2]) > long_work
                     ? calls.release()
                     : nullptr;
  char* const block = static_cast<char*>(std::malloc(batch_bytes<L, Parts, S>(n) + 64));
  if (block)
    batches<L, Parts, S>(args, n, steps, Masked,
                         block + (64 - reinterpret_cast<std::uintptr_t>(block) % 64) % 64);
  std::free(block);
  if (thread) calls.restore(thread);
  if (!block && calls.fail_sequence) calls.fail_sequence(context, L::name, 0, 0, 0);
  return block ? 0 : -1;
}

template <class L, unsigned Parts, bool Masked>
constexpr loss_record record(const char* attribute, const char* signature) {
  return {&info<L>,
          attribute,
          arity<L> + Masked,
          count_parts(Parts),
          Parts,
          {loop<L, Parts, Masked, half>, loop<L, Parts, Masked, float>, loop<L, Parts, Masked, double>},
          signature,
          Masked};
}

constexpr int outputs = 6;
template <class List> struct records;
template <class... L> struct records<loss_list<L...>> {
  struct group {
    loss_record r[outputs];
  };
  template <class One> static constexpr group all_of() {
    constexpr unsigned both = part_value | part_grad;
    return {{record<One, part_value, false>("", "(b,d),(b),()->()"),
             record<One, part_value, true>("", "(b,d),(b),(),(b)->()"),
             record<One, part_grad, false>("grad", "(b,d),(b),()->(b,d)"),
             record<One, part_grad, true>("grad", "(b,d),(b),(),(b)->(b,d)"),
             record<One, both, false>("value_and_grad", "(b,d),(b),()->(),(b,d)"),
             record<One, both, true>("value_and_grad", "(b,d),(b),(),(b)->(),(b,d)")}};
  }
  static constexpr group table[] = {all_of<L>()...};
  static constexpr int size = int(sizeof...(L)) * outputs;
};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(batch_, UFL_ISA);
const kernel_table UFL_JOIN(batch_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records<batch_losses>::table[0].r,
                                                records<batch_losses>::size};
}  // namespace ufloss::dispatch
