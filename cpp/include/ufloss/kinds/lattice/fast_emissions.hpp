// The emissions of the fast way of CTC: of each frame the chances of the labels and of the blank, up to a
// factor that the frame's sum has too.
//
// They are floats where the logits are: the same number stands in a frame's sum and in the recursion, so that
// the error of the loss is that of the float times the gradient, and small losses alone need doubles.
#pragma once
#include "ufloss/kinds/lattice/exponentials.hpp"

UFL_BEGIN

/// A pack of emissions as doubles.
template <class E> struct emission_pack {
  static UFL_FN native<double> load(const E* p) { return ufloss::load(p); }
};
#if UFL_HAS_XSIMD
template <> struct emission_pack<float> {
  static UFL_FN native<double> load(const float* p) {
#if UFL_AVX512F
    return pack<double>(_mm512_cvtps_pd(_mm256_loadu_ps(p)));
#elif UFL_AVX
    return pack<double>(_mm256_cvtps_pd(_mm_loadu_ps(p)));
#elif UFL_SSE2
    return pack<double>(_mm_cvtps_pd(_mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double*>(p)))));
#else
    double wide[lanes<double>];
    for (int i = 0; i < lanes<double>; ++i) wide[i] = p[i];
    return ufloss::load(wide);
#endif
  }
};
#else
template <> struct emission_pack<float> {
  static UFL_FN double load(const float* p) { return *p; }
};
#endif

/// The exponent as it stands in the bits: of a normal number exactly, of a subnormal one -1023.
UFL_FN double binary_exponent(double v) { return double(int(to_bits(v) >> 52)) - 1023; }  // v > 0

