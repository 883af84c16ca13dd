// Sums of losses as kernels, in the order of reduce/: the terms of a result in C order, segments of them by
// themselves, term i of a segment in lane i mod 16, lanes by halves; then segment after segment.
//
// Losses are computed by all threads; only who adds follows the order.  A thread may be a lane of a result
// whose neighbours are its other lanes (reduce_rows), or the same lane of the next results (reduce_columns),
// or it computes what the block's first warp adds meanwhile (reduce_blocks).
#pragma once
#include "ufloss/cuda/elementwise.hpp"
#include "ufloss/cuda/team.hpp"
#include "ufloss/cuda/totals.hpp"

UFL_BEGIN
namespace gpu {

enum reduce_schedule { reduce_rows, reduce_columns, reduce_blocks };
constexpr int reduce_lanes = 16, reduce_threads = 256, reduce_column_threads = reduce_lanes * warp_threads;
/// Terms of a segment that a group of lanes adds up without a block's help.
constexpr long long reduce_few = 512;

/// In place of a loss: its values lie in memory; only weights are added up.
struct stored_values {};
struct no_values {};

template <class L> struct loss_source {
  static constexpr int inputs = arity<L>;
  template <class V> static UFL_DEVICE jet<V> at(const V* x) {
    return evaluate_at<L>(x, typename indices_to<inputs>::type{});
  }
};
template <> struct loss_source<stored_values> {
  static constexpr int inputs = 1;
  template <class V> static UFL_DEVICE jet<V> at(const V* x) { return jet<V>{x[0]}; }
};
template <> struct loss_source<no_values> {
  static constexpr int inputs = 0;
  template <class V> static UFL_DEVICE jet<V> at(const V*) { return jet<V>{V(0)}; }
};

template <int Operands, int Dims> struct reduce_arguments {
  address operand[Operands];  ///< inputs, weights, mask, gradient; by value the bits of a double
  long long given;            ///< inputs, as a set, that are one number by value
  long long results, terms;   ///< how many, and of how many terms each
  long long segments;         ///< of a result
  long long line, part;       ///< as reduce/plan.hpp cuts them
  long long group_line, group_part;
  divisor length[2][Dims];  ///< of results, of terms; from the innermost dimension outwards
  long long step[2][Dims][Operands];
  address sums, weights;     ///< of each segment of each result
  address divisors;          ///< of the gradient, of each result; or
  long long divisor_number;  ///< the bits of a double
  long long divides;         ///< is it another than 1?
};

/// Inputs as S, weights as W.  Again: in double, where a sum has left the range of float.
template <class L, class S, bool Weighted, class W, bool Masked, bool Grad, int Dims, bool Again = false>
struct reduction_terms {
  using source = loss_source<L>;
  static constexpr int inputs = source::inputs, weight_operand = inputs, mask_operand = inputs + Weighted,
                       grad_operand = inputs + Weighted + Masked, operands = grad_operand + Grad;
  static constexpr bool has_factors = Weighted || Masked;
  using arguments = reduce_arguments<operands, Dims>;
  template <bool B, class X, class Y> struct either {
    using type = X;
  };
  template <class X, class Y> struct either<false, X, Y> {
    using type = Y;
  };
  using T = typename either<Again, double, compute_t<S>>::type;
  static constexpr int width = Again ? 1 : (Grad ? 8 : 16) / int(sizeof(T));  ///< terms of a thread at once
  using V = typename lanes_of<T, width>::type;

  struct place {
    address at[operands];
    double by;  ///< what the gradient is divided by
  };
  /// Places of result `index`, or of a term of one: those of operands [first, last).
  template <int First, int Last>
  static UFL_DEVICE void move(const arguments& a, int which, long long index, const address* from,
                              address* to) {
    UFL_UNROLL for (int k = First; k < Last; ++k) to[k] = from[k];
    if constexpr (Dims == 1) {
      UFL_UNROLL for (int k = First; k < Last; ++k) to[k] += index * a.step[which][0][k];
    } else {
      uint32 rest = uint32(index);
      UFL_UNROLL for (int d = 0; d < Dims; ++d) {
        const uint32 outer = d + 1 < Dims ? quotient(rest, a.length[which][d]) : 0;
        const long long along = rest - outer * uint32(a.length[which][d].length);
        UFL_UNROLL for (int k = First; k < Last; ++k) to[k] += along * a.step[which][d][k];
        rest = outer;
      }
    }
  }
  static UFL_DEVICE place place_of(const arguments& a, long long result) {
    place p;
    move<0, operands>(a, 0, result, a.operand, p.at);
    p.by = 1;
    if constexpr (Grad)
      p.by = a.divisors ? at<const double>(a.divisors)[result] : from_bits(uint64(a.divisor_number));
    return p;
  }

