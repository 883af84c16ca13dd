// The sum behind fused reductions, as kernels.cpp has its loops.
#include "kernel_unit.hpp"
#include "ufloss/loops/sums.hpp"

UFL_BEGIN
namespace {

constexpr argument arguments[] = {prediction("values", domain::real, ""), {"weights", role::parameter, domain::real, required, "", true}, {"mask", role::parameter, domain::real, required, "", true}};
constexpr loss_info about = {"weighted_sum", arguments, 3, part_value, 0, 0, 0, "", "", "", "", "", ""};

template <class S> int loop(void*, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void*) {
  const quiet flags;
  for (std::ptrdiff_t r = 0; r < n[0]; ++r) {
    const auto at = [&](int k) { return args[k] + r * steps[k]; };
    weighted_sum<S>(n[1], at(0), steps[5], at(1), steps[6], at(2), steps[7], reinterpret_cast<double*>(at(3)), reinterpret_cast<double*>(at(4)));
  }
  return 0;
}
constexpr loss_record records[] = {{&about, "", 3, 2, part_value, {loop<half>, loop<float>, loop<double>}, "(n),(n),(n)->(),()", false, "FDBDD"}};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(sums_, UFL_ISA);
const kernel_table UFL_JOIN(sums_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records, 1};
}  // namespace ufloss::dispatch
