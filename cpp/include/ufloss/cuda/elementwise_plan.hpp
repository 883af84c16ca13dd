// Which kernels an elementwise call takes.
#pragma once
#include "ufloss/cuda/layout.hpp"

UFL_BEGIN
namespace gpu {

struct elementwise_call {
  const loss_info* loss;
  unsigned parts;  ///< of its jet; outputs come in the order value, grad, grad2, hess, hess_bound
  number type;     ///< of all operands but the mask
  int dims;
  const long long* shape;
  const operand* operands;  ///< inputs, outputs, and the mask of bytes where `masked`
  bool masked = false;      ///< only elements where the mask is not 0 are stored
  bool beforehand = false;  ///< take one of the two kernels that every program can have compiled beforehand
  long long most_items = (1ll << 31) - 64;  ///< of one launch
};
/// Kernels that are compiled beforehand, by launch::schedule.
enum elementwise_schedule { elementwise_packs, elementwise_elements };

namespace elementwise_details {

constexpr unsigned block_threads = 256;
constexpr int most_dims = 8;

inline int count(unsigned parts) {
  int n = 0;
  for (; parts; parts &= parts - 1) ++n;
  return n;
}
struct planner {
  const elementwise_call& call;
  const int size = size_of(call.type), inputs = call.loss->nargs, outputs = count(call.parts);
  const int operands = inputs + outputs + call.masked;

  bool is_mask(int a) const { return a == inputs + outputs; }
  bool is_output(int a) const { return a >= inputs && !is_mask(a); }
  std::string name(int a) const {
    if (a < inputs) return call.loss->args[a].name;
    return is_mask(a) ? "where" : "output " + std::to_string(a - inputs);
  }
  void check() const {
    const unsigned known = part_value | part_grad | part_grad2 | part_hess | part_bound;
    const loss_info& loss = *call.loss;
    if (loss.kind != loss_kind::elementwise) refuse(loss, "is no elementwise loss");
    if (!call.parts || (call.parts & loss.parts & known) != call.parts)
      refuse(loss, "has no such derivative");
    for (int d = 0; d < call.dims; ++d)
      if (call.shape[d] < 0) refuse(loss, "a dimension has a negative length");
    for (int a = 0; a < operands; ++a) {
      const operand& o = call.operands[a];
      if (o.is_number) {
        if (a >= inputs) refuse(loss, name(a) + " must be an array");
        continue;
      }
      const int bytes = is_mask(a) ? 1 : size;
      bool aligned = o.address % bytes == 0;
      for (int d = 0; d < call.dims; ++d) {
        if (call.shape[d] < 2) continue;
        const long long stride = o.strides ? o.strides[d] : 0;
        aligned &= stride % bytes == 0;
        if (is_output(a) && stride == 0) refuse(loss, name(a) + " has one place for several results");
      }
      if (!aligned) refuse(loss, name(a) + " is not aligned to its type");
    }
  }

  // --- packs -----
  int packed() const { return 16 / size; }
  int bytes_of_pack(int a) const { return is_mask(a) ? packed() : 16; }
  bool is_number(int a) const { return call.operands[a].is_number; }
  /// Follow its numbers one another?  What does not repeats one.
  static bool follows(const dimension& inner, int a) { return inner.steps[std::size_t(a)] != 0; }
  long long start(const layout& l, int a) const {
    return call.operands[a].address + l.offsets[std::size_t(a)];
  }
  /// Elements before the first pack, or -1: no packs.
  long long lead(const layout& l) const {
    const dimension& inner = l.dims[0];
    for (int a = 0; a < operands; ++a) {
      const long long step = inner.steps[std::size_t(a)];
      if (step != (is_mask(a) ? 1 : size) && (step != 0 || a >= inputs)) return -1;
    }
    const long long misplaced = ((start(l, inputs) % 16) + 16) % 16;
    const long long before = l.dims.size() > 1 ? 0 : (16 - misplaced) % 16 / size;
    if (inner.length - before < packed()) return -1;
    if (l.dims.size() > 1 && inner.length % packed()) return -1;
    for (int a = 0; a < operands; ++a) {
      if (is_number(a) || !follows(inner, a)) continue;
      if ((start(l, a) + before * inner.steps[std::size_t(a)]) % bytes_of_pack(a)) return -1;
      for (std::size_t d = 1; d < l.dims.size(); ++d)
        if (l.dims[d].steps[std::size_t(a)] % bytes_of_pack(a)) return -1;
    }
    return before;
  }

