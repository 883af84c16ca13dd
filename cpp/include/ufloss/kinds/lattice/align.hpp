// The best path of CTC (Viterbi): sums of logarithms and their maxima, in double.  The way back is noted in
// two bits for every state that can be reached and can reach the end.
#pragma once
#include "ufloss/kinds/lattice/best.hpp"
#include "ufloss/kinds/lattice/sequence.hpp"

UFL_BEGIN

/// The best path of one sequence.  States are 2 n for the blank before label n, and 2 n + 1 for label n.
template <class T> struct ctc_path {
  const sequence<T> s;
  std::ptrdiff_t states;
  double *now, *before;
  unsigned char *back, *steps;  ///< four cells in a byte; those of one frame, not yet together
  T* buffer;
  ctc_path(const sequence<T>& q, arena& a) : s(q), states(2 * q.labels + 1) {
    now = a.take<double>(states + 2);
    before = a.take<double>(states + 2);
    buffer = a.take<T>(s.classes);
    steps = a.take<unsigned char>(states + 8);
    back = a.take<unsigned char>(most_cells(s.frames, s.labels) / 4 + 1);
  }
  /// Of frame t the states that count: [first_state(t), end_state(t)).
  /// From the first of them the end is still in reach, at two states a frame; the last can be reached by
  /// then.
  std::ptrdiff_t first_state(std::ptrdiff_t t) const { return s.max_of(0, states - 2 * (s.frames - t)); }
  std::ptrdiff_t end_state(std::ptrdiff_t t) const { return s.min_of(states, 2 * t + 2); }
  /// How many there are in all frames, where n labels have 2 n + 1 states: (2 n + 1) frames - 2 n^2; the most
  /// that any label has which is not longer than this one.
  static std::ptrdiff_t most_cells(std::ptrdiff_t frames, std::ptrdiff_t labels) {
    const std::ptrdiff_t n = labels < frames / 2 ? labels : frames / 2;
    return 2 * size_product(n, frames - n) + frames;
  }
  /// n steps, to `back` from a byte on; those that fill none, which is written too, become the first ones.
  void note(std::ptrdiff_t byte, std::ptrdiff_t n) const {
    steps[n] = steps[n + 1] = steps[n + 2] = 0;
    const std::ptrdiff_t full = n / 4;
    for (std::ptrdiff_t k = 0; k <= full; ++k) {
      const unsigned char* const p = steps + 4 * k;
      back[byte + k] = static_cast<unsigned char>(p[0] | p[1] << 2 | p[2] << 4 | p[3] << 6);
    }
    for (std::ptrdiff_t k = 0; k < n % 4; ++k) steps[k] = steps[4 * full + k];
  }
  /// The log-probability of the best path; put(t, state) is called from the last frame to the first.  No
  /// path: -inf; no distribution: NaN; and no call.  Of paths that are as good, the one that is further
  /// along, seen from the end.
  template <class Put> double find(Put put) {
    // -inf, the logarithm of 0: sums and maxima take it as they take any number.
    constexpr double none = -__builtin_inf();
    log_product scale;
    double *v = now + 2, *u = before + 2;  // two places for what would come before the first state
    for (std::ptrdiff_t i = -2; i < states; ++i) v[i] = u[i] = none;
    // Before the first frame all mass lies in the first blank, so that no frame is special.
    u[0] = 0;
    std::ptrdiff_t cell = 0;  // cells of the frames before, in their order
    for (std::ptrdiff_t t = 0; t < s.frames; ++t) {
      const T* x = s.logits.template get<T>(t, s.classes, buffer);
      const frame_sum f = sum_frame(x, s.classes);
      // Frames are normalised in the end, all at once: their sums do not tell one path from another.
      if (!(f.sum == f.sum)) return __builtin_nan("");
      scale.times(f.sum);
      const double blank = double(x[s.blank]) - f.top;
      const std::ptrdiff_t begin = first_state(t), end = end_state(t), over = cell % 4;
      const double* UFL_RESTRICT const p = u;  // no memory is shared, which the compiler cannot see
      double* UFL_RESTRICT const q = v;
      unsigned char* UFL_RESTRICT const to = steps + over;
      const std::ptrdiff_t* const label = s.label;
      const double *const skip = s.skip, top = f.top;
      const auto put_way = [&](std::ptrdiff_t i, way_in w, double emission) UFL_INLINE {
        q[i] = w.best + emission;
        to[i - begin] = w.step;
      };
      const auto blank_cell = [&](std::ptrdiff_t i)
                                  UFL_INLINE { put_way(i, best_way(p[i], p[i - 1]), blank); };
      const auto label_cell = [&](std::ptrdiff_t i) UFL_INLINE {
        const std::ptrdiff_t n = i / 2;
        const way_in w = best_way(p[i], p[i - 1], skip[n] > 0, p[i - 2]);
        put_way(i, w, double(x[label[n]]) - top);
      };
      // States in pairs, so that no cell asks whether it is a blank.
      std::ptrdiff_t i = begin;
      if (i % 2) label_cell(i++);
      for (; i + 1 < end; i += 2) {
        blank_cell(i);
        label_cell(i + 1);
      }
      if (i < end) blank_cell(i);
      note(cell / 4, over + end - begin);
      cell += end - begin;
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
      cell -= end_state(t) - first_state(t);
      const std::ptrdiff_t at = cell + i - first_state(t);
      i -= back[at / 4] >> at % 4 * 2 & 3;
    }
    // Rounding may leave a bit more than 0, the logarithm of 1.
    const double p = score - scale.value();
    return p < 0 ? p : 0.0;
  }
};

UFL_END
