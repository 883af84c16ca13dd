// Sums and means of losses, and the sum behind them.
#include "helpers.hpp"
#include "ufloss/reduce/reduce.hpp"

UFL_BEGIN
namespace {

constexpr argument arguments[] = {prediction("values", domain::real, ""),
                                  {"weights", role::parameter, domain::real, required, "", "n"},
                                  {"mask", role::parameter, domain::real, required, "", "n"}};
constexpr loss_info about = helper_info("weighted_sum", arguments);

/// Row by row, without giving the lock away.
template <class S>
int loop(const context&, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
  const quiet flags;
  for (std::ptrdiff_t r = 0; r < n[0]; ++r) {
    const auto at = [&](int k) { return args[k] + r * steps[k]; };
    weighted_sum<S>(n[1], at(0), steps[5], at(1), steps[6], at(2), steps[7], reinterpret_cast<double*>(at(3)),
                    reinterpret_cast<double*>(at(4)));
  }
  return 0;
}

/// args[0]: a reduction.
/// A record like any other, so that dispatch finds it in the table of the instruction set; it is no ufunc.
int add_losses(const context&, char* const* args, const std::ptrdiff_t*, const std::ptrdiff_t*) {
  const quiet flags;
  return reduce(*reinterpret_cast<reduction*>(args[0])) ? 0 : -1;
}

// Nobody gives it: a description wants at least one.
constexpr argument of_losses[] = {prediction("losses", domain::real, "")};
constexpr loss_info reducing = helper_info("reduction", of_losses);
constexpr loss_record records[] = {{&about,
                                    "",
                                    3,
                                    2,
                                    part_value,
                                    {loop<half>, loop<float>, loop<double>},
                                    "(n),(n),(n)->(),()",
                                    false,
                                    "FDBDD"},
                                   {&reducing, "", 0, 0, part_value, {add_losses}, nullptr, false, ""}};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(sums_, UFL_ISA);
const kernel_table UFL_JOIN(sums_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records,
                                               int(sizeof(records) / sizeof(records[0]))};
}  // namespace ufloss::dispatch
