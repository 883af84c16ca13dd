// Sums and means as kernels, under the emulator, against the CPU's: the same bits.
#include "ufloss/cuda/reduce.hpp"
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>
#include "../check.hpp"
#include "memory.hpp"
#include "numbers.hpp"
#include "records.hpp"
#include "ufloss/cuda/reduce_plan.hpp"
#include "ufloss/losses/binary.hpp"
#include "ufloss/losses/regression.hpp"
#include "ufloss/reduce/reduce.hpp"

using namespace ufloss;

namespace {

template <class A, class B> constexpr bool same = false;
template <class A> constexpr bool same<A, A> = true;
template <class S>
constexpr gpu::number number_of = same<S, half>       ? gpu::number::float16
                                  : same<S, bfloat16> ? gpu::number::bfloat16
                                  : same<S, float>    ? gpu::number::float32
                                                      : gpu::number::float64;

// --- the kernels that are compiled here -----
using runner = void (*)(const gpu::launch&, const long long*, unsigned, long long);
std::map<std::string, runner> kernels;
template <class L> std::string name_of_source() {
  if constexpr (same<L, gpu::stored_values>) return "ufloss::gpu::stored_values";
  else if constexpr (same<L, gpu::no_values>) return "ufloss::gpu::no_values";
  else return std::string("ufloss::") + L::name;
}
template <class L, class S, bool Weighted, class W, bool Masked, bool Grad, int Dims, int How, int Lanes>
void add() {
  const auto flag = [](bool b) { return b ? ", true" : ", false"; };
  const std::string rest = std::string(gpu::type_of(number_of<S>)) + flag(Weighted) + ", " +
                           gpu::type_of(number_of<W>) + flag(Masked);
  const std::string dims = ", " + std::to_string(Dims);
  const std::string how = dims + ", " + std::to_string(How) + ", " + std::to_string(Lanes) + ">";
  const std::string sums = "ufloss::gpu::reduce_kernel<";
  using gpu::emulator::run_kernel;
  kernels[sums + name_of_source<L>() + ", " + rest + flag(Grad) + how] =
      run_kernel<gpu::reduce_kernel<L, S, Weighted, W, Masked, Grad, Dims, How, Lanes>>;
  if constexpr (!same<S, double> && !same<L, gpu::stored_values>)
    kernels["ufloss::gpu::reduce_again_kernel<" + name_of_source<L>() + ", " + rest + flag(Grad) + dims +
            ">"] = run_kernel<gpu::reduce_again_kernel<L, S, Weighted, W, Masked, Grad, Dims>>;
  if constexpr (Grad && (Weighted || Masked))
    kernels[sums + "ufloss::gpu::no_values, " + rest + ", false" + how] =
        run_kernel<gpu::reduce_kernel<gpu::no_values, S, Weighted, W, Masked, false, Dims, How, Lanes>>;
  kernels[std::string("ufloss::gpu::total_kernel<") + gpu::type_of(number_of<S>) + ">"] =
      run_kernel<gpu::total_kernel<S>>;
  kernels["ufloss::gpu::total_kernel<double>"] = run_kernel<gpu::total_kernel<double>>;
}

// --- calls -----
struct test {
  std::vector<long long> shape;
  std::vector<int> reduced;
  bool mean = false, grad = false, given = false, huge = false, across = false;
};
long long compared = 0, ran = 0;

/// An array over the shape, in C order or across, in two types.
template <class S, class C> struct drawn {
  guarded memory, mirror;
  std::vector<long long> strides, mirrored;
  drawn(const std::vector<long long>& shape, bool across, bool at_end)
      : memory(std::size_t(count(shape)) * sizeof(S), at_end),
        mirror(std::size_t(count(shape)) * sizeof(C), at_end) {
    strides.resize(shape.size());
    long long step = 1;
    for (std::size_t k = 0; k < shape.size(); ++k) {
      const std::size_t d = across ? k : shape.size() - 1 - k;
      strides[d] = step * (long long)sizeof(S);
      mirrored.resize(shape.size());
      mirrored[d] = step * (long long)sizeof(C);
      step *= shape[d];
    }
  }
  static long long count(const std::vector<long long>& shape) {
    long long n = 1;
    for (const long long k : shape) n *= k;
    return n;
  }
  void put(long long i, double x) {
    put_number<S>(memory.data + i * (long long)sizeof(S), x);
    put_number<C>(mirror.data + i * (long long)sizeof(C),
                  get_number<S>(memory.data + i * (long long)sizeof(S)));
  }
};

template <class L, class S, bool Weighted, class W, bool Masked> void run(const test& t, std::uint64_t seed) {
  using C = std::conditional_t<same<S, bfloat16>, float, S>;
  constexpr bool stored = same<L, gpu::stored_values>;
  const char* const loss = [] {
    if constexpr (stored) return "absolute_error";
    else return L::name;
  }();
  const int inputs = stored ? 1 : record_of(loss, "").nin;
  const long long n = drawn<S, C>::count(t.shape);
  dice d{seed};
  const bool at_end = seed % 2;
  std::vector<std::unique_ptr<drawn<S, C>>> x;
  for (int k = 0; k < inputs; ++k) {
    x.emplace_back(new drawn<S, C>(t.shape, t.across && k == 0, at_end));
    for (long long i = 0; i < n; ++i) {
      double number = (d.unit() - 0.5) * 8;
      if (k == 1 && same<L, sigmoid_binary_cross_entropy>) number = d.unit();
      if (stored) number = std::fabs(number);
      if (k == 2) number = 1.25;
      if (t.huge && d.chance(n > 1000 ? 1 : 10)) number *= sizeof(S) == 4 ? 1e25 : 1e4;
      if (t.huge && i == n - 2 && k == 0) number = INFINITY;
      x.back()->put(i, number);
    }
  }
  using D = std::conditional_t<same<W, bfloat16>, float, W>;
  drawn<W, D> weights(t.shape, t.across, at_end);
  guarded mask(std::size_t(n), at_end);
  for (long long i = 0; i < n; ++i) {
    weights.put(i, d.chance(10) ? 0 : d.unit() * 3);
    mask.data[i] = d.chance(20) ? 0 : 3;
  }
  std::vector<long long> mask_strides(t.shape.size());
  for (std::size_t k = t.shape.size(), step = 1; k-- > 0; step *= std::size_t(t.shape[k]))
    mask_strides[k] = (long long)step;
  long long results = 1;
  std::vector<char> reduced(t.shape.size(), 0);
  for (const int k : t.reduced) reduced[std::size_t(k)] = 1;
  for (std::size_t k = 0; k < t.shape.size(); ++k) results *= reduced[k] ? 1 : t.shape[k];
  drawn<S, C> gradient(t.shape, false, at_end);
  guarded result(std::size_t(std::max(results, 1ll)) * sizeof(S), at_end);

  // --- the plan -----
  gpu::reduce_call call{};
  call.loss = record_of(loss, "").info;
  call.stored = stored;
  call.mean = t.mean;
  call.grad = t.grad;
  call.weighted = Weighted;
  call.masked = Masked;
  call.type = call.result_type = number_of<S>;
  call.weights_type = number_of<W>;
  call.dims = int(t.shape.size());
  call.shape = t.shape.data();
  call.reduced = reinterpret_cast<const bool*>(reduced.data());
  std::vector<gpu::operand> operands;
  std::vector<long long> addresses;
  const auto hand_over = [&](const void* p, const long long* strides) {
    addresses.push_back(reinterpret_cast<long long>(p));
    operands.push_back({addresses.back(), strides});
  };
  for (auto& a : x) hand_over(a->memory.data, a->strides.data());
  if (t.given) operands.back() = {0, nullptr, true, 1.25};
  if (Weighted) hand_over(weights.memory.data, weights.strides.data());
  if (Masked) hand_over(mask.data, mask_strides.data());
  if (t.grad) hand_over(gradient.memory.data, gradient.strides.data());
  hand_over(result.data, nullptr);
  call.operands = operands.data();
  const auto p = gpu::plan_reduce(call, gpu::device{});

  // --- the CPU -----
  reduction r;
  std::vector<std::ptrdiff_t> shape(t.shape.begin(), t.shape.end());
  std::vector<std::vector<std::ptrdiff_t>> steps;
  steps.reserve(16);
  const auto operand_of = [&](void* data, number_type type, const std::vector<long long>& strides) {
    steps.emplace_back(strides.begin(), strides.end());
    reduce_operand o;
    o.data = static_cast<char*>(data);
    o.type = type;
    o.steps = steps.back().data();
    return o;
  };
  const auto type_of = [](gpu::number k) {
    return k == gpu::number::float16   ? number_type::float16
           : k == gpu::number::float64 ? number_type::float64
                                       : number_type::float32;
  };
  r.axes = int(shape.size());
  r.shape = shape.data();
  r.reduced = reinterpret_cast<bool*>(reduced.data());
  r.type = same<C, half> ? float16_loop : same<C, float> ? float32_loop : float64_loop;
  const loss_record &value = record_of(loss, ""), &both = record_of(loss, "value_and_grad");
  r.inputs = value.nin;
  for (int k = 0; k < inputs; ++k)
    r.in[k] = operand_of(x[std::size_t(k)]->mirror.data, type_of(number_of<C>), x[std::size_t(k)]->mirrored);
  C zero;
  put_number<C>(reinterpret_cast<char*>(&zero), 0.0);
  if (stored) r.in[1] = operand_of(&zero, type_of(number_of<C>), std::vector<long long>(t.shape.size(), 0));
  if (Weighted) r.weights = operand_of(weights.mirror.data, type_of(number_of<D>), weights.mirrored);
  if (Masked) r.mask = operand_of(mask.data, number_type::boolean, mask_strides);
  if (t.grad) r.grad = operand_of(gradient.mirror.data, type_of(number_of<C>), gradient.mirrored);
  for (int k = 0; k < 4; ++k) {
    r.values[k] = value.loops[k];
    r.loops[k] = t.grad ? both.loops[k] : value.loops[k];
  }
  const context caller;
  r.caller = &caller;
  r.mean = t.mean;
  std::vector<double> total(std::size_t(std::max(results, 1ll))), weight(total.size());
  r.total = total.data();
  r.weight = weight.data();
  check(reduce(r), "the CPU's reduction");

  std::unique_ptr<char[]> workspace(new char[std::size_t(p.workspace) + 256]);
  for (const unsigned order : {0u, 1u, unsigned(2 + seed % 100)}) {
    if (order == 1 && n > 20000) continue;
    std::memset(workspace.get(), 0xff, std::size_t(p.workspace) + 256);
    std::memset(result.data, 0x5a, std::size_t(results) * sizeof(S));
    for (gpu::launch l : p.launches) {
      const auto kernel = kernels.find(l.kernel);
      if (!check(kernel != kernels.end(), "%s is not compiled here", l.kernel.c_str())) return;
      if (order == 1) l.grid[0] = std::min(l.grid[0], 2u);
      kernel->second(l, addresses.data(), order,
                     (reinterpret_cast<long long>(workspace.get()) + 255) / 256 * 256);
      ++ran;
    }
    const auto compare = [&](double got, double want, const char* what, long long i) {
      ++compared;
      check((got != got && want != want) || (got == want && std::signbit(got) == std::signbit(want)),
            "%s of %s, order %u, %d: %s %lld is %.17g instead of %.17g", p.launches[0].kernel.c_str(), loss,
            order, int(seed), what, i, got, want);
    };
    for (long long k = 0; k < results; ++k) {
      const double all = total[std::size_t(k)];
      char room[8];
      if constexpr (sizeof(S) == 2) put_number<S>(room, double(rounded_to_odd(all)));
      else put_number<S>(room, all);
      compare(get_number<S>(result.data + k * (long long)sizeof(S)), get_number<S>(room), "result", k);
    }
    for (long long i = 0; t.grad && i < n; ++i) {
      char room[8];
      put_number<S>(room, get_number<C>(gradient.mirror.data + i * (long long)sizeof(C)));
      char* const at = gradient.memory.data + i * (long long)sizeof(S);
      compare(get_number<S>(at), get_number<S>(room), "slope", i);
      std::memset(at, 0x5a, sizeof(S));
    }
  }
}

constexpr int rows = gpu::reduce_rows, columns = gpu::reduce_columns, blocks = gpu::reduce_blocks;
void test_refusals() {
  const loss_info* info = record_of("huber_loss", "").info;
  const long long shape[] = {4, 6}, strides[] = {24, 4}, none[] = {0, 4};
  const bool reduced[] = {true, false};
  const auto refused = [&](auto change) {
    std::vector<gpu::operand> o(5, gpu::operand{0, strides});
    gpu::reduce_call call{};
    call.loss = info;
    call.grad = true;
    call.dims = 2;
    call.shape = shape;
    call.reduced = reduced;
    change(call, o);
    call.operands = o.data();
    try {
      gpu::plan_reduce(call, gpu::device{});
    } catch (const std::invalid_argument& e) {
      return std::string(e.what()).find("huber_loss") == 0;
    }
    return false;
  };
  using O = std::vector<gpu::operand>;
  check(!refused([](gpu::reduce_call&, O&) {}), "a good call");
  check(refused([&](gpu::reduce_call&, O& o) { o[3].strides = none; }), "a gradient upon itself");
  check(refused([](gpu::reduce_call&, O& o) { o[4].is_number = true; }), "a number for the result");
  check(refused([](gpu::reduce_call&, O& o) { o[0].address = 1; }), "not aligned");
  check(refused([](gpu::reduce_call& c, O&) { c.stored = true; }), "a gradient of what is stored");
}

}  // namespace

