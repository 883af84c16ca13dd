// Threads that work on one thing: a warp of a block, or the whole block.
#pragma once
#include "ufloss/cuda/device.hpp"

UFL_BEGIN
namespace gpu {

/// All functions but rank() are for all threads of the team, and what one wrote before, the others see after.
template <int Threads> struct team {
  static_assert(Threads % warp_threads == 0, "whole warps");
  static constexpr int warps = Threads / warp_threads;
  static UFL_DEVICE int rank() { return int(thread()) % Threads; }
  static UFL_DEVICE void sync() {
    if (warps == 1) sync_warp();
    else sync_block();
  }
  /// All x joined, which must give the same in any order; `room`: of `warps` numbers, shared by the team,
  /// that nobody uses meanwhile.
  template <class T, class F> static UFL_DEVICE T join(T x, T* room, F f) {
    UFL_UNROLL for (int distance = warp_threads / 2; distance; distance /= 2) x =
        f(x, exchange_xor(x, distance));
    if (warps == 1) {
      sync_warp();  // exchanges order no memory
      return x;
    }
    if (rank() % warp_threads == 0) room[rank() / warp_threads] = x;
    sync();
    x = room[0];
    for (int w = 1; w < warps; ++w) x = f(x, room[w]);
    sync();
    return x;
  }
  static UFL_DEVICE int sum(int x, int* room) {
    return join(x, room, [](int a, int b) { return a + b; });
  }
  static UFL_DEVICE int largest(int x, int* room) {
    return join(x, room, [](int a, int b) { return a < b ? b : a; });
  }
};

}  // namespace gpu
UFL_END
