// A fuzzer of every loop in the tables of dispatch.hpp, which drives them as NumPy does but on memory that
// shows every fault.
//
//   test_fuzz_loops [--seconds S] [--cases N] [--seed SEED] [--replay SEED:CASE] [--isa NAME] [--only TEXT]
//                   [--digest yes]
//
// A case is a record, a type, lengths, strides and data, all drawn from its seed and number.  Each operand
// lies in a block of its exact extent beside a page that nobody may touch, inputs on pages that nobody may
// write; the workspace that a loop asks for lies so too.  The same case must give the same bits
//   - a second time, with other bytes in what nobody has written yet: outputs, workspace, stack;
//   - on every instruction set with fused multiply-add;
//   - for some rows alone, contiguous;
//   - with other numbers where a mask, a length or a label leaves them out;
//   - with every NaN replaced by the usual one; in place, where elements allow it; and from float16 as from
//   the same numbers in float32.
// With --digest the last line is a hash of all inputs and outputs, by which machines can be compared.
// Besides, nothing is written but the elements of outputs, floating-point flags stay as they are, and a call
// that fails says so once and writes nothing.
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cfenv>
#include <chrono>
#include <climits>
#include <cmath>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>
#include "dispatch.hpp"
#include "line.hpp"
#include "ufloss/vocabulary/half.hpp"

using namespace ufloss;
using namespace ufloss::dispatch;

namespace {

using std::ptrdiff_t;
using std::size_t;
using bytes = std::vector<unsigned char>;

// --- dice -----
struct dice {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double unit() { return double(next() >> 11) * 0x1p-53; }
  bool chance(double p) { return unit() < p; }
  ptrdiff_t below(ptrdiff_t n) { return n > 0 ? ptrdiff_t(next() % std::uint64_t(n)) : 0; }
  ptrdiff_t between(ptrdiff_t a, ptrdiff_t b) { return a + below(b - a + 1); }  // both included
  template <class T> T one_of(std::initializer_list<T> list) {
    return list.begin()[below(ptrdiff_t(list.size()))];
  }
  /// About normal, by exact steps: every machine draws the same cases.
  double normal() { return (unit() + unit() + unit() + unit() - 2) * 1.75; }
};
dice make_dice(std::uint64_t seed, std::uint64_t number) {
  dice d{seed * 0xd1342543de82ef95u + number};
  d.state = d.next();
  return d;
}

// --- memory that shows faults -----
constexpr size_t slot_bytes = size_t(1) << 23;
constexpr int slots = 16, heap_slots = 4;
size_t page = 4096;

/// Pages between two that nobody may touch.
struct slot {
  unsigned char* begin = nullptr;
  unsigned char* end() const { return begin + slot_bytes; }
  void make() {
    void* p =
        mmap(nullptr, slot_bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) std::abort();
    begin = static_cast<unsigned char*>(p) + page;
    if (mprotect(begin, slot_bytes, PROT_READ | PROT_WRITE)) std::abort();
  }
};
slot memory[slots], heap[heap_slots];

// What loops ask of malloc() comes from `heap`: flush against the end but for what alignment takes, filled
// with a pattern.
bool in_call = false, refuse = false;
unsigned char heap_byte = 0;
int heap_used = 0, refused = 0;
bool heap_overrun = false;
struct heap_block {
  unsigned char* at;
  size_t size;
} heap_blocks[heap_slots];
constexpr size_t red = 48;

}  // namespace

extern "C" {
void* __real_malloc(size_t);
void __real_free(void*);
void* __wrap_malloc(size_t size);
void __wrap_free(void* p);
void* __wrap_malloc(size_t size) {
  if (!in_call) return __real_malloc(size);
  if (refuse) {
    ++refused;
    return nullptr;
  }
  // Sixteen bytes beyond a multiple of 64: most is lost to a workspace's alignment.
  if (heap_used < heap_slots && size <= slot_bytes - 4 * red) {
    unsigned char* const end = heap[heap_used].end();
    unsigned char* at = end - (size + 15) / 16 * 16;
    while (reinterpret_cast<std::uintptr_t>(at) % 64 != 16) at -= 16;
    std::memset(at - red, heap_byte, size_t(end - at) + red);
    heap_blocks[heap_used] = {at, size};
    ++heap_used;
    return at;
  }
  void* p = __real_malloc(size);
  if (p) std::memset(p, heap_byte, size);
  return p;
}
void __wrap_free(void* p) {
  for (int k = 0; k < heap_used; ++k) {
    if (heap_blocks[k].at != p) continue;
    for (const unsigned char* q = heap_blocks[k].at + heap_blocks[k].size; q < heap[k].end(); ++q)
      heap_overrun |= *q != heap_byte;
    for (size_t i = 1; i <= red; ++i) heap_overrun |= heap_blocks[k].at[-ptrdiff_t(i)] != heap_byte;
    return;
  }
  __real_free(p);
}
}

namespace {

/// Leaves a pattern in the stack that calls use next.
__attribute__((noinline)) void dirty_stack(unsigned char byte) {
  unsigned char room[256 * 1024];
  std::memset(room, byte, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
}

// --- what a loop says of a failure -----
int said = 0;
void record_fail(void*, const char*, long long, ptrdiff_t) { ++said; }
void record_fail_sequence(void*, const char*, int, long long, long long) { ++said; }
int released = 0;
void* record_release() {
  ++released;
  return &released;
}
void record_restore(void* p) { released -= p == &released; }

// --- a case -----
constexpr int most_dims = 3;
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

  ptrdiff_t count() const {
    ptrdiff_t n = 1;
    for (int a = 0; a < rank; ++a) n *= own[a];
    return n;
  }
  bool is_broadcast() const {
    for (int a = 0; a < rank; ++a)
      if (own[a] != dims[a]) return true;
    return false;
  }
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
    if (extent > slot_bytes / 2) lay_densely();
  }
};

struct fuzz_case {
  int kind = 0, record = 0, loss = 0;  // loss: of a line
  loop_type type = float32_loop;
  std::vector<ptrdiff_t> lengths;  ///< as a loop gets them
  std::vector<operand> operands;
  int nin = 0;
  ptrdiff_t segment = 1;
  double divisor = 1;
  bool has_weights = false, has_grad = false;
  bool fails = false, may_fail = false;
};

