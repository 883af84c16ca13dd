// Memory of a call, from the heap.
#pragma once
#include <cstdint>
#include <cstdlib>
#include "ufloss/config.hpp"

UFL_BEGIN

/// `bytes` at an address that is a multiple of 64; null: there are none.
struct workspace {
  char* const block;
  char* const start;
  explicit workspace(std::size_t bytes)
      : block(static_cast<char*>(std::malloc(bytes + 64))),
        start(block ? block + to_next_line(block) : nullptr) {}
  ~workspace() { std::free(block); }
  workspace(const workspace&) = delete;
  workspace& operator=(const workspace&) = delete;
  static std::uintptr_t to_next_line(const char* p) {
    return (64 - reinterpret_cast<std::uintptr_t>(p) % 64) % 64;
  }
};

UFL_END
