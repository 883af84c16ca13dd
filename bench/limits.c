/* How fast this core moves memory: sums of nin arrays into nout arrays.  Times are per call; nt = stores that
 * bypass the caches. */
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif
typedef uint32_t vec __attribute__((vector_size(64), aligned(4), may_alias));
enum { LANES = 16 };
#if defined(__AVX512F__)
static inline void stream(uint32_t* p, vec v) { _mm512_stream_si512((void*)p, (__m512i)v); }
#elif defined(__SSE2__)
static inline void stream(uint32_t* p, vec v) {
  __m128i part[4];
  __builtin_memcpy(part, &v, sizeof part);
  for (int i = 0; i < 4; i++) _mm_stream_si128((__m128i*)p + i, part[i]);
}
#else
#define stream(p, v) (*(vec*)(p) = (v))
#endif

static inline __attribute__((always_inline)) void loop(int nin, int nout, int nt, uint32_t** in,
                                                       uint32_t** out, size_t n) {
  uint32_t *x[3], *y[3];
  size_t head = -(uintptr_t)out[0] / 4 % LANES; /* up to the first whole cache line */
  for (int k = 0; k < nin; k++) x[k] = in[k] + head;
  for (int k = 0; k < nout; k++) y[k] = out[k] + head;
  n -= head;
  for (size_t i = 0; i + LANES <= n; i += LANES) {
    vec sum = *(vec*)(x[0] + i);
    for (int k = 1; k < nin; k++) sum += *(vec*)(x[k] + i);
    for (int k = 0; k < nout; k++) {
      if (nt) stream(y[k] + i, sum + k);
      else *(vec*)(y[k] + i) = sum + k;
    }
  }
#if defined(__SSE2__)
  if (nt) _mm_sfence();
#endif
}

/* 0, or -1 where non-temporal stores are not possible. */
int limit(int nin, int nout, int nt, uint32_t** in, uint32_t** out, size_t n) {
#if !defined(__SSE2__)
  if (nt) return -1;
#endif
  for (int k = 1; nt && k < nout; k++)
    if (((uintptr_t)out[k] ^ (uintptr_t)out[0]) % 64) return -1;
  if ((uintptr_t)out[0] % 4 || n < LANES) return -1;
#define CASE(I, O)                     \
  if (nin == I && nout == O) {         \
    if (nt) loop(I, O, 1, in, out, n); \
    else loop(I, O, 0, in, out, n);    \
    return 0;                          \
  }
  CASE(1, 1)
  CASE(2, 1) CASE(3, 1) CASE(1, 2) CASE(2, 2) CASE(3, 2) CASE(1, 3) CASE(2, 3) CASE(3, 3) return -1;
}
