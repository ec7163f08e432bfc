// Which of several servers to try next and when, without sockets and clocks.
//
// Servers stand in order of preference. After a failure the next one in order takes its turn; one
// that served well and then broke off is tried again first, because there the least has to be asked
// for again. Each server has its own backoff with full jitter, which starts over only after
// committed progress: a server that accepts and drops at once is no better than one that is away.
// A connection that we let starve ourselves (backpressure) was our doing: it costs no growth.
//
// What a server answers decides too. Retry-After is a minimum for that server (ten minutes at
// most). A 4xx other than 408, 425 and 429 will not become right by itself: such a server is asked
// again every five minutes or so, and only the first refusal is worth an alarm. The same goes for
// the alarm about a certificate, which the operator of the server may replace at any time.
//
// While a lesser server is read, the first one is due again after a while; each time it fails then,
// the while doubles.
//
// Time is passed in, never going back; randomness is seeded. Plain value, not thread-safe.
#pragma once

#include "base/backoff.hpp"
#include "base/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace subcults::jetstream {

struct EndpointRules {
    BackoffPolicy backoff;
    std::chrono::milliseconds refused_retry = std::chrono::minutes(5);  // a fifth more or less
    std::chrono::milliseconds longest_retry_after = std::chrono::minutes(10);
    std::chrono::milliseconds prefer_after = std::chrono::minutes(5);
    std::chrono::milliseconds prefer_after_most = std::chrono::hours(1);
};

struct ConnectFailure {
    enum class Kind { unreachable, tls, answered } kind = Kind::unreachable;
    unsigned http_status = 0;  // of the answer; 0 = none
    std::optional<unsigned> retry_after_seconds = {};
};

// Whether repeating the same request can ever succeed.
bool is_permanent(unsigned http_status) noexcept;

class EndpointPolicy {
  public:
    using Time = SteadyClock::time_point;

    struct Attempt {
        std::size_t endpoint = 0;
        Time at{};  // not before
    };
    struct Verdict {
        bool permanent = false;
        bool loud = false;  // news that somebody has to act on
    };
    // Where one server stands.
    struct Standing {
        std::uint32_t failures = 0;  // since its last progress
        bool permanent = false;      // refused for good, as far as it said
        Time not_before{};
    };

    // `endpoints` > 0.
    EndpointPolicy(std::size_t endpoints, EndpointRules rules, std::uint64_t seed);

    // The next attempt, as things stand.
    Attempt next(Time now) const;

    void on_connected(std::size_t endpoint, Time now);
    // Something that came over the present (or just ended) connection has been committed.
    void on_progress() noexcept;
    Verdict on_failed(std::size_t endpoint, const ConnectFailure& failure, Time now);
    // `expected`: the connection ended because we stopped reading it for too long.
    void on_disconnected(bool expected, Time now);

    // When the preferred server is due while a lesser one is read; nullopt while it is not.
    std::optional<Time> preferred_due() const;

    const Standing& standing(std::size_t endpoint) const { return servers_[endpoint].standing; }
    std::size_t size() const noexcept { return servers_.size(); }

  private:
    struct Server {
        Standing standing;
        std::uint32_t growth = 0;  // doublings of its backoff
        bool tls_reported = false;
        unsigned refused_with = 0;
    };
    // Uniform in [0, longest].
    std::chrono::milliseconds draw(std::chrono::milliseconds longest);
    std::chrono::milliseconds window(const Server& server) const noexcept;
    void preferred_failed(Time now);

    EndpointRules rules_;
    std::mt19937_64 random_;
    std::vector<Server> servers_;
    std::size_t turn_ = 0;  // whose turn it is
    bool stay_ = true;      // wait for it rather than moving on
    Time earliest_{};       // for anyone: keeps crowds from moving on in step
    std::optional<std::size_t> connected_;
    std::size_t last_connected_ = 0;
    bool progressed_ = false;
    std::chrono::milliseconds prefer_after_;
    std::optional<Time> preferred_due_;
};

}  // namespace subcults::jetstream
