// The primitives of scalar.hpp for SIMD: pack<T> is one register of this instruction set, twin<P> two of
// them.
#pragma once
#include "ufloss/vocabulary/scalar.hpp"
#if UFL_HAS_XSIMD
#include <xsimd/xsimd.hpp>

UFL_BEGIN

// A pack wraps xsimd::batch.  It must not BE a batch, nor have an xsimd type among its template arguments:
// argument-dependent lookup would find xsimd::exp, fma, select beside ours, and every call would be ambiguous
// or silently theirs.
template <class T> struct pack_mask {
  xsimd::batch_bool<T> v;
};
template <class T> struct pack {
  xsimd::batch<T> v;
  static constexpr int size = int(xsimd::batch<T>::size);
  pack() = default;
  UFL_FN pack(xsimd::batch<T> b) : v(b) {}  // implicit: results of xsimd become packs as they are
  UFL_FN explicit pack(T s) : v(s) {}       // not implicit: an int would become lanes unseen
  static UFL_FN pack load(const T* p) { return xsimd::batch<T>::load_unaligned(p); }
  UFL_FN void store(T* p) const { v.store_unaligned(p); }  // any address
};

/// Two packs side by side: what a pack of floats becomes when it is computed in double.
/// Its copies are written out: GCC copies an aggregate of two registers by general registers, 16 bytes at a
/// time, and what then waits for whole registers to be put together again took two thirds of a double exp.
template <class P> struct twin {
  P lo, hi;  ///< lanes in order: the lower half of the floats' first
  twin() = default;
  UFL_FN twin(P l, P h) : lo(l), hi(h) {}
  UFL_FN twin(const twin& t) : lo(t.lo), hi(t.hi) {}
  UFL_FN twin& operator=(const twin& t) {
    lo = t.lo;
    hi = t.hi;
    return *this;
  }
  template <class S> UFL_FN explicit twin(S s) : lo(s), hi(s) {}
};

template <class T> struct traits<pack<T>> {
  using scalar = T;
  using bits = pack<typename format<T>::uint>;
  using mask = pack_mask<T>;  // bits of a mask register with AVX-512, else lanes
  using wide = pack<double>;
};
template <> struct traits<pack<float>> {
  using scalar = float;
  using bits = pack<uint32>;
  using mask = pack_mask<float>;
  using wide = twin<pack<double>>;
};
template <class P> struct traits<twin<P>> {
  using scalar = scalar_t<P>;
  using bits = twin<bits_t<P>>;
  using mask = twin<mask_t<P>>;
  using wide = twin<P>;
};

