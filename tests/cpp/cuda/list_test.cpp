// Losses of ordered lists as kernels, under the emulator, against the loops of the CPU: the same bits.
#include "ufloss/cuda/list.hpp"
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>
#include "../check.hpp"
#include "memory.hpp"
#include "numbers.hpp"
#include "records.hpp"
#include "ufloss/cuda/list_plan.hpp"
#include "ufloss/losses/ranking.hpp"

using namespace ufloss;
using namespace ufloss::gpu;

namespace {

using L = list_mle_loss;
constexpr unsigned part_order[] = {part_value, part_grad, part_hess, part_bound};
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
template <unsigned Parts, class S, class O, bool Masked, int Threads, bool Workspace> void add() {
  const auto flag = [](bool b) { return b ? ", true" : ", false"; };
  const std::string name = std::string("ufloss::gpu::list_kernel<ufloss::") + L::name + ", " +
                           std::to_string(Parts) + "u, " + type_of(number_of<S>) + ", " +
                           type_of(number_of<O>) + flag(Masked) + ", " + std::to_string(Threads) +
                           flag(Workspace) + ">";
  kernels[name] = emulator::run_kernel<list_kernel<L, Parts, S, O, Masked, Threads, Workspace>>;
}

// --- calls -----
struct shape {
  long long lists, items;
  bool masked = false, at_end = true, beforehand = false;
  int scale = 1, levels = 5;  ///< how far scores lie apart; how many relevances there are
  device on{};
};
long long compared = 0;

template <class S, class O> void run(unsigned parts, const shape& s, std::uint64_t seed) {
  const int inputs = 2 + s.masked, outputs = outputs_of(parts), operands = inputs + outputs;
  dice d{seed};
  std::vector<guarded> memory;
  std::vector<long long> addresses, along, stride;
  std::vector<int> sizes;
  for (int a = 0; a < operands; ++a) {
    const bool is_value = a == inputs && (parts & part_value);
    const int size = a < 2 ? int(sizeof(S)) : a < inputs ? 1 : int(sizeof(O));
    const long long row = is_value ? 1 : s.items + (a == 1 ? 1 : 0);  // lists of relevances lie apart
    const long long numbers = (s.lists - 1) * row + (is_value ? 1 : s.items);
    memory.emplace_back(std::size_t(std::max(numbers, 1ll) * size), s.at_end);
    addresses.push_back(reinterpret_cast<long long>(memory.back().data));
    along.push_back(is_value ? 0 : size);
    stride.push_back(row * size);
    sizes.push_back(size);
  }
  along[0] = -along[0];  // scores lie backwards
  addresses[0] += (s.items ? s.items - 1 : 0) * int(sizeof(S));
  const auto place = [&](int a, long long list, long long i) {
    return reinterpret_cast<char*>(addresses[std::size_t(a)] + list * stride[std::size_t(a)] +
                                   i * along[std::size_t(a)]);
  };
  for (long long list = 0; list < s.lists; ++list) {
    const long long kind = list % 8;  // of what is strange about it
    for (long long i = 0; i < s.items; ++i) {
      double score = (d.unit() - 0.5) * s.scale;
      double relevance = double(d.below(s.levels)) - 2;
      if (kind == 1 && d.chance(5)) score = -INFINITY;
      if (kind == 2 && d.chance(3)) score += 900;
      if (kind == 3 && i == s.items / 2) score = d.chance(50) ? INFINITY : NAN;
      if (kind == 4 && i == s.items / 3) relevance = NAN;
      if (kind == 5)
        relevance = d.chance(30) ? (d.chance(50) ? INFINITY : -INFINITY) : d.chance(50) ? 0.0 : -0.0;
      if (kind == 6 && d.chance(90)) score = -INFINITY;
      put_number<S>(place(0, list, i), score);
      put_number<S>(place(1, list, i), relevance);
      if (s.masked) *place(2, list, i) = kind == 7 ? 0 : d.chance(70) ? 2 : 0;
    }
  }
  const loss_info* info = record_of(L::name, "").info;
  std::vector<operand> call_operands;
  for (int a = 0; a < operands; ++a)
    call_operands.push_back({addresses[std::size_t(a)], &stride[std::size_t(a)]});
  list_call call{info,     parts,   number_of<S>,         number_of<O>, 1,
                 &s.lists, s.items, call_operands.data(), along.data()};
  call.masked = s.masked;
  const plan p = plan_list(call, s.on);
  check(p.launches.size() == 1, "one launch");

  // The CPU: each output by the loop that has it alone; of bfloat16, in float.
  using C = std::conditional_t<same<S, bfloat16>, float, S>;
  using D = std::conditional_t<same<O, bfloat16>, float, O>;
  std::vector<std::vector<double>> want;
  for (const unsigned part : part_order) {
    if (!(parts & part)) continue;
    const char* attribute = part == part_value  ? ""
                            : part == part_grad ? "grad"
                            : part == part_hess ? "hess"
                                                : "hess_bound";
    const loss_record& r = record_of(L::name, attribute, s.masked);
    std::vector<C> x[2];
    std::vector<unsigned char> mask;
    for (long long list = 0; list < s.lists; ++list)
      for (long long i = 0; i < s.items; ++i) {
        for (int a = 0; a < 2; ++a) {
          C c;
          put_number<C>(reinterpret_cast<char*>(&c), get_number<S>(place(a, list, i)));
          x[a].push_back(c);
        }
        if (s.masked) mask.push_back((unsigned char)*place(2, list, i));
      }
    std::vector<D> y(std::size_t(s.lists * std::max(s.items, 1ll)));
    char* args[] = {reinterpret_cast<char*>(x[0].data()), reinterpret_cast<char*>(x[1].data()),
                    s.masked ? reinterpret_cast<char*>(mask.data()) : reinterpret_cast<char*>(y.data()),
                    reinterpret_cast<char*>(y.data())};
    const std::ptrdiff_t n[] = {s.lists, s.items}, row = s.items * std::ptrdiff_t(sizeof(C));
    const std::ptrdiff_t apart = part == part_value ? sizeof(D) : s.items * sizeof(D), one = sizeof(C);
    std::vector<std::ptrdiff_t> steps = {row, row};
    if (s.masked) steps.push_back(s.items);
    steps.insert(steps.end(), {apart, one, one});
    if (s.masked) steps.push_back(1);
    steps.push_back(sizeof(D));
    const int type = same<C, double>  ? float64_loop
                     : !same<C, half> ? float32_loop
                     : same<D, float> ? float16_to_float32_loop
                                      : float16_loop;
    check(r.loops[type] && r.loops[type](context{}, args, n, steps.data()) == 0, "the CPU's loop");
    std::vector<double> numbers;
    for (const D& c : y) {
      char room[8];
      put_number<O>(room, get_number<D>(reinterpret_cast<const char*>(&c)));
      numbers.push_back(get_number<O>(room));
    }
    want.push_back(numbers);
  }

  std::unique_ptr<char[]> workspace(new char[std::size_t(p.workspace) + 256]);
  std::memset(workspace.get(), 0xff, std::size_t(p.workspace) + 256);
  for (const unsigned order : {0u, 1u, unsigned(2 + seed % 100)}) {
    for (launch l : p.launches) {
      const auto kernel = kernels.find(l.kernel);
      if (!check(kernel != kernels.end(), "%s is not compiled here", l.kernel.c_str())) return;
      if (order == 1) l.grid[0] = std::min(l.grid[0], 2u);  // so that a team has several lists
      const long long start = (reinterpret_cast<long long>(workspace.get()) + 255) / 256 * 256;
      kernel->second(l, addresses.data(), order, start);
    }
    for (int k = 0; k < outputs; ++k) {
      const bool is_value = k == 0 && (parts & part_value);
      for (long long list = 0; list < s.lists; ++list)
        for (long long i = 0; i < (is_value ? 1 : s.items); ++i) {
          char* const at = place(inputs + k, list, i);
          const double got = get_number<O>(at);
          const double expected = want[std::size_t(k)][std::size_t(is_value ? list : list * s.items + i)];
          ++compared;
          check((got != got && expected != expected) ||
                    (got == expected && std::signbit(got) == std::signbit(expected)),
                "%s, order %u, output %d, list %lld of %lld, item %lld of %lld: %.17g instead of %.17g",
                p.launches[0].kernel.c_str(), order, k, list, s.lists, i, s.items, got, expected);
          std::memset(at, 0x5a, sizeof(O));
        }
    }
  }
}

constexpr unsigned slopes = part_value | part_grad, everything = slopes | part_hess | part_bound;
void test_refusals() {
  const loss_info* info = record_of(L::name, "").info;
  const long long lists = 4, none = 0, row = 40;
  const auto refused = [&](auto change) {
    std::vector<operand> o(4, operand{0, &row});
    std::vector<long long> along(4, 4);
    list_call call{info, slopes, number::float32, number::float32, 1, &lists, 10, nullptr, nullptr};
    change(call, o, along);
    call.operands = o.data();
    call.along = along.data();
    try {
      plan_list(call, device{});
    } catch (const std::invalid_argument& e) {
      return std::string(e.what()).find(L::name) == 0;
    }
    return false;
  };
  using O = std::vector<operand>;
  using A = std::vector<long long>;
  check(!refused([](list_call&, O&, A&) {}), "a good call");
  check(refused([](list_call& c, O&, A&) { c.parts = part_grad2; }), "no such derivative");
  check(refused([](list_call& c, O&, A&) { c.items = 1ll << 31; }), "too many items");
  check(refused([&](list_call&, O& o, A&) { o[3].strides = &none; }), "lists upon each other");
  check(refused([](list_call&, O&, A& a) { a[3] = 0; }), "items upon each other");
  check(refused([](list_call&, O& o, A&) { o[1].address = 2; }), "not aligned");
  check(refused([](list_call&, O& o, A&) { o[0].is_number = true; }), "a number");
}

}  // namespace

