// Launches from C++ programs that nvcc compiles: the plans of every kind, on the caller's stream.
//
// Nothing here waits for the device or allocates on it.  Wrong calls throw std::invalid_argument, what CUDA
// says comes back as its error.  To be included before the losses (in_turn.hpp).
#pragma once
#include <cuda_runtime.h>
#include <algorithm>
#include <cstring>
#include <vector>
#include "ufloss/cuda/elementwise.hpp"
#include "ufloss/cuda/elementwise_plan.hpp"

UFL_BEGIN
namespace gpu {

template <class K, int Threads> UFL_KERNEL(Threads) entry(const __grid_constant__ typename K::arguments a) {
  K::run(a);
}

/// The device that this thread works with.
inline cudaError_t current_device(device& to) {
  int which = 0;
  cudaError_t error = cudaGetDevice(&which);
  const auto ask = [&](cudaDeviceAttr attribute) {
    int value = 0;
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&value, attribute, which);
    return value;
  };
  to.multiprocessors = ask(cudaDevAttrMultiProcessorCount);
  to.major = ask(cudaDevAttrComputeCapabilityMajor);
  to.minor = ask(cudaDevAttrComputeCapabilityMinor);
  to.threads_per_multiprocessor = ask(cudaDevAttrMaxThreadsPerMultiProcessor);
  to.registers_per_multiprocessor = ask(cudaDevAttrMaxRegistersPerMultiprocessor);
  to.shared_per_block = ask(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  to.shared_per_multiprocessor = ask(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  return error;
}

/// Kernel K as planned; `Threads` are those of its blocks.
template <class K, int Threads>
cudaError_t start(const launch& l, const device& on, const long long* addresses, cudaStream_t stream,
                  long long workspace = 0) {
  typename K::arguments a;
  const std::vector<long long> words = l.arguments(addresses, workspace);
  if (words.size() * sizeof(long long) != sizeof a || l.block[0] != unsigned(Threads))
    throw std::invalid_argument("ufloss::gpu::start: the launch is of another kernel: " + l.kernel);
  std::memcpy(&a, words.data(), sizeof a);

  const auto kernel = entry<K, Threads>;
  if (l.shared > 48u * 1024) {
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(l.shared));
    if (error != cudaSuccess) return error;
  }
  unsigned blocks = l.grid[0];
  if (l.any_grid) {
    int at_once = 0;
    const cudaError_t error =
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&at_once, kernel, Threads, l.shared);
    if (error != cudaSuccess) return error;
    const unsigned at_most = unsigned(std::max(at_once, 1)) * unsigned(on.multiprocessors);
    blocks = std::min(blocks, std::max(at_most / l.cluster, 1u) * l.cluster);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(blocks, l.grid[1], l.grid[2]);
  config.blockDim = dim3(Threads);
  config.dynamicSmemBytes = l.shared;
  config.stream = stream;
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim.x = l.cluster;
  cluster.val.clusterDim.y = 1;
  cluster.val.clusterDim.z = 1;
  config.attrs = &cluster;
  config.numAttrs = l.cluster > 1 ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, a);
}

/// An operand as C++ code hands it over: memory of the device, or one number.
struct array {
  const void* data = nullptr;
  std::vector<long long> strides;  ///< in bytes; none: C order without gaps
  bool is_number = false;
  double value = 0;
  array(const void* p) : data(p) {}
  array(const void* p, std::vector<long long> s) : data(p), strides(std::move(s)) {}
  array(double number) : is_number(true), value(number) {}
};

template <class S> constexpr number number_of = number::float32;
template <> constexpr number number_of<half> = number::float16;
template <> constexpr number number_of<bfloat16> = number::bfloat16;
template <> constexpr number number_of<double> = number::float64;

/// map<huber_loss, part_value | part_grad, float>(stream, {n}, {x, y, 1.0, value, grad}): inputs, outputs in
/// the order value, grad, grad2, hess, hess_bound, and where Masked a mask of bytes.
template <class L, unsigned Parts, class S, bool Masked = false>
cudaError_t map(cudaStream_t stream, const std::vector<long long>& shape, const std::vector<array>& arrays) {
  static_assert((L::parts & Parts) == Parts, "the loss has no such derivative");
  static constexpr loss_info info = {L::name, kind_of<L>, L::args, arity<L>, L::parts, 0,  0, 0,
                                     "",      "",         "",      "",       "",       "", ""};
  constexpr std::size_t results = std::size_t(arity<L> + count_parts(Parts));
  if (arrays.size() != results + Masked) refuse(info, "takes one array for each argument and each output");
  std::vector<operand> operands;
  std::vector<long long> addresses;
  std::vector<std::vector<long long>> strides(arrays.size());
  for (std::size_t a = 0; a < arrays.size(); ++a) {
    strides[a] = arrays[a].strides;
    long long step = a == results ? 1 : static_cast<long long>(sizeof(S));
    if (strides[a].empty()) {
      strides[a].resize(shape.size());
      for (std::size_t d = shape.size(); d-- > 0; step *= shape[d]) strides[a][d] = step;
    }
    if (strides[a].size() != shape.size()) refuse(info, "has an operand with too few or too many strides");
    addresses.push_back(reinterpret_cast<long long>(arrays[a].data));
    operands.push_back({addresses[a], strides[a].data(), arrays[a].is_number, arrays[a].value});
  }
  device on;
  const cudaError_t error = current_device(on);
  if (error != cudaSuccess) return error;
  elementwise_call call{&info, Parts, number_of<S>, int(shape.size()), shape.data(), operands.data()};
  call.masked = Masked;
  call.beforehand = true;
  for (const launch& l : plan_elementwise(call, on).launches) {
    using packs = elementwise_kernel<L, Parts, S, 16 / int(sizeof(S)), 1, not_known, not_known, Masked>;
    using elements = elementwise_kernel<L, Parts, S, 1, 8, not_known, not_known, Masked>;
    const cudaError_t failed = l.schedule == elementwise_packs
                                   ? start<packs, 256>(l, on, addresses.data(), stream)
                                   : start<elements, 256>(l, on, addresses.data(), stream);
    if (failed != cudaSuccess) return failed;
  }
  return cudaSuccess;
}

}  // namespace gpu
UFL_END
