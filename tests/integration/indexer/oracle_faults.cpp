#include "integration/indexer/oracle_faults.hpp"

#include <csignal>
#include <fstream>
#include <sstream>

namespace subcults::test {

using namespace std::chrono_literals;

namespace {

constexpr int killed = 128 + SIGKILL;

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// What has to happen for the indexer to pass a crash point, once it runs and is fed.
using Provoke = std::function<void(OracleRun&)>;

void nothing(OracleRun&) {}

void cut_connection(OracleRun& run) {
    const auto before = run.sim().connections_total();
    eventually("it connects", [&] {
        return !run.running() || run.sim().connections_total() > before ||
               run.sim().stat("subscribers") > 0;
    });
    run.sim().drop_connections();
}

void restart_database(OracleRun& run) {
    run.wait_for_progress();
    run.feed(100);
    run.server().stop(TestPostgres::Stop::immediate);
    run.server().start();
}

// Ends the process at a named point, on its first, second or third passage.
Fault crash_at(const std::string& point, const Provoke& provoke = nothing, std::size_t passes = 3) {
    Fault fault;
    fault.name = "crash at " + point;
    fault.inject = [point, provoke, passes](OracleRun& run) {
        run.kill();
        // A window of the stream that holds some of everything.
        run.feed(200);
        const std::size_t pass = 1 + run.draw(passes);
        run.start({{"SUBCULTS_CRASH_AT", point + ":" + std::to_string(pass)}});
        // Where a point is passed once per provocation, or work runs out before the last passage,
        // there is more to come.
        for (int round = 0; run.running() && round < 40; ++round) {
            provoke(run);
            run.feed(40);
            try {
                eventually(
                    "it ends", [&] { return !run.running(); }, 1500ms);
            } catch (const std::runtime_error&) {
                continue;
            }
        }
        if (run.running()) throw std::runtime_error(point + " was never passed");
        if (run.indexer().process().wait() != killed) {
            throw std::runtime_error("ended otherwise: " + run.indexer().process().output());
        }
        if (run.crash_report() != point + "\n") {
            throw std::runtime_error("crashed elsewhere than at " + point);
        }
    };
    return fault;
}

// Waits until the writer's backend stands in the pause of this kind, then acts on it.
Fault during_pause(const std::string& kind, const std::string& what,
                   const std::function<void(OracleRun&)>& act) {
    Fault fault;
    fault.name = what;
    fault.inject = [kind, act](OracleRun& run) {
        run.ensure_running();
        run.wait_for_progress();
        run.database().execute("INSERT INTO test_pauses VALUES ('" + kind + "')");
        run.feed(200);
        const std::string standing =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            " AND application_name = 'subcults-indexer writer' AND datname = current_database()"
            " AND query " +
            std::string(kind == "commit" ? "= 'COMMIT'" : "LIKE '%scenes%'");
        eventually("the writer stands " + kind,
                   [&] { return run.database().execute(standing) == "1"; });
        act(run);
        run.database().execute("DELETE FROM test_pauses");
    };
    return fault;
}

void end_backend(OracleRun& run) {
    const double failed = run.indexer().metric("indexer_database_writes_failed_total");
    run.database().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        " AND application_name = 'subcults-indexer writer' AND datname = current_database()");
    eventually("the write fails", [&] {
        return run.indexer().metric("indexer_database_writes_failed_total") > failed;
    });
}

Fault stop_database(const std::string& name, const std::function<void(TestPostgres&)>& stop) {
    Fault fault;
    fault.name = name;
    fault.inject = [stop](OracleRun& run) {
        run.ensure_running();
        run.wait_for_progress();
        run.feed(300);
        stop(run.server());
        run.server().start();
        run.wait_for_progress();
    };
    return fault;
}

}  // namespace

OracleRun::OracleRun(const OracleWorld& world, TestPostgres& server, TestDatabase& database,
                     RunningSim& sim, std::uint64_t seed)
    : world_(world),
      server_(server),
      database_(database),
      sim_(sim),
      random_(static_cast<std::minstd_rand::result_type>(seed)) {}

void OracleRun::feed(std::size_t count) {
    std::string lines;
    for (; count > 0 && fed_ < world_.frames.size(); --count)
        lines += world_.frames[fed_++] + "\n";
    if (!lines.empty()) sim_.append(lines);
}

void OracleRun::start(Process::Environment extra) {
    std::filesystem::remove(directory_.path() / "report");
    extra["SUBCULTS_CRASH_REPORT"] = (directory_.path() / "report").string();
    extra["JETSTREAM_COLLECTIONS"] = oracle_collections();
    extra["INDEXER_BATCH_EVENTS"] = "50";
    extra["INDEXER_IDLE_SECONDS"] = "5";
    indexer_ = std::make_unique<RunningIndexer>(database_.url(), sim_.url(), std::move(extra),
                                                "subcults-indexer-crashing");
}

