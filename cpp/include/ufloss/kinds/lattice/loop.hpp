// CTC over a batch: the operands of a gufunc's loop, sequence by sequence.  Nothing is copied but labels and,
// where frames are strided or float16, one frame.
#pragma once
#include "ufloss/context.hpp"
#include "ufloss/kinds/lattice/align.hpp"
#include "ufloss/kinds/lattice/ctc.hpp"
#include "ufloss/kinds/lattice/loss.hpp"

UFL_BEGIN

/// What tells one item from another, read once.
/// Checked by read(): what indexes memory from here on is this copy, not what another thread may write.
struct ctc_item {
  std::ptrdiff_t frames, labels, blank;
};

/// The operands of a call.  Steps are in bytes: step_* from item to item, *_core and the like within one.
struct ctc_operands {
  char *logits, *mask, *labels, *logit_length, *label_length, *blank, *out[3];
  std::ptrdiff_t step_logits, step_mask, step_labels, step_logit_length, step_label_length, step_blank,
      step_out[3];
  std::ptrdiff_t batch, frames, classes, labels_axis, frame_step, class_step, mask_core, label_core;
  /// args, dims and steps as NumPy hands them over; logits, the mask where there is one, labels, the two
  /// lengths, blank, outputs.
  ctc_operands(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked,
               int nout) {
    const int nin = 5 + masked;
    char** const pointers[] = {&logits, &mask, &labels, &logit_length, &label_length, &blank};
    std::ptrdiff_t* const outer[] = {&step_logits,       &step_mask,         &step_labels,
                                     &step_logit_length, &step_label_length, &step_blank};
    mask = nullptr;
    for (int a = 0, i = 0; i < 6; ++i) {
      // The mask stands beside the frames, as kind_traits::mask_at says.
      if (i == 1 && !masked) continue;
      *pointers[i] = args[a];
      *outer[i] = steps[a++];
    }
    for (int k = 0; k < nout; ++k) {
      out[k] = args[nin + k];
      step_out[k] = steps[nin + k];
    }
    batch = dims[0];
    frames = dims[1];
    classes = dims[2];
    labels_axis = dims[3];
    // Steps within an item stand behind all outer ones, in the order of the dims of each operand.
    const std::ptrdiff_t* core = steps + nin + nout;
    frame_step = *core++;
    class_step = *core++;
    mask_core = masked ? *core++ : 0;
    label_core = *core++;
    outputs_core = core;
  }
  /// Steps within an item of the outputs, one after the other; how many there are depends on the output.
  const std::ptrdiff_t* outputs_core;
  // Volatile: another thread may write to what is read here, so that what was checked must be what is used,
  // and is not read again.
  static long long integer(const char* p) { return *reinterpret_cast<const volatile long long*>(p); }
  long long label(std::ptrdiff_t i, std::ptrdiff_t n) const {
    return integer(labels + i * step_labels + n * label_core);
  }
  /// A frame that is masked out is as if it were not there: the sequence is that much shorter.
  bool takes_part(std::ptrdiff_t i, std::ptrdiff_t t) const {
    return !mask || mask[i * step_mask + t * mask_core];
  }
  /// Lengths and blank of item i, which are right if there is no fault.
  /// A negative blank counts from the last class, as an index of Python's does.
  fault read(std::ptrdiff_t i, ctc_item* item) const {
    const long long b = integer(blank + i * step_blank), t = integer(logit_length + i * step_logit_length),
                    n = integer(label_length + i * step_label_length);
    if (b < -static_cast<long long>(classes) || b >= static_cast<long long>(classes))
      return {fault_kind::blank, b, classes};
    if (t < 0 || t > frames) return {fault_kind::logit_length, t, frames};
    if (n < 0 || n > labels_axis) return {fault_kind::label_length, n, labels_axis};
    *item = {std::ptrdiff_t(t), std::ptrdiff_t(n), std::ptrdiff_t(b < 0 ? b + classes : b)};
    return {fault_kind::none, 0, 0};
  }
  /// The blank is no label: a way through it could not be told from one that pauses.
  bool is_right(long long label, const ctc_item& item) const {
    return label >= 0 && label < classes && label != item.blank;
  }
  fault fault_of_label(long long label, const ctc_item& item) const {
    return {label == item.blank ? fault_kind::label_is_blank : fault_kind::label, label, classes};
  }
  /// The first item that is wrong; -1: none.
  /// Before anything is written, so that a refused call leaves its outputs alone.
  std::ptrdiff_t find_fault(fault* found) const {
    for (std::ptrdiff_t i = 0; i < batch; ++i) {
      ctc_item item{};
      *found = read(i, &item);
      if (found->kind != fault_kind::none) return i;
      for (std::ptrdiff_t k = 0; k < item.labels; ++k) {
        const long long l = label(i, k);
        if (is_right(l, item)) continue;
        *found = fault_of_label(l, item);
        return i;
      }
    }
    return -1;
  }
};
template <class S> using ctc_compute = typename storage<S>::compute;
/// Bytes of workspace; arena::most where no memory has so many.
template <class S> std::size_t ctc_loop_bytes(const std::ptrdiff_t* dims, ctc_output output) {
  // What needs rows needs alphas of many frames, by far the most memory.
  const bool rows = output == ctc_output::grad || output == ctc_output::value_and_grad ||
                    output == ctc_output::states || output == ctc_output::classes;
  const std::ptrdiff_t frames = size_of_axis(dims[1]), classes = size_of_axis(dims[2]),
                       labels = size_of_axis(dims[3]);
  arena count;
  // From here on as ctc_loop() takes it, piece by piece: this text and that one go together.
  count.take<std::ptrdiff_t>(frames);
  if (output == ctc_output::path_and_score) {
    const ctc_label label(labels, count);
    ctc_path<ctc_compute<S>>(make_sequence<ctc_compute<S>>({{}, frames, classes, labels, 0, false}, label),
                             count);
    return count.used;
  }
  return ctc_workspace<ctc_compute<S>>(frames, classes, labels, rows) + count.used;
}

