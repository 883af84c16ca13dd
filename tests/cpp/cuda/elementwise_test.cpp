// Every elementwise loss as a kernel, under the emulator, against the loops of the CPU: the same bits.
//
// Compiled once for each stored type, UFLOSS_TEST_TYPE.  Calls are planned; what a plan asks for is looked up
// by its name among the kernels that are compiled here, so the names are tested too.
#include "ufloss/cuda/elementwise.hpp"
#include <cstdio>
#include <functional>
#include <map>
#include "../check.hpp"
#include "dispatch.hpp"
#include "memory.hpp"
#include "numbers.hpp"
#include "ufloss/cuda/elementwise_plan.hpp"
#include "ufloss/ufloss.hpp"

using namespace ufloss;
using namespace ufloss::gpu;

namespace {

using S = UFLOSS_TEST_TYPE;
template <class A, class B> constexpr bool same = false;
template <class A> constexpr bool same<A, A> = true;
constexpr number type = same<S, half>       ? number::float16
                        : same<S, bfloat16> ? number::bfloat16
                        : same<S, float>    ? number::float32
                                            : number::float64;
constexpr int packed = 16 / int(sizeof(S));
constexpr unsigned jet_parts = part_value | part_grad | part_grad2 | part_hess | part_bound;

// --- the kernels that are compiled here -----
using runner = void (*)(const launch&, const long long*, unsigned, long long);
std::map<std::string, runner> kernels;
template <class L, unsigned Parts, int Packed, int Dims, unsigned Repeats, unsigned Given, bool Masked>
void add() {
  const auto set = [](unsigned s) { return std::to_string(s) + "u"; };
  const std::string name =
      std::string("ufloss::gpu::elementwise_kernel<ufloss::") + L::name + ", " + set(Parts) + ", " +
      type_of(type) + ", " + std::to_string(Packed) + ", " + std::to_string(Dims) + ", " +
      (Repeats == not_known ? "ufloss::gpu::not_known" : set(Repeats)) + ", " +
      (Given == not_known ? "ufloss::gpu::not_known" : set(Given)) + ", " + (Masked ? "true" : "false") + ">";
  kernels[name] =
      emulator::run_kernel<gpu::elementwise_kernel<L, Parts, S, Packed, Dims, Repeats, Given, Masked>>;
}
/// All parts by packs, and element by element with a mask; the value by packs, beside one parameter.
template <class L> void add_loss() {
  constexpr unsigned all = L::parts & jet_parts, last = 1u << (arity<L> - 1);
  add<L, all, packed, 1, 0, 0, false>();
  add<L, all, 1, 8, not_known, not_known, true>();
  if constexpr (arity<L> > 2) add<L, part_value, packed, 1, last, 0, false>();
}
template <class... L> void add_losses(loss_list<L...>) { (add_loss<L>(), ...); }
/// The sets of parts that the outputs of a loss are.
template <class L, class F, int... I> void each_output(F visit, std::integer_sequence<int, I...>) {
  const auto one = [&](auto index) {
    constexpr unsigned parts = parts_of<L>(decltype(index)::value);
    if constexpr ((L::parts & parts) == parts) visit(std::integral_constant<unsigned, parts>{});
  };
  (one(std::integral_constant<int, I>{}), ...);
}
template <class L, class F> void each_output(F visit) {
  constexpr int outputs = int(sizeof standard_outputs / sizeof *standard_outputs);
  each_output<L>(visit, std::make_integer_sequence<int, outputs>{});
}
template <class L> void add_outputs() {
  each_output<L>([](auto parts) { add<L, decltype(parts)::value, packed, 1, 0, 0, false>(); });
}
/// Of one loss with a parameter, every shape of kernel.
void add_shapes() {
  using L = huber_loss;
  constexpr unsigned parts = part_value | part_grad;
  add<L, parts, packed, 1, not_known, not_known, false>();
  add<L, parts, packed, 1, 4, 0, true>();
  add<L, parts, packed, 1, 0, 4, false>();
  add<L, parts, packed, 2, 4, 0, false>();
  add<L, parts, packed, 2, 0, 4, true>();
  add<L, parts, packed, 3, 2, 4, false>();
  add<L, parts, 1, 1, 0, 0, false>();
  add<L, parts, 1, 1, 4, 0, true>();
  add<L, parts, 1, 2, 0, 0, false>();
  add<L, parts, 1, 3, 0, 4, false>();
  add<L, parts, 1, 4, 0, 0, true>();
  add<L, parts, 1, 8, 0, 0, false>();
  add<L, parts, 1, 8, not_known, not_known, false>();
}

// --- what the CPU says -----
int isa = -1;
const loss_record* record(const char* loss, const char* attribute) {
  for (int unit = 0; unit < dispatch::units(); ++unit) {
    const kernel_table& table = dispatch::table(isa, unit);
    for (int k = 0; k < table.size; ++k) {
      const loss_record& r = table.records[k];
      if (std::string(r.info->name) == loss && std::string(r.attribute) == attribute) return &r;
    }
  }
  return nullptr;
}
constexpr unsigned part_order[] = {part_value, part_grad, part_grad2, part_hess, part_bound};
/// A part at one place, from the numbers of its arguments: by the loop of one output, in this type; of
/// bfloat16, in float.
double on_the_cpu(const char* loss, unsigned part, const double* x, int n) {
  const char* attribute = part == part_value   ? ""
                          : part == part_grad  ? "grad"
                          : part == part_grad2 ? "grads"
                          : part == part_hess  ? "hess"
                                               : "hess_bound";
  using C = std::conditional_t<same<S, bfloat16>, float, S>;
  static std::map<std::pair<std::string, unsigned>, const loss_record*> found;
  const loss_record*& r = found[{loss, part}];
  if (!r) r = record(loss, attribute);
  if (!r) throw std::runtime_error(std::string("no loop of ") + loss + "." + attribute);
  char room[max_operands][8];
  char* args[max_operands];
  std::ptrdiff_t steps[max_operands] = {};
  const std::ptrdiff_t one = 1;
  for (int a = 0; a < max_operands; ++a) args[a] = room[a];
  for (int a = 0; a < n; ++a) put_number<C>(room[a], x[a]);
  r->loops[type == number::float16   ? float16_loop
           : type == number::float64 ? float64_loop
                                     : float32_loop](context{}, args, &one, steps);
  char result[8];
  put_number<S>(result, get_number<C>(room[n + (part == part_grad2)]));
  return get_number<S>(result);
}
bool same_bits(double a, double b) {
  return (a != a && b != b) || (a == b && std::signbit(a) == std::signbit(b));
}

// --- calls -----
/// Operand a of a call of `shape`: `strides` in elements, `first` the place of its first element.
struct drawn {
  guarded memory;
  long long first;
  std::vector<long long> strides;
};
struct test_call {
  std::vector<long long> shape;
  std::vector<std::vector<long long>> strides;  ///< in elements; of each operand, outputs and mask too
  unsigned given = 0;
  bool masked = false, beforehand = false, at_end = true;
};
long long compared = 0, ran = 0;

template <class L> void run(const test_call& t, unsigned parts, std::uint64_t seed) {
  constexpr int inputs = arity<L>;
  const loss_info* info = record(L::name, "")->info;
  const int outputs = count_parts(parts), operands = inputs + outputs + t.masked;
  const auto size_of_operand = [&](int a) { return a == inputs + outputs ? 1ll : (long long)sizeof(S); };
  dice d{seed};
  std::vector<drawn> data;
  std::vector<operand> call_operands;
  call_operands.resize(std::size_t(operands));
  std::vector<long long> addresses;
  for (int a = 0; a < operands; ++a) {
    long long low = 0, high = 0;
    std::vector<long long> bytes;
    for (std::size_t k = 0; k < t.shape.size(); ++k) {
      const long long step = t.strides[std::size_t(a)][k];
      (step < 0 ? low : high) += (t.shape[k] - 1) * step;
      bytes.push_back(step * size_of_operand(a));
    }
    const long long count = high - low + 1;
    data.push_back({guarded(std::size_t(count * size_of_operand(a)), t.at_end), -low, bytes});
    char* p = data.back().memory.data;
    for (long long i = 0; i < count; ++i)
      if (a < inputs) put_number<S>(p + i * (long long)sizeof(S), draw_number(d, L::args[a].in));
      else if (a == inputs + outputs) p[i] = d.chance(20) ? 0 : d.chance(50) ? 1 : 4;
      else std::memset(p + i * (long long)sizeof(S), 0x5a, sizeof(S));
    addresses.push_back(reinterpret_cast<long long>(p) - low * size_of_operand(a));
  }
  for (int a = 0; a < operands; ++a) {
    operand& o = call_operands[std::size_t(a)];
    o = {addresses[std::size_t(a)], data[std::size_t(a)].strides.data()};
    if (t.given >> a & 1)
      o = {0, nullptr, true, get_number<S>(reinterpret_cast<char*>(addresses[std::size_t(a)]))};
  }
  elementwise_call call{info, parts, type, int(t.shape.size()), t.shape.data(), call_operands.data()};
  call.masked = t.masked;
  call.beforehand = t.beforehand;
  const plan p = plan_elementwise(call, device{});

  for (const unsigned order : {0u, 1u, unsigned(2 + seed % 100)}) {
    for (launch l : p.launches) {
      const auto kernel = kernels.find(l.kernel);
      if (!check(kernel != kernels.end(), "%s is not compiled here", l.kernel.c_str())) return;
      if (order == 1) {  // fewer threads, so that each has several items
        l.grid[0] = 2;
        l.block[0] = 32;
      }
      kernel->second(l, addresses.data(), order, 0);
      ++ran;
    }
    std::vector<long long> at(t.shape.size(), 0);
    for (bool more = true; more;) {
      const auto address = [&](int a) {
        long long to = addresses[std::size_t(a)];
        for (std::size_t k = 0; k < at.size(); ++k) to += at[k] * data[std::size_t(a)].strides[k];
        return reinterpret_cast<char*>(to);
      };
      double x[inputs];
      for (int a = 0; a < inputs; ++a) x[a] = get_number<S>(address(a));
      const bool counts = !t.masked || *address(operands - 1);
      int k = 0;
      for (const unsigned part : part_order) {
        if (!(parts & part)) continue;
        char untouched[sizeof(S)];
        std::memset(untouched, 0x5a, sizeof(S));
        char* result = address(inputs + k++);
        const double got = get_number<S>(result);
        const double want = counts ? on_the_cpu(L::name, part, x, inputs) : get_number<S>(untouched);
        ++compared;
        check(same_bits(got, want), "%s, part %u, order %u: (%.9g, %.9g, ...) gives %.17g instead of %.17g",
              p.launches[0].kernel.c_str(), part, order, x[0], x[inputs > 1], got, want);
        std::memset(result, 0x5a, sizeof(S));
      }
      more = false;
      for (std::size_t d = at.size(); d > 0 && !more; --d) {
        more = ++at[d - 1] < t.shape[d - 1];
        if (!more) at[d - 1] = 0;
      }
    }
  }
}

template <class L>
void run_contiguous(long long n, unsigned parts, bool number_behind, bool at_end, std::uint64_t seed) {
  test_call t;
  t.shape = {n};
  t.strides.assign(std::size_t(arity<L> + count_parts(parts)), {1});
  if (number_behind) t.strides[arity<L> - 1] = {0};
  t.at_end = at_end;
  run<L>(t, parts, seed);
}
template <class L> void test_outputs() {
  each_output<L>([](auto parts) { run_contiguous<L>(64, decltype(parts)::value, false, true, 3); });
}
template <class L> void test_loss() {
  constexpr unsigned all = L::parts & jet_parts;
  constexpr int inputs = arity<L>;
  std::uint64_t seed = 17;
  for (const bool at_end : {true, false}) run_contiguous<L>(237, all, false, at_end, ++seed);
  if (inputs > 2) run_contiguous<L>(64, part_value, true, true, ++seed);
  // any strides, and a mask
  test_call t;
  t.shape = {3, 5, 7};
  t.masked = t.beforehand = true;
  t.strides.assign(std::size_t(inputs + count_parts(all) + 1), {35, 7, 1});
  t.strides[0] = {1, 42, 6};
  t.strides[inputs - 1] = {5, 1, 0};
  t.strides[inputs] = {-70, 14, -2};
  t.strides.back() = {0, 7, -1};
  run<L>(t, all, ++seed);
}
template <class... L> void test_losses(loss_list<L...>) { (test_loss<L>(), ...); }

/// One loss in every shape of kernel.
void test_shapes() {
  constexpr unsigned parts = part_value | part_grad;
  const long long k = packed;
  const auto call = [&](std::vector<long long> shape, std::vector<std::vector<long long>> strides,
                        unsigned given, bool masked, bool beforehand) {
    test_call t;
    t.shape = shape;
    t.strides = strides;  // of predictions, targets, delta; value and gradient lie as they say, too
    t.given = given;
    t.masked = masked;
    t.beforehand = beforehand;
    for (const bool at_end : {true, false}) {
      t.at_end = at_end;
      run<huber_loss>(t, parts, 5);
    }
  };
  const std::vector<long long> in_row = {1}, number = {0}, none2 = {0, 0}, none3 = {0, 0, 0};
  const std::vector<long long> rows = {4 * k, 1}, apart = {8 * k, 1}, per_row = {1, 0};
  call({40 * k}, {in_row, in_row, number, in_row, in_row}, 0, false, true);
  call({40 * k}, {in_row, in_row, number, in_row, in_row, in_row}, 0, true, false);
  call({40 * k + 3}, {in_row, in_row, number, in_row, in_row}, 4, false, false);
  call({6, 4 * k}, {apart, rows, per_row, rows, apart}, 0, false, false);
  call({6, 4 * k}, {apart, rows, none2, rows, apart, apart}, 4, true, false);
  call({2, 6, 4 * k}, {{0, 4 * k, 1}, {0, 1, 0}, none3, {48 * k, 8 * k, 1}, {48 * k, 4 * k, 1}}, 4, false,
       false);
  call({50}, {{3}, in_row, in_row, {2}, in_row}, 0, false, false);
  call({50}, {{3}, in_row, number, {-2}, in_row, {2}}, 0, true, false);
  call({6, 5}, {{5, 1}, {1, 6}, {0, 1}, {5, 1}, {5, 1}}, 0, false, false);
  call({2, 3, 5}, {{15, 5, 1}, {1, 2, 6}, none3, {30, 10, 2}, {15, 5, 1}}, 4, false, false);
  const std::vector<long long> four = {90, 30, 6, 1}, mixed = {1, 12, 4, 36};
  call({4, 3, 5, 6}, {four, mixed, {0, 1, 0, 0}, four, four, {15, 5, 1, 0}}, 0, true, false);
  const std::vector<long long> five = {48, 24, 8, 4, 1}, back = {1, 2, 4, 12, -24};
  call({2, 2, 3, 2, 3}, {five, back, {0, 0, 0, 0, 1}, five, back}, 0, false, false);
  call({2, 2, 3, 2, 3}, {five, back, {0, 0, 0, 0, 1}, five, back}, 0, false, true);
  call({2, 2, 3, 2, 3}, {five, back, {0, 0, 0, 0, 0}, five, back}, 4, false, true);
}

}  // namespace

int main() {
  isa = dispatch::best();
  const std::string name = isa < 0 ? "" : dispatch::name(isa);
  if (name.find("_v2") != std::string::npos || name.find("scalar") != std::string::npos || isa < 0) {
    std::puts("SKIPPED: this processor has no fused multiply-add");
    return 77;
  }
  add_losses(elementwise_losses{});
  add_shapes();
  add_outputs<squared_error>();
  add_outputs<log_cosh>();
  test_losses(elementwise_losses{});
  test_shapes();
  test_outputs<squared_error>();
  test_outputs<log_cosh>();
  std::printf("%zu kernels, %lld launches, %lld numbers against %s\n", kernels.size(), ran, compared,
              name.c_str());
  check(compared > 10000, "too few numbers");
  return report("elementwise_test");
}
