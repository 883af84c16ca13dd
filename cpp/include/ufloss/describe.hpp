// The words that describe a loss: plain data, the same for every instruction set.
#pragma once
#include "ufloss/config.hpp"

namespace ufloss {

/// The members of a jet, as a set.
/// Records of the tables carry such sets, which Python reads by these names.
enum part : unsigned {
  part_value = 1,
  part_grad = 2,
  part_hess = 4,
  part_bound = 8,
  part_grad2 = 16,
  part_grad3 = 32
};
constexpr unsigned standard_parts = part_value | part_grad | part_hess;

/// Where an argument lives: for the documentation, for the tests, which draw from it, and for evaluate(),
/// which gives NaN outside.
enum class domain : int {
  real,
  unit,
  optional_unit,
  nonnegative,
  positive,
  sign,
  truth,
  tweedie_power,
  tweedie_target,
  label
};
/// How the arrays of a loss hang together: a folder of kinds/ each; helper: a function behind others.
enum class loss_kind : int { elementwise, row, list, pairs, lattice, helper };
UFL_FN constexpr const char* name_of(loss_kind kind) {
  constexpr const char* names[] = {"elementwise", "row", "list", "pairs", "lattice", "helper"};
  return names[int(kind)];
}

/// Who chooses the loop's type: predictions (integers count as float64), targets when they are floating,
/// parameters never.  Labels and lengths are integers of 64 bits.
enum class role : char { prediction = 'F', target = 'T', parameter = 'P', label = 'I', length = 'N' };
/// What holds over the whole domain; light: a handful of operations, so that memory is the limit of a large
/// array; row_value: the value has an entry for each element of the row; of_logits: a row is seen through its
/// softmax; computed_in_double: float32 data are.
enum property : unsigned {
  convex = 1,
  nonnegative_value = 2,
  light = 4,
  row_value = 8,
  of_logits = 16,
  computed_in_double = 32
};

/// An argument's words.  Plain pointers to literals: a table of them needs no constructor to run before the
/// processor is checked.
struct argument {
  const char* name;
  role kind;
  domain in;
  double fallback;  ///< default value; NaN: required
  const char* doc;
  const char* dims = "";  ///< its core dimensions as NumPy writes them: "n" along a row, "b,d", "t,k"
  UFL_FN constexpr bool along() const { return *dims != '\0'; }
};

/// One ufunc of a loss: an attribute of the loss itself, and the parts of the jet that it gives, in the order
/// value, grad, grad2, grad3, hess, hess_bound.
struct output {
  const char* attribute;  ///< "": the loss itself
  unsigned parts;
};
/// What a loss offers, as far as it has the parts; the third gradient goes with the second.
constexpr output standard_outputs[] = {
    {"", part_value},
    {"grad", part_grad},
    {"value_and_grad", part_value | part_grad},
    {"hess", part_hess},
    {"grad_and_hess", part_grad | part_hess},
    {"hess_bound", part_bound},
    {"grad_and_hess_bound", part_grad | part_bound},
    {"grads", part_grad | part_grad2},
    {"value_and_grads", part_value | part_grad | part_grad2},
};

/// strlen() as a constant expression.
UFL_FN constexpr int count_text(const char* s) {
  int n = 0;
  while (s[n]) ++n;
  return n;
}

/// What is known of a loss without running it.
struct loss_info {
  const char* name;
  loss_kind kind;
  const argument* args;
  int nargs;
  unsigned parts;      ///< what it has
  unsigned vanishing;  ///< what crosses 0 inside the domain: its error is counted in ulps of its largest term
  unsigned properties;
  unsigned checked;      ///< arguments, as a set, for which a value outside their domain gives NaN
  const char* exponent;  ///< the free exponent that amplifies its error, or ""
  const char *summary, *formula, *notes, *source, *example;
  const char* family;  ///< its header is losses/<family>.hpp
};

}  // namespace ufloss
