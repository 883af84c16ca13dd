// What is known of a batch of vectors while its pairs are worked on: pieces of the workspace.
#pragma once
#include "ufloss/cuda/words.hpp"
#include "ufloss/kinds/pairs/loss.hpp"

UFL_BEGIN
namespace gpu {

/// Of one batch of the call.
struct pairs_state {
  double per_temperature, pair_share, value;
  long long count;      ///< of the vectors that take part
  long long is_number;  ///< is there a pair, and all finite?
};

/// Where arrays of a batch begin, in bytes: of `n` vectors of `width` numbers of `size` bytes.
struct pairs_memory {
  long long rows, step;  ///< vectors and numbers of each, with what fills up blocks and lanes
  long long chunks;      ///< in which a row of pairs is added up
  long long state, key, other_key, order, other_order, group_begin, group_end, share;
  // of each side: [0] rows of products, [1] their columns
  long long vectors[2], slope[2], others[2], moment[2], level[2], pull[2], top[2], weight[2], gathered[2];
  long long own;                        ///< of two batches: each pair's own product
  long long of_rows[2], of_columns[2];  ///< sums of exponentials, and moments, by chunks and by blocks
  long long costs;                      ///< of the blocks
  long long slopes, strip;              ///< of a strip of rows; how many rows it has
  long long bytes;
};
UFL_FN constexpr long long round_to(long long n, long long to) { return (n + to - 1) / to * to; }

/// `cross`: of two batches.  `parts`: what is asked for.
UFL_FN pairs_memory pairs_memory_of(long long n, long long width, int size, bool cross, unsigned parts,
                                    long long most_slopes = 1ll << 26) {
  pairs_memory m{};
  const long long lanes = 128 / size;
  m.rows = round_to(n > 0 ? n : 1, batch_block);
  m.step = round_to(width > 0 ? width : 1, lanes);
  m.chunks = (m.rows + pair_chunks * lanes - 1) / (pair_chunks * lanes);
  long long used = 0;
  const auto take = [&used](long long count, long long bytes) {
    const long long at = used;
    used += round_to(count * bytes, 256);
    return at;
  };
  const bool moments = (parts & part_grad3) != 0, slopes = (parts & (part_grad | part_grad2)) != 0;
  const long long blocks = m.rows / batch_block;
  m.state = take(1, sizeof(pairs_state));
  m.key = take(cross ? 0 : n, 8);
  m.other_key = take(cross ? 0 : n, 8);
  m.order = take(m.rows, 4);
  m.other_order = take(n, 4);
  m.group_begin = take(cross ? 0 : m.rows, 4);
  m.group_end = take(cross ? 0 : m.rows, 4);
  m.share = take(cross ? 0 : m.rows, 8);
  for (int side = 0; side < 2; ++side) {
    const bool is = side == 0 || cross;
    m.vectors[side] = take(is ? m.rows * m.step : 0, size);
    m.slope[side] = take(is ? m.rows : 0, 8);
    m.others[side] = take(is ? m.rows : 0, 8);
    m.moment[side] = take(is && moments ? m.rows : 0, 8);
    m.level[side] = take(is ? m.rows : 0, 8);
    m.pull[side] = take(is ? m.rows : 0, 8);
    m.top[side] = take(is ? m.rows : 0, size);
    m.weight[side] = take(is ? m.rows : 0, size);
    m.gathered[side] = take(is && slopes ? m.rows * m.step : 0, size);
  }
  m.own = take(cross ? m.rows : 0, size);
  for (int k = 0; k < 1 + moments; ++k) {
    m.of_rows[k] = take(m.rows * m.chunks, size);
    m.of_columns[k] = take(m.rows * blocks, size);
  }
  m.costs = take(m.rows, 2 * 8);
  const long long fit = most_slopes / (m.rows * size * batch_block);
  m.strip = (fit < 1 ? 1 : fit < blocks ? fit : blocks) * batch_block;
  m.slopes = take(slopes ? m.strip * m.rows : 0, size);
  m.bytes = used;
  return m;
}

}  // namespace gpu
UFL_END
