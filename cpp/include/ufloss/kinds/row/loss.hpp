// What a row loss is made of.  Its formula sees sums over a row, whichever way they were taken, and gives the
// value and a few coefficients (`finish`); from these and one element it gives that element's derivatives
// (`spread`).
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

/// A softmax row: everything relative to its largest logit, which is left out of `rest`, so that confident
/// rows keep their digits. "Top" is what equals the largest logit, `lower` what does not.
template <class D> struct softmax_row {
  D max, ties;          ///< the largest logit, and how many there are
  D rest;               ///< sum of exp(x - max) over all elements but one of the top
  D lower, top;         ///< sums of the weights y
  D cost;               ///< sum of y (max - x)
  D mixed;              ///< sum of y exp(x - max) over the lower elements
  D entropy;            ///< sum of y log y
  D label;              ///< the logit at the label
  mask_t<D> unbounded;  ///< a logit is inf or all are -inf, and none is NaN: `rest` is NaN then
  D count;              ///< elements that take part

  UFL_FN D log_total() const { return log1p(rest); }
  UFL_FN D total() const { return D(1) + rest; }
  /// Boehning's bound of the second derivative of log sum exp.
  UFL_FN D curvature() const { return select(rest == rest, D(0.5) * (D(1) - D(1) / count), rest); }
  UFL_FN D weight() const { return lower + top; }
  /// 1 - P of the single largest element.
  UFL_FN D miss() const { return rest / total(); }
};
/// One element of such a row: its probability and 1 minus it, both with all their digits.
template <class V> struct softmax_entry {
  V x, y, p, q;
  mask_t<V> top;  ///< the single largest
};
/// A row of sums: those that fold() added up, and those of the last further pass.
template <class D> struct sum_row {
  const D *sum, *next, *state;
  D best;  ///< the largest candidate() of a needs_argmax
  D count, label;
  bool sums_wider_than_data;     ///< the sums have more digits than the data
  const D* parameter = nullptr;  ///< what comes once a row
};
/// Where an element stands in its row.
template <class D> struct row_marks {
  mask_t<D> winner;    ///< the first of the largest candidates
  mask_t<D> at_label;  ///< the label
};

struct softmax_rows;
struct sum_rows;
/// What row losses have in common; a loss says what it does otherwise.
struct row_loss {
  static constexpr loss_kind kind = loss_kind::row;
  /// Derivatives that have an entry of their own at the label, from finish().
  static constexpr unsigned at_label = 0;
  static constexpr bool labelled = false;   ///< one argument is an integer label
  static constexpr bool in_double = false;  ///< float32 data are computed in double
  static constexpr double masked = 0;       ///< results where the mask is false
};
/// Rows of logits.  Their operands along the row: logits, then weights, whose product counts.
struct softmax_loss : row_loss {
  using form = softmax_rows;
  static constexpr bool mixed = false, entropy = false;  ///< these sums are needed too
  /// The weight of each possible class is 1 where the first parameter is not 0.
  static constexpr bool uniform = false;
};
/// Rows of sums.
struct sum_loss : row_loss {
  using form = sum_rows;
  static constexpr int coefficients = 0;
  /// The loss needs the largest of candidate(), and where it stands; the label takes no part.
  static constexpr bool needs_argmax = false;
  /// Of further passes over the row: next_pass() asks for one, fold_next() adds up its sums, states go from
  /// one to the next.
  static constexpr int states = 0, next_sums = 0;
  /// The last of next_sums, which are the largest terms and not sums; 0 at least.
  static constexpr int maxima = 0;
  /// The last of its sums, which with its further passes serve float32 alone: they say what its rounding may
  /// have done.
  static constexpr int guards = 0;
};
/// Rows of a sum of products whose factors are found in the data's own type, which is enough for logarithms
/// of probabilities; the products of float32 factors are exact in double.  add() has elements of that type
/// and sums in double; spread() has elements of that type, but coefficients, which are double, it has none.
struct product_loss : sum_loss {
  static constexpr int sums = 1;
};
/// A weight of 0 counts nothing, whatever the finite or infinite x that `other` was made of.
template <class V> UFL_FN V unless_nothing(V weight, V x, V other) {
  return zero_where((weight == V(0)) & (x == x), other);
}
/// Does an argument outside its domain give NaN?  Of the elements of a row, in rows of sums, those that must
/// not be negative.
template <class L> UFL_FN constexpr bool is_checked(int i) {
  const argument a = L::args[i];
  if constexpr (__is_base_of(row_loss, L)) {
    if (a.along())
      return __is_base_of(sum_loss, L) && (a.in == domain::nonnegative || a.in == domain::positive);
  }
  return is_restricted(a);
}
template <class L> UFL_FN constexpr int count_along() {
  int n = 0;
  for (const argument& a : L::args) n += a.along();
  return n;
}
/// What stands for a masked element of the k-th operand along the row.
template <class L> UFL_FN constexpr double neutral_of(int k) {
  if constexpr (__is_base_of(softmax_loss, L)) return k == 0 ? -UFL_INF : 0;
  else return L::neutral[k];
}
/// Numbers that come once a row: parameters, and targets that do not lie along it.
template <class L> UFL_FN constexpr int count_scalars() { return arity<L> - count_along<L>() - L::labelled; }
/// Its properties, and those that follow from what it is made of.
template <class L> UFL_FN constexpr unsigned all_properties() {
  unsigned all = L::properties;
  if constexpr (__is_base_of(row_loss, L)) {
    if (__is_base_of(softmax_loss, L)) all |= of_logits;
    if (L::in_double) all |= computed_in_double;
  }
  return all;
}
/// What finish() gives: the loss of the row, coefficients for spread(), and the derivatives at the label
/// where they are formed apart.
template <class D, int N> struct row_result {
  D value;
  D c[N ? N : 1];
  D grad_at_label{}, hess_at_label{};
};
/// Hands on the parts of an element's jet that lie along the row, in their order: put(x), and put_bound(x) of
/// the bound.
template <class L, unsigned Parts, class V, class Put, class PutBound>
UFL_FN void each_row_part(const jet<V>& j, Put put, PutBound put_bound) {
  if constexpr (bool(Parts & part_value) && (L::properties & row_value) != 0) put(j.value);
  if constexpr (Parts & part_grad) put(j.grad);
  if constexpr (Parts & part_grad2) put(j.grad2);
  if constexpr (Parts & part_grad3) put(j.grad3);
  if constexpr (Parts & part_hess) put(j.hess);
  if constexpr (Parts & part_bound) put_bound(j.hess_bound);
}
/// a - b where a may be the same infinity as b: then 0.
template <class D> UFL_FN D difference_or_zero(D a, D b) { return select(a == b, D(0), a - b); }

/// Row arguments lie along the class axis; labels are integers.
UFL_FN constexpr argument row_prediction(const char* name, domain in, const char* doc) {
  return {name, role::prediction, in, required, doc, "n"};
}
UFL_FN constexpr argument row_target(const char* name, domain in, const char* doc) {
  return {name, role::target, in, required, doc, "n"};
}
UFL_FN constexpr argument row_weights(const char* name, double fallback, const char* doc) {
  return {name, role::parameter, domain::nonnegative, fallback, doc, "n"};
}
UFL_FN constexpr argument class_label(const char* name, const char* doc) {
  return {name, role::label, domain::label, required, doc};
}

UFL_END
