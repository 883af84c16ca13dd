// What all kernels of a lattice share: numbers of the operands, sums of a block, and walks through rows.
#pragma once
#include "ufloss/cuda/device.hpp"
#include "ufloss/cuda/lattice_words.hpp"
#include "ufloss/vocabulary/elementary.hpp"

UFL_BEGIN
namespace gpu {

/// Bytes from an operand's address to its part of sequence b.
UFL_DEVICE long long offset_of(const lattice_arguments& a, int operand, unsigned b) {
  long long to = 0;
  UFL_UNROLL for (int d = 0; d < lattice_dims; ++d) {
    const unsigned outer = quotient(b, a.along[d]);
    to += (long long)(b - outer * unsigned(a.along[d].length)) * a.step[d][operand];
    b = outer;
  }
  return to;
}
UFL_DEVICE address address_of(const lattice_arguments& a, int operand, unsigned b) {
  return a.operand[operand] + offset_of(a, operand, b);
}
UFL_DEVICE long long integer_of(const lattice_arguments& a, int operand, unsigned b) {
  if (a.given >> operand & 1) return a.operand[operand];
  return *at<const volatile long long>(address_of(a, operand, b));
}
UFL_DEVICE lattice_record& record_of(const lattice_arguments& a, unsigned b) {
  return at<lattice_record>(a.records)[b];
}
/// The first of n numbers of sequence b in a piece of the workspace.
template <class N> UFL_DEVICE N* piece_of(address piece, unsigned b, long long n) {
  return at<N>(piece) + (long long)b * n;
}
UFL_DEVICE bool is_in(const lattice_arguments& a, unsigned b, long long frame) {
  return !a.operand[of_mask] ||
         *at<const unsigned char>(address_of(a, of_mask, b) + frame * a.mask_step) != 0;
}
/// The place of a frame among those that take part; -1: it does not.
UFL_DEVICE long long place_of_frame(const lattice_arguments& a, const lattice_record& r, unsigned b,
                                    long long frame) {
  if (a.operand[of_mask]) return piece_of<const int>(a.place, b, a.frames)[frame];
  return frame < r.frames ? frame : -1;
}
template <class S> UFL_DEVICE void put_value(const lattice_arguments& a, unsigned b, double x) {
  if (a.operand[of_value]) *at<S>(address_of(a, of_value, b)) = storage<S>::put(compute_t<S>(x));
}

// --- sums and the like of a block, the same bits for every thread -----
/// combine(x, y) must not depend on their order; `room`: as many of X as the block has warps.
template <class X, class F> UFL_DEVICE X of_all_warps(X x, X* room, F combine) {
  if (threads() == warp_threads) return x;
  sync_block();
  if (thread() % warp_threads == 0) room[thread() / warp_threads] = x;
  sync_block();
  X all = room[0];
  for (unsigned w = 1; w < threads() / warp_threads; ++w) all = combine(all, room[w]);
  sync_block();
  return all;
}
template <class X> UFL_DEVICE X sum_of_block(X x, X* room) {
  return of_all_warps(group<warp_threads>::sum(x), room, [](X p, X q) { return p + q; });
}

/// f(first, count, bunch) for all numbers of a row, by the lanes of a group: 16 bytes at a time where rows
/// are packed, one at a time elsewhere and at the end; several accesses at once.
template <class S, int Lanes, bool Packed, class F>
UFL_DEVICE void each_bunch(address row, long long step, long long n, F f) {
  constexpr int size = Packed ? 16 / int(sizeof(S)) : 1, deep = 4;
  using some = bunch<S, size>;
  const long long whole = n / size;
  const int lane = group<Lanes>::lane();
  UFL_ROLLED
  for (long long i = lane; i < whole; i += deep * Lanes) {
    some now[deep];
    UFL_UNROLL for (int d = 0; d < deep; ++d) if (i + d * Lanes < whole) now[d] =
        *at<const some>(row + (i + d * Lanes) * (Packed ? 16 : step));
    UFL_UNROLL for (int d = 0; d < deep; ++d) if (i + d * Lanes < whole) f((i + d * Lanes) * size, now[d]);
  }
  if constexpr (Packed)
    for (long long i = whole * size + lane; i < n; i += Lanes) f(i, bunch<S, 1>{{at<const S>(row)[i]}});
}

}  // namespace gpu
UFL_END
