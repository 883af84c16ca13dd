// Every loss of every registry on plain floats and doubles at harmless points, and the loops around it: what
// a header-only user gets, compiled with xsimd on the include path and, as UFL_NO_XSIMD, without.
// compilers.py has it read by every compiler.
#include <cmath>
#include <vector>
#include "check.hpp"
#include "crossed.hpp"
#include "ufloss/kinds/lattice/loop.hpp"
#include "ufloss/kinds/list/loop.hpp"
#include "ufloss/kinds/pairs/loop.hpp"
#include "ufloss/reduce/sums.hpp"
#include "ufloss/ufloss.hpp"

using namespace ufloss;

namespace {

#if defined(UFL_NO_XSIMD)
static_assert(!UFL_HAS_XSIMD && lanes<float> == 1 && lanes<double> == 1, "a pack is one scalar");
#else
static_assert(UFL_HAS_XSIMD, "xsimd is on the include path");
#endif

double harmless(const argument& a, bool first) {  // inside every domain and off every kink
  if (a.fallback == a.fallback && a.kind == role::parameter) return a.fallback;
  switch (a.in) {
    case domain::real: return first ? 0.75 : 0.5;
    case domain::optional_unit:
    case domain::unit: return first ? 0.625 : 0.25;
    case domain::label:  // of row losses alone
    case domain::tweedie_target:
    case domain::nonnegative: return 1.25;
    case domain::positive: return 1.5;
    case domain::sign: return -1;
    case domain::truth: return 1;
    case domain::tweedie_power: return 1.5;
  }
  return 0;
}

// not inlined: one function a loss and type, which the compiler finishes sooner than one with all of them
template <class L, class T, std::size_t... I>
UFL_NOINLINE jet<T> at(const double* x, std::index_sequence<I...>) {
  return evaluate<L>(T(x[I])...);
}

template <class T, class L> void check_loss() {
  double x[arity<L>];
  for (int a = 0; a < arity<L>; ++a) x[a] = harmless(L::args[a], a == 0);
  constexpr auto all_args = std::make_index_sequence<std::size_t(arity<L>)>{};
  const jet<T> j = at<L, T>(x, all_args);  // 1e-5: 80 ulp of a float 1, and far below what a wrong term makes
  const char* type = sizeof(T) == 4 ? "float" : "double";
  const double value = double(j.value), exact = at<L, double>(x, all_args).value, step = 0x1p-10;
  check(std::fabs(value) < 100 && value != 0 && std::fabs(value - exact) <= 1e-5,
        "%s in %s: value %g, %g in double", L::name, type, value, exact);
  if (L::properties & nonnegative_value) check(value >= 0, "%s in %s: value %g", L::name, type, value);
  if (L::parts & part_grad) {  // no kink lies this close to the point
    x[0] += step;
    const double up = double(at<L, double>(x, all_args).value);
    x[0] -= 2 * step;
    const double down = double(at<L, double>(x, all_args).value);
    check(std::fabs(double(j.grad) - (up - down) / (2 * step)) < 1e-4, "%s in %s: grad %g, differences %g",
          L::name, type, double(j.grad), (up - down) / (2 * step));
  }
  if (L::parts & part_hess)  // sane; dual_check.cpp has what it must be
    check(std::fabs(double(j.hess)) < 100, "%s in %s: hess %g", L::name, type, double(j.hess));
  if (L::parts & part_bound)  // boosting divides by it
    check(double(j.hess_bound) > 0 && double(j.hess_bound) < 100, "%s in %s: hess_bound %g", L::name, type,
          double(j.hess_bound));
  if (L::parts & part_grad2)
    check(std::fabs(double(j.grad2)) < 100, "%s in %s: grad2 %g", L::name, type, double(j.grad2));
}
template <class... L> void check_all(loss_list<L...>) {
  ((check_loss<float, L>(), check_loss<double, L>()), ...);
}

/// The loops around them, where a pack may be one scalar: every length, broadcast, backwards, onto an input.
template <class T> void check_map() {
  const T delta = T(0.75);  // some |r| are equal to it, others on either side
  T x[70], y[70], value[70];
  for (int n = 0; n <= 70; ++n) {  // from no element to several packs and a part of one
    for (int i = 0; i < 70; ++i) {
      x[i] = T(i % 7) / 2 - T(1.5);
      y[i] = T(i % 5) / 4;
      value[i] = T(-7);
    }
    map<huber_loss, part_value | part_grad>(n, strided<const T>{x}, strided<T>{y},
                                            strided<const T>{&delta, 0},
                                            strided<T>{value + (n ? n - 1 : 0), -1}, strided<T>{y});
    for (int i = 0; i < 70; ++i) {
      const jet<T> j = evaluate<huber_loss>(x[i], T(i % 5) / 4, delta);
      check(i < n ? value[n - 1 - i] == j.value && y[i] == j.grad : value[i] == T(-7) && y[i] == T(i % 5) / 4,
            "map<huber_loss> of %d, at %d", n, i);
    }
  }
}

/// Every loss's own loop, over more than a pack and a part of one: near what evaluate() gives.
template <class S, class L> void check_elementwise() {
  using T = typename storage<S>::compute;
  constexpr unsigned parts = L::parts & (part_value | part_grad | part_grad2 | part_hess | part_bound);
  constexpr int n = 37, operands = arity<L> + count_parts(parts);  // n: whole packs and a part of every width
  S in[arity<L>], out[count_parts(parts)][n];
  char* args[operands];
  std::ptrdiff_t steps[operands] = {};
  double x[arity<L>];
  for (int a = 0; a < arity<L>; ++a) {
    in[a] = storage<S>::put(T(harmless(L::args[a], a == 0)));
    x[a] = double(storage<S>::get(in[a]));
    args[a] = reinterpret_cast<char*>(in + a);
  }
  for (int k = 0; k < count_parts(parts); ++k) {
    args[arity<L> + k] = reinterpret_cast<char*>(out[k]);
    steps[arity<L> + k] = sizeof(S);
  }
  elementwise<L, parts, S>(args, steps, n);
  const jet<double> j = at<L, double>(x, std::make_index_sequence<std::size_t(arity<L>)>{});
  int k = 0;
  const auto compare = [&](double want) {
    for (int i = 0; i < n; ++i) {
      const double got = double(storage<S>::get(out[k][i]));
      check(std::fabs(got - want) <= (sizeof(S) == 2 ? 2e-3 : 1e-5) * (1 + std::fabs(want)),
            "%s in %d bytes, output %d: %g, not %g", L::name, int(sizeof(S)), k, got, want);
    }
    ++k;
  };
  if constexpr (parts & part_value) compare(j.value);
  if constexpr (parts & part_grad) compare(j.grad);
  if constexpr (parts & part_grad2) compare(j.grad2);
  if constexpr (parts & part_hess) compare(j.hess);
  if constexpr (parts & part_bound) compare(j.hess_bound);
}

/// One row of a row loss: its value, or the sum of its values, and the outputs along the row.
template <class L, class S> struct one_row {
  static constexpr bool valued = (L::properties & row_value) == 0;  // else one along the row
  std::vector<std::vector<S>> in, out;
  long long label = 1;
  S value = storage<S>::put(0);
  explicit one_row(int n) {
    for (int a = 0; a < arity<L>; ++a) {
      in.emplace_back();
      const int m = L::args[a].along() ? n : 1;
      for (int i = 0; i < m; ++i) in.back().push_back(storage<S>::put(element(a, i)));
    }
  }
  /// No two elements are equal, nor close to a kink.
  static typename storage<S>::compute element(int a, int i) {
    const double x = harmless(L::args[a], a == 0);
    return static_cast<typename storage<S>::compute>(!L::args[a].along() ? x
                                                     : L::args[a].in == domain::real
                                                         ? x - (i * 7 % 40) / 16.0 + a * (i * 3 % 8) / 8.0
                                                         : x / (1 + i % 3));
  }
  template <unsigned Parts> double run() {
    const std::ptrdiff_t n = std::ptrdiff_t(in[0].size()), dims[] = {1, n}, size = sizeof(S);
    std::vector<char*> args;
    std::vector<std::ptrdiff_t> core;
    for (int a = 0; a < arity<L>; ++a) {
      args.push_back(L::args[a].kind == role::label ? reinterpret_cast<char*>(&label)
                                                    : reinterpret_cast<char*>(in[std::size_t(a)].data()));
      if (L::args[a].along()) core.push_back(size);
    }
    if constexpr (valued && (Parts & part_value)) args.push_back(reinterpret_cast<char*>(&value));
    out.assign(std::size_t(count_parts(Parts & ~(valued ? unsigned(part_value) : 0u))),
               std::vector<S>(std::size_t(n)));
    for (auto& o : out) {
      args.push_back(reinterpret_cast<char*>(o.data()));
      core.push_back(size);
    }
    std::vector<std::ptrdiff_t> steps(args.size());
    steps.insert(steps.end(), core.begin(), core.end());
    check(rows<L, Parts, S>(args.data(), dims, steps.data(), false).kind == fault_kind::none, "%s: refused",
          L::name);
    if constexpr (valued) return double(storage<S>::get(value));
    double sum = 0;
    for (const S& x : out[0]) sum += double(storage<S>::get(x));
    return sum;
  }
};
template <class S, class L> void check_row() {
  constexpr unsigned first = L::parts & (part_value | part_grad | part_grad2 | part_grad3),
                     second = L::parts & (part_grad | part_hess | part_bound);
  for (const int n : {5, 40}) {  // side by side, and by itself
    one_row<L, S> row(n);
    const double value = row.template run<first>(), exact = one_row<L, double>(n).template run<part_value>(),
                 tolerance = sizeof(S) == 2 ? 1e-2 : 1e-5;
    check(std::fabs(value - exact) <= tolerance * (1 + std::fabs(exact)),
          "%s in %d bytes, %d elements: %g, %g in double", L::name, int(sizeof(S)), n, value, exact);
    if constexpr (second != 0) {
      const auto slopes = row.out[0];
      for (int i = 0; i < n; ++i) {
        one_row<L, double> up(n), down(n);
        const double step = 0x1p-12, got = double(storage<S>::get(slopes[std::size_t(i)]));
        up.in[0][std::size_t(i)] += step;
        down.in[0][std::size_t(i)] -= step;
        const double want = (up.template run<part_value>() - down.template run<part_value>()) / (2 * step);
        check(std::fabs(got - want) <= (sizeof(S) == 2 ? 1e-2 : 1e-4),  // float16: 10 ulp of a 1
              "%s in %d bytes, gradient %d of %d: %g, differences %g", L::name, int(sizeof(S)), i, n, got,
              want);
      }
      row.template run<second>();
      for (const auto& o : row.out)
        for (const S& x : o)
          check(std::fabs(double(storage<S>::get(x))) < 100, "%s: derivative %g", L::name,
                double(storage<S>::get(x)));
    }
  }
}

/// Value and gradient of a loss that `run` computes from x and writes to g, against differences in double.
template <class Run>
void check_slopes(const char* name, std::vector<double> x, const std::vector<double>& g, double tolerance,
                  Run run) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at_x = x[i], step = 0x1p-12;  // its square, what differences are off by, is 6e-8
    x[i] = at_x + step;
    const double up = run(x);
    x[i] = at_x - step;
    const double want = (up - run(x)) / (2 * step);
    x[i] = at_x;
    check(std::fabs(g[i] - want) <= tolerance, "%s, gradient %d: %g, differences %g", name, int(i), g[i],
          want);
  }
}
const std::vector<double> vectors = {1, 0.5, -0.25, 0.75, 1, 0.5, -1, 0.25, 0.5, 0.5, -0.75, 1};  // 4 by 3
template <class S> std::vector<S> stored(const std::vector<double>& x) {
  std::vector<S> s;
  for (const double v : x) s.push_back(storage<S>::put(static_cast<typename storage<S>::compute>(v)));
  return s;
}
template <class S> std::vector<double> numbers(const std::vector<S>& x) {
  std::vector<double> d;
  for (const S& v : x) d.push_back(double(storage<S>::get(v)));
  return d;
}

