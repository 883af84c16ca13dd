// The planner by property: over random shapes and strides, launches visit every element once, as an odometer
// over the whole call does; packs are aligned; wrong calls are refused.
#include <algorithm>
#include <array>
#include <cstdio>
#include "../check.hpp"
#include "dice.hpp"
#include "ufloss/cuda/elementwise_plan.hpp"
#include "ufloss/losses/regression.hpp"

using namespace ufloss;
using namespace ufloss::gpu;

namespace {

constexpr loss_info huber = {huber_loss::name,
                             loss_kind::elementwise,
                             huber_loss::args,
                             3,
                             huber_loss::parts,
                             0,
                             0,
                             0,
                             "",
                             "",
                             "",
                             "",
                             "",
                             "",
                             "regression"};
constexpr int inputs = 3, most_operands = 6;
using places = std::array<long long, most_operands>;  ///< of an element, in bytes, operand by operand

struct drawn_call {
  std::vector<long long> shape;
  std::vector<std::vector<long long>> strides;
  std::vector<operand> operands;
  elementwise_call call{};
  void point() {
    for (std::size_t a = 0; a < operands.size(); ++a) operands[a].strides = strides[a].data();
    call.shape = shape.data();
    call.dims = int(shape.size());
    call.operands = operands.data();
    call.loss = &huber;
  }
};

/// Strides of an array that holds each element once, its dimensions in any order, padded or not.
std::vector<long long> strides_of_array(dice& d, const std::vector<long long>& shape, long long size,
                                        bool shuffled) {
  std::vector<std::size_t> order(shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
  if (shuffled)
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[std::size_t(d.below((long long)i))]);
  std::vector<long long> strides(shape.size());
  long long step = size * (d.chance(20) ? 2 : 1);
  for (const std::size_t k : order) {
    strides[k] = step;
    step *= std::max(shape[k], 1ll);
    if (d.chance(10)) step += size * d.below(5);
  }
  return strides;
}
void draw(dice& d, drawn_call& c) {
  c.shape.clear();
  const long long dims = d.chance(8) ? 9 + d.below(3) : d.below(6);
  for (long long k = 0; k < dims; ++k)
    c.shape.push_back(d.chance(3)                ? 0
                      : dims > 8                 ? 1 + d.below(3)
                      : dims < 4 && d.chance(40) ? 8 * (1 + d.below(3))
                                                 : 1 + d.below(6));
  constexpr number types[] = {number::float16, number::bfloat16, number::float32, number::float64};
  c.call.type = types[d.below(4)];
  constexpr unsigned sets[] = {part_value, part_value | part_grad};
  c.call.parts = sets[d.below(2)];
  c.call.masked = d.chance(30);
  c.call.beforehand = d.chance(20);
  c.call.most_items = d.chance(50) ? (1ll << 31) - 64 : 64 * (1 + d.below(4));
  const int outputs = c.call.parts == part_value ? 1 : 2, size = size_of(c.call.type);
  const std::size_t count = std::size_t(inputs + outputs + c.call.masked);
  const bool all_shuffled = d.chance(25), same = d.chance(60);
  std::uint64_t seed = d.next();
  c.strides.assign(count, {});
  c.operands.assign(count, {});
  for (std::size_t a = 0; a < count; ++a) {
    const bool mask = a == std::size_t(inputs + outputs);
    const long long bytes = mask ? 1 : size;
    dice own = same ? dice{seed} : dice{d.next()};  // the same dice: operands lie alike
    c.strides[a] = strides_of_array(own, c.shape, bytes, all_shuffled || (!same && own.chance(20)));
    for (std::size_t k = 0; k < c.shape.size(); ++k) {
      if (own.chance(15)) c.strides[a][k] = -c.strides[a][k];
      if ((a < inputs || mask) && d.chance(15)) c.strides[a][k] = 0;
    }
    c.operands[a].address = 4096 + bytes * (same && d.chance(70) ? 0 : d.below(16));
    if (a < inputs && d.chance(10)) c.operands[a] = {0, nullptr, true, 0.5};
  }
  c.point();
}

/// Every element, by an odometer over the call's own shape.
std::vector<places> wanted(const drawn_call& c) {
  std::vector<places> all;
  std::vector<long long> at(c.shape.size(), 0);
  for (const long long n : c.shape)
    if (n == 0) return all;
  for (;;) {
    places p{};
    for (std::size_t a = 0; a < c.operands.size(); ++a)
      if (!c.operands[a].is_number)
        for (std::size_t k = 0; k < at.size(); ++k) p[a] += at[k] * c.strides[a][k];
    all.push_back(p);
    std::size_t k = at.size();
    for (; k > 0; at[--k] = 0)
      if (++at[k - 1] < c.shape[k - 1]) break;
    if (k == 0) return all;
  }
}

/// What a kernel makes of a launch's words, in the order of elementwise_arguments.
struct reading {
  const launch& l;
  const drawn_call& c;
  int packed = 0, dims = 0;
  std::size_t n;
  explicit reading(const launch& of, const drawn_call& by) : l(of), c(by), n(by.operands.size()) {
    const std::size_t type = l.kernel.find(type_of(c.call.type));
    std::sscanf(l.kernel.c_str() + l.kernel.find(',', type), ", %d, %d", &packed, &dims);
  }
  long long word(std::size_t i) const { return l.words[i].bits; }
  long long items() const { return word(n); }
  long long lead() const { return word(n + 1); }
  long long rest() const { return word(n + 2); }
  long long step(int d, std::size_t a) const {
    return word(n + 5 + 3 * std::size_t(dims) + std::size_t(d) * n + a);
  }
  divisor length(int d) const {
    const std::size_t i = n + 5 + 3 * std::size_t(d);
    return {word(i), word(i + 1), word(i + 2)};
  }
  bool repeats(std::size_t a) const { return c.operands[a].is_number || step(0, a) == 0; }

