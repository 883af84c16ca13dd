// Rows of logits: exponentials, their sum without the largest, and weights beside them.
//
// Terms are exp(x - c) 2^(bias - k) with 2^k near the largest: the reference is a power of two, so that x - m
// is never rounded.  c is 0, or the largest logit where that is far from 0; then the difference is exact for
// every element that counts.
#pragma once
#include "ufloss/kinds/row/tile.hpp"

UFL_BEGIN

template <class T> struct softmax_limits;
template <> struct softmax_limits<float> {
  static constexpr float bias = 100, far = 256, lowest = -125, up = 0x1p100f, down = 0x1p-100f;
};
template <> struct softmax_limits<double> {
  static constexpr double bias = 900, far = 4096, lowest = -1021, up = 0x1p900, down = 0x1p-900;
};

template <class V> struct reference {
  V c, k, base, lowest;
};
template <class V> UFL_FN reference<V> reference_of(V m) {
  using T = scalar_t<V>;
  using limits = softmax_limits<T>;
  // beside an infinite logit no other may overflow, which would make NaN of the row: c is the largest number
  // then
  const mask_t<V> far = abs(m) >= V(limits::far), some = m > neg(inf<V>());
  const V c = select(far & some, min(m, V(format_of<V>::largest)), V(0)), magic = V(exp_of<V>::round);
  const V k = select(abs(m) == inf<V>(), V(0), fma(m - c, V(exp_of<V>::log2e), magic) - magic),
          shift = V(limits::bias) - k;
  return {c, k, magic + shift, (V(limits::lowest) - shift) * V(exp_of<V>::ln2_hi + exp_of<V>::ln2_lo)};
}
template <class V> UFL_FN V term(V x, reference<V> r) { return exp_shifted(x - r.c, r.base, r.lowest); }

/// exp(x) 2^-bias of such a term in double, for its place in a row of reference a: exactly a power of two
/// where both have the same c. Where one of them has a c and the other has not, c is at least `far` in size
/// and k may make up for it: so the difference is not cut off before it is too large for that, whatever k is.
template <class D> UFL_FN scaled<D> change(D c_from, D k_from, D c_to, D k_to) {
  constexpr double enough = softmax_limits<double>::far + 904;
  const auto e = exp_parts(two<D>{difference_or_zero(c_from, c_to), D(0)}, D(enough));
  return {e.p, e.n + (k_from - k_to)};
}
/// x times that, rounded once where it is subnormal.
template <class D> UFL_FN D changed(D x, scaled<D> f) { return scale_far(x * f.p, f.n); }

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

