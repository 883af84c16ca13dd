// Device code of every loss, as float and as double, from one kernel over the registry.  Compiled by nvcc and by NVRTC, not run.
#include "ufloss/ufloss.hpp"

template <int... I> struct indices {};
template <int N, int... I> struct make_indices : make_indices<N - 1, N - 1, I...> {};
template <int... I> struct make_indices<0, I...> { using type = indices<I...>; };

// not inlined: one function a loss and type in the binary, and a compiler that can say which of them it cannot do
template <class L, class T, int... I> __device__ __noinline__ void element(const T* const* in, T* const* out, int i, indices<I...>) {
  const auto j = ufloss::evaluate<L>(in[I][i]...);
  out[0][i] = j.value;
  out[1][i] = j.grad;
  out[2][i] = j.hess;
  out[3][i] = j.hess_bound;
  out[4][i] = j.grad2;
}
template <class T, class... L> __device__ void every_loss(const T* const* in, T* const* out, int i, ufloss::loss_list<L...>) {
  (element<L, T>(in, out, i, typename make_indices<int(sizeof(L::args) / sizeof(L::args[0]))>::type{}), ...);
}
__global__ void in_float(const float* const* in, float* const* out) { every_loss(in, out, int(blockIdx.x * blockDim.x + threadIdx.x), ufloss::elementwise_losses{}); }
__global__ void in_double(const double* const* in, double* const* out) { every_loss(in, out, int(blockIdx.x * blockDim.x + threadIdx.x), ufloss::elementwise_losses{}); }
