// Losses of ordered lists, as a gufunc's loop: list by list, of any strides.
#pragma once
#include "ufloss/kinds/list/choices.hpp"
#include "ufloss/kinds/list/order.hpp"
#include "ufloss/memory/strided.hpp"

UFL_BEGIN

/// What lists of up to `most` items are worked on in.
/// Everything is double: float16 and float32 lists are rounded once, in the end.
struct list_memory {
  ranked_item *items, *sorted;
  double *scores, *grad, *hess, *bound;
  choices places;

  list_memory(std::ptrdiff_t most, arena& a)
      : items(a.take<ranked_item>(most)),
        sorted(a.take<ranked_item>(most)),
        scores(a.take<double>(most)),
        grad(a.take<double>(most)),
        hess(a.take<double>(most)),
        bound(a.take<double>(most)),
        places(most, a) {}
};
/// Bytes that lists() needs, at an address that is a multiple of 64, or arena::most where no memory has so
/// many; dims as NumPy hands them over: lists, items in each.
inline std::size_t list_bytes(const std::ptrdiff_t* dims) {
  // Without memory the same text counts what it will take.
  arena count;
  list_memory(size_of_axis(dims[1]), count);
  return count.used;
}

/// Boehning's bound of the second derivative of each choice, (1 - 1/n)/2 among n items, added up.
/// An item takes part in the choices up to its own place, so bounds grow with the place; they stay positive
/// when they are rounded to the type of the results.
inline void bound_curvature(const ranked_item* order, std::ptrdiff_t count, double least, double* bound) {
  running_sum sum;
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    sum.add(bound_of_choice(double(count - k)));
    bound[order[k].item] = max(sum.sum(), least);
  }
}

/// Of the items of one list that take part, of which there are `count`: its value, and the derivatives of all
/// its n items, 0 where they take no part.
template <class L, unsigned Parts>
double one_list(list_memory& m, std::ptrdiff_t n, std::ptrdiff_t count, bool valid, double least_bound) {
  constexpr bool with_hess = (Parts & part_hess) != 0, with_bound = (Parts & part_bound) != 0,
                 with_slopes = (Parts & part_grad) != 0 || with_hess;
  double* const along[] = {m.grad, m.hess, m.bound};
  if (with_slopes || with_bound)
    for (double* const a : along)
      for (std::ptrdiff_t i = 0; i < n; ++i) a[i] = 0;
  // One score that is NaN or +inf, or a relevance that is NaN, and no order or sum means anything.
  if (!valid) {
    for (double* const a : along)
      for (std::ptrdiff_t k = 0; k < count; ++k) a[m.items[k].item] = UFL_NAN;
    return UFL_NAN;
  }
  const ranked_item* const order = sort_descending(m.items, m.sorted, count);
  if constexpr (with_bound) bound_curvature(order, count, least_bound, m.bound);
  // From here on scores stand in the order of the relevances.
  for (std::ptrdiff_t k = 0; k < count; ++k) m.places.score[k] = m.scores[order[k].item];
  // An item with a score of -inf is chosen when no other is left, so it costs nothing as the last one.  Of
  // several at the end each might be chosen first.
  std::ptrdiff_t possible = count;
  while (possible > 0 && m.places.score[possible - 1] == -UFL_INF) --possible;
  const bool ends_open = count - possible > 1;
  double value = 0;
  if constexpr ((Parts & ~part_bound) != 0) m.places.set(possible);
  if constexpr ((Parts & part_value) != 0) value = m.places.template cost<L>();
  if constexpr (with_slopes) {
    m.places.template derivatives<with_hess>([&](std::ptrdiff_t k, double grad, double hess) UFL_INLINE {
      m.grad[order[k].item] = grad;
      m.hess[order[k].item] = hess;
    });
    // Which of several impossible items comes first is a question without an answer.
    for (std::ptrdiff_t k = possible; ends_open && k < count; ++k)
      m.grad[order[k].item] = m.hess[order[k].item] = UFL_NAN;
  }
  // An infinite loss is infinite whichever it is.
  return ends_open && value < UFL_INF ? UFL_NAN : value;
}

/// Operands as NumPy hands them over: scores (n), relevances (n), a mask (n) where there is one; then the
/// value, the gradient (n), the second derivative (n) and its bound (n), as far as they are among the parts.
/// What is masked out takes no part, is not read, and has derivatives of 0.
template <class L, unsigned Parts, class S, class O>
void lists(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked,
           char* workspace) {
  using T = typename storage<O>::compute;
  // The smallest that the results' type can hold: subnormal of float16, normal of the others.
  constexpr double least_bound = sizeof(O) == 2 ? 0x1p-24 : double(format<T>::smallest_normal);
  const int nin = arity<L> + masked, nout = count_parts(Parts);
  const std::ptrdiff_t n = dims[1], *const core = steps + nin + nout;
  // All lists of a call have the same memory, one after the other.
  arena a{workspace};
  list_memory m(n, a);
  for (std::ptrdiff_t row = 0; row < dims[0]; ++row) {
    const auto at = [&](int operand) { return args[operand] + row * steps[operand]; };
    const auto number = [&](int operand, std::ptrdiff_t i) {
      return double(storage<S>::get(*reinterpret_cast<const S*>(at(operand) + i * core[operand])));
    };
    std::ptrdiff_t count = 0;
    bool valid = true;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      if (masked && !at(2)[i * core[2]]) continue;
      const double relevance = number(1, i);
      m.scores[i] = number(0, i);
      m.items[count++] = {relevance, i};
      valid &= m.scores[i] < UFL_INF && relevance == relevance;
    }
    const double value = one_list<L, Parts>(m, n, count, valid, least_bound);
    int out = nin;
    const std::ptrdiff_t* out_core = core + nin;
    const auto put = [&](const double* from) {
      for (std::ptrdiff_t i = 0; i < n; ++i)
        *reinterpret_cast<O*>(at(out) + i * *out_core) = storage<O>::put(T(from[i]));
      ++out;
      ++out_core;
    };
    if constexpr ((Parts & part_value) != 0) *reinterpret_cast<O*>(at(out++)) = storage<O>::put(T(value));
    if constexpr ((Parts & part_grad) != 0) put(m.grad);
    if constexpr ((Parts & part_hess) != 0) put(m.hess);
    if constexpr ((Parts & part_bound) != 0) put(m.bound);
  }
}

UFL_END
