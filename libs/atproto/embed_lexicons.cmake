# Writes a C++ source with the text of every lexicon.
#   cmake -DROOT=proto/lexicons -DFILES=a.json|b.json -DOUTPUT=x.cpp -P embed_lexicons.cmake
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../cmake/file_as_characters.cmake")

string(REPLACE "|" ";" files "${FILES}")
list(SORT files)

set(arrays "")
set(rows "")
set(count 0)
foreach(file IN LISTS files)
  file(RELATIVE_PATH name "${ROOT}" "${file}")
  file_as_characters("${file}" characters length)
  string(APPEND arrays "constexpr char lexicon_${count}[] = {\n${characters}\n};\n")
  string(APPEND rows "    EmbeddedLexicon{\"${name}\", {lexicon_${count}, ${length}}},\n")
  math(EXPR count "${count} + 1")
endforeach()
if(count EQUAL 0)
  message(FATAL_ERROR "there are no lexicons in ${ROOT}")
endif()

file(WRITE "${OUTPUT}" "// Generated from the files in proto/lexicons.
#include \"atproto/embedded_lexicons.hpp\"

#include <array>

namespace subcults::atproto {

namespace {

${arrays}
constexpr std::array<EmbeddedLexicon, ${count}> embedded{{
${rows}}};

}  // namespace

std::span<const EmbeddedLexicon> embedded_lexicons() noexcept { return embedded; }

}  // namespace subcults::atproto
")
