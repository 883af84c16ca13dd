find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module NumPy OPTIONAL_COMPONENTS
  Development.SABIModule)

# ufloss_cython_module(<name> <file.pyx>): translate and build one extension module of the package.
function(ufloss_cython_module name pyx)
  set(_source "${PROJECT_SOURCE_DIR}/${pyx}")
  set(_out "${CMAKE_CURRENT_BINARY_DIR}/${name}.cxx")
  add_custom_command(OUTPUT "${_out}" DEPENDS "${_source}" DEPFILE "${_out}.dep" VERBATIM COMMENT
    "Cython ${pyx}"
    COMMAND "${Python_EXECUTABLE}" -m cython --cplus -3 -M --module-name "ufloss.${name}" "${_source}" -o
      "${_out}")
  if(NOT "${SKBUILD_SABI_VERSION}" STREQUAL "")      # set by wheel.py-api; empty on free-threaded Python
    python_add_library(${name} MODULE "${_out}" WITH_SOABI USE_SABI ${SKBUILD_SABI_VERSION})
  else()
    python_add_library(${name} MODULE "${_out}" WITH_SOABI)
  endif()
  target_link_libraries(${name} PRIVATE Python::NumPy)
  target_compile_features(${name} PRIVATE cxx_std_17)
  target_compile_definitions(${name} PRIVATE NPY_NO_DEPRECATED_API=NPY_2_0_API_VERSION
    NPY_TARGET_VERSION=NPY_2_1_API_VERSION)
  set_target_properties(${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  install(TARGETS ${name} DESTINATION . COMPONENT python)
endfunction()
