// Memory that shows every fault: blocks beside pages that nobody may touch, a heap and a stack that can be
// dirtied.
#pragma once
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cfenv>
#include <chrono>
#include <climits>
#include <cmath>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>
#include "dispatch.hpp"
#include "ufloss/reduce/reduction.hpp"
#include "ufloss/vocabulary/half.hpp"

using namespace ufloss;
using namespace ufloss::dispatch;

namespace {

using std::ptrdiff_t;
using std::size_t;
using bytes = std::vector<unsigned char>;

// --- dice -----
/// SplitMix64: one number of state, so that a case follows from its seed and number alone; and unlike the
/// distributions of the standard library the same numbers everywhere.
struct dice {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double unit() { return double(next() >> 11) * 0x1p-53; }
  bool chance(double p) { return unit() < p; }
  ptrdiff_t below(ptrdiff_t n) { return n > 0 ? ptrdiff_t(next() % std::uint64_t(n)) : 0; }
  ptrdiff_t between(ptrdiff_t a, ptrdiff_t b) { return a + below(b - a + 1); }  // both included
  template <class T> T one_of(std::initializer_list<T> list) {
    return list.begin()[below(ptrdiff_t(list.size()))];
  }
  /// About normal, by exact steps: every machine draws the same cases.
  double normal() { return (unit() + unit() + unit() + unit() - 2) * 1.75; }
};
/// The dice of a case; neighbouring numbers are mixed first, so that their cases have nothing in common.
dice make_dice(std::uint64_t seed, std::uint64_t number) {
  dice d{seed * 0xd1342543de82ef95u + number};
  d.state = d.next();
  return d;
}

// --- memory that shows faults -----
// slots: one for each operand of a call, of which there are fewer.  heap_slots: for the first blocks that one
// call asks for.
constexpr size_t slot_bytes = size_t(1) << 23;
constexpr int slots = 16, heap_slots = 4;
size_t page = 4096;

/// Pages between two that nobody may touch.
struct slot {
  unsigned char* begin = nullptr;
  unsigned char* end() const { return begin + slot_bytes; }
  void make() {
    void* p =
        mmap(nullptr, slot_bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) std::abort();
    begin = static_cast<unsigned char*>(p) + page;
    if (mprotect(begin, slot_bytes, PROT_READ | PROT_WRITE)) std::abort();
  }
};
slot memory[slots], heap[heap_slots];

// What loops ask of malloc() comes from `heap`: flush against the end but for what alignment takes, filled
// with a pattern.
// in_call: malloc() is a loop's.  refuse: it gets nothing.
bool in_call = false, refuse = false;
unsigned char heap_byte = 0;
int heap_used = 0, refused = 0;
bool heap_overrun = false;
struct heap_block {
  unsigned char* at;
  size_t size;
} heap_blocks[heap_slots];
constexpr size_t red = 48;

}  // namespace

extern "C" {
void* __real_malloc(size_t);
void __real_free(void*);
void* __wrap_malloc(size_t size);
void __wrap_free(void* p);
// The linker sends every call of malloc() and free() here (--wrap), the tests' own as well.
void* __wrap_malloc(size_t size) {
  if (!in_call) return __real_malloc(size);
  if (refuse) {
    ++refused;
    return nullptr;
  }
  // Sixteen bytes beyond a multiple of 64: most is lost to a workspace's alignment.
  if (heap_used < heap_slots && size <= slot_bytes - 4 * red) {
    unsigned char* const end = heap[heap_used].end();
    unsigned char* at = end - (size + 15) / 16 * 16;
    while (reinterpret_cast<std::uintptr_t>(at) % 64 != 16) at -= 16;
    std::memset(at - red, heap_byte, size_t(end - at) + red);
    heap_blocks[heap_used] = {at, size};
    ++heap_used;
    return at;
  }
  void* p = __real_malloc(size);
  if (p) std::memset(p, heap_byte, size);
  return p;
}
void __wrap_free(void* p) {
  for (int k = 0; k < heap_used; ++k) {
    if (heap_blocks[k].at != p) continue;
    for (const unsigned char* q = heap_blocks[k].at + heap_blocks[k].size; q < heap[k].end(); ++q)
      heap_overrun |= *q != heap_byte;
    for (size_t i = 1; i <= red; ++i) heap_overrun |= heap_blocks[k].at[-ptrdiff_t(i)] != heap_byte;
    return;
  }
  __real_free(p);
}
}

namespace {

/// Leaves a pattern in the stack that calls use next.
__attribute__((noinline)) void dirty_stack(unsigned char byte) {
  unsigned char room[256 * 1024];
  std::memset(room, byte, sizeof room);
  // The compiler may not drop what nobody seems to read.
  __asm__ volatile("" : : "r"(room) : "memory");
}

}  // namespace
