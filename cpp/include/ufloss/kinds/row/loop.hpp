// Row losses over strided arrays: the operands of a gufunc's loop, tile by tile.
#pragma once
#include "ufloss/context.hpp"
#include "ufloss/kinds/row/columns.hpp"
#include "ufloss/kinds/row/shape.hpp"
#include "ufloss/kinds/row/softmax_rows.hpp"
#include "ufloss/kinds/row/sum_rows.hpp"
#include "ufloss/memory/arena.hpp"
#include "ufloss/memory/workspace.hpp"

UFL_BEGIN

/// What of a call may lie on the stack.  Threads may have as little as 96 KiB, of which the caller has taken
/// some.
constexpr std::ptrdiff_t row_stack = 32 * 1024;

/// One call of a loop over rows of storage type S that are computed in T; results and scalars are of type O.
template <class S, class O, class T> struct row_loop {
  const row_shape& shape;
  const row_kernel<T>& kernel;
  row_operand in[max_along + max_scalars + 1];
  row_operand out[max_row_outputs];
  row_operand mask_storage;
  const row_operand* mask = nullptr;
  std::ptrdiff_t rows, n;
  bool varies = false;  ///< a scalar differs from row to row
  fault late;           ///< a label that was none any more when it was used: another thread had written to it
  static constexpr bool rounds = sizeof(O) < sizeof(T);
  /// Places for what cannot be used as it lies.
  /// `copies` and `results` of a long row are null where an operand is used as it lies; `terms` too, where
  /// the first result can hold them.
  T* copies[max_along];
  T* results[max_row_outputs];
  T* terms = nullptr;

  /// args, dims, steps as NumPy hands them to the loop of a gufunc; the mask is the last input.
  row_loop(const row_shape& sh, const row_kernel<T>& k, char* const* args, const std::ptrdiff_t* dims,
           const std::ptrdiff_t* steps, bool masked)
      : shape(sh), kernel(k), rows(dims[0]), n(dims[1]) {
    // Steps along the row stand behind all outer ones, and only of operands that lie along it.
    const std::ptrdiff_t* core = steps + shape.nin + masked + shape.nout;
    for (int a = 0, l = 0; a < shape.nin; ++a) {
      const bool lies = l < shape.lying && shape.along[l] == a;
      in[a] = {args[a], steps[a], lies ? *core++ : 0};
      l += lies;
    }
    if (masked) {
      mask_storage = {args[shape.nin], steps[shape.nin], *core++};
      mask = &mask_storage;
    }
    for (int k = 0; k < shape.nout; ++k) {
      const int at = shape.nin + masked + k;
      out[k] = {args[at], steps[at], shape.has_value && k == 0 ? 0 : *core++};
    }
    for (int k = 0; k < shape.scalars; ++k) varies = varies || !same_for_all(k);
  }
  const row_operand& x() const { return in[shape.along[0]]; }
  const row_operand& row_out(int k) const { return out[k + shape.has_value]; }
  long long label_of(std::ptrdiff_t r) const {
    std::int64_t label;
    __builtin_memcpy(&label, in[shape.label].template at<char>(r, 0), sizeof label);
    return label;
  }
  /// A mask of whole rows comes with a core step of 0, so it needs no case of its own.
  bool selected(std::ptrdiff_t r, std::ptrdiff_t i) const { return !mask || *mask->template at<char>(r, i); }
  template <class From = S> static T get(const row_operand& a, std::ptrdiff_t r, std::ptrdiff_t i) {
    return T(storage<From>::get(*a.template at<From>(r, i)));
  }
  static void put(const row_operand& a, std::ptrdiff_t r, std::ptrdiff_t i, T x) {
    *a.template at<O>(r, i) = storage<O>::put(typename storage<O>::compute(x));
  }
  T neutral(int a) const { return T(shape.neutral[a]); }

  /// The first label that is no class, in a row that takes part; of no classes, the axis is at fault.
  /// Looked for before anything is written, so that a refused call leaves its results alone.  A row that
  /// takes no part may have any label, such as -100.
  bool find_bad_label(fault* bad) const {
    const fault_kind why = n > 0 ? fault_kind::label : fault_kind::empty_axis;
    if (shape.label >= 0)
      for (std::ptrdiff_t r = 0; r < rows; ++r) {
        const long long l = label_of(r);
        if ((l < 0 || l >= n) && (!mask || count_selected(*mask, r, n) > 0)) {
          *bad = {why, l, n, r};
          return true;
        }
      }
    return false;
  }
  /// The length alone decides which way a row goes, so that its bits do not depend on its batch or layout.
  bool runs_long() const { return n >= short_row<T>; }
  /// A block of a long row, and how many rows are worked on together.
  std::ptrdiff_t in_block() const { return n < block_length<T> ? n : block_length<T>; }
  /// finish() works in packs, a row in each lane, so rows of one block are gathered for it.  No more than
  /// four blocks: their elements are read again for the derivatives and should lie in the cache still.
  std::ptrdiff_t rows_together() const {
    if (n > block_length<T>) return 1;
    const std::ptrdiff_t in_four_blocks = 4 * block_length<T> / n;
    return in_four_blocks < 16 ? in_four_blocks : 16;
  }
  /// A result of the same type has room for the exponentials until it is written itself.
  bool keeps_terms_in_result() const { return shape.keeps_terms && lies_ready<O, T>(row_out(0)); }
  /// Takes the memory that the call needs beside its operands.
  /// Called twice: an arena without memory counts, another one deals out the same pieces.
  unsigned char* take_memory(arena& a) {
    unsigned char* const memory = a.template take<unsigned char>(std::ptrdiff_t(kernel.size));
    if (runs_long()) {
      for (int k = 0; k < shape.lying; ++k)
        copies[k] = mask || !lies_ready<S, T>(in[shape.along[k]]) ? a.template take<T>(in_block()) : nullptr;
      for (int k = 0; k < shape.outputs; ++k)
        results[k] = lies_ready<O, T>(row_out(k)) ? nullptr : a.template take<T>(in_block());
      if (shape.keeps_terms && !keeps_terms_in_result())
        terms = a.template take<T>(rows_together() * in_block());
    } else {
      for (int k = 0; k < shape.lying; ++k) copies[k] = a.template take<T>(n * tile);
      for (int k = 0; k < shape.outputs; ++k) results[k] = a.template take<T>(n * tile);
      // An element's term is read before its results are written.
      terms = shape.outputs > 0 ? results[0] : a.template take<T>(n * tile);
    }
    return memory;
  }
  bool same_for_all(int k) const { return in[shape.scalar[k]].outer == 0; }
  /// Out of its domain a scalar makes its row NaN; that is no fault of the call.
  void set_scalar(tile_base<T>& t, int i, std::ptrdiff_t r, int k) const {
    const double p = t.scalar[k][i] = double(get<O>(in[shape.scalar[k]], r, 0));
    t.invalid[i] |= !inside(shape.scalar_in[k], p);
  }
  /// What every row has alike, to the first places of the tile.
  void prepare(tile_base<T>& t, int places) const {
    for (int i = 0; i < places; ++i) {
      t.count[i] = double(n);
      t.label_at[i] = -1;
      t.invalid[i] = false;
      for (int k = 0; k < shape.scalars; ++k)
        if (same_for_all(k)) set_scalar(t, i, 0, k);
    }
  }
  /// One comparison for both ends: a negative label is a large unsigned number.
  UFL_FN bool is_class(long long label) const { return std::uint64_t(label) < std::uint64_t(n); }
  /// What of row r does not lie along it and is its own, to place i of the tile.  A label is read this once:
  /// what find_bad_label() saw may have been written over, and everything else goes by the tile's copy, which
  /// is a class or -1.
  void set_scalars(tile_base<T>& t, int i, std::ptrdiff_t r) {
    if (mask) t.count[i] = double(count_selected(*mask, r, n));
    if (shape.label >= 0) {
      const long long l = label_of(r);
      const bool good = is_class(l);
      if (!good && (!mask || t.count[i] > 0)) {
        late = {fault_kind::label, l, n, r};
      }
      t.label[i] = good && selected(r, l) ? double(get(x(), r, l)) : shape.neutral[0];
      t.label_at[i] = good ? double(l) : -1;
    }
    if (varies) {
      t.invalid[i] = false;
      for (int k = 0; k < shape.scalars; ++k) set_scalar(t, i, r, k);
    }
  }
  /// The same as in place i, to place `to`.
  void copy_scalars(tile_base<T>& t, int to, int i) const {
    t.count[to] = t.count[i];
    t.label[to] = t.label[i];
    t.label_at[to] = t.label_at[i];
    t.invalid[to] = t.invalid[i];
    for (int k = 0; k < shape.scalars; ++k) t.scalar[k][to] = t.scalar[k][i];
  }
  /// Rows [r0, r0 + m), the last again in places up to `padded`.  Short rows spend as long here as on
  /// exponentials: one plain loop.
  void set_all_scalars(tile_base<T>& t, std::ptrdiff_t r0, int m, int padded) {
    if (mask || varies)
      for (int i = 0; i < m; ++i) set_scalars(t, i, r0 + i);
    else if (shape.label >= 0) {
      const row_operand logits = x();
      for (int i = 0; i < m; ++i) {
        // A label that changed meanwhile must not be used as an index; the call fails in the end.
        long long l = label_of(r0 + i);  // this once, as in set_scalars()
        if (UFL_UNLIKELY(!is_class(l))) {
          late = {fault_kind::label, l, n, r0 + i};
          l = 0;
        }
        t.label[i] = double(get(logits, r0 + i, l));
        t.label_at[i] = double(l);
      }
    }
    for (int i = m; i < padded; ++i) copy_scalars(t, i, m - 1);
  }
  /// The value; derivatives at the label, which are formed apart; and what is masked out of a row of NaN.
  void put_rest(const tile_base<T>& t, int i, std::ptrdiff_t r) const {
    const bool masked_out = t.count[i] == 0 && mask;
    if (shape.has_value)
      put(out[0], r, 0, masked_out ? T(0) : t.invalid[i] ? T(__builtin_nan("")) : t.value[i]);
    // What spread() wrote of such a row counts for nothing: NaN is written over it, rarely, and so one by
    // one.
    if (t.invalid[i] && !masked_out)
      for (int k = 0; k < shape.outputs; ++k)
        for (std::ptrdiff_t j = 0; j < n; ++j) put(row_out(k), r, j, T(__builtin_nan("")));
    else if (shape.label_grad_output >= 0 || shape.label_hess_output >= 0) {
      const std::ptrdiff_t l = std::ptrdiff_t(t.label_at[i]);
      if (l >= 0 && selected(r, l)) {
        if (shape.label_grad_output >= 0) put(row_out(shape.label_grad_output), r, l, t.grad_at_label[i]);
        if (shape.label_hess_output >= 0) put(row_out(shape.label_hess_output), r, l, t.hess_at_label[i]);
      }
    }
    if (mask && t.invalid[i] && !masked_out)
      for (int k = 0; k < shape.outputs; ++k)
        for (std::ptrdiff_t j = 0; j < n; ++j)
          if (!selected(r, j)) put(row_out(k), r, j, T(shape.masked));
  }
  void put_all_rest(const tile_base<T>& t, std::ptrdiff_t r0, int m) const {
    // Otherwise what the first row tells of scalars holds for all rows.
    if (mask || varies || t.invalid[0]) {
      for (int i = 0; i < m; ++i) put_rest(t, i, r0 + i);
      return;
    }
    if (shape.has_value)
      for (int i = 0; i < m; ++i) put(out[0], r0 + i, 0, t.value[i]);
    const auto put_own = [&](int k, const T* from) {
      for (int i = 0; i < m; ++i)
        if (t.label_at[i] >= 0) put(row_out(k), r0 + i, std::ptrdiff_t(t.label_at[i]), from[i]);
    };
    if (shape.label_grad_output >= 0) put_own(shape.label_grad_output, t.grad_at_label);
    if (shape.label_hess_output >= 0) put_own(shape.label_hess_output, t.hess_at_label);
  }
  /// Rows of fewer than short_row elements: turned, so that each has a lane of its own.
  void run_short(tile_base<T>& t) {
    const T* from[max_along];
    for (int a = 0; a < shape.lying; ++a) from[a] = copies[a];
    const auto to_packs = [](std::ptrdiff_t m) { return int((m + lanes<T> - 1) / lanes<T> * lanes<T>); };
    prepare(t, rows < tile ? to_packs(rows) : tile);
    for (std::ptrdiff_t r0 = 0; r0 < rows; r0 += tile) {
      const int m = int(rows - r0 < tile ? rows - r0 : tile);
      const int padded = to_packs(m);
      const rows_of_tile some = {r0, n, m, padded};
      for (int a = 0; a < shape.lying; ++a) {
        place_columns<S>(in[shape.along[a]], some, copies[a]);
        if (mask) blank_columns(*mask, some, padded, neutral(a), copies[a]);
      }
      set_all_scalars(t, r0, m, padded);  // looks at rows that are in the cache by now
      t.fold_short(padded, from, n, terms);
      // A pass is taken by the whole tile; to rows that did not ask it changes nothing.
      while (t.next_pass(padded)) t.fold_next_short(padded, from, n);
      t.finish_short(padded);
      if (shape.outputs > 0) {
        t.spread_short(padded, from, n, terms, results);
        for (int k = 0; k < shape.outputs; ++k) put_short(k, some);
      }
      put_all_rest(t, r0, m);
    }
  }
  /// A bound that is positive in T may be 0 as O, and callers divide by it.
  void put_short(int k, const rows_of_tile& some) const {
    if (rounds && k == shape.bound_at)
      for (std::ptrdiff_t j = 0; j < n; ++j) keep_positive<O>(results[k] + j * tile, some.count);
    if (mask) blank_columns(*mask, some, some.count, T(shape.masked), results[k]);
    put_columns<O>(row_out(k), some, results[k]);
  }

  // --- long rows, block by block -----
  static constexpr std::ptrdiff_t most = block_length<T>;
  std::ptrdiff_t length(std::ptrdiff_t b) const { return n - b < most ? n - b : most; }
  bool masked_out(const tile_base<T>& t, int i) const { return mask && t.count[i] == 0; }
  /// Elements [b, b + k) of row r, which has place i of the tile: where they lie, or copies.
  void fetch_all(const tile_base<T>& t, int i, std::ptrdiff_t r, std::ptrdiff_t b, std::ptrdiff_t k,
                 const T** from) const {
    // A mask that leaves nothing out costs no copy.
    const row_operand* const some = mask && t.count[i] != double(n) ? mask : nullptr;
    for (int a = 0; a < shape.lying; ++a)
      from[a] = fetch<S, T>(in[shape.along[a]], some, r, b, k, copies[a], neutral(a));
  }
  /// Where the terms of a block from b on are kept, of the i-th of the rows from r0 on; null: nowhere.
  T* place_of_terms(std::ptrdiff_t r0, int i, std::ptrdiff_t b) const {
    if (!shape.keeps_terms) return nullptr;
    if (keeps_terms_in_result()) return row_out(0).template at<T>(r0 + i, b);
    return n <= most ? terms + i * n : terms;
  }
  void run_long(tile_base<T>& t) {
    const std::ptrdiff_t together = rows_together();
    prepare(t, int(rows < together ? rows : together));
    for (std::ptrdiff_t r0 = 0; r0 < rows; r0 += together) {
      const int m = int(rows - r0 < together ? rows - r0 : together);
      fold_long(t, r0, m);
      while (t.next_pass(m))
        for (int i = 0; i < m; ++i)
          if (t.wants_next_pass[i]) fold_next_long(t, r0, i);
      t.finish(m);
      if (shape.outputs > 0)
        for (int i = 0; i < m; ++i) {
          if (masked_out(t, i)) put_masked(r0 + i);
          else
            for (std::ptrdiff_t b = 0; b < n; b += most) spread_block(t, r0, i, b);
        }
      put_all_rest(t, r0, m);
    }
  }
  /// Sums of rows [r0, r0 + m); m is 1 where rows have many blocks.
  void fold_long(tile_base<T>& t, std::ptrdiff_t r0, int m) {
    const T* from[max_along];
    for (int i = 0; i < m; ++i) {
      set_scalars(t, i, r0 + i);
      // Nothing of a row that is masked out is read, but its place must hold sums for settle() to take.
      const std::ptrdiff_t k = masked_out(t, i) ? 0 : length(0);
      fetch_all(t, i, r0 + i, 0, k, from);
      t.fold(i, from, 0, k, place_of_terms(r0, i, 0));
    }
    t.settle(m);
    if (n <= most) return;
    if (masked_out(t, 0)) return;
    const bool direct = keeps_terms_in_result();
    // Parts of 1, 2, 4 blocks and so on have a place each, until there are two alike.
    int parts = 1;
    std::ptrdiff_t blocks = 1;
    for (std::ptrdiff_t b = most; b < n; b += most, ++blocks) {
      copy_scalars(t, parts, 0);
      fetch_all(t, 0, r0, b, length(b), from);
      t.fold(parts, from, b, length(b), direct ? place_of_terms(r0, 0, b) : nullptr);
      t.settle_one(parts++);
      for (std::ptrdiff_t alike = blocks; alike & 1; alike >>= 1, --parts) t.add_block(parts - 2, parts - 1);
    }
    for (; parts > 1; --parts) t.add_block(parts - 2, parts - 1);
  }
  void fold_next_long(tile_base<T>& t, std::ptrdiff_t r0, int i) const {
    const T* from[max_along];
    for (std::ptrdiff_t b = 0; b < n; b += most) {
      fetch_all(t, i, r0 + i, b, length(b), from);
      t.fold_next(i, from, b, length(b));
    }
  }
  void put_masked(std::ptrdiff_t r) const {
    for (int k = 0; k < shape.outputs; ++k)
      for (std::ptrdiff_t j = 0; j < n; ++j) put(row_out(k), r, j, T(shape.masked));
  }
  /// Derivatives of the block from b on of the i-th of the rows from r0 on.
  void spread_block(tile_base<T>& t, std::ptrdiff_t r0, int i, std::ptrdiff_t b) const {
    const bool one_block = n <= most;
    const std::ptrdiff_t k = length(b), r = r0 + i;
    const T* from[max_along];
    fetch_all(t, i, r, b, k, from);
    T* const e = place_of_terms(r0, i, b);
    // Terms of a row of many blocks are kept in its result or not at all.
    if (shape.keeps_terms && !one_block && !keeps_terms_in_result()) t.fold(i, from, b, k, e);
    T* to[max_row_outputs];
    for (int o = 0; o < shape.outputs; ++o) to[o] = results[o] ? results[o] : row_out(o).template at<T>(r, b);
    t.spread(i, from, b, k, e, to, one_block);
    if (rounds && shape.bound_at >= 0) keep_positive<O>(to[shape.bound_at], k);
    if (mask && t.count[i] != double(n))
      for (int o = 0; o < shape.outputs; ++o) blank(to[o], r, b, k);
    for (int o = 0; o < shape.outputs; ++o)
      if (to[o] == results[o])
        scatter<O>(results[o], reinterpret_cast<char*>(row_out(o).template at<O>(r, b)), row_out(o).core, k);
  }
  /// Puts what a masked result is to elements [from, from + k) of row r, which lie at `to`.
  void blank(T* to, std::ptrdiff_t r, std::ptrdiff_t from, std::ptrdiff_t k) const {
    const T pad = T(shape.masked);
    if (is_dense(mask)) copy_selected(to, to, mask->template at<char>(r, from), k, pad);
    else
      for (std::ptrdiff_t i = 0; i < k; ++i) to[i] = selected(r, from + i) ? to[i] : pad;
  }
};
// The loss comes as data, not as a parameter of the template: strides, masks and storage are compiled once
// for each type, not once for each loss.
template <class S, class O, class T>
UFL_NOINLINE fault run_rows(const row_shape& shape, const row_kernel<T>& kernel, char* const* args,
                            const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked) {
  if (dims[0] <= 0) return {};
  if (dims[1] <= 0 && shape.needs_elements) return {fault_kind::empty_axis};
  row_loop<S, O, T> loop(shape, kernel, args, dims, steps, masked);
  fault bad;
  if (loop.find_bad_label(&bad)) return bad;
  arena need;
  loop.take_memory(need);
  alignas(64) char on_stack[row_stack];
  workspace from_heap;
  char* start = on_stack;
  if (need.used > sizeof on_stack) start = from_heap.take(need.used);
  if (!start) return {fault_kind::no_memory};
  arena memory{start};
  tile_base<T>& t = *kernel.make(loop.take_memory(memory));
  if (loop.runs_long()) loop.run_long(t);
  else loop.run_short(t);
  return loop.late;
}

/// Loss L over rows, the parts of its jet in the order value, grad, grad2, grad3, hess, hess_bound.  What
/// lies along the rows is of type S, results and scalars of type O.  After a fault (a label that is no class,
/// no class at all, or no memory) nothing was computed; where another thread writes to labels meanwhile, one
/// that is no class any more may be noticed when results were written.
template <class L, unsigned Parts, class S, class O = S>
UFL_FN fault rows(char* const* args, const std::ptrdiff_t* dims, const std::ptrdiff_t* steps, bool masked) {
  static_assert((L::parts & Parts) == Parts, "the loss has no such derivative");
  using T = std::conditional_t<L::in_double, double, typename storage<O>::compute>;
  static constexpr row_shape shape = make_shape<L, Parts>();
  return run_rows<S, O, T>(shape, kernel_of<L, Parts, (shape.outputs > 0), T>::value(), args, dims, steps,
                           masked);
}

UFL_END
