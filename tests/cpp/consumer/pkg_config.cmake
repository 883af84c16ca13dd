# Compiles main.cpp with nothing but what pkg-config says: cmake -DCXX= -DPREFIX= -DLIBDIR= -DFLAGS= -P
# pkg_config.cmake
find_program(PKG_CONFIG NAMES pkg-config pkgconf)
if(NOT PKG_CONFIG)
  message("SKIPPED: pkg-config is missing")
  return()
endif()
set(ENV{PKG_CONFIG_PATH} "${PREFIX}/${LIBDIR}/pkgconfig")
execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs ufloss OUTPUT_VARIABLE flags
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
message("pkg-config: ${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")
execute_process(COMMAND "${CXX}" ${FLAGS} "${CMAKE_CURRENT_LIST_DIR}/main.cpp" ${flags} -o consumer_pkg_config
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_CURRENT_BINARY_DIR}/consumer_pkg_config" COMMAND_ERROR_IS_FATAL ANY)
