// One call of map() and, by macro, the mistakes in it that must not compile.
#include <ufloss/ufloss.hpp>

using namespace ufloss;

void squared_errors(std::ptrdiff_t n, const float* x, const float* y, float* value);
void squared_errors(std::ptrdiff_t n, const float* x, const float* y, float* value) {
// CMakeLists.txt reads each message; without a macro the call is right, and must compile.
#if defined(CONST_OUTPUT)
  map<squared_error, part_value>(n, strided<const float>{x}, strided<const float>{y},
                                 strided<const float>{value});
#elif defined(MIXED_TYPES)
  const double wide = y[0];
  // A double beside floats would be converted at every element, unseen.
  map<squared_error, part_value>(n, strided<const float>{x}, strided<const double>{&wide, 0},
                                 strided<float>{value});
#elif defined(MISSING_OPERAND)
  map<squared_error, part_value>(n, strided<const float>{x}, strided<float>{value});
#else
  map<squared_error, part_value>(n, strided<const float>{x}, strided<const float>{y}, strided<float>{value});
#endif
}
