// Tiles of products of vectors, through shared memory: 96 rows, and two columns for each lane.
//
// A thread holds products of some rows and of the columns of its lane, so that sums along a row run in lanes
// as on the CPU; each product is one chain of fused multiplications and additions, in the CPU's order.
#pragma once
#include "ufloss/cuda/team.hpp"
#include "ufloss/kinds/pairs/loss.hpp"

UFL_BEGIN
namespace gpu {

constexpr int pairs_threads = 256;

template <class T> struct tile {
  static constexpr int lanes = pair_lanes<T>, rows = batch_block, columns = 2 * lanes, depth = 16;
  static constexpr int groups = pairs_threads / lanes, own_rows = rows / groups;
  struct stage {
    T a[depth][rows + 4], b[depth][columns + 4];
  };
  /// What threads hand to each other, in the same memory.
  template <class X> struct sheet {
    X at[rows][columns];
  };
  static UFL_DEVICE int lane() { return int(thread()) % lanes; }
  static UFL_DEVICE int first_row() { return int(thread()) / lanes * own_rows; }
  static UFL_DEVICE int row(int q) { return first_row() + q; }
  static UFL_DEVICE int column(int p) { return lane() + p * lanes; }

  T c[own_rows][2];
  UFL_DEVICE void clear() { UFL_UNROLL for (int q = 0; q < own_rows; ++q) c[q][0] = c[q][1] = T(0); }
  /// c += a b over `length`, a multiple of `depth`, by all threads of the block.  Rows of a lie a_step apart;
  /// Across: b has a row for each step of the sum, else for each column.  Half: 1, of a square only what lies
  /// behind the diagonal, -1, what lies before it.
  template <bool Across, int Half = 0>
  UFL_DEVICE void multiply(const T* a, long long a_step, const T* b, long long b_step, long long length,
                           int columns_left = columns) {
    stage& s = *shared_memory<stage>();
    UFL_ROLLED
    for (long long from = 0; from < length; from += depth) {
      sync_block();
      for (int i = int(thread()); i < rows * depth; i += pairs_threads) {
        const T x = a[i / depth * a_step + from + i % depth];
        const int beyond = int(from) + i % depth - i / depth;
        s.a[i % depth][i / depth] = Half == 0 || beyond * Half > 0 ? x : T(0);
      }
      for (int i = int(thread()); i < columns * depth; i += pairs_threads) {
        if (Across) {
          const int along = i % columns;
          s.b[i / columns][along] = along < columns_left ? b[(from + i / columns) * b_step + along] : T(0);
        } else
          s.b[i % depth][i / depth] =
              i / depth < columns_left ? b[i / depth * b_step + from + i % depth] : T(0);
      }
      sync_block();
      UFL_UNROLL for (int t = 0; t < depth; ++t) {
        const T left = s.b[t][column(0)], right = s.b[t][column(1)];
        UFL_UNROLL for (int q = 0; q < own_rows; ++q) {
          const T x = s.a[t][row(q)];
          c[q][0] = fma(x, left, c[q][0]);
          c[q][1] = fma(x, right, c[q][1]);
        }
      }
    }
    sync_block();
  }
  /// The sum of all lanes, by halves.
  template <class X> static UFL_DEVICE X sum_of_lanes(X x) { return group<lanes>::sum(x); }
};

}  // namespace gpu
UFL_END
