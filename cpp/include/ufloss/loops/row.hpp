// Row losses over strided arrays: they know strides, packs and sums, never a formula.
//
// Design:
// a) Rows of short_row elements and more are summed along the row, in virtual lanes that every instruction set adds in the same tree;
//    shorter ones lie side by side, a row in each lane.  Only the length chooses, so bits do not depend on layout, batch or registers.
// b) A long row is read in blocks that stay in the first-level cache.  Each block has its own reference; blocks are merged in double.
// c) What cannot be used as it lies (strides, float16, masks) is brought into a buffer one block at a time: no copy of the input.
// d) Masked elements are never looked at: they become -inf logits of weight 0.
#pragma once
#include "../core/row.hpp"
#include "elementwise.hpp"

UFL_BEGIN

constexpr int tile = 64;                   ///< most rows that are worked on together
constexpr int prefetch_bytes = 16384;      ///< how far ahead of the arithmetic a row is asked for: 0.25 became 0.16 ns an element

/// `outer` bytes from row to row, `core` bytes from element to element.
struct row_operand {
  char* data;
  std::ptrdiff_t outer, core;
  template <class S> UFL_FN S* at(std::ptrdiff_t row, std::ptrdiff_t i) const { return reinterpret_cast<S*>(data + row * outer + i * core); }
};
/// Where a row loop stopped: a label that is no class.
struct bad_label { long long label; std::ptrdiff_t row, classes; };

template <class T> UFL_FN native<T> iota() {
  alignas(64) static constexpr T numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return load(numbers);
}
/// Lanes from p, `pad` where they are beyond the k-th.
template <class T> UFL_FN native<T> load_padded(const T* p, std::ptrdiff_t k, T pad) {
  using V = native<T>;
  if (k >= lanes<T>) return load(p);
  if (k <= 0) return V(pad);
  return select(iota<T>() < V(T(k)), load_some(p, int(k)), V(pad));
}
template <class T> UFL_FN void store_padded(native<T> v, T* p, std::ptrdiff_t k) {
  if (k >= lanes<T>) store(v, p);
  else if (k > 0) store_some(v, p, int(k));
}
/// f(p, i) for the packs of the virtual lanes: `load(j, i)` loads pack i of a chunk from element j on.
template <class T, int Lanes = virtual_lanes<T>> struct chunks {
  static constexpr int packs = Lanes / lanes<T>;
  template <class F> static UFL_FN void each(F f) {
    UFL_UNROLL for (int i = 0; i < packs; ++i) f(i);
  }
  /// body(i, j, k): pack i of the virtual lanes, at element j, of which k are left: a full pack where k >= lanes.
  template <class F> static UFL_FN void over(std::ptrdiff_t n, F body) {
    std::ptrdiff_t j = 0;
    for (; j + Lanes <= n; j += Lanes) UFL_UNROLL for (int i = 0; i < packs; ++i) body(i, j + i * lanes<T>, std::ptrdiff_t(lanes<T>));
    if (j < n) UFL_UNROLL for (int i = 0; i < packs; ++i) body(i, j + i * lanes<T>, n - j - i * lanes<T>);
  }
  /// Lane i and lane i + Lanes/2, and so on by halves.
  static UFL_FN T sum(native<T>* a) {
    UFL_UNROLL for (int w = packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) a[i] = a[i] + a[i + w];
    return sum_of_lanes(a[0]);
  }
};

template <class L> constexpr int count_role(role kind, bool along) {
  int n = 0;
  for (const argument& a : L::args) n += a.kind == kind && a.along == along;
  return n;
}
template <class L> constexpr int count_along() {
  int n = 0;
  for (const argument& a : L::args) n += a.along;
  return n;
}

