// CTC over a batch: the operands of a gufunc's loop, sequence by sequence.  Nothing is copied but labels and, where frames are strided or
// float16, one frame.
#pragma once
#include <climits>
#include "../ctc/align.hpp"
#include "../ctc/ctc.hpp"

UFL_BEGIN

/// What a loop gives: outputs in this order.
enum class ctc_output : int { value, grad, value_and_grad, value_and_probabilities, states, classes, path_and_score };
/// What is wrong with an item of a batch.
enum class ctc_fault_kind : int { none, label, blank_in_label, blank, logit_length, label_length };
struct ctc_fault { ctc_fault_kind kind; long long value, limit; };
/// A length that stands for the whole axis.
constexpr long long whole_length = LLONG_MIN;

struct ctc_operands {
  char *logits, *mask, *labels, *logit_length, *label_length, *blank, *out[3];
  std::ptrdiff_t step_logits, step_mask, step_labels, step_logit_length, step_label_length, step_blank, step_out[3];
  std::ptrdiff_t batch, frames, classes, labels_axis, frame_step, class_step, mask_core, label_core;
  /// args, dims and steps as NumPy hands them over; logits, the mask where there is one, labels, the two lengths, blank, outputs.
  ctc_operands(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked, int nout) {
    const int nin = 5 + masked;
    char** const pointers[] = {&logits, &mask, &labels, &logit_length, &label_length, &blank};
    std::ptrdiff_t* const outer[] = {&step_logits, &step_mask, &step_labels, &step_logit_length, &step_label_length, &step_blank};
    mask = nullptr;
    for (int a = 0, i = 0; i < 6; ++i) {
      if (i == 1 && !masked) continue;
      *pointers[i] = args[a];
      *outer[i] = steps[a++];
    }
    for (int k = 0; k < nout; ++k) { out[k] = args[nin + k]; step_out[k] = steps[nin + k]; }
    batch = dims[0]; frames = dims[1]; classes = dims[2]; labels_axis = dims[3];
    const std::ptrdiff_t* core = steps + nin + nout;
    frame_step = *core++;
    class_step = *core++;
    mask_core = masked ? *core++ : 0;
    label_core = *core++;
    outputs_core = core;
  }
  const std::ptrdiff_t* outputs_core;
  long long integer(const char* p, std::ptrdiff_t step, std::ptrdiff_t i) const { return *reinterpret_cast<const long long*>(p + i * step); }
  std::ptrdiff_t length(const char* p, std::ptrdiff_t step, std::ptrdiff_t i, std::ptrdiff_t whole) const {
    const long long n = integer(p, step, i);
    return n == whole_length ? whole : std::ptrdiff_t(n);
  }
  std::ptrdiff_t frames_of(std::ptrdiff_t i) const { return length(logit_length, step_logit_length, i, frames); }
  std::ptrdiff_t labels_of(std::ptrdiff_t i) const { return length(label_length, step_label_length, i, labels_axis); }
  std::ptrdiff_t blank_of(std::ptrdiff_t i) const { const long long b = integer(blank, step_blank, i); return std::ptrdiff_t(b < 0 ? b + classes : b); }
  long long label(std::ptrdiff_t i, std::ptrdiff_t n) const { return *reinterpret_cast<const long long*>(labels + i * step_labels + n * label_core); }
  bool takes_part(std::ptrdiff_t i, std::ptrdiff_t t) const { return t < frames_of(i) && (!mask || mask[i * step_mask + t * mask_core]); }
  /// The first item that is wrong; -1: none.
  std::ptrdiff_t find_fault(ctc_fault* fault) const {
    const auto wrong = [&](ctc_fault_kind kind, long long value, long long limit) { *fault = {kind, value, limit}; return true; };
    const auto check = [&](std::ptrdiff_t i) {
      const long long b = integer(blank, step_blank, i), t = frames_of(i), n = labels_of(i);
      if (b < -(long long)(classes) || b >= (long long)(classes)) return wrong(ctc_fault_kind::blank, b, classes);
      if (t < 0 || t > frames) return wrong(ctc_fault_kind::logit_length, t, frames);
      if (n < 0 || n > labels_axis) return wrong(ctc_fault_kind::label_length, n, labels_axis);
      for (std::ptrdiff_t k = 0; k < n; ++k) {
        const long long l = label(i, k);
        if (l < 0 || l >= (long long)(classes)) return wrong(ctc_fault_kind::label, l, classes);
        if (l == blank_of(i)) return wrong(ctc_fault_kind::blank_in_label, l, classes);
      }
      return false;
    };
    for (std::ptrdiff_t i = 0; i < batch; ++i) if (check(i)) return i;
    return -1;
  }
};
template <class S> using ctc_compute = typename storage<S>::compute;
template <class S> std::size_t ctc_loop_bytes(const std::ptrdiff_t* dims, ctc_output output) {
  const bool rows = output == ctc_output::grad || output == ctc_output::value_and_grad || output == ctc_output::states || output == ctc_output::classes;
  arena count;
  count.take<std::ptrdiff_t>(dims[1]);
  if (output == ctc_output::path_and_score) {
    const ctc_label label(dims[3], count);
    ctc_path<ctc_compute<S>>(make_sequence<ctc_compute<S>>({{}, dims[1], dims[2], dims[3], 0, false}, label), count);
    return count.used;
  }
  return ctc_workspace<ctc_compute<S>>(dims[1], dims[2], dims[3], rows) + count.used;
}

