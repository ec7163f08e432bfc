// What the joins are measured on: a database with streams in it, and the API as a process of its
// own, watched through the processor time that the kernel has booked on it.
#pragma once

#include "integration/api/running_api.hpp"

#include <time.h>

#include <cstdint>
#include <string>
#include <vector>

namespace subcults::bench {

inline constexpr std::size_t spread_streams = 1000;
inline constexpr std::size_t users = 4000;

class Stage {
  public:
    // A fresh database with streams of one host, made through the API, and as many sessions for
    // those who write them without it (singly.hpp).
    Stage();

    std::uint16_t port() const noexcept { return api_.port(); }
    const std::string& database_url() const noexcept { return database_.url(); }
    // Ids; the first one is the hot one, the others are for spreading.
    const std::vector<std::string>& streams() const noexcept { return streams_; }
    const std::vector<std::string>& tokens() const noexcept { return tokens_; }

    double cpu_seconds() const;
    // Nothing of the previous measurement is written during the next one.
    void checkpoint() const;
    // Runs SQL; the first value of the first row.
    std::string execute(const std::string& sql) const { return database_.execute(sql); }
    // Sum over the API's streams, for checking that what was answered has happened.
    std::uint64_t stored_joins() const;

  private:
    void create_streams();
    void add_sessions_for_others() const;

    test::TestDatabase database_;
    test::RunningApi api_;
    clockid_t cpu_clock_{};
    std::vector<std::string> streams_;
    std::vector<std::string> tokens_;
};

}  // namespace subcults::bench
