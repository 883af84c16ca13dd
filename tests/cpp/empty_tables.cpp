// Tables without a record, for tests that ask dispatch.cpp what the processor can do and run loops of their
// own.
#include "dispatch.hpp"
#include "instruction_sets.hpp"

namespace ufloss::dispatch {
#define UFL_EMPTY(kind, isa)              \
  extern const kernel_table kind##_##isa; \
  const kernel_table kind##_##isa = {#isa, nullptr, 0};
#define UFL_EMPTY_ALL(isa) UFL_KINDS(UFL_EMPTY, isa)
UFL_ISAS(UFL_EMPTY_ALL)
}  // namespace ufloss::dispatch
