// Rows of sums by a group of threads, or by one: the virtual lanes of kinds/row/sum_rows.hpp.
#pragma once
#include "ufloss/cuda/row_access.hpp"
#include "ufloss/kinds/row/sum_parts.hpp"

UFL_BEGIN
namespace gpu {

template <class O> struct sum_form {
  using L = typename O::loss;
  using T = typename O::T;
  using arguments = typename O::arguments;
  using row = typename O::row;
  using beside = typename O::beside;
  using terms = sum_terms<L, T>;
  using E = typename terms::E;
  static constexpr int width = 16;  ///< virtual lanes
  static constexpr int block_length = 8192 / int(sizeof(T));
  static constexpr int sums = terms::sums, coefficients = L::coefficients ? L::coefficients : 1;
  static constexpr bool has_next_pass = terms::has_next_pass;
  static constexpr int next_sums = has_next_pass ? L::next_sums : 1, states = has_next_pass ? L::states : 1;
  using lanes_of_row = group<width>;

  struct part {
    double sum[sums], lost[sums];
    double best, winner;  ///< the largest candidate, and where it stands
  };
  static UFL_DEVICE void merge_parts(part& a, part& b) {
    UFL_UNROLL for (int s = 0; s < sums; ++s) merge_sums(a.sum[s], a.lost[s], b.sum[s], b.lost[s]);
    if (L::needs_argmax && is_ahead(b.best, b.winner, a.best, a.winner)) {
      a.best = b.best;
      a.winner = b.winner;
    }
  }
  /// A row's sums, those of its last further pass, and what goes from pass to pass.
  struct state {
    double sum[sums], next[next_sums], kept[states], best, winner;
  };
  static UFL_DEVICE state begin(const part& p) {
    state s{};
    UFL_UNROLL for (int k = 0; k < sums; ++k) s.sum[k] = p.sum[k] + p.lost[k];
    s.best = p.best;
    s.winner = p.winner;
    return s;
  }
  struct finished {
    T value, grad_at_label, hess_at_label;
    T sound;  ///< 0, or NaN where the value is: added to every result
    double c[coefficients];
  };

  // --- elements -----
  template <class X> static UFL_DEVICE void elements(const T* from, X* x) {
    each_index<O::lying>([&](auto k) {
      constexpr int i = decltype(k)::value;
      x[i] = checked_element<L, i>(X(from[i]));
    });
  }
  /// visit(j, raw): the chunks of a block in their order, of each the lane's element; some are asked for
  /// before the first is used.
  template <class Visit>
  static UFL_DEVICE void each_chunk(const arguments& a, const row& w, long long from, int n, Visit visit) {
    constexpr int ahead = 4;
    UFL_ROLLED
    for (int first = 0; first < n; first += ahead * width) {
      T raw[ahead][O::lying];
      UFL_UNROLL for (int i = 0; i < ahead; ++i) {
        const int j = first + i * width + lanes_of_row::lane();
        O::load(a, w, from + j, j < n && O::counts(a, w, from + j), raw[i]);
      }
      UFL_UNROLL for (int i = 0; i < ahead; ++i) {
        const int chunk = first + i * width;
        if (chunk < n) visit(from + chunk + lanes_of_row::lane(), raw[i]);
      }
    }
  }
  static UFL_DEVICE void add_element(const E* x, double at, const beside& b, part& p) {
    terms::add_keeping(p.sum, p.lost, x, b.scalar);
    compete_for(x, at, b, p);
  }
  static UFL_DEVICE void compete_for(const E* x, double at, const beside& b, part& p) {
    if constexpr (L::needs_argmax) compete(double(L::candidate(x)), at, double(b.label), p.best, p.winner);
  }
  static UFL_DEVICE part none() {
    part p;
    UFL_UNROLL for (int s = 0; s < sums; ++s) p.sum[s] = p.lost[s] = 0;
    p.best = neg(inf<double>());
    p.winner = -1;
    return p;
  }

  // --- sums -----
  /// Of elements [from, from + n), in all lanes of the group.
  static UFL_DEVICE part fold(const arguments& a, const row& w, const beside& b, long long from, int n) {
    part p = none();
    each_chunk(a, w, from, n, [&](long long j, const T* raw) {
      E x[O::lying];
      elements(raw, x);
      add_element(x, double(j), b, p);
    });
    UFL_UNROLL for (int s = 0; s < sums; ++s) {
      p.sum[s] = lanes_of_row::sum(p.sum[s]);
      const double lost = terms::sums_wider_than_data ? 0.0 : lanes_of_row::sum(p.lost[s]);
      p.lost[s] = lost == lost ? lost : 0;  // of an infinite sum it is NaN
    }
    if constexpr (L::needs_argmax) UFL_UNROLL for (int distance = width / 2; distance; distance /= 2) {
        const double best = exchange_xor(p.best, distance), winner = exchange_xor(p.winner, distance);
        if (is_ahead(best, winner, p.best, p.winner)) {
          p.best = best;
          p.winner = winner;
        }
      }
    return p;
  }
  /// The row as its formula sees it.
  static UFL_DEVICE sum_row<double> row_of(const state& s, const beside& b) {
    return {s.sum, s.next, s.kept, s.best, b.count, b.at_label, terms::sums_wider_than_data, b.scalar};
  }
  /// Does the row ask for another pass?
  static UFL_DEVICE bool asks(state& s, const beside& b) {
    if constexpr (has_next_pass) {
      double kept[states];
      UFL_UNROLL for (int k = 0; k < states; ++k) kept[k] = s.kept[k];
      const bool more = L::next_pass(row_of(s, b), kept);
      UFL_UNROLL for (int k = 0; k < states; ++k) s.kept[k] = kept[k];
      return more && !b.is_masked_out();
    } else return false;
  }
  /// Its sums of elements [from, from + n), in all lanes of the group.
  static UFL_DEVICE void fold_next(const arguments& a, const row& w, const beside& b, const state& s,
                                   long long from, int n, double* sum) {
    UFL_UNROLL for (int k = 0; k < next_sums; ++k) sum[k] = 0;
    if constexpr (has_next_pass) {
      each_chunk(a, w, from, n, [&](long long j, const T* raw) {
        double x[O::lying];
        elements(raw, x);
        L::fold_next(sum, x, s.kept, L::labelled && j == b.label);
      });
      UFL_UNROLL for (int k = 0; k < next_sums; ++k) sum[k] =
          is_maximum(k) ? lanes_of_row::largest(sum[k]) : lanes_of_row::sum(sum[k]);
    }
  }
  static UFL_DEVICE bool is_maximum(int sum) { return sum >= next_sums - L::maxima; }
  static UFL_DEVICE void begin_pass(state& s) {
    UFL_UNROLL for (int k = 0; k < next_sums; ++k) s.next[k] = 0;
  }
  /// Blocks come in their order.
  static UFL_DEVICE void add_next(state& s, const double* sum) {
    UFL_UNROLL for (int k = 0; k < next_sums; ++k) {
      if (is_maximum(k)) s.next[k] = s.next[k] > sum[k] ? s.next[k] : sum[k];
      else s.next[k] += sum[k];
    }
  }

  // --- from sums to results -----
  template <int... I>
  static UFL_DEVICE auto formula(const sum_row<double>& s, const double* scalar, indices<I...>) {
    return L::finish(s, scalar[I]...);
  }
  static UFL_DEVICE finished finish(const state& s, const beside& b) {
    sum_row<double> r = row_of(s, b);
    r.parameter = nullptr;
    const auto result = formula(r, b.scalar, typename indices_to<O::scalars>::type{});
    finished f{};
    f.value = T(result.value);
    f.sound = T(result.value == result.value ? 0.0 : nan<double>());
    UFL_UNROLL for (int k = 0; k < L::coefficients; ++k) f.c[k] = result.c[k];
    if constexpr (L::labelled) {
      f.grad_at_label = T(result.grad_at_label) + f.sound;
      f.hess_at_label = T(result.hess_at_label) + f.sound;
    }
    return f;
  }
  static UFL_DEVICE void derivatives(const T* from, long long j, const beside& b, const state& s,
                                     const finished& f, T* y) {
    E x[O::lying], c[coefficients];
    elements(from, x);
    UFL_UNROLL for (int k = 0; k < L::coefficients; ++k) c[k] = E(f.c[k]);
    const row_marks<double> marks = {double(j) == s.winner, L::labelled && j == b.label};
    int k = 0;
    each_row_part<L, O::parts>(
        sum_jet<L>(x, c, marks), [&](E z) { y[k++] = T(z) + f.sound; },
        [&](E z) { y[k++] = positive_bound(T(z) + f.sound); });
  }
  /// Results of elements [from, from + n) of a row, by its group.
  static UFL_DEVICE void spread(const arguments& a, const row& w, const beside& b, const state& s,
                                const finished& f, long long from, int n, bool) {
    for (int j = lanes_of_row::lane(); j < n; j += width) {
      const bool counts = O::counts(a, w, from + j);
      T x[O::lying], y[O::results ? O::results : 1];
      O::load(a, w, from + j, counts, x);
      derivatives(x, from + j, b, s, f, y);
      O::put(a, w, from + j, y, counts, b, f);
    }
  }

  // --- short rows, by one thread -----
  /// x(j, to) gives the elements at j.
  template <class Elements>
  static UFL_DEVICE finished fold_short(Elements x, int n, const beside& b, state& s) {
    part p = none();
    T raw[O::lying];
    for (int j = 0; j < n; ++j) {
      E e[O::lying];
      x(j, raw);
      elements(raw, e);
      terms::add(p.sum, e, b.scalar);
      compete_for(e, double(j), b, p);
    }
    s = begin(p);
    if constexpr (has_next_pass)
      while (asks(s, b)) {
        begin_pass(s);
        for (int j = 0; j < n; ++j) {
          double e[O::lying];
          x(j, raw);
          elements(raw, e);
          L::fold_next(s.next, e, s.kept, L::labelled && j == b.label);
        }
      }
    return finish(s, b);
  }
  static UFL_DEVICE void spread_short(const T* x, long long j, const beside& b, const state& s,
                                      const finished& f, T* y) {
    derivatives(x, j, b, s, f, y);
  }
};

}  // namespace gpu
UFL_END
