#include "service/cli.hpp"

#include "base/build_info.hpp"

#include <sys/resource.h>
#include <cstdio>

namespace subcults::service {

std::string version_line(const std::string& program) {
    const BuildInfo& build = build_info();
    std::string line = program;
    line.append(" ").append(build.version);
    line.append(" (").append(build.revision).append(", ").append(build.compiler).append(")");
    return line;
}

bool load_config(const ConfigTable& table) {
    const auto errors = table.load(process_environment());
    if (errors.empty()) return true;
    const std::string text = describe(errors);
    std::fputs(text.c_str(), stderr);
    std::fprintf(stderr, "%s: %zu mistake(s) in the configuration; --help lists every variable\n",
                 table.program().c_str(), errors.size());
    return false;
}

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace subcults::service
