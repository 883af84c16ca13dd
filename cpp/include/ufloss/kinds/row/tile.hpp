// What the loops over rows have in common.
//
// - Rows of short_row elements and more are summed along the row, in virtual lanes that every instruction set
//   adds in the same tree; shorter ones lie side by side, a row in each lane.  Only the length chooses, so
//   bits do not depend on layout, batch or registers.
// - A long row is read in blocks that stay in the first-level cache.  Each block has its own reference;
// blocks
//   are merged in double.
// - What cannot be used as it lies (strides, float16, masks) is brought into a buffer one block at a time: no
//   copy of the input.
// - Masked elements are never looked at: a loss's neutral elements stand for them.
#pragma once
#include <new>
#include <type_traits>
#include "ufloss/kinds/row/loss.hpp"
#include "ufloss/memory/strided.hpp"
#include "ufloss/vocabulary/lanes.hpp"

UFL_BEGIN

constexpr int tile = 64;  ///< most rows that are worked on together
constexpr int max_along = 3, max_scalars = 4, max_row_outputs = 4;
/// Where a row loop stopped: a label that is no class; or there was no memory.
struct bad_label {
  long long label;
  std::ptrdiff_t row, classes;
  bool no_memory = false;
};

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
/// What every tile has: what comes with a row beside its elements, and what comes out beside the spread.
template <class T> struct tile_base {
  alignas(64) double label[tile], label_at[tile], count[tile],
      scalar[max_scalars][tile];  // label: the element at the label
  alignas(64) T value[tile], grad_at_label[tile], hess_at_label[tile];
  bool invalid[tile];          // a scalar lies outside its domain: the row is NaN
  bool wants_next_pass[tile];  // the row asks for another pass
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
  bool (*next_pass)(tile_base<T>&,
                    int rows);  // does any row ask for another pass?  Null: the loss never does
  void (*fold_next)(tile_base<T>&, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n);
  void (*fold_next_short)(tile_base<T>&, int rows, const T* const* in, std::ptrdiff_t n);
  void (*finish)(tile_base<T>&, int rows);
  void (*finish_short)(tile_base<T>&, int rows);
  void (*spread)(const tile_base<T>&, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n,
                 const T* terms, T* const* out, bool whole);
  void (*spread_short)(const tile_base<T>&, int rows, const T* const* in, std::ptrdiff_t n, const T* terms,
                       T* const* out);
};
/// The sums of up to `tile` rows of loss L computed in T; each kind of row has its own.
template <class Kind, class L, class T> struct tile_of;
template <class L, class T> using row_tile = typename tile_of<typename L::form, L, T>::type;

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
  static bool next_pass(tile_base<T>& t, int rows) {
    if constexpr (Tile::has_next_pass) return own(t).next_pass(rows);
    else return false;
  }
  static void fold_next(tile_base<T>& t, int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n) {
    if constexpr (Tile::has_next_pass) own(t).fold_next(r, in, from, n);
  }
  static void fold_next_short(tile_base<T>& t, int rows, const T* const* in, std::ptrdiff_t n) {
    if constexpr (Tile::has_next_pass) own(t).fold_next_short(rows, in, n);
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
                                          Tile::has_next_pass ? next_pass : nullptr,
                                          fold_next,
                                          fold_next_short,
                                          finish,
                                          finish_short,
                                          spread,
                                          spread_short};
};

UFL_END
