# UFLOSS_ISAS: the instruction sets to build, lowest first; empty: all that this kind of processor has.  One alone builds in a third of the
# time.  emulated_512 is sixteen lanes in plain C++, with the bits of AVX-512, which every x86-64-v3 processor runs: for tests.
set(UFLOSS_ISAS "" CACHE STRING "Instruction sets to build (x86_64_v2;x86_64_v3;x86_64_v4;emulated_512, neon, or scalar); empty: all but the emulated one")
option(UFLOSS_QUICK_BUILD "Compile the kernels with -O1: the same bits in a third of the time, for development" OFF)
# kernels.cpp, rows.cpp, ctc.cpp, sums.cpp, batch.cpp and regions.cpp once per instruction set, and the code that chooses one of them.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(_isas x86_64_v2 x86_64_v3 x86_64_v4)
  if(MSVC)
    set(_flags_x86_64_v2 "")
    set(_flags_x86_64_v3 /arch:AVX2)
    set(_flags_x86_64_v4 /arch:AVX512)
  else()
    set(_flags_x86_64_v2 -march=x86-64-v2)
    set(_flags_x86_64_v3 -march=x86-64-v3)
    set(_flags_x86_64_v4 -march=x86-64-v4 -mprefer-vector-width=512)
    set(_flags_emulated_512 -march=x86-64-v3 -DUFL_EMULATED)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(_isas neon)
else()
  set(_isas scalar)
endif()
if(UFLOSS_ISAS)
  foreach(_isa IN LISTS UFLOSS_ISAS)
    if(NOT _isa IN_LIST _isas AND NOT DEFINED _flags_${_isa})
      message(FATAL_ERROR "UFLOSS_ISAS: there is no ${_isa} for ${CMAKE_SYSTEM_PROCESSOR}")
    endif()
  endforeach()
  set(_isas ${UFLOSS_ISAS})
elseif(UFLOSS_SANITIZE AND DEFINED _flags_emulated_512)      # the registers of most machines, and the lanes of the widest
  set(_isas x86_64_v3 emulated_512)
endif()
list(TRANSFORM _isas REPLACE "(.+)" "X(isa_\\1)" OUTPUT_VARIABLE _listed)
list(JOIN _listed " " _listed)
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/instruction_sets.hpp" CONTENT "#define UFL_ISAS(X) ${_listed}\n")

add_library(ufloss_kernels STATIC cpp/src/dispatch.cpp)
add_library(ufloss::kernels ALIAS ufloss_kernels)
set_target_properties(ufloss_kernels PROPERTIES EXPORT_NAME kernels POSITION_INDEPENDENT_CODE ON
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON INTERPROCEDURAL_OPTIMIZATION OFF)
target_include_directories(ufloss_kernels PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/src>")
target_link_libraries(ufloss_kernels PUBLIC ufloss::ufloss)
target_include_directories(ufloss_kernels PRIVATE "${PROJECT_BINARY_DIR}/generated")

set(UFLOSS_KERNEL_OBJECTS "")
if(NOT MSVC AND NOT UFLOSS_QUICK_BUILD)      # the copies that bring rows side by side are twice as fast
  set_source_files_properties(cpp/src/rows.cpp cpp/src/ctc.cpp cpp/src/sums.cpp cpp/src/batch.cpp cpp/src/regions.cpp PROPERTIES COMPILE_OPTIONS -O3)
endif()
set(_kernel_targets "")
foreach(_isa IN LISTS _isas)
  add_library(ufloss_kernels_${_isa} OBJECT cpp/src/kernels.cpp cpp/src/rows.cpp cpp/src/ctc.cpp cpp/src/sums.cpp cpp/src/batch.cpp cpp/src/regions.cpp)
  target_link_libraries(ufloss_kernels_${_isa} PRIVATE ufloss::ufloss)
  target_include_directories(ufloss_kernels_${_isa} PRIVATE cpp/src)
  set_target_properties(ufloss_kernels_${_isa} PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON INTERPROCEDURAL_OPTIMIZATION OFF)
  if(NOT MSVC)
    # Optimised in every configuration: at -O0 inline functions of other headers stay weak symbols, and the linker might keep an
    # AVX-512 copy for all.  GCC 12 sees "uninitialised" values inside its own AVX-512 header.  The sanitizers of a project around this
    # one stay out: instrumented, these files take many minutes and gigabytes, and loops_test.cpp runs the same loops with them.
    target_compile_options(ufloss_kernels_${_isa} PRIVATE ${_flags_${_isa}} $<IF:$<BOOL:${UFLOSS_QUICK_BUILD}>,-O1,-O2> -fno-sanitize=all -fno-trapping-math -fno-exceptions -fno-rtti
      -Wall -Wextra $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-uninitialized> $<$<BOOL:${UFLOSS_WERROR}>:-Werror>)
  else()
    target_compile_options(ufloss_kernels_${_isa} PRIVATE ${_flags_${_isa}})
  endif()
  target_sources(ufloss_kernels PRIVATE $<TARGET_OBJECTS:ufloss_kernels_${_isa}>)
  list(APPEND _kernel_targets ufloss_kernels_${_isa})
  list(APPEND UFLOSS_KERNEL_OBJECTS $<TARGET_OBJECTS:ufloss_kernels_${_isa}>)
endforeach()
if(UFLOSS_SANITIZE)      # the tests use none of it then
  set_target_properties(ufloss_kernels ${_kernel_targets} PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