// --- softmax rows -----------------------------------------------------------------------------------------------------------------------
// Terms are exp(x - c) 2^(bias - k) with 2^k near the largest: the reference is a power of two, so that x - m is never rounded.  c is 0,
// or the largest logit where that is far from 0; then the difference is exact for every element that counts.
template <class T> struct softmax_limits;
template <> struct softmax_limits<float> { static constexpr float bias = 100, far = 256, lowest = -125, up = 0x1p100f, down = 0x1p-100f; };
template <> struct softmax_limits<double> { static constexpr double bias = 900, far = 4096, lowest = -1021, up = 0x1p900, down = 0x1p-900; };

template <class V> struct reference { V c, k, base, lowest; };
template <class V> UFL_FN reference<V> reference_of(V m) {
  using T = scalar_t<V>;
  using limits = softmax_limits<T>;
  const V c = select((abs(m) >= V(limits::far)) & (abs(m) < inf<V>()), m, V(0)), magic = V(exp_of<V>::round);
  const V k = select(m == neg(inf<V>()), V(0), fma(m - c, V(exp_of<V>::log2e), magic) - magic), shift = V(limits::bias) - k;
  return {c, k, magic + shift, (V(limits::lowest) - shift) * V(exp_of<V>::ln2_hi + exp_of<V>::ln2_lo)};
}
template <class V> UFL_FN V term(V x, reference<V> r) { return exp_shifted(x - r.c, r.base, r.lowest); }

/// exp(x) 2^-bias of such a term in double, for its place in a row of reference a: exactly a power of two where both have the same c.
template <class D> UFL_FN D change(D c_from, D k_from, D c_to, D k_to) {
  const auto e = exp_parts(two<D>{gap(c_from, c_to), D(0)});
  return scale_by(e.p, clamp(e.n + (k_from - k_to), D(-2000), D(2000)));
}

/// Sums of one block of one row, in its own type; `unit` is the term of the largest, c and k its reference.
enum softmax_sum { at_max, at_c, at_k, at_unit, at_rest, at_ties, at_lower, at_top, at_cost, at_mixed, softmax_sums };
/// The same of a whole row, in double and without the bias; and what comes from elsewhere.
enum softmax_total { of_max, of_c, of_k, of_unit, of_rest, of_ties, of_lower, of_top, of_cost, of_mixed, of_label, of_count, of_parameter, softmax_totals = of_parameter + 3 };

