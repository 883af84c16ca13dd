// Losses over all pairs of a batch or of two as kernels: what each vector is held against, and costs.
//
// A block has 96 rows, as the CPU's: it multiplies tile after tile and adds up exponentials in lanes along
// rows, and one row after another down columns; a small kernel adds the blocks' sums in the CPU's order.
#pragma once
#include "ufloss/cuda/pairs_batch.hpp"

UFL_BEGIN
namespace gpu {

/// Exponentials of what rows and columns are held against, and their moments, by chunks and blocks of them;
/// Tops: the largest products instead, where the exponentials have no common reference.
template <class L, unsigned Parts, class S, bool Masked, bool Tops> struct pairs_sums_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  using tile_t = typename context::block_of_pairs;
  static constexpr bool moments = context::moments && !Tops;
  static constexpr bool of_columns = !context::cross || context::both_ways;
  static constexpr int own_rows = tile_t::own_rows, columns = tile_t::columns;
  static constexpr T nothing = Tops ? T(-UFL_INF) : T(0);
  using sheet = typename tile_t::template sheet<T>;

  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    const int n = b.count();
    if (Tops && b.shared()) return;
    const long long first = (long long)block() * batch_block, rows = a.at.rows, step = a.at.step;
    const long long from = (context::cross ? 0 : first) + block_y() * context::chunk;
    if (first >= n || from >= n) return;
    const auto e_of = b.exponential();
    const int last = context::cross ? 1 : 0;
    T sum[own_rows], moment[own_rows];
    UFL_UNROLL for (int q = 0; q < own_rows; ++q) sum[q] = moment[q] = nothing;
    UFL_ROLLED
    for (long long j = from; j < from + context::chunk && j < n; j += columns) {
      tile_t t;
      t.clear();
      t.template multiply<false>(b.vectors(0) + first * step, step, b.vectors(last) + j * step, step, step,
                                 int(rows - j));
      sheet* const sheets = shared_memory<sheet>();
      UFL_UNROLL for (int p = 0; p < 2; ++p) UFL_UNROLL for (int q = 0; q < own_rows; ++q) {
        const int r = int(first) + tile_t::row(q), k = int(j) + tile_t::column(p);
        const T product = t.c[q][p];
        const bool is = b.is_other(r, k, n);
        if constexpr (Tops) {
          const T x = is ? product : nothing;
          sum[q] = max(sum[q], x);
          sheets[0].at[tile_t::row(q)][tile_t::column(p)] = x;
        } else {
          const T e = is ? e_of(product, b.top(e_of, 0, r)) : T(0);
          sum[q] = sum[q] + e;
          if constexpr (moments) moment[q] = fma(e, product - b.own()[r], moment[q]);
          if constexpr (of_columns) {
            const T f = !is ? T(0) : e_of.shared ? e : e_of(product, b.top(e_of, last, k));
            sheets[0].at[tile_t::row(q)][tile_t::column(p)] = f;
            if constexpr (moments)
              sheets[1].at[tile_t::row(q)][tile_t::column(p)] = is ? product - b.own()[k] : T(0);
          }
        }
      }
      if constexpr (of_columns) {
        sync_block();
        const int c = int(thread());
        if (c < columns && j + c < rows) {
          T down = nothing, of_moments = T(0);
          for (int r = 0; r < batch_block; ++r) {
            const T f = sheets[0].at[r][c];
            down = Tops ? max(down, f) : down + f;
            if constexpr (moments) of_moments = fma(f, sheets[1].at[r][c], of_moments);
          }
          b.template piece<T>(a.at.of_columns[0])[block() * rows + j + c] = down;
          if constexpr (moments) b.template piece<T>(a.at.of_columns[1])[block() * rows + j + c] = of_moments;
        }
      }
    }
    UFL_UNROLL for (int q = 0; q < own_rows; ++q) {
      T all = sum[q];
      if constexpr (Tops) all = group<tile_t::lanes>::largest(all);
      else all = tile_t::sum_of_lanes(all);
      T all_moments = T(0);
      if constexpr (moments) all_moments = tile_t::sum_of_lanes(moment[q]);
      const long long place = (first + tile_t::row(q)) * a.at.chunks + block_y();
      if (tile_t::lane() == 0) {
        b.template piece<T>(a.at.of_rows[0])[place] = all;
        if constexpr (moments) b.template piece<T>(a.at.of_rows[1])[place] = all_moments;
      }
    }
  }
};

