#include "bench/indexer/traffic.hpp"

#include "base/time.hpp"
#include "integration/indexer/expected_fold.hpp"
#include "integration/indexer/running_indexer.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <stdexcept>
#include <string_view>

namespace subcults::bench {
namespace {

// Mirrors what the indexer gives a table of its own.
constexpr std::array typed{
    std::string_view("tv.subcult.scene"),      std::string_view("tv.subcult.event"),
    std::string_view("app.subcult.scene"),     std::string_view("app.subcult.event"),
    std::string_view("app.subcult.post"),      std::string_view("app.subcult.alliance"),
    std::string_view("app.subcult.membership")};

std::vector<std::string> recorded_commits() {
    const auto file = test::real_events_file();
    if (file.empty()) return {};
    std::vector<std::string> lines = test::read_lines(file.string());
    std::erase_if(lines, [](const std::string& line) {
        return line.find("\"kind\":\"commit\"") == std::string::npos;
    });
    return lines;
}

sim::Generator generator(std::uint64_t seed, std::size_t count) {
    sim::GeneratorOptions options;
    options.seed = seed;
    options.dids = 2000;
    options.max_records = 4 * count + 1000;  // nothing has to be deleted to make room
    return sim::Generator(options);
}

}  // namespace

Traffic commit_traffic(std::size_t count, std::uint64_t seed) {
    Traffic traffic;
    const std::vector<std::string> sample = recorded_commits();
    std::mt19937_64 random(seed);
    if (!sample.empty()) {
        traffic.recorded = true;
        std::uniform_int_distribution<std::size_t> pick(0, sample.size() - 1);
        while (traffic.lines.size() < count)
            traffic.lines.push_back(sample[pick(random)]);
        return traffic;
    }
    sim::Generator world = generator(seed, count);
    std::int64_t time_us = now_micros().value;
    while (traffic.lines.size() < count) {
        sim::GeneratedEvent event = world.next(++time_us);
        if (event.kind == jetstream::Kind::commit) traffic.lines.push_back(std::move(event.frame));
    }
    return traffic;
}

std::vector<std::string> compressed(const std::vector<std::string>& lines,
                                    const std::string& dictionary) {
    constexpr int level = 3;
    const std::unique_ptr<ZSTD_CDict, decltype(&ZSTD_freeCDict)> prepared(
        ZSTD_createCDict(dictionary.data(), dictionary.size(), level), &ZSTD_freeCDict);
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                       &ZSTD_freeCCtx);
    if (!prepared || !context) throw std::runtime_error("zstd does not take the dictionary");
    std::vector<std::string> frames;
    frames.reserve(lines.size());
    for (const std::string& line : lines) {
        std::string frame(ZSTD_compressBound(line.size()), '\0');
        const std::size_t size = ZSTD_compress_usingCDict(context.get(), frame.data(), frame.size(),
                                                          line.data(), line.size(), prepared.get());
        if (ZSTD_isError(size) != 0) throw std::runtime_error(ZSTD_getErrorName(size));
        frames.emplace_back(frame, 0, size);
    }
    return frames;
}

std::vector<sim::GeneratedEvent> distinct_creations(std::size_t count, std::uint64_t seed,
                                                    Wanted wanted) {
    sim::Generator world = generator(seed, count);
    std::vector<sim::GeneratedEvent> events;
    events.reserve(count);
    std::int64_t time_us = now_micros().value;
    while (events.size() < count) {
        sim::GeneratedEvent event = world.next(++time_us);
        if (event.kind != jetstream::Kind::commit) continue;
        if (event.operation != jetstream::Operation::create) continue;
        const bool has_table =
            std::find(typed.begin(), typed.end(), event.collection) != typed.end();
        if (wanted == Wanted::plain_records && has_table) continue;
        events.push_back(std::move(event));
    }
    return events;
}

}  // namespace subcults::bench
