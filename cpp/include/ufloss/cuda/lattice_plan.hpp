// Which kernels a loss over a lattice takes.
//
// The first looks at sequences and sums up frames.  Two halves follow, whose recursions meet in the middle,
// then the careful way for what those have left, then rows.  A batch that needs more workspace than the call
// allows goes in parts, one after another.
#pragma once
#include "ufloss/cuda/lattice_words.hpp"
#include "ufloss/cuda/layout.hpp"
#include "ufloss/losses/ctc.hpp"

UFL_BEGIN
namespace gpu {

struct lattice_call {
  const loss_info* loss;
  ctc_output output;
  number type;             ///< of logits, losses and rows; labels, lengths, blank and paths are int64
  int dims;                ///< of the batch
  const long long* shape;  ///< of the batch
  long long frames, classes, labels;
  /// Inputs, outputs, and the mask of bytes where `masked`; strides of the batch, then of frames, classes,
  /// labels or states, as the CPU's loops have them.  Lengths and blank may be numbers.
  const operand* operands;
  bool masked = false;                   ///< only frames where the mask is not 0 take part
  long long most_workspace = 1ll << 30;  ///< bytes; one sequence alone may take more
  int most_threads = 512;                ///< of a block
  bool careful = false;                  ///< every sequence goes the careful way
};
/// Kernels that are compiled beforehand, by launch::schedule.
enum lattice_schedule {
  lattice_looks,
  lattice_first_half,
  lattice_second_half,
  lattice_carefully,
  lattice_puts_rows,
  lattice_finds_path
};

namespace lattice_details {

/// a b; a clear error where no memory is so large.
inline long long product(const loss_info& loss, long long a, long long b) {
  if (a && b > (1ll << 60) / a) refuse(loss, "needs more memory than there can be");
  return a * b;
}
template <class L> bool offers(ctc_output output) {
  for (const lattice_output& o : L::outputs)
    if (o.gives == output) return true;
  return false;
}
template <class... L> bool one_offers(const loss_info& loss, ctc_output output) {
  return ((std::strcmp(loss.name, L::name) == 0 && offers<L>(output)) || ...);
}

struct planner {
  const lattice_call& call;
  const device& on;
  const int size = size_of(call.type);
  const int inputs = call.loss->nargs;
  const bool path = call.output == ctc_output::path_and_score;
  const bool log_probs = std::strcmp(call.loss->args[0].name, operands::log_probs.name) == 0;
  const bool both = call.output == ctc_output::value_and_grad || path;
  const bool rows = call.output != ctc_output::value;
  const int outputs = both ? 2 : 1, count = inputs + outputs + call.masked;

