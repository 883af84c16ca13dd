// Device code of every loss, as float and as double, from kernels over the registries.  Compiled by nvcc and
// by NVRTC, not run.
#include "ufloss/ufloss.hpp"

// std::index_sequence is a system header's, which the run-time compiler has not.
template <int... I> struct indices {};
template <int N, int... I> struct make_indices : make_indices<N - 1, N - 1, I...> {};
template <int... I> struct make_indices<0, I...> {
  using type = indices<I...>;
};

/// Every member is stored, so that no compiler drops the work for it.
template <class T> __device__ void put(T* const* out, int i, const ufloss::jet<T>& j) {
  out[0][i] = j.value;
  out[1][i] = j.grad;
  out[2][i] = j.hess;
  out[3][i] = j.hess_bound;
  out[4][i] = j.grad2;
  out[5][i] = j.grad3;
}

// not inlined: one function a loss and type in the binary, and a compiler that can say which of them it
// cannot do
template <class L, class T, int... I>
__device__ __noinline__ void element(const T* const* in, T* const* out, int i, indices<I...>) {
  put(out, i, ufloss::evaluate<L>(in[I][i]...));
}

// --- rows: the formulas, with a thread for a row -----
template <int N> constexpr int some = N ? N : 1;  // of an array, which may have no element

/// A row of logits: value, derivatives at the label, then the jet of every element.
template <class L, class T, int... S>
__device__ __noinline__ void row_of(ufloss::softmax_rows*, const T* const* in, const T* scalar, T* const* out,
                                    int n, indices<S...>) {
  // The sums come from memory: how a device would take them is no matter here, the formulas are.
  ufloss::softmax_row<T> s{};
  T* const fields[] = {&s.max,  &s.ties,  &s.rest,    &s.lower, &s.top,
                       &s.cost, &s.mixed, &s.entropy, &s.label, &s.count};
  for (int k = 0; k < 10; ++k) *fields[k] = in[3][k];
  s.unbounded = in[3][10] > T(0);
  const auto result = L::finish(s, scalar[S]...);
  out[6][0] = result.value;
  out[6][1] = result.grad_at_label;
  out[6][2] = result.hess_at_label;
  for (int i = 0; i < n; ++i)
    put(out, i,
        L::spread(ufloss::softmax_entry<T>{in[0][i], in[1][i], in[2][i], T(1) - in[2][i], in[2][i] > T(0.5)},
                  result.c));
}

/// Rows of sums, with the passes and the competition that a loss asks for.
template <class L, class T, int... S>
__device__ __noinline__ void row_of(ufloss::sum_rows*, const T* const* in, const T* scalar, T* const* out,
                                    int n, indices<S...>) {
  using D = ufloss::wide_t<T>;
  constexpr int along = ufloss::count_along<L>(), next = some<L::next_sums>, states = some<L::states>;
  D sum[L::sums] = {}, more[next] = {}, state[states] = {}, p[some<int(sizeof...(S))>] = {D(scalar[S])...},
    best = -ufloss::inf<D>();
  int winner = -1;
  const auto column = [&](auto* x, int i) {
    for (int a = 0; a < along; ++a) x[a] = in[a][i];
  };
  for (int i = 0; i < n; ++i) {
    if constexpr (__is_base_of(ufloss::product_loss, L)) {
      T x[along];
      column(x, i);
      L::add(sum, x);
    } else {
      D x[along];
      column(x, i);
      L::fold(sum, x, p);
      if constexpr (L::needs_argmax) {
        const D c = L::candidate(x);
        if (c > best) {
          best = c;
          winner = i;
        }
      }
    }
  }
  // Sums of float data are wider than they are, which some formulas ask for.
  ufloss::sum_row<D> row{sum, more, state, best, D(n), D(in[0][0]), sizeof(T) < sizeof(D), p};
  if constexpr (L::next_sums > 0) {
    // A mask of one lane is a bool, on the device as in scalar code.
    while (L::next_pass(row, state)) {
      for (D& m : more) m = 0;
      for (int i = 0; i < n; ++i) {
        D x[along];
        column(x, i);
        L::fold_next(more, x, state, i == 0);
      }
    }
  }
  const auto result = L::finish(row, D(scalar[S])...);
  out[6][0] = T(result.value);
  out[6][1] = T(result.grad_at_label);
  out[6][2] = T(result.hess_at_label);
  for (int i = 0; i < n; ++i) {
    if constexpr (__is_base_of(ufloss::product_loss, L)) {
      T x[along];
      const T none[] = {0};
      column(x, i);
      put(out, i, L::spread(x, none));
    } else {
      D x[along];
      column(x, i);
      ufloss::jet<D> j;
      if constexpr (L::needs_argmax) j = L::spread(x, result.c, ufloss::row_marks<D>{i == winner, i == 0});
      else j = L::spread(x, result.c);
      put(out, i, ufloss::jet<T>{T(j.value), T(j.grad), T(j.hess), T(j.hess_bound), T(j.grad2), T(j.grad3)});
    }
  }
}

