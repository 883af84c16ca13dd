// The search for a label that is no class, which kinds with classes put into answer::labels_check.
#pragma once
#include "ufloss/cuda/call.hpp"

UFL_BEGIN
namespace gpu {

struct labels_call {
  const loss_info* loss;
  lengths rows;  ///< the shape that labels are broadcast to
  const call_array* labels;
  int labels_place;                  ///< among the addresses of the plan
  const call_array* mask = nullptr;  ///< of bytes; null: all rows take part
  int mask_place = 0;
  lengths mask_steps;                        ///< bytes, from row to row, a dimension of `rows` each
  long long mask_length = 1, mask_step = 0;  ///< along a row
  long long classes;
};

/// No launches where there is nothing to look at; a label by value is looked at here.
inline plan plan_labels(const labels_call& call) {
  constexpr int most_dims = 8, threads = 256;
  plan all;
  long long rows = 1;
  for (const long long n : call.rows) rows *= n;
  if (rows == 0) return all;
  if (rows >= (1ll << 31)) refuse(*call.loss, "has too many rows for a call that is checked");

  constexpr const char* stored[] = {"signed char",   "short",          "int",          "long long",
                                    "unsigned char", "unsigned short", "unsigned int", "unsigned long long"};
  const call_array& labels = *call.labels;
  if (labels.is_number || !is_integral(labels.type))
    refuse_type(*call.loss, "labels must be an array of integers");
  launch l;
  l.includes = "#include \"ufloss/cuda/labels.hpp\"\n";
  l.kernel = std::string("ufloss::gpu::labels_kernel<") + stored[int(labels.type) - int(element::int8)] +
             (call.mask ? ", true>" : ", false>");
  l.block[0] = threads;
  l.shared = threads * 16;
  l.put(0, call.labels_place);
  l.put(0, call.mask ? call.mask_place : no_base);
  l.put(0, workspace_base);
  l.put(rows);
  l.put(call.classes);
  l.put(call.mask_length);
  l.put(call.mask_step);

  struct row_dimension {
    long long length, step, mask_step;
  };
  std::vector<row_dimension> dims;  // from the innermost outwards
  const lengths steps = strides_in(call.rows, labels);
  for (std::size_t d = call.rows.size(); d-- > 0;) {
    const row_dimension one{call.rows[d], steps[d], call.mask ? call.mask_steps[d] : 0};
    if (one.length == 1) continue;
    row_dimension* inner = dims.empty() ? nullptr : &dims.back();
    if (inner && one.step == inner->step * inner->length && one.mask_step == inner->mask_step * inner->length)
      inner->length *= one.length;
    else dims.push_back(one);
  }
  if (dims.size() > std::size_t(most_dims)) refuse(*call.loss, "has too many dimensions to be checked");
  dims.resize(most_dims, {1, 0, 0});
  for (const row_dimension& d : dims) {
    const divisor by = divisor_of(d.length);
    l.put(by.length);
    l.put(by.multiplier);
    l.put(by.shift);
  }
  for (const row_dimension& d : dims) l.put(d.step);
  for (const row_dimension& d : dims) l.put(d.mask_step);
  all.launches.push_back(std::move(l));
  all.workspace = 16;
  return all;
}

}  // namespace gpu
UFL_END