template <class L, class T> struct softmax_tile {
  using V = native<T>;
  using D = wide_t<V>;
  using limits = softmax_limits<T>;
  static constexpr bool weighted = L::weighted;
  alignas(64) T block[softmax_sums][tile];
  alignas(64) double row[softmax_totals][tile];
  alignas(64) T scale[tile];               // terms to probabilities, but for 2^-bias
  alignas(64) T coefficient[L::coefficients ? L::coefficients : 1][tile];
  alignas(64) T miss[tile];                // 1 - P of the single largest, NaN where there are several
  alignas(64) T own[tile], value[tile];
  alignas(64) double share[tile];          // 1 over the sum of all terms
  static constexpr int parameters = count_role<L>(role::parameter, false);
  static_assert(parameters <= softmax_totals - of_parameter, "raise softmax_totals");

  static UFL_FN T largest(const T* x, std::ptrdiff_t n) {
    using C = chunks<T>;
    V top[C::packs];
    C::each([&](int i) UFL_INLINE { top[i] = neg(inf<V>()); });
    C::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE { top[i] = max(top[i], load_padded(x + j, k, T(-__builtin_inf()))); });
    UFL_UNROLL for (int w = C::packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) top[i] = max(top[i], top[i + w]);
    return max_of_lanes(top[0]);
  }
  /// One block of a long row into block[...][r]; the terms go to e unless that is null.
  UFL_NOINLINE void fold(int r, const T* x, const T* y, std::ptrdiff_t n, T* e) {
    using C = chunks<T>;
    constexpr T none = T(-__builtin_inf());
    const V m = V(largest(x, n));
    const auto ref = reference_of(m);
    V rest[C::packs];
    int ties = 0;
    C::each([&](int i) UFL_INLINE { rest[i] = V(0); });
    const auto sweep = [&](auto far, auto keep) UFL_INLINE {
      C::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE {
        if (i * sizeof(V) % 64 == 0) UFL_PREFETCH(reinterpret_cast<const char*>(x + j) + prefetch_bytes + i * sizeof(V));
        const V v = load_padded(x + j, k, none), t = exp_shifted(decltype(far)::value ? v - ref.c : v, ref.base, ref.lowest);
        const auto top = v == m;
        rest[i] = rest[i] + select(top, V(0), t);
        ties += count(top);
        if constexpr (decltype(keep)::value) store_padded(t, e + j, k);
      });
    };
    if (UFL_UNLIKELY(!all(ref.c == V(0)))) e ? sweep(std::true_type{}, std::true_type{}) : sweep(std::true_type{}, std::false_type{});
    else e ? sweep(std::false_type{}, std::true_type{}) : sweep(std::false_type{}, std::false_type{});
    block[at_max][r] = first_lane(m);
    block[at_c][r] = first_lane(ref.c);
    block[at_k][r] = first_lane(ref.k);
    block[at_unit][r] = first_lane(term(m, ref));
    block[at_rest][r] = C::sum(rest);
    // (Padding counts as ties where the whole block is -inf; such a block has no sum to get wrong.)
    block[at_ties][r] = T(ties);
    if constexpr (weighted) {
      const V base = select(abs(m) < inf<V>(), m, V(0));
      V lower[C::packs], top[C::packs], cost[C::packs], mixed[C::packs];
      C::each([&](int i) UFL_INLINE { lower[i] = top[i] = cost[i] = mixed[i] = V(0); });
      C::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE {
        const V v = load_padded(x + j, k, none), w = load_padded(y + j, k, T(0));
        const auto at_top = v == m;
        lower[i] = lower[i] + select(at_top, V(0), w);
        top[i] = top[i] + select(at_top, w, V(0));
        cost[i] = cost[i] + weigh(w, base - v);
        if constexpr (L::mixed) mixed[i] = mixed[i] + select(at_top, V(0), w * term(v, ref));
      });
      block[at_lower][r] = C::sum(lower);
      block[at_top][r] = C::sum(top);
      block[at_cost][r] = C::sum(cost);
      block[at_mixed][r] = C::sum(mixed);
    }
  }
  /// `rows` short rows, element j of row r at x[j * tile + r].
  UFL_NOINLINE void fold_short(int rows, const T* x, const T* y, std::ptrdiff_t n, T* e) {
    for (int r = 0; r < rows; r += lanes<T>) {
      V m = load(x + r);
      for (std::ptrdiff_t j = 1; j < n; ++j) m = max(load(x + j * tile + r), m);
      // max keeps its first argument where one is NaN: a NaN that came last is dropped again, but its term is not
      const auto ref = reference_of(m);
      V rest = V(0), ties = V(0), lower = V(0), top = V(0), cost = V(0), mixed = V(0);
      const V base = select(abs(m) < inf<V>(), m, V(0));
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        const V v = load(x + j * tile + r), t = term(v, ref);
        const auto at_top = v == m;
        rest = rest + select(at_top, V(0), t);
        ties = ties + select(at_top, V(1), V(0));
        store(t, e + j * tile + r);
        if constexpr (weighted) {
          const V w = load(y + j * tile + r);
          lower = lower + select(at_top, V(0), w);
          top = top + select(at_top, w, V(0));
          cost = cost + weigh(w, base - v);
          if constexpr (L::mixed) mixed = mixed + select(at_top, V(0), w * t);
        }
      }
      const V sums[] = {m, ref.c, ref.k, term(m, ref), rest, ties, lower, top, cost, mixed};
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
        for (int k : {0, 1, 2}) set_total(of_lower + k, r, load_wide(block[at_lower + k] + r));
        set_total(of_mixed, r, load_wide(block[at_mixed] + r) * down);
      }
    }
  }
  /// Adds to row a the totals in row b, those of one more block.
  void merge(int a, int b) {
    const auto get = [&](int which, int r) -> double& { return row[which][r]; };
    if (get(of_max, b) > get(of_max, a))
      for (int k = 0; k <= of_mixed; ++k) { const double t = row[k][a]; row[k][a] = row[k][b]; row[k][b] = t; }
    const double drop = gap(get(of_max, a), get(of_max, b));
    if constexpr (weighted)      // a block of -inf has no reference; its cost is 0 or infinite by itself
      get(of_cost, a) += get(of_cost, b) + weigh(get(of_lower, b) + get(of_top, b), drop < inf<double>() ? drop : 0.0);
    if (drop == 0) {
      for (int k : {of_rest, of_ties}) get(k, a) += get(k, b);
      if constexpr (weighted) for (int k : {of_lower, of_top, of_mixed}) get(k, a) += get(k, b);
    } else if (drop < inf<double>()) {
      const double f = change(get(of_c, b), get(of_k, b), get(of_c, a), get(of_k, a));
      get(of_rest, a) += (get(of_rest, b) + get(of_ties, b) * get(of_unit, b)) * f;
      if constexpr (weighted) {
        get(of_mixed, a) += (get(of_mixed, b) + get(of_top, b) * get(of_unit, b)) * f;
        get(of_lower, a) += get(of_lower, b) + get(of_top, b);
      }
    } else {
      get(of_rest, a) += get(of_rest, b);                            // 0, or NaN
      if constexpr (weighted) get(of_lower, a) += get(of_lower, b) + get(of_top, b);
    }
  }
  /// Values of rows whose sums are complete, and where WithRows what spread() needs.  get(which, r) gives the totals from row r on; `bias`
  /// is what they carry.
  template <class D, bool WithRows, class Get, std::size_t... I> UFL_FN void finish_rows(int rows, D bias, Get get, std::index_sequence<I...>) {
    const auto put = [](D x, T* to) UFL_INLINE { store(narrow(x, V(0)), to); };
    for (int r = 0; r < rows; r += lanes<T>) {
      softmax_row<D> s{};
      s.max = get(of_max, r);
      s.ties = get(of_ties, r);
      const D unit = get(of_unit, r);
      s.rest = select(s.max == neg(inf<D>()), nan<D>(), get(of_rest, r) / unit + (s.ties - D(1)));
      s.count = get(of_count, r);
      if constexpr (L::labelled) s.label = get(of_label, r);
      if constexpr (weighted) {
        s.lower = get(of_lower, r);
        s.top = get(of_top, r);
        s.cost = get(of_cost, r);
        s.mixed = get(of_mixed, r) / unit;
      }
      const auto result = L::finish(s, get(of_parameter + int(I), r)...);
      put(result.value, value + r);
      if constexpr (WithRows) {
        for (int k = 0; k < L::coefficients; ++k) put(result.c[k], coefficient[k] + r);
        if constexpr (L::labelled) put(result.own, own + r);
        put(select(s.ties == D(1), s.miss(), nan<D>()), miss + r);
        const D share = bias / unit / s.total();
        put(share, scale + r);
        if constexpr (sizeof(scalar_t<D>) == 8) doubles<D>::store(share, this->share + r);
      }
    }
  }
  using parameter_indices = std::make_index_sequence<std::size_t(parameters)>;
  template <bool WithRows> UFL_NOINLINE void finish(int rows) {
    finish_rows<D, WithRows>(rows, D(1), [&](int which, int r) UFL_INLINE { return total(which, r); }, parameter_indices{});
  }
  /// Short rows are finished from their block's sums, in their own type.
  template <bool WithRows> UFL_NOINLINE void finish_short(int rows) {
    finish_rows<V, WithRows>(rows, V(limits::up), [&](int which, int r) UFL_INLINE {
      return which < of_label ? load(block[which] + r) : narrowed(total(which, r));
    }, parameter_indices{});
  }
  /// The scale of a block of row r whose largest logit is m.
  UFL_FN T scale_of(int r, T m) const {
    const auto ref = reference_of(V(m));
    return T(change(double(first_lane(ref.c)), double(first_lane(ref.k)), row[of_c][r], row[of_k][r]) * share[r]);
  }
  template <unsigned Parts, class Put> UFL_FN void put_jet(V x, V y, V t, V s, V m, V q, const V* c, Put put) const {
    const mask_t<V> top = (x == m) & (q == q);
    const V p = (t * s) * V(limits::down);
    const jet<V> j = L::spread(softmax_entry<V>{x, y, p, select(top, q, V(1) - p), top}, c);
    if constexpr (bool(Parts & part_value) && (L::properties & row_value) != 0) put(j.value);
    if constexpr (Parts & part_grad) put(j.grad);
    if constexpr (Parts & part_grad2) put(j.grad2);
    if constexpr (Parts & part_hess) put(j.hess);
    if constexpr (Parts & part_bound) put(j.hess_bound);
  }
  /// Row outputs of one block of row r, from its terms.  out[0] may be e itself.
  template <unsigned Parts> UFL_NOINLINE void spread(int r, T block_scale, const T* x, const T* y, std::ptrdiff_t n, const T* e, T* const* out) const {
    V c[L::coefficients ? L::coefficients : 1];
    for (int k = 0; k < L::coefficients; ++k) c[k] = V(coefficient[k][r]);
    const V s = V(block_scale), m = V(T(row[of_max][r])), q = V(miss[r]);
    chunks<T, lanes<T>>::over(n, [&](int, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE {
      int o = 0;
      const V v = load_padded(x + j, k, T(0)), w = weighted ? load_padded(y + j, k, T(0)) : V(0), t = load_padded(e + j, k, T(0));
      put_jet<Parts>(v, w, t, s, m, q, c, [&](V z) UFL_INLINE { store_padded(z, out[o++] + j, k); });
    });
  }
  /// The same for short rows side by side; output k of element j of row r at out[k][j * tile + r].
  template <unsigned Parts> UFL_NOINLINE void spread_short(int rows, const T* x, const T* y, std::ptrdiff_t n, const T* e, T* const* out) const {
    for (int r = 0; r < rows; r += lanes<T>) {
      V c[L::coefficients ? L::coefficients : 1];
      for (int k = 0; k < L::coefficients; ++k) c[k] = load(coefficient[k] + r);
      const V s = load(scale + r), m = load(block[at_max] + r), q = load(miss + r);
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        int o = 0;
        const std::ptrdiff_t at = j * tile + r;
        put_jet<Parts>(load(x + at), weighted ? load(y + at) : V(0), load(e + at), s, m, q, c, [&](V z) UFL_INLINE { store(z, out[o++] + at); });
      }
    }
  }
};

