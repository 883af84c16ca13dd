// Row losses as kernels: every loss, part and type by one text; row_plan.hpp chooses the schedule.
//
// A group of threads is the virtual lanes of a row, so sums are taken in the CPU's order and have its bits.
#pragma once
#include "ufloss/cuda/row_held.hpp"
#include "ufloss/cuda/row_sums.hpp"

UFL_BEGIN
namespace gpu {

template <class Form, class O> struct row_form;
template <class O> struct row_form<softmax_rows, O> {
  using type = softmax_form<O>;
};
template <class O> struct row_form<sum_rows, O> {
  using type = sum_form<O>;
};

/// Rows shorter than the virtual lanes, a thread each; tiles of them pass through shared memory.
template <class O> struct rows_in_threads {
  using F = typename row_form<typename O::loss::form, O>::type;
  using T = typename O::T;
  using arguments = typename O::arguments;
  /// Numbers from row to row of a tile: neighbouring threads begin in different banks.
  static UFL_DEVICE int pitch(int n) { return n | 1; }
  /// f(row, element): by neighbours in memory, all elements of the tile that lie along an operand.
  template <class Visit>
  static UFL_DEVICE void each_element(const arguments& a, int operand, int rows, Visit visit) {
    const int n = int(a.n), me = int(thread());
    const auto size = [](long long x) { return x < 0 ? -x : x; };
    if (size(a.along[operand]) > size(a.step[0][operand])) {
      if (me < rows)
        for (int j = 0; j < n; ++j) visit(me, j);
    } else {
      for (int i = me; i < rows * n; i += int(threads())) {
        const int r = int(quotient(unsigned(i), a.columns));
        visit(r, i - r * n);
      }
    }
  }

  static UFL_DEVICE void run(const arguments& a) {
    T* const tile = shared_memory<T>();
    const int n = int(a.n), me = int(thread()), size_of_tile = int(threads()) * pitch(n);
    UFL_ROLLED
    for (unsigned first = block() * threads(); first < unsigned(a.rows); first += blocks() * threads()) {
      const unsigned left = unsigned(a.rows) - first;
      const int rows = int(left < threads() ? left : threads());
      each_index<O::lying>([&](auto k) {
        constexpr int input = decltype(k)::value;
        constexpr double neutral = neutral_of<typename O::loss>(input);
        each_element(a, input, rows, [&](int r, int j) {
          const auto w = O::row_of(a, first + unsigned(r));
          tile[input * size_of_tile + r * pitch(n) + j] =
              O::counts(a, w, j) ? O::number(a, w, input, j) : T(neutral);
        });
      });
      sync_block();
      if (me < rows) run_row(a, O::row_of(a, first + unsigned(me)), tile + me * pitch(n), size_of_tile);
      sync_block();
      each_index<O::results>([&](auto k) {
        constexpr int which = decltype(k)::value, to = O::first_result + which;
        each_element(a, to, rows, [&](int r, int j) {
          const auto w = O::row_of(a, first + unsigned(r));
          *at<typename O::stored_type>(w.at[to] + j * a.along[to]) =
              O::stored(tile[which * size_of_tile + r * pitch(n) + j]);
        });
      });
      sync_block();
    }
  }
  /// A row at `x`, its other operands `apart` from one another; results take the place of what was read.
  static UFL_DEVICE void run_row(const arguments& a, const typename O::row& w, T* x, int apart) {
    const int n = int(a.n);
    int count = n;
    if constexpr (O::is_masked) {
      count = 0;
      for (int j = 0; j < n; ++j) count += O::counts(a, w, j);
    }
    auto b = O::beside_row(a, w, double(count));
    if constexpr (O::loss::labelled) b.at_label = double(b.label >= 0 ? x[b.label] : O::neutral_prediction());
    const auto elements = [&](int j, T* to) {
      UFL_UNROLL for (int k = 0; k < O::lying; ++k) to[k] = x[k * apart + j];
    };
    typename F::state s{};
    const auto f = F::fold_short(elements, n, b, s);
    O::put_value(w, f.value, b);
    if constexpr (O::results > 0)
      for (int j = 0; j < n; ++j) {
        const bool counts = O::counts(a, w, j);
        T e[O::lying], y[O::results];
        elements(j, e);
        F::spread_short(e, j, b, s, f, y);
        each_index<O::results>([&](auto k) {
          constexpr int which = decltype(k)::value;
          x[which * apart + j] = O::template result<which>(y[which], counts, b.is_label(j), b, f);
        });
      }
  }
};

/// Rows of one block, each by a group.
template <class O> struct rows_in_groups {
  using F = typename row_form<typename O::loss::form, O>::type;
  using G = typename F::lanes_of_row;
  using arguments = typename O::arguments;
  static UFL_DEVICE void run(const arguments& a) {
    const unsigned rows = unsigned(a.rows);
    const int n = int(a.n);
    // all groups of a warp go round as often
    UFL_ROLLED
    for (unsigned first = 0; first < rows; first += G::count()) {
      const bool live = G::number() < rows - first;
      const auto w = O::row_of(a, live ? first + G::number() : rows - 1);
      int count = n;
      if constexpr (O::is_masked) {
        count = 0;
        for (int j = G::lane(); j < n; j += F::width) count += O::counts(a, w, j);
        count = G::sum(count);
      }
      const auto b = O::beside_and_label(a, w, double(count));
      auto s = F::begin(F::fold(a, w, b, 0, n));
      if constexpr (F::has_next_pass) {
        bool asks = F::asks(s, b);
        while (any_of_warp(asks)) {
          double sum[F::next_sums];
          F::fold_next(a, w, b, s, 0, n, sum);
          if (asks) {
            F::begin_pass(s);
            F::add_next(s, sum);
            asks = F::asks(s, b);
          }
        }
      }
      const auto f = F::finish(s, b);
      if (!live) continue;
      if (G::lane() == 0) O::put_value(w, f.value, b);
      if constexpr (O::results > 0) F::spread(a, w, b, s, f, 0, n, true);
    }
  }
};

/// Rows of any length, a block of threads each.  Groups take blocks of the row, which are merged in pairs,
/// pairs of pairs and so on; results take a second reading.
template <class O> struct rows_in_passes {
  using F = typename row_form<typename O::loss::form, O>::type;
  using G = typename F::lanes_of_row;
  using arguments = typename O::arguments;
  using part = typename F::part;
  static constexpr int together = 32;  ///< blocks of a row that are folded before they are merged
  template <bool Passes, class Form> struct next_sums_of {
    double sum[together][Form::next_sums];
  };
  template <class Form> struct next_sums_of<false, Form> {};
  struct memory {
    part round[together];
    part open[40];  ///< parts of 32, 64, 128 blocks and so on, from the largest on
    next_sums_of<F::has_next_pass, F> next;
    typename O::beside beside;
    typename F::state state;
    typename F::finished finished;
    long long counted[32];
    int asks;
  };

  static_assert(sizeof(memory) <= row_passes_memory, "the plan knows no better");

  /// visit(i, from, n): block i of those that are folded together, by its group; n is 0 where there is none.
  template <class Visit> static UFL_DEVICE void each_block(long long n, long long first, Visit visit) {
    const int groups = int(threads()) / F::width, mine = int(thread()) / F::width;
    UFL_ROLLED
    for (int i = mine; i < together; i += groups) {
      const long long from = (first + i) * F::block_length, left = n - from;
      visit(i, from, int(left < 0 ? 0 : left < F::block_length ? left : F::block_length));
    }
  }
  static UFL_DEVICE double count_row(const arguments& a, const typename O::row& w, memory& m) {
    if constexpr (!O::is_masked) return double(a.n);
    long long count = 0;
    for (long long j = thread(); j < a.n; j += threads()) count += O::counts(a, w, j);
    count = group<warp_threads>::sum(count);
    if (thread() % warp_threads == 0) m.counted[thread() / warp_threads] = count;
    sync_block();
    count = 0;
    for (unsigned i = 0; i < threads() / warp_threads; ++i) count += m.counted[i];
    return double(count);
  }
  /// By the first warp.
  static UFL_DEVICE void merge_round(memory& m, int count, long long round, int& open) {
    const int me = int(thread());
    for (int apart = 1; apart < count; apart *= 2) {
      const int i = me * 2 * apart;
      if (i + apart < count) F::merge_parts(m.round[i], m.round[i + apart]);
      sync_warp();
    }
    if (me == 0) {
      m.open[open++] = m.round[0];
      for (long long alike = round; alike & 1; alike >>= 1, --open)
        F::merge_parts(m.open[open - 2], m.open[open - 1]);
    }
  }

  static UFL_DEVICE void run(const arguments& a) {
    memory& m = *shared_memory<memory>();
    const long long blocks_of_row = (a.n + F::block_length - 1) / F::block_length;
    UFL_ROLLED
    for (unsigned r = block(); r < unsigned(a.rows); r += blocks()) {
      const auto w = O::row_of(a, r);
      const double count = count_row(a, w, m);
      if (thread() == 0) m.beside = O::beside_and_label(a, w, count);
      sync_block();
      int open = 0;
      for (long long first = 0, round = 0; first < blocks_of_row; first += together, ++round) {
        each_block(a.n, first, [&](int i, long long from, int n) {
          const part p = F::fold(a, w, m.beside, from, n);
          if (n > 0 && G::lane() == 0) m.round[i] = p;
        });
        sync_block();
        const long long left = blocks_of_row - first;
        if (thread() < warp_threads) merge_round(m, int(left < together ? left : together), round, open);
        sync_block();
      }
      if (thread() == 0) {
        for (; open > 1; --open) F::merge_parts(m.open[open - 2], m.open[open - 1]);
        m.state = F::begin(m.open[0]);
      }
      if constexpr (F::has_next_pass) run_passes(a, w, m, blocks_of_row);
      if (thread() == 0) {
        m.finished = F::finish(m.state, m.beside);
        O::put_value(w, m.finished.value, m.beside);
      }
      sync_block();
      if constexpr (O::results > 0)
        for (long long first = 0; first < blocks_of_row; first += together)
          each_block(a.n, first, [&](int, long long from, int n) {
            F::spread(a, w, m.beside, m.state, m.finished, from, n, false);
          });
      sync_block();
    }
  }
  static UFL_DEVICE void run_passes(const arguments& a, const typename O::row& w, memory& m,
                                    long long blocks_of_row) {
    for (;;) {
      if (thread() == 0) {
        m.asks = F::asks(m.state, m.beside);
        if (m.asks) F::begin_pass(m.state);
      }
      sync_block();
      if (!m.asks) return;
      for (long long first = 0; first < blocks_of_row; first += together) {
        each_block(a.n, first, [&](int i, long long from, int n) {
          double sum[F::next_sums];
          F::fold_next(a, w, m.beside, m.state, from, n, sum);
          if (G::lane() == 0) UFL_UNROLL for (int k = 0; k < F::next_sums; ++k) m.next.sum[i][k] = sum[k];
        });
        sync_block();
        const long long left = blocks_of_row - first;
        if (thread() == 0)
          for (int i = 0; i < together && i < left; ++i) F::add_next(m.state, m.next.sum[i]);
        sync_block();
      }
    }
  }
};

}  // namespace gpu
UFL_END
