// One way through all losses: sums of weights times losses, and of weights, for each result.
#pragma once
#include "ufloss/memory/workspace.hpp"
#include "ufloss/reduce/losses.hpp"
#include "ufloss/reduce/sums.hpp"

UFL_BEGIN

/// Neither infinite nor NaN: both make a NaN of the difference.
inline bool is_finite(double x) { return x - x == 0; }

/// Results side by side whose lanes are kept while columns are added up.  256 KiB of them stay in a
/// second-level cache; fewer columns would stay in the first one, but pieces of rows that short are read at
/// twice the cost of whole ones.
constexpr std::ptrdiff_t reduce_columns = 2048;

/// T: what losses are computed in.  Sums are double and come in the same tree whichever way is walked, so
/// that a result depends on its terms alone.  Where floats overflow a pass of doubles computes again.
template <class T> struct pass {
  reduction& r;
  const plan& p;
  const task& what;
  losses<T> source;
  double *total, *weight;
  // An exact pass is one that another one asks: it computes some results again, and leaves weights alone.
  bool exact = false;           ///< computes again what overflowed in a narrower type
  bool stops_early = false;     ///< at the first sum that is not finite, where there is one result
  bool found_infinite = false;  ///< a sum of one segment
  pass(reduction& asked, const plan& planned, const task& part, double* to, double* to_weight)
      : r(asked), p(planned), what(part), source(r, p, what), total(to), weight(to_weight) {}

  /// Everything.  False: with a fault set.
  bool run() {
    if (!begin()) return false;
    // Three walks: across results that are near, through many short results, along the terms of each.
    const bool done = goes_down()  ? add_columns()
                      : is_short() ? add_short(p.fast, 0, p.results)
                                   : add_lines();
    return done && (!found_infinite || compute_groups_again());
  }
  /// False: no memory.  Sizes are counted by the text that deals the pieces out.
  bool begin() {
    if (!exact && !goes_down()) source.use_tiles(p.fast);
    arena need;
    lay_out(need);
    char* const start = memory.take(need.used);
    if (!start) {
      r.fault = reduce_fault::no_memory;
      return false;
    }
    arena room{start};
    lay_out(room);
    source.prepare();
    return true;
  }
  /// Results [from, to) of few terms each, a chunk of them at a time.
  bool add_short(const space& over, std::ptrdiff_t from, std::ptrdiff_t to) {
    // Where no number differs from result to result, axes merge and runs get longer.
    const space walked = what.divisors || what.exponents ? over : over.without_results();
    cursor c(walked, from * p.terms), out(p.kept, 0);
    const bool in_order = &over == &p.in_order, scattered = !in_order && p.kept.axes > 1;
    const std::ptrdiff_t step = in_order ? 1 : p.kept.inner().steps[result_stream];
    // Whole results only: each is added up by itself, whatever it is computed with.
    const std::ptrdiff_t together = source.chunk / p.terms;
    for (std::ptrdiff_t k = from; k < to; k += together) {
      const std::ptrdiff_t n = to - k < together ? to - k : together;
      if (!next(c, n * p.terms)) return false;
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const T* const x = source.values + i * p.terms;
        const double* const y = source.factors_from(i * p.terms);
        double s, t;
        add_up(p.terms, x, y, &s, &t);
        std::ptrdiff_t result = (k + i) * step;
        if (scattered) {
          result = out.at[result_stream];
          out.advance(1);
        }
        put(result, s, t);
      }
    }
    return true;
  }
  /// Terms [from, to) of a result, where c is.
  bool add_segment(cursor& c, std::ptrdiff_t n, weighted_lanes<T>& all) {
    // Small pieces, between which the next chunk is asked for: memory works while numbers are added.
    constexpr std::ptrdiff_t piece = 64;
    for (std::ptrdiff_t i = 0; i < n; i += source.chunk) {
      const std::ptrdiff_t m = n - i < source.chunk ? n - i : source.chunk;
      if (!next(c, m)) return false;
      for (std::ptrdiff_t j = 0; j < m; j += piece) {
        source.ask_ahead(j, piece);
        all.add(m - j < piece ? m - j : piece, source.values + j, source.factors_from(j));
      }
    }
    return true;
  }

 private:
  workspace memory;
  double *sums = nullptr, *weights = nullptr;  ///< lanes of columns: each has all results of a strip

  /// The next chunk; false: the loop has refused, and the fault is set.
  bool next(cursor& c, std::ptrdiff_t m) {
    if (source.next(c, m)) return true;
    r.fault = reduce_fault::refused;
    return false;
  }
  /// Are results nearer to each other than the terms of one?
  /// Then a row of terms is added to a row of sums, and every cache line is read once.
  bool goes_down() const {
    axis inner = p.kept.inner();
    inner.steps[result_stream] = 0;
    const axis& terms = p.reduced.inner();
    return inner.n > 1 && terms.n > 1 && plan::distance(inner) < plan::distance(terms) &&
           (inner.n >= 16 || space::encloses(terms, inner));
  }
  /// Do the terms of a result fit a chunk?
  bool is_short() const { return p.is_whole() && p.terms <= source.chunk; }
  std::ptrdiff_t strip() const {
    const std::ptrdiff_t n = p.kept.inner().n;
    return n < reduce_columns ? n : reduce_columns;
  }
  /// What the walk needs: the numbers of a chunk, and lanes of columns where it goes down.
  void lay_out(arena& a) {
    source.take_memory(a);
    if (exact || !goes_down()) return;
    sums = a.template take<double>(sum_lanes * strip());
    if (source.has_factors()) weights = a.template take<double>(sum_lanes * strip());
  }
  /// A sum computed again replaces the first one; its weights are right already.
  UFL_FN void put(std::ptrdiff_t result, double s, double t) {
    if (exact) total[result] = s;
    else {
      found_infinite = found_infinite || !is_finite(s);
      total[result] += s;
      weight[result] += t;
    }
  }
  /// Result by result, segment by segment: the terms of each in their order.
  bool add_lines() {
    cursor c(p.fast, 0);
    for (std::ptrdiff_t k = 0; k < p.results; ++k) {
      const std::ptrdiff_t result = c.at[result_stream];
      for (std::ptrdiff_t from = 0, to; from < p.terms; from = to) {
        to = p.segments.end(from);
        weighted_lanes<T> all;
        if (!add_segment(c, to - from, all)) return false;
        double s, t;
        all.fold(&s, &t);
        if (!put_segment(result, from, to, s, source.factors ? t : double(to - from))) return false;
        // The one result is settled, whatever follows.
        if (stops_early && !is_finite(s)) return true;
      }
    }
    return true;
  }
  /// A segment that overflowed is computed again before it is added: what was added cannot be taken back.
  bool put_segment(std::ptrdiff_t result, std::ptrdiff_t from, std::ptrdiff_t to, double s, double t) {
    if (!p.is_whole() && !is_settled(total[result], s) && !compute_segment_again(result, from, to, &s))
      return false;
    put(result, s, t);
    return true;
  }
  /// Nothing changes a NaN, nor an infinity of the same sign.
  bool is_settled(double before, double s) const {
    return !what.loses || sizeof(T) == sizeof(double) || is_finite(s) || before != before || s == before;
  }
  /// Floats may overflow where the loss itself is finite in double; that is seen by the sum.
  bool compute_segment_again(std::ptrdiff_t result, std::ptrdiff_t from, std::ptrdiff_t to, double* s) {
    if constexpr (std::is_same_v<T, double>) return true;
    else {
      pass<double> better(r, p, what, total, weight);
      // In the order of positions, not of the walk: bits do not depend on which way the first pass went.
      better.exact = true;
      if (!better.begin()) return false;
      cursor c(p.in_order, result * p.terms + from);
      weighted_lanes<double> all;
      double t;
      if (!better.add_segment(c, to - from, all)) return false;
      all.fold(s, &t);
      return true;
    }
  }
  /// Groups of results one of which is not finite, in double.
  bool compute_groups_again() {
    if constexpr (std::is_same_v<T, double>) return true;
    else {
      if (!p.is_whole() || !what.loses) return true;
      pass<double> better(r, p, what, total, weight);
      better.exact = true;
      if (!better.begin()) return false;
      for (std::ptrdiff_t from = 0, to; from < p.results; from = to) {
        to = p.groups.end(from);
        bool finite = true;
        for (std::ptrdiff_t k = from; k < to; ++k) finite = finite && is_finite(total[k]);
        if (!finite && !better.compute_group(from, to)) return false;
      }
      return true;
    }
  }

 public:
  /// Results [from, to), whose terms are one segment each, in the order of positions.
  bool compute_group(std::ptrdiff_t from, std::ptrdiff_t to) {
    if (is_short()) return add_short(p.in_order, from, to);
    cursor c(p.in_order, from * p.terms);
    for (std::ptrdiff_t k = from; k < to; ++k) {
      weighted_lanes<T> all;
      if (!add_segment(c, p.terms, all)) return false;
      double s, t;
      all.fold(&s, &t);
      put(k, s, source.factors ? t : double(p.terms));
    }
    return true;
  }

 private:
  /// Results that lie side by side, a strip of them at a time: rows of terms are added to one lane each.
  bool add_columns() {
    const axis inner = p.kept.inner();
    space others;
    for (int i = 0; i + 1 < p.kept.axes; ++i) others.add(p.kept.at[i]);
    others.close();
    const std::ptrdiff_t strips = p.results / inner.n;
    cursor c(others, 0);
    for (std::ptrdiff_t k = 0; k < strips; ++k, c.advance(1))
      for (std::ptrdiff_t from = 0; from < inner.n; from += reduce_columns) {
        const std::ptrdiff_t n = inner.n - from < reduce_columns ? inner.n - from : reduce_columns;
        // Where each array has the first number of the strip.
        std::ptrdiff_t base[streams];
        for (int i = 0; i < streams; ++i) base[i] = c.at[i] + from * inner.steps[i];
        if (!add_strip(inner, n, base)) return false;
      }
    return true;
  }
  /// Term i of every result goes to lane i mod sum_lanes, as weighted_lanes has it for one result.
  bool add_strip(axis inner, std::ptrdiff_t n, const std::ptrdiff_t* base) {
    const std::ptrdiff_t result = base[result_stream], apart = inner.steps[result_stream];
    if (!what.divisors && !what.exponents) inner.steps[result_stream] = 0;  // rows of terms may merge
    inner.n = n;
    space strip;
    strip.add_all(p.reduced);
    strip.add(inner);
    strip.close();
    source.rows_ahead = strip.inner().n == n ? 1 : 0;
    cursor c(strip, 0, base);
    for (std::ptrdiff_t from = 0, to; from < p.terms; from = to) {
      to = p.segments.end(from);
      // Few terms reach few lanes, and the others need not be cleared or folded.
      const std::ptrdiff_t used = lanes_of(to - from);
      if (!add_rows(c, (to - from) * n, used * n)) return false;
      fold_lanes(sums, used, n);
      if (source.factors) fold_lanes(weights, used, n);
      for (std::ptrdiff_t i = 0; i < n; ++i)
        if (!put_segment(result + i * apart, from, to, sums[i],
                         source.factors ? weights[i] : double(to - from)))
          return false;
    }
    return true;
  }
  /// Lanes that n terms reach, as a power of 2; those beyond hold 0, which changes no sum.
  static std::ptrdiff_t lanes_of(std::ptrdiff_t n) {
    std::ptrdiff_t used = 1;
    while (used < n && used < sum_lanes) used *= 2;
    return used;
  }
  /// n numbers in the order of the walk, row after row of terms; `whole` sums are all lanes that they reach.
  bool add_rows(cursor& c, std::ptrdiff_t n, std::ptrdiff_t whole) {
    for (std::ptrdiff_t i = 0; i < whole; ++i) sums[i] = 0;
    if (source.factors)
      for (std::ptrdiff_t i = 0; i < whole; ++i) weights[i] = 0;
    // Where the next row of terms goes: lanes are rows of n sums, one after the other.
    std::ptrdiff_t lane = 0;
    for (std::ptrdiff_t i = 0; i < n; i += source.chunk) {
      const std::ptrdiff_t m = n - i < source.chunk ? n - i : source.chunk;
      if (!next(c, m)) return false;
      for (std::ptrdiff_t j = 0; j < m;) {
        const std::ptrdiff_t k = whole - lane < m - j ? whole - lane : m - j;
        add_to(sums + lane, source.values + j, k, weights ? weights + lane : nullptr, source.factors_from(j));
        j += k;
        lane = lane + k == whole ? 0 : lane + k;
      }
    }
    return true;
  }
  /// The same tree as weighted_lanes::fold(), for n results at once; they become the first n numbers.
  static void fold_lanes(double* lanes, std::ptrdiff_t used, std::ptrdiff_t n) {
    for (std::ptrdiff_t k = used / 2; k >= 1; k /= 2)
      for (std::ptrdiff_t i = 0; i < k * n; ++i) lanes[i] = lanes[i] + lanes[i + k * n];
  }
};

UFL_END
