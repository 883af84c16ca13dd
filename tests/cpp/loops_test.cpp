// The elementwise loop: every layout, length, alignment and way of writing gives the bits of one-element
// calls, and touches nothing else.
#include <cstring>
#include <memory>
#include <random>
#include <vector>
#include "check.hpp"
#include "ufloss/ufloss.hpp"

using namespace ufloss;

namespace {

std::mt19937_64 engine{7};
/// From lo to hi, both included.
int pick_from(int lo, int hi) { return lo + int(engine() % std::uint64_t(hi - lo + 1)); }

template <class S> S stored(double x) { return S(x); }
template <> half stored<half>(double x) { return to_half(float(x)); }
template <class S> const char* type_name() {
  return sizeof(S) == 2 ? "half" : sizeof(S) == 4 ? "float" : "double";
}

// What no element owns must keep it.
constexpr unsigned char guard = 0xa5;

/// `count` elements, `step` apart, in a heap block of exactly their extent plus `offset` elements before
/// them, so that the address sanitizer sees a read beyond; bytes that no element owns hold the guard.
template <class S> struct operand {
  std::ptrdiff_t step, offset, count, extent;
  std::unique_ptr<S[]> block;
  // A negative step has its first element at the end of the block; a step of 0 has one element for all.
  operand(std::ptrdiff_t n, std::ptrdiff_t s, std::ptrdiff_t before) : step(s), offset(before), count(n) {
    const std::ptrdiff_t span = n == 0 ? 0 : (n - 1) * (s < 0 ? -s : s) + 1;
    extent = offset + span;
    block.reset(new S[std::size_t(extent)]);
    std::memset(static_cast<void*>(block.get()), guard, std::size_t(extent) * sizeof(S));
  }
  S* first() { return block.get() + offset + (step < 0 ? (count - 1) * -step : 0); }
  S& at(std::ptrdiff_t i) { return first()[i * step]; }
  /// Compares with `want`, then looks for guard bytes that changed.
  bool holds(const std::vector<S>& want) {
    std::vector<char> owned(std::size_t(extent), 0);
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      if (std::memcmp(&at(i), &want[std::size_t(step == 0 ? 0 : i)], sizeof(S))) return false;
      owned[std::size_t(&at(i) - block.get())] = 1;
    }
    const unsigned char* bytes = reinterpret_cast<const unsigned char*>(block.get());
    for (std::size_t k = 0; k < std::size_t(extent) * sizeof(S); ++k)
      if (!owned[k / sizeof(S)] && bytes[k] != guard) return false;
    return true;
  }
};

constexpr std::ptrdiff_t longest = 9000;  // more than two blocks of the loop's buffer, for every type

