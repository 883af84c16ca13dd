// The loop over rows: every length, layout and storage gives the bits of one contiguous row, is near the
// textbook's sum, and touches nothing else.
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>
#include "check.hpp"
#include "ufloss/kinds/row/loop.hpp"
#include "ufloss/losses/divergence.hpp"
#include "ufloss/losses/multiclass.hpp"
#include "ufloss/losses/similarity.hpp"
#include "ufloss/losses/softmax.hpp"

using namespace ufloss;

namespace {

// A fixed seed: a failure comes back.
std::mt19937_64 engine{11};
double normal() { return std::normal_distribution<double>()(engine); }

/// Rows of n elements in a heap block of exactly their extent, so that the address sanitizer sees a read or a
/// write beyond.
template <class S> struct matrix {
  std::ptrdiff_t rows, n, outer, core, extent;
  std::unique_ptr<S[]> block;
  // class_axis_first: the elements of a row lie a whole column apart, as for channels before pixels.
  matrix(std::ptrdiff_t r, std::ptrdiff_t m, bool class_axis_first, std::ptrdiff_t gap)
      : rows(r),
        n(m),
        outer(class_axis_first ? gap : m * gap),
        core(class_axis_first ? r * gap : gap),
        extent((r - 1) * outer + (m - 1) * core + 1),
        block(new S[std::size_t(extent)]()) {}
  S& at(std::ptrdiff_t r, std::ptrdiff_t i) { return block[std::size_t(r * outer + i * core)]; }
  char* data() { return reinterpret_cast<char*>(block.get()); }
};
template <class S> S stored(double x) { return S(x); }
template <> half stored<half>(double x) { return to_half(float(x)); }
template <class S> double number(S x) { return double(x); }
template <> double number<half>(half x) { return to_float(x); }

// One call for both, which the functions below make of each loss.
constexpr unsigned both = part_value | part_grad;
#ifdef UFLOSS_TEST_SANITIZED
constexpr bool is_sanitized = true;  // then these take minutes to compile, so for fewer types
#else
constexpr bool is_sanitized = false;
#endif

template <class S>
void integer_labels(std::ptrdiff_t rows, std::ptrdiff_t n, bool class_axis_first, std::ptrdiff_t gap,
                    bool masked) {
  // Value against log-sum-exp in long double, the gradient by its sum, which is 0; NaNs under the mask, and a
  // label that is no class.
  using L = softmax_cross_entropy_with_integer_labels;
  using T = typename storage<S>::compute;
  matrix<S> x(rows, n, class_axis_first, gap), grad(rows, n, class_axis_first, gap);
  matrix<char> mask(rows, n, false, 1);
  std::vector<S> value;
  value.resize(std::size_t(rows));
  std::vector<long long> label;
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    label.push_back((long long)(engine() % std::uint64_t(n)));
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      // The label takes part in its row: else the loss is inf.
      mask.at(r, i) = i == label.back() || engine() % 4 != 0;
      x.at(r, i) = masked && !mask.at(r, i) ? stored<S>(std::numeric_limits<double>::quiet_NaN())
                                            : stored<S>(3 * normal());
    }
  }
  const std::ptrdiff_t size = sizeof(S), dims[] = {rows, n};
  S none = stored<S>(0);
  // As NumPy calls a gufunc: operands, then steps from row to row, then steps along the rows of those that
  // have any.
  std::vector<char*> args = {x.data(), reinterpret_cast<char*>(label.data()), reinterpret_cast<char*>(&none)};
  std::vector<std::ptrdiff_t> steps = {x.outer * size, 8, 0}, core = {x.core * size};
  if (masked) {
    args.push_back(mask.data());
    steps.push_back(n);
    core.push_back(1);
  }
  args.push_back(reinterpret_cast<char*>(value.data()));
  args.push_back(grad.data());
  steps.insert(steps.end(), {size, grad.outer * size});
  core.push_back(grad.core * size);
  steps.insert(steps.end(), core.begin(), core.end());
  fault bad = ufloss::rows<L, both, S>(args.data(), dims, steps.data(), masked);
  check(bad.kind == fault_kind::none, "a good label is refused");
  const double epsilon = sizeof(S) == 2 ? 1e-3 : double(std::numeric_limits<T>::epsilon());
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    // slope: P sums to 1, the one-hot label too, and so the gradient to 0.
    long double sum = 0, slope = 0;
    for (std::ptrdiff_t i = 0; i < n; ++i)
      if (!masked || mask.at(r, i)) sum += std::exp((long double)(number(x.at(r, i))));
    const long double want = std::log(sum) - (long double)(number(x.at(r, label[std::size_t(r)])));
    // 16 epsilons are 16 ulps at most, twice the bound that rows promise: layouts are at stake here, and a
    // wrong one shows in the first digits.
    check(std::fabs((long double)(number(value[std::size_t(r)])) - want) <= 16 * epsilon * (1 + want),
          "value %g, not %g, n = %td", number(value[std::size_t(r)]), double(want), n);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      slope += (long double)(number(grad.at(r, i)));
      if (masked && !mask.at(r, i)) check(number(grad.at(r, i)) == 0, "a masked gradient is not 0");
    }
    check(std::fabs(double(slope)) <= 16 * epsilon, "a gradient sums to %g, n = %td", double(slope), n);
    // the same row alone and contiguous
    // A masked row has no plain twin here: NaNs lie where nothing may look.
    if (masked) continue;
    std::vector<S> row, alone;
    row.reserve(std::size_t(n));
    for (std::ptrdiff_t i = 0; i < n; ++i) row.push_back(x.at(r, i));
    alone.resize(std::size_t(n));
    S one;
    char* a[] = {reinterpret_cast<char*>(row.data()), reinterpret_cast<char*>(&label[std::size_t(r)]),
                 reinterpret_cast<char*>(&none), reinterpret_cast<char*>(&one),
                 reinterpret_cast<char*>(alone.data())};
    const std::ptrdiff_t d[] = {1, n}, s[] = {0, 0, 0, 0, 0, size, size};
    ufloss::rows<L, both, S>(a, d, s, false);
    // Bits, not numbers: no layout and no neighbour may change an order of sums.
    bool same = !std::memcmp(&one, &value[std::size_t(r)], sizeof(S));
    for (std::ptrdiff_t i = 0; i < n; ++i)
      same &= !std::memcmp(&alone[std::size_t(i)], &grad.at(r, i), sizeof(S));
    check(same, "row %td of %td x %td differs from itself alone", r, rows, n);
  }
  // The last row's label is no class: that it is, and whose, must come back.
  label.back() = n;
  std::memset(static_cast<void*>(value.data()), 0x55, value.size() * sizeof(S));
  std::vector<S> before = value;
  bad = ufloss::rows<L, both, S>(args.data(), dims, steps.data(), masked);
  check(bad.kind == fault_kind::label && bad.value == n && bad.limit == n && bad.item == rows - 1,
        "a label that is no class is computed");
  check(!std::memcmp(before.data(), value.data(), before.size() * sizeof(S)),
        "something was written all the same");
}

