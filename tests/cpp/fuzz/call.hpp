// A case, and one call of its loop.
#pragma once
#include "memory.hpp"

namespace {

// --- what a loop says of a failure -----
// Counters in the place of Python: reports, and releases of a lock that have not been taken back.
int said = 0;
void record_fault(const context&, const char*, const fault&) { ++said; }
int released = 0;
void* record_release() {
  ++released;
  return &released;
}
void record_restore(void* p) { released -= p == &released; }
const context called_by = {&serial, {record_release, record_restore}, record_fault, past_cache_from()};

// --- the records -----
/// What is drawn alike: kinds of losses, and what serves them.
enum group { elements, rows_of_numbers, sequences, sums, regions, batches_of_vectors, groups };
/// By the kind of the record, helpers by their names.
group group_of(const loss_info& about) {
  switch (about.kind) {
    case loss_kind::elementwise: return elements;
    case loss_kind::row:
    case loss_kind::list: return rows_of_numbers;
    case loss_kind::pairs: return batches_of_vectors;
    case loss_kind::lattice: return sequences;
    case loss_kind::helper: break;
  }
  for (const char* const name : {"weighted_sum", "reduction"})
    if (!std::strcmp(about.name, name)) return sums;
  return regions;
}
/// Where a record stands, the same for every instruction set.
struct place {
  int unit, row;
};
const std::vector<place>& places_of(group wanted) {
  static std::vector<place> found[groups];
  if (found[elements].empty())
    for (int unit = 0; unit < units(); ++unit)
      for (int row = 0; row < table(0, unit).size; ++row)
        found[group_of(*table(0, unit).records[row].info)].push_back({unit, row});
  return found[wanted];
}
const loss_record& record_at(int isa, group of, int i) {
  const place at = places_of(of)[size_t(i)];
  return table(isa, at.unit).records[at.row];
}

// --- a case -----
constexpr int most_dims = 3;
/// One argument or result: its elements, and where they lie in its block.
struct operand {
  char role = 'F';  ///< as in dispatch.hpp; 'D': double
  bool output = false;
  int size = 0;  ///< bytes of an element
  bool is_half = false;
  const argument* described = nullptr;
  int rank = 1;
  int letter[most_dims] = {};  ///< of each axis: index into the lengths; 0 is the batch
  ptrdiff_t dims[most_dims] = {}, own[most_dims] = {},
            step[most_dims] = {};  // own: 1 where the axis is broadcast
  bytes data;                      ///< elements in C order of `own`
  ptrdiff_t first = 0;             ///< of element 0 in the block, in bytes
  size_t extent = 0;
  bool at_end = true;  ///< the block ends at the forbidden page, else begins at it
  int alias = -1;      ///< an output in the place of that input