template <class L, unsigned Parts, class S> struct under_test {
  static constexpr int nin = arity<L>, nout = count_parts(Parts), operands = nin + nout;
  std::vector<S> data[operands];  // inputs, and the outputs of one-element calls

  // Inputs from the middle of their domains: that every layout gives the same numbers is asked here, not
  // which.
  under_test() {
    for (int a = 0; a < nin; ++a)
      for (std::ptrdiff_t i = 0; i < longest; ++i) {
        const double u = double(engine() >> 11) * 0x1p-53;
        const domain in = L::args[a].in;
        data[a].push_back(stored<S>(in == domain::real   ? std::ldexp(u - 0.5, pick_from(-3, 6))
                                    : in == domain::sign ? (u < 0.5 ? -1 : 1)
                                                         : u));
      }
    for (int a = nin; a < operands; ++a) data[a].resize(std::size_t(longest));
    reference(nullptr);
  }
  /// Outputs from one-element calls; where `broadcast` says so, the input's first element stands for all.
  void reference(const bool* broadcast, std::ptrdiff_t n = longest) {
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      char* args[operands];
      std::ptrdiff_t steps[operands];
      for (int a = 0; a < operands; ++a) {
        args[a] =
            reinterpret_cast<char*>(&data[a][std::size_t(a < nin && broadcast && broadcast[a] ? 0 : i)]);
        steps[a] = sizeof(S);
      }
      elementwise<L, Parts, S>(args, steps, 1);
    }
  }
  /// One call: operands as `step` and `offset` say, results against those of one-element calls.  aliased: the
  /// first output is that input, as NumPy allows where elements correspond.
  void compare(std::ptrdiff_t n, const std::ptrdiff_t* step, const std::ptrdiff_t* offset,
               std::ptrdiff_t past_cache_from, int aliased, const char* what) {
    std::vector<operand<S>> o;
    o.reserve(operands);
    char* args[operands];
    std::ptrdiff_t steps[operands];
    for (int a = 0; a < operands; ++a) {
      o.emplace_back(n, step[a], offset[a]);
      if (a < nin)
        for (std::ptrdiff_t i = 0; i < n; ++i) o.back().at(i) = data[a][std::size_t(step[a] == 0 ? 0 : i)];
    }
    for (int a = 0; a < operands; ++a) {
      const int from = a == nin && aliased >= 0 ? aliased : a;  // the first output may be an input
      args[a] = reinterpret_cast<char*>(o[std::size_t(from)].first());
      steps[a] = step[from] * std::ptrdiff_t(sizeof(S));
    }
    elementwise<L, Parts, S>(args, steps, n, past_cache_from);
    for (int a = 0; a < operands; ++a) {
      // The input's place holds the first output; it is looked at there.
      if (a == nin && aliased >= 0) continue;
      const bool ok = o[std::size_t(a)].holds(data[a == aliased ? nin : a]);
      check(ok, "%s %s parts %u, %s: n = %d, operand %d, step %d, offset %d", L::name, type_name<S>(), Parts,
            what, int(n), a, int(step[a]), int(offset[a]));
    }
  }
  /// Every length up to several packs in every way of writing, then lengths around the loop's blocks.
  void run() {
    std::ptrdiff_t one[operands], none[operands], step[operands], offset[operands];
    for (int a = 0; a < operands; ++a) {
      one[a] = 1;
      none[a] = 0;
    }
    // Up to one cache line and an element: every alignment that a pack may meet.
    const auto any_offset = [&] {
      for (auto& k : offset) k = pick_from(0, 64 / int(sizeof(S)) + 1);
    };
    const auto each_length = [&](std::ptrdiff_t n) {
      compare(n, one, none, never, -1, "contiguous");
      any_offset();
      compare(n, one, offset, never, -1, "unaligned");
      // Strides of either sign; then some of them 1, which the loop may treat apart.
      for (int round = 0; round < 3; ++round) {
        for (auto& s : step) do
            s = pick_from(-3, 3);
          while (s == 0);
        compare(n, step, offset, never, -1, "strided");
        for (int a = 0; a < operands; ++a)
          if (pick_from(0, 1)) step[a] = 1;
        compare(n, step, offset, 0, -1, "partly strided");
      }
      // 0: from no bytes on, so that short arrays go that way too.
      compare(n, one, offset, 0, -1, "past the cache");
      // Any of the inputs may be the one that is overwritten.
      const int victim = pick_from(0, nin - 1);
      compare(n, one, offset, never, victim, "onto an input");
      compare(n, one, offset, 0, victim, "past the cache onto an input");
      // In place an element is read before it is written, whatever the step.
      for (auto& s : step) s = 1;
      step[victim] = pick_from(2, 3);
      compare(n, step, offset, never, victim, "onto a strided input");
      step[victim] = -1;
      compare(n, step, offset, 0, victim, "onto a reversed input");
    };
    for (std::ptrdiff_t n = 0; n <= 200; ++n) each_length(n);
    for (int round = 0; round < 12; ++round) each_length(pick_from(500, 5000));
    for (std::ptrdiff_t n : {std::ptrdiff_t(511), std::ptrdiff_t(512), std::ptrdiff_t(1023),
                             std::ptrdiff_t(1024), std::ptrdiff_t(1025), std::ptrdiff_t(2048), longest})
      each_length(n);
    // outputs that start at every distance from a cache line, the second one elsewhere
    for (std::ptrdiff_t before = 0; before < 64 / std::ptrdiff_t(sizeof(S)); ++before) {
      any_offset();
      offset[nin] = before;
      compare(3000, one, offset, 0, -1, "past the cache, at every alignment");
    }
    // every set of broadcast inputs
    for (int set = 1; set < 1 << nin; ++set) {
      bool broadcast[nin];
      for (int a = 0; a < nin; ++a) broadcast[a] = set >> a & 1;
      reference(broadcast, 3000);
      for (std::ptrdiff_t n : {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 200, 1030, 3000}) {
        any_offset();
        for (int a = 0; a < operands; ++a) step[a] = a < nin && broadcast[a] ? 0 : pick_from(0, 1) ? 1 : -2;
        compare(n, step, offset, never, -1, "broadcast");
        for (int a = 0; a < operands; ++a)
          if (step[a]) step[a] = 1;
        compare(n, step, offset, 0, -1, "broadcast, past the cache");
      }
    }
  }
};

/// The three stored types, of which half is computed in float, block by block.
template <class L, unsigned Parts> void all_types() {
  under_test<L, Parts, half>().run();
  under_test<L, Parts, float>().run();
  under_test<L, Parts, double>().run();
}

/// The same through map(), which a native user calls.
template <class T> void public_face() {
  const T x[] = {T(0.5), T(-3), T(2), T(7), T(-1), T(0), T(1.5)},
          y[] = {T(0), T(1), T(2), T(3), T(4), T(5), T(6)}, delta = T(0.75);
  T value[7], grad[14];
  map<huber_loss, part_value | part_grad>(7, strided<const T>{x}, strided<const T>{y},
                                          strided<const T>{&delta, 0}, strided<T>{value},
                                          strided<T>{grad + 12, -2});
  for (int i = 0; i < 7; ++i) {
    const auto j = evaluate<huber_loss>(x[i], y[i], delta);
    // The same bits as evaluate() of one number.
    check(value[i] == j.value && grad[12 - 2 * i] == j.grad, "map<huber_loss> at %d", i);
  }
}

/// The fewest operands, and results that are never stored past the cache.
struct one_input {
  static constexpr auto name = "(one input)";
  static constexpr argument args[] = {prediction("x", domain::real, "")};
  static constexpr unsigned parts = part_value, properties = 0;
  template <class V> static UFL_FN jet<V> eval(V x) { return {x * x + x}; }
};

}  // namespace

// Loops, not formulas, touch memory, and they differ by the number of inputs and of outputs, by the stored
// type and by the flag `light`. So one light formula for each number of inputs, from one operand to as many
// as there may be, stands for the registry: under sanitizers, where a heavy formula takes minutes to compile,
// nothing else is run.
int run_tests(int, char**);
int run_tests(int, char**) {
  all_types<one_input, part_value>();
  all_types<squared_error, part_value>();
  all_types<huber_loss, part_value | part_grad>();
  static_assert(arity<margin_ranking_loss> + 5 == max_operands, "the most operands");
  all_types<margin_ranking_loss, part_value | part_grad | part_grad2 | part_hess | part_bound>();
#if !defined(UFLOSS_TEST_SANITIZED)
  all_types<sigmoid_binary_cross_entropy, part_grad | part_hess>();
#endif
  public_face<float>();
  public_face<double>();
  return report("loops_test");
}
