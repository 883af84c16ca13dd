// Losses over a batch: near the textbook's sums over all pairs, the same bits for every layout, and nothing
// touched outside the operands and the memory that was asked for.
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>
#include "check.hpp"
#include "ufloss/kinds/pairs/loop.hpp"
#include "ufloss/losses/pairs.hpp"

using namespace ufloss;

namespace {

// A fixed seed: a failure comes back.
std::mt19937_64 engine{5};
double normal() { return std::normal_distribution<double>()(engine); }

using real = long double;
/// The loss in long double from S, an array of all pairs.
template <class L>
double textbook(const std::vector<double>& x, const std::vector<long long>& label, std::size_t n,
                std::size_t width, double temperature) {
  std::vector<real> length(n), size(n);
  // pairs: all that belong together, the number a plain mean divides by; anchors: rows that have any, for
  // means by row.
  real pairs = 0, anchors = 0, loss = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < width; ++k) length[i] += real(x[i * width + k]) * x[i * width + k];
    for (std::size_t j = 0; j < n; ++j) size[i] += j != i && label[j] == label[i];
    pairs += size[i];
    anchors += size[i] > 0;
  }
  // Cosines over the temperature, as sums over the vectors themselves: no directions are rounded first.
  const auto product = [&](std::size_t i, std::size_t j) {
    real s = 0;
    for (std::size_t k = 0; k < width; ++k) s += real(x[i * width + k]) * x[j * width + k];
    return s / std::sqrt(length[i] * length[j]) / temperature;
  };
  for (std::size_t i = 0; i < n; ++i) {
    real others = 0;  // against exp(1 / temperature)
    for (std::size_t k = 0; k < n; ++k)
      if (k != i && (L::inclusive || label[k] != label[i]))
        others += std::exp(product(i, k) - 1 / temperature);
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i || label[j] != label[i]) continue;
      const real e = std::exp(product(i, j) - 1 / temperature);
      loss += std::log((others + (L::inclusive ? 0 : e)) / e) / (L::by_row ? size[i] * anchors : pairs);
    }
  }
  return double(loss);
}

