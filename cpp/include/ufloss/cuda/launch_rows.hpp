// Launches of row losses from C++ programs that nvcc compiles, as launch.hpp has them of elementwise ones.
#pragma once
#include "ufloss/cuda/launch.hpp"
#include "ufloss/cuda/row.hpp"
#include "ufloss/cuda/row_plan.hpp"

UFL_BEGIN
namespace gpu {

/// rows<softmax_cross_entropy_with_integer_labels, part_value | part_grad, float>(stream, {batch, classes},
/// 1, {logits, labels, 0.0, value, grad}): inputs, outputs in the order value, grad, grad2, grad3, hess,
/// hess_bound, where Masked a mask of bytes, and where `checked` a word of 8 bytes that becomes 1 where a
/// label, an integer of 8 bytes, is no class.  Strides are those of `shape`, which rows lie along at `axis`;
/// what comes once a row has one there too, which nobody uses.
template <class L, unsigned Parts, class S, bool Masked = false>
cudaError_t rows(cudaStream_t stream, const std::vector<long long>& shape, int axis,
                 const std::vector<array>& arrays, bool checked = false) {
  static_assert((L::parts & Parts) == Parts, "the loss has no such derivative");
  static constexpr loss_info info = {
      L::name, kind_of<L>, L::args, arity<L>, L::parts, 0, all_properties<L>(), 0, "",
      "",      "",         "",      "",       "",       ""};
  constexpr int results = arity<L> + count_parts(Parts);
  constexpr bool has_value = (Parts & part_value) && !(L::properties & row_value);
  if (arrays.size() != std::size_t(results + Masked + checked))
    refuse(info, "takes one array for each argument and each output");
  std::vector<operand> operands;
  std::vector<long long> addresses;
  std::vector<std::vector<long long>> strides(arrays.size());
  for (int a = 0; a < int(arrays.size()); ++a) {
    const array& one = arrays[std::size_t(a)];
    std::vector<long long>& steps = strides[std::size_t(a)];
    const bool is_label = a < arity<L> && L::args[a].kind == role::label;
    const bool along = a < arity<L> ? L::args[a].along() : !(has_value && a == arity<L>);
    steps = one.strides;
    long long step = a == results ? 1 : is_label ? 8 : static_cast<long long>(sizeof(S));
    if (steps.empty()) {
      steps.resize(shape.size());
      for (int d = int(shape.size()) - 1; d >= 0; --d) {
        steps[std::size_t(d)] = step;
        if (along || d != axis) step *= shape[std::size_t(d)];
      }
    }
    if (steps.size() != shape.size()) refuse(info, "has an operand with too few or too many strides");
    addresses.push_back(reinterpret_cast<long long>(one.data));
    operands.push_back({addresses.back(), steps.data(), one.is_number, one.value});
  }
  device on;
  const cudaError_t error = current_device(on);
  if (error != cudaSuccess) return error;
  row_call call{&info, Parts, number_of<S>, int(shape.size()), shape.data(), axis, operands.data()};
  call.masked = Masked;
  call.checked = checked;
  call.beforehand = true;
  using access = row_access<L, Parts, S, 8, Masked>;
  for (const launch& l : plan_row(call, on).launches) {
    const long long* const at = addresses.data();
    const cudaError_t failed =
        l.schedule == row_threads  ? start<rows_in_threads<access>, 64>(l, on, at, stream)
        : l.schedule == row_groups ? start<rows_in_groups<access>, 256>(l, on, at, stream)
                                   : start<rows_in_passes<access>, 256>(l, on, at, stream);
    if (failed != cudaSuccess) return failed;
  }
  return cudaSuccess;
}

}  // namespace gpu
UFL_END
