// Which kernel a call of a loss of ordered lists takes.
#pragma once
#include "ufloss/cuda/batch_plan.hpp"

UFL_BEGIN
namespace gpu {

struct list_call {
  const loss_info* loss;
  unsigned parts;       ///< outputs come in the order value, grad, hess, hess_bound
  number type, result;  ///< of scores and relevances; of the outputs
  int dims;             ///< of the lists, without their items
  const long long* shape;
  long long items;          ///< of a list
  const operand* operands;  ///< scores, relevances, a mask of bytes where `masked`, outputs
  const long long* along;   ///< bytes from item to item of each; of the value it does not count
  bool masked = false;
  long long most_lists = (1ll << 31) - 64;  ///< of one launch
};

namespace list_details {

constexpr int team_of_few = warp_threads, team_of_many = 128, teams_of_few = 4;
constexpr long long few_items = 128;
constexpr long long shared_everywhere = 48 * 1024;

struct planner {
  const list_call& call;
  const int inputs = 2 + call.masked, operands = inputs + outputs_of(call.parts);

  std::string name(int a) const {
    if (a < 2) return call.loss->args[a].name;
    return a < inputs ? "where" : "output " + std::to_string(a - inputs);
  }
  bool is_value(int a) const { return a == inputs && (call.parts & part_value); }
  void check() const {
    const unsigned known = part_value | part_grad | part_hess | part_bound;
    const loss_info& loss = *call.loss;
    if (loss.kind != loss_kind::list) refuse(loss, "is no loss of ordered lists");
    if (!call.parts || (call.parts & loss.parts & known) != call.parts)
      refuse(loss, "has no such derivative");
    if (call.items < 0 || call.items >= 1ll << 31) refuse(loss, "a list has fewer than 2^31 items");
    for (int d = 0; d < call.dims; ++d)
      if (call.shape[d] < 0) refuse(loss, "a dimension has a negative length");
    for (int a = 0; a < operands; ++a) {
      const operand& o = call.operands[a];
      if (o.is_number) refuse(loss, name(a) + " must be an array");
      const int bytes = a < 2 ? size_of(call.type) : a < inputs ? 1 : size_of(call.result);
      const bool one = is_value(a) || call.items < 2;
      if (!is_aligned(o, call.dims, call.shape, bytes) || (!one && call.along[a] % bytes))
        refuse(loss, name(a) + " is not aligned to its type");
      if (a < inputs || (call.items == 0 && !is_value(a))) continue;
      if (overlaps(o, call.dims, call.shape) || (!one && call.along[a] == 0))
        refuse(loss, name(a) + " has one place for several results");
    }
  }

  long long room() const { return std::max((call.items + 15) / 16 * 16, 16ll); }
  /// Seven doubles, an index and a flag of each item, and what a team joins in.
  long long bytes(int threads) const {
    return (room() * (7 * 8 + 4 + 1) + threads / warp_threads * 8 + 15) / 16 * 16;
  }
  launch launch_of(const layout& part, const device& on, long long& workspace) const {
    const long long lists = part.items();
    bool in_workspace = false;
    int threads = team_of_many, teams = 1;
    if (call.items <= few_items) {
      threads = team_of_few;
      teams = teams_of_few;
    } else {
      // Lists of shared memory to the brim would have a multiprocessor each.
      const bool few_lists = lists <= 2ll * on.multiprocessors;
      in_workspace = bytes(threads) > (few_lists ? on.shared_per_block : shared_everywhere);
    }
    launch out;
    out.includes = std::string("#include \"ufloss/cuda/list.hpp\"\n#include \"ufloss/losses/") +
                   call.loss->family + ".hpp\"\n";
    out.kernel = std::string("ufloss::gpu::list_kernel<ufloss::") + call.loss->name + ", " +
                 std::to_string(call.parts) + "u, " + type_of(call.type) + ", " + type_of(call.result) +
                 ", " + (call.masked ? "true" : "false") + ", " + std::to_string(threads) + ", " +
                 (in_workspace ? "true" : "false") + ">";
    out.block[0] = unsigned(threads * teams);
    out.blocks_at_once = 2;
    out.any_grid = true;
    long long blocks = (lists + teams - 1) / teams;
    if (in_workspace) {
      const int at_once = std::max(on.threads_per_multiprocessor / 2 / threads, 1);
      blocks = std::min(blocks, std::max((long long)at_once * on.multiprocessors, 1ll));
      workspace = std::max(workspace, (blocks * bytes(threads) + 255) / 256 * 256);
    } else out.shared = unsigned(teams * bytes(threads));
    out.grid[0] = unsigned(blocks);

    for (int a = 0; a < operands; ++a) out.put(part.offsets[std::size_t(a)], a);
    for (int a = 0; a < operands; ++a) out.put(is_value(a) || call.items < 2 ? 0 : call.along[a]);
    put_batch(out, part, operands);
    out.put(call.items);
    out.put(room());
    out.put(0ll, in_workspace ? workspace_base : no_base);
    out.put(bytes(threads));
    return out;
  }
};

}  // namespace list_details

/// The launches of a call, none of no list; std::invalid_argument where the call is wrong.
inline plan plan_list(const list_call& call, const device& on) {
  const list_details::planner p{call};
  p.check();
  plan all;
  each_batch(call.dims, call.shape, call.operands, p.operands, p.inputs, call.most_lists,
             [&](const layout& part) { all.launches.push_back(p.launch_of(part, on, all.workspace)); });
  return all;
}

}  // namespace gpu
UFL_END
