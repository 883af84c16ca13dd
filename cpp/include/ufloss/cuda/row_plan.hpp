// Which kernels a call of a row loss takes.
#pragma once
#include "ufloss/cuda/layout.hpp"

UFL_BEGIN
namespace gpu {

struct row_call {
  const loss_info* loss;
  unsigned parts;  ///< of its jet; outputs come in the order value, grad, grad2, grad3, hess, hess_bound
  number type;     ///< of all operands but labels, mask and flag
  int dims;
  const long long* shape;
  int axis;  ///< the dimension along which rows lie; what comes once a row has a stride there that is not
             ///< used
  const operand* operands;  ///< inputs, outputs, where `masked` a mask of bytes, where `checked` the flag
  bool masked = false;      ///< only elements where the mask is not 0 take part
  bool checked = false;     ///< a word of 8 bytes becomes 1 where a label is no class
  int label_bytes = 8;      ///< 4 or 8
  bool beforehand = false;  ///< take one of the kernels that every program can have compiled beforehand
  long long most_rows = (1ll << 31) - 64;  ///< of one launch
};
/// Kernels that are compiled beforehand, by launch::schedule.
enum row_schedule { row_threads, row_groups, row_passes, row_warps, row_clusters };

namespace row_details {

constexpr int most_dims = 8;
inline int count(unsigned parts) {
  int n = 0;
  for (; parts; parts &= parts - 1) ++n;
  return n;
}
struct planner {
  const row_call& call;
  const device& on;
  const loss_info& loss = *call.loss;
  const int size = size_of(call.type), inputs = loss.nargs, outputs = count(call.parts);
  const int operands = inputs + outputs + call.masked;
  const bool has_value = (call.parts & part_value) && !(loss.properties & row_value);
  const int computed_size = size == 8 || loss.properties & computed_in_double ? 8 : 4;

  bool is_mask(int a) const { return a == inputs + outputs; }
  bool is_output(int a) const { return a >= inputs && !is_mask(a); }
  bool is_label(int a) const { return a < inputs && loss.args[a].kind == role::label; }
  bool lies_along(int a) const {
    if (a < inputs) return loss.args[a].along();
    return is_mask(a) || a - inputs >= int(has_value);
  }
  int lying() const {
    int n = 0;
    for (int a = 0; a < inputs; ++a) n += lies_along(a);
    return n;
  }
  int bytes(int a) const { return is_mask(a) ? 1 : is_label(a) ? call.label_bytes : size; }
  std::string name(int a) const {
    if (a < inputs) return loss.args[a].name;
    return is_mask(a) ? "where" : "output " + std::to_string(a - inputs);
  }
  long long stride(int a, int d) const {
    const operand& o = call.operands[a];
    return o.is_number || !o.strides || (d == call.axis && !lies_along(a)) ? 0 : o.strides[d];
  }
  long long n() const { return call.shape[call.axis]; }
  void check() const {
    if (loss.kind != loss_kind::row) refuse(loss, "is no row loss");
    if (!call.parts || (call.parts & loss.parts) != call.parts) refuse(loss, "has no such derivative");
    if (call.axis < 0 || call.axis >= call.dims) refuse(loss, "has no such axis");
    if (call.label_bytes != 4 && call.label_bytes != 8) refuse(loss, "labels must have 4 or 8 bytes");
    for (int d = 0; d < call.dims; ++d)
      if (call.shape[d] < 0) refuse(loss, "a dimension has a negative length");
    for (int a = 0; a < operands; ++a) {
      const operand& o = call.operands[a];
      if (o.is_number) {
        if (a >= inputs) refuse(loss, name(a) + " must be an array");
        continue;
      }
      bool aligned = o.address % bytes(a) == 0;
      for (int d = 0; d < call.dims; ++d) {
        if (call.shape[d] < 2 || (d == call.axis && !lies_along(a))) continue;
        aligned &= stride(a, d) % bytes(a) == 0;
        if (is_output(a) && stride(a, d) == 0) refuse(loss, name(a) + " has one place for several results");
      }
      if (!aligned) refuse(loss, name(a) + " is not aligned to its type");
    }
    if (call.checked && call.operands[operands].address % 8) refuse(loss, "the flag is not aligned");
  }
  /// A row of no elements has no logits, and no label is a class of it.
  void check_axis() const {
    bool labelled = false;
    for (int a = 0; a < inputs; ++a) labelled |= is_label(a);
    if (n() == 0 && (loss.properties & of_logits || (labelled && !call.masked)))
      refuse(loss, "the axis of the classes has no elements");
  }
  /// The dimensions of the rows.
  layout rows() const {
    std::vector<long long> shape;
    std::vector<std::vector<long long>> strides;
    strides.resize(std::size_t(operands));
    for (int d = 0; d < call.dims; ++d) {
      if (d == call.axis) continue;
      shape.push_back(call.shape[d]);
      for (int a = 0; a < operands; ++a) strides[std::size_t(a)].push_back(stride(a, d));
    }
    std::vector<operand> all(call.operands, call.operands + operands);
    for (int a = 0; a < operands; ++a) all[std::size_t(a)].strides = strides[std::size_t(a)].data();
    const int leader = outputs > int(has_value) ? inputs + has_value : 0;
    return collapse(int(shape.size()), shape.data(), all.data(), operands, leader);
  }

