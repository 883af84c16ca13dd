// Launches of kernels on the CPU, for tests without a GPU: device.hpp's functions by cooperative threads.
//
// - Threads of a block are fibers of one thread of the CPU.  They run one after another and change at
//   barriers and exchanges alone, so a mistake in their order shows the same way every time.
// - `order` says who goes first: 0 upwards, 1 downwards, any other number a permutation drawn anew for each
//   turn.  A kernel whose results depend on it lacks a barrier.
// - Shared memory is filled with 0xff, a NaN of every type; writes behind it are noticed.
// - A barrier or an exchange that some threads never come to, or come to elsewhere, is a std::runtime_error.
// - AddressSanitizer is told of the stacks, and sees accesses outside of shared and other memory.
//
// It knows nothing of what two threads see of each other's memory without a barrier between warps.
#pragma once
#include <setjmp.h>
#include <ucontext.h>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
#include "ufloss/cuda/plan.hpp"
#if UFL_RED_ZONES
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(_FORTIFY_SOURCE) && _FORTIFY_SOURCE > 0
#error "ufloss: the emulator jumps between stacks: compile it with -U_FORTIFY_SOURCE"
#endif

UFL_BEGIN
namespace gpu::emulator {

enum class scope { warp, block, cluster };
enum class state { ready, waits, done };
/// Where a thread is.
struct place {
  unsigned thread, threads, block[3], grid[3];
  unsigned char* shared;
};
struct fiber {
  place where{};
  state now = state::done;
  scope waits_for = scope::warp;
  int action = 0;  ///< what it does there: all must do the same
  std::uint64_t sent[2] =
      {};  ///< of this exchange and the one before, which a neighbour may not have read yet
  int exchanges = 0;
  bool started = false;
  ucontext_t start{};
  jmp_buf resume{};
  std::unique_ptr<char[]> stack;
  void* fake_stack = nullptr;  ///< AddressSanitizer's
};

constexpr std::size_t stack_bytes = std::size_t(1) << 18;
constexpr std::size_t guard_bytes = UFL_RED_ZONES ? 0 : 64;
constexpr unsigned char poison = 0xff, guard = 0xa5;

struct machine {
  std::vector<std::unique_ptr<fiber>> fibers;
  fiber* current = nullptr;
  std::function<void()> body;
  std::vector<std::unique_ptr<unsigned char[]>> shared;  ///< of each block of the cluster
  std::exception_ptr thrown;
  jmp_buf scheduler{};
  const void* scheduler_stack = nullptr;
  std::size_t scheduler_stack_bytes = 0;
};
inline machine the_machine;

// --- switching -----
#if UFL_RED_ZONES
inline void leave_stack(void** fake, const void* to, std::size_t bytes) {
  __sanitizer_start_switch_fiber(fake, to, bytes);
}
inline void arrive(void* fake, const void** from, std::size_t* bytes) {
  __sanitizer_finish_switch_fiber(fake, from, bytes);
}
#else
inline void leave_stack(void**, const void*, std::size_t) {}
inline void arrive(void*, const void**, std::size_t*) {}
#endif
// _setjmp and _longjmp, since swapcontext asks the kernel for the mask of signals twice a switch.
inline UFL_NOINLINE void go_to_scheduler() {
  machine& m = the_machine;
  fiber& me = *m.current;
  leave_stack(&me.fake_stack, m.scheduler_stack, m.scheduler_stack_bytes);
  if (_setjmp(me.resume) == 0) _longjmp(the_machine.scheduler, 1);
  arrive(the_machine.current->fake_stack, &the_machine.scheduler_stack, &the_machine.scheduler_stack_bytes);
}
/// A fiber's life: a thread, and another one once that has returned.
inline void live() {
  arrive(nullptr, &the_machine.scheduler_stack, &the_machine.scheduler_stack_bytes);
  for (;;) {
    try {
      the_machine.body();
    } catch (...) {
      the_machine.thrown = std::current_exception();
    }
    the_machine.current->now = state::done;
    go_to_scheduler();
  }
}
inline UFL_NOINLINE void go_to(fiber& f) {
  void* fake = nullptr;
  the_machine.current = &f;
  leave_stack(&fake, f.stack.get(), stack_bytes);
  if (_setjmp(the_machine.scheduler) == 0) {
    if (f.started) _longjmp(f.resume, 1);
    f.started = true;
    setcontext(&f.start);
  }
  arrive(fake, nullptr, nullptr);
}
inline std::unique_ptr<fiber> make_fiber() {
  auto f = std::make_unique<fiber>();
  f->stack.reset(new char[stack_bytes]);
  getcontext(&f->start);
  f->start.uc_stack.ss_sp = f->stack.get();
  f->start.uc_stack.ss_size = stack_bytes;
  makecontext(&f->start, live, 0);
  return f;
}

// --- what device.hpp calls, on a fiber -----
inline const place& here() { return the_machine.current->where; }
/// Until all threads of the scope have come to the same action.
inline void wait_for(scope s, int action) {
  fiber& me = *the_machine.current;
  me.now = state::waits;
  me.waits_for = s;
  me.action = action;
  go_to_scheduler();
}
/// x of that lane of the warp.
template <class T> T exchange(T x, int lane, int action) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t), "one number");
  fiber& me = *the_machine.current;
  const std::size_t first = me.where.thread / warp_threads * warp_threads;
  const std::size_t block_first = (me.where.block[0] % the_machine.shared.size()) * me.where.threads;
  const int slot = me.exchanges++ & 1;
  std::memcpy(&me.sent[slot], &x, sizeof x);
  wait_for(scope::warp, action);
  const fiber& other = *the_machine.fibers[block_first + first + std::size_t(lane % warp_threads)];
  std::memcpy(&x, &other.sent[slot], sizeof x);
  return x;
}
/// The shared memory of another block of the cluster.
inline unsigned char* shared_of(unsigned rank) { return the_machine.shared[rank].get(); }

