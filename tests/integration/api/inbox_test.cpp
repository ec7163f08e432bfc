// The inbox against a real database and a real ledger, with as many processors as one likes: in
// the service the lease lets only one of them work.
#include "livekit/inbox.hpp"
#include "audit/privacy_keys.hpp"
#include "streams/ledger.hpp"
#include "support/asio_test.hpp"
#include "support/catch_result.hpp"
#include "support/postgres.hpp"

#include <boost/asio/io_context.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace subcults::api::livekit {

namespace {

namespace asio = boost::asio;
using test::run_on;
using test::TestDatabase;

constexpr int guests = 20;
constexpr int leaving = 10;
constexpr std::size_t events = guests + leaving;

std::vector<Secret> privacy_secrets() {
    return {Secret(std::string(32, 'p'))};
}

// A session whose guests have tokens, and what LiveKit has reported of them: all came, half left.
void fill(const TestDatabase& database) {
    database.execute(
        "INSERT INTO stream_sessions (id, room_name, host_did, scene_id, started_at, head_at, kid)"
        " VALUES (gen_random_uuid(), 'scene-1', 'did:plc:host', gen_random_uuid(),"
        " now() - interval '1 hour', now() - interval '1 hour', " +
        std::to_string(PrivacyKeys(privacy_secrets()).current_kid()) + ")");
    database.execute(
        "INSERT INTO stream_rooms (room_name, session_id)"
        " SELECT room_name, id FROM stream_sessions");
    database.execute(
        "INSERT INTO stream_participants (stream_session_id, participant_id, token_issued_at)"
        " SELECT id, 'user-' || i, started_at FROM stream_sessions, generate_series(1, " +
        std::to_string(guests) + ") i");
    const auto report = [&](const std::string& event, int count, const std::string& age) {
        database.execute(
            "INSERT INTO livekit_inbox (id, event, room_name, room_sid, participant_id,"
            " participant_sid, joined_at, created_at, received_at)"
            " SELECT 'EV_" +
            event + "' || i, '" + event +
            "', 'scene-1', 'RM_1', 'user-' || i, 'PA_' || i, now() - interval '10 minutes',"
            " now() - interval '" +
            age + "', now() - interval '" + age + "' FROM generate_series(1, " +
            std::to_string(count) + ") i");
    };
    report("participant_joined", guests, "9 minutes");
    report("participant_left", leaving, "5 minutes");
}

// Keeps commands back until so many have come, then hands them on, those of the processors in turn.
class Gate {
  public:
    Gate(Ledger& ledger, std::size_t processors) : ledger_(ledger), processors_(processors) {}

    void submit(Command command, std::function<void(Outcome)> done) {
        kept_.emplace_back(std::move(command), std::move(done));
        if (kept_.size() < processors_ * events) return;
        for (std::size_t i = 0; i < events; ++i) {
            for (std::size_t j = i; j < kept_.size(); j += events) {
                auto& [kept, answer] = kept_[j];
                ledger_.async_submit(std::move(kept), 0, std::move(answer));
            }
        }
        passed_ = kept_.size();
        kept_.clear();
    }
    std::size_t passed() const noexcept { return passed_; }

  private:
    Ledger& ledger_;
    std::size_t processors_;
    std::vector<std::pair<Command, std::function<void(Outcome)>>> kept_;
    std::size_t passed_ = 0;
};

// One replica's part: connections, and a processor with its way to the ledger.
struct Replica {
    Replica(asio::any_io_executor executor, const std::string& url, Gate& gate,
            LiveKitMetrics& metrics, Log& log)
        : pool(executor, pool_options(url)),
          rooms(executor, room_options(), metrics, log),
          desk(executor,
               [&gate](Command command, std::function<void(Outcome)> done) {
                   gate.submit(std::move(command), std::move(done));
               }),
          inbox(pool, desk, rooms, InboxOptions{}, log) {
        pool.start();
    }
    void stop() {
        rooms.stop();
        pool.stop();
    }

    static db::PoolOptions pool_options(const std::string& url) {
        db::PoolOptions options;
        options.connection.uri = url;
        options.connection.application_name = "integration_livekit";
        options.connection.statements = InboxProcessor::statements();
        return options;
    }
    // Nobody is there: what is tested here asks LiveKit nothing.
    static RoomServiceOptions room_options() {
        RoomServiceOptions options;
        options.url = net::WsUrl::parse("ws://127.0.0.1:1").value();
        options.api_key = "key";
        options.api_secret = Secret(std::string(32, 's'));
        return options;
    }

