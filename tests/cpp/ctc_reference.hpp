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

// 64 bits of mantissa on x86-64: the reference's own error, a few 1e-19 a frame, is far below every bound it
// serves.
using real = long double;
constexpr real infinity = std::numeric_limits<real>::infinity();
// A fixed seed: a failure comes back.
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
    // Never class 0, which is the blank here; repeats occur, since there are few classes.
    for (auto& label : labels) label = 1 + std::ptrdiff_t(below(std::size_t(k - 1)));
  }
  S& at(std::ptrdiff_t t, std::ptrdiff_t k) const { return logits[std::size_t((t * classes + k) * gap)]; }
  frame_rows rows(S* data) const {
    const std::ptrdiff_t size = std::ptrdiff_t(sizeof(S)) * gap;
    return {reinterpret_cast<char*>(data), size * classes, size, std::is_same_v<S, half>, nullptr};
  }
};

/// log(exp(a) + exp(b)), where either may be -infinity.
real add_logs(real a, real b) {
  const real most = std::max(a, b);
  return most == -infinity ? most : most + std::log1p(std::exp(std::min(a, b) - most));
}
/// The textbook's recursion; the gradient in `slope`.
template <class S> real reference(const problem<S>& p, std::vector<real>& slope) {
  const std::ptrdiff_t frames = p.frames, classes = p.classes,
                       states = 2 * std::ptrdiff_t(p.labels.size()) + 1;
  // States as the library has them: blanks at even places, labels between them.  A label may be reached from
  // the one before it, past the blank, unless the two are equal.
  const auto class_of = [&](std::ptrdiff_t s) { return s % 2 ? p.labels[std::size_t(s / 2)] : 0; };
  const auto skips = [&](std::ptrdiff_t s) { return s >= 3 && s % 2 && class_of(s) != class_of(s - 2); };
  std::vector<real> chance(std::size_t(frames * classes)), alpha(std::size_t(frames * states), -infinity),
      beta(std::size_t(states) + 2, -infinity), u = beta;
  // The softmax of each frame, as logarithms.
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
      // alpha: of all ways that end in this state, its own emission included.
      real sum = t ? before[s] : s < 2 ? 0 : -infinity;
      if (t && s) sum = add_logs(sum, before[s - 1]);
      if (t && skips(s)) sum = add_logs(sum, before[s - 2]);
      alpha[std::size_t(t * states + s)] = sum + emitted(t, s);
    }
  // The last label, or the blank behind it.
  const real total = add_logs(alpha.back(), states > 1 ? alpha[alpha.size() - 2] : -infinity);
  // Without any way the gradient stays 0.
  slope.assign(std::size_t(frames * classes), 0);
  for (std::ptrdiff_t t = frames - 1; t >= 0 && total > -infinity; --t) {
    for (std::ptrdiff_t s = 0; s < states; ++s) {
      const auto at = std::size_t(s);
      // u: of all ways on from this state, without its emission; beta: with it.
      u[at] = t == frames - 1
                  ? (s >= states - 2 ? 0 : -infinity)
                  : add_logs(beta[at], add_logs(beta[at + 1],
                                                s + 2 < states && skips(s + 2) ? beta[at + 2] : -infinity));
    }
    for (std::ptrdiff_t k = 0; k < classes; ++k)
      // The gradient is the softmax less the posteriors of the states that stand for a class.
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
