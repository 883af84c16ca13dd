// CTC with an exponent for every cell: right for any logits, however far apart, and the path behind the fast
// one.
//
// alpha(t, s): all ways through frames 0..t that end in state s; beta(t, s): all ways from t on that begin
// there.  The gradient needs gamma = alpha * u / p, where u is beta without its own emission.  Before the
// first frame all mass lies in the first blank, so that no frame is special.  Only pairs that can be reached
// and can reach the end are computed.
#pragma once
#include "ufloss/kinds/lattice/sequence.hpp"

UFL_BEGIN

/// One sequence.  A cell is several times the work that it is in fast.hpp, and there is no range to leave.
template <class T> struct exact_ctc {
  using D = native<double>;
  static constexpr int step = lanes<double>;

  const sequence<T> s;
  std::ptrdiff_t width;  ///< from one array of a row of cells to the next
  held_rows held;
  double* x;        ///< logits of the labels, that of the blank behind them
  double *pm, *pe;  ///< their emissions, mantissas and exponents
  double* state;    ///< a row of alphas
  T* buffer;
  // Where rows are wanted:
  double *sums, *tops;               ///< of each frame
  double* next;                      ///< a row of betas, times emissions
  double* rows;                      ///< alphas of all frames, or from one checkpoint to the next
  double* kept;                      ///< alphas of the checkpoints
  double* taken;                     ///< posteriors of each class in one frame
  double* gamma;                     ///< and of each pair: blanks, then labels
  bool ranked = false, far = false;  ///< how exponents are counted (see exp_cell), and whether it mattered

  /// Room for what is wanted; the same text counts it and deals it out.
  exact_ctc(const sequence<T>& q, bool backward, arena& a)
      : s(q), width(q.pairs + 2 * block_pairs), held(q.frames, 4 * width) {
    x = a.take<double>(s.pairs + block_pairs);
    pm = a.take<double>(s.pairs + block_pairs);
    pe = a.take<double>(s.pairs + block_pairs);
    state = a.take<double>(4 * width);
    buffer = a.take<T>(s.classes);
    sums = tops = next = rows = kept = taken = gamma = nullptr;
    if (!backward) return;
    sums = a.take<double>(s.frames);
    tops = a.take<double>(s.frames);
    next = a.take<double>(4 * width);
    rows = a.take<double>(held.room + 4 * width);
    kept = a.take<double>(size_product(held.checkpoints, 4 * width));
    taken = a.take<double>(s.classes + 2 * frame_lanes);
    gamma = a.take<double>(2 * s.pairs);
  }

  /// A row of cells: mantissas and exponents of blanks and labels.
  /// Each array has a block of room at both ends, for loads of neighbours.
  struct cells {
    double *bm, *be, *lm, *le;
    cells(double* p, std::ptrdiff_t width)
        : bm(p + block_pairs), be(bm + width), lm(be + width), le(lm + width) {}
    UFL_FN cell<D> blank(std::ptrdiff_t n) const { return {load(bm + n), load(be + n)}; }
    UFL_FN cell<D> label(std::ptrdiff_t n) const { return {load(lm + n), load(le + n)}; }
    UFL_FN void put(std::ptrdiff_t n, cell<D> b, cell<D> l) const {
      store(b.m, bm + n);
      store(b.e, be + n);
      store(l.m, lm + n);
      store(l.e, le + n);
    }
    void clear(std::ptrdiff_t from, std::ptrdiff_t to) const {
      for (std::ptrdiff_t n = from; n < to; ++n) {
        bm[n] = lm[n] = 1;
        be[n] = le[n] = nothing<double>;
      }
    }
  };
  cells row(double* p) const { return cells(p, width); }

  /// Emissions of frame t for the pairs [j0, j1), that of the blank at [pairs].  False: NaN, or no
  /// distribution.
  bool emit(std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1, frame_sum f) {
    // Relative to the frame's largest, in double: exact for floats that are not far apart.
    const auto number = [&](std::ptrdiff_t k) { return double(s.logits.template number<T>(t, k)) - f.top; };
    bool good = f.sum == f.sum;
    for (std::ptrdiff_t n = j0; n < j1; ++n) {
      x[n] = n < s.labels ? number(s.label[n]) : -__builtin_inf();
      good &= x[n] < __builtin_inf();
      far |= x[n] < -far_logit && x[n] > -__builtin_inf();
    }
    for (std::ptrdiff_t n = j0; n < j1; n += step) put_emission(n);
    x[s.pairs] = number(s.blank);
    good &= x[s.pairs] < __builtin_inf();
    if (s.log_probs)
      for (std::ptrdiff_t n = 0; n < s.labels; ++n)
        good &= number(s.label[n]) < __builtin_inf();  // out of reach too
    far |= x[s.pairs] < -far_logit && x[s.pairs] > -__builtin_inf();
    // The blank's emission has a pack of its own, of which one lane counts.
    for (int i = 1; i < step; ++i) x[s.pairs + i] = 0;
    put_emission(s.pairs);
    return good;
  }
  /// A pack of them, from the logits in x.
  void put_emission(std::ptrdiff_t n) {
    const cell<D> p = exp_cell(load(x + n), ranked);
    store(p.m, pm + n);
    store(p.e, pe + n);
  }
  /// Log-probabilities are used as they are: as logits whose exponentials add up to 1.
  frame_sum sum(std::ptrdiff_t t) {
    if (s.log_probs) return {0, 1};
    return sum_frame(s.logits.template get<T>(t, s.classes, buffer), s.classes);
  }
  /// In all lanes.
  cell<D> blank_emission() const { return {D(pm[s.pairs]), D(pe[s.pairs])}; }

  /// Pairs [j0, j1) of row t from row t - 1, which may be the same memory.
  void advance(std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1, cells from, cells to) {
    const cell<D> y = blank_emission();
    // By the number of the frame, so that alphas computed again are the same.
    const bool tidy = t % steps_between_normal == 0;
    // From the end: a cell is read by its right neighbour, and may lie in the same memory.
    for (std::ptrdiff_t j = j1 - step; j >= j0; j -= step) {
      const pair_of<cell<D>> own = {from.blank(j), from.label(j)};
      const auto stepped = step_forward(own, from.label(j - 1), load(s.skip + j) > D(0));
      const auto now = emitted(stepped, {y, {load(pm + j), load(pe + j)}}, tidy);
      to.put(j, now.blank, now.label);
    }
    to.clear(j0 - 1, j0);  // what the next frame may read beside these
    if (j1 < s.pairs) to.clear(j1, j1 + block_pairs);
  }
  /// Row t of the state before row t + 1's emissions: u; row t itself (u times emissions) replaces row t + 1
  /// in `b`.  gamma(n, gb, gl) is given blank and label of each pack.
  /// From the beginning, where advance() goes from the end: what is read lies to the right.
  template <class F>
  void retreat(std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1, cells b, F gamma_of) {
    const cell<D> y = blank_emission();
    const bool tidy = t % steps_between_normal == 0;
    for (std::ptrdiff_t j = j0; j < j1; j += step) {
      const pair_of<cell<D>> own = {b.blank(j), b.label(j)}, after = {b.blank(j + 1), b.label(j + 1)};
      const auto u = step_backward(own, after, load(s.skip + j + 1) > D(0));
      gamma_of(j, u.blank, u.label);
      const auto now = emitted(u, {y, {load(pm + j), load(pe + j)}}, tidy);
      b.put(j, now.blank, now.label);
    }
  }
  /// All mass in the first blank: 1 times 2^0.
  void start(cells c) const {
    c.clear(-block_pairs, s.pairs + block_pairs);
    c.be[0] = 0;
  }
  void copy(const double* from, double* to) const {
    memcpy(to, from, std::size_t(4 * width) * sizeof(double));
  }
  /// Ways end in the last label or in the blank behind it.
  cell<double> end(cells c) const {
    const cell<double> b = {c.bm[s.labels], c.be[s.labels]};
    return normal(s.labels ? add(b, cell<double>{c.lm[s.labels - 1], c.le[s.labels - 1]}) : b);
  }

  /// The loss; NaN where a frame is no distribution, inf where no path exists.  each(t, cells, log of the
  /// sums) sees every row of alphas.
  template <class Each> double forward(bool backward, Each each, cell<double>* total) {
    const cells c = row(state);
    start(c);
    log_product scale;
    bool good = true;
    const std::ptrdiff_t many = held.chunk;
    const bool whole = backward && held.whole;  // every row is kept
    if (whole) {
      copy(state, rows);
    }
    for (std::ptrdiff_t t = 0; t < s.frames; ++t) {
      if (backward && !whole && t % many == 0) copy(state, kept + t / many * 4 * width);
      const frame_sum f = sum(t);
      if (backward) {
        sums[t] = f.sum;
        tops[t] = f.top;
      }
      const std::ptrdiff_t j0 = s.first_pair(t), j1 = s.end_pair(t);
      good &= emit(t, j0, j1, f);
      // At once: what follows would be computed for nothing.
      if (!good) return __builtin_nan("");
      scale.times(f.sum);
      // Every frame to a row of its own, or all in one place.
      if (whole) advance(t, j0, j1, row(rows + t * 4 * width), row(rows + (t + 1) * 4 * width));
      else advance(t, j0, j1, c, c);
      each(t, c, scale);
    }
    *total = end(whole ? row(rows + s.frames * 4 * width) : c);
    if (is_zero(*total)) return __builtin_inf();
    // m is in [1, 2): its logarithm is small, and is taken off last.
    const double loss = (scale.value() - total->e * 0.693147180559945309417) - log(total->m);
    return s.log_probs || loss > 0 ? loss : 0.0;
  }
  /// The loss alone: one row of alphas, which each frame writes over.
  double value() {
    cell<double> total;
    return forward(false, [](std::ptrdiff_t, cells, const log_product&) {}, &total);
  }
  /// Every row of alphas as logarithms, labels + 1 blanks and as many labels as there are; returns the loss.
  template <class Put> double probabilities(Put put) {
    cell<double> total;
    return forward(
        false,
        [&](std::ptrdiff_t t, cells c, const log_product& scale) {
          const double down = scale.value();
          const std::ptrdiff_t j0 = s.first_pair(t), j1 = s.end_pair(t);
          for (std::ptrdiff_t n = 0; n <= s.labels; ++n) {
            const bool there = n >= j0 && n < j1;
            const cell<double> b = {c.bm[n], c.be[n]}, l = {c.lm[n], c.le[n]};
            put(t, n, there && !is_zero(b) ? log_of(b) - down : -__builtin_inf(),
                there && !is_zero(l) ? log_of(l) - down : -__builtin_inf());
          }
        },
        &total);
  }
  /// The loss, and rows of what is wanted.
  double value_and_rows(ctc_rows wanted, const frame_rows& out) {
    cell<double> total{1, 0};
    ranked = true;
    double loss = forward(true, [](std::ptrdiff_t, cells, const log_product&) {}, &total);
    if (!(loss < __builtin_inf())) return loss;
    // Ranked exponents tell which way is best, but are no logarithm: the loss is computed once more without.
    if (far && total.e < -far_logit) {
      ranked = false;
      loss = value();
      ranked = true;
    }
    const std::ptrdiff_t many = held.chunk;
    const bool whole = held.whole;
    const cells b = row(next);
    b.clear(-block_pairs, s.pairs + block_pairs);
    b.be[s.labels] = 0;  // after the last frame: as if one more blank followed
    for (std::ptrdiff_t n = 0; n < s.classes + 2 * frame_lanes; ++n) taken[n] = 0;
    double* const gb = gamma;
    double* const gl = gamma + s.pairs;
    std::ptrdiff_t begin = 0, end = s.pairs;  // pairs with chances that count: see fast.hpp
    // From the last checkpoint to the first; alphas from one to the next are computed again as they are
    // needed.
    for (std::ptrdiff_t c = (s.frames - 1) / many; s.frames > 0 && c >= 0; --c) {
      const std::ptrdiff_t t0 = c * many, t1 = t0 + many < s.frames ? t0 + many : s.frames;
      if (!whole) {
        copy(kept + c * 4 * width, rows);
        for (std::ptrdiff_t t = t0; t < t1; ++t) {
          const std::ptrdiff_t j0 = s.max_of(s.first_pair(t), begin - many / block_pairs * block_pairs),
                               j1 = s.min_of(s.end_pair(t), end);
          emit(t, j0, j1, {tops[t], sums[t]});
          advance(t, j0, j1, row(rows + (t - t0) * 4 * width), row(rows + (t - t0 + 1) * 4 * width));
        }
      }
      for (std::ptrdiff_t t = t1 - 1; t >= t0; --t) {
        const std::ptrdiff_t j0 = s.max_of(s.first_pair(t), begin), j1 = s.min_of(s.end_pair(t), end);
        emit(t, j0, j1, {tops[t], sums[t]});
        const cells a = row(rows + (t - t0 + 1) * 4 * width);
        // The mantissas' product first: all are far from the ends of double; the exponents may be anywhere.
        const D share = D(1 / total.m), down = D(total.e);
        retreat(t, j0, j1, b, [&](std::ptrdiff_t j, cell<D> ub, cell<D> ul) UFL_INLINE {
          store(chance_of(a.blank(j), ub, share, down), gb + j);
          store(chance_of(a.label(j), ul, share, down), gl + j);
        });
        put_row(wanted, t, j0, j1, out);
        if (t % block_pairs == 0) leave_out(j0, j1, b, &begin, &end);
      }
    }
    return loss;
  }
  /// Blocks at both ends whose chances in this frame are all negligible; within as many frames as a block has
  /// pairs, mass comes one further.
  void leave_out(std::ptrdiff_t j0, std::ptrdiff_t j1, cells b, std::ptrdiff_t* begin,
                 std::ptrdiff_t* end) const {
    const auto negligible = [&](std::ptrdiff_t j) {
      double most = 0;
      for (std::ptrdiff_t n = j; n < j + block_pairs; ++n)
        most = max(most, max(gamma[n], gamma[s.pairs + n]));
      return !(most > 0x1p-64);
    };
    std::ptrdiff_t from = j0, to = j1;
    while (from + block_pairs < to && negligible(from)) from += block_pairs;
    while (to - block_pairs > from && negligible(to - block_pairs)) to -= block_pairs;
    b.clear(j0, from);
    b.clear(to, j1);
    *begin = s.max_of(from - block_pairs, 0);
    *end = to;
  }
  /// What is wanted of frame t, from the posteriors of the pairs [j0, j1).
  void put_row(ctc_rows wanted, std::ptrdiff_t t, std::ptrdiff_t j0, std::ptrdiff_t j1,
               const frame_rows& out) {
    const double *gb = gamma, *gl = gamma + s.pairs;
    // States out of reach keep the 0 that the caller has put there.
    if (wanted == ctc_rows::states) {
      for (std::ptrdiff_t n = j0; n < j1 && n <= s.labels; ++n) {
        out.set(t, 2 * n, T(gb[n]));
        if (n < s.labels) out.set(t, 2 * n + 1, T(gl[n]));
      }
      return;
    }
    // Sums in the order of the pairs: bits depend on the label alone.
    double blank = 0;
    for (std::ptrdiff_t n = j0; n < j1; ++n) blank += gb[n];
    taken[s.blank] = blank;
    for (std::ptrdiff_t n = j0; n < j1 && n < s.labels; ++n) taken[s.label[n]] += gl[n];
    T* const to = out.template place<T>(t, buffer);
    if (wanted == ctc_rows::gradient && !s.log_probs)
      put_softmax(s.logits.template get<T>(t, s.classes, buffer), s.classes, tops[t], 1 / sums[t], to,
                  [&](std::ptrdiff_t j) UFL_INLINE { return doubles<wide_native<T>>::load(taken + j); });
    else {
      const double sign = wanted == ctc_rows::gradient ? -1 : 1;
      for (std::ptrdiff_t k = 0; k < s.classes; ++k) to[k] = T(taken[k] == 0 ? 0 : sign * taken[k]);
    }
    out.template put<T>(t, s.classes, to);
    // What was set, not all classes: there may be thousands.
    taken[s.blank] = 0;
    for (std::ptrdiff_t n = j0; n < j1 && n < s.labels; ++n) taken[s.label[n]] = 0;
  }
};

UFL_END
