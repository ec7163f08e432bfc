# file_as_characters(FILE CHARACTERS LENGTH): a file's bytes as the initialiser of a C++ array of
# characters, and how many there are.
#
# An array rather than a raw literal: no limit on its length, no delimiter that it must not contain.
function(file_as_characters file characters length)
  file(READ "${file}" bytes HEX)
  string(LENGTH "${bytes}" count)
  math(EXPR count "${count} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  if(bytes MATCHES "x00'")
    message(FATAL_ERROR "${file}: contains a NUL byte")
  endif()
  # Sixteen to the line, so that tools which open the file survive it.
  set(sixteen "")
  foreach(i RANGE 1 16)
    string(APPEND sixteen "'.x..',")
  endforeach()
  string(REGEX REPLACE "(${sixteen})" "\\1\n" bytes "${bytes}")
  set(${characters} "${bytes}" PARENT_SCOPE)
  set(${length} "${count}" PARENT_SCOPE)
endfunction()
