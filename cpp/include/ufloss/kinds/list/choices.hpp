// The choices that put a list in its order: each item against those behind it.
//
// exp(score) is taken relative to a reference, the score of a later item, which changes only where a score
// lies so far above it that all later ones together are nothing beside it: then nothing overflows, and no sum
// is rescaled but where that rounds nothing away that counts.  Sums run in one order, from the last item and
// from the first, in two words.
//
// With own and total of each place k: the chance of item k at place i <= k is own[k]/total[i], so
//   gradient  own[k] sum_{i < k} 1/total[i] - later[k]/total[k],
//   Hessian   own[k] sum_{i <= k} 1/total[i] - own[k]^2 sum_{i <= k} 1/total[i]^2,
// where the latter would cancel as far as item k outweighs all others that are left at place i.  It does so
// from behind the last larger one on, and there 1 - chance = beside[i]/total[i], with the sum of all but the
// largest item.
#pragma once
#include "ufloss/kinds/list/loss.hpp"
#include "ufloss/memory/arena.hpp"
#include "ufloss/vocabulary/lanes.hpp"
#include "ufloss/vocabulary/log.hpp"

UFL_BEGIN

/// A sum that remembers what its roundings lost.
struct running_sum {
  double hi = 0, lo = 0;
  UFL_FN void add(double x) {
    const two<double> s = two_sum(hi, x);
    hi = s.hi;
    lo += s.lo;
  }
  UFL_FN void scale(double factor) {
    hi *= factor;
    lo *= factor;
  }
  UFL_FN double sum() const { return hi + lo; }
};

class choices {
  using V = native<double>;
  static constexpr double far_above = 200;  ///< exp(2 far_above) times a length is no overflow
  static constexpr std::ptrdiff_t step = virtual_lanes<double>;
  std::ptrdiff_t n = 0;
  double *reference, *below, *own, *later, *total, *beside;
  char* leads;  ///< is it larger than all later ones?

  /// exp of what all scores of a reference lie above those of the next.
  static UFL_FN double exp_of_difference(double a, double b) { return value(exp_parts(two_diff(a, b))); }
  UFL_FN double change_of_reference(std::ptrdiff_t k) const {
    return exp_of_difference(reference[k + 1], reference[k]);
  }

  /// From behind, so that each place has the reference of what is left at it.
  void choose_references() {
    double now = score[n - 1];
    for (std::ptrdiff_t k = n; k-- > 0;) {
      if (score[k] - now > far_above) now = score[k];
      reference[k] = now;
    }
  }
  /// Whole packs: what fills up the last one is set to 0 first, and nobody looks at it afterwards.
  void raise() {
    for (std::ptrdiff_t k = n; k % step != 0; ++k) score[k] = reference[k] = 0;
    for (std::ptrdiff_t k = 0; k < n; k += lanes<double>) {
      const two<V> x = two_diff(load(score + k), load(reference + k));
      store(value(exp_parts(x)), own + k);
      store(neg(x.hi), below + k);
    }
  }
  /// From the last item to the first: what lies behind each place.
  void add_up() {
    running_sum rest;  // of all that is left but the largest
    double largest = 0, score_of_largest = -UFL_INF, sum = 0;
    for (std::ptrdiff_t k = n; k-- > 0;) {
      if (k + 1 < n && UFL_UNLIKELY(reference[k] != reference[k + 1])) {
        const double factor = change_of_reference(k);
        rest.scale(factor);
        largest *= factor;
        sum *= factor;
      }
      later[k] = sum;
      leads[k] = score[k] > score_of_largest;
      if (leads[k]) {
        rest.add(largest);
        largest = own[k];
        score_of_largest = score[k];
      } else rest.add(own[k]);
      beside[k] = rest.sum();
      total[k] = sum = largest + beside[k];
    }
  }

 public:
  double* score;  ///< by places, as set() was given them

  choices(std::ptrdiff_t most, arena& a) {
    const std::ptrdiff_t room = most + step;
    double** const arrays[] = {&score, &reference, &below, &own, &later, &total, &beside};
    for (double** array : arrays) *array = a.take<double>(room);
    leads = a.take<char>(room);
  }
  /// The first `items` scores are in place, all but the last may be -inf, none is inf.
  void set(std::ptrdiff_t items) {
    n = items;
    if (n == 0) return;
    choose_references();
    raise();
    add_up();
  }

  /// Of all choices, in lanes: the order of a long sum does not depend on registers.
  template <class L> double cost() const {
    long_sum<double> sum[1];
    const double* const in[] = {own, later, total, below};
    const auto nothing = [](int operand) { return operand == 0 || operand == 2 ? 1.0 : 0.0; };
    add_long<double, 1, 4>(
        sum, in, n, nothing, [](auto& part, const double* const* p, std::ptrdiff_t, int i) UFL_INLINE {
          const auto at = [&](int operand) UFL_INLINE { return load(p[operand] + i * lanes<double>); };
          part[0][i] = part[0][i] + L::cost(choice<V>{at(0), at(1), at(2), at(3)});
        });
    return sum[0].sum();
  }
  /// put(place, gradient, second derivative), from the first place on.
  template <bool WithHess, class F> void derivatives(F put) const {
    running_sum pull, square, since;  // of 1/total and its square; of beside/total^2 behind the last that led
    double led_pull = 0, led_square = 0;  // the first two as they were there
    for (std::ptrdiff_t k = 0; k < n; ++k) {
      if (k && UFL_UNLIKELY(reference[k] != reference[k - 1])) {  // the one before led
        const double factor = exp_of_difference(reference[k], reference[k - 1]);
        pull.scale(factor);
        square.scale(factor * factor);
        led_pull *= factor;
        led_square *= factor * factor;
      }
      const double one = 1 / total[k], grad = own[k] * pull.sum() - later[k] * one;
      pull.add(one);
      double hess = 0;
      if constexpr (WithHess) {
        square.add(one * one);
        since.add(beside[k] * one * one);
        if (leads[k]) {
          hess = own[k] * (led_pull - own[k] * led_square) + own[k] * since.sum();
          led_pull = pull.sum();
          led_square = square.sum();
          since = {};
        } else hess = own[k] * (pull.sum() - own[k] * square.sum());
      }
      put(k, grad, hess);
    }
  }
};

UFL_END