int main() {
  if (!choose_isa()) {
    std::puts("SKIPPED: this processor has no fused multiply-add");
    return 77;
  }
  add<everything, float, float, false, 32, false>();
  add<everything, float, float, true, 32, false>();
  add<everything, double, double, true, 128, false>();
  add<slopes, float, float, false, 128, false>();
  add<slopes, half, float, false, 32, false>();
  add<everything, half, half, true, 32, false>();
  add<slopes, bfloat16, bfloat16, false, 128, false>();
  add<part_bound, float, float, false, 32, false>();
  add<everything, double, double, true, 128, true>();
  run<float, float>(everything, {19, 37}, 1);
  run<float, float>(everything, {9, 100, true, false, false, 100, 1000}, 2);
  run<float, float>(everything, {8, 1}, 3);
  run<float, float>(everything, {3, 0}, 4);
  run<float, float>(slopes, {8, 300, false, false, false, 3000}, 5);
  run<double, double>(everything, {8, 160, true, true, false, 8, 3}, 6);
  run<double, double>(everything, {8, 130, true, false, false, 900}, 7);
  run<half, float>(slopes, {8, 20}, 8);
  run<half, half>(everything, {16, 33, true}, 9);
  run<bfloat16, bfloat16>(slopes, {8, 140}, 10);
  run<float, float>(part_bound, {8, 60}, 11);
  run<double, double>(everything, {9, 900, true, true, false, 50, 100000}, 12);
  test_refusals();
  std::printf("%zu kernels, %lld numbers\n", kernels.size(), compared);
  check(compared > 10000, "too few numbers");
  return report("list_test");
}