  static UFL_DEVICE T number_by_value(const arguments& a, int k) {
    const auto x = compute_t<S>(from_bits(uint64(a.operand[k])));
    return T(storage<S>::get(storage<S>::put(x)));
  }
  static UFL_DEVICE T slope(const arguments& a, const place& p, T g, double factor) {
    if constexpr (Weighted) {
      const T product = T(double(g) * (factor / p.by));
      return factor == 0 ? T(0) : product;
    } else {
      if (a.divides) g = g / T(p.by);
      return factor == 0 ? T(0) : g;
    }
  }
  static UFL_DEVICE S rounded(float x) { return storage<S>::put(x); }
  static UFL_DEVICE S rounded(double x) {
    if constexpr (sizeof(S) == 2) return storage<S>::put(rounded_to_odd(x));
    else return S(x);
  }
  static UFL_DEVICE void put_slope(address to, T g) {
    S* const place = at<S>(to);
    if constexpr (Again) {
      const auto before = storage<S>::get(*place);
      if (before - before == 0) return;
    }
    *place = rounded(g);
  }
  /// Terms first, first + step, ..., as far as they lie before `end`: their losses and the factors that these
  /// count by, and the gradient to its place.
  static UFL_DEVICE void compute(const arguments& a, const place& p, long long first, long long step,
                                 long long end, T* values, double* factors) {
    V x[inputs > 0 ? inputs : 1];
    UFL_UNROLL for (int v = 0; v < width; ++v) {
      const long long term = first + v * step;
      const bool in = term < end;
      address to[operands];
      if (in) move<0, grad_operand>(a, 1, term, p.at, to);
      UFL_UNROLL for (int k = 0; k < inputs; ++k) {
        T number = T(0);
        if (a.given >> k & 1) number = number_by_value(a, k);
        else if (in) number = T(storage<S>::get(*at<const S>(to[k])));
        lane_of(x[k], v) = number;
      }
      double factor = in ? 1 : 0;
      if constexpr (Weighted)
        if (in) factor = double(storage<W>::get(*at<const W>(to[weight_operand])));
      if constexpr (Masked)
        if (in && !*at<const unsigned char>(to[mask_operand])) factor = 0;
      factors[v] = factor;
    }
    jet<V> j = source::at(x);
    UFL_UNROLL for (int v = 0; v < width; ++v) {
      const long long term = first + v * step;
      values[v] = lane_of(j.value, v);
      if constexpr (Grad)
        if (term < end) {  // whose address would fill registers meanwhile
          address to[operands];
          move<grad_operand, operands>(a, 1, term, p.at, to);
          put_slope(to[grad_operand], slope(a, p, lane_of(j.grad, v), factors[v]));
        }
    }
  }