/// One call of a loop; `workspace` as large as ctc_loop_bytes() says.  Stops at the first item that is wrong:
/// after find_fault() has found none, one that another thread has written to since.
template <class S> fault ctc_loop(ctc_output output, bool log_probs, const ctc_operands& o, char* workspace) {
  using T = ctc_compute<S>;
  constexpr bool as_half = std::is_same_v<S, half>;
  arena a{workspace};
  std::ptrdiff_t* const which = a.template take<std::ptrdiff_t>(o.frames);
  const ctc_label label(o.labels_axis, a);
  const auto number = [&](int k, std::ptrdiff_t i) -> S& {
    return *reinterpret_cast<S*>(o.out[k] + i * o.step_out[k]);
  };
  const auto put = [&](S& to, double x) { to = storage<S>::put(T(x)); };
  for (std::ptrdiff_t i = 0; i < o.batch; ++i) {
    std::ptrdiff_t m = 0;
    ctc_item item{};
    fault found = o.read(i, &item);
    if (found.kind != fault_kind::none) return found;
    const std::ptrdiff_t frames = item.frames, labels = item.labels;
    for (std::ptrdiff_t t = 0; t < frames; ++t)
      if (o.takes_part(i, t)) which[m++] = t;
    // Null where all frames take part, so that none is looked up.
    const std::ptrdiff_t* const chosen = m == frames ? nullptr : which;
    // Two equal labels side by side need a blank between them, so a path takes labels + repeats frames at
    // least.
    const std::ptrdiff_t repeats = label.set(labels, item.blank, [&](std::ptrdiff_t n) {
      const long long l = o.label(i, n);
      if (!o.is_right(l, item)) found = o.fault_of_label(l, item);
      return l;
    });
    if (found.kind != fault_kind::none) return found;
    const ctc_input in = {{o.logits + i * o.step_logits, o.frame_step, o.class_step, as_half, chosen},
                          m,
                          o.classes,
                          labels,
                          item.blank,
                          log_probs};
    const auto rows_out = [&](int k, int core) {
      return frame_rows{o.out[k] + i * o.step_out[k], o.outputs_core[core], o.outputs_core[core + 1], as_half,
                        nullptr};
    };
    // Rows of frames that take no part, or lie beyond the sequence, are 0; ctc() writes all others.
    const auto run = [&](ctc_rows wanted, int k, std::ptrdiff_t width) {
      frame_rows out = rows_out(k, 0);
      for (std::ptrdiff_t t = 0, v = 0; t < o.frames; ++t) {
        if (v < m && (chosen ? which[v] : v) == t) ++v;
        else out.template fill<T>(t, width, 0);
      }
      out.which = chosen;
      return ctc<T>(in, label, repeats, wanted, out, width, a);
    };
    if (output == ctc_output::value)
      put(number(0, i), ctc<T>(in, label, repeats, ctc_rows::none, frame_rows{}, 0, a));
    else if (output == ctc_output::grad) run(ctc_rows::gradient, 0, o.classes);
    else if (output == ctc_output::value_and_grad) put(number(0, i), run(ctc_rows::gradient, 1, o.classes));
    else if (output == ctc_output::classes) run(ctc_rows::classes, 0, o.classes);
    else if (output == ctc_output::states) run(ctc_rows::states, 0, 2 * o.labels_axis + 1);
    else if (output == ctc_output::value_and_probabilities) {
      const frame_rows blanks = rows_out(1, 0), letters = rows_out(2, 2);
      sequence<T> s = make_sequence<T>(in, label);
      // Forward probabilities are asked for whether or not the end can be reached from there.
      s.all_states = true;
      arena rest = a;
      exact_ctc<T> exact(s, false, rest);
      std::ptrdiff_t row = 0;                            // rows written so far
      const auto repeat_until = [&](std::ptrdiff_t t) {  // a frame that takes no part changes nothing
        for (; row < t; ++row) {
          for (std::ptrdiff_t n = 0; n <= o.labels_axis; ++n) {
            blanks.template set<T>(row, n,
                                   row ? blanks.template number<T>(row - 1, n)
                                   : n ? -inf<T>()
                                       : T(0));
            if (n < o.labels_axis)
              letters.template set<T>(row, n, row ? letters.template number<T>(row - 1, n) : -inf<T>());
          }
        }
      };
      // The first blank of a frame begins its row; frames before it that take no part are written then.
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
      else
        for (; row < o.frames; ++row) {
          blanks.template fill<T>(row, o.labels_axis + 1, T(loss));
          letters.template fill<T>(row, o.labels_axis, T(loss));
        }
      // Rows of an item without a path are still those of its frames; its loss is known beforehand.
      put(number(0, i), m < labels + repeats ? __builtin_inf() : loss);
    } else if (output == ctc_output::path_and_score) {
      const auto state = [&](std::ptrdiff_t t) -> long long& {
        return *reinterpret_cast<long long*>(o.out[0] + i * o.step_out[0] + t * o.outputs_core[0]);
      };
      // No state: of frames that take no part, and of all where no path exists.
      for (std::ptrdiff_t t = 0; t < o.frames; ++t) state(t) = -1;
      arena rest = a;
      ctc_path<T> path(make_sequence<T>(in, label), rest);
      if (m < labels + repeats) put(number(1, i), -__builtin_inf());
      else
        put(number(1, i),
            path.find([&](std::ptrdiff_t v, std::ptrdiff_t at) { state(chosen ? which[v] : v) = at; }));
    }
  }
  return {fault_kind::none, 0, 0};
}

UFL_END