/// Two batches, the second of twice the vectors: `gap` elements from number to number.
template <class L, class T>
void compare(std::ptrdiff_t n, std::ptrdiff_t width, double temperature, int classes) {
  constexpr unsigned both = part_value | part_grad;
  std::vector<double> x(std::size_t(n * width));
  std::vector<long long> label(static_cast<std::size_t>(n));
  for (double& v : x) v = double(T(normal()));
  for (long long& l : label) l = (long long)(engine() % std::size_t(classes)) - 1;
  // One pair at least: the mean of none is NaN.
  label[std::size_t(n - 1)] = label[0];
  // The temperature as the type stores it: else its rounding, times 1/temperature, would be the error found.
  const double want = textbook<L>(x, label, std::size_t(n), std::size_t(width), double(T(temperature)));
  // The gradient of the dense layout, for the other one to be compared with.
  std::vector<T> first;
  for (const std::ptrdiff_t gap : {1, 3}) {
    const std::ptrdiff_t extent = (n * width - 1) * gap + 1, dims[] = {2, n, width};
    // Heap blocks of exactly their extent: the address sanitizer sees a step beyond.
    const std::unique_ptr<T[]> in(new T[std::size_t(2 * extent)]), slope(new T[std::size_t(2 * extent)]());
    for (std::ptrdiff_t k = 0; k < n * width; ++k) {
      in[std::size_t(k * gap)] = T(x[std::size_t(k)]);
      in[std::size_t(extent + k * gap)] = T(2 * x[std::size_t(k)]);
    }
    // value: with the gradient; alone: without.
    T value[2] = {}, alone[2] = {}, heat = T(temperature);
    const std::ptrdiff_t size = sizeof(T), row = size * gap * width, element = size * gap;
    // The two batches of one call share a workspace, one after the other.
    const auto run = [&](auto parts, char* value_to, char* slope_to) {
      constexpr unsigned which = decltype(parts)::value;
      const std::size_t bytes = batch_bytes<L, which, T>(dims);
      const std::unique_ptr<char[]> block(new char[bytes + 64]);
      char* const workspace = block.get() + (64 - reinterpret_cast<std::uintptr_t>(block.get()) % 64) % 64;
      std::memset(workspace, 0xff, bytes);  // what is read before it is written is NaN
      char* args[] = {reinterpret_cast<char*>(in.get()), reinterpret_cast<char*>(label.data()),
                      reinterpret_cast<char*>(&heat), value_to, slope_to};
      const std::ptrdiff_t steps[] = {extent * size, 0,       0, size, extent * size,
                                      row,           element, 8, row,  element};
      const std::ptrdiff_t value_steps[] = {extent * size, 0, 0, size, row, element, 8};
      batches<L, which, T>(args, dims, which == both ? steps : value_steps, false, workspace);
      arena::give_back(workspace, bytes);
    };
    run(std::integral_constant<unsigned, both>{}, reinterpret_cast<char*>(value),
        reinterpret_cast<char*>(slope.get()));
    run(std::integral_constant<unsigned, part_value>{}, reinterpret_cast<char*>(alone), nullptr);
    // The error of a product of directions, a few ulp, is divided by the temperature, and so is the bound; a
    // loss above 1 has its own ulps.
    const double bound = (sizeof(T) == 4 ? 1e-6 : 2e-15) / temperature;
    check(std::fabs(double(value[0]) - want) <= bound * std::fmax(1, want),
          "%s: %.9g, not %.9g (%td vectors of %td, temperature %g)", L::name, double(value[0]), want, n,
          width, temperature);
    // Twice the vectors have the same directions, to the bit, since a factor of 2 is exact.
    check(value[0] == alone[0] && value[0] == value[1] && alone[1] == value[1], "%s: %.9g %.9g %.9g", L::name,
          double(value[0]), double(alone[0]), double(value[1]));
    std::vector<T> dense;
    for (std::ptrdiff_t k = 0; k < n * width; ++k) {
      dense.push_back(slope[std::size_t(k * gap)]);
      // A slope of half the size is exact too, until it is subnormal: two of the smallest numbers.
      check(std::fabs(2 * double(slope[std::size_t(extent + k * gap)]) - double(dense.back())) <=
                2 * double(std::numeric_limits<T>::denorm_min()),
            "%s: the gradient of vectors twice as long is half", L::name);
    }
    if (gap == 1) first = dense;
    // Whatever the layout, the same numbers are computed with.
    check(!std::memcmp(first.data(), dense.data(), dense.size() * sizeof(T)),
          "%s: other bits for another layout (%td vectors of %td)", L::name, n, width);
    for (std::ptrdiff_t i = 0; i < n; ++i) {  // no slope along the vector itself
      double along = 0, length = 0, steepness = 0;
      for (std::ptrdiff_t k = 0; k < width; ++k) {
        const double v = x[std::size_t(i * width + k)], g = double(dense[std::size_t(i * width + k)]);
        along += v * g;
        length += v * v;
        steepness += g * g;
      }
      // Lengths do not count, so the gradient is orthogonal to its vector, but for rounding: of the slope,
      // and of the terms that cancelled in it, which are of size 1/(temperature length).
      check(std::fabs(along) <= (sizeof(T) == 4 ? 1e-6 : 1e-14) * std::sqrt(length) *
                                    (std::sqrt(steepness) + 1 / (temperature * std::sqrt(length))),
            "%s: a slope of %g along row %td", L::name, along, i);
    }
  }
}