  /// Elements that it has of its own: an axis that is broadcast has one.
  ptrdiff_t count() const {
    ptrdiff_t n = 1;
    for (int a = 0; a < rank; ++a) n *= own[a];
    return n;
  }
  /// Does an element of it take part in several places?
  bool is_broadcast() const {
    for (int a = 0; a < rank; ++a)
      if (own[a] != dims[a]) return true;
    return false;
  }
  /// Where an element stands in `data`, by its place along each axis.
  ptrdiff_t index(const ptrdiff_t* i) const {
    ptrdiff_t at = 0;
    for (int a = 0; a < rank; ++a) at = at * own[a] + (own[a] == 1 ? 0 : i[a]);
    return at;
  }
  /// f(index among the data, offset in the block) of every element.
  template <class F> void each(F f) const {
    if (count() == 0) return;
    ptrdiff_t i[most_dims] = {}, at = 0;
    for (;;) {
      ptrdiff_t offset = first;
      for (int a = 0; a < rank; ++a)
        if (own[a] > 1) offset += i[a] * step[a];
      f(at++, offset);
      int a = rank - 1;
      while (a >= 0 && ++i[a] == own[a]) i[a--] = 0;
      if (a < 0) return;
    }
  }
  /// Elements one after the other.
  void lay_densely() {
    ptrdiff_t s = size;
    for (int a = rank - 1; a >= 0; --a) {
      step[a] = own[a] == dims[a] && dims[a] > 1 ? s : 0;
      s *= own[a];
    }
    first = 0;
    extent = size_t(s);
  }
  /// Axes in any order, of either sign, with gaps: as NumPy hands arrays over.
  void lay(dice& d, bool plain) {
    lay_densely();
    at_end = d.chance(0.5);
    if (plain || count() == 0) return;
    int order[most_dims] = {0, 1, 2};
    for (int a = rank - 1; a > 0; --a) std::swap(order[a], order[d.below(a + 1)]);
    const bool is_transposed = d.chance(0.5);
    ptrdiff_t s = size * (d.chance(0.5) ? 1 : d.one_of<ptrdiff_t>({2, 3, 5, 7})), low = 0, high = 0;
    for (int a = rank - 1; a >= 0; --a) {
      const int axis = is_transposed ? order[a] : a;
      if (own[axis] == 1) {
        // of an axis of length 1 NumPy passes on whatever step the array has
        step[axis] =
            dims[axis] == 1 && d.chance(0.3) ? size * d.one_of<ptrdiff_t>({1, -3, ptrdiff_t(1) << 40}) : 0;
        continue;
      }
      step[axis] = d.chance(0.2) ? -s : s;
      (step[axis] < 0 ? low : high) += step[axis] * (own[axis] - 1);
      s = s * own[axis] + (d.chance(0.3) ? size * d.between(0, 9) : 0);
    }
    first = -low;
    extent = size_t(high - low + size);
    // Too far apart for a slot.
    if (extent > slot_bytes / 2) lay_densely();
  }
};

/// All that a call needs.  fails: a label or a length is wrong; may_fail: whether that counts is not known
/// here.
struct fuzz_case {
  group kind = elements;
  int record = 0, loss = 0;  // loss: of a line
  loop_type type = float32_loop;
  std::vector<ptrdiff_t> lengths;  ///< as a loop gets them
  std::vector<operand> operands;
  int nin = 0;
  bool divides = false;  // a mean
  bool has_weights = false, has_grad = false;
  bool fails = false, may_fail = false;
};

/// What came of a call: outputs as elements in C order, and which rules it kept.
struct outcome {
  int result = 0, said = 0;
  bool flags_kept = true, heap_kept = true, lock_kept = true, rest_kept = true, written = false;
  std::vector<bytes> out;
};

std::uint64_t current_seed = 0, current_case = 0;
std::string current_text;
const char* program = "test_fuzz_loops";
std::string isa_option;  // what a replay needs too

const loss_record& record_of(int isa, const fuzz_case& c) { return record_at(isa, c.kind, c.record); }
/// A loss added up along a line: args[0] of the record is a reduction.
bool is_line(const fuzz_case& c) {
  return c.kind == sums && !std::strcmp(record_of(0, c).info->name, "reduction");
}

/// The record of the value of the loss that a record belongs to.
int value_of(int loss) {
  while (*record_at(0, elements, loss).attribute) --loss;
  return loss;
}
/// One call; `byte`: what lies where nobody has written.
outcome run(const fuzz_case& c, int isa, unsigned char byte, bool without_memory = false) {
  outcome o;
  const int n = int(c.operands.size());
  char* args[slots] = {};
  std::vector<ptrdiff_t> steps;
  std::vector<unsigned char*> block(static_cast<size_t>(n));
  std::vector<char> is_written(static_cast<size_t>(n), 0);
  // Bytes beside a block that ends at the page: what is written just before it shows there.
  constexpr ptrdiff_t margin = 256;
  for (int k = 0; k < n; ++k)
    if (c.operands[size_t(k)].alias >= 0) is_written[size_t(c.operands[size_t(k)].alias)] = 1;
  for (int k = 0; k < n; ++k) {
    const operand& x = c.operands[size_t(k)];
    if (x.alias >= 0) {
      args[k] = args[x.alias];
      continue;
    }
    unsigned char* const b = x.at_end ? memory[k].end() - x.extent : memory[k].begin;
    block[size_t(k)] = b;
    args[k] = reinterpret_cast<char*>(b + x.first);
    std::memset(x.at_end ? b - margin : b, byte, x.extent + size_t(margin));
    if (!x.output)
      x.each([&](ptrdiff_t i, ptrdiff_t at) {
        std::memcpy(b + at, x.data.data() + i * x.size, size_t(x.size));
      });
  }
  for (const operand& x : c.operands)
    steps.push_back(x.alias >= 0 ? c.operands[size_t(x.alias)].step[0] : x.step[0]);
  for (const operand& x : c.operands)
    for (int a = 1; a < x.rank; ++a) steps.push_back(x.step[a]);
  // Inputs may be read only, but those that an output takes the place of.
  const auto protect = [&](int how) {
    for (int k = 0; k < c.nin; ++k) {
      if (is_written[size_t(k)]) continue;
      const auto from = reinterpret_cast<std::uintptr_t>(block[size_t(k)]) / page * page;
      const auto to = reinterpret_cast<std::uintptr_t>(block[size_t(k)]) + c.operands[size_t(k)].extent;
      if (to > from && mprotect(reinterpret_cast<void*>(from), (to - from + page - 1) / page * page, how))
        std::abort();
    }
  };
  const loss_record& r = record_of(isa, c);
  reduction whole;
  double both_sums[2] = {0, 0};
  ptrdiff_t along[reduce_inputs + 2];
  bool reduced = true;
  char* line_args[] = {reinterpret_cast<char*>(&whole)};
  // Reductions take a description in the place of operands.
  if (is_line(c)) {
    const loss_record& loss = record_at(isa, elements, c.loss);
    const number_type type = number_type(int(number_type::float16) + int(c.type));
    whole.axes = 1;
    whole.shape = const_cast<ptrdiff_t*>(c.lengths.data());
    whole.reduced = &reduced;
    whole.type = c.type;
    whole.inputs = loss.nin;
    whole.mean = c.divides;
    whole.total = both_sums;
    whole.weight = both_sums + 1;
    whole.caller = &called_by;
    const auto set = [&](reduce_operand& x, int k, int place, number_type of) {
      along[place] = steps[size_t(k)];
      x.data = args[k];
      x.type = of;
      x.steps = along + place;
    };
    for (int k = 0; k < loss.nin; ++k) set(whole.in[k], k, k, type);
    if (c.has_weights) set(whole.weights, loss.nin, reduce_inputs, number_type::float64);
    if (c.has_grad) set(whole.grad, n - 1, reduce_inputs + 1, type);
    const loss_record& value = record_at(isa, elements, value_of(c.loss));
    for (int k = 0; k < loop_types; ++k) {
      whole.loops[k] = loss.loops[k];
      whole.values[k] = value.loops[k];
    }
  }
  protect(PROT_READ);
  said = released = 0;
  heap_used = refused = 0;
  heap_overrun = false;
  // Another byte in the workspace than in outputs, and another on the stack: none can stand for the other.
  heap_byte = static_cast<unsigned char>(~byte);
  refuse = without_memory;
  dirty_stack(static_cast<unsigned char>(byte ^ 0x55));
  // Loops are silent: they leave no flag behind, which a caller might take for its own.
  std::feclearexcept(FE_ALL_EXCEPT);
  in_call = true;
  o.result = is_line(c) ? r.loops[0](called_by, line_args, nullptr, nullptr)
                        : r.loops[c.type](called_by, args, c.lengths.data(), steps.data());
  in_call = false;
  o.flags_kept = std::fetestexcept(FE_ALL_EXCEPT) == 0 && std::fegetround() == FE_TONEAREST;
  std::feclearexcept(FE_ALL_EXCEPT);
  o.said = said;
  o.lock_kept = released == 0;
  o.heap_kept = !heap_overrun;
  protect(PROT_READ | PROT_WRITE);
  for (int k = 0; k < n; ++k) {
    const operand& x = c.operands[size_t(k)];
    if (!x.output) continue;
    bytes found(size_t(x.count() * x.size));
    if (is_line(c) && x.role == 'D') std::memcpy(found.data(), both_sums + (k - c.nin), sizeof(double));
    else {
      const operand& place = x.alias >= 0 ? c.operands[size_t(x.alias)] : x;
      unsigned char* const b = block[size_t(x.alias >= 0 ? x.alias : k)];
      place.each([&](ptrdiff_t i, ptrdiff_t at) {
        std::memcpy(found.data() + i * x.size, b + at, size_t(x.size));
        for (int j = 0; j < x.size; ++j) o.written |= b[at + j] != byte;
        // Elements are taken out, so that what is left in the block must be the byte it was filled with.
        std::memset(b + at, byte, size_t(x.size));
      });
      const unsigned char* const from = place.at_end ? b - margin : b;
      for (size_t i = 0; x.alias < 0 && i < x.extent + size_t(margin); ++i) o.rest_kept &= from[i] == byte;
    }
    o.out.push_back(found);
  }
  if (without_memory && refused == 0) o.result = 1;  // nothing was asked for
  return o;
}

}  // namespace
