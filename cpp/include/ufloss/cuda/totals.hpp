// Results of sums: segment after segment, as reduce/ adds them.
#pragma once
#include "ufloss/cuda/device.hpp"

UFL_BEGIN
namespace gpu {

struct total_arguments {
  address sums, again, weights;  ///< of segments; `again`: 0, or those in double
  address result;                ///< as R
  long long results, segments, terms;
  long long mean;    ///< is it the quotient of both sums?
  long long weighs;  ///< are there sums of weights?  Else a result weighs as much as it has terms
};
/// Segment after segment, and the result, rounded once.
template <class R> struct total_kernel {
  using arguments = total_arguments;
  struct totals {
    double total = 0, weight = 0;
    UFL_DEVICE void add(double s, double better, double t) {
      // nothing changes a NaN, nor an infinity of the same sign
      const bool settled = s - s == 0 || total != total || s == total;
      total = total + (settled ? s : better);
      weight = weight + t;
    }
  };
  static UFL_DEVICE R rounded(double x) {
    if constexpr (sizeof(R) == 2) return storage<R>::put(rounded_to_odd(x));
    else return R(x);
  }
  static UFL_DEVICE void put(const arguments& a, long long result, totals t) {
    const double weight = a.weighs ? t.weight : double(a.terms);
    at<R>(a.result)[result] = rounded(a.mean ? t.total / weight : t.total);
  }
  static UFL_DEVICE void run(const arguments& a) {
    const double* const sums = at<const double>(a.sums);
    const double* const again = a.again ? at<const double>(a.again) : sums;
    const double* const weights = a.weighs ? at<const double>(a.weights) : sums;
    if (a.segments <= 1) {
      for (long long k = block() * threads() + thread(); k < a.results; k += blocks() * threads()) {
        totals t;
        if (a.segments) t.add(sums[k], sums[k], weights[k]);
        put(a, k, t);
      }
      return;
    }
    const int lane = int(thread()) % warp_threads;
    const long long warps = threads() / warp_threads, own = thread() / warp_threads;
    for (long long first = block() * warps; first < a.results; first += blocks() * warps) {
      const long long result = first + own, begin = result * a.segments;
      if (result >= a.results) continue;
      totals t;
      for (long long from = 0; from < a.segments; from += warp_threads) {
        const long long k = from + lane < a.segments ? begin + from + lane : begin;
        const double s = sums[k], better = s - s == 0 ? s : again[k], w = weights[k];
        const int m = int(a.segments - from < warp_threads ? a.segments - from : warp_threads);
        for (int j = 0; j < m; ++j) t.add(from_lane(s, j), from_lane(better, j), from_lane(w, j));
      }
      if (lane == 0) put(a, result, t);
    }
  }
};

}  // namespace gpu
UFL_END
