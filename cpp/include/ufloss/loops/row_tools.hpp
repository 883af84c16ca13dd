// What the loops over rows have in common.
//
// Design:
// a) Rows of short_row elements and more are summed along the row, in virtual lanes that every instruction
// set adds in the same tree;
//    shorter ones lie side by side, a row in each lane.  Only the length chooses, so bits do not depend on
//    layout, batch or registers.
// b) A long row is read in blocks that stay in the first-level cache.  Each block has its own reference;
// blocks are merged in double. c) What cannot be used as it lies (strides, float16, masks) is brought into a
// buffer one block at a time: no copy of the input. d) Masked elements are never looked at: a loss's neutral
// elements stand for them.
#pragma once
#include <new>
#include <type_traits>
#include "ufloss/core/row.hpp"
#include "ufloss/loops/elementwise.hpp"

UFL_BEGIN

constexpr int tile = 64;  ///< most rows that are worked on together
constexpr int max_along = 3, max_scalars = 4, max_row_outputs = 4;
constexpr int prefetch_bytes =
    16384;  ///< how far ahead of the arithmetic a row is asked for: 0.25 became 0.16 ns an element

/// `outer` bytes from row to row, `core` bytes from element to element.
struct row_operand {
  char* data;
  std::ptrdiff_t outer, core;
  template <class S> UFL_FN S* at(std::ptrdiff_t row, std::ptrdiff_t i) const {
    return reinterpret_cast<S*>(data + row * outer + i * core);
  }
};
/// Where a row loop stopped: a label that is no class; or there was no memory.
struct bad_label {
  long long label;
  std::ptrdiff_t row, classes;
  bool no_memory = false;
};

template <class D> UFL_FN double sum_of_doubles(D x) { return sum_of_lanes(x); }
#if UFL_HAS_XSIMD
template <class P> UFL_FN double sum_of_doubles(twin<P> x) { return sum_of_lanes(x.lo + x.hi); }
#endif

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
/// Results of one pack after the other, in order: where there is room for one.
template <class T> struct row_writer {
  T* const* out;
  std::ptrdiff_t at;
  int left, next = 0;  ///< left: how many lanes are of the row
  UFL_FN void operator()(native<T> v) {
    T* const to = out[next++];
    if (!to) return;
    if (UFL_UNLIKELY(left < lanes<T>)) store_some(v, to + at, left);
    else store(v, to + at);
  }
};
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
          for (int i = 0; i < Lanes; ++i) rest[a][i] = i < n - j ? p[a][i] : pad(a);
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
    UFL_UNROLL for (int i = 0; i < packs; ++i) {
      if constexpr (sizeof(T) == 8) {
        const auto t = two_sum(total[i], part[i]);
        total[i] = t.hi;
        lost[i] = lost[i] + select(t.lo == t.lo, t.lo, D(0));
      } else total[i] = total[i] + widen(part[i]);
    }
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
    for (int s = 0; s < Sums; ++s) UFL_UNROLL for (int i = 0; i < C::packs; ++i) part[s][i] = native<T>(T(0));
    const T* at[Operands];
    for (int a = 0; a < Operands; ++a) at[a] = in[a] + from;
    C::template whole<Operands>(at, n - from < few ? n - from : few, pad,
                                [&](const T* const* p, std::ptrdiff_t j) UFL_INLINE {
                                  C::each([&](int i) UFL_INLINE { add(part, p, from + j, i); });
                                });
    for (int s = 0; s < Sums; ++s) sums[s].add(part[s]);
  }
}

/// What every tile has: what comes with a row beside its elements, and what comes out beside the spread.
template <class T> struct tile_base {
  alignas(64) double label[tile], label_at[tile], count[tile],
      scalar[max_scalars][tile];  // label: the element at the label
  alignas(64) T value[tile], own_grad[tile], own_hess[tile];
  bool invalid[tile];  // a scalar lies outside its domain: the row is NaN
  bool again[tile];    // the row asks for another pass
};

