// A call as a program hands it over that knows no kind: arrays with shapes of their own, and what each of the
// kinds answers.
//
// Shapes and types are judged here, so that every binding refuses the same calls in the same words.
#pragma once
#include <cmath>
#include <typeinfo>
#include "ufloss/cuda/layout.hpp"

UFL_BEGIN
namespace gpu {

/// What an array holds; the first four are also a `number`.
enum class element : int {
  float16,
  bfloat16,
  float32,
  float64,
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64
};
constexpr int element_types = int(element::uint64) + 1;
inline const char* name_of(element type) {
  constexpr const char* names[] = {"float16", "bfloat16", "float32", "float64", "bool",   "int8",  "int16",
                                   "int32",   "int64",    "uint8",   "uint16",  "uint32", "uint64"};
  return names[int(type)];
}
inline int size_of(element type) {
  constexpr int sizes[] = {2, 2, 4, 8, 1, 1, 2, 4, 8, 1, 2, 4, 8};
  return sizes[int(type)];
}
inline bool is_floating(element type) { return type <= element::float64; }
inline bool is_integral(element type) { return type >= element::int8; }

using lengths = std::vector<long long>;

/// An array as its owner has it, or one number by value.
struct call_array {
  element type = element::float64;
  lengths shape, strides;  ///< strides in bytes
  long long address = 0;   ///< only what it is modulo `alignment` counts
  bool is_number = false;
  double value = 0;
};
struct call {
  const loss_info* loss = nullptr;
  const char* attribute = "";       ///< "" for the value, else grad, value_and_grad, ...
  unsigned parts = 0;               ///< outputs come in the order value, grad, grad2, grad3, hess, hess_bound
  int results = 1;                  ///< how many outputs the attribute has
  std::vector<call_array> inputs;   ///< one for each argument of the loss
  std::vector<call_array> mask;     ///< one or none
  std::vector<call_array> outputs;  ///< none: they will be new, in C order and aligned
  bool all_axes = false;            ///< the class axis is all of them
  std::vector<int> axes;            ///< else these, as the caller counts them; none: the kind's own
  bool keepdims = false;
};
/// Addresses of a plan's operands come in the order inputs, outputs, mask.
struct answer {
  struct output {
    element type;
    lengths shape;
  };
  std::vector<output> outputs;
  bool leaves_gaps = false;  ///< masked out places of outputs keep what they held
  bool in_place = false;     ///< an output may be an input, of the same places
  plan work;
  /// Finds the first label that is no class: its place and the number itself go to `workspace_base`, two
  /// words, the first -1 where there is none.  No launches: nothing to look for.
  plan labels_check;
  long long classes = 0;  ///< that labels_check holds them against
};

// --- refusals -----
/// Bad types, as refuse() has bad values.
struct wrong_type : std::bad_cast {
  std::string text;
  explicit wrong_type(std::string said) : text(std::move(said)) {}
  const char* what() const noexcept override { return text.c_str(); }
};
[[noreturn]] inline void refuse_type(const loss_info& loss, const std::string& what) {
  throw wrong_type(std::string(loss.name) + ": " + what);
}
/// As Python writes it.
inline std::string text_of(const lengths& shape) {
  std::string s = "(";
  for (std::size_t d = 0; d < shape.size(); ++d) s += (d ? ", " : "") + std::to_string(shape[d]);
  return s + (shape.size() == 1 ? ",)" : ")");
}
inline std::string output_name(const call& c, std::size_t k) {
  return c.results == 1 ? "out" : "out[" + std::to_string(k) + "]";
}

// --- types -----
/// The number nearest to x in a type; ties go to even, what is too large to infinity.
inline double nearest(number type, double x) {
  if (type == number::float64 || x != x || x == 0 || std::fabs(x) > 1.7976931348623157e308) return x;
  if (type == number::float32) return double(float(x));
  const bool half = type == number::float16;
  const int digits = half ? 11 : 8, least_exponent = half ? -13 : -125;
  int exponent;
  std::frexp(x, &exponent);
  const int unit = std::max(exponent, least_exponent) - digits;
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(x, -unit)), unit);
  const double largest = half ? 65504.0 : std::ldexp(255.0, 120);
  return std::fabs(rounded) > largest ? std::copysign(UFL_INF, rounded) : rounded;
}
/// The one type of predictions, targets and parameters: kernels convert nothing but what they store.
inline number type_of(const call& c) {
  const loss_info& loss = *c.loss;
  int first = -1;
  for (int a = 0; a < loss.nargs; ++a) {
    const call_array& x = c.inputs[std::size_t(a)];
    const std::string name = loss.args[a].name;
    if (loss.args[a].kind == role::label || loss.args[a].kind == role::length) {
      if (!x.is_number && !is_integral(x.type))
        refuse_type(loss, name + " must be integers, not " + name_of(x.type));
      continue;
    }
    if (x.is_number) continue;
    if (!is_floating(x.type))
      refuse_type(loss, name + " must be float16, bfloat16, float32 or float64, not " + name_of(x.type));
    if (first >= 0 && x.type != c.inputs[std::size_t(first)].type)
      refuse_type(loss, name + " is " + name_of(x.type) + ", " + loss.args[first].name + " is " +
                            name_of(c.inputs[std::size_t(first)].type) +
                            ": on a GPU they must be of one type");
    if (first < 0) first = a;
  }
  if (first < 0) refuse_type(loss, "one of its floating arguments must be an array");
  for (const call_array& m : c.mask)
    if (m.is_number || m.type != element::boolean)
      refuse_type(loss, std::string("where must be an array of bool") +
                            (m.is_number ? "" : std::string(", not ") + name_of(m.type)));
  return number(int(c.inputs[std::size_t(first)].type));
}