    db::Pool pool;
    RoomService rooms;
    LedgerDesk desk;
    InboxProcessor inbox;
};

LedgerOptions ledger_options(const std::string& url) {
    LedgerOptions options;
    options.database_uri = url;
    options.privacy_secrets = privacy_secrets();
    return options;
}

struct World {
    TestDatabase database = TestDatabase::migrated();
    asio::io_context io{1};
    Log log{"test", LogLevel::error};
    metrics::Registry registry{metrics::Scope::api};
    LiveKitMetrics livekit{registry};
    Ledger ledger{ledger_options(database.url()),
                  {io.get_executor()},
                  LedgerMetrics::make(registry, [](std::string_view, double) {}),
                  log};

    World() { ledger.start(); }
    std::string sql(const std::string& text) const { return database.execute(text); }
    void check_truth() const {
        CHECK(sql("SELECT active_count FROM stream_sessions") == "10");
        CHECK(sql("SELECT join_count + leave_count FROM stream_sessions") == "0");
        CHECK(sql("SELECT count(*) FROM stream_participants WHERE joined_at IS NOT NULL"
                  " AND left_at IS NULL") == "10");
        CHECK(sql("SELECT sum(reconnection_count) FROM stream_participants") == "0");
        CHECK(sql("SELECT count(*) FROM stream_participations") == "20");
        CHECK(sql("SELECT count(*) FROM stream_participations WHERE left_at IS NULL") == "10");
        CHECK(sql("SELECT count(*) FROM livekit_inbox WHERE processed_at IS NULL") == "0");
    }
};

asio::awaitable<void> process(InboxProcessor& inbox, int& ended) {
    const auto round = co_await inbox.process();
    CHECK(round == InboxProcessor::Round::idle);
    ++ended;
}

asio::awaitable<void> process_beside(asio::any_io_executor executor, InboxProcessor& first,
                                     InboxProcessor& second) {
    int ended = 0;
    asio::co_spawn(executor, process(second, ended), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    co_await process(first, ended);
    std::function<bool()> both = [&ended] { return ended == 2; };
    const bool done = co_await test::eventually(std::move(both));
    REQUIRE(done);
}

}  // namespace

TEST_CASE("two processors that read the same events at once end in one truth") {
    World world;
    fill(world.database);
    // Neither is let on before both have read everything.
    Gate gate(world.ledger, 2);
    Replica first(world.io.get_executor(), world.database.url(), gate, world.livekit, world.log);
    Replica second(world.io.get_executor(), world.database.url(), gate, world.livekit, world.log);
    run_on(world.io, process_beside(world.io.get_executor(), first.inbox, second.inbox));
    CHECK(gate.passed() == 2 * events);
    CHECK(world.sql("SELECT count(*) FROM livekit_inbox WHERE attempts = 2") == "30");
    world.check_truth();
    first.stop();
    second.stop();
    world.ledger.stop();
}

TEST_CASE("one processor alone comes to the same truth") {
    World world;
    fill(world.database);
    Gate gate(world.ledger, 1);
    Replica only(world.io.get_executor(), world.database.url(), gate, world.livekit, world.log);
    int ended = 0;
    run_on(world.io, process(only.inbox, ended));
    CHECK(ended == 1);
    CHECK(world.sql("SELECT count(*) FROM livekit_inbox WHERE attempts = 1") == "30");
    world.check_truth();
    only.stop();
    world.ledger.stop();
}

TEST_CASE("old events are forgotten a part at a time, and new ones are not") {
    World world;
    world.sql(
        "INSERT INTO livekit_inbox (id, event, room_name, created_at, received_at, processed_at)"
        " SELECT 'EV_' || i, 'room_started', 'scene-1', t, t, t FROM generate_series(1, 4503) i,"
        " LATERAL (SELECT now() - CASE WHEN i <= 3 THEN interval '23 hours'"
        "  ELSE interval '25 hours' END) AS a(t)");
    world.sql(
        "CREATE FUNCTION at_most() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        " IF (SELECT count(*) FROM gone) > 2000 THEN RAISE EXCEPTION 'too many at once'; END IF;"
        " RETURN NULL; END$$;"
        "CREATE TRIGGER at_most AFTER DELETE ON livekit_inbox REFERENCING OLD TABLE AS gone"
        " FOR EACH STATEMENT EXECUTE FUNCTION at_most()");
    Gate gate(world.ledger, 1);
    Replica replica(world.io.get_executor(), world.database.url(), gate, world.livekit, world.log);
    const bool more = run_on(world.io, replica.inbox.purge());
    CHECK_FALSE(more);
    CHECK(world.sql("SELECT count(*) FROM livekit_inbox") == "3");
    replica.stop();
    world.ledger.stop();
}

}  // namespace subcults::api::livekit
