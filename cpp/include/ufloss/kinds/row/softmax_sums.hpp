// The sums of rows of logits: exponentials without the largest, and weights beside them.
#pragma once
#include "ufloss/kinds/row/softmax_parts.hpp"
#include "ufloss/kinds/row/tile.hpp"

UFL_BEGIN

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
  /// load(p) is what lies at p, of an operand along the row.
  template <class Load> static UFL_FN V weight(V x, const T* const* in, Load load) {
    return weight_of<Along, Uniform>(x, [&](int a) UFL_INLINE { return load(in[a]); });
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
      add_term(x, term, b.m, part[0][i], *ties);
      if constexpr (Stored) {
        if (b.n - at >= lanes<T>) store(term, e + at);
        else if (b.n - at > 0) store_some(term, e + at, int(b.n - at));
      }
    };
    add_long<T, 1, 1>(rest, b.in, b.n, pad, add);
  }
  using of_weights = weight_sums<Mixed, Entropy>;
  template <bool Careful> static UFL_FN void sum_weights(block_of_row b, long_sum<T>* sum) {
    const V base = base_of(b.m);
    const auto pad = [&](int a)
                         UFL_INLINE { return a == 0 ? first_lane(Uniform ? V(-inf<T>()) : base) : T(0); };
    const auto add_terms = [&](auto& part, const T* const* p, std::ptrdiff_t, int i) UFL_INLINE {
      const V x = load(p[0] + i * lanes<T>);
      const V w = weight(x, p, [&](const T* y) UFL_INLINE { return load(y + i * lanes<T>); });
      add_weight<Mixed, Entropy, Careful>(
          x, w, base, b.m, [&]() UFL_INLINE { return term(x, b.ref); },
          [&](int s) UFL_INLINE { return &part[s][i]; });
    };
    add_long<T, of_weights::count, Along>(sum, b.in, b.n, pad, add_terms);
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
    using of = of_weights;
    long_sum<T> sum[of::count];
    sum_weights<Uniform>(b, sum);
    double cost = sum[of::cost].sum();
    // It is NaN of a NaN, or of a weight of 0 where a logit is -inf, which counts 0.
    if (!Uniform && UFL_UNLIKELY(cost != cost)) {
      for (auto& s : sum) s = long_sum<T>();
      sum_weights<true>(b, sum);
      cost = sum[of::cost].sum();
    }
    block[at_lower][r] = T(sum[of::lower].sum());
    block[at_top][r] = T(sum[of::top].sum());
    block[at_cost][r] = T(cost);
    block[at_entropy][r] = Entropy ? T(sum[of::entropy].sum()) : T(0);
    block[at_mixed][r] = Mixed ? T(sum[of::mixed].sum()) : T(0);
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
      const V base = base_of(m);
      V rest = V(0), ties = V(0), sum[of_weights::count];
      for (V& s : sum) s = V(0);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        const std::ptrdiff_t at = j * tile + r;
        const V x = load(logits + at);
        const V exponential = term(x, ref);
        add_term(x, exponential, m, rest, ties);
        store(exponential, e + at);
        if (weighted && any_weights) {
          const V w = weight(x, in, [&](const T* p) UFL_INLINE { return load(p + at); });
          add_weight<Mixed, Entropy, true>(
              x, w, base, m, [&]() UFL_INLINE { return exponential; },
              [&](int s) UFL_INLINE { return sum + s; });
        }
      }
      const auto put = [&](int which, V x) UFL_INLINE { store(x, block[which] + r); };
      put(at_max, m);
      put(at_c, ref.c);
      put(at_k, ref.k);
      put(at_unit, term(m, ref));
      put(at_rest, rest);
      put(at_ties, ties);
      put(at_lower, sum[of_weights::lower]);
      put(at_top, sum[of_weights::top]);
      put(at_cost, sum[of_weights::cost]);
      put(at_entropy, Entropy ? sum[of_weights::entropy] : V(0));
      put(at_mixed, Mixed ? sum[of_weights::mixed] : V(0));
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
  void settle_one(int r) override {
    UFL_UNROLL for (int k = 0; k < totals_of<weighted>; ++k) row[k][r] = total_of_block(k, block[k][r]);
  }
  void add_block(int a, int b) override {
    double of_a[softmax_totals], of_b[softmax_totals];
    UFL_UNROLL for (int k = 0; k < totals_of<weighted>; ++k) {
      of_a[k] = row[k][a];
      of_b[k] = row[k][b];
    }
    merge<weighted>(of_a, of_b);
    UFL_UNROLL for (int k = 0; k < totals_of<weighted>; ++k) row[k][a] = of_a[k];
  }
};

UFL_END
