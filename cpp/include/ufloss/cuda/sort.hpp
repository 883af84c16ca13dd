// A stable sort by the threads of a team, in shared memory or in the workspace.
#pragma once
#include "ufloss/cuda/team.hpp"

UFL_BEGIN
namespace gpu {

/// Of items that are put behind all others: a bit of the index.
constexpr uint32 behind_all = 0x80000000u;
/// The order of doubles but NaN, descending, and of integers, ascending, as that of keys.
UFL_FN uint64 descending_key(double x) {
  const uint64 u = to_bits(x + 0.0);  // zeros of both signs are equal
  return u >> 63 ? u : ~(u | (uint64(1) << 63));
}
UFL_FN uint64 ascending_key(long long x) { return uint64(x) ^ (uint64(1) << 63); }

/// Keys and whose they are.
struct keyed {
  uint64* key;
  uint32* item;
  struct one {
    uint64 key;
    uint32 item;
  };
  UFL_DEVICE one at(int i) const { return {key[i], item[i]}; }
  UFL_DEVICE void put(int i, one x) const {
    key[i] = x.key;
    item[i] = x.item;
  }
  static UFL_DEVICE bool less(one a, one b) {
    const uint32 a_behind = a.item & behind_all, b_behind = b.item & behind_all;
    return a_behind == b_behind ? a.key < b.key : a_behind < b_behind;
  }
};

template <int Threads> struct sorter {
  static constexpr int run = warp_threads;
  /// Ascending; all n are in `from`, and the team has come together.  Where the result is; so far as every
  /// thread of the team knows, it is complete.
  static UFL_DEVICE keyed sort(keyed from, keyed to, int n) {
    for (int i = team<Threads>::rank(); i < n; i += Threads) to.put(place_in_run(from, i, n), from.at(i));
    team<Threads>::sync();
    UFL_ROLLED
    for (long long length = run; length < n; length *= 2) {
      const keyed sorted = to;
      to = from;
      from = sorted;
      for (int i = team<Threads>::rank(); i < n; i += Threads)
        to.put(place_in_merge(from, i, n, length), from.at(i));
      team<Threads>::sync();
    }
    return to;
  }

 private:
  /// By counting: behind as many as are less, or as much and earlier.
  static UFL_DEVICE int place_in_run(keyed from, int i, int n) {
    const int begin = i / run * run, end = begin + run < n ? begin + run : n;
    const keyed::one own = from.at(i);
    int place = begin;
    for (int j = begin; j < end; ++j)
      place += j < i ? !keyed::less(own, from.at(j)) : keyed::less(from.at(j), own);
    return place;
  }
  /// Of two neighbouring runs: by bisection in the other one.
  static UFL_DEVICE int place_in_merge(keyed from, int i, int n, long long length) {
    const long long begin = i / (2 * length) * (2 * length);
    const long long middle = begin + length < n ? begin + length : n;
    const long long end = begin + 2 * length < n ? begin + 2 * length : n;
    const bool first = i < middle;
    const keyed::one own = from.at(i);
    int low = int(first ? middle : begin), high = int(first ? end : middle);
    const int other = low;
    UFL_ROLLED
    while (low < high) {
      const int half = low + (high - low) / 2;
      const keyed::one x = from.at(half);
      if (first ? keyed::less(x, own) : !keyed::less(own, x)) low = half + 1;
      else high = half;
    }
    return int(first ? i : i - middle + begin) + (low - other);
  }
};

}  // namespace gpu
UFL_END