  // --- launches -----
  static int compiled_dims(std::size_t dims) { return dims <= 4 ? int(dims) : most_dims; }
  launch launch_of(layout l) const {
    if (l.dims.empty()) l.dims.push_back({1, std::vector<long long>(std::size_t(operands), 0)});
    long long before = l.items() > 1 ? lead(l) : -1;
    if (call.beforehand && l.dims.size() > 1) before = -1;
    const bool packs = before >= 0;
    const int numbers = packs ? packed() : 1;
    const int dims = call.beforehand && !packs ? most_dims : compiled_dims(l.dims.size());

    unsigned repeats = 0, given = 0;
    for (int a = 0; a < inputs; ++a) {
      if (is_number(a)) given |= 1u << a;
      else if ((packs || dims == 1) && !follows(l.dims[0], a)) repeats |= 1u << a;
    }
    dimension& inner = l.dims[0];
    const long long length = inner.length;
    long long rest = 0;
    if (packs) {
      inner.length = (length - before) / numbers;
      rest = length - before - inner.length * numbers;
      for (int a = 0; a < operands; ++a) {
        l.offsets[std::size_t(a)] += before * inner.steps[std::size_t(a)];
        inner.steps[std::size_t(a)] *= numbers;
      }
    }
    const long long items = l.items();

    launch out;
    out.includes = std::string("#include \"ufloss/cuda/elementwise.hpp\"\n#include \"ufloss/losses/") +
                   call.loss->family + ".hpp\"\n";
    const auto set = [](unsigned s) { return std::to_string(s) + "u"; };
    out.kernel = std::string("ufloss::gpu::elementwise_kernel<ufloss::") + call.loss->name + ", " +
                 set(call.parts) + ", " + type_of(call.type) + ", " + std::to_string(numbers) + ", " +
                 std::to_string(dims) + ", " + (call.beforehand ? "ufloss::gpu::not_known" : set(repeats)) +
                 ", " + (call.beforehand ? "ufloss::gpu::not_known" : set(given)) + ", " +
                 (call.masked ? "true" : "false") + ">";
    out.schedule = packs ? elementwise_packs : elementwise_elements;
    out.block[0] = block_threads;
    out.grid[0] = unsigned((std::max(items, before + rest) + block_threads - 1) / block_threads);
    out.any_grid = true;
    out.blocks_at_once = 2;  // at most 128 registers, which few formulas would pass

    for (int a = 0; a < operands; ++a) {
      if (is_number(a)) out.put(call.operands[a].value);
      else out.put(l.offsets[std::size_t(a)], a);
    }
    out.put(items);
    out.put(packs ? before : 0);
    out.put(rest);
    out.put(static_cast<long long>(repeats));
    out.put(static_cast<long long>(given));
    for (int d = 0; d < dims; ++d) {
      const divisor by = divisor_of(d < int(l.dims.size()) ? l.dims[std::size_t(d)].length : 1);
      out.put(by.length);
      out.put(by.multiplier);
      out.put(by.shift);
    }
    for (int d = 0; d < dims; ++d)
      for (int a = 0; a < operands; ++a)
        out.put(d < int(l.dims.size()) ? l.dims[std::size_t(d)].steps[std::size_t(a)] : 0);
    return out;
  }
};

}  // namespace elementwise_details

/// The launches of a call, none of an empty one; std::invalid_argument where the call is wrong.
inline plan plan_elementwise(const elementwise_call& call, const device&) {
  const elementwise_details::planner p{call};
  p.check();
  plan all;
  const layout l = collapse(call.dims, call.shape, call.operands, p.operands, p.inputs);
  if (l.items() == 0) return all;
  each_part(l, call.most_items, std::size_t(elementwise_details::most_dims), 64,
            [&](const layout& part) { all.launches.push_back(p.launch_of(part)); });
  return all;
}

}  // namespace gpu
UFL_END
