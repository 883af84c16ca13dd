// What the loops over rows have in common.
//
// Design:
// a) Rows of short_row elements and more are summed along the row, in virtual lanes that every instruction set adds in the same tree;
//    shorter ones lie side by side, a row in each lane.  Only the length chooses, so bits do not depend on layout, batch or registers.
// b) A long row is read in blocks that stay in the first-level cache.  Each block has its own reference; blocks are merged in double.
// c) What cannot be used as it lies (strides, float16, masks) is brought into a buffer one block at a time: no copy of the input.
// d) Masked elements are never looked at: they become -inf logits of weight 0.
#pragma once
#include "../core/row.hpp"
#include "elementwise.hpp"

UFL_BEGIN

constexpr int tile = 64;                   ///< most rows that are worked on together
constexpr int max_along = 3, max_parameters = 4, max_row_outputs = 4;
constexpr int prefetch_bytes = 16384;      ///< how far ahead of the arithmetic a row is asked for: 0.25 became 0.16 ns an element

/// `outer` bytes from row to row, `core` bytes from element to element.
struct row_operand {
  char* data;
  std::ptrdiff_t outer, core;
  template <class S> UFL_FN S* at(std::ptrdiff_t row, std::ptrdiff_t i) const { return reinterpret_cast<S*>(data + row * outer + i * core); }
};
/// Where a row loop stopped: a label that is no class.
struct bad_label { long long label; std::ptrdiff_t row, classes; };

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
template <class T> UFL_FN void store_padded(native<T> v, T* p, std::ptrdiff_t k) {
  if (k >= lanes<T>) store(v, p);
  else if (k > 0) store_some(v, p, int(k));
}
/// f(p, i) for the packs of the virtual lanes: `load(j, i)` loads pack i of a chunk from element j on.
template <class T, int Lanes = virtual_lanes<T>> struct chunks {
  static constexpr int packs = Lanes / lanes<T>;
  template <class F> static UFL_FN void each(F f) {
    UFL_UNROLL for (int i = 0; i < packs; ++i) f(i);
  }
  /// body(i, j, k): pack i of the virtual lanes, at element j, of which k are left: a full pack where k >= lanes.
  template <class F> static UFL_FN void over(std::ptrdiff_t n, F body) {
    std::ptrdiff_t j = 0;
    for (; j + Lanes <= n; j += Lanes) UFL_UNROLL for (int i = 0; i < packs; ++i) body(i, j + i * lanes<T>, std::ptrdiff_t(lanes<T>));
    if (j < n) UFL_UNROLL for (int i = 0; i < packs; ++i) body(i, j + i * lanes<T>, n - j - i * lanes<T>);
  }
  /// Lane i and lane i + Lanes/2, and so on by halves.
  static UFL_FN T sum(native<T>* a) {
    UFL_UNROLL for (int w = packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) a[i] = a[i] + a[i + w];
    return sum_of_lanes(a[0]);
  }
};

template <class L> constexpr int count_role(role kind, bool along) {
  int n = 0;
  for (const argument& a : L::args) n += a.kind == kind && a.along == along;
  return n;
}
template <class L> constexpr int count_along() {
  int n = 0;
  for (const argument& a : L::args) n += a.along;
  return n;
}

/// What every tile has: what comes with a row beside its elements, and what comes out beside the spread.
template <class T> struct tile_base {
  alignas(64) double label[tile], count[tile], parameter[max_parameters][tile];      // label: the element at the label
  alignas(64) T value[tile], own_grad[tile], own_hess[tile];
  bool invalid[tile];                      // a parameter lies outside its domain: the row is NaN
};

/// A loss and some of its parts, computed in T, as a loop over rows sees it: so that there is one such loop for all losses.
template <class T> struct row_kernel {
  void (*fold)(tile_base<T>&, int r, const T* const* in, std::ptrdiff_t n, T* terms);
  void (*fold_short)(tile_base<T>&, int rows, const T* const* in, std::ptrdiff_t n, T* terms);
  void (*settle)(tile_base<T>&, int rows);
  void (*add_block)(tile_base<T>&, int a, int b);
  void (*finish)(tile_base<T>&, int rows);
  void (*finish_short)(tile_base<T>&, int rows);
  void (*spread)(const tile_base<T>&, int r, const T* const* in, std::ptrdiff_t n, const T* terms, T* const* out, bool whole);
  void (*spread_short)(const tile_base<T>&, int rows, const T* const* in, std::ptrdiff_t n, const T* terms, T* const* out);
};
/// The sums of up to `tile` rows of loss L computed in T; each kind of row has its own.
template <class Kind, class L, class T> struct tile_of;
template <class L, class T> using row_tile = typename tile_of<typename L::kind, L, T>::type;
constexpr std::size_t largest_tile = 24 * 1024;

template <class L, unsigned Parts, bool WithRows, class T> struct kernel_of {
  using Tile = row_tile<L, T>;
  static_assert(sizeof(Tile) <= largest_tile, "raise largest_tile");
  static Tile& own(tile_base<T>& t) { return static_cast<Tile&>(t); }
  static void fold(tile_base<T>& t, int r, const T* const* in, std::ptrdiff_t n, T* terms) { own(t).fold(r, in, n, terms); }
  static void fold_short(tile_base<T>& t, int rows, const T* const* in, std::ptrdiff_t n, T* terms) { own(t).fold_short(rows, in, n, terms); }
  static void settle(tile_base<T>& t, int rows) { own(t).settle(rows); }
  static void add_block(tile_base<T>& t, int a, int b) { own(t).add_block(a, b); }
  static void finish(tile_base<T>& t, int rows) { own(t).template finish<WithRows>(rows); }
  static void finish_short(tile_base<T>& t, int rows) { own(t).template finish_short<WithRows>(rows); }
  static void spread(const tile_base<T>& t, int r, const T* const* in, std::ptrdiff_t n, const T* terms, T* const* out, bool whole) {
    if constexpr (WithRows) static_cast<const Tile&>(t).template spread<Parts>(r, in, n, terms, out, whole);
  }
  static void spread_short(const tile_base<T>& t, int rows, const T* const* in, std::ptrdiff_t n, const T* terms, T* const* out) {
    if constexpr (WithRows) static_cast<const Tile&>(t).template spread_short<Parts>(rows, in, n, terms, out);
  }
  static constexpr row_kernel<T> value = {fold, fold_short, settle, add_block, finish, finish_short, spread, spread_short};
};

UFL_END
