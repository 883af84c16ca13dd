// Elementwise losses over strided arrays: it knows strides and packs, never a formula.
//
// - One kernel a loss, output and type runs on contiguous data, whole packs only.  Everything else is brought
//   into that form: strided operands and float16 are gathered into a buffer on the stack, a broadcast operand
//   is one pack that is read again and again, and the tail is one padded pack.  So a result cannot depend on
//   layout or position, and the code stays small.
// - Every operand of a pack is loaded before any result is stored: an output may be an input.
// - Results of arrays beyond the last-level cache are stored past it, which saves reading the lines that will
//   be overwritten, where the arithmetic is light; beside heavy arithmetic such stores were slower.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include "ufloss/loss.hpp"
#include "ufloss/memory/strided.hpp"

UFL_BEGIN

constexpr int max_operands = 9;
/// Of bytes of operands: stores go through the cache, however large they are.
constexpr std::ptrdiff_t never = PTRDIFF_MAX;

/// n is a multiple of the pack; step[a] is the pack's size, or 0 to read the same pack again.  past_cache:
/// outputs are aligned to 64 bytes and will not be read soon.
template <class T>
using kernel = void (*)(const T* const* in, const std::ptrdiff_t* step, T* const* out, std::ptrdiff_t n,
                        bool past_cache);

template <class L, unsigned Parts, class T> struct elementwise_kernel {
  template <std::size_t... I>
  static UFL_FN void loop(const T* const* in, const std::ptrdiff_t* step, T* const* out, std::ptrdiff_t n,
                          bool past_cache, std::index_sequence<I...>) {
    // Copies that no store of a pack can change, so that they stay in registers.
    const T* p[] = {in[I]...};
    const std::ptrdiff_t s[] = {step[I]...};
    T* o[count_parts(Parts)];
    for (int b = 0; b < count_parts(Parts); ++b) o[b] = out[b];
    for (std::ptrdiff_t i = 0; i < n; i += lanes<T>) {
      const auto j = evaluate<L>(load(p[I])...);
      ((p[I] += s[I]), ...);
      int k = 0;
      const auto put = [&](native<T> v) UFL_INLINE {
        if (past_cache) store_past_cache(v, o[k++] + i);
        else store(v, o[k++] + i);
      };
      if constexpr (Parts & part_value) put(j.value);
      if constexpr (Parts & part_grad) put(j.grad);
      if constexpr (Parts & part_grad2) put(j.grad2);
      if constexpr (Parts & part_hess) put(j.hess);
      if constexpr (Parts & part_bound) put(j.hess_bound);
    }
  }
  static UFL_NOINLINE void run(const T* const* in, const std::ptrdiff_t* step, T* const* out,
                               std::ptrdiff_t n, bool past_cache) {
    loop(in, step, out, n, past_cache, std::make_index_sequence<arity<L>>{});
  }
};

