// Every macro of the library, and the one place that looks at the compiler.  SPDX-License-Identifier:
// BSD-3-Clause
#pragma once

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "ufloss: compile without -ffast-math: limits, NaN and exact differences are part of the results"
#endif

// The namespace follows what the compiler may emit, so that two translation units built with different -m
// flags never share a definition: the linker keeps one copy of an inline function, and an AVX-512 copy would
// crash an older processor.
#if defined(UFL_ISA)  // set by hand, for a test
#elif defined(UFL_EMULATED)
#define UFL_ISA isa_emulated_512
#elif defined(UFL_EMULATED_GPU)
#define UFL_ISA isa_emulated_gpu
#elif defined(__CUDACC__)
#define UFL_ISA isa_cuda
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__)
#define UFL_ISA isa_x86_64_v4
#elif defined(__AVX512F__)
#error "ufloss: AVX-512 needs F, BW, CD, DQ and VL together (-march=x86-64-v4); leave AVX-512 out otherwise"
#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))
#define UFL_ISA isa_x86_64_v3
#elif defined(__AVX2__)
#define UFL_ISA isa_avx2_without_fma
#elif defined(__AVX__)
#define UFL_ISA isa_avx
#elif defined(__SSE4_2__)
#define UFL_ISA isa_x86_64_v2
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define UFL_ISA isa_neon
#elif defined(__SSE2__)
#define UFL_ISA isa_sse2
#else
#define UFL_ISA isa_scalar
#endif

// Constant expressions, also for the run-time compiler, which has no __builtin_inf.
#if defined(__CUDACC_RTC__)
#define UFL_INF __builtin_bit_cast(double, 0x7ff0000000000000ull)
#define UFL_NAN __builtin_bit_cast(double, 0x7ff8000000000000ull)
#else
#define UFL_INF __builtin_inf()
#define UFL_NAN __builtin_nan("")
#endif

// Inline, so that users write ufloss::huber_loss whatever the instruction set.
#define UFL_BEGIN    \
  namespace ufloss { \
  inline namespace UFL_ISA {
#define UFL_END \
  }             \
  }

// Inlined by force: a formula is many small functions of packs, which calls would send through memory.
// inlined everywhere, packs of loops and every kernel of every loss would compile for many minutes
#if defined(UFL_EMULATED) || defined(UFL_EMULATED_GPU)
#define UFL_FN inline
#elif defined(__CUDACC__)
#define UFL_FN __host__ __device__ inline __attribute__((always_inline))
#elif defined(_MSC_VER) && !defined(__clang__)
#define UFL_FN __forceinline
#else
#define UFL_FN inline __attribute__((always_inline))
#endif

// A function that formulas call and that is not worth a copy for each of them.
#if defined(__CUDACC__)
#define UFL_FN_NOINLINE __host__ __device__ __attribute__((noinline))
#else
#define UFL_FN_NOINLINE UFL_NOINLINE
#endif

// Behind a lambda's parameters: packs handed to a function that is not inlined travel through memory.
#if defined(_MSC_VER) && !defined(__clang__)
#define UFL_INLINE
#define UFL_UNLIKELY(x) (x)
#define UFL_NOINLINE __declspec(noinline)
#define UFL_RESTRICT __restrict
#define UFL_UNROLL
#define UFL_PREFETCH(p) ((void)(p))
#else
#if defined(UFL_EMULATED) || defined(UFL_EMULATED_GPU)
#define UFL_INLINE
#else
#define UFL_INLINE __attribute__((always_inline))
#endif
// Around tests of whole packs: the rare way is laid out behind the loop.
#define UFL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define UFL_NOINLINE __attribute__((noinline))
#define UFL_RESTRICT __restrict__
#define UFL_PREFETCH(p) __builtin_prefetch(p)
#if defined(UFL_EMULATED_GPU) || (defined(__CUDACC__) && !defined(__CUDA_ARCH__))
#define UFL_UNROLL  // of host code that nvcc reads, no pragma pleases both of its compilers
#elif defined(__clang__) || defined(__CUDA_ARCH__)
#define UFL_UNROLL _Pragma("unroll")
#else
#define UFL_UNROLL \
  _Pragma("GCC unroll 32")  // accumulators in an array stay in registers only if every index is a constant
#endif
#endif

