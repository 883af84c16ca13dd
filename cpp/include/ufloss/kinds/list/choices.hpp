// The choices of a list in packs: what no place needs of another.
#pragma once
#include "ufloss/kinds/list/places.hpp"
#include "ufloss/memory/arena.hpp"
#include "ufloss/vocabulary/lanes.hpp"

UFL_BEGIN

class choices {
  using V = native<double>;
  static constexpr std::ptrdiff_t step = virtual_lanes<double>;
  list_places places{};
  double* below;

  /// Whole packs: what fills up the last one is set to 0 first, and nobody looks at it afterwards.
  void raise() {
    double *const score = places.score, *const reference = places.reference;
    const std::ptrdiff_t n = places.n;
    for (std::ptrdiff_t k = n; k % step != 0; ++k) score[k] = reference[k] = 0;
    for (std::ptrdiff_t k = 0; k < n; k += lanes<double>) {
      const two<V> x = two_diff(load(score + k), load(reference + k));
      store(value(exp_parts(x)), places.own + k);
      store(neg(x.hi), below + k);
    }
  }

 public:
  double* score;  ///< by places, as set() was given them

  choices(std::ptrdiff_t most, arena& a) {
    const std::ptrdiff_t room = most + step;
    double** const arrays[] = {&places.score, &places.reference, &below,        &places.own,
                               &places.later, &places.total,     &places.beside};
    for (double** array : arrays) *array = a.take<double>(room);
    places.leads = a.take<char>(room);
    score = places.score;
  }
  /// The first `items` scores are in place, all but the last may be -inf, none is inf.
  void set(std::ptrdiff_t items) {
    places.n = items;
    if (items == 0) return;
    places.choose_references();
    raise();
    places.add_up();
  }

  /// Of all choices, in lanes: the order of a long sum does not depend on registers.
  template <class L> double cost() const {
    long_sum<double> sum[1];
    const double* const in[] = {places.own, places.later, places.total, below};
    const auto nothing = [](int operand) { return operand == 0 || operand == 2 ? 1.0 : 0.0; };
    add_long<double, 1, 4>(
        sum, in, places.n, nothing, [](auto& part, const double* const* p, std::ptrdiff_t, int i) UFL_INLINE {
          const auto at = [&](int operand) UFL_INLINE { return load(p[operand] + i * lanes<double>); };
          part[0][i] = part[0][i] + L::cost(choice<V>{at(0), at(1), at(2), at(3)});
        });
    return sum[0].sum();
  }
  /// put(place, gradient, second derivative), from the first place on.
  template <bool WithHess, class F> void derivatives(F put) const {
    places.derivatives<WithHess>([&](std::ptrdiff_t k) UFL_INLINE { return 1 / places.total[k]; }, put);
  }
};

UFL_END