  // --- schedules -----
  const long long width = 128 / computed_size;       ///< virtual lanes of logits
  const long long few = 8 * width, block = 8 * few;  ///< what a party of threads and what a warp holds
  const int parties = int(warp_threads * (16 / size) / width);

  /// Can rows be held in registers?  They are whole bunches of 16 bytes then, in all operands along them.
  bool can_be_held(const layout& l) const {
    const bool narrow = size == 2 && computed_size == 8;  // for which there is no room in shared memory
    if (!(loss.properties & of_logits) || call.masked || call.beforehand || narrow || n() % (16 / size))
      return false;
    for (int a = 0; a < operands; ++a) {
      if (!lies_along(a)) continue;
      const auto i = std::size_t(a);
      if (call.operands[a].is_number || stride(a, call.axis) != size) return false;
      if ((call.operands[a].address + l.offsets[i]) % 16) return false;
      for (const dimension& d : l.dims)
        if (d.steps[i] % 16) return false;
    }
    return true;
  }
  /// A schedule, and the numbers that its kernel takes besides.
  struct chosen {
    row_schedule schedule;
    int first = 0, second = 0;
  };
  static int power_of_two_from(long long x) {
    int p = 1;
    while (p < x) p *= 2;
    return p;
  }
  chosen schedule(const layout& l) const {
    if (n() < width) return {row_threads};
    const bool held = can_be_held(l);
    if (n() <= block) {
      if (!held) return {row_groups};
      const int shares = power_of_two_from((n() + few - 1) / few), most = std::min(parties, 8);
      return {row_warps, std::min(shares, most), std::max(shares / most, 1)};
    }
    const long long blocks = (n() + block - 1) / block;
    if (held && on.major >= 9 && blocks <= 64) return {row_clusters, 8, power_of_two_from((blocks + 7) / 8)};
    if (held && blocks <= 16) return {row_clusters, blocks <= 8 ? 8 : 16, 1};
    return {row_passes};
  }

