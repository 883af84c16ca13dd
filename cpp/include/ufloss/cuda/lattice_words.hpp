// What the plan and the kernels of a lattice both know: the arguments of a call, and what is kept of each
// sequence.
#pragma once
#include "ufloss/cuda/words.hpp"

UFL_BEGIN
namespace gpu {

/// Operands by their places in the arguments.
enum lattice_operand : int {
  of_logits,
  of_labels,
  of_logit_length,
  of_label_length,
  of_blank,
  of_mask,   ///< a byte for each frame; address 0: all take part
  of_value,  ///< losses, or scores; address 0: not wanted
  of_rows,   ///< a row for each frame, or the states of the best path
  lattice_operands
};
constexpr int lattice_dims = 4;  ///< of the batch

/// The same for all kernels of a call.  Steps in bytes.
struct lattice_arguments {
  address operand[lattice_operands];  ///< by value the number itself
  long long given;                    ///< operands, as a set, that are numbers by value
  divisor along[lattice_dims];        ///< the batch, from the innermost dimension outwards
  long long step[lattice_dims][lattice_operands];
  long long batch, frames, classes, labels;  ///< lengths of the axes
  long long logits_frame, logits_class, labels_step, mask_step, rows_frame, rows_entry;
  long long width;  ///< of a row
  divisor frames_of_item;
  long long careful;           ///< every sequence goes the careful way
  long long states_in_shared;  ///< those of the best path
  // The workspace, for each sequence:
  address records;       ///< a lattice_record
  address tops, sums;    ///< of each frame; doubles
  address order, place;  ///< with a mask: frames that take part, and the place of each among them; int
  address classes_of;    ///< its labels; int
  address next, first;   ///< where rows are of classes: the next place of the same class; is it the first?
  address states;        ///< rows of cells, lattice_state_rows of labels + 3 numbers
  address kept;          ///< of each frame lattice_kept_rows of labels + 1 numbers; for paths a byte a pair
};
constexpr int lattice_state_rows = 8, lattice_kept_rows = 4;

enum lattice_state : long long {
  lattice_runs,
  lattice_without_path,
  lattice_wrong_label,   ///< NaN in the frames that take part
  lattice_wrong_lengths  ///< or blank: NaN in all of them
};
/// What is known of a sequence.
struct lattice_record {
  long long frames;         ///< that take part
  long long labels, blank;  ///< checked
  long long state;
  long long odd[2];  ///< has alpha, has beta seen numbers that only the careful way can take?
  double loss;
};

}  // namespace gpu
UFL_END
