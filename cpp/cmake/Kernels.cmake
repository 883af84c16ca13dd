# UFLOSS_ISAS: the instruction sets to build, lowest first; empty: all that this kind of processor has.  One
# alone builds in a third of the time.  emulated_512 is sixteen lanes in plain C++, with the bits of AVX-512,
# which every x86-64-v3 processor runs: for tests.
set(UFLOSS_ISAS "" CACHE STRING
  "Instruction sets (x86_64_v2;x86_64_v3;x86_64_v4;emulated_512, neon, or scalar); empty: the real ones")
option(UFLOSS_QUICK_BUILD
  "Compile the kernels with -O1: the same bits in a third of the time, for development" OFF)
# Each family of losses of registry.hpp is a unit: compiled once for each instruction set, and anew where one
# of its losses changed.  So are sums.cpp and regions.cpp; dispatch.cpp chooses one of the sets.
set(_registry "${PROJECT_SOURCE_DIR}/cpp/include/ufloss/registry.hpp")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${_registry}")
file(STRINGS "${_registry}" _families REGEX "^using [a-z]+_losses = loss_list<$")
list(TRANSFORM _families REPLACE "^using ([a-z]+)_losses.*" "\\1")
set(_units sums regions)
set(_unit_sources cpp/src/sums.cpp cpp/src/regions.cpp)
foreach(family IN LISTS _families)
  configure_file(cpp/src/unit.cpp.in "${PROJECT_BINARY_DIR}/generated/${family}.cpp" @ONLY)
  list(APPEND _unit_sources "${PROJECT_BINARY_DIR}/generated/${family}.cpp")
  list(APPEND _units "${family}_losses")
endforeach()
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
# the registers of most machines, and the lanes of the widest
elseif(UFLOSS_SANITIZE AND DEFINED _flags_emulated_512)
  set(_isas x86_64_v3 emulated_512)
endif()
# tables.hpp: what dispatch.cpp chooses from; empty_tables.cpp: the same without a record, for tests that run
# loops of their own.
list(LENGTH _units _unit_count)
set(_names "")
set(_declarations "")
set(_rows "")
set(_empty "")
foreach(_isa IN LISTS _isas)
  string(APPEND _names "    \"isa_${_isa}\",\n")
  list(TRANSFORM _units REPLACE "(.+)" "&\\1_isa_${_isa}" OUTPUT_VARIABLE _addresses)
  list(JOIN _addresses ", " _addresses)
  string(APPEND _rows "    {${_addresses}},\n")
  foreach(_unit IN LISTS _units)
    string(APPEND _declarations "extern const kernel_table ${_unit}_isa_${_isa};\n")
    string(APPEND _empty "const kernel_table ${_unit}_isa_${_isa} = {\"isa_${_isa}\", nullptr, 0};\n")
  endforeach()
endforeach()
configure_file(cpp/src/tables.hpp.in "${PROJECT_BINARY_DIR}/generated/tables.hpp" @ONLY)
configure_file(tests/cpp/empty_tables.cpp.in "${PROJECT_BINARY_DIR}/generated/empty_tables.cpp" @ONLY)

add_library(ufloss_kernels STATIC cpp/src/dispatch.cpp)
add_library(ufloss::kernels ALIAS ufloss_kernels)
set_target_properties(ufloss_kernels PROPERTIES EXPORT_NAME kernels POSITION_INDEPENDENT_CODE ON
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON INTERPROCEDURAL_OPTIMIZATION OFF)
target_include_directories(ufloss_kernels PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/src>")
target_link_libraries(ufloss_kernels PUBLIC ufloss::ufloss)
target_include_directories(ufloss_kernels PRIVATE "${PROJECT_BINARY_DIR}/generated")

set(UFLOSS_KERNEL_OBJECTS "")
set(_kernel_targets "")
# Copies between types are plain loops, which GCC vectorises at -O2 only when told to.  -O3 took a third
# longer and left the kernels no faster.
set(_vectorised "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT UFLOSS_QUICK_BUILD)
  set(_vectorised -ftree-vectorize -fvect-cost-model=dynamic)
endif()
foreach(_isa IN LISTS _isas)
  add_library(ufloss_kernels_${_isa} OBJECT ${_unit_sources})
  target_link_libraries(ufloss_kernels_${_isa} PRIVATE ufloss::ufloss)
  target_include_directories(ufloss_kernels_${_isa} PRIVATE cpp/src)
  set_target_properties(ufloss_kernels_${_isa} PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON INTERPROCEDURAL_OPTIMIZATION OFF)
  if(NOT MSVC)
    # Optimised in every configuration: at -O0 inline functions of other headers stay weak symbols, and the
    # linker might keep an AVX-512 copy for all.  GCC 12 sees "uninitialised" values inside its own AVX-512
    # header.  The sanitizers of a project around this one stay out: instrumented, these files take many
    # minutes and gigabytes, and loops_test.cpp runs the same loops with them.
    target_compile_options(ufloss_kernels_${_isa} PRIVATE ${_flags_${_isa}}
      $<IF:$<BOOL:${UFLOSS_QUICK_BUILD}>,-O1,-O2> ${_vectorised} -fno-sanitize=all -fno-trapping-math
      -fno-exceptions -fno-rtti
      -Wall -Wextra $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-uninitialized>
        $<$<BOOL:${UFLOSS_WERROR}>:-Werror>)
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
