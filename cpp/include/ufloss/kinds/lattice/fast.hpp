// CTC in float64 over shared powers of two: what almost all sequences take; exact.hpp is behind it.
//
// Blocks of eight pairs share one exponent, their unit, renewed every eight frames (an epoch): the largest
// exponent of this block and the one before it, since nothing comes from further away within eight frames.
// Then a step is three fused multiply-adds and two products for two cells.  Nothing is ever lost silently:
//
// a) Renewal brings the largest cell to 2^900.  One that is not 0 lies d bits below it, or below that of the
//    next block it may come to; the smallest emissions of the eight frames that are not 0 multiply to 2^-m.
//    As long as d + m <= 1880, every single way through an epoch stays a normal number, and sums of all ways
//    stay below 2^924.
// b) Backward, units mirror those of alpha: alpha times beta is the posterior itself, times 2^spare.  Where
//    alpha is not 0 it is above 2^-980, so beta is below 2^1000; elsewhere it does not matter and is held
//    down.  Posteriors below 2^-64 are left out, and blocks without others: up to two thirds of the work.
//
// Where a) fails the sequence goes the exact way, from its start.
#pragma once
#include "ufloss/kinds/lattice/class_groups.hpp"
#include "ufloss/kinds/lattice/fast_emissions.hpp"

UFL_BEGIN

/// 2^k for an integral k that is cut to what is a normal number.
constexpr double most_power = 1000;
UFL_FN double power(double k) { return power_of_two<0>(clamp(k, -most_power, most_power)); }

