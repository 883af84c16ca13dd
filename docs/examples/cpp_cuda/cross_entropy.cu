// Cross-entropy of integer labels and its gradient on a GPU, a row of classes for each example; labels that
// are no class are noticed.
//
//   nvcc -std=c++17 -fmad=false -I$(python -c "import ufloss; print(ufloss.get_include())") cross_entropy.cu
#include <cstdio>
#include <cstdlib>
#include <vector>
#include "ufloss/cuda/launch_rows.hpp"
#include "ufloss/losses/softmax.hpp"

static void must(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "CUDA: %s\n", cudaGetErrorString(error));
  std::exit(1);
}
template <class X> static X* on_device(const std::vector<X>& x) {
  X* p = nullptr;
  must(cudaMalloc(&p, x.size() * sizeof(X)));
  must(cudaMemcpy(p, x.data(), x.size() * sizeof(X), cudaMemcpyHostToDevice));
  return p;
}

int main() {
  constexpr int batch = 64, classes = 1000;
  std::vector<float> logits(batch * classes), value(batch);
  std::vector<long long> labels(batch);
  for (int i = 0; i < batch * classes; ++i) logits[size_t(i)] = 0.001f * float(i * 7919 % 4001 - 2000);
  for (int i = 0; i < batch; ++i) labels[size_t(i)] = i * 31 % classes;
  labels[3] = classes;  // is none
  float* const x = on_device(logits);
  long long* const label = on_device(labels);
  float* const loss = on_device(value);
  float* const grad = on_device(logits);
  long long* const flag = on_device(std::vector<long long>(1, 0));

  constexpr unsigned parts = ufloss::part_value | ufloss::part_grad;
  must(ufloss::gpu::rows<ufloss::softmax_cross_entropy_with_integer_labels, parts, float>(
      nullptr, {batch, classes}, 1, {x, label, 0.0, loss, grad, flag}, true));

  long long bad = 0;
  must(cudaMemcpy(value.data(), loss, batch * sizeof(float), cudaMemcpyDeviceToHost));
  must(cudaMemcpy(&bad, flag, sizeof bad, cudaMemcpyDeviceToHost));
  std::printf("%g, %g, %g, %g; a label is no class: %lld\n", value[0], value[1], value[2], value[3], bad);
  for (void* p : {(void*)x, (void*)label, (void*)loss, (void*)grad, (void*)flag}) must(cudaFree(p));
  return !bad || value[3] == value[3];
}
