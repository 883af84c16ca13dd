// What losses of regions need beside the row losses, as rows.cpp has its loops; no ufunc of its own is made
// public of it.
#include "ufloss/kinds/row/regions.hpp"
#include "row_loop.hpp"
#include "ufloss/losses/segmentation.hpp"

UFL_BEGIN
namespace {

/// The operands of row r, and where their elements are: those along the row come first.
template <int Operands> struct operands_of_row {
  row_operand x[Operands];
  UFL_FN operands_of_row(char* const* args, const std::ptrdiff_t* steps, std::ptrdiff_t r,
                         int along = Operands) {
    for (int k = 0; k < Operands; ++k)
      x[k] = {args[k] + r * steps[k], steps[k], k < along ? steps[Operands + k] : 0};
  }
};
/// Runs it, perhaps without the lock.
template <class F> UFL_FN int meanwhile(const std::ptrdiff_t* n, F run) {
  const quiet flags;
  const host calls = dispatch::host_calls();
  void* thread = calls.release && n[0] > long_work / (n[1] + 1) ? calls.release() : nullptr;
  run();
  if (thread) calls.restore(thread);
  return 0;
}

constexpr argument along_pixels[] = {prediction("p", domain::real, ""),
                                     prediction("q", domain::real, ""),
                                     prediction("t", domain::real, ""),
                                     {"mask", role::parameter, domain::real, required, "", true}};
constexpr loss_info overlapping = {"overlaps", along_pixels, 4, part_value, 0, 0, 0, "", "", "", "", "", ""};
constexpr argument along_classes[] = {prediction("p", domain::real, ""), prediction("t", domain::real, ""),
                                      prediction("up", domain::real, ""),
                                      prediction("down", domain::real, "")};
constexpr loss_info going_back = {
    "scores_gradient", along_classes, 4, part_value, 0, 0, 0, "", "", "", "", "", ""};

constexpr loss_info splitting = {"sigmoid_with_complement",
                                 sigmoid_with_complement::args,
                                 1,
                                 sigmoid_with_complement::parts,
                                 0,
                                 0,
                                 0,
                                 "",
                                 "",
                                 "",
                                 "",
                                 "",
                                 ""};
template <class T>
int split_scores(void*, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void*) {
  const quiet flags;
  elementwise<sigmoid_with_complement, sigmoid_with_complement::parts, T>(args, steps, *n,
                                                                          dispatch::past_cache_from());
  return 0;
}

/// Regions whose pixels lie side by side are added up one by one, others together.
template <class T>
int add_overlaps(void*, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void*) {
  return meanwhile(n, [&] {
    const std::ptrdiff_t most = steps[7] == std::ptrdiff_t(sizeof(T)) ? 1 : overlap_lanes<T>::most;
    for (std::ptrdiff_t r = 0; r < n[0]; r += most) {
      const operands_of_row<7> at(args, steps, r, 4);
      overlaps<T>(n[0] - r < most ? n[0] - r : most, n[1], at.x);
    }
  });
}
template <class T>
int scores_gradient_rows(void*, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps,
                         void*) {
  return meanwhile(n, [&] {
    for (std::ptrdiff_t r = 0; r < n[0]; ++r) {
      const operands_of_row<5> at(args, steps, r);
      scores_gradient<T>(n[1], at.x[0], at.x[1], at.x[2], at.x[3], at.x[4]);
    }
  });
}

/// scores -> (p, q), of several classes.
template <class T>
constexpr strided_loop* softmax_loop =
    loop_rows<softmax_with_complement, softmax_with_complement::parts, false, T>;

constexpr loss_record records[] = {{&overlapping,
                                    "",
                                    4,
                                    3,
                                    part_value,
                                    {nullptr, add_overlaps<float>, add_overlaps<double>},
                                    "(n),(n),(n),(n)->(),(),()",
                                    false,
                                    "FFFBDDD"},
                                   {&info<softmax_with_complement>,
                                    "",
                                    1,
                                    2,
                                    softmax_with_complement::parts,
                                    {nullptr, softmax_loop<float>, softmax_loop<double>},
                                    "(n)->(n),(n)"},
                                   {&splitting,
                                    "",
                                    1,
                                    2,
                                    sigmoid_with_complement::parts,
                                    {nullptr, split_scores<float>, split_scores<double>}},
                                   {&going_back,
                                    "",
                                    4,
                                    1,
                                    part_value,
                                    {nullptr, scores_gradient_rows<float>, scores_gradient_rows<double>},
                                    "(n),(n),(n),(n)->(n)"}};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(regions_, UFL_ISA);
const kernel_table UFL_JOIN(regions_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records,
                                                  int(sizeof(records) / sizeof(records[0]))};
}  // namespace ufloss::dispatch