/// A loss of two rows, whose gradient is known to the bit.
template <class S>
void divergence(std::ptrdiff_t rows, std::ptrdiff_t n, bool class_axis_first, std::ptrdiff_t gap) {
  matrix<S> x(rows, n, class_axis_first, gap), y(rows, n, class_axis_first, gap),
      slope(rows, n, class_axis_first, gap), other(rows, n, class_axis_first, gap);
  std::vector<S> value;
  value.resize(std::size_t(rows));
  for (std::ptrdiff_t r = 0; r < rows; ++r)
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      x.at(r, i) = stored<S>(normal());
      // Neither sums to 1: the formula does not ask for it.
      y.at(r, i) = stored<S>(std::fabs(normal()));
    }
  const std::ptrdiff_t size = sizeof(S), dims[] = {rows, n}, o = x.outer * size, c = x.core * size,
                       steps[] = {o, o, size, o, o, c, c, c, c};
  char* args[] = {x.data(), y.data(), reinterpret_cast<char*>(value.data()), slope.data(), other.data()};
  ufloss::rows<kl_divergence, both | part_grad2, S>(args, dims, steps, false);
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    long double sum = 0, terms = 0;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const long double v = number(y.at(r, i)),
                        term = v == 0 ? 0 : v * (std::log(v) - (long double)(number(x.at(r, i))));
      // terms: what the error is measured against, since the sum crosses 0.
      sum += term;
      terms += std::fabs(term);
      check(number(slope.at(r, i)) == -number(y.at(r, i)), "gradient");
    }
    // Rounded once in its type, from sums in double; of doubles the rounding of a few terms counts.
    check(std::fabs((long double)(number(value[std::size_t(r)])) - sum) <= (sizeof(S) == 2   ? 1e-3L
                                                                            : sizeof(S) == 4 ? 1e-7L
                                                                                             : 1e-15L) *
                                                                               (terms + 1),
          "divergence, n = %td", n);
  }
}

