# Language level, warnings, sanitizers and build speed: what every target of the project shares.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

set(SUBCULTS_SANITIZE "" CACHE STRING "Sanitizers for every target, for example address,undefined")
option(SUBCULTS_FUZZ "Build the libFuzzer targets (Clang only)" OFF)

# ccache may share precompiled headers only when it is told that their timestamps do not matter, and
# between clones only what is compiled without their paths: with Clang that takes some more.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_NOHASHDIR=1 "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    list(APPEND CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_CURRENT_LIST_DIR}/clang-with-ccache")
  endif()
  list(APPEND CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

# mold links GCC objects fastest; Clang's sanitizer runtimes are at home with lld.
add_library(subcults_options INTERFACE)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_program(MOLD_PROGRAM mold)
  if(MOLD_PROGRAM)
    target_link_options(subcults_options INTERFACE -fuse-ld=mold)
  endif()
else()
  find_program(LLD_PROGRAM NAMES ld.lld-14 ld.lld)
  if(LLD_PROGRAM)
    target_link_options(subcults_options INTERFACE "--ld-path=${LLD_PROGRAM}")
  endif()
endif()

target_compile_options(subcults_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align
  -Woverloaded-virtual -Wimplicit-fallthrough -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wmaybe-uninitialized and -Wdangling-reference style flow warnings are unreliable inside Asio's
  # coroutine frames with GCC 12; Clang and the sanitizers cover that ground.
  target_compile_options(subcults_options INTERFACE
    -fpch-preprocess -Wno-maybe-uninitialized -Wno-mismatched-new-delete
    $<$<CONFIG:Release,RelWithDebInfo>:-Wno-free-nonheap-object>)
else()
  target_compile_options(subcults_options INTERFACE
    "SHELL:-Xclang -fno-pch-timestamp" -Wno-unused-command-line-argument)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # Tests run once after each compilation, which takes half as long when less is optimised.
  target_compile_options(subcults_options INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:SUBCULTS_TEST_CODE>>,-O1,-O2> -g1)
endif()

if(SUBCULTS_SANITIZE)
  target_compile_options(subcults_options INTERFACE
    "-fsanitize=${SUBCULTS_SANITIZE}" -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND SUBCULTS_SANITIZE MATCHES "undefined")
    # `function`: Clang 14 cannot emit this check's prologue into the parts of a coroutine.
    # `vptr`: the check probes memory through a pipe and misfires when descriptors have run out,
    # which is a situation under test.
    target_compile_options(subcults_options INTERFACE -fno-sanitize=function,vptr)
  endif()
  target_link_options(subcults_options INTERFACE "-fsanitize=${SUBCULTS_SANITIZE}")
  target_compile_definitions(subcults_options INTERFACE SUBCULTS_SANITIZED=1)
endif()

# What all targets have in common. ASIO makes a target share the precompiled Asio and Beast headers;
# in a folder that sets SUBCULTS_TEST_CODE those of the tests, which are compiled with other flags.
function(subcults_target name visibility asio)
  if(SUBCULTS_TEST_CODE)
    set_target_properties(${name} PROPERTIES SUBCULTS_TEST_CODE ON)
  endif()
  if(asio)
    target_link_libraries(${name} ${visibility} subcults_asio)
    if(SUBCULTS_TEST_CODE)
      target_precompile_headers(${name} REUSE_FROM subcults_asio_tests)
    else()
      target_precompile_headers(${name} REUSE_FROM subcults_asio)
    endif()
  endif()
endfunction()

# subcults_library(name SOURCES ... LINKS ... [ASIO]): one static library per folder.
function(subcults_library name)
  cmake_parse_arguments(arg "ASIO" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC subcults_options ${arg_LINKS})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}/libs")
  subcults_target(${name} PUBLIC "${arg_ASIO}")
endfunction()

# Under sanitizers, the files of a folder are compiled as one: what a unit of theirs takes is the
# templates that all of them use, so this halves the time. It wants names without linkage to be
# unique within a folder. Where people compile again and again, files stay units of their own.
function(subcults_unite_folders name)
  if(NOT SUBCULTS_SANITIZE)
    return()
  endif()
  get_target_property(sources ${name} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(folder "${source}" DIRECTORY)
    if(folder)
      set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${folder}")
    endif()
  endforeach()
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# subcults_executable(name SOURCES ... LINKS ... [ASIO])
function(subcults_executable name)
  cmake_parse_arguments(arg "ASIO" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE subcults_options ${arg_LINKS})
  subcults_target(${name} PRIVATE "${arg_ASIO}")
endfunction()
