// The sum or the mean of a loss, and its gradient.
#pragma once
#include <new>
#include "ufloss/reduce/pass.hpp"

UFL_BEGIN

/// Is a sum of weights far from where double overflows or loses digits?  None at all is ordinary too.
inline bool is_ordinary(double weight) {
  const double size = weight < 0 ? -weight : weight;
  return size == 0 || (size > 1e-250 && size < UFL_INF);
}

/// One reduction, from the operands to the rounded results.  A mean with weights and a gradient takes two
/// passes: weights first, since the gradient is divided by their sum.
struct reducer {
  reduction& r;
  plan p;
  explicit reducer(reduction& asked) : r(asked), p(asked) {}

  /// False: with a fault set; results are not to be used then.
  bool run() {
    clear(r.total);
    clear(r.weight);
    task what;
    what.grad = r.grad.data != nullptr;
    if (r.mean && what.grad && !divide(what)) return false;
    if (!is_empty() && !pass_over(what, r.total, r.weight, false)) return false;
    if (r.mean && !finish_mean(what)) return false;
    if (r.result) round_results();
    return true;
  }

 private:
  // Taken only where they are needed: by gradients of weighted means, and by sums out of range.
  workspace divisor_memory, exponent_memory;
  bool is_empty() const { return p.results == 0 || p.terms == 0; }
  /// All weights are 1, and their sum is the number of terms.
  bool is_plain() const { return !r.weights.data && !r.mask.data; }
  /// From double, once.
  void round_results() const {
    for (std::ptrdiff_t i = 0; i < p.results; ++i)
      if (r.type == float16_loop) static_cast<half*>(r.result)[i] = to_half(r.total[i]);
      else if (r.type == float32_loop) static_cast<float*>(r.result)[i] = float(r.total[i]);
      else static_cast<double*>(r.result)[i] = r.total[i];
  }
  void clear(double* to) const {
    for (std::ptrdiff_t i = 0; i < p.results; ++i) to[i] = 0;
  }
  /// One number for each result; null: with a fault set.
  template <class X> X* take(workspace& memory) {
    X* const found = reinterpret_cast<X*>(memory.take(std::size_t(p.results) * sizeof(X)));
    if (!found) r.fault = reduce_fault::no_memory;
    return found;
  }
  bool pass_over(const task& what, double* total, double* weight, bool in_double) {
    if (in_double || r.type == float64_loop) {
      pass<double> all(r, p, what, total, weight);
      // A sum of doubles that is not finite stays so, whatever follows.
      all.stops_early = in_double && p.kept_axes == 0;
      return all.run();
    }
    return pass<float>(r, p, what, total, weight).run();
  }
  /// The sums of the weights of what takes part.
  bool weigh(const int* exponents, double* ignored, double* to) {
    task weights;
    weights.loses = false;
    weights.exponents = exponents;
    clear(ignored);
    clear(to);
    if (is_empty()) return true;
    pass<double> all(r, p, weights, ignored, to);
    return all.run();
  }
  /// Has the gradient divided by the sum of the weights, which are scaled where it overflows or vanishes.
  bool divide(task& what) {
    if (is_plain()) {
      what.divisor = double(p.terms);
      return true;
    }
    double* const divisors = take<double>(divisor_memory);
    if (!divisors || !weigh(nullptr, r.total, divisors)) return false;
    what.divisors = divisors;
    bool ordinary = true;
    for (std::ptrdiff_t i = 0; i < p.results; ++i) ordinary = ordinary && is_ordinary(divisors[i]);
    // Without weights the sums are counts, which are ordinary.
    if (ordinary || !r.weights.data) return clear_totals();
    if (!(what.exponents = scale_weights()) || !weigh(what.exponents, r.total, divisors)) return false;
    return clear_totals();
  }
  /// What weigh() left there was no sum of losses.
  bool clear_totals() {
    clear(r.total);
    clear(r.weight);
    return true;
  }
  /// Powers of 2, one for each result, divided by which the sum of its weights is below 1.
  const int* scale_weights() {
    int* const exponents = take<int>(exponent_memory);
    if (!exponents) return nullptr;
    // So many terms, each below 1, add up to less than 2^more.
    int more = 0;
    while (more < 62 && (std::ptrdiff_t(1) << more) < p.terms) ++more;
    if (is_empty()) return exponents;
    cursor c(p.in_order, 0);
    for (std::ptrdiff_t k = 0; k < p.results; ++k) {
      int exponent = 0;
      const double most = r.weights.data ? largest_weight(c) : 1;
      // most < 2^exponent.
      (void)__builtin_frexp(most, &exponent);
      exponents[k] = exponent + more;
    }
    return exponents;
  }
  /// The largest size of a weight that is finite, among the terms of the result where c is.
  double largest_weight(cursor& c) const {
    double most = 0;
    for (std::ptrdiff_t i = 0; i < p.terms; ++i, c.advance(1)) {
      double w;
      // Of any type and alignment, as everywhere.
      gather_of<double>(float64_loop, r.weights.type)(&w, r.weights.data + c.at[weights_stream], 0, 1);
      w = w < 0 ? -w : w;
      if (is_finite(w) && w > most) most = w;
    }
    return most;
  }
  /// The quotient of the sums; where one of them has left the range of double, that of scaled ones.
  bool finish_mean(const task& what) {
    // Weights were scaled in both passes: the quotient is as it would be, and their sum is scaled back.
    if (what.exponents) {
      for (std::ptrdiff_t i = 0; i < p.results; ++i) {
        r.total[i] = r.total[i] / r.weight[i];
        r.weight[i] = __builtin_ldexp(r.weight[i], what.exponents[i]);
      }
      return true;
    }
    // NaN everywhere is what scaling would not change.
    bool finite = true, ordinary = true, all_nan = true;
    for (std::ptrdiff_t i = 0; i < p.results; ++i) {
      finite = finite && is_finite(r.total[i]);
      all_nan = all_nan && r.total[i] != r.total[i];
      ordinary = ordinary && is_ordinary(r.weight[i]);
    }
    // Sums of float16 and float32 losses cannot leave the range of double by themselves.
    const bool safe = (!r.weights.data && r.type != float64_loop) || (finite && ordinary) || all_nan;
    if (!safe && !is_empty()) return finish_scaled();
    for (std::ptrdiff_t i = 0; i < p.results; ++i) r.total[i] = r.total[i] / r.weight[i];
    return true;
  }
  /// Once more in double, with weights made small: a quotient may be finite where neither sum is.
  bool finish_scaled() {
    workspace totals, sums;
    double *const total = take<double>(totals), *const weight = take<double>(sums);
    task scaled;
    if (!total || !weight || !(scaled.exponents = scale_weights())) return false;
    clear(total);
    clear(weight);
    if (!pass_over(scaled, total, weight, true)) return false;
    for (std::ptrdiff_t i = 0; i < p.results; ++i) {
      // A NaN of either stays what the plain sums say.
      const double plain = r.total[i] / r.weight[i], better = total[i] / weight[i];
      r.total[i] = r.total[i] != r.total[i] || better != better ? plain : better;
    }
    return true;
  }
};

/// False: with a fault set, and without results.
inline bool reduce(reduction& r) {
  if (!is_countable(r)) {
    r.fault = reduce_fault::too_many;
    return false;
  }
  // On the heap: spaces of 64 axes take many KiB, and threads may have as little as 96 KiB of stack.
  const workspace room(sizeof(reducer));
  if (!room.start) {
    r.fault = reduce_fault::no_memory;
    return false;
  }
  reducer* const all = new (room.start) reducer(r);
  const bool done = all->run();
  all->~reducer();
  return done;
}

UFL_END
