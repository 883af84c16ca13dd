// Elementwise losses as kernels: every loss, part and type by one text; elementwise_plan.hpp chooses.
//
// The elements are items, packs of 16 bytes of the innermost dimension where all operands allow it, single
// ones elsewhere.  A thread takes an item, asks for the next one, and computes four numbers at a time as one
// value: formulas ask once for all of them what they ask of all lanes.
#pragma once
#include "ufloss/cuda/device.hpp"
#include "ufloss/cuda/in_turn.hpp"

UFL_BEGIN
namespace gpu {

/// In place of a set of inputs: it is known at run time.
constexpr unsigned not_known = 0x80000000u;

template <int Operands, int Dims> struct elementwise_arguments {
  address operand[Operands];  ///< inputs, outputs, the mask: of the first item; by value the bits of a double
  long long items;            ///< less than 2^31
  long long lead, rest;       ///< elements before and behind the packs, of one dimension
  long long repeats;          ///< inputs, as a set, that are one number along the innermost dimension
  long long given;            ///< inputs, as a set, that are one number by value
  divisor length[Dims];       ///< in items, from the innermost dimension outwards
  long long step[Dims][Operands];  ///< bytes from item to item
};

/// put(k, x) for each part of a jet that is asked for.
template <unsigned Parts, class V, class Put> UFL_DEVICE void each_of_parts(const jet<V>& j, Put put) {
  int k = 0;
  if constexpr ((Parts & part_value) != 0) put(k++, j.value);
  if constexpr ((Parts & part_grad) != 0) put(k++, j.grad);
  if constexpr ((Parts & part_grad2) != 0) put(k++, j.grad2);
  if constexpr ((Parts & part_hess) != 0) put(k++, j.hess);
  if constexpr ((Parts & part_bound) != 0) put(k++, j.hess_bound);
}
template <class L, class V, int... I> UFL_DEVICE jet<V> evaluate_at(const V* x, indices<I...>) {
  return evaluate<L>(x[I]...);
}
/// Numbers that are computed as one value.
template <class T, int N> struct lanes_of {
  using type = several<T, N>;
};
template <class T> struct lanes_of<T, 1> {
  using type = T;
};
template <class T> UFL_DEVICE T& lane_of(T& x, int) { return x; }
template <class T, int N> UFL_DEVICE T& lane_of(several<T, N>& x, int i) { return x.v[i]; }

/// Packed: numbers of an item.  Repeats: inputs, as a set, that are one number along the innermost dimension.
/// Given: those that are one altogether, by value.  Either may be not_known.  Masked: the last operand says
/// which results count.
template <class L, unsigned Parts, class S, int Packed, int Dims, unsigned Repeats, unsigned Given,
          bool Masked>
struct elementwise_kernel {
  static constexpr int inputs = arity<L>, outputs = count_parts(Parts), operands = inputs + outputs + Masked;
  static constexpr int width = Packed < 4 ? Packed : 4, one_dimension = Dims == 1;
  static constexpr typename indices_to<inputs>::type each_input{};
  using arguments = elementwise_arguments<operands, Dims>;
  using T = compute_t<S>;
  using V = typename lanes_of<T, width>::type;
  using pack = bunch<S, Packed>;

  // --- operands -----
  static UFL_DEVICE bool is_given(const arguments& a, int input) {
    return (Given == not_known ? unsigned(a.given) : Given) >> input & 1u;
  }
  static UFL_DEVICE bool repeats(const arguments& a, int input) {
    return (Repeats == not_known ? unsigned(a.repeats) : Repeats) >> input & 1u;
  }
  /// Is it read once, before all items?
  static UFL_DEVICE bool is_number(const arguments& a, int input) {
    return is_given(a, input) || (one_dimension && repeats(a, input));
  }
  static UFL_DEVICE T number(const arguments& a, int input) {
    if (is_given(a, input)) return storage<S>::get(storage<S>::put(T(from_bits(uint64(a.operand[input])))));
    return storage<S>::get(*at<const S>(a.operand[input]));
  }

  // --- items -----
  struct place {
    unsigned along[Dims];
  };
  static UFL_DEVICE place place_of(const arguments& a, unsigned item) {
    place p;
    UFL_UNROLL for (int d = 0; d + 1 < Dims; ++d) {
      const unsigned outer = quotient(item, a.length[d]);
      p.along[d] = item - outer * unsigned(a.length[d].length);
      item = outer;
    }
    p.along[Dims - 1] = item;
    return p;
  }
  /// `packed`: bytes of the operand's pack, which follow one another; 0: steps are known at run time.
  static UFL_DEVICE address address_of(const arguments& a, place p, int operand, int packed) {
    address to = a.operand[operand];
    UFL_UNROLL for (int d = 0; d < Dims; ++d) {
      const bool follow = d == 0 && Packed > 1 && packed;
      to += p.along[d] * (follow ? packed : a.step[d][operand]);
    }
    return to;
  }