template <class T> UFL_FN pack<T> operator+(pack<T> a, pack<T> b) { return a.v + b.v; }
template <class T> UFL_FN pack<T> operator-(pack<T> a, pack<T> b) { return a.v - b.v; }
template <class T> UFL_FN pack<T> operator*(pack<T> a, pack<T> b) { return a.v * b.v; }
template <class T> UFL_FN pack<T> operator/(pack<T> a, pack<T> b) { return a.v / b.v; }  // IEEE, everywhere
template <class T> UFL_FN pack<T> operator&(pack<T> a, pack<T> b) { return a.v & b.v; }
template <class T> UFL_FN pack<T> operator|(pack<T> a, pack<T> b) { return a.v | b.v; }
template <class T> UFL_FN pack<T> operator^(pack<T> a, pack<T> b) { return a.v ^ b.v; }
template <class P> UFL_FN twin<P> operator+(twin<P> a, twin<P> b) { return {a.lo + b.lo, a.hi + b.hi}; }
template <class P> UFL_FN twin<P> operator-(twin<P> a, twin<P> b) { return {a.lo - b.lo, a.hi - b.hi}; }
template <class P> UFL_FN twin<P> operator*(twin<P> a, twin<P> b) { return {a.lo * b.lo, a.hi * b.hi}; }
template <class P> UFL_FN twin<P> operator/(twin<P> a, twin<P> b) { return {a.lo / b.lo, a.hi / b.hi}; }
template <class P> UFL_FN twin<P> operator&(twin<P> a, twin<P> b) { return {a.lo & b.lo, a.hi & b.hi}; }
template <class P> UFL_FN twin<P> operator|(twin<P> a, twin<P> b) { return {a.lo | b.lo, a.hi | b.hi}; }
template <class P> UFL_FN twin<P> operator^(twin<P> a, twin<P> b) { return {a.lo ^ b.lo, a.hi ^ b.hi}; }
template <class T> UFL_FN pack_mask<T> operator<(pack<T> a, pack<T> b) { return {a.v < b.v}; }
template <class T> UFL_FN pack_mask<T> operator>(pack<T> a, pack<T> b) { return {a.v > b.v}; }
template <class T> UFL_FN pack_mask<T> operator<=(pack<T> a, pack<T> b) { return {a.v <= b.v}; }
template <class T> UFL_FN pack_mask<T> operator>=(pack<T> a, pack<T> b) { return {a.v >= b.v}; }
template <class T> UFL_FN pack_mask<T> operator==(pack<T> a, pack<T> b) { return {a.v == b.v}; }
template <class T> UFL_FN pack_mask<T> operator!=(pack<T> a, pack<T> b) { return {a.v != b.v}; }
template <class P> using twin_mask = twin<mask_t<P>>;  ///< what comparing twins gives: a mask for each
template <class P> UFL_FN twin_mask<P> operator<(twin<P> a, twin<P> b) { return {a.lo < b.lo, a.hi < b.hi}; }
template <class P> UFL_FN twin_mask<P> operator>(twin<P> a, twin<P> b) { return {a.lo > b.lo, a.hi > b.hi}; }
template <class P> UFL_FN twin_mask<P> operator<=(twin<P> a, twin<P> b) {
  return {a.lo <= b.lo, a.hi <= b.hi};
}
template <class P> UFL_FN twin_mask<P> operator>=(twin<P> a, twin<P> b) {
  return {a.lo >= b.lo, a.hi >= b.hi};
}
template <class P> UFL_FN twin_mask<P> operator==(twin<P> a, twin<P> b) {
  return {a.lo == b.lo, a.hi == b.hi};
}
template <class P> UFL_FN twin_mask<P> operator!=(twin<P> a, twin<P> b) {
  return {a.lo != b.lo, a.hi != b.hi};
}
template <class T> UFL_FN pack<T> operator~(pack<T> a) { return ~a.v; }
template <class P> UFL_FN twin<P> operator~(twin<P> a) { return {~a.lo, ~a.hi}; }
template <class T> UFL_FN pack_mask<T> operator&(pack_mask<T> a, pack_mask<T> b) { return {a.v & b.v}; }
template <class T> UFL_FN pack_mask<T> operator|(pack_mask<T> a, pack_mask<T> b) { return {a.v | b.v}; }
template <class T> UFL_FN pack_mask<T> operator!(pack_mask<T> a) { return {!a.v}; }
template <class T> UFL_FN twin<pack_mask<T>> operator!(twin<pack_mask<T>> a) { return {!a.lo, !a.hi}; }

