// A batch of vectors, or two: who takes part, in which order, and the directions of the vectors.
#pragma once
#include "ufloss/cuda/batch.hpp"
#include "ufloss/cuda/pairs_memory.hpp"
#include "ufloss/cuda/pairs_tile.hpp"
#include "ufloss/cuda/sort.hpp"
#include "ufloss/kinds/pairs/exponentials.hpp"

UFL_BEGIN
namespace gpu {

template <int Operands> struct pairs_arguments {
  address
      operand[Operands];  ///< vectors, labels or keys, temperature, a mask; then outputs: of the first batch
  long long along[Operands][2];  ///< bytes from vector to vector, and from number to number
  batch<Operands> batches;
  long long n, width;
  address memory;       ///< in the workspace, of the first batch
  long long first_row;  ///< of the strip of slopes
  long long side;       ///< whose rows it has: 0 or 1
  long long given;      ///< is the temperature by value, the bits of a double?
  pairs_memory at;
};

template <class L, bool Cross> struct both_ways_of {
  static constexpr bool value = false;
};
template <class L> struct both_ways_of<L, true> {
  static constexpr bool value = L::both_ways;
};

/// What all kernels of a call know.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_batch {
  static constexpr int inputs = 3 + Masked, outputs = count_parts(Parts), operands = inputs + outputs;
  static constexpr bool cross = is_cross<L>, moments = (Parts & part_grad3) != 0;
  static constexpr bool both_ways = both_ways_of<L, cross>::value;
  using arguments = pairs_arguments<operands>;
  using T = compute_t<S>;
  using block_of_pairs = tile<T>;
  using our = team<pairs_threads>;
  static constexpr int lanes = pair_lanes<T>, columns = block_of_pairs::columns;
  static constexpr long long chunk = pair_chunks * lanes;

  const arguments& a;
  address operand[operands];
  unsigned char* memory;
  pairs_state& state;
  UFL_DEVICE explicit pairs_batch(const arguments& all)
      : a(all),
        memory(at<unsigned char>(all.memory) + block_z() * all.at.bytes),
        state(*reinterpret_cast<pairs_state*>(memory + all.at.state)) {
    go_to(a.batches, block_z(), a.operand, operand);
  }
  template <class X> UFL_DEVICE X* piece(long long begin) const {
    return reinterpret_cast<X*>(memory + begin);
  }
  UFL_DEVICE T* vectors(int side) const { return piece<T>(a.at.vectors[side]); }
  UFL_DEVICE double* others(int side) const { return piece<double>(a.at.others[side]); }
  UFL_DEVICE double* moment(int side) const { return piece<double>(a.at.moment[side]); }
  UFL_DEVICE double* level(int side) const { return piece<double>(a.at.level[side]); }
  UFL_DEVICE double* pull(int side) const { return piece<double>(a.at.pull[side]); }
  UFL_DEVICE T* top(int side) const { return piece<T>(a.at.top[side]); }
  UFL_DEVICE T* weight(int side) const { return piece<T>(a.at.weight[side]); }
  UFL_DEVICE uint32* order() const { return piece<uint32>(a.at.order); }
  UFL_DEVICE int* group_begin() const { return piece<int>(a.at.group_begin); }
  UFL_DEVICE int* group_end() const { return piece<int>(a.at.group_end); }
  UFL_DEVICE double* share() const { return piece<double>(a.at.share); }
  UFL_DEVICE T* own() const { return piece<T>(a.at.own); }
  /// Of the rows are there `count`; 0 where the loss is none.
  UFL_DEVICE int count() const { return state.is_number ? int(state.count) : 0; }

  UFL_DEVICE bool takes_part(long long i) const {
    return !Masked || *gpu::at<const unsigned char>(operand[inputs - 1] + i * a.along[inputs - 1][0]) != 0;
  }
  UFL_DEVICE double temperature() const {
    if (!a.given) return double(storage<S>::get(*gpu::at<const S>(operand[2])));
    return double(storage<S>::get(storage<S>::put(T(from_bits(uint64(operand[2]))))));
  }
  UFL_DEVICE void put_number(int output, double x) const {
    *gpu::at<S>(operand[output]) = storage<S>::put(T(x));
  }

