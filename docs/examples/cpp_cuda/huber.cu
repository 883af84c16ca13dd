// Value and gradient of the Huber loss on a GPU, compared with the CPU: the same bits.
//
//   nvcc -std=c++17 -fmad=false -I$(python -c "import ufloss; print(ufloss.get_include())") huber.cu
//
// (-fmad=false: a multiplication and an addition are rounded one by one, as on the CPU.)
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include "ufloss/cuda/launch.hpp"
#include "ufloss/losses/regression.hpp"

static void must(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "CUDA: %s\n", cudaGetErrorString(error));
  std::exit(1);
}

int main() {
  constexpr int n = 1 << 20;
  constexpr size_t bytes = n * sizeof(float);
  std::vector<float> x(n), y(n), value(n), grad(n);
  for (int i = 0; i < n; ++i) {
    x[i] = 0.001f * float(i % 4001 - 2000);
    y[i] = 0.01f * float(i % 7);
  }
  float* on_device[4];  // predictions, targets, value, gradient
  for (float*& p : on_device) must(cudaMalloc(&p, bytes));
  cudaStream_t stream;
  must(cudaStreamCreate(&stream));
  must(cudaMemcpyAsync(on_device[0], x.data(), bytes, cudaMemcpyHostToDevice, stream));
  must(cudaMemcpyAsync(on_device[1], y.data(), bytes, cudaMemcpyHostToDevice, stream));

  constexpr unsigned parts = ufloss::part_value | ufloss::part_grad;
  must(ufloss::gpu::map<ufloss::huber_loss, parts, float>(
      stream, {n}, {on_device[0], on_device[1], 1.0, on_device[2], on_device[3]}));

  must(cudaMemcpyAsync(value.data(), on_device[2], bytes, cudaMemcpyDeviceToHost, stream));
  must(cudaMemcpyAsync(grad.data(), on_device[3], bytes, cudaMemcpyDeviceToHost, stream));
  must(cudaStreamSynchronize(stream));

  int differ = 0;
  for (int i = 0; i < n; ++i) {
    const auto j = ufloss::evaluate<ufloss::huber_loss>(x[i], y[i], 1.0f);
    differ += std::memcmp(&j.value, &value[i], 4) != 0 || std::memcmp(&j.grad, &grad[i], 4) != 0;
  }
  std::printf("%d of %d elements differ\n", differ, n);
  for (float* p : on_device) must(cudaFree(p));
  must(cudaStreamDestroy(stream));
  return differ != 0;
}
