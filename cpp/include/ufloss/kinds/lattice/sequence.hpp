// One sequence as the recursions see it: its frames, its labels, what they sum up to, and where derivatives
// go.
#pragma once
#include "ufloss/kinds/lattice/cell.hpp"
#include "ufloss/memory/arena.hpp"
#include "ufloss/memory/strided.hpp"
#include "ufloss/vocabulary/lanes.hpp"

UFL_BEGIN

/// The first k lanes of v to p.
template <class T> UFL_FN void store_padded(native<T> v, T* p, std::ptrdiff_t k) {
  if (k >= lanes<T>) store(v, p);
  else if (k > 0) store_some(v, p, int(k));
}

/// Rows of numbers T in memory, one a frame that takes part; steps in bytes.
struct frame_rows {
  char* data;
  std::ptrdiff_t step, core;
  bool as_half;                 ///< stored as float16
  const std::ptrdiff_t* which;  ///< the frames that take part; null: all
  template <class T> bool ready() const { return !as_half && core == std::ptrdiff_t(sizeof(T)); }
  char* at(std::ptrdiff_t t) const { return data + (which ? which[t] : t) * step; }
  /// n numbers of frame t: where they lie, or a copy.
  template <class T> const T* get(std::ptrdiff_t t, std::ptrdiff_t n, T* buffer) const {
    if (ready<T>()) return reinterpret_cast<const T*>(at(t));
    if (as_half) gather<half>(buffer, at(t), core, n);
    else gather<T>(buffer, at(t), core, n);
    return buffer;
  }
  template <class T> T number(std::ptrdiff_t t, std::ptrdiff_t k) const {
    const char* p = at(t) + k * core;
    return as_half ? T(to_float(*reinterpret_cast<const half*>(p))) : *reinterpret_cast<const T*>(p);
  }
  /// Where frame t's numbers are put together, before put() brings them home.
  template <class T> T* place(std::ptrdiff_t t, T* buffer) const {
    return ready<T>() ? reinterpret_cast<T*>(at(t)) : buffer;
  }
  template <class T> void put(std::ptrdiff_t t, std::ptrdiff_t n, const T* row) const {
    if (ready<T>()) return;
    if (as_half)
      for (std::ptrdiff_t i = 0; i < n; ++i)
        *reinterpret_cast<half*>(at(t) + i * core) = to_half(float(row[i]));
    else scatter<T>(row, at(t), core, n);
  }
  template <class T> void set(std::ptrdiff_t t, std::ptrdiff_t i, T x) const {
    if (as_half) *reinterpret_cast<half*>(at(t) + i * core) = to_half(float(x));
    else *reinterpret_cast<T*>(at(t) + i * core) = x;
  }
  template <class T> void fill(std::ptrdiff_t t, std::ptrdiff_t n, T x) const {
    for (std::ptrdiff_t i = 0; i < n; ++i) set(t, i, x);
  }
};

/// States are worked on as pairs (blank n, label n), n = 0..labels, in blocks of eight pairs whatever the
/// registers.
constexpr int block_pairs = 8;
static_assert(block_pairs % lanes<double> == 0, "loads and stores of a block end where it ends");
constexpr std::ptrdiff_t padded_pairs(std::ptrdiff_t labels) {
  return (labels + block_pairs) / block_pairs * block_pairs;
}

