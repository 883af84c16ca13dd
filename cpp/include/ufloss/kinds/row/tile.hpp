// A tile: up to 64 rows that are worked on together, and what the loop over rows asks of it.
//
// - Rows of short_row elements and more are summed along the row, in virtual lanes that every instruction set
//   adds in the same tree; shorter ones lie side by side, a row in each lane.  Only the length chooses, so
//   bits do not depend on layout, batch or registers.
// - A long row is read in blocks that stay in the first-level cache.  Each block has its own reference;
//   blocks are merged in double: pairs, pairs of pairs, and so on.
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
/// What comes with the rows of a tile beside their elements, what comes out beside their spread, and what is
/// done with them: so there is one loop over rows for all losses.
///
/// Each kind of row says how its sums are taken (softmax_sums.hpp, sum_rows.hpp).  Long rows come one block
/// at a time, short ones all at once, element j of row r at [j * tile + r].
template <class T> struct tile_base {
  alignas(64) double label[tile];  ///< the element at the label
  double label_at[tile], count[tile], scalar[max_scalars][tile];
  alignas(64) T value[tile], grad_at_label[tile], hess_at_label[tile];
  bool invalid[tile];          ///< a scalar lies outside its domain: the row is NaN
  bool wants_next_pass[tile];  ///< the row asks for another pass

  /// The sums of elements [from, from + n) of a row to place r; terms go to `terms`, unless it is null.
  virtual void fold(int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n, T* terms) = 0;
  virtual void fold_short(int rows, const T* const* in, std::ptrdiff_t n, T* terms) = 0;
  /// What fold() left of one block of each row becomes the sums of those rows.
  virtual void settle(int rows) = 0;
  /// The same of one row.
  virtual void settle_one(int r) = 0;
  /// Adds to row a the elements behind it, row b; both are settled.
  virtual void add_block(int a, int b) = 0;
  /// Does any row ask for another pass?  fold_next() takes it.
  virtual bool next_pass(int) { return false; }
  virtual void fold_next(int, const T* const*, std::ptrdiff_t, std::ptrdiff_t) {}
  virtual void fold_next_short(int, const T* const*, std::ptrdiff_t) {}
  /// Values of rows whose sums are complete, and what their spread needs.
  virtual void finish(int rows) = 0;
  virtual void finish_short(int rows) = 0;
  /// Derivatives of elements [from, from + n) of row r; `whole`: that is all of it.
  virtual void spread(int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n, const T* terms,
                      T* const* out, bool whole) const = 0;
  virtual void spread_short(int rows, const T* const* in, std::ptrdiff_t n, const T* terms,
                            T* const* out) const = 0;

 protected:
  tile_base() = default;
  ~tile_base() = default;
};

/// How a loop over rows comes by the tile of a loss.
template <class T> struct row_kernel {
  std::size_t size;
  tile_base<T>* (*make)(void* memory);
};

/// The sums of up to `tile` rows of loss L computed in T; each kind of row has its own.
template <class Kind, class L, class T> struct tile_of;
template <class L, class T> using row_tile = typename tile_of<typename L::form, L, T>::type;

/// Loss L and some of its parts, computed in T; WithRows: some of them have an entry for each element.
template <class L, unsigned Parts, bool WithRows, class T> struct kernel_of final : row_tile<L, T> {
  /// Second derivatives are always computed with the gradient, which is not stored where nobody asked: fewer
  /// loops to compile.
  static constexpr unsigned not_along = L::properties & row_value ? 0u : unsigned(part_value);
  static constexpr unsigned along = Parts & ~not_along;
  static constexpr bool unasked_grad = along == part_hess || along == part_bound;
  static constexpr unsigned computed = along | (unasked_grad ? unsigned(part_grad) : 0u);

  /// Where computed parts go; null: nowhere.
  struct places {
    T* to[max_row_outputs + 1];
    explicit places(T* const* out) : to{} {
      for (int k = 0; k < count_parts(along); ++k) to[k + int(unasked_grad)] = out[k];
    }
  };
  void finish(int rows) override { this->template finish_rows<WithRows>(rows); }
  void finish_short(int rows) override { this->template finish_short_rows<WithRows>(rows); }
  void spread(int r, const T* const* in, std::ptrdiff_t from, std::ptrdiff_t n, const T* terms, T* const* out,
              bool whole) const override {
    if constexpr (WithRows) this->template spread_row<computed>(r, in, from, n, terms, places(out).to, whole);
  }
  void spread_short(int rows, const T* const* in, std::ptrdiff_t n, const T* terms,
                    T* const* out) const override {
    if constexpr (WithRows) this->template spread_short_rows<computed>(rows, in, n, terms, places(out).to);
  }

  /// With braces, so that everything begins as 0: packs are finished whole, with places that have no row.
  static tile_base<T>* make(void* memory) { return new (memory) kernel_of{}; }
  static constexpr row_kernel<T> value() { return {sizeof(kernel_of), make}; }
};

UFL_END
