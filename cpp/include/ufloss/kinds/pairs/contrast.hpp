// Contrastive losses over all pairs of a batch: value and gradient without an array of all pairs.
//
// With S[i, j] the products of the vectors' directions over the temperature, and rows of one label
// "together", the loss is
//
//   sum over pairs i != j together of share[i] f(N[i] - S[i, j]),
//   N[i] = log(sum over the k that i is held against of exp(S[i, k])),
//
// and with W[i] = sum over j together with i of share[i] f'(N[i] - S[i, j]) its slope in S, both ways of a
// pair added, is
//
//   exp(S[i, j]) (W[i] / exp(N[i]) + W[j] / exp(N[j]))
//   - [together] (share[i] f'(N[i] - S[i, j]) + share[j] f'(N[j] - S[i, j])).
//
// Design:
// a) Rows are brought into the order of their labels.  What is together then lies beside the diagonal, every
//    tile but the few at the edge of a group is of one kind, and nobody looks at labels any more.
// b) S is symmetric: only columns j > i are computed, and each tile serves both of its sides.
// c) Terms are added in lanes and in an order that do not depend on the registers: a few thousand at most in
//    T, then in double.
// d) Small losses keep their digits: N - S is formed in double, and f sees it as it is.
#pragma once
#include "ufloss/kinds/pairs/exponentials.hpp"
#include "ufloss/kinds/pairs/gram.hpp"
#include "ufloss/vocabulary/elementary.hpp"

UFL_BEGIN