/// What a recursion is told.  It owns nothing: the label's arrays are ctc_label's, the logits the caller's.
template <class T> struct sequence {
  frame_rows logits;
  std::ptrdiff_t frames, classes, labels, pairs, blank;
  bool log_probs;               ///< used as they are; else a softmax normalises each frame
  const std::ptrdiff_t* label;  ///< the class of each pair's label; the blank beyond the last
  /// 1 where a pair's label may follow that of the pair before at once; room for one block at both ends.
  const double* skip;
  bool all_states = false;  ///< also those from which the end is out of reach

  /// Pairs from which the end can be reached within the frames left, before frame t; and those that frame t
  /// can reach.  Whole blocks.
  std::ptrdiff_t first_pair(std::ptrdiff_t t) const {
    return all_states ? 0 : max_of(0, labels - frames + t) / block_pairs * block_pairs;
  }
  std::ptrdiff_t end_pair(std::ptrdiff_t t) const {
    const std::ptrdiff_t e = (t + block_pairs) / block_pairs * block_pairs;
    return e < pairs ? e : pairs;
  }
  static std::ptrdiff_t max_of(std::ptrdiff_t a, std::ptrdiff_t b) { return a < b ? b : a; }
  static std::ptrdiff_t min_of(std::ptrdiff_t a, std::ptrdiff_t b) { return a < b ? a : b; }
};

/// Rows of alphas that are held at once: those of all frames where they take little room, else from one
/// checkpoint to the next, of which there are a thousand at most. A sequence's own lengths decide, so that a
/// batch changes no bits; but room never shrinks as frames or rows grow, since the workspace is that of the
/// longest sequence of a batch.
struct held_rows {
  static constexpr std::ptrdiff_t checkpoint = 32, most_checkpoints = 1024, whole_bytes = 1 << 20;
  bool whole;
  std::ptrdiff_t chunk;        ///< frames from one checkpoint to the next
  std::ptrdiff_t room;         ///< numbers that the rows take, each of `row`
  std::ptrdiff_t checkpoints;  ///< as many as there may be
  held_rows(std::ptrdiff_t frames, std::ptrdiff_t row)
      : whole(size_product(frames, row) <= whole_bytes / 8),
        chunk(!whole   ? between_checkpoints(frames)
              : frames ? frames
                       : 1),
        checkpoints((frames / checkpoint < most_checkpoints ? frames / checkpoint : most_checkpoints) + 1) {
    room = room_for(frames, between_checkpoints(frames), row, whole_bytes / 8);
  }
  static std::ptrdiff_t between_checkpoints(std::ptrdiff_t frames) {
    std::ptrdiff_t n = checkpoint;
    while (frames / n > most_checkpoints) n *= 2;
    return n;
  }
  /// Numbers that `frames` rows take where they are no more than `few`, or else `some` rows; or a bit more:
  /// it never shrinks as anything grows.
  static std::ptrdiff_t room_for(std::ptrdiff_t frames, std::ptrdiff_t some, std::ptrdiff_t row,
                                 std::ptrdiff_t few) {
    const std::ptrdiff_t all = size_product(frames, row), part = size_product(some, row),
                         most = part < few ? few : part;
    return all < most ? all : most;
  }
};

/// What is wanted beside the loss.
enum class ctc_rows : int {
  none,
  gradient,  ///< with respect to the inputs, (frames, classes)
  classes,   ///< the chance of each class in each frame, given the labels
  states,    ///< that of each state, blank 0, label 0, blank 1, ...
};

/// The product of many numbers as a logarithm, with few calls of log.
struct log_product {
  double sum = 0, product = 1;
  void times(double x) {
    product *= x;
    if (!(product > 1e-200 && product < 1e200)) flush();
  }
  void flush() {
    sum += log(product);
    product = 1;
  }
  double value() const { return sum + log(product); }
};

/// Of a frame: the largest logit, and the sum of exp(x - largest).  The largest one's is exactly 1, so what
/// others round to costs a part of their own small share only.  NaN in, or nothing finite: the sum is NaN.
struct frame_sum {
  double top, sum;
};
constexpr int frame_lanes = 16;
static_assert(frame_lanes % lanes<float> == 0 && frame_lanes % lanes<double> == 0,
              "rows are padded to whole packs");
