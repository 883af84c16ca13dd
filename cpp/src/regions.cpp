// What losses of regions need beside the row losses; no ufunc of it is public.
#include "ufloss/kinds/row/regions.hpp"
#include "helpers.hpp"
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
/// As run_items() does for the kinds, but in one piece; whoever has a fault reports it.
template <class F> int meanwhile(const context& c, const std::ptrdiff_t* n, F run) {
  const quiet flags;
  const without_lock free(c, n[0] > kind_traits<loss_kind::row>::long_work / (n[1] + 1));
  run();
  return 0;
}

// Helpers have no page and no docstring, so their operands need no words.
constexpr argument along_pixels[] = {prediction("p", domain::real, ""),
                                     prediction("q", domain::real, ""),
                                     prediction("t", domain::real, ""),
                                     {"mask", role::parameter, domain::real, required, "", "n"}};
constexpr loss_info overlapping = helper_info("overlaps", along_pixels);
constexpr argument along_classes[] = {prediction("p", domain::real, ""), prediction("t", domain::real, ""),
                                      prediction("up", domain::real, ""),
                                      prediction("down", domain::real, "")};
constexpr loss_info going_back = helper_info("scores_gradient", along_classes);

/// Regions whose pixels lie side by side are added up one by one, others together.
template <class T>
int add_overlaps(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
  return meanwhile(c, n, [&] {
    // steps[7]: from pixel to pixel of the first operand.
    const std::ptrdiff_t most = steps[7] == std::ptrdiff_t(sizeof(T)) ? 1 : overlap_lanes<T>::most;
    for (std::ptrdiff_t r = 0; r < n[0]; r += most) {
      const operands_of_row<7> at(args, steps, r, 4);
      overlaps<T>(n[0] - r < most ? n[0] - r : most, n[1], at.x);
    }
  });
}
/// Row by row: gradients of pixels know nothing of each other.
template <class T>
int scores_gradient_rows(const context& c, char* const* args, const std::ptrdiff_t* n,
                         const std::ptrdiff_t* steps) {
  return meanwhile(c, n, [&] {
    for (std::ptrdiff_t r = 0; r < n[0]; ++r) {
      const operands_of_row<5> at(args, steps, r);
      scores_gradient<T>(n[1], at.x[0], at.x[1], at.x[2], at.x[3], at.x[4]);
    }
  });
}

/// scores -> (p, q): of several classes, and of one.
template <class T>
int split_softmax(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
  fault found;
  meanwhile(c, n, [&] {
    found = rows<softmax_with_complement, softmax_with_complement::parts, T>(args, n, steps, false);
  });
  return c.outcome("dice_loss", found);
}
/// The same of one class: a sigmoid, element by element.
template <class T>
int split_sigmoid(const context& c, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
  const quiet flags;
  elementwise<sigmoid_with_complement, sigmoid_with_complement::parts, T>(args, steps, *n, c.past_cache_from);
  return 0;
}
constexpr loss_info splitting = helper_info(softmax_with_complement::name, softmax_with_complement::args);
constexpr loss_info splitting_one = helper_info("sigmoid_with_complement", sigmoid_with_complement::args);

// Python looks them up by name.
constexpr loss_record records[] = {
    helper<add_overlaps<float>, add_overlaps<double>>(overlapping, 4, 3, "(n),(n),(n),(n)->(),(),()",
                                                      "FFFBDDD"),
    helper<split_softmax<float>, split_softmax<double>>(splitting, 1, 2, "(n)->(n),(n)", "FFF"),
    helper<split_sigmoid<float>, split_sigmoid<double>>(splitting_one, 1, 2, nullptr, "FFF"),
    helper<scores_gradient_rows<float>, scores_gradient_rows<double>>(going_back, 4, 1,
                                                                      "(n),(n),(n),(n)->(n)", "FFFFF")};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(regions_, UFL_ISA);
const kernel_table UFL_JOIN(regions_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records,
                                                  int(sizeof(records) / sizeof(records[0]))};
}  // namespace ufloss::dispatch
