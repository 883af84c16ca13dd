// The caller's memory, dealt out.
#pragma once
#include <cstddef>
#include "../config.hpp"

UFL_BEGIN

/// Deals out the caller's memory, each piece from a cache line on; without memory it only counts.
struct arena {
  char* base = nullptr;
  std::size_t used = 0;
  template <class X> X* take(std::ptrdiff_t n) {
    char* const p = base ? base + used : nullptr;
    used += (std::size_t(n) * sizeof(X) + 63) / 64 * 64;
    return reinterpret_cast<X*>(p);
  }
};

UFL_END
