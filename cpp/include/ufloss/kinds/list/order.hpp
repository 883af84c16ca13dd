// Items in the order of their relevances, ties in that of the list.
#pragma once
#include <cstddef>
#include "ufloss/config.hpp"

UFL_BEGIN

/// An item by its place in the list; relevances are compared as doubles, in which all types are exact.
struct ranked_item {
  double relevance;
  std::ptrdiff_t item;
};

/// Runs of so many items are sorted by counting, then merged.  Which of two items comes first is a coin toss:
/// no branch depends on it.
constexpr std::ptrdiff_t sorted_run = 16;

/// Each goes to where as many stand before it as are more relevant, or as much so and earlier.
inline void sort_by_counting(const ranked_item* items, ranked_item* to, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    std::ptrdiff_t before = 0;
    for (std::ptrdiff_t j = 0; j < i; ++j) before += !(items[j].relevance < items[i].relevance);
    for (std::ptrdiff_t j = i + 1; j < n; ++j) before += items[j].relevance > items[i].relevance;
    to[before] = items[i];
  }
}
/// [from, middle) and [middle, end) of one array, both in order, to the same place of another.
/// Of equals those of the first run come first, so that the whole is stable.
inline void merge_runs(const ranked_item* items, ranked_item* to, std::ptrdiff_t from, std::ptrdiff_t middle,
                       std::ptrdiff_t end) {
  std::ptrdiff_t a = from, b = middle, at = from;
  // Runs that follow each other already are copied as they are.
  const bool in_order = middle == end || !(items[middle - 1].relevance < items[middle].relevance);
  while (!in_order && a < middle && b < end) {
    const std::ptrdiff_t second = items[a].relevance < items[b].relevance;
    to[at++] = items[a ^ ((a ^ b) & -second)];  // b if second; compilers would branch
    a += 1 - second;
    b += second;
  }
  while (a < middle) to[at++] = items[a++];
  while (b < end) to[at++] = items[b++];
}
/// Descending and stable, without NaN; the one of the two arrays in which the result lies.
inline ranked_item* sort_descending(ranked_item* items, ranked_item* other, std::ptrdiff_t n) {
  const auto least = [n](std::ptrdiff_t i) { return i < n ? i : n; };
  for (std::ptrdiff_t from = 0; from < n; from += sorted_run)
    sort_by_counting(items + from, other + from, least(from + sorted_run) - from);
  const auto swap = [&] {
    ranked_item* const now = other;
    other = items;
    items = now;
  };
  swap();
  for (std::ptrdiff_t run = sorted_run; run < n; run *= 2) {
    for (std::ptrdiff_t from = 0; from < n; from += 2 * run)
      merge_runs(items, other, from, least(from + run), least(from + 2 * run));
    swap();
  }
  return items;
}

UFL_END
