// Every loss of the registry on plain floats and doubles at one harmless point: what a header-only user gets, compiled with xsimd on the
// include path and, as UFL_NO_XSIMD, without.
#include <cmath>
#include "check.hpp"
#include "ufloss/ufloss.hpp"

using namespace ufloss;

namespace {

#if defined(UFL_NO_XSIMD)
static_assert(!UFL_HAS_XSIMD && lanes<float> == 1 && lanes<double> == 1, "a pack is one scalar");
#else
static_assert(UFL_HAS_XSIMD, "xsimd is on the include path");
#endif

double harmless(const argument& a, bool first) {
  if (a.fallback == a.fallback && a.kind == role::parameter) return a.fallback;
  switch (a.in) {
    case domain::real: return first ? 0.75 : 0.5;
    case domain::optional_unit:
    case domain::unit: return first ? 0.625 : 0.25;
    case domain::label:      // of row losses alone
    case domain::tweedie_target:
    case domain::nonnegative: return 1.25;
    case domain::positive: return 1.5;
    case domain::sign: return -1;
    case domain::truth: return 1;
    case domain::tweedie_power: return 1.5;
  }
  return 0;
}

// not inlined: one function a loss and type, which the compiler finishes sooner than one with all of them
template <class L, class T, std::size_t... I> UFL_NOINLINE jet<T> at(const double* x, std::index_sequence<I...>) { return evaluate<L>(T(x[I])...); }

template <class T, class L> void check_loss() {
  double x[arity<L>];
  for (int a = 0; a < arity<L>; ++a) x[a] = harmless(L::args[a], a == 0);
  constexpr auto all_args = std::make_index_sequence<std::size_t(arity<L>)>{};
  const jet<T> j = at<L, T>(x, all_args);
  const char* type = sizeof(T) == 4 ? "float" : "double";
  const double value = double(j.value), exact = at<L, double>(x, all_args).value, step = 0x1p-10;
  check(std::fabs(value) < 100 && value != 0 && std::fabs(value - exact) <= 1e-5, "%s in %s: value %g, %g in double", L::name, type, value, exact);
  if (L::properties & nonnegative_value) check(value >= 0, "%s in %s: value %g", L::name, type, value);
  if (L::parts & part_grad) {      // no kink lies this close to the point
    x[0] += step;
    const double up = double(at<L, double>(x, all_args).value);
    x[0] -= 2 * step;
    const double down = double(at<L, double>(x, all_args).value);
    check(std::fabs(double(j.grad) - (up - down) / (2 * step)) < 1e-4, "%s in %s: grad %g, differences %g", L::name, type, double(j.grad), (up - down) / (2 * step));
  }
  if (L::parts & part_hess) check(std::fabs(double(j.hess)) < 100, "%s in %s: hess %g", L::name, type, double(j.hess));
  if (L::parts & part_bound) check(double(j.hess_bound) > 0 && double(j.hess_bound) < 100, "%s in %s: hess_bound %g", L::name, type, double(j.hess_bound));
  if (L::parts & part_grad2) check(std::fabs(double(j.grad2)) < 100, "%s in %s: grad2 %g", L::name, type, double(j.grad2));
}
template <class... L> void check_all(loss_list<L...>) { ((check_loss<float, L>(), check_loss<double, L>()), ...); }

/// The loops around them, where a pack may be one scalar: every length, broadcast, backwards, onto an input.
template <class T> void check_map() {
  const T delta = T(0.75);
  T x[70], y[70], value[70];
  for (int n = 0; n <= 70; ++n) {
    for (int i = 0; i < 70; ++i) { x[i] = T(i % 7) / 2 - T(1.5); y[i] = T(i % 5) / 4; value[i] = T(-7); }
    map<huber_loss, part_value | part_grad>(n, strided<const T>{x}, strided<T>{y}, strided<const T>{&delta, 0}, strided<T>{value + (n ? n - 1 : 0), -1}, strided<T>{y});
    for (int i = 0; i < 70; ++i) {
      const jet<T> j = evaluate<huber_loss>(x[i], T(i % 5) / 4, delta);
      check(i < n ? value[n - 1 - i] == j.value && y[i] == j.grad : value[i] == T(-7) && y[i] == T(i % 5) / 4, "map<huber_loss> of %d, at %d", n, i);
    }
  }
}

}  // namespace

int main() {
  check_all(elementwise_losses{});
  check_map<float>();
  check_map<double>();
  return report("scalar_check");
}
