// Named places at which a crash must be survivable.
//
// A program that ships does nothing here: one call of an empty function, on paths that run once per
// batch or more rarely. Programs built for crash tests link another definition, which ends the
// process with SIGKILL at the place that the test has named.
#pragma once

#include <string_view>

namespace subcults {

void crash_point(std::string_view name) noexcept;

}  // namespace subcults