template <class L, class S> double run_list(const std::vector<double>& x, std::vector<double>* slopes) {
  constexpr unsigned both = part_value | part_grad;
  std::vector<S> in = stored<S>(x), relevance, grad(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) relevance.push_back(storage<S>::put(float(i * 5 % 3)));
  S value;
  const std::ptrdiff_t size = sizeof(S), dims[] = {1, std::ptrdiff_t(x.size())},
                       steps[] = {0, 0, 0, 0, size, size, size};
  char* args[] = {reinterpret_cast<char*>(in.data()), reinterpret_cast<char*>(relevance.data()),
                  reinterpret_cast<char*>(&value), reinterpret_cast<char*>(grad.data())};
  aligned_bytes memory(list_bytes(dims));
  lists<L, both, S, S>(args, dims, steps, false, memory.start());
  if (slopes) *slopes = numbers(grad);  // null: the value is enough
  return double(storage<S>::get(value));
}
template <class S, class L> void check_list() {
  std::vector<double> slopes;
  const double tolerance = sizeof(S) == 2 ? 2e-2 : 1e-4, value = run_list<L, S>(vectors, &slopes),
               exact = run_list<L, double>(vectors, nullptr);
  check(std::fabs(value - exact) <= tolerance, "%s in %d bytes: %g, %g in double", L::name, int(sizeof(S)),
        value, exact);
  check_slopes(L::name, vectors, slopes, tolerance,
               [](const std::vector<double>& x) { return run_list<L, double>(x, nullptr); });
}

