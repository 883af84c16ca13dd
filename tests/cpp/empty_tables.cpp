// Tables without a record, for tests that ask dispatch.cpp what the processor can do and run loops of their own.
#include "dispatch.hpp"

namespace ufloss::dispatch {
#if defined(UFL_X86)
extern const kernel_table table_isa_x86_64_v2, table_isa_x86_64_v3, table_isa_x86_64_v4, rows_isa_x86_64_v2, rows_isa_x86_64_v3, rows_isa_x86_64_v4;
const kernel_table table_isa_x86_64_v2 = {"isa_x86_64_v2", nullptr, 0}, table_isa_x86_64_v3 = {"isa_x86_64_v3", nullptr, 0}, table_isa_x86_64_v4 = {"isa_x86_64_v4", nullptr, 0};
const kernel_table rows_isa_x86_64_v2 = table_isa_x86_64_v2, rows_isa_x86_64_v3 = table_isa_x86_64_v3, rows_isa_x86_64_v4 = table_isa_x86_64_v4;
extern const kernel_table ctc_isa_x86_64_v2, ctc_isa_x86_64_v3, ctc_isa_x86_64_v4;
const kernel_table ctc_isa_x86_64_v2 = table_isa_x86_64_v2, ctc_isa_x86_64_v3 = table_isa_x86_64_v3, ctc_isa_x86_64_v4 = table_isa_x86_64_v4;
#elif defined(UFL_NEON)
extern const kernel_table table_isa_neon, rows_isa_neon, ctc_isa_neon;
const kernel_table table_isa_neon = {"isa_neon", nullptr, 0}, rows_isa_neon = table_isa_neon, ctc_isa_neon = table_isa_neon;
#else
extern const kernel_table table_isa_scalar, rows_isa_scalar, ctc_isa_scalar;
const kernel_table table_isa_scalar = {"isa_scalar", nullptr, 0}, rows_isa_scalar = table_isa_scalar, ctc_isa_scalar = table_isa_scalar;
#endif
}  // namespace ufloss::dispatch
