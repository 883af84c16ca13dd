// Every loop of CTC, as kernels.cpp has it for the elementwise losses.
#include <cstdlib>
#include "kernel_unit.hpp"
#include "ufloss/kinds/lattice/loop.hpp"

UFL_BEGIN
namespace {

constexpr argument label_arguments[] = {
    {"labels", role::label, domain::label, required,
     "Classes of the label, the blank not among them; what lies beyond `label_length` is not read.", true},
    {"logit_length", role::label, domain::label, required, "Frames of each sequence; all of them by default.",
     false},
    {"label_length", role::label, domain::label, required, "Labels of each sequence; all of them by default.",
     false},
    {"blank", role::label, domain::label, 0,
     "The class that stands for no label; a negative one counts from the last.", false}};
constexpr argument with_logits[] = {
    prediction("logits", domain::real, "Scores of each class in each frame, before the softmax."),
    label_arguments[0], label_arguments[1], label_arguments[2], label_arguments[3]};
constexpr argument with_log_probs[] = {
    prediction("log_probs", domain::real,
               "Logarithms of the chance of each class in each frame, used as they are."),
    label_arguments[0], label_arguments[1], label_arguments[2], label_arguments[3]};

constexpr auto source =
    "Graves, Fernandez, Gomez and Schmidhuber, Connectionist temporal classification, 2006.";
constexpr loss_info make_info(const char* name, const argument* args, const char* summary,
                              const char* formula, const char* notes, const char* example) {
  return {name,    args,
          5,       part_value | part_grad,
          0,       args == with_logits ? nonnegative_value : 0u,
          0,       "",
          summary, formula,
          notes,   source,
          example};
}
constexpr loss_info infos[] = {
    make_info(
        "ctc.loss", with_logits,
        "Connectionist temporal classification: minus the log-probability that the frames spell the label.",
        "-log(sum over paths of prod_t softmax(logits[t])[path[t]]),  paths that become the label without "
        "repeats and blanks",
        "No path (fewer frames than labels and repeats need, or logits of -inf in the way): the loss is inf, "
        "the gradient 0.",
        ">>> logits = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n>>> ul.ctc.loss(logits, [[1], "
        "[2]]).round(3)\narray([0.562, 1.897])"),
    make_info("ctc.loss_from_log_probs", with_log_probs,
              "Connectionist temporal classification of log-probabilities, which are used as they are: "
              "nothing normalises them.",
              "-log(sum over paths of exp(sum_t log_probs[t, path[t]])),  paths that become the label "
              "without repeats and blanks",
              "The gradient is the one with respect to the log-probabilities. Classes that neither the label "
              "nor the blank names are not read.",
              ">>> log_probs = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n>>> "
              "ul.ctc.loss_from_log_probs(log_probs, [[1], [2]]).round(3)\narray([0.562, 1.897])"),
    make_info("ctc.align", with_logits,
              "The best path: the state of each frame on the likeliest single way to spell the label, and "
              "its log-probability.",
              "argmax over paths of prod_t softmax(logits[t])[path[t]]",
              "State 2 n is the blank before label n, state 2 n + 1 is label n; -1 stands in frames that "
              "take no part, and everywhere where no path\n"
              "exists, whose score is -inf. Of equally likely paths, the one that is further along, seen "
              "from the end.",
              ">>> logits = np.log([[0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]])\n>>> path, score = "
              "ul.ctc.align(logits, [1, 2])\n>>> path\narray([1, 2, 3])"),
    make_info("ctc.posteriors", with_logits, "The chance of each state in each frame, given the label.",
              "P(path[t] is in state s | the path spells the label)",
              "State 2 n is the blank before label n, state 2 n + 1 is label n. A frame's chances sum to 1; "
              "those of frames that take no part, and\n"
              "of a sequence without any path, are 0.",
              ">>> logits = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n>>> ul.ctc.posteriors(logits, "
              "[1]).round(3)\narray([[0.439, 0.561, 0.   ],\n       [0.   , 0.789, 0.211]])"),
    make_info("ctc.class_posteriors", with_logits, "The chance of each class in each frame, given the label.",
              "P(path[t] = k | the path spells the label)",
              "The softmax minus this is the gradient of `ctc.loss`. A frame's chances sum to 1; those of "
              "frames that take no part, and of a\n"
              "sequence without any path, are 0.",
              ">>> logits = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n>>> ul.ctc.class_posteriors(logits, "
              "[1]).round(3)\narray([[0.439, 0.561, 0.   ],\n       [0.211, 0.789, 0.   ]])"),
};
constexpr int of_log_probs = 1;

constexpr double long_work = 1 << 14;  // cells and logits beyond which others may run meanwhile

template <ctc_output Output, int Info, bool Masked, int Outputs, class S>
int loop(void* context, char* const* args, const std::ptrdiff_t* n, const std::ptrdiff_t* steps, void*) {
  if (n[0] <= 0) return 0;
  const quiet flags;
  const host calls = dispatch::host_calls();
  const ctc_operands o(args, n, steps, Masked, Outputs);
  const auto fail = [&](const ctc_fault& fault) {
    if (calls.fail_sequence)
      calls.fail_sequence(context, infos[Info].name, int(fault.kind), fault.value, fault.limit);
    return -1;
  };
  // Before the labels are looked at, which may be more than there is memory for.
  char* const block = static_cast<char*>(std::malloc(ctc_loop_bytes<S>(n, Output) + 64));
  if (!block) return fail({ctc_fault_kind::none, 0, 0});
  ctc_fault fault{};
  if (o.find_fault(&fault) < 0) {
    void* thread =
        calls.release && double(n[0]) * double(n[1]) * (double(n[2]) + double(n[3]) + 1) > long_work
            ? calls.release()
            : nullptr;
    fault = ctc_loop<S>(Output, Info == of_log_probs, o,
                        block + (64 - reinterpret_cast<std::uintptr_t>(block) % 64) % 64);
    if (thread) calls.restore(thread);
  }
  std::free(block);
  return fault.kind == ctc_fault_kind::none ? 0 : fail(fault);
}

template <int Info, ctc_output Output, bool Masked, int Outputs>
constexpr loss_record record(const char* attribute, const char* signature, const char* roles,
                             unsigned parts) {
  return {&infos[Info],
          attribute,
          5 + Masked,
          Outputs,
          parts,
          {loop<Output, Info, Masked, Outputs, half>, loop<Output, Info, Masked, Outputs, float>,
           loop<Output, Info, Masked, Outputs, double>},
          signature,
          Masked,
          roles};
}
#define UFL_RECORD(info, output, outputs, attribute, shapes, roles, parts)                                  \
  record<info, ctc_output::output, false, outputs>(attribute, "(t,k),(n),(),(),()->" shapes, "FINNN" roles, \
                                                   parts),                                                  \
      record<info, ctc_output::output, true, outputs>(attribute, "(t,k),(t),(n),(),(),()->" shapes,         \
                                                      "FBINNN" roles, parts)
constexpr unsigned both = part_value | part_grad;
constexpr loss_record records[] = {
    UFL_RECORD(0, value, 1, "", "()", "F", part_value),
    UFL_RECORD(0, grad, 1, "grad", "(t,k)", "F", part_grad),
    UFL_RECORD(0, value_and_grad, 2, "value_and_grad", "(),(t,k)", "FF", both),
    UFL_RECORD(0, value_and_probabilities, 3, "forward_probs", "(),(t,p),(t,n)", "FFF", part_value),
    UFL_RECORD(1, value, 1, "", "()", "F", part_value),
    UFL_RECORD(1, grad, 1, "grad", "(t,k)", "F", part_grad),
    UFL_RECORD(1, value_and_grad, 2, "value_and_grad", "(),(t,k)", "FF", both),
    UFL_RECORD(2, path_and_score, 2, "", "(t),()", "NF", part_value),
    UFL_RECORD(3, states, 1, "", "(t,s)", "F", part_value),
    UFL_RECORD(4, classes, 1, "", "(t,k)", "F", part_value),
};
#undef UFL_RECORD

}  // namespace
UFL_END

namespace ufloss::dispatch {
extern const kernel_table UFL_JOIN(ctc_, UFL_ISA);
const kernel_table UFL_JOIN(ctc_, UFL_ISA) = {UFL_TEXT(UFL_ISA), records,
                                              int(sizeof(records) / sizeof(records[0]))};
}  // namespace ufloss::dispatch
