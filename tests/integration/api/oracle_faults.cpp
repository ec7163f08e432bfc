#include "integration/api/oracle_faults.hpp"

#include "integration/api/running_api.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

namespace subcults::test {

using namespace std::chrono_literals;

namespace {

constexpr int killed = 128 + SIGKILL;
constexpr const char* commit_lost = "ledger lost its connection during COMMIT";

const std::string ledger_backends =
    " FROM pg_stat_activity WHERE application_name = 'subcults-api ledger'"
    " AND datname = current_database()";

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// What has to happen for the API to pass a crash point, once it runs under load.
using Provoke = std::function<void(OracleRun&)>;

void nothing(OracleRun&) {}

void end_ledger_connections(OracleRun& run) {
    run.database().execute("SELECT count(pg_terminate_backend(pid))" + ledger_backends);
}

// A transaction that has committed while its answer has not left: the backend waits for a standby
// that does not exist, and is ended there.
void lose_answer_of_commit(OracleRun& run) {
    const auto set = [&run](const std::string& standby) {
        run.database().execute("ALTER SYSTEM SET synchronous_standby_names = '" + standby + "'");
        run.database().execute("SELECT pg_reload_conf()");
    };
    const std::string waiting = ledger_backends + " AND wait_event = 'SyncRep'";
    set("nobody");
    eventually("a commit waits for its standby", [&] {
        return !run.running() || run.database().execute("SELECT count(*)" + waiting) != "0";
    });
    const std::string ended =
        run.database().execute("SELECT count(pg_terminate_backend(pid))" + waiting);
    set("");
    if (ended == "0" && run.running()) throw std::runtime_error("no commit lost its answer");
}

// Ends the process at a named point, on one of its first passages.
Fault crash_at(const std::string& point, std::size_t passes, const Provoke& provoke = nothing) {
    Fault fault;
    fault.name = "crash at " + point;
    fault.inject = [point, passes, provoke](OracleRun& run) {
        run.kill();
        const std::size_t pass = 1 + run.draw(passes);
        run.start({{"SUBCULTS_CRASH_AT", point + ":" + std::to_string(pass)}});
        for (int round = 0; run.running() && round < 20; ++round) {
            provoke(run);
            try {
                eventually(
                    "it ends", [&] { return !run.running(); }, 3s);
            } catch (const std::runtime_error&) {
                continue;  // where a provocation brings it there once, more of them do
            }
        }
        if (run.running()) throw std::runtime_error(point + " was never passed");
        if (run.wait_for_end() != killed) throw std::runtime_error("ended otherwise");
        if (run.crash_report() != point + "\n") {
            throw std::runtime_error("crashed elsewhere than at " + point);
        }
    };
    return fault;
}

// Waits until a backend of the ledger stands in the pause of this kind, then acts on it.
Fault during_pause(const std::string& kind, const std::string& name,
                   const std::function<void(OracleRun&)>& act) {
    Fault fault;
    fault.name = name;
    fault.inject = [kind, act](OracleRun& run) {
        run.ensure_running();
        run.wait_for_answers(20);
        run.database().execute("INSERT INTO test_pauses VALUES ('" + kind + "')");
        const std::string standing = "SELECT count(*)" + ledger_backends +
                                     " AND wait_event = 'PgSleep' AND query " +
                                     (kind == "batch" ? "LIKE '%audit_logs%'" : "= 'COMMIT'");
        eventually("the ledger stands in " + kind,
                   [&] { return run.database().execute(standing) != "0"; });
        act(run);
        run.database().execute("DELETE FROM test_pauses");
        run.ensure_running();
        run.wait_for_answers(20);
    };
    return fault;
}

void end_standing_backends(OracleRun& run) {
    const std::string ended =
        run.database().execute("SELECT count(pg_terminate_backend(pid))" + ledger_backends +
                               " AND wait_event = 'PgSleep'");
    if (ended == "0") throw std::runtime_error("nothing stood there any more");
}

void end_backends_in_commit(OracleRun& run) {
    const std::size_t before = run.logged(commit_lost);
    end_standing_backends(run);
    eventually("the ledger notices", [&] { return run.logged(commit_lost) > before; });
}

void crash_and_come_back(OracleRun& run) {
    const std::size_t before = run.logged(commit_lost);
    run.server().stop(TestPostgres::Stop::immediate);
    run.start_database();
    eventually("the ledger notices", [&] { return run.logged(commit_lost) > before; });
}

// Longer than any client waits: nobody can be told what became of the commit.
void stay_away(OracleRun& run) {
    const std::uint64_t before = run.clients().counts().outcome_unknown;
    run.server().stop(TestPostgres::Stop::immediate);
    eventually("somebody is told that the outcome is unknown",
               [&] { return run.clients().counts().outcome_unknown > before; });
    run.start_database();
}

Fault stop_database(const std::string& name, const std::function<void(TestPostgres&)>& stop) {
    Fault fault;
    fault.name = name;
    fault.inject = [stop](OracleRun& run) {
        run.ensure_running();
        run.wait_for_answers(20 + run.draw(200));
        stop(run.server());
        run.start_database();
        run.wait_for_answers(20);
    };
    return fault;
}

}  // namespace

Process::Environment oracle_environment(const std::string& database_url) {
    Process::Environment variables = RunningApi::environment(database_url);
    // Tokens need a LiveKit to be named, not to be there: nothing listens on the port of discard.
    variables["LIVEKIT_URL"] = "ws://127.0.0.1:9";
    variables["LIVEKIT_API_KEY"] = "oracle";
    variables["LIVEKIT_API_SECRET"] = std::string(32, 'l');
    return variables;
}

OracleRun::OracleRun(TestPostgres& server, TestDatabase& database, OracleClients& clients,
                     std::uint64_t seed)
    : server_(server),
      database_(database),
      clients_(clients),
      random_(static_cast<std::minstd_rand::result_type>(seed + 1)) {}

void OracleRun::start(const Process::Environment& extra) {
    std::filesystem::remove(directory_.path() / "report");
    Process::Environment variables = oracle_environment(database_.url());
    variables["SUBCULTS_CRASH_REPORT"] = (directory_.path() / "report").string();
    for (const auto& [name, value] : extra)
        variables[name] = value;
    api_ = std::make_unique<Process>(std::vector{program("subcults-api-crashing")}, variables);
    eventually("the API listens or has ended",
               [this] { return logged_port() != 0 || !api_->running(); });
    clients_.serve_at(logged_port());
    clients_.resume();
}

// Process::listening_port() would throw when the process has ended meanwhile, as it may well here.
std::uint16_t OracleRun::logged_port() const {
    const std::string log = api_->output();
    const std::size_t event = log.find("\"event\":\"listening\"");
    if (event == std::string::npos) return 0;
    const std::size_t end = log.find('\n', event);
    const std::string field = "\"port\":";
    const std::size_t at = log.find(field, event);
    if (end == std::string::npos || at > end) return 0;
    return static_cast<std::uint16_t>(std::stoi(log.substr(at + field.size())));
}

bool OracleRun::running() {
    if (api_ == nullptr) return false;
    if (api_->running()) return true;
    clients_.serve_at(0);
    return false;
}

void OracleRun::ensure_running() {
    if (!running()) start();
    if (!running()) throw std::runtime_error("the API does not stay up:\n" + last_words());
    clients_.resume();
}

void OracleRun::kill() {
    if (running()) {
        api_->kill();
        ++kills_;
    }
    clients_.serve_at(0);
}

void OracleRun::terminate() {
    api_->signal(SIGTERM);
    if (wait_for_end() != 0) throw std::runtime_error("it did not end in good order");
}

int OracleRun::wait_for_end() {
    const int status = api_->wait();
    if (status == killed) ++kills_;
    clients_.serve_at(0);
    return status;
}

void OracleRun::start_database() {
    server_.start();
    ++database_restarts_;
}

void OracleRun::wait_for_answers(std::uint64_t more) {
    const std::uint64_t goal = clients_.counts().acknowledged + more;
    eventually(
        "clients are served",
        [&] {
            if (!running()) throw std::runtime_error("the API has ended:\n" + last_words());
            return clients_.counts().acknowledged >= goal;
        },
        60s);
}

void OracleRun::settle() {
    running();  // tells the clients when it does not
    clients_.pause();
    const std::string busy = "SELECT count(*)" + ledger_backends + " AND state <> 'idle'";
    eventually(
        "the ledger's backends are idle", [&] { return database_.execute(busy) == "0"; }, 60s);
}

std::string OracleRun::crash_report() const {
    return read_file(directory_.path() / "report");
}

std::size_t OracleRun::logged(std::string_view event) const {
    const std::string log = api_->output();
    std::size_t times = 0;
    for (std::size_t at = log.find(event); at != std::string::npos; at = log.find(event, at + 1))
        ++times;
    return times;
}

std::string OracleRun::last_words() const {
    if (api_ == nullptr) return {};
    const std::string log = api_->output();
    return log.substr(log.size() - std::min<std::size_t>(log.size(), 6000));
}

// Once per transaction: a batch writes several sessions, and each row would pause anew.
void install_pauses(const TestDatabase& database) {
    database.execute("CREATE TABLE test_pauses (kind text)");
    database.execute(
        "CREATE FUNCTION test_pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF coalesce(current_setting('oracle.paused', true), '') <> 'yes'"
        " AND EXISTS (SELECT 1 FROM test_pauses WHERE kind = TG_ARGV[0]) THEN"
        " PERFORM set_config('oracle.paused', 'yes', true); PERFORM pg_sleep(3);"
        " END IF; RETURN NULL; END $$");
    database.execute(
        "CREATE TRIGGER pause_in_batch BEFORE INSERT ON audit_logs"
        " FOR EACH STATEMENT EXECUTE FUNCTION test_pause('batch')");
    database.execute(
        "CREATE CONSTRAINT TRIGGER pause_in_commit AFTER UPDATE ON stream_sessions"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_pause('commit')");
    database.execute(
        "CREATE CONSTRAINT TRIGGER pause_in_beginning AFTER INSERT ON stream_sessions"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_pause('beginning')");
}

std::vector<Fault> crash_faults() {
    return {
        crash_at("ledger.connected", 2),
        crash_at("ledger.connected", 6, end_ledger_connections),
        crash_at("ledger.batch_begun", 200),
        crash_at("ledger.rows_read", 200),
        crash_at("ledger.decided", 200),
        crash_at("ledger.sent", 200),
        crash_at("ledger.committed", 200),
        crash_at("ledger.commit_lost", 2, lose_answer_of_commit),
        crash_at("ledger.resolving", 2, lose_answer_of_commit),
        crash_at("ledger.resolved", 2, lose_answer_of_commit),
    };
}

Fault kill_at_random() {
    Fault fault;
    fault.name = "kill at a random moment";
    fault.inject = [](OracleRun& run) {
        run.ensure_running();
        run.wait_for_answers(1 + run.draw(300));
        run.kill();
    };
    return fault;
}

Fault crash_database() {
    return stop_database("the database crashes",
                         [](TestPostgres& server) { server.stop(TestPostgres::Stop::immediate); });
}

std::vector<Fault> outside_faults() {
    const auto kill_api = [](OracleRun& run) { run.kill(); };
    std::vector<Fault> faults;
    faults.push_back(kill_at_random());
    faults.push_back({"asked to stop", [](OracleRun& run) {
                          run.kill();
                          run.start({{"SHUTDOWN_GRACE_SECONDS", "5"}});
                          run.ensure_running();
                          run.wait_for_answers(50);
                          run.terminate();
                      }});
    faults.push_back(during_pause("batch", "kill in the middle of a batch", kill_api));
    faults.push_back(during_pause("commit", "kill during COMMIT", kill_api));
    faults.push_back(during_pause("batch", "the database connection ends in the middle of a batch",
                                  end_standing_backends));
    faults.push_back(during_pause("commit", "the database connection ends during COMMIT",
                                  end_backends_in_commit));
    faults.push_back({"the connection ends after COMMIT, before its answer", [](OracleRun& run) {
                          run.ensure_running();
                          run.wait_for_answers(20);
                          const std::size_t before = run.logged(commit_lost);
                          lose_answer_of_commit(run);
                          eventually("the ledger notices",
                                     [&] { return run.logged(commit_lost) > before; });
                          run.wait_for_answers(20);
                      }});
    faults.push_back(during_pause("commit", "the database crashes during COMMIT and is back soon",
                                  crash_and_come_back));
    faults.push_back(during_pause(
        "commit", "the database crashes during COMMIT and stays away for long", stay_away));
    // The same to streams that are just being started: they have no row to wait for yet.
    faults.push_back(during_pause("beginning", "kill during COMMIT of a new stream", kill_api));
    faults.push_back(during_pause("beginning",
                                  "the database connection ends during COMMIT of a new stream",
                                  end_backends_in_commit));
    faults.push_back(during_pause("beginning", "the database crashes during COMMIT of a new stream",
                                  crash_and_come_back));
    faults.push_back(during_pause(
        "beginning", "the database crashes during COMMIT of a new stream and stays away",
        stay_away));
    faults.push_back(stop_database("the database restarts", [](TestPostgres& server) {
        server.stop(TestPostgres::Stop::fast);
    }));
    faults.push_back(crash_database());
    faults.push_back(
        stop_database("the database is killed", [](TestPostgres& server) { server.kill(); }));
    faults.push_back({"API and database die together", [](OracleRun& run) {
                          run.ensure_running();
                          run.wait_for_answers(20 + run.draw(200));
                          run.kill();
                          run.server().stop(TestPostgres::Stop::immediate);
                          run.start_database();
                          run.ensure_running();
                          run.wait_for_answers(20);
                      }});
    return faults;
}

}  // namespace subcults::test
