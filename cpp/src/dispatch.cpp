// Which instruction sets are built in, and which of them this processor runs.
#include "dispatch.hpp"
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include "tables.hpp"  // written by CMake: the names of the instruction sets, and their tables
#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace ufloss::dispatch {

namespace {

/// What level() must reach for a set; emulated packs are built with the flags of x86-64-v3.
/// Any other set needs level 0: beside x86 every processor has it.
int needed_level(const char* isa) {
  const char* const levels[] = {"isa_x86_64_v2", "isa_x86_64_v3", "isa_x86_64_v4"};
  for (int l = 0; l < 3; ++l)
    if (!std::strcmp(isa, levels[l])) return l;
  return is_emulated(isa) ? 1 : 0;
}

#if defined(__x86_64__) || defined(_M_X64)
// What CPUID says of a leaf and its sub-leaf.
struct registers {
  unsigned eax, ebx, ecx, edx;
};
registers cpuid(unsigned leaf, unsigned sub) {
  registers r{};
#if defined(_MSC_VER) && !defined(__clang__)
  int v[4];
  __cpuidex(v, int(leaf), int(sub));
  r = {unsigned(v[0]), unsigned(v[1]), unsigned(v[2]), unsigned(v[3])};
#else
  __cpuid_count(leaf, sub, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}
std::uint64_t enabled_state() {  // XCR0: which registers the operating system saves
#if defined(_MSC_VER) && !defined(__clang__)
  return _xgetbv(0);
#else
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t(high) << 32) | low;
#endif
}
/// All of these bits.
bool has(unsigned word, std::initializer_list<int> bits) {
  for (int b : bits)
    if (!((word >> b) & 1u)) return false;
  return true;
}
// Own code, not __builtin_cpu_supports: MSVC has none, and one compiler's answered "no" to AVX-512 on a
// processor that has it.
int measure_level() {
  const registers one = cpuid(1, 0);
  if (!has(one.ecx, {0, 9, 19, 20, 23})) return -1;  // SSE3 SSSE3 SSE4.1 SSE4.2 POPCNT
  // Beyond the highest leaf a processor answers with that of another.
  if (cpuid(0, 0).eax < 7) return 0;
  const registers seven = cpuid(7, 0);
  if (!has(one.ecx, {12, 22, 27, 28, 29})) return 0;  // FMA MOVBE OSXSAVE AVX F16C
  const std::uint64_t state = enabled_state();
  // 0x6: XMM and YMM; 0xe6: also the mask registers, the upper halves of ZMM, and those from 16 on.
  if ((state & 0x6) != 0x6 || !has(seven.ebx, {3, 5, 8})) return 0;               // BMI1 AVX2 BMI2
  if (!has(cpuid(0x80000001u, 0).ecx, {5})) return 0;                             // LZCNT
  if ((state & 0xe6) != 0xe6 || !has(seven.ebx, {16, 17, 28, 30, 31})) return 1;  // AVX-512 F DQ CD BW VL
  return 2;
}
int level() {
  // Once, by whichever thread comes first.
  static const int l = measure_level();
  return l;
}
#else
int level() { return 0; }
#endif

// The last-level cache that one core reaches.  sysconf() adds up the caches of all cores on some machines, so
// the kernel's own description is read.
std::ptrdiff_t measure_past_cache_from() {
  long kib = 0;
#if defined(__linux__)
  if (std::FILE* file = std::fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r")) {
    if (std::fscanf(file, "%ldK", &kib) != 1) kib = 0;
    std::fclose(file);
  }
#endif
  return kib > 0 ? std::ptrdiff_t(kib) * 1024 : PTRDIFF_MAX;  // unknown: never
}
}  // namespace

int count() noexcept { return int(sizeof(tables) / sizeof(tables[0])); }
int units() noexcept { return int(sizeof(tables[0]) / sizeof(tables[0][0])); }
const kernel_table& table(int isa, int unit) noexcept { return *tables[isa][unit]; }
const char* name(int isa) noexcept { return names[isa]; }
bool is_emulated(const char* isa) noexcept { return !std::strncmp(isa, "isa_emulated", 12); }
// Asked before any code of a set runs: its tables are constants, so that reading them is safe.
bool supported(int i) noexcept { return i >= 0 && i < count() && needed_level(names[i]) <= level(); }
// The last that runs, but an emulated one only where nothing else has been found.
int choose(const char* const* sets, int n, int level) noexcept {
  int found = -1;
  for (int i = 0; i < n; ++i)
    if (needed_level(sets[i]) <= level && (found < 0 || !is_emulated(sets[i]))) found = i;
  return found;
}
int best() noexcept { return choose(names, count(), level()); }
int find(const char* isa) noexcept {
  for (int i = 0; i < count(); ++i)
    if (!std::strcmp(names[i], isa)) return i;
  return -1;
}
std::ptrdiff_t past_cache_from() noexcept {
  static const std::ptrdiff_t bytes = measure_past_cache_from();
  return bytes;
}
}  // namespace ufloss::dispatch
