// Axes of a reduction, collapsed: those that are kept, those that are added up, and how to walk over both.
#pragma once
#include "ufloss/reduce/cuts.hpp"
#include "ufloss/reduce/reduction.hpp"

UFL_BEGIN

/// The arrays that a walk goes over, by number; inputs come first.
/// Results are a stream too: its position says to which of them an element belongs.
enum stream { weights_stream = reduce_inputs, mask_stream, grad_stream, result_stream, streams };

/// An axis that arrays have in common.
struct axis {
  std::ptrdiff_t n;
  std::ptrdiff_t steps[streams];  ///< in bytes; of results: in elements
};

/// Axes from the outermost to the innermost; at least one.
struct space {
  int axes = 0;
  axis at[reduce_axes + 1];
  const axis& inner() const { return at[axes - 1]; }
  /// An axis within all others; merged with the one around it where every array lies so.
  void add(const axis& a) {
    // No walk needs an axis of a single element.
    if (a.n == 1) return;
    if (axes > 0 && encloses(at[axes - 1], a)) {
      const std::ptrdiff_t n = at[axes - 1].n * a.n;
      at[axes - 1] = a;
      at[axes - 1].n = n;
    } else at[axes++] = a;
  }
  /// Inside all that are there.
  void add_all(const space& others) {
    for (int i = 0; i < others.axes; ++i) add(others.at[i]);
  }
  /// After the last axis: one of a single element where there is none.
  void close() {
    if (axes == 0) at[axes++] = axis{1, {}};
  }
  /// The same, where nobody asks which result an element belongs to: more axes merge.
  space without_results() const {
    space s;
    for (int i = 0; i < axes; ++i) {
      axis a = at[i];
      a.steps[result_stream] = 0;
      s.add(a);
    }
    s.close();
    return s;
  }
  /// One step outside is as far as all steps inside, in every array: both are one axis.
  static bool encloses(const axis& outer, const axis& inner) {
    for (int k = 0; k < streams; ++k)
      if (outer.steps[k] != inner.n * inner.steps[k]) return false;
    return true;
  }
};

/// A place in a space, which moves in C order.
struct cursor {
  const space* over;
  std::ptrdiff_t index[reduce_axes + 1];
  std::ptrdiff_t at[streams];  ///< where the arrays are, from their first element
  cursor(const space& s, std::ptrdiff_t position, const std::ptrdiff_t* from = nullptr) : over(&s) {
    for (int k = 0; k < streams; ++k) at[k] = from ? from[k] : 0;
    // The innermost axis counts fastest.
    for (int i = s.axes - 1; i >= 0; --i) {
      index[i] = position % s.at[i].n;
      position /= s.at[i].n;
      move(i, index[i]);
    }
  }
  /// Elements from here to the end of the inner axis.
  std::ptrdiff_t run() const { return over->inner().n - index[over->axes - 1]; }
  /// By at most run() elements.
  void advance(std::ptrdiff_t m) {
    int i = over->axes - 1;
    index[i] += m;
    move(i, m);
    for (; i > 0 && index[i] == over->at[i].n; --i) {
      move(i, -index[i]);
      index[i] = 0;
      ++index[i - 1];
      move(i - 1, 1);
    }
  }

 private:
  void move(int i, std::ptrdiff_t m) {
    for (int k = 0; k < streams; ++k) at[k] += m * over->at[i].steps[k];
  }
};

/// Everything about a reduction that does not depend on numbers.
struct plan {
  space in_order;  ///< kept axes, then reduced ones: in this order positions are counted
  space fast;      ///< the same, kept axes in an order that is quicker to walk
  space kept, reduced;
  std::ptrdiff_t results = 1, terms = 1;  ///< how many, and of how many terms each
  std::ptrdiff_t limit;                   ///< losses of a block
  int kept_axes = 0;
  cuts segments;                                    ///< of the terms of a result: each is added up by itself
  cuts groups;                                      ///< of the results: what is computed again together
  bool is_whole() const { return terms <= limit; }  ///< one segment

  explicit plan(const reduction& r) {
    // By elements, since a row of a loss is as much work as it is long.
    limit = r.rows && r.width > 1 ? reduce_block / r.width : reduce_block;
    if (limit < 1) limit = 1;
    std::ptrdiff_t shape[2][reduce_axes];
    int count[2] = {0, 0};
    for (int i = 0; i < r.axes; ++i) {
      shape[r.reduced[i]][count[r.reduced[i]]++] = r.shape[i];
      (r.reduced[i] ? terms : results) *= r.shape[i];
    }
    kept_axes = count[0];
    // Nothing to walk over, and collapse() divides by lengths.
    if (results == 0 || terms == 0) return;
    segments = cut(shape[1], count[1], 1, limit);
    groups = is_whole() ? cut(shape[0], count[0], terms, limit) : cuts{1, 1};
    collapse(r);
  }

 private:
  void collapse(const reduction& r) {
    // Results are counted in C order of the kept axes, whichever way they are walked.
    std::ptrdiff_t step = results;
    for (int i = 0; i < r.axes; ++i) {
      axis a = axis_of(r, i);
      if (!r.reduced[i]) {
        step /= a.n;
        a.steps[result_stream] = step;
        kept.add(a);
      } else reduced.add(a);
    }
    in_order.add_all(kept);
    in_order.add_all(reduced);
    in_order.close();
    sort_kept();
    fast.add_all(kept);
    fast.add_all(reduced);
    fast.close();
    kept.close();
    reduced.close();
  }
  /// Axis i of the losses, with the steps of every array that is there.
  static axis axis_of(const reduction& r, int i) {
    axis a{r.shape[i], {}};
    const auto set = [&](int k, const reduce_operand& x) {
      // What is absent has steps of 0, so that it hinders no merge.
      if (x.data && a.n > 1) a.steps[k] = x.steps[i];
    };
    for (int k = 0; k < r.inputs; ++k) set(k, r.in[k]);
    set(weights_stream, r.weights);
    set(mask_stream, r.mask);
    set(grad_stream, r.grad);
    return a;
  }
  /// Axes whose neighbours lie nearer go to the inside.
  void sort_kept() {
    for (int i = 1; i < kept.axes; ++i)
      for (int k = i; k > 0 && distance(kept.at[k - 1]) < distance(kept.at[k]); --k) {
        const axis a = kept.at[k];
        kept.at[k] = kept.at[k - 1];
        kept.at[k - 1] = a;
      }
    // Axes that were apart may enclose each other in their new order.
    space merged;
    merged.add_all(kept);
    kept = merged;
  }

 public:
  /// How far apart neighbours along an axis lie, of all arrays together.
  static std::ptrdiff_t distance(const axis& a) {
    std::ptrdiff_t sum = 0;
    for (int k = 0; k < streams; ++k)
      if (k != result_stream) sum += a.steps[k] < 0 ? -a.steps[k] : a.steps[k];
    return sum;
  }
};

UFL_END