int main() {
  if (!choose_isa()) {
    std::puts("SKIPPED: this processor has no fused multiply-add");
    return 77;
  }
  using L = huber_loss;
  using Q = squared_error;
  using B = sigmoid_binary_cross_entropy;
  using none = float;
  add<L, float, false, none, false, false, 1, blocks, 16>();
  run<L, float, false, none, false>({{3000}, {0}}, 1);
  // results in double show the order of their sums
  add<L, double, false, none, false, false, 1, blocks, 16>();
  run<L, double, false, none, false>({{140000}, {0}, true}, 2);
  add<B, double, true, double, true, false, 1, rows, 16>();
  run<B, double, true, double, true>({{50, 137}, {1}, true}, 20);
  add<B, double, true, double, true, false, 1, columns, 16>();
  run<B, double, true, double, true>({{150, 45}, {0}, true}, 21);
  add<B, float, true, double, true, true, 1, blocks, 16>();
  run<B, float, true, double, true>({{7, 900}, {1}, true, true}, 3);
  add<B, float, true, double, true, true, 1, rows, 16>();
  run<B, float, true, double, true>({{50, 37}, {1}, true, true}, 4);
  add<L, float, false, none, true, true, 1, rows, 4>();
  run<L, float, false, none, true>({{50, 3}, {1}, true, true, true}, 5);
  add<L, float, false, none, false, true, 1, columns, 16>();
  run<L, float, false, none, false>({{40, 45}, {0}, true, true}, 6);
  run<L, float, false, none, false>({{40, 45}, {0}, false, true, true}, 7);
  add<L, float, true, float, false, true, 2, rows, 8>();
  run<L, float, true, float, false>({{5, 6, 7}, {1}, false, true}, 8);
  add<L, float, true, float, false, true, 4, rows, 16>();
  run<L, float, true, float, false>({{3, 4, 5, 2, 3}, {0, 2, 4}, true, true, false, false, true}, 9);
  // sums beyond the range of float, once more in double
  add<Q, float, false, none, false, true, 1, blocks, 16>();
  run<Q, float, false, none, false>({{70000}, {0}, true, true, false, true}, 10);
  run<Q, float, false, none, false>({{9, 700}, {1}, true, true, false, true}, 11);
  add<Q, float, false, none, false, true, 1, rows, 8>();
  run<Q, float, false, none, false>({{300, 7}, {1}, true, true, false, true}, 12);
  add<Q, half, true, double, true, true, 1, rows, 8>();
  run<Q, half, true, double, true>({{300, 7}, {1}, true, true, false, true}, 13);
  add<Q, half, false, none, false, true, 1, columns, 16>();
  run<Q, half, false, none, false>({{30, 40}, {0}, false, true, false, true}, 14);
  add<Q, bfloat16, true, bfloat16, false, false, 1, blocks, 16>();
  run<Q, bfloat16, true, bfloat16, false>({{1000}, {0}, true}, 15);
  add<B, double, true, double, true, true, 1, blocks, 16>();
  run<B, double, true, double, true>({{4, 800}, {1}, true, true}, 16);
  add<gpu::stored_values, float, true, double, true, false, 1, blocks, 16>();
  run<gpu::stored_values, float, true, double, true>({{1500}, {0}, true}, 17);
  add<gpu::stored_values, float, false, none, false, false, 1, rows, 2>();
  run<gpu::stored_values, float, false, none, false>({{70}, {}, true}, 18);
  run<L, float, false, none, false>({{0}, {0}, true}, 19);
  test_refusals();
  std::printf("%zu kernels, %lld launches, %lld numbers\n", kernels.size(), ran, compared);
  check(compared > 10000, "too few numbers");
  return report("reduce_test");
}
