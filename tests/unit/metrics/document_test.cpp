// docs/metrics.md is the golden file of the catalogue. After an intended change:
//     SUBCULTS_UPDATE_GOLDEN=1 build/release/bin/unit_metrics "docs/metrics.md*"
#include "metrics/document.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace {

// Where the two first differ, for a message that can be read.
std::string first_difference(const std::string& expected, const std::string& actual) {
    std::istringstream left(expected);
    std::istringstream right(actual);
    std::string a;
    std::string b;
    for (int line = 1;; ++line) {
        const bool more_left = static_cast<bool>(std::getline(left, a));
        const bool more_right = static_cast<bool>(std::getline(right, b));
        if (!more_left && !more_right) return {};
        if (more_left != more_right || a != b) {
            return "line " + std::to_string(line) + "\n  catalogue: " + (more_left ? a : "(end)") +
                   "\n  file:      " + (more_right ? b : "(end)");
        }
    }
}

}  // namespace

TEST_CASE("docs/metrics.md is what the catalogue says") {
    const std::string expected = subcults::metrics::document();
    if (const char* update = std::getenv("SUBCULTS_UPDATE_GOLDEN");
        update != nullptr && std::string(update) == "1") {
        std::ofstream(SUBCULTS_METRICS_GOLDEN, std::ios::binary) << expected;
    }
    std::ifstream file(SUBCULTS_METRICS_GOLDEN, std::ios::binary);
    const std::string actual{std::istreambuf_iterator<char>(file), {}};
    INFO("Refresh it with SUBCULTS_UPDATE_GOLDEN=1 if the change is intended. First difference: "
         << first_difference(expected, actual));
    CHECK((actual == expected));
}
