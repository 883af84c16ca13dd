// Operands in memory: how numbers with steps between them are moved.
#pragma once
#include <cstddef>
#include <cstdint>
#include "ufloss/vocabulary/half.hpp"

UFL_BEGIN

constexpr int prefetch_bytes =
    16384;  ///< how far ahead of the arithmetic a row is asked for: 0.25 became 0.16 ns an element

/// n numbers with steps of bytes between them, side by side in the type that they are computed in; two
/// loops, since only that of neighbours becomes packs.
template <class S, class T>
UFL_FN void gather(T* UFL_RESTRICT to, const char* from, std::ptrdiff_t step, std::ptrdiff_t n) {
  if (step == std::ptrdiff_t(sizeof(S)))
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = storage<S>::get(reinterpret_cast<const S*>(from)[i]);
  else
    for (std::ptrdiff_t i = 0; i < n; ++i)
      to[i] = storage<S>::get(*reinterpret_cast<const S*>(from + i * step));
}
/// The way back, rounded once.
template <class S, class T>
UFL_FN void scatter(const T* UFL_RESTRICT from, char* to, std::ptrdiff_t step, std::ptrdiff_t n) {
  if (step == std::ptrdiff_t(sizeof(S)))
    for (std::ptrdiff_t i = 0; i < n; ++i) reinterpret_cast<S*>(to)[i] = storage<S>::put(from[i]);
  else
    for (std::ptrdiff_t i = 0; i < n; ++i) *reinterpret_cast<S*>(to + i * step) = storage<S>::put(from[i]);
}

/// `outer` bytes from row to row, `core` bytes from element to element.
struct row_operand {
  char* data;
  std::ptrdiff_t outer, core;
  template <class S> UFL_FN S* at(std::ptrdiff_t row, std::ptrdiff_t i) const {
    return reinterpret_cast<S*>(data + row * outer + i * core);
  }
};
/// A bound that is positive stays so when it is rounded to the storage type S.
template <class S, class T> UFL_FN void keep_positive(T* bound, std::ptrdiff_t n) {
  constexpr T least = T(storage<S>::least_bound);
  for (std::ptrdiff_t i = 0; i < n; ++i) bound[i] = bound[i] < least ? least : bound[i];
}

UFL_END
