#include "base/build_info.hpp"

namespace subcults {

namespace {

#if defined(__clang__)
constexpr std::string_view compiler = __VERSION__;  // names Clang itself
#else
constexpr std::string_view compiler = "GCC " __VERSION__;
#endif

constexpr BuildInfo this_build{SUBCULTS_VERSION, SUBCULTS_REVISION, compiler};

}  // namespace

const BuildInfo& build_info() noexcept {
    return this_build;
}

}  // namespace subcults
