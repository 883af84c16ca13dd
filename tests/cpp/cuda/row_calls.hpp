// Calls of row losses as kernels under the emulator, against the loops of the CPU: drawn, planned, run and
// compared by bits.  UFLOSS_TEST_TYPE is the stored type.
#pragma once
#include <cstdio>
#include <map>
#include "../check.hpp"
#include "dispatch.hpp"
#include "memory.hpp"
#include "numbers.hpp"
#include "ufloss/cuda/row.hpp"
#include "ufloss/cuda/row_plan.hpp"
#include "ufloss/ufloss.hpp"

namespace row_calls {

using namespace ufloss;
using namespace ufloss::gpu;

using S = UFLOSS_TEST_TYPE;
template <class A, class B> constexpr bool same = false;
template <class A> constexpr bool same<A, A> = true;
constexpr number type = same<S, half>       ? number::float16
                        : same<S, bfloat16> ? number::bfloat16
                        : same<S, float>    ? number::float32
                                            : number::float64;
using C = std::conditional_t<same<S, bfloat16>, float, S>;  ///< of the CPU's loop
constexpr int size = int(sizeof(S));

// --- the kernels that are compiled here -----
inline std::map<std::string, void (*)(const launch&, const long long*, unsigned, long long)> kernels;
template <template <class> class Schedule, class L, unsigned Parts, int Dims, bool Masked>
void add(const char* schedule) {
  const std::string name = std::string("ufloss::gpu::rows_in_") + schedule +
                           "<ufloss::gpu::row_access<ufloss::" + L::name + ", " + std::to_string(Parts) +
                           "u, " + type_of(type) + ", " + std::to_string(Dims) + ", " +
                           (Masked ? "true" : "false") + ">>";
  kernels[name] = emulator::run_kernel<Schedule<row_access<L, Parts, S, Dims, Masked>>>;
}
template <class L, unsigned Parts, int Dims, bool Masked> void add_schedules() {
  add<rows_in_threads, L, Parts, Dims, Masked>("threads");
  add<rows_in_groups, L, Parts, Dims, Masked>("groups");
  add<rows_in_passes, L, Parts, Dims, Masked>("passes");
}

/// Rows that registers hold.
template <class Schedule, class O> void add_held(const std::string& name, int first, int second) {
  using L = typename O::loss;
  kernels["ufloss::gpu::rows_in_" + name + "<ufloss::gpu::row_access<ufloss::" + L::name + ", " +
          std::to_string(O::parts) + "u, " + type_of(type) + ", 1, false>, " + std::to_string(first) + ", " +
          std::to_string(second) + ">"] = emulator::run_kernel<Schedule>;
}
template <class L, unsigned Parts, int Parties, int Rounds> void add_warps() {
  using O = row_access<L, Parts, S, 1, false>;
  add_held<rows_in_warps<O, Parties, Rounds>, O>("warps", Parties, Rounds);
}
template <class L, unsigned Parts, int Warps, int Blocks> void add_clusters() {
  using O = row_access<L, Parts, S, 1, false>;
  add_held<rows_in_clusters<O, Warps, Blocks>, O>("clusters", Warps, Blocks);
}

// --- what the CPU says -----
inline int isa = -1;
inline const loss_record* record(const char* loss, const char* attribute, bool masked) {
  for (int unit = 0; unit < dispatch::units(); ++unit) {
    const kernel_table& table = dispatch::table(isa, unit);
    for (int k = 0; k < table.size; ++k) {
      const loss_record& r = table.records[k];
      if (std::string(r.info->name) == loss && std::string(r.attribute) == attribute && r.masked == masked)
        return &r;
    }
  }
  throw std::runtime_error(std::string("no loop of ") + loss + "." + attribute);
}
struct output_of_loop {
  unsigned part;
  const char* attribute;
  int at;
};
constexpr output_of_loop each_part_of_jet[] = {{part_value, "", 0},      {part_grad, "grad", 0},
                                               {part_grad2, "grads", 1}, {part_grad3, "grads", 2},
                                               {part_hess, "hess", 0},   {part_bound, "hess_bound", 0}};

// --- calls -----
/// How an operand lies: its strides follow the dimensions in this order, from the innermost outwards, with
/// gaps, backwards, or once for all rows.
struct lie {
  std::vector<int> order;
  int gap = 1;
  int backwards = -1;  ///< a dimension
  int repeated = -1;   ///< a dimension
};
struct test_call {
  std::vector<long long> shape;
  int axis;
  std::vector<lie> lies;  ///< operand a lies as lies[a % size]
  bool masked = false, checked = false, beforehand = true, given = false;
  bool at_end = true;
  int bad_labels = 0, label_bytes = 8;
  int capability = 7;
};
inline long long compared = 0, ran = 0;

struct drawn {
  guarded memory;
  long long first;
  std::vector<long long> strides;  ///< in bytes
  int bytes;
  char* at(const std::vector<long long>& place) const {
    char* p = memory.data + first;
    for (std::size_t d = 0; d < place.size(); ++d) p += place[d] * strides[d];
    return p;
  }
};
inline drawn make(const test_call& t, const lie& how, int bytes, bool along, bool is_output) {
  std::vector<long long> strides(t.shape.size(), 0);
  long long step = bytes * how.gap, low = 0, high = 0;
  for (const int d : how.order) {
    if (d == t.axis && !along) {
      strides[std::size_t(d)] = 12345;  // which nobody uses
      continue;
    }
    if (d == how.repeated && !is_output && d != t.axis) continue;
    strides[std::size_t(d)] = d == how.backwards ? -step : step;
    (d == how.backwards ? low : high) += (t.shape[std::size_t(d)] - 1) * strides[std::size_t(d)];
    step *= t.shape[std::size_t(d)];
  }
  return {guarded(std::size_t(high - low + bytes), t.at_end), -low, strides, bytes};
}
/// visit(place of a row's first element).
template <class F> void each_row(const test_call& t, F visit) {
  std::vector<long long> at(t.shape.size(), 0);
  for (bool more = true; more;) {
    visit(at);
    more = false;
    for (std::size_t d = at.size(); d > 0 && !more; --d) {
      if (int(d) - 1 == t.axis) continue;
      more = ++at[d - 1] < t.shape[d - 1];
      if (!more) at[d - 1] = 0;
    }
  }
}
inline bool same_bits(double a, double b) {
  return (a != a && b != b) || (a == b && std::signbit(a) == std::signbit(b));
}
template <class L> void fill(const test_call& t, std::vector<drawn>& data, int outputs, dice& d) {
  const long long n = t.shape[std::size_t(t.axis)];
  const auto each_number = [&](const drawn& o, auto put) {
    each_row(t, [&](std::vector<long long> place) {
      for (long long j = 0; j < n; ++j) {
        place[std::size_t(t.axis)] = j;
        put(o.at(place));
      }
    });
  };
  for (int a = 0; a < int(data.size()); ++a) {
    const drawn& o = data[std::size_t(a)];
    const bool input = a < arity<L>;
    if (input && L::args[a].kind == role::label)
      each_row(t, [&](const std::vector<long long>& place) {
        const long long good = d.below(n), bad = d.chance(50) ? n + d.below(3) : -1 - d.below(1ll << 40);
        const long long label = d.chance(t.bad_labels) ? bad : good;
        const int narrow = int(label);
        if (t.label_bytes == 4) std::memcpy(o.at(place), &narrow, 4);
        else std::memcpy(o.at(place), &label, 8);
      });
    else if (input && L::args[a].along()) {
      // a row of its own size and with its own share of limits, lest all rows be NaN
      const bool plain = d.chance(50);
      each_number(o, [&](char* p) {
        double x = draw_number(d, L::args[a].in);
        if (plain || d.chance(97))
          while (!(std::fabs(x) <= 100)) x = draw_number(d, L::args[a].in);
        put_number<S>(p, x);
      });
    } else if (input)
      each_row(t, [&](const std::vector<long long>& place) {
        double x = L::args[a].fallback == L::args[a].fallback && d.chance(30) ? L::args[a].fallback
                                                                              : draw_number(d, L::args[a].in);
        if (d.chance(90))
          while (!(std::fabs(x) <= 100)) x = draw_number(d, L::args[a].in);
        put_number<S>(o.at(place), x);
      });
    else if (a == arity<L> + outputs) {
      const int percent = int(d.below(3)) * 40;
      each_number(o, [&](char* p) { *p = d.chance(percent) ? 0 : d.chance(50) ? 1 : 4; });
    }
  }
}
/// One row by the loops of the CPU: part after part.
template <class L>
void on_the_cpu(const test_call& t, const std::vector<drawn>& data, std::vector<long long> place,
                unsigned parts, const double* given, std::vector<std::vector<double>>* results, bool* bad) {
  const std::ptrdiff_t n = t.shape[std::size_t(t.axis)];
  constexpr int inputs = arity<L>;
  std::vector<std::vector<char>> rooms;
  bool counts = !t.masked;
  const auto copy = [&](int a, std::ptrdiff_t length) {
    std::vector<char> room(std::size_t(length) * 8 + 8);
    const drawn& o = data[std::size_t(a)];
    for (std::ptrdiff_t j = 0; j < length; ++j) {
      if (length > 1 || n == 1) place[std::size_t(t.axis)] = j;
      if (a >= inputs) room[std::size_t(j)] = *o.at(place);
      else put_number<C>(room.data() + std::size_t(j) * sizeof(C), get_number<S>(o.at(place)));
      if (a >= inputs) counts |= *o.at(place) != 0;
    }
    place[std::size_t(t.axis)] = 0;
    return room;
  };
  *bad = false;
  for (int a = 0; a < inputs; ++a) {
    if (L::args[a].kind == role::label) {
      long long label = 0;
      if (t.label_bytes == 4) {
        int narrow;
        std::memcpy(&narrow, data[std::size_t(a)].at(place), 4);
        label = narrow;
      } else std::memcpy(&label, data[std::size_t(a)].at(place), 8);
      *bad = label < 0 || label >= n;
      if (*bad) label = 0;
      rooms.emplace_back(8);
      std::memcpy(rooms.back().data(), &label, 8);
    } else {
      rooms.push_back(copy(a, L::args[a].along() ? n : 1));
      if (given && !L::args[a].along()) put_number<C>(rooms.back().data(), given[a]);
    }
  }
  if (t.masked) rooms.push_back(copy(int(data.size()) - 1, n));
  *bad &= counts;
  std::vector<char> out[3];
  for (auto& room : out) room.resize(std::size_t(n) * 8 + 8);
  results->clear();
  for (const auto& one : each_part_of_jet) {
    if (!(parts & one.part)) continue;
    const loss_record& r = *record(L::name, one.attribute, t.masked);
    std::vector<char*> args;
    std::vector<std::ptrdiff_t> core;
    for (std::size_t a = 0; a < rooms.size(); ++a) {
      args.push_back(rooms[a].data());
      if (a == std::size_t(inputs)) core.push_back(1);
      else if (L::args[a].along()) core.push_back(sizeof(C));
    }
    const bool is_value = one.part == part_value && !(L::properties & row_value);
    for (int k = 0; k < r.nout; ++k) {
      args.push_back(out[k].data());
      if (!is_value) core.push_back(sizeof(C));
    }
    std::vector<std::ptrdiff_t> steps(args.size(), 0);
    steps.insert(steps.end(), core.begin(), core.end());
    const std::ptrdiff_t dims[] = {1, n};
    r.loops[type == number::float16   ? float16_loop
            : type == number::float64 ? float64_loop
                                      : float32_loop](context{}, args.data(), dims, steps.data());
    std::vector<double> y;
    for (std::ptrdiff_t j = 0; j < (is_value ? 1 : n); ++j) {
      char rounded[8];
      put_number<S>(rounded, get_number<C>(out[one.at].data() + std::size_t(j) * sizeof(C)));
      const bool takes_part = !t.masked || rooms.back()[std::size_t(j)];
      y.push_back(*bad && (is_value || takes_part) ? std::nan("") : get_number<S>(rounded));
    }
    results->push_back(y);
  }
}

template <class L> void run(const test_call& t, unsigned parts, std::uint64_t seed) {
  constexpr int inputs = arity<L>;
  const loss_info* info = record(L::name, "", false)->info;
  const int outputs = count_parts(parts), operands = inputs + outputs + t.masked;
  const bool has_value = (parts & part_value) && !(L::properties & row_value);
  dice d{seed};
  std::vector<drawn> data;
  std::vector<operand> all;
  std::vector<long long> addresses;
  for (int a = 0; a < operands; ++a) {
    const bool is_output = a >= inputs && a < inputs + outputs, is_mask = a >= inputs + outputs;
    const bool along = a < inputs ? L::args[a].along() : is_mask || !(has_value && a == inputs);
    const bool is_label = a < inputs && L::args[a].kind == role::label;
    data.push_back(make(t, t.lies[std::size_t(a) % t.lies.size()],
                        is_mask    ? 1
                        : is_label ? t.label_bytes
                                   : size,
                        along, is_output));
  }
  fill<L>(t, data, outputs, d);
  double given[inputs] = {};
  for (int a = 0; a < operands; ++a) {
    const drawn& o = data[std::size_t(a)];
    addresses.push_back(reinterpret_cast<long long>(o.memory.data) + o.first);
    all.push_back({addresses.back(), o.strides.data()});
    if (t.given && a < inputs && !L::args[a].along() && L::args[a].kind != role::label) {
      given[a] = get_number<S>(o.memory.data);
      all.back() = {0, nullptr, true, given[a]};
      addresses.back() = 8;  // nobody goes there
    }
  }
  alignas(8) long long flag = 0;
  all.push_back({reinterpret_cast<long long>(&flag), nullptr});
  addresses.push_back(reinterpret_cast<long long>(&flag));

  row_call call{info, parts, type, int(t.shape.size()), t.shape.data(), t.axis, all.data()};
  call.masked = t.masked;
  call.checked = t.checked;
  call.label_bytes = t.label_bytes;
  call.beforehand = t.beforehand;
  device on;
  on.major = t.capability;
  const plan p = plan_row(call, on);
  for (const unsigned order : {0u, 1u, unsigned(2 + seed % 100)}) {
    // of what takes long, one order
    if (t.shape[std::size_t(t.axis)] > 1000 && std::min(order, 2u) != seed % 3) continue;
    flag = 0;
    for (launch l : p.launches) {
      const auto kernel = kernels.find(l.kernel);
      if (!check(kernel != kernels.end(), "%s is not compiled here", l.kernel.c_str())) return;
      if (order == 1) l.grid[0] = std::min(l.grid[0], 2 * l.cluster);  // so that blocks have several rows
      kernel->second(l, addresses.data(), order, 0);
      ++ran;
    }
    bool any_bad = false;
    each_row(t, [&](std::vector<long long> place) {
      std::vector<std::vector<double>> want;
      bool bad;
      on_the_cpu<L>(t, data, place, parts, t.given ? given : nullptr, &want, &bad);
      any_bad |= bad;
      for (std::size_t k = 0; k < want.size(); ++k)
        for (std::size_t j = 0; j < want[k].size(); ++j) {
          if (!(has_value && k == 0)) place[std::size_t(t.axis)] = (long long)j;
          char* const to = data[std::size_t(inputs) + k].at(place);
          const double got = get_number<S>(to);
          ++compared;
          check(same_bits(got, want[k][j]),
                "%s, order %u, output %zu, element %zu of %lld: %.17g instead of %.17g",
                p.launches[0].kernel.c_str(), order, k, j, t.shape[std::size_t(t.axis)], got, want[k][j]);
          std::memset(to, 0x5a, std::size_t(size));
          place[std::size_t(t.axis)] = 0;
        }
    });
    check((flag != 0) == (any_bad && t.checked), "%s: the flag is %lld", L::name, flag);
  }
}

}  // namespace row_calls
