// Faults that hit the API and its database under load, each of which returns only when it has
// provably happened.
#pragma once

#include "integration/api/oracle_clients.hpp"
#include "support/postgres.hpp"
#include "support/process.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

// The API under load: its process, which comes and goes, and its database.
class OracleRun {
  public:
    OracleRun(TestPostgres& server, TestDatabase& database, OracleClients& clients,
              std::uint64_t seed);

    // Waits until it listens, or has ended before that. Clients ask (again) from now on.
    void start(const Process::Environment& extra = {});
    void ensure_running();
    bool running();
    // SIGKILL, if it runs.
    void kill();
    // SIGTERM; throws unless it ends in good order.
    void terminate();
    // Waits for the end of a process that was not killed from here; its exit status.
    int wait_for_end();

    // After it was stopped.
    void start_database();
    // Processes of the API that ended by SIGKILL, and starts of the database after its first.
    std::uint64_t kills() const noexcept { return kills_; }
    std::uint64_t database_restarts() const noexcept { return database_restarts_; }

    // Waits until clients have heard of so many successes more.
    void wait_for_answers(std::uint64_t more);
    // Clients rest, and no backend of the ledger is busy any more, orphans included.
    void settle();

    // A number in [0, below).
    std::size_t draw(std::size_t below) { return random_() % below; }

    TestPostgres& server() noexcept { return server_; }
    TestDatabase& database() noexcept { return database_; }
    OracleClients& clients() noexcept { return clients_; }
    std::string crash_report() const;
    // How often the process of now has logged this event.
    std::size_t logged(std::string_view event) const;
    // The end of what it has logged.
    std::string last_words() const;

  private:
    // In the line that says where it listens; 0 while there is none.
    std::uint16_t logged_port() const;

    TestPostgres& server_;
    TestDatabase& database_;
    OracleClients& clients_;
    std::minstd_rand random_;
    TemporaryDirectory directory_;
    std::unique_ptr<Process> api_;
    std::uint64_t kills_ = 0;
    std::uint64_t database_restarts_ = 0;
};

struct Fault {
    std::string name;
    std::function<void(OracleRun&)> inject;  // throws when it does not happen in time
};

// What the API of an oracle is started with, beside where its database is.
Process::Environment oracle_environment(const std::string& database_url);

// Makes the database able to pause within a batch and within COMMIT.
void install_pauses(const TestDatabase& database);

// Every named crash point of the ledger.
std::vector<Fault> crash_faults();
// Everything else that can happen to the API and its database.
std::vector<Fault> outside_faults();
// SIGKILL, somewhere between two answers.
Fault kill_at_random();
// The database goes down without a word, somewhere between two answers, and is started again.
Fault crash_database();

}  // namespace subcults::test