  /// What is read of an item.
  struct contents {
    pack x[inputs];
    bunch<unsigned char, Packed> counts;
  };
  static UFL_DEVICE contents fetch(const arguments& a, unsigned item) {
    contents c;
    const place p = place_of(a, item);
    UFL_UNROLL for (int i = 0; i < inputs; ++i) {
      if (is_number(a, i)) continue;
      if (repeats(a, i)) c.x[i].v[0] = *at<const S>(address_of(a, p, i, 0));
      else c.x[i] = *at<const pack>(address_of(a, p, i, sizeof(pack)));
    }
    if constexpr (Masked)
      c.counts = *at<const bunch<unsigned char, Packed>>(address_of(a, p, operands - 1, Packed));
    return c;
  }

  static UFL_DEVICE S rounded(T x, int output) {
    // a positive bound stays so
    if (sizeof(S) < sizeof(T) && (Parts & part_bound) && output == outputs - 1)
      x = x < T(storage<S>::least_bound) ? T(storage<S>::least_bound) : x;
    return storage<S>::put(x);
  }
  static UFL_DEVICE void compute(const arguments& a, const contents& c, const T* numbers, pack* y) {
    UFL_UNROLL for (int w = 0; w < Packed; w += width) {
      V z[inputs];
      UFL_UNROLL for (int i = 0; i < inputs; ++i) UFL_UNROLL for (int v = 0; v < width; ++v) {
        lane_of(z[i], v) =
            is_number(a, i) ? numbers[i] : storage<S>::get(c.x[i].v[repeats(a, i) ? 0 : w + v]);
      }
      each_of_parts<Parts>(evaluate_at<L>(z, each_input), [&](int k, V r) {
        UFL_UNROLL for (int v = 0; v < width; ++v) y[k].v[w + v] = rounded(lane_of(r, v), k);
      });
    }
  }
  static UFL_DEVICE void put(const arguments& a, unsigned item, const contents& c, const pack* y) {
    const place p = place_of(a, item);
    bool all_count = true;
    if constexpr (Masked) UFL_UNROLL for (int v = 0; v < Packed; ++v) all_count &= c.counts.v[v] != 0;
    UFL_UNROLL for (int k = 0; k < outputs; ++k) {
      const address to = address_of(a, p, inputs + k, sizeof(pack));
      if (all_count) *at<pack>(to) = y[k];
      else UFL_UNROLL for (int v = 0; v < Packed; ++v) if (c.counts.v[v]) at<S>(to)[v] = y[k].v[v];
    }
  }

  /// An element beside the packs, where all operands follow one another or are numbers.
  static UFL_DEVICE void run_element(const arguments& a, long long e, const T* numbers) {
    T z[inputs];
    UFL_UNROLL for (int i = 0; i < inputs; ++i) z[i] =
        is_number(a, i) ? numbers[i] : storage<S>::get(at<const S>(a.operand[i])[e]);
    if constexpr (Masked)
      if (!at<const unsigned char>(a.operand[operands - 1])[e]) return;
    each_of_parts<Parts>(evaluate_at<L>(z, each_input),
                         [&](int k, T r) { at<S>(a.operand[inputs + k])[e] = rounded(r, k); });
  }

  static UFL_DEVICE void run(const arguments& a) {
    const unsigned first = block() * threads() + thread(), step = blocks() * threads();
    const unsigned items = unsigned(a.items);
    T numbers[inputs];
    UFL_UNROLL for (int i = 0; i < inputs; ++i) numbers[i] = is_number(a, i) ? number(a, i) : T(0);

    contents next;
    if (first < items) next = fetch(a, first);
    UFL_ROLLED
    for (unsigned item = first; item < items; item += step) {
      const contents now = next;
      if (item + step < items) next = fetch(a, item + step);  // on its way while this item is computed
      pack y[outputs];
      compute(a, now, numbers, y);
      put(a, item, now, y);
    }
    if constexpr (Packed > 1 && one_dimension) {
      UFL_ROLLED
      for (long long k = first; k < a.lead + a.rest; k += step)
        run_element(a, k < a.lead ? k - a.lead : a.items * Packed + (k - a.lead), numbers);
    }
  }
};

}  // namespace gpu
UFL_END
