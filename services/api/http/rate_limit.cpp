#include "http/rate_limit.hpp"

#include "metrics/catalogue.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>

namespace subcults::api {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

// A class that the catalogue does not know would be counted as `other`.
static_assert(std::equal(limit_class_labels.begin(), limit_class_labels.end(),
                         std::begin(metrics::catalogue::rate_limit_classes),
                         std::end(metrics::catalogue::rate_limit_classes)));

std::int64_t rounded_up(std::int64_t nanoseconds) noexcept {
    return (nanoseconds + second_ns - 1) / second_ns;
}

std::int64_t nanoseconds(SteadyClock::duration duration) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

class Decimal {
  public:
    explicit Decimal(std::int64_t value) {
        end_ = std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr;
    }
    std::string_view text() const noexcept {
        return {digits_.data(), static_cast<std::size_t>(end_ - digits_.data())};
    }

  private:
    std::array<char, 20> digits_;
    char* end_;
};

}  // namespace

std::optional<net::Response> announce(const RateVerdict& verdict, net::Request& request,
                                      std::int64_t unix_nanoseconds) {
    if (verdict.limit == 0) return std::nullopt;
    const std::int64_t reset = rounded_up(unix_nanoseconds + nanoseconds(verdict.full_in));
    request.answer_headers.set("X-RateLimit-Limit", Decimal(verdict.limit).text());
    request.answer_headers.set("X-RateLimit-Remaining", Decimal(verdict.remaining).text());
    request.answer_headers.set("X-RateLimit-Reset", Decimal(reset).text());
    if (verdict.allowed) return std::nullopt;
    const std::int64_t wait = std::max<std::int64_t>(1, rounded_up(nanoseconds(verdict.retry_in)));
    return net::retry_response(429, "rate_limited", "Too many requests, slow down.",
                               request.request_id, static_cast<unsigned>(wait));
}

RateLimits::RateLimits(std::array<RateLimit, limit_class_count> limits, std::uint64_t seed,
                       metrics::Registry& registry)
    : limiter_(limits, seed) {
    for (std::size_t i = 0; i < limit_class_count; ++i) {
        rejected_[i] =
            &registry.get(metrics::catalogue::rate_limit_rejected_total, {limit_class_labels[i]});
    }
}

std::optional<net::Response> RateLimits::apply(LimitClass limit_class, std::string_view caller,
                                               net::Request& request) {
    if (!limiter_.enabled(limit_class)) return std::nullopt;
    const RateVerdict verdict = limiter_.take(limit_class, caller, SteadyClock::now());
    using std::chrono::system_clock;
    const auto wall = std::chrono::duration_cast<std::chrono::nanoseconds>(
        system_clock::now().time_since_epoch());
    if (!verdict.allowed) rejected_[static_cast<std::size_t>(limit_class)]->increment();
    return announce(verdict, request, wall.count());
}

net::Guard RateLimits::user_guard(LimitClass limit_class) {
    return [this, limit_class](net::Request& request) {
        return apply(limit_class, request.principal.did, request);
    };
}

}  // namespace subcults::api
