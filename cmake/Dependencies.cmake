# Everything comes from Debian 12 packages; docs/development.md says what each is for.
# Third-party headers are SYSTEM so that the project's warnings stay the project's own.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 EXACT REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(simdjson REQUIRED)
find_package(prometheus-cpp REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(libjwt REQUIRED IMPORTED_TARGET libjwt)
pkg_check_modules(libzstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(libxxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(libutf8proc REQUIRED IMPORTED_TARGET libutf8proc)

# RapidJSON: header only; std::string support and exact size types, the same in every unit.
find_path(RAPIDJSON_INCLUDE_DIR rapidjson/rapidjson.h REQUIRED)
add_library(subcults_rapidjson INTERFACE)
target_include_directories(subcults_rapidjson SYSTEM INTERFACE "${RAPIDJSON_INCLUDE_DIR}")
target_compile_definitions(subcults_rapidjson INTERFACE RAPIDJSON_HAS_STDSTRING=1)
if(SUBCULTS_SANITIZE MATCHES "undefined")
  # RapidJSON 1.1 adds an offset to a null pointer when its stack is still empty.
  target_compile_options(subcults_rapidjson INTERFACE -fno-sanitize=pointer-overflow)
endif()
