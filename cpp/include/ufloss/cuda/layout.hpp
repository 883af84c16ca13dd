// How the operands of a call lie, in as few dimensions as say it.
#pragma once
#include <algorithm>
#include "ufloss/cuda/plan.hpp"

UFL_BEGIN
namespace gpu {

/// A dimension that all operands share; steps in bytes.
struct dimension {
  long long length;
  std::vector<long long> steps;  ///< of each operand
};
/// Dimensions from the innermost outwards, and where each operand begins, relative to its address.
struct layout {
  std::vector<dimension> dims;
  std::vector<long long> offsets;
  long long items() const {
    long long n = 1;
    for (const dimension& d : dims) n *= d.length;
    return n;
  }
};

/// Lengths of 1 are dropped; what `leader`, an output, has backwards is turned round; its smallest steps come
/// innermost; neighbours that lie like one dimension are one.  Nothing is left of a single element, and one
/// dimension of length 0 of none.
inline layout collapse(int dims, const long long* shape, const operand* operands, int count, int leader) {
  layout l;
  l.offsets.assign(std::size_t(count), 0);
  for (int d = 0; d < dims; ++d) {
    if (shape[d] == 0) {
      l.dims.assign(1, {0, std::vector<long long>(std::size_t(count), 0)});
      return l;
    }
    if (shape[d] == 1) continue;
    dimension one{shape[d], {}};
    for (int a = 0; a < count; ++a)
      one.steps.push_back(operands[a].is_number || !operands[a].strides ? 0 : operands[a].strides[d]);
    if (one.steps[std::size_t(leader)] < 0)
      for (int a = 0; a < count; ++a) {
        long long& step = one.steps[std::size_t(a)];
        l.offsets[std::size_t(a)] += (one.length - 1) * step;
        step = -step;
      }
    // by the leader's steps; of equal ones the last dimension comes first
    const auto larger = [&](const dimension& d) {
      return d.steps[std::size_t(leader)] >= one.steps[std::size_t(leader)];
    };
    l.dims.insert(std::find_if(l.dims.begin(), l.dims.end(), larger), std::move(one));
  }
  std::vector<dimension> merged;
  for (dimension& d : l.dims) {
    bool joins = !merged.empty();
    for (int a = 0; joins && a < count; ++a)
      joins = d.steps[std::size_t(a)] == merged.back().steps[std::size_t(a)] * merged.back().length;
    if (joins) merged.back().length *= d.length;
    else merged.push_back(std::move(d));
  }
  l.dims = std::move(merged);
  return l;
}

/// visit(part), of a layout in parts of at most `items` elements and `dims` dimensions: the outermost
/// dimension is cut, and cut again.  Cuts of the innermost one are multiples of `grain`.
template <class F>
void each_part(const layout& l, long long items, std::size_t dims, long long grain, F visit) {
  if (l.items() <= items && l.dims.size() <= dims) return visit(l);
  const dimension& outer = l.dims.back();
  const bool innermost = l.dims.size() == 1;
  long long most = l.dims.size() > dims ? 1 : std::max(items / (l.items() / outer.length), 1ll);
  if (innermost) most = std::max(most / grain * grain, 1ll);
  for (long long from = 0; from < outer.length; from += most) {
    layout part = l;
    part.dims.back().length = std::min(most, outer.length - from);
    for (std::size_t a = 0; a < l.offsets.size(); ++a) part.offsets[a] += from * outer.steps[a];
    if (part.dims.back().length == 1) part.dims.pop_back();
    each_part(part, items, dims, grain, visit);
  }
}

}  // namespace gpu
UFL_END