/// What the blocks found, added up for each vector: as a column of the blocks before, then as a row.
template <class L, unsigned Parts, class S, bool Masked, bool Tops> struct pairs_totals_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;

  /// visit(x) of all partial sums that belong to the vector, in their order.
  template <class F> static UFL_DEVICE void each(const context& b, int side, int what, long long i, F visit) {
    const T* const of_rows = b.template piece<T>(b.a.at.of_rows[what]);
    const T* const of_columns = b.template piece<T>(b.a.at.of_columns[what]);
    const long long n = b.state.count, first = i / batch_block * batch_block;
    if (!context::cross || side == 1) {
      const long long blocks = context::cross ? (n + batch_block - 1) / batch_block : first / batch_block + 1;
      for (long long k = 0; k < blocks; ++k) visit(of_columns[k * b.a.at.rows + i]);
    }
    if (!context::cross || side == 0) {
      const long long from = context::cross ? 0 : first;
      for (long long k = 0; from + k * context::chunk < n; ++k) visit(of_rows[i * b.a.at.chunks + k]);
    }
  }
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    if (Tops && b.shared()) return;
    const int n = b.count();
    const int sides = context::both_ways ? 2 : 1;
    for (long long at = block() * threads() + thread(); at < a.at.rows * sides; at += blocks() * threads()) {
      const int side = int(at / a.at.rows);
      const long long i = at - side * a.at.rows;
      if constexpr (Tops) {
        T top = T(-UFL_INF);
        if (i < n) each(b, side, 0, i, [&](T x) { top = max(top, x); });
        b.top(side)[i] = top == T(-UFL_INF) ? T(0) : top;  // held against nothing
      } else {
        double sum = 0, moment = 0;
        if (i < n) each(b, side, 0, i, [&](T x) { sum += double(x); });
        b.others(side)[i] = sum;
        if constexpr (context::moments) {
          if (i < n) each(b, side, 1, i, [&](T x) { moment += double(x); });
          b.moment(side)[i] = moment;
        }
        b.level(side)[i] = i < n ? b.level_of(side, i) : 0;
      }
    }
  }
};

/// Of pairs that are together: slopes of the rows, or of the columns, and what the rows cost.  A block has 96
/// rows and goes through their columns, or has the columns of a tile and goes down them.
template <class L, unsigned Parts, class S, bool Masked, bool Columns> struct pairs_costs_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  using tile_t = typename context::block_of_pairs;
  static constexpr int own_rows = tile_t::own_rows, columns = tile_t::columns;

  static UFL_DEVICE void multiply(const context& b, tile_t& t, long long i, long long j) {
    const long long step = b.a.at.step;
    t.clear();
    t.template multiply<false>(b.vectors(0) + i * step, step, b.vectors(0) + j * step, step, step,
                               int(b.a.at.rows - j));
  }
  static UFL_DEVICE void along_rows(const context& b) {
    // (1 + p) (1 + e) = 1 + (p + e + p e): the logarithm of many factors near 1 keeps the digits of each
    double ramp = 0, tails = 0, logs = 0, pulls[own_rows];
    UFL_UNROLL for (int q = 0; q < own_rows; ++q) pulls[q] = 0;
    const int n = b.count();
    const long long first = (long long)block() * batch_block;
    if (first >= n) return;
    const long long last = first + batch_block < n ? first + batch_block : n;
    constexpr int most_pairs = 500;  // two factors of at most 2 each
    int room = most_pairs;
    UFL_ROLLED
    for (long long j = first; j < b.group_end()[last - 1]; j += columns) {
      tile_t t;
      multiply(b, t, first, j);
      if ((room -= 2 * own_rows) < 0) {
        logs += log1p(tails);
        tails = 0;
        room = most_pairs - 2 * own_rows;
      }
      UFL_UNROLL for (int p = 0; p < 2; ++p) UFL_UNROLL for (int q = 0; q < own_rows; ++q) {
        const int r = int(first) + tile_t::row(q), k = int(j) + tile_t::column(p);
        if (!b.are_together(r, k, n)) continue;
        const double product = double(t.c[q][p]);
        const auto x = L::cost(b.level(0)[r] - product), y = L::cost(b.level(0)[k] - product);
        ramp = ramp + (b.share()[r] * x.ramp + b.share()[k] * y.ramp);
        const double e = fma(x.tail, y.tail, x.tail + y.tail);
        tails = fma(tails, e, tails + e);
        pulls[q] = pulls[q] + b.share()[r] * x.slope;
      }
    }
    logs += log1p(tails);
    UFL_UNROLL for (int q = 0; q < own_rows; ++q) {
      const double all = tile_t::sum_of_lanes(pulls[q]);
      const long long r = first + tile_t::row(q);
      if ((Parts & part_grad) && tile_t::lane() == 0 && r < n) b.pull(0)[r] += all;
    }
    double* const room_of_sums = shared_memory<double>();
    const auto add = [](double x, double y) { return x + y; };
    const double ramps = context::our::join(ramp, room_of_sums, add);
    const double all_logs = context::our::join(logs, room_of_sums, add);
    if (thread() == 0) {
      b.template piece<double>(b.a.at.costs)[2 * block()] = ramps;
      b.template piece<double>(b.a.at.costs)[2 * block() + 1] = all_logs;
    }
  }
  static UFL_DEVICE void down_columns(const context& b) {
    using sheet = typename tile_t::template sheet<double>;
    const int n = b.count();
    const long long j = (long long)block() * columns;
    const int own = int(thread());
    const bool is = own < columns && j + own < n;
    double pull = 0;
    if (j >= n) {
      if (own < columns && j + own < b.a.at.rows) b.pull(0)[j + own] = 0;
      return;
    }
    for (long long i = b.group_begin()[j] / batch_block * batch_block; i < j + columns && i < n;
         i += batch_block) {
      tile_t t;
      multiply(b, t, i, j);
      sheet& slopes = *shared_memory<sheet>();
      UFL_UNROLL for (int p = 0; p < 2; ++p) UFL_UNROLL for (int q = 0; q < own_rows; ++q) {
        const int r = int(i) + tile_t::row(q), k = int(j) + tile_t::column(p);
        double slope = 0;
        if (k < n && b.are_together(r, k, n))
          slope = b.share()[k] * L::cost(b.level(0)[k] - double(t.c[q][p])).slope;
        slopes.at[tile_t::row(q)][tile_t::column(p)] = slope;
      }
      sync_block();
      if (is)
        for (int r = 0; r < batch_block; ++r) pull = pull + slopes.at[r][own];
      sync_block();
    }
    if (own < columns && j + own < b.a.at.rows) b.pull(0)[j + own] = pull;
  }
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    if constexpr (Columns) down_columns(b);
    else along_rows(b);
  }
};