  // --- exponentials -----
  struct exponentials {
    bool shared;
    raised_exponential<T, true> raised;
    raised_exponential<T, false> own;
    UFL_DEVICE T operator()(T s, T of_row) const { return shared ? raised(s, of_row) : own(s, of_row); }
  };
  /// The largest product of a vector, where each has its own reference.
  UFL_DEVICE T top(const exponentials& e, int side, long long i) const {
    return e.shared ? T(0) : top(side)[i];
  }
  UFL_DEVICE bool shared() const { return have_shared_reference<T>(state.per_temperature); }
  UFL_DEVICE T reference() const { return shared() ? shared_reference<T>(state.per_temperature) : T(0); }
  UFL_DEVICE exponentials exponential() const {
    const int places = cross && !shared() ? 0 : raised_by<T>;
    return {shared(), raised_exponential<T, true>(reference(), places),
            raised_exponential<T, false>(reference(), places)};
  }
  UFL_DEVICE double level_of(int side, long long i) const {
    const double sum = others(side)[i];
    if (shared() || !cross)
      return log_of_raised<T>(sum, shared() ? reference_level(reference()) : double(top(side)[i]));
    return sum == 0 ? -UFL_INF : log(sum) + double(top(side)[i]);
  }
  /// Is row r held against column k?
  UFL_DEVICE bool is_other(int r, int k, int count) const {
    if constexpr (cross) return r < count && k < count && r != k;
    else return r < count && k < count && k >= (L::inclusive ? r + 1 : group_end()[r]);
  }
  UFL_DEVICE bool are_together(int r, int k, int count) const {
    return r < count && k > r && k < group_end()[r];
  }
};

/// Who takes part, and which vectors belong together: one block a batch.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_order_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using our = typename context::our;

  /// Compacted, in the order of the batch.
  static UFL_DEVICE int choose(const context& b, int* room) {
    int count = 0;
    for (long long from = 0; from < b.a.n; from += pairs_threads) {
      const long long i = from + our::rank();
      const bool takes = i < b.a.n && b.takes_part(i);
      int before = takes;  // and all threads up to this one: by warps, then those of the warps before
      for (int distance = 1; distance < warp_threads; distance *= 2) {
        const int lane = our::rank() % warp_threads;
        const int other = from_lane(before, lane >= distance ? lane - distance : lane);
        before += lane >= distance ? other : 0;
      }
      if (our::rank() % warp_threads == warp_threads - 1) room[our::rank() / warp_threads] = before;
      our::sync();
      int all = 0, earlier = 0;
      for (int w = 0; w < our::warps; ++w) {
        if (w < our::rank() / warp_threads) earlier += room[w];
        all += room[w];
      }
      if (takes) b.order()[count + earlier + before - 1] = uint32(i);
      count += all;
      our::sync();
    }
    return count;
  }
  static UFL_DEVICE void sort(const context& b, int n) {
    const keyed from{b.template piece<uint64>(b.a.at.key), b.order()};
    const keyed spare{b.template piece<uint64>(b.a.at.other_key),
                      b.template piece<uint32>(b.a.at.other_order)};
    for (int i = our::rank(); i < n; i += pairs_threads)
      from.key[i] = ascending_key(*at<const long long>(b.operand[1] + from.item[i] * b.a.along[1][0]));
    our::sync();
    const keyed sorted = sorter<pairs_threads>::sort(from, spare, n);
    if (sorted.item != from.item)
      for (int i = our::rank(); i < n; i += pairs_threads) from.put(i, sorted.at(i));
    our::sync();
  }
  /// The first and the last of those with the same key, by bisection.
  static UFL_DEVICE int bound(const uint64* key, int n, uint64 x, bool behind) {
    int low = 0, high = n;
    UFL_ROLLED
    while (low < high) {
      const int half = low + (high - low) / 2;
      if (key[half] < x || (behind && key[half] == x)) low = half + 1;
      else high = half;
    }
    return low;
  }
  static UFL_DEVICE double sum(double x, double* room) {
    return our::join(x, room, [](double p, double q) { return p + q; });  // of integers
  }
  static UFL_DEVICE double group_up(const context& b, int n, double* room) {
    const uint64* const key = b.template piece<uint64>(b.a.at.key);
    double pairs = 0, with_pairs = 0;
    for (int i = our::rank(); i < n; i += pairs_threads) {
      const int begin = bound(key, n, key[i], false), end = bound(key, n, key[i], true);
      b.group_begin()[i] = begin;
      b.group_end()[i] = end;
      pairs += end - begin - 1;
      with_pairs += end - begin > 1;
    }
    pairs = sum(pairs, room);
    with_pairs = sum(with_pairs, room);
    b.state.pair_share = 1 / pairs;
    for (int i = our::rank(); i < n; i += pairs_threads) {
      const double size = b.group_end()[i] - b.group_begin()[i] - 1;
      b.share()[i] = size == 0 ? 0 : by_row() ? 1 / (with_pairs * size) : 1 / pairs;
    }
    return pairs;
  }
  static constexpr UFL_DEVICE bool by_row() {
    if constexpr (context::cross) return false;
    else return L::by_row;
  }
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    const int n = choose(b, shared_memory<int>());
    double pairs = n;
    if constexpr (!context::cross) {
      sort(b, n);
      pairs = group_up(b, n, shared_memory<double>());
    }
    if (our::rank() == 0) {
      b.state.count = n;
      b.state.per_temperature = 1 / b.temperature();
      b.state.is_number = b.temperature() > 0 && pairs > 0;
      b.state.value = 0;
    }
  }
};