/// The same bits whatever the workspace held, and as without the rows that are masked out.
template <class L, class T>
void same_bits(std::ptrdiff_t n, std::ptrdiff_t width, double temperature, int classes) {
  constexpr unsigned both = part_value | part_grad;
  std::vector<T> x, kept;
  std::vector<long long> label, label_kept;
  std::vector<char> mask;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    // One in five is masked out; `kept` is what is left, as a batch of its own.
    mask.push_back(engine() % 5 != 0);
    label.push_back((long long)(engine() % std::size_t(classes)));
    if (mask.back()) label_kept.push_back(label.back());
    for (std::ptrdiff_t k = 0; k < width; ++k) {
      x.push_back(T(normal()));
      if (mask.back()) kept.push_back(x.back());
    }
  }
  T heat = T(temperature);
  const std::ptrdiff_t size = sizeof(T), row = size * width;
  const auto run = [&](std::vector<T>& vectors, std::vector<long long>& labels, bool masked, int poison) {
    const std::ptrdiff_t count = std::ptrdiff_t(labels.size()), dims[] = {1, count, width};
    std::vector<T> out(std::size_t(count * width) + 1);
    const std::size_t bytes = batch_bytes<L, both, T>(dims);
    const std::unique_ptr<char[]> block(new char[bytes + 64]);
    char* const workspace = block.get() + (64 - reinterpret_cast<std::uintptr_t>(block.get()) % 64) % 64;
    std::memset(workspace, poison, bytes);
    std::vector<char*> args = {reinterpret_cast<char*>(vectors.data()),
                               reinterpret_cast<char*>(labels.data()), reinterpret_cast<char*>(&heat)};
    std::vector<std::ptrdiff_t> steps = {0, 0, 0};
    if (masked) {
      args.push_back(mask.data());
      steps.push_back(0);
    }
    // The value lies behind the gradient, so that one comparison sees both.
    for (T* to : {out.data() + count * width, out.data()}) {
      args.push_back(reinterpret_cast<char*>(to));
      steps.push_back(0);
    }
    for (const std::ptrdiff_t step : {row, size, std::ptrdiff_t(8)}) steps.push_back(step);
    if (masked) steps.push_back(1);
    steps.push_back(row);
    steps.push_back(size);
    batches<L, both, T>(args.data(), dims, steps.data(), masked, workspace);
    arena::give_back(workspace, bytes);
    return out;
  };
  // Bits: the same NaN too.
  const auto same = [](const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && !std::memcmp(a.data(), b.data(), a.size() * sizeof(T));
  };
  for (const bool masked : {false, true}) {
    const std::vector<T> first = run(x, label, masked, 0x00);
    // 0x01 and 0x20 make tiny positive floats, 0xff NaN: whatever is read unwritten differs between them.
    for (const int poison : {0x01, 0x20, 0xff})
      check(same(run(x, label, masked, poison), first),
            "%s: other bits for a workspace full of %d (%td vectors of %td)", L::name, poison, n, width);
    if (!masked) continue;
    // The rows that take part, and the value.
    std::vector<T> some;
    for (std::ptrdiff_t i = 0; i <= n; ++i)
      if (i == n) some.push_back(first.back());
      else if (mask[std::size_t(i)])
        some.insert(some.end(), first.begin() + i * width, first.begin() + (i + 1) * width);
    if (!label_kept.empty())
      check(same(run(kept, label_kept, false, 0x20), some),
            "%s: other bits than without what is masked out (%td vectors of %td)", L::name, n, width);
  }
}
/// Sizes of which no memory has so many stop at a number that none has either.
template <class L, class T> void sizes_beyond_memory() {
  // From what no process can address to what no sum can hold.
  const std::ptrdiff_t huge[] = {std::ptrdiff_t(1) << 47,
                                 std::ptrdiff_t(1) << 56,
                                 std::ptrdiff_t(1) << 60,
                                 std::ptrdiff_t(1) << 61,
                                 (std::ptrdiff_t(1) << 61) + 12345,
                                 PTRDIFF_MAX - 7,
                                 PTRDIFF_MAX};
  for (const std::ptrdiff_t n : huge)
    for (int which = 1; which < 4; ++which) {
      // Either dimension, or both: products that overflow must not come out small.
      const std::ptrdiff_t dims[] = {1, which & 1 ? n : 3, which & 2 ? n : 4};
      check(batch_bytes<L, part_grad, T>(dims) >= std::size_t(1) << 47 &&
                batch_bytes<L, part_value, T>(dims) >= std::size_t(1) << 47,
            "%s: a small workspace for %td vectors of %td", L::name, dims[1], dims[2]);
    }
}