/// Losses that read a row several times, or ask for its largest element.
template <class S>
void several_passes(std::ptrdiff_t rows, std::ptrdiff_t n, bool class_axis_first, std::ptrdiff_t gap) {
  matrix<S> x(rows, n, class_axis_first, gap), y(rows, n, class_axis_first, gap),
      slope(rows, n, class_axis_first, gap);
  std::vector<S> value;
  value.resize(std::size_t(rows));
  std::vector<long long> label;
  // Nearly parallel vectors in rows of odd length, which take a further pass.
  const double tilt = n % 2 ? 1e-3 : 1;
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    label.push_back((long long)(engine() % std::uint64_t(n)));
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      x.at(r, i) = stored<S>(normal());
      y.at(r, i) = stored<S>(number(x.at(r, i)) + tilt * normal());
    }
  }
  const std::ptrdiff_t size = sizeof(S), dims[] = {rows, n}, o = x.outer * size, c = x.core * size;
  // 1e-3: an ulp of a float16 1.
  const long double epsilon =
      sizeof(S) == 2 ? 1e-3L : (long double)(std::numeric_limits<typename storage<S>::compute>::epsilon());
  {
    S none = stored<S>(0);
    char* args[] = {x.data(),
                    y.data(),
                    reinterpret_cast<char*>(&none),
                    reinterpret_cast<char*>(&none),
                    reinterpret_cast<char*>(value.data()),
                    slope.data()};
    const std::ptrdiff_t steps[] = {o, o, 0, 0, size, o, c, c, c};
    ufloss::rows<cosine_distance, both, S>(args, dims, steps, false);
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      // The distance by the part of b across a, which does not cancel either: |r|^2 / |b|^2 over 1 + cos.
      long double ab = 0, aa = 0, bb = 0, across = 0;
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const long double a = number(x.at(r, i)), b = number(y.at(r, i));
        ab += a * b;
        aa += a * a;
        bb += b * b;
      }
      for (std::ptrdiff_t i = 0; i < n; ++i)
        across +=
            std::pow((long double)(number(y.at(r, i))) - ab / aa * (long double)(number(x.at(r, i))), 2.0L);
      const long double cosine = ab / std::sqrt(aa * bb),
                        want = cosine > 0 ? across / bb / (1 + cosine) : 1 - cosine;
      // 8 ulps, the bound of rows; the absolute part is for rows of one element, which are parallel, and for
      // what float16 cannot hold.
      check(std::fabs((long double)(number(value[std::size_t(r)])) - want) <=
                8 * epsilon * want + (sizeof(S) == 2 ? 1e-7L : 1e-30L),
            "distance %g, not %g, n = %td", number(value[std::size_t(r)]), double(want), n);
    }
  }
  char* args[] = {x.data(), reinterpret_cast<char*>(label.data()), reinterpret_cast<char*>(value.data()),
                  slope.data()};
  const std::ptrdiff_t steps[] = {o, 8, size, o, c, c};
  // The gradient plus the one-hot label is a projection on the simplex: never negative, of sum 1, and the
  // loss follows from it by the textbook's formula.
  ufloss::rows<multiclass_sparsemax_loss, both, S>(args, dims, steps, false);
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    long double sum = 0, squares = 0;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const long double p = (long double)(number(slope.at(r, i))) + (i == label[std::size_t(r)] ? 1 : 0);
      check(p >= -epsilon, "a probability of %g", double(p));
      sum += p;
      squares += p * (number(x.at(r, i)) - number(x.at(r, label[std::size_t(r)]))) - p * p / 2;
    }
    check(std::fabs(sum - 1) <= 16 * epsilon, "probabilities sum to %g, n = %td", double(sum), n);
    check(std::fabs((long double)(number(value[std::size_t(r)])) - (squares + 0.5L)) <= 32 * epsilon,
          "sparsemax %g, not %g, n = %td", number(value[std::size_t(r)]), double(squares + 0.5L), n);
  }
  // Of equal scores the first is the winner, in every layout: slopes are compared as they are.
  ufloss::rows<multiclass_hinge_loss, both, S>(args, dims, steps, false);
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    std::ptrdiff_t first = -1;
    for (std::ptrdiff_t i = 0; i < n; ++i)
      if (i != label[std::size_t(r)] && (first < 0 || number(x.at(r, i)) > number(x.at(r, first)))) first = i;
    const double excess = first < 0 ? 0 : number(x.at(r, first)) - number(x.at(r, label[std::size_t(r)])) + 1;
    check(std::fabs(number(value[std::size_t(r)]) - (excess > 0 ? excess : 0)) <= double(epsilon) * 4,
          "hinge %g, n = %td", number(value[std::size_t(r)]), n);
    for (std::ptrdiff_t i = 0; i < n; ++i)
      check(number(slope.at(r, i)) == (excess > 0) * ((i == first) - (i == label[std::size_t(r)])),
            "slope at %td, n = %td", i, n);
  }
}

