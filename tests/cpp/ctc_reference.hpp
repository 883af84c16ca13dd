// A sequence of frames and its label, and the textbook's recursion over it in long double.
#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <vector>
#include "ufloss/kinds/lattice/loop.hpp"

using namespace ufloss;

namespace {

using real = long double;
constexpr real infinity = std::numeric_limits<real>::infinity();
std::mt19937_64 engine{5};
double normal() { return std::normal_distribution<double>()(engine); }
std::size_t below(std::size_t n) { return std::size_t(engine() % n); }

template <class S> S stored(double x) { return S(x); }
template <> half stored<half>(double x) { return to_half(float(x)); }
template <class S> real number(S x) { return real(x); }
template <> real number<half>(half x) { return real(to_float(x)); }

/// One sequence in memory of exactly its size: frames of `classes` logits, each `gap` elements from the next.
template <class S> struct problem {
  std::ptrdiff_t frames, classes, gap;
  std::vector<std::ptrdiff_t> labels;
  std::unique_ptr<S[]> logits;
  problem(std::ptrdiff_t t, std::ptrdiff_t k, std::ptrdiff_t n, std::ptrdiff_t g)
      : frames(t), classes(k), gap(g), labels(std::size_t(n)), logits(new S[std::size_t(t * k * g)]()) {
    for (auto& label : labels) label = 1 + std::ptrdiff_t(below(std::size_t(k - 1)));
  }
  S& at(std::ptrdiff_t t, std::ptrdiff_t k) const { return logits[std::size_t((t * classes + k) * gap)]; }
  frame_rows rows(S* data) const {
    const std::ptrdiff_t size = std::ptrdiff_t(sizeof(S)) * gap;
    return {reinterpret_cast<char*>(data), size * classes, size, std::is_same_v<S, half>, nullptr};
  }
};

real add_logs(real a, real b) {
  const real most = std::max(a, b);
  return most == -infinity ? most : most + std::log1p(std::exp(std::min(a, b) - most));
}
/// The textbook's recursion; the gradient in `slope`.
template <class S> real reference(const problem<S>& p, std::vector<real>& slope) {
  const std::ptrdiff_t frames = p.frames, classes = p.classes,
                       states = 2 * std::ptrdiff_t(p.labels.size()) + 1;
  const auto class_of = [&](std::ptrdiff_t s) { return s % 2 ? p.labels[std::size_t(s / 2)] : 0; };
  const auto skips = [&](std::ptrdiff_t s) { return s >= 3 && s % 2 && class_of(s) != class_of(s - 2); };
  std::vector<real> chance(std::size_t(frames * classes)), alpha(std::size_t(frames * states), -infinity),
      beta(std::size_t(states) + 2, -infinity), u = beta;
  for (std::ptrdiff_t t = 0; t < frames; ++t) {
    real sum = -infinity;
    for (std::ptrdiff_t k = 0; k < classes; ++k) sum = add_logs(sum, number(p.at(t, k)));
    for (std::ptrdiff_t k = 0; k < classes; ++k)
      chance[std::size_t(t * classes + k)] = number(p.at(t, k)) - sum;
  }
  const auto emitted = [&](std::ptrdiff_t t, std::ptrdiff_t s) {
    return chance[std::size_t(t * classes + class_of(s))];
  };
  for (std::ptrdiff_t t = 0; t < frames; ++t)
    for (std::ptrdiff_t s = 0; s < states; ++s) {
      const real* const before = &alpha[std::size_t(t ? (t - 1) * states : 0)];
      real sum = t ? before[s] : s < 2 ? 0 : -infinity;
      if (t && s) sum = add_logs(sum, before[s - 1]);
      if (t && skips(s)) sum = add_logs(sum, before[s - 2]);
      alpha[std::size_t(t * states + s)] = sum + emitted(t, s);
    }
  const real total = add_logs(alpha.back(), states > 1 ? alpha[alpha.size() - 2] : -infinity);
  slope.assign(std::size_t(frames * classes), 0);
  for (std::ptrdiff_t t = frames - 1; t >= 0 && total > -infinity; --t) {
    for (std::ptrdiff_t s = 0; s < states; ++s) {
      const auto at = std::size_t(s);
      u[at] = t == frames - 1
                  ? (s >= states - 2 ? 0 : -infinity)
                  : add_logs(beta[at], add_logs(beta[at + 1],
                                                s + 2 < states && skips(s + 2) ? beta[at + 2] : -infinity));
    }
    for (std::ptrdiff_t k = 0; k < classes; ++k)
      slope[std::size_t(t * classes + k)] = std::exp(chance[std::size_t(t * classes + k)]);
    for (std::ptrdiff_t s = 0; s < states; ++s) {
      slope[std::size_t(t * classes + class_of(s))] -=
          std::exp(alpha[std::size_t(t * states + s)] + u[std::size_t(s)] - total);
      beta[std::size_t(s)] = u[std::size_t(s)] + emitted(t, s);
    }
  }
  return -total;
}

}  // namespace
