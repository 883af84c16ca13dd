// Elementwise losses over strided arrays: it knows strides and packs, never a formula.
//
// Design:
// a) One kernel a loss, output and type runs on contiguous data, whole packs only.  Everything else is brought into that form: strided
//    operands and float16 are gathered into a buffer on the stack, a broadcast operand is one pack that is read again and again, and
//    the tail is one padded pack.  So a result cannot depend on layout or position, and the code stays small.
// b) Every operand of a pack is loaded before any result is stored: an output may be an input.
// c) Results of an array beyond the last-level cache are streamed past it, from the buffer, where the machine gains by that.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include "../core/half.hpp"
#include "../core/loss.hpp"

UFL_BEGIN

template <class L> constexpr int arity = int(sizeof(L::args) / sizeof(L::args[0]));
constexpr int count_parts(unsigned parts) { int n = 0; for (; parts; parts &= parts - 1) ++n; return n; }
constexpr int max_operands = 8;
constexpr std::ptrdiff_t never = PTRDIFF_MAX;

template <class T> using kernel = void (*)(const T* const* in, const std::ptrdiff_t* step, T* const* out, std::ptrdiff_t n);

/// n is a multiple of the pack; step[a] is the pack's size, or 0 to read the same pack again.
template <class L, unsigned Parts, class T> struct elementwise_kernel {
  template <std::size_t... I>
  static UFL_FN void loop(const T* const* in, const std::ptrdiff_t* step, T* const* out, std::ptrdiff_t n, std::index_sequence<I...>) {
    const T* p[] = {in[I]...};
    const std::ptrdiff_t s[] = {step[I]...};
    T* const o[] = {out[0], out[count_parts(Parts) > 1 ? 1 : 0], out[count_parts(Parts) > 2 ? 2 : 0]};
    for (std::ptrdiff_t i = 0; i < n; i += lanes<T>) {
      const auto j = L::template eval<native<T>>(load(p[I])...);
      ((p[I] += s[I]), ...);
      int k = 0;
      if constexpr (Parts & part_value) store(j.value, o[k++] + i);
      if constexpr (Parts & part_grad) store(j.grad, o[k++] + i);
      if constexpr (Parts & part_grad2) store(j.grad2, o[k++] + i);
      if constexpr (Parts & part_hess) store(j.hess, o[k++] + i);
      if constexpr (Parts & part_bound) store(j.hess_bound, o[k++] + i);
    }
  }
  static UFL_NOINLINE void run(const T* const* in, const std::ptrdiff_t* step, T* const* out, std::ptrdiff_t n) {
    loop(in, step, out, n, std::make_index_sequence<arity<L>>{});
  }
};

// How a stored type is computed and moved.
template <class S> struct storage { using compute = S; static UFL_FN S get(S x) { return x; } static UFL_FN S put(S x) { return x; } };
template <> struct storage<half> { using compute = float; static UFL_FN float get(half x) { return to_float(x); } static UFL_FN half put(float x) { return to_half(x); } };

template <class S, class T> UFL_FN void gather(T* UFL_RESTRICT to, const char* from, std::ptrdiff_t step, std::ptrdiff_t n) {
  if (step == std::ptrdiff_t(sizeof(S)))
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = storage<S>::get(reinterpret_cast<const S*>(from)[i]);
  else
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = storage<S>::get(*reinterpret_cast<const S*>(from + i * step));
}
template <class S, class T> UFL_FN void scatter(const T* UFL_RESTRICT from, char* to, std::ptrdiff_t step, std::ptrdiff_t n) {
  if (step == std::ptrdiff_t(sizeof(S)))
    for (std::ptrdiff_t i = 0; i < n; ++i) reinterpret_cast<S*>(to)[i] = storage<S>::put(from[i]);
  else
    for (std::ptrdiff_t i = 0; i < n; ++i) *reinterpret_cast<S*>(to + i * step) = storage<S>::put(from[i]);
}

