# xsimd's headers, 13 or newer: an installed xsimd, else the copy inside the PyPI package pythran.
# UFLOSS_XSIMD_DIR: the folder that holds xsimd/, which nothing else shall share, since it becomes an include
# path and travels in the wheel.
set(UFLOSS_XSIMD_DIR "" CACHE PATH "Folder that holds xsimd/ (empty: look for it)")
if(NOT UFLOSS_XSIMD_DIR)
  find_path(_xsimd_found xsimd/xsimd.hpp NO_CACHE)
  if(NOT _xsimd_found)
    find_package(Python 3.11 COMPONENTS Interpreter)
    if(Python_Interpreter_FOUND)
      execute_process(OUTPUT_VARIABLE _xsimd_found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET COMMAND
        "${Python_EXECUTABLE}" -c
        "from importlib.util import find_spec; s = find_spec('pythran')
print(s.submodule_search_locations[0] if s else '')")
    endif()
  endif()
  if(NOT EXISTS "${_xsimd_found}/xsimd/xsimd.hpp")
    message(FATAL_ERROR
      "ufloss needs the headers of xsimd >= 13: install them, `pip install pythran`, or set UFLOSS_XSIMD_DIR")
  endif()
  file(COPY "${_xsimd_found}/xsimd" DESTINATION "${PROJECT_BINARY_DIR}/third_party" FILES_MATCHING PATTERN
    "*.hpp")
  set(_xsimd_dir "${PROJECT_BINARY_DIR}/third_party")
else()
  set(_xsimd_dir "${UFLOSS_XSIMD_DIR}")
endif()
file(STRINGS "${_xsimd_dir}/xsimd/config/xsimd_config.hpp" _line REGEX "define XSIMD_VERSION_MAJOR")
string(REGEX MATCH "[0-9]+" _xsimd_major "${_line}")
if(_xsimd_major LESS 13)
  message(FATAL_ERROR "xsimd in ${_xsimd_dir} is version ${_xsimd_major}; ufloss needs 13 or newer")
endif()