  /// A lane of a sum, and of that of the factors.
  struct lane_sums {
    double s = 0, t = 0;
    /// A factor of 0 leaves its number out, also where that is NaN or infinite.
    UFL_DEVICE void add(T x, double factor) {
      if constexpr (has_factors) {
        s = s + (factor == 0 ? 0 : double(x) * factor);
        t = t + factor;
      } else s = s + double(x);
    }
  };
  /// Terms begin + lane, begin + lane + lanes, ... before `end`.
  static UFL_DEVICE lane_sums add_lane(const arguments& a, const place& p, long long begin, long long end,
                                       int lane, int lanes) {
    lane_sums sums;
    UFL_ROLLED
    for (long long i = begin + lane; i < end; i += width * lanes) {
      T values[width];
      double factors[width];
      compute(a, p, i, lanes, end, values, factors);
      UFL_UNROLL for (int v = 0; v < width; ++v) if (i + v * lanes < end) sums.add(values[v], factors[v]);
    }
    return sums;
  }
  /// Of a block's shared memory: two stages of what the other warps compute while the first one adds.
  static constexpr int staged = (reduce_threads - warp_threads) * width;
  struct stages {
    double factors[2][has_factors ? staged : 1];
    T values[2][staged];
  };
  /// The sums of terms [begin, end), by the whole block; the first warp has them.
  static UFL_DEVICE lane_sums add_block(const arguments& a, const place& p, long long begin, long long end) {
    stages& stage = *shared_memory<stages>();
    const int own = int(thread()) - warp_threads, lane = int(thread()) % reduce_lanes;
    lane_sums sums;
    int now = 0;
    UFL_ROLLED
    for (long long from = begin; from < end + staged; from += staged, now ^= 1) {
      if (own >= 0 && from < end) {
        T values[width];
        double factors[width];
        compute(a, p, from + own, staged / width, end, values, factors);
        UFL_UNROLL for (int v = 0; v < width; ++v) {
          stage.values[now][own + v * (staged / width)] = values[v];
          if constexpr (has_factors) stage.factors[now][own + v * (staged / width)] = factors[v];
        }
      } else if (own < 0 && from > begin) {
        const long long rest = end - (from - staged), m = rest < staged ? rest : staged;
        for (int i = lane; i < m; i += reduce_lanes)
          sums.add(stage.values[now ^ 1][i], has_factors ? stage.factors[now ^ 1][i] : 1);
      }
      sync_block();
    }
    return {group<reduce_lanes>::sum(sums.s), group<reduce_lanes>::sum(sums.t)};
  }

  /// The terms of a segment.
  struct segment {
    long long begin, end;
    UFL_DEVICE segment(const arguments& a, long long which) {
      const long long of_line = (a.line + a.part - 1) / a.part, line = which / of_line;
      begin = line * a.line + (which - line * of_line) * a.part;
      const long long line_end = (line + 1) * a.line;
      end = begin + a.part < line_end ? begin + a.part : line_end;
    }
  };
  static UFL_DEVICE void put(const arguments& a, long long where, const lane_sums& sums) {
    at<double>(a.sums)[where] = sums.s;
    if constexpr (has_factors) at<double>(a.weights)[where] = sums.t;
  }
};

/// The sums of all segments.  Lanes: of a group, as many as a segment has terms or 16.
template <class L, class S, bool Weighted, class W, bool Masked, bool Grad, int Dims, int Schedule, int Lanes>
struct reduce_kernel : reduction_terms<L, S, Weighted, W, Masked, Grad, Dims> {
  using terms = reduction_terms<L, S, Weighted, W, Masked, Grad, Dims>;
  using arguments = typename terms::arguments;
  using lane_sums = typename terms::lane_sums;

