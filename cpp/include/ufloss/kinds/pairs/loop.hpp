// Losses over all pairs of a batch, as a gufunc's loop: batch by batch, of any strides.
#pragma once
#include "ufloss/kinds/pairs/contrast.hpp"
#include "ufloss/kinds/pairs/loss.hpp"

UFL_BEGIN

/// Bytes that batches() needs, at an address that is a multiple of 64, or arena::most where no memory has so
/// many; dims as NumPy hands them over: batches, vectors in each, numbers in each.
template <class L, unsigned Parts, class S> std::size_t batch_bytes(const std::ptrdiff_t* dims) {
  arena count;
  count.take<char>(size_of_axis(dims[1]));
  contrast<L, typename storage<S>::compute>(size_of_axis(dims[1]), size_of_axis(dims[2]),
                                            (Parts & part_grad) != 0, count);
  return count.used;
}

/// Operands as NumPy hands them over: vectors (b, d), labels (b), the temperature, a mask (b) where there is
/// one; then the value, the gradient (b, d), as far as they are among the parts.  What is masked out takes no
/// part, is not read, and has a gradient of 0.
template <class L, unsigned Parts, class S>
void batches(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked,
             char* workspace) {
  using T = typename storage<S>::compute;
  constexpr bool with_value = (Parts & part_value) != 0, with_rows = (Parts & part_grad) != 0;
  const int nin = arity<L> + masked, nout = count_parts(Parts);
  const std::ptrdiff_t n = dims[1],
                       width = dims[2], *const core = steps + nin + nout, *const out_core = core + 3 + masked;
  for (std::ptrdiff_t k = 0; k < dims[0]; ++k) {
    const auto at = [&](int operand) { return args[operand] + k * steps[operand]; };
    const char *const labels = at(1), *const mask = masked ? at(3) : nullptr;
    const auto label_of = [&](std::ptrdiff_t r) {
      return *reinterpret_cast<const long long*>(labels + r * core[2]);
    };
    arena a{workspace};
    char* const chosen = a.take<char>(n);  // a copy: another thread may write to the mask
    if (mask)
      for (std::ptrdiff_t r = 0; r < n; ++r) chosen[r] = mask[r * core[3]];
    const auto takes_part = [&](std::ptrdiff_t r) { return !mask || chosen[r] != 0; };
    contrast<L, T> pairs(n, width, with_rows, a);
    const double temperature = double(storage<S>::get(*reinterpret_cast<const S*>(at(2))));
    const double value =
        pairs.value(matrix_rows<S>{at(0), core[0], core[1]}, n, temperature, takes_part, label_of, with_rows);
    if constexpr (with_value) *reinterpret_cast<S*>(at(nin)) = storage<S>::put(T(value));
    if constexpr (with_rows) {
      char* const to = at(nin + nout - 1);
      const auto fill = [&](std::ptrdiff_t r, T x) {
        for (std::ptrdiff_t i = 0; i < width; ++i)
          scatter<S>(&x, to + r * out_core[0] + i * out_core[1], 0, 1);
      };
      for (std::ptrdiff_t r = 0; r < n; ++r)
        if (!(value == value) || !takes_part(r)) fill(r, takes_part(r) ? T(value) : T(0));
      if (value == value)
        pairs.gradient(
            [&](std::ptrdiff_t r, const T* g) { scatter<S>(g, to + r * out_core[0], out_core[1], width); });
    }
  }
}

UFL_END