/// Two batches: value, both gradients and the slope in the temperature, one after the other.  `gap` elements
/// lie from number to number, in heap blocks of exactly their extent.
template <class L, class T>
std::vector<T> run_crossed(const std::vector<T>& queries, const std::vector<T>& keys, std::ptrdiff_t width,
                           double temperature, std::vector<char> mask, std::ptrdiff_t gap, int poison) {
  constexpr unsigned every = part_value | part_grad | part_grad2 | part_grad3;
  const std::ptrdiff_t numbers = std::ptrdiff_t(queries.size()), n = numbers / width, dims[] = {1, n, width};
  const std::ptrdiff_t extent = numbers ? (numbers - 1) * gap + 1 : 0;
  std::unique_ptr<T[]> blocks[4];
  for (auto& b : blocks) b.reset(new T[std::size_t(extent)]());
  for (std::ptrdiff_t k = 0; k < numbers; ++k) {
    blocks[0][std::size_t(k * gap)] = queries[std::size_t(k)];
    blocks[1][std::size_t(k * gap)] = keys[std::size_t(k)];
  }
  T value = 0, slope = 0, heat = T(temperature);
  const std::size_t bytes = batch_bytes<L, every, T>(dims);
  const std::unique_ptr<char[]> memory(new char[bytes + 64]);
  char* const workspace = memory.get() + (64 - reinterpret_cast<std::uintptr_t>(memory.get()) % 64) % 64;
  std::memset(workspace, poison, bytes);
  const auto bytes_of = [](T* x) { return reinterpret_cast<char*>(x); };
  const bool masked = !mask.empty();
  std::vector<char*> args = {bytes_of(blocks[0].get()), bytes_of(blocks[1].get()), bytes_of(&heat)};
  if (masked) args.push_back(mask.data());
  for (T* const out : {&value, blocks[2].get(), blocks[3].get(), &slope}) args.push_back(bytes_of(out));
  std::vector<std::ptrdiff_t> steps(args.size());
  const std::ptrdiff_t element = gap * std::ptrdiff_t(sizeof(T)), row = width * element;
  const auto push_matrix = [&] {
    steps.push_back(row);
    steps.push_back(element);
  };
  push_matrix();
  push_matrix();
  if (masked) steps.push_back(1);
  push_matrix();
  push_matrix();
  batches<L, every, T>(args.data(), dims, steps.data(), masked, workspace);
  arena::give_back(workspace, bytes);
  std::vector<T> all = {value};
  // Blocks 2 and 3 hold the gradients.
  for (const int b : {2, 3})
    for (std::ptrdiff_t k = 0; k < numbers; ++k) all.push_back(blocks[b][std::size_t(k * gap)]);
  all.push_back(slope);
  return all;
}
/// The loss of two batches in long double, each exponential relative to the pair's own product.
template <class L>
double textbook_crossed(const std::vector<real>& q, const std::vector<real>& k, std::size_t width,
                        double temperature) {
  const std::size_t n = q.size() / width;
  const auto cosine = [&](std::size_t i, std::size_t j) {
    real product = 0, a = 0, b = 0;
    for (std::size_t e = 0; e < width; ++e) {
      product += q[i * width + e] * k[j * width + e];
      a += q[i * width + e] * q[i * width + e];
      b += k[j * width + e] * k[j * width + e];
    }
    return product / std::sqrt(a * b) / temperature;
  };
  real loss = 0;
  for (std::size_t i = 0; i < n; ++i) {
    real others = 0, others_of_key = 0;
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i) continue;
      others += std::exp(cosine(i, j) - cosine(i, i));
      others_of_key += std::exp(cosine(j, i) - cosine(i, i));
    }
    loss += L::both_ways ? (std::log1p(others) + std::log1p(others_of_key)) / 2 : std::log1p(others);
  }
  return double(loss / real(n));
}
/// Near the textbook; the same bits for every layout, whatever the workspace held, and as without the pairs
/// that are masked out.
template <class L, class T> void crossed(std::ptrdiff_t n, std::ptrdiff_t width, double temperature) {
  std::vector<T> x[2], kept[2];
  std::vector<real> exact[2];
  std::vector<char> mask;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    mask.push_back(engine() % 5 != 0);
    for (int b = 0; b < 2; ++b)
      for (std::ptrdiff_t k = 0; k < width; ++k) {
        x[b].push_back(T(normal()));
        exact[b].push_back(real(x[b].back()));
        if (mask.back()) kept[b].push_back(x[b].back());
      }
  }
  const auto same = [](const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && !std::memcmp(a.data(), b.data(), a.size() * sizeof(T));
  };
  const std::vector<T> first = run_crossed<L, T>(x[0], x[1], width, temperature, {}, 1, 0);
  // The vectors are those that the type stores, so that the bound is the loss's own.
  const double want = textbook_crossed<L>(exact[0], exact[1], std::size_t(width), double(T(temperature)));
  const double bound = (sizeof(T) == 4 ? 1e-6 : 2e-15) / temperature;
  check(std::fabs(double(first[0]) - want) <= bound * std::fmax(1, want), "%s: %.9g, not %.9g (%td, %td)",
        L::name, double(first[0]), want, n, width);
  for (const int poison : {0x01, 0x20, 0xff})
    for (const std::ptrdiff_t gap : {1, 3})
      check(same(run_crossed<L, T>(x[0], x[1], width, temperature, {}, gap, poison), first),
            "%s: other bits for a workspace full of %d, numbers %td apart (%td, %td)", L::name, poison, gap,
            n, width);
  if (kept[0].empty()) return;
  const std::vector<T> some = run_crossed<L, T>(kept[0], kept[1], width, temperature, {}, 1, 0xff);
  // What is masked out gets a gradient of 0, and everything else keeps the bits it has without it.
  std::vector<T> spread = {some[0]};
  std::size_t next = 1;
  for (int b = 0; b < 2; ++b)
    for (const char takes_part : mask)
      for (std::ptrdiff_t k = 0; k < width; ++k) spread.push_back(takes_part ? some[next++] : T(0));
  spread.push_back(some[next]);
  check(same(run_crossed<L, T>(x[0], x[1], width, temperature, mask, 2, 0xff), spread),
        "%s: other bits than without what is masked out (%td, %td)", L::name, n, width);
}
#ifdef UFLOSS_TEST_SANITIZED
constexpr bool is_sanitized = true;  // then this takes minutes to compile, so for fewer types
#else
constexpr bool is_sanitized = false;
#endif

