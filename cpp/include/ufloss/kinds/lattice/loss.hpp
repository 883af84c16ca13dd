// What a function over a lattice is made of: it adds up all ways through a grid of frames and states.
#pragma once
#include "ufloss/loss.hpp"

UFL_BEGIN

/// What a loop gives: outputs in this order.
enum class ctc_output : int {
  value,
  grad,
  value_and_grad,
  value_and_probabilities,
  states,
  classes,
  path_and_score
};
/// One ufunc of such a function; its core dimensions are those of its arguments, of its outputs "p" is one
/// more than the labels and "s" the number of states.
struct lattice_output {
  const char* attribute;
  unsigned parts;
  ctc_output gives;
  const char *dims[3], *roles;  ///< of each output; an N among roles is an integer
};
constexpr lattice_output value_output = {"", part_value, ctc_output::value, {""}, "F"};
constexpr lattice_output grad_output = {"grad", part_grad, ctc_output::grad, {"t,k"}, "F"};
constexpr lattice_output value_and_grad_output = {
    "value_and_grad", part_value | part_grad, ctc_output::value_and_grad, {"", "t,k"}, "FF"};

/// What functions over a lattice have in common; each lists its own arguments and outputs.
struct lattice_loss {
  static constexpr loss_kind kind = loss_kind::lattice;
  static constexpr unsigned parts = part_value, vanishing = 0, properties = 0;
  static constexpr bool log_probs = false;  ///< operands are used as they are; else a softmax normalises them
};
/// Arguments that several functions have.
namespace operands {
constexpr argument frame_labels = {
    "labels",
    role::label,
    domain::label,
    required,
    "Classes of the label, the blank not among them; what lies beyond `label_length` is not read.",
    "n"};
constexpr argument logit_length = {"logit_length", role::length, domain::label, required,
                                   "Frames of each sequence; all of them by default."};
constexpr argument label_length = {"label_length", role::length, domain::label, required,
                                   "Labels of each sequence; all of them by default."};
constexpr argument blank = {"blank", role::length, domain::label, 0,
                            "The class that stands for no label; a negative one counts from the last."};
}  // namespace operands

UFL_END
