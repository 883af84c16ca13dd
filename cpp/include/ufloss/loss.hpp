// What a loss is made of: the jet that its one formula returns, and the words that describe its arguments.
#pragma once
#include "ufloss/describe.hpp"
#include "ufloss/vocabulary/elementary.hpp"

UFL_BEGIN

/// Value and derivatives with respect to the first input, from one evaluation; what nobody reads costs
/// nothing.
template <class V> struct jet {
  V value, grad{}, hess{};
  V hess_bound{};  ///< >= hess, for boosting; evaluate() makes it positive
  V grad2{};       ///< derivative with respect to the second input
  V grad3{};       ///< and to the third
};
/// Member by member.
template <class M, class V> UFL_FN jet<V> select(M m, jet<V> a, jet<V> b) {
  return {select(m, a.value, b.value),           select(m, a.grad, b.grad),   select(m, a.hess, b.hess),
          select(m, a.hess_bound, b.hess_bound), select(m, a.grad2, b.grad2), select(m, a.grad3, b.grad3)};
}
/// j where `valid`, NaN elsewhere: arguments outside their domain, and inputs that a constant or a comparison
/// would forget to be NaN.
template <class M, class V> UFL_FN jet<V> only(M valid, jet<V> j) {
  return select(valid, j, jet<V>{nan<V>(), nan<V>(), nan<V>(), nan<V>(), nan<V>(), nan<V>()});
}
/// in_double for a function that returns a jet.
template <class F, class V, class... W> UFL_FN jet<V> jet_in_double(F f, V x, W... rest) {
  if constexpr (is_double<V>) return f(x, rest...);
  else {
    const auto j = f(widen(x), widen(rest)...);
    return {narrow(j.value, x),      narrow(j.grad, x),  narrow(j.hess, x),
            narrow(j.hess_bound, x), narrow(j.grad2, x), narrow(j.grad3, x)};
  }
}
/// -1, 0, 1; NaN stays.
template <class V> UFL_FN V sign(V x) { return select(x > V(0), V(1), select(x < V(0), V(-1), x)); }
/// a b < 0, also where the product underflows.
template <class V> UFL_FN mask_t<V> opposed(V a, V b) {
  return ((a < V(0)) & (b > V(0))) | ((a > V(0)) & (b < V(0)));
}
/// (x - y)/2, also where x - y overflows.
template <class V> UFL_FN V half_difference(V x, V y) { return V(0.5) * x - V(0.5) * y; }
/// a * x, 0 where a = 0 whatever x is (0 times infinity has the limit 0 here).
template <class V> UFL_FN V times_or_zero(V a, V x) { return select((a == V(0)) & (x == x), V(0), a * x); }

/// Is an argument's domain one that values can lie outside of?  A soft label may be any number, since the
/// formulas are linear in it.
UFL_FN constexpr bool is_restricted(argument a) {
  return a.in == domain::unit ? a.kind != role::target
                              : a.in == domain::optional_unit || a.in == domain::nonnegative ||
                                    a.in == domain::positive || a.in == domain::tweedie_power;
}
/// The ends of a domain belong to it, also where it is open: the losses have limits there.
template <domain In, class V> UFL_FN mask_t<V> inside(V x) {
  if constexpr (In == domain::unit) return (x >= V(0)) & (x <= V(1));
  else if constexpr (In == domain::optional_unit) return x <= V(1);
  else if constexpr (In == domain::tweedie_power) return ((x <= V(0)) | (x >= V(1))) & (abs(x) < inf<V>());
  else return x >= V(0);
}
/// The same of a domain that is known at run time; all others hold every number but NaN.
UFL_FN bool inside(domain in, double x) {
  switch (in) {
    case domain::unit: return inside<domain::unit>(x);
    case domain::optional_unit: return inside<domain::optional_unit>(x);
    case domain::tweedie_power: return inside<domain::tweedie_power>(x);
    case domain::nonnegative:
    case domain::positive: return inside<domain::nonnegative>(x);
    default: return x == x;
  }
}
/// x, or NaN where one of the arguments is outside its domain.
template <class L, int I = 0, class V, class... W> UFL_FN V checked_first(V first, V x, W... rest) {
  if constexpr (is_restricted(L::args[I])) first = select(inside<L::args[I].in>(x), first, nan<V>());
  if constexpr (sizeof...(W) > 0) return checked_first<L, I + 1>(first, rest...);
  else return first;
}
/// A bound of the second derivative is divided by: where it underflows, the smallest normal number stands for
/// it.  NaN stays.
template <class V> UFL_FN V positive_bound(V bound) { return max(bound, V(format_of<V>::smallest_normal)); }
/// The jet of a loss at one point: its formula inside the domain, NaN outside.  Formulas carry a NaN in their
/// first argument through to every part; a jet chosen between two would keep the compiler from dropping the
/// parts that a loop does not store, at many times the cost.
template <class L, class V, class... W> UFL_FN jet<V> evaluate(V x, W... rest) {
  jet<V> j = L::template eval<V>(checked_first<L>(x, x, rest...), rest...);
  j.hess_bound = positive_bound(j.hess_bound);
  return j;
}

/// a/b^2 for a >= 0, b > 0, also where a/b is subnormal and the result need not be.
template <class V> UFL_FN V over_square(V a, V b) {
  const V quotient = a / b;
  V result = quotient / b;
  const mask_t<V> tiny = (quotient < V(pick<V>(0x1p-100, 0x1p-960))) & (a > V(0));
  if (UFL_UNLIKELY(!all(!tiny))) {
    const V up = V(pick<V>(0x1p30, 0x1p60));
    result = select(tiny, (((a * up) / b) / b) * (V(1) / up), result);
  }
  return result;
}

/// The kind that the loss's base names; elementwise losses have none.
template <class L> UFL_FN constexpr auto kind_in(int) -> decltype(L::kind) { return L::kind; }
template <class L> UFL_FN constexpr loss_kind kind_in(...) { return loss_kind::elementwise; }
template <class L> constexpr loss_kind kind_of = kind_in<L>(0);

/// How many arguments a loss has.
template <class L> constexpr int arity = int(sizeof(L::args) / sizeof(L::args[0]));
/// The parts that the standard output of that number gives of this loss.
template <class L> UFL_FN constexpr unsigned parts_of(int output) {
  const unsigned parts = standard_outputs[output].parts;
  return parts & part_grad2 ? parts | (L::parts & part_grad3) : parts;
}
/// How many outputs these parts are.
UFL_FN constexpr int count_parts(unsigned parts) {
  int n = 0;
  for (; parts; parts &= parts - 1) ++n;
  return n;
}
/// The default value of an argument that has none.
constexpr double required = UFL_NAN;
UFL_FN constexpr argument prediction(const char* name, domain in, const char* doc) {
  return {name, role::prediction, in, required, doc};
}
UFL_FN constexpr argument target(const char* name, domain in, const char* doc, double fallback = required) {
  return {name, role::target, in, fallback, doc};
}
UFL_FN constexpr argument parameter(const char* name, domain in, double fallback, const char* doc) {
  return {name, role::parameter, in, fallback, doc};
}

UFL_END
