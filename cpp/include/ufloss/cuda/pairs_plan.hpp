// Which kernels a loss over all pairs of a batch, or of two, takes.
#pragma once
#include "ufloss/cuda/batch_plan.hpp"
#include "ufloss/cuda/pairs_memory.hpp"

UFL_BEGIN
namespace gpu {

struct pairs_call {
  const loss_info* loss;
  unsigned parts;  ///< outputs come in the order value, grad, grad2, grad3
  number type;     ///< of all operands but labels and mask
  int dims;        ///< of the batches
  const long long* shape;
  long long n, width;  ///< vectors in a batch, numbers in a vector
  /// Vectors, labels (int64) or keys, the temperature, a mask of bytes where `masked`, outputs.
  const operand* operands;
  const long long (
      *along)[2];  ///< bytes from vector to vector and from number to number, as far as it has any
  bool masked = false;
  long long most_slopes = 1ll << 26;     ///< bytes of a strip of slopes, of one batch
  long long most_workspace = 1ll << 28;  ///< bytes, for all batches that are worked on at once
};

namespace pairs_details {

constexpr int threads = 256;

struct planner {
  const pairs_call& call;
  const bool cross = call.loss->nargs > 1 && call.loss->args[1].kind != role::label;
  const int inputs = 3 + call.masked, operands = inputs + outputs_of(call.parts);
  const int size = size_of(call.type) == 8 ? 8 : 4;  ///< of what is computed in
  const pairs_memory at = pairs_memory_of(call.n, call.width, size, cross, call.parts, call.most_slopes);
  plan all{};

  std::string name(int a) const {
    if (a < 3) return call.loss->args[a].name;
    return a < inputs ? "where" : "output " + std::to_string(a - inputs);
  }
  /// How many steps it has within a batch.
  int steps_of(int a) const {
    if (a == 0 || (a == 1 && cross)) return 2;
    if (a == 1 || (call.masked && a == 3)) return 1;
    if (a < inputs || (a == inputs && (call.parts & part_value))) return 0;
    return a == operands - 1 && (call.parts & part_grad3) ? 0 : 2;
  }
  void check() const {
    const unsigned known = part_value | part_grad | (cross ? part_grad2 | part_grad3 : 0u);
    const loss_info& loss = *call.loss;
    if (loss.kind != loss_kind::pairs) refuse(loss, "is no loss over pairs");
    if (!call.parts || (call.parts & loss.parts & known) != call.parts)
      refuse(loss, "has no such derivative");
    if (call.n < 0 || call.width < 0 || call.n >= 1ll << 24 || call.width >= 1ll << 24)
      refuse(loss, "a batch has fewer than 2^24 vectors, and these fewer than 2^24 numbers");
    for (int d = 0; d < call.dims; ++d)
      if (call.shape[d] < 0) refuse(loss, "a dimension has a negative length");
    const long long lengths[] = {call.n, call.width};
    for (int a = 0; a < operands; ++a) {
      const operand& o = call.operands[a];
      if (o.is_number && a != 2) refuse(loss, name(a) + " must be an array");
      if (o.is_number) continue;
      const int bytes = a == 1 && !cross ? 8 : call.masked && a == 3 ? 1 : size_of(call.type);
      bool aligned = is_aligned(o, call.dims, call.shape, bytes), apart = !overlaps(o, call.dims, call.shape);
      for (int s = 0; s < steps_of(a); ++s) {
        if (lengths[s] < 2) continue;
        aligned &= call.along[a][s] % bytes == 0;
        apart &= call.along[a][s] != 0;
      }
      if (!aligned) refuse(loss, name(a) + " is not aligned to its type");
      if (a >= inputs && !apart && call.n > 0 && call.width > 0)
        refuse(loss, name(a) + " has one place for several results");
    }
  }