/// Of each kind one function that goes over its list, so that a new loss is compiled without a line here.
template <class T, class... L>
__device__ void every_loss(const T* const* in, T* const* out, int i, ufloss::loss_list<L...>) {
  (element<L, T>(in, out, i, typename make_indices<ufloss::arity<L>>::type{}), ...);
}
template <class T, class... L>
__device__ void every_row(const T* const* in, const T* scalar, T* const* out, int n,
                          ufloss::loss_list<L...>) {
  (row_of<L, T>(static_cast<typename L::form*>(nullptr), in, scalar, out, n,
                typename make_indices<ufloss::count_scalars<L>()>::type{}),
   ...);
}
template <class T, class... L>
__device__ void every_pair(const T* const* in, T* const* out, int i, ufloss::loss_list<L...>) {
  // Pairs and choices have a cost alone: what surrounds it is the loop's.
  const auto pair = [&](ufloss::pair_cost<T> c) {
    out[0][i] += c.ramp;
    out[1][i] += c.tail;
    out[2][i] += c.slope;
  };
  (pair(L::cost(in[0][i])), ...);
}

template <class T, class... L>
__device__ void every_choice(const T* const* in, T* const* out, int i, ufloss::loss_list<L...>) {
  ((out[0][i] += L::cost(ufloss::choice<T>{in[0][i], in[1][i], in[2][i], in[3][i]})), ...);
}

// Kernels are what a compiler must make code of; templates alone would only be parsed.
__global__ void in_float(const float* const* in, float* const* out) {
  every_loss(in, out, int(blockIdx.x * blockDim.x + threadIdx.x), ufloss::elementwise_losses{});
}
__global__ void in_double(const double* const* in, double* const* out) {
  every_loss(in, out, int(blockIdx.x * blockDim.x + threadIdx.x), ufloss::elementwise_losses{});
}
__global__ void rows_in_float(const float* const* in, const float* scalar, float* const* out, int n) {
  every_row(in, scalar, out, n, ufloss::row_losses{});
}
__global__ void rows_in_double(const double* const* in, const double* scalar, double* const* out, int n) {
  every_row(in, scalar, out, n, ufloss::row_losses{});
}
__global__ void pairs_in_float(const float* const* in, float* const* out) {
  every_pair(in, out, int(threadIdx.x), ufloss::pair_losses{});
}
__global__ void pairs_in_double(const double* const* in, double* const* out) {
  every_pair(in, out, int(threadIdx.x), ufloss::pair_losses{});
}
__global__ void choices_in_float(const float* const* in, float* const* out) {
  every_choice(in, out, int(threadIdx.x), ufloss::list_losses{});
}
__global__ void choices_in_double(const double* const* in, double* const* out) {
  every_choice(in, out, int(threadIdx.x), ufloss::list_losses{});
}
