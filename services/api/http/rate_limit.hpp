// Applies rate limits to requests: the headers that announce them, and the refusal.
//
// Every answer on a limited route, good or bad, carries X-RateLimit-Limit (requests at once),
// X-RateLimit-Remaining, and X-RateLimit-Reset (Unix seconds: when all of them are there again,
// rounded up). Where several limits hold for a route, the headers speak of the most specific one
// that was asked. A refusal is a 429 `rate_limited` with Retry-After in seconds, rounded up.
// Requests count when they arrive, whatever becomes of them: repeats under an Idempotency-Key too.
#pragma once

#include "http/rate_limiter.hpp"
#include "metrics/registry.hpp"
#include "net/router.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace subcults::api {

// Writes the headers of a verdict at the given wall-clock time; the refusal, if it is one.
std::optional<net::Response> announce(const RateVerdict& verdict, net::Request& request,
                                      std::int64_t unix_nanoseconds);

// The limiter with its counters and clocks. Thread-safe.
class RateLimits {
  public:
    RateLimits(std::array<RateLimit, limit_class_count> limits, std::uint64_t seed,
               metrics::Registry& registry);

    bool enabled(LimitClass limit_class) const noexcept { return limiter_.enabled(limit_class); }
    std::optional<net::Response> apply(LimitClass limit_class, std::string_view caller,
                                       net::Request& request);
    // Limits by the authenticated user: to stand behind the guard that finds out who that is. The
    // limits must outlive the guard.
    net::Guard user_guard(LimitClass limit_class);

  private:
    RateLimiter limiter_;
    std::array<metrics::Counter*, limit_class_count> rejected_{};
};

}  // namespace subcults::api
