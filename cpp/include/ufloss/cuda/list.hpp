// Losses of ordered lists as kernels: a list is a team's, of a warp or of a block.
//
// The team sorts the items, raises their exponentials and takes logarithms side by side.  What runs from one
// item to the next is list_places', as on the CPU, and one thread goes through it: lists run beside each
// other, not their items.
#pragma once
#include "ufloss/cuda/batch.hpp"
#include "ufloss/cuda/sort.hpp"
#include "ufloss/kinds/list/places.hpp"

UFL_BEGIN
namespace gpu {

template <int Operands> struct list_arguments {
  address operand[Operands];  ///< scores, relevances, a mask; then the outputs: of the first list
  long long along[Operands];  ///< bytes from item to item
  batch<Operands> lists;
  long long items;  ///< of a list, less than 2^31
  long long room;   ///< of its arrays, a multiple of 16
  address memory;   ///< in the workspace: of the first block
  long long bytes;  ///< of each list's
};

/// Of S; results as O.  Threads: of a team.  Workspace: what is known of a list does not fit shared memory.
template <class L, unsigned Parts, class S, class O, bool Masked, int Threads, bool Workspace>
struct list_kernel {
  static constexpr int inputs = 2 + Masked, outputs = count_parts(Parts), operands = inputs + outputs;
  static constexpr bool with_value = (Parts & part_value) != 0, with_grad = (Parts & part_grad) != 0,
                        with_hess = (Parts & part_hess) != 0, with_bound = (Parts & part_bound) != 0;
  using arguments = list_arguments<operands>;
  using our = team<Threads>;
  using T = compute_t<O>;
  static constexpr double least_bound = double(storage<O>::least_bound);
  static constexpr int grad_output = inputs + with_value, hess_output = grad_output + with_grad,
                       bound_output = hess_output + with_hess;

  /// Where a list is, and what is known of it.
  struct work {
    address operand[operands];
    const arguments& a;
    list_places places;
    double* scratch;
    uint32* order;
    int* room;  ///< of team::join
    int n;
    UFL_DEVICE work(const arguments& all, unsigned which, unsigned char* memory) : a(all), n(int(all.items)) {
      go_to(all.lists, which, all.operand, operand);
      const auto take = [&](long long bytes) {
        unsigned char* const p = memory;
        memory += bytes;
        return p;
      };
      const long long doubles = all.room * 8;
      places.score = reinterpret_cast<double*>(take(doubles));
      places.reference = reinterpret_cast<double*>(take(doubles));
      places.own = reinterpret_cast<double*>(take(doubles));
      places.later = reinterpret_cast<double*>(take(doubles));
      places.total = reinterpret_cast<double*>(take(doubles));
      places.beside = reinterpret_cast<double*>(take(doubles));
      scratch = reinterpret_cast<double*>(take(doubles));
      order = reinterpret_cast<uint32*>(take(all.room * 4));
      room = reinterpret_cast<int*>(take(our::warps * 8));
      places.leads = reinterpret_cast<char*>(take(all.room));
    }
    UFL_DEVICE double number(int input, long long i) const {
      return double(storage<S>::get(*at<const S>(operand[input] + i * a.along[input])));
    }
    UFL_DEVICE bool takes_part(long long i) const {
      return !Masked || *at<const unsigned char>(operand[inputs - 1] + i * a.along[inputs - 1]) != 0;
    }
    UFL_DEVICE void put(int output, long long i, double x) const {
      *at<O>(operand[output] + i * a.along[output]) = storage<O>::put(T(x));
    }
    UFL_DEVICE void put_derivatives(long long i, double x) const {
      if constexpr (with_grad) put(grad_output, i, x);
      if constexpr (with_hess) put(hess_output, i, x);
    }
  };

