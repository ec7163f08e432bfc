// What the tests of the reading end share: a world in order, sent piece by piece, and where the
// database has come to.
#pragma once

#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/running_indexer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace subcults::test {

// The n-th of generated_frames(), counted from 1, has this time.
inline std::int64_t time_of(std::size_t frame) {
    return 1'783'175'888'000'000 + static_cast<std::int64_t>(frame) * 1000;
}

// Frames [from, to).
inline std::string lines_of(const std::vector<std::string>& frames, std::size_t from,
                            std::size_t to) {
    std::string lines;
    for (std::size_t i = from; i < to; ++i)
        lines += frames[i] + "\n";
    return lines;
}

// Every shard's cursor has reached the n-th frame.
inline bool committed_to(const TestDatabase& database, std::int64_t time_us) {
    return database.execute("SELECT coalesce(min(reached), 0) >= " + std::to_string(time_us) +
                            " FROM (SELECT shard, max(time_us) AS reached FROM jetstream_cursors"
                            " GROUP BY shard) s") == "t";
}

inline std::string host_of(const RunningSim& sim) {
    return "127.0.0.1:" + std::to_string(sim.port());
}

inline rapidjson::Document status_of(const RunningIndexer& indexer) {
    return indexer.client().get("/internal/indexer/status").json();
}

inline bool connected_to(const RunningIndexer& indexer, const RunningSim& sim) {
    const auto status = status_of(indexer);
    return status["connected"].GetBool() && status["endpoint"].GetString() == host_of(sim);
}

inline std::size_t occurrences(const std::string& text, const std::string& of) {
    std::size_t count = 0;
    for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1))
        ++count;
    return count;
}

}  // namespace subcults::test
