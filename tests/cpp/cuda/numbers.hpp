// Operands for the tests of kernels: numbers of a loss's domain and its limits, in any stored type.
#pragma once
#include <cmath>
#include <cstring>
#include <limits>
#include "dice.hpp"
#include "ufloss/describe.hpp"
#include "ufloss/vocabulary/half.hpp"

/// Stores x as S.
template <class S> void put_number(char* to, double x) {
  const S s = ufloss::storage<S>::put(typename ufloss::storage<S>::compute(x));
  std::memcpy(to, &s, sizeof s);
}
template <> inline void put_number<ufloss::bfloat16>(char* to, double x) {
  const ufloss::bfloat16 s = ufloss::to_bfloat16(float(x));
  std::memcpy(to, &s, sizeof s);
}
template <> inline void put_number<ufloss::half>(char* to, double x) {
  const ufloss::half s = ufloss::to_half(float(x));
  std::memcpy(to, &s, sizeof s);
}
template <class S> double get_number(const char* from) {
  S s;
  std::memcpy(&s, from, sizeof s);
  return double(ufloss::storage<S>::get(s));
}

/// Mostly of the domain and of usual size; sometimes a limit, subnormal, or outside.
inline double draw_number(dice& d, ufloss::domain in) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double special[] = {0.0,    -0.0,  1.0,      -1.0,      0.5,
                                2.0,    1e-3,  1e-40,    -1e-40,    1e-310,
                                1e30,   -1e30, 1e300,    65504.0,   88.0,
                                -104.0, 709.0, infinity, -infinity, std::numeric_limits<double>::quiet_NaN()};
  if (d.chance(15)) return special[d.below(sizeof special / sizeof *special)];
  const double unit = d.unit();
  const double wide = (unit - 0.5) * std::ldexp(1.0, int(d.below(12)) - 4);
  switch (in) {
    case ufloss::domain::unit:
    case ufloss::domain::optional_unit: return d.chance(20) ? unit * 1e-6 : unit;
    case ufloss::domain::sign: return unit < 0.5 ? -1 : 1;
    case ufloss::domain::truth: return unit < 0.5;
    case ufloss::domain::nonnegative:
    case ufloss::domain::tweedie_target:
    case ufloss::domain::positive: return std::fabs(wide);
    case ufloss::domain::tweedie_power: return d.chance(50) ? 1 + unit : 3 * unit;
    default: return wide;
  }
}
