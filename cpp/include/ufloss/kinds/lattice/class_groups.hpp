// Which pairs of a label are of which class: posteriors of all of them belong to one entry of a row.
#pragma once
#include "ufloss/kinds/lattice/sequence.hpp"

UFL_BEGIN

/// The groups of one label.  The gradient of a class is the sum over its pairs, taken in their order, so that
/// bits depend on the label alone.
struct class_groups {
  std::ptrdiff_t count = 0;             ///< classes that the label names
  std::ptrdiff_t* class_of;             ///< of each group
  std::ptrdiff_t *pairs, *first;        ///< group k has pairs[first[k]], ..., in their order
  std::ptrdiff_t *live_from, *live_to;  ///< of these, those that count now
  std::ptrdiff_t* group_of;             ///< of each class that occurs

  class_groups(std::ptrdiff_t most_pairs, std::ptrdiff_t classes, arena& a) {
    pairs = a.take<std::ptrdiff_t>(most_pairs);
    first = a.take<std::ptrdiff_t>(most_pairs + 1);
    class_of = a.take<std::ptrdiff_t>(most_pairs);
    live_from = a.take<std::ptrdiff_t>(most_pairs);
    live_to = a.take<std::ptrdiff_t>(most_pairs);
    group_of = a.take<std::ptrdiff_t>(classes);
  }
  /// No room: where no rows are wanted.
  class_groups() : class_of{}, pairs{}, first{}, live_from{}, live_to{}, group_of{} {}

  /// Groups are numbered as their classes occur; a counting sort.
  void set(const std::ptrdiff_t* label, std::ptrdiff_t labels) {
    count = 0;
    // group_of has room for all classes, but only those that occur are touched: there may be thousands.
    for (std::ptrdiff_t n = 0; n < labels; ++n) group_of[label[n]] = -1;
    for (std::ptrdiff_t n = 0; n < labels; ++n) {
      std::ptrdiff_t& group = group_of[label[n]];
      if (group < 0) {
        group = count;
        class_of[count] = label[n];
        first[count++] = 0;
      }
      ++first[group];
    }
    std::ptrdiff_t sum = 0;
    for (std::ptrdiff_t k = 0; k <= count; ++k) {
      const std::ptrdiff_t size = k < count ? first[k] : 0;
      first[k] = sum;
      sum += size;
    }
    for (std::ptrdiff_t n = 0; n < labels; ++n) pairs[first[group_of[label[n]]]++] = n;
    for (std::ptrdiff_t k = count; k > 0; --k) first[k] = first[k - 1];
    first[0] = 0;
    for (std::ptrdiff_t k = 0; k < count; ++k) live_from[k] = live_to[k] = first[k + 1];
  }
  /// Of each group the places of its pairs in [j0, j1), whose end never grows.
  void find_live(std::ptrdiff_t j0, std::ptrdiff_t j1) const {
    for (std::ptrdiff_t k = 0; k < count; ++k) {
      std::ptrdiff_t& from = live_from[k];
      std::ptrdiff_t& to = live_to[k];
      while (to > first[k] && pairs[to - 1] >= j1) --to;
      from = from < to ? from : to;
      while (from > first[k] && pairs[from - 1] >= j0) --from;
      while (from < to && pairs[from] < j0) ++from;
    }
  }
};

UFL_END
