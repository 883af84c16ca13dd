// Functions that formulas compute in double, of several floats: one copy of their code, for one lane after
// another.
//
// Four lanes side by side would hold four times the registers of the longest formulas, where double units set
// the pace anyway.  The lanes are turned round through the first place, since a loop that is not unrolled
// cannot index registers.  To be included before the losses, whose formulas look for these.
#pragma once
#include "ufloss/loss.hpp"
#include "ufloss/vocabulary/several.hpp"

UFL_BEGIN

/// The first lane goes behind the others.
template <class T, int N> UFL_FN void turn(several<T, N>& x, T last) {
  UFL_UNROLL for (int i = 0; i + 1 < N; ++i) x.v[i] = x.v[i + 1];
  x.v[N - 1] = last;
}
template <class T, int N> UFL_FN void turn(several<T, N>& x) { turn(x, x.v[0]); }

template <class F, int N, class... W>
UFL_FN several<float, N> in_double(F f, several<float, N> x, W... rest) {
  several<float, N> r(0.0f);
  UFL_ROLLED
  for (int lane = 0; lane < N; ++lane) {
    turn(r, float(f(double(x.v[0]), double(rest.v[0])...)));
    turn(x);
    (turn(rest), ...);
  }
  return r;
}
template <class F, int N, class... W>
UFL_FN jet<several<float, N>> jet_in_double(F f, several<float, N> x, W... rest) {
  const several<float, N> zero(0.0f);
  jet<several<float, N>> r{zero, zero, zero, zero, zero, zero};
  UFL_ROLLED
  for (int lane = 0; lane < N; ++lane) {
    const jet<double> j = f(double(x.v[0]), double(rest.v[0])...);
    turn(r.value, float(j.value));
    turn(r.grad, float(j.grad));
    turn(r.hess, float(j.hess));
    turn(r.hess_bound, float(j.hess_bound));
    turn(r.grad2, float(j.grad2));
    turn(r.grad3, float(j.grad3));
    turn(x);
    (turn(rest), ...);
  }
  return r;
}

UFL_END
