// Which build this is: for --version, the build_info metric and the first log line.
#pragma once

#include <string_view>

namespace subcults {

struct BuildInfo {
    std::string_view version;   // of the project, for example 0.1.0
    std::string_view revision;  // of the source tree, "unknown" outside a checkout
    std::string_view compiler;
};

const BuildInfo& build_info() noexcept;

}  // namespace subcults