  // --- operands -----
  /// Where the call has what the kernels call `which`; -1: nowhere.
  int place_of(int which) const {
    switch (which) {
      case of_mask: return call.masked ? inputs + outputs : -1;
      case of_value: return path ? inputs + 1 : call.output == ctc_output::value || both ? inputs : -1;
      case of_rows: return path ? inputs : rows ? inputs + both : -1;
      default: return which;
    }
  }
  const operand& get(int which) const { return call.operands[place_of(which)]; }
  /// Steps along its own dimensions, in bytes.
  long long core_step(int which, int k) const {
    const int at = place_of(which);
    return at < 0 || get(which).is_number || !get(which).strides ? 0 : get(which).strides[call.dims + k];
  }
  std::string name(int which) const {
    if (which == of_mask) return "where";
    const int at = place_of(which);
    return at < inputs ? call.loss->args[at].name : "output " + std::to_string(at - inputs);
  }
  static bool is_integer(int which) { return which >= of_labels && which <= of_blank; }
  int bytes_of(int which) const {
    return which == of_mask ? 1 : is_integer(which) || (path && which == of_rows) ? 8 : size;
  }
  int core_dims(int which) const {
    if (which == of_logits) return 2;
    if (which == of_rows) return path ? 1 : 2;
    return which == of_mask || which == of_labels;
  }
  long long core_length(int which, int k) const {
    if (which == of_labels) return call.labels;
    if (k == 0) return call.frames;
    return which == of_rows ? width() : call.classes;
  }
  long long width() const {
    return call.output == ctc_output::states ? 2 * call.labels + 1 : path ? 1 : call.classes;
  }
  void check() const {
    const loss_info& loss = *call.loss;
    if (!one_offers<ctc_loss, ctc_loss_from_log_probs, ctc_align, ctc_posteriors, ctc_class_posteriors>(
            loss, call.output))
      refuse(loss, "has no such output");
    if (call.output == ctc_output::value_and_probabilities)
      refuse(loss, "forward probabilities are computed on the CPU alone");
    for (int d = 0; d < call.dims; ++d)
      if (call.shape[d] < 0) refuse(loss, "a dimension has a negative length");
    const long long lengths[] = {call.frames, call.classes, call.labels};
    for (const long long n : lengths) {
      if (n < 0) refuse(loss, "a dimension has a negative length");
      if (n > (1ll << 30)) refuse(loss, "frames, classes and labels are at most 2^30");
    }
    for (int which = 0; which < lattice_operands; ++which)
      if (place_of(which) >= 0) check(which);
  }
  void check(int which) const {
    const operand& o = get(which);
    if (o.is_number) {
      if (which < of_logit_length || which > of_blank) refuse(*call.loss, name(which) + " must be an array");
      if (!(o.value > -0x1p62 && o.value < 0x1p62) || o.value != double(static_cast<long long>(o.value)))
        refuse(*call.loss, name(which) + " must be an integer");
      return;
    }
    const int core = core_dims(which);
    for (int k = 0; k < core; ++k)
      if (core_length(which, k) == 0) return;
    bool aligned = o.address % bytes_of(which) == 0;
    for (int d = 0; d < call.dims + core; ++d) {
      const long long length = d < call.dims ? call.shape[d] : core_length(which, d - call.dims);
      if (length < 2) continue;
      const long long stride = o.strides ? o.strides[d] : 0;
      aligned &= stride % bytes_of(which) == 0;
      if (which >= of_value && stride == 0)
        refuse(*call.loss, name(which) + " has one place for several results");
    }
    if (!aligned) refuse(*call.loss, name(which) + " is not aligned to its type");
  }
  /// Are all rows of numbers that follow one another from 16 bytes on?
  bool packed(int which, const layout& l) const {
    const int at = place_of(which);
    if (at < 0 || bytes_of(which) != size || core_step(which, 1) != size) return false;
    bool all = (get(which).address + l.offsets[std::size_t(at)]) % 16 == 0 &&
               (call.frames < 2 || core_step(which, 0) % 16 == 0);
    for (const dimension& d : l.dims) all &= d.steps[std::size_t(at)] % 16 == 0;
    return all && call.classes * size >= 16;
  }

  // --- the workspace -----
  struct workspace {
    long long records, tops, sums, order, place, classes_of, next, first, states, kept, bytes;
  };
  bool of_classes() const { return rows && !path && call.output != ctc_output::states; }
  workspace pieces(long long batch) const {
    workspace w{};
    const auto piece = [&](bool wanted, long long numbers, long long bytes) {
      const long long at = w.bytes;
      if (!wanted) return at;
      const long long all = product(*call.loss, product(*call.loss, batch, numbers), bytes);
      w.bytes = at + (all + 255) / 256 * 256;
      if (w.bytes > 1ll << 60) refuse(*call.loss, "needs more memory than there can be");
      return at;
    };
    w.records = piece(true, 1, sizeof(lattice_record));
    w.tops = piece(!log_probs, call.frames, 8);
    w.sums = piece(!log_probs, call.frames, 8);
    w.order = piece(call.masked, call.frames, 4);
    w.place = piece(call.masked, call.frames, 4);
    w.classes_of = piece(true, call.labels, 4);
    w.next = piece(of_classes(), call.labels, 4);
    w.first = piece(of_classes(), call.labels, 4);
    w.states = piece(true, lattice_state_rows * (call.labels + 3), 8);
    const long long kept = path ? call.labels + 1 : lattice_kept_rows * (call.labels + 1);
    w.kept = piece(rows, product(*call.loss, call.frames, kept), path ? 1 : 8);
    return w;
  }
  /// Sequences of one part.
  long long at_once() const {
    const long long frames = call.frames > 1 ? call.frames : 1;
    long long most = std::min((1ll << 31) / frames - 1, 1ll << 30);
    if (pieces(1).bytes > call.most_workspace / 2) return 1;
    while (most > 1 && (most > call.most_workspace / 64 || pieces(most).bytes > call.most_workspace))
      most /= 2;
    return std::max(most, 1ll);
  }

