// What crash_point() does in the program made for crash tests.
//
// SUBCULTS_CRASH_AT=name or name:n ends the process with SIGKILL the first or the n-th time that
// it passes there. SUBCULTS_CRASH_REPORT names a file that gets the name just before, so that a
// test can tell a crash at this place from any other end.
#include "base/crash_point.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

namespace subcults {
namespace {

struct Plan {
    std::string name;
    unsigned pass = 1;
    std::string report;
};

Plan read_plan() {
    Plan plan;
    const char* at = std::getenv("SUBCULTS_CRASH_AT");
    if (at == nullptr) return plan;
    plan.name = at;
    if (const std::size_t colon = plan.name.find(':'); colon != std::string::npos) {
        const char* end = plan.name.data() + plan.name.size();
        std::from_chars(plan.name.data() + colon + 1, end, plan.pass);
        plan.name.resize(colon);
    }
    if (const char* report = std::getenv("SUBCULTS_CRASH_REPORT")) plan.report = report;
    return plan;
}

}  // namespace

void crash_point(std::string_view name) noexcept {
    static const Plan plan = read_plan();
    static std::atomic<unsigned> passed{0};
    if (plan.name.empty() || name != plan.name) return;
    if (++passed != plan.pass) return;
    const int file = open(plan.report.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file >= 0) {
        const std::string line = plan.name + "\n";
        (void)!write(file, line.data(), line.size());
        fsync(file);
        close(file);
    }
    raise(SIGKILL);
}

}  // namespace subcults
