// The choices that put a list in its order: each item against those behind it.
//
// exp(score) is taken relative to a reference, the score of a later item, which changes only where a score
// lies so far above it that all later ones together are nothing beside it: then nothing overflows, and no sum
// is rescaled but where that rounds nothing away that counts.  Sums run in one order, from the last item and
// from the first, in two words: one thread goes through a list, on a CPU and on a GPU.
//
// With own and total of each place k: the chance of item k at place i <= k is own[k]/total[i], so
//   gradient  own[k] sum_{i < k} 1/total[i] - later[k]/total[k],
//   Hessian   own[k] sum_{i <= k} 1/total[i] - own[k]^2 sum_{i <= k} 1/total[i]^2,
// where the latter would cancel as far as item k outweighs all others that are left at place i.  It does so
// from behind the last larger one on, and there 1 - chance = beside[i]/total[i], with the sum of all but the
// largest item.
#pragma once
#include "ufloss/kinds/list/loss.hpp"
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

/// Boehning's bound of the second derivative of a choice among so many items, as far as it depends on them.
UFL_FN double bound_of_choice(double items) { return 0.5 * (1 - 1 / items); }

/// Numbers by places, n of each.
struct list_places {
  double *score, *reference;  ///< as they are set; what exp(score) is relative to
  double *own, *later, *total;
  double* beside;  ///< the total without the largest item
  char* leads;     ///< is it larger than all later ones?
  long long n = 0;

  static constexpr double far_above = 200;  ///< exp(2 far_above) times a length is no overflow
  /// exp of what all scores of a reference lie above those of the next.
  static UFL_FN double exp_of_difference(double a, double b) { return value(exp_parts(two_diff(a, b))); }

  UFL_FN void choose_references() {
    double now = score[n - 1];
    for (long long k = n; k-- > 0;) {
      if (score[k] - now > far_above) now = score[k];
      reference[k] = now;
    }
  }
  /// After `own` is set, by own = exp(score - reference).
  UFL_FN void add_up() const {
    const list_places p = *this;  // stores to `leads` might change where arrays are
    running_sum rest;             // of all that is left but the largest
    double largest = 0, score_of_largest = -UFL_INF, sum = 0;
    for (long long k = p.n; k-- > 0;) {
      if (k + 1 < p.n && UFL_UNLIKELY(p.reference[k] != p.reference[k + 1])) {
        const double factor = exp_of_difference(p.reference[k + 1], p.reference[k]);
        rest.scale(factor);
        largest *= factor;
        sum *= factor;
      }
      p.later[k] = sum;
      p.leads[k] = p.score[k] > score_of_largest;
      if (p.leads[k]) {
        rest.add(largest);
        largest = p.own[k];
        score_of_largest = p.score[k];
      } else rest.add(p.own[k]);
      p.beside[k] = rest.sum();
      p.total[k] = sum = largest + p.beside[k];
    }
  }
  /// put(place, gradient, second derivative), from the first place on; inverse(place): 1/total.
  template <bool WithHess, class Inverse, class Put> UFL_FN void derivatives(Inverse inverse, Put put) const {
    const list_places p = *this;
    running_sum pull, square, since;  // of 1/total and its square; of beside/total^2 behind the last that led
    double led_pull = 0, led_square = 0;  // the first two as they were there
    for (long long k = 0; k < p.n; ++k) {
      if (k && UFL_UNLIKELY(p.reference[k] != p.reference[k - 1])) {  // the one before led
        const double factor = exp_of_difference(p.reference[k], p.reference[k - 1]);
        pull.scale(factor);
        square.scale(factor * factor);
        led_pull *= factor;
        led_square *= factor * factor;
      }
      const double one = inverse(k), grad = p.own[k] * pull.sum() - p.later[k] * one;
      pull.add(one);
      double hess = 0;
      if constexpr (WithHess) {
        square.add(one * one);
        since.add(p.beside[k] * one * one);
        if (p.leads[k]) {
          hess = p.own[k] * (led_pull - p.own[k] * led_square) + p.own[k] * since.sum();
          led_pull = pull.sum();
          led_square = square.sum();
          since = {};
        } else hess = p.own[k] * (pull.sum() - p.own[k] * square.sum());
      }
      put(k, grad, hess);
    }
  }
};

UFL_END