  void element(long long e, std::vector<places>& all) const {  // relative to the packs
    places p{};
    for (std::size_t a = 0; a < n; ++a)
      if (!c.operands[a].is_number) p[a] = word(a) + (repeats(a) ? 0 : e * (step(0, a) / packed));
    all.push_back(p);
  }
  void visit(std::vector<places>& all) const {
    check(l.words.size() == n + 5 + std::size_t(dims) * (3 + n), "%s: %zu words", l.kernel.c_str(),
          l.words.size());
    for (std::size_t a = 0; a < n; ++a)
      check(l.words[a].base == (c.operands[a].is_number ? no_base : int(a)), "base of operand %zu", a);
    check(items() < 1ll << 31 && items() * packed + lead() + rest() <= c.call.most_items,
          "items of a launch");
    check(packed == 1 ? lead() == 0 && rest() == 0 : lead() < 16 && rest() < packed, "elements beside packs");
    check((lead() == 0 && rest() == 0) || dims == 1, "elements beside packs of one dimension alone");
    check(256ll * l.grid[0] >= items() && l.block[0] == 256, "the grid");
    for (long long k = 0; k < lead(); ++k) element(k - lead(), all);
    for (long long k = 0; k < rest(); ++k) element(items() * packed + k, all);
    for (long long i = 0; i < items(); ++i) {
      places p{};
      uint32 left = uint32(i);
      for (int d = 0; d < dims; ++d) {
        const uint32 outer = d + 1 < dims ? quotient(left, length(d)) : 0;
        const long long along = d + 1 < dims ? left - outer * uint32(length(d).length) : left;
        left = outer;
        for (std::size_t a = 0; a < n; ++a) p[a] += along * step(d, a);
      }
      for (std::size_t a = 0; a < n; ++a) p[a] += c.operands[a].is_number ? 0 : word(a);
      for (int v = 0; v < packed; ++v) {
        places q = p;
        for (std::size_t a = 0; a < n; ++a) {
          if (c.operands[a].is_number) q[a] = 0;
          else if (!repeats(a)) q[a] += v * (step(0, a) / packed);
          const long long bytes = step(0, a);  // of a pack
          if (v == 0 && packed > 1 && !repeats(a))
            check((p[a] + c.operands[a].address) % bytes == 0, "a pack of %lld bytes is not aligned", bytes);
        }
        all.push_back(q);
      }
    }
  }
};

long long packs = 0, launches = 0, elements = 0, of_many_dims = 0, cut = 0;
void one_call(std::uint64_t seed) {
  dice d{seed * 0x9e3779b97f4a7c15u + 1};
  drawn_call c;
  draw(d, c);
  plan p;
  try {
    p = plan_elementwise(c.call, device{});
  } catch (const std::invalid_argument& e) {
    check(false, "case %llu: %s", (unsigned long long)seed, e.what());
    return;
  }
  std::vector<places> got, want = wanted(c);
  for (const launch& l : p.launches) {
    const reading r(l, c);
    r.visit(got);
    packs += r.packed > 1;
    of_many_dims += r.dims > 1;
  }
  launches += (long long)p.launches.size();
  cut += p.launches.size() > 1;
  elements += (long long)want.size();
  std::sort(got.begin(), got.end());
  std::sort(want.begin(), want.end());
  check(got == want, "case %llu: %zu elements visited, of %zu", (unsigned long long)seed, got.size(),
        want.size());
}

void quotients() {
  dice d{3};
  for (int k = 0; k < 200000; ++k) {
    const long long length = k < 2000 ? k + 1 : 1 + d.below((1ll << (1 + d.below(31))) - 1);
    const divisor by = divisor_of(length);
    const long long q = d.below(((1ll << 31) - 1) / length + 1);
    for (const long long n :
         {q * length, q * length - 1, q * length + length - 1, (1ll << 31) - 1, d.below(1ll << 31)})
      if (n >= 0 && n < 1ll << 31)
        check(quotient(uint32(n), by) == uint32(n / length), "%lld / %lld", n, length);
  }
}

/// Arrays beyond what 32 bits count, by their words alone.
void huge() {
  const long long shape[] = {3, 1ll << 31, 5}, strides[] = {20ll << 31, 20, 4};
  operand o[4];
  for (operand& x : o) x = {0, strides};
  o[2] = {0, nullptr, true, 1.0};
  const plan p = plan_elementwise({&huber, part_value, number::float32, 3, shape, o}, device{});
  long long next = 0;
  for (const launch& l : p.launches) {
    check(l.words[0].bits == next * 4 && l.words[3].bits == next * 4, "a part begins at element %lld", next);
    check(l.words[4].bits < 1ll << 31, "%lld items", l.words[4].bits);
    next += l.words[4].bits * 4 + l.words[5].bits + l.words[6].bits;
  }
  check(next == 15ll << 31, "%lld elements in %zu launches", next, p.launches.size());
}

void refusals() {
  const long long shape[] = {4, 6}, strides[] = {24, 4}, none[] = {0, 4}, odd[] = {24, 6};
  const auto refused = [&](const char* says, int which, operand instead, elementwise_call call = {}) {
    operand o[4];
    for (operand& x : o) x = {0, strides};
    if (which >= 0) o[which] = instead;
    if (!call.loss) call = {&huber, part_value, number::float32, 2, shape, nullptr};
    call.operands = o;
    std::string said;
    try {
      plan_elementwise(call, device{});
    } catch (const std::invalid_argument& e) {
      said = e.what();
    }
    check(said == says, "\"%s\" instead of \"%s\"", said.c_str(), says);
  };
  refused("", -1, {});
  refused("huber_loss: output 0 has one place for several results", 3, {0, none});
  refused("huber_loss: output 0 must be an array", 3, {0, nullptr, true, 1.0});
  refused("huber_loss: targets is not aligned to its type", 1, {2, strides});
  refused("huber_loss: predictions is not aligned to its type", 0, {0, odd});
  refused("huber_loss: has no such derivative", -1, {},
          {&huber, part_grad3, number::float32, 2, shape, nullptr});
  refused("huber_loss: has no such derivative", -1, {}, {&huber, 0, number::float32, 2, shape, nullptr});
  const long long negative[] = {4, -6};
  refused("huber_loss: a dimension has a negative length", -1, {},
          {&huber, part_value, number::float32, 2, negative, nullptr});
}

void text() {
  const long long shape[] = {4096}, strides[] = {4}, one[] = {0};
  operand o[5];
  for (operand& x : o) x = {0, strides};
  o[2].strides = one;
  const plan p = plan_elementwise({&huber, part_value | part_grad, number::float32, 1, shape, o}, device{});
  const std::string source = source_of(p.launches.at(0));
  for (const char* part :
       {"#include \"ufloss/losses/regression.hpp\"", "__launch_bounds__(256, 2)", entry_name,
        "ufloss::gpu::elementwise_kernel<ufloss::huber_loss, 3u, float, 4, 1, 4u, 0u, false>"})
    check(source.find(part) != std::string::npos, "%s is not in\n%s", part, source.c_str());
  const long long addresses[] = {1 << 20, 2 << 20, 3 << 20, 4 << 20, 5 << 20};
  const std::vector<long long> words = p.launches[0].arguments(addresses);
  check(words[0] == 1 << 20 && words[4] == 5 << 20 && words[5] == 1024, "arguments");
}

}  // namespace

int main() {
  for (std::uint64_t seed = 0; seed < 20000; ++seed) one_call(seed);
  quotients();
  huge();
  refusals();
  text();
  std::printf("%lld elements in %lld launches, %lld by packs, %lld of several dimensions, %lld calls cut\n",
              elements, launches, packs, of_many_dims, cut);
  check(packs > 1000 && of_many_dims > 1000 && cut > 500, "the cases are too much alike");
  return report("plan_test");
}
