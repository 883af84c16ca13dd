// The vocabulary of vocabulary/elementary.hpp against its stated bounds: float functions on every one of the
// 2^32 floats, double ones on samples.
//
//   exhaustive_<isa> isa_<isa> [stride of the floats = 1] [samples of a double function = 300000]
//
// Doubles are judged by quadmath.  Floats are judged by doubles, whose error is 2^-28 of a float's ulp: with
// stride 1 by the vocabulary's own, in packs, which takes a minute or two; with a longer stride by the C
// library's.  The bounds below are those of the header; without fused multiply-add they are 0.3 ulp wider.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include "check.hpp"
#include "ufloss/vocabulary/elementary.hpp"
#if defined(UFLOSS_TEST_QUADMATH)
#include <quadmath.h>
#endif

using namespace ufloss;

namespace {

constexpr double slack = UFL_HAS_FMA ? 0 : 0.3;
constexpr int threads = 2;

// --- float: all of them -----
/// The largest error, where it is, and how many special results (NaN, infinities, zeros) are not what they
/// should be.
struct worst {
  double ulp = 0;
  float at = 0, special_at = 0;
  long long inputs = 0, specials = 0;
  void add(const worst& o) {
    if (o.ulp > ulp) {
      ulp = o.ulp;
      at = o.at;
    }
    if (o.specials && !specials) special_at = o.special_at;
    inputs += o.inputs;
    specials += o.specials;
  }
};
/// One input.  Near overflow the result may be the largest number or infinity, whichever side of half an ulp
/// it fell on; the error is counted in ulps of the rounded exact result.
void judge(float x, float got, double want, worst& w) {
  const float rounded = float(want);
  bool ok;
  if (want != want) ok = got != got;
  else if (want == 0) ok = got == 0 && std::signbit(got) == std::signbit(want);  // the sign of an exact 0
  else if (std::isinf(rounded))
    ok = got == rounded || (std::isfinite(want) && std::fabs(got) == 0x1.fffffep127f &&
                            std::signbit(got) == std::signbit(want));
  else {
    ok = std::isfinite(got) || (std::isinf(got) && std::fabs(rounded) == 0x1.fffffep127f &&
                                std::signbit(got) == std::signbit(rounded));
    int e = int(to_bits(rounded) >> 23 & 255);
    if (e < 1) e = 1;
    // 2^(150 - e) is one over the ulp of a float with exponent e; subnormal ones have that of e = 1.
    const double ulp = std::isfinite(got)
                           ? std::fabs(double(got) - want) * from_bits(std::uint64_t(1023 + 150 - e) << 52)
                           : 0;
    if (ulp > w.ulp) {
      w.ulp = ulp;
      w.at = x;
    }
  }
  if (!ok && !w.specials++) w.special_at = x;
}
constexpr int block = 4096;
/// Is there anything in this block that judge() should see?  Without branches, so that the compiler makes
/// packs of it.
bool suspicious(const float* got, const double* want, double worst_ulp) {
  double most = 0;
  int odd = 0;
  for (int i = 0; i < block; ++i) {
    const int e = int(to_bits(float(want[i])) >> 23 & 255);
    const double ulp =
        std::fabs(double(got[i]) - want[i]) * from_bits(std::uint64_t(1023 + 150 - (e < 1 ? 1 : e)) << 52);
    odd |= !(ulp < 1e30) | (want[i] == 0);
    most = ulp > most ? ulp : most;
  }
  return odd || most > worst_ulp;
}
template <class F>
void floats(const char* name, double bound, std::uint64_t begin, std::uint64_t end, std::uint64_t stride, F f,
            double (*reference)(double)) {
  worst all[threads];
  std::thread crew[threads];
  const std::uint64_t count = (end - begin + stride - 1) / stride;
  // Threads take one part each and share nothing: the worst of all is found afterwards.
  for (int t = 0; t < threads; ++t) {
    crew[t] = std::thread([&, t] {
      worst mine;
      alignas(64) float x[block], y[block];
      alignas(64) double wide[block], want[block];
      for (std::uint64_t k = count * std::uint64_t(t) / threads,
                         stop = count * std::uint64_t(t + 1) / threads;
           k < stop; k += block) {
        const std::uint64_t n = stop - k < block ? stop - k : block;
        // The last block is filled up with its last input, which is judged once.
        for (std::uint64_t i = 0; i < block; ++i) {
          x[i] = from_bits(uint32(begin + stride * (k + (i < n ? i : n - 1))));
          wide[i] = double(x[i]);
        }
        for (int i = 0; i < block; i += lanes<float>) store(f(load(x + i)), y + i);
        if (stride > 1)
          for (int i = 0; i < block; ++i) want[i] = reference(wide[i]);
        else
          for (int i = 0; i < block; i += lanes<double>) store(f(load(wide + i)), want + i);
        if (suspicious(y, want, mine.ulp))
          for (std::uint64_t i = 0; i < n; ++i) judge(x[i], y[i], want[i], mine);
        mine.inputs += (long long)n;
      }
      all[t] = mine;
    });
  }
  for (auto& c : crew) c.join();
  for (int t = 1; t < threads; ++t) all[0].add(all[t]);
  const worst& w = all[0];
  std::printf("float  %-16s %10lld inputs  %.4f ulp at %a (%.9g), bound %.2f; %lld wrong specials", name,
              w.inputs, w.ulp, double(w.at), double(w.at), bound + slack, w.specials);
  if (w.specials) std::printf(" (first at %a)", double(w.special_at));
  std::printf("\n");
  std::fflush(stdout);
  check(w.ulp <= bound + slack + 0.005, "float %s: %.4f ulp, bound %.2f", name, w.ulp,
        bound + slack);  // the header rounds its bounds
  check(w.specials == 0, "float %s: %lld wrong specials, first at %a", name, w.specials,
        double(w.special_at));
}
/// What a tail stands for: big and its power of two multiplied, as formulas do last.
template <class V> V tail_value(V x) {
  return with_exp_nonpositive(x, [](auto t) { return rescale(t, t.big); });
}
template <class V> V tail_value(two<V> x) {
  const auto t = exp_tail(x);
  return rescale(t, t.big);
}
// Forms that keep nearly all digits of a double.
double ref_softplus_tail(double x) { return std::log1p(std::exp(-std::fabs(x))); }
double ref_softplus(double x) { return x > 0 ? x + ref_softplus_tail(x) : std::log1p(std::exp(x)); }
double ref_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double ref_logcosh(double x) {
  const double a = std::fabs(x), h = std::sinh(x < 1 && x > -1 ? x : 0);
  return a < 1 ? 0.5 * std::log1p(h * h) : a + std::log1p(0.5 * std::expm1(-2 * a));
}
/// The bounds are those that the header states, found over all inputs.
void all_floats(std::uint64_t stride) {
  constexpr std::uint64_t end = std::uint64_t(1) << 32, negative = std::uint64_t(1) << 31;
  floats(
      "exp", 0.82, 0, end, stride, [](auto x) { return ufloss::exp(x); },
      [](double x) { return std::exp(x); });
  floats(
      "exp_nonpositive", 0.82, negative, end, stride, [](auto x) { return ufloss::exp_nonpositive(x); },
      [](double x) { return std::exp(x); });
  floats(
      "exp_tail", 0.82, negative, end, stride, [](auto x) { return tail_value(x); },
      [](double x) { return std::exp(x); });
  floats(
      "exp_parts", 0.82, 0, end, stride,
      [](auto x) { return ufloss::value(ufloss::exp_parts(two<decltype(x)>{x, decltype(x)(0)})); },
      [](double x) { return std::exp(x); });
  floats(
      "expm1", 1.05, 0, end, stride, [](auto x) { return ufloss::expm1(x); },
      [](double x) { return std::expm1(x); });
  floats(
      "log", 0.96, 0, end, stride, [](auto x) { return ufloss::log(x); },
      [](double x) { return std::log(x); });
  floats(
      "log1p", 0.96, 0, end, stride, [](auto x) { return ufloss::log1p(x); },
      [](double x) { return std::log1p(x); });
  floats(
      // Up to the bits of 1.
      "log1p_unit", 1.14, 0, 0x3f800001, stride, [](auto x) { return ufloss::log1p_unit(x); },
      [](double x) { return std::log1p(x); });
  floats(
      "softplus_tail", 1.62, 0, end, stride, [](auto x) { return ufloss::softplus_tail(x); },
      ref_softplus_tail);
  floats("softplus", 1.80, 0, end, stride, [](auto x) { return ufloss::softplus(x); }, ref_softplus);
  floats("sigmoid", 1.56, 0, end, stride, [](auto x) { return ufloss::sigmoid(x); }, ref_sigmoid);
  floats(
      "tanh", 1.42, 0, end, stride, [](auto x) { return ufloss::tanh(x); },
      [](double x) { return std::tanh(x); });
  floats("logcosh", 1.61, 0, end, stride, [](auto x) { return ufloss::logcosh(x); }, ref_logcosh);
}

// --- double: samples against quad precision -----
#if defined(UFLOSS_TEST_QUADMATH)
using quad = __float128;

std::mt19937_64 engine(5);
double uniform(double lo, double hi) { return lo + (hi - lo) * (double(engine() >> 11) * 0x1p-53); }
/// A third of any exponent, a third spread over [lo, hi], a third close to 0.
double sample(double lo, double hi) {
  for (;;) {
    const auto u = engine();
    const double x = u % 3 == 0   ? from_bits(engine())
                     : u % 3 == 1 ? uniform(lo, hi)
                                  : uniform(lo, hi) * std::exp2(-uniform(0, 40));
    if (x >= lo && x <= hi) return x;
  }
}
/// Of subnormal results that of the smallest normal number, of results beyond the largest the largest's.
double ulp_of(quad want) {
  const double r = std::fabs(double(want)), least = 0x1p-1022;
  return std::ldexp(1.0, std::ilogb(r < least                    ? least
                                    : r > 0x1.fffffffffffffp1023 ? 0x1.fffffffffffffp1023
                                                                 : r) -
                             52);
}
double error_in_ulp(double got, quad want) {
  const quad e = quad(got) - want;
  return double((e < 0 ? -e : e) / quad(ulp_of(want)));
}
/// g(x, out) fills `out` from whole packs of x; f may return two words, whose sum counts.
template <class V> void put(V v, double* hi, double* lo) {
  store(v, hi);
  for (int i = 0; i < lanes<double>; ++i) lo[i] = 0;
}
template <class V> void put(two<V> v, double* hi, double* lo) {
  store(v.hi, hi);
  store(v.lo, lo);
}

/// Two inputs (the second drawn by `second` from the first); bound(x, y) in ulp.
template <class F, class Second, class R, class B>
void doubles(const char* name, long samples, double lo, double hi, F f, Second second, R reference, B bound,
             bool relative = false) {
  double worst_share = 0, worst_error = 0, at = 0, at2 = 0;
  long judged = 0;
  for (long k = 0; k < samples; k += lanes<double>) {
    alignas(64) double x[lanes<double>], y[lanes<double>], a[lanes<double>], b[lanes<double>];
    for (int i = 0; i < lanes<double>; ++i) {
      x[i] = sample(lo, hi);
      y[i] = second(x[i]);
    }
    put(f(load(x), load(y)), a, b);
    for (int i = 0; i < lanes<double>; ++i) {
      const quad want = reference(quad(x[i]), quad(y[i]));
      // Where the exact result rounds to infinity, the largest number is right as well.
      if (want != want || !std::isfinite(double(want))) {
        check(a[i] != a[i] ? want != want : a[i] == double(want) || std::fabs(a[i]) == 0x1.fffffffffffffp1023,
              "double %s(%a, %a) = %g, want %g", name, x[i], y[i], a[i], double(want));
        continue;
      }
      const quad size = want < 0 ? -want : want;
      if (relative && size == 0) {
        check(a[i] == 0 && b[i] == 0, "double %s(%a)", name, x[i]);
        continue;
      }
      double e;
      if (relative) {
        const quad d = (quad(a[i]) - want) + quad(b[i]);
        e = double((d < 0 ? -d : d) / size);
      } else if (std::isinf(a[i]) && std::fabs(double(want)) == 0x1.fffffffffffffp1023) continue;
      else e = error_in_ulp(a[i], want);
      ++judged;
      // The worst share of the bound counts, since the bound may depend on the arguments.
      const double share = e / bound(x[i], y[i]);
      if (!(share <= worst_share)) {
        worst_share = share;
        worst_error = e;
        at = x[i];
        at2 = y[i];
      }
    }
  }
  std::printf("double %-16s %10ld samples %.4g %s at %a, %a, %.2f of its bound\n", name, judged, worst_error,
              relative ? "relative" : "ulp", at, at2, worst_share);
  std::fflush(stdout);
  check(worst_share <= 1, "double %s: %.4g at %a, %a, %.3f of its bound", name, worst_error, at, at2,
        worst_share);
}
template <class F>
void doubles(const char* name, double bound, long samples, double lo, double hi, F f,
             quad (*reference)(quad)) {
  doubles(
      name, samples, lo, hi, [&](auto x, auto) { return f(x); }, [](double) { return 0.0; },
      [=](quad x, quad) { return reference(x); }, [=](double, double) { return bound + slack + 0.005; });
  // what is no sample
  const double specials[] = {0.0,
                             -0.0,
                             HUGE_VAL,
                             -HUGE_VAL,
                             NAN,
                             0x1p-1074,
                             -0x1p-1074,
                             0x1.fffffffffffffp1023,
                             -0x1.fffffffffffffp1023,
                             1.0,
                             -1.0};
  for (double s : specials) {
    if (!(s != s || (s >= lo && s <= hi) || (std::isinf(s) && (s > 0 ? hi : -lo) == 0x1.fffffffffffffp1023)))
      continue;
    alignas(64) double out[lanes<double>];
    store(f(native<double>(s)), out);
    const quad want = reference(quad(s));
    const double w = double(want);
    check(w != w                ? out[0] != out[0]
          : w == 0 && want == 0 ? out[0] == 0 && std::signbit(out[0]) == bool(signbitq(want))
          : std::isinf(w)       ? out[0] == w
                                : error_in_ulp(out[0], want) <= bound + slack + 0.005,
          "double %s(%g) = %g, want %g", name, s, out[0], w);
  }
}
quad quad_abs(quad x) { return fabsq(x); }
quad quad_exp_rest(quad x) {  // exp(x) - 1 - x
  quad sum = 0, power = x;
  for (int k = 2; k < 40; ++k) sum += power *= x / quad(k);
  return sum;
}
/// Samples find no largest error, so these bounds are a little wider than what has been seen:
/// docs/accuracy.md.
void all_doubles(long n) {
  constexpr double most = 0x1.fffffffffffffp1023;
  doubles("exp", 0.82, n, -most, most, [](auto x) { return ufloss::exp(x); }, [](quad x) { return expq(x); });
  doubles(
      "exp, finite", 0.82, n, -746, 710, [](auto x) { return ufloss::exp(x); },
      [](quad x) { return expq(x); });
  doubles(
      "exp_nonpositive", 0.82, n, -746, 0, [](auto x) { return ufloss::exp_nonpositive(x); },
      [](quad x) { return expq(x); });
  doubles(
      "expm1", 1.3, n, -746, 710, [](auto x) { return ufloss::expm1(x); }, [](quad x) { return expm1q(x); });
  doubles("exp_rest", 3, n, -0.34, 0.34, [](auto x) { return ufloss::exp_rest(x); }, quad_exp_rest);
  doubles("log", 0.92, n, 0, most, [](auto x) { return ufloss::log(x); }, [](quad x) { return logq(x); });
  doubles(
      "log, near 1", 0.92, n, 0.5, 2, [](auto x) { return ufloss::log(x); }, [](quad x) { return logq(x); });
  doubles(
      "log1p", 0.93, n, -1, most, [](auto x) { return ufloss::log1p(x); }, [](quad x) { return log1pq(x); });
  doubles(
      "log1p, near 0", 0.93, n, -0.75, 2, [](auto x) { return ufloss::log1p(x); },
      [](quad x) { return log1pq(x); });
  doubles(
      "log1p_unit", 1.4, n, 0, 1, [](auto x) { return ufloss::log1p_unit(x); },
      [](quad x) { return log1pq(x); });
  doubles(
      "softplus_tail", 1.75, n, -746, 746, [](auto x) { return ufloss::softplus_tail(x); },
      [](quad x) { return log1pq(expq(-quad_abs(x))); });
  doubles(
      "softplus", 1.95, n, -746, 746, [](auto x) { return ufloss::softplus(x); },
      [](quad x) { return x > 0 ? x + log1pq(expq(-x)) : log1pq(expq(x)); });
  doubles(
      "sigmoid", 1.55, n, -746, 746, [](auto x) { return ufloss::sigmoid(x); },
      [](quad x) { return quad(1) / (quad(1) + expq(-x)); });
  doubles("tanh", 1.4, n, -40, 40, [](auto x) { return ufloss::tanh(x); }, [](quad x) { return tanhq(x); });
  doubles(
      "logcosh", 1.55, n, -100, 100, [](auto x) { return ufloss::logcosh(x); },
      [](quad x) {
        const quad a = quad_abs(x), h = sinhq(a < quad(1) ? a : quad(0));
        return a < quad(1) ? log1pq(h * h) / quad(2) : a + log1pq(expm1q(-a - a) / quad(2));
      });
  const auto unused = [](double) { return 0.0; };
  // A word beside x: an ulp of it at most.
  const auto low_word = [](double x) { return x * uniform(-1, 1) * 0x1p-53; };
  const auto quad_log = [](quad x, quad) { return logq(x); };
  // docs/accuracy.md has 1.4e-17 near 1, which is 2^-56.
  const auto log_two_bound = [](double, double) { return 0x1p-55; };
  doubles(
      "log_two", n, 0x1p-1074, most, [](auto x, auto) { return ufloss::log_two(x); }, unused, quad_log,
      log_two_bound, true);
  doubles(
      "log_two, near 1", n, 0.5, 2, [](auto x, auto) { return ufloss::log_two(x); }, unused, quad_log,
      log_two_bound, true);
  doubles(
      "pow_parts", n, 0x1p-1074, most, [](auto x, auto a) { return ufloss::value(ufloss::pow_parts(x, a)); },
      [](double) { return sample(-8, 8); }, [](quad x, quad a) { return expq(a * logq(x)); },
      [](double, double a) { return 1 + std::fabs(a); });
  doubles(
      "pow_parts, [0, 1]", n, 1e-12, 1, [](auto x, auto a) { return ufloss::value(ufloss::pow_parts(x, a)); },
      [](double) { return uniform(0, 5); }, [](quad x, quad a) { return expq(a * logq(x)); },
      [](double, double a) { return 1 + std::fabs(a); });
  const auto two_words = [](quad x, quad low) { return expq(x + low); };
  const auto one_ulp = [](double, double) { return 1 + slack; };
  doubles(
      "exp_parts", n, -746, 710,
      [](auto x, auto low) { return ufloss::value(ufloss::exp_parts(two<decltype(x)>{x, low})); }, low_word,
      two_words, one_ulp);
  doubles(
      "exp_tail, 2 words", n, -746, 0, [](auto x, auto low) { return tail_value(two<decltype(x)>{x, low}); },
      low_word, two_words, one_ulp);
  doubles("exp_tail", n, -746, 0, [](auto x, auto) { return tail_value(x); }, unused, two_words, one_ulp);
}
#else
void all_doubles(long) { std::printf("double functions SKIPPED: this compiler has no quadmath\n"); }
#endif

}  // namespace

int run_tests(int argc, char** argv);
int run_tests(int argc, char** argv) {
  all_floats(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  all_doubles(argc > 2 ? std::atol(argv[2]) : 300000);
  return report("exhaustive");
}