/// A loss and some of its parts, computed in T, as a loop over rows sees it: so that there is one such loop
/// for all losses.  `from` is where a block begins in its row.
template <class T> struct row_kernel {
  std::size_t size;  ///< of a tile
  tile_base<T>* (*make)(void* memory);
  void (*fold)(tile_base<T>&, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n, T* terms);
  void (*fold_short)(tile_base<T>&, int rows, const T* const* in, std::ptrdiff_t n, T* terms);
  void (*settle)(tile_base<T>&, int rows);
  void (*add_block)(tile_base<T>&, int a, int b);
  bool (*refine)(tile_base<T>&, int rows);  // does any row ask for another pass?  Null: the loss never does
  void (*fold_again)(tile_base<T>&, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n);
  void (*fold_again_short)(tile_base<T>&, int rows, const T* const* in, std::ptrdiff_t n);
  void (*finish)(tile_base<T>&, int rows);
  void (*finish_short)(tile_base<T>&, int rows);
  void (*spread)(const tile_base<T>&, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n,
                 const T* terms, T* const* out, bool whole);
  void (*spread_short)(const tile_base<T>&, int rows, const T* const* in, std::ptrdiff_t n, const T* terms,
                       T* const* out);
};
/// The sums of up to `tile` rows of loss L computed in T; each kind of row has its own.
template <class Kind, class L, class T> struct tile_of;
template <class L, class T> using row_tile = typename tile_of<typename L::kind, L, T>::type;

template <class L, unsigned Parts, bool WithRows, class T> struct kernel_of {
  using Tile = row_tile<L, T>;
  /// What spread() computes: second derivatives always with the gradient, which is not stored where nobody
  /// asked: fewer loops to compile.
  static constexpr unsigned along = Parts & ~(L::properties & row_value ? 0u : unsigned(part_value)),
                            lead = along == part_hess || along == part_bound;
  static constexpr unsigned spread_parts = along | (lead ? unsigned(part_grad) : 0u);
  struct places {
    T* to[max_row_outputs + 1];
    explicit places(T* const* out) : to{} {
      for (int k = 0; k < count_parts(along); ++k) to[k + int(lead)] = out[k];
    }
  };
  static tile_base<T>* make(void* memory) { return new (memory) Tile{}; }
  static Tile& own(tile_base<T>& t) { return static_cast<Tile&>(t); }
  static void fold(tile_base<T>& t, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n,
                   T* terms) {
    own(t).fold(r, in, from, n, terms);
  }
  static void fold_short(tile_base<T>& t, int rows, const T* const* in, std::ptrdiff_t n, T* terms) {
    own(t).fold_short(rows, in, n, terms);
  }
  static void settle(tile_base<T>& t, int rows) { own(t).settle(rows); }
  static void add_block(tile_base<T>& t, int a, int b) { own(t).add_block(a, b); }
  static bool refine(tile_base<T>& t, int rows) {
    if constexpr (Tile::refines) return own(t).refine(rows);
    else return false;
  }
  static void fold_again(tile_base<T>& t, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n) {
    if constexpr (Tile::refines) own(t).fold_again(r, in, from, n);
  }
  static void fold_again_short(tile_base<T>& t, int rows, const T* const* in, std::ptrdiff_t n) {
    if constexpr (Tile::refines) own(t).fold_again_short(rows, in, n);
  }
  static void finish(tile_base<T>& t, int rows) { own(t).template finish<WithRows>(rows); }
  static void finish_short(tile_base<T>& t, int rows) { own(t).template finish_short<WithRows>(rows); }
  static void spread(const tile_base<T>& t, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n,
                     const T* terms, T* const* out, bool whole) {
    if constexpr (WithRows)
      static_cast<const Tile&>(t).template spread<spread_parts>(r, in, from, n, terms, places(out).to, whole);
  }
  static void spread_short(const tile_base<T>& t, int rows, const T* const* in, std::ptrdiff_t n,
                           const T* terms, T* const* out) {
    if constexpr (WithRows)
      static_cast<const Tile&>(t).template spread_short<spread_parts>(rows, in, n, terms, places(out).to);
  }
  static constexpr row_kernel<T> value = {sizeof(Tile),
                                          make,
                                          fold,
                                          fold_short,
                                          settle,
                                          add_block,
                                          Tile::refines ? refine : nullptr,
                                          fold_again,
                                          fold_again_short,
                                          finish,
                                          finish_short,
                                          spread,
                                          spread_short};
};

UFL_END