/// The directions of the vectors, all made of one length; vectors of zeros stay so.  A warp a vector.
template <class L, unsigned Parts, class S, bool Masked> struct pairs_directions_kernel {
  using context = pairs_batch<L, Parts, S, Masked>;
  using arguments = typename context::arguments;
  using T = typename context::T;
  using our = team<warp_threads>;
  static constexpr int lanes = context::lanes;

  static UFL_DEVICE double squares(const T* x, long long step) {
    double s = 0;
    for (long long k = our::rank() % lanes; k < step; k += lanes) s = fma(double(x[k]), double(x[k]), s);
    return group<lanes>::sum(s);
  }
  static UFL_DEVICE void scale(T* x, double by, long long step) {
    for (long long k = our::rank(); k < step; k += warp_threads) x[k] = T(double(x[k]) * by);
    our::sync();
  }
  static UFL_DEVICE void one(const context& b, int side, long long i) {
    const long long step = b.a.at.step;
    T* const x = b.vectors(side) + i * step;
    const bool is = i < b.state.count;
    const address from = is ? b.operand[side] + b.order()[i] * b.a.along[side][0] : 0;
    bool is_zero = true;
    for (long long k = our::rank(); k < step; k += warp_threads) {
      x[k] = is && k < b.a.width ? storage<S>::get(*at<const S>(from + k * b.a.along[side][1])) : T(0);
      is_zero &= x[k] == T(0);
    }
    our::sync();
    if (!is) return;
    double sum = squares(x, step), unit = 1;
    if constexpr (sizeof(T) == 8) {  // floats squared in double leave no range
      if (sum > 0x1p1000 || (sum < 0x1p-900 && any_of_warp(!is_zero))) {
        unit = sum > 0x1p1000 ? 0x1p-600 : 0x1p600;
        scale(x, unit, step);
        sum = squares(x, step);
      }
    }
    if (!(sum < UFL_INF)) {
      if (our::rank() == 0) b.state.is_number = 0;
      return;
    }
    const double slope = sum > 0 ? sqrt(b.state.per_temperature) / sqrt(sum) : 0;
    scale(x, slope, step);
    if (our::rank() == 0) b.template piece<double>(b.a.at.slope[side])[i] = slope * unit;
  }
  static UFL_DEVICE void run(const arguments& a) {
    const context b(a);
    const long long warps = threads() / warp_threads, first = block() * warps + thread() / warp_threads;
    for (long long i = first; i < a.at.rows * (1 + context::cross); i += blocks() * warps)
      one(b, int(i / a.at.rows), i % a.at.rows);
  }
};

}  // namespace gpu
UFL_END