template <class T> UFL_FN pack<T> fma(pack<T> a, pack<T> b, pack<T> c) {
#if defined(UFL_EMULATED)  // whose fma rounds twice
  T x[pack<T>::size], y[pack<T>::size], z[pack<T>::size];
  a.store(x);
  b.store(y);
  c.store(z);
  for (int i = 0; i < pack<T>::size; ++i) x[i] = fma(x[i], y[i], z[i]);
  return pack<T>::load(x);
#elif UFL_HAS_FMA
  return xsimd::fma(a.v, b.v, c.v);
#else  // without the instruction
  return a.v * b.v + c.v;
#endif
}
template <class T> UFL_FN pack<T> sqrt(pack<T> x) { return xsimd::sqrt(x.v); }
#if UFL_NEON  // xsimd's are approximations there, since processors of 32 bits have no others
UFL_FN pack<float> operator/(pack<float> a, pack<float> b) { return pack<float>(vdivq_f32(a.v, b.v)); }
UFL_FN pack<float> sqrt(pack<float> x) { return pack<float>(vsqrtq_f32(x.v)); }
#endif
template <class T> UFL_FN pack<T> select(pack_mask<T> m, pack<T> a, pack<T> b) {
  return xsimd::select(m.v, a.v, b.v);
}
// One operation, where GCC makes three of a blend with zeros.
#if UFL_SSE2 && !UFL_AVX512F
#if UFL_AVX
UFL_FN pack<float> zero_unless(pack_mask<float> m, pack<float> x) {
  return pack<float>(_mm256_and_ps(m.v, x.v));
}
UFL_FN pack<double> zero_unless(pack_mask<double> m, pack<double> x) {
  return pack<double>(_mm256_and_pd(m.v, x.v));
}
UFL_FN pack<float> zero_where(pack_mask<float> m, pack<float> x) {
  return pack<float>(_mm256_andnot_ps(m.v, x.v));
}
UFL_FN pack<double> zero_where(pack_mask<double> m, pack<double> x) {
  return pack<double>(_mm256_andnot_pd(m.v, x.v));
}
#else
UFL_FN pack<float> zero_unless(pack_mask<float> m, pack<float> x) {
  return pack<float>(_mm_and_ps(m.v, x.v));
}
UFL_FN pack<double> zero_unless(pack_mask<double> m, pack<double> x) {
  return pack<double>(_mm_and_pd(m.v, x.v));
}
UFL_FN pack<float> zero_where(pack_mask<float> m, pack<float> x) {
  return pack<float>(_mm_andnot_ps(m.v, x.v));
}
UFL_FN pack<double> zero_where(pack_mask<double> m, pack<double> x) {
  return pack<double>(_mm_andnot_pd(m.v, x.v));
}
#endif
#else
template <class T> UFL_FN pack<T> zero_unless(pack_mask<T> m, pack<T> x) {
  return select(m, x, pack<T>(T(0)));
}
template <class T> UFL_FN pack<T> zero_where(pack_mask<T> m, pack<T> x) {
  return select(m, pack<T>(T(0)), x);
}
#endif
#if UFL_NEON  // whose instructions give NaN where either is one, and know that -0 is less than 0
template <class T> UFL_FN pack<T> min(pack<T> a, pack<T> b) { return select(b < a, b, a); }
template <class T> UFL_FN pack<T> max(pack<T> a, pack<T> b) { return select(a < b, b, a); }
#else
template <class T> UFL_FN pack<T> min(pack<T> a, pack<T> b) { return xsimd::min(a.v, b.v); }
template <class T> UFL_FN pack<T> max(pack<T> a, pack<T> b) { return xsimd::max(a.v, b.v); }
#endif
template <class T> UFL_FN bool all(pack_mask<T> m) { return xsimd::all(m.v); }
UFL_FN pack<uint32> to_bits(pack<float> x) { return xsimd::bitwise_cast<uint32>(x.v); }
UFL_FN pack<uint64> to_bits(pack<double> x) { return xsimd::bitwise_cast<uint64>(x.v); }
UFL_FN pack<float> from_bits(pack<uint32> u) { return xsimd::bitwise_cast<float>(u.v); }
UFL_FN pack<double> from_bits(pack<uint64> u) { return xsimd::bitwise_cast<double>(u.v); }
template <int N, class U> UFL_FN pack<U> shl(pack<U> u) { return u.v << N; }
template <int N, class U> UFL_FN pack<U> shr(pack<U> u) { return u.v >> N; }

template <class P> UFL_FN twin<P> fma(twin<P> a, twin<P> b, twin<P> c) {
  return {fma(a.lo, b.lo, c.lo), fma(a.hi, b.hi, c.hi)};
}
template <class P> UFL_FN twin<P> sqrt(twin<P> x) { return {sqrt(x.lo), sqrt(x.hi)}; }
template <class P> UFL_FN twin<P> select(twin<mask_t<P>> m, twin<P> a, twin<P> b) {
  return {select(m.lo, a.lo, b.lo), select(m.hi, a.hi, b.hi)};
}
template <class P> UFL_FN twin<P> min(twin<P> a, twin<P> b) { return {min(a.lo, b.lo), min(a.hi, b.hi)}; }
template <class P> UFL_FN twin<P> max(twin<P> a, twin<P> b) { return {max(a.lo, b.lo), max(a.hi, b.hi)}; }
template <class M> UFL_FN bool all(twin<M> m) { return all(m.lo & m.hi); }  // one test, and one branch
template <class P> UFL_FN auto to_bits(twin<P> x) { return twin<bits_t<P>>(to_bits(x.lo), to_bits(x.hi)); }
template <class U> UFL_FN auto from_bits(twin<pack<U>> u) {
  return twin<decltype(from_bits(u.lo))>(from_bits(u.lo), from_bits(u.hi));
}
template <int N, class U> UFL_FN twin<U> shl(twin<U> u) { return {shl<N>(u.lo), shl<N>(u.hi)}; }
template <int N, class U> UFL_FN twin<U> shr(twin<U> u) { return {shr<N>(u.lo), shr<N>(u.hi)}; }

// float to double and back, lanes in order
// Exact; narrow() rounds to nearest, once.  Halves are taken in the order of the lanes, so that a twin lies
// in memory as its floats do.
UFL_FN twin<pack<double>> widen(pack<float> x) {
#if UFL_AVX512F
  return {pack<double>(_mm512_cvtps_pd(_mm512_castps512_ps256(x.v))),
          pack<double>(_mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1)))};
