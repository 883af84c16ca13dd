// Losses over pairs as kernels, under the emulator, against the loops of the CPU: the same bits, but of the
// value of losses of one batch, whose terms are added in another order.
#include "ufloss/cuda/pairs.hpp"
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>
#include "ufloss/cuda/pairs_slopes.hpp"
//
#include "../check.hpp"
#include "memory.hpp"
#include "numbers.hpp"
#include "records.hpp"
#include "ufloss/cuda/pairs_plan.hpp"
#include "ufloss/losses/pairs.hpp"

using namespace ufloss;
using namespace ufloss::gpu;

namespace {

template <class A, class B> constexpr bool same = false;
template <class A> constexpr bool same<A, A> = true;
template <class S>
constexpr number number_of = same<S, half>       ? number::float16
                             : same<S, bfloat16> ? number::bfloat16
                             : same<S, float>    ? number::float32
                                                 : number::float64;

// --- the kernels that are compiled here -----
using runner = void (*)(const launch&, const long long*, unsigned, long long);
std::map<std::string, runner> kernels;
template <class L, unsigned Parts, class S, bool Masked> void add() {
  const std::string of = std::string("<ufloss::") + L::name + ", " + std::to_string(Parts) + "u, " +
                         type_of(number_of<S>) + (Masked ? ", true" : ", false");
  const std::string all = "ufloss::gpu::pairs_";
  using emulator::run_kernel;
  kernels[all + "order_kernel" + of + ">"] = run_kernel<pairs_order_kernel<L, Parts, S, Masked>>;
  kernels[all + "directions_kernel" + of + ">"] = run_kernel<pairs_directions_kernel<L, Parts, S, Masked>>;
  kernels[all + "sums_kernel" + of + ", true>"] = run_kernel<pairs_sums_kernel<L, Parts, S, Masked, true>>;
  kernels[all + "sums_kernel" + of + ", false>"] = run_kernel<pairs_sums_kernel<L, Parts, S, Masked, false>>;
  kernels[all + "totals_kernel" + of + ", true>"] =
      run_kernel<pairs_totals_kernel<L, Parts, S, Masked, true>>;
  kernels[all + "totals_kernel" + of + ", false>"] =
      run_kernel<pairs_totals_kernel<L, Parts, S, Masked, false>>;
  kernels[all + "value_kernel" + of + ">"] = run_kernel<pairs_value_kernel<L, Parts, S, Masked>>;
  if constexpr (is_cross<L>) {
    kernels[all + "own_kernel" + of + ">"] = run_kernel<pairs_own_kernel<L, Parts, S, Masked>>;
  } else {
    kernels[all + "costs_kernel" + of + ", true>"] =
        run_kernel<pairs_costs_kernel<L, Parts, S, Masked, true>>;
    kernels[all + "costs_kernel" + of + ", false>"] =
        run_kernel<pairs_costs_kernel<L, Parts, S, Masked, false>>;
  }
  if constexpr ((Parts & (part_grad | part_grad2)) != 0) {
    kernels[all + "slopes_kernel" + of + ">"] = run_kernel<pairs_slopes_kernel<L, Parts, S, Masked>>;
    kernels[all + "gather_kernel" + of + ">"] = run_kernel<pairs_gather_kernel<L, Parts, S, Masked>>;
    kernels[all + "put_kernel" + of + ">"] = run_kernel<pairs_put_kernel<L, Parts, S, Masked>>;
  }
}

// --- calls -----
struct test {
  long long batches, n, width;
  double temperature;
  int labels = 5;
  bool strips = false, given = false, all_orders = true;
};
long long compared = 0, ran = 0;
double furthest = 0;  ///< of a value that may differ, in units of double's last place

/// Operand a: its dimensions within a batch, and bytes of its numbers.
struct operand_shape {
  std::vector<long long> dims;
  int size;
};
template <class L, unsigned Parts, class S, bool Masked> void run(const test& t, std::uint64_t seed) {
  using C = std::conditional_t<same<S, bfloat16>, float, S>;
  constexpr bool cross = is_cross<L>;
  constexpr int inputs = 3 + Masked, outputs = count_parts(Parts), operands = inputs + outputs;
  const char* attribute = Parts == part_value                 ? ""
                          : Parts == part_grad                ? "grad"
                          : Parts == (part_value | part_grad) ? "value_and_grad"
                                                              : "value_and_grads";
  const std::vector<long long> matrix = {t.n, t.width}, vector = {t.n};
  std::vector<operand_shape> shapes = {
      {matrix, sizeof(S)}, {cross ? matrix : vector, cross ? int(sizeof(S)) : 8}, {{}, sizeof(S)}};
  if (Masked) shapes.push_back({vector, 1});
  if (Parts & part_value) shapes.push_back({{}, sizeof(S)});
  if (Parts & part_grad) shapes.push_back({matrix, sizeof(S)});
  if (Parts & part_grad2) shapes.push_back({matrix, sizeof(S)});
  if (Parts & part_grad3) shapes.push_back({{}, sizeof(S)});
  dice d{seed};
  std::vector<guarded> memory, mirror;
  std::vector<long long> addresses, stride, count;
  std::vector<std::array<long long, 2>> along;
  std::vector<std::ptrdiff_t> steps, core;
  std::vector<char*> args;
  for (int a = 0; a < operands; ++a) {
    const operand_shape& s = shapes[std::size_t(a)];
    long long numbers = 1;
    for (const long long k : s.dims) numbers *= k;
    const bool is_number = !(a == 1 && !cross) && !(Masked && a == 3);
    const int size = is_number ? int(sizeof(C)) : s.size;
    count.push_back(numbers);
    memory.emplace_back(std::size_t(std::max(numbers * t.batches, 1ll) * s.size), seed % 2);
    mirror.emplace_back(std::size_t(std::max(numbers * t.batches, 1ll) * size), seed % 2);
    addresses.push_back(reinterpret_cast<long long>(memory.back().data));
    args.push_back(mirror.back().data);
    stride.push_back(numbers * s.size);
    steps.push_back(numbers * size);
    const bool across = a == 0 && s.dims.size() == 2 && seed % 3 == 0;  // numbers of a vector lie apart
    const long long row = across ? 1 : t.width, number = across ? t.n : 1;
    if (s.dims.size() == 2) {
      along.push_back({row * s.size, number * s.size});
      core.insert(core.end(), {row * size, number * size});
    } else {
      along.push_back({s.size, 0});
      if (s.dims.size() == 1) core.push_back(size);
    }
    for (long long i = 0; i < numbers * t.batches; ++i) {
      char* const p = memory.back().data + i * s.size;
      char* const q = mirror.back().data + i * size;
      const long long which = i / numbers;
      if (a >= inputs) std::memset(p, 0x5a, std::size_t(s.size));
      else if (!is_number && s.size == 8) {
        long long label = which == 1 ? 7 : which == 2 ? i : d.below(t.labels) - 2;
        if (which == 0 && i % 7 == 0) label = d.chance(50) ? 0x7fffffffffffffff : -0x7fffffffffffffff;
        std::memcpy(p, &label, 8);
        std::memcpy(q, &label, 8);
      } else if (!is_number) *p = *q = d.chance(25) ? 0 : 3;
      else {
        double x = (d.unit() - 0.5) * 4;
        if (a == 2) x = which == 3 ? -1 : t.temperature;
        else if (which == 4 && i % numbers == numbers / 2) x = INFINITY;
        else if (which == 0 && !across && i / t.width == 2) x = 0;
        else if (sizeof(S) == 8 && which == 0 && !across && i / t.width % 5 == 1)
          x *= i / t.width % 2 ? 1e-300 : 1e200;
        put_number<S>(p, x);
        put_number<C>(q, get_number<S>(p));
      }
    }
  }
  const loss_record& r = record_of(L::name, attribute, Masked);
  std::vector<operand> call_operands;
  for (int a = 0; a < operands; ++a)
    call_operands.push_back({addresses[std::size_t(a)], &stride[std::size_t(a)]});
  if (t.given) call_operands[2] = {0, nullptr, true, t.temperature};
  pairs_call call{r.info,
                  Parts,
                  number_of<S>,
                  1,
                  &t.batches,
                  t.n,
                  t.width,
                  call_operands.data(),
                  reinterpret_cast<const long long (*)[2]>(along.data())};
  call.masked = Masked;
  if (t.strips) {
    call.most_slopes = 1;
    call.most_workspace = 1;
  }
  const plan p = plan_pairs(call, device{});

  const std::ptrdiff_t n[] = {t.batches, t.n, t.width};
  std::vector<std::ptrdiff_t> all_steps = steps;
  all_steps.insert(all_steps.end(), core.begin(), core.end());
  const int type = same<C, double> ? float64_loop : same<C, half> ? float16_loop : float32_loop;
  check(r.loops[type] && r.loops[type](context{}, args.data(), n, all_steps.data()) == 0, "the CPU's loop");

  std::unique_ptr<char[]> workspace(new char[std::size_t(p.workspace) + 256]);
  for (const unsigned order : {0u, 1u, unsigned(2 + seed % 100)}) {
    if (order && !t.all_orders) continue;
    std::memset(workspace.get(), 0xff, std::size_t(p.workspace) + 256);
    for (const launch& l : p.launches) {
      const auto kernel = kernels.find(l.kernel);
      if (!check(kernel != kernels.end(), "%s is not compiled here", l.kernel.c_str())) return;
      kernel->second(l, addresses.data(), order,
                     (reinterpret_cast<long long>(workspace.get()) + 255) / 256 * 256);
      ++ran;
    }
    for (int a = inputs; a < operands; ++a)
      for (long long i = 0; i < count[std::size_t(a)] * t.batches; ++i) {
        char room[8], *const at =
                          reinterpret_cast<char*>(addresses[std::size_t(a)]) + i * (long long)sizeof(S);
        put_number<S>(room, get_number<C>(args[std::size_t(a)] + i * (long long)sizeof(C)));
        const double got = get_number<S>(at), want = get_number<S>(room);
        bool right = (got != got && want != want) || (got == want && std::signbit(got) == std::signbit(want));
        if (!cross && a == inputs && (Parts & part_value) && !right) {
          const double places = std::fabs(got - want) / std::fabs(want) * (sizeof(C) == 8 ? 0x1p52 : 0x1p23);
          furthest = std::max(furthest, places);
          right = places < (sizeof(C) == 8 ? 8 : 1);
        }
        ++compared;
        check(right, "%s, %s, order %u, case %d: output %d, %lld of %lld x %lld: %.17g instead of %.17g",
              L::name, type_of(number_of<S>), order, int(seed), a - inputs, i, t.n, t.width, got, want);
        std::memset(at, 0x5a, sizeof(S));
      }
  }
}

constexpr unsigned slopes = part_value | part_grad, everything = slopes | part_grad2 | part_grad3;
void test_refusals() {
  const loss_info* info = record_of("ntxent_loss", "").info;
  const long long batches = 3, row = 400, none = 0;
  const auto refused = [&](auto change) {
    std::vector<operand> o(5, operand{0, &row});
    long long along[5][2] = {{40, 4}, {8, 0}, {0, 0}, {0, 0}, {40, 4}};
    pairs_call call{info, slopes, number::float32, 1, &batches, 10, 10, nullptr, along};
    change(call, o, along);
    call.operands = o.data();
    try {
      plan_pairs(call, device{});
    } catch (const std::invalid_argument& e) {
      return std::string(e.what()).find("ntxent_loss") == 0;
    }
    return false;
  };
  using O = std::vector<operand>;
  using A = long long[5][2];
  check(!refused([](pairs_call&, O&, A&) {}), "a good call");
  check(!refused([](pairs_call&, O& o, A&) { o[2].is_number = true; }), "a temperature by value");
  check(refused([](pairs_call& c, O&, A&) { c.parts = part_grad2; }), "no such derivative");
  check(refused([](pairs_call& c, O&, A&) { c.n = 1ll << 24; }), "too many vectors");
  check(refused([](pairs_call&, O& o, A&) { o[1].address = 4; }), "labels that are not aligned");
  check(refused([&](pairs_call&, O& o, A&) { o[4].strides = &none; }), "gradients upon each other");
  check(refused([](pairs_call&, O&, A& a) { a[4][1] = 0; }), "slopes upon each other");
}

}  // namespace

