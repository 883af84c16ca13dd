// Connectionist temporal classification: the loss of all ways to spell a label in a sequence of frames, and
// what else is known of these ways.  kinds/lattice/ computes it.
#pragma once
#include "ufloss/kinds/lattice/loss.hpp"

UFL_BEGIN

// Strides are free: where they, or float16, ask for it, the loop copies one frame at a time.
namespace operands {
constexpr argument frames_of_logits = {"logits",
                                       role::prediction,
                                       domain::real,
                                       required,
                                       "Scores of each class in each frame, before the softmax.",
                                       "t,k"};
constexpr argument log_probs = {"log_probs",
                                role::prediction,
                                domain::real,
                                required,
                                "Logarithms of the chance of each class in each frame, used as they are.",
                                "t,k"};
}  // namespace operands

/// What the functions of this family share.  Their parts name outputs for the tables; nothing here is
/// evaluated as a formula, since kinds/lattice/ knows the recursion.
struct ctc_function : lattice_loss {
  static constexpr auto source =
      "Graves, Fernandez, Gomez and Schmidhuber, Connectionist temporal classification, 2006.";
};

/// Minus the log-probability of the label.  The gradient is the softmax less the posterior of each class:
/// both sum to 1 in a frame, so a frame's gradient sums to 0.  A probability is at most 1, so the loss is
/// never negative.
struct ctc_loss : ctc_function {
  static constexpr auto name = "ctc.loss";
  static constexpr argument args[] = {operands::frames_of_logits, operands::frame_labels,
                                      operands::logit_length, operands::label_length, operands::blank};
  static constexpr unsigned parts = part_value | part_grad, properties = nonnegative_value;
  // forward_probs has a matrix for the blanks, one more than the labels, and one for the labels, as optax
  // has.
  static constexpr lattice_output outputs[] = {
      value_output,
      grad_output,
      value_and_grad_output,
      {"forward_probs", part_value, ctc_output::value_and_probabilities, {"", "t,p", "t,n"}, "FFF"}};
  static constexpr auto summary =
      "Connectionist temporal classification: minus the log-probability that the frames spell the label.";
  static constexpr auto formula =
      "-log(sum over paths of prod_t softmax(logits[t])[path[t]]),  paths that become the label without "
      "repeats and blanks";
  static constexpr auto notes =
      "No path (fewer frames than labels and repeats need, or logits of -inf in the way): the loss is inf, "
      "the gradient 0.";
  static constexpr auto example =
      ">>> logits = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n"
      ">>> ul.ctc.loss(logits, [[1], [2]]).round(3)\n"
      "array([0.562, 1.897])";
};

/// The same sum over paths without a softmax before it: the gradient is minus the posterior of each class.
struct ctc_loss_from_log_probs : ctc_function {
  static constexpr auto name = "ctc.loss_from_log_probs";
  static constexpr argument args[] = {operands::log_probs, operands::frame_labels, operands::logit_length,
                                      operands::label_length, operands::blank};
  // Not nonnegative: log-probabilities that nothing normalises may add up to more than 1.
  static constexpr unsigned parts = part_value | part_grad;
  static constexpr bool log_probs = true;
  static constexpr lattice_output outputs[] = {value_output, grad_output, value_and_grad_output};
  static constexpr auto summary =
      "Connectionist temporal classification of log-probabilities, which are used as they are: nothing "
      "normalises them.";
  static constexpr auto formula =
      "-log(sum over paths of exp(sum_t log_probs[t, path[t]])),  paths that become the label without "
      "repeats and blanks";
  static constexpr auto notes =
      "The gradient is the one with respect to the log-probabilities. Classes that neither the label nor the "
      "blank names are not read.";
  static constexpr auto example =
      ">>> log_probs = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n"
      ">>> ul.ctc.loss_from_log_probs(log_probs, [[1], [2]]).round(3)\n"
      "array([0.562, 1.897])";
};

/// The same lattice with a maximum in the place of the sum.  Of states, not classes: two blanks in a row may
/// stand before different labels, and a class may occur in the label twice.
struct ctc_align : ctc_function {
  static constexpr auto name = "ctc.align";
  static constexpr argument args[] = {operands::frames_of_logits, operands::frame_labels,
                                      operands::logit_length, operands::label_length, operands::blank};
  static constexpr unsigned parts = part_value | part_grad, properties = nonnegative_value;
  // The path is an integer whatever the type of the logits.
  static constexpr lattice_output outputs[] = {{"", part_value, ctc_output::path_and_score, {"t", ""}, "NF"}};
  static constexpr auto summary =
      "The best path: the state of each frame on the likeliest single way to spell the label, and its "
      "log-probability.";
  static constexpr auto formula = "argmax over paths of prod_t softmax(logits[t])[path[t]]";
  static constexpr auto notes =
      "State 2 n is the blank before label n, state 2 n + 1 is label n; -1 stands in frames that take no "
      "part, and everywhere where no path "
      "exists, whose score is -inf. Of equally likely paths, the one that is further along, seen from the "
      "end.";
  static constexpr auto example =
      ">>> logits = np.log([[0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]])\n"
      ">>> path, score = ul.ctc.align(logits, [1, 2])\n"
      ">>> path\n"
      "array([1, 2, 3])";
};

/// Forward times backward sums of each cell over their total: from the recursion that the gradient takes.
struct ctc_posteriors : ctc_function {
  static constexpr auto name = "ctc.posteriors";
  static constexpr argument args[] = {operands::frames_of_logits, operands::frame_labels,
                                      operands::logit_length, operands::label_length, operands::blank};
  static constexpr unsigned parts = part_value | part_grad, properties = nonnegative_value;
  // There is a state for each label and each blank around them: s = 2 n + 1.
  static constexpr lattice_output outputs[] = {{"", part_value, ctc_output::states, {"t,s"}, "F"}};
  static constexpr auto summary = "The chance of each state in each frame, given the label.";
  static constexpr auto formula = "P(path[t] is in state s | the path spells the label)";
  static constexpr auto notes =
      "State 2 n is the blank before label n, state 2 n + 1 is label n. A frame's chances sum to 1; those of "
      "frames that take no part, and "
      "of a sequence without any path, are 0.";
  static constexpr auto example =
      ">>> logits = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n"
      ">>> ul.ctc.posteriors(logits, [1]).round(3)\n"
      "array([[0.439, 0.561, 0.   ],\n"
      "       [0.   , 0.789, 0.211]])";
};

/// The posteriors of all states of a class added up, those of the blank and those of labels that repeat.
struct ctc_class_posteriors : ctc_function {
  static constexpr auto name = "ctc.class_posteriors";
  static constexpr argument args[] = {operands::frames_of_logits, operands::frame_labels,
                                      operands::logit_length, operands::label_length, operands::blank};
  static constexpr unsigned parts = part_value | part_grad, properties = nonnegative_value;
  static constexpr lattice_output outputs[] = {{"", part_value, ctc_output::classes, {"t,k"}, "F"}};
  static constexpr auto summary = "The chance of each class in each frame, given the label.";
  static constexpr auto formula = "P(path[t] = k | the path spells the label)";
  static constexpr auto notes =
      "The softmax minus this is the gradient of `ctc.loss`. A frame's chances sum to 1; those of frames "
      "that take no part, and of a "
      "sequence without any path, are 0.";
  static constexpr auto example =
      ">>> logits = np.log([[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]])\n"
      ">>> ul.ctc.class_posteriors(logits, [1]).round(3)\n"
      "array([[0.439, 0.561, 0.   ],\n"
      "       [0.211, 0.789, 0.   ]])";
};

UFL_END
