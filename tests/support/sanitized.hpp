#pragma once

#include <cstdlib>

namespace subcults::test {

/// The folder whose services a test is to drive instead of those built beside it, or null: services
/// with a sanitizer (deploy/local/test.sh). They are slower and hold on to what they freed.
inline const char* sanitized_programs() {
    return std::getenv("SUBCULTS_SANITIZED_PROGRAMS");
}

}  // namespace subcults::test
