// A real subcults-indexer and a real jetstream-sim on free ports.
#pragma once

#include "openapi/contract.hpp"
#include "support/http_client.hpp"
#include "support/postgres.hpp"
#include "support/process.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace subcults::test {

// An upgrade request as the sample Jetstream saw it.
struct SeenRequest {
    std::string query;
    std::optional<std::int64_t> cursor;
    std::string user_agent;
    std::string socket_encoding;
    unsigned status = 0;  // 101, or the HTTP status of the refusal
};

class RunningSim {
  public:
    // `options` beside --listen and --port-file.
    explicit RunningSim(std::vector<std::string> options);

    std::string url() const;  // ws://…/subscribe
    std::uint16_t port() const noexcept { return port_; }
    // Publishes lines (JSONL) now.
    void append(const std::string& lines);
    void drop_connections();
    // On the connections of now nothing is sent or answered any more; their sockets stay open.
    // Returns once that holds for at least one.
    void silence_connections();
    void stall();   // nothing is sent, pings are still answered
    void resume();  // ends both
    // The next `count` upgrade requests get this answer.
    void refuse(unsigned status, std::optional<int> retry_after = {}, int count = 1);
    // Events before this time are gone for those who come later.
    void forget(std::int64_t before_us);
    // So many zstd frames are preceded by a damaged copy.
    void damage(int count);
    // An unclean stop of a v2 host: connections drop and the last `by` numbers are given to other
    // events; with `again` to the same ones, taken in once more in another order.
    void regress(int by, bool again = false);

    // A number of GET /control/stats, by its name: "sent", "refused", "silenced", "half_open",
    // "gaps", "jumps_back", "reordered", "repeated", "regressions", "reassigned", "damaged",
    // "forgotten", "next_seq", …
    std::int64_t stat(const char* name) const;
    std::int64_t published() const;
    std::int64_t connections_total() const;
    // The last upgrade requests, oldest first.
    std::vector<SeenRequest> requests() const;
    // What the last one asked for; nullopt = live.
    std::optional<std::int64_t> last_cursor() const;
    Process& process() noexcept { return *process_; }

  private:
    void control(const std::string& target) const;
    TemporaryDirectory directory_;
    std::unique_ptr<Process> process_;
    std::uint16_t port_ = 0;
};

// Whatever its clients are answered is held against proto/openapi/subcults-indexer.yaml.
class RunningIndexer {
  public:
    // Waits until it listens; not until it is connected.
    RunningIndexer(const std::string& database_url, const std::string& jetstream_url,
                   Process::Environment extra = {}, const std::string& binary = "subcults-indexer");

    Process& process() noexcept { return *process_; }
    HttpClient client() const;
    std::string exposition() const { return client().get("/internal/indexer/metrics").body; }
    double metric(std::string_view series) const { return test::metric(exposition(), series); }

  private:
    std::unique_ptr<Process> process_;
    std::uint16_t port_ = 0;
    std::shared_ptr<const Contract> contract_;
};

// A run of subcults-indexer that ends by itself: a command, or a refusal to start.
struct Outcome {
    int status;
    std::string output;
};
Outcome run_indexer(const TestDatabase& database, std::vector<std::string> arguments,
                    Process::Environment extra = {});

// Frames of a seeded world, rising by a millisecond each; and a file of them, whose path is
// returned.
std::vector<std::string> generated_frames(std::uint64_t seed, std::size_t dids, std::size_t count);
std::string write_lines(const std::filesystem::path& file, const std::vector<std::string>& lines);

// The real sample events, or nothing where they are not at hand.
std::filesystem::path real_events_file();

}  // namespace subcults::test
