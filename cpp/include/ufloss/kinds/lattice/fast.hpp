// CTC in float64 over shared powers of two: what almost all sequences take; exact.hpp is behind it.
//
// Blocks of eight pairs share one exponent R, renewed every eight frames: the largest exponent of this block
// and the one before it, since nothing comes from further away within eight frames.  Then a step is three
// fused multiply-adds and two products for two cells. Nothing is ever lost silently: a) Renewal brings the
// largest cell to 2^900.  One that is not 0 lies d bits below it, or below that of the next block it may come
// to;
//    the smallest emissions of the eight frames that are not 0 multiply to 2^-m.  As long as d + m <= 1880,
//    every single way through an epoch stays a normal number, and sums of all ways stay below 2^924.
// b) Backward, units mirror those of alpha: alpha times beta is the posterior itself, times 2^spare.  Where
// alpha is not 0 it is above 2^-980, so
//    beta is below 2^1000; elsewhere it does not matter and is held down.  Posteriors below 2^-64 are left
//    out, and blocks without others: up to two thirds of the work.
// Where a) fails the sequence goes the exact way, from its start.
//
// Emissions E are floats where the logits are: the same number stands in a frame's sum and in the recursion,
// so that the error of the loss is that of the float times the gradient, and small losses alone need doubles.
#pragma once
#include "ufloss/kinds/lattice/sequence.hpp"

UFL_BEGIN

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

/// 2^k for an integral k that is cut to what is a normal number.
constexpr double most_power = 1000;
UFL_FN double power(double k) { return power_of_two<0>(clamp(k, -most_power, most_power)); }