// Kernels, for the threads of a GPU.  UFL_EMULATED_GPU: they run on the CPU, by cuda/emulator.hpp; one scalar
// is what a thread holds, and fma has one rounding whatever the processor.
#if defined(__CUDACC__)
#define UFL_DEVICE __device__ inline __attribute__((always_inline))
// by one warp of many, which then keep what they hold in registers
#define UFL_DEVICE_CALLED __device__ __attribute__((noinline))
#define UFL_KERNEL(threads) __global__ void __launch_bounds__(threads)
#else
#define UFL_DEVICE inline
#define UFL_DEVICE_CALLED UFL_NOINLINE
#endif
#if defined(__CUDA_ARCH__)
#define UFL_ROLLED _Pragma("unroll 1")  // else a loop over the grid counts its trips by a division of 64 bits
#else
#define UFL_ROLLED
#endif

// One rounding for a * b + c.  Without the instruction the vocabulary multiplies and adds, and keeps the
// product's error by hand where it matters.
// MSVC has no macro of its own for it: /arch:AVX2 allows both.
#if defined(__CUDACC__) || defined(UFL_EMULATED_GPU) || defined(__FMA__) || defined(__aarch64__) || \
    (defined(_MSC_VER) && defined(__AVX2__))
#define UFL_HAS_FMA 1
#else
#define UFL_HAS_FMA 0
#endif

// Which intrinsics the packs may use.  UFL_EMULATED: none, packs are xsimd's emulated ones, so that any
// machine runs the code paths of the widest registers, under sanitizers too.
#if defined(__AVX512F__) && !defined(UFL_EMULATED)
#define UFL_AVX512F 1
#else
#define UFL_AVX512F 0
#endif
// Wide registers are worth using in part, and so emulated ones take the same ways.
#if UFL_AVX512F || defined(UFL_EMULATED)
#define UFL_PARTIAL_PACKS 1
#else
#define UFL_PARTIAL_PACKS 0
#endif
#if defined(__AVX2__) && !defined(UFL_EMULATED)
#define UFL_AVX2 1
#else
#define UFL_AVX2 0
#endif
#if defined(__AVX__) && !defined(UFL_EMULATED)
#define UFL_AVX 1
#else
#define UFL_AVX 0
#endif
#if defined(__SSE2__) && !defined(UFL_EMULATED)
#define UFL_SSE2 1
#else
#define UFL_SSE2 0
#endif
#if defined(__ARM_NEON) && defined(__aarch64__) && !defined(UFL_EMULATED)
#define UFL_NEON 1
#else
#define UFL_NEON 0
#endif
#if defined(UFL_EMULATED)
// xsimd reads these, so this header comes before it.
#define XSIMD_WITH_EMULATED 1
#define XSIMD_DEFAULT_ARCH emulated<512>
#endif

// Where the floating-point flags of packs are.
#if defined(__SSE2__)
#define UFL_SSE2_FLAGS 1
#else
#define UFL_SSE2_FLAGS 0
#endif

// Names that carry the instruction set's.
#define UFL_JOIN_(a, b) a##b
#define UFL_JOIN(a, b) UFL_JOIN_(a, b)
#define UFL_TEXT_(a) #a
#define UFL_TEXT(a) UFL_TEXT_(a)

// Sanitizers that are told of the pieces of an arena.
#if defined(__SANITIZE_ADDRESS__)
#define UFL_RED_ZONES 1
#elif defined(__has_feature)
// In a block of its own: GCC before 14 does not know the operator, and would fail to read it in one line.
#if __has_feature(address_sanitizer)
#define UFL_RED_ZONES 1
#endif
#if __has_feature(memory_sanitizer)
#define UFL_TRACK_WRITES 1
#endif
#endif
#if !defined(UFL_RED_ZONES)
#define UFL_RED_ZONES 0
#endif
#if !defined(UFL_TRACK_WRITES)
#define UFL_TRACK_WRITES 0
#endif

// SIMD packs need xsimd on the include path; without it, and on a GPU, a pack is one scalar.
#if !defined(UFL_HAS_XSIMD)
#if defined(__CUDACC__) || defined(UFL_EMULATED_GPU) || defined(UFL_NO_XSIMD)
#define UFL_HAS_XSIMD 0
#elif __has_include(<xsimd/xsimd.hpp>)
#define UFL_HAS_XSIMD 1
#else
#define UFL_HAS_XSIMD 0
#endif
#endif
