# Writes a C++ source with the text and the SHA-256 of every migration.
#   cmake -DFILES=a.sql|b.sql -DOUTPUT=x.cpp -P embed_migrations.cmake
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../cmake/file_as_characters.cmake")

string(REPLACE "|" ";" files "${FILES}")
list(SORT files)

set(arrays "")
set(rows "")
set(count 0)
set(last 0)
foreach(file IN LISTS files)
  get_filename_component(file_name "${file}" NAME)
  if(NOT file_name MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)\\.sql$")
    message(FATAL_ERROR "${file_name}: a migration is called NNNN_name.sql")
  endif()
  set(digits "${CMAKE_MATCH_1}")
  set(name "${CMAKE_MATCH_2}")
  string(REGEX REPLACE "^0+" "" number "${digits}")
  math(EXPR expected "${last} + 1")
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "${file_name}: migrations are numbered without gaps or repeats")
  endif()
  set(last "${number}")

  file(STRINGS "${file}" first_line LIMIT_COUNT 1)
  if(NOT first_line MATCHES "^-- compatible_from: ([1-9][0-9]*) *$")
    message(FATAL_ERROR "${file_name}: the first line must be `-- compatible_from: N`")
  endif()
  set(compatible_from "${CMAKE_MATCH_1}")
  if(compatible_from GREATER number)
    message(FATAL_ERROR "${file_name}: compatible_from is beyond the migration itself")
  endif()

  file(SHA256 "${file}" checksum)
  file_as_characters("${file}" bytes length)

  string(APPEND arrays "constexpr char sql_${digits}[] = {\n${bytes}\n};\n")
  string(APPEND rows "    Migration{${number}, ${compatible_from}, \"${name}\", ")
  string(APPEND rows "{sql_${digits}, ${length}},\n        \"${checksum}\"},\n")
  math(EXPR count "${count} + 1")
endforeach()

file(WRITE "${OUTPUT}" "// Generated from the files in libs/schema/migrations.
#include \"schema/schema.hpp\"

#include <array>

namespace subcults::schema {

namespace {

${arrays}
constexpr std::array<Migration, ${count}> embedded{{
${rows}}};

}  // namespace

std::span<const Migration> migrations() noexcept { return embedded; }

}  // namespace subcults::schema
")
