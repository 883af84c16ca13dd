// The sum behind fused reductions, and what losses of regions need, beside the losses themselves.
#include "ufloss/reduce/sums.hpp"
#include "helpers.hpp"
#include "line.hpp"

UFL_BEGIN
namespace {

constexpr argument arguments[] = {prediction("values", domain::real, ""),
                                  {"weights", role::parameter, domain::real, required, "", "n"},
                                  {"mask", role::parameter, domain::real, required, "", "n"}};
constexpr loss_info about = helper_info("weighted_sum", arguments);

template <class S>
int loop(const context&, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
  const quiet flags;
  for (std::ptrdiff_t r = 0; r < n[0]; ++r) {
    const auto at = [&](int k) { return args[k] + r * steps[k]; };
    weighted_sum<S>(n[1], at(0), steps[5], at(1), steps[6], at(2), steps[7], reinterpret_cast<double*>(at(3)),
                    reinterpret_cast<double*>(at(4)));
  }
  return 0;
}

/// Asks for n elements of an operand that come next; those further apart than a cache line are left to the
/// processor.
UFL_FN void ask_for(const char* at, std::ptrdiff_t n, std::ptrdiff_t step) {
  if (step < 0) {
    at += (n - 1) * step;
    step = -step;
  }
  if (step <= 64)
    for (std::ptrdiff_t i = 0; i < n * step; i += 64) UFL_PREFETCH(at + i);
}

/// m numbers of a gradient times their weights over the divisor; no weights: 1.  A weight of 0 gives 0, also
/// of NaN.
template <class T>
UFL_FN void scale(T* grad, std::ptrdiff_t step, std::ptrdiff_t m, const double* weights, double divisor) {
  const auto each = [&](auto at) UFL_INLINE {
    if (weights)
      for (std::ptrdiff_t i = 0; i < m; ++i) {
        const T product = T(double(at(i)) * (weights[i] / divisor));
        at(i) = weights[i] == 0 ? T(0) : product;
      }
    else
      for (std::ptrdiff_t i = 0; i < m; ++i) at(i) = at(i) / T(divisor);
  };
  if (step == std::ptrdiff_t(sizeof(T)))
    each([&](std::ptrdiff_t i) UFL_INLINE -> T& { return grad[i]; });  // which compilers turn into packs
  else
    each([&](std::ptrdiff_t i)
             UFL_INLINE -> T& { return *reinterpret_cast<T*>(reinterpret_cast<char*>(grad) + i * step); });
}

/// A chunk of values at a time, which stays in the first-level cache; what is added is what weighted_sum says
/// of each segment.  The next chunk is asked for while this one is added up: 0.48 became 0.40 ns an element
/// of squared_error, whose operands alone take 0.31. Operands in half are computed, added and scaled as
/// floats, so that only the gradient is rounded, and once. It stops before a segment whose sum overflows in
/// float: the caller adds that one in double, and goes on behind it.
template <class S>
int add_line(const context& c, char* const* args, const std::ptrdiff_t*, const std::ptrdiff_t*) {
  const quiet flags;
  line& l = *reinterpret_cast<line*>(args[0]);
  char* const* const results = args + 1;
  using T = typename storage<S>::compute;
  constexpr bool converts = !std::is_same_v<S, T>;
  constexpr int most = int(sizeof(l.args) / sizeof(l.args[0]));
  constexpr std::ptrdiff_t chunk = converts ? 512 : 1024, piece = 64;
  alignas(64) T values[chunk];
  alignas(64) double weights[chunk];
  alignas(64) T copies[converts ? most + 1 : 1][converts ? chunk : 1];  // the last one of the gradient
  char* operands[most + 2];
  std::ptrdiff_t steps[most + 2];
  double& total = *reinterpret_cast<double*>(results[0]);
  for (std::ptrdiff_t begin = 0; begin < l.n; begin += l.segment) {
    const std::ptrdiff_t end = l.n - begin < l.segment ? l.n : begin + l.segment;
    weighted_lanes<T> all;
    for (std::ptrdiff_t from = begin; from < end; from += chunk) {
      const std::ptrdiff_t m = end - from < chunk ? end - from : chunk;
      for (int k = 0; k < l.inputs; ++k) {
        operands[k] = l.args[k] + from * l.steps[k];
        steps[k] = l.steps[k];
        if constexpr (converts) {
          gather<S>(copies[k], operands[k], steps[k], steps[k] == 0 ? 1 : m);
          operands[k] = reinterpret_cast<char*>(copies[k]);
          steps[k] = steps[k] == 0 ? 0 : sizeof(T);
        }
      }
      operands[l.inputs] = reinterpret_cast<char*>(values);
      steps[l.inputs] = sizeof(T);
      char* const stored = l.grad ? l.grad + from * l.grad_step : nullptr;
      char* const grad = converts && stored ? reinterpret_cast<char*>(copies[converts ? most : 0]) : stored;
      const std::ptrdiff_t grad_step = converts ? std::ptrdiff_t(sizeof(T)) : l.grad_step;
      operands[l.inputs + 1] = grad;
      steps[l.inputs + 1] = grad_step;
      l.loop(c, operands, &m, steps);
      if (l.weights) gather<double>(weights, l.weights + from * l.weight_step, l.weight_step, m);
      for (std::ptrdiff_t at = 0; at < m; at += piece) {
        for (int k = 0; k < l.inputs; ++k)
          ask_for(l.args[k] + (from + chunk + at) * l.steps[k], piece, l.steps[k]);
        all.add(m - at < piece ? m - at : piece, values + at, l.weights ? weights + at : nullptr);
      }
      if (grad && (l.weights || l.divisor != 1))
        scale(reinterpret_cast<T*>(grad), grad_step, m, l.weights ? weights : nullptr, l.divisor);
      if constexpr (converts)
        if (grad) scatter<S>(reinterpret_cast<const T*>(grad), stored, l.grad_step, m);
    }
    double s, t;
    all.fold(&s, &t);
    const bool finite = s - s == 0,
               settled =
                   total != total || s == total;  // nothing changes a NaN, nor an infinity of the same sign
    if (!std::is_same_v<T, double> && !finite && !settled) {
      l.done = begin;
      return 0;
    }
    total += s;
    *reinterpret_cast<double*>(results[1]) += l.weights ? t : double(end - begin);
  }
  l.done = l.n;
  return 0;
}

constexpr argument floats[] = {prediction("values", domain::real, "")};
constexpr loss_info rounding = helper_info("to_half", floats);
constexpr loss_info along_lines = helper_info("line", floats);

/// float to half.  NumPy's own cast calls into the C library for each result that underflows, at thirty times
/// the cost.
int round_to_half(const context&, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps) {
  const quiet flags;
  constexpr std::ptrdiff_t chunk = 1024;
  alignas(64) float values[chunk];
  for (std::ptrdiff_t from = 0; from < *n; from += chunk) {
    const std::ptrdiff_t m = *n - from < chunk ? *n - from : chunk;
    gather<float>(values, args[0] + from * steps[0], steps[0], m);
    scatter<half>(values, args[1] + from * steps[1], steps[1], m);
  }
  return 0;
}

constexpr loss_record records[] = {{&about,
                                    "",
                                    3,
                                    2,
                                    part_value,
                                    {loop<half>, loop<float>, loop<double>},
                                    "(n),(n),(n)->(),()",
                                    false,
                                    "FDBDD"},
                                   {&along_lines,
                                    "",
                                    0,
                                    2,
                                    part_value,
                                    {add_line<half>, add_line<float>, add_line<double>},
                                    nullptr,
                                    false,
                                    ""},
                                   {&rounding, "", 1, 1, part_value, {round_to_half}, nullptr, false, "SH"}};

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(sums_, UFL_ISA);
const kernel_table UFL_JOIN(sums_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records, 3};
}  // namespace ufloss::dispatch
