// ufloss::kernels: every table this processor runs is complete, right, and the same to the bit where there is
// fused multiply-add.
#include "dispatch.hpp"
#include <cmath>
#include <cstring>
#include <random>
#include <vector>
#include "check.hpp"

using namespace ufloss;
using namespace ufloss::dispatch;

namespace {

constexpr std::ptrdiff_t n = 203;  // whole packs and a tail, on every instruction set

/// f(record, the same one of another set) of all elementwise losses.
template <class F> void each_elementwise(int isa, int other, F f) {
  for (int unit = 0; unit < units(); ++unit)
    for (int k = 0; k < table(isa, unit).size; ++k)
      if (table(isa, unit).records[k].info->kind == loss_kind::elementwise)
        f(table(isa, unit).records[k], table(other, unit).records[k]);
}
/// The record of an output of an elementwise loss, or null.
const loss_record* record_of(int isa, const char* loss, const char* attribute) {
  const loss_record* found = nullptr;
  each_elementwise(isa, isa, [&](const loss_record& r, const loss_record&) {
    if (!std::strcmp(r.info->name, loss) && !std::strcmp(r.attribute, attribute)) found = &r;
  });
  return found;
}

/// One call over contiguous operands of n elements.
template <class T>
void run(const loss_record& r, loop_type type, const std::vector<std::vector<T>>& in,
         std::vector<std::vector<T>>& out) {
  char* args[8];
  std::ptrdiff_t steps[8];
  out.assign(std::size_t(r.nout), std::vector<T>(n));
  for (int a = 0; a < r.nin + r.nout; ++a) {
    args[a] = reinterpret_cast<char*>(
        const_cast<T*>(a < r.nin ? in[std::size_t(a)].data() : out[std::size_t(a - r.nin)].data()));
    steps[a] = sizeof(T);
  }
  check(r.loops[type](context{}, args, &n, steps) == 0, "%s %s returns an error", r.info->name, r.attribute);
}

/// Operands from each argument's domain, its ends and zeros among them; every second is the default value,
/// for which formulas have ways of their own.
std::vector<std::vector<double>> draw(const loss_info& info) {
  std::mt19937_64 engine(11);
  std::vector<std::vector<double>> in;
  for (int a = 0; a < info.nargs; ++a) {
    in.emplace_back();
    for (int i = 0; i < n; ++i) {
      const double u = double(engine() >> 11) * 0x1p-53, x = std::ldexp(u - 0.5, i % 9),
                   fallback = info.args[a].fallback;
      switch (info.args[a].in) {
        case domain::real: in.back().push_back(x); break;
        case domain::unit: in.back().push_back(i % 3 == 0 ? u : double(i % 3 - 1)); break;
        case domain::optional_unit: in.back().push_back(i % 3 == 0 ? -1 : u); break;
        case domain::label:  // of row losses alone
        case domain::tweedie_target:
        case domain::nonnegative: in.back().push_back(i % 5 == 0 ? 0 : std::fabs(x)); break;
        case domain::positive: in.back().push_back(std::fabs(x) + 1e-3); break;
        case domain::sign: in.back().push_back(u < 0.5 ? -1 : 1); break;
        case domain::truth: in.back().push_back(u < 0.5 ? 0 : 1); break;
        case domain::tweedie_power: in.back().push_back(i % 4 == 0 ? double(i % 3) : 1 + u); break;
      }
      if (fallback == fallback && i % 2) in.back().back() = fallback;
    }
  }
  return in;
}

/// By name: the sets that may differ from the others within the bounds.
bool has_fma(int isa) {
  return std::strcmp(name(isa), "isa_x86_64_v2") != 0 && std::strcmp(name(isa), "isa_scalar") != 0;
}

/// The outputs of two sets: the same bits, but NaNs of any kind; within 64 ulp where one has no fma, which is
/// above every bound of a formula and far below a mistake.
template <class T> void agree(int a, int b, const loss_record& ra, const loss_record& rb, loop_type type) {
  std::vector<std::vector<T>> in, out_a, out_b;
  for (const auto& column : draw(*ra.info)) in.emplace_back(column.begin(), column.end());
  run(ra, type, in, out_a);
  run(rb, type, in, out_b);
  for (std::size_t o = 0; o < out_a.size(); ++o)
    for (std::size_t i = 0; i < std::size_t(n); ++i) {
      const T x = out_a[o][i], y = out_b[o][i];
      const bool same = !std::memcmp(&x, &y, sizeof(T)) || (x != x && y != y);
      const bool vanishes = ((ra.nout == 1 ? ra.parts : ~0u) & ra.info->vanishing) != 0;
      // without fma: a few ulp, of the largest term where the output vanishes
      const bool near = same || std::fabs(x - y) <= T(64) * (sizeof(T) == 4 ? T(0x1p-23) : T(0x1p-52)) *
                                                        (std::fabs(y) + (vanishes ? T(1000) : T(0)));
      check(has_fma(a) && has_fma(b) ? same : near, "%s %s, %s: %.17g on %s, %.17g on %s at %d",
            ra.info->name, ra.attribute, sizeof(T) == 4 ? "float" : "double", double(x), name(a), double(y),
            name(b), int(i));
    }
}

/// choose() for processors and builds that this machine is not: the largest set that the level allows, an
/// emulated one only where no other is left.
void check_choices() {
  const char* const all[] = {"isa_x86_64_v2", "isa_x86_64_v3", "isa_x86_64_v4", "isa_emulated_512"};
  const struct {
    int from, n, level, best;
  } cases[] = {
      {0, 4, 2, 2}, {0, 4, 1, 1},  {0, 4, 0, 0},  {0, 4, -1, -1},  // all of them on each processor
      {1, 2, 2, 1}, {1, 2, 1, 0},  {1, 2, 0, -1}, {1, 2, -1, -1},  // v3 and v4
      {2, 1, 2, 0}, {2, 1, 1, -1}, {2, 1, 0, -1},                  // v4 alone
      {2, 2, 2, 0}, {2, 2, 1, 1},  {2, 2, 0, -1},                  // beside emulated registers, which need v3
      {3, 1, 2, 0}, {3, 1, 1, 0},  {3, 1, 0, -1},                  // nothing else
  };
  for (const auto& c : cases) {
    const int got = choose(all + c.from, c.n, c.level);
    check(got == c.best, "of %d sets from %s on the best at level %d is %d, not %d", c.n, all[c.from],
          c.level, got, c.best);
  }
}

}  // namespace

