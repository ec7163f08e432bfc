// The command line that both services have: --help with every variable, --version, exit statuses.
#pragma once

#include "base/config.hpp"

#include <string>

namespace subcults::service {

// 0 = done, 1 = failed at run time, 2 = the configuration or the command line is wrong.
enum ExitStatus : int { exit_ok = 0, exit_failed = 1, exit_usage = 2 };

// "subcults-api 0.1.0 (abc123, GCC 12.2.0)"
std::string version_line(const std::string& program);

// Fills what the table binds from the process environment. Prints all mistakes to stderr and
// returns false when there are any.
bool load_config(const ConfigTable& table);

// Lifts the soft limit of open files to the hard one: a service holds a descriptor per connection,
// and the usual soft limit of 1024 dates from programs that use select().
void raise_descriptor_limit() noexcept;

}  // namespace subcults::service