struct outcome {
  int result = 0, said = 0;
  bool flags_kept = true, heap_kept = true, lock_kept = true, rest_kept = true, written = false;
  std::vector<bytes> out;
};

std::uint64_t current_seed = 0, current_case = 0;
std::string current_text;
const char* program = "test_fuzz_loops";
std::string isa_option;  // what a replay needs too

const loss_record& record_of(int isa, const fuzz_case& c) { return table(isa, c.kind).records[c.record]; }
bool is_line(const fuzz_case& c) { return c.kind == sums_kind && c.record == line_record; }

/// One call; `byte`: what lies where nobody has written.
outcome run(const fuzz_case& c, int isa, unsigned char byte, bool without_memory = false) {
  outcome o;
  const int n = int(c.operands.size());
  char* args[slots] = {};
  std::vector<ptrdiff_t> steps;
  std::vector<unsigned char*> block(static_cast<size_t>(n));
  std::vector<char> is_written(static_cast<size_t>(n), 0);
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
  line l{};
  double sums[2] = {0, 0};
  char* results[] = {reinterpret_cast<char*>(sums), reinterpret_cast<char*>(sums + 1)};
  if (is_line(c)) {
    const loss_record& loss = table(isa, losses_kind).records[c.loss];
    l.loop = loss.loops[c.type == float16_loop ? float32_loop : c.type];
    l.inputs = loss.nin;
    for (int k = 0; k < loss.nin; ++k) {
      l.args[k] = args[k];
      l.steps[k] = steps[size_t(k)];
    }
    l.n = c.lengths[0];
    l.segment = c.segment;
    if (c.has_weights) {
      l.weights = args[loss.nin];
      l.weight_step = steps[size_t(loss.nin)];
    }
    if (c.has_grad) {
      l.grad = args[n - 1];
      l.grad_step = steps[size_t(n - 1)];
    }
    l.divisor = c.divisor;
  }
  protect(PROT_READ);
  said = released = 0;
  heap_used = refused = 0;
  heap_overrun = false;
  heap_byte = static_cast<unsigned char>(~byte);
  refuse = without_memory;
  dirty_stack(static_cast<unsigned char>(byte ^ 0x55));
  std::feclearexcept(FE_ALL_EXCEPT);
  in_call = true;
  o.result = is_line(c) ? r.loops[c.type](&l, results, nullptr, nullptr, nullptr)
                        : r.loops[c.type](nullptr, args, c.lengths.data(), steps.data(), nullptr);
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
    if (is_line(c) && x.role == 'D') std::memcpy(found.data(), sums + (k - c.nin), sizeof(double));
    else {
      const operand& place = x.alias >= 0 ? c.operands[size_t(x.alias)] : x;
      unsigned char* const b = block[size_t(x.alias >= 0 ? x.alias : k)];
      place.each([&](ptrdiff_t i, ptrdiff_t at) {
        std::memcpy(found.data() + i * x.size, b + at, size_t(x.size));
        for (int j = 0; j < x.size; ++j) o.written |= b[at + j] != byte;
        std::memset(b + at, byte, size_t(x.size));
      });
      const unsigned char* const from = place.at_end ? b - margin : b;
      for (size_t i = 0; x.alias < 0 && i < x.extent + size_t(margin); ++i) o.rest_kept &= from[i] == byte;
    }
    if (is_line(c) && x.role == 'F')  // behind a sum that overflows the caller goes on by itself
      std::fill(found.begin() + std::min(l.done, l.n) * x.size, found.end(), static_cast<unsigned char>(0));
    o.out.push_back(found);
  }
  if (without_memory && refused == 0) o.result = 1;  // nothing was asked for
  return o;
}