template <class L, class S> double run_batch(const std::vector<double>& x, std::vector<double>* slopes) {
  constexpr unsigned both = part_value | part_grad;
  std::vector<S> in = stored<S>(x), grad(x.size());
  S value = storage<S>::put(0);
  if constexpr (is_cross<L>) call_crossed<L>(in.data(), &value, grad.data(), 2, 3);
  else {
    long long label[] = {0, 0, 1, 1};       // two pairs that belong together
    S temperature = storage<S>::put(0.5f);  // exact in every type
    const std::ptrdiff_t size = sizeof(S), dims[] = {1, 4, 3},
                         steps[] = {0, 0, 0, 0, 0, 3 * size, size, 8, 3 * size, size};
    char* args[] = {reinterpret_cast<char*>(in.data()), reinterpret_cast<char*>(label),
                    reinterpret_cast<char*>(&temperature), reinterpret_cast<char*>(&value),
                    reinterpret_cast<char*>(grad.data())};
    aligned_bytes memory(batch_bytes<L, both, S>(dims));
    batches<L, both, S>(args, dims, steps, false, memory.start());
  }
  if (slopes) *slopes = numbers(grad);
  return double(storage<S>::get(value));
}
template <class S, class L> void check_batch() {
  std::vector<double> slopes, x = vectors;
  if (is_cross<L>) x.push_back(0.5);  // the temperature
  const double tolerance = sizeof(S) == 2 ? 5e-3 : 1e-4, value = run_batch<L, S>(x, &slopes),
               exact = run_batch<L, double>(x, nullptr);
  check(std::fabs(value - exact) <= tolerance, "%s in %d bytes: %g, %g in double", L::name, int(sizeof(S)),
        value, exact);
  check_slopes(L::name, x, slopes, tolerance,
               [](const std::vector<double>& at) { return run_batch<L, double>(at, nullptr); });
}