#elif UFL_AVX
  return {pack<double>(_mm256_cvtps_pd(_mm256_castps256_ps128(x.v))),
          pack<double>(_mm256_cvtps_pd(_mm256_extractf128_ps(x.v, 1)))};
#elif UFL_SSE2
  return {pack<double>(_mm_cvtps_pd(x.v)), pack<double>(_mm_cvtps_pd(_mm_movehl_ps(x.v, x.v)))};
#else
  float in[pack<float>::size];
  double out[pack<float>::size];
  x.store(in);
  for (int i = 0; i < pack<float>::size; ++i) out[i] = in[i];
  return {pack<double>::load(out), pack<double>::load(out + pack<double>::size)};
#endif
}
UFL_FN pack<float> narrow(twin<pack<double>> x, pack<float>) {
#if UFL_AVX512F
  return pack<float>(
      _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(x.lo.v)), _mm512_cvtpd_ps(x.hi.v), 1));
#elif UFL_AVX
  return pack<float>(
      _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(x.lo.v)), _mm256_cvtpd_ps(x.hi.v), 1));
#elif UFL_SSE2
  return pack<float>(_mm_movelh_ps(_mm_cvtpd_ps(x.lo.v), _mm_cvtpd_ps(x.hi.v)));
#else
  double in[pack<float>::size];
  float out[pack<float>::size];
  x.lo.store(in);
  x.hi.store(in + pack<double>::size);
  for (int i = 0; i < pack<float>::size; ++i) out[i] = float(in[i]);
  return pack<float>::load(out);
#endif
}

UFL_END
#endif

UFL_BEGIN
/// The widest value type of this build for T, and how many elements it holds.
#if UFL_HAS_XSIMD
template <class T> using native = pack<T>;
template <class T> constexpr int lanes = pack<T>::size;
template <class T> UFL_FN pack<T> load(const T* p) { return pack<T>::load(p); }
template <class T> UFL_FN void store(pack<T> v, T* p) { v.store(p); }
#else
template <class T> using native = T;  // a pack of one
template <class T> constexpr int lanes = 1;
template <class T> UFL_FN T load(const T* p) { return *p; }
template <class T> UFL_FN void store(T v, T* p) { *p = v; }
#endif

/// Does a pack cost as little in part as whole?
constexpr bool has_partial_packs = UFL_HAS_XSIMD && UFL_PARTIAL_PACKS;
/// The first n lanes, 0 < n < lanes; nothing beyond them is touched.  The others repeat the first element, so
/// that they are valid.
#if UFL_HAS_XSIMD && UFL_AVX512F
UFL_FN pack<float> load_some(const float* p, int n) {
  return pack<float>(_mm512_mask_loadu_ps(_mm512_set1_ps(*p), __mmask16((1u << n) - 1), p));
}
UFL_FN pack<double> load_some(const double* p, int n) {
  return pack<double>(_mm512_mask_loadu_pd(_mm512_set1_pd(*p), __mmask8((1u << n) - 1), p));
}
UFL_FN void store_some(pack<float> v, float* p, int n) {
  _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), v.v);
}
UFL_FN void store_some(pack<double> v, double* p, int n) {
  _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), v.v);
}
#else
template <class T> UFL_FN native<T> load_some(const T* p, int n) {
  T lane[lanes<T>];
  store(native<T>(*p), lane);
  for (int i = 1; i < n; ++i) lane[i] = p[i];
  return load(lane);
}
template <class T> UFL_FN void store_some(native<T> v, T* p, int n) {
  T lane[lanes<T>];
  store(v, lane);
  for (int i = 0; i < n; ++i) p[i] = lane[i];
}
#endif

/// True where the next bytes, one a lane, are not 0.
template <class T> UFL_FN mask_t<native<T>> load_mask(const char* keep) {
#if UFL_HAS_XSIMD && UFL_AVX512F
  const __m128i bytes = sizeof(T) == 4 ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(keep))
                                       : _mm_loadl_epi64(reinterpret_cast<const __m128i*>(keep));
  return {xsimd::batch_bool<T>(
      static_cast<typename xsimd::batch_bool<T>::register_type>(_mm_test_epi8_mask(bytes, bytes)))};
#elif UFL_HAS_XSIMD && UFL_AVX2
  if constexpr (sizeof(T) == 4) {
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(keep)));
    return {xsimd::batch_bool<T>(_mm256_castsi256_ps(_mm256_cmpgt_epi32(bytes, _mm256_setzero_si256())))};
  } else {
    int some;  // four of the bytes, which lie at any address
    __builtin_memcpy(&some, keep, sizeof some);
    const __m256i bytes = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(some));
    return {xsimd::batch_bool<T>(_mm256_castsi256_pd(_mm256_cmpgt_epi64(bytes, _mm256_setzero_si256())))};
  }