// --- the loop over rows ------------------------------------------------------------------------------------------------------------------
/// Outputs that have an entry for each element of the row, among these parts.
template <class L> constexpr int row_outputs(unsigned parts) { return count_parts(parts) - ((parts & part_value) && !(L::properties & row_value) ? 1 : 0); }

/// Elements [from, from + n) of row r as contiguous numbers: the operand itself, or a copy in `buffer` where it is strided, of another
/// type, or masked; masked elements are `pad`, and are not read.
template <class S, class T> UFL_FN const T* fetch(const row_operand& a, const row_operand* mask, std::ptrdiff_t r, std::ptrdiff_t from, std::ptrdiff_t n, T* buffer, T pad) {
  if constexpr (sizeof(S) == sizeof(T))
    if (!mask && a.core == std::ptrdiff_t(sizeof(T))) return a.at<T>(r, from);
  if (!mask) gather<S>(buffer, reinterpret_cast<const char*>(a.at<S>(r, from)), a.core, n);
  else
    for (std::ptrdiff_t i = 0; i < n; ++i) buffer[i] = *mask->at<char>(r, from + i) ? storage<S>::get(*a.at<S>(r, from + i)) : pad;
  return buffer;
}
UFL_FN std::ptrdiff_t count_selected(const row_operand& mask, std::ptrdiff_t r, std::ptrdiff_t n) {
  std::ptrdiff_t count = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) count += *mask.at<char>(r, i) != 0;
  return count;
}

