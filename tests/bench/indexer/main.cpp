// bench_indexer [--seconds N] [--rounds N] [PART...]: see docs/development.md, "Benches".
#include "bench/indexer/subject.hpp"
#include "bench/result.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

struct Part {
    const char* name;
    void (*run)(const subcults::bench::Options&);
};
constexpr std::array parts{Part{"discard", subcults::bench::bench_discard},
                           Part{"discard_zstd", subcults::bench::bench_discard_compressed},
                           Part{"rows", subcults::bench::bench_rows},
                           Part{"latency", subcults::bench::bench_latency}};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures the indexer against what the machine itself can do.");
    subcults::bench::Options options;
    std::vector<std::string> wanted;
    std::vector<std::string> known;
    for (const Part& part : parts)
        known.emplace_back(part.name);
    app.add_option("--seconds", options.seconds, "length of a round")
        ->check(CLI::Range(0.2, 600.0));
    app.add_option("--rounds", options.rounds, "rounds of each")->check(CLI::Range(1, 100));
    app.add_option("part", wanted, "what to measure; nothing = all")->check(CLI::IsMember(known));
    CLI11_PARSE(app, argc, argv);
    try {
        for (const Part& part : parts) {
            const bool chosen = wanted.empty() ||
                                std::find(wanted.begin(), wanted.end(), part.name) != wanted.end();
            if (chosen) part.run(options);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_indexer: %s\n", error.what());
        return 1;
    }
    return 0;
}
