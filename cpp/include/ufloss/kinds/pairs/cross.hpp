// Contrastive losses over the pairs of two batches: value and gradients without an array of all pairs.
//
// With S[i, j] the product of the directions of query i and key j over the temperature, pair i is query i and
// key i, its own product S[i, i], and
//
//   N[i] = log(sum over j != i of exp(S[i, j])),   loss = mean over i of f(N[i] - S[i, i]),
//
// to which, both ways, that of the keys against the queries is added, and half of it taken.  With
// W[i] = f'(N[i] - S[i, i]) / (number of terms) the slope in S[i, j] is
//
//   exp(S[i, j] - N[i]) W[i], and -W[i] at i = j, and as much again of the other side,
//
// and the slope in the temperature is -1 / temperature times the sum over the sides and i of W[i] M[i], where
// M[i] is the mean of S[i, j] - S[i, i] over j != i, weighted by exp(S[i, j]).
//
// Design:
//
// a) A pair's own product is left out of the sum, so that losses near 0 keep their digits: f sees N - S,
// formed in double. Likewise M, whose terms are differences of products.
//
// b) A tile of products serves both sides: the queries, which are its rows, and the keys, its columns.
//
// c) Terms are added in lanes and in an order that do not depend on the registers: a few thousand at most in
// T, then in double.
//
// d) Exponentials against each row's own largest are not raised: their sum is 1 at least, and W / sum keeps
// its digits as long as the slopes do.
#pragma once
#include "ufloss/kinds/pairs/exponentials.hpp"
#include "ufloss/kinds/pairs/gram.hpp"
#include "ufloss/loss.hpp"

UFL_BEGIN

