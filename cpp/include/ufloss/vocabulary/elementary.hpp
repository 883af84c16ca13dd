// exp, log and the fused functions of the losses, written once for scalars, packs and CUDA threads.
//
// - One text for every value type.  With fused multiply-add the results are the same bits on every
//   instruction set; without it (x86-64-v2) multiply and add, and the bounds grow by at most 0.3 ulp.
// - Subnormal results are rounded once: the result is formed at a scale where it is normal, and the last
//   operation scales it.
// - No conversions between integers and floating point: a number added to 1.5 * 2^mantissa leaves its
//   integer in the low bits.
// - NaN in, NaN out; infinities and signed zeros give exact limits.
//
// Bounds at the functions are the largest error in ulp over all 2^32 floats / over 300 000 doubles a function
// against quad precision, with fma.
#pragma once
#include "ufloss/vocabulary/fused.hpp"
