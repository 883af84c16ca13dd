// The functions of the losses that one formula gives more exactly than a chain of others.
#pragma once
#include "ufloss/vocabulary/log.hpp"

UFL_BEGIN

/// log(1 + exp(-|x|)), the bent part of softplus.  1.62 / 1.51 ulp.
template <class V> UFL_FN V softplus_tail(V x) { return log1p_unit(exp_nonpositive(neg(abs(x)))); }
/// log(1 + exp(x)).  1.80 / 1.88 ulp.
template <class V> UFL_FN V softplus(V x) { return max(x, V(0)) + softplus_tail(x); }
/// The smaller and the larger of sigmoid(x) and sigmoid(-x), of e = exp(-|x|) as a tail: the smaller one
/// before it is rescaled.  With t = e/(1+e) they are e (1 - t), where the rounding of 1 + e counts only
/// t-fold, and 1 - t.
template <class V> struct sigmoid_pair {
  V small, large;
  /// sigmoid(x) sigmoid(-x), before it is rescaled.
  template <class Tail> UFL_FN V product(Tail e) const {
    return fma(neg(small), beside_one(e, small), small);
  }
};
template <class V, template <class> class Tail> UFL_FN sigmoid_pair<V> sigmoids(Tail<V> e) {
  const V t = beside_one(e, e.big / (V(1) + beside_one(e, e.big)));
  return {fma(neg(e.big), t, e.big), V(1) - t};
}
/// 1 / (1 + exp(-x)).  1.56 / 1.50 ulp.  t is the smaller of sigmoid(x) and sigmoid(-x); the answer is 1 - t
/// or e (1 - t), where the rounding of 1 + e counts only t-fold.
template <class V> UFL_FN V sigmoid(V x) {
  const V e = exp_nonpositive(neg(abs(x))), t = e / (V(1) + e), base = select(x < V(0), e, V(1));
  return fma(neg(base), t, base);
}
/// tanh(x).  1.42 / 1.38 ulp.
template <class V> UFL_FN V tanh(V x) {
  const V a = abs(x), y = a * a, e = exp_nonpositive(V(-2) * a), t = e / (V(1) + e);
  const V near = fma(a, y * poly<coef::tanh<scalar_t<V>>>(y), a), far = fma(V(-2), t, V(1));
  return copysign(select(a < V(0.625), near, far), x);
}
/// log(cosh(x)).  1.61 / 1.49 ulp.
template <class V> UFL_FN V logcosh(V x) {
  const V a = abs(x), y = a * a, e = exp_nonpositive(V(-2) * a);
  const V near = fma(y * y, poly<coef::logcosh<scalar_t<V>>>(y), V(0.5) * y);
  const V l = fma(e * e, poly<coef::logcosh_far<scalar_t<V>>>(e), e);
  return select(a < V(1), near, (a - V(exp_of<V>::ln2_hi)) + (l - V(exp_of<V>::ln2_lo)));
}

UFL_END
