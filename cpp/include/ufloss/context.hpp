// What a loop is told of the program around it: the first argument of every loop, which has no globals.
#pragma once
#include <cstddef>
#include <cstdint>
#include "ufloss/config.hpp"

namespace ufloss {

/// Why a loop computed nothing.
enum class fault_kind : int {
  none,
  no_memory,
  empty_axis,      ///< there is no class, and a loss of none has no value
  label,           ///< `value` is none of `limit` classes
  label_is_blank,  ///< of CTC: label `value` is the class that stands for none
  blank,           ///< `value` is none of `limit` classes
  logit_length,    ///< `value` is negative, or more than `limit` frames
  label_length,    ///< `value` is negative, or more than `limit` labels
};
/// `none` is the only kind that means success; numbers beside it are as the caller gave them.
struct fault {
  fault_kind kind = fault_kind::none;
  long long value = 0, limit = 0;
  std::ptrdiff_t item = -1;  ///< of the call, as far as the loop says which
};

/// What long work gives away, so that other threads have their turn.  Null: there is none.
struct lock {
  void* (*release)() = nullptr;
  void (*restore)(void*) = nullptr;
};

/// Items [from, to) of a call; what went wrong with the first of them with which anything did.
using piece_of_work = fault(void* data, std::ptrdiff_t from, std::ptrdiff_t to);
/// Who runs the pieces of a call: all items [0, n), in any number of pieces, at the same time if it likes.
/// The fault of the lowest piece that has one.
struct executor {
  fault (*run)(const executor&, std::ptrdiff_t n, piece_of_work* piece, void* data);
};
inline fault run_at_once(const executor&, std::ptrdiff_t n, piece_of_work* piece, void* data) {
  return piece(data, 0, n);
}
/// The calling thread, all items in one piece.
constexpr executor serial{run_at_once};

/// Made by the caller, once a call or once for all: a loop reads it and changes nothing.
struct context {
  const executor* workers = &serial;
  lock python{};
  /// Of a call that failed; null: nobody asks.
  void (*report)(const context&, const char* loss, const fault&) = nullptr;
  std::ptrdiff_t past_cache_from = PTRDIFF_MAX;  ///< bytes of operands from which results go past the cache

  /// fault f(from, to), over all of [0, n).
  template <class F> UFL_FN fault over(std::ptrdiff_t n, F f) const {
    const auto piece = [](void* data, std::ptrdiff_t from, std::ptrdiff_t to) {
      return (*static_cast<F*>(data))(from, to);
    };
    return workers->run(*workers, n, piece, &f);
  }
  /// What a loop returns; a fault is reported.
  UFL_FN int outcome(const char* loss, const fault& found) const {
    if (found.kind == fault_kind::none) return 0;
    if (report) report(*this, loss, found);
    return -1;
  }
};

/// Gives the lock away for as long as it lives, where the work is long.
class without_lock {
  const lock& held;
  void* const thread;

 public:
  UFL_FN without_lock(const context& c, bool is_long)
      : held(c.python), thread(is_long && held.release ? held.release() : nullptr) {}
  UFL_FN ~without_lock() {
    if (thread) held.restore(thread);
  }
  without_lock(const without_lock&) = delete;
  without_lock& operator=(const without_lock&) = delete;
};

/// A strided loop: inputs then outputs; n[0] items, then the lengths of the core dimensions; steps in bytes
/// from item to item of every operand, then those along the core dimensions of the operands that have any.
using strided_loop = int(const context&, char* const* args, const std::ptrdiff_t* n,
                         const std::ptrdiff_t* steps);

/// Of operands whose type the predictions choose; the last has predictions in float16 and results in float32.
enum loop_type { float16_loop, float32_loop, float64_loop, float16_to_float32_loop, loop_types };

}  // namespace ufloss
