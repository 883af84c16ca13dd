// Gradients of losses over pairs: slopes of a strip of rows, times the vectors that they belong to.
#pragma once
#include "ufloss/cuda/pairs_batch.hpp"

UFL_BEGIN
namespace gpu {

/// The slopes in the products of the strip's rows and all columns; of side 1, of keys and all queries.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_slopes_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  using tile_t = typename context::block_of_pairs;

  /// Of row r and column k of the products, of one batch r < k.
  static UFL_DEVICE T slope(const context& b, const typename context::exponentials& e_of, T product, int r,
                            int k, int n) {
    if constexpr (context::cross) {
      if (r >= n || k >= n) return T(0);
      if (r == k) {
        const double terms = double(n) * (context::both_ways ? 2 : 1), share = 1 / terms;
        const double pull = b.pull(0)[r] + (context::both_ways ? b.pull(1)[r] : 0);
        return T(0) - T(pull * share);
      }
      const T e = e_of(product, b.top(e_of, 0, r)), of_row = b.weight(0)[r];
      if constexpr (!context::both_ways) return e * of_row;
      const T of_column = b.weight(1)[k];
      return e_of.shared ? e * (of_row + of_column)
                         : fma(e, of_row, e_of(product, b.top(e_of, 1, k)) * of_column);
    } else {
      if (r >= n || k >= n || r == k) return T(0);
      T h = T(0);
      if (b.is_other(r, k, n)) {
        const T e = e_of(product, b.top(e_of, 0, r)), of_row = b.weight(0)[r], of_column = b.weight(0)[k];
        h = e_of.shared ? e * (of_row + of_column)
                        : fma(e, of_row, e_of(product, b.top(e_of, 0, k)) * of_column);
      }
      if (b.are_together(r, k, n)) {
        const double of_row = b.share()[r] * L::cost(b.level(0)[r] - double(product)).slope;
        h -= T(of_row + b.share()[k] * L::cost(b.level(0)[k] - double(product)).slope);
      }
      return h;
    }
  }
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    const int n = b.count(), side = int(a.side), other = context::cross ? 1 - side : 0;
    const long long row = block() * (long long)batch_block, first = a.first_row + row, rows = a.at.rows;
    const long long j = block_y() * (long long)tile_t::columns, step = a.at.step;
    if (first >= rows || first >= n || row >= a.at.strip) return;
    const auto e_of = b.exponential();
    tile_t t;
    t.clear();
    t.template multiply<false>(b.vectors(side) + first * step, step, b.vectors(other) + j * step, step, step,
                               int(rows - j));
    T* const slopes = b.template piece<T>(a.at.slopes);
    UFL_UNROLL for (int q = 0; q < tile_t::own_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p) {
      const int r = int(first) + tile_t::row(q), k = int(j) + tile_t::column(p);
      if (k >= rows) continue;
      const bool turned = context::cross ? side == 1 : r > k;
      slopes[(row + tile_t::row(q)) * rows + k] =
          slope(b, e_of, t.c[q][p], turned ? k : r, turned ? r : k, n);
    }
  }
};

/// Their products with the vectors, by 96 rows and the numbers of a tile, in the order in which the CPU's
/// blocks come: of one batch, what lies behind a row comes before what lies before it in its own block.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_gather_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  using tile_t = typename context::block_of_pairs;

  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    const int n = b.count(), side = int(a.side), other = context::cross ? 1 - side : 0;
    const long long row = block() * (long long)batch_block, first = a.first_row + row, rows = a.at.rows;
    const long long number = block_y() * (long long)tile_t::columns, step = a.at.step;
    if (first >= rows || first >= n || row >= a.at.strip) return;
    const T* const slopes = b.template piece<T>(a.at.slopes) + row * rows;
    const T* const vectors = b.vectors(other) + number;
    const int left = int(step - number);
    tile_t t;
    t.clear();
    if constexpr (context::cross) t.template multiply<true>(slopes, rows, vectors, step, rows, left);
    else {
      t.template multiply<true>(slopes, rows, vectors, step, first, left);
      t.template multiply<true, 1>(slopes + first, rows, vectors + first * step, step, batch_block, left);
      t.template multiply<true, -1>(slopes + first, rows, vectors + first * step, step, batch_block, left);
      const long long behind = first + batch_block;
      t.template multiply<true>(slopes + behind, rows, vectors + behind * step, step, rows - behind, left);
    }
    T* const to = b.template piece<T>(a.at.gathered[side]);
    UFL_UNROLL for (int q = 0; q < tile_t::own_rows; ++q)
        UFL_UNROLL for (int p = 0; p < 2; ++p) if (number + tile_t::column(p) < step)
            to[(first + tile_t::row(q)) * step + number + tile_t::column(p)] = t.c[q][p];
  }
};

/// Gradients to their places; what changes a vector's length changes nothing.  A warp a vector.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_put_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  using our = team<warp_threads>;
  static constexpr int lanes = context::lanes;
  static constexpr int first_output = context::inputs + ((Parts & part_value) != 0);

  static UFL_DEVICE void put(const context& b, int output, long long i, long long k, S x) {
    *at<S>(b.operand[output] + i * b.a.along[output][0] + k * b.a.along[output][1]) = x;
  }
  static UFL_DEVICE void fill(const context& b, int output, long long i, double x) {
    for (long long k = our::rank(); k < b.a.width; k += warp_threads)
      put(b, output, i, k, storage<S>::put(T(x)));
  }
  static UFL_DEVICE void one(const context& b, int side, int output, long long i) {
    const long long step = b.a.at.step;
    const T *const g = b.template piece<T>(b.a.at.gathered[side]) + i * step, *const x =
                                                                                  b.vectors(side) + i * step;
    double along = 0;
    for (long long k = our::rank() % lanes; k < step; k += lanes)
      along = fma(double(g[k]), double(x[k]), along);
    along = group<lanes>::sum(along);
    along = b.state.per_temperature > 0 ? along / b.state.per_temperature : 0;
    const double slope = b.template piece<double>(b.a.at.slope[side])[i];
    for (long long k = our::rank(); k < b.a.width; k += warp_threads) {
      const double across = double(g[k]) - double(x[k]) * along;
      put(b, output, b.order()[i], k, storage<S>::put(T(across * slope)));
    }
  }
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    const double value = b.state.value;
    const bool is_number = value == value;
    const long long warps = threads() / warp_threads, own = block() * warps + thread() / warp_threads;
    int output = first_output;
    for (int side = 0; side < 1 + context::cross; ++side) {
      if (!(Parts & (side ? part_grad2 : part_grad))) continue;
      for (long long i = own; i < a.n; i += blocks() * warps) {
        const bool takes = b.takes_part(i);
        if (!is_number || !takes) fill(b, output, i, takes ? value : 0);
        if (is_number && i < b.state.count) one(b, side, output, i);
      }
      ++output;
    }
  }
};

}  // namespace gpu
UFL_END
