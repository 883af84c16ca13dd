// Sums and means of losses: near sums in long double, for random shapes, orders of axes, gaps, types, weights
// and masks, with every operand in memory of its exact size; a gradient that is asked for beside them.
#include "ufloss/reduce/reduce.hpp"
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>
#include "check.hpp"
#include "ufloss/kinds/elementwise/kind.hpp"
#include "ufloss/kinds/lattice/kind.hpp"
#include "ufloss/kinds/list/kind.hpp"
#include "ufloss/kinds/pairs/kind.hpp"
#include "ufloss/kinds/row/kind.hpp"
#include "ufloss/ufloss.hpp"

using namespace ufloss;

namespace {

std::mt19937_64 engine{7};
std::ptrdiff_t below(std::ptrdiff_t n) { return std::ptrdiff_t(engine() % std::uint64_t(n)); }
bool chance(double p) { return std::uniform_real_distribution<double>()(engine) < p; }
double normal() { return std::normal_distribution<double>()(engine); }

constexpr int most_axes = 3;
using real = long double;

/// Numbers over axes, from the outermost in memory to the innermost in an order of their own, some a few
/// bytes further apart than they need be.  A core dimension is one axis more.
template <class X> struct array {
  std::unique_ptr<char[]> memory;
  std::ptrdiff_t steps[most_axes + 1] = {}, bytes = 0;
  char* first = nullptr;
  bool aligned = true;
  array(int axes, const std::ptrdiff_t* shape, bool may_lie_anywhere) {
    aligned = !may_lie_anywhere || chance(0.7);
    std::vector<int> order(std::size_t(axes), 0);
    for (int i = 0; i < axes; ++i) order[std::size_t(i)] = i;
    if (chance(0.5)) std::shuffle(order.begin(), order.end(), engine);
    std::ptrdiff_t step = sizeof(X);
    for (int i = axes - 1; i >= 0; --i) {
      const int axis = order[std::size_t(i)];
      if (chance(0.2)) step += sizeof(X);  // a gap
      steps[axis] = step;
      step *= shape[axis];
    }
    bytes = sizeof(X);
    for (int i = 0; i < axes; ++i) bytes += (shape[i] - 1) * steps[i];
    const std::ptrdiff_t off = aligned ? 0 : 1;
    memory.reset(new char[std::size_t(bytes + off)]);
    first = memory.get() + off;
  }
  X get(const char* at) const {
    X x;
    __builtin_memcpy(&x, at, sizeof x);
    return x;
  }
  void put(char* at, X x) { __builtin_memcpy(at, &x, sizeof x); }
  char* place(const std::ptrdiff_t* index, int axes) const {
    char* p = first;
    for (int i = 0; i < axes; ++i) p += index[i] * steps[i];
    return p;
  }
  reduce_operand operand(number_type type, int axes, bool along) {
    reduce_operand x;
    x.data = first;
    x.type = type;
    x.aligned = aligned;
    x.along = along;
    x.core = along ? steps[axes] : 0;
    x.steps = steps;
    return x;
  }
};

/// Shape, which axes are added up, and a walk over all elements.
struct problem {
  int axes = 1 + int(below(most_axes));
  std::ptrdiff_t shape[most_axes + 1], width;
  bool reduced[most_axes];
  problem() {
    static constexpr std::ptrdiff_t sizes[] = {1, 2, 3, 5, 16, 33, 70, 600};
    std::ptrdiff_t all = 1;
    for (int i = 0; i < axes; ++i) {
      do shape[i] = sizes[below(8)];
      while (all * shape[i] > 6000);
      all *= shape[i];
      reduced[i] = chance(0.6);
    }
    width = shape[axes] = 1 + below(40);
  }
  template <class F> void each(F f) const {
    std::ptrdiff_t index[most_axes] = {};
    for (;;) {
      f(index);
      int i = axes - 1;
      while (i >= 0 && ++index[i] == shape[i]) index[i--] = 0;
      if (i < 0) return;
    }
  }
  std::size_t results() const {
    std::ptrdiff_t n = 1;
    for (int i = 0; i < axes; ++i) n *= reduced[i] ? 1 : shape[i];
    return std::size_t(n);
  }
  std::size_t result_of(const std::ptrdiff_t* index) const {
    std::ptrdiff_t at = 0;
    for (int i = 0; i < axes; ++i)
      if (!reduced[i]) at = at * shape[i] + index[i];
    return std::size_t(at);
  }
};

template <class S> constexpr number_type stored_as = number_type::float64;
template <> constexpr number_type stored_as<half> = number_type::float16;
template <> constexpr number_type stored_as<float> = number_type::float32;
template <class S> constexpr loop_type loop_for = float64_loop;
template <> constexpr loop_type loop_for<half> = float16_loop;
template <> constexpr loop_type loop_for<float> = float32_loop;
template <class S> S to_stored(double x) { return storage<S>::put(typename storage<S>::compute(x)); }
template <class S> double number(S x) { return double(storage<S>::get(x)); }
/// Of a result of some terms, each rounded to S.
template <class S> double tolerance() {
  return std::is_same_v<S, half> ? 2e-3 : std::is_same_v<S, float> ? 2e-6 : 1e-13;
}
/// A step between numbers near 0, to which what is smaller is rounded.
template <class S> double smallest() { return std::is_same_v<S, half> ? 0x1p-24 : 0; }

/// Fills loops[] by type: output I of L.
template <class L, int I, bool Masked> void set_loops(strided_loop** loops) {
  using kind = kind_traits<kind_of<L>>;
  loops[float16_loop] = kind::template loop<L, I, Masked, half, half>;
  loops[float32_loop] = kind::template loop<L, I, Masked, float, float>;
  loops[float64_loop] = kind::template loop<L, I, Masked, double, double>;
  if constexpr (kind::widens_half)
    loops[float16_to_float32_loop] = kind::template loop<L, I, Masked, half, float>;
}
constexpr int value_output = 0, value_and_grad_output = 2;
static_assert(standard_outputs[value_and_grad_output].parts == (part_value | part_grad),
              "as in describe.hpp");

/// One random reduction; a loss of S whose jet in long double is textbook(index, slope).
template <class S> struct asked {
  problem p;
  context caller;
  reduction r;
  std::vector<double> total, weight;
  std::vector<S> result;
  array<float> weights{p.axes, p.shape, true};
  array<char> mask;
  array<S> grad;
  bool is_row, has_weights = chance(0.5), has_mask = chance(0.4), has_grad = chance(0.5);

  explicit asked(bool row)
      : total(p.results()),
        weight(p.results()),
        result(p.results()),
        mask(p.axes + row, p.shape, false),
        grad(p.axes + row, p.shape, false),
        is_row(row) {
    r.axes = p.axes;
    r.shape = p.shape;
    r.reduced = p.reduced;
    r.rows = row;
    r.width = row ? p.width : 1;
    r.type = loop_for<S>;
    r.caller = &caller;
    r.mean = chance(0.5);
    r.total = total.data();
    r.weight = weight.data();
    r.result = result.data();
    p.each([&](const std::ptrdiff_t* i) {
      weights.put(weights.place(i, p.axes), chance(0.2) ? 0.0f : float(1 + below(4)) / 2);
      each_in_row([&](std::ptrdiff_t j) { mask.put(mask.place(i, p.axes) + j * core(mask), chance(0.8)); });
    });
    if (has_weights) r.weights = weights.operand(number_type::float32, p.axes, false);
    if (has_mask) r.mask = mask.operand(number_type::boolean, p.axes, row);
    if (has_grad) r.grad = grad.operand(stored_as<S>, p.axes, row);
  }
  template <class F> void each_in_row(F f) const {
    for (std::ptrdiff_t j = 0; j < (is_row ? p.width : 1); ++j) f(j);
  }
  template <class X> std::ptrdiff_t core(const array<X>& a) const { return is_row ? a.steps[p.axes] : 0; }
  bool keeps(const std::ptrdiff_t* i, std::ptrdiff_t j) const {
    return !has_mask || mask.get(mask.place(i, p.axes) + j * core(mask)) != 0;
  }
  /// 0 where nothing of a row, or not the element, takes part.
  double weight_of(const std::ptrdiff_t* i) const {
    bool counts = false;
    each_in_row([&](std::ptrdiff_t j) { counts = counts || keeps(i, j); });
    if (!counts) return 0;
    return has_weights ? double(weights.get(weights.place(i, p.axes))) : 1.0;
  }
  template <class Textbook> void compare(const char* name, Textbook textbook) {
    if (!check(reduce(r), "%s: refused", name)) return;
    std::vector<real> sum(total.size()), by(total.size()), size(total.size());
    std::vector<real> slope(std::size_t(p.width));
    p.each([&](const std::ptrdiff_t* i) {
      const std::size_t k = p.result_of(i);
      const double w = weight_of(i);
      if (w == 0) return;
      const real loss = textbook(i, slope.data());
      sum[k] += loss * w;
      size[k] += std::fabs(loss * w);
      by[k] += w;
    });
    for (std::size_t k = 0; k < total.size(); ++k) {
      const real wanted = r.mean ? sum[k] / by[k] : sum[k];
      const real scale = r.mean ? size[k] / by[k] : size[k];
      const bool both_nan = wanted != wanted && total[k] != total[k];
      check(both_nan || std::fabs(total[k] - wanted) <= tolerance<S>() * (scale + 1e-3L), "%s: %g, not %g",
            name, total[k], double(wanted));
      check(weight[k] == double(by[k]), "%s: weights of %g, not %g", name, weight[k], double(by[k]));
    }
    if (!has_grad) return;
    p.each([&](const std::ptrdiff_t* i) {
      const double w = weight_of(i);
      if (w != 0) textbook(i, slope.data());
      const real factor = w == 0 ? 0 : r.mean ? w / by[p.result_of(i)] : w;
      each_in_row([&](std::ptrdiff_t j) {
        const real wanted = w == 0 || !keeps(i, j) ? 0 : slope[std::size_t(j)] * factor;
        const double found = number(grad.get(grad.place(i, p.axes) + j * core(grad)));
        const real bound = 4 * tolerance<S>() * (std::fabs(wanted) + 1e-2L * factor) + smallest<S>();
        check(std::fabs(found - wanted) <= bound, "%s: slope %g, not %g", name, found, double(wanted));
      });
    });
  }
};

template <class S> void elements() {
  asked<S> a(false);
  const problem& p = a.p;
  array<S> x(p.axes, p.shape, true), y(p.axes, p.shape, true);
  p.each([&](const std::ptrdiff_t* i) {
    x.put(x.place(i, p.axes), to_stored<S>(normal()));
    y.put(y.place(i, p.axes), to_stored<S>(normal()));
  });
  double delta = 0.5;
  std::ptrdiff_t nowhere[most_axes] = {};
  a.r.inputs = 3;
  a.r.in[0] = x.operand(stored_as<S>, p.axes, false);
  a.r.in[1] = y.operand(stored_as<S>, p.axes, false);
  a.r.in[2].data = reinterpret_cast<char*>(&delta);
  a.r.in[2].steps = nowhere;
  set_loops<huber_loss, value_output, false>(a.r.values);
  if (a.has_grad) set_loops<huber_loss, value_and_grad_output, false>(a.r.loops);
  else set_loops<huber_loss, value_output, false>(a.r.loops);
  a.compare("huber_loss", [&](const std::ptrdiff_t* i, real* slope) -> real {
    const real d = real(number(x.get(x.place(i, p.axes)))) - number(y.get(y.place(i, p.axes)));
    const real size = std::fabs(d);
    slope[0] = size <= delta ? d : d < 0 ? -delta : delta;
    return size <= delta ? d * d / 2 : delta * (size - real(delta) / 2);
  });
}

template <class S> void rows_of_classes() {
  using L = softmax_cross_entropy_with_integer_labels;
  asked<S> a(true);
  const problem& p = a.p;
  array<S> x(p.axes + 1, p.shape, true);
  array<long long> label(p.axes, p.shape, false);
  const auto logit = [&](const std::ptrdiff_t* i, std::ptrdiff_t j) {
    return x.place(i, p.axes) + j * x.steps[p.axes];
  };
  p.each([&](const std::ptrdiff_t* i) {
    for (std::ptrdiff_t j = 0; j < p.width; ++j) x.put(logit(i, j), to_stored<S>(3 * normal()));
    // what weighs nothing may have a label that is none; else its class takes part
    long long l = a.weight_of(i) == 0 ? -100 : below(p.width);
    while (l >= 0 && !a.keeps(i, l)) l = (l + 1) % p.width;
    label.put(label.place(i, p.axes), l);
  });
  double smoothing = 0;
  std::ptrdiff_t nowhere[most_axes] = {};
  a.r.inputs = 3;
  a.r.in[0] = x.operand(stored_as<S>, p.axes, true);
  a.r.in[1] = label.operand(number_type::int64, p.axes, false);
  a.r.in[1].is_label = true;
  a.r.in[2].data = reinterpret_cast<char*>(&smoothing);
  a.r.in[2].steps = nowhere;
  const auto set = [&](auto masked) {
    constexpr bool m = decltype(masked)::value;
    set_loops<L, value_output, m>(a.r.values);
    if (a.has_grad) set_loops<L, value_and_grad_output, m>(a.r.loops);
    else set_loops<L, value_output, m>(a.r.loops);
  };
  if (a.has_mask) set(std::true_type{});
  else set(std::false_type{});
  a.compare("cross-entropy", [&](const std::ptrdiff_t* i, real* slope) -> real {
    const long long l = label.get(label.place(i, p.axes));
    real most = -1e300L, sum = 0;
    for (std::ptrdiff_t j = 0; j < p.width; ++j)
      if (a.keeps(i, j)) most = std::fmax(most, real(number(x.get(logit(i, j)))));
    for (std::ptrdiff_t j = 0; j < p.width; ++j) {
      slope[j] = a.keeps(i, j) ? std::exp(number(x.get(logit(i, j))) - most) : 0;
      sum += slope[j];
    }
    for (std::ptrdiff_t j = 0; j < p.width; ++j) slope[j] = slope[j] / sum - (j == l);
    return most + std::log(sum) - number(x.get(logit(i, l)));
  });
}

}  // namespace

int run_tests(int, char**);
int run_tests(int, char**) {
  for (int k = 0; k < 150; ++k) {
    elements<half>();
    elements<float>();
    elements<double>();
    rows_of_classes<half>();
    rows_of_classes<float>();
    rows_of_classes<double>();
  }
  return report("reduce_test");
}