/// What of the stack the operands share; threads may have as little as 96 KiB in all, and a reduction keeps
/// its own beside it.
constexpr std::ptrdiff_t gathered_bytes = 20 * 1024;
/// Operands of any stride or storage, a block at a time through buffers; steps in bytes.
template <class S>
UFL_NOINLINE void run_gathered(kernel<typename storage<S>::compute> f, int nin, int nout, char* const* args,
                               const std::ptrdiff_t* steps, std::ptrdiff_t n, bool ends_in_bound) {
  using T = typename storage<S>::compute;
  constexpr std::ptrdiff_t width = lanes<T>;
  constexpr std::ptrdiff_t most = 4096 / sizeof(T);
  constexpr std::ptrdiff_t whole = gathered_bytes / sizeof(T);
  alignas(64) T room[whole];
  // A pack is left between two buffers.
  const std::ptrdiff_t share = whole / (nin + nout) / width * width - width;
  const std::ptrdiff_t block = share < most ? share : most;
  // Not a page apart, where addresses would look alike to the processor.
  const auto buffer = [&](int a) UFL_INLINE { return room + a * (block + width); };
  const T* in[max_operands];
  T* out[max_operands];
  std::ptrdiff_t step[max_operands];
  for (int a = 0; a < nin; ++a) {
    in[a] = buffer(a);
    step[a] = steps[a] == 0 ? 0 : width;
    if (steps[a] == 0) store(native<T>(storage<S>::get(*reinterpret_cast<const S*>(args[a]))), buffer(a));
  }
  for (int b = 0; b < nout; ++b) out[b] = buffer(nin + b);
  for (std::ptrdiff_t i = 0; i < n; i += block) {
    const std::ptrdiff_t m = n - i < block ? n - i : block, padded = (m + width - 1) / width * width;
    for (int a = 0; a < nin; ++a) {
      if (steps[a] == 0) continue;
      const char* p = args[a] + i * steps[a];
      if (padded > m)  // pad with a valid element
        store(native<T>(storage<S>::get(*reinterpret_cast<const S*>(p))), buffer(a) + padded - width);
      gather<S>(buffer(a), p, steps[a], m);
    }
    f(in, step, out, padded, false);
    // A positive bound may round to 0 in the narrower type.
    if constexpr (sizeof(S) < sizeof(T))
      if (ends_in_bound) keep_positive<S>(out[nout - 1], m);
    for (int b = 0; b < nout; ++b) scatter<S>(out[b], args[nin + b] + i * steps[nin + b], steps[nin + b], m);
  }
}

/// Runs a kernel over operands of storage type S, nin inputs before nout outputs, steps in bytes.  Arrays of
/// more than `past_cache_from` bytes in all are stored past the cache.
template <class S>
UFL_NOINLINE void run_strided(kernel<typename storage<S>::compute> f, int nin, int nout, char* const* args,
                              const std::ptrdiff_t* steps, std::ptrdiff_t n, std::ptrdiff_t past_cache_from,
                              bool ends_in_bound = false) {
  using T = typename storage<S>::compute;
  constexpr std::ptrdiff_t width = lanes<T>, size = sizeof(S);
  const int operands = nin + nout;
  bool in_place = sizeof(S) == sizeof(T);  // arrays can be used as they lie
  for (int a = 0; a < nin; ++a) in_place &= steps[a] == size || steps[a] == 0;
  for (int a = nin; a < operands; ++a) in_place &= steps[a] == size;
  if (!in_place) return run_gathered<S>(f, nin, nout, args, steps, n, ends_in_bound);
  if constexpr (sizeof(S) == sizeof(T)) {
    // One pack of each operand: broadcast ones, and what fills no pack.
    alignas(64) T edge[max_operands][width];
    const T* in[max_operands];
    T* out[max_operands];
    std::ptrdiff_t step[max_operands];
    const auto data = [&](int a) { return reinterpret_cast<T*>(args[a]); };
    for (int a = 0; a < nin; ++a) {
      step[a] = steps[a] == 0 ? 0 : width;
      if (steps[a] == 0) store(native<T>(*data(a)), edge[a]);
      in[a] = edge[a];
    }
    // By a pack of its own, so that the end of an array has the bits that its middle would have.
    const auto some = [&](std::ptrdiff_t i, std::ptrdiff_t m) {  // m elements from i, fewer than a pack
      for (int a = 0; a < nin; ++a) {
        if (steps[a] != 0) store(load_some(data(a) + i, int(m)), edge[a]);
        in[a] = edge[a];
      }
      for (int a = nin; a < operands; ++a) out[a - nin] = edge[a];
      f(in, step, out, width, false);
      for (int a = nin; a < operands; ++a) store_some(load(edge[a]), data(a) + i, int(m));
    };
    // Up to three pieces: a lead that reaches an aligned address, whole packs, and the rest.
    std::ptrdiff_t i = 0;
    bool past_cache = can_store_past_cache<T> && n > past_cache_from / (operands * size) && n >= 64;
    if (past_cache) {
      const auto offset = [&](int a) {
        return std::ptrdiff_t(reinterpret_cast<std::uintptr_t>(args[a]) % 64);
      };
      // Stores past the cache need aligned addresses; outputs that lie differently cannot all have them.
      for (int a = nin + 1; a < operands; ++a) past_cache &= offset(a) == offset(nin);
      if (past_cache)  // up to an address that packs can be streamed to
        for (const std::ptrdiff_t lead = (64 - offset(nin)) % 64 / size; i < lead;) {
          const std::ptrdiff_t m = lead - i < width ? lead - i : width - 1;
          some(i, m);
          i += m;
        }
    }
    if (const std::ptrdiff_t whole = (n - i) / width * width) {
      for (int a = 0; a < nin; ++a)
        if (steps[a] != 0) in[a] = data(a) + i;
      for (int a = nin; a < operands; ++a) out[a - nin] = data(a) + i;
      f(in, step, out, whole, past_cache);
      if (past_cache) store_fence();
      i += whole;
    }
    if (i < n) some(i, n - i);
  }
}