/// Two batches; Pairs is a cross_pair_loss.
template <class Pairs, class T> class cross {
  using V = native<T>;
  using D = wide_t<V>;  // as many doubles as V has lanes
  using W = native<double>;
  static constexpr int lanes_of_sum = pair_lanes<T>, wide = tile_columns<T>;
  static constexpr std::ptrdiff_t block = batch_block, sum_length = pair_chunks * lanes_of_sum;
  static constexpr bool both_ways = Pairs::both_ways;
  template <bool Shared> using exponential = raised_exponential<T, Shared>;
  static_assert(lanes_of_sum % wide == 0 && wide % lanes<double> == 0 && block % lanes_of_sum == 0 &&
                    block % tile_rows == 0,
                "tiles end where arrays end");

 public:
  /// For two batches of so many vectors of `width` numbers, in memory that `a` deals out, and the parts that
  /// will be asked for.
  /// The queries are never columns of a tile, so they need no panel.
  cross(std::ptrdiff_t batch, std::ptrdiff_t width, unsigned parts, arena& a)
      : queries(batch, width, a, false), keys(batch, width, a), wanted(parts) {
    const std::ptrdiff_t all = round_up(batch, lanes_of_sum) + tile_rows;
    order = a.take<std::ptrdiff_t>(batch);
    own = a.take<T>(all);
    take(of_query, all, true, (parts & part_grad) != 0, a);
    take(of_key, all, both_ways, (parts & part_grad2) != 0, a);
    lane_sums = a.take<T>(block * lanes_of_sum);
    lane_moments = (parts & part_grad3) != 0 ? a.take<T>(block * lanes_of_sum) : nullptr;
    slopes = has_gradients() ? a.take<T>(block * block) : nullptr;
  }

  /// The loss, of the pairs for which takes_part(row); NaN: there is none, a vector is not finite, or the
  /// temperature not positive.
  template <class S, class TakesPart>
  double value(const matrix_rows<S>& query_vectors, const matrix_rows<S>& key_vectors, std::ptrdiff_t batch,
               double temperature, TakesPart takes_part) {
    n = 0;
    for (std::ptrdiff_t r = 0; r < batch; ++r)
      if (takes_part(r)) order[n++] = r;
    per_temperature = 1 / temperature;
    const double length = sqrt(per_temperature);
    if (!(temperature > 0) || n == 0 || !queries.set(query_vectors, order, n, length) ||
        !keys.set(key_vectors, order, n, length))
      return __builtin_nan("");
    shared = have_shared_reference<T>(per_temperature);
    reference = shared ? shared_reference<T>(per_temperature) : T(0);
    find_own();
    if (shared) sum_others<true>();
    else {
      find_tops();
      sum_others<false>();
    }
    // The sides are added up apart: one way, the keys have no sums at all.
    const double sum = cost_of(of_query) + (both_ways ? cost_of(of_key) : 0);
    return sum / terms();
  }
  /// After value(), which was not NaN: put(row, gradient) for every pair that takes part, as far as the
  /// gradients are among the parts.
  template <class PutQuery, class PutKey> void gradients(PutQuery put_query, PutKey put_key) {
    set_weights(of_query);
    if constexpr (both_ways) set_weights(of_key);
    for (side* const s : {&of_query, &of_key})
      for (std::ptrdiff_t k = 0; s->gathered && k < rows_of_tiles() * keys.row_step; ++k) s->gathered[k] = 0;
    for (std::ptrdiff_t k = 0; k < block * block; ++k) slopes[k] = 0;
    for (std::ptrdiff_t i = 0; i < n; i += block)
      for (std::ptrdiff_t j = 0; j < n; j += block) {
        if (shared) set_slopes<true>(i, j);
        else set_slopes<false>(i, j);
        gather_block(i, j);
      }
    const auto put_all = [&](const directions<T>& u, T* gathered, auto put) {
      if (gathered) u.put_gradients(gathered, per_temperature, [&](auto i, const T* g) { put(order[i], g); });
    };
    put_all(queries, of_query.gathered, put_query);
    put_all(keys, of_key.gathered, put_key);
  }
  /// After value(), which was not NaN: its derivative with respect to the temperature.
  double temperature_slope() {
    const double sum = slope_of(of_query) + (both_ways ? slope_of(of_key) : 0);
    return 0 - per_temperature * sum / terms();
  }

 private:
  /// What is known of each query, which is held against the keys, or of each key.
  struct side {
    double *others, *gap, *pull;  ///< exp(N) against its reference, N less the own product, f'
    double* moment;               ///< the sum of exp(S[i, j]) (S[i, j] - S[i, i])
    T *top, *weight;              ///< the reference where each has its own; W / exp(N)
    T* gathered;                  ///< the sum of slopes times directions of the other side
  };
  void take(side& s, std::ptrdiff_t all, bool is_held, bool gathers, arena& a) {
    const std::ptrdiff_t held = is_held ? all : 0;
    s.others = a.take<double>(held);
    s.gap = a.take<double>(held);
    s.pull = a.take<double>(held);
    s.moment = a.take<double>(wanted & part_grad3 ? held : 0);
    s.top = a.take<T>(held);
    s.weight = a.take<T>(has_gradients() ? held : 0);
    s.gathered = gathers ? a.take<T>(size_product(all, keys.row_step)) : nullptr;
  }
  bool has_gradients() const { return (wanted & (part_grad | part_grad2)) != 0; }
  /// d) of the text above.
  int places() const { return shared ? raised_by<T> : 0; }
  double terms() const { return double(n) * (both_ways ? 2 : 1); }
  std::ptrdiff_t rows_of_tiles() const { return keys.columns + tile_rows; }

  /// Is the tile at (i, j) full, and without a pair's own product?
  /// Then nothing has to be selected.
  UFL_FN bool is_plain(std::ptrdiff_t i, std::ptrdiff_t j) const {
    return i + tile_rows <= n && j + wide <= n && (j >= i + tile_rows || j + wide <= i);
  }
  /// Columns j, j + 1, ... that query r is held against.
  UFL_FN mask_t<V> is_other(std::ptrdiff_t r, std::ptrdiff_t j) const {
    const V lane = iota<T>();
    // Rows beyond the last are held against nothing.
    return (lane < V(T(r < n ? n - j : 0))) & !(lane == V(T(r - j)));
  }
  UFL_FN void multiply_tile(std::ptrdiff_t i, std::ptrdiff_t j, tile_of_products<T>& c) const {
    queries.products(i, keys, j, c);
  }
  /// f(r, product) of the pairs whose own product lies in the tile.
  template <class F>
  UFL_FN void each_own(std::ptrdiff_t i, std::ptrdiff_t j, const tile_of_products<T>& c, F f) const {
    alignas(64) T products[tile_rows][wide];
    UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p)
        store(c[q][p], products[q] + p * lanes<T>);
    for (std::ptrdiff_t r = i; r < least(i + tile_rows, n); ++r)
      if (r >= j && r < j + wide) f(r, products[r - i][r - j]);
  }

  /// The pairs' own products by the kernel that makes all others, so that equal vectors give equal numbers.
  void find_own() {
    for (std::ptrdiff_t i = 0; i < rows_of_tiles(); ++i) own[i] = 0;
    for (std::ptrdiff_t i = 0; i < n; i += tile_rows)
      for (std::ptrdiff_t j = i / wide * wide; j < least(i + tile_rows, n); j += wide) {
        tile_of_products<T> c;
        multiply_tile(i, j, c);
        each_own(i, j, c, [&](std::ptrdiff_t r, T product) { own[r] = product; });
      }
  }
  /// The largest S of each row and of each column but the pair's own.
  void find_tops() {
    constexpr T nothing = -T(__builtin_inf());
    const std::ptrdiff_t all = rows_of_tiles();
    for (std::ptrdiff_t i = 0; i < all; ++i) of_query.top[i] = nothing;
    if constexpr (both_ways)
      for (std::ptrdiff_t i = 0; i < all; ++i) of_key.top[i] = nothing;
    for (std::ptrdiff_t j = 0; j < n; j += wide) {
      V column[2] = {V(nothing), V(nothing)};
      for (std::ptrdiff_t i = 0; i < n; i += tile_rows) {
        tile_of_products<T> c;
        multiply_tile(i, j, c);
        UFL_UNROLL for (int q = 0; q < tile_rows; ++q) {
          UFL_UNROLL for (int p = 0; p < 2; ++p) {
            c[q][p] = select(is_other(i + q, j + p * lanes<T>), c[q][p], V(nothing));
            column[p] = max(column[p], c[q][p]);
          }
          lane_sums[q] = max_of_lanes(max(c[q][0], c[q][1]));
        }
        for (int q = 0; q < tile_rows; ++q) of_query.top[i + q] = max(of_query.top[i + q], lane_sums[q]);
      }
      if constexpr (both_ways)
        UFL_UNROLL for (int p = 0; p < 2; ++p) store(column[p], of_key.top + j + p * lanes<T>);
    }
    const auto fill = [&](T* top) {
      for (std::ptrdiff_t i = 0; i < all; ++i)
        if (top[i] == nothing) top[i] = 0;  // held against nothing
    };
    fill(of_query.top);
    if constexpr (both_ways) fill(of_key.top);
  }

  template <bool Shared> void sum_others() {
    if (wanted & part_grad3) sum_others<Shared, true>();
    else sum_others<Shared, false>();
  }
  /// `others`, and with Moments `moment`, of both sides.
  template <bool Shared, bool Moments> void sum_others() {
    const exponential<Shared> e_of(reference, places());
    clear<Moments>(of_query);
    if constexpr (both_ways) clear<Moments>(of_key);
    for (std::ptrdiff_t first = 0; first < n; first += block)
      for (std::ptrdiff_t from = 0; from < n; from += sum_length) {
        const std::ptrdiff_t end = least(first + block, n);
        for (std::ptrdiff_t k = 0; k < block * lanes_of_sum; ++k) lane_sums[k] = 0;
        if constexpr (Moments)
          for (std::ptrdiff_t k = 0; k < block * lanes_of_sum; ++k) lane_moments[k] = 0;
        for (std::ptrdiff_t j = from; j < least(from + sum_length, n); j += wide)
          add_panel<Shared, Moments>(e_of, first, end, j);
        for (std::ptrdiff_t i = first; i < end; ++i) {
          of_query.others[i] += sum_of_lanes_at(lane_sums + (i - first) * lanes_of_sum);
          if constexpr (Moments)
            of_query.moment[i] += sum_of_lanes_at(lane_moments + (i - first) * lanes_of_sum);
        }
      }
  }
  /// The tiles of rows [first, end) and the columns at j.
  /// The rows' sums go to lanes in memory, the columns' stay in registers while the tile moves down.
  template <bool Shared, bool Moments>
  void add_panel(const exponential<Shared>& e_of, std::ptrdiff_t first, std::ptrdiff_t end,
                 std::ptrdiff_t j) {
    V sum[2] = {V(T(0)), V(T(0))};
    V moment[2] = {V(T(0)), V(T(0))};
    std::ptrdiff_t at = j % lanes_of_sum;
    for (std::ptrdiff_t i = first; i < end; i += tile_rows, at += tile_rows * lanes_of_sum) {
      tile_of_products<T> c;
      multiply_tile(i, j, c);
      const bool plain = is_plain(i, j);
      UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p) {
        const std::ptrdiff_t lane = at + q * lanes_of_sum + p * lanes<T>;
        const V row_top = Shared ? V(T(0)) : V(of_query.top[i + q]);
        const V column_top = Shared || !both_ways ? V(T(0)) : load(of_key.top + j + p * lanes<T>);
        V e = e_of(c[q][p], row_top);
        // Of a column's own reference; one exponential serves both sides where they share one.
        V f = Shared || !both_ways ? e : e_of(c[q][p], column_top);
        if (!plain) {
          const auto m = is_other(i + q, j + p * lanes<T>);
          e = select(m, e, V(T(0)));
          f = select(m, f, V(T(0)));
        }
        store(load(lane_sums + lane) + e, lane_sums + lane);
        if constexpr (Moments)
          store(fma(e, c[q][p] - V(own[i + q]), load(lane_moments + lane)), lane_moments + lane);
        if constexpr (both_ways) {
          sum[p] = sum[p] + f;
          if constexpr (Moments) moment[p] = fma(f, c[q][p] - load(own + j + p * lanes<T>), moment[p]);
        }
      }
    }
    if constexpr (both_ways) UFL_UNROLL for (int p = 0; p < 2; ++p) {
        add_to(of_key.others + j + p * lanes<T>, sum[p]);
        if constexpr (Moments) add_to(of_key.moment + j + p * lanes<T>, moment[p]);
      }
  }
  template <bool Moments> void clear(side& s) {
    for (std::ptrdiff_t i = 0; i < rows_of_tiles(); ++i) {
      s.others[i] = 0;
      if constexpr (Moments) s.moment[i] = 0;
    }
  }
  static UFL_FN void add_to(double* to, V x) { doubles<D>::store(doubles<D>::load(to) + widen(x), to); }
  static UFL_FN double sum_of_lanes_at(const T* lane) {
    V s[chunks<T>::packs];
    UFL_UNROLL for (int p = 0; p < chunks<T>::packs; ++p) s[p] = load(lane + p * lanes<T>);
    return double(chunks<T>::sum(s));
  }

  /// The sum of f, and `gap` and `pull`.
  double cost_of(side& s) {
    alignas(64) double sums[lanes_of_sum] = {};
    // Rows beyond the last get a number to compute with, and are selected out of the sum.
    for (std::ptrdiff_t i = 0; i < keys.columns; ++i) s.gap[i] = i < n ? level(s, i) - double(own[i]) : 0;
    for (std::ptrdiff_t i = 0; i < keys.columns; i += lanes<double>) {
      const auto cost = Pairs::cost(load(s.gap + i));
      const mask_t<W> takes_part = iota<double>() < W(double(n - i));
      double* const sum = sums + i % lanes_of_sum;
      store(load(sum) + select(takes_part, cost.ramp + log1p(cost.tail), W(0.0)), sum);
      store(cost.slope, s.pull + i);
    }
    return sum_of_lane_doubles<lanes_of_sum>(sums);
  }
  /// N
  double level(const side& s, std::ptrdiff_t i) const {
    if (shared) return log_of_raised<T>(s.others[i], reference_level(reference));
    return s.others[i] == 0 ? -__builtin_inf() : log(s.others[i]) + double(s.top[i]);
  }
  /// The sum of f' M.
  double slope_of(const side& s) const {
    alignas(64) double sums[lanes_of_sum] = {};
    for (std::ptrdiff_t i = 0; i < n; ++i)
      if (s.others[i] != 0) sums[i % lanes_of_sum] += s.pull[i] * (s.moment[i] / s.others[i]);
    return sum_of_lane_doubles<lanes_of_sum>(sums);
  }

  void set_weights(side& s) {
    const double share = 1 / terms();
    for (std::ptrdiff_t i = 0; i < rows_of_tiles(); ++i)
      s.weight[i] = i < n && s.others[i] != 0 ? T(s.pull[i] * share / s.others[i]) : T(0);
  }
  /// The slopes in S of the block of rows at `first` and columns at `from`.
  template <bool Shared> void set_slopes(std::ptrdiff_t first, std::ptrdiff_t from) {
    const exponential<Shared> e_of(reference, places());
    const double share = 1 / terms();
    for (std::ptrdiff_t j = from; j < least(from + block, n); j += wide)
      for (std::ptrdiff_t i = first; i < least(first + block, n); i += tile_rows) {
        tile_of_products<T> c;
        multiply_tile(i, j, c);
        const bool plain = is_plain(i, j);
        T* const to = slopes + (i - first) * block + (j - from);
        UFL_UNROLL for (int q = 0; q < tile_rows; ++q) UFL_UNROLL for (int p = 0; p < 2; ++p) {
          const V row_weight(of_query.weight[i + q]);
          const V e = e_of(c[q][p], Shared ? V(T(0)) : V(of_query.top[i + q]));
          V h = e * row_weight;
          if constexpr (both_ways) {
            const V column_weight = load(of_key.weight + j + p * lanes<T>);
            if constexpr (Shared) h = e * (row_weight + column_weight);
            else h = fma(e, row_weight, e_of(c[q][p], load(of_key.top + j + p * lanes<T>)) * column_weight);
          }
          if (!plain) h = select(is_other(i + q, j + p * lanes<T>), h, V(T(0)));
          store(h, to + q * block + p * lanes<T>);
        }
        if (!plain)
          each_own(i, j, c, [&](std::ptrdiff_t r, T) {
            const double pull = of_query.pull[r] + (both_ways ? of_key.pull[r] : 0);
            // Where is_other() left a 0: the diagonal has no exponential.
            slopes[(r - first) * block + (r - from)] = T(0) - T(pull * share);
          });
      }
  }
  /// What that block's slopes make of the directions, for its rows and for its columns.
  /// The queries' gradients are slopes times keys, and the other way round, of which only those asked for
  /// are taken.
  void gather_block(std::ptrdiff_t first, std::ptrdiff_t from) {
    const std::ptrdiff_t step = keys.row_step, rows = least(block, n - first),
                         columns = least(block, n - from);
    for (std::ptrdiff_t k = 0; k < step; k += wide) {
      for (std::ptrdiff_t i = 0; of_query.gathered && i < rows; i += tile_rows)
        multiply_add<T>({slopes + i * block, block, 1}, {keys.row + from * step + k, step}, columns,
                        {of_query.gathered + (first + i) * step + k, step});
      for (std::ptrdiff_t j = 0; of_key.gathered && j < columns; j += tile_rows)
        multiply_add<T>({slopes + j, 1, block}, {queries.row + first * step + k, step}, rows,
                        {of_key.gathered + (from + j) * step + k, step});
    }
  }
  directions<T> queries, keys;
  unsigned wanted;
  std::ptrdiff_t n = 0;
  std::ptrdiff_t* order;
  T* own;  ///< each pair's S[i, i]
  side of_query, of_key;
  T *lane_sums, *lane_moments, *slopes;
  double per_temperature = 0;
  T reference = 0;  ///< of all exponentials, in binary places, where `shared`; else each row has its `top`
  bool shared = true;
};

UFL_END