/// The sums, which are the same for all losses with as many operands along the row.
template <class T, int Along, bool Mixed, bool Entropy, bool Uniform>
struct softmax_tile_sums : tile_base<T> {
  using V = native<T>;
  using D = wide_t<V>;
  using limits = softmax_limits<T>;
  static constexpr bool weighted = Along > 1 || Uniform;
  alignas(64) T block[softmax_sums][tile];
  alignas(64) double row[softmax_totals][tile];
  /// The weight of an element x: y, or y times a weight of its own.
  template <class Load> static UFL_FN V weight(V x, const T* const* in, Load load) {
    if constexpr (Uniform) return select(x > neg(inf<V>()), V(1), V(0));
    else if constexpr (Along == 1) return V(0);
    else if constexpr (Along == 2) return load(in[1]);
    else return load(in[1]) * load(in[2]);
  }
  /// Uniform weights count for nothing where the first scalar is 0.
  UFL_FN bool wants_weights(int r) const { return !Uniform || this->scalar[0][r] != 0; }
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
  /// One block of a long row into block[...][r]; the terms go to e unless that is null.
  UFL_NOINLINE void fold(int r, const T* const* in, std::ptrdiff_t, std::ptrdiff_t n, T* e) {
    const T* const x = in[0];
    const auto pad = [](int) UFL_INLINE { return T(-__builtin_inf()); };
    const V m = V(largest(x, n));
    const auto ref = reference_of(m);
    long_sum<T> rest;
    V ties = V(0);
    const auto sweep = [&](auto far, auto store_terms) UFL_INLINE {
      add_long<T, 1, 1>(&rest, in, n, pad,
                        [&](auto& part, const T* const* p, std::ptrdiff_t j, int i) UFL_INLINE {
                          const std::ptrdiff_t at = j + i * lanes<T>;
                          if (i * sizeof(V) % 64 == 0)
                            UFL_PREFETCH(reinterpret_cast<const char*>(x + at) + prefetch_bytes);
                          const V v = load(p[0] + i * lanes<T>),
                                  t = exp_shifted(decltype(far)::value ? v - ref.c : v, ref.base, ref.lowest);
                          const auto top = v == m;
                          part[0][i] = part[0][i] + zero_where(top, t);
                          ties = ties + zero_unless(top, V(1));
                          if constexpr (decltype(store_terms)::value) {
                            if (n - at >= lanes<T>) store(t, e + at);
                            else if (n - at > 0) store_some(t, e + at, int(n - at));
                          }
                        });
    };
    if (UFL_UNLIKELY(!all(ref.c == V(0))))
      e ? sweep(std::true_type{}, std::true_type{}) : sweep(std::true_type{}, std::false_type{});
    else e ? sweep(std::false_type{}, std::true_type{}) : sweep(std::false_type{}, std::false_type{});
    block[at_max][r] = first_lane(m);
    block[at_c][r] = first_lane(ref.c);
    block[at_k][r] = first_lane(ref.k);
    block[at_unit][r] = first_lane(term(m, ref));
    block[at_rest][r] = T(rest.sum());
    // (Padding counts as ties where the whole block is -inf; such a block has no sum to get wrong.)
    block[at_ties][r] = sum_of_lanes(ties);
    if constexpr (weighted) {
      if (!wants_weights(r)) {
        for (int k : {at_lower, at_top, at_cost, at_entropy, at_mixed}) block[k][r] = 0;
        return;
      }
      const V base = select(abs(m) < inf<V>(), m, V(0));
      enum { lower, top, cost, mixed, entropy = mixed + Mixed, sums = entropy + Entropy };
      long_sum<T> sum[sums];
      const auto pad_weighed = [&](int a) UFL_INLINE {
        return a == 0 ? first_lane(Uniform ? V(-inf<T>()) : base) : T(0);
      };
      const auto weigh_all = [&](auto careful) UFL_INLINE {
        add_long<T, sums, Along>(
            sum, in, n, pad_weighed, [&](auto& part, const T* const* p, std::ptrdiff_t, int i) UFL_INLINE {
              const V v = load(p[0] + i * lanes<T>),
                      w = weight(v, p, [&](const T* y) UFL_INLINE { return load(y + i * lanes<T>); }),
                      below = base - v;
              const auto at_top = v == m;
              const auto add = [&](int s, V x) UFL_INLINE { part[s][i] = part[s][i] + x; };
              add(lower, zero_where(at_top, w));
              add(top, zero_unless(at_top, w));
              part[cost][i] =
                  fma(w, decltype(careful)::value ? zero_where((w == V(0)) & (v == v), below) : below,
                      part[cost][i]);
              if constexpr (Entropy) add(entropy, zero_where(w == V(0), w * log(w)));
              if constexpr (Mixed) add(mixed, zero_where(at_top, w * term(v, ref)));
            });
      };
      weigh_all(std::bool_constant<Uniform>{});
      double total_cost = sum[cost].sum();
      if (!Uniform &&
          UFL_UNLIKELY(total_cost !=
                       total_cost)) {  // of NaN, or of a weight of 0 where a logit is -inf, which counts 0
        for (auto& s : sum) s = long_sum<T>();
        weigh_all(std::true_type{});
        total_cost = sum[cost].sum();
      }
      block[at_lower][r] = T(sum[lower].sum());
      block[at_top][r] = T(sum[top].sum());
      block[at_cost][r] = T(total_cost);
      block[at_entropy][r] = Entropy ? T(sum[entropy].sum()) : T(0);
      block[at_mixed][r] = Mixed ? T(sum[mixed].sum()) : T(0);
    }
  }
  /// `rows` short rows, element j of row r of an operand at [j * tile + r].
  UFL_NOINLINE void fold_short(int rows, const T* const* in, std::ptrdiff_t n, T* e) {
    const T* const x = in[0];
    bool weigh_all = !Uniform;
    for (int r = 0; r < rows; ++r) weigh_all = weigh_all || wants_weights(r);
    for (int r = 0; r < rows; r += lanes<T>) {
      V m = load(x + r);
      for (std::ptrdiff_t j = 1; j < n; ++j) m = max(load(x + j * tile + r), m);
      // max keeps its first argument where one is NaN: a NaN that came last is dropped again, but its term is
      // not
      const auto ref = reference_of(m);
      V rest = V(0), ties = V(0), lower = V(0), top = V(0), cost = V(0), mixed = V(0), entropy = V(0);
      const V base = select(abs(m) < inf<V>(), m, V(0));
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        const V v = load(x + j * tile + r), t = term(v, ref);
        const auto at_top = v == m;
        rest = rest + zero_where(at_top, t);
        ties = ties + zero_unless(at_top, V(1));
        store(t, e + j * tile + r);
        if (weighted && weigh_all) {
          const V w = weight(v, in, [&](const T* p) UFL_INLINE { return load(p + j * tile + r); });
          lower = lower + zero_where(at_top, w);
          top = top + zero_unless(at_top, w);
          cost = fma(w, zero_where((w == V(0)) & (v == v), base - v), cost);
          if constexpr (Entropy) entropy = entropy + zero_where(w == V(0), w * log(w));
          if constexpr (Mixed) mixed = mixed + zero_where(at_top, w * t);
        }
      }
      const V sums[] = {m, ref.c, ref.k, term(m, ref), rest, ties, lower, top, cost, entropy, mixed};
      for (int s = 0; s < softmax_sums; ++s) store(sums[s], block[s] + r);
    }
  }
  static UFL_FN D load_wide(const T* p) { return widen(load(p)); }
  static UFL_FN V narrowed(D x) { return narrow(x, V(0)); }
  UFL_FN D total(int which, int r) const { return doubles<D>::load(row[which] + r); }
  UFL_FN void set_total(int which, int r, D x) { doubles<D>::store(x, row[which] + r); }
  /// The sums of one block of each row as its totals.
  UFL_NOINLINE void settle(int rows) {
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
  /// Adds the block that was folded into place b to row a, which is settled.
  void add_block(int a, int b) {
    double kept[of_mixed + 1];
    for (int k = 0; k <= of_mixed; ++k) kept[k] = row[k][a];
    settle(b + 1);  // of a too, from its first block
    for (int k = 0; k <= of_mixed; ++k) row[k][a] = kept[k];
    merge(a, b);
  }
  /// Adds to row a the totals in row b, those of one more block.
  void merge(int a, int b) {
    const auto get = [&](int which, int r) -> double& { return row[which][r]; };
    if (get(of_max, b) > get(of_max, a))
      for (int k = 0; k <= of_mixed; ++k) {
        const double t = row[k][a];
        row[k][a] = row[k][b];
        row[k][b] = t;
      }
    if constexpr (weighted) get(of_entropy, a) += get(of_entropy, b);
    const double behind = difference_or_zero(get(of_max, a), get(of_max, b));
    if constexpr (weighted)  // a block of -inf has no reference; its cost is 0 or infinite by itself
      get(of_cost, a) += get(of_cost, b) + times_or_zero(get(of_lower, b) + get(of_top, b),
                                                         behind < inf<double>() ? behind : 0.0);
    if (behind == 0) {
      for (int k : {of_rest, of_ties}) get(k, a) += get(k, b);
      if constexpr (weighted)
        for (int k : {of_lower, of_top, of_mixed}) get(k, a) += get(k, b);
    } else if (behind < inf<double>()) {
      const auto f = change(get(of_c, b), get(of_k, b), get(of_c, a), get(of_k, a));
      get(of_rest, a) += changed(get(of_rest, b) + get(of_ties, b) * get(of_unit, b), f);
      if constexpr (weighted) {
        get(of_mixed, a) += changed(get(of_mixed, b) + get(of_top, b) * get(of_unit, b), f);
        get(of_lower, a) += get(of_lower, b) + get(of_top, b);
      }
    } else {
      get(of_rest, a) += get(of_rest, b);  // 0, or NaN
      if constexpr (weighted) get(of_lower, a) += get(of_lower, b) + get(of_top, b);
    }
  }
};

