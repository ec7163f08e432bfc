// From the moment an event is handed to the kernel until another connection reads its row, at a
// thousand events per second, beside what one commit of one row takes on the same machine.
#include "atproto/tid.hpp"
#include "bench/indexer/ceiling.hpp"
#include "bench/indexer/subject.hpp"
#include "bench/result.hpp"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace subcults::bench {
namespace {

constexpr double events_per_second = 1000;
constexpr double warm_up_seconds = 1;
// Every fourth event is a probe: those lie under one DID and count upwards, so that the newest
// visible one is found with one step down an index.
constexpr std::size_t probe_every = 4;
constexpr std::chrono::microseconds between_looks{100};
constexpr std::size_t single_commits = 200;

constexpr const char* probe_did = "did:plc:probeprobeprobeprobeprob";
constexpr const char* collection = "com.example.bench.note";
constexpr const char* newest_probe =
    "SELECT max(rkey) FROM records WHERE did = 'did:plc:probeprobeprobeprobeprob'"
    " AND collection = 'com.example.bench.note'";
constexpr const char* cid = "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i";

// A did:plc of its own for each of a few hundred accounts.
std::string other_did(std::size_t index) {
    std::string did = "did:plc:";
    std::size_t rest = index % 500;
    for (int i = 0; i < 24; ++i) {
        did.push_back(static_cast<char>('a' + rest % 26));
        rest /= 26;
    }
    return did;
}

std::string record_json(std::size_t index) {
    return fmt::format(
        R"({{"$type":"{}","number":{},"createdAt":"2026-01-01T00:00:00.000Z","text":"{:-<250}"}})",
        collection, index, "A note of the usual length ");
}

std::string line(std::size_t index) {
    const std::int64_t now = now_micros().value;
    atproto::Tid tid;
    tid.micros = now;
    const std::string did = index % probe_every == 0 ? probe_did : other_did(index);
    return fmt::format(
        R"({{"did":"{}","time_us":{},"kind":"commit","commit":{{"rev":"{}","operation":"create",)"
        R"("collection":"{}","rkey":"{:010}","record":{},"cid":"{}"}}}})",
        did, now, atproto::TidText(tid).view(), collection, index, record_json(index), cid);
}

// One row each, of a DID that no event has.
std::vector<EncodedBatch> lone_rows(std::size_t from) {
    std::vector<sim::GeneratedEvent> events;
    for (std::size_t i = from; i < from + single_commits; ++i) {
        sim::GeneratedEvent event;
        event.did = "did:plc:lonelonelonelonelonelone";
        event.collection = collection;
        event.rkey = fmt::format("{:010}", i);
        event.time_us = now_micros().value;
        atproto::Tid tid;
        tid.micros = event.time_us;
        event.rev = atproto::TidText(tid).view();
        event.cid = cid;
        event.record = record_json(i);
        events.push_back(std::move(event));
    }
    return encode(events, 1);
}

// Index of the newest probe that can be read; nullopt when there is none yet.
std::optional<std::size_t> newest_visible(BareWriter& reader) {
    const std::string text = reader.value(newest_probe);
    if (text.empty()) return std::nullopt;
    std::size_t index = 0;
    std::from_chars(text.data(), text.data() + text.size(), index);
    return index;
}

// Seconds from sending to reading, for each probe after the warm-up. Rows become visible in the
// order of the stream: whatever is not newer than the newest is there too.
std::vector<double> watch(BareWriter& reader, const PacedFrames& source, std::size_t count) {
    std::vector<double> times;
    const auto warm = static_cast<std::size_t>(warm_up_seconds * events_per_second);
    const auto give_up = SteadyClock::now() + std::chrono::minutes(2);
    std::size_t next = 0;  // the first probe that has not been seen
    while (next < count) {
        const auto newest = newest_visible(reader);
        const auto seen_at = SteadyClock::now();
        for (; newest && next <= *newest; next += probe_every) {
            if (next < warm) continue;
            times.push_back(std::chrono::duration<double>(seen_at - source.sent_at(next)).count());
        }
        if (seen_at > give_up) throw std::runtime_error("a sent event never became visible");
        rest(between_looks);
    }
    return times;
}

}  // namespace

void bench_latency(const Options& options) {
    std::vector<double> p50;
    std::vector<double> p99;
    std::vector<double> commits;
    for (int round = 0; round < options.rounds; ++round) {
        const test::TestDatabase database = test::TestDatabase::migrated();
        checkpoint(database);
        const double seconds = warm_up_seconds + options.seconds;
        const auto count = static_cast<std::size_t>(seconds * events_per_second);
        PacedFrames source(count, events_per_second, static_cast<std::uint64_t>(round), line);
        FeedServer server(source);
        BareWriter reader(database.url());
        std::vector<double> alone = reader.single_commits(lone_rows(0));
        Subject indexer(database, server.url(), {});
        const std::vector<double> times = watch(reader, source, count);
        const auto again = reader.single_commits(lone_rows(single_commits));
        alone.insert(alone.end(), again.begin(), again.end());
        p50.push_back(quantile(times, 0.5) * 1e3);
        p99.push_back(quantile(times, 0.99) * 1e3);
        commits.push_back(quantile(alone, 0.5) * 1e3);
        progress(fmt::format("latency: p50 {:.2f} ms, p99 {:.2f} ms of {} probes; commit {:.2f} ms",
                             p50.back(), p99.back(), times.size(), commits.back()));
    }
    const double commit = summarise(commits).median;
    BenchResult half;
    half.name = "indexer_visible_p50";
    half.unit = "ms";
    half.value = summarise(p50);
    half.reference = commit;
    aim_below_reference(half, 2, 1);
    print(half);
    BenchResult most;
    most.name = "indexer_visible_p99";
    most.unit = "ms";
    most.value = summarise(p99);
    most.reference = commit;
    aim_below(most, 15);
    print(most);
}

}  // namespace subcults::bench
