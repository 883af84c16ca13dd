// The loop of a row loss, as NumPy calls it.
#pragma once
#include "kernel_unit.hpp"
#include "ufloss/kinds/row/loop.hpp"

UFL_BEGIN
namespace {

constexpr std::ptrdiff_t long_work = 1 << 16;  // elements beyond which others may run meanwhile

template <class L, unsigned Parts, bool Masked, class S, class O = S>
int loop_rows(void* context, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void*) {
  const quiet flags;
  const host calls = dispatch::host_calls();
  bad_label bad;
  void* thread = calls.release && n[0] > long_work / (n[1] + 1) ? calls.release() : nullptr;
  const bool done = rows<L, Parts, S, O>(args, n, steps, Masked, &bad);
  if (thread) calls.restore(thread);
  if (!done && bad.no_memory) {
    if (calls.fail_sequence) calls.fail_sequence(context, L::name, 0, 0, 0);
  } else if (!done && calls.fail) calls.fail(context, L::name, bad.label, bad.classes);
  return done ? 0 : -1;
}

}  // namespace
UFL_END