// --- the scheduler -----
[[noreturn]] inline void fail(const std::string& what, const place& where) {
  throw std::runtime_error("ufloss::gpu::emulator: block " + std::to_string(where.block[0]) + ", thread " +
                           std::to_string(where.thread) + ": " + what);
}
/// Lets the threads of a warp, block or cluster go on where all of them wait for it.
inline bool release(std::size_t first, std::size_t count, scope s) {
  const auto& all = the_machine.fibers;
  std::size_t waiting = 0, done = 0;
  const fiber* waits = nullptr;
  for (std::size_t i = first; i < first + count; ++i) {
    const fiber& f = *all[i];
    done += f.now == state::done;
    if (f.now != state::waits || f.waits_for != s) continue;
    ++waiting;
    if (waits && waits->action != f.action) fail("its neighbours wait for something else", f.where);
    waits = &f;
  }
  if (waiting && done) fail("it waits for threads that have returned", waits->where);
  if (waiting < count) return false;
  for (std::size_t i = first; i < first + count; ++i) all[i]->now = state::ready;
  return true;
}
/// Who goes when: a permutation of n.
struct turns {
  std::vector<std::size_t> who;
  std::uint64_t seed;
  turns(std::size_t n, unsigned order) : who(n), seed(order) {
    for (std::size_t i = 0; i < n; ++i) who[i] = order == 1 ? n - 1 - i : i;
  }
  void draw() {
    if (seed < 2) return;
    for (std::size_t i = who.size(); i > 1; --i) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      std::swap(who[i - 1], who[(seed >> 33) % i]);
    }
  }
};
/// The blocks of one cluster, side by side, until all threads have returned.
inline void run_cluster(std::size_t threads, std::size_t blocks, turns& order) {
  auto& all = the_machine.fibers;
  const std::size_t n = threads * blocks;
  for (;;) {
    order.draw();
    bool moves = false, finished = true;
    for (const std::size_t i : order.who)
      if (all[i]->now == state::ready) {
        go_to(*all[i]);
        if (the_machine.thrown) std::rethrow_exception(the_machine.thrown);
        moves = true;
      }
    for (std::size_t i = 0; i < n; i += warp_threads) moves |= release(i, warp_threads, scope::warp);
    for (std::size_t b = 0; b < blocks; ++b) moves |= release(b * threads, threads, scope::block);
    moves |= release(0, n, scope::cluster);
    for (std::size_t i = 0; i < n; ++i) finished &= all[i]->now == state::done;
    if (finished) return;
    if (!moves) {
      const auto waits = std::find_if(all.begin(), all.end(), [](auto& f) { return f->now == state::waits; });
      fail("it waits for threads that wait for others", (*waits)->where);
    }
  }
}

