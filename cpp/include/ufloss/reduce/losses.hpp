// A loss's values a chunk at a time, with the weights that count, from operands over a space; and its
// gradient, scaled.
#pragma once
#include "ufloss/memory/arena.hpp"
#include "ufloss/reduce/calls.hpp"
#include "ufloss/reduce/numbers.hpp"
#include "ufloss/reduce/plan.hpp"

UFL_BEGIN

/// T: what losses are computed in, at least as wide as their type.
template <class T> struct losses {
  const reduction& r;
  const plan& p;
  const task& what;
  std::ptrdiff_t chunk;    ///< a multiple of the lanes
  std::ptrdiff_t at_once;  ///< losses that one call computes
  T* values = nullptr;
  const double* factors = nullptr;  ///< weights of what counts; null: all are 1
  std::ptrdiff_t rows_ahead = 0;    ///< of the innermost reduced axis: where the next operands are asked for

  /// Which loop is called, and which operands it can read as they lie, is the same for all chunks.
  losses(const reduction& asked, const plan& planned, const task& part)
      : r(asked),
        p(planned),
        what(part),
        chunk(longest_chunk()),
        at_once(r.rows && p.limit < chunk ? p.limit : chunk) {
    // Rows in float16 are read as they lie, by the loop whose results are float32; all else is widened
    // first.
    as_stored = r.rows && r.type == float16_loop && computed == float32_loop && all_halves();
    loop = (what.grad ? r.loops : r.values)[as_stored ? float16_to_float32_loop : computed];
    for (int k = 0; k < r.inputs; ++k) {
      const reduce_operand& x = r.in[k];
      constant[k] = !x.along && !x.is_label && is_constant(x);
      ready[k] = x.is_label || (!constant[k] && lies_ready(x, as_stored && x.along));
      gather[k] = gather_of<T>(r.type, x.type);
    }
    grad_ready = what.grad && lies_ready(r.grad, false);
  }
  /// Has chunks of some rows of a space, where neighbours of a row of some operand lie in cache lines of
  /// their own: with those of the next rows beside them, each line is read once.
  /// Not for rows, which a loop reads with any steps.
  void use_tiles(const space& s) {
    if (r.rows || !what.loses || s.axes < 2) return;
    const axis &outer = s.at[s.axes - 2], &inner = s.inner();
    bool some = false;
    for (int k = 0; k < r.inputs; ++k) some = some || (!constant[k] && lies_across(s, k));
    if (!some || outer.n < gathered_rows || inner.n < short_run || inner.n > longest_tile) return;
    tiled = true;
    chunk = at_once = gathered_rows * inner.n;
  }
  /// Takes the memory that it needs beside the operands.
  void take_memory(arena& a) {
    // Called twice: an arena without memory counts, another one deals out.
    if (has_factors()) own_factors = a.template take<double>(chunk + 16);
    constexpr std::ptrdiff_t apart = 16;  // not a page, where addresses would look alike to the processor
    values = a.template take<T>(chunk + apart);
    if (!what.loses) return;
    for (int k = 0; k < r.inputs; ++k)
      if (!r.in[k].is_label && !(r.in[k].along && ready[k]))
        copies[k] = a.template take<T>(constant[k] ? 1 : (r.in[k].along ? at_once * r.width : chunk) + apart);
    if (what.grad && !(r.rows && grad_ready)) slopes = a.template take<T>(r.rows ? at_once * r.width : chunk);
  }
  /// Before the first call of next().
  /// Values begin as 0: a pass for weights alone adds them up as they are.
  void prepare() {
    factors = own_factors;
    for (std::ptrdiff_t i = 0; i < chunk; ++i) values[i] = T(0);
    if (what.loses)
      for (int k = 0; k < r.inputs; ++k)
        if (constant[k]) gather[k](copies[k], r.in[k].data, 0, 1);
  }
  /// Those from the i-th of a chunk on; null where all are 1.
  const double* factors_from(std::ptrdiff_t i) const { return factors ? factors + i : nullptr; }
  bool has_factors() const { return r.weights.data || r.mask.data || what.exponents; }

  /// Values and factors of the next m <= chunk elements, and their gradient to its place.  False: the loop
  /// has refused.
  bool next(cursor& c, std::ptrdiff_t m) {
    use_weights_in_place(c, m);
    if (tiled && is_tile(c, m)) return compute_elements(c, m, 0);
    for (std::ptrdiff_t i = 0; i < m;) {
      const std::ptrdiff_t run = c.run();
      std::ptrdiff_t n = m - i;
      // A loop is called for a run, or for short runs brought side by side.
      if (r.rows || run >= short_run) n = run < n ? run : n;
      if (n > at_once) n = at_once;
      if (!what.loses) weigh_runs(c, n, i);
      else if (r.rows ? !compute_rows(c, n, i) : !compute_elements(c, n, i)) return false;
      i += n;
    }
    return true;
  }
  /// Asks for what the next chunk reads of elements [i, i + n), where the last was one run.
  UFL_FN void ask_ahead(std::ptrdiff_t i, std::ptrdiff_t n) const {
    for (int k = 0; k < asked; ++k) ask_for(ahead[k] + i * ahead_steps[k], n, ahead_steps[k]);
  }

 private:
  static constexpr loop_type computed = sizeof(T) == sizeof(float) ? float32_loop : float64_loop;
  strided_loop* loop;
  bool as_stored;  ///< rows in float16 are read as they lie
  bool constant[reduce_inputs], ready[reduce_inputs], grad_ready;
  gather_numbers* gather[reduce_inputs];
  T *copies[reduce_inputs] = {}, *slopes = nullptr;
  const char* ahead[reduce_inputs];
  std::ptrdiff_t ahead_steps[reduce_inputs];
  int asked = 0;
  bool tiled = false;
  double* own_factors = nullptr;
  bool weights_in_place = false;

  /// Weights that lie as doubles side by side are read where they are, unless a mask or an exponent changes
  /// them.
  void use_weights_in_place(const cursor& c, std::ptrdiff_t m) {
    if (!own_factors) return;
    weights_in_place = !r.mask.data && !what.exponents && r.weights.aligned &&
                       r.weights.type == number_type::float64 && c.run() >= m &&
                       c.over->inner().steps[weights_stream] == std::ptrdiff_t(sizeof(double));
    factors = weights_in_place ? reinterpret_cast<const double*>(r.weights.data + c.at[weights_stream])
                               : own_factors;
  }
  /// Small reductions take less memory; in whole virtual lanes all the same.
  std::ptrdiff_t longest_chunk() const {
    const std::ptrdiff_t all = size_product(p.results, p.terms);
    return all < reduce_chunk ? (all + 15) / 16 * 16 : reduce_chunk;
  }
  bool all_halves() const {
    for (int k = 0; k < r.inputs; ++k)
      if (r.in[k].along && (r.in[k].type != number_type::float16 || !r.in[k].aligned)) return false;
    return true;
  }
  /// Such an operand is read once, into one element.
  bool is_constant(const reduce_operand& x) const {
    for (int i = 0; i < r.axes; ++i)
      if (x.steps[i] != 0 && r.shape[i] > 1) return false;
    return true;
  }
  /// Does an operand have the type that the loop reads, at addresses that it may read from?
  bool lies_ready(const reduce_operand& x, bool halves) const {
    const bool computed_so = halves || r.type == computed;
    return x.aligned && computed_so && x.type == stored_type(r.type);
  }
  /// f(i, n): n elements lie in a run, where c is; the first is the i-th of m.
  template <class F> static void walk(cursor& c, std::ptrdiff_t m, F f) {
    for (std::ptrdiff_t i = 0; i < m;) {
      const std::ptrdiff_t run = c.run(), n = run < m - i ? run : m - i;
      f(i, n);
      c.advance(n);
      i += n;
    }
  }
  const char* place(const cursor& c, int k) const { return r.in[k].data + c.at[k]; }

  /// The next m elements by one call.  Operands that lie in one run and are ready are read as they lie; all
  /// others come side by side first.
  bool compute_elements(cursor& c, std::ptrdiff_t m, std::ptrdiff_t at) {
    const bool one_run = c.run() >= m;
    char* args[reduce_inputs + 2];
    std::ptrdiff_t steps[reduce_inputs + 2];
    if (tiled && is_tile(c, m)) gather_tile(c, m);
    else if (!one_run) gather_runs(c, m);
    asked = 0;
    for (int k = 0; k < r.inputs; ++k) {
      const std::ptrdiff_t step = c.over->inner().steps[k];
      args[k] = reinterpret_cast<char*>(copies[k]);
      steps[k] = constant[k] ? 0 : sizeof(T);
      if (constant[k] || !one_run) continue;
      if (ready[k]) {
        args[k] = const_cast<char*>(place(c, k));
        steps[k] = step;
        look_ahead(k, args[k], step, m);
      } else {
        gather[k](copies[k], place(c, k), step, step == 0 ? 1 : m);
        if (step == 0) steps[k] = 0;
      }
    }
    // The loop writes its gradient where it belongs if it can, else it is put there afterwards.
    const bool in_place = one_run && grad_ready;
    const std::ptrdiff_t grad_step = in_place ? c.over->inner().steps[grad_stream] : sizeof(T);
    char* const grad = in_place ? r.grad.data + c.at[grad_stream] : reinterpret_cast<char*>(slopes);
    args[r.inputs] = reinterpret_cast<char*>(values + at);
    steps[r.inputs] = sizeof(T);
    args[r.inputs + 1] = grad;
    steps[r.inputs + 1] = grad_step;
    call(m, args, steps);
    walk(c, m, [&](std::ptrdiff_t i, std::ptrdiff_t n) {
      if (factors) weigh(c, at + i, n);
      if (what.grad) put_slopes(c, grad + i * grad_step, grad_step, factors_from(at + i), n, in_place);
    });
    return true;
  }
  /// Several short runs: also of operands that are ready, since a call has one step for each.
  void gather_runs(const cursor& from, std::ptrdiff_t m) {
    cursor c = from;
    walk(c, m, [&](std::ptrdiff_t i, std::ptrdiff_t n) {
      for (int k = 0; k < r.inputs; ++k)
        if (!constant[k]) gather[k](copies[k] + i, place(c, k), c.over->inner().steps[k], n);
    });
  }
  static bool lies_across(const space& s, int k) {
    constexpr std::ptrdiff_t line = 64;
    const std::ptrdiff_t out = s.at[s.axes - 2].steps[k], in = s.inner().steps[k];
    return (in >= line || in <= -line) && (out < 0 ? -out : out) < (in < 0 ? -in : in);
  }
  /// Are the next m elements whole rows of a space, more than one?
  static bool is_tile(const cursor& c, std::ptrdiff_t m) {
    const int i = c.over->axes - 1;
    if (i < 1 || c.index[i] != 0) return false;
    const std::ptrdiff_t n = c.over->inner().n, rows = m / n;
    return rows > 1 && rows <= gathered_rows && rows * n == m && rows <= c.over->at[i - 1].n - c.index[i - 1];
  }
  void gather_tile(const cursor& c, std::ptrdiff_t m) {
    const axis &outer = c.over->at[c.over->axes - 2], &inner = c.over->inner();
    const std::ptrdiff_t rows = m / inner.n;
    for (int k = 0; k < r.inputs; ++k) {
      if (constant[k]) continue;
      if (lies_across(*c.over, k))
        gather_across(k, place(c, k), outer.steps[k], inner.steps[k], rows, inner.n);
      else
        for (std::ptrdiff_t i = 0; i < rows; ++i)
          gather[k](copies[k] + i * inner.n, place(c, k) + i * outer.steps[k], inner.steps[k], inner.n);
    }
  }
  /// Rows of n elements each, a few elements of all of them at a time.
  void gather_across(int k, const char* from, std::ptrdiff_t outer, std::ptrdiff_t inner, std::ptrdiff_t rows,
                     std::ptrdiff_t n) const {
    // A cache line has numbers of all rows: it is read once, into a square that stays in the cache.
    constexpr std::ptrdiff_t few = 16;
    T square[few][gathered_rows];
    for (std::ptrdiff_t j = 0; j < n; j += few) {
      const std::ptrdiff_t m = n - j < few ? n - j : few;
      for (std::ptrdiff_t i = 0; i < m; ++i) gather[k](square[i], from + (j + i) * inner, outer, rows);
      for (std::ptrdiff_t row = 0; row < rows; ++row)
        for (std::ptrdiff_t i = 0; i < m; ++i) copies[k][row * n + j + i] = square[i][row];
    }
  }
  /// Asks for the same elements some rows on, or keeps where the next chunk is.
  void look_ahead(int k, const char* at, std::ptrdiff_t step, std::ptrdiff_t m) {
    if (rows_ahead) ask_for(at + rows_ahead * p.reduced.inner().steps[k], m, step);
    else {
      ahead[asked] = at + chunk * step;
      ahead_steps[asked++] = step;
    }
  }
  /// Where nothing but weights is added up.
  void weigh_runs(cursor& c, std::ptrdiff_t m, std::ptrdiff_t at) {
    walk(c, m, [&](std::ptrdiff_t i, std::ptrdiff_t n) { weigh(c, at + i, n); });
  }

  /// Weights of the n losses of a run; 0 of those that are masked out.
  void weigh(const cursor& c, std::ptrdiff_t from, std::ptrdiff_t n) const {
    if (weights_in_place) return;
    double* const to = own_factors + from;
    const axis& inner = c.over->inner();
    if (r.weights.data)
      gather_of<double>(float64_loop, r.weights.type)(to, r.weights.data + c.at[weights_stream],
                                                      inner.steps[weights_stream], n);
    else
      for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = 1;
    if (what.exponents)
      for (std::ptrdiff_t i = 0; i < n; ++i)
        to[i] = __builtin_ldexp(to[i], -what.exponents[c.at[result_stream] + i * inner.steps[result_stream]]);
    if (!r.mask.data) return;
    const char* const mask = r.mask.data + c.at[mask_stream];
    const std::ptrdiff_t step = inner.steps[mask_stream];
    if (r.rows)
      for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = has_elements(mask + i * step) ? to[i] : 0;
    else
      for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = mask[i * step] != 0 ? to[i] : 0;
  }
  /// Has a row elements that take part?
  bool has_elements(const char* mask) const {
    for (std::ptrdiff_t j = 0; j < r.width; ++j)
      if (mask[j * r.mask.core] != 0) return true;
    return false;
  }

  /// f(number, i), as a loop of its own where numbers lie side by side, which the compiler makes packs of.
  template <class F> static void each_number(char* grad, std::ptrdiff_t step, std::ptrdiff_t n, F f) {
    if (step == std::ptrdiff_t(sizeof(T)))
      for (std::ptrdiff_t i = 0; i < n; ++i) f(reinterpret_cast<T*>(grad)[i], i);  // in packs
    else
      for (std::ptrdiff_t i = 0; i < n; ++i) f(*reinterpret_cast<T*>(grad + i * step), i);
  }
  /// The gradient of n losses of a run, times their weights over the divisor, to its place.
  /// `weights` is looked at only where there are weights or a mask.
  void put_slopes(const cursor& c, char* grad, std::ptrdiff_t step, const double* weights, std::ptrdiff_t n,
                  bool in_place) const {
    const std::ptrdiff_t apart = c.over->inner().steps[result_stream];
    const double* const by = what.divisors ? what.divisors + c.at[result_stream] : &what.divisor;
    if (!what.divisors || apart == 0)
      scale(grad, step, n, weights, [d = *by](std::ptrdiff_t) UFL_INLINE { return d; });
    else scale(grad, step, n, weights, [by, apart](std::ptrdiff_t i) UFL_INLINE { return by[i * apart]; });
    if (!in_place)
      scatter_of<T>(r.type)(grad, r.grad.data + c.at[grad_stream], c.over->inner().steps[grad_stream], n);
  }
  /// A weight of 0 gives 0, also of NaN.
  template <class By>
  void scale(char* grad, std::ptrdiff_t step, std::ptrdiff_t n, const double* weights, By by) const {
    if (r.weights.data)
      each_number(grad, step, n, [&](T& g, std::ptrdiff_t i) UFL_INLINE {
        // A quotient first: weights and their sum may be near the ends of double where their ratio is not.
        const T product = T(double(g) * (weights[i] / by(i)));
        g = weights[i] == 0 ? T(0) : product;
      });
    else if (what.divisors || what.divisor != 1)
      each_number(grad, step, n, [&](T& g, std::ptrdiff_t i) UFL_INLINE { g = g / T(by(i)); });
    if (r.mask.data && !r.weights.data)
      each_number(grad, step, n, [&](T& g, std::ptrdiff_t i) UFL_INLINE { g = weights[i] == 0 ? T(0) : g; });
  }

  /// A gradient that lies ready is the loop's own output; else rows are scaled in `slopes` and moved.
  bool compute_rows(cursor& c, std::ptrdiff_t m, std::ptrdiff_t at) {
    const axis& inner = c.over->inner();
    if (factors) weigh(c, at, m);
    row_call rows;
    for (int k = 0; k < r.inputs; ++k) add_row_operand(rows, c, k, m);
    if (r.mask.data) rows.add(r.mask.data + c.at[mask_stream], inner.steps[mask_stream], r.mask.core);
    rows.add(values + at, sizeof(T));
    const std::ptrdiff_t grad_step = grad_ready ? inner.steps[grad_stream] : r.width * sizeof(T);
    const std::ptrdiff_t grad_core = grad_ready ? r.grad.core : sizeof(T);
    char* const grad = grad_ready ? r.grad.data + c.at[grad_stream] : reinterpret_cast<char*>(slopes);
    if (what.grad) rows.add(grad, grad_step, grad_core);
    rows.close();
    if (!call(m, rows.args, rows.steps) && !call_for_weighted(rows, m, factors_from(at))) return false;
    if (what.grad)
      for (std::ptrdiff_t i = 0; i < m; ++i) put_row(c, i, grad + i * grad_step, grad_core, factors_from(at));
    c.advance(m);
    return true;
  }
  void add_row_operand(row_call& rows, const cursor& c, int k, std::ptrdiff_t m) {
    const reduce_operand& x = r.in[k];
    const std::ptrdiff_t step = c.over->inner().steps[k];
    // A row that all have in common is brought into place once.
    const std::ptrdiff_t own = step == 0 ? 1 : m;  // rows of its own
    if (x.along) {
      if (ready[k]) return rows.add(place(c, k), step, x.core);
      for (std::ptrdiff_t i = 0; i < own; ++i)
        gather[k](copies[k] + i * r.width, place(c, k) + i * step, x.core, r.width);
      return rows.add(copies[k], step == 0 ? 0 : r.width * sizeof(T), sizeof(T));
    }
    if (ready[k]) return rows.add(place(c, k), step);
    if (!constant[k]) gather[k](copies[k], place(c, k), step, own);
    rows.add(copies[k], step == 0 ? 0 : sizeof(T));
  }
  /// After a refusal, row by row: a label that is no class is not asked for where it weighs nothing.
  bool call_for_weighted(const row_call& rows, std::ptrdiff_t m, const double* weights) const {
    if (!r.weights.data || r.width == 0) return false;
    for (std::ptrdiff_t i = 0; i < m; ++i) {
      if (weights[i] == 0) continue;  // what is there is never looked at
      row_call one = rows;
      for (int k = 0; k < rows.operands; ++k) one.args[k] += i * rows.steps[k];
      if (!call(1, one.args, rows.steps)) return false;
    }
    return true;
  }
  /// The gradient of row i of a run, as put_slopes() has it for elements.
  void put_row(const cursor& c, std::ptrdiff_t i, char* grad, std::ptrdiff_t step,
               const double* weights) const {
    const axis& inner = c.over->inner();
    const double by =
        what.divisors ? what.divisors[c.at[result_stream] + i * inner.steps[result_stream]] : what.divisor;
    if (r.weights.data) {
      const double factor = weights[i] / by;
      const bool counts = weights[i] != 0;
      each_number(grad, step, r.width, [=](T& g, std::ptrdiff_t) UFL_INLINE {
        const T product = T(double(g) * factor);
        g = counts ? product : T(0);
      });
    } else if (what.divisors || what.divisor != 1) {
      const T divisor = T(by);
      each_number(grad, step, r.width, [=](T& g, std::ptrdiff_t) UFL_INLINE { g = g / divisor; });
    }
    if (r.mask.data) {
      const char* const mask = r.mask.data + c.at[mask_stream] + i * inner.steps[mask_stream];
      const std::ptrdiff_t apart = r.mask.core;
      each_number(grad, step, r.width,
                  [=](T& g, std::ptrdiff_t j) UFL_INLINE { g = mask[j * apart] != 0 ? g : T(0); });
    }
    if (!grad_ready)
      scatter_of<T>(r.type)(grad, r.grad.data + c.at[grad_stream] + i * inner.steps[grad_stream], r.grad.core,
                            r.width);
  }

  /// The one place where a loop is called.  False: it has refused.
  bool call(std::ptrdiff_t m, char* const* args, const std::ptrdiff_t* steps) const {
    const std::ptrdiff_t n[] = {m, r.width};
    return loop(*r.caller, args, n, steps) == 0;
  }
};

UFL_END
