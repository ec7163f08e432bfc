// What the tests of backfills share: ordering them, their rows, and frames made by hand.
#pragma once

#include "base/time.hpp"
#include "integration/indexer/streams.hpp"

#include <string>
#include <utility>
#include <vector>

namespace subcults::test {

// A server that says nothing for so long, and again, has nothing more.
inline Process::Environment quiet_after(int seconds, Process::Environment more = {}) {
    more.emplace("INDEXER_BACKFILL_QUIET_SECONDS", std::to_string(seconds));
    return more;
}

// Of the frames `from` to `to`, both included.
inline Outcome order(const TestDatabase& database, std::size_t from, std::size_t to,
                     std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"backfill", "--from",
                                       format_rfc3339(UnixMicros{time_of(from)}), "--to",
                                       format_rfc3339(UnixMicros{time_of(to)})};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_indexer(database, std::move(arguments));
}

// Of the newest order.
inline std::string row(const TestDatabase& database, const std::string& column) {
    return database.execute("SELECT " + column + " FROM index_backfills ORDER BY id DESC LIMIT 1");
}

inline std::string row_of(const TestDatabase& database, int id, const std::string& column) {
    return database.execute("SELECT " + column +
                            " FROM index_backfills WHERE id = " + std::to_string(id));
}

inline double backfill_runs(const RunningIndexer& indexer, const std::string& status) {
    return indexer.metric("background_jobs_total{job_type=\"index_backfill\",status=\"" + status +
                          "\"}");
}

inline std::string record_frame(const std::string& did, std::size_t frame, const std::string& rev,
                                const std::string& rkey,
                                const std::string& collection = "app.test.note",
                                const std::string& record = R"({"text":"x"})") {
    return R"({"did":")" + did + R"(","time_us":)" + std::to_string(time_of(frame)) +
           R"(,"kind":"commit","commit":{"rev":")" + rev +
           R"(","operation":"create","collection":")" + collection + R"(","rkey":")" + rkey +
           R"(","record":)" + record +
           R"(,"cid":"bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}})" + "\n";
}

// `status` empty = active.
inline std::string account_frame(const std::string& did, std::size_t frame, int seq,
                                 const std::string& status) {
    const std::string state =
        status.empty() ? R"("active":true)" : R"("active":false,"status":")" + status + "\"";
    return R"({"did":")" + did + R"(","time_us":)" + std::to_string(time_of(frame)) +
           R"(,"kind":"account","account":{"did":")" + did + R"(","seq":)" + std::to_string(seq) +
           "," + state + "}}\n";
}

}  // namespace subcults::test
