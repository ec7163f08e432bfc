// Clients that never stop asking: joins, leaves and tokens for a handful of streams, with and
// without Idempotency-Key, each request under a name of its own. Hosts besides, each of whom starts
// one stream after the other, locks it and ends it. What they were told is kept, for a judge to
// compare with what the database holds.
//
// The clients live on a thread of their own. All functions may be called from the test's thread;
// none but pause(), the constructor and the destructor blocks.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace subcults::test {

enum class OracleAction { join, leave, token, create, lock, end };
// As the audit log names it.
const char* audited_as(OracleAction action) noexcept;

// One request, and what came of it.
struct OracleAttempt {
    std::string request_id;
    unsigned status = 0;  // 0 = sent (or begun to be), and never answered
    std::string code;     // of an error
    std::int64_t count = 0;
    std::string participant_id;  // of a token
    std::string session;         // of a create
    bool succeeded() const noexcept { return status == 200 || status == 201; }
};

// What a client wanted done once. Without a key there is one attempt. With one, attempts are made
// until there is an answer; some ask again after it. Locking and ending need no key for that.
struct OracleOperation {
    static constexpr std::size_t no_stream = static_cast<std::size_t>(-1);
    std::size_t stream = 0;  // no_stream: of a host
    std::string session;     // to lock, to end
    std::string scene;       // to start a stream for
    OracleAction action = OracleAction::join;
    std::string key;  // empty = none
    std::string did;
    std::vector<OracleAttempt> attempts;

    bool of_host() const noexcept { return stream == no_stream; }
    bool repeatable() const noexcept {
        return !key.empty() || action == OracleAction::lock || action == OracleAction::end;
    }
};

struct OracleCounts {
    std::atomic<std::uint64_t> acknowledged{0};     // 200 or 201
    std::atomic<std::uint64_t> created{0};          // 201
    std::atomic<std::uint64_t> replayed{0};         // success of an attempt after the first
    std::atomic<std::uint64_t> refused_locked{0};   // 403
    std::atomic<std::uint64_t> unavailable{0};      // 503, certainly not done
    std::atomic<std::uint64_t> outcome_unknown{0};  // 503
    std::atomic<std::uint64_t> unanswered{0};       // the connection ended
    std::atomic<std::uint64_t> timed_out{0};        // the connection lived on, without an answer
};

class OracleClients {
  public:
    // `streams`: ids. `scenes`: of `host`, each good for one stream; when none is left, hosts rest.
    // Requests and keys are named after `seed`, so that no two loads share any. They begin paused.
    OracleClients(std::vector<std::string> streams, std::vector<std::string> scenes,
                  std::string host, std::size_t clients, std::size_t hosts, std::uint64_t seed);
    ~OracleClients();
    OracleClients(const OracleClients&) = delete;
    OracleClients& operator=(const OracleClients&) = delete;

    // Where the API is now; 0 = nowhere.
    void serve_at(std::uint16_t port) noexcept { port_ = port; }
    void resume() noexcept { paused_ = false; }
    // Returns when no request is in flight; throws when that takes minutes.
    void pause();
    // Ends them; operations under way count as done. Their requests in flight are waited for.
    void stop();

    // Operations that have come to an end since the last call.
    std::vector<OracleOperation> take_finished();
    const OracleCounts& counts() const noexcept { return counts_; }

  private:
    struct Link;

    void keep_alive(boost::asio::awaitable<void> life);
    boost::asio::awaitable<void> live(std::size_t index);
    boost::asio::awaitable<void> host_streams(std::size_t index);
    // Carried out and handed to whoever takes it; the session that an answer named.
    boost::asio::awaitable<std::string> perform(Link& link, OracleOperation operation,
                                                std::minstd_rand& random);
    boost::asio::awaitable<void> carry_out(Link& link, OracleOperation& operation,
                                           std::minstd_rand& random);
    boost::asio::awaitable<bool> permission();
    boost::asio::awaitable<bool> ensure_connected(Link& link);
    boost::asio::awaitable<void> ask(Link& link, const OracleOperation& operation,
                                     OracleAttempt& attempt);
    OracleOperation next_operation(std::size_t index, std::minstd_rand& random);
    void note(const OracleOperation& operation, const OracleAttempt& attempt);

    std::vector<std::string> streams_;
    std::vector<std::string> scenes_;
    std::string host_;
    std::uint64_t seed_;
    boost::asio::io_context io_{1};
    std::atomic<std::uint16_t> port_{0};
    std::atomic<bool> paused_{true};
    std::atomic<bool> stopping_{false};
    std::atomic<int> in_flight_{0};
    std::atomic<int> living_{0};
    std::uint64_t numbered_ = 0;  // requests and keys, on the clients' thread
    OracleCounts counts_;
    std::mutex finished_mutex_;
    std::vector<OracleOperation> finished_;
    std::thread thread_;
};

}  // namespace subcults::test