  static UFL_DEVICE void by_rows(const arguments& a) {
    const long long of_block = threads() / Lanes, all = a.results * a.segments;
    for (long long first = block() * of_block; first < all; first += blocks() * of_block) {
      const long long which = first + thread() / Lanes;
      const int lane = group<Lanes>::lane();
      lane_sums sums;
      if (which < all) {
        const long long result = which / a.segments;
        const typename terms::segment s(a, which - result * a.segments);
        sums = terms::add_lane(a, terms::place_of(a, result), s.begin, s.end, lane, Lanes);
      }
      sums = {group<Lanes>::sum(sums.s), group<Lanes>::sum(sums.t)};
      if (which < all && lane == 0) terms::put(a, which, sums);
    }
  }
  /// 32 results side by side, a warp a lane.
  static UFL_DEVICE void by_columns(const arguments& a) {
    lane_sums* const of_lanes = shared_memory<lane_sums>();  // [lane][column]
    const int column = int(thread()) % warp_threads, lane = int(thread()) / warp_threads;
    const long long strips = (a.results + warp_threads - 1) / warp_threads;
    for (long long which = block(); which < strips * a.segments; which += blocks()) {
      const long long strip = which / a.segments, part = which - strip * a.segments;
      const long long result = strip * warp_threads + column;
      const typename terms::segment s(a, part);
      lane_sums sums;
      if (result < a.results)
        sums = terms::add_lane(a, terms::place_of(a, result), s.begin, s.end, lane, reduce_lanes);
      of_lanes[thread()] = sums;
      UFL_ROLLED
      for (int k = reduce_lanes / 2; k >= 1; k /= 2) {
        sync_block();
        if (lane < k) {
          const lane_sums other = of_lanes[thread() + unsigned(k * warp_threads)];
          sums = {sums.s + other.s, sums.t + other.t};
          of_lanes[thread()] = sums;
        }
      }
      if (lane == 0 && result < a.results) terms::put(a, result * a.segments + part, sums);
      sync_block();
    }
  }
  static UFL_DEVICE void by_blocks(const arguments& a) {
    for (long long which = block(); which < a.results * a.segments; which += blocks()) {
      const long long result = which / a.segments;
      const typename terms::segment s(a, which - result * a.segments);
      const lane_sums sums = terms::add_block(a, terms::place_of(a, result), s.begin, s.end);
      if (thread() == 0) terms::put(a, which, sums);
    }
  }
  static UFL_DEVICE void run(const arguments& a) {
    if constexpr (Schedule == reduce_rows) by_rows(a);
    else if constexpr (Schedule == reduce_columns) by_columns(a);
    else by_blocks(a);
  }
};

/// What is not finite, once more in double: segments where results have several of them, else groups of
/// results of which one is not finite.  `sums` and `weights` are those of reduce_kernel; of results of
/// several segments `weights` is where the better sums go.
template <class L, class S, bool Weighted, class W, bool Masked, bool Grad, int Dims>
struct reduce_again_kernel {
  using terms = reduction_terms<L, S, Weighted, W, Masked, Grad, Dims, true>;
  using arguments = typename terms::arguments;
  using lane_sums = typename terms::lane_sums;
  static UFL_DEVICE bool is_finite(double x) { return x - x == 0; }

  static UFL_DEVICE void again(const arguments& a, long long from, long long to) {
    double* const sums = at<double>(a.sums);
    constexpr int together = reduce_threads / reduce_lanes;
    if (a.terms > reduce_few)
      for (long long result = from; result < to; ++result) {
        const lane_sums better = terms::add_block(a, terms::place_of(a, result), 0, a.terms);
        if (thread() == 0) sums[result] = better.s;
      }
    else
      for (long long first = from; first < to; first += together) {
        const long long result = first + thread() / reduce_lanes;
        const int lane = group<reduce_lanes>::lane();
        lane_sums better;
        if (result < to)
          better = terms::add_lane(a, terms::place_of(a, result), 0, a.terms, lane, reduce_lanes);
        const double sum = group<reduce_lanes>::sum(better.s);
        if (result < to && lane == 0) sums[result] = sum;
      }
  }
  static UFL_DEVICE void run(const arguments& a) {
    using our = team<reduce_threads>;
    const double* const sums = at<const double>(a.sums);
    if (a.segments > 1) {
      for (long long which = block(); which < a.results * a.segments; which += blocks()) {
        if (is_finite(sums[which])) continue;
        const long long result = which / a.segments;
        const typename terms::segment s(a, which - result * a.segments);
        const lane_sums better = terms::add_block(a, terms::place_of(a, result), s.begin, s.end);
        if (thread() == 0) at<double>(a.weights)[which] = better.s;
      }
      return;
    }
    const long long of_line = (a.group_line + a.group_part - 1) / a.group_part;
    const long long groups = a.results / a.group_line * of_line;
    for (long long which = block(); which < groups; which += blocks()) {
      const long long line = which / of_line, line_end = (line + 1) * a.group_line;
      const long long from = line * a.group_line + (which - line * of_line) * a.group_part;
      const long long to = from + a.group_part < line_end ? from + a.group_part : line_end;
      bool finite = true;
      for (long long k = from + thread(); k < to; k += reduce_threads) finite &= is_finite(sums[k]);
      if (our::sum(!finite, shared_memory<int>())) again(a, from, to);
      sync_block();
    }
  }
};

}  // namespace gpu
UFL_END