  // --- launches -----
  /// Pairs of a thread, and threads, of the quick way; 0: the label is too long for it.
  int pairs_of_thread() const {
    const long long pairs = call.labels + 1;
    if (call.careful || pairs > 4ll * call.most_threads) return 0;
    const int k = pairs <= call.most_threads ? 1 : pairs <= 2ll * call.most_threads ? 2 : 4;
    return shared_of(threads_for((pairs + k - 1) / k), k) <= on.shared_per_block ? k : 0;
  }
  unsigned threads_for(long long wanted) const {
    const long long most = std::min<long long>(wanted, call.most_threads);
    return unsigned(
        std::max<long long>((most + warp_threads - 1) / warp_threads * warp_threads, warp_threads));
  }
  /// Of cells that pass between threads, and of sums of the block.
  static long long shared_of(unsigned threads, int pairs) {
    const long long room = static_cast<long long>(threads) * pairs + 2;
    return std::max<long long>(4 * room * (8 + 4), 1024);
  }
  launch start(int schedule, const char* header, const std::string& kernel, unsigned threads) const {
    launch out;
    out.includes = std::string("#include \"ufloss/cuda/lattice/") + header + ".hpp\"\n";
    out.kernel = "ufloss::gpu::" + kernel;
    out.schedule = schedule;
    out.block[0] = threads;
    out.shared = 1024;
    return out;
  }
  static const char* text(bool b) { return b ? "true" : "false"; }
  void put_arguments(launch& out, const layout& l, const workspace& w, long long batch, int pairs,
                     bool states_in_shared) const {
    long long given = 0;
    for (int which = 0; which < lattice_operands; ++which) {
      const int at = place_of(which);
      if (at < 0) out.put(0ll);
      else if (get(which).is_number) {
        out.put(static_cast<long long>(get(which).value));
        given |= 1ll << which;
      } else out.put(l.offsets[std::size_t(at)], at);
    }
    out.put(given);
    for (std::size_t d = 0; d < lattice_dims; ++d) put(out, d < l.dims.size() ? l.dims[d].length : 1);
    for (std::size_t d = 0; d < lattice_dims; ++d)
      for (int which = 0; which < lattice_operands; ++which) {
        const int at = place_of(which);
        out.put(at >= 0 && d < l.dims.size() ? l.dims[d].steps[std::size_t(at)] : 0ll);
      }
    for (const long long n : {batch, call.frames, call.classes, call.labels}) out.put(n);
    const long long steps[] = {core_step(of_logits, 0), core_step(of_logits, 1),
                               core_step(of_labels, 0), core_step(of_mask, 0),
                               core_step(of_rows, 0),   path ? 0 : core_step(of_rows, 1)};
    for (const long long n : steps) out.put(n);
    out.put(width());
    put(out, std::max(call.frames, 1ll));
    out.put(static_cast<long long>(pairs == 0));
    out.put(static_cast<long long>(states_in_shared));
    const auto piece = [&](long long at, bool wanted = true) {
      if (wanted) out.put(at, workspace_base);
      else out.put(0ll);
    };
    piece(w.records);
    piece(w.tops);
    piece(w.sums);
    piece(w.order);
    piece(w.place);
    piece(w.classes_of);
    piece(w.next, of_classes());
    piece(w.first, of_classes());
    piece(w.states);
    piece(w.kept);
  }
  static void put(launch& out, long long length) {
    const divisor by = divisor_of(length);
    out.put(by.length);
    out.put(by.multiplier);
    out.put(by.shift);
  }

