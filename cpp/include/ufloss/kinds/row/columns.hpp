// Short rows side by side: rows of an operand down the columns of a tile, and back.
#pragma once
#include "ufloss/kinds/row/fetch.hpp"
#include "ufloss/kinds/row/tile.hpp"
#include "ufloss/vocabulary/transpose.hpp"

UFL_BEGIN

/// Rows [first, first + count) of n elements; columns up to `padded` repeat the last one.
/// A pack is always full of rows: padding repeats one of the caller's, since numbers that nobody wrote might
/// be anything.
struct rows_of_tile {
  std::ptrdiff_t first, n;
  int count, padded;
  std::ptrdiff_t row(int column) const { return first + (column < count ? column : count - 1); }
};

/// Can rows of an operand of storage type X be turned a square of numbers at a time?  Rows that fill less
/// than half of one are copied number by number sooner.
template <class X, class T> bool in_squares(const row_operand& a, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t least = has_partial_packs ? lanes<T> / 2 + 1 : lanes<T>;
  return lanes<T> > 1 && lies_ready<X, T>(a) && n >= least;
}
/// f(j, width) for the first columns of squares that cover a row; the last may overlap the one before.
/// What two squares both have is turned twice, to the same numbers.
template <class T, class F> void each_square(std::ptrdiff_t n, F f) {
  if (n < lanes<T>) return f(0, int(n));
  for (std::ptrdiff_t j = 0; j < n; j += lanes<T>) f(j + lanes<T> <= n ? j : n - lanes<T>, lanes<T>);
}
/// A row of a square; nothing beyond the end of a row narrower than that is read or written.
template <class T> UFL_FN native<T> load_row(const T* p, int width) {
  return width < lanes<T> ? load_some(p, width) : load(p);
}
template <class T> UFL_FN void store_row(native<T> x, T* p, int width) {
  if (width < lanes<T>) store_some(x, p, width);
  else store(x, p);
}

/// Rows of an operand of storage type S down the columns of a tile.
template <class S, class T>
UFL_NOINLINE void place_columns(const row_operand& a, const rows_of_tile& rows, T* columns) {
  // In registers: number by number, rows of ten would spend nearly half of their time here.
  if (in_squares<S, T>(a, rows.n)) {
    for (int i = 0; i < rows.padded; i += lanes<T>)
      each_square<T>(rows.n, [&](std::ptrdiff_t j, int width) UFL_INLINE {
        native<T> square[lanes<T>];
        UFL_UNROLL for (int k = 0; k < lanes<T>; ++k) {
          square[k] = load_row(a.at<T>(rows.row(i + k), j), width);
        }
        transpose(square);
        UFL_UNROLL for (int k = 0; k < lanes<T>; ++k) {
          if (k < width) store(square[k], columns + (j + k) * tile + i);
        }
      });
    return;
  }
  // Strided, float16, or too short to be worth a square.
  for (int i = 0; i < rows.padded; ++i) {
    const char* p = a.data + rows.row(i) * a.outer;
    for (std::ptrdiff_t j = 0; j < rows.n; ++j)
      columns[j * tile + i] = T(storage<S>::get(*reinterpret_cast<const S*>(p + j * a.core)));
  }
}

/// Columns of a tile as rows of a result of storage type O.
/// Whole packs of rows go in squares, the last rows one by one: padding has no place to go to.
template <class O, class T>
UFL_NOINLINE void put_columns(const row_operand& a, const rows_of_tile& rows, const T* columns) {
  int i = 0;
  if (in_squares<O, T>(a, rows.n))
    for (; i + lanes<T> <= rows.count; i += lanes<T>)
      each_square<T>(rows.n, [&](std::ptrdiff_t j, int width) UFL_INLINE {
        native<T> square[lanes<T>];
        UFL_UNROLL for (int k = 0; k < lanes<T>; ++k) {
          square[k] = k < width ? load(columns + (j + k) * tile + i) : native<T>(T(0));
        }
        transpose(square);
        UFL_UNROLL for (int k = 0; k < lanes<T>; ++k) {
          store_row(square[k], a.at<T>(rows.first + i + k, j), width);
        }
      });
  for (; i < rows.count; ++i)
    for (std::ptrdiff_t j = 0; j < rows.n; ++j)
      *a.at<O>(rows.first + i, j) = storage<O>::put(typename storage<O>::compute(columns[j * tile + i]));
}

/// What is masked out of the first `columns_used` rows becomes `pad`.
/// Such elements were copied with the others, but no arithmetic has seen them.
template <class T>
UFL_NOINLINE void blank_columns(const row_operand& mask, const rows_of_tile& rows, int columns_used, T pad,
                                T* columns) {
  for (int i = 0; i < columns_used; ++i) {
    const char* keep = mask.at<char>(rows.row(i), 0);
    for (std::ptrdiff_t j = 0; j < rows.n; ++j, keep += mask.core) {
      T& x = columns[j * tile + i];
      const T both[] = {pad, x};
      x = both[*keep != 0];  // no branch: nobody could foresee it
    }
  }
}

UFL_END