  /// Items by places; false: a score or relevance has no place.
  static UFL_DEVICE bool sort(work& w, int& count) {
    bool valid = true;
    count = 0;
    const keyed keys{reinterpret_cast<uint64*>(w.places.own), w.order};
    const keyed spare{reinterpret_cast<uint64*>(w.places.total), reinterpret_cast<uint32*>(w.places.later)};
    for (int i = our::rank(); i < w.n; i += Threads) {
      const bool counts = w.takes_part(i);
      const double relevance = counts ? w.number(1, i) : 0;
      if (counts) valid &= w.number(0, i) < UFL_INF && relevance == relevance;
      count += counts;
      keys.put(i, {descending_key(relevance), uint32(i) | (counts ? 0 : behind_all)});
    }
    count = our::sum(count, w.room);
    if (our::sum(!valid, w.room)) return false;
    const keyed sorted = sorter<Threads>::sort(keys, spare, w.n);
    if (sorted.item != w.order)
      for (int k = our::rank(); k < count; k += Threads) w.order[k] = sorted.item[k];
    for (int k = our::rank(); k < count; k += Threads) w.places.score[k] = w.number(0, sorted.item[k]);
    our::sync();
    return true;
  }
  /// Of `possible` places, their scores being set.
  static UFL_DEVICE void set(work& w, int possible) {
    list_places& p = w.places;
    p.n = possible;
    if (possible == 0) return;
    const double last = p.score[possible - 1];
    bool far = false;
    for (int k = our::rank(); k < possible; k += Threads) {
      far |= p.score[k] - last > list_places::far_above;
      p.reference[k] = last;  // of all, where none lies far above
    }
    if (our::sum(far, w.room)) {
      if (our::rank() == 0) p.choose_references();
      our::sync();
    }
    for (int k = our::rank(); k < possible; k += Threads)
      p.own[k] = value(exp_parts(two_diff(p.score[k], p.reference[k])));
    our::sync();
    if (our::rank() == 0) p.add_up();
    our::sync();
  }
  /// The sum of the costs, as add_long() adds up: 8 terms a lane, then in two words; of the first warp.
  static UFL_DEVICE double cost(const work& w) {
    constexpr int lanes_of_sum = 128 / int(sizeof(double)), few = 8 * lanes_of_sum;
    const list_places& p = w.places;
    for (int k = our::rank(); k < p.n; k += Threads)
      w.scratch[k] =
          L::cost(choice<double>{p.own[k], p.later[k], p.total[k], neg(p.score[k] - p.reference[k])});
    our::sync();
    double sum = 0;
    if (our::rank() < warp_threads) {
      double total = 0, lost = 0;
      for (long long from = 0; from < p.n; from += few) {
        double part = 0;
        for (long long k = from + our::rank() % lanes_of_sum; k < from + few && k < p.n; k += lanes_of_sum)
          part = part + w.scratch[k];
        const two<double> t = two_sum(total, part);
        total = t.hi;
        lost = lost + (t.lo == t.lo ? t.lo : 0);
      }
      sum = group<lanes_of_sum>::sum(total) + group<lanes_of_sum>::sum(lost);
    }
    our::sync();
    return sum;
  }
  static UFL_DEVICE void put_bounds(const work& w, int count) {
    for (int k = our::rank(); k < count; k += Threads) w.scratch[k] = bound_of_choice(double(count - k));
    our::sync();
    if (our::rank() == 0) {
      running_sum sum;
      for (int k = 0; k < count; ++k) {
        sum.add(w.scratch[k]);
        w.put(bound_output, w.order[k], max(sum.sum(), least_bound));
      }
    }
    our::sync();
  }
  static UFL_DEVICE void put_derivatives(const work& w) {
    for (int k = our::rank(); k < w.places.n; k += Threads) w.scratch[k] = 1 / w.places.total[k];
    our::sync();
    if (our::rank() == 0)
      w.places.template derivatives<with_hess>([&](long long k) { return w.scratch[k]; },
                                               [&](long long k, double grad, double hess) {
                                                 if constexpr (with_grad)
                                                   w.put(grad_output, w.order[k], grad);
                                                 if constexpr (with_hess)
                                                   w.put(hess_output, w.order[k], hess);
                                               });
  }

  static UFL_DEVICE void one_list(work& w) {
    int count;
    const bool valid = sort(w, count);
    for (int i = our::rank(); i < w.n; i += Threads) {
      const bool counts = w.takes_part(i);
      if (valid && counts) continue;
      w.put_derivatives(i, counts ? UFL_NAN : 0);
      if constexpr (with_bound) w.put(bound_output, i, counts ? UFL_NAN : 0);
    }
    if (!valid) {
      if (with_value && our::rank() == 0) w.put(inputs, 0, UFL_NAN);
      return;
    }
    if constexpr (with_bound) put_bounds(w, count);
    if constexpr ((Parts & ~unsigned(part_bound)) == 0) return;
    // An item with a score of -inf is chosen when no other is left, so it costs nothing as the last one.  Of
    // several at the end each might be chosen first.
    int possible = 0;
    for (int k = our::rank(); k < count; k += Threads)
      if (w.places.score[k] != -UFL_INF) possible = k + 1;
    possible = our::largest(possible, w.room);
    const bool ends_open = count - possible > 1;
    set(w, possible);
    if constexpr (with_value) {
      const double sum = cost(w);
      if (our::rank() == 0) w.put(inputs, 0, ends_open && sum < UFL_INF ? UFL_NAN : sum);
    }
    if constexpr (with_grad || with_hess) {
      put_derivatives(w);
      for (int k = possible + our::rank(); k < count; k += Threads)
        w.put_derivatives(w.order[k], ends_open ? UFL_NAN : 0);
    }
  }
  static UFL_DEVICE void run(const arguments& a) {
    const unsigned teams = threads() / Threads, own = thread() / Threads;
    unsigned char* memory;
    if constexpr (Workspace) memory = at<unsigned char>(a.memory) + (block() * teams + own) * a.bytes;
    else memory = shared_memory<unsigned char>() + own * a.bytes;
    UFL_ROLLED
    for (long long list = block() * teams + own; list < a.lists.count; list += blocks() * teams) {
      work w(a, unsigned(list), memory);
      one_list(w);
      our::sync();
    }
  }
};

}  // namespace gpu
UFL_END