/// From two vectors to many tiles and a part of one, vectors of one number to several packs, temperatures
/// down to one at which floats need each row's own largest, all labels equal to nearly all different.
template <class L> void all() {
  for (const std::ptrdiff_t n : {2, 3, 7, 31, 64, 97, 130})
    for (const std::ptrdiff_t width : {1, 4, 33})
      for (const double temperature : {0.5, 0.07, 0.0101})
        for (const int classes : {1, 4, 60}) {
          if (is_sanitized && (temperature != 0.07 || n == 3 || n == 31 || n == 64))
            continue;  // sizes touch memory, temperatures do not
          compare<L, float>(n, width, temperature, classes);
          same_bits<L, float>(n, width, temperature, classes);
          if constexpr (!is_sanitized) {
            compare<L, double>(n, width, temperature, classes);
            same_bits<L, double>(n, width, temperature, classes);
          }
        }
}

template <class L> void all_crossed() {
  for (const std::ptrdiff_t n : {1, 2, 7, 31, 97, 130})
    for (const std::ptrdiff_t width : {1, 4, 33})
      for (const double temperature : {0.5, 0.07, 0.0101}) {
        crossed<L, float>(n, width, temperature);
        if constexpr (!is_sanitized) crossed<L, double>(n, width, temperature);
      }
}

}  // namespace

int run_tests(int, char**);
int run_tests(int, char**) {
  all<ntxent_loss>();
  sizes_beyond_memory<ntxent_loss, float>();
  sizes_beyond_memory<ntxent_loss, double>();
  if constexpr (!is_sanitized) all<supervised_contrastive_loss>();
  all_crossed<info_nce_loss>();
  all_crossed<clip_loss>();
  sizes_beyond_memory<clip_loss, float>();
  sizes_beyond_memory<info_nce_loss, double>();
  return report("batch_test");
}
