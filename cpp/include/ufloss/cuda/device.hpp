// What a kernel needs of the machine: its place, its neighbours, shared memory, 16 bytes at a time.
//
// Kernels use these functions and nothing of CUDA's own, so that they run under emulator.hpp too.  Blocks lie
// along x and are whole warps.  All shared memory is dynamic: the plan says how much, and no limit of 48 KiB
// stands in the way.  A kernel is a type with `arguments`, a struct of members of 8 bytes, and
// `static UFL_DEVICE void run(const arguments&)`.
#pragma once
#include "ufloss/cuda/words.hpp"
#include "ufloss/vocabulary/half.hpp"
#if defined(UFL_EMULATED_GPU)
#include "ufloss/cuda/emulator.hpp"
#elif !defined(__CUDACC__)
#error "ufloss: kernels are compiled by nvcc, by NVRTC, or with UFL_EMULATED_GPU"
#endif

UFL_BEGIN
namespace gpu {

template <class S> using compute_t = typename storage<S>::compute;
/// Indices of a pack expansion: the run-time compiler has no <utility>.
template <int... I> struct indices {};
template <int N, int... I> struct indices_to : indices_to<N - 1, N - 1, I...> {};
template <int... I> struct indices_to<0, I...> {
  using type = indices<I...>;
};

template <class T> UFL_DEVICE T* at(address a) { return reinterpret_cast<T*>(a); }

#if defined(UFL_EMULATED_GPU)

inline unsigned thread() { return emulator::here().thread; }    ///< in its block
inline unsigned threads() { return emulator::here().threads; }  ///< of a block
inline unsigned block() { return emulator::here().block[0]; }
inline unsigned blocks() { return emulator::here().grid[0]; }
inline unsigned block_y() { return emulator::here().block[1]; }
inline unsigned block_z() { return emulator::here().block[2]; }

inline void sync_block() { emulator::wait_for(emulator::scope::block, 0); }
inline void sync_warp() { emulator::wait_for(emulator::scope::warp, 1); }
template <class T> T from_lane(T x, int lane) { return emulator::exchange(x, lane, 2); }
template <class T> T exchange_xor(T x, int distance) {
  return emulator::exchange(x, int(thread() % warp_threads) ^ distance, 2 + distance);
}
inline bool any_of_warp(bool x) {
  int any = x;
  for (int distance = warp_threads / 2; distance; distance /= 2) any |= exchange_xor(any, distance);
  return any != 0;
}
template <class M> M* shared_memory() { return reinterpret_cast<M*>(emulator::here().shared); }

template <class T> T load_once(const T* p) { return *p; }
template <class T> void store_once(T* p, T x) { *p = x; }

template <int Blocks> struct cluster {
  static unsigned rank() { return block() % Blocks; }
  static unsigned number() { return block() / Blocks; }
  static unsigned count() { return blocks() / Blocks; }
  static void sync() { emulator::wait_for(emulator::scope::cluster, 0); }
  template <class M> static M* of(M* own, unsigned rank) {
    const auto offset = reinterpret_cast<unsigned char*>(own) - emulator::here().shared;
    return reinterpret_cast<M*>(emulator::shared_of(rank) + offset);
  }
};

#else

UFL_DEVICE unsigned thread() { return threadIdx.x; }  ///< in its block
UFL_DEVICE unsigned threads() { return blockDim.x; }  ///< of a block
UFL_DEVICE unsigned block() { return blockIdx.x; }
UFL_DEVICE unsigned blocks() { return gridDim.x; }
UFL_DEVICE unsigned block_y() { return blockIdx.y; }
UFL_DEVICE unsigned block_z() { return blockIdx.z; }

// Every thread of the block, or of the warp, must come.
UFL_DEVICE void sync_block() { __syncthreads(); }
UFL_DEVICE void sync_warp() { __syncwarp(); }
/// Another lane's x, by its number, and by what it differs in.
template <class T> UFL_DEVICE T from_lane(T x, int lane) { return __shfl_sync(~0u, x, lane); }
template <class T> UFL_DEVICE T exchange_xor(T x, int distance) { return __shfl_xor_sync(~0u, x, distance); }
UFL_DEVICE bool any_of_warp(bool x) { return __any_sync(~0u, x); }

/// The block's dynamic shared memory, aligned to 16 bytes; of undefined contents.
template <class M> UFL_DEVICE M* shared_memory() {
  extern __shared__ __align__(16) unsigned char ufloss_shared_memory[];
  return reinterpret_cast<M*>(ufloss_shared_memory);
}

/// 16 bytes that are read or written once and not again soon.
template <class T> UFL_DEVICE T load_once(const T* p) {
  static_assert(sizeof(T) == 16, "a bunch");
  const int4 v = __ldcs(reinterpret_cast<const int4*>(p));
  return *reinterpret_cast<const T*>(&v);
}
template <class T> UFL_DEVICE void store_once(T* p, T x) {
  static_assert(sizeof(T) == 16, "a bunch");
  __stcs(reinterpret_cast<int4*>(p), *reinterpret_cast<const int4*>(&x));
}

/// Neighbouring blocks along x that reach each other's shared memory (from compute capability 9.0 on; one
/// block is a cluster everywhere).
template <int Blocks> struct cluster {
  static UFL_DEVICE unsigned rank() {
    unsigned r = 0;
    if (Blocks > 1) asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(r));
    return r;
  }
  static UFL_DEVICE unsigned number() { return blockIdx.x / Blocks; }
  static UFL_DEVICE unsigned count() { return gridDim.x / Blocks; }
  static UFL_DEVICE void sync() {
    if (Blocks == 1) __syncthreads();
    else asm volatile("barrier.cluster.arrive.aligned;\n\tbarrier.cluster.wait.aligned;" ::: "memory");
  }
  /// What lies in the shared memory of the block of that rank where `own` lies in this one's.
  template <class M> static UFL_DEVICE M* of(M* own, unsigned rank) {
    if (Blocks == 1) return own;
    unsigned long long to, from = reinterpret_cast<unsigned long long>(own);
    asm("mapa.u64 %0, %1, %2;" : "=l"(to) : "l"(from), "r"(rank));
    return reinterpret_cast<M*>(to);
  }
};

#endif

/// As many neighbouring threads of a warp as a row has virtual lanes; all groups of a warp take part in what
/// one does.
template <int N> struct group {
  static_assert(N <= warp_threads && (N & (N - 1)) == 0, "a part of a warp");
  static UFL_DEVICE int lane() { return int(thread() % N); }
  static UFL_DEVICE unsigned number() { return (block() * threads() + thread()) / N; }  ///< of all groups
  static UFL_DEVICE unsigned count() { return blocks() * threads() / N; }
  /// Lane i and lane i + N/2, and so on by halves: the tree of chunks::sum.  Every lane gets the sum, of the
  /// same bits.
  template <class T> static UFL_DEVICE T sum(T x) {
    UFL_UNROLL for (int distance = N / 2; distance; distance /= 2) x = x + exchange_xor(x, distance);
    return x;
  }
  template <class T> static UFL_DEVICE T largest(T x) {
    UFL_UNROLL for (int distance = N / 2; distance; distance /= 2) x = larger(x, exchange_xor(x, distance));
    return x;
  }
  /// A number where the other is NaN; of zeros of both signs either.
  template <class T> static UFL_DEVICE T larger(T a, T b) { return a < b || a != a ? b : a; }
};

/// 16 bytes of numbers, and as many as one access moves of smaller ones.
template <class S, int N = 16 / int(sizeof(S))> struct alignas(sizeof(S) * N) bunch {
  S v[N];
};

}  // namespace gpu
UFL_END