struct shape {
  unsigned grid[3] = {1, 1, 1};
  unsigned threads = warp_threads, cluster = 1;
  std::size_t shared = 0;
};
/// Runs body(), which takes no argument, as every thread of every block.
inline void run(const shape& s, unsigned order, std::function<void()> body) {
  if (s.threads % warp_threads || s.threads > 1024 || s.cluster == 0 || s.grid[0] % s.cluster)
    throw std::runtime_error("ufloss::gpu::emulator: blocks are whole warps, a grid whole clusters");
  machine& m = the_machine;
  const std::size_t n = std::size_t(s.threads) * s.cluster;
  m.body = std::move(body);
  m.thrown = nullptr;
  turns who(n, order);
  try {
    while (m.fibers.size() < n) m.fibers.push_back(make_fiber());
    for (unsigned z = 0; z < s.grid[2]; ++z)
      for (unsigned y = 0; y < s.grid[1]; ++y)
        for (unsigned x = 0; x < s.grid[0]; x += s.cluster) {
          m.shared.clear();
          for (unsigned b = 0; b < s.cluster; ++b) {
            m.shared.emplace_back(new unsigned char[s.shared + guard_bytes]);
            std::memset(m.shared[b].get(), poison, s.shared);
            std::memset(m.shared[b].get() + s.shared, guard, guard_bytes);
          }
          for (std::size_t i = 0; i < n; ++i) {
            const unsigned b = unsigned(i / s.threads);
            fiber& f = *m.fibers[i];
            f.where = {unsigned(i % s.threads),
                       s.threads,
                       {x + b, y, z},
                       {s.grid[0], s.grid[1], s.grid[2]},
                       m.shared[b].get()};
            f.now = state::ready;
            f.exchanges = 0;
          }
          run_cluster(s.threads, s.cluster, who);
          for (const auto& memory : m.shared)
            for (std::size_t i = s.shared; i < s.shared + guard_bytes; ++i)
              if (memory[i] != guard) fail("its block wrote behind its shared memory", m.fibers[0]->where);
        }
  } catch (...) {
    m.fibers.clear();  // some stand in the middle of their work
    throw;
  }
}
/// A launch of kernel K over the operands at these addresses.
template <class K>
void run_kernel(const launch& l, const long long* addresses, unsigned order = 0, long long workspace = 0) {
  typename K::arguments a;
  const std::vector<long long> words = l.arguments(addresses, workspace);
  if (sizeof a != words.size() * sizeof(long long))
    throw std::runtime_error("ufloss::gpu::emulator: the plan's arguments are not those of " + l.kernel);
  std::memcpy(&a, words.data(), sizeof a);
  shape s;
  for (int d = 0; d < 3; ++d) s.grid[d] = l.grid[d];
  s.threads = l.block[0];
  s.cluster = l.cluster;
  s.shared = l.shared;
  run(s, order, [&a] { K::run(a); });
}

}  // namespace gpu::emulator
UFL_END