template <class T, class E> struct fast_ctc {
  using D = native<double>;
  using emissions = emission_pack<E>;
  static constexpr int step = lanes<double>, packs = block_pairs / step, epoch = 8;
  static constexpr double height = 900, range = height + 980, none = -1e9;
  static constexpr double spare = 20, cap = 0x1p1000, negligible = 0x1p-968;  // b); alpha is below 2^924
  static constexpr bool in_float = sizeof(E) == 4;
  static constexpr std::ptrdiff_t whole_emissions =
      1 << 23;  ///< bytes up to which those of all frames are held

  const sequence<T> s;
  const ctc_rows wanted;
  const frame_rows out;  ///< rows of what is wanted
  std::ptrdiff_t width, blocks, epochs;
  held_rows held;
  double *b, *l, *f, *skip_f, *level, *low,
      *r;  ///< the state, its factors from the pair before, and per block
  E* em;   ///< of one epoch; with rows, of all frames or from one checkpoint to the next
  bool em_whole;
  std::ptrdiff_t em_mask;  ///< of a frame's number, for its place in em
  double *blank, *x, *sums, *tops, *all_r, *rows, *kept, *ub, *ul, *g, *skip_g, *gamma;
  std::ptrdiff_t *place, *first, *kind, *index, *live_from, *live_to;
  T *buffer, *raw;  ///< raw: exponentials of an epoch, where no row of the gradient can hold them
  bool good = true;
  double cost = 0;  ///< bits that the frames of an epoch may take

  fast_ctc(const sequence<T>& q, ctc_rows w, const frame_rows& o, arena& a)
      : s(q),
        wanted(w),
        out(o),
        width(q.pairs + 2 * block_pairs),
        blocks(q.pairs / block_pairs),
        epochs((q.frames + epoch - 1) / epoch),
        held(epochs * epoch, 2 * width) {
    const bool backward = wanted != ctc_rows::none;
    const auto padded = [&](std::ptrdiff_t n) {
      double* const p = a.template take<double>(n + 2 * block_pairs);
      return p ? p + block_pairs : p;
    };
    b = padded(s.pairs);
    l = padded(s.pairs);
    f = padded(s.pairs);
    skip_f = padded(s.pairs);
    level = padded(blocks);
    low = padded(blocks);
    r = padded(blocks);
    constexpr std::ptrdiff_t few = whole_emissions / sizeof(E);
    em_whole = backward && size_product(epochs * epoch, s.pairs) <= few;
    em_mask = em_whole ? -1 : (backward ? held.chunk : epoch) - 1;
    em = a.template take<E>(backward ? held_rows::room_for(epochs * epoch,
                                                           held_rows::between_checkpoints(epochs * epoch),
                                                           s.pairs, few)
                                     : epoch * s.pairs);
    blank = a.template take<double>((backward ? epochs : 1) * epoch);
    x = a.template take<double>(s.pairs + 2 * block_pairs);
    buffer = a.template take<T>(epoch * s.classes);
    raw = a.template take<T>(epoch * s.classes);
    sums = tops = all_r = rows = kept = ub = ul = g = skip_g = gamma = nullptr;
    place = first = kind = index = live_from = live_to = nullptr;
    if (!backward) return;
    sums = a.template take<double>(s.frames);
    if (!in_float) tops = a.template take<double>(s.frames);
    all_r = a.template take<double>(size_product(epochs, blocks));
    rows = a.template take<double>(held.room);
    kept = a.template take<double>(size_product(held.checkpoints, 2 * s.pairs));
    ub = padded(s.pairs);
    ul = padded(s.pairs);
    g = padded(s.pairs);
    skip_g = padded(s.pairs);
    gamma = a.template take<double>(epoch * s.pairs);
    place = a.template take<std::ptrdiff_t>(s.pairs);
    first = a.template take<std::ptrdiff_t>(s.pairs + 1);
    kind = a.template take<std::ptrdiff_t>(s.pairs);
    live_from = a.template take<std::ptrdiff_t>(s.pairs);
    live_to = a.template take<std::ptrdiff_t>(s.pairs);
    index = a.template take<std::ptrdiff_t>(s.classes);
  }

  /// Pairs of an epoch of frames [t0, t0 + n): what can reach the end from the frame before, and what is
  /// reached within.
  std::ptrdiff_t begin_of(std::ptrdiff_t t0) const { return s.first_pair(t0 - 1); }
  std::ptrdiff_t end_of(std::ptrdiff_t t0, std::ptrdiff_t n) const { return s.end_pair(t0 + n - 1); }
  std::ptrdiff_t slot(std::ptrdiff_t t) const { return wanted != ctc_rows::none ? t : t % epoch; }
  E* emission(std::ptrdiff_t t) const { return em + (t & em_mask) * s.pairs; }

  // --- emissions -----
  /// exp(x - c) 2^-k of a row, k as near its largest, and their sum, of which `Together` neighbours are added
  /// as floats.  Plain: nothing has to be taken care of.
  template <bool Plain, int Together>
  static double exponentials_of(const float* from, std::ptrdiff_t n, float c, float k, float* to) {
    using C = chunks<float, frame_lanes>;
    using V = native<float>;
    using W = wide_t<V>;
    constexpr float nothing_left = -__builtin_inff();
    const V shift = V(c), base = V(exp_param<float>::round - k), lowest = V((k - 125) * 0.693147181f);
    W sums[C::packs];
    V some[C::packs];
    C::each([&](int i) UFL_INLINE {
      sums[i] = W(0);
      some[i] = V(0);
    });
    const auto exponential = [&](V v) UFL_INLINE {
      if constexpr (Plain) return exp_shifted<false>(v, base, lowest);
      else return select(v == V(nothing_left), V(0), exp_shifted(v - shift, base, lowest));
    };
    const auto empty = [&]() UFL_INLINE {
      C::each([&](int i) UFL_INLINE {
        sums[i] = sums[i] + widen(some[i]);
        some[i] = V(0);
      });
    };
    std::ptrdiff_t j = 0;
    while (j + frame_lanes <= n) {
      const std::ptrdiff_t end = j + Together * frame_lanes < n ? j + Together * frame_lanes : n;
      for (; j + frame_lanes <= end; j += frame_lanes)
        C::each([&](int i) UFL_INLINE {
          const V e = exponential(load(from + j + i * lanes<float>));
          store(e, to + j + i * lanes<float>);
          some[i] = some[i] + e;
        });
      empty();
    }
    if (j < n) {
      C::each([&](int i) UFL_INLINE {
        const std::ptrdiff_t at = j + i * lanes<float>;
        const V v = load_padded(from + at, n - at, nothing_left),
                e = select(v == V(nothing_left), V(0), exponential(v));
        store_padded(e, to + at, n - at);
        some[i] = e;
      });
      empty();
    }
    return sum_of_frame<float>(sums);
  }
  /// In long rows that no class rules, sums of eight floats are good enough: off by less than 10^-8, where
  /// each frame costs more than 2.
  template <bool Plain>
  static double exponentials_and_sum(const float* from, std::ptrdiff_t n, float c, float k, float* to) {
    if (n < 512) return exponentials_of<Plain, 1>(from, n, c, k, to);
    const double sum = exponentials_of<Plain, 8>(from, n, c, k, to);
    if (sum > 16) return sum;
    wide_native<float> sums[chunks<float, frame_lanes>::packs];
    chunks<float, frame_lanes>::each([&](int i) UFL_INLINE { sums[i] = wide_native<float>(0); });
    chunks<float, frame_lanes>::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t m) UFL_INLINE {
      sums[i] = sums[i] + widen(load_padded(to + j, m, 0.0f));
    });
    return sum_of_frame<float>(sums);
  }
  /// Those of n frames, whose latencies overlap where rows are short.
  static UFL_NOINLINE void exponentials(const float* const* from, float* const* to, int n,
                                        std::ptrdiff_t classes, double* sum) {
    range_of_row<float> range[epoch];
    const auto measure = [&](int q) { range[q] = range_of(from[q], classes); };
    const bool short_rows = classes < 1024;
    if (short_rows)
      for (int q = 0; q < n; ++q) measure(q);
    for (int q = 0; q < n; ++q) {
      if (!short_rows) measure(q);
      const float top = range[q].top;
      const bool usual = abs(top) < 256;
      const float c = usual || !(abs(top) < inf<float>()) ? 0 : top;
      const float k =
          abs(top) < inf<float>()
              ? fma(top - c, exp_param<float>::log2e, exp_param<float>::round) - exp_param<float>::round
              : 0;
      const double total = usual && range[q].bottom > top - 80
                               ? exponentials_and_sum<true>(from[q], classes, c, k, to[q])
                               : exponentials_and_sum<false>(from[q], classes, c, k, to[q]);
      sum[q] = total > 0 ? total : __builtin_nan("");
    }
  }
  /// Frames [t0, t0 + n): emissions of the pairs [j0, j1), and rows as they are without labels.
  void emit(std::ptrdiff_t t0, int n, std::ptrdiff_t j0, std::ptrdiff_t j1, log_product* scale) {
    double sum[epoch];
    cost = 0;
    if constexpr (in_float) {
      const float* from[epoch] = {};
      float* to[epoch] = {};
      const bool home = wanted != ctc_rows::none && out.template ready<T>();
      for (int q = 0; q < n; ++q) {
        from[q] = s.logits.template get<T>(t0 + q, s.classes, buffer + q * s.classes);
        to[q] = home ? reinterpret_cast<float*>(out.at(t0 + q)) : raw + q * s.classes;
      }
      exponentials(from, to, n, s.classes, sum);
      gather_emissions(to, n, emission(t0), j0, j1);
      for (int q = 0; q < n; ++q) {
        blank[slot(t0 + q)] = to[q][s.blank];
        if (wanted != ctc_rows::none) begin_row(t0 + q, to[q], 1 / sum[q]);
      }
      check_emissions(t0, n, j0, j1);
    } else {
      for (int q = 0; q < n; ++q) sum[q] = emit_in_double(t0 + q, j0, j1, scale);
    }
    for (int q = 0; q < n; ++q) {
      scale->times(sum[q]);
      if (sums) sums[t0 + q] = sum[q];
    }
  }
  /// Emissions as emit() left them, where they were not held.
  UFL_NOINLINE void emit_again(std::ptrdiff_t t0, int n, std::ptrdiff_t j0, std::ptrdiff_t j1) {
    if constexpr (in_float) {
      const float* from[epoch] = {};
      float* to[epoch] = {};
      double sum[epoch];
      for (int q = 0; q < n; ++q) {
        from[q] = s.logits.template get<T>(t0 + q, s.classes, buffer + q * s.classes);
        to[q] = raw + q * s.classes;
      }
      exponentials(from, to, n, s.classes, sum);
      gather_emissions(to, n, emission(t0), j0, j1);
    } else {
      for (int q = 0; q < n; ++q) {
        get_labels(t0 + q, j0, j1);
        for (std::ptrdiff_t j = j0; j < j1; j += step)
          put_emission(exp_nonpositive(load(x + j) - D(tops[t0 + q])), emission(t0 + q) + j);
      }
    }
  }
  /// Logits of the labels of the pairs [j0, j1) to x.
  void get_labels(std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1) const {
    const std::ptrdiff_t end = j1 < s.labels ? j1 : s.labels;
    for (std::ptrdiff_t n = j0; n < end; ++n) x[n] = double(s.logits.template number<T>(t, s.label[n]));
    for (std::ptrdiff_t n = end > j0 ? end : j0; n < j1; ++n) x[n] = -__builtin_inf();
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
      for (std::ptrdiff_t i = s.labels; i < j + block_pairs; ++i)
        for (int q = 0; q < n; ++q) to[q * s.pairs + i] = 0;
    }
  }
  /// A row of what is wanted before posteriors are in it, from a frame's exponentials, which may lie in it.
  void begin_row(std::ptrdiff_t t, const float* y, double share) const {
    using V = native<float>;
    float* const to = out.template place<float>(t, raw + t % epoch * s.classes);
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
      const E own = E(blank[slot(t0 + q)]);
      V smallest = V(own > 0 ? own : E(1));
      for (std::ptrdiff_t j = j0; j < j1; j += lanes<E>) {
        const V v = load_padded(e + j, j1 - j, E(0));  // a band ends with a block, which may be half a pack
        smallest = min(smallest, select(v > V(0), v, V(1)));
      }
      const E of_frame = -max_of_lanes(neg(smallest));
      least = min(least, of_frame);
      bits -= exponent(double(of_frame));
    }
    good &= least > E(0x1p-120);  // below, floats are not what they should be
    cost += bits;
  }
  double emit_in_double(std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1, log_product* scale) {
    frame_sum all = {0, 1};
    const T* const row = s.log_probs ? nullptr : s.logits.template get<T>(t, s.classes, buffer);
    if (!s.log_probs) all = sum_frame(row, s.classes);
    const std::ptrdiff_t end = j1 < s.labels ? j1 : s.labels;
    get_labels(t, j0, j1);
    const double own = double(s.logits.template number<T>(t, s.blank));
    if (s.log_probs) {  // their largest is the reference
      double top = own;
      for (std::ptrdiff_t n = j0; n < end; ++n) top = x[n] > top ? x[n] : top;
      good &= own < __builtin_inf();
      for (std::ptrdiff_t n = 0; n < s.labels; ++n)
        good &= s.logits.template number<T>(t, s.label[n]) < T(__builtin_inf());  // out of reach too
      all.top = top == -__builtin_inf() ? 0 : top;
      scale->sum -= all.top;
    }
    if (tops) tops[t] = all.top;
    E* const e = emission(t);
    D smallest = D(0);
    for (std::ptrdiff_t j = j0; j < j1; j += step) {
      const D d = load(x + j) - D(all.top);
      smallest = min(smallest, select(d > neg(inf<D>()), d, D(0)));
      put_emission(exp_nonpositive(d), e + j);
    }
    const double least = min(-max_of_lanes(neg(smallest)), own > -__builtin_inf() ? own - all.top : 0);
    good &= least > -690;  // below, exp is no normal number
    cost += 1 - least * 1.4426950408889634;
    blank[slot(t)] = exp_nonpositive(own - all.top);
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
  static UFL_FN void put_emission(D v, double* to) { store(v, to); }
  static UFL_FN void put_emission(D, float*) {}

  // --- the two recursions -----
  static UFL_FN double exponent(double v) { return double(int(to_bits(v) >> 52)) - 1023; }  // v > 0
  /// Exponents of the largest and the smallest cell of each block that is not 0.
  UFL_NOINLINE void levels(std::ptrdiff_t k0, std::ptrdiff_t k1) const {
    for (std::ptrdiff_t k = k0; k < k1; ++k) {
      D most = D(0), least = D(1e300);
      UFL_UNROLL for (int i = 0; i < packs; ++i) {
        const D v = load(b + k * block_pairs + i * step), w = load(l + k * block_pairs + i * step);
        most = max(most, max(v, w));
        least = min(least, min(select(v > D(0), v, D(1e300)), select(w > D(0), w, D(1e300))));
      }
      const double m = max_of_lanes(most);
      level[k] = m > 0 ? exponent(m) + r[k] : none;
      low[k] = m > 0 ? exponent(-max_of_lanes(neg(least))) + r[k] : -none;
    }
  }
  /// New units of the blocks [k0, k1); a).
  void renew(std::ptrdiff_t k0, std::ptrdiff_t k1) {
    levels(k0, k1);
    level[k0 - 1] = none;
    low[k0 - 1] = -none;
    for (std::ptrdiff_t k = k0; k < k1; ++k) {
      const double top = max(level[k], level[k - 1]), bottom = min(low[k], low[k - 1]),
                   now = top > none ? top - height : none;
      good &= top - bottom <= range - cost && (level[k] == none || abs(r[k] - now) <= most_power);
      scale_block(k, r[k] - now);
      r[k] = now;
    }
    for (std::ptrdiff_t k = k0; k < k1; ++k)
      good &= level[k - 1] == none || abs(r[k - 1] - r[k]) <= most_power;
    set_factors(r, f, skip_f, k0, k1);
  }
  void scale_block(std::ptrdiff_t k, double by) const {
    const D v = D(power(by));
    UFL_UNROLL for (int i = 0; i < packs; ++i) {
      double *const p = b + k * block_pairs + i * step, *const q = l + k * block_pairs + i * step;
      store(load(p) * v, p);
      store(load(q) * v, q);
    }
  }
  /// The factor of what comes from the block before, in the first pair of each.
  void set_factors(const double* unit, double* factor, double* skip_factor, std::ptrdiff_t k0,
                   std::ptrdiff_t k1) const {
    for (std::ptrdiff_t k = k0; k < k1; ++k) {
      const std::ptrdiff_t n = k * block_pairs;
      factor[n] = k == k0 ? 1 : power(unit[k - 1] - unit[k]);
      skip_factor[n] = factor[n] * s.skip[n];
    }
  }
  double* checkpoint(std::ptrdiff_t t) const { return kept + t / held.chunk * 2 * s.pairs; }
  struct state {
    double *b, *l;
  };
  state row(std::ptrdiff_t slot) const {
    double* const p = rows + slot * 2 * width + block_pairs;
    return {p, p + width};
  }
  UFL_NOINLINE void advance(state from, state to, const E* e, double y, std::ptrdiff_t j0,
                            std::ptrdiff_t j1) const {
    const D blank_chance = D(y);
    for (std::ptrdiff_t j = j1 - step; j >= j0; j -= step) {
      const D p = load(from.b + j), q = load(from.l + j), before = load(from.l + j - 1);
      const D nb = fma(before, load(f + j), p) * blank_chance,
              nl = (fma(before, load(skip_f + j), q) + p) * emissions::load(e + j);
      store(nb, to.b + j);
      store(nl, to.l + j);
    }
  }
  /// One epoch of alphas of the pairs [j0, j1) from the state in b, l; their rows are kept from the given one
  /// on, or nowhere (-1).
  void advance_epoch(std::ptrdiff_t t0, int n, std::ptrdiff_t j0, std::ptrdiff_t j1,
                     std::ptrdiff_t to_row) const {
    const state own = {b, l};
    state from = own;
    for (int q = 0; q < n; ++q) {
      const state to = to_row < 0 ? own : row(to_row + q);
      advance(from, to, emission(t0 + q), blank[slot(t0 + q)], j0, j1);
      to.l[j0 - 1] = 0;
      from = to;
    }
    if (to_row >= 0)
      for (std::ptrdiff_t j = j0; j < j1; ++j) {
        b[j] = from.b[j];
        l[j] = from.l[j];
      }
  }
  void start() {
    for (std::ptrdiff_t n = -block_pairs; n < s.pairs + block_pairs; ++n) {
      b[n] = l[n] = 0;
      f[n] = 1;
      skip_f[n] = s.skip[n];
    }
    for (std::ptrdiff_t k = -1; k <= blocks; ++k) {
      r[k] = k ? none : -height;
      level[k] = none;
      low[k] = -none;
    }
    b[0] = power(height);
  }
  /// The loss, or NaN where the sequence must go the exact way; then `total` is the chance of the label, but
  /// for the sums of the frames.
  double forward(cell<double>* total) {
    log_product scale;
    start();
    const bool backward = wanted != ctc_rows::none, whole = backward && held.whole;
    for (std::ptrdiff_t e = 0, t0 = 0; t0 < s.frames; ++e, t0 += epoch) {
      const int n = int(s.frames - t0 < epoch ? s.frames - t0 : epoch);
      const std::ptrdiff_t j0 = begin_of(t0), j1 = end_of(t0, n);
      if (backward && !whole && t0 % held.chunk == 0)
        for (std::ptrdiff_t j = 0; j < s.pairs; ++j) {
          checkpoint(t0)[j] = b[j];
          checkpoint(t0)[s.pairs + j] = l[j];
        }
      emit(t0, n, j0, j1, &scale);
      if (e > 0) {
        b[j0 - 1] = l[j0 - 1] = 0;
        renew(j0 / block_pairs, j1 / block_pairs);
      }
      if (!good || cost > range) return __builtin_nan("");
      if (backward)
        for (std::ptrdiff_t k = 0; k < blocks; ++k) all_r[e * blocks + k] = r[k];
      advance_epoch(t0, n, j0, j1, whole ? t0 : -1);
    }
    const std::ptrdiff_t last = s.labels ? (s.labels - 1) / block_pairs : 0, at = s.labels / block_pairs;
    const double end = b[s.labels], before = s.labels ? l[s.labels - 1] : 0;
    if (!(scale.value() + end + before >= -__builtin_inf())) return __builtin_nan("");
    const auto cell_of = [](double v, double unit) {
      return v > 0 ? normal(cell<double>{v, unit}) : zero_cell<double>();
    };
    *total = normal(add(cell_of(end, r[at]), cell_of(before, r[last])));
    if (is_zero(*total)) return __builtin_inf();
    const double value = (scale.value() - total->e * 0.693147180559945309417) - log(total->m);
    return s.log_probs || !(value < 0) ? value : 0.0;
  }
  /// Which pairs are of which class, in groups.
  std::ptrdiff_t group() const {
    std::ptrdiff_t kinds = 0;
    for (std::ptrdiff_t n = 0; n < s.labels; ++n) index[s.label[n]] = -1;
    for (std::ptrdiff_t n = 0; n < s.labels; ++n) {
      std::ptrdiff_t& i = index[s.label[n]];
      if (i < 0) {
        i = kinds;
        kind[kinds] = s.label[n];
        first[kinds++] = 0;
      }
      ++first[i];
    }
    for (std::ptrdiff_t k = 0, sum = 0; k <= kinds; ++k) {
      const std::ptrdiff_t c = k < kinds ? first[k] : 0;
      first[k] = sum;
      sum += c;
    }
    for (std::ptrdiff_t n = 0; n < s.labels; ++n) place[first[index[s.label[n]]]++] = n;
    for (std::ptrdiff_t k = kinds; k > 0; --k) first[k] = first[k - 1];
    first[0] = 0;
    for (std::ptrdiff_t k = 0; k < kinds; ++k) live_from[k] = live_to[k] = first[k + 1];
    return kinds;
  }
  /// Beta of the frame before from emissions times beta in ub, ul: of a blank, and of a label.
  UFL_FN D before_blank(std::ptrdiff_t n) const { return load(ub + n) + load(ul + n); }
  UFL_FN D before_label(std::ptrdiff_t n) const {
    return min(fma(load(ul + n + 1), load(skip_g + n), fma(load(ub + n + 1), load(g + n), load(ul + n))),
               D(cap));
  }
  /// Posteriors of one frame, times 2^spare; ub and ul, which hold emissions times beta of the next frame
  /// (Ready: beta of this one), become those of this frame.  Returns the blank's.
  template <bool Ready>
  UFL_NOINLINE double retreat(state alpha, const E* e, double y, std::ptrdiff_t j0, std::ptrdiff_t j1,
                              double* chance) const {
    D sum[packs];
    UFL_UNROLL for (int i = 0; i < packs; ++i) sum[i] = D(0);
    const D blank_chance = D(y);
    for (std::ptrdiff_t j = j0; j < j1; j += block_pairs) UFL_UNROLL for (int i = 0; i < packs; ++i) {
        const std::ptrdiff_t n = j + i * step;
        const D u = Ready ? load(ub + n) : before_blank(n), v = Ready ? load(ul + n) : before_label(n);
        store(u * blank_chance, ub + n);
        store(v * emissions::load(e + n), ul + n);
        sum[i] = fma(load(alpha.b + n), u, sum[i]);
        store(load(alpha.l + n) * v, chance + n);
      }
    UFL_UNROLL for (int w = packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) sum[i] =
        sum[i] + sum[i + w];
    return sum_of_lanes(sum[0]);
  }
  /// Blocks [begin, end) whose beta is not 0.
  struct live_blocks {
    std::ptrdiff_t begin, end;
  };
  /// Into epoch e from the one after: beta of its last frame, in its units.  The step is taken in the units
  /// of the epoch after, in which alpha was when it took it.
  live_blocks cross(std::ptrdiff_t e, live_blocks at) const {
    const double* const now = all_r + e * blocks;
    const double* const was = now + blocks;
    live_blocks left = {at.end, at.begin};
    for (std::ptrdiff_t k = at.begin; k < at.end; ++k) {
      const bool met = now[k] > none && was[k] > none;  // alpha comes here, before and after
      const D by = D(met ? power(now[k] - was[k]) : 0);
      D most = D(0);
      UFL_UNROLL for (int i = 0; i < packs; ++i) {
        const std::ptrdiff_t n = k * block_pairs + i * step;
        const D u = min(before_blank(n) * by, D(cap)), v = min(before_label(n) * by, D(cap));
        most = max(most, max(u, v));
        store(select(u > D(negligible), u, D(0)), ub + n);
        store(select(v > D(negligible), v, D(0)), ul + n);
      }
      if (max_of_lanes(most) > negligible) left = {s.min_of(left.begin, k), k + 1};
    }
    return left;
  }
  /// The rows after forward().
  void backward(cell<double> total) {
    const std::ptrdiff_t kinds = group();
    for (std::ptrdiff_t n = -block_pairs; n < s.pairs + block_pairs; ++n) {
      ub[n] = ul[n] = 0;
      g[n] = 1;
      skip_g[n] = n + 1 < s.pairs ? s.skip[n + 1] : 0;
    }
    const double* const last = all_r + (epochs - 1) * blocks;
    const auto beta_of_end = [&](std::ptrdiff_t pair) {
      const double unit = last[pair / block_pairs];
      return unit > none ? power(unit - total.e + spare) / total.m : 0;
    };
    const std::ptrdiff_t end = s.labels / block_pairs, before = s.labels ? (s.labels - 1) / block_pairs : end;
    live_blocks live = {before, (last[end] > none ? end : before) + 1};
    ub[s.labels] = beta_of_end(s.labels);
    if (s.labels) ul[s.labels - 1] = beta_of_end(s.labels - 1);
    std::ptrdiff_t found0 = 0, found1 = 0;  // pairs that find_live() was last asked for
    for (std::ptrdiff_t t1 = s.frames; t1 > 0;) {
      const std::ptrdiff_t c0 = held.whole ? 0 : (t1 - 1) / held.chunk * held.chunk;
      if (!held.whole) recompute(c0, t1, live);
      for (std::ptrdiff_t t0 = (t1 - 1) / epoch * epoch; t0 >= c0; t0 -= epoch) {
        const int n = int(t1 - t0 < epoch ? t1 - t0 : epoch);
        const std::ptrdiff_t e = t0 / epoch;
        if (t1 < s.frames) live = cross(e, live);
        live.begin =
            s.max_of(live.begin - 1, begin_of(t0) / block_pairs);  // as far as beta comes within an epoch
        const std::ptrdiff_t j0 = live.begin * block_pairs, j1 = live.end * block_pairs;
        set_factors(all_r + e * blocks, g - 1, skip_g - 1, live.begin, live.end);
        double of_blank[epoch];
        for (int q = n - 1; q >= 0; --q) {
          const state alpha = row(t0 + q - c0);
          double* const chance = gamma + q * s.pairs;
          of_blank[q] = q == n - 1 ? retreat<true>(alpha, emission(t0 + q), blank[t0 + q], j0, j1, chance)
                                   : retreat<false>(alpha, emission(t0 + q), blank[t0 + q], j0, j1, chance);
        }
        if (j0 != found0 || j1 != found1) find_live(kinds, found0 = j0, found1 = j1);
        put_rows(t0, n, of_blank, kinds);
        t1 = t0;
      }
    }
  }
  /// Alphas of the frames [t0, t1) again, from their checkpoint: those from which beta may be met.
  void recompute(std::ptrdiff_t t0, std::ptrdiff_t t1, live_blocks live) {
    for (std::ptrdiff_t j = 0; j < s.pairs; ++j) {
      b[j] = checkpoint(t0)[j];
      l[j] = checkpoint(t0)[s.pairs + j];
    }
    for (std::ptrdiff_t t = t0; t < t1; t += epoch) {
      const int n = int(t1 - t < epoch ? t1 - t : epoch);
      const std::ptrdiff_t j0 = s.max_of(begin_of(t), (live.begin - held.chunk / epoch) * block_pairs),
                           j1 = s.min_of(end_of(t, n), live.end * block_pairs), e = t / epoch;
      const double* const now = all_r + e * blocks;
      b[j0 - 1] = l[j0 - 1] = 0;
      if (e > 0)
        for (std::ptrdiff_t i = j0 / block_pairs; i < j1 / block_pairs; ++i)
          scale_block(i, now[i - blocks] - now[i]);
      set_factors(now, f, skip_f, j0 / block_pairs, j1 / block_pairs);
      if (!em_whole) emit_again(t, n, j0, j1);
      advance_epoch(t, n, j0, j1, t - t0);
    }
  }
  /// Of each kind the places of its pairs in [j0, j1), whose end never grows.
  void find_live(std::ptrdiff_t kinds, std::ptrdiff_t j0, std::ptrdiff_t j1) const {
    for (std::ptrdiff_t k = 0; k < kinds; ++k) {
      std::ptrdiff_t &from = live_from[k], &to = live_to[k];
      while (to > first[k] && place[to - 1] >= j1) --to;
      from = s.min_of(from, to);
      while (from > first[k] && place[from - 1] >= j0) --from;
      while (from < to && place[from] < j0) ++from;
    }
  }
  /// What labels and blank change in the rows of an epoch.
  void put_rows(std::ptrdiff_t t0, int n, const double* of_blank, std::ptrdiff_t kinds) const {
    const bool gradient = wanted == ctc_rows::gradient;
    double share[epoch] = {};
    T* to[epoch] = {};
    for (int q = 0; q < n; ++q) {
      share[q] = gradient && !s.log_probs ? 1 / sums[t0 + q] : 0;
      to[q] = out.template place<T>(t0 + q, nullptr);
    }
    const double sign = (gradient ? -1 : 1) * power(-spare);
    const auto put_all = [&](auto put) UFL_INLINE {
      for (std::ptrdiff_t k = 0; k < kinds; ++k) {
        if (live_from[k] == live_to[k]) continue;
        double sum[epoch] = {};  // all frames at once: additions of one would wait for each other
        for (std::ptrdiff_t i = live_from[k]; i < live_to[k]; ++i) {
          const double* const chance = gamma + place[i];
          UFL_UNROLL for (int q = 0; q < epoch; ++q) sum[q] += chance[q * s.pairs];
        }
        const E* const y = emission(t0) + place[live_from[k]];
        T v[epoch];
        UFL_UNROLL for (int q = 0; q < epoch; ++q) v[q] =
            T(double(y[q * s.pairs]) * share[q] + sign * sum[q]);
        for (int q = 0; q < n; ++q) put(q, kind[k], v[q]);
      }
      for (int q = 0; q < n; ++q) put(q, s.blank, T(blank[t0 + q] * share[q] + sign * of_blank[q]));
    };
    if (to[0]) put_all([&](int q, std::ptrdiff_t k, T v) UFL_INLINE { to[q][k] = v; });
    else put_all([&](int q, std::ptrdiff_t k, T v) UFL_INLINE { out.template set<T>(t0 + q, k, v); });
  }
};

UFL_END
