// Every loss of the registry against its own automatic derivatives: no finite differences, no reference data.
#include <random>
#include "check.hpp"
#include "dual.hpp"
#include "ufloss/ufloss.hpp"

using namespace ufloss;

namespace {

// Per loss: enough for every branch that is drawn one time in a hundred, in seconds.
constexpr int points = 100000;

/// Points of a domain: its middle, its ends, and all magnitudes.
struct draws {
  std::mt19937_64 engine{20240607};
  double uniform(double lo, double hi) { return lo + (hi - lo) * (double(engine() >> 11) * 0x1p-53); }
  double normal() {
    double s = 0;
    for (int i = 0; i < 12; ++i) s += uniform(0, 1);
    return s - 6;
  }  // near enough, and the same everywhere
  double from(domain in) {
    const double which = uniform(0, 1);
    switch (in) {
      // exp(5) = 148 is far enough for the tails of exp(-2|r|), which begin at -160.
      case domain::real:
        return which < 0.6   ? 3 * normal()
               : which < 0.8 ? uniform(-40, 40)
                             : (which < 0.9 ? 1 : -1) * std::exp(uniform(-12, 5));
      case domain::unit:
        return which < 0.25 ? 0 : which < 0.5 ? 1 : which < 0.9 ? uniform(0, 1) : std::exp(uniform(-20, 0));
      case domain::optional_unit: return which < 0.3 ? -1 : which < 0.5 ? 1 : uniform(0, 1);
      case domain::label:  // row losses are not drawn here
      case domain::tweedie_target:
      case domain::nonnegative: return which < 0.15 ? 0 : std::exp(2 * normal());
      case domain::positive: return std::exp(2 * normal());
      case domain::sign: return which < 0.5 ? -1 : 1;
      case domain::truth: return which < 0.4 ? 0 : which < 0.9 ? 1 : -2;
      case domain::tweedie_power:
        return which < 0.3    ? std::floor(which * 10)
               : which < 0.7  ? uniform(1, 2)
               : which < 0.85 ? uniform(2, 4)
                              : uniform(-2, 0);
    }
    return 0;
  }
};

/// sharp: compared to 6 digits or more, by the tolerance.  left_out: beside a kink, or not finite.
struct tally {
  int compared = 0, sharp = 0, left_out = 0, wrong = 0;
  void compare(const char* loss, const char* what, double got, tracked want, tracked own, const double* at,
               int nargs) {
    // Both bounds count every rounding once, in units of 2^-53; 16 allows for functions of several ulp.
    // 1e-290 stands for what is subnormal on the way.
    const real tolerance = 16 * 0x1p-53L * (want.e + own.e) + 1e-290L;
    if (!(std::fabs(want.v) < 1e300L) || !(tolerance < 1e300L)) {
      ++left_out;
      return;
    }
    ++compared;
    sharp += tolerance <= 1e-6L * std::fabs(want.v) + 1e-290L;
    if (std::fabs(got - want.v) <= tolerance) return;
    if (++wrong > 3) return;
    std::printf("  %s %s: %.17g, by differentiation %.17Lg (tolerance %.3Lg) at", loss, what, got, want.v,
                tolerance);
    for (int a = 0; a < nargs; ++a) std::printf(" %.17g", at[a]);
    std::printf("\n");
  }
};

/// The formula itself, at doubles.
template <class L, std::size_t... I> jet<double> at(const double* x, std::index_sequence<I...>) {
  return evaluate<L>(x[I]...);
}
/// The same text at duals, seeded in one argument: its value carries the derivatives that the text claims.
template <class L, std::size_t... I>
jet<dual> differentiate(const double* x, std::size_t seed, std::index_sequence<I...>) {
  return L::template eval<dual>((I == seed ? dual::seeded(x[I]) : dual(x[I]))...);
}

/// How many comparisons of this loss came out wrong, or left too little to compare.
template <class L> int mistakes() {
  constexpr auto all_args = std::make_index_sequence<std::size_t(arity<L>)>{};
  draws random;
  tally t;
  for (int k = 0; k < points; ++k) {
    double x[arity<L>];
    for (int a = 0; a < arity<L>; ++a) {
      const argument& arg = L::args[a];
      x[a] = arg.fallback == arg.fallback && random.uniform(0, 1) < 0.3 ? arg.fallback : random.from(arg.in);
    }
    const jet<double> j = at<L>(x, all_args);
    near_kink = false;
    const jet<dual> d = differentiate<L>(x, 0, all_args);
    if (near_kink) ++t.left_out;
    else {
      t.compare(L::name, "value", j.value, d.value.v, {}, x, arity<L>);
      if (L::parts & part_grad) t.compare(L::name, "grad", j.grad, d.value.d1, d.grad.v, x, arity<L>);
      if (L::parts & part_hess) t.compare(L::name, "hess", j.hess, d.value.d2, d.hess.v, x, arity<L>);
    }
    // No tolerance of the bound's own: 1e-14 is the rounding of both.
    if ((L::parts & part_bound) && !(j.hess_bound >= 0 && j.hess_bound >= j.hess * (1 - 1e-14)) &&
        ++t.wrong <= 3)
      std::printf("  %s hess_bound %.17g below hess %.17g at %.17g %.17g\n", L::name, j.hess_bound, j.hess,
                  x[0], x[arity<L> > 1 ? 1 : 0]);
    if constexpr ((L::parts & part_grad2) != 0) {
      near_kink = false;
      const jet<dual> d2 = differentiate<L>(x, 1, all_args);
      if (near_kink) ++t.left_out;
      else t.compare(L::name, "grad2", j.grad2, d2.value.d1, d2.grad2.v, x, arity<L>);
    }
  }
  // a test that compares nothing, or with no digits, passes everything
  const int expected = points * (1 + ((L::parts & part_grad) != 0) + ((L::parts & part_hess) != 0) +
                                 ((L::parts & part_grad2) != 0));
  // Seven in ten comparisons made, and of those 85 of a hundred sharp: every loss is above that, and one
  // whose points are mostly left out is not.
  const bool enough = t.compared > 0.7 * expected && t.sharp > 0.85 * t.compared;
  std::printf("%-30s %7d compared, %6.2f %% with 6 digits or more, %5d points left out, %d wrong%s\n",
              L::name, t.compared, 100.0 * t.sharp / (t.compared ? t.compared : 1), t.left_out, t.wrong,
              enough ? "" : ": TOO LITTLE COMPARED");
  return t.wrong + !enough;
}

template <class... L> void check_all(loss_list<L...>) { (check(mistakes<L>() == 0, "%s", L::name), ...); }

// The check itself is checked: each of these has one wrong derivative, off by 1 part in 1000 or in one branch
// only.
template <int Which> struct planted {
  static constexpr auto name = "(planted mistake)";
  static constexpr argument args[] = {prediction("x", domain::real, ""), target("y", domain::real, "")};
  static constexpr unsigned parts = standard_parts | part_grad2 | part_bound;
  template <class V> static UFL_FN jet<V> eval(V x, V y) {
    const V r = x - y, p = sigmoid(r), q = sigmoid(neg(r)), h = p * q;
    const V wrong_grad = Which == 1 ? V(1.001) : V(1),
            wrong_hess = Which == 2 ? select(r > V(1), V(1.001), V(1)) : V(1),
            wrong_grad2 = Which == 3 ? V(1) : V(-1);
    return {softplus(r), p * wrong_grad, h * wrong_hess, Which == 4 ? V(0.2) : V(0.25), p * wrong_grad2};
  }
};

}  // namespace

int main() {
  check_all(elementwise_losses{});
  // A mistake must show at many points, or the check is blind to it.
  std::printf("now five that must differ, except for the first:\n");
  check(mistakes<planted<0>>() == 0, "a correct loss does not pass");
  check(mistakes<planted<1>>() > 1000, "a wrong gradient passes");
  check(mistakes<planted<2>>() > 1000, "a wrong second derivative in one branch passes");
  check(mistakes<planted<3>>() > 1000, "a wrong gradient of the second input passes");
  check(mistakes<planted<4>>() > 1000, "a bound that is none passes");
  return report("dual_check");
}