// --- shapes -----
/// NumPy's rule; `name` for who does not fit.
inline void broadcast_into(const loss_info& loss, lengths& all, const lengths& one, const std::string& name) {
  const lengths before = all;
  if (one.size() > all.size()) all.insert(all.begin(), one.size() - all.size(), 1);
  const std::size_t missing = all.size() - one.size();
  for (std::size_t d = 0; d < one.size(); ++d) {
    long long& length = all[missing + d];
    if (one[d] == length || one[d] == 1) continue;
    if (length != 1)
      refuse(loss, name + " of shape " + text_of(one) + " does not broadcast with the shape " +
                       text_of(before) + " of what stands before it");
    length = one[d];
  }
}
/// Strides of an array that is broadcast to `shape`.
inline lengths strides_in(const lengths& shape, const call_array& x) {
  lengths strides(shape.size(), 0);
  if (x.is_number) return strides;
  const std::size_t missing = shape.size() - x.shape.size();
  for (std::size_t d = 0; d < x.shape.size(); ++d)
    if (x.shape[d] != 1) strides[missing + d] = x.strides[d];
  return strides;
}
inline lengths c_order(const lengths& shape, long long size) {
  lengths strides(shape.size());
  for (std::size_t d = shape.size(); d-- > 0; size *= std::max(shape[d], 1ll)) strides[d] = size;
  return strides;
}
/// Outputs that the caller gave are what was found out that they must be: of that shape and type, in C order.
inline void check_outputs(const call& c, const std::vector<answer::output>& wanted) {
  const loss_info& loss = *c.loss;
  if (c.outputs.empty()) return;
  if (c.outputs.size() != wanted.size())
    refuse(loss,
           "has " + std::to_string(wanted.size()) + " outputs, not " + std::to_string(c.outputs.size()));
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const call_array& out = c.outputs[k];
    const std::string name = output_name(c, k);
    if (out.type != wanted[k].type)
      refuse_type(loss, name + " is " + name_of(out.type) + ", the result " + name_of(wanted[k].type));
    if (out.shape != wanted[k].shape)
      refuse(loss, name + " has shape " + text_of(out.shape) + ", the result " + text_of(wanted[k].shape));
    const lengths strides = c_order(out.shape, size_of(out.type));
    for (std::size_t d = 0; d < strides.size(); ++d)
      if (out.shape[d] > 1 && out.strides[d] != strides[d])
        refuse(loss, name + " is not contiguous (C order)");
  }
}

}  // namespace gpu
UFL_END
