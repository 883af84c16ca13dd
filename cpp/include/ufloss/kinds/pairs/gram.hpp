// Unit vectors and the tiles of their products: what a loss over all pairs of a batch is computed with.
//
// Design:
// a) One kernel multiplies: six rows of two packs, which fill the registers, and one fma after the other
//    along the depth.  So the bits of a product do not depend on the width of a register.
// b) The rows lie in memory twice, as rows and in panels as wide as a tile, where the numbers that the kernel
//    loads together lie together.  There is no array of all pairs: what becomes of a tile is summed up at
//    once.
#pragma once
#include "ufloss/kinds/pairs/loss.hpp"
#include "ufloss/memory/arena.hpp"
#include "ufloss/memory/strided.hpp"
#include "ufloss/vocabulary/lanes.hpp"

UFL_BEGIN

/// Six rows of two packs are twelve accumulators; with two packs of columns and one factor they fit sixteen
/// registers.
constexpr int tile_rows = 6;
template <class T> constexpr int tile_columns = 2 * lanes<T>;
constexpr std::ptrdiff_t least(std::ptrdiff_t a, std::ptrdiff_t b) { return a < b ? a : b; }
constexpr std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t to) { return (n + to - 1) / to * to; }

/// Numbers that lie `row` from row to row and `step` from one to the next in a row; rows whose numbers lie
/// together.
template <class T> struct steps_of {
  T* data;
  std::ptrdiff_t row, step;
};
template <class T> struct rows_of {
  T* data;
  std::ptrdiff_t row;
};

template <class T> using tile_of_products = native<T>[tile_rows][2];
/// c[q] += sum over t < depth of a[q, t] * b[t], where b[t] is two packs.
template <class T>
UFL_FN void multiply(steps_of<const T> a, rows_of<const T> b, std::ptrdiff_t depth, tile_of_products<T>& c) {
  using V = native<T>;
  for (std::ptrdiff_t t = 0; t < depth; ++t, a.data += a.step, b.data += b.row) {
    const V left = load(b.data), right = load(b.data + lanes<T>);
    UFL_UNROLL for (int q = 0; q < tile_rows; ++q) {
      const V x(a.data[q * a.row]);
      c[q][0] = fma(x, left, c[q][0]);
      c[q][1] = fma(x, right, c[q][1]);
    }
  }
}
/// The same where c lies in memory.
template <class T>
UFL_FN void multiply_add(steps_of<const T> a, rows_of<const T> b, std::ptrdiff_t depth, rows_of<T> to) {
  tile_of_products<T> c;
  UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p) c[q][p] =
      load(to.data + q * to.row + p * lanes<T>);
  multiply<T>(a, b, depth, c);
  UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p)
      store(c[q][p], to.data + q * to.row + p * lanes<T>);
}

/// Sum of a[i] * b[i] in double; n is a multiple of virtual_lanes.
template <class T> UFL_FN double dot(const T* a, const T* b, std::ptrdiff_t n) {
  using D = wide_t<native<T>>;
  constexpr int packs = chunks<T>::packs;
  D s[packs];
  UFL_UNROLL for (int i = 0; i < packs; ++i) s[i] = D(0);
  for (std::ptrdiff_t j = 0; j < n; j += virtual_lanes<T>)
    UFL_UNROLL for (int i = 0; i < packs; ++i) s[i] =
        fma(widen(load(a + j + i * lanes<T>)), widen(load(b + j + i * lanes<T>)), s[i]);
  UFL_UNROLL for (int w = packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) s[i] =
      s[i] + s[i + w];
  return sum_of_doubles(s[0]);
}
/// a[i] = a[i] * f, multiplied in double.
template <class T> UFL_FN void scale_row(T* a, double f, std::ptrdiff_t n) {
  for (std::ptrdiff_t j = 0; j < n; j += lanes<T>)
    store(narrow(widen(load(a + j)) * wide_t<native<T>>(f), native<T>(T(0))), a + j);
}

/// A matrix in memory; steps in bytes.
template <class S> struct matrix_rows {
  char* data;
  std::ptrdiff_t step, core;
  char* at(std::ptrdiff_t r) const { return data + r * step; }
};

