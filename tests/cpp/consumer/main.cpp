// A native user of the headers.
#include <cmath>
#include <cstdio>
#include <ufloss/ufloss.hpp>

int main() {
  const auto j = ufloss::evaluate<ufloss::huber_loss>(2.5, 0.0, 1.0);
  const auto b = ufloss::evaluate<ufloss::log_cosh>(1.0f, 0.0f);
  std::printf("ufloss, lanes of float: %d; huber_loss(2.5) = %g\n", ufloss::lanes<float>, j.value);
  // 0.43378...: log(cosh(1)), to float's digits.
  return j.value == 2.0 && j.grad == 1.0 && std::fabs(double(b.value) - 0.43378083049302) < 1e-7 ? 0 : 1;
}