/// The emissions of one sequence, an epoch at a time.  What a frame's emissions are divided by is told to a
/// log_product; what they may cost the recursion is counted on the way.
template <class T, class E> struct fast_emissions {
  using D = native<double>;
  static constexpr int step = lanes<double>;
  static constexpr bool in_float = sizeof(E) == 4;
  static constexpr std::ptrdiff_t whole_bytes = 1 << 23;  ///< up to which those of all frames are held

  const sequence<T>& s;
  const ctc_rows wanted;
  const frame_rows& out;  ///< rows of what is wanted
  bool held_whole;  ///< those of all frames; else of an epoch, or with rows from one checkpoint to the next
  std::ptrdiff_t frame_mask;  ///< of a frame's number, for its place
  E* of_labels;
  double* blanks;
  double* label_logits;
  double* sums;  ///< of the frames' exponentials; kept where rows are wanted
  double* tops;  ///< their largest logits; the same, of doubles
  T* logits;
  T* raw;  ///< exponentials of an epoch, where no row of the gradient can hold them
  bool good = true;
  double cost = 0;  ///< bits that the frames of an epoch may take

  fast_emissions(const sequence<T>& q, ctc_rows w, const frame_rows& o, std::ptrdiff_t chunk, arena& a)
      : s(q), wanted(w), out(o) {
    const bool backward = wanted != ctc_rows::none;
    const std::ptrdiff_t frames = (s.frames + fast_epoch - 1) / fast_epoch * fast_epoch;
    constexpr std::ptrdiff_t few = whole_bytes / sizeof(E);
    // A sequence's own size decides, so that a batch changes no bits.
    held_whole = backward && size_product(frames, s.pairs) <= few;
    // Chunks and epochs are powers of two: a frame's place among them is a mask away.
    frame_mask = held_whole ? -1 : (backward ? chunk : fast_epoch) - 1;
    const std::ptrdiff_t between = held_rows::between_checkpoints(frames);
    of_labels = a.template take<E>(backward ? held_rows::room_for(frames, between, s.pairs, few)
                                            : fast_epoch * s.pairs);
    blanks = a.template take<double>(backward ? frames : fast_epoch);
    label_logits = a.template take<double>(s.pairs + 2 * block_pairs);
    // Copies of frames that cannot be read as they lie.
    logits = a.template take<T>(fast_epoch * s.classes);
    raw = a.template take<T>(fast_epoch * s.classes);
    sums = backward ? a.template take<double>(s.frames) : nullptr;
    tops = backward && !in_float ? a.template take<double>(s.frames) : nullptr;
  }
  /// Places of frame t: without rows those of an epoch are written over by the next.
  std::ptrdiff_t slot(std::ptrdiff_t t) const { return wanted != ctc_rows::none ? t : t % fast_epoch; }
  /// The blank's emission of frame t, in double whatever those of the labels are.
  double blank(std::ptrdiff_t t) const { return blanks[slot(t)]; }
  /// The first pair's emission of frame t; valid as long as its epoch, chunk or sequence is held.
  E* emission(std::ptrdiff_t t) const { return of_labels + (t & frame_mask) * s.pairs; }

  /// Frames [t0, t0 + n): emissions of the pairs [j0, j1), and rows as they are without labels.
  void emit(std::ptrdiff_t t0, int n, std::ptrdiff_t j0, std::ptrdiff_t j1, log_product* scale) {
    double sum[fast_epoch];
    cost = 0;
    if constexpr (in_float) {
      const float* from[fast_epoch] = {};
      float* to[fast_epoch] = {};
      // Exponentials go straight into the gradient's rows, which are finished where they lie.
      const bool home = wanted != ctc_rows::none && out.template ready<T>();
      for (int q = 0; q < n; ++q) {
        from[q] = s.logits.template get<T>(t0 + q, s.classes, logits + q * s.classes);
        to[q] = home ? reinterpret_cast<float*>(out.at(t0 + q)) : raw + q * s.classes;
      }
      frame_exponentials::of_frames(from, to, n, s.classes, sum);
      gather_emissions(to, n, emission(t0), j0, j1);
      for (int q = 0; q < n; ++q) {
        blanks[slot(t0 + q)] = to[q][s.blank];
        if (wanted != ctc_rows::none) begin_row(t0 + q, to[q], 1 / sum[q]);
      }
      check_emissions(t0, n, j0, j1);
    } else {
      for (int q = 0; q < n; ++q) sum[q] = emit_in_double(t0 + q, j0, j1, scale);
    }
    for (int q = 0; q < n; ++q) {
      // The sum of a frame is divided out of the loss in the end, as a logarithm of a product.
      scale->times(sum[q]);
      if (sums) sums[t0 + q] = sum[q];
    }
  }
  /// Emissions as emit() left them, where they were not held.
  UFL_NOINLINE void emit_anew(std::ptrdiff_t t0, int n, std::ptrdiff_t j0, std::ptrdiff_t j1) {
    if constexpr (in_float) {
      const float* from[fast_epoch] = {};
      float* to[fast_epoch] = {};
      double sum[fast_epoch];
      for (int q = 0; q < n; ++q) {
        from[q] = s.logits.template get<T>(t0 + q, s.classes, logits + q * s.classes);
        to[q] = raw + q * s.classes;
      }
      frame_exponentials::of_frames(from, to, n, s.classes, sum);
      gather_emissions(to, n, emission(t0), j0, j1);
    } else {
      for (int q = 0; q < n; ++q) {
        get_labels(t0 + q, j0, j1);
        for (std::ptrdiff_t j = j0; j < j1; j += step)
          put_emission(exp_nonpositive(load(label_logits + j) - D(tops[t0 + q])), emission(t0 + q) + j);
      }
    }
  }
  /// Logits of the labels of the pairs [j0, j1).
  void get_labels(std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1) const {
    const std::ptrdiff_t end = j1 < s.labels ? j1 : s.labels;
    for (std::ptrdiff_t n = j0; n < end; ++n)
      label_logits[n] = double(s.logits.template number<T>(t, s.label[n]));
    for (std::ptrdiff_t n = end > j0 ? end : j0; n < j1; ++n) label_logits[n] = -__builtin_inf();
  }
  /// Of n rows y those numbers that labels name; each label is looked up once for all of them.
  UFL_NOINLINE void gather_emissions(const float* const* y, int n, E* to, std::ptrdiff_t j0,
                                     std::ptrdiff_t j1) const {
    for (std::ptrdiff_t j = j0; j < j1; j += block_pairs) {
      std::ptrdiff_t label[block_pairs];
      UFL_UNROLL for (int i = 0; i < block_pairs; ++i) label[i] = s.label[j + i];
      for (int q = 0; q < n; ++q) {
        const float* const from = y[q];
        E* const e = to + q * s.pairs + j;
        UFL_UNROLL for (int i = 0; i < block_pairs; ++i) e[i] = E(from[label[i]]);
      }
      // Pairs beyond the last label have no label: 0, so that no mass comes there.
      for (std::ptrdiff_t i = s.labels; i < j + block_pairs; ++i)
        for (int q = 0; q < n; ++q) to[q * s.pairs + i] = 0;
    }
  }
  /// A row of what is wanted before posteriors are in it, from a frame's exponentials, which may lie in it.
  void begin_row(std::ptrdiff_t t, const float* y, double share) const {
    using V = native<float>;
    float* const to = out.template place<float>(t, raw + t % fast_epoch * s.classes);
    const V v = V(wanted == ctc_rows::gradient ? float(share) : 0.0f);
    chunks<float, frame_lanes>::over(s.classes, [&](int, std::ptrdiff_t j, std::ptrdiff_t m) UFL_INLINE {
      store_padded(load_padded(y + j, m, 0.0f) * v, to + j, m);
    });
    out.template put<float>(t, s.classes, to);
  }
  /// What a way through n frames may lose, in bits: in each its smallest emission that is not 0.
  UFL_NOINLINE void check_emissions(std::ptrdiff_t t0, int n, std::ptrdiff_t j0, std::ptrdiff_t j1) {
    using V = native<E>;
    double bits = 0;
    E least = 1;
    for (int q = 0; q < n; ++q) {
      const E* const e = emission(t0 + q);
      const E of_blank = E(blanks[slot(t0 + q)]);
      V smallest = V(of_blank > 0 ? of_blank : E(1));
      for (std::ptrdiff_t j = j0; j < j1; j += lanes<E>) {
        const V v = load_padded(e + j, j1 - j, E(0));  // a band ends with a block, which may be half a pack
        smallest = min(smallest, select(v > V(0), v, V(1)));
      }
      const E of_frame = -max_of_lanes(neg(smallest));
      least = min(least, of_frame);
      bits -= binary_exponent(double(of_frame));
    }
    good &= least > E(0x1p-120);  // below, floats are not what they should be
    cost += bits;
  }
  /// The same of one frame, in double; returns the sum of its exponentials.
  double emit_in_double(std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1, log_product* scale) {
    frame_sum all = {0, 1};
    const T* const row = s.log_probs ? nullptr : s.logits.template get<T>(t, s.classes, logits);
    if (!s.log_probs) all = sum_frame(row, s.classes);
    get_labels(t, j0, j1);
    const double of_blank = double(s.logits.template number<T>(t, s.blank));
    if (s.log_probs) {  // their largest is the reference
      const std::ptrdiff_t end = j1 < s.labels ? j1 : s.labels;
      double top = of_blank;
      for (std::ptrdiff_t n = j0; n < end; ++n) top = label_logits[n] > top ? label_logits[n] : top;
      good &= of_blank < __builtin_inf();
      for (std::ptrdiff_t n = 0; n < s.labels; ++n)  // those out of reach too
        good &= s.logits.template number<T>(t, s.label[n]) < T(__builtin_inf());
      all.top = top == -__builtin_inf() ? 0 : top;
      scale->sum -= all.top;
    }
    if (tops) tops[t] = all.top;
    E* const e = emission(t);
    D smallest = D(0);
    for (std::ptrdiff_t j = j0; j < j1; j += step) {
      const D d = load(label_logits + j) - D(all.top);
      smallest = min(smallest, select(d > neg(inf<D>()), d, D(0)));
      put_emission(exp_nonpositive(d), e + j);
    }
    const double least_label = -max_of_lanes(neg(smallest));
    const double least = min(least_label, of_blank > -__builtin_inf() ? of_blank - all.top : 0);
    good &= least > -690;  // below, exp is no normal number
    cost += 1 - least * 1.4426950408889634;
    blanks[slot(t)] = exp_nonpositive(of_blank - all.top);
    if (wanted != ctc_rows::none) {
      T* const to = out.template place<T>(t, raw);
      if (wanted == ctc_rows::gradient && !s.log_probs)
        put_softmax(row, s.classes, all.top, 1 / all.sum, to,
                    [](std::ptrdiff_t) UFL_INLINE { return wide_native<T>(0); });
      else
        for (std::ptrdiff_t k = 0; k < s.classes; ++k) to[k] = 0;
      out.template put<T>(t, s.classes, to);
    }
    return all.sum;
  }
  /// Doubles as they are: float emissions come from frame_exponentials.
  static UFL_FN void put_emission(D v, double* to) { store(v, to); }
  static UFL_FN void put_emission(D, float*) {}  // compiled, never called
};

UFL_END