#else
  T lane[lanes<T>];
  for (int i = 0; i < lanes<T>; ++i) lane[i] = keep[i] ? T(1) : T(0);
  return load(lane) != native<T>(T(0));
#endif
}

// Stores that go to memory without a place in the cache, to addresses aligned to the pack; the fence orders
// them before later ones.
#if UFL_HAS_XSIMD && UFL_SSE2
template <class T> constexpr bool can_store_past_cache = true;
#if UFL_AVX512F
UFL_FN void store_past_cache(pack<float> v, float* p) { _mm512_stream_ps(p, v.v); }
UFL_FN void store_past_cache(pack<double> v, double* p) { _mm512_stream_pd(p, v.v); }
#elif UFL_AVX
UFL_FN void store_past_cache(pack<float> v, float* p) { _mm256_stream_ps(p, v.v); }
UFL_FN void store_past_cache(pack<double> v, double* p) { _mm256_stream_pd(p, v.v); }
#else
UFL_FN void store_past_cache(pack<float> v, float* p) { _mm_stream_ps(p, v.v); }
UFL_FN void store_past_cache(pack<double> v, double* p) { _mm_stream_pd(p, v.v); }
#endif
UFL_FN void store_fence() { _mm_sfence(); }
#else
template <class T> constexpr bool can_store_past_cache = false;
template <class V, class T> UFL_FN void store_past_cache(V v, T* p) { store(v, p); }
UFL_FN void store_fence() {}  // ordinary stores need none
#endif

// Sums and maxima over the lanes; lane i and i + half, and so on by halves, whatever the width.
UFL_FN float sum_of_lanes(float x) { return x; }
UFL_FN double sum_of_lanes(double x) { return x; }
UFL_FN float max_of_lanes(float x) { return x; }
UFL_FN double max_of_lanes(double x) { return x; }
UFL_FN float first_lane(float x) { return x; }
UFL_FN double first_lane(double x) { return x; }
#if UFL_HAS_XSIMD
template <class T> UFL_FN T sum_of_lanes(pack<T> x) {
#if UFL_SSE2
  if constexpr (sizeof(T) == 4) {
#if UFL_AVX512F
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
    const __m128 q = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#elif UFL_AVX
    const __m128 q = _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
#else
    const __m128 q = x.v;
#endif
    const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)));
  } else {
#if UFL_AVX512F
    const __m256d half = _mm256_add_pd(_mm512_castpd512_pd256(x.v), _mm512_extractf64x4_pd(x.v, 1));
    const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(half), _mm256_extractf128_pd(half, 1));
#elif UFL_AVX
    const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(x.v), _mm256_extractf128_pd(x.v, 1));
#else
    const __m128d q = x.v;  // two lanes are left already
#endif
    return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
  }
#else
  T lane[pack<T>::size];
  x.store(lane);
  for (int w = pack<T>::size / 2; w >= 1; w /= 2)
    for (int i = 0; i < w; ++i) lane[i] += lane[i + w];
  return lane[0];
#endif
}
template <class T> UFL_FN T max_of_lanes(pack<T> x) { return xsimd::reduce_max(x.v); }
template <class T> UFL_FN T first_lane(pack<T> x) { return x.v.get(0); }
#endif

/// As many doubles as V has lanes, from and to memory.
template <class D> struct doubles {
  static UFL_FN D load(const double* p) { return D(*p); }
  static UFL_FN void store(D v, double* p) { *p = v; }
};
#if UFL_HAS_XSIMD
template <> struct doubles<pack<double>> {
  static UFL_FN pack<double> load(const double* p) { return pack<double>::load(p); }
  static UFL_FN void store(pack<double> v, double* p) { v.store(p); }
};
template <> struct doubles<twin<pack<double>>> {
  static UFL_FN twin<pack<double>> load(const double* p) {
    return {pack<double>::load(p), pack<double>::load(p + pack<double>::size)};
  }
  static UFL_FN void store(twin<pack<double>> v, double* p) {
    v.lo.store(p);
    v.hi.store(p + pack<double>::size);
  }
};
// What is as wide, or as narrow, as asked for already.
UFL_FN pack<double> widen(pack<double> x) { return x; }
template <class T> UFL_FN pack<T> narrow(pack<T> x, pack<T>) { return x; }
#endif
UFL_FN double widen(double x) { return x; }
UFL_FN double narrow(double x, double) { return x; }
UFL_FN float narrow(float x, float) { return x; }
UFL_END
