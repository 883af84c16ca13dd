// Sums of rows of logits, whoever takes them: what an element adds, how two parts of a row become one, and
// the way from a row's sums to the derivatives of its elements.
#pragma once
#include "ufloss/kinds/row/softmax_terms.hpp"

UFL_BEGIN

/// Sums of one block of one row, in its own type; `unit` is the term of the largest, c and k its reference.
enum softmax_sum {
  at_max,
  at_c,
  at_k,
  at_unit,
  at_rest,
  at_ties,
  at_lower,
  at_top,
  at_cost,
  at_entropy,
  at_mixed,
  softmax_sums
};
/// The same of a whole row, in double and without the bias; and what comes from elsewhere.
enum softmax_total {
  of_max,
  of_c,
  of_k,
  of_unit,
  of_rest,
  of_ties,
  of_lower,
  of_top,
  of_cost,
  of_entropy,
  of_mixed,
  softmax_totals
};
/// Does a block's sum carry the bias of its terms?
UFL_FN constexpr bool is_biased(int sum) { return sum == at_unit || sum == at_rest || sum == at_mixed; }
/// A block's sum as a total.
template <class T> UFL_FN double total_of_block(int sum, T x) {
  return is_biased(sum) ? double(x) * double(softmax_limits<T>::down) : double(x);
}

/// Those that a row without weights has come first.
template <bool Weighted> constexpr int totals_of = Weighted ? int(softmax_totals) : int(of_lower);

/// What a sum of weights may be of; a loss has the first three, and those of the last two that it names.
template <bool Mixed, bool Entropy> struct weight_sums {
  enum { lower, top, cost, mixed, entropy = mixed + Mixed, count = entropy + Entropy };
};
/// Of an element x, whose term is t: its part of the sum of all terms but the largest, and of how many are.
template <class V> UFL_FN void add_term(V x, V t, V m, V& rest, V& ties) {
  const mask_t<V> is_top = x == m;
  rest = rest + zero_where(is_top, t);
  ties = ties + zero_unless(is_top, V(1));
}
/// Of an element x of weight w: sum(s) points to a sum; term() gives its term.  Careful: a
/// weight of 0 counts nothing where the logit is -inf; elsewhere that has the same bits.
template <bool Mixed, bool Entropy, bool Careful, class V, class Term, class Sum>
UFL_FN void add_weight(V x, V w, V base, V m, Term term, Sum sum) {
  using of = weight_sums<Mixed, Entropy>;
  const V below = base - x;
  const V cost = Careful ? zero_where((w == V(0)) & (x == x), below) : below;
  const mask_t<V> is_top = x == m;
  const auto add = [&](int s, V y) UFL_INLINE { *sum(s) = *sum(s) + y; };
  add(of::lower, zero_where(is_top, w));
  add(of::top, zero_unless(is_top, w));
  *sum(of::cost) = fma(w, cost, *sum(of::cost));
  if constexpr (Entropy) add(of::entropy, zero_where(w == V(0), w * log(w)));
  if constexpr (Mixed) add(of::mixed, zero_where(is_top, w * term()));
}
/// Costs count from the largest logit, where that is a number.
template <class V> UFL_FN V base_of(V m) { return select(abs(m) < inf<V>(), m, V(0)); }
/// The weight of an element x: y, or y times a weight of its own; operand(k) is the k-th along the row.
template <int Along, bool Uniform, class V, class Operand> UFL_FN V weight_of(V x, Operand operand) {
  if constexpr (Uniform) return select(x > neg(inf<V>()), V(1), V(0));
  else if constexpr (Along == 1) return V(0);
  else if constexpr (Along == 2) return operand(1);
  else return operand(1) * operand(2);
}

