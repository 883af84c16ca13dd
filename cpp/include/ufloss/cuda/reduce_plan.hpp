// Which kernels the sum or the mean of a loss takes.
#pragma once
#include "ufloss/cuda/batch_plan.hpp"
#include "ufloss/reduce/cuts.hpp"
#include "ufloss/reduce/reduction.hpp"

UFL_BEGIN
namespace gpu {

struct reduce_call {
  const loss_info* loss;
  bool stored = false;  ///< the one input are the losses themselves, in memory; else an elementwise loss's
  bool mean = false, grad = false, weighted = false, masked = false;
  number type = number::float32;          ///< of inputs and of the gradient
  number weights_type = number::float64;  ///< of the weights
  number result_type = number::float32;
  int dims = 0;
  const long long* shape = nullptr;   ///< of the losses
  const bool* reduced = nullptr;      ///< is that axis added up?
  const operand* operands = nullptr;  ///< inputs, weights, a mask of bytes, the gradient, as far as there are
                                      ///< any; the result: in C order over the axes that are kept
  long long limit = reduce_block;     ///< terms of a segment: of rows, over their width
};

namespace reduce_details {

// as reduce.hpp has them
enum schedule { rows, columns, blocks };
constexpr int lanes = 16, threads = 256, column_threads = lanes * warp_threads;
constexpr long long few = 512;

struct planner {
  const reduce_call& call;
  const device& on;
  const int inputs = call.stored ? 1 : call.loss->nargs, weights = inputs, mask = inputs + call.weighted,
            grad = mask + call.masked, result = grad + call.grad;
  layout kept{}, terms{};  ///< from the innermost dimension outwards, in C order
  cuts segments{1, 1}, groups{1, 1};
  long long of_result = 0;  ///< segments
  plan all{};

  bool has_factors() const { return call.weighted || call.masked; }
  std::string name(int a) const {
    if (a < inputs) return call.stored ? "values" : call.loss->args[a].name;
    return a == result                ? "result"
           : a == grad && call.grad   ? "gradient"
           : a == mask && call.masked ? "where"
                                      : "weights";
  }
  int size_of_operand(int a) const {
    if (a == result) return size_of(call.result_type);
    if (a == grad && call.grad) return size_of(call.type);
    if (a == mask && call.masked) return 1;
    return size_of(a == weights && call.weighted ? call.weights_type : call.type);
  }
  void check() const {
    const loss_info& loss = *call.loss;
    if (!call.stored && loss.kind != loss_kind::elementwise) refuse(loss, "is no elementwise loss");
    if (call.stored && call.grad) refuse(loss, "has no gradient among stored values");
    if (call.grad && !(loss.parts & part_grad)) refuse(loss, "has no such derivative");
    if (call.limit < 1) refuse(loss, "a segment has a term at least");
    for (int d = 0; d < call.dims; ++d)
      if (call.shape[d] < 0) refuse(loss, "a dimension has a negative length");
    for (int a = 0; a <= result; ++a) {
      const operand& o = call.operands[a];
      if (o.is_number && a >= inputs) refuse(loss, name(a) + " must be an array");
      if (o.is_number) continue;
      if (!is_aligned(o, a == result ? 0 : call.dims, call.shape, size_of_operand(a)))
        refuse(loss, name(a) + " is not aligned to its type");
      if (a == grad && call.grad && overlaps(o, call.dims, call.shape))
        refuse(loss, name(a) + " has one place for several results");
    }
  }
  /// Dimensions of either kind; neighbours that lie like one are one, in the order in which terms are
  /// counted.
  layout lay_out(bool reduced) const {
    layout l;
    l.offsets.assign(std::size_t(result), 0);
    for (int d = call.dims; d-- > 0;) {
      if (call.reduced[d] != reduced || call.shape[d] == 1) continue;
      dimension one{call.shape[d], {}};
      bool joins = !l.dims.empty();
      for (int a = 0; a < result; ++a) {
        const operand& o = call.operands[a];
        one.steps.push_back(o.is_number || !o.strides ? 0 : o.strides[d]);
        if (joins) joins = one.steps.back() == l.dims.back().steps[std::size_t(a)] * l.dims.back().length;
      }
      if (joins) l.dims.back().length *= one.length;
      else l.dims.push_back(one);
    }
    return l;
  }
  void cut_terms() {
    std::ptrdiff_t shape[2][reduce_axes];
    int count[2] = {0, 0};
    if (call.dims > reduce_axes) refuse(*call.loss, "has too many dimensions");
    for (int d = 0; d < call.dims; ++d) shape[call.reduced[d]][count[call.reduced[d]]++] = call.shape[d];
    kept = lay_out(false);
    terms = lay_out(true);
    if (kept.items() == 0 || terms.items() == 0) return;
    segments = cut(shape[1], count[1], 1, call.limit);
    of_result = terms.items() / segments.line * ((segments.line + segments.part - 1) / segments.part);
    if (of_result == 1) groups = cut(shape[0], count[0], terms.items(), call.limit);
  }

