// Squares of numbers turned over: as many packs as one has lanes; lane i of pack k becomes lane k of pack i.
#pragma once
#include "ufloss/vocabulary/pack.hpp"

UFL_BEGIN

UFL_FN void transpose(float*) {}  // of one lane
UFL_FN void transpose(double*) {}

#if UFL_HAS_XSIMD
#if UFL_AVX512F
// Written here, since xsimd turns squares of 512 bits over in memory, number by number.

/// A register is four quarters: quarter i of register k becomes quarter k of register i.
UFL_FN void transpose_quarters(__m512d& a, __m512d& b, __m512d& c, __m512d& d) {
  // Quarters 0 and 2, or 1 and 3, of either operand.
  constexpr int even = 0x88, odd = 0xdd;
  const __m512d ab_even = _mm512_shuffle_f64x2(a, b, even), ab_odd = _mm512_shuffle_f64x2(a, b, odd);
  const __m512d cd_even = _mm512_shuffle_f64x2(c, d, even), cd_odd = _mm512_shuffle_f64x2(c, d, odd);
  a = _mm512_shuffle_f64x2(ab_even, cd_even, even);
  b = _mm512_shuffle_f64x2(ab_odd, cd_odd, even);
  c = _mm512_shuffle_f64x2(ab_even, cd_even, odd);
  d = _mm512_shuffle_f64x2(ab_odd, cd_odd, odd);
}
/// Pairs of packs first, within quarters, then the quarters of four: three rounds of eight shuffles, all in
/// registers, whose number, 8, is that of the lanes.
UFL_FN void transpose(pack<double>* p) {
  __m512d low[4], high[4];  // of two neighbouring packs: within quarters, even columns and odd ones
  UFL_UNROLL for (int i = 0; i < 4; ++i) {
    low[i] = _mm512_unpacklo_pd(p[2 * i].v, p[2 * i + 1].v);
    high[i] = _mm512_unpackhi_pd(p[2 * i].v, p[2 * i + 1].v);
  }
  transpose_quarters(low[0], low[1], low[2], low[3]);
  transpose_quarters(high[0], high[1], high[2], high[3]);
  UFL_UNROLL for (int i = 0; i < 4; ++i) {
    p[2 * i].v = low[i];
    p[2 * i + 1].v = high[i];
  }
}
/// Four packs at a time within quarters, then the quarters: sixteen registers, four rounds.  Doubles stand
/// for pairs of floats, which move together from the second round on.
UFL_FN void transpose(pack<float>* p) {
  __m512d column[4][4];  // [j][i]: columns j, 4 + j, 8 + j, 12 + j of packs 4 i to 4 i + 3, a quarter each
  UFL_UNROLL for (int i = 0; i < 4; ++i) {
    const __m512 a = p[4 * i].v, b = p[4 * i + 1].v, c = p[4 * i + 2].v, d = p[4 * i + 3].v;
    const __m512d ab_low = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
    const __m512d ab_high = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
    const __m512d cd_low = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
    const __m512d cd_high = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
    column[0][i] = _mm512_unpacklo_pd(ab_low, cd_low);
    column[1][i] = _mm512_unpackhi_pd(ab_low, cd_low);
    column[2][i] = _mm512_unpacklo_pd(ab_high, cd_high);
    column[3][i] = _mm512_unpackhi_pd(ab_high, cd_high);
  }
  UFL_UNROLL for (int j = 0; j < 4; ++j) {
    transpose_quarters(column[j][0], column[j][1], column[j][2], column[j][3]);
    UFL_UNROLL for (int i = 0; i < 4; ++i) p[4 * i + j].v = _mm512_castpd_ps(column[j][i]);
  }
}
#else
template <class T> UFL_FN void transpose(pack<T>* p) {
  xsimd::batch<T> b[pack<T>::size];
  UFL_UNROLL for (int i = 0; i < pack<T>::size; ++i) b[i] = p[i].v;
  xsimd::transpose(b, b + pack<T>::size);
  UFL_UNROLL for (int i = 0; i < pack<T>::size; ++i) p[i].v = b[i];
}
#endif
#endif

UFL_END
