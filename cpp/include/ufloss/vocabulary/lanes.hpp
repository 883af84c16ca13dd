// Sums along a row in virtual lanes: as many on every instruction set, added in the same tree.
#pragma once
#include "ufloss/vocabulary/primitives.hpp"

UFL_BEGIN

/// How many virtual lanes a row is summed in: element i goes to lane i mod lanes, lanes are added in a fixed
/// tree.  The same on every instruction set, so results do not depend on the width of its registers.
template <class T> constexpr int virtual_lanes = 128 / int(sizeof(T));
/// Elements of a row that are summed before they are merged into the row's double precision totals: 8 KiB of
/// them.
template <class T> constexpr int block_length = 8192 / int(sizeof(T));
/// Rows of fewer elements are computed side by side, one a lane.
template <class T> constexpr int short_row = virtual_lanes<T>;

/// Lanes i and i + half first, as everywhere: of a twin these are its two packs.
template <class D> UFL_FN double sum_of_doubles(D x) { return sum_of_lanes(x); }
#if UFL_HAS_XSIMD
template <class P> UFL_FN double sum_of_doubles(twin<P> x) { return sum_of_lanes(x.lo + x.hi); }
#endif

/// 0, 1, 2, ...: the number of each lane; 16 floats are the widest pack.
template <class T> UFL_FN native<T> iota() {
  alignas(64) static constexpr T numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return load(numbers);
}
/// Lanes from p, `pad` where they are beyond the k-th.
template <class T> UFL_FN native<T> load_padded(const T* p, std::ptrdiff_t k, T pad) {
  using V = native<T>;
  if (k >= lanes<T>) return load(p);
  if (k <= 0) return V(pad);
  return select(iota<T>() < V(T(k)), load_some(p, int(k)), V(pad));
}
/// The packs of `Lanes` virtual lanes.
template <class T, int Lanes = virtual_lanes<T>> struct chunks {
  static constexpr int packs = Lanes / lanes<T>;
  template <class F> static UFL_FN void each(F f) { UFL_UNROLL for (int i = 0; i < packs; ++i) f(i); }
  /// body(i, j, k): pack i of the virtual lanes, at element j, of which k are left: a full pack where k >=
  /// lanes.
  template <class F> static UFL_FN void over(std::ptrdiff_t n, F body) {
    std::ptrdiff_t j = 0;
    for (; j + Lanes <= n; j += Lanes)
      UFL_UNROLL for (int i = 0; i < packs; ++i) body(i, j + i * lanes<T>, std::ptrdiff_t(lanes<T>));
    if (j < n) UFL_UNROLL for (int i = 0; i < packs; ++i) body(i, j + i * lanes<T>, n - j - i * lanes<T>);
  }
  /// body(p, j): a whole chunk from element j on, with operand a at p[a]; where less than one is left, p
  /// points to copies that pad(a) fills up.  So the body is compiled once.
  template <int Operands, class Pad, class F>
  static UFL_FN void whole(const T* const* in, std::ptrdiff_t n, Pad pad, F body) {
    alignas(64) T rest[Operands][Lanes];
    const T* p[Operands];
    for (std::ptrdiff_t j = 0; j < n; j += Lanes) {
      UFL_UNROLL for (int a = 0; a < Operands; ++a) {
        p[a] = in[a] + j;
        if (UFL_UNLIKELY(n - j < Lanes)) {
          UFL_UNROLL for (int i = 0; i < Lanes; i += lanes<T>)
              store(load_padded(p[a] + i, n - j - i, pad(a)), rest[a] + i);
          p[a] = rest[a];
        }
      }
      body(p, j);
    }
  }
  /// Lane i and lane i + Lanes/2, and so on by halves.
  static UFL_FN T sum(native<T>* a) {
    UFL_UNROLL for (int w = packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) a[i] =
        a[i] + a[i + w];
    return sum_of_lanes(a[0]);
  }
};

/// A sum in virtual lanes.
template <class T> struct long_sum {
  using V = native<T>;
  using D = wide_t<V>;
  static constexpr int packs = virtual_lanes<T> / lanes<T>;
  D total[packs], lost[packs];
  UFL_FN long_sum() { UFL_UNROLL for (int i = 0; i < packs; ++i) total[i] = lost[i] = D(0); }
  UFL_FN void add(const V* part) {
    UFL_UNROLL for (int i = 0; i < packs; ++i) add_part(total[i], lost[i], part[i]);
  }
  UFL_FN double sum() {
    UFL_UNROLL for (int w = packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) {
      total[i] = total[i] + total[i + w];
      lost[i] = lost[i] + lost[i + w];
    }
    return sum_of_doubles(total[0]) + sum_of_doubles(lost[0]);
  }
};
/// add(part, p, j, i): terms of pack i of the chunk at element j, p its operands, into part[sum][i].  The
/// lanes of a few chunks are added in T, in registers, then in double (of double: into pairs): the error of a
/// sum does not grow with the row.
template <class T, int Sums, int Operands, class Pad, class F>
UFL_FN void add_long(long_sum<T>* sums, const T* const* in, std::ptrdiff_t n, Pad pad, F add) {
  using C = chunks<T>;
  constexpr std::ptrdiff_t few = 8 * virtual_lanes<T>;
  for (std::ptrdiff_t from = 0; from < n; from += few) {
    native<T> part[Sums][C::packs];
    UFL_UNROLL for (int s = 0; s < Sums; ++s) UFL_UNROLL for (int i = 0; i < C::packs; ++i) part[s][i] =
        native<T>(T(0));
    const T* at[Operands];
    UFL_UNROLL for (int a = 0; a < Operands; ++a) at[a] = in[a] + from;
    C::template whole<Operands>(at, n - from < few ? n - from : few, pad,
                                [&](const T* const* p, std::ptrdiff_t j) UFL_INLINE {
                                  C::each([&](int i) UFL_INLINE { add(part, p, from + j, i); });
                                });
    UFL_UNROLL for (int s = 0; s < Sums; ++s) sums[s].add(part[s]);
  }
}

UFL_END
