// Prints the translation units that the planner writes for typical calls, each behind a line
// "// == <kernel>": for kernels_check.py, which compiles them.  usage: sources some|all
#include <array>
#include <cstdio>
#include <cstring>
#include "../check.hpp"
#include "ufloss/cuda/elementwise_plan.hpp"
#include "ufloss/cuda/lattice_plan.hpp"
#include "ufloss/cuda/list_plan.hpp"
#include "ufloss/cuda/pairs_plan.hpp"
#include "ufloss/cuda/reduce_plan.hpp"
#include "ufloss/cuda/row_plan.hpp"
#include "ufloss/ufloss.hpp"

using namespace ufloss;
using namespace ufloss::gpu;

namespace {

int printed = 0;
template <class L> loss_info info_of(const char* family) {
  return {L::name, kind_of<L>, L::args, arity<L>, L::parts, 0,     all_properties<L>(), 0, "",
          "",      "",         "",      "",       "",       family};
}
void print(const plan& p) {
  for (const launch& l : p.launches) {
    std::printf("// == %s\n%s%s", l.kernel.c_str(), l.cluster > 1 ? "// from sm_90 on\n" : "",
                source_of(l).c_str());
    ++printed;
  }
}
template <class L> void print(const char* family, unsigned parts, number type, bool masked, bool strided) {
  const loss_info info = info_of<L>(family);
  const long long size = size_of(type), shape[] = {6, 4096};
  const long long in_rows[] = {4096 * size, size}, apart[] = {size, 12 * size}, of_mask[] = {4096, 1};
  const long long repeated[] = {0, 0};
  std::vector<operand> operands(std::size_t(arity<L> + count_parts(parts)), {0, in_rows});
  if (strided) operands[0].strides = apart;
  for (int a = 2; a < arity<L>; ++a) operands[std::size_t(a)].strides = repeated;
  if (masked) operands.push_back({0, of_mask});
  elementwise_call call{&info, parts, type, 2, shape, operands.data()};
  call.masked = masked;
  print(plan_elementwise(call, device{}));
}
/// In a warp, in a block, and in the workspace.
template <class L> void print_list(unsigned parts, number type, long long items, bool masked) {
  const loss_info info = info_of<L>("ranking");
  const long long size = size_of(type), lists = 1000, row = items * size;
  const std::vector<operand> operands(std::size_t(2 + masked + count_parts(parts)), {0, &row});
  const std::vector<long long> along(operands.size(), size);
  list_call call{&info, parts, type, type, 1, &lists, items, operands.data(), along.data()};
  call.masked = masked;
  print(plan_list(call, device{}));
}
/// All kernels of a call; labels: 100 for one pair a thread, 1000 for two, 2000 for four.
template <class L> void print_lattice(ctc_output output, number type, long long labels, bool packed) {
  const loss_info info = info_of<L>("ctc");
  const long long size = size_of(type), batch = 4, frames = 400, classes = packed ? 128 : 301;
  const bool path = output == ctc_output::path_and_score;
  const long long of_logits[] = {frames * classes * size, classes * size, size};
  const long long of_rows[] = {frames * (2 * labels + 1) * size, (2 * labels + 1) * size, size};
  const long long of_labels[] = {labels * 8, 8}, of_path[] = {frames * 8, 8}, lengths[] = {8},
                  losses[] = {size};
  std::vector<operand> operands = {
      {0, of_logits}, {0, of_labels}, {0, lengths}, {0, lengths}, {0, nullptr, true, 0}};
  const operand rows = {0, path ? of_path : output == ctc_output::states ? of_rows : of_logits};
  if (path) operands.push_back(rows);
  if (path || output == ctc_output::value || output == ctc_output::value_and_grad)
    operands.push_back({0, losses});
  if (!path && output != ctc_output::value) operands.push_back(rows);
  device on;
  on.shared_per_block = 160 * 1024;
  print(plan_lattice({&info, output, type, 1, &batch, frames, classes, labels, operands.data()}, on));
}
/// The mean over one of two axes: with the gradient, weights and a mask, or of losses that lie in memory.
template <class L> void print_mean(const char* family, number type, int axis, long long length, bool stored) {
  const loss_info info = info_of<L>(family);
  const long long size = size_of(type), shape[] = {length, length}, rows[] = {length * size, size};
  const long long of_weights[] = {length * 8, 8}, of_mask[] = {length, 1};
  const bool reduced[] = {axis == 0, axis == 1};
  std::vector<operand> operands(std::size_t(stored ? 1 : arity<L>), {0, rows});
  reduce_call call{&info, stored};
  call.mean = true;
  call.grad = call.weighted = call.masked = !stored;
  call.type = call.result_type = type;
  call.dims = 2;
  call.shape = shape;
  call.reduced = reduced;
  if (!stored) operands.insert(operands.end(), {{0, of_weights}, {0, of_mask}, {0, rows}});
  operands.push_back({0, nullptr});
  call.operands = operands.data();
  print(plan_reduce(call, device{}));
}
template <class L> void print_pairs(unsigned parts, number type, bool masked) {
  const loss_info info = info_of<L>("pairs");
  const long long size = size_of(type), n = 300, width = 64, batches = 2, apart = n * width * 8;
  const std::vector<operand> operands(std::size_t(3 + masked + count_parts(parts)), {0, &apart});
  const std::array<long long, 2> steps = {width * size, size}, of_numbers = {8, 8};
  std::vector<std::array<long long, 2>> along(operands.size(), steps);
  if (!is_cross<L>) along[1] = of_numbers;
  pairs_call call{&info, parts,           type,
                  1,     &batches,        n,
                  width, operands.data(), reinterpret_cast<const long long (*)[2]>(along.data())};
  call.masked = masked;
  print(plan_pairs(call, device{}));
}
/// Rows of n in C order, or where `strided` in columns with a mask.
template <class L>
void print_rows(const char* family, unsigned parts, number type, long long n, bool strided) {
  const loss_info info = info_of<L>(family);
  const long long size = size_of(type), shape[] = {4096, n};
  const long long in_rows[] = {n * size, size}, columns[] = {size, 4096 * size};
  const long long of_labels[] = {8, 0}, of_mask[] = {1, 4096};
  std::vector<operand> operands(std::size_t(arity<L> + count_parts(parts)), {0, strided ? columns : in_rows});
  for (int a = 0; a < arity<L>; ++a)
    if (L::args[a].kind == role::label) operands[std::size_t(a)].strides = of_labels;
  if (strided) operands.push_back({0, of_mask});
  row_call call{&info, parts, type, 2, shape, 1, operands.data()};
  call.masked = strided;
  device newest;
  newest.major = 9;
  print(plan_row(call, newest));
}
template <class... L> void print_all(const char* family, loss_list<L...>) {
  const auto loss = [&](auto* l) {
    using X = std::remove_pointer_t<decltype(l)>;
    if constexpr (kind_of<X> == loss_kind::row) {
      for (const number type : {number::float16, number::bfloat16, number::float32, number::float64})
        for (const long long n : {10, 256, 2048, 3000, 32000, 200000}) {
          print_rows<X>(family, X::parts & (part_value | part_grad), type, n, false);
          print_rows<X>(family, X::parts, type, n, true);
        }
    } else if constexpr (kind_of<X> == loss_kind::elementwise) {
      constexpr unsigned all = X::parts & ~unsigned(part_grad3), vg = X::parts & (part_value | part_grad);
      for (const number type : {number::float16, number::bfloat16, number::float32, number::float64})
        print<X>(family, vg, type, false, false);
      print<X>(family, part_value, number::float32, false, false);
      if constexpr ((X::parts & part_grad) != 0)
        print<X>(family, X::parts & (part_grad | part_bound), number::float32, false, false);
      print<X>(family, all, number::float32, true, true);
    }
  };
  (loss(static_cast<L*>(nullptr)), ...);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr unsigned vg = part_value | part_grad;
  print<squared_error>("regression", vg, number::float32, false, false);
  print<huber_loss>("regression", vg | part_bound, number::float16, true, false);
  print<log_cosh>("regression", vg, number::bfloat16, false, true);
  print<sigmoid_binary_cross_entropy>("binary", vg, number::float64, false, false);
  print_list<list_mle_loss>(vg | part_hess | part_bound, number::float32, 100, true);
  print_list<list_mle_loss>(vg, number::float64, 500, false);
  print_list<list_mle_loss>(vg, number::bfloat16, 5000, false);
  print_lattice<ctc_loss>(ctc_output::value_and_grad, number::float32, 100, true);
  print_lattice<ctc_loss_from_log_probs>(ctc_output::value_and_grad, number::float64, 1000, false);
  print_lattice<ctc_align>(ctc_output::path_and_score, number::float16, 30, false);
  print_mean<huber_loss>("regression", number::float32, 1, 4096, false);
  print_mean<huber_loss>("regression", number::float16, 0, 4096, false);
  print_mean<log_cosh>("regression", number::float64, 1, 64, false);
  print_mean<log_cosh>("regression", number::float32, 0, 4096, true);
  print_pairs<clip_loss>(vg | part_grad2 | part_grad3, number::float32, true);
  print_pairs<ntxent_loss>(vg, number::float64, false);
  print_rows<softmax_cross_entropy_with_integer_labels>("softmax", vg, number::float32, 10, false);
  print_rows<softmax_cross_entropy>("softmax", vg, number::bfloat16, 1000, true);
  print_rows<softmax_kl_divergence>("softmax", vg | part_grad2, number::float32, 32000, false);
  print_rows<softmax_cross_entropy_with_integer_labels>("softmax", vg, number::float32, 2048, false);
  print_rows<poly_loss_cross_entropy>("softmax", vg, number::bfloat16, 128256, false);
  print_rows<multiclass_sparsemax_loss>("multiclass", vg, number::float16, 10, true);
  print_rows<cosine_distance>("similarity", vg, number::float32, 768, false);
  print_rows<kl_divergence>("divergence", vg, number::float64, 32000, false);
  if (argc > 1 && !std::strcmp(argv[1], "all")) {
    for (const number type : {number::float16, number::bfloat16, number::float32, number::float64})
      for (const long long labels : {100, 1000, 2000}) {
        const bool packed = labels == 1000;
        print_lattice<ctc_loss>(ctc_output::value, type, labels, packed);
        print_lattice<ctc_loss>(ctc_output::value_and_grad, type, labels, packed);
        print_lattice<ctc_loss_from_log_probs>(ctc_output::value, type, labels, packed);
        print_lattice<ctc_loss_from_log_probs>(ctc_output::grad, type, labels, packed);
        print_lattice<ctc_posteriors>(ctc_output::states, type, labels, packed);
        print_lattice<ctc_class_posteriors>(ctc_output::classes, type, labels, packed);
        print_lattice<ctc_align>(ctc_output::path_and_score, type, labels, packed);
      }
    print_mean<sigmoid_binary_cross_entropy>("binary", number::float16, 0, 4096, false);
    print_pairs<ntxent_loss>(vg, number::bfloat16, true);
    print_pairs<supervised_contrastive_loss>(vg, number::float32, false);
    print_pairs<info_nce_loss>(vg | part_grad2 | part_grad3, number::float64, true);
    print_pairs<clip_loss>(part_value, number::float16, false);
    print_all("regression", regression_losses{});
    print_all("margins", margins_losses{});
    print_all("binary", binary_losses{});
    print_all("focal", focal_losses{});
    print_all("deviance", deviance_losses{});
    print_all("divergence", divergence_losses{});
    print_all("ranking", ranking_losses{});
    print_all("softmax", softmax_losses{});
    print_all("multiclass", multiclass_losses{});
    print_all("similarity", similarity_losses{});
    print_all("contrastive", contrastive_losses{});
    print_all("segmentation", segmentation_losses{});
  }
  check(printed >= 10, "%d sources", printed);
  return failures != 0;
}