/// The value, and what the slopes need of each vector: one block a batch.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_value_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  using our = typename context::our;
  static constexpr int lanes = context::lanes;

  /// The sum of terms [0, n) in lanes, by halves; of the first warp.
  static UFL_DEVICE double add_up(const double* terms, long long n) {
    double sum = 0;
    if (our::rank() < warp_threads) {
      for (long long i = our::rank() % lanes; i < n; i += lanes) sum = sum + terms[i];
      sum = group<lanes>::sum(sum);
    }
    our::sync();
    return sum;
  }
  static UFL_DEVICE double terms_of(const context& b) {
    return double(b.state.count) * (context::both_ways ? 2 : 1);
  }
  static UFL_DEVICE double cost_of(const context& b, int side) {
    const int n = b.count();
    double* const terms = b.template piece<double>(b.a.at.costs);
    for (int i = our::rank(); i < n; i += pairs_threads) {
      const auto cost = L::cost(b.level(side)[i] - double(b.own()[i]));
      b.pull(side)[i] = cost.slope;
      terms[i] = cost.ramp + log1p(cost.tail);
    }
    our::sync();
    return add_up(terms, n);
  }
  static UFL_DEVICE double slope_of(const context& b, int side) {
    const int n = b.count();
    double* const terms = b.template piece<double>(b.a.at.costs);
    for (int i = our::rank(); i < n; i += pairs_threads) {
      const double others = b.others(side)[i];
      terms[i] = others != 0 ? b.pull(side)[i] * (b.moment(side)[i] / others) : 0;
    }
    our::sync();
    return add_up(terms, n);
  }
  static UFL_DEVICE void set_weights(const context& b, int side) {
    const int n = b.count();
    for (long long i = our::rank(); i < b.a.at.rows; i += pairs_threads) {
      const double others = b.others(side)[i];
      const double pull = context::cross ? b.pull(side)[i] * (1 / terms_of(b)) : b.pull(side)[i];
      b.weight(side)[i] = i < n && others != 0 ? T(pull / others) : T(0);
    }
  }
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    double value = UFL_NAN, slope = UFL_NAN;
    if (b.state.is_number) {
      if constexpr (context::cross) {
        double sum = cost_of(b, 0);
        if constexpr (context::both_ways) sum = sum + cost_of(b, 1);
        else sum = sum + 0;
        value = sum / terms_of(b);
        if constexpr (context::moments) {
          double all = slope_of(b, 0);
          if constexpr (context::both_ways) all = all + slope_of(b, 1);
          else all = all + 0;
          slope = 0 - b.state.per_temperature * all / terms_of(b);
        }
      } else {
        const double* const costs = b.template piece<double>(a.at.costs);
        double ramps = 0, logs = 0;
        for (long long k = 0; k * batch_block < b.state.count; ++k) {
          ramps += costs[2 * k];
          logs += costs[2 * k + 1];
        }
        value = ramps + logs * b.state.pair_share;
      }
      set_weights(b, 0);
      if constexpr (context::both_ways) set_weights(b, 1);
    }
    if (our::rank() != 0) return;
    b.state.value = value;
    if constexpr ((Parts & part_value) != 0) b.put_number(context::inputs, value);
    if constexpr (context::moments) b.put_number(context::operands - 1, value == value ? slope : value);
  }
};

/// Of two batches: each pair's own product.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_own_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    for (long long i = block() * threads() + thread(); i < a.at.rows; i += blocks() * threads()) {
      const T *const x = b.vectors(0) + i * a.at.step, *const y = b.vectors(1) + i * a.at.step;
      T c = T(0);
      for (long long k = 0; k < a.at.step; ++k) c = fma(x[k], y[k], c);
      b.own()[i] = c;
    }
  }
};

}  // namespace gpu
UFL_END
