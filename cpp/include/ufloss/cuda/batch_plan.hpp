// The words of batch.hpp.
#pragma once
#include "ufloss/cuda/batch.hpp"
#include "ufloss/cuda/layout.hpp"

UFL_BEGIN
namespace gpu {

inline int outputs_of(unsigned parts) {
  int n = 0;
  for (; parts; parts &= parts - 1) ++n;
  return n;
}
/// visit(part) for parts of the items that one launch takes; `leader`: an operand with one place an item.
template <class F>
void each_batch(int dims, const long long* shape, const operand* operands, int count, int leader,
                long long most_items, F visit) {
  const layout l = collapse(dims, shape, operands, count, leader);
  if (l.items()) each_part(l, most_items, std::size_t(batch_dims), 1, visit);
}
inline void put_batch(launch& to, const layout& part, int operands) {
  to.put(part.items());
  const auto dim = [&](int d) { return d < int(part.dims.size()) ? &part.dims[std::size_t(d)] : nullptr; };
  for (int d = 0; d < batch_dims; ++d) {
    const divisor by = divisor_of(dim(d) ? dim(d)->length : 1);
    to.put(by.length);
    to.put(by.multiplier);
    to.put(by.shift);
  }
  for (int d = 0; d < batch_dims; ++d)
    for (int k = 0; k < operands; ++k) to.put(dim(d) ? dim(d)->steps[std::size_t(k)] : 0);
}

/// Is the array aligned to numbers of so many bytes?  Strides of dimensions of one element do not count.
inline bool is_aligned(const operand& o, int dims, const long long* shape, int bytes) {
  bool aligned = o.address % bytes == 0;
  for (int d = 0; d < dims; ++d)
    if (shape[d] > 1 && o.strides) aligned &= o.strides[d] % bytes == 0;
  return aligned;
}
/// Does one of its places hold several results?
inline bool overlaps(const operand& o, int dims, const long long* shape) {
  for (int d = 0; d < dims; ++d)
    if (shape[d] > 1 && (!o.strides || o.strides[d] == 0)) return true;
  return false;
}

}  // namespace gpu
UFL_END
