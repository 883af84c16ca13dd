// Connectionist temporal classification (Graves et al., 2006) of one sequence: loss, derivatives,
// occupancies, forward probabilities. No allocation: the caller gives the workspace, whose size a function
// tells.
#pragma once
#include "ufloss/kinds/lattice/exact.hpp"
#include "ufloss/kinds/lattice/fast.hpp"

UFL_BEGIN

/// What a sequence is: labels are classes other than the blank, checked by the caller (see ctc_fault).
struct ctc_input {
  frame_rows logits;  ///< only frames that take part
  std::ptrdiff_t frames, classes, labels;
  std::ptrdiff_t blank;
  bool log_probs;  ///< used as they are; else logits, which a softmax normalises
};
/// Its label, copied: the class of each pair, and where a blank between may be left out.
/// Copied, since another thread may write to the caller's while derivatives are put where labels say.
struct ctc_label {
  std::ptrdiff_t* of;
  double* skip;
  ctc_label(std::ptrdiff_t labels, arena& a) {
    of = a.take<std::ptrdiff_t>(padded_pairs(labels) + block_pairs);
    // A block before the first: loads of neighbours begin there.  Null where memory is only counted.
    double* const p = a.take<double>(padded_pairs(labels) + 2 * block_pairs);
    skip = p ? p + block_pairs : p;
  }
  /// get(n): the n-th label, asked for once.  Returns how many follow one of their own kind.
  template <class Get> std::ptrdiff_t set(std::ptrdiff_t labels, std::ptrdiff_t blank, Get get) const {
    const std::ptrdiff_t pairs = padded_pairs(labels);
    std::ptrdiff_t repeats = 0;
    for (std::ptrdiff_t n = -block_pairs; n < pairs + block_pairs; ++n) skip[n] = 0;
    for (std::ptrdiff_t n = 0; n < pairs + block_pairs; ++n) {
      of[n] = n < labels ? std::ptrdiff_t(get(n)) : blank;
      if (n > 0 && n < labels) {
        skip[n] = of[n] != of[n - 1];
        repeats += of[n] == of[n - 1];
      }
    }
    return repeats;
  }
};

/// A view: it lives no longer than the label's copy.
template <class T> UFL_FN sequence<T> make_sequence(const ctc_input& in, const ctc_label& label) {
  return {in.logits, in.frames,    in.classes, in.labels, padded_pairs(in.labels),
          in.blank,  in.log_probs, label.of,   label.skip};
}

/// Which way a sequence went.
/// Only tests ask.
enum class ctc_way : int { none, fast, fast_in_double, exact };
/// Below it float emissions may be off by more than 10^-6 of the loss.
constexpr double small_loss = 0.01;

template <class T> constexpr bool ctc_in_float = sizeof(T) == 4;

/// Bytes that ctc() needs, at an address that is a multiple of 64; sizes that no memory has stop at
/// arena::most.
template <class T>
std::size_t ctc_workspace(std::ptrdiff_t frames, std::ptrdiff_t classes, std::ptrdiff_t labels, bool rows) {
  frames = size_of_axis(frames);
  classes = size_of_axis(classes);
  labels = size_of_axis(labels);
  arena count;
  const ctc_label label(labels, count);
  const sequence<T> s = make_sequence<T>({{}, frames, classes, labels, 0, false}, label);
  const ctc_rows wanted = rows ? ctc_rows::gradient : ctc_rows::none;
  std::size_t most = 0;
  // One way after the other may be gone, each from the start of the same memory: the largest need counts.
  const auto need = [&](auto make) {
    arena a = count;
    make(a);
    most = a.used > most ? a.used : most;
  };
  need([&](arena& a) { exact_ctc<T>(s, rows, a); });
  need([&](arena& a) { fast_ctc<T, double>(s, wanted, {}, a); });
  if constexpr (ctc_in_float<T>) need([&](arena& a) { fast_ctc<T, float>(s, wanted, {}, a); });
  return most;
}

/// The fast way; false where the exact one must be gone.
/// `least`: the smallest loss that is good enough; NaN, of a sequence that left the range, is none.
template <class T, class E>
bool ctc_fast(const sequence<T>& s, ctc_rows wanted, const frame_rows& out, arena a, double least,
              double* loss) {
  fast_ctc<T, E> fast(s, wanted, out, a);
  cell<double> total{1, 0};
  *loss = fast.forward(&total);
  if (!(*loss >= least)) return false;
  if (wanted != ctc_rows::none && s.frames > 0 && *loss < __builtin_inf()) fast.backward(total);
  return true;
}

/// The loss of one sequence whose label is set; rows of what is wanted go to `out`, all of them.  No path:
/// inf, and rows of 0.
template <class T>
double ctc(const ctc_input& in, const ctc_label& label, std::ptrdiff_t repeats, ctc_rows wanted,
           const frame_rows& out, std::ptrdiff_t width, arena rest, ctc_way* way = nullptr,
           ctc_way from = ctc_way::fast) {
  const sequence<T> s = make_sequence<T>(in, label);
  const bool rows = wanted != ctc_rows::none;
  double loss = __builtin_inf();
  ctc_way gone = ctc_way::none;
  // Else there are not enough frames for any path, whatever the logits.
  if (in.frames >= in.labels + repeats) {
    const auto fast = [&] {
      if (wanted == ctc_rows::states || from == ctc_way::exact) return false;
      if constexpr (ctc_in_float<T>) {
        gone = ctc_way::fast;
        if (!in.log_probs && from == ctc_way::fast &&
            ctc_fast<T, float>(s, wanted, out, rest, small_loss, &loss))
          return true;
        // Out of range: the exact way at once.  Only a loss too small for floats is worth another fast try.
        if (!in.log_probs && from == ctc_way::fast && !(loss < small_loss)) return false;
      }
      gone = ctc_way::fast_in_double;
      return ctc_fast<T, double>(s, wanted, out, rest, in.log_probs ? -__builtin_inf() : 0, &loss);
    };
    if (!fast()) {
      gone = ctc_way::exact;
      exact_ctc<T> exact(s, rows, rest);
      if (wanted == ctc_rows::states)
        for (std::ptrdiff_t t = 0; t < s.frames; ++t) out.template fill<T>(t, width, 0);
      loss = rows ? exact.value_and_rows(wanted, out) : exact.value();
    }
  }
  if (rows && !(loss < __builtin_inf()))
    for (std::ptrdiff_t t = 0; t < s.frames; ++t)
      out.template fill<T>(t, width, loss == loss ? T(0) : T(loss));
  if (way) *way = gone;
  return loss;
}

UFL_END