template <class L, class T>
struct softmax_tile : softmax_tile_sums<T, count_along<L>(), L::mixed, L::entropy, L::uniform> {
  using sums = softmax_tile_sums<T, count_along<L>(), L::mixed, L::entropy, L::uniform>;
  using sums::block;
  using sums::row;
  using sums::total;
  using sums::weight;
  using sums::weighted;
  using typename sums::D;
  using typename sums::limits;
  using typename sums::V;
  static constexpr int along = count_along<L>();
  static constexpr bool keeps_terms = true, needs_elements = true, has_next_pass = false;
  static constexpr double neutral(int k) { return k == 0 ? -__builtin_inf() : 0; }
  alignas(64) T scale[tile];  // terms to probabilities, but for 2^-bias
  alignas(64) T coefficient[L::coefficients ? L::coefficients : 1][tile];
  alignas(64) T miss[tile];        // 1 - P of the largest element where that is below 1/2, else NaN
  alignas(64) double share[tile];  // 1 over the sum of all terms

  /// Values of rows whose sums are complete, and where WithRows what spread() needs.  get(which, r) gives the
  /// totals from row r on, beside(a, r) what comes with them; `bias` is what the totals carry.
  template <class D, bool WithRows, class Get, class Beside, std::size_t... I>
  UFL_FN void finish_rows(int rows, D bias, Get get, Beside beside, std::index_sequence<I...>) {
    const auto put = [](D x, T* to) UFL_INLINE { store(narrow(x, V(0)), to); };
    for (int r = 0; r < rows; r += lanes<T>) {
      softmax_row<D> s{};
      s.max = get(of_max, r);
      s.ties = get(of_ties, r);
      const D unit = get(of_unit, r);
      const D rest = get(of_rest, r);
      s.unbounded = (abs(s.max) == inf<D>()) & (rest == rest);
      s.rest = select(abs(s.max) == inf<D>(), nan<D>(), rest / unit + (s.ties - D(1)));
      s.count = beside(this->count, r);
      if constexpr (L::labelled) s.label = beside(this->label, r);
      if constexpr (weighted) {
        s.lower = get(of_lower, r);
        s.top = get(of_top, r);
        s.cost = get(of_cost, r);
        s.entropy = get(of_entropy, r);
        s.mixed = get(of_mixed, r) / unit;
      }
      const auto result = L::finish(s, beside(this->scalar[I], r)...);
      put(result.value, this->value + r);
      if constexpr (WithRows) {
        for (int k = 0; k < L::coefficients; ++k) put(result.c[k], coefficient[k] + r);
        if constexpr (L::labelled) {
          put(result.grad_at_label, this->grad_at_label + r);
          put(result.hess_at_label, this->hess_at_label + r);
        }
        put(select((s.ties == D(1)) & (s.miss() <= D(0.5)), s.miss(), nan<D>()), miss + r);
        const D share = bias / unit / s.total();
        put(share, scale + r);
        if constexpr (sizeof(scalar_t<D>) == 8) doubles<D>::store(share, this->share + r);
      }
    }
  }
  using scalar_indices = std::make_index_sequence<std::size_t(count_scalars<L>())>;
  static UFL_FN D beside_wide(const double* a, int r) { return doubles<D>::load(a + r); }
  template <bool WithRows> UFL_NOINLINE void finish(int rows) {
    finish_rows<D, WithRows>(
        rows, D(1), [&](int which, int r) UFL_INLINE { return total(which, r); }, beside_wide,
        scalar_indices{});
  }
  /// Short rows are finished from their block's sums, in their own type.
  template <bool WithRows> UFL_NOINLINE void finish_short(int rows) {
    finish_rows<V, WithRows>(
        rows, V(limits::up), [&](int which, int r) UFL_INLINE { return load(block[which] + r); },
        [](const double* a, int r) UFL_INLINE { return narrow(beside_wide(a, r), V(0)); }, scalar_indices{});
  }
  /// The scale of a block of row r whose largest logit is m.
  UFL_FN T scale_of(int r, T m) const {
    const auto ref = reference_of(V(m));
    return T(changed(
        share[r], change(double(first_lane(ref.c)), double(first_lane(ref.k)), row[of_c][r], row[of_k][r])));
  }
  template <unsigned Parts, class Put>
  UFL_FN void put_jet(V x, V y, V t, V s, V m, V q, const V* c, Put put) const {
    const mask_t<V> top = (x == m) & (q == q);
    const V p = (t * s) * V(limits::down);
    const jet<V> j = L::spread(softmax_entry<V>{x, y, p, select(top, q, V(1) - p), top}, c);
    if constexpr (bool(Parts & part_value) && (L::properties & row_value) != 0) put(j.value);
    if constexpr (Parts & part_grad) put(j.grad);
    if constexpr (Parts & part_grad2) put(j.grad2);
    if constexpr (Parts & part_hess) put(j.hess);
    if constexpr (Parts & part_bound) put(positive_bound(j.hess_bound));
  }
  /// Row outputs of one block of row r, from its terms.  out[0] may be e itself.
  template <unsigned Parts>
  UFL_NOINLINE void spread(int r, const T* const* in, std::ptrdiff_t, std::ptrdiff_t n, const T* e,
                           T* const* out, bool whole) const {
    const T block_scale = whole ? scale[r] : scale_of(r, sums::largest(in[0], n));
    V c[L::coefficients ? L::coefficients : 1];
    for (int k = 0; k < L::coefficients; ++k) c[k] = V(coefficient[k][r]);
    const V s = V(block_scale), m = V(T(row[of_max][r])), q = V(miss[r]);
    const T* with_terms[along + 1] = {};
    for (int a = 0; a < along; ++a) with_terms[a] = in[a];
    with_terms[along] = e;
    chunks<T, lanes<T>>::template whole<along + 1>(
        with_terms, n, [](int) UFL_INLINE { return T(0); },
        [&](const T* const* p, std::ptrdiff_t j) UFL_INLINE {
          const V v = load(p[0]), w = weight(v, p, [](const T* y) UFL_INLINE { return load(y); });
          put_jet<Parts>(v, w, load(p[along]), s, m, q, c,
                         row_writer<T>{out, j, int(n - j < lanes<T> ? n - j : lanes<T>)});
        });
  }
  /// The same for short rows side by side; output k of element j of row r at out[k][j * tile + r].
  template <unsigned Parts>
  UFL_NOINLINE void spread_short(int rows, const T* const* in, std::ptrdiff_t n, const T* e,
                                 T* const* out) const {
    for (int r = 0; r < rows; r += lanes<T>) {
      V c[L::coefficients ? L::coefficients : 1];
      for (int k = 0; k < L::coefficients; ++k) c[k] = load(coefficient[k] + r);
      const V s = load(scale + r), m = load(block[at_max] + r), q = load(miss + r);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        const std::ptrdiff_t at = j * tile + r;
        const V v = load(in[0] + at);
        put_jet<Parts>(v, weight(v, in, [&](const T* p) UFL_INLINE { return load(p + at); }), load(e + at), s,
                       m, q, c, row_writer<T>{out, at, lanes<T>});
      }
    }
  }
};

template <class L, class T> struct tile_of<softmax_rows, L, T> {
  using type = softmax_tile<L, T>;
};

UFL_END
