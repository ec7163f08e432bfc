// Real processes under test: started with an environment of their own, watched through their log,
// signalled, killed.
#pragma once

#include <sys/types.h>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace subcults::test {

// Waits for a condition instead of sleeping. Throws std::runtime_error naming `what` when it does
// not come true in time.
void eventually(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(30));

class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

class Process {
  public:
    using Environment = std::map<std::string, std::string>;

    // Starts `arguments[0]` with exactly this environment (and PATH). Output goes to one file.
    Process(std::vector<std::string> arguments, Environment environment);
    ~Process();  // SIGKILL if it still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void signal(int number) const;
    // SIGKILL, and waits for the end.
    void kill();
    // The exit status (128 + signal when one ended it).
    int wait(std::chrono::milliseconds limit = std::chrono::seconds(30));
    bool running();

    pid_t pid() const noexcept { return pid_; }
    std::string output() const;
    // Resident memory in bytes.
    std::size_t resident_bytes() const;
    // The port in the log line that says where the service listens.
    std::uint16_t listening_port();

  private:
    TemporaryDirectory directory_;
    pid_t pid_ = -1;
    std::optional<int> status_;
};

// Path of one of the project's programs, from the build under test.
std::string program(const std::string& name);

}  // namespace subcults::test
