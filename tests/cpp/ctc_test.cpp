// CTC: both ways to compute it against a recursion over logarithms in long double, on logits that are meant
// to break the fast one, with a workspace of which not a byte is missing and whose former contents change
// nothing.  Under sanitizers the pieces of the workspace are told apart (see arena).
#include <climits>
#include <cstring>
#include "check.hpp"
#include "ctc_reference.hpp"

namespace {

int taken[4];  // how often each way was

/// Value alone, value and gradient, and both by the exact way, each against the reference.
template <class S> void compare(const problem<S>& p, const char* kind) {
  using T = typename storage<S>::compute;
  const std::ptrdiff_t n = std::ptrdiff_t(p.labels.size()), numbers = p.frames * p.classes;
  arena count;
  const ctc_label counted(n, count);
  (void)counted;
  // The workspace is no byte larger than it says, so that the sanitizers see one that is too small.
  const std::size_t bytes = count.used + ctc_workspace<T>(p.frames, p.classes, n, true);
  const std::unique_ptr<char[]> block(new char[bytes + 64]);
  const auto give_back = [&] { arena::give_back(block.get(), bytes + 64); };
  std::unique_ptr<S[]> grad(new S[std::size_t(numbers * p.gap)]()),
      again(new S[std::size_t(numbers * p.gap)]());
  std::memset(block.get(), 0xff, bytes + 64);  // what is read before it is written is NaN
  arena rest{block.get() + (64 - reinterpret_cast<std::uintptr_t>(block.get()) % 64) % 64};
  const ctc_label label(n, rest);
  const std::ptrdiff_t repeats = label.set(n, 0, [&](std::ptrdiff_t i) { return p.labels[std::size_t(i)]; });
  const ctc_input in = {p.rows(p.logits.get()), p.frames, p.classes, n, 0, false};
  ctc_way way, value_way;
  const double alone = ctc<T>(in, label, repeats, ctc_rows::none, frame_rows{}, 0, rest, &value_way);
  const double loss =
      ctc<T>(in, label, repeats, ctc_rows::gradient, p.rows(grad.get()), p.classes, rest, &way);
  const double exact = ctc<T>(in, label, repeats, ctc_rows::gradient, p.rows(again.get()), p.classes, rest,
                              nullptr, ctc_way::exact);
  give_back();
  ++taken[int(way)];
  std::vector<real> slope;
  const real want = reference(p, slope);
  // Of float32 logits the loss has float's digits, of doubles four fewer than it could; 4e-16 a frame is
  // absolute, what a loss near 0 is promised.  `noise`: the gradient's terms are differences of logarithms as
  // large as the loss, whose rounding in the reference counts.
  const real loose = sizeof(T) == 4 ? 1e-6L : 1e-12L,
             noise = want < infinity ? 1e-17L * std::max(real(1), want) : 0;
  // Without a path there is one right answer, infinity.
  const auto near = [&](double got) {
    return want == infinity ? got == infinity
                            : std::fabs(got - want) <= loose * want + 4e-16L * real(p.frames);
  };
  check(near(alone) && near(loss) && near(exact),
        "%s: losses %.17g, %.17g, %.17g, not %.17g (%td frames, %td labels, way %d)", kind, alone, loss,
        exact, double(want), p.frames, n, int(way));
  // The same way gives the same bits, whether or not a gradient is asked for.
  check(alone == loss || way != value_way, "%s: %.17g and %.17g", kind, alone, loss);
  // Posteriors are at most 1, so the bound is absolute: a few ulps of 1 in the stored type.
  const real close = sizeof(S) == 2 ? 1e-3L : sizeof(S) == 4 ? 1e-6L : 1e-12L + 100 * noise;
  for (std::ptrdiff_t i = 0; i < numbers; ++i) {
    const auto at = std::size_t(i);
    const real got = number(grad[at * std::size_t(p.gap)]), other = number(again[at * std::size_t(p.gap)]);
    check(std::fabs(got - slope[at]) <= close && std::fabs(other - slope[at]) <= close,
          "%s: gradients %g, %g, not %g at %td (%td frames, %td labels, way %d)", kind, double(got),
          double(other), double(slope[at]), i, p.frames, n, int(way));
  }
}

/// 60 shapes, odd ones with gaps between the logits, each with every kind of numbers that the fast way's
/// range tests are for.
template <class S> void all() {
  const auto each = [](const problem<S>& p, auto f) {
    for (std::ptrdiff_t t = 0; t < p.frames; ++t)
      for (std::ptrdiff_t k = 0; k < p.classes; ++k) p.at(t, k) = stored<S>(f(t, k));
  };
  for (int round = 0; round < 60; ++round) {
    const std::ptrdiff_t n = std::ptrdiff_t(below(round % 3 ? 12 : 40)),
                         frames = n + 1 + std::ptrdiff_t(below(round % 2 ? 9 : 90)),
                         classes = 2 + std::ptrdiff_t(below(round % 5 ? 20 : 80));
    const problem<S> p(frames, classes, n, 1 + round % 2);
    for (const double scale : {0.0, 1.0, 4.0, 12.0, 40.0, 300.0}) {
      each(p, [&](std::ptrdiff_t, std::ptrdiff_t) { return scale * normal(); });
      compare(p, "normal");
    }
    // Up to 1600: more than a double's range of exponents in a single frame.
    const double steep = 10.0 * double(below(160));
    // Paths hurry through the blank, or hardly ever meet it: forward sums of neighbouring states lie far
    // apart.
    each(p, [&](std::ptrdiff_t, std::ptrdiff_t k) { return k == 0 ? steep : normal(); });
    compare(p, "blank above all");
    each(p, [&](std::ptrdiff_t, std::ptrdiff_t k) { return k == 0 ? -steep : normal(); });
    compare(p, "blank below all");
    // Shared powers of two suit the calm frames and not the wild ones.
    each(p, [&](std::ptrdiff_t t, std::ptrdiff_t) { return (t / 8 % 2 ? steep : 1) * normal(); });
    compare(p, "calm and wild epochs");
    // A frame's common level means nothing, and must cost no digits.
    each(p, [&](std::ptrdiff_t t, std::ptrdiff_t k) {
      return double(t % 3) * 5000 + normal() + (k % 2 ? 0 : steep);
    });
    compare(p, "far from 0");
    // One frame in which every path must take what is all but impossible.
    each(p, [&](std::ptrdiff_t t, std::ptrdiff_t k) {
      return (t == frames / 2 && k == 0 ? -1 : 0) * 20 * steep + normal();
    });
    compare(p, "one deep hole");
    // With a third of the classes impossible many labels have no path at all.
    for (const int one_in : {3, 20}) {
      each(p, [&](std::ptrdiff_t t, std::ptrdiff_t k) {
        return k != t % classes && below(std::size_t(one_in)) == 0 ? -std::numeric_limits<double>::infinity()
                                                                   : 3 * normal();
      });
      compare(p, "minus infinity");
    }
    each(p, [&](std::ptrdiff_t t, std::ptrdiff_t k) {
      // As a trained model has it: one path outweighs the others, and the loss is near 0.
      return normal() + (n && k == p.labels[std::size_t(t * n / frames)] ? steep / 20 : 0);
    });
    compare(p, "trained");
  }
}

/// A batch as a loop sees it: sequences of all lengths, each with its outputs between bytes that must stay.
template <class S> struct batch {
  // edge: guard bytes on either side of each output.
  static constexpr std::ptrdiff_t items = 5, edge = 64;
  std::ptrdiff_t frames, classes, labels_axis, size = sizeof(S);
  std::vector<S> logits;
  std::vector<long long> labels, logit_length, label_length;
  std::vector<char> mask;
  long long blank;
  batch(std::ptrdiff_t t, std::ptrdiff_t k, std::ptrdiff_t n, double scale)
      : frames(t), classes(k), labels_axis(n), blank((long long)(below(std::size_t(k)))) {
    for (std::ptrdiff_t i = 0; i < items * t * k; ++i) logits.push_back(stored<S>(scale * normal()));
    for (std::ptrdiff_t i = 0; i < items * n; ++i)
      labels.push_back((blank + 1 + (long long)(below(std::size_t(k - 1)))) % k);
    // The first sequence has all frames and labels, the others any number of them, none included; some are
    // longer than their frames allow, and have no path.
    for (std::ptrdiff_t i = 0; i < items; ++i) {
      logit_length.push_back(i == 0 ? t : (long long)(below(std::size_t(t + 1))));
      label_length.push_back(i == 0 ? n : (long long)(below(std::size_t(n + 1))));
    }
    for (std::ptrdiff_t i = 0; i < items * t; ++i) mask.push_back(below(8) != 0);
  }
  /// Of an output: bytes of an item in each array, and the steps along its core dimensions.
  struct shape {
    int outputs;
    std::ptrdiff_t bytes[3], core[6];
    int cores;
  };
  shape shape_of(ctc_output output) const {
    const std::ptrdiff_t row = classes * size, states = 2 * labels_axis + 1;
    switch (output) {
      case ctc_output::value: return {1, {size}, {}, 0};
      case ctc_output::grad:
      case ctc_output::classes: return {1, {frames * row}, {row, size}, 2};
      case ctc_output::value_and_grad: return {2, {size, frames * row}, {row, size}, 2};
      case ctc_output::value_and_probabilities:
        return {3,
                {size, frames * (labels_axis + 1) * size, frames * labels_axis * size},
                {(labels_axis + 1) * size, size, labels_axis * size, size},
                4};
      case ctc_output::states: return {1, {frames * states * size}, {states * size, size}, 2};
      default: return {2, {frames * 8, size}, {8}, 1};
    }
  }
  using bytes_out = std::vector<std::vector<char>>;
  /// Outputs of the items [from, to), with a workspace full of `poison`, or what is wrong; late: is found
  /// only when it is used.
  bytes_out run(ctc_output output, bool log_probs, bool masked, std::ptrdiff_t from, std::ptrdiff_t to,
                int poison, fault* told, bool late = false) {
    const shape sizes = shape_of(output);
    const std::ptrdiff_t dims[] = {to - from, frames, classes, labels_axis};
    bytes_out out;
    std::vector<char*> args = {reinterpret_cast<char*>(logits.data() + from * frames * classes)};
    std::vector<std::ptrdiff_t> steps = {frames * classes * size};
    if (masked) {
      args.push_back(mask.data() + from * frames);
      steps.push_back(frames);
    }
    for (char* p : {reinterpret_cast<char*>(labels.data() + from * labels_axis),
                    reinterpret_cast<char*>(logit_length.data() + from),
                    reinterpret_cast<char*>(label_length.data() + from), reinterpret_cast<char*>(&blank)})
      args.push_back(p);
    for (const std::ptrdiff_t step :
         {labels_axis * 8, std::ptrdiff_t(8), std::ptrdiff_t(8), std::ptrdiff_t(0)})
      steps.push_back(step);
    for (int k = 0; k < sizes.outputs; ++k) {
      out.emplace_back(std::size_t((to - from) * sizes.bytes[k] + 2 * edge), char(0x55));
      args.push_back(out.back().data() + edge);
      steps.push_back(sizes.bytes[k]);
    }
    for (const std::ptrdiff_t step : {classes * size, size}) steps.push_back(step);
    if (masked) steps.push_back(1);
    steps.push_back(8);
    for (int k = 0; k < sizes.cores; ++k) steps.push_back(sizes.core[k]);
    const ctc_operands o(args.data(), dims, steps.data(), masked, sizes.outputs);
    // As a loop does before it computes anything.
    if (told && !late && o.find_fault(told) >= 0) return {};
    const std::size_t room = ctc_loop_bytes<S>(dims, output);
    const std::unique_ptr<char[]> block(new char[room + 64]);
    char* const workspace = block.get() + (64 - reinterpret_cast<std::uintptr_t>(block.get()) % 64) % 64;
    std::memset(workspace, poison, room);
    const fault found = ctc_loop<S>(output, log_probs, o, workspace);
    arena::give_back(workspace, room);
    if (told) *told = found;
    else check(found.kind == fault_kind::none, "a fault in a batch without any");
    for (const auto& bytes : out)
      for (std::ptrdiff_t i = 0; i < edge; ++i)
        check(bytes[std::size_t(i)] == 0x55 && bytes[bytes.size() - 1 - std::size_t(i)] == 0x55,
              "written beside an output");
    return out;
  }
};

constexpr ctc_output every_output[] = {
    ctc_output::value,  ctc_output::grad,    ctc_output::value_and_grad, ctc_output::value_and_probabilities,
    ctc_output::states, ctc_output::classes, ctc_output::path_and_score};
/// The same bits whatever the workspace held, and for a sequence by itself.
template <class S> void same_bits(batch<S>& b, bool log_probs, bool masked) {
  for (const ctc_output output : every_output) {
    // The functions of log-probabilities have these three outputs.
    if (log_probs && output != ctc_output::value && output != ctc_output::grad &&
        output != ctc_output::value_and_grad)
      continue;
    const auto all = b.run(output, log_probs, masked, 0, b.items, 0x00, nullptr);
    // 0x01 and 0x20 make tiny positive floats and large integers, 0xff NaN and -1: what is read unwritten
    // differs.
    for (const int poison : {0x01, 0x20, 0xff})
      check(b.run(output, log_probs, masked, 0, b.items, poison, nullptr) == all,
            "output %d: other bits for a workspace full of %d (%td frames, %td labels)", int(output), poison,
            b.frames, b.labels_axis);
    const auto sizes = b.shape_of(output);
    for (std::ptrdiff_t i = 0; i < b.items; ++i) {
      // A workspace is of the whole batch's lengths: what the longest sequence left there must not count.
      const auto alone = b.run(output, log_probs, masked, i, i + 1, 0x20, nullptr);
      for (int k = 0; k < sizes.outputs; ++k)
        check(!std::memcmp(alone[std::size_t(k)].data() + b.edge,
                           all[std::size_t(k)].data() + b.edge + i * sizes.bytes[k],
                           std::size_t(sizes.bytes[k])),
              "output %d: item %td has other bits alone than in a batch (%td frames, %td labels)",
              int(output), i, b.frames, b.labels_axis);
    }
  }
}
/// Calm and wild logits; every second round has log-probabilities, every third a mask.
template <class S> void batches_of_all_lengths() {
  for (int round = 0; round < 12; ++round) {
    const std::ptrdiff_t n = std::ptrdiff_t(below(30)), frames = 1 + n + std::ptrdiff_t(below(90)),
                         classes = 2 + std::ptrdiff_t(below(40));
    for (const double scale : {1.0, 6.0, 60.0}) {
      batch<S> b(frames, classes, n, scale);
      same_bits(b, round % 2, round % 3 == 0);
    }
  }
}
/// Long enough that neither rows nor emissions of all frames are held, and one with many checkpoints: the
/// rows of a short part are those that it has by itself.
template <class S> void long_sequences() {
  for (const std::ptrdiff_t n : {40, 700}) {
    batch<S> b(n == 40 ? 40000 : 4000, 3, n, 1.0);
    const auto all = b.run(ctc_output::value_and_grad, false, false, 0, b.items, 0x01, nullptr);
    check(b.run(ctc_output::value_and_grad, false, false, 0, b.items, 0xff, nullptr) == all,
          "long sequences: other bits for another workspace");
    // Nothing of this length has a reference that is quick enough; but each frame's gradient sums to 0.
    const std::size_t row = std::size_t(b.classes) * sizeof(S);
    for (std::ptrdiff_t t = 0; t < b.frames * b.items; ++t) {
      S y[3];
      std::memcpy(y, all[1].data() + b.edge + std::size_t(t) * row, row);
      check(std::fabs(number(y[0]) + number(y[1]) + number(y[2])) < (sizeof(S) == 8 ? 1e-12L : 1e-6L),
            "long sequences: a row of the gradient does not sum to 0");
    }
  }
}
/// Labels and lengths that become wrong after they were checked, and those that are found wrong: nothing is
/// touched beyond the axes.
void faults() {
  for (const ctc_output output : every_output) {
    const auto with = [&](auto change, fault_kind kind) {
      batch<float> b(20, 6, 5, 1.0);
      change(b);
      // late: the numbers go wrong between the check and their use, as another thread may do it.
      for (const bool late : {false, true}) {
        fault found{};
        b.run(output, false, false, 0, b.items, 0x20, &found, late);
        check(found.kind == kind, "output %d: a fault is not found", int(output));
      }
    };
    with([](batch<float>& b) { b.logit_length[3] = LLONG_MIN; }, fault_kind::logit_length);
    with([](batch<float>& b) { b.label_length[3] = LLONG_MIN; }, fault_kind::label_length);
    with([](batch<float>& b) { b.logit_length[3] = b.frames + 1; }, fault_kind::logit_length);
    with([](batch<float>& b) { b.blank = LLONG_MAX; }, fault_kind::blank);
    with([](batch<float>& b) { b.labels[0] = LLONG_MAX; }, fault_kind::label);
    with([](batch<float>& b) { b.labels[0] = b.blank; }, fault_kind::label_is_blank);
  }
}
/// Sizes of which no memory has so many stop at a number that none has either.
template <class S> void sizes_beyond_memory() {
  // More than any allocation gets: it is refused, where an overflown product might have come out small.
  constexpr std::size_t none = std::size_t(1) << 47;
  const std::ptrdiff_t huge[] = {std::ptrdiff_t(1) << 47, std::ptrdiff_t(1) << 56,
                                 std::ptrdiff_t(1) << 58, std::ptrdiff_t(1) << 60,
                                 std::ptrdiff_t(1) << 61, (std::ptrdiff_t(1) << 61) + 12345,
                                 PTRDIFF_MAX - 7,         PTRDIFF_MAX};
  for (const ctc_output output : every_output)
    for (const std::ptrdiff_t n : huge)
      for (int which = 1; which < 8; ++which) {
        const std::ptrdiff_t dims[] = {1, which & 1 ? n : 3, which & 2 ? n : 4, which & 4 ? n : 2};
        check(ctc_loop_bytes<S>(dims, output) >= none,
              "output %d: %zu bytes for %td frames, %td classes, %td labels", int(output),
              ctc_loop_bytes<S>(dims, output), dims[1], dims[2], dims[3]);
      }
}

/// The workspace of a batch is that of its longest sequence: no shorter one may need more.
template <class T> void room() {
  const std::ptrdiff_t lengths[] = {0,    1,    7,    8,    31,   32,   33,   100,  1000, 1360,
                                    1361, 1366, 1400, 2047, 2048, 2049, 4096, 5000, 9000};
  for (const bool rows : {false, true})
    // Multiples of 8 and their neighbours, short and long.
    for (const std::ptrdiff_t labels : {0, 7, 8, 9, 40, 63, 64, 500, 2000}) {
      std::size_t most = 0;
      for (const std::ptrdiff_t frames : lengths) {
        const std::size_t bytes = ctc_workspace<T>(frames, 5, labels, rows);
        check(bytes >= most, "a workspace shrinks with frames");
        check(bytes >= ctc_workspace<T>(frames, 5, labels / 2, rows), "a workspace shrinks with labels");
        check(bytes >= ctc_workspace<T>(frames, 5, labels - labels % 8, rows),
              "a workspace shrinks with labels");
        most = bytes;
      }
    }
}

}  // namespace

int run_tests(int, char**);
int run_tests(int, char**) {
  all<half>();
  all<float>();
  all<double>();
  batches_of_all_lengths<half>();
  batches_of_all_lengths<float>();
  batches_of_all_lengths<double>();
  long_sequences<float>();
  long_sequences<double>();
  faults();
  sizes_beyond_memory<half>();
  sizes_beyond_memory<float>();
  sizes_beyond_memory<double>();
  room<float>();
  room<double>();
  // All this proves little of a way that is hardly taken.
  std::printf("fast %d, fast in double %d, exact %d, no path %d\n", taken[1], taken[2], taken[3], taken[0]);
  check(taken[1] > 100 && taken[2] > 100 && taken[3] > 100,
        "each way must be taken often enough to be tested");
  return report("ctc_test");
}