  // --- launches -----
  void choose_blocks(launch& out, const chosen& by, long long rows) const {
    const auto blocks = [&](long long in_block) { return unsigned((rows + in_block - 1) / in_block); };
    if (out.schedule == row_threads) {
      out.block[0] = 64;  // whose tile is less than 48 KiB, whatever the loss
      const long long numbers = std::max(lying(), outputs - has_value) * (n() | 1);
      out.shared = unsigned(out.block[0] * numbers * computed_size);
      out.grid[0] = blocks(out.block[0]);
    } else if (out.schedule == row_groups) {
      out.block[0] = 256;
      out.grid[0] = blocks(256 / (loss.properties & of_logits ? width : 16));
    } else if (out.schedule == row_passes) {
      out.block[0] = 256;
      out.shared = row_passes_memory;
      out.grid[0] = blocks(1);
    } else if (out.schedule == row_warps) {
      out.block[0] = 256;
      out.shared = row_held_memory;
      out.grid[0] = blocks(8 * parties / by.first);
    } else {
      out.block[0] = unsigned(warp_threads * by.first);
      out.cluster = unsigned(by.second);
      out.shared = row_held_memory;
      out.grid[0] = unsigned(rows) * out.cluster;
    }
    if (out.block[0] == 256) out.blocks_at_once = 2;                          // at most 128 registers
    if (out.schedule == row_warps && by.second == 1) out.blocks_at_once = 3;  // 80: 32 of them hold a row
    out.any_grid = true;
  }
  launch launch_of(const layout& l) const {
    constexpr const char* names[] = {"threads", "groups", "passes", "warps", "clusters"};
    const int dims = call.beforehand || l.dims.size() > 2 ? most_dims : l.dims.size() == 2 ? 2 : 1;
    launch out;
    const chosen by = schedule(l);
    out.schedule = by.schedule;
    out.includes =
        std::string("#include \"ufloss/cuda/row.hpp\"\n#include \"ufloss/losses/") + loss.family + ".hpp\"\n";
    out.kernel = std::string("ufloss::gpu::rows_in_") + names[out.schedule] +
                 "<ufloss::gpu::row_access<ufloss::" + loss.name + ", " + std::to_string(call.parts) + "u, " +
                 type_of(call.type) + ", " + std::to_string(dims) + ", " + (call.masked ? "true" : "false") +
                 ">";
    if (by.first) out.kernel += ", " + std::to_string(by.first) + ", " + std::to_string(by.second);
    out.kernel += ">";
    choose_blocks(out, by, l.items());

    const auto put_divisor = [&](long long length) {
      const divisor by = divisor_of(length);
      out.put(by.length);
      out.put(by.multiplier);
      out.put(by.shift);
    };
    long long given = 0;
    for (int a = 0; a < operands; ++a) {
      const operand& o = call.operands[a];
      if (o.is_number) out.put(o.value);
      else out.put(l.offsets[std::size_t(a)], a);
      given |= static_cast<long long>(o.is_number) << a;
    }
    for (int a = 0; a < operands; ++a) out.put(stride(a, call.axis));
    for (int d = 0; d < dims; ++d) put_divisor(d < int(l.dims.size()) ? l.dims[std::size_t(d)].length : 1);
    for (int d = 0; d < dims; ++d)
      for (int a = 0; a < operands; ++a)
        out.put(d < int(l.dims.size()) ? l.dims[std::size_t(d)].steps[std::size_t(a)] : 0);
    out.put(l.items());
    out.put(n());
    put_divisor(out.schedule == row_threads ? std::max(n(), 1ll) : 1);
    out.put(given);
    out.put(static_cast<long long>(call.label_bytes));
    if (call.checked) out.put(0ll, operands);
    else out.put(0ll);
    return out;
  }
};

}  // namespace row_details

/// The launches of a call, none of no rows; std::invalid_argument where the call is wrong.
inline plan plan_row(const row_call& call, const device& on) {
  const row_details::planner p{call, on};
  p.check();
  plan all;
  const layout l = p.rows();
  if (l.items() == 0) return all;
  p.check_axis();
  if (p.n() == 0 && !p.has_value) return all;
  each_part(l, call.most_rows, std::size_t(row_details::most_dims), 64,
            [&](const layout& part) { all.launches.push_back(p.launch_of(part)); });
  return all;
}

}  // namespace gpu
UFL_END
