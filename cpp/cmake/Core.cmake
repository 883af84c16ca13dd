# ufloss::ufloss: the headers, with the flags that their numerics need.
file(GLOB_RECURSE _headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/cpp/include/*.hpp")
add_library(ufloss_ufloss INTERFACE)
add_library(ufloss::ufloss ALIAS ufloss_ufloss)
set_target_properties(ufloss_ufloss PROPERTIES EXPORT_NAME ufloss)
target_compile_features(ufloss_ufloss INTERFACE cxx_std_17)
target_sources(ufloss_ufloss INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/cpp/include" FILES
  ${_headers})
# -ffp-contract=off: the same bits everywhere; fma stands where it is meant.  -fno-math-errno: square roots
# are one instruction.
set(UFLOSS_FLAGS -ffp-contract=off -fno-math-errno)
target_compile_options(ufloss_ufloss INTERFACE
  "$<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:${UFLOSS_FLAGS}>"
    "$<$<COMPILE_LANG_AND_ID:CXX,MSVC>:/fp:precise>")
target_include_directories(ufloss_ufloss SYSTEM INTERFACE "$<BUILD_INTERFACE:${_xsimd_dir}>")
