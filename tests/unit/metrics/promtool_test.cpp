// Prometheus' own linter over a scrape of each service in which every family has a sample.
// Needs `promtool`: on the PATH, or named by SUBCULTS_PROMTOOL.
#include "filled_registry.hpp"

#include "support/skip.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace subcults;
using namespace subcults::metrics;

namespace {

struct Run {
    int status = -1;
    std::vector<std::string> lines;
};

Run run(const std::string& command) {
    Run result;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return result;
    std::string output;
    std::array<char, 4096> block;
    while (const std::size_t got = std::fread(block.data(), 1, block.size(), pipe)) {
        output.append(block.data(), got);
    }
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
    std::istringstream stream(output);
    for (std::string line; std::getline(stream, line);)
        result.lines.push_back(line);
    return result;
}

}  // namespace

TEST_CASE("promtool finds nothing in a scrape but the guide's milliseconds") {
    const char* chosen = std::getenv("SUBCULTS_PROMTOOL");
    const std::string promtool = chosen == nullptr ? "promtool" : chosen;
    if (run("'" + promtool + "' --version").status != 0) {
        test::report_skipped("promtool is not installed");
        return;
    }
    for (const Scope service : {Scope::api, Scope::indexer}) {
        Registry registry(service);
        test::fill(registry);
        std::string text;
        registry.render(text);

        const auto path = std::filesystem::temp_directory_path() /
                          ("subcults-exposition-" + std::to_string(::getpid()));
        std::ofstream(path, std::ios::binary) << text;
        const auto found = run("'" + promtool + "' check metrics < '" + path.string() + "'");
        std::filesystem::remove(path);

        // 3 = read without error, with remarks.
        CHECK((found.status == 0 || found.status == 3));
        for (const std::string& line : found.lines) {
            const std::string name = line.substr(0, line.find(' '));
            INFO(line);
            CHECK((name == "stream_audio_jitter_ms" || name == "stream_network_rtt_ms"));
        }
    }
}
