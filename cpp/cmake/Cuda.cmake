# ufloss::cuda: kernels and their launches, for programs that nvcc compiles.  It asks for no toolkit itself;
# UFLOSS_CUDA builds the examples with one.
add_library(ufloss_cuda INTERFACE)
add_library(ufloss::cuda ALIAS ufloss_cuda)
set_target_properties(ufloss_cuda PROPERTIES EXPORT_NAME cuda)
target_link_libraries(ufloss_cuda INTERFACE ufloss::ufloss)
# -fmad=false: the same bits as on the CPU; fma stands where it is meant.
target_compile_options(ufloss_cuda INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:-fmad=false>"
  "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<NOT:$<BOOL:${MSVC}>>>:-Xcompiler=-ffp-contract=off>")
target_compile_features(ufloss_cuda INTERFACE cxx_std_17)
if(UFLOSS_CUDA)
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  foreach(_example huber cross_entropy)
    add_executable(ufloss_example_${_example} "${PROJECT_SOURCE_DIR}/docs/examples/cpp_cuda/${_example}.cu")
    target_link_libraries(ufloss_example_${_example} PRIVATE ufloss::cuda)
    set_target_properties(ufloss_example_${_example} PROPERTIES CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON)
  endforeach()
endif()
