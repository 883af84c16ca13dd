// Numbers that every machine draws the same.
#pragma once
#include <cstdint>

struct dice {
  std::uint64_t state;
  std::uint64_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::uint64_t z = state ^ (state >> 29);
    z *= 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 32);
  }
  long long below(long long n) { return static_cast<long long>(next() % std::uint64_t(n)); }
  bool chance(int percent) { return below(100) < percent; }
  double unit() { return double(next() >> 11) * 0x1p-53; }
};
