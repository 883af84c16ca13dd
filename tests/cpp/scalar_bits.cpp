// Packs and plain scalars give the same bits where both have fma: every loop of every loss on random
// operands, hashed by two units in one program.  The unit that is compiled with UFL_NO_XSIMD only hashes; the
// other hashes too, and compares.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>
#include "check.hpp"
#include "crossed.hpp"
#include "ufloss/kinds/lattice/loop.hpp"
#include "ufloss/kinds/list/loop.hpp"
#include "ufloss/kinds/pairs/loop.hpp"
#include "ufloss/reduce/sums.hpp"
#include "ufloss/ufloss.hpp"

/// The hash of what one call wrote, by what it was called for.
struct named_hash {
  std::string name;
  std::uint64_t hash;
};
// The two units have namespaces of their own, by UFL_ISA, so that the linker cannot take the one's functions
// for the other's.
std::vector<named_hash> hashes_of_scalars();

using namespace ufloss;

static_assert(UFL_HAS_FMA, "without fma products are rounded, and by whom depends on the set");

namespace {

// In the order of the calls, which is the same in both units.
std::vector<named_hash> found;
// Seeded anew for each kind of call, so that both units draw the same operands.
std::mt19937_64 engine;
double uniform() { return double(engine() >> 11) * 0x1p-53; }

/// FNV of the numbers; all NaNs count as one, whose sign and payload nobody promises.
template <class T> void note(const std::string& name, const std::vector<std::vector<T>>& outputs) {
  std::uint64_t hash = 14695981039346656037u;
  for (const auto& output : outputs)
    for (const T x : output) {
      typename format<T>::uint bits = 1;
      if (x == x) std::memcpy(&bits, &x, sizeof(T));
      hash = (hash ^ bits) * 1099511628211u;
    }
  found.push_back({name + (sizeof(T) == 4 ? " in float" : " in double"), hash});
}

/// A number of the argument's domain, of ordinary size: rare ways are the fuzzer's, which compares sets.
double random_number(const argument& a) {
  const double u = uniform();
  switch (a.in) {
    case domain::real: return std::ldexp(u - 0.5, int(engine() % 10) - 3);
    case domain::sign: return u < 0.5 ? -1 : 1;
    case domain::truth: return u < 0.5 ? 0 : 1;
    case domain::tweedie_power: return 1 + u;
    case domain::nonnegative:
    case domain::positive:
    case domain::tweedie_target: return 4 * u;
    default: return u;
  }
}
/// Of parameters mostly the usual value, for which the formulas have ways of their own.
template <class T> std::vector<T> operand(const argument& a, int n) {
  std::vector<T> x;
  for (int i = 0; i < n; ++i) {
    const bool usual = a.kind == role::parameter && a.fallback == a.fallback && engine() % 4;
    x.push_back(T(usual ? a.fallback : random_number(a)));
  }
  return x;
}
template <class T> char* start(std::vector<T>& x) { return reinterpret_cast<char*>(x.data()); }

/// Memory that starts at a multiple of 64, as loops ask for.
struct workspace {
  std::vector<char> bytes;
  explicit workspace(std::size_t n) : bytes(n + 64) {}
  char* first() { return bytes.data() + (64 - reinterpret_cast<std::uintptr_t>(bytes.data()) % 64) % 64; }
};

/// All outputs at once, over one element, a few packs and a part of one, and many.
template <class T, class L> void elements() {
  engine.seed(3);
  for (const int n : {1, 37, 1500}) {
    std::vector<std::vector<T>> in, out(std::size_t(count_parts(L::parts)), std::vector<T>(std::size_t(n)));
    std::vector<char*> args;
    for (const argument& a : L::args) in.push_back(operand<T>(a, n));
    for (auto& x : in) args.push_back(start(x));
    for (auto& x : out) args.push_back(start(x));
    const std::vector<std::ptrdiff_t> steps(args.size(), sizeof(T));
    elementwise<L, L::parts, T>(args.data(), steps.data(), n);
    note(L::name, out);
  }
}

/// Rows that lie one after the other; what comes once a row differs from row to row.
template <class L, unsigned Parts, class T> void some_rows(int count, int n) {
  // A row's value is one number, unless the loss has one for each element.
  constexpr bool valued = (L::properties & row_value) == 0 && (Parts & part_value) != 0;
  const std::ptrdiff_t dims[] = {count, n}, size = sizeof(T);
  std::vector<std::vector<T>> in, out;
  std::vector<long long> label;
  std::vector<char*> args;
  std::vector<std::ptrdiff_t> outer, core;
  for (int r = 0; r < count; ++r) label.push_back((long long)(engine() % std::uint64_t(n)));
  in.reserve(std::size_t(arity<L>));
  for (const argument& a : L::args) {
    const bool labels = a.kind == role::label;
    in.push_back(operand<T>(a, a.along() ? count * n : labels ? 0 : count));
    args.push_back(labels ? start(label) : start(in.back()));
    outer.push_back(a.along() ? n * size : labels ? 8 : size);
    if (a.along()) core.push_back(size);
  }
  const int along = count_parts(Parts) - valued;
  out.reserve(std::size_t(1 + along));
  if (valued) {
    out.emplace_back(std::size_t(count));
    args.push_back(start(out.back()));
    outer.push_back(size);
  }
  for (int k = 0; k < along; ++k) {
    out.emplace_back(std::size_t(count * n));
    args.push_back(start(out.back()));
    outer.push_back(n * size);
    core.push_back(size);
  }
  // Steps from row to row first, then those along the rows.
  outer.insert(outer.end(), core.begin(), core.end());
  check(rows<L, Parts, T>(args.data(), dims, outer.data(), false).kind == fault_kind::none, "%s: refused",
        L::name);
  note(std::string(L::name) + ", parts " + std::to_string(Parts) + ", n = " + std::to_string(n), out);
}
/// Two calls, since no output has all parts.  5 elements go side by side, 40 by themselves, 2500 in blocks.
template <class T, class L> void row_sums() {
  constexpr unsigned first = L::parts & (part_value | part_grad | part_grad2 | part_grad3);
  constexpr unsigned second = L::parts & (part_grad | part_hess | part_bound);
  engine.seed(5);
  for (const int n : {1, 5, 40, 2500}) {
    some_rows<L, first, T>(n > 1000 ? 2 : 19, n);
    if constexpr (second != 0) some_rows<L, second, T>(n > 1000 ? 2 : 19, n);
  }
}

/// Lists, whose sums run along the order of their relevances.
template <class T, class L> void ordered() {
  engine.seed(9);
  for (const int n : {1, 5, 40, 2500}) {
    std::vector<T> scores = operand<T>(L::args[0], n), relevances = operand<T>(L::args[1], n);
    const std::size_t items = std::size_t(n);
    std::vector<std::vector<T>> out = {std::vector<T>(1), std::vector<T>(items), std::vector<T>(items)};
    const std::ptrdiff_t size = sizeof(T), dims[] = {1, n}, steps[] = {0, 0, 0, 0, 0, size, size, size, size};
    char* args[] = {start(scores), start(relevances), start(out[0]), start(out[1]), start(out[2])};
    workspace memory(list_bytes(dims));
    lists<L, standard_parts, T, T>(args, dims, steps, false, memory.first());
    note(std::string(L::name) + ", n = " + std::to_string(n), out);
  }
}

/// One batch of pairs: 4 vectors, and 46, which no width of a register divides.
template <class T, class L> void pairs() {
  constexpr unsigned both = part_value | part_grad;
  constexpr int width = 19;
  engine.seed(7);
  for (const int n : {4, 46}) {
    std::vector<std::vector<T>> out(2);
    std::vector<T> x;
    std::vector<long long> label;
    for (int i = 0; i < n * width; ++i) x.push_back(T(uniform() - 0.5));
    // Every label twice: each vector has one partner.
    for (int i = 0; i < n; ++i) label.push_back(i / 2);
    out[0].resize(1);
    out[1].resize(x.size());
    T temperature = T(0.5);
    const std::ptrdiff_t size = sizeof(T), row = width * size, dims[] = {1, n, width},
                         steps[] = {0, 0, 0, 0, 0, row, size, 8, row, size};
    char* args[] = {start(x), start(label), reinterpret_cast<char*>(&temperature), start(out[0]),
                    start(out[1])};
    workspace memory(batch_bytes<L, both, T>(dims));
    batches<L, both, T>(args, dims, steps, false, memory.first());
    note(L::name, out);
  }
}

/// Two batches; at 0.001 exponentials are taken against each row's own largest.
template <class T, class L> void crossed() {
  constexpr int width = 19;
  engine.seed(9);
  for (const int n : {4, 46})
    for (const double heat : {0.5, 0.001}) {
      std::vector<std::vector<T>> out(2);
      std::vector<T> in;
      for (int i = 0; i < 2 * n * width; ++i) in.push_back(T(uniform() - 0.5));
      in.push_back(T(heat));
      out[0].resize(1);
      out[1].resize(in.size());
      call_crossed<L>(in.data(), out[0].data(), out[1].data(), n, width);
      note(L::name, out);
    }
}

/// Logits of thousands go the exact way.
template <class T> void sequences() {
  constexpr std::ptrdiff_t frames = 60, classes = 37, labels = 19, size = sizeof(T),
                           dims[] = {1, frames, classes, labels};
  engine.seed(11);
  for (const double scale : {4.0, 4000.0})
    for (const ctc_output output : {ctc_output::value_and_grad, ctc_output::states}) {
      // These two outputs run all recursions: forwards, backwards, and what is made of both.
      const bool posteriors = output == ctc_output::states;
      const std::ptrdiff_t wide = posteriors ? 2 * labels + 1 : classes;
      std::vector<T> logits;
      std::vector<long long> label;
      for (std::ptrdiff_t i = 0; i < frames * classes; ++i) logits.push_back(T(scale * (uniform() - 0.5)));
      for (std::ptrdiff_t i = 0; i < labels; ++i) label.push_back(1 + (long long)(engine() % 36));
      std::vector<long long> length = {frames}, target = {labels}, blank = {0};
      std::vector<std::vector<T>> out(2);
      out[0].resize(1);
      out[1].resize(std::size_t(frames * wide));
      std::vector<char*> args = {start(logits), start(label), start(length), start(target), start(blank)};
      if (!posteriors) args.push_back(start(out[0]));
      args.push_back(start(out[1]));
      std::vector<std::ptrdiff_t> steps(args.size());
      for (const std::ptrdiff_t s : {classes * size, size, std::ptrdiff_t(8), wide * size, size})
        steps.push_back(s);
      const ctc_operands o(args.data(), dims, steps.data(), false, int(args.size()) - 5);
      workspace memory(ctc_loop_bytes<T>(dims, output));
      check(ctc_loop<T>(output, false, o, memory.first()).kind == fault_kind::none, "ctc: refused");
      note("ctc", out);
    }
}

/// Weighted sums, always in double.
template <class T> void sums() {
  engine.seed(13);
  for (const int n : {1, 37, 5000}) {
    std::vector<T> x;
    std::vector<double> w;
    for (int i = 0; i < n; ++i) {
      x.push_back(T(uniform() - 0.5));
      w.push_back(uniform());
    }
    const char yes = 1;
    double sum = 0, weight = 0;
    weighted_sum<T>(n, start(x), sizeof(T), start(w), sizeof(double), &yes, 0, &sum, &weight);
    note<double>("weighted_sum", {{sum, weight}});
  }
}

template <class T, class... L> void all_elements(loss_list<L...>) { (elements<T, L>(), ...); }
template <class T, class... L> void all_rows(loss_list<L...>) { (row_sums<T, L>(), ...); }
template <class T, class... L> void all_lists(loss_list<L...>) { (ordered<T, L>(), ...); }
template <class T, class L> void pairs_or_crossed() {
  if constexpr (is_cross<L>) crossed<T, L>();
  else pairs<T, L>();
}
template <class T, class... L> void all_pairs(loss_list<L...>) { (pairs_or_crossed<T, L>(), ...); }
/// Every kind in turn: a loss that is added to the registry is hashed without a line here.
template <class T> void all() {
  all_elements<T>(elementwise_losses{});
  all_rows<T>(row_losses{});
  all_lists<T>(list_losses{});
  all_pairs<T>(pair_losses{});
  sequences<T>();
  sums<T>();
}
std::vector<named_hash> hashes() {
  all<float>();
  all<double>();
  // Both types, one after the other.
  return found;
}

}  // namespace

#if defined(UFL_NO_XSIMD)
// This unit only hashes.
static_assert(lanes<float> == 1, "a pack is one scalar");
std::vector<named_hash> hashes_of_scalars() { return hashes(); }
#else
int run_tests(int, char**);
int run_tests(int, char**) {
  const std::vector<named_hash> packs = hashes(), scalars = hashes_of_scalars();
  // 400: a mistake that makes both lists short must not pass.
  check(packs.size() == scalars.size() && packs.size() > 400, "%zu hashes, %zu of scalars", packs.size(),
        scalars.size());
  for (std::size_t i = 0; i < packs.size() && i < scalars.size(); ++i)
    check(packs[i].hash == scalars[i].hash && packs[i].name == scalars[i].name, "%s differs",
          packs[i].name.c_str());
  std::printf("%zu hashes\n", packs.size());
  return report("scalar_bits");
}
#endif