int main() {
  if (!choose_isa()) {
    std::puts("SKIPPED: this processor has no fused multiply-add");
    return 77;
  }
  add<ntxent_loss, slopes, float, false>();
  run<ntxent_loss, slopes, float, false>({5, 130, 10, 0.5, 9}, 1);
  run<ntxent_loss, slopes, float, false>({1, 100, 40, 0.005, 30, true, true, false}, 3);
  run<ntxent_loss, slopes, float, false>({2, 3, 5, 0.07, 2}, 4);
  add<supervised_contrastive_loss, slopes, float, true>();
  run<supervised_contrastive_loss, slopes, float, true>({5, 120, 6, 0.07, 4, true}, 5);
  add<supervised_contrastive_loss, slopes, double, false>();
  run<supervised_contrastive_loss, slopes, double, false>({3, 110, 20, 0.0005, 4}, 6);
  add<ntxent_loss, slopes, half, true>();
  run<ntxent_loss, slopes, half, true>({5, 60, 9, 0.3, 4}, 7);
  add<ntxent_loss, part_value, double, false>();
  run<ntxent_loss, part_value, double, false>({1, 1060, 3, 0.5, 300, false, false, false}, 8);
  add<clip_loss, everything, float, true>();
  run<clip_loss, everything, float, true>({5, 130, 40, 0.4}, 9);
  run<clip_loss, everything, float, true>({1, 70, 5, 0.004, 1, true, true, false}, 10);
  add<info_nce_loss, everything, double, false>();
  run<info_nce_loss, everything, double, false>({5, 100, 7, 0.07}, 11);
  run<info_nce_loss, everything, double, false>({1, 50, 7, 0.0005, 1, false, false, false}, 12);
  add<info_nce_loss, part_grad, bfloat16, false>();
  run<info_nce_loss, part_grad, bfloat16, false>({2, 97, 7, 0.2}, 13);
  test_refusals();
  std::printf("%zu kernels, %lld launches, %lld numbers; values of one batch within %.3g last places\n",
              kernels.size(), ran, compared, furthest);
  check(compared > 10000, "too few numbers");
  return report("pairs_test");
}
