#include "jetstream/endpoint_policy.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace subcults::jetstream {

bool is_permanent(unsigned http_status) noexcept {
    return http_status / 100 == 4 && http_status != 408 && http_status != 425 && http_status != 429;
}

EndpointPolicy::EndpointPolicy(std::size_t endpoints, EndpointRules rules, std::uint64_t seed)
    : rules_(rules), random_(seed), servers_(endpoints), prefer_after_(rules.prefer_after) {
    if (endpoints == 0) throw std::logic_error("a policy needs a server");
}

std::chrono::milliseconds EndpointPolicy::draw(std::chrono::milliseconds longest) {
    std::uniform_int_distribution<std::int64_t> any(0, std::max<std::int64_t>(longest.count(), 0));
    return std::chrono::milliseconds(any(random_));
}

std::chrono::milliseconds EndpointPolicy::window(const Server& server) const noexcept {
    const auto base = rules_.backoff.base.count();
    const auto cap = rules_.backoff.cap.count();
    // Compared by shifting the cap down, because shifting the base up could overflow.
    if (server.growth >= 32 || base > (cap >> server.growth)) return rules_.backoff.cap;
    return std::chrono::milliseconds(base << server.growth);
}

EndpointPolicy::Attempt EndpointPolicy::next(Time now) const {
    Attempt chosen;
    if (stay_) {
        chosen.endpoint = turn_;
    } else {
        // In order from the one whose turn it is: the first that may be tried now, else the one
        // that may be tried first.
        std::optional<std::size_t> best;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            const std::size_t candidate = (turn_ + i) % servers_.size();
            const Time may = std::max(servers_[candidate].standing.not_before, now);
            if (!best || may < std::max(servers_[*best].standing.not_before, now)) best = candidate;
        }
        chosen.endpoint = *best;
    }
    chosen.at = std::max(servers_[chosen.endpoint].standing.not_before, earliest_);
    return chosen;
}

void EndpointPolicy::on_connected(std::size_t endpoint, Time now) {
    connected_ = endpoint;
    last_connected_ = endpoint;
    progressed_ = false;
    turn_ = endpoint;
    stay_ = true;
    Server& server = servers_[endpoint];
    server.standing.permanent = false;
    server.standing.not_before = now;
    server.tls_reported = false;
    server.refused_with = 0;
    if (endpoint == 0) {
        preferred_due_.reset();
    } else if (!preferred_due_) {
        preferred_due_ = std::max(now + prefer_after_, servers_[0].standing.not_before);
    }
}

void EndpointPolicy::on_progress() noexcept {
    Server& server = servers_[last_connected_];
    progressed_ = true;
    server.growth = 0;
    server.standing.failures = 0;
    // After a disconnection there is no reason any more to leave this server.
    if (!connected_ && !stay_) {
        turn_ = last_connected_;
        stay_ = true;
    }
    if (last_connected_ == 0) prefer_after_ = rules_.prefer_after;
}

EndpointPolicy::Verdict EndpointPolicy::on_failed(std::size_t endpoint,
                                                  const ConnectFailure& failure, Time now) {
    Server& server = servers_[endpoint];
    Verdict verdict;
    verdict.permanent =
        failure.kind == ConnectFailure::Kind::answered && is_permanent(failure.http_status);
    if (verdict.permanent) {
        verdict.loud = server.refused_with != failure.http_status;
        server.refused_with = failure.http_status;
    }
    if (failure.kind == ConnectFailure::Kind::tls) {
        verdict.loud = !std::exchange(server.tls_reported, true);
    }
    ++server.standing.failures;
    server.standing.permanent = verdict.permanent;

    std::chrono::milliseconds delay = draw(window(server));
    ++server.growth;
    if (verdict.permanent) {
        delay =
            rules_.refused_retry - rules_.refused_retry / 5 + draw(rules_.refused_retry * 2 / 5);
    }
    if (failure.retry_after_seconds) {
        // Beyond what was asked for, so that those who were sent away do not return together.
        const std::chrono::seconds asked(*failure.retry_after_seconds);
        const auto least = std::min<std::chrono::milliseconds>(asked, rules_.longest_retry_after);
        delay = std::max(delay, least + draw(rules_.backoff.base));
    }
    server.standing.not_before = now + delay;
    if (endpoint == 0) preferred_failed(now);
    // An attempt at the preferred server beside a connection that stands changes nothing else.
    if (connected_) return verdict;
    turn_ = (endpoint + 1) % servers_.size();
    stay_ = false;
    earliest_ = now + draw(std::min(rules_.backoff.base, window(servers_[turn_])));
    return verdict;
}

void EndpointPolicy::preferred_failed(Time now) {
    if (!preferred_due_ || now < *preferred_due_) return;
    prefer_after_ = std::min(prefer_after_ * 2, rules_.prefer_after_most);
    preferred_due_ = std::max(now + prefer_after_, servers_[0].standing.not_before);
}

void EndpointPolicy::on_disconnected(bool expected, Time now) {
    if (!connected_) return;
    const std::size_t endpoint = *std::exchange(connected_, std::nullopt);
    Server& server = servers_[endpoint];
    server.standing.not_before = now + draw(window(server));
    earliest_ = now;
    if (!expected && !progressed_) {
        ++server.growth;
        ++server.standing.failures;
        turn_ = (endpoint + 1) % servers_.size();
        stay_ = false;
        earliest_ = now + draw(std::min(rules_.backoff.base, window(servers_[turn_])));
    } else {
        turn_ = endpoint;
        stay_ = true;
    }
    if (preferred_due_ && now >= *preferred_due_) {
        turn_ = 0;
        stay_ = false;
    }
}

std::optional<EndpointPolicy::Time> EndpointPolicy::preferred_due() const {
    if (!connected_ || *connected_ == 0) return std::nullopt;
    return preferred_due_;
}

}  // namespace subcults::jetstream
