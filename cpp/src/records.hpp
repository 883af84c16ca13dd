// The records of a family: a ufunc for each loss, output and mask, with its loops and what NumPy must know.
// Whoever includes it says before which family it is (unit.cpp.in).
#pragma once
#include <utility>
#include "dispatch.hpp"
#include "ufloss/kinds/elementwise/kind.hpp"
#include "ufloss/kinds/lattice/kind.hpp"
#include "ufloss/kinds/list/kind.hpp"
#include "ufloss/kinds/pairs/kind.hpp"
#include "ufloss/kinds/row/kind.hpp"
#include "ufloss/registry.hpp"

UFL_BEGIN
namespace {

// --- what is known of a loss -----
// The int overload is the better match where L has an exponent; else the dots take the call.
// In the order of loss_info's members.
template <class L> constexpr auto exponent_in(int) -> decltype(L::exponent) { return L::exponent; }
template <class L> constexpr const char* exponent_in(...) { return ""; }
/// Which arguments make NaN of what lies outside their domain: a bit for each.
template <class L> constexpr unsigned checked() {
  unsigned set = 0;
  for (int i = 0; i < arity<L>; ++i) set |= unsigned(is_checked<L>(i)) << i;
  return set;
}
template <class L>
constexpr loss_info info = {
    L::name,      kind_of<L>,        L::args,    arity<L>,   L::parts, L::vanishing, all_properties<L>(),
    checked<L>(), exponent_in<L>(0), L::summary, L::formula, L::notes, L::source,    L::example,
    family};

// --- its outputs -----
// A function over a lattice lists its own outputs; every other loss has those of the standard ones whose
// parts it has.
template <class L> constexpr const auto& outputs_of() {
  if constexpr (kind_of<L> == loss_kind::lattice) return L::outputs;
  else return standard_outputs;
}
template <class L> constexpr int outputs = int(sizeof(outputs_of<L>()) / sizeof(outputs_of<L>()[0]));
template <class L> constexpr unsigned parts_given(int i) {
  if constexpr (kind_of<L> == loss_kind::lattice) return L::outputs[i].parts;
  else return parts_of<L>(i);
}
template <class L> constexpr bool offers(int i) {
  return (L::parts & parts_given<L>(i)) == parts_given<L>(i);
}
/// How many arrays the i-th ufunc gives: one for each role, or for each part.
template <class L> constexpr int count_outputs(int i) {
  if constexpr (kind_of<L> == loss_kind::lattice) return int(count_text(L::outputs[i].roles));
  else return count_parts(parts_given<L>(i));
}

// --- signature and roles, operand by operand -----
/// Of output k of the i-th ufunc.
template <class L> constexpr const char* dims_of_output(int i, int k) {
  if constexpr (kind_of<L> == loss_kind::lattice) return L::outputs[i].dims[k];
  else {
    const unsigned parts = parts_given<L>(i);
    if (parts & part_value && k == 0 && !(L::properties & row_value)) return "";
    // a gradient lies as its own argument does, all else as the first one
    const int grad = k - ((parts & part_value) != 0);
    const bool is_grad = parts & part_grad2 && grad > 0;
    return L::args[is_grad ? grad : 0].dims;
  }
}
template <class L> constexpr char role_of_output(int i, int k) {
  if constexpr (kind_of<L> == loss_kind::lattice) return L::outputs[i].roles[k];
  else return char(role::prediction);
}
/// W tells weights along the rows from parameters that come once a row.
template <class L> constexpr char role_of_input(int a) {
  return L::args[a].kind == role::parameter && L::args[a].along() ? 'W' : char(L::args[a].kind);
}

/// Characters that are known at compile time: records point to them, and tables need no code to begin.
struct text {
  char c[128];
};
/// operand(dims, role, is_output) for each, masks where they belong.
template <class L, int I, bool Masked, class F> constexpr void each_operand(F operand) {
  using traits = kind_traits<kind_of<L>>;
  const int mask_at = traits::mask_at < 0 ? arity<L> : traits::mask_at;
  for (int a = 0; a <= arity<L>; ++a) {
    if (Masked && a == mask_at) operand(traits::mask, 'B', false);
    if (a < arity<L>) operand(L::args[a].dims, role_of_input<L>(a), false);
  }
  for (int k = 0; k < count_outputs<L>(I); ++k)
    operand(dims_of_output<L>(I, k), role_of_output<L>(I, k), true);
}
/// "(n),(),(n)->(),(n)"
template <class L, int I, bool Masked> constexpr text make_signature() {
  text t{};
  int at = 0, operands = 0;
  bool in_outputs = false;
  const auto put = [&](const char* s) {
    for (; *s; ++s) t.c[at++] = *s;
  };
  each_operand<L, I, Masked>([&](const char* dims, char, bool is_output) {
    if (operands++) put(is_output && !in_outputs ? "->" : ",");
    in_outputs = is_output;
    put("(");
    put(dims);
    put(")");
  });
  return t;
}
/// A letter an operand, in the order of the signature.
template <class L, int I, bool Masked> constexpr text make_roles() {
  text t{};
  int at = 0;
  each_operand<L, I, Masked>([&](const char*, char role, bool) { t.c[at++] = role; });
  return t;
}
template <class L, int I, bool Masked> constexpr text signature = make_signature<L, I, Masked>();
template <class L, int I, bool Masked> constexpr text roles = make_roles<L, I, Masked>();

// --- records -----
template <class L, int I, bool Masked> constexpr loss_record record() {
  using traits = kind_traits<kind_of<L>>;
  loss_record r{};
  r.info = &info<L>;
  r.attribute = outputs_of<L>()[I].attribute;
  r.nin = arity<L> + Masked;
  r.nout = count_outputs<L>(I);
  r.parts = parts_given<L>(I);
  // What elements are stored as, then what results are.
  r.loops[float16_loop] = traits::template loop<L, I, Masked, half, half>;
  r.loops[float32_loop] = traits::template loop<L, I, Masked, float, float>;
  r.loops[float64_loop] = traits::template loop<L, I, Masked, double, double>;
  if constexpr (traits::widens_half)
    r.loops[float16_to_float32_loop] = traits::template loop<L, I, Masked, half, float>;
  if constexpr (traits::mask != nullptr) r.signature = signature<L, I, Masked>.c;
  r.masked = Masked;
  r.roles = roles<L, I, Masked>.c;
  return r;
}
/// Each ufunc, and its twin with a mask where the kind has one.
template <class L> constexpr int count_records() {
  int n = 0;
  for (int i = 0; i < outputs<L>; ++i) n += offers<L>(i) * (kind_traits<kind_of<L>>::mask ? 2 : 1);
  return n;
}

/// The records of a family, as many as its losses have ufuncs.
template <class List> struct records;
template <class... L> struct records<loss_list<L...>> {
  static constexpr int size = (0 + ... + count_records<L>());
  /// Filled while compiling: an array whose size has been counted, since there is no container here.
  struct group {
    loss_record r[size];
    int n = 0;
  };
  template <class One, int I> static constexpr void add(group& g) {
    // The order of records is that of the registry, then of the outputs; a twin follows its ufunc.
    if constexpr (offers<One>(I)) {
      g.r[g.n++] = record<One, I, false>();
      if constexpr (kind_traits<kind_of<One>>::mask != nullptr) g.r[g.n++] = record<One, I, true>();
    }
  }
  template <class One, int... I> static constexpr void add_all(group& g, std::integer_sequence<int, I...>) {
    (add<One, I>(g), ...);
  }
  static constexpr group make() {
    group g{};
    (add_all<L>(g, std::make_integer_sequence<int, outputs<L>>{}), ...);
    return g;
  }
  static constexpr group all = make();
};

}  // namespace
UFL_END
