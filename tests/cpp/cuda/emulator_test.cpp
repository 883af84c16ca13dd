// The emulator itself: what it must compute, and the faults it must see.
#include "../check.hpp"
#include "dice.hpp"
#include "ufloss/cuda/device.hpp"

using namespace ufloss;
using namespace ufloss::gpu;

namespace {

using emulator::shape;
constexpr unsigned orders[] = {0, 1, 2, 9};

/// Does it throw, and say this?
template <class F> void fails(const char* name, const char* says, const shape& s, F body) {
  for (const unsigned order : orders) {
    std::string said;
    try {
      emulator::run(s, order, body);
    } catch (const std::runtime_error& e) {
      said = e.what();
    }
    check(said.find(says) != std::string::npos, "%s, order %u: \"%s\"", name, order, said.c_str());
  }
}

template <int N> void sums_of_groups(unsigned order) {
  constexpr unsigned n = 2 * 3 * 64;
  double in[n], sum[n], largest[n];
  dice d{1};
  for (double& x : in) x = d.unit();
  emulator::run({{2, 3, 1}, 64}, order, [&] {
    const unsigned i = (block_y() * blocks() + block()) * threads() + thread();
    sum[i] = group<N>::sum(in[i]);
    largest[i] = group<N>::largest(i % N == 3 ? __builtin_nan("") : in[i]);
  });
  for (unsigned first = 0; first < n; first += N) {
    double tree[N], most = 0;
    for (int i = 0; i < N; ++i) {
      tree[i] = in[first + unsigned(i)];
      if (i != 3 && tree[i] > most) most = tree[i];
    }
    for (int half = N / 2; half; half /= 2)
      for (int i = 0; i < half; ++i) tree[i] += tree[i + half];
    for (unsigned i = first; i < first + N; ++i) {
      check(sum[i] == tree[0], "group<%d>::sum, order %u, thread %u", N, order, i);
      check(largest[i] == most, "group<%d>::largest, order %u, thread %u", N, order, i);
    }
  }
}

/// Each thread hands its number to the next one through shared memory, and writes the one it got.
void pass_on(int* out, bool with_barrier) {
  int* shared = shared_memory<int>();
  shared[thread()] = int(thread());
  if (with_barrier) sync_block();
  out[thread()] = shared[(thread() + 1) % threads()];
}

void shared_memory_is_passed_on(unsigned order) {
  int out[96];
  emulator::run({{1, 1, 1}, 96, 1, 96 * sizeof(int)}, order, [&] { pass_on(out, true); });
  for (int i = 0; i < 96; ++i) check(out[i] == (i + 1) % 96, "order %u: %d got %d", order, i, out[i]);
}
void a_missing_barrier_shows() {
  for (const unsigned order : orders) {
    int out[96], wrong = 0;
    emulator::run({{1, 1, 1}, 96, 1, 96 * sizeof(int)}, order, [&] { pass_on(out, false); });
    for (int i = 0; i < 96; ++i) wrong += out[i] == -1;
    check(wrong > 0, "order %u: no thread read what nobody had written", order);
  }
}
void shared_memory_is_poisoned_for_each_block() {
  int seen[4] = {};
  emulator::run({{4, 1, 1}, 32, 1, 4}, 0, [&] {
    if (thread() == 0) seen[block()] = *shared_memory<int>();
    *shared_memory<int>() = 5;
  });
  for (const int x : seen) check(x == -1, "a block sees %d", x);
}

/// Blocks of a cluster read each other's shared memory.
void clusters(unsigned order) {
  int out[6][64];
  emulator::run({{6, 1, 1}, 64, 3, 64 * sizeof(int)}, order, [&] {
    using c = cluster<3>;
    int* own = shared_memory<int>();
    own[thread()] = int(block() * 1000 + thread());
    c::sync();
    out[block()][thread()] = c::of(own, (c::rank() + 1) % 3)[63 - thread()];
    c::sync();
  });
  for (int b = 0; b < 6; ++b)
    for (int t = 0; t < 64; ++t)
      check(out[b][t] == (b / 3 * 3 + (b + 1) % 3) * 1000 + 63 - t, "order %u: block %d, thread %d: %d",
            order, b, t, out[b][t]);
}
void lanes_by_number(unsigned order) {
  int out[64], any[64];
  emulator::run({{1, 1, 1}, 64}, order, [&] {
    out[thread()] = from_lane(int(thread()), int(thread() + 5) % warp_threads);
    any[thread()] = any_of_warp(thread() == 40);
    sync_warp();
  });
  for (int t = 0; t < 64; ++t) {
    check(out[t] == t / 32 * 32 + (t + 5) % 32, "order %u: from_lane in thread %d: %d", order, t, out[t]);
    check(any[t] == (t >= 32), "order %u: any_of_warp in thread %d", order, t);
  }
}

void faults_are_seen() {
  fails("a barrier in half of the block", "threads that have returned", {{1, 1, 1}, 64}, [] {
    if (thread() < 32) sync_block();
  });
  fails("an exchange in half of a warp", "threads that have returned", {{1, 1, 1}, 32}, [] {
    if (thread() & 1) exchange_xor(1, 2);
  });
  fails("two exchanges at once", "something else", {{1, 1, 1}, 32},
        [] { exchange_xor(1, thread() & 1 ? 2 : 4); });
  fails("a warp and a block", "wait for others", {{1, 1, 1}, 32}, [] {
    if (thread() == 7) sync_block();
    else sync_warp();
  });
  fails("a cluster of which one block has left", "threads that have returned", {{2, 1, 1}, 32, 2}, [] {
    if (block() == 0) cluster<2>::sync();
  });
  fails("half a warp", "whole warps", {{1, 1, 1}, 48}, [] {});
  fails("half a cluster", "whole clusters", {{3, 1, 1}, 32, 2}, [] {});
  fails("an exception", "from a thread", {{1, 1, 1}, 64}, [] {
    sync_block();
    if (thread() == 33) throw std::runtime_error("from a thread");
  });
  if (emulator::guard_bytes)  // AddressSanitizer ends the program instead
    fails("a write behind shared memory", "behind its shared memory", {{2, 1, 1}, 32, 1, 128},
          [] { shared_memory<int>()[thread() + (thread() == 31)] = 1; });
}
/// After a fault, the next launch starts afresh.
void goes_on_after_faults() { shared_memory_is_passed_on(0); }

}  // namespace

int main() {
  for (const unsigned order : orders) {
    sums_of_groups<32>(order);
    sums_of_groups<16>(order);
    sums_of_groups<4>(order);
    shared_memory_is_passed_on(order);
    clusters(order);
    lanes_by_number(order);
  }
  a_missing_barrier_shows();
  shared_memory_is_poisoned_for_each_block();
  faults_are_seen();
  goes_on_after_faults();
  return report("emulator_test");
}