template <class L, unsigned Parts, class S> struct row_loop {
  using T = typename storage<S>::compute;
  static constexpr int outputs = row_outputs<L>(Parts), nin = arity<L>;
  static constexpr bool has_value = count_parts(Parts) > outputs;
  static constexpr T none = T(-__builtin_inf());
  row_operand in[nin], out[count_parts(Parts)], mask_storage;
  const row_operand* mask = nullptr;
  std::ptrdiff_t rows, n;
  int along[2] = {-1, -1};                 // which arguments lie along the row
  int label = -1;
  int scalars[4] = {};                     // which are parameters

  /// args, dims, steps as NumPy hands them to the loop of a gufunc; the mask is the last input.
  row_loop(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked) : rows(dims[0]), n(dims[1]) {
    const std::ptrdiff_t* core = steps + nin + masked + count_parts(Parts);
    int lying = 0, loose = 0;
    for (int a = 0; a < nin; ++a) {
      in[a] = {args[a], steps[a], L::args[a].along ? *core++ : 0};
      if (L::args[a].along) along[lying++] = a;
      else if (L::args[a].kind == role::label) label = a;
      else scalars[loose++] = a;
    }
    if (masked) {
      mask_storage = {args[nin], steps[nin], *core++};
      mask = &mask_storage;
    }
    for (int k = 0; k < count_parts(Parts); ++k) out[k] = {args[nin + masked + k], steps[nin + masked + k], has_value && k == 0 ? 0 : *core++};
  }
  UFL_FN const row_operand& x() const { return in[along[0]]; }
  UFL_FN const row_operand& y() const { return in[L::weighted ? along[1] : along[0]]; }
  UFL_FN const row_operand& row_out(int k) const { return out[k + has_value]; }
  UFL_FN long long label_of(std::ptrdiff_t r) const { return *in[label].template at<long long>(r, 0); }
  UFL_FN bool selected(std::ptrdiff_t r, std::ptrdiff_t i) const { return !mask || *mask->template at<char>(r, i); }

  /// The first label that is no class, in a row that takes part.
  bool find_bad_label(bad_label* bad) const {
    if constexpr (L::labelled)
      for (std::ptrdiff_t r = 0; r < rows; ++r) {
        const long long l = label_of(r);
        if ((l < 0 || l >= n) && (!mask || count_selected(*mask, r, n) > 0)) { *bad = {l, r, n}; return true; }
      }
    return false;
  }
  /// What of row r does not lie along it, to place i of the tile.
  template <class Tile> UFL_FN void set_scalars(Tile& t, int i, std::ptrdiff_t r) const {
    t.row[of_count][i] = double(mask ? count_selected(*mask, r, n) : n);
    if constexpr (L::labelled) {
      const long long l = label_of(r);
      const bool known = l >= 0 && l < n && selected(r, l);
      t.row[of_label][i] = known ? double(storage<S>::get(*x().template at<S>(r, l))) : -__builtin_inf();
    }
    for (int k = 0; k < Tile::parameters; ++k) t.row[of_parameter + k][i] = double(storage<S>::get(*in[scalars[k]].template at<S>(r, 0)));
  }
  template <class Tile> UFL_FN void put_value(const Tile& t, int i, std::ptrdiff_t r) const {
    if constexpr (has_value) *out[0].template at<S>(r, 0) = storage<S>::put(t.row[of_count][i] == 0 ? T(0) : t.value[i]);
  }
  /// The gradient at the label, which is formed apart; and what is masked out.
  template <class Tile> UFL_FN void put_exceptions(const Tile& t, int i, std::ptrdiff_t r) const {
    if constexpr (L::labelled && (Parts & part_grad) != 0) {
      const long long l = label_of(r);
      if (l >= 0 && l < n && selected(r, l)) *row_out((Parts & part_value) && !has_value).template at<S>(r, l) = storage<S>::put(t.own[i]);
    }
    if (mask)
      for (int k = 0; k < outputs; ++k)
        for (std::ptrdiff_t j = 0; j < n; ++j) if (!selected(r, j)) *row_out(k).template at<S>(r, j) = storage<S>::put(T(L::masked));
  }

  /// Row r of an operand down a column of the tile.
  UFL_FN void place(const row_operand& a, std::ptrdiff_t r, T pad, T* column) const {
    const char* p = a.data + r * a.outer;
    if (mask) for (std::ptrdiff_t j = 0; j < n; ++j) column[j * tile] = selected(r, j) ? storage<S>::get(*a.template at<S>(r, j)) : pad;
    else for (std::ptrdiff_t j = 0; j < n; ++j) column[j * tile] = storage<S>::get(*reinterpret_cast<const S*>(p + j * a.core));
  }
  UFL_NOINLINE void run_short() const {
    softmax_tile<L, T> t{};
    alignas(64) T bx[short_row<T> * tile], by[L::weighted ? short_row<T> * tile : 1], be[short_row<T> * tile], bo[outputs ? outputs : 1][outputs ? short_row<T> * tile : 1];
    T* to[outputs ? outputs : 1];
    for (int k = 0; k < outputs; ++k) to[k] = bo[k];
    for (std::ptrdiff_t r0 = 0; r0 < rows; r0 += tile) {
      const int m = int(rows - r0 < tile ? rows - r0 : tile), padded = (m + lanes<T> - 1) / lanes<T> * lanes<T>;
      for (int i = 0; i < padded; ++i) {
        const std::ptrdiff_t r = r0 + (i < m ? i : m - 1);
        set_scalars(t, i, r);
        place(x(), r, none, bx + i);
        if constexpr (L::weighted) place(y(), r, T(0), by + i);
      }
      t.fold_short(padded, bx, by, n, be);
      t.template finish_short<(outputs > 0)>(padded);
      if constexpr (outputs > 0) {
        t.template spread_short<Parts>(padded, bx, by, n, be, to);
        for (int i = 0; i < m; ++i)
          for (int k = 0; k < outputs; ++k)
            for (std::ptrdiff_t j = 0; j < n; ++j) *row_out(k).template at<S>(r0 + i, j) = storage<S>::put(bo[k][j * tile + i]);
      }
      for (int i = 0; i < m; ++i) { put_value(t, i, r0 + i); if constexpr (outputs > 0) put_exceptions(t, i, r0 + i); }
    }
  }

  UFL_NOINLINE void run_long() const {
    constexpr std::ptrdiff_t most = block_length<T>, group = 16;
    constexpr int spare = tile - 1;        // the place of a block that is merged into its row
    softmax_tile<L, T> t{};
    alignas(64) T bx[most], by[L::weighted ? most : 1], terms[outputs ? 4 * most : 1], bo[outputs ? outputs : 1][outputs ? most : 1];
    const bool one_block = n <= most;
    const std::ptrdiff_t side_by_side = one_block ? (4 * most / n < group ? 4 * most / n : group) : 1;
    const bool direct = outputs > 0 && sizeof(S) == sizeof(T) && row_out(0).core == std::ptrdiff_t(sizeof(T));      // terms are kept where the first result goes
    const auto fetch_x = [&](std::ptrdiff_t r, std::ptrdiff_t b, std::ptrdiff_t k) { return fetch<S, T>(x(), mask, r, b, k, bx, none); };
    const auto fetch_y = [&](std::ptrdiff_t r, std::ptrdiff_t b, std::ptrdiff_t k) { return L::weighted ? fetch<S, T>(y(), mask, r, b, k, by, T(0)) : nullptr; };
    const auto length = [&](std::ptrdiff_t b) { return n - b < most ? n - b : most; };
    for (std::ptrdiff_t r0 = 0; r0 < rows; r0 += side_by_side) {
      const int m = int(rows - r0 < side_by_side ? rows - r0 : side_by_side);
      const auto keep = [&](int i, std::ptrdiff_t b) -> T* {
        if (outputs == 0) return nullptr;
        return direct ? row_out(0).template at<T>(r0 + i, b) : one_block ? terms + i * n : terms;
      };
      for (int i = 0; i < m; ++i) {
        set_scalars(t, i, r0 + i);
        t.fold(i, fetch_x(r0 + i, 0, length(0)), fetch_y(r0 + i, 0, length(0)), length(0), keep(i, 0));
      }
      t.settle(m);
      for (std::ptrdiff_t b = most; b < n; b += most) {              // one row: the others of the tile are free
        t.fold(0, fetch_x(r0, b, length(b)), fetch_y(r0, b, length(b)), length(b), direct ? keep(0, b) : nullptr);
        double kept[softmax_totals];
        for (int k = 0; k < softmax_totals; ++k) kept[k] = t.row[k][0];
        t.settle(1);
        for (int k = 0; k < softmax_totals; ++k) { t.row[k][spare] = t.row[k][0]; t.row[k][0] = kept[k]; }
        t.merge(0, spare);
      }
      t.template finish<(outputs > 0)>(m);
      if constexpr (outputs > 0)
        for (int i = 0; i < m; ++i)
          for (std::ptrdiff_t b = 0; b < n; b += most) {
            const std::ptrdiff_t k = length(b), r = r0 + i;
            const T *px = fetch_x(r, b, k), *py = fetch_y(r, b, k);
            T* e = keep(i, b);
            if (!one_block && !direct) t.fold(i, px, py, k, e);
            T s = t.scale[i];
            if (!one_block) s = t.scale_of(i, softmax_tile<L, T>::largest(px, k));
            T* to[outputs];
            for (int o = 0; o < outputs; ++o) {
              const bool fits = sizeof(S) == sizeof(T) && row_out(o).core == std::ptrdiff_t(sizeof(T));
              to[o] = fits ? row_out(o).template at<T>(r, b) : bo[o];
            }
            t.template spread<Parts>(i, s, px, py, k, e, to);
            for (int o = 0; o < outputs; ++o)
              if (to[o] == bo[o]) scatter<S>(bo[o], reinterpret_cast<char*>(row_out(o).template at<S>(r, b)), row_out(o).core, k);
          }
      for (int i = 0; i < m; ++i) { put_value(t, i, r0 + i); if constexpr (outputs > 0) put_exceptions(t, i, r0 + i); }
    }
  }
};

/// Loss L over rows, the parts of its jet in the order value, grad, grad2, hess, hess_bound.  False: a label is no class, and nothing was
/// computed.
template <class L, unsigned Parts, class S> UFL_FN bool rows(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked, bad_label* bad) {
  static_assert((L::parts & Parts) == Parts, "the loss has no such derivative");
  if (dims[0] <= 0) return true;
  const row_loop<L, Parts, S> loop(args, dims, steps, masked);
  if (dims[1] <= 0) { *bad = {0, 0, 0}; return false; }
  if (loop.find_bad_label(bad)) return false;
  if (dims[1] < short_row<typename row_loop<L, Parts, S>::T>) loop.run_short();
  else loop.run_long();
  return true;
}

UFL_END
