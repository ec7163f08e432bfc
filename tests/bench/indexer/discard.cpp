// From the socket to nothing: what an event costs that nobody wants. Jetstream's filter keeps most
// of those away, but a prefix or a shard reads many more events than it keeps.
#include "bench/feed/bare_reader.hpp"
#include "bench/indexer/subject.hpp"
#include "bench/indexer/traffic.hpp"
#include "bench/result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace subcults::bench {
namespace {

constexpr std::size_t distinct_frames = 20'000;
constexpr std::size_t read_buffer = 64 * 1024;  // as the indexer's
constexpr const char* nobody = "com.example.nobody.wants";
constexpr const char* received = "indexer_received_bytes_total";

SteadyClock::duration seconds(double count) {
    return std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(count));
}

ReadRate read_barely(FeedSource& source, double time) {
    FeedServer server(source);
    BareReader reader(server.port(), read_buffer);
    reader.read_for(seconds(time / 5));
    return reader.read_for(seconds(time));
}

ReadRate read_with_indexer(FeedSource& source, double mean_bytes, const Options& options,
                           const test::Process::Environment& extra) {
    const test::TestDatabase database = test::TestDatabase::migrated();
    FeedServer server(source);
    auto environment = extra;
    environment["JETSTREAM_COLLECTIONS"] = nobody;
    Subject indexer(database, server.url(), environment);
    wait_for("the indexer reads", [&] { return indexer.read(received).value > 0; });
    rest(std::chrono::duration_cast<std::chrono::microseconds>(seconds(options.seconds / 5)));
    const Reading before = indexer.read(received);
    rest(std::chrono::duration_cast<std::chrono::microseconds>(seconds(options.seconds)));
    const Reading after = indexer.read(received);
    if (server.connections() != 1) throw std::runtime_error("the indexer has reconnected");
    const double events = (after.value - before.value) / mean_bytes;
    if (events <= 0) throw std::runtime_error("the indexer has read nothing");
    ReadRate rate;
    rate.events_per_second = events / std::chrono::duration<double>(after.at - before.at).count();
    rate.cpu_us_per_event = (after.cpu_seconds - before.cpu_seconds) * 1e6 / events;
    return rate;
}

void compare(const std::string& name, FeedSource& source, double mean_bytes, const Options& options,
             const test::Process::Environment& extra) {
    std::vector<double> our_rates;
    std::vector<double> our_costs;
    std::vector<double> bare_rates;
    std::vector<double> bare_costs;
    for (int round = 0; round < options.rounds; ++round) {
        const ReadRate bare = read_barely(source, options.seconds);
        const ReadRate ours = read_with_indexer(source, mean_bytes, options, extra);
        progress(fmt::format("{}: {:.0f} events/s, {:.2f} us each; bare {:.0f} and {:.2f}", name,
                             ours.events_per_second, ours.cpu_us_per_event, bare.events_per_second,
                             bare.cpu_us_per_event));
        our_rates.push_back(ours.events_per_second);
        our_costs.push_back(ours.cpu_us_per_event);
        bare_rates.push_back(bare.events_per_second);
        bare_costs.push_back(bare.cpu_us_per_event);
    }
    BenchResult rate;
    rate.name = name;
    rate.unit = "events/s";
    rate.value = summarise(our_rates);
    rate.reference = summarise(bare_rates).median;
    print(rate);
    BenchResult cost;
    cost.name = name + "_cpu";
    cost.unit = "us/event";
    cost.value = summarise(our_costs);
    cost.reference = summarise(bare_costs).median;
    print(cost);
}

// The dictionary that Jetstream v1 compresses with, wherever it is at hand; empty = nowhere.
std::filesystem::path dictionary_file() {
    if (const char* given = std::getenv("JETSTREAM_ZSTD_DICTIONARY")) return given;
    const auto events = test::real_events_file();
    if (events.empty()) return {};
    const auto file = events.parent_path() / "v1_subscribe.zdict";
    return std::filesystem::exists(file) ? file : std::filesystem::path();
}

}  // namespace

void bench_discard(const Options& options) {
    const Traffic traffic = commit_traffic(distinct_frames, 1);
    LoopedFrames source(traffic.lines, now_micros().value);
    progress(fmt::format("discard: {} events of {:.0f} bytes",
                         traffic.recorded ? "recorded" : "generated", source.mean_bytes()));
    compare("indexer_discard", source, source.mean_bytes(), options, {});
}

void bench_discard_compressed(const Options& options) {
    const std::string name = "indexer_discard_zstd";
    const auto file = dictionary_file();
    if (file.empty()) {
        print_skipped(name, "events/s", "no dictionary: set JETSTREAM_ZSTD_DICTIONARY");
        return;
    }
    std::ifstream in(file, std::ios::binary);
    const std::string dictionary{std::istreambuf_iterator<char>(in), {}};
    if (dictionary.empty()) throw std::runtime_error("cannot read the dictionary " + file.string());
    const Traffic traffic = commit_traffic(distinct_frames, 1);
    LoopedPayloads source(compressed(traffic.lines, dictionary));
    progress(fmt::format("discard, compressed: {} events of {:.0f} bytes",
                         traffic.recorded ? "recorded" : "generated", source.mean_bytes()));
    compare(name, source, source.mean_bytes(), options,
            {{"JETSTREAM_ZSTD_DICTIONARY", file.string()}});
}

}  // namespace subcults::bench
