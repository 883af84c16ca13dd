// Losses over all pairs of a batch or of two, as a gufunc's loop: batch by batch, of any strides.
#pragma once
#include "ufloss/kinds/pairs/contrast.hpp"
#include "ufloss/kinds/pairs/cross.hpp"
#include "ufloss/kinds/pairs/loss.hpp"

UFL_BEGIN

/// Bytes that batches() needs, at an address that is a multiple of 64, or arena::most where no memory has so
/// many; dims as NumPy hands them over: batches, vectors in each, numbers in each.
template <class L, unsigned Parts, class S> std::size_t batch_bytes(const std::ptrdiff_t* dims) {
  using T = typename storage<S>::compute;
  const std::ptrdiff_t n = size_of_axis(dims[1]), width = size_of_axis(dims[2]);
  arena count;
  count.take<char>(n);
  // The constructors only take pieces, so that building one without memory counts them.
  if constexpr (is_cross<L>) cross<L, T>(n, width, Parts, count);
  else contrast<L, T>(n, width, (Parts & part_grad) != 0, count);
  return count.used;
}

/// Which vectors or pairs take part: a copy of the mask, since another thread may write to it.
struct participants {
  const char* chosen;  ///< null: all do
  participants(const char* mask, std::ptrdiff_t step, std::ptrdiff_t n, arena& a) {
    char* const copy = a.take<char>(n);
    if (mask)
      for (std::ptrdiff_t r = 0; r < n; ++r) copy[r] = mask[r * step];
    chosen = mask ? copy : nullptr;
  }
  bool operator()(std::ptrdiff_t r) const { return !chosen || chosen[r] != 0; }
};
/// A gradient (b, d) to be written.
/// Row by row, in any order: contrast.hpp finds gradients in the order of labels.
template <class S> struct gradient_rows {
  using T = typename storage<S>::compute;
  char* to;
  std::ptrdiff_t row, core, n, width;
  void put(std::ptrdiff_t r, const T* g) const { scatter<S>(g, to + r * row, core, width); }
  void fill(std::ptrdiff_t r, T x) const {
    for (std::ptrdiff_t i = 0; i < width; ++i) scatter<S>(&x, to + r * row + i * core, 0, 1);
  }
  /// All but what `put` will write: 0 where a vector takes no part, and NaN where the value is.
  void fill_others(const participants& takes_part, double value) const {
    for (std::ptrdiff_t r = 0; r < n; ++r)
      if (!(value == value) || !takes_part(r)) fill(r, takes_part(r) ? T(value) : T(0));
  }
};

/// Operands as NumPy hands them over: vectors (b, d), labels (b), the temperature, a mask (b) where there is
/// one; then the value, the gradient (b, d), as far as they are among the parts.  What is masked out takes no
/// part, is not read, and has a gradient of 0.
template <class L, unsigned Parts, class S>
void batches_of(one_batch*, char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps,
                bool masked, char* workspace) {
  using T = typename storage<S>::compute;
  constexpr bool with_value = (Parts & part_value) != 0, with_rows = (Parts & part_grad) != 0;
  const int nin = arity<L> + masked, nout = count_parts(Parts);
  const std::ptrdiff_t n = dims[1],
                       width = dims[2], *const core = steps + nin + nout, *const out_core = core + 3 + masked;
  for (std::ptrdiff_t k = 0; k < dims[0]; ++k) {
    const auto at = [&](int operand) { return args[operand] + k * steps[operand]; };
    const char* const labels = at(1);
    const auto label_of = [&](std::ptrdiff_t r) {
      return *reinterpret_cast<const long long*>(labels + r * core[2]);
    };
    // Each batch has the same memory, from its start.
    arena a{workspace};
    const participants takes_part(masked ? at(3) : nullptr, masked ? core[3] : 0, n, a);
    contrast<L, T> pairs(n, width, with_rows, a);
    const double temperature = double(storage<S>::get(*reinterpret_cast<const S*>(at(2))));
    const double value =
        pairs.value(matrix_rows<S>{at(0), core[0], core[1]}, n, temperature, takes_part, label_of, with_rows);
    if constexpr (with_value) *reinterpret_cast<S*>(at(nin)) = storage<S>::put(T(value));
    if constexpr (with_rows) {
      // Outputs follow the inputs, and the gradient is the last of them.
      const gradient_rows<S> out{at(nin + nout - 1), out_core[0], out_core[1], n, width};
      out.fill_others(takes_part, value);
      if (value == value) pairs.gradient([&](std::ptrdiff_t r, const T* g) { out.put(r, g); });
    }
  }
}

/// Queries and keys (b, d), the temperature, a mask (b) where there is one; then the value, the gradients (b,
/// d) of queries and of keys, the slope in the temperature, as far as they are among the parts.  A pair that
/// is masked out takes no part, is not read, and has gradients of 0.
template <class L, unsigned Parts, class S>
void batches_of(two_batches*, char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps,
                bool masked, char* workspace) {
  using T = typename storage<S>::compute;
  const int nin = arity<L> + masked, nout = count_parts(Parts);
  const std::ptrdiff_t n = dims[1],
                       width = dims[2], *const core = steps + nin + nout, *const out_core = core + 4 + masked;
  for (std::ptrdiff_t k = 0; k < dims[0]; ++k) {
    const auto at = [&](int operand) { return args[operand] + k * steps[operand]; };
    arena a{workspace};
    const participants takes_part(masked ? at(3) : nullptr, masked ? core[4] : 0, n, a);
    cross<L, T> pairs(n, width, Parts, a);
    const double temperature = double(storage<S>::get(*reinterpret_cast<const S*>(at(2))));
    const double value = pairs.value(matrix_rows<S>{at(0), core[0], core[1]},
                                     matrix_rows<S>{at(1), core[2], core[3]}, n, temperature, takes_part);
    const bool is_number = value == value;
    int next = nin;
    const auto put_number = [&](double x) { *reinterpret_cast<S*>(at(next++)) = storage<S>::put(T(x)); };
    if constexpr ((Parts & part_value) != 0) put_number(value);
    gradient_rows<S> out[2];
    // Steps of the gradients that are there, one pair of them after the other.
    const std::ptrdiff_t* of_rows = out_core;
    for (int g = 0; g < 2; ++g) {
      if (!(Parts & (g ? part_grad2 : part_grad))) continue;
      out[g] = {at(next++), of_rows[0], of_rows[1], n, width};
      out[g].fill_others(takes_part, value);
      of_rows += 2;
    }
    if constexpr ((Parts & part_grad3) != 0) put_number(is_number ? pairs.temperature_slope() : value);
    if constexpr ((Parts & (part_grad | part_grad2)) != 0)
      if (is_number)
        pairs.gradients([&](std::ptrdiff_t r, const T* g) { out[0].put(r, g); },
                        [&](std::ptrdiff_t r, const T* g) { out[1].put(r, g); });
  }
}

/// By the form of the loss, an incomplete type that only overloads are chosen by.
template <class L, unsigned Parts, class S>
void batches(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked,
             char* workspace) {
  batches_of<L, Parts, S>(static_cast<typename L::form*>(nullptr), args, dims, steps, masked, workspace);
}

UFL_END
