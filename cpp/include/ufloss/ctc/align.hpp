// The best path of CTC (Viterbi): sums of logarithms and their maxima, in double, with the way back noted for every state.
#pragma once
#include "sequence.hpp"

UFL_BEGIN

template <class T> struct ctc_path {
  const sequence<T> s;
  std::ptrdiff_t states;
  double *now, *before;
  signed char* back;
  T* buffer;
  ctc_path(const sequence<T>& q, arena& a) : s(q), states(2 * q.labels + 1) {
    now = a.take<double>(states + 2);
    before = a.take<double>(states + 2);
    buffer = a.take<T>(s.classes);
    back = a.take<signed char>(s.frames * states);
  }
  /// The log-probability of the best path; put(t, state) is called from the last frame to the first.  No path: -inf; no distribution: NaN;
  /// and no call.  Of paths that are as good, the one that is further along, seen from the end.
  template <class Put> double find(Put put) {
    constexpr double none = -__builtin_inf();
    log_product scale;
    double *v = now + 2, *u = before + 2;                      // two places for what would come before the first state
    for (std::ptrdiff_t i = -2; i < states; ++i) v[i] = u[i] = none;
    u[0] = 0;
    for (std::ptrdiff_t t = 0; t < s.frames; ++t) {
      const T* x = s.logits.template get<T>(t, s.classes, buffer);
      const frame_sum f = sum_frame(x, s.classes);
      if (!(f.sum == f.sum)) return __builtin_nan("");
      scale.times(f.sum);
      const double blank = double(x[s.blank]) - f.top;
      signed char* const from = back + t * states;
      for (std::ptrdiff_t i = 0; i < states; ++i) {
        const std::ptrdiff_t n = i / 2;
        double best = u[i];
        signed char step = 0;
        if (u[i - 1] > best) { best = u[i - 1]; step = 1; }
        if (i % 2 && s.skip[n] > 0 && u[i - 2] > best) { best = u[i - 2]; step = 2; }
        v[i] = best + (i % 2 ? double(x[s.label[n]]) - f.top : blank);
        from[i] = step;
      }
      double* const swap = u;
      u = v;
      v = swap;
    }
    std::ptrdiff_t i = states - 1;
    if (i > 0 && u[i - 1] > u[i]) --i;
    const double score = u[i];
    if (score == none) return none;
    for (std::ptrdiff_t t = s.frames - 1; t >= 0; --t) {
      put(t, i);
      i -= back[t * states + i];
    }
    const double p = score - scale.value();
    return p < 0 ? p : 0.0;
  }
};

UFL_END
