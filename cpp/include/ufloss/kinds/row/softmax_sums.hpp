// The sums of rows of logits: exponentials without the largest, and weights beside them.
#pragma once
#include "ufloss/kinds/row/softmax_terms.hpp"
#include "ufloss/kinds/row/tile.hpp"

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
/// Both enumerations have one order, by which settle() goes from one to the other.
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

/// The sums, which are the same for all losses with as many operands along the row.
template <class T, int Along, bool Mixed, bool Entropy, bool Uniform>
struct softmax_tile_sums : tile_base<T> {
  using V = native<T>;
  using D = wide_t<V>;
  using limits = softmax_limits<T>;
  /// Without weights beside the logits nothing but exponentials is added up.
  static constexpr bool weighted = Along > 1 || Uniform;
  // A sum of all rows lies together, so that a pack has that of as many rows.
  alignas(64) T block[softmax_sums][tile];
  alignas(64) double row[softmax_totals][tile];
  /// The weight of an element x: y, or y times a weight of its own.
  template <class Load> static UFL_FN V weight(V x, const T* const* in, Load load) {
    // A class whose logit is -inf is not possible, and gets no share of uniform weights.
    if constexpr (Uniform) return select(x > neg(inf<V>()), V(1), V(0));
    else if constexpr (Along == 1) return V(0);
    else if constexpr (Along == 2) return load(in[1]);
    else return load(in[1]) * load(in[2]);
  }
  /// Uniform weights count for nothing where the first scalar is 0.
  UFL_FN bool wants_weights(int r) const { return !Uniform || this->scalar[0][r] != 0; }
  /// In packs that hide each other's latency; no order matters to a maximum.
  static UFL_FN T largest(const T* x, std::ptrdiff_t n) {
    using C = chunks<T>;
    V top[C::packs];
    C::each([&](int i) UFL_INLINE { top[i] = neg(inf<V>()); });
    C::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t k)
                   UFL_INLINE { top[i] = max(top[i], load_padded(x + j, k, T(-__builtin_inf()))); });
    UFL_UNROLL for (int w = C::packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) top[i] =
        max(top[i], top[i + w]);
    return max_of_lanes(top[0]);
  }
  /// The largest of a block is m, ref its reference.
  /// A block on its way through the sums.  What is the same for all elements is handed over by value, so
  /// that it stays in registers.
  struct block_of_row {
    const T* const* in;
    std::ptrdiff_t n;
    V m;
    reference<V> ref;
  };
  /// The sum of the terms that are not the largest, and how many are.  Far: ref.c is not 0.  Stored: the
  /// terms go to e.
  template <bool Far, bool Stored>
  static UFL_FN void sum_terms(block_of_row b, T* e, long_sum<T>* rest, V* ties) {
    const auto pad = [](int) UFL_INLINE { return T(-__builtin_inf()); };
    const auto add = [&](auto& part, const T* const* p, std::ptrdiff_t j, int i) UFL_INLINE {
      const std::ptrdiff_t at = j + i * lanes<T>;
      if (i * sizeof(V) % 64 == 0) UFL_PREFETCH(reinterpret_cast<const char*>(b.in[0] + at) + prefetch_bytes);
      const V x = load(p[0] + i * lanes<T>);
      const V term = exp_shifted(Far ? x - b.ref.c : x, b.ref.base, b.ref.lowest);
      const auto top = x == b.m;
      part[0][i] = part[0][i] + zero_where(top, term);
      // Counted in T, which is exact for as many as a block has.
      *ties = *ties + zero_unless(top, V(1));
      if constexpr (Stored) {
        if (b.n - at >= lanes<T>) store(term, e + at);
        else if (b.n - at > 0) store_some(term, e + at, int(b.n - at));
      }
    };
    add_long<T, 1, 1>(rest, b.in, b.n, pad, add);
  }
  enum {
    sum_lower,
    sum_top,
    sum_cost,
    sum_mixed,
    sum_entropy = sum_mixed + Mixed,
    weighted_sums = sum_entropy + Entropy
  };
  /// The sums of weights.  Careful: a weight of 0 counts nothing where the logit is -inf.
  template <bool Careful> static UFL_FN void sum_weights(block_of_row b, long_sum<T>* sum) {
    // Costs are relative to a finite number: beside an infinite largest logit all differences would be the
    // same.
    const V base = select(abs(b.m) < inf<V>(), b.m, V(0));
    const auto pad = [&](int a)
                         UFL_INLINE { return a == 0 ? first_lane(Uniform ? V(-inf<T>()) : base) : T(0); };
    const auto add_terms = [&](auto& part, const T* const* p, std::ptrdiff_t, int i) UFL_INLINE {
      const V x = load(p[0] + i * lanes<T>);
      const V w = weight(x, p, [&](const T* y) UFL_INLINE { return load(y + i * lanes<T>); });
      const V below = base - x;
      const V cost = Careful ? zero_where((w == V(0)) & (x == x), below) : below;
      const auto top = x == b.m;
      const auto add = [&](int s, V term) UFL_INLINE { part[s][i] = part[s][i] + term; };
      add(sum_lower, zero_where(top, w));
      add(sum_top, zero_unless(top, w));
      part[sum_cost][i] = fma(w, cost, part[sum_cost][i]);
      if constexpr (Entropy) add(sum_entropy, zero_where(w == V(0), w * log(w)));
      if constexpr (Mixed) add(sum_mixed, zero_where(top, w * term(x, b.ref)));
    };
    add_long<T, weighted_sums, Along>(sum, b.in, b.n, pad, add_terms);
  }
  /// One block of a long row into block[...][r]; the terms go to e unless that is null.
  /// Four loops instead of branches in one: hardly any logits lie so far from 0 that they need c, and values
  /// alone need no terms.
  UFL_NOINLINE void fold(int r, const T* const* in, std::ptrdiff_t, std::ptrdiff_t n, T* e) override {
    const V m = V(largest(in[0], n));
    const block_of_row b = {in, n, m, reference_of(m)};
    long_sum<T> rest;
    V ties = V(0);
    if (UFL_UNLIKELY(!all(b.ref.c == V(0)))) {
      if (e) sum_terms<true, true>(b, e, &rest, &ties);
      else sum_terms<true, false>(b, e, &rest, &ties);
    } else {
      if (e) sum_terms<false, true>(b, e, &rest, &ties);
      else sum_terms<false, false>(b, e, &rest, &ties);
    }
    block[at_max][r] = first_lane(m);
    block[at_c][r] = first_lane(b.ref.c);
    block[at_k][r] = first_lane(b.ref.k);
    block[at_unit][r] = first_lane(term(m, b.ref));
    block[at_rest][r] = T(rest.sum());
    // (Padding counts as ties where the whole block is -inf; such a block has no sum to get wrong.)
    block[at_ties][r] = sum_of_lanes(ties);
    if constexpr (weighted) {
      if (wants_weights(r)) fold_weights(r, b);
      else
        for (int k : {at_lower, at_top, at_cost, at_entropy, at_mixed}) block[k][r] = 0;
    }
  }
  /// The quick sums first; they are taken again with care only where they turned out NaN.
  UFL_FN void fold_weights(int r, block_of_row b) {
    long_sum<T> sum[weighted_sums];
    // Uniform weights are 0 wherever a logit is -inf, so there the careful way is the usual one.
    sum_weights<Uniform>(b, sum);
    double cost = sum[sum_cost].sum();
    // It is NaN of a NaN, or of a weight of 0 where a logit is -inf, which counts 0.
    if (!Uniform && UFL_UNLIKELY(cost != cost)) {
      for (auto& s : sum) s = long_sum<T>();
      sum_weights<true>(b, sum);
      cost = sum[sum_cost].sum();
    }
    block[at_lower][r] = T(sum[sum_lower].sum());
    block[at_top][r] = T(sum[sum_top].sum());
    block[at_cost][r] = T(cost);
    block[at_entropy][r] = Entropy ? T(sum[sum_entropy].sum()) : T(0);
    block[at_mixed][r] = Mixed ? T(sum[sum_mixed].sum()) : T(0);
  }
  /// `rows` short rows, element j of row r of an operand at [j * tile + r].
  /// Fewer than 32 floats or 16 doubles are added in their own type, in their order: no lane, block or tree.
  UFL_NOINLINE void fold_short(int rows, const T* const* in, std::ptrdiff_t n, T* e) override {
    const T* const logits = in[0];
    bool any_weights = !Uniform;
    for (int r = 0; r < rows; ++r) any_weights = any_weights || wants_weights(r);
    for (int r = 0; r < rows; r += lanes<T>) {
      V m = load(logits + r);
      for (std::ptrdiff_t j = 1; j < n; ++j) m = max(load(logits + j * tile + r), m);
      // max keeps its first argument where one is NaN: a NaN that came last is dropped again, but its term is
      // not.
      const auto ref = reference_of(m);
      const V base = select(abs(m) < inf<V>(), m, V(0));
      V rest = V(0), ties = V(0);
      V lower = V(0), top = V(0), cost = V(0), mixed = V(0), entropy = V(0);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        const std::ptrdiff_t at = j * tile + r;
        const V x = load(logits + at);
        const V exponential = term(x, ref);
        const auto is_top = x == m;
        rest = rest + zero_where(is_top, exponential);
        ties = ties + zero_unless(is_top, V(1));
        store(exponential, e + at);
        if (weighted && any_weights) {
          const V w = weight(x, in, [&](const T* p) UFL_INLINE { return load(p + at); });
          lower = lower + zero_where(is_top, w);
          top = top + zero_unless(is_top, w);
          cost = fma(w, zero_where((w == V(0)) & (x == x), base - x), cost);
          if constexpr (Entropy) entropy = entropy + zero_where(w == V(0), w * log(w));
          if constexpr (Mixed) mixed = mixed + zero_where(is_top, w * exponential);
        }
      }
      // In the order of softmax_sum.
      const V sums[] = {m, ref.c, ref.k, term(m, ref), rest, ties, lower, top, cost, entropy, mixed};
      UFL_UNROLL for (int s = 0; s < softmax_sums; ++s) store(sums[s], block[s] + r);
    }
  }
  static UFL_FN D load_wide(const T* p) { return widen(load(p)); }
  static UFL_FN V narrowed(D x) { return narrow(x, V(0)); }
  UFL_FN D total(int which, int r) const { return doubles<D>::load(row[which] + r); }
  UFL_FN void set_total(int which, int r, D x) { doubles<D>::store(x, row[which] + r); }
  /// The sums of one block of each row as its totals.
  /// Whole packs of rows: places beyond are settled too, to no effect.
  UFL_NOINLINE void settle(int rows) override {
    const D down = D(double(limits::down));
    for (int r = 0; r < rows; r += lanes<T>) {
      for (int k : {0, 1, 2}) set_total(of_max + k, r, load_wide(block[at_max + k] + r));
      set_total(of_unit, r, load_wide(block[at_unit] + r) * down);
      set_total(of_rest, r, load_wide(block[at_rest] + r) * down);
      set_total(of_ties, r, load_wide(block[at_ties] + r));
      if constexpr (weighted) {
        for (int k : {0, 1, 2, 3}) set_total(of_lower + k, r, load_wide(block[at_lower + k] + r));
        set_total(of_mixed, r, load_wide(block[at_mixed] + r) * down);
      }
    }
  }
  void add_block(int a, int b) override {
    // settle() takes places in packs, so what row a has collected is put aside meanwhile.
    double kept[softmax_totals];
    UFL_UNROLL for (int k = 0; k < softmax_totals; ++k) kept[k] = row[k][a];
    settle(b + 1);  // of a too, from its first block
    UFL_UNROLL for (int k = 0; k < softmax_totals; ++k) row[k][a] = kept[k];
    merge(a, b);
  }
  /// Adds to row a the totals in row b, those of one more block.
  void merge(int a, int b) {
    const auto of = [&](int which, int r) -> double& { return row[which][r]; };
    // The one with the larger logit is the row, whichever came first: terms are only ever made smaller, so
    // that nothing overflows.
    if (of(of_max, b) > of(of_max, a)) UFL_UNROLL for (int k = 0; k < softmax_totals; ++k) {
        const double t = row[k][a];
        row[k][a] = row[k][b];
        row[k][b] = t;
      }
    if constexpr (weighted) of(of_entropy, a) += of(of_entropy, b);
    const double behind = difference_or_zero(of(of_max, a), of(of_max, b));
    const bool comparable = behind < inf<double>();
    if constexpr (weighted) {  // a block of -inf has no reference; its cost is 0 or infinite by itself
      const double weight_of_block = of(of_lower, b) + of(of_top, b);
      of(of_cost, a) += of(of_cost, b) + times_or_zero(weight_of_block, comparable ? behind : 0.0);
    }
    if (behind == 0) {
      for (int k : {of_rest, of_ties}) of(k, a) += of(k, b);
      if constexpr (weighted)
        for (int k : {of_lower, of_top, of_mixed}) of(k, a) += of(k, b);
    } else if (comparable) {  // what was largest in b is a lower element of a
      const auto f = change(of(of_c, b), of(of_k, b), of(of_c, a), of(of_k, a));
      of(of_rest, a) += changed(of(of_rest, b) + of(of_ties, b) * of(of_unit, b), f);
      if constexpr (weighted) {
        of(of_mixed, a) += changed(of(of_mixed, b) + of(of_top, b) * of(of_unit, b), f);
        of(of_lower, a) += of(of_lower, b) + of(of_top, b);
      }
    } else {
      of(of_rest, a) += of(of_rest, b);  // 0, or NaN
      if constexpr (weighted) of(of_lower, a) += of(of_lower, b) + of(of_top, b);
    }
  }
};

UFL_END