/// The directions of n vectors, all made of one length; vectors of zeros stay so.  Rows of zeros follow,
/// since tiles reach beyond the end.
template <class T> struct directions {
  std::ptrdiff_t n = 0, columns = 0;  ///< vectors; with what fills up a panel
  std::ptrdiff_t width, row_step;     ///< numbers in each; with what fills up a row
  T *row, *panel;                     ///< panel: null where they are never the columns of a tile
  double* slope;  ///< what the gradient of a direction is multiplied by to be that of its vector
  directions(std::ptrdiff_t most, std::ptrdiff_t numbers, arena& a, bool has_panel = true)
      : width(numbers), row_step(round_up(width, virtual_lanes<T>)) {
    const std::ptrdiff_t padded = round_up(most, virtual_lanes<T>);
    row = a.take<T>(size_product(padded + tile_rows, row_step));
    panel = has_panel ? a.take<T>(size_product(padded, width)) : nullptr;
    slope = a.take<double>(most);
  }
  /// Vector i becomes row which[i] of `from`, `length` long.  False: one of them is not finite.
  template <class S>
  bool set(const matrix_rows<S>& from, const std::ptrdiff_t* which, std::ptrdiff_t count, double length) {
    n = count;
    columns = round_up(n, virtual_lanes<T>);
    const auto fill = [](T* to, std::ptrdiff_t k) {
      for (; k > 0; --k) *to++ = T(0);
    };
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      T* const x = row + i * row_step;
      gather<S>(x, from.at(which[i]), from.core, width);
      fill(x + width, row_step - width);
      double squares = dot(x, x, row_step), unit = 1;
      if constexpr (sizeof(T) == 8) {  // floats squared in double leave no range
        if (squares > 0x1p1000 || (squares < 0x1p-900 && !is_zero(x))) {
          unit = squares > 0x1p1000 ? 0x1p-600 : 0x1p600;
          scale_row(x, unit, row_step);
          squares = dot(x, x, row_step);
        }
      }
      // NaN fails this too.
      if (!(squares < __builtin_inf())) return false;
      slope[i] = squares > 0 ? length / sqrt(squares) : 0;
      scale_row(x, slope[i], row_step);
      slope[i] *= unit;
    }
    fill(row + n * row_step, (columns + tile_rows - n) * row_step);
    if (!panel) return true;
    constexpr int w = tile_columns<T>;
    for (std::ptrdiff_t i = 0; i < columns; ++i) {
      T* const to = panel + i / w * w * width + i % w;
      for (std::ptrdiff_t k = 0; k < width; ++k) to[k * w] = row[i * row_step + k];
    }
    return true;
  }
  bool is_zero(const T* x) const {
    for (std::ptrdiff_t k = 0; k < width; ++k)
      if (x[k] != T(0)) return false;
    return true;
  }
  /// put(i, gradient) of each vector, from the gradients of all directions, which are overwritten.  What
  /// changes a vector's length changes nothing: only the part across the vector stays.  The square of a
  /// direction's length is `squared`.
  template <class Put> void put_gradients(T* of_directions, double squared, Put put) const {
    using V = native<T>;
    using D = wide_t<V>;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      T *const g = of_directions + i * row_step, *const x = row + i * row_step;
      const double along = squared > 0 ? dot(g, x, row_step) / squared : 0;
      for (std::ptrdiff_t k = 0; k < row_step; k += lanes<T>) {
        const D across = widen(load(g + k)) - widen(load(x + k)) * D(along);
        store(narrow(across * D(slope[i]), V(T(0))), g + k);
      }
      put(i, g);
    }
  }
  /// Products of rows i, i + 1, ... and the panel that begins with column j.
  UFL_FN void products(std::ptrdiff_t i, std::ptrdiff_t j, tile_of_products<T>& c) const {
    products(i, *this, j, c);
  }
  /// The same where the columns are those of others.
  UFL_FN void products(std::ptrdiff_t i, const directions& others, std::ptrdiff_t j,
                       tile_of_products<T>& c) const {
    UFL_UNROLL for (int q = 0; q < tile_rows; ++q) c[q][0] = c[q][1] = native<T>(T(0));
    multiply<T>({row + i * row_step, row_step, 1}, {others.panel + j * width, tile_columns<T>}, width, c);
  }
};

/// Indices in ascending order of their labels, equal ones as they were: sorted runs are merged, so that
/// labels that come in order, or in order twice, take one pass.  Both arrays are used; the one with the
/// result is returned.
inline std::ptrdiff_t* sort_by_label(const long long* label, std::ptrdiff_t* order, std::ptrdiff_t* spare,
                                     std::ptrdiff_t n) {
  const auto end_of_run = [&](std::ptrdiff_t i) {
    if (i < n) do
        ++i;
      while (i < n && label[order[i - 1]] <= label[order[i]]);
    return i;
  };
  while (end_of_run(0) < n) {
    for (std::ptrdiff_t i = 0; i < n;) {
      const std::ptrdiff_t middle = end_of_run(i), end = end_of_run(middle);
      for (std::ptrdiff_t a = i, b = middle, to = i; to < end; ++to) {
        const bool right = a == middle || (b < end && label[order[b]] < label[order[a]]);
        spare[to] = order[right ? b++ : a++];
      }
      i = end;
    }
    std::ptrdiff_t* const sorted = spare;
    spare = order;
    order = sorted;
  }
  return order;
}

UFL_END
