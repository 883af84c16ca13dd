// Looks for a label that is no class, for callers who want an error in place of NaN: one block, the first
// one in C order.
#pragma once
#include "ufloss/cuda/device.hpp"

UFL_BEGIN
namespace gpu {

constexpr int labels_dims = 8, labels_threads = 256;

struct labels_arguments {
  address labels, mask;  ///< of the first row
  address result;        ///< two words: the place, -1 for none, and the label
  long long rows;        ///< less than 2^31
  long long classes;
  long long mask_length, mask_step;  ///< of the mask along a row, which takes part where one byte is not 0
  divisor length[labels_dims];       ///< of the rows, from the innermost dimension outwards
  long long step[labels_dims], mask_steps[labels_dims];  ///< bytes
};

/// I: the stored integers.
template <class I, bool Masked> struct labels_kernel {
  using arguments = labels_arguments;

  struct found {
    long long place, label;
  };
  static UFL_DEVICE bool takes_part(const arguments& a, address mask) {
    if (!Masked) return true;
    for (long long k = 0; k < a.mask_length; ++k)
      if (*at<const unsigned char>(mask + k * a.mask_step)) return true;
    return false;
  }
  /// Is a row's label wrong?  It is read once.
  static UFL_DEVICE bool wrong(const arguments& a, unsigned row, long long& label) {
    address where = a.labels, mask = a.mask;
    for (int d = 0; d < labels_dims; ++d) {
      const unsigned outer = quotient(row, a.length[d]);
      const long long along = row - outer * unsigned(a.length[d].length);
      where += along * a.step[d];
      mask += along * a.mask_steps[d];
      row = outer;
    }
    const I stored = *at<const I>(where);
    label = static_cast<long long>(stored);
    return (label < 0 || label >= a.classes) && takes_part(a, mask);
  }
  static UFL_DEVICE void run(const arguments& a) {
    found* all = shared_memory<found>();
    found own{-1, 0};
    for (unsigned row = thread(); row < unsigned(a.rows); row += threads())
      if (wrong(a, row, own.label)) {
        own.place = row;
        break;
      }
    all[thread()] = own;
    sync_block();
    for (unsigned half = threads() / 2; half; half /= 2) {
      if (thread() < half) {
        const found other = all[thread() + half];
        const long long mine = all[thread()].place;
        if (other.place >= 0 && (mine < 0 || other.place < mine)) all[thread()] = other;
      }
      sync_block();
    }
    if (thread() == 0) *at<found>(a.result) = all[0];
  }
};

}  // namespace gpu
UFL_END