void OracleRun::ensure_running() {
    if (!running()) start();
}

void OracleRun::kill() {
    if (running()) indexer_->process().kill();
}

std::string OracleRun::crash_report() const {
    return read_file(directory_.path() / "report");
}

std::string OracleRun::last_words() const {
    if (indexer_ == nullptr) return {};
    const std::string log = indexer_->process().output();
    return log.substr(log.size() - std::min<std::size_t>(log.size(), 6000));
}

std::int64_t OracleRun::cursor() const {
    return std::stoll(database_.execute("SELECT coalesce(max(time_us), 0) FROM jetstream_cursors"));
}

void OracleRun::wait_for_progress() {
    const std::int64_t before = cursor();  // first: what is fed may be committed at once
    feed(50);
    eventually(
        "the cursor moves", [&] { return cursor() > before || before == world_.last_us; }, 60s);
}

void OracleRun::wait_until_done() {
    feed(world_.frames.size());
    ensure_running();
    eventually(
        "everything is committed", [&] { return cursor() >= world_.last_us; }, 120s);
}

void install_pauses(const TestDatabase& database) {
    database.execute("CREATE TABLE test_pauses (kind text)");
    database.execute(
        "CREATE FUNCTION test_pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF EXISTS (SELECT 1 FROM test_pauses WHERE kind = TG_ARGV[0]) THEN"
        " PERFORM pg_sleep(3); END IF; RETURN NULL; END $$");
    database.execute(
        "CREATE TRIGGER pause_in_batch BEFORE INSERT ON scenes"
        " FOR EACH STATEMENT EXECUTE FUNCTION test_pause('batch')");
    database.execute(
        "CREATE CONSTRAINT TRIGGER pause_in_commit AFTER UPDATE ON indexer_shards"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_pause('commit')");
}

std::vector<Fault> crash_faults() {
    return {
        crash_at("lease.locked", nothing, 1),
        crash_at("lease.held", nothing, 1),
        crash_at("source.connecting", cut_connection, 2),
        crash_at("source.connected", cut_connection, 2),
        crash_at("source.first_frame", cut_connection, 2),
        crash_at("writer.batch_taken"),
        crash_at("writer.before_commit"),
        crash_at("writer.committed"),
        crash_at("writer.bisecting"),
        crash_at("writer.between_halves"),
        crash_at("writer.setting_aside", nothing, 2),
        crash_at("writer.cursor_only", nothing, 2),
        crash_at("writer.backing_off", restart_database, 1),
    };
}

std::vector<Fault> outside_faults() {
    std::vector<Fault> faults;
    faults.push_back({"kill at a random moment", [](OracleRun& run) {
                          run.ensure_running();
                          run.wait_for_progress();
                          const std::int64_t from = run.cursor();
                          run.feed(400);
                          const std::int64_t goal =
                              from + static_cast<std::int64_t>(run.draw(300)) * 1000;
                          eventually("it gets somewhere", [&] {
                              return run.cursor() >= std::min(goal, run.world().last_us);
                          });
                          run.kill();
                      }});
    faults.push_back({"the connection is cut", [](OracleRun& run) {
                          run.ensure_running();
                          run.wait_for_progress();
                          const auto before = run.sim().connections_total();
                          run.feed(200);
                          run.sim().drop_connections();
                          eventually("it reconnects",
                                     [&] { return run.sim().connections_total() > before; });
                          run.wait_for_progress();
                      }});
    faults.push_back({"the connection stays open and falls silent", [](OracleRun& run) {
                          run.ensure_running();
                          run.wait_for_progress();
                          const auto before = run.sim().connections_total();
                          run.sim().silence_connections();
                          run.feed(200);
                          eventually("it gives the connection up",
                                     [&] { return run.sim().connections_total() > before; });
                          run.sim().resume();
                          run.wait_for_progress();
                      }});
    faults.push_back(
        during_pause("batch", "kill in the middle of a batch", [](OracleRun& run) { run.kill(); }));
    faults.push_back(
        during_pause("commit", "kill during COMMIT", [](OracleRun& run) { run.kill(); }));
    faults.push_back(during_pause("batch", "the database connection ends in the middle of a batch",
                                  end_backend));
    faults.push_back(
        during_pause("commit", "the database connection ends during COMMIT", end_backend));
    faults.push_back(stop_database("the database restarts", [](TestPostgres& server) {
        server.stop(TestPostgres::Stop::fast);
    }));
    faults.push_back(stop_database("the database crashes", [](TestPostgres& server) {
        server.stop(TestPostgres::Stop::immediate);
    }));
    faults.push_back(
        stop_database("the database is killed", [](TestPostgres& server) { server.kill(); }));
    return faults;
}

}  // namespace subcults::test
