// Rows per second when everything is wanted, beside what the same PostgreSQL does for a bare loop
// with the same statement in the same minute.
#include "bench/indexer/ceiling.hpp"
#include "bench/indexer/subject.hpp"
#include "bench/indexer/traffic.hpp"
#include "bench/result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace subcults::bench {
namespace {

constexpr std::size_t batch_events = 500;
constexpr std::size_t fewest_rows = 20'000;
constexpr std::size_t most_rows = 200'000;
constexpr const char* upserts = "indexer_upserts_total";

struct Load {
    std::vector<std::string> lines;
    std::vector<std::int64_t> times_us;
    std::vector<EncodedBatch> batches;
};

Load make_load(std::size_t rows, Wanted wanted) {
    std::vector<sim::GeneratedEvent> events = distinct_creations(rows, 2, wanted);
    Load load;
    load.batches = encode(events, batch_events);
    for (sim::GeneratedEvent& event : events) {
        load.lines.push_back(std::move(event.frame));
        load.times_us.push_back(event.time_us);
    }
    return load;
}

double bare_rate(const Load& load) {
    const test::TestDatabase database = test::TestDatabase::migrated();
    checkpoint(database);
    return BareWriter(database.url()).rows_per_second(load.batches);
}

struct Written {
    double rows_per_second = 0;
    double cpu_us_per_row = 0;
};

// Between two looks well inside the load: neither the first batches nor the end of the stream,
// where there is nothing to wait for, are measured.
Written indexer_rate(ListedFrames& source, double seconds) {
    const test::TestDatabase database = test::TestDatabase::migrated();
    checkpoint(database);
    FeedServer server(source);
    Subject indexer(database, server.url(),
                    {{"INDEXER_BATCH_EVENTS", std::to_string(batch_events)}});
    const auto total = static_cast<double>(source.size());
    Reading first;
    Reading last;
    wait_for(
        "every row is written",
        [&] {
            const Reading now = indexer.read(upserts);
            if (first.value == 0 && now.value >= total / 20) first = now;
            if (now.value < total) last = now;
            return now.value >= total;
        },
        std::chrono::milliseconds(seconds < 1 ? 10 : 50));
    const std::string stored = database.execute("SELECT count(*) FROM records");
    if (stored != std::to_string(source.size())) {
        throw std::runtime_error("rows are missing: " + stored);
    }
    const double rows = last.value - first.value;
    if (first.value == 0 || rows < total / 4) {
        throw std::runtime_error("too few rows to measure: use more --seconds");
    }
    Written written;
    written.rows_per_second = rows / std::chrono::duration<double>(last.at - first.at).count();
    written.cpu_us_per_row = (last.cpu_seconds - first.cpu_seconds) * 1e6 / rows;
    return written;
}

// Rows for the wished length of a round, from a short round that also warms everything up.
std::size_t rows_for(double seconds) {
    const double rate = bare_rate(make_load(fewest_rows, Wanted::plain_records));
    const auto rows = static_cast<std::size_t>(rate * seconds);
    return std::clamp(rows, fewest_rows, most_rows) / batch_events * batch_events;
}

void compare(const std::string& name, const Load& load, const Options& options, bool aimed) {
    ListedFrames source(load.lines, load.times_us);
    std::vector<double> ours;
    std::vector<double> costs;
    std::vector<double> bare;
    const auto measure_ours = [&] {
        const Written written = indexer_rate(source, options.seconds);
        ours.push_back(written.rows_per_second);
        costs.push_back(written.cpu_us_per_row);
    };
    for (int round = 0; round < options.rounds; ++round) {
        // In turns, and each as often first, so that whatever else the machine does meets both.
        if (round % 2 == 0) bare.push_back(bare_rate(load));
        measure_ours();
        if (round % 2 == 1) bare.push_back(bare_rate(load));
        progress(fmt::format("{}: {:.0f} rows/s, bare {:.0f}", name, ours.back(), bare.back()));
    }
    BenchResult rate;
    rate.name = name;
    rate.unit = "rows/s";
    rate.value = summarise(ours);
    rate.reference = summarise(bare).median;
    if (aimed) aim_at_ratio(rate, 0.85);
    print(rate);
    BenchResult cost;
    cost.name = name + "_cpu";
    cost.unit = "us/row";
    cost.value = summarise(costs);
    print(cost);
}

}  // namespace

void bench_rows(const Options& options) {
    const std::size_t rows = rows_for(options.seconds);
    progress(fmt::format("rows: {} per round, {} per batch", rows, batch_events));
    compare("indexer_rows", make_load(rows, Wanted::plain_records), options, true);
    // With rows in the typed tables too; the reference writes records only, so nothing is promised.
    compare("indexer_rows_mixed", make_load(rows, Wanted::everything), options, false);
}

}  // namespace subcults::bench
