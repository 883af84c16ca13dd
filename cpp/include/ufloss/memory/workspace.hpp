// Memory of a call, from the heap.
#pragma once
#include <cstdint>
#include <cstdlib>
#include "ufloss/config.hpp"

UFL_BEGIN

/// Memory for as long as it lives, from an address that is a multiple of 64.
class workspace {
  char* block = nullptr;

 public:
  char* start = nullptr;  ///< null: nothing was taken, or there was not so much

  workspace() = default;
  explicit workspace(std::size_t bytes) { take(bytes); }
  ~workspace() { std::free(block); }
  workspace(const workspace&) = delete;
  workspace& operator=(const workspace&) = delete;

  /// Once.
  char* take(std::size_t bytes) {
    // Aligned by hand, since not every C library has aligned_alloc().
    block = static_cast<char*>(std::malloc(bytes + 64));
    if (block) start = block + (64 - reinterpret_cast<std::uintptr_t>(block) % 64) % 64;
    return start;
  }
};

UFL_END
