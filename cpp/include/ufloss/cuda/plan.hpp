// How a call becomes launches of kernels: what every kind's plan is made of.
//
// Plain C++ of the host, without CUDA: the extension module plans for Python, launch.hpp for C++, the tests
// for the emulator, all by the same functions.  A plan holds no address, only how operands are aligned, so it
// can be kept and used again.
#pragma once
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>
#include "ufloss/cuda/words.hpp"
#include "ufloss/describe.hpp"

UFL_BEGIN
namespace gpu {

/// How numbers are stored.
enum class number : int { float16, bfloat16, float32, float64 };
inline int size_of(number type) { return type == number::float64 ? 8 : type == number::float32 ? 4 : 2; }
/// Its type, as kernels spell it.
inline const char* type_of(number type) {
  constexpr const char* names[] = {"ufloss::half", "ufloss::bfloat16", "float", "double"};
  return names[int(type)];
}

/// What a plan asks of the card; the defaults are what every card has.
struct device {
  int multiprocessors = 1;
  int major = 7, minor = 5;  ///< compute capability
  int threads_per_multiprocessor = 1024;
  int registers_per_multiprocessor = 65536;
  long long shared_per_block = 48 * 1024;  ///< bytes, with the kernel's consent to more than 48 KiB
  long long shared_per_multiprocessor = 64 * 1024;
};

/// An operand of a call: an array, or one number by value.
struct operand {
  long long address = 0;               ///< of its first element; only what it is modulo `alignment` counts
  const long long* strides = nullptr;  ///< in bytes, one a dimension; 0 repeats
  bool is_number = false;
  double value = 0;  ///< a number that the call's type has exactly
};
constexpr long long alignment = 16;

/// 8 bytes of arguments: a number, or an address relative to an operand's.
struct word {
  long long bits;
  int base;  ///< an operand by its place in the call, or one of these
};
constexpr int no_base = -1, workspace_base = -2;

/// One kernel's launch.
struct launch {
  std::string kernel;    ///< the type that device.hpp describes, as C++ spells it: names what is compiled
  std::string includes;  ///< the lines that define it
  int schedule = 0;      ///< which of a kind's kernels it is, for programs that are compiled beforehand
  unsigned grid[3] = {1, 1, 1}, block[3] = {warp_threads, 1, 1};
  unsigned cluster = 1;    ///< blocks of one, along x
  unsigned shared = 0;     ///< bytes of dynamic shared memory
  bool any_grid = false;   ///< do fewer blocks along x, whole clusters, the same work?  Then no more than
                           ///< fit at once
  int blocks_at_once = 1;  ///< on a multiprocessor, which the compiler is held to
  std::vector<word> words;

  void put(long long bits, int base = no_base) { words.push_back({bits, base}); }
  void put(double x) {
    long long bits;
    std::memcpy(&bits, &x, sizeof bits);
    put(bits);
  }
  /// What is handed to the kernel, as one struct by value.
  std::vector<long long> arguments(const long long* addresses, long long workspace = 0) const {
    std::vector<long long> all;
    all.reserve(words.size());
    for (const word& w : words)
      all.push_back(w.bits + (w.base >= 0 ? addresses[w.base] : w.base == workspace_base ? workspace : 0));
    return all;
  }
};
/// Launches in their order on one stream, and the device memory that they share meanwhile.
struct plan {
  std::vector<launch> launches;
  long long workspace = 0;  ///< bytes, aligned to 256
};

/// The name of the kernel in source_of.
constexpr const char* entry_name = "ufloss_kernel";
/// A translation unit with the kernel of a launch: for NVRTC, with -fmad=false.
inline std::string source_of(const launch& l) {
  std::string s = l.includes;
  s += "using kernel = " + l.kernel + ";\n";
  s += "extern \"C\" __global__ void __launch_bounds__(" + std::to_string(l.block[0]);
  if (l.blocks_at_once > 1) s += ", " + std::to_string(l.blocks_at_once);
  s +=
      ")\n" + std::string(entry_name) + "(const __grid_constant__ kernel::arguments a) { kernel::run(a); }\n";
  return s;
}

/// Bad input: the loss and what is wrong with it.
[[noreturn]] inline void refuse(const loss_info& loss, const std::string& what) {
  throw std::invalid_argument(std::string(loss.name) + ": " + what);
}

}  // namespace gpu
UFL_END