  int dims() const {
    const std::size_t most = std::max(kept.dims.size(), terms.dims.size());
    if (most <= 1) return 1;
    if (most > 8) refuse(*call.loss, "has more than 8 dimensions that do not lie like fewer");
    if (kept.items() >= 1ll << 31 || terms.items() >= 1ll << 31)
      refuse(*call.loss, "has 2^31 results or terms that do not lie along one dimension");
    return most <= 2 ? 2 : most <= 4 ? 4 : 8;
  }
  /// How far apart neighbours lie, of all operands together.
  long long distance(const layout& l) const {
    long long sum = 0;
    for (const long long step : l.dims[0].steps) sum += step < 0 ? -step : step;
    return sum;
  }
  schedule choose() const {
    const bool has_columns = !kept.dims.empty() && !terms.dims.empty() && kept.dims[0].length >= 8;
    if (has_columns && distance(kept) < distance(terms)) return columns;
    return segments.part <= few ? rows : blocks;
  }
  int lanes_of_group() const {
    int n = 2;
    while (n < lanes && n < segments.part) n *= 2;
    return n;
  }

  // --- launches -----
  struct pass {
    bool values, gradient, again;
  };
  struct memory {
    long long sums, weights, again, divisors;
  };
  std::string losses() const {
    return call.stored ? "ufloss::gpu::stored_values" : std::string("ufloss::") + call.loss->name;
  }
  launch sums(const pass& p, const memory& m, bool has_divisors) const {
    launch out;
    out.includes = "#include \"ufloss/cuda/reduce.hpp\"\n";
    if (p.values && !call.stored)
      out.includes += std::string("#include \"ufloss/losses/") + call.loss->family + ".hpp\"\n";
    const auto flag = [](bool b) { return b ? ", true" : ", false"; };
    const int compiled = dims();
    const schedule how = choose();
    out.kernel = std::string(p.again ? "ufloss::gpu::reduce_again_kernel<" : "ufloss::gpu::reduce_kernel<") +
                 (p.values ? losses() : "ufloss::gpu::no_values") + ", " + type_of(call.type) +
                 flag(call.weighted) + ", " + (call.weighted ? type_of(call.weights_type) : "float") +
                 flag(call.masked) + flag(p.gradient) + ", " + std::to_string(compiled);
    const long long units = kept.items() * of_result;
    const long long bytes_of_stage =
        size_of(call.type) == 8 || p.again ? 2 * 2 * 224 * (8ll + 8) : 2 * 4 * 224 * (4ll + 8);
    long long grid = units;
    out.block[0] = threads;
    out.blocks_at_once = 2;
    out.any_grid = true;
    out.shared = unsigned(bytes_of_stage + 64);
    if (p.again) {
      if (of_result == 1) grid = kept.items() / groups.line * ((groups.line + groups.part - 1) / groups.part);
    } else if (how == columns) {
      out.block[0] = column_threads;
      out.blocks_at_once = 1;
      out.shared = column_threads * 16;
      grid = (kept.items() + warp_threads - 1) / warp_threads * of_result;
      out.kernel += ", " + std::to_string(int(how)) + ", 16";
    } else if (how == rows) {
      out.shared = 0;
      const int group = lanes_of_group();
      grid = (units + threads / group - 1) / (threads / group);
      out.kernel += ", " + std::to_string(int(how)) + ", " + std::to_string(group);
    } else out.kernel += ", " + std::to_string(int(how)) + ", 16";
    out.kernel += ">";
    out.schedule = int(how);
    out.grid[0] = unsigned(std::min(grid, (1ll << 31) - 1));

    std::vector<int> used;
    for (int a = 0; a < result; ++a)
      if ((a < inputs && p.values) || (a >= inputs && (a != grad || !call.grad || p.gradient)))
        used.push_back(a);
    long long given = 0;
    for (std::size_t k = 0; k < used.size(); ++k) {
      const operand& o = call.operands[used[k]];
      if (o.is_number) {
        out.put(o.value);
        given |= 1ll << k;
      } else out.put(0ll, used[k]);
    }
    const long long numbers[] = {given,         kept.items(),  terms.items(), of_result,
                                 segments.line, segments.part, groups.line,   groups.part};
    for (const long long x : numbers) out.put(x);
    const layout* const both[] = {&kept, &terms};
    const auto dim = [&](const layout& l, int d) {
      return d < int(l.dims.size()) ? &l.dims[std::size_t(d)] : nullptr;
    };
    for (const layout* l : both)
      for (int d = 0; d < compiled; ++d) {
        const divisor by = divisor_of(compiled > 1 && dim(*l, d) ? dim(*l, d)->length : 1);
        out.put(by.length);
        out.put(by.multiplier);
        out.put(by.shift);
      }
    for (const layout* l : both)
      for (int d = 0; d < compiled; ++d)
        for (const int a : used) out.put(dim(*l, d) ? dim(*l, d)->steps[std::size_t(a)] : 0);
    out.put(m.sums, workspace_base);
    out.put(p.again && of_result > 1 ? m.again : m.weights, workspace_base);
    out.put(has_divisors ? m.divisors : 0, has_divisors ? workspace_base : no_base);
    const double by = call.mean ? double(terms.items()) : 1;
    out.put(by);
    out.put(static_cast<long long>(has_divisors || by != 1));
    return out;
  }
  launch totals(const memory& m, number type, bool of_weights, bool again) const {
    launch out;
    out.includes = "#include \"ufloss/cuda/reduce.hpp\"\n";
    out.kernel = std::string("ufloss::gpu::total_kernel<") + type_of(type) + ">";
    out.block[0] = threads;
    out.any_grid = true;
    const long long of_block = of_result <= 1 ? threads : threads / warp_threads;
    out.grid[0] = unsigned(std::min((kept.items() + of_block - 1) / of_block, (1ll << 31) - 1));
    out.put(of_weights ? m.weights : m.sums, workspace_base);
    out.put(again ? m.again : 0, again ? workspace_base : no_base);
    out.put(m.weights, workspace_base);
    if (of_weights) out.put(m.divisors, workspace_base);
    else out.put(0ll, result);
    out.put(kept.items());
    out.put(of_result);
    out.put(terms.items());
    out.put(static_cast<long long>(call.mean && !of_weights));
    out.put(static_cast<long long>(has_factors() && !of_weights));
    return out;
  }
  void run() {
    check();
    cut_terms();
    if (kept.items() == 0) return;
    const long long apart = (kept.items() * of_result * 8 + 255) / 256 * 256;
    const memory m{0, apart, 2 * apart, 3 * apart};
    all.workspace = 3 * apart + (kept.items() * 8 + 255) / 256 * 256;
    // losses in memory cannot be computed again
    const bool again = !call.stored && call.type != number::float64;
    const bool has_divisors = call.grad && call.mean && has_factors();
    if (of_result > 0) {
      if (has_divisors) {
        all.launches.push_back(sums({false, false, false}, m, false));
        all.launches.push_back(totals(m, number::float64, true, false));
      }
      all.launches.push_back(sums({true, call.grad, false}, m, has_divisors));
      if (again) all.launches.push_back(sums({true, call.grad, true}, m, has_divisors));
    }
    all.launches.push_back(totals(m, call.result_type, false, again && of_result > 1));
  }
};

}  // namespace reduce_details

/// The launches of a call; std::invalid_argument where the call is wrong.
inline plan plan_reduce(const reduce_call& call, const device& on) {
  reduce_details::planner p{call, on};
  p.run();
  return p.all;
}

}  // namespace gpu
UFL_END
