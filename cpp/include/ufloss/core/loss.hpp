// What a loss is made of: the jet that its one formula returns, and the words that describe its arguments.
#pragma once
#include "describe.hpp"
#include "elementary.hpp"

UFL_BEGIN

/// Value and derivatives with respect to the first input, from one evaluation; what nobody reads costs nothing.
template <class V> struct jet {
  V value, grad{}, hess{};
  V hess_bound{};    ///< positive, >= hess, for boosting
  V grad2{};         ///< derivative with respect to the second input
};
/// Member by member.
template <class M, class V> UFL_FN jet<V> select(M m, jet<V> a, jet<V> b) {
  return {select(m, a.value, b.value), select(m, a.grad, b.grad), select(m, a.hess, b.hess), select(m, a.hess_bound, b.hess_bound), select(m, a.grad2, b.grad2)};
}
/// j where `valid`, NaN elsewhere: parameters outside their domain, and inputs that a constant or a comparison would forget to be NaN.
template <class M, class V> UFL_FN jet<V> only(M valid, jet<V> j) { return select(valid, j, jet<V>{nan<V>(), nan<V>(), nan<V>(), nan<V>(), nan<V>()}); }
/// in_double for a function that returns a jet.
template <class F, class V, class... W> UFL_FN jet<V> jet_in_double(F f, V x, W... rest) {
  if constexpr (is_double<V>) return f(x, rest...);
  else {
    const auto j = f(widen(x), widen(rest)...);
    return {narrow(j.value, x), narrow(j.grad, x), narrow(j.hess, x), narrow(j.hess_bound, x), narrow(j.grad2, x)};
  }
}
/// -1, 0, 1; NaN stays.
template <class V> UFL_FN V sign(V x) { return select(x > V(0), V(1), select(x < V(0), V(-1), x)); }
/// a b < 0, also where the product underflows.
template <class V> UFL_FN mask_t<V> opposed(V a, V b) { return ((a < V(0)) & (b > V(0))) | ((a > V(0)) & (b < V(0))); }
/// a * x, 0 where a = 0 whatever x is (0 times infinity has the limit 0 here).
template <class V> UFL_FN V weigh(V a, V x) { return select((a == V(0)) & (x == x), V(0), a * x); }

constexpr double required = __builtin_nan("");
constexpr argument prediction(const char* name, domain in, const char* doc) { return {name, role::prediction, in, required, doc}; }
constexpr argument target(const char* name, domain in, const char* doc, double fallback = required) { return {name, role::target, in, fallback, doc}; }
constexpr argument parameter(const char* name, domain in, double fallback, const char* doc) { return {name, role::parameter, in, fallback, doc}; }

UFL_END