// --- numbers -----
bool is_number_nan(const unsigned char* p, const operand& x) {
  if (x.role == 'I' || x.role == 'N' || x.role == 'B') return false;
  if (x.size == 2) {
    std::uint16_t u;
    std::memcpy(&u, p, 2);
    return (u & 0x7fffu) > 0x7c00u;
  }
  if (x.size == 4) {
    std::uint32_t u;
    std::memcpy(&u, p, 4);
    return (u & 0x7fffffffu) > 0x7f800000u;
  }
  std::uint64_t u;
  std::memcpy(&u, p, 8);
  return (u & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
}
void put_number(unsigned char* p, const operand& x, double v) {
  if (x.size == 2) {
    const half h = to_half(float(v));
    std::memcpy(p, &h, 2);
  } else if (x.size == 4) {
    const float f = float(v);
    std::memcpy(p, &f, 4);
  } else std::memcpy(p, &v, 8);
}
double get_number(const unsigned char* p, const operand& x) {
  if (x.size == 2) {
    half h;
    std::memcpy(&h, p, 2);
    return double(to_float(h));
  }
  if (x.size == 4) {
    float f;
    std::memcpy(&f, p, 4);
    return double(f);
  }
  double v;
  std::memcpy(&v, p, 8);
  return v;
}
long long get_integer(const operand& x, const ptrdiff_t* i) {
  long long v;
  std::memcpy(&v, x.data.data() + x.index(i) * 8, 8);
  return v;
}
void put_bits(unsigned char* p, const operand& x, dice& d, bool nan) {
  std::uint64_t u = d.next();
  if (nan) {  // of any sign and payload, quiet or signalling
    if (x.size == 2) u = (u & 0x83ffu) | 0x7c00u | (d.chance(0.5) ? 0x200u : 1u);
    else if (x.size == 4) u = (u & 0x807fffffu) | 0x7f800000u | (d.chance(0.5) ? 0x400000u : 1u);
    else u = (u & 0x800fffffffffffffu) | 0x7ff0000000000000u | (d.chance(0.5) ? 0x8000000000000u : 1u);
    if (d.chance(0.3)) {  // what a GPU writes: all ones
      if (x.size == 2) u = 0x7fff;
      else if (x.size == 4) u = 0x7fffffff;
      else u = 0x7fffffffffffffff;
    }
  }
  std::memcpy(p, &u, size_t(x.size));
}

/// A number that often is none: infinities, NaNs, zeros, subnormal and huge ones.
void put_special(unsigned char* p, const operand& x, dice& d) {
  const double inf = std::numeric_limits<double>::infinity();
  const double least = x.size == 2   ? 0x1p-24
                       : x.size == 4 ? 0x1p-149
                                     : 0x1p-1074,
               normal = x.size == 2   ? 0x1p-14
                        : x.size == 4 ? 0x1p-126
                                      : 0x1p-1022;
  const double most = x.size == 2   ? 65504
                      : x.size == 4 ? double(std::numeric_limits<float>::max())
                                    : std::numeric_limits<double>::max();
  switch (d.below(14)) {
    case 0:
    case 1: put_number(p, x, inf); break;
    case 2:
    case 3: put_number(p, x, -inf); break;
    case 4:
    case 5: put_bits(p, x, d, true); break;
    case 6: put_number(p, x, d.chance(0.5) ? 0.0 : -0.0); break;
    case 7: put_number(p, x, (d.chance(0.5) ? 1 : -1) * least * double(d.between(1, 1000))); break;
    case 8: put_number(p, x, (d.chance(0.5) ? 1 : -1) * normal); break;
    case 9: put_number(p, x, (d.chance(0.5) ? 1 : -1) * most * (d.chance(0.5) ? 1 : d.unit())); break;
    case 10: put_number(p, x, d.one_of({1.0, -1.0, 0.5, 2.0, 1 - 0x1p-24, 1 + 0x1p-23})); break;
    case 11: put_bits(p, x, d, false); break;
    case 12: put_number(p, x, d.normal() * std::exp2(double(d.between(-60, 60)))); break;
    default:
      put_number(p, x, d.one_of({88.0, -88.0, -104.0, 709.0, -745.0, 1e4, -1e4, 700.0, 11.0, -17.5}));
      break;
  }
}
double typical(domain in, dice& d, double scale) {
  switch (in) {
    case domain::unit: return d.chance(0.3) ? double(d.below(2)) : d.unit();
    case domain::optional_unit: return d.chance(0.3) ? -1 : d.unit();
    case domain::label: return double(d.below(5));
    case domain::nonnegative: return d.chance(0.2) ? 0 : std::fabs(d.normal()) * scale;
    case domain::tweedie_target: return d.chance(0.2) ? 0 : std::fabs(d.normal()) * scale;
    case domain::positive: return std::fabs(d.normal()) * scale + 1e-3;
    case domain::sign: return d.chance(0.5) ? 1 : -1;
    case domain::truth: return double(d.below(2));
    case domain::tweedie_power: return d.chance(0.4) ? double(d.between(-1, 4)) : 1 + d.unit();
    default: return d.normal() * scale;
  }
}
enum class mood { typical, few_specials, many_specials, bits, ties, far_blocks, constant, moods };

void fill_numbers(operand& x, dice& d) {
  x.data.assign(size_t(x.count() * x.size), 0);
  const domain in = x.described ? x.described->in : domain::real;
  const double scale = d.one_of({1.0, 1.0, 3.0, 10.0, 60.0, 0.01, 300.0}),
               shift = d.chance(0.8) ? 0 : 100 * d.normal();
  const bool is_parameter = x.described && !(x.described->fallback != x.described->fallback);
  mood m = d.chance(0.5) ? mood::typical : mood(d.below(int(mood::moods)));
  if (is_parameter && d.chance(0.6)) m = mood::constant;
  const double one = is_parameter && d.chance(0.7) ? x.described->fallback : typical(in, d, scale);
  const ptrdiff_t along = x.rank > 1 ? x.own[x.rank - 1] : 1, block = d.one_of<ptrdiff_t>({1024, 2048, 7});
  double level = 0;
  for (ptrdiff_t i = 0, n = x.count(); i < n; ++i) {
    unsigned char* const p = x.data.data() + i * x.size;
    if (i % along % block == 0) level = 800 * d.normal();
    switch (m) {
      case mood::few_specials:
        if (d.chance(0.03)) put_special(p, x, d);
        else put_number(p, x, typical(in, d, scale) + shift);
        break;
      case mood::many_specials: put_special(p, x, d); break;
      case mood::bits: put_bits(p, x, d, false); break;
      case mood::ties: put_number(p, x, double(d.between(-2, 2))); break;
      case mood::far_blocks: put_number(p, x, typical(in, d, scale) + level); break;
      case mood::constant: put_number(p, x, one); break;
      default: put_number(p, x, typical(in, d, scale) + (in == domain::real ? shift : 0)); break;
    }
  }
}
void fill_integers(operand& x, dice& d, long long low, long long high, double wrong) {  // [low, high)
  x.data.assign(size_t(x.count() * 8), 0);
  for (ptrdiff_t i = 0, n = x.count(); i < n; ++i) {
    long long v = low + (high > low ? (long long)(d.below(ptrdiff_t(high - low))) : 0);
    if (d.chance(wrong))
      v = d.one_of<long long>({low - 1, high, high + 1, -high - 1, -100, LLONG_MAX, LLONG_MIN + 1, 1LL << 61,
                               -(1LL << 61), 1LL << 32, v});
    std::memcpy(x.data.data() + i * 8, &v, 8);
  }
}
void fill_mask(operand& x, dice& d) {
  x.data.assign(size_t(x.count()), 0);
  const double p = d.one_of({0.0, 1.0, 0.5, 0.9, 0.05});
  const ptrdiff_t along = x.rank > 1 && x.own[x.rank - 1] ? x.own[x.rank - 1] : 1;
  bool none = false;
  for (ptrdiff_t i = 0, n = x.count(); i < n; ++i) {
    if (i % along == 0) none = d.chance(0.15);
    x.data[size_t(i)] = !none && d.chance(p);
  }
}

// --- drawing a case -----
/// An operand's axes from "(t,k)"; letters are numbered as they appear, from 1.
void read_axes(const char*& s, std::string& letters, operand& x) {
  x.rank = 1;
  x.letter[0] = 0;
  for (++s; *s != ')'; ++s) {
    if (*s == ',') continue;
    size_t at = letters.find(*s);
    if (at == std::string::npos) {
      at = letters.size();
      letters += *s;
    }
    x.letter[x.rank++] = int(at) + 1;
  }
  ++s;
}
std::string roles_of(const loss_record& r) {
  if (r.roles) return r.roles;
  std::string s;
  for (int i = 0; i < r.info->nargs; ++i) {
    const argument& a = r.info->args[i];
    s += a.kind == role::parameter && a.along ? 'W' : char(a.kind);
  }
  return s + std::string(r.masked ? 1 : 0, 'B') + std::string(size_t(r.nout), 'F');
}
void set_size(operand& x, loop_type type) {
  x.is_half = false;
  if (x.role == 'I' || x.role == 'N' || x.role == 'D') x.size = 8;
  else if (x.role == 'B') x.size = 1;
  else if (x.role == 'S' || x.role == 'H')  // a float32, and the float16 it is rounded to
    x.size = x.role == 'S' ? 4 : 2;
  else if (type == float16_to_float32_loop) x.size = !x.output && std::strchr("FTW", x.role) ? 2 : 4;
  else x.size = type == float16_loop ? 2 : type == float32_loop ? 4 : 8;
}
ptrdiff_t near(dice& d, std::initializer_list<ptrdiff_t> list, ptrdiff_t by) {
  return std::max<ptrdiff_t>(0, d.one_of(list) + d.between(-by, by));
}

ptrdiff_t draw_length(dice& d, int kind, char letter) {
  switch (kind) {
    case rows_kind:
      switch (d.below(8)) {
        case 0:
        case 1: return d.between(d.chance(0.1) ? 0 : 1, 8);
        case 2:
        case 3: return near(d, {8, 16, 32, 64, 128}, 2);
        case 4:
        case 5: return d.between(1, 200);
        case 6: return near(d, {1024, 2048, 3072, 4096}, 2);
        default: return d.between(1, 5000);
      }
    case sums_kind:
    case regions_kind:
      return d.chance(0.5)   ? d.between(0, 40)
             : d.chance(0.5) ? near(d, {256, 512, 1024, 2048}, 2)
                             : d.between(0, 3000);
    case ctc_kind:
      if (letter == 'k')
        return d.chance(0.5)   ? d.between(1, 8)
               : d.chance(0.5) ? near(d, {8, 16, 32, 64}, 1)
                               : d.between(1, 80);
      return d.chance(0.5)   ? d.between(0, 12)
             : d.chance(0.5) ? near(d, {8, 16, 24, 32, 40, 64}, 2)
                             : d.between(0, 100);
    default:
      if (letter == 'd')
        return d.chance(0.1) ? 0 : d.chance(0.5) ? d.between(1, 9) : near(d, {8, 16, 32, 64}, 1);
      return d.chance(0.5)   ? d.between(0, 9)
             : d.chance(0.5) ? near(d, {16, 32, 64, 128}, 2)
                             : d.between(0, 100);
  }
}

bool draw_sequence(fuzz_case& c, dice& d, bool masked) {
  const int at = 1 + masked;
  operand &labels = c.operands[size_t(at)], &frames = c.operands[size_t(at + 1)],
          &letters = c.operands[size_t(at + 2)], &blank = c.operands[size_t(at + 3)];
  const ptrdiff_t classes = c.lengths[2], most = c.lengths[3];
  const double wrong = d.chance(0.85) ? 0 : 0.2;
  fill_integers(frames, d, 0, c.lengths[1] + 1, wrong);
  fill_integers(letters, d, 0, most + 1, wrong);
  if (d.chance(0.6))  // whole lengths are usual
    for (operand* x : {&frames, &letters})
      for (ptrdiff_t i = 0; i < x->count(); ++i) {
        const long long whole = x == &frames ? c.lengths[1] : most;
        std::memcpy(x->data.data() + i * 8, &whole, 8);
      }
  const long long b = (long long)(d.below(classes));
  fill_integers(blank, d, b, b + 1, wrong / 2);
  for (ptrdiff_t i = 0; i < blank.count(); ++i) {
    long long v;
    std::memcpy(&v, blank.data.data() + i * 8, 8);
    if (v == b && d.chance(0.3)) v -= classes;  // the same class, counted from the end
    std::memcpy(blank.data.data() + i * 8, &v, 8);
  }
  const bool repeats = d.chance(0.4);
  fill_integers(labels, d, 0, repeats ? std::min<ptrdiff_t>(classes, 3) : classes, wrong / 4);
  if (wrong == 0 && classes > 1)
    for (ptrdiff_t i = 0; i < labels.count(); ++i) {
      long long v;
      std::memcpy(&v, labels.data.data() + i * 8, 8);
      if (v == b) v = (v + 1) % classes;
      std::memcpy(labels.data.data() + i * 8, &v, 8);
    }
  for (ptrdiff_t s = 0; s < c.lengths[0]; ++s) {
    const ptrdiff_t at_s[most_dims] = {s, 0, 0};
    const long long t = get_integer(frames, at_s), n = get_integer(letters, at_s),
                    of = get_integer(blank, at_s);
    bool bad = t < 0 || t > c.lengths[1] || n < 0 || n > most || of < -classes || of >= classes;
    for (ptrdiff_t i = 0; !bad && i < n; ++i) {
      const ptrdiff_t at_i[most_dims] = {s, i, 0};
      const long long l = get_integer(labels, at_i);
      bad = l < 0 || l >= classes || l == (of < 0 ? of + classes : of);
    }
    c.fails |= bad;
  }
  return true;
}

std::string only_text;
/// False: nothing was drawn, the case is empty.
bool draw(fuzz_case& c, dice& d, int isa) {
  const double u = d.unit();
  c.kind = u < 0.28   ? losses_kind
           : u < 0.62 ? rows_kind
           : u < 0.8  ? ctc_kind
           : u < 0.86 ? sums_kind
           : u < 0.92 ? regions_kind
                      : batch_kind;
  const kernel_table& t = table(isa, c.kind);
  c.record = int(d.below(t.size));
  c.type = loop_type(d.below(loop_types));
  const loss_record& r = t.records[c.record];
  if (!r.loops[c.type]) return false;
  const loss_record* shown = &r;
  if (is_line(c)) {
    const kernel_table& losses = table(isa, losses_kind);
    c.loss = int(d.below(losses.size));
    shown = &losses.records[c.loss];
    if (!shown->loops[c.type] ||
        (std::strcmp(shown->attribute, "") && std::strcmp(shown->attribute, "value_and_grad")))
      return false;
  }
  current_text = std::string(shown->info->name) + (*shown->attribute ? "." : "") + shown->attribute +
                 (is_line(c) ? " along a line" : "") + (shown->masked ? " masked" : "") + " " +
                 (const char* const[]){"float16", "float32", "float64", "float16 to float32"}[c.type];
  if (!only_text.empty() && current_text.find(only_text) == std::string::npos) return false;

  // operands and their axes
  const std::string roles = is_line(c) ? "" : roles_of(r);
  std::string letters;
  if (is_line(c)) {
    c.has_weights = d.chance(0.5);
    c.has_grad = *shown->attribute;
    const auto add = [&](char role, bool output, const argument* described) {
      operand x;
      x.role = role;
      x.output = output;
      x.described = described;
      c.operands.push_back(x);
    };
    for (int k = 0; k < shown->nin; ++k) add('F', false, &shown->info->args[k]);
    if (c.has_weights) add('D', false, nullptr);
    c.nin = int(c.operands.size());
    add('D', true, nullptr);
    add('D', true, nullptr);
    if (c.has_grad) add('F', true, nullptr);
  } else {
    const char* s = r.signature;
    for (int k = 0; k < r.nin + r.nout; ++k) {
      operand x;
      x.role = roles[size_t(k)];
      x.output = k >= r.nin;
      if (s) {
        while (*s != '(') ++s;
        read_axes(s, letters, x);
      }
      const bool mask_before = c.kind == ctc_kind && r.masked;
      if (!x.output && x.role != 'B') x.described = &r.info->args[mask_before && k > 0 ? k - 1 : k];
      c.operands.push_back(x);
    }
    c.nin = r.nin;
  }
  // lengths
  c.lengths.assign(1, 0);
  for (const char letter : letters)
    c.lengths.push_back(letter == 'p' || letter == 's' ? 0 : draw_length(d, c.kind, letter));
  if (c.kind == ctc_kind) {
    ptrdiff_t &frames = c.lengths[1], &labels = c.lengths[3];
    if (d.chance(0.8)) labels = std::min(labels, frames * 2 / 3);
    if (d.chance(0.004)) {
      frames = d.between(500, 700);
      labels = d.between(200, 300);
    }  // beyond what is held at once
    for (size_t k = 0; k < letters.size(); ++k) {
      if (letters[k] == 'p') c.lengths[k + 1] = labels + 1;
      if (letters[k] == 's') c.lengths[k + 1] = 2 * labels + 1;
    }
  }
  ptrdiff_t inner = 1;
  for (size_t k = 1; k < c.lengths.size(); ++k)
    inner *= std::max<ptrdiff_t>(1, std::min<ptrdiff_t>(c.lengths[k], 5000));
  if (letters.empty())
    c.lengths[0] = d.chance(0.4)   ? d.between(1, 40)
                   : d.chance(0.5) ? near(d, {8, 16, 32, 64, 128, 256, 512}, 2)
                                   : d.between(1, d.chance(0.1) ? 5000 : 600);
  else if (c.kind == rows_kind || c.kind == sums_kind || c.kind == regions_kind)
    c.lengths[0] = d.chance(0.5)   ? d.between(1, 5)
                   : d.chance(0.5) ? near(d, {16, 32, 64, 128}, 2)
                                   : d.between(1, 70);
  else c.lengths[0] = d.between(1, 5);
  if (!letters.empty())
    c.lengths[0] = std::max<ptrdiff_t>(1, std::min<ptrdiff_t>(c.lengths[0], 30000 / inner));
  if (c.lengths[0] == 0) c.lengths[0] = 1;
  if (c.kind == ctc_kind && c.lengths[2] == 0) c.lengths[2] = 1;

  const bool plain = d.chance(0.3);
  for (operand& x : c.operands) {
    set_size(x, c.type);
    for (int a = 0; a < x.rank; ++a) {
      x.dims[a] = x.own[a] = c.lengths[size_t(x.letter[a])];
      if (!x.output && x.dims[a] > 1 && d.chance(x.role == 'P' || x.role == 'N' ? 0.5 : plain ? 0.02 : 0.1))
        x.own[a] = 1;
    }
    if (is_line(c) && x.output && x.role == 'D') x.dims[0] = x.own[0] = 1;
    if (!x.output) {
      if (x.role == 'B') fill_mask(x, d);
      else if (x.role == 'I' && c.kind == batch_kind) {
        const ptrdiff_t classes = d.one_of<ptrdiff_t>({1, 3, 50});
        fill_integers(x, d, 0, classes, d.chance(0.3) ? 0.2 : 0);
      } else if (x.role == 'I' && c.kind == rows_kind)
        fill_integers(x, d, 0, c.lengths[1], d.chance(0.85) ? 0 : 0.1);
      else if (x.role == 'I' || x.role == 'N') x.data.assign(size_t(x.count() * 8), 0);  // by draw_sequence()
      else fill_numbers(x, d);
    }
    x.lay(d, plain);
  }
  if (is_line(c)) {
    c.segment = d.chance(0.5) ? d.between(1, c.lengths[0] + 3) : d.one_of<ptrdiff_t>({1, 16, 1024, 1 << 20});
    c.divisor = d.one_of({1.0, 3.0, 0.0, double(c.lengths[0])});
  }
  if (c.kind == ctc_kind) draw_sequence(c, d, r.masked);
  if (!std::strcmp(r.info->name, "softmax_with_complement")) c.may_fail = c.lengths[1] == 0;
  if (c.kind == rows_kind) {
    c.may_fail = c.lengths[1] == 0;
    for (int k = 0; k < c.nin && !c.may_fail; ++k) {
      if (c.operands[size_t(k)].role != 'I') continue;
      for (ptrdiff_t i = 0; i < c.lengths[0]; ++i) {
        const ptrdiff_t at[most_dims] = {i, 0, 0};
        const long long label = get_integer(c.operands[size_t(k)], at);
        bool takes_part = !r.masked;
        for (ptrdiff_t j = 0; r.masked && j < c.lengths[1]; ++j) {
          const ptrdiff_t of[most_dims] = {i, j, 0};
          takes_part |=
              c.operands[size_t(c.nin - 1)].data[size_t(c.operands[size_t(c.nin - 1)].index(of))] != 0;
        }
        c.fails |= takes_part && (label < 0 || label >= c.lengths[1]);
      }
    }
  }
  return true;
}

// --- what must hold -----
int failures = 0;
std::set<std::string> shown_faults;
bool is_replay = false;

std::string describe(const fuzz_case& c) {
  std::string s = "  lengths";
  for (const ptrdiff_t n : c.lengths) s += " " + std::to_string(n);
  if (is_line(c)) s += ", segment " + std::to_string(c.segment) + ", divisor " + std::to_string(c.divisor);
  for (const operand& x : c.operands) {
    s += std::string("\n  ") + (x.output ? "output " : "input ") + x.role + std::to_string(x.size) + " steps";
    for (int a = 0; a < x.rank; ++a)
      s += " " + std::to_string(x.step[a]) + (x.own[a] != x.dims[a] ? "(broadcast)" : "");
    s += x.at_end ? ", before a forbidden page" : ", behind a forbidden page";
    if (!x.output && x.count() > 0 && x.role != 'B') {
      s += ":";
      for (ptrdiff_t i = 0; i < x.count() && i < 12; ++i) {
        char text[40];
        if (x.role == 'I' || x.role == 'N') {
          long long v;
          std::memcpy(&v, x.data.data() + i * 8, 8);
          std::snprintf(text, sizeof text, " %lld", v);
        } else std::snprintf(text, sizeof text, " %.9g", get_number(x.data.data() + i * x.size, x));
        s += text;
      }
    }
  }
  return s;
}
bool expect(bool ok, const fuzz_case& c, int isa, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
bool expect(bool ok, const fuzz_case& c, int isa, const char* format, ...) {
  if (ok) return true;
  ++failures;
  char what[400];
  va_list rest;
  va_start(rest, format);
  std::vsnprintf(what, sizeof what, format, rest);
  va_end(rest);
  // one line for each loop and kind of fault: the words before the first colon
  const std::string key = current_text + std::string(what).substr(0, std::string(what).find(':'));
  if (!is_replay && (!shown_faults.insert(key).second || shown_faults.size() > 60)) return false;
  std::printf("FAILED: %s on %s: %s\n  %s%s --replay %llu:%llu\n", current_text.c_str(), table(isa).isa, what,
              program, isa_option.c_str(), (unsigned long long)(current_seed),
              (unsigned long long)(current_case));
  if (is_replay) std::printf("%s\n", describe(c).c_str());
  std::fflush(stdout);
  return false;
}

/// The first element in which two outputs differ, NaNs aside (unless `strict`); -1: none.
ptrdiff_t differs(const bytes& a, const bytes& b, const operand& x, bool strict) {
  for (ptrdiff_t i = 0; i < ptrdiff_t(a.size()) / x.size; ++i) {
    const unsigned char *p = a.data() + i * x.size, *q = b.data() + i * x.size;
    if (std::memcmp(p, q, size_t(x.size)) && (strict || !is_number_nan(p, x) || !is_number_nan(q, x)))
      return i;
  }
  return -1;
}
std::vector<const operand*> outputs_of(const fuzz_case& c) {
  std::vector<const operand*> found;
  for (const operand& x : c.operands)
    if (x.output) found.push_back(&x);
  return found;
}
bool expect_same(const outcome& a, const outcome& b, const fuzz_case& c, int isa, const char* what,
                 bool strict = false) {
  if (!expect(a.result == b.result, c, isa, "%s: %d, then %d is returned", what, a.result, b.result))
    return false;
  if (a.result != 0) return true;
  const auto outs = outputs_of(c);
  for (size_t k = 0; k < outs.size(); ++k) {
    const ptrdiff_t at = differs(a.out[k], b.out[k], *outs[k], strict);
    if (at >= 0) {
      const operand& x = *outs[k];
      if (x.role == 'N') return expect(false, c, isa, "%s: output %zu differs at %td", what, k, at);
      return expect(false, c, isa, "%s: output %zu is %.17g, then %.17g at %td", what, k,
                    get_number(a.out[k].data() + at * x.size, x),
                    get_number(b.out[k].data() + at * x.size, x), at);
    }
  }
  return true;
}

/// Items [from, from + m) of the batch alone, contiguous.
fuzz_case part_of(const fuzz_case& c, ptrdiff_t from, ptrdiff_t m) {
  fuzz_case p = c;
  p.lengths[0] = m;
  for (operand& x : p.operands) {
    if (x.dims[0] == c.lengths[0] && x.own[0] == x.dims[0]) {
      const ptrdiff_t item = x.count() / x.own[0] * x.size;
      if (!x.output) x.data = bytes(x.data.begin() + from * item, x.data.begin() + (from + m) * item);
      x.own[0] = m;
    } else if (m == 1) x.own[0] = 1;
    x.dims[0] = m;
    x.lay_densely();
  }
  return p;
}
/// The same with other numbers in what takes no part; false: there is nothing of the kind.
bool scramble(fuzz_case& c, const loss_record& r, dice& d) {
  bool any = false;
  const auto change = [&](operand& x, const ptrdiff_t* i) {
    unsigned char* const p = x.data.data() + x.index(i) * x.size;
    if (x.role == 'I' || x.role == 'N') {
      const long long v = d.one_of<long long>({-1, 1LL << 40, LLONG_MAX, 3});
      std::memcpy(p, &v, 8);
    } else put_special(p, x, d);
    any = true;
  };
  const operand* mask = nullptr;
  for (int k = 0; k < c.nin; ++k)
    if (c.operands[size_t(k)].role == 'B') mask = &c.operands[size_t(k)];
  const auto takes_part = [&](ptrdiff_t i, ptrdiff_t j) {
    const ptrdiff_t at[most_dims] = {i, j, 0};
    return !mask || mask->data[size_t(mask->index(at))] != 0;
  };
  if (c.kind == rows_kind || c.kind == sums_kind || c.kind == regions_kind || c.kind == batch_kind) {
    if (!mask || (c.kind == rows_kind && !r.masked)) return false;
    for (int k = 0; k < c.nin; ++k) {
      operand& x = c.operands[size_t(k)];
      if (&x == mask || x.rank < 2 || x.is_broadcast()) continue;
      for (ptrdiff_t i = 0; i < x.dims[0]; ++i)
        for (ptrdiff_t j = 0; j < x.dims[1]; ++j)
          for (ptrdiff_t e = 0; e < (x.rank > 2 ? x.dims[2] : 1); ++e) {
            const ptrdiff_t at[most_dims] = {i, j, e};
            if (!takes_part(i, j)) change(x, at);
          }
    }
    return any;
  }
  if (c.kind != ctc_kind || c.fails) return false;
  const int at = 1 + r.masked;
  operand &logits = c.operands[0], &labels = c.operands[size_t(at)];
  for (ptrdiff_t s = 0; s < c.lengths[0]; ++s) {
    const ptrdiff_t at_s[most_dims] = {s, 0, 0};
    const long long frames = get_integer(c.operands[size_t(at + 1)], at_s),
                    n = get_integer(c.operands[size_t(at + 2)], at_s);
    if (!labels.is_broadcast())
      for (ptrdiff_t i = ptrdiff_t(n); i < labels.dims[1]; ++i) {
        const ptrdiff_t of[most_dims] = {s, i, 0};
        change(labels, of);
      }
    if (!logits.is_broadcast())
      for (ptrdiff_t t = 0; t < logits.dims[1]; ++t)
        for (ptrdiff_t k = 0; (t >= frames || !takes_part(s, t)) && k < logits.dims[2]; ++k) {
          const ptrdiff_t of[most_dims] = {s, t, k};
          change(logits, of);
        }
  }
  return any;
}

/// Of all inputs and outputs; every NaN of an output is the same NaN.
std::uint64_t digest = 0xcbf29ce484222325u;
void add_to_digest(const fuzz_case& c, const outcome& o) {
  const auto add = [](const unsigned char* p, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; ++i) digest = (digest ^ p[i]) * 0x100000001b3u;
  };
  for (const operand& x : c.operands)
    if (!x.output) add(x.data.data(), ptrdiff_t(x.data.size()));
  add(reinterpret_cast<const unsigned char*>(&o.result), sizeof o.result);
  if (o.result != 0) return;
  const auto outs = outputs_of(c);
  for (size_t k = 0; k < outs.size(); ++k) {
    const ptrdiff_t size = outs[k]->size;
    if (is_replay) std::printf("  output %zu:", k);
    for (ptrdiff_t i = 0; i < ptrdiff_t(o.out[k].size()); i += size) {
      const unsigned char* const p = o.out[k].data() + i;
      if (outs[k]->role == 'N' || !is_number_nan(p, *outs[k])) add(p, size);
      if (is_replay && outs[k]->role != 'N') std::printf(" %.17g", get_number(p, *outs[k]));
    }
    if (is_replay) std::printf("\n");
  }
}

void examine(const fuzz_case& c, dice& d, const std::vector<int>& isas) {
  const int first = isas[0];
  const loss_record& r = record_of(first, c);
  outcome a;
  for (const int isa : isas) {
    const unsigned char byte =
        isa == first ? 0xff : d.one_of<unsigned char>({0x00, 0x3f, 0xa5, 0x7f, 0xfe, 0xdf});
    const outcome o = run(c, isa, byte);
    expect(o.flags_kept, c, isa, "floating-point flags are left behind");
    expect(o.heap_kept, c, isa, "something beyond the workspace is written");
    expect(o.lock_kept, c, isa, "the lock is not taken back");
    expect(o.rest_kept, c, isa, "something beside the elements of an output is written");
    expect(o.result == 0 || o.result == -1, c, isa, "a loop returns: %d", o.result);
    expect(o.said == (o.result != 0), c, isa, "failures are told: %d times at a result of %d", o.said,
           o.result);
    if (o.result != 0) expect(!o.written, c, isa, "a call that fails has written results");
    if (!c.may_fail)
      expect((o.result != 0) == c.fails, c, isa, "a fault is %s",
             c.fails ? "not seen" : "seen where there is none");
    if (isa == first) a = o;
    else expect_same(a, o, c, isa, (std::string("other bits than on ") + table(first).isa).c_str());
  }
  add_to_digest(c, a);
  const int isa = isas[size_t(d.below(ptrdiff_t(isas.size())))];
  const unsigned char byte = d.one_of<unsigned char>({0x00, 0x3f, 0xa5, 0x7f, 0xfe, 0xdf});
  expect_same(isa == first ? a : run(c, isa, 0xff), run(c, isa, byte), c, isa, "other bits a second time",
              true);
  if (c.kind == ctc_kind || c.kind == batch_kind) {
    const outcome o = run(c, isa, 0xa5, true);
    expect(o.result == -1 || (o.result == 1 && !c.fails) || (c.fails && o.result != 0), c, isa,
           "without memory: %d is returned", o.result);
    if (o.result == -1)
      expect(o.said == 1 && !o.written && o.lock_kept, c, isa, "without memory: told %d times, results %s",
             o.said, o.written ? "written" : "kept");
  }
  if (a.result != 0) return;

  // some of the batch alone
  if (!is_line(c))
    for (int repeat = 0; repeat < 2; ++repeat) {
      const ptrdiff_t m = repeat ? d.between(1, c.lengths[0]) : 1, from = d.between(0, c.lengths[0] - m);
      const fuzz_case p = part_of(c, from, m);
      const outcome o = run(p, isa, byte);
      if (!expect(o.result == 0, c, isa, "alone: items from %td on fail", from)) break;
      const auto outs = outputs_of(c);
      for (size_t k = 0; k < outs.size(); ++k) {
        const size_t item = c.lengths[0] ? a.out[k].size() / size_t(c.lengths[0]) : 0;
        const bytes whole(a.out[k].begin() + ptrdiff_t(size_t(from) * item),
                          a.out[k].begin() + ptrdiff_t(size_t(from + m) * item));
        const ptrdiff_t at = differs(whole, o.out[k], *outs[k], false);
        if (at >= 0 &&
            !expect(false, c, isa, "other bits alone: output %zu, element %td of the %td items from %td on",
                    k, at, m, from))
          break;
      }
    }
  if (fuzz_case other = c; scramble(other, r, d))
    expect_same(a, run(other, first, 0xa5), other, first,
                "other bits for other numbers in what takes no part");
  {  // every NaN the usual one
    fuzz_case usual = c;
    bool any = false;
    for (operand& x : usual.operands)
      for (ptrdiff_t i = 0; !x.output && i < x.count(); ++i) {
        unsigned char* const p = x.data.data() + i * x.size;
        if (is_number_nan(p, x)) {
          put_number(p, x, std::numeric_limits<double>::quiet_NaN());
          any = true;
        }
      }
    if (any) expect_same(a, run(usual, first, 0xa5), c, first, "a NaN's payload counts");
  }
  if (c.kind == losses_kind) {
    fuzz_case same = c;
    const int k = int(d.below(c.nin));
    if (!same.operands[size_t(k)].is_broadcast()) {
      same.operands[size_t(c.nin + d.below(r.nout))].alias = k;
      expect_same(a, run(same, isa, byte), c, isa, "other bits in place");
    }
  }
  if (c.type == float16_to_float32_loop || (c.type == float16_loop && c.kind == losses_kind)) {
    fuzz_case wide = c;
    wide.type = float32_loop;
    for (operand& x : wide.operands) {
      const operand before = x;
      set_size(x, float32_loop);
      if (!x.output && x.size != before.size) {
        x.data.assign(size_t(x.count() * x.size), 0);
        for (ptrdiff_t i = 0; i < x.count(); ++i)
          put_number(x.data.data() + i * x.size, x, get_number(before.data.data() + i * before.size, before));
      }
      x.lay_densely();
    }
    outcome o = run(wide, isa, byte);
    if (c.type == float16_loop) {  // rounded once
      const auto outs = outputs_of(c), wider = outputs_of(wide);
      for (size_t k = 0; k < outs.size(); ++k) {
        bytes rounded(a.out[k].size());
        const bool is_bound = (r.parts & part_bound) && k + 1 == outs.size();  // stays positive
        for (ptrdiff_t i = 0; i < outs[k]->count(); ++i) {
          const double x = get_number(o.out[k].data() + i * 4, *wider[k]);
          put_number(rounded.data() + i * 2, *outs[k], is_bound && x < 0x1p-24 ? 0x1p-24 : x);
        }
        o.out[k] = rounded;
      }
    }
    expect_same(a, o, c, isa, "other numbers than from float32");
  }
}

// --- from the command line -----
void crashed(int signal, siginfo_t* info, void*) {
  char text[400];
  const int n = std::snprintf(
      text, sizeof text, "FAILED: %s: signal %d at address %p, %s\n  %s%s --replay %llu:%llu\n",
      current_text.c_str(), signal, info->si_addr, in_call ? "in the loop" : "outside of loops", program,
      isa_option.c_str(), (unsigned long long)(current_seed), (unsigned long long)(current_case));
  if (write(1, text, size_t(n)) != n) _exit(3);
  _exit(2);
}
unsigned char signal_stack[1 << 16];

int usage() {
  std::fprintf(stderr,
               "usage: %s [--seconds S] [--cases N] [--seed SEED] [--replay SEED:CASE] [--isa NAME] [--only "
               "TEXT] [--digest yes]\n",
               program);
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 5;
  unsigned long long cases = ~0ull, from = 0;
  std::string isa_name;
  program = argv[0];
  bool has_seconds = false, shows_digest = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (i + 1 == argc) return usage();
    const char* const value = argv[++i];
    if (word == "--seconds") {
      seconds = std::atof(value);
      has_seconds = true;
    } else if (word == "--cases") cases = std::strtoull(value, nullptr, 10);
    else if (word == "--seed") current_seed = std::strtoull(value, nullptr, 10);
    else if (word == "--isa") isa_name = std::string(std::strncmp(value, "isa_", 4) ? "isa_" : "") + value;
    else if (word == "--digest") shows_digest = true;
    else if (word == "--only") only_text = value;
    else if (word == "--replay") {
      char* colon;
      current_seed = std::strtoull(value, &colon, 10);
      if (*colon != ':') return usage();
      from = std::strtoull(colon + 1, nullptr, 10);
      cases = 1;
      is_replay = true;
    } else return usage();
  }
  if (cases != ~0ull && !has_seconds) seconds = std::numeric_limits<double>::infinity();

  // Sets with fused multiply-add give one result; one without is driven alone, by its name.
  std::vector<int> isas;
  for (int i = count() - 1; i >= 0; --i) {
    const char* const name = table(i).isa;
    const bool has_fma = std::strcmp(name, "isa_x86_64_v2") && std::strcmp(name, "isa_scalar");
    if (supported(i) && (isa_name.empty() ? has_fma : isa_name == name)) isas.push_back(i);
  }
  if (isas.empty() && isa_name.empty() && best() >= 0) isas.push_back(best());
  if (isas.empty()) {
    std::fprintf(stderr, "%s: %s is not built in, or not supported by this processor\n", program,
                 isa_name.c_str());
    return 77;
  }
  if (!isa_name.empty()) isa_option = " --isa " + isa_name;
  page = size_t(sysconf(_SC_PAGESIZE));
  for (slot& s : memory) s.make();
  for (slot& s : heap) s.make();
  host_calls() = {record_release, record_restore, record_fail, record_fail_sequence};
  stack_t alternative{};
  alternative.ss_sp = signal_stack;
  alternative.ss_size = sizeof signal_stack;
  sigaltstack(&alternative, nullptr);
  struct sigaction action{};
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigaction(signal, &action, nullptr);

  const auto begin = std::chrono::steady_clock::now();
  unsigned long long examined = 0, number = from;
  for (; number - from < cases; ++number) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds) break;
    current_case = number;
    dice d = make_dice(current_seed, number);
    fuzz_case c;
    if (!draw(c, d, isas[0])) continue;
    ++examined;
    if (is_replay) std::printf("%s\n%s\n", current_text.c_str(), describe(c).c_str());
    examine(c, d, isas);
  }
  std::printf("%s: %llu cases (seed %llu, numbers %llu to %llu) on", program, examined,
              (unsigned long long)(current_seed), from, number);
  for (const int i : isas) std::printf(" %s", table(i).isa);
  std::printf(": %d failures\n", failures);
  if (shows_digest) std::printf("digest %016llx\n", (unsigned long long)(digest));
  if (examined == 0) std::printf("nothing was examined\n");
  return failures != 0 || examined == 0;
}
