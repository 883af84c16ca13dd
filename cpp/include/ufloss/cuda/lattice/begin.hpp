// The first kernel of a lattice: sequences are looked at, and frames summed up.
#pragma once
#include "ufloss/cuda/lattice/cells.hpp"

UFL_BEGIN
namespace gpu {

/// A block for each sequence, and behind them those for frames, Lanes threads a frame.
template <class S, bool LogProbs, int Lanes, bool Packed> struct lattice_begin {
  using arguments = lattice_arguments;
  using T = compute_t<S>;

  // --- sequences -----
  /// Of all threads; shared memory has an int for each.
  static UFL_DEVICE int sum_of_threads(int x) {
    int* const all = shared_memory<int>();
    sync_block();
    all[thread()] = x;
    sync_block();
    int sum = 0;
    for (unsigned i = 0; i < threads(); ++i) sum += all[i];
    return sum;
  }
  /// With a mask: the frames that take part, in their order, and how many they are.
  static UFL_DEVICE long long count_frames(const arguments& a, unsigned b, long long frames) {
    const long long each = (a.frames + threads() - 1) / threads();
    const long long from = thread() * each < a.frames ? thread() * each : a.frames;
    const long long to = from + each < a.frames ? from + each : a.frames;
    int mine = 0;
    for (long long t = from; t < to; ++t) mine += t < frames && is_in(a, b, t);
    int* const all = shared_memory<int>();
    sync_block();
    all[thread()] = mine;
    sync_block();
    int before = 0, sum = 0;
    for (unsigned i = 0; i < threads(); ++i) {
      before += i < thread() ? all[i] : 0;
      sum += all[i];
    }
    int* const order = piece_of<int>(a.order, b, a.frames);
    int* const place = piece_of<int>(a.place, b, a.frames);
    for (long long t = from; t < to; ++t) {
      const bool in = t < frames && is_in(a, b, t);
      place[t] = in ? before : -1;
      if (in) order[before++] = int(t);
    }
    return sum;
  }
  /// The label's copy, each class in range; returns whether all were.
  static UFL_DEVICE bool copy_label(const arguments& a, unsigned b, long long labels, long long blank,
                                    int* copy) {
    const address from = address_of(a, of_labels, b);
    int wrong = 0;
    for (long long n = thread(); n < labels; n += threads()) {
      // read once, since somebody else may write to it: what was checked is what is used
      const long long k = *at<const volatile long long>(from + n * a.labels_step);
      const bool right = k >= 0 && k < a.classes && k != blank;
      copy[n] = right ? int(k) : 0;
      wrong += !right;
    }
    return sum_of_threads(wrong) == 0;
  }
  /// Chains of places of the same class.
  static UFL_DEVICE void link(const arguments& a, unsigned b, long long labels, const int* copy) {
    int* const next = piece_of<int>(a.next, b, a.labels);
    int* const first = piece_of<int>(a.first, b, a.labels);
    for (long long n = thread(); n < labels; n += threads()) first[n] = 1;
    sync_block();
    for (long long n = thread(); n < labels; n += threads()) {
      long long k = n + 1;
      while (k < labels && copy[k] != copy[n]) ++k;
      next[n] = k < labels ? int(k) : -1;
      if (k < labels) first[k] = 0;  // of one place alone it is the next
    }
  }
  static UFL_DEVICE void look_at(const arguments& a, unsigned b) {
    long long frames = integer_of(a, of_logit_length, b), labels = integer_of(a, of_label_length, b),
              blank = integer_of(a, of_blank, b);
    const bool right = frames >= 0 && frames <= a.frames && labels >= 0 && labels <= a.labels &&
                       blank >= -a.classes && blank < a.classes;
    if (!right) frames = labels = blank = 0;
    if (blank < 0) blank += a.classes;
    if (a.operand[of_mask]) frames = count_frames(a, b, frames);

    int* const copy = piece_of<int>(a.classes_of, b, a.labels);
    const bool right_label = copy_label(a, b, labels, blank, copy);  // and what it wrote can be read
    int repeats = 0;
    for (long long n = 1 + thread(); n < labels; n += threads()) repeats += copy[n] == copy[n - 1];
    repeats = sum_of_threads(repeats);
    if (a.next) link(a, b, labels, copy);

    if (thread()) return;
    lattice_record r = {frames, labels, blank, lattice_runs, {0, 0}, UFL_NAN};
    if (!right) r.state = lattice_wrong_lengths;
    else if (!right_label) r.state = lattice_wrong_label;
    else if (frames < labels + repeats) {
      r.state = lattice_without_path;
      r.loss = UFL_INF;
    }
    record_of(a, b) = r;
    if (r.state != lattice_runs) put_value<S>(a, b, r.loss);
  }

  // --- frames -----
  /// What a lane has seen of a row relative to `from`, in double; `top` of all.
  static UFL_DEVICE double sum_of(const arguments& a, address row, long long n, T from, T& top) {
    double sum[2] = {0, 0};
    bool good = true;
    each_bunch<S, Lanes, Packed>(row, a.logits_class, n, [&](long long, auto some) {
      UFL_UNROLL for (int e = 0; e < int(sizeof some / sizeof(S)); ++e) {
        const T x = storage<S>::get(some.v[e]), v = x - from;
        top = top < x ? x : top;
        good &= x == x;
        const double y = value_of(exponential_of(max(v, T(-700))));
        sum[e % 2] = sum[e % 2] + (v > T(-700) ? y : 0.0);
      }
    });
    return good ? sum[0] + sum[1] : UFL_NAN;
  }
  static UFL_DEVICE void sum_frames(const arguments& a) {
    using G = group<Lanes>;
    const unsigned per_block = threads() / Lanes;
    const long long all = a.batch * a.frames, step = (long long)(blocks() - a.batch) * per_block;
    const long long own = thread() / Lanes;
    UFL_ROLLED
    for (long long f0 = (block() - a.batch) * per_block; f0 < all; f0 += step) {
      const long long f = f0 + own < all ? f0 + own : all - 1;
      const unsigned b = quotient(unsigned(f), a.frames_of_item);
      const long long t = f - b * a.frames;
      const bool in = f0 + own < all && t < integer_of(a, of_logit_length, b) && is_in(a, b, t);
      const address row = address_of(a, of_logits, b) + t * a.logits_frame;
      const long long n = in ? a.classes : 0;
      T top = -inf<T>(), again = top;
      double sum = sum_of(a, row, n, T(0), top);
      top = G::largest(top);
      if (!(abs(top) < T(usual_logit))) sum = sum_of(a, row, n, top, again);
      sum = G::sum(sum);
      if (!in || G::lane()) continue;
      const bool good = abs(top) < inf<T>() && sum > 0;
      a_number(a.tops, f) = double(top);
      // exact: the sum lies above 2^-745
      a_number(a.sums, f) = good ? scale_by(sum, double(-scale_of<T>(double(top)).k)) : UFL_NAN;
    }
  }
  static UFL_DEVICE double& a_number(address piece, long long f) { return at<double>(piece)[f]; }

  static UFL_DEVICE void run(const arguments& a) {
    if (block() < a.batch) look_at(a, block());
    else if constexpr (!LogProbs) sum_frames(a);
  }
};

}  // namespace gpu
UFL_END
