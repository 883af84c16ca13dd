// One of two translation units that include everything: a definition that is not inline would clash here.
#include <cstdio>
#include <ufloss/ufloss.hpp>

double from_the_other(double x);

int main() {
  const ufloss::jet<double> j = ufloss::evaluate<ufloss::huber_loss>(2.5, 0.0, 1.0);
  const float x[3] = {0.5f, 2.5f, -3.0f}, zero = 0, one = 1;
  float value[3], grad[3];
  ufloss::map<ufloss::huber_loss, ufloss::part_value | ufloss::part_grad>(
      3, ufloss::strided<const float>{x}, ufloss::strided<const float>{&zero, 0},
      ufloss::strided<const float>{&one, 0}, ufloss::strided<float>{value}, ufloss::strided<float>{grad});
  // Small numbers, exact in float: any difference is a mistake.
  const bool right = j.value == 2.0 && j.grad == 1.0 && j.hess == 0.0 && from_the_other(2.5) == 2.0 &&
                     value[0] == 0.125f && value[1] == 2.0f && value[2] == 2.5f && grad[2] == -1.0f;
  std::printf("%g %g %g\n", j.value, j.grad, double(value[2]));
  return right ? 0 : 1;
}
