// One call of a loss over two batches.
#pragma once
#include <cstdint>
#include <vector>
#include "ufloss/kinds/pairs/loop.hpp"
#include "ufloss/losses/pairs.hpp"

namespace {

/// A workspace: loops ask for 64 bytes of alignment.
struct aligned_bytes {
  std::vector<char> bytes;
  explicit aligned_bytes(std::size_t n) : bytes(n + 64) {}
  char* start() { return bytes.data() + (64 - reinterpret_cast<std::uintptr_t>(bytes.data()) % 64) % 64; }
};

/// `in` holds queries and keys, n vectors each, and the temperature; so do the slopes.
template <class L, class S>
void call_crossed(S* in, S* value, S* slopes, std::ptrdiff_t n, std::ptrdiff_t width) {
  using namespace ufloss;
  constexpr unsigned every = part_value | part_grad | part_grad2 | part_grad3;
  const std::ptrdiff_t all = n * width, size = sizeof(S), row = width * size, dims[] = {1, n, width},
                       steps[] = {0, 0, 0, 0, 0, 0, 0, row, size, row, size, row, size, row, size};
  S* const places[] = {in, in + all, in + 2 * all, value, slopes, slopes + all, slopes + 2 * all};
  char* args[7];
  for (int k = 0; k < 7; ++k) args[k] = reinterpret_cast<char*>(places[k]);
  aligned_bytes memory(batch_bytes<L, every, S>(dims));
  batches<L, every, S>(args, dims, steps, false, memory.start());
}

}  // namespace