/// Sums of all lanes in one tree: i and i + 8, and so on by halves.
UFL_FN double sum_of_all(double x) { return x; }
#if UFL_HAS_XSIMD
UFL_FN double sum_of_all(pack<double> x) { return sum_of_lanes(x); }
UFL_FN double sum_of_all(twin<pack<double>> x) { return sum_of_lanes(x.lo + x.hi); }
#endif
template <class T> using wide_native = wide_t<native<T>>;
template <class T> UFL_FN double sum_of_frame(wide_native<T>* a) {
  constexpr int packs = chunks<T, frame_lanes>::packs;
  UFL_UNROLL for (int w = packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) a[i] =
      a[i] + a[i + w];
  return sum_of_all(a[0]);
}
/// The bottom tells whether a row of exponentials needs care: see exponentials.hpp.
template <class T> struct range_of_row {
  T top, bottom;
};
/// The largest and the smallest number of a row; NaN may be neither.
template <int Packs, class T> UFL_FN range_of_row<T> range_in(const T* x, std::ptrdiff_t n) {
  using V = native<T>;
  V top[Packs], low[Packs];
  UFL_UNROLL for (int i = 0; i < Packs; ++i) top[i] = low[i] = neg(inf<V>());
  const auto take = [&](int i, V v) UFL_INLINE {
    top[i] = max(top[i], v);
    low[i] = max(low[i], neg(v));
  };
  std::ptrdiff_t j = 0;
  for (; j + Packs * lanes<T> <= n; j += Packs * lanes<T>)
    UFL_UNROLL for (int i = 0; i < Packs; ++i) take(i, load(x + j + i * lanes<T>));
  for (; j < n; j += lanes<T>) take(0, load_padded(x + j, n - j, x[0]));
  UFL_UNROLL for (int w = Packs / 2; w >= 1; w /= 2) UFL_UNROLL for (int i = 0; i < w; ++i) {
    top[i] = max(top[i], top[i + w]);
    low[i] = max(low[i], low[i + w]);
  }
  return {max_of_lanes(top[0]), -max_of_lanes(low[0])};
}
/// No order matters: as many packs as hide the latency.
template <class T> UFL_FN range_of_row<T> range_of(const T* x, std::ptrdiff_t n) {
  return n < 256 ? range_in<2>(x, n) : range_in<8>(x, n);
}
/// exp(x - top), or the smallest normal number where that is less: subnormal ones take several times as long,
/// and count for nothing beside 1.
template <class T> UFL_FN native<T> exp_below(native<T> x, T top) {
  return exp_shifted(x - native<T>(top), native<T>(exp_param<T>::round), native<T>(exp_param<T>::normal));
}
/// In sixteen lanes of doubles whatever the registers.
template <class T> UFL_NOINLINE frame_sum sum_frame(const T* x, std::ptrdiff_t n) {
  using C = chunks<T, frame_lanes>;
  using D = wide_native<T>;
  const double top = double(range_of(x, n).top);
  D sum[C::packs];
  C::each([&](int i) UFL_INLINE { sum[i] = D(0); });
  C::over(n, [&](int i, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE {
    sum[i] = sum[i] + widen(exp_below(load_padded(x + j, k, T(-__builtin_inf())), T(top)));
  });
  const double s = sum_of_frame<T>(sum);
  return {top, s > 0 ? s : __builtin_nan("")};
}
/// to[k] = exp(x[k] - top) scale - taken(k), a pack of doubles; an exponential that is no normal number
/// counts as 0.
template <class T, class Taken>
UFL_NOINLINE void put_softmax(const T* x, std::ptrdiff_t n, double top, double scale, T* to, Taken taken) {
  using D = wide_native<T>;
  chunks<T, lanes<T>>::over(n, [&](int, std::ptrdiff_t j, std::ptrdiff_t k) UFL_INLINE {
    const native<T> v = load_padded(x + j, k, T(-__builtin_inf()));
    const D y =
        widen(zero_where(v - native<T>(T(top)) < native<T>(exp_param<T>::normal), exp_below(v, T(top)))) *
            D(scale) -
        taken(j);
    store_padded(narrow(y, native<T>(T(0))), to + j, k);
  });
}

UFL_END