template <class T, class E> struct fast_ctc {
  using D = native<double>;
  using emission_doubles = emission_pack<E>;
  static constexpr int step = lanes<double>, packs = block_pairs / step, epoch = fast_epoch;
  static constexpr double height = 900, range = height + 980, none = -1e9;
  static constexpr double spare = 20, cap = 0x1p1000, negligible = 0x1p-968;  // b); alpha is below 2^924

  /// A cell for the blank and one for the label of each pair.
  struct cells {
    double *blank, *label;
  };
  /// What a cell of one pair is multiplied by in the next, and where it may leave out the blank between.
  struct factors {
    double *step, *skip;
  };

  const sequence<T> s;
  const ctc_rows wanted;
  const frame_rows out;  ///< rows of what is wanted
  std::ptrdiff_t width, blocks, epochs;
  held_rows held;
  fast_emissions<T, E> emissions;
  cells alpha;
  factors from_before;              ///< of alpha, from the pair before
  double *unit, *highest, *lowest;  ///< of each block: its unit; exponents of its largest and smallest cell
  bool good = true;

  // Where rows are wanted:
  double* all_units = nullptr;   ///< of each epoch
  double* alpha_rows = nullptr;  ///< of all frames, or from one checkpoint to the next
  double* checkpoints = nullptr;
  cells beta{};               ///< emissions times beta, of the frame that was last gone back to
  factors from_after{};       ///< of beta, from the pair after
  double* chances = nullptr;  ///< posteriors of the labels of an epoch
  class_groups groups;

  fast_ctc(const sequence<T>& q, ctc_rows w, const frame_rows& o, arena& a)
      : s(q),
        wanted(w),
        out(o),
        width(q.pairs + 2 * block_pairs),
        blocks(q.pairs / block_pairs),
        epochs((q.frames + epoch - 1) / epoch),
        held(epochs * epoch, 2 * width),  // whole epochs: rows are kept by eights
        emissions(s, w, out, held.chunk, a) {
    const auto padded = [&](std::ptrdiff_t n) {
      double* const p = a.template take<double>(n + 2 * block_pairs);
      return p ? p + block_pairs : p;
    };
    alpha = {padded(s.pairs), padded(s.pairs)};
    from_before = {padded(s.pairs), padded(s.pairs)};
    highest = padded(blocks);
    lowest = padded(blocks);
    unit = padded(blocks);
    if (wanted == ctc_rows::none) return;
    all_units = a.template take<double>(size_product(epochs, blocks));
    alpha_rows = a.template take<double>(held.room);
    checkpoints = a.template take<double>(size_product(held.checkpoints, 2 * s.pairs));
    beta = {padded(s.pairs), padded(s.pairs)};
    from_after = {padded(s.pairs), padded(s.pairs)};
    chances = a.template take<double>(epoch * s.pairs);
    groups = class_groups(s.pairs, s.classes, a);
  }

  /// Pairs of an epoch of frames [t0, t0 + n): what can reach the end from the frame before, and what is
  /// reached within.
  std::ptrdiff_t begin_of(std::ptrdiff_t t0) const { return s.first_pair(t0 - 1); }
  std::ptrdiff_t end_of(std::ptrdiff_t t0, std::ptrdiff_t n) const { return s.end_pair(t0 + n - 1); }

  // --- units -----
  /// Exponents of the largest and the smallest cell of each block that is not 0.
  UFL_NOINLINE void measure_blocks(std::ptrdiff_t k0, std::ptrdiff_t k1) const {
    for (std::ptrdiff_t k = k0; k < k1; ++k) {
      D most = D(0), least = D(1e300);
      UFL_UNROLL for (int i = 0; i < packs; ++i) {
        const std::ptrdiff_t n = k * block_pairs + i * step;
        const D blank = load(alpha.blank + n);
        const D label = load(alpha.label + n);
        most = max(most, max(blank, label));
        const D blank_or_much = select(blank > D(0), blank, D(1e300));
        const D label_or_much = select(label > D(0), label, D(1e300));
        least = min(least, min(blank_or_much, label_or_much));
      }
      const double m = max_of_lanes(most);
      highest[k] = m > 0 ? binary_exponent(m) + unit[k] : none;
      lowest[k] = m > 0 ? binary_exponent(-max_of_lanes(neg(least))) + unit[k] : -none;
    }
  }
  /// New units of the blocks [k0, k1); a).
  void renew(std::ptrdiff_t k0, std::ptrdiff_t k1) {
    measure_blocks(k0, k1);
    highest[k0 - 1] = none;
    lowest[k0 - 1] = -none;
    for (std::ptrdiff_t k = k0; k < k1; ++k) {
      const double top = max(highest[k], highest[k - 1]);
      const double bottom = min(lowest[k], lowest[k - 1]);
      const double now = top > none ? top - height : none;
      good &= top - bottom <= range - emissions.cost;
      good &= highest[k] == none || abs(unit[k] - now) <= most_power;
      scale_block(k, unit[k] - now);
      unit[k] = now;
    }
    for (std::ptrdiff_t k = k0; k < k1; ++k)
      good &= highest[k - 1] == none || abs(unit[k - 1] - unit[k]) <= most_power;
    set_factors(unit, from_before.step, from_before.skip, k0, k1);
  }
  void scale_block(std::ptrdiff_t k, double by) const {
    const D v = D(power(by));
    UFL_UNROLL for (int i = 0; i < packs; ++i) {
      const std::ptrdiff_t n = k * block_pairs + i * step;
      store(load(alpha.blank + n) * v, alpha.blank + n);
      store(load(alpha.label + n) * v, alpha.label + n);
    }
  }
  /// The factor of what comes from the block before, in the first pair of each.
  void set_factors(const double* units, double* factor, double* skip_factor, std::ptrdiff_t k0,
                   std::ptrdiff_t k1) const {
    for (std::ptrdiff_t k = k0; k < k1; ++k) {
      const std::ptrdiff_t n = k * block_pairs;
      factor[n] = k == k0 ? 1 : power(units[k - 1] - units[k]);
      skip_factor[n] = factor[n] * s.skip[n];
    }
  }

  // --- forward -----
  double* checkpoint(std::ptrdiff_t t) const { return checkpoints + t / held.chunk * 2 * s.pairs; }
  cells row(std::ptrdiff_t slot) const {
    double* const p = alpha_rows + slot * 2 * width + block_pairs;  // room for a neighbour on both sides
    return {p, p + width};
  }
  /// One frame of the pairs [j0, j1), whose emissions are e and of_blank; from the end, since `to` may be
  /// `from`.
  UFL_NOINLINE void advance(cells from, cells to, const E* e, double of_blank, std::ptrdiff_t j0,
                            std::ptrdiff_t j1) const {
    const D blank_chance = D(of_blank);
    for (std::ptrdiff_t j = j1 - step; j >= j0; j -= step) {
      const D blank = load(from.blank + j);
      const D label = load(from.label + j);
      const D before = load(from.label + j - 1);
      const D into_blank = fma(before, load(from_before.step + j), blank);
      const D into_label = fma(before, load(from_before.skip + j), label) + blank;
      store(into_blank * blank_chance, to.blank + j);
      store(into_label * emission_doubles::load(e + j), to.label + j);
    }
  }
  /// One epoch of alphas of the pairs [j0, j1); their rows are kept from the given one on, or nowhere (-1).
  void advance_epoch(std::ptrdiff_t t0, int n, std::ptrdiff_t j0, std::ptrdiff_t j1,
                     std::ptrdiff_t to_row) const {
    cells from = alpha;
    for (int q = 0; q < n; ++q) {
      const cells to = to_row < 0 ? alpha : row(to_row + q);
      advance(from, to, emissions.emission(t0 + q), emissions.blank(t0 + q), j0, j1);
      to.label[j0 - 1] = 0;  // what the first pair of the next frame reads
      from = to;
    }
    if (to_row >= 0)
      for (std::ptrdiff_t j = j0; j < j1; ++j) {
        alpha.blank[j] = from.blank[j];
        alpha.label[j] = from.label[j];
      }
  }
  void start() {
    for (std::ptrdiff_t n = -block_pairs; n < s.pairs + block_pairs; ++n) {
      alpha.blank[n] = alpha.label[n] = 0;
      from_before.step[n] = 1;
      from_before.skip[n] = s.skip[n];
    }
    for (std::ptrdiff_t k = -1; k <= blocks; ++k) {
      unit[k] = k ? none : -height;
      highest[k] = none;
      lowest[k] = -none;
    }
    alpha.blank[0] = power(height);  // all mass, 2^0: the unit is -height
  }
  void keep_checkpoint(std::ptrdiff_t t) const {
    double* const to = checkpoint(t);
    for (std::ptrdiff_t j = 0; j < s.pairs; ++j) {
      to[j] = alpha.blank[j];
      to[s.pairs + j] = alpha.label[j];
    }
  }
  /// The loss, or NaN where the sequence must go the exact way; then `total` is the chance of the label, but
  /// for the sums of the frames.
  double forward(cell<double>* total) {
    log_product scale;
    start();
    const bool backward = wanted != ctc_rows::none;
    const bool whole = backward && held.whole;
    for (std::ptrdiff_t e = 0, t0 = 0; t0 < s.frames; ++e, t0 += epoch) {
      const int n = int(s.frames - t0 < epoch ? s.frames - t0 : epoch);
      const std::ptrdiff_t j0 = begin_of(t0), j1 = end_of(t0, n);
      if (backward && !whole && t0 % held.chunk == 0) keep_checkpoint(t0);
      emissions.emit(t0, n, j0, j1, &scale);
      if (e > 0) {
        alpha.blank[j0 - 1] = alpha.label[j0 - 1] = 0;
        renew(j0 / block_pairs, j1 / block_pairs);
      }
      if (!good || !emissions.good || emissions.cost > range) return __builtin_nan("");
      if (backward)
        for (std::ptrdiff_t k = 0; k < blocks; ++k) all_units[e * blocks + k] = unit[k];
      advance_epoch(t0, n, j0, j1, whole ? t0 : -1);
    }
    const std::ptrdiff_t last = s.labels ? (s.labels - 1) / block_pairs : 0;
    const std::ptrdiff_t after = s.labels / block_pairs;
    const double in_blank = alpha.blank[s.labels];
    const double in_label = s.labels ? alpha.label[s.labels - 1] : 0;
    if (!(scale.value() + in_blank + in_label >= -__builtin_inf())) return __builtin_nan("");
    const auto cell_of = [](double v, double unit) {
      return v > 0 ? normal(cell<double>{v, unit}) : zero_cell<double>();
    };
    *total = normal(add(cell_of(in_blank, unit[after]), cell_of(in_label, unit[last])));
    if (is_zero(*total)) return __builtin_inf();
    const double value = (scale.value() - total->e * 0.693147180559945309417) - log(total->m);
    return s.log_probs || !(value < 0) ? value : 0.0;
  }

  // --- backward -----
  /// Beta of the frame before, of a blank and of a label.
  UFL_FN D before_blank(std::ptrdiff_t n) const { return load(beta.blank + n) + load(beta.label + n); }
  UFL_FN D before_label(std::ptrdiff_t n) const {
    const D stay_or_step = fma(load(beta.blank + n + 1), load(from_after.step + n), load(beta.label + n));
    return min(fma(load(beta.label + n + 1), load(from_after.skip + n), stay_or_step), D(cap));
  }
  /// Posteriors of one frame, times 2^spare; beta, which holds emissions times beta of the next frame (Ready:
  /// beta of this one), becomes that of this frame.  Returns the blank's.
  template <bool Ready>
  UFL_NOINLINE double retreat(cells alphas, const E* e, double of_blank, std::ptrdiff_t j0, std::ptrdiff_t j1,
                              double* chance) const {
    D sum[packs];
    UFL_UNROLL for (int i = 0; i < packs; ++i) sum[i] = D(0);
    const D blank_chance = D(of_blank);
    for (std::ptrdiff_t j = j0; j < j1; j += block_pairs) UFL_UNROLL for (int i = 0; i < packs; ++i) {
        const std::ptrdiff_t n = j + i * step;
        const D blank = Ready ? load(beta.blank + n) : before_blank(n);
        const D label = Ready ? load(beta.label + n) : before_label(n);
        store(blank * blank_chance, beta.blank + n);
        store(label * emission_doubles::load(e + n), beta.label + n);
        sum[i] = fma(load(alphas.blank + n), blank, sum[i]);
        store(load(alphas.label + n) * label, chance + n);
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
    const double* const now = all_units + e * blocks;
    const double* const was = now + blocks;
    live_blocks left = {at.end, at.begin};
    for (std::ptrdiff_t k = at.begin; k < at.end; ++k) {
      const bool met = now[k] > none && was[k] > none;  // alpha comes here, before and after
      const D by = D(met ? power(now[k] - was[k]) : 0);
      D most = D(0);
      UFL_UNROLL for (int i = 0; i < packs; ++i) {
        const std::ptrdiff_t n = k * block_pairs + i * step;
        const D blank = min(before_blank(n) * by, D(cap));
        const D label = min(before_label(n) * by, D(cap));
        most = max(most, max(blank, label));
        store(select(blank > D(negligible), blank, D(0)), beta.blank + n);
        store(select(label > D(negligible), label, D(0)), beta.label + n);
      }
      if (max_of_lanes(most) > negligible) left = {s.min_of(left.begin, k), k + 1};
    }
    return left;
  }
  /// Beta after the last frame; returns the blocks that it lies in.
  live_blocks start_backward(cell<double> total) const {
    for (std::ptrdiff_t n = -block_pairs; n < s.pairs + block_pairs; ++n) {
      beta.blank[n] = beta.label[n] = 0;
      from_after.step[n] = 1;
      from_after.skip[n] = n + 1 < s.pairs ? s.skip[n + 1] : 0;
    }
    const double* const last = all_units + (epochs - 1) * blocks;
    const auto beta_of_end = [&](std::ptrdiff_t pair) {
      const double of_block = last[pair / block_pairs];
      return of_block > none ? power(of_block - total.e + spare) / total.m : 0;
    };
    const std::ptrdiff_t end = s.labels / block_pairs;
    const std::ptrdiff_t before = s.labels ? (s.labels - 1) / block_pairs : end;
    beta.blank[s.labels] = beta_of_end(s.labels);
    if (s.labels) beta.label[s.labels - 1] = beta_of_end(s.labels - 1);
    return {before, (last[end] > none ? end : before) + 1};
  }
  /// The rows after forward().
  void backward(cell<double> total) {
    groups.set(s.label, s.labels);
    live_blocks live = start_backward(total);
    std::ptrdiff_t found0 = 0, found1 = 0;  // pairs that find_live() was last asked for
    for (std::ptrdiff_t t1 = s.frames; t1 > 0;) {
      const std::ptrdiff_t c0 = held.whole ? 0 : (t1 - 1) / held.chunk * held.chunk;
      if (!held.whole) recompute(c0, t1, live);
      for (std::ptrdiff_t t0 = (t1 - 1) / epoch * epoch; t0 >= c0; t0 -= epoch) {
        const int n = int(t1 - t0 < epoch ? t1 - t0 : epoch);
        const std::ptrdiff_t e = t0 / epoch;
        if (t1 < s.frames) live = cross(e, live);
        // as far as beta comes within an epoch
        live.begin = s.max_of(live.begin - 1, begin_of(t0) / block_pairs);
        const std::ptrdiff_t j0 = live.begin * block_pairs, j1 = live.end * block_pairs;
        set_factors(all_units + e * blocks, from_after.step - 1, from_after.skip - 1, live.begin, live.end);
        double of_blank[epoch];  // the blank's posteriors of each frame
        for (int q = n - 1; q >= 0; --q) {
          const cells alphas = row(t0 + q - c0);
          const E* const labels = emissions.emission(t0 + q);
          const double blank = emissions.blank(t0 + q);
          double* const chance = chances + q * s.pairs;
          of_blank[q] = q == n - 1 ? retreat<true>(alphas, labels, blank, j0, j1, chance)
                                   : retreat<false>(alphas, labels, blank, j0, j1, chance);
        }
        if (j0 != found0 || j1 != found1) groups.find_live(found0 = j0, found1 = j1);
        put_rows(t0, n, of_blank);
        t1 = t0;
      }
    }
  }
  /// Alphas of the frames [t0, t1) again, from their checkpoint: those from which beta may be met.
  void recompute(std::ptrdiff_t t0, std::ptrdiff_t t1, live_blocks live) {
    const double* const start = checkpoint(t0);
    for (std::ptrdiff_t j = 0; j < s.pairs; ++j) {
      alpha.blank[j] = start[j];
      alpha.label[j] = start[s.pairs + j];
    }
    for (std::ptrdiff_t t = t0; t < t1; t += epoch) {
      const int n = int(t1 - t < epoch ? t1 - t : epoch);
      const std::ptrdiff_t j0 = s.max_of(begin_of(t), (live.begin - held.chunk / epoch) * block_pairs);
      const std::ptrdiff_t j1 = s.min_of(end_of(t, n), live.end * block_pairs);
      const std::ptrdiff_t e = t / epoch;
      const double* const now = all_units + e * blocks;
      alpha.blank[j0 - 1] = alpha.label[j0 - 1] = 0;
      if (e > 0)
        for (std::ptrdiff_t k = j0 / block_pairs; k < j1 / block_pairs; ++k)
          scale_block(k, now[k - blocks] - now[k]);
      set_factors(now, from_before.step, from_before.skip, j0 / block_pairs, j1 / block_pairs);
      if (!emissions.held_whole) emissions.emit_anew(t, n, j0, j1);
      advance_epoch(t, n, j0, j1, t - t0);
    }
  }
  /// What labels and blank change in the rows of an epoch.
  void put_rows(std::ptrdiff_t t0, int n, const double* of_blank) const {
    const bool gradient = wanted == ctc_rows::gradient;
    double share[epoch] = {};
    T* to[epoch] = {};
    for (int q = 0; q < n; ++q) {
      share[q] = gradient && !s.log_probs ? 1 / emissions.sums[t0 + q] : 0;
      to[q] = out.template place<T>(t0 + q, nullptr);
    }
    const double sign = (gradient ? -1 : 1) * power(-spare);
    const auto put_all = [&](auto put) UFL_INLINE {
      for (std::ptrdiff_t k = 0; k < groups.count; ++k) {
        const std::ptrdiff_t begin = groups.live_from[k], end = groups.live_to[k];
        if (begin == end) continue;
        double sum[epoch] = {};  // all frames at once: additions of one would wait for each other
        for (std::ptrdiff_t i = begin; i < end; ++i) {
          const double* const chance = chances + groups.pairs[i];
          UFL_UNROLL for (int q = 0; q < epoch; ++q) sum[q] += chance[q * s.pairs];
        }
        const E* const y = emissions.emission(t0) + groups.pairs[begin];
        T v[epoch];
        UFL_UNROLL for (int q = 0; q < epoch; ++q) v[q] =
            T(double(y[q * s.pairs]) * share[q] + sign * sum[q]);
        for (int q = 0; q < n; ++q) put(q, groups.class_of[k], v[q]);
      }
      for (int q = 0; q < n; ++q)
        put(q, s.blank, T(emissions.blanks[t0 + q] * share[q] + sign * of_blank[q]));
    };
    if (to[0]) put_all([&](int q, std::ptrdiff_t k, T v) UFL_INLINE { to[q][k] = v; });
    else put_all([&](int q, std::ptrdiff_t k, T v) UFL_INLINE { out.template set<T>(t0 + q, k, v); });
  }
};

UFL_END
