#include "maintenance/quarantine_report.hpp"

#include "base/json_writer.hpp"
#include "base/time.hpp"
#include "service/cli.hpp"

#include <cstdio>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{30};

constexpr db::Statement list_frames{
    "indexer_quarantine_list",
    "SELECT encode(fingerprint, 'hex'), reason, path, detail, coalesce(did, ''),"
    " coalesce(collection, ''), coalesce(rkey, ''), seen, first_seen, last_seen, raw_bytes,"
    " coalesce(length(raw), 0)::bigint = raw_bytes FROM quarantined_events"
    " WHERE $1::text = '' OR reason = $1::text"
    " ORDER BY last_seen DESC, fingerprint LIMIT $2::bigint"};

constexpr db::Statement count_frames{
    "indexer_quarantine_count",
    "SELECT reason, count(*) FROM quarantined_events GROUP BY reason ORDER BY 2 DESC, 1"};

void print_text(const db::Rows& frames, const db::Rows& counts) {
    const auto cell = [&frames](int row, int column) {
        return std::string(frames.text(row, column));
    };
    for (int row = 0; row < frames.size(); ++row) {
        const std::string last_seen = format_rfc3339(frames.timestamptz(row, 9));
        std::printf("%s  %s  %s  seen %lld, last %s, %lld bytes%s\n",
                    cell(row, 0).substr(0, 16).c_str(), cell(row, 1).c_str(), cell(row, 2).c_str(),
                    static_cast<long long>(frames.int8(row, 7)), last_seen.c_str(),
                    static_cast<long long>(frames.int8(row, 10)),
                    frames.boolean(row, 11) ? "" : " (not kept: cannot be retried)");
        if (!cell(row, 3).empty()) std::printf("    %s\n", cell(row, 3).c_str());
        if (!cell(row, 5).empty()) {
            std::printf("    at://%s/%s/%s\n", cell(row, 4).c_str(), cell(row, 5).c_str(),
                        cell(row, 6).c_str());
        }
    }
    std::int64_t total = 0;
    for (int row = 0; row < counts.size(); ++row)
        total += counts.int8(row, 1);
    std::printf("%lld in quarantine", static_cast<long long>(total));
    for (int row = 0; row < counts.size(); ++row) {
        std::printf("%s%s %lld", row == 0 ? ": " : ", ", std::string(counts.text(row, 0)).c_str(),
                    static_cast<long long>(counts.int8(row, 1)));
    }
    std::printf("\n");
}

void print_json(const db::Rows& frames, const db::Rows& counts) {
    JsonWriter json;
    json.begin_object().key("frames").begin_array();
    for (int row = 0; row < frames.size(); ++row) {
        json.begin_object()
            .field("fingerprint", frames.text(row, 0))
            .field("reason", frames.text(row, 1))
            .field("path", frames.text(row, 2))
            .field("detail", frames.text(row, 3))
            .field("did", frames.text(row, 4))
            .field("collection", frames.text(row, 5))
            .field("rkey", frames.text(row, 6))
            .field("seen", frames.int8(row, 7))
            .field("first_seen", format_rfc3339(frames.timestamptz(row, 8)))
            .field("last_seen", format_rfc3339(frames.timestamptz(row, 9)))
            .field("bytes", frames.int8(row, 10))
            .field("can_be_retried", frames.boolean(row, 11))
            .end_object();
    }
    json.end_array().key("counts").begin_object();
    for (int row = 0; row < counts.size(); ++row)
        json.field(counts.text(row, 0), counts.int8(row, 1));
    json.end_object().end_object();
    std::printf("%s\n", json.take().c_str());
}

}  // namespace

std::vector<db::Statement> quarantine_report_statements() {
    return {list_frames, count_frames};
}

asio::awaitable<int> print_quarantine(db::Connection& connection, QuarantineQuery query,
                                      bool json) {
    db::Params params;
    params.text(query.reason).int8(query.limit);
    auto deadline = deadline_in(statement_limit);
    auto frames = co_await connection.query(list_frames, std::move(params), deadline);
    db::Params none;
    auto counts = co_await connection.query(count_frames, std::move(none), deadline);
    if (!frames || !counts) {
        const std::string why = db::describe(frames ? counts.error() : frames.error());
        std::fprintf(stderr, "subcults-indexer quarantine list: %s\n", why.c_str());
        co_return service::exit_failed;
    }
    json ? print_json(*frames, *counts) : print_text(*frames, *counts);
    co_return service::exit_ok;
}

}  // namespace subcults::indexer