/// Four frames of three classes, labels 1 and 2.  What comes first of the outputs, and what comes along the
/// frames.
template <class S>
double run_ctc(ctc_output output, const std::vector<double>& x, std::vector<double>* along, bool log_probs) {
  std::vector<S> logits = stored<S>(x), all(4 * 5), more(4 * 5);  // 4 frames, 5 states at most
  long long label[] = {1, 2}, length = 4, labels = 2, blank = 0, path[4];
  S value = storage<S>::put(0);
  const bool valued = output == ctc_output::value || output == ctc_output::value_and_grad ||
                      output == ctc_output::value_and_probabilities;
  const bool aligned = output == ctc_output::path_and_score,
             two_matrices = output == ctc_output::value_and_probabilities;
  std::vector<char*> args = {reinterpret_cast<char*>(logits.data()), reinterpret_cast<char*>(label),
                             reinterpret_cast<char*>(&length), reinterpret_cast<char*>(&labels),
                             reinterpret_cast<char*>(&blank)};
  if (aligned) args.push_back(reinterpret_cast<char*>(path));
  if (valued || aligned) args.push_back(reinterpret_cast<char*>(&value));
  if (!aligned && output != ctc_output::value) args.push_back(reinterpret_cast<char*>(all.data()));
  if (two_matrices) args.push_back(reinterpret_cast<char*>(more.data()));
  const std::ptrdiff_t size = sizeof(S), dims[] = {1, 4, 3, 2}, wide = output == ctc_output::states ? 5 : 3;
  std::vector<std::ptrdiff_t> steps(args.size());
  for (const std::ptrdiff_t s :
       {3 * size, size, std::ptrdiff_t(8), aligned ? std::ptrdiff_t(8) : wide * size, size, 2 * size, size})
    steps.push_back(s);
  const ctc_operands o(args.data(), dims, steps.data(), false, int(args.size()) - 5);
  aligned_bytes memory(ctc_loop_bytes<S>(dims, output));
  check(ctc_loop<S>(output, log_probs, o, memory.start()).kind == fault_kind::none, "ctc: refused");
  if (along) *along = numbers(all);
  if (along && aligned) along->assign(path, path + 4);
  return double(storage<S>::get(value));
}
template <class S> void check_ctc() {
  const double tolerance = sizeof(S) == 2 ? 5e-3 : 1e-4;  // float16: five ulp of a 1
  std::vector<double> along;
  for (const bool log_probs : {false, true}) {
    const double value = run_ctc<S>(ctc_output::value_and_grad, vectors, &along, log_probs),
                 exact = run_ctc<double>(ctc_output::value, vectors, nullptr, log_probs);
    check(std::fabs(value - exact) <= tolerance * 4, "ctc in %d bytes: %g, %g in double", int(sizeof(S)),
          value, exact);
    check_slopes("ctc", vectors, along, tolerance, [&](const std::vector<double>& x) {
      return run_ctc<double>(ctc_output::value, x, nullptr, log_probs);
    });
    std::vector<double> again;
    run_ctc<S>(ctc_output::grad, vectors, &again, log_probs);
    check(again == along, "ctc in %d bytes: another gradient without the value", int(sizeof(S)));
    check(run_ctc<S>(ctc_output::value_and_probabilities, vectors, &again, log_probs) ==
                  run_ctc<S>(ctc_output::value, vectors, nullptr, log_probs) ||
              sizeof(S) != 2,
          "ctc: another value with the probabilities");
  }
  for (const ctc_output output : {ctc_output::classes, ctc_output::states}) {
    run_ctc<S>(output, vectors, &along, false);
    double sum = 0;
    for (const double p : along) sum += p;  // every frame is in some state: 1 each
    check(std::fabs(sum - 4) <= tolerance, "ctc in %d bytes: posteriors of four frames sum to %g",
          int(sizeof(S)), sum);
  }
  const double score = run_ctc<S>(ctc_output::path_and_score, vectors, &along, false);
  check(score < -run_ctc<double>(ctc_output::value, vectors, nullptr, false) + tolerance && along[3] >= 3,
        "ctc in %d bytes: score %g, last state %g", int(sizeof(S)), score, along[3]);
}