/// Runs a kernel over operands of storage type S, nin inputs before nout outputs, steps in bytes.  Arrays of more than `stream_from`
/// bytes in all are written past the cache.
template <class S> UFL_NOINLINE void run_strided(kernel<typename storage<S>::compute> f, int nin, int nout, char* const* args, const std::ptrdiff_t* steps,
                                                 std::ptrdiff_t n, std::ptrdiff_t stream_from) {
  using T = typename storage<S>::compute;
  constexpr std::ptrdiff_t width = lanes<T>, block = 4096 / sizeof(T), size = sizeof(S);
  constexpr bool same = sizeof(S) == sizeof(T);                     // arrays can be used in place
  alignas(64) T buffer[max_operands][block];
  const T* in[max_operands];
  T* out[max_operands];
  std::ptrdiff_t step[max_operands];
  const int operands = nin + nout;
  bool in_place = same;
  for (int a = 0; a < nin; ++a) {
    step[a] = steps[a] == 0 ? 0 : width;
    if (steps[a] == 0) {                                             // one pack, all lanes alike
      store(native<T>(storage<S>::get(*reinterpret_cast<const S*>(args[a]))), buffer[a]);
      in[a] = buffer[a];
    } else in_place &= steps[a] == size;
  }
  for (int a = nin; a < operands; ++a) in_place &= steps[a] == size;
  // elements i .. i + m; every operand through its buffer, or (m is whole packs then) those that need it
  const auto part = [&](std::ptrdiff_t i, std::ptrdiff_t m, bool buffered, bool stream) {
    const std::ptrdiff_t padded = (m + width - 1) / width * width;
    for (int a = 0; a < nin; ++a) {
      if (steps[a] == 0) continue;
      const char* p = args[a] + i * steps[a];
      if (same && steps[a] == size && !buffered) { in[a] = reinterpret_cast<const T*>(p); continue; }
      if (padded > m) store(native<T>(storage<S>::get(*reinterpret_cast<const S*>(p))), buffer[a] + padded - width);
      gather<S>(buffer[a], p, steps[a], m);
      in[a] = buffer[a];
    }
    for (int a = nin; a < operands; ++a)
      out[a - nin] = same && steps[a] == size && !buffered && !stream ? reinterpret_cast<T*>(args[a] + i * steps[a]) : buffer[a];
    f(in, step, out, padded);
    for (int a = nin; a < operands; ++a) {
      char* p = args[a] + i * steps[a];
      if (out[a - nin] != buffer[a]) continue;
      if (stream && reinterpret_cast<std::uintptr_t>(p) % 64 == 0)
        for (std::ptrdiff_t k = 0; k < m; k += width) stream_past_cache(load(buffer[a] + k), reinterpret_cast<T*>(p) + k);
      else scatter<S>(buffer[a], p, steps[a], m);
    }
  };
  std::ptrdiff_t i = 0;
  if (in_place && can_stream<T> && n > stream_from / (operands * size)) {
    const std::ptrdiff_t lead = std::ptrdiff_t((64 - reinterpret_cast<std::uintptr_t>(args[nin]) % 64) % 64) / size;
    if (lead) part(0, lead, true, false);
    for (i = lead; i + block <= n; i += block) part(i, block, false, true);
    stream_fence();
  }
  if (const std::ptrdiff_t whole = (n - i) / width * width; in_place && whole) {
    part(i, whole, false, false);
    i += whole;
  }
  for (; n - i >= width; ) {
    const std::ptrdiff_t m = n - i < block ? (n - i) / width * width : block;
    part(i, m, false, false);
    i += m;
  }
  if (i < n) part(i, n - i, true, false);
}

/// Loss L, the parts of its jet in the order value, grad, grad2, hess, hess_bound; args: inputs, then outputs, steps in bytes.
template <class L, unsigned Parts, class S> UFL_FN void elementwise(char* const* args, const std::ptrdiff_t* steps, std::ptrdiff_t n, std::ptrdiff_t stream_from = never) {
  static_assert((L::parts & Parts) == Parts, "the loss has no such derivative");
  run_strided<S>(elementwise_kernel<L, Parts, typename storage<S>::compute>::run, arity<L>, count_parts(Parts), args, steps, n, stream_from);
}

/// An array as C++ code hands it over; step counts elements, 0 repeats the first one.
template <class T> struct strided {
  T* data;
  std::ptrdiff_t step = 1;
};
/// map<huber_loss, part_value | part_grad>(n, {x}, {y}, {&delta, 0}, {value}, {grad})
template <class L, unsigned Parts, class T, class... Operand> void map(std::ptrdiff_t n, strided<T> first, Operand... rest) {
  using S = std::remove_const_t<T>;
  static_assert(1 + sizeof...(rest) == std::size_t(arity<L> + count_parts(Parts)), "one operand for each argument and each output");
  const auto address = [](auto o) { return reinterpret_cast<char*>(const_cast<S*>(o.data)); };
  char* const args[] = {address(first), address(rest)...};
  const std::ptrdiff_t steps[] = {std::ptrdiff_t(first.step * std::ptrdiff_t(sizeof(S))), std::ptrdiff_t(rest.step * std::ptrdiff_t(sizeof(S)))...};
  elementwise<L, Parts, S>(args, steps, n);
}

UFL_END
