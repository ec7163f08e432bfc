// A real subcults-indexer and a real jetstream-sim on free ports.
#pragma once

#include "support/http_client.hpp"
#include "support/postgres.hpp"
#include "support/process.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace subcults::test {

class RunningSim {
  public:
    // `options` beside --listen and --port-file.
    explicit RunningSim(std::vector<std::string> options);

    std::string url() const;  // ws://…/subscribe
    std::uint16_t port() const noexcept { return port_; }
    // Publishes lines (JSONL) now.
    void append(const std::string& lines);
    void drop_connections();
    std::int64_t published() const;
    std::int64_t connections_total() const;
    Process& process() noexcept { return *process_; }

  private:
    std::int64_t stat(const char* name) const;
    TemporaryDirectory directory_;
    std::unique_ptr<Process> process_;
    std::uint16_t port_ = 0;
};

class RunningIndexer {
  public:
    // Waits until it listens; not until it is connected.
    RunningIndexer(const std::string& database_url, const std::string& jetstream_url,
                   Process::Environment extra = {});

    Process& process() noexcept { return *process_; }
    HttpClient client() const { return HttpClient(port_); }
    std::string exposition() const { return client().get("/internal/indexer/metrics").body; }
    double metric(std::string_view series) const { return test::metric(exposition(), series); }

  private:
    std::unique_ptr<Process> process_;
    std::uint16_t port_ = 0;
};

// Frames of a seeded world, rising by a millisecond each; and a file of them, whose path is
// returned.
std::vector<std::string> generated_frames(std::uint64_t seed, std::size_t dids, std::size_t count);
std::string write_lines(const std::filesystem::path& file, const std::vector<std::string>& lines);

// The real sample events, or nothing where they are not at hand.
std::filesystem::path real_events_file();

}  // namespace subcults::test