/// Loss L, the parts of its jet in the order value, grad, grad2, hess, hess_bound; args: inputs, then
/// outputs, steps in bytes.
template <class L, unsigned Parts, class S>
UFL_FN void elementwise(char* const* args, const std::ptrdiff_t* steps, std::ptrdiff_t n,
                        std::ptrdiff_t past_cache_from = never) {
  static_assert((L::parts & Parts) == Parts, "the loss has no such derivative");
  static_assert(arity<L> + count_parts(Parts) <= max_operands, "raise max_operands");
  if (n <= 0) return;  // no operand is looked at
  // A reduction: NumPy puts every result where the next one's first argument lies.
  if constexpr (arity<L> == 2 && count_parts(Parts) == 1)
    if (n > 1 && (steps[2] == 0 || (args[2] == args[0] + steps[0] && steps[2] == steps[0]))) {
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        char* const one[] = {args[0] + i * steps[0], args[1] + i * steps[1], args[2] + i * steps[2]};
        elementwise<L, Parts, S>(one, steps, 1);
      }
      return;
    }
  run_strided<S>(elementwise_kernel<L, Parts, typename storage<S>::compute>::run, arity<L>,
                 count_parts(Parts), args, steps, n, L::properties & light ? past_cache_from : never,
                 (Parts & part_bound) != 0);
}

/// An array as C++ code hands it over; step counts elements, 0 repeats the first one.
template <class T> struct strided {
  T* data;
  std::ptrdiff_t step = 1;
};
/// Where the last type that nobody may write to stands among these; -1: nowhere.
template <class... T> constexpr int last_const() {
  int last = -1, k = 0;
  ((std::is_const_v<T> ? void(last = k++) : void(++k)), ...);
  return last;
}
/// map<huber_loss, part_value>(n, strided<float>{x}, strided<float>{y}, strided<float>{&delta, 0},
/// strided<float>{value})
template <class L, unsigned Parts, class T, class... U>
void map(std::ptrdiff_t n, strided<T> first, strided<U>... rest) {
  using S = std::remove_const_t<T>;
  static_assert(1 + sizeof...(rest) == std::size_t(arity<L> + count_parts(Parts)),
                "ufloss::map: one operand for each argument and each output");
  static_assert((std::is_same_v<S, std::remove_const_t<U>> && ...),
                "ufloss::map: all operands are of one type, const or not");
  static_assert(
      last_const<T, U...>() < arity<L>,
      "ufloss::map: an output is a strided<const T>; outputs follow the arguments and are written to");
  const auto address = [](auto o) { return reinterpret_cast<char*>(const_cast<S*>(o.data)); };
  char* const args[] = {address(first), address(rest)...};
  const std::ptrdiff_t steps[] = {std::ptrdiff_t(first.step * std::ptrdiff_t(sizeof(S))),
                                  std::ptrdiff_t(rest.step * std::ptrdiff_t(sizeof(S)))...};
  elementwise<L, Parts, S>(args, steps, n);
}

UFL_END