/// One call of a loop, all items free of faults; `workspace` as large as ctc_loop_bytes() says.
template <class S> void ctc_loop(ctc_output output, bool log_probs, const ctc_operands& o, char* workspace) {
  using T = ctc_compute<S>;
  constexpr bool as_half = std::is_same_v<S, half>;
  arena a{workspace};
  std::ptrdiff_t* const which = a.template take<std::ptrdiff_t>(o.frames);
  const ctc_label label(o.labels_axis, a);
  const auto number = [&](int k, std::ptrdiff_t i) -> S& { return *reinterpret_cast<S*>(o.out[k] + i * o.step_out[k]); };
  const auto put = [&](S& to, double x) { to = storage<S>::put(T(x)); };
  for (std::ptrdiff_t i = 0; i < o.batch; ++i) {
    std::ptrdiff_t m = 0;
    const std::ptrdiff_t frames = o.frames_of(i), labels = o.labels_of(i);
    for (std::ptrdiff_t t = 0; t < frames; ++t) if (o.takes_part(i, t)) which[m++] = t;
    const std::ptrdiff_t* const chosen = m == frames ? nullptr : which;
    const std::ptrdiff_t repeats = label.set(labels, o.blank_of(i), [&](std::ptrdiff_t n) { return o.label(i, n); });
    const ctc_input in = {{o.logits + i * o.step_logits, o.frame_step, o.class_step, as_half, chosen}, m, o.classes, labels, o.blank_of(i), log_probs};
    const auto rows_out = [&](int k, int core) { return frame_rows{o.out[k] + i * o.step_out[k], o.outputs_core[core], o.outputs_core[core + 1], as_half, nullptr}; };
    const auto run = [&](ctc_rows wanted, int k, std::ptrdiff_t width) {
      frame_rows out = rows_out(k, 0);
      for (std::ptrdiff_t t = 0, v = 0; t < o.frames; ++t) {
        if (v < m && (chosen ? which[v] : v) == t) ++v;
        else out.template fill<T>(t, width, 0);
      }
      out.which = chosen;
      return ctc<T>(in, label, repeats, wanted, out, width, a);
    };
    if (output == ctc_output::value) put(number(0, i), ctc<T>(in, label, repeats, ctc_rows::none, frame_rows{}, 0, a));
    else if (output == ctc_output::grad) run(ctc_rows::gradient, 0, o.classes);
    else if (output == ctc_output::value_and_grad) put(number(0, i), run(ctc_rows::gradient, 1, o.classes));
    else if (output == ctc_output::classes) run(ctc_rows::classes, 0, o.classes);
    else if (output == ctc_output::states) run(ctc_rows::states, 0, 2 * o.labels_axis + 1);
    else if (output == ctc_output::value_and_probabilities) {
      const frame_rows blanks = rows_out(1, 0), letters = rows_out(2, 2);
      sequence<T> s = make_sequence<T>(in, label);
      s.all_states = true;
      arena rest = a;
      exact_ctc<T> exact(s, false, rest);
      std::ptrdiff_t row = 0;                                   // rows written so far
      const auto repeat_until = [&](std::ptrdiff_t t) {         // a frame that takes no part changes nothing
        for (; row < t; ++row) {
          for (std::ptrdiff_t n = 0; n <= o.labels_axis; ++n) {
            blanks.template set<T>(row, n, row ? blanks.template number<T>(row - 1, n) : n ? -inf<T>() : T(0));
            if (n < o.labels_axis) letters.template set<T>(row, n, row ? letters.template number<T>(row - 1, n) : -inf<T>());
          }
        }
      };
      const double loss = exact.probabilities([&](std::ptrdiff_t v, std::ptrdiff_t n, double b, double l) {
        const std::ptrdiff_t t = chosen ? which[v] : v;
        if (n == 0) {
          repeat_until(t);
          row = t + 1;
          blanks.template fill<T>(t, o.labels_axis + 1, -inf<T>());
          letters.template fill<T>(t, o.labels_axis, -inf<T>());
        }
        blanks.template set<T>(t, n, T(b));
        if (n < labels) letters.template set<T>(t, n, T(l));
      });
      if (loss == loss) repeat_until(o.frames);
      else for (; row < o.frames; ++row) { blanks.template fill<T>(row, o.labels_axis + 1, T(loss)); letters.template fill<T>(row, o.labels_axis, T(loss)); }
      put(number(0, i), m < labels + repeats ? __builtin_inf() : loss);
    } else if (output == ctc_output::path_and_score) {
      const auto state = [&](std::ptrdiff_t t) -> long long& { return *reinterpret_cast<long long*>(o.out[0] + i * o.step_out[0] + t * o.outputs_core[0]); };
      for (std::ptrdiff_t t = 0; t < o.frames; ++t) state(t) = -1;
      arena rest = a;
      ctc_path<T> path(make_sequence<T>(in, label), rest);
      if (m < labels + repeats) put(number(1, i), -__builtin_inf());
      else put(number(1, i), path.find([&](std::ptrdiff_t v, std::ptrdiff_t at) { state(chosen ? which[v] : v) = at; }));
    }
  }
}

UFL_END