template <class S> void check_sums() {
  const std::vector<S> x = stored<S>(vectors);
  std::vector<double> w(x.size());
  double sum = 0, weight = 0, want = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = double(i % 3);
    want += w[i] * vectors[i];
  }
  const char yes = 1;  // a mask of step 0: all take part
  weighted_sum<S>(std::ptrdiff_t(x.size()), reinterpret_cast<const char*>(x.data()), sizeof(S),
                  reinterpret_cast<const char*>(w.data()), sizeof(double), &yes, 0, &sum, &weight);
  check(std::fabs(sum - want) < 1e-12 && weight == 12, "weighted_sum: %g and %g, not %g and 12", sum, weight,
        want);
}

template <class S, class... L> void check_elementwise_loops(loss_list<L...>) {
  (check_elementwise<S, L>(), ...);
}
template <class S, class... L> void check_rows(loss_list<L...>) { (check_row<S, L>(), ...); }
template <class S, class... L> void check_lists(loss_list<L...>) { (check_list<S, L>(), ...); }
template <class S, class... L> void check_batches(loss_list<L...>) { (check_batch<S, L>(), ...); }
template <class S> void check_loops() {
  check_elementwise_loops<S>(elementwise_losses{});
  check_rows<S>(row_losses{});
  check_lists<S>(list_losses{});
  check_batches<S>(pair_losses{});
  check_ctc<S>();
  check_sums<S>();
}

}  // namespace

int main() {
  check_all(elementwise_losses{});
  check_map<float>();
  check_map<double>();
  // A scalar for a pack makes many loops long to compile, and packs have tests of their own: the rest is for
  // compilers.py, which only reads.
#if defined(UFLOSS_EVERY_LOOP) || (defined(UFL_NO_XSIMD) && !defined(UFLOSS_TEST_SANITIZED))
  check_loops<float>();
#endif
#if defined(UFLOSS_EVERY_LOOP)
  check_loops<half>();
  check_loops<double>();
#endif
  return report("scalar_check");
}