int main() {
  check_choices();
  check(count() >= 1, "no table");
  bool any = false, any_real = false;
  // Every table is read, also of sets that this processor lacks: records are data, which need no such
  // processor.
  for (int i = 0; i < count(); ++i) {
    any = any || supported(i);
    any_real = any_real || (supported(i) && !is_emulated(name(i)));
  }
  // A processor that runs none of the sets gets none; emulated registers are a last resort.
  check(any ? best() >= 0 && best() < count() && supported(best()) : best() == -1, "best() = %d", best());
  check(!any || is_emulated(name(best())) == !any_real, "best() is emulated");
  check(!supported(count()) && !supported(-1), "supported() beyond the tables");
  check(find("isa_of_a_pocket_calculator") == -1 && find("") == -1, "find() invents tables");
  check(past_cache_from() > 0, "past_cache_from() = %td", past_cache_from());
  for (int i = 0; i < count(); ++i) {
    check(find(name(i)) == i, "find(%s)", name(i));
    int records = 0;
    for (int unit = 0; unit < units(); ++unit) {
      const kernel_table &t = table(i, unit), &of_first = table(0, unit);
      check(!std::strcmp(t.isa, name(i)), "unit %d of %s is compiled for %s", unit, name(i), t.isa);
      check(t.size == of_first.size && t.size > 0, "unit %d of %s has %d records", unit, t.isa, t.size);
      for (int k = 0; k < t.size; ++k, ++records) {
        const loss_record &r = t.records[k], &first = of_first.records[k];
        check(!std::strcmp(r.info->name, first.info->name) && !std::strcmp(r.attribute, first.attribute) &&
                  r.nin == first.nin && r.nout == first.nout && !std::strcmp(r.roles, first.roles),
              "record %d of unit %d of %s", k, unit, t.isa);
        for (int l = 0; l < loop_types; ++l) {
          // Helpers have the loops that they need; mixed types only what lies along rows.
          const bool helps = r.info->kind == loss_kind::helper, widens = l == float16_to_float32_loop;
          const bool has =
              helps ? first.loops[l] != nullptr : !widens || !std::strcmp(r.info->args[0].dims, "n");
          check(!r.loops[l] == !has, "%s %s: loop %d", r.info->name, r.attribute, l);
        }
      }
    }
    // What cannot run here has been looked at as data, and is named.
    if (!supported(i)) {
      std::printf("%s: built in, not supported by this processor, not run\n", name(i));
      continue;
    }
    std::printf("%s: %d records%s\n", name(i), records, i == best() ? ", best" : "");

    const loss_record* plain = record_of(i, "squared_error", "");
    const loss_record* both = record_of(i, "squared_error", "value_and_grad");
    if (!check(plain && both && both->nout == 2, "%s lacks squared_error", name(i))) continue;
    const auto in = draw(*plain->info);
    std::vector<std::vector<double>> out;
    run(*plain, float64_loop, in, out);
    for (std::size_t k = 0; k < std::size_t(n); ++k) {
      const double r = in[0][k] - in[1][k];
      // To the bit: one difference and one product, rounded as here.
      check(out[0][k] == r * r, "squared_error on %s", name(i));
    }
    run(*both, float64_loop, in, out);
    for (std::size_t k = 0; k < std::size_t(n); ++k) {
      const double r = in[0][k] - in[1][k];
      check(out[0][k] == r * r && out[1][k] == r + r, "squared_error.value_and_grad on %s", name(i));
    }
    // By their bits, so that this needs no conversion of its own to be right.
    const std::vector<std::vector<unsigned short>> halves = {
        std::vector<unsigned short>(n, 0x4200), std::vector<unsigned short>(n, 0x3800)};  // 3 and 0.5
    std::vector<std::vector<unsigned short>> half_out;
    run(*plain, float16_loop, halves, half_out);
    for (std::size_t k = 0; k < std::size_t(n); ++k)
      check(half_out[0][k] == 0x4640, "float16 squared_error on %s: %04x", name(i), half_out[0][k]);  // 6.25

    each_elementwise(i, best(), [&](const loss_record& r, const loss_record& of_best) {
      agree<float>(i, best(), r, of_best, float32_loop);
      agree<double>(i, best(), r, of_best, float64_loop);
    });
  }
  return report("dispatch_test");
}