/// Rows of 1 to 70 elements: side by side up to 31 floats, then by themselves; 67 rows are more than a tile.
template <class S> void all() {
  for (std::ptrdiff_t n = 1; n <= 70; ++n)
    for (const std::ptrdiff_t rows : {1, 3, 67}) {
      const bool first = n % 2 == 0;
      integer_labels<S>(rows, n, first, 1 + n % 3, n % 5 == 0);
      integer_labels<S>(rows, n, false, 1, n % 7 == 0);
      divergence<S>(rows, n, first, 1 + n % 3);
      // Layouts change with n, so that every one meets short rows and long ones.
      if constexpr (!(is_sanitized && sizeof(S) == 8)) several_passes<S>(rows, n, first, 1 + n % 3);
    }
  // Around a block, 1024 doubles or 2048 floats, and over several.
  for (const std::ptrdiff_t n : {1023, 1024, 1025, 2047, 2048, 2049, 6001})
    for (int way = 0; way < 4; ++way) {
      integer_labels<S>(3, n, way & 1, 1 + (way >> 1), way == 2);
      divergence<S>(3, n, way & 1, 1 + (way >> 1));
      if constexpr (!(is_sanitized && sizeof(S) == 8)) several_passes<S>(3, n, way & 1, 1 + (way >> 1));
    }
}

/// Rows turned down the columns of a tile and back, with nothing beside them touched: rows of a register and
/// more, of more than half of one, which are loaded in part, and shorter ones.
template <class T> void squares() {
  native<T> square[lanes<T>];
  T in[lanes<T>][lanes<T>], out[lanes<T>];
  for (int k = 0; k < lanes<T>; ++k)
    for (int i = 0; i < lanes<T>; ++i) in[k][i] = T(100 * k + i);
  for (int k = 0; k < lanes<T>; ++k) square[k] = load(in[k]);
  transpose(square);
  for (int i = 0; i < lanes<T>; ++i) {
    store(square[i], out);
    for (int k = 0; k < lanes<T>; ++k)
      check(out[k] == in[k][i], "lane %d of pack %d is turned elsewhere", i, k);
  }
  constexpr int count = 19;  // not a multiple of any register
  for (int n = 1; n <= 2 * lanes<T> + 1; ++n) {
    const std::ptrdiff_t gap = 2, outer = n + gap;
    std::vector<T> from(std::size_t((count - 1) * outer + n)), to(from.size(), T(-1)),
        columns(std::size_t(n * tile));
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = T(i);
    const std::ptrdiff_t size = sizeof(T);
    row_operand x{reinterpret_cast<char*>(from.data()), outer * size, size};
    row_operand y{reinterpret_cast<char*>(to.data()), outer * size, size};
    const int padded = (count + lanes<T> - 1) / lanes<T> * lanes<T>;
    const rows_of_tile rows{0, n, count, padded};
    place_columns<T, T>(x, rows, columns.data());
    put_columns<T, T>(y, rows, columns.data());
    for (int r = 0; r < count; ++r)
      for (std::ptrdiff_t j = 0; j < outer && r * outer + j < std::ptrdiff_t(to.size()); ++j) {
        const std::size_t at = std::size_t(r * outer + j);
        check(to[at] == (j < n ? from[at] : T(-1)), "element %td of row %d of %d", j, r, n);
        if (j < n)
          check(columns[std::size_t(j * tile + r)] == from[at], "column %td of row %d of %d", j, r, n);
      }
  }
}

}  // namespace

int run_tests(int, char**);
int run_tests(int, char**) {
  squares<float>();
  squares<double>();
  all<half>();
  all<float>();
  all<double>();
  return report("rows_test");
}