/// One batch; Pairs is a pair_loss, whose tails, if it has any, have the same share in the mean.
template <class Pairs, class T> class contrast {
  using V = native<T>;
  using D = wide_t<V>;  // as many doubles as V has lanes
  using W = native<double>;
  static constexpr int lanes_of_sum = pair_lanes<T>, wide = tile_columns<T>;
  static constexpr std::ptrdiff_t block = batch_block, sum_length = pair_chunks * lanes_of_sum;
  template <bool Shared> using exponential = raised_exponential<T, Shared>;
  static_assert(lanes_of_sum % wide == 0 && wide % lanes<double> == 0 && block % lanes_of_sum == 0 &&
                    block % tile_rows == 0,
                "tiles end where arrays end");

 public:
  /// For a batch of so many vectors of `width` numbers, in memory that `a` deals out; `rows`: for the
  /// gradient too.
  contrast(std::ptrdiff_t batch, std::ptrdiff_t width, bool rows, arena& a) : u(batch, width, a) {
    // Tiles reach beyond the last row and column; what they meet there must be memory, and count for
    // nothing.
    const std::ptrdiff_t all = round_up(batch, lanes_of_sum) + tile_rows;
    order = a.take<std::ptrdiff_t>(batch);
    spare = a.take<std::ptrdiff_t>(batch);
    group_end = a.take<std::ptrdiff_t>(all);
    label = a.take<long long>(batch);
    others = a.take<double>(all);
    level = a.take<double>(all);
    share = a.take<double>(all);
    pull = a.take<double>(all);
    top = a.take<T>(all);
    lane_sums = a.take<T>(block * lanes_of_sum);
    if (rows) {
      weight = a.take<T>(all);
      slopes = a.take<T>(block * block);
      gathered = a.take<T>(size_product(all, u.row_step));
    }
  }

  /// The loss, of the vectors for which takes_part(row); NaN: nothing is together, a vector is not finite, or
  /// the temperature not positive.
  template <class S, class TakesPart, class Label>
  double value(const matrix_rows<S>& vectors, std::ptrdiff_t batch, double temperature, TakesPart takes_part,
               Label label_of, bool rows) {
    n = 0;
    for (std::ptrdiff_t r = 0; r < batch; ++r)
      if (takes_part(r)) {
        label[r] = label_of(r);
        order[n++] = r;
      }
    order = sort_by_label(label, order, spare, n);  // the array that is not returned is not used again
    per_temperature = 1 / temperature;
    // Vectors are given the length 1 / sqrt(temperature), so that their products are S as they come.
    if (!(temperature > 0) || !group() || !u.set(vectors, order, n, sqrt(per_temperature)))
      return __builtin_nan("");
    shared = have_shared_reference<T>(per_temperature);
    reference = shared ? shared_reference<T>(per_temperature) : T(0);
    if (shared) sum_others<true>();
    else {
      find_tops();
      sum_others<false>();
    }
    for (std::ptrdiff_t i = 0; i < n; ++i)
      // The one place where a level is a logarithm: from here on N - S is a difference of doubles.
      level[i] = log_of_raised<T>(others[i], shared ? reference_level(reference) : double(top[i]));
    return rows ? sum_pairs<true>() : sum_pairs<false>();
  }
  /// After value() with `rows`, which was not NaN: put(row, gradient) for every row that takes part.
  template <class Put> void gradient(Put put) {
    for (std::ptrdiff_t i = 0; i < u.columns + tile_rows; ++i)
      // Nothing to be held against: the loss does not depend on N then.
      weight[i] = i < n && others[i] != 0 ? T(pull[i] / others[i]) : T(0);
    for (std::ptrdiff_t k = 0; k < (u.columns + tile_rows) * u.row_step; ++k) gathered[k] = 0;
    // What set_slopes() leaves unwritten may be read beside it, and must be a number.
    for (std::ptrdiff_t k = 0; k < block * block; ++k) slopes[k] = 0;
    for (std::ptrdiff_t i = 0; i < n; i += block)
      for (std::ptrdiff_t j = i; j < n; j += block) {
        if (shared) set_slopes<true>(i, j);
        else set_slopes<false>(i, j);
        gather_block(i, j);
      }
    u.put_gradients(gathered, per_temperature, [&](std::ptrdiff_t i, const T* g) { put(order[i], g); });
  }

 private:
  /// Ends of groups, and the share of each row's pairs in the mean; false: there is no pair.
  bool group() {
    double pairs = 0, with_pairs = 0;
    // From behind: a row's group ends where that of its neighbour does, or right behind it.
    for (std::ptrdiff_t i = n; i > 0; --i)
      group_end[i - 1] = i < n && label[order[i - 1]] == label[order[i]] ? group_end[i] : i;
    for (std::ptrdiff_t i = 0, size; i < n; i += size) {
      size = group_end[i] - i;
      pairs += double(size) * double(size - 1);
      if (size > 1) with_pairs += double(size);
      for (std::ptrdiff_t k = i; k < i + size; ++k) share[k] = double(size - 1);
    }
    pair_share = 1 / pairs;
    for (std::ptrdiff_t i = 0; i < n; ++i)
      share[i] = share[i] == 0 ? 0 : Pairs::by_row ? 1 / (with_pairs * share[i]) : pair_share;
    for (std::ptrdiff_t i = n; i < round_up(n, lanes_of_sum) + tile_rows; ++i) {
      // Rows beyond the last are in a group without end, so that no column is held against them.
      group_end[i] = PTRDIFF_MAX / 2;
      share[i] = level[i] = 0;
    }
    return pairs > 0;
  }
  /// The first column that row r is held against.
  UFL_FN std::ptrdiff_t first_other(std::ptrdiff_t r) const {
    return Pairs::inclusive ? r + 1 : group_end[r];
  }
  /// Are all columns of the panel at j held against all rows of the tile at i?
  UFL_FN bool all_others(std::ptrdiff_t i, std::ptrdiff_t j) const {
    return j >= first_other(i + tile_rows - 1) && j + wide <= n;
  }
  /// Lanes of columns [begin, end), where the first lane is column j.
  template <class X>
  static UFL_FN mask_t<X> between(X lane, std::ptrdiff_t begin, std::ptrdiff_t end, std::ptrdiff_t j) {
    using S = scalar_t<X>;
    return (lane >= X(S(begin - j))) & (lane < X(S(end - j)));
  }
  UFL_FN mask_t<V> is_other(std::ptrdiff_t r, std::ptrdiff_t j) const {
    return between(iota<T>(), first_other(r), n, j);
  }

  /// The largest S of each row among those that it is held against.
  /// In a sweep of its own, which only low temperatures need.
  void find_tops() {
    for (std::ptrdiff_t i = 0; i < u.columns + tile_rows; ++i) top[i] = -T(__builtin_inf());
    for (std::ptrdiff_t j = 0; j < n; j += wide) {
      V column[2] = {load(top + j), load(top + j + lanes<T>)};
      for (std::ptrdiff_t i = 0; i < least(j + wide, n) && j + wide > first_other(i); i += tile_rows) {
        tile_of_products<T> c;
        u.products(i, j, c);
        UFL_UNROLL for (int q = 0; q < tile_rows; ++q) {
          UFL_UNROLL for (int p = 0; p < 2; ++p) {
            c[q][p] = select(is_other(i + q, j + p * lanes<T>), c[q][p], neg(inf<V>()));
            column[p] = max(column[p], c[q][p]);
          }
          lane_sums[q] = max_of_lanes(max(c[q][0], c[q][1]));
        }
        for (int q = 0; q < tile_rows; ++q) top[i + q] = max(top[i + q], lane_sums[q]);
      }
      // rows of this panel may have been among those of the tiles
      UFL_UNROLL for (int p = 0; p < 2; ++p)
          store(max(load(top + j + p * lanes<T>), column[p]), top + j + p * lanes<T>);
    }
    for (std::ptrdiff_t i = 0; i < u.columns + tile_rows; ++i)
      if (top[i] == -T(__builtin_inf())) top[i] = 0;  // held against nothing
  }

  /// exp(N), 2^raised_by as large.
  /// Both sides of a tile at once: the rows' terms go to lanes in memory, of which the whole block has its
  /// own; the columns' stay in two registers while the tile moves down.
  template <bool Shared> void sum_others() {
    const exponential<Shared> e_of(reference);
    for (std::ptrdiff_t i = 0; i < u.columns + tile_rows; ++i) others[i] = 0;
    for (std::ptrdiff_t first = 0; first < n; first += block)
      for (std::ptrdiff_t from = first; from < n; from += sum_length) {
        const std::ptrdiff_t end = least(first + block, n);
        for (std::ptrdiff_t k = 0; k < block * lanes_of_sum; ++k) lane_sums[k] = 0;
        for (std::ptrdiff_t j = from; j < least(from + sum_length, n); j += wide) {
          V column[2] = {V(T(0)), V(T(0))};
          T* sums = lane_sums + j % lanes_of_sum;
          for (std::ptrdiff_t i = first; i < end && j + wide > first_other(i);
               i += tile_rows, sums += tile_rows * lanes_of_sum) {
            tile_of_products<T> c;
            u.products(i, j, c);
            // Most tiles are; the others select, which is slower.
            const bool plain = all_others(i, j);
            UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p) {
              T* const sum = sums + q * lanes_of_sum + p * lanes<T>;
              V e = e_of(c[q][p], V(top[i + q])),
                f = Shared ? e : e_of(c[q][p], load(top + j + p * lanes<T>));
              if (!plain) {
                const auto m = is_other(i + q, j + p * lanes<T>);
                e = select(m, e, V(T(0)));
                f = select(m, f, V(T(0)));
              }
              store(load(sum) + e, sum);
              column[p] = column[p] + f;
            }
          }
          UFL_UNROLL for (int p = 0; p < 2; ++p) {
            double* const to = others + j + p * lanes<T>;
            doubles<D>::store(doubles<D>::load(to) + widen(column[p]), to);
          }
        }
        for (std::ptrdiff_t i = first; i < end; ++i) {
          V s[chunks<T>::packs];
          UFL_UNROLL for (int p = 0; p < chunks<T>::packs; ++p) s[p] =
              load(lane_sums + (i - first) * lanes_of_sum + p * lanes<T>);
          others[i] += double(chunks<T>::sum(s));
        }
      }
  }

  /// f(r, k, pairs, x, y) for columns k, k + 1, ... of the tile, as many as a register has doubles, where any
  /// of them is together with row r: which are, and their costs to the row and to the column.
  /// In double, from the products as they are in T: what a pair costs may be a small difference.
  template <class F>
  UFL_FN void each_pair(std::ptrdiff_t i, std::ptrdiff_t j, const tile_of_products<T>& c, F f) const {
    alignas(64) double s[tile_rows][wide];
    UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p)
        doubles<D>::store(widen(c[q][p]), s[q] + p * lanes<T>);
    const W lane = iota<double>();
    for (std::ptrdiff_t r = i; r < least(i + tile_rows, n); ++r)
      for (std::ptrdiff_t k = j; k < least(j + wide, group_end[r]); k += lanes<double>)
        if (k + lanes<double> > r + 1) {
          const W product = load(s[r - i] + (k - j));
          f(r, k, between(lane, r + 1, group_end[r], k), Pairs::cost(W(level[r]) - product),
            Pairs::cost(load(level + k) - product));
        }
  }

  /// The loss; Pull: W too.
  template <bool Pull> double sum_pairs() {
    // (1 + p) (1 + e) = 1 + (p + e + p e): the logarithm of many factors near 1 keeps the digits of each.
    alignas(64) double ramps[lanes_of_sum] = {}, tails[lanes_of_sum] = {}, logs[lanes_of_sum] = {};
    alignas(64) double pulls[tile_rows][lanes_of_sum];
    const auto add = [](double* to, W x) UFL_INLINE { store(load(to) + x, to); };
    const auto empty_tails = [&] {
      for (int k = 0; k < lanes_of_sum; ++k) {
        logs[k] += log1p(tails[k]);
        tails[k] = 0;
      }
    };
    // A product of them stays below 2^1000.
    constexpr int most_tails = 1000;              // factors up to 2 that a lane holds
    constexpr int tails_of_tile = 2 * tile_rows;  // those that one tile brings
    int room = most_tails;
    if constexpr (Pull)
      for (std::ptrdiff_t i = 0; i < u.columns + tile_rows; ++i) pull[i] = 0;
    for (std::ptrdiff_t i = 0; i < n; i += tile_rows) {
      const std::ptrdiff_t last = least(i + tile_rows, n), end = group_end[last - 1];
      if constexpr (Pull)
        for (auto& row : pulls)
          for (double& z : row) z = 0;
      // From a multiple of the virtual lanes, so that a width of registers does not decide when tails are
      // emptied.
      for (std::ptrdiff_t j = i / lanes_of_sum * lanes_of_sum; j < end; j += wide) {
        if (j % lanes_of_sum == 0) {
          if (room < tails_of_tile) {
            empty_tails();
            room = most_tails;
          }
          room -= tails_of_tile;
        }
        if (j + wide <= i + 1) continue;
        tile_of_products<T> c;
        u.products(i, j, c);
        each_pair(i, j, c, [&](std::ptrdiff_t r, std::ptrdiff_t k, auto pairs, auto x, auto y) UFL_INLINE {
          const int at = int(k % lanes_of_sum);
          const W of_row(share[r]), of_column = load(share + k), none(0.0);
          const W p = load(tails + at);
          const W e = select(pairs, fma(x.tail, y.tail, x.tail + y.tail), none);
          add(ramps + at, select(pairs, of_row * x.ramp + of_column * y.ramp, none));
          store(fma(p, e, p + e), tails + at);
          if constexpr (Pull) {
            add(pulls[r - i] + at, select(pairs, of_row * x.slope, none));
            add(pull + k, select(pairs, of_column * y.slope, none));
          }
        });
      }
      if constexpr (Pull)
        for (std::ptrdiff_t r = i; r < last; ++r) pull[r] += sum_of_lane_doubles<lanes_of_sum>(pulls[r - i]);
    }
    empty_tails();
    return sum_of_lane_doubles<lanes_of_sum>(ramps) + sum_of_lane_doubles<lanes_of_sum>(logs) * pair_share;
  }

  /// The slopes in S of the block of rows at `first` and columns at `from`, which is the same or lies right
  /// of it.
  template <bool Shared> void set_slopes(std::ptrdiff_t first, std::ptrdiff_t from) {
    const exponential<Shared> e_of(reference);
    for (std::ptrdiff_t j = from; j < least(from + block, n); j += wide) {
      const V column[2] = {load(weight + j), load(weight + j + lanes<T>)};
      for (std::ptrdiff_t i = first; i < least(least(first + block, n), j + wide); i += tile_rows) {
        tile_of_products<T> c;
        u.products(i, j, c);
        const bool plain = j >= group_end[i + tile_rows - 1] && j + wide <= n;
        UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p) {
          const std::ptrdiff_t r = i + q, k = j + p * lanes<T>;
          const V own(weight[r]), e = e_of(c[q][p], V(top[r]));
          // One exponential serves both sides where they have one reference.
          V h = Shared ? e * (own + column[p]) : fma(e, own, e_of(c[q][p], load(top + k)) * column[p]);
          if (!plain) h = select(is_other(r, k), h, V(T(0)));
          store(h, slopes + (r - first) * block + (k - from));
        }
        if (!plain)
          each_pair(i, j, c, [&](std::ptrdiff_t r, std::ptrdiff_t k, auto pairs, auto x, auto y) UFL_INLINE {
            alignas(64) double both[lanes<double>];
            store(select(pairs, W(share[r]) * x.slope + load(share + k) * y.slope, W(0.0)), both);
            for (int l = 0; l < lanes<double>; ++l)
              slopes[(r - first) * block + (k - from) + l] -= T(both[l]);
          });
      }
    }
  }
  /// What that block's slopes make of the directions, for its rows and for its columns.
  void gather_block(std::ptrdiff_t first, std::ptrdiff_t from) {
    // The slopes are a triangle in blocks on the diagonal: rows begin, and columns end, at the tile that it
    // cuts.
    const std::ptrdiff_t step = u.row_step, rows = least(block, n - first), columns = least(block, n - from);
    for (std::ptrdiff_t k = 0; k < step; k += wide) {
      for (std::ptrdiff_t i = 0; i < rows; i += tile_rows) {
        const std::ptrdiff_t skip = from == first ? i : 0;  // below the diagonal
        multiply_add<T>({slopes + i * block + skip, block, 1}, {u.row + (from + skip) * step + k, step},
                        columns - skip, {gathered + (first + i) * step + k, step});
      }
      for (std::ptrdiff_t j = 0; j < columns; j += tile_rows) {
        const std::ptrdiff_t depth = from == first ? least(rows, j + tile_rows) : rows;
        multiply_add<T>({slopes + j, 1, block}, {u.row + first * step + k, step}, depth,
                        {gathered + (from + j) * step + k, step});
      }
    }
  }

  directions<T> u;
  std::ptrdiff_t n = 0;
  std::ptrdiff_t *order, *spare, *group_end;
  long long* label;
  double *others, *level, *share, *pull;  ///< exp(N) against its reference, N, share and W of the text above
  T *top, *lane_sums;
  T *weight = nullptr, *slopes = nullptr,
    *gathered = nullptr;  ///< W / exp(N); a block of slopes; their sums with the directions
  double per_temperature = 0, pair_share = 0;
  T reference = 0;  ///< of all exponentials, in binary places, where `shared`; else each row has its `top`
  bool shared = true;
};

UFL_END
