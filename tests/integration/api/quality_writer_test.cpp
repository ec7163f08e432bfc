// The writer of quality reports on a real database: several connections at once, other replicas
// beside it, and connections that break.
#include "quality/report_writer.hpp"
#include "support/asio_test.hpp"
#include "support/postgres.hpp"

#include <boost/asio/co_spawn.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::test;
using namespace subcults::api::quality;
namespace asio = boost::asio;

namespace {

constexpr int users = 16;  // more than enough for each lane to have some
const std::string session = "0190b6a0-0000-7000-8000-000000000001";
using Outcomes = std::vector<std::optional<ReportOutcome>>;

std::string participant(int user) {
    return std::string("user-").append(std::to_string(user));
}

// A database with one session in which everybody takes part.
TestDatabase occupied() {
    TestDatabase database = TestDatabase::migrated();
    database.execute("SELECT quality_add_partitions(now())");
    database.execute(
        "INSERT INTO stream_sessions (id, room_name, host_did, scene_id, started_at, head_at, kid)"
        " VALUES ('" +
        session + "', 'room', 'did:plc:host', gen_random_uuid(), now(), now(), 1)");
    database.execute(
        "INSERT INTO stream_participants (stream_session_id, participant_id, first_joined_at,"
        " joined_at) SELECT '" +
        session + "', 'user-' || n, now(), now() FROM generate_series(0, " +
        std::to_string(users - 1) + ") n");
    return database;
}

// `count` windows ending at `end` and before, ten seconds each.
ReportRequest report_of(int user, UnixMicros end, int count) {
    ReportRequest request;
    request.session = *Uuid::parse(session);
    request.caller_did = std::string("did:plc:user").append(std::to_string(user));
    request.names.kids = {1};
    request.names.participant_ids = {participant(user)};
    for (int i = 1; i <= count; ++i) {
        Window window;
        window.seq = i;
        window.measured_at = UnixMicros{end.value - (count - i) * 10'000'000LL};
        window.window_ms = 10'000;
        window.values.rtt_ms = 48.5;
        request.windows.push_back(window);
    }
    request.deadline = deadline_in(std::chrono::seconds(30));
    return request;
}

asio::awaitable<void> store_into(ReportWriter& writer, ReportRequest request,
                                 std::optional<ReportOutcome>& into) {
    auto outcome = co_await writer.store(std::move(request));
    into.emplace(std::move(outcome));
}

std::size_t answered(const Outcomes& outcomes) {
    return static_cast<std::size_t>(std::count_if(outcomes.begin(), outcomes.end(),
                                                  [](const auto& o) { return o.has_value(); }));
}

std::size_t accepted(const Outcomes& outcomes) {
    std::size_t all = 0;
    for (const auto& outcome : outcomes) {
        if (!outcome || outcome->status != ReportOutcome::Status::stored) return 0;
        all += static_cast<std::size_t>(
            std::count(outcome->fates.begin(), outcome->fates.end(), WindowFate::accepted));
    }
    return all;
}

// Writers on one loop, as those of replicas are on several.
struct Replicas {
    Replicas(const std::string& url, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            ReportWriterOptions options;
            options.database_uri = url;
            writers.push_back(std::make_unique<ReportWriter>(io, std::move(options), log));
            writers.back()->start();
        }
    }
    // Lets all of them end by themselves.
    ~Replicas() {
        for (const auto& writer : writers)
            writer->stop();
        io.restart();
        io.run_for(std::chrono::seconds(20));
    }
    Replicas(const Replicas&) = delete;
    Replicas& operator=(const Replicas&) = delete;

    void store(std::size_t writer, ReportRequest request, std::optional<ReportOutcome>& into) {
        asio::co_spawn(io, store_into(*writers[writer], std::move(request), into),
                       [](std::exception_ptr failure) {
                           if (failure) std::rethrow_exception(failure);
                       });
    }
    bool until(std::function<bool()> condition) {
        return run_on(io, eventually(std::move(condition)));
    }

    asio::io_context io{1};
    Log log{"test", LogLevel::off};
    std::vector<std::unique_ptr<ReportWriter>> writers;
};

// Somebody else who has written a window and not committed yet.
class Holder {
  public:
    Holder(asio::io_context& io, const std::string& url)
        : io_(io), connection_(io.get_executor(), options_for(url)) {
        const auto connected = run_on(io_, connection_.connect());
        if (!connected) throw std::runtime_error("not connected");
    }
    void execute(const std::string& sql) {
        const auto done =
            run_on(io_, connection_.execute(sql, deadline_in(std::chrono::seconds(20))));
        if (!done) throw std::runtime_error(sql);
    }
    void write(int user, std::int64_t seq, UnixMicros measured_at) {
        execute(
            "BEGIN; INSERT INTO stream_quality_reports (stream_session_id, participant_id, seq,"
            " measured_at, received_at, window_ms, uplink, muted, late, rtt_ms) VALUES ('" +
            session + "', '" + participant(user) + "', " + std::to_string(seq) + ", '" +
            format_rfc3339(measured_at) + "', now(), 10000, true, false, false, 1)");
    }

