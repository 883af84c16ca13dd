// Elements of a row as contiguous numbers, whatever its steps, storage and mask.
#pragma once
#include "ufloss/memory/strided.hpp"
#include "ufloss/vocabulary/primitives.hpp"

UFL_BEGIN

/// Can an operand of storage type S be used as numbers T as it lies?
template <class S, class T> UFL_FN bool lies_ready(const row_operand& a) {
  return std::is_same_v<S, T> && a.core == std::ptrdiff_t(sizeof(T));
}
/// Of a mask: a byte an element, or the same for a whole row.
UFL_FN bool is_dense(const row_operand* mask) { return mask && mask->core == 1; }
UFL_FN bool is_of_rows(const row_operand* mask) { return mask && mask->core == 0; }
/// to[i] = from[i], or `pad` where keep[i] is 0; `to` may be `from`.
template <class T>
UFL_NOINLINE void copy_selected(T* to, const T* from, const char* keep, std::ptrdiff_t n, T pad) {
  std::ptrdiff_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) {
    UFL_PREFETCH(reinterpret_cast<const char*>(from + i) + prefetch_bytes);
    store(select(load_mask<T>(keep + i), load(from + i), native<T>(pad)), to + i);
  }
  for (; i < n; ++i) to[i] = keep[i] ? from[i] : pad;
}
/// Elements [from, from + n) of row r as contiguous numbers: the operand itself, or a copy in `buffer` where
/// it is strided, of another type, or masked; masked elements are `pad`, whatever they hold.
template <class S, class T>
UFL_FN const T* fetch(const row_operand& a, const row_operand* mask, std::ptrdiff_t r, std::ptrdiff_t from,
                      std::ptrdiff_t n, T* buffer, T pad) {
  const bool all = !mask || (is_of_rows(mask) && *mask->at<char>(r, 0));
  if (all && lies_ready<S, T>(a)) return a.template at<T>(r, from);
  // Nothing of a row that is masked out whole is read.
  if (is_of_rows(mask) && !all)
    for (std::ptrdiff_t i = 0; i < n; ++i) buffer[i] = pad;
  else if (is_dense(mask) && lies_ready<S, T>(a))
    copy_selected(buffer, a.template at<T>(r, from), mask->at<char>(r, from), n, pad);
  else {
    gather<S>(buffer, reinterpret_cast<const char*>(a.at<S>(r, from)), a.core, n);
    if (is_dense(mask)) copy_selected(buffer, buffer, mask->at<char>(r, from), n, pad);
    else if (!all)
      for (std::ptrdiff_t i = 0; i < n; ++i) buffer[i] = *mask->at<char>(r, from + i) ? buffer[i] : pad;
  }
  return buffer;
}
/// How many elements of row r take part: 0 means that nothing of the row is read.
UFL_FN std::ptrdiff_t count_selected(const row_operand& mask, std::ptrdiff_t r, std::ptrdiff_t n) {
  // One byte decides over the row.
  if (n > 0 && is_of_rows(&mask)) return *mask.at<char>(r, 0) ? n : 0;
  std::ptrdiff_t count = 0;
  if (is_dense(&mask))
    for (std::ptrdiff_t i = 0; i < n; i += 128) {  // as many bytes as one can count
      const char* const keep = mask.at<char>(r, i);
      const std::ptrdiff_t m = n - i < 128 ? n - i : 128;
      unsigned char some = 0;
      for (std::ptrdiff_t k = 0; k < m; ++k) some = static_cast<unsigned char>(some + (keep[k] != 0));
      count += some;
    }
  else
    for (std::ptrdiff_t i = 0; i < n; ++i) count += *mask.at<char>(r, i) != 0;
  return count;
}

UFL_END
