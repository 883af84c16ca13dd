// Rows of logits by a group of threads, or by one: the virtual lanes of kinds/row/softmax_sums.hpp.
#pragma once
#include "ufloss/cuda/row_access.hpp"
#include "ufloss/kinds/row/softmax_parts.hpp"

UFL_BEGIN
namespace gpu {

/// A sum in one virtual lane.
template <class T> struct lane_sum {
  double total = 0, lost = 0;
  UFL_DEVICE void add(T part) { add_part(total, lost, part); }
  template <class Group> UFL_DEVICE double sum() const {
    return Group::sum(total) + (sizeof(T) == 8 ? Group::sum(lost) : 0.0);
  }
};

template <class O> struct softmax_form {
  using L = typename O::loss;
  using T = typename O::T;
  using arguments = typename O::arguments;
  using row = typename O::row;
  using beside = typename O::beside;
  static constexpr int width = 128 / int(sizeof(T));  ///< virtual lanes
  static constexpr int few = 8;                       ///< chunks that are added in T
  static constexpr int block_length = 8192 / int(sizeof(T));
  static constexpr bool weighted = O::lying > 1 || L::uniform, has_next_pass = false;
  using lanes_of_row = group<width>;
  using sums = weight_sums<L::mixed, L::entropy>;
  using limits = softmax_limits<T>;

  struct part {
    double total[totals_of<weighted>];
  };
  static UFL_DEVICE void merge_parts(part& a, part& b) { merge<weighted>(a.total, b.total); }
  struct state {
    part whole;
  };
  static UFL_DEVICE state begin(const part& p) { return {p}; }
  struct finished {
    T value, grad_at_label, hess_at_label;
    softmax_spread<L, T> all;
    double share, c, k;  ///< 1 over the sum of all terms, and the row's reference
  };

  static UFL_DEVICE bool wants_weights(const beside& b) {
    return weighted && !(L::uniform && b.scalar[0] == 0);
  }
  static UFL_DEVICE T weight(const T* x) {
    return weight_of<O::lying, L::uniform>(x[0], [&](int k) { return x[k]; });
  }

  // --- sums -----
  /// Of elements [from, from + n), in all lanes of the group.
  static UFL_DEVICE part fold(const arguments& a, const row& w, const beside& b, long long from, int n) {
    const int lane = lanes_of_row::lane();
    const bool weigh = wants_weights(b);
    T x[O::lying];
    T m = neg(inf<T>());
    for (int j = lane; j < n; j += width) m = lanes_of_row::larger(m, logit(a, w, from + j));
    m = lanes_of_row::largest(m);
    const reference<T> ref = reference_of(m);
    const T base = base_of(m);

    lane_sum<T> rest, sum[sums::count];
    T ties = 0;
    for (int first = 0; first < n; first += few * width) {
      T part_of_rest = 0, some[sums::count];
      for (T& s : some) s = T(0);
      const int end = n - first < few * width ? n : first + few * width;
      for (int chunk = first; chunk < end; chunk += width) {
        const int j = chunk + lane;
        O::load(a, w, from + j, j < n && O::counts(a, w, from + j), x);
        const T t = term(x[0], ref);
        add_term(x[0], t, m, part_of_rest, ties);
        if (weigh)
          add_weight<L::mixed, L::entropy, true>(
              x[0], weight(x), base, m, [&] { return t; }, [&](int s) { return some + s; });
      }
      rest.add(part_of_rest);
      UFL_UNROLL for (int s = 0; s < sums::count; ++s) sum[s].add(some[s]);
    }

    T all[softmax_sums] = {m, ref.c, ref.k, term(m, ref)};
    all[at_rest] = T(rest.template sum<lanes_of_row>());
    all[at_ties] = lanes_of_row::sum(ties);
    if constexpr (weighted) {
      all[at_lower] = T(sum[sums::lower].template sum<lanes_of_row>());
      all[at_top] = T(sum[sums::top].template sum<lanes_of_row>());
      all[at_cost] = T(sum[sums::cost].template sum<lanes_of_row>());
      if constexpr (L::entropy) all[at_entropy] = T(sum[sums::entropy].template sum<lanes_of_row>());
      if constexpr (L::mixed) all[at_mixed] = T(sum[sums::mixed].template sum<lanes_of_row>());
    }
    part p;
    UFL_UNROLL for (int s = 0; s < totals_of<weighted>; ++s) p.total[s] = total_of_block(s, all[s]);
    return p;
  }
  static UFL_DEVICE T logit(const arguments& a, const row& w, long long j) {
    return O::counts(a, w, j) ? O::number(a, w, 0, j) : O::neutral_prediction();
  }

  // --- from sums to results -----
  template <class D, int... I>
  static UFL_DEVICE auto formula(const softmax_row<D>& s, const double* scalar, indices<I...>) {
    return L::finish(s, D(scalar[I])...);
  }
  /// total(k): totals, which carry `bias`, or in a short row its sums.
  template <class D, class Total> static UFL_DEVICE finished finish(Total total, const beside& b, D bias) {
    const auto s = softmax_row_of<L, weighted, D>(total, D(b.count), D(b.at_label));
    const auto r = formula<D>(s, b.scalar, typename indices_to<O::scalars>::type{});
    const D share = bias / total(of_unit) / s.total();
    finished f{};
    f.value = T(r.value);
    f.grad_at_label = T(r.grad_at_label);
    f.hess_at_label = T(r.hess_at_label);
    f.all.scale = T(share);
    f.all.max = T(s.max);
    f.all.miss = T(known_miss(s));
    UFL_UNROLL for (int k = 0; k < L::coefficients; ++k) f.all.c[k] = T(r.c[k]);
    f.share = double(share);
    f.c = double(total(of_c));
    f.k = double(total(of_k));
    return f;
  }
  static UFL_DEVICE finished finish(const state& s, const beside& b) {
    const double* const total = s.whole.total;
    return finish<double>([&](int k) { return total[k]; }, b, 1.0);
  }
  static UFL_DEVICE void derivatives(const T* x, T exponential, const softmax_spread<L, T>& all, T* y) {
    int k = 0;
    each_row_part<L, O::parts>(
        all.of(x[0], weight(x), exponential), [&](T z) { y[k++] = z; },
        [&](T z) { y[k++] = positive_bound(z); });
  }
  /// Results of elements [from, from + n) of a row, by its group.
  static UFL_DEVICE void spread(const arguments& a, const row& w, const beside& b, const state&,
                                const finished& f, long long from, int n, bool whole) {
    T m = f.all.max;
    softmax_spread<L, T> all = f.all;
    if (!whole) {
      m = neg(inf<T>());
      for (int j = lanes_of_row::lane(); j < n; j += width)
        m = lanes_of_row::larger(m, logit(a, w, from + j));
      m = lanes_of_row::largest(m);
    }
    const reference<T> ref = reference_of(m);
    if (!whole) all.scale = scale_of_block(f.share, ref, f.c, f.k);
    for (int j = lanes_of_row::lane(); j < n; j += width) {
      const bool counts = O::counts(a, w, from + j);
      T x[O::lying], y[O::results ? O::results : 1];
      O::load(a, w, from + j, counts, x);
      derivatives(x, term(x[0], ref), all, y);
      O::put(a, w, from + j, y, counts, b, f);
    }
  }

  // --- short rows, by one thread -----
  /// x(j, to) gives the elements at j.
  template <class Elements>
  static UFL_DEVICE finished fold_short(Elements x, int n, const beside& b, state&) {
    T e[O::lying];
    x(0, e);
    T m = e[0];
    for (int j = 1; j < n; ++j) {
      x(j, e);
      m = lanes_of_row::larger(m, e[0]);
    }
    const reference<T> ref = reference_of(m);
    const T base = base_of(m);
    const bool weigh = wants_weights(b);
    T rest = 0, ties = 0, some[sums::count];
    for (T& s : some) s = T(0);
    for (int j = 0; j < n; ++j) {
      x(j, e);
      const T t = term(e[0], ref);
      add_term(e[0], t, m, rest, ties);
      if (weigh)
        add_weight<L::mixed, L::entropy, true>(
            e[0], weight(e), base, m, [&] { return t; }, [&](int s) { return some + s; });
    }
    const T all[softmax_sums] = {m,
                                 ref.c,
                                 ref.k,
                                 term(m, ref),
                                 rest,
                                 ties,
                                 some[sums::lower],
                                 some[sums::top],
                                 some[sums::cost],
                                 L::entropy ? some[sums::count - 1] : T(0),
                                 L::mixed ? some[sums::mixed] : T(0)};
    return finish<T>([&](int k) { return all[k]; }, b, T(limits::up));
  }
  static UFL_DEVICE void spread_short(const T* x, long long, const beside&, const state&, const finished& f,
                                      T* y) {
    derivatives(x, term(x[0], reference_of(f.all.max)), f.all, y);
  }
};

}  // namespace gpu
UFL_END