/// Adds to the totals a those of the elements behind them, b, which change places where b has the largest.
/// Parts of a row are merged in pairs, pairs of pairs and so on: what many threads can do, with fewer
/// roundings.
template <bool Weighted> UFL_FN void merge(double* a, double* b) {
  if (b[of_max] > a[of_max]) UFL_UNROLL for (int k = 0; k < totals_of<Weighted>; ++k) {
      const double t = a[k];
      a[k] = b[k];
      b[k] = t;
    }
  const double behind = difference_or_zero(a[of_max], b[of_max]);
  const bool comparable = behind < inf<double>();
  const double weight = Weighted ? b[of_lower] + b[of_top] : 0;
  if constexpr (Weighted) {  // a part of -inf has no reference; its cost is 0 or infinite by itself
    a[of_entropy] += b[of_entropy];
    a[of_cost] += b[of_cost] + times_or_zero(weight, comparable ? behind : 0.0);
  }
  if (behind == 0) {
    a[of_rest] += b[of_rest];
    a[of_ties] += b[of_ties];
    if constexpr (Weighted) {
      a[of_lower] += b[of_lower];
      a[of_top] += b[of_top];
      a[of_mixed] += b[of_mixed];
    }
  } else if (comparable) {  // what was largest in b is a lower element of a
    const auto f = change(b[of_c], b[of_k], a[of_c], a[of_k]);
    a[of_rest] += changed(b[of_rest] + b[of_ties] * b[of_unit], f);
    if constexpr (Weighted) {
      a[of_mixed] += changed(b[of_mixed] + b[of_top] * b[of_unit], f);
      a[of_lower] += weight;
    }
  } else {
    a[of_rest] += b[of_rest];  // 0, or NaN
    if constexpr (Weighted) a[of_lower] += weight;
  }
}

/// The row as its formula sees it: total(k) gives its totals, or the sums of its one block.
template <class L, bool Weighted, class D, class Total>
UFL_FN softmax_row<D> softmax_row_of(Total total, D count, D label) {
  softmax_row<D> s{};
  s.max = total(of_max);
  s.ties = total(of_ties);
  const D unit = total(of_unit);
  const D rest = total(of_rest);
  s.unbounded = (abs(s.max) == inf<D>()) & (rest == rest);
  s.rest = select(abs(s.max) == inf<D>(), nan<D>(), rest / unit + (s.ties - D(1)));
  s.count = count;
  if constexpr (L::labelled) s.label = label;
  if constexpr (Weighted) {
    s.lower = total(of_lower);
    s.top = total(of_top);
    s.cost = total(of_cost);
    s.entropy = total(of_entropy);
    s.mixed = total(of_mixed) / unit;
  }
  return s;
}
/// 1 - P of the largest element where that is below 1/2, else NaN.
template <class D> UFL_FN D known_miss(const softmax_row<D>& s) {
  const mask_t<D> rules = (s.ties == D(1)) & (s.miss() <= D(0.5));
  return select(rules, s.miss(), nan<D>());
}

/// What the elements of a row have in common; scale: terms to probabilities, but for 2^-bias; miss:
/// known_miss().
template <class L, class V> struct softmax_spread {
  V scale, max, miss;
  V c[L::coefficients ? L::coefficients : 1];
  /// The jet of an element: its probability is its term times the row's scale, its complement that of the
  /// single largest element where it is that one, since 1 - P would lose the digits of a confident row.
  UFL_FN jet<V> of(V x, V y, V exponential) const {
    const mask_t<V> top = (x == max) & (miss == miss);
    const V p = (exponential * scale) * V(softmax_limits<scalar_t<V>>::down);
    return L::spread(softmax_entry<V>{x, y, p, select(top, miss, V(1) - p), top}, c);
  }
};
/// The scale of a block, by the row's share, 1 over the sum of all its terms; of a block and a row whose
/// references are these.
template <class T> UFL_FN T scale_of_block(double share, reference<T> block, double row_c, double row_k) {
  return T(changed(share, change(double(block.c), double(block.k), row_c, row_k)));
}

UFL_END