  struct shape {
    long long x = 1, y = 1;
    bool any = false;
  };
  void add(const layout& part, const char* kernel, const char* header, shape grid, long long shared,
           const char* variant = "", long long first_row = 0, int side = 0) {
    launch out;
    out.includes = std::string("#include \"ufloss/cuda/") + header + "\"\n#include \"ufloss/losses/" +
                   call.loss->family + ".hpp\"\n";
    out.kernel = std::string("ufloss::gpu::") + kernel + "<ufloss::" + call.loss->name + ", " +
                 std::to_string(call.parts) + "u, " + type_of(call.type) +
                 (call.masked ? ", true" : ", false") + variant + ">";
    out.block[0] = threads;
    out.blocks_at_once = 2;
    out.any_grid = grid.any;
    out.grid[0] = unsigned(std::max(grid.x, 1ll));
    out.grid[1] = unsigned(std::max(grid.y, 1ll));
    out.grid[2] = unsigned(part.items());
    out.shared = unsigned(shared);
    for (int a = 0; a < operands; ++a)
      if (call.operands[a].is_number) out.put(call.operands[a].value);
      else out.put(part.offsets[std::size_t(a)], a);
    for (int a = 0; a < operands; ++a)
      for (int s = 0; s < 2; ++s) out.put(s < steps_of(a) ? call.along[a][s] : 0);
    put_batch(out, part, operands);
    out.put(call.n);
    out.put(call.width);
    out.put(0ll, workspace_base);
    out.put(first_row);
    out.put(static_cast<long long>(side));
    out.put(static_cast<long long>(call.operands[2].is_number));
    long long words[sizeof at / sizeof(long long)];
    std::memcpy(words, &at, sizeof at);
    for (const long long w : words) out.put(w);
    all.launches.push_back(std::move(out));
  }
  void add_all(const layout& part) {
    constexpr long long block = batch_block;
    const long long lanes = 128 / size, columns = 2 * lanes, blocks = at.rows / block;
    const long long tiles = (at.rows + columns - 1) / columns, sides = 1 + cross,
                    warps = threads / warp_threads;
    const long long stage = 16 * (block + 4 + columns + 4) * size, sheet = block * columns * size;
    const bool moments = call.parts & part_grad3, gradients = call.parts & (part_grad | part_grad2);
    const shape rows{(at.rows * 2 + threads - 1) / threads, 1, true},
        of_warps{(at.rows * sides + warps - 1) / warps, 1, true};
    add(part, "pairs_order_kernel", "pairs_batch.hpp", {}, warps * 8);
    add(part, "pairs_directions_kernel", "pairs_batch.hpp", of_warps, 0);
    if (cross) add(part, "pairs_own_kernel", "pairs.hpp", rows, 0);
    const shape chunks{blocks, at.chunks};
    add(part, "pairs_sums_kernel", "pairs.hpp", chunks, std::max(stage, sheet), ", true");
    add(part, "pairs_totals_kernel", "pairs.hpp", rows, 0, ", true");
    add(part, "pairs_sums_kernel", "pairs.hpp", chunks, std::max(stage, (1 + moments) * sheet), ", false");
    add(part, "pairs_totals_kernel", "pairs.hpp", rows, 0, ", false");
    if (!cross) {
      if (gradients)
        add(part, "pairs_costs_kernel", "pairs.hpp", {tiles}, std::max(stage, block * columns * 8), ", true");
      add(part, "pairs_costs_kernel", "pairs.hpp", {blocks}, stage, ", false");
    }
    add(part, "pairs_value_kernel", "pairs.hpp", {}, warps * 8);
    if (!gradients) return;
    const long long numbers = (at.step + columns - 1) / columns;
    for (int side = 0; side < sides; ++side) {
      if (!(call.parts & (side ? part_grad2 : part_grad))) continue;
      for (long long first = 0; first < at.rows; first += at.strip) {
        const long long strip = std::min(at.strip, at.rows - first) / block;
        add(part, "pairs_slopes_kernel", "pairs_slopes.hpp", {strip, tiles}, stage, "", first, side);
        add(part, "pairs_gather_kernel", "pairs_slopes.hpp", {strip, numbers}, stage, "", first, side);
      }
    }
    add(part, "pairs_put_kernel", "pairs_slopes.hpp", of_warps, 0);
  }
};

}  // namespace pairs_details

/// The launches of a call; std::invalid_argument where the call is wrong.
inline plan plan_pairs(const pairs_call& call, const device&) {
  pairs_details::planner p{call};
  p.check();
  const long long at_once = std::min(std::max(call.most_workspace / p.at.bytes, 1ll), 65535ll);
  each_batch(call.dims, call.shape, call.operands, p.operands, p.inputs, at_once, [&](const layout& part) {
    p.all.workspace = std::max(p.all.workspace, part.items() * p.at.bytes);
    p.add_all(part);
  });
  return p.all;
}

}  // namespace gpu
UFL_END