  launch first_launch(const layout& l, long long batch) const {
    const bool packs = packed(of_logits, l);
    const int lanes = call.classes <= 128 ? 8 : 32;
    const unsigned threads = 256;
    launch out = start(lattice_looks, "begin",
                       std::string("lattice_begin<") + type_of(call.type) + ", " + text(log_probs) + ", " +
                           std::to_string(lanes) + ", " + text(packs) + ">",
                       threads);
    const long long frames = log_probs ? 0 : batch * call.frames;
    const long long blocks = (frames * lanes + threads - 1) / threads;
    out.grid[0] = unsigned(batch + std::min(blocks, 32ll * on.multiprocessors));
    out.blocks_at_once = 2;
    return out;
  }
  std::string types(int pairs) const {
    return std::string(type_of(call.type)) + ", " + text(log_probs) +
           (pairs ? ", " + std::to_string(pairs) : "") + ", " + text(rows);
  }
  void put_recursions(std::vector<launch>& all, long long batch, int pairs) const {
    const long long of_label = call.labels + 1;
    if (pairs) {
      const unsigned threads = threads_for((of_label + pairs - 1) / pairs);
      for (const bool second : {false, true}) {
        launch out = start(second ? lattice_second_half : lattice_first_half, "halves",
                           "lattice_half_kernel<" + types(pairs) + ", " + text(second) + ">", threads);
        out.grid[0] = unsigned(batch);
        out.blocks_at_once = std::max(512 / int(threads), 1);  // at most 128 registers
        out.grid[1] = second && !rows ? 1 : 2;
        out.shared = unsigned(shared_of(threads, pairs));
        all.push_back(std::move(out));
      }
    }
    launch out =
        start(lattice_carefully, "careful", "lattice_careful<" + types(0) + ">", threads_for(of_label));
    out.grid[0] = unsigned(batch);
    out.blocks_at_once = std::max(512 / int(out.block[0]), 1);
    all.push_back(std::move(out));
  }
  launch rows_launch(const layout& l, long long batch) const {
    const char* const of = call.output == ctc_output::states    ? "states"
                           : call.output == ctc_output::classes ? "classes"
                           : log_probs                          ? "log_prob_gradient"
                                                                : "gradient";
    const bool packs = call.output != ctc_output::states && packed(of_rows, l) && packed(of_logits, l);
    const unsigned threads = 128;
    launch out = start(lattice_puts_rows, "rows",
                       std::string("lattice_rows_kernel<") + type_of(call.type) +
                           ", ufloss::gpu::lattice_rows::" + of + ", " + text(packs) + ">",
                       threads);
    out.grid[0] = unsigned((batch * call.frames * warp_threads + threads - 1) / threads);
    out.any_grid = true;
    out.blocks_at_once = 4;
    return out;
  }
  plan part_of(const layout& l) const {
    plan p;
    const long long batch = l.items();
    const workspace w = pieces(batch);
    p.workspace = w.bytes;
    p.launches.push_back(first_launch(l, batch));
    const int pairs = path ? 0 : pairs_of_thread();
    const long long states = 8 * (call.labels + 3) * 8;
    const bool in_shared = path && states <= on.shared_per_block;
    if (path) {
      launch out = start(lattice_finds_path, "path", std::string("lattice_path<") + type_of(call.type) + ">",
                         threads_for(call.labels + 1));
      out.grid[0] = unsigned(batch);
      out.shared = unsigned(std::max(in_shared ? states : 0, 2048ll));
      p.launches.push_back(std::move(out));
    } else {
      put_recursions(p.launches, batch, pairs);
      if (rows && call.frames) p.launches.push_back(rows_launch(l, batch));
    }
    for (launch& one : p.launches) put_arguments(one, l, w, batch, pairs, in_shared);
    return p;
  }
};

}  // namespace lattice_details

/// The launches of a call, none of an empty one; std::invalid_argument where the call is wrong.
inline plan plan_lattice(const lattice_call& call, const device& on) {
  if (call.loss->kind != loss_kind::lattice) refuse(*call.loss, "is no loss over a lattice");
  const lattice_details::planner p{call, on};
  p.check();
  plan all;
  const layout l = collapse(call.dims, call.shape, call.operands, p.count, p.inputs);
  if (l.items() == 0) return all;
  each_part(l, p.at_once(), std::size_t(lattice_dims), 1, [&](const layout& part) {
    plan one = p.part_of(part);
    all.workspace = std::max(all.workspace, one.workspace);
    for (launch& next : one.launches) all.launches.push_back(std::move(next));
  });
  return all;
}

}  // namespace gpu
UFL_END