  private:
    static db::ConnectionOptions options_for(const std::string& url) {
        db::ConnectionOptions options;
        options.uri = url;
        options.application_name = "somebody else";
        return options;
    }
    asio::io_context& io_;
    db::Connection connection_;
};

// The server process of the one writer's connection that waits for somebody; empty for none.
std::string waiting_backend(const TestDatabase& database) {
    return database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'subcults-api quality reports' AND wait_event_type = 'Lock'");
}

std::string rows(const TestDatabase& database) {
    return database.execute("SELECT count(*) FROM stream_quality_reports");
}

}  // namespace

TEST_CASE("while one connection waits another stores, and what was stored meanwhile counts once") {
    const TestDatabase database = occupied();
    Outcomes outcomes(users);
    Replicas replicas(database.url(), 1);
    Holder holder(replicas.io, database.url());
    const UnixMicros end = now_micros();
    holder.write(0, 1, end);
    for (int user = 0; user < users; ++user) {
        replicas.store(0, report_of(user, end, 1), outcomes[static_cast<std::size_t>(user)]);
    }
    REQUIRE(replicas.until([&] { return !waiting_backend(database).empty(); }));
    CHECK(replicas.until([&] { return answered(outcomes) > 0; }));
    CHECK_FALSE(outcomes[0].has_value());
    holder.execute("COMMIT");
    REQUIRE(replicas.until([&] { return answered(outcomes) == outcomes.size(); }));
    CHECK(accepted(outcomes) == users - 1);
    CHECK(outcomes[0]->fates == std::vector<WindowFate>{WindowFate::duplicate});
    CHECK(rows(database) == std::to_string(users));
}

TEST_CASE("replicas that store the same windows at once count them once and wait in no circle") {
    constexpr int rounds = 20;
    constexpr int windows = 6;
    const TestDatabase database = occupied();
    Outcomes one(users);
    Outcomes other(users);
    Replicas replicas(database.url(), 2);
    std::int64_t stored = 0;
    for (int round = 0; round < rounds; ++round) {
        one.assign(users, std::nullopt);
        other.assign(users, std::nullopt);
        const UnixMicros end = now_micros();
        for (int i = 0; i < users; ++i) {
            // In opposite orders; seqs that no other round has.
            ReportRequest first = report_of(i, end, windows);
            ReportRequest second = report_of(users - 1 - i, end, windows);
            for (ReportRequest* request : {&first, &second}) {
                for (Window& window : request->windows)
                    window.seq += round * 100;
            }
            replicas.store(0, std::move(first), one[static_cast<std::size_t>(i)]);
            replicas.store(1, std::move(second), other[static_cast<std::size_t>(i)]);
        }
        REQUIRE(replicas.until(
            [&] { return answered(one) == one.size() && answered(other) == other.size(); }));
        for (const Outcomes* outcomes : {&one, &other}) {
            for (const auto& outcome : *outcomes)
                REQUIRE(outcome->status == ReportOutcome::Status::stored);
        }
        REQUIRE(accepted(one) + accepted(other) == users * windows);
        stored += users * windows;
    }
    CHECK(rows(database) == std::to_string(stored));
    CHECK(database.execute("SELECT deadlocks FROM pg_stat_database"
                           " WHERE datname = current_database()") == "0");
}

TEST_CASE("a batch whose connection broke is sent again and stored once") {
    const TestDatabase database = occupied();
    Outcomes outcomes(1);
    Replicas replicas(database.url(), 1);
    Holder holder(replicas.io, database.url());
    const UnixMicros end = now_micros();
    holder.write(0, 3, end);
    replicas.store(0, report_of(0, end, 3), outcomes[0]);
    std::string first;
    REQUIRE(replicas.until([&] {
        first = waiting_backend(database);
        return !first.empty();
    }));
    REQUIRE(database.execute("SELECT pg_terminate_backend(" + first + ")") == "t");
    REQUIRE(replicas.until([&] {
        const std::string second = waiting_backend(database);
        return !second.empty() && second != first;
    }));
    CHECK_FALSE(outcomes[0].has_value());
    holder.execute("ROLLBACK");
    REQUIRE(replicas.until([&] { return outcomes[0].has_value(); }));
    CHECK(accepted(outcomes) == 3);
    CHECK(rows(database) == "3");
    // And what arrives again later is known.
    outcomes[0].reset();
    replicas.store(0, report_of(0, end, 3), outcomes[0]);
    REQUIRE(replicas.until([&] { return outcomes[0].has_value(); }));
    CHECK(outcomes[0]->status == ReportOutcome::Status::stored);
    CHECK(accepted(outcomes) == 0);
    CHECK(rows(database) == "3");
}
