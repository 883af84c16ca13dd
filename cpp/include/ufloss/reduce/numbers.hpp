// Numbers of any type as those of a loss: rounded as NumPy casts them, then as wide as they are computed in.
#pragma once
#include <type_traits>
#include "ufloss/memory/strided.hpp"
#include "ufloss/reduce/reduction.hpp"

UFL_BEGIN

/// Rounded once, although by way of float: its 24 bits are more than 2 beyond the 11 of a half.
inline half to_half(double x) { return to_half(rounded_to_odd(x)); }
/// A number in the type of a loss, as that computes it.
/// Integers go to float16 by way of float, as NumPy casts them.
template <class Kind, class From> typename storage<Kind>::compute as_kind(From x) {
  if constexpr (std::is_same_v<From, half>) return typename storage<Kind>::compute(to_float(x));
  else if constexpr (!std::is_same_v<Kind, half>) return Kind(x);
  else if constexpr (std::is_same_v<From, double>) return to_float(to_half(x));
  else return to_float(to_half(float(x)));
}

/// Numbers with steps of bytes between them, at any address, side by side.
using gather_numbers = void(void* to, const char* from, std::ptrdiff_t step, std::ptrdiff_t n);
template <class Kind, class From, class To>
void gather_as(void* to, const char* from, std::ptrdiff_t step, std::ptrdiff_t n) {
  To* const t = static_cast<To*>(to);
  const auto number = [](const char* p) UFL_INLINE {
    // Copied byte by byte: it may lie at any address.
    From x;
    __builtin_memcpy(&x, p, sizeof x);
    return To(as_kind<Kind>(x));
  };
  if (step == std::ptrdiff_t(sizeof(From)))
    for (std::ptrdiff_t i = 0; i < n; ++i) t[i] = number(from + i * std::ptrdiff_t(sizeof(From)));
  else
    for (std::ptrdiff_t i = 0; i < n; ++i) t[i] = number(from + i * step);
}
/// In the order of number_type; a boolean is read as a byte.
template <class Kind, class To>
constexpr gather_numbers* gathers[number_types] = {
    gather_as<Kind, std::uint8_t, To>,  gather_as<Kind, std::int8_t, To>,
    gather_as<Kind, std::int16_t, To>,  gather_as<Kind, std::int32_t, To>,
    gather_as<Kind, std::int64_t, To>,  gather_as<Kind, std::uint8_t, To>,
    gather_as<Kind, std::uint16_t, To>, gather_as<Kind, std::uint32_t, To>,
    gather_as<Kind, std::uint64_t, To>, gather_as<Kind, half, To>,
    gather_as<Kind, float, To>,         gather_as<Kind, double, To>};

/// Rounded to how results are stored, at any address.
template <class Kind, class From> UFL_FN void put_number(From x, char* to) {
  Kind rounded;
  if constexpr (std::is_same_v<Kind, half>) rounded = to_half(x);
  else rounded = Kind(x);
  __builtin_memcpy(to, &rounded, sizeof rounded);
}
template <class Kind, class From> UFL_FN void put_unless_finite(From x, char* to) {
  Kind stored;
  __builtin_memcpy(&stored, to, sizeof stored);
  const auto before = storage<Kind>::get(stored);
  if (!(before - before == 0)) put_number<Kind>(x, to);
}
/// The gradient's numbers to where they belong.  Those that are computed again in double replace only what is
/// not finite, so that a gradient depends on no neighbour in its block.
using scatter_numbers = void(const void* from, char* to, std::ptrdiff_t step, std::ptrdiff_t n);
template <class Kind, class From>
void scatter_as(const void* from, char* to, std::ptrdiff_t step, std::ptrdiff_t n) {
  const From* const f = static_cast<const From*>(from);
  constexpr std::ptrdiff_t dense = sizeof(Kind);
  // Of doubles for a narrower type: only where the first pass overflowed.
  if (!std::is_same_v<typename storage<Kind>::compute, From>)
    for (std::ptrdiff_t i = 0; i < n; ++i) put_unless_finite<Kind>(f[i], to + i * step);
  else if (step == dense)
    for (std::ptrdiff_t i = 0; i < n; ++i) put_number<Kind>(f[i], to + i * dense);
  else
    for (std::ptrdiff_t i = 0; i < n; ++i) put_number<Kind>(f[i], to + i * step);
}

template <class T> gather_numbers* gather_of(loop_type type, number_type from) {
  const int k = int(from);
  if (type == float16_loop) return gathers<half, T>[k];
  return type == float32_loop ? gathers<float, T>[k] : gathers<double, T>[k];
}
template <class T> scatter_numbers* scatter_of(loop_type type) {
  if (type == float16_loop) return scatter_as<half, T>;
  return type == float32_loop ? scatter_as<float, T> : scatter_as<double, T>;
}
/// The type in which numbers of such a loss are stored.
constexpr number_type stored_type(loop_type type) {
  if (type == float16_loop) return number_type::float16;
  return type == float32_loop ? number_type::float32 : number_type::float64;
}

UFL_END
